"""The terminals door: its listeners, who is connected, and who may stay.

What happens on one connection is in `connection`. Once a second the door looks for those whose
time is over.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
from collections.abc import Mapping

from bibliobus.ils import Institution
from bibliobus.terminals.accounts import Accounts, Caller
from bibliobus.terminals.connection import MOST_UNREAD, TerminalConnection
from bibliobus.terminals.limits import Counted, Limits, Patience
from bibliobus.terminals.listening import (
    HANDSHAKE,
    ListenerSettings,
    host_and_port,
    listener,
)
from bibliobus.terminals.session import Premises

logger = logging.getLogger(__name__)

BACKLOG = 1024  # after an outage, all terminals of a consortium return at once
AT_A_TIME = 16  # asyncio takes as many before it does anything else, and fails as often (EMFILE)


class TerminalsDoor:
    """Listens for terminals, until it is closed."""

    def __init__(
        self,
        institutions: Mapping[str, Institution],
        accounts: Accounts,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self.limits = limits
        self.premises = Premises(institutions, accounts, Patience(), Counted())
        self.clock = asyncio.get_running_loop().time
        self._of_address = Counted()
        self._servers: list[asyncio.Server] = []
        self._connections: set[TerminalConnection] = set()
        self._strangers: dict[TerminalConnection, None] = {}  # the oldest first
        self._closed = False
        self._looking = asyncio.create_task(self._look_around())

    async def listen(self, settings: ListenerSettings) -> tuple[str, int]:
        """Open one more address; where it is (port 0: a free one).

        Raises:
            OSError: It cannot be opened; the port may be taken.
            ValueError: A file that it needs is missing, or is not what it should be.
        """
        here = listener(settings)
        host, port = host_and_port(settings.address)
        server = await asyncio.get_running_loop().create_server(
            lambda: TerminalConnection(self, here), host, port, backlog=AT_A_TIME,
            ssl=here.tls, ssl_handshake_timeout=None if here.tls is None else HANDSHAKE,
        )  # fmt: skip
        self._servers.append(server)
        for each in server.sockets:
            with socket.socket(fileno=os.dup(each.fileno())) as listening:
                listening.listen(BACKLOG)
                for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):  # its connections inherit them
                    listening.setsockopt(socket.SOL_SOCKET, buffer, MOST_UNREAD)
        if settings.allow_plaintext_networks:
            logger.warning("%s is plain SIP2: PINs can be read on the way", settings.address)
        address = server.sockets[0].getsockname()
        return address[0], address[1]

    async def close(self, grace: float = 10.0) -> None:
        """Take no more connections, finish the requests that have come, close all others.

        Args:
            grace: Seconds that running requests have. One that takes longer gets no answer; what
                it does is done or not done, whole.
        """
        self._closed = True
        self._looking.cancel()
        for server in self._servers:
            server.close()
        running = [task for each in list(self._connections) if (task := each.stop()) is not None]
        if running:
            await asyncio.wait(running, timeout=grace)
        for each in list(self._connections):
            each.abort()
        await asyncio.wait([self._looking])
        for server in self._servers:
            await server.wait_closed()

    # ------------------------------------------------ what connections tell

    def came(self, connection: TerminalConnection) -> str:
        """A connection begins; why it cannot stay, if so."""
        if self._closed:
            return "the door is closed"
        if len(self._connections) >= self.limits.connections:
            return f"there are {self.limits.connections} connections"
        self._connections.add(connection)
        return ""

    def stranger(self, connection: TerminalConnection, caller: Caller) -> str:
        """It is known where it comes from, and not yet who it is; why it cannot stay, if so."""
        if caller.is_here:
            return ""
        if connection.counted is None:
            if not self._of_address.add(caller.source, self.limits.connections_of_address):
                return f"{caller.source} has {self.limits.connections_of_address} connections"
            connection.counted = caller.source
        self._make_room()
        self._strangers[connection] = None
        return ""

    def known(self, connection: TerminalConnection) -> None:
        """It has logged in."""
        self._strangers.pop(connection, None)

    def went(self, connection: TerminalConnection) -> None:
        """It is closed, and nothing that it asked for is still being done."""
        self._connections.discard(connection)
        self._strangers.pop(connection, None)
        if connection.counted is not None:
            self._of_address.drop(connection.counted)

    def _make_room(self) -> None:
        """Let the oldest go that has not logged in: surely when there are too many, and the more
        often the nearer they come to that."""
        most, there = self.limits.strangers, len(self._strangers)
        if there > most / 2 and random.random() < (there - most / 2) / (most / 2):  # noqa: S311
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]  # at once: many may come before it has gone
            oldest.expire("there are too many that have not logged in")

    async def _look_around(self) -> None:
        version = self.premises.accounts.version
        while True:
            await asyncio.sleep(1.0)
            now, changed = self.clock(), version != self.premises.accounts.version
            version = self.premises.accounts.version
            for each in list(self._connections):
                try:
                    each.look_at_clock(now)
                    if changed:
                        each.look_at_account()
                except Exception:  # no terminal's fault may end the watch over all the others
                    logger.exception("%s closed: a fault of ours", each)
                    each.abort()
            self.premises.patience.forget()
