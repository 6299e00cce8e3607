"""From a message class to its layout, and by its layout from text to objects.

A class in `messages` is all there is to say of a message. `@message` makes it a dataclass, reads
its fields' annotations once into a `Layout`, and writes a function of it in Python, as dataclasses
themselves do, that makes the message of its texts. (A loop over the layout did the same in twice
the time.) `writing` goes the other way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import cleandoc
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_args, get_type_hints

from bibliobus.sip2.dialect import DELIMITER
from bibliobus.sip2.errors import MessageTooShort, UnknownMessage
from bibliobus.sip2.fields import SECRET_NAMES, Fixed, Group, Named, Unnamed
from bibliobus.sip2.values import TEXT, looks_like_a_time

M = TypeVar("M", bound="Message")
Extra = tuple[tuple[str, str], ...]

_REPEATS = 0  # no piece is as short, so each goes the way of the repeated
HIDDEN = "***"
_ANY_LENGTH = sys.maxsize


@dataclass(frozen=True, slots=True)
class Layout:
    """A message's fields, in wire order."""

    title: str  # of the message, in the standard
    words: str  # what it is for, in a sentence or two of ours
    fixed: tuple[tuple[str, Fixed], ...]
    named: tuple[tuple[str, Named | Group], ...]
    optional: frozenset[str]  # attributes of named fields that a sender may leave out
    forgiven: frozenset[str]  # names of those among them that the standard requires
    version_1: frozenset[str] | None  # names of fields in SIP 1.00; None: it is not that old
    length: int = field(init=False)  # of the fixed part, the two-digit code included
    longest: Mapping[str, int] = field(init=False)  # a piece by its two characters; see `_REPEATS`
    groups: Mapping[str, str] = field(init=False)  # a member's two characters to the first one's

    def __post_init__(self) -> None:
        """Work out what reading looks up."""
        longest = {each.name: _longest(each) for _, each in self.named if isinstance(each, Named)}
        groups = {
            member.name: each.members[0].name
            for _, each in self.named
            if isinstance(each, Group)
            for member in each.members
        }
        put = object.__setattr__
        put(self, "length", 2 + sum(place.kind.width for _, place in self.fixed))
        put(self, "longest", longest | dict.fromkeys(groups, _REPEATS))
        put(self, "groups", groups)

    def places(self) -> Iterator[tuple[str, Fixed, int]]:
        """The fixed-length fields, with where they begin."""
        at = 2
        for name, place in self.fixed:
            yield name, place, at
            at += place.kind.width


def _longest(named: Named) -> int:
    if named.repeats:
        return _REPEATS
    return 2 + named.kind.width if named.kind.width else _ANY_LENGTH


def _layout(cls: type[Message], title: str, forgiven: str, version_1: str | None) -> Layout:
    hints = get_type_hints(cls, include_extras=True)
    places = {name: place for name in hints if (place := _place(hints[name])) is not None}
    named = tuple((n, p) for n, p in places.items() if isinstance(p, Named | Group))
    return Layout(
        title=title,
        words=cleandoc(cls.__doc__ or ""),
        fixed=tuple((n, p) for n, p in places.items() if isinstance(p, Fixed)),
        named=named,
        optional=frozenset(name for name, _ in named if hasattr(cls, name)),
        forgiven=frozenset(forgiven.split()),
        version_1=None if version_1 is None else frozenset(version_1.split()),
    )


def _place(hint: object) -> Fixed | Named | Group | Unnamed | None:
    """What stands inside `Annotated[…]`, which may stand inside `… | None`."""
    for part in get_args(hint):
        if isinstance(part, Fixed | Named | Group | Unnamed):
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

    def without_secrets(self: M) -> M:
        """The same message without the passwords and PINs that a sender may leave out."""
        changes: dict[str, Any] = dict.fromkeys(secrets(self.layout) & self.layout.optional)
        changes["extra"] = tuple(e for e in self.extra if e[0].upper() not in SECRET_NAMES)
        return replace(self, **changes)  # type: ignore[type-var] # `message` made it a dataclass

    def __repr__(self) -> str:
        """The message with its fields; passwords and PINs as `***`."""
        layout, hidden = self.layout, secrets(self.layout)
        shown = (
            f"{name}={HIDDEN if name in hidden else redacted(self, repr(value))}"
            for name, _ in layout.fixed + layout.named
            if (value := getattr(self, name)) is not None and value != ()
        )
        return f"{type(self).__name__}({', '.join(shown)})"


