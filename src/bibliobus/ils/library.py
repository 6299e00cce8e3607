"""A small whole library as one document: what `bibliobus load` reads and the demo makes.

The field names are those of OpenNCIP's stub library, so its data loads as it is; names that are
not known here are left alone. A patron, item or loan that names no institution belongs to every
one of its document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bibliobus.ils.money import CURRENCY, to_minor
from bibliobus.ils.records import FeeType, HoldType

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Marker = Annotated[str, msgspec.Meta(pattern="^[0-9]{2}$")]  # two digits of SIP2
ClockTime = Annotated[time, msgspec.Meta(tz=False)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Days = Annotated[int, msgspec.Meta(ge=0, le=99_999)]  # longer ones leave the calendar
Hours = Days
ThreeDigits = Annotated[int, msgspec.Meta(ge=0, le=999)]  # as much as SIP2 can say


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """What has amounts, in whole units of the institution's currency."""

    def __post_init__(self) -> None:
        """Refuse an amount that is negative or no number (ValueError; msgspec says where)."""
        for name, amount in self.amounts():
            if not amount.is_finite() or amount < 0:
                raise ValueError(f"`{name}` is {amount}: it can only be 0 or more")

    def amounts(self) -> Iterator[tuple[str, Decimal]]:
        """Each that is there, by name."""
        for name in self.__struct_fields__:
            if isinstance(amount := getattr(self, name), Decimal):
                yield name, amount


class LoanPolicy(Priced, frozen=True, kw_only=True):
    """For how long, how often and at what price patrons may borrow."""

    lent: bool = True  # false: what the library never lends
    in_library: bool = False  # true: lent until closing time, and not to be carried out
    loan_days: Days = 21
    loan_hours: Hours | None = None  # if given, instead of days
    loan_limit: Count = 50  # open loans of one patron at a time, of what this covers
    renewals: Count = 2  # of one loan
    renewal_days: Days | None = None  # how long before its due date it can be renewed; any time
    rental_fee: Decimal = Decimal(0)  # for a loan, and for each renewal
    overdue_fee: Decimal = Decimal(0)  # for each open day late; each hour, of a loan by hours
    overdue_fee_limit: Decimal | None = None  # no more than this for one loan
    grace_days: Count = 0  # open days late that cost nothing, unless there are more
    replacement_fee: Decimal = Decimal(0)  # for a lost item without a price of its own
    holds: bool = True  # patrons may place them
    hold_fee: Decimal = Decimal(0)


