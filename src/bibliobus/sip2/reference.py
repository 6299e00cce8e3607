"""The reference page of all messages and fields, made of the classes themselves.

python -m bibliobus.sip2.reference > docs/reference/sip2.md
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getdoc

from bibliobus.sip2 import values
from bibliobus.sip2.codec import Message
from bibliobus.sip2.fields import Fixed, Named
from bibliobus.sip2.messages import REQUESTS, RESPONSES

KINDS = {
    id(values.TEXT): "text",
    id(values.YES_NO): "`Y` or `N`",
    id(values.ONE_ZERO): "`1` or `0`",
    id(values.YES_NO_UNKNOWN): "`Y`, `N` or `U`",
    id(values.TIMESTAMP): "`YYYYMMDDZZZZHHMMSS`",
    id(values.SUMMARY): "at most one `Y`, at the list's place",
    id(values.HOLD_MODE): "`+`, `-` or `*`",
    id(values.AMOUNT): "decimal number",
    id(values.WHOLE_NUMBER): "whole number",
    id(values.PATRON_STATUS): "14 × `Y` or blank",
    id(values.SUPPORTED_MESSAGES): "16 × `Y` or `N`",
}

HEADER = """# SIP2 messages

All messages of SIP2 2.00 as `bibliobus.sip2.messages` declares them, in wire order. Fixed-length
fields are told by their place, counted from 0 with the two-digit code; named ones by two
characters, in any order when read, ended by `|`. A terminal (SC) sends requests, the library's
system (ACS) answers.

This page is generated: `make docs`.
"""


def reference() -> str:
    """The page, in Markdown."""
    sections = [HEADER]
    for title, messages in (("Requests", REQUESTS), ("Responses", RESPONSES)):
        sections.append(f"## {title}\n")
        sections += ["\n".join(_section(messages[code])) for code in sorted(messages)]
    return "\n".join(sections)


def _section(message: type[Message]) -> Iterator[str]:
    layout = message.layout
    yield f"### {message.code} {message.__name__}\n"
    yield f"{getdoc(message)}\n"
    if not layout.fixed and not layout.named:
        return
    yield "| where | field | value | sent |"
    yield "|---|---|---|---|"
    at = 2
    for name, place in layout.fixed:
        yield f"| {at}:{at + place.width} | `{name}` | {_kind(place)} | always |"
        at += place.width
    for name, field in layout.named:
        sent = "always" if name not in layout.optional else "if known"
        if field.repeats:
            sent = "as often as needed"
        yield f"| {field.name} | `{name}` | {_kind(field)} | {sent} |"
    yield ""


def _kind(place: Fixed | Named) -> str:
    if (known := KINDS.get(id(place.kind))) is not None:
        return known
    if place.kind.free:
        return f"{len(place.kind.encode(''))} characters"
    return f"{len(place.kind.encode(1))} digits"
