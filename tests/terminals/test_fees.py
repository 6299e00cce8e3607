"""Money at a terminal: what is owed, what has to be accepted first, and what was paid."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bibliobus.database import Transaction
from bibliobus.embedded.replay import prune
from bibliobus.ils import FeeType
from bibliobus.ils.library import InstitutionSettings, LoanPolicy
from tests.support import Library, Terminal
from tests.terminals.saying import (
    checkout,
    counts,
    information,
    item,
    one,
    pay,
    renew,
    renew_all,
    status,
    told,
)

Connect = Callable[[], Awaitable[Terminal]]

FREE = InstitutionSettings(time_zone="Europe/Paris", terminals={"role": "all"})
FOR_MONEY = InstitutionSettings(
    time_zone="Europe/Paris",
    terminals={"role": "all"},
    loans=LoanPolicy(rental_fee=Decimal("0.50")),
)
WITH_CREDIT = InstitutionSettings(
    time_zone="Europe/Paris", terminals={"role": "all"}, overpayment="credit"
)
IN_YEN = InstitutionSettings(time_zone="Asia/Tokyo", terminals={"role": "all"}, currency="JPY")


@pytest.fixture
def settings() -> InstitutionSettings:
    """A library that lends for nothing. Tests that need another one name it."""
    return FREE


@pytest.fixture
async def ada(library: Library) -> str:
    await library.item("e1", "Emma")
    return await library.patron("ada")


# ------------------------------------------------------------ what costs something


@pytest.mark.parametrize("settings", [FOR_MONEY])
async def test_a_loan_that_costs_something_is_accepted_first(
    library: Library, terminal: Terminal, ada: str
) -> None:
    price = await terminal.send(item("e1"))
    asked = await terminal.send(checkout(ada, "e1"))
    declined = await terminal.send(checkout(ada, "e1", BO="N"))
    lent = await terminal.send(checkout(ada, "e1", BO="Y"))

    assert price.startswith("18030106")
    assert (one(price, "BH"), one(price, "BV")) == ("EUR", "0.50")
    for answer in (asked, declined):
        assert answer.startswith("120NUN")
        assert "AJEmma|AH|BT06|BHEUR|BV0.50|BLY|AFThere is a fee for this.|" in answer
        assert told(answer, "BK") == []
    assert lent.startswith("121NNY")
    assert "|BT06|BHEUR|BV0.50|BK" in lent
    assert await library.owed(ada) == Decimal("0.50")


@pytest.mark.parametrize("settings", [FOR_MONEY])
async def test_so_is_a_renewal(library: Library, terminal: Terminal, ada: str) -> None:
    await library.loan(ada, "e1")

    asked = await terminal.send(renew(ada, AB="e1"))
    renewed = await terminal.send(renew(ada, AB="e1", BO="Y"))

    assert asked.startswith("300NUN")
    assert "AJEmma|AH|BT06|BHEUR|BV0.50|AFThere is a fee for this.|" in asked
    assert renewed.startswith("301YNN")
    assert (one(renewed, "BV"), len(told(renewed, "BK"))) == ("0.50", 1)


@pytest.mark.parametrize("settings", [FOR_MONEY])
async def test_and_the_renewal_of_everything(
    library: Library, terminal: Terminal, ada: str
) -> None:
    await library.loan(ada, "e1")

    asked = await terminal.send(renew_all(ada, AD="1234"))
    renewed = await terminal.send(renew_all(ada, AD="1234", BO="Y"))

    assert asked.startswith("66100000001")
    assert (told(asked, "BN"), told(asked, "AF")) == (["e1"], ["There is a fee for this."])
    assert renewed.startswith("66100010000")
    assert (told(renewed, "BM"), told(renewed, "AF")) == (["e1"], [])


# ------------------------------------------------------------ what is owed


async def test_says_what_is_owed_in_all_and_what_for(
    library: Library, terminal: Terminal, ada: str
) -> None:
    card = await library.fee(ada, "2.00", "A new card")
    book = await library.fee(ada, "10.50", "Water damage", FeeType.DAMAGE, "e1")

    short = await terminal.send(status(ada, AD="1234"))
    long = await terminal.send(information(ada, 3, AD="1234"))

    for answer in (short, long):
        assert (one(answer, "BH"), one(answer, "BV")) == ("EUR", "12.50")
    assert counts(long)[3] == 2
    assert told(long, "AV") == [f"{card} 2.00 other A new card", f"{book} 10.50 damage Emma"]
    assert told(long, "FA") == []


async def test_tells_payment_systems_each_fee_in_full(
    library: Library, terminal: Terminal, ada: str
) -> None:
    card = await library.fee(ada, "2.00", "A new card", FeeType.ADMINISTRATIVE)
    book = await library.fee(ada, "10.50", "Water damage", FeeType.DAMAGE, "e1")
    today = f"{datetime.now(UTC):%d.%m.%Y}"

    answer = await terminal.send(information(ada, 6, AD="1234"))
    second = await terminal.send(information(ada, 6, AD="1234", BP="2", BQ="2"))

    of_card = f"FA2.00|FC{today}|FE02|FFA new card|CG{card}|"
    of_book = f"FA10.50|FBe1|FC{today}|FDEmma|FE03|FFWater damage|CG{book}|"
    assert of_card + of_book in answer
    assert told(answer, "AV") == []
    assert of_card not in second
    assert of_book in second


# ------------------------------------------------------------ what was paid


async def test_pays_the_oldest_fee_first_and_gives_a_receipt(
    library: Library, terminal: Terminal, ada: str
) -> None:
    await library.fee(ada, "2.00")
    await library.fee(ada, "3.00")

    paid = await terminal.send(pay(ada, "2.50", BK="4711", AD="1234"), sequence=1)

    assert paid.startswith("38Y")
    assert "AOMAIN|AAada|BK" in paid
    left = await terminal.send(information(ada, 3, AD="1234"))
    assert (one(left, "BV"), counts(left)[3]) == ("2.50", 1)


async def test_pays_the_fee_that_was_named(library: Library, terminal: Terminal, ada: str) -> None:
    first = await library.fee(ada, "2.00")
    second = await library.fee(ada, "3.00")

    assert (await terminal.send(pay(ada, "3.00", CG=second))).startswith("38Y")
    again = await terminal.send(pay(ada, "1.00", CG=second))
    not_one = await terminal.send(pay(ada, "1.00", CG="nonsense"))

    left = await terminal.send(information(ada, 6, AD="1234"))
    assert told(left, "CG") == [first]
    for answer in (again, not_one):
        assert answer.startswith("38N")
        assert one(answer, "AF") == "You owe no such fee."


@pytest.mark.parametrize(
    ("amount", "currency", "fields", "said"),
    [
        ("2.01", "EUR", {}, "This amount is not owed."),
        ("0.00", "EUR", {}, "This amount is not owed."),
        ("-1.00", "EUR", {}, "This amount is not owed."),
        ("", "EUR", {}, "This amount is not owed."),
        ("one", "EUR", {}, "This amount is not owed."),
        ("NaN", "EUR", {}, "This amount is not owed."),
        ("1.00", "USD", {}, "The library does not take this currency."),
        ("1.00", "EUR", {"AD": "0000"}, "The PIN is not right."),
    ],
)
async def test_takes_nothing_else(
    library: Library,
    terminal: Terminal,
    ada: str,
    amount: str,
    currency: str,
    fields: dict[str, str],
    said: str,
) -> None:
    await library.fee(ada, "2.00")

    answer = await terminal.send(pay(ada, amount, currency, BK="4711", **fields))

    assert answer.startswith("38N")
    assert (one(answer, "BK"), one(answer, "AF")) == ("4711", said)
    assert await library.owed(ada) == 2


async def test_more_digits_than_the_currency_has_are_no_amount(
    library: Library, terminal: Terminal, ada: str
) -> None:
    await library.fee(ada, "2.00")

    answer = await terminal.send(pay(ada, "1.005"))

    assert answer.startswith("38N")
    assert await library.owed(ada) == 2


async def test_a_blank_currency_is_the_librarys(
    library: Library, terminal: Terminal, ada: str
) -> None:
    await library.fee(ada, "2.00")

    assert (await terminal.send(pay(ada, "2.00", "   "))).startswith("38Y")
    assert await library.owed(ada) == 0


@pytest.mark.parametrize("settings", [IN_YEN])
async def test_yen_have_no_cents(library: Library, terminal: Terminal, ada: str) -> None:
    await library.fee(ada, "300")

    owed = await terminal.send(status(ada, AD="1234"))
    paid = await terminal.send(pay(ada, "300", "JPY"))

    assert (one(owed, "BH"), one(owed, "BV")) == ("JPY", "300")
    assert paid.startswith("38Y")


@pytest.mark.parametrize("settings", [WITH_CREDIT])
async def test_a_library_may_keep_what_was_paid_too_much(
    library: Library, terminal: Terminal, ada: str
) -> None:
    await library.fee(ada, "2.00")

    assert (await terminal.send(pay(ada, "5.00"))).startswith("38Y")

    await library.fee(ada, "1.00")
    assert await library.owed(ada) == 0


@pytest.mark.parametrize("how", ["00", "01", "02", "05", "06", "77"])
async def test_any_way_of_paying(library: Library, terminal: Terminal, ada: str, how: str) -> None:
    await library.fee(ada, "2.00")

    assert (await terminal.send(pay(ada, "2.00", how=how))).startswith("38Y")


async def test_a_payment_devices_number_is_booked_once_for_ever(
    library: Library, terminal: Terminal, ada: str
) -> None:
    await library.fee(ada, "5.00")
    first = await terminal.send(pay(ada, "2.00", BK="4711"))
    in_two_years = datetime.now(UTC) + timedelta(days=730)

    def forget(tx: Transaction) -> None:
        prune(tx, in_two_years)

    await library.app.database.write(forget, library.id)
    again = await terminal.send(pay(ada, "2.00", BK="4711"))
    another = await terminal.send(pay(ada, "3.00", BK="4711"))

    assert again.startswith("38Y")
    assert one(again, "BK") == one(first, "BK")
    assert another.startswith("38N")
    assert one(another, "AF") == "This payment was not booked. Please ask at the desk."
    assert await library.owed(ada) == 3


async def test_two_accounts_may_count_their_payments_alike(
    library: Library, terminal: Terminal, connect: Connect, ada: str
) -> None:
    await library.terminal_account("other", "x")
    other = await (await connect()).login("other", "x")
    await library.fee(ada, "5.00")

    first = await terminal.send(pay(ada, "2.00", BK="1"))
    second = await other.send(pay(ada, "3.00", BK="1"))

    assert first.startswith("38Y")
    assert second.startswith("38Y")
    assert one(first, "BK") != one(second, "BK")
    assert await library.owed(ada) == 0


async def test_whoever_has_no_card_pays_nothing(terminal: Terminal) -> None:
    answer = await terminal.send(pay("nobody", "1.00"))

    assert answer.startswith("38N")
    assert one(answer, "AF") == "This card is not known here."
