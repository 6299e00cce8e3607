"""11 and 09: items go out and come back."""

from __future__ import annotations

from bibliobus.ils import Institution, NotSupported
from bibliobus.sip2.messages import Checkin, CheckinResponse, Checkout, CheckoutResponse
from bibliobus.terminals.call import Call, clean, pin_of


async def checkout(call: Call, request: Checkout) -> CheckoutResponse:
    """11 → 12."""
    institution = call.institution
    institution.ils.check_inst_id(request.institution_id, "checkout")
    _refuse_to_cancel(request.cancel, "checkin")
    lender = await institution.lender_of(request.item_id)

    lent = await lender.checkout(
        request.patron_id,
        request.item_id,
        renewal_allowed=request.renewal_policy and institution.renewal_ok,
        no_block=request.no_block,
        no_block_due_at=call.moment(request.no_block_due_date) if request.no_block else None,
        fee_acknowledged=bool(request.fee_acknowledged),
        pin=pin_of(request.patron_password),
        item_properties=clean(request.item_properties),
        origin=call.origin(),
    )

    return CheckoutResponse(
        ok=True,
        renewal_ok=lent.renewal_ok,
        magnetic_media=_magnetic(institution, lent.item.magnetic),
        desensitize=lent.desensitize,
        transaction_date=call.local_now,
        institution_id=institution.id,
        patron_id=request.patron_id,
        item_id=request.item_id,
        title_id=lent.item.title_id,
        due_date=call.due_date(lent.due_at),
        security_inhibit=lent.security_inhibit,
        media_type=lent.item.media_type,
        item_properties=lent.item.item_properties,
        screen_messages=lent.screen_messages,
        print_lines=lent.print_lines,
    )


async def checkin(call: Call, request: Checkin) -> CheckinResponse:
    """09 → 10."""
    institution = call.institution
    institution.ils.check_inst_id(request.institution_id, "checkin")
    _refuse_to_cancel(request.cancel, "checkout")
    lender = await institution.lender_of(request.item_id)

    taken = await lender.checkin(
        request.item_id,
        returned_at=call.moment(request.return_date),
        current_location=clean(request.current_location) or None,
        item_properties=clean(request.item_properties),
        no_block=request.no_block,
        origin=call.origin(),
    )

    return CheckinResponse(
        ok=True,
        resensitize=taken.resensitize,
        magnetic_media=_magnetic(institution, taken.item.magnetic),
        alert=taken.alert_type is not None,
        transaction_date=call.local_now,
        institution_id=institution.id,
        item_id=request.item_id,
        permanent_location=taken.item.permanent_location,
        title_id=taken.item.title_id,
        sort_bin=taken.sort_bin,
        patron_id=None if taken.patron is None else taken.patron.id,
        media_type=taken.item.media_type,
        item_properties=taken.item.item_properties,
        collection_code=taken.item.collection_code,
        call_number=taken.item.call_number,
        alert_type=None if taken.alert_type is None else f"{taken.alert_type:02}",
        destination_location=taken.item.destination,
        screen_messages=taken.screen_messages,
        print_lines=taken.print_lines,
    )


def _refuse_to_cancel(cancel: bool | None, what: str) -> None:
    """BI undoes the opposite transaction; it must never be taken for an ordinary one."""
    if cancel:
        raise NotSupported(f"undoing a {what}")


def _magnetic(institution: Institution, magnetic: bool | None) -> bool | None:
    """Unknown ("U") unless the ILS keeps it; an item it keeps nothing of is not magnetic."""
    return bool(magnetic) if institution.ils.supports("magnetic media") else None
