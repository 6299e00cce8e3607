"""A patron's wishlist: what they would like to read, whether or not the library has it."""

from __future__ import annotations

import asyncio

import pytest

from bibliobus.ils import PatronNotFound, TitleNotFound
from bibliobus.sandbox.vendor import Vendor
from tests.oneclick.collected import NewCollection, Today
from tests.oneclick.lending import READER, Lent, lent
from tests.support import Library


async def wished(lending: Lent, patron: str = "ada") -> list[str]:
    """The ISBNs of a patron's wishlist."""
    return [wish.isbn for wish in await lending.collection.wishlist(patron)]


async def test_the_newest_wish_comes_first(lending: Lent) -> None:
    first, second, third = lending.isbns()[:3]
    assert await wished(lending) == []
    for isbn in (second, third, first):
        lending.today.wait(minutes=1)
        await lending.collection.add_wish("ada", isbn, origin=READER)

    assert await wished(lending) == [first, third, second]


async def test_a_wish_says_what_and_since_when(lending: Lent) -> None:
    isbn = lending.isbns()[0]

    wish = await lending.collection.add_wish("ada", f"{isbn[:3]}-{isbn[3:]}", origin=READER)

    assert (wish.isbn, wish.title_id, wish.wished_at) == (isbn, "Middlemarch", lending.today.now)
    assert await lending.collection.wishlist("ada") == [wish]


async def test_a_title_is_wished_for_once(lending: Lent) -> None:
    isbn = lending.isbns()[0]
    first = await lending.collection.add_wish("ada", isbn, origin=READER)
    lending.today.wait(days=3)

    again = await lending.collection.add_wish("ada", isbn, origin=READER)

    assert again == first
    assert await lending.collection.wishlist("ada") == [first]


async def test_a_double_click_is_one_wish(lending: Lent) -> None:
    isbn = lending.isbns()[0]

    wishes = await asyncio.gather(
        *(lending.collection.add_wish("ada", isbn, origin=READER) for _ in range(5))
    )

    assert len(set(wishes)) == 1
    assert await wished(lending) == [isbn]


async def test_wishes_are_each_patrons_own(lending: Lent) -> None:
    first, second = lending.isbns()[:2]
    await lending.collection.add_wish("ada", first, origin=READER)
    await lending.collection.add_wish("grace", first, origin=READER)
    await lending.collection.add_wish("grace", second, origin=READER)

    await lending.collection.drop_wish("grace", first, origin=READER)

    assert await wished(lending, "ada") == [first]
    assert await wished(lending, "grace") == [second]


async def test_a_wish_can_be_dropped_however_often(lending: Lent) -> None:
    isbn = lending.isbns()[0]
    await lending.collection.add_wish("ada", isbn, origin=READER)

    await lending.collection.drop_wish("ada", f"ISBN {isbn[:3]}-{isbn[3:]}", origin=READER)
    await lending.collection.drop_wish("ada", isbn, origin=READER)
    await lending.collection.drop_wish("ada", "no isbn", origin=READER)

    assert await wished(lending) == []


async def test_what_the_vendor_does_not_have_cannot_be_wished_for(lending: Lent) -> None:
    for isbn in ("9789999999999", "31000001", ""):
        with pytest.raises(TitleNotFound):
            await lending.collection.add_wish("ada", isbn, origin=READER)
    assert await wished(lending) == []


async def test_only_patrons_wish(lending: Lent) -> None:
    isbn = lending.isbns()[0]

    with pytest.raises(PatronNotFound):
        await lending.collection.wishlist("nobody")
    with pytest.raises(PatronNotFound):
        await lending.collection.add_wish("nobody", isbn, origin=READER)
    with pytest.raises(PatronNotFound):
        await lending.collection.drop_wish("nobody", isbn, origin=READER)


async def test_a_title_may_be_on_loan_or_lent_out(lending: Lent) -> None:
    mine, out = lending.isbns()[:2]
    await lending.collection.checkout("ada", mine, origin=READER)
    lending.lent_to_a_stranger(out)

    await lending.collection.add_wish("ada", mine, origin=READER)
    await lending.collection.add_wish("ada", out, origin=READER)

    assert set(await wished(lending)) == {mine, out}


async def test_a_title_that_leaves_stays_on_the_list_until_it_is_dropped(lending: Lent) -> None:
    isbn = lending.isbns()[0]
    wish = await lending.collection.add_wish("ada", isbn, origin=READER)
    lending.vendor.remove_title(isbn)
    lending.today.wait(days=1)
    await lending.collected.imported(again=True)

    assert await lending.collection.wishlist("ada") == [wish]
    await lending.collection.drop_wish("ada", isbn, origin=READER)
    assert await wished(lending) == []


async def test_each_collection_has_a_list_of_its_own(
    library: Library, collections: NewCollection, sandbox: Vendor, today: Today
) -> None:
    await library.patron("ada")
    async with (
        lent(library, collections("fiction"), sandbox, today) as fiction,
        lent(library, collections("other"), sandbox, today) as other,
    ):
        isbn = fiction.isbns()[0]
        await fiction.collection.add_wish("ada", isbn, origin=READER)

        assert await wished(other) == []
        await other.collection.drop_wish("ada", isbn, origin=READER)
        assert await wished(fiction) == [isbn]


async def test_the_vendor_is_told_nothing(lending: Lent) -> None:
    asked = lending.vendor.calls.total()

    await lending.collection.add_wish("ada", lending.isbns()[0], origin=READER)
    await lending.collection.wishlist("ada")
    await lending.collection.drop_wish("ada", lending.isbns()[0], origin=READER)

    assert lending.vendor.calls.total() == asked
    assert lending.vendor.patrons.count() == 0
