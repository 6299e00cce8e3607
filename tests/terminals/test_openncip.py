"""What the tests of OpenNCIP's SIPServer say, in their order, as its own terminal says it.

Source: spec/sip2 6.1. The library is the one that its stub ILS holds.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from bibliobus.app import App, load, opened, serving
from bibliobus.config import Config, DatabaseConfig, SIPConfig
from bibliobus.ils.library import read_library
from bibliobus.terminals import ListenerSettings
from tests.support import QUICK, Terminal
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture

DOCUMENT = Path(__file__).parents[3] / "shared/data/libraries/openncip.json"
ANYWHERE = SIPConfig(listeners=(ListenerSettings(address="127.0.0.1:0"),))
HOST = "127.0.0.1"

D = r"\d{8}    \d{6}"
THEN = "20060329    201700"
PERL, BLUE, POTTER = "1565921879", "0440242746", "660"
PERL_TITLE = "Perl 5 desktop reference"
ANY, EMPTY = ".*", ""


class Step(NamedTuple):
    """What is asked, how the answer begins, and the fields that it must have.

    Patterns are regular expressions; None: there must be no such field.
    """

    ask: str
    begins: str
    fields: dict[str, str | None] = {}  # noqa: RUF012 - nobody changes it


def status(patron: str = "djfiander", more: str = "AD6789|AC|") -> str:
    return f"23001{THEN}AOUWOLS|AA{patron}|{more}"


def information(patron: str = "djfiander", summary: str = " " * 10, more: str = "") -> str:
    return f"63001{THEN}{summary}AOUWOLS|AA{patron}|{more}"


def checkout(item: str, patron: str = "djfiander") -> str:
    return f"11YN{THEN}{' ' * 18}AOUWOLS|AA{patron}|AB{item}|AC|"


def checkin(item: str) -> str:
    return f"09N{THEN}{THEN}APUWOLS|AOUWOLS|AB{item}|ACterminal password|"


def block(patron: str) -> str:
    return f"01N{THEN}AOUWOLS|ALHe's a jerk|AA{patron}|ACtermpwd|"


def enable(patron: str, more: str = "") -> str:
    return f"25{THEN}AOUWOLS|AA{patron}|{more}"


def hold(mode: str, patron: str = "djfiander", item: str = PERL, pin: str = "6789") -> str:
    return (
        f"15{mode}{THEN}BW20060815    110158|BSTaylor|BY2|AOUWOLS|AA{patron}|AB{item}|AC|AD{pin}|"
    )


def renew(item: str = PERL, patron: str = "djfiander") -> str:
    return f"29NN{THEN}{' ' * 18}AOUWOLS|AA{patron}|AB{item}|"


def renew_all(patron: str = "djfiander", pin: str = "6789") -> str:
    return f"65{THEN}AOUWOLS|AA{patron}|AD{pin}|"


PATRON: dict[str, str | None] = {
    "AO": "UWOLS", "AA": "djfiander", "AE": r"David J\. Fiander", "BL": "Y",
}  # fmt: skip
STRANGER: dict[str, str | None] = {"AO": "UWOLS", "AE": EMPTY, "BL": "N"}
WHOLE_PATRON = PATRON | {
    "BD": r"2 Meadowvale Dr\. St Thomas, ON", "BE": r"djfiander@hotmail\.com",
    "BF": r"\(519\) 555 1234", "PB": "19640925", "PC": "A", "PI": "Y", "AQ": "Beacock",
}  # fmt: skip
INFORMATION = rf"64 [ Y]{{13}}\d{{3}}{D}(\d{{4}}){{6}}"
LENT: dict[str, str | None] = {
    "AO": "UWOLS", "AA": "djfiander", "AB": PERL, "AJ": PERL_TITLE, "AH": D, "CK": r"\d{3}",
}  # fmt: skip
LENT_OUT = Step(checkout(PERL), rf"121NNY{D}", LENT)
BACK: dict[str, str | None] = {
    "AO": "UWOLS", "AA": "djfiander", "AB": PERL, "AQ": ANY, "AJ": PERL_TITLE, "CV": None,
}  # fmt: skip
BACK_AGAIN = Step(checkin(PERL), rf"101YNN{D}", BACK)

DIALOGUES: dict[str, tuple[Step, ...]] = {
    "00 sc status": (
        Step(
            "9910302.00",
            rf"98[YN]{{6}}\d{{3}}\d{{3}}{D}(1|2)\.00",
            {"AO": "UWOLS", "BX": "[YN]{16}", "AM": ANY},
        ),
    ),
    "01 patron status": (
        Step(
            status(),
            rf"24 [ Y]{{13}}001{D}",
            PATRON | {"CQ": "Y", "BH": "[A-Z]{3}", "BV": r"[0-9.]+"},
        ),
        Step(status(more="AD6798|AC|"), rf"24[ Y]{{14}}001{D}", PATRON | {"CQ": "N"}),
        Step(status("wshakespeare"), "24Y", STRANGER | {"AA": "wshakespeare"}),
    ),
    "02 patron information": (
        Step(information(), INFORMATION, WHOLE_PATRON),
        Step(information(summary="Y         "), INFORMATION, WHOLE_PATRON),
        Step(information(summary=" Y        "), INFORMATION, WHOLE_PATRON),
        Step(information(summary="  Y       "), INFORMATION, WHOLE_PATRON),
        Step(
            information("berick"),
            rf"64Y[ Y]{{13}}\d{{3}}{D}(\d{{4}}){{6}}",
            STRANGER | {"AA": "berick"},
        ),
        Step(information(more="AD6798|"), "64", PATRON | {"CQ": "N"}),
    ),
    "03 checkout": (
        LENT_OUT,
        BACK_AGAIN,
        Step(checkout(POTTER), rf"121NNY{D}", {"AJ": "Harry Potter y el caliz de fuego"}),
        Step(checkin(POTTER), "101YNN"),
        Step(
            checkout("no-barcode"),
            rf"120NUN{D}",
            {"AA": "djfiander", "AB": "no-barcode", "AJ": EMPTY, "AH": EMPTY, "BL": "Y"},
        ),
        Step(
            checkout(PERL, "wshakespeare"),
            rf"120NUN{D}",
            {"AA": "wshakespeare", "AB": PERL, "AJ": PERL_TITLE, "AH": EMPTY, "BL": "N"},
        ),
    ),
    "04 patron status without a PIN": (
        Step(status(more="ACterm|"), rf"24 [ Y]{{13}}001{D}", PATRON),
        Step(status("wshakespeare", "AC|"), rf"24Y[ Y]{{13}}001{D}", STRANGER),
        Step(status(more="AC|AD6798|"), "24", PATRON | {"CQ": "N"}),
    ),
    "05 block patron": (Step(block("djfiander"), rf"24Y[ Y]{{13}}000{D}", PATRON),),
    "06 patron enable, without a PIN": (
        Step(block("djfiander"), rf"24YYYY[ Y]{{10}}000{D}", PATRON),
        Step(enable("djfiander"), rf"26  [ Y]{{12}}000{D}", PATRON),
    ),
    "06 patron enable, with the PIN": (
        Step(block("djfiander"), rf"24YYYY[ Y]{{10}}000{D}", PATRON),
        Step(enable("djfiander", "AD6789|"), rf"26    [ Y]{{10}}000{D}", PATRON | {"CQ": "Y"}),
    ),
    "06 patron enable, with a wrong PIN": (
        Step(block("djfiander"), rf"24YYYY[ Y]{{10}}000{D}", PATRON),
        Step(
            enable("djfiander", "AD9876|"),
            rf"26YYYY[ Y]{{10}}000{D}",
            {"AA": "djfiander", "BL": "Y", "CQ": "N"},
        ),
        Step(status(), "24YYYY"),
    ),
    "06 patron enable, of a stranger": (
        Step(enable("wshakespeare"), rf"26YYYY[ Y]{{10}}000{D}", STRANGER),
    ),
    "07 hold": (
        Step(
            hold("+"),
            rf"161N{D}",
            {
                "AO": "UWOLS",
                "AA": "djfiander",
                "AB": PERL,
                "AJ": PERL_TITLE,
                "BS": "Taylor",
                "BR": "1",
            },
        ),
        Step(information(summary="Y         "), rf"64 [ Y]{{13}}001{D}0001", {"AS": PERL_TITLE}),
        Step(hold("+", "miker"), rf"161N{D}", {"BR": "2", "BS": "Taylor"}),
        Step(hold("-"), rf"161[NY]{D}"),
        Step(information(), rf"64 [ Y]{{13}}001{D}0000", {"AS": None}),
        Step(hold("-"), rf"160N{D}"),
        Step(hold("-", "miker"), rf"161[NY]{D}"),
        Step(hold("+", pin="6798"), rf"160N{D}", {"AA": "djfiander"}),
        Step(hold("+", "berick"), rf"160N{D}", {"AA": "berick"}),
        Step(hold("+", item="no-barcode"), rf"160N{D}", {"AA": "djfiander"}),
    ),
    "08 checkin": (
        LENT_OUT,
        BACK_AGAIN,
        Step(checkin(PERL), rf"100YNN{D}", {"AO": "UWOLS", "AB": PERL, "AQ": ANY, "AA": None}),
    ),
    "09 renew": (
        LENT_OUT,
        Step(renew(), rf"301YNN{D}", LENT),
        BACK_AGAIN,
        Step(renew(), rf"300NUN{D}", {"AA": "djfiander", "AB": PERL, "AJ": ANY, "AH": EMPTY}),
        Step(renew("no-barcode"), rf"300NUN{D}", {"AB": "no-barcode", "AJ": EMPTY, "AH": EMPTY}),
        Step(renew(PERL, "berick"), rf"300NUN{D}", {"AA": "berick", "AJ": ANY, "AH": EMPTY}),
    ),
    "10 renew all": (
        LENT_OUT,
        Step(renew_all(), rf"66100010000{D}", {"AO": "UWOLS", "BM": PERL}),
        Step(renew_all(pin="6798"), rf"66000000000{D}", {"AO": "UWOLS", "BM": None}),
        Step(renew_all("berick"), rf"66000000000{D}", {"AO": "UWOLS"}),
    ),
    "11 item information": (
        Step(
            f"17{THEN}AOUWOLS|AB{PERL}|ACterm|",
            rf"180[13]0201{D}",
            {"AB": PERL, "AJ": PERL_TITLE, "CK": r"\d{3}", "BG": "UWOLS"},
        ),
    ),
}


@pytest.fixture
async def stub(
    database_url: str,  # noqa: F811 - the fixture
) -> AsyncIterator[App]:
    """OpenNCIP's stub library. Terminals may block patrons in it: its tests do, whatever its
    configuration says."""
    if not DOCUMENT.exists():
        pytest.skip(f"{DOCUMENT} is not there")
    document = read_library(DOCUMENT.read_bytes())
    institutions = {
        id: msgspec.structs.replace(settings, status_update_ok=True)
        for id, settings in document.institutions.items()
    }
    config = Config(database=DatabaseConfig(url=database_url), institutions=institutions)
    async with opened(config, hasher=QUICK) as app:
        document = msgspec.structs.replace(document, institutions=institutions)
        await load(app, document, shared_hashes=True)
        yield app


@pytest.fixture
async def address(stub: App) -> AsyncIterator[tuple[str, int]]:
    async with serving(stub, ANYWHERE) as (address,):
        host, _, port = address.rpartition(":")
        yield host, int(port)


@pytest.mark.parametrize("dialogue", DIALOGUES.values(), ids=DIALOGUES)
async def test_answers_as_their_tests_want(
    address: tuple[str, int], dialogue: tuple[Step, ...]
) -> None:
    terminal = await Terminal.connect(address)
    assert await terminal.send("9300CNscclient|COclientpwd|CPThe basement|") == "941"
    assert (await terminal.send("9910302.00")).startswith("98")

    for step in dialogue:
        answer = await terminal.send(step.ask)
        assert re.match(step.begins, answer), f"{step.ask}\n{answer}"
        for name, pattern in step.fields.items():
            values = re.findall(rf"(?:\||(?<=.{{19}})){name}([^|]*)(?=\|)", answer)
            if pattern is None:
                assert not values, f"{name} in {answer}"
            else:
                assert any(re.fullmatch(pattern, each) for each in values), f"{name} of {answer}"
    await terminal.close()


@pytest.mark.parametrize(
    ("login", "answer"),
    [
        ("9300CNbad_user|CObad_password|CPThe floor|", "940"),
        ("9300CNscclient|CObad_password|CPThe floor|", "940"),
        ("9300CNscclient|COclientpwd|CPThe basement|", "941"),
    ],
)
async def test_00_login(address: tuple[str, int], login: str, answer: str) -> None:
    terminal = await Terminal.connect(address)

    assert await terminal.send(login) == answer
    await terminal.close()


async def test_03_a_title_keeps_its_accents_where_the_encoding_has_them(
    address: tuple[str, int],
) -> None:
    terminal = await Terminal.connect(address)
    assert await terminal.send("9300CNlpl-sc|CO1234|CPThe basement|") == "941"

    lent = await terminal.send(checkout(POTTER), sequence=1)

    assert lent.startswith("121NNY")
    assert "|AJHarry Potter y el cáliz de fuego|" in lent
    await terminal.close()
