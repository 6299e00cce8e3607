"""Our mirror follows what the vendor has, slowly and with care; and forgets whose it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bibliobus.database import Transaction
from bibliobus.ils import BeingConfirmed, Unavailable
from bibliobus.oneclick.collection import OneClickCollection
from bibliobus.oneclick.reconciling import Reconciler
from bibliobus.sandbox.vendor import Vendor
from tests.oneclick.collected import Collected, Today
from tests.oneclick.lending import READER, Lent, by, lent, reopened
from tests.oneclick.wiretap import Wiretap
from tests.support import Library

LISTS = ("checkouts/list", "holds/list")


def reconciler(lending: Lent) -> Reconciler:
    """What compares shelves in the background, to be told when."""
    return lending.collection._reconciler


def read(lending: Lent) -> tuple[int, int]:
    """How often the vendor's lists were read."""
    loans, holds = (lending.vendor.calls[name] for name in LISTS)
    return loans, holds


@asynccontextmanager
async def kept_up(collection: OneClickCollection) -> AsyncIterator[None]:
    """The collection compares in the background."""
    task = asyncio.create_task(collection.keep_up())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(lending: Lent, patron: str, here: tuple[set[str], set[str]]) -> None:
    """Wait until our mirror of a patron is that."""
    async with asyncio.timeout(10):
        while await lending.here(patron) != here:  # noqa: ASYNC110 - it says nothing
            await asyncio.sleep(0.02)


class TestWhatTheVendorHas:
    async def test_is_what_we_have_afterwards(self, lending: Lent) -> None:
        kept, returned, new, held, given_up = lending.isbns()[:5]
        ours, vendor = lending.collection, lending.vendor
        await ours.checkout("ada", kept, origin=READER)
        await ours.checkout("ada", returned, origin=READER)
        await ours.add_hold("ada", item_id=given_up, origin=READER)
        remote = await lending.remote("ada")
        await lending.returned_at_the_vendor("ada", returned)
        await lending.lent_at_the_vendor("ada", new)
        vendor.lending.cancel_hold(remote, lending.title(given_up))
        vendor.lending.place_hold(vendor.settings, remote, lending.title(held))

        await ours.reconcile("ada")

        assert await lending.here("ada") == ({kept, new}, {held})
        assert await lending.in_step("ada")

    async def test_may_have_another_date(self, lending: Lent) -> None:
        await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)
        lending.vendor.state.run("UPDATE loans SET expires_on = '2016-12-24'")

        await lending.collection.reconcile("ada")

        (loan,) = (await lending.collection.patron_account("ada")).loans
        assert loan.due_at.isoformat() == "2016-12-24T22:59:59+00:00"

    async def test_changes_no_row_that_is_right(self, lending: Lent) -> None:
        book, held = lending.isbns()[:2]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.collection.add_hold("ada", item_id=held, origin=READER)
        before = (await lending.all_rows())["digital_shelf"]

        lending.today.wait(hours=1)
        await lending.collection.reconcile("ada")

        assert (await lending.all_rows())["digital_shelf"] == before

    async def test_is_read_once_if_nothing_is_missed(self, lending: Lent) -> None:
        await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)
        loans, holds = read(lending)

        await lending.collection.reconcile("ada")

        assert read(lending) == (loans + 1, holds + 1)

    async def test_of_a_patron_who_never_borrowed_is_not_asked_for(self, lending: Lent) -> None:
        await lending.collection.reconcile("ada")

        assert lending.vendor.calls["patrons/lookup"] == lending.vendor.calls[LISTS[0]] == 0