def secrets(layout: Layout) -> frozenset[str]:
    """The attributes that nobody may see."""
    return frozenset(n for n, each in layout.named if isinstance(each, Named) and each.secret)


def redacted(message: Message, text: str) -> str:
    """A value without what may be a secret that ran into it.

    If a message has no password where it could have one, and the password's name stands in
    another value, then its delimiter was forgotten, or is another one than was agreed.
    """
    layout = message.layout
    missing = [
        each.name
        for name, each in layout.named
        if isinstance(each, Named) and each.secret and not getattr(message, name)
    ]
    at = min((at for name in missing if (at := text.find(name)) >= 0), default=None)
    return text if at is None else text[: at + 2] + HIDDEN


@dataclass_transform(frozen_default=True, kw_only_default=True)
def message(
    code: str, title: str, *, forgiven: str = "", version_1: str | None = None
) -> Callable[[type[M]], type[M]]:
    """Declare a message: a dataclass with keyword arguments, not to be changed, and its layout.

    Args:
        code: Its first two characters.
        title: What the standard calls it.
        forgiven: The named fields that the standard requires and terminals leave out.
        version_1: The named fields it has in SIP 1.00; None if it came with 2.00.
    """

    def declare(cls: type[M]) -> type[M]:
        # before dataclass() takes the defaults off the class
        layout = _layout(cls, title, forgiven, version_1)
        # Frozen to the type checker only: at run time that would make a 64 of 29 fields, which is
        # made in 2 µs, take 12.
        made = dataclass(slots=True, kw_only=True, repr=False)(cls)
        made.code, made.layout = code, layout
        made._make = staticmethod(_compiled_make(made))
        made.__doc__ = _documented(made)
        return made

    return declare


def _documented(cls: type[Message]) -> str:
    """The class's own words, then where each field stands and what it holds."""
    lines = [cls.layout.words, ""]
    for name, place, at in cls.layout.places():
        lines.append(f"{at}:{at + place.kind.width} {name}: {place.kind.says}")
    for name, each in cls.layout.named:
        if isinstance(each, Group):
            lines.append(f"{' '.join(m.name for m in each.members)} {name}, again and again")
        else:
            lines.append(f"{each.name} {name}: {each.kind.says}")
    return "\n".join([*lines, "", f'Source: SIP2 2.00, "{cls.layout.title}".'])


def _compiled_make(cls: type[Message]) -> Callable[[str, Mapping[str, Any], Extra], Message]:
    """A function that makes a message of its text's fixed part and its named fields' texts.

    It sets the attributes itself: by keywords to `__init__`, a request is read in 12 µs, not 10.
    """
    scope: dict[str, Any] = {"cls": cls, "new": cls.__new__}
    lines = ["def make(body, found, extra):", "    self = new(cls)"]
    for name, place, at in cls.layout.places():
        scope[f"decode_{name}"] = place.kind.decode
        lines.append(f"    self.{name} = decode_{name}(body[{at}:{at + place.kind.width}])")
    for name, each in cls.layout.named:
        if isinstance(each, Group):
            scope[f"decode_{name}"] = _group_reader(each)
            value = f"decode_{name}(found.get({each.members[0].name!r}, ()))"
        else:
            scope[f"decode_{name}"] = each.kind.decode
            missing = None if name in cls.layout.optional else ""
            value = f"found.get({each.name!r}, {missing!r})"
            if each.repeats:
                value = f"tuple([decode_{name}(p[2:]) for p in found.get({each.name!r}, ())])"
            elif missing == "":
                value = f"decode_{name}({value})"
            elif each.kind is not TEXT:
                value = f"None if (text := {value}) is None else decode_{name}(text)"
        lines.append(f"    self.{name} = {value}")
    lines += ["    self.extra = extra", "    return self"]
    exec("\n".join(lines), scope)  # noqa: S102 - names of our own
    return scope["make"]  # type: ignore[no-any-return]


