"""The other home of errors: what a terminal is answered when the ILS said no, or nothing.

One function a message makes its "no", well-formed and of the right kind, with all that is known.
Whatever a patron is to read comes from the refusal; of faults they read one neutral sentence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bibliobus.ils import (
    BeingConfirmed,
    CheckinResult,
    CirculationError,
    Item,
    ItemNotFound,
    NotOnLoan,
    NotSupported,
    PatronNotFound,
    Refused,
    WrongPIN,
)
from bibliobus.sip2 import Message
from bibliobus.sip2.messages import (
    BlockPatron,
    Checkin,
    CheckinResponse,
    Checkout,
    CheckoutResponse,
    EndPatronSession,
    EndSessionResponse,
    FeePaid,
    FeePaidResponse,
    Hold,
    HoldResponse,
    ItemInformation,
    ItemStatusUpdate,
    ItemStatusUpdateResponse,
    PatronEnable,
    PatronEnableResponse,
    PatronInformation,
    PatronStatusRequest,
    PatronStatusResponse,
    Renew,
    RenewAll,
    RenewAllResponse,
    RenewResponse,
    SCStatus,
)
from bibliobus.sip2.values import NOTHING_ALLOWED
from bibliobus.terminals.call import Call, ForeignInstitution
from bibliobus.terminals.circulation import magnetic, own_sort_bin, taken_back
from bibliobus.terminals.items import no_item_information
from bibliobus.terminals.offering import offer
from bibliobus.terminals.patrons import no_patron_information, no_patron_status
from bibliobus.terminals.status import off_line

NO_ANSWER = "The library's system does not answer. Please ask at the desk."
NOT_SUPPORTED = "The library's system cannot do this."


async def refuse(call: Call, request: Message, error: CirculationError) -> Message:
    """The answer that says no to this request."""
    return await REFUSALS[type(request)](call, request, error)


def screen_messages(error: CirculationError) -> tuple[str, ...]:
    """What the patron is to read, each reason once (spec/sip2 4.3: all of a patron's blocks)."""
    if isinstance(error, Refused):
        return tuple(dict.fromkeys(str(each) for each in (error, *error.also)))
    if isinstance(error, BeingConfirmed):
        return (error.screen_message,)
    return (NOT_SUPPORTED if isinstance(error, NotSupported) else NO_ANSWER,)


async def _no_checkout(call: Call, request: Checkout, error: CirculationError) -> Message:
    """`120NUN`; BL and CQ as SIPServer adds them."""
    looked_at = isinstance(error, Refused) and not isinstance(error, ForeignInstitution)
    looked_at = looked_at and not request.cancel
    pin_checked = looked_at and bool(request.patron_password) and not request.no_block
    fields = await _not_lent(call, request.item_id, error)
    fields["screen_messages"] += await offer(call, request, error)
    return CheckoutResponse(
        patron_id=request.patron_id,
        item_id=request.item_id,
        valid_patron=not isinstance(error, PatronNotFound) if looked_at else None,
        valid_patron_password=not isinstance(error, WrongPIN | PatronNotFound)
        if pin_checked
        else None,
        **fields,
    )


async def _no_renew(call: Call, request: Renew, error: CirculationError) -> Message:
    """`300NUN`."""
    item_id = request.item_id or ""
    return RenewResponse(
        patron_id=request.patron_id, item_id=item_id, **await _not_lent(call, item_id, error)
    )


async def _not_lent(call: Call, item_id: str, error: CirculationError) -> dict[str, Any]:
    """What the refusals of 11 and 29 have alike: no due date, so that no terminal prints one, and
    the fee that the patron would have to accept."""
    item = await _item(call, item_id, error)
    fee = error.fee if isinstance(error, Refused) else None
    return {
        "ok": False,
        "renewal_ok": False,
        "magnetic_media": None,
        "desensitize": False,
        "transaction_date": call.local_now,
        "institution_id": call.institution.id,
        "title_id": "" if item is None else item.title_id,
        "due_date": "",
        "fee_type": None if fee is None else fee.fee_type,
        "currency": None if fee is None else fee.currency,
        "fee_amount": None if fee is None else fee.amount,
        "screen_messages": screen_messages(error),
    }


async def _item(call: Call, item_id: str, error: CirculationError) -> Item | None:
    """The item that an answer is about: the error says so, or whoever lends it is asked again for
    its title."""
    told = isinstance(error, Refused | BeingConfirmed) and not isinstance(error, ItemNotFound)
    if not told or not item_id:
        return None
    if isinstance(error, Refused) and error.item is not None:
        return error.item
    try:
        lender = await call.institution.lender_of(item_id)
        return await lender.find_item(item_id)
    except CirculationError:
        return None  # then there is no title to show


async def _no_checkin(call: Call, request: Checkin, error: CirculationError) -> Message:
    """`100NUY`: the item goes to the desk; 99 tells a sorter so. One that was not out has its
    strip set all the same, and what else becomes of it is the account's to say."""
    item = error.item if isinstance(error, Refused) else None
    was_in, settings = isinstance(error, NotOnLoan), call.account.settings
    if was_in and item is not None and settings.checked_in_ok:
        return _as_if_taken_back(call, request, item)
    alert = settings.alert_when_not_on_loan or not was_in
    return CheckinResponse(
        ok=False,
        resensitize=was_in and item is not None and not item.magnetic,
        magnetic_media=None if item is None else magnetic(call.institution, item),
        alert=alert,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        item_id=request.item_id,
        permanent_location=item.permanent_location if item else "",
        title_id=item.title_id if item else None,
        alert_type="99" if alert else None,
        screen_messages=screen_messages(error),
    )


def _as_if_taken_back(call: Call, request: Checkin, item: Item) -> Message:
    """10 for an item that was in: a sorter needs to know its bin, too."""
    sort_bin = own_sort_bin(call, request, item)
    back = CheckinResult(item=item, resensitize=not item.magnetic, sort_bin=sort_bin)
    return taken_back(call, request, back)


async def _no_end(call: Call, request: EndPatronSession, error: CirculationError) -> Message:
    return EndSessionResponse(
        end_session=False,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        screen_messages=screen_messages(error),
    )


async def _no_patron_status(
    call: Call, request: PatronStatusRequest, error: CirculationError
) -> Message:
    return no_patron_status(call, request, valid_patron=None, messages=screen_messages(error))


async def _no_patron_information(
    call: Call, request: PatronInformation, error: CirculationError
) -> Message:
    return no_patron_information(call, request, valid_patron=None, messages=screen_messages(error))


async def _no_block(call: Call, request: BlockPatron, error: CirculationError) -> Message:
    return PatronStatusResponse(
        patron_status=NOTHING_ALLOWED,
        language="000",
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        personal_name="",
        valid_patron=not isinstance(error, PatronNotFound) if isinstance(error, Refused) else None,
        screen_messages=screen_messages(error),
    )


async def _no_enable(call: Call, request: PatronEnable, error: CirculationError) -> Message:
    refused = isinstance(error, Refused)
    return PatronEnableResponse(
        patron_status=NOTHING_ALLOWED,
        language="000",
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        personal_name="",
        valid_patron=not isinstance(error, PatronNotFound) if refused else None,
        valid_patron_password=False if refused else None,
        screen_messages=screen_messages(error),
    )


async def _no_item(call: Call, request: ItemInformation, error: CirculationError) -> Message:
    return no_item_information(call, request, screen_messages(error)[0])


async def _no_update(call: Call, request: ItemStatusUpdate, error: CirculationError) -> Message:
    return ItemStatusUpdateResponse(
        item_properties_ok=False,
        transaction_date=call.local_now,
        item_id=request.item_id,
        screen_messages=screen_messages(error),
    )


async def _no_hold(call: Call, request: Hold, error: CirculationError) -> Message:
    """`160N`; the fee that is to be accepted has no field, so the patron reads it."""
    fee = error.fee if isinstance(error, Refused) else None
    words = screen_messages(error)
    return HoldResponse(
        ok=False,
        available=False,
        transaction_date=call.local_now,
        pickup_location=request.pickup_location,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        item_id=request.item_id,
        title_id=request.title_id,
        screen_messages=words if fee is None else (*words, f"{fee.amount} {fee.currency}"),
    )


async def _no_renew_all(call: Call, request: RenewAll, error: CirculationError) -> Message:
    """`66000000000`."""
    return RenewAllResponse(
        ok=False,
        renewed_count=0,
        unrenewed_count=0,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        screen_messages=screen_messages(error),
    )


async def _no_payment(call: Call, request: FeePaid, error: CirculationError) -> Message:
    return FeePaidResponse(
        payment_accepted=False,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        transaction_id=request.transaction_id,
        screen_messages=screen_messages(error),
    )


async def _no_status(call: Call, request: SCStatus, error: CirculationError) -> Message:
    return off_line(call)


Refusal = Callable[[Call, Any, CirculationError], Awaitable[Message]]

REFUSALS: Mapping[type[Message], Refusal] = {
    SCStatus: _no_status,
    PatronStatusRequest: _no_patron_status,
    PatronInformation: _no_patron_information,
    EndPatronSession: _no_end,
    BlockPatron: _no_block,
    PatronEnable: _no_enable,
    ItemInformation: _no_item,
    ItemStatusUpdate: _no_update,
    Checkout: _no_checkout,
    Checkin: _no_checkin,
    Renew: _no_renew,
    RenewAll: _no_renew_all,
    Hold: _no_hold,
    FeePaid: _no_payment,
}
