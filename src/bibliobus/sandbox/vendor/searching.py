"""Finding titles: facets as sets of bits, free text by SQLite's full-text index.

Every answer counts all 86 facet values over what was found. A facet value is one bit for each
title, so counting it is one AND of two long numbers, however many titles there are.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from bibliobus.sandbox.vendor.state import State
from bibliobus.sandbox.vendor.wording import people, slug

GENRES = (
    "african-american-interest", "arts-entertainment", "biography-autobiography-memoir",
    "business-economics", "classics", "comics-graphic-novels", "cooking", "drama", "fantasy",
    "foreign-language-study", "general-fiction", "general-nonfiction", "historical-fiction",
    "history", "home-garden", "horror", "humor", "humorous-fiction", "inspirational-fiction",
    "inspirational-nonfiction", "juvenile-fiction", "juvenile-nonfiction", "language-arts",
    "lgbt-interest", "literary-fiction", "mystery", "non-classifiable", "none", "poetry",
    "politics-and-current-events", "politics-current-events", "religion", "romance", "science",
    "sci-fi", "self-help", "short-stories", "social-science", "sports", "suspense-thriller",
    "travel", "true-crime", "urban-fiction", "western", "womens-fiction",
)  # fmt: skip
LANGUAGES = (
    "arabic", "bulgarian", "chinese", "croatian", "czech", "danish", "dutch-flemish", "english",
    "estonian", "finnish", "french", "german", "greek-modern-1453", "hungarian", "irish", "italian",
    "korean", "latin", "norwegian", "persian", "polish", "portuguese", "romanian", "russian",
    "scots", "spanish", "swedish", "turkish", "welsh",
)  # fmt: skip
FACETS: dict[str, tuple[str, ...]] = {  # in the order of the wire; spec/oneclick-api.md, 1.7
    "mediatype": ("eaudio", "ebook"),
    "hasdrm": ("false", "true"),
    "isfiction": ("false", "true"),
    "genre": GENRES,
    "language": LANGUAGES,
    "audience": ("adult", "beginning-reader", "childrens", "young-adult"),
    "availability": ("available", "unavailable"),
}
NONFICTION = frozenset({
    "arts-entertainment", "biography-autobiography-memoir", "business-economics", "cooking",
    "foreign-language-study", "general-nonfiction", "history", "home-garden", "humor",
    "inspirational-nonfiction", "juvenile-nonfiction", "language-arts",
    "politics-and-current-events", "politics-current-events", "religion", "science", "self-help",
    "social-science", "sports", "travel", "true-crime",
})  # fmt: skip
FREE_TEXT = {"title": "title", "author": "author", "narrator": "narrator", "all": ""}
SORTS = {"title": "sort_title", "author": "sort_author"}
_WORD = re.compile(r"\w+")


def is_fiction(media_object: dict[str, Any]) -> bool:
    """As the BISAC heading says, or the vendor's genres."""
    heading = str(media_object.get("genres") or "").upper()
    if "NONFICTION" in heading:
        return False
    if "FICTION" in heading or heading.startswith(("DRAMA", "POETRY")):
        return True
    return not NONFICTION & set(genre_tokens(media_object))


def genre_tokens(media_object: dict[str, Any]) -> list[str]:
    """The vendor's genres."""
    return [each for each in str(media_object.get("primaryGenre") or "").split(",") if each]


