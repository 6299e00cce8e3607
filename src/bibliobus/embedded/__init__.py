"""The embedded ILS: a small library system of our own, in SQL.

`ils` keeps the port's promises and makes the one hop, with the PIN checked before (`pins`). Behind
it are plain functions over a `call`: `circulation`, `taking_back`, `placing`, `conditions` and
`undoing` have the transactions; `patrons`, `items`, `holds` and `fees` are what these stand on.
`shelves` knows which titles are in, `replay` does things once, `privacy` forgets, `invariants` has
what must never be, and `loading` fills a library.
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
