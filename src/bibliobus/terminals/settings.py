"""What can be set for a terminal's account: how it is written to, what it may do, what it is told.

A setting that nobody gave is as its own dialect's preset has it, else as its institution has it
for all of its terminals, else as the preset of the institution's dialect, else the default below.
Those that Koha's accounts have, too, have its names
where these say what they mean.

Source: spec/sip2 5; spec/reliability 6.1.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal

import msgspec

from bibliobus.ils.library import InstitutionSettings
from bibliobus.ils.sorting import sort_rules
from bibliobus.sip2 import PLAIN, PRESETS, Dialect, ErrorDetection, UnknownMessages
from bibliobus.sip2.dialect import FIELD_NAME, PLACEHOLDER
from bibliobus.sip2.messages import REQUESTS

Network = IPv4Network | IPv6Network
Code = Annotated[str, msgspec.Meta(pattern="^[0-9]{2}$")]
Fields = tuple[str, ...]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
ThreeDigits = Annotated[int, msgspec.Meta(ge=0, le=999)]

PATRON_WORDS = frozenset(
    {
        "id", "name", "internal_id", "address", "email_addr", "home_phone", "birth_on",
        "expires_on", "ptype", "home_library", "inet_privileges", "language",
    }
)  # fmt: skip
"""What a template for a patron may name: attributes of the port's record."""

ITEM_WORDS = frozenset(
    {
        "id", "title_id", "title_key", "item_type", "media_type", "permanent_location",
        "current_location", "owner", "collection_code", "call_number", "destination",
        "item_properties",
    }
)  # fmt: skip


class Role(StrEnum):
    """What a terminal is for, and so which messages it may send."""

    SELF_CHECK = "self-check"
    SORTER = "sorter"
    GATE = "gate"
    PC_BOOKING = "pc-booking"
    AUTHENTICATION = "authentication"  # a vendor that only wants to know that a card is good
    PAYMENT = "payment"
    ALL = "all"  # every message, also those that block patrons


ALWAYS = frozenset({"93", "97", "99"})
MESSAGES: Mapping[Role, frozenset[str]] = {
    Role.SELF_CHECK: frozenset({"09", "11", "15", "17", "19", "23", "29", "35", "63", "65"}),
    Role.SORTER: frozenset({"09", "17", "19"}),
    Role.GATE: frozenset({"17"}),
    Role.PC_BOOKING: frozenset({"23", "35", "63"}),
    Role.AUTHENTICATION: frozenset({"23", "35", "63"}),
    Role.PAYMENT: frozenset({"23", "35", "37", "63"}),
    Role.ALL: frozenset(REQUESTS),
}


