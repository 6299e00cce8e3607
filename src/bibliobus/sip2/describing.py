"""What a line means, for people and for programs. Passwords and PINs are `***` to both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

from bibliobus.sip2 import checking
from bibliobus.sip2.codec import HIDDEN, Message, decode, is_aligned, parted, redacted
from bibliobus.sip2.codes import SummaryType
from bibliobus.sip2.deviations import Deviation, deviations, printable
from bibliobus.sip2.dialect import Dialect
from bibliobus.sip2.errors import SIP2Error
from bibliobus.sip2.fields import SECRET_NAMES, Group, Named
from bibliobus.sip2.framing import bare
from bibliobus.sip2.messages import REQUESTS, RESPONSES
from bibliobus.sip2.values import FeeDetail, Kind, PatronStatus, SupportedMessages

ALL_MESSAGES: Mapping[str, type[Message]] = {**REQUESTS, **RESPONSES}
_CHECKSUM = re.compile("AZ.*", re.DOTALL)
_ANY_SECRET = re.compile(f"({'|'.join(sorted(SECRET_NAMES))}).*", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was read, or why it could not be."""

    message: Message | None
    error: str | None
    sequence: str | None  # the digit in AY
    intact: bool | None  # whether the checksum fits; None: there is none
    warnings: tuple[Deviation, ...]


def read_line(line: bytes, dialect: Dialect) -> Line:
    """Read a request or a response. Never raises."""
    checked = checking.take_apart(bare(line))
    message, error = None, None
    try:
        message = decode(dialect.to_text(checked.body), ALL_MESSAGES, dialect.delimiter)
    except SIP2Error as wrong:
        error = str(wrong)
    return Line(
        message=message,
        error=error,
        sequence=None if checked.sequence is None else checked.sequence.decode("latin-1"),
        intact=checked.intact if checked.detected else None,
        warnings=deviations(line, ALL_MESSAGES, dialect),
    )


def shown(line: bytes, dialect: Dialect) -> str:
    """A line as it came, but for its secrets; control characters are escaped.

    With a secret goes the checksum, which would tell the sum of its characters.
    """
    checked = checking.take_apart(line)
    whole, trailer = dialect.to_text(checked.body), line[len(checked.body) :].decode("latin-1")
    body = _without_secrets(whole, dialect.delimiter)
    if body != whole:
        trailer = _CHECKSUM.sub("AZ****", trailer)
    return printable(body + trailer)


def _without_secrets(body: str, delimiter: str) -> str:
    cls = ALL_MESSAGES.get(body[:2])
    if body[:2] in RESPONSES:
        return body  # which have none
    if cls is None or not is_aligned(body, cls.layout, delimiter):
        pieces = body.split(delimiter)  # nobody knows where its fields begin
        return delimiter.join(_ANY_SECRET.sub(rf"\1{HIDDEN}", each) for each in pieces)
    length, longest = cls.layout.length, cls.layout.longest
    message = decode(body, REQUESTS, delimiter)
    pieces = body[length:].split(delimiter)
    parts = (map(_hidden, parted(piece, longest)) for piece in pieces)
    hidden = ("".join(redacted(message, part) for part in each) for each in parts)
    return redacted(message, body[:length]) + delimiter.join(hidden)


def _hidden(part: str) -> str:
    return part[:2] + HIDDEN if part[:2].upper() in SECRET_NAMES else part


# ------------------------------------------------ for people


def described(line: Line) -> list[str]:
    """A line of text for each field, under one with the message's name."""
    return list(map(printable, _described(line)))


def _described(line: Line) -> Iterator[str]:
    message = line.message
    if message is None:
        yield f"unreadable: {line.error}"
    else:
        yield f"{message.code} {message.layout.title}: {' '.join(message.layout.words.split())}"
        for where, name, text, meaning in _fields(message):
            yield f"  {where:>5}  {name:26} {text:20} {meaning}".rstrip()
    if line.sequence is not None:
        yield f"  {'AY':>5}  {'sequence number':26} {line.sequence}"
    if line.intact is not None:
        yield f"  {'AZ':>5}  {'checksum':26} {'right' if line.intact else 'wrong'}"
    for warning in line.warnings:
        yield f"  {'note' if warning.rule.note else 'wrong':>5}  {warning}"


