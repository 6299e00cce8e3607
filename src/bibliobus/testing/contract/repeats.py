"""Done once: every call that changes something, sent twice, gets one effect and one result.

Answers get lost: a terminal sends its message again, or the whole program was killed between the
commit and the answer. `origin.request_key` is what tells a repeat from a second wish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import pytest

from bibliobus.ils import (
    ILS,
    AlreadyOnHold,
    HoldNotFound,
    NotOnLoan,
    Origin,
)
from bibliobus.ils.records import Record
from bibliobus.testing.contract.library import (
    ITEM,
    PATRONS,
    A,
    B,
    ContractLibrary,
    can,
    document,
    fee,
    hold,
    item,
    loan,
    needs,
    origin,
    patron,
    refusal,
    seen,
)

Call = Callable[[ILS, Origin], Awaitable[Record]]


@dataclass(frozen=True)
class Change:
    """A call that changes something."""

    call: Call
    needs: tuple[str, ...] = ()
    first: tuple[Call, ...] = ()  # what has to be done before it
    then: tuple[Call, ...] = ()  # the world moves on


def _checkout(ils: ILS, origin: Origin) -> Awaitable[Record]:
    return ils.checkout("ada", ITEM, origin=origin)


def _checkin(ils: ILS, origin: Origin) -> Awaitable[Record]:
    return ils.checkin(ITEM, origin=origin)


def _block(ils: ILS, origin: Origin) -> Awaitable[Record]:
    return ils.block("ada", card_retained=False, message="lost", origin=origin)


def _enable(ils: ILS, origin: Origin) -> Awaitable[Record]:
    return ils.enable("ada", origin=origin)


def _add_hold(ils: ILS, origin: Origin) -> Awaitable[Record]:
    return ils.add_hold("ada", item_id=B, origin=origin)


def _cancel_hold(ils: ILS, origin: Origin) -> Awaitable[Record]:
    return ils.cancel_hold("ada", item_id=B, origin=origin)


def _moved_to(location: str) -> Call:
    return lambda ils, origin: ils.alter_hold(
        "ada", item_id=B, pickup_location=location, origin=origin
    )


def _paid(amount: str) -> Call:
    return lambda ils, origin: ils.pay_fee(
        "ada", Decimal(amount), "EUR", payment_type=0, origin=origin
    )


def _properties(text: str) -> Call:
    return lambda ils, origin: ils.status_update(ITEM, text, origin=origin)


CHANGES: Mapping[str, Change] = {
    "checkout": Change(_checkout, then=(_checkin,)),
    "checkout that renews": Change(
        lambda ils, origin: ils.checkout("ada", ITEM, renewal_allowed=True, origin=origin),
        first=(_checkout,),
        then=(_checkin, _checkout),
    ),
    "checkin": Change(_checkin, first=(_checkout,), then=(_checkout,)),
    "renew": Change(
        lambda ils, origin: ils.renew("ada", item_id=A, origin=origin),
        then=(lambda ils, origin: ils.checkin(A, origin=origin),),
    ),
    "renew_all": Change(
        lambda ils, origin: ils.renew_all("ada", origin=origin),
        needs=("renew all",),
        then=(lambda ils, origin: ils.checkin(A, origin=origin),),
    ),
    "add_hold": Change(_add_hold, needs=("hold",), then=(_cancel_hold,)),
    "alter_hold": Change(
        _moved_to("south"), needs=("hold",), first=(_add_hold,), then=(_moved_to("north"),)
    ),
    "cancel_hold": Change(_cancel_hold, needs=("hold",), first=(_add_hold,), then=(_add_hold,)),
    "pay_fee": Change(_paid("2.00"), needs=("fee paid",), then=(_paid("1.00"),)),
    "block": Change(_block, needs=("block patron", "patron enable"), then=(_enable,)),
    "enable": Change(
        _enable, needs=("block patron", "patron enable"), first=(_block,), then=(_block,)
    ),
    "status_update": Change(
        _properties("torn"), needs=("item status update",), then=(_properties("mended"),)
    ),
    "undo_checkout": Change(
        lambda ils, origin: ils.undo_checkout(ITEM, origin=origin),
        needs=("undo",),
        first=(_checkout,),
        then=(_checkout,),
    ),
    "undo_checkin": Change(
        lambda ils, origin: ils.undo_checkin(ITEM, origin=origin),
        needs=("undo",),
        first=(_checkout, _checkin),
        then=(_checkin,),
    ),
}

each_change = pytest.mark.parametrize("change", CHANGES)


class RepeatContract:
    """Of every call that changes something."""

    @each_change
    async def test_answers_it_again_and_does_nothing(
        self, library: ContractLibrary, change: str
    ) -> None:
        await _begin(library, change)
        result = await CHANGES[change].call(library.ils, origin("1"))
        before = await _seen(library.ils)

        again = await CHANGES[change].call(library.ils, origin("1"))

        assert again == result
        assert await _seen(library.ils) == before

    @each_change
    async def test_answers_it_as_it_was_when_the_world_has_moved_on(
        self, library: ContractLibrary, change: str
    ) -> None:
        await _begin(library, change)
        result = await CHANGES[change].call(library.ils, origin("1"))
        for call in CHANGES[change].then:
            await call(library.ils, origin())
        before = await _seen(library.ils)

        again = await CHANGES[change].call(library.ils, origin("1"))

        assert again == result
        assert await _seen(library.ils) == before

    @each_change
    async def test_does_twins_of_it_once(self, library: ContractLibrary, change: str) -> None:
        await _begin(library, change)
        call = CHANGES[change].call

        results = await asyncio.gather(*(call(library.ils, origin("1")) for _ in range(5)))
        before = await _seen(library.ils)

        assert all(result == results[0] for result in results)
        assert await call(library.ils, origin("1")) == results[0]
        assert await _seen(library.ils) == before

    @each_change
    async def test_answers_it_after_it_was_killed_before_the_answer(
        self, library: ContractLibrary, change: str
    ) -> None:
        await _begin(library, change)
        result = await CHANGES[change].call(library.ils, origin("1"))  # which nobody gets to see
        before = await _seen(library.ils)

        restarted = await library.restarted()
        if restarted is None:
            pytest.skip("it keeps nothing when it ends")
        again = await CHANGES[change].call(restarted, origin("1"))

        assert again == result
        assert await _seen(restarted) == before

    async def test_does_for_another_account_what_it_asks(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), loan()))
        await library.ils.checkin(ITEM, origin=origin("1"))

        await refusal(
            library,
            NotOnLoan,
            library.ils.checkin(ITEM, origin=origin("1", account="other")),
        )

    async def test_forgets_a_refused_checkin(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        await refusal(library, NotOnLoan, library.ils.checkin(ITEM, origin=origin("1")))
        await library.ils.checkout("ada", ITEM, origin=origin("2"))

        taken = await library.ils.checkin(ITEM, origin=origin("1"))

        assert taken.patron is not None
        assert taken.patron.id == "ada"


@needs("hold")
class RepeatedHoldContract:
    """Of holds."""

    async def test_does_a_hold_for_each_account(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item()))
        await library.ils.add_hold("ada", item_id=ITEM, origin=origin("1"))

        await refusal(
            library,
            AlreadyOnHold,
            library.ils.add_hold("ada", item_id=ITEM, origin=origin("1", account="other")),
        )

    async def test_forgets_a_refused_hold(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), hold()))
        add, cancel = library.ils.add_hold, library.ils.cancel_hold
        await refusal(library, AlreadyOnHold, add("ada", item_id=ITEM, origin=origin("1")))
        await cancel("ada", item_id=ITEM, origin=origin("2"))
        await refusal(library, HoldNotFound, cancel("ada", item_id=ITEM, origin=origin("3")))

        placed = await add("ada", item_id=ITEM, origin=origin("1"))
        given_up = await cancel("ada", item_id=ITEM, origin=origin("3"))

        assert given_up.hold.id == placed.hold.id


async def _begin(library: ContractLibrary, change: str) -> None:
    """Fill the library, and do what comes before the change."""
    for operation in CHANGES[change].needs:
        if not can(library, operation):
            pytest.skip(f"it does not have {operation!r}")
    lent = (item(A, title="Emma"), loan(A), item(B, title="Persuasion"))
    owed = [fee("5.00")] if "fee paid" in CHANGES[change].needs else []
    await library.add(document(patron(), patron("grace"), item(), *lent, *owed))
    for call in CHANGES[change].first:
        await call(library.ils, origin())


async def _seen(ils: ILS) -> list[object]:
    return [*await seen(ils), *[await ils.find_patron(id) for id in PATRONS]]
