"""An import is killed (SIGKILL) anywhere, and started again until it is done.

In the end the catalogue is what it would have been otherwise, to the last term of the index, and
the vendor was asked for everything once, and once more for each kill that hit the download. No
process is left that worked for one that was killed.

A few kills, 100 with --prove, or as many as BIBLIOBUS_KILLS says.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw
import psycopg
import pytest

from benchmarks.titles import TITLES as SOURCE
from benchmarks.titles import write_dump
from bibliobus.sandbox.vendor import Vendor, VendorSettings, serving_vendor

KILLS = int(os.environ.get("BIBLIOBUS_KILLS", "0"))
TITLES = 6000  # nine megabytes: so many are read by processes of their own
LISTING = "media/all"
TOKEN = "Canary-TOKEN-5f0c"
SECONDS = 100  # that an import may take at most
MARK = "BIBLIOBUS_TEST_OF"  # in the environment of all processes of a test

CONFIG = """
[database]
url = "{url}"
[institutions.MAIN]
[oneclick.kills]
library_id = 1931
url = "{vendor}"
token = "{token}"
"""
CANONICAL = {
    "titles": "SELECT isbn, medium, title, author, language, record, owned, available,"
    " withdrawn_at IS NULL, indexed FROM titles ORDER BY isbn",
    "words": "SELECT word FROM words ORDER BY word",
    "runs": "SELECT counts, odd FROM runs WHERE outcome = 'done'",
}
ON_SQLITE = {
    "terms": "SELECT isbn, group_concat(term, ' ') FROM"
    " (SELECT DISTINCT isbn, term FROM vocabulary JOIN titles ON key = doc ORDER BY isbn, term)"
    " GROUP BY isbn ORDER BY isbn"
}
ON_POSTGRES = {
    "terms": "SELECT isbn, terms::text FROM title_terms JOIN titles ON key = rowid ORDER BY isbn"
}


@dataclass
class Import:
    """A child process that imports, with processes of its own."""

    process: asyncio.subprocess.Process

    async def wait(self) -> int:
        return await self.process.wait()

    async def killed(self, *, alone: bool) -> bool:
        """Kill it, alone or with all that it began; False: it had ended before."""
        if self.process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            # not process.kill(), which takes the exit code of one that has just ended from asyncio
            kill = os.kill if alone else os.killpg
            kill(self.process.pid, signal.SIGKILL)
        return await self.process.wait() == -signal.SIGKILL


class Imports:
    """Imports of one catalogue into one database, one after the other."""

    def __init__(self, folder: Path, url: str, vendor: str) -> None:
        folder.mkdir()
        self.config = folder / "bibliobus.toml"
        self.config.write_text(CONFIG.format(url=url, vendor=vendor, token=TOKEN))
        self.spool = Path(url.removeprefix("sqlite:///") + "-spool")
        self.mark = folder.name
        self._state = str(folder)
        if not url.startswith("sqlite"):
            self.spool = folder / "bibliobus-spool"

    async def begin(self) -> Import:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bibliobus", "oneclick", "import", "--config", str(self.config),
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(sys.path), "STATE_DIRECTORY": self._state}
            | {MARK: self.mark},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        return Import(process)

    def left(self) -> list[str]:
        """The processes of this test that are still there."""
        return [command for _, command in self._processes()]

    def _processes(self) -> Iterator[tuple[int, str]]:
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                if f"{MARK}={self.mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name), (folder / "cmdline").read_text().replace("\0", " ")

    def fetched(self) -> bool:
        """Whether the vendor's catalogue is in the spool, all of it."""
        return any(self.spool.glob("*.json"))


@pytest.fixture
async def vendor(tmp_path: Path) -> AsyncIterator[tuple[Vendor, str]]:
    """A vendor of many titles, and its address."""
    if not SOURCE.exists():
        pytest.skip("the titles are not here")
    dump = tmp_path / "dump.json"
    write_dump(dump, TITLES)
    vendor = Vendor.open(tmp_path / "vendor.db", VendorSettings(token=TOKEN), catalogue=dump)
    async with serving_vendor(vendor) as url:
        yield vendor, url
    vendor.close()


