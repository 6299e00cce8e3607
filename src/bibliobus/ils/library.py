"""A small whole library as one document: what `bibliobus load` reads and the demo makes.

The field names are those of OpenNCIP's stub library, so its data loads as it is; names that are
not known here are left alone. A patron, item or loan that names no institution belongs to every
one of its document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Marker = Annotated[str, msgspec.Meta(pattern="^[0-9]{2}$")]  # two digits of SIP2


class LoanPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """For how long, and how much, patrons may borrow."""

    loan_days: int = 21
    loan_limit: int = 50  # open loans of one patron at a time
    renewals: int = 2  # of one loan


class InstitutionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One institution, as a document or the configuration describes it."""

    name: str = ""
    time_zone: str = "UTC"  # IANA name
    dialect: str | None = None  # a preset's name, for its terminals; see docs/reference/sip2.md
    encoding: str | None = None  # of its terminals, unless an account or the dialect has another
    timeout: int = 100  # tenths of a second that a terminal waits for an answer
    retries: int = 3  # how often it asks again
    checkout_ok: bool = True
    checkin_ok: bool = True
    renewal_ok: bool = True
    status_update_ok: bool = False
    offline_ok: bool = False
    loans: LoanPolicy = LoanPolicy()

    def __post_init__(self) -> None:
        """Refuse a time zone or encoding that does not exist (ValueError; msgspec says where)."""
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, ZoneInfoNotFoundError, OSError):
            raise ValueError(f"there is no time zone {self.time_zone!r}") from None
        if self.encoding is not None:
            _check_encoding(self.encoding)


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one terminal likes to be spoken to."""

    dialect: str | None = None  # a preset's name; None: its institution's
    encoding: str | None = None  # None: that of the dialect

    def __post_init__(self) -> None:
        """Refuse an encoding that does not exist (ValueError; msgspec says where)."""
        if self.encoding is not None:
            _check_encoding(self.encoding)


class AccountEntry(AccountSettings, frozen=True, kw_only=True):
    """A terminal's login."""

    login: str
    password: str
    institution: str
    location: str | None = None


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to one institution, or to all of the document."""

    institution: str | None = None


class PatronEntry(Owned, frozen=True, kw_only=True):
    """A patron, before any loan."""

    id: str
    name: str
    pin: str | None = None
    address: str | None = None
    email: str | None = None
    phone: str | None = None
    birthdate: str | None = None  # YYYYMMDD or YYYY-MM-DD
    expires: str | None = None
    patron_class: str | None = msgspec.field(default=None, name="class")
    home_library: str | None = None
    internet: str | None = None
    language: str | None = None
    charge_ok: bool = True
    renew_ok: bool = True
    recall_ok: bool = True
    hold_ok: bool = True
    card_lost: bool = False
    screen_msg: str | None = None

    @property
    def birth_on(self) -> date | None:
        """The day of birth."""
        return _day(self.birthdate)

    @property
    def expires_on(self) -> date | None:
        """The last day of the card."""
        return _day(self.expires)


class ItemEntry(Owned, frozen=True, kw_only=True):
    """An item and its title."""

    id: str
    title: str
    author: str | None = None
    language: str | None = None
    media_type: str | None = None
    magnetic: bool | None = None
    owner: str | None = None
    security_marker: Marker | None = None
    permanent_location: str = ""
    current_location: str = ""
    collection_code: str | None = None
    call_number: str | None = None


class LoanEntry(Owned, frozen=True, kw_only=True):
    """An open loan."""

    patron: str
    item: str
    lent_at: Moment
    due_at: Moment


_E = TypeVar("_E", bound=Owned)


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document."""

    institutions: Mapping[str, InstitutionSettings]
    accounts: tuple[AccountEntry, ...] = ()
    patrons: tuple[PatronEntry, ...] = ()
    items: tuple[ItemEntry, ...] = ()
    loans: tuple[LoanEntry, ...] = ()

    def of(self, institution: str) -> Library:
        """The part of it that belongs to one institution."""

        return Library(
            institutions={institution: self.institutions[institution]},
            accounts=tuple(a for a in self.accounts if a.institution == institution),
            patrons=_of(self.patrons, institution),
            items=_of(self.items, institution),
            loans=_of(self.loans, institution),
        )


def read_library(document: bytes) -> Library:
    """Read the JSON of a library.

    Raises:
        ValueError: What is wrong, and where, in words for whoever wrote the file.
    """
    try:
        library = msgspec.json.decode(document, type=Library)
        _ = [(p.birth_on, p.expires_on) for p in library.patrons]
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    known = set(library.institutions)
    named = {e.institution for e in (*library.patrons, *library.items, *library.loans)}
    patrons, items = {p.id for p in library.patrons}, {i.id for i in library.items}
    for loan in library.loans:
        if loan.patron not in patrons or loan.item not in items:
            raise ValueError(f"the loan of {loan.item!r} to {loan.patron!r} is of a stranger")
    for name in sorted(
        (named | {a.institution for a in library.accounts}) - known - {None}, key=str
    ):
        raise ValueError(f"it names the institution {name!r}, which is not under `institutions`")
    return library


def _of(entries: Iterable[_E], institution: str) -> tuple[_E, ...]:
    return tuple(entry for entry in entries if entry.institution in (None, institution))


def _check_encoding(name: str) -> None:
    try:
        works = "0AY|".encode(name) == b"0AY|"
    except LookupError:
        works = False
    if not works:
        raise ValueError(f"{name!r} is no encoding that keeps ASCII as it is")


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
