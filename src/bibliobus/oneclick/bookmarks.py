"""Where patrons stopped in what they have on loan: one place for each loan, the latest one.

The vendor keeps bookmarks, too, but no call for them is known (spec/oneclick-api 1.12), so ours
stay here, and go with the loan.
"""

from __future__ import annotations

from datetime import timedelta

from bibliobus.database import Transaction, from_database, to_database
from bibliobus.ils.records import Bookmark

MICROSECOND = timedelta(microseconds=1)


def of_loan(tx: Transaction, loan: int) -> Bookmark | None:
    """The bookmark of a loan, by the loan's key."""
    row = tx.row(
        "SELECT part, position, kept_at FROM bookmarks"
        " WHERE institution = :institution AND loan = :loan",
        loan=loan,
    )
    if row is None:
        return None
    part, position, kept_at = row
    return Bookmark(part=part, position=position * MICROSECOND, kept_at=from_database(kept_at))


def keep(tx: Transaction, loan: int, bookmark: Bookmark) -> None:
    """Keep a bookmark, unless there is a later one."""
    tx.run(
        "INSERT INTO bookmarks (institution, loan, part, position, kept_at)"
        " VALUES (:institution, :loan, :part, :position, :kept_at)"
        " ON CONFLICT (institution, loan) DO UPDATE SET part = excluded.part,"
        " position = excluded.position, kept_at = excluded.kept_at"
        " WHERE bookmarks.kept_at < excluded.kept_at",
        loan=loan, part=bookmark.part, position=bookmark.position // MICROSECOND,
        kept_at=to_database(bookmark.kept_at),
    )  # fmt: skip


def drop(tx: Transaction, loan: int) -> None:
    """Forget the bookmark of a loan."""
    tx.run("DELETE FROM bookmarks WHERE institution = :institution AND loan = :loan", loan=loan)
