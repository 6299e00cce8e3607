"""How the vendor writes names and titles: slugs, articles, which name is first."""

from __future__ import annotations

import re

ARTICLES = ("The", "A", "An")
_PUNCTUATION = re.compile(r"[^a-z0-9 -]")
_BLANKS = re.compile(r"[ -]+")


def slug(text: str) -> str:
    """A token: "The Handsome Man's De Luxe Café" is `the-handsome-mans-de-luxe-caf`."""
    return _BLANKS.sub("-", _PUNCTUATION.sub("", text.lower())).strip("-")


def article_in_front(title: str) -> str:
    """ "Greatest: Muhammad Ali, The" as it is said."""
    rest, _, article = title.rpartition(", ")
    return f"{article} {rest}" if article in ARTICLES else title


def article_at_end(title: str) -> str:
    """ "The Mill on the Floss" as the catalogue has it."""
    article, _, rest = title.partition(" ")
    return f"{rest}, {article}" if article in ARTICLES and rest else title


def people(text: str) -> list[str]:
    """The people of an `authors` or `narrators`, first name first."""
    return [said for each in text.split(";") if (said := first_name_first(each.strip()))]


def first_name_first(name: str) -> str:
    """ "Mccall Smith, Alexander" as it is said; "Blount, Jr., Roy" too."""
    last, comma, first = name.rpartition(", ")
    return f"{first} {last}" if comma else name


def last_name_first(name: str) -> str:
    """ "Jane Austen" as the catalogue has it. A single name stays."""
    first, _, last = name.rpartition(" ")
    return f"{last}, {first}" if first else name


def sort_name(name: str) -> str:
    """The last word and the one before, in lower case: `hecht paul`."""
    return " ".join(reversed(name.lower().split()[-2:]))


def cut(text: str, length: int) -> str:
    """A text of about that length, at a word's end, with three full stops after it."""
    if len(text) <= length:
        return text
    return text[:length].rsplit(" ", 1)[0] + "..."


def sayable(text: str) -> str:
    """What can be stored and sent: no half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
