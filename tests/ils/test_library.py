"""A library's settings and its document: what they may say, and what is refused."""

from __future__ import annotations

import tomllib
from datetime import date, time
from decimal import Decimal

import msgspec
import pytest

from bibliobus.ils.library import (
    Calendar,
    InstitutionSettings,
    Library,
    LoanPolicy,
    PatronEntry,
    read_library,
)

ADA = {"id": "ada", "name": "Ada Lovelace"}
BOOK = {"id": "1", "title": "Middlemarch"}


def from_toml(text: str) -> InstitutionSettings:
    return msgspec.convert(tomllib.loads(text), InstitutionSettings)


def from_json(**settings: object) -> InstitutionSettings:
    return msgspec.json.decode(msgspec.json.encode(settings), type=InstitutionSettings)


def document(**parts: object) -> bytes:
    return msgspec.json.encode({"institutions": {"MAIN": {}, "NORTH": {}}, **parts})


# -------------------------------------------------------- rules


def test_without_rules_all_is_as_in_loans() -> None:
    (rule,) = InstitutionSettings(loans=LoanPolicy(loan_days=7, renewals=1)).rules()

    assert (rule.loan_days, rule.renewals) == (7, 1)
    assert (rule.patron_class, rule.item_type, rule.location) == (None, None, None)


def test_a_rule_has_what_it_says_and_the_rest_from_loans() -> None:
    settings = from_toml("""
        [loans]
        loan_days = 14
        renewals = 5
        overdue_fee = 0.25

        [[loan_rules]]
        item_type = "dvd"
        loan_days = 3

        [[loan_rules]]
        patron_class = "staff"
        overdue_fee = 0
    """)

    dvd, staff, usual = settings.rules()

    assert (dvd.item_type, dvd.loan_days, dvd.renewals) == ("dvd", 3, 5)
    assert dvd.overdue_fee == Decimal("0.25")
    assert (staff.patron_class, staff.loan_days, staff.overdue_fee) == ("staff", 14, Decimal(0))
    assert (usual.patron_class, usual.item_type, usual.loan_days) == (None, None, 14)


def test_a_rule_can_say_what_is_usual_elsewhere() -> None:
    (rule, _) = from_toml("""
        loans = {renewals = 9, holds = false, loan_limit = 5}
        loan_rules = [{item_type = "book", renewals = 2, holds = true, loan_limit = 50}]
    """).rules()

    assert (rule.renewals, rule.holds, rule.loan_limit) == (2, True, 50)


def test_a_rule_with_days_is_not_by_hours_even_if_loans_are() -> None:
    by_days, of_kits, usual = from_toml("""
        loans = {loan_hours = 2}
        loan_rules = [{item_type = "book", loan_days = 21}, {item_type = "kit", renewals = 0}]
    """).rules()

    assert (by_days.loan_days, by_days.loan_hours) == (21, None)
    assert (of_kits.loan_hours, usual.loan_hours) == (2, 2)


def test_a_rule_may_have_both_days_and_hours() -> None:
    (rule, _) = from_json(loan_rules=[{"loan_days": 3, "loan_hours": 4}]).rules()

    assert rule.loan_hours == 4


def test_null_takes_away_what_loans_have() -> None:
    (rule, _) = from_json(
        loans={"loan_hours": 2, "overdue_fee_limit": 5},
        loan_rules=[{"loan_hours": None, "overdue_fee_limit": None}],
    ).rules()

    assert (rule.loan_hours, rule.overdue_fee_limit) == (None, None)


@pytest.mark.parametrize("written", ["0.25", '"0.25"', "0.250", "25e-2"])
def test_amounts_are_exact_however_they_are_written(written: str) -> None:
    toml = f"loans = {{hold_fee = {written}}}\nloan_rules = [{{rental_fee = {written}}}]"
    json = f'{{"loans": {{"hold_fee": {written}}}, "loan_rules": [{{"rental_fee": {written}}}]}}'

    of_json = msgspec.json.decode(json.encode(), type=InstitutionSettings)

    for settings in (from_toml(toml), of_json):
        rule, usual = settings.rules()
        assert rule.rental_fee == rule.hold_fee == usual.hold_fee == Decimal("0.25")


def test_a_tenth_is_a_tenth() -> None:
    (rule, _) = from_toml("loan_rules = [{overdue_fee = 0.1, overdue_fee_limit = 5}]").rules()

    assert (rule.overdue_fee, rule.overdue_fee_limit) == (Decimal("0.1"), Decimal(5))


