"""Which hold gets an item, and when it loses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from bibliobus.ils import AlertType, HoldNotice, Refused
from bibliobus.testing.memory import queues
from bibliobus.testing.memory.state import NOT_YET_OR_NO_MORE, KeptHold, KeptItem, State, Title

_NOTHING_TO_SETTLE = nullcontext()

# ------------------------------------------------ what time ends


def settled(state: State, *titles: Title) -> AbstractContextManager[None]:
    """Settle these titles for a transaction; a refusal takes that back."""
    for title in titles:
        if title.holds:
            return _settled(state, titles)
    return _NOTHING_TO_SETTLE


@contextmanager
def _settled(state: State, titles: Sequence[Title]) -> Iterator[None]:
    taken_back = [settle(state, title) for title in titles]
    try:
        yield
    except Refused:
        for take_back in reversed(taken_back):
            take_back()
        raise


def settle(state: State, title: Title) -> Callable[[], None]:
    """End the holds that waited too long, then those whose item stood on the hold shelf for too
    long, each once, by number; returns what takes that back."""
    now, take_back = state.now, _remembered(title)
    for hold in list(title.holds):
        if hold.item is None and hold.expires_at is not None and hold.expires_at <= now:
            end(hold)
    for hold in list(title.holds):
        kept = hold.item
        if kept and hold.ready and hold.pickup_by is not None and hold.pickup_by <= now:
            end(hold)
            pass_on(state, kept)
    return take_back


def _remembered(title: Title) -> Callable[[], None]:
    """What makes a title's holds as they are now."""
    before = [(hold, hold.item, hold.pickup_by) for hold in title.holds]
    places = [(hold.item, hold.item.destination) for hold in title.holds if hold.item]

    def take_back() -> None:
        for kept, destination in places:
            kept.hold, kept.destination = None, destination
        title.holds = [hold for hold, _, _ in before]
        for hold, item, pickup_by in before:
            hold.patron.holds[hold.number] = hold
            hold.item, hold.pickup_by = item, pickup_by
            if item is not None:
                item.hold = hold

    return take_back


# ------------------------------------------------ who gets an item


def arrive(
    state: State, item: KeptItem, branch: str | None, *, capture: bool = True
) -> AlertType | None:
    """An item came back at `branch`: where it goes now."""
    hold, policies = item.hold, state.policies
    if hold is None:
        if not capture and any(queues.eligible(state, item)):
            return AlertType.OTHER
        _offer(state, item, branch)
    elif item.destination is not None or _goes_on(state, hold, branch):
        _capture(state, hold, item, branch)
    if item.hold is not None:
        return AlertType.HOLD_ELSEWHERE if item.destination else AlertType.HOLD_HERE
    home = policies.branch_of(item.lasting.permanent_location)
    item.destination = None if branch in (None, home) else home
    return AlertType.GOES_ELSEWHERE if item.destination else None


def pass_on(state: State, item: KeptItem) -> None:
    """An item is nobody's any more: the next hold gets it, where it is."""
    _offer(state, item, state.policies.branch_of(item.location))


def _offer(state: State, item: KeptItem, branch: str | None) -> None:
    if not item.title.holds or item.condition in NOT_YET_OR_NO_MORE:
        return
    hold = next(queues.eligible(state, item), None)
    if hold is not None:
        _capture(state, hold, item, branch)


def _goes_on(state: State, hold: KeptHold, branch: str | None) -> bool:
    """Whether what is at `branch` has to go to another one for a hold."""
    pickup = state.policies.branch_of(hold.pickup_location)
    return branch is not None and pickup not in (None, branch)


def _capture(state: State, hold: KeptHold, item: KeptItem, branch: str | None) -> None:
    """Put an item that is at `branch` on the hold shelf, or on its way there."""
    hold.item, item.hold = item, hold
    goes_on = _goes_on(state, hold, branch)
    item.destination = state.policies.branch_of(hold.pickup_location) if goes_on else None
    hold.pickup_by = None if item.destination else state.policies.shelf_until(state.now)


def release(item: KeptItem) -> None:
    """Take an item from whoever it is kept for: they wait again, at their old place."""
    if item.hold is not None:
        item.hold.item = item.hold.pickup_by = None
        item.hold = item.destination = None


def end(hold: KeptHold) -> None:
    """A hold is over; its item is nobody's, and stays where it is."""
    hold.title.holds.remove(hold)
    del hold.patron.holds[hold.number]
    if hold.item is not None:
        release(hold.item)


def notice(item: KeptItem) -> HoldNotice | None:
    """Whom an item is kept for."""
    if item.hold is None:
        return None
    entry = item.hold.patron.entry
    return HoldNotice(
        patron_id=entry.id,
        patron_name=entry.name,
        pickup_location=item.hold.pickup_location,
        pickup_by=item.hold.pickup_by,
    )
