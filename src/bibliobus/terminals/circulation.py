"""11, 29, 65 and 09: items go out, stay longer, and come back."""

from __future__ import annotations

from typing import Any

from bibliobus.ils import (
    CheckinResult,
    CheckoutResult,
    Circulation,
    Institution,
    Item,
    NothingToUndo,
    NotSupported,
    NotTakenHere,
    PatronList,
    PatronNotFound,
    Refused,
    WrongPIN,
)
from bibliobus.ils.sorting import bin_for, fields_of
from bibliobus.sip2.messages import (
    Checkin,
    CheckinResponse,
    Checkout,
    CheckoutResponse,
    Renew,
    RenewAll,
    RenewAllResponse,
    RenewResponse,
)
from bibliobus.terminals.call import Call, clean

NOBODY = ""  # whose loan ends, if nobody knows who is here
SCAN_YOUR_CARD = "Please scan your card first, then return this title."


async def checkout(call: Call, request: Checkout) -> CheckoutResponse:
    """11 → 12."""
    call.check_inst_id(request.institution_id, "checkout")
    if request.cancel:
        return await _undo_checkin(call, request)
    institution = call.institution
    lender = await institution.lender_of(request.item_id)

    lent = await lender.checkout(
        request.patron_id,
        request.item_id,
        renewal_allowed=request.renewal_policy and institution.renewal_ok,
        no_block=request.no_block,
        no_block_due_at=call.moment(request.no_block_due_date) if request.no_block else None,
        fee_acknowledged=bool(request.fee_acknowledged),
        pin=None if request.no_block else call.pin(request.patron_password),
        item_properties=clean(request.item_properties),
        origin=call.origin(),
    )

    return CheckoutResponse(
        patron_id=request.patron_id, item_id=request.item_id, **_lent(call, lent)
    )


async def renew(call: Call, request: Renew) -> RenewResponse:
    """29 → 30."""
    call.check_inst_id(request.institution_id, "renew")
    lender = await call.institution.lender_of(request.item_id or "")

    renewed = await lender.renew(
        request.patron_id,
        item_id=request.item_id or None,
        title_id=request.title_id or None,
        third_party=request.third_party_allowed,
        no_block=request.no_block,
        no_block_due_at=call.moment(request.no_block_due_date) if request.no_block else None,
        fee_acknowledged=bool(request.fee_acknowledged),
        pin=None if request.no_block else call.pin(request.patron_password),
        item_properties=clean(request.item_properties),
        origin=call.origin(),
    )

    return RenewResponse(
        patron_id=request.patron_id,
        item_id=request.item_id or renewed.item.id,
        **_lent(call, renewed),
    )


async def renew_all(call: Call, request: RenewAll) -> RenewAllResponse:
    """65 → 66. What was renewed, and in AF why something was not, is told to whom patrons are."""
    call.check_inst_id(request.institution_id, "renew all")
    pin = call.pin(request.patron_password)

    result = await call.institution.ils.renew_all(
        request.patron_id,
        fee_acknowledged=bool(request.fee_acknowledged),
        pin=pin,
        origin=call.origin(),
    )

    told = call.tells_of_patrons(pin is not None or call.takes_empty(request.patron_password))
    reasons = dict.fromkeys(each.screen_message for each in result.unrenewed)
    return RenewAllResponse(
        ok=True,
        renewed_count=len(result.renewed),
        unrenewed_count=len(result.unrenewed),
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        renewed_items=tuple(each.item_id for each in result.renewed) if told else (),
        unrenewed_items=tuple(each.item_id for each in result.unrenewed) if told else (),
        screen_messages=(*result.screen_messages, *(reasons if told else ())),
        print_lines=result.print_lines,
    )


async def checkin(call: Call, request: Checkin) -> CheckinResponse:
    """09 → 10."""
    call.check_inst_id(request.institution_id, "checkin")
    if request.cancel:
        return await _undo_checkout(call, request)
    lender = await call.institution.lender_of(request.item_id)
    if lender is call.institution.ils:
        return taken_back(call, request, await _taken(call, request, lender))
    # An e-book's ISBN may be typed by anybody, and ends nobody else's loan; nor does what a
    # terminal has kept since it was off line, as somebody else is here now.
    patron_id = NOBODY if request.no_block else call.patron_id or NOBODY
    try:
        return taken_back(call, request, await _taken(call, request, lender, patron_id))
    except Refused as refused:  # but a repeat is answered, whoever is here
        if patron_id == NOBODY:
            raise NotTakenHere(SCAN_YOUR_CARD, item=refused.item) from refused
        raise


async def _taken(
    call: Call, request: Checkin, lender: Circulation, patron_id: str | None = None
) -> CheckinResult:
    return await lender.checkin(
        request.item_id,
        returned_at=call.moment(request.return_date),
        current_location=clean(request.current_location) or None,
        item_properties=clean(request.item_properties),
        no_block=request.no_block,
        capture_holds=call.account.settings.holds_get_captured,
        patron_id=patron_id,
        origin=call.origin(),
    )


