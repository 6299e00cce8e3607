"""A terminal says who it is, and gets the library that its account belongs to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from bibliobus.app import opened, serving
from bibliobus.config import Config, DatabaseConfig, SIPConfig
from bibliobus.ils.library import InstitutionSettings
from bibliobus.terminals import ListenerSettings
from tests.support import QUICK, Library, Terminal

Connect = Callable[[], Awaitable[Terminal]]
ANYWHERE = SIPConfig(listeners=(ListenerSettings(address="127.0.0.1:0"),))


async def test_accepts_a_terminal_and_says_what_it_may_do(terminal: Terminal) -> None:
    status = await terminal.send("9900802.00", sequence=3)

    assert status.startswith("98YYYYNN100003")
    assert "2.00AOMAIN|AMTest Library|BXYYYNYYYYYNYYNYYY|ANdesk|" in status


@pytest.mark.parametrize(
    "login",
    [
        "9300CNkiosk|COwrong|",
        "9300CNnobody|COkiosk|",
        "9300CNkiosk|CO|",
        "9300CNkiosk|",
        "9301CNkiosk|COkiosk|",  # an encrypted password, which nobody has agreed on
    ],
)
async def test_refuses_any_other(connect: Connect, login: str) -> None:
    terminal = await connect()

    assert await terminal.send(login) == "940"
    assert await terminal.send("9900802.00") == ""  # it is hung up on


async def test_a_failed_login_leaves_nothing_of_the_one_before(terminal: Terminal) -> None:
    assert await terminal.send("9300CNkiosk|COwrong|") == "940"

    assert await terminal.send("9900802.00") == ""


async def test_answers_nothing_about_patrons_before_the_login(
    library: Library, connect: Connect
) -> None:
    await library.patron("ada")
    terminal = await connect()

    assert await terminal.send("2300120260301    093000AOMAIN|AAada|AC|AD1234|") == ""


async def test_speaks_in_the_institutions_encoding_or_the_accounts_own(database_url: str) -> None:
    settings = InstitutionSettings(name="Bücher", encoding="cp850")
    config = Config(database=DatabaseConfig(url=database_url), institutions={"A": settings})
    async with opened(config, hasher=QUICK) as app:
        library = Library(app, settings, "A")
        await library.terminal_account("theirs", "x")
        await library.terminal_account("own", "x", encoding="ascii")
        async with serving(app, ANYWHERE) as (address,):
            host, port = address.split(":")
            for login, encoding, name in (
                ("theirs", "cp850", "Bücher"),
                ("own", "ascii", "Bucher"),
            ):
                terminal = await (await Terminal.connect((host, int(port)))).login(login, "x")
                terminal.encoding = encoding
                assert f"|AM{name}|" in await terminal.send("9900802.00", sequence=1)
                await terminal.close()


async def test_each_account_sees_its_own_institution(database_url: str) -> None:
    institutions = {id: InstitutionSettings(name=f"Library {id}") for id in ("A", "B")}
    config = Config(database=DatabaseConfig(url=database_url), institutions=institutions)
    async with opened(config, hasher=QUICK) as app:
        for id, login in (("A", "kiosk-a"), ("B", "kiosk-b")):
            library = Library(app, institutions[id], id)
            await library.terminal_account(login, id.lower())
        await app.database.write(
            lambda tx: tx.run(
                "INSERT INTO patrons (institution, barcode, name, charge_ok, renew_ok, recall_ok,"
                " hold_ok, card_lost) VALUES (:institution, 'ada', 'Ada', TRUE, TRUE, TRUE, TRUE,"
                " FALSE)"
            ),
            "A",
        )
        async with serving(app, ANYWHERE) as (address,):
            host, port = address.split(":")
            a = await (await Terminal.connect((host, int(port)))).login("kiosk-a", "a")
            b = await (await Terminal.connect((host, int(port)))).login("kiosk-b", "b")

            here = await a.send("2300120260301    093000AOwrong|AAada|AC|")
            there = await b.send("2300120260301    093000AOA|AAada|AC|")
            await a.close()
            await b.close()

    assert "AOA|AAada|AE|BLY|CQN|" in here
    assert "AOB|AAada|AE|BLN|CQN|AFThis card is not known here.|" in there
