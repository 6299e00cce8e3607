"""The client and the sandbox, which know nothing of each other, understand each other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bibliobus.catalogue import Medium
from bibliobus.oneclick import Client, CollectionSettings, parse_search_item, parse_title
from bibliobus.sandbox.vendor import Vendor, VendorSettings, serving_vendor

ERAS = ("E1", "E2", "E3", "E4")


@pytest.fixture(params=ERAS)
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """A client of a sandbox that speaks as it does."""
    vendor = Vendor.open(None, VendorSettings(era=request.param, token="of-the-test"))
    async with serving_vendor(vendor) as url:
        settings = CollectionSettings(
            library_id=1931, url=url, token="of-the-test", era=request.param
        )
        async with Client(settings) as client:
            yield client
    vendor.close()


async def test_the_lists_of_availability_agree(client: Client) -> None:
    everything = await client.availability()
    ebooks = await client.availability(Medium.EBOOK)
    eaudio = await client.availability(Medium.EAUDIO)
    first = ebooks[0]
    assert first.isbn is not None
    one = await client.availability_of(first.isbn)

    assert {row.isbn for row in everything} == {row.isbn for row in (*ebooks, *eaudio)}
    assert one is not None
    assert one.available is first.available


async def test_a_search_and_a_title_are_the_same_book(client: Client) -> None:
    page = await client.search(medium=Medium.EBOOK, text={"title": "hard times"})
    found = parse_search_item(page.items[0])
    assert found.title.isbn is not None
    raw = await client.title(found.title.isbn)

    assert raw is not None
    assert found.owned
    title = parse_title(raw)
    assert (title.title, title.isbn) == (found.title.title, found.title.isbn) == (
        "Hard Times", found.title.isbn,
    )  # fmt: skip
    assert [each.name for each in title.contributors] == [
        each.name for each in found.title.contributors
    ]


async def test_all_pages_of_a_search_are_all_titles(client: Client) -> None:
    isbns = [
        parse_search_item(item).title.isbn
        async for page in client.pages(medium=Medium.EBOOK)
        for item in page.items or ()
    ]

    assert len(isbns) == len(set(isbns)) == len(await client.availability(Medium.EBOOK))
