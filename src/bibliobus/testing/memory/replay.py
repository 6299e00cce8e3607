"""What was done once is not done again: the first results, by what names a request."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from bibliobus.ils import Origin
from bibliobus.ils.records import Record
from bibliobus.testing.memory.state import Done, KeptPatron

_R = TypeVar("_R", bound=Record)

_WHILE_AT_THE_TERMINAL = timedelta(minutes=10)


class Results:
    """The first result of each request."""

    def __init__(self) -> None:
        self._first: dict[tuple[str | None, bytes], Record] = {}

    def of(self, origin: Origin, kind: type[_R]) -> _R | None:
        """The first result of this request; None if it is new."""
        if origin.request_key is None:
            return None
        result = self._first.get((origin.account, origin.request_key))
        return result if isinstance(result, kind) else None

    def keep(self, origin: Origin, result: _R) -> _R:
        """Keep a result for repeats, and give it back."""
        if origin.request_key is not None:
            self._first[origin.account, origin.request_key] = result
        return result


def is_recent(done: Done, now: datetime) -> bool:
    """Whether whoever did it may still stand at the terminal."""
    return now - done.at <= _WHILE_AT_THE_TERMINAL


def is_same_again(
    done: Done, kind: str, origin: Origin, patron: KeptPatron | None, now: datetime
) -> bool:
    """Whether a terminal says once more, on another connection and with a new time, what it did
    last with an item, and with this patron if there is one."""
    return (
        done.kind == kind
        and done.origin.connection != origin.connection
        and None not in (done.origin.connection, origin.connection)
        and None not in (done.origin.request_key, origin.request_key)
        and done.origin.account == origin.account
        and patron in (None, done.patron)
        and is_recent(done, now)
    )
