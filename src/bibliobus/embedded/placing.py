"""Placing, changing and giving up holds, as rules over a transaction."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bibliobus.database import to_database
from bibliobus.embedded import fees, holds, items, patrons
from bibliobus.embedded.call import Call, record
from bibliobus.embedded.circulation import rule_for
from bibliobus.embedded.holds import Copy, StoredHold
from bibliobus.embedded.items import StoredItem
from bibliobus.embedded.patrons import StoredPatron
from bibliobus.ils import (
    AlreadyBorrowed,
    AlreadyOnHold,
    FeeType,
    HoldLimitReached,
    HoldNotAllowed,
    HoldNotFound,
    HoldResult,
    HoldType,
    Item,
    ItemNotFound,
    NoSuchPickupLocation,
    TitleNotFound,
)
from bibliobus.ils.library import Condition, LoanRule
from bibliobus.ils.records import without_contact


def add(
    call: Call,
    patron_id: str,
    *,
    item_id: str | None,
    title_id: str | None,
    hold_type: HoldType,
    pickup_location: str | None,
    expires_at: datetime | None,
    fee_acknowledged: bool,
) -> HoldResult:
    """Put a patron into a queue, inside the caller's transaction. See `Circulation.add_hold`."""
    patron = patrons.lock(call, patron_id)
    if item_id is None and hold_type == HoldType.SPECIFIC_COPY:
        raise ItemNotFound(patron=patron.record)
    item, title = _named(call, item_id, title_id)
    if call.settled:
        patron = patrons.by_key(call, patron.key) or patron
    rule = _rule(call, patron, item, title)
    _check_may_hold(call, rule, patron, item, title)
    place = _pickup_location(call, patron, pickup_location)
    title_text = _title_text(call, title)
    price = fees.Price(
        rule.hold_fee, FeeType.HOLD, item and item.record, title_text, call.policies.currency
    )
    fees.check_acknowledged(
        price, fee_acknowledged, patron=patron, item=None if item is None else item.record
    )

    if expires_at is None or expires_at <= call.now:
        expires_at = call.policies.hold_expires_at(call.now)
    holds.place(
        call, patron.key, title, None if item is None else item.key,
        hold_type=hold_type, pickup_location=place, expires_at=expires_at,
    )  # fmt: skip
    about = fees.About(title, None if item is None else item.key)
    fee = fees.charge(call, price, patron.key, about)
    return replace(_result(call, patron, item, title), fee=fee)


def alter(
    call: Call,
    patron_id: str,
    *,
    item_id: str | None,
    title_id: str | None,
    hold_type: HoldType | None,
    pickup_location: str | None,
    expires_at: datetime | None,
    suspended_until: datetime | None,
) -> HoldResult:
    """Change a hold, inside the caller's transaction. See `Circulation.alter_hold`."""
    patron, item, hold = _theirs(call, patron_id, item_id, title_id)
    specific = hold_type == HoldType.SPECIFIC_COPY
    if specific and item is None:
        raise ItemNotFound(patron=patron.record)
    if pickup_location is not None:
        _check_may_move(call, patron, hold, pickup_location)
    call.tx.run(
        "UPDATE holds SET hold_type = :hold_type, item = :item, pickup_location = :place,"
        " expires_at = :expires_at, suspended_until = :suspended_until, waits_since = :now"
        " WHERE institution = :institution AND key = :hold",
        hold=hold.key, now=call.at,
        hold_type=hold.hold_type if hold_type is None else int(hold_type),
        item=hold.item if hold_type is None else item.key if specific and item else None,
        place=hold.pickup_location if pickup_location is None else pickup_location,
        expires_at=to_database(expires_at)
        if expires_at is not None and expires_at > call.now
        else hold.expires_at,
        suspended_until=hold.suspended_until
        if suspended_until is None
        else to_database(suspended_until) if suspended_until > call.now else None,
    )  # fmt: skip
    record(call, "hold-altered", patron=patron.key, hold=hold.key)
    return _result(call, patron, item, hold.title)


def cancel(call: Call, patron_id: str, *, item_id: str | None, title_id: str | None) -> HoldResult:
    """End a hold, inside the caller's transaction. See `Circulation.cancel_hold`."""
    patron, item, hold = _theirs(call, patron_id, item_id, title_id)
    holds.end(call, hold, "cancelled")
    record(call, "hold-cancelled", patron=patron.key, hold=hold.key)
    if hold.copy is not None:
        holds.pass_on(call, hold.copy)
    patron = patrons.by_key(call, patron.key) or patron
    return HoldResult(
        patron=without_contact(patron.record),
        hold=replace(hold.record(0), ready=False),
        item=_shown(call, item, hold),
    )


def _named(call: Call, item_id: str | None, title_id: str | None) -> tuple[StoredItem | None, int]:
    """The item that was named, if one was, and the title; its holds locked and settled."""
    if item_id is not None:
        item = items.lock(call, item_id)
        return item, item.title
    if title_id is None:
        raise TitleNotFound
    title = holds.title_key(call.tx, title_id)
    holds.lock_title(call, title)
    return None, title


