"""23, 63, 35, 01 and 25: who a patron is, and what they may do.

What is told depends on the PIN (spec/reliability 6.1, "minimal"): a wrong one reveals nothing but
that the card exists; without one, a terminal learns what the patron may do, but no name, no
contact, no counts and no lists. An account may be set to be told all ("legacy").
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from bibliobus.ils import Fee, ListEntry, Patron, PatronList, PatronNotFound, Secret
from bibliobus.ils.money import from_minor
from bibliobus.sip2.codes import SummaryType, language_code
from bibliobus.sip2.messages import (
    BlockPatron,
    EndPatronSession,
    EndSessionResponse,
    PatronEnable,
    PatronEnableResponse,
    PatronInformation,
    PatronInformationResponse,
    PatronStatusRequest,
    PatronStatusResponse,
)
from bibliobus.sip2.values import NOTHING_ALLOWED, FeeDetail, PatronStatus
from bibliobus.terminals.call import Call, clean

LISTS = {
    SummaryType.HOLD_ITEMS: PatronList.HOLDS,
    SummaryType.OVERDUE_ITEMS: PatronList.OVERDUE,
    SummaryType.CHARGED_ITEMS: PatronList.CHARGED,
    SummaryType.FINE_ITEMS: PatronList.FINES,
    SummaryType.RECALL_ITEMS: PatronList.RECALLS,
    SummaryType.UNAVAILABLE_HOLDS: PatronList.UNAVAILABLE_HOLDS,
    SummaryType.FEE_DETAILS: PatronList.FINES,
}
"""What the port calls each list that 63 can ask for."""

_NOT_KNOWN = (PatronNotFound.screen_message,)


async def patron_status(call: Call, request: PatronStatusRequest) -> PatronStatusResponse:
    """23 → 24."""
    call.check_inst_id(request.institution_id, "patron status")
    patron = await call.institution.find_patron(request.patron_id)
    if patron is None:
        return no_patron_status(call, request, valid_patron=False, messages=_NOT_KNOWN)
    proven = await _proven(call, patron, request.patron_password)
    if not call.tells_of_patrons(proven):
        status = _unproven_status(call, patron, proven)
        return no_patron_status(call, request, status=status, valid_patron=True)
    more = call.account.settings.status_fields
    return PatronStatusResponse(
        patron_status=_status(call, patron),
        language=request.language,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=patron.id,
        personal_name=_name(call, patron),
        valid_patron=True,
        valid_patron_password=bool(proven),
        currency=patron.currency,
        fee_amount=patron.fee_amount,
        home_library=patron.home_library if more else None,
        patron_class=patron.ptype if more else None,
        internet_profile=patron.inet_privileges if more else None,
        internal_id=patron.internal_id if more else None,
        screen_messages=_screen_messages(call, patron),
        print_lines=patron.print_lines,
        extra=call.patron_fields(patron),
    )


async def patron_information(call: Call, request: PatronInformation) -> PatronInformationResponse:
    """63 → 64. CQ is sent if a PIN was."""
    call.check_inst_id(request.institution_id, "patron information")
    patron = await call.institution.find_patron(request.patron_id)
    if patron is None:
        return no_patron_information(call, request, valid_patron=False, messages=_NOT_KNOWN)
    proven = await _proven(call, patron, request.patron_password)
    if not call.tells_of_patrons(proven):
        status = _unproven_status(call, patron, proven)
        return no_patron_information(call, request, status=status, valid_patron=True)
    summary, listed = request.summary, await _list(call, patron, request)
    entries = tuple(call.entry(entry) for entry in listed)
    all_holds = call.account.settings.hold_items == "all"
    return PatronInformationResponse(
        patron_status=_status(call, patron),
        language=request.language,
        transaction_date=call.local_now,
        hold_items_count=patron.hold_count + (patron.unavailable_hold_count if all_holds else 0),
        overdue_items_count=patron.overdue_count,
        charged_items_count=patron.charged_count,
        fine_items_count=patron.fine_count,
        recall_items_count=patron.recall_count,
        unavailable_holds_count=patron.unavailable_hold_count,
        institution_id=call.institution.id,
        patron_id=patron.id,
        personal_name=_name(call, patron),
        hold_items_limit=patron.hold_limit,
        overdue_items_limit=patron.overdue_limit,
        charged_items_limit=patron.charged_limit,
        valid_patron=True,
        valid_patron_password=None if request.patron_password is None else bool(proven),
        currency=patron.currency,
        fee_amount=patron.fee_amount,
        fee_limit=_fee_limit(call, patron),
        hold_items=entries if summary is SummaryType.HOLD_ITEMS else (),
        overdue_items=entries if summary is SummaryType.OVERDUE_ITEMS else (),
        charged_items=entries if summary is SummaryType.CHARGED_ITEMS else (),
        fine_items=entries if summary is SummaryType.FINE_ITEMS else (),
        recall_items=entries if summary is SummaryType.RECALL_ITEMS else (),
        unavailable_hold_items=entries if summary is SummaryType.UNAVAILABLE_HOLDS else (),
        home_address=patron.address,
        email_address=patron.email_addr,
        home_phone=patron.home_phone,
        home_library=patron.home_library,
        expires=_day(patron.expires_on),
        birth_date=_day(patron.birth_on),
        patron_class=patron.ptype,
        internet_profile=patron.inet_privileges,
        internal_id=patron.internal_id,
        fee_details=_fee_details(call, listed) if summary is SummaryType.FEE_DETAILS else (),
        screen_messages=_screen_messages(call, patron),
        print_lines=patron.print_lines,
        extra=call.patron_fields(patron),
    )


async def end_patron_session(call: Call, request: EndPatronSession) -> EndSessionResponse:
    """35 → 36."""
    call.check_inst_id(request.institution_id, "end patron session")
    password = request.patron_password
    ended = await call.institution.ils.end_patron_session(
        request.patron_id, pin=Secret(password) if password else None, origin=call.origin()
    )
    return EndSessionResponse(
        end_session=True,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=request.patron_id,
        screen_messages=ended.screen_messages,
        print_lines=ended.print_lines,
    )


async def block_patron(call: Call, request: BlockPatron) -> PatronStatusResponse:
    """01 → 24, with the patron's own language."""
    call.check_inst_id(request.institution_id, "block patron")
    blocked = await call.institution.ils.block(
        request.patron_id,
        card_retained=request.card_retained,
        message=clean(request.blocked_card_message) or "",
        origin=call.origin(),
    )
    told = call.tells_of_patrons(None)
    return PatronStatusResponse(
        patron_status=_status(call, blocked) if told else _unproven_status(call, blocked, None),
        language=language_code(blocked.language),
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=blocked.id,
        personal_name=_name(call, blocked) if told else "",
        valid_patron=True,
        screen_messages=blocked.screen_messages if told else (),
        print_lines=blocked.print_lines if told else (),
    )


