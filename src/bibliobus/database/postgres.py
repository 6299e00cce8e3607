"""PostgreSQL: a pool of connections, and as many threads that run transactions on them.

Our tables live in a schema of their own, `bibliobus`, because PostgreSQL 15 and later give nobody
a right in `public`. A transaction that meets a deadlock, a serialization failure or a lock that
takes too long, or loses its connection before COMMIT, is run again, up to five times in four
seconds. COMMIT runs to its end in its thread, whatever becomes of whoever waits.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any, TypeVar

import msgspec
import psycopg
import psycopg_pool
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict

from bibliobus.database.engine import APPEND_ONLY, SEARCH_INDEX, Row, Transaction, all_storable
from bibliobus.database.errors import Conflict, Failed
from bibliobus.database.migrating import migrate
from bibliobus.database.readiness import Readiness, note_the_time

T = TypeVar("T")

SCHEMA = "bibliobus"
CONNECTIONS = 10
TRIES = 5

_APPEND_ONLY = r"""
CREATE OR REPLACE FUNCTION rows_are_only_added() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME; END $$;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON \1
FOR EACH ROW EXECUTE FUNCTION rows_are_only_added();
"""

# What is new waits in a list until there are 64 MB of it, or `gin_clean_pending_list`: an import of
# 100,000 titles spends 5 s here, and 8 s with the usual 4 MB.
#
# How many rows have a word the planner knows well of frequent ones alone. For one that is nowhere
# it would go through all rows until it has met a few (150 ms of 100,000), so it is told: through
# the newest rows for what is in every twentieth, where the terms' index takes 40 ms; else by that.
_SEARCH_INDEX = r"""
CREATE TABLE \1 (rowid BIGINT PRIMARY KEY, terms TSVECTOR NOT NULL);
CREATE INDEX \1_by_term ON \1 USING gin (terms) WITH (gin_pending_list_limit = 65536);
CREATE FUNCTION \1_with(wanted TSQUERY, most BIGINT) RETURNS SETOF BIGINT LANGUAGE plpgsql
SET enable_seqscan = off SET enable_indexscan = on SET enable_bitmapscan = on AS
$$ DECLARE
    plan JSON;
BEGIN
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM \1 WHERE terms @@ %L', wanted) INTO plan;
    IF (plan->0->'Plan'->>'Plan Rows')::float > 5000 THEN
        PERFORM set_config('enable_bitmapscan', 'off', true);
        RETURN QUERY SELECT rowid FROM \1 WHERE terms @@ wanted ORDER BY rowid DESC LIMIT most;
    ELSE
        PERFORM set_config('enable_indexscan', 'off', true);
        RETURN QUERY SELECT rowid FROM \1 WHERE terms @@ wanted ORDER BY rowid DESC LIMIT most;
    END IF;
