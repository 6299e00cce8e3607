"""One call of the port, as the functions over a transaction get it; and the row that tells of it.

Every transaction writes an event: who did what, with what, where and when, by keys, never by
names. Audit, undoing, repeats and the invariants of history read it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from bibliobus.database import Transaction, to_database
from bibliobus.ils import Origin
from bibliobus.ils.policy import Policies

A_MOMENT = timedelta(minutes=10)  # in which a transaction can be undone, or be a repeat


def nowhere(tx: Transaction, patron: str, now: datetime) -> int:
    """Nobody else lends here."""
    return 0


@dataclass(slots=True)
class Call:
    """What a transaction decides by."""

    tx: Transaction
    policies: Policies
    origin: Origin
    clock: Callable[[], datetime]
    elsewhere: Callable[[Transaction, str, datetime], int] = nowhere
    """How many loans a patron, by `Patron.internal_id`, has with other lenders."""
    now: datetime = field(init=False)
    event: int | None = None  # the last one written
    settled: bool = False  # holds have ended in it: patrons that were read before have fewer

    def __post_init__(self) -> None:
        self.now = self.clock()

    def locked(self) -> None:
        """Read the clock again: a lock may have been waited for, and what its last holder did was
        done before."""
        self.now = max(self.now, self.clock())

    @property
    def at(self) -> int:
        """Now, as the database keeps it."""
        return to_database(self.now)


class Before(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a transaction changed, as it was before: what undoing it needs."""

    due_at: int | None = None  # of a loan that was renewed
    filled: int | None = None  # the hold that a checkout ended
    copy: int | None = None  # what waited for that hold
    copy_since: int | None = None
    pickup_by: int | None = None
    location: str | None = None
    transit_to: str | None = None
    condition: str | None = None
    raised: tuple[int, ...] = ()  # fees
    reversed: tuple[int, ...] = ()  # fees


class LastEvent(NamedTuple):
    """The latest transaction of an item."""

    kind: str
    account: str | None
    patron: int | None
    loan: int | None
    at: int
    before: Before


def record(
    call: Call,
    kind: str,
    *,
    patron: int | None = None,
    item: int | None = None,
    loan: int | None = None,
    hold: int | None = None,
    payment: int | None = None,
    before: Before | None = None,
    at: datetime | None = None,
) -> None:
    """Add the event row of this call. It happened now, or (off line) `at` another time."""
    origin = call.origin
    call.event = call.tx.add(
        "INSERT INTO events (institution, at, kind, door, account, location,"
        " patron, item, loan, hold, payment, before)"
        " VALUES (:institution, :now, :kind, :door, :account, :location,"
        " :patron, :item, :loan, :hold, :payment, :before)",
        now=to_database(at or call.now), kind=kind, door=origin.door, account=origin.account,
        location=origin.location, patron=patron, item=item, loan=loan, hold=hold, payment=payment,
        before=None if before in (None, Before()) else msgspec.json.encode(before).decode(),
    )  # fmt: skip


def last_event(call: Call, item: int) -> LastEvent | None:
    """The item's latest transaction; a note of its properties is none, nor are holds on it."""
    row = call.tx.row(
        "SELECT kind, account, patron, loan, at, before FROM events"
        " WHERE institution = :institution AND item = :item AND kind <> 'status-update'"
        " ORDER BY key DESC LIMIT 1",
        item=item,
    )
    if row is None:
        return None
    kind, account, patron, loan, at, text = row
    before = Before() if text is None else msgspec.json.decode(text, type=Before)
    return LastEvent(kind, account, patron, loan, at, before)