async def patron_enable(call: Call, request: PatronEnable) -> PatronEnableResponse:
    """25 → 26, with what the patron may do after that."""
    call.check_inst_id(request.institution_id, "patron enable")
    password = request.patron_password
    enabled = await call.institution.ils.enable(
        request.patron_id, pin=call.pin(password), origin=call.origin()
    )
    proven = None if password is None else bool(password) or call.takes_empty(password)
    told = call.tells_of_patrons(proven)
    return PatronEnableResponse(
        patron_status=_status(call, enabled) if told else _unproven_status(call, enabled, None),
        language=language_code(enabled.language),
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        patron_id=enabled.id,
        personal_name=_name(call, enabled) if told else "",
        valid_patron=True,
        valid_patron_password=proven,
        screen_messages=enabled.screen_messages if told else (),
        print_lines=enabled.print_lines if told else (),
    )


def no_patron_status(
    call: Call,
    request: PatronStatusRequest,
    *,
    status: PatronStatus = NOTHING_ALLOWED,
    valid_patron: bool | None,
    messages: tuple[str, ...] = (),
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
        valid_patron_password=None if valid_patron is None else False,
        screen_messages=messages,
    )


def no_patron_information(
    call: Call,
    request: PatronInformation,
    *,
    status: PatronStatus = NOTHING_ALLOWED,
    valid_patron: bool | None,
    messages: tuple[str, ...] = (),
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
        valid_patron_password=None
        if request.patron_password is None or valid_patron is None
        else False,
        screen_messages=messages,
    )


