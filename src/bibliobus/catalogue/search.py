"""Search: from what a reader types to titles, the nearest first.

All words have to be in a title's record, wherever they stand. First come titles that are called
just that (or somebody who is), then short titles with all the words, then titles or names with all
of them, then the rest; the newest first in each. What finds nothing is tried again with misspelt
words put right (`spelling`), and then with one word left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from bibliobus.catalogue import terms
from bibliobus.catalogue.isbn import isbn_in
from bibliobus.catalogue.records import Audience, Medium
from bibliobus.catalogue.spelling import nearest, spelt_among
from bibliobus.catalogue.store import Found, read
from bibliobus.catalogue.terms import Field
from bibliobus.catalogue.words import joined, parts, sought, tokens
from bibliobus.database import Transaction

MOST_COUNTED = 1000  # hits; of more, only the newest so many are looked at
MOST_WORDS = 12  # of what is typed
MOST_TRIED = 3  # of what a word may have been meant as
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
    search = _Searching(tx, asked, free, start + limit)
    typed = tokens(asked.text)[:MOST_WORDS]
    hits, instead = search.hits(typed), None
    if not hits.total and typed and isbn_in(asked.text) is None:
        hits, instead = search.hits_instead(typed)
    page = hits.nearest[start : min(start + limit, MOST_COUNTED)]
    more = hits.total > MOST_COUNTED
    return Results(read(tx, page), min(hits.total, MOST_COUNTED), more, instead)


class _Hits(NamedTuple):
    """What was found, by keys."""

    nearest: list[int]  # as many as are wanted
    total: int


class _Searching:
    """One search: its transaction, its filters, and whose grammar it goes by."""

    def __init__(self, tx: Transaction, asked: Search, free: Free | None, wanted: int) -> None:
        self._tx, self._asked, self._free, self._wanted = tx, asked, free, wanted
        self._filters = list(_filters(asked))
        self._institution = [terms.encoded(terms.INSTITUTION, tx.institution)]
        if not self._is_alone():  # all titles of one have its term: half of the time is spent there
            self._filters.append(self._institution)
        self._is_in: dict[int, bool] = {}  # titles of the library's own, as far as it was asked

    def hits(self, typed: Sequence[str]) -> _Hits:
        """The titles with all these words."""
        whole = isbn_in(self._asked.text)
        if whole is not None:
            return self._first([self._keys([[terms.ISBN + whole]])])
        if self._asked.text.strip() and not typed:
            return self._first([self._keys([[terms.WHOLE]])])  # titles without a word, like `!!!`
        anywhere = self._keys([self._anywhere(word) for word in typed])
        if not typed:
            return self._first([anywhere])
        exact = self._keys([[terms.WHOLE + joined(" ".join(typed))[: terms.LONGEST]]])
        total = len({*exact, *anywhere})
        if total == len(exact):
            return self._first([exact])
        return self._first(chain([exact], self._nearest_first(typed), [anywhere]), total)

    def hits_instead(self, typed: Sequence[str]) -> tuple[_Hits, str | None]:
        """The titles that may be meant by words that no title has all of, and what those are."""
        words, unknown = self._put_right(typed)
        known = [word for word in words if word not in unknown]
        if known and known != typed and (hits := self.hits(known)).total:
            return hits, None if words == typed else " ".join(known)
        for respelt in self._respelt(known):
            if (hits := self.hits(respelt)).total:
                return hits, " ".join(respelt)
        fewer = ([*known[:n], *known[n + 1 :]] for n in range(len(known) if len(known) > 1 else 0))
        found = list(dict.fromkeys(key for words in fewer for key in self.hits(words).nearest))
        return _Hits(found, len(found)), None

    def _first(self, lists: Iterable[list[int]], total: int | None = None) -> _Hits:
        """As many as are wanted of the first lists; later ones are not made if these have them."""
        nearest: dict[int, None] = {}
        for each in lists:
            nearest.update(dict.fromkeys(each))
            if len(nearest) >= self._wanted:
                break
        return _Hits(list(nearest), len(nearest) if total is None else total)

    def _nearest_first(self, typed: Sequence[str]) -> Iterator[list[int]]:
        in_title = [self._in(Field.TITLE, word) for word in typed]
        short = {terms.length(len(typed) + n) for n in range(SPARE_WORDS + 1)}
        yield self._keys([*in_title, short])
        yield self._keys(in_title)
        yield self._keys([self._in(Field.AUTHOR, word) for word in typed])

    def _put_right(self, typed: Sequence[str]) -> tuple[list[str], set[str]]:
        """The words, those that no title has as what they were most likely meant as; and those of
        which nobody knows what that is."""
        spelt = spelt_among(self._tx, [part for word in typed for part in parts(word)])
        unknown = {word for word in typed if not spelt.issuperset(parts(word))}
        unknown = {word for word in unknown if not self._is_known(word)}
        beside = [self._anywhere(word) for word in typed if word not in unknown]
        meant = {word: next(iter(self._nearest(word, beside)), word) for word in unknown}
        words = [meant.get(word, word) for word in typed]
        return words, {word for word in unknown if meant[word] == word}

    def _respelt(self, words: Sequence[str]) -> Iterator[list[str]]:
        """What may have been meant if one of the words is another one that there is, too."""
        for n in range(len(words)):
            others = [self._anywhere(word) for word in (*words[:n], *words[n + 1 :])]
            for other in self._nearest(words[n], others):
                yield [*words[:n], other, *words[n + 1 :]]

    def _nearest(self, word: str, others: Sequence[Group]) -> list[str]:
        """What a word may have been meant as beside these others, the likeliest first: fewest
        slips, then most titles."""
        found = nearest(self._tx, word)
        any_of_them = {term for each in found for term in self._anywhere(each)}
        if not found or not self._find([any_of_them, *others, *self._filters], 1):
            return []
        if len(found) == 1:
            return [*found]
        weighed = sorted(
            (count, -times, other)
            for other, count in found.items()
            if (times := len(self._keys([self._anywhere(other), *others])))
        )
        return [other for _, _, other in weighed[:MOST_TRIED]]

    def _is_known(self, word: str) -> bool:
        return bool(self._find([self._institution, self._anywhere(word)], 1))

    def _is_alone(self) -> bool:
        others = "SELECT 1 FROM institutions WHERE id <> :institution LIMIT 1"
        return self._tx.row(others) is None

    def _keys(self, groups: Iterable[Group]) -> list[int]:
        wanted = [*groups, *self._filters]
        if not self._asked.available:
            return self._find(wanted, MOST_COUNTED + 1)
        lent = set(self._find([*wanted, [terms.AVAILABLE]], MOST_COUNTED + 1))
        if self._free is None:
            return sorted(lent, reverse=True)
        ours = self._find([*wanted, [_PRINT]], MOST_COUNTED + 1)
        unasked = [key for key in ours if key not in self._is_in]
        self._is_in |= dict.fromkeys(unasked, False)
        self._is_in |= dict.fromkeys(self._free(self._tx, unasked), True)
        return sorted({*lent, *filter(self._is_in.get, ours)}, reverse=True)

    def _find(self, groups: Iterable[Group], limit: int) -> list[int]:
        """The keys of titles with a term of each group, the newest first."""
        return self._tx.search("title_terms", list(groups) or [self._institution], limit)

    def _anywhere(self, word: str) -> Group:
        return [term for field in Field for term in self._in(field, word)]

    def _in(self, field: Field, word: str) -> Group:
        return _in_field(field, word, self._asked.reader_languages)


def _in_field(field: Field, word: str, languages: Sequence[str]) -> Group:
    """A word as a field may have it, by the grammar of any of these languages."""
    grammars: Sequence[str | None] = languages or (None,)
    return sorted({field.value + form for each in grammars for form in sought(word, each)})


def _filters(asked: Search) -> Iterator[Group]:
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
