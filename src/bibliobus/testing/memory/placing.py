"""What patrons do with their places in a queue: take, change and give them up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from bibliobus.ils import (
    AlreadyBorrowed,
    AlreadyOnHold,
    Fee,
    FeeNotAcknowledged,
    FeeType,
    HoldLimitReached,
    HoldNotAllowed,
    HoldNotFound,
    HoldResult,
    HoldType,
    ItemNotFound,
    NoSuchPickupLocation,
    PatronBlocked,
    Refused,
    TitleNotFound,
)
from bibliobus.ils.library import Condition, LoanRule
from bibliobus.testing.memory import fees, holds, loans, queues, shown
from bibliobus.testing.memory.shown import refusal
from bibliobus.testing.memory.state import KeptHold, KeptItem, KeptPatron, State, Title

# ------------------------------------------------ which title


def title_named(state: State, title_id: str | None) -> Title:
    """The one title with this text, else the one with this key.

    Raises:
        TitleNotFound: There is none, or several have the text.
    """
    named = state.named.get(title_id or "", [])
    title = named[0] if named else state.titles.get(title_id or "")
    if title is None or len(named) > 1:
        raise TitleNotFound
    return title


def titles_meant(state: State, item_id: str | None, title_id: str | None) -> list[Title]:
    """Every title that one of the patron's own holds may be on."""
    if item_id is not None:
        item = state.items.get(item_id)
        return [item.title] if item else []
    by_key = state.titles.get(title_id or "")
    return [*state.named.get(title_id or "", []), *([by_key] if by_key else [])]


def held(state: State, patron: KeptPatron, titles: Sequence[Title]) -> KeptHold:
    """The patron's oldest active hold on one of these.

    Raises:
        HoldNotFound
    """
    for hold in patron.holds_in_order():
        if hold.title in titles:
            return hold
    raise refusal(state, HoldNotFound, patron)


# ------------------------------------------------ what patrons do


def add(
    state: State,
    patron: KeptPatron,
    title: Title,
    item: KeptItem | None,
    *,
    hold_type: HoldType,
    pickup_location: str | None,
    terminal_location: str | None,
    expires_at: datetime | None,
    fee_acknowledged: bool,
) -> HoldResult:
    """As `ILS.add_hold`, once it is known on what."""
    rule = state.rule(patron, item or next(iter(title.items), None))
    if why := _why_not_placed(state, patron, title, item, rule):
        raise why
    pickup = pickup_location
    if pickup is None:
        pickup = _usual_pickup(state, patron, terminal_location)
    if not _can_be_picked_up(state, pickup):
        raise refusal(state, NoSuchPickupLocation, patron, item)
    if rule.hold_fee and not fee_acknowledged:
        price = shown.price(state, FeeType.HOLD, rule.hold_fee, title, item)
        raise refusal(state, FeeNotAcknowledged, patron, item, price)
    if expires_at is None or expires_at <= state.now:
        expires_at = state.policies.hold_expires_at(state.now)
    wanted = item if hold_type is HoldType.SPECIFIC_COPY else None
    hold = KeptHold(state.number(), patron, title, hold_type, wanted, pickup, state.now, expires_at)
    hold.join()
    fee = fees.charge(state, patron, FeeType.HOLD, rule.hold_fee, title, item)
    return _result(state, hold, item, shown.booked(state, fee))


def alter(
    state: State,
    hold: KeptHold,
    item: KeptItem | None,
    *,
    hold_type: HoldType | None,
    pickup_location: str | None,
    expires_at: datetime | None,
    suspended_until: datetime | None,
) -> HoldResult:
    """As `ILS.alter_hold`, once the hold is found."""
    if hold_type is HoldType.SPECIFIC_COPY and item is None:
        raise refusal(state, ItemNotFound, hold.patron)
    if pickup_location is not None and not _may_move(state, hold, pickup_location):
        raise refusal(state, NoSuchPickupLocation, hold.patron, item)
    if hold_type is not None:
        hold.hold_type = hold_type
        hold.wanted = item if hold_type is HoldType.SPECIFIC_COPY else None
    if pickup_location is not None:
        hold.pickup_location = pickup_location
    if expires_at is not None and expires_at > state.now:
        hold.expires_at = expires_at
    if suspended_until is not None:
        hold.suspended_until = suspended_until if suspended_until > state.now else None
    return _result(state, hold, item)


def cancel(state: State, hold: KeptHold, item: KeptItem | None) -> HoldResult:
    """As `ILS.cancel_hold`, once the hold is found."""
    last, captured = shown.hold(hold), hold.item
    holds.end(hold)
    if captured is not None:
        holds.pass_on(state, captured)
    named = item or captured
    return HoldResult(
        patron=shown.patron(state, hold.patron),
        hold=replace(last, queue_position=0, ready=False),
        item=shown.item(state, named) if named else None,
    )


def _result(
    state: State, hold: KeptHold, item: KeptItem | None, fee: Fee | None = None
) -> HoldResult:
    named = item or hold.item
    return HoldResult(
        patron=shown.patron(state, hold.patron),
        hold=shown.hold(hold),
        item=shown.item(state, named) if named else None,
        available=_is_available(state, hold),
        fee=fee,
    )


def _is_available(state: State, hold: KeptHold) -> bool:
    return any(
        item.hold is None
        and item.destination is None
        and next(queues.eligible(state, item), None) is hold
        and loans.available(state, item, hold.patron)
        for item in hold.title.items
    )


# ------------------------------------------------ what they may not


def _why_not_placed(
    state: State, patron: KeptPatron, title: Title, item: KeptItem | None, rule: LoanRule
) -> Refused | None:
    blocks = [block for block in shown.blocks(state, patron) if type(block) is not PatronBlocked]
    if blocks:
        why = refusal(state, type(blocks[0]), patron, item)
        why.also = tuple(blocks[1:])
        return why
    kind = _why_not_allowed(patron, title, item, rule)
    return refusal(state, kind, patron, item) if kind else None


def _why_not_allowed(
    patron: KeptPatron, title: Title, item: KeptItem | None, rule: LoanRule
) -> type[Refused] | None:
    withdrawn = item is not None and item.condition is Condition.WITHDRAWN
    if not patron.entry.hold_ok or not rule.holds or withdrawn:
        return HoldNotAllowed
    if patron.hold_on(title) is not None:
        return AlreadyOnHold
    if any(loan.item.title is title for loan in patron.loans.values()):
        return AlreadyBorrowed
    limit = patron.lasting.hold_limit
    if limit is not None and len(patron.holds) >= limit:
        return HoldLimitReached
    return None


def _usual_pickup(state: State, patron: KeptPatron, terminal: str | None) -> str | None:
    for place in (patron.entry.home_library, terminal):
        if place is not None and state.policies.is_pickup_location(place):
            return place
    return None


def _can_be_picked_up(state: State, place: str | None) -> bool:
    if place is None:
        return not state.settings.branches
    return state.policies.is_pickup_location(place)


def _may_move(state: State, hold: KeptHold, place: str) -> bool:
    if place == hold.pickup_location:
        return True
    if hold.item is not None and not hold.ready:
        return False
    branch_of = state.policies.branch_of
    if hold.ready and branch_of(place) != branch_of(hold.pickup_location):
        return False
    return state.policies.is_pickup_location(place)
