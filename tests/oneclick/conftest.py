"""A vendor to talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bibliobus.oneclick.client import Client
from tests.oneclick.vendor import Clock, Vendor


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
