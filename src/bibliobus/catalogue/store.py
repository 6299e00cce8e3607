"""Where titles are kept: in one table, whoever lends them, each with its terms in the search index.

A vendor's title is known by its collection and ISBN, one of the library's own by its key. All
functions work inside the caller's transaction, and leave row and index as one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from bibliobus.catalogue import terms
from bibliobus.catalogue.records import Contributor, Medium, Role, Title
from bibliobus.catalogue.terms import analysed, flags
from bibliobus.database import Transaction, to_database

INDEXED_TOGETHER = 500
EDITIONS = 20  # of one work that are looked at
LENDABLE = (Medium.EBOOK, Medium.EAUDIO)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Title).decode


class Known(NamedTuple):
    """What is known of a vendor's title without its record."""

    key: int
    medium: Medium
    fingerprint: bytes | None
    owned: bool | None
    available: bool | None
    withdrawn: bool


class There(NamedTuple):
    """What changes from day to day of a title that is there."""

    key: int
    owned: bool | None
    available: bool | None


class Found(NamedTuple):
    """A title as it stands in the catalogue."""

    key: int
    collection: str | None  # that lends it; None: the library's own
    title: Title
    owned: bool | None  # None: not known
    available: bool | None  # None: not known, or more than the catalogue can say


class Incoming(NamedTuple):
    """A title as a source has it now, with all that can be worked out before the database is
    asked."""

    medium: Medium
    fingerprint: bytes  # of the source's own record
    row: dict[str, object]
    terms: str
    words: set[str]


def incoming(
    title: Title, fingerprint: bytes, *, owned: bool | None, institution: str, collection: str
) -> Incoming:
    """A title, which has an ISBN, on its way into a collection.

    Args:
        title: All that is known of it.
        fingerprint: Of the source's own record.
        owned: Whether the library has it; None: the source does not say.
        institution: Whose catalogue it goes into.
        collection: Who lends it there.
    """
    row: dict[str, object] = {
        "collection": collection, "isbn": title.isbn, "medium": title.medium.value,
        "title": title.title,
        "author": "; ".join([by.name for by in title.by(Role.AUTHOR)]) or None,
        "language": title.language, "record": _encode(title).decode(),
        "fingerprint": fingerprint, "owned": owned,
    }  # fmt: skip
    found = analysed(title, institution=institution, collection=collection)
    return Incoming(title.medium, fingerprint, row, " ".join(found.terms), found.words)


def known_titles(tx: Transaction, collection: str) -> dict[str, Known]:
    """All titles of a collection that were ever there, by ISBN."""
    rows = tx.rows(
        "SELECT isbn, key, medium, fingerprint, owned, available, withdrawn_at IS NOT NULL"
        " FROM titles WHERE institution = :institution AND collection = :collection",
        collection=collection,
    )
    media = {each.value: each for each in Medium}
    return {
        isbn: Known(key, media[medium], mark, _flag(owned), _flag(available), bool(withdrawn))
        for isbn, key, medium, mark, owned, available, withdrawn in rows
    }


def there(tx: Transaction, collection: str, medium: Medium) -> dict[str, There]:
    """The titles of a collection and medium that are not withdrawn, by ISBN."""
    rows = tx.rows(
        "SELECT isbn, key, owned, available FROM titles WHERE institution = :institution"
        " AND collection = :collection AND medium = :medium AND withdrawn_at IS NULL",
        collection=collection,
        medium=medium.value,
    )
    return {
        isbn: There(key, _flag(owned), _flag(available)) for isbn, key, owned, available in rows
    }


_SAVE = """
INSERT INTO titles (institution, collection, isbn, medium, title, author, language, record,
    fingerprint, owned, added_at, indexed)
VALUES (:institution, :collection, :isbn, :medium, :title, :author, :language, :record,
    :fingerprint, :owned, :now, TRUE)
ON CONFLICT (institution, collection, isbn) WHERE collection IS NOT NULL DO UPDATE SET
    medium = excluded.medium, title = excluded.title, author = excluded.author,
    language = excluded.language, record = excluded.record, fingerprint = excluded.fingerprint,
    owned = CASE WHEN titles.withdrawn_at IS NULL THEN coalesce(excluded.owned, titles.owned)
        ELSE excluded.owned END,
    available = CASE WHEN titles.withdrawn_at IS NULL THEN titles.available END,
    withdrawn_at = NULL, indexed = TRUE
RETURNING key, owned, available
"""


