"""What must never be of digital lending, as queries: each finds the rows that break it.

Source: spec/reliability I24 to I28, I34. What the database itself forbids (two open intents, or two
rows for one patron and title) is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bibliobus.database import Transaction, to_database

LONG = timedelta(days=1)

_FINAL = "('applied', 'refused')"
_HALF_SETTLED = f"""
SELECT key FROM intents WHERE institution = :institution
    AND (settled_at IS NOT NULL) <> (state IN {_FINAL}) ORDER BY key"""  # noqa: S608 - constant
_WITHOUT_RESULT = """
SELECT key FROM intents WHERE institution = :institution
    AND state = 'applied' AND patron IS NOT NULL AND result IS NULL ORDER BY key"""
_NOBODYS = """
SELECT key FROM digital_shelf WHERE institution = :institution
    AND patron IS NULL AND ended_at IS NULL ORDER BY key"""
_WITHOUT_ACCOUNT = """
SELECT key FROM digital_shelf AS shelf WHERE institution = :institution AND ended_at IS NULL
    AND patron IS NOT NULL AND NOT EXISTS (SELECT 1 FROM remote_patrons AS remote
        WHERE remote.institution = shelf.institution AND remote.collection = shelf.collection
        AND remote.patron = shelf.patron) ORDER BY key"""
_BOOKMARKS = """
SELECT loan FROM bookmarks JOIN digital_shelf AS shelf ON shelf.key = loan
WHERE bookmarks.institution = :institution
    AND (ended_at IS NOT NULL OR kind <> 'loan') ORDER BY loan"""
_LONG_OPEN = """
SELECT key, kind, collection FROM intents WHERE institution = :institution
    AND settled_at IS NULL AND begun_at < :before ORDER BY key"""


def breaches(tx: Transaction, now: datetime) -> Iterator[str]:
    """A sentence for each breach in the transaction's institution."""
    for sql, what in (
        (_HALF_SETTLED, "Intent {} is settled by its state or by its time, and not by both."),
        (_WITHOUT_RESULT, "Intent {} was applied, and has no result."),
        (_NOBODYS, "What is on the digital shelf as {} is nobody's, and has not ended."),
        (
            _WITHOUT_ACCOUNT,
            "What is on the digital shelf as {} is of no patron of the vendor's.",
        ),
        (_BOOKMARKS, "A bookmark is in loan {}, which has ended or is a hold."),
    ):
        for (key,) in tx.rows(sql):
            yield what.format(key)
    for key, kind, collection in tx.rows(_LONG_OPEN, before=to_database(now - LONG)):
        yield f"Intent {key} ({kind} in {collection}) is open for a day: does the vendor answer?"
