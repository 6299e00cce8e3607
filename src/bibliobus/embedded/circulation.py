"""Lending and taking back, as rules over a transaction: look up, decide, write, answer.

Whatever is locked is locked in one order, the patron before the item, so two transactions never
wait for each other.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from bibliobus.database import Transaction, to_database
from bibliobus.embedded import items, patrons
from bibliobus.embedded.items import OpenLoan, StoredItem
from bibliobus.embedded.patrons import StoredPatron
from bibliobus.ils import (
    AlreadyOnLoan,
    CheckinResult,
    CheckoutResult,
    CirculationStatus,
    Item,
    ListEntry,
    LoanLimitReached,
    NotOnLoan,
    Origin,
    Patron,
    Refused,
    RenewAllResult,
    RenewalNotAllowed,
    Unrenewed,
)
from bibliobus.ils.library import LoanPolicy

_CLOSING = time(23, 59, 59)  # loans are due at the end of their last day


def checkout(
    tx: Transaction,
    policy: LoanPolicy,
    zone: ZoneInfo,
    patron_id: str,
    item_id: str,
    *,
    renewal_allowed: bool,
    item_properties: str | None,
    origin: Origin,
    now: datetime,
) -> CheckoutResult:
    """Lend one item to one patron, or renew the loan, inside the caller's transaction.

    Both rows are locked before anything is decided, so two terminals that scan the same item are
    served one after the other. The unique index `one_open_loan_per_item` stands behind that,
    should a later change forget the lock.

    Raises:
        Refused: Nothing stays written, since the caller's transaction rolls back.
    """
    patron = patrons.lock(tx, policy, zone, patron_id, now)
    item = items.lock(tx, item_id)
    if patron.blocks:
        raise type(patron.blocks[0])(patron=patron.record, item=item.record, also=patron.blocks[1:])
    if (loan := item.loan) is not None:
        if loan.patron != patron.key or not renewal_allowed:
            raise AlreadyOnLoan(patron=patron.record, item=item.record)
        item = items.note(tx, item, properties=item_properties)
        _check_renewable(policy, patron.record, item, loan)
        due_at = _due_at(policy, zone, now)
        return _renew(tx, patron, item, loan, due_at=due_at, origin=origin, now=now)
    if patron.record.too_many_charged:
        raise LoanLimitReached(patron=patron.record, item=item.record)

    due_at = _due_at(policy, zone, now)
    item = items.note(tx, item, properties=item_properties)
    return _lend(tx, patron, item, lent_at=now, due_at=due_at, origin=origin, now=now)


def checkout_no_block(
    tx: Transaction,
    policy: LoanPolicy,
    zone: ZoneInfo,
    patron_id: str,
    item_id: str,
    *,
    due_at: datetime | None,
    item_properties: str | None,
    origin: Origin,
    now: datetime,
) -> CheckoutResult:
    """Record a loan that a terminal made while it was off line. No policy can refuse it.

    Whoever had the item then has brought it back, or the patron could not have taken it. A loan
    that began later stays.

    Raises:
        PatronNotFound, ItemNotFound: Nothing stays written.
    """
    patron = patrons.lock(tx, policy, zone, patron_id, now)
    item = items.lock(tx, item_id)
    lent_at = min(origin.transaction_at or now, now)
    ended_at = None
    if (loan := item.loan) is not None:
        if lent_at < loan.lent_at:  # it is history: the item has come back and gone out again
            ended_at = loan.lent_at
        else:
            _end(tx, item, loan, at=lent_at, kind="implied-checkin", origin=origin, now=now)
    if due_at is None or due_at < lent_at:
        due_at = _due_at(policy, zone, lent_at)
    item = items.note(tx, item, properties=item_properties)
    return _lend(
        tx, patron, item,
        lent_at=lent_at, due_at=due_at, no_block=True, ended_at=ended_at, origin=origin, now=now,
    )  # fmt: skip


def renew(
    tx: Transaction,
    policy: LoanPolicy,
    zone: ZoneInfo,
    patron_id: str,
    item_id: str | None,
    *,
    title_id: str | None,
    third_party: bool,
    no_block: bool,
    no_block_due_at: datetime | None,
    item_properties: str | None,
    origin: Origin,
    now: datetime,
) -> CheckoutResult:
    """Make one loan longer, inside the caller's transaction.

    Raises:
        Refused: Nothing stays written, since the caller's transaction rolls back.
    """
    patron = patrons.lock(tx, policy, zone, patron_id, now)
    if item_id is None:
        item_id = next(iter(patrons.loan_items(tx, patron, title_id or "")), None)
    if item_id is None:
        raise NotOnLoan(patron=patron.record)
    item = items.lock(tx, item_id)
    if (loan := item.loan) is None:
        raise NotOnLoan(patron=patron.record, item=item.record)
    borrower = patron if loan.patron == patron.key else None
    if borrower is None:
        if not third_party:
            raise AlreadyOnLoan(patron=patron.record, item=item.record)
        borrower = patrons.by_key(tx, policy, zone, loan.patron, now)
    if not no_block:
        _check_renewable(policy, (borrower or patron).record, item, loan)

    item = items.note(tx, item, properties=item_properties)
    renewed_at = min(origin.transaction_at or now, now) if no_block else now
    due_at = no_block_due_at if no_block else None
    return _renew(
        tx, patron, item, loan,
        due_at=due_at or _due_at(policy, zone, renewed_at), origin=origin, now=now,
    )  # fmt: skip


def renew_all(
    tx: Transaction,
    policy: LoanPolicy,
    zone: ZoneInfo,
    patron_id: str,
    *,
    origin: Origin,
    now: datetime,
) -> RenewAllResult:
    """Make every loan of a patron longer that may be, inside the caller's transaction.

    Raises:
        PatronNotFound: Nothing stays written.
    """
    patron = patrons.lock(tx, policy, zone, patron_id, now)
    renewed: list[ListEntry] = []
    unrenewed: list[Unrenewed] = []
    for item_id in patrons.loan_items(tx, patron):
        item = items.lock(tx, item_id)
        loan = item.loan
        if loan is None or loan.patron != patron.key:
            continue  # it has just come back
        try:
            _check_renewable(policy, patron.record, item, loan)
        except RenewalNotAllowed as refused:
            unrenewed.append(_unrenewed(item, refused))
            continue
        due_at = _due_at(policy, zone, now)
        due_at = _renew(tx, patron, item, loan, due_at=due_at, origin=origin, now=now).due_at
        renewed.append(ListEntry(item_id=item_id, title_id=item.record.title_id, due_at=due_at))
    return RenewAllResult(
        patron=patrons.without_contact(patron.record),
        renewed=tuple(renewed),
        unrenewed=tuple(unrenewed),
    )


def _unrenewed(item: StoredItem, refused: Refused) -> Unrenewed:
    return Unrenewed(
        item_id=item.record.id,
        title_id=item.record.title_id,
        reason=refused.reason,
        screen_message=str(refused),
    )


def block(
    tx: Transaction,
    policy: LoanPolicy,
    zone: ZoneInfo,
    patron_id: str,
    *,
    card_retained: bool,
    message: str,
    origin: Origin,
    now: datetime,
) -> Patron:
    """Take a patron's permissions, inside the caller's transaction.

    Raises:
        PatronNotFound: Nothing stays written.
    """
    patron = patrons.lock(tx, policy, zone, patron_id, now)
    patrons.block(tx, patron, message, now)
    kind = "block-card-retained" if card_retained else "block"
    _record(tx, kind, origin, now, patron=patron.key, item=None, loan=None)
    return _as_it_is_now(tx, policy, zone, patron, now)


def enable(
    tx: Transaction,
    policy: LoanPolicy,
    zone: ZoneInfo,
    patron_id: str,
    *,
    origin: Origin,
    now: datetime,
) -> Patron:
    """Give back what `block` took, inside the caller's transaction.

    Raises:
        PatronNotFound: Nothing stays written.
    """
    patron = patrons.lock(tx, policy, zone, patron_id, now)
    patrons.enable(tx, patron)
    _record(tx, "enable", origin, now, patron=patron.key, item=None, loan=None)
    return _as_it_is_now(tx, policy, zone, patron, now)


def _as_it_is_now(
    tx: Transaction, policy: LoanPolicy, zone: ZoneInfo, patron: StoredPatron, now: datetime
) -> Patron:
    changed = patrons.by_key(tx, policy, zone, patron.key, now)
    return patrons.without_contact((changed or patron).record)


def status_update(
    tx: Transaction, item_id: str, item_properties: str, *, origin: Origin, now: datetime
) -> Item:
    """Keep an item's properties, inside the caller's transaction.

    Raises:
        ItemNotFound: Nothing stays written.
    """
    item = items.note(tx, items.lock(tx, item_id), properties=item_properties)
    _record(tx, "status-update", origin, now, patron=None, item=item.key, loan=None)
    return item.record


def checkin(
    tx: Transaction,
    policy: LoanPolicy,
    zone: ZoneInfo,
    item_id: str,
    *,
    returned_at: datetime | None,
    current_location: str | None,
    item_properties: str | None,
    no_block: bool,
    origin: Origin,
    now: datetime,
) -> CheckinResult:
    """Take one item back, inside the caller's transaction.

    What a terminal took back while it was off line is never refused, even if the item is in: it
    was there, and where it is now is known from this.

    Raises:
        Refused: Nothing stays written, since the caller's transaction rolls back.
    """
    item = items.lock(tx, item_id)
    loan, patron = item.loan, None
    if loan is None and not no_block:
        raise NotOnLoan(item=item.record)

    kind = "checkin-no-block" if no_block else "checkin"
    if no_block:
        returned_at = returned_at or origin.transaction_at or now
        if loan is not None and returned_at < loan.lent_at:
            loan = None  # it has gone out again since, and that loan stays
    if loan is not None:
        ended_at = min(max(returned_at or now, loan.lent_at), now)
        _end(tx, item, loan, at=ended_at, kind=kind, origin=origin, now=now)
        patron = patrons.by_key(tx, policy, zone, loan.patron, now)
    else:
        _record(tx, kind, origin, now, patron=None, item=item.key, loan=None)
    location = current_location or origin.location
    item = items.note(tx, item, location=location, properties=item_properties)
    record = item.record
    if loan is not None:
        record = replace(record, circulation_status=CirculationStatus.AVAILABLE, due_at=None)
    return CheckinResult(
        item=record,
        patron=None if patron is None else patrons.without_contact(patron.record),
        resensitize=not record.magnetic,
    )


def _lend(
    tx: Transaction,
    patron: StoredPatron,
    item: StoredItem,
    *,
    lent_at: datetime,
    due_at: datetime,
    no_block: bool = False,
    ended_at: datetime | None = None,
    origin: Origin,
    now: datetime,
) -> CheckoutResult:
    row = tx.row(
        "INSERT INTO loans"
        " (institution, patron, item, lent_at, due_at, renewals, no_block, ended_at) VALUES"
        " (:institution, :patron, :item, :lent_at, :due_at, 0, :no_block, :ended_at) RETURNING key",
        patron=patron.key, item=item.key, no_block=no_block, lent_at=to_database(lent_at),
        due_at=to_database(due_at), ended_at=to_database(ended_at),
    )  # fmt: skip
    loan = row[0] if row else None
    kind = "checkout-no-block" if no_block else "checkout"
    _record(tx, kind, origin, now, patron=patron.key, item=item.key, loan=loan)
    return CheckoutResult(
        patron=patrons.without_contact(
            patron.record, charged_count=patron.record.charged_count + 1
        ),
        item=_on_loan(item.record, due_at),
        due_at=due_at,
        desensitize=not item.record.magnetic,
    )


def _check_renewable(
    policy: LoanPolicy, borrower: Patron, item: StoredItem, loan: OpenLoan
) -> None:
    if not borrower.renew_ok or loan.renewals >= policy.renewals:
        raise RenewalNotAllowed(patron=borrower, item=item.record)


def _renew(
    tx: Transaction,
    patron: StoredPatron,
    item: StoredItem,
    loan: OpenLoan,
    *,
    due_at: datetime,
    origin: Origin,
    now: datetime,
) -> CheckoutResult:
    due_at = max(due_at, loan.due_at)
    tx.run(
        "UPDATE loans SET due_at = :due_at, renewals = renewals + 1"
        " WHERE institution = :institution AND key = :loan",
        due_at=to_database(due_at), loan=loan.key,
    )  # fmt: skip
    _record(tx, "renew", origin, now, patron=loan.patron, item=item.key, loan=loan.key)
    return CheckoutResult(
        patron=patrons.without_contact(patron.record),
        item=_on_loan(item.record, due_at),
        due_at=due_at,
        renewal_ok=True,
        desensitize=False,  # it was, when it was lent
    )


def _end(
    tx: Transaction,
    item: StoredItem,
    loan: OpenLoan,
    *,
    at: datetime,
    kind: str,
    origin: Origin,
    now: datetime,
) -> None:
    tx.run(
        "UPDATE loans SET ended_at = :at WHERE institution = :institution AND key = :loan",
        at=to_database(at), loan=loan.key,
    )  # fmt: skip
    _record(tx, kind, origin, now, patron=loan.patron, item=item.key, loan=loan.key)


def _record(
    tx: Transaction,
    kind: str,
    origin: Origin,
    now: datetime,
    *,
    patron: int | None,
    item: int | None,
    loan: int | None,
) -> None:
    """Add the event row: who did what, where and when."""
    tx.run(
        "INSERT INTO events (institution, at, kind, door, account, location, patron, item, loan)"
        " VALUES (:institution, :now, :kind, :door, :account, :location, :patron, :item, :loan)",
        now=to_database(now), kind=kind, door=origin.door, account=origin.account,
        location=origin.location, patron=patron, item=item, loan=loan,
    )  # fmt: skip


def _due_at(policy: LoanPolicy, zone: ZoneInfo, lent_at: datetime) -> datetime:
    """When a loan that begins now is due: at the end of a day, in the institution's zone."""
    last_day = lent_at.astimezone(zone).date() + timedelta(days=policy.loan_days)
    return datetime.combine(last_day, _CLOSING, zone).astimezone(lent_at.tzinfo)


def _on_loan(item: Item, due_at: datetime) -> Item:
    return replace(item, circulation_status=CirculationStatus.CHARGED, due_at=due_at)
