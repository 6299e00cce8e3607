"""Terminals are written to as their account says, and as they say themselves."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from bibliobus.app import opened
from bibliobus.config import Config, ConfigError, DatabaseConfig
from bibliobus.ils.library import InstitutionSettings
from bibliobus.sip2 import PRESETS, Dialect
from bibliobus.terminals import dialect_of, settings_of
from tests.support import Library, Terminal
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture

Connect = Callable[[], Awaitable[Terminal]]


def test_an_account_has_its_own_dialect_or_the_institutions() -> None:
    institution = InstitutionSettings(dialect="folio", encoding="latin-1")

    def of(name: str | None, its: InstitutionSettings, **given: object) -> Dialect:
        return dialect_of(name, settings_of(name, given, its), its)

    assert of(None, InstitutionSettings()) == Dialect()
    assert of(None, institution) == replace(PRESETS["folio"], encoding="latin-1")
    assert of("koha", institution) == replace(PRESETS["koha"], encoding="latin-1")
    assert of("palace", institution) == PRESETS["palace"]
    assert of(None, institution, encoding="ascii").encoding == "ascii"


async def test_is_written_to_in_its_dialect(library: Library, connect: Connect) -> None:
    await library.patron("ada")
    await library.item("31000001", title="Middlemarch")
    await library.terminal_account("openncip", "x", dialect="openncip")
    await library.terminal_account("evergreen", "x", dialect="evergreen")
    openncip = await (await connect()).login("openncip", "x")
    evergreen = await (await connect()).login("evergreen", "x")
    checkout = "11YN" + " " * 36 + "AOMAIN|AAada|AB31000001|AC|"

    lent = await openncip.send(checkout)
    renewed = await evergreen.send(checkout)

    assert re.search(r"\|AH\d{8}    \d{6}\|", lent)
    assert re.search(r"\|AH\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\|", renewed)


async def test_lists_say_what_its_dialect_wants(library: Library, connect: Connect) -> None:
    await library.patron("ada")
    await library.item("31000001", title="Middlemarch")
    await library.terminal_account("evergreen", "x", dialect="evergreen")
    kiosk = await (await connect()).login("kiosk", "kiosk")
    evergreen = await (await connect()).login("evergreen", "x")
    await kiosk.send("11YN" + " " * 36 + "AOMAIN|AAada|AB31000001|AC|")
    asked = f"63001{' ' * 18}  Y       AOMAIN|AAada|AD1234|"

    assert "|AU31000001|" in await kiosk.send(asked)
    assert "|AUMiddlemarch|" in await evergreen.send(asked)


async def test_a_terminal_of_the_older_version_gets_what_it_knows(
    library: Library, terminal: Terminal
) -> None:
    old = await terminal.send("9900801.00")
    new = await terminal.send("9900802.00")

    assert "1.00AO" in old
    assert "|BX" not in old
    assert "2.00AO" in new
    assert "|BX" in new
    assert "2.00AO" in await terminal.send("9900809.99")  # nobody knows what that is


async def test_an_unknown_dialect_is_refused_before_anything_is_written(
    library: Library,
    database_url: str,  # noqa: F811 - the fixture
) -> None:
    with pytest.raises(ConfigError, match="there is no dialect 'kohA'; there are standard, open"):
        await library.terminal_account("kiosk2", "x", dialect="kohA")
    config = Config(
        database=DatabaseConfig(url=database_url),
        institutions={"A": InstitutionSettings(dialect="nobody's")},
    )
    with pytest.raises(ConfigError, match="there is no dialect"):
        async with opened(config):
            pass
