"""Spelling: which of the catalogue's words a misspelt one was meant as.

One slip (a letter too many, too few, another one, or two swapped) is looked for anywhere in the
word; two slips in long words, behind the first two letters.
"""

from __future__ import annotations

from collections.abc import Collection

from bibliobus.catalogue.words import parts
from bibliobus.database import Transaction, rows_among

SHORTEST, SHORTEST_OF_TWO_SLIPS = 4, 7  # letters of a word that is corrected
MOST = 12  # words that one may have been meant as

_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгґдеєжзиіклмнопрстуфхцчшщъыьэюя",
    "αβγδεζηθικλμνξοπρστυφχψω",
)


def nearest(tx: Transaction, token: str) -> dict[str, int]:
    """Words of the catalogue that a token may have been meant as, and how many slips that takes. Of
    many, those that begin as it does: few slips are made there. Of a token with an apostrophe, its
    longest part counts."""
    word = max(parts(token), key=len)
    if len(word) < SHORTEST:
        return {}
    found = dict.fromkeys(spelt_among(tx, one_slip(word)), 1)
    if not found and len(word) >= SHORTEST_OF_TWO_SLIPS:
        found = {other: 2 for other in _alike(tx, word) if slips(word, other) == 2}
    likeliest = sorted(found, key=lambda other: (other[0] != word[0], other))[:MOST]
    return {other: found[other] for other in likeliest}


def spelt_among(tx: Transaction, words: Collection[str]) -> set[str]:
    """Those of these words that the catalogue has."""
    rows = rows_among(
        tx,
        "SELECT word FROM words WHERE institution = :institution AND word IN (:values)",
        sorted(words),
    )
    return {word for (word,) in rows}


def one_slip(word: str) -> set[str]:
    """All that a word can have been meant as if one slip was made."""
    splits = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    letters = next((each for each in _ALPHABETS if word[0] in each), "")
    found = {left + right[1:] for left, right in splits if right}
    found |= {left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1}
    for letter in letters:
        found |= {left + letter + right[1:] for left, right in splits if right}
        found |= {left + letter + right for left, right in splits}
    return found - {word}


def slips(word: str, other: str) -> int:
    """How many slips lie between two words (Damerau and Levenshtein's, of neighbours swapped)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, here in enumerate(word, 1):
        before, last, row = row, before, [i]
        for j, there in enumerate(other, 1):
            steps = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (here != there))
            if i > 1 and j > 1 and here == other[j - 2] and there == word[i - 2]:
                steps = min(steps, last[j - 2] + 1)
            row.append(steps)
    return row[-1]


def _alike(tx: Transaction, word: str) -> list[str]:
    """Words of about this length that begin with the same two letters."""
    rows = tx.rows(
        "SELECT word FROM words WHERE institution = :institution AND word >= :first"
        " AND word < :after AND length(word) BETWEEN :shortest AND :longest",
        first=word[:2], after=word[0] + chr(ord(word[1]) + 1),
        shortest=len(word) - 2, longest=len(word) + 2,
    )  # fmt: skip
    return [other for (other,) in rows]
