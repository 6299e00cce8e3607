"""Broken messages by the thousand, over many connections, while other terminals work on.

1,500 frames, 20,000 with --prove, or as many as BIBLIOBUS_FRAMES says (V5: 1,000,000).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.acceptance.conftest import Programs, start  # noqa: F401 - a fixture
from tests.faults.wire import Address, Attack, Canary, p99
from tests.support import Library, Terminal

FRAMES = int(os.environ.get("BIBLIOBUS_FRAMES", "0"))
ATTACKERS = 8


@asynccontextmanager
async def canaries(address: Address, many: int) -> AsyncIterator[list[Canary]]:
    """Terminals that work on, and are answered right to the end."""
    working = [Canary(address, n) for n in range(many)]
    tasks = [asyncio.create_task(each.run()) for each in working]
    try:
        yield working
    finally:
        for each in working:
            each.over = True
        await asyncio.gather(*tasks)


async def attack(address: Address, frames: int) -> list[Attack]:
    attacks = [Attack(address, seed, frames // ATTACKERS) for seed in range(ATTACKERS)]
    await asyncio.gather(*(each.run() for each in attacks))
    return attacks


@pytest.mark.timeout(120 + FRAMES // 100)
async def test_no_broken_message_harms_anybody(
    start: Programs,  # noqa: F811
    tmp_path: Path,
    size: Callable[[int, int], int],
) -> None:
    frames = FRAMES or size(1500, 20_000)
    server = start(
        "demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0", "--data", str(tmp_path)
    )
    address = server.ready()
    await attack(address, 400)
    await asyncio.sleep(1)
    pid = server.process.pid
    files, memory = open_files(pid), resident(pid)

    async with canaries(address, size(4, 20)) as working:
        attacks = await attack(address, frames)
    await settled(lambda: open_files(pid) == files)

    grown = (resident(pid) - memory) >> 10
    answers = sum((each.answers for each in attacks), start=type(attacks[0].answers)())
    took = [seconds for each in working for seconds in each.took]
    connections = sum(each.connections for each in attacks)
    print(f"{frames} frames over {connections} connections, answered {dict(answers)}")
    print(f"canaries asked {len(took)} times, p99 {p99(took) * 1000:.1f} ms; RSS {grown:+} KiB")
    assert open_files(pid) == files
    assert server.stop() == 0
    said = "".join(server.lines)
    assert "Traceback" not in said
    assert "fault" not in said
    assert len(answers) > 10
    assert grown < 30 * 1024
    assert p99(took) < 1.0


async def test_nothing_is_left_of_broken_connections(
    library: Library,
    door: Address,
    size: Callable[[int, int], int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await library.patron("P0001")
    await library.item("I0001")
    idle = await (await Terminal.connect(door)).login()
    tasks, files = asyncio.all_tasks(), open_files(os.getpid())

    await attack(door, size(800, 4000))
    await settled(lambda: asyncio.all_tasks() == tasks and open_files(os.getpid()) == files)

    assert asyncio.all_tasks() == tasks
    assert open_files(os.getpid()) == files
    assert (await idle.send("9900802.00")).startswith("98Y")
    await idle.close()
    assert "fault" not in caplog.text
    assert "Traceback" not in caplog.text


async def settled(is_so: Callable[[], bool]) -> None:
    """Give it five seconds to become so."""
    for _ in range(50):
        if is_so():
            return
        await asyncio.sleep(0.1)


def open_files(pid: int) -> int:
    return sum(1 for _ in sockets(pid))


def sockets(pid: int) -> Iterator[str]:
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(each)
        except FileNotFoundError:
            continue
        if target.startswith("socket:"):
            yield target


def resident(pid: int) -> int:
    """Bytes of a process's memory that are in use."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if "VmRSS" in line)
