"""Which titles have a copy that can be borrowed at once: what a search for those asks."""

from __future__ import annotations

from collections.abc import Sequence

from bibliobus.database import rows_among
from bibliobus.embedded.call import Call
from bibliobus.ils.library import Condition

# Whoever waits for any copy at one place only counts as if any would do: that is decided at the
# desk, and here it is only told what is worth going for.
_COPIES_IN = """
SELECT DISTINCT items.title, item_type, permanent_location FROM items
WHERE items.institution = :institution AND transit_to IS NULL
    AND (condition IS NULL OR condition = :damaged)
    AND NOT EXISTS (SELECT 1 FROM loans WHERE loans.institution = items.institution
        AND loans.item = items.key AND loans.ended_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM holds WHERE holds.institution = items.institution
        AND holds.title = items.title AND holds.ended_at IS NULL
        AND (holds.copy = items.key OR holds.copy IS NULL
            AND (holds.item IS NULL OR holds.item = items.key)
            AND (suspended_until IS NULL OR suspended_until <= :now)
            AND (expires_at IS NULL OR expires_at > :now)))
    AND items.title IN (:values)"""


def lendable(call: Call, titles: Sequence[int]) -> set[int]:
    """Of these titles, by key, those with a copy that is in, that nobody waits for, and that the
    library lends to patrons of no particular class."""
    rows = rows_among(call.tx, _COPIES_IN, titles, damaged=Condition.DAMAGED.value, now=call.at)
    rule = call.policies.loan_rule
    return {title for title, item_type, place in rows if rule(None, item_type, place).lent}
