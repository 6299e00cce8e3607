"""Patrons: from their rows to the port's record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from bibliobus.database import Transaction, from_database
from bibliobus.embedded.call import Call, record
from bibliobus.ils import (
    BlockedAtTerminal,
    CardExpired,
    CardLost,
    Item,
    Loan,
    OwesTooMuch,
    Patron,
    PatronBlocked,
    PatronNotFound,
    TooManyLost,
    TooManyOverdue,
)
from bibliobus.ils.money import from_minor, to_minor
from bibliobus.ils.records import without_contact

T = TypeVar("T")

LOCK_KEY = "SELECT key FROM patrons WHERE institution = :institution AND key = :key"

_OPEN_LOANS = """(SELECT count(*) FROM loans WHERE loans.institution = patrons.institution
        AND loans.patron = patrons.key AND ended_at IS NULL)"""
_SELECT = f"""
SELECT key, pin_hash, wrong_pins, wrong_pin_at, barcode, name, address, email_addr, home_phone,
    birth_on, expires_on, ptype, home_library, inet_privileges, language, charge_ok, renew_ok,
    hold_ok, card_lost, blocked_because, screen_message, blocked_at,
    {_OPEN_LOANS},
    {_OPEN_LOANS[:-1]} AND due_at < :now),
    (SELECT count(*) FROM holds WHERE holds.institution = patrons.institution
        AND holds.patron = patrons.key AND ended_at IS NULL),
    (SELECT count(*) FROM fees WHERE fees.institution = patrons.institution
        AND fees.patron = patrons.key AND outstanding > 0)
FROM patrons WHERE institution = :institution AND """  # noqa: S608 - constant

_BY_BARCODE = _SELECT + "barcode = :barcode"
_BY_KEY = _SELECT + "key = :key"
_KEY = "SELECT key FROM patrons WHERE institution = :institution AND barcode = :barcode"
_LOCK = "SELECT 1 FROM patrons WHERE institution = :institution AND barcode = :barcode"

_LOANS = """
SELECT items.barcode, titles.title, lent_at, due_at, renewals FROM loans
JOIN items ON items.institution = loans.institution AND items.key = loans.item
JOIN titles ON titles.institution = items.institution AND titles.key = items.title
WHERE loans.institution = :institution AND loans.patron = :patron AND ended_at IS NULL"""
_IN_ORDER = " ORDER BY due_at, items.barcode"


class StoredPatron(NamedTuple):
    """A patron's record, and what only the embedded ILS knows."""

    key: int
    pin_hash: str | None
    wrong_pins: int
    wrong_pin_at: int | None
    record: Patron
    blocks: tuple[PatronBlocked, ...]  # why they may not borrow

    def refusal(self, blocks: tuple[PatronBlocked, ...], item: Item | None = None) -> PatronBlocked:
        """The first of these blocks, with all that is known and the others beside it."""
        first = blocks[0]
        return type(first)(str(first), patron=self.record, item=item, also=blocks[1:])

    @property
    def may_nothing(self) -> tuple[PatronBlocked, ...]:
        """The blocks that take more than borrowing."""
        return tuple(block for block in self.blocks if type(block) is not PatronBlocked)


def find(call: Call, barcode: str) -> StoredPatron | None:
    """The patron with this card, or None."""
    row = call.tx.row(_BY_BARCODE, barcode=barcode, now=call.at)
    return None if row is None else _stored(call, *row)


def lock(call: Call, barcode: str) -> StoredPatron:
    """The patron with this card, whom nobody else changes until the transaction ends.

    Raises:
        PatronNotFound: There is none.
    """
    call.tx.lock(_LOCK, barcode=barcode)
    call.locked()
    patron = find(call, barcode)
    if patron is None:
        raise PatronNotFound
    return patron


def lock_key(call: Call, key: int) -> None:
    """Keep everybody else from the patron with this key until the transaction ends."""
    call.tx.lock(LOCK_KEY, key=key)
    call.locked()


def by_key(call: Call, key: int) -> StoredPatron | None:
    """The patron with this key, or None if they were erased."""
    row = call.tx.row(_BY_KEY, key=key, now=call.at)
    return None if row is None else _stored(call, *row)


