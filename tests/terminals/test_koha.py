"""What the tests of Koha's SIP2 server say of the wire, message by message.

Source: spec/sip2 6.2.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from bibliobus.ils import CirculationStatus
from bibliobus.ils.library import (
    Condition,
    HoldPolicy,
    InstitutionSettings,
    LoanPolicy,
    PatronLimits,
)
from tests.support import Library, Terminal
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture
from tests.terminals.saying import (
    checkin,
    checkout,
    counts,
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

LITERAL = "YYYYMMDDZZZZHHMMSS"


@pytest.fixture
def settings() -> InstitutionSettings:
    """Two branches; whoever owes more than 5.00 borrows nothing."""
    return InstitutionSettings(
        name="Test Library",
        time_zone="Europe/Paris",
        branches={"CPL": ("desk",), "MPL": ()},
        limits=PatronLimits(fee_limit=Decimal(5), overdue_limit=3),
        loans=LoanPolicy(loan_days=14, renewals=1),
        holds=HoldPolicy(shelf_days=7),
        sort_bins=(
            "CPL:item_type:eq:BK:call_number:<:340:A\r\n# a comment\nnonsense\r",
            "CPL:barcode:<=:200:B",
            "CPL:homebranch:ne:$holdingbranch:X",
        ),
        terminals={"role": "all", "disclosure": "legacy"},
    )


@pytest.fixture
async def koha(library: Library) -> Library:
    """Koha's usual patron and item."""
    await library.patron(
        "koha1", name="Mary Burton", address="1 Main Street Springfield", email="mary@example.org",
        phone="555 1234", birthdate="19800415", home_library="CPL", patron_class="S",
    )  # fmt: skip
    await library.patron("koha2", home_library="CPL")
    await library.item("100", "Emma", permanent_location="CPL", item_type="BK", call_number="339.9")
    await library.item("300", "Ulysses", permanent_location="MPL", item_type="BK")
    return library


@pytest.fixture
async def elsewhere(koha: Library, connect: Connect) -> Terminal:
    """A terminal at MPL."""
    await koha.terminal_account("mpl", "mpl", location="MPL", location_code="ignore")
    return await (await connect()).login("mpl", "mpl")


def first(of: str, **fields: str) -> str:
    """23 or 63 as Koha's tests write them: no language code, no time."""
    more = "".join(f"{name}{value}|" for name, value in fields.items())
    summary = " " * 10 if of == "63" else ""
    return f"{of}eng{LITERAL}{summary}AOCPL|{more}"


# ------------------------------------------------------------ patron status and information


@pytest.mark.parametrize(("of", "then"), [("23", "24"), ("63", "64")])
async def test_a_patron(koha: Library, terminal: Terminal, of: str, then: str) -> None:
    right = await terminal.send(first(of, AA="koha1", AD="1234"))
    wrong = await terminal.send(first(of, AA="koha1", AD="4321"))
    empty = await terminal.send(first(of, AA="koha1", AD=""))
    unknown = await terminal.send(first(of, AA="nobody", AD="1234"))

    assert right.startswith(f"{then}{' ' * 14}eng")
    assert "AOMAIN|AAkoha1|AEMary Burton|" in right
    assert (one(right, "BL"), one(right, "CQ")) == ("Y", "Y")
    assert (one(wrong, "BL"), one(wrong, "CQ")) == ("Y", "N")
    assert (one(empty, "BL"), one(empty, "CQ")) == ("Y", "N")
    assert (one(unknown, "BL"), one(unknown, "AE")) == ("N", "")
    assert one(unknown, "AF") == "This card is not known here."


async def test_patron_information(koha: Library, terminal: Terminal) -> None:
    answer = await terminal.send(information("koha1", AD="1234"))

    assert one(answer, "CC") == "5.00"
    assert one(answer, "BD") == "1 Main Street Springfield"
    assert (one(answer, "BE"), one(answer, "BF")) == ("mary@example.org", "555 1234")
    assert (one(answer, "PB"), one(answer, "PC"), one(answer, "AQ")) == ("19800415", "S", "CPL")


