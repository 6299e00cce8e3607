"""The calls about loans and holds, and those that lead to a file.

A partner names the patron in the path, a patron's own app is known by its token.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from bibliobus.sandbox.vendor import answers, wire
from bibliobus.sandbox.vendor.answers import HTML, Answer, File, Refused, html_page, refused
from bibliobus.sandbox.vendor.audio import Part, parts_of
from bibliobus.sandbox.vendor.calling import Call
from bibliobus.sandbox.vendor.collection import Title
from bibliobus.sandbox.vendor.lending import Hold, Loan
from bibliobus.sandbox.vendor.patrons import Patron


def loans_of(call: Call, patron: Patron) -> list[dict[str, Any]]:
    """A patron's loans, as they are listed."""
    vendor = call.vendor
    items = []
    for loan in vendor.lending.loans(patron):
        if title := vendor.collection.at(loan.title):
            link = _zip_link(call, loan, title)
            items.append(wire.loan_item(loan, title, vendor.settings, call.base, link))
    return items


def holds_of(call: Call, patron: Patron) -> list[dict[str, Any]]:
    """A patron's holds, as they are listed."""
    vendor = call.vendor
    return [
        wire.hold_item(hold, title, vendor.settings)
        for hold in vendor.lending.holds(patron)
        if (title := vendor.collection.at(hold.title))
    ]


def list_loans(call: Call) -> Answer:
    """What the patron has."""
    return Answer(loans_of(call, call.patron()))


def list_holds(call: Call) -> Answer:
    """What the patron waits for."""
    return Answer(holds_of(call, call.patron()))


def checkout(call: Call) -> Answer:
    """Lend a title, for `days` or as long as was agreed."""
    vendor = call.vendor
    loan = vendor.lending.checkout(
        vendor.settings, call.patron(), title := call.title(), call.number("days"),
        vendor.clock.today,
    )  # fmt: skip
    return Answer(wire.checkout(loan, title, vendor.settings))


def renew(call: Call) -> Answer:
    """Lend a title for longer. A refusal is 200 as well: `output` has the reason."""
    vendor = call.vendor
    patron, title = call.patron(), call.title(also_removed=True)
    loan = vendor.lending.renew(
        vendor.settings, patron, title, call.number("days"), vendor.clock.today
    )
    if loan is not None:
        return Answer(wire.checkout(loan, title, vendor.settings))
    before = vendor.lending.loan_of(patron, title)
    assert before is not None  # noqa: S101 - or renewing had been refused
    return Answer(
        wire.checkout(before, title, vendor.settings) | {"output": answers.NO_RENEWAL},
        says="It has been renewed as often as the settings allow.",
    )


def give_back(call: Call) -> Answer:
    """End a loan."""
    patron = call.patron()
    call.vendor.lending.give_back(patron, _title_or_transaction(call, patron))
    return Answer(answers.SUCCESS)


def place_hold(call: Call) -> Answer:
    """Wait for a title; the answer is the bare number of the transaction."""
    vendor = call.vendor
    patron = call.patron()
    return Answer(vendor.lending.place_hold(vendor.settings, patron, call.title()))


def cancel_hold(call: Call) -> Answer:
    """Wait no longer."""
    patron = call.patron()
    call.vendor.lending.cancel_hold(patron, _title_or_transaction(call, patron))
    return Answer(answers.SUCCESS)


def checkout_book(call: Call) -> Answer:
    """As `checkout`; an app of the patron is told less."""
    checkout(call)
    return Answer(answers.SUCCESS)


def renew_book(call: Call) -> Answer:
    """As `renew`."""
    answer = renew(call)
    return Answer({"output": answer.body["output"]}, says=answer.says)


def hold_book(call: Call) -> Answer:
    """As `place_hold`."""
    place_hold(call)
    return Answer(answers.SUCCESS)


