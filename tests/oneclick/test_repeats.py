"""The same asked twice, at once or again: one change at the vendor, and one answer. And one limit
over all lenders, whoever comes first."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import msgspec
import pytest

from bibliobus.database import Transaction
from bibliobus.ils import (
    AlreadyOnLoan,
    BeingConfirmed,
    CheckoutResult,
    LoanLimitReached,
    NoCopyAvailable,
    NotOnLoan,
    Unavailable,
)
from bibliobus.ils.library import InstitutionSettings, PatronLimits
from bibliobus.sandbox.vendor import Vendor
from tests.oneclick.collected import Collected, Today
from tests.oneclick.lending import READER, Lent, by, day_of, reopened
from tests.support import DESK, SETTINGS, Library

SLOW = {"wait_seconds": 0.3}


class TestADoubleClick:
    async def test_is_one_checkout(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add("latency", endpoint="checkouts/create", seconds=0.2)

        results = await asyncio.gather(
            *(lending.collection.checkout("ada", book, origin=READER) for _ in range(5))
        )

        assert lending.vendor.calls["checkouts/create"] == 1
        assert {each.due_at for each in results} == {results[0].due_at}
        assert await lending.here("ada") == ({book}, set())

    async def test_is_one_of_each_change(self, lending: Lent) -> None:
        book, other = lending.isbns()[:2]
        ours = lending.collection
        await ours.checkout("ada", book, origin=READER)
        lending.today.wait(days=2)

        await _twice(lambda: ours.add_hold("ada", item_id=other, origin=READER))
        await _twice(lambda: ours.renew("ada", item_id=book, origin=READER))
        await _twice(lambda: ours.cancel_hold("ada", item_id=other, origin=READER))
        await _twice(lambda: ours.checkin(book, patron_id="ada", origin=READER))

        calls = lending.vendor.calls
        assert {name: calls[name] for name in calls if _changes(name)} == {
            "checkouts/create": 1, "checkouts/renew": 1, "checkouts/return": 1,
            "holds/create": 1, "holds/cancel": 1,
        }  # fmt: skip
        assert await lending.in_step("ada")

    async def test_that_is_refused_is_refused_both_times(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.lent_to_a_stranger(book)
        lending.vendor.faults.add("latency", endpoint="checkouts/create", seconds=0.2)

        results = await asyncio.gather(
            *(lending.collection.checkout("ada", book, origin=READER) for _ in range(3)),
            return_exceptions=True,
        )

        assert [type(each) for each in results] == [NoCopyAvailable] * 3
        assert lending.vendor.calls["checkouts/create"] == 1

    async def test_in_two_processes_is_one_checkout(
        self, lending: Lent, library: Library, collection: Collected, sandbox: Vendor
    ) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add("latency", endpoint="checkouts/create", seconds=0.7)
        first = asyncio.create_task(lending.collection.checkout("ada", book, origin=READER))
        await _begun(lending)
        await library.app.database.write(_at_it_is_somebody_else, library.id)

        async with reopened(library, collection, sandbox, lending.today) as other:
            second = await other.collection.checkout("ada", book, origin=READER)

        assert second == await first
        assert lending.vendor.calls["checkouts/create"] == 1

    @pytest.mark.parametrize("terms", [SLOW])
    async def test_does_not_wait_for_ever_for_another_process(
        self, lending: Lent, library: Library, collection: Collected, sandbox: Vendor
    ) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add("error-500", endpoint="checkouts/create")
        with pytest.raises(BeingConfirmed):
            await lending.collection.checkout("ada", book, origin=READER)
        await lending.settled()
        await library.app.database.write(_at_it_is_somebody_else, library.id)
        lending.vendor.faults.clear()

        with pytest.raises(BeingConfirmed):
            await lending.collection.checkout("ada", book, origin=READER)

        lending.today.wait(minutes=3)  # that somebody else has said nothing
        assert await lending.collection.settle_open() == 1
        await lending.settled()
        assert await lending.here("ada") == ({book}, set())


@pytest.mark.parametrize("terms", [SLOW])
class TestASlowVendor:
    async def test_is_waited_for_only_so_long_and_the_loan_comes_anyway(
        self, lending: Lent
    ) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add("latency", endpoint="checkouts/create", seconds=1.5)

        begun = time.monotonic()
        with pytest.raises(BeingConfirmed) as told:
            await lending.collection.checkout("ada", book, origin=READER)
        waited = time.monotonic() - begun

        assert 0.3 <= waited < 1.2
        assert told.value.may_stand
        assert await lending.here("ada") == (set(), set())
        await lending.settled()
        assert await lending.here("ada") == ({book}, set())

    async def test_is_joined_by_a_second_click_later(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add("latency", endpoint="checkouts/create", seconds=1.0, times=1)
        with pytest.raises(BeingConfirmed):
            await lending.collection.checkout("ada", book, origin=by("1"))

        for _ in range(2):
            with pytest.raises(BeingConfirmed):
                await lending.collection.checkout("ada", book, origin=READER)
        await lending.settled()
        first = await lending.collection.checkout("ada", book, origin=by("1"))

        assert first.item.id == book
        assert lending.vendor.calls["checkouts/create"] == 1

    async def test_lets_nothing_else_be_done_with_the_title_meanwhile(self, lending: Lent) -> None:
        book, other = lending.isbns()[:2]
        lending.vendor.faults.add("latency", endpoint="checkouts/create", seconds=1.0, times=1)
        with pytest.raises(BeingConfirmed):
            await lending.collection.checkout("ada", book, origin=READER)

        for change in (
            lending.collection.add_hold("ada", item_id=book, origin=READER),
            lending.collection.renew("ada", item_id=book, origin=READER),
            lending.collection.checkin(book, patron_id="ada", origin=READER),
            lending.collection.cancel_hold("ada", item_id=book, origin=READER),
        ):
            with pytest.raises(BeingConfirmed):
                await change
        await lending.settled()

        await lending.collection.add_hold("ada", item_id=other, origin=READER)
        assert await lending.here("ada") == ({book}, {other})
        calls = lending.vendor.calls
        assert (calls["checkouts/renew"], calls["checkouts/return"], calls["holds/create"]) == (
            0, 0, 1,
        )  # fmt: skip

    async def test_is_not_waited_for_by_what_only_reads(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        lending.vendor.faults.add("latency", seconds=3600)

        async with asyncio.timeout(5):
            assert await lending.here("ada") == ({book}, set())
            assert await lending.collection.find_item(book) is not None
            await lending.collection.signed_in("ada")
            assert await lending.collection.wishlist("ada") == []
            assert await lending.collection.bookmark("ada", book) is None
            assert await lending.collection.formats("ada", book)


class TestARequestThatComesAgain:
    async def test_has_the_first_answer_however_the_world_has_moved_on(self, lending: Lent) -> None:
        book, ours = lending.isbns()[0], lending.collection
        first = await ours.checkout("ada", book, origin=by("1"))
        lending.today.wait(days=3)
        renewed = await ours.renew("ada", item_id=book, origin=by("2"))
        back = await ours.checkin(book, origin=by("3"))
        lending.today.wait(hours=1)
        await ours.checkout("grace", book, origin=by("4"))
        held = await ours.add_hold("ada", item_id=book, origin=by("5"))
        gone = await ours.cancel_hold("ada", item_id=book, origin=by("6"))
        asked = lending.vendor.calls.total()

        assert await ours.checkout("ada", book, origin=by("1")) == first
        assert await ours.renew("ada", item_id=book, origin=by("2")) == renewed
        assert await ours.checkin(book, origin=by("3")) == back
        assert await ours.add_hold("ada", item_id=book, origin=by("5")) == held
        assert await ours.cancel_hold("ada", item_id=book, origin=by("6")) == gone

        assert lending.vendor.calls.total() == asked
        assert await lending.here("grace") == ({book}, set())
        assert back.patron is not None
        assert back.patron.id == "ada"

    async def test_has_it_in_another_process(
        self, lending: Lent, library: Library, collection: Collected, sandbox: Vendor
    ) -> None:
        book = lending.isbns()[0]
        first = await lending.collection.checkout("ada", book, origin=by("1"))

        async with reopened(library, collection, sandbox, lending.today) as other:
            assert await other.collection.checkout("ada", book, origin=by("1")) == first

    async def test_may_succeed_after_it_was_refused(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.lent_to_a_stranger(book)
        with pytest.raises(NoCopyAvailable):
            await lending.collection.checkout("ada", book, origin=by("1"))
        lending.vendor.set_copies(book, 2)

        result = await lending.collection.checkout("ada", book, origin=by("1"))

        assert day_of(result.due_at) == "2016-11-14"

    async def test_is_another_one_if_another_account_sent_it(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=by("1"))

        with pytest.raises(AlreadyOnLoan):
            await lending.collection.checkout("ada", book, origin=by("1", account="desk"))

    async def test_says_nothing_of_whom_it_was_about_but_what_the_first_answer_did(
        self, lending: Lent
    ) -> None:
        await lending.library.patron(
            "eve", email="eve@mail.example", address="Elm Street", phone="555-0100"
        )
        first = await lending.collection.checkout("eve", lending.isbns()[0], origin=by("1"))

        assert (first.patron.id, first.patron.name) == ("eve", "Eve")
        for told in ("eve@mail.example", "Elm Street", "555-0100"):
            assert "intents" not in await lending.tables_with(told)


class TestAnotherConnection:
    """A terminal that lost its connection asks again with a new time, so with another key."""

    async def test_within_ten_minutes_it_is_a_repeat(self, lending: Lent) -> None:
        book, ours = lending.isbns()[0], lending.collection
        first = await ours.checkout("ada", book, origin=by("1", connection="one"))
        lending.today.wait(minutes=9, seconds=59)
        again = await ours.checkout("ada", book, origin=by("2", connection="two"))
        assert again == first

        lending.today.wait(days=1)
        renewed = await ours.renew("ada", item_id=book, origin=by("3", connection="two"))
        again = await ours.renew("ada", item_id=book, origin=by("4", connection="three"))
        assert again == renewed

        back = await ours.checkin(book, patron_id="ada", origin=by("5", connection="three"))
        assert await ours.checkin(book, patron_id="ada", origin=by("6", connection="four")) == back
        calls = lending.vendor.calls
        assert (
            calls["checkouts/create"], calls["checkouts/renew"], calls["checkouts/return"]
        ) == (1, 1, 1)  # fmt: skip

    async def test_on_the_same_connection_it_is_none(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=by("1"))

        with pytest.raises(AlreadyOnLoan):
            await lending.collection.checkout("ada", book, origin=by("2"))

    async def test_later_it_is_none(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=by("1", connection="one"))
        lending.today.wait(minutes=10, seconds=1)

        with pytest.raises(AlreadyOnLoan):
            await lending.collection.checkout("ada", book, origin=by("2", connection="two"))

    async def test_of_another_account_or_patron_it_is_none(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=by("1", connection="one"))

        with pytest.raises(AlreadyOnLoan):
            await lending.collection.checkout(
                "ada", book, origin=by("2", connection="two", account="desk")
            )
        with pytest.raises(NoCopyAvailable):
            await lending.collection.checkout("grace", book, origin=by("3", connection="two"))

    async def test_after_something_else_it_is_none(self, lending: Lent) -> None:
        book, ours = lending.isbns()[0], lending.collection
        await ours.checkout("ada", book, origin=by("1", connection="one"))
        await ours.checkin(book, origin=by("2", connection="one"))

        again = await ours.checkout("ada", book, origin=by("3", connection="two"))

        assert lending.vendor.calls["checkouts/create"] == 2
        assert again.item.id == book
        with pytest.raises(NotOnLoan):
            await ours.checkin(book, patron_id="grace", origin=by("4", connection="two"))


@pytest.mark.parametrize(
    "settings", [msgspec.structs.replace(SETTINGS, limits=PatronLimits(shelf_limit=2))]
)
class TestOneLimitOverPrintAndDigital:
    @pytest.fixture
    def today(self) -> Today:
        """The ILS goes by the real clock, so all do here."""
        today = Today()
        today.now = datetime.now(UTC)
        return today

    @pytest.fixture
    async def prints(self, library: Library) -> list[str]:
        """Items of the library's own."""
        return [await library.item(f"3100000{n}", title=f"Print {n}") for n in range(4)]

    async def test_counts_for_what_is_digital(
        self, lending: Lent, prints: list[str], settings: InstitutionSettings
    ) -> None:
        first, second = lending.isbns()[:2]
        await lending.library.ils.checkout("ada", prints[0], origin=DESK)
        await lending.collection.checkout("ada", first, origin=READER)

        with pytest.raises(LoanLimitReached) as told:
            await lending.collection.checkout("ada", second, origin=READER)

        assert told.value.item is not None
        assert lending.vendor.calls["checkouts/create"] == 1
        await lending.collection.checkout("grace", second, origin=READER)
        await lending.library.ils.checkin(prints[0], origin=DESK)
        lending.vendor.set_copies(second, 2)
        await lending.collection.checkout("ada", second, origin=READER)

    async def test_counts_for_what_is_printed(
        self, lending: Lent, prints: list[str], settings: InstitutionSettings
    ) -> None:
        first, second = lending.isbns()[:2]
        await lending.collection.checkout("ada", first, origin=READER)
        await lending.collection.checkout("ada", second, origin=READER)

        with pytest.raises(LoanLimitReached):
            await lending.library.ils.checkout("ada", prints[0], origin=DESK)

        await lending.collection.checkin(first, origin=READER)
        await lending.library.ils.checkout("ada", prints[0], origin=DESK)

    async def test_counts_what_is_on_its_way(
        self, lending: Lent, prints: list[str], settings: InstitutionSettings
    ) -> None:
        first, second = lending.isbns()[:2]
        lending.vendor.faults.add("error-500", endpoint="checkouts/create")
        for title in (first, second):
            lending.today.wait(minutes=1)
            with pytest.raises(BeingConfirmed):
                await lending.collection.checkout("ada", title, origin=READER)

        with pytest.raises(LoanLimitReached):
            await lending.library.ils.checkout("ada", prints[0], origin=DESK)

    async def test_does_not_count_what_is_over(
        self, lending: Lent, prints: list[str], settings: InstitutionSettings
    ) -> None:
        lending.today.wait(days=-30)
        for title in lending.isbns()[:2]:
            await lending.collection.checkout("ada", title, origin=READER)
        lending.today.wait(days=30)

        await lending.library.ils.checkout("ada", prints[0], origin=DESK)
        lending.vendor.tick()
        await lending.collection.checkout("ada", lending.isbns()[2], origin=READER)

    async def test_leaves_renewals_and_holds_alone(
        self, lending: Lent, prints: list[str], settings: InstitutionSettings
    ) -> None:
        first, second, third = lending.isbns()[:3]
        await lending.collection.checkout("ada", first, origin=READER)
        await lending.collection.checkout("ada", second, origin=READER)
        lending.today.wait(days=1)

        await lending.collection.renew("ada", item_id=first, origin=READER)
        await lending.collection.add_hold("ada", item_id=third, origin=READER)

    async def test_holds_in_a_race(
        self, lending: Lent, prints: list[str], settings: InstitutionSettings
    ) -> None:
        books = lending.isbns()
        for n in range(6):
            patron = await lending.library.patron(f"racer{n}")
            for item in prints:
                await lending.library.item(f"{item}-{n}")

            results = await asyncio.gather(
                *(
                    lending.collection.checkout(patron, book, origin=READER)
                    for book in books[4 * n : 4 * n + 4]
                ),
                *(
                    lending.library.ils.checkout(patron, f"{item}-{n}", origin=DESK)
                    for item in prints
                ),
                return_exceptions=True,
            )

            lent = [each for each in results if isinstance(each, CheckoutResult)]
            refused = [each for each in results if isinstance(each, LoanLimitReached)]
            assert (len(lent), len(refused)) == (2, 6), results
            printed = await lending.library.ils.patron_account(patron)
            digital, _ = await lending.here(patron)
            assert len(printed.loans) + len(digital) == 2


