"""Which database a URL means."""

from __future__ import annotations

from pathlib import Path

from bibliobus.database.engine import Database
from bibliobus.database.errors import Unsuitable
from bibliobus.database.sqlite import SQLite

_SQLITE = "sqlite:///"


def open_database(url: str) -> Database:
    """The database at `sqlite:///PATH` or `postgresql://USER@HOST/NAME`, not opened yet.

    Raises:
        Unsuitable: The URL means no database that we know, or its driver is not installed.
    """
    if url.startswith(_SQLITE):
        return SQLite(Path(url.removeprefix(_SQLITE)))
    if url.startswith(("postgresql://", "postgres://")):
        try:
            from bibliobus.database.postgres import Postgres  # an extra
        except ImportError as error:
            raise Unsuitable(
                "PostgreSQL needs psycopg: pip install 'bibliobus[postgres]'"
            ) from error
        try:
            return Postgres(url)
        except ValueError as error:  # which quotes nothing of the URL
            raise Unsuitable(str(error)) from error
    raise Unsuitable(
        f"{url.split(':', 1)[0]!r} is no database that Bibliobus knows."
        " Write sqlite:///library.db or postgresql://user@host/name."
    )
