"""From a message class to its layout, and by its layout between objects and text.

A class in `messages` is all there is to say of a message. `@message` makes it a dataclass, reads
its fields' annotations once into a `Layout`, and writes two functions of it in Python, as
dataclasses themselves do: one that reads the message and one that writes it. (Loops over the
layout did the same in twice the time.)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_args, get_type_hints

from bibliobus.sip2.errors import MessageTooShort, UnknownMessage
from bibliobus.sip2.fields import Fixed, Named, Unnamed
from bibliobus.sip2.values import TEXT

DELIMITER = "|"

M = TypeVar("M", bound="Message")
Extra = tuple[tuple[str, str], ...]

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Layout:
    """A message's fields, in wire order."""

    fixed: tuple[tuple[str, Fixed], ...]
    named: tuple[tuple[str, Named], ...]
    optional: frozenset[str]  # named fields that a sender may leave out
    length: int  # of the fixed part, the two-digit code included
    repeats: Mapping[str, bool]  # by the two characters on the wire

    @classmethod
    def of(cls, message: type[Message]) -> Layout:
        """Read a message class."""
        hints = get_type_hints(message, include_extras=True)
        places = {name: place for name in hints if (place := _place(hints[name])) is not None}
        fixed = tuple((n, p) for n, p in places.items() if isinstance(p, Fixed))
        named = tuple((n, p) for n, p in places.items() if isinstance(p, Named))
        return cls(
            fixed=fixed,
            named=named,
            optional=frozenset(name for name, _ in named if hasattr(message, name)),
            length=2 + sum(place.width for _, place in fixed),
            repeats={field.name: field.repeats for _, field in named},
        )


def _place(hint: object) -> Fixed | Named | Unnamed | None:
    """The `Fixed` or `Named` inside `Annotated[…]`, which may stand inside `… | None`."""
    for part in get_args(hint):
        if isinstance(part, Fixed | Named | Unnamed):
            return part
        if (place := _place(part)) is not None:
            return place
    return None


class Message:
    """What every message has: its two-digit code, its layout, and fields it did not expect."""

    __slots__ = ()
    code: ClassVar[str]
    layout: ClassVar[Layout]
    extra: Extra
    _make: ClassVar[Callable[[str, Mapping[str, Any], Extra], Message]]
    _text: ClassVar[Callable[[Message, str], str]]

    def without_secrets(self: M) -> M:
        """The same message without the passwords and PINs that a sender may leave out."""
        secret = {n: None for n, f in self.layout.named if f.secret and n in self.layout.optional}
        return replace(self, **secret)  # type: ignore[type-var] # `message` made it a dataclass

    def __repr__(self) -> str:
        """The message with its fields; passwords and PINs as `***`."""
        layout = self.layout
        secret = {name for name, place in layout.named if place.secret}
        shown = (
            f"{name}={'***' if name in secret else repr(value)}"
            for name, _ in layout.fixed + layout.named
            if (value := getattr(self, name)) is not None and value != ()
        )
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def message(code: str) -> Callable[[type[M]], type[M]]:
    """Declare a message: a dataclass with keyword arguments, not to be changed, and its layout."""

    def declare(cls: type[M]) -> type[M]:
        layout = Layout.of(cls)  # before dataclass() takes the defaults off the class
        # Frozen to the type checker only: at run time that would make a 64 of 29 fields, which is
        # made in 2 µs, take 12.
        made = dataclass(slots=True, kw_only=True, repr=False)(cls)
        made.code, made.layout = code, layout
        made._make = staticmethod(_compiled_make(made))
        made._text = _compiled_text(made)
        return made

    return declare