class LoanRule(LoanPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy for one kind of patron, item and place; what is None fits all."""

    patron_class: str | None = None
    item_type: str | None = None
    location: str | None = None  # the item's permanent one


class PatronLimits(Priced, frozen=True, kw_only=True):
    """From where on patrons may not borrow any more; None: never for that reason."""

    fee_limit: Decimal | None = None  # more owed than this blocks
    overdue_limit: Count | None = None  # as many overdue loans as this block
    lost_limit: Count | None = None  # as many lost items as this block
    hold_limit: Count | None = None  # active holds at a time
    shelf_limit: Count | None = None  # open loans at a time, print and digital together


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """When the library is closed. Nothing is due on such a day, and it costs nothing."""

    closes_at: ClockTime = time(23, 59, 59)  # by the library's clock; loans are due then
    closed_weekdays: tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...] = ()  # 1 is Monday
    closed_on: tuple[date, ...] = ()


class HoldPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long holds last."""

    expire_days: Days | None = None  # until a hold is given up; None: never
    shelf_days: Days = 7  # until the hold shelf gives a copy to the next patron


_SWITCHES = {
    "checkout": "checkout_ok",
    "checkin": "checkin_ok",
    "renew": "renewal_ok",
    "renew all": "renewal_ok",
    "block patron": "status_update_ok",
    "patron enable": "status_update_ok",
    "offline operation": "offline_ok",
}


class InstitutionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One institution, as a document or the configuration describes it."""

    name: str = ""
    time_zone: str = "UTC"  # IANA name
    dialect: str | None = None  # a preset's name, for its terminals; see docs/reference/sip2.md
    encoding: str | None = None  # of its terminals, unless an account or the dialect has another
    terminals: Mapping[str, object] = {}  # what else is set for its accounts, unless they say
    timeout: ThreeDigits = 100  # tenths of a second that a terminal waits for an answer
    retries: ThreeDigits = 3  # how often it asks again
    checkout_ok: bool = True
    checkin_ok: bool = True
    renewal_ok: bool = True
    status_update_ok: bool = False
    offline_ok: bool = False
    currency: str = "EUR"  # ISO 4217
    overpayment: Literal["refuse", "credit"] = "refuse"  # what becomes of what is not owed
    history_days: Days = 7  # how long after its end a loan is known to be a patron's
    loans: LoanPolicy = LoanPolicy()  # for all that no rule fits
    loan_rules: tuple[Mapping[str, object], ...] = ()  # the first that fits; else as in `loans`
    limits: PatronLimits = PatronLimits()
    limits_by_class: Mapping[str, PatronLimits] = {}  # of patrons; instead of `limits`
    calendar: Calendar = Calendar()
    holds: HoldPolicy = HoldPolicy()
    branches: Mapping[str, tuple[str, ...]] = {}  # each with its locations; {}: one place only
    sort_bins: tuple[str, ...] = ()  # Koha's rules; see ils/sorting.py

    def __post_init__(self) -> None:
        """Refuse what nobody can follow (ValueError; msgspec says where)."""
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, ZoneInfoNotFoundError, OSError):
            raise ValueError(f"there is no time zone {self.time_zone!r}") from None
        if self.encoding is not None:
            _check_encoding(self.encoding)
        if not CURRENCY.fullmatch(self.currency):
            raise ValueError(f"{self.currency!r} is no currency: write three capitals, like EUR")
        if len(set(self.calendar.closed_weekdays)) == 7:
            raise ValueError("`closed_weekdays` has all days of the week")
        *rules, _ = self.rules()
        self._check_amounts("`loans`", self.loans)
        for n, rule in enumerate(rules, 1):
            self._check_amounts(f"rule {n} of `loan_rules`", rule)
        self._check_amounts("`limits`", self.limits)
        for patron_class, limits in self.limits_by_class.items():
            self._check_amounts(f"`limits_by_class` of {patron_class!r}", limits)

    def allows(self, operation: str) -> bool:
        """Whether an operation, by the pod's name for it, is not switched off here."""
        switch = _SWITCHES.get(operation)
        return switch is None or bool(getattr(self, switch))

    def rules(self) -> tuple[LoanRule, ...]:
        """The rules for loans, the first that fits decides; the last one fits all.

        Raises:
            ValueError: A rule has a key or a value that it may not have.
        """
        usual = msgspec.structs.asdict(self.loans)
        found = []
        for n, rule in enumerate(self.loan_rules, 1):
            try:
                given = msgspec.convert(rule, LoanRule)
            except msgspec.ValidationError as error:
                raise ValueError(f"rule {n} of `loan_rules`: {error}") from None
            of_its_own = {name: getattr(given, name) for name in rule}
            if "loan_days" in rule:  # then it is not by hours, even if `loans` is; TOML has no null
                of_its_own.setdefault("loan_hours", None)
            found.append(LoanRule(**(usual | of_its_own)))
        return (*found, LoanRule(**usual))

    def _check_amounts(self, where: str, priced: Priced) -> None:
        for name, amount in priced.amounts():
            try:
                to_minor(amount, self.currency)
            except ValueError as error:
                raise ValueError(f"{where}: `{name}`: {error}") from None


class AccountEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A terminal's login. The terminals door knows what can be set for one."""

    login: str
    password: str
    institution: str
    location: str | None = None
    dialect: str | None = None  # a preset's name; None: its institution's
    settings: Mapping[str, object] = {}


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
    blocked_because: str | None = None  # why `charge_ok` is false, for the patron to read
    screen_msg: str | None = None
    keeps_history: bool = False  # the patron wants ended loans to be remembered

    @property
    def birth_on(self) -> date | None:
        """The day of birth."""
        return _day(self.birthdate)

    @property
    def expires_on(self) -> date | None:
        """The last day of the card."""
        return _day(self.expires)


class Condition(Enum):
    """What keeps an item from its usual life."""

    DAMAGED = "damaged"  # and lent all the same
    LOST = "lost"
    MISSING = "missing"
    CLAIMED_RETURNED = "claimed-returned"
    ON_ORDER = "on-order"
    IN_PROCESS = "in-process"
    WITHDRAWN = "withdrawn"


class ItemEntry(Owned, Priced, frozen=True, kw_only=True):
    """An item and its title."""

    id: str
    title: str
    item_type: str | None = None  # decides, with others, about policies
    condition: Condition | None = None
    price: Decimal | None = None  # what a lost one costs
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


class FeeEntry(Owned, Priced, frozen=True, kw_only=True):
    """What a patron owes."""

    patron: str
    amount: Decimal
    fee_type: FeeType = FeeType.OTHER
    description: str = ""


class HoldEntry(Owned, frozen=True, kw_only=True):
    """An active hold, placed in the order of the document."""

    patron: str
    item: str  # the one it is for, or one of the title it is for
    hold_type: HoldType = HoldType.ANY_COPY
    pickup_location: str | None = None


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
    holds: tuple[HoldEntry, ...] = ()
    fees: tuple[FeeEntry, ...] = ()

    def of(self, institution: str) -> Library:
        """The part of it that belongs to one institution."""

        return Library(
            institutions={institution: self.institutions[institution]},
            accounts=tuple(a for a in self.accounts if a.institution == institution),
            patrons=_of(self.patrons, institution),
            items=_of(self.items, institution),
            loans=_of(self.loans, institution),
            holds=_of(self.holds, institution),
            fees=_of(self.fees, institution),
        )


def read_library(document: bytes) -> Library:
    """Read the JSON of a library.

    Raises:
        ValueError: What is wrong, and where, in words for whoever wrote the file.
    """
    try:
        library = msgspec.json.decode(document, type=Library)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    parts = library.patrons, library.items, library.loans, library.holds, library.fees
    named = {entry.institution for part in (library.accounts, *parts) for entry in part}
    for name in sorted(named - set(library.institutions) - {None}, key=str):
        raise ValueError(f"it names the institution {name!r}, which is not under `institutions`")
    for patron in library.patrons:
        try:
            _ = patron.birth_on, patron.expires_on
        except ValueError as error:
            raise ValueError(f"patron {patron.id!r}: {error}") from None
    for institution in library.institutions:
        _check_references(library.of(institution), institution)
    return library


def _check_references(library: Library, institution: str) -> None:
    """Refuse what is about nobody or nothing in its institution, and would vanish."""
    of_patrons: tuple[LoanEntry | HoldEntry | FeeEntry, ...] = (
        *library.loans, *library.holds, *library.fees
    )  # fmt: skip
    patrons, items = {p.id for p in library.patrons}, {i.id for i in library.items}
    for each in of_patrons:
        what = type(each).__name__.removesuffix("Entry").lower()
        if each.patron not in patrons:
            raise ValueError(f"a {what} of {each.patron!r} is of a stranger in {institution!r}")
        if not isinstance(each, FeeEntry) and each.item not in items:
            raise ValueError(
                f"a {what} is of item {each.item!r}, which is not in `items` of {institution!r}"
            )


def _of(entries: Iterable[_E], institution: str) -> tuple[_E, ...]:
    return tuple(entry for entry in entries if entry.institution in (None, institution))


def _check_encoding(name: str) -> None:
    try:
        works = "0AY|".encode(name) == b"0AY|"
    except (LookupError, ValueError):  # there is none of that name, or it is no name
        works = False
    if not works:
        raise ValueError(f"{name!r} is no encoding that keeps ASCII as it is")


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
