"""Lending and renewing, as rules over a transaction: look up, decide, write, answer.

Whatever is locked is locked in one order, the patrons before the title and its items, so that two
transactions do not wait for each other. Whose an item is may turn out too late for that, or a
third patron be concerned; PostgreSQL then gives up one of the two, and it is run again.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bibliobus.database import from_database, to_database
from bibliobus.embedded import fees, holds, items, patrons
from bibliobus.embedded.call import Before, Call, record
from bibliobus.embedded.items import OpenLoan, StoredItem
from bibliobus.embedded.patrons import StoredPatron
from bibliobus.embedded.replay import repeated
from bibliobus.ils import (
    AlreadyOnLoan,
    CheckoutResult,
    CirculationStatus,
    Fee,
    FeeType,
    ItemNotAvailable,
    ListEntry,
    LoanLimitReached,
    NotForLoan,
    NotOnLoan,
    OnHoldForAnother,
    Refused,
    RenewAllResult,
    RenewalNotAllowed,
    TitleNotFound,
    TooManyRenewals,
    TooSoonToRenew,
    Unrenewed,
)
from bibliobus.ils.library import Condition, LoanRule
from bibliobus.ils.records import without_contact

FOUND = frozenset({Condition.LOST, Condition.MISSING, Condition.CLAIMED_RETURNED})
_LENT_SO = frozenset({None, Condition.DAMAGED})


def checkout(
    call: Call,
    patron_id: str,
    item_id: str,
    *,
    renewal_allowed: bool,
    fee_acknowledged: bool,
    item_properties: str | None,
) -> CheckoutResult:
    """Lend one item to one patron, or renew the loan, inside the caller's transaction.

    Both rows are locked before anything is decided, so two terminals that scan the same item are
    served one after the other. The unique index `one_open_loan_per_item` stands behind that,
    should a later change forget the lock.

    Raises:
        Refused: Nothing stays written, since the caller's transaction rolls back.
    """
    patron = patrons.lock(call, patron_id)
    item = items.lock(call, item_id)
    loan = item.loan
    if loan is not None and loan.patron == patron.key:
        first = repeated(call, CheckoutResult, item.key, patron.key, "checkout", "checkout-renew")
        if first is not None:
            return first
    if patron.blocks:
        raise patron.refusal(patron.blocks, item.record)
    rule = rule_for(call, patron.record.ptype, item)
    if loan is not None:
        if loan.patron != patron.key or not renewal_allowed:
            raise AlreadyOnLoan(patron=patron.record, item=item.record)
        _check_renewable(call, rule, patron, patron, item, loan, fee_acknowledged)
        item = items.note(call, item, properties=item_properties)
        due_at = call.policies.due_at(rule, call.now)
        return _renew(call, rule, patron, patron, item, loan, due_at=due_at, kind="checkout-renew")
    _check_may_borrow(call, rule, patron, item)
    price = fees.price(call, rule.rental_fee, FeeType.RENTAL, item.record)
    fees.check_acknowledged(price, fee_acknowledged, patron=patron, item=item.record)

    item = items.note(call, item, properties=item_properties)
    return _lend(
        call, rule, patron, item,
        lent_at=call.now, due_at=call.policies.due_at(rule, call.now), price=price,
    )  # fmt: skip


def checkout_no_block(
    call: Call,
    patron_id: str,
    item_id: str,
    *,
    due_at: datetime | None,
    item_properties: str | None,
) -> CheckoutResult:
    """Record a loan that a terminal made while it was off line. No policy can refuse it.

    Whoever had the item then has brought it back, or the patron could not have taken it. A loan
    that began later stays.

    Raises:
        PatronNotFound, ItemNotFound: Nothing stays written.
    """
    patron = patrons.lock(call, patron_id)
    item = items.lock_with_borrower(call, item_id)
    rule = rule_for(call, patron.record.ptype, item)
    lent_at = call.policies.off_line_at(call.origin.transaction_at, call.now)
    moved_at = _last_moved_at(call, item)
    ended_at = moved_at if moved_at is not None and lent_at < moved_at else None
    if ended_at is None:
        _find_again(call, item, lent_at)
    if due_at is None or due_at < lent_at:
        due_at = call.policies.due_at(rule, lent_at)
    item = items.note(call, item, properties=item_properties)
    return _lend(
        call, rule, patron, item, lent_at=lent_at, due_at=due_at, no_block=True, ended_at=ended_at
    )


def _find_again(call: Call, item: StoredItem, lent_at: datetime) -> None:
    """An item was there to be lent off line: it is not lost, and whoever had it has returned it."""
    loan = item.loan
    if item.condition in FOUND:
        items.set_condition(call, item, None)
        if loan is not None:
            fees.reverse_replacement(call, loan.key)
    if loan is not None:
        end(call, loan, at=lent_at)
        charge_overdue(call, patrons.by_key(call, loan.patron), item, loan, lent_at)
        record(
            call, "implied-checkin", patron=loan.patron, item=item.key, loan=loan.key, at=lent_at
        )


def _last_moved_at(call: Call, item: StoredItem) -> datetime | None:
    """When an item last went out or came back, so far as it was not undone."""
    row = call.tx.row(
        "SELECT max(at) FROM events WHERE institution = :institution AND item = :item"
        " AND (kind IN ('checkout', 'checkout-no-block', 'checkin-no-block')"
        " OR kind = 'checkin' AND NOT EXISTS (SELECT 1 FROM events AS undone"
        " WHERE undone.institution = events.institution AND undone.item = events.item"
        " AND undone.loan = events.loan AND undone.key > events.key"
        " AND undone.kind = 'undo-checkin'))",
        item=item.key,
    )
    known = [from_database(row[0])] if row and row[0] is not None else []
    if item.loan is not None:
        known.append(item.loan.lent_at)
    return max(known, default=None)


def renew(
    call: Call,
    patron_id: str,
    item_id: str | None,
    *,
    title_id: str | None,
    third_party: bool,
    no_block: bool,
    no_block_due_at: datetime | None,
    fee_acknowledged: bool,
    item_properties: str | None,
) -> CheckoutResult:
    """Make one loan longer, inside the caller's transaction.

    Raises:
        Refused: Nothing stays written, since the caller's transaction rolls back.
    """
    patron = patrons.lock(call, patron_id)
    if item_id is None:
        item_id = _item_of_title(call, patron, title_id or "")
    item = items.lock_with_borrower(call, item_id)
    if not no_block:
        whoever = None if third_party else patron.key
        first = repeated(call, CheckoutResult, item.key, whoever, "renew")
        if first is not None and first.patron.id == patron.record.id:
            return first
    if (loan := item.loan) is None:
        raise NotOnLoan(patron=patron.record, item=item.record)
    borrower = patron
    if loan.patron != patron.key:
        if not third_party:
            raise AlreadyOnLoan(patron=patron.record, item=item.record)
        borrower = patrons.by_key(call, loan.patron) or patron
    rule = rule_for(call, borrower.record.ptype, item)
    if not no_block:
        _check_renewable(call, rule, patron, borrower, item, loan, fee_acknowledged)

    item = items.note(call, item, properties=item_properties)
    if not no_block:
        due_at = call.policies.due_at(rule, call.now)
        return _renew(call, rule, patron, borrower, item, loan, due_at=due_at, kind="renew")
    renewed_at = call.policies.off_line_at(call.origin.transaction_at, call.now)
    return _renew(
        call, rule, patron, borrower, item, loan,
        due_at=no_block_due_at or call.policies.due_at(rule, renewed_at),
        kind="renew-no-block", renewed_at=renewed_at,
    )  # fmt: skip


def renew_all(call: Call, patron_id: str, *, fee_acknowledged: bool) -> RenewAllResult:
    """Make every loan of a patron longer that may be, inside the caller's transaction.

    Raises:
        PatronNotFound: Nothing stays written.
    """
    patron = patrons.lock(call, patron_id)
    renewed: list[ListEntry] = []
    unrenewed: list[Unrenewed] = []
    for item, loan in _locked_loans(call, patron):
        patron = patrons.by_key(call, patron.key) or patron  # who may owe more by now
        rule = rule_for(call, patron.record.ptype, item)
        try:
            _check_renewable(call, rule, patron, patron, item, loan, fee_acknowledged)
        except Refused as refused:
            unrenewed.append(_unrenewed(item, refused))
            continue
        due_at = call.policies.due_at(rule, call.now)
        due_at = _renew(call, rule, patron, patron, item, loan, due_at=due_at, kind="renew").due_at
        renewed.append(
            ListEntry(item_id=item.record.id, title_id=item.record.title_id, due_at=due_at)
        )
    call.event = None  # there may be several, and none of them is this request's alone
    patron = patrons.by_key(call, patron.key) or patron
    return RenewAllResult(
        patron=without_contact(patron.record),
        renewed=tuple(renewed),
        unrenewed=tuple(unrenewed),
    )


def _locked_loans(call: Call, patron: StoredPatron) -> list[tuple[StoredItem, OpenLoan]]:
    """What a patron has; all is locked, in the order of locks, and what is due first comes first.
    What has just come back is left out."""
    found = []
    for item_id in patrons.loan_items(call.tx, patron.key):
        item = items.lock(call, item_id)
        if item.loan is not None and item.loan.patron == patron.key:
            found.append((item, item.loan))
    return sorted(found, key=lambda each: (each[1].due_at, each[0].record.id))


def _item_of_title(call: Call, patron: StoredPatron, title_id: str) -> str:
    try:
        title = holds.title_key(call.tx, title_id)
    except TitleNotFound:
        raise NotOnLoan(patron=patron.record) from None
    item_id = patrons.loan_of_title(call.tx, patron.key, title)
    if item_id is None:
        raise NotOnLoan(patron=patron.record)
    return item_id


def rule_for(call: Call, patron_class: str | None, item: StoredItem) -> LoanRule:
    """The policy for such a patron and this item."""
    return call.policies.loan_rule(
        patron_class, item.record.item_type, item.record.permanent_location
    )


def can_be_lent(item: StoredItem, rule: LoanRule) -> bool:
    """Whether an item is in and in a condition to be lent by this policy."""
    return rule.lent and item.loan is None and item.condition in _LENT_SO


def _check_may_borrow(call: Call, rule: LoanRule, patron: StoredPatron, item: StoredItem) -> None:
    if not rule.lent:
        raise NotForLoan(patron=patron.record, item=item.record)
    if item.condition not in _LENT_SO:
        raise ItemNotAvailable(patron=patron.record, item=item.record)
    first = None if item.held is None else item.held.patron
    if first is None and item.active_holds:
        first = next((hold.patron for hold in holds.eligible(call, item.copy)), None)
    if first not in (None, patron.key):
        raise OnHoldForAnother(patron=patron.record, item=item.record)
    kind = (rule.item_type, rule.location)
    if patron.record.too_many_charged or (
        any(kind) and patrons.charged(call.tx, patron.key, *kind) >= rule.loan_limit
    ):
        raise LoanLimitReached(patron=patron.record, item=item.record)
    if (more := room(call, patron)) is not None and more < 1:
        raise LoanLimitReached(patron=patron.record, item=item.record)


def room(call: Call, patron: StoredPatron) -> int | None:
    """How many more loans a patron, who is locked, may have of all lenders together; None: as many
    as each of them lends."""
    limit = call.policies.limits(patron.record.ptype).shelf_limit
    if limit is None:
        return None
    return limit - patron.record.charged_count - call.elsewhere(call.tx, str(patron.key), call.now)


def _check_renewable(
    call: Call,
    rule: LoanRule,
    patron: StoredPatron,
    borrower: StoredPatron,
    item: StoredItem,
    loan: OpenLoan,
    fee_acknowledged: bool,
) -> None:
    """Whether the borrower may keep the item; a refusal tells only of the patron who asked."""
    refused: type[Refused] | None = None
    if not borrower.record.renew_ok:
        refused = RenewalNotAllowed
    elif loan.renewals >= rule.renewals:
        refused = TooManyRenewals
    elif not call.policies.may_renew_at(rule, loan.due_at, call.now):
        refused = TooSoonToRenew
    elif item.active_holds and any(
        hold.patron != borrower.key for hold in holds.eligible(call, item.copy)
    ):
        refused = OnHoldForAnother
    elif item.condition in (Condition.LOST, Condition.CLAIMED_RETURNED):
        refused = RenewalNotAllowed
    if refused is not None:
        raise refused(patron=patron.record, item=item.record)
    price = fees.price(call, rule.rental_fee, FeeType.RENTAL, item.record)
    fees.check_acknowledged(price, fee_acknowledged, patron=patron, item=item.record)


def _lend(
    call: Call,
    rule: LoanRule,
    patron: StoredPatron,
    item: StoredItem,
    *,
    lent_at: datetime,
    due_at: datetime,
    price: fees.Price | None = None,
    no_block: bool = False,
    ended_at: datetime | None = None,
) -> CheckoutResult:
    """Write a loan. What is history already (`ended_at`) changes nothing else."""
    loan = call.tx.add(
        "INSERT INTO loans (institution, patron, item, lent_at, due_at, renewals, no_block,"
        " ended_at, charged_limit, renewal_limit) VALUES (:institution, :patron, :item, :lent_at,"
        " :due_at, 0, :no_block, :ended_at, :charged_limit, :renewal_limit)",
        patron=patron.key, item=item.key, no_block=no_block, lent_at=to_database(lent_at),
        due_at=to_database(due_at), ended_at=to_database(ended_at),
        charged_limit=None if no_block else patron.record.charged_limit,
        renewal_limit=None if no_block else rule.renewals,
    )  # fmt: skip
    before = Before() if ended_at is not None else _take_from_holds(call, patron, item)
    fee = fees.charge(call, price, patron.key, item.about(loan)) if price else None
    if fee is not None:
        before = replace(before, raised=fees.keys(fee))
    kind = "checkout-no-block" if no_block else "checkout"
    record(
        call, kind, patron=patron.key, item=item.key, loan=loan, hold=before.filled, before=before,
        at=lent_at,
    )  # fmt: skip
    if before == Before() and not no_block and not call.settled:  # nothing but the loan is new
        lent = replace(item.record, circulation_status=CirculationStatus.CHARGED, due_at=due_at)
        charged = patron.record.charged_count + 1
        borrower = without_contact(
            patron.record,
            charged_count=charged,
            too_many_charged=charged >= (patron.record.charged_limit or 0),
        )
    else:
        lent = items.read_again(call, item).record
        borrower = without_contact((patrons.by_key(call, patron.key) or patron).record)
    return CheckoutResult(
        patron=borrower,
        item=lent,
        due_at=due_at,
        desensitize=desensitize(rule, item),
        fee=fee,
    )


def desensitize(rule: LoanRule, item: StoredItem) -> bool:
    """Whether the item may be carried out, and is not harmed by it."""
    return not item.record.magnetic and not rule.in_library


def _take_from_holds(call: Call, patron: StoredPatron, item: StoredItem) -> Before:
    """What lending an item does to holds and transits, and how it was before."""
    before = Before(transit_to=item.record.destination)
    if item.record.destination is not None:
        holds.send(call.tx, item.key, None)
    if not item.active_holds:
        return before
    if item.held is not None and item.held.patron != patron.key:
        holds.release(call, item.held.key)  # it was lent off line, and the hold waits again
    hold = holds.of_patron_on_title(call.tx, patron.key, item.title)
    if hold is None or not (hold.copy == item.key or holds.can_serve(call, item.copy, hold)):
        return before
    holds.end(call, hold, "filled")
    if hold.copy not in (None, item.key):
        holds.pass_on(call, hold.copy)
    return replace(
        before,
        filled=hold.key,
        copy=hold.copy,
        copy_since=hold.copy_since,
        pickup_by=hold.pickup_by,
    )


def _renew(
    call: Call,
    rule: LoanRule,
    patron: StoredPatron,
    borrower: StoredPatron,
    item: StoredItem,
    loan: OpenLoan,
    *,
    due_at: datetime,
    kind: str,
    renewed_at: datetime | None = None,
) -> CheckoutResult:
    """Write a renewal, which was made now or (off line) before."""
    no_block = renewed_at is not None
    due_at = max(due_at, loan.due_at)
    overdue = charge_overdue(call, borrower, item, loan, renewed_at or call.now)
    rental = None
    if not no_block:
        price = fees.price(call, rule.rental_fee, FeeType.RENTAL, item.record)
        rental = fees.charge(call, price, borrower.key, item.about(loan.key))
    call.tx.run(
        "UPDATE loans SET due_at = :due_at, renewals = renewals + 1,"
        " renewal_limit = COALESCE(:renewal_limit, renewal_limit)"
        " WHERE institution = :institution AND key = :loan",
        due_at=to_database(due_at), loan=loan.key,
        renewal_limit=None if no_block else rule.renewals,
    )  # fmt: skip
    record(
        call, kind, patron=loan.patron, item=item.key, loan=loan.key,
        before=Before(due_at=to_database(loan.due_at), raised=fees.keys(overdue, rental)),
        at=renewed_at,
    )  # fmt: skip
    return CheckoutResult(
        patron=without_contact((patrons.by_key(call, patron.key) or patron).record),
        item=replace(item.record, due_at=due_at),
        due_at=due_at,
        renewal_ok=True,
        desensitize=False,  # it was, when it was lent
        fee=rental,
    )


def charge_overdue(
    call: Call,
    borrower: StoredPatron | None,
    item: StoredItem,
    loan: OpenLoan,
    until: datetime,
) -> Fee | None:
    """Book what a loan that was late until then costs its borrower, if it costs anything."""
    if borrower is None or until <= loan.due_at:
        return None
    rule = rule_for(call, borrower.record.ptype, item)
    booked = fees.booked(call, loan.key, FeeType.OVERDUE)
    amount = call.policies.overdue_fee(rule, loan.due_at, until, booked=booked)
    price = fees.price(call, amount, FeeType.OVERDUE, item.record)
    return fees.charge(call, price, borrower.key, item.about(loan.key))


def end(call: Call, loan: OpenLoan, *, at: datetime) -> None:
    """Note when a loan ended. The caller writes the event."""
    call.tx.run(
        "UPDATE loans SET ended_at = :at WHERE institution = :institution AND key = :loan",
        at=to_database(at), loan=loan.key,
    )  # fmt: skip


def _unrenewed(item: StoredItem, refused: Refused) -> Unrenewed:
    return Unrenewed(
        item_id=item.record.id,
        title_id=item.record.title_id,
        reason=refused.reason,
        screen_message=str(refused),
    )
