"""The embedded ILS does what a model of it does, step by step, whatever is asked in which order.

The model is MemoryILS, which was written from the port's promises alone. Both get the same calls
at the same times; their answers, refusals and records have to be equal. At the end of each story
the database is looked through for what must never be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from bibliobus.database import Database, Transaction, Verifier, open_database
from bibliobus.embedded import EmbeddedILS, invariants, load_institution, load_library
from bibliobus.ils import ILS, HoldType, Origin, PatronList, Refused, Secret, Unavailable
from bibliobus.ils.library import (
    Calendar,
    Condition,
    HoldPolicy,
    InstitutionSettings,
    ItemEntry,
    Library,
    LoanPolicy,
    PatronEntry,
    PatronLimits,
)
from bibliobus.ils.records import Record
from bibliobus.testing import MemoryILS
from tests.support import QUICK

BEGINNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday

SETTINGS = InstitutionSettings(
    name="The Model",
    time_zone="Europe/Paris",
    overpayment="credit",
    status_update_ok=True,
    loans=LoanPolicy(
        loan_days=7, loan_limit=3, renewals=2, replacement_fee=Decimal(20),
        overdue_fee=Decimal("0.20"), overdue_fee_limit=Decimal(2),
    ),
    loan_rules=(
        {"item_type": "dvd", "loan_days": 2, "loan_limit": 1, "rental_fee": Decimal(1),
         "hold_fee": Decimal("0.50")},
        {"patron_class": "child", "loan_limit": 2, "overdue_fee": Decimal(0)},
        {"item_type": "reference", "lent": False},
        {"item_type": "room", "in_library": True, "grace_days": 1},
    ),
    limits=PatronLimits(fee_limit=Decimal(5), hold_limit=2, overdue_limit=2, lost_limit=1),
    calendar=Calendar(closed_weekdays=(7,)),
    holds=HoldPolicy(expire_days=20, shelf_days=3),
    branches={"North": ("north stacks",), "South": ("south stacks", "south desk")},
    sort_bins=("*:destination:ne:$permanent_location:9", "North:item_type:=:dvd:2"),
)  # fmt: skip
PATRONS = {
    "ada": PatronEntry(
        id="ada", name="Ada", pin="1234", home_library="North", patron_class="adult"
    ),
    "ben": PatronEntry(
        id="ben", name="Ben", pin="1234", home_library="South", patron_class="child"
    ),
    "cyd": PatronEntry(id="cyd", name="Cyd", pin="1234"),
    "dan": PatronEntry(id="dan", name="Dan", hold_ok=False, recall_ok=False, expires="2026-04-01"),
}
ITEMS = {
    "m1": ItemEntry(id="m1", title="Middlemarch", permanent_location="north stacks"),
    "m2": ItemEntry(
        id="m2", title="Middlemarch", permanent_location="south stacks", price=Decimal(7)
    ),
    "d1": ItemEntry(id="d1", title="Ran", item_type="dvd", permanent_location="north stacks"),
    "d2": ItemEntry(id="d2", title="Kes", item_type="dvd", magnetic=True),
    "r1": ItemEntry(id="r1", title="Atlas", item_type="reference"),
    "w1": ItemEntry(id="w1", title="Score", item_type="room", permanent_location="South"),
}  # fmt: skip
LOCATIONS = (None, "North", "South", "south desk", "nowhere")

# A few meet often, so that stories go deep; the first are the simplest.
patrons = st.sampled_from(("ada", "ben", "cyd", "ada", "ben", "dan", "nobody"))
items = st.sampled_from(("m1", "m2", "d1", "m1", "m1", "m2", "d2", "r1", "w1", "nothing"))
titles = st.sampled_from(("Middlemarch", "Middlemarch", "Ran", "Kes", "Score", "no title"))
places = st.sampled_from(LOCATIONS)
accounts = st.sampled_from(("kiosk", "kiosk", "kiosk", "desk"))
mostly = st.sampled_from((True, True, True, False))
pins = st.sampled_from((*[None] * 8, *map(Secret, ("1234", "1234", "0", ""))))
properties = st.sampled_from((None, None, None, "", "torn"))
ago = st.sampled_from((0, 1, 30, 200, 2000)).map(lambda hours: timedelta(hours=hours))


class Differ(AssertionError):
    """The two have not answered alike."""


class Story(RuleBasedStateMachine):
    """One library, twice: in memory and, as an institution of its own, in a database."""

    database: Database
    verifier: Verifier
    pin_hash: str
    loop: asyncio.AbstractEventLoop
    told: Iterator[int]  # one number for each story

    @initialize()
    def open(self) -> None:
        self.now = BEGINNING
        self.requests = 0
        self.last_item = "m1"
        self.last_call: tuple[str, tuple[Any, ...], dict[str, Any]] | None = None
        self.institution = f"story {next(self.told)}"
        document = Library(
            institutions={self.institution: SETTINGS},
            patrons=tuple(PATRONS.values()),
            items=tuple(ITEMS.values()),
        )
        self.model = MemoryILS(self.institution, SETTINGS, lambda: self.now)
        self.model.load(document)
        self.embedded = EmbeddedILS(
            self.institution, SETTINGS, self.database, self.verifier, lambda: self.now
        )

        def fill(tx: Transaction) -> None:
            load_institution(tx, self.institution, SETTINGS)
            hashes: dict[tuple[str | None, str], str] = {
                (None, each.id): self.pin_hash for each in PATRONS.values() if each.pin
            }
            load_library(tx, document, hashes, self.now)

        self.loop.run_until_complete(self.database.write(fill, self.institution))

    def teardown(self) -> None:
        if not hasattr(self, "institution"):
            return
        self.all_is_equal()
        assert self.loop.run_until_complete(self._breaches()) == []

    async def _breaches(self) -> list[str]:
        return await self.database.read(lambda tx: list(invariants.breaches(tx)), self.institution)

    # ------------------------------------------------ what can be asked

    @rule(
        patron=patrons,
        item=items,
        renewal=mostly,
        fee=mostly,
        place=places,
        account=accounts,
        repeat=st.booleans(),
        pin=pins,
        properties=properties,
    )
    def checkout(
        self,
        patron: str,
        item: str,
        renewal: bool,
        fee: bool,
        place: str | None,
        account: str,
        repeat: bool,
        pin: Secret | None,
        properties: str | None,
    ) -> None:
        self._both(
            "checkout",
            patron,
            item,
            renewal_allowed=renewal,
            fee_acknowledged=fee,
            pin=pin,
            item_properties=properties,
            origin=self._origin(account, place, repeat=repeat),
        )

    @rule(patron=patrons, item=items, ago=ago, due=st.sampled_from((None, -50, 100)))
    def checkout_off_line(self, patron: str, item: str, ago: timedelta, due: int | None) -> None:
        due_at = None if due is None else self.now + timedelta(hours=due)
        self._both(
            "checkout",
            patron,
            item,
            no_block=True,
            no_block_due_at=due_at,
            origin=self._origin(ago=ago),
        )

    @rule(
        item=items,
        place=places,
        ago=ago,
        account=accounts,
        repeat=st.booleans(),
        properties=properties,
        capture=mostly,
    )
    def checkin(
        self,
        item: str,
        place: str | None,
        ago: timedelta,
        account: str,
        repeat: bool,
        properties: str | None,
        capture: bool,
    ) -> None:
        self._both(
            "checkin",
            item,
            returned_at=self.now - ago,
            capture_holds=capture,
            item_properties=properties,
            origin=self._origin(account, place, repeat=repeat),
        )

    @rule(item=items, place=places, ago=ago)
    def checkin_off_line(self, item: str, place: str | None, ago: timedelta) -> None:
        self._both(
            "checkin", item, no_block=True, current_location=place, origin=self._origin(ago=ago)
        )

    @rule(
        patron=patrons,
        item=items,
        third_party=st.booleans(),
        fee=mostly,
        pin=pins,
        properties=properties,
    )
    def renew(
        self,
        patron: str,
        item: str,
        third_party: bool,
        fee: bool,
        pin: Secret | None,
        properties: str | None,
    ) -> None:
        self._both(
            "renew",
            patron,
            item_id=item,
            third_party=third_party,
            fee_acknowledged=fee,
            pin=pin,
            item_properties=properties,
            origin=self._origin(),
        )

    @rule(patron=patrons, item=items, ago=ago, due=st.sampled_from((None, -50, 100)))
    def renew_off_line(self, patron: str, item: str, ago: timedelta, due: int | None) -> None:
        due_at = None if due is None else self.now + timedelta(hours=due)
        origin = self._origin(ago=ago)
        self._both(
            "renew", patron, item_id=item, no_block=True, no_block_due_at=due_at, origin=origin
        )

    @rule(patron=patrons, title=titles)
    def renew_by_title(self, patron: str, title: str) -> None:
        self._both("renew", patron, title_id=title, fee_acknowledged=True, origin=self._origin())

    @rule(patron=patrons, fee=mostly)
    def renew_all(self, patron: str, fee: bool) -> None:
        self._both("renew_all", patron, fee_acknowledged=fee, origin=self._origin())

    @rule(patron=st.sampled_from((None, None, *PATRONS)), account=accounts)
    def undo_checkout(self, patron: str | None, account: str) -> None:
        origin = self._origin(account)
        self._both("undo_checkout", self.last_item, patron_id=patron, origin=origin)

    @rule(patron=st.sampled_from((None, None, *PATRONS)), account=accounts)
    def undo_checkin(self, patron: str | None, account: str) -> None:
        origin = self._origin(account)
        self._both("undo_checkin", self.last_item, patron_id=patron, origin=origin)

    @rule(
        patron=patrons,
        item=items,
        kind=st.sampled_from(HoldType),
        place=places,
        fee=mostly,
        days=st.sampled_from((None, 1, 5)),
    )
    def hold_item(
        self, patron: str, item: str, kind: HoldType, place: str | None, fee: bool, days: int | None
    ) -> None:
        expires_at = None if days is None else self.now + timedelta(days=days)
        self._both(
            "add_hold",
            patron,
            item_id=item,
            hold_type=kind,
            pickup_location=place,
            expires_at=expires_at,
            fee_acknowledged=fee,
            origin=self._origin(place="North"),
        )

    @rule(patron=patrons, title=titles)
    def hold_title(self, patron: str, title: str) -> None:
        self._both(
            "add_hold",
            patron,
            title_id=title,
            fee_acknowledged=True,
            origin=self._origin(place="South"),
        )

    @rule(
        patron=patrons,
        item=items,
        kind=st.sampled_from((None, *HoldType)),
        place=places,
        days=st.sampled_from((None, -1, 2)),
    )
    def alter_hold(
        self, patron: str, item: str, kind: HoldType | None, place: str | None, days: int | None
    ) -> None:
        until = None if days is None else self.now + timedelta(days=days)
        self._both(
            "alter_hold",
            patron,
            item_id=item,
            hold_type=kind,
            pickup_location=place,
            suspended_until=until,
            origin=self._origin(),
        )

    @rule(patron=patrons, title=titles)
    def cancel_hold(self, patron: str, title: str) -> None:
        self._both("cancel_hold", patron, title_id=title, origin=self._origin())

    @rule(
        patron=patrons,
        cents=st.integers(-1, 900),
        device=st.sampled_from((None, "T1", "T2")),
        kind=st.sampled_from((0, 2, 6, 77)),
        credit=mostly,
    )
    def pay(self, patron: str, cents: int, device: str | None, kind: int, credit: bool) -> None:
        self._both(
            "pay_fee",
            patron,
            Decimal(cents).scaleb(-2),
            "EUR",
            payment_type=kind,
            transaction_id=device,
            credit_ok=credit,
            origin=self._origin(),
        )

    @rule(patron=patrons, which=st.integers(0, 2), cents=st.integers(1, 300))
    def pay_one_fee(self, patron: str, which: int, cents: int) -> None:
        if patron not in PATRONS:
            return
        ids = []
        for ils in self.both:
            fees = self.loop.run_until_complete(ils.patron_account(patron)).fees
            ids.append(fees[which].id if which < len(fees) else "none")
        self._both_with(
            lambda ils, id: ils.pay_fee(
                patron,
                Decimal(cents).scaleb(-2),
                "",
                payment_type=0,
                fee_id=id,
                origin=self._origin(),
            ),
            ids,
        )

    @rule(item=items, condition=st.sampled_from((None, *Condition)))
    def mark(self, item: str, condition: Condition | None) -> None:
        self._both("mark", item, condition, origin=self._origin())

    @rule(patron=patrons, blocked=st.booleans())
    def block(self, patron: str, blocked: bool) -> None:
        if blocked:
            self._both("block", patron, card_retained=False, message="", origin=self._origin())
        else:
            self._both("enable", patron, origin=self._origin())

    @rule(item=items, properties=st.sampled_from(("", "torn")))
    def note(self, item: str, properties: str) -> None:
        self._both("status_update", item, properties, origin=self._origin())

    @rule(item=items, patron=patrons)
    def look(self, item: str, patron: str) -> None:
        self._both("find_item", item)
        self._both("find_patron", patron)
        self._both("patron_account", patron)

    @rule(patron=st.sampled_from(("ada", "ben")), pin=st.sampled_from(("1234", "1234", "0")))
    def prove(self, patron: str, pin: str) -> None:
        self._both("check_password", patron, Secret(pin))

    @rule()
    def ask_again(self) -> None:
        if self.last_call is not None:
            method, args, more = self.last_call
            self._both(method, *args, **more)

    @rule(hours=st.sampled_from((1, 8, 24, 72, 200)))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def sweep(self) -> None:
        for ils in (self.model, self.embedded):
            self.loop.run_until_complete(ils.sweep())

    # ------------------------------------------------ what has to be equal

    @rule()
    def all_is_equal(self) -> None:
        self._compare("what is there", [_everything(ils) for ils in self.both])

    @rule(
        patron=patrons,
        kind=st.sampled_from(PatronList),
        start=st.integers(0, 3),
        end=st.sampled_from((None, 0, 1, 9)),
    )
    def list_something(self, patron: str, kind: PatronList, start: int, end: int | None) -> None:
        self._both("patron_list", patron, kind, start, end)

    @rule(item=items, patron=patrons)
    def ask_of_an_item(self, item: str, patron: str) -> None:
        self._both("hold_queue", item)
        self._both("hold_queue_position", item, patron)
        self._both("available", item, patron)

    def _origin(
        self,
        account: str = "kiosk",
        place: str | None = "North",
        *,
        ago: timedelta = timedelta(0),
        repeat: bool = False,
    ) -> Origin:
        self.requests += 1
        return Origin(
            door="sip2",
            account=account,
            location=place,
            transaction_at=self.now - ago,
            connection=f"{account} {repeat}",
            request_key=str(self.requests).encode(),
        )

    def _both(self, method: str, *args: Any, **more: Any) -> None:
        self.now += timedelta(seconds=10)
        if "origin" in more and method != "mark":  # which is no call of the port
            self.last_call = method, args, more
        for named in (*args, more.get("item_id")):
            self.last_item = named if isinstance(named, str) and named in ITEMS else self.last_item
        calls = [getattr(ils, method)(*args, **more) for ils in self.both]
        self._compare(f"{method}{args}{more}", calls)

    @property
    def both(self) -> tuple[ILS, ILS]:
        """The model, and what has to be like it."""
        return self.model, self.embedded

    def _both_with(self, call: Callable[[ILS, Any], Awaitable[Record]], args: list[Any]) -> None:
        self.now += timedelta(seconds=10)
        calls = [call(ils, arg) for ils, arg in zip(self.both, args, strict=True)]
        self._compare("pay_fee", calls)

    def _compare(self, what: str, calls: Sequence[Awaitable[object]]) -> None:
        left, right = self.loop.run_until_complete(_outcomes(calls))
        ours, theirs = _shown(left), _shown(right)
        if ours != theirs:
            raise Differ(f"{what}\n" + "\n".join(_differences("", ours, theirs)))


async def _everything(ils: ILS) -> list[object]:
    """All that can be read of patrons and items."""
    items, patrons = list(ITEMS), list(PATRONS)
    return list(
        await asyncio.gather(
            *(ils.find_item(each) for each in items),
            *(ils.find_patron(each) for each in patrons),
            *(ils.patron_account(each) for each in patrons),
        )
    )


async def _outcomes(calls: Sequence[Awaitable[object]]) -> list[object]:
    return [await _outcome(call) for call in calls]


async def _outcome(call: Awaitable[object]) -> object:
    try:
        return await call
    except Refused as refused:
        also = [each.reason for each in refused.also]
        return refused.reason, str(refused), refused.fee, also
    except Unavailable as fault:
        return f"{fault!r}: {fault.__cause__!r}"


def _differences(where: str, ours: object, theirs: object) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        for name in ours:
            yield from _differences(f"{where}.{name}", ours[name], theirs[name])
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for n, pair in enumerate(zip(ours, theirs, strict=True)):
            yield from _differences(f"{where}[{n}]", *pair)
    elif ours != theirs:
        yield f"{where or 'it'} is {ours} in the model, and {theirs} in the database"


OWN = frozenset({"id", "internal_id", "title_key", "transaction_id", "fee_id"})


def _shown(outcome: object) -> object:
    """What came of a call, without the names that each ILS gives to things by itself."""
    return _without_names(msgspec.to_builtins(outcome, builtin_types=(datetime, Decimal)))


def _without_names(value: object) -> object:
    if isinstance(value, dict):
        return {
            k: _without_names(v)
            for k, v in value.items()
            if k not in OWN or v in (*ITEMS, *PATRONS)
        }
    if isinstance(value, list | tuple):
        return [_without_names(each) for each in value]
    return value


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(4))
def test_the_embedded_ils_is_as_its_model(
    database_url: str, size: Callable[[int, int], int], part: int
) -> None:
    is_quick = database_url.startswith("sqlite")  # PostgreSQL takes three times as long
    stories = size(125 if is_quick else 60, 250)
    database, verifier, told = open_database(database_url), Verifier(hasher=QUICK), count()
    with asyncio.Runner() as runner:
        runner.run(database.open())

        class OneStory(Story):
            """In this database."""

        OneStory.database, OneStory.verifier = database, verifier
        OneStory.pin_hash = runner.run(verifier.hash(Secret("1234")))
        OneStory.loop, OneStory.told = runner.get_loop(), told
        run_state_machine_as_test(
            OneStory,
            settings=settings(
                max_examples=stories,
                stateful_step_count=50,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
        runner.run(database.close())
    verifier.close()
