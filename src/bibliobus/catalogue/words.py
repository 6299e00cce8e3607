"""Words: how text becomes what is compared, the same for both databases.

A word is folded: lower case, without accents and points, `ß` as `ss`, `ø` as `o`. Its stem goes
with it where its language has one (Snowball's), so `houses` finds `house`. Scripts that write no
blanks give a word a character.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import cache, lru_cache

import Stemmer

LONGEST = 64  # characters of a word that count

# What folding takes away: accents, points of Hebrew, vowel signs of Arabic.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
)
_UNSPACED = (  # a word each
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
# Letters and digits; what `\w` leaves out are vowels and tone marks: Syriac and Thaana, the Indic
# scripts, Thai and Lao, Tibetan, Burmese, Khmer.
_LETTER = (
    rf"[^\W_{_UNSPACED}]|[\u0710-\u074a\u0780-\u07b1\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff"
    r"\u0f40-\u0f84\u0f86-\u0fbc\u1000-\u1049\u1050-\u109f\u1780-\u17d3]"
)
_RUN = rf"(?:{_LETTER})(?:{_LETTER}|[{_MARKS}])*"
_WORD = re.compile(rf"[{_UNSPACED}]|{_RUN}(?:'{_RUN})*")
_ASCII_WORD = re.compile("[a-z0-9]+(?:'[a-z0-9]+)*")  # the same, three times as quick
_MARK = re.compile(f"[{_MARKS}]")
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i"}
)
_UNSEEN = (0xAD, 0x640, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF)
"""Where a word may be divided, how letters join and which way they run; Arabic's long dash."""
_TYPED = str.maketrans(dict.fromkeys(_UNSEEN, "") | dict.fromkeys(map(ord, "’‘ʼʻ"), "'"))

_STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish",
    "fr": "french", "ga": "irish", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lt": "lithuanian", "nb": "norwegian", "nl": "dutch", "nn": "norwegian",
    "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

_STEMMING = threading.Lock()  # a stemmer is not to be used by two threads at once


def tokens(text: str) -> list[str]:
    """The words of a text as they stand there, in lower case; `women's` is one."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    # Folding the case of `𝐀` needs it to be a plain one, and may leave letters in two pieces.
    text = unicodedata.normalize("NFKC", text.translate(_TYPED)).casefold()
    return _WORD.findall(unicodedata.normalize("NFKC", text))


def words(text: str) -> list[str]:
    """The words of a text, folded; `d'Urbervilles` is two."""
    return [part for token in tokens(text) for part in parts(token)]


def joined(text: str) -> str:
    """A whole text as one word, which only the same text is."""
    return "".join(words(text))


def forms(token: str, language: str | None) -> set[str]:
    """What a token is found by: itself, folded, its stem, and if it has apostrophes, its parts."""
    if token.isalnum():
        return {fold(token), stem(token, language)}
    several = token.split("'")
    return _folded({*several, "".join(several)}, language)


def sought(token: str, language: str | None) -> set[str]:
    """What a token that a reader typed is looked for as: itself without apostrophes, or its longest
    part, so that `king's` finds `king`, and not whatever has an `s`."""
    several = token.split("'")
    return _folded({"".join(several), max(several, key=len)}, language)


def _folded(several: set[str], language: str | None) -> set[str]:
    return {form for each in several for form in (fold(each), stem(each, language))}


@lru_cache(maxsize=20_000)
def parts(token: str) -> tuple[str, ...]:
    """What a token is made of, folded."""
    return tuple(map(fold, token.split("'")))


def fold(word: str) -> str:
    """A word in lower case without what readers leave out when they type it."""
    if not word.isascii():
        word = _MARK.sub("", unicodedata.normalize("NFD", word)).translate(_LETTERS)
    return word[:LONGEST]


def stem(word: str, language: str | None) -> str:
    """The folded stem of a word in a language, or the word itself if nobody knows stems of it."""
    stemmer = _stemmer(language)
    if stemmer is None:
        return fold(word)
    with _STEMMING:
        return fold(stemmer.stemWord(word))


@cache
def _stemmer(language: str | None) -> Stemmer.Stemmer | None:
    name = _STEMMERS.get((language or "").partition("-")[0].lower())
    return None if name is None else Stemmer.Stemmer(name)
