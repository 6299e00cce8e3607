"""What the vendor sends, as it sends it: one class for each kind of JSON object.

Whatever has ever been missing in an answer is optional here, and what we do not know is ignored;
wrong types are not, since then the vendor has changed. Dates stay text (`moment` and `day` read
them), so an odd one does not spoil the list that it stands in. Objects that say something of a
patron, or open something, do not show it when they are printed.

Source: spec/oneclick-api 1.2 to 1.11; keys in the order of the wire.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Sent(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What all objects of the vendor have in common."""


class Private(Sent, frozen=True):
    """An object that nobody should find in a log."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class Identified(Sent, frozen=True, gc=False):
    """Of any object of the vendor's, what title it is about."""

    isbn: str | int | None = None


class Image(Sent, frozen=True, gc=False):
    """A picture in one of the vendor's sizes."""

    name: str | None = None  # "small", "medium", "large", "x-large" …
    url: str | None = None


class MediaObject(Sent, frozen=True, gc=False):
    """A title in `media/all`, `media/{isbn}` and the deltas of E1 to E3, which have less of it."""

    series_name: str | None = None  # "" and "Default Blank": none
    series_position: int | float | str | None = None  # 0: not known
    publication_date: str | None = None
    has_digital_rights: bool | None = None
    description: str | None = None
    publisher: str | None = None
    narrators: str | None = None
    audience: str | None = None
    genres: str | None = None  # one BISAC heading in words
    primary_genre: str | None = None  # tokens with commas between them
    isbn: str | int | None = None
    media_type: str | None = None
    title: str | None = None
    authors: str | None = None
    language: str | None = "English"  # as it is if nothing is said
    images: tuple[Image, ...] | None = None


class Token(Sent, frozen=True, gc=False):
    """A value that one can search for, as search items have them."""

    text: str | None = None
    token: str | None = None


class SearchItem(Sent, frozen=True):
    """A title in an answer to a search: richer than a media object, and otherwise spelt."""

    authors: tuple[Token, ...] | None = None  # names First Last
    narrators: tuple[Token, ...] | None = None
    images: tuple[Image, ...] | None = None
    isbn: str | int | None = None
    subtitle: str | None = None
    publisher: Token | str | None = None
    genres: tuple[Token, ...] | None = None
    language: str | None = "English"  # as it is if nothing is said
    audience: str | None = None
    media_type: str | None = None
    series: Token | None = None
    series_position: int | float | str | None = None
    title: str | None = None  # the article in front, no subtitle
    has_drm: bool | None = None
    scheduled_release_on: str | None = None
    short_description: str | None = None


class Interest(Sent, frozen=True):
    """What the library has to do with a title."""

    state_id: int | None = None
    name: str | None = None
    is_available: bool | None = None
    is_owned: bool | None = None


class SearchEntry(Sent, frozen=True):
    """One entry of a search page."""

    item: SearchItem
    interest: Interest | None = None


class Filter(Sent, frozen=True):
    """How many titles of a search have a value; all values are always listed."""

    token_label: str
    token_value: str
    count: int = 0
    is_selected: bool = False


class SearchPage(Sent, frozen=True):
    """One page of an answer to a search. Its items are left to `parse_search_item`."""

    items: tuple[msgspec.Raw, ...]
    page_index: int
    page_size: int
    page_count: int
    result_set_count: int
    filters: tuple[Filter, ...] = ()
    accept_media_type: str | None = None


class Availability(Sent, frozen=True, gc=False):
    """Whether a title can be checked out now. There is no count."""

    isbn: str | None = None
    media_type: str | None = None
    availability: bool | None = None
    title_id: int | None = None
    time_stamp: str | None = None  # when the list was made

    @property
    def available(self) -> bool:
        """A row that does not say so is not available."""
        return self.availability is True


class RemovedTitle(Sent, frozen=True):
    """A title that left the catalogue. Once in a while it has no ISBN."""

    isbn: str | None = None
    media_type: str | None = None
    title: str | None = None


