"""An institution: what a front door knows of a library, and who lends its items."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from bibliobus.ils.port import ILS, Circulation, DigitalCollection
from bibliobus.ils.records import (
    CirculationStatus,
    Hold,
    Item,
    ListEntry,
    Loan,
    Patron,
    PatronAccount,
    PatronList,
)

_ISBN = re.compile(r"(?:[0-9][ -]?){9}(?:[0-9Xx]|[0-9][ -]?[0-9][ -]?[0-9][ -]?[0-9])")
"""What may be an ISBN, typed or scanned; the collections know."""

_AVAILABLE = CirculationStatus.AVAILABLE
_NEVER = datetime.max.replace(tzinfo=UTC)


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

    async def edition_of(self, item: Item) -> Item | None:
        """What a collection lends of the title that an item of the ILS is a copy of, if that can be
        borrowed at once."""
        for collection in self.collections.values():
            edition = await collection.edition_of(item)
            if edition is not None and edition.circulation_status is _AVAILABLE:
                return edition
        return None

    # -------------------------------------------------------- one shelf

    async def patron_account(self, patron_id: str) -> PatronAccount:
        """All that a patron has on loan, on hold and owes here, from all who lend.

        Raises:
            PatronNotFound: No patron has this id.
        """
        account = await self.ils.patron_account(patron_id)
        patron = await self.ils.find_patron(patron_id) if self.collections else None
        digital = [] if patron is None else await self._digital(patron)
        if not digital:
            return account
        loans = [loan for each in (account, *digital) for loan in each.loans]
        holds = [hold for each in (account, *digital) for hold in each.holds]
        return PatronAccount(
            loans=tuple(sorted(loans, key=lambda loan: loan.due_at)),
            holds=tuple(sorted(holds, key=lambda hold: hold.placed_at)),
            fees=account.fees,
            under_way=tuple(change for each in (account, *digital) for change in each.under_way),
        )

    async def find_patron(self, patron_id: str) -> Patron | None:
        """As `ILS.find_patron`, but that it counts what the collections lend, too."""
        patron = await self.ils.find_patron(patron_id)
        if patron is None:
            return None
        digital = await self._digital(patron)
        if not digital:
            return patron
        lent = sum(len(each.loans) for each in digital)
        return replace(
            patron,
            charged_count=patron.charged_count + lent,
            charged_limit=None if lent else patron.charged_limit,  # which is of paper alone
            unavailable_hold_count=patron.unavailable_hold_count
            + sum(len(each.holds) for each in digital),
        )

    async def patron_list(
        self, patron: Patron, kind: PatronList, start: int = 1, end: int | None = None
    ) -> Sequence[ListEntry]:
        """As `ILS.patron_list`, with what the collections lend in its place."""
        digital: list[PatronAccount] = []
        if kind in (PatronList.CHARGED, PatronList.UNAVAILABLE_HOLDS):
            digital = await self._digital(patron)
        if not digital:
            return await self.ils.patron_list(patron.id, kind, start, end)
        entries = list(await self.ils.patron_list(patron.id, kind))
        if kind is PatronList.CHARGED:
            entries += [_lent(loan) for each in digital for loan in each.loans]
            entries.sort(key=_due)
        else:
            entries += [_held(hold) for each in digital for hold in each.holds]
        return entries[max(start, 1) - 1 : None if end is None else max(end, 0)]

    async def signed_in(self, patron_id: str) -> None:
        """Let the collections know that a patron is here."""
        for collection in self.collections.values():
            await collection.signed_in(patron_id)

    async def _digital(self, patron: Patron) -> list[PatronAccount]:
        """What a patron has in each collection where they have something."""
        found = [await each.account_of(patron) for each in self.collections.values()]
        return [account for account in found if account != PatronAccount()]


def _lent(loan: Loan) -> ListEntry:
    return ListEntry(item_id=loan.item_id, title_id=loan.title_id, due_at=loan.due_at)


def _held(hold: Hold) -> ListEntry:
    return ListEntry(item_id=hold.item_id or "", title_id=hold.title_id, hold=hold)


def _due(entry: ListEntry) -> datetime:
    return entry.due_at or _NEVER
