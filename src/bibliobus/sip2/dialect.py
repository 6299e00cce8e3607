"""What one terminal's SIP2 looks like: the things that the standard leaves to agreement.

A dialect says how we write, and what we insist on. Reading is lenient whatever it says. The
presets are those of systems and vendors that are known to differ (spec/sip2 1.3 to 1.6, 2.18, 5,
7.1); who is not among them does well with the default.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

DELIMITER = "|"
MAX_FIELD_LENGTH = 255  # characters of one value: SIP2 2.00, "Variable-length fields"

FIELD_NAME = re.compile("[0-9A-Z]{2}")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BYTE = re.compile("[\udc80-\udcff]")  # one that made no sense, as `to_text` keeps it
PLACEHOLDER = re.compile(r"\{([a-z_]*)\}")
ENTRY_WORDS = frozenset({"item_id", "title", "due_date"})
FEE_WORDS = frozenset({"fee_id", "amount", "type", "title", "item_id"})


class ErrorDetection(StrEnum):
    """Whether messages carry sequence numbers and checksums (spec/sip2 1.6)."""

    AUTO = "auto"  # answered as they were asked
    REQUIRED = "required"  # a request without them is asked for again, but for logins
    OFF = "off"  # not sent, and passed over unread


class UnknownMessages(StrEnum):
    """What a message of an unknown code gets (spec/sip2 1.8)."""

    IGNORE = "ignore"  # as the standard says, for the sake of later versions
    ASK_AGAIN = "ask again"  # 96
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How messages are written for one account, and what is asked of it.

    Raises:
        ValueError: What it says could not be written; the message says what and why.
    """

    # the line
    terminator: str = "\r"  # or "\r\n", which is outside the checksum
    encoding: str = "utf-8"  # any codec of Python's that keeps ASCII as it is
    error_detection: ErrorDetection = ErrorDetection.AUTO
    unknown_messages: UnknownMessages = UnknownMessages.IGNORE
    version: str = "2.00"  # "1.00": without the fields that came later

    # fields
    delimiter: str = DELIMITER
    delimiter_replacement: str = " "  # for a delimiter inside a value
    control_replacement: str = " "  # for a control character, a line end or a tab inside a value
    max_field_length: int = MAX_FIELD_LENGTH  # characters; what is longer is cut, AF and AG go on
    print_width: int = MAX_FIELD_LENGTH  # characters of an AG, as 99 gave it
    hide: frozenset[str] = frozenset()  # optional fields never sent, by name; wins over `only`
    only: frozenset[str] | None = None  # optional fields sent, by name; None: all

    # free text that somebody reads by machine
    zone: str = "    "  # in times without a zone: four blanks, or "0000"
    due_date: str = "%Y-%m-%d"  # AH, as strftime
    entry: str = "{item_id}"  # AS AT AU BU CD: item_id, title, due_date
    hold_entry: str | None = None  # AS and CD, if they are not like the others
    fee_entry: str = "{fee_id} {amount} {type} {title}"  # AV: fee_id, amount, type, title, item_id

    def __post_init__(self) -> None:
        """Refuse what could not be written."""
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self) -> Iterator[str]:
        if self.terminator not in ("\r", "\r\n"):
            yield f"terminator {self.terminator!r}: a message ends with \\r or \\r\\n"
        if not keeps_ascii(self.encoding):
            yield f"{self.encoding!r} is no encoding that keeps ASCII as it is"
        mark = self.delimiter
        if len(mark) != 1 or not mark.isascii() or not mark.isprintable() or mark.isalnum():
            yield f"delimiter {mark!r}: one printable ASCII character, no letter and no digit"
        elif mark in " .+-*":
            yield f"delimiter {mark!r}: it occurs in values that cannot do without it"
        for instead in (self.delimiter_replacement, self.control_replacement):
            if mark in instead or not instead.isascii() or not instead.isprintable():
                yield f"replacement {instead!r}: printable ASCII without the delimiter"
        if self.version not in ("1.00", "2.00"):
            yield f"version {self.version!r}: 1.00 or 2.00"
        if self.max_field_length < 1 or self.print_width < 1:
            yield "max field length and print width are 1 at least"
        for name in self.hide | (self.only or frozenset()):
            if not FIELD_NAME.fullmatch(name):
                yield f"{name!r} is no field's name: two capitals or digits"
        if self.zone not in ("    ", "0000"):
            yield f"zone {self.zone!r}: four blanks or 0000"
        for template, words in (
            (self.entry, ENTRY_WORDS),
            (self.hold_entry or "", ENTRY_WORDS),
            (self.fee_entry, FEE_WORDS),
        ):
            for word in set(PLACEHOLDER.findall(template)) - words:
                yield f"{{{word}}} in {template!r}: known are {', '.join(sorted(words))}"

    def sends(self, name: str) -> bool:
        """Whether a field of this name is sent, if the standard leaves it open."""
        return name not in self.hide and (self.only is None or name in self.only)

    def cleaner(self) -> Callable[[str], str]:
        """A function that makes a value of a text: nothing in it ends a field, nor is it too long.

        (A closure, because it is called for each value of each message.)
        """
        delimiter, longest = self.delimiter, self.max_field_length

        def clean(text: str) -> str:
            if (
                len(text) <= longest
                and text.isascii()
                and text.isprintable()
                and delimiter not in text
            ):
                return text
            return self._clean(text)[:longest]

        return clean

    def _clean(self, text: str) -> str:
        text = CONTROL.sub(self.control_replacement, text)
        if not text.isascii():
            if _swallows(self.encoding):
                text = _BYTE.sub("?", text)
            text = self._encodable(unicodedata.normalize("NFC", text))
            # what the reader will see: some characters do not come back as they went
            text = self.to_text(text.encode(self.encoding, "surrogateescape"))
            text = CONTROL.sub(self.control_replacement, text)
        return text.replace(self.delimiter, self.delimiter_replacement)

    def lines(self, text: str, longest: int) -> list[str]:
        """A text for a screen or a printer in pieces of `longest` characters, cut between words."""
        text = self._clean(text)
        if len(text) <= longest:
            return [text]
        return textwrap.wrap(text, longest, break_on_hyphens=False) or [""]

    def to_bytes(self, text: str) -> bytes:
        """Encode. Never fails: what the encoding lacks loses its accents, or becomes `?`."""
        try:
            return text.encode(self.encoding, "surrogateescape")
        except UnicodeEncodeError:
            return self._encodable(text).encode(self.encoding, "surrogateescape")

    def to_text(self, data: bytes) -> str:
        """Decode. Never fails: bytes that make no sense survive as lone surrogates."""
        return data.decode(self.encoding, "surrogateescape")

    def _encodable(self, text: str) -> str:
        """What is left of `text` in this encoding: letters without accents, `?` for others."""
        try:
            text.encode(self.encoding, "surrogateescape")
        except UnicodeEncodeError:
            return "".join(map(self._fold, text))
        return text

    def _fold(self, character: str) -> str:
        try:
            character.encode(self.encoding, "surrogateescape")
        except UnicodeEncodeError:
            plain = unicodedata.normalize("NFKD", character)
            plain = "".join(c for c in plain if not unicodedata.combining(c))
            return plain.encode(self.encoding, "replace").decode(self.encoding)
        return character

    def written_due_date(self, due_at: datetime) -> str:
        """AH for a moment by the library's clock."""
        return due_at.strftime(self.due_date)

    def written_entry(self, **words: str) -> str:
        """An entry of AT, AU or BU; words that were not given are left out."""
        return filled(self.entry, words)

    def written_hold_entry(self, **words: str) -> str:
        """An entry of AS or CD; words that were not given are left out."""
        return filled(self.entry if self.hold_entry is None else self.hold_entry, words)

    def written_fee_entry(self, **words: str) -> str:
        """An entry of AV; words that were not given are left out."""
        return filled(self.fee_entry, words)


