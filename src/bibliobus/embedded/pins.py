"""PINs of patrons: checked off the loop, counted when wrong, over all doors and processes.

After five wrong ones in a row none is looked at for a quarter of an hour, and then one at a time:
at most nine an hour. After a hundred, none until staff have given the patron a new one. A blank
PIN is no attempt, and is not right. Those who ask for one patron at the same time take turns, or
a hundred at once would all be looked at.

Source: spec/reliability 6.3.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from bibliobus.database import Verifier, from_database
from bibliobus.embedded.patrons import StoredPatron
from bibliobus.ils import PatronNotFound, Secret, TooManyWrongPINs, WrongPIN

IN_A_ROW = 5
AT_MOST = 100
WAIT = timedelta(minutes=15)

SEEN_FOR = 1.0  # seconds
SEEN_AT_MOST = 1_000  # patrons


class PINs:
    """Checks the PINs of one institution's patrons.

    Args:
        verifier: Checks secrets against hashes.
        find: Reads a patron.
        count: Writes whether the patron's PIN was right (True) or wrong (False).
        clock: What time it is.
    """

    def __init__(
        self,
        verifier: Verifier,
        find: Callable[[str], Awaitable[StoredPatron | None]],
        count: Callable[[int, bool], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._verifier, self._find, self._count, self._clock = verifier, find, count, clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._seen: dict[str, tuple[float, StoredPatron]] = {}

    def saw(self, patron_id: str, patron: StoredPatron) -> None:
        """A patron was read: a door that finds one has their PIN checked next, and need not make
        the hop twice. A changed PIN is known a second later."""
        if len(self._seen) >= SEEN_AT_MOST:
            self._seen.clear()
        self._seen[patron_id] = (time.monotonic(), patron)

    async def prove(self, patron_id: str, pin: Secret) -> None:
        """Go on only if this is the patron's PIN.

        Raises:
            PatronNotFound: There is no such patron; it takes as long as a wrong PIN.
            TooManyWrongPINs: It was not looked at.
            WrongPIN: It is not.
        """
        patron = await self._just_seen(patron_id)
        if patron is None:
            if pin.reveal():
                await self._verifier.matches(pin, None)
            raise PatronNotFound
        self._check_turn(patron)
        if self._verifier.remembers(pin, patron.pin_hash) and not patron.wrong_pins:
            return
        if not pin.reveal():
            raise WrongPIN(patron=patron.record)
        # Whoever asked may go away; what was looked at is counted all the same.
        looking = asyncio.ensure_future(self._look(patron_id, pin))
        looking.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(looking)

    async def _look(self, patron_id: str, pin: Secret) -> None:
        async with self._turns.setdefault(patron_id, asyncio.Lock()):
            await self._look_in_turn(patron_id, pin)

    async def _look_in_turn(self, patron_id: str, pin: Secret) -> None:
        patron = await self._find(patron_id)
        if patron is None:
            raise PatronNotFound
        self._check_turn(patron)
        right = await self._verifier.matches(pin, patron.pin_hash)
        if not right or patron.wrong_pins:
            await self._count(patron.key, right)
        if not right:
            raise WrongPIN(patron=patron.record)

    def _check_turn(self, patron: StoredPatron) -> None:
        if patron.wrong_pins < IN_A_ROW or patron.wrong_pin_at is None:
            return
        waited = self._clock() - from_database(patron.wrong_pin_at)
        if waited < WAIT or patron.wrong_pins >= AT_MOST:
            raise TooManyWrongPINs(patron=patron.record)

    async def _just_seen(self, patron_id: str) -> StoredPatron | None:
        seen_at, patron = self._seen.pop(patron_id, (0.0, None))
        if patron is not None and time.monotonic() - seen_at < SEEN_FOR:
            return patron
        return await self._find(patron_id)