async def test_a_change_outlives_the_one_who_asked_for_it(lending: Lent) -> None:
    book = lending.isbns()[0]
    lending.vendor.faults.add("latency", endpoint="checkouts/create", seconds=0.5)

    asking = asyncio.create_task(lending.collection.checkout("ada", book, origin=READER))
    await asyncio.sleep(0.3)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await lending.settled()

    assert await lending.here("ada") == ({book}, set())
    assert await lending.in_step("ada")


async def test_nothing_is_left_open_by_a_vendor_that_is_away(lending: Lent) -> None:
    book = lending.isbns()[0]
    lending.vendor.faults.add("drop-before")

    for _ in range(2):
        with pytest.raises(Unavailable) as told:
            await lending.collection.checkout("ada", book, origin=by("1"))
        assert not isinstance(told.value, BeingConfirmed)
        assert not told.value.may_stand
        lending.today.wait(minutes=1)


async def _twice(change) -> None:  # type: ignore[no-untyped-def] # whatever gives an awaitable
    first, second = await asyncio.gather(change(), change())
    assert first == second


async def _begun(lending: Lent) -> None:
    """Wait until the vendor is asked to lend."""
    async with asyncio.timeout(10):
        while not lending.vendor.calls["checkouts/create"]:  # noqa: ASYNC110 - it says nothing
            await asyncio.sleep(0.01)


def _at_it_is_somebody_else(tx: Transaction) -> None:
    tx.run(
        "UPDATE intents SET worker = 'elsewhere 1 1' WHERE institution = :institution"
        " AND settled_at IS NULL"
    )


def _changes(name: str) -> bool:
    """Whether a call of this name changes loans or holds."""
    where, _, what = name.partition("/")
    return where in ("checkouts", "holds") and what != "list"
