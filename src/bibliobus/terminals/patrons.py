"""23, 63 and 35: who a patron is, and what they may do.

What is told depends on the PIN (spec/reliability 6.1, "minimal"): a wrong one reveals nothing but
that the card exists; without one, a terminal learns what the patron may do, but no name, no
contact, no counts and no lists.
"""

from __future__ import annotations

from bibliobus.ils import Patron, PatronList
from bibliobus.sip2.codes import SummaryType
from bibliobus.sip2.messages import (
    EndPatronSession,
    EndSessionResponse,
    PatronInformation,
    PatronInformationResponse,
    PatronStatusRequest,
    PatronStatusResponse,
)
from bibliobus.sip2.values import NOTHING_ALLOWED, PatronStatus
from bibliobus.terminals.call import Call, pin_of

LISTS = {
    SummaryType.HOLD_ITEMS: PatronList.HOLDS,
    SummaryType.OVERDUE_ITEMS: PatronList.OVERDUE,
    SummaryType.CHARGED_ITEMS: PatronList.CHARGED,
    SummaryType.FINE_ITEMS: PatronList.FINES,
    SummaryType.RECALL_ITEMS: PatronList.RECALLS,
    SummaryType.UNAVAILABLE_HOLDS: PatronList.UNAVAILABLE_HOLDS,
}
"""What the port calls each list that 63 can ask for."""


async def patron_status(call: Call, request: PatronStatusRequest) -> PatronStatusResponse:
    """23 → 24."""
    ils = call.institution.ils
    ils.check_inst_id(request.institution_id, "patron status")
    patron = await ils.find_patron(request.patron_id)
    if patron is None:
        return no_patron_status(call, request, valid_patron=False)
    proven = await _proven(call, patron, request.patron_password)
    if not proven:
        status = _unproven_status(patron, proven)
        return no_patron_status(call, request, status=status, valid_patron=True)
    return PatronStatusResponse(
        patron_status=_status(patron),
        language=request.language,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=patron.id,
        personal_name=patron.name,
        valid_patron=True,
        valid_patron_password=True,
        currency=patron.currency,
        fee_amount=patron.fee_amount,
        screen_messages=patron.screen_messages,
        print_lines=patron.print_lines,
    )


async def patron_information(call: Call, request: PatronInformation) -> PatronInformationResponse:
    """63 → 64. CQ is sent if a PIN was."""
    ils = call.institution.ils
    ils.check_inst_id(request.institution_id, "patron information")
    patron = await ils.find_patron(request.patron_id)
    if patron is None:
        return no_patron_information(call, request, valid_patron=False)
    proven = await _proven(call, patron, request.patron_password)
    if not proven:
        status = _unproven_status(patron, proven)
        return no_patron_information(call, request, status=status, valid_patron=True)
    asked: dict[SummaryType, tuple[str, ...]] = {}
    if request.summary in LISTS:
        start, end = request.start_item or 1, request.end_item
        entries = await ils.patron_list(patron.id, LISTS[request.summary], start, end)
        asked[request.summary] = tuple(call.entry(entry) for entry in entries)
    return PatronInformationResponse(
        patron_status=_status(patron),
        language=request.language,
        transaction_date=call.local_now,
        hold_items_count=patron.hold_count,
        overdue_items_count=patron.overdue_count,
        charged_items_count=patron.charged_count,
        fine_items_count=patron.fine_count,
        recall_items_count=patron.recall_count,
        unavailable_holds_count=patron.unavailable_hold_count,
        institution_id=call.institution.id,
        patron_id=patron.id,
        personal_name=patron.name,
        hold_items_limit=patron.hold_limit,
        overdue_items_limit=patron.overdue_limit,
        charged_items_limit=patron.charged_limit,
        valid_patron=True,
        valid_patron_password=True,
        currency=patron.currency,
        fee_amount=patron.fee_amount,
        fee_limit=patron.fee_limit,
        hold_items=asked.get(SummaryType.HOLD_ITEMS, ()),
        overdue_items=asked.get(SummaryType.OVERDUE_ITEMS, ()),
        charged_items=asked.get(SummaryType.CHARGED_ITEMS, ()),
        fine_items=asked.get(SummaryType.FINE_ITEMS, ()),
        recall_items=asked.get(SummaryType.RECALL_ITEMS, ()),
        unavailable_hold_items=asked.get(SummaryType.UNAVAILABLE_HOLDS, ()),
        home_address=patron.address,
        email_address=patron.email_addr,
        home_phone=patron.home_phone,
        screen_messages=patron.screen_messages,
        print_lines=patron.print_lines,
    )


async def end_patron_session(call: Call, request: EndPatronSession) -> EndSessionResponse:
    """35 → 36."""
    ils = call.institution.ils
    ils.check_inst_id(request.institution_id, "end patron session")
    ended = await ils.end_patron_session(
        request.patron_id, pin=pin_of(request.patron_password), origin=call.origin()
    )
    return EndSessionResponse(
        end_session=True,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        screen_messages=ended.screen_messages,
        print_lines=ended.print_lines,
    )


def no_patron_status(
    call: Call,
    request: PatronStatusRequest,
    *,
    status: PatronStatus = NOTHING_ALLOWED,
    valid_patron: bool | None,
    message: str = "",
) -> PatronStatusResponse:
    """24 without telling of the patron: unknown (spec/sip2 2.4), without a PIN, or no answer."""
    return PatronStatusResponse(
        patron_status=status,
        language=request.language,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        personal_name="",
        valid_patron=valid_patron,
        valid_patron_password=False,
        screen_messages=(message,) if message else (),
    )


def no_patron_information(
    call: Call,
    request: PatronInformation,
    *,
    status: PatronStatus = NOTHING_ALLOWED,
    valid_patron: bool | None,
    message: str = "",
) -> PatronInformationResponse:
    """64 without telling of the patron: unknown (spec/sip2 2.5), without a PIN, or no answer."""
    return PatronInformationResponse(
        patron_status=status,
        language=request.language,
        transaction_date=call.local_now,
        hold_items_count=0,
        overdue_items_count=0,
        charged_items_count=0,
        fine_items_count=0,
        recall_items_count=0,
        unavailable_holds_count=0,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        personal_name="",
        valid_patron=valid_patron,
        valid_patron_password=None if request.patron_password is None else False,
        screen_messages=(message,) if message else (),
    )


async def _proven(call: Call, patron: Patron, patron_password: str | None) -> bool | None:
    """Whether the terminal has the patron's PIN; None if it sent none."""
    pin = pin_of(patron_password)
    return None if pin is None else await call.institution.ils.check_password(patron.id, pin)


def _unproven_status(patron: Patron, proven: bool | None) -> PatronStatus:
    """A wrong PIN opens nothing; without one, only the four permissions are told."""
    if proven is False:
        return NOTHING_ALLOWED
    return PatronStatus(
        not patron.charge_ok, not patron.renew_ok, not patron.recall_ok, not patron.hold_ok
    )


def _status(patron: Patron) -> PatronStatus:
    return PatronStatus(
        not patron.charge_ok,
        not patron.renew_ok,
        not patron.recall_ok,
        not patron.hold_ok,
        patron.card_lost,
        patron.too_many_charged,
        patron.too_many_overdue,
        patron.too_many_renewal,
        patron.too_many_claim_return,
        patron.too_many_lost,
        patron.excessive_fines,
        patron.excessive_fees,
        patron.recall_overdue,
        patron.too_many_billed,
    )