def _fields(message: Message) -> Iterator[tuple[str, str, str, str]]:
    """Where each field stands, its name, its text, and what that means."""
    for name, at, kind, text in _fixed_part(message):
        meaning = _meaning(getattr(message, name), text, kind.names)
        yield f"{at}:{at + kind.width}", name, text, meaning
    for name, each in message.layout.named:
        value = getattr(message, name)
        if isinstance(each, Group):
            for record in value:
                for member, one in zip(each.members, record, strict=True):
                    if one is not None:
                        yield member.name, name, member.kind.encode(one), ""
        elif value is not None:
            for one in value if each.repeats else (value,):
                text = _visible(message, each.name, each.kind.encode(one))
                yield each.name, name, text, _meaning(one, text, each.kind.names)
    for tag, text in message.extra:
        yield tag, "", _visible(message, tag, text), "not a field of this message"


def _visible(message: Message, name: str, text: str) -> str:
    return redacted(message, _hidden(name + text)[2:])


def _fixed_part(message: Message) -> Iterator[tuple[str, int, Kind[Any], str]]:
    """Each fixed-length field: its name, where it begins, its kind and its text.

    If the name of a secret stands among them, the line is not as it should be, and what is not of
    its field's form may be the secret.
    """
    texts = {
        name: place.kind.encode(getattr(message, name)) for name, place in message.layout.fixed
    }
    suspicious = _ANY_SECRET.search("".join(texts.values())) is not None
    for name, place, at in message.layout.places():
        text = texts[name]
        hidden = suspicious and not place.kind.allows(text)
        yield name, at, place.kind, HIDDEN if hidden else text


def _meaning(value: object, text: str, names: Mapping[str, str]) -> str:
    if isinstance(value, PatronStatus | SupportedMessages):
        return ", ".join(_set_flags(value)).replace("_", " ")
    if isinstance(value, datetime):
        zone = "the library's time" if value.tzinfo is None else f"{value:%Z}"
        return f"{value:%Y-%m-%d %H:%M:%S}, {zone}"
    if isinstance(value, SummaryType):
        return value.name.lower().replace("_", " ")
    return names.get(text, "")


def _set_flags(flags: PatronStatus | SupportedMessages) -> list[str]:
    return [name for name, flag in flags._asdict().items() if flag]


# ------------------------------------------------ for programs


def as_object(line: Line) -> dict[str, object]:
    """The same as an object of JSON: times in ISO 8601, amounts as text, lists of flags set."""
    message = line.message
    found: dict[str, object] = {"code": None, "name": None, "fields": {}, "extra": []}
    if message is not None:
        found = {
            "code": message.code,
            "name": message.layout.title,
            "fields": dict(_values(message)),
            "extra": [[tag, _visible(message, tag, text)] for tag, text in message.extra],
        }
    return found | {
        "sequence": line.sequence,
        "checksum": {None: None, True: "right", False: "wrong"}[line.intact],
        "error": line.error,
        "warnings": [deviation_object(warning) for warning in line.warnings],
    }


def deviation_object(deviation: Deviation) -> dict[str, object]:
    """A deviation as an object of JSON."""
    rule = deviation.rule
    return {"rule": rule.code, "said": deviation.said, "source": rule.source, "note": rule.note}


def _values(message: Message) -> Iterator[tuple[str, object]]:
    layout = message.layout
    for name, _, _, text in _fixed_part(message):
        yield name, HIDDEN if text == HIDDEN else plain(getattr(message, name))
    for name, each in layout.named:
        value = getattr(message, name)
        if value is not None and value != ():
            if isinstance(each, Named) and isinstance(value, str):
                value = _visible(message, each.name, value)
            yield name, plain(value)


def plain(value: object) -> object:
    """A field's value in what JSON has."""
    match value:
        case PatronStatus() | SupportedMessages():
            return _set_flags(value)
        case FeeDetail():
            return {k: plain(v) for k, v in value._asdict().items() if v is not None}
        case tuple():
            return [plain(each) for each in value]
        case SummaryType():
            return value.name.lower()
        case IntEnum():
            return int(value)
        case Enum():
            return value.value
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return str(value)
        case _:
            return value