class Replacement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something to be replaced in screen messages."""

    find: str  # a regular expression
    replace: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no regular expression (ValueError; msgspec says where)."""
        _check_expression(self.find, self.replace)


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one account, whoever gave them."""

    # how it is written to; None: as its dialect has it (docs/reference/sip2.md)
    encoding: str | None = None  # any that Python knows and that keeps ASCII
    terminator: Literal["cr", "crlf"] | None = None
    delimiter: str | None = None
    delimiter_replacement: str | None = None  # for a delimiter inside a value
    control_replacement: str | None = None  # for a control character inside a value
    error_detection: ErrorDetection | None = None
    unknown_messages: UnknownMessages | None = None
    version: Literal["1.00", "2.00"] | None = None  # until the terminal says which it speaks
    max_field_length: AtLeastOne | None = None  # characters
    zone: str | None = None  # in times: four blanks, or 0000
    hide_fields: Fields | None = None  # optional fields never sent
    allow_fields: Fields | None = None  # optional fields sent, and no others
    due_date: str | None = None  # AH, as strftime
    entry: str | None = None  # AS AT AU BU CD: {item_id}, {title}, {due_date}
    hold_entry: str | None = None  # AS and CD, if they are not like the others
    fee_entry: str | None = None  # AV: {fee_id}, {amount}, {type}, {title}, {item_id}

    # who it is
    role: Role = Role.SELF_CHECK
    messages: tuple[Code, ...] | None = None  # which it may send, instead of its role's
    networks: tuple[str, ...] = ()  # from where it may log in; (): loopback and private addresses
    certificates: tuple[str, ...] = ()  # SHA-256 fingerprints; if any, it must show one of them
    connections: AtLeastOne = 16  # at a time, from elsewhere than this machine
    location_code: Literal["use", "ignore", "required"] = "use"  # CP, where the terminal stands
    other_institutions: Literal["note", "refuse"] = "note"  # an AO that is not ours

    # what it is told of patrons
    disclosure: Literal["minimal", "legacy"] = "minimal"  # legacy: personal data without a PIN
    allow_empty_passwords: bool = False  # an empty PIN (AD) is taken for the right one
    require_password: bool = False  # a PIN for whatever a patron does, but off line
    permit_loans: bool = False  # no flag says that a patron may not borrow, renew or recall
    permit_all: bool = False  # no flag is set, unless the card has expired or was lost
    hold_items: Literal["ready", "all"] = "ready"  # what AS has: ready ones, or CD's as well
    hold_available: bool = True  # whether 16 says that a copy can be fetched now; else always N
    personal_name: str = "{name}"  # AE
    patron_fields: Mapping[str, str] = {}  # further fields of 24 and 64, by name: {ptype} …
    status_fields: bool = False  # AQ, PC, PI and XI in 24 as well, as Relais wants them
    greeting: str = ""  # AF for a patron of whom there is nothing else to say: {name} …
    screen_messages: tuple[Replacement, ...] = ()  # what is replaced in AF

    # what becomes of items, and what it is told of them
    item_fields: Mapping[str, str] = {}  # further fields of 10, 12, 18 and 30: {call_number} …
    holds_get_captured: bool = True  # what comes back goes to the next hold; else to the desk
    checked_in_ok: bool = False  # an item that was not out is taken back without a word
    alert_when_not_on_loan: bool = True  # else it is refused without an alert
    cv_send_00_on_success: bool = False  # CV when there is nothing to be done
    ct_always_send: bool = False  # CT even if it is empty
    hold_slip: bool | None = None  # CY and DA, for whom an item waits; None: to sorters (and "all")
    hold_patron_name: str = "{name}"  # DA
    sort_bins: tuple[str, ...] | None = None  # CL by Koha's rules; None: the institution's
    disallow_overpayment: bool = False  # also where the library keeps credit
    unknown_pickup_location: Literal["refuse", "echo"] = "refuse"  # echo: another one is taken
    offer_edition: bool = False  # of a copy that cannot be had, the e-book, if that can
    item_id_filter: str = ""  # a regular expression; what it matches is taken out of AB
    patron_id_filter: str = ""  # and out of AA

    # what it is told of us; None: as the institution has it
    timeout: ThreeDigits | None = None  # tenths of a second
    retries: ThreeDigits | None = None
    library_name: str | None = None  # AM

    def __post_init__(self) -> None:
        """Refuse what nobody can follow (ValueError; msgspec says where)."""
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self) -> Iterator[str]:
        for code in self.messages or ():
            if code not in REQUESTS:
                yield f"`messages`: there is no message {code}"
        for text in self.networks:
            try:
                ip_network(text)
            except ValueError as error:
                yield f"`networks`: {error}"
        for text in self.certificates:
            if not re.fullmatch("[0-9a-f]{64}", fingerprint(text)):
                yield f"`certificates`: {text!r} is no SHA-256 fingerprint"
        for template in (self.personal_name, self.greeting):
            yield from _unknown_words(template, PATRON_WORDS)
        yield from _unknown_words(self.hold_patron_name, frozenset({"id", "name"}))
        for fields, words in ((self.patron_fields, PATRON_WORDS), (self.item_fields, ITEM_WORDS)):
            for name, template in fields.items():
                if not FIELD_NAME.fullmatch(name):
                    yield f"{name!r} is no field's name: two capitals or digits"
                yield from _unknown_words(template, words)
        for line in self.sort_bins or ():
            if line.strip() and not line.startswith("#") and not sort_rules([line]):
                yield f"`sort_bins`: {line!r} is no rule: branch:field:operator:value:bin"
        for expression in (self.item_id_filter, self.patron_id_filter):
            try:
                _check_expression(expression)
            except ValueError as error:
                yield str(error)

    @property
    def may_send(self) -> frozenset[str]:
        """The codes of the messages that this terminal may send."""
        return ALWAYS | (MESSAGES[self.role] if self.messages is None else {*self.messages})

    @property
    def gets_hold_slip(self) -> bool:
        """Whether it is told for whom an item waits."""
        return self.role in (Role.SORTER, Role.ALL) if self.hold_slip is None else self.hold_slip


BEHAVIOUR: Mapping[str, Mapping[str, object]] = {
    # OpenNCIP's SIPServer: whoever has a terminal is trusted with everything
    "openncip": {
        "role": "all",
        "disclosure": "legacy",
        "hold_items": "all",
        "hold_available": False,
        "alert_when_not_on_loan": False,
        "unknown_pickup_location": "echo",
    },
}
"""What the presets of dialects say beyond how they write."""


def settings_of(
    dialect: str | None, given: Mapping[str, object], institution: InstitutionSettings
) -> AccountSettings:
    """The settings of an account with this dialect (None: its institution's) and these settings.

    Raises:
        ValueError: There is no such dialect or setting, or no such value; the message says which.
    """
    behaviour = BEHAVIOUR.get(dialect or institution.dialect or "", {})
    theirs = institution.terminals
    usual = (behaviour, theirs) if dialect is None else (theirs, behaviour)
    merged = {**usual[0], **usual[1], **given}
    known = AccountSettings.__struct_fields__
    for name in merged:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"a terminal has no setting {name!r}{hint}")
    try:
        settings = msgspec.convert(merged, AccountSettings)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    dialect_of(dialect, settings, institution)  # which refuses what could not be written
    return settings


def dialect_of(
    name: str | None, settings: AccountSettings, institution: InstitutionSettings
) -> Dialect:
    """How an account is written to: as its settings say, else as its preset has it, else its
    institution's.

    The encoding is the account's, else that of the account's preset if it differs from the usual
    one, else the institution's, else that of its preset.

    Raises:
        ValueError: There is no such preset, or what is asked for could not be written.
    """
    own, theirs = preset(name), preset(institution.dialect)
    encoding = theirs.encoding if institution.encoding is None else institution.encoding
    if name is not None and own.encoding != PLAIN.encoding:
        encoding = own.encoding
    base = replace(theirs if name is None else own, encoding=encoding)
    return replace(base, **dict(_written(settings)))


def _written(settings: AccountSettings) -> Iterator[tuple[str, Any]]:
    """What the settings say about a dialect, by its own names."""
    for name in _OF_DIALECT:
        if (value := getattr(settings, name)) is not None:
            yield name, value
    if settings.terminator is not None:
        yield "terminator", {"cr": "\r", "crlf": "\r\n"}[settings.terminator]
    if settings.hide_fields is not None:
        yield "hide", frozenset(settings.hide_fields)
    if settings.allow_fields is not None:
        yield "only", frozenset(settings.allow_fields)


_OF_DIALECT = (
    "encoding", "delimiter", "delimiter_replacement", "control_replacement", "error_detection",
    "unknown_messages", "version", "max_field_length", "zone", "due_date", "entry", "hold_entry",
    "fee_entry",
)  # fmt: skip


def fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as we compare it: `openssl x509 -fingerprint` has colons, capitals."""
    return text.replace(":", "").lower()


def preset(name: str | None) -> Dialect:
    """The preset of this name; None: the usual one.

    Raises:
        ValueError: There is none.
    """
    if name is None:
        return PLAIN
    if name not in PRESETS:
        raise ValueError(f"there is no dialect {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def _unknown_words(template: str, words: frozenset[str]) -> Iterator[str]:
    for word in set(PLACEHOLDER.findall(template)) - words:
        yield f"{{{word}}} in {template!r}: known are {', '.join(sorted(words))}"


def _check_expression(expression: str, replacement: str = "") -> None:
    try:
        re.compile(expression).sub(replacement, "")
    except (re.error, IndexError) as error:
        raise ValueError(f"{expression!r} is no regular expression: {error}") from None
