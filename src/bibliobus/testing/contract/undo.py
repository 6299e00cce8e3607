"""A checkout or checkin that failed at the terminal is taken back, as if it had not been."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from bibliobus.ils import CirculationStatus, ItemNotFound, NothingToUndo, PaymentType
from bibliobus.testing.contract.library import (
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
        await library.ils.checkout("ada", "31000001", origin=origin())

        undone = await library.ils.undo_checkout("31000001", patron_id="ada", origin=origin())

        assert undone.patron is not None
        assert (undone.patron.id, undone.patron.charged_count) == ("ada", 0)
        assert undone.item.circulation_status == CirculationStatus.AVAILABLE
        assert undone.resensitize
        assert undone.alert_type is None
        assert await seen(library.ils) == before

    async def test_undoes_a_renewal(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), loan()))
        before = await seen(library.ils)
        await library.ils.renew("ada", item_id="31000001", origin=origin())

        undone = await library.ils.undo_checkout("31000001", origin=origin())

        assert undone.item.circulation_status == CirculationStatus.CHARGED
        assert not undone.resensitize
        assert await seen(library.ils) == before
        await library.ils.renew("ada", item_id="31000001", origin=origin())  # it may be again

    async def test_undoes_a_checkin(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), loan()))
        before = await seen(library.ils)
        kept = await found_item(library)
        await library.ils.checkin("31000001", origin=origin())

        undone = await library.ils.undo_checkin("31000001", patron_id="ada", origin=origin())

        assert undone.patron.id == "ada"
        assert undone.due_at == kept.due_at
        assert undone.desensitize
        assert await seen(library.ils) == before

    async def test_undoes_nothing_that_is_not_there(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), item("a"), loan("a")))
        checkout, checkin = library.ils.undo_checkout, library.ils.undo_checkin

        for undo in (checkout, checkin):
            await refusal(library, ItemNotFound, undo("nothing", origin=origin()))
            await refusal(library, NothingToUndo, undo("31000001", origin=origin()))
            await refusal(library, NothingToUndo, undo("a", origin=origin()))

    async def test_undoes_the_latest_transaction_only(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        checkout, checkin = library.ils.undo_checkout, library.ils.undo_checkin
        await library.ils.checkout("ada", "31000001", origin=origin())

        await refusal(library, NothingToUndo, checkin("31000001", origin=origin()))
        await library.ils.checkin("31000001", origin=origin())
        await refusal(library, NothingToUndo, checkout("31000001", origin=origin()))
        await checkin("31000001", origin=origin())
        await refusal(library, NothingToUndo, checkin("31000001", origin=origin()))
        await refusal(library, NothingToUndo, checkout("31000001", origin=origin()))

        assert await charged(library, "ada") == ["31000001"]

    async def test_undoes_nothing_of_another_terminal_or_patron(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), patron("grace"), item(), item("a"), loan("a")))
        checkout, checkin = library.ils.undo_checkout, library.ils.undo_checkin
        await library.ils.checkout("ada", "31000001", origin=origin())
        await library.ils.checkin("a", origin=origin())

        for undo, id in ((checkout, "31000001"), (checkin, "a")):
            await refusal(library, NothingToUndo, undo(id, origin=origin(account="other")))
            await refusal(library, NothingToUndo, undo(id, patron_id="grace", origin=origin()))

    async def test_undoes_nothing_that_was_recorded_off_line(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", "31000001", no_block=True, origin=origin())

        await refusal(
            library, NothingToUndo, library.ils.undo_checkout("31000001", origin=origin())
        )

    async def test_answers_a_repeated_undo(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", "31000001", origin=origin())
        undone = await library.ils.undo_checkout("31000001", origin=origin("1"))
        await library.ils.checkout("ada", "31000001", origin=origin())

        again = await library.ils.undo_checkout("31000001", origin=origin("1"))

        assert again == undone
        assert await charged(library, "ada") == ["31000001"]

    async def test_lends_anew_after_an_undo(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        await library.ils.checkout("ada", "31000001", origin=origin("1"))
        await library.ils.undo_checkout("31000001", origin=origin("2"))

        await library.ils.checkout("ada", "31000001", origin=origin("3"))

        assert await charged(library, "ada") == ["31000001"]


@needs("undo", "hold")
class UndoHoldContract:
    """Holds are as they were."""

    async def test_lets_a_hold_wait_again_that_was_filled(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold(), hold(patron="grace")))
        await library.ils.checkin("31000001", origin=origin())
        before = await seen(library.ils)
        await library.ils.checkout("ada", "31000001", origin=origin())

        await library.ils.undo_checkout("31000001", origin=origin())

        assert await seen(library.ils) == before

    async def test_gives_a_hold_its_old_place(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold(), hold(patron="grace")))
        before = await seen(library.ils)
        await library.ils.checkout("ada", "31000001", origin=origin())

        await library.ils.undo_checkout("31000001", origin=origin())

        assert await library.ils.hold_queue("31000001") == ["ada", "grace"]
        assert await seen(library.ils) == before

    async def test_takes_a_copy_from_the_hold_shelf(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(), hold(patron="grace")))
        before = await seen(library.ils)
        await library.ils.checkin("31000001", origin=origin())

        await library.ils.undo_checkin("31000001", origin=origin())

        assert await seen(library.ils) == before


@needs("undo", "policies")
class UndoFeeContract:
    """Fees are as they were."""

    async def test_reverses_what_a_loan_costs(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(item_type="dvd")))
        before = await seen(library.ils)
        await library.ils.checkout("ada", "31000001", fee_acknowledged=True, origin=origin())

        undone = await library.ils.undo_checkout("31000001", origin=origin())

        assert undone.patron is not None
        assert undone.patron.fee_amount == 0
        assert await seen(library.ils) == before

    async def test_reverses_what_was_late(self, library: ContractLibrary) -> None:
        late = loan(late=timedelta(days=3))
        await library.add(document(patron(), item(item_type="dvd"), late))
        before = await seen(library.ils)
        await library.ils.checkin("31000001", origin=origin())

        undone = await library.ils.undo_checkin("31000001", origin=origin())

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
        dvds = [item(id, item_type="dvd") for id in "ab"]
        await library.add(document(patron(), *dvds))
        await library.ils.checkout("ada", "a", fee_acknowledged=True, origin=origin())
        await library.ils.pay_fee(
            "ada", Decimal("1.50"), "EUR", payment_type=payment_type, origin=origin()
        )
        await library.ils.undo_checkout("a", origin=origin())

        lent = await library.ils.checkout("ada", "b", fee_acknowledged=True, origin=origin())

        assert lent.patron.fee_amount == Decimal(owed)
