"""A checkout or checkin that failed at the terminal is taken back, as if it had not been."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from bibliobus.ils import CirculationStatus, ItemNotFound, NothingToUndo, PaymentType
from bibliobus.testing.contract.library import (
    ITEM,
    A,
    B,
    ContractLibrary,
    charged,
    document,
    found_item,
    hold,
    item,
    loan,
    needs,
    origin,
    patron,
    refusal,
    seen,
)


@needs("undo")
class UndoContract:
    """What a library keeps that can undo."""

    async def test_undoes_a_checkout(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        before = await seen(library.ils)
        await library.ils.checkout("ada", ITEM, origin=origin())

        undone = await library.ils.undo_checkout(ITEM, patron_id="ada", origin=origin())

        assert undone.patron is not None
        assert (undone.patron.id, undone.patron.charged_count) == ("ada", 0)
        assert undone.item.circulation_status == CirculationStatus.AVAILABLE
        assert undone.resensitize
        assert undone.alert_type is None
        assert await seen(library.ils) == before

    async def test_undoes_a_renewal(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), loan()))
        before = await seen(library.ils)
        await library.ils.renew("ada", item_id=ITEM, origin=origin())

        undone = await library.ils.undo_checkout(ITEM, origin=origin())

        assert undone.item.circulation_status == CirculationStatus.CHARGED
        assert not undone.resensitize
        assert await seen(library.ils) == before
        await library.ils.renew("ada", item_id=ITEM, origin=origin())  # it may be again

    async def test_undoes_a_checkin(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), loan()))
        before = await seen(library.ils)
        kept = await found_item(library)
        await library.ils.checkin(ITEM, origin=origin())

        undone = await library.ils.undo_checkin(ITEM, patron_id="ada", origin=origin())

        assert undone.patron.id == "ada"
        assert undone.due_at == kept.due_at
        assert undone.desensitize
        assert await seen(library.ils) == before

    async def test_undoes_nothing_that_is_not_there(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), item(A), loan(A)))
        checkout, checkin = library.ils.undo_checkout, library.ils.undo_checkin

        for undo in (checkout, checkin):
            await refusal(library, ItemNotFound, undo("nothing", origin=origin()))
            await refusal(library, NothingToUndo, undo(ITEM, origin=origin()))
            await refusal(library, NothingToUndo, undo(A, origin=origin()))

    async def test_undoes_the_latest_transaction_only(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        checkout, checkin = library.ils.undo_checkout, library.ils.undo_checkin
        await library.ils.checkout("ada", ITEM, origin=origin())

        await refusal(library, NothingToUndo, checkin(ITEM, origin=origin()))
        await library.ils.checkin(ITEM, origin=origin())
        await refusal(library, NothingToUndo, checkout(ITEM, origin=origin()))
        await checkin(ITEM, origin=origin())
        await refusal(library, NothingToUndo, checkin(ITEM, origin=origin()))
        await refusal(library, NothingToUndo, checkout(ITEM, origin=origin()))

        assert await charged(library, "ada") == [ITEM]

    async def test_undoes_nothing_of_another_terminal_or_patron(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), patron("grace"), item(), item(A), loan(A)))
        checkout, checkin = library.ils.undo_checkout, library.ils.undo_checkin
        await library.ils.checkout("ada", ITEM, origin=origin())
        await library.ils.checkin(A, origin=origin())

        for undo, id in ((checkout, ITEM), (checkin, A)):
            await refusal(library, NothingToUndo, undo(id, origin=origin(account="other")))
            await refusal(library, NothingToUndo, undo(id, patron_id="grace", origin=origin()))

    async def test_undoes_nothing_that_was_recorded_off_line(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", ITEM, no_block=True, origin=origin())

        await refusal(library, NothingToUndo, library.ils.undo_checkout(ITEM, origin=origin()))

    async def test_answers_a_repeated_undo(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", ITEM, origin=origin())
        undone = await library.ils.undo_checkout(ITEM, origin=origin("1"))
        await library.ils.checkout("ada", ITEM, origin=origin())

        again = await library.ils.undo_checkout(ITEM, origin=origin("1"))

        assert again == undone
        assert await charged(library, "ada") == [ITEM]

    async def test_lends_anew_after_an_undo(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", ITEM, origin=origin("1"))
        await library.ils.undo_checkout(ITEM, origin=origin("2"))

        await library.ils.checkout("ada", ITEM, origin=origin("3"))

        assert await charged(library, "ada") == [ITEM]


@needs("undo", "hold")
class UndoHoldContract:
    """Holds are as they were."""

    async def test_lets_a_hold_wait_again_that_was_filled(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold(), hold(patron="grace")))
        await library.ils.checkin(ITEM, origin=origin())
        before = await seen(library.ils)
        await library.ils.checkout("ada", ITEM, origin=origin())

        await library.ils.undo_checkout(ITEM, origin=origin())

        assert await seen(library.ils) == before

    async def test_gives_a_hold_its_old_place(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold(), hold(patron="grace")))
        before = await seen(library.ils)
        await library.ils.checkout("ada", ITEM, origin=origin())

        await library.ils.undo_checkout(ITEM, origin=origin())

        assert await library.ils.hold_queue(ITEM) == ["ada", "grace"]
        assert await seen(library.ils) == before

    async def test_takes_a_copy_from_the_hold_shelf(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(), hold(patron="grace")))
        before = await seen(library.ils)
        await library.ils.checkin(ITEM, origin=origin())

        await library.ils.undo_checkin(ITEM, origin=origin())

        assert await seen(library.ils) == before


@needs("undo", "policies")
class UndoFeeContract:
    """Fees are as they were."""

    async def test_reverses_what_a_loan_costs(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(item_type="dvd")))
        before = await seen(library.ils)
        await library.ils.checkout("ada", ITEM, fee_acknowledged=True, origin=origin())

        undone = await library.ils.undo_checkout(ITEM, origin=origin())

        assert undone.patron is not None
        assert undone.patron.fee_amount == 0
        assert await seen(library.ils) == before

    async def test_reverses_what_was_late(self, library: ContractLibrary) -> None:
        late = loan(late=timedelta(days=3))
        await library.add(document(patron(), item(item_type="dvd"), late))
        before = await seen(library.ils)
        await library.ils.checkin(ITEM, origin=origin())

        undone = await library.ils.undo_checkin(ITEM, origin=origin())

        assert undone.patron.fee_amount == 0
        assert undone.due_at == late.due_at
        assert await seen(library.ils) == before


@needs("undo", "policies", "fee paid")
class UndoPaymentContract:
    """Money that was paid stays the patron's, and nothing else becomes money."""

    @pytest.mark.parametrize(
        ("payment_type", "owed"), [(PaymentType.CASH, "0.00"), (PaymentType.WRITE_OFF, "1.50")]
    )
    async def test_keeps_what_was_paid_for_the_next_fee(
        self, library: ContractLibrary, payment_type: PaymentType, owed: str
    ) -> None:
        dvds = [item(id, item_type="dvd") for id in (A, B)]
        await library.add(document(patron(), *dvds))
        await library.ils.checkout("ada", A, fee_acknowledged=True, origin=origin())
        await library.ils.pay_fee(
            "ada", Decimal("1.50"), "EUR", payment_type=payment_type, origin=origin()
        )
        await library.ils.undo_checkout(A, origin=origin())

        lent = await library.ils.checkout("ada", B, fee_acknowledged=True, origin=origin())

        assert lent.patron.fee_amount == Decimal(owed)
