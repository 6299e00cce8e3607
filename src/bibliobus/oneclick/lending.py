"""An intent is carried out: the vendor is called, and what it has is read.

Only a definite answer settles an intent, or a list of the vendor's that shows what it wants. After
any other answer the lists are read, and a call is repeated only if they lack it: a checkout or a
hold that is asked for twice is refused by the vendor, and so is a return. A renewal could be done
twice, so it is called once and then only read.

Source: spec/reliability 4.5; spec/oneclick-api 3.2 to 3.4.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from bibliobus.catalogue import store
from bibliobus.catalogue.records import Medium
from bibliobus.catalogue.store import Found
from bibliobus.database import Transaction
from bibliobus.ils.errors import (
    AlreadyBorrowed,
    AlreadyOnLoan,
    BeingConfirmed,
    HoldNotFound,
    NoCopyAvailable,
    NotOnLoan,
    PatronNotFound,
    Refused,
    RenewalNotAllowed,
    Unavailable,
)
from bibliobus.ils.records import Patron
from bibliobus.oneclick import intents, shelf
from bibliobus.oneclick.accounts import Accounts, note_activity
from bibliobus.oneclick.desk import Desk, name_of
from bibliobus.oneclick.errors import BadAnswer, HeldOrBorrowed, VendorError
from bibliobus.oneclick.intents import Intent, Kind, State
from bibliobus.oneclick.results import result_of
from bibliobus.oneclick.shelf import Entry, Seen
from bibliobus.oneclick.wire import CheckedOut, Held, day

logger = logging.getLogger(__name__)

PAUSES = (0.0, 0.2, 1.0, 3.0)  # seconds before each try; then it is left for later
LATER = timedelta(seconds=10)
GIVEN_UP = timedelta(minutes=10)  # a loan that comes later than this would surprise its patron
AS_GOOD = (AlreadyOnLoan, HeldOrBorrowed, NotOnLoan, HoldNotFound)
"""What may mean that an earlier call was heard: the lists tell."""


class Lists(NamedTuple):
    """What the vendor has of a patron, complete."""

    loans: Mapping[str, Seen]
    holds: Mapping[str, Seen]

    def all(self) -> dict[str, Seen]:
        """By ISBN; a loan counts more than a hold."""
        return {**self.holds, **self.loans}


class Lending:
    """Carries out the intents of one collection."""

    def __init__(
        self,
        desk: Desk,
        accounts: Accounts,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._desk, self._accounts, self._sleep = desk, accounts, sleep

    async def lists(self, patron: Patron, *, with_holds: bool = True) -> Lists:
        """All that the vendor has of a patron, or all loans; nothing, of one who has no account
        there. Holds are read first: one that becomes a loan meanwhile is listed twice, and not
        nowhere."""

        async def both(remote_id: int) -> Lists:
            client = self._desk.client
            try:
                holds = await client.holds(remote_id) if with_holds else ()
                return Lists(self._by_isbn(await client.checkouts(remote_id)), self._by_isbn(holds))
            except PatronNotFound:
                raise
            except Refused as refused:  # which answers no question
                raise BadAnswer(f"a list was refused ({refused.reason})") from None

        return await self._accounts.if_there(patron, both, Lists({}, {}))

    async def carry_out(self, intent: Intent, patron: Patron) -> Intent:
        """Settle an intent that is ours, or leave it for later; how it stands then.

        Raises:
            Refused: Definitely; nothing was done.
            VendorError: Nothing was done, for no reason that the patron could mend.
            BeingConfirmed: Nobody knows yet.
        """
        sure = intent.attempts == 0  # that the vendor has not heard of it
        refusal: Refused | None = None
        given_up = False
        for pause in PAUSES:
            await self._sleep(pause)
            try:
                if not sure:
                    settled = await self._read(intent, patron)
                    if settled is not None:
                        return settled
                    if refusal is not None:
                        return await self._refused(intent, refusal)
                if given_up := not self._may_call(intent, again=not sure):
                    break
                refusal = await self._call(intent, patron)
                if refusal is not None and sure and not isinstance(refusal, AS_GOOD):
                    return await self._refused(intent, refusal)
                sure = False
                settled = await self._read(intent, patron, said_yes=refusal is None)
                if settled is not None:
                    return settled
            except _NotOurs:
                return await self._elsewhere(intent)
            except VendorError as error:
                if sure and not error.may_stand:
                    await self._refuse(intent, "not-asked")
                    raise
                logger.info("intent %d: %s", intent.key, error)
                sure = False
            except Unavailable as error:  # our database, before the vendor was called or after
                logger.warning("intent %d: %s", intent.key, error)
        return await (self._give_up(intent) if given_up else self._leave(intent))

    # -------------------------------------------------------- calling

    async def _call(self, intent: Intent, patron: Patron) -> Refused | None:
        """Ask the vendor; why it refused, if it did.

        Raises:
            _NotOurs: Another process has taken the intent; nothing was asked.
        """
        client, isbn = self._desk.client, intent.isbn
        days = await self._days(intent)

        async def asked(remote_id: int) -> None:
            await self._call_begins(intent)
            match intent.kind:
                case Kind.CHECKOUT:
                    await client.checkout(remote_id, isbn, days)
                case Kind.RENEW:
                    await client.renew(remote_id, isbn, days)
                case Kind.CHECKIN:
                    await client.checkin(remote_id, isbn)
                case Kind.ADD_HOLD:
                    await client.add_hold(remote_id, isbn)
                case Kind.CANCEL_HOLD:
                    await client.cancel_hold(remote_id, isbn)

        try:
            await self._accounts.with_id(patron, asked)
        except Refused as refused:
            return refused
        return None

    async def _call_begins(self, intent: Intent) -> None:
        now = self._desk.now()
        if not await self._desk.write(lambda tx: intents.call_begins(tx, intent, now)):
            raise _NotOurs

    async def _days(self, intent: Intent) -> int | None:
        if intent.kind not in (Kind.CHECKOUT, Kind.RENEW) or not self._desk.asks_for_days:
            return None
        found = await self._title(intent, also_withdrawn=True)
        return self._desk.days(Medium.EBOOK if found is None else found.title.medium)

    def _may_call(self, intent: Intent, *, again: bool) -> bool:
        """Whether the vendor may be asked for it, or asked again if it has no trace of it."""
        if intent.kind in (Kind.CHECKIN, Kind.CANCEL_HOLD):
            return True
        if again and intent.kind is Kind.RENEW:
            return False  # a loan that is longer twice is a renewal lost
        return self._desk.now() - intent.begun_at < GIVEN_UP

    # -------------------------------------------------------- reading

    async def _read(
        self, intent: Intent, patron: Patron, *, said_yes: bool = False
    ) -> Intent | None:
        """Apply an intent if the vendor has done it; None: it has no trace of it."""
        about_loans = intent.kind in (Kind.CHECKOUT, Kind.RENEW, Kind.CHECKIN)
        lists = await self.lists(patron, with_holds=not about_loans)
        loan, hold = lists.loans.get(intent.isbn), lists.holds.get(intent.isbn)
        match intent.kind:
            case Kind.CHECKOUT if loan is not None:
                return await self._apply(intent, patron, loan)
            case Kind.RENEW if loan is not None and await self._is_renewed(loan, intent, said_yes):
                return await self._apply(intent, patron, loan)
            case Kind.ADD_HOLD if (there := loan or hold) is not None:
                return await self._apply(intent, patron, there)
            case Kind.CHECKIN if loan is None:
                return await self._apply(intent, patron, None)
            case Kind.CANCEL_HOLD if loan is not None:
                return await self._became_a_loan(intent, patron, loan)
            case Kind.CANCEL_HOLD if hold is None:
                return await self._apply(intent, patron, None)
        return None

    async def _is_renewed(self, loan: Seen, intent: Intent, said_yes: bool) -> bool:
        """Whether a loan was. If that cannot be seen, on the day of the loan itself or without
        dates, the vendor's word is needed and enough."""
        if loan.due_at is None or intent.due_before is None:
            return said_yes
        if loan.due_at > intent.due_before:
            return True
        found = await self._title(intent, also_withdrawn=True)
        length = self._desk.length(Medium.EBOOK if found is None else found.title.medium)
        yesterday = self._desk.today() - timedelta(days=1)  # which it may still be at the vendor's
        until = self._desk.end_of(yesterday + timedelta(days=length))
        return said_yes and until <= loan.due_at

    def _by_isbn(self, rows: tuple[CheckedOut, ...] | tuple[Held, ...]) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        for row in rows:
            kind, last_day = shelf.Kind.HOLD, None
            if isinstance(row, CheckedOut):
                kind, last_day = shelf.Kind.LOAN, day(row.expiration)
            due_at = None if last_day is None else self._desk.end_of(last_day)
            seen = Seen(row.isbn, kind, row.title or row.isbn, row.transaction_id, due_at)
            found.setdefault(row.isbn, seen)
        return found

    # -------------------------------------------------------- settling

    async def _apply(self, intent: Intent, patron: Patron, there: Seen | None) -> Intent:
        """Write what the vendor has done into the mirror, and what the port tells of it."""

        def work(tx: Transaction) -> Intent:
            now, collection, name = self._desk.now(), self._desk.collection, name_of(patron)
            before = shelf.entry_of(tx, collection, name, intent.isbn)
            entry = before
            if there is not None:
                renewed = intent.kind is Kind.RENEW
                entry = shelf.keep(tx, collection, name, there, now, renewed=renewed)
            elif before is not None:
                shelf.end(tx, before.key, now)
            result = result_of(
                tx, self._desk, intent, patron, entry or _of_the_past(intent),
                is_there=there is not None,
            )  # fmt: skip
            if not intents.settle(tx, intent, State.APPLIED, now, result=result):
                raise _NotOurs
            note_activity(tx, self._desk, name)
            return intents.by_key(tx, intent.key)

        return await self._desk.write(work)

    async def _became_a_loan(self, intent: Intent, patron: Patron, loan: Seen) -> Intent:
        """A hold that was to be given up has become a loan: it is one for us, too.

        Raises:
            AlreadyBorrowed: Always.
        """

        def work(tx: Transaction) -> None:
            now = self._desk.now()
            shelf.keep(tx, self._desk.collection, name_of(patron), loan, now)
            intents.settle(tx, intent, State.REFUSED, now, reason=AlreadyBorrowed.reason)

        await self._desk.write(work)
        raise AlreadyBorrowed

    async def _refused(self, intent: Intent, refusal: Refused) -> Intent:
        """Settle an intent that the vendor refused, and say why."""
        found = await self._title(intent)

        def work(tx: Transaction) -> Intent:
            intents.settle(tx, intent, State.REFUSED, self._desk.now(), reason=refusal.reason)
            if isinstance(refusal, NoCopyAvailable) and found is not None:
                store.set_flags(tx, {found.key: (True, False)})  # it was stale
            return intents.by_key(tx, intent.key)

        settled = await self._desk.write(work)
        if settled.state is State.APPLIED:  # by another process, which has seen more
            return settled
        raise refusal

    async def _refuse(self, intent: Intent, reason: str) -> None:
        await self._desk.write(
            lambda tx: intents.settle(tx, intent, State.REFUSED, self._desk.now(), reason=reason)
        )

    async def _give_up(self, intent: Intent) -> Intent:
        """The vendor has no trace of what it was asked for, and it may not be asked again."""
        if intent.kind is Kind.RENEW:
            return await self._refused(intent, RenewalNotAllowed())
        await self._refuse(intent, "given-up")
        raise BadAnswer("the vendor did not do it, and was not asked again", may_stand=False)

    async def _leave(self, intent: Intent) -> Intent:
        again_at = self._desk.now() + LATER
        with contextlib.suppress(Unavailable):  # then it is ours until we are gone
            await self._desk.write(lambda tx: intents.leave(tx, intent, again_at))
        raise BeingConfirmed("the vendor has not said what came of it")

    async def _elsewhere(self, intent: Intent) -> Intent:
        """An intent that another process has."""
        found = await self._desk.read(lambda tx: intents.by_key(tx, intent.key))
        if not found.is_settled:
            raise BeingConfirmed("another process is at it")
        return found

    async def _title(self, intent: Intent, *, also_withdrawn: bool = False) -> Found | None:
        collection, isbn = self._desk.collection, intent.isbn
        return await self._desk.read(
            lambda tx: store.title_of(tx, collection, isbn, also_withdrawn=also_withdrawn)
        )


class _NotOurs(Exception):
    """Another process has the intent, or has settled it; nothing of ours stays written."""


def _of_the_past(intent: Intent) -> Entry:
    """What the vendor had, and our mirror did not."""
    kind = shelf.Kind.HOLD if intent.kind is Kind.CANCEL_HOLD else shelf.Kind.LOAN
    return Entry(0, intent.isbn, kind, intent.isbn, Medium.EBOOK, None, intent.begun_at, None, 0)
