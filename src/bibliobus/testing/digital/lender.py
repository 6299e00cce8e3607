"""A vendor who lends: the methods of `Circulation`, and how long its answers take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from bibliobus.catalogue.isbn import isbn_in
from bibliobus.ils import (
    ILS,
    AlreadyBorrowed,
    AlreadyOnHold,
    AlreadyOnLoan,
    AudiobookPart,
    BeingConfirmed,
    CheckinResult,
    CheckoutResult,
    HoldNotAllowed,
    HoldNotFound,
    HoldResult,
    HoldType,
    Item,
    ItemNotFound,
    NoCopyAvailable,
    NotOnLoan,
    NotSupported,
    NotTakenHere,
    Origin,
    Patron,
    PatronAccount,
    PatronNotFound,
    Secret,
    TitleNotFound,
    TooManyRenewals,
    WrongPIN,
    blocks_of,
)
from bibliobus.ils.library import Library
from bibliobus.ils.records import Record, without_contact
from bibliobus.testing.digital.kept import KeptHold, KeptLoan, Title
from bibliobus.testing.memory.replay import Results

_R = TypeVar("_R", bound=Record)


def utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryLender:
    """What one vendor lends to one library's patrons. See `MemoryCollection`."""

    def __init__(
        self,
        ils: ILS,
        patience: float,
        loan_period: timedelta,
        renewals: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._ils, self._patience, self._clock = ils, patience, clock
        self._loan_period, self._renewals = loan_period, renewals
        self._titles: dict[str, Title] = {}
        self._results = Results()
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}
        self._numbers = count(1)
        self.answers = asyncio.Event()
        """Cleared: the vendor keeps silent, and decides when it is set again."""
        self.answers.set()

    # -------------------------------------------------------- what there is

    def own(
        self,
        isbn: str,
        title: str,
        *,
        copies: int = 1,
        authors: Sequence[str] = (),
        parts: Sequence[AudiobookPart] = (),
    ) -> str:
        """Let the vendor have a title, and the library so many copies of it, or none.

        Returns:
            The ISBN in the 13 digits under which all calls show it.

        Raises:
            ValueError: It is no ISBN.
        """
        digits = isbn_in(isbn)
        if digits is None:
            raise ValueError(f"{isbn!r} is no ISBN")
        self._titles[digits] = Title(digits, title, tuple(authors), tuple(parts), copies)
        return digits

    def load(self, library: Library) -> None:
        """Add the titles, loans and holds of a document: each item is a title of its own, with a
        copy for each of its loans, but at least one. An item of the type "audiobook" is one, in
        two parts. The patrons are the ILS's to load."""
        for item in library.items:
            loans = [loan for loan in library.loans if loan.item == item.id]
            parts = _TWO_PARTS if item.item_type == "audiobook" else ()
            authors = (item.author,) if item.author else ()
            copies = max(1, len(loans))
            isbn = self.own(item.id, item.title, copies=copies, authors=authors, parts=parts)
            title = self._titles[isbn]
            title.loans = {each.patron: KeptLoan(each.lent_at, each.due_at) for each in loans}
        for hold in library.holds:
            self._wait(self._title(hold.item), hold.patron)

    # -------------------------------------------------------- everyone who lends

    async def find_item(self, item_id: str) -> Item | None:
        title = self._titles.get(isbn_in(item_id) or "")
        return None if title is None or not title.copies else title.item()

    async def checkout(
        self,
        patron_id: str,
        item_id: str,
        *,
        renewal_allowed: bool = False,
        no_block: bool = False,
        no_block_due_at: datetime | None = None,
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        item_properties: str | None = None,
        origin: Origin,
    ) -> CheckoutResult:
        patron = await self._patron(patron_id, pin)
        if first := self._results.of(origin, CheckoutResult):
            return first
        title = self._title(item_id)

        def lend() -> CheckoutResult:
            _check_may_borrow(patron, title, self._clock())
            if patron.id in title.loans:
                if not renewal_allowed:
                    raise AlreadyOnLoan(item=title.item())
                return self._renew(patron, title)
            if title.copies_for(patron.id) < 1:
                raise NoCopyAvailable(item=title.item())
            title.holds.pop(patron.id, None)
            now = self._clock()
            title.loans[patron.id] = KeptLoan(now, now + self._loan_period)
            return _lent(patron, title)

        return await self._decided(("lend", patron.id, title.isbn), lend, origin)

    async def checkin(
        self,
        item_id: str,
        *,
        returned_at: datetime | None = None,
        current_location: str | None = None,
        item_properties: str | None = None,
        no_block: bool = False,
        capture_holds: bool = True,
        patron_id: str | None = None,
        origin: Origin,
    ) -> CheckinResult:
        if first := self._results.of(origin, CheckinResult):
            if not patron_id or (first.patron is not None and first.patron.id == patron_id):
                return first
            origin = replace(origin, request_key=None)  # of another patron it is another one
        title = self._title(item_id)
        if patron_id is None and len(title.loans) > 1:
            raise NotTakenHere(item=title.item())
        whose = next(iter(title.loans), "") if patron_id is None else patron_id
        patron = await self._ils.find_patron(whose)

        def take_back() -> CheckinResult:
            if patron is None or title.loans.pop(patron.id, None) is None:
                raise NotOnLoan(item=title.item())
            return CheckinResult(
                item=title.item(), patron=without_contact(patron), resensitize=False
            )

        return await self._decided(("take back", whose, title.isbn), take_back, origin)

    async def renew(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        third_party: bool = False,
        no_block: bool = False,
        no_block_due_at: datetime | None = None,
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        item_properties: str | None = None,
        origin: Origin,
    ) -> CheckoutResult:
        patron = await self._patron(patron_id, pin)
        if first := self._results.of(origin, CheckoutResult):
            return first
        title = self._title(item_id) if item_id else self._lent_title(patron.id, title_id)
        key = ("renew", patron.id, title.isbn)
        return await self._decided(key, lambda: self._renew(patron, title), origin)

    async def add_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        hold_type: HoldType = HoldType.ANY_COPY,
        pickup_location: str | None = None,
        expires_at: datetime | None = None,
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        patron = await self._patron(patron_id, pin)
        if first := self._results.of(origin, HoldResult):
            return first
        title = self._title_of_a_hold(item_id, title_id)

        def place() -> HoldResult:
            if not patron.hold_ok:
                raise HoldNotAllowed(item=title.item())
            if patron.id in title.loans:
                raise AlreadyBorrowed(item=title.item())
            if patron.id in title.holds:
                raise AlreadyOnHold(item=title.item())
            self._wait(title, patron.id)
            return _held(patron, title)

        return await self._decided(("hold", patron.id, title.isbn), place, origin)

    async def alter_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        hold_type: HoldType | None = None,
        pickup_location: str | None = None,
        expires_at: datetime | None = None,
        suspended_until: datetime | None = None,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        raise NotSupported("a hold here has nothing that could be changed")

    async def cancel_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        patron = await self._patron(patron_id, pin)
        if first := self._results.of(origin, HoldResult):
            return first
        wanted = isbn_in(item_id or title_id or "")
        title = self._titles.get(wanted or "")
        if title is None:
            raise HoldNotFound

        def give_up() -> HoldResult:
            if patron.id not in title.holds:
                raise HoldNotFound(item=title.item())
            result = _held(patron, title)
            del title.holds[patron.id]
            return result

        return await self._decided(("give up", patron.id, title.isbn), give_up, origin)

    async def patron_account(self, patron_id: str) -> PatronAccount:
        return await self.account_of(await self._patron(patron_id))

    async def account_of(self, patron: Patron) -> PatronAccount:
        titles = self._titles.values()
        loans = [title.loan(patron.id) for title in titles if patron.id in title.loans]
        holds = [title.hold(patron.id) for title in titles if patron.id in title.holds]
        return PatronAccount(
            loans=tuple(sorted(loans, key=lambda loan: loan.due_at)),
            holds=tuple(sorted(holds, key=lambda hold: hold.placed_at)),
        )

    # -------------------------------------------------------- what they are made of

    async def _patron(self, patron_id: str, pin: Secret | None = None) -> Patron:
        patron = await self._ils.find_patron(patron_id)
        if patron is None:
            raise PatronNotFound
        if pin is not None and not await self._ils.check_password(patron_id, pin):
            raise WrongPIN
        return patron

    def _title(self, item_id: str) -> Title:
        title = self._titles.get(isbn_in(item_id) or "")
        if title is None or not title.copies:
            raise ItemNotFound
        return title

    def _lent_title(self, patron_id: str, title_id: str | None) -> Title:
        """Of what the patron has of that name, what is due first."""
        theirs = [
            title
            for title in self._titles.values()
            if patron_id in title.loans and title_id in (title.text, title.isbn)
        ]
        if not theirs:
            raise NotOnLoan
        return min(theirs, key=lambda title: title.loans[patron_id].due_at)

    def _title_of_a_hold(self, item_id: str | None, title_id: str | None) -> Title:
        if item_id:
            return self._title(item_id)
        named = [
            title
            for title in self._titles.values()
            if title.copies and title_id in (title.text, title.isbn)
        ]
        if len(named) != 1:
            raise TitleNotFound
        return named[0]

    def _wait(self, title: Title, patron_id: str) -> None:
        title.holds[patron_id] = KeptHold(next(self._numbers), self._clock())

    def _renew(self, patron: Patron, title: Title) -> CheckoutResult:
        loan = title.loans.get(patron.id)
        if loan is None:
            raise NotOnLoan(item=title.item())
        if loan.renewals >= self._renewals or title.holds:
            raise TooManyRenewals(item=title.item())
        loan.renewals += 1
        loan.due_at = max(loan.due_at, self._clock() + self._loan_period)
        return _lent(patron, title, renewal_ok=True)

    async def _decided(self, key: Hashable, change: Callable[[], _R], origin: Origin) -> _R:
        """What the vendor says to a change. Whoever asks for one that is under way joins it.

        Raises:
            BeingConfirmed: It says nothing yet.
        """

        def decide() -> _R:
            return self._results.keep(origin, change())

        going = self._under_way.get(key)
        if going is None and self.answers.is_set():
            return decide()
        if going is None:
            going = self._under_way[key] = asyncio.create_task(self._later(decide))
            going.add_done_callback(lambda done: self._is_over(key, done))
        done, _ = await asyncio.wait({going}, timeout=self._patience)
        if not done:
            raise BeingConfirmed("the vendor has not answered")
        return self._results.keep(origin, cast("_R", going.result()))

    async def _later(self, decide: Callable[[], _R]) -> _R:
        await self.answers.wait()
        return decide()

    def _is_over(self, key: Hashable, done: asyncio.Task[Any]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # it is seen, though nobody may wait for it any more


_TWO_PARTS = tuple(
    AudiobookPart(media_type="audio/mpeg", title=title, duration=timedelta(minutes=minutes))
    for title, minutes in (("Introduction", 1), ("Chapter 1", 30))
)


def _check_may_borrow(patron: Patron, title: Title, now: datetime) -> None:
    blocks = blocks_of(patron, now.date())
    if blocks:
        first, *rest = blocks
        first.item, first.also = title.item(), tuple(rest)
        raise first


def _lent(patron: Patron, title: Title, *, renewal_ok: bool = False) -> CheckoutResult:
    return CheckoutResult(
        patron=without_contact(patron),
        item=title.item(),
        due_at=title.loans[patron.id].due_at,
        renewal_ok=renewal_ok,
        desensitize=False,
    )


def _held(patron: Patron, title: Title) -> HoldResult:
    hold = title.hold(patron.id)
    return HoldResult(
        patron=without_contact(patron), hold=hold, item=title.item(), available=hold.ready
    )
