"""A vendor that answers from a script, over a real socket, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bibliobus.oneclick.client import Client
from bibliobus.oneclick.settings import CollectionSettings

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT.parent / "shared" / "data" / "oneclick"
TOKEN = "Canary-TOKEN-5f0c"
NOW = datetime(2016, 11, 1, 12, tzinfo=UTC)


def recorded(name: str) -> bytes:
    """What the vendor really answered once; the test is skipped where that is not at hand."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"the recordings are not here: {path.name} is missing beside the project")
    return path.read_bytes()


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def message(text: str) -> bytes:
    """An answer of the vendor's that is only a text."""
    return as_json({"message": text})


@dataclass
class Reply:
    """One answer: status, body, and what may go wrong with it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    waits_for: asyncio.Event | None = None
    breaks_off: bool = False  # half of the body, then nothing
    silent: bool = False  # closed without a word


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, f"{name} was sent more than once"
        return found[0] if found else None

    def json(self) -> Any:
        return json.loads(self.body)


class Vendor:
    """Answers with `replies`, one after another; the last of them from then on."""

    def __init__(self) -> None:
        self.replies: list[Reply] = [Reply(404, b"<html>no such page</html>")]
        self.asked: list[Asked] = []
        self.at_once = self.most_at_once = 0
        self._server: asyncio.Server | None = None
        self._news = asyncio.Event()
        self.url = ""

    def answers(self, *replies: Reply | bytes) -> None:
        """What comes next; bytes are a body with status 200."""
        self.replies = [each if isinstance(each, Reply) else Reply(200, each) for each in replies]

    async def was_asked(self, times: int) -> None:
        """Wait until so many requests have come."""
        while len(self.asked) < times:
            self._news.clear()
            await self._news.wait()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        method, target, _ = head[0].split(" ")
        headers = [(key, value) for key, _, value in (line.partition(": ") for line in head[1:-1])]
        length = next((int(value) for key, value in headers if key.lower() == "content-length"), 0)
        self.asked.append(Asked(method, target, headers, await reader.readexactly(length)))
        self._news.set()
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if reply.waits_for is not None:
            await reply.waits_for.wait()
        self.at_once -= 1
        if reply.silent:
            return False
        lines = [f"HTTP/1.1 {reply.status} Whatever", f"Content-Length: {len(reply.body)}"]
        lines += [f"{key}: {value}" for key, value in reply.headers.items()]
        body = reply.body[: len(reply.body) // 2] if reply.breaks_off else reply.body
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return not reply.breaks_off

    def client(self, clock: Clock | None = None, **settings: object) -> Client:
        """A client of this vendor, which waits for nothing."""
        clock = clock or Clock()
        given = {"library_id": 1931, "url": self.url, "token": TOKEN} | settings
        return Client(
            CollectionSettings(**given),  # type: ignore[arg-type] # what a test wants to give
            clock=clock.now,
            sleep=clock.sleep,
            chance=lambda: 1.0,
        )


class Clock:
    """A time that passes only when somebody waits for it."""

    def __init__(self) -> None:
        self.time = NOW
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += timedelta(seconds=seconds)

    def pass_by(self, **length: float) -> None:
        self.time += timedelta(**length)
