"""Things that touch the same money, or the same queue, at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import psycopg
import pytest

from bibliobus.app import App, breaches, opened
from bibliobus.config import Config, DatabaseConfig
from bibliobus.embedded import EmbeddedILS
from bibliobus.ils import CheckinResult, Origin, PaymentKeyUsed, PaymentNotDue, Refused
from bibliobus.ils.library import Condition, InstitutionSettings, LoanPolicy
from tests.support import Library

SETTINGS = InstitutionSettings(
    name="Races", loans=LoanPolicy(rental_fee=Decimal(1), replacement_fee=Decimal(10))
)
KIOSK = Origin(door="sip2", account="kiosk")
ROUNDS = 6


@pytest.fixture
async def apps(database_url: str) -> AsyncIterator[tuple[App, App]]:
    """Two servers on one PostgreSQL database; one, twice, on SQLite."""
    config = Config(database=DatabaseConfig(url=database_url), institutions={"MAIN": SETTINGS})
    async with opened(config) as one:
        if database_url.startswith("sqlite"):
            yield one, one
            return
        async with opened(config) as other:
            yield one, other


@pytest.fixture
def library(apps: tuple[App, App]) -> Library:
    return Library(apps[0], SETTINGS)


@pytest.fixture
def here(apps: tuple[App, App]) -> EmbeddedILS:
    return apps[0].embedded["MAIN"]


@pytest.fixture
def there(apps: tuple[App, App]) -> EmbeddedILS:
    return apps[1].embedded["MAIN"]


async def test_a_payment_and_what_takes_its_fee_back(
    library: Library, here: EmbeddedILS, there: EmbeddedILS
) -> None:
    for n in range(ROUNDS):
        patron, item = await library.patron(f"p{n}"), await library.item(f"i{n}")
        await here.checkout(patron, item, fee_acknowledged=True, origin=KIOSK)
        await here.pay_fee(patron, Decimal(1), "", payment_type=0, origin=KIOSK)
        await here.mark(item, Condition.LOST, origin=KIOSK)

        paid, taken = await asyncio.gather(
            there.pay_fee(patron, Decimal(10), "", payment_type=0, origin=KIOSK),
            here.checkin(item, origin=KIOSK),
            return_exceptions=True,
        )

        assert not isinstance(paid, Exception) or isinstance(paid, PaymentNotDue)
        assert isinstance(taken, CheckinResult)
    assert await breaches(library.app) == []


async def test_credit_is_spent_once(
    library: Library, here: EmbeddedILS, there: EmbeddedILS
) -> None:
    for n in range(ROUNDS):
        patron = await library.patron(f"p{n}")
        first, second = await library.item(f"a{n}"), await library.item(f"b{n}")
        for item in (first, second):
            await here.checkout(patron, item, fee_acknowledged=True, origin=KIOSK)
            await here.mark(item, Condition.LOST, origin=KIOSK)
        await here.pay_fee(patron, Decimal(22), "", payment_type=0, origin=KIOSK)

        await asyncio.gather(
            here.checkin(first, origin=KIOSK),
            there.checkin(second, origin=KIOSK),
        )
        found = await here.find_patron(patron)
        assert found is not None
        assert found.fee_amount == 0
    assert await breaches(library.app) == []


async def test_all_books_come_back_while_all_are_renewed(
    library: Library, here: EmbeddedILS, there: EmbeddedILS
) -> None:
    patron = await library.patron("ada")
    items = [await library.item(f"i{n}", title=f"Title {n % 2}") for n in range(6)]
    for item in items:
        await here.checkout(patron, item, fee_acknowledged=True, origin=KIOSK)

    outcomes = await asyncio.gather(
        there.renew_all(patron, fee_acknowledged=True, origin=KIOSK),
        *(here.checkin(item, origin=KIOSK) for item in reversed(items)),
        return_exceptions=True,
    )

    assert [each for each in outcomes if isinstance(each, Exception)] == []
    assert await breaches(library.app) == []


@pytest.mark.parametrize("number", ["T", "T\0", "T\udce9"])  # whatever a device takes for one
async def test_one_payment_number_for_two_patrons(
    library: Library, here: EmbeddedILS, there: EmbeddedILS, number: str
) -> None:
    for n in range(ROUNDS):
        patrons = [await library.patron(f"a{n}"), await library.patron(f"b{n}")]
        for k, patron in enumerate(patrons):
            item = await library.item(f"i{n}-{k}")
            await here.checkout(patron, item, fee_acknowledged=True, origin=KIOSK)

        outcomes = await asyncio.gather(
            *(
                ils.pay_fee(
                    patron,
                    Decimal(1),
                    "",
                    payment_type=0,
                    transaction_id=f"{number}{n}",
                    origin=KIOSK,
                )
                for ils, patron in zip((here, there), patrons, strict=True)
            ),
            return_exceptions=True,
        )

        refused = [each for each in outcomes if isinstance(each, Exception)]
        assert [type(each) for each in refused] == [PaymentKeyUsed]


async def test_undoing_a_checkin_does_not_keep_the_title_while_it_waits_for_the_patron(
    library: Library, here: EmbeddedILS, database_url: str
) -> None:
    if database_url.startswith("sqlite"):
        return  # nobody waits for a row there
    patron, item = await library.patron("ada"), await library.item("i")
    await here.checkout(patron, item, fee_acknowledged=True, origin=KIOSK)
    await here.checkin(item, origin=KIOSK)

    with psycopg.connect(database_url, options="-c search_path=bibliobus") as other:
        other.execute("SELECT 1 FROM patrons FOR NO KEY UPDATE")
        undoing = asyncio.ensure_future(here.undo_checkin(item, origin=KIOSK))
        await asyncio.sleep(0.3)
        other.execute("SELECT 1 FROM titles FOR NO KEY UPDATE NOWAIT")
        assert not undoing.done()

    assert (await undoing).patron.id == patron


async def test_copies_that_come_back_together_go_to_different_patrons(
    library: Library, here: EmbeddedILS, there: EmbeddedILS
) -> None:
    patrons = [await library.patron(f"p{n}") for n in range(8)]
    items = [await library.item(f"i{n}") for n in range(6)]
    for patron in patrons:
        await here.add_hold(patron, title_id="Middlemarch", origin=KIOSK)

    async def quietly(*calls: object) -> None:
        outcomes = await asyncio.gather(*calls, return_exceptions=True)  # type: ignore[call-overload] # coroutines
        assert all(isinstance(o, Refused) for o in outcomes if isinstance(o, Exception)), outcomes

    await quietly(
        *(ils.checkin(i, origin=KIOSK) for i, ils in zip(items, (here, there) * 3, strict=True)),
        here.cancel_hold(patrons[1], title_id="Middlemarch", origin=KIOSK),
        there.cancel_hold(patrons[2], title_id="Middlemarch", origin=KIOSK),
    )

    ready = [p for p in patrons if (await here.patron_account(p)).holds and
             (await here.patron_account(p)).holds[0].ready]  # fmt: skip
    assert len(ready) == 6
    assert await breaches(library.app) == []
