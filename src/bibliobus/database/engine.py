"""What a database can do for us, whichever it is.

SQL is written once, for both: named parameters (`:item`), RETURNING, ON CONFLICT, partial indexes,
`key` columns that number themselves. What differs is `Transaction.lock` and the column types of
migrations, which each engine translates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]

APPEND_ONLY = re.compile(r"-- @append-only (\w+)")
"""How a migration says that a table's rows are only ever added; each engine has its own way to
refuse the rest."""

SEARCH_INDEX = re.compile(r"-- @search-index (\w+)")
"""How a migration asks for a table of `rowid` and `terms`, words with blanks in between, that
`Transaction.search` looks in. Words are of letters and digits."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with U+FFFD for what not every database can hold: lone surrogates, which stand for
    bytes that made no sense in a terminal's encoding, and NUL, which SQLite takes.

    A transaction does so by itself with what its database refuses. Whoever tells what they have
    stored without reading it again does it before.
    """
    if text.isascii() and "\x00" not in text:
        return text  # ten times as quick, and nearly always
    return _UNSTORABLE.sub("\ufffd", text)


def all_storable(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters, each text `storable`."""
    return {
        name: storable(value) if isinstance(value, str) else value
        for name, value in parameters.items()
    }


class Transaction(Protocol):
    """What a domain function gets to work with, for as long as it runs.

    Every statement has the parameter `:institution` without being given it, so no function can
    reach another institution's rows by mistake.
    """

    institution: str

    def row(self, sql: str, **parameters: object) -> Row | None:
        """The first row, or None."""
        ...

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """All rows."""
        ...

    def run(self, sql: str, **parameters: object) -> int:
        """Change something; how many rows were changed.

        Raises:
            Conflict: A unique index or a foreign key says no.
        """
        ...

    def many(self, sql: str, rows: Sequence[dict[str, Any]]) -> list[Row]:
        """Run a statement with each of these parameters, in one go; all that they returned.

        Raises:
            Conflict: As of `run`.
        """
        ...

    def search(self, index: str, groups: Iterable[Iterable[str]], limit: int) -> list[int]:
        """Of the rows of a search index (see `SEARCH_INDEX`) that have a term of each group, the
        numbers, the highest first."""
        ...

    def settle(self, index: str, *tables: str) -> None:
        """Make a search index and the tables beside it quick again, once much was added."""
        ...

    def add(self, sql: str, **parameters: object) -> int:
        """Insert one row into a table that numbers them; its key.

        Raises:
            Conflict: As of `run`.
        """
        ...

    def lock(self, sql: str, **parameters: object) -> Row | None:
        """Keep the rows that this SELECT names from everybody else until the transaction ends;
        the first of them, or None if there is none or the engine needs no lock.

        On PostgreSQL it is run with FOR NO KEY UPDATE, for which foreign keys do not wait. Read
        what you decide upon in a statement *after* it, which sees what the one before us wrote. On
        SQLite there is nothing to do, since the one writer has the database to itself.
        """
        ...

    def unhurried(self) -> AbstractContextManager[object]:
        """Let statements take as long as they need: what nobody waits for at a terminal."""
        ...

    def script(self, sql: str) -> None:
        """Run the statements of a migration, its column types translated."""
        ...


AMONG = 500
_AMONG = ", ".join(f":value{n}" for n in range(AMONG))


def rows_among(
    tx: Transaction, sql: str, values: Sequence[object], **parameters: object
) -> list[Row]:
    """The rows of a SELECT in which `IN (:values)` stands for any number of values. They go in
    some at a time, always as many, so that there is one statement to be prepared."""
    sql, rows = sql.replace(":values", _AMONG), list[Row]()
    for n in range(0, len(values), AMONG):
        some = [*values[n : n + AMONG]]
        some += [some[0]] * (AMONG - len(some))
        rows += tx.rows(sql, **{f"value{m}": value for m, value in enumerate(some)}, **parameters)
    return rows


class Database(Protocol):
    """Runs synchronous functions as transactions, elsewhere than on the event loop."""

    url: str  # without a password

    async def open(self) -> None:
        """Connect, and bring the schema up to date.

        Raises:
            Failed: It cannot be reached.
            Unsuitable: It must not be used.
            Stale: Its schema is newer than this program.
        """
        ...

    async def serve(self) -> None:
        """Be a server's database from now on, until `close` or the process's end.

        An SQLite file has one server; commands may work beside it. PostgreSQL may have many.

        Raises:
            Unsuitable: Another server has it.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun, and disconnect."""
        ...

    async def is_served(self) -> bool:
        """Whether a server has it whose terminals wait while somebody else writes. Nobody's do on
        PostgreSQL, and on SQLite all do."""
        ...

    async def checkpoint(self) -> None:
        """Move what was written to where it belongs, without keeping anybody waiting: whoever
        writes much beside a server does so from time to time."""
        ...

    async def ready(self) -> None:
        """Go on only if it can be written to, as was last seen a second ago at most.

        Raises:
            Failed: It cannot be reached, is full, or takes more than two seconds.
        """
        ...

    async def check(self) -> list[str]:
        """What is wrong with the database itself, a sentence each. It may read all of it.

        Raises:
            Failed: The database did not answer.
        """
        ...

    async def read(self, work: Callable[[Transaction], T], institution: str = "") -> T:
        """The result of `work`, which writes nothing. It sees whatever was committed before.

        Raises:
            Failed: The database did not answer.
        """
        ...

    async def write(self, work: Callable[[Transaction], T], institution: str = "") -> T:
        """The result of `work`, once all that it wrote is durable.

        `work` may run more than once (PostgreSQL, after a deadlock); only its last run counts. If
        it raises, nothing stays written and the exception comes out here. Cancelling the wait
        never cancels a COMMIT.

        Raises:
            Conflict: As raised inside `work`.
            Failed: See its `may_stand`.
        """
        ...
