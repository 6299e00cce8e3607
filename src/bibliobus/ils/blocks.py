"""Why a patron may not borrow, as far as the record tells: for lenders who are not the ILS."""

from __future__ import annotations

from datetime import date

from bibliobus.ils.errors import (
    CardExpired,
    CardLost,
    OwesTooMuch,
    PatronBlocked,
    RecallOverdue,
    TooManyClaims,
    TooManyLost,
    TooManyOverdue,
)
from bibliobus.ils.records import Patron


def blocks_of(patron: Patron, today: date) -> tuple[PatronBlocked, ...]:
    """All of a patron's blocks, the gravest first; none: they may borrow.

    Args:
        patron: As the ILS shows them. Limits of its own loans (`too_many_charged`) are no blocks.
        today: By the library's clock.
    """
    flags: tuple[tuple[object, type[PatronBlocked]], ...] = (
        (patron.card_lost, CardLost),
        (patron.expires_on is not None and patron.expires_on < today, CardExpired),
        (patron.excessive_fines or patron.excessive_fees, OwesTooMuch),
        (patron.too_many_billed, OwesTooMuch),
        (patron.too_many_overdue, TooManyOverdue),
        (patron.too_many_lost, TooManyLost),
        (patron.too_many_claim_return, TooManyClaims),
        (patron.recall_overdue, RecallOverdue),
    )
    found = dict.fromkeys(block for there, block in flags if there)
    if not found and not patron.charge_ok:
        found[PatronBlocked] = None
    return tuple(block() for block in found)
