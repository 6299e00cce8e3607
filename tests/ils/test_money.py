"""Amounts become minor units and come back, exactly or not at all."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.ils.money import from_minor, to_minor

DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "EUR USD GBP SEK MGA",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
CURRENCIES = [(each, digits) for digits, names in DIGITS.items() for each in names.split()]


@pytest.mark.parametrize(("currency", "digits"), CURRENCIES)
def test_knows_how_many_digits_a_currency_has(currency: str, digits: int) -> None:
    smallest = from_minor(1, currency)

    assert smallest == Decimal(10) ** -digits
    assert str(from_minor(120_000, currency)) == f"{Decimal(120_000) / 10**digits:.{digits}f}"
    with pytest.raises(ValueError, match=f"has more digits than {currency} has"):
        to_minor(smallest / 10, currency)


@given(currency=st.sampled_from(CURRENCIES), minor=st.integers(-(10**12), 10**12))
def test_gives_back_what_it_was_given(currency: tuple[str, int], minor: int) -> None:
    name, digits = currency

    amount = from_minor(minor, name)

    assert to_minor(amount, name) == minor
    assert to_minor(amount.normalize(), name) == minor  # 1.5 as well as 1.50
    assert amount.as_tuple().exponent == -digits


@given(
    currency=st.sampled_from(CURRENCIES),
    minor=st.integers(0, 10**12),
    further=st.integers(1, 60),
)
def test_refuses_more_digits_than_the_currency_has(
    currency: tuple[str, int], minor: int, further: int
) -> None:
    name, digits = currency
    amount = Decimal((0, tuple(map(int, f"{minor}{1:0{further}}")), -digits - further))

    with pytest.raises(ValueError, match="has more digits than"):
        to_minor(amount, name)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "-NaN", "Infinity", "-Infinity"])
def test_refuses_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount of money"):
        to_minor(Decimal(text), "EUR")


@pytest.mark.parametrize("text", ["1E+13", "-1E+13", "9E+999999", "10000000000000.00"])
def test_refuses_what_nobody_owes(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount of money"):
        to_minor(Decimal(text), "EUR")


@pytest.mark.parametrize("currency", [currency for currency, _ in CURRENCIES])
def test_the_greatest_amount_fits_many_times_into_a_database_integer(currency: str) -> None:
    greatest = to_minor(Decimal("9999999999999"), currency)

    assert greatest * 90 < 2**63


def test_refuses_the_tiniest_amount_in_no_time() -> None:
    with pytest.raises(ValueError, match="has more digits than EUR has"):
        to_minor(Decimal("1E-999999"), "EUR")


@pytest.mark.parametrize("text", ["0", "-0", "0.000000", "0E-40", "0E+3"])
def test_nothing_is_nothing(text: str) -> None:
    assert to_minor(Decimal(text), "EUR") == 0
