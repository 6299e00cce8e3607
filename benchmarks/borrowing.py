"""What terminals notice of many readers who borrow e-books at once.

    python -m benchmarks.borrowing [--borrows 200] [--latency 0.05] [--rate 500]
        [--awake] [--load COMMAND]

A server with the demo library on SQLite, the sandbox vendor in a process of its own that takes so
long for each answer, and terminals that work at a steady rate (benchmarks/load.py), each of these
in a process of its own. In the middle of that, so many other terminals lend an e-book each, all at
the same moment, to patrons whom the vendor does not know yet. Prints the terminals' times over
memory, where there is no disk and no thread to wait for (the ceiling), with nobody borrowing and
while they borrow, what the server's process used, and how long the borrowers waited.

`--awake` keeps each processor busy with what gives way to everything else. A shared virtual machine
loses a processor that rests, and gets it back some time later: terminals then wait for the host.

`--load` measures with another command instead; `{port}` and `{seconds}` stand for what they are.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from msgspec.structs import replace

from benchmarks.terminals import READY, cpu_seconds, running
from bibliobus.app import load, opened
from bibliobus.config import read_config
from bibliobus.ils.library import PatronEntry
from bibliobus.jobs import Wanted, do
from bibliobus.oneclick.runs import Job
from bibliobus.sandbox import demo_library
from bibliobus.sip2.checking import seal

HERE = Path(__file__).parent
STAMP = "20260302    100000"
SECONDS = 20.0  # that the terminals are measured for
IDLING = """
import os
os.sched_setaffinity(0, {%d})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while True:
    pass
"""
CONFIG = """
[database]
url = "sqlite:///{folder}/library.db"
[[sip.listeners]]
address = "127.0.0.1:0"
[oneclick.vendor]
institution = "MAIN"
library_id = 1931
url = "{url}"
token = "{token}"
scheduled = false
"""


@contextmanager
def awake(processors: Iterable[int]) -> Iterator[None]:
    """None of these rests until the end of the block, nor does it keep anybody waiting."""
    idlers = [subprocess.Popen([sys.executable, "-c", IDLING % each]) for each in processors]
    try:
        yield
    finally:
        for each in idlers:
            each.kill()
            each.wait()


async def prepare(config: Path, borrowers: int) -> None:
    """The demo library, patrons who never borrowed an e-book, and the vendor's titles."""
    library = demo_library(datetime.now(UTC))
    readers = tuple(
        PatronEntry(id=f"R{n:04d}", name=f"Reader {n}", institution="MAIN")
        for n in range(borrowers)
    )
    library = replace(library, patrons=(*library.patrons, *readers))
    settings = replace(read_config(config), institutions=library.institutions)
    async with opened(settings) as app:
        await load(app, library, shared_hashes=True)
        for job in (Job.IMPORT, Job.AVAILABILITY):
            await do(app, settings, "vendor", Wanted(job))


async def titles_of(vendor: str, token: str) -> list[str]:
    """The ISBNs of audiobooks, which the vendor lends to as many as want them."""
    headers = {"Authorization": f"Basic {token}"}
    async with httpx2.AsyncClient(headers=headers) as http:
        answer = await http.get(f"{vendor}/v1/libraries/1931/media/eaudio/availability")
        return [each["isbn"] for each in answer.json() if each["availability"]]


async def slow_down(vendor: str, seconds: float) -> None:
    """Have the vendor take so long for each answer, from now on."""
    async with httpx2.AsyncClient() as http:
        fault = {"kind": "latency", "seconds": seconds}
        (await http.post(f"{vendor}/sandbox/faults", json=fault)).raise_for_status()


async def borrow(port: int, number: int, isbn: str, begin: asyncio.Event) -> tuple[float, str]:
    """One reader at a terminal: how long it took, and what was said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(seal(b"9300CNkiosk|COkiosk|", b"0") + b"\r")
    await reader.readuntil(b"\r")
    await begin.wait()
    began = time.perf_counter()
    request = f"11NN{STAMP}{STAMP}AOMAIN|AAR{number:04d}|AB{isbn}|AC|"
    writer.write(seal(request.encode(), b"1") + b"\r")
    answer = (await reader.read(4096)).decode()
    writer.close()
    said = re.search(r"AF([^|]*)", answer)
    words = "lent" if answer.startswith("121") else said[1] if said else answer[:30]
    return time.perf_counter() - began, words


async def measure(
    server: str, pid: int, port: int, borrowing: Sequence[int], isbns: list[str], command: str
) -> None:
    """The terminals' times, with so many borrowers, one after the other."""
    for many in borrowing:
        begin = asyncio.Event()
        readers = [
            asyncio.create_task(borrow(port, n, isbns[n % len(isbns)], begin)) for n in range(many)
        ]
        before = cpu_seconds(pid)
        words = shlex.split(command.format(port=port, seconds=SECONDS))
        terminals = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
        await asyncio.sleep(SECONDS / 2)
        begin.set()
        took = await asyncio.gather(*readers)
        said, _ = await terminals.communicate()
        print(f"{server}, {many} borrowing: {said.decode().strip()}")
        print(f"the server used {cpu_seconds(pid) - before:.1f} s of CPU time", flush=True)
        if took:
            seconds = sorted(each for each, _ in took)
            outcomes = ", ".join(
                f"{n} {words!r}" for words, n in Counter(w for _, w in took).items()
            )
            print(
                f"borrowers: {seconds[len(seconds) // 2]:.2f} s (median) to {seconds[-1]:.2f} s;"
                f" {outcomes}"
            )


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--borrows", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--awake", action="store_true")
    parser.add_argument("--load", default=None)
    given = parser.parse_args()
    command = given.load or (
        f"{sys.executable} {HERE}/load.py --port {{port}} --connections 16 --warmup 2"
        f" --seconds {{seconds}} --rate {given.rate}"
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        awake(os.sched_getaffinity(0) if given.awake else ()),
    ):
        over_memory = [sys.executable, str(HERE / "serve_memory.py"), "--sip", "127.0.0.1:0"]
        with running(over_memory, READY) as (pid, server):
            asyncio.run(measure("memory", pid, int(server[1]), [0], [], command))
        config = Path(folder) / "bibliobus.toml"
        bibliobus = [sys.executable, "-m", "bibliobus"]
        sandbox = [*bibliobus, "sandbox", "--port", "0", "--data", f"{folder}/vendor.db"]
        ready = r"ready: .* at (\S+?)/? library \d+ token (\S+)"
        with running(sandbox, ready) as (_, vendor):
            config.write_text(CONFIG.format(folder=folder, url=vendor[1], token=vendor[2]))
            asyncio.run(prepare(config, given.borrows))
            isbns = asyncio.run(titles_of(vendor[1], vendor[2]))
            asyncio.run(slow_down(vendor[1], given.latency))
            serve = [*bibliobus, "serve", "--config", str(config)]
            with running(serve, READY) as (pid, server):
                borrowing, port = (0, given.borrows), int(server[1])
                asyncio.run(measure("SQLite", pid, port, borrowing, isbns, command))


if __name__ == "__main__":
    main()
