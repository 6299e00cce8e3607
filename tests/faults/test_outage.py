"""The database goes away under working terminals, and comes back: what they are told meanwhile."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from bibliobus.app import opened, serving
from bibliobus.config import Config, DatabaseConfig, HealthConfig, SIPConfig
from bibliobus.terminals import Limits, ListenerSettings
from tests.postgres import Server, create_database
from tests.support import SETTINGS, Library, Terminal

Address = tuple[str, int]

STATUS = "9900802.00"
CHECKOUT = "11NN20260302    1000{:02d}                  AOMAIN|AAada|ABB{:02d}|AC|AD1234|"
QUESTIONS = {
    "2300120260301    093000AOMAIN|AAada|AC|AD1234|": "24YYYY          001",
    "6300120260301    093000          AOMAIN|AAada|AC|AD1234|": "64YYYY          001",
    "1720260301    093000AOMAIN|ABB50|AC|": "18010101",
}
TOLD_WITHIN = 3.0  # seconds
ANSWER_SECONDS = 3.0  # shorter than usual, as much of it is waited for
ANSWERED_WITHIN = ANSWER_SECONDS + 1.5  # the door looks once a second


class Outage(Protocol):
    """Something that happens to a database."""

    url: str

    def begin(self) -> None: ...
    def end(self) -> None: ...


@dataclass
class Stopped:
    """PostgreSQL is gone."""

    server: Server
    url: str

    def begin(self) -> None:
        self.server.stop()

    def end(self) -> None:
        self.server.start()


@dataclass
class Frozen:
    """PostgreSQL is there and does not answer."""

    server: Server
    url: str

    def begin(self) -> None:
        self.server.freeze()

    def end(self) -> None:
        self.server.thaw()


@dataclass
class Full:
    """SQLite's disk is full."""

    disk: Path
    url: str

    def begin(self) -> None:
        with (self.disk / "other").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def end(self) -> None:
        (self.disk / "other").unlink()


@contextmanager
def lasting(outage: Outage) -> Iterator[None]:
    outage.begin()
    try:
        yield
    finally:
        outage.end()


@contextmanager
def postgres_of_its_own(folder: Path) -> Iterator[Server]:
    server = Server(folder, durable=True)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk: A FULL DISK WAS NOT TESTED")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture(params=["stopped", "frozen", "full"])
def outage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outage]:
    if request.param == "full":
        with small_disk(tmp_path) as disk:
            yield Full(disk, f"sqlite:///{disk / 'library.db'}")
        return
    with postgres_of_its_own(tmp_path) as server:
        url = create_database(server.url, "library")
        yield Stopped(server, url) if request.param == "stopped" else Frozen(server, url)


@asynccontextmanager
async def served(url: str) -> AsyncIterator[tuple[Library, Address, Address]]:
    """A library with its doors open; where terminals connect, and where health is asked for."""
    config = Config(database=DatabaseConfig(url=url), institutions={"MAIN": SETTINGS})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        health = ("127.0.0.1", probe.getsockname()[1])
    sip = SIPConfig(
        listeners=(ListenerSettings(address="127.0.0.1:0"),),
        limits=Limits(answer_seconds=ANSWER_SECONDS),
    )
    async with opened(config) as app:
        library = Library(app)
        await library.terminal_account("kiosk", "kiosk")
        await library.patron("ada")
        for n in range(60):
            await library.item(f"B{n:02d}")
        supervised = HealthConfig(listen=f"{health[0]}:{health[1]}")
        async with serving(app, sip, supervised) as (address,):
            host, port = address.split(":")
            yield library, (host, int(port)), health


@pytest.mark.timeout(120)
async def test_terminals_are_told_of_an_outage_and_of_its_end(outage: Outage) -> None:
    async with served(outage.url) as (library, address, health):
        kiosk = await (await Terminal.connect(address)).login()
        busy = await (await Terminal.connect(address)).login()
        assert (await kiosk.send(STATUS)).startswith("98YYY")
        assert await ready(health) == 200
        lent = [n for n in range(10) if (await busy.send(CHECKOUT.format(n, n))).startswith("121")]
        assert lent == list(range(10))

        with lasting(outage):
            gone = await until(kiosk, "98N")
            assert await ready(health) == 503
            for question, no in QUESTIONS.items():
                began = time.monotonic()
                answer = await busy.send(question, sequence=1)
                print(f"{question[:2]} in {time.monotonic() - began:.2f} s: {answer[:40]}")
                assert time.monotonic() - began < ANSWERED_WITHIN
                assert answer.startswith(no) or isinstance(outage, Full), answer  # it can read
            unsure = await (await Terminal.connect(address)).login()
            answer = await unsure.send(CHECKOUT.format(50, 50))
            assert answer.startswith("120NUN") or (isinstance(outage, Frozen) and answer == "")
            newcomer = await (await Terminal.connect(address)).login()
            assert (await newcomer.send(STATUS)).startswith("98NNN")
            stranger = await Terminal.connect(address)
            assert await stranger.send("9300CNkiosk|COwrong|") == "940"

        back = await until(kiosk, "98YYY")
        assert await ready(health) == 200
        print(f"told N after {gone:.2f} s and Y after {back:.2f} s")
        assert gone < TOLD_WITHIN
        assert (await busy.send(CHECKOUT.format(59, 51))).startswith("121")
        assert (await newcomer.send(CHECKOUT.format(59, 52))).startswith("121")
        told = {f"B{n:02d}" for n in (*lent, 51, 52)}
        stands = {item for _, item in await library.loans()}
        assert told <= stands <= told | {"B50"}
        for each in (kiosk, busy, unsure, newcomer, stranger):
            await each.close()


async def test_whatever_is_told_in_the_middle_of_it_stands(outage: Outage) -> None:
    async with served(outage.url) as (library, address, _):
        told: set[str] = set()

        async def lend(first: int) -> None:
            terminal = await (await Terminal.connect(address)).login()
            for n in range(first, first + 10):
                answer = await terminal.send(CHECKOUT.format(n, n))
                if not answer:  # nobody knows: it is hung up on
                    terminal = await (await Terminal.connect(address)).login()
                elif answer.startswith("121"):
                    told.add(f"B{n:02d}")
            await terminal.close()

        lending = [asyncio.create_task(lend(first)) for first in range(0, 60, 10)]
        await until_some(lambda: len(told) > 5)
        with lasting(outage):
            await asyncio.sleep(1)
        await asyncio.gather(*lending)
        kiosk = await (await Terminal.connect(address)).login()
        await until(kiosk, "98YYY")
        await kiosk.close()

        assert told <= {item for _, item in await library.loans()}


async def until(terminal: Terminal, beginning: str) -> float:
    """Ask for the status until it is told so; after how many seconds it was."""
    began = time.monotonic()
    while time.monotonic() - began < 30:
        if (await terminal.send(STATUS)).startswith(beginning):
            return time.monotonic() - began
        await asyncio.sleep(0.05)
    raise AssertionError(f"never told {beginning}")


async def until_some(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - what others count
            await asyncio.sleep(0.005)


async def ready(health: Address) -> int:
    """The status of `/ready`."""
    reader, writer = await asyncio.open_connection(*health)
    writer.write(b"GET /ready HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1])