def save(
    tx: Transaction, titles: Sequence[Incoming], known: Mapping[str, Known], now: datetime
) -> list[Known]:
    """Keep titles of a collection, new ones and changed ones; what stands then, in their order.

    One that had been withdrawn is there again, and nothing is known of its availability. Their
    words are not spelt yet: whoever saves many titles knows which are.

    Args:
        tx: The transaction, in the institution's name.
        titles: No ISBN among them twice.
        known: Those of the collection that are there, by ISBN.
        now: When new ones came.
    """
    rows = tx.many(_SAVE, [each.row | {"now": to_database(now)} for each in titles])
    saved = [
        Known(key, each.medium, each.fingerprint, _flag(owned), _flag(available), False)
        for each, (key, owned, available) in zip(titles, rows, strict=True)
    ]
    _unindex(tx, [known[isbn].key for each in titles if (isbn := str(each.row["isbn"])) in known])
    _index(
        tx,
        {
            it.key: f"{each.terms} {flags(it.owned, it.available)}"
            for each, it in zip(titles, saved, strict=True)
        },
    )
    return saved


def set_flags(tx: Transaction, known: Mapping[int, tuple[bool | None, bool | None]]) -> None:
    """Keep whether titles, by key, are owned and available now; None: not known."""
    tx.many(
        "UPDATE titles SET owned = :owned, available = :available"
        " WHERE institution = :institution AND key = :key",
        [
            {"key": key, "owned": owned, "available": available}
            for key, (owned, available) in known.items()
        ],
    )
    _index_again(tx, read(tx, known))


def withdraw(tx: Transaction, keys: Collection[int], now: datetime) -> None:
    """Note that the vendor has these titles no more. Nothing finds them, and their loans and holds
    go on to their end."""
    tx.many(
        "UPDATE titles SET withdrawn_at = :now, available = FALSE, indexed = TRUE"
        " WHERE institution = :institution AND key = :key",
        [{"key": key, "now": to_database(now)} for key in keys],
    )
    _unindex(tx, keys)


def read(tx: Transaction, keys: Iterable[int]) -> list[Found]:
    """Titles by their keys, in this order; one that is not there is left out."""
    rows = tx.many(
        "SELECT key, collection, record, owned, available, title, author, language FROM titles"
        " WHERE institution = :institution AND key = :key AND withdrawn_at IS NULL",
        [{"key": key} for key in keys],
    )
    return [_found(*row) for row in rows]


def title_of(
    tx: Transaction, collection: str, isbn: str, *, also_withdrawn: bool = False
) -> Found | None:
    """A title of a collection, unless it is withdrawn: those are only for who still has them."""
    row = tx.row(
        "SELECT key, collection, record, owned, available, title, author, language FROM titles"
        " WHERE institution = :institution AND collection = :collection AND isbn = :isbn"
        " AND (withdrawn_at IS NULL OR :also_withdrawn)",
        collection=collection, isbn=isbn, also_withdrawn=also_withdrawn,
    )  # fmt: skip
    return None if row is None else _found(*row)


def edition_of(tx: Transaction, collection: str, key: int, title: str) -> Found | None:
    """What a collection lends of the same work as one of the library's own titles: of the same
    title and author, accents and punctuation apart. One that can be borrowed comes first.

    Args:
        tx: The transaction, in the institution's name.
        collection: Who is to lend it.
        key: Of the library's own title.
        title: Its text, so that the key of another ILS is none of ours by chance.
    """
    row = tx.row(
        "SELECT author FROM titles WHERE institution = :institution AND key = :key"
        " AND collection IS NULL AND title = :title AND author IS NOT NULL",
        key=key, title=title,
    )  # fmt: skip
    if row is None:
        return None
    groups = [
        [terms.whole(title)],
        [terms.whole(row[0])],
        [terms.encoded(terms.COLLECTION, collection)],
        [terms.encoded(terms.INSTITUTION, tx.institution)],
    ]
    found = [each for each in read(tx, tx.search("title_terms", groups, EDITIONS)) if is_lent(each)]
    return min(found, key=lambda each: each.available is not True, default=None)


