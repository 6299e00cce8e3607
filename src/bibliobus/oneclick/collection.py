"""What OneClickdigital lends to one institution, as the port wants it.

The vendor decides about loans and holds; we keep a mirror of them (`shelf`), which all reading goes
by. A change is an intent (`intents`) that a task of its own carries out (`lending`), so it goes on
when nobody waits for it any more; the ILS says who may borrow at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import msgspec

from bibliobus.catalogue import store
from bibliobus.catalogue.isbn import isbn_in
from bibliobus.catalogue.store import Found, is_lent
from bibliobus.database import Transaction
from bibliobus.ils import errors
from bibliobus.ils.blocks import blocks_of
from bibliobus.ils.errors import (
    AlreadyBorrowed,
    AlreadyOnHold,
    AlreadyOnLoan,
    BeingConfirmed,
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
from bibliobus.oneclick import accounts, bookmarks, intents, shelf, wishes
from bibliobus.oneclick.accounts import Accounts
from bibliobus.oneclick.desk import Desk, name_of
from bibliobus.oneclick.files import Files
from bibliobus.oneclick.intents import Intent, Kind, State
from bibliobus.oneclick.lending import Lending
from bibliobus.oneclick.reconciling import Reconciler
from bibliobus.oneclick.results import as_item, hold_of, loan_of
from bibliobus.oneclick.shelf import Entry

logger = logging.getLogger(__name__)

T = TypeVar("T")

POLL = 0.25  # seconds: how often we look what became of an intent that another process has
ROUND = 5.0  # seconds: how often we look for intents that nobody works on
TIDY = 60.0  # seconds: how often for shelves to compare, and for what is to be forgotten
ENDING = 10.0  # seconds that what was begun may take when we close


class Wanted(NamedTuple):
    """What a check has found to be done."""

    kind: Kind
    due_before: datetime | None = None


Check = Callable[[Transaction, Entry | None], Wanted]


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
        self._turns = WeakValueDictionary[str, asyncio.Lock]()
        self._reconciler = Reconciler(desk, self._lending, self._turn, sleep)
        self._working: dict[int, asyncio.Task[Intent]] = {}  # by intent

    # -------------------------------------------------------- what is there

    async def find_item(self, item_id: str) -> Item | None:
        found = await self._found(isbn_in(item_id))
        return None if found is None else as_item(found)

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
        patron = await self._proven(patron_id, pin)
        found = await self._found(isbn_in(item_id))
        if found is None:
            raise ItemNotFound(patron=patron)
        item = as_item(found)

        def check(tx: Transaction, entry: Entry | None) -> Wanted:
            if blocks := blocks_of(patron, self._desk.today()):
                raise _blocked(blocks, patron, item)
            if entry is not None and entry.kind is shelf.Kind.LOAN:
                if not renewal_allowed:
                    raise AlreadyOnLoan(patron=patron, item=item)
                return self._renewal(patron, item, entry)
            if not is_lent(found):
                raise NotForLoan(patron=patron, item=item)
            room = self._desk.room(tx, patron.id)
            if room is not None and room < 1:
                raise LoanLimitReached(patron=patron, item=item)
            return Wanted(Kind.CHECKOUT)

        return await self._done(
            CheckoutResult, patron, item, origin, check, (Kind.CHECKOUT, Kind.RENEW)
        )

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

        return await self._done(CheckoutResult, patron, item, origin, check, (Kind.RENEW,))

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
        if (first := await self._first(origin)) is not None:
            return await self._result(CheckinResult, first, None)
        found = await self._found(isbn)
        if patron_id is not None:
            patron = await self._desk.ils.find_patron(patron_id)
        else:
            patron = await self._only_borrower(isbn, found)
        if patron is None:
            raise ItemNotFound if found is None else NotOnLoan(item=as_item(found))
        item = Item(id=isbn, title_id=isbn) if found is None else as_item(found)

        def check(tx: Transaction, entry: Entry | None) -> Wanted:
            if entry is None and found is None:
                raise ItemNotFound(patron=patron)
            if entry is None or entry.kind is not shelf.Kind.LOAN:
                raise NotOnLoan(patron=patron, item=item)
            return Wanted(Kind.CHECKIN)

        return await self._done(CheckinResult, patron, item, origin, check, (Kind.CHECKIN,))

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
        if found is None:
            raise ItemNotFound(patron=patron)

        def check(tx: Transaction, entry: Entry | None) -> Wanted:
            blocks = blocks_of(patron, self._desk.today())
            if grave := tuple(block for block in blocks if type(block) is not PatronBlocked):
                raise _blocked(grave, patron, item)
            if entry is not None:
                held = entry.kind is shelf.Kind.HOLD
                raise (AlreadyOnHold if held else AlreadyBorrowed)(patron=patron, item=item)
            if not patron.hold_ok or not is_lent(found):
                raise HoldNotAllowed(patron=patron, item=item)
            return Wanted(Kind.ADD_HOLD)

        return await self._done(HoldResult, patron, item, origin, check, (Kind.ADD_HOLD,))

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

        return await self._done(HoldResult, patron, item, origin, check, (Kind.CANCEL_HOLD,))

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
        loan = await self._files.loan(await self._reader(patron_id), _isbn(item_id))
        await self._desk.write(lambda tx: bookmarks.keep(tx, loan.key, bookmark))

    async def wishlist(self, patron_id: str) -> Sequence[Wish]:
        patron, collection = await self._desk.patron(patron_id), self._desk.collection
        return await self._desk.read(lambda tx: wishes.of_patron(tx, collection, name_of(patron)))

    async def add_wish(self, patron_id: str, isbn: str, *, origin: Origin) -> Wish:
        patron = await self._desk.patron(patron_id)
        found = await self._found(isbn_in(isbn))
        if found is None:
            raise TitleNotFound(patron=patron)
        item, now = as_item(found), self._desk.now()
        wished_at = await self._desk.write(
            lambda tx: wishes.add(
                tx, self._desk.collection, name_of(patron), item.id, item.title_id, now
            )
        )
        return Wish(isbn=item.id, title_id=item.title_id, wished_at=wished_at)

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
        begun = 0
        while (intent := await self._reconciler.take()) is not None:
            if intent.key not in self._working:
                patron = await self._reconciler.patron(intent.patron, intent.card)
                self._begin(intent, patron)
                begun += 1
        return begun

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
        working = list(self._working.values())
        if working:
            _, late = await asyncio.wait(working, timeout=ENDING)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._desk.client.close()

    # -------------------------------------------------------- how a change is made

    async def _done(
        self,
        result_type: type[T],
        patron: Patron,
        item: Item,
        origin: Origin,
        check: Check,
        kinds: tuple[Kind, ...],
    ) -> T:
        """The result of a change, which is an intent from now on, or was one before.

        Raises:
            Refused: By us, in `check`, or by the vendor.
            BeingConfirmed: It goes on.
        """

        def work(tx: Transaction) -> Intent:
            return self._begun(tx, patron, item, origin, check, kinds)

        intent = await self._desk.write(work)
        try:
            return await self._result(result_type, intent, patron)
        except Refused as refused:  # the vendor does not say of whom and what
            refused.patron, refused.item = patron, refused.item or item
            raise

    def _begun(
        self,
        tx: Transaction,
        patron: Patron,
        item: Item,
        origin: Origin,
        check: Check,
        kinds: tuple[Kind, ...],
    ) -> Intent:
        """The intent of this request: as it stands, or a new one."""
        collection, name, now = self._desk.collection, name_of(patron), self._desk.now()
        accounts.begin(tx, self._desk, patron)  # from here on one at a time
        if (first := intents.of_request(tx, origin)) is not None:
            return first
        if (under_way := intents.open_one(tx, collection, name, item.id)) is not None:
            if under_way.kind in kinds:
                return under_way  # a second click
            raise BeingConfirmed("something else is under way with this title")
        for kind in kinds:
            first = intents.repeated(tx, collection, kind, name, item.id, origin, now)
            if first is not None:
                return first
        entry = shelf.entry_of(tx, collection, name, item.id)
        if entry is not None and entry.due_at is not None and entry.due_at < now:
            shelf.end(tx, entry.key, now)  # loans end by themselves
            entry = None
        wanted = check(tx, entry)
        return intents.begin(
            tx, collection, wanted.kind, patron=name, card=patron.id, isbn=item.id,
            due_before=wanted.due_before, origin=origin, now=now,
        )  # fmt: skip

    async def _first(self, origin: Origin) -> Intent | None:
        """The intent of this very request, if it came before."""
        return await self._desk.read(lambda tx: intents.of_request(tx, origin))

    async def _result(self, result_type: type[T], intent: Intent, patron: Patron | None) -> T:
        """What an intent results in, as soon as that is known."""
        if intent.state in (State.OPEN, State.UNKNOWN):
            intent = await self._settled(intent, patron)
        if intent.state is State.REFUSED:
            raise _refusal(intent)
        return msgspec.json.decode(intent.result or "", type=result_type)

    async def _settled(self, intent: Intent, patron: Patron | None) -> Intent:
        """An intent once it is settled, by us or by another process.

        Raises:
            Refused, Unavailable: As of `Lending.carry_out`.
        """
        task = self._working.get(intent.key)
        if task is None and intent.is_ours and patron is not None:
            task = self._begin(intent, patron)
        if task is None:
            return await self._settled_elsewhere(intent)
        await asyncio.wait({task}, timeout=self._desk.settings.wait_seconds)
        if not task.done():
            raise BeingConfirmed("the vendor takes long")
        return task.result()

    async def _settled_elsewhere(self, intent: Intent) -> Intent:
        waited = 0.0
        while waited < self._desk.settings.wait_seconds:
            found = await self._desk.read(lambda tx: intents.by_key(tx, intent.key))
            if found is not None and found.state in (State.APPLIED, State.REFUSED):
                return found
            await asyncio.sleep(POLL)
            waited += POLL
        raise BeingConfirmed("another process is at it")

    def _begin(self, intent: Intent, patron: Patron) -> asyncio.Task[Intent]:
        task = asyncio.create_task(self._carry_out(intent, patron), name=f"intent {intent.key}")
        self._working[intent.key] = task
        task.add_done_callback(lambda done: self._ended(intent, done))
        return task

    async def _carry_out(self, intent: Intent, patron: Patron) -> Intent:
        async with self._turn(intent.patron):
            return await self._lending.carry_out(intent, patron)

    def _ended(self, intent: Intent, task: asyncio.Task[Intent]) -> None:
        del self._working[intent.key]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, CirculationError):
            logger.error("intent %d: a fault of ours", intent.key, exc_info=error)

    def _turn(self, name: str) -> asyncio.Lock:
        """The lock of a patron: their calls go one by one."""
        return self._turns.setdefault(name, asyncio.Lock())

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
        entries = await self._entries(patron)
        if item_id is not None:
            isbn = isbn_in(item_id) or ""
            found = await self._found(isbn)
            if found is not None:
                return as_item(found)
            theirs = [each for each in entries if each.isbn == isbn]
            missing: type[Refused] = ItemNotFound
        else:
            theirs = sorted(
                (each for each in entries if title_id == each.title),
                key=lambda each: each.due_at or each.since_at,
            )
            missing = lost
        if not theirs:
            raise missing(patron=patron)
        return Item(id=theirs[0].isbn, title_id=theirs[0].title)

    async def _entries(self, patron: Patron) -> list[Entry]:
        return await self._desk.read(
            lambda tx: shelf.of_patron(tx, self._desk.collection, name_of(patron), self._desk.now())
        )

    async def _only_borrower(self, isbn: str, found: Found | None) -> Patron | None:
        """Who has this title, if one patron only has it; None: nobody.

        Raises:
            NotTakenHere: Several have.
        """
        collection, now = self._desk.collection, self._desk.now()
        rows = await self._desk.read(lambda tx: shelf.borrowers(tx, collection, isbn, now))
        if len(rows) > 1:
            raise NotTakenHere(
                "Please scan your card first: several readers have this title.",
                item=None if found is None else as_item(found),
            )
        if not rows:
            return None
        name, card = rows[0]
        return await self._reconciler.patron(name, card)


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


def _refusal(intent: Intent) -> CirculationError:
    """Why another process settled an intent as refused."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, Refused) and kind.reason == intent.reason:
            return kind()
    return Unavailable("the vendor did not do it", may_stand=False)
