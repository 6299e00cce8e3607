"""What can be borrowed now: two lists, and only what is different from what we knew is written."""

from __future__ import annotations

import pytest

from bibliobus.ils.errors import CirculationError
from bibliobus.oneclick.availability import MOST_FETCHED
from bibliobus.oneclick.collecting import JobError, Shrinks
from bibliobus.oneclick.errors import VendorError
from bibliobus.oneclick.runs import Job, Outcome
from bibliobus.sandbox.vendor import Vendor as Sandbox
from tests.oneclick.collected import TITLES, Collected, NewCollection, a_title, held
from tests.oneclick.vendor import Vendor, as_json, message, recorded

MIDDLEMARCH = "9789999900010"
LISTS, TITLE = "availability/{medium}", "media/{isbn}"


@pytest.fixture
async def imported(collection: Collected) -> Collected:
    """Everything is there, and nothing is known of its availability."""
    await collection.imported()
    return collection


async def test_what_is_listed_is_owned_and_perhaps_available(
    imported: Collected, sandbox: Sandbox
) -> None:
    sandbox.set_copies(MIDDLEMARCH, 0)

    run = await imported.availability()

    assert (run.job, run.outcome) == (Job.AVAILABILITY, Outcome.DONE)
    assert (run.counts.received, run.counts.updated) == (TITLES, TITLES)
    assert run.counts.media == {"ebook": 100, "eaudio": 50}
    assert await imported.flags(MIDDLEMARCH) == (True, False)
    others = [it for isbn, it in (await imported.known()).items() if isbn != MIDDLEMARCH]
    assert all(it.owned and it.available for it in others)
    assert sandbox.calls[LISTS] == 2
    assert sandbox.calls[TITLE] == 0


async def test_only_differences_are_written(imported: Collected, sandbox: Sandbox) -> None:
    await imported.availability()
    assert (await imported.availability()).counts.updated == 0
    sandbox.set_copies(MIDDLEMARCH, 0)

    run = await imported.availability()

    assert (run.counts.updated, run.counts.unchanged) == (1, TITLES - 1)
    assert await imported.flags(MIDDLEMARCH) == (True, False)

    sandbox.set_copies(MIDDLEMARCH, 2)
    await imported.availability()

    assert await imported.flags(MIDDLEMARCH) == (True, True)


async def test_an_import_keeps_what_is_known(imported: Collected, sandbox: Sandbox) -> None:
    sandbox.set_copies(MIDDLEMARCH, 0)
    await imported.availability()
    sandbox.add_title(
        {"isbn": MIDDLEMARCH, "mediaType": "eBook", "title": "Middlemarch, revised"}, copies=0
    )

    await imported.imported(again=True)

    assert await imported.flags(MIDDLEMARCH) == (True, False)


async def test_what_vanished_from_the_list_cannot_be_borrowed(
    imported: Collected, sandbox: Sandbox
) -> None:
    await imported.availability()
    sandbox.remove_title(MIDDLEMARCH)

    run = await imported.availability()

    assert (run.counts.vanished, run.counts.updated) == (1, 1)
    assert await imported.flags(MIDDLEMARCH) == (True, False)
    assert MIDDLEMARCH in await imported.titles()  # that it left is for the delta to say
    assert (await imported.availability()).counts.vanished == 0


async def test_new_titles_are_fetched(imported: Collected, sandbox: Sandbox) -> None:
    sandbox.add_title(a_title(1))
    sandbox.add_title(a_title(2, "eAudio"))
    sandbox.add_title(a_title(3), copies=0)

    run = await imported.availability()

    assert run.counts.added == 3
    assert await imported.titles() == held(sandbox)
    assert await imported.flags("9790000000001") == (True, True)
    assert await imported.flags("9790000000003") == (True, False)
    assert "9790000000002" in await imported.found("zanzibar")
    assert sandbox.calls[TITLE] == 3


async def test_one_that_was_withdrawn_and_is_listed_is_there_again(
    imported: Collected, sandbox: Sandbox
) -> None:
    sandbox.remove_title(MIDDLEMARCH)
    await imported.imported(again=True)
    sandbox.add_title({"isbn": MIDDLEMARCH, "mediaType": "eBook", "title": "Middlemarch"})

    await imported.availability()

    assert await imported.withdrawn() == set()
    assert await imported.flags(MIDDLEMARCH) == (True, True)