def _compiled_make(cls: type[Message]) -> Callable[[str, Mapping[str, Any], Extra], Message]:
    """A function that makes a message of its text's fixed part and its named fields' texts."""
    scope: dict[str, Any] = {"cls": cls}
    arguments = []
    at = 2
    for name, place in cls.layout.fixed:
        scope[f"decode_{name}"] = place.kind.decode
        arguments.append(f"{name}=decode_{name}(body[{at}:{at + place.width}])")
        at += place.width
    for name, field in cls.layout.named:
        scope[f"decode_{name}"] = field.kind.decode
        missing = None if name in cls.layout.optional else ""
        value = f"found.get({field.name!r}, {missing!r})"
        if field.repeats:
            value = f"tuple(map(decode_{name}, found.get({field.name!r}, ())))"
        elif missing == "":
            value = f"decode_{name}({value})"
        elif field.kind is not TEXT:
            value = f"None if (text := {value}) is None else decode_{name}(text)"
        arguments.append(f"{name}={value}")
    source = f"lambda body, found, extra: cls({', '.join([*arguments, 'extra=extra'])})"
    return eval(source, scope)  # type: ignore[no-any-return] # noqa: S307 - names of our own


def _compiled_text(cls: type[Message]) -> Callable[[Message, str], str]:
    """A function that writes a message."""
    scope: dict[str, Any] = {"scrub": scrub}
    fixed = "".join(f"{{encode_{name}(self.{name})}}" for name, _ in cls.layout.fixed)
    lines = ["def text(self, delimiter):", f"    written = f'{cls.code}{fixed}'"]
    for name, place in cls.layout.fixed:
        scope[f"encode_{name}"] = place.kind.encode
    for name, field in cls.layout.named:
        scope[f"encode_{name}"] = field.kind.encode
        each, value = f"for value in self.{name}:", f"encode_{name}(value)"
        if not field.repeats:
            each = f"if (value := self.{name}) is not None:"
        if field.kind.free:
            value = "scrub(value, delimiter)"
        lines.append(f"    {each} written += f'{field.name}{{{value}}}{{delimiter}}'")
    lines.append("    for name, value in self.extra:")
    lines.append("        written += scrub(name + value, delimiter) + delimiter")
    lines.append("    return written")
    exec("\n".join(lines), scope)  # noqa: S102 - names of our own
    return scope["text"]  # type: ignore[no-any-return]


def decode(body: str, messages: Mapping[str, type[Message]], delimiter: str = DELIMITER) -> Message:
    """Read one message, without its terminator, sequence number and checksum.

    Named fields may come in any order. A field that this message does not have, or has already
    had, goes to `extra`, in order; pieces shorter than a name are dropped (spec/sip2 1.4).

    Args:
        body: The message from its two-digit code on.
        messages: What may come, by code: `messages.REQUESTS` or `messages.RESPONSES`.
        delimiter: What ends a named field.

    Raises:
        UnknownMessage: No such code.
        MessageTooShort: It ends inside its fixed-length part.
    """
    cls = messages.get(body[:2])
    if cls is None:
        raise UnknownMessage(body[:2])
    layout = cls.layout
    if len(body) < layout.length:
        raise MessageTooShort(cls.code, len(body), layout.length)
    found, extra = _sorted_out(body[layout.length :].split(delimiter), layout.repeats)
    return cls._make(body, found, extra)


def _sorted_out(
    pieces: Sequence[str], repeats: Mapping[str, bool]
) -> tuple[Mapping[str, str | list[str]], Extra]:
    """The texts of the fields that a message has, by name, and all others in order."""
    found: dict[str, Any] = {}
    extra: list[tuple[str, str]] = []
    for piece in pieces:
        name = piece[:2]
        repeated = repeats.get(name)
        if repeated is None and name[:1] == " ":  # blanks after a delimiter
            piece = piece.lstrip(" ")
            name = piece[:2]
            repeated = repeats.get(name)
        if repeated is False and name not in found:
            found[name] = piece[2:]
        elif repeated:
            found.setdefault(name, []).append(piece[2:])
        elif len(name) == 2:
            extra.append((name, piece[2:]))
    return found, tuple(extra)


def encode(message: Message, delimiter: str = DELIMITER) -> str:
    """Write one message, without its terminator, sequence number and checksum.

    Named fields that are None are left out. In values, control characters and the delimiter
    become spaces: neither can ever end a field or a message early (spec/sip2 1.4).
    """
    return message._text(delimiter)


def scrub(text: str, delimiter: str = DELIMITER) -> str:
    """`text` composed (NFC), with spaces for whatever would end a field or a message."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if text.isprintable() and delimiter not in text:
        return text
    return _CONTROL.sub(" ", text).replace(delimiter, " ")