async def test_names_come_by_a_template_and_fields_can_be_hidden(
    koha: Library, connect: Connect
) -> None:
    await koha.terminal_account(
        "other", "x", personal_name="X{name}Y", hide_fields=["BD", "BE", "BF", "PB"]
    )
    other = await (await connect()).login("other", "x")

    answer = await other.send(information("koha1", AD="1234"))

    assert one(answer, "AE") == "XMary BurtonY"
    assert not any(told(answer, name) for name in ("BD", "BE", "BF", "PB"))


async def test_an_empty_pin_may_be_right_and_never_locks_a_patron_out(
    koha: Library, terminal: Terminal, connect: Connect
) -> None:
    await koha.terminal_account("lax", "x", allow_empty_passwords=True)
    lax = await (await connect()).login("lax", "x")
    for _ in range(12):
        assert one(await terminal.send(status("koha1", AD="")), "CQ") == "N"

    assert one(await lax.send(status("koha1", AD="")), "CQ") == "Y"
    assert one(await lax.send(information("koha1", AD="")), "CQ") == "Y"
    assert one(await terminal.send(status("koha1", AD="1234")), "CQ") == "Y"


async def test_a_patron_is_told_why_they_are_blocked(koha: Library, terminal: Terminal) -> None:
    await koha.patron("debarred", charge_ok=False, blocked_because="Bring back our ladder.")
    await koha.patron("expired", expires="2020-01-01")
    await koha.patron("owes")
    await koha.fee("owes", "5.01")
    for patron, reason in (
        ("debarred", "Bring back our ladder."),
        ("expired", "Your card has expired. Please renew it at the desk."),
        ("owes", "You owe too much to borrow. Please pay your fees."),
    ):
        assert one(await terminal.send(checkout(patron, "100")), "AF") == reason


@pytest.mark.parametrize("position", [*range(10), None])
async def test_eleven_summaries(koha: Library, terminal: Terminal, position: int | None) -> None:
    answer = await terminal.send(information("koha1", position))

    assert answer.startswith("64" + " " * 14)
    assert counts(answer) == [0] * 6


async def test_pages_of_fines(koha: Library, terminal: Terminal) -> None:
    fees = [await koha.fee("koha1", amount) for amount in ("1.00", "2.00")]
    for start, end, shown in (
        ("1", "1", fees[:1]),
        ("2", "2", fees[1:]),
        ("1", "2", fees),
        ("1", "99", fees),
        ("98", "99", []),
    ):
        page = await terminal.send(information("koha1", 3, BP=start, BQ=end))
        assert [each.split()[0] for each in told(page, "AV")] == shown
        assert counts(page)[3] == 2


# ------------------------------------------------------------ checkin


async def test_checkin_of_what_is_not_known_or_not_out(
    koha: Library, terminal: Terminal, connect: Connect
) -> None:
    await koha.terminal_account("lax", "x", checked_in_ok=True)
    lax = await (await connect()).login("lax", "x")

    unknown = await terminal.send(checkin("not there", AP="CPL"))
    not_out = await terminal.send(checkin("100", AP="CPL"))
    fine = await lax.send(checkin("100", AP="CPL"))

    assert (unknown[2], unknown[5]) == ("0", "Y")
    assert one(unknown, "AF") == "This item is not known here."
    assert told(unknown, "AQ") == [""]
    assert (not_out[2], not_out[5]) == ("0", "Y")
    assert one(not_out, "AF") == "This item is not on loan."
    assert (fine[2], fine[5]) == ("1", "N")
    assert told(fine, "AF") == []


async def test_checkin_of_what_belongs_elsewhere(
    koha: Library, terminal: Terminal, elsewhere: Terminal
) -> None:
    await koha.loan("koha1", "100")

    sent = await elsewhere.send(checkin("100"))
    arrived = await terminal.send(checkin("100", AP="CPL"))

    assert (sent[2], sent[5]) == ("1", "Y")
    assert (one(sent, "CV"), one(sent, "CT")) == ("04", "CPL")
    assert (arrived[2], arrived[5]) == ("1", "N")
    assert told(arrived, "CV") == told(arrived, "CT") == []


