"""Whoever cannot have a copy may have the e-book: what a terminal says of it, if its account wants
that. It is a consolation, so no trouble with it spoils the refusal, nor keeps it waiting."""

from __future__ import annotations

import asyncio

from bibliobus.ils import (
    AlreadyOnLoan,
    CirculationError,
    Institution,
    Item,
    ItemNotAvailable,
    OnHoldForAnother,
)
from bibliobus.sip2.messages import Checkout
from bibliobus.terminals.call import Call

WITHIN = 1.0  # seconds that the refusal waits for it; a terminal waits ten in all
OFFER = "You can borrow it digitally at once: scan or type {isbn}."


async def offer(call: Call, request: Checkout, error: CirculationError) -> tuple[str, ...]:
    """What the patron is to read after the refusal of a copy; nothing if there is nothing to
    offer."""
    no_copy = isinstance(error, AlreadyOnLoan | OnHoldForAnother | ItemNotAvailable)
    if not (no_copy and call.account.settings.offer_edition and call.institution.collections):
        return ()
    try:
        async with asyncio.timeout(WITHIN):
            edition = await _edition(call.institution, request.patron_id, request.item_id)
    except (CirculationError, TimeoutError):
        return ()
    return () if edition is None else (OFFER.format(isbn=edition.id),)


async def _edition(institution: Institution, patron_id: str, item_id: str) -> Item | None:
    """What there is instead of a copy, unless the patron has that copy, and wanted to renew it."""
    copy = await institution.ils.find_item(item_id)
    if copy is None:
        return None
    account = await institution.ils.patron_account(patron_id)
    if copy.id in [loan.item_id for loan in account.loans]:
        return None
    return await institution.edition_of(copy)
