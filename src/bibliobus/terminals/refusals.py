"""The other home of errors: what a terminal is answered when the ILS said no, or nothing.

One function a message makes its "no", well-formed and of the right kind, with all that is known.
Whatever a patron is to read comes from the refusal; of faults they read one neutral sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bibliobus.ils import CirculationError, NotSupported, PatronNotFound, Refused, WrongPIN
from bibliobus.sip2 import Message
from bibliobus.sip2.messages import (
    Checkin,
    CheckinResponse,
    Checkout,
    CheckoutResponse,
    EndPatronSession,
    EndSessionResponse,
    ItemInformation,
    PatronInformation,
    PatronStatusRequest,
    SCStatus,
)
from bibliobus.terminals.call import Call
from bibliobus.terminals.items import no_item_information
from bibliobus.terminals.patrons import no_patron_information, no_patron_status
from bibliobus.terminals.status import off_line

NO_ANSWER = "The library's system does not answer. Please ask at the desk."
NOT_SUPPORTED = "The library's system cannot do this."


def refuse(call: Call, request: Message, error: CirculationError) -> Message:
    """The answer that says no to this request."""
    return REFUSALS[type(request)](call, request, error)


def screen_messages(error: CirculationError) -> tuple[str, ...]:
    """What the patron is to read, each reason once (spec/sip2 4.3: all of a patron's blocks)."""
    if isinstance(error, Refused):
        return tuple(dict.fromkeys(str(each) for each in (error, *error.also)))
    return (NOT_SUPPORTED if isinstance(error, NotSupported) else NO_ANSWER,)


def _no_checkout(call: Call, request: Checkout, error: CirculationError) -> CheckoutResponse:
    """`120NUN`; no due date, so that no terminal prints one."""
    pin_checked = bool(request.patron_password) and not request.no_block
    refused = isinstance(error, Refused)
    return CheckoutResponse(
        ok=False,
        renewal_ok=False,
        magnetic_media=None,
        desensitize=False,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        item_id=request.item_id,
        title_id=error.item.title_id if isinstance(error, Refused) and error.item else "",
        due_date="",
        valid_patron=not isinstance(error, PatronNotFound) if refused else None,
        valid_patron_password=not isinstance(error, WrongPIN | PatronNotFound)
        if refused and pin_checked
        else None,
        screen_messages=screen_messages(error),
    )


def _no_checkin(call: Call, request: Checkin, error: CirculationError) -> CheckinResponse:
    """`100NUY`: the item goes to the desk; 99 tells a sorter so."""
    item = error.item if isinstance(error, Refused) else None
    return CheckinResponse(
        ok=False,
        resensitize=False,
        magnetic_media=None,
        alert=True,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        item_id=request.item_id,
        permanent_location=item.permanent_location if item else "",
        title_id=item.title_id if item else None,
        alert_type="99",
        screen_messages=screen_messages(error),
    )


def _no_end(call: Call, request: EndPatronSession, error: CirculationError) -> EndSessionResponse:
    return EndSessionResponse(
        end_session=False,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        screen_messages=screen_messages(error),
    )


def _no_patron_status(call: Call, request: PatronStatusRequest, error: CirculationError) -> Message:
    return no_patron_status(call, request, valid_patron=None, message=screen_messages(error)[0])


def _no_patron_information(
    call: Call, request: PatronInformation, error: CirculationError
) -> Message:
    return no_patron_information(
        call, request, valid_patron=None, message=screen_messages(error)[0]
    )


def _no_item(call: Call, request: ItemInformation, error: CirculationError) -> Message:
    return no_item_information(call, request, screen_messages(error)[0])


Refusal = Callable[[Call, Any, CirculationError], Message]

REFUSALS: Mapping[type[Message], Refusal] = {
    SCStatus: off_line,
    PatronStatusRequest: _no_patron_status,
    PatronInformation: _no_patron_information,
    EndPatronSession: _no_end,
    ItemInformation: _no_item,
    Checkout: _no_checkout,
    Checkin: _no_checkin,
}
