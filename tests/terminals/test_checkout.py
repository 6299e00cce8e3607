"""A self-check terminal checks items out and in, from its bytes to the database and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support import Library, Terminal

CHECKOUT = "11{renew}N{now}                  AOMAIN|AA{patron}|AB{item}|AC|{more}"
CHECKIN = "09N{now}{now}APshelf|AOMAIN|AB{item}|AC|{more}"


def now(**ago: float) -> str:
    moment = datetime.now(ZoneInfo("Europe/Paris")) - timedelta(**ago)
    return f"{moment:%Y%m%d    %H%M%S}"


def checkout(patron: str, item: str, more: str = "", renew: str = "N", at: str = "") -> str:
    return CHECKOUT.format(patron=patron, item=item, more=more, renew=renew, now=at or now())


def checkin(item: str, more: str = "", at: str = "") -> str:
    return CHECKIN.format(item=item, more=more, now=at or now())


async def test_lends_the_item_and_says_when_it_is_due(library: Library, terminal: Terminal) -> None:
    await library.patron("ada")
    await library.item("31000001", title="Middlemarch", media_type="001")

    reply = await terminal.send(checkout("ada", "31000001", "AD1234|"), sequence=4)

    due = datetime.now(ZoneInfo("Europe/Paris")) + timedelta(days=21)
    assert reply.startswith("121NNY")  # ok, no renewal, not magnetic, desensitise
    assert f"AOMAIN|AAada|AB31000001|AJMiddlemarch|AH{due:%Y-%m-%d}|CK001|" in reply
    assert await library.loans() == [("ada", "31000001")]
    assert await library.events() == ["checkout"]


async def test_takes_the_item_back(library: Library, terminal: Terminal) -> None:
    await library.patron("ada")
    await library.item("31000001", permanent_location="stacks")
    await terminal.send(checkout("ada", "31000001"))

    reply = await terminal.send(checkin("31000001", "CHtape 2|"), sequence=5)

    assert reply.startswith("101YNN")  # ok, resensitise, not magnetic, no alert
    assert "AOMAIN|AB31000001|AQstacks|AJMiddlemarch|AAada|CHtape 2|" in reply
    assert await library.loans() == []
    assert await library.events() == ["checkout", "checkin"]


async def test_tells_where_an_item_is(library: Library, terminal: Terminal) -> None:
    await library.patron("ada")
    await library.item("31000001", permanent_location="stacks", security_marker="02")
    question = f"17{now()}AOMAIN|AB31000001|AC|"

    on_the_shelf = await terminal.send(question)
    await terminal.send(checkout("ada", "31000001"))
    on_loan = await terminal.send(question)
    unknown = await terminal.send(f"17{now()}AOMAIN|ABnothing|AC|")

    assert on_the_shelf.startswith("18030201")
    assert "CF0|AB31000001|AJMiddlemarch|AQstacks|" in on_the_shelf
    assert on_loan.startswith("18040201")
    assert "|AH20" in on_loan
    assert unknown.startswith("18010101")
    assert unknown.endswith("ABnothing|AJ|")


async def test_refuses_in_the_form_that_terminals_know(
    library: Library, terminal: Terminal
) -> None:
    await library.patron("ada")
    await library.patron("grace", charge_ok=False, card_lost=True)
    await library.item("31000001")

    no_item = await terminal.send(checkout("ada", "nothing", "AD1234|"))
    no_patron = await terminal.send(checkout("nobody", "31000001"))
    wrong_pin = await terminal.send(checkout("ada", "31000001", "AD0|"))
    blocked = await terminal.send(checkout("grace", "31000001"))

    assert no_item.startswith("120NUN")
    assert no_item.endswith("AAada|ABnothing|AJ|AH|BLY|CQY|AFThis item is not known here.|")
    assert no_patron.endswith("AJMiddlemarch|AH|BLN|AFThis card is not known here.|")
    assert wrong_pin.endswith("AJMiddlemarch|AH|BLY|CQN|AFThe PIN is not right.|")
    assert blocked.endswith(
        "AJMiddlemarch|AH|BLY|AFThis card was reported lost. Please ask at the desk.|"
        "AFYour account is blocked. Please ask at the desk.|"
    )
    assert await library.loans() == []
    assert await library.events() == []


async def test_refuses_to_take_back_what_is_not_out(library: Library, terminal: Terminal) -> None:
    await library.item("31000001", permanent_location="stacks")

    not_out = await terminal.send(checkin("31000001"))
    unknown = await terminal.send(checkin("nothing"))

    assert not_out.startswith("100YNY")  # its strip is set, and the desk looks at it
    assert "AQstacks|AJMiddlemarch|CV99|AFThis item is not on loan.|" in not_out
    assert unknown.startswith("100NUY")
    assert unknown.endswith("ABnothing|AQ|CV99|AFThis item is not known here.|")


async def test_renews_if_the_terminal_may(library: Library, terminal: Terminal) -> None:
    await library.patron("ada")
    await library.item("31000001")
    await terminal.send(checkout("ada", "31000001", at=now(hours=1)))

    refused = await terminal.send(checkout("ada", "31000001", renew="N"))
    renewed = await terminal.send(checkout("ada", "31000001", renew="Y"))

    assert refused.startswith("120NUN")
    assert renewed.startswith("121YNN")
    assert await library.events() == ["checkout", "checkout-renew"]


async def test_never_takes_an_undoing_for_a_transaction(
    library: Library, terminal: Terminal
) -> None:
    await library.patron("ada")
    await library.item("31000001")

    undo_checkin = await terminal.send(checkout("ada", "31000001", "BIY|"))
    await terminal.send(checkout("ada", "31000001", "BIN|"))
    undo_checkout = await terminal.send(checkin("31000001", "BIY|"))

    assert undo_checkin.startswith("120NUN")
    assert undo_checkout.startswith("101YNN")
    assert await library.loans() == []
    assert await library.events() == ["checkout", "undo-checkout"]


async def test_a_repeat_gets_the_first_answer_on_any_connection(
    library: Library, terminal: Terminal, connect: Callable[[], Awaitable[Terminal]]
) -> None:
    await library.patron("ada")
    await library.item("31000001")
    request = checkout("ada", "31000001")

    first = await terminal.send(request)
    again = await terminal.send(request)
    with_a_number = await terminal.send(request, sequence=1)
    elsewhere = await (await (await connect()).login()).send(request, sequence=7)

    assert first.startswith("121")
    # the answer's own time moves on, all else is the same
    assert [each[:6] + each[24:] for each in (again, with_a_number, elsewhere)] == [
        first[:6] + first[24:]
    ] * 3
    assert await library.events() == ["checkout"]


async def test_a_late_repeat_does_not_touch_the_next_loan(
    library: Library, terminal: Terminal
) -> None:
    await library.patron("ada")
    await library.patron("grace")
    await library.item("31000001")
    await terminal.send(checkout("ada", "31000001"))
    back = checkin("31000001")
    first = await terminal.send(back)
    await terminal.send(checkout("grace", "31000001"))

    again = await terminal.send(back)

    assert again[:6] == first[:6] == "101YNN"
    assert "AAada|" in again
    assert await library.loans() == [("grace", "31000001")]


async def test_a_frozen_clock_names_no_request(library: Library, terminal: Terminal) -> None:
    await library.patron("ada")
    await library.item("31000001")
    frozen = {"at": "20200101    000000"}

    assert (await terminal.send(checkout("ada", "31000001", **frozen))).startswith("121")
    assert (await terminal.send(checkin("31000001", **frozen))).startswith("101")
    assert (await terminal.send(checkout("ada", "31000001", **frozen))).startswith("121")
    assert (await terminal.send(checkin("31000001", **frozen))).startswith("101")
    assert await library.events() == ["checkout", "checkin"] * 2


async def test_a_blank_clock_names_no_request(library: Library, terminal: Terminal) -> None:
    await library.patron("ada")
    await library.item("31000001")
    request = checkout("ada", "31000001", at=" " * 18)

    assert (await terminal.send(request)).startswith("121")
    assert (await terminal.send(request)).startswith("120")


@pytest.mark.parametrize("date", ["99991231    235959", "00010101    000000"])
async def test_dates_at_the_ends_of_time_are_as_good_as_none(
    library: Library, terminal: Terminal, date: str
) -> None:
    await library.patron("ada")
    await library.item("31000001")

    lent = await terminal.send(f"11NY{date}{date}AOMAIN|AAada|AB31000001|AC|")
    taken = await terminal.send(f"09Y{date}{date}AOMAIN|AB31000001|AC|")

    assert lent.startswith("121")
    assert taken.startswith("101")


async def test_bytes_that_are_no_text_stop_no_transaction(
    library: Library, terminal: Terminal
) -> None:
    await library.patron("ada")
    await library.item("31000001")
    await terminal.send(checkout("ada", "31000001"))

    request = checkin("31000001", "CHpi\xe8ce|").replace("APshelf", "APEntr\xe9e")
    await terminal.send_bytes(request.encode("latin-1") + b"\r")

    assert (await terminal.receive()).startswith("101")
    assert await library.loans() == []


async def test_takes_back_off_line_what_was_in(library: Library, terminal: Terminal) -> None:
    await library.item("31000001")
    offline = f"09Y{now(days=3)}{' ' * 18}APshelf|AOMAIN|AB31000001|AC|"

    assert (await terminal.send(offline)).startswith("101YNN")
    assert (await terminal.send(offline)).startswith("101YNN")
    assert await library.events() == ["checkin-no-block"]


async def test_says_nothing_of_a_pin_that_it_did_not_check(
    library: Library, terminal: Terminal
) -> None:
    await library.patron("ada")

    refused = await terminal.send(f"11NY{now()}{' ' * 18}AOMAIN|AAada|ABnothing|AC|AD9999|")

    assert refused.endswith("AH|BLY|AFThis item is not known here.|")


async def test_the_replay_row_does_not_depend_on_the_pin(
    library: Library, terminal: Terminal
) -> None:
    await library.patron("ada", address="1 Library Lane")
    await library.item("31000001")
    at = now()

    first = await terminal.send(checkout("ada", "31000001", "AD1234|", at=at))
    again = await terminal.send(checkout("ada", "31000001", at=at))

    assert first.startswith("121")
    assert again[:6] + again[24:] == first[:6] + first[24:]
    kept = await library.app.database.read(lambda tx: tx.rows("SELECT result FROM replays"), "MAIN")
    assert "31000001" in str(kept)
    assert "Library Lane" not in str(kept)


async def test_keeps_what_was_lent_off_line(library: Library, terminal: Terminal) -> None:
    await library.patron("ada", card_lost=True)
    await library.item("31000001")
    offline = f"11NY{now(days=3)}20991231    120000AOMAIN|AAada|AB31000001|AC|AD0|"

    first = await terminal.send(offline)
    again = await terminal.send(offline)

    assert first.startswith("121NNY")
    assert "AH2099-12-31|" in first
    assert again.startswith("121NNY")
    assert await library.events() == ["checkout-no-block"]
