"""What came into the vendor's catalogue and what left it, however long we did not look."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bibliobus.oneclick.collecting import Shrinks, TooSoon
from bibliobus.oneclick.delta import OVERLAP, SPAN, spans
from bibliobus.oneclick.errors import VendorError
from bibliobus.oneclick.runs import Job, Outcome
from bibliobus.sandbox.vendor import Vendor as Sandbox
from tests.oneclick.collected import TITLES, Collected, NewCollection, Today, a_title, held
from tests.oneclick.vendor import Reply, Vendor, as_json, message, recorded

MIDDLEMARCH = "9789999900010"
LISTING, DELTA, TITLE = "media/all", "media/delta", "media/{isbn}"


async def test_what_came_and_what_left(
    collection: Collected, sandbox: Sandbox, today: Today
) -> None:
    await collection.imported()
    today.wait(days=1)
    sandbox.add_title(a_title(1, genres="FICTION / General", seriesName="Of Zanzibar"))
    sandbox.remove_title(MIDDLEMARCH)

    run = await collection.delta()

    assert (run.job, run.outcome) == (Job.DELTA, Outcome.DONE)
    assert (run.counts.received, run.counts.added, run.counts.withdrawn) == (2, 1, 1)
    assert await collection.titles() == held(sandbox)
    assert await collection.withdrawn() == {MIDDLEMARCH}
    assert await collection.found("of zanzibar") == ["9790000000001"]
    assert await collection.covered_until() == "2016-10-25"
    assert sandbox.calls == {LISTING: 1, DELTA: 1, TITLE: 1}


async def test_the_same_again_changes_nothing_and_asks_for_no_title(
    collection: Collected, sandbox: Sandbox, today: Today
) -> None:
    await collection.imported()
    today.wait(days=1)
    sandbox.add_title(a_title(1))
    sandbox.remove_title(MIDDLEMARCH)
    await collection.delta()

    run = await collection.delta()

    assert (run.counts.received, run.counts.unchanged) == (2, 2)
    assert (run.counts.added, run.counts.updated, run.counts.withdrawn) == (0, 0, 0)
    assert sandbox.calls[TITLE] == 1


GAPS = (1, 2, 29, 30, 31, 57, 58, 59, 60, 61, 90, 181, 400)


@pytest.mark.parametrize("days", range(1, 59))
def test_the_spans_reach_from_before_the_watermark_until_today(days: int) -> None:
    today = date(2016, 10, 24)
    found = list(spans(today - timedelta(days=days), today))

    assert found[0][0] == today - timedelta(days=days) - OVERLAP
    assert found[-1][1] == today
    assert all(begin < end <= begin + SPAN for begin, end in found)
    assert [end for _, end in found[:-1]] == [begin for begin, _ in found[1:]]


async def test_a_clock_that_was_ahead_has_all_imported(
    collection: Collected, sandbox: Sandbox, today: Today
) -> None:
    await collection.imported()
    today.wait(days=-5)
    sandbox.add_title(a_title(1))

    run = await collection.delta()

    assert run.job is Job.IMPORT
    assert run.note == "what we have is of 2016-10-24, which is yet to come"
    assert await collection.titles() == held(sandbox)
    assert await collection.covered_until() == "2016-10-19"


async def test_without_an_import_all_is_imported(collection: Collected, sandbox: Sandbox) -> None:
    run = await collection.delta()

    assert (run.job, run.note) == (Job.IMPORT, "nothing was imported yet")
    assert await collection.titles() == held(sandbox)
    assert [each.job for each in await collection.runs()] == [Job.IMPORT, Job.DELTA]


async def test_does_not_import_twice_a_day(collection: Collected, today: Today) -> None:
    await collection.imported()
    today.wait(hours=8)  # tomorrow
    await collection.imported(again=True)
    today.wait(hours=-8)

    with pytest.raises(TooSoon):
        await collection.delta()


async def test_a_vendor_that_refuses_its_tomorrow_is_asked_for_its_today(
    scripted: Collected, vendor: Vendor, today: Today
) -> None:
    vendor.answers(as_json([a_title(1)]))
    await scripted.imported()
    today.wait(days=1)
    refused = Reply(400, message("The request is invalid."))
    empty = recorded("response_catalog_delta_e1_empty.json")
    vendor.answers(refused, empty)

    run = await scripted.delta()

    assert (run.job, run.outcome) == (Job.DELTA, Outcome.DONE)
    assert [asked.target.partition("?")[2] for asked in vendor.asked[1:]] == [
        "begin=2016-10-22&end=2016-10-25",
        "begin=2016-10-22&end=2016-10-24",
    ]
    assert await scripted.covered_until() == "2016-10-24"


async def test_a_vendor_that_tells_nothing_has_all_imported(
    scripted: Collected, vendor: Vendor, today: Today
) -> None:
    vendor.answers(as_json([a_title(1)]))
    await scripted.imported()
    today.wait(days=1)
    refused = Reply(400, message("The request is invalid."))
    vendor.answers(refused, refused, as_json([a_title(1), a_title(2)]))

    run = await scripted.delta()

    assert (run.job, run.outcome, run.counts.added) == (Job.IMPORT, Outcome.DONE, 1)
    assert run.note is not None
    assert "does not tell that far back" in run.note


async def test_too_many_that_left_are_not_believed(
    collection: Collected, sandbox: Sandbox, today: Today
) -> None:
    await collection.imported()
    today.wait(days=1)
    for isbn in sorted(held(sandbox))[:101]:
        sandbox.remove_title(isbn)

    with pytest.raises(Shrinks, match="101 of 150 titles have left"):
        await collection.delta()

    assert len(await collection.titles()) == TITLES
    assert (await collection.runs())[0].outcome is Outcome.HELD
    assert await collection.covered_until() == "2016-10-24"
    assert (await collection.delta(may_shrink=True)).counts.withdrawn == 101
    assert await collection.titles() == held(sandbox)


async def test_a_delta_that_failed_is_made_up_for(
    collection: Collected, sandbox: Sandbox, today: Today
) -> None:
    await collection.imported()
    today.wait(days=1)
    sandbox.add_title(a_title(1))
    sandbox.faults.add("error-500", endpoint=TITLE)

    with pytest.raises(VendorError):
        await collection.delta()

    assert await collection.covered_until() == "2016-10-24"
    sandbox.faults.clear()
    today.wait(days=3)
    await collection.delta()
    assert await collection.titles() == held(sandbox)


class TestAnyDay:
    """Days and lists of them, which no database has to do with: on SQLite alone."""

    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    @pytest.mark.parametrize("era", ["E1", "E4"])
    @pytest.mark.parametrize("days", GAPS)
    async def test_nothing_is_missed_after_any_gap(
        self, collection: Collected, sandbox: Sandbox, today: Today, days: int
    ) -> None:
        """Something changes soon after the import, in between, and shortly before the delta."""
        await collection.imported()
        begun = today.now
        leaving = iter(sorted(held(sandbox)))
        for number, hours in enumerate((1, 12 * days, 24 * days - 1)):
            today.now = begun + timedelta(hours=hours)
            sandbox.add_title(a_title(number))
            sandbox.remove_title(next(leaving))
        today.now = begun + timedelta(days=days)

        run = await collection.delta()

        assert run.outcome is Outcome.DONE
        assert await collection.titles() == held(sandbox)
        assert await collection.covered_until() == str(today.now.date())
        by_delta = days <= 58
        assert run.job is (Job.DELTA if by_delta else Job.IMPORT)
        assert sandbox.calls[LISTING] == (1 if by_delta else 2)
        if by_delta and sandbox.settings.era == "E1":
            assert sandbox.calls[DELTA] == 1 + (days + 1) // 30
        if not by_delta:
            assert run.note is not None
            assert "which is too long ago" in run.note

    @pytest.mark.parametrize("hours", [-12, -5, 5, 12])
    async def test_the_vendors_day_need_not_be_ours(
        self, collection: Collected, sandbox: Sandbox, today: Today, hours: int
    ) -> None:
        sandbox.move_clock(timedelta(hours=hours))
        await collection.imported()
        for number in range(20):  # twice a day, so that some are at either end of both days
            today.wait(hours=5)
            sandbox.add_title(a_title(number))
            today.wait(hours=7)
            await collection.delta()

            assert await collection.titles() == held(sandbox)
        assert sandbox.calls[LISTING] == 1

    @pytest.mark.parametrize("era", ["E4"])
    async def test_gaps_in_them_are_no_matter(
        self, collections: NewCollection, sandbox: Sandbox, today: Today
    ) -> None:
        sandbox.change_settings(snapshot_gaps=True)
        collection = collections()
        await collection.imported()
        for number in range(40):
            today.wait(days=1)
            sandbox.add_title(a_title(number))
            await collection.delta()
        sandbox.change_settings(snapshot_gaps=False)
        today.wait(days=1)
        await collection.delta()

        assert await collection.titles() == held(sandbox)
        assert sandbox.calls[LISTING] == 1


class TestOddDeltas:
    @pytest.fixture
    async def imported(self, scripted: Collected, vendor: Vendor, today: Today) -> Collected:
        """Titles 1 to 3 are there, and it is tomorrow."""
        vendor.answers(as_json([a_title(1), a_title(2), a_title(3)]))
        await scripted.imported()
        today.wait(days=1)
        return scripted

    async def test_a_title_that_came_and_left_is_asked_about(
        self, imported: Collected, vendor: Vendor
    ) -> None:
        """In both lists are 1, which the vendor has, 2, which it has not, and a new one."""
        both = [a_title(number) for number in (1, 2, 4)]
        vendor.answers(
            delta([*both], [*both]), as_json(a_title(1)), message(NOT_THERE), as_json(a_title(4))
        )

        run = await imported.delta()

        assert await imported.titles() == {isbn(1), isbn(3), isbn(4)}
        assert (run.counts.added, run.counts.withdrawn) == (1, 1)

    async def test_one_that_left_without_an_isbn_is_told_of(
        self, imported: Collected, vendor: Vendor
    ) -> None:
        vendor.answers(delta([], [{"title": "Volume 1 of Zanzibar"}, a_title(2)]))

        run = await imported.delta()

        assert [(each.what, each.reason) for each in run.odd] == [
            ("a title that left", "it has no ISBN")
        ]
        assert await imported.titles() == {isbn(1), isbn(3)}

    async def test_one_that_left_and_was_never_here_is_no_matter(
        self, imported: Collected, vendor: Vendor
    ) -> None:
        vendor.answers(delta([], [a_title(9)]))

        run = await imported.delta()

        assert (run.counts.unchanged, run.counts.withdrawn, run.odd) == (1, 0, [])

    async def test_what_a_delta_says_is_better_than_nothing(
        self, imported: Collected, vendor: Vendor
    ) -> None:
        vendor.answers(delta([a_title(5)], []), message(NOT_THERE))

        run = await imported.delta()

        assert run.counts.added == 1
        assert isbn(5) in await imported.titles()

    async def test_odd_ones_do_not_stop_the_others(
        self, imported: Collected, vendor: Vendor
    ) -> None:
        came: list[object] = [{"isbn": "12"}, {"title": "None"}, None, a_title(6)]
        vendor.answers(delta(came, []), as_json(a_title(6)))

        run = await imported.delta()

        assert run.outcome is Outcome.DONE
        assert isbn(6) in await imported.titles()
        assert run.counts.unreadable == 3
        assert "its ISBN has not 13 digits" in {each.reason for each in run.odd}

    async def test_the_recorded_deltas(self, imported: Collected, vendor: Vendor) -> None:
        audio = a_title(7, "eAudio") | {"isbn": "9781456103859"}
        vendor.answers(delta([audio], []), as_json(audio))
        await imported.delta()
        vendor.answers(recorded("response_catalog_delta_e1_empty.json"))

        nothing = await imported.delta()

        assert nothing.counts.received == 0
        vendor.answers(recorded("response_catalog_delta_removed_1.json"))
        removed = await imported.delta()
        assert (removed.counts.received, removed.counts.withdrawn) == (1, 1)
        assert await imported.withdrawn() == {"9781456103859"}


class TestSnapshots:
    """In E4 the vendor compares days of which it has kept the holdings."""

    @pytest.fixture
    def era(self) -> str:
        return "E4"

    @pytest.fixture
    async def imported(self, scripted: Collected, vendor: Vendor, today: Today) -> Collected:
        """Titles that the recording knows are there, and it is a week later."""
        today.wait(days=1265)  # 2020-04-11
        leaving, staying = a_title(1) | {"isbn": "9780590543439"}, a_title(2)
        vendor.answers(as_json([leaving, staying]))
        await scripted.imported()
        today.wait(days=4)
        return scripted

    async def test_the_recorded_delta(self, imported: Collected, vendor: Vendor) -> None:
        vendor.answers(
            snapshots("2020-04-14", "2020-03-14", "2018-10-03", "2020-04-13", "2020-04-12"),
            recorded("response_catalog_delta.json"),
            recorded("response_catalog_media_isbn.json"),
        )

        run = await imported.delta()

        assert vendor.asked[2].target.endswith("?begin=2020-03-14&end=2020-04-14")
        assert (run.counts.received, run.counts.added, run.counts.withdrawn) == (2, 1, 1)
        assert await imported.withdrawn() == {"9780590543439"}
        assert await imported.flags("9781934180723") == (None, None)
        assert await imported.covered_until() == "2020-04-14"

    async def test_none_from_before_the_watermark_has_all_imported(
        self, imported: Collected, vendor: Vendor
    ) -> None:
        vendor.answers(snapshots("2020-04-13", "2020-04-14"), as_json([a_title(2)]))

        run = await imported.delta()

        assert run.job is Job.IMPORT
        assert run.note == "the vendor has no snapshot of 2020-04-09 or before"

    async def test_only_an_old_one_says_nothing_yet(
        self, imported: Collected, vendor: Vendor
    ) -> None:
        vendor.answers(recorded("response_catalog_availability_dates_only_one.json"))

        run = await imported.delta()

        assert (run.job, run.outcome, run.counts.received) == (Job.DELTA, Outcome.DONE, 0)
        assert await imported.covered_until() == "2020-04-11"

    async def test_an_odd_day_is_passed_over(self, imported: Collected, vendor: Vendor) -> None:
        vendor.answers(snapshots("2020-04-01", "soon", ""))

        assert (await imported.delta()).outcome is Outcome.DONE


NOT_THERE = (
    "eXtensible Framework was unable to locate the resource for RB.API.LibraryMedia.Get"
    "     details: ICriterion: [ Isbn<String> : 1]"
)


def isbn(number: int) -> str:
    return f"97900000{number:05d}"


def delta(came: list[object], left: list[object]) -> bytes:
    return as_json([{"addedTitles": came, "removedTitles": left}])


def snapshots(*days: str) -> bytes:
    return as_json([{"tenantId": 1931, "asOf": day, "totalCount": 1} for day in days])
