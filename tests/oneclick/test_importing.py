"""The vendor's whole catalogue comes into ours, by one call, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bibliobus.catalogue.store import known_titles
from bibliobus.database import Transaction
from bibliobus.database.leases import Lost
from bibliobus.oneclick.collecting import JobError, Shrinks, TooSoon
from bibliobus.oneclick.errors import VendorError
from bibliobus.oneclick.preparing import MANY
from bibliobus.oneclick.runs import Job, Outcome
from bibliobus.sandbox.vendor import Vendor as Sandbox
from tests.oneclick.collected import (
    INSTITUTION,
    TITLES,
    Collected,
    NewCollection,
    Today,
    a_title,
    held,
    write_dump,
)
from tests.oneclick.vendor import Vendor, as_json, recorded

MIDDLEMARCH = "9789999900010"
LISTING = "media/all"
MEDIA = {"ebook": 100, "eaudio": 50}


async def test_all_titles_come_by_one_call(collection: Collected, sandbox: Sandbox) -> None:
    run = await collection.imported()

    assert run.outcome is Outcome.DONE
    assert (run.counts.received, run.counts.added, run.counts.unreadable) == (TITLES, TITLES, 0)
    assert run.counts.media == MEDIA
    assert await collection.titles() == held(sandbox)
    assert MIDDLEMARCH in await collection.found("middlemarch eliot")
    assert await collection.flags(MIDDLEMARCH) == (None, None)  # a listing does not say
    assert sandbox.calls == {LISTING: 1}
    assert await collection.covered_until() == "2016-10-24"
    assert collection.told[-1] == (run.position, run.position)


async def test_a_second_import_changes_nothing(collection: Collected, sandbox: Sandbox) -> None:
    await collection.imported()
    before = await collection.known()

    run = await collection.imported(again=True)

    assert (run.counts.added, run.counts.updated, run.counts.unchanged) == (0, 0, TITLES)
    assert run.counts.media == MEDIA
    assert await collection.known() == before
    assert sandbox.calls[LISTING] == 2


async def test_the_vendor_is_asked_once_a_day(
    collection: Collected, sandbox: Sandbox, today: Today
) -> None:
    await collection.imported()

    today.wait(hours=23)
    with pytest.raises(TooSoon, match=r"fetched at 2016-10-24 16:11 UTC.*--again"):
        await collection.imported()
    assert sandbox.calls[LISTING] == 1

    today.wait(hours=1)
    await collection.imported()
    assert sandbox.calls[LISTING] == 2


async def test_a_clock_that_was_ahead_keeps_nobody_from_importing(
    collection: Collected, today: Today
) -> None:
    today.wait(days=300)
    await collection.imported()

    today.wait(days=-300)
    await collection.imported()

    assert await collection.covered_until() == "2016-10-24"


async def test_what_the_vendor_corrected_is_corrected(
    collection: Collected, sandbox: Sandbox
) -> None:
    sandbox.add_title(a_title(1, description="Of no interest."))
    await collection.imported()
    sandbox.add_title(a_title(1, title="Quagga, A History of the"))

    run = await collection.imported(again=True)

    assert (run.counts.added, run.counts.updated, run.counts.unchanged) == (0, 1, TITLES)
    assert await collection.found("quagga") == ["9790000000001"]
    assert await collection.found("zanzibar") == []


async def test_what_left_is_withdrawn_and_can_come_again(
    collection: Collected, sandbox: Sandbox
) -> None:
    await collection.imported()
    sandbox.remove_title(MIDDLEMARCH)

    run = await collection.imported(again=True)

    assert run.counts.withdrawn == 1
    assert await collection.withdrawn() == {MIDDLEMARCH}
    assert await collection.flags(MIDDLEMARCH) == (None, False)
    assert MIDDLEMARCH not in await collection.found("middlemarch")

    sandbox.add_title({"isbn": MIDDLEMARCH, "mediaType": "eBook", "title": "Middlemarch"})
    run = await collection.imported(again=True)

    assert (run.counts.added, run.counts.withdrawn) == (1, 0)
    assert await collection.withdrawn() == set()
    assert MIDDLEMARCH in await collection.found("middlemarch")


async def test_too_many_that_left_are_held_for_somebody_to_look(
    collection: Collected, sandbox: Sandbox
) -> None:
    await collection.imported()
    gone = sorted(held(sandbox))[:101]
    for isbn in gone:
        sandbox.remove_title(isbn)
    sandbox.add_title(a_title(1))

    with pytest.raises(Shrinks, match=r"101 of 150 titles would be withdrawn.*--allow-shrinking"):
        await collection.imported(again=True)

    (run, _) = await collection.runs()
    assert run.outcome is Outcome.HELD
    assert run.note is not None
    assert "101 of 150" in run.note
    assert len(await collection.titles()) == TITLES
    assert await collection.covered_until() == "2016-10-24"
    with pytest.raises(TooSoon, match="It was held: 101 of 150"):
        await collection.imported()

    done = await collection.imported(may_shrink=True)

    assert (done.key, done.counts.withdrawn, done.counts.added) == (run.key, 101, 1)
    assert await collection.withdrawn() == set(gone)
    assert await collection.titles() == held(sandbox)
    assert sandbox.calls[LISTING] == 2  # what was held was not fetched again


async def test_a_hundred_titles_may_go(collection: Collected, sandbox: Sandbox) -> None:
    await collection.imported()
    for isbn in sorted(held(sandbox))[:100]:
        sandbox.remove_title(isbn)

    assert (await collection.imported(again=True)).counts.withdrawn == 100
    assert await collection.titles() == held(sandbox)


class TestWhatGoesWrongAtTheVendor:
    """The catalogue stays as it was, and the run says why."""

    @pytest.mark.parametrize(
        ("fault", "why"),
        [
            ("truncated", "it breaks off in the middle"),
            ("html-page", "503"),
            ("empty-body", "it is no list"),
            ("error-500", "500"),
            ("unknown-message", "message"),
            ("rate-limit", "token"),
            ("drop-before", "no answer"),
        ],
    )
    async def test_no_catalogue_comes(
        self, collection: Collected, sandbox: Sandbox, fault: Any, why: str
    ) -> None:
        await collection.imported()
        sandbox.faults.add(fault, endpoint=LISTING, times=1)

        with pytest.raises(VendorError) as told:
            await collection.imported(again=True)

        (run, _) = await collection.runs()
        assert (run.outcome, run.note) == (Outcome.FAILED, str(told.value))
        assert why in str(told.value)
        assert len(await collection.titles()) == TITLES
        assert [each.suffix for each in collection.spool.iterdir()] == [".json"]
        assert sandbox.calls[LISTING] == 2  # it is not tried again by itself
        assert (await collection.imported(again=True)).outcome is Outcome.DONE

    async def test_an_order_of_its_own_is_no_matter(
        self, collection: Collected, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add("unsorted", endpoint=LISTING, times=1)
        await collection.imported()

        assert await collection.titles() == held(sandbox)

    async def test_a_record_that_is_there_twice_is_told_of(
        self, collection: Collected, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add("duplicate-row", endpoint=LISTING, times=1)

        run = await collection.imported()

        assert (run.counts.added, run.counts.unreadable) == (TITLES, 1)
        assert "listed twice" in run.odd[0].reason
        assert await collection.titles() == held(sandbox)

    async def test_what_may_be_missing_may_be_missing(
        self, collection: Collected, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add("missing-keys", endpoint=LISTING, times=1)

        run = await collection.imported()

        assert (run.counts.added, run.counts.unreadable) == (TITLES, 0)

        run = await collection.imported(again=True)

        assert run.counts.updated >= TITLES // 2  # now that all of it came
        assert await collection.titles() == held(sandbox)


class TestWithRecordings:
    @pytest.fixture
    def catalogue(self, tmp_path: Path) -> Path:
        path = tmp_path / "recorded.json"
        path.write_bytes(recorded("response_catalog_all_97_titles.json"))
        return path

    async def test_the_97_titles_of_2016(self, collection: Collected, sandbox: Sandbox) -> None:
        run = await collection.imported()

        assert (run.counts.received, run.counts.added, run.counts.unreadable) == (97, 97, 0)
        assert run.counts.media == {"ebook": 52, "eaudio": 45}
        assert await collection.titles() == held(sandbox)

        again = await collection.imported(again=True)

        assert (again.counts.unchanged, again.counts.updated) == (97, 0)

    async def test_the_file_itself_as_it_was_recorded(
        self, scripted: Collected, vendor: Vendor
    ) -> None:
        vendor.answers(recorded("response_catalog_all_97_titles.json"))

        run = await scripted.imported()

        assert (run.counts.added, run.counts.media) == (97, {"ebook": 52, "eaudio": 45})

    async def test_the_three_titles_of_2019(self, scripted: Collected, vendor: Vendor) -> None:
        vendor.answers(recorded("response_catalog_all_sample.json"))

        run = await scripted.imported()

        assert (run.counts.received, run.counts.added) == (3, 3)
        assert len(await scripted.found("emperor mage")) == 1


class TestOddCatalogues:
    async def test_an_empty_one_is_not_believed(self, scripted: Collected, vendor: Vendor) -> None:
        """Not even if so few titles may go that nobody would ask."""
        records = [a_title(number) for number in range(50)]
        vendor.answers(as_json(records), b"[]")
        await scripted.imported()

        with pytest.raises(Shrinks, match="the vendor's catalogue is empty, and ours has 50"):
            await scripted.imported(again=True)

        assert len(await scripted.titles()) == 50
        await scripted.imported(may_shrink=True)
        assert await scripted.titles() == set()

    async def test_an_empty_one_is_right_if_nothing_was_there(
        self, scripted: Collected, vendor: Vendor
    ) -> None:
        vendor.answers(b" [ ]\n")

        assert (await scripted.imported()).outcome is Outcome.DONE

    async def test_odd_records_are_told_of_with_their_reason(
        self, scripted: Collected, vendor: Vendor
    ) -> None:
        records: list[object] = [
            a_title(1),
            a_title(2) | {"title": " "},
            a_title(3, "eMagazine"),
            a_title(4, "eComic"),
            a_title(5, "eScroll"),
            a_title(6) | {"isbn": "123"},
            a_title(7) | {"isbn": None},
            a_title(8) | {"authors": ["a list"]},
            None,
            [],
            {},
            a_title(9),
        ]
        vendor.answers(as_json(records))

        run = await scripted.imported()

        assert await scripted.titles() == {f"979000000000{n}" for n in (1, 3, 4, 9)}
        assert run.counts.media == {"ebook": 2, "emagazine": 1, "ecomic": 1}
        assert run.counts.unreadable == 8
        told = {each.what: each.reason for each in run.odd}
        assert told["9790000000002"] == "it has no title"
        assert "eScroll" in told["9790000000005"]
        assert "13 digits" in told["123"]
        assert "its form is not" in told["9790000000008"]
        assert "a record without an ISBN" in told

    async def test_a_title_that_became_odd_stays_as_it_was(
        self, scripted: Collected, vendor: Vendor
    ) -> None:
        vendor.answers(as_json([a_title(1), a_title(2)]), as_json([a_title(1), a_title(2, "?")]))
        await scripted.imported()

        run = await scripted.imported(again=True)

        assert (run.counts.unreadable, run.counts.withdrawn) == (1, 0)
        assert len(await scripted.titles()) == 2

    async def test_an_isbn_is_the_same_however_it_is_written(
        self, scripted: Collected, vendor: Vendor
    ) -> None:
        plain = a_title(1)
        number, blanks = plain | {"isbn": 9790000000001}, plain | {"isbn": " 9790000000001 "}
        vendor.answers(*(as_json([each]) for each in (plain, number, number, blanks, blanks)))

        for _ in range(5):
            run = await scripted.imported(again=True)
            assert run.counts.withdrawn == 0
            assert await scripted.titles() == {"9790000000001"}

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            (b'[{"isbn": "9790000000001"]', "damaged"),
            (b"[1, 2, 3}]", "damaged"),
        ],
    )
    async def test_a_damaged_one_changes_nothing(
        self, scripted: Collected, vendor: Vendor, body: bytes, why: str
    ) -> None:
        vendor.answers(as_json([a_title(1)]), body, as_json([a_title(2)]))
        await scripted.imported()

        with pytest.raises(JobError, match="what the vendor sent is no catalogue") as told:
            await scripted.imported(again=True)

        assert why in str(told.value)
        assert (await scripted.runs())[0].note == str(told.value)
        assert await scripted.titles() == {"9790000000001"}
        await scripted.imported(again=True)
        assert await scripted.titles() == {"9790000000002"}


class TestAfterACut:
    """A run was cut off; whoever starts again goes on with what is there."""

    @pytest.fixture
    def catalogue(self, tmp_path: Path) -> Path:
        return write_dump(tmp_path / "dump.json", TITLES, "Long. " * 3000)

    async def test_goes_on_behind_the_last_batch_that_was_kept(
        self, collection: Collected, sandbox: Sandbox
    ) -> None:
        await cut_off(collection, when=lambda done, of: 0 < done < of)
        (cut,) = await collection.runs()
        assert (cut.outcome, cut.ended_at) == (None, None)
        there = await collection.titles()
        assert 0 < len(there) < TITLES

        run = await collection.imported()

        assert (run.key, run.outcome) == (cut.key, Outcome.DONE)
        assert (run.counts.received, run.counts.added) == (TITLES, TITLES)
        assert run.counts.media == MEDIA
        assert await collection.titles() == held(sandbox)
        assert sandbox.calls[LISTING] == 1

    async def test_goes_on_behind_the_very_last_one(
        self, collection: Collected, sandbox: Sandbox
    ) -> None:
        await collection.imported()
        sandbox.remove_title(MIDDLEMARCH)
        await cut_off(collection, when=lambda done, of: done == of, again=True)
        assert MIDDLEMARCH in await collection.titles()

        run = await collection.imported()

        assert run.outcome is Outcome.DONE
        assert (run.counts.withdrawn, run.counts.unchanged) == (1, TITLES - 1)
        assert await collection.withdrawn() == {MIDDLEMARCH}
        assert sandbox.calls[LISTING] == 2

    async def test_what_was_fetched_yesterday_is_not_used(
        self, collection: Collected, sandbox: Sandbox, today: Today
    ) -> None:
        await cut_off(collection, when=lambda done, of: 0 < done < of)
        sandbox.add_title(a_title(1))
        today.wait(days=1)

        run = await collection.imported()

        assert await collection.titles() == held(sandbox)
        assert sandbox.calls[LISTING] == 2
        (_, cut) = await collection.runs()
        assert (cut.outcome, cut.note) == (
            Outcome.FAILED,
            "it was cut off, and a new one was begun",
        )
        assert [each.name for each in collection.spool.iterdir()] == [
            run.listing.file if run.listing else ""
        ]

    async def test_a_file_that_was_changed_is_not_used(
        self, collection: Collected, sandbox: Sandbox
    ) -> None:
        await cut_off(collection, when=lambda done, of: 0 < done < of)
        (file,) = collection.spool.iterdir()
        file.write_bytes(file.read_bytes().replace(b"Middlemarch", b"Muddlemarch"))

        await collection.imported()

        assert await collection.found("muddlemarch") == await collection.found("middlemarch")
        assert sandbox.calls[LISTING] == 2

    async def test_again_means_from_the_beginning(
        self, collection: Collected, sandbox: Sandbox
    ) -> None:
        await cut_off(collection, when=lambda done, of: 0 < done < of)

        run = await collection.imported(again=True)

        assert run.counts.received == TITLES
        assert sandbox.calls[LISTING] == 2

    async def test_one_that_was_thought_dead_writes_nothing_more(
        self, collection: Collected, sandbox: Sandbox
    ) -> None:
        """It slept for more than a minute, and another took the collection over."""
        loop = asyncio.get_running_loop()
        taken_over: list[asyncio.Task[set[str]]] = []

        def tell(done: int, of: int) -> None:
            if not taken_over:
                taken_over.append(loop.create_task(take_over(collection)))

        collection.tell = tell

        with pytest.raises(Lost, match="oneclick oneclick was taken over by another process"):
            await collection.imported()

        there = await taken_over[0]
        assert 0 < len(there) < TITLES
        assert await collection.titles() == there


async def take_over(collection: Collected) -> set[str]:
    """Another process has the collection from now on; what is there then."""

    def work(tx: Transaction) -> set[str]:
        tx.run("UPDATE leases SET holder = 'elsewhere 1 1' WHERE institution = :institution")
        return set(known_titles(tx, collection.name))

    return await collection.app.database.write(work, INSTITUTION)


class TestSeveral:
    async def test_two_collections_of_one_library_keep_apart(
        self, collections: NewCollection, vendor: Vendor, sandbox: Sandbox
    ) -> None:
        north, south = collections("north"), collections("south", url=vendor.url)
        vendor.answers(as_json([a_title(1)]), as_json([a_title(2)]))

        await asyncio.gather(north.imported(), south.imported())
        await south.imported(again=True)

        assert await north.titles() == held(sandbox)
        assert await south.titles() == {"9790000000002"}
        assert await south.withdrawn() == {"9790000000001"}
        assert [run.job for run in await north.runs()] == [Job.IMPORT]
        assert len(await south.runs()) == 2
        assert len(list(north.spool.iterdir())) == 2  # each has its last catalogue there

    async def test_a_title_in_both_is_found_in_both(
        self, collections: NewCollection, sandbox: Sandbox
    ) -> None:
        north, south = collections("north"), collections("south")

        await north.imported()
        await south.imported()

        assert (await north.found("middlemarch")).count(MIDDLEMARCH) == 2


async def test_says_when_the_spool_cannot_be_written(collection: Collected) -> None:
    collection.spool.write_text("This is no folder.")

    with pytest.raises(JobError, match=rf"cannot be kept in the folder {collection.spool}: "):
        await collection.imported()

    (run,) = await collection.runs()
    assert run.outcome is Outcome.FAILED
    assert run.note is not None
    assert "Make room there" in run.note


class TestLarge:
    """As many bytes as are read by processes of their own."""

    @pytest.fixture
    def catalogue(self, tmp_path: Path) -> Path:
        return write_dump(tmp_path / "dump.json", TITLES, "Long. " * 10_000)

    async def test_processes_read_it_with_the_same_result(
        self, collection: Collected, sandbox: Sandbox
    ) -> None:
        run = await collection.imported()

        assert run.position > MANY
        assert (run.counts.added, run.counts.media) == (TITLES, MEDIA)
        assert await collection.titles() == held(sandbox)


async def cut_off(
    collection: Collected, *, when: Callable[[int, int], bool], again: bool = False
) -> None:
    """Let an import end in the middle, as if its process had gone: without a last word."""

    class Gone(BaseException):
        pass

    def tell(done: int, of: int) -> None:
        if when(done, of):
            raise Gone

    collection.tell = tell
    try:
        with pytest.raises(Gone):
            await collection.imported(again=again)
    finally:
        collection.tell = lambda done, of: None
