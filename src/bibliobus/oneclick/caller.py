"""One library at the vendor's: what all calls to it have in common.

Source: spec/oneclick-api 1.0.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx2

from bibliobus.ils.errors import NotSupported
from bibliobus.oneclick import requests
from bibliobus.oneclick.answers import Action, bad_answer, decoded
from bibliobus.oneclick.bodies import Answer, Decoder
from bibliobus.oneclick.requests import Level
from bibliobus.oneclick.settings import CollectionSettings, Era, is_loopback
from bibliobus.oneclick.transport import LARGEST, Call, Transport, connections, keep_quiet

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


class Caller:
    """Makes calls for one library, with its token."""

    def __init__(
        self,
        settings: CollectionSettings,
        *,
        http: httpx2.AsyncClient | None = None,
        level: Level = Level.COMPLETE,
        clock: Callable[[], datetime] = _now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Nothing is sent yet.

        Args:
            settings: Where the vendor is, and who we are there.
            http: Connections of the caller's own, who closes them; None: ours.
            level: How much the vendor is to say of titles.
            clock: What time it is.
            sleep: Waits so many seconds between two tries.
            chance: From 0 to 1, so that not all wait for as long.

        Raises:
            ValueError: There is no token.
        """
        self.settings = settings
        self._token = settings.basic_token()
        self._level, self._clock = level, clock
        self._library = f"{settings.api}/libraries/{settings.library_id}"
        keep_quiet()
        direct = is_loopback(urlsplit(settings.api))
        self._http, self._owned = http or connections(direct=direct), http is None
        self._transport = Transport(self._http, clock=clock, sleep=sleep, chance=chance)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close our connections. Those of somebody else's stay open."""
        if self._owned:
            await self._http.aclose()

    def _call(
        self,
        action: Action,
        url: str,
        *,
        body: bytes | None = None,
        seconds: float | None = None,
        largest: int = LARGEST,
    ) -> Call:
        """A call as a partner makes it."""
        empty = body is None and action.value.startswith(("POST", "PUT"))
        return Call(
            action,
            url,
            requests.headers(self._token, self._level, empty=empty),
            seconds or self.settings.timeout_seconds,
            body,
            largest,
        )

    async def _ask(self, call: Call, reader: Decoder[T]) -> T:
        """Ask, and read the answer."""
        return self._read(call, await self._transport.ask(call), reader)

    def _read(self, call: Call, answer: Answer, reader: Decoder[T]) -> T:
        return decoded(call.action, answer, reader)

    def _patron(self, action: Action, patron_id: int) -> str:
        return f"{self._library}/patrons/{requests.number_segment(action, patron_id)}"

    def _check_id(self, call: Call, answer: Answer, number: int) -> None:
        if number < 1:
            raise bad_answer(call.action, answer, "the id is no positive number")

    def _only_in(self, *eras: Era) -> None:
        if self.settings.era not in eras:
            raise NotSupported(f"the vendor has no such call in era {self.settings.era}")
