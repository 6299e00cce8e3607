"""Patrons, their PINs, what they may and what they have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bibliobus.ils import (
    BlockedAtTerminal,
    CardExpired,
    CardLost,
    LoanLimitReached,
    PatronBlocked,
    PatronList,
    PatronNotFound,
    RenewalNotAllowed,
    Secret,
    TooManyWrongPINs,
    WrongPIN,
)
from bibliobus.ils.library import LoanEntry
from bibliobus.testing.contract.library import (
    ITEM,
    SETTINGS,
    A,
    B,
    C,
    ContractLibrary,
    D,
    charged,
    document,
    found_item,
    found_patron,
    item,
    loan,
    needs,
    origin,
    patron,
    refusal,
)


class PatronContract:
    """What the system of record knows of its patrons."""

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
                await library.ils.checkout(odd, ITEM, pin=Secret(odd), origin=origin())

        lent = await library.ils.checkout(
            "ada", ITEM, item_properties="caf\udce9\0", origin=origin("1")
        )
        again = await library.ils.checkout(
            "ada", ITEM, item_properties="caf\udce9\0", origin=origin("1")
        )

        assert again == lent
        assert await found_item(library) == lent.item
        assert await charged(library, "ada") == [ITEM]

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
                *(item(id) for id in (A, B, C)),
                *(
                    LoanEntry(
                        patron="ada",
                        item=id,
                        lent_at=now - timedelta(days=9),
                        due_at=now + timedelta(days=days),
                    )
                    for id, days in ((A, 3), (B, -2), (C, 1))
                ),
            )
        )

        async def charged(start: int = 1, end: int | None = None) -> list[str]:
            entries = await library.ils.patron_list("ada", PatronList.CHARGED, start, end)
            return [entry.item_id for entry in entries]

        assert await charged() == [B, C, A]
        assert await charged(1, 1) == [B]
        assert await charged(2, 99) == [C, A]
        assert await charged(3, 2) == []
        assert await charged(1, 0) == []
        assert await charged(98, 99) == []
        (overdue,) = await library.ils.patron_list("ada", PatronList.OVERDUE)
        assert overdue.item_id == B
        assert overdue.title_id == "Middlemarch"
        assert overdue.due_at is not None
        assert overdue.due_at < now
        assert list(await library.ils.patron_list("ada", PatronList.FINES)) == []
        found = await library.ils.find_patron("ada")
        assert found is not None
        assert (found.charged_count, found.overdue_count) == (3, 1)
        with pytest.raises(PatronNotFound):
            await library.ils.patron_list("nobody", PatronList.CHARGED)

    async def test_refuses_a_blocked_patron_with_all_reasons(
        self, library: ContractLibrary
    ) -> None:
        await library.add(
            document(patron(charge_ok=False, card_lost=True, expires="2001-01-01"), item())
        )

        with pytest.raises(PatronBlocked) as refused:
            await library.ils.checkout("ada", ITEM, origin=origin())

        reasons = {type(each) for each in (refused.value, *refused.value.also)}
        assert reasons == {CardLost, CardExpired, PatronBlocked}
        assert refused.value.item is not None
        assert refused.value.item.title_id == "Middlemarch"

    async def test_refuses_one_loan_too_many(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), *(item(id) for id in (A, B, C, D))))
        for each in (A, B, C):
            await library.ils.checkout("ada", each, origin=origin())

        with pytest.raises(LoanLimitReached):
            await library.ils.checkout("ada", D, origin=origin())

        found = await library.ils.find_patron("ada")
        assert found is not None
        assert found.too_many_charged
        assert found.charge_ok
        assert await charged(library, "ada") == [A, B, C]

    async def test_ends_a_session(self, library: ContractLibrary) -> None:
        await library.add(document(patron()))

        await library.ils.end_patron_session("ada", origin=origin())
        await library.ils.end_patron_session("ada", pin=Secret("1234"), origin=origin())
        await library.ils.end_patron_session("nobody", pin=Secret("1"), origin=origin())
        with pytest.raises(WrongPIN):
            await library.ils.end_patron_session("ada", pin=Secret("0"), origin=origin())

    @pytest.mark.parametrize(
        ("reason", "entry"),
        [
            (PatronBlocked, {"charge_ok": False}),
            (CardLost, {"card_lost": True}),
            (CardExpired, {"expires": "2001-01-01"}),
        ],
    )
    async def test_lends_nothing_to_a_blocked_patron(
        self, library: ContractLibrary, reason: type[PatronBlocked], entry: dict[str, Any]
    ) -> None:
        await library.add(document(patron(**entry), item()))

        refused = await refusal(library, reason, library.ils.checkout("ada", ITEM, origin=origin()))

        assert type(refused) is reason
        assert refused.also == ()
        assert await charged(library, "ada") == []

    async def test_tells_a_blocked_patron_why(self, library: ContractLibrary) -> None:
        await library.add(document(patron(charge_ok=False, blocked_because="Come in."), item()))

        refused = await refusal(
            library, PatronBlocked, library.ils.checkout("ada", ITEM, origin=origin())
        )

        assert str(refused) == "Come in."

    async def test_takes_back_what_a_blocked_patron_has(self, library: ContractLibrary) -> None:
        await library.add(document(patron(card_lost=True), item(), loan()))

        taken = await library.ils.checkin(ITEM, origin=origin())

        assert taken.patron is not None
        assert (taken.patron.id, taken.patron.charged_count) == ("ada", 0)

    async def test_renews_nothing_for_a_lost_card(self, library: ContractLibrary) -> None:
        await library.add(document(patron(card_lost=True), item(), loan()))

        await refusal(
            library,
            RenewalNotAllowed,
            library.ils.renew("ada", item_id=ITEM, origin=origin()),
        )

    @pytest.mark.parametrize("other", [" ada", "ada ", "Ada", "ADA", "ada\t"])
    async def test_takes_a_barcode_as_it_is(self, library: ContractLibrary, other: str) -> None:
        await library.add(document(patron(), item("a")))

        assert await library.ils.find_patron(other) is None
        assert await library.ils.find_item(other.lower().replace("ada", " a")) is None
        assert not await library.ils.check_password(other, Secret("1234"))

    async def test_shows_a_loan_that_is_late(self, library: ContractLibrary) -> None:
        await library.add(
            document(patron(), item(), loan(late=timedelta(hours=1)), item(A), loan(A))
        )

        late = await library.ils.patron_list("ada", PatronList.OVERDUE)

        assert [entry.item_id for entry in late] == [ITEM]
        assert (await found_patron(library)).overdue_count == 1
        assert (await found_item(library)).due_at == late[0].due_at


@needs("PIN lock")
class PINLockContract:
    """Whoever tries PINs is stopped."""

    async def test_looks_at_no_pin_after_many_wrong_ones(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        for n in range(20):
            assert not await library.ils.check_password("ada", Secret(f"{n}"))

        right = Secret("1234")

        assert not await library.ils.check_password("ada", right)
        await refusal(
            library,
            TooManyWrongPINs,
            library.ils.checkout("ada", ITEM, pin=right, origin=origin()),
        )
        assert await library.ils.check_password("grace", right)
        await library.ils.checkout("ada", ITEM, origin=origin())  # nobody asked for one

    async def test_counts_wrong_pins_of_all_calls(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        for _ in range(20):
            with pytest.raises(WrongPIN):
                await library.ils.checkout("ada", ITEM, pin=Secret("0"), origin=origin())

        assert not await library.ils.check_password("ada", Secret("1234"))

    async def test_forgets_wrong_pins_after_the_right_one(self, library: ContractLibrary) -> None:
        await library.add(document(patron()))

        for _ in range(20):
            assert not await library.ils.check_password("ada", Secret("0"))
            assert await library.ils.check_password("ada", Secret("1234"))


@needs("block patron", "patron enable")
class BlockContract:
    """A terminal takes a patron's permissions, and gives them back."""

    async def test_blocks_a_patron_and_gives_back_what_it_took(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(hold_ok=False), item()))

        blocked = await library.ils.block(
            "ada", card_retained=True, message="left behind", origin=origin("1")
        )
        with pytest.raises(BlockedAtTerminal):
            await library.ils.checkout("ada", ITEM, origin=origin())
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
        await library.ils.checkout("ada", ITEM, origin=origin())

    async def test_blocks_nobody_it_does_not_know(self, library: ContractLibrary) -> None:
        with pytest.raises(PatronNotFound):
            await library.ils.block("nobody", card_retained=False, message="", origin=origin())
        with pytest.raises(PatronNotFound):
            await library.ils.enable("nobody", origin=origin())

    async def test_leaves_a_block_if_the_pin_is_wrong(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        await library.ils.block("ada", card_retained=False, message="", origin=origin())
        before = await found_patron(library)

        with pytest.raises(WrongPIN):
            await library.ils.enable("ada", pin=Secret("0"), origin=origin())

        assert await found_patron(library) == before

    async def test_does_not_enable_whom_staff_have_blocked(self, library: ContractLibrary) -> None:
        await library.add(document(patron(charge_ok=False, card_lost=True), item()))
        before = await found_patron(library)

        enabled = await library.ils.enable("ada", origin=origin())

        assert enabled == before
        await refusal(library, CardLost, library.ils.checkout("ada", ITEM, origin=origin()))
