"""A self-check terminal in a few lines: one question after the other, over a real socket.

It keeps to the standard's rules of asking again (`bibliobus.sip2.SCConnection`), and waits for an
answer before the next question.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from types import TracebackType

from bibliobus.sip2 import Dialect, Failed, Message, Response, SCConnection, SendAgain
from bibliobus.sip2.framing import Lines

Overheard = Callable[[str, bytes], None]


class NoAnswer(Exception):
    """The library's system is not there, or does not answer. What was asked may have been done."""


class ConnectionLost(NoAnswer):
    """Nor will anything else be answered on this connection."""


class Terminal:
    """A terminal that is connected; a context manager that hangs up at its end.

    Args:
        address: Host and port.
        dialect: How to write, and whether to send checksums.
        timeout: Seconds to wait for an answer before asking again, which happens three times.
        overheard: Is told of each line, as it is on the wire: `(">", line)` for what is sent and
            `("<", line)` for answers.

    Raises:
        ConnectionLost: Nobody is at this address.
    """

    def __init__(
        self,
        address: tuple[str, int],
        dialect: Dialect,
        *,
        timeout: float = 10.0,
        overheard: Overheard = lambda direction, line: None,
    ) -> None:
        self._sip2 = SCConnection(dialect)
        self._heard = Lines(sys.maxsize)  # the connection has its own limit
        self._overheard = overheard
        try:
            self._socket = socket.create_connection(address, timeout)
        except OSError as error:
            host, port = address
            raise ConnectionLost(
                f"nobody answers at {host}:{port}: {error.strerror or error}"
            ) from error

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def ask(self, request: Message | bytes) -> Response:
        """The answer to a message, or to a line of one's own up to its number and checksum.

        Raises:
            NoAnswer: None came, however often it was asked.
        """
        send = self._sip2.send_body if isinstance(request, bytes) else self._sip2.send
        self._send(send(request))  # type: ignore[arg-type] # each gets its own
        while True:
            event = self._sip2.next_event()
            if isinstance(event, Response):
                return event
            if isinstance(event, SendAgain):
                self._send(event.data)
            elif isinstance(event, Failed):
                raise NoAnswer(event.reason)
            elif event is None:
                self._receive()

    def _send(self, data: bytes) -> None:
        self._overheard(">", data.rstrip(b"\r\n"))
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ConnectionLost(f"the connection is lost: {error.strerror or error}") from error

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65_536)
        except TimeoutError:
            event = self._sip2.timed_out()
            if isinstance(event, Failed):
                raise NoAnswer(event.reason) from None
            self._send(event.data)
            return
        except OSError as error:
            raise ConnectionLost(f"the connection is lost: {error.strerror or error}") from error
        if not data:
            raise ConnectionLost("the library's system has hung up")
        self._heard.feed(data)
        while (line := self._heard.next()) is not None:
            self._overheard("<", line)
        self._sip2.receive_data(data)
