"""Lost, missing, damaged: what staff say of an item, and what ends it."""

from __future__ import annotations

from bibliobus.ils import FeeType
from bibliobus.ils.library import Condition
from bibliobus.testing.memory import fees, holds, shown
from bibliobus.testing.memory.state import AWAY, NOT_LENT, KeptItem, KeptLoan, State


def mark(state: State, item: KeptItem, condition: Condition | None) -> None:
    """As `MemoryILS.mark`."""
    was, item.condition = item.condition, condition
    item.latest = None
    if condition in NOT_LENT:
        holds.release(item)
    if was is Condition.LOST and condition is not Condition.LOST:
        fees.forgive(item)
    if condition is Condition.LOST and was is not Condition.LOST and item.loan is not None:
        _charge_replacement(state, item, item.loan)


def find_again(item: KeptItem) -> None:
    """What was lost, missing or claimed returned is here; what a lost one cost is reversed."""
    if item.condition in AWAY:
        item.condition = None
        fees.forgive(item)


def _charge_replacement(state: State, item: KeptItem, loan: KeptLoan) -> None:
    price = state.rule(loan.patron, item).replacement_fee
    if item.price is not None:
        price = shown.money(item.price, state.currency)
    loan.replacement = fees.charge(state, loan.patron, FeeType.REPLACEMENT, price, item.title, item)