def _theirs(
    call: Call, patron_id: str, item_id: str | None, title_id: str | None
) -> tuple[StoredPatron, StoredItem | None, StoredHold]:
    """The patron, the item if one was named, and the patron's active hold on it or its title."""
    patron = patrons.lock(call, patron_id)
    item = title = None
    if item_id is not None:
        try:
            item = items.lock(call, item_id)
        except ItemNotFound:
            raise HoldNotFound(patron=patron.record) from None
        title = item.title
    elif title_id is not None:
        title = holds.title_held(call.tx, patron.key, title_id)
    if title is None:
        raise HoldNotFound(patron=patron.record)
    if item is None:
        holds.lock_title(call, title)
    hold = holds.of_patron_on_title(call.tx, patron.key, title)
    if hold is None:
        raise HoldNotFound(patron=patron.record, item=None if item is None else item.record)
    return patron, item, hold


def _rule(call: Call, patron: StoredPatron, item: StoredItem | None, title: int) -> LoanRule:
    """By the item that was named, else by the title's first; a title without any by the patron."""
    if item is not None:
        return rule_for(call, patron.record.ptype, item)
    row = call.tx.row(
        "SELECT item_type, permanent_location FROM items WHERE institution = :institution"
        " AND title = :title ORDER BY key LIMIT 1",
        title=title,
    )
    return call.policies.loan_rule(patron.record.ptype, *(row or (None, None)))


def _check_may_hold(
    call: Call, rule: LoanRule, patron: StoredPatron, item: StoredItem | None, title: int
) -> None:
    known = None if item is None else item.record
    if blocks := patron.may_nothing:
        raise patron.refusal(blocks, known)
    limit = patron.record.hold_limit
    active = patron.record.hold_count + patron.record.unavailable_hold_count
    withdrawn = item is not None and item.condition is Condition.WITHDRAWN
    checks = (
        (not patron.record.hold_ok or not rule.holds or withdrawn, HoldNotAllowed),
        (holds.of_patron_on_title(call.tx, patron.key, title) is not None, AlreadyOnHold),
        (patrons.loan_of_title(call.tx, patron.key, title) is not None, AlreadyBorrowed),
        (limit is not None and active >= limit, HoldLimitReached),
    )
    for holds_true, refusal in checks:
        if holds_true:
            raise refusal(patron=patron.record, item=known)


def _pickup_location(call: Call, patron: StoredPatron, wanted: str | None) -> str | None:
    """Where the patron will fetch it, or refused."""
    fits = call.policies.is_pickup_location
    if wanted is not None:
        if not fits(wanted):
            raise NoSuchPickupLocation(patron=patron.record)
        return wanted
    for place in (patron.record.home_library, call.origin.location):
        if place is not None and fits(place):
            return place
    if call.policies.settings.branches:
        raise NoSuchPickupLocation(patron=patron.record)
    return None


def _check_may_move(call: Call, patron: StoredPatron, hold: StoredHold, place: str) -> None:
    """A copy that waits, or is on its way, is not sent elsewhere."""
    branch_of = call.policies.branch_of
    moves = branch_of(place) != branch_of(hold.pickup_location)
    on_its_way = hold.copy is not None and hold.pickup_by is None
    if place != hold.pickup_location and (
        not call.policies.is_pickup_location(place)
        or on_its_way
        or (hold.copy is not None and moves)
    ):
        raise NoSuchPickupLocation(patron=patron.record)


def _title_text(call: Call, title: int) -> str:
    row = call.tx.row(
        "SELECT title FROM titles WHERE institution = :institution AND key = :title", title=title
    )
    return str(row[0]) if row else ""


def _result(call: Call, patron: StoredPatron, item: StoredItem | None, title: int) -> HoldResult:
    """The patron's hold on this title, as it is now."""
    hold = holds.of_patron_on_title(call.tx, patron.key, title)
    assert hold is not None  # noqa: S101 - it was just written
    position = holds.position(call.tx, hold)
    patron = patrons.by_key(call, patron.key) or patron
    return HoldResult(
        patron=without_contact(patron.record),
        hold=hold.record(position),
        item=_shown(call, item, hold),
        available=_one_is_in(call, patron, hold),
    )


def _shown(call: Call, item: StoredItem | None, hold: StoredHold) -> Item | None:
    """The item that was named, else the one that was found for the hold, as it is now."""
    item_id = item.record.id if item is not None else hold.item_id if hold.copy else None
    found = None if item_id is None else items.find(call, item_id)
    return None if found is None else found.record


def _one_is_in(call: Call, patron: StoredPatron, hold: StoredHold) -> bool:
    """Whether a copy is on its shelf that the patron could borrow for their hold."""
    rows = call.tx.rows(
        "SELECT key, permanent_location, item_type FROM items WHERE institution = :institution"
        " AND title = :title AND (condition IS NULL OR condition = 'damaged')"
        " AND transit_to IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM loans WHERE loans.institution = items.institution"
        " AND loans.item = items.key AND ended_at IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM holds WHERE holds.institution = items.institution"
        " AND holds.copy = items.key AND ended_at IS NULL)",
        title=hold.title,
    )
    return any(
        call.policies.loan_rule(patron.record.ptype, item_type, home).lent
        and holds.queue(call, Copy(key, hold.title, home))[:1] == [patron.key]
        for key, home, item_type in rows
    )
