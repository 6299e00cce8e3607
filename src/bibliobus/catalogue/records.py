"""A title: what one searches for, whoever lends it.

A vendor's record becomes one of these and nothing else of it is kept, so the catalogue knows no
vendor. Everything that a source leaves open is None or empty, never a word for it.
"""

from __future__ import annotations

from datetime import date
from enum import Enum

import msgspec

from bibliobus.ils.records import Format


class Medium(Enum):
    """What a title is. Only e-books and e-audio are lent by vendors so far."""

    PRINT = "print"  # and whatever else stands on a shelf
    EBOOK = "ebook"
    EAUDIO = "eaudio"
    EMAGAZINE = "emagazine"
    ECOMIC = "ecomic"


class Audience(Enum):
    """Whom a title is for."""

    ADULT = "adult"
    YOUNG_ADULT = "young-adult"  # 14 to 17
    CHILDREN = "children"  # 9 to 13
    BEGINNING_READER = "beginning-reader"  # up to 8


class Role(Enum):
    """What somebody did for a title."""

    AUTHOR = "author"
    NARRATOR = "narrator"


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of what a title is made of; stored as JSON, so what is not known takes no space."""


class Contributor(Record, frozen=True):
    """Somebody who made a title, as it is shown and as it is sorted."""

    name: str  # "George Eliot"
    sort_name: str  # "Eliot, George"
    role: Role = Role.AUTHOR


class Series(Record, frozen=True):
    """A row of titles that this one stands in."""

    name: str
    position: int | None = None


class Subject(Record, frozen=True):
    """What a title is about, in somebody's scheme."""

    name: str  # for people: "Mystery", "FICTION / Classics"
    code: str | None = None  # in its scheme: "mystery"
    scheme: str | None = None  # a URI, or a word like "BISAC"; None: a keyword


class Title(Record, frozen=True):
    """Everything that a source says of a title."""

    medium: Medium
    title: str  # as it is shown: "The Wizard of Oz"
    sort_title: str  # without the article in front: "Wizard of Oz, The"
    isbn: str | None = None  # 13 digits
    subtitle: str | None = None
    contributors: tuple[Contributor, ...] = ()
    series: Series | None = None
    publisher: str | None = None
    published_on: date | None = None
    language: str | None = None  # BCP 47, the shortest tag: "en", "sco"
    audience: Audience | None = None
    genres: tuple[str, ...] = ()  # tokens of the vendor's own list: "humorous-fiction"
    subjects: tuple[Subject, ...] = ()
    description: str | None = None  # plain text
    cover: str | None = None  # URL of the largest image
    thumbnail: str | None = None
    formats: tuple[Format, ...] = ()
    protected: bool | None = None  # by whatever the vendor uses; None: not said

    def by(self, role: Role) -> tuple[Contributor, ...]:
        """Those who did this."""
        return tuple(each for each in self.contributors if each.role is role)
