"""What failed at a terminal is undone: a jam after checkin, a strip that stayed magnetised (BI)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from bibliobus.database import Transaction
from bibliobus.ils.library import InstitutionSettings, LoanPolicy
from tests.support import Library, Terminal
from tests.terminals.saying import checkin, checkout, information, item, one, renew, told

Connect = Callable[[], Awaitable[Terminal]]

MINUTE = 60_000_000  # as the database has it, in microseconds


@pytest.fixture
def settings() -> InstitutionSettings:
    """What a loan costs, and being late with it."""
    loans = LoanPolicy(rental_fee=Decimal("0.50"), overdue_fee=Decimal("0.20"))
    return InstitutionSettings(time_zone="Europe/Paris", loans=loans)


@pytest.fixture
async def readers(library: Library) -> Library:
    await library.patron("ada")
    await library.patron("grace")
    await library.item("e1", "Emma")
    return library


async def pass_minutes(library: Library, minutes: int) -> None:
    """Whatever was done is so much longer ago."""

    def earlier(tx: Transaction) -> None:
        tx.run(
            "UPDATE events SET at = at - :some WHERE institution = :institution",
            some=minutes * MINUTE,
        )  # fmt: skip

    await library.app.database.write(earlier, library.id)


async def test_a_checkout_is_undone_with_what_it_cost(readers: Library, terminal: Terminal) -> None:
    assert (await terminal.send(checkout("ada", "e1", BO="Y"))).startswith("121")

    undone = await terminal.send(checkin("e1", BI="Y"))

    assert undone.startswith("101YNN")
    assert (one(undone, "AA"), one(undone, "AJ")) == ("ada", "Emma")
    assert await readers.loans() == []
    assert await readers.owed("ada") == 0
    assert await readers.events() == ["checkout", "undo-checkout"]


async def test_a_checkin_is_undone_for_nobody_with_a_wrong_pin(
    readers: Library, terminal: Terminal
) -> None:
    await readers.loan("ada", "e1")
    await terminal.send(checkin("e1"))

    wrong = await terminal.send(checkout("ada", "e1", AD="0", BI="Y"))

    assert wrong.startswith("120NUN")
    assert told(wrong, "BL") == told(wrong, "CQ") == []
    assert one(wrong, "AF") == "The PIN is not right."
    assert await readers.loans() == []


async def test_a_checkin_is_undone_with_what_it_cost(readers: Library, terminal: Terminal) -> None:
    await readers.loan("ada", "e1", due_in=-3)
    due = one(await terminal.send(item("e1")), "AH")
    assert (await terminal.send(checkin("e1"))).startswith("101")
    assert await readers.owed("ada") > 0

    undone = await terminal.send(checkout("ada", "e1", BI="Y"))

    assert undone.startswith("121NNY")
    assert one(undone, "AH") == due
    assert await readers.loans() == [("ada", "e1")]
    assert await readers.owed("ada") == 0


async def test_a_renewal_is_undone(readers: Library, terminal: Terminal) -> None:
    await readers.loan("ada", "e1", due_in=3)
    due = one(await terminal.send(item("e1")), "AH")
    assert (await terminal.send(renew("ada", AB="e1", BO="Y"))).startswith("301")

    undone = await terminal.send(checkin("e1", BI="Y"))

    assert undone.startswith("101N")  # it goes out of the door, and is not to be resensitised
    assert one(await terminal.send(item("e1")), "AH") == due
    assert await readers.loans() == [("ada", "e1")]


async def test_a_hold_that_was_captured_waits_again(readers: Library, terminal: Terminal) -> None:
    await readers.loan("ada", "e1")
    await readers.hold("grace", "e1")
    assert one(await terminal.send(checkin("e1")), "CV") == "01"

    assert (await terminal.send(checkout("ada", "e1", BI="Y"))).startswith("121")

    assert told(await terminal.send(information("grace", 5, AD="1234")), "CD") == ["Emma"]


async def test_nothing_to_undo_is_well_if_it_is_as_the_terminal_wants_it(
    readers: Library, terminal: Terminal
) -> None:
    is_in = await terminal.send(checkin("e1", BI="Y"))
    await readers.loan("ada", "e1")
    is_out = await terminal.send(checkout("ada", "e1", BI="Y"))

    assert is_in.startswith("101YNN")
    assert told(is_in, "AF") == []
    assert is_out.startswith("121NNN")
    assert len(one(is_out, "AH")) == 10
    assert await readers.events() == ["checkout-no-block"]


async def test_it_is_never_a_checkin_or_a_checkout(readers: Library, terminal: Terminal) -> None:
    cannot_lend = await terminal.send(checkout("ada", "e1", BI="Y", BO="Y"))
    await readers.loan("ada", "e1")
    cannot_take = await terminal.send(checkin("e1", BI="Y"))
    unknown = await terminal.send(checkin("nothing", BI="Y"))

    assert cannot_lend.startswith("120NUN")
    assert cannot_take.startswith("100")
    for answer in (cannot_lend, cannot_take):
        assert one(answer, "AF") == "There is nothing to undo."
    assert unknown.startswith("100NUY")
    assert await readers.loans() == [("ada", "e1")]


async def test_ten_minutes_later_it_is_too_late(readers: Library, terminal: Terminal) -> None:
    await terminal.send(checkout("ada", "e1", BO="Y"))
    await pass_minutes(readers, 11)

    assert (await terminal.send(checkin("e1", BI="Y"))).startswith("100")
    assert await readers.loans() == [("ada", "e1")]


async def test_nine_minutes_later_it_is_not(readers: Library, terminal: Terminal) -> None:
    await terminal.send(checkout("ada", "e1", BO="Y"))
    await pass_minutes(readers, 9)

    assert (await terminal.send(checkin("e1", BI="Y"))).startswith("101")


async def test_nobody_undoes_what_another_account_did(
    readers: Library, terminal: Terminal, connect: Connect
) -> None:
    await readers.terminal_account("other", "x")
    other = await (await connect()).login("other", "x")
    await terminal.send(checkout("ada", "e1", BO="Y"))

    assert (await other.send(checkin("e1", BI="Y"))).startswith("100")
    assert await readers.loans() == [("ada", "e1")]


async def test_nobody_undoes_it_for_another_patron(readers: Library, terminal: Terminal) -> None:
    await terminal.send(checkout("ada", "e1", BO="Y"))
    await terminal.send(checkin("e1"))

    assert (await terminal.send(checkout("grace", "e1", BI="Y"))).startswith("120NUN")
    assert await readers.loans() == []


async def test_what_somebody_else_has_is_nobodys_to_keep(
    readers: Library, terminal: Terminal
) -> None:
    await readers.loan("ada", "e1")
    for patron, said in (
        ("grace", "There is nothing to undo."),
        ("nobody", "This card is not known here."),
    ):
        answer = await terminal.send(checkout(patron, "e1", BI="Y"))
        assert answer.startswith("120NUN")
        assert (one(answer, "AH"), one(answer, "AF")) == ("", said)
    assert await readers.loans() == [("ada", "e1")]
