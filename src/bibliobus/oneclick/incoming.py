"""Records on their way into the catalogue: which are new or changed, and those made ready.

To tell them apart is quick. To read them and to work out what they are found by is most of what an
import costs, needs no database, and can be done elsewhere (`preparing`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from bibliobus.catalogue.store import Incoming, Known, incoming
from bibliobus.oneclick.bodies import NOT_JSON
from bibliobus.oneclick.parsing import Unreadable, parse_title
from bibliobus.oneclick.wire import Identified, decoder

MAPPING = b"1"
"""How records become titles. Another one here has all of them made anew by the next import."""

_NAMED = re.compile(rb"(?<!\d)97[89]\d{10}(?!\d)")
_identified = decoder(Identified).decode


class Sifted(NamedTuple):
    """Some records: those that have to be read, and what is known without."""

    wanted: list[bytes]
    unchanged: list[Known]
    odd: list[tuple[str | None, str]]  # ISBN and reason


class Ready(NamedTuple):
    """Records that were read."""

    titles: list[Incoming]
    odd: list[tuple[str | None, str]]


def isbn_of(raw: bytes | msgspec.Raw) -> str | None:
    """The ISBN of a record, if that much can be read of it."""
    try:
        found = _identified(raw).isbn
    except NOT_JSON:
        return None
    return str(found or "").strip() or None


def isbns_named(raw: bytes | msgspec.Raw) -> set[str]:
    """All ISBNs that a record which cannot be read has in it."""
    return {found.decode() for found in _NAMED.findall(raw)}


def is_isbn(text: str) -> bool:
    """Whether the vendor can be asked for it."""
    return len(text) == 13 and text.isascii() and text.isdigit()


def fingerprint(raw: bytes) -> bytes:
    """What is another one if the record, or what we make of it, is another one."""
    return hashlib.blake2b(raw, key=MAPPING, digest_size=16).digest()


def sift(
    records: Iterable[bytes | msgspec.Raw], known: Mapping[str, Known], seen: set[str]
) -> Sifted:
    """Tell what is new or changed among media objects.

    Args:
        records: As the vendor sent them.
        known: What the catalogue has of this collection, by ISBN.
        seen: The ISBNs of all records before these; those of these are added.
    """
    found = Sifted([], [], [])
    for each in records:
        raw, isbn = bytes(each), isbn_of(each)
        if isbn is not None and isbn in seen:
            found.odd.append((isbn, "it is listed twice; the first record counts"))
            continue
        if isbn is not None:
            seen.add(isbn)
        before = known.get(isbn or "")
        if before is None or before.withdrawn or before.fingerprint != fingerprint(raw):
            found.wanted.append(raw)
        else:
            found.unchanged.append(before)
    return found


def ready(records: Sequence[bytes], institution: str, collection: str) -> Ready:
    """Make titles of media objects, on their way into a collection of an institution."""
    made = Ready([], [])
    for raw in records:
        try:
            title = parse_title(raw)
        except Unreadable as error:
            made.odd.append((error.isbn, error.reason))
        else:
            made.titles.append(
                incoming(
                    title, fingerprint(raw), owned=None,
                    institution=institution, collection=collection,
                )
            )  # fmt: skip
    return made