def test_settings_survive_being_written_down() -> None:
    settings = from_toml("""
        loans = {overdue_fee = 0.1}
        loan_rules = [{item_type = "dvd", overdue_fee = 0.25, loan_hours = 3}]
        limits_by_class = {child = {fee_limit = 2.5}}
        calendar = {closes_at = 18:00:00, closed_on = [2026-12-25]}
    """)

    read = msgspec.json.decode(msgspec.json.encode(settings), type=InstitutionSettings)

    assert read == settings
    assert read.rules() == settings.rules()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"colour": "red"}, "unknown field `colour`"),
        ({"renewals": "two"}, r"Expected `int`, got `str` - at `\$.renewals`"),
        ({"renewals": "2"}, r"Expected `int`, got `str` - at `\$.renewals`"),
        ({"renewals": True}, "got `bool`"),
        ({"renewals": 1.5}, "got `float`"),
        ({"renewals": None}, "got `null`"),
        ({"renewals": -1}, ">= 0"),
        ({"loan_hours": "null"}, "got `str`"),
        ({"loan_days": 100_000}, "<= 99999"),
        ({"loan_hours": 10**30}, "<= 99999"),
        ({"lent": 1}, "got `int`"),
        ({"item_type": 5}, "got `int`"),
        ({"hold_fee": True}, "got `bool`"),
        ({"hold_fee": "a lot"}, "Invalid decimal"),
        ({"hold_fee": -0.25}, "`hold_fee` is -0.25: it can only be 0 or more"),
        ({"hold_fee": "NaN"}, "`hold_fee` is NaN"),
        ({"hold_fee": float("inf")}, "`hold_fee` is Infinity"),
        ({"hold_fee": 1e20}, "`hold_fee`: 1E[+]20 is no amount of money"),
        ({"rental_fee": 0.001}, "`rental_fee`: 0.001 has more digits than EUR has"),
        ({"overdue_fee": 0.001}, "`overdue_fee`: "),
        ({"overdue_fee_limit": 0.001}, "`overdue_fee_limit`: "),
        ({"replacement_fee": 0.001}, "`replacement_fee`: "),
    ],
)
def test_what_a_rule_may_not_say_is_told_with_its_number(
    rule: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=f"^rule 2 of `loan_rules`: .*{words}"):
        InstitutionSettings(loan_rules=({"item_type": "dvd"}, rule))


