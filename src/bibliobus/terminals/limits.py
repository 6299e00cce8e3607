"""What the door lets terminals do, how many at a time and how often.

Numbers are meant for hostile networks; what comes from this machine itself is not counted, but
for the number of connections in all.

Source: spec/reliability 6.1, 6.3.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Annotated

import msgspec

from bibliobus.terminals.settings import Role

Seconds = Annotated[float, msgspec.Meta(ge=0)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]

PATRON_QUESTIONS = {Role.AUTHENTICATION: 10.0, Role.ALL: 10.0}  # 63 a second of one account
FEW_PATRON_QUESTIONS = 1.0
STATUS_QUESTIONS = 4  # times as many 23
KEPT_WAITING = 3.0  # seconds: who would wait for longer is refused
FAILURES, FAILURES_IN = 60, 600.0  # wrong PINs or logins of one terminal, in seconds
TARPIT = 2.0  # seconds that each further one of it waits


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Those of one door."""

    connections: AtLeastOne = 2_000
    strangers: AtLeastOne = 256  # connections that have not logged in; from half on, old ones go
    connections_of_address: AtLeastOne = 64
    login_seconds: Seconds = 30.0  # to log in, from the beginning
    message_seconds: Seconds = 10.0  # from a message's first byte to its last
    idle_seconds: Seconds = 900.0  # without a message; 0: for ever
    answer_seconds: Annotated[float, msgspec.Meta(gt=0)] = 8.0  # 98 promises ten
    messages_a_second: Annotated[float, msgspec.Meta(gt=0)] = 50.0  # of one connection
    messages_at_once: AtLeastOne = 100


class Allowance:
    """So many at once, and so many a second after that."""

    __slots__ = ("_at_once", "_left", "_looked_at", "_per_second")

    def __init__(self, per_second: float, at_once: float, now: float) -> None:
        self._per_second, self._at_once = per_second, at_once
        self._left, self._looked_at = at_once, now

    def take(self, now: float, patience: float = math.inf) -> float | None:
        """Take one; the seconds to wait before it is done. None, and it is not taken, if that would
        be more than `patience`."""
        gained = (now - self._looked_at) * self._per_second
        self._left = min(self._left + gained, self._at_once)
        self._looked_at = now
        wait = max((1 - self._left) / self._per_second, 0.0)
        if wait > patience:
            return None
        self._left -= 1
        return wait


@dataclass(slots=True)
class _Failures:
    """Wrong PINs or logins of one terminal, counted anew when the time is over."""

    since: float
    count: int = 0


class Patience:
    """What is remembered of terminals over all of their connections."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._questions: dict[tuple[str, Role, str], Allowance] = {}  # by account and message
        self._failures: dict[Hashable, _Failures] = {}  # by terminal

    def wait_for_patron(self, login: str, role: Role, code: str = "63") -> float | None:
        """The seconds that a 63 or 23 of this account has to wait; None: it asks too much."""
        now, asked = self._clock(), (login, role, code)
        if (allowance := self._questions.get(asked)) is None:
            per_second = PATRON_QUESTIONS.get(role, FEW_PATRON_QUESTIONS)
            per_second *= STATUS_QUESTIONS if code == "23" else 1
            allowance = Allowance(per_second, per_second * 60, now)
            self._questions[asked] = allowance
        return allowance.take(now, KEPT_WAITING)

    def wait_after_failures(self, terminal: Hashable) -> float:
        """The seconds that a PIN or a login from this terminal has to wait."""
        failures = self._recent(terminal)
        return 0.0 if failures is None or failures.count < FAILURES else TARPIT

    def failed(self, terminal: Hashable) -> bool:
        """Count one; whether this is the one from which on each waits."""
        failures = self._recent(terminal)
        if failures is None:
            failures = self._failures[terminal] = _Failures(self._clock())
        failures.count += 1
        return failures.count == FAILURES

    def forget(self) -> None:
        """Let go of what is too old to matter."""
        for terminal in list(self._failures):
            self._recent(terminal)

    def _recent(self, terminal: Hashable) -> _Failures | None:
        failures = self._failures.get(terminal)
        if failures is not None and self._clock() - failures.since > FAILURES_IN:
            del self._failures[terminal]
            return None
        return failures


class Counted(Counter[Hashable]):
    """How many connections each address or account has."""

    def add(self, key: Hashable, most: int) -> bool:
        """One more, unless there are as many already; whether there was room."""
        if self[key] >= most:
            return False
        self[key] += 1
        return True

    def drop(self, key: Hashable) -> None:
        """One less."""
        self[key] -= 1
        if self[key] <= 0:
            del self[key]
