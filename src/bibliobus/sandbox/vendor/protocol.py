"""The vendor's app on uvicorn, inside an event loop that runs already."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from bibliobus.sandbox.vendor.answers import BADLY_FORMED, HTML

TRANSPORT = "transport"  # where a request's state has its connection, so that it can be cut


class VendorProtocol(H11Protocol):
    """HTTP/1.1 with two things of ours: a connection can be cut, and what is badly formed gets the
    vendor's page."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, such as a path with a blank."""
        headers = [("content-type", HTML), ("connection", "close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=BADLY_FORMED.body.content),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _Server(uvicorn.Server):
    """One that leaves signals to the program that it is in, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """Serve until the block ends; the address, with a slash at the end.

    Raises:
        OSError: Nobody can listen there; the port may be taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=1024)
    server = _Server(_config(app))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await server.listening.wait()
        at = listener.getsockname()[1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{at}/"
    finally:
        server.should_exit = True
        await task


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=VendorProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
