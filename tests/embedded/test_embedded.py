"""What the embedded ILS does beyond the port's promises: expiry by the local day, forgetting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import msgspec
import pytest

from bibliobus.app import App, load, opened
from bibliobus.config import Config, ConfigError, DatabaseConfig
from bibliobus.database import DatabaseError, Transaction, Verifier
from bibliobus.embedded import EmbeddedILS
from bibliobus.embedded.replay import AT_ONCE, prune
from bibliobus.ils import (
    CardExpired,
    LoanLimitReached,
    NotSupported,
    Origin,
    PaymentNotDue,
    Secret,
    Unavailable,
)
from bibliobus.ils.library import FeeEntry, InstitutionSettings, LoanPolicy, PatronEntry
from bibliobus.ils.library import Library as Document
from tests.support import QUICK, SETTINGS, Library

ORIGIN = Origin(door="sip2", account="kiosk", request_key=b"1")


@pytest.fixture
async def verifier() -> AsyncIterator[Verifier]:
    verifier = Verifier(hasher=QUICK)
    yield verifier
    verifier.close()


@pytest.mark.parametrize(
    ("zone", "hour", "lent"),
    [
        ("America/New_York", 25, True),  # nine in the evening of the last day
        ("America/New_York", 29, False),
        ("Asia/Tokyo", 14, True),
        ("Asia/Tokyo", 16, False),  # one in the morning of the next day
    ],
)
async def test_a_card_is_good_to_the_end_of_its_day_where_the_library_stands(
    library: Library, verifier: Verifier, zone: str, hour: int, lent: bool
) -> None:
    await library.patron("ada", expires="2026-03-01")
    await library.item("31000001")
    moment = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour)
    ils = EmbeddedILS(
        "MAIN", InstitutionSettings(time_zone=zone), library.app.database, verifier, lambda: moment
    )

    if lent:
        result = await ils.checkout("ada", "31000001", origin=ORIGIN)
        assert result.due_at > moment
    else:
        with pytest.raises(CardExpired):
            await ils.checkout("ada", "31000001", origin=ORIGIN)


async def test_lends_nothing_if_lending_is_switched_off(
    library: Library, verifier: Verifier
) -> None:
    settings = InstitutionSettings(checkout_ok=False, checkin_ok=False)
    ils = EmbeddedILS("MAIN", settings, library.app.database, verifier)

    with pytest.raises(NotSupported):
        await ils.checkout("ada", "31000001", origin=ORIGIN)
    with pytest.raises(NotSupported):
        await ils.checkin("31000001", origin=ORIGIN)


async def test_forgets_results_after_a_day(library: Library) -> None:
    await library.patron("ada")
    await library.item("31000001")
    await library.ils.checkout("ada", "31000001", origin=ORIGIN)

    def all_of(tx: Transaction) -> int:
        return len(tx.rows("SELECT 1 FROM replays"))

    database, now = library.app.database, datetime.now(UTC)
    assert not await database.write(lambda tx: prune(tx, now + timedelta(hours=23)))
    assert await database.read(all_of) == 1
    assert not await database.write(lambda tx: prune(tx, now + timedelta(hours=25)))
    assert await database.read(all_of) == 0


async def test_forgets_a_little_at_a_time(app: App) -> None:
    def fill(tx: Transaction) -> None:
        for n in range(AT_ONCE + 1):
            tx.run(
                "INSERT INTO replays (institution, account, request_key, at, result)"
                " VALUES ('MAIN', 'x', :key, :n, '')",
                key=b"%d" % n, n=n,
            )  # fmt: skip

    await app.database.write(fill)

    assert await app.database.write(lambda tx: prune(tx, datetime.now(UTC)))
    assert not await app.database.write(lambda tx: prune(tx, datetime.now(UTC)))


async def test_hashes_equal_pins_apart(database_url: str) -> None:
    institutions = {"MAIN": InstitutionSettings()}
    async with opened(
        Config(database=DatabaseConfig(url=database_url), institutions=institutions)
    ) as app:
        library = Library(app)
        await library.patron("ada")
        await library.patron("grace")

        hashes = await app.database.read(lambda tx: tx.rows("SELECT pin_hash FROM patrons"))

    assert len(set(hashes)) == 2


async def test_a_limit_for_a_place_counts_items_of_no_type(
    library: Library, verifier: Verifier
) -> None:
    rules = ({"location": "reading room", "loan_limit": 1},)
    settings = InstitutionSettings(loan_rules=rules)
    ils = EmbeddedILS("MAIN", settings, library.app.database, verifier)
    await library.patron("ada")
    for item in ("a", "b"):
        await library.item(item, permanent_location="reading room")
    await ils.checkout("ada", "a", origin=Origin(door="web"))

    with pytest.raises(LoanLimitReached):
        await ils.checkout("ada", "b", origin=Origin(door="web"))


async def test_says_that_nobody_could_check_a_pin(library: Library) -> None:
    await library.patron("ada")
    busy = Verifier(patience=0.0)
    ils = EmbeddedILS("MAIN", SETTINGS, library.app.database, busy)

    for call in (
        ils.check_password("ada", Secret("1234")),
        ils.end_patron_session("ada", pin=Secret("1234"), origin=ORIGIN),
    ):
        with pytest.raises(Unavailable):
            await call
    busy.close()

    assert await library.ils.check_password("ada", Secret("1234"))  # and nothing was counted


@pytest.mark.parametrize("table", ["ledger_entries", "ledger_postings"])
async def test_the_ledger_only_grows(library: Library, table: str) -> None:
    ada = PatronEntry(id="ada", name="Ada")
    fee = FeeEntry(patron="ada", amount=Decimal(5))
    await library.add(Document(institutions={"MAIN": SETTINGS}, patrons=(ada,), fees=(fee,)))
    database = library.app.database

    for statement in (f"UPDATE {table} SET institution = institution", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError, match="only ever added"):
            await database.write(lambda tx, sql=statement: tx.run(sql))  # type: ignore[misc] # bound here
    kept = await database.read(lambda tx: tx.rows(f"SELECT key FROM {table}"))
    assert kept


async def test_credit_pays_in_its_own_currency(library: Library, verifier: Verifier) -> None:
    settings = InstitutionSettings(overpayment="credit", loans=LoanPolicy(rental_fee=Decimal(3)))
    ils = EmbeddedILS("MAIN", settings, library.app.database, verifier)
    await library.patron("ada")
    for item in ("a", "b"):
        await library.item(item)
    await ils.checkout("ada", "a", fee_acknowledged=True, origin=Origin(door="web"))
    await ils.pay_fee("ada", Decimal(5), "", payment_type=0, origin=Origin(door="web"))
    await library.app.database.write(
        lambda tx: tx.run("UPDATE fees SET currency = 'USD' WHERE outstanding < 0")
    )

    lent = await ils.checkout("ada", "b", fee_acknowledged=True, origin=Origin(door="web"))

    assert lent.patron.fee_amount == Decimal(3)


async def test_nobody_in_particular_is_denied_recalls(library: Library) -> None:
    await library.patron("ada", recall_ok=False)
    await library.patron("ben", card_lost=True)

    ada, ben = await library.ils.find_patron("ada"), await library.ils.find_patron("ben")

    assert ada is not None
    assert ada.recall_ok
    assert ben is not None
    assert not ben.recall_ok


async def test_the_currency_stays_while_somebody_owes_it(database_url: str) -> None:
    config = Config(database=DatabaseConfig(url=database_url), institutions={"MAIN": SETTINGS})
    yen = msgspec.structs.replace(SETTINGS, currency="JPY")
    ada = PatronEntry(id="ada", name="Ada")
    fee = FeeEntry(patron="ada", amount=Decimal(5))
    document = Document(institutions={"MAIN": SETTINGS}, patrons=(ada,), fees=(fee,))
    async with opened(config) as app:
        await load(app, document)
        with pytest.raises(ConfigError, match="while patrons owe EUR"):
            await load(app, Document(institutions={"MAIN": yen}))

    with pytest.raises(ConfigError, match="while patrons owe EUR"):
        async with opened(Config(database=config.database, institutions={"MAIN": yen})):
            pass


async def test_keeps_no_credit_for_a_terminal_that_must_not_take_it(library: Library) -> None:
    settings = InstitutionSettings(overpayment="credit")
    await load(
        library.app,
        Document(
            institutions={"MAIN": settings},
            patrons=(PatronEntry(id="ada", name="Ada"),),
            fees=(FeeEntry(patron="ada", amount=Decimal(2)),),
        ),
    )
    ils = EmbeddedILS("MAIN", settings, library.app.database, library.app.verifier)
    pay = partial(ils.pay_fee, "ada", Decimal(3), "EUR", payment_type=0)

    with pytest.raises(PaymentNotDue):
        await pay(credit_ok=False, origin=Origin(door="sip2"))
    kept = await pay(origin=Origin(door="sip2"))

    assert kept.credit == Decimal(1)
