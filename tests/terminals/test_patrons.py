"""A terminal asks who a patron is, and is told what the PIN allows."""

from __future__ import annotations

import pytest

from tests.support import Library, Terminal

STATUS = "2300120260301    093000AOMAIN|AA{patron}|AC|{pin}"
INFORMATION = "6300120260301    093000{summary}AOMAIN|AA{patron}|AC|{pin}"
NO_LIST = " " * 10
CHECKOUT = "11NN20260302    100000                  AOMAIN|AAada|AB{item}|AC|"


@pytest.fixture
async def ada(library: Library) -> str:
    return await library.patron(
        "ada", name="Lovelace, Ada", address="1 Library Lane", email="ada@example.org", phone="555"
    )


async def test_tells_all_to_whoever_has_the_pin(terminal: Terminal, ada: str) -> None:
    status = await terminal.send(STATUS.format(patron=ada, pin="AD1234|"), sequence=1)
    information = await terminal.send(
        INFORMATION.format(patron=ada, summary=NO_LIST, pin="AD1234|"), sequence=2
    )

    assert status.startswith("24              001")
    assert "AOMAIN|AAada|AELovelace, Ada|BLY|CQY|" in status
    assert information.startswith("64              001")
    assert "AELovelace, Ada|" in information
    assert "BLY|CQY|" in information
    assert "BD1 Library Lane|BEada@example.org|BF555|" in information


@pytest.mark.parametrize("pin", ["AD0000|", "AD|", ""])
async def test_tells_nothing_personal_to_anybody_else(
    terminal: Terminal, ada: str, pin: str
) -> None:
    for message in (STATUS, INFORMATION):
        answer = await terminal.send(message.format(patron=ada, summary=NO_LIST, pin=pin))

        assert "AAada|AE|BLY|" in answer
        for secret in ("Lovelace", "Library Lane", "example.org", "555"):
            assert secret not in answer
    assert ("CQN|" in answer) == bool(pin)  # 64 has it if a PIN was sent, 24 always


async def test_a_wrong_pin_opens_nothing_and_none_shows_the_permissions(
    library: Library, terminal: Terminal
) -> None:
    await library.patron("grace", hold_ok=False)

    wrong = await terminal.send(STATUS.format(patron="grace", pin="AD0|"))
    none = await terminal.send(STATUS.format(patron="grace", pin=""))

    assert wrong[2:16] == "YYYY          "
    assert none[2:16] == "   Y          "


async def test_says_that_it_does_not_know_a_card(terminal: Terminal, library: Library) -> None:
    status = await terminal.send(STATUS.format(patron="nobody", pin="AD1234|"))
    information = await terminal.send(
        INFORMATION.format(patron="nobody", summary=NO_LIST, pin="AD1234|")
    )

    assert status[2:16] == "YYYY          "
    assert status.endswith("AOMAIN|AAnobody|AE|BLN|CQN|AFThis card is not known here.|")
    assert information[2:16] == "YYYY          "
    assert information[37:61] == "0000" * 6
    assert information.endswith("AOMAIN|AAnobody|AE|BLN|CQN|AFThis card is not known here.|")


async def test_counts_and_lists_what_the_patron_has(
    library: Library, terminal: Terminal, ada: str
) -> None:
    for item in ("31000001", "31000002", "31000003"):
        await library.item(item)
        assert (await terminal.send(CHECKOUT.format(item=item))).startswith("121")

    page = await terminal.send(
        INFORMATION.format(patron=ada, summary="  Y       ", pin="AD1234|BP2|BQ3|")
    )

    assert page[37:61] == "000000000003000000000000"
    assert "CB0050|" in page
    assert "AU31000002|AU31000003|" in page
    assert "AU31000001|" not in page


@pytest.mark.parametrize("summary", ["YYYYYYYYYY", "      Y   ", "xxxxxxxxxx", "   Y      "])
async def test_any_summary_gets_an_answer(terminal: Terminal, ada: str, summary: str) -> None:
    answer = await terminal.send(INFORMATION.format(patron=ada, summary=summary, pin="AD1234|"))

    assert answer.startswith("64")


async def test_ends_a_session(terminal: Terminal, ada: str) -> None:
    assert (await terminal.send("3520260301    093000AOMAIN|AAada|"))[2] == "Y"
    assert (await terminal.send("3520260301    093000AOMAIN|AA|"))[2] == "Y"
    assert (await terminal.send("3520260301    093000AOMAIN|AAnobody|AD1|"))[2] == "Y"
    wrong = await terminal.send("3520260301    093000AOMAIN|AAada|AD0|")
    assert wrong[2] == "N"
    assert wrong.endswith("AOMAIN|AAada|AFThe PIN is not right.|")


async def test_a_name_cannot_break_the_answer(library: Library, terminal: Terminal) -> None:
    await library.patron("eve", name="Eve|AFYou won\r941\x07\n")

    answer = await terminal.send(STATUS.format(patron="eve", pin="AD1234|"), sequence=1)

    assert "AEEve AFYou won 941  |BLY|" in answer
