"""15: holds are placed, changed and given up."""

from __future__ import annotations

from bibliobus.ils import HoldResult, HoldType, NoSuchPickupLocation, NotSupported
from bibliobus.sip2.codes import HoldMode
from bibliobus.sip2.messages import Hold, HoldResponse
from bibliobus.terminals.call import Call, clean


async def hold(call: Call, request: Hold) -> HoldResponse:
    """15 → 16."""
    call.check_inst_id(request.institution_id, "hold")
    pickup_location = clean(request.pickup_location) or None
    try:
        result = await _ask(call, request, pickup_location)
    except NoSuchPickupLocation:
        if pickup_location is None or call.account.settings.unknown_pickup_location == "refuse":
            raise
        result = await _ask(call, request, None)  # it is picked up elsewhere, and not said
        return _answer(call, request, result, pickup_location)
    return _answer(call, request, result, result.hold.pickup_location)


async def _ask(call: Call, request: Hold, pickup_location: str | None) -> HoldResult:
    lender = await call.institution.lender_of(request.item_id or "")
    item_id, title_id = request.item_id or None, clean(request.title_id) or None
    pin, origin = call.pin(request.patron_password), call.origin()
    expires_at = call.moment(request.expiration_date)
    if request.hold_mode is HoldMode.ADD:
        return await lender.add_hold(
            request.patron_id, item_id=item_id, title_id=title_id,
            hold_type=_type(request.hold_type) or HoldType.ANY_COPY,
            pickup_location=pickup_location, expires_at=expires_at,
            fee_acknowledged=bool(request.fee_acknowledged), pin=pin, origin=origin,
        )  # fmt: skip
    if request.hold_mode is HoldMode.CHANGE:
        return await lender.alter_hold(
            request.patron_id, item_id=item_id, title_id=title_id,
            hold_type=_type(request.hold_type), pickup_location=pickup_location,
            expires_at=expires_at, pin=pin, origin=origin,
        )  # fmt: skip
    if request.hold_mode is HoldMode.DELETE:
        return await lender.cancel_hold(
            request.patron_id, item_id=item_id, title_id=title_id, pin=pin, origin=origin
        )
    raise NotSupported("a hold mode that nobody knows")


def _answer(
    call: Call, request: Hold, result: HoldResult, pickup_location: str | None
) -> HoldResponse:
    held = result.hold
    return HoldResponse(
        ok=True,
        available=result.available and call.account.settings.hold_available,
        transaction_date=call.local_now,
        expiration_date=None if held.expires_at is None else call.local(held.expires_at),
        queue_position=held.queue_position or None,
        pickup_location=pickup_location,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        item_id=request.item_id or held.item_id,
        title_id=held.title_id,
        screen_messages=result.screen_messages,
        print_lines=result.print_lines,
    )


def _type(hold_type: int | None) -> HoldType | None:
    """BY; what is not among them is a kind of the terminal's own."""
    if hold_type is None:
        return None
    return HoldType(hold_type) if hold_type in set(HoldType) else HoldType.OTHER