END $$;
"""

RETRY_FOR = 4.0  # seconds: a terminal waits for ten, and a lock may take two of them

# rolled back, and may do next time
_UNDONE = (pg.DeadlockDetected, pg.SerializationFailure, pg.LockNotAvailable)

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)")


@cache  # as many as there are statements in the program
def _translated(sql: str) -> bytes:
    """`:name` as psycopg wants it. What comes in is written in our source, never put together."""
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%")).encode()


_INSERT = re.compile(r"\s*INSERT INTO (\w+) \((.*?)\)\s+VALUES \((.*?)\)(.*)", re.DOTALL)


@cache
def _of_many(sql: str) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """An INSERT of one row as one of all rows of a JSON document, which takes a third of the time;
    and which column of them has which parameter."""
    found = _INSERT.fullmatch(sql)
    assert found is not None  # noqa: S101 - every INSERT of ours is written like that
    table, columns, values, rest = found.groups()
    pairs = [(column.strip(), value.strip()) for column, value in
             zip(columns.split(","), values.split(","), strict=True)]  # fmt: skip
    given = tuple((column, value[1:]) for column, value in pairs if value.startswith(":"))
    wanted = ", ".join(column if value.startswith(":") else value for column, value in pairs)
    statement = (
        f"INSERT INTO {table} ({columns}) SELECT {wanted}"  # noqa: S608 - ours
        f" FROM json_populate_recordset(NULL::{table}, %(rows)s) AS given {rest}"
    )
    return statement.encode(), given


def _for_json(value: object) -> object:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value


class PostgresTransaction:
    """See `engine.Transaction`."""

    def __init__(self, connection: psycopg.Connection[Row], institution: str) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self.institution = institution

    def row(self, sql: str, **parameters: Any) -> Row | None:
        return self._execute(sql, parameters).fetchone()

    def rows(self, sql: str, **parameters: Any) -> list[Row]:
        return self._execute(sql, parameters).fetchall()

    def run(self, sql: str, **parameters: Any) -> int:
        return self._execute(sql, parameters).rowcount

    def many(self, sql: str, rows: Sequence[dict[str, Any]]) -> list[Row]:
        each = [all_storable(row) | {"institution": self.institution} for row in rows]
        try:
            if sql.lstrip().startswith("INSERT"):
                statement, columns = _of_many(sql)
                document = msgspec.json.encode(
                    [{column: _for_json(row[name]) for column, name in columns} for row in each]
                )
                cursor = self._cursor.execute(statement, {"rows": document.decode()})
                return [] if cursor.description is None else cursor.fetchall()
            selects = sql.lstrip().startswith("SELECT")
            self._cursor.executemany(_translated(sql), each, returning=selects)
            if not (each and selects):
                return []
            return [row for result in self._cursor.results() for row in result.fetchall()]
        except pg.IntegrityError as error:
            raise Conflict(_said(error)) from error

    def search(self, index: str, groups: Iterable[Iterable[str]], limit: int) -> list[int]:
        rows = self._cursor.execute(
            f"SELECT * FROM {index}_with(CAST(%s AS tsquery), %s)".encode(),  # noqa: S608 - ours
            (" & ".join(f"({' | '.join(group)})" for group in groups), limit),
        ).fetchall()
        return [number for (number,) in rows]

    def settle(self, index: str, *tables: str) -> None:
        with self.unhurried():
            self._cursor.execute("SELECT gin_clean_pending_list(%s)", (f"{index}_by_term",))
            self._cursor.execute(f"ANALYZE {', '.join((index, *tables))}".encode())

    def add(self, sql: str, **parameters: Any) -> int:
        (row,) = self.rows(sql + " RETURNING key", **parameters)
        return int(row[0])

    def lock(self, sql: str, **parameters: Any) -> Row | None:
        return self._execute(sql + " FOR NO KEY UPDATE", parameters).fetchone()

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        with self._connection.transaction():
            self._cursor.execute("SET LOCAL statement_timeout = 0")
            yield

    def script(self, sql: str) -> None:
        try:
            sql = SEARCH_INDEX.sub(_SEARCH_INDEX, APPEND_ONLY.sub(_APPEND_ONLY, sql))
            self._cursor.execute(sql.encode())
        except (pg.IntegrityError, pg.DuplicateTable, pg.DuplicateSchema) as error:
            raise Conflict(_said(error)) from error

    def _execute(self, sql: str, parameters: dict[str, Any]) -> psycopg.Cursor[Row]:
        parameters["institution"] = self.institution
        try:
            try:
                return self._cursor.execute(_translated(sql), parameters)
            except (UnicodeEncodeError, psycopg.DataError) as error:
                if isinstance(error, psycopg.DataError) and error.sqlstate is not None:
                    raise  # the server's, not of a text that cannot be sent
            return self._cursor.execute(_translated(sql), all_storable(parameters))
        except pg.IntegrityError as error:
            raise Conflict(_said(error)) from error


class Postgres:
    """See `engine.Database`."""

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        self._conninfo, self._connections = url, connections
        self._closed = True
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise ValueError(
                "This is no PostgreSQL URL. Write postgresql://user@host/name, with %-codes for"
                " unusual characters."
            ) from None
        self.url = f"postgresql://{parts.get('host', '')}/{parts.get('dbname', '')}"
        self._readiness = Readiness(lambda: self.write(note_the_time))

    async def open(self) -> None:
        self._closed = False
        self._pool = psycopg_pool.ConnectionPool(
            self._conninfo,
            kwargs={"autocommit": True, "connect_timeout": 3, "tcp_user_timeout": 5000},
            min_size=self._connections,
            max_size=self._connections,
            timeout=1,  # there is one for each thread, so nobody waits but for the server
            configure=_configure,
            open=False,
        )
        self._threads = ThreadPoolExecutor(self._connections, thread_name_prefix="postgres")
        self._pool.open()
        try:
            await self._elsewhere(lambda: self._pool.wait(timeout=10))
            await self._migrate()
        except BaseException:
            await self.close()
            raise

    async def serve(self) -> None:
        pass  # many servers may share it

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)  # once all that was asked is done
        await asyncio.to_thread(self._pool.close)

    async def is_served(self) -> bool:
        return False  # it may be, and nobody waits

    async def checkpoint(self) -> None:
        pass  # it does that by itself

    async def ready(self) -> None:
        await self._readiness.check()

    async def check(self) -> list[str]:
        return []  # it looks after itself, and checks each foreign key

    async def read(self, work: Callable[[Transaction], T], institution: str = "") -> T:
        """Each statement of `work` has a snapshot of its own."""
        return await self._elsewhere(lambda: self._run(work, institution, writes=False))

    async def write(self, work: Callable[[Transaction], T], institution: str = "") -> T:
        return await self._elsewhere(lambda: self._run(work, institution, writes=True))

    async def _migrate(self) -> None:
        for _ in range(TRIES):
            try:
                await self.write(_make_our_schema)
                await self.write(migrate)
            except Conflict as error:
                conflict = error  # another program may have just run the same step
            else:
                return
        raise conflict

    async def _elsewhere(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise Failed("the database is closed", may_stand=False)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except psycopg_pool.PoolTimeout as error:
            raise Failed(f"{self.url} cannot be reached: {error}", may_stand=False) from error

    def _run(self, work: Callable[[Transaction], T], institution: str, *, writes: bool) -> T:
        until = time.monotonic() + RETRY_FOR
        for left in reversed(range(TRIES)):
            committing = False
            with self._pool.connection() as connection:
                try:
                    with connection.transaction() if writes else nullcontext():
                        result = work(PostgresTransaction(connection, institution))
                        committing = writes
                    return result
                except psycopg.Error as error:
                    undone = isinstance(error, _UNDONE)
                    lost = connection.broken and not committing
                    if not left or not (undone or lost) or time.monotonic() > until:
                        raise Failed(_said(error), may_stand=committing and not undone) from error
            if lost:
                self._pool.check()  # the others were lost with it
            else:
                time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - so that two do not meet again
        raise AssertionError("the last try returns or raises")


def _said(error: psycopg.Error) -> str:
    """What went wrong, without the row's own values, which the server tells as details."""
    return error.diag.message_primary or str(error)


def _configure(connection: psycopg.Connection[Row]) -> None:
    """Our schema, and an end to every wait (spec/reliability 4.3)."""
    connection.execute(
        f"SET search_path TO {SCHEMA}; SET lock_timeout = '2s'; SET statement_timeout = '4s'"
    )


def _make_our_schema(tx: Transaction) -> None:
    """Only if it is not there: whoever may use a schema may not always make one."""
    if tx.row("SELECT 1 FROM pg_namespace WHERE nspname = :name", name=SCHEMA) is None:
        tx.script(f"CREATE SCHEMA {SCHEMA}")
