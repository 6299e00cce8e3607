"""Taking back what failed at a terminal: a jam, a gate that stayed magnetised (SIP2's BI).

Only an item's latest transaction can be undone, by the account that made it, within ten minutes.
Undoing is a transaction itself: nothing is deleted, the ledger gets reversals, and the event row
says what was undone.
"""

from __future__ import annotations

from bibliobus.database import from_database
from bibliobus.embedded import fees, holds, items, patrons
from bibliobus.embedded.call import A_MOMENT, Call, LastEvent, last_event, record
from bibliobus.embedded.circulation import desensitize, rule_for
from bibliobus.embedded.items import StoredItem
from bibliobus.ils import CheckinResult, CheckoutResult, NothingToUndo
from bibliobus.ils.records import without_contact


def undo_checkout(call: Call, item_id: str, patron_id: str | None) -> CheckinResult:
    """See `ILS.undo_checkout`; inside the caller's transaction."""
    item = items.lock_with_borrower(call, item_id)
    last = _undoable(call, item, patron_id, "checkout", "checkout-renew", "renew")
    renewal, before = last.kind != "checkout", last.before
    gone = item.loan is None or item.loan.key != last.loan
    if gone or (renewal and before.due_at is None):  # an older version did not note it
        raise NothingToUndo(item=item.record)
    if renewal:
        call.tx.run(
            "UPDATE loans SET due_at = :due_at, renewals = renewals - 1"
            " WHERE institution = :institution AND key = :loan",
            due_at=before.due_at, loan=last.loan,
        )  # fmt: skip
    else:
        call.tx.run(
            "UPDATE loans SET ended_at = lent_at WHERE institution = :institution AND key = :loan",
            loan=last.loan,
        )
        holds.send(call.tx, item.key, before.transit_to)
        if before.filled is not None:
            holds.reopen(call, before.filled)
        if before.filled is not None and before.copy == item.key:
            holds.give(
                call, before.filled, item.key,
                since=before.copy_since, pickup_by=from_database(before.pickup_by),
            )  # fmt: skip
    for fee in before.raised:
        fees.reverse(call, fee)
    record(
        call, "undo-renew" if renewal else "undo-checkout",
        patron=last.patron, item=item.key, loan=last.loan, hold=before.filled,
    )  # fmt: skip
    patron = None if last.patron is None else patrons.by_key(call, last.patron)
    return CheckinResult(
        item=items.read_again(call, item).record,
        patron=None if patron is None else without_contact(patron.record),
        resensitize=not renewal and not item.record.magnetic,
    )


def undo_checkin(call: Call, item_id: str, patron_id: str | None) -> CheckoutResult:
    """See `ILS.undo_checkin`; inside the caller's transaction."""
    item = items.lock_with_last_borrower(call, item_id)
    last = _undoable(call, item, patron_id, "checkin")
    row = call.tx.row(
        "SELECT due_at FROM loans WHERE institution = :institution AND key = :loan", loan=last.loan
    )
    if item.loan is not None or last.patron is None or row is None:
        raise NothingToUndo(item=item.record)
    before = last.before
    patrons.lock_key(call, last.patron)  # has been, unless the item went out and came back just now
    call.tx.run(
        "UPDATE loans SET ended_at = NULL WHERE institution = :institution AND key = :loan",
        loan=last.loan,
    )
    if item.held is not None:  # it got the copy then, or from whoever did
        holds.release(call, item.held.key)
    holds.send(call.tx, item.key, None)
    items.note(call, item, location=before.location, properties=None)
    if before.condition is not None:
        items.set_condition(call, item, before.condition)
    for fee in before.raised:
        fees.reverse(call, fee)
    for fee in before.reversed:
        fees.raised_again(call, fee)
    record(
        call, "undo-checkin",
        patron=last.patron, item=item.key, loan=last.loan,
        hold=None if item.held is None else item.held.key,
    )  # fmt: skip
    patron = patrons.by_key(call, last.patron)
    if patron is None:
        raise NothingToUndo(item=item.record)
    return CheckoutResult(
        patron=without_contact(patron.record),
        item=items.read_again(call, item).record,
        due_at=from_database(int(row[0])),
        desensitize=desensitize(rule_for(call, patron.record.ptype, item), item),
    )


def _undoable(call: Call, item: StoredItem, patron_id: str | None, *kinds: str) -> LastEvent:
    """The item's latest transaction, if it is one of these and may be undone.

    Raises:
        NothingToUndo: It is not.
    """
    last = last_event(call, item.key)
    if (
        last is None
        or last.kind not in kinds
        or last.account != call.origin.account
        or call.now - from_database(last.at) > A_MOMENT
    ):
        raise NothingToUndo(item=item.record)
    if patron_id is not None:
        patron = patrons.find(call, patron_id)
        if patron is None or patron.key != last.patron:
            raise NothingToUndo(item=item.record)
    return last
