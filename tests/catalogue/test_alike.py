"""SQLite and PostgreSQL answer alike, whatever is typed: real titles, and what no title has."""

from __future__ import annotations

import random
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from benchmarks.search import queries, with_a_slip
from bibliobus.catalogue import Medium, Results, Search, Title
from bibliobus.catalogue.words import tokens, words
from bibliobus.database import open_database
from tests.catalogue.support import Catalogue, gutenberg
from tests.postgres import create_database

EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
OPERATORS = st.sampled_from(
    [
        *(
            "AND",
            "OR",
            "NOT",
            "NEAR",
            "NEAR(",
            "NEAR/2",
            "the",
            '"',
            "' '",
            "*",
            ":",
            "^",
            "+",
            "-",
        ),
        *("(", ")", "{", "}", "&", "|", "!", "<->", "<2>", ":*", ":A", "\\", "\\'", "''", "%", "?"),
        *("$1", "%s", "terms:", "rowid", "tthe", "i4d41494e", "len", "mebook", "v1", "'s", "O'"),
        *("\0", "\ud800", "😀", "⑴", "𝐀", "½", "ﷺ", "\u0345", "か゛"),
    ]
)
TYPED = st.one_of(
    st.text(st.characters(codec=None), max_size=40),
    st.lists(st.one_of(OPERATORS, st.text(max_size=6)), max_size=20).map(" ".join),
    st.lists(OPERATORS, max_size=8).map("".join),
)


class Both:
    """The same titles in both databases."""

    def __init__(self, titles: list[Title], sqlite: Catalogue, postgres: Catalogue) -> None:
        self.titles, self._sqlite, self._postgres = titles, sqlite, postgres

    async def search(self, asked: Search, **more: Any) -> Results:
        """What both find, which is the same."""
        one = await self._sqlite.search(asked, **more)
        other = await self._postgres.search(asked, **more)
        assert one == other, asked
        return one


@pytest.fixture
async def both(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: str
) -> AsyncIterator[Both]:
    titles = gutenberg(getattr(request, "param", 400))
    urls = f"sqlite:///{tmp_path / 'a.db'}", create_database(postgres_server, f"t{uuid4().hex}")
    catalogues = [Catalogue(open_database(url)) for url in urls]
    for each in catalogues:
        await each.database.open()
        await each.found()
        for n in range(0, len(titles), 500):
            known = await each.save(*titles[n : n + 500], owned=True)
            await each.set_flags({it.key: (it.key % 3 > 0, it.key % 2 > 0) for it in known})
            await each.withdraw([it.key for it in known if it.key % 50 == 0])
        await each.write(lambda tx: tx.settle("title_terms"))
    yield Both([it for n, it in enumerate(titles, 1) if n % 50], *catalogues)
    for each in catalogues:
        await each.database.close()


@pytest.mark.parametrize("both", [2000], indirect=True)
async def test_hundreds_of_searches_find_the_same(
    both: Both, size: Callable[[int, int], int]
) -> None:
    chance = random.Random(3)
    ordinary = list(queries(both.titles, size(100, 2000), chance))
    found = 0
    for each in ordinary:
        found += bool((await both.search(each)).total)
        await both.search(with_a_slip(each, chance))
        await both.search(replace(each, available=True, owned=True), start=3, limit=5)
    for word in ("the", "of", "a", "de", "1", "war", ""):
        for start in (0, 20, 990, 1000):
            await both.search(Search(text=word, media=(Medium.EBOOK,)), start=start)
    assert found > 0.95 * len(ordinary)  # the rest have filters that do not fit


@EXAMPLES
@given(typed=TYPED, field=st.sampled_from(["text", "title", "author", "isbn", "subject"]))
async def test_whatever_is_typed_is_answered(both: Both, typed: str, field: str) -> None:
    await both.search(Search(**{field: typed}))  # type: ignore[arg-type]


@EXAMPLES
@given(value=TYPED)
async def test_whatever_is_filtered_by_is_answered(both: Both, value: str) -> None:
    await both.search(Search(text="the", languages=(value,)))
    await both.search(Search(genres=(value, "classics"), collections=(value, "vendor")))
    await both.search(Search(text="history", reader_languages=(value, "fr")))


async def test_ten_thousand_characters_take_no_time(both: Both) -> None:
    for typed in (
        "a " * 5000, "x" * 10_000, "'" * 10_000, "NEAR(" * 2000, "the " * 2500, "(" * 10_000,
        "é" * 10_000, "aé'" * 3333, "wordz " * 1700, " ".join(f"abcdefgh{n}" for n in range(1000)),
    ):  # fmt: skip
        began = time.perf_counter()
        await both.search(Search(text=typed))
        await both.search(Search(title=typed, author=typed, isbn=typed))
        assert time.perf_counter() - began < 3, typed[:20]


@EXAMPLES
@given(data=st.data())
async def test_a_title_is_found_by_each_of_its_words(both: Both, data: st.DataObject) -> None:
    title = data.draw(st.sampled_from(both.titles))
    token = data.draw(st.sampled_from(tokens(title.title) or [title.title]))

    found = await both.search(Search(title=token, isbn=title.isbn or ""))

    assert [each.title for each in found.found] == [title]


@EXAMPLES
@given(data=st.data())
async def test_a_title_is_found_without_its_accents_and_in_another_case(
    both: Both, data: st.DataObject
) -> None:
    title = data.draw(st.sampled_from(both.titles))
    bare = "".join(
        each
        for each in unicodedata.normalize("NFD", title.title)
        if not unicodedata.combining(each)
    )
    typed = data.draw(st.sampled_from([bare, bare.upper(), bare.lower(), " ".join(words(bare))]))

    found = await both.search(Search(text=typed), limit=100)

    assert title.title in [each.title.title for each in found.found]
    assert found.searched_for is None


@EXAMPLES
@given(data=st.data())
async def test_one_slip_in_a_long_word_still_finds_it(both: Both, data: st.DataObject) -> None:
    title = data.draw(st.sampled_from(both.titles))
    long = [word for word in words(title.title) if len(word) > 6 and word.isascii()]
    if not (word := data.draw(st.sampled_from(long or [""]))):
        return
    at = data.draw(st.integers(1, len(word) - 2))
    letter = data.draw(st.sampled_from("aeinorst"))
    slip = data.draw(st.sampled_from([
        word[:at] + word[at + 1 :], word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ]))  # fmt: skip

    found = await both.search(Search(text=slip, isbn=title.isbn or ""))

    assert [each.title for each in found.found] == [title]
