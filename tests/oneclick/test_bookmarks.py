"""Where a patron stopped is known as long as they have the title, and not longer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bibliobus.ils import Bookmark, NotOnLoan
from bibliobus.sandbox.vendor import Vendor
from tests.oneclick.collected import Collected
from tests.oneclick.lending import READER, Lent, reopened
from tests.support import Library


def at(minute: int, *, part: int = 0, seconds: float = 0) -> Bookmark:
    """A place that was kept so many minutes after noon."""
    noon = datetime(2016, 10, 24, 12, tzinfo=UTC)
    return Bookmark(
        part=part, position=timedelta(seconds=seconds), kept_at=noon + timedelta(minutes=minute)
    )


@pytest.fixture
async def audio(lending: Lent) -> str:
    """An audiobook that ada has."""
    isbn = lending.isbns("eAudio")[0]
    await lending.collection.checkout("ada", isbn, origin=READER)
    return isbn


async def keep(lending: Lent, isbn: str, bookmark: Bookmark, patron: str = "ada") -> None:
    await lending.collection.keep_bookmark(patron, isbn, bookmark, origin=READER)


async def test_a_new_loan_has_none(lending: Lent, audio: str) -> None:
    assert await lending.collection.bookmark("ada", audio) is None


async def test_one_is_given_back_as_it_was_kept(lending: Lent, audio: str) -> None:
    place = Bookmark(
        part=20, position=timedelta(hours=1, microseconds=123457),
        kept_at=datetime(2016, 10, 24, 12, 0, 0, 654321, UTC),
    )  # fmt: skip

    await keep(lending, audio, place)

    assert await lending.collection.bookmark("ada", audio) == place


async def test_another_door_finds_it(
    lending: Lent, library: Library, collection: Collected, sandbox: Vendor, audio: str
) -> None:
    await keep(lending, audio, at(1, part=3, seconds=7.25))

    async with reopened(library, collection, sandbox, lending.today) as other:
        hyphens = f"{audio[:3]}-{audio[3:]}"
        assert await other.collection.bookmark("ada", hyphens) == at(1, part=3, seconds=7.25)


async def test_a_later_one_counts_whichever_comes_first(lending: Lent, audio: str) -> None:
    await keep(lending, audio, at(5, part=2))
    await keep(lending, audio, at(4, part=9))  # from a reader that was off line
    assert await lending.collection.bookmark("ada", audio) == at(5, part=2)

    await keep(lending, audio, at(6, part=1))
    assert await lending.collection.bookmark("ada", audio) == at(6, part=1)


async def test_of_many_at_once_the_latest_stays(lending: Lent, audio: str) -> None:
    await asyncio.gather(*(keep(lending, audio, at(n % 17, part=n % 17)) for n in range(40)))

    assert await lending.collection.bookmark("ada", audio) == at(16, part=16)


async def test_each_loan_has_its_own(lending: Lent, audio: str) -> None:
    other = lending.isbns("eAudio")[1]
    await lending.collection.checkout("ada", other, origin=READER)
    await lending.collection.checkout("grace", audio, origin=READER)

    await keep(lending, audio, at(1, part=1))
    await keep(lending, other, at(1, part=2))
    await keep(lending, audio, at(1, part=3), "grace")

    assert await lending.collection.bookmark("ada", audio) == at(1, part=1)
    assert await lending.collection.bookmark("ada", other) == at(1, part=2)
    assert await lending.collection.bookmark("grace", audio) == at(1, part=3)


async def test_it_stays_when_the_loan_gets_longer(lending: Lent, audio: str) -> None:
    await keep(lending, audio, at(1))
    lending.today.wait(days=2)

    await lending.collection.renew("ada", item_id=audio, origin=READER)
    await lending.collection.reconcile("ada")

    assert await lending.collection.bookmark("ada", audio) == at(1)


@pytest.mark.parametrize("how", ["returned", "returned at the vendor", "over"])
async def test_it_goes_when_the_loan_ends(lending: Lent, audio: str, how: str) -> None:
    ours = lending.collection
    await keep(lending, audio, at(1))

    if how == "returned":
        await ours.checkin(audio, origin=READER)
    elif how == "over":
        lending.today.wait(days=15)
        lending.vendor.tick()
    else:
        await lending.returned_at_the_vendor("ada", audio)
        await ours.reconcile("ada")

    with pytest.raises(NotOnLoan):
        await ours.bookmark("ada", audio)
    await ours.checkout("ada", audio, origin=READER)
    assert await ours.bookmark("ada", audio) is None
    assert (await lending.all_rows())["bookmarks"] == []


async def test_only_who_has_the_title_keeps_or_finds_one(lending: Lent, audio: str) -> None:
    held = lending.isbns()[0]
    await lending.collection.add_hold("ada", item_id=held, origin=READER)
    await keep(lending, audio, at(1))

    for patron, isbn in (
        ("grace", audio),
        ("ada", held),
        ("ada", "9789999999999"),
        ("ada", ""),
        ("nobody", audio),
    ):
        with pytest.raises(NotOnLoan):
            await lending.collection.bookmark(patron, isbn)
        with pytest.raises(NotOnLoan):
            await keep(lending, isbn, at(2), patron)
    assert await lending.collection.bookmark("ada", audio) == at(1)


async def test_the_vendor_is_told_nothing(lending: Lent, audio: str) -> None:
    asked = lending.vendor.calls.total()

    await keep(lending, audio, at(1))
    await lending.collection.bookmark("ada", audio)

    assert lending.vendor.calls.total() == asked