class TestWhatIsMissed:
    async def test_twice_is_over(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.returned_at_the_vendor("ada", book)
        loans, _ = read(lending)

        await lending.collection.reconcile("ada")

        assert await lending.here("ada") == (set(), set())
        assert read(lending)[0] == loans + 2

    async def test_once_stays(self, lending: Lent, wire: Wiretap) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        remote, title = await lending.remote("ada"), lending.title(book)
        loan = lending.vendor.state.rows("SELECT * FROM loans")
        await lending.returned_at_the_vendor("ada", book)

        def is_there_again() -> None:
            lending.vendor.state.run("INSERT INTO loans VALUES (?, ?, ?, ?, ?)", *loan[0])

        wire.when_answered("^GET .*/holds/", is_there_again)
        await lending.collection.reconcile("ada")

        assert await lending.here("ada") == ({book}, set())
        assert lending.vendor.lending.loan_of(remote, title) is not None
        # What was missed then is forgotten: it has to be missed twice again.
        lending.vendor.state.run("DELETE FROM loans")
        lending.today.wait(hours=1)
        wire.when_answered("^GET .*/holds/", _fails(lending))
        with pytest.raises(Unavailable):
            await lending.collection.reconcile("ada")
        assert await lending.here("ada") == ({book}, set())

    async def test_once_stays_while_it_cannot_be_looked_for_again(
        self, lending: Lent, wire: Wiretap
    ) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.returned_at_the_vendor("ada", book)
        wire.when_answered("^GET .*/holds/", _fails(lending))

        with pytest.raises(Unavailable):
            await lending.collection.reconcile("ada")

        assert await lending.here("ada") == ({book}, set())
        lending.vendor.faults.clear()
        lending.today.wait(minutes=1)
        await lending.collection.reconcile("ada")
        assert await lending.here("ada") == (set(), set())


def _fails(lending: Lent) -> Callable[[], object]:
    """From then on the vendor's list of loans cannot be read."""
    return lambda: lending.vendor.faults.add("error-500", endpoint="checkouts/list")


class TestWhileTheListsAreRead:
    """What another process does meanwhile is newer than they are."""

    @pytest.fixture
    async def other(
        self, lending: Lent, library: Library, collection: Collected, sandbox: Vendor
    ) -> AsyncIterator[Lent]:
        async with reopened(library, collection, sandbox, lending.today) as other:
            yield other

    @pytest.mark.parametrize("slow", ["holds/list", "checkouts/list"])
    async def test_nothing_that_is_done_is_undone(
        self, lending: Lent, other: Lent, slow: str
    ) -> None:
        returned, new, held, given_up = lending.isbns()[:4]
        await lending.collection.checkout("ada", returned, origin=READER)
        await lending.collection.add_hold("ada", item_id=given_up, origin=READER)
        vendor = lending.vendor
        seen = vendor.calls["holds/list"], vendor.calls["checkouts/list"]
        vendor.faults.add("latency", endpoint=slow, seconds=0.5, times=1)
        comparing = asyncio.create_task(lending.collection.reconcile("ada"))
        async with asyncio.timeout(10):
            while (vendor.calls["holds/list"], vendor.calls["checkouts/list"]) == seen:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        lending.today.wait(seconds=1)

        await other.collection.checkin(returned, origin=READER)
        await other.collection.checkout("ada", new, origin=READER)
        await other.collection.cancel_hold("ada", item_id=given_up, origin=READER)
        await other.collection.add_hold("ada", item_id=held, origin=READER)
        lending.today.wait(seconds=1)
        await comparing

        assert await lending.here("ada") == ({new}, {held})
        assert await lending.in_step("ada")

    async def test_a_list_that_was_read_before_undoes_nothing(
        self, lending: Lent, other: Lent, wire: Wiretap
    ) -> None:
        """As the one above, but that the vendor had answered before anything was done."""
        returned, new = lending.isbns()[:2]
        await lending.collection.checkout("ada", returned, origin=READER)
        answered, go_on = asyncio.Event(), asyncio.Event()

        async def held_up() -> None:
            answered.set()
            await go_on.wait()

        wire.when_answered("^GET .*/holds/", held_up)
        comparing = asyncio.create_task(lending.collection.reconcile("ada"))
        await answered.wait()
        lending.today.wait(seconds=1)

        await other.collection.checkin(returned, origin=READER)
        await other.collection.checkout("ada", new, origin=READER)
        go_on.set()
        await comparing

        assert await lending.here("ada") == ({new}, set())

    async def test_what_is_under_way_is_left_to_itself(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add("drop-after", endpoint="checkouts/create")
        lending.vendor.faults.add("error-500", endpoint="checkouts/list")
        with pytest.raises(BeingConfirmed):
            await lending.collection.checkout("ada", book, origin=READER)
        lending.vendor.faults.clear()
        lending.today.wait(minutes=1)

        await lending.collection.reconcile("ada")
        assert await lending.here("ada") == (set(), set())
        await lending.collection.settle_open()
        await lending.settled()

        assert await lending.here("ada") == ({book}, set())
        assert len((await lending.all_rows())["digital_shelf"]) == 1


class TestWhenAPatronIsHere:
    @pytest.mark.parametrize("terms", [{"reconciled_hours": 0}])
    async def test_their_shelf_is_compared_and_nobody_waits(self, lending: Lent) -> None:
        first, second = lending.isbns()[:2]
        await lending.collection.checkout("ada", first, origin=READER)
        await lending.lent_at_the_vendor("ada", second)
        async with kept_up(lending.collection):
            await asyncio.sleep(0.2)
            assert await lending.here("ada") == ({first}, set())

            await lending.collection.signed_in("ada")
            await until(lending, "ada", ({first, second}, set()))

    async def test_not_more_often_than_every_five_minutes(self, lending: Lent) -> None:
        await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)
        loans, _ = read(lending)
        for wait, times in ((0, 1), (4.9, 1), (0.2, 2), (1, 2), (4.1, 3)):
            lending.today.wait(minutes=wait)
            await lending.collection.signed_in("ada")
            await self.compared(lending)

            assert read(lending)[0] == loans + times, f"after another {wait} minutes"

    async def test_nothing_is_done_for_who_never_borrowed(self, lending: Lent) -> None:
        await lending.collection.signed_in("ada")
        await lending.collection.signed_in("nobody")
        await self.compared(lending)

        assert lending.vendor.calls["patrons/lookup"] == read(lending)[0] == 0

    async def test_one_whose_shelf_cannot_be_compared_keeps_nobody_else_waiting(
        self, lending: Lent, wire: Wiretap
    ) -> None:
        first, second, third = lending.isbns()[:3]
        await lending.collection.checkout("ada", first, origin=READER)
        await lending.collection.checkout("grace", second, origin=READER)
        await lending.lent_at_the_vendor("grace", third)
        number = (await lending.account("ada")).remote_id
        lending.vendor.faults.add("error-500", path=f"/v1/libraries/1931/patrons/{number}/")
        await lending.collection.signed_in("ada")
        await lending.collection.signed_in("grace")

        await self.compared(lending)

        assert await lending.here("ada") == ({first}, set())
        assert await lending.here("grace") == ({second, third}, set())

    async def compared(self, lending: Lent) -> None:
        """Compare the shelves of all who are here now."""
        if reconciler(lending)._wanted:
            await reconciler(lending).compare_wanted()


class TestAtNight:
    async def test_only_who_was_here_in_the_last_weeks_is_looked_after(
        self, library: Library, collection: Collected, sandbox: Vendor, today: Today
    ) -> None:
        async with lent(library, collection, sandbox, today, reconciled_days=60) as lending:
            books = lending.isbns()
            for n, patron in enumerate(("ada", "grace", "eve")):
                await library.patron(patron)
                await lending.collection.add_hold(patron, item_id=books[n], origin=READER)
                today.wait(days=25)
            assert await reconciler(lending).compare_some() == 2  # ada's was 75 days ago

            assert await reconciler(lending).compare_some() == 0
            today.wait(hours=23)
            assert await reconciler(lending).compare_some() == 0
            today.wait(hours=2)
            assert await reconciler(lending).compare_some() == 2
            await lending.collection.cancel_hold("ada", item_id=books[0], origin=READER)
            assert await reconciler(lending).compare_some() == 1

    async def test_it_can_be_switched_off(
        self, library: Library, collection: Collected, sandbox: Vendor, today: Today
    ) -> None:
        async with lent(library, collection, sandbox, today, reconciled_hours=0) as lending:
            await library.patron("ada")
            await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)
            today.wait(days=2)

            assert await reconciler(lending).compare_some() == 0

    async def test_there_is_a_rest_after_each_patron(
        self, library: Library, collection: Collected, sandbox: Vendor, today: Today
    ) -> None:
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        async with lent(
            library, collection, sandbox, today, sleep=sleep, reconciling_seconds=1.5
        ) as lending:
            for n, patron in enumerate(("ada", "grace", "eve")):
                await library.patron(patron)
                await lending.collection.checkout(patron, lending.isbns()[n], origin=READER)
            waits.clear()
            today.wait(days=2)
            loans, holds = read(lending)

            assert await reconciler(lending).compare_some() == 3

            assert read(lending) == (loans + 3, holds + 3)
            assert waits == [3.0, 3.0, 3.0]  # a second and a half for each call

    async def test_while_the_vendor_is_away_the_mirror_stays(self, lending: Lent) -> None:
        book, held = lending.isbns()[:2]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.collection.add_hold("ada", item_id=held, origin=READER)
        lending.today.wait(days=2)
        for fault in ("drop-before", "error-500", "html-page", "empty-body", "unknown-message",
                      "rate-limit", "truncated"):  # fmt: skip
            lending.vendor.faults.add(fault, path="/v1/libraries")

            await reconciler(lending).compare_some()
            with pytest.raises(Unavailable):
                await lending.collection.reconcile("ada")

            assert await lending.here("ada") == ({book}, {held}), fault
            lending.vendor.faults.clear()
            lending.today.wait(minutes=1)
        await reconciler(lending).compare_some()
        assert await lending.here("ada") == ({book}, {held})

    async def test_who_has_another_card_now_is_still_the_same(self, lending: Lent) -> None:
        book, other = lending.isbns()[:2]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.lent_at_the_vendor("ada", other)
        await lending.library.app.database.write(_new_card, lending.library.id)
        await lending.library.patron("ada")  # somebody else, who has the old card now
        lending.today.wait(days=2)

        await reconciler(lending).compare_some()

        assert await lending.here("ada") == (set(), set())
        assert await lending.here("ada-2") == ({book, other}, set())

    async def test_what_was_begun_with_a_card_is_done_for_who_had_it_then(
        self, lending: Lent
    ) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add("error-500", endpoint="checkouts/create")
        with pytest.raises(BeingConfirmed):
            await lending.collection.checkout("ada", book, origin=READER)
        lending.vendor.faults.clear()
        await lending.library.app.database.write(_new_card, lending.library.id)
        await lending.library.patron("ada")  # somebody else, who has the old card now
        lending.today.wait(minutes=1)

        await lending.collection.settle_open()
        await lending.settled()

        assert await lending.here("ada") == (set(), set())
        assert await lending.here("ada-2") == ({book}, set())


