"""What everyone keeps who lends: items are found, go out, come back, stay longer, and are waited
for, once. An item may be a copy or a title of a vendor's, which many may have at a time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bibliobus.ils import (
    AlreadyBorrowed,
    AlreadyOnHold,
    AlreadyOnLoan,
    CheckinResult,
    CheckoutResult,
    CirculationStatus,
    HoldNotFound,
    ItemNotFound,
    NotOnLoan,
    PatronAccount,
    PatronNotFound,
    Refused,
    RenewalNotAllowed,
    Secret,
    WrongPIN,
)
from bibliobus.testing.contract.library import (
    ITEM,
    UNKNOWN,
    A,
    B,
    ContractLender,
    charged,
    document,
    item,
    loan,
    needs,
    none_left,
    not_theirs,
    origin,
    patron,
    refusal,
    seen,
)


@needs("hold")
class WaitingContract:
    """Patrons wait for what another has."""

    async def test_lets_a_patron_wait_for_what_is_on_loan(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(patron="grace")))

        placed = await library.ils.add_hold(
            "ada", item_id=ITEM, pin=Secret("1234"), origin=origin()
        )

        assert (placed.patron.id, placed.hold.title_id) == ("ada", "Middlemarch")
        assert not placed.hold.ready
        assert not placed.available
        (only,) = (await library.ils.patron_account("ada")).holds
        assert (only.id, only.title_id, only.ready) == (placed.hold.id, "Middlemarch", False)
        assert await charged(library, "grace") == [ITEM]

    async def test_lets_nobody_wait_whom_it_does_not_know(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(patron="grace")))
        add = library.ils.add_hold

        await refusal(library, PatronNotFound, add("nobody", item_id=ITEM, origin=origin()))
        await refusal(library, WrongPIN, add("ada", item_id=ITEM, pin=Secret("0"), origin=origin()))
        await refusal(library, ItemNotFound, add("ada", item_id=UNKNOWN, origin=origin()))

    async def test_lets_a_patron_wait_once(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(patron="grace")))
        await library.ils.add_hold("ada", item_id=ITEM, origin=origin())

        await refusal(
            library, AlreadyOnHold, library.ils.add_hold("ada", item_id=ITEM, origin=origin())
        )

    async def test_lets_nobody_wait_for_what_they_have(self, library: ContractLender) -> None:
        await library.add(document(patron(), item(), loan()))

        await refusal(
            library, AlreadyBorrowed, library.ils.add_hold("ada", item_id=ITEM, origin=origin())
        )

    async def test_lets_a_patron_wait_no_more(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(patron="grace")))
        placed = await library.ils.add_hold("ada", item_id=ITEM, origin=origin())
        cancel = library.ils.cancel_hold

        await refusal(library, HoldNotFound, cancel("grace", item_id=ITEM, origin=origin()))
        await refusal(
            library, WrongPIN, cancel("ada", item_id=ITEM, pin=Secret("0"), origin=origin())
        )
        given_up = await cancel("ada", item_id=ITEM, origin=origin())

        assert given_up.hold.id == placed.hold.id
        assert (await library.ils.patron_account("ada")).holds == ()
        await refusal(library, HoldNotFound, cancel("ada", item_id=ITEM, origin=origin()))

    async def test_waits_once_however_often_it_is_asked(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(patron="grace")))
        add, cancel = library.ils.add_hold, library.ils.cancel_hold

        placed = await add("ada", item_id=ITEM, origin=origin("1"))
        assert await add("ada", item_id=ITEM, origin=origin("1")) == placed
        given_up = await cancel("ada", item_id=ITEM, origin=origin("2"))
        assert await add("ada", item_id=ITEM, origin=origin("1")) == placed
        assert (await library.ils.patron_account("ada")).holds == ()
        newer = await add("ada", item_id=ITEM, origin=origin("3"))
        assert await cancel("ada", item_id=ITEM, origin=origin("2")) == given_up

        (only,) = (await library.ils.patron_account("ada")).holds
        assert only.id == newer.hold.id


class CirculationContract(WaitingContract):
    """Subclass it, and give it the fixture `library`."""

    # ------------------------------------------------ finding, lending, taking back, renewing

    async def test_finds_an_item_on_the_shelf(self, library: ContractLender) -> None:
        await library.add(document(item()))

        found = await library.ils.find_item(ITEM)

        assert found is not None
        assert (found.id, found.title_id) == (ITEM, "Middlemarch")
        assert found.circulation_status == CirculationStatus.AVAILABLE
        assert found.due_at is None
        assert await library.ils.find_item(UNKNOWN) is None

    async def test_lends_an_item(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))

        lent = await library.ils.checkout("ada", ITEM, origin=origin())

        assert (lent.patron.id, lent.item.id) == ("ada", ITEM)
        assert lent.item.title_id == "Middlemarch"
        assert lent.due_at > datetime.now(UTC)
        assert not lent.renewal_ok
        (only,) = (await library.ils.patron_account("ada")).loans
        assert (only.item_id, only.title_id) == (ITEM, "Middlemarch")
        assert (only.due_at, only.renewals) == (lent.due_at, 0)

    async def test_lends_with_the_right_pin_only(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))

        with pytest.raises(WrongPIN):
            await library.ils.checkout("ada", ITEM, pin=Secret("0"), origin=origin())
        assert await charged(library, "ada") == []
        await library.ils.checkout("ada", ITEM, pin=Secret("1234"), origin=origin())
        assert await charged(library, "ada") == [ITEM]

    async def test_refuses_an_item_that_someone_else_has(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("grace", ITEM, origin=origin())

        for renewal_allowed in (True, False):
            with pytest.raises(none_left(library)):
                await library.ils.checkout(
                    "ada", ITEM, renewal_allowed=renewal_allowed, origin=origin()
                )

        assert await charged(library, "grace") == [ITEM]
        assert await charged(library, "ada") == []

    async def test_refuses_whom_and_what_it_does_not_know(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))

        with pytest.raises(PatronNotFound):
            await library.ils.checkout("nobody", ITEM, origin=origin())
        with pytest.raises(PatronNotFound):
            await library.ils.checkout("nobody", ITEM, pin=Secret("1"), origin=origin())
        with pytest.raises(ItemNotFound):
            await library.ils.checkout("ada", "nothing", origin=origin())
        with pytest.raises(ItemNotFound):
            await library.ils.checkout("ada", UNKNOWN, origin=origin())
        with pytest.raises(ItemNotFound):
            await library.ils.checkin("nothing", origin=origin())

    async def test_renews_only_if_it_may(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        first = await library.ils.checkout("ada", ITEM, origin=origin())

        with pytest.raises(AlreadyOnLoan):
            await library.ils.checkout("ada", ITEM, origin=origin())
        renewed = await library.ils.checkout("ada", ITEM, renewal_allowed=True, origin=origin())
        with pytest.raises(RenewalNotAllowed):
            await library.ils.checkout("ada", ITEM, renewal_allowed=True, origin=origin())

        assert renewed.renewal_ok
        assert renewed.due_at >= first.due_at
        assert await charged(library, "ada") == [ITEM]

    async def test_one_of_many_gets_the_last_copy(self, library: ContractLender) -> None:
        await library.add(document(*(patron(f"p{n}") for n in range(20)), item()))

        async def one(n: int) -> CheckoutResult | Refused:
            try:
                return await library.ils.checkout(f"p{n}", ITEM, origin=origin())
            except Refused as refused:
                return refused

        outcomes = await asyncio.gather(*(one(n) for n in range(20)))

        assert sum(isinstance(each, CheckoutResult) for each in outcomes) == 1
        assert sum(type(each) is none_left(library) for each in outcomes) == 19

    async def test_takes_an_item_back(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", ITEM, origin=origin())

        taken = await library.ils.checkin(ITEM, origin=origin())

        assert taken.patron is not None
        assert (taken.patron.id, taken.item.id) == ("ada", ITEM)
        assert await charged(library, "ada") == []

    async def test_ends_the_loan_of_whom_was_named(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item(), item(A), loan(), loan(A)))

        taken = await library.ils.checkin(ITEM, patron_id="ada", origin=origin())

        assert taken.patron is not None
        assert taken.patron.id == "ada"
        assert await charged(library, "ada") == [A]

    async def test_refuses_to_take_back_what_is_in(self, library: ContractLender) -> None:
        await library.add(document(item()))

        with pytest.raises(NotOnLoan) as refused:
            await library.ils.checkin(ITEM, origin=origin())

        assert refused.value.item is not None
        assert refused.value.item.title_id == "Middlemarch"

    async def test_lends_again_what_came_back(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("ada", ITEM, origin=origin())
        await library.ils.checkin(ITEM, origin=origin())

        await library.ils.checkout("grace", ITEM, origin=origin())

        assert await charged(library, "grace") == [ITEM]

    async def test_renews_a_loan_as_often_as_the_policy_lets(self, library: ContractLender) -> None:
        soon = datetime.now(UTC) + timedelta(days=1)
        await library.add(document(patron(), item(), loan(due_at=soon)))

        renewed = await library.ils.renew("ada", item_id=ITEM, pin=Secret("1234"), origin=origin())

        assert renewed.renewal_ok
        assert (renewed.patron.id, renewed.item.id) == ("ada", ITEM)
        assert renewed.due_at > soon
        with pytest.raises(RenewalNotAllowed) as refused:
            await library.ils.renew("ada", item_id=ITEM, origin=origin())
        assert refused.value.item is not None

    async def test_refuses_to_renew_what_is_not_there_to_be(self, library: ContractLender) -> None:
        await library.add(
            document(patron(), patron("grace"), item(), item(A), loan(patron="grace"))
        )

        with pytest.raises(PatronNotFound):
            await library.ils.renew("nobody", item_id=ITEM, origin=origin())
        with pytest.raises(WrongPIN):
            await library.ils.renew("ada", item_id=A, pin=Secret("0"), origin=origin())
        with pytest.raises(ItemNotFound):
            await library.ils.renew("ada", item_id="nothing", origin=origin())
        with pytest.raises(NotOnLoan):
            await library.ils.renew("ada", item_id=A, origin=origin())
        with pytest.raises(not_theirs(library)):
            await library.ils.renew("ada", item_id=ITEM, origin=origin())
        assert await charged(library, "grace") == [ITEM]

    async def test_answers_a_repeat_with_the_first_result(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item()))

        lent = await library.ils.checkout("ada", ITEM, origin=origin("1"))
        again = await library.ils.checkout("ada", ITEM, origin=origin("1", connection="another"))
        taken = await library.ils.checkin(ITEM, origin=origin("2"))
        await library.ils.checkout("grace", ITEM, origin=origin("3"))
        taken_again = await library.ils.checkin(ITEM, origin=origin("2"))

        assert again == lent
        assert isinstance(taken, CheckinResult)
        assert taken_again == taken
        assert await charged(library, "grace") == [ITEM]

    async def test_does_twins_once(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))

        results = await asyncio.gather(
            *(library.ils.checkout("ada", ITEM, origin=origin("1")) for _ in range(10))
        )

        assert all(result == results[0] for result in results)
        assert await charged(library, "ada") == [ITEM]

    async def test_keeps_accounts_apart(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", ITEM, origin=origin("1"))

        with pytest.raises(AlreadyOnLoan):
            await library.ils.checkout("ada", ITEM, origin=origin("1", account="other"))

    async def test_forgets_a_refusal(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("grace", ITEM, origin=origin())
        with pytest.raises(none_left(library)):
            await library.ils.checkout("ada", ITEM, origin=origin("1"))
        await library.ils.checkin(ITEM, origin=origin())

        lent = await library.ils.checkout("ada", ITEM, origin=origin("1"))

        assert lent.patron.id == "ada"

    # ------------------------------------------------ what a refusal leaves behind: nothing

    async def test_asks_who_it_is_before_it_says_what_there_is(
        self, library: ContractLender
    ) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(patron="grace")))
        lend, wrong = library.ils.checkout, Secret("0")

        await refusal(
            library, PatronNotFound, lend("nobody", "nothing", pin=wrong, origin=origin())
        )
        await refusal(library, WrongPIN, lend("ada", "nothing", pin=wrong, origin=origin()))
        await refusal(library, WrongPIN, lend("ada", ITEM, pin=wrong, origin=origin()))
        await refusal(library, ItemNotFound, lend("ada", "nothing", origin=origin()))
        await refusal(library, none_left(library), lend("ada", ITEM, origin=origin()))

    async def test_changes_nothing_by_a_refused_checkin(self, library: ContractLender) -> None:
        await library.add(document(item()))

        await refusal(library, ItemNotFound, library.ils.checkin("nothing", origin=origin()))
        await refusal(
            library,
            NotOnLoan,
            library.ils.checkin(
                ITEM, current_location="desk", item_properties="torn", origin=origin()
            ),
        )

    async def test_changes_nothing_by_a_refused_renewal(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item(), item(A), loan()))
        await library.ils.renew("ada", item_id=ITEM, origin=origin())
        renew = library.ils.renew

        await refusal(library, PatronNotFound, renew("nobody", item_id=A, origin=origin()))
        await refusal(library, ItemNotFound, renew("ada", item_id="nothing", origin=origin()))
        await refusal(library, NotOnLoan, renew("ada", item_id=A, origin=origin()))
        await refusal(library, not_theirs(library), renew("grace", item_id=ITEM, origin=origin()))
        await refusal(library, RenewalNotAllowed, renew("ada", item_id=ITEM, origin=origin()))

    # ------------------------------------------------ what a patron has

    async def test_shows_all_that_a_patron_has(self, library: ContractLender) -> None:
        now = datetime.now(UTC)
        first, second = (loan(id, due_at=now + timedelta(days=n)) for id, n in ((B, 1), (A, 4)))
        await library.add(document(patron(), patron("grace"), item(A), item(B), second, first))

        account = await library.ils.patron_account("ada")

        assert [each.item_id for each in account.loans] == [B, A]
        assert [each.title_id for each in account.loans] == ["Middlemarch", "Middlemarch"]
        days = [each.due_at.date() for each in account.loans]
        assert days == [first.due_at.date(), second.due_at.date()]
        assert account.loans[0].renewals == 0
        assert (account.holds, account.fees) == ((), ())
        assert await library.ils.patron_account("grace") == PatronAccount()

    async def test_counts_renewals(self, library: ContractLender) -> None:
        await library.add(document(patron(), item(), loan()))

        renewed = await library.ils.renew("ada", item_id=ITEM, origin=origin())

        (only,) = (await library.ils.patron_account("ada")).loans
        assert (only.renewals, only.due_at) == (1, renewed.due_at)

    async def test_has_no_account_of_nobody(self, library: ContractLender) -> None:
        with pytest.raises(PatronNotFound):
            await library.ils.patron_account("nobody")

    # ------------------------------------------------ who asks, and how often

    async def test_answers_a_repeat_when_the_world_has_moved_on(
        self, library: ContractLender
    ) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        lent = await library.ils.checkout("ada", ITEM, origin=origin("1"))
        await library.ils.checkin(ITEM, origin=origin("2"))
        await library.ils.checkout("grace", ITEM, origin=origin("3"))
        before = await seen(library.ils)

        again = await library.ils.checkout("ada", ITEM, origin=origin("1"))

        assert again == lent
        assert await seen(library.ils) == before

    async def test_means_what_has_no_key_each_time(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", ITEM, origin=origin())
        await library.ils.checkin(ITEM, origin=origin())

        await library.ils.checkout("ada", ITEM, origin=origin())

        assert await charged(library, "ada") == [ITEM]
        await refusal(library, AlreadyOnLoan, library.ils.checkout("ada", ITEM, origin=origin()))