async def test_checkin_with_nothing_to_be_done(
    koha: Library, terminal: Terminal, connect: Connect
) -> None:
    await koha.terminal_account("amh", "x", cv_send_00_on_success=True, ct_always_send=True)
    amh = await (await connect()).login("amh", "x")
    await koha.loan("koha1", "100")
    plain = await terminal.send(checkin("100", AP="CPL"))
    await koha.loan("koha1", "100", days=0)
    answer = await amh.send(checkin("100", AP="CPL"))

    assert (plain[2], plain[5]) == ("1", "N")
    assert told(plain, "CV") == told(plain, "CT") == told(plain, "CY") == told(plain, "DA") == []
    assert (answer[2], answer[5]) == ("1", "N")
    assert (one(answer, "CV"), one(answer, "CT")) == ("00", "")
    assert await koha.loans() == []


async def test_checkin_of_what_waits_for_somebody(
    koha: Library, terminal: Terminal, elsewhere: Terminal
) -> None:
    await koha.loan("koha1", "100")
    await koha.hold("koha2", "100", pickup_location="CPL")

    on_its_way = await elsewhere.send(checkin("100"))
    here = await terminal.send(checkin("100", AP="CPL"))
    again = await terminal.send(checkin("100", AP="CPL"))

    assert (one(on_its_way, "CV"), one(on_its_way, "CT")) == ("02", "CPL")
    for answer in (here, again):
        assert answer.startswith("101YNY")
        assert (one(answer, "CV"), one(answer, "CT")) == ("01", "CPL")
        assert (one(answer, "CY"), one(answer, "DA")) == ("koha2", "Koha2")


async def test_checkin_without_any_time(koha: Library, terminal: Terminal) -> None:
    await koha.loan("koha1", "100")

    answer = await terminal.send(f"09N{LITERAL}{' ' * 18}AP|AO|AB100|AC|")

    assert answer.startswith("101YNN")
    assert await koha.loans() == []


async def test_checkin_of_what_was_lost_or_withdrawn(koha: Library, terminal: Terminal) -> None:
    await koha.mark("100", Condition.WITHDRAWN)
    withdrawn = await terminal.send(checkin("100", AP="CPL"))
    await koha.mark("100", Condition.LOST)
    found = await terminal.send(checkin("100", AP="CPL"))

    assert withdrawn.startswith("100NNY")
    assert one(withdrawn, "CV") == "99"
    assert found.startswith("101YNN")


@pytest.mark.parametrize(
    ("barcode", "more", "bin"),
    [
        ("901", {"item_type": "BK", "call_number": "339"}, "A"),
        ("902", {"item_type": "BK", "call_number": "340", "owner": "CPL"}, None),
        ("200", {"item_type": "DVD"}, "B"),
        ("903", {"owner": "MPL"}, "X"),
    ],
)
async def test_sort_bins(
    koha: Library, terminal: Terminal, barcode: str, more: dict[str, str], bin: str | None
) -> None:
    await koha.item(barcode, f"Title {barcode}", permanent_location="CPL", **more)
    await koha.loan("koha1", barcode)

    answer = await terminal.send(checkin(barcode, AP="CPL"))

    assert told(answer, "CL") == ([] if bin is None else [bin])


async def test_an_accounts_own_rules_are_for_the_branch_that_the_terminal_stands_in(
    koha: Library, connect: Connect
) -> None:
    await koha.terminal_account("own", "x", sort_bins=["CPL:item_type:=:BK:7"])
    own = await (await connect()).login("own", "x")  # from the desk
    for place, bin in (("CPL", ["7"]), ("desk", ["7"]), ("", ["7"]), ("MPL", [])):
        await koha.loan("koha1", "100", days=0)
        assert told(await own.send(checkin("100", AP=place)), "CL") == bin


