"""What patrons owe, in minor units, and what they pay."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from bibliobus.ils import (
    CurrencyNotAccepted,
    FeeNotFound,
    FeePayment,
    FeeType,
    PaymentKeyUsed,
    PaymentNotDue,
    PaymentResult,
    PaymentType,
)
from bibliobus.ils.money import to_minor
from bibliobus.testing.memory import shown
from bibliobus.testing.memory.state import (
    KeptFee,
    KeptItem,
    KeptLoan,
    KeptPatron,
    Payment,
    State,
    Title,
)


def charge(
    state: State,
    patron: KeptPatron,
    fee_type: FeeType,
    amount: Decimal,
    title: Title,
    item: KeptItem | None,
) -> KeptFee | None:
    """Book a fee, which the patron's credit pays first; None if it costs nothing."""
    if not amount:
        return None
    minor, words = to_minor(amount, state.currency), shown.words(fee_type, title)
    fee = KeptFee(state.number(), fee_type, minor, minor, words, state.now, title, item)
    patron.owing.append(fee)
    spend_credit(patron)
    return fee


def charge_overdue(state: State, loan: KeptLoan, until: datetime) -> KeptFee | None:
    """Book what a loan that was late until then costs, if it costs anything."""
    rule = state.rule(loan.patron, loan.item)
    booked = sum(fee.amount for fee in loan.overdue if not fee.reversed)
    late = state.policies.overdue_fee(
        rule, loan.due_at, until, booked=shown.money(booked, state.currency)
    )
    fee = charge(state, loan.patron, FeeType.OVERDUE, late, loan.item.title, loan.item)
    if fee is not None:
        loan.overdue.append(fee)
    return fee


def reverse(patron: KeptPatron, fee: KeptFee) -> None:
    """Take a fee back. What was paid of it is credit, which the caller spends."""
    patron.credit += fee.amount - fee.owed - fee.written_off
    fee.reversed = True
    _pay_off(patron, fee, fee.owed)


def raise_again(patron: KeptPatron, fee: KeptFee) -> None:
    """Book a fee that was reversed. The caller spends the patron's credit."""
    fee.owed, fee.reversed = fee.amount - fee.written_off, False
    if fee.owed:
        patron.owing.append(fee)
        patron.owing.sort(key=lambda each: each.number)


def forgive(item: KeptItem) -> None:
    """Take back what a patron was charged for losing an item."""
    loan = item.loan
    if loan is not None and loan.replacement is not None:
        reverse(loan.patron, loan.replacement)
        spend_credit(loan.patron)
        loan.replacement = None


def spend_credit(patron: KeptPatron) -> list[tuple[KeptFee, int]]:
    """Pay what is owed out of the patron's credit, oldest first: which fees, how far."""
    spent = []
    while patron.credit and patron.owing:
        fee = patron.owing[0]
        part = min(fee.owed, patron.credit)
        patron.credit -= part
        _pay_off(patron, fee, part)
        spent.append((fee, part))
    return spent


def payment(
    state: State,
    patron: KeptPatron,
    amount: Decimal,
    currency: str,
    fee_id: str | None,
    payment_type: int,
) -> Payment:
    """What a terminal asks to be booked."""
    currency = currency or state.currency
    try:
        minor = to_minor(amount, currency)
    except ValueError:
        minor = None
    return Payment(patron, minor, currency, fee_id, payment_type == PaymentType.WRITE_OFF)


def pay_once(
    state: State, payment: Payment, key: tuple[str | None, str], *, credit_ok: bool
) -> PaymentResult:
    """Book a payment, unless it was booked by this key.

    Raises:
        PaymentKeyUsed: Another payment was.
        CurrencyNotAccepted, FeeNotFound, PaymentNotDue: As `pay` does.
    """
    if key not in state.payments:
        state.payments[key] = payment, pay(state, payment, credit_ok=credit_ok)
    booked, result = state.payments[key]
    if booked != payment:
        raise shown.refusal(state, PaymentKeyUsed, payment.patron)
    return result


def pay(state: State, payment: Payment, *, credit_ok: bool) -> PaymentResult:
    """Book a payment: to the fee that was named, what is left to the oldest, the rest as credit.

    Raises:
        CurrencyNotAccepted, FeeNotFound, PaymentNotDue: As of `ILS.pay_fee`.
    """
    patron, credit_before = payment.patron, payment.patron.credit
    keeps_credit = credit_ok and state.settings.overpayment == "credit"
    amount, named = _check_due(state, payment, keeps_credit=keeps_credit)
    paid: list[tuple[KeptFee, int]] = []
    if named is not None:
        part = min(amount, named.owed)
        _pay_off(patron, named, part)
        paid.append((named, part))
        amount -= part
    patron.credit += amount
    paid += spend_credit(patron)
    for fee, part in paid:
        fee.written_off += part if payment.is_write_off else 0
    currency = state.currency
    return PaymentResult(
        patron=shown.patron(state, patron),
        transaction_id=str(state.number()),
        paid=tuple(
            FeePayment(fee_id=str(fee.number), amount=shown.money(part, currency))
            for fee, part in paid
        ),
        credit=shown.money(patron.credit - credit_before, currency),
        still_owed=shown.money(patron.owed(), currency),
        currency=currency,
    )


def _check_due(state: State, payment: Payment, *, keeps_credit: bool) -> tuple[int, KeptFee | None]:
    """The amount, and the fee that was named."""
    patron, amount, named = payment.patron, payment.amount, None
    if payment.currency != state.currency:
        raise shown.refusal(state, CurrencyNotAccepted, patron)
    if amount is None or amount <= 0:
        raise shown.refusal(state, PaymentNotDue, patron)
    if payment.fee_id is not None:
        named = next((fee for fee in patron.owing if str(fee.number) == payment.fee_id), None)
        if named is None:
            raise shown.refusal(state, FeeNotFound, patron)
    due = named.owed if named and not keeps_credit else patron.owed()
    if amount > due and (payment.is_write_off or not keeps_credit):
        raise shown.refusal(state, PaymentNotDue, patron)
    return amount, named


def _pay_off(patron: KeptPatron, fee: KeptFee, part: int) -> None:
    """Every other change of what is owed comes through here, so `owing` has what is owed."""
    was_owed = fee.owed
    fee.owed -= part
    if was_owed and not fee.owed:
        patron.owing.remove(fee)
