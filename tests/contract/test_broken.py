"""The contract catches what goes wrong: each of these adapters has one fault.

A fault is named by what the adapter does, and has the test of the contract that finds it. All are a
`MemoryILS` with one method that asks, gives in or answers otherwise.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from bibliobus.ils import (
    AlreadyOnLoan,
    CheckoutResult,
    CirculationError,
    HoldLimitReached,
    ItemNotAvailable,
    ItemNotFound,
    LoanLimitReached,
    NoSuchPickupLocation,
    NotForLoan,
    NotOnLoan,
    NotTakenHere,
    OnHoldForAnother,
    Origin,
    OwesTooMuch,
    PatronBlocked,
    PatronList,
    PaymentKeyUsed,
    PaymentNotDue,
    Refused,
    RenewAllResult,
    Secret,
    TooManyRenewals,
    TooSoonToRenew,
)
from bibliobus.ils.library import Library
from bibliobus.testing import MemoryILS
from bibliobus.testing.contract import INSTITUTION, SETTINGS, ContractLibrary, ILSContract

Method = Callable[..., Awaitable[Any]]
Adapter = type[MemoryILS]

# ------------------------------------------------ how adapters go wrong


def wrong(method: str, how: Callable[..., Awaitable[Any]]) -> Adapter:
    """A MemoryILS in which `how(ils, right, *args, **more)` stands for a method, `right`."""

    async def faulty(self: MemoryILS, *args: Any, **more: Any) -> Any:
        return await how(self, partial(getattr(MemoryILS, method), self), *args, **more)

    return type("Faulty", (MemoryILS,), {method: faulty})


def asks(method: str, **otherwise: Any) -> Adapter:
    """It does not look at what it is asked: a value stands for an argument, or a function of it."""

    async def how(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
        for name, value in otherwise.items():
            more[name] = value(more.get(name)) if callable(value) else value
        return await right(*args, **more)

    return wrong(method, how)


def gives_in(method: str, refused: type[Refused], **otherwise: Any) -> Adapter:
    """It does not refuse, but does it with these other arguments."""

    async def how(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
        try:
            return await right(*args, **more)
        except refused:
            return await right(*args, **(more | otherwise))

    return wrong(method, how)


def answers(method: str, otherwise: Callable[[Any], Any]) -> Adapter:
    """It does it, and says something else."""

    async def how(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
        return otherwise(await right(*args, **more))

    return wrong(method, how)


def loads(otherwise: Callable[[Library], Library]) -> Adapter:
    """It has something else."""
    load = MemoryILS.load
    return type(
        "Faulty", (MemoryILS,), {"load": lambda self, library: load(self, otherwise(library))}
    )


def _without_key(origin: Origin) -> Origin:
    return replace(origin, request_key=None)


def _of_one_account(origin: Origin) -> Origin:
    return replace(origin, account="kiosk")


def _a_day_early(result: CheckoutResult) -> CheckoutResult:
    return replace(result, due_at=result.due_at - timedelta(days=1))


async def _next_page(
    ils: MemoryILS, right: Method, patron: str, kind: PatronList, start: int = 1, *end: Any
) -> Any:
    return await right(patron, kind, max(start - 1, 0) + 2, *end)


async def _replays_refusals(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    known: dict[object, Refused] = vars(ils).setdefault("refusals", {})
    key = more["origin"].request_key
    if key in known:
        raise known[key]
    try:
        return await right(*args, **more)
    except Refused as refused:
        if key is not None:
            known[key] = refused
        raise


async def _looks_before_it_waits(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    found = await ils.find_item(args[1])
    if found is not None and found.due_at is not None:
        raise AlreadyOnLoan(item=found)
    await asyncio.sleep(0)
    return await right(*args, **(more | {"no_block": True}))


async def _remembers_too_late(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    known: dict[object, object] = vars(ils).setdefault("known", {})
    key = more["origin"].request_key
    if key in known:
        return known[key]
    await asyncio.sleep(0)
    known[key] = await right(*args, **(more | {"origin": _without_key(more["origin"])}))
    return known[key]


async def _takes_what_is_owed(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    patron, amount, currency = args
    found = await ils.find_patron(patron)
    owed = Decimal(0) if found is None else found.fee_amount or Decimal(0)
    try:
        return await right(*args, **more)
    except PaymentNotDue:
        return await right(patron, min(amount, owed), currency, **more)


async def _pays_the_newest(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    fees = (await ils.patron_account(args[0])).fees
    return await right(*args, **({"fee_id": fees[-1].id} | more))


async def _in_euros(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    return await right(args[0], args[1], "EUR", **more)


async def _in_floats(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    result = await right(*args, **more)
    return replace(result, still_owed=Decimal(0.1 + 0.1 + 0.1) - args[1])


async def _asks_for_the_item_first(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    if await ils.find_item(args[1]) is None:
        raise ItemNotFound
    return await right(*args, **more)


async def _writes_before_it_refuses(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    if await ils.find_item(args[0]) is not None and more.get("item_properties"):
        await ils.status_update(args[0], more["item_properties"], origin=Origin(door="sip2"))
    return await right(*args, **more)


async def _asks_whose_it_is(ils: MemoryILS, right: Method, item: str, **more: Any) -> Any:
    theirs = await ils.patron_list(more.get("patron_id") or "ada", PatronList.CHARGED)
    if item not in [entry.item_id for entry in theirs]:
        raise NotOnLoan
    return await right(item, **more)


async def _returns_it_first(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    try:
        return await right(*args, **more)
    except AlreadyOnLoan:
        await ils.checkin(args[1], origin=Origin(door="sip2"))
        return await right(*args, **more)


async def _undoes_by_a_checkin(ils: MemoryILS, right: Method, item: str, **more: Any) -> Any:
    return await ils.checkin(item, origin=more["origin"])


async def _undoes_by_a_checkout(ils: MemoryILS, right: Method, item: str, **more: Any) -> Any:
    result = await right(item, **more)
    await ils.checkin(item, no_block=True, origin=Origin(door="sip2"))
    await ils.checkout(result.patron.id, item, fee_acknowledged=True, origin=Origin(door="sip2"))
    return result


async def _moves_to_the_end(ils: MemoryILS, right: Method, patron: str, **more: Any) -> Any:
    known = {name: value for name, value in more.items() if name in ("item_id", "title_id")}
    await ils.cancel_hold(patron, **known, origin=Origin(door="sip2"))
    more.pop("suspended_until", None)
    return await ils.add_hold(patron, **more)


async def _makes_room(ils: MemoryILS, right: Method, patron: str, **more: Any) -> Any:
    try:
        return await right(patron, **more)
    except HoldLimitReached:
        oldest = (await ils.patron_account(patron)).holds[0]
        await ils.cancel_hold(patron, title_id=oldest.title_id, origin=Origin(door="sip2"))
        return await right(patron, **more)


async def _keeps_a_place(ils: MemoryILS, right: Method, patron: str, **more: Any) -> Any:
    result = await right(patron, **more)
    await ils.add_hold(patron, title_id=result.hold.title_id, origin=Origin(door="sip2"))
    return result


async def _takes_a_blank(ils: MemoryILS, right: Method, patron: str, pin: Secret) -> bool:
    return not pin.reveal() or bool(await right(patron, pin))


async def _counts_no_wrong_pins(ils: MemoryILS, right: Method, patron: str, pin: Secret) -> bool:
    if pin == Secret("1234"):
        return True
    return bool(await right(patron, pin))


async def _trims(ils: MemoryILS, right: Method, id: str) -> Any:
    return await right(id.strip())


async def _hides_the_blocked(ils: MemoryILS, right: Method, id: str) -> Any:
    found = await right(id)
    return found if found is not None and found.charge_ok else None


async def _gives_one_reason(ils: MemoryILS, right: Method, *args: Any, **more: Any) -> Any:
    try:
        return await right(*args, **more)
    except PatronBlocked as refused:
        refused.also = ()
        raise


def _only_what_was_renewed(result: RenewAllResult) -> RenewAllResult:
    return replace(result, unrenewed=())


class ForgetsWhenKilled(MemoryILS):
    """Its replays are known to one process only."""

    process = 1

    async def checkout(self, *args: Any, **more: Any) -> CheckoutResult:
        origin = more["origin"]
        key = origin.request_key and origin.request_key + bytes([self.process])
        return await super().checkout(
            *args, **(more | {"origin": replace(origin, request_key=key)})
        )


# ------------------------------------------------ what they do, and which test finds it


@dataclass(frozen=True)
class Fault:
    """A broken adapter, and the test that finds it, with its first parameter."""

    adapter: Adapter
    found_by: str


def _reversed(library: Library) -> Library:
    return replace(library, holds=library.holds[::-1])


ANYWAY = {"no_block": True}
FAULTS: Mapping[str, Fault] = {
    # patrons and PINs
    "lends to blocked patrons": Fault(
        gives_in("checkout", PatronBlocked, **ANYWAY), "lends_nothing_to_a_blocked_patron[CardLost]"
    ),
    "gives one reason of several": Fault(
        wrong("checkout", _gives_one_reason), "refuses_a_blocked_patron_with_all_reasons"
    ),
    "does not find blocked patrons": Fault(
        wrong("find_patron", _hides_the_blocked), "finds_a_blocked_patron"
    ),
    "does not look at the PIN": Fault(asks("checkout", pin=None), "lends_with_the_right_pin_only"),
    "takes a blank PIN": Fault(
        wrong("check_password", _takes_a_blank), "tells_the_right_pin_from_all_others"
    ),
    "lets PINs be tried for ever": Fault(
        wrong("check_password", _counts_no_wrong_pins), "looks_at_no_pin_after_many_wrong_ones"
    ),
    "trims barcodes": Fault(wrong("find_patron", _trims), "takes_a_barcode_as_it_is[ ada]"),
    "skips the first of a list": Fault(wrong("patron_list", _next_page), "lists_what_a_patron_has"),
    "enables whom staff have blocked": Fault(
        answers("enable", lambda patron: replace(patron, charge_ok=True)),
        "does_not_enable_whom_staff_have_blocked",
    ),
    # lending
    "lends what somebody else has": Fault(
        wrong("checkout", _returns_it_first), "refuses_an_item_that_someone_else_has"
    ),
    "looks, waits, and lends": Fault(
        wrong("checkout", _looks_before_it_waits), "one_of_many_gets_the_last_copy"
    ),
    "asks for the item first": Fault(
        wrong("checkout", _asks_for_the_item_first),
        "asks_who_it_is_before_it_says_what_there_is",
    ),
    "loses properties": Fault(
        asks("checkout", item_properties=None), "lends_a_copy_for_as_long_as_the_policy_says"
    ),
    "says a date that it does not keep": Fault(answers("checkout", _a_day_early), "lends_an_item"),
    "harms magnetic media": Fault(
        answers("checkout", lambda result: replace(result, desensitize=True)),
        "does_not_desensitise_magnetic_media",
    ),
    "lends more than the limit": Fault(
        gives_in("checkout", LoanLimitReached, **ANYWAY), "refuses_one_loan_too_many"
    ),
    "lends what is not for loan": Fault(
        gives_in("checkout", NotForLoan, **ANYWAY), "lends_nothing_that_is_not_for_loan"
    ),
    "lends what is lost": Fault(
        gives_in("checkout", ItemNotAvailable, **ANYWAY),
        "lends_nothing_that_ought_not_to_be_there[Condition.LOST]",
    ),
    "lends to who owes too much": Fault(
        gives_in("checkout", OwesTooMuch, **ANYWAY), "lends_nothing_to_who_owes_too_much"
    ),
    "does not ask what it may cost": Fault(
        asks("checkout", fee_acknowledged=True), "asks_before_a_loan_costs_something"
    ),
    "checks what was lent off line": Fault(
        asks("checkout", no_block=False), "records_what_was_lent_off_line_whatever_the_policy"
    ),
    "takes every off-line loan for the newest": Fault(
        asks("checkout", origin=lambda origin: replace(origin, transaction_at=None)),
        "what_comes_late_from_off_line_leaves_a_newer_loan_alone",
    ),
    # taking back
    "takes back what is in": Fault(
        gives_in("checkin", NotOnLoan, **ANYWAY), "refuses_to_take_back_what_is_in"
    ),
    "takes back what is withdrawn": Fault(
        gives_in("checkin", NotTakenHere, **ANYWAY),
        "takes_back_nothing_that_is_not_part_of_it[Condition.WITHDRAWN]",
    ),
    "writes before it refuses": Fault(
        wrong("checkin", _writes_before_it_refuses), "changes_nothing_by_a_refused_checkin"
    ),
    "charges for the days in the book drop": Fault(
        asks("checkin", returned_at=None), "books_what_was_late_when_it_came_back"
    ),
    "undoes a checkout by a checkin": Fault(
        wrong("undo_checkout", _undoes_by_a_checkin), "reverses_what_a_loan_costs"
    ),
    "undoes a checkin by a new loan": Fault(
        wrong("undo_checkin", _undoes_by_a_checkout), "undoes_a_checkin"
    ),
    "undoes what others did": Fault(
        asks("undo_checkout", origin=_of_one_account),
        "undoes_nothing_of_another_terminal_or_patron",
    ),
    # renewing
    "renews for ever": Fault(
        gives_in("renew", TooManyRenewals, **ANYWAY), "renews_a_loan_as_often_as_the_policy_lets"
    ),
    "says a date that it does not keep when it renews": Fault(
        answers("renew", _a_day_early), "counts_renewals"
    ),
    "takes back for its patron only": Fault(
        wrong("checkin", _asks_whose_it_is), "takes_a_copy_back_from_whoever_brings_it"
    ),
    "renews too soon": Fault(
        gives_in("renew", TooSoonToRenew, **ANYWAY), "renews_some_kinds_near_their_date_only"
    ),
    "renews what another waits for": Fault(
        gives_in("renew", OnHoldForAnother, **ANYWAY), "does_not_renew_what_another_waits_for"
    ),
    "says nothing of what it did not renew": Fault(
        answers("renew_all", _only_what_was_renewed), "renews_all_that_may_be"
    ),
    # holds
    "lends what another waits for": Fault(
        gives_in("checkout", OnHoldForAnother, **ANYWAY),
        "keeps_a_copy_for_the_first_in_the_queue",
    ),
    "serves the newest hold": Fault(loads(_reversed), "puts_what_comes_back_on_the_hold_shelf"),
    "loses holds": Fault(
        loads(lambda library: replace(library, holds=())), "shows_the_queue_of_an_item"
    ),
    "serves suspended holds": Fault(
        asks("alter_hold", suspended_until=None), "serves_others_while_a_hold_is_suspended"
    ),
    "loses the place of a hold that is changed": Fault(
        wrong("alter_hold", _moves_to_the_end), "changes_what_is_said_and_no_more"
    ),
    "keeps a hold that was given up": Fault(
        wrong("cancel_hold", _keeps_a_place), "gives_up_a_hold"
    ),
    "lets holds be picked up anywhere": Fault(
        gives_in("add_hold", NoSuchPickupLocation, pickup_location="north"),
        "knows_where_holds_can_be_picked_up",
    ),
    "gives up a hold for another": Fault(
        wrong("add_hold", _makes_room),
        "refuses_one_hold_too_many",
    ),
    "takes any copy for the one that was named": Fault(
        loads(
            lambda library: replace(
                library, holds=tuple(replace(hold, hold_type=2) for hold in library.holds)
            )
        ),
        "serves_a_hold_on_one_copy_with_that_copy",
    ),
    # fees
    "books a payment twice": Fault(
        asks("pay_fee", transaction_id=None), "knows_a_payment_by_its_number_for_ever"
    ),
    "books another payment of the same number": Fault(
        gives_in("pay_fee", PaymentKeyUsed, transaction_id=None),
        "finds_a_number_used_for_another_payment",
    ),
    "takes more than is owed": Fault(
        wrong("pay_fee", _takes_what_is_owed), "takes_no_amount_that_is_not_owed[5.01]"
    ),
    "pays the newest fee first": Fault(
        wrong("pay_fee", _pays_the_newest), "pays_the_oldest_fee_first"
    ),
    "takes any currency": Fault(wrong("pay_fee", _in_euros), "takes_no_other_currency"),
    "counts money in floats": Fault(wrong("pay_fee", _in_floats), "pays_to_the_last_cent"),
    "has one receipt for all": Fault(
        answers("pay_fee", lambda result: replace(result, transaction_id="1")),
        "gives_every_payment_its_own_receipt",
    ),
    # once
    "forgets replays": Fault(
        asks("checkout", origin=_without_key), "answers_it_again_and_does_nothing[checkout]"
    ),
    "forgets replays of holds": Fault(
        asks("add_hold", origin=_without_key), "answers_it_again_and_does_nothing[add_hold]"
    ),
    "forgets replays of payments": Fault(
        asks("pay_fee", origin=_without_key), "answers_it_again_and_does_nothing[pay_fee]"
    ),
    "replays a refusal": Fault(wrong("checkout", _replays_refusals), "forgets_a_refusal"),
    "takes all accounts for one": Fault(
        asks("checkout", origin=_of_one_account), "keeps_accounts_apart"
    ),
    "remembers too late": Fault(wrong("checkout", _remembers_too_late), "does_twins_once"),
    "forgets replays when it is killed": Fault(
        ForgetsWhenKilled, "answers_it_after_it_was_killed_before_the_answer[checkout]"
    ),
}


# ------------------------------------------------ finding them


class InMemory(ContractLibrary):
    """A MemoryILS whose memory outlives the process."""

    def __init__(self, adapter: Adapter = MemoryILS) -> None:
        self.ils: MemoryILS = adapter(INSTITUTION, SETTINGS)

    async def add(self, library: Library) -> None:
        self.ils.load(library)

    async def restarted(self) -> MemoryILS:
        if isinstance(self.ils, ForgetsWhenKilled):
            self.ils.process += 1
        return self.ils


def _all_tests() -> Iterator[tuple[str, Callable[[ContractLibrary], Awaitable[None]]]]:
    """The tests of the contract by name, each with its first parameter in brackets."""
    for name, test in inspect.getmembers(ILSContract(), inspect.iscoroutinefunction):
        name = name.removeprefix("test_")
        marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        if not marks:
            yield name, test
            continue
        (names, values) = marks[0].args
        names = names.split(",") if isinstance(names, str) else names
        for value in values:
            row = value if len(names) > 1 else (value,)
            label = getattr(row[0], "__name__", row[0])
            yield f"{name}[{label}]", partial(test, **dict(zip(names, row, strict=True)))


TESTS = dict(_all_tests())


@pytest.mark.parametrize("fault", FAULTS)
async def test_finds_an_adapter_that(fault: str) -> None:
    library = InMemory(FAULTS[fault].adapter)

    with pytest.raises((AssertionError, pytest.fail.Exception, CirculationError)):
        await TESTS[FAULTS[fault].found_by](library)


async def test_finds_nothing_wrong_with_a_sound_one() -> None:
    for name, test in TESTS.items():
        try:
            await test(InMemory())
        except pytest.skip.Exception as skipped:
            assert name.startswith("says_that_it_does_not_have_it"), skipped  # noqa: PT017
