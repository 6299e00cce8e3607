"""What can be done to the vendor from outside, over HTTP without a token: the calls of `/sandbox`.

The same calls serve programs (JSON) and the forms of the page, whose values are all text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from bibliobus.sandbox.vendor.collection import Title
from bibliobus.sandbox.vendor.faults import Fault
from bibliobus.sandbox.vendor.lending import Hold, Loan
from bibliobus.sandbox.vendor.patrons import Patron
from bibliobus.sandbox.vendor.service import Vendor
from bibliobus.sandbox.vendor.wording import article_in_front, sayable

MOST_PATRONS, MOST_TITLES = 200, 100  # in one answer

Text = Annotated[str, Meta(max_length=256)]


class NotThere(LookupError):
    """What the call is about does not exist."""


class NewPatron(Struct, kw_only=True, forbid_unknown_fields=True):
    """An account to register. Only the card has to be said."""

    card: Annotated[str, Meta(min_length=1, max_length=256)]
    user_name: Text = ""
    email: Text = ""
    first_name: Text = "Patron"
    last_name: Text = "Reader"
    postal_code: Text = ""
    password: Text = ""


class Move(Struct, kw_only=True, forbid_unknown_fields=True):
    """How far the clock goes ahead, or back."""

    days: Annotated[float, Meta(ge=-100_000, le=100_000)] = 0
    hours: Annotated[float, Meta(ge=-100_000, le=100_000)] = 0
    seconds: Annotated[float, Meta(ge=-1e9, le=1e9)] = 0
    reset: bool = False  # go with the real clock again, first
    tick: bool = False  # let the daemon come, afterwards


class Copies(Struct, kw_only=True, forbid_unknown_fields=True):
    """How many of a title can be lent at once."""

    copies: Annotated[int, Meta(ge=0)] | None


class NewTitle(Struct, kw_only=True, forbid_unknown_fields=True):
    """A title that the library buys."""

    media_object: dict[str, Any]
    copies: Annotated[int, Meta(ge=0)] | None = None
    owned: bool = True


Given = Mapping[str, Any]


def state(vendor: Vendor, given: Given) -> dict[str, Any]:
    """Everything: time, counts, patrons with what they have, faults, calls."""
    return {
        "settings": msgspec.to_builtins(vendor.settings),
        "clock": clock(vendor, given),
        "titles": {medium: vendor.collection.count(medium) for medium in ("eBook", "eAudio")},
        "patrons": patrons(vendor, given),
        "patron_count": vendor.patrons.count(),
        "faults": faults(vendor, given),
        "calls": calls(vendor, given),
    }


def clock(vendor: Vendor, given: Given) -> dict[str, Any]:
    """What time it is for the vendor."""
    return {
        "now": vendor.clock().isoformat(),
        "ahead_seconds": vendor.clock.ahead.total_seconds(),
    }


def move_clock(vendor: Vendor, given: Given) -> dict[str, Any]:
    """Set the clock ahead: `days`, `hours`, `seconds`; `reset` first, `tick` afterwards."""
    move = msgspec.convert(given, Move, strict=False)
    if move.reset:
        vendor.reset_clock()
    vendor.move_clock(timedelta(days=move.days, hours=move.hours, seconds=move.seconds))
    told = clock(vendor, given)
    return told | {"tick": tick(vendor, given)} if move.tick else told


def tick(vendor: Vendor, given: Given) -> dict[str, Any]:
    """Let the daemon come: loans that are over end, holds become loans."""
    done = vendor.tick()
    return {"expired": list(done.expired), "lent": list(done.lent)}


def faults(vendor: Vendor, given: Given) -> list[Any]:
    """What goes wrong now."""
    return [msgspec.to_builtins(fault) for fault in vendor.faults]


def add_fault(vendor: Vendor, given: Given) -> Any:
    """Let something go wrong: `kind`, `times`, `path`, `method`, `endpoint`, `seconds`."""
    wanted = msgspec.convert(_filled(given), Fault, strict=False)
    return msgspec.to_builtins(vendor.faults.switch_on(wanted))


def clear_faults(vendor: Vendor, given: Given) -> list[Any]:
    """Let nothing go wrong any more."""
    vendor.faults.clear()
    return []


def remove_fault(vendor: Vendor, given: Given) -> list[Any]:
    """Let one thing go right again."""
    key = str(given["key"])
    if not (key.isascii() and key.isdigit() and vendor.faults.remove(int(key[:18]))):
        raise NotThere(f"There is no fault {key}.")
    return faults(vendor, given)


def settings(vendor: Vendor, given: Given) -> Any:
    """What is set."""
    return msgspec.to_builtins(vendor.settings)


def change_settings(vendor: Vendor, given: Given) -> Any:
    """Set some of it, until the sandbox is started again."""
    vendor.change_settings(**given)
    return settings(vendor, given)


def patrons(vendor: Vendor, given: Given) -> list[Any]:
    """The first patrons, with their loans and holds."""
    return [_patron(vendor, each) for each in vendor.patrons.all(MOST_PATRONS)]


def register_patron(vendor: Vendor, given: Given) -> Any:
    """A new account: `card` and, if wished, the rest."""
    new = msgspec.convert(_filled(given), NewPatron)
    fields = {name: sayable(value) for name, value in msgspec.structs.asdict(new).items()}
    return _patron(vendor, vendor.patrons.register(**fields))


def end_tokens(vendor: Vendor, given: Given) -> dict[str, int]:
    """Let no patron's token work any more, so that clients ask for new ones."""
    return {"ended": vendor.patrons.end_bearers()}


