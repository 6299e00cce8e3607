"""The vendor's clock: it goes with a real one, and can be set ahead or back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


class MovableClock:
    """A clock some way ahead of another one; called, it tells the time in UTC."""

    def __init__(self, clock: Callable[[], datetime], ahead: timedelta = timedelta()) -> None:
        self._clock = clock
        self.ahead = ahead

    def __call__(self) -> datetime:
        try:
            return self._clock() + self.ahead
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    @property
    def today(self) -> date:
        """The vendor's day, which is that of UTC."""
        return self().date()

    def move(self, by: timedelta) -> None:
        """Set the clock ahead, or back.

        Raises:
            ValueError: There would be no such day, or hardly.
        """
        try:
            then = self._clock() + self.ahead + by
        except OverflowError:
            raise ValueError("There is no such day.") from None
        if not 1990 <= then.year <= 2999:
            raise ValueError("The clock goes from 1990 to 2999.")
        self.ahead += by

    def reset(self) -> None:
        """Go with the real clock again."""
        self.ahead = timedelta()
