"""The words that tests of lending are told in: a library, a vendor, and what each knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx2

from bibliobus.database import DatabaseError
from bibliobus.ils import Origin
from bibliobus.oneclick.accounts import Account
from bibliobus.oneclick.client import Client
from bibliobus.oneclick.collection import OneClickCollection
from bibliobus.oneclick.desk import Desk
from bibliobus.oneclick.settings import CollectionSettings
from bibliobus.sandbox.vendor import Vendor
from bibliobus.sandbox.vendor.collection import Title
from bibliobus.sandbox.vendor.patrons import Patron as Remote
from tests.oneclick.collected import INSTITUTION, TOKEN, Collected, Today
from tests.support import Library

READER = Origin(door="web")


def by(key: str, *, connection: str = "one", account: str = "kiosk") -> Origin:
    """A terminal's request that may come again."""
    return Origin(door="sip2", account=account, connection=connection, request_key=key.encode())


@dataclass
class Lent:
    """A collection that MAIN's patrons borrow from, and the vendor behind it."""

    collection: OneClickCollection
    vendor: Vendor
    library: Library
    today: Today
    collected: Collected

    async def account(self, patron: str) -> Account:
        """A patron's account at the vendor, as we know it."""
        who = await self.collection._desk.patron(patron)
        found = await self.collection._accounts.known(who)
        assert found is not None
        return found

    async def has_an_account(self, patron: str) -> None:
        """The patron has an account at the vendor, and never borrowed."""
        await self.collection._accounts.remote_id(await self.collection._desk.patron(patron))

    async def remote(self, patron: str) -> Remote:
        """A patron as the vendor knows them."""
        found = self.vendor.patrons.look_up((await self.account(patron)).alias)
        assert found is not None
        return found

    async def at_the_vendor(self, patron: str) -> tuple[set[str], set[str]]:
        """The ISBNs of what the vendor has lent to a patron, and of what they wait for there. Holds
        that are loans by now and still listed are none."""
        try:
            remote = await self.remote(patron)
        except AssertionError:
            return set(), set()
        lending, titles = self.vendor.lending, self.vendor.collection
        loans = {titles.at(each.title) for each in lending.loans(remote)}
        holds = {titles.at(each.title) for each in lending.holds(remote) if not each.lent}
        return {title.isbn for title in loans if title}, {title.isbn for title in holds if title}

    async def here(self, patron: str) -> tuple[set[str], set[str]]:
        """The same, as our mirror has it."""
        account = await self.collection.patron_account(patron)
        return (
            {loan.item_id for loan in account.loans},
            {hold.item_id or "" for hold in account.holds},
        )

    async def in_step(self, patron: str) -> bool:
        """Whether both are one."""
        return await self.here(patron) == await self.at_the_vendor(patron)

    def isbns(self, medium: str = "eBook") -> list[str]:
        """What the vendor lends of a medium."""
        return sorted(
            title.isbn
            for some in self.vendor.collection.held(None)
            for title in some
            if title.medium == medium
        )

    async def settled(self) -> None:
        """Wait until nobody works on anything any more."""
        while working := list(self.collection._changes._working.values()):
            await asyncio.wait(working, timeout=20)

    def title(self, isbn: str) -> Title:
        """What the vendor knows of a title."""
        title = self.vendor.collection.find(isbn)
        assert title is not None
        return title

    async def lent_at_the_vendor(self, patron: str, isbn: str) -> None:
        """The patron, who has an account there, borrows by another way than ours."""
        vendor = self.vendor
        remote, title = await self.remote(patron), self.title(isbn)
        vendor.lending.checkout(vendor.settings, remote, title, None, vendor.clock.today)

    async def returned_at_the_vendor(self, patron: str, isbn: str) -> None:
        """The patron gives back by another way than ours."""
        self.vendor.lending.give_back(await self.remote(patron), self.title(isbn))

    def lent_to_a_stranger(self, isbn: str) -> None:
        """Somebody who is none of ours borrows a title, of which there is one copy only."""
        vendor = self.vendor
        vendor.set_copies(isbn, 1)
        stranger = vendor.patrons.register(f"stranger{vendor.patrons.count()}")
        title = self.title(isbn)
        vendor.lending.checkout(vendor.settings, stranger, title, None, vendor.clock.today)

    async def all_rows(self) -> dict[str, list[tuple[object, ...]]]:
        """All that is in the database, by table; but for the words of titles."""
        database, found = self.library.app.database, dict[str, list[tuple[object, ...]]]()
        try:
            names = await database.read(lambda tx: tx.rows(_TABLES_OF_SQLITE), self.library.id)
        except DatabaseError:  # it is PostgreSQL
            names = await database.read(lambda tx: tx.rows(_TABLES_OF_POSTGRES), self.library.id)
        for (name,) in names:
            if not name.startswith(_INDEX):
                found[name] = await database.read(
                    lambda tx, name=name: tx.rows(f"SELECT * FROM {name}"),  # type: ignore[misc]
                    self.library.id,
                )
        return found

    async def tables_with(self, words: str) -> set[str]:
        """The tables of the database that have this somewhere in a row."""
        return {
            table
            for table, rows in (await self.all_rows()).items()
            if any(words in _text(value) for row in rows for value in row)
        }