def _new_card(tx: Transaction) -> None:
    assert tx.run(
        "UPDATE patrons SET barcode = 'ada-2' WHERE institution = :institution AND barcode = 'ada'"
    )


class TestForgetting:
    async def test_what_ended_a_week_ago_is_nobodys(self, lending: Lent) -> None:
        ended, kept, held = lending.isbns()[:3]
        ours = lending.collection
        patron = await lending.library.patron("canary-card", name="A. canary")
        await ours.checkout(patron, ended, origin=by("canary-key", connection="canary-line"))
        await ours.checkout(patron, kept, origin=READER)
        await ours.add_hold(patron, item_id=held, origin=READER)
        lending.today.wait(days=1)
        await ours.renew(patron, item_id=ended, origin=READER)
        await ours.checkin(ended, origin=READER)
        name = await self.name_of(lending, patron)
        assert await self.mentions(lending, "canary", ended) == {"intents"}
        lending.today.wait(days=7, seconds=1)
        await ours.checkout("grace", ended, origin=READER)
        other = await self.name_of(lending, "grace")

        await reconciler(lending).forget()

        whose = await self.of(lending, ended)
        assert len(whose) == 6  # a loan and three changes; a loan and one change of grace's
        assert [patron for patron in whose if patron is not None] == [other, other]
        assert await self.mentions(lending, "canary", ended) == set()
        assert await lending.here("canary-card") == ({kept}, {held})
        assert name in await self.of(lending, kept)

    @pytest.mark.parametrize("terms", [{"forgotten_days": 7}])
    async def test_a_library_may_know_it_for_a_week(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=by("1"))
        first = await lending.collection.checkin(book, origin=by("2"))
        lending.today.wait(days=6, hours=23)

        await reconciler(lending).forget()

        assert await lending.collection.checkin(book, origin=by("2")) == first
        assert None not in await self.of(lending, book)

    @pytest.mark.parametrize("terms", [{"forgotten_days": 1}])
    async def test_a_library_may_forget_sooner_but_not_before_repeats_are_over(
        self, lending: Lent
    ) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.collection.checkin(book, origin=by("2"))
        lending.today.wait(hours=24, seconds=1)

        await reconciler(lending).forget()

        assert set(await self.of(lending, book)) == {None}

    async def test_no_time_of_day_leads_back(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        lending.today.wait(hours=5)
        await lending.collection.checkin(book, origin=READER)
        lending.today.wait(days=8)

        await reconciler(lending).forget()

        day = 24 * 60 * 60 * 1_000_000
        rows = await lending.all_rows()
        moments = [
            value
            for table in ("digital_shelf", "intents")
            for row in rows[table]
            for value in row
            if isinstance(value, int) and value > day
        ]
        assert len(moments) >= 9
        assert [moment for moment in moments if moment % day] == []

    async def test_what_is_open_is_never_forgotten(self, lending: Lent) -> None:
        book, held = lending.isbns()[:2]
        await lending.collection.add_hold("ada", item_id=held, origin=READER)
        lending.vendor.faults.add("error-500", endpoint="checkouts/create")
        with pytest.raises(BeingConfirmed):
            await lending.collection.checkout("ada", book, origin=READER)
        lending.today.wait(days=400)

        await reconciler(lending).forget()

        assert await lending.here("ada") == (set(), {held})
        assert await self.of(lending, book) == [await self.name_of(lending, "ada")]

    async def test_there_may_be_more_than_fit_into_one_transaction(self, lending: Lent) -> None:
        await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)
        await lending.library.app.database.write(self.much, lending.library.id)
        lending.today.wait(days=8)

        await reconciler(lending).forget()

        rows = (await lending.all_rows())["digital_shelf"]
        assert len(rows) == 451
        left = await lending.library.app.database.read(
            lambda tx: tx.rows(
                "SELECT isbn FROM digital_shelf WHERE institution = :institution"
                " AND patron IS NOT NULL"
            ),
            lending.library.id,
        )
        assert left == [(lending.isbns()[0],)]  # which is not over

    def much(self, tx: Transaction) -> None:
        """450 loans that are over."""
        for n in range(450):
            tx.run(
                "INSERT INTO digital_shelf (institution, collection, patron, isbn, kind, title,"
                " since_at, changed_at, ended_at) SELECT institution, collection, patron, :isbn,"
                " kind, title, since_at, changed_at, since_at FROM digital_shelf"
                " WHERE institution = :institution AND ended_at IS NULL",
                isbn=str(n),
            )

    async def of(self, lending: Lent, isbn: str) -> list[str | None]:
        """Whose all rows are that we have of a title."""
        rows = await lending.library.app.database.read(
            lambda tx: tx.rows(
                "SELECT patron FROM digital_shelf WHERE institution = :institution"
                " AND isbn = :isbn UNION ALL SELECT patron FROM intents"
                " WHERE institution = :institution AND isbn = :isbn",
                isbn=isbn,
            ),
            lending.library.id,
        )
        return [patron for (patron,) in rows]

    async def mentions(self, lending: Lent, words: str, isbn: str) -> set[str]:
        """The tables with a row that has both somewhere."""
        return {
            table
            for table, rows in (await lending.all_rows()).items()
            for row in rows
            if any(words in _said(value) for value in row) and isbn in map(str, row)
        }

    async def name_of(self, lending: Lent, patron: str) -> str:
        """What our rows call a patron."""
        found = await lending.library.ils.find_patron(patron)
        assert found is not None
        return found.internal_id or found.id


def _said(value: object) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
