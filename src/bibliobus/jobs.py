"""The jobs of vendors' collections: wired, done when asked or when due, and told of."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bibliobus.app import App, client_of, institution_of
from bibliobus.catalogue import store
from bibliobus.config import Config, ConfigError
from bibliobus.database import DatabaseError, Transaction
from bibliobus.database.leases import Taken
from bibliobus.oneclick import CollectionSettings, runs, shelf
from bibliobus.oneclick.availability import update_availability
from bibliobus.oneclick.collecting import Collecting, collecting
from bibliobus.oneclick.delta import apply_delta
from bibliobus.oneclick.importing import import_catalogue
from bibliobus.oneclick.runs import Job, Run
from bibliobus.oneclick.scheduling import due

logger = logging.getLogger(__name__)

EVERY = 60.0  # seconds: how often `serve` looks whether something is due
TOLD = 5  # runs, by `status`


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants done."""

    job: Job
    again: bool = False
    may_shrink: bool = False
    if_due: bool = False


async def do(
    app: App,
    config: Config,
    name: str,
    wanted: Wanted,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Run | None:
    """Do a job to a collection of the configuration; None: it is not due, or being done.

    Raises:
        JobError: It was not done, and why.
        Taken: Another process is at this collection, and it was not asked whether it is due.
        ConfigError: The collection's settings make no sense here.
        VendorError: The vendor did not do its part.
    """
    try:
        return await _do(app, config, name, wanted, tell)
    except Taken:
        if wanted.if_due:
            return None  # it is being done
        raise


async def _do(
    app: App, config: Config, name: str, wanted: Wanted, tell: Callable[[int, int], None]
) -> Run | None:
    settings = config.oneclick[name]
    institution = institution_of(name, settings, app.institutions)
    async with (
        client_of(name, settings) as client,
        collecting(
            app.database, institution, name, client, spool=_spool(app, settings), tell=tell
        ) as at,
    ):
        if wanted.if_due and await _due(at, settings) is not wanted.job:
            return None
        if wanted.job is Job.IMPORT:
            return await import_catalogue(at, again=wanted.again, may_shrink=wanted.may_shrink)
        if wanted.job is Job.DELTA:
            return await apply_delta(at, may_shrink=wanted.may_shrink)
        return await update_availability(at, may_shrink=wanted.may_shrink)


async def last_run(app: App, config: Config, name: str, job: Job) -> Run | None:
    """What a collection's job did the last time, however it ended."""
    institution = institution_of(name, config.oneclick[name], app.institutions)
    return await app.database.read(lambda tx: runs.last(tx, name, (job,)), institution)


async def states(app: App, config: Config) -> dict[str, dict[str, Any]]:
    """What is in each collection, and what was done last: plain values, as JSON has them."""
    return {name: await _state(app, name, settings) for name, settings in config.oneclick.items()}


async def _state(app: App, name: str, settings: CollectionSettings) -> dict[str, Any]:
    institution = institution_of(name, settings, app.institutions)

    def work(tx: Transaction) -> dict[str, Any]:
        history = runs.history(tx, name)
        covered_until = runs.covered_until(tx, name)
        job = due(history, settings, datetime.now(UTC), imported=covered_until is not None)
        return {
            "institution": institution,
            "library_id": settings.library_id,
            "covered_until": None if covered_until is None else covered_until.isoformat(),
            "titles": store.counts(tx, name),
            "lending": shelf.counts(tx, name, datetime.now(UTC)),
            "runs": [_told(run) for run in history[:TOLD]],
            "due": None if job is None else job.value,
        }

    return await app.database.read(work, institution)


@asynccontextmanager
async def keeping_up(app: App, config: Config, options: Sequence[str]) -> AsyncIterator[None]:
    """Have what is due done, as long as the block takes, each job by a process of its own: an
    import works hard, and terminals would wait for it.

    Args:
        app: Whose history says what is due.
        config: With the collections.
        options: How those processes find the same configuration: --config, --database.
    """
    keeping = asyncio.create_task(_keep_up(app, config, options))
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


async def _keep_up(app: App, config: Config, options: Sequence[str]) -> None:
    scheduled = {name: its for name, its in config.oneclick.items() if its.scheduled}
    while scheduled:
        for name, settings in scheduled.items():
            try:
                job = (await _state(app, name, settings))["due"]
                if job is not None:
                    await _in_a_process(job, name, options)
            except (ConfigError, DatabaseError, OSError) as error:
                logger.warning("collection %s was left for later: %s", name, error)
            except Exception:  # it has to go on
                logger.exception("collection %s was left for later: a fault of ours", name)
        await asyncio.sleep(EVERY)


async def _in_a_process(job: str, name: str, options: Sequence[str]) -> None:
    command = ("-m", "bibliobus", "oneclick", job, "--if-due", "--json")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--collection", name, *options,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()  # it goes on from there the next time
        await process.wait()
        raise
    if process.returncode:
        words = said.decode(errors="replace").strip().splitlines()
        logger.warning("%s of %s: %s", job, name, words[-1] if words else "it failed")
    else:
        logger.info("%s of %s has ended", job, name)


async def _due(at: Collecting, settings: CollectionSettings) -> Job | None:
    def work(tx: Transaction) -> Job | None:
        imported = runs.covered_until(tx, at.collection) is not None
        return due(runs.history(tx, at.collection), settings, at.now(), imported=imported)

    return await at.read(work)


def _spool(app: App, settings: CollectionSettings) -> Path:
    """The folder of whole catalogues: as set, or beside the database, or where state belongs."""
    if settings.spool is not None:
        return Path(settings.spool)
    if app.database.url.startswith("sqlite:///"):
        return Path(app.database.url.removeprefix("sqlite:///") + "-spool")
    state = os.environ.get("STATE_DIRECTORY") or os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local/state") / "bibliobus-spool"


def _told(run: Run) -> dict[str, Any]:
    return {
        "job": run.job.value,
        "began_at": run.began_at.isoformat(),
        "outcome": None if run.outcome is None else run.outcome.value,
        "told": str(run.counts),
        "note": run.note,
    }
