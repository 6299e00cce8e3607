"""The vendor's genres and audiences: its tokens, and what people call them.

The vendor has 45 genres; it sends them as tokens in `primaryGenre`, or as token objects. A token
that is not in the table is kept, and gets a name made of its words.

Source: spec/oneclick-api 2.4 (genres), 2.5 (audiences).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from bibliobus.catalogue.records import Audience, Subject
from bibliobus.oneclick.languages import token

SCHEME = "urn:bibliobus:oneclick:genre"
BISAC = "BISAC"


_TABLE = """
african-american-interest      | African American Interest
arts-entertainment             | Arts & Entertainment
biography-autobiography-memoir | Biography & Memoir
business-economics             | Business & Economics
classics                       | Classics
comics-graphic-novels          | Comics & Graphic Novels
cooking                        | Cooking
drama                          | Drama
erotica                        | Erotica
fantasy                        | Fantasy
foreign-language-study         | Foreign Language Study
general-fiction                | General Fiction
general-nonfiction             | General Nonfiction
historical-fiction             | Historical Fiction
history                        | History
home-garden                    | Home & Garden
horror                         | Horror
humor                          | Humor
humorous-fiction               | Humorous Fiction
inspirational-fiction          | Inspirational Fiction
inspirational-nonfiction       | Inspirational Nonfiction
juvenile-fiction               | Juvenile Fiction
juvenile-nonfiction            | Juvenile Nonfiction
language-arts                  | Language Arts
lgbt-interest                  | LGBTQ Interest
literary-fiction               | Literary Fiction
mystery                        | Mystery
poetry                         | Poetry
politics-and-current-events    | Politics & Current Events
politics-current-events        | Politics & Current Events
religion                       | Religion
romance                        | Romance
sci-fi                         | Science Fiction
science                        | Science
self-help                      | Self-Help
short-stories                  | Short Stories
social-science                 | Social Science
sports                         | Sports
suspense-thriller              | Suspense & Thriller
travel                         | Travel
true-crime                     | True Crime
urban-fiction                  | Urban Fiction
western                        | Western
womens-fiction                 | Women's Fiction
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


def _rows() -> Iterator[tuple[str, str]]:
    for line in _TABLE.strip().split("\n"):
        code, name = (part.strip() for part in line.split("|"))
        yield code, name


GENRES: Mapping[str, str] = dict(_rows())
"""What people call them, by the vendor's token. Its `none` and `non-classifiable` are left out."""


def genre_subject(code: str, name: str | None = None) -> Subject:
    """A genre as a subject; `name` is the vendor's own, for one that we do not know."""
    words = GENRES.get(code) or name or code.replace("-", " ").capitalize()
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