def key_of(tx: Transaction, barcode: str) -> int:
    """The key of the patron with this card.

    Raises:
        PatronNotFound: There is none.
    """
    row = tx.row(_KEY, barcode=barcode)
    if row is None:
        raise PatronNotFound
    return int(row[0])


def block(call: Call, patron_id: str, *, card_retained: bool, message: str) -> Patron:
    """Take the patron's permissions until `enable`, inside the caller's transaction.

    Raises:
        PatronNotFound: Nothing stays written.
    """
    patron = lock(call, patron_id)
    call.tx.run(
        "UPDATE patrons SET blocked_at = COALESCE(blocked_at, :now), block_message = :message"
        " WHERE institution = :institution AND key = :key",
        now=call.at, message=message, key=patron.key,
    )  # fmt: skip
    record(call, "block-card-retained" if card_retained else "block", patron=patron.key)
    return without_contact((by_key(call, patron.key) or patron).record)


def enable(call: Call, patron_id: str) -> Patron:
    """Give back what `block` took, inside the caller's transaction.

    Raises:
        PatronNotFound: Nothing stays written.
    """
    patron = lock(call, patron_id)
    call.tx.run(
        "UPDATE patrons SET blocked_at = NULL, block_message = NULL"
        " WHERE institution = :institution AND key = :key",
        key=patron.key,
    )
    record(call, "enable", patron=patron.key)
    return without_contact((by_key(call, patron.key) or patron).record)


def count_wrong_pin(call: Call, key: int) -> None:
    """One more wrong PIN in a row."""
    call.tx.run(
        "UPDATE patrons SET wrong_pins = wrong_pins + 1, wrong_pin_at = :now"
        " WHERE institution = :institution AND key = :key",
        now=call.at, key=key,
    )  # fmt: skip


def forget_wrong_pins(call: Call, key: int) -> None:
    """The right PIN has come."""
    call.tx.run(
        "UPDATE patrons SET wrong_pins = 0, wrong_pin_at = NULL"
        " WHERE institution = :institution AND key = :key",
        key=key,
    )


def loans(tx: Transaction, patron: int) -> list[Loan]:
    """What a patron has, what is due first comes first."""
    return [_loan(*row) for row in tx.rows(_LOANS + _IN_ORDER, patron=patron)]


def loan_items(tx: Transaction, patron: int) -> list[str]:
    """The barcodes of what a patron has, in the order in which their rows are locked."""
    return [row[0] for row in tx.rows(_LOANS + " ORDER BY items.title, items.key", patron=patron)]


def loan_of_title(tx: Transaction, patron: int, title: int) -> str | None:
    """The barcode of what a patron has of a title: the item that is due first."""
    row = tx.row(_LOANS + " AND titles.key = :title" + _IN_ORDER, patron=patron, title=title)
    return None if row is None else str(row[0])


def charged(tx: Transaction, patron: int, item_type: str | None, location: str | None) -> int:
    """How many loans a patron has of this kind of item; None is any."""
    row = tx.row(
        "SELECT count(*) FROM loans"
        " JOIN items ON items.institution = loans.institution AND items.key = loans.item"
        " WHERE loans.institution = :institution AND loans.patron = :patron AND ended_at IS NULL"
        " AND COALESCE(item_type, '') = COALESCE(:item_type, item_type, '')"
        " AND permanent_location = COALESCE(:location, permanent_location)",
        patron=patron, item_type=item_type, location=location,
    )  # fmt: skip
    return int(row[0]) if row else 0


def nobody(patron: Patron) -> Patron:
    """What of a patron a row may keep for ever."""
    return replace(without_contact(patron), id="", name="", screen_messages=())


def page(entries: Sequence[T], start: int, end: int | None) -> Sequence[T]:
    """See `ILS.patron_list`."""
    return entries[max(start, 1) - 1 : max(end, 0) if end is not None else None]


def _loan(item_id: str, title_id: str, lent_at: int, due_at: int, renewals: int) -> Loan:
    return Loan(
        item_id=item_id,
        title_id=title_id,
        lent_at=from_database(lent_at),
        due_at=from_database(due_at),
        renewals=renewals,
    )