def _group_reader(group: Group) -> Callable[[Sequence[str]], tuple[Any, ...]]:
    """A function that makes records of the members as they came: each name once in a record."""
    order = {member.name: at for at, member in enumerate(group.members)}

    def read(pieces: Sequence[str]) -> tuple[Any, ...]:
        records: list[list[Any]] = []
        seen: set[str] = set(order)  # as if one were full
        for piece in pieces:
            name = piece[:2]
            if name in seen:
                records.append([None] * len(order))
                seen = set()
            seen.add(name)
            at = order[name]
            records[-1][at] = group.members[at].kind.decode(piece[2:])
        return tuple([group.record(*values) for values in records])

    return read


def decode(body: str, messages: Mapping[str, type[Message]], delimiter: str = DELIMITER) -> Message:
    """Read one message, without its terminator, sequence number and checksum.

    Named fields may come in any order. A field that this message does not have, or has already
    had, goes to `extra`, in order; pieces shorter than a name are dropped (spec/sip2 1.4). What
    else is forgiven, `deviations` tells.

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
    length = layout.length
    if not is_aligned(body, layout, delimiter):
        body = aligned(body, layout)
        if len(body) < length:
            raise MessageTooShort(cls.code, len(body), length)
    found, extra = _sorted_out(body[length:].split(delimiter), layout)
    return cls._make(body, found, extra)


def is_aligned(body: str, layout: Layout, delimiter: str) -> bool:
    """Whether a named field stands right behind the fixed-length part, and none inside it."""
    length = layout.length
    return body[length : length + 2] in layout.longest and delimiter not in body[:length]


def aligned(body: str, layout: Layout) -> str:
    """`body` with the widths of its fixed-length part put right, where that can be told.

    Blanks are put in for a time that was left out, so that a named field stands in its place; a
    language code before the first time of a message that has none is taken out.
    """
    for _, place, at in layout.places():
        if not place.kind.is_time or looks_like_a_time(body[at : at + 18]):
            continue
        if body[at : at + 2] in layout.longest:
            body = body[:at] + " " * 18 + body[at:]
        elif at == 2 and body[2:5].isdigit() and looks_like_a_time(body[5:23]):
            body = body[:2] + body[5:]
    return body


def _sorted_out(
    pieces: Sequence[str], layout: Layout
) -> tuple[Mapping[str, str | list[str]], Extra]:
    """The texts of the fields that a message has, by name, and all others in order.

    Of a repeated one, and of a group's members by the first of them, all pieces with their names.
    """
    found: dict[str, Any] = {}
    extra: list[tuple[str, str]] = []
    longest = layout.longest
    for piece in pieces:
        name = piece[:2]
        most = longest.get(name)
        if most is not None and len(piece) <= most and name not in found:
            found[name] = piece[2:]
            continue
        if not piece:
            continue
        for part in parted(piece, longest):
            name = part[:2]
            most = longest.get(name)
            if most == _REPEATS:
                found.setdefault(layout.groups.get(name, name), []).append(part)
            elif most is not None and name not in found:
                found[name] = part[2:]
            elif len(name) == 2:
                extra.append((name, part[2:]))
    return found, tuple(extra)


def parted(piece: str, longest: Mapping[str, int]) -> Iterator[str]:
    """What stands between two delimiters: a field, or several if they were forgotten.

    A field of a fixed width ends with its width (`BLYBV7.00`). Blanks before a name go.
    """
    at = 0
    if piece[:1] == " " and piece[:2] not in longest:
        at = len(piece) - len(piece.lstrip(" "))
    while True:
        most = longest.get(piece[at : at + 2], _ANY_LENGTH)
        end = at + most
        if most == _REPEATS or piece[end : end + 2] not in longest:
            yield piece[at:]
            return
        yield piece[at:end]
        at = end
