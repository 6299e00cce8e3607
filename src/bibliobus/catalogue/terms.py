"""Terms: what a title is found by in the search index, whichever database that is in.

A term is a word with a letter in front that says where it stands: `tmill` in the title, `aeliot`
among the authors. What can be filtered by is a term, too: `mebook`, `len`, `v1`. So one kind of
index, without any notion of fields, answers all questions, and both databases answer alike.

Most of what an import costs is spent here. What comes again (words, names, subjects) is worked out
once: without that, a title takes twice as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from bibliobus.catalogue.records import Contributor, Role, Title
from bibliobus.catalogue.words import forms, joined, parts, tokens

LONGEST = 120  # characters of a whole title or name that count
SHORT = 2  # characters of a word that is not corrected
MOST_COUNTED = 9  # words of a title; beyond that it is a long one


class Field(Enum):
    """Where a word can stand."""

    TITLE = "t"
    AUTHOR = "a"
    NARRATOR = "n"
    SERIES = "s"
    SUBJECT = "u"


WHOLE, COUNT, ISBN = "x", "w", "b"
INSTITUTION, COLLECTION = "i", "c"
MEDIUM, LANGUAGE, AUDIENCE, GENRE, OWNED, AVAILABLE = "m", "l", "d", "g", "o1", "v1"

_TITLE, _SERIES, _SUBJECT = (each.value for each in (Field.TITLE, Field.SERIES, Field.SUBJECT))
_CODES = {Role.AUTHOR: Field.AUTHOR.value, Role.NARRATOR: Field.NARRATOR.value}


class Analysed(NamedTuple):
    """What a title is found by."""

    terms: set[str]
    words: set[str]  # that a misspelt one may have been meant as; subjects are not among them


class _Piece(NamedTuple):
    """What a part of a title's record adds."""

    terms: frozenset[str]
    words: frozenset[str]


def analysed(title: Title, *, institution: str, collection: str | None) -> Analysed:
    """Everything that a title is found by, but for what changes from day to day (`flags`)."""
    found = Analysed(set(_filters(title, institution, collection)), set())
    _add_title(found, title.title, title.language)
    if title.subtitle is not None:
        _add_title(found, title.subtitle, title.language)
        found.terms.add(whole(f"{title.title} {title.subtitle}"))
    found.terms.add(length(len(tokens(title.title))))
    pieces = [_of_contributor(each) for each in title.contributors]
    if title.series is not None:
        pieces.append(_of_series(title.series.name, title.language))
    for piece in pieces:
        found.terms.update(piece.terms)
        found.words.update(piece.words)
    for subject in title.subjects:
        found.terms.update(_of_subject(subject.name))
    return found


def flags(owned: bool | None, available: bool | None) -> str:
    """Further terms, for what the library has and what can be borrowed at once."""
    return " ".join(term for term, is_so in ((OWNED, owned), (AVAILABLE, available)) if is_so)


@lru_cache(maxsize=1000)
def encoded(code: str, name: str) -> str:
    """A term for a name that may be of any characters."""
    return code + name.encode(errors="surrogatepass").hex()


@lru_cache(maxsize=1000)
def plain(token: str) -> str:
    """A token of somebody's list, of letters and digits only."""
    return joined(token)[:LONGEST]


def whole(text: str) -> str:
    """A term that only this whole text has, apart from accents, case and punctuation."""
    return WHOLE + joined(text)[:LONGEST]


def length(words_in_title: int) -> str:
    """A term that all titles with so many words have."""
    return f"{COUNT}{min(words_in_title, MOST_COUNTED)}"


def _filters(title: Title, institution: str, collection: str | None) -> Iterator[str]:
    yield MEDIUM + title.medium.value
    yield encoded(INSTITUTION, institution)
    if collection is not None:
        yield encoded(COLLECTION, collection)
    if title.isbn is not None:
        yield ISBN + title.isbn
    if title.language is not None:
        yield LANGUAGE + plain(title.language.partition("-")[0])
    if title.audience is not None:
        yield AUDIENCE + plain(title.audience.value)
    for genre in title.genres:
        yield GENRE + plain(genre)


def _add_title(found: Analysed, text: str, language: str | None) -> None:
    folded: list[str] = []
    for token in tokens(text):
        found.terms.update(_coded(token, _TITLE, language))
        folded += parts(token)
    found.terms.add(WHOLE + "".join(folded)[:LONGEST])
    found.words.update([word for word in folded if len(word) > SHORT])


@lru_cache(maxsize=4_000)
def _of_contributor(contributor: Contributor) -> _Piece:
    wholes = {whole(contributor.name), whole(contributor.sort_name)}
    piece = _piece(_CODES[contributor.role], contributor.name, None)  # names have no stem
    return _Piece(piece.terms | wholes, piece.words)


@lru_cache(maxsize=4_000)
def _of_series(name: str, language: str | None) -> _Piece:
    return _piece(_SERIES, name, language)


@lru_cache(maxsize=4_000)
def _of_subject(name: str) -> frozenset[str]:
    return _piece(_SUBJECT, name, "en").terms  # as the vendors' lists are


def _piece(code: str, text: str, language: str | None) -> _Piece:
    every = tokens(text)
    words: Iterable[str] = (word for token in every for word in parts(token))
    return _Piece(
        frozenset(term for token in every for term in _coded(token, code, language)),
        frozenset(word for word in words if len(word) > SHORT),
    )


@lru_cache(maxsize=20_000)
def _coded(token: str, code: str, language: str | None) -> tuple[str, ...]:
    return tuple([code + form for form in forms(token, language)])
