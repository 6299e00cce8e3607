"""What was done while a terminal was off line is recorded: nobody can refuse it any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bibliobus.ils import CirculationStatus, ItemNotFound, Origin, PatronNotFound, Secret
from bibliobus.ils.library import LoanEntry
from bibliobus.testing.contract.library import (
    ITEM,
    A,
    ContractLibrary,
    charged,
    document,
    found_item,
    item,
    loan,
    origin,
    patron,
    refusal,
)


class OffLineContract:
    """Records with `no_block`."""

    async def test_records_what_was_lent_off_line_whatever_the_policy(
        self, library: ContractLibrary
    ) -> None:
        now = datetime.now(UTC)
        loan = LoanEntry(patron="grace", item=ITEM, lent_at=now - timedelta(days=9), due_at=now)
        await library.add(document(patron(card_lost=True), patron("grace"), item(), loan))
        due_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)

        lent = await library.ils.checkout(
            "ada",
            ITEM,
            no_block=True,
            no_block_due_at=due_at,
            origin=origin(transaction_at=datetime.now(UTC) - timedelta(hours=2)),
        )

        assert lent.due_at == due_at
        assert await charged(library, "ada") == [ITEM]
        assert await charged(library, "grace") == []

    async def test_what_comes_late_from_off_line_leaves_a_newer_loan_alone(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.checkout("grace", ITEM, origin=origin())
        earlier = origin(transaction_at=datetime.now(UTC) - timedelta(hours=2))

        await library.ils.checkout("ada", ITEM, no_block=True, origin=earlier)
        await library.ils.checkin(ITEM, no_block=True, origin=earlier)

        assert await charged(library, "grace") == [ITEM]
        assert await charged(library, "ada") == []

    async def test_never_refuses_what_was_taken_back_off_line(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item()))

        was_in = await library.ils.checkin(ITEM, no_block=True, origin=origin())
        await library.ils.checkout("ada", ITEM, origin=origin())
        was_out = await library.ils.checkin(ITEM, no_block=True, origin=origin())

        assert was_in.patron is None
        assert was_out.patron is not None
        assert await charged(library, "ada") == []

    async def test_records_what_was_renewed_off_line(self, library: ContractLibrary) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        await library.add(
            document(patron(card_lost=True), item(), loan(ITEM, due_at=now + timedelta(days=1)))
        )
        promised = now + timedelta(days=40)

        for _ in range(3):  # more than the policy lets
            renewed = await library.ils.renew(
                "ada",
                item_id=ITEM,
                no_block=True,
                no_block_due_at=promised,
                pin=Secret("0"),  # nobody can check it any more
                origin=origin(transaction_at=now - timedelta(hours=1)),
            )

        assert renewed.due_at == promised

    async def test_records_nothing_of_whom_and_what_it_does_not_know(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item()))
        lend, take = library.ils.checkout, library.ils.checkin

        await refusal(library, PatronNotFound, lend("nobody", ITEM, no_block=True, origin=origin()))
        await refusal(library, ItemNotFound, lend("ada", "nothing", no_block=True, origin=origin()))
        await refusal(library, ItemNotFound, take("nothing", no_block=True, origin=origin()))

    async def test_does_not_look_at_the_pin_of_an_off_line_loan(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item()))

        await library.ils.checkout("ada", ITEM, no_block=True, pin=Secret("0"), origin=origin())

        assert await charged(library, "ada") == [ITEM]

    async def test_keeps_the_time_of_an_off_line_loan(self, library: ContractLibrary) -> None:
        lent_at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
        await library.add(document(patron(), item()))

        await library.ils.checkout(
            "ada", ITEM, no_block=True, origin=origin(transaction_at=lent_at)
        )

        (only,) = (await library.ils.patron_account("ada")).loans
        assert only.lent_at == lent_at
        assert timedelta(days=20) < only.due_at - lent_at < timedelta(days=23)

    async def test_records_a_repeated_off_line_loan_once(self, library: ContractLibrary) -> None:
        earlier = datetime.now(UTC) - timedelta(hours=2)
        await library.add(document(patron(), item()))
        here = origin("1", transaction_at=earlier)

        lent = await library.ils.checkout("ada", ITEM, no_block=True, origin=here)
        await library.ils.checkin(ITEM, origin=origin())
        again = await library.ils.checkout("ada", ITEM, no_block=True, origin=here)

        assert again == lent
        assert await charged(library, "ada") == []

    async def test_dates_an_off_line_renewal_by_policy_if_nothing_was_promised(
        self, library: ContractLibrary
    ) -> None:
        kept = loan()
        await library.add(document(patron(), item(), kept))

        renewed = await library.ils.renew("ada", item_id=ITEM, no_block=True, origin=origin())

        assert renewed.due_at > kept.due_at + timedelta(days=10)

    async def test_takes_back_what_a_terminal_with_a_wrong_clock_took_back(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item(), item(A)))
        long_ago = datetime(2000, 1, 1, tzinfo=UTC)
        for id in (ITEM, A):
            await library.ils.checkout("ada", id, origin=origin())

        await library.ils.checkin(ITEM, no_block=True, returned_at=long_ago, origin=origin())
        await library.ils.checkin(A, no_block=True, origin=origin(transaction_at=long_ago))

        assert await charged(library, "ada") == []

    async def test_what_comes_late_from_off_line_lends_nothing_that_has_come_back(
        self, library: ContractLibrary
    ) -> None:
        kept = loan(patron="grace")
        await library.add(document(patron(), patron("grace"), item(), kept))
        earlier = origin(transaction_at=datetime.now(UTC) - timedelta(hours=2))
        await library.ils.checkin(ITEM, origin=origin())  # by whoever had it by then

        await library.ils.checkout("ada", ITEM, no_block=True, origin=earlier)

        assert await charged(library, "ada") == []
        found = await found_item(library)
        assert found.circulation_status == CirculationStatus.AVAILABLE

    async def test_what_came_back_off_line_can_be_lent_off_line_after_that(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        now = datetime.now(UTC)
        lend = library.ils.checkout

        def ago(hours: int) -> Origin:
            return origin(transaction_at=now - timedelta(hours=hours))

        await library.ils.checkin(ITEM, no_block=True, origin=ago(2))
        await lend("grace", ITEM, no_block=True, origin=ago(3))  # sent in another order
        assert await charged(library, "grace") == []
        await lend("ada", ITEM, no_block=True, origin=ago(1))

        assert await charged(library, "ada") == [ITEM]
