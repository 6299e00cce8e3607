"""What can go wrong on purpose: slow, broken, strange and lying answers.

A fault lasts for so many calls, or until it is taken away, and may be for some calls only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct

Kind = Literal[
    "latency",
    "latency-after",
    "error-500",
    "html-page",
    "empty-body",
    "truncated",
    "rate-limit",
    "unknown-message",
    "unsorted",
    "missing-keys",
    "duplicate-row",
    "drop-before",
    "drop-after",
    "error-after",
    "success-without-effect",
]

MEANINGS: dict[str, str] = {
    "latency": "It takes so many seconds until it is done, even if nobody waits so long.",
    "latency-after": "What was asked is done; the answer comes so many seconds later.",
    "error-500": "500 and a general text; nothing is done.",
    "html-page": "503 and a page of HTML; nothing is done.",
    "empty-body": "200 and nothing else; nothing is done.",
    "truncated": "The answer stops in the middle of its JSON.",
    "rate-limit": "The text about a wrong token or too many calls; nothing is done.",
    "unknown-message": "200 and a message that nobody knows; nothing is done.",
    "unsorted": "Lists are in another order.",
    "missing-keys": "Every second row of a list lacks what may be missing.",
    "duplicate-row": "The first row of a list is there twice.",
    "drop-before": "The connection is cut; nothing is done.",
    "drop-after": "What was asked is done; then the connection is cut without a word.",
    "error-after": "What was asked is done; then the answer is 500.",
    "success-without-effect": "The answer says that it is done, and it is not.",
}
KINDS: tuple[Kind, ...] = get_args(Kind)
OPTIONAL_KEYS = frozenset({
    "seriesName", "publicationDate", "description", "publisher", "narrators", "audience", "genres",
    "availability", "images", "shortDescription", "expiration",
})  # fmt: skip


class Fault(Struct, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong."""

    kind: Kind
    times: Annotated[int, Meta(ge=1)] | None = None  # None: until it is taken away
    path: str = "/v1/"  # how the path begins
    method: str = ""  # any, if empty
    endpoint: str = ""  # its name, as in the call counters; any, if empty
    seconds: Annotated[float, Meta(ge=0, le=3600)] = 1.0  # of latency
    key: int = 0

    def concerns(self, method: str, path: str, endpoint: str) -> bool:
        """Whether a call is one of those that it is for."""
        return (
            path.lower().startswith(self.path.lower())
            and self.method.upper() in ("", method)
            and self.endpoint in ("", endpoint)
        )


class Faults:
    """Those that are switched on."""

    def __init__(self) -> None:
        self._keys = itertools.count(1)
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def add(
        self,
        kind: Kind,
        *,
        times: int | None = None,
        path: str = "/v1/",
        method: str = "",
        endpoint: str = "",
        seconds: float = 1.0,
    ) -> Fault:
        """Switch one on."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no fault; there are {', '.join(KINDS)}.")
        fault = Fault(
            kind=kind, times=times, path=path, method=method, endpoint=endpoint, seconds=seconds
        )
        return self.switch_on(fault)

    def switch_on(self, fault: Fault) -> Fault:
        """Switch on one that is described already."""
        fault.key = next(self._keys)
        self._faults.append(fault)
        return fault

    def remove(self, key: int) -> bool:
        """Switch one off; whether it was there."""
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if fault.key != key]
        return len(self._faults) < before

    def clear(self) -> None:
        """Switch all off."""
        self._faults.clear()

    def taken(self, method: str, path: str, endpoint: str) -> dict[Kind, Fault]:
        """Those that a call meets, one of each kind; each counts it."""
        met: dict[Kind, Fault] = {}
        for fault in self._faults:
            if fault.kind not in met and fault.concerns(method, path, endpoint):
                met[fault.kind] = fault
                if fault.times is not None:
                    fault.times -= 1
        self._faults = [fault for fault in self._faults if fault.times != 0]
        return met


def bent_rows(rows: list[Any], kinds: Iterable[Kind], *, first: bool) -> list[Any]:
    """Rows of a list as some faults leave them; `first`: the list begins with them."""
    if "missing-keys" in kinds:
        rows = [_without_optional(row) if n % 2 == 0 else row for n, row in enumerate(rows)]
    if "duplicate-row" in kinds and first:
        rows = rows[:1] + rows
    if "unsorted" in kinds:
        rows = rows[::-1]
    return rows


def _without_optional(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    return {name: value for name, value in row.items() if name not in OPTIONAL_KEYS}
