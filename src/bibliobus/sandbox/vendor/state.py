"""Where the vendor keeps everything: one SQLite database, in a file or gone at the end.

Small facts stand in `kept`; all else has a table. Only one thread uses it, so a transaction is
what happens between two awaits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE IF NOT EXISTS titles (
    position INTEGER PRIMARY KEY,
    isbn TEXT NOT NULL UNIQUE,
    title_id INTEGER NOT NULL,
    medium TEXT NOT NULL,
    code TEXT NOT NULL,               -- names its pictures and files
    copies INTEGER,                   -- NULL: as many as are asked for
    owned INTEGER NOT NULL,
    held INTEGER NOT NULL DEFAULT 1,  -- 0: the library gave it up
    loans INTEGER NOT NULL DEFAULT 0, -- ever made
    added_on TEXT NOT NULL,
    sort_title TEXT NOT NULL,
    sort_author TEXT NOT NULL,
    body BLOB NOT NULL                -- the media object, as JSON
) STRICT;
CREATE INDEX IF NOT EXISTS titles_in_order ON titles (title_id, position);
CREATE INDEX IF NOT EXISTS titles_of_code ON titles (code);
CREATE INDEX IF NOT EXISTS titles_shown ON titles (medium, held, owned);
CREATE INDEX IF NOT EXISTS titles_scarce ON titles (copies) WHERE copies IS NOT NULL;

CREATE TABLE IF NOT EXISTS holding_events (
    key INTEGER PRIMARY KEY,
    day TEXT NOT NULL,
    title INTEGER NOT NULL REFERENCES titles,
    change INTEGER NOT NULL           -- 1 added, -1 removed
) STRICT;

CREATE TABLE IF NOT EXISTS patrons (
    id INTEGER PRIMARY KEY,
    card TEXT NOT NULL UNIQUE COLLATE NOCASE,
    user_name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    postal_code TEXT NOT NULL,
    password TEXT NOT NULL,
    user_id TEXT NOT NULL UNIQUE COLLATE NOCASE
) STRICT;
CREATE TABLE IF NOT EXISTS bearers (
    token TEXT PRIMARY KEY,
    patron INTEGER NOT NULL REFERENCES patrons,
    expires_at REAL NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS loans (
    transaction_id INTEGER PRIMARY KEY,
    patron INTEGER NOT NULL REFERENCES patrons,
    title INTEGER NOT NULL REFERENCES titles,
    expires_on TEXT NOT NULL,
    renewals INTEGER NOT NULL DEFAULT 0,
    UNIQUE (patron, title)
) STRICT;
CREATE INDEX IF NOT EXISTS loans_of_title ON loans (title);
CREATE TABLE IF NOT EXISTS holds (
    transaction_id INTEGER PRIMARY KEY,
    patron INTEGER NOT NULL REFERENCES patrons,
    title INTEGER NOT NULL REFERENCES titles,
    lent INTEGER NOT NULL DEFAULT 0,  -- 1: is a loan already, and still listed
    UNIQUE (patron, title)
) STRICT;

CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    title, author, narrator, other, content = '', contentless_delete = 1
);
"""

Row = tuple[Any, ...]


class State:
    """An open database."""

    def __init__(self, path: Path | None) -> None:
        """Open it; without a path it is a temporary one.

        Raises:
            OSError: It cannot be opened, or is another kind of file.
        """
        try:
            self._connection = apsw.Connection("" if path is None else str(path))
            self._connection.execute(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
                "PRAGMA busy_timeout = 2000; PRAGMA cache_size = -32000"
            ).fetchall()
            self._connection.execute(SCHEMA).fetchall()
        except apsw.Error as error:
            raise OSError(f"{path} cannot be opened as a sandbox's: {error}") from error

    def close(self) -> None:
        """Close it. A temporary one is gone."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self, *, undone: bool = False) -> Iterator[None]:
        """All or nothing; `undone`: nothing, whatever happens."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("ROLLBACK" if undone else "COMMIT")

    def row(self, sql: str, *values: Any) -> Row | None:
        """The first row, or None."""
        rows = self._connection.execute(sql, values).fetchall()
        return rows[0] if rows else None

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """All rows."""
        return self._connection.execute(sql, values).fetchall()

    def value(self, sql: str, *values: Any) -> Any:
        """The first value of the first row, or None."""
        row = self.row(sql, *values)
        return None if row is None else row[0]

    def run(self, sql: str, *values: Any) -> int:
        """How many rows were changed."""
        self._connection.execute(sql, values)
        return self._connection.changes()

    def kept(self, name: str, otherwise: str) -> str:
        """A small fact; the first time it is asked for it becomes what it is `otherwise`."""
        value: str | None = self.value("SELECT value FROM kept WHERE name = ?", name)
        if value is None:
            self.keep(name, otherwise)
        return otherwise if value is None else value

    def keep(self, name: str, value: str) -> None:
        """Set a small fact."""
        self.run("INSERT OR REPLACE INTO kept VALUES (?, ?)", name, value)

    def next_number(self, name: str, first: int) -> int:
        """Counts up from `first`."""
        number = int(self.kept(name, str(first)))
        self.keep(name, str(number + 1))
        return number
