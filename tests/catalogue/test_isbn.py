"""ISBNs: one number, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.catalogue import isbn_in
from bibliobus.catalogue.isbn import with_check_digit

MIDDLEMARCH = "9780141439549"


@pytest.mark.parametrize(
    "text",
    [
        "9780141439549", "978-0-14-143954-9", "978 0 14 143954 9", " 978-0141439549 ",
        "978‑0‑14‑143954‑9", "978–0–14–143954–9",
        "0141439548", "0-14-143954-8", "ISBN 0-14-143954-8", "isbn:9780141439549",
        "ISBN-13: 978-0-14-143954-9", "ISBN-10 0141439548", "ISBN 13: 9780141439549",
    ],
)  # fmt: skip
def test_ten_digits_and_thirteen_are_one_number(text: str) -> None:
    assert isbn_in(text) == MIDDLEMARCH


def test_an_isbn_may_begin_like_a_kind_of_isbn() -> None:
    assert isbn_in("ISBN 1034567896") == isbn_in("1034567896")
    assert isbn_in("1034567896") is not None


@pytest.mark.parametrize("text", ["080442957X", "0-8044-2957-x", "9780804429573"])
def test_the_last_of_ten_may_be_an_x(text: str) -> None:
    assert isbn_in(text) == "9780804429573"


@pytest.mark.parametrize(
    "text",
    [
        "", "1984", "0141439549", "014143954", "X141439548", "01414395480", "9990141439549",
        "Middlemarch 9780141439549", "978014143954X", "٩٧٨٠١٤١٤٣٩٥٤٩", "9780141439549\0",
    ],
)  # fmt: skip
def test_much_else_is_none(text: str) -> None:
    assert isbn_in(text) is None


def test_thirteen_digits_may_be_misprinted() -> None:
    assert isbn_in("9780141439540") == "9780141439540"
    assert isbn_in("9791234567890") == "9791234567890"


@given(st.from_regex(r"\A97[89][0-9]{9}\Z"))
def test_the_check_digit_makes_the_weighed_sum_a_multiple_of_ten(twelve: str) -> None:
    digits = [int(each) for each in with_check_digit(twelve)]

    assert (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


@given(st.text(st.characters(codec=None), max_size=40))
def test_any_text_is_one_or_none(text: str) -> None:
    found = isbn_in(text)

    assert found is None or (len(found) == 13 and found.isascii() and found.isdecimal())
