"""What the jobs share: one collection of one institution, which a job has to itself.

Everything a job writes, it writes in a transaction that renews its lease, so of two nodes only one
ever works on a collection, also when one of them was asleep for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from bibliobus.catalogue import store
from bibliobus.catalogue.store import Known
from bibliobus.database import Database, Transaction
from bibliobus.database.leases import Lease, leased
from bibliobus.ils.errors import CirculationError
from bibliobus.oneclick import runs
from bibliobus.oneclick.client import Client
from bibliobus.oneclick.errors import BadAnswer, BadInput, VendorFault
from bibliobus.oneclick.incoming import Ready, Sifted
from bibliobus.oneclick.runs import Job, Outcome, Run
from bibliobus.oneclick.spool import NotACatalogue

T = TypeVar("T")

TOGETHER = 100  # titles that are withdrawn or marked in one transaction
PAUSE = 3.0  # times as long as a transaction took, for those who wait
FEW = 100  # titles may always go
SHARE = 0.05  # of all that are there may go without anybody looking


class JobError(Exception):
    """A job was not done, or not to its end. The message says why, and what to do."""


class TooSoon(JobError):
    """The vendor was asked for its whole catalogue a short time ago. Nothing was done."""


class Shrinks(JobError):
    """More titles would go than anybody would believe. Nothing was taken away."""


def _silent(done: int, of: int) -> None:
    pass


def _now() -> datetime:
    return datetime.now(UTC)


def _nothing_more(tx: Transaction, saved: Sequence[Known]) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Collecting:
    """One collection, held by one job."""

    database: Database
    institution: str
    collection: str
    client: Client
    lease: Lease
    spool: Path  # the folder of whole catalogues
    now: Callable[[], datetime] = _now
    tell: Callable[[int, int], None] = _silent  # how much is done, and of how much

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """As `Database.read`, in the institution's name."""
        return await self.database.read(work, self.institution)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """As `Database.write`, in the institution's name, as long as the lease is ours.

        Raises:
            Lost: It is not any more. Nothing was written.
        """

        def held(tx: Transaction) -> T:
            with tx.unhurried():  # nobody waits for it at a terminal
                self.lease.keep(tx)
                return work(tx)

        began = time.monotonic()
        result = await self.database.write(held, self.institution)
        if await self.makes_way():
            await self.database.checkpoint()
            await asyncio.sleep(PAUSE * (time.monotonic() - began))
        return result

    async def makes_way(self) -> bool:
        """Whether there is a server on the same SQLite file, whose terminals wait for us."""
        return await self.database.is_served()

    async def begin(self, job: Job) -> Run:
        """A new run of a job, written down. Whatever of it was cut off before has failed."""

        def work(tx: Transaction) -> Run:
            runs.end_cut_off(tx, self.collection, job, self.now())
            return runs.begin(tx, self.collection, job, self.now())

        return await self.write(work)

    async def keep(self, run: Run) -> None:
        """Write down how far a run has come."""
        row = runs.row(run)
        await self.write(lambda tx: runs.keep(tx, row))

    @asynccontextmanager
    async def ending(self, run: Run) -> AsyncIterator[None]:
        """Write down how a run ended, and why; one that is cut off has not ended."""
        try:
            yield
        except Shrinks as error:
            run.outcome, run.note = Outcome.HELD, str(error)
            raise
        except (JobError, CirculationError) as error:
            run.outcome, run.note = Outcome.FAILED, str(error)
            raise
        except NotACatalogue as error:
            run.outcome = Outcome.FAILED
            run.note = f"what the vendor sent is no catalogue: {error}"
            raise JobError(run.note) from error
        else:
            run.outcome = Outcome.DONE
        finally:
            if run.outcome is not None:
                run.ended_at = self.now()
                await self.keep(run)

    async def known(self) -> dict[str, Known]:
        """All titles that were ever in this collection, by ISBN."""
        return await self.read(lambda tx: store.known_titles(tx, self.collection))

    async def keep_titles(
        self,
        run: Run,
        sifted: Sifted,
        made: Ready,
        known: Mapping[str, Known],
        spelt: set[str],
        and_then: Callable[[Transaction, Sequence[Known]], None] = _nothing_more,
    ) -> None:
        """Keep records that were made ready, count them, and write down how far the run has come.

        Args:
            run: Which is at the end of these records, as far as it counts.
            sifted: What was known of them before they were read.
            made: What was read.
            known: All titles of the collection, by ISBN, as they were before.
            spelt: The words that are remembered already; those of these titles are added.
            and_then: What belongs into the same transaction, with the titles as they stand then.
        """
        _count(run, sifted, made, known)
        row, now = runs.row(run), self.now()
        words = {word for each in made.titles for word in each.words} - spelt

        def work(tx: Transaction) -> None:
            saved = store.save(tx, made.titles, known, now)
            store.spell(tx, words)
            and_then(tx, saved)
            runs.keep(tx, row)

        await self.write(work)
        spelt |= words

    async def records(
        self,
        run: Run,
        isbns: Sequence[str],
        otherwise: Mapping[str, bytes | None] = MappingProxyType({}),
        *,
        left: bool = False,
    ) -> dict[str, bytes | None]:
        """Fetch the vendor's records of titles, by ISBN; None: it has none.

        What the vendor cannot tell of one title is odd, and keeps nobody from the others.

        Args:
            run: Which counts the calls.
            isbns: Which titles.
            otherwise: Records that are taken where the vendor has none.
            left: Titles may have left, so it is not odd if the vendor has none.
        """
        told = await asyncio.gather(
            *(self.client.title(isbn) for isbn in isbns), return_exceptions=True
        )
        run.counts.calls += len(isbns)
        faults = [each for each in told if isinstance(each, VendorFault)]
        if faults and len(faults) == len(told):
            raise faults[0]  # it is not about any one title
        found: dict[str, bytes | None] = {}
        for isbn, record in zip(isbns, told, strict=True):
            if isinstance(record, BadAnswer | BadInput | VendorFault):
                found[isbn] = otherwise.get(isbn)
                reason = str(record)
            elif isinstance(record, BaseException):
                raise record
            else:
                found[isbn] = record or otherwise.get(isbn)
                reason = "" if left else "the vendor names it, and does not know it"
            if found[isbn] is None and reason:
                run.is_odd(isbn, reason)
        return found

    async def withdraw(self, run: Run, keys: Collection[int]) -> None:
        """Take titles out of circulation, and count them."""
        for some in _chunks(keys):
            run.counts.withdrawn += len(some)
            row = runs.row(run)

            def work(tx: Transaction, some: list[int] = some, row: dict[str, object] = row) -> None:
                store.withdraw(tx, some, self.now())
                runs.keep(tx, row)

            await self.write(work)

    async def set_flags(
        self, run: Run, flags: Mapping[int, tuple[bool | None, bool | None]]
    ) -> None:
        """Keep which titles, by key, are owned and available, and count them."""
        for some in _chunks(flags):
            run.counts.updated += len(some)
            row = runs.row(run)
            theirs = {key: flags[key] for key in some}

            def work(
                tx: Transaction,
                theirs: dict[int, tuple[bool | None, bool | None]] = theirs,
                row: dict[str, object] = row,
            ) -> None:
                store.set_flags(tx, theirs)
                runs.keep(tx, row)

            await self.write(work)

    async def settle(self) -> None:
        """Have searches be quick again."""
        await self.database.write(
            lambda tx: tx.settle("title_terms", "titles", "words"), self.institution
        )