def counts(tx: Transaction, collection: str) -> dict[str, dict[str, int]]:
    """How many titles of each medium a collection has, and how many of them are owned, available
    and withdrawn."""
    rows = tx.rows(
        "SELECT medium, sum(CASE WHEN withdrawn_at IS NULL THEN 1 ELSE 0 END),"
        " sum(CASE WHEN withdrawn_at IS NULL AND owned THEN 1 ELSE 0 END),"
        " sum(CASE WHEN withdrawn_at IS NULL AND available THEN 1 ELSE 0 END),"
        " sum(CASE WHEN withdrawn_at IS NULL THEN 0 ELSE 1 END) FROM titles"
        " WHERE institution = :institution AND collection = :collection"
        " GROUP BY medium ORDER BY medium",
        collection=collection,
    )
    return {
        medium: {"titles": titles, "owned": owned, "available": free, "withdrawn": withdrawn}
        for medium, titles, owned, free, withdrawn in rows
    }


def is_lent(found: Found) -> bool:
    """Whether a vendor lends this title here: an e-book or e-audio that the library owns."""
    return found.title.medium in LENDABLE and bool(found.owned)


def index_titles(tx: Transaction) -> None:
    """Index titles of the institution that are not indexed yet: the library's own when they are
    new, and those of a database that an older version has made."""
    with tx.unhurried():
        indexed = 0
        while keys := _not_indexed(tx):
            spell(tx, _index_again(tx, read(tx, keys)))
            tx.many(
                "UPDATE titles SET indexed = TRUE WHERE institution = :institution AND key = :key",
                [{"key": key} for key in keys],
            )
            indexed += len(keys)
        if indexed > INDEXED_TOGETHER:
            tx.settle("title_terms")


def _not_indexed(tx: Transaction) -> list[int]:
    rows = tx.rows(
        "SELECT key FROM titles WHERE NOT indexed AND institution = :institution LIMIT :most",
        most=INDEXED_TOGETHER,
    )
    return [key for (key,) in rows]


def spell(tx: Transaction, words: Collection[str]) -> None:
    """Remember words as what a misspelt one may have been meant as."""
    tx.many(
        "INSERT INTO words (institution, word) VALUES (:institution, :word) ON CONFLICT DO NOTHING",
        [{"word": word} for word in sorted(words)],
    )


def spelt(tx: Transaction) -> set[str]:
    """All words that are remembered."""
    rows = tx.rows("SELECT word FROM words WHERE institution = :institution")
    return {word for (word,) in rows}


def _index(tx: Transaction, terms: Mapping[int, str]) -> None:
    tx.many(
        "INSERT INTO title_terms (rowid, terms) VALUES (:key, :terms)",
        [{"key": key, "terms": its} for key, its in terms.items()],
    )


def _index_again(tx: Transaction, titles: Sequence[Found]) -> set[str]:
    """Put the terms of titles into the index, in the place of those that are there; their words."""
    _unindex(tx, [each.key for each in titles])
    terms, words = {}, set()
    for each in titles:
        found = analysed(each.title, institution=tx.institution, collection=each.collection)
        owned = each.collection is None or each.owned
        terms[each.key] = f"{' '.join(found.terms)} {flags(owned, each.available)}"
        words |= found.words
    _index(tx, terms)
    return words


def _unindex(tx: Transaction, keys: Iterable[int]) -> None:
    tx.many("DELETE FROM title_terms WHERE rowid = :key", [{"key": key} for key in keys])


def _found(
    key: int,
    collection: str | None,
    record: str | None,
    owned: int | None,
    available: int | None,
    title: str,
    author: str | None,
    language: str | None,
) -> Found:
    whole = _of_our_own(title, author, language) if record is None else _decode(record)
    return Found(key, collection, whole, _flag(owned), _flag(available))


def _of_our_own(title: str, author: str | None, language: str | None) -> Title:
    """What the embedded ILS knows of a title, as a record."""
    by = () if author is None else (Contributor(name=author, sort_name=author),)
    return Title(
        medium=Medium.PRINT, title=title, sort_title=title, contributors=by, language=language
    )


def _flag(stored: int | None) -> bool | None:
    return None if stored is None else bool(stored)
