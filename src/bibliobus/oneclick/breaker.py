"""A circuit breaker: whoever does not answer is left alone for a while.

Source: spec/reliability 6.8.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

FAILURES = 5  # in a row open it
REST = timedelta(seconds=30)


class Breaker:
    """Counts failures in a row. Open, it lets nobody through; after a rest one may try.

    Whoever was let through has to say how it went: `succeeded`, `failed` or `gave_up`.
    """

    def __init__(
        self, clock: Callable[[], datetime], *, failures: int = FAILURES, rest: timedelta = REST
    ) -> None:
        self._clock, self._limit, self._rest = clock, failures, rest
        self._failures = 0
        self._opened_at: datetime | None = None
        self._probing = False
        self.last = ""  # what the latest failure was

    def lets_through(self) -> bool:
        """Whether a call may be made now. The first one after the rest is the probe."""
        if self._opened_at is None:
            return True
        if self._probing or self._clock() - self._opened_at < self._rest:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """An answer came, whatever it said."""
        self._failures, self._opened_at, self._probing = 0, None, False

    def failed(self, why: str) -> None:
        """No answer came, or one that says to come back later."""
        self.last = why
        self._failures += 1
        if self._probing or self._failures >= self._limit:
            self._opened_at = self._clock()
        self._probing = False

    def gave_up(self) -> None:
        """The call was broken off from our side, so it says nothing."""
        self._probing = False
