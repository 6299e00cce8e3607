"""Policies by kind of item, conditions of items, limits of patrons, and branches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bibliobus.ils import (
    AlertType,
    CirculationStatus,
    FeeNotAcknowledged,
    FeeType,
    ItemNotAvailable,
    LoanLimitReached,
    NotForLoan,
    NotTakenHere,
    OnHoldForAnother,
    OwesTooMuch,
    PatronBlocked,
    Refused,
    TooManyLost,
    TooManyOverdue,
    TooSoonToRenew,
)
from bibliobus.ils.library import Condition
from bibliobus.testing.contract.library import (
    ITEM,
    A,
    B,
    C,
    ContractLibrary,
    D,
    charged,
    document,
    fee,
    found_item,
    found_patron,
    hold,
    item,
    loan,
    needs,
    origin,
    patron,
    refusal,
)

NOT_HERE = (Condition.WITHDRAWN, Condition.ON_ORDER, Condition.IN_PROCESS)
NOT_FOUND = (Condition.LOST, Condition.MISSING, Condition.CLAIMED_RETURNED)
STATUS = {
    Condition.DAMAGED: CirculationStatus.OTHER,
    Condition.WITHDRAWN: CirculationStatus.OTHER,
    Condition.LOST: CirculationStatus.LOST,
    Condition.MISSING: CirculationStatus.MISSING,
    Condition.CLAIMED_RETURNED: CirculationStatus.CLAIMED_RETURNED,
    Condition.ON_ORDER: CirculationStatus.ON_ORDER,
    Condition.IN_PROCESS: CirculationStatus.IN_PROCESS,
}


@needs("policies")
class PolicyContract:
    """What a library keeps that follows all of `SETTINGS`."""

    # ------------------------------------------------ what is lent, and for how long

    async def test_lends_nothing_that_is_not_for_loan(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(item_type="reference")))

        await refusal(library, NotForLoan, library.ils.checkout("ada", ITEM, origin=origin()))

        assert not await library.ils.available(ITEM, "ada")

    @pytest.mark.parametrize("condition", [*NOT_HERE, *NOT_FOUND])
    async def test_lends_nothing_that_ought_not_to_be_there(
        self, library: ContractLibrary, condition: Condition
    ) -> None:
        await library.add(document(patron(), item(condition=condition)))

        refused = await refusal(
            library, ItemNotAvailable, library.ils.checkout("ada", ITEM, origin=origin())
        )

        assert refused.item is not None
        assert refused.item.circulation_status == STATUS[condition]
        assert not await library.ils.available(ITEM, "ada")

    async def test_lends_what_is_damaged(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(condition=Condition.DAMAGED)))

        await library.ils.checkout("ada", ITEM, origin=origin())

        assert await charged(library, "ada") == [ITEM]

    async def test_lends_each_kind_for_its_own_time(self, library: ContractLibrary) -> None:
        await library.add(
            document(patron(), item(A, item_type="dvd"), item(B, item_type="reading-room"))
        )
        now = datetime.now(UTC)

        dvd = await library.ils.checkout("ada", A, fee_acknowledged=True, origin=origin())
        here = await library.ils.checkout("ada", B, origin=origin())

        assert timedelta(days=6) < dvd.due_at - now < timedelta(days=9)
        assert timedelta(0) < here.due_at - now <= timedelta(days=1)  # until closing time
        assert (dvd.desensitize, here.desensitize) == (True, False)  # it stays in the house

    async def test_counts_loans_of_each_kind(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), *(item(id, item_type="dvd") for id in (A, B)), item(C), loan(A),
            )
        )  # fmt: skip

        await refusal(
            library,
            LoanLimitReached,
            library.ils.checkout("ada", B, fee_acknowledged=True, origin=origin()),
        )
        await library.ils.checkout("ada", C, origin=origin())

        assert await charged(library, "ada") == [A, C]

    async def test_renews_some_kinds_near_their_date_only(self, library: ContractLibrary) -> None:
        far, near = timedelta(days=-5), timedelta(days=-2)
        await library.add(
            document(
                patron(), item(A, item_type="new"), item(B, item_type="new"),
                loan(A, late=far), loan(B, late=near),
            )
        )  # fmt: skip

        await refusal(library, TooSoonToRenew, library.ils.renew("ada", item_id=A, origin=origin()))
        renewed = await library.ils.renew("ada", item_id=B, origin=origin())

        assert renewed.item.id == B

    # ------------------------------------------------ what is taken back

    @pytest.mark.parametrize("condition", list(NOT_HERE))
    async def test_takes_back_nothing_that_is_not_part_of_it(
        self, library: ContractLibrary, condition: Condition
    ) -> None:
        await library.add(document(patron(), item(condition=condition)))

        refused = await refusal(library, NotTakenHere, library.ils.checkin(ITEM, origin=origin()))
        await library.ils.checkin(ITEM, no_block=True, origin=origin())

        assert refused.item is not None
        assert refused.item.title_id == "Middlemarch"

    @pytest.mark.parametrize("condition", list(NOT_FOUND))
    async def test_finds_what_was_missed(
        self, library: ContractLibrary, condition: Condition
    ) -> None:
        await library.add(document(patron(), item(condition=condition)))

        taken = await library.ils.checkin(ITEM, origin=origin())

        assert taken.item.circulation_status == CirculationStatus.AVAILABLE
        assert taken.patron is None
        await library.ils.checkout("ada", ITEM, origin=origin())

    async def test_finds_what_is_lent_off_line(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(condition=Condition.MISSING)))

        lent = await library.ils.checkout("ada", ITEM, no_block=True, origin=origin())

        assert lent.item.circulation_status == CirculationStatus.CHARGED

    async def test_takes_back_what_was_lost(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(condition=Condition.LOST), loan()))
        lost = await found_patron(library)

        taken = await library.ils.checkin(ITEM, origin=origin())

        assert lost.too_many_lost
        assert taken.patron is not None
        assert not taken.patron.too_many_lost
        assert taken.item.circulation_status == CirculationStatus.AVAILABLE
        assert await charged(library, "ada") == []

    @pytest.mark.parametrize("condition", list(Condition))
    async def test_shows_the_condition_of_an_item(
        self, library: ContractLibrary, condition: Condition
    ) -> None:
        await library.add(document(item(condition=condition)))

        assert (await found_item(library)).circulation_status == STATUS[condition]

    # ------------------------------------------------ who may not borrow

    async def test_lends_nothing_to_who_has_lost_too_much(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), item(A, condition=Condition.LOST), loan(A)))

        await refusal(library, TooManyLost, library.ils.checkout("ada", ITEM, origin=origin()))

    async def test_lends_nothing_to_who_has_too_much_overdue(
        self, library: ContractLibrary
    ) -> None:
        late = timedelta(days=2)
        await library.add(
            document(
                patron(), patron("grace"), *(item(id) for id in (A, B, C, D)),
                loan(A, late=late), loan(B, late=late), loan(C, "grace", late=late),
            )
        )  # fmt: skip

        await refusal(library, TooManyOverdue, library.ils.checkout("ada", D, origin=origin()))
        await library.ils.checkout("grace", D, origin=origin())

        found = await found_patron(library)
        assert (found.too_many_overdue, found.overdue_limit) == (True, 2)

    async def test_lends_nothing_to_who_owes_too_much(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), patron("grace"), item(), fee("4.00"), fee("6.01"), fee("10.00", "grace")
            )
        )

        await refusal(library, OwesTooMuch, library.ils.checkout("ada", ITEM, origin=origin()))
        await library.ils.checkout("grace", ITEM, origin=origin())

        ada, grace = await found_patron(library), await found_patron(library, "grace")
        assert (ada.fee_amount, ada.fee_limit) == (Decimal("10.01"), Decimal(10))
        assert (ada.excessive_fines, grace.excessive_fines) == (True, False)
        assert (ada.excessive_fees, grace.excessive_fees) == (True, False)
        assert not ada.charge_ok
        assert not ada.hold_ok

    async def test_tells_all_that_blocks_a_patron(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(card_lost=True), fee("11"), *(item(id) for id in (A, B)), item(),
                item(C, condition=Condition.LOST), loan(C),
                *(loan(id, late=timedelta(days=2)) for id in (A, B)),
            )
        )  # fmt: skip

        refused: Refused = await refusal(
            library, PatronBlocked, library.ils.checkout("ada", ITEM, origin=origin())
        )

        reasons = {each.reason for each in (refused, *refused.also)}
        assert reasons == {"card-lost", "owes-too-much", "too-many-overdue", "too-many-lost"}

    # ------------------------------------------------ what it costs

    async def test_asks_before_a_loan_costs_something(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(item_type="dvd")))
        shown = await found_item(library)

        refused = await refusal(
            library, FeeNotAcknowledged, library.ils.checkout("ada", ITEM, origin=origin())
        )
        lent = await library.ils.checkout("ada", ITEM, fee_acknowledged=True, origin=origin())

        assert (shown.fee, shown.fee_currency, shown.fee_type) == (
            Decimal("1.50"), "EUR", FeeType.RENTAL,
        )  # fmt: skip
        assert refused.fee is not None
        assert (refused.fee.amount, refused.fee.currency) == (Decimal("1.50"), "EUR")
        assert (refused.fee.fee_type, refused.fee.id) == (FeeType.RENTAL, None)
        assert lent.fee is not None
        assert lent.patron.fee_amount == Decimal("1.50")
        (booked,) = (await library.ils.patron_account("ada")).fees
        assert (booked.id, booked.amount, booked.item_id) == (
            lent.fee.id, Decimal("1.50"), ITEM,
        )  # fmt: skip

    async def test_asks_before_a_renewal_costs_something(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(item_type="dvd"), loan()))
        renew = library.ils.renew

        refused = await refusal(
            library, FeeNotAcknowledged, renew("ada", item_id=ITEM, origin=origin())
        )
        renewed = await renew("ada", item_id=ITEM, fee_acknowledged=True, origin=origin())

        assert refused.fee is not None
        assert refused.fee.amount == Decimal("1.50")
        assert renewed.fee is not None
        assert renewed.patron.fee_amount == Decimal("1.50")

    async def test_books_nothing_for_what_was_lent_off_line(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(item_type="dvd")))

        lent = await library.ils.checkout("ada", ITEM, no_block=True, origin=origin())

        assert lent.fee is None
        assert (await library.ils.patron_account("ada")).fees == ()

    @pytest.mark.parametrize(("days", "owed"), [(0, None), (3, "1.50"), (30, "5.00")])
    async def test_books_what_is_late(
        self, library: ContractLibrary, days: int, owed: str | None
    ) -> None:
        kept = loan(late=timedelta(days=days) if days else timedelta(days=-1))
        await library.add(document(patron(), item(item_type="dvd"), kept))

        taken = await library.ils.checkin(ITEM, origin=origin())

        amount = None if taken.fee is None else taken.fee.amount
        assert amount == (None if owed is None else Decimal(owed))
        fees = (await library.ils.patron_account("ada")).fees
        assert [(each.amount, each.fee_type) for each in fees] == (
            [] if owed is None else [(Decimal(owed), FeeType.OVERDUE)]
        )

    async def test_books_what_was_late_when_it_came_back(self, library: ContractLibrary) -> None:
        dvds = [item(id, item_type="dvd") for id in (A, B, C)]
        late = timedelta(days=4)
        await library.add(document(patron(), *dvds, *(loan(id, late=late) for id in (A, B, C))))
        now = datetime.now(UTC)

        async def owed(id: str, returned_at: datetime) -> Decimal | None:
            taken = await library.ils.checkin(id, returned_at=returned_at, origin=origin())
            return None if taken.fee is None else taken.fee.amount

        assert await owed(A, now - timedelta(days=2)) == Decimal("1.00")
        assert await owed(B, now - timedelta(days=99)) is None  # held at the loan's beginning
        assert await owed(C, now + timedelta(days=99)) == Decimal("2.00")  # and at now

    async def test_books_what_is_late_at_a_renewal(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(item_type="dvd"), loan(late=timedelta(days=3))))

        await library.ils.renew("ada", item_id=ITEM, fee_acknowledged=True, origin=origin())

        fees = (await library.ils.patron_account("ada")).fees
        assert {(each.fee_type, each.amount) for each in fees} == {
            (FeeType.OVERDUE, Decimal("1.50")),
            (FeeType.RENTAL, Decimal("1.50")),
        }

    async def test_books_what_is_late_at_an_off_line_renewal(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item(item_type="dvd"), loan(late=timedelta(days=3))))
        yesterday = origin(transaction_at=datetime.now(UTC) - timedelta(days=1))

        await library.ils.renew("ada", item_id=ITEM, no_block=True, origin=yesterday)

        (only,) = (await library.ils.patron_account("ada")).fees
        assert (only.fee_type, only.amount) == (FeeType.OVERDUE, Decimal("1.00"))

    async def test_books_what_was_late_when_it_was_lent_on_off_line(
        self, library: ContractLibrary
    ) -> None:
        late = loan(patron="grace", late=timedelta(days=3))
        await library.add(document(patron(), patron("grace"), item(item_type="dvd"), late))
        yesterday = origin(transaction_at=datetime.now(UTC) - timedelta(days=1))

        await library.ils.checkout("ada", ITEM, no_block=True, origin=yesterday)

        (only,) = (await library.ils.patron_account("grace")).fees
        assert (only.fee_type, only.amount) == (FeeType.OVERDUE, Decimal("1.00"))
        assert (await library.ils.patron_account("ada")).fees == ()

    async def test_books_no_more_than_the_limit_for_one_loan(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item(item_type="dvd"), loan(late=timedelta(days=24))))
        now = datetime.now(UTC)

        await library.ils.renew(
            "ada",
            item_id=ITEM,
            no_block=True,
            no_block_due_at=now - timedelta(days=15),
            origin=origin(transaction_at=now - timedelta(days=16)),
        )
        renewed = await found_patron(library)
        taken = await library.ils.checkin(ITEM, origin=origin())

        assert renewed.fee_amount == Decimal("4.00")
        assert taken.fee is not None
        assert taken.fee.amount == Decimal("1.00")
        assert taken.patron is not None
        assert taken.patron.fee_amount == Decimal("5.00")

    # ------------------------------------------------ from branch to branch

    async def test_sends_home_what_was_left_elsewhere_without_a_loan(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(item(permanent_location="stacks")))

        left = await library.ils.checkin(ITEM, origin=origin(location="south"))

        assert (left.alert_type, left.item.destination) == (AlertType.GOES_ELSEWHERE, "north")

    async def test_knows_by_its_terminal_where_an_item_is_that_came_back_nowhere(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item(permanent_location="stacks"), loan()))

        taken = await library.ils.checkin(
            ITEM, current_location="bin 7", origin=origin(location="south")
        )

        assert taken.alert_type == AlertType.GOES_ELSEWHERE

    async def test_sends_an_item_home(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(permanent_location="stacks"), loan()))

        away = await library.ils.checkin(ITEM, origin=origin(location="south"))
        home = await library.ils.checkin(ITEM, current_location="desk", origin=origin())

        assert (away.alert_type, away.item.destination) == (AlertType.GOES_ELSEWHERE, "north")
        assert away.item.circulation_status == CirculationStatus.IN_TRANSIT
        assert away.patron is not None
        assert (home.alert_type, home.item.destination) == (None, None)
        assert home.item.circulation_status == CirculationStatus.AVAILABLE

    async def test_lends_what_is_on_its_way_home(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(permanent_location="stacks"), loan()))
        await library.ils.checkin(ITEM, current_location="south", origin=origin())

        lent = await library.ils.checkout("ada", ITEM, origin=origin())

        assert lent.item.destination is None
        assert lent.item.circulation_status == CirculationStatus.CHARGED


@needs("renew all", "policies")
class RenewAllPolicyContract:
    """What all the loans of a patron cost together."""

    async def test_renews_what_costs_nothing_unless_the_patron_accepts(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item(A), item(B, item_type="dvd"), loan(A), loan(B)))

        first = await library.ils.renew_all("ada", origin=origin())
        second = await library.ils.renew_all("ada", fee_acknowledged=True, origin=origin())

        assert [each.item_id for each in first.renewed] == [A]
        assert [(each.item_id, each.reason) for each in first.unrenewed] == [
            (B, "fee-not-acknowledged")
        ]
        assert [each.item_id for each in second.renewed] == [B]
        assert second.patron.fee_amount == Decimal("1.50")


@needs("hold", "policies")
class CheckoutOrderContract:
    """What a patron is told if there are several reasons."""

    async def test_makes_its_checks_in_their_order(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), patron("grace", charge_ok=False), patron("mary"),
                item(A, item_type="reference", condition=Condition.LOST),
                item(B, condition=Condition.MISSING), item(C), item(D, item_type="dvd"),
                *(item(id, title="Emma") for id in "xyz"),
                *(loan(id) for id in "xyz"),  # as many as she may have
                hold(B, "mary"),
            )
        )  # fmt: skip

        async def refused(patron: str, item: str, reason: type[Refused]) -> None:
            await refusal(library, reason, library.ils.checkout(patron, item, origin=origin()))

        await refused("grace", "x", PatronBlocked)
        await refused("ada", A, NotForLoan)
        await refused("ada", B, ItemNotAvailable)
        await refused("ada", C, OnHoldForAnother)
        await library.ils.cancel_hold("mary", item_id=B, origin=origin())
        await refused("ada", D, LoanLimitReached)
        await refused("mary", D, FeeNotAcknowledged)
