"""How values stand on the wire: each kind's way in and its way out.

A kind never fails on input: what cannot be read becomes the value that says "not given", because
a terminal that sends a blank date still wants its book. It is strict on output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from bibliobus.sip2.codes import HoldMode, SummaryType

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One way of writing a Python value."""

    decode: Callable[[str], T]
    encode: Callable[[T], str]
    says: str  # to people: in the reference, and where a value is not what it should be
    pattern: str  # what the standard allows, as a regular expression for the whole value
    width: int = 0  # exactly so many characters; 0: as many as there are
    names: Mapping[str, str] = field(default_factory=dict, hash=False)  # what codes mean
    free: bool = False  # may hold anything, so it is cleaned on the way out

    is_time: bool = False

    def allows(self, text: str) -> bool:
        """Whether the standard does."""
        return re.fullmatch(self.pattern, text) is not None

    @property
    def plainly(self) -> str:
        """As `says`, without marks for Markdown."""
        return self.says.replace("`", "")


def as_it_is(text: str) -> str:
    return text


def text_of(
    width: int, says: str, pattern: str, names: Mapping[str, str] | None = None
) -> Kind[str]:
    """A named field of a fixed width that is text to us."""
    return Kind(as_it_is, as_it_is, says, pattern, width, names or {}, free=True)


TEXT: Kind[str] = Kind(as_it_is, as_it_is, "text, 0 to 255 characters", "[^\x00-\x1f]*", free=True)


# ---------------------------------------------------------------- yes and no


def _flag(true: str, false: str) -> Kind[bool]:
    return Kind(
        true.__eq__,
        {True: true, False: false}.__getitem__,
        f"`{true}` or `{false}`",
        f"[{true}{false}]",
        1,
        {true: "yes", false: "no"},
    )


YES_NO = _flag("Y", "N")
ONE_ZERO = _flag("1", "0")
ONE_OR_NOT = replace(ONE_ZERO, says="`1`, or anything else for no", pattern=".")

YES_NO_UNKNOWN: Kind[bool | None] = Kind(
    {"Y": True, "N": False}.get,
    {True: "Y", False: "N", None: "U"}.__getitem__,
    "`Y`, `N` or `U`",
    "[YNU]",
    1,
    {"Y": "yes", "N": "no", "U": "unknown"},
)


class PatronStatus(NamedTuple):
    """The fourteen flags of 24, 26 and 64, in wire order; `Y` is true, a blank is false.

    Source: spec/sip2 2.19; SIP2 2.00, "patron status".
    """

    charge_denied: bool = False
    renewal_denied: bool = False
    recall_denied: bool = False
    hold_denied: bool = False
    card_lost: bool = False
    too_many_charged: bool = False
    too_many_overdue: bool = False
    too_many_renewals: bool = False
    too_many_claims_returned: bool = False
    too_many_lost: bool = False
    excessive_fines: bool = False
    excessive_fees: bool = False
    recall_overdue: bool = False
    too_many_billed: bool = False


NOTHING_ALLOWED = PatronStatus(True, True, True, True)  # an unknown patron: "YYYY" and ten blanks


class SupportedMessages(NamedTuple):
    """The sixteen positions of BX (message 98), in wire order."""

    patron_status_request: bool = False
    checkout: bool = False
    checkin: bool = False
    block_patron: bool = False
    status: bool = False
    resend: bool = False
    login: bool = False
    patron_information: bool = False
    end_patron_session: bool = False
    fee_paid: bool = False
    item_information: bool = False
    item_status_update: bool = False
    patron_enable: bool = False
    hold: bool = False
    renew: bool = False
    renew_all: bool = False


@lru_cache(maxsize=1024)
def _encode_status(status: PatronStatus) -> str:
    return "".join("Y" if flag else " " for flag in status)


PATRON_STATUS: Kind[PatronStatus] = Kind(
    lambda text: PatronStatus(*(flag == "Y" for flag in text[:14])),
    _encode_status,
    "14 × `Y` or blank",
    "[Y ]{14}",
    14,
)
SUPPORTED_MESSAGES: Kind[SupportedMessages] = Kind(
    lambda text: SupportedMessages(*(flag == "Y" for flag in text[:16])),
    lambda supported: "".join("Y" if flag else "N" for flag in supported),
    "16 × `Y` or `N`",
    "[YN]{16}",
    16,
)


