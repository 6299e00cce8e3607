"""Taking back, as a rule over a transaction; and where an item goes then."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from bibliobus.embedded import fees, holds, items, patrons
from bibliobus.embedded.call import Before, Call, record
from bibliobus.embedded.circulation import FOUND, charge_overdue, end
from bibliobus.embedded.items import StoredItem
from bibliobus.embedded.patrons import StoredPatron
from bibliobus.embedded.replay import repeated
from bibliobus.ils import (
    AlertType,
    CheckinResult,
    CirculationStatus,
    Fee,
    HoldNotice,
    Item,
    NotOnLoan,
    NotTakenHere,
)
from bibliobus.ils.library import Condition
from bibliobus.ils.records import without_contact

_NOT_OURS = frozenset({Condition.WITHDRAWN, Condition.ON_ORDER, Condition.IN_PROCESS})


class _Ended(NamedTuple):
    """What came of the end of a loan; all is empty if there was none."""

    patron: StoredPatron | None = None  # as they are now
    fee: Fee | None = None
    reversed: tuple[int, ...] = ()  # fees


def checkin(
    call: Call,
    item_id: str,
    *,
    returned_at: datetime | None,
    current_location: str | None,
    item_properties: str | None,
    no_block: bool,
    capture_holds: bool,
) -> CheckinResult:
    """Take one item back, inside the caller's transaction.

    What a terminal took back while it was off line is never refused, even if the item is in: it
    was there, and where it is now is known from this.

    Raises:
        Refused: Nothing stays written, since the caller's transaction rolls back.
    """
    item = items.lock_with_borrower(call, item_id)
    location = current_location or call.origin.location
    branch_of = call.policies.branch_of
    branch = branch_of(current_location) or branch_of(call.origin.location)
    if no_block:
        claimed = returned_at or call.origin.transaction_at
        returned_at = call.policies.off_line_at(claimed, call.now)
        if item.loan is not None and returned_at < item.loan.lent_at:  # it has gone out again
            record(call, "checkin-no-block", item=item.key, at=returned_at)
            item = items.note(call, item, location=location, properties=item_properties)
            return _result(call, item, None, branch)
    else:
        if item.loan is None:
            first = repeated(call, CheckinResult, item.key, None, "checkin")
            if first is not None and _is_still_so(call, item, first, location):
                return first
        _check_taken_here(call, item, branch)

    ended = _end_loan(call, item, returned_at or call.now)
    if item.condition in FOUND:
        items.set_condition(call, item, None)
    alert = _put_where_it_belongs(call, item, branch, capture_holds=capture_holds)
    plainly_back = alert is None and not item.active_holds and item.condition is None
    back = items.note(call, item, location=location, properties=item_properties)
    back = _as_back(back) if plainly_back else items.read_again(call, back)
    moved = item.record.current_location != back.record.current_location
    record(
        call, "checkin-no-block" if no_block else "checkin", item=item.key,
        at=returned_at if no_block else None,
        patron=None if item.loan is None else item.loan.patron,
        loan=None if item.loan is None else item.loan.key,
        hold=None if back.held is None else back.held.key,
        before=Before(
            condition=None if item.condition is None else item.condition.value,
            location=item.record.current_location if moved else None,
            raised=fees.keys(ended.fee), reversed=ended.reversed,
        ),
    )  # fmt: skip
    return _result(call, back, alert, branch, ended)


def _end_loan(call: Call, item: StoredItem, returned_at: datetime) -> _Ended:
    """End the item's loan, if there is one, with what is owed for it or no more."""
    loan = item.loan
    if loan is None:
        return _Ended()
    ended_at = max(min(returned_at, call.now), loan.lent_at)
    end(call, loan, at=ended_at)
    found = item.condition in FOUND
    reversed_fees = fees.reverse_replacement(call, loan.key) if found else ()
    patron = patrons.by_key(call, loan.patron)
    fee = charge_overdue(call, patron, item, loan, ended_at)
    if fee is not None:
        patron = patrons.by_key(call, loan.patron)
    return _Ended(patron, fee, reversed_fees)


def _result(
    call: Call,
    item: StoredItem,
    alert: AlertType | None,
    branch: str | None,
    ended: _Ended = _Ended(),  # noqa: B008 - nobody can change it
) -> CheckinResult:
    notice, shown = _hold_notice(call, item)
    return CheckinResult(
        item=shown,
        patron=None if ended.patron is None else without_contact(ended.patron.record),
        resensitize=not shown.magnetic,
        alert_type=alert,
        hold=notice,
        sort_bin=call.policies.sort_bin(branch, shown),
        fee=ended.fee,
    )


def _as_back(item: StoredItem) -> StoredItem:
    """On its own shelf again; nothing else about it has changed."""
    status = CirculationStatus.AVAILABLE
    back = replace(item.record, circulation_status=status, due_at=None, destination=None)
    return item._replace(loan=None, record=back)


def _is_still_so(call: Call, item: StoredItem, first: CheckinResult, place: str | None) -> bool:
    """Whether an item that came back is where it was then, and waits for whom it did."""
    here = place or item.record.current_location
    return first.item.current_location == here and first.hold == _hold_notice(call, item)[0]


def _check_taken_here(call: Call, item: StoredItem, branch: str | None) -> None:
    if item.condition in _NOT_OURS:
        raise NotTakenHere(item=item.record)
    nothing_to_do = (
        item.loan is None
        and item.held is None
        and item.record.destination is None
        and item.condition not in FOUND
        and _elsewhere(call, item, branch) is None
    )
    if nothing_to_do and not (item.active_holds and any(holds.eligible(call, item.copy))):
        raise NotOnLoan(item=item.record)


def _put_where_it_belongs(
    call: Call, item: StoredItem, branch: str | None, *, capture_holds: bool
) -> AlertType | None:
    """The hold shelf, another branch, or its own shelf, as seen from where it came back."""
    hold = None
    if item.held is not None:
        hold = holds.keep_its_copy(call, item.key, branch)
    elif item.active_holds and item.condition not in _NOT_OURS:
        if not capture_holds and any(holds.eligible(call, item.copy)):
            return AlertType.OTHER
        hold = holds.capture(call, item.copy, branch)
    if hold is not None:
        return AlertType.HOLD_ELSEWHERE if hold.pickup_by is None else AlertType.HOLD_HERE
    destination = _elsewhere(call, item, branch)
    if destination != item.record.destination:
        holds.send(call.tx, item.key, destination)
    return None if destination is None else AlertType.GOES_ELSEWHERE


def _elsewhere(call: Call, item: StoredItem, branch: str | None) -> str | None:
    """The item's own branch, if it is another one than where it came back."""
    home = call.policies.branch_of(item.record.permanent_location)
    return home if branch is not None and home not in (None, branch) else None


def _hold_notice(call: Call, item: StoredItem) -> tuple[HoldNotice | None, Item]:
    """For whom an item waits, and the item with where it has to be brought."""
    if item.held is None:
        return None, item.record
    hold, patron = holds.of_copy(call.tx, item.key), patrons.by_key(call, item.held.patron)
    if hold is None or patron is None:
        return None, item.record
    notice = HoldNotice(
        patron_id=patron.record.id,
        patron_name=patron.record.name,
        pickup_location=hold.pickup_location,
        pickup_by=item.record.hold_pickup_at,
    )
    return notice, replace(item.record, destination=call.policies.branch_of(hold.pickup_location))
