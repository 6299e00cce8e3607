"""SQLite: one connection that writes and one that reads; what waits goes together.

All writing transactions that wait are run each in a savepoint of its own, committed once (WAL,
synchronous=FULL) and then answered together: many terminals share one fsync. One that raises
rolls back its savepoint alone. Nobody else writes, so nothing needs a lock, and only the writer's
connection checkpoints, if it is the server's: a command that works beside it leaves that alone.

Reads that wait go before the writes, in one snapshot that was taken after they were asked for, so
a terminal always sees what it was told. Their connection cannot write.

All statements run in one thread, because Python runs one at a time: with a thread each for reads
and writes, these and the event loop's waited for each other (at 64 terminals, 4.3 thousand
transactions a second, and 5.1 with one). COMMIT has a thread of its own: it waits for the disk and
needs no Python, so reads go on beside it (on a disk that takes 5 ms to sync, 16 terminals had 1.2
thousand transactions a second without that, and 2.8 with it).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, TypeVar, cast

import apsw

from bibliobus.database.engine import APPEND_ONLY, SEARCH_INDEX, Row, Transaction, all_storable
from bibliobus.database.errors import Conflict, DatabaseError, Failed, Unsuitable
from bibliobus.database.migrating import migrate
from bibliobus.database.readiness import Readiness, note_the_time

T = TypeVar("T")

LOCK_TRIES = 20
MOST_AT_ONCE = 256  # transactions in one commit: bounds how long the first one waits

SQLITE_SETTINGS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA trusted_schema = OFF;
PRAGMA busy_timeout = 5000;
"""

_TYPES = {
    # never the key of a row that is gone: others may refer to that
    "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "BIGINT": "INTEGER",
    "BOOLEAN": "INTEGER",
    "BYTEA": "BLOB",
    ' COLLATE "C"': "",  # is how it compares
    "\n);": "\n) STRICT;",
}
_TYPE = re.compile("|".join(map(re.escape, _TYPES)))
_APPEND_ONLY = r"""
CREATE TRIGGER \1_keeps_rows BEFORE DELETE ON \1
BEGIN SELECT RAISE(ABORT, 'rows of \1 are only ever added'); END;
CREATE TRIGGER \1_keeps_values BEFORE UPDATE ON \1
BEGIN SELECT RAISE(ABORT, 'rows of \1 are only ever added'); END;
"""
# No text is kept, and no place of a word in it: a quarter of the size, and half of the time.
_SEARCH_INDEX = (
    r"CREATE VIRTUAL TABLE \1 USING"
    " fts5(terms, content='', contentless_delete=1, detail=none, tokenize='ascii');"
)