async def test_what_was_not_out_has_its_bin_where_it_is_taken_without_a_word(
    koha: Library, connect: Connect
) -> None:
    await koha.terminal_account("amh", "x", checked_in_ok=True, ct_always_send=True)
    await koha.terminal_account("own", "x", checked_in_ok=True, sort_bins=["*:ccode:=:F:7"])
    await koha.item("901", "Fiction", permanent_location="CPL", collection_code="F")
    amh = await (await connect()).login("amh", "x")
    own = await (await connect()).login("own", "x")

    by_the_institution = await amh.send(checkin("100", AP="CPL"))
    by_its_own = await own.send(checkin("901", AP="CPL"))

    assert by_the_institution.startswith("101YNN")
    assert "|CLA|CS339.9|CT|" in by_the_institution
    assert by_its_own.startswith("101YNN")
    assert "|CL7|CRF|" in by_its_own


async def test_an_item_on_its_way_home_goes_on_to_whoever_waits(
    koha: Library, terminal: Terminal, elsewhere: Terminal
) -> None:
    await koha.loan("koha1", "100")
    assert one(await elsewhere.send(checkin("100")), "CV") == "04"
    await koha.hold("koha2", "100", pickup_location="MPL")

    answer = await terminal.send(checkin("100", AP="CPL"))

    assert answer.startswith("101YNY")
    assert (one(answer, "CV"), one(answer, "CT")) == ("02", "MPL")


# ------------------------------------------------------------ items


async def test_item_fields(koha: Library, connect: Connect) -> None:
    await koha.terminal_account(
        "other", "x", item_fields={"XY": "{item_type}", "YZ": "{call_number}"}
    )
    other = await (await connect()).login("other", "x")

    assert "|XYBK|YZ339.9|" in await other.send(item("100"))
    assert "|XYBK|" in await other.send(item("300"))
    assert "|YZ" not in await other.send(item("300"))  # which has no call number


async def test_circulation_status(koha: Library, terminal: Terminal, elsewhere: Terminal) -> None:
    async def now_it_is() -> CirculationStatus:
        return CirculationStatus(int((await terminal.send(item("100")))[2:4]))

    assert await now_it_is() == CirculationStatus.AVAILABLE
    await koha.loan("koha1", "100")
    assert await now_it_is() == CirculationStatus.CHARGED
    await elsewhere.send(checkin("100"))
    assert await now_it_is() == CirculationStatus.IN_TRANSIT
    await koha.hold("koha2", "100", pickup_location="CPL")
    await terminal.send(checkin("100", AP="CPL"))
    assert await now_it_is() == CirculationStatus.WAITING_ON_HOLD_SHELF
    await terminal.send(hold("-", "koha2", AB="100"))
    for condition, then in (
        (Condition.CLAIMED_RETURNED, CirculationStatus.CLAIMED_RETURNED),
        (Condition.LOST, CirculationStatus.LOST),
        (Condition.MISSING, CirculationStatus.MISSING),
        (Condition.ON_ORDER, CirculationStatus.ON_ORDER),
        (Condition.DAMAGED, CirculationStatus.OTHER),
    ):
        await koha.mark("100", condition)
        assert await now_it_is() == then


# ------------------------------------------------------------ what terminals send wrongly


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        (status(""), "24YYYY"),
        (information(""), "64YYYY"),
        (checkout("", "100"), "120NUN"),
        (checkout("koha1", ""), "120NUN"),
        (checkin(""), "100NUY"),
        (hold("+", "", AB="100"), "160N"),
        (hold("+", "koha1", AB=""), "160N"),
        (hold("+", "koha1"), "160N"),
        (renew("", AB="100"), "300NUN"),
        (renew("koha1", AB=""), "300NUN"),
        (renew_all(""), "66000000000"),
        (item(""), "18010101"),
        (pay("", "1.00"), "38N"),
        (f"01N{now()}AO|AL|AA|AC|", "24YYYY"),
        (f"19{now()}AO|AB|CH|", "200"),
        (f"25{now()}AO|AA|AC|", "26YYYY"),
    ],
    ids=lambda text: text[:2],
)
async def test_empty_ids(koha: Library, terminal: Terminal, asked: str, begins: str) -> None:
    assert (await terminal.send(asked)).startswith(begins)
    assert await koha.events() == []


