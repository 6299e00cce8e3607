"""Spelling: one slip is found anywhere in a word, two in a long one."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bibliobus.catalogue.spelling import MOST, nearest, one_slip, slips
from bibliobus.catalogue.words import LONGEST
from tests.catalogue.support import Catalogue, title

LATIN = "abcdefghijklmnopqrstuvwxyz"
WORDS = st.text(LATIN, min_size=1, max_size=12)
SHORT_WORDS = st.text("abc", max_size=6)
LETTERS = {"la": LATIN, "ru": "абвгдежзиклмнопрстуфхцчшщъыьэюя", "el": "αβγδεζηθικλμνξοπρστυφχψω"}


@pytest.mark.parametrize(
    ("word", "other", "count"),
    [
        ("emma", "emma", 0), ("emma", "ema", 1), ("emma", "emmma", 1), ("emma", "emna", 1),
        ("emma", "emam", 1), ("emma", "eamm", 2), ("emma", "", 4), ("", "", 0), ("ca", "abc", 3),
        ("война", "воина", 1), ("kitten", "sitting", 3),
    ],
)  # fmt: skip
def test_counts_slips(word: str, other: str, count: int) -> None:
    assert slips(word, other) == count


@settings(deadline=None)
@given(SHORT_WORDS, SHORT_WORDS)
def test_slips_are_as_many_there_as_back(word: str, other: str) -> None:
    assert slips(word, other) == slips(other, word)
    assert (slips(word, other) == 0) == (word == other)
    assert abs(len(word) - len(other)) <= slips(word, other) <= max(len(word), len(other))


@settings(deadline=None)
@given(SHORT_WORDS, SHORT_WORDS)
def test_what_is_one_slip_away_is_among_all_that_are(word: str, other: str) -> None:
    assume(word)

    assert (other in one_slip(word)) == (slips(word, other) == 1)


@settings(deadline=None)
@given(WORDS)
def test_all_that_are_one_slip_away_are(word: str) -> None:
    assert all(slips(word, other) == 1 for other in one_slip(word))


@settings(deadline=None)
@given(st.sampled_from(sorted(LETTERS)), st.data())
def test_a_slip_is_made_in_the_letters_of_a_word(script: str, data: st.DataObject) -> None:
    letters = st.text(LETTERS[script], min_size=4, max_size=9)
    word, at = data.draw(letters), data.draw(st.integers(0, 3))
    letter = data.draw(st.sampled_from(LETTERS[script]))
    meant = (
        word[:at] + word[at + 1 :], word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :], word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    )  # fmt: skip

    assert {each for each in meant if each != word} <= one_slip(word)


async def test_long_words_may_have_two_slips_behind_their_beginning(catalogue: Catalogue) -> None:
    await catalogue.save(title("Shakespeare"))

    for word in ("shaksper", "emma", "hsakespaere"):
        assert await catalogue.read(lambda tx, word=word: nearest(tx, word)) == {}, word
    for word in ("shackspeare", "shakespaere", "shakesper"):
        found = await catalogue.read(lambda tx, word=word: nearest(tx, word))
        assert found == {"shakespeare": slips(word, "shakespeare")}, word


async def test_short_words_and_numbers_are_left_as_they_are(catalogue: Catalogue) -> None:
    await catalogue.save(title("War of 1984"))

    for word in ("wal", "19845", "1948x"):
        found = await catalogue.read(lambda tx, word=word: nearest(tx, word))
        assert found == ({} if word == "wal" else {"1984": 1} if word == "19845" else {}), word


async def test_of_many_those_count_that_begin_alike(catalogue: Catalogue) -> None:
    await catalogue.save(title(" ".join(f"{letter}hing" for letter in LATIN)), title("thingy"))
    await catalogue.save(title(" ".join(f"thin{letter}" for letter in LATIN)))

    found = await catalogue.read(lambda tx: nearest(tx, "thing"))

    assert len(found) == MOST
    assert all(word.startswith("t") for word in found)
    assert list(found) == sorted(found)


@pytest.mark.parametrize("word", ["a" * LONGEST, "а" * LONGEST, "字" * LONGEST, "\ud7fb" * 9])
async def test_any_word_is_looked_for_quickly(catalogue: Catalogue, word: str) -> None:
    await catalogue.save(title("a" * (LONGEST - 1)))

    began = time.perf_counter()
    await catalogue.read(lambda tx: nearest(tx, word))
    assert time.perf_counter() - began < 1
