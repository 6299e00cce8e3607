"""The delta: what came into a vendor's catalogue and what left it, since we last looked.

We know up to which day we have everything (`runs.covered_until`). From there on, less two days, the
vendor is asked a month at a time. What it cannot tell, because it was too long ago or because
nobody knows since when, only the whole catalogue does.

Source: spec/reliability 4.6; spec/oneclick-api 1.5, 1.6, 4.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from bibliobus.catalogue import store
from bibliobus.oneclick import runs
from bibliobus.oneclick.collecting import Collecting, check_shrinking
from bibliobus.oneclick.errors import BadInput
from bibliobus.oneclick.importing import import_catalogue
from bibliobus.oneclick.incoming import is_isbn, isbn_of, ready, sift
from bibliobus.oneclick.runs import Job, Run
from bibliobus.oneclick.wire import Delta, Holding, RemovedTitle, day

OVERLAP = timedelta(days=2)  # the vendor's day is not ours
SPAN = timedelta(days=30)  # that is asked for at once; the vendor allows two months
FARTHEST = timedelta(days=58)  # that a watermark may lie back, so that nothing is out of reach
A_DAY = timedelta(days=1)
AT_ONCE = 100  # records that are fetched together


class _Changes(NamedTuple):
    """What came and went, by ISBN: None is a title without one."""

    came: dict[str, bytes | None]  # with its record, if that was sent along
    left: list[str | None]
    until: date  # all of it up to this day


class _OutOfReach(Exception):
    """The vendor cannot tell; the message says why."""


async def apply_delta(at: Collecting, *, may_shrink: bool = False) -> Run:
    """Bring the catalogue up to date; by importing all of it, if there is no other way.

    Args:
        at: The collection.
        may_shrink: Withdraw however many titles have left.

    Raises:
        TooSoon: All of it has to be imported, and was fetched within the last day.
        Shrinks: Too many titles would be withdrawn.
        VendorError: The vendor did not say what came and went.
    """
    watermark = await at.read(lambda tx: runs.covered_until(tx, at.collection))
    run = await at.begin(Job.DELTA)
    try:
        async with at.ending(run):
            try:
                changes = await _changes(at, run, watermark)
            except BadInput as error:
                raise _OutOfReach(f"the vendor does not tell that far back: {error}") from error
            await _apply(at, run, changes, may_shrink=may_shrink)
            run.covers_until = changes.until
    except _OutOfReach as error:
        return await _import_instead(at, run, str(error), may_shrink=may_shrink)
    await at.settle()
    return run


async def _import_instead(at: Collecting, run: Run, why: str, *, may_shrink: bool) -> Run:
    run.outcome, run.note, run.ended_at = runs.Outcome.FAILED, why, at.now()
    await at.keep(run)
    return await import_catalogue(at, may_shrink=may_shrink, because=why)


async def _changes(at: Collecting, run: Run, watermark: date | None) -> _Changes:
    today = at.now().date()
    if watermark is None:
        raise _OutOfReach("nothing was imported yet")
    if watermark > today:
        raise _OutOfReach(f"what we have is of {watermark}, which is yet to come")
    if today - watermark > FARTHEST:
        raise _OutOfReach(f"what we have is of {watermark}, which is too long ago")
    if at.client.settings.era == "E4":
        return await _between_snapshots(at, run, watermark, today)
    return await _in_days(at, run, watermark, today)


async def _in_days(at: Collecting, run: Run, watermark: date, today: date) -> _Changes:
    """By `media/delta`, of E1 to E3."""
    came: dict[str, bytes | None] = {}
    left: list[str | None] = []
    until = watermark
    for begin, end in spans(watermark, today):
        delta, until = await _told(at, begin, end, today)
        run.counts.calls += 1
        for raw in delta.added_titles or ():
            isbn = isbn_of(raw)
            if isbn is None:
                run.is_odd(f"a title that came {begin} to {end}", "it has no ISBN")
            else:
                came[isbn] = bytes(raw)
        left.extend(_isbns(delta.removed_titles or ()))
    return _Changes(came, left, until)


async def _told(at: Collecting, begin: date, end: date, today: date) -> tuple[Delta, date]:
    """What the vendor tells of some days, and up to which: its own day may still be yesterday, and
    it is not known whether it lets anybody ask for tomorrow."""
    try:
        return await at.client.delta(begin, end), end
    except BadInput:
        if end < today:
            raise
        return await at.client.delta(begin, end - A_DAY), end - A_DAY


async def _between_snapshots(at: Collecting, run: Run, watermark: date, today: date) -> _Changes:
    """By `book-holdings/delta`, of E4."""
    kept = [day(each.as_of) for each in await at.client.snapshots()]
    snapshots = [each for each in kept if each is not None]
    run.counts.calls += 1
    before = [each for each in snapshots if each <= watermark - OVERLAP]
    if not before:
        raise _OutOfReach(f"the vendor has no snapshot of {watermark - OVERLAP} or before")
    if before[-1] == snapshots[-1]:
        return _Changes({}, [], watermark)  # there is none since
    delta = await at.client.holdings_delta(before[-1], snapshots[-1])
    run.counts.calls += 1
    came = dict.fromkeys(isbn for isbn in _isbns(delta.added_books or ()) if isbn is not None)
    until = max(watermark, min(snapshots[-1], today))
    return _Changes({**came}, list(_isbns(delta.removed_books or ())), until)


def spans(watermark: date, today: date) -> Iterator[tuple[date, date]]:
    """What to ask for, one after the other: from before the watermark until today."""
    begin = watermark - OVERLAP
    while True:
        end = min(begin + SPAN, today)
        yield begin, end
        if end == today:
            return
        begin = end


async def _apply(at: Collecting, run: Run, changes: _Changes, *, may_shrink: bool) -> None:
    known, spelt = await at.known(), await at.read(store.spelt)
    there = {isbn: it.key for isbn, it in known.items() if not it.withdrawn}
    run.counts.received += len(changes.came) + len(changes.left)
    left = {isbn for isbn in changes.left if isbn is not None}
    for _ in range(changes.left.count(None)):
        run.is_odd("a title that left", "it has no ISBN")
    for isbn in changes.came:
        if not is_isbn(isbn):
            run.is_odd(isbn, "its ISBN has not 13 digits")
    came = [isbn for isbn in changes.came if is_isbn(isbn)]
    both = left.intersection(came)
    wanted = [isbn for isbn in came if isbn not in there or isbn in both]
    run.counts.unchanged += len(came) - len(wanted)
    gone = (left - both) & there.keys()
    if not may_shrink:
        check_shrinking(len(gone), len(there), "have left")
    for some in _chunks(wanted):
        records = await _records(at, run, some, changes, both)
        gone |= (both & there.keys() & set(some)) - {isbn_of(raw) for raw in records}
        sifted = sift(records, known, set())
        made = await asyncio.to_thread(ready, sifted.wanted, at.institution, at.collection)
        await at.keep_titles(run, sifted, made, known, spelt)
    await at.withdraw(run, [there[isbn] for isbn in gone])
    run.counts.unchanged += len((left - both) - there.keys())


async def _records(
    at: Collecting, run: Run, isbns: Sequence[str], changes: _Changes, both: set[str]
) -> list[bytes]:
    """The vendor's records of titles that came. What a delta sends along lacks some of it, and is
    taken only if the vendor knows no better; of what came and left, its word is what counts."""
    found = await at.records(run, [isbn for isbn in isbns if isbn not in both], changes.came)
    found |= await at.records(run, [isbn for isbn in isbns if isbn in both], left=True)
    return [record for record in found.values() if record is not None]


def _isbns(titles: Iterable[RemovedTitle | Holding]) -> Iterator[str | None]:
    return (each.isbn or None for each in titles)


def _chunks(isbns: Sequence[str]) -> Iterator[Sequence[str]]:
    return (isbns[start : start + AT_ONCE] for start in range(0, len(isbns), AT_ONCE))