def filled(template: str, words: Mapping[str, str]) -> str:
    """A template (`{name}, {id}`) with its words; one that is not among them is left out."""
    return PLACEHOLDER.sub(lambda found: words.get(found[1], ""), template).strip()


def keeps_ascii(encoding: str) -> bool:
    """Whether Python knows this encoding, and it writes ASCII as ASCII and nothing else so.

    Encodings that change their state by control characters (ISO 2022) fail, and those in which a
    backslash begins an escape.
    """
    every = "".join(map(chr, range(128))) + r"\u00e9\N"
    try:
        same = every.encode(encoding) == every.encode()
        return (
            same
            and min("é日".encode(encoding, "ignore"), default=32) >= 32
            and every.encode().decode(encoding) == every
        )
    except (LookupError, UnicodeError):
        return False


@lru_cache(maxsize=64)
def _swallows(encoding: str) -> bool:
    """Whether a byte that makes no sense may take the delimiter after it along (Shift JIS)."""
    ends = (bytes([byte]) + b"|" for byte in range(128, 256))
    return not all(end.decode(encoding, "surrogateescape").endswith("|") for end in ends)


PLAIN = Dialect()
_SIP_TIME = "%Y%m%d    %H%M%S"

PRESETS: Mapping[str, Dialect] = MappingProxyType(
    {
        # the standard's own code page
        "standard": replace(PLAIN, encoding="cp850"),
        # OpenNCIP's SIPServer: due dates as times, fees by their item's barcode
        "openncip": replace(PLAIN, due_date=_SIP_TIME, fee_entry="{item_id}"),
        "koha": replace(
            PLAIN,
            terminator="\r\n",
            delimiter_replacement="&#124;",
            fee_entry="{type} {amount} {title}",
        ),
        "evergreen": replace(
            PLAIN,
            encoding="ascii",
            due_date="%Y-%m-%d %H:%M:%S",
            entry="{title}",
            fee_entry="{amount} {type} {title}",
        ),
        # King County's mediator in front of Evergreen
        "kcls": replace(PLAIN, encoding="ascii", delimiter_replacement=""),
        "folio": replace(
            PLAIN,
            encoding="cp850",
            error_detection=ErrorDetection.OFF,
            unknown_messages=UnknownMessages.ASK_AGAIN,
            zone="0000",
            due_date=_SIP_TIME.replace(" ", "0"),
        ),
        "fsip2": replace(PLAIN, fee_entry='{fee_id} {amount} "{type}" {title}'),
        "invenio": replace(PLAIN, unknown_messages=UnknownMessages.CLOSE),
        "palace": replace(PLAIN, encoding="cp850", zone="0000"),
        # terminals that wait for the line feed
        "alexandria": replace(PLAIN, terminator="\r\n"),
        # works with checksums switched off only
        "sirsidynix": replace(PLAIN, error_detection=ErrorDetection.OFF),
    }
)
"""Dialects by name. To alter one: `dataclasses.replace(PRESETS["koha"], encoding="ascii")`."""
