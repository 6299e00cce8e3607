"""The jobs as an operator starts them, and as a server does by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bibliobus.sandbox.vendor import Vendor, VendorSettings, serving_vendor
from tests.oneclick.collected import a_title, write_dump

TOKEN = "Canary-TOKEN-5f0c"
LISTING = "media/all"
TITLES = 30

CONFIG = """
[database]
url = "{database}"
[institutions.MAIN]
"""
COLLECTION = """
[oneclick.{name}]
library_id = 1931
url = "{vendor}"
token = "{token}"
"""


@dataclass
class Said:
    """What a command said at its end."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Operator:
    """Somebody at a shell, in a folder with a configuration."""

    def __init__(self, folder: Path, vendor: str, database: str) -> None:
        self.folder, self._vendor, self._database = folder, vendor, database
        self.configure()

    def configure(self, *collections: str, more: str = "", token: str = TOKEN) -> None:
        """Write the configuration, with these collections and more of the last one."""
        text = CONFIG.format(database=self._database)
        for name in collections or ("ours",):
            text += COLLECTION.format(name=name, vendor=self._vendor, token=token)
        (self.folder / "bibliobus.toml").write_text(text + more)

    async def start(self, *arguments: str, before: str = "") -> asyncio.subprocess.Process:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(sys.path), "STATE_DIRECTORY": str(self.folder),
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        command = (sys.executable, "-m", "bibliobus", *arguments)
        if before:
            command = ("/bin/sh", "-c", f'{before}; exec "$0" "$@"', *command)
        return await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def oneclick(self, *arguments: str, before: str = "") -> Said:
        """Run `bibliobus oneclick …` to its end."""
        config = () if "--config" in arguments else ("--config", "bibliobus.toml")
        process = await self.start("oneclick", *arguments, *config, before=before)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        said = Said(process.returncode or 0, out.decode(), err.decode())
        assert TOKEN not in said.out + said.err
        assert "Traceback" not in said.err
        return said


@pytest.fixture
async def vendor(tmp_path: Path) -> AsyncIterator[Vendor]:
    dump = write_dump(tmp_path / "dump.json", TITLES)
    vendor = Vendor.open(None, VendorSettings(token=TOKEN), catalogue=dump)
    yield vendor
    vendor.close()


@pytest.fixture
async def address(vendor: Vendor) -> AsyncIterator[str]:
    async with serving_vendor(vendor) as url:
        yield url


@pytest.fixture
def operator(tmp_path: Path, address: str) -> Operator:
    return Operator(tmp_path, address, f"sqlite:///{tmp_path / 'library.db'}")


async def test_each_job_says_what_it_did(operator: Operator, vendor: Vendor) -> None:
    imported = await operator.oneclick("import")

    assert imported.status == 0, imported.err
    assert imported.out.startswith("Importing the catalogue of library 1931\n")
    assert (
        "30 received: 30 added, 0 updated, 0 unchanged, 0 withdrawn, 0 unreadable." in imported.out
    )
    assert "By medium: 10 eaudio, 20 ebook." in imported.out
    assert len(list((operator.folder / "library.db-spool").iterdir())) == 1

    vendor.add_title(a_title(1))
    delta = await operator.oneclick("delta")

    assert delta.status == 0, delta.err
    assert delta.out.startswith("Applying the catalogue's delta of library 1931\n")
    assert "1 received: 1 added" in delta.out

    availability = await operator.oneclick("availability", "--json")

    assert availability.status == 0, availability.err
    assert availability.json["counts"]["updated"] == TITLES + 1
    assert "Updating the availability of library 1931" in availability.err

    status = await operator.oneclick("status")

    assert "ours: library 1931 of MAIN\n" in status.out
    assert "  ebook: 21 titles, 21 owned, 21 available, 0 withdrawn\n" in status.out
    assert "  next: nothing is due\n" in status.out
    told = (await operator.oneclick("status", "--json")).json["ours"]
    assert [each["job"] for each in told["runs"]] == ["availability", "delta", "import"]
    assert {each["outcome"] for each in told["runs"]} == {"done"}


async def test_what_is_not_due_is_left(operator: Operator, vendor: Vendor) -> None:
    assert (await operator.oneclick("status")).out.count("(never imported)") == 1
    early = await operator.oneclick("availability", "--if-due")
    assert (early.status, "Its time has not come" in early.out) == (0, True)

    assert (await operator.oneclick("import", "--if-due")).status == 0
    again = await operator.oneclick("import", "--if-due")

    assert (again.status, "Its time has not come" in again.out) == (0, True)
    assert vendor.calls[LISTING] == 1


