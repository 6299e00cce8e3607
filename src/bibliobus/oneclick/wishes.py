"""Wishlists: what patrons would like to read, owned or not. Kept here: no call of the vendor's for
them is known (spec/oneclick-api 1.12)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from bibliobus.catalogue.records import Medium
from bibliobus.database import Transaction, from_database, to_database
from bibliobus.ils.records import Wish

_ROW = (
    " WHERE institution = :institution AND collection = :collection AND patron = :patron"
    " AND isbn = :isbn"
)


class Wished(NamedTuple):
    """A title that patrons wish for. It never says who."""

    isbn: str
    title: str
    medium: Medium | None  # None: it is not in the catalogue
    patrons: int
    owned: bool | None  # None: not known
    first_at: datetime
    last_at: datetime


def add(
    tx: Transaction, collection: str, patron: str, isbn: str, title: str, now: datetime
) -> datetime:
    """Put a title on a wishlist, once; when it was first wished for."""
    known = {"collection": collection, "patron": patron, "isbn": isbn}
    tx.run(
        "INSERT INTO wishes (institution, collection, patron, isbn, title, wished_at)"
        " VALUES (:institution, :collection, :patron, :isbn, :title, :now) ON CONFLICT DO NOTHING",
        title=title, now=to_database(now), **known,
    )  # fmt: skip
    row = tx.row(f"SELECT wished_at FROM wishes{_ROW}", **known)  # noqa: S608 - constant
    assert row is not None  # noqa: S101 - it was written a line before
    return from_database(row[0])


def drop(tx: Transaction, collection: str, patron: str, isbn: str) -> None:
    """Take a title off a wishlist, if it is there."""
    tx.run(f"DELETE FROM wishes{_ROW}", collection=collection, patron=patron, isbn=isbn)  # noqa: S608


def of_patron(tx: Transaction, collection: str, patron: str) -> list[Wish]:
    """A wishlist, the newest first."""
    rows = tx.rows(
        "SELECT isbn, title, wished_at FROM wishes WHERE institution = :institution"
        " AND collection = :collection AND patron = :patron ORDER BY wished_at DESC, isbn",
        collection=collection, patron=patron,
    )  # fmt: skip
    return [
        Wish(isbn=isbn, title_id=title, wished_at=from_database(wished_at))
        for isbn, title, wished_at in rows
    ]


_REPORT = """
SELECT wishes.isbn, MAX(COALESCE(titles.title, wishes.title)), MAX(medium),
    COUNT(DISTINCT patron),
    MAX(CASE WHEN withdrawn_at IS NOT NULL OR NOT owned THEN 0 WHEN owned THEN 1 END),
    MIN(wished_at), MAX(wished_at)
FROM wishes
LEFT JOIN titles ON titles.institution = wishes.institution
    AND titles.collection = wishes.collection AND titles.isbn = wishes.isbn
WHERE wishes.institution = :institution
    AND (CAST(:collection AS TEXT) IS NULL OR wishes.collection = :collection)
GROUP BY wishes.isbn
ORDER BY 4 DESC, 6, wishes.isbn"""


def report(tx: Transaction, collection: str | None = None) -> list[Wished]:
    """What an institution's patrons wish for, the most wished for first; of equals, what was wished
    for first. A title in several collections is one.

    Args:
        tx: The transaction, in the institution's name.
        collection: Only wishes of this one; None: of all.
    """
    return [
        Wished(
            isbn, title, None if medium is None else Medium(medium), patrons,
            None if owned is None else bool(owned), from_database(first), from_database(last),
        )
        for isbn, title, medium, patrons, owned, first, last in tx.rows(
            _REPORT, collection=collection
        )
    ]  # fmt: skip
