"""Spelling: which of the catalogue's words a misspelt one was meant as.

One slip (a letter too many, too few, another one, or two swapped) is looked for anywhere in the
word; two slips in long words, behind the first two letters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from bibliobus.catalogue.words import fold
from bibliobus.database import Transaction

SHORTEST, SHORTEST_OF_TWO_SLIPS = 4, 7  # letters of a word that is corrected
MOST_TRIED = 3  # corrections of a word
MOST_WEIGHED = 12  # of which it is known how frequent they are

_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзиклмнопрстуфхцчшщъыьэюя",
    "αβγδεζηθικλμνξοπρσςτυφχψω",
)


def nearest(tx: Transaction, word: str, frequency: Callable[[str], int]) -> Iterator[str]:
    """Words of the catalogue that may be meant, the likeliest first: fewest slips, then most
    titles. `frequency` says how many titles have a word."""
    word = fold(word)
    if len(word) < SHORTEST:
        return
    found = dict.fromkeys(_known(tx, one_slip(word)), 1)
    if not found and len(word) >= SHORTEST_OF_TWO_SLIPS:
        found = {other: 2 for other in _alike(tx, word) if slips(word, other) == 2}
    weighed = [
        (count, -frequency(other), other) for other, count in islice(found.items(), MOST_WEIGHED)
    ]
    for _, times, other in sorted(weighed)[:MOST_TRIED]:
        if times:
            yield other


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


def _known(tx: Transaction, words: set[str]) -> list[str]:
    """Those of these words that the catalogue has."""
    given = {f"word{n}": word for n, word in enumerate(sorted(words))}
    rows = tx.rows(
        "SELECT word FROM words WHERE institution = :institution"  # noqa: S608 - names of ours
        f" AND word IN ({', '.join(f':{name}' for name in given)})",
        **given,
    )
    return [word for (word,) in rows]


def _alike(tx: Transaction, word: str) -> list[str]:
    """Words of about this length that begin with the same two letters."""
    rows = tx.rows(
        "SELECT word FROM words WHERE institution = :institution AND word >= :first"
        " AND word < :after AND length(word) BETWEEN :shortest AND :longest",
        first=word[:2], after=word[0] + chr(ord(word[1]) + 1),
        shortest=len(word) - 2, longest=len(word) + 2,
    )  # fmt: skip
    return [other for (other,) in rows]
