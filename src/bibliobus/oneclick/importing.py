"""The import: a vendor's whole catalogue into ours, with one call of the vendor.

The answer goes to the spool first. What is done from there on can be cut off anywhere: each batch
of titles is kept in one transaction with how far it came, and whoever starts again goes on there.
What the vendor lists no more is withdrawn at the end, unless that is too much to be believed.

Source: spec/reliability 4.6; spec/oneclick-api 1.2, 4.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from bibliobus.catalogue import store
from bibliobus.catalogue.store import Known
from bibliobus.oneclick import runs
from bibliobus.oneclick.collecting import Collecting, JobError, Shrinks, TooSoon, check_shrinking
from bibliobus.oneclick.incoming import Ready, Sifted, isbn_of, isbns_named, ready, sift
from bibliobus.oneclick.ownership import note_ownership
from bibliobus.oneclick.preparing import preparing
from bibliobus.oneclick.runs import Job, Outcome, Run, Spooled
from bibliobus.oneclick.spool import SMALL, WINDOW, Window, windows

AHEAD = 4  # windows that are being made ready
A_DAY = timedelta(hours=24)


async def import_catalogue(
    at: Collecting, *, again: bool = False, may_shrink: bool = False, because: str | None = None
) -> Run:
    """Fetch the whole catalogue, or go on with one that was fetched today, and keep all of it.

    Args:
        at: The collection.
        again: Fetch it although it was fetched within the last day.
        may_shrink: Withdraw however many titles are listed no more.
        because: Why this is done, if nobody has asked for it.

    Raises:
        TooSoon: It was fetched within the last day.
        Shrinks: Too many titles would be withdrawn. The next import goes on from here.
        VendorError: The vendor did not give it.
        JobError: What it gave is no catalogue, or there is no room for it.
    """
    run = await _begun(at, again=again, may_shrink=may_shrink)
    run.note = because
    async with at.ending(run):
        if run.listing is None:
            run.listing = await _fetched(at, run)
            run.counts.calls += 1
            await at.keep(run)
        listed, named = await asyncio.to_thread(_listed, at.spool / run.listing.file)
        known = await at.known()
        there = {isbn: it.key for isbn, it in known.items() if not it.withdrawn}
        going = [there[isbn] for isbn in there.keys() - set(listed) - named]
        if not may_shrink:
            _check_listed(listed, there)
            check_shrinking(len(going), len(there), "would be withdrawn")
        await _keep_all(at, run, run.listing, listed, known)
        await at.withdraw(run, going)
        if at.client.settings.shows_titles_not_owned:
            await note_ownership(at, run)
        run.covers_until = run.listing.listed_at.date()
    await at.settle()
    _tidy(at, run)
    return run


def _check_listed(listed: Sequence[object], there: Mapping[str, int]) -> None:
    if there and not listed:
        raise Shrinks(
            f"the vendor's catalogue is empty, and ours has {len(there):,} titles. If that is"
            " right, say --allow-shrinking."
        )


async def _begun(at: Collecting, *, again: bool, may_shrink: bool) -> Run:
    """The run to go on with, or a new one."""
    before = await at.read(lambda tx: runs.last(tx, at.collection, (Job.IMPORT,)))
    if before is not None and not again and _may_go_on(before, may_shrink=may_shrink):
        spooled = await asyncio.to_thread(_still_there, at, before)
        if spooled is not None:
            before.listing, before.outcome, before.ended_at = spooled, None, None
            return before
    if not again:
        await _check_distance(at)
    return await at.begin(Job.IMPORT)


async def _check_distance(at: Collecting) -> None:
    history = await at.read(lambda tx: runs.history(tx, at.collection, (Job.IMPORT,)))
    for run in history:
        listing = run.listing
        if listing is None or run.outcome not in (Outcome.DONE, Outcome.HELD):
            continue  # what it had fetched is lost
        if _is_recent(at, listing):
            held = f" It was held: {run.note}" if run.outcome is Outcome.HELD else ""
            raise TooSoon(
                f"The whole catalogue was fetched at {listing.listed_at:%Y-%m-%d %H:%M} UTC, and"
                f" the vendor asks for that to be rare.{held} Say --again to fetch it all the same."
            )


def _may_go_on(run: Run, *, may_shrink: bool) -> bool:
    return run.outcome in (None, Outcome.FAILED) or (may_shrink and run.outcome is Outcome.HELD)


def _still_there(at: Collecting, run: Run) -> Spooled | None:
    """What a run that was cut off had fetched, if it is whole and of today. It may have been cut
    off between the last byte and writing that down."""
    path = at.spool / _name(at, run)
    try:
        size, changed_at = path.stat().st_size, path.stat().st_mtime
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    found = run.listing or Spooled(path.name, size, digest, datetime.fromtimestamp(changed_at, UTC))
    is_whole = (found.size, found.sha256) == (size, digest)
    return found if is_whole and _is_recent(at, found) else None


def _is_recent(at: Collecting, listing: Spooled) -> bool:
    return timedelta() <= at.now() - listing.listed_at < A_DAY  # a clock may have been set back


async def _fetched(at: Collecting, run: Run) -> Spooled:
    path = at.spool / _name(at, run)
    part = path.with_suffix(".part")
    try:
        at.spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        _remove(at, "part")  # what was cut off before
        with part.open("wb") as file:
            fetched = await at.client.listing(file)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        part.rename(path)  # from now on it is whole
    except OSError as error:
        raise JobError(
            f"the catalogue cannot be kept in the folder {at.spool}: {error.strerror or error}."
            " Make room there, or set `spool` to another one."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return Spooled(path.name, fetched.size, fetched.sha256, fetched.fetched_at)


def _name(at: Collecting, run: Run) -> str:
    """A file's name that no other run has, of whatever library in whatever database."""
    return f"{_names(at)}-{run.key}.json"


