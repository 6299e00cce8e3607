"""Many terminals of the demo library at once, each asking again as soon as it is answered, or all
together at a steady rate.

Of 17 messages 1 is a status, 4 each are patron status, patron information and item information,
and 2 each a checkout and the checkin of the same item. Prints one JSON object. Every answer must
have the right code and checksum and say yes; else it counts as wrong.

    python benchmarks/load.py --port 6001 --connections 64
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from bibliobus.sip2.checking import seal, take_apart

PATRONS, FIRST_ITEM, ITEMS = 200, 200, 1800
MIX = ["99", *["23", "63", "17"] * 4, *["11"] * 2]
YES = {  # how a good answer to each request begins
    b"93": b"941",
    b"99": b"98Y",
    b"23": b"24 ",
    b"63": b"64 ",
    b"17": b"18",
    b"11": b"121",
    b"09": b"101",
}


def requests(number: int, of: int, begin: datetime) -> Iterator[bytes]:
    """What terminal `number` sends, for ever; its items are its own, as are its patrons if they
    suffice."""
    rng = random.Random(number)  # noqa: S311 - a mix to measure
    items = itertools.cycle(range(FIRST_ITEM + number, FIRST_ITEM + ITEMS, of))
    patrons = itertools.cycle(range(number % PATRONS, PATRONS, min(of, PATRONS)))
    for second in itertools.count():
        stamp = f"{begin + timedelta(seconds=second):%Y%m%d    %H%M%S}"
        for code in rng.sample(MIX, len(MIX)):
            who = f"AOMAIN|AAP{next(patrons):04d}|"
            what = f"AOMAIN|ABI{next(items):04d}|AC|"
            if code == "99":
                yield b"9900802.00"
            elif code == "23":
                yield f"23001{stamp}{who}AC|AD1234|".encode()
            elif code == "63":
                yield f"63001{stamp}  Y       {who}AC|AD1234|".encode()
            elif code == "17":
                yield f"17{stamp}{what}".encode()
            else:
                yield f"11NN{stamp}{stamp}{who[7:]}{what}AD1234|".encode()
                yield f"09N{stamp}{stamp}APdesk|{what}".encode()


class Terminal(asyncio.Protocol):
    """One terminal, until its time is over and no item of its own is out."""

    def __init__(self, number: int, arguments: argparse.Namespace, begin: datetime) -> None:
        self.requests = requests(number, arguments.connections, begin)
        self.sequence = itertools.cycle(b"%d" % digit for digit in range(10))
        self.done = asyncio.get_running_loop().create_future()
        self.count_from = time.perf_counter() + arguments.warmup
        self.until = self.count_from + arguments.seconds
        self.pause = arguments.connections / arguments.rate if arguments.rate else 0.0
        self.due_at = time.perf_counter() + self.pause * number / arguments.connections
        self.took: list[float] = []
        self.wrong: list[str] = []
        self.buffer = b""
        self.asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.send(b"9300CNkiosk|COkiosk|CPdesk|")

    def send(self, body: bytes) -> None:
        self.asked = body[:2]
        self.sent_at = time.perf_counter()
        self.transport.write(seal(body, next(self.sequence)) + b"\r")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.buffer.endswith(b"\r"):
            return
        answer, self.buffer, now = self.buffer[:-1], b"", time.perf_counter()
        if not take_apart(answer).intact or not answer.startswith(YES[self.asked]):
            self.wrong.append(answer.decode(errors="replace"))
        if self.count_from < now < self.until:
            self.took.append(now - self.sent_at)
        if not (now < self.until or self.asked == b"11"):
            self.transport.close()
        elif not self.pause:
            self.send(next(self.requests))
        else:
            self.due_at += self.pause
            asyncio.get_running_loop().call_later(max(self.due_at - now, 0), self.send_when_due)

    def send_when_due(self) -> None:
        """Send the next request of a steady rate; if it is late, it has waited since it was due."""
        self.send(next(self.requests))
        self.sent_at = self.due_at

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set_result(None)


async def load(arguments: argparse.Namespace) -> None:
    """Run all terminals and print what they saw."""
    begin = datetime.now(ZoneInfo("Europe/Paris")) - timedelta(hours=random.uniform(8, 16))  # noqa: S311
    # so that nothing of a run before it is repeated
    loop = asyncio.get_running_loop()
    terminals = [Terminal(n, arguments, begin) for n in range(arguments.connections)]
    for each in terminals:
        await loop.create_connection(lambda each=each: each, "127.0.0.1", arguments.port)  # type: ignore[misc]
    await asyncio.gather(*(each.done for each in terminals))
    took = sorted(itertools.chain(*(each.took for each in terminals)))
    wrong = list(itertools.chain(*(each.wrong for each in terminals)))
    report = {
        "tx_per_s": round(len(took) / arguments.seconds),
        "p50_ms": round(1000 * took[len(took) // 2], 2),
        "p99_ms": round(1000 * took[len(took) * 99 // 100], 2),
        "wrong": len(wrong),
        "example": wrong[:1],
    }
    print(json.dumps(report))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, help="messages a second in all, instead")
    parser.add_argument("--warmup", type=float, default=5)
    asyncio.run(load(parser.parse_args()))


if __name__ == "__main__":
    main()