async def test_a_list_that_fails_does_not_keep_the_other(
    imported: Collected, sandbox: Sandbox
) -> None:
    ebooks = "/v1/libraries/1931/media/eBook"
    sandbox.faults.add("html-page", path=ebooks)

    with pytest.raises(VendorError):
        await imported.availability()

    (run, *_) = await imported.runs()
    assert run.outcome is Outcome.FAILED
    known = (await imported.known()).values()
    assert {it.available for it in known if it.medium.value == "eaudio"} == {True}
    assert {it.available for it in known if it.medium.value == "ebook"} == {None}


async def test_if_both_fail_both_reasons_are_told(imported: Collected, sandbox: Sandbox) -> None:
    sandbox.faults.add("truncated", path="/v1/libraries/1931/media/eBook")
    sandbox.faults.add("unknown-message", path="/v1/libraries/1931/media/eAudio")

    with pytest.raises(JobError) as told:
        await imported.availability()

    assert str(told.value).count("; GET") == 1
    assert (await imported.runs())[0].note == str(told.value)


async def test_a_list_that_lacks_too_much_is_not_believed(
    scripted: Collected, vendor: Vendor
) -> None:
    titles = [a_title(number) for number in range(150)]
    vendor.answers(as_json(titles))
    await scripted.imported()
    vendor.answers(listed(titles), b"[]")
    await scripted.availability()

    for rest in (titles[:49], []):
        vendor.answers(listed(rest), b"[]")
        with pytest.raises(Shrinks, match=f"{150 - len(rest)} of 150 titles are not in the list"):
            await scripted.availability()
        assert (await scripted.runs())[0].outcome is Outcome.HELD
        assert all(it.available for it in (await scripted.known()).values())

    vendor.answers(listed(titles[:50]), b"[]")
    assert (await scripted.availability()).counts.vanished == 100
    vendor.answers(b"[]", b"[]")
    assert (await scripted.availability(may_shrink=True)).counts.vanished == 50


async def test_a_library_without_audio_has_an_empty_list(
    scripted: Collected, vendor: Vendor
) -> None:
    vendor.answers(as_json([a_title(1)]))
    await scripted.imported()
    vendor.answers(listed([a_title(1)]), b"[]")

    assert (await scripted.availability()).counts.media == {"ebook": 1, "eaudio": 0}


async def test_odd_rows_are_told_of(scripted: Collected, vendor: Vendor) -> None:
    one = a_title(1)
    vendor.answers(as_json([one]))
    await scripted.imported()
    rows = [{"isbn": None, "availability": True}, {"isbn": "12", "availability": True}, one]
    vendor.answers(as_json([*rows, one | {"availability": True}]), b"[]")

    run = await scripted.availability()

    assert run.outcome is Outcome.DONE
    assert [each.what for each in run.odd] == ["a row of availability", "12"]
    assert await scripted.flags("9790000000001") == (True, True)  # said once, and once not


async def test_the_first_of_many_unknown_titles_are_asked_for(
    scripted: Collected, vendor: Vendor
) -> None:
    vendor.answers(recorded("response_availability_ebook_1.json"), message(NOT_THERE))

    with pytest.raises(CirculationError):  # it has no list of eAudio either
        await scripted.availability()

    (run,) = await scripted.runs()
    assert run.outcome is Outcome.FAILED
    assert run.counts.media["ebook"] == 852
    assert run.counts.unreadable == 852
    assert len(vendor.asked) == 1 + MOST_FETCHED + 1


class TestTitlesNotOwned:
    """A few libraries have the vendor list what they could buy, as never available."""

    async def test_what_is_not_available_may_not_be_owned(
        self, collections: NewCollection, vendor: Vendor
    ) -> None:
        collection = collections(url=vendor.url, shows_titles_not_owned=True)
        one, other = a_title(1), a_title(2)
        vendor.answers(as_json([one, other]), NOTHING_FOUND)
        await collection.imported()
        vendor.answers(listed([one])[:-1] + b"," + listed([other], available=False)[1:], b"[]")

        await collection.availability()

        assert await collection.flags("9790000000001") == (True, True)
        assert await collection.flags("9790000000002") == (None, False)

        vendor.answers(listed([one, other], available=False), b"[]")
        await collection.availability()

        assert await collection.flags("9790000000001") == (True, False)  # only lent


NOTHING_FOUND = (
    b'{"pageIndex": 0, "pageSize": 100, "pageCount": 0, "resultSetCount": 0, "items": []}'
)
NOT_THERE = (
    "eXtensible Framework was unable to locate the resource for RB.API.LibraryMedia.Get"
    "     details: ICriterion: [ Isbn<String> : 1]"
)


def listed(titles: list[dict[str, object]], *, available: bool = True) -> bytes:
    return as_json([{"isbn": each["isbn"], "availability": available} for each in titles])