def _count(run: Run, sifted: Sifted, made: Ready, known: Mapping[str, Known]) -> None:
    for isbn, reason in (*sifted.odd, *made.odd):
        run.is_odd(isbn or "a record without an ISBN", reason)
    before = [known.get(str(each.row["isbn"])) for each in made.titles]
    changed = sum(1 for each in before if each is not None and not each.withdrawn)
    run.counts.added += len(made.titles) - changed
    run.counts.updated += changed
    run.counts.unchanged += len(sifted.unchanged)


def check_shrinking(going: int, of: int, what: str) -> None:
    """Let go only what may go without anybody looking.

    Raises:
        Shrinks: It is more than that.
    """
    if going > FEW and going > SHARE * of:
        raise Shrinks(
            f"{going:,} of {of:,} titles {what}, which is more than {SHARE:.0%}. If that is right,"
            " say --allow-shrinking."
        )


@asynccontextmanager
async def collecting(
    database: Database,
    institution: str,
    collection: str,
    client: Client,
    *,
    spool: Path,
    now: Callable[[], datetime] = _now,
    tell: Callable[[int, int], None] = _silent,
) -> AsyncIterator[Collecting]:
    """A collection, held for as long as the block takes.

    Raises:
        Taken: Another process works on it.
    """
    async with leased(database, institution, f"oneclick {collection}") as lease:
        yield Collecting(
            database=database, institution=institution, collection=collection, client=client,
            lease=lease, spool=spool, now=now, tell=tell,
        )  # fmt: skip


def _chunks(keys: Iterable[int]) -> Iterable[list[int]]:
    every = list(keys)
    return (every[start : start + TOGETHER] for start in range(0, len(every), TOGETHER))
