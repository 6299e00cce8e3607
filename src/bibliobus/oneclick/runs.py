"""The history of a collection's jobs: what each run did, and how far one that was cut off came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from enum import Enum

import msgspec

from bibliobus.database import Transaction, from_database, to_database

RECENT = 10  # runs of a job: what is read of its history
MOST_ODD = 100  # records that could not be read, kept with their reasons; the rest is counted


class Job(Enum):
    """What can be done to a collection."""

    IMPORT = "import"  # of the whole catalogue
    DELTA = "delta"  # of what came and went since
    AVAILABILITY = "availability"  # of what can be borrowed now


class Outcome(Enum):
    """How a run ended."""

    DONE = "done"
    HELD = "held"  # it would take away too much; an operator has to look
    FAILED = "failed"


class Odd(msgspec.Struct, frozen=True):
    """A record that could not be used, and why."""

    what: str  # its ISBN, or which of how many it is
    reason: str


class Counts(msgspec.Struct, kw_only=True):
    """What a run did, in titles."""

    received: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    unreadable: int = 0
    vanished: int = 0  # from the list of availability
    calls: int = 0  # of the vendor
    media: dict[str, int] = msgspec.field(default_factory=dict)  # of all that were received

    def __str__(self) -> str:
        """For people."""
        told = [
            f"{getattr(self, name):,} {name}"
            for name in ("added", "updated", "unchanged", "withdrawn", "unreadable")
        ]
        if self.vanished:
            told.append(f"{self.vanished:,} vanished")
        return f"{self.received:,} received: {', '.join(told)}"


class Spooled(msgspec.Struct, frozen=True):
    """A whole catalogue in a file of the spool."""

    file: str  # its name, in the spool
    size: int  # bytes
    sha256: str
    listed_at: datetime


class Run(msgspec.Struct, kw_only=True):
    """One run of a job."""

    key: int
    collection: str
    job: Job
    began_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome | None = None  # None: it is going on, or was cut off
    covers_until: date | None = None  # by the vendor's calendar
    listing: Spooled | None = None
    position: int = 0  # bytes of the listing that are dealt with
    counts: Counts = msgspec.field(default_factory=Counts)
    odd: list[Odd] = msgspec.field(default_factory=list)
    note: str | None = None

    def is_odd(self, what: str, reason: str) -> None:
        """Count a record that could not be used, and keep the reason of the first ones."""
        self.counts.unreadable += 1
        if len(self.odd) < MOST_ODD:
            self.odd.append(Odd(what, reason))


_COLUMNS = (
    "key, collection, job, began_at, ended_at, outcome, covers_until, listing, position, counts,"
    " odd, note"
)
_OF_A_JOB = (
    f"SELECT {_COLUMNS} FROM runs WHERE institution = :institution AND collection = :collection"  # noqa: S608
    " AND job = :job"
)


def begin(tx: Transaction, collection: str, job: Job, now: datetime) -> Run:
    """A new run."""
    key = tx.add(
        "INSERT INTO runs (institution, collection, job, began_at, counts)"
        " VALUES (:institution, :collection, :job, :now, '{}')",
        collection=collection, job=job.value, now=to_database(now),
    )  # fmt: skip
    return Run(key=key, collection=collection, job=job, began_at=now)


def end_cut_off(tx: Transaction, collection: str, job: Job, now: datetime) -> None:
    """Note that runs of a job which have not ended never will: one has to itself what they had."""
    tx.run(
        "UPDATE runs SET ended_at = :now, outcome = :failed, note = :note"
        " WHERE institution = :institution AND collection = :collection AND job = :job"
        " AND outcome IS NULL",
        collection=collection, job=job.value, now=to_database(now),
        failed=Outcome.FAILED.value, note="it was cut off, and a new one was begun",
    )  # fmt: skip


def row(run: Run) -> dict[str, object]:
    """A run as it is now, for `keep`: it may go on while that waits for its turn."""
    return {
        "key": run.key,
        "ended_at": to_database(run.ended_at),
        "outcome": None if run.outcome is None else run.outcome.value,
        "covers_until": None if run.covers_until is None else run.covers_until.isoformat(),
        "listing": None if run.listing is None else _json(run.listing),
        "position": run.position,
        "counts": _json(run.counts),
        "odd": _json(run.odd),
        "note": run.note,
    }


def keep(tx: Transaction, row: dict[str, object]) -> None:
    """Write down how far a run has come, in the transaction of what it did."""
    tx.run(
        "UPDATE runs SET ended_at = :ended_at, outcome = :outcome, covers_until = :covers_until,"
        " listing = :listing, position = :position, counts = :counts, odd = :odd, note = :note"
        " WHERE institution = :institution AND key = :key",
        **row,
    )


def last(
    tx: Transaction, collection: str, jobs: Sequence[Job], outcome: Outcome | None = None
) -> Run | None:
    """The latest run of any of these jobs that ended so; None: however it ended, or has not."""
    found = [run for job in jobs for run in history(tx, collection, (job,), outcome, most=1)]
    return max(found, key=lambda run: run.key, default=None)


def history(
    tx: Transaction,
    collection: str,
    jobs: Sequence[Job] = tuple(Job),
    outcome: Outcome | None = None,
    most: int = RECENT,
) -> list[Run]:
    """The latest runs of each of these jobs that ended so, at most so many of each, the latest
    first. There are more from year to year, so nobody reads all of them."""
    ended_so = "" if outcome is None else " AND outcome = :outcome"
    rows = [
        row
        for job in jobs
        for row in tx.rows(
            f"{_OF_A_JOB}{ended_so} ORDER BY key DESC LIMIT :most",
            collection=collection, job=job.value, most=most,
            **({} if outcome is None else {"outcome": outcome.value}),
        )
    ]  # fmt: skip
    return sorted((_run(*row) for row in rows), key=lambda run: -run.key)


def covered_until(tx: Transaction, collection: str) -> date | None:
    """The last day whose changes are in the catalogue; None: nothing was imported yet."""
    run = last(tx, collection, (Job.IMPORT, Job.DELTA), Outcome.DONE)
    return None if run is None else run.covers_until


def _run(
    key: int,
    collection: str,
    job: str,
    began_at: int,
    ended_at: int | None,
    outcome: str | None,
    covers_until: str | None,
    listing: str | None,
    position: int,
    counts: str,
    odd: str,
    note: str | None,
) -> Run:
    return Run(
        key=key, collection=collection, job=Job(job), began_at=from_database(began_at),
        ended_at=from_database(ended_at), outcome=None if outcome is None else Outcome(outcome),
        covers_until=None if covers_until is None else date.fromisoformat(covers_until),
        listing=None if listing is None else msgspec.json.decode(listing, type=Spooled),
        position=position, counts=msgspec.json.decode(counts, type=Counts),
        odd=msgspec.json.decode(odd, type=list[Odd]), note=note,
    )  # fmt: skip


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
