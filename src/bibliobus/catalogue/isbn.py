"""ISBNs: ten digits and thirteen, with hyphens or without, are one number."""

from __future__ import annotations

import re

_AROUND = re.compile(
    r"^ISBN([- ]1[03](?=[:\s]))?:?|[\s\u2010-\u2015-]", re.IGNORECASE
)  # and in between
_ISBN_10 = re.compile(r"[0-9]{9}[0-9Xx]")
_ISBN_13 = re.compile(r"97[89][0-9]{10}")


def isbn_in(text: str) -> str | None:
    """The ISBN that a text is, as 13 digits; None: it is none.

    The check digit decides whether ten digits are one, since much else has ten digits; thirteen
    that begin as all ISBNs do are taken as they are, for there are misprinted ones.
    """
    digits = _AROUND.sub("", text.strip())
    if _ISBN_13.fullmatch(digits):
        return digits
    if _ISBN_10.fullmatch(digits) and _is_right(digits):
        return with_check_digit("978" + digits[:9])
    return None


def with_check_digit(twelve: str) -> str:
    """An ISBN of 13 digits, from the first twelve. Source: ISBN Users' Manual, 7th edition."""
    weighed = sum(int(digit) * (3 if n % 2 else 1) for n, digit in enumerate(twelve))
    return f"{twelve}{-weighed % 10}"


def _is_right(ten: str) -> bool:
    values = [10 if digit in "Xx" else int(digit) for digit in ten]
    return sum((10 - n) * value for n, value in enumerate(values)) % 11 == 0
