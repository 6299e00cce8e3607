"""Lending and renewing."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from bibliobus.ils import (
    AlreadyOnLoan,
    CheckoutResult,
    FeeNotAcknowledged,
    FeeType,
    ItemNotAvailable,
    LoanLimitReached,
    NotForLoan,
    NotOnLoan,
    OnHoldForAnother,
    Refused,
    RenewalNotAllowed,
    TooManyRenewals,
    TooSoonToRenew,
    Unrenewed,
)
from bibliobus.ils.library import Condition, LoanRule
from bibliobus.testing.memory import conditions, fees, holds, queues, shown
from bibliobus.testing.memory.shown import refusal
from bibliobus.testing.memory.state import (
    NOT_LENT,
    KeptFee,
    KeptItem,
    KeptLoan,
    KeptPatron,
    State,
    Undo,
)


class Lent(NamedTuple):
    """What came of lending or renewing."""

    due_at: datetime
    undo: Undo | None = None
    fee: KeptFee | None = None
    renewed: bool = False


def result(state: State, patron: KeptPatron, item: KeptItem, lent: Lent) -> CheckoutResult:
    """What a terminal is told of it."""
    return CheckoutResult(
        patron=shown.patron(state, patron),
        item=shown.item(state, item),
        due_at=lent.due_at,
        renewal_ok=lent.renewed,
        desensitize=not lent.renewed and _to_carry_out(state, patron, item),
        fee=shown.booked(state, lent.fee),
    )


def _to_carry_out(state: State, patron: KeptPatron, item: KeptItem) -> bool:
    return not item.lasting.magnetic and not state.rule(patron, item).in_library


# ------------------------------------------------ lending


def lend(
    state: State,
    patron: KeptPatron,
    item: KeptItem,
    *,
    renewal_allowed: bool,
    fee_acknowledged: bool,
) -> Lent:
    """Lend by policy, or renew what the patron has already."""
    _check_may_borrow(state, patron, item)
    if item.loan is not None:
        if item.loan.patron is not patron or not renewal_allowed:
            raise refusal(state, AlreadyOnLoan, patron, item)
        return renew(state, item.loan, patron, fee_acknowledged=fee_acknowledged)
    rule = state.rule(patron, item)
    if why := _why_not_lent(state, patron, item, rule):
        raise refusal(state, why, patron, item)
    _check_acknowledged(state, patron, item, rule, fee_acknowledged)
    loan = KeptLoan(patron, item, state.now, state.policies.due_at(rule, state.now))
    undo = _hand_out(state, loan)
    fee = fees.charge(state, patron, FeeType.RENTAL, rule.rental_fee, item.title, item)
    undo.fees = (fee,) if fee else ()
    return Lent(loan.due_at, undo, fee)


def lend_off_line(
    state: State,
    patron: KeptPatron,
    item: KeptItem,
    lent_at: datetime | None,
    due_at: datetime | None,
) -> Lent:
    """Note what was lent already, unless the item has gone out again or come back since."""
    lent_at = state.policies.off_line_at(lent_at, state.now)
    if due_at is None or due_at < lent_at:
        due_at = state.policies.due_at(state.rule(patron, item), lent_at)
    before = item.loan
    if item.last_moved_at is None or lent_at >= item.last_moved_at:
        conditions.find_again(item)
        if before is not None:
            before.end()
            fees.charge_overdue(state, before, lent_at)
        if item.hold is not None and item.hold.patron is not patron:
            holds.release(item)
        _hand_out(state, KeptLoan(patron, item, lent_at, due_at))
    return Lent(due_at)


def available(state: State, item: KeptItem, patron: KeptPatron | None) -> bool:
    """As `ILS.available`."""
    rule = state.rule(patron, item)
    return item.loan is None and _why_not_available(state, patron, item, rule) is None


def _check_may_borrow(state: State, patron: KeptPatron, item: KeptItem) -> None:
    if blocks := shown.blocks(state, patron):
        first, *more = blocks
        first.patron, first.item = shown.patron(state, patron), shown.item(state, item)
        first.also = tuple(more)
        raise first


def _why_not_lent(
    state: State, patron: KeptPatron, item: KeptItem, rule: LoanRule
) -> type[Refused] | None:
    if why := _why_not_available(state, patron, item, rule):
        return why
    charged, limit = len(patron.loans), patron.lasting.charged_limit
    if limit is not None and charged >= limit:
        return LoanLimitReached
    if charged >= rule.loan_limit and _covered(patron, rule) >= rule.loan_limit:
        return LoanLimitReached
    return None


def _why_not_available(
    state: State, patron: KeptPatron | None, item: KeptItem, rule: LoanRule
) -> type[Refused] | None:
    if not rule.lent:
        return NotForLoan
    if item.condition in NOT_LENT:
        return ItemNotAvailable
    if queues.is_anothers(state, item, patron):
        return OnHoldForAnother
    return None


def _covered(patron: KeptPatron, rule: LoanRule) -> int:
    """How many of the patron's loans count for the rule's limit."""
    lent = [loan.item.lasting for loan in patron.loans.values()]
    return sum(
        rule.item_type in (None, item.item_type)
        and rule.location in (None, item.permanent_location)
        for item in lent
    )


def _check_acknowledged(
    state: State, asker: KeptPatron, item: KeptItem, rule: LoanRule, fee_acknowledged: bool
) -> None:
    if rule.rental_fee and not fee_acknowledged:
        fee = shown.price(state, FeeType.RENTAL, rule.rental_fee, item.title, item)
        raise refusal(state, FeeNotAcknowledged, asker, item, fee)


def _hand_out(state: State, loan: KeptLoan) -> Undo:
    item = loan.item
    own = queues.filled_by(state, item, loan.patron)
    undo = Undo(loan, destination=item.destination, filled=own)
    if own is not None:
        undo.pickup_by, undo.had_item = own.pickup_by, own.item is item
        kept = own.item
        holds.end(own)
        if kept is not None and kept is not item:
            holds.pass_on(state, kept)
    item.destination = None
    loan.begin()
    return undo


# ------------------------------------------------ renewing


def loan_to_renew(
    state: State, asker: KeptPatron, item: KeptItem, *, third_party: bool
) -> KeptLoan:
    """The item's loan, if the asker may have it renewed.

    Raises:
        NotOnLoan: It has none.
        AlreadyOnLoan: It is another patron's.
    """
    if item.loan is None:
        raise refusal(state, NotOnLoan, asker, item)
    if item.loan.patron is not asker and not third_party:
        raise refusal(state, AlreadyOnLoan, asker, item)
    return item.loan


def item_of_title(state: State, patron: KeptPatron, title_id: str | None) -> KeptItem:
    """The first that the patron has on loan of a title.

    Raises:
        NotOnLoan: There is none.
    """
    for loan in patron.loans_in_order():
        if title_id in (loan.item.title.text, loan.item.title.key):
            return loan.item
    raise refusal(state, NotOnLoan, patron)


def renew(state: State, loan: KeptLoan, asker: KeptPatron, *, fee_acknowledged: bool) -> Lent:
    """Renew by policy."""
    patron, item = loan.patron, loan.item
    rule = state.rule(patron, item)
    if why := _why_not_renewed(state, loan, rule):
        raise refusal(state, why, asker, item)
    _check_acknowledged(state, asker, item, rule, fee_acknowledged)
    undo = Undo(loan, due_at=loan.due_at)
    overdue = fees.charge_overdue(state, loan, state.now)
    rental = fees.charge(state, patron, FeeType.RENTAL, rule.rental_fee, item.title, item)
    undo.fees = tuple(fee for fee in (overdue, rental) if fee is not None)
    return _longer(state, loan, None, state.now)._replace(undo=undo, fee=rental)


def renew_off_line(
    state: State, loan: KeptLoan, due_at: datetime | None, renewed_at: datetime | None
) -> Lent:
    """Note that a loan is due at a later time, whatever the policy."""
    renewed_at = state.policies.off_line_at(renewed_at, state.now)
    fees.charge_overdue(state, loan, renewed_at)
    return _longer(state, loan, due_at, renewed_at)


def _longer(state: State, loan: KeptLoan, due_at: datetime | None, renewed_at: datetime) -> Lent:
    if due_at is None:
        due_at = state.policies.due_at(state.rule(loan.patron, loan.item), renewed_at)
    loan.due_at = max(due_at, loan.due_at)
    loan.renewals += 1
    return Lent(loan.due_at, renewed=True)


def unrenewed(loan: KeptLoan, refused: Refused) -> Unrenewed:
    """What a patron is told of a loan that stays as it is."""
    entry = shown.loan_entry(loan)
    return Unrenewed(
        item_id=entry.item_id,
        title_id=entry.title_id,
        reason=refused.reason,
        screen_message=str(refused),
    )


def _why_not_renewed(state: State, loan: KeptLoan, rule: LoanRule) -> type[Refused] | None:
    patron, item = loan.patron, loan.item
    if not shown.patron(state, patron).renew_ok:
        return RenewalNotAllowed
    if loan.renewals >= rule.renewals:
        return TooManyRenewals
    if not state.policies.may_renew_at(rule, loan.due_at, state.now):
        return TooSoonToRenew
    if any(hold.patron is not patron for hold in queues.eligible(state, item)):
        return OnHoldForAnother
    if item.condition in (Condition.LOST, Condition.CLAIMED_RETURNED):
        return RenewalNotAllowed
    return None
