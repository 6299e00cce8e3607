"""Where a line is not as the standard has it.

All that reading forgives is told here, each with its rule; so a terminal's log, `sip lint` and
`sip decode` say the same. Nothing here is needed to read a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from bibliobus.sip2 import checking
from bibliobus.sip2.codec import Layout, Message, aligned, decode, is_aligned, parted
from bibliobus.sip2.dialect import CONTROL, FIELD_NAME, MAX_FIELD_LENGTH, PLAIN, Dialect
from bibliobus.sip2.fields import SECRET_NAMES, Group, Named
from bibliobus.sip2.framing import bare
from bibliobus.sip2.messages import (
    ACSStatus,
    CheckoutResponse,
    Hold,
    Renew,
    RenewAllResponse,
    RenewResponse,
)
from bibliobus.sip2.values import Kind

_SECRET = re.compile("|".join(SECRET_NAMES), re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER_ALONE = re.compile("AY.[^0-9A-Za-z]?(?:AZ.{0,6})?", re.DOTALL)


class Rule(Enum):
    """What the standard asks: in a sentence, and in which of its sections.

    A note (the third member) is what the standard allows and somebody may trip over.
    """

    STRAY_BYTES = "Nothing stands before or after a message", "Packet Format"
    CONTROL_CHARACTER = "A message has no control characters", "Nulls"
    ENCODING = "All bytes are of the agreed character set", "Variable-length fields"
    UNKNOWN_MESSAGE = "A message begins with a code of the standard", "Commands"
    FIXED_LENGTH = "Fixed-length fields have their widths", "Fixed-length fields"
    VALUE = "A value has its field's form", "Fields"
    TIME = "A time is YYYYMMDDZZZZHHMMSS", "Fields"
    FIELD_LENGTH = "A value has 255 characters at most", "Variable-length fields"
    NO_DELIMITER = "Each named field ends with the delimiter", "Variable-length fields"
    EMPTY_FIELD = "The delimiter ends a field and stands nowhere else", "Variable-length fields"
    FIELD_NAME = "A field has a name of two capitals or digits", "Variable-length fields"
    MISSING_FIELD = "A required field is sent, if need be empty", "Fields"
    REPEATED_FIELD = "A field comes once, unless it may repeat", "Fields"
    FOREIGN_FIELD = "A field that the message does not have is passed over", "Fields", True
    CHECKSUM = "The checksum is that of the bytes sent", "Checksum"
    CHECKSUM_FORM = "A checksum has four capital hexadecimal digits", "Checksum"
    SEQUENCE_NUMBER = "A checksum comes with one digit of a sequence number", "Sequence Number"
    TRAILER_DELIMITER = "Sequence number and checksum end without delimiter", "Checksum"
    CONTRADICTION = "A message's fields agree with each other", "Fields"

    # of a dialogue
    TERMINATOR = "A message ends with a carriage return alone", "Message Terminator"
    ANSWER = "Each request gets its one answer", "Standalone Messages"
    UNKNOWN_IGNORED = "A message of an unknown code gets no answer", "Commands", True
    UNASKED = "The library's system never speaks first", "Standalone Messages"
    DETECTION_ANSWERED = "An answer has error detection if the request had", "Error Handling"
    DETECTION_KEPT = "A terminal keeps to error detection, but for its login", "Error Handling"
    NUMBER_ANSWERED = "An answer has its request's sequence number", "Sequence Number"
    NUMBER_ORDER = "Numbers go up by one, and after 9 comes 0", "Sequence Number", True
    DAMAGED_ANSWERED = "A damaged request is answered with 96", "Request SC Resend"
    NEEDLESS_RESEND = "An intact request is not asked for again", "Request SC Resend"
    RESENT = "After 96 the terminal sends the same bytes again", "Request SC Resend"
    RESEND = "97 gets the last answer again, byte for byte", "Request ACS Resend"
    RESEND_OF_NOTHING = "97 before any answer gets 96", "Request ACS Resend"
    REPEAT = "A repeated request gets its first answer and is done once", "Sequence Number"
    ECHO = "An answer names the request's patron and item", "Fields", True
    VERSION = "A terminal of 1.00 is answered in 1.00", "SC Status"
    PRINT_WIDTH = "Print lines keep to the width that the terminal gave", "SC Status"
    LOGIN_FIRST = "A login comes before anything else, if there is one", "Login", True
    NO_STATUS = "A terminal asks for the status before it works", "SC Status", True

    def __init__(self, words: str, section: str, note: bool = False) -> None:
        self.words, self.section, self.note = words, section, note

    @property
    def code(self) -> str:
        """How logs and programs name it."""
        return self.name.lower().replace("_", "-")

    @property
    def source(self) -> str:
        """Where the standard says so."""
        return f'SIP2 2.00, "{self.section}"'


@dataclass(frozen=True, slots=True)
class Deviation:
    """One place where a line, or a dialogue, is not as the standard has it."""

    rule: Rule
    said: str  # what is wrong and where, in plain words; no secret is in it

    def __str__(self) -> str:
        """In a sentence, with the rule's name; whatever a terminal sent is escaped."""
        return printable(f"{self.said} ({self.rule.code}; {self.rule.source})")


