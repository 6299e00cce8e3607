"""Items: from their rows, with title, open loan and hold, to the port's record."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from bibliobus.database import from_database, storable
from bibliobus.embedded import holds, patrons
from bibliobus.embedded.call import Call, record
from bibliobus.embedded.fees import About
from bibliobus.embedded.holds import Copy
from bibliobus.ils import CirculationStatus, FeeType, Item, ItemNotFound
from bibliobus.ils.library import Condition
from bibliobus.ils.money import from_minor, to_minor

_SELECT = """
SELECT items.key, barcode, items.title, titles.title, item_type, condition, price, transit_to,
    media_type, magnetic, security_marker, owner, permanent_location, current_location,
    collection_code, call_number, properties,
    loans.key, loans.patron, loans.lent_at, loans.due_at, loans.renewals,
    held.key, held.patron, held.pickup_by,
    (SELECT count(*) FROM holds WHERE holds.institution = items.institution
        AND holds.title = items.title AND holds.ended_at IS NULL)
FROM items
JOIN titles ON titles.institution = items.institution AND titles.key = items.title
LEFT JOIN loans ON loans.institution = items.institution AND loans.item = items.key
    AND loans.ended_at IS NULL
LEFT JOIN holds AS held ON held.institution = items.institution AND held.copy = items.key
    AND held.ended_at IS NULL
WHERE items.institution = :institution AND """
_BY_BARCODE = _SELECT + "barcode = :barcode"
_BY_KEY = _SELECT + "items.key = :key"
_LOCK = (
    "SELECT 1 FROM titles"
    " JOIN items ON items.institution = titles.institution AND items.title = titles.key"
    " WHERE items.institution = :institution AND barcode = :barcode"
)

_LOCK_BORROWER = (
    "SELECT key FROM patrons WHERE institution = :institution AND key ="
    " (SELECT loans.patron FROM loans"
    " JOIN items ON items.institution = loans.institution AND items.key = loans.item"
    " WHERE loans.institution = :institution AND barcode = :barcode AND ended_at IS NULL)"
)
_LOCK_LAST_BORROWER = (
    "SELECT key FROM patrons WHERE institution = :institution AND key ="
    " (SELECT events.patron FROM events"
    " JOIN items ON items.institution = events.institution AND items.key = events.item"
    " WHERE events.institution = :institution AND barcode = :barcode"
    " AND kind <> 'status-update' ORDER BY events.key DESC LIMIT 1)"
)


class OpenLoan(NamedTuple):
    """A loan that has not ended."""

    key: int
    patron: int
    lent_at: datetime
    due_at: datetime
    renewals: int


class Held(NamedTuple):
    """The hold that an item waits for."""

    key: int
    patron: int


class StoredItem(NamedTuple):
    """An item's record, and what only the embedded ILS knows."""

    key: int
    title: int
    record: Item
    loan: OpenLoan | None
    held: Held | None
    condition: Condition | None
    price: int | None  # minor units
    active_holds: int  # on the title

    @property
    def copy(self) -> Copy:
        """As holds want it."""
        return Copy(self.key, self.title, self.record.permanent_location)

    def about(self, loan: int) -> About:
        """As a fee for a loan of it wants it."""
        return About(self.title, self.key, loan)


def find(call: Call, barcode: str) -> StoredItem | None:
    """The item with this barcode, or None."""
    row = call.tx.row(_BY_BARCODE, barcode=barcode)
    return None if row is None else _stored(call, *row)


def lock(call: Call, barcode: str) -> StoredItem:
    """The item with this barcode, which nobody else changes until the transaction ends, nor its
    title's other items and holds, which are settled.

    Raises:
        ItemNotFound: There is none.
    """
    call.tx.lock(_LOCK, barcode=barcode)
    call.locked()
    item = find(call, barcode)
    if item is None:
        raise ItemNotFound
    if item.active_holds and holds.settle(call, item.title):
        return read_again(call, item)
    return item


def lock_with_borrower(call: Call, barcode: str) -> StoredItem:
    """As `lock`, and whoever has the item is locked, too, and before it: fees may be booked on
    them. Who has it is known for certain only afterwards; if it is somebody else by then, they are
    locked last, and PostgreSQL may have to run one of two transactions again.

    Raises:
        ItemNotFound: There is none.
    """
    locked = call.tx.lock(_LOCK_BORROWER, barcode=barcode)
    item = lock(call, barcode)
    if item.loan is not None and (locked is None or locked[0] != item.loan.patron):
        patrons.lock_key(call, item.loan.patron)
    return item


def lock_with_last_borrower(call: Call, barcode: str) -> StoredItem:
    """As `lock`, and whoever the item's latest transaction was about is locked before it.

    Raises:
        ItemNotFound: There is none.
    """
    call.tx.lock(_LOCK_LAST_BORROWER, barcode=barcode)
    return lock(call, barcode)


