"""Loans are made longer: one by its item or title, somebody else's, or all of a patron's."""

from __future__ import annotations

import pytest

from bibliobus.ils.library import InstitutionSettings, LoanPolicy
from tests.support import Library, Terminal
from tests.terminals.saying import checkout, counts, information, one, renew, renew_all, told


@pytest.fixture
def settings() -> InstitutionSettings:
    """Each loan is for three weeks, and can be renewed once."""
    return InstitutionSettings(time_zone="Europe/Paris", loans=LoanPolicy(renewals=1))


@pytest.fixture
async def readers(library: Library) -> Library:
    """Ada has Emma and Middlemarch; Grace has nothing."""
    await library.patron("ada")
    await library.patron("grace")
    await library.item("e1", "Emma")
    await library.item("m1", "Middlemarch")
    await library.loan("ada", "e1", due_in=5)
    await library.loan("ada", "m1", due_in=6)
    return library


async def test_renews_by_item_or_by_title(readers: Library, terminal: Terminal) -> None:
    by_item = await terminal.send(renew("ada", AB="e1", AD="1234"), sequence=1)
    by_title = await terminal.send(renew("ada", AJ="Middlemarch"))

    assert by_item.startswith("301YNN")
    assert "AOMAIN|AAada|ABe1|AJEmma|AH20" in by_item
    assert by_title.startswith("301YNN")
    assert (one(by_title, "AB"), one(by_title, "AJ")) == ("m1", "Middlemarch")


async def test_refuses_without_a_due_date(readers: Library, terminal: Terminal) -> None:
    await terminal.send(renew("ada", AB="e1"))
    for asked, title, said in (
        (renew("ada", AB="e1"), "Emma", "This loan cannot be renewed any more."),
        (renew("grace", AB="m1"), "Middlemarch", "This item is already on loan."),
        (renew("grace", AJ="Emma"), "", "This item is not on loan."),
        (renew("ada", AB="m1", AD="0"), "Middlemarch", "The PIN is not right."),
        (renew("ada", AB="nothing"), "", "This item is not known here."),
        (renew("nobody", AB="m1"), "Middlemarch", "This card is not known here."),
        (renew("ada"), "", "This item is not on loan."),
    ):
        answer = await terminal.send(asked)
        assert answer.startswith("300NUN")
        assert (one(answer, "AJ"), one(answer, "AH"), one(answer, "AF")) == (title, "", said)


async def test_renews_for_whoever_has_it_if_the_terminal_says_so(
    readers: Library, terminal: Terminal
) -> None:
    renewed = await terminal.send(renew("grace", third_party="Y", AB="e1"))

    assert renewed.startswith("301YNN")
    assert one(renewed, "AA") == "grace"
    assert await readers.loans() == [("ada", "e1"), ("ada", "m1")]


async def test_does_not_renew_what_others_wait_for(readers: Library, terminal: Terminal) -> None:
    await readers.hold("grace", "e1")

    answer = await terminal.send(renew("ada", AB="e1"))

    assert one(answer, "AF") == "This item is on hold for another patron."


async def test_renews_all_that_may_be(readers: Library, terminal: Terminal) -> None:
    await readers.hold("grace", "e1")

    first = await terminal.send(renew_all("ada", AD="1234"), sequence=1)
    second = await terminal.send(renew_all("ada", AD="1234"))
    unproven = await terminal.send(renew_all("ada"))

    assert first.startswith("66100010001")
    assert (told(first, "BM"), told(first, "BN")) == (["m1"], ["e1"])
    assert told(first, "AF") == ["This item is on hold for another patron."]
    assert second.startswith("66100000002")
    assert told(second, "BN") == ["e1", "m1"]
    assert sorted(told(second, "AF")) == [
        "This item is on hold for another patron.",
        "This loan cannot be renewed any more.",
    ]
    assert unproven.startswith("66100000002")  # and not which, or why
    assert told(unproven, "BN") == told(unproven, "AF") == []


async def test_renews_nothing_with_a_wrong_pin(readers: Library, terminal: Terminal) -> None:
    wrong = await terminal.send(renew_all("ada", AD="0"))
    unknown = await terminal.send(renew_all("nobody"))

    assert wrong.startswith("66000000000")
    assert one(wrong, "AF") == "The PIN is not right."
    assert unknown.startswith("66000000000")
    assert one(unknown, "AF") == "This card is not known here."


async def test_says_the_same_reason_once(readers: Library, terminal: Terminal) -> None:
    await terminal.send(renew_all("ada"))

    answer = await terminal.send(renew_all("ada", AD="1234"))

    assert answer.startswith("66100000002")
    assert told(answer, "AF") == ["This loan cannot be renewed any more."]


async def test_a_terminal_that_was_off_line_is_believed(
    readers: Library, terminal: Terminal
) -> None:
    asked = renew("ada", AB="e1").replace("29NN", "29NY", 1)
    asked = asked[:22] + "20990102    120000" + asked[40:]

    assert one(await terminal.send(asked), "AH") == "2099-01-02"


# ------------------------------------------------------------ lists


async def test_pages_of_loans(readers: Library, terminal: Terminal) -> None:
    await readers.item("p1", "Persuasion")
    await readers.loan("ada", "p1", due_in=-2)
    for wanted, name, whole in ((2, "AU", ["p1", "e1", "m1"]), (1, "AT", ["p1"])):
        for start, end, page in (
            ("1", "1", whole[:1]),
            ("2", "2", whole[1:2]),
            ("1", "99", whole),
            ("", "", whole),
            ("98", "99", []),
            ("2", "1", []),
            ("1", "0", []),
        ):
            answer = await terminal.send(information("ada", wanted, AD="1234", BP=start, BQ=end))
            assert told(answer, name) == page
            assert counts(answer) == [0, 1, 3, 0, 0, 0]


async def test_one_list_is_told_at_a_time(readers: Library, terminal: Terminal) -> None:
    asked = information("ada", 2, AD="1234").replace("  Y       ", " YY       ")

    answer = await terminal.send(asked)

    assert told(answer, "AT") == told(answer, "AU") == []
    assert counts(answer)[2] == 2


async def test_a_renewed_loan_moves_back_in_the_list(readers: Library, terminal: Terminal) -> None:
    assert (await terminal.send(checkout("ada", "e1", renew="Y"))).startswith("121YNN")

    assert told(await terminal.send(information("ada", 2, AD="1234")), "AU") == ["m1", "e1"]
