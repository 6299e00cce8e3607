"""The words that tests of lending are told in: a library, a vendor, and what each knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bibliobus.ils import Origin
from bibliobus.oneclick.accounts import Account
from bibliobus.oneclick.client import Client
from bibliobus.oneclick.collection import OneClickCollection
from bibliobus.oneclick.desk import Desk
from bibliobus.oneclick.settings import CollectionSettings
from bibliobus.sandbox.vendor import Vendor
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


@asynccontextmanager
async def lent(
    library: Library, collected: Collected, vendor: Vendor, today: Today, **settings: object
) -> AsyncIterator[Lent]:
    """The collection, its titles imported, open for borrowing."""
    await collected.imported()
    await collected.availability()
    async with reopened(library, collected, vendor, today, **settings) as found:
        yield found


@asynccontextmanager
async def reopened(
    library: Library, collected: Collected, vendor: Vendor, today: Today, **settings: object
) -> AsyncIterator[Lent]:
    """The same, as another process finds it."""
    its = collected.settings
    usual = {name: getattr(its, name) for name in CollectionSettings.__struct_fields__} | {
        "token": TOKEN,
        "reconciling_seconds": 0,
    }
    settings_of = CollectionSettings(**usual | settings)
    desk = Desk(
        institution=INSTITUTION, collection=collected.name, settings=settings_of,
        zone=ZoneInfo("Europe/Paris"), database=library.app.database, ils=library.ils,
        client=Client(settings_of, clock=today, sleep=lambda _: asyncio.sleep(0)),
        room=library.app.embedded[INSTITUTION].room, now=today,
    )  # fmt: skip
    collection = OneClickCollection(desk, sleep=lambda _: asyncio.sleep(0))
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
