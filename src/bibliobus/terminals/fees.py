"""37: a patron has paid at the terminal."""

from __future__ import annotations

from bibliobus.ils import FeeType, PaymentNotDue
from bibliobus.sip2.messages import FeePaid, FeePaidResponse
from bibliobus.terminals.call import Call, clean


async def fee_paid(call: Call, request: FeePaid) -> FeePaidResponse:
    """37 → 38. BK is our receipt number."""
    call.check_inst_id(request.institution_id, "fee paid")
    if request.fee_amount is None:
        raise PaymentNotDue

    paid = await call.institution.ils.pay_fee(
        request.patron_id,
        request.fee_amount,
        request.currency.strip(),
        fee_type=FeeType(request.fee_type) if request.fee_type in set(FeeType) else FeeType.OTHER,
        payment_type=request.payment_type,
        fee_id=clean(request.fee_identifier) or None,
        transaction_id=clean(request.transaction_id) or None,
        credit_ok=not call.account.settings.disallow_overpayment,
        pin=call.pin(request.patron_password),
        origin=call.origin(),
    )

    return FeePaidResponse(
        payment_accepted=True,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        transaction_id=paid.transaction_id,
        screen_messages=paid.screen_messages,
        print_lines=paid.print_lines,
    )
