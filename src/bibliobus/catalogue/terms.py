"""Terms: what a title is found by in the search index, whichever database that is in.

A term is a word with a letter in front that says where it stands: `tmill` in the title, `aeliot`
among the authors. What can be filtered by is a term, too: `mebook`, `len`, `v1`. So one kind of
index, without any notion of fields, answers all questions, and both databases answer alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from bibliobus.catalogue.records import Contributor, Role, Title
from bibliobus.catalogue.words import fold, forms, joined, tokens, words

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


def terms_of(title: Title, *, institution: str, collection: str | None) -> set[str]:
    """Everything that a title is found by, but for what changes from day to day (`flags`)."""
    found = {MEDIUM + title.medium.value, encoded(INSTITUTION, institution)}
    if collection is not None:
        found.add(encoded(COLLECTION, collection))
    if title.isbn is not None:
        found.add(ISBN + title.isbn)
    if title.language is not None:
        found.add(LANGUAGE + plain(title.language.partition("-")[0]))
    if title.audience is not None:
        found.add(AUDIENCE + plain(title.audience.value))
    found.update(GENRE + plain(each) for each in title.genres)
    _add_words(found, title)
    return found


def flags(owned: bool | None, available: bool | None) -> str:
    """Further terms, for what the library has and what can be borrowed at once."""
    return " ".join(term for term, is_so in ((OWNED, owned), (AVAILABLE, available)) if is_so)


def words_of(title: Title) -> set[str]:
    """The words that a misspelt one may have been meant as; the subjects are not among them."""
    found = {word for word in words(title.title) if len(word) > SHORT}
    if title.subtitle is not None:
        found.update(_spelt(title.subtitle))
    if title.series is not None:
        found.update(_spelt(title.series.name))
    for each in title.contributors:
        found.update(_spelt(each.name))
    return found


def encoded(code: str, name: str) -> str:
    """A term for a name that may be of any characters."""
    return code + name.encode().hex()


def plain(token: str) -> str:
    """A token of somebody's list, of letters and digits only."""
    return fold("".join(filter(str.isalnum, token.lower())))


def whole(text: str) -> str:
    """A term that only this whole text has, apart from accents, case and punctuation."""
    return WHOLE + joined(text)[:LONGEST]


def length(words_in_title: int) -> str:
    """A term that all titles with so many words have."""
    return f"{COUNT}{min(words_in_title, MOST_COUNTED)}"


def _add_words(found: set[str], title: Title) -> None:
    in_title = tokens(title.title)
    found.add(length(len(in_title)))
    found.add(whole(title.title))
    _add(found, Field.TITLE, in_title, title.language)
    if title.subtitle is not None:
        found.add(whole(f"{title.title} {title.subtitle}"))
        _add(found, Field.TITLE, tokens(title.subtitle), title.language)
    for each in title.contributors:
        found.update(_of_contributor(each))
    if title.series is not None:
        _add(found, Field.SERIES, tokens(title.series.name), title.language)
    for subject in title.subjects:
        found.update(_of_subject(subject.name))


@lru_cache(maxsize=10_000)
def _of_contributor(contributor: Contributor) -> frozenset[str]:
    found = {whole(contributor.name), whole(contributor.sort_name)}
    field = Field.AUTHOR if contributor.role is Role.AUTHOR else Field.NARRATOR
    _add(found, field, tokens(contributor.name), None)  # nobody's name has a stem
    return frozenset(found)


@lru_cache(maxsize=10_000)
def _of_subject(name: str) -> frozenset[str]:
    found: set[str] = set()
    _add(found, Field.SUBJECT, tokens(name), "en")  # as the vendors' lists are
    return frozenset(found)


@lru_cache(maxsize=10_000)
def _spelt(text: str) -> frozenset[str]:
    return frozenset(word for word in words(text) if len(word) > SHORT)


def _add(found: set[str], field: Field, words: Iterable[str], language: str | None) -> None:
    for each in words:
        found.update(_coded(each, field, language))


@lru_cache(maxsize=50_000)  # words come again: this is most of what a title costs
def _coded(token: str, field: Field, language: str | None) -> tuple[str, ...]:
    return tuple(field.value + form for form in forms(token, language))
