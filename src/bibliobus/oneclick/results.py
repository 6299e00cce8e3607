"""What the port tells of a title, a loan or a hold that a vendor lends.

Results are built in the transaction that applies an intent, and kept with it as JSON: a repeat is
answered with the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from bibliobus.catalogue import store
from bibliobus.catalogue.store import Found, is_lent
from bibliobus.database import Transaction
from bibliobus.ils.records import (
    CheckinResult,
    CheckoutResult,
    CirculationStatus,
    Hold,
    HoldResult,
    Item,
    Loan,
    Patron,
    without_contact,
)
from bibliobus.ils.records import Record as Result
from bibliobus.oneclick.desk import Desk
from bibliobus.oneclick.intents import Intent, Kind
from bibliobus.oneclick.shelf import Entry
from bibliobus.oneclick.shelf import Kind as Shelved

NOW_A_LOAN = "You have it on loan now: it was free."


def result_of(
    tx: Transaction, desk: Desk, intent: Intent, patron: Patron, entry: Entry, *, is_there: bool
) -> str:
    """What an intent resulted in, as JSON of its kind's result.

    Args:
        tx: The transaction that applies it.
        desk: Of the collection.
        intent: What was wanted.
        patron: By whom.
        entry: The loan or hold, as it is now or was last.
        is_there: Whether it is.
    """
    item = item_of(entry, store.title_of(tx, desk.collection, entry.isbn))
    who = without_contact(patron)
    result: Result
    if intent.kind in (Kind.CHECKOUT, Kind.RENEW):
        due_at = due_of(desk, entry)
        result = CheckoutResult(
            patron=who,
            item=replace(item, circulation_status=CirculationStatus.CHARGED, due_at=due_at),
            due_at=due_at,
            renewal_ok=intent.kind is Kind.RENEW,
            desensitize=False,  # there is nothing to carry out
            print_lines=(desk.settings.read_at,),
        )
    elif intent.kind is Kind.CHECKIN:
        result = CheckinResult(item=item, patron=who, resensitize=False)
    else:
        lent = is_there and entry.kind is Shelved.LOAN
        messages = (NOW_A_LOAN,) if lent else ()
        hold = hold_of(entry)
        result = HoldResult(
            patron=who, item=item, hold=hold, available=lent, screen_messages=messages
        )
    return msgspec.json.encode(result).decode()


def item_of(entry: Entry, found: Found | None) -> Item:
    """What a patron has or had, which may have left the catalogue since."""
    if found is not None:
        return as_item(found)
    return Item(id=entry.isbn, title_id=entry.title, circulation_status=CirculationStatus.OTHER)


def as_item(found: Found) -> Item:
    """A title of the catalogue as an item: many may have it at a time, so it has no due date."""
    title = found.title
    status = CirculationStatus.AVAILABLE
    if not is_lent(found):
        status = CirculationStatus.OTHER
    elif found.available is False:
        status = CirculationStatus.CHARGED
    return Item(
        id=title.isbn or "",
        title_id=title.title,
        title_key=str(found.key),
        item_type=title.medium.value,
        circulation_status=status,
        magnetic=False,
    )


def loan_of(desk: Desk, entry: Entry) -> Loan:
    """A loan as the port has it."""
    return Loan(
        item_id=entry.isbn,
        title_id=entry.title,
        lent_at=entry.since_at,
        due_at=due_of(desk, entry),
        renewals=entry.renewals,
    )


def hold_of(entry: Entry) -> Hold:
    """A hold as the port has it. The vendor tells neither place nor end."""
    return Hold(
        id=str(entry.key), title_id=entry.title, item_id=entry.isbn, placed_at=entry.since_at
    )


def due_of(desk: Desk, entry: Entry) -> datetime:
    """When a loan ends: as the vendor says, or as was agreed if it does not."""
    if entry.due_at is not None:
        return entry.due_at
    return entry.since_at + timedelta(days=desk.length(entry.medium))
