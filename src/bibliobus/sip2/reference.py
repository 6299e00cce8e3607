"""The reference page of messages, codes, dialects and rules, made of the classes themselves.

`make docs` writes it to docs/reference/sip2.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from bibliobus.sip2.codec import Message
from bibliobus.sip2.deviations import Rule
from bibliobus.sip2.dialect import PRESETS, Dialect
from bibliobus.sip2.fields import Group
from bibliobus.sip2.messages import REQUESTS, RESPONSES

HEADER = """# SIP2 messages

All messages of SIP2 2.00 as `bibliobus.sip2.messages` declares them, in wire order. Fixed-length
fields are told by their place, counted from 0 with the two-digit code; named ones by two
characters, in any order when read, ended by `|`. A terminal (SC) sends requests, the library's
system (ACS) answers. "1.00" marks what a terminal of the older version gets too.

This page is generated: `make docs`.
"""

DIALECTS = """## Dialects

What an account may be told to write otherwise, by the name of a preset. All others do well with
the default.

| preset | what differs |
|---|---|"""

RULES = """## Rules

What `bibliobus sip lint` looks at, and the section of the standard that says so. A note is allowed,
but somebody may trip over it.

| rule | what the standard asks | section |
|---|---|---|"""


def reference() -> str:
    """The page, in Markdown."""
    sections = [HEADER]
    for title, messages in (("Requests", REQUESTS), ("Responses", RESPONSES)):
        sections.append(f"## {title}\n")
        sections += ["\n".join(_section(messages[code])) for code in sorted(messages)]
    sections.append("\n".join([DIALECTS, *_dialects(), ""]))
    sections.append("\n".join([RULES, *_rules(), ""]))
    return "\n".join(sections)


def _section(message: type[Message]) -> Iterator[str]:
    layout = message.layout
    yield f"### {message.code} {layout.title}\n"
    yield f"`{message.__name__}`: {layout.words}\n"
    if not layout.fixed and not layout.named:
        return
    yield "| where | field | value | sent | 1.00 |"
    yield "|---|---|---|---|---|"
    old = layout.version_1
    for name, place, at in layout.places():
        where = f"{at}:{at + place.kind.width}"
        yield f"| {where} | `{name}` | {place.kind.says} | always | {_mark(old is not None)} |"
    for name, each in layout.named:
        if isinstance(each, Group):
            for member in each.members:
                yield f"| {member.name} | `{name}` | {member.kind.says} | for each | |"
            continue
        sent = "always" if name not in layout.optional else "if known"
        if each.repeats:
            sent = "as often as needed"
        elif each.name in layout.forgiven:
            sent = "always; forgiven"
        in_old = old is not None and each.name in old
        yield f"| {each.name} | `{name}` | {each.kind.says} | {sent} | {_mark(in_old)} |"
    yield ""
    yield from _codes(message)


def _mark(yes: bool) -> str:
    return "yes" if yes else ""


def _codes(message: type[Message]) -> Iterator[str]:
    """What the codes of a message's fields mean, but for yes and no."""
    layout = message.layout
    kinds = [(name, place.kind) for name, place in layout.fixed]
    kinds += [(each.name, each.kind) for _, each in layout.named if not isinstance(each, Group)]
    for name, kind in kinds:
        if not set(kind.names) <= set("YNU10"):
            meanings = ", ".join(f"{code} {meaning}" for code, meaning in kind.names.items())
            yield f"`{name}`: {meanings}.\n"


def _dialects() -> Iterator[str]:
    plain = Dialect()
    for name, dialect in PRESETS.items():
        differences = [
            f"{field.name.replace('_', ' ')} `{_shown(value)}`"
            for field in fields(Dialect)
            if (value := getattr(dialect, field.name)) != getattr(plain, field.name)
        ]
        yield f"| `{name}` | {', '.join(differences)} |"


def _shown(value: object) -> str:
    return repr(str(value) if isinstance(value, str) else value)


def _rules() -> Iterator[str]:
    for rule in Rule:
        yield f"| `{rule.code}` | {rule.words}{' (note)' if rule.note else ''} | {rule.section} |"
