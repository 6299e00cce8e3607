"""An audiobook as players want it: a Readium manifest, which lists its parts in their order.

A part's address is ours, and leads on to the vendor's when it is asked for, since the vendor's
live for minutes only. Sizes are left out: the manifest has no place for them.

Source: Readium Web Publication Manifest, audiobook profile
(https://readium.org/webpub-manifest/profiles/audiobook); spec/oneclick-api 2.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from posixpath import splitext
from urllib.parse import urlsplit

from bibliobus.ils import Audiobook, AudiobookPart

MEDIA_TYPE = "application/audiobook+json"

_IMAGES: Mapping[str, str] = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}


def manifest(
    book: Audiobook,
    address: Callable[[int], str],
    *,
    itself: str,
    whole: str | None = None,
) -> dict[str, object]:
    """The manifest of an audiobook, ready for JSON. What is not known is not in it.

    Args:
        book: As whoever lends it describes it.
        address: The URL of a part, by its number from 0.
        itself: The manifest's own URL.
        whole: The URL of the book in one piece; left out if it cannot be had so.
    """
    resources = [] if book.cover is None else [_cover(book.cover)]
    return _known(
        {
            "@context": "https://readium.org/webpub-manifest/context.jsonld",
            "metadata": _metadata(book),
            "links": _links(book, itself, whole),
            "readingOrder": [_part(part, address(n)) for n, part in enumerate(book.parts)],
            "resources": resources,
        }
    )


def _metadata(book: Audiobook) -> dict[str, object]:
    return _known(
        {
            "@type": "http://schema.org/Audiobook",
            "conformsTo": "https://readium.org/webpub-manifest/profiles/audiobook",
            "identifier": f"urn:isbn:{book.isbn}",
            "title": book.title,
            "author": [*book.authors],
            "narrator": [*book.narrators],
            "publisher": book.publisher,
            "language": book.language,
            "duration": _seconds(_duration(book)),
            "description": book.description,
        }
    )


def _links(book: Audiobook, itself: str, whole: str | None) -> list[dict[str, object]]:
    links: list[dict[str, object]] = [{"rel": "self", "href": itself, "type": MEDIA_TYPE}]
    if whole is not None and book.whole is not None:
        links.append({"rel": "alternate", "href": whole, "type": book.whole})
    return links


def _part(part: AudiobookPart, address: str) -> dict[str, object]:
    return _known(
        {
            "href": address,
            "type": part.media_type,
            "title": part.title,
            "duration": _seconds(part.duration),
        }
    )


def _cover(url: str) -> dict[str, object]:
    suffix = splitext(urlsplit(url).path)[1].lower()
    return _known({"rel": "cover", "href": url, "type": _IMAGES.get(suffix)})


def _duration(book: Audiobook) -> timedelta | None:
    """Of the whole book; the profile wants it, so it is added up if nobody says it."""
    if book.duration is not None:
        return book.duration
    lengths = [part.duration for part in book.parts if part.duration is not None]
    return sum(lengths, timedelta()) if len(lengths) == len(book.parts) else None


def _seconds(length: timedelta | None) -> float | None:
    """Nothing for no time at all, which the manifest's schema does not take."""
    return length.total_seconds() if length else None


def _known(members: dict[str, object]) -> dict[str, object]:
    """Without what is empty: OPDS and Readium know no null."""
    return {name: value for name, value in members.items() if value not in (None, "", [])}
