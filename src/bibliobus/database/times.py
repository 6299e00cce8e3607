"""Moments in the database: whole microseconds since 1970 in UTC, in both engines.

An integer compares, sorts and indexes alike in SQLite and PostgreSQL, and no driver or session
setting can put it into another time zone (docs/adr/0006). In `psql`: `to_timestamp(due_at / 1e6)`;
in `sqlite3`: `datetime(due_at / 1e6, 'unixepoch')`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@overload
def to_database(moment: datetime) -> int: ...
@overload
def to_database(moment: None) -> None: ...
def to_database(moment: datetime | None) -> int | None:
    """An aware datetime as the database keeps it."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


@overload
def from_database(stored: int) -> datetime: ...
@overload
def from_database(stored: None) -> None: ...
def from_database(stored: int | None) -> datetime | None:
    """What the database keeps as an aware datetime in UTC."""
    return None if stored is None else _EPOCH + timedelta(microseconds=stored)