def _names(at: Collecting) -> str:
    whose = f"{at.database.url}\0{at.institution}\0{at.collection}"
    return f"catalogue-{hashlib.sha256(whose.encode()).hexdigest()[:16]}"


def _listed(path: Path) -> tuple[list[str | None], set[str]]:
    """The ISBN of each record, and those that records name which make no sense: whatever is in them
    has not left. To read all of them first tells whether the file is whole."""
    listed: list[str | None] = []
    named: set[str] = set()
    for window in windows(path):
        for raw in window.records:
            listed.append(isbn_of(raw))
            if listed[-1] is None:
                named |= isbns_named(raw)
    return listed, named


class _Step(NamedTuple):
    """A window on its way: what is known of it, and what will be."""

    window: Window
    sifted: Sifted
    ready: asyncio.Future[Ready]


async def _keep_all(
    at: Collecting,
    run: Run,
    listing: Spooled,
    listed: list[str | None],
    known: dict[str, Known],
) -> None:
    """Keep what is new and changed of the records that are not dealt with, a window at a time; the
    next ones are made ready while the database works on this one."""
    spelt = await at.read(store.spelt)
    seen = {isbn for isbn in listed[: run.counts.received] if isbn is not None}
    with preparing(listing.size - run.position) as executor:
        ahead: deque[_Step] = deque()
        size = SMALL if await at.makes_way() else WINDOW
        for window in windows(at.spool / listing.file, run.position, size):
            sifted = sift(window.records, known, seen)
            made = asyncio.get_running_loop().run_in_executor(
                executor, ready, sifted.wanted, at.institution, at.collection
            )
            ahead.append(_Step(window, sifted, made))
            if len(ahead) > AHEAD:
                await _keep(at, run, ahead.popleft(), known, spelt)
                at.tell(run.position, listing.size)
        for step in ahead:
            await _keep(at, run, step, known, spelt)
        at.tell(listing.size, listing.size)


async def _keep(
    at: Collecting, run: Run, step: _Step, known: dict[str, Known], spelt: set[str]
) -> None:
    made = await step.ready
    media = [each.medium.value for each in made.titles]
    media += [each.medium.value for each in step.sifted.unchanged]
    run.counts.media = dict(Counter(run.counts.media) + Counter(media))
    run.counts.received += len(step.window.records)
    run.position = step.window.end
    await at.keep_titles(run, step.sifted, made, known, spelt)


def _tidy(at: Collecting, run: Run) -> None:
    """Remove older catalogues; this one is kept until the next."""
    with contextlib.suppress(OSError):  # the next time, then
        _remove(at, "*", but=_name(at, run))


def _remove(at: Collecting, kind: str, but: str = "") -> None:
    for path in at.spool.glob(f"{_names(at)}-*.{kind}"):
        if path.name != but:
            path.unlink(missing_ok=True)
