"""A sorter's bins follow Koha's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.ils.sorting import OPERATORS, Fields, bin_for, sort_rules


def bin_of(rules: str, item: Fields, branch: str | None = "MAIN") -> str | None:
    return bin_for(sort_rules([rules]), branch, item)


@pytest.mark.parametrize("name", ["eq", "="])
def test_equal(name: str) -> None:
    assert bin_of(f"MAIN:itype:{name}:BOOK:1", {"itype": "BOOK"}) == "1"
    assert bin_of(f"MAIN:itype:{name}:BOOK:1", {"itype": "CD"}) is None
    assert bin_of(f"MAIN:itype:{name}:BOOK:1", {"itype": "book"}) is None


@pytest.mark.parametrize("name", ["ne", "!="])
def test_not_equal(name: str) -> None:
    assert bin_of(f"MAIN:itype:{name}:BOOK:1", {"itype": "CD"}) == "1"
    assert bin_of(f"MAIN:itype:{name}:BOOK:1", {"itype": "BOOK"}) is None


@pytest.mark.parametrize(
    ("name", "holds"),
    [("<", "100 339.5"), ("<=", "100 339.5 340"), (">", "341 1000"), (">=", "340 341 1000")],
)
def test_numbers_compare_as_numbers(name: str, holds: str) -> None:
    numbers = ["100", "339.5", "340", "341", "1000"]

    sorted_out = [n for n in numbers if bin_of(f"MAIN:cn:{name}:340:1", {"cn": n})]

    assert sorted_out == holds.split()


def test_negative_numbers_are_numbers() -> None:
    assert bin_of("MAIN:floor:<:-1:1", {"floor": "-10"}) == "1"
    assert bin_of("MAIN:floor:<:-1:1", {"floor": "0"}) is None


def test_numbers_are_equal_however_they_are_written() -> None:
    assert bin_of("MAIN:cn:=:340:1", {"cn": "340.0"}) == "1"


def test_long_numbers_are_told_apart() -> None:
    rule = "MAIN:barcode:=:12345678901234567:1"

    assert bin_of(rule, {"barcode": "12345678901234567"}) == "1"
    assert bin_of(rule, {"barcode": "12345678901234568"}) is None


@pytest.mark.parametrize(
    ("name", "holds"),
    [("<", "10 A"), ("<=", "10 A 9B"), (">", "9BC QA"), (">=", "9B 9BC QA")],
)
def test_the_rest_compares_as_text(name: str, holds: str) -> None:
    texts = ["10 A", "9B", "9BC", "QA"]

    sorted_out = [t for t in texts if bin_of(f"MAIN:cn:{name}:9B:1", {"cn": t})]

    assert sorted_out == [t for t in texts if t in holds and (t != "9B" or "=" in name)]


@pytest.mark.parametrize("text", ["1e3", "0x10", "٣٤٠", "nan", "Infinity", "1_000", "1.", ".5"])
def test_what_only_looks_like_a_number_is_text(text: str) -> None:
    assert (bin_of("MAIN:cn:<:5:1", {"cn": text}) == "1") is (text < "5")


def test_a_value_may_be_another_field_of_the_item() -> None:
    rule = "MAIN:homebranch:ne:$holdingbranch:X"

    assert bin_of(rule, {"homebranch": "NORTH", "holdingbranch": "MAIN"}) == "X"
    assert bin_of(rule, {"homebranch": "MAIN", "holdingbranch": "MAIN"}) is None


@pytest.mark.parametrize("name", OPERATORS)
def test_no_condition_holds_about_a_field_that_is_not_there(name: str) -> None:
    assert bin_of(f"MAIN:cn:{name}:5:1", {"cn": None}) is None
    assert bin_of(f"MAIN:cn:{name}:5:1", {}) is None
    assert bin_of(f"MAIN:cn:{name}:$other:1", {"cn": "5"}) is None


def test_an_empty_value_is_a_value() -> None:
    assert bin_of("MAIN:ccode:eq::1", {"ccode": ""}) == "1"
    assert bin_of("MAIN:ccode:ne::1", {"ccode": ""}) is None


def test_all_conditions_of_a_rule_must_hold() -> None:
    rule = "MAIN:itype:eq:BOOK:ccode:eq:TEEN:4"

    assert bin_of(rule, {"itype": "BOOK", "ccode": "TEEN"}) == "4"
    assert bin_of(rule, {"itype": "BOOK", "ccode": "ADULT"}) is None
    assert bin_of(rule, {"itype": "CD", "ccode": "TEEN"}) is None


def test_the_first_rule_that_fits_decides() -> None:
    rules = "MAIN:cn:<:340:1\nMAIN:cn:<:370:2\nMAIN:cn:<:600:3"

    assert [bin_of(rules, {"cn": n}) for n in ("200", "350", "599", "600")] == ["1", "2", "3", None]


def test_the_branch_must_be_the_one_of_the_return() -> None:
    rules = "MAIN:itype:eq:BOOK:1\nNORTH:itype:eq:BOOK:2"

    found = [bin_of(rules, {"itype": "BOOK"}, branch) for branch in ("MAIN", "NORTH", "main", None)]

    assert found == ["1", "2", None, None]


def test_a_star_is_every_branch() -> None:
    assert bin_of("*:itype:eq:BOOK:1", {"itype": "BOOK"}, "MAIN") == "1"
    assert bin_of("*:itype:eq:BOOK:1", {"itype": "BOOK"}, None) == "1"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "# MAIN:itype:eq:BOOK:9",
        "  #MAIN:itype:eq:BOOK:9",
        "MAIN:homebranch:Z",
        "MAIN",
        "MAIN:9",
        "MAIN:itype:eq:BOOK",
        "MAIN:itype:eq:BOOK:",
        "MAIN:itype:like:BOOK:9",
        "MAIN::eq::9",
        "MAIN:itype:eq:BOOK:ccode:9",
        "MAIN:itype:eq:BOOK:ccode:eq:9",
        "MAIN:itype:eq:BOOK:9:extra",
    ],
)
def test_comments_and_what_is_no_rule_are_left_out(line: str) -> None:
    assert sort_rules([line]) == ()
    assert bin_of(f"{line}\nMAIN:itype:eq:BOOK:1", {"itype": "BOOK"}) == "1"


@given(ends=st.lists(st.sampled_from(["\r", "\n", "\r\n", "\r\r\n"]), min_size=3, max_size=3))
def test_lines_may_end_in_any_way(ends: list[str]) -> None:
    lines = [f"MAIN:itype:eq:{itype}:{n}" for n, itype in enumerate(("BOOK", "CD", "MAP"), 1)]
    rules = "".join(line + end for line, end in zip(lines, ends, strict=True))

    assert [bin_of(rules, {"itype": i}) for i in ("BOOK", "CD", "MAP")] == ["1", "2", "3"]


def test_each_rule_may_stand_alone_and_blanks_around_its_parts_do_not_matter() -> None:
    rules = sort_rules(["  MAIN : itype : eq : BOOK : 1  ", "MAIN:itype:eq:COMPACT DISC:2"])

    assert bin_for(rules, "MAIN", {"itype": "BOOK"}) == "1"
    assert bin_for(rules, "MAIN", {"itype": "COMPACT DISC"}) == "2"


@given(lines=st.lists(st.text(alphabet="M:*=<>!$#ab1 \r\n")), item=st.text("ab1M"))
def test_no_line_is_too_odd(lines: list[str], item: str) -> None:
    found = bin_for(sort_rules(lines), "M", {"a": item, "b": item})

    assert found is None or any(found in line for line in lines)
