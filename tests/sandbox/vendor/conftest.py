"""A sandbox at a real address, a clock that stands still, and clients of several kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bibliobus.sandbox.vendor import Vendor, VendorSettings, serving_vendor

RECORDINGS = Path(__file__).parents[3].parent / "shared/data/oneclick"
CATALOGUE = RECORDINGS / "response_catalog_all_97_titles.json"
TOKEN = "3f2a9d1c-0000-4000-8000-00000000abcd"
L = "/v1/libraries/1931"
EBOOK, OTHER_EBOOK, THIRD_EBOOK = "9789999900010", "9789999900027", "9789999900041"
EAUDIO, PROTECTED_EAUDIO = "9789999900034", "9789999900065"


class Clock:
    """What the sandbox takes for the time: it stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2016, 10, 24, 16, 11, 52, 588733, UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **length: float) -> None:
        self.now += timedelta(**length)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings() -> VendorSettings:
    """Tests of another library have a fixture of this name."""
    return VendorSettings(token=TOKEN)


@pytest.fixture
def catalogue() -> Path | None:
    """None: the titles in the box."""
    return None


@pytest.fixture
async def vendor(
    settings: VendorSettings, catalogue: Path | None, clock: Clock
) -> AsyncIterator[Vendor]:
    vendor = Vendor.open(None, settings, catalogue=catalogue, clock=clock)
    yield vendor
    vendor.close()


@pytest.fixture
async def url(vendor: Vendor) -> AsyncIterator[str]:
    async with serving_vendor(vendor) as url:
        yield url


@pytest.fixture
async def partner(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with the partner token."""
    async with httpx2.AsyncClient(
        base_url=url, headers={"Authorization": f"Basic {TOKEN}"}
    ) as client:
        yield client


@pytest.fixture
async def anybody(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without any token."""
    async with httpx2.AsyncClient(base_url=url) as client:
        yield client


def recorded(name: str) -> Path:
    """A recording of the real vendor."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"{path} is not here, so nothing can be compared with it")
    return path


def account(number: int = 0, **changes: Any) -> dict[str, Any]:
    """What a client of the first era sends to make a patron."""
    return {
        "libraryId": 1931,
        "libraryCardNumber": f"130572262{number}",
        "userName": f"mickeymouse{number}",
        "email": f"mickey{number}@mouse.com",
        "firstName": "Mic",
        "lastName": "Mouse",
        "password": "secret",
    } | changes


def late_account(number: int = 0, **changes: Any) -> dict[str, Any]:
    """The same for the last era."""
    sent = account(number, postalCode="11111", libraryCard=f"130572262{number}")
    del sent["libraryCardNumber"]
    return sent | changes
