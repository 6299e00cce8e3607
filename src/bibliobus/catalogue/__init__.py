"""Titles, whoever lends them: what is kept of one, and how it is found."""

from bibliobus.catalogue.records import (
    Audience,
    Contributor,
    Format,
    Medium,
    Role,
    Series,
    Subject,
    Title,
)

__all__ = [
    "Audience",
    "Contributor",
    "Format",
    "Medium",
    "Role",
    "Series",
    "Subject",
    "Title",
]
