"""Words: whatever a title is written in, its words are found as readers type them."""

from __future__ import annotations

import string
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.catalogue.words import fold, forms, joined, sought, stem, tokens, words

SMALL = string.ascii_lowercase + string.digits
NOT_SMALL = set(map(chr, range(128))) - set(SMALL)
ANY_TEXT = st.text(st.characters(codec=None), max_size=60)  # lone surrogates as well


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Wuthering Heights", ["wuthering", "heights"]),
        ("Les Misérables", ["les", "miserables"]),
        ("Straße, STRASSE", ["strasse", "strasse"]),
        (
            "Gösta; Ærø; Łódź; Đorđe",
            ["gosta", "aero", "lodz", "dorde"],
        ),
        ("İstanbul'da ışık", ["istanbul", "da", "isik"]),
        ("Cœur de pirate & Œdipe", ["coeur", "de", "pirate", "oedipe"]),
        ("Ὀδύσσεια, ΟΔΥΣΣΕΙΑΣ", ["οδυσσεια", "οδυσσειασ"]),
        ("Ёлка и Щёголь", ["елка", "и", "щеголь"]),
        ("أَلْفُ لَيْلَةٍ وَلَيْلَةٌ", ["الف", "ليلة", "وليلة"]),
        ("كـــتاب", ["كتاب"]),
        ("שָׁלוֹם עֲלֵיכֶם", ["שלום", "עליכם"]),
        ("हिन्दी की किताब।", ["हिन्दी", "की", "किताब"]),
        ("ภาษาไทย เบื้องต้น", ["ภาษาไทย", "เบื้องต้น"]),
        ("ភាសាខ្មែរ", ["ភាសាខ្មែរ"]),
        ("ދިވެހި", ["ދިވެހި"]),
        ("བོད་ཡིག", ["བོད", "ཡིག"]),
        ("紅樓夢", ["紅", "樓", "夢"]),
        ("𠀋", ["𠀋"]),
        ("ジョン・スミス", [fold(each) for each in "ジョンスミス"]),
        ("ｼﾞｮﾝ", [fold(each) for each in "ジョン"]),
        ("한국어", [unicodedata.normalize("NFD", "한국어")]),
        ("K2, 1984 & C3PO", ["k2", "1984", "c3po"]),
        ("snake_case", ["snake", "case"]),
        ("half\u00adway", ["halfway"]),
        ("می‌خواهم", ["میخواهم"]),
    ],
)
def test_a_text_falls_into_folded_words(written: str, read: list[str]) -> None:
    assert words(written) == read


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cafe\u0301", "Café"),
        ("ﬁnal", "final"),
        ("𝐇𝐞𝐚𝐫𝐭", "heart"),
        ("Ｔｏｋｙｏ", "tokyo"),
        ("⑴", "1"),
        ("½", "1 2"),
        ("ﷺ", "صلى الله عليه وسلم"),
        ("O’Brien O‘Brien OʼBrien", "O'Brien O'Brien O'Brien"),
        ("Hawaiʻi", "Hawai'i"),
        ("İ", "i"),
    ],
)
def test_what_looks_alike_is_the_same(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    "text", ["", " ", "!!! ???", "😀🚌", "\0", "\ud800\udfff", "\u0301", "_", "'"]
)
def test_some_text_has_no_words(text: str) -> None:
    assert tokens(text) == []
    assert joined(text) == ""


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "a😀b"])
def test_what_is_no_letter_divides_words(text: str) -> None:
    assert words(text) == ["a", "b"]


def test_an_apostrophe_makes_one_token_of_several_words() -> None:
    assert tokens("Tess of the d'Urbervilles") == ["tess", "of", "the", "d'urbervilles"]
    assert words("d'Urbervilles") == ["d", "urbervilles"]
    assert words("'Tis rock'n'roll'") == ["tis", "rock", "n", "roll"]


@pytest.mark.parametrize(
    ("titled", "typed"),
    [
        ("women's", "women's"), ("women's", "womens"), ("women's", "women"), ("women", "women's"),
        ("o'brien", "o'brien"), ("o'brien", "obrien"), ("o'brien", "brien"),
        ("d'urbervilles", "urbervilles"), ("durbervilles", "d'urbervilles"),
        ("l'étranger", "etranger"), ("étranger", "l'etranger"), ("l'étranger", "letranger"),
        ("rock'n'roll", "rocknroll"),
    ],
)  # fmt: skip
def test_apostrophes_may_be_typed_or_not(titled: str, typed: str) -> None:
    assert forms(titled, "en") & sought(typed, "en")


@pytest.mark.parametrize(("titled", "typed"), [("queen's", "king's"), ("o'neill", "o'brien")])
def test_what_only_shares_a_letter_beside_an_apostrophe_is_another_word(
    titled: str, typed: str
) -> None:
    assert not forms(titled, "en") & sought(typed, "en")


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "houses", "house"),
        ("en-GB", "histories", "history"),
        ("fr", "chevaux", "cheval"),
        ("de", "häuser", "häusern"),
        ("es", "canciones", "canción"),
        ("it", "libri", "libro"),
        ("nl", "boeken", "boek"),
        ("sv", "flickorna", "flicka"),
        ("fi", "taloissa", "talo"),
        ("ru", "книгами", "книга"),
        ("el", "βιβλία", "βιβλίου"),
        ("hu", "házak", "ház"),
        ("nb", "bøkene", "bøker"),
    ],
)
def test_a_stem_is_that_of_the_language(language: str, one: str, other: str) -> None:
    assert stem(one, language) == stem(other, language)
    assert stem(one, None) == fold(one) != fold(other)


@pytest.mark.parametrize("language", [None, "", "zh", "tlh", "x"])
def test_a_language_without_stems_keeps_its_words(language: str | None) -> None:
    assert forms("houses", language) == {"houses"}


def test_a_very_long_word_is_cut() -> None:
    long = "a" * 100_000

    assert words(long) == ["a" * 64]
    assert sought(long, "en") & forms(long, "en")
    assert words("ß" * 100) == ["s" * 64]


def test_a_very_long_text_takes_no_time() -> None:
    began = time.perf_counter()
    for text in (
        "a'" * 50_000,
        "é’" * 50_000,
        "é\u0301" * 50_000,
        "\u0301" * 100_000,
        "字" * 100_000,
    ):
        words(text)

    assert time.perf_counter() - began < 2


@given(ANY_TEXT)
def test_words_are_of_folded_letters_and_digits(text: str) -> None:
    for token in tokens(text):
        for form in forms(token, "en") | sought(token, "de"):
            assert form
            assert not any(each.isspace() or each in "\0\ufffd" for each in form)
            assert not set(form) & NOT_SMALL


@given(ANY_TEXT)
def test_words_of_words_are_the_same(text: str) -> None:
    assert words(" ".join(words(text))) == words(text)


@given(ANY_TEXT)
def test_case_and_composed_accents_do_not_matter(text: str) -> None:
    assert words(unicodedata.normalize("NFD", text)) == words(text)
    assert words(text.casefold()) == words(text)


def test_no_character_becomes_one_that_a_query_is_made_of(request: pytest.FixtureRequest) -> None:
    step = 1 if request.config.getoption("--prove") else 97
    for each in map(chr, range(0, sys.maxunicode, step)):
        for token in tokens(f"a{each}b {each}"):
            for form in forms(token, "en"):
                assert form
                assert not set(form) & NOT_SMALL
