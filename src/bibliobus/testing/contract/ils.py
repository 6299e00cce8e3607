"""What the library's system of record keeps: all there is in this package."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bibliobus.ils import (
    ILS,
    ItemNotFound,
    NotSupported,
    Origin,
    PatronList,
    PatronNotFound,
    Secret,
    WrongPIN,
)
from bibliobus.testing.contract.circulation import CirculationContract
from bibliobus.testing.contract.copies import CopiesContract
from bibliobus.testing.contract.fees import FeeContract
from bibliobus.testing.contract.holds import HoldContract, HoldPolicyContract
from bibliobus.testing.contract.library import (
    ITEM,
    A,
    B,
    ContractLibrary,
    can,
    document,
    found_item,
    item,
    loan,
    needs,
    origin,
    patron,
)
from bibliobus.testing.contract.offline import OffLineContract
from bibliobus.testing.contract.patrons import BlockContract, PatronContract, PINLockContract
from bibliobus.testing.contract.policies import (
    CheckoutOrderContract,
    PolicyContract,
    RenewAllPolicyContract,
)
from bibliobus.testing.contract.repeats import RepeatContract, RepeatedHoldContract
from bibliobus.testing.contract.undo import (
    UndoContract,
    UndoFeeContract,
    UndoHoldContract,
    UndoPaymentContract,
)


@needs("renew all")
class RenewAllContract:
    """All loans of a patron at once."""

    async def test_renews_all_that_may_be(self, library: ContractLibrary) -> None:
        soon = datetime.now(UTC) + timedelta(days=1)
        await library.add(
            document(patron(), item(A), item(B), loan(A, due_at=soon), loan(B, due_at=soon))
        )
        await library.ils.renew("ada", item_id=A, origin=origin())  # as often as it may be

        result = await library.ils.renew_all("ada", origin=origin("1"))
        again = await library.ils.renew_all("ada", origin=origin("1"))

        assert again == result
        assert [entry.item_id for entry in result.renewed] == [B]
        assert [(each.item_id, each.reason) for each in result.unrenewed] == [
            (A, "too-many-renewals")
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


@needs("item status update")
class StatusUpdateContract:
    """Properties of items."""

    async def test_keeps_an_items_properties(self, library: ContractLibrary) -> None:
        await library.add(document(item()))

        kept = await library.ils.status_update(ITEM, "tape|torn", origin=origin())

        found = await library.ils.find_item(ITEM)
        assert found == kept
        assert kept.item_properties == "tape|torn"
        with pytest.raises(ItemNotFound):
            await library.ils.status_update("nothing", "", origin=origin())


class ILSContract(
    CirculationContract, CopiesContract, PatronContract, PINLockContract, BlockContract,
    OffLineContract,
    RenewAllContract, StatusUpdateContract, HoldContract, HoldPolicyContract, PolicyContract,
    RenewAllPolicyContract, CheckoutOrderContract, FeeContract, UndoContract, UndoHoldContract,
    UndoFeeContract, UndoPaymentContract, RepeatContract, RepeatedHoldContract,
):  # fmt: skip
    """Subclass it, and give it the fixture `library`."""

    async def test_knows_what_it_can(self, library: ContractLibrary) -> None:
        assert library.ils.supports("checkout")
        assert not library.ils.supports("juggling")
        assert await library.ils.checkout_ok()
        off_line = await library.ils.offline_ok()
        assert library.ils.supports("offline operation") == off_line

    async def test_minds_no_institution_id(self, library: ContractLibrary) -> None:
        for id in ("MAIN", "elsewhere", "", "\udcff"):
            library.ils.check_inst_id(id, "checkout")

    async def test_says_what_is_available(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), item(A), loan(A)))
        available = library.ils.available

        assert await available(ITEM, "grace")
        assert not await available(A, "grace")
        with pytest.raises(ItemNotFound):
            await available("nothing", "ada")

    async def test_has_an_empty_queue_if_nobody_waits(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))

        assert list(await library.ils.hold_queue(ITEM)) == []
        assert await library.ils.hold_queue_position(ITEM, "ada") == 0

    async def test_has_every_list(self, library: ContractLibrary) -> None:
        await library.add(document(patron()))

        for kind in PatronList:
            assert list(await library.ils.patron_list("ada", kind)) == []

    @pytest.mark.parametrize(
        "operation",
        ["hold", "fee paid", "renew all", "block patron", "item status update", "undo"],
    )
    async def test_says_that_it_does_not_have_it(
        self, library: ContractLibrary, operation: str
    ) -> None:
        if can(library, operation):
            pytest.skip(f"it has {operation!r}")
        await library.add(document(patron(), item(), loan()))
        before = await found_item(library)
        ils, here = library.ils, origin()

        for call in _calls(ils, here)[operation]:
            with pytest.raises(NotSupported):
                await call()

        assert await found_item(library) == before


def _calls(ils: ILS, here: Origin) -> Mapping[str, Sequence[Callable[[], Awaitable[object]]]]:
    return {
        "hold": (
            lambda: ils.add_hold("ada", item_id=ITEM, origin=here),
            lambda: ils.alter_hold("ada", item_id=ITEM, origin=here),
            lambda: ils.cancel_hold("ada", item_id=ITEM, origin=here),
        ),
        "fee paid": (lambda: ils.pay_fee("ada", Decimal(1), "EUR", payment_type=0, origin=here),),
        "renew all": (lambda: ils.renew_all("ada", origin=here),),
        "block patron": (
            lambda: ils.block("ada", card_retained=False, message="", origin=here),
            lambda: ils.enable("ada", origin=here),
        ),
        "item status update": (lambda: ils.status_update(ITEM, "", origin=here),),
        "undo": (
            lambda: ils.undo_checkout(ITEM, origin=here),
            lambda: ils.undo_checkin(ITEM, origin=here),
        ),
    }
