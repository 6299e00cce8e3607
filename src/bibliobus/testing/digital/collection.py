"""What only a vendor of e-books has, over `MemoryLender`: files, bookmarks and wishes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bibliobus.catalogue.isbn import isbn_in
from bibliobus.ils import (
    ILS,
    Audiobook,
    Bookmark,
    Format,
    FormatNotOffered,
    Fulfilment,
    Item,
    NotOnLoan,
    Origin,
    PartNotFound,
    TitleNotFound,
    Wish,
)
from bibliobus.testing.digital.kept import KeptLoan, Title
from bibliobus.testing.digital.lender import MemoryLender, utc_now

LINKS_LIVE = timedelta(minutes=15)


class MemoryCollection(MemoryLender):
    """What one vendor lends to one library's patrons. See `bibliobus.ils.DigitalCollection`.

    Args:
        ils: Where the patrons are.
        patience: After so many seconds without the vendor's answer, `BeingConfirmed` is raised.
        loan_days: For how long a title is lent, and renewed.
        renewals: Of one loan.
        clock: Aware, UTC.
    """

    def __init__(
        self,
        ils: ILS,
        *,
        patience: float = 1.0,
        loan_days: int = 21,
        renewals: int = 1,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(ils, patience, timedelta(days=loan_days), renewals, clock)
        self._wishes: dict[str, dict[str, Wish]] = {}
        self.guests: list[str] = []
        """Who has signed in, in order."""

    # -------------------------------------------------------- what only e-books have

    async def signed_in(self, patron_id: str) -> None:
        self.guests.append(patron_id)

    async def edition_of(self, item: Item) -> Item | None:
        for title in self._titles.values():
            if title.copies and title.text.casefold() == item.title_id.casefold():
                return title.item()
        return None

    async def formats(self, patron_id: str, item_id: str) -> Sequence[Format]:
        title, _ = self._loan(patron_id, item_id)
        return title.formats()

    async def fulfil(
        self,
        patron_id: str,
        item_id: str,
        *,
        media_type: str | None = None,
        part: int | None = None,
        origin: Origin,
    ) -> Fulfilment:
        title, _ = self._loan(patron_id, item_id)
        offered = [each.media_type for each in title.formats()]
        if media_type not in (None, *offered):
            raise FormatNotOffered(item=title.item())
        if part is not None and not 0 <= part < len(title.parts):
            raise PartNotFound(item=title.item())
        which = "whole" if part is None else f"{part}"
        return Fulfilment(
            url=f"https://files.example/{title.isbn}/{which}/{next(self._numbers)}",
            media_type=offered[0] if part is None else title.parts[part].media_type,
            expires_at=self._clock() + LINKS_LIVE,
        )

    async def audiobook(self, patron_id: str, item_id: str) -> Audiobook:
        title, _ = self._loan(patron_id, item_id)
        if not title.parts:
            raise FormatNotOffered(item=title.item())
        return title.audiobook()

    async def bookmark(self, patron_id: str, item_id: str) -> Bookmark | None:
        return self._loan(patron_id, item_id)[1].bookmark

    async def keep_bookmark(
        self, patron_id: str, item_id: str, bookmark: Bookmark, *, origin: Origin
    ) -> None:
        _, loan = self._loan(patron_id, item_id)
        if loan.bookmark is None or loan.bookmark.kept_at <= bookmark.kept_at:
            loan.bookmark = bookmark

    async def wishlist(self, patron_id: str) -> Sequence[Wish]:
        patron = await self._patron(patron_id)
        return [*reversed(self._wishes.get(patron.id, {}).values())]

    async def add_wish(self, patron_id: str, isbn: str, *, origin: Origin) -> Wish:
        patron = await self._patron(patron_id)
        title = self._titles.get(isbn_in(isbn) or "")
        if title is None:
            raise TitleNotFound
        wish = Wish(isbn=title.isbn, title_id=title.text, wished_at=self._clock())
        return self._wishes.setdefault(patron.id, {}).setdefault(title.isbn, wish)

    async def drop_wish(self, patron_id: str, isbn: str, *, origin: Origin) -> None:
        patron = await self._patron(patron_id)
        self._wishes.get(patron.id, {}).pop(isbn_in(isbn) or "", None)

    def _loan(self, patron_id: str, item_id: str) -> tuple[Title, KeptLoan]:
        title = self._titles.get(isbn_in(item_id) or "")
        loan = None if title is None else title.loans.get(patron_id)
        if title is None or loan is None:
            raise NotOnLoan
        return title, loan
