"""99: what a terminal may do here."""

from __future__ import annotations

from collections.abc import Mapping

from bibliobus.sip2.messages import ACSStatus, SCStatus
from bibliobus.sip2.values import SupportedMessages
from bibliobus.terminals.call import Call

SUPPORTED: Mapping[str, tuple[str, str]] = {
    "patron_status_request": ("23", "patron status request"),
    "checkout": ("11", "checkout"),
    "checkin": ("09", "checkin"),
    "block_patron": ("01", "block patron"),
    "status": ("99", ""),
    "resend": ("97", ""),
    "login": ("93", ""),
    "patron_information": ("63", "patron information"),
    "end_patron_session": ("35", "end patron session"),
    "fee_paid": ("37", "fee paid"),
    "item_information": ("17", "item information"),
    "item_status_update": ("19", "item status update"),
    "patron_enable": ("25", "patron enable"),
    "hold": ("15", "hold"),
    "renew": ("29", "renew"),
    "renew_all": ("65", "renew all"),
}
"""Each position of BX: its message, and what ILS.pod calls the operation. Ours alone have none."""


async def sc_status(call: Call, request: SCStatus) -> ACSStatus:
    """99 → 98. What this terminal may do now, by the ILS's own word."""
    ils, may = call.institution.ils, call.account.may_send
    checkin_ok, checkout_ok = await ils.checkin_ok(), await ils.checkout_ok()
    return _status(
        call,
        checkin_ok=checkin_ok and "09" in may,
        checkout_ok=checkout_ok and "11" in may,
        renewal_ok=not may.isdisjoint({"11", "29", "65"}) and call.institution.renewal_ok,
        status_update_ok=await ils.status_update_ok() and "01" in may,
        off_line_ok=await ils.offline_ok(),
    )


def off_line(call: Call) -> ACSStatus:
    """98 with on-line N: the ILS does not answer, and the terminal asks again later. Whether it
    may lend meanwhile is the library's to say, who answers for what it then gets."""
    off_line_ok = call.institution.ils.supports("offline operation")
    return _status(call, on_line=False, off_line_ok=off_line_ok)


def supported_messages(call: Call) -> SupportedMessages:
    """BX: what the terminal may send and, if it is not the door's alone, the ILS can do."""
    ils = call.institution.ils
    return SupportedMessages(
        **{
            position: code in call.account.may_send and (not name or ils.supports(name))
            for position, (code, name) in SUPPORTED.items()
        }
    )


def _status(
    call: Call,
    *,
    on_line: bool = True,
    checkin_ok: bool = False,
    checkout_ok: bool = False,
    renewal_ok: bool = False,
    status_update_ok: bool = False,
    off_line_ok: bool = False,
) -> ACSStatus:
    institution, settings = call.institution, call.account.settings
    return ACSStatus(
        on_line_status=on_line,
        checkin_ok=checkin_ok,
        checkout_ok=checkout_ok,
        acs_renewal_policy=renewal_ok,
        status_update_ok=status_update_ok,
        off_line_ok=off_line_ok,
        timeout_period=institution.timeout if settings.timeout is None else settings.timeout,
        retries_allowed=institution.retries if settings.retries is None else settings.retries,
        date_time_sync=call.local_now,
        protocol_version=call.dialect.version,
        institution_id=institution.id,
        library_name=settings.library_name or institution.name,
        supported_messages=supported_messages(call),
        terminal_location=call.location,
    )
