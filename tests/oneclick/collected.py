"""The words that tests of the jobs are told in: a day, and one collection of one library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from bibliobus.app import App
from bibliobus.catalogue import Search, search, store
from bibliobus.catalogue.store import Known
from bibliobus.oneclick import runs
from bibliobus.oneclick.availability import update_availability
from bibliobus.oneclick.client import Client
from bibliobus.oneclick.collecting import Collecting, collecting
from bibliobus.oneclick.delta import apply_delta
from bibliobus.oneclick.importing import import_catalogue
from bibliobus.oneclick.runs import Run
from bibliobus.oneclick.settings import CollectionSettings
from bibliobus.sandbox.vendor import Vendor
from bibliobus.sandbox.vendor.titles import own_titles

TOKEN = "3f2a9d1c-0000-4000-8000-00000000abcd"
INSTITUTION = "MAIN"
TITLES = 150  # of the sandbox's own, that it lends unless a test says otherwise


class Today:
    """The time, for us and for the vendor: it stands still until somebody waits."""

    def __init__(self) -> None:
        self.now = datetime(2016, 10, 24, 16, 11, 52, 588733, UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **length: float) -> None:
        self.now += timedelta(**length)


class Collected:
    """A vendor's collection of the institution MAIN, and the jobs that keep it up to date."""

    def __init__(
        self, app: App, today: Today, spool: Path, name: str = "oneclick", **settings: str | bool
    ) -> None:
        self.app, self.today, self.spool, self.name = app, today, spool, name
        self.settings = CollectionSettings(
            library_id=1931,
            token=TOKEN,
            **settings,  # type: ignore[arg-type] # what a test wants to set
        )
        self.told: list[tuple[int, int]] = []  # of how much of a job was done
        self.tell: Callable[[int, int], None] = lambda *much: self.told.append(much)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Collecting]:
        """The collection, held by a job."""
        client = Client(self.settings, clock=self.today, sleep=lambda _: asyncio.sleep(0))
        async with (
            client,
            collecting(
                self.app.database, INSTITUTION, self.name, client,
                spool=self.spool, now=self.today, tell=self.tell,
            ) as at,
        ):  # fmt: skip
            yield at

    async def imported(self, *, again: bool = False, may_shrink: bool = False) -> Run:
        async with self.at_work() as at:
            return await import_catalogue(at, again=again, may_shrink=may_shrink)

    async def delta(self, *, may_shrink: bool = False) -> Run:
        async with self.at_work() as at:
            return await apply_delta(at, may_shrink=may_shrink)

    async def availability(self, *, may_shrink: bool = False) -> Run:
        async with self.at_work() as at:
            return await update_availability(at, may_shrink=may_shrink)

    async def known(self) -> dict[str, Known]:
        """All titles that were ever there, by ISBN."""
        return await self.app.database.read(
            lambda tx: store.known_titles(tx, self.name), INSTITUTION
        )

    async def titles(self) -> set[str]:
        """The ISBNs of those that are there now."""
        return {isbn for isbn, it in (await self.known()).items() if not it.withdrawn}

    async def withdrawn(self) -> set[str]:
        return {isbn for isbn, it in (await self.known()).items() if it.withdrawn}

    async def flags(self, isbn: str) -> tuple[bool | None, bool | None]:
        """Whether a title is owned, and available."""
        known = (await self.known())[isbn]
        return known.owned, known.available

    async def found(self, words: str) -> list[str | None]:
        """The ISBNs of what a reader finds."""
        results = await self.app.database.read(
            lambda tx: search(tx, Search(text=words), limit=100), INSTITUTION
        )
        return [each.title.isbn for each in results.found]

    async def runs(self) -> list[Run]:
        """What was done, the latest first."""
        return await self.app.database.read(lambda tx: runs.history(tx, self.name), INSTITUTION)

    async def covered_until(self) -> str:
        found = await self.app.database.read(
            lambda tx: runs.covered_until(tx, self.name), INSTITUTION
        )
        return str(found)


NewCollection = Callable[..., Collected]


def held(vendor: Vendor) -> set[str]:
    """The ISBNs of what the vendor lends to the library."""
    return {title.isbn for some in vendor.collection.held(None) for title in some}


def a_title(number: int, medium: str = "eBook", **more: object) -> dict[str, object]:
    """A media object that the sandbox does not have."""
    isbn = f"97900000{number:05d}"
    return {"isbn": isbn, "mediaType": medium, "title": f"Volume {number} of Zanzibar"} | more


def write_dump(path: Path, titles: int, description: str = "A book.") -> Path:
    """A dump of `media/all` with so many of the sandbox's own titles, all of this description."""
    records = [each | {"description": description} for each, _ in islice(own_titles(), titles)]
    assert len(records) == titles
    path.write_text(json.dumps(records))
    return path