def access_document(call: Call) -> Answer:
    """Where a file is, for a while. Until E3 nobody is asked who they are."""
    title = _title_of_file(call)
    patron = _who_downloads(call)
    loan = _loan_of_file(call, title, patron) if title else None
    if title is None or loan is None:
        raise refused(404, answers.NOT_LENT, "Nobody who asks this has the title.")
    return Answer(_document(call, title, loan))


def _document(call: Call, title: Title, loan: Loan) -> dict[str, Any]:
    links, until = call.vendor.links, _link_end(call)
    if title.medium == "eAudio":
        url = links.link(call.base, title.isbn, f"{_part(call, title).name}.mp3", until)
        return {"type": "audio/mpeg", "url": url}
    url = links.link(
        call.base, title.isbn, f"{title.code}.acsm", until,
        transaction=str(loan.transaction_id), due=str(loan.expires_on),
    )  # fmt: skip
    return {"type": "application/vnd.adobe", "url": url}  # sic


def _part(call: Call, title: Title) -> Part:
    """The part that the path names.

    Raises:
        Refused: There is none such.
    """
    for part in parts_of(title):
        if str(part.id) == call.arguments["part"]:
            return part
    raise refused(404, answers.NOT_LENT, "The audiobook has no part of this number.")


def _who_downloads(call: Call) -> Patron | None:
    """Nobody until E3, from E4 on whose token it is.

    Raises:
        Refused: 401; in E4 without a token that works, before that with a partner's.
    """
    authorization = call.headers.get("authorization", "")
    settings = call.vendor.settings
    if settings.era == "E4":
        patron = call.bearer()
        if patron is None:
            raise refused(401, answers.NOT_AUTHORISED)
        return patron
    if settings.refuses_basic_on_downloads and authorization.lower().startswith("basic"):
        page = html_page("Unauthorized", "HTTP Error 401. This server does not know the token.")
        raise Refused(401, File(page), "Before E4 a download link takes no partner token.", HTML)
    return None


def _title_of_file(call: Call) -> Title | None:
    """An eBook is named by its file's number, an audiobook by its ISBN."""
    value = call.arguments["media"]
    title = call.vendor.collection.find(value)
    if title is not None and title.medium == "eAudio":
        return title
    if not re.fullmatch("[0-9]{6,12}", value):
        return None
    title = call.vendor.collection.at(int(value) - 100_000)
    return title if title is not None and title.medium == "eBook" else None


def _loan_of_file(call: Call, title: Title, patron: Patron | None) -> Loan | None:
    """The loan that a link was made for; an audiobook's only has to be somebody's."""
    lending = call.vendor.lending
    if patron is not None:
        return lending.loan_of(patron, title)
    if title.medium == "eAudio":
        return lending.of_title(title)
    transaction = call.parameter("tid") or ""
    if not re.fullmatch("[0-9]{1,18}", transaction):
        return None
    loan = lending.by_transaction(int(transaction))
    return loan if loan is not None and loan.title == title.position else None


def _zip_link(call: Call, loan: Loan, title: Title) -> str:
    """A link to all parts of an open audiobook, which works as long as the loan."""
    if title.medium != "eAudio":
        return ""
    end = wire.eastern_midnight(loan.expires_on + timedelta(days=1))
    return call.vendor.links.link(call.base, title.isbn, f"{title.code}.zip", end)


def _link_end(call: Call) -> datetime:
    return call.now + timedelta(seconds=call.vendor.settings.link_seconds)


def _title_or_transaction(call: Call, patron: Patron) -> Title:
    """The title of the path; a patron's app may name the transaction instead."""
    value = call.arguments["isbn"]
    if call.bearer_of is not None and re.fullmatch("[0-9]{1,12}", value):
        lending = call.vendor.lending
        held: list[Loan | Hold] = [*lending.loans(patron), *lending.holds(patron)]
        for each in held:
            title = call.vendor.collection.at(each.title)
            if title is not None and each.transaction_id == int(value):
                return title
    return call.title(also_removed=True)