async def _undo_checkin(call: Call, request: Checkout) -> CheckoutResponse:
    """11 with BI. What the patron has all the same needs no undoing, and that is what was asked
    for; what somebody else has is not theirs."""
    ils, pin = call.institution.ils, call.pin(request.patron_password)
    if pin is not None and not await ils.check_password(request.patron_id, pin):
        raise WrongPIN
    await _check_undoing(call, request.item_id)
    try:
        lent = await ils.undo_checkin(
            request.item_id, patron_id=request.patron_id or None, origin=call.origin()
        )
    except NothingToUndo as refusal:
        item = refusal.item
        if item is None or item.due_at is None:
            raise
        patron = await ils.find_patron(request.patron_id)
        if patron is None:
            raise PatronNotFound(item=item) from refusal
        theirs = await ils.patron_list(patron.id, PatronList.CHARGED)
        if item.id not in {entry.item_id for entry in theirs}:
            raise
        lent = CheckoutResult(patron=patron, item=item, due_at=item.due_at, desensitize=False)
    return CheckoutResponse(
        patron_id=request.patron_id, item_id=request.item_id, **_lent(call, lent)
    )


async def _undo_checkout(call: Call, request: Checkin) -> CheckinResponse:
    """09 with BI. What is in all the same needs no undoing, and that is what was asked for."""
    await _check_undoing(call, request.item_id)
    try:
        taken = await call.institution.ils.undo_checkout(request.item_id, origin=call.origin())
    except NothingToUndo as refusal:
        if refusal.item is None or refusal.item.due_at is not None:
            raise
        taken = CheckinResult(item=refusal.item, resensitize=not refusal.item.magnetic)
    return taken_back(call, request, taken)


async def _check_undoing(call: Call, item_id: str) -> None:
    """Refuse to undo what a vendor lent or took back: nothing of that can fail at a terminal.

    Raises:
        NotSupported: The ILS does not lend it.
    """
    if await call.institution.lender_of(item_id) is not call.institution.ils:
        raise NotSupported("no collection can undo")


def _lent(call: Call, lent: CheckoutResult) -> dict[str, Any]:
    """What 12 and 30 say alike of an item that goes out, or stays longer."""
    item, fee = lent.item, lent.fee
    return {
        "ok": True,
        "renewal_ok": lent.renewal_ok,
        "magnetic_media": magnetic(call.institution, item),
        "desensitize": lent.desensitize,
        "transaction_date": call.local_now,
        "institution_id": call.institution.id,
        "title_id": item.title_id,
        "due_date": call.due_date(lent.due_at),
        "fee_type": None if fee is None else fee.fee_type,
        "security_inhibit": lent.security_inhibit,
        "currency": None if fee is None else fee.currency,
        "fee_amount": None if fee is None else fee.amount,
        "media_type": item.media_type,
        "item_properties": item.item_properties,
        "transaction_id": None if fee is None else fee.id,
        "screen_messages": lent.screen_messages,
        "print_lines": lent.print_lines,
        "extra": call.item_fields(item),
    }


def taken_back(call: Call, request: Checkin, taken: CheckinResult) -> CheckinResponse:
    """10 for an item that came back."""
    item, settings = taken.item, call.account.settings
    slip = taken.hold if settings.gets_hold_slip else None
    return CheckinResponse(
        ok=True,
        resensitize=taken.resensitize,
        magnetic_media=magnetic(call.institution, item),
        alert=taken.alert_type is not None,
        transaction_date=call.local_now,
        institution_id=call.institution.id,
        item_id=request.item_id,
        permanent_location=item.permanent_location,
        title_id=item.title_id,
        sort_bin=_sort_bin(call, request, taken),
        patron_id=None if taken.patron is None else taken.patron.id,
        media_type=item.media_type,
        item_properties=item.item_properties,
        collection_code=item.collection_code,
        call_number=item.call_number,
        alert_type=alert_type(call, taken.alert_type),
        destination_location=item.destination or ("" if settings.ct_always_send else None),
        hold_patron_id=None if slip is None else slip.patron_id,
        hold_patron_name=None if slip is None else call.hold_patron_name(slip),
        screen_messages=taken.screen_messages,
        print_lines=taken.print_lines,
        extra=call.item_fields(item),
    )


def alert_type(call: Call, alert: int | None) -> str | None:
    """CV; for "nothing to be done" some sorters want to see 00."""
    if alert is not None:
        return f"{alert:02}"
    return "00" if call.account.settings.cv_send_00_on_success else None


def magnetic(institution: Institution, item: Item) -> bool | None:
    """Unknown ("U") unless the ILS keeps it; an item it keeps nothing of is not magnetic."""
    return bool(item.magnetic) if institution.ils.supports("magnetic media") else None


def own_sort_bin(call: Call, request: Checkin, item: Item) -> str | None:
    """By the rules of the account or its institution. Their branch is the one that the item came
    back in: where the terminal says, else where it stands."""
    account, said = call.account, clean(request.current_location)
    places = [place for place in (said, call.location) if place]
    branches = [account.branches[place] for place in places if place in account.branches]
    branch = next(iter(branches or places), None)
    return bin_for(account.sort_rules, branch, fields_of(item, branch))


def _sort_bin(call: Call, request: Checkin, taken: CheckinResult) -> str | None:
    """The ILS's, or by the account's own rules."""
    if call.account.settings.sort_bins is None:
        return taken.sort_bin
    return own_sort_bin(call, request, taken.item)
