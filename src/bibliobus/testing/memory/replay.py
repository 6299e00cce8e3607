"""What was done once is not done again: the first results, by what names a request."""

from __future__ import annotations

from typing import TypeVar

from bibliobus.ils import Origin
from bibliobus.ils.records import Record

_R = TypeVar("_R", bound=Record)


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
