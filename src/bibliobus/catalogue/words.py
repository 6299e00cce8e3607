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

_MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670"  # that folding takes away
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # a word each
# Letters and digits; what `\w` leaves out are vowels and tone marks of Indic scripts and Thai.
_LETTER = rf"[^\W_{_UNSPACED}]|[{_MARKS}\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff\u1000-\u109f]"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:{_LETTER})+(?:['’](?:{_LETTER})+)*")
_ASCII_WORD = re.compile("[a-z0-9]+(?:'[a-z0-9]+)*")  # the same, three times as quick
_PART = re.compile("['’]")
_MARK = re.compile(f"[{_MARKS}]")
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i"}
)

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
    return _WORD.findall(unicodedata.normalize("NFC", text.casefold()))


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
    several = _PART.split(token)
    several.append("".join(several))
    return {form for part in several for form in (fold(part), stem(part, language))}


@lru_cache(maxsize=50_000)
def parts(token: str) -> tuple[str, ...]:
    """What a token is made of, folded."""
    return tuple(map(fold, _PART.split(token)))


def fold(word: str) -> str:
    """A word in lower case without what readers leave out when they type it."""
    if not word.isascii():
        word = _MARK.sub("", unicodedata.normalize("NFKD", word)).translate(_LETTERS)
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
