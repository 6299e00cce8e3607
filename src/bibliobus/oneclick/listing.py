"""The whole catalogue on its way from the vendor into a file.

It does not fit into memory nicely, so it is written as it comes, and never looked at but for its
first and last byte: an answer that broke off, or that is no list, must not look like a catalogue.

Source: spec/oneclick-api 1.2.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from typing import BinaryIO

import httpx2
import msgspec

from bibliobus.oneclick.bodies import Answer
from bibliobus.oneclick.errors import VendorError
from bibliobus.oneclick.transport import Call, whole

AT_ONCE = 1024 * 1024  # bytes that are written at a time, by another thread
BLANKS = b" \t\r\n"
MARK = b"\xef\xbb\xbf"


class ListingFetched(msgspec.Struct, frozen=True, kw_only=True):
    """What was fetched. Of a catalogue that has not changed, the next `sha256` is the same."""

    size: int  # bytes
    sha256: str
    fetched_at: datetime


class Listing:
    """One answer, as it is being written."""

    def __init__(self, call: Call, into: BinaryIO) -> None:
        self._call, self._into = call, into
        self._digest = hashlib.sha256()
        self._size = 0
        self._beginning = self._first = self._last = b""
        self._waiting = bytearray()

    async def consume(self, response: httpx2.Response) -> Answer | VendorError:
        """Write the body, if it is a list; else it is read as any other answer."""
        if response.status_code != 200:
            return await whole(self._call, response)
        async for part in response.aiter_bytes():
            self._waiting += part
            if len(self._waiting) >= AT_ONCE:
                await self._write()
                if self._first != b"[":
                    break  # whatever it is, the rest of it is not wanted
        await self._write()
        return Answer(200, b"[]" if self._first == b"[" else self._beginning)

    async def _write(self) -> None:
        """Have what is waiting written."""
        part = bytes(self._waiting)
        self._waiting.clear()
        if not self._size:
            self._beginning = part
            self._first = part.removeprefix(MARK).lstrip(BLANKS)[:1]
        self._last = part.rstrip(BLANKS)[-1:] or self._last
        self._size += len(part)
        await asyncio.to_thread(self._keep, part)

    def _keep(self, part: bytes) -> None:
        self._digest.update(part)
        self._into.write(part)

    def oddity(self) -> str | None:
        """Why this is no catalogue; None: it looks like one."""
        if self._first != b"[":
            return "it is no list"
        return None if self._last == b"]" else "it breaks off in the middle"

    def fetched(self, now: datetime) -> ListingFetched:
        """What there is, when all of it has come."""
        return ListingFetched(size=self._size, sha256=self._digest.hexdigest(), fetched_at=now)
