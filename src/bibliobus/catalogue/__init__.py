"""Titles, whoever lends them: what is kept of one, and how it is found."""

from bibliobus.catalogue.isbn import isbn_in
from bibliobus.catalogue.records import (
    Audience,
    Contributor,
    Medium,
    Role,
    Series,
    Subject,
    Title,
)
from bibliobus.catalogue.search import Results, Search, search
from bibliobus.catalogue.store import Found, index_titles, is_lent, title_of

__all__ = [
    "Audience",
    "Contributor",
    "Found",
    "Medium",
    "Results",
    "Role",
    "Search",
    "Series",
    "Subject",
    "Title",
    "index_titles",
    "is_lent",
    "isbn_in",
    "search",
    "title_of",
]
