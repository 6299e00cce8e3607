"""A terminal keeps a card that it was told to keep, and staff give it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from bibliobus.ils.library import Condition, InstitutionSettings, PatronLimits
from tests.support import Library, Terminal
from tests.terminals.saying import block, checkout, enable, hold, one, renew, status, told

Connect = Callable[[], Awaitable[Terminal]]

ALLOWED = InstitutionSettings(
    time_zone="Europe/Paris",
    status_update_ok=True,
    terminals={"role": "all"},
    limits=PatronLimits(lost_limit=1),
)
NOT_ALLOWED = InstitutionSettings(time_zone="Europe/Paris", terminals={"role": "all"})


@pytest.fixture
def settings() -> InstitutionSettings:
    """Terminals may block cards, except where a test says otherwise."""
    return ALLOWED


@pytest.fixture
async def ada(library: Library) -> str:
    await library.item("e1", "Emma")
    return await library.patron("ada", language="de")


async def test_a_blocked_card_is_good_for_nothing(
    library: Library, terminal: Terminal, ada: str
) -> None:
    blocked = await terminal.send(block(ada, "Found at the bus stop", "Y"), sequence=1)

    assert blocked.startswith("24YYYY          003")  # in the patron's own language
    assert "AOMAIN|AAada|AE|BLY|" in blocked
    for asked in (checkout(ada, "e1"), hold("+", ada, AB="e1")):
        answer = await terminal.send(asked)
        assert one(answer, "AF") == "Your card was blocked at a terminal. Please ask at the desk."
    assert await library.loans() == []
    assert await library.events() == ["block-card-retained"]


async def test_what_is_on_loan_is_not_renewed_with_it(
    library: Library, terminal: Terminal, ada: str
) -> None:
    await library.loan(ada, "e1")
    await terminal.send(block(ada))

    assert (await terminal.send(renew(ada, AB="e1"))).startswith("300NUN")


async def test_blocking_twice_is_blocking(terminal: Terminal, ada: str) -> None:
    assert (await terminal.send(block(ada))).startswith("24YYYY")
    assert (await terminal.send(block(ada))).startswith("24YYYY")
    assert (await terminal.send(enable(ada))).startswith("26    ")


async def test_the_card_is_given_back(library: Library, terminal: Terminal, ada: str) -> None:
    await terminal.send(block(ada))

    enabled = await terminal.send(enable(ada, AD="1234"), sequence=2)

    assert enabled.startswith("26              003")
    assert "AOMAIN|AAada|AEAda|BLY|CQY|" in enabled
    assert (await terminal.send(checkout(ada, "e1"))).startswith("121")


@pytest.mark.parametrize(("fields", "cq"), [({}, []), ({"AD": ""}, ["N"])])
async def test_who_has_no_pin_is_not_told_whose_it_is(
    terminal: Terminal, ada: str, fields: dict[str, str], cq: list[str]
) -> None:
    await terminal.send(block(ada))

    enabled = await terminal.send(enable(ada, **fields))

    assert enabled.startswith("26              003")
    assert (one(enabled, "AE"), told(enabled, "CQ")) == ("", cq)


async def test_nor_what_keeps_them_from_borrowing(
    library: Library, terminal: Terminal, connect: Connect
) -> None:
    await library.patron("eve", screen_msg="A parcel waits for you.")
    await library.item("l1", "A lost one")
    await library.loan("eve", "l1")
    await library.mark("l1", Condition.LOST)
    await library.terminal_account("trusted", "x", disclosure="legacy")
    trusted = await (await connect()).login("trusted", "x")

    for ask in (block, enable):
        told_all, told_little = await trusted.send(ask("eve")), await terminal.send(ask("eve"))
        assert told_all[2:16] == "YYYY     Y    "
        assert told_little[2:16] == "YYYY          "
        assert one(told_all, "AF") == "A parcel waits for you."
        assert told(told_little, "AF") == []


async def test_a_wrong_pin_gives_nothing_back(terminal: Terminal, ada: str) -> None:
    await terminal.send(block(ada))

    refused = await terminal.send(enable(ada, AD="0000"))

    assert refused.startswith("26YYYY          000")
    assert (one(refused, "BL"), one(refused, "CQ")) == ("Y", "N")
    assert (await terminal.send(status(ada, AD="1234"))).startswith("24YYYY")


async def test_enabling_does_not_lift_what_staff_have_blocked(
    library: Library, terminal: Terminal
) -> None:
    await library.patron("eve", charge_ok=False, hold_ok=False)
    await terminal.send(block("eve"))

    assert (await terminal.send(enable("eve", AD="1234"))).startswith("26Y  Y ")


async def test_strangers_have_no_card(terminal: Terminal) -> None:
    blocked, enabled = await terminal.send(block("nobody")), await terminal.send(enable("nobody"))

    assert blocked.startswith("24YYYY          000")
    assert enabled.startswith("26YYYY          000")
    for answer in (blocked, enabled):
        assert (one(answer, "AA"), one(answer, "AE"), one(answer, "BL")) == ("nobody", "", "N")


@pytest.mark.parametrize("settings", [NOT_ALLOWED])
async def test_a_library_may_not_want_it(library: Library, terminal: Terminal, ada: str) -> None:
    blocked, enabled = await terminal.send(block(ada)), await terminal.send(enable(ada))

    assert blocked.startswith("24YYYY")  # a terminal that asks for that gets no good news
    assert enabled.startswith("26YYYY")
    for answer in (blocked, enabled):
        assert one(answer, "AF") == "The library's system cannot do this."
    assert await library.events() == []
    assert (await terminal.send(status(ada, AD="1234"))).startswith("24    ")
