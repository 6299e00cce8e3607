"""Doors of a library as tests want them, and terminals that come from anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from bibliobus.ils import DigitalCollection, Institution
from bibliobus.terminals import Limits, ListenerSettings, TerminalsDoor
from tests.support import Library, Terminal

ABROAD = "203.0.113.7"  # set aside for examples
HERE = "127.0.0.1:0"
STATUS = "9900802.00"
LOGIN = "9300CNkiosk|COkiosk|"


@dataclass
class Doors:
    """A library's open door with a listener, and whoever came to it."""

    door: TerminalsDoor
    address: tuple[str, int]
    came: list[Terminal] = field(default_factory=list)

    async def connect(self, tls: ssl.SSLContext | None = None) -> Terminal:
        """A connection, about which nothing is said."""
        name = None if tls is None else "localhost"
        opened = await asyncio.open_connection(*self.address, ssl=tls, server_hostname=name)
        self.came.append(Terminal(*opened))
        return self.came[-1]

    async def abroad(self, address: str = ABROAD) -> Terminal:
        """A connection from there, as the proxy says; not logged in."""
        terminal = await self.connect()
        await terminal.send_bytes(proxied(address))
        return terminal

    async def kiosk(self, address: str = ABROAD) -> Terminal:
        """A terminal there that has logged in."""
        return await (await self.abroad(address)).login()


@asynccontextmanager
async def a_door(
    library: Library,
    settings: ListenerSettings | None = None,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    ils: object = None,
    collections: Mapping[str, DigitalCollection] | None = None,
) -> AsyncIterator[Doors]:
    """A door that believes this machine to be a proxy, unless its settings are given."""
    settings = settings or ListenerSettings(address=HERE, proxies=("127.0.0.0/8",))
    institutions: Mapping[str, Institution] = library.app.institutions
    if ils is not None:
        institutions = {id: replace(its, ils=ils) for id, its in institutions.items()}  # type: ignore[arg-type]
    if collections is not None:
        institutions = {
            id: replace(its, collections=collections) for id, its in institutions.items()
        }
    door = TerminalsDoor(institutions, library.app.accounts, limits)
    doors = Doors(door, await door.listen(settings))
    try:
        yield doors
    finally:
        for terminal in doors.came:
            with contextlib.suppress(OSError):
                await terminal.close()
        await door.close()


def proxied(address: str) -> bytes:
    """A proxy's first line for a client from there."""
    family, proxy = ("TCP6", "::1") if ":" in address else ("TCP4", "127.0.0.1")
    return f"PROXY {family} {address} {proxy} 4711 6001\r\n".encode()


async def closed_within(terminal: Terminal, seconds: float) -> float:
    """Wait until the door hangs up, whatever it says before; after how many seconds it did."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(seconds):
        with contextlib.suppress(ConnectionError):
            while await terminal.reader.read(65_536):
                pass
    return loop.time() - began


async def reset(terminal: Terminal) -> None:
    """Go without a farewell (RST)."""
    connected = terminal.writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await terminal.close()
