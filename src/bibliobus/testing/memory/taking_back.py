"""Taking back, and where an item goes then."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from bibliobus.ils import AlertType, CheckinResult, NotOnLoan, NotTakenHere
from bibliobus.testing.memory import conditions, fees, holds, queues, shown
from bibliobus.testing.memory.state import (
    AWAY,
    NOT_YET_OR_NO_MORE,
    KeptItem,
    KeptPatron,
    State,
    Undo,
)


class Taken(NamedTuple):
    """What came of taking back."""

    patron: KeptPatron | None = None  # who had it
    undo: Undo | None = None
    alert: AlertType | None = None


def take(
    state: State, item: KeptItem, came_back: datetime | None, branch: str | None, *, capture: bool
) -> Taken:
    """Take back what is expected.

    Raises:
        NotTakenHere, NotOnLoan: As of `ILS.checkin`.
    """
    if item.condition in NOT_YET_OR_NO_MORE:
        raise shown.refusal(state, NotTakenHere, what=item)
    if not _is_expected(state, item, branch):
        raise shown.refusal(state, NotOnLoan, what=item)
    item.moved(state.now)
    return _take(state, item, came_back or state.now, branch, capture=capture)


def take_off_line(
    state: State, item: KeptItem, came_back: datetime | None, branch: str | None, *, capture: bool
) -> Taken:
    """Note what came back, unless it has gone out again since."""
    came_back = state.policies.off_line_at(came_back, state.now)
    if item.loan is not None and came_back < item.loan.lent_at:
        return Taken()
    item.moved(came_back)
    return _take(state, item, came_back, branch, capture=capture)


def is_still_so(item: KeptItem, place: str | None) -> bool:
    """Whether an item that came back is where it was then, and waits for whom it did."""
    then = item.latest.result if item.latest else None
    return (
        isinstance(then, CheckinResult)
        and item.location == (place or item.location)
        and then.hold == holds.notice(item)
    )


def result(state: State, item: KeptItem, taken: Taken, branch: str | None) -> CheckinResult:
    """What a terminal is told of it."""
    record = shown.item(state, item)
    if taken.alert is AlertType.HOLD_HERE and item.hold is not None:
        pickup = state.policies.branch_of(item.hold.pickup_location)
        record = replace(record, destination=pickup)
    booked = taken.undo.fees if taken.undo else ()
    return CheckinResult(
        item=record,
        patron=shown.patron(state, taken.patron) if taken.patron else None,
        resensitize=not item.lasting.magnetic,
        alert_type=taken.alert,
        hold=holds.notice(item),
        sort_bin=state.policies.sort_bin(branch, record),
        fee=shown.booked(state, booked[0]) if booked else None,
    )


def _is_expected(state: State, item: KeptItem, branch: str | None) -> bool:
    home = state.policies.branch_of(item.lasting.permanent_location)
    return (
        item.loan is not None
        or item.destination is not None
        or item.hold is not None
        or item.condition in AWAY
        or any(queues.eligible(state, item))
        or (home is not None and branch not in (None, home))
    )


def _take(
    state: State, item: KeptItem, came_back: datetime, branch: str | None, *, capture: bool
) -> Taken:
    loan = item.loan
    if loan is None:
        conditions.find_again(item)
        return Taken(alert=holds.arrive(state, item, branch, capture=capture))
    undo = Undo(loan, reversed=loan.replacement, condition=item.condition, location=item.location)
    conditions.find_again(item)
    loan.end()
    ended_at = max(loan.lent_at, min(came_back, state.now))
    overdue = fees.charge_overdue(state, loan, ended_at)
    undo.fees = (overdue,) if overdue else ()
    return Taken(loan.patron, undo, holds.arrive(state, item, branch, capture=capture))
