"""Leases: who is doing what only one may do at a time, also when there are several servers.

A lease is a row that its holder renews. It ends when it is given up, when its holder has been
silent for a minute, and at once if its holder was a process here, among those that this one sees,
and is gone. Whatever the holder writes, it writes in a transaction that has looked whether the
lease is still its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from bibliobus.database.engine import Database, Transaction
from bibliobus.database.errors import Conflict, DatabaseError
from bibliobus.database.times import from_database, to_database

HOLDS_FOR = timedelta(seconds=60)


class Taken(DatabaseError):
    """Somebody else is at it. Nothing was done."""


class Lost(DatabaseError):
    """This was ours, and is somebody else's now. What was not committed before is not written."""


class Lease:
    """What one process holds, as long as it renews it."""

    def __init__(self, database: Database, institution: str, name: str) -> None:
        self._database, self._institution, self._name = database, institution, name
        self._holder = this_process()

    def keep(self, tx: Transaction) -> None:
        """Renew it, in the transaction that writes what only its holder may write.

        Raises:
            Lost: It is somebody else's by now.
        """
        if not tx.run(
            "UPDATE leases SET until = :until WHERE institution = :institution AND name = :name"
            " AND holder = :holder",
            name=self._name, holder=self._holder, until=_until(),
        ):  # fmt: skip
            raise Lost(f"{self._name} was taken over by another process, after a long silence")

    async def take(self) -> None:
        """Hold it from now on.

        Raises:
            Taken: Somebody else does.
        """
        await self._database.write(self._take, self._institution)

    async def renew(self) -> None:
        """Renew it from time to time, for ever."""
        while True:
            await asyncio.sleep(HOLDS_FOR.total_seconds() / 4)
            with contextlib.suppress(DatabaseError):  # `keep` will say so
                await self._database.write(self.keep, self._institution)

    async def give_up(self) -> None:
        """Let others have it."""
        await self._database.write(
            lambda tx: tx.run(
                "DELETE FROM leases WHERE institution = :institution AND name = :name"
                " AND holder = :holder",
                name=self._name, holder=self._holder,
            ),
            self._institution,
        )  # fmt: skip

    def _take(self, tx: Transaction) -> None:
        held = "SELECT holder, until FROM leases WHERE institution = :institution AND name = :name"
        row = tx.lock(held, name=self._name) or tx.row(held, name=self._name)
        if row is not None:
            holder, until = row
            if from_database(until) > datetime.now(UTC) and not is_gone(holder):
                raise Taken(f"{self._name} is being done by another process ({holder})")
            tx.run(
                "DELETE FROM leases WHERE institution = :institution AND name = :name",
                name=self._name,
            )
        try:
            tx.run(
                "INSERT INTO leases (institution, name, holder, until)"
                " VALUES (:institution, :name, :holder, :until)",
                name=self._name, holder=self._holder, until=_until(),
            )  # fmt: skip
        except Conflict as error:
            raise Taken(f"{self._name} has just been begun by another process") from error


@asynccontextmanager
async def leased(database: Database, institution: str, name: str) -> AsyncIterator[Lease]:
    """Hold a lease for as long as the block takes.

    Raises:
        Taken: Somebody else does.
    """
    lease = Lease(database, institution, name)
    await lease.take()
    renewing = asyncio.create_task(lease.renew())
    try:
        yield lease
    finally:
        renewing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await renewing
        await lease.give_up()


def this_process() -> str:
    """What tells this process from all others, also from a later one of the same number."""
    return _named(os.getpid())


@cache  # it reads two files, and an intent names it three times
def _named(process: int) -> str:
    return f"{_here()} {process} {_started(process)}"


def _until() -> int:
    return to_database(datetime.now(UTC) + HOLDS_FOR)


def _here() -> str:
    """This machine, and which of its processes can be seen: containers may have its name."""
    try:
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def is_gone(holder: str) -> bool:
    """Whether it was a process here that has certainly ended."""
    where, process, started = holder.rsplit(" ", 2)
    if where != _here():
        return False
    now = _started(int(process))
    if now and started:
        return now != started
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is there, and somebody else's
    return False


def _started(process: int) -> str:
    """When a process began, in ticks since the machine did; empty: nobody here tells, or there is
    none. Source: proc(5), /proc/PID/stat, field 22."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return ""
