"""What may have become of it, while nobody looked: between two answers of the vendor's, in its own
app, or while we were not there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bibliobus.database import Transaction
from bibliobus.ils import AlreadyBorrowed, Bookmark, Institution
from bibliobus.oneclick import intents, invariants
from bibliobus.oneclick.accounts import locked_account
from bibliobus.oneclick.desk import name_of
from bibliobus.oneclick.intents import Intent, Kind
from tests.oneclick.collected import INSTITUTION
from tests.oneclick.lending import READER, Lent, by
from tests.oneclick.wiretap import Wiretap
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture


async def test_what_the_patron_returned_elsewhere_is_lent_anew(lending: Lent) -> None:
    """And not answered with the loan of a few minutes ago, as a repeat would be."""
    book = lending.isbns()[0]
    await lending.collection.checkout("ada", book, origin=by("1"))
    lending.today.wait(minutes=3)
    await lending.returned_at_the_vendor("ada", book)
    await lending.collection.reconcile("ada")

    await lending.collection.checkout("ada", book, origin=by("2", connection="two"))

    assert await lending.at_the_vendor("ada") == ({book}, set())
    assert await lending.in_step("ada")


async def test_a_hold_that_becomes_a_loan_between_two_lists_is_in_one_of_them(
    lending: Lent, wire: Wiretap
) -> None:
    book = lending.isbns()[0]
    await lending.collection.add_hold("ada", item_id=book, origin=READER)
    lending.vendor.faults.add("error-500", endpoint="holds/cancel")
    wire.when_answered(r"^GET .*/(checkouts|holds)/", lambda: _tick(lending))

    with pytest.raises(AlreadyBorrowed):
        await lending.collection.cancel_hold("ada", item_id=book, origin=READER)

    assert await lending.here("ada") == ({book}, set())
    assert await lending.in_step("ada")


async def test_what_was_wanted_days_ago_is_not_lent_unasked(lending: Lent) -> None:
    """The power failed before the vendor was called, and comes back after three days."""
    desk, book = lending.collection._desk, lending.isbns()[0]
    patron = await desk.patron("ada")

    def wanted(tx: Transaction) -> Intent:
        locked_account(tx, desk, patron)
        return intents.begin(
            tx, desk.collection, Kind.CHECKOUT, patron=name_of(patron), card="ada", isbn=book,
            due_before=None, origin=READER, now=desk.now(),
        )  # fmt: skip

    await desk.write(wanted)
    lending.today.wait(days=3)
    await lending.collection.settle_open()
    await lending.settled()

    assert await lending.at_the_vendor("ada") == (set(), set())
    assert (await lending.collection.patron_account("ada")).under_way == ()


async def test_what_left_the_catalogue_is_found_at_the_door_by_who_has_it(lending: Lent) -> None:
    book = lending.isbns()[0]
    await lending.collection.checkout("ada", book, origin=READER)
    lending.vendor.remove_title(book)
    lending.today.wait(days=1)
    await lending.collected.imported(again=True)
    institution = Institution(
        id=INSTITUTION, name="", time_zone=lending.collection._desk.zone, ils=lending.library.ils,
        collections={"oneclick": lending.collection},
    )  # fmt: skip

    lender = await institution.lender_of(book)
    await lender.checkin(book, patron_id="ada", origin=READER)

    assert lender is lending.collection
    assert await lending.at_the_vendor("ada") == (set(), set())


async def test_a_bookmark_goes_with_the_loan_even_if_a_hold_follows(lending: Lent) -> None:
    book, vendor = lending.isbns("eAudio")[0], lending.vendor
    await lending.collection.checkout("ada", book, origin=READER)
    kept = Bookmark(part=0, position=timedelta(minutes=1), kept_at=lending.today())
    await lending.collection.keep_bookmark("ada", book, kept, origin=READER)
    await lending.returned_at_the_vendor("ada", book)
    vendor.lending.place_hold(vendor.settings, await lending.remote("ada"), lending.title(book))

    await lending.collection.reconcile("ada")

    assert await lending.here("ada") == (set(), {book})
    assert await _breaches(lending) == []


async def test_a_reader_whose_clock_is_ahead_can_turn_back_later(lending: Lent) -> None:
    book = lending.isbns("eAudio")[0]
    await lending.collection.checkout("ada", book, origin=READER)
    ahead = Bookmark(part=3, position=timedelta(), kept_at=lending.today() + timedelta(days=365))
    await lending.collection.keep_bookmark("ada", book, ahead, origin=READER)
    lending.today.wait(minutes=1)

    back = Bookmark(part=1, position=timedelta(), kept_at=lending.today())
    await lending.collection.keep_bookmark("ada", book, back, origin=READER)

    assert await lending.collection.bookmark("ada", book) == back


async def test_a_loan_that_nobody_compares_any_more_ends_and_is_forgotten(lending: Lent) -> None:
    book = lending.isbns()[0]
    await lending.collection.checkout("ada", book, origin=READER)

    lending.today.wait(days=90)
    await lending.collection._reconciler.forget()

    (row,) = (await lending.all_rows())["digital_shelf"]
    assert book in row
    assert row[3] is None  # whose it was
    assert await _breaches(lending) == []


async def test_nobody_gets_an_account_by_being_looked_for(lending: Lent) -> None:
    """The vendor has lost it, or merged it with another one."""
    await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)
    account = await lending.remote("ada")
    for table in ("bearers", "holds", "loans"):
        lending.vendor.state.run(f"DELETE FROM {table} WHERE patron = ?", account.id)
    lending.vendor.state.run("DELETE FROM patrons WHERE id = ?", account.id)
    made = lending.vendor.calls["patrons/create"]

    await lending.collection.reconcile("ada")

    assert lending.vendor.calls["patrons/create"] == made
    assert await lending.here("ada") == (set(), set())


async def test_a_second_click_takes_up_what_was_left_for_later(lending: Lent) -> None:
    book = lending.isbns()[0]
    await lending.collection.checkout("ada", lending.isbns()[1], origin=READER)
    every = "/v1/libraries/1931/patrons"
    fault = lending.vendor.faults.add("error-after", path=every)
    with pytest.raises(Exception, match="has not said what came of it"):
        await lending.collection.checkout("ada", book, origin=READER)
    lending.vendor.faults.remove(fault.key)

    lent = await lending.collection.checkout("ada", book, origin=READER)

    assert lent.item.id == book
    assert lending.title(book).loans == 1


def _tick(lending: Lent) -> None:
    lending.vendor.tick()


async def _breaches(lending: Lent) -> list[str]:
    return await lending.library.app.database.read(
        lambda tx: list(invariants.breaches(tx, lending.today())), INSTITUTION
    )
