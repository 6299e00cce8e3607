"""The sockets of the terminals door: bytes in, bytes out, one answer after another.

Each connection handles one request at a time, in order. While one is being handled, what else
arrives waits in a bounded buffer; a terminal that goes on sending, or does not read, is not read
from.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import cast

from bibliobus.ils import Institution
from bibliobus.sip2 import Close, Connection, Event, Reply, Request
from bibliobus.sip2.connection import MAX_LENGTH
from bibliobus.terminals.accounts import Accounts
from bibliobus.terminals.session import HangUp, Session

logger = logging.getLogger(__name__)

BACKLOG = 1024  # after an outage, all terminals of a consortium return at once
AT_ONCE = 16  # messages of one terminal before the others have their turn
MOST_WAITING = 8 * MAX_LENGTH  # bytes of requests that a connection may send ahead


class TerminalsDoor:
    """Listens for terminals, until it is closed."""

    def __init__(self, institutions: Mapping[str, Institution], accounts: Accounts) -> None:
        self._institutions, self._accounts = institutions, accounts
        self._servers: list[asyncio.Server] = []
        self._connections: set[TerminalConnection] = set()

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Open one more address; where it is (port 0: a free one).

        Raises:
            OSError: It cannot be opened; the port may be taken.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._connected, host, port, backlog=BACKLOG)
        self._servers.append(server)
        address = server.sockets[0].getsockname()
        return address[0], address[1]

    async def close(self, grace: float = 10.0) -> None:
        """Take no more connections, finish the requests that have come, close all others.

        Args:
            grace: Seconds that running requests have. One that takes longer gets no answer; what
                it does is done or not done, whole.
        """
        for server in self._servers:
            server.close()
        running = [task for each in list(self._connections) if (task := each.stop()) is not None]
        if running:
            await asyncio.wait(running, timeout=grace)
        for each in list(self._connections):
            each.abort()
        for server in self._servers:
            await server.wait_closed()

    def _connected(self) -> TerminalConnection:
        session = Session(self._institutions, self._accounts)
        return TerminalConnection(session, self._connections)


class TerminalConnection(asyncio.Protocol):
    """One socket: bytes to requests, answers to bytes."""

    _transport: asyncio.Transport

    def __init__(self, session: Session, all_of_them: set[TerminalConnection]) -> None:
        self._session = session
        self._all = all_of_them
        self._sip2 = Connection()
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False  # it has sent more ahead than it may
        self._stopping = False

    # ------------------------------------------------ what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._all.add(self)

    def data_received(self, data: bytes) -> None:
        self._sip2.receive_data(data)
        if self._sip2.waiting > MOST_WAITING and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._go_on()

    def eof_received(self) -> bool:
        """The terminal has said all: answer what it said, then close."""
        self._stopping = True
        self._sip2.receive_end()
        self._go_on()
        return True

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.discard(self)
        self._stopping = True
        self._writable.set()

    # ------------------------------------------------ what the door calls

    def stop(self) -> asyncio.Task[None] | None:
        """Close when idle, and read no more; the task that still answers what has come, if any."""
        self._stopping = True
        if self._task is None:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.pause_reading()
        return self._task

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    # ------------------------------------------------ one request after another

    def _go_on(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer_all())

    async def _answer_all(self) -> None:
        answered = 0
        try:
            while (event := self._sip2.next_event()) is not None:
                await self._answer(event)
                answered += 1
                if answered % AT_ONCE == 0:  # what needs no ILS never waits, so others would
                    await asyncio.sleep(0)
                if not self._writable.is_set():
                    await self._writable.wait()
                if self._transport.is_closing():
                    return
                self._read_on()
        except HangUp as end:
            logger.info("%s closed: %s", self._session, end)
            self._stopping = True
        except Exception:
            logger.exception("%s closed: a fault of ours", self._session)
            self._stopping = True
        finally:
            self._task = None
        if self._stopping:
            self._transport.close()
        else:
            self._read_on()

    def _read_on(self) -> None:
        if self._paused and not self._stopping and self._sip2.waiting <= MOST_WAITING:
            self._paused = False
            self._transport.resume_reading()

    async def _answer(self, event: Event) -> None:
        if isinstance(event, Request):
            response = await self._session.answer(event)
            self._sip2.dialect = self._session.dialect
            if response is not None:
                self._write(self._sip2.send(response))
            return
        logger.info("%s %s", self._session, event.reason)
        if isinstance(event, Reply):
            self._write(event.data)
        elif isinstance(event, Close):
            raise HangUp(event.reason)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():  # else nobody is there any more
            self._transport.write(data)
