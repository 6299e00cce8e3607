"""A terminal lends e-books, too: by ISBN, on one shelf with print, and each patron's own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bibliobus.ils import BeingConfirmed, Item, Unavailable
from bibliobus.ils.library import Condition
from bibliobus.terminals import ListenerSettings
from bibliobus.terminals.circulation import SCAN_YOUR_CARD
from bibliobus.terminals.offering import OFFER
from bibliobus.testing import MemoryCollection
from tests.support import Library, Terminal
from tests.terminals.doors import HERE, LOGIN, Doors, a_door
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture
from tests.terminals.saying import (
    BLANK,
    block,
    checkin,
    checkout,
    counts,
    hold,
    information,
    item,
    now,
    one,
    renew,
    renew_all,
    status,
    told,
)

EMMA = "9780141439587"
PERSUASION = "9780141439686"
CHARGED = 2  # which list a 63 asks for
UNAVAILABLE_HOLDS = 5


@pytest.fixture
async def vendor(library: Library) -> MemoryCollection:
    """A vendor with two copies of Emma, which decides at once."""
    await library.patron("ada")
    await library.patron("grace")
    await library.terminal_account("kiosk", "kiosk", role="all")
    vendor = MemoryCollection(library.ils, patience=0.05)
    vendor.own(EMMA, "Emma", copies=2)
    return vendor


@pytest.fixture
async def doors(library: Library, vendor: MemoryCollection) -> AsyncIterator[Doors]:
    """A door of the library, whose patrons borrow from that vendor as well."""
    here = ListenerSettings(address=HERE)
    async with a_door(library, here, collections={"oneclick": vendor}) as doors:
        yield doors


@pytest.fixture
async def terminal(doors: Doors) -> Terminal:
    """A terminal there that has logged in."""
    return await (await doors.connect()).login()


async def lent(vendor: MemoryCollection, patron: str) -> list[str]:
    """What a patron has of the vendor."""
    return [loan.item_id for loan in (await vendor.patron_account(patron)).loans]


# ------------------------------------------------ one shelf


async def test_shows_print_and_e_books_on_one_shelf(library: Library, terminal: Terminal) -> None:
    await library.item("31000001")
    await library.item("31000002", "Silas Marner")
    await library.loan("ada", "31000001", due_in=3)
    await library.loan("ada", "31000002", due_in=30)

    by_isbn_10 = await terminal.send(checkout("ada", "0-14-143958-0", AD="1234"))
    shelf = await terminal.send(information("ada", CHARGED, AD="1234"))
    page = await terminal.send(information("ada", CHARGED, AD="1234", BP="2", BQ="2"))

    assert by_isbn_10.startswith("121")
    assert one(by_isbn_10, "AJ") == "Emma"
    assert counts(shelf)[CHARGED] == 3
    assert told(shelf, "AU") == ["31000001", EMMA, "31000002"]  # what is due first comes first
    assert told(page, "AU") == [EMMA]


async def test_shows_holds_of_both_kinds(
    library: Library, terminal: Terminal, vendor: MemoryCollection
) -> None:
    vendor.own(PERSUASION, "Persuasion")
    await library.item("31000001")
    await library.loan("grace", "31000001")
    await library.hold("ada", "31000001")
    await terminal.send(checkout("grace", PERSUASION))

    placed = await terminal.send(hold("+", "ada", AB=PERSUASION))
    shelf = await terminal.send(information("ada", UNAVAILABLE_HOLDS, AD="1234"))

    assert placed.startswith("161")
    assert counts(shelf)[UNAVAILABLE_HOLDS] == 2
    assert told(shelf, "CD")[1] == PERSUASION


async def test_tells_collections_who_has_proven_to_be_here(
    terminal: Terminal, vendor: MemoryCollection
) -> None:
    await terminal.send(information("ada"))
    await terminal.send(information("ada", AD="9999"))
    await terminal.send(status("nobody", AD="1234"))
    assert vendor.guests == []

    await terminal.send(status("ada", AD="1234"))
    await terminal.send(information("grace", AD="1234"))

    assert vendor.guests == ["ada", "grace"]


# ------------------------------------------------ whose e-book comes back


async def test_ends_the_loan_of_whom_the_terminal_serves(
    terminal: Terminal, vendor: MemoryCollection
) -> None:
    await terminal.send(checkout("ada", EMMA))
    await terminal.send(checkout("grace", EMMA))
    await terminal.send(information("ada", AD="1234"))

    back = await terminal.send(checkin(EMMA))
    again = await terminal.send(checkin(EMMA))

    assert back.startswith("101")
    assert (one(back, "AA"), one(back, "AJ")) == ("ada", "Emma")
    assert again.startswith("100")  # she has it no more, and it is not Grace's that ends
    assert await lent(vendor, "ada") == []
    assert await lent(vendor, "grace") == [EMMA]


async def test_ends_nobodys_loan_if_nobody_is_known_to_be_there(
    doors: Doors, terminal: Terminal, vendor: MemoryCollection
) -> None:
    await terminal.send(checkout("ada", EMMA))
    another = await (await doors.connect()).login()

    refused = await another.send(checkin(EMMA))

    assert refused.startswith("100N")
    assert told(refused, "AF") == [SCAN_YOUR_CARD]
    assert await lent(vendor, "ada") == [EMMA]


async def test_takes_a_copy_back_from_anybody(library: Library, terminal: Terminal) -> None:
    await library.item(EMMA, "Emma in print")  # whose barcode is its ISBN
    await library.loan("grace", EMMA)
    await terminal.send(information("ada", AD="1234"))

    back = await terminal.send(checkin(EMMA))

    assert one(back, "AA") == "grace"


def code(message: str) -> str:
    """What names a test of one message: its time would do so differently in each process."""
    return message[:2]


@pytest.mark.parametrize(
    "message",
    [
        checkout("ada", EMMA, "Y"),
        renew("ada", AB=EMMA),
        renew_all("ada"),
        hold("+", "ada", AB=PERSUASION),
        status("ada"),
        information("ada"),
        information("ada", AD=""),
        status("ada", AD="1234"),
    ],
    ids=code,
)
async def test_knows_who_is_there_from(
    terminal: Terminal, vendor: MemoryCollection, message: str
) -> None:
    vendor.own(PERSUASION, "Persuasion")
    await terminal.send(checkout("ada", EMMA))
    await terminal.send(block("nobody"))  # forgets Ada

    await terminal.send(message)

    assert (await terminal.send(checkin(EMMA))).startswith("101")


@pytest.mark.parametrize(
    "message",
    [
        f"35{now()}AOMAIN|AAada|AC|",
        f"35{now()}AOMAIN|AAada|AC|AD9999|",  # refused, and she has gone all the same
        f"35{now()}AOMAIN|AAgrace|AC|",
        LOGIN,
        "9300CNkiosk|COwrong|",
        block("ada"),
        information("nobody"),
        information("grace", AD="9999"),
        information("ada", AD="9999"),
        status("ada", AD="9999"),
        checkout("ada", EMMA, AD="9999"),
        hold("-", "ada", AB=EMMA, AD="9999"),
        checkout("grace", "nothing"),
        renew("grace", AB="nothing"),
    ],
    ids=code,
)
async def test_forgets_who_was_there_at(
    terminal: Terminal, vendor: MemoryCollection, message: str
) -> None:
    await terminal.send(checkout("ada", EMMA))
    await terminal.send(message)
    if message.startswith("9300"):
        await terminal.login()

    refused = await terminal.send(checkin(EMMA))

    assert refused.startswith("100")
    assert told(refused, "AF") == [SCAN_YOUR_CARD]
    assert await lent(vendor, "ada") == [EMMA]


@pytest.mark.parametrize(
    "message",
    [
        item(EMMA),
        "9900802.00",
        checkout("ada", "nothing"),  # refused, for another reason
        f"11NY{now()}{BLANK}AOMAIN|AAgrace|AB31000001|AC|",  # Grace was there, off line
        f"11NY{now()}{BLANK}AOMAIN|AAada|AB31000001|AC|AD9999|",  # whose PIN is not looked at
    ],
    ids=code,
)
async def test_still_knows_who_is_there_after(
    library: Library, terminal: Terminal, message: str
) -> None:
    await library.item("31000001")
    await terminal.send(checkout("ada", EMMA))

    await terminal.send(message)

    assert (await terminal.send(checkin(EMMA))).startswith("101")


async def test_wants_the_pin_to_know_who_is_there_if_the_account_wants_it(
    library: Library, doors: Doors, vendor: MemoryCollection
) -> None:
    await library.terminal_account("strict", "strict", require_password=True)
    strict = await (await doors.connect()).login("strict", "strict")
    await strict.send(checkout("ada", EMMA, AD="1234"))
    await strict.send(information("nobody"))

    for without in (information("ada"), status("ada"), information("ada", AD="")):
        await strict.send(without)
        assert told(await strict.send(checkin(EMMA)), "AF") == [SCAN_YOUR_CARD]
    await strict.send(information("ada", AD="1234"))

    assert (await strict.send(checkin(EMMA))).startswith("101")


async def test_does_not_guess_who_returned_an_e_book_off_line(
    terminal: Terminal, vendor: MemoryCollection
) -> None:
    await terminal.send(checkout("ada", EMMA))

    refused = await terminal.send(f"09Y{now()}{now()}AOMAIN|AB{EMMA}|AC|")

    assert told(refused, "AF") == [SCAN_YOUR_CARD]
    assert await lent(vendor, "ada") == [EMMA]


async def test_takes_the_same_words_of_another_patron_for_another_request(
    terminal: Terminal, vendor: MemoryCollection
) -> None:
    await terminal.send(checkout("ada", EMMA))
    await terminal.send(checkout("grace", EMMA))
    back = checkin(EMMA)
    hers = await terminal.send(back)
    await terminal.send(status("ada"))
    theirs = await terminal.send(back)

    assert [one(each, "AA") for each in (hers, theirs)] == ["grace", "ada"]
    assert await lent(vendor, "ada") == await lent(vendor, "grace") == []


async def test_answers_a_repeat_on_another_connection_whoever_is_there(
    doors: Doors, terminal: Terminal, vendor: MemoryCollection
) -> None:
    """Its first answer may have been lost, and nobody has shown a card there."""
    await terminal.send(checkout("ada", EMMA))
    back = checkin(EMMA)
    first = await terminal.send(back)

    again = await (await (await doors.connect()).login()).send(back)

    assert again[:3] == first[:3] == "101"
    assert one(again, "AA") == "ada"


# ------------------------------------------------ a vendor that takes its time


@pytest.mark.parametrize("kind", ["11", "09", "29", "15"])
async def test_says_that_it_is_being_confirmed_and_stays(
    terminal: Terminal, vendor: MemoryCollection, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.INFO)
    vendor.own(PERSUASION, "Persuasion")
    await terminal.send(checkout("ada", PERSUASION))
    request = {
        "11": checkout("ada", EMMA),
        "09": checkin(PERSUASION),
        "29": renew("ada", AB=PERSUASION),
        "15": hold("+", "ada", AB=EMMA),
    }[kind]

    vendor.answers.clear()
    waiting = await terminal.send(request)
    joined = await terminal.send(request)
    vendor.answers.set()
    confirmed = await terminal.send(request)

    for answer in (waiting, joined):
        assert answer[2] == "0"
        assert told(answer, "AF") == [BeingConfirmed.screen_message]
    assert confirmed[2] == "1"
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert sum("being-confirmed" in record.getMessage() for record in caplog.records) == 2


async def test_shows_what_came_of_it_on_the_shelf(
    terminal: Terminal, vendor: MemoryCollection
) -> None:
    vendor.answers.clear()
    waiting = await terminal.send(checkout("ada", EMMA))
    before = await terminal.send(information("ada", CHARGED, AD="1234"))

    vendor.answers.set()
    await terminal.send(item(EMMA))
    shelf = await terminal.send(information("ada", CHARGED, AD="1234"))

    assert (one(waiting, "AJ"), one(waiting, "AH")) == ("Emma", "")
    assert told(before, "AU") == []
    assert told(shelf, "AU") == [EMMA]


# ------------------------------------------------ refusals


async def test_names_the_title_that_it_refuses(
    terminal: Terminal, vendor: MemoryCollection
) -> None:
    refused = await terminal.send(renew("ada", AB=EMMA))
    wrong_pin = await terminal.send(checkout("ada", EMMA, AD="9999"))

    assert refused.startswith("300")
    assert (one(refused, "AJ"), one(refused, "AF")) == ("Emma", "This item is not on loan.")
    assert wrong_pin.startswith("120")
    assert one(wrong_pin, "AJ") == "Emma"


async def test_undoes_nothing_that_a_vendor_did(
    terminal: Terminal, vendor: MemoryCollection
) -> None:
    await terminal.send(checkout("ada", EMMA))

    undo_checkout = await terminal.send(checkin(EMMA, BI="Y"))
    wrong_pin = await terminal.send(checkout("ada", EMMA, BI="Y", AD="9999"))
    undo_checkin = await terminal.send(checkout("ada", EMMA, BI="Y", AD="1234"))

    assert undo_checkout.startswith("100")
    assert undo_checkin.startswith("120")
    cannot = ["The library's system cannot do this."]
    assert told(undo_checkout, "AF") == told(undo_checkin, "AF") == cannot
    assert told(wrong_pin, "AF") == ["The PIN is not right."]
    assert await lent(vendor, "ada") == [EMMA]


# ------------------------------------------------ the e-book of a copy that cannot be had


class Troubled(MemoryCollection):
    """A collection that knows no editions just now: it fails, or says nothing."""

    silent = False

    async def edition_of(self, item: Item) -> Item | None:
        if self.silent:
            await asyncio.sleep(60)
        raise Unavailable("the database is away")


@pytest.fixture
async def copies(library: Library, vendor: MemoryCollection) -> Library:
    """Copies of Emma that Ada cannot have, each for another reason, and a terminal that says what
    she can have instead."""
    for id in ("lent", "held", "lost", "hers"):
        await library.item(id, "Emma" if id != "held" else "Persuasion")
    vendor.own(PERSUASION, "Persuasion")
    await library.loan("grace", "lent")
    await library.hold("grace", "held")
    await library.mark("lost", Condition.LOST)
    await library.loan("ada", "hers")
    await library.terminal_account("friendly", "friendly", offer_edition=True)
    return library


@pytest.fixture
async def friendly(copies: Library, doors: Doors) -> Terminal:
    """A terminal of that account."""
    return await (await doors.connect()).login("friendly", "friendly")


@pytest.mark.parametrize(("copy", "isbn"), [("lent", EMMA), ("held", PERSUASION), ("lost", EMMA)])
async def test_offers_the_e_book_of_a_copy_that_cannot_be_had(
    copies: Library, terminal: Terminal, friendly: Terminal, copy: str, isbn: str
) -> None:
    plain = await terminal.send(checkout("ada", copy))
    consoling = await friendly.send(checkout("ada", copy))

    assert plain.startswith("120NUN")
    assert consoling.startswith("120NUN")
    (reason,) = told(plain, "AF")
    assert told(consoling, "AF") == [reason, OFFER.format(isbn=isbn)]


async def test_offers_nothing_that_cannot_be_had_either(
    copies: Library, friendly: Terminal, vendor: MemoryCollection
) -> None:
    await friendly.send(checkout("grace", EMMA))
    await copies.patron("mary")
    await friendly.send(checkout("mary", EMMA))

    refused = await friendly.send(checkout("ada", "lent"))

    assert told(refused, "AF") == ["This item is already on loan."]


async def test_offers_nothing_to_who_has_the_copy(friendly: Terminal) -> None:
    again = await friendly.send(checkout("ada", "hers"))

    assert told(again, "AF") == ["This item is already on loan."]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (checkout("ada", "lent", AD="9999"), "The PIN is not right."),
        (checkout("nobody", "lent"), "This card is not known here."),
        (checkout("ada", "nothing"), "This item is not known here."),
    ],
    ids=("pin", "card", "item"),
)
async def test_offers_nothing_for_any_other_reason(
    friendly: Terminal, message: str, reason: str
) -> None:
    assert told(await friendly.send(message), "AF") == [reason]


@pytest.mark.parametrize("silent", [False, True])
async def test_refuses_all_the_same_if_nobody_knows_of_an_e_book(
    copies: Library, silent: bool
) -> None:
    troubled = Troubled(copies.ils)
    troubled.silent = silent
    here = ListenerSettings(address=HERE)
    async with a_door(copies, here, collections={"oneclick": troubled}) as doors:
        friendly = await (await doors.connect()).login("friendly", "friendly")
        began = datetime.now(UTC)
        refused = await friendly.send(checkout("ada", "lent"))

    assert told(refused, "AF") == ["This item is already on loan."]
    assert datetime.now(UTC) - began < timedelta(seconds=5)
