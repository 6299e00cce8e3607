"""Texts of the vendor's, cleaned: no markup, no control characters, no end of blanks.

PostgreSQL takes no NUL in a text, and nobody wants a page to have a stranger's tags.
"""

from __future__ import annotations

import html
import re

LONGEST_LINE = 1_000  # characters of a title, a name, a heading
LONGEST_PROSE = 20_000  # of a description; the longest known has 6,000

_BREAK_TAGS = re.compile(r"<\s*(?:br|/p|/div|/li)\b[^<>]*>", re.IGNORECASE)
_UNSHOWN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<(?:/?[a-zA-Z]|!)[^<>]*>")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff\ufffe\uffff]")


def line(text: str | None) -> str:
    """A text on one line."""
    if not text:
        return ""
    return _printable(text)[:LONGEST_LINE].rstrip()


def prose(text: str | None) -> str | None:
    """A text in paragraphs, one a line; None if there is none."""
    if not text:
        return None
    if "<" in text or "&" in text:
        text = _without_markup(text)
    if not text.isprintable():
        paragraphs = (_printable(each) for each in text.splitlines())
        text = "\n".join(each for each in paragraphs if each)
    return _shortened(text.strip()) or None


def _printable(text: str) -> str:
    """One line; a no-break space is not printable, either."""
    return text.strip() if text.isprintable() else " ".join(_CONTROLS.sub("", text).split())


def _without_markup(text: str) -> str:
    text = _BREAK_TAGS.sub("\n", _UNSHOWN.sub("", text))
    return _TAGS.sub("", html.unescape(_TAGS.sub("", text)))


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_PROSE:
        return text
    return text[:LONGEST_PROSE].rpartition(" ")[0] + " …"