def titles(vendor: Vendor, given: Given) -> list[Any]:
    """Titles with all words of `find`, or the first ones."""
    return [_title(vendor, title) for title in found_titles(vendor, str(given.get("find", "")))]


def found_titles(vendor: Vendor, text: str) -> list[Title]:
    """The same as records."""
    index = vendor.collection.index
    result = index.everything(also_not_owned=True)
    if text:
        result &= index.telling("", text)
    ordered = index.in_order(result, "title_id", descending=False) if result else []
    return vendor.collection.all_at(ordered[:MOST_TITLES])


def add_title(vendor: Vendor, given: Given) -> Any:
    """Let the library buy a title: `media_object`, `copies`, `owned`."""
    new = msgspec.convert(given, NewTitle)
    added = vendor.add_title(new.media_object, copies=new.copies, owned=new.owned)
    return _title(vendor, added)


def remove_title(vendor: Vendor, given: Given) -> Any:
    """Let the library give up a title. Loans of it go on."""
    if not vendor.remove_title(str(given["isbn"])):
        raise NotThere(f"The library has no title {given['isbn']}.")
    return {"removed": given["isbn"]}


def set_copies(vendor: Vendor, given: Given) -> Any:
    """Say how many `copies` of a title there are; null: as many as are asked for."""
    wanted = {"copies": given.get("copies", "")}
    copies = msgspec.convert(
        {name: None if value == "" else value for name, value in wanted.items()},
        Copies,
        strict=False,
    ).copies
    isbn = str(given["isbn"])
    if not vendor.set_copies(isbn, copies):
        raise NotThere(f"There is no title {isbn}.")
    title = vendor.collection.find(isbn)
    assert title is not None  # noqa: S101 - its copies were just set
    return _title(vendor, title)


def calls(vendor: Vendor, given: Given) -> dict[str, int]:
    """How often each endpoint was asked."""
    return dict(sorted(vendor.calls.items()))


def clear_calls(vendor: Vendor, given: Given) -> dict[str, int]:
    """Count anew."""
    vendor.calls.clear()
    return {}


@dataclass(frozen=True)
class Action:
    """One call of `/sandbox`."""

    method: str
    path: str  # "{isbn}" stands for one segment
    act: Callable[[Vendor, Given], Any]


ACTIONS: tuple[Action, ...] = (
    Action("GET", "/sandbox/state", state),
    Action("GET", "/sandbox/calls", calls),
    Action("DELETE", "/sandbox/calls", clear_calls),
    Action("POST", "/sandbox/tick", tick),
    Action("GET", "/sandbox/clock", clock),
    Action("POST", "/sandbox/clock", move_clock),
    Action("GET", "/sandbox/faults", faults),
    Action("POST", "/sandbox/faults", add_fault),
    Action("DELETE", "/sandbox/faults", clear_faults),
    Action("POST", "/sandbox/faults/clear", clear_faults),
    Action("DELETE", "/sandbox/faults/{key}", remove_fault),
    Action("POST", "/sandbox/faults/{key}/remove", remove_fault),
    Action("GET", "/sandbox/settings", settings),
    Action("POST", "/sandbox/settings", change_settings),
    Action("GET", "/sandbox/patrons", patrons),
    Action("POST", "/sandbox/patrons", register_patron),
    Action("DELETE", "/sandbox/tokens", end_tokens),
    Action("POST", "/sandbox/tokens/end", end_tokens),
    Action("GET", "/sandbox/titles", titles),
    Action("POST", "/sandbox/titles", add_title),
    Action("DELETE", "/sandbox/titles/{isbn}", remove_title),
    Action("POST", "/sandbox/titles/{isbn}/remove", remove_title),
    Action("POST", "/sandbox/titles/{isbn}/copies", set_copies),
)


def _filled(given: Given) -> dict[str, Any]:
    """Without what a form left empty."""
    return {name: value for name, value in given.items() if value != ""}


def _patron(vendor: Vendor, patron: Patron) -> dict[str, Any]:
    lending = vendor.lending
    return {
        "patron_id": patron.id,
        "card": patron.card,
        "user_name": patron.user_name,
        "email": patron.email,
        "name": f"{patron.first_name} {patron.last_name}".strip(),
        "user_id": patron.user_id,
        "loans": [
            _held(vendor, loan) | {"expires_on": str(loan.expires_on), "renewals": loan.renewals}
            for loan in lending.loans(patron)
        ],
        "holds": [_held(vendor, hold) for hold in lending.holds(patron)],
    }


def _held(vendor: Vendor, held: Loan | Hold) -> dict[str, Any]:
    title = vendor.collection.at(held.title)
    return {
        "transaction_id": held.transaction_id,
        "isbn": title.isbn if title else "",
        "title": _name(title) if title else "",
    }


def _title(vendor: Vendor, title: Title) -> dict[str, Any]:
    return {
        "isbn": title.isbn,
        "title": _name(title),
        "title_id": title.title_id,
        "media_type": title.medium,
        "copies": title.copies,
        "free": vendor.collection.free(title),
        "owned": title.owned,
        "loans_ever": title.loans,
    }


def _name(title: Title) -> str:
    return article_in_front(str(title.media_object.get("title") or ""))
