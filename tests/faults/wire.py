"""Messages as a broken or hostile client sends them, and terminals that must not notice."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bibliobus.sip2 import PLAIN, decode
from bibliobus.sip2.checking import seal, take_apart
from bibliobus.sip2.messages import RESPONSES
from tests.support import Terminal

Address = tuple[str, int]

LOGIN = b"9300CNkiosk|COkiosk|CPdesk|"
FRAMES = (
    b"9900802.00",
    b"9900801.00",
    b"97",
    b"2300120260301    093000AOMAIN|AAP0001|AC|",
    b"2300120260301    093000AOMAIN|AAP0001|AC|AD1234|",
    b"6300120260301    093000  Y       AOMAIN|AAP0002|AC|BP1|BQ5|",
    b"1720260301    093000AOMAIN|ABI0001|AC|",
    b"11NN20260301    093000                  AOMAIN|AAP0001|ABI0001|AC|AD1234|",
    b"09N20260301    09300020260301    093000APdesk|AOMAIN|ABI0001|AC|",
    b"29NN20260301    093000                  AOMAIN|AAP0001|ABI0001|AC|",
    b"6520260301    093000AOMAIN|AAP0001|AC|",
    b"15+20260301    093000AOMAIN|AAP0002|ABI0001|AC|",
    b"3720260301    0930000100USDBV1.50|AOMAIN|AAP0001|AC|BKx1|",
    b"3520260301    093000AOMAIN|AAP0001|AC|",
    b"01N20260301    093000AOMAIN|ALlost|AAP0003|AC|",
    b"2520260301    093000AOMAIN|AAP0003|AC|",
    b"1920260301    093000AOMAIN|ABI0001|AC|CHx|",
)
ODD = (b"|", b"\r", b"\n", b"\0", b"\r\n", b"^", b"\xff", b"\xc3", b"\x85", b"AY", b"AZ")
LENGTHS = (300, 5_000, 9_000, 70_000, 1 << 20)


def broken(rng: random.Random) -> bytes:
    """One frame that is wrong in one to three ways, with its end, or not."""
    frame = LOGIN if rng.random() < 0.01 else rng.choice(FRAMES)
    if rng.random() < 0.5:
        frame = seal(frame, b"%d" % rng.randrange(10))
    for _ in range(rng.randint(1, 3)):
        frame = _worse(rng, frame)
    return frame + rng.choice((b"\r", b"\r", b"\r\n", b"\n", b""))


def _worse(rng: random.Random, frame: bytes) -> bytes:
    at, until = sorted(rng.randrange(len(frame) + 1) for _ in range(2))
    match rng.randrange(9):
        case 0:
            return frame[:at]
        case 1:
            return frame[:until] + frame[at:]  # twice the same piece
        case 2:
            other = rng.choice(FRAMES)
            return frame[:at] + other[rng.randrange(len(other)) :]
        case 3:
            changed = bytearray(frame or b"\0")
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            return bytes(changed)
        case 4:
            return frame[:at] + rng.choice(ODD) * rng.randint(1, 3) + frame[at:]
        case 5:
            return frame[:at] + rng.randbytes(rng.randint(1, 64)) + frame[at:]
        case 6:
            return frame + b"AY" + rng.randbytes(1) + b"AZ" + rng.randbytes(rng.randrange(6))
        case 7:
            length = rng.choice(LENGTHS) if rng.random() < 0.02 else 80
            return frame[:at] + rng.choice((b"x", b"AA", b"|", b" ")) * length + frame[at:]
    return frame[:at] + frame[until:]


@dataclass
class Attack:
    """Connections that send broken frames, one after another."""

    address: Address
    seed: int
    frames: int  # still to be sent
    connections: int = 0
    answers: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        rng = random.Random(self.seed)
        while self.frames > 0:
            self.connections += 1
            with contextlib.suppress(ConnectionError):
                await self._connect(rng)

    async def _connect(self, rng: random.Random) -> None:
        reader, writer = await asyncio.open_connection(*self.address)
        listening = asyncio.create_task(self._listen(reader))
        try:
            if rng.random() < 0.7:
                writer.write(LOGIN + b"\r")
            for _ in range(rng.randint(1, 4)):
                many = min(rng.choice((1, 1, 1, 1, 2, 2, 4, 8, 16, 64)), self.frames)
                self.frames -= many
                await _send(rng, writer, b"".join(broken(rng) for _ in range(many)))
            await self._leave(rng, writer, listening)
        finally:
            writer.transport.abort()
            await asyncio.wait([listening])
            listening.result()

    async def _leave(
        self, rng: random.Random, writer: asyncio.StreamWriter, listening: asyncio.Task[None]
    ) -> None:
        match rng.randrange(4):
            case 0:
                linger = struct.pack("ii", 1, 0)
                connected = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):  # it has hung up already
                    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            case 1:
                await asyncio.sleep(0.01)
            case _:  # half closed: all is to be answered
                with contextlib.suppress(OSError):
                    writer.write_eof()
                done, _ = await asyncio.wait([listening], timeout=30)
                assert done, "it does not hang up"

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        heard = b""
        with contextlib.suppress(ConnectionError):
            while more := await reader.read(65_536):
                *lines, heard = (heard + more).split(b"\r")
                for line in lines:
                    self.answers[check_answer(line)] += 1


async def _send(rng: random.Random, writer: asyncio.StreamWriter, data: bytes) -> None:
    if len(data) < 300 and rng.random() < 0.2:
        for byte in data:
            if writer.transport.is_closing():
                return
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
    else:
        writer.write(data)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(writer.drain(), 10)


def check_answer(line: bytes) -> str:
    """The code of an answer, which has to be valid SIP2."""
    body, mark, _ = line.rpartition(b"AZ")
    if mark and len(line) == len(body) + 6 and not line.endswith(b"|"):
        checked = take_apart(line, in_use=True)
        assert checked.detected, line
        assert checked.intact, line
        line = checked.body
    message = decode(PLAIN.to_text(line), RESPONSES)
    assert message.code == line[:2].decode(), line
    return message.code


@dataclass
class Canary:
    """A terminal that goes through one script all the time, and is answered right."""

    address: Address
    number: int
    took: list[float] = field(default_factory=list)  # seconds of each answer
    over: bool = False  # to be ended after the script

    async def run(self) -> None:
        terminal = await (await Terminal.connect(self.address)).login()
        moment = datetime(2026, 3, 1, 9, 30) + timedelta(days=self.number)  # noqa: DTZ001 - as a terminal has it
        try:
            while not self.over:
                moment += timedelta(seconds=1)
                for question, beginning, part in self._script(f"{moment:%Y%m%d    %H%M%S}"):
                    began = time.perf_counter()
                    answer = await terminal.send(question, sequence=len(self.took) % 10)
                    self.took.append(time.perf_counter() - began)
                    assert answer.startswith(beginning), (question, answer)
                    assert part in answer, (question, answer)
                await asyncio.sleep(0.01)
        finally:
            await terminal.close()

    def _script(self, now: str) -> Iterator[tuple[str, str, str]]:
        patron, item = f"P{100 + self.number:04d}", f"I{1000 + self.number:04d}"
        yield "9900802.00", "98YYY", "AOMAIN"
        yield f"23001{now}AOMAIN|AA{patron}|AC|AD1234|", "24", f"AA{patron}|"
        yield f"11NN{now}{' ' * 18}AOMAIN|AA{patron}|AB{item}|AC|AD1234|", "121", f"AB{item}|"
        yield f"17{now}AOMAIN|AB{item}|AC|", "18", f"AB{item}|"
        yield f"63001{now}          AOMAIN|AA{patron}|AC|AD1234|", "64", "CQY"
        yield f"09N{now}{now}APdesk|AOMAIN|AB{item}|AC|", "101", f"AB{item}|"


def p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]
