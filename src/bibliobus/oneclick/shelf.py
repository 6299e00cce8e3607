"""The mirror: what patrons have on loan and wait for at the vendor, as it last said.

A patron has one row for a title, loan or hold, so a hold that silently becomes a loan is one
change of that row, and never both. Functions work inside the caller's transaction.

Source: spec/reliability I25 to I27, C2; spec/oneclick-api 3.3 (a loan counts more than a hold).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from bibliobus.catalogue.records import Medium
from bibliobus.database import Transaction, from_database, to_database
from bibliobus.oneclick import bookmarks

DAY = timedelta(days=1)


class Kind(Enum):
    """What a patron has to do with a title."""

    LOAN = "loan"
    HOLD = "hold"


class Entry(NamedTuple):
    """A loan or a hold."""

    key: int
    isbn: str
    kind: Kind
    title: str
    medium: Medium
    transaction_id: int | None
    since_at: datetime
    due_at: datetime | None
    renewals: int

    def is_over(self, now: datetime) -> bool:
        """Whether a loan has ended by itself."""
        return self.due_at is not None and self.due_at < now


class Seen(NamedTuple):
    """A loan or a hold as the vendor has it now."""

    isbn: str
    kind: Kind
    title: str
    transaction_id: int | None
    due_at: datetime | None = None


_ENTRY = """
SELECT shelf.key, shelf.isbn, kind, COALESCE(titles.title, shelf.title),
    COALESCE(medium, 'ebook'), transaction_id, since_at, due_at, renewals
FROM digital_shelf AS shelf
LEFT JOIN titles ON titles.institution = shelf.institution
    AND titles.collection = shelf.collection AND titles.isbn = shelf.isbn
WHERE shelf.institution = :institution AND ended_at IS NULL
    AND shelf.collection = :collection AND patron = :patron"""


def of_patron(tx: Transaction, collection: str, patron: str, now: datetime) -> list[Entry]:
    """All that a patron has and waits for, the oldest first. A loan whose time is over is none."""
    rows = tx.rows(
        f"{_ENTRY} AND (due_at IS NULL OR due_at >= :now) ORDER BY since_at, shelf.key",
        collection=collection, patron=patron, now=to_database(now),
    )  # fmt: skip
    return [_entry(*row) for row in rows]


def entry_of(tx: Transaction, collection: str, patron: str, isbn: str) -> Entry | None:
    """What a patron has to do with one title."""
    row = tx.row(
        f"{_ENTRY} AND shelf.isbn = :isbn", collection=collection, patron=patron, isbn=isbn
    )
    return None if row is None else _entry(*row)


def borrowers(tx: Transaction, collection: str, isbn: str, now: datetime) -> list[tuple[str, str]]:
    """Who has a title on loan: each by the ILS's own name, and by card."""
    rows = tx.rows(
        "SELECT shelf.patron, card FROM digital_shelf AS shelf JOIN remote_patrons AS remote"
        " ON remote.institution = shelf.institution AND remote.collection = shelf.collection"
        " AND remote.patron = shelf.patron WHERE shelf.institution = :institution"
        " AND ended_at IS NULL AND shelf.collection = :collection AND isbn = :isbn"
        " AND kind = 'loan' AND (due_at IS NULL OR due_at >= :now) ORDER BY shelf.key",
        collection=collection, isbn=isbn, now=to_database(now),
    )  # fmt: skip
    return [(patron, card) for patron, card in rows]


def loans_in_all(tx: Transaction, patron: str, now: datetime) -> int:
    """How many loans a patron has of all collections, with those that are on their way."""
    row = tx.row(
        "SELECT (SELECT count(*) FROM digital_shelf WHERE institution = :institution"
        " AND patron = :patron AND ended_at IS NULL AND kind = 'loan'"
        " AND (due_at IS NULL OR due_at >= :now))"
        " + (SELECT count(*) FROM intents WHERE institution = :institution AND patron = :patron"
        " AND settled_at IS NULL AND kind = 'checkout')",
        patron=patron, now=to_database(now),
    )  # fmt: skip
    return int(row[0]) if row else 0


def counts(tx: Transaction, collection: str, now: datetime) -> dict[str, int]:
    """How many patrons have an account at the vendor, what they have, and what is under way."""
    row = tx.row(
        "SELECT (SELECT count(*) FROM remote_patrons WHERE institution = :institution"
        " AND collection = :collection AND remote_id IS NOT NULL),"
        " (SELECT count(*) FROM digital_shelf WHERE institution = :institution"
        " AND collection = :collection AND kind = 'loan' AND ended_at IS NULL"
        " AND (due_at IS NULL OR due_at >= :now)),"
        " (SELECT count(*) FROM digital_shelf WHERE institution = :institution"
        " AND collection = :collection AND kind = 'hold' AND ended_at IS NULL),"
        " (SELECT count(*) FROM intents WHERE institution = :institution"
        " AND collection = :collection AND settled_at IS NULL)",
        collection=collection, now=to_database(now),
    )  # fmt: skip
    return dict(zip(("patrons", "loans", "holds", "under_way"), row or (), strict=True))