# ---------------------------------------------------------------- numbers and codes


def number(width: int, *, or_blank: bool = False) -> Kind[int | None]:
    """A number with leading zeros. Out: held within the width. In: None if it is not one.

    Some fields may be blank, which says that the number is not available.
    """
    highest, blank = 10**width - 1, " " * width

    @lru_cache(maxsize=1024)
    def encode(value: int | None) -> str:
        return blank if value is None else f"{min(max(value, 0), highest):0{width}d}"

    says, digits = f"{width} digits", f"[0-9]{{{width}}}"
    if or_blank:
        says, digits = f"{says} or blank", f"{digits}| {{{width}}}"
    return Kind(_whole_number, encode, says, digits, width)


def _whole_number(text: str) -> int | None:
    digits = text.strip()
    return int(digits) if len(digits) <= 9 and digits.isascii() and digits.isdigit() else None


WHOLE_NUMBER: Kind[int | None] = Kind(
    _whole_number,
    lambda number: "" if number is None else f"{min(max(number, 0), 999_999_999)}",
    "whole number",
    "[0-9]{1,9}",
)


def code(names: type[IntEnum], width: int) -> Kind[int]:
    """A code of the standard. Codes it does not name are kept as numbers; 0 if it is no number.

    Terminals must accept 00 to 99 (spec/sip2 2.17), hence so do we.
    """
    plain = number(width)
    known = {f"{name.value:0{width}d}": name for name in names}

    def decode(text: str) -> int:
        return known.get(text) or plain.decode(text) or 0

    words = {digits: name.name.lower().replace("_", " ") for digits, name in known.items()}
    return Kind(decode, plain.encode, plain.says, plain.pattern, width, words)


def _decode_hold_mode(text: str) -> HoldMode | None:
    return HoldMode(text) if text and text in "+-*" else None


HOLD_MODE: Kind[HoldMode | None] = Kind(
    _decode_hold_mode,
    lambda mode: " " if mode is None else mode.value,
    "`+`, `-` or `*`",
    "[-+*]",
    1,
    {mode.value: mode.name.lower() for mode in HoldMode},
)


def _decode_summary(text: str) -> SummaryType | None:
    asked = text.find("Y")  # more than one: the first counts (spec/sip2 2.5)
    return SummaryType(asked) if 0 <= asked < len(SummaryType) else None


def _encode_summary(summary: SummaryType | None) -> str:
    blanks = " " * 10
    return blanks if summary is None else f"{blanks[:summary]}Y{blanks[summary + 1 :]}"


SUMMARY: Kind[SummaryType | None] = Kind(
    _decode_summary,
    _encode_summary,
    "10 characters, at most one `Y`, at the list's place",
    "(?= *Y? *$)[Y ]{10}",
    10,
)


def exactly(
    width: int, otherwise: str, says: str, pattern: str, names: Mapping[str, str] | None = None
) -> Kind[str]:
    """Text of a fixed width that is handed back as it came; `otherwise` if it cannot be."""

    @lru_cache(maxsize=1024)
    def encode(text: str) -> str:
        fits = len(text) == width and text.isascii() and text.isprintable()
        return text if fits else otherwise

    return Kind(as_it_is, encode, says, pattern, width, names or {}, free=True)


def _decode_amount(text: str) -> Decimal | None:
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) < 12 else None


def _encode_amount(amount: Decimal | None) -> str:
    if amount is None or not amount.is_finite() or abs(amount.adjusted()) >= 12:
        return ""
    text = f"{amount:f}"
    return text if len(text) <= 16 else f"{amount:.2f}"


AMOUNT: Kind[Decimal | None] = Kind(
    _decode_amount,
    _encode_amount,
    "decimal number with a dot, whole units",
    r"-?[0-9]+(\.[0-9]+)?",
)


def _decode_day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%d.%m.%Y").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


DAY: Kind[date | None] = Kind(
    _decode_day,
    lambda day: "" if day is None else f"{day:%d.%m}.{day.year:04d}",
    "`dd.MM.yyyy`",
    r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}",
)


