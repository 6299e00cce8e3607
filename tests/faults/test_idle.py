"""Thousands of terminals that have logged in and say nothing, and one among them that works.

500, or 10,000 with --prove (V12).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bibliobus.app import opened
from bibliobus.config import Config, DatabaseConfig
from tests.acceptance.conftest import Program, Programs, start  # noqa: F401 - a fixture
from tests.faults.wire import LOGIN, p99
from tests.support import SETTINGS, Library

Address = tuple[str, int]

SERVED = """
[database]
url = "sqlite:///{folder}/library.db"
[[sip.listeners]]
address = "127.0.0.1:0"
[sip.limits]
connections = 11000
"""
MOST = 150 << 20  # bytes of 10,000 connections and everything else
MOST_EACH = 12 << 10


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """The configuration of a library with a terminal and a patron."""
    url = f"sqlite:///{tmp_path / 'library.db'}"
    config = Config(database=DatabaseConfig(url=url), institutions={"MAIN": SETTINGS})
    async with opened(config) as app:
        library = Library(app)
        await library.terminal_account("kiosk", "kiosk")
        await library.patron("ada")
    file = tmp_path / "bibliobus.toml"
    file.write_text(SERVED.format(folder=tmp_path))
    return file


@pytest.mark.timeout(300)
def test_idle_terminals_cost_little_and_harm_nobody(
    start: Programs,  # noqa: F811
    config: Path,
    size: Callable[[int, int], int],
) -> None:
    many = size(500, 10_000)
    server = start("serve", "--config", str(config))
    address = server.ready()
    with terminals(address, 20) as (active, *_):
        before = resident(server)
        with terminals(address, many):
            time.sleep(3)  # so that the door has looked at them
            used = busy_seconds(server)
            time.sleep(3)
            used = (busy_seconds(server) - used) / 3
            took = [seconds(active) for _ in range(500)]
            memory = resident(server)
        each = (memory - before) // many
        print(
            f"{many} idle terminals: {memory >> 20} MiB, {each} bytes each, {used:.1%} of a core;"
            f" an active one waits {p99(took) * 1000:.1f} ms (p99)"
        )
        assert seconds(active) < 1

    assert memory <= MOST
    assert each <= MOST_EACH
    assert used < 0.25
    assert p99(took) < 0.5
    assert server.stop() == 0


@contextmanager
def terminals(address: Address, many: int) -> Iterator[list[socket.socket]]:
    """So many connections that have logged in."""
    with ExitStack() as stack:
        opened = []
        for _ in range(many):
            terminal = stack.enter_context(socket.create_connection(address, timeout=20))
            terminal.sendall(LOGIN + b"\r")
            assert terminal.recv(100) == b"941\r"
            opened.append(terminal)
        yield opened


def seconds(terminal: socket.socket) -> float:
    """How long the answer to a question takes."""
    began = time.perf_counter()
    terminal.sendall(b"2300120260301    093000AOMAIN|AAada|AC|AD1234|\r")
    answer = terminal.recv(4096)
    assert answer.startswith(b"24"), answer
    assert b"CQY" in answer, answer
    return time.perf_counter() - began


def resident(server: Program) -> int:
    """Bytes of its memory that are in use."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if "VmRSS" in line)


def busy_seconds(server: Program) -> float:
    """Processor time that it has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
