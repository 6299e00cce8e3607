"""Patrons place, change and give up holds at a terminal, and are told what waits for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from bibliobus.ils.library import HoldPolicy, InstitutionSettings, LoanPolicy
from tests.support import Library, Terminal
from tests.terminals.saying import checkin, checkout, counts, hold, information, item, one, told

Connect = Callable[[], Awaitable[Terminal]]

PLAIN = InstitutionSettings(time_zone="Europe/Paris")
BRANCHES = InstitutionSettings(time_zone="Europe/Paris", branches={"North": ("desk",), "South": ()})
FOR_MONEY = InstitutionSettings(
    time_zone="Europe/Paris", loans=LoanPolicy(hold_fee=Decimal("1.50"))
)
FOR_A_WHILE = InstitutionSettings(time_zone="Europe/Paris", holds=HoldPolicy(expire_days=30))


@pytest.fixture
def settings() -> InstitutionSettings:
    """A library of one place. Tests that need another one name it."""
    return PLAIN


@pytest.fixture
async def readers(library: Library) -> Library:
    """Ada, and Grace, and two copies of Emma."""
    await library.patron("ada", home_library="North")
    await library.patron("grace", home_library="South")
    await library.item("e1", "Emma")
    await library.item("e2", "Emma")
    return library


async def test_a_copy_that_is_in_can_be_fetched_at_once(
    readers: Library, terminal: Terminal
) -> None:
    placed = await terminal.send(hold("+", "ada", AB="e1", AD="1234"), sequence=2)

    assert placed.startswith("161Y")
    assert "BR1|BSNorth|AOMAIN|AAada|ABe1|AJEmma|" in placed


async def test_the_next_one_stands_behind(readers: Library, terminal: Terminal) -> None:
    await readers.hold("ada", "e1")

    placed = await terminal.send(hold("+", "grace", AB="e2"))

    assert placed.startswith("161N")
    assert one(placed, "BR") == "2"
    assert one(await terminal.send(item("e1")), "CF") == "2"


async def test_a_title_is_named_by_its_text_or_by_its_key(
    readers: Library, connect: Connect
) -> None:
    await readers.terminal_account("catalogue", "x", item_fields={"XK": "{title_key}"})
    terminal = await (await connect()).login("catalogue", "x")
    key = one(await terminal.send(item("e1")), "XK")

    by_text = await terminal.send(hold("+", "ada", AJ="Emma"))
    by_key = await terminal.send(hold("+", "grace", AJ=key))
    nothing = await terminal.send(hold("+", "grace", AJ="Persuasion"))

    assert by_text.startswith("161Y")
    assert (one(by_text, "AJ"), told(by_text, "AB")) == ("Emma", [])
    assert (one(by_key, "BR"), one(by_key, "AJ")) == ("2", "Emma")
    assert nothing.startswith("160N")
    assert (one(nothing, "AJ"), one(nothing, "AF")) == (
        "Persuasion",
        "This title is not known here.",
    )


async def test_a_specific_copy_is_waited_for(readers: Library, terminal: Terminal) -> None:
    await readers.loan("grace", "e1")

    placed = await terminal.send(hold("+", "ada", AB="e1", BY="3"))
    of_a_title = await terminal.send(hold("+", "grace", AJ="Emma", BY="3"))

    assert placed.startswith("161N")  # the other copy is in, and does not help
    assert of_a_title.startswith("160N")
    assert (await terminal.send(checkout("grace", "e2"))).startswith("121")


@pytest.mark.parametrize("kind", ["", "0", "7", "x"])
async def test_a_kind_of_hold_that_nobody_knows_is_any_copy(
    readers: Library, terminal: Terminal, kind: str
) -> None:
    assert (await terminal.send(hold("+", "ada", AB="e1", BY=kind))).startswith("161Y")


async def test_a_hold_is_changed_and_given_up(readers: Library, terminal: Terminal) -> None:
    await readers.loan("grace", "e1")
    await readers.hold("ada", "e1")

    changed = await terminal.send(hold("*", "ada", AB="e1", BW="20990301    000000", BS="desk"))
    gone = await terminal.send(hold("-", "ada", AB="e1"))
    again = await terminal.send(hold("-", "ada", AB="e1"))
    too_late = await terminal.send(hold("*", "ada", AB="e1", BS="desk"))

    assert changed.startswith("161")
    assert (one(changed, "BW"), one(changed, "BS")) == ("20990301    000000", "desk")
    assert gone.startswith("161")
    for answer in (again, too_late):
        assert answer.startswith("160N")
        assert one(answer, "AF") == "You have no such hold."
    assert await readers.events() == ["checkout-no-block", "hold", "hold-altered", "hold-cancelled"]


async def test_there_is_no_other_mode(readers: Library, terminal: Terminal) -> None:
    answer = await terminal.send(hold("?", "ada", AB="e1"))

    assert answer.startswith("160N")
    assert one(answer, "AF") == "The library's system cannot do this."
    assert await readers.events() == []


@pytest.mark.parametrize("settings", [FOR_A_WHILE])
async def test_a_day_that_is_over_is_not_taken(readers: Library, terminal: Terminal) -> None:
    ours = await terminal.send(hold("+", "ada", AB="e1", BW="20200301    000000"))
    theirs = await terminal.send(hold("+", "grace", AB="e1", BW="20990301    000000"))
    nonsense = await terminal.send(hold("*", "grace", AB="e1", BW="20260230    000000"))

    assert one(ours, "BW") > "2026"
    assert one(theirs, "BW") == one(nonsense, "BW") == "20990301    000000"


@pytest.mark.parametrize("settings", [BRANCHES])
async def test_it_is_picked_up_where_the_patron_says_or_is_at_home(
    readers: Library, terminal: Terminal
) -> None:
    said = await terminal.send(hold("+", "ada", AB="e1", BS="South"))
    at_home = await terminal.send(hold("+", "grace", AB="e1"))
    nowhere = await terminal.send(hold("*", "grace", AB="e1", BS="East"))

    assert one(said, "BS") == one(at_home, "BS") == "South"
    assert nowhere.startswith("160N")
    assert one(nowhere, "AF") == "Holds cannot be picked up there."


@pytest.mark.parametrize("settings", [FOR_MONEY])
async def test_what_a_hold_costs_is_accepted_first(readers: Library, terminal: Terminal) -> None:
    asked = await terminal.send(hold("+", "ada", AB="e1"))
    declined = await terminal.send(hold("+", "ada", AB="e1", BO="N"))
    placed = await terminal.send(hold("+", "ada", AB="e1", BO="Y"))

    for answer in (asked, declined):
        assert answer.startswith("160N")
        assert told(answer, "AF") == ["There is a fee for this.", "1.50 EUR"]
    assert placed.startswith("161Y")
    assert await readers.owed("ada") == Decimal("1.50")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"AB": "e1", "AD": "0000"}, "The PIN is not right."),
        ({"AB": "nothing"}, "This item is not known here."),
        ({}, "This title is not known here."),
    ],
)
async def test_refuses_and_says_why(
    readers: Library, terminal: Terminal, fields: dict[str, str], said: str
) -> None:
    answer = await terminal.send(hold("+", "ada", **fields))

    assert answer.startswith("160N")
    assert (one(answer, "AA"), one(answer, "AF")) == ("ada", said)


async def test_refuses_what_makes_no_sense(readers: Library, terminal: Terminal) -> None:
    await readers.patron("eve", hold_ok=False)
    await readers.loan("grace", "e2")
    await readers.hold("ada", "e1")
    for patron, said in (
        ("eve", "You cannot place a hold on this."),
        ("grace", "You have this title on loan."),
        ("ada", "You have a hold on this title already."),
        ("nobody", "This card is not known here."),
    ):
        assert one(await terminal.send(hold("+", patron, AB="e1")), "AF") == said


async def test_lists_tell_what_waits_from_what_is_still_to_come(
    readers: Library, terminal: Terminal
) -> None:
    await readers.item("m1", "Middlemarch")
    await readers.loan("grace", "m1")
    await readers.hold("ada", "m1")
    await readers.waiting("ada", "e1")

    ready = await terminal.send(information("ada", 0, AD="1234"))
    to_come = await terminal.send(information("ada", 5, AD="1234"))

    for answer in (ready, to_come):
        assert counts(answer) == [1, 0, 0, 0, 0, 1]
    assert (told(ready, "AS"), told(ready, "CD")) == (["e1"], [])
    assert (told(to_come, "AS"), told(to_come, "CD")) == ([], ["Middlemarch"])


async def test_all_holds_in_one_list_are_paged_as_one(readers: Library, connect: Connect) -> None:
    await readers.terminal_account("all", "x", hold_items="all", hold_entry="{title}")
    terminal = await (await connect()).login("all", "x")
    await readers.item("m1", "Middlemarch")
    await readers.hold("ada", "m1")
    await readers.waiting("ada", "e1")
    for start, end, page in (
        ("1", "1", ["Emma"]),
        ("2", "2", ["Middlemarch"]),
        ("1", "99", ["Emma", "Middlemarch"]),
        ("2", "1", []),
        ("98", "99", []),
        ("0", "0", []),
    ):
        answer = await terminal.send(information("ada", 0, AD="1234", BP=start, BQ=end))
        assert told(answer, "AS") == page
        assert counts(answer)[0] == 2


@pytest.mark.parametrize("settings", [BRANCHES])
async def test_a_sorter_is_told_for_whom_an_item_waits_and_a_self_check_is_not(
    readers: Library, terminal: Terminal, connect: Connect
) -> None:
    await readers.terminal_account("sorter", "x", location="North", role="sorter")
    sorter = await (await connect()).login("sorter", "x")
    await readers.hold("ada", "e1", pickup_location="North")

    for_patrons = await terminal.send(checkin("e1", AP="North"))
    for_staff = await sorter.send(checkin("e1", AP="North"))
    shelf = await terminal.send(item("e1"))

    for answer in (for_patrons, for_staff):
        assert answer.startswith("101YNY")
        assert (one(answer, "CV"), one(answer, "CT")) == ("01", "North")
    assert told(for_patrons, "CY") == told(for_patrons, "DA") == []
    assert (one(for_staff, "CY"), one(for_staff, "DA")) == ("ada", "Ada")
    assert shelf.startswith("1808")
    assert len(one(shelf, "CM")) == 18
    assert told(shelf, "CY") == []
