"""99: what a terminal may do here."""

from __future__ import annotations

from collections.abc import Mapping

from bibliobus.ils import ILS, Unavailable
from bibliobus.sip2.messages import ACSStatus, SCStatus
from bibliobus.sip2.values import SupportedMessages
from bibliobus.terminals.call import Call

SUPPORTED: Mapping[str, str] = {
    "patron_status_request": "patron status request",
    "checkout": "checkout",
    "checkin": "checkin",
    "block_patron": "block patron",
    "status": "acs status",
    "resend": "request sc/acs resend",
    "login": "login",
    "patron_information": "patron information",
    "end_patron_session": "end patron session",
    "fee_paid": "fee paid",
    "item_information": "item information",
    "item_status_update": "item status update",
    "patron_enable": "patron enable",
    "hold": "hold",
    "renew": "renew",
    "renew_all": "renew all",
}
"""Each position of BX, by the name that ILS.pod has for it."""


async def sc_status(call: Call, request: SCStatus) -> ACSStatus:
    """99 → 98. On-line N says that the ILS does not answer: the terminal asks again later.

    A terminal of version 1.xx is told 1.00, any other 2.00 (spec/sip2 1.2).
    """
    institution, ils = call.institution, call.institution.ils
    try:
        on_line, may = True, await _permissions(ils)
    except Unavailable:
        on_line, may = False, (False, False, False, False)
    checkin_ok, checkout_ok, status_update_ok, off_line_ok = may
    return ACSStatus(
        on_line_status=on_line,
        checkin_ok=checkin_ok,
        checkout_ok=checkout_ok,
        acs_renewal_policy=on_line and institution.renewal_ok,
        status_update_ok=status_update_ok,
        off_line_ok=off_line_ok,
        timeout_period=institution.timeout,
        retries_allowed=institution.retries,
        date_time_sync=call.transaction_date,
        protocol_version="1.00" if request.protocol_version.startswith("1.") else "2.00",
        institution_id=institution.id,
        library_name=institution.name,
        supported_messages=SupportedMessages(
            **{position: ils.supports(name) for position, name in SUPPORTED.items()}
        ),
        terminal_location=call.location,
    )


async def _permissions(ils: ILS) -> tuple[bool, bool, bool, bool]:
    return (
        await ils.checkin_ok(),
        await ils.checkout_ok(),
        await ils.status_update_ok(),
        await ils.offline_ok(),
    )