def printable(text: str) -> str:
    """`text` with escapes for what might do something to the screen or log that shows it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def deviations(
    line: bytes, messages: Mapping[str, type[Message]], dialect: Dialect = PLAIN
) -> tuple[Deviation, ...]:
    """What a line has that the standard has otherwise. Linear in its length; never raises.

    Args:
        line: As it came, without its terminator.
        messages: What may come, by code: `messages.REQUESTS` or `messages.RESPONSES`.
        dialect: The delimiter and encoding agreed with whoever sent it.
    """
    return tuple(_of_line(line, messages, dialect))


def _of_line(
    line: bytes, messages: Mapping[str, type[Message]], dialect: Dialect
) -> Iterator[Deviation]:
    if (stripped := bare(line)) != line:
        yield Deviation(Rule.STRAY_BYTES, "blanks or control characters stand around the message")
    checked = checking.take_apart(stripped)
    yield from _of_trailer(stripped, checked)
    body = dialect.to_text(checked.body)
    if _SURROGATE.search(body):
        yield Deviation(Rule.ENCODING, f"some bytes are no {dialect.encoding}")
    if found := CONTROL.search(body):
        yield Deviation(
            Rule.CONTROL_CHARACTER, f"character {found.start()} is {ord(found[0]):#04x}"
        )
    cls = messages.get(body[:2])
    if cls is None:
        yield Deviation(Rule.UNKNOWN_MESSAGE, f"there is no message {body[:2]!r}")
        return
    yield from _of_body(cls, body, dialect.delimiter)


def _of_trailer(line: bytes, checked: checking.Checked) -> Iterator[Deviation]:
    if not checked.detected:
        return
    trailer = line[len(checked.body) :].decode("latin-1")
    number, _, digits = trailer.rpartition("AZ")
    if not trailer[-1].isalnum() or len(number) > 3:
        yield Deviation(Rule.TRAILER_DELIMITER, "a delimiter stands after AY or AZ")
        digits = digits if digits[-1].isalnum() else digits[:-1]
    if len(digits) != 4 or digits != digits.upper():
        yield Deviation(Rule.CHECKSUM_FORM, f"the checksum is written {digits}")
    if not checked.intact:
        yield Deviation(Rule.CHECKSUM, _about_checksum(line, digits))
    alone = line[:2] in (b"96", b"97")
    if alone and number:
        yield Deviation(Rule.SEQUENCE_NUMBER, "96 and 97 have a checksum without a number")
    elif not alone and not number[2:3].isdigit():
        yield Deviation(Rule.SEQUENCE_NUMBER, "no digit stands between AY and AZ")


def _about_checksum(line: bytes, digits: str) -> str:
    """Which checksum would be right, and how the one that is there may have come about."""
    data = line[: line.rindex(b"AZ") + 2]
    said = f"the checksum is {digits} and ought to be {checking.checksum(data).decode()}"
    text = data.decode("utf-8", "replace")
    mistakes = {
        "over characters, before they were encoded": sum(map(ord, text)),
        "without AZ": sum(data[:-2]),
        "with the carriage return": sum(data) + 13,
        "over the text in code page 850": sum(text.encode("cp850", "replace")),
        "over the text in Latin-1": sum(text.encode("latin-1", "replace")),
    }
    for mistake, total in mistakes.items():
        if (total + int(digits, 16)) & 0xFFFF == 0:
            return f"{said}; it was added up {mistake}"
    return said


def _of_body(cls: type[Message], body: str, delimiter: str) -> Iterator[Deviation]:
    layout = cls.layout
    straight = body if is_aligned(body, layout, delimiter) else aligned(body, layout)
    if len(straight) < len(body):
        yield Deviation(
            Rule.FIXED_LENGTH, f"three digits stand before the time; {cls.code} has no language"
        )
    elif len(straight) > len(body):
        yield Deviation(Rule.FIXED_LENGTH, "a time was left out, where at least blanks must stand")
    if len(straight) < layout.length:
        yield Deviation(
            Rule.FIXED_LENGTH,
            f"it ends after {len(body)} characters, {cls.code} has {layout.length} at least",
        )
        return
    # a secret whose name stands here has its value in the next fields
    suspicious = _SECRET.search(straight[2 : layout.length + 2]) is not None
    for name, place, at in layout.places():
        text = straight[at : at + place.kind.width]
        where = f"{name} ({at}:{at + place.kind.width})"
        yield from _of_value(where, place.kind, text, "***" if suspicious else _quoted(text))
    pieces = straight[layout.length :].split(delimiter)
    yield from _of_named(cls, pieces, delimiter)
    message = decode(straight, {cls.code: cls}, delimiter)
    yield from _of_presence(message, {piece.lstrip(" ")[:2] for piece in pieces})
    yield from _of_sense(message)


def _of_named(cls: type[Message], pieces: list[str], delimiter: str) -> Iterator[Deviation]:
    layout = cls.layout
    kinds = {member.name: member for _, each in layout.named for member in _members(each)}
    *ended, last = pieces
    if "" in ended:
        yield Deviation(Rule.EMPTY_FIELD, f"a {delimiter} stands where no field ends")
    if _NUMBER_ALONE.fullmatch(last):
        yield Deviation(Rule.SEQUENCE_NUMBER, "a sequence number stands without a fitting checksum")
    elif last:
        yield Deviation(Rule.NO_DELIMITER, f"{last[:2]} is not ended by {delimiter}")
    seen: set[str] = set()
    for piece in filter(None, pieces):
        parts = list(parted(piece, layout.longest))
        if len(parts) > 1:
            yield Deviation(Rule.NO_DELIMITER, f"{parts[0][:2]} is not ended by {delimiter}")
        if piece[0] == " " and parts[0] != piece:
            yield Deviation(Rule.FIELD_NAME, f"blanks stand before {parts[0][:2]}")
        for part in parts:
            yield from _of_field(cls, part, kinds, seen)


def _of_presence(message: Message, names: set[str]) -> Iterator[Deviation]:
    required = _required(message.layout)
    if isinstance(message, ACSStatus) and message.protocol_version.startswith("1"):
        required &= message.layout.version_1 or required
    for name in sorted(required - names):
        yield Deviation(Rule.MISSING_FIELD, f"{message.code} has no {name}")


def _required(layout: Layout) -> frozenset[str]:
    named = (each for name, each in layout.named if name not in layout.optional)
    return layout.forgiven.union(each.name for each in named if isinstance(each, Named))


def _members(each: Named | Group) -> tuple[Named, ...]:
    return each.members if isinstance(each, Group) else (each,)


def _of_field(
    cls: type[Message], part: str, kinds: Mapping[str, Named], seen: set[str]
) -> Iterator[Deviation]:
    name, text = part[:2], part[2:]
    if len(text) > MAX_FIELD_LENGTH:
        yield Deviation(Rule.FIELD_LENGTH, f"{name} has {len(text)} characters")
    if not FIELD_NAME.fullmatch(name):
        yield Deviation(Rule.FIELD_NAME, f"{name!r} is no field's name")
        return
    named = kinds.get(name)
    if named is None:
        if not _NUMBER_ALONE.fullmatch(part):
            yield Deviation(Rule.FOREIGN_FIELD, f"{cls.code} has no field {name}")
        return
    if name in seen and cls.layout.longest[name]:
        yield Deviation(Rule.REPEATED_FIELD, f"{name} comes again; the first one counts")
    seen.add(name)
    if not named.kind.free or named.kind.width:
        yield from _of_value(name, named.kind, text, _quoted(text))


def _of_value(where: str, kind: Kind[object], text: str, quoted: str) -> Iterator[Deviation]:
    if kind.is_time:
        if (problem := _about_time(kind, text, quoted)) is not None:
            yield Deviation(Rule.TIME, f"{where} {problem}")
    elif not kind.allows(text):
        yield Deviation(Rule.VALUE, f"{where} is {quoted}, not {kind.plainly}")


def _about_time(kind: Kind[object], text: str, quoted: str) -> str | None:
    if kind.allows(text):
        known = kind.decode(text) is not None or not text.strip(" 0")
        return None if known else f"is {quoted}, which is not on the calendar"
    if not text.strip():
        return "is blank"
    if text[8:12] == "0000" and kind.decode(text) is not None:
        return "has 0000 where the time zone stands: four blanks mean local time"
    return f"is {quoted}, not YYYYMMDDZZZZHHMMSS"


def _quoted(text: str) -> str:
    """The beginning of a value that has a form of its own, and so no secret but by mistake."""
    return repr(_SECRET.split(text[:40])[0])


def _of_sense(message: Message) -> Iterator[Deviation]:
    """What no single field shows."""
    match message:
        case CheckoutResponse() | RenewResponse() if message.due_date and not message.ok:
            yield Deviation(Rule.CONTRADICTION, "it refuses, but AH has a due date")
        case Hold() | Renew() if not message.item_id and not message.title_id:
            yield Deviation(Rule.MISSING_FIELD, f"{message.code} needs AB or AJ")
        case RenewAllResponse():
            listed = len(message.renewed_items), len(message.unrenewed_items)
            counted = message.renewed_count, message.unrenewed_count
            if any(listed) and listed != counted:
                yield Deviation(
                    Rule.CONTRADICTION, f"BM and BN come {listed} times, and {counted} are counted"
                )
        case _:
            pass
