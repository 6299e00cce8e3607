"""Items: from their rows, with title and open loan, to the port's record."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from bibliobus.database import Transaction, from_database
from bibliobus.ils import CirculationStatus, Item, ItemNotFound

_SELECT = """
SELECT items.key, barcode, titles.title, media_type, magnetic, security_marker, owner,
    permanent_location, current_location, collection_code, call_number, properties,
    loans.key, loans.patron, loans.lent_at, loans.due_at, loans.renewals
FROM items
JOIN titles ON titles.institution = items.institution AND titles.key = items.title
LEFT JOIN loans ON loans.institution = items.institution AND loans.item = items.key
    AND loans.ended_at IS NULL
WHERE items.institution = :institution AND barcode = :barcode
"""
_LOCK = "SELECT 1 FROM items WHERE institution = :institution AND barcode = :barcode"


class OpenLoan(NamedTuple):
    """A loan that has not ended."""

    key: int
    patron: int
    lent_at: datetime
    due_at: datetime
    renewals: int


class StoredItem(NamedTuple):
    """An item's record, and what only the embedded ILS knows."""

    key: int
    record: Item
    loan: OpenLoan | None


def find(tx: Transaction, barcode: str) -> StoredItem | None:
    """The item with this barcode, or None."""
    row = tx.row(_SELECT, barcode=barcode)
    return None if row is None else _stored(*row)


def lock(tx: Transaction, barcode: str) -> StoredItem:
    """The item with this barcode, which nobody else changes until the transaction ends.

    Raises:
        ItemNotFound: There is none.
    """
    tx.lock(_LOCK, barcode=barcode)
    item = find(tx, barcode)
    if item is None:
        raise ItemNotFound
    return item


def note(
    tx: Transaction, item: StoredItem, *, properties: str | None, location: str | None = None
) -> StoredItem:
    """Keep what a terminal said of an item: where it is now, and its properties (None: nothing)."""
    was = item.record
    record = replace(
        was,
        current_location=was.current_location if location is None else location,
        item_properties=was.item_properties if properties is None else properties,
    )
    if record != was:
        tx.run(
            "UPDATE items SET current_location = :location, properties = :properties"
            " WHERE institution = :institution AND key = :key",
            location=record.current_location, properties=record.item_properties, key=item.key,
        )  # fmt: skip
    return item._replace(record=record)


def _stored(
    key: int,
    barcode: str,
    title: str,
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
) -> StoredItem:
    """In the order of `_SELECT`. Without an open loan, its last five are None."""
    loan = None
    if loan_key is not None:
        loan = OpenLoan(loan_key, patron, from_database(lent_at), from_database(due_at), renewals)
    record = Item(
        id=barcode,
        title_id=title,
        circulation_status=CirculationStatus.CHARGED if loan else CirculationStatus.AVAILABLE,
        media_type=media_type,
        magnetic=None if magnetic is None else bool(magnetic),
        security_marker=security_marker,
        permanent_location=permanent_location,
        current_location=current_location,
        owner=owner,
        collection_code=collection_code,
        call_number=call_number,
        item_properties=properties,
        due_at=loan.due_at if loan else None,
    )
    return StoredItem(key, record, loan)
