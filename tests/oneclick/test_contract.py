"""The port's promises of a vendor's collection, kept by OneClickdigital's: before the sandbox, on
SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from bibliobus.app import App, load
from bibliobus.config import Config, DatabaseConfig
from bibliobus.ils.library import InstitutionSettings, Library
from bibliobus.jobs import Wanted, do
from bibliobus.oneclick import Client, CollectionSettings, OneClickCollection
from bibliobus.oneclick.desk import Desk
from bibliobus.oneclick.runs import Job
from bibliobus.sandbox.vendor import Vendor, VendorSettings, serving_vendor
from bibliobus.testing.contract import (
    INSTITUTION,
    SETTINGS,
    ContractCollection,
    DigitalContract,
)
from tests.oneclick.collected import TOKEN

NAME = "ebooks"


class AtTheVendor(ContractCollection):
    """A OneClickCollection before the sandbox, and how to fill both."""

    def __init__(self, app: App, vendor: Vendor, url: str) -> None:
        self._app, self._vendor = app, vendor
        self._settings = CollectionSettings(
            institution=INSTITUTION, library_id=1931, url=url, token=TOKEN, reconciling_seconds=0
        )
        self.opened: list[OneClickCollection] = []
        self.ils: OneClickCollection = self._open()

    async def add(self, library: Library) -> None:
        await load(self._app, replace(library, items=(), loans=(), holds=(), fees=()))
        for item in library.items:
            medium = "eAudio" if item.item_type == "audiobook" else "eBook"
            copies = sum(1 for loan in library.loans if loan.item == item.id)
            self._vendor.add_title(
                {
                    "isbn": item.id,
                    "mediaType": medium,
                    "title": item.title,
                    "hasDigitalRights": False,
                },
                copies=max(copies, 1),
            )
        if library.items:
            await self._do(Job.IMPORT)
        for loan in library.loans:
            await self._lend(loan.patron, loan.item, loan.due_at)
        if library.items:
            await self._do(Job.AVAILABILITY)

    async def _do(self, job: Job) -> None:
        database = DatabaseConfig(url=self._app.database.url)
        config = Config(database=database, oneclick={NAME: self._settings})
        await do(self._app, config, NAME, Wanted(job))

    async def restarted(self) -> OneClickCollection:
        self.ils = self._open()
        return self.ils

    async def _lend(self, patron_id: str, isbn: str, due_at: datetime) -> None:
        patron = await self.ils._desk.patron(patron_id)
        remote = self._vendor.patrons.get(await self.ils._accounts.remote_id(patron))
        title = self._vendor.collection.find(isbn)
        assert remote is not None
        assert title is not None
        days = (due_at.astimezone(UTC).date() - self._vendor.clock.today).days
        self._vendor.lending.checkout(
            self._vendor.settings, remote, title, days, self._vendor.clock.today
        )
        await self.ils.reconcile(patron_id)

    def _open(self) -> OneClickCollection:
        desk = Desk(
            institution=INSTITUTION, collection=NAME, settings=self._settings,
            zone=ZoneInfo(SETTINGS.time_zone), database=self._app.database,
            ils=self._app.embedded[INSTITUTION], room=self._app.embedded[INSTITUTION].room,
            client=Client(self._settings, sleep=lambda _: asyncio.sleep(0)),
        )  # fmt: skip
        self.opened.append(OneClickCollection(desk, sleep=lambda _: asyncio.sleep(0)))
        return self.opened[-1]


class TestOneClickCollection(DigitalContract):
    @pytest.fixture
    def settings(self) -> InstitutionSettings:
        return SETTINGS

    @pytest.fixture
    async def library(self, app: App, tmp_path: Path) -> AsyncIterator[ContractCollection]:
        nothing = tmp_path / "nothing.json"
        nothing.write_text("[]")
        vendor = Vendor.open(None, VendorSettings(token=TOKEN), catalogue=nothing)
        async with serving_vendor(vendor) as url:
            library = AtTheVendor(app, vendor, url)
            yield library
            for each in library.opened:
                await each.close()
        vendor.close()