def facet_values(media_object: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """All facets and tokens of a title but whether it is available."""
    yield "mediatype", str(media_object["mediaType"]).lower()
    yield "hasdrm", "true" if media_object.get("hasDigitalRights") else "false"
    yield "isfiction", "true" if is_fiction(media_object) else "false"
    for token in genre_tokens(media_object):
        yield "genre", token
    yield "language", slug(str(media_object.get("language") or ""))
    yield "audience", slug(str(media_object.get("audience") or ""))
    yield "publisher", slug(str(media_object.get("publisher") or ""))
    yield "series", slug(str(media_object.get("seriesName") or ""))
    for name in people(str(media_object.get("authors") or "")):
        yield "author-token", slug(name)


class Bits:
    """A set of positions."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, position: int) -> None:
        """Put one in."""
        if (short := (position >> 3) + 1 - len(self._bytes)) > 0:
            self._bytes.extend(bytes(short + len(self._bytes) // 4))
        self._bytes[position >> 3] |= 1 << (position & 7)

    def discard(self, position: int) -> None:
        """Take one out."""
        if position >> 3 < len(self._bytes):
            self._bytes[position >> 3] &= ~(1 << (position & 7))

    @property
    def mask(self) -> int:
        """All of them as one number."""
        return int.from_bytes(self._bytes, "little")


def mask_of(positions: Iterable[int]) -> int:
    """The number that has these bits."""
    bits = Bits()
    for each in positions:
        bits.add(each)
    return bits.mask


def members(mask: int, order: Iterable[int]) -> list[int]:
    """Those of an order that are in the set."""
    size = (mask.bit_length() + 7) // 8
    present = mask.to_bytes(size, "little")
    return [each for each in order if each >> 3 < size and present[each >> 3] >> (each & 7) & 1]


class SearchIndex:
    """What can be searched for, kept beside the titles."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._held, self._owned = Bits(), Bits()
        self._facets: defaultdict[tuple[str, str], Bits] = defaultdict(Bits)
        self._tokens: defaultdict[tuple[str, str], array[int]] = defaultdict(lambda: array("q"))

    def add(
        self, position: int, media_object: dict[str, Any], *, owned: bool, words: bool = False
    ) -> None:
        """Put a title in; `words`: the full-text index does not have it yet."""
        self._held.add(position)
        if owned:
            self._owned.add(position)
        for facet, token in facet_values(media_object):
            if facet in FACETS:
                self._facets[facet, token].add(position)
            elif token:
                self._tokens[facet, token].append(position)
        if words:
            self._state.run(
                "INSERT INTO words (rowid, title, author, narrator, other) VALUES (?, ?, ?, ?, ?)",
                position, *_texts(media_object),
            )  # fmt: skip

    def remove(self, position: int, *, words: bool = False) -> None:
        """Take a title out; `words`: its texts have changed."""
        self._held.discard(position)
        self._owned.discard(position)
        if words:
            for bits in self._facets.values():
                bits.discard(position)
            for positions in self._tokens.values():
                while position in positions:
                    positions.remove(position)
            self._state.run("DELETE FROM words WHERE rowid = ?", position)

    def everything(self, *, also_not_owned: bool) -> int:
        """All titles that the library shows."""
        return (self._held if also_not_owned else self._owned).mask

    def having(self, facet: str, token: str) -> int:
        """The titles of a facet's value; none, if nobody knows it."""
        if facet in FACETS:
            bits = self._facets.get((facet, token))
            return bits.mask if bits else 0
        return mask_of(self._tokens.get((facet, token), ()))

    def telling(self, column: str, text: str) -> int:
        """The titles with all words of a text, in one column or (empty) in any."""
        words = " ".join(f'"{word}"' for word in _WORD.findall(text))
        if not words:
            return 0
        query = f"{column} : ({words})" if column else words
        found = self._state.rows("SELECT rowid FROM words WHERE words MATCH ?", query)
        return mask_of(position for (position,) in found)

    def counted(self, result: int, exhausted: int) -> Iterator[tuple[str, str, int]]:
        """Every facet value, and how many of the result have it."""
        for facet, tokens in FACETS.items():
            for token in tokens:
                if facet == "availability":
                    mask = exhausted if token == "unavailable" else ~exhausted  # noqa: S105
                else:
                    mask = self.having(facet, token)
                yield facet, token, (result & mask).bit_count()

    def in_order(self, result: int, order: str, *, descending: bool) -> list[int]:
        """The result by one of `SORTS`, by title id, or by another column of ours."""
        way = "DESC" if descending else "ASC"
        rows = self._state.rows(
            f"SELECT position FROM titles ORDER BY {order} {way}, position {way}"  # noqa: S608 - ours
        )
        return members(result, (position for (position,) in rows))


def _texts(media_object: dict[str, Any]) -> tuple[str, str, str, str]:
    def text(*names: str) -> str:
        return " ".join(str(media_object.get(name) or "") for name in names)

    return (
        text("title"), text("authors"), text("narrators"),
        text("seriesName", "publisher", "isbn"),
    )  # fmt: skip
