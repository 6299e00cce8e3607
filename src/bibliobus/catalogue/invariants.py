"""What must never be of titles and the search index, as queries: each finds the rows that break it.

Which terms a title has in the index cannot be read again on SQLite, so only whether it is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from bibliobus.database import Transaction

_MISSING = """
SELECT key FROM titles WHERE institution = :institution AND withdrawn_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM title_terms WHERE title_terms.rowid = titles.key) ORDER BY key"""
_WITHDRAWN = """
SELECT key FROM titles WHERE institution = :institution AND withdrawn_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM title_terms WHERE title_terms.rowid = titles.key) ORDER BY key"""
_STRAY = """
SELECT title_terms.rowid FROM title_terms
LEFT JOIN titles ON titles.key = title_terms.rowid WHERE titles.key IS NULL ORDER BY 1"""


def breaches(tx: Transaction) -> Iterator[str]:
    """A sentence for each breach in the transaction's institution."""
    with tx.unhurried():
        for (key,) in tx.rows(_MISSING):
            yield f"Title {key} is not in the search index."
        for (key,) in tx.rows(_WITHDRAWN):
            yield f"Title {key} was withdrawn, and is in the search index."


def strays(tx: Transaction) -> Iterator[str]:
    """A sentence for each entry of the search index that is no title's, of any institution."""
    with tx.unhurried():
        for (key,) in tx.rows(_STRAY):
            yield f"The search index has a title {key} that is not there."
