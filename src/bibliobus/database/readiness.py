"""Whether a database can be written to now: 98 tells terminals, and health tells supervisors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from bibliobus.database.engine import Transaction
from bibliobus.database.errors import DatabaseError, Failed
from bibliobus.database.times import to_database

ASKED_AGAIN = 1.0  # seconds after which an answer is too old
ANSWERS_IN = 2.0  # seconds: a terminal is told within three


class Readiness:
    """What came of the last attempt to write, which is asked for once a second at most."""

    def __init__(self, attempt: Callable[[], Awaitable[object]]) -> None:
        self._attempt = attempt
        self._asked_at = -ASKED_AGAIN
        self._error: str | None = None
        self._asking: asyncio.Task[None] | None = None
        self._attempting: asyncio.Future[object] | None = None

    async def check(self) -> None:
        """Go on only if the database can be written to.

        Raises:
            Failed: It cannot.
        """
        if self._asking is None and time.monotonic() - self._asked_at >= ASKED_AGAIN:
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None:
            await asyncio.shield(self._asking)
        if self._error is not None:
            raise Failed(self._error, may_stand=False)

    async def _ask(self) -> None:
        """Attempt it; one that hangs is waited for again, as each costs a thread."""
        if self._attempting is None:
            self._attempting = asyncio.ensure_future(self._attempt())
        try:
            done, _ = await asyncio.wait([self._attempting], timeout=ANSWERS_IN)
            if not done:
                self._error = f"it did not answer in {ANSWERS_IN:.0f} seconds"
                return
            attempted, self._attempting = self._attempting, None
            attempted.result()
            self._error = None
        except DatabaseError as error:
            self._error = str(error)
        finally:
            self._asked_at, self._asking = time.monotonic(), None


def note_the_time(tx: Transaction) -> None:
    """Write something that nobody reads."""
    tx.run(
        "INSERT INTO readiness (one, at) VALUES (1, :now)"
        " ON CONFLICT (one) DO UPDATE SET at = excluded.at",
        now=to_database(datetime.now(UTC)),
    )
