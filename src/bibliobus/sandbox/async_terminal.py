"""The terminal of `terminal`, on asyncio, for a program that is many of them at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import cast

from bibliobus.sandbox.terminal import ConnectionLost, NoAnswer
from bibliobus.sip2 import Dialect, Failed, Ignored, Response, SCConnection, SendAgain

Noticed = Callable[[SendAgain | Ignored], None]


class AsyncTerminal(asyncio.Protocol):
    """A terminal that is connected; `connect` makes one."""

    _transport: asyncio.Transport
    _deadline: float

    def __init__(self, dialect: Dialect, timeout: float, noticed: Noticed) -> None:
        self._sip2 = SCConnection(dialect)
        self._timeout, self._noticed = timeout, noticed
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._lost = ""  # why there is no connection any more

    @classmethod
    async def connect(
        cls, address: tuple[str, int], dialect: Dialect, *, timeout: float, noticed: Noticed
    ) -> AsyncTerminal:
        """Connect, without logging in.

        Args:
            address: Host and port.
            dialect: How to write, and whether to send checksums.
            timeout: Seconds to wait for an answer before asking again, which happens three times.
            noticed: Is told when the same is sent again, and of what came and was no answer.

        Raises:
            ConnectionLost: Nobody is at this address.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                _, terminal = await loop.create_connection(
                    lambda: cls(dialect, timeout, noticed), *address
                )
        except OSError as error:
            host, port = address
            raise ConnectionLost(f"nobody answers at {host}:{port}: {_reason(error)}") from error
        return terminal

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()

    async def ask(self, body: bytes) -> Response:
        """The answer to a message that is written up to its number and checksum.

        Raises:
            NoAnswer: None came, however often it was asked. Nothing more can be asked here.
        """
        while isinstance(event := self._sip2.next_event(), Ignored):
            self._noticed(event)  # that came unasked
        self._send(self._sip2.send_body(body))
        while True:
            event = self._sip2.next_event()
            if isinstance(event, Response):
                return event
            if event is None and self._lost:
                raise ConnectionLost(self._lost)
            if event is None:
                event = await self._more()
            if isinstance(event, Failed):
                raise NoAnswer(event.reason)
            if event is not None:
                self._noticed(event)
            if isinstance(event, SendAgain):
                self._send(event.data)

    def _send(self, data: bytes) -> None:
        if self._lost:
            raise ConnectionLost(self._lost)
        self._transport.write(data)
        self._deadline = self._loop.time() + self._timeout

    async def _more(self) -> SendAgain | Failed | None:
        """Wait until more arrives, or for what to do because nothing did."""
        self._arrived.clear()
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._arrived.wait()
        except TimeoutError:
            return self._sip2.timed_out()
        return None

    # ------------------------------------------------ what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._sip2.receive_data(data)
        self._arrived.set()

    def eof_received(self) -> None:
        self._sip2.receive_end()
        self._lost = "the library's system has hung up"

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._lost or f"the connection is lost: {exc or 'closed'}"
        self._arrived.set()


def _reason(error: OSError) -> str:
    """In the system's words: asyncio and uvloop have their own, and a time-out has none."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error) or "no answer in time"
