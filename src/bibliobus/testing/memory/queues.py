"""Who waits for what, and in which order."""

from __future__ import annotations

from collections.abc import Iterator

from bibliobus.ils import HoldType
from bibliobus.testing.memory.state import KeptHold, KeptItem, KeptPatron, State


def fits(state: State, hold: KeptHold, item: KeptItem) -> bool:
    """Whether a hold on the item's title is for this item, too."""
    if hold.hold_type is HoldType.SPECIFIC_COPY:
        return hold.wanted is item
    if hold.hold_type is HoldType.ANY_COPY_AT_ONE_PLACE:
        branch_of = state.policies.branch_of
        return branch_of(hold.pickup_location) == branch_of(item.lasting.permanent_location)
    return True


def eligible(state: State, item: KeptItem) -> Iterator[KeptHold]:
    """The holds that could get this item, in their order."""
    now = state.now
    return (
        hold
        for hold in item.title.holds
        if hold.item is None
        and (hold.suspended_until is None or hold.suspended_until <= now)
        and (hold.expires_at is None or hold.expires_at > now)
        and fits(state, hold, item)
    )


def queue(state: State, item: KeptItem) -> list[KeptHold]:
    """As `ILS.hold_queue`."""
    return [*([item.hold] if item.hold else ()), *eligible(state, item)]


def is_anothers(state: State, item: KeptItem, patron: KeptPatron | None) -> bool:
    """Whether the item waits for someone else, or someone else is next."""
    if not item.title.holds:
        return False
    first = item.hold or next(eligible(state, item), None)
    return first is not None and first.patron is not patron


def filled_by(state: State, item: KeptItem, patron: KeptPatron) -> KeptHold | None:
    """The patron's hold that is over when they borrow this item."""
    hold = patron.hold_on(item.title) if patron.holds else None
    if hold is None or not (hold.item is item or fits(state, hold, item)):
        return None
    return hold


def position(hold: KeptHold) -> int:
    """A hold's place in its title's queue: 1 is next, 0 that it has an item."""
    if hold.item is not None:
        return 0
    return 1 + sum(each.item is None for each in hold.title.holds if each.number < hold.number)