async def test_a_refusal_is_a_sentence(operator: Operator, vendor: Vendor) -> None:
    await operator.oneclick("import")

    soon = await operator.oneclick("import", "--json")

    assert soon.status == 1
    assert soon.out == ""
    assert "Error: The whole catalogue was fetched at" in soon.err
    assert (await operator.oneclick("import", "--again")).status == 0

    vendor.faults.add("html-page", times=1)
    broken = await operator.oneclick("import", "--again")

    assert broken.status == 1
    assert "Error: GET media/all: status 503" in broken.err

    operator.configure(token="Wrong-TOKEN")
    wrong = await operator.oneclick("import", "--again")

    assert wrong.status == 1
    assert "look at the token and the library id first" in wrong.err
    assert "Wrong-TOKEN" not in wrong.err


async def test_a_full_disk_is_a_sentence(operator: Operator, vendor: Vendor) -> None:
    for number in range(40):
        vendor.add_title(a_title(number, description="Long. " * 20_000))
    await operator.oneclick("status")  # which makes the database

    full = await operator.oneclick("import", before="ulimit -f 4000")

    assert full.status == 1
    assert "Error: the catalogue cannot be kept in the folder" in full.err
    assert "Make room there, or set `spool` to another one." in full.err
    (run,) = (await operator.oneclick("status", "--json")).json["ours"]["runs"]
    assert run["outcome"] == "failed"
    assert list((operator.folder / "library.db-spool").iterdir()) == []
    assert (await operator.oneclick("import")).status == 0


async def test_what_is_no_catalogue_is_a_sentence(operator: Operator, tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'[{"isbn": "9790000000001"]'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        other = Operator(tmp_path, f"http://127.0.0.1:{port}", f"sqlite:///{tmp_path / 'x.db'}")
        said = await other.oneclick("import")

    assert said.status == 1
    assert "Error: what the vendor sent is no catalogue: it is cut off or damaged" in said.err


async def test_of_several_collections_one_is_named(operator: Operator) -> None:
    operator.configure("north", "south", more='spool = "elsewhere"\n')

    unsaid = await operator.oneclick("import")

    assert unsaid.status == 2
    assert "Say --collection: one of north, south." in unsaid.err
    assert (await operator.oneclick("import", "--collection", "south")).status == 0
    assert len(list((operator.folder / "elsewhere").iterdir())) == 1
    status = (await operator.oneclick("status", "--json")).json
    assert {name: its["covered_until"] is None for name, its in status.items()} == {
        "north": True, "south": False,
    }  # fmt: skip


async def test_of_several_institutions_one_is_named(operator: Operator) -> None:
    operator.configure(more="[institutions.BRANCH]\n")
    unsaid = await operator.oneclick("import")

    assert unsaid.status == 1
    assert "oneclick.ours: say of which institution it is: BRANCH, MAIN" in unsaid.err

    operator.configure(more='institution = "BRANCH"\n[institutions.BRANCH]\n')
    assert (await operator.oneclick("import")).status == 0
    status = (await operator.oneclick("status", "--json")).json
    assert status["ours"]["institution"] == "BRANCH"


async def test_without_a_collection_it_says_what_to_write(operator: Operator) -> None:
    (operator.folder / "none.toml").write_text('[database]\nurl = "sqlite:///x.db"\n')

    said = await operator.oneclick("import", "--config", "none.toml")

    assert said.status == 1
    assert "add a section [oneclick.NAME] with library_id, url and token_file" in said.err


async def test_the_guides_file_is_found_where_it_lies(operator: Operator, address: str) -> None:
    block = {"library_id": "1931", "url": address, "basic_token": TOKEN}
    (operator.folder / "config.json").write_text(json.dumps({"integrations": {"OneClick": block}}))

    process = await operator.start("oneclick", "import")
    out, err = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 0, err
    assert b"30 received: 30 added" in out


@pytest.mark.timeout(240)
async def test_servers_do_what_is_due_and_never_twice(
    vendor: Vendor, address: str, database_url: str, tmp_path: Path
) -> None:
    """Two on PostgreSQL; SQLite has one."""
    operator = Operator(tmp_path, address, database_url)
    vendor.faults.add("latency", endpoint=LISTING, seconds=2)  # so that they meet
    serve = ("-v", "serve", "--config", "bibliobus.toml", "--sip", "127.0.0.1:0")
    await operator.oneclick("status")  # which makes the database
    many = 2 if database_url.startswith("postgresql") else 1
    servers = [await operator.start(*serve) for _ in range(many)]
    try:
        async with asyncio.timeout(150):
            while (await state(operator))["covered_until"] is None:
                assert all(each.returncode is None for each in servers)
                await asyncio.sleep(0.2)
        runs = (await state(operator))["runs"]
        assert [(each["job"], each["outcome"]) for each in runs] == [("import", "done")]
        assert vendor.calls[LISTING] == 1
    finally:
        said = [await stopped(each) for each in servers]

    assert any("import of ours has ended" in each for each in said), said
    assert not any("WARNING" in each for each in said), said


async def state(operator: Operator) -> Any:
    return (await operator.oneclick("status", "--json")).json["ours"]


async def stopped(server: asyncio.subprocess.Process) -> str:
    if server.returncode is None:
        server.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(server.communicate(), 20)
    assert server.returncode == 0, err.decode()
    return err.decode()
