"""What only one may do at a time, one does, whoever else is there and whoever dies."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bibliobus.database import Database, Transaction, open_database, to_database
from bibliobus.database.leases import Lease, Lost, Taken, leased

HOLDER = """
import asyncio, sys
from bibliobus.database import open_database
from bibliobus.database.leases import Taken, leased

async def main(url):
    database = open_database(url)
    await database.open()
    try:
        async with leased(database, "MAIN", "the job"):
            print("mine", flush=True)
            await asyncio.to_thread(sys.stdin.read)
    except Taken as error:
        print(error, flush=True)
    await database.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """One with the institutions MAIN and BRANCH."""
    database = open_database(database_url)
    await database.open()
    for id in ("MAIN", "BRANCH"):
        await database.write(
            lambda tx, id=id: tx.run(  # type: ignore[misc] # mypy and defaults
                "INSERT INTO institutions (id, settings) VALUES (:id, '{}')", id=id
            )
        )
    yield database
    await database.close()


class Other:
    """Another process that wants to do the job."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    @classmethod
    async def begin(cls, url: str) -> Other:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDER, url,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        return cls(process)

    async def says(self) -> str:
        return (await asyncio.wait_for(self._stdout.readline(), 30)).decode().strip()

    async def end(self) -> None:
        self._stdin.close()
        await asyncio.wait_for(self.process.wait(), 30)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


async def test_one_works_and_the_other_says_who(database: Database, database_url: str) -> None:
    first = await Other.begin(database_url)
    assert await first.says() == "mine"

    second = await Other.begin(database_url)

    said = await second.says()
    assert said.startswith("the job is being done by another process (")
    assert f" {first.process.pid} " in said
    with pytest.raises(Taken, match=f" {first.process.pid} "):
        async with leased(database, "MAIN", "the job"):
            pass
    await second.end()

    await first.end()
    async with leased(database, "MAIN", "the job"):
        pass


async def test_of_two_that_begin_together_one_works(database: Database, database_url: str) -> None:
    both = await asyncio.gather(Other.begin(database_url), Other.begin(database_url))

    said = sorted(await asyncio.gather(*(each.says() for each in both)))

    assert said[0] == "mine"
    assert said[1].startswith("the job ")
    await asyncio.gather(*(each.end() for each in both))


async def test_a_dead_ones_is_taken_at_once(database: Database, database_url: str) -> None:
    first = await Other.begin(database_url)
    assert await first.says() == "mine"
    await first.kill()

    async with leased(database, "MAIN", "the job"):
        pass


async def test_another_job_or_institution_is_another_matter(database: Database) -> None:
    async with (
        leased(database, "MAIN", "the job"),
        leased(database, "MAIN", "another job"),
        leased(database, "BRANCH", "the job"),
    ):
        with pytest.raises(Taken):
            async with leased(database, "MAIN", "the job"):
                pass


async def test_one_that_is_silent_for_a_minute_has_lost_it(database: Database) -> None:
    silent_since = datetime.now(UTC) - timedelta(seconds=1)
    await held_elsewhere(database, until=silent_since + timedelta(seconds=60))
    with pytest.raises(Taken, match="elsewhere 1 1"):
        await Lease(database, "MAIN", "the job").take()

    await held_elsewhere(database, until=silent_since)

    await Lease(database, "MAIN", "the job").take()


async def test_whoever_lost_it_writes_nothing_more(database: Database) -> None:
    lease = Lease(database, "MAIN", "the job")
    await lease.take()

    def work(tx: Transaction) -> None:
        lease.keep(tx)
        tx.run('UPDATE institutions SET settings = \'{"name": "x"}\'')

    await held_elsewhere(database, until=datetime.now(UTC) + timedelta(seconds=60))

    with pytest.raises(Lost, match="the job was taken over by another process"):
        await database.write(work, "MAIN")
    settings = await database.read(lambda tx: tx.rows("SELECT settings FROM institutions"))
    assert {text for (text,) in settings} == {"{}"}

    await lease.give_up()  # which leaves the other's alone
    with pytest.raises(Taken, match="elsewhere"):
        await Lease(database, "MAIN", "the job").take()


async def test_writing_renews_it(database: Database) -> None:
    lease = Lease(database, "MAIN", "the job")
    await lease.take()
    await database.write(
        lambda tx: tx.run("UPDATE leases SET until = :then", then=to_database(datetime.now(UTC))),
        "MAIN",
    )

    await database.write(lease.keep, "MAIN")

    with pytest.raises(Taken):
        await Lease(database, "MAIN", "the job").take()


async def held_elsewhere(database: Database, until: datetime) -> None:
    """Somebody on another machine has the lease."""

    def work(tx: Transaction) -> None:
        tx.run("DELETE FROM leases WHERE institution = :institution")
        tx.run(
            "INSERT INTO leases (institution, name, holder, until)"
            " VALUES (:institution, 'the job', 'elsewhere 1 1', :until)",
            until=to_database(until),
        )

    await database.write(work, "MAIN")
