"""Our mirror is compared with the vendor's lists, and what is over is forgotten.

A patron's shelf is compared when they are here, and nightly if they were here in the last weeks;
one after the other and slowly, since nobody waits for it. What the vendor's lists lack is over only
if they lack it twice.

Source: spec/reliability 4.5, C2, I25 and I26.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bibliobus.database import Transaction
from bibliobus.database.leases import Taken, leased
from bibliobus.ils.errors import Unavailable
from bibliobus.ils.records import Patron
from bibliobus.oneclick import accounts, intents, shelf
from bibliobus.oneclick.desk import Desk, name_of
from bibliobus.oneclick.lending import Lending

logger = logging.getLogger(__name__)

AT_ONCE = 200  # rows that are forgotten in one transaction
SOME = 50  # patrons that are compared at a time
CALLS = 2  # of one look at a shelf
AGAIN = timedelta(hours=1)  # not before then is a shelf looked at again that could not be compared
_NEVER = datetime.min.replace(tzinfo=UTC)


class Reconciler:
    """Keeps one collection's mirror true."""

    def __init__(
        self,
        desk: Desk,
        lending: Lending,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Nothing is asked yet.

        Args:
            desk: Of the collection.
            lending: Which reads the vendor's lists.
            sleep: Waits so many seconds between two patrons.
        """
        self._desk, self._lending, self._sleep = desk, lending, sleep
        self._wanted: dict[str, Patron] = {}  # who is here, in the order they came
        self._came = asyncio.Event()
        self._looked: dict[str, datetime] = {}  # when somebody was here, by card
        self._failed: dict[str, datetime] = {}  # when a shelf could not be compared
        self._pace = asyncio.Lock()

    async def compare(self, patron: Patron) -> None:
        """Make our mirror of a patron what the vendor has now.

        Raises:
            Unavailable: The vendor or our database did not answer; the mirror is as it was.
        """
        async with self._desk.turn(name_of(patron)):
            if await self._compare_once(patron):  # what is missed must be missed twice
                await self._compare_once(patron)

    async def _compare_once(self, patron: Patron) -> bool:
        """Whether something is missed for the first time."""
        read_at, name = self._desk.now(), name_of(patron)
        seen = (await self._lending.lists(patron)).all()

        def work(tx: Transaction) -> bool:
            accounts.note_compared(tx, self._desk, name)
            return shelf.compare(
                tx, self._desk.collection, name, seen, read_at=read_at, now=self._desk.now()
            )

        return await self._desk.write(work)

    def is_fresh(self, card: str) -> bool:
        """Whether a patron was here a short time ago, so that there is nothing to be compared."""
        return self._looked.get(card, _NEVER) > self._long_ago()

    async def signed_in(self, patron: Patron) -> None:
        """Compare a patron's shelf soon, unless that was done a short time ago, or they have no
        account at the vendor."""
        long_ago = self._long_ago()
        self._looked = {card: at for card, at in self._looked.items() if at > long_ago}
        self._looked[patron.id] = self._desk.now()
        compared_at = await self._desk.read(
            lambda tx: accounts.compared_at(tx, self._desk, name_of(patron))
        )
        if compared_at is not None and compared_at <= long_ago:
            self._wanted[name_of(patron)] = patron
            self._came.set()

    def _long_ago(self) -> datetime:
        return self._desk.now() - timedelta(minutes=self._desk.settings.reconciled_minutes)

    async def compare_wanted(self) -> None:
        """Wait until somebody is here, and compare the shelves of all who are."""
        await self._came.wait()
        self._came.clear()
        while self._wanted:
            await self._compared(self._wanted.pop(next(iter(self._wanted))))

    async def compare_some(self) -> int:
        """Compare some shelves whose turn it is, of patrons who were here in the last weeks, unless
        another process does; how many it were."""
        settings, desk = self._desk.settings, self._desk
        if not settings.reconciled_hours:
            return 0
        now, name = desk.now(), f"oneclick {desk.collection} shelves"
        due = await desk.read(
            lambda tx: accounts.to_compare(
                tx, desk,
                compared_before=now - timedelta(hours=settings.reconciled_hours),
                active_since=now - timedelta(days=settings.reconciled_days),
            )
        )  # fmt: skip
        self._failed = {each: at for each, at in self._failed.items() if at > now - AGAIN}
        some = [each for each in due if each[0] not in self._failed][:SOME]
        try:
            async with leased(desk.database, desk.institution, name):
                for patron, card in some:
                    await self._compared(await desk.patron_named(patron, card))
        except Taken:
            return 0
        return len(some)

    async def forget(self) -> None:
        """Cut what ended long enough ago from its patrons."""
        desk = self._desk
        length = max(timedelta(days=desk.settings.forgotten_days), intents.REPEATED)
        before = desk.now() - length
        for work in (shelf.end_what_is_over, shelf.forget, intents.forget):
            while await desk.write(
                lambda tx, work=work: work(tx, desk.collection, before, AT_ONCE)  # type: ignore[misc]
            ):
                await self._sleep(0)

    async def _compared(self, patron: Patron) -> None:
        """Compare a shelf that nobody waits for: one after the other, and slowly."""
        async with self._pace:
            try:
                await self.compare(patron)
            except Unavailable as error:
                self._failed[name_of(patron)] = self._desk.now()
                logger.info("a shelf of %s was not compared: %s", self._desk.collection, error)
            await self._sleep(CALLS * self._desk.settings.reconciling_seconds)
