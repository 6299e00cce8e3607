"""What only copies have: a place, properties, a magnetic strip, and one patron at a time, for as
long as the library's own policy says, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bibliobus.ils import (
    CirculationStatus,
    NotOnLoan,
    PatronAccount,
    RenewalNotAllowed,
    Secret,
    TooManyRenewals,
)
from bibliobus.testing.contract.library import (
    ITEM,
    A,
    B,
    C,
    ContractLender,
    charged,
    document,
    found_item,
    item,
    loan,
    origin,
    patron,
    refusal,
)


class CopiesContract:
    """What a library keeps whose items are copies."""

    # ------------------------------------------------ what it is, and where

    async def test_says_what_a_copy_is_and_where(self, library: ContractLender) -> None:
        await library.add(document(item(permanent_location="stacks", media_type="001")))

        found = await library.ils.find_item(ITEM)

        assert found is not None
        assert (found.id, found.title_id) == (ITEM, "Middlemarch")
        assert found.circulation_status == CirculationStatus.AVAILABLE
        assert (found.permanent_location, found.media_type) == ("stacks", "001")
        assert found.due_at is None

    async def test_keeps_properties_until_others_come(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", ITEM, item_properties="boxed", origin=origin())

        await library.ils.checkin(ITEM, origin=origin())

        assert (await found_item(library)).item_properties == "boxed"
        await library.ils.checkout("ada", ITEM, item_properties="", origin=origin())
        assert not (await found_item(library)).item_properties

    # ------------------------------------------------ going out and coming back

    async def test_lends_a_copy_for_as_long_as_the_policy_says(
        self, library: ContractLender
    ) -> None:
        await library.add(document(patron(), item()))
        before = datetime.now(UTC)

        lent = await library.ils.checkout("ada", ITEM, item_properties="boxed", origin=origin())

        assert (lent.patron.id, lent.item.id) == ("ada", ITEM)
        assert lent.item.item_properties == "boxed"
        assert timedelta(days=20) < lent.due_at - before < timedelta(days=23)
        assert lent.item.circulation_status == CirculationStatus.CHARGED
        assert lent.item.due_at == lent.due_at
        assert not lent.renewal_ok
        assert lent.desensitize
        found = await library.ils.find_item(ITEM)
        assert found is not None
        assert found.due_at == lent.due_at
        assert await charged(library, "ada") == [ITEM]

    async def test_does_not_desensitise_magnetic_media(self, library: ContractLender) -> None:
        await library.add(document(patron(), item(magnetic=True)))

        lent = await library.ils.checkout("ada", ITEM, origin=origin())
        taken = await library.ils.checkin(ITEM, origin=origin())

        assert not lent.desensitize
        assert not taken.resensitize

    async def test_takes_a_copy_back_to_where_it_is_now(self, library: ContractLender) -> None:
        await library.add(document(patron(), item(permanent_location="stacks")))
        await library.ils.checkout("ada", ITEM, origin=origin())

        taken = await library.ils.checkin(
            ITEM, current_location="desk", item_properties="a|b", origin=origin()
        )

        assert taken.patron is not None
        assert (taken.patron.id, taken.item.id) == ("ada", ITEM)
        assert taken.item.circulation_status == CirculationStatus.AVAILABLE
        assert taken.resensitize
        assert taken.alert_type is None
        found = await library.ils.find_item(ITEM)
        assert found is not None
        assert (found.current_location, found.permanent_location) == ("desk", "stacks")
        assert found.item_properties == "a|b"
        assert found.due_at is None
        assert await charged(library, "ada") == []

    async def test_takes_a_copy_back_from_whoever_brings_it(self, library: ContractLender) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan()))

        taken = await library.ils.checkin(ITEM, patron_id="grace", origin=origin())

        assert taken.patron is not None
        assert taken.patron.id == "ada"
        assert await charged(library, "ada") == []

    async def test_lends_from_now_on(self, library: ContractLender) -> None:
        await library.add(document(patron(), item()))
        before = datetime.now(UTC) - timedelta(seconds=1)

        await library.ils.checkout(
            "ada",
            ITEM,
            no_block_due_at=before + timedelta(days=500),  # of what was lent off line only
            origin=origin(transaction_at=before - timedelta(days=2)),  # a terminal's clock
        )

        (only,) = (await library.ils.patron_account("ada")).loans
        assert before <= only.lent_at <= datetime.now(UTC) + timedelta(seconds=1)
        assert only.due_at < before + timedelta(days=23)

    # ------------------------------------------------ staying longer

    async def test_renews_for_as_long_as_the_policy_says(self, library: ContractLender) -> None:
        soon = datetime.now(UTC) + timedelta(days=1)
        await library.add(document(patron(), item(), loan(ITEM, due_at=soon)))

        renewed = await library.ils.renew(
            "ada", item_id=ITEM, item_properties="torn", pin=Secret("1234"), origin=origin()
        )

        assert renewed.renewal_ok
        assert not renewed.desensitize  # it was, when it was lent
        assert renewed.due_at > soon + timedelta(days=10)
        assert (renewed.patron.id, renewed.item.due_at) == ("ada", renewed.due_at)
        assert renewed.item.item_properties == "torn"
        with pytest.raises(RenewalNotAllowed) as refused:
            await library.ils.renew("ada", item_id=ITEM, origin=origin())
        assert refused.value.item is not None
        assert refused.value.item.due_at == renewed.due_at

    async def test_renews_by_lending_it_again(self, library: ContractLender) -> None:
        await library.add(document(patron(), item(), loan()))

        renewed = await library.ils.checkout(
            "ada", ITEM, renewal_allowed=True, item_properties="torn", origin=origin()
        )

        assert renewed.renewal_ok
        assert renewed.item.item_properties == "torn"
        assert renewed.item.due_at == renewed.due_at

    async def test_renews_by_title_what_is_due_first(self, library: ContractLender) -> None:
        now = datetime.now(UTC)
        days = {A: 5, B: 2, C: 9}
        await library.add(
            document(
                patron(),
                *(item(id) for id in days),
                *(loan(id, due_at=now + timedelta(days=n)) for id, n in days.items()),
            )
        )

        renewed = await library.ils.renew("ada", title_id="Middlemarch", origin=origin())

        assert renewed.item.id == B
        with pytest.raises(NotOnLoan):
            await library.ils.renew("ada", title_id="Emma", origin=origin())

    async def test_renews_for_whoever_has_it(self, library: ContractLender) -> None:
        soon = datetime.now(UTC) + timedelta(days=1)
        await library.add(
            document(patron(), patron("grace"), item(), loan(ITEM, "grace", due_at=soon))
        )

        renewed = await library.ils.renew("ada", item_id=ITEM, third_party=True, origin=origin())

        assert renewed.patron.id == "ada"
        assert await charged(library, "grace") == [ITEM]
        assert await charged(library, "ada") == []

    async def test_renews_for_nobody_who_may_not(self, library: ContractLender) -> None:
        await library.add(
            document(patron(), patron("grace", renew_ok=False), item(), loan(patron="grace"))
        )

        with pytest.raises(RenewalNotAllowed):  # it is Grace who may not
            await library.ils.renew("ada", item_id=ITEM, third_party=True, origin=origin())
        assert await charged(library, "grace") == [ITEM]

    async def test_never_makes_a_loan_shorter_by_a_renewal(self, library: ContractLender) -> None:
        far = datetime.now(UTC).replace(microsecond=0) + timedelta(days=90)
        await library.add(document(patron(), item(), loan(due_at=far)))

        renewed = await library.ils.renew("ada", item_id=ITEM, origin=origin())

        assert renewed.due_at == far

    async def test_says_why_it_does_not_renew_and_changes_nothing(
        self, library: ContractLender
    ) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan()))
        await library.ils.renew("ada", item_id=ITEM, origin=origin())
        renew = library.ils.renew

        await refusal(library, NotOnLoan, renew("grace", title_id="Middlemarch", origin=origin()))
        await refusal(
            library,
            TooManyRenewals,
            renew("ada", item_id=ITEM, item_properties="torn", origin=origin()),
        )

    # ------------------------------------------------ what a patron has

    async def test_knows_to_the_second_when_a_loan_began_and_ends(
        self, library: ContractLender
    ) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        late, later = loan(B, due_at=now), loan(A, due_at=now + timedelta(days=3))
        await library.add(document(patron(), patron("grace"), item(A), item(B), later, late))

        account = await library.ils.patron_account("ada")

        assert [each.item_id for each in account.loans] == [B, A]
        first = account.loans[0]
        assert (first.title_id, first.renewals) == ("Middlemarch", 0)
        assert (first.lent_at, first.due_at) == (late.lent_at, late.due_at)
        assert (account.holds, account.fees) == ((), ())
        assert await library.ils.patron_account("grace") == PatronAccount()
