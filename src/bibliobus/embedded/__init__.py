"""The embedded ILS: a small library system of our own, in SQL.

`ils` keeps the port's promises and makes the one hop; `circulation`, `patrons` and `items` are
plain functions over a transaction; `replay` does things once; `loading` fills a library.
"""

from bibliobus.embedded.ils import EmbeddedILS
from bibliobus.embedded.loading import (
    CurrencyInUse,
    load_institution,
    load_library,
    stored_institutions,
)

__all__ = [
    "CurrencyInUse",
    "EmbeddedILS",
    "load_institution",
    "load_library",
    "stored_institutions",
]
