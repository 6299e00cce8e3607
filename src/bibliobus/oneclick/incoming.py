"""Records on their way into the catalogue: what is new of them, made ready to be kept.

All of this can be done before the database is asked, and while it is busy with the ones before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from bibliobus.catalogue.store import Incoming, Known, incoming
from bibliobus.oneclick.bodies import NOT_JSON
from bibliobus.oneclick.parsing import Unreadable, parse_title
from bibliobus.oneclick.wire import Identified, decoder

MAPPING = b"1"
"""How records become titles. Another one here has all of them made anew by the next import."""

_identified = decoder(Identified).decode


class Batch(NamedTuple):
    """What is to be done about some records."""

    new: list[Incoming]
    changed: list[Incoming]
    unchanged: list[Known]
    odd: list[Unreadable]


def isbn_of(raw: bytes | msgspec.Raw) -> str | None:
    """The ISBN of a record, if that much can be read of it."""
    try:
        found = _identified(raw).isbn
    except NOT_JSON:
        return None
    return str(found) if found else None


def fingerprint(raw: bytes | msgspec.Raw) -> bytes:
    """What is another one if the record, or what we make of it, is another one."""
    return hashlib.blake2b(raw, key=MAPPING, digest_size=16).digest()


def batch(
    records: Iterable[bytes | msgspec.Raw],
    known: Mapping[str, Known],
    seen: set[str],
    *,
    institution: str,
    collection: str,
) -> Batch:
    """Tell what is new, changed and unchanged among records, and make the first two ready.

    Args:
        records: Media objects.
        known: What the catalogue has of this collection, by ISBN.
        seen: The ISBNs of all records before these; those of these are added.
        institution: Whose catalogue it is.
        collection: Who lends them.
    """
    made = Batch([], [], [], [])
    for raw in records:
        isbn = isbn_of(raw)
        if isbn is not None and isbn in seen:
            made.odd.append(Unreadable("it is listed twice; the first record counts", isbn))
            continue
        if isbn is not None:
            seen.add(isbn)
        before, mark = known.get(isbn or ""), fingerprint(raw)
        if before is not None and before.fingerprint == mark and not before.withdrawn:
            made.unchanged.append(before)
            continue
        try:
            title = parse_title(raw)
        except Unreadable as error:
            made.odd.append(error)
            continue
        ready = incoming(title, mark, owned=None, institution=institution, collection=collection)
        is_new = before is None or before.withdrawn
        (made.new if is_new else made.changed).append(ready)
    return made
