"""The demo, as README tells it."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.conftest import Programs, run
from tests.support import Terminal

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
ANYWHERE = ("--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0")
STAMP = re.compile(r"\d{8}    \d{6}|AH\d{4}-\d\d-\d\d")


def dialogue() -> list[tuple[str, str]]:
    """README's dialogue: what is typed, and what is answered."""
    block = re.search(r"```sip2\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    lines = block[1].splitlines()
    assert all(line.startswith("> ") for line in lines[::2])
    assert all(line.startswith("< ") for line in lines[1::2])
    return [(asked[2:], told[2:]) for asked, told in zip(lines[::2], lines[1::2], strict=True)]


async def test_readme_tells_the_truth(start: Programs) -> None:
    terminal = await Terminal.connect(start("demo", *ANYWHERE).ready())

    for asked, told in dialogue():
        answer = await terminal.send(asked)
        assert STAMP.sub("…", answer) == STAMP.sub("…", told)
    await terminal.close()


async def test_what_the_demo_prints_can_be_pasted(start: Programs) -> None:
    demo = start("demo", *ANYWHERE)
    terminal = await Terminal.connect(demo.ready())
    lines = [line.strip() for line in demo.lines if re.match(r"    \d\d", line)]

    answers = [await terminal.send(line) for line in lines]
    await terminal.close()

    assert [answer[:3] for answer in answers] == ["941", "98Y", "24 ", "180", "121", "101"]


def test_finds_what_is_on_the_shelf_and_what_the_vendor_has(
    start: Programs, tmp_path: Path
) -> None:
    demo = start("demo", *ANYWHERE, "--data", str(tmp_path))
    demo.ready()
    readme = (ROOT / "README.md").read_text()
    command = re.search(r"bibliobus search (.*?) --database (\S+)", readme)
    assert command is not None
    url = f"sqlite:///{tmp_path / 'library.db'}"

    found = run("search", *command[1].split(), "--database", url)
    as_json = run("search", *command[1].split(), "--json", "--database", url)
    at_once = run("search", "hamlet", "--available", "--medium", "print", "--database", url)

    assert f"The library is in {url}\n" in demo.lines
    assert "this is for: hard times" in found.stdout
    assert "Hard Times / Charles Dickens (ebook, en, 97899999" in found.stdout
    assert "Hard Times / Charles Dickens (print, en)" in found.stdout
    assert "(print, en)" in at_once.stdout
    titles = [each["title"]["title"] for each in json.loads(as_json.stdout)["found"]]
    assert titles == ["Hard Times"] * len(titles)


def test_imports_from_its_vendor_once(start: Programs, tmp_path: Path) -> None:
    first = start("demo", *ANYWHERE, "--data", str(tmp_path))
    first.ready()
    first.stop()
    second = start("demo", *ANYWHERE, "--data", str(tmp_path))
    second.ready()

    assert re.search(
        r"\d+ e-books and audiobooks were imported from the vendor\.", "".join(first.lines)
    )
    assert "audiobooks were imported before." in "".join(second.lines)
    vendor = re.search(r"vendor is at (\S+) \(a sandbox", "".join(second.lines))
    assert vendor is not None
    calls = httpx2.get(f"{vendor[1]}sandbox/calls").json()
    assert calls.get("media/all", 0) == 0


def test_is_ready_in_ten_seconds_and_keeps_its_library(start: Programs, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    began = time.monotonic()
    demo = start("demo", *ANYWHERE, "--data", str(folder))
    demo.ready()

    assert time.monotonic() - began < 10
    assert str(folder) in "".join(demo.lines)
    assert demo.stop() == 0
    again = start("demo", *ANYWHERE, "--data", str(folder))
    again.ready()
    assert again.stop() == 0
    with sqlite3.connect(folder / "library.db") as database:
        counts = [
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("patrons", "items", "loans", "accounts")
        ]
    database.close()
    assert counts == [200, 2000, 100, 7]


async def test_lends_nothing_again_that_has_come_back(start: Programs, tmp_path: Path) -> None:
    command = ("demo", *ANYWHERE, "--data", str(tmp_path))
    demo = start(*command)
    terminal = await (await Terminal.connect(demo.ready())).login()
    assert (await terminal.send(f"09N{' ' * 36}APdesk|AOMAIN|ABI0000|AC|")).startswith("101")
    demo.stop()
    await terminal.close()

    terminal = await (await Terminal.connect(start(*command).ready())).login()

    assert (await terminal.send(f"17{' ' * 18}AOMAIN|ABI0000|AC|")).startswith("1803")
    await terminal.close()


def test_takes_the_next_port_if_the_usual_one_is_taken(start: Programs) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 6001))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which will do as well
        demo = start("demo", "--vendor", "127.0.0.1:0")
        _, port = demo.ready()

    assert port > 6001
    assert f"Port 6001 is taken, so the SIP2 door is at {port}." in "".join(demo.lines)


def test_says_what_is_wrong_with_an_address(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        in_use = run("demo", "--vendor", "127.0.0.1:0", "--sip", f"127.0.0.1:{port}")
    nonsense = run("demo", "--sip", "6001")

    assert in_use.returncode == 1
    assert "in use" in in_use.stderr
    assert "Traceback" not in in_use.stderr
    assert "'6001' is no address: write HOST:PORT" in nonsense.stderr


def test_loads_and_serves_the_library_of_openncip(start: Programs, tmp_path: Path) -> None:
    document = SHARED / "data/libraries/openncip.json"
    if not document.exists():
        pytest.skip(f"NOT RUN: there is no {document}")
    url = f"sqlite:///{tmp_path / 'library.db'}"

    loaded = run("load", str(document), "--database", url)
    again = run("load", str(document), "--database", url)
    address = start("serve", "--database", url, "--sip", "127.0.0.1:0").ready()

    assert loaded.returncode == again.returncode == 0, loaded.stderr
    assert "Loaded 2 patrons and 3 items for UWOLS, LPL, BR1" in loaded.stdout

    with socket.create_connection(address) as sock:
        sock.sendall(
            b"9300CNsip_01|COsip_01|\r2300120060101    000000AOBR1|AAmiker|AC|AD6789|\r"
            b"1720060101    000000AOBR1|AB660|\r"
        )
        sock.shutdown(socket.SHUT_WR)
        answers = sock.makefile("rb").read().decode().split("\r")
    assert answers[0] == "941"
    assert "AEMike Rylander|BLY|CQY|" in answers[1]
    assert "AJHarry Potter y el cáliz de fuego|" in answers[2]


@pytest.mark.parametrize("connections", [1, 16])
def test_stands_the_load_generator(start: Programs, tmp_path: Path, connections: int) -> None:
    sipload = SHARED / "tools/sipload.py"
    if not sipload.exists():
        pytest.skip(f"NOT RUN: there is no {sipload}")
    demo = start("demo", *ANYWHERE, "--data", str(tmp_path))
    _, port = demo.ready()

    done = subprocess.run(
        [sys.executable, sipload, "--port", str(port), "--connections", str(connections),
         "--seconds", "3", "--login", "kiosk", "--password", "kiosk", "--institution", "MAIN",
         "--patrons", "P[0000-0199]:1234", "--items", "I[0200-1999]", "--json"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert report["errors"] == report["refused"] == {}
    assert report["transactions"] > 100
