"""The vendor's genres and audiences: its tokens, and what people call them.

The vendor has 45 genres; it sends them as tokens in `primaryGenre`, or as token objects. A token
that is not in the table is kept, and gets a name made of its words.

Source: spec/oneclick-api 2.4 (genres), 2.5 (audiences).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from bibliobus.catalogue.records import Audience, Subject
from bibliobus.oneclick.languages import token

SCHEME = "urn:bibliobus:oneclick:genre"
BISAC = "BISAC"


class Genre(NamedTuple):
    """One genre of the vendor's."""

    name: str
    fiction: bool | None  # None: it has both


_TABLE = """
african-american-interest      | - | African American Interest
arts-entertainment             | n | Arts & Entertainment
biography-autobiography-memoir | n | Biography & Memoir
business-economics             | n | Business & Economics
classics                       | y | Classics
comics-graphic-novels          | y | Comics & Graphic Novels
cooking                        | n | Cooking
drama                          | y | Drama
erotica                        | y | Erotica
fantasy                        | y | Fantasy
foreign-language-study         | n | Foreign Language Study
general-fiction                | y | General Fiction
general-nonfiction             | n | General Nonfiction
historical-fiction             | y | Historical Fiction
history                        | n | History
home-garden                    | n | Home & Garden
horror                         | y | Horror
humor                          | n | Humor
humorous-fiction               | y | Humorous Fiction
inspirational-fiction          | y | Inspirational Fiction
inspirational-nonfiction       | n | Inspirational Nonfiction
juvenile-fiction               | y | Juvenile Fiction
juvenile-nonfiction            | n | Juvenile Nonfiction
language-arts                  | n | Language Arts
lgbt-interest                  | - | LGBTQ Interest
literary-fiction               | y | Literary Fiction
mystery                        | y | Mystery
poetry                         | y | Poetry
politics-and-current-events    | n | Politics & Current Events
politics-current-events        | n | Politics & Current Events
religion                       | n | Religion
romance                        | y | Romance
sci-fi                         | y | Science Fiction
science                        | n | Science
self-help                      | n | Self-Help
short-stories                  | y | Short Stories
social-science                 | n | Social Science
sports                         | n | Sports
suspense-thriller              | y | Suspense & Thriller
travel                         | n | Travel
true-crime                     | n | True Crime
urban-fiction                  | y | Urban Fiction
western                        | y | Western
womens-fiction                 | y | Women's Fiction
"""

SAY_NOTHING = frozenset({"", "none", "non-classifiable"})

AUDIENCES: Mapping[str, Audience] = {
    "adult": Audience.ADULT,
    "young-adult": Audience.YOUNG_ADULT,
    "childrens": Audience.CHILDREN,
    "children": Audience.CHILDREN,
    "beginning-reader": Audience.BEGINNING_READER,
}
"""By token, which a display value becomes, too."""


def _rows() -> Iterator[tuple[str, Genre]]:
    for line in _TABLE.strip().split("\n"):
        key, fiction, name = (part.strip() for part in line.split("|"))
        yield key, Genre(name, {"y": True, "n": False}.get(fiction))


GENRES: Mapping[str, Genre] = dict(_rows())
"""By the vendor's token. Its `none` and `non-classifiable` are left out."""


def genre_subject(code: str, name: str | None = None) -> Subject:
    """A genre as a subject; `name` is the vendor's own, for one that we do not know."""
    known = GENRES.get(code)
    words = known.name if known else name or code.replace("-", " ").capitalize()
    return Subject(name=words, code=code, scheme=SCHEME)


@lru_cache(maxsize=4096)
def genres_of(primary_genre: str) -> tuple[str, ...]:
    """The tokens of a media object's `primaryGenre`, each once."""
    tokens = (token(part) for part in primary_genre.split(","))
    return tuple(dict.fromkeys(each for each in tokens if each not in SAY_NOTHING))


@lru_cache(maxsize=16384)
def subjects_of(heading: str, primary_genre: str) -> tuple[Subject, ...]:
    """A media object's BISAC heading, which is never split, and its genres."""
    bisac = (Subject(name=heading, scheme=BISAC),) if heading else ()
    return (*bisac, *map(genre_subject, genres_of(primary_genre)))


@lru_cache(maxsize=16384)
def audience_of(words: str, heading: str) -> Audience | None:
    """Whom a title is for: as the vendor says, in either spelling. Its "Adult" is often wrong, so
    a BISAC heading for the young outweighs that, and nothing else."""
    said = AUDIENCES.get(token(words))
    if said not in (None, Audience.ADULT):
        return said
    begins = heading.upper()
    if begins.startswith("JUVENILE"):
        return Audience.CHILDREN
    return Audience.YOUNG_ADULT if begins.startswith("YOUNG ADULT") else said
