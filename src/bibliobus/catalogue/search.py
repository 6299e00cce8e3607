"""Search: from what a reader types to titles, the nearest first.

All words have to be in a title's record, wherever they stand. First come titles that are called
just that (or somebody who is), then short titles with all the words, then titles or names with all
of them, then the rest; the newest first in each. What finds nothing is tried again with misspelt
words put right (`spelling`), and then with one word left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from bibliobus.catalogue import terms
from bibliobus.catalogue.isbn import isbn_in
from bibliobus.catalogue.records import Audience, Medium
from bibliobus.catalogue.spelling import nearest
from bibliobus.catalogue.store import Found, read
from bibliobus.catalogue.terms import Field
from bibliobus.catalogue.words import joined, sought, tokens
from bibliobus.database import Transaction

MOST_COUNTED = 1000  # hits; of more, only the newest so many are looked at
MOST_WORDS = 12  # of what is typed
SPARE_WORDS = 2  # that a short title may have beyond those asked for

_PRINT = terms.MEDIUM + Medium.PRINT.value

Group = Iterable[str]  # terms, one of which a title must have
Free = Callable[[Transaction, Sequence[int]], set[int]]
"""Of the library's own titles, by key, those that can be borrowed at once."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for. All that is given must fit; of several values of one filter, any."""

    text: str = ""  # anywhere
    title: str = ""
    author: str = ""
    narrator: str = ""
    series: str = ""
    subject: str = ""
    isbn: str = ""  # of 10 or 13 digits, with or without hyphens
    media: tuple[Medium, ...] = ()
    languages: tuple[str, ...] = ()  # BCP 47
    audiences: tuple[Audience, ...] = ()
    genres: tuple[str, ...] = ()  # tokens of the vendor's
    collections: tuple[str, ...] = ()
    available: bool = False  # true: what can be borrowed at once
    owned: bool = False  # true: what the library has
    reader_languages: tuple[str, ...] = ("en",)  # whose grammar finds `house` in `houses`


class Results(NamedTuple):
    """What was found."""

    found: list[Found]  # as many as were asked for
    total: int  # how many there are, `MOST_COUNTED` at most
    more: bool  # whether there are more than that
    searched_for: str | None = None  # what was looked for instead of what was typed


def search(
    tx: Transaction, asked: Search, *, start: int = 0, limit: int = 20, free: Free | None = None
) -> Results:
    """The titles that fit, from number `start` on.

    Args:
        tx: Any transaction, in the institution's name.
        asked: What is looked for.
        start: How many of the nearest are passed over.
        limit: How many are wanted.
        free: Who knows which of the library's own titles are in; None: nobody, then none is.
    """
    search = _Searching(tx, asked, free)
    typed = tokens(asked.text)[:MOST_WORDS]
    hits = search.hits(typed)
    instead = None
    if not hits and typed:
        hits, instead = search.hits_instead(typed)
    return Results(
        read(tx, hits[start : start + limit]),
        min(len(hits), MOST_COUNTED),
        len(hits) > MOST_COUNTED,
        instead,
    )


