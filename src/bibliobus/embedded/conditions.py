"""What staff know of an item: lost, missing, damaged …; and what it costs whoever has it."""

from __future__ import annotations

from bibliobus.embedded import fees, holds, items, patrons
from bibliobus.embedded.call import Call, record
from bibliobus.embedded.circulation import rule_for
from bibliobus.embedded.items import StoredItem
from bibliobus.ils import FeeType, Item
from bibliobus.ils.library import Condition
from bibliobus.ils.money import from_minor


def mark(call: Call, item_id: str, condition: Condition | None) -> Item:
    """Give an item a condition, or (None) none, inside the caller's transaction.

    One that is lost while it is on loan is charged to the patron; as soon as it is not lost any
    more, that is taken back. A copy that cannot be fetched any more leaves its hold waiting.

    Raises:
        ItemNotFound: Nothing stays written.
    """
    item = items.lock_with_borrower(call, item_id)
    items.set_condition(call, item, None if condition is None else condition.value)
    if item.loan is not None and condition is not item.condition:
        if item.condition is Condition.LOST:
            fees.reverse_replacement(call, item.loan.key)
        if condition is Condition.LOST:
            _charge_replacement(call, item)
    if item.held is not None and condition not in (None, Condition.DAMAGED):
        holds.release(call, item.held.key)
        holds.send(call.tx, item.key, None)
    kind = "found" if condition is None else condition.value
    loan = item.loan
    record(
        call, kind, patron=loan and loan.patron, item=item.key, loan=loan and loan.key,
        hold=item.held and item.held.key,
    )  # fmt: skip
    return items.read_again(call, item).record


def _charge_replacement(call: Call, item: StoredItem) -> None:
    assert item.loan is not None  # noqa: S101 - the caller looked
    borrower = patrons.by_key(call, item.loan.patron)
    if borrower is None:
        return
    amount = rule_for(call, borrower.record.ptype, item).replacement_fee
    if item.price is not None:
        amount = from_minor(item.price, call.policies.currency)
    price = fees.price(call, amount, FeeType.REPLACEMENT, item.record)
    fees.charge(call, price, borrower.key, item.about(item.loan.key))
