"""What must never be, as queries: each finds the rows that break it.

Those of history read the event rows. What was loaded with a document has no events, so loans
without any are left out there.

Source: spec/reliability 4.1, whose numbers these have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bibliobus.database import Transaction


class Invariant(NamedTuple):
    """A rule, and the query for what breaks it: one row and one name for each."""

    number: str
    breach: str  # a sentence with {} for the name
    query: str


_LOANS = """
FROM loans JOIN items ON items.institution = loans.institution AND items.key = loans.item
WHERE loans.institution = :institution"""
_EVENTS = """(SELECT count(*) FROM events WHERE events.institution = :institution
    AND events.loan = loans.key AND kind IN ({}))"""
_ENDS = "'checkin', 'checkin-no-block', 'implied-checkin'"
_BEGINNINGS = _EVENTS.format("'checkout', 'checkout-no-block'")
_ENDINGS = _EVENTS.format(_ENDS)
_RENEWALS = _EVENTS.format("'renew'")
_AFTER_THE_END = f"""EXISTS (SELECT 1 FROM events AS later JOIN events AS ending
    ON ending.institution = later.institution AND ending.loan = later.loan
    AND ending.key < later.key WHERE later.institution = :institution
    AND later.loan = loans.key AND ending.kind IN ({_ENDS}))"""  # noqa: S608 - constant

INVARIANTS = (
    Invariant(
        "I1",
        "Item {} is on loan more than once.",
        f"SELECT items.barcode {_LOANS} AND ended_at IS NULL"
        " GROUP BY items.barcode HAVING count(*) > 1",
    ),
    Invariant(
        "I4", "A loan of item {} is due before it begins.",
        f"SELECT items.barcode {_LOANS} AND due_at < lent_at",
    ),
    Invariant(
        "I4", "A loan of item {} ended before it began.",
        f"SELECT items.barcode {_LOANS} AND ended_at < lent_at",
    ),
    Invariant(
        "I5", "The renewals of a loan of item {} are not those of its history.",
        f"SELECT items.barcode {_LOANS} AND {_BEGINNINGS} = 1 AND renewals <> {_RENEWALS}",
    ),
    Invariant(
        "I6", "A loan of item {} has a history after its end.",
        f"SELECT items.barcode {_LOANS} AND ended_at IS NOT NULL AND {_AFTER_THE_END}",
    ),
    Invariant(
        "I17", "A request of terminal account {} was claimed and has no result.",
        "SELECT account FROM replays WHERE institution = :institution AND result = ''",
    ),
    Invariant(
        "I33", "A loan of item {} began more than once.",
        f"SELECT items.barcode {_LOANS} AND {_BEGINNINGS} > 1",
    ),
    Invariant(
        "I33", "A loan of item {} is over, and nothing says who ended it.",
        f"SELECT items.barcode {_LOANS} AND ended_at IS NOT NULL AND no_block = FALSE"
        f" AND {_BEGINNINGS} = 1 AND {_ENDINGS} = 0",
    ),
    Invariant(
        "I33", "A loan of item {} is open, and something says that it ended.",
        f"SELECT items.barcode {_LOANS} AND ended_at IS NULL AND {_ENDINGS} > 0",
    ),
)  # fmt: skip


def breaches(tx: Transaction) -> Iterator[str]:
    """A sentence for each breach in the transaction's institution, with the rule's number."""
    for number, breach, query in INVARIANTS:
        for (name,) in tx.rows(query):
            yield f"{number}: {breach.format(name)}"
