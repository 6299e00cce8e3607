"""Amounts: `Decimal` in whole units outside, whole minor units (cents) where they are added up.

Source: ISO 4217, whose exponents these are; most currencies have two digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

CURRENCY = re.compile("[A-Z]{3}")

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_DIGITS: Mapping[str, int] = {
    currency: digits
    for digits, currencies in ((0, _NONE), (3, _THREE), (4, _FOUR))
    for currency in currencies.split()
}
_MOST_DIGITS = 13  # before the point; sums of such amounts still fit a database's integer


def to_minor(amount: Decimal, currency: str) -> int:
    """An amount in whole units as minor units.

    Raises:
        ValueError: It is no number or no likely one, or has more digits than the currency.
    """
    if not amount.is_finite() or amount.adjusted() >= _MOST_DIGITS:
        raise ValueError(f"{amount} is no amount of money")
    digits = _DIGITS.get(currency, 2)
    whole = amount.quantize(Decimal(1).scaleb(-digits))
    if whole != amount:  # compared exactly, however many digits it has
        raise ValueError(f"{amount} has more digits than {currency} has")
    return int(whole.scaleb(digits))


def from_minor(minor: int, currency: str) -> Decimal:
    """Minor units as an amount in whole units, with as many digits as the currency has."""
    return Decimal(minor).scaleb(-_DIGITS.get(currency, 2))
