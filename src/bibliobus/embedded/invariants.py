"""What must never be, as queries: each finds the rows that break it.

Those of history read the event rows. What was loaded with a document has no events, so loans
without any are left out there. That a due date follows the policy (I4's second half) is not here:
the policy may have changed since.

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


_ENDS = "'checkin', 'checkin-no-block', 'implied-checkin', 'undo-checkout'"
_BEGINS = "'checkout', 'checkout-no-block'"
_LOANS = """
FROM loans JOIN items ON items.institution = loans.institution AND items.key = loans.item
WHERE loans.institution = :institution"""
_OF_LOAN = "events.institution = :institution AND events.item = loans.item AND loan = loans.key"
_EVENTS = f"(SELECT count(*) FROM events WHERE {_OF_LOAN} AND kind IN ({{}}))"  # noqa: S608 - constant
_LATEST = f"(SELECT kind FROM events WHERE {_OF_LOAN} ORDER BY events.key DESC LIMIT 1)"  # noqa: S608 - constant
_RENEWED = _EVENTS.format("'renew', 'checkout-renew'") + " - " + _EVENTS.format("'undo-renew'")
_RENEWED_IN_ALL = f"{_RENEWED} + " + _EVENTS.format("'renew-no-block'")
_KNOWN = f"{_EVENTS.format(_BEGINS)} = 1"

_TWO_PLACES = """
SELECT barcode FROM items
LEFT JOIN loans ON loans.institution = items.institution AND loans.item = items.key
    AND loans.ended_at IS NULL
LEFT JOIN holds ON holds.institution = items.institution AND holds.copy = items.key
    AND holds.ended_at IS NULL
WHERE items.institution = :institution
    AND (loans.key IS NOT NULL AND (transit_to IS NOT NULL OR holds.key IS NOT NULL)
        OR holds.pickup_by IS NOT NULL AND transit_to IS NOT NULL
        OR holds.key IS NOT NULL AND holds.pickup_by IS NULL AND transit_to IS NULL)"""

# A join, so that SQLite makes itself an index of patrons; and +key, so that it does not rather go
# through all earlier loans for each one: with 50,000 loans that took more than a minute.
_OVER_THE_LIMIT = """
SELECT items.barcode FROM loans
JOIN items ON items.institution = loans.institution AND items.key = loans.item
LEFT JOIN loans AS other ON other.institution = loans.institution
    AND other.patron = loans.patron
    AND +other.key < +loans.key AND other.lent_at <= loans.lent_at
    AND (other.ended_at IS NULL OR other.ended_at > loans.lent_at)
    AND NOT EXISTS (SELECT 1 FROM events WHERE events.institution = other.institution
        AND events.item = other.item AND events.loan = other.key AND kind = 'undo-checkin')
