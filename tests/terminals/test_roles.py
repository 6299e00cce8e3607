"""What each kind of terminal may ask, what it is told of that, and how that changes under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from bibliobus.ils import ILS, EndSessionResult
from bibliobus.ils.library import InstitutionSettings
from bibliobus.terminals import ListenerSettings, Role, TerminalsDoor, revoke_account
from bibliobus.terminals.settings import ALWAYS, MESSAGES
from bibliobus.terminals.status import SUPPORTED
from tests.support import Library, Terminal
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture
from tests.terminals.saying import (
    block,
    checkin,
    checkout,
    enable,
    hold,
    information,
    item,
    now,
    one,
    pay,
    renew,
    renew_all,
    status,
    told,
)

Connect = Callable[[], Awaitable[Terminal]]

SC_STATUS = "9900802.00"
ASKED = {
    "01": block("ada"), "09": checkin("e1"), "11": checkout("ada", "e1"),
    "15": hold("+", "ada", AB="e1"), "17": item("e1"), "19": f"19{now()}AOMAIN|ABe1|CHx|",
    "23": status("ada", AD="1234"), "25": enable("ada"), "29": renew("ada", AB="e1"),
    "35": f"35{now()}AOMAIN|AAada|", "37": pay("ada", "1.00"),
    "63": information("ada", AD="1234"), "65": renew_all("ada"),
}  # fmt: skip
NO = "AFThe library's system cannot do this.|"


@pytest.fixture
def settings() -> InstitutionSettings:
    """Everything is allowed here that a role allows."""
    return InstitutionSettings(name="Test Library", time_zone="Europe/Paris", status_update_ok=True)


@pytest.fixture
async def readers(library: Library) -> Library:
    await library.patron("ada")
    await library.item("e1", "Emma")
    return library


@pytest.mark.parametrize("role", Role)
async def test_a_role_has_its_messages_and_98_says_which(
    readers: Library, connect: Connect, role: Role
) -> None:
    await readers.terminal_account("other", "x", role=role.value)
    terminal = await (await connect()).login("other", "x")
    promised = one(await terminal.send(SC_STATUS), "BX")

    for (code, _), may in zip(SUPPORTED.values(), promised, strict=True):
        assert (may == "Y") == (code in MESSAGES[role] | ALWAYS)
        if code in ASKED:
            assert (NO in await terminal.send(ASKED[code])) == (may == "N"), code


async def test_what_it_may_not_do_is_not_done(readers: Library, connect: Connect) -> None:
    await readers.terminal_account("gate", "x", role="gate")
    gate = await (await connect()).login("gate", "x")
    for asked in ASKED.values():
        await gate.send(asked)

    assert await readers.events() == []


async def test_98_promises_to_each_only_what_it_may_do(readers: Library, connect: Connect) -> None:
    for role, flags in (
        ("all", "YYYYYN"),
        ("self-check", "YYYYNN"),
        ("sorter", "YYNNNN"),
        ("gate", "YNNNNN"),
        ("payment", "YNNNNN"),
    ):
        await readers.terminal_account(role, "x", role=role)
        terminal = await (await connect()).login(role, "x")
        assert (await terminal.send(SC_STATUS))[2:8] == flags


async def test_a_list_of_messages_is_instead_of_the_roles(
    readers: Library, connect: Connect
) -> None:
    await readers.terminal_account("odd", "x", role="gate", messages=["11"])
    terminal = await (await connect()).login("odd", "x")

    assert one(await terminal.send(SC_STATUS), "BX") == "NYNNYYYNNNNNNNNN"
    assert (await terminal.send(checkout("ada", "e1"))).startswith("121")
    assert NO in await terminal.send(item("e1"))


# ------------------------------------------------------------ changes on an open connection


async def test_new_settings_are_known_to_open_connections(
    readers: Library, terminal: Terminal
) -> None:
    assert told(await terminal.send(information("ada", AD="1234")), "AF") == []

    await readers.terminal_account("kiosk", "another", greeting="Hello, {name}!", timeout=50)
    await readers.app.accounts.refresh()

    assert (await terminal.send(SC_STATUS))[8:11] == "050"
    assert one(await terminal.send(information("ada", AD="1234")), "AF") == "Hello, Ada!"


async def test_a_new_delimiter_and_encoding_are_read_a_second_later(
    readers: Library, terminal: Terminal
) -> None:
    await readers.patron("zoe", name="Zoé")
    assert one(await terminal.send(status("zoe", AD="1234")), "AE") == "Zoé"

    await readers.terminal_account("kiosk", "kiosk", delimiter="^", encoding="cp850")
    await readers.app.accounts.refresh()
    await asyncio.sleep(1.5)

    terminal.encoding = "cp850"
    answer = await terminal.send(status("zoe", AD="1234").replace("|", "^"), sequence=1)
    assert told(answer, "AE", "^") == ["Zoé"]


async def test_what_a_terminal_said_of_itself_outlives_a_change(
    readers: Library, terminal: Terminal
) -> None:
    await terminal.send("9900801.00")

    await readers.terminal_account("kiosk", "kiosk", dialect="koha")
    await readers.app.accounts.refresh()

    assert "|BL" not in await terminal.send(status("ada", AD="1234"))  # it still speaks 1.00


async def test_a_new_role_is_a_new_role_at_once(readers: Library, terminal: Terminal) -> None:
    assert NO not in await terminal.send(item("e1"))

    await readers.terminal_account("kiosk", "kiosk", role="pc-booking")
    await readers.app.accounts.refresh()

    assert NO in await terminal.send(item("e1"))
    assert one(await terminal.send(SC_STATUS), "BX") == "YNNNYYYYYNNNNNNN"


async def test_whoever_is_revoked_is_cut_off(
    readers: Library, terminal: Terminal, connect: Connect
) -> None:
    assert await readers.app.database.write(lambda tx: revoke_account(tx, "kiosk"))
    await readers.app.accounts.refresh()

    assert await terminal.send(SC_STATUS) == ""
    assert await (await connect()).send("9300CNkiosk|COkiosk|") == "940"


async def test_a_new_account_can_be_used_at_once(readers: Library, connect: Connect) -> None:
    await readers.app.accounts.refresh()
    await readers.terminal_account("new", "new")

    assert await (await connect()).send("9300CNnew|COnew|") == "941"


async def test_an_old_password_is_not_taken_after_a_change(
    readers: Library, connect: Connect
) -> None:
    await readers.terminal_account("kiosk", "another")
    await readers.app.accounts.refresh()

    assert await (await connect()).send("9300CNkiosk|COkiosk|") == "940"
    assert await (await connect()).send("9300CNkiosk|COanother|") == "941"


async def test_terminals_log_in_while_the_database_is_away(
    readers: Library, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await readers.app.accounts.refresh()
    await readers.app.database.close()

    assert await (await connect()).send("9300CNkiosk|COkiosk|") == "941"
    assert await (await connect()).send("9300CNkiosk|COwrong|") == "940"
    assert "terminal accounts are as they were" in caplog.text
    await readers.app.database.open()  # as it was found


# ------------------------------------------------------------ print lines


class Printing:
    """An ILS that has something to print when a patron goes."""

    def __init__(self, ils: ILS, text: str) -> None:
        self._ils, self._text = ils, text

    def __getattr__(self, name: str) -> object:
        return getattr(self._ils, name)

    async def end_patron_session(self, *_: object, **__: object) -> EndSessionResult:
        return EndSessionResult(screen_messages=(self._text,), print_lines=(self._text,))


@pytest.fixture
async def with_printer(readers: Library) -> AsyncIterator[Terminal]:
    whole = readers.app.institutions["MAIN"]
    ils = Printing(whole.ils, "Thank you for reading, and come again soon!")
    door = TerminalsDoor(
        {"MAIN": replace(whole, ils=ils)},  # type: ignore[arg-type] # it has all by __getattr__
        readers.app.accounts,
    )
    address = await door.listen(ListenerSettings(address="127.0.0.1:0"))
    terminal = await (await Terminal.connect(address)).login()
    yield terminal
    await terminal.close()
    await door.close()


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        ("000", ["Thank you for reading, and come again soon!"]),
        ("080", ["Thank you for reading, and come again soon!"]),
        ("020", ["Thank you for", "reading, and come", "again soon!"]),
        (" 20", ["Thank you for", "reading, and come", "again soon!"]),
    ],
)
async def test_print_lines_are_as_wide_as_the_printer(
    with_printer: Terminal, width: str, lines: list[str]
) -> None:
    await with_printer.send(f"990{width}2.00")

    answer = await with_printer.send(ASKED["35"])

    assert told(answer, "AG") == lines
    assert told(answer, "AF") == ["Thank you for reading, and come again soon!"]