# -------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"time_zone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'"),
        ({"time_zone": ""}, "there is no time zone ''"),
        ({"time_zone": "Europe"}, "there is no time zone 'Europe'"),
        ({"time_zone": "../passwd"}, "there is no time zone"),
        ({"encoding": "klingon"}, "'klingon' is no encoding that keeps ASCII"),
        ({"encoding": "utf-16"}, "'utf-16' is no encoding that keeps ASCII"),
        ({"encoding": "undefined"}, "'undefined' is no encoding that keeps ASCII"),
        ({"encoding": "\0"}, "is no encoding that keeps ASCII"),
        ({"currency": "eur"}, "'eur' is no currency"),
        ({"currency": "EURO"}, "'EURO' is no currency"),
        ({"currency": "EUR\n"}, "is no currency"),
        ({"overpayment": "keep"}, "Invalid enum value 'keep'"),
        ({"history_days": -1}, ">= 0"),
        ({"timeout": 1000}, "<= 999"),
        ({"retries": -1}, ">= 0"),
        ({"holds": {"shelf_days": 100_000}}, "<= 99999"),
        ({"calendar": {"closed_weekdays": [1, 2, 3, 4, 5, 6, 7]}}, "all days of the week"),
        ({"calendar": {"closed_weekdays": [7, 6, 5, 4, 3, 2, 1, 1]}}, "all days of the week"),
        ({"calendar": {"closed_weekdays": [0]}}, ">= 1"),
        ({"calendar": {"closed_weekdays": [8]}}, "<= 7"),
        ({"calendar": {"closes_at": "18:00:00Z"}}, "no timezone"),
        ({"calendar": {"closed_on": ["2026-02-30"]}}, "Invalid RFC3339 encoded date"),
        ({"loans": {"overdue_fee": -1}}, "`overdue_fee` is -1: it can only be 0 or more"),
        ({"loans": {"overdue_fee": 0.001}}, "`loans`: `overdue_fee`: 0.001 has more digits"),
        ({"loans": {"overdue_fee": 0.5}, "currency": "JPY"}, "more digits than JPY has"),
        ({"limits": {"fee_limit": "-0.01"}}, "`fee_limit` is -0.01"),
        ({"limits": {"fee_limit": 0.001}}, "`limits`: `fee_limit`: 0.001 has more digits"),
        ({"limits_by_class": {"child": {"fee_limit": 0.001}}}, "`limits_by_class` of 'child': "),
        ({"loan_rules": ["dvd"]}, "Expected `object`, got `str`"),
    ],
)
def test_refuses_what_nobody_can_follow(settings: dict[str, object], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        from_json(**settings)


def test_takes_what_can_be_followed() -> None:
    settings = from_json(
        time_zone="America/Nuuk",
        encoding="cp850",
        currency="KWD",
        loans={"overdue_fee": 0.125},
        limits={"fee_limit": 10},
        calendar={"closes_at": "18:30:00", "closed_weekdays": [1, 2, 3, 4, 5, 6, 6]},
    )

    assert settings.loans.overdue_fee == Decimal("0.125")
    assert settings.calendar == Calendar(
        closes_at=time(18, 30), closed_weekdays=(1, 2, 3, 4, 5, 6, 6)
    )


# -------------------------------------------------------- the document


def test_reads_a_document_and_leaves_unknown_names_alone() -> None:
    library = read_library(
        document(
            patrons=[ADA | {"class": "staff", "birthdate": "18151210", "shoe_size": 37}],
            items=[BOOK | {"price": 12.5, "condition": "damaged"}],
            loans=[
                {
                    "patron": "ada",
                    "item": "1",
                    "lent_at": "2026-03-02T10:00:00Z",
                    "due_at": "2026-03-23T10:00:00Z",
                }
            ],
            holds=[{"patron": "ada", "item": "1"}],
            fees=[{"patron": "ada", "amount": 0.1}],
        )
    )

    assert library.patrons[0].patron_class == "staff"
    assert library.patrons[0].birth_on == date(1815, 12, 10)
    assert library.patrons[0].expires_on is None
    assert library.items[0].price == Decimal("12.5")
    assert library.fees[0].amount == Decimal("0.1")


def test_a_card_ends_on_a_day() -> None:
    assert PatronEntry(id="ada", name="Ada", expires="2027-01-31").expires_on == date(2027, 1, 31)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"patrons": [{"id": "ada"}]}, "missing required field `name`"),
        ({"patrons": [ADA | {"birthdate": "10 December"}]}, "patron 'ada': .*10 December"),
        ({"patrons": [ADA | {"expires": "2026-02-30"}]}, "patron 'ada': .*day"),
        (
            {
                "patrons": [ADA | {"institution": "MAIN"}],
                "fees": [{"patron": "ada", "amount": 1, "institution": "NORTH"}],
            },
            "a fee of 'ada' is of a stranger in 'NORTH'",
        ),
        (
            {
                "patrons": [ADA],
                "items": [BOOK | {"institution": "MAIN"}],
                "holds": [{"patron": "ada", "item": "1"}],
            },
            "a hold is of item '1', which is not in `items` of 'NORTH'",
        ),
        ({"items": [BOOK | {"price": -1}]}, "`price` is -1: it can only be 0 or more"),
        ({"items": [BOOK | {"security_marker": "x"}]}, "security_marker"),
        ({"patrons": [ADA], "fees": [{"patron": "ada", "amount": -1}]}, "`amount` is -1"),
        ({"fees": [{"patron": "bob", "amount": 1}]}, "a fee of 'bob' is of a stranger"),
        ({"patrons": [ADA], "holds": [{"patron": "ada", "item": "9"}]}, "a hold is of item '9'"),
        (
            {"patrons": [ADA | {"institution": "SOUTH"}]},
            "it names the institution 'SOUTH', which is not under `institutions`",
        ),
        ({"accounts": [{"login": "a", "password": "b", "institution": "WEST"}]}, "'WEST'"),
    ],
)
def test_says_what_is_wrong_with_a_document(parts: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_library(document(**parts))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"institutions": {"\xff": {}}}'])
def test_refuses_what_is_no_document(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_library(data)


def test_a_part_has_what_is_its_own_and_what_is_everybodys() -> None:
    account = {"login": "kiosk", "password": "x", "institution": "NORTH"}
    library = read_library(
        document(
            accounts=[account, account | {"institution": "MAIN"}],
            patrons=[ADA, ADA | {"id": "bob", "institution": "MAIN"}],
            items=[BOOK | {"institution": "NORTH"}, BOOK | {"id": "2", "institution": "MAIN"}],
            fees=[{"patron": "bob", "amount": 1, "institution": "MAIN"}],
        )
    )

    north = library.of("NORTH")

    assert north == Library(
        institutions={"NORTH": library.institutions["NORTH"]},
        accounts=library.accounts[:1],
        patrons=library.patrons[:1],
        items=library.items[:1],
    )
