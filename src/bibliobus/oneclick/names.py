"""People, series and titles as the vendor writes them, and as they are shown and sorted.

Source: spec/oneclick-api 1.2 (name rules), 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from bibliobus.catalogue.records import Contributor, Role, Series

ARTICLES: Mapping[str, tuple[str, ...]] = {
    "en": ("the", "an", "a"),
    "es": ("el", "la", "los", "las", "un", "una", "unos", "unas"),
    "fr": ("le", "la", "les", "un", "une", "l'", "l’"),
    "de": ("der", "die", "das", "ein", "eine"),
    "it": ("il", "lo", "la", "i", "gli", "le", "un", "uno", "una", "l'", "l’"),
    "nl": ("de", "het", "een"),
    "pt": ("o", "a", "os", "as", "um", "uma"),
}
"""By language, where it is plain what one is. No other titles are turned round."""

NO_SERIES = frozenset({"", "default blank"})
_SUFFIX = re.compile(r"(jr|sr|ii|iii|iv|ph\.?d|m\.?d|esq)\.?", re.IGNORECASE)
_PARTICLES = frozenset({"da", "de", "del", "der", "di", "du", "la", "le", "van", "von"})
_OFFICES = frozenset({"pope", "king", "queen", "saint", "st.", "the", "a", "an"})
_CORPORATE = re.compile(
    r"[&,]|['’]s\b|\b(and|audio|books|cast|company|ensemble|editors|group|inc|language|librivox|llc"
    r"|press|productions|publishing|society|staff|studio|studios|theatre|theater|travel|various)\b",
    re.IGNORECASE,
)


class Heading(NamedTuple):
    """A title in parts."""

    title: str  # "The Greatest"
    sort_title: str  # "Greatest, The"
    subtitle: str | None = None  # "Muhammad Ali"


@lru_cache(maxsize=16384)
def contributors_of(names: str, role: Role) -> tuple[Contributor, ...]:
    """Those in `Last, First; Last, First`, or in `First Last; First Last`.

    One comma tells that the names are of the first kind; what has none there is the name of no
    person, and is left as it is.
    """
    parts = dict.fromkeys(part.strip(" ,") for part in names.split(";"))
    turned = "," in names
    return tuple(_contributor(part, role, turned=turned) for part in parts if part)


def _contributor(name: str, role: Role, *, turned: bool) -> Contributor:
    """One of them; `turned`: the last name would come first."""
    if turned:
        return Contributor(name=_straight(name), sort_name=name, role=role)
    return Contributor(name=name, sort_name=_turned(name), role=role)


def _straight(name: str) -> str:
    """`Blount, Jr., Roy` as `Roy Blount, Jr.`"""
    last, *rest = (part for part in (part.strip() for part in name.split(",")) if part)
    suffixes = [part for part in rest if _SUFFIX.fullmatch(part)]
    first = " ".join(part for part in rest if part not in suffixes)
    return ", ".join([f"{first} {last}".strip(), *suffixes])


def _turned(name: str) -> str:
    """`Ursula K. Le Guin` as `Le Guin, Ursula K.`; what may be no person's name is left alone."""
    words = name.split()
    if len(words) < 2 or words[0].lower() in _OFFICES or _CORPORATE.search(name):
        return name
    if not all(word[0].isupper() or word.lower() in _PARTICLES for word in words):
        return name
    end = len(words) - (2 if len(words) > 2 and _SUFFIX.fullmatch(words[-1]) else 1)
    last = end
    while last > 1 and words[last - 1].lower() in _PARTICLES:
        last -= 1
    suffix = "".join(f", {word}" for word in words[end + 1 :])
    return f"{' '.join(words[last : end + 1])}, {' '.join(words[:last])}{suffix}"


def series_of(name: str | None, position: float | str | None) -> Series | None:
    """The series, if it is one; its position, if that is a whole number above 0."""
    if name is None or name.casefold() in NO_SERIES:
        return None
    if not position or position == "0":  # nearly all of them
        return Series(name=name)
    try:
        whole = int(position)
    except (ValueError, OverflowError):
        return Series(name=name)
    return Series(name=name, position=whole if 0 < whole < 100_000 else None)


def heading_of(text: str, language: str | None, series: str | None = None) -> Heading:
    """A media object's title, which has its subtitle and its article at the end.

    Args:
        text: "Rebel Angels: The Cornish Trilogy, Book 1, The".
        language: BCP 47.
        series: Its series' name, which is never taken for the title.
    """
    rest, article = _without_last_article(text, language)
    title, subtitle = _split(rest, series)
    if article:
        return Heading(_joined(article, title), f"{title}, {article}", subtitle)
    return Heading(title, sort_title(title, language), subtitle)


def sort_title(title: str, language: str | None) -> str:
    """A title with its article at the end."""
    folded = title.lower()
    for article in ARTICLES.get(language or "", ()):
        gap = 0 if article[-1] in "'’" else 1
        if folded.startswith(article + " " * gap) and len(title) > len(article) + gap:
            return f"{title[len(article) + gap :].lstrip()}, {title[: len(article)]}"
    return title


def _without_last_article(text: str, language: str | None) -> tuple[str, str]:
    """The title, and the article that stood behind it. English ones stand behind any title."""
    rest, comma, last = text.rpartition(", ")
    if comma and rest and len(last) < 6:
        folded = last.lower()
        if folded in ARTICLES["en"] or folded in ARTICLES.get(language or "", ()):
            return rest, last
    return text, ""


def _joined(article: str, title: str) -> str:
    return f"{article}{title}" if article[-1] in "'’" else f"{article} {title}"


def _split(text: str, series: str | None) -> tuple[str, str | None]:
    """Title and subtitle. A number, or the name of the series, is no title by itself."""
    title, colon, subtitle = text.partition(": ")
    if not colon or not title.strip() or not subtitle.strip():
        return text, None
    if series is not None and title.casefold() == series.casefold():
        head, more = _split(subtitle, None)
        return f"{title}: {head}", more
    if title.replace(" ", "").isdigit():
        return text, None
    return title.rstrip(), subtitle.lstrip()
