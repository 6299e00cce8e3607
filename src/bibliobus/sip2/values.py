"""How values stand on the wire: each kind's way in and its way out.

A kind never fails on input: what cannot be read becomes the value that says "not given", because
a terminal that sends a blank date still wants its book. It is strict on output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from enum import Enum, IntEnum
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One way of writing a Python value."""

    decode: Callable[[str], T]
    encode: Callable[[T], str]
    free: bool = False  # may hold anything, so the codec scrubs it on the way out


def _same(text: str) -> str:
    return text


TEXT: Kind[str] = Kind(_same, _same, free=True)


# ---------------------------------------------------------------- yes and no


def _flag(true: str, false: str) -> Kind[bool]:
    return Kind(lambda text: text == true, lambda value: true if value else false)


YES_NO = _flag("Y", "N")
ONE_ZERO = _flag("1", "0")

YES_NO_UNKNOWN: Kind[bool | None] = Kind(
    {"Y": True, "N": False}.get, {True: "Y", False: "N", None: "U"}.__getitem__
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
    lambda text: PatronStatus(*(flag == "Y" for flag in text[:14])), _encode_status
)
SUPPORTED_MESSAGES: Kind[SupportedMessages] = Kind(
    lambda text: SupportedMessages(*(flag == "Y" for flag in text[:16])),
    lambda supported: "".join("Y" if flag else "N" for flag in supported),
)


# ---------------------------------------------------------------- numbers and codes


class CirculationStatus(IntEnum):
    """Where an item is in its life (message 18)."""

    OTHER = 1
    ON_ORDER = 2
    AVAILABLE = 3
    CHARGED = 4
    CHARGED_NOT_RECALLABLE = 5
    IN_PROCESS = 6
    RECALLED = 7
    WAITING_ON_HOLD_SHELF = 8
    WAITING_TO_BE_RESHELVED = 9
    IN_TRANSIT = 10
    CLAIMED_RETURNED = 11
    LOST = 12
    MISSING = 13


class SecurityMarker(IntEnum):
    """What protects an item against theft (message 18)."""

    OTHER = 0
    NONE = 1
    TATTLE_TAPE = 2
    WHISPER_TAPE = 3


class FeeType(IntEnum):
    """What a fee is for (BT; messages 18 and 37)."""

    OTHER = 1
    ADMINISTRATIVE = 2
    DAMAGE = 3
    OVERDUE = 4
    PROCESSING = 5
    RENTAL = 6
    REPLACEMENT = 7
    COMPUTER_ACCESS = 8
    HOLD = 9


class PaymentType(IntEnum):
    """How a fee was paid (message 37); 5 and 6 are what others made of the open codes."""

    CASH = 0
    VISA = 1
    CREDIT_CARD = 2
    CHEQUE = 5  # Evergreen; its number is in RN
    WRITE_OFF = 6  # Koha


class HoldMode(Enum):
    """What to do with a hold (message 15)."""

    ADD = "+"
    DELETE = "-"
    CHANGE = "*"


class HoldType(IntEnum):
    """What a hold is for (message 15); 5 to 9 are free."""

    OTHER = 1
    ANY_COPY = 2
    SPECIFIC_COPY = 3
    ANY_COPY_AT_ONE_PLACE = 4


class SummaryType(IntEnum):
    """Which list a terminal asks for: the position of the `Y` in 63's summary."""

    HOLD_ITEMS = 0
    OVERDUE_ITEMS = 1
    CHARGED_ITEMS = 2
    FINE_ITEMS = 3
    RECALL_ITEMS = 4
    UNAVAILABLE_HOLDS = 5


def number(width: int) -> Kind[int | None]:
    """A number with leading zeros. Out: held within the width. In: None if it is not one."""
    highest, blank = 10**width - 1, " " * width

    @lru_cache(maxsize=1024)
    def encode(value: int | None) -> str:
        return blank if value is None else f"{min(max(value, 0), highest):0{width}d}"

    return Kind(_whole_number, encode)


def _whole_number(text: str) -> int | None:
    digits = text.strip()
    return int(digits) if len(digits) <= 9 and digits.isascii() and digits.isdigit() else None


WHOLE_NUMBER: Kind[int | None] = Kind(_whole_number, str)


def code(names: type[IntEnum], width: int) -> Kind[int]:
    """A code of the standard. Codes it does not name are kept as numbers; 0 if it is no number.

    Terminals must accept 00 to 99 (spec/sip2 2.17), hence so do we.
    """
    plain = number(width)
    known: Mapping[str, int] = {f"{name.value:0{width}d}": name for name in names}

    def decode(text: str) -> int:
        return known.get(text) or plain.decode(text) or 0

    return Kind(decode, plain.encode)


def _decode_hold_mode(text: str) -> HoldMode | None:
    return HoldMode(text) if text in "+-*" and text else None


HOLD_MODE: Kind[HoldMode | None] = Kind(
    _decode_hold_mode, lambda mode: " " if mode is None else mode.value
)


def _decode_summary(text: str) -> SummaryType | None:
    asked = text.find("Y")  # more than one: the first counts (spec/sip2 2.5)
    return SummaryType(asked) if 0 <= asked < len(SummaryType) else None


def _encode_summary(summary: SummaryType | None) -> str:
    blanks = " " * 10
    return blanks if summary is None else f"{blanks[:summary]}Y{blanks[summary + 1 :]}"


SUMMARY: Kind[SummaryType | None] = Kind(_decode_summary, _encode_summary)


def exactly(width: int, otherwise: str) -> Kind[str]:
    """Text of a fixed width that is handed back as it came; `otherwise` if it cannot be."""

    def encode(text: str) -> str:
        fits = len(text) == width and text.isascii() and text.isprintable()
        return text if fits else otherwise

    return Kind(_same, encode, free=True)


def _decode_amount(text: str) -> Decimal | None:
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) < 12 else None


AMOUNT: Kind[Decimal | None] = Kind(_decode_amount, lambda amount: f"{amount:f}")


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


@lru_cache(maxsize=4096)  # every terminal of a library sends the same few seconds
def _decode_timestamp(text: str) -> datetime | None:
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


@lru_cache(maxsize=4096)
def _encode_timestamp(moment: datetime | None) -> str:
    if moment is None:
        return " " * 18
    offset, zone = moment.utcoffset(), " "
    if offset is not None:
        hours = round(offset / timedelta(hours=1))
        zone = _LETTER_OF[hours if -12 <= hours <= 12 else 0]
        moment = moment.astimezone(_ZONES[zone])
    return (
        f"{moment.year:04d}{moment.month:02d}{moment.day:02d}   {zone}"
        f"{moment.hour:02d}{moment.minute:02d}{moment.second:02d}"
    )


TIMESTAMP: Kind[datetime | None] = Kind(_decode_timestamp, _encode_timestamp)
"""`YYYYMMDDZZZZHHMMSS`. Four blanks are the library's own time, here a datetime without a zone;
three blanks and a letter are a military zone, `Z` being UTC. None is written as 18 blanks, and
read from whatever is no date."""
