"""Transactions a second through the whole server: over memory, SQLite and PostgreSQL.

    python benchmarks/terminals.py [--connections 1,16,64,200] [--folder DIR] [--seconds 10]
        [--pysip2 PYTHON]

Memory is the ceiling: the door alone. With an interpreter that has PyPI's `pysip2` and `uvloop`
(`pip install pysip2==0.1.0 uvloop`, in an environment of its own), that is measured beside it, over
a dictionary. Each figure is of a new server with a new demo library, the load beside it in a
process of its own (benchmarks/load.py). The disk's own fdatasync time stands
above the table, because a durable transaction waits for at least one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tests.postgres import create_database, running_postgres  # noqa: E402 - beside the package

READY = r"^ready: SIP2 at \S+:(\d+)"
TICK = os.sysconf("SC_CLK_TCK")


def fdatasync(folder: Path) -> float:
    """The median time in µs to write a page and sync it."""
    file = folder / "probe"
    handle, took = os.open(file, os.O_CREAT | os.O_WRONLY), []
    for _ in range(200):
        os.write(handle, bytes(4096))
        began = time.perf_counter()
        os.fdatasync(handle)
        took.append(time.perf_counter() - began)
    os.close(handle)
    file.unlink()
    return sorted(took)[100] * 1e6


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


@contextmanager
def running(command: list[str], ready: str) -> Iterator[tuple[int, re.Match[str]]]:
    """A program, until the end of the block: its process id, and what it said when it was ready."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            if found := re.search(ready, line):
                yield process.pid, found
                return
        raise SystemExit(f"{command} did not get ready")
    finally:
        process.terminate()
        process.wait()


def measure(command: list[str], connections: int, seconds: float) -> dict[str, float]:
    """One row of the table."""
    with running(command, READY) as (pid, ready):
        before = cpu_seconds(pid)
        done = subprocess.run(
            [sys.executable, HERE / "load.py", "--port", ready[1], "--connections",
             str(connections), "--seconds", str(seconds), "--warmup", "3"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        report: dict[str, float] = json.loads(done.stdout)
        used = cpu_seconds(pid) - before
    report["cpu_us"] = round(used / (report["tx_per_s"] * (seconds + 3)) * 1e6)
    return report


def pysip2_row(python: str | None) -> dict[str, list[str]]:
    """The peer, if there is an interpreter for it."""
    if python is None:
        return {}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return {"pysip2": [python, str(HERE / "serve_pysip2.py"), "--port", str(port)]}


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", default="1,16,64,200")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--pysip2", metavar="PYTHON", help="an interpreter that has it")
    arguments = parser.parse_args()
    bibliobus = str(Path(sys.executable).parent / "bibliobus")
    sip = ["--sip", "127.0.0.1:0"]
    vendor = ["--vendor", "127.0.0.1:0"]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        print(f"fdatasync here takes {fdatasync(folder):.0f} µs (median of 200)")
        print("           terminals    tx/s of memory  p50 ms  p99 ms  CPU µs wrong")
        with running_postgres(folder) as server:
            for connections in map(int, arguments.connections.split(",")):
                url = create_database(server, f"bench{connections}")
                rows = {
                    "memory": [sys.executable, str(HERE / "serve_memory.py"), *sip],
                    **pysip2_row(arguments.pysip2),
                    "SQLite": [
                        bibliobus,
                        "demo",
                        *sip,
                        *vendor,
                        "--data",
                        str(folder / str(connections)),
                    ],
                    "PostgreSQL": [bibliobus, "demo", *sip, *vendor, "--database", url],
                }
                ceiling = 0.0
                for label, command in rows.items():
                    row = measure(command, connections, arguments.seconds)
                    ceiling = ceiling or row["tx_per_s"]
                    print(
                        f"{label:10} {connections:9} {row['tx_per_s']:7.0f}"
                        f" {row['tx_per_s'] / ceiling:9.2f} {row['p50_ms']:7.2f}"
                        f" {row['p99_ms']:7.2f} {row['cpu_us']:7.0f} {row['wrong']:5}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