def keep(
    tx: Transaction,
    collection: str,
    patron: str,
    seen: Seen,
    now: datetime,
    *,
    renewed: bool = False,
) -> Entry:
    """Note that the vendor has this; what stands then."""
    before = entry_of(tx, collection, patron, seen.isbn)
    if before is None:
        tx.run(
            "INSERT INTO digital_shelf (institution, collection, patron, isbn, kind, title,"
            " transaction_id, since_at, due_at, changed_at) VALUES (:institution, :collection,"
            " :patron, :isbn, :kind, :title, :transaction_id, :now, :due_at, :now)",
            collection=collection, patron=patron, isbn=seen.isbn, kind=seen.kind.value,
            title=seen.title, transaction_id=seen.transaction_id, now=to_database(now),
            due_at=to_database(seen.due_at),
        )  # fmt: skip
    else:
        became = before.kind is not seen.kind  # or, elsewhere, a hold again after a return
        if became:
            bookmarks.drop(tx, before.key)
        tx.run(
            "UPDATE digital_shelf SET kind = :kind, due_at = :due_at, missed_at = NULL,"
            " transaction_id = COALESCE(:transaction_id, transaction_id),"
            " since_at = :since_at, renewals = :renewals, changed_at = :now"
            " WHERE institution = :institution AND key = :key",
            key=before.key, kind=seen.kind.value, transaction_id=seen.transaction_id,
            due_at=to_database(seen.due_at or (None if became else before.due_at)),
            since_at=to_database(now if became else before.since_at),
            renewals=0 if became else before.renewals + renewed, now=to_database(now),
        )  # fmt: skip
    found = entry_of(tx, collection, patron, seen.isbn)
    assert found is not None  # noqa: S101 - it was written a line before
    return found


def end(tx: Transaction, key: int, now: datetime) -> None:
    """Note that a loan or a hold is over; its bookmark is forgotten."""
    bookmarks.drop(tx, key)
    tx.run(
        "UPDATE digital_shelf SET ended_at = :now, changed_at = :now"
        " WHERE institution = :institution AND key = :key",
        key=key, now=to_database(now),
    )  # fmt: skip


def compare(
    tx: Transaction,
    collection: str,
    patron: str,
    seen: Mapping[str, Seen],
    *,
    read_at: datetime,
    now: datetime,
) -> bool:
    """Make the mirror of a patron what the vendor has; whether it lacks something for the first
    time. That ends only when it is missed again, in an answer that was asked for later.

    Titles with an open intent are left to it, and so is what has changed since the lists were asked
    for: they are older than that.

    Args:
        tx: The transaction.
        collection: Whose mirror.
        patron: Whose shelf.
        seen: All that the vendor has, by ISBN, of complete lists.
        read_at: When they were asked for.
        now: What time it is.
    """
    known = {"collection": collection, "patron": patron, "read_at": to_database(read_at)}
    rows = tx.rows(
        "SELECT isbn, key, kind, transaction_id, due_at, missed_at, changed_at > :read_at"
        " FROM digital_shelf WHERE institution = :institution"
        " AND ended_at IS NULL AND collection = :collection AND patron = :patron",
        **known,
    )
    under_way = {
        isbn
        for (isbn,) in tx.rows(
            "SELECT isbn FROM intents WHERE institution = :institution"
            " AND collection = :collection AND patron = :patron"
            " AND (settled_at IS NULL OR settled_at > :read_at)",
            **known,
        )
    }
    missed = False
    here = set[str]()
    for isbn, key, kind, transaction_id, due_at, missed_at, newer in rows:
        here.add(isbn)
        if newer or isbn in under_way:
            continue
        it = seen.get(isbn)
        if it is not None:
            stands = (kind, transaction_id, due_at, missed_at)
            told = it.transaction_id or transaction_id, to_database(it.due_at) or due_at
            if stands != (it.kind.value, *told, None):
                keep(tx, collection, patron, it, now)
        elif missed_at is not None and missed_at <= to_database(read_at):
            end(tx, key, now)
        elif missed_at is None:
            missed = True
            tx.run(
                "UPDATE digital_shelf SET missed_at = :now"
                " WHERE institution = :institution AND key = :key",
                key=key, now=to_database(now),
            )  # fmt: skip
    for isbn, it in seen.items():
        if isbn not in here and isbn not in under_way:
            keep(tx, collection, patron, it, now)
    return missed


def end_what_is_over(tx: Transaction, collection: str, before: datetime, at_once: int) -> bool:
    """Note of loans that have ended by themselves before that they have, also if nobody compares
    them any more; whether there may be more."""
    rows = tx.rows(
        "SELECT key, due_at FROM digital_shelf WHERE institution = :institution"
        " AND collection = :collection AND ended_at IS NULL AND due_at < :before"
        " ORDER BY key LIMIT :at_once",
        collection=collection, before=to_database(before), at_once=at_once,
    )  # fmt: skip
    for key, due_at in rows:
        end(tx, key, from_database(due_at))
    return len(rows) == at_once


def forget(tx: Transaction, collection: str, before: datetime, at_once: int) -> bool:
    """Cut what ended before from its patrons; whether there may be more.

    What remains says which title was lent on which day, for statistics."""
    return at_once == tx.run(
        "UPDATE digital_shelf SET patron = NULL, transaction_id = NULL, missed_at = NULL,"
        " since_at = since_at - since_at % :day, due_at = due_at - due_at % :day,"
        " changed_at = changed_at - changed_at % :day, ended_at = ended_at - ended_at % :day"
        " WHERE institution = :institution AND key IN (SELECT key FROM digital_shelf"
        " WHERE institution = :institution AND collection = :collection AND patron IS NOT NULL"
        " AND ended_at < :before ORDER BY key LIMIT :at_once)",
        collection=collection, day=DAY // timedelta(microseconds=1), before=to_database(before),
        at_once=at_once,
    )  # fmt: skip


def _entry(
    key: int,
    isbn: str,
    kind: str,
    title: str,
    medium: str,
    transaction_id: int | None,
    since_at: int,
    due_at: int | None,
    renewals: int,
) -> Entry:
    return Entry(
        key, isbn, Kind(kind), title, Medium(medium), transaction_id, from_database(since_at),
        None if due_at is None else from_database(due_at), renewals,
    )  # fmt: skip
