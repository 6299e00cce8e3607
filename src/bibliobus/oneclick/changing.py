"""How a change is made: it is an intent, which a task of its own carries out, and whoever asked
waits for that for some seconds.

From the moment that an intent is written nobody is told that nothing was done unless that is
certain: whatever else goes wrong, the change is being confirmed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

from bibliobus.database import Transaction
from bibliobus.ils import errors
from bibliobus.ils.errors import BeingConfirmed, CirculationError, Refused, Unavailable
from bibliobus.ils.records import Item, Origin, Patron
from bibliobus.oneclick import intents, shelf
from bibliobus.oneclick.accounts import locked_account
from bibliobus.oneclick.desk import Desk, name_of
from bibliobus.oneclick.errors import HeldOrBorrowed, VendorError
from bibliobus.oneclick.intents import Intent, Kind
from bibliobus.oneclick.lending import Lending
from bibliobus.oneclick.shelf import Entry

logger = logging.getLogger(__name__)

T = TypeVar("T")

HANDS = 8
"""Intents at a time: if hundreds borrow at once, the first are done before the last begin."""
POLL = 0.25  # seconds: how often we look what became of an intent that another process has
ENDING = 10.0  # seconds that what was begun may take when we close


class Wanted(NamedTuple):
    """What a check has found to be done."""

    kind: Kind
    due_before: datetime | None = None  # of the loan that is to be renewed


Check = Callable[[Transaction, Entry | None], Wanted]
"""Decides, by what a patron has of the title now, or refuses; in the transaction that writes the
intent."""


class Changes:
    """All changes of one collection that this process has begun."""

    def __init__(self, desk: Desk, lending: Lending) -> None:
        self._desk, self._lending = desk, lending
        self._working: dict[int, asyncio.Task[Intent]] = {}  # by intent
        self._hands = asyncio.Semaphore(HANDS)

    async def make(
        self,
        result_type: type[T],
        patron: Patron,
        item: Item,
        origin: Origin,
        kinds: tuple[Kind, ...],
        check: Check,
    ) -> T:
        """The result of a change, which is an intent from now on, or was one before.

        Args:
            result_type: What it results in.
            patron: Who wants it.
            item: Which title.
            origin: Where the call comes from.
            kinds: What it may be: if one of these is under way already, this is a second click.
            check: See `Check`.

        Raises:
            Refused: By us, in `check`, or by the vendor.
            VendorError: Nothing was done.
            BeingConfirmed: It goes on.
        """
        intent = await self._desk.write(
            lambda tx: self._written(tx, patron, item, origin, kinds, check)
        )
        try:
            return await self.result(result_type, intent, patron)
        except Refused as refused:  # the vendor does not say of whom and what
            refused.patron, refused.item = patron, refused.item or item
            raise

    async def first(self, origin: Origin, patron: str | None) -> Intent | None:
        """The intent of this very request, if it came before, of this patron or of anybody."""
        collection = self._desk.collection
        return await self._desk.read(lambda tx: intents.of_request(tx, collection, origin, patron))

    async def result(self, result_type: type[T], intent: Intent, patron: Patron) -> T:
        """What an intent results in, as soon as that is known.

        Raises:
            Refused, VendorError, BeingConfirmed: As of `make`.
        """
        try:
            async with asyncio.timeout(self._desk.settings.wait_seconds):
                settled = await self._settled(intent, patron)
        except TimeoutError:
            raise BeingConfirmed("the vendor takes long") from None
        except (VendorError, BeingConfirmed):
            raise
        except Unavailable as error:  # our own database: who knows what the vendor has done
            raise BeingConfirmed(str(error)) from error
        if settled.result is None:
            raise _refusal(settled)
        return msgspec.json.decode(settled.result, type=result_type)

    async def take_up(self) -> int:
        """Carry on with what nobody works on, in tasks; how many it are."""
        begun, collection = 0, self._desk.collection
        while intent := await self._desk.write(
            lambda tx: intents.take(tx, collection, self._desk.now())
        ):
            if intent.key not in self._working:
                self._begin(intent, await self._desk.patron_named(intent.patron, intent.card))
                begun += 1
        return begun

    async def close(self) -> None:
        """Finish what was begun, as far as it is done in some seconds. What is left open is taken
        up when we are opened again."""
        if working := list(self._working.values()):
            _, late = await asyncio.wait(working, timeout=ENDING)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _written(
        self,
        tx: Transaction,
        patron: Patron,
        item: Item,
        origin: Origin,
        kinds: tuple[Kind, ...],
        check: Check,
    ) -> Intent:
        """The intent of this request: as it stands, or a new one."""
        collection, name, now = self._desk.collection, name_of(patron), self._desk.now()
        locked_account(tx, self._desk, patron)  # from here on one at a time
        if (first := intents.of_request(tx, collection, origin, name)) is not None:
            return first
        if (under_way := intents.open_one(tx, collection, name, item.id)) is not None:
            if under_way.kind in kinds:  # a second click
                return intents.take(tx, collection, now, under_way.key) or under_way
            raise BeingConfirmed("something else is under way with this title")
        for kind in kinds:
            again = intents.repeated(tx, collection, kind, name, item.id, origin, now)
            if again is not None:
                return again
        entry = shelf.entry_of(tx, collection, name, item.id)
        if entry is not None and entry.is_over(now):
            shelf.end(tx, entry.key, now)  # loans end by themselves
            entry = None
        wanted = check(tx, entry)
        return intents.begin(
            tx, collection, wanted.kind, patron=name, card=patron.id, isbn=item.id,
            due_before=wanted.due_before, origin=origin, now=now,
        )  # fmt: skip

    async def _settled(self, intent: Intent, patron: Patron) -> Intent:
        """An intent once it is settled, by us or by another process.

        Raises:
            Refused, VendorError, BeingConfirmed: As of `Lending.carry_out`.
        """
        if intent.is_settled:
            return intent
        task = self._working.get(intent.key)
        if task is None and intent.is_ours:
            task = self._begin(intent, patron)
        if task is not None:
            return await asyncio.shield(task)
        while True:
            found = await self._desk.read(lambda tx: intents.by_key(tx, intent.key))
            if found.is_settled:
                return found
            await asyncio.sleep(POLL)

    def _begin(self, intent: Intent, patron: Patron) -> asyncio.Task[Intent]:
        task = asyncio.create_task(self._carry_out(intent, patron), name=f"intent {intent.key}")
        self._working[intent.key] = task
        task.add_done_callback(lambda done: self._ended(intent, done))
        return task

    async def _carry_out(self, intent: Intent, patron: Patron) -> Intent:
        async with self._desk.turn(intent.patron), self._hands:
            return await self._lending.carry_out(intent, patron)

    def _ended(self, intent: Intent, task: asyncio.Task[Intent]) -> None:
        del self._working[intent.key]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, CirculationError):
            logger.error("intent %d: a fault of ours", intent.key, exc_info=error)


def _refusal(intent: Intent) -> CirculationError:
    """Why an intent was refused, if another process settled it: that keeps the reason only."""
    for kind in (HeldOrBorrowed, *vars(errors).values()):
        if isinstance(kind, type) and issubclass(kind, Refused) and kind.reason == intent.reason:
            return kind()
    return VendorError("the vendor did not do it", may_stand=False)