def _lost(tx: Transaction, patron: int) -> int:
    row = tx.row(
        "SELECT count(*) FROM loans"
        " JOIN items ON items.institution = loans.institution AND items.key = loans.item"
        " WHERE loans.institution = :institution AND loans.patron = :patron AND ended_at IS NULL"
        " AND items.condition = 'lost'",
        patron=patron,
    )
    return int(row[0]) if row else 0


def _holds_ready(tx: Transaction, patron: int) -> int:
    row = tx.row(
        "SELECT count(*) FROM holds WHERE institution = :institution AND patron = :patron"
        " AND ended_at IS NULL AND pickup_by IS NOT NULL",
        patron=patron,
    )
    return int(row[0]) if row else 0


def _owed(tx: Transaction, patron: int) -> int:
    row = tx.row(
        "SELECT sum(outstanding) FROM fees WHERE institution = :institution AND patron = :patron"
        " AND outstanding > 0",
        patron=patron,
    )
    return int(row[0]) if row and row[0] else 0


def _stored(
    call: Call,
    key: int,
    pin_hash: str | None,
    wrong_pins: int,
    wrong_pin_at: int | None,
    barcode: str,
    name: str,
    address: str | None,
    email_addr: str | None,
    home_phone: str | None,
    birth_on: str | None,
    expires_on: str | None,
    ptype: str | None,
    home_library: str | None,
    inet_privileges: str | None,
    language: str | None,
    charge_ok: bool,
    renew_ok: bool,
    hold_ok: bool,
    card_lost: bool,
    blocked_because: str | None,
    screen_message: str | None,
    blocked_at: int | None,
    charged: int,
    overdue: int,
    holds: int,
    fines: int,
) -> StoredPatron:
    """In the order of `_SELECT`. What is rarely there is asked for only if it is."""
    tx, policies = call.tx, call.policies
    limits, currency = policies.limits(ptype), policies.currency
    expires = _day(expires_on)
    expired = expires is not None and expires < policies.today(call.now)
    owed = _owed(tx, key) if fines else 0
    ready = _holds_ready(tx, key) if holds else 0
    owes_too_much = limits.fee_limit is not None and owed > to_minor(limits.fee_limit, currency)
    too_many_overdue = limits.overdue_limit is not None and overdue >= limits.overdue_limit
    too_many_lost = limits.lost_limit is not None and _lost(tx, key) >= limits.lost_limit
    found: tuple[tuple[object, type[PatronBlocked]], ...] = (
        (card_lost, CardLost),
        (expired, CardExpired),
        (blocked_at is not None, BlockedAtTerminal),
        (not charge_ok, PatronBlocked),
        (owes_too_much, OwesTooMuch),
        (too_many_overdue, TooManyOverdue),
        (too_many_lost, TooManyLost),
    )
    blocks = tuple(
        block(blocked_because if block is PatronBlocked else None)
        for there, block in found
        if there
    )
    usable = all(type(block) is PatronBlocked for block in blocks)
    charged_limit = policies.charged_limit(ptype)
    patron = Patron(
        id=barcode,
        name=name,
        internal_id=str(key),
        address=address,
        email_addr=email_addr,
        home_phone=home_phone,
        birth_on=_day(birth_on),
        expires_on=expires,
        ptype=ptype,
        home_library=home_library,
        inet_privileges=inet_privileges,
        language=language,
        currency=currency,
        fee_amount=from_minor(owed, currency),
        fee_limit=limits.fee_limit,
        charge_ok=not blocks,
        renew_ok=usable and bool(renew_ok),
        recall_ok=usable,  # nothing is recalled here, so nobody in particular is denied that
        hold_ok=usable and bool(hold_ok),
        card_lost=bool(card_lost),
        too_many_charged=charged >= charged_limit,
        too_many_overdue=too_many_overdue,
        too_many_lost=too_many_lost,
        excessive_fines=owes_too_much,
        excessive_fees=owes_too_much,
        charged_count=charged,
        overdue_count=overdue,
        hold_count=ready,
        unavailable_hold_count=holds - ready,
        fine_count=fines,
        charged_limit=charged_limit,
        overdue_limit=limits.overdue_limit,
        hold_limit=limits.hold_limit,
        screen_messages=(screen_message,) if screen_message else (),
    )
    return StoredPatron(key, pin_hash, wrong_pins, wrong_pin_at, patron, blocks)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
