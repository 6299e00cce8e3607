"""What becomes of loans and holds at the vendor, and what the port and our mirror say of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from bibliobus.catalogue import Search, search
from bibliobus.ils import (
    AlreadyBorrowed,
    AlreadyOnHold,
    AlreadyOnLoan,
    BeingConfirmed,
    CirculationStatus,
    HoldLimitReached,
    HoldNotAllowed,
    HoldNotFound,
    ItemNotFound,
    LoanLimitReached,
    NoCopyAvailable,
    NotForLoan,
    NotOnLoan,
    NotSupported,
    NotTakenHere,
    Patron,
    PatronBlocked,
    PatronNotFound,
    RenewalNotAllowed,
    Secret,
    TitleNotFound,
    Unavailable,
    WrongPIN,
)
from bibliobus.ils.blocks import blocks_of
from bibliobus.ils.errors import CardExpired, CardLost, OwesTooMuch
from bibliobus.ils.library import InstitutionSettings, PatronLimits
from bibliobus.oneclick.desk import WRITING
from bibliobus.sandbox.vendor import Vendor
from bibliobus.sandbox.vendor.faults import Kind as Fault
from tests.oneclick.collected import INSTITUTION, a_title
from tests.oneclick.lending import READER, Lent, day_of
from tests.oneclick.wiretap import Wiretap
from tests.support import SETTINGS
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture

TODAY = datetime(2016, 10, 24, tzinfo=UTC).date()
POST = r"^POST .*/checkouts/"


async def shelved(lending: Lent, isbn: str) -> list[tuple[object, ...]]:
    """All rows that the mirror ever had of a title."""
    return await lending.library.app.database.read(
        lambda tx: tx.rows(
            "SELECT key, kind, transaction_id, ended_at IS NULL FROM digital_shelf"
            " WHERE institution = :institution AND isbn = :isbn ORDER BY key",
            isbn=isbn,
        ),
        INSTITUTION,
    )


async def available(lending: Lent, isbn: str) -> bool:
    """Whether a reader who looks for what can be borrowed at once finds a title."""
    results = await lending.library.app.database.read(
        lambda tx: search(tx, Search(isbn=isbn, available=True)), INSTITUTION
    )
    return bool(results.found)


def never_held(vendor: Vendor) -> bool:
    """Whether nobody has asked the vendor for a hold."""
    return vendor.calls["holds/create"] == 0


class TestHowLong:
    @pytest.mark.parametrize(
        ("terms", "medium", "days", "asked"),
        [
            ({"ebook_loan_length": 7}, "eBook", 7, "?days=7"),
            ({"eaudio_loan_length": 5}, "eAudio", 5, "?days=5"),
            ({"ebook_loan_length": 7}, "eAudio", 14, ""),
            ({"eaudio_loan_length": 5}, "eBook", 21, ""),
            ({"ebook_loan_length": 21, "ebook_agreed_length": 21}, "eBook", 21, ""),
            ({"ebook_loan_length": 30, "ebook_agreed_length": 21}, "eBook", 21, ""),
            ({"ebook_loan_length": 20, "ebook_agreed_length": 30}, "eBook", 20, "?days=20"),
        ],
    )
    async def test_days_are_asked_for_only_to_have_fewer(
        self, lending: Lent, wire: Wiretap, medium: str, days: int, asked: str
    ) -> None:
        title = lending.isbns(medium)[0]

        borrowed = await lending.collection.checkout("ada", title, origin=READER)

        due = (TODAY + timedelta(days=days)).isoformat()
        assert day_of(borrowed.due_at) == due
        assert (await lending.collection.patron_account("ada")).loans[0].due_at == borrowed.due_at
        (sent,) = wire.asked(POST)
        assert sent.path.endswith(f"/checkouts/{title}{asked}")

    async def test_the_vendors_date_counts_and_not_ours(self, lending: Lent) -> None:
        lending.vendor.change_settings(ebook_days=9)

        borrowed = await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)

        assert day_of(borrowed.due_at) == "2016-11-02"

    async def test_a_loan_lasts_until_the_end_of_its_last_day_where_the_library_is(
        self, lending: Lent
    ) -> None:
        borrowed = await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)

        assert borrowed.due_at == datetime(2016, 11, 14, 22, 59, 59, tzinfo=UTC)  # in Paris

    @pytest.mark.parametrize("terms", [{"ebook_loan_length": 7}])
    async def test_a_renewal_asks_for_as_few_days(self, lending: Lent, wire: Wiretap) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        lending.today.wait(days=3)

        renewed = await lending.collection.renew("ada", item_id=book, origin=READER)

        assert day_of(renewed.due_at) == "2016-11-03"
        (sent,) = wire.asked("^PUT ")
        assert sent.path.endswith("?days=7")

    @pytest.mark.parametrize(("medium", "due"), [("eBook", "2016-11-14"), ("eAudio", "2016-11-07")])
    async def test_a_loan_without_a_date_is_as_long_as_was_agreed(
        self, lending: Lent, medium: str, due: str
    ) -> None:
        fault = lending.vendor.faults.add("missing-keys", endpoint="checkouts/list")

        borrowed = await lending.collection.checkout("ada", lending.isbns(medium)[0], origin=READER)

        assert day_of(borrowed.due_at) == due
        lending.vendor.faults.remove(fault.key)
        lending.vendor.state.run("UPDATE loans SET expires_on = '2016-10-30'")
        await lending.collection.reconcile("ada")
        (loan,) = (await lending.collection.patron_account("ada")).loans
        assert day_of(loan.due_at) == "2016-10-30"

    async def test_a_loan_ends_by_itself(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)

        lending.today.wait(days=22)
        assert await lending.here("ada") == (set(), set())
        with pytest.raises(NotOnLoan):
            await lending.collection.renew("ada", item_id=book, origin=READER)

        lending.vendor.tick()
        again = await lending.collection.checkout("ada", book, origin=READER)
        assert (again.renewal_ok, day_of(again.due_at)) == (False, "2016-12-06")
        assert await lending.in_step("ada")


class TestNotAvailable:
    async def test_what_we_say_of_it_is_put_right_at_once(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.lent_to_a_stranger(book)
        item = await lending.collection.find_item(book)
        assert item is not None
        assert item.circulation_status is CirculationStatus.AVAILABLE
        assert await available(lending, book)

        with pytest.raises(NoCopyAvailable):
            await lending.collection.checkout("ada", book, origin=READER)

        item = await lending.collection.find_item(book)
        assert item is not None
        assert item.circulation_status is CirculationStatus.CHARGED
        assert not await available(lending, book)
        assert await available(lending, lending.isbns()[1])

    async def test_nobody_places_a_hold_for_the_patron(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.lent_to_a_stranger(book)

        with pytest.raises(NoCopyAvailable):
            await lending.collection.checkout("ada", book, origin=READER)

        assert never_held(lending.vendor)
        assert await lending.here("ada") == (set(), set())
        held = await lending.collection.add_hold("ada", item_id=book, origin=READER)
        assert held.hold.item_id == book
        assert await lending.here("ada") == (set(), {book})

    async def test_it_can_be_tried_again(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.lent_to_a_stranger(book)
        with pytest.raises(NoCopyAvailable):
            await lending.collection.checkout("ada", book, origin=READER)
        lending.vendor.set_copies(book, 2)

        await lending.collection.checkout("ada", book, origin=READER)

        assert await lending.here("ada") == ({book}, set())


class TestAtTheVendorsLimits:
    async def test_a_loan_too_many_is_said_to_be_that(self, lending: Lent) -> None:
        first, second = lending.isbns()[:2]
        lending.vendor.change_settings(checkout_limit=1)
        await lending.collection.checkout("ada", first, origin=READER)

        with pytest.raises(LoanLimitReached):
            await lending.collection.checkout("ada", second, origin=READER)

        assert never_held(lending.vendor)
        assert await available(lending, second)  # it was not for want of a copy
        assert await lending.here("ada") == ({first}, set())
        assert await lending.in_step("ada")

    async def test_a_hold_too_many_is_said_to_be_that(self, lending: Lent) -> None:
        first, second = lending.isbns()[:2]
        lending.vendor.change_settings(hold_limit=1)
        await lending.collection.add_hold("ada", item_id=first, origin=READER)

        with pytest.raises(HoldLimitReached):
            await lending.collection.add_hold("ada", item_id=second, origin=READER)

        assert await lending.here("ada") == (set(), {first})

    async def test_the_vendor_may_lend_more_than_it_says(self, lending: Lent) -> None:
        first, second = lending.isbns()[:2]
        await lending.collection.checkout("ada", first, origin=READER)
        await lending.lent_at_the_vendor("ada", second)
        lending.vendor.change_settings(checkout_limit=1)

        await lending.collection.reconcile("ada")

        assert await lending.here("ada") == ({first, second}, set())


class TestHoldsThatBecomeLoans:
    async def waiting(self, lending: Lent, book: str) -> None:
        """Ada waits for the one copy, which has just come back."""
        lending.vendor.set_copies(book, 1)
        await lending.collection.checkout("grace", book, origin=READER)
        await lending.collection.add_hold("ada", item_id=book, origin=READER)
        await lending.collection.checkin(book, patron_id="grace", origin=READER)

    async def test_are_one_row_that_changes(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await self.waiting(lending, book)
        *_, hold = await shelved(lending, book)

        lending.vendor.tick()
        await lending.collection.reconcile("ada")

        graces, loan = await shelved(lending, book)
        key, _, transaction, _ = hold
        assert loan == (key, "loan", transaction, True)
        assert not graces[-1]
        assert (
            transaction
            == lending.vendor.lending.loans(await lending.remote("ada"))[0].transaction_id
        )
        (here,) = (await lending.collection.patron_account("ada")).loans
        assert day_of(here.due_at) == "2016-11-14"

    async def test_that_are_listed_as_both_are_loans(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.vendor.change_settings(holds_stay_listed=True)
        await self.waiting(lending, book)
        lending.vendor.tick()
        (hold,) = lending.vendor.lending.holds(await lending.remote("ada"))
        assert hold.lent  # and listed with the loans, too

        await lending.collection.reconcile("ada")

        assert await lending.here("ada") == ({book}, set())
        await lending.collection.reconcile("ada")
        assert await lending.here("ada") == ({book}, set())
        lending.vendor.tick()
        await lending.collection.reconcile("ada")
        assert await lending.here("ada") == ({book}, set())
        assert len(await shelved(lending, book)) == 2

    @pytest.mark.parametrize("listed", [False, True])
    async def test_are_told_of_when_the_patron_asks_for_them(
        self, lending: Lent, listed: bool
    ) -> None:
        book = lending.isbns()[0]
        lending.vendor.change_settings(holds_stay_listed=listed)
        await self.waiting(lending, book)
        lending.vendor.tick()

        borrowed = await lending.collection.checkout("ada", book, origin=READER)

        assert day_of(borrowed.due_at) == "2016-11-14"
        assert await lending.here("ada") == ({book}, set())

    @pytest.mark.parametrize("listed", [False, True])
    async def test_are_told_of_when_the_patron_gives_them_up(
        self, lending: Lent, listed: bool
    ) -> None:
        book = lending.isbns()[0]
        await self.waiting(lending, book)
        lending.vendor.tick()

        with pytest.raises(AlreadyBorrowed):
            await lending.collection.cancel_hold("ada", item_id=book, origin=READER)

        assert await lending.here("ada") == ({book}, set())

    async def test_may_be_borrowed_before_the_daemon_comes(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await self.waiting(lending, book)

        await lending.collection.checkout("ada", book, origin=READER)

        assert await lending.here("ada") == ({book}, set())
        assert await lending.in_step("ada")

    async def test_a_title_on_loan_elsewhere_is_found_when_a_hold_is_placed(
        self, lending: Lent
    ) -> None:
        book, other = lending.isbns()[:2]
        await lending.collection.checkout("ada", other, origin=READER)
        await lending.lent_at_the_vendor("ada", book)

        held = await lending.collection.add_hold("ada", item_id=book, origin=READER)

        assert held.available
        assert await lending.here("ada") == ({book, other}, set())


class TestWhatPatronsMayNot:
    async def test_a_title_that_they_have_or_wait_for(self, lending: Lent) -> None:
        loan, hold = lending.isbns()[:2]
        await lending.collection.checkout("ada", loan, origin=READER)
        await lending.collection.add_hold("ada", item_id=hold, origin=READER)
        asked = lending.vendor.calls.total()

        with pytest.raises(AlreadyOnLoan):
            await lending.collection.checkout("ada", loan, origin=READER)
        with pytest.raises(AlreadyBorrowed):
            await lending.collection.add_hold("ada", item_id=loan, origin=READER)
        with pytest.raises(AlreadyOnHold):
            await lending.collection.add_hold("ada", item_id=hold, origin=READER)
        assert lending.vendor.calls.total() == asked

    @pytest.mark.parametrize(
        ("about", "block", "holds"),
        [
            ({"card_lost": True}, CardLost, CardLost),
            ({"expires": "2016-10-23"}, CardExpired, CardExpired),
            ({"charge_ok": False}, PatronBlocked, None),
        ],
        ids=["lost", "expired", "blocked"],
    )
    async def test_borrow_with_a_card_that_the_library_has_blocked(
        self,
        lending: Lent,
        about: dict[str, object],
        block: type[PatronBlocked],
        holds: type[PatronBlocked] | None,
    ) -> None:
        book, other = lending.isbns()[:2]
        await lending.library.patron("eve", **about)

        with pytest.raises(block) as told:
            await lending.collection.checkout("eve", book, origin=READER)

        assert told.value.item is not None
        if holds is None:
            await lending.collection.add_hold("eve", item_id=other, origin=READER)
        else:
            with pytest.raises(holds):
                await lending.collection.add_hold("eve", item_id=other, origin=READER)
        assert lending.vendor.calls["checkouts/create"] == 0

    async def test_all_blocks_are_told_the_gravest_first(self, lending: Lent) -> None:
        await lending.library.patron("eve", expires="2016-10-23", card_lost=True)

        with pytest.raises(CardLost) as told:
            await lending.collection.checkout("eve", lending.isbns()[0], origin=READER)

        assert [type(each) for each in told.value.also] == [CardExpired]

    def test_the_last_day_of_a_card_is_a_good_one(self) -> None:
        eve = Patron(id="eve", name="Eve", expires_on=TODAY)

        assert blocks_of(eve, TODAY) == ()
        assert [type(each) for each in blocks_of(eve, TODAY + timedelta(days=1))] == [CardExpired]

    @pytest.mark.parametrize(
        "settings",
        [InstitutionSettings(time_zone="Europe/Paris", limits=PatronLimits(fee_limit=Decimal(5)))],
    )
    async def test_borrow_when_they_owe_too_much(
        self, lending: Lent, settings: InstitutionSettings
    ) -> None:
        await lending.library.fee("ada", "5.01")

        with pytest.raises(OwesTooMuch):
            await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)

    async def test_renew_if_the_library_says_so(self, lending: Lent) -> None:
        await lending.library.patron("eve", renew_ok=False)
        book = lending.isbns()[0]
        await lending.collection.checkout("eve", book, origin=READER)

        with pytest.raises(RenewalNotAllowed):
            await lending.collection.renew("eve", item_id=book, origin=READER)
        with pytest.raises(RenewalNotAllowed):
            await lending.collection.checkout("eve", book, renewal_allowed=True, origin=READER)

        assert lending.vendor.calls["checkouts/renew"] == 0

    async def test_place_holds_if_the_library_says_so(self, lending: Lent) -> None:
        await lending.library.patron("eve", hold_ok=False)

        with pytest.raises(HoldNotAllowed):
            await lending.collection.add_hold("eve", item_id=lending.isbns()[0], origin=READER)

        assert never_held(lending.vendor)

    async def test_borrow_as_somebody_else(self, lending: Lent) -> None:
        book, wrong = lending.isbns()[0], Secret("4321")
        ours = lending.collection

        with pytest.raises(WrongPIN):
            await ours.checkout("ada", book, pin=wrong, origin=READER)
        with pytest.raises(WrongPIN):
            await ours.add_hold("ada", item_id=book, pin=wrong, origin=READER)
        with pytest.raises(PatronNotFound):
            await ours.checkout("nobody", book, origin=READER)
        assert not lending.vendor.calls["patrons/create"]
        await ours.checkout("ada", book, pin=Secret("1234"), origin=READER)

    @pytest.mark.parametrize(
        "settings",
        [msgspec.structs.replace(SETTINGS, checkout_ok=False, checkin_ok=False, renewal_ok=False)],
    )
    async def test_do_what_the_library_has_switched_off(
        self, lending: Lent, settings: InstitutionSettings
    ) -> None:
        book, ours = lending.isbns()[0], lending.collection

        with pytest.raises(NotSupported):
            await ours.checkout("ada", book, origin=READER)
        with pytest.raises(NotSupported):
            await ours.renew("ada", item_id=book, origin=READER)
        with pytest.raises(NotSupported):
            await ours.checkin(book, origin=READER)
        await ours.add_hold("ada", item_id=book, origin=READER)
        with pytest.raises(NotSupported):
            await ours.alter_hold("ada", item_id=book, origin=READER)


class TestTitles:
    async def test_may_be_named_in_any_way_that_an_isbn_is_written(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        ten = _of_ten_digits(book)
        hyphens = f"{book[:3]}-{book[3:8]}-{book[8:12]}-{book[12]}"

        borrowed = await lending.collection.checkout("ada", hyphens, origin=READER)
        assert borrowed.item.id == book
        with pytest.raises(AlreadyOnLoan):
            await lending.collection.checkout("ada", ten, origin=READER)
        lending.today.wait(days=1)
        await lending.collection.renew("ada", item_id=ten, origin=READER)
        assert (await lending.collection.fulfil("ada", ten, origin=READER)).url
        await lending.collection.checkin(ten, origin=READER)
        await lending.collection.add_hold("ada", item_id=hyphens, origin=READER)
        await lending.collection.cancel_hold("ada", item_id=ten, origin=READER)
        assert await lending.here("ada") == (set(), set())
        found = await lending.collection.find_item(ten)
        assert found is not None
        assert found.id == book

    async def test_may_be_named_by_their_own_names_when_the_patron_has_them(
        self, lending: Lent
    ) -> None:
        book, other = lending.isbns()[:2]
        borrowed = await lending.collection.checkout("ada", book, origin=READER)
        held = await lending.collection.add_hold("ada", item_id=other, origin=READER)
        lending.today.wait(days=1)

        renewed = await lending.collection.renew(
            "ada", title_id=borrowed.item.title_id, origin=READER
        )
        assert held.item is not None
        await lending.collection.cancel_hold("ada", title_id=held.item.title_id, origin=READER)

        assert renewed.item.id == book
        assert await lending.here("ada") == ({book}, set())
        with pytest.raises(NotOnLoan):
            await lending.collection.renew("ada", title_id="Nothing of Theirs", origin=READER)
        with pytest.raises(TitleNotFound):
            await lending.collection.add_hold("ada", title_id="No Such Title", origin=READER)

    @pytest.mark.parametrize("item", ["9789999999999", "31000001", "", "978", "9789999900011 x"])
    async def test_that_are_unknown_are_not_asked_for(self, lending: Lent, item: str) -> None:
        ours = lending.collection

        assert await ours.find_item(item) is None
        for refused in (
            ours.checkout("ada", item, origin=READER),
            ours.renew("ada", item_id=item, origin=READER),
            ours.checkin(item, origin=READER),
            ours.checkin(item, patron_id="ada", origin=READER),
            ours.add_hold("ada", item_id=item, origin=READER),
            ours.cancel_hold("ada", item_id=item, origin=READER),
        ):
            with pytest.raises(ItemNotFound):
                await refused
        assert not lending.vendor.calls["patrons/create"]

    async def test_that_the_library_does_not_own_can_be_wished_for_only(
        self, lending: Lent
    ) -> None:
        title = a_title(7)
        isbn = str(title["isbn"]).replace("979", "978", 1)
        lending.vendor.change_settings(shows_not_owned=True)
        lending.vendor.add_title(title | {"isbn": isbn}, owned=False)
        collected = lending.collected
        collected.settings = msgspec.structs.replace(
            collected.settings, shows_titles_not_owned=True
        )
        lending.today.wait(days=8)
        await collected.imported(again=True)
        await collected.availability()
        item = await lending.collection.find_item(isbn)
        assert item is not None
        assert item.circulation_status is CirculationStatus.OTHER

        with pytest.raises(NotForLoan):
            await lending.collection.checkout("ada", isbn, origin=READER)
        with pytest.raises(HoldNotAllowed):
            await lending.collection.add_hold("ada", item_id=isbn, origin=READER)
        wish = await lending.collection.add_wish("ada", isbn, origin=READER)

        assert wish.title_id == "Volume 7 of Zanzibar"
        assert lending.vendor.calls["checkouts/create"] == 0

    @pytest.mark.parametrize("medium", ["eBook", "eAudio"])
    async def test_that_leave_the_catalogue_stay_with_who_has_them(
        self, lending: Lent, medium: str
    ) -> None:
        book, held = lending.isbns(medium)[:2]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.collection.add_hold("ada", item_id=held, origin=READER)
        await self.left(lending, book, held)
        gone = await lending.collection.find_item(book)
        assert gone is not None
        assert gone.circulation_status is CirculationStatus.OTHER
        with pytest.raises(NotForLoan):
            await lending.collection.checkout("grace", book, origin=READER)

        assert await lending.here("ada") == ({book}, {held})
        (loan,) = (await lending.collection.patron_account("ada")).loans
        assert not loan.title_id.isdecimal()
        renewed = await lending.collection.renew("ada", item_id=book, origin=READER)
        assert renewed.item.title_id == loan.title_id
        length = 21 if medium == "eBook" else 14
        assert day_of(renewed.due_at) == (TODAY + timedelta(days=1 + length)).isoformat()
        await lending.collection.cancel_hold("ada", item_id=held, origin=READER)
        back = await lending.collection.checkin(book, origin=READER)
        assert back.item.title_id == loan.title_id
        assert await lending.here("ada") == (set(), set())
        assert await lending.in_step("ada")

    @pytest.mark.parametrize("terms", [{"ebook_loan_length": 3}])
    async def test_that_leave_are_renewed_for_as_long_as_others_of_their_kind(
        self, lending: Lent
    ) -> None:
        audio, other = lending.isbns("eAudio")[:2]
        await lending.collection.checkout("ada", audio, origin=READER)
        await self.left(lending, audio, other)

        renewed = await lending.collection.renew("ada", item_id=audio, origin=READER)

        assert day_of(renewed.due_at) == "2016-11-08"

    async def left(self, lending: Lent, *isbns: str) -> None:
        """The library gives titles up."""
        for isbn in isbns:
            lending.vendor.remove_title(isbn)
        lending.today.wait(days=1)
        await lending.collected.imported(again=True)

    async def test_that_only_the_vendor_knows_have_the_vendors_names(self, lending: Lent) -> None:
        known, new = lending.isbns()[0], a_title(3)
        lending.vendor.add_title(new)
        await lending.collection.checkout("ada", known, origin=READER)
        await lending.lent_at_the_vendor("ada", str(new["isbn"]))

        await lending.collection.reconcile("ada")

        loans = (await lending.collection.patron_account("ada")).loans
        assert "Volume 3 of Zanzibar" in {loan.title_id for loan in loans}
        await lending.collection.checkin(str(new["isbn"]), patron_id="ada", origin=READER)
        assert await lending.here("ada") == ({known}, set())


class TestTakingBack:
    async def test_takes_from_the_one_who_has_it(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("grace", book, origin=READER)

        back = await lending.collection.checkin(book, origin=READER)

        assert back.patron is not None
        assert back.patron.id == "grace"
        assert await lending.in_step("grace")

    async def test_asks_for_a_card_if_several_have_it(self, lending: Lent) -> None:
        audio = lending.isbns("eAudio")[0]
        for patron in ("ada", "grace"):
            await lending.collection.checkout(patron, audio, origin=READER)

        with pytest.raises(NotTakenHere, match="card"):
            await lending.collection.checkin(audio, origin=READER)

        await lending.collection.checkin(audio, patron_id="ada", origin=READER)
        assert await lending.here("ada") == (set(), set())
        assert await lending.here("grace") == ({audio}, set())
        await lending.collection.checkin(audio, origin=READER)
        assert await lending.here("grace") == (set(), set())

    async def test_does_not_ask_because_of_a_loan_that_is_over(self, lending: Lent) -> None:
        audio = lending.isbns("eAudio")[0]
        await lending.collection.checkout("ada", audio, origin=READER)
        lending.today.wait(days=15)
        lending.vendor.tick()
        await lending.collection.checkout("grace", audio, origin=READER)

        back = await lending.collection.checkin(audio, origin=READER)

        assert back.patron is not None
        assert back.patron.id == "grace"

    async def test_is_as_good_if_it_was_returned_already(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.returned_at_the_vendor("ada", book)

        await lending.collection.checkin(book, origin=READER)

        assert await lending.here("ada") == (set(), set())

    async def test_takes_nothing_that_nobody_has(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.add_hold("ada", item_id=book, origin=READER)

        with pytest.raises(NotOnLoan):
            await lending.collection.checkin(book, origin=READER)
        with pytest.raises(NotOnLoan):
            await lending.collection.checkin(book, patron_id="ada", origin=READER)
        with pytest.raises(HoldNotFound):
            await lending.collection.cancel_hold("grace", item_id=book, origin=READER)

        assert await lending.here("ada") == (set(), {book})


class TestRenewing:
    async def test_is_refused_by_the_vendor_and_changes_nothing(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.vendor.change_settings(renewals=0)
        borrowed = await lending.collection.checkout("ada", book, origin=READER)
        lending.today.wait(days=2)

        with pytest.raises(RenewalNotAllowed):
            await lending.collection.renew("ada", item_id=book, origin=READER)

        (loan,) = (await lending.collection.patron_account("ada")).loans
        assert (loan.due_at, loan.renewals) == (borrowed.due_at, 0)
        assert await lending.in_step("ada")

    async def test_may_be_what_a_checkout_does(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        lending.today.wait(days=2)

        renewed = await lending.collection.checkout(
            "ada", book, renewal_allowed=True, origin=READER
        )

        assert (renewed.renewal_ok, day_of(renewed.due_at)) == (True, "2016-11-16")
        (loan,) = (await lending.collection.patron_account("ada")).loans
        assert loan.renewals == 1

    async def test_finds_out_that_the_loan_is_gone(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.returned_at_the_vendor("ada", book)

        with pytest.raises(NotOnLoan):
            await lending.collection.renew("ada", item_id=book, origin=READER)

    @pytest.mark.parametrize("fault", ["drop-after", "error-after", "truncated"])
    async def test_that_was_done_unheard_is_found_in_the_list(
        self, lending: Lent, fault: Fault
    ) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        lending.today.wait(days=2)
        lending.vendor.faults.add(fault, endpoint="checkouts/renew", times=1)

        renewed = await lending.collection.renew("ada", item_id=book, origin=READER)

        assert day_of(renewed.due_at) == "2016-11-16"
        assert lending.vendor.calls["checkouts/renew"] == 1

    @pytest.mark.parametrize("fault", ["drop-before", "error-500", "html-page", "empty-body"])
    async def test_that_nobody_heard_of_is_not_asked_for_twice(
        self, lending: Lent, fault: Fault
    ) -> None:
        book = lending.isbns()[0]
        borrowed = await lending.collection.checkout("ada", book, origin=READER)
        lending.today.wait(days=2)
        lending.vendor.faults.add(fault, endpoint="checkouts/renew", times=1)

        with pytest.raises(RenewalNotAllowed):
            await lending.collection.renew("ada", item_id=book, origin=READER)

        assert lending.vendor.calls["checkouts/renew"] == 1
        (loan,) = (await lending.collection.patron_account("ada")).loans
        assert loan.due_at == borrowed.due_at

    async def test_is_not_sent_again_when_nothing_could_be_read_for_a_while(
        self, lending: Lent
    ) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        lending.today.wait(days=2)
        lending.vendor.faults.add("drop-after", endpoint="checkouts/renew", times=1)
        lending.vendor.faults.add("error-500", endpoint="checkouts/list")
        with pytest.raises(BeingConfirmed):
            await lending.collection.renew("ada", item_id=book, origin=READER)
        lending.vendor.faults.clear()
        lending.today.wait(minutes=1)

        assert await lending.collection.settle_open() == 1
        renewed = await lending.collection.renew("ada", item_id=book, origin=READER)

        assert day_of(renewed.due_at) == "2016-11-16"
        assert lending.vendor.calls["checkouts/renew"] == 1


LOST = ["drop-after", "error-after", "truncated"]  # done, and nobody hears of it
UNDONE = ["drop-before", "error-500", "empty-body", "unknown-message", "success-without-effect"]


class TestAnswersThatAreLost:
    """`drop-after` and its like: the vendor has done it. The rest: it has not."""

    @pytest.mark.parametrize(
        ("fault", "calls"), [*((f, 1) for f in LOST), *((f, 2) for f in UNDONE)]
    )
    async def test_of_a_checkout(self, lending: Lent, fault: Fault, calls: int) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add(fault, endpoint="checkouts/create", times=1)

        borrowed = await lending.collection.checkout("ada", book, origin=READER)

        assert day_of(borrowed.due_at) == "2016-11-14"
        assert lending.vendor.calls["checkouts/create"] == calls
        assert await lending.here("ada") == ({book}, set())
        assert await lending.in_step("ada")

    @pytest.mark.parametrize(
        ("fault", "calls"), [*((f, 1) for f in LOST), *((f, 2) for f in UNDONE)]
    )
    async def test_of_a_return(self, lending: Lent, fault: Fault, calls: int) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        lending.vendor.faults.add(fault, endpoint="checkouts/return", times=1)

        back = await lending.collection.checkin(book, origin=READER)

        assert back.item.id == book
        assert lending.vendor.calls["checkouts/return"] == calls
        assert await lending.here("ada") == (set(), set())
        assert await lending.in_step("ada")

    @pytest.mark.parametrize(
        ("fault", "calls"), [*((f, 1) for f in LOST), *((f, 2) for f in UNDONE)]
    )
    async def test_of_a_hold(self, lending: Lent, fault: Fault, calls: int) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add(fault, endpoint="holds/create", times=1)

        held = await lending.collection.add_hold("ada", item_id=book, origin=READER)

        assert held.hold.item_id == book
        assert lending.vendor.calls["holds/create"] == calls
        assert await lending.here("ada") == (set(), {book})
        assert await lending.in_step("ada")

    @pytest.mark.parametrize(
        ("fault", "calls"), [*((f, 1) for f in LOST), *((f, 2) for f in UNDONE)]
    )
    async def test_of_a_hold_given_up(self, lending: Lent, fault: Fault, calls: int) -> None:
        book = lending.isbns()[0]
        await lending.collection.add_hold("ada", item_id=book, origin=READER)
        lending.vendor.faults.add(fault, endpoint="holds/cancel", times=1)

        await lending.collection.cancel_hold("ada", item_id=book, origin=READER)

        assert lending.vendor.calls["holds/cancel"] == calls
        assert await lending.here("ada") == (set(), set())
        assert await lending.in_step("ada")

    @pytest.mark.parametrize("fault", ["unsorted", "duplicate-row", "missing-keys"])
    async def test_lists_may_be_odd(self, lending: Lent, fault: Fault) -> None:
        book, other, held = lending.isbns()[:3]
        lending.vendor.faults.add(fault, path="/v1/libraries")

        await lending.collection.checkout("ada", book, origin=READER)
        await lending.collection.checkout("ada", other, origin=READER)
        await lending.collection.add_hold("ada", item_id=held, origin=READER)
        await lending.collection.reconcile("ada")

        assert await lending.here("ada") == ({book, other}, {held})

    async def test_while_the_vendor_is_away_nothing_is_begun(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add("drop-before")

        with pytest.raises(Unavailable) as told:
            await lending.collection.checkout("ada", book, origin=READER)

        assert not told.value.may_stand
        lending.vendor.faults.clear()
        lending.today.wait(minutes=1)
        assert await lending.collection.settle_open() == 0
        assert await lending.here("ada") == await lending.at_the_vendor("ada") == (set(), set())

    async def test_a_loan_that_would_come_too_late_does_not_come(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add("error-500", endpoint="checkouts/create")
        with pytest.raises(BeingConfirmed):
            await lending.collection.checkout("ada", book, origin=READER)
        lending.vendor.faults.clear()
        lending.today.wait(minutes=11)

        assert await lending.collection.settle_open() == 1
        await lending.settled()

        assert await lending.here("ada") == await lending.at_the_vendor("ada") == (set(), set())
        await lending.collection.checkout("ada", book, origin=READER)
        assert await lending.in_step("ada")

    async def test_a_return_is_tried_until_it_is_done(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        lending.vendor.faults.add("error-500", endpoint="checkouts/return")
        with pytest.raises(BeingConfirmed):
            await lending.collection.checkin(book, origin=READER)
        lending.vendor.faults.clear()
        lending.today.wait(minutes=30)

        await lending.collection.settle_open()
        await lending.settled()

        assert await lending.here("ada") == await lending.at_the_vendor("ada") == (set(), set())

    async def test_of_a_title_that_leaves_the_catalogue_meanwhile(self, lending: Lent) -> None:
        book = lending.isbns()[0]
        lending.vendor.faults.add("drop-after", endpoint="checkouts/create")
        lending.vendor.faults.add("error-500", endpoint="checkouts/list")
        with pytest.raises(BeingConfirmed):
            await lending.collection.checkout("ada", book, origin=READER)
        lending.vendor.faults.clear()
        lending.vendor.remove_title(book)
        lending.today.wait(minutes=1)
        await lending.collected.imported(again=True)

        await lending.collection.settle_open()
        await lending.settled()

        assert await lending.here("ada") == ({book}, set())
        (loan,) = (await lending.collection.patron_account("ada")).loans
        assert loan.title_id != book
        assert await lending.in_step("ada")

    async def test_of_several_changes_of_one_patron(self, lending: Lent) -> None:
        returned, lent, held, given_up = lending.isbns()[:4]
        ours = lending.collection
        await ours.checkout("ada", returned, origin=READER)
        await ours.add_hold("ada", item_id=given_up, origin=READER)
        lending.vendor.faults.add("drop-after", method="POST")
        lending.vendor.faults.add("drop-before", method="DELETE")
        lending.vendor.faults.add("error-500", path="/v1/libraries", method="GET")
        for change in (
            ours.checkin(returned, origin=READER),
            ours.checkout("ada", lent, origin=READER),
            ours.add_hold("ada", item_id=held, origin=READER),
            ours.cancel_hold("ada", item_id=given_up, origin=READER),
        ):
            lending.today.wait(minutes=1)  # or too many failures in a row would be in the way
            with pytest.raises(BeingConfirmed):
                await change
        assert await lending.here("ada") == ({returned}, {given_up})
        lending.vendor.faults.clear()
        lending.today.wait(minutes=1)

        assert await ours.settle_open() == 4
        await lending.settled()

        assert await lending.here("ada") == ({lent}, {held})
        assert await lending.in_step("ada")


async def test_who_only_asks_does_not_wait_for_hundreds_who_borrow(lending: Lent) -> None:
    held = [lending.collection._desk.gate.acquire() for _ in range(WRITING)]
    async with asyncio.timeout(5):
        await asyncio.gather(*held)

        assert await lending.here("ada") == (set(), set())
        assert await lending.collection.find_item(lending.isbns()[0]) is not None


def _of_ten_digits(isbn: str) -> str:
    """An ISBN as it was written before 2007. Source: ISBN Users' Manual, 4th edition."""
    digits = isbn[3:12]
    check = -sum((10 - n) * int(digit) for n, digit in enumerate(digits)) % 11
    return digits + ("X" if check == 10 else str(check))