class SQLiteTransaction:
    """See `engine.Transaction`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.institution = ""

    def row(self, sql: str, **parameters: Any) -> Row | None:
        parameters["institution"] = self.institution
        for row in self._execute(sql, parameters):
            return cast("Row", row)
        return None

    def rows(self, sql: str, **parameters: Any) -> list[Row]:
        parameters["institution"] = self.institution
        return cast("list[Row]", self._execute(sql, parameters).fetchall())

    def run(self, sql: str, **parameters: Any) -> int:
        parameters["institution"] = self.institution
        self._execute(sql, parameters)
        return self._connection.changes()

    def many(self, sql: str, rows: Sequence[dict[str, Any]]) -> list[Row]:
        each = [all_storable(row) | {"institution": self.institution} for row in rows]
        try:
            return cast("list[Row]", self._connection.executemany(sql, each).fetchall())
        except apsw.ConstraintError as error:
            raise Conflict(str(error)) from error

    def search(self, index: str, groups: Iterable[Iterable[str]], limit: int) -> list[int]:
        rows = self.rows(
            f"SELECT rowid FROM {index} WHERE {index} MATCH :terms"  # noqa: S608 - ours
            " ORDER BY rowid DESC LIMIT :limit",
            terms=" AND ".join(f"({' OR '.join(group)})" for group in groups),
            limit=limit,
        )
        return [number for (number,) in rows]

    def settle(self, index: str, *tables: str) -> None:
        pass  # it merges as it goes, and plans without statistics

    def add(self, sql: str, **parameters: Any) -> int:
        self.run(sql, **parameters)
        return self._connection.last_insert_rowid()

    def lock(self, sql: str, **parameters: Any) -> Row | None:
        return None  # the one writer has the database to itself

    def unhurried(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()  # nothing hurries it

    def script(self, sql: str) -> None:
        sql = _TYPE.sub(lambda found: _TYPES[found[0]], sql)
        sql = SEARCH_INDEX.sub(_SEARCH_INDEX, APPEND_ONLY.sub(_APPEND_ONLY, sql))
        self._connection.execute(sql).fetchall()

    def _execute(self, sql: str, parameters: dict[str, Any]) -> apsw.Cursor:
        try:
            try:
                return self._connection.execute(sql, parameters)
            except UnicodeEncodeError:
                return self._connection.execute(sql, all_storable(parameters))
        except apsw.ConstraintError as error:
            raise Conflict(str(error)) from error


@dataclass(slots=True)
class _Job:
    """A transaction that waits for its turn."""

    work: Callable[[Transaction], Any]
    institution: str
    writes: bool
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    undecided: bool = False  # the next COMMIT decides about it


class _Signal(Enum):
    COMMITTED = 1
    END = 2


def _fail(jobs: list[_Job], cause: BaseException | None, *, may_stand: bool) -> None:
    """None of them was committed, so a refusal that one of them met is void as well."""
    for job in jobs:
        job.error = Failed(str(cause), may_stand=may_stand)
        job.error.__cause__ = cause
        job.undecided = False


class _Threads:
    """Where jobs run: one thread for statements, one for COMMIT, which only waits for the disk.

    Jobs are handed over once in each turn of the event loop, and answered once a batch: two
    threads that wake each other for every job spend more time on that than on the jobs.
    """

    def __init__(
        self,
        read: Callable[[list[_Job]], None],
        write: Callable[[list[_Job]], None],
        commit: Callable[[list[_Job]], None],
    ) -> None:
        self._read, self._write, self._commit = read, write, commit
        self._loop = asyncio.get_running_loop()
        self._asked: list[_Job] = []  # in this turn of the loop
        self._stopped = False
        self._arrived: SimpleQueue[list[_Job] | _Signal] = SimpleQueue()
        self._written: SimpleQueue[list[_Job] | None] = SimpleQueue()  # and not committed yet
        self._running = [
            threading.Thread(target=self._run_statements, name="sqlite", daemon=True),
            threading.Thread(target=self._run_commits, name="sqlite-commit", daemon=True),
        ]
        for each in self._running:
            each.start()

    async def do(self, work: Callable[[Transaction], T], institution: str, *, writes: bool) -> T:
        """Run `work` in its turn, and wait for what came of it."""
        if self._stopped:
            raise Failed("the database is closed", may_stand=False)
        answer = self._loop.create_future()
        if not self._asked:
            self._loop.call_soon(self._hand_over)
        self._asked.append(_Job(work, institution, writes, answer))
        return cast("T", await answer)

    async def stop(self) -> None:
        """Finish the jobs that wait, and end the threads."""
        self._hand_over()
        self._stopped = True
        self._arrived.put(_Signal.END)
        for each in self._running:
            await asyncio.to_thread(each.join)

    def _hand_over(self) -> None:
        if self._asked:
            self._arrived.put(self._asked)
            self._asked = []

    def _run_statements(self) -> None:
        writes: list[_Job] = []
        committing = ending = False
        while not ending or committing or writes:
            reads: list[_Job] = []
            for arrived in self._all_arrived():
                if arrived is _Signal.END:
                    ending = True
                elif arrived is _Signal.COMMITTED:
                    committing = False
                else:
                    reads += [job for job in arrived if not job.writes]
                    writes += [job for job in arrived if job.writes]
            if reads:
                self._guarded(self._read, reads)
                self._answer(reads)
            if writes and not committing:
                batch, writes = writes[:MOST_AT_ONCE], writes[MOST_AT_ONCE:]
                self._guarded(self._write, batch)
                committing = True
                self._written.put(batch)
        self._written.put(None)

    def _run_commits(self) -> None:
        while (batch := self._written.get()) is not None:
            self._guarded(self._commit, batch)
            self._arrived.put(_Signal.COMMITTED)
            self._answer(batch)

    def _all_arrived(self) -> Iterator[list[_Job] | _Signal]:
        """Wait for something; it, and whatever else is there by then."""
        yield self._arrived.get()
        with contextlib.suppress(Empty):
            while True:
                yield self._arrived.get_nowait()

    def _guarded(self, run: Callable[[list[_Job]], None], batch: list[_Job]) -> None:
        try:
            run(batch)
        except Exception as error:  # the threads must outlive whatever happens to one batch
            _fail(batch, error, may_stand=batch[0].writes)

    def _answer(self, batch: list[_Job]) -> None:
        self._loop.call_soon_threadsafe(_deliver, batch)


def _deliver(batch: list[_Job]) -> None:
    for job in batch:
        if job.answer.done():
            continue  # whoever asked has gone; what was committed stays
        if job.error is None:
            job.answer.set_result(job.result)
        else:
            job.answer.set_exception(job.error)


class SQLite:
    """See `engine.Database`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self._lock: IO[str] | None = None
        self._readiness = Readiness(lambda: self.write(note_the_time))

    async def open(self) -> None:
        _refuse_corrupting_library()
        try:
            self._writer = self._connect("rwc")
            self._reader = self._connect("rw")
        except apsw.Error as error:
            raise Failed(f"{self.path} cannot be opened: {error}", may_stand=False) from error
        self._writer.execute("PRAGMA wal_autocheckpoint = 0")  # the server's alone; see `serve`
        self._reader.execute("PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0")
        self._threads = _Threads(self._read_together, self._write_together, self._commit)
        try:
            await self.write(migrate)
        except DatabaseError:
            await self.close()
            raise

    async def serve(self) -> None:
        lock = open(f"{self.path}-server", "a+", encoding="ascii")  # noqa: ASYNC230, SIM115 - small, and kept
        try:
            await _locked(lock)
        except BlockingIOError as error:
            lock.seek(0)
            process = lock.read().strip() or "unknown"
            lock.close()
            raise Unsuitable(
                f"Another server (process {process}) has {self.path}. Stop that one, or give this"
                " one another database; several servers need PostgreSQL."
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock  # closing it gives it up, and so does any end of the process
        await self.write(lambda tx: tx.rows("PRAGMA wal_autocheckpoint = 1000"))

    async def close(self) -> None:
        await self._threads.stop()
        self._reader.close()
        self._writer.close()  # the last one to close checkpoints
        if self._lock is not None:
            self._lock.close()

    async def is_served(self) -> bool:
        if self._lock is not None:
            return False  # by us, who know when to write
        with open(f"{self.path}-server", "a+", encoding="ascii") as lock:  # noqa: ASYNC230 - small
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    async def checkpoint(self) -> None:
        await asyncio.to_thread(self._checkpoint)

    def _checkpoint(self) -> None:
        with (
            contextlib.closing(self._connect("rw")) as connection,
            contextlib.suppress(apsw.BusyError),  # somebody else does so just now
        ):
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    async def ready(self) -> None:
        await self._readiness.check()

    async def check(self) -> list[str]:
        def work(tx: Transaction) -> list[str]:
            damage = [text for (text,) in tx.rows("PRAGMA quick_check") if text != "ok"]
            strays = tx.rows("PRAGMA foreign_key_check")
            return [f"The file is damaged: {each}." for each in damage] + [
                f"Row {row} of {table} refers to a row of {parent} that is not there."
                for table, row, parent, _ in strays
            ]

        return await self.read(work)

    async def read(self, work: Callable[[Transaction], T], institution: str = "") -> T:
        return await self._threads.do(work, institution, writes=False)

    async def write(self, work: Callable[[Transaction], T], institution: str = "") -> T:
        return await self._threads.do(work, institution, writes=True)

    def _connect(self, mode: str) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if mode == "rwc" else 0)
        connection = apsw.Connection(str(self.path), flags=flags)
        # Without fetchall() apsw stops at the first setting that answers with a row.
        connection.execute(SQLITE_SETTINGS).fetchall()
        # Without this a statement that a partial index serves is compiled anew each time its
        # parameters change: reading an item took 50 µs, and takes 8.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        return connection

    def _read_together(self, batch: list[_Job]) -> None:
        tx = SQLiteTransaction(self._reader)
        self._reader.execute("BEGIN")
        for job in batch:
            tx.institution = job.institution
            try:
                job.result = job.work(tx)
            except apsw.Error as error:
                _fail([job], error, may_stand=False)
            except BaseException as error:  # whatever it is belongs to whoever asked
                job.error = error
        self._reader.execute("COMMIT")

    def _write_together(self, batch: list[_Job]) -> None:
        """All statements of a batch, each job's in a savepoint of its own; COMMIT is to come."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for n, job in enumerate(batch, 1):
                job.undecided = True
                self._in_savepoint(job)
                if not self._writer.in_transaction:  # SQLite gave all of it up: full, or I/O error
                    _fail(
                        [each for each in batch[:n] if each.undecided], job.error, may_stand=False
                    )
                    self._writer.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            _fail(
                [job for job in batch if job.undecided or job.error is None], error, may_stand=False
            )

    def _commit(self, batch: list[_Job]) -> None:
        if not self._writer.in_transaction:
            return  # it failed before
        try:
            self._writer.execute("COMMIT")
        except apsw.Error as error:
            undone = isinstance(error, apsw.FullError | apsw.BusyError | apsw.ReadOnlyError)
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            _fail([job for job in batch if job.undecided], error, may_stand=not undone)

    def _in_savepoint(self, job: _Job) -> None:
        tx = SQLiteTransaction(self._writer)
        tx.institution = job.institution
        self._writer.execute("SAVEPOINT one")
        try:
            job.result = job.work(tx)
        except apsw.Error as error:
            job.error = Failed(str(error), may_stand=False)
        except BaseException as error:  # whatever it is belongs to whoever asked
            job.error = error
        if not self._writer.in_transaction:
            return
        if job.error is not None:
            self._writer.execute("ROLLBACK TO one")
        self._writer.execute("RELEASE one")


async def _locked(lock: IO[str]) -> None:
    """Take a lock; whoever only looks whether it is taken has it for a moment."""
    for _ in range(LOCK_TRIES):
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        await asyncio.sleep(0.01)
    return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _refuse_corrupting_library() -> None:
    """SQLite 3.7.0 to 3.51.2 can corrupt a WAL database that two connections write to."""
    version = tuple(map(int, apsw.sqlite_lib_version().split(".")))
    if (3, 7, 0) <= version <= (3, 51, 2):
        raise Unsuitable(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt this kind of database."
            " Install apsw 3.51.3 or newer, which brings its own SQLite."
        )
