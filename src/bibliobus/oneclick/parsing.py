"""One record of the vendor's to one title of ours.

What the vendor writes for "nothing" (`Default Blank`, the year 1, an empty text, its own picture of
a book) becomes nothing. Of a title that cannot be one, the reason is told.

Source: spec/oneclick-api 2; where that marks a deviation from the first client, ours is the
recommended one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import TypeVar

import msgspec

from bibliobus.catalogue.records import Contributor, Medium, Role, Title
from bibliobus.ils.records import Format
from bibliobus.oneclick.access import ADOBE
from bibliobus.oneclick.bodies import NOT_JSON
from bibliobus.oneclick.genres import (
    SAY_NOTHING,
    audience_of,
    genre_subject,
    genres_of,
    subjects_of,
)
from bibliobus.oneclick.languages import language, token
from bibliobus.oneclick.names import contributors_of, heading_of, series_of, sort_title
from bibliobus.oneclick.texts import line, prose
from bibliobus.oneclick.wire import (
    Identified,
    Image,
    Interest,
    MediaObject,
    SearchEntry,
    SearchItem,
    Token,
    day,
    decoder,
)

MEDIA: Mapping[str, Medium] = {
    "ebook": Medium.EBOOK,
    "eaudio": Medium.EAUDIO,
    "emagazine": Medium.EMAGAZINE,
    "ecomic": Medium.ECOMIC,
}
"""By what the vendor calls them, in small letters."""

FORMATS: Mapping[Medium, tuple[Format, ...]] = {
    Medium.EBOOK: (Format(media_type="application/epub+zip", protection=ADOBE),),
    Medium.EAUDIO: (Format(media_type="application/audiobook+json"),),
}
"""The vendor never offers a choice."""

COVERS = ("xx-large", "x-large", "large", "medium", "small")
THUMBNAILS = ("medium", "small")
NO_PICTURE = "/default/OCD_image"
OWNED = 3  # the one state of interest that is known

T = TypeVar("T")
Encoded = bytes | memoryview | msgspec.Raw
_Needed = tuple[str, Medium, str]

_IDENTIFIED = decoder(Identified)
_MEDIA_OBJECT = decoder(MediaObject)
_ENTRY = decoder(SearchEntry)


class Unreadable(Exception):
    """A record that cannot become a title. `reason` is for a librarian to read."""

    def __init__(self, reason: str, isbn: str | None = None) -> None:
        super().__init__(f"{isbn or 'no ISBN'}: {reason}")
        self.reason, self.isbn = reason, isbn


class SearchFound(msgspec.Struct, frozen=True, kw_only=True):
    """A title that a search found, and what the library has to do with it."""

    title: Title
    owned: bool
    available: bool | None  # None: not said


def parse_title(raw: Encoded) -> Title:
    """A media object, as `media/all`, `media/{isbn}` and the deltas of E1 to E3 have it.

    Raises:
        Unreadable: It is none, or lacks what no title can do without.
    """
    sent = _decoded(raw, _MEDIA_OBJECT)
    isbn, medium, name = _needed(sent.isbn, sent.media_type, sent.title)
    tag = _tag(line(sent.language))
    bisac = line(sent.genres)
    genres = line(sent.primary_genre)
    series = series_of(line(sent.series_name), sent.series_position)
    heading = heading_of(name, tag, series.name if series else None)
    return Title(
        medium=medium,
        title=heading.title,
        sort_title=heading.sort_title,
        isbn=isbn,
        subtitle=heading.subtitle,
        contributors=_people(sent.authors, sent.narrators),
        series=series,
        publisher=line(sent.publisher) or None,
        published_on=_published((sent.publication_date or "")[:10]),
        language=tag,
        audience=audience_of(line(sent.audience), bisac),
        genres=genres_of(genres),
        subjects=subjects_of(bisac, genres),
        description=prose(sent.description),
        cover=_picture(sent.images, COVERS),
        thumbnail=_picture(sent.images, THUMBNAILS),
        formats=FORMATS.get(medium, ()),
        protected=sent.has_digital_rights,
    )


def parse_search_item(raw: Encoded) -> SearchFound:
    """An entry of `SearchPage.items`.

    Raises:
        Unreadable: It is none, or lacks what no title can do without.
    """
    entry = _decoded(raw, _ENTRY)
    owned, available = _interest(entry.interest or Interest())
    return SearchFound(title=_title_of(entry.item), owned=owned, available=available)


def _title_of(sent: SearchItem) -> Title:
    isbn, medium, name = _needed(sent.isbn, sent.media_type, sent.title)
    tag = _tag(line(sent.language))
    genres = {token(each.token or ""): line(each.text) for each in sent.genres or ()}
    codes = tuple(code for code in genres if code not in SAY_NOTHING)
    publisher = sent.publisher.text if isinstance(sent.publisher, Token) else sent.publisher
    series = sent.series or Token()
    return Title(
        medium=medium,
        title=name,
        sort_title=sort_title(name, tag),
        isbn=isbn,
        subtitle=line(sent.subtitle) or None,
        contributors=_people(_joined(sent.authors), _joined(sent.narrators)),
        series=series_of(line(series.text), sent.series_position),
        publisher=line(publisher) or None,
        published_on=day(sent.scheduled_release_on),  # the library's midnight is after UTC's
        language=tag,
        audience=audience_of(line(sent.audience), ""),
        genres=codes,
        subjects=tuple(genre_subject(code, genres[code]) for code in codes),
        description=prose(sent.short_description),
        cover=_picture(sent.images, COVERS),
        thumbnail=_picture(sent.images, THUMBNAILS),
        formats=FORMATS.get(medium, ()),
        protected=sent.has_drm,
    )


def _decoded(raw: Encoded, reader: msgspec.json.Decoder[T]) -> T:
    problem = ""
    try:
        return reader.decode(raw)
    except msgspec.ValidationError as error:
        problem = f"its form is not the vendor's usual one: {error}"
    except NOT_JSON:
        problem = "it is no JSON"
    raise Unreadable(problem, _isbn_in(raw))


def _isbn_in(raw: Encoded) -> str | None:
    """The ISBN of what is unreadable otherwise, so that somebody can look it up."""
    try:
        return str(_IDENTIFIED.decode(raw).isbn or "").strip() or None
    except NOT_JSON:
        return None


def _needed(isbn: str | int | None, media_type: str | None, title: str | None) -> _Needed:
    """What no title can do without."""
    number = str(isbn or "").strip()
    if len(number) != 13 or not number.isascii() or not number.isdigit():
        reason = "its ISBN has not 13 digits" if number else "it has no ISBN"
        raise Unreadable(reason, number[:40] or None)
    medium = MEDIA.get((media_type or "").strip().lower())
    if medium is None:
        kind = line(media_type)[:40] or "nothing"
        raise Unreadable(f"it is {kind!r}, and only e-books and e-audio are known", number)
    name = line(title)
    if not name:
        raise Unreadable("it has no title", number)
    return number, medium, name


@lru_cache(maxsize=512)
def _tag(name: str) -> str | None:
    found = language(name)
    return None if found is None else found.tag


@lru_cache(maxsize=4096)
def _published(text: str) -> date | None:
    return day(text)


def _people(authors: str | None, narrators: str | None) -> tuple[Contributor, ...]:
    people = contributors_of(line(authors), Role.AUTHOR) if authors else ()
    return people + contributors_of(line(narrators), Role.NARRATOR) if narrators else people


def _joined(people: Iterable[Token] | None) -> str:
    return ";".join(each.text or "" for each in people or ())


def _picture(images: tuple[Image, ...] | None, sizes: tuple[str, ...]) -> str | None:
    """The address of the first of these sizes that there is and that has a picture."""
    by_size = {each.name: each.url for each in images or ()}
    for size in sizes:
        url = by_size.get(size)
        if url and url.startswith(("http://", "https://")) and url.isprintable():
            return None if NO_PICTURE in url else url
    return None


def _interest(interest: Interest) -> tuple[bool, bool | None]:
    """Whether the library owns it, as a later answer says, else by the state; and whether it can
    be had now."""
    by_state = interest.state_id == OWNED or interest.name == "library"
    owned = by_state if interest.is_owned is None else interest.is_owned
    return owned, interest.is_available