WHERE loans.institution = :institution AND loans.patron IS NOT NULL
GROUP BY loans.key, items.barcode, loans.charged_limit
HAVING count(other.key) >= loans.charged_limit"""

_OVERTAKEN = """
SELECT titles.title FROM holds AS first
JOIN titles ON titles.institution = first.institution AND titles.key = first.title
JOIN holds AS served ON served.institution = first.institution AND served.title = first.title
WHERE first.institution = :institution AND first.ended_at IS NULL AND served.ended_at IS NULL
    AND first.copy IS NULL AND served.copy IS NOT NULL
    AND first.hold_type IN (1, 2) AND first.suspended_until IS NULL
    AND first.waits_since < served.copy_since
    AND (first.expires_at IS NULL OR first.expires_at > served.copy_since)
    AND (first.priority < served.priority
        OR first.priority = served.priority AND first.key < served.key)"""

_HOLDS = "SELECT CAST(holds.key AS TEXT) FROM holds WHERE holds.institution = :institution"
_OF_HOLD = "events.institution = holds.institution AND events.hold = holds.key"
_LATEST_OF_HOLD = (
    f"(SELECT CASE WHEN kind IN ({_BEGINS}) THEN 'filled' WHEN kind = 'hold-cancelled'"  # noqa: S608 - constant
    " THEN 'cancelled' WHEN kind = 'hold-expired' THEN 'expired' ELSE '' END"
    f" FROM events WHERE {_OF_HOLD} ORDER BY events.key DESC LIMIT 1)"
)

_FEES = "SELECT CAST(fees.key AS TEXT) FROM fees WHERE fees.institution = :institution"
_POSTED = (
    "(SELECT COALESCE(sum(ledger_postings.amount), 0) FROM ledger_postings"
    " WHERE ledger_postings.institution = fees.institution AND ledger_postings.fee = fees.key)"
)
_PAYMENTS = """
SELECT CAST(payments.key AS TEXT) FROM payments
WHERE payments.institution = :institution AND payments.amount <> (
    SELECT COALESCE(sum(posting.amount), 0) FROM ledger_postings AS posting
    JOIN ledger_entries AS entry
        ON entry.institution = posting.institution AND entry.key = posting.entry
    WHERE entry.institution = payments.institution AND entry.payment = payments.key
        AND posting.account IN ('till', 'write-off'))"""
_REVERSALS = """
SELECT CAST(fees.key AS TEXT) FROM ledger_entries AS entry
JOIN fees ON fees.institution = entry.institution AND fees.key = entry.reverses
WHERE entry.institution = :institution AND (fees.outstanding <> 0 OR fees.amount <> (
    SELECT COALESCE(sum(posting.amount), 0) FROM ledger_postings AS posting
    WHERE posting.institution = entry.institution AND posting.entry = entry.key
        AND posting.account = 'income'))"""

INVARIANTS = (
    Invariant(
        "I1", "Item {} is on loan more than once.",
        f"SELECT items.barcode {_LOANS} AND ended_at IS NULL"
        " GROUP BY items.barcode HAVING count(*) > 1",
    ),
    Invariant(
        "I2", "Item {} is in two places: on loan, on the hold shelf, or on its way.", _TWO_PLACES
    ),
    Invariant(
        "I3", "Item {} was lent to a patron who had as many loans as allowed.", _OVER_THE_LIMIT
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
        f"SELECT items.barcode {_LOANS} AND {_KNOWN} AND renewals <> {_RENEWED_IN_ALL}",
    ),
    Invariant(
        "I5", "A loan of item {} was renewed more often than allowed.",
        f"SELECT items.barcode {_LOANS} AND renewal_limit < {_RENEWED}",
    ),
    Invariant(
        "I6", "A loan of item {} is over, and its history goes on.",
        f"SELECT items.barcode {_LOANS} AND ended_at IS NOT NULL AND {_KNOWN}"
        f" AND {_EVENTS.format(_ENDS)} > 0 AND {_LATEST} NOT IN ({_ENDS})",
    ),
    Invariant(
        "I7", "A patron waits for {!r}, and one behind them was served.", _OVERTAKEN
    ),
    Invariant(
        "I8", "A patron has more than one active hold on title {}.",
        "SELECT CAST(title AS TEXT) FROM holds WHERE institution = :institution"
        " AND ended_at IS NULL GROUP BY patron, title HAVING count(*) > 1",
    ),
    Invariant(
        "I9", "Hold {} has no single beginning.",
        f"{_HOLDS} AND 1 <> (SELECT count(*) FROM events WHERE {_OF_HOLD} AND kind = 'hold')",  # noqa: S608 - constant
    ),
    Invariant(
        "I9", "Hold {} has an end without a reason, or a reason without an end.",
        f"{_HOLDS} AND ((ended_at IS NULL) <> (ended_as IS NULL)"
        " OR ended_as NOT IN ('filled', 'cancelled', 'expired'))",
    ),
    Invariant(
        "I9", "The end of hold {} is not that of its history.",
        f"{_HOLDS} AND COALESCE(ended_as, '') <> {_LATEST_OF_HOLD}",
    ),
    Invariant(
        "I10", "Item {} waits for more than one patron.",
        "SELECT items.barcode FROM holds"
        " JOIN items ON items.institution = holds.institution AND items.key = holds.copy"
        " WHERE holds.institution = :institution AND ended_at IS NULL"
        " GROUP BY items.barcode HAVING count(*) > 1",
    ),
    Invariant(
        "I11", "The postings of ledger entry {} do not add up to nothing.",
        "SELECT CAST(entry.key AS TEXT) FROM ledger_entries AS entry"
        " LEFT JOIN ledger_postings AS posting"
        " ON posting.institution = entry.institution AND posting.entry = entry.key"
        " WHERE entry.institution = :institution GROUP BY entry.key, posting.currency"
        " HAVING COALESCE(sum(posting.amount), 1) <> 0",
    ),
    Invariant(
        "I11", "What is owed of fee {} is not what the ledger says.",
        f"{_FEES} AND outstanding <> {_POSTED}",
    ),
    Invariant(
        "I11", "A posting for fee {} is in another currency.",
        f"{_FEES} AND EXISTS (SELECT 1 FROM ledger_postings AS posting"  # noqa: S608 - constant
        " WHERE posting.institution = fees.institution AND posting.fee = fees.key"
        " AND posting.currency <> fees.currency)",
    ),
    Invariant(
        "I12", "The payment number {} was booked more than once.",
        "SELECT transaction_id FROM payments WHERE institution = :institution"
        " AND transaction_id IS NOT NULL GROUP BY account, transaction_id HAVING count(*) > 1",
    ),
    Invariant("I13", "The amounts that payment {} went to do not add up to it.", _PAYMENTS),
    Invariant(
        "I14", "Patron {} owes something and has credit, so lists and sums disagree.",
        "SELECT barcode FROM fees"
        " JOIN patrons ON patrons.institution = fees.institution AND patrons.key = fees.patron"
        " WHERE fees.institution = :institution AND outstanding <> 0"
        " GROUP BY barcode HAVING min(outstanding) < 0 AND max(outstanding) > 0",
    ),
    Invariant("I15", "Fee {} was taken back, and not all of it or not once.", _REVERSALS),
    Invariant(
        "I17", "A request of terminal account {} was claimed and has no result.",
        "SELECT account FROM replays WHERE institution = :institution AND result = ''",
    ),
    Invariant(
        "I33", "A loan of item {} began more than once.",
        f"SELECT items.barcode {_LOANS} AND {_EVENTS.format(_BEGINS)} > 1",
    ),
    Invariant(
        "I33", "A loan of item {} is over, and nothing says who ended it.",
        f"SELECT items.barcode {_LOANS} AND ended_at IS NOT NULL AND no_block = FALSE"
        f" AND {_KNOWN} AND {_EVENTS.format(_ENDS)} = 0",
    ),
    Invariant(
        "I33", "A loan of item {} is open, and something says that it ended.",
        f"SELECT items.barcode {_LOANS} AND ended_at IS NULL AND {_LATEST} IN ({_ENDS})",
    ),
)  # fmt: skip


def breaches(tx: Transaction) -> Iterator[str]:
    """A sentence for each breach in the transaction's institution, with the rule's number."""
    with tx.unhurried():
        for number, breach, query in INVARIANTS:
            for (name,) in tx.rows(query):
                yield f"{number}: {breach.format(name)}"
