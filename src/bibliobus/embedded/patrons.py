"""Patrons: from their rows to the port's record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from bibliobus.database import Transaction, from_database, to_database
from bibliobus.ils import (
    BlockedAtTerminal,
    CardExpired,
    CardLost,
    ListEntry,
    Patron,
    PatronBlocked,
    PatronList,
    PatronNotFound,
)
from bibliobus.ils.library import LoanPolicy

_SELECT = """
SELECT key, pin_hash, barcode, name, address, email_addr, home_phone, birth_on, expires_on, ptype,
    home_library, inet_privileges, language, charge_ok, renew_ok, recall_ok, hold_ok, card_lost,
    screen_message, blocked_at,
    (SELECT count(*) FROM loans WHERE loans.institution = patrons.institution
        AND loans.patron = patrons.key AND ended_at IS NULL),
    (SELECT count(*) FROM loans WHERE loans.institution = patrons.institution
        AND loans.patron = patrons.key AND ended_at IS NULL AND due_at < :now)
FROM patrons WHERE institution = :institution AND """

_BY_BARCODE = _SELECT + "barcode = :barcode"
_BY_KEY = _SELECT + "key = :key"
_KEY = "SELECT key FROM patrons WHERE institution = :institution AND barcode = :barcode"
_LOCK = "SELECT 1 FROM patrons WHERE institution = :institution AND barcode = :barcode"

_LOANS = (
    "SELECT items.barcode, titles.title, due_at FROM loans"
    " JOIN items ON items.institution = loans.institution AND items.key = loans.item"
    " JOIN titles ON titles.institution = items.institution AND titles.key = items.title"
    " WHERE loans.institution = :institution AND loans.patron = :patron AND ended_at IS NULL"
)
_PAGE = " ORDER BY due_at, items.barcode LIMIT :most OFFSET :before"
_LISTS = {  # the other lists stay empty until there are holds, fees and recalls
    PatronList.CHARGED: _LOANS + _PAGE,
    PatronList.OVERDUE: _LOANS + " AND due_at < :now" + _PAGE,
}
_MOST = 9999  # as many as SIP2 can count


class StoredPatron(NamedTuple):
    """A patron's record, and what only the embedded ILS knows."""

    key: int
    pin_hash: str | None
    record: Patron
    blocks: tuple[PatronBlocked, ...]  # why they may not borrow


def find(
    tx: Transaction, policy: LoanPolicy, zone: ZoneInfo, barcode: str, now: datetime
) -> StoredPatron | None:
    """The patron with this card, or None."""
    row = tx.row(_BY_BARCODE, barcode=barcode, now=to_database(now))
    return None if row is None else _stored(policy, now.astimezone(zone).date(), *row)


def lock(
    tx: Transaction, policy: LoanPolicy, zone: ZoneInfo, barcode: str, now: datetime
) -> StoredPatron:
    """The patron with this card, whom nobody else changes until the transaction ends.

    Raises:
        PatronNotFound: There is none.
    """
    tx.lock(_LOCK, barcode=barcode)
    patron = find(tx, policy, zone, barcode, now)
    if patron is None:
        raise PatronNotFound
    return patron


def by_key(
    tx: Transaction, policy: LoanPolicy, zone: ZoneInfo, key: int, now: datetime
) -> StoredPatron | None:
    """The patron with this key, or None if they were erased."""
    row = tx.row(_BY_KEY, key=key, now=to_database(now))
    return None if row is None else _stored(policy, now.astimezone(zone).date(), *row)


def block(tx: Transaction, patron: StoredPatron, message: str, now: datetime) -> None:
    """Take the patron's permissions until `enable`."""
    tx.run(
        "UPDATE patrons SET blocked_at = COALESCE(blocked_at, :now), block_message = :message"
        " WHERE institution = :institution AND key = :key",
        now=to_database(now), message=message, key=patron.key,
    )  # fmt: skip


def enable(tx: Transaction, patron: StoredPatron) -> None:
    """Give back what `block` took."""
    tx.run(
        "UPDATE patrons SET blocked_at = NULL, block_message = NULL"
        " WHERE institution = :institution AND key = :key",
        key=patron.key,
    )


def loan_items(tx: Transaction, patron: StoredPatron, title: str | None = None) -> list[str]:
    """The barcodes of what the patron has, of one title or of all, in the order of their keys;
    of one title, the one that is due first.
    """
    if title is None:
        return [row[0] for row in tx.rows(f"{_LOANS} ORDER BY items.key", patron=patron.key)]
    row = tx.row(
        f"{_LOANS} AND titles.title = :title ORDER BY due_at, items.key LIMIT 1",
        patron=patron.key, title=title,
    )  # fmt: skip
    return [] if row is None else [row[0]]


def without_contact(patron: Patron, **changes: int) -> Patron:
    """What a transaction's result needs of a patron, and a replay row may keep for a day."""
    return replace(patron, address=None, email_addr=None, home_phone=None, birth_on=None, **changes)


def entries(
    tx: Transaction, barcode: str, kind: PatronList, start: int, end: int | None, now: datetime
) -> Sequence[ListEntry]:
    """See `ILS.patron_list`."""
    row = tx.row(_KEY, barcode=barcode)
    if row is None:
        raise PatronNotFound
    before = max(start, 1) - 1
    most = _MOST if end is None else min(end - before, _MOST)
    if kind not in _LISTS or most <= 0:
        return ()
    rows = tx.rows(_LISTS[kind], patron=row[0], now=to_database(now), most=most, before=before)
    return [
        ListEntry(item_id=item, title_id=title, due_at=from_database(due_at))
        for item, title, due_at in rows
    ]


def _stored(
    policy: LoanPolicy,
    today: date,
    key: int,
    pin_hash: str | None,
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
    recall_ok: bool,
    hold_ok: bool,
    card_lost: bool,
    screen_message: str | None,
    blocked_at: int | None,
    charged: int,
    overdue: int,
) -> StoredPatron:
    """In the order of `_SELECT`."""
    expires = _day(expires_on)
    expired = expires is not None and expires < today
    usable = not card_lost and not expired and blocked_at is None
    blocks: list[PatronBlocked] = []
    if card_lost:
        blocks.append(CardLost())
    if expired:
        blocks.append(CardExpired())
    if blocked_at is not None:
        blocks.append(BlockedAtTerminal())
    if not charge_ok:
        blocks.append(PatronBlocked())
    record = Patron(
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
        charge_ok=not blocks,
        renew_ok=usable and bool(renew_ok),
        recall_ok=usable and bool(recall_ok),
        hold_ok=usable and bool(hold_ok),
        card_lost=bool(card_lost),
        too_many_charged=charged >= policy.loan_limit,
        charged_count=charged,
        overdue_count=overdue,
        charged_limit=policy.loan_limit,
        screen_messages=(screen_message,) if screen_message else (),
    )
    return StoredPatron(key, pin_hash, record, tuple(blocks))


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
