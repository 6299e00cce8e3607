"""Taking back what failed at the terminal, as if it had not been."""

from __future__ import annotations

from bibliobus.ils import CheckinResult, CheckoutResult, NothingToUndo, Origin
from bibliobus.testing.memory import fees, holds, loans, shown
from bibliobus.testing.memory.state import KeptHold, KeptItem, State, Undo


def undo_checkout(
    state: State, item: KeptItem, patron_id: str | None, origin: Origin
) -> CheckinResult:
    """The loan is over, or has its old due date again."""
    kinds = ("checkout", "renew", "renew all")
    undo = _to_undo(state, item, kinds, patron_id, origin)
    loan = undo.loan
    lent = undo.due_at is None
    if undo.due_at is None:
        loan.end()
        item.destination = undo.destination
        if undo.filled is not None:
            _wait_again(undo.filled, item, undo)
    else:
        loan.due_at = undo.due_at
        loan.renewals -= 1
    _give_back(undo)
    item.latest = None
    return CheckinResult(
        item=shown.item(state, item),
        patron=shown.patron(state, loan.patron),
        resensitize=lent and not item.lasting.magnetic,
    )


def undo_checkin(
    state: State, item: KeptItem, patron_id: str | None, origin: Origin
) -> CheckoutResult:
    """The loan is open, and due when it was."""
    undo = _to_undo(state, item, ("checkin",), patron_id, origin)
    loan = undo.loan
    holds.release(item)
    item.destination, item.condition = undo.destination, undo.condition
    item.location = undo.location
    loan.begin()
    if undo.reversed is not None:
        fees.raise_again(loan.patron, undo.reversed)
        loan.replacement = undo.reversed
    _give_back(undo)
    item.latest = None
    return loans.result(state, loan.patron, item, loans.Lent(loan.due_at))


def _to_undo(
    state: State, item: KeptItem, kinds: tuple[str, ...], patron_id: str | None, origin: Origin
) -> Undo:
    done = item.latest
    if (
        done is None
        or done.kind not in kinds
        or done.undo is None
        or done.origin.account != origin.account
        or not done.is_recent(state.now)
        or patron_id not in (None, done.undo.loan.patron.entry.id)
    ):
        raise shown.refusal(state, NothingToUndo, what=item)
    return done.undo


def _wait_again(hold: KeptHold, item: KeptItem, undo: Undo) -> None:
    hold.join()
    if undo.had_item:
        hold.item, hold.pickup_by = item, undo.pickup_by
        item.hold = hold


def _give_back(undo: Undo) -> None:
    for fee in undo.fees:
        fees.reverse(undo.loan.patron, fee)
    fees.spend_credit(undo.loan.patron)
