"""A collection as lending sees it: one vendor, one institution, and where its rows are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TypeVar
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

from bibliobus.catalogue.records import Medium
from bibliobus.database import Conflict, Database, DatabaseError, Failed, Transaction
from bibliobus.ils.errors import CirculationError, PatronNotFound, Unavailable
from bibliobus.ils.port import ILS
from bibliobus.ils.records import Patron
from bibliobus.oneclick.client import Client
from bibliobus.oneclick.settings import CollectionSettings

T = TypeVar("T")
Room = Callable[[Transaction, str], int | None]

LAST_MOMENT = time(23, 59, 59)
WRITING = 4  # at a time: if hundreds borrow at once, terminals need not wait for all of them


def now_in_utc() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


def no_limit(tx: Transaction, patron_id: str) -> int | None:
    """No limit is over all lenders together."""
    return None


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What everything that lends of one collection goes by."""

    institution: str
    collection: str  # its name in the configuration
    settings: CollectionSettings
    zone: ZoneInfo  # the library's
    database: Database
    ils: ILS  # who its patrons are
    client: Client
    room: Room = no_limit
    """How many more loans a patron, by card, may have of all lenders together; in a transaction in
    which nobody else lends them anything. See `EmbeddedILS.room`."""
    now: Callable[[], datetime] = now_in_utc
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WRITING))
    turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def patron(self, patron_id: str) -> Patron:
        """Who has this card, by the ILS.

        Raises:
            PatronNotFound: Nobody.
        """
        patron = await self.ils.find_patron(patron_id)
        if patron is None:
            raise PatronNotFound
        return patron

    async def patron_named(self, name: str, card: str) -> Patron:
        """Whom one of our rows is about; what is left of them, if the ILS knows them no more, or
        somebody else has their card now."""
        found = await self.ils.find_patron(card)
        if found is not None and name_of(found) == name:
            return found
        return Patron(id=card, name="", internal_id=name)

    def turn(self, name: str) -> asyncio.Lock:
        """The lock of a patron: their calls go one by one."""
        return self.turns.setdefault(name, asyncio.Lock())

    def today(self) -> date:
        """By the library's clock."""
        return self.now().astimezone(self.zone).date()

    def end_of(self, day: date) -> datetime:
        """When a loan ends of which the vendor tells the last day: by the library's clock."""
        return datetime.combine(day, LAST_MOMENT, self.zone).astimezone(UTC)

    @property
    def asks_for_days(self) -> bool:
        """Whether loans of some medium are to be shorter than was agreed."""
        return any(self.days(medium) is not None for medium in (Medium.EBOOK, Medium.EAUDIO))

    def days(self, medium: Medium) -> int | None:
        """For how many days to ask; None: for as many as were agreed, since one may only ask for
        fewer."""
        length, agreed = self._lengths(medium)
        return length if length < agreed else None

    def length(self, medium: Medium) -> int:
        """How many days a loan lasts."""
        return min(self._lengths(medium))

    def _lengths(self, medium: Medium) -> tuple[int, int]:
        """As the library wants it, and at most."""
        its = self.settings
        if medium is Medium.EAUDIO:
            return its.eaudio_loan_length, its.eaudio_agreed_length
        return its.ebook_loan_length, its.ebook_agreed_length

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """As `Database.read`, in the institution's name, with the port's errors."""
        try:
            return await self.database.read(work, self.institution)
        except CirculationError:
            raise
        except DatabaseError as error:
            raise Unavailable(str(error), may_stand=False) from error

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """As `Database.write`, likewise; once more, if somebody else wrote the same just now."""
        try:
            async with self.gate:
                try:
                    return await self.database.write(work, self.institution)
                except Conflict:
                    return await self.database.write(work, self.institution)
        except CirculationError:
            raise
        except DatabaseError as error:
            may_stand = isinstance(error, Failed) and error.may_stand
            raise Unavailable(str(error), may_stand=may_stand) from error


def name_of(patron: Patron) -> str:
    """What a patron is called in our rows: the ILS's own name, which outlives a card."""
    return patron.internal_id or patron.id
