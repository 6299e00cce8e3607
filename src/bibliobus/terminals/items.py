"""17 and 19: what an item is and where, and what is to be kept with it."""

from __future__ import annotations

from bibliobus.sip2.codes import CirculationStatus, FeeType, SecurityMarker
from bibliobus.sip2.messages import (
    ItemInformation,
    ItemInformationResponse,
    ItemStatusUpdate,
    ItemStatusUpdateResponse,
)
from bibliobus.terminals.call import Call, clean


async def item_information(call: Call, request: ItemInformation) -> ItemInformationResponse:
    """17 → 18."""
    call.check_inst_id(request.institution_id, "item information")
    lender = await call.institution.lender_of(request.item_id)
    item = await lender.find_item(request.item_id)
    if item is None:
        return no_item_information(call, request)
    return ItemInformationResponse(
        circulation_status=item.circulation_status,
        security_marker=SecurityMarker.NONE
        if item.security_marker is None
        else item.security_marker,
        fee_type=FeeType.OTHER if item.fee_type is None else item.fee_type,
        transaction_date=call.local_now,
        hold_queue_length=item.hold_queue_length,
        due_date=None if item.due_at is None else call.due_date(item.due_at),
        recall_date=None if item.recall_at is None else call.local(item.recall_at),
        hold_pickup_date=None if item.hold_pickup_at is None else call.local(item.hold_pickup_at),
        item_id=item.id,
        title_id=item.title_id,
        owner=item.owner,
        currency=item.fee_currency if item.fee else None,
        fee_amount=item.fee or None,
        media_type=item.media_type,
        permanent_location=item.permanent_location,
        current_location=item.current_location,
        item_properties=item.item_properties,
        collection_code=item.collection_code,
        call_number=item.call_number,
        destination_location=item.destination,
        screen_messages=item.screen_messages,
        print_lines=item.print_lines,
        extra=call.item_fields(item),
    )


async def item_status_update(call: Call, request: ItemStatusUpdate) -> ItemStatusUpdateResponse:
    """19 → 20."""
    call.check_inst_id(request.institution_id, "item status update")
    item = await call.institution.ils.status_update(
        request.item_id, clean(request.item_properties) or "", origin=call.origin()
    )
    return ItemStatusUpdateResponse(
        item_properties_ok=True,
        transaction_date=call.local_now,
        item_id=request.item_id,
        title_id=item.title_id,
        item_properties=item.item_properties,
        screen_messages=item.screen_messages,
        print_lines=item.print_lines,
    )


def no_item_information(
    call: Call, request: ItemInformation, message: str = ""
) -> ItemInformationResponse:
    """18 for an item of which there is nothing to tell (spec/sip2 2.11)."""
    return ItemInformationResponse(
        circulation_status=CirculationStatus.OTHER,
        security_marker=SecurityMarker.NONE,
        fee_type=FeeType.OTHER,
        transaction_date=call.local_now,
        item_id=request.item_id,
        title_id="",
        screen_messages=(message,) if message else (),
    )
