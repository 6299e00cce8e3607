"""A journal of what simulated terminals said and were told, which outlives whatever is killed.

One JSON object a line: one for each request before it is sent, and again before it is sent on
another connection; and one for its answer when it has come. Whoever writes a line goes on when it
is on the disk. Lines that wait are written together, so many terminals wait for one disk.

Messages stand in it as text in the plain dialect, without PINs and passwords. Of answers that
changed nothing only the verdict is kept: what a 24 or 64 tells of a patron is nobody's business.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from io import FileIO
from pathlib import Path
from types import TracebackType

import msgspec

from bibliobus.sip2 import Dialect, Message, decode, encode
from bibliobus.sip2.connection import CHANGES_SOMETHING
from bibliobus.sip2.messages import ANSWERS, REQUESTS, RESPONSES

_PLAIN = Dialect(max_field_length=2**31, print_width=2**31)
_KEPT = frozenset(ANSWERS[code] for code in CHANGES_SOMETHING) - {ANSWERS["23"]}


class Verdict(StrEnum):
    """What an answer was worth."""

    DONE = "done"
    REFUSED = "refused"  # it says no where it should say yes
    WRONG = "wrong"  # it answers something else than was asked


class Line(msgspec.Struct, omit_defaults=True):
    """One line of a journal: of a request if there is no verdict, else of its answer."""

    at: float  # seconds since 1970
    run: str  # of the simulator: a journal may hold several
    terminal: int
    number: int  # of the request, of its terminal
    message: str = ""
    verdict: Verdict | None = None
    why: str = ""  # it was not done


class Journal:
    """A file that is added to; a context manager that closes it."""

    def __init__(self, path: Path) -> None:
        self._run = secrets.token_hex(4)
        self._encode = msgspec.json.Encoder().encode
        self._file = FileIO(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "a")
        self._end_torn_line()
        self._waiting: list[bytes] = []
        self._written: asyncio.Future[None] | None = None  # when what waits is on the disk
        self._syncing: asyncio.Task[None] | None = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    async def sent(self, terminal: int, number: int, request: Message) -> None:
        """Keep a request that is about to be sent.

        Raises:
            OSError: It cannot be kept, so do not send it.
        """
        text = encode(request.without_secrets(), _PLAIN)
        await self._add(Line(time.time(), self._run, terminal, number, text))

    async def answered(
        self, terminal: int, number: int, answer: Message, verdict: Verdict, why: str
    ) -> None:
        """Keep an answer that has come.

        Raises:
            OSError: It cannot be kept.
        """
        text = encode(answer, _PLAIN) if answer.code in _KEPT else answer.code
        await self._add(Line(time.time(), self._run, terminal, number, text, verdict, why))

    async def _add(self, line: Line) -> None:
        self._waiting.append(self._encode(line) + b"\n")
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        if self._syncing is None:
            self._syncing = asyncio.create_task(self._sync())
        await asyncio.shield(self._written)

    async def _sync(self) -> None:
        """Write what waits, and then what has come meanwhile, until nothing waits."""
        while (written := self._written) is not None:
            lines, self._waiting, self._written = self._waiting, [], None
            try:
                await asyncio.to_thread(self._write, b"".join(lines))
            except OSError as error:
                written.set_exception(error)
            else:
                written.set_result(None)
        self._syncing = None

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]
        os.fsync(self._file.fileno())

    def _end_torn_line(self) -> None:
        """End a line that was being written when somebody was killed."""
        end = os.fstat(self._file.fileno()).st_size
        if end and os.pread(self._file.fileno(), 1, end - 1) != b"\n":
            self._file.write(b"\n")


# ---------------------------------------------------------------- reading


@dataclass(slots=True)
class Asked:
    """A request as it was sent, once or on several connections, and what came of it."""

    run: str
    terminal: int
    number: int
    sent: list[Message] = field(default_factory=list)
    answer: Message | None = None  # of one that changes something
    verdict: Verdict | None = None  # None: no answer was kept
    why: str = ""

    @property
    def request(self) -> Message:
        """As it was sent last."""
        return self.sent[-1]


def read_journal(path: Path) -> Iterator[Asked]:
    """What a journal tells, each request when its answer comes; those without one at the end.

    A line that was not written whole is passed over: nobody went on because of it.
    """
    open_ones: dict[tuple[str, int], Asked] = {}
    decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as journal:
        for raw in journal:
            try:
                line = decoder.decode(raw)
            except msgspec.DecodeError:
                continue
            who = line.run, line.terminal
            if line.verdict is None:
                asked = open_ones.setdefault(who, Asked(*who, line.number))
                asked.sent.append(decode(line.message, REQUESTS))
            elif who in open_ones:
                asked = open_ones.pop(who)
                asked.verdict, asked.why = line.verdict, line.why
                if line.message[:2] in _KEPT:
                    asked.answer = decode(line.message, RESPONSES)
                yield asked
    yield from open_ones.values()
