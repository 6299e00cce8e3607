"""What everyone keeps who lends: items are found, go out, come back and stay longer, once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bibliobus.ils import (
    AlreadyOnLoan,
    CheckinResult,
    CheckoutResult,
    CirculationStatus,
    ItemNotFound,
    NotOnLoan,
    PatronAccount,
    PatronNotFound,
    Refused,
    RenewalNotAllowed,
    Secret,
    TooManyRenewals,
    WrongPIN,
)
from bibliobus.testing.contract.library import (
    ContractLender,
    charged,
    document,
    found_item,
    item,
    loan,
    origin,
    patron,
    refusal,
    seen,
)


class CirculationContract:
    """Subclass it, and give it the fixture `library`."""

    # ------------------------------------------------ finding, lending, taking back, renewing

    async def test_finds_an_item_on_the_shelf(self, library: ContractLender) -> None:
        await library.add(document(item(permanent_location="stacks", media_type="001")))

        found = await library.ils.find_item("31000001")

        assert found is not None
        assert (found.id, found.title_id) == ("31000001", "Middlemarch")
        assert found.circulation_status == CirculationStatus.AVAILABLE
        assert (found.permanent_location, found.media_type) == ("stacks", "001")
        assert found.due_at is None

    async def test_lends_an_item(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        before = datetime.now(UTC)

        lent = await library.ils.checkout(
            "ada", "31000001", item_properties="boxed", origin=origin()
        )

        assert (lent.patron.id, lent.item.id) == ("ada", "31000001")
        assert lent.item.item_properties == "boxed"
        assert timedelta(days=20) < lent.due_at - before < timedelta(days=23)
        assert lent.item.circulation_status == CirculationStatus.CHARGED
        assert lent.item.due_at == lent.due_at
        assert not lent.renewal_ok
        assert lent.desensitize
        found = await library.ils.find_item("31000001")
        assert found is not None
        assert found.due_at == lent.due_at
        assert await charged(library, "ada") == ["31000001"]

    async def test_lends_with_the_right_pin_only(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))

        with pytest.raises(WrongPIN):
            await library.ils.checkout("ada", "31000001", pin=Secret("0"), origin=origin())
        assert await charged(library, "ada") == []
        await library.ils.checkout("ada", "31000001", pin=Secret("1234"), origin=origin())
        assert await charged(library, "ada") == ["31000001"]

    async def test_refuses_an_item_that_someone_else_has(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("grace", "31000001", origin=origin())

        for renewal_allowed in (True, False):
            with pytest.raises(AlreadyOnLoan):
                await library.ils.checkout(
                    "ada", "31000001", renewal_allowed=renewal_allowed, origin=origin()
                )

        assert await charged(library, "grace") == ["31000001"]
        assert await charged(library, "ada") == []

    async def test_does_not_desensitise_magnetic_media(self, library: ContractLender) -> None:
        await library.add(document(patron(), item(magnetic=True)))

        lent = await library.ils.checkout("ada", "31000001", origin=origin())
        taken = await library.ils.checkin("31000001", origin=origin())

        assert not lent.desensitize
        assert not taken.resensitize

    async def test_refuses_whom_and_what_it_does_not_know(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))

        with pytest.raises(PatronNotFound):
            await library.ils.checkout("nobody", "31000001", origin=origin())
        with pytest.raises(PatronNotFound):
            await library.ils.checkout("nobody", "31000001", pin=Secret("1"), origin=origin())
        with pytest.raises(ItemNotFound):
            await library.ils.checkout("ada", "nothing", origin=origin())
        with pytest.raises(ItemNotFound):
            await library.ils.checkin("nothing", origin=origin())

    async def test_renews_only_if_it_may(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        first = await library.ils.checkout("ada", "31000001", origin=origin())

        with pytest.raises(AlreadyOnLoan):
            await library.ils.checkout("ada", "31000001", origin=origin())
        renewed = await library.ils.checkout(
            "ada", "31000001", renewal_allowed=True, item_properties="torn", origin=origin()
        )
        with pytest.raises(RenewalNotAllowed):
            await library.ils.checkout("ada", "31000001", renewal_allowed=True, origin=origin())

        assert renewed.renewal_ok
        assert renewed.item.item_properties == "torn"
        assert renewed.due_at >= first.due_at
        assert await charged(library, "ada") == ["31000001"]

    async def test_one_of_many_gets_the_last_copy(self, library: ContractLender) -> None:
        await library.add(document(*(patron(f"p{n}") for n in range(20)), item()))

        async def one(n: int) -> CheckoutResult | Refused:
            try:
                return await library.ils.checkout(f"p{n}", "31000001", origin=origin())
            except Refused as refused:
                return refused

        outcomes = await asyncio.gather(*(one(n) for n in range(20)))

        assert sum(isinstance(each, CheckoutResult) for each in outcomes) == 1
        assert sum(isinstance(each, AlreadyOnLoan) for each in outcomes) == 19

    async def test_takes_an_item_back(self, library: ContractLender) -> None:
        await library.add(document(patron(), item(permanent_location="stacks")))
        await library.ils.checkout("ada", "31000001", origin=origin())

        taken = await library.ils.checkin(
            "31000001", current_location="desk", item_properties="a|b", origin=origin()
        )

        assert taken.patron is not None
        assert (taken.patron.id, taken.item.id) == ("ada", "31000001")
        assert taken.item.circulation_status == CirculationStatus.AVAILABLE
        assert taken.resensitize
        assert taken.alert_type is None
        found = await library.ils.find_item("31000001")
        assert found is not None
        assert (found.current_location, found.permanent_location) == ("desk", "stacks")
        assert found.item_properties == "a|b"
        assert found.due_at is None
        assert await charged(library, "ada") == []

    async def test_refuses_to_take_back_what_is_in(self, library: ContractLender) -> None:
        await library.add(document(item()))

        with pytest.raises(NotOnLoan) as refused:
            await library.ils.checkin("31000001", origin=origin())

        assert refused.value.item is not None
        assert refused.value.item.title_id == "Middlemarch"

    async def test_lends_again_what_came_back(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("ada", "31000001", origin=origin())
        await library.ils.checkin("31000001", origin=origin())

        await library.ils.checkout("grace", "31000001", origin=origin())

        assert await charged(library, "grace") == ["31000001"]

    async def test_renews_a_loan_as_often_as_the_policy_lets(self, library: ContractLender) -> None:
        soon = datetime.now(UTC) + timedelta(days=1)
        await library.add(document(patron(), item(), loan("31000001", due_at=soon)))

        renewed = await library.ils.renew(
            "ada", item_id="31000001", item_properties="torn", pin=Secret("1234"), origin=origin()
        )

        assert renewed.renewal_ok
        assert not renewed.desensitize  # it was, when it was lent
        assert renewed.due_at > soon + timedelta(days=10)
        assert (renewed.patron.id, renewed.item.due_at) == ("ada", renewed.due_at)
        assert renewed.item.item_properties == "torn"
        with pytest.raises(RenewalNotAllowed) as refused:
            await library.ils.renew("ada", item_id="31000001", origin=origin())
        assert refused.value.item is not None
        assert refused.value.item.due_at == renewed.due_at

    async def test_renews_by_title_what_is_due_first(self, library: ContractLender) -> None:
        now = datetime.now(UTC)
        days = {"a": 5, "b": 2, "c": 9}
        await library.add(
            document(
                patron(),
                *(item(id) for id in days),
                *(loan(id, due_at=now + timedelta(days=n)) for id, n in days.items()),
            )
        )

        renewed = await library.ils.renew("ada", title_id="Middlemarch", origin=origin())

        assert renewed.item.id == "b"
        with pytest.raises(NotOnLoan):
            await library.ils.renew("ada", title_id="Emma", origin=origin())

    async def test_refuses_to_renew_what_is_not_there_to_be(self, library: ContractLender) -> None:
        soon = datetime.now(UTC) + timedelta(days=1)
        await library.add(
            document(
                patron(), patron("grace", renew_ok=False), item(), item("in"),
                loan("31000001", "grace", due_at=soon),
            )
        )  # fmt: skip

        with pytest.raises(PatronNotFound):
            await library.ils.renew("nobody", item_id="31000001", origin=origin())
        with pytest.raises(WrongPIN):
            await library.ils.renew("ada", item_id="in", pin=Secret("0"), origin=origin())
        with pytest.raises(ItemNotFound):
            await library.ils.renew("ada", item_id="nothing", origin=origin())
        with pytest.raises(NotOnLoan):
            await library.ils.renew("ada", item_id="in", origin=origin())
        with pytest.raises(AlreadyOnLoan):
            await library.ils.renew("ada", item_id="31000001", origin=origin())
        with pytest.raises(RenewalNotAllowed):  # it is Grace who may not
            await library.ils.renew("ada", item_id="31000001", third_party=True, origin=origin())
        assert await charged(library, "grace") == ["31000001"]

    async def test_renews_for_whoever_has_it(self, library: ContractLender) -> None:
        soon = datetime.now(UTC) + timedelta(days=1)
        await library.add(
            document(patron(), patron("grace"), item(), loan("31000001", "grace", due_at=soon))
        )

        renewed = await library.ils.renew(
            "ada", item_id="31000001", third_party=True, origin=origin()
        )

        assert renewed.patron.id == "ada"
        assert await charged(library, "grace") == ["31000001"]
        assert await charged(library, "ada") == []

    async def test_answers_a_repeat_with_the_first_result(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item()))

        lent = await library.ils.checkout("ada", "31000001", origin=origin("1"))
        again = await library.ils.checkout(
            "ada", "31000001", origin=origin("1", connection="another")
        )
        taken = await library.ils.checkin("31000001", origin=origin("2"))
        await library.ils.checkout("grace", "31000001", origin=origin("3"))
        taken_again = await library.ils.checkin("31000001", origin=origin("2"))

        assert again == lent
        assert isinstance(taken, CheckinResult)
        assert taken_again == taken
        assert await charged(library, "grace") == ["31000001"]

    async def test_does_twins_once(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))

        results = await asyncio.gather(
            *(library.ils.checkout("ada", "31000001", origin=origin("1")) for _ in range(10))
        )

        assert all(result == results[0] for result in results)
        assert await charged(library, "ada") == ["31000001"]

    async def test_keeps_accounts_apart(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", "31000001", origin=origin("1"))

        with pytest.raises(AlreadyOnLoan):
            await library.ils.checkout("ada", "31000001", origin=origin("1", account="other"))

    async def test_forgets_a_refusal(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("grace", "31000001", origin=origin())
        with pytest.raises(AlreadyOnLoan):
            await library.ils.checkout("ada", "31000001", origin=origin("1"))
        await library.ils.checkin("31000001", origin=origin())

        lent = await library.ils.checkout("ada", "31000001", origin=origin("1"))

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
        await refusal(library, WrongPIN, lend("ada", "31000001", pin=wrong, origin=origin()))
        await refusal(library, ItemNotFound, lend("ada", "nothing", origin=origin()))
        await refusal(library, AlreadyOnLoan, lend("ada", "31000001", origin=origin()))

    async def test_changes_nothing_by_a_refused_checkin(self, library: ContractLender) -> None:
        await library.add(document(item()))

        await refusal(library, ItemNotFound, library.ils.checkin("nothing", origin=origin()))
        await refusal(
            library,
            NotOnLoan,
            library.ils.checkin(
                "31000001", current_location="desk", item_properties="torn", origin=origin()
            ),
        )

    async def test_changes_nothing_by_a_refused_renewal(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item(), item("in"), loan()))
        await library.ils.renew("ada", item_id="31000001", origin=origin())
        renew = library.ils.renew

        await refusal(library, PatronNotFound, renew("nobody", item_id="in", origin=origin()))
        await refusal(library, ItemNotFound, renew("ada", item_id="nothing", origin=origin()))
        await refusal(library, NotOnLoan, renew("ada", item_id="in", origin=origin()))
        await refusal(library, NotOnLoan, renew("grace", title_id="Middlemarch", origin=origin()))
        await refusal(library, AlreadyOnLoan, renew("grace", item_id="31000001", origin=origin()))
        await refusal(
            library,
            TooManyRenewals,
            renew("ada", item_id="31000001", item_properties="torn", origin=origin()),
        )

    # ------------------------------------------------ what a patron has

    async def test_shows_all_that_a_patron_has(self, library: ContractLender) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        late, later = loan("b", due_at=now), loan("a", due_at=now + timedelta(days=3))
        await library.add(document(patron(), patron("grace"), item("a"), item("b"), later, late))

        account = await library.ils.patron_account("ada")

        assert [each.item_id for each in account.loans] == ["b", "a"]
        first = account.loans[0]
        assert (first.title_id, first.renewals) == ("Middlemarch", 0)
        assert (first.lent_at, first.due_at) == (late.lent_at, late.due_at)
        assert (account.holds, account.fees) == ((), ())
        assert await library.ils.patron_account("grace") == PatronAccount()

    async def test_counts_renewals(self, library: ContractLender) -> None:
        await library.add(document(patron(), item(), loan()))

        renewed = await library.ils.renew("ada", item_id="31000001", origin=origin())

        (only,) = (await library.ils.patron_account("ada")).loans
        assert (only.renewals, only.due_at) == (1, renewed.due_at)

    async def test_has_no_account_of_nobody(self, library: ContractLender) -> None:
        with pytest.raises(PatronNotFound):
            await library.ils.patron_account("nobody")

    # ------------------------------------------------ times

    async def test_lends_from_now_on(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        before = datetime.now(UTC) - timedelta(seconds=1)

        await library.ils.checkout(
            "ada",
            "31000001",
            no_block_due_at=before + timedelta(days=500),  # of what was lent off line only
            origin=origin(transaction_at=before - timedelta(days=2)),  # a terminal's clock
        )

        (only,) = (await library.ils.patron_account("ada")).loans
        assert before <= only.lent_at <= datetime.now(UTC) + timedelta(seconds=1)
        assert only.due_at < before + timedelta(days=23)

    async def test_never_makes_a_loan_shorter_by_a_renewal(self, library: ContractLender) -> None:
        far = datetime.now(UTC).replace(microsecond=0) + timedelta(days=90)
        await library.add(document(patron(), item(), loan(due_at=far)))

        renewed = await library.ils.renew("ada", item_id="31000001", origin=origin())

        assert renewed.due_at == far

    # ------------------------------------------------ who asks, and how often

    async def test_answers_a_repeat_when_the_world_has_moved_on(
        self, library: ContractLender
    ) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        lent = await library.ils.checkout("ada", "31000001", origin=origin("1"))
        await library.ils.checkin("31000001", origin=origin("2"))
        await library.ils.checkout("grace", "31000001", origin=origin("3"))
        before = await seen(library.ils)

        again = await library.ils.checkout("ada", "31000001", origin=origin("1"))

        assert again == lent
        assert await seen(library.ils) == before

    async def test_means_what_has_no_key_each_time(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", "31000001", origin=origin())
        await library.ils.checkin("31000001", origin=origin())

        await library.ils.checkout("ada", "31000001", origin=origin())

        assert await charged(library, "ada") == ["31000001"]
        await refusal(
            library, AlreadyOnLoan, library.ils.checkout("ada", "31000001", origin=origin())
        )

    async def test_keeps_properties_until_others_come(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", "31000001", item_properties="boxed", origin=origin())

        await library.ils.checkin("31000001", origin=origin())

        assert (await found_item(library)).item_properties == "boxed"
        await library.ils.checkout("ada", "31000001", item_properties="", origin=origin())
        assert not (await found_item(library)).item_properties
