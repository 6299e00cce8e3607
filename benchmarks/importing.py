"""How long an import takes, beside what it cannot do without.

    python -m benchmarks.importing [--titles 100000] [--folder DIR]

The sandbox serves a catalogue made of Project Gutenberg's titles, and `bibliobus oneclick` imports
it as its users start it, into SQLite and into PostgreSQL. Beside it, in the same run: decoding the
same file and nothing else, and inserting the same rows and terms, made ready before, and nothing
else. Memory is that of the process and those that it starts, less what `oneclick status` takes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw
import httpx2
import msgspec

from benchmarks.titles import write_dump
from bibliobus.database.sqlite import SQLITE_SETTINGS
from bibliobus.oneclick.incoming import ready
from bibliobus.oneclick.spool import windows
from bibliobus.oneclick.wire import MediaObject
from tests.postgres import create_database, running_postgres

BIBLIOBUS = Path(sys.executable).parent / "bibliobus"
CONFIG = """
[oneclick.benchmark]
library_id = 1931
url = "{url}"
token = "benchmark"
"""
AIMS = {"SQLite": 15.0, "PostgreSQL": 20.0}  # seconds for 100,000 titles
CHANGED = 0.01  # of all titles, whose availability changes


class Ran(NamedTuple):
    """What a command took."""

    seconds: float
    memory: int  # KiB, of it and its children, at most
    said: str


def run(*arguments: str, folder: Path) -> Ran:
    """Run a command of Bibliobus to its end."""
    began = time.perf_counter()
    said = folder / "said"
    with said.open("w") as output:
        process = subprocess.Popen(
            [BIBLIOBUS, *arguments, "--config", str(folder / "bibliobus.toml")],
            stdout=output, env=os.environ | {"XDG_STATE_HOME": str(folder)},
        )  # fmt: skip
        most = 0
        while process.poll() is None:
            most = max(most, memory(process.pid))
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: it failed")
    return Ran(time.perf_counter() - began, most, said.read_text())


def memory(process: int) -> int:
    """What a process and its children take, in KiB (their RSS: what they share counts twice)."""
    total = 0
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{process}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        total += int(found[1]) if found else 0
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        total += sum(memory(int(child)) for child in children)
    return total


@contextlib.contextmanager
def sandbox(dump: Path) -> Iterator[str]:
    """The vendor with this catalogue; its address."""
    process = subprocess.Popen(
        [BIBLIOBUS, "sandbox", "--port", "0", "--catalogue", dump, "--token", "benchmark"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for line in process.stdout or ():
            if found := re.search(r"http://\S+", line):
                yield found[0]
                return
        raise SystemExit("the sandbox did not start")
    finally:
        process.terminate()
        process.wait()


def bare_decoding(dump: Path) -> float:
    """Seconds to decode the file, and nothing else."""
    began = time.perf_counter()
    msgspec.json.decode(dump.read_bytes(), type=list[MediaObject])
    return time.perf_counter() - began


def bare_inserting(dump: Path, folder: Path) -> float:
    """Seconds to put the same rows and terms into an SQLite file, made ready before."""
    batches = [
        ready([bytes(raw) for raw in window.records], "MAIN", "benchmark").titles
        for window in windows(dump)
    ]
    connection = apsw.Connection(str(folder / "bare.db"))
    connection.execute(SQLITE_SETTINGS).fetchall()
    columns = list(batches[0][0].row)
    connection.execute(f"CREATE TABLE titles ({', '.join(columns)}, UNIQUE (collection, isbn))")
    connection.execute(
        "CREATE VIRTUAL TABLE title_terms USING fts5(terms, content='', detail=none,"
        " tokenize='ascii')"
    )
    insert = f"INSERT INTO titles VALUES ({', '.join(f':{name}' for name in columns)})"  # noqa: S608
    began = time.perf_counter()
    for batch in batches:
        with connection:
            connection.executemany(insert, [each.row for each in batch])
            connection.executemany(
                "INSERT INTO title_terms (terms) VALUES (?)", [(each.terms,) for each in batch]
            )
    return time.perf_counter() - began


def measure(name: str, database: str, dump: Path, titles: int, folder: Path) -> None:
    """Import and look at what can be borrowed, once; and print it."""
    with sandbox(dump) as url:
        (folder / "bibliobus.toml").write_text(CONFIG.format(url=url))
        options = ("--database", database)
        run("migrate", *options, folder=folder)
        idle = run("oneclick", "status", *options, folder=folder)
        imported = run("oneclick", "import", *options, folder=folder)
        first = run("oneclick", "availability", *options, folder=folder)
        lend_out(url, dump, titles)
        again = run("oneclick", "availability", *options, folder=folder)
    aim = AIMS[name] * titles / 100_000
    print(
        f"{name}: import {imported.seconds:.1f} s ({titles / imported.seconds:,.0f} titles/s;"
        f" aim {aim:.0f} s), {(imported.memory - idle.memory) / 1024:.0f} MiB above"
        f" {idle.memory / 1024:.0f};\n"
        f"  availability, first time {first.seconds:.1f} s, with {CHANGED:.0%} changed"
        f" {again.seconds:.1f} s (aim {3 * titles / 100_000:.1f} s);"
        f" an idle command {idle.seconds:.1f} s\n  {imported.said.splitlines()[-2]}"
    )


def lend_out(url: str, dump: Path, titles: int) -> None:
    """Have the vendor's copies of some titles be out."""
    every = round(1 / CHANGED)
    isbns = re.findall(r'"isbn":"(\d{13})"', dump.read_text())[::every]
    if len(isbns) != -(-titles // every):
        raise SystemExit("the catalogue does not have the titles that it should")
    with httpx2.Client(base_url=url) as client:
        for isbn in isbns:
            client.post(f"sandbox/titles/{isbn}/copies", json={"copies": 0}).raise_for_status()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, default=100_000)
    parser.add_argument("--folder", help="where the databases lie")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        dump = folder / "catalogue.json"
        write_dump(dump, arguments.titles)
        print(f"{datetime.now(UTC):%Y-%m-%d}: {arguments.titles:,} titles,", end=" ")
        print(f"{dump.stat().st_size / 1e6:.0f} MB", flush=True)
        rows: dict[str, Callable[[], float]] = {
            "bare decoding": lambda: bare_decoding(dump),
            "bare inserting into SQLite": lambda: bare_inserting(dump, folder),
        }
        for what, work in rows.items():
            seconds = work()
            print(
                f"{what}: {seconds:.1f} s, {arguments.titles / seconds:,.0f} titles/s", flush=True
            )
        measure("SQLite", f"sqlite:///{folder / 'library.db'}", dump, arguments.titles, folder)
        with running_postgres(folder) as server:
            measure("PostgreSQL", create_database(server, "b"), dump, arguments.titles, folder)


if __name__ == "__main__":
    main()
