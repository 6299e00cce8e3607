"""An institution: what a front door knows of a library, and who lends its items."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from bibliobus.ils.port import ILS, Circulation, DigitalCollection

_ISBN = re.compile(r"97[89][0-9]{10}|[0-9]{9}[0-9Xx]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    """One library: its names, its ILS and its digital collections."""

    id: str
    name: str
    time_zone: ZoneInfo
    ils: ILS
    currency: str = "EUR"  # ISO 4217
    languages: tuple[str, ...] = ("en",)  # BCP 47, the first one preferred
    renewal_ok: bool = True  # terminals may let patrons renew
    timeout: int = 100  # tenths of a second that a terminal waits for an answer
    retries: int = 3  # how often it asks again
    collections: Mapping[str, DigitalCollection] = field(default_factory=dict)

    async def lender_of(self, item_id: str) -> Circulation:
        """Who lends this item: the ILS, unless it does not know an ISBN that a collection has.

        The ILS is asked first; so an unknown item is refused by the ILS, in its words.
        """
        if not self.collections or not _ISBN.fullmatch(item_id):
            return self.ils
        if await self.ils.find_item(item_id) is not None:
            return self.ils
        for collection in self.collections.values():
            if await collection.find_item(item_id) is not None:
                return collection
        return self.ils