class Delta(Sent, frozen=True):
    """What came and went between two days (E1 to E3). Changed titles are not in it."""

    begin_date: str | None = None
    end_date: str | None = None
    added_titles: tuple[msgspec.Raw, ...] | None = None  # media objects: see `parse_title`
    removed_titles: tuple[RemovedTitle, ...] | None = None


class Snapshot(Sent, frozen=True):
    """A day whose holdings the vendor has kept (E4)."""

    as_of: str
    e_book_count: int = 0
    e_audio_count: int = 0
    total_count: int = 0


class Holding(Sent, frozen=True, gc=False):
    """A title that came or went; nothing else is said of it."""

    isbn: str | None = None
    media_type: str | None = None


class HoldingsDelta(Sent, frozen=True):
    """What came and went between two snapshots (E4)."""

    begin_date: str | None = None
    end_date: str | None = None
    added_books: tuple[Holding, ...] | None = None
    removed_books: tuple[Holding, ...] | None = None


class PatronFound(Private, frozen=True):
    """Whom a lookup found. `user_id` comes in E4 only, and leads to a bearer token."""

    patron_id: int
    user_id: str | None = None


class Patron(Private, frozen=True):
    """A patron's account. PIN and password come masked, so they are left out."""

    patron_id: int
    library_id: int | None = None
    library_card_number: str | None = None
    user_name: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class CheckoutReply(Private, frozen=True):
    """What came of a checkout or a renewal. It rarely says until when: list the checkouts."""

    output: str | None = None  # SUCCESS in any case, or why not
    transaction_id: int | None = None
    can_renew: bool | None = None
    expiration: str | None = None


class LoanFile(Private, frozen=True):
    """A file of a loan: the EPUB, or one part of an audiobook, which has no `file_format`."""

    id: int | None = None
    display: str | None = None  # "Part 1"
    filename: str | None = None
    file_format: str | None = None
    download_url: str | None = None  # of the access document; lives as long as the loan
    minutes: float | None = None
    size: int | None = None  # bytes


class CheckedOut(Private, frozen=True):
    """A loan, as the patron's list has it."""

    isbn: str
    transaction_id: int | None = None
    title: str | None = None  # the article in front
    authors: str | None = None  # First Last
    narrators: str | None = None
    publisher: str | None = None
    description: str | None = None  # its beginning only
    media_type: str | None = None
    expiration: str | None = None  # the loan's last day
    can_renew: bool | None = None
    has_drm: bool | None = None
    encryption_key: str | None = None  # of protected audio
    download_url: str | None = None  # of open audio: the whole as a ZIP file
    minutes: float | None = None
    size: int | None = None
    files: tuple[LoanFile, ...] | None = None
    images: tuple[Image, ...] | None = None
    bookmarks: tuple[msgspec.Raw, ...] | None = None  # nobody has ever recorded one
    has_bookmark: bool | None = None


class Held(Private, frozen=True):
    """A hold, as the patron's list has it. When it becomes a loan, its transaction id stays."""

    isbn: str
    transaction_id: int | None = None
    title: str | None = None
    authors: str | None = None
    media_type: str | None = None
    expiration: str | None = None  # 2050-12-31: never


class PatronActivity(Private, frozen=True):
    """What an account summary has of one kind of media."""

    checkouts: tuple[msgspec.Raw, ...] | None = None
    holds: tuple[msgspec.Raw, ...] | None = None


class PatronConfig(Private, frozen=True):
    """An account summary. Despite its name, `audio_books` has e-books, too."""

    audio_books: PatronActivity | None = None
    magazines: PatronActivity | None = None


def moment(text: str | None) -> datetime | None:
    """An instant or a plain date of the vendor's; None for its year 1, and for what is none.

    Fractions have seven digits, of which we keep six. What names no zone is in UTC.
    """
    try:
        found = datetime.fromisoformat(text or "")
        if found.year == 1:
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(text: str | None) -> date | None:
    """The day that a date or an instant of the vendor's begins with; None as in `moment`."""
    try:
        found = date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
    return None if found.year == 1 else found


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """A reader of the vendor's JSON, which takes "12" for 12."""
    return msgspec.json.Decoder(kind, strict=False)
