"""Our mirror is compared with the vendor's lists, and what a crash left open is settled.

A patron's shelf is compared when they are here, and nightly if they were here in the last weeks;
one after the other and slowly, since nobody waits for it. What the vendor's lists lack is over only
if they lack it twice.

Source: spec/reliability 4.5, C2, I25 and I26.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bibliobus.database import Transaction, from_database, to_database
from bibliobus.ils.errors import PatronNotFound, Unavailable
from bibliobus.ils.records import Patron
from bibliobus.oneclick import intents, shelf
from bibliobus.oneclick.desk import Desk, name_of
from bibliobus.oneclick.intents import Intent
from bibliobus.oneclick.lending import Lending

logger = logging.getLogger(__name__)

AT_ONCE = 200  # rows that are forgotten in one transaction
SOME = 50  # patrons that are looked for at a time
_NEVER = datetime.min.replace(tzinfo=UTC)


class Reconciler:
    """Keeps one collection's mirror true."""

    def __init__(
        self,
        desk: Desk,
        lending: Lending,
        in_turn: Callable[[str], asyncio.Lock],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Nothing is asked yet.

        Args:
            desk: Of the collection.
            lending: Which reads the vendor's lists.
            in_turn: The lock of a patron, under whose name a patron's calls go one by one.
            sleep: Waits so many seconds between two patrons.
        """
        self._desk, self._lending, self._in_turn, self._sleep = desk, lending, in_turn, sleep
        self._wanted: dict[str, Patron] = {}  # who is here, in the order they came
        self._came = asyncio.Event()
        self._looked: dict[str, datetime] = {}  # when somebody was here, by card

    async def compare(self, patron: Patron) -> None:
        """Make our mirror of a patron what the vendor has now.

        Raises:
            Unavailable: The vendor or our database did not answer; the mirror is as it was.
        """
        async with self._in_turn(name_of(patron)):
            for _ in range(2):  # what is missed must be missed twice
                if not await self._compare_once(patron):
                    return

    async def _compare_once(self, patron: Patron) -> bool:
        """Whether something is missed for the first time."""
        read_at = self._desk.now()
        seen = (await self._lending.lists(patron)).all()

        def work(tx: Transaction) -> bool:
            _note_compared(tx, self._desk, patron)
            return shelf.compare(
                tx, self._desk.collection, name_of(patron), seen,
                read_at=read_at, now=self._desk.now(),
            )  # fmt: skip

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
        compared = await self._desk.read(lambda tx: _compared_at(tx, self._desk, name_of(patron)))
        if compared is not None and from_database(compared) <= long_ago:
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
        """Compare some shelves whose turn it is, of patrons who were here in the last weeks; how
        many it were."""
        settings, now = self._desk.settings, self._desk.now()
        if not settings.reconciled_hours:
            return 0
        cards = await self._desk.read(
            lambda tx: _due(
                tx, self._desk,
                compared_before=now - timedelta(hours=settings.reconciled_hours),
                active_since=now - timedelta(days=settings.reconciled_days),
            )
        )  # fmt: skip
        for name, card in cards:
            await self._compared(await self.patron(name, card))
        return len(cards)

    async def forget(self) -> None:
        """Cut what ended long enough ago from its patrons."""
        before = self._desk.now() - max(
            timedelta(days=self._desk.settings.forgotten_days), intents.REPEATED
        )
        for forget in (shelf.forget, intents.forget):
            while await self._desk.write(lambda tx, forget=forget: forget(tx, before, AT_ONCE)):  # type: ignore[misc]
                await self._sleep(0)

    async def patron(self, name: str, card: str) -> Patron:
        """Whom one of our rows is about; what is left of them, if the ILS knows them no more, or
        somebody else has their card now."""
        with contextlib.suppress(PatronNotFound):
            found = await self._desk.patron(card)
            if name_of(found) == name:
                return found
        return Patron(id=card, name="", internal_id=name)

    async def take(self) -> Intent | None:
        """An open intent that nobody works on, held by us from now on."""
        now, collection = self._desk.now(), self._desk.collection
        return await self._desk.write(lambda tx: intents.take(tx, collection, now))

    async def _compared(self, patron: Patron) -> None:
        try:
            await self.compare(patron)
        except Unavailable as error:
            logger.info("a shelf of %s was not compared: %s", self._desk.collection, error)
        await self._sleep(2 * self._desk.settings.reconciling_seconds)  # there were two calls


def _compared_at(tx: Transaction, desk: Desk, patron: str) -> int | None:
    """When a shelf was compared last, 0 if never; None: the patron never borrowed here."""
    row = tx.row(
        "SELECT COALESCE(compared_at, 0) FROM remote_patrons WHERE institution = :institution"
        " AND collection = :collection AND patron = :patron",
        collection=desk.collection, patron=patron,
    )  # fmt: skip
    return None if row is None else int(row[0])


def _note_compared(tx: Transaction, desk: Desk, patron: Patron) -> None:
    tx.run(
        "UPDATE remote_patrons SET compared_at = :now, card = :card"
        " WHERE institution = :institution AND collection = :collection AND patron = :patron",
        collection=desk.collection, patron=name_of(patron), card=patron.id,
        now=to_database(desk.now()),
    )  # fmt: skip


def _due(
    tx: Transaction, desk: Desk, *, compared_before: datetime, active_since: datetime
) -> list[tuple[str, str]]:
    return [
        (patron, card)
        for patron, card in tx.rows(
            "SELECT patron, card FROM remote_patrons WHERE institution = :institution"
            " AND collection = :collection AND active_at >= :active_since"
            " AND COALESCE(compared_at, 0) < :compared_before"
            " ORDER BY COALESCE(compared_at, 0), patron LIMIT :some",
            collection=desk.collection, compared_before=to_database(compared_before),
            active_since=to_database(active_since), some=SOME,
        )
    ]  # fmt: skip