@pytest.mark.timeout(300 + 10 * KILLS + 1200)
async def test_an_import_that_is_killed_anywhere_ends_the_same(
    vendor: tuple[Vendor, str],
    database_url: str,
    tmp_path: Path,
    size: Callable[[int, int], int],
) -> None:
    its, address = vendor
    chance = random.Random(20161024)
    whole = Imports(tmp_path / "whole", beside(database_url), address)
    begun = time.monotonic()
    await ended(await whole.begin())
    seconds = time.monotonic() - begun  # of an import that nobody disturbs
    expected = canonical(beside(database_url))
    its.calls.clear()
    its.faults.add("latency", endpoint=LISTING, seconds=0.7)  # so that some hit the download

    wanted = KILLS or size(5, 100)
    rounds = kills = downloads = 0
    while kills < wanted:
        rounds += 1
        url = another(database_url, rounds)
        imports = Imports(tmp_path / f"round{rounds}", url, address)
        done = False
        while kills < wanted and not done:
            before = its.calls[LISTING]
            begun_one = await imports.begin()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(begun_one.wait(), chance.uniform(0.3, seconds))
            if await begun_one.killed(alone=chance.random() < 0.3):
                kills += 1
                await nothing_left(imports)
                downloads += its.calls[LISTING] > before and not imports.fetched()
            else:
                done = await ended(begun_one)
        if not done:
            await ended(await imports.begin())
        await nothing_left(imports)
        assert canonical(url) == expected
    print(f"{kills} kills in {rounds} imports, {downloads} of them while the catalogue came;")
    print(f"{its.calls[LISTING]} calls; an import takes {seconds:.1f} s undisturbed")

    assert its.calls[LISTING] == rounds + downloads


@pytest.fixture
async def working(vendor: tuple[Vendor, str], tmp_path: Path) -> tuple[Imports, Import]:
    """An import with a process that works for it."""
    imports = Imports(tmp_path / "one", f"sqlite:///{tmp_path / 'library.db'}", vendor[1])
    begun = await imports.begin()
    deadline = time.monotonic() + SECONDS
    while not any("spawn_main" in each for each in imports.left()):
        assert time.monotonic() < deadline, "it has none"
        assert begun.process.returncode is None, "it has ended before"
        await asyncio.sleep(0.01)
    return imports, begun


async def test_processes_end_with_the_one_they_work_for(working: tuple[Imports, Import]) -> None:
    imports, begun = working

    assert await begun.killed(alone=True)

    await nothing_left(imports)


async def test_one_that_is_interrupted_says_so_and_goes_on_later(
    working: tuple[Imports, Import], vendor: tuple[Vendor, str]
) -> None:
    """Ctrl-C, which all processes of a terminal get."""
    imports, begun = working
    assert begun.process.stdout is not None
    async with asyncio.timeout(SECONDS):
        await begun.process.stdout.readuntil(b"30 %")  # all of them are at work

    os.killpg(begun.process.pid, signal.SIGINT)

    said, _ = await asyncio.wait_for(begun.process.communicate(), SECONDS)
    assert begun.process.returncode == 1
    assert said.decode().strip().endswith("Aborted!")
    assert b"Traceback" not in said
    await nothing_left(imports)
    await ended(await imports.begin())
    assert vendor[0].calls[LISTING] == 1


async def ended(begun: Import) -> bool:
    """Wait until it has. One whose work was done by one that was killed with its last word on its
    lips says that it is too soon for another."""
    said, _ = await asyncio.wait_for(begun.process.communicate(), SECONDS)
    assert begun.process.returncode == 0 or b"asks for that to be rare" in said, said.decode()
    return True


async def nothing_left(imports: Imports) -> None:
    """Whoever worked for one that was killed ends by itself."""
    deadline = time.monotonic() + 10
    while left := imports.left():
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.05)


def beside(url: str) -> str:
    return another(url, 0)


def another(url: str, number: int) -> str:
    """Another database of the same kind."""
    if url.startswith("sqlite"):
        return f"{url}{number}"
    server, name = url.rsplit("/", 1)
    with (
        psycopg.connect(url, autocommit=True) as connection,
        contextlib.suppress(psycopg.errors.DuplicateDatabase),
    ):
        connection.execute(f'CREATE DATABASE "{name}x{number}"'.encode())
    return f"{server}/{name}x{number}"


def canonical(url: str) -> dict[str, object]:
    """All that an import writes, without keys and times, and without who called the vendor."""
    found: dict[str, object] = dict(_written(url))
    ((counts, odd),) = _written(url)["runs"]
    return found | {"runs": json.loads(str(counts)) | {"calls": None, "odd": odd}}


def _written(url: str) -> dict[str, list[tuple[object, ...]]]:
    if url.startswith("sqlite"):
        database = apsw.Connection(url.removeprefix("sqlite:///"))
        database.execute(
            "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, title_terms, instance)"
        )
        try:
            return {
                what: database.execute(query).fetchall()
                for what, query in (CANONICAL | ON_SQLITE).items()
            }
        finally:
            database.close()
    with psycopg.connect(url, options="-c search_path=bibliobus,public") as connection:
        return {
            what: connection.execute(query.encode()).fetchall()
            for what, query in (CANONICAL | ON_POSTGRES).items()
        }