def read_again(call: Call, item: StoredItem) -> StoredItem:
    """The item as it is by now."""
    row = call.tx.row(_BY_KEY, key=item.key)
    assert row is not None  # noqa: S101 - items are never deleted
    return _stored(call, *row)


def note(
    call: Call, item: StoredItem, *, properties: str | None, location: str | None = None
) -> StoredItem:
    """Keep what a terminal said of an item: where it is now, and its properties (None: nothing)."""
    was = item.record
    noted = replace(
        was,
        current_location=was.current_location if location is None else storable(location),
        item_properties=was.item_properties if properties is None else storable(properties),
    )
    if noted != was:
        call.tx.run(
            "UPDATE items SET current_location = :location, properties = :properties"
            " WHERE institution = :institution AND key = :key",
            location=noted.current_location, properties=noted.item_properties, key=item.key,
        )  # fmt: skip
    return item._replace(record=noted)


def set_condition(call: Call, item: StoredItem, condition: str | None) -> None:
    """Keep this condition, as `Condition` spells it."""
    call.tx.run(
        "UPDATE items SET condition = :condition WHERE institution = :institution AND key = :key",
        condition=condition, key=item.key,
    )  # fmt: skip


def status_update(call: Call, item_id: str, item_properties: str) -> Item:
    """Keep an item's properties, inside the caller's transaction.

    Raises:
        ItemNotFound: Nothing stays written.
    """
    item = note(call, lock(call, item_id), properties=item_properties)
    record(call, "status-update", item=item.key)
    return item.record


def _status(
    condition: Condition | None, loan: object, held: Held | None, transit_to: str | None
) -> CirculationStatus:
    """A function of what is kept once, in Koha's order (spec/sip2 4.10)."""
    if loan is not None and condition is None and transit_to is None:
        return CirculationStatus.CHARGED  # most often, and in a third of the time
    found = (
        (transit_to is not None, CirculationStatus.IN_TRANSIT),
        (condition is Condition.CLAIMED_RETURNED, CirculationStatus.CLAIMED_RETURNED),
        (condition is Condition.LOST, CirculationStatus.LOST),
        (condition is Condition.MISSING, CirculationStatus.MISSING),
        (loan is not None, CirculationStatus.CHARGED),
        (held is not None, CirculationStatus.WAITING_ON_HOLD_SHELF),
        (condition in (Condition.DAMAGED, Condition.WITHDRAWN), CirculationStatus.OTHER),
        (condition is Condition.ON_ORDER, CirculationStatus.ON_ORDER),
        (condition is Condition.IN_PROCESS, CirculationStatus.IN_PROCESS),
        (True, CirculationStatus.AVAILABLE),
    )
    return next(status for is_so, status in found if is_so)


def _stored(
    call: Call,
    key: int,
    barcode: str,
    title: int,
    title_id: str,
    item_type: str | None,
    condition_name: str | None,
    price: int | None,
    transit_to: str | None,
    media_type: str | None,
    magnetic: bool | None,
    security_marker: int | None,
    owner: str | None,
    permanent_location: str,
    current_location: str,
    collection_code: str | None,
    call_number: str | None,
    properties: str | None,
    loan_key: int | None,
    patron: int,
    lent_at: int,
    due_at: int,
    renewals: int,
    held_key: int | None,
    held_for: int,
    pickup_by: int | None,
    active_holds: int,
) -> StoredItem:
    """In the order of `_SELECT`. Without an open loan, or a hold, theirs are None."""
    loan = held = condition = None
    if loan_key is not None:
        loan = OpenLoan(loan_key, patron, from_database(lent_at), from_database(due_at), renewals)
    if held_key is not None:
        held = Held(held_key, held_for)
    if condition_name is not None:
        condition = Condition(condition_name)
    copy = Copy(key, title, permanent_location)
    policies = call.policies
    fee = policies.loan_rule(None, item_type, permanent_location).rental_fee
    item = Item(
        id=barcode,
        title_id=title_id,
        title_key=holds.named(title),
        item_type=item_type,
        circulation_status=_status(condition, loan, held, transit_to),
        media_type=media_type,
        magnetic=None if magnetic is None else bool(magnetic),
        security_marker=security_marker,
        permanent_location=permanent_location,
        current_location=current_location,
        owner=owner,
        collection_code=collection_code,
        call_number=call_number,
        destination=transit_to,
        item_properties=properties,
        due_at=loan.due_at if loan else None,
        hold_pickup_at=from_database(pickup_by),
        hold_queue_length=len(holds.queue(call, copy)) if active_holds else 0,
        fee=from_minor(to_minor(fee, policies.currency), policies.currency) if fee else None,
        fee_currency=policies.currency if fee else None,
        fee_type=FeeType.RENTAL if fee else None,
    )
    return StoredItem(key, title, item, loan, held, condition, price, active_holds)