async def _proven(call: Call, patron: Patron, patron_password: str | None) -> bool | None:
    """Whether the terminal has the patron's PIN; None if it sent none, or an empty one, which is
    no attempt. Who has proven to be here is made known to the collections."""
    institution = call.institution
    if patron_password:
        proven = await institution.ils.check_password(patron.id, Secret(patron_password))
    elif call.takes_empty(patron_password):
        proven = True
    else:
        return None
    if proven:
        await institution.signed_in(patron.id)
    return proven


async def _list(call: Call, patron: Patron, request: PatronInformation) -> Sequence[ListEntry]:
    """The page of the list that was asked for."""
    if request.summary not in LISTS:
        return ()
    institution, kind = call.institution, LISTS[request.summary]
    start, end = request.start_item or 1, request.end_item
    if kind is PatronList.HOLDS and call.account.settings.hold_items == "all":
        ready = await institution.patron_list(patron, kind)
        others = await institution.patron_list(patron, PatronList.UNAVAILABLE_HOLDS)
        return [*ready, *others][start - 1 : end]
    return await institution.patron_list(patron, kind, start, end)


def _fee_details(call: Call, entries: Sequence[ListEntry]) -> tuple[FeeDetail, ...]:
    return tuple(_fee_detail(call, entry.fee) for entry in entries if entry.fee is not None)


def _fee_detail(call: Call, fee: Fee) -> FeeDetail:
    return FeeDetail(
        amount=fee.amount,
        item_id=fee.item_id,
        raised_on=None if fee.raised_at is None else call.local(fee.raised_at).date(),
        title=fee.title_id,
        cost_type=f"{fee.fee_type:02}",
        cost_type_description=fee.description,
        fee_identifier=fee.id,
    )


def _name(call: Call, patron: Patron) -> str:
    template = call.account.settings.personal_name
    return patron.name if template == "{name}" else call.patron_text(template, patron)


def _screen_messages(call: Call, patron: Patron) -> tuple[str, ...]:
    """What there is to say, or the account's greeting."""
    greeting = call.account.settings.greeting
    if patron.screen_messages or not greeting:
        return patron.screen_messages
    return (call.patron_text(greeting, patron),)


def _fee_limit(call: Call, patron: Patron) -> Decimal | None:
    """With as many digits as the currency has: settings may be written without them."""
    if patron.fee_limit is None:
        return None
    return patron.fee_limit.quantize(from_minor(0, patron.currency or call.institution.currency))


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat().replace("-", "")  # strftime takes 10 µs


def _unproven_status(call: Call, patron: Patron, proven: bool | None) -> PatronStatus:
    """A wrong PIN opens nothing; without one, only the four permissions are told."""
    if proven is False:
        return NOTHING_ALLOWED
    return PatronStatus(*_status(call, patron)[:4])


def _status(call: Call, patron: Patron) -> PatronStatus:
    """The flags, as far as the account wants to see them."""
    settings = call.account.settings
    expired = patron.expires_on is not None and patron.expires_on < call.local_now.date()
    if settings.permit_all and not expired and not patron.card_lost:
        return PatronStatus()
    denies_loans = not settings.permit_loans
    return PatronStatus(
        denies_loans and not patron.charge_ok,
        denies_loans and not patron.renew_ok,
        denies_loans and not patron.recall_ok,
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
