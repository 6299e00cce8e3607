"""A player gets an audiobook's parts in their order, and no link of the vendor's."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from bibliobus.ils import Audiobook, AudiobookPart
from bibliobus.opds.audiobooks import manifest

HERE = "https://library.example/MAIN/oneclick/9781456103859"
LENGTHS = [
    69,
    *(2632 for _ in range(19)),
    2633,
]  # seconds: the sum and first of spec/oneclick-api 2.7

GREATEST = Audiobook(
    isbn="9781456103859",
    title="The Greatest: Muhammad Ali",
    authors=("Walter Dean Myers",),
    narrators=("J.D. Jackson", "A second voice"),
    publisher="Recorded Books, Inc.",
    description="Float like a butterfly, sting like a bee.",
    language="en",
    cover="https://images.example/78226/78226_image_512x512_iTunes.PNG?v=2",
    duration=timedelta(seconds=52710),
    size=316_314_528,
    parts=tuple(
        AudiobookPart(
            media_type="audio/mpeg",
            title="Introduction" if n == 0 else f"Chapter {n}",
            duration=timedelta(seconds=seconds),
            size=417_200,
        )
        for n, seconds in enumerate(LENGTHS)
    ),
    whole="application/zip",
)
BARE = Audiobook(isbn="9781456103859", title="The Greatest: Muhammad Ali")


def part(n: int) -> str:
    return f"{HERE}/parts/{n}"


def made_of(book: Audiobook, whole: str | None = f"{HERE}/whole") -> Any:
    """The manifest as a player reads it."""
    return json.loads(json.dumps(manifest(book, part, itself=f"{HERE}/manifest", whole=whole)))


def test_describes_the_book() -> None:
    made = made_of(GREATEST)

    assert made["@context"] == "https://readium.org/webpub-manifest/context.jsonld"
    assert made["metadata"] == {
        "@type": "http://schema.org/Audiobook",
        "conformsTo": "https://readium.org/webpub-manifest/profiles/audiobook",
        "identifier": "urn:isbn:9781456103859",
        "title": "The Greatest: Muhammad Ali",
        "author": ["Walter Dean Myers"],
        "narrator": ["J.D. Jackson", "A second voice"],
        "publisher": "Recorded Books, Inc.",
        "language": "en",
        "duration": 52710.0,
        "description": "Float like a butterfly, sting like a bee.",
    }


def test_lists_the_parts_in_their_order_at_our_addresses() -> None:
    order = made_of(GREATEST)["readingOrder"]

    assert len(order) == 21
    assert order[0] == {
        "href": part(0),
        "type": "audio/mpeg",
        "title": "Introduction",
        "duration": 69.0,
    }
    assert [each["href"] for each in order] == [part(n) for n in range(21)]


def test_leads_to_itself_and_to_the_whole() -> None:
    own = {"rel": "self", "href": f"{HERE}/manifest", "type": "application/audiobook+json"}
    whole = {"rel": "alternate", "href": f"{HERE}/whole", "type": "application/zip"}

    assert made_of(GREATEST)["links"] == [own, whole]
    assert made_of(GREATEST, whole=None)["links"] == [own]
    assert made_of(replace(GREATEST, whole=None))["links"] == [own]


@pytest.mark.parametrize(
    ("cover", "media_type"),
    [
        ("https://images.example/a.png", "image/png"),
        ("https://images.example/a.PNG?v=2", "image/png"),
        ("https://images.example/a.jpg", "image/jpeg"),
        ("https://images.example/a.jpeg", "image/jpeg"),
        ("https://images.example/a.b/cover", None),
        ("https://images.example/?file=a.png", None),
    ],
)
def test_shows_the_cover_as_what_its_name_says(cover: str, media_type: str | None) -> None:
    (link,) = made_of(replace(GREATEST, cover=cover))["resources"]

    assert (link["rel"], link["href"], link.get("type")) == ("cover", cover, media_type)


def test_leaves_out_what_nobody_knows() -> None:
    made = made_of(BARE)

    assert set(made) == {"@context", "metadata", "links"}
    assert set(made["metadata"]) == {"@type", "conformsTo", "identifier", "title"}


def test_adds_up_the_parts_if_nobody_says_how_long_the_book_is() -> None:
    assert sum(LENGTHS) == 52710
    assert made_of(replace(GREATEST, duration=None))["metadata"]["duration"] == 52710.0

    one_unknown = (*GREATEST.parts, AudiobookPart(media_type="audio/mpeg"))
    unknown = made_of(replace(GREATEST, duration=None, parts=one_unknown))
    assert "duration" not in unknown["metadata"]
    assert unknown["readingOrder"][-1] == {"href": part(21), "type": "audio/mpeg"}
