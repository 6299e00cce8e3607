"""The port as tests: what every ILS adapter promises, for us and for whoever writes one.

    class TestOurILS(ILSContract):
        @pytest.fixture
        async def library(self) -> AsyncIterator[ContractLibrary]:
            yield OurLibrary(...)

needs pytest and pytest-asyncio in its `auto` mode. The library begins empty, follows `SETTINGS`,
and takes what the tests put into it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from bibliobus.ils import (
    ILS,
    AlreadyOnLoan,
    BlockedAtTerminal,
    CardExpired,
    CardLost,
    CheckinResult,
    CheckoutResult,
    CirculationStatus,
    ItemNotFound,
    LoanLimitReached,
    NotOnLoan,
    Origin,
    PatronBlocked,
    PatronList,
    PatronNotFound,
    Refused,
    RenewalNotAllowed,
    Secret,
    WrongPIN,
)
from bibliobus.ils.library import (
    InstitutionSettings,
    ItemEntry,
    Library,
    LoanEntry,
    LoanPolicy,
    PatronEntry,
)

INSTITUTION = "MAIN"
SETTINGS = InstitutionSettings(
    name="Contract Library",
    status_update_ok=True,
    loans=LoanPolicy(loan_days=21, loan_limit=3, renewals=1),
)


class ContractLibrary(Protocol):
    """An ILS, and a way to fill it."""

    @property
    def ils(self) -> ILS:
        """The adapter under test."""
        ...

    async def add(self, library: Library) -> None:
        """Put patrons, items and loans into institution `INSTITUTION`."""
        ...


def origin(key: str | None = None, **more: object) -> Origin:
    """A call from a terminal; with a key, one that may come again."""
    known = {"door": "sip2", "account": "kiosk", "request_key": key.encode() if key else None}
    return Origin(**(known | more))  # type: ignore[arg-type] # what tests pass is right


def patron(id: str = "ada", **more: object) -> PatronEntry:
    """A patron with PIN 1234."""
    return PatronEntry(**({"id": id, "name": id.title(), "pin": "1234"} | more))  # type: ignore[arg-type]


def loan(item: str, patron: str = "ada", *, due_at: datetime) -> LoanEntry:
    """A loan that began three weeks before it is due."""
    lent_at = due_at - timedelta(days=21)
    return LoanEntry(patron=patron, item=item, lent_at=lent_at, due_at=due_at)


def item(id: str = "31000001", **more: object) -> ItemEntry:
    """A copy of Middlemarch."""
    return ItemEntry(**({"id": id, "title": "Middlemarch"} | more))  # type: ignore[arg-type]


def document(
    *entries: PatronEntry | ItemEntry | LoanEntry,
) -> Library:
    """A library of these."""
    return Library(
        institutions={INSTITUTION: SETTINGS},
        patrons=tuple(e for e in entries if isinstance(e, PatronEntry)),
        items=tuple(e for e in entries if isinstance(e, ItemEntry)),
        loans=tuple(e for e in entries if isinstance(e, LoanEntry)),
    )


class ILSContract:
    """Subclass it, and give it the fixture `library`."""

    # ------------------------------------------------ what is there

    async def test_finds_a_patron_as_they_are(self, library: ContractLibrary) -> None:
        await library.add(document(patron(address="1 Library Lane", email="ada@example.org")))

        found = await library.ils.find_patron("ada")

        assert found is not None
        assert (found.id, found.name, found.address) == ("ada", "Ada", "1 Library Lane")
        assert found.charge_ok
        assert found.charged_count == 0
        assert found.charged_limit == SETTINGS.loans.loan_limit

    async def test_knows_nobody_it_was_not_told_of(self, library: ContractLibrary) -> None:
        assert await library.ils.find_patron("nobody") is None
        assert await library.ils.find_item("nothing") is None

    async def test_is_not_shaken_by_what_is_no_text(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        for odd in ("", "ada\0", "\udcff", "a" * 10_000, "'; DROP TABLE patrons; --", "%", ":now"):
            assert await library.ils.find_patron(odd) is None
            assert await library.ils.find_item(odd) is None
            with pytest.raises(PatronNotFound):
                await library.ils.checkout(odd, "31000001", pin=Secret(odd), origin=origin())

        await library.ils.checkout("ada", "31000001", item_properties="\udcff\0", origin=origin())

        assert await _charged(library, "ada") == ["31000001"]

    async def test_finds_a_blocked_patron(self, library: ContractLibrary) -> None:
        await library.add(document(patron(charge_ok=False), patron("grace", card_lost=True)))

        blocked, lost = await library.ils.find_patron("ada"), await library.ils.find_patron("grace")

        assert blocked is not None
        assert not blocked.charge_ok
        assert blocked.hold_ok
        assert lost is not None
        assert lost.card_lost
        assert not lost.charge_ok
        assert not lost.hold_ok

    async def test_finds_an_item_on_the_shelf(self, library: ContractLibrary) -> None:
        await library.add(document(item(permanent_location="stacks", media_type="001")))

        found = await library.ils.find_item("31000001")

        assert found is not None
        assert (found.id, found.title_id) == ("31000001", "Middlemarch")
        assert found.circulation_status == CirculationStatus.AVAILABLE
        assert (found.permanent_location, found.media_type) == ("stacks", "001")
        assert found.due_at is None

    async def test_tells_the_right_pin_from_all_others(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace", pin=None)))

        assert await library.ils.check_password("ada", Secret("1234"))
        assert await library.ils.check_password("ada", Secret("1234"))  # remembered
        assert not await library.ils.check_password("ada", Secret("4321"))
        assert not await library.ils.check_password("ada", Secret(""))
        assert not await library.ils.check_password("ada", Secret("1\udcff"))
        assert not await library.ils.check_password("grace", Secret("1234"))
        assert not await library.ils.check_password("nobody", Secret("1234"))

    async def test_lists_what_a_patron_has(self, library: ContractLibrary) -> None:
        now = datetime.now(UTC)
        await library.add(
            document(
                patron(),
                *(item(id) for id in "abc"),
                *(
                    LoanEntry(
                        patron="ada",
                        item=id,
                        lent_at=now - timedelta(days=9),
                        due_at=now + timedelta(days=days),
                    )
                    for id, days in (("a", 3), ("b", -2), ("c", 1))
                ),
            )
        )

        async def charged(start: int = 1, end: int | None = None) -> list[str]:
            entries = await library.ils.patron_list("ada", PatronList.CHARGED, start, end)
            return [entry.item_id for entry in entries]

        assert await charged() == ["b", "c", "a"]
        assert await charged(1, 1) == ["b"]
        assert await charged(2, 99) == ["c", "a"]
        assert await charged(3, 2) == []
        assert await charged(98, 99) == []
        (overdue,) = await library.ils.patron_list("ada", PatronList.OVERDUE)
        assert overdue.item_id == "b"
        assert overdue.title_id == "Middlemarch"
        assert overdue.due_at is not None
        assert overdue.due_at < now
        assert list(await library.ils.patron_list("ada", PatronList.FINES)) == []
        found = await library.ils.find_patron("ada")
        assert found is not None
        assert (found.charged_count, found.overdue_count) == (3, 1)
        with pytest.raises(PatronNotFound):
            await library.ils.patron_list("nobody", PatronList.CHARGED)

    # ------------------------------------------------ checkout

    async def test_lends_an_item(self, library: ContractLibrary) -> None:
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
        assert await _charged(library, "ada") == ["31000001"]

    async def test_lends_with_the_right_pin_only(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))

        with pytest.raises(WrongPIN):
            await library.ils.checkout("ada", "31000001", pin=Secret("0"), origin=origin())
        assert await _charged(library, "ada") == []
        await library.ils.checkout("ada", "31000001", pin=Secret("1234"), origin=origin())
        assert await _charged(library, "ada") == ["31000001"]

    async def test_does_not_desensitise_magnetic_media(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(magnetic=True)))

        lent = await library.ils.checkout("ada", "31000001", origin=origin())
        taken = await library.ils.checkin("31000001", origin=origin())

        assert not lent.desensitize
        assert not taken.resensitize

    async def test_refuses_whom_and_what_it_does_not_know(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))

        with pytest.raises(PatronNotFound):
            await library.ils.checkout("nobody", "31000001", origin=origin())
        with pytest.raises(PatronNotFound):
            await library.ils.checkout("nobody", "31000001", pin=Secret("1"), origin=origin())
        with pytest.raises(ItemNotFound):
            await library.ils.checkout("ada", "nothing", origin=origin())
        with pytest.raises(ItemNotFound):
            await library.ils.checkin("nothing", origin=origin())

    async def test_refuses_a_blocked_patron_with_all_reasons(
        self, library: ContractLibrary
    ) -> None:
        await library.add(
            document(patron(charge_ok=False, card_lost=True, expires="2001-01-01"), item())
        )

        with pytest.raises(PatronBlocked) as refused:
            await library.ils.checkout("ada", "31000001", origin=origin())

        reasons = {type(each) for each in (refused.value, *refused.value.also)}
        assert reasons == {CardLost, CardExpired, PatronBlocked}
        assert refused.value.item is not None
        assert refused.value.item.title_id == "Middlemarch"

    async def test_refuses_one_loan_too_many(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), *(item(id) for id in "abcd")))
        for each in "abc":
            await library.ils.checkout("ada", each, origin=origin())

        with pytest.raises(LoanLimitReached):
            await library.ils.checkout("ada", "d", origin=origin())

        found = await library.ils.find_patron("ada")
        assert found is not None
        assert found.too_many_charged
        assert found.charge_ok
        assert await _charged(library, "ada") == ["a", "b", "c"]

    async def test_refuses_an_item_that_someone_else_has(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("grace", "31000001", origin=origin())

        for renewal_allowed in (True, False):
            with pytest.raises(AlreadyOnLoan):
                await library.ils.checkout(
                    "ada", "31000001", renewal_allowed=renewal_allowed, origin=origin()
                )

        assert await _charged(library, "grace") == ["31000001"]
        assert await _charged(library, "ada") == []

    async def test_renews_only_if_it_may(self, library: ContractLibrary) -> None:
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
        assert await _charged(library, "ada") == ["31000001"]

    async def test_records_what_was_lent_off_line_whatever_the_policy(
        self, library: ContractLibrary
    ) -> None:
        now = datetime.now(UTC)
        loan = LoanEntry(
            patron="grace", item="31000001", lent_at=now - timedelta(days=9), due_at=now
        )
        await library.add(document(patron(card_lost=True), patron("grace"), item(), loan))
        due_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)

        lent = await library.ils.checkout(
            "ada",
            "31000001",
            no_block=True,
            no_block_due_at=due_at,
            origin=origin(transaction_at=datetime.now(UTC) - timedelta(hours=2)),
        )

        assert lent.due_at == due_at
        assert await _charged(library, "ada") == ["31000001"]
        assert await _charged(library, "grace") == []

    async def test_what_comes_late_from_off_line_leaves_a_newer_loan_alone(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("grace", "31000001", origin=origin())
        earlier = origin(transaction_at=datetime.now(UTC) - timedelta(hours=2))

        await library.ils.checkout("ada", "31000001", no_block=True, origin=earlier)
        await library.ils.checkin("31000001", no_block=True, origin=earlier)

        assert await _charged(library, "grace") == ["31000001"]
        assert await _charged(library, "ada") == []

    async def test_one_of_many_gets_the_last_copy(self, library: ContractLibrary) -> None:
        await library.add(document(*(patron(f"p{n}") for n in range(20)), item()))

        async def one(n: int) -> CheckoutResult | Refused:
            try:
                return await library.ils.checkout(f"p{n}", "31000001", origin=origin())
            except Refused as refused:
                return refused

        outcomes = await asyncio.gather(*(one(n) for n in range(20)))

        assert sum(isinstance(each, CheckoutResult) for each in outcomes) == 1
        assert sum(isinstance(each, AlreadyOnLoan) for each in outcomes) == 19

    # ------------------------------------------------ checkin

    async def test_takes_an_item_back(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(permanent_location="stacks")))
        await library.ils.checkout("ada", "31000001", origin=origin())

        taken = await library.ils.checkin(
            "31000001", current_location="desk", item_properties="a|b", origin=origin()
        )

        assert taken.patron is not None
        assert (taken.patron.id, taken.item.id) == ("ada", "31000001")
        assert taken.item.circulation_status == CirculationStatus.AVAILABLE
        assert taken.resensitize
        assert not taken.alert
        found = await library.ils.find_item("31000001")
        assert found is not None
        assert (found.current_location, found.permanent_location) == ("desk", "stacks")
        assert found.item_properties == "a|b"
        assert found.due_at is None
        assert await _charged(library, "ada") == []

    async def test_refuses_to_take_back_what_is_in(self, library: ContractLibrary) -> None:
        await library.add(document(item()))

        with pytest.raises(NotOnLoan) as refused:
            await library.ils.checkin("31000001", origin=origin())

        assert refused.value.item is not None
        assert refused.value.item.title_id == "Middlemarch"

    async def test_never_refuses_what_was_taken_back_off_line(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item()))

        was_in = await library.ils.checkin("31000001", no_block=True, origin=origin())
        await library.ils.checkout("ada", "31000001", origin=origin())
        was_out = await library.ils.checkin("31000001", no_block=True, origin=origin())

        assert was_in.patron is None
        assert was_out.patron is not None
        assert await _charged(library, "ada") == []

    async def test_knows_what_it_can(self, library: ContractLibrary) -> None:
        assert library.ils.supports("checkout")
        assert not library.ils.supports("juggling")
        assert await library.ils.checkout_ok()

    async def test_lends_again_what_came_back(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("ada", "31000001", origin=origin())
        await library.ils.checkin("31000001", origin=origin())

        await library.ils.checkout("grace", "31000001", origin=origin())

        assert await _charged(library, "grace") == ["31000001"]

    # ------------------------------------------------ renewal

    async def test_renews_a_loan_as_often_as_the_policy_lets(
        self, library: ContractLibrary
    ) -> None:
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

    async def test_renews_by_title_what_is_due_first(self, library: ContractLibrary) -> None:
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

    async def test_refuses_to_renew_what_is_not_there_to_be(self, library: ContractLibrary) -> None:
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
        assert await _charged(library, "grace") == ["31000001"]

    async def test_renews_for_whoever_has_it(self, library: ContractLibrary) -> None:
        soon = datetime.now(UTC) + timedelta(days=1)
        await library.add(
            document(patron(), patron("grace"), item(), loan("31000001", "grace", due_at=soon))
        )

        renewed = await library.ils.renew(
            "ada", item_id="31000001", third_party=True, origin=origin()
        )

        assert renewed.patron.id == "ada"
        assert await _charged(library, "grace") == ["31000001"]
        assert await _charged(library, "ada") == []

    async def test_records_what_was_renewed_off_line(self, library: ContractLibrary) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        await library.add(
            document(
                patron(card_lost=True), item(), loan("31000001", due_at=now + timedelta(days=1))
            )
        )
        promised = now + timedelta(days=40)

        for _ in range(3):  # more than the policy lets
            renewed = await library.ils.renew(
                "ada",
                item_id="31000001",
                no_block=True,
                no_block_due_at=promised,
                pin=Secret("0"),  # nobody can check it any more
                origin=origin(transaction_at=now - timedelta(hours=1)),
            )

        assert renewed.due_at == promised

    async def test_renews_all_that_may_be(self, library: ContractLibrary) -> None:
        soon = datetime.now(UTC) + timedelta(days=1)
        await library.add(
            document(patron(), item("a"), item("b"), loan("a", due_at=soon), loan("b", due_at=soon))
        )
        await library.ils.renew("ada", item_id="a", origin=origin())  # as often as it may be

        result = await library.ils.renew_all("ada", origin=origin("1"))
        again = await library.ils.renew_all("ada", origin=origin("1"))

        assert again == result
        assert [entry.item_id for entry in result.renewed] == ["b"]
        assert [(each.item_id, each.reason) for each in result.unrenewed] == [
            ("a", "renewal-not-allowed")
        ]
        assert result.unrenewed[0].title_id == "Middlemarch"
        assert result.unrenewed[0].screen_message

    async def test_renews_all_of_nothing(self, library: ContractLibrary) -> None:
        await library.add(document(patron()))

        result = await library.ils.renew_all("ada", pin=Secret("1234"), origin=origin())

        assert (result.renewed, result.unrenewed) == ((), ())
        with pytest.raises(PatronNotFound):
            await library.ils.renew_all("nobody", origin=origin())
        with pytest.raises(WrongPIN):
            await library.ils.renew_all("ada", pin=Secret("0"), origin=origin())

    # ------------------------------------------------ blocks, properties

    async def test_blocks_a_patron_and_gives_back_what_it_took(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(hold_ok=False), item()))

        blocked = await library.ils.block(
            "ada", card_retained=True, message="left behind", origin=origin("1")
        )
        with pytest.raises(BlockedAtTerminal):
            await library.ils.checkout("ada", "31000001", origin=origin())
        with pytest.raises(WrongPIN):
            await library.ils.enable("ada", pin=Secret("0"), origin=origin())
        enabled = await library.ils.enable("ada", pin=Secret("1234"), origin=origin("2"))
        again = await library.ils.block(
            "ada", card_retained=True, message="left behind", origin=origin("1")
        )

        assert blocked.id == "ada"
        allowed = (blocked.charge_ok, blocked.renew_ok, blocked.hold_ok, blocked.recall_ok)
        assert not any(allowed)
        assert enabled.charge_ok
        assert not enabled.hold_ok  # which staff have taken
        assert again == blocked  # the first answer, and no second effect:
        await library.ils.checkout("ada", "31000001", origin=origin())

    async def test_blocks_nobody_it_does_not_know(self, library: ContractLibrary) -> None:
        with pytest.raises(PatronNotFound):
            await library.ils.block("nobody", card_retained=False, message="", origin=origin())
        with pytest.raises(PatronNotFound):
            await library.ils.enable("nobody", origin=origin())

    async def test_keeps_an_items_properties(self, library: ContractLibrary) -> None:
        await library.add(document(item()))

        kept = await library.ils.status_update("31000001", "tape|torn", origin=origin())

        found = await library.ils.find_item("31000001")
        assert found == kept
        assert kept.item_properties == "tape|torn"
        with pytest.raises(ItemNotFound):
            await library.ils.status_update("nothing", "", origin=origin())

    # ------------------------------------------------ done once

    async def test_answers_a_repeat_with_the_first_result(self, library: ContractLibrary) -> None:
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
        assert await _charged(library, "grace") == ["31000001"]

    async def test_does_twins_once(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))

        results = await asyncio.gather(
            *(library.ils.checkout("ada", "31000001", origin=origin("1")) for _ in range(10))
        )

        assert all(result == results[0] for result in results)
        assert await _charged(library, "ada") == ["31000001"]

    async def test_keeps_accounts_apart(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", "31000001", origin=origin("1"))

        with pytest.raises(AlreadyOnLoan):
            await library.ils.checkout("ada", "31000001", origin=origin("1", account="other"))

    async def test_forgets_a_refusal(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("grace", "31000001", origin=origin())
        with pytest.raises(AlreadyOnLoan):
            await library.ils.checkout("ada", "31000001", origin=origin("1"))
        await library.ils.checkin("31000001", origin=origin())

        lent = await library.ils.checkout("ada", "31000001", origin=origin("1"))

        assert lent.patron.id == "ada"

    # ------------------------------------------------ the end of a session

    async def test_ends_a_session(self, library: ContractLibrary) -> None:
        await library.add(document(patron()))

        await library.ils.end_patron_session("ada", origin=origin())
        await library.ils.end_patron_session("ada", pin=Secret("1234"), origin=origin())
        await library.ils.end_patron_session("nobody", pin=Secret("1"), origin=origin())
        with pytest.raises(WrongPIN):
            await library.ils.end_patron_session("ada", pin=Secret("0"), origin=origin())


async def _charged(library: ContractLibrary, patron_id: str) -> list[str]:
    entries = await library.ils.patron_list(patron_id, PatronList.CHARGED)
    return [entry.item_id for entry in entries]
