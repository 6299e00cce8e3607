"""Two questions that a supervisor asks of a running server, over HTTP on a loopback address.

`GET /live` is answered as long as the event loop turns; `GET /ready` says whether terminals would
be served. Nothing else is told, not even a version: whoever is on the host may ask.

Source: spec/reliability 6.7; HTTP/1.1: RFC 9112.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus

from bibliobus.terminals.listening import is_here

logger = logging.getLogger(__name__)

LONGEST = 8192  # bytes of a request before its empty line
_REQUEST = re.compile(rb"([!-~]+) ([!-~]+) HTTP/1\.[0-9]\r\n")


class HealthDoor:
    """Listens for supervisors, until it is closed."""

    def __init__(
        self,
        ready: Callable[[], Awaitable[bool]],
        *,
        ready_within: float = 2.0,
        sent_within: float = 5.0,
    ) -> None:
        """Open nothing yet.

        Args:
            ready: Whether terminals would be served. If it raises, they would not.
            ready_within: Seconds that `ready` has; longer is no.
            sent_within: Seconds that a client has to send its request.
        """
        self._ready, self._ready_within, self._sent_within = ready, ready_within, sent_within
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Open one more address; where it is (port 0: a free one).

        Raises:
            ValueError: Others than this host could reach it.
            OSError: It cannot be opened; the port may be taken.
        """
        if not is_here(host):
            raise ValueError(
                f"{host!r} is no loopback address: health is told to this host alone,"
                " at 127.0.0.1, ::1 or localhost"
            )
        server = await asyncio.start_server(self._connected, host, port, limit=LONGEST)
        self._servers.append(server)
        address = server.sockets[0].getsockname()
        return address[0], address[1]

    async def close(self) -> None:
        """Take no more connections, and drop those that are open."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(EOFError, OSError, TimeoutError):
            try:
                async with asyncio.timeout(self._sent_within):
                    request = await reader.readuntil(b"\r\n\r\n")
            except asyncio.LimitOverrunError:
                writer.write(_response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "long"))
                return
            status, word = await self._answer(request)
            writer.write(_response(status, word, body=not request.startswith(b"HEAD ")))

    async def _answer(self, request: bytes) -> tuple[HTTPStatus, str]:
        line = _REQUEST.match(request)
        if line is None:
            return HTTPStatus.BAD_REQUEST, "unreadable"
        method, path = line[1], line[2].partition(b"?")[0]
        if path not in (b"/live", b"/ready"):
            return HTTPStatus.NOT_FOUND, "unknown"
        if method not in (b"GET", b"HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, "unsupported"
        if path == b"/live":
            return HTTPStatus.OK, "live"
        if await self._is_ready():
            return HTTPStatus.OK, "ready"
        return HTTPStatus.SERVICE_UNAVAILABLE, "unready"

    async def _is_ready(self) -> bool:
        try:
            async with asyncio.timeout(self._ready_within):
                return await self._ready()
        except TimeoutError:
            logger.warning("not ready: nothing said so within %g s", self._ready_within)
        except Exception:
            logger.exception("not ready: a fault of ours")
        return False


def _response(status: HTTPStatus, word: str, *, body: bool = True) -> bytes:
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Date: {formatdate(usegmt=True)}",
        "Content-Type: text/plain; charset=us-ascii",
        f"Content-Length: {len(word) + 1}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        head.append("Allow: GET, HEAD")
    return "\r\n".join([*head, "", f"{word}\n" if body else ""]).encode()
