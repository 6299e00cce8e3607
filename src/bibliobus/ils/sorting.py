"""Which bin of a sorter an item goes to, by rules as Koha has them.

A rule is a line: `branch:field:operator:value[:field:operator:value …]:bin`. The branch must be
the one where the item came back, or `*`. Operators are `eq = ne != < > <= >=`; numbers compare as
numbers, the rest as text. A value `$field` is another field of the item. No condition holds about a
field that the item does not have. The first rule whose conditions all hold gives the bin. Empty
lines, comments (`#`) and what is no rule are left out.

Source: Koha's SIP2SortBinMapping; spec/sip2 5.2.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from bibliobus.ils.records import Item

Fields = Mapping[str, str | None]

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {  # two numbers, or two texts
    "eq": operator.eq,
    "=": operator.eq,
    "ne": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_CONDITION = 3  # parts: field, operator, value


class SortRule(NamedTuple):
    """One line, taken apart."""

    branch: str
    conditions: tuple[tuple[str, str, str], ...]
    bin: str


def sort_rules(lines: Iterable[str]) -> tuple[SortRule, ...]:
    """The rules in these lines; each may hold several, with any line ends."""
    found = (_rule(line.strip()) for text in lines for line in text.splitlines())
    return tuple(rule for rule in found if rule is not None)


def bin_for(rules: Iterable[SortRule], branch: str | None, item: Fields) -> str | None:
    """The bin of the first rule that fits; None if none does."""
    for rule in rules:
        if rule.branch in ("*", branch) and all(
            _holds(item, field, name, value) for field, name, value in rule.conditions
        ):
            return rule.bin
    return None


def fields_of(item: Item, branch: str | None) -> Fields:
    """What rules may name of an item that came back at this branch, and Koha's names for it."""
    ours = {
        "barcode": item.id,
        "item_type": item.item_type,
        "media_type": item.media_type,
        "collection_code": item.collection_code,
        "call_number": item.call_number,
        "owner": item.owner,
        "permanent_location": item.permanent_location,
        "destination": item.destination,
    }
    return ours | {
        "itype": item.item_type,
        "effective_itemtype": item.item_type,
        "ccode": item.collection_code,
        "itemcallnumber": item.call_number,
        "homebranch": item.owner,
        "holdingbranch": branch,  # Koha's returns set it first
        "location": item.permanent_location,
    }


def _rule(line: str) -> SortRule | None:
    branch, *middle = (part.strip() for part in line.split(":"))
    if line.startswith("#") or len(middle) < 1 + _CONDITION or len(middle) % _CONDITION != 1:
        return None
    *parts, bin_ = middle
    conditions = tuple(
        (parts[n], parts[n + 1], parts[n + 2]) for n in range(0, len(parts), _CONDITION)
    )
    if not bin_ or any(not field or name not in OPERATORS for field, name, _ in conditions):
        return None
    return SortRule(branch, conditions, bin_)


def _holds(item: Fields, field: str, name: str, value: str) -> bool:
    left = item.get(field)
    right = item.get(value[1:]) if value.startswith("$") else value
    if left is None or right is None:
        return False
    if _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right):
        return OPERATORS[name](Decimal(left), Decimal(right))  # exact: barcodes are long
    return OPERATORS[name](left, right)