@pytest.mark.parametrize("odd", ["||", "|||", "| |", "|XX|", "||ZZtop||"])
async def test_more_delimiters_than_needed(koha: Library, terminal: Terminal, odd: str) -> None:
    asked = information("koha1", AD="1234")

    at_the_end = await terminal.send(asked.rstrip("|") + odd)
    between = await terminal.send(asked.replace("|", odd))

    for answer in (at_the_end, between):
        assert "AAkoha1|AEMary Burton|" in answer
        assert one(answer, "CQ") == "Y"
        assert not re.search(r"ARRAY|HASH|\(|\[", answer)


async def test_barcodes_are_compared_without_blanks_around_them(
    koha: Library, terminal: Terminal
) -> None:
    answer = await terminal.send(checkout(" koha1 ", " 100"))

    assert answer.startswith("121")
    assert await koha.loans() == [("koha1", "100")]


# ------------------------------------------------------------ transactions


async def test_renew_all_on_nothing(koha: Library, terminal: Terminal) -> None:
    answer = await terminal.send(renew_all("koha1", AD=""))

    assert answer.startswith("66100000000")
    assert told(answer, "BM") == told(answer, "BN") == told(answer, "AF") == []


async def test_checkout_of_ones_own_loan_renews_it(koha: Library, terminal: Terminal) -> None:
    await koha.loan("koha1", "100")

    assert (await terminal.send(checkout("koha1", "100", renew="Y"))).startswith("121YNN")
    assert (await terminal.send(renew("koha1", AB="100"))).startswith("300NUN")  # once is enough


async def test_checkout_fills_the_hold_of_who_borrows(koha: Library, terminal: Terminal) -> None:
    await koha.hold("koha2", "100", pickup_location="CPL")
    await koha.hold("koha1", "100", pickup_location="CPL")

    not_yours = await terminal.send(checkout("koha1", "100"))
    yours = await terminal.send(checkout("koha2", "100"))

    assert one(not_yours, "AF") == "This item is on hold for another patron."
    assert yours.startswith("121NNY")
    assert counts(await terminal.send(information("koha2", AD="1234")))[5] == 0


@pytest.mark.parametrize("at", ["CPL", "MPL"])
async def test_checkout_of_what_waits_or_travels_for_another(
    koha: Library, terminal: Terminal, elsewhere: Terminal, at: str
) -> None:
    await koha.loan("koha1", "100")
    await koha.hold("koha2", "100", pickup_location=at)
    await elsewhere.send(checkin("100"))

    answer = await terminal.send(checkout("koha1", "100"))

    assert answer.startswith("120NUN")
    assert one(answer, "AF") == "This item is on hold for another patron."


async def test_no_block_asks_no_questions(koha: Library, terminal: Terminal) -> None:
    await koha.patron("debarred", charge_ok=False)

    answer = await terminal.send(f"11YY{now()}{now()}AOCPL|AAdebarred|AB100|AC|")

    assert answer.startswith("121NNY")
    assert await koha.loans() == [("debarred", "100")]


async def test_holds_are_placed_and_cancelled(koha: Library, terminal: Terminal) -> None:
    await koha.hold("koha2", "100", pickup_location="CPL")

    placed = await terminal.send(hold("+", "koha1", AD="", AB="100", BS="MPL"))
    nowhere = await terminal.send(hold("+", "koha1", AB="300", BS="nowhere"))
    cancelled = await terminal.send(hold("-", "koha1", AB="100"))
    again = await terminal.send(hold("-", "koha1", AB="100"))

    assert placed.startswith("161N")
    assert (one(placed, "BR"), one(placed, "BS")) == ("2", "MPL")
    assert nowhere.startswith("160N")
    assert cancelled.startswith("161")
    assert one(again, "AF") == "You have no such hold."


async def test_a_waiting_hold_is_cancelled(koha: Library, terminal: Terminal) -> None:
    await koha.waiting("koha1", "100", at="CPL")

    assert (await terminal.send(hold("-", "koha1", AB="100"))).startswith("161")
    assert (await terminal.send(checkout("koha2", "100"))).startswith("121")


async def test_a_fee_is_paid(koha: Library, terminal: Terminal) -> None:
    fee = await koha.fee("koha1", "100.00")

    answer = await terminal.send(pay("koha1", "100", CG=fee))

    assert answer.startswith("38Y")
    assert await koha.owed("koha1") == 0
