"""A vendor to talk to: one that says what it is told to, and the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bibliobus.app import App
from bibliobus.oneclick.client import Client
from bibliobus.sandbox.vendor import Vendor as Sandbox
from bibliobus.sandbox.vendor import VendorSettings, serving_vendor
from tests.oneclick.collected import TITLES, TOKEN, Collected, NewCollection, Today, write_dump
from tests.oneclick.lending import Lent, lent
from tests.oneclick.vendor import Clock, Vendor
from tests.oneclick.wiretap import Wiretap
from tests.support import Library


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """One that listens on a port of this machine."""
    vendor = Vendor()
    await vendor.open()
    yield vendor
    await vendor.close()


@pytest.fixture
def clock() -> Clock:
    """The client's."""
    return Clock()


@pytest.fixture
async def client(vendor: Vendor, clock: Clock) -> AsyncIterator[Client]:
    """A client of the vendor's, in E1."""
    async with vendor.client(clock) as client:
        yield client


@pytest.fixture
async def later(vendor: Vendor, clock: Clock) -> AsyncIterator[Client]:
    """A client of the vendor's, in E4."""
    async with vendor.client(clock, era="E4") as client:
        yield client


@pytest.fixture
def today() -> Today:
    """The time, for jobs and for the sandbox."""
    return Today()


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A dump of what the sandbox lends. Tests of another one have a fixture of this name."""
    return write_dump(tmp_path / "dump.json", TITLES)


@pytest.fixture
def era() -> str:
    """How the sandbox speaks."""
    return "E1"


@pytest.fixture
async def sandbox(today: Today, catalogue: Path, era: str) -> AsyncIterator[Sandbox]:
    """The vendor with its rules, without an address."""
    settings = VendorSettings(token=TOKEN, era=era)  # type: ignore[arg-type] # a text
    vendor = Sandbox.open(None, settings, catalogue=catalogue, clock=today)
    yield vendor
    vendor.close()


@pytest.fixture
async def collections(
    app: App, sandbox: Sandbox, today: Today, tmp_path: Path
) -> AsyncIterator[NewCollection]:
    """Makes collections that the sandbox, at its address, lends to MAIN."""
    async with serving_vendor(sandbox) as url:

        def of(name: str = "oneclick", **settings: str | bool) -> Collected:
            usual: dict[str, str | bool] = {"url": url, "era": sandbox.settings.era}
            return Collected(app, today, tmp_path / "spool", name, **usual | settings)

        yield of


@pytest.fixture
def collection(collections: NewCollection) -> Collected:
    """The collection of MAIN, nothing of it imported yet."""
    return collections()


@pytest.fixture
def scripted(collections: NewCollection, vendor: Vendor) -> Collected:
    """A collection whose vendor says what it is told to say."""
    return collections(url=vendor.url)


@pytest.fixture
async def wire() -> AsyncIterator[Wiretap]:
    """What we send to the vendor."""
    wire = Wiretap()
    yield wire
    await wire.http.aclose()


@pytest.fixture
def terms() -> dict[str, object]:
    """What is set for the collection that MAIN lends. Tests of other terms have a parameter of this
    name."""
    return {}


@pytest.fixture
async def lending(
    library: Library,
    collection: Collected,
    sandbox: Sandbox,
    today: Today,
    wire: Wiretap,
    terms: dict[str, object],
) -> AsyncIterator[Lent]:
    """MAIN lends the sandbox's titles to ada and grace, who are new to the vendor."""
    await library.patron("ada")
    await library.patron("grace")
    async with lent(
        library, collection, sandbox, today, http=wire.http,
        **terms,  # type: ignore[arg-type] # what a test wants to set
    ) as found:  # fmt: skip
        yield found
