"""The port's promises of a vendor's collection, kept in memory."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from bibliobus.ils import BeingConfirmed, NoCopyAvailable
from bibliobus.ils.library import Library
from bibliobus.testing import MemoryCollection, MemoryILS
from bibliobus.testing.contract import (
    INSTITUTION,
    SETTINGS,
    ContractCollection,
    DigitalContract,
    document,
    item,
    origin,
    patron,
)
from bibliobus.testing.contract.library import ITEM, charged


class InMemory(ContractCollection):
    """A MemoryCollection before a MemoryILS, and how to fill them."""

    def __init__(
        self, patience: float = 1.0, adapter: type[MemoryCollection] = MemoryCollection
    ) -> None:
        self._patrons = MemoryILS(INSTITUTION, SETTINGS)
        self.ils: MemoryCollection = adapter(self._patrons, patience=patience)

    async def add(self, library: Library) -> None:
        self._patrons.load(replace(library, items=(), loans=(), holds=(), fees=()))
        self.ils.load(library)


class TestMemoryCollection(DigitalContract):
    @pytest.fixture
    async def library(self) -> ContractCollection:
        return InMemory()


# ------------------------------------------------ a vendor that keeps silent


async def test_says_that_it_is_being_confirmed_and_goes_on() -> None:
    library = InMemory(patience=0.01)
    await library.add(document(patron(), item()))

    library.ils.answers.clear()
    with pytest.raises(BeingConfirmed):
        await library.ils.checkout("ada", ITEM, origin=origin("1"))
    with pytest.raises(BeingConfirmed):  # it joins the first, and begins nothing new
        await library.ils.checkout("ada", ITEM, origin=origin("2"))
    assert await charged(library, "ada") == []
    library.ils.answers.set()

    lent = await library.ils.checkout("ada", ITEM, origin=origin("1"))

    assert await library.ils.checkout("ada", ITEM, origin=origin("1")) == lent
    assert await charged(library, "ada") == [ITEM]


async def test_forgets_what_the_vendor_refused_at_last() -> None:
    library = InMemory(patience=0.01)
    await library.add(document(patron(), patron("grace"), item()))

    library.ils.answers.clear()
    for who in ("grace", "ada"):
        with pytest.raises(BeingConfirmed):
            await library.ils.checkout(who, ITEM, origin=origin(who))
    library.ils.answers.set()
    await asyncio.sleep(0.01)

    assert await charged(library, "grace") == [ITEM]
    with pytest.raises(NoCopyAvailable):
        await library.ils.checkout("ada", ITEM, origin=origin("ada"))


async def test_answers_all_who_wait_when_the_vendor_does() -> None:
    library = InMemory(patience=5)
    await library.add(document(patron(), item()))
    library.ils.answers.clear()

    waiting = [
        asyncio.create_task(library.ils.checkout("ada", ITEM, origin=origin(f"{n}")))
        for n in range(3)
    ]
    await asyncio.sleep(0.01)
    library.ils.answers.set()
    results = await asyncio.gather(*waiting)

    assert results[0] == results[1] == results[2]
    assert await charged(library, "ada") == [ITEM]


def test_has_no_title_without_an_isbn() -> None:
    collection = MemoryCollection(MemoryILS(INSTITUTION, SETTINGS))

    with pytest.raises(ValueError, match="no ISBN"):
        collection.own("31000001", "Middlemarch")
