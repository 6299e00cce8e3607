"""What terminals say, and how to read what they are told.

Each request has a second of its own, so that none is taken for another one's repeat. Named fields
are written as they come: `checkout("ada", "31000001", AD="1234", BO="Y")`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

BLANK = " " * 18
NO_LIST = " " * 10
_BEGAN = datetime.now(ZoneInfo("Europe/Paris"))
_seconds = count()

_FIXED = {
    "94": 3, "98": 36, "24": 37, "64": 61, "12": 24, "10": 24, "36": 21, "38": 21, "18": 26,
    "20": 21, "26": 37, "16": 22, "30": 24, "66": 29,
}  # fmt: skip


def now() -> str:
    """A second that nobody has had before."""
    return f"{_BEGAN + timedelta(seconds=next(_seconds)):%Y%m%d    %H%M%S}"


def checkout(patron: str, item: str, renew: str = "N", **fields: str) -> str:
    """11."""
    return f"11{renew}N{now()}{BLANK}AOMAIN|AA{patron}|AB{item}|AC|{_written(fields)}"


def checkin(item: str, **fields: str) -> str:
    """09."""
    return f"09N{now()}{now()}AOMAIN|AB{item}|AC|{_written(fields)}"


def renew(patron: str, third_party: str = "N", **fields: str) -> str:
    """29, with AB or AJ."""
    return f"29{third_party}N{now()}{BLANK}AOMAIN|AA{patron}|{_written(fields)}"


def renew_all(patron: str, **fields: str) -> str:
    """65."""
    return f"65{now()}AOMAIN|AA{patron}|{_written(fields)}"


def hold(mode: str, patron: str, **fields: str) -> str:
    """15, with AB or AJ."""
    return f"15{mode}{now()}AOMAIN|AA{patron}|{_written(fields)}"


def pay(patron: str, amount: str, currency: str = "EUR", how: str = "00", **fields: str) -> str:
    """37."""
    return f"37{now()}01{how}{currency}BV{amount}|AOMAIN|AA{patron}|{_written(fields)}"


def status(patron: str, **fields: str) -> str:
    """23."""
    return f"23001{now()}AOMAIN|AA{patron}|AC|{_written(fields)}"


def information(patron: str, wanted: int | None = None, **fields: str) -> str:
    """63, with the list at that position of the summary."""
    summary = NO_LIST if wanted is None else "Y".rjust(wanted + 1).ljust(10)
    return f"63001{now()}{summary}AOMAIN|AA{patron}|{_written(fields)}"


def item(item_id: str) -> str:
    """17."""
    return f"17{now()}AOMAIN|AB{item_id}|"


def block(patron: str, message: str = "", retained: str = "N") -> str:
    """01."""
    return f"01{retained}{now()}AOMAIN|AL{message}|AA{patron}|AC|"


def enable(patron: str, **fields: str) -> str:
    """25."""
    return f"25{now()}AOMAIN|AA{patron}|AC|{_written(fields)}"


def told(answer: str, name: str, delimiter: str = "|") -> list[str]:
    """The values of all fields of this name in an answer."""
    named = answer[_FIXED[answer[:2]] :].split(delimiter)
    return [each[2:] for each in named if each[:2] == name]


def one(answer: str, name: str) -> str:
    """The value of the only field of this name."""
    (value,) = told(answer, name)
    return value


def counts(answer: str) -> list[int]:
    """Of 64: holds, overdue, charged, fines, recalls, unavailable holds."""
    return [int(answer[n : n + 4]) for n in range(37, 61, 4)]


def _written(fields: dict[str, str]) -> str:
    return "".join(f"{name}{value}|" for name, value in fields.items())