_TABLES_OF_SQLITE = "SELECT name FROM sqlite_master WHERE type = 'table'"
_TABLES_OF_POSTGRES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_INDEX = "title_terms"  # what titles can be found by, which cannot be read whole


def _text(value: object) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)


async def at_once(seconds: float) -> None:
    """Wait for nothing."""
    await asyncio.sleep(0)


@asynccontextmanager
async def lent(
    library: Library,
    collected: Collected,
    vendor: Vendor,
    today: Today,
    *,
    http: httpx2.AsyncClient | None = None,
    sleep: Callable[[float], Awaitable[None]] = at_once,
    **settings: object,
) -> AsyncIterator[Lent]:
    """The collection, its titles imported, open for borrowing."""
    await collected.imported()
    await collected.availability()
    async with reopened(
        library, collected, vendor, today, http=http, sleep=sleep, **settings
    ) as found:
        yield found


@asynccontextmanager
async def reopened(
    library: Library,
    collected: Collected,
    vendor: Vendor,
    today: Today,
    *,
    http: httpx2.AsyncClient | None = None,
    sleep: Callable[[float], Awaitable[None]] = at_once,
    **settings: object,
) -> AsyncIterator[Lent]:
    """The same, as another process finds it.

    Args:
        library: Whose it is.
        collected: Of which vendor, and how.
        vendor: The sandbox.
        today: What time it is.
        http: Connections of the test's own.
        sleep: How the collection waits.
        settings: Others than the usual ones.
    """
    its = collected.settings
    usual = {name: getattr(its, name) for name in CollectionSettings.__struct_fields__} | {
        "token": TOKEN,
        "reconciling_seconds": 0,
    }
    settings_of = CollectionSettings(**usual | settings)
    desk = Desk(
        institution=INSTITUTION, collection=collected.name, settings=settings_of,
        zone=ZoneInfo("Europe/Paris"), database=library.app.database, ils=library.ils,
        client=Client(settings_of, http=http, clock=today, sleep=at_once),
        room=library.app.embedded[INSTITUTION].room, now=today,
    )  # fmt: skip
    collection = OneClickCollection(desk, sleep=sleep)
    try:
        yield Lent(collection, vendor, library, today, collected)
    finally:
        await collection.close()


def day_of(moment: datetime) -> str:
    """The day by the library's clock."""
    return moment.astimezone(ZoneInfo("Europe/Paris")).date().isoformat()


def at(day: str) -> datetime:
    """Noon of a day."""
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
