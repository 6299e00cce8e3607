"""What OneClickdigital lends to one institution, as the port wants it.

The vendor decides about loans and holds; we keep a mirror of them (`shelf`), which all reading goes
by. A change is checked here, and made by `changing`; the ILS says who may borrow at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from bibliobus.catalogue import store
from bibliobus.catalogue.isbn import isbn_in
from bibliobus.catalogue.store import Found, is_lent
from bibliobus.database import Transaction
from bibliobus.ils.blocks import blocks_of
from bibliobus.ils.errors import (
    AlreadyBorrowed,
    AlreadyOnHold,
    AlreadyOnLoan,
    CirculationError,
    HoldNotAllowed,
    HoldNotFound,
    ItemNotFound,
    LoanLimitReached,
    NotForLoan,
    NotOnLoan,
    NotSupported,
    NotTakenHere,
    PatronBlocked,
    Refused,
    RenewalNotAllowed,
    TitleNotFound,
    Unavailable,
    WrongPIN,
)
from bibliobus.ils.records import (
    Audiobook,
    Bookmark,
    CheckinResult,
    CheckoutResult,
    CirculationStatus,
    Format,
    Fulfilment,
    HoldResult,
    HoldType,
    Item,
    Origin,
    Patron,
    PatronAccount,
    Wish,
)
from bibliobus.ils.secret import Secret
from bibliobus.oneclick import bookmarks, intents, shelf, wishes
from bibliobus.oneclick.accounts import Accounts
from bibliobus.oneclick.changing import Changes, Wanted
from bibliobus.oneclick.desk import Desk, name_of
from bibliobus.oneclick.files import Files
from bibliobus.oneclick.intents import Kind
from bibliobus.oneclick.lending import Lending
from bibliobus.oneclick.parsing import Unreadable, parse_title
from bibliobus.oneclick.reconciling import Reconciler
from bibliobus.oneclick.results import as_item, hold_of, loan_of
from bibliobus.oneclick.shelf import Entry

logger = logging.getLogger(__name__)

ROUND = 5.0  # seconds: how often we look for intents that nobody works on
TIDY = 60.0  # seconds: how often for shelves to compare, and for what is to be forgotten


class OneClickCollection:
    """A vendor's e-books and e-audio. See `bibliobus.ils.DigitalCollection`."""

    def __init__(
        self, desk: Desk, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Nothing is asked yet.

        Args:
            desk: The vendor, the institution, and where its rows are.
            sleep: Waits so many seconds between two tries, and between two patrons.
        """
        self._desk = desk
        self._accounts = Accounts(desk)
        self._lending = Lending(desk, self._accounts, sleep)
        self._files = Files(desk, self._accounts)
        self._changes = Changes(desk, self._lending)
        self._reconciler = Reconciler(desk, self._lending, sleep)

    # -------------------------------------------------------- what is there

    async def find_item(self, item_id: str) -> Item | None:
        return (await self._looked_up(item_id))[0]

    async def _looked_up(self, item_id: str) -> tuple[Item | None, Found | None]:
        """An item, and its title unless that has left the catalogue."""
        isbn, collection = isbn_in(item_id), self._desk.collection
        if isbn is None:
            return None, None
        if (found := await self._found(isbn)) is not None:
            return as_item(found), found
        gone = await self._desk.read(
            lambda tx: store.title_of(tx, collection, isbn, also_withdrawn=True)
        )  # whose loans and holds go on to their end
        if gone is None:
            return None, None
        return replace(as_item(gone), circulation_status=CirculationStatus.OTHER), None

    async def edition_of(self, item: Item) -> Item | None:
        if item.title_key is None or not item.title_key.isdecimal():
            return None
        found = await self._desk.read(
            lambda tx: store.edition_of(
                tx, self._desk.collection, int(item.title_key or 0), item.title_id
            )
        )
        return None if found is None else as_item(found)

    async def patron_account(self, patron_id: str) -> PatronAccount:
        return await self.account_of(await self._desk.patron(patron_id))

    async def account_of(self, patron: Patron) -> PatronAccount:
        name, collection = name_of(patron), self._desk.collection

        def account(tx: Transaction) -> PatronAccount:
            entries = shelf.of_patron(tx, collection, name, self._desk.now())
            loans = [loan_of(self._desk, each) for each in entries if each.kind is shelf.Kind.LOAN]
            return PatronAccount(
                loans=tuple(sorted(loans, key=lambda loan: loan.due_at)),
                holds=tuple(hold_of(each) for each in entries if each.kind is shelf.Kind.HOLD),
                under_way=tuple(intents.under_way(tx, collection, name)),
            )

        return await self._desk.read(account)

    # -------------------------------------------------------- transactions

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
        self._check_supports("checkout")
        if no_block:
            raise NotSupported("nothing digital was lent off line")
        patron = await self._proven(patron_id, pin)
        item, found = await self._looked_up(item_id)
        if item is None:
            raise ItemNotFound(patron=patron)

        def check(tx: Transaction, entry: Entry | None) -> Wanted:
            if blocks := blocks_of(patron, self._desk.today()):
                raise _blocked(blocks, patron, item)
            if entry is not None and entry.kind is shelf.Kind.LOAN:
                if not renewal_allowed:
                    raise AlreadyOnLoan(patron=patron, item=item)
                return self._renewal(patron, item, entry)
            if found is None or not is_lent(found):
                raise NotForLoan(patron=patron, item=item)
            room = self._desk.room(tx, patron.id)
            if room is not None and room < 1:
                raise LoanLimitReached(patron=patron, item=item)
            return Wanted(Kind.CHECKOUT)

        kinds = (Kind.CHECKOUT, Kind.RENEW) if renewal_allowed else (Kind.CHECKOUT,)
        return await self._changes.make(CheckoutResult, patron, item, origin, kinds, check)

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
        self._check_supports("renew")
        patron = await self._proven(patron_id, pin)
        item = await self._named(patron, item_id, title_id, NotOnLoan)

        def check(tx: Transaction, entry: Entry | None) -> Wanted:
            if entry is None or entry.kind is not shelf.Kind.LOAN:
                raise NotOnLoan(patron=patron, item=item)
            return self._renewal(patron, item, entry)

        return await self._changes.make(CheckoutResult, patron, item, origin, (Kind.RENEW,), check)

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
        self._check_supports("checkin")
        isbn = isbn_in(item_id) or ""
        patron = None if patron_id is None else await self._desk.ils.find_patron(patron_id)
        first = await self._changes.first(origin, None if patron is None else name_of(patron))
        if first is not None:
            who = await self._desk.patron_named(first.patron, first.card)
            return await self._changes.result(CheckinResult, first, who)
        item = await self.find_item(isbn)
        if patron_id is None:
            patron = await self._only_borrower(isbn, item)
        if patron is None:
            raise ItemNotFound if item is None else NotOnLoan(item=item)
        known = item or Item(id=isbn, title_id=isbn)

        def check(tx: Transaction, entry: Entry | None) -> Wanted:
            if entry is None and item is None:
                raise ItemNotFound(patron=patron)
            if entry is None or entry.kind is not shelf.Kind.LOAN:
                raise NotOnLoan(patron=patron, item=known)
            return Wanted(Kind.CHECKIN)

        return await self._changes.make(
            CheckinResult, patron, known, origin, (Kind.CHECKIN,), check
        )

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
        self._check_supports("hold")
        patron = await self._proven(patron_id, pin)
        item = await self._named(patron, item_id, title_id, TitleNotFound)
        found = await self._found(item.id)

        def check(tx: Transaction, entry: Entry | None) -> Wanted:
            blocks = blocks_of(patron, self._desk.today())
            if grave := tuple(block for block in blocks if type(block) is not PatronBlocked):
                raise _blocked(grave, patron, item)
            if entry is not None:
                held = entry.kind is shelf.Kind.HOLD
                raise (AlreadyOnHold if held else AlreadyBorrowed)(patron=patron, item=item)
            if not patron.hold_ok or found is None or not is_lent(found):
                raise HoldNotAllowed(patron=patron, item=item)
            return Wanted(Kind.ADD_HOLD)

        return await self._changes.make(HoldResult, patron, item, origin, (Kind.ADD_HOLD,), check)

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
        raise NotSupported("the vendor's holds have nothing that could be changed")

    async def cancel_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        patron = await self._proven(patron_id, pin)
        item = await self._named(patron, item_id, title_id, HoldNotFound)

        def check(tx: Transaction, entry: Entry | None) -> Wanted:
            if entry is None or entry.kind is not shelf.Kind.HOLD:
                raise HoldNotFound(patron=patron, item=item)
            return Wanted(Kind.CANCEL_HOLD)

        return await self._changes.make(
            HoldResult, patron, item, origin, (Kind.CANCEL_HOLD,), check
        )

    # -------------------------------------------------------- files, bookmarks, wishes

    async def formats(self, patron_id: str, item_id: str) -> Sequence[Format]:
        return await self._files.formats(await self._reader(patron_id), _isbn(item_id))

    async def fulfil(
        self,
        patron_id: str,
        item_id: str,
        *,
        media_type: str | None = None,
        part: int | None = None,
        origin: Origin,
    ) -> Fulfilment:
        patron = await self._reader(patron_id)
        return await self._files.fulfil(patron, _isbn(item_id), media_type, part)

    async def audiobook(self, patron_id: str, item_id: str) -> Audiobook:
        return await self._files.audiobook(await self._reader(patron_id), _isbn(item_id))

    async def bookmark(self, patron_id: str, item_id: str) -> Bookmark | None:
        loan = await self._files.loan(await self._reader(patron_id), _isbn(item_id))
        return await self._desk.read(lambda tx: bookmarks.of_loan(tx, loan.key))

    async def keep_bookmark(
        self, patron_id: str, item_id: str, bookmark: Bookmark, *, origin: Origin
    ) -> None:
        patron, isbn, now = await self._reader(patron_id), _isbn(item_id), self._desk.now()
        sane = replace(bookmark, kept_at=min(bookmark.kept_at, now))  # whatever the reader's clock

        def keep(tx: Transaction) -> None:
            bookmarks.keep(tx, self._files.loan_now(tx, patron, isbn).key, sane)

        await self._desk.write(keep)

    async def wishlist(self, patron_id: str) -> Sequence[Wish]:
        patron, collection = await self._desk.patron(patron_id), self._desk.collection
        return await self._desk.read(lambda tx: wishes.of_patron(tx, collection, name_of(patron)))

    async def add_wish(self, patron_id: str, isbn: str, *, origin: Origin) -> Wish:
        patron, known = await self._desk.patron(patron_id), isbn_in(isbn)
        title = None if known is None else await self._title_anywhere(known)
        if known is None or title is None:
            raise TitleNotFound(patron=patron)
        collection, now = self._desk.collection, self._desk.now()
        wished_at = await self._desk.write(
            lambda tx: wishes.add(tx, collection, name_of(patron), known, title, now)
        )
        return Wish(isbn=known, title_id=title, wished_at=wished_at)

    async def _title_anywhere(self, isbn: str) -> str | None:
        """What a title is called that is in our catalogue, or only in the vendor's."""
        if (found := await self._found(isbn)) is not None:
            return found.title.title
        record = await self._desk.client.title(isbn)
        try:
            return None if record is None else parse_title(record).title
        except Unreadable:
            return None

    async def drop_wish(self, patron_id: str, isbn: str, *, origin: Origin) -> None:
        patron, collection = await self._desk.patron(patron_id), self._desk.collection
        await self._desk.write(
            lambda tx: wishes.drop(tx, collection, name_of(patron), isbn_in(isbn) or isbn)
        )

    # -------------------------------------------------------- beyond the port

    async def signed_in(self, patron_id: str) -> None:
        if self._reconciler.is_fresh(patron_id):  # terminals ask for a patron again and again
            return
        with contextlib.suppress(CirculationError):  # then there is nothing to be compared
            await self._reconciler.signed_in(await self._desk.patron(patron_id))

    async def agree(self, patron_id: str, shared: frozenset[str]) -> None:
        """Note what the vendor may learn of a patron. See `Accounts.agree`.

        Raises:
            PatronNotFound: No patron has this id.
        """
        await self._accounts.agree(await self._desk.patron(patron_id), shared)

    async def reconcile(self, patron_id: str) -> None:
        """Make our mirror of a patron what the vendor has now. See `Reconciler.compare`.

        Raises:
            PatronNotFound: No patron has this id.
            Unavailable: The mirror is as it was.
        """
        await self._reconciler.compare(await self._desk.patron(patron_id))

    async def settle_open(self) -> int:
        """Carry on with what nobody works on, in tasks; how many it are."""
        return await self._changes.take_up()

    async def keep_up(self) -> None:
        """Settle what a crash has left, compare shelves and forget who read what, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_again_and_again(self._reconciler.compare_wanted, 0))
            group.create_task(_again_and_again(self.settle_open, ROUND))
            group.create_task(_again_and_again(self._reconciler.compare_some, TIDY))
            group.create_task(_again_and_again(self._reconciler.forget, TIDY))

    async def close(self) -> None:
        """Finish what was begun, as far as it is done in some seconds. What is left open is taken
        up when we are opened again."""
        await self._changes.close()
        await self._desk.client.close()

    # -------------------------------------------------------- who, and what

    async def _proven(self, patron_id: str, pin: Secret | None) -> Patron:
        patron = await self._desk.patron(patron_id)
        if pin is not None and not await self._desk.ils.check_password(patron_id, pin):
            raise WrongPIN
        return patron

    async def _reader(self, patron_id: str) -> Patron:
        """Somebody who may have something on loan.

        Raises:
            NotOnLoan: Nobody has this card.
        """
        patron = await self._desk.ils.find_patron(patron_id)
        if patron is None:
            raise NotOnLoan
        return patron

    def _check_supports(self, operation: str) -> None:
        if not self._desk.ils.supports(operation):
            raise NotSupported(f"{operation} is switched off")

    def _renewal(self, patron: Patron, item: Item, entry: Entry) -> Wanted:
        if not patron.renew_ok:
            raise RenewalNotAllowed(patron=patron, item=item)
        return Wanted(Kind.RENEW, entry.due_at)

    async def _found(self, isbn: str | None) -> Found | None:
        if isbn is None:
            return None
        return await self._desk.read(lambda tx: store.title_of(tx, self._desk.collection, isbn))

    async def _named(
        self, patron: Patron, item_id: str | None, title_id: str | None, lost: type[Refused]
    ) -> Item:
        """What is meant: a title of the catalogue, or what the patron has of one that has left.

        Raises:
            ItemNotFound: There is no such ISBN.
            Refused: `lost`: there is no such title.
        """
        if item_id is not None:
            item = await self.find_item(item_id)
            if item is not None:
                return item
        isbn = None if item_id is None else isbn_in(item_id) or ""
        theirs = [
            each
            for each in await self._entries(patron)
            if (each.title == title_id if isbn is None else each.isbn == isbn)
        ]
        if not theirs:
            raise (lost if item_id is None else ItemNotFound)(patron=patron)
        first = min(theirs, key=lambda each: each.due_at or each.since_at)
        return Item(id=first.isbn, title_id=first.title)

    async def _entries(self, patron: Patron) -> list[Entry]:
        return await self._desk.read(
            lambda tx: shelf.of_patron(tx, self._desk.collection, name_of(patron), self._desk.now())
        )

    async def _only_borrower(self, isbn: str, item: Item | None) -> Patron | None:
        """Who has this title, if one patron only has it; None: nobody.

        Raises:
            NotTakenHere: Several have.
        """
        collection, now = self._desk.collection, self._desk.now()
        rows = await self._desk.read(lambda tx: shelf.borrowers(tx, collection, isbn, now))
        if len(rows) > 1:
            raise NotTakenHere(
                "Please scan your card first: several readers have this title.", item=item
            )
        if not rows:
            return None
        name, card = rows[0]
        return await self._desk.patron_named(name, card)


async def _again_and_again(work: Callable[[], Awaitable[Any]], seconds: float) -> None:
    while True:
        try:
            await work()
        except Unavailable as error:
            logger.warning("%s was left for later: %s", work.__name__, error)
        except Exception:  # it has to go on
            logger.exception("%s was left for later: a fault of ours", work.__name__)
        await asyncio.sleep(seconds)


def _isbn(item_id: str) -> str:
    """As in our rows; what is none is on nobody's shelf."""
    return isbn_in(item_id) or ""


def _blocked(blocks: tuple[PatronBlocked, ...], patron: Patron, item: Item) -> PatronBlocked:
    first = blocks[0]
    return type(first)(str(first), patron=patron, item=item, also=blocks[1:])