class _Searching:
    """One search: its transaction, its filters, and whose grammar it goes by."""

    def __init__(self, tx: Transaction, asked: Search, free: Free | None) -> None:
        self._tx, self._asked, self._free = tx, asked, free
        self._filters = list(_filters(asked, tx.institution))

    def hits(self, typed: Sequence[str]) -> list[int]:
        """The keys of the titles with all these words, the nearest first."""
        whole = isbn_in(self._asked.text)
        if whole is not None:
            return self._keys([[terms.ISBN + whole]])
        anywhere = self._keys([self._anywhere(word) for word in typed])
        if not (typed and anywhere):
            return anywhere
        return list(dict.fromkeys([*self._nearest_first(typed), *anywhere]))

    def hits_instead(self, typed: Sequence[str]) -> tuple[list[int], str | None]:
        """The titles that may be meant by words that no title has all of, and what those are."""
        for words in self._respelt(typed):
            if hits := self.hits(words):
                return hits, " ".join(words)
        fewer: dict[int, None] = {}
        for n in range(len(typed) if len(typed) > 1 else 0):
            fewer.update(dict.fromkeys(self.hits([*typed[:n], *typed[n + 1 :]])))
        return list(fewer), None

    def _nearest_first(self, typed: Sequence[str]) -> Iterator[int]:
        yield from self._keys([[terms.WHOLE + joined(" ".join(typed))[: terms.LONGEST]]])
        in_title = [self._in(Field.TITLE, word) for word in typed]
        short = {terms.length(len(typed) + n) for n in range(SPARE_WORDS + 1)}
        yield from self._keys([*in_title, short])
        yield from self._keys(in_title)
        yield from self._keys([self._in(Field.AUTHOR, word) for word in typed])

    def _respelt(self, typed: Sequence[str]) -> Iterator[list[str]]:
        """What may have been meant: unknown words put right, then one of the others as well."""
        words = list(typed)
        unknown = [n for n, word in enumerate(typed) if not self._is_known(word)]
        for n in unknown:
            others = [self._anywhere(typed[m]) for m in range(len(typed)) if m not in unknown]
            words[n] = next(self._nearest(words[n], others), words[n])
        if words != list(typed):
            yield words
        for n in range(len(words)):
            others = [self._anywhere(word) for word in (*words[:n], *words[n + 1 :])]
            for other in self._nearest(words[n], others):
                yield [*words[:n], other, *words[n + 1 :]]

    def _nearest(self, word: str, others: Sequence[Group]) -> Iterator[str]:
        """What a word may have been meant as beside these others."""

        def frequency(word: str) -> int:
            return len(self._keys([self._anywhere(word), *others]))

        return nearest(self._tx, word, frequency)

    def _is_known(self, word: str) -> bool:
        return bool(self._find([self._institution, self._anywhere(word)], 1))

    @property
    def _institution(self) -> Group:
        return [terms.encoded(terms.INSTITUTION, self._tx.institution)]

    def _keys(self, groups: Iterable[Group]) -> list[int]:
        wanted = [*groups, *self._filters]
        if not self._asked.available:
            return self._find(wanted, MOST_COUNTED + 1)
        lent = set(self._find([*wanted, [terms.AVAILABLE]], MOST_COUNTED + 1))
        keys = self._find([*wanted, [terms.AVAILABLE, _PRINT]], MOST_COUNTED + 1)
        ours = [key for key in keys if key not in lent]
        free = set() if self._free is None else self._free(self._tx, ours)
        return [key for key in keys if key in lent or key in free]

    def _find(self, groups: Iterable[Group], limit: int) -> list[int]:
        """The keys of titles with a term of each group, the newest first."""
        return self._tx.search("title_terms", groups, limit)

    def _anywhere(self, word: str) -> Group:
        return [term for field in Field for term in self._in(field, word)]

    def _in(self, field: Field, word: str) -> Group:
        return _in_field(field, word, self._asked.reader_languages)


def _in_field(field: Field, word: str, languages: Sequence[str]) -> Group:
    """A word as a field may have it, by the grammar of any of these languages."""
    grammars: Sequence[str | None] = languages or (None,)
    return sorted({field.value + form for each in grammars for form in sought(word, each)})


def _filters(asked: Search, institution: str) -> Iterator[Group]:
    yield [terms.encoded(terms.INSTITUTION, institution)]
    for field in Field:
        for word in tokens(getattr(asked, field.name.lower()))[:MOST_WORDS]:
            yield _in_field(field, word, asked.reader_languages)
    if asked.isbn:
        yield [terms.ISBN + (isbn_in(asked.isbn) or terms.plain(asked.isbn))]
    for code, values in (
        (terms.MEDIUM, [each.value for each in asked.media]),
        (terms.LANGUAGE, [each.partition("-")[0] for each in asked.languages]),
        (terms.AUDIENCE, [each.value for each in asked.audiences]),
        (terms.GENRE, asked.genres),
    ):
        if values:
            yield [code + terms.plain(each) for each in values]
    if asked.collections:
        yield [terms.encoded(terms.COLLECTION, each) for each in asked.collections]
    if asked.owned:
        yield [terms.OWNED]