class FeeDetail(NamedTuple):
    """One fee in full, as Gossip's payment systems read it in 64 (spec/sip2 2.20)."""

    amount: Decimal | None = None  # FA: whole units, as BV
    item_id: str | None = None  # FB
    raised_on: date | None = None  # FC
    title: str | None = None  # FD
    cost_type: str | None = None  # FE
    cost_type_description: str | None = None  # FF
    fee_identifier: str | None = None  # CG: what 37 names it by
    amount_paid: Decimal | None = None  # FG: in 38, what was paid of it


# ---------------------------------------------------------------- times

_STAMP = re.compile(r"([0-9]{8})(    |   [A-IK-Z]|0000)([0-9]{6})", re.ASCII)
_LETTERS = {" ": None, "Z": 0}
_LETTERS |= {letter: hours for hours, letter in enumerate("ABCDEFGHIKLM", 1)}
_LETTERS |= {letter: -hours for hours, letter in enumerate("NOPQRSTUVWXY", 1)}
_ZONES = {
    letter: None if hours is None else timezone(timedelta(hours=hours))
    for letter, hours in _LETTERS.items()
} | {"Z": UTC, "0": None}  # "0000" is a dialect of FOLIO and Palace for four blanks
_LETTER_OF = {hours: letter for letter, hours in _LETTERS.items() if hours is not None}


def _decode_timestamp(text: str) -> datetime | None:
    return _read_timestamp(text) if len(text) == 18 else None


@lru_cache(maxsize=4096)  # every terminal of a library sends the same few seconds
def _read_timestamp(text: str) -> datetime | None:
    parts = _STAMP.fullmatch(text)
    if parts is None:
        return None
    day, zone, clock = parts.groups()
    try:
        return datetime(
            int(day[:4]), int(day[4:6]), int(day[6:]),
            int(clock[:2]), int(clock[2:4]), int(clock[4:]),
            tzinfo=_ZONES[zone[-1]],
        )  # fmt: skip
    except ValueError:
        return None


def _timestamp_encoder(no_zone: str) -> Callable[[datetime | None], str]:
    """A function that writes times; `no_zone` are the four characters that mean "local"."""

    @lru_cache(maxsize=4096)  # not of aware times: equal ones may have different zones
    def written(moment: datetime, zone: str) -> str:
        return (
            f"{moment.year:04d}{moment.month:02d}{moment.day:02d}{zone}"
            f"{moment.hour:02d}{moment.minute:02d}{moment.second:02d}"
        )

    def encode(moment: datetime | None) -> str:
        if moment is None:
            return " " * 18
        offset = moment.utcoffset()
        if offset is None:
            return written(moment, no_zone)
        hours = round(offset / timedelta(hours=1))
        letter = _LETTER_OF[hours if -12 <= hours <= 12 else 0]
        try:
            moment = moment.astimezone(_ZONES[letter])
        except OverflowError:  # at either end of time
            return " " * 18
        return written(moment.replace(tzinfo=None), f"   {letter}")

    return encode


TIMESTAMP: Kind[datetime | None] = Kind(
    _decode_timestamp,
    _timestamp_encoder("    "),
    "`YYYYMMDDZZZZHHMMSS`",
    "[0-9]{8}(    |   [A-IK-Z])[0-9]{6}",
    18,
    is_time=True,
)
"""`YYYYMMDDZZZZHHMMSS`. Four blanks are the library's own time, here a datetime without a zone;
three blanks and a letter are a military zone, `Z` being UTC. None is written as 18 blanks, and
read from whatever is no date."""

BLANK_OR_TIMESTAMP = replace(
    TIMESTAMP, says=f"{TIMESTAMP.says} or blank", pattern=f"{TIMESTAMP.pattern}| {{18}}"
)

SYNC_TIMESTAMP = replace(
    TIMESTAMP, says=f"{TIMESTAMP.says} or 18 zeros", pattern=f"{TIMESTAMP.pattern}|0{{18}}"
)

encode_zeros_zone = _timestamp_encoder("0000")
"""As `TIMESTAMP.encode`, but local times have `0000` for four blanks, as FOLIO and Palace write."""

_ANY_TIME = re.compile(r"[0-9]{8}[ 0-9A-Z]{4}[0-9]{6}|[0 ]{18}|YYYYMMDDZZZZHHMMSS", re.ASCII)


def looks_like_a_time(text: str) -> bool:
    """Whether a time stands here, right or wrong, or was left blank."""
    return _ANY_TIME.fullmatch(text) is not None
