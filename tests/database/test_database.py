"""Transactions, on both engines: whole or not at all, together, and never in doubt unsaid."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import apsw
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.database import (
    Conflict,
    Database,
    Failed,
    Transaction,
    from_database,
    open_database,
    to_database,
)
from bibliobus.database.errors import Stale, Unsuitable
from bibliobus.database.migrating import Migration, migrate, migrations
from tests.postgres import create_database

INSERT = "INSERT INTO institutions (id, settings) VALUES (:id, :name)"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = open_database(database_url)
    await database.open()
    yield database
    await database.close()


def insert(id: str, name: str = "") -> object:
    return lambda tx: tx.run(INSERT, id=id, name=name)


async def ids(database: Database) -> list[str]:
    return await database.read(
        lambda tx: [id for (id,) in tx.rows("SELECT id FROM institutions ORDER BY id")]
    )


async def add(database: Database, id: str) -> int:
    return await database.write(lambda tx: tx.run(INSERT, id=id, name="x"))


async def test_reads_what_was_written(database: Database) -> None:
    assert await add(database, "a") == 1

    assert await ids(database) == ["a"]
    assert (
        await database.read(lambda tx: tx.row("SELECT 1 FROM institutions WHERE id = 'b'")) is None
    )


async def test_leaves_nothing_of_what_raised(database: Database) -> None:
    def half(tx: Transaction) -> None:
        tx.run(INSERT, id="half", name="x")
        raise LookupError("changed my mind")

    with pytest.raises(LookupError, match="changed my mind"):
        await database.write(half)

    assert await ids(database) == []


async def test_one_that_raises_leaves_the_others_alone(database: Database) -> None:
    outcomes = await asyncio.gather(
        *(add(database, id) for id in ("a", "b", "a", "c", "b")), return_exceptions=True
    )

    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 2
    assert await ids(database) == ["a", "b", "c"]


async def test_a_conflict_is_told_without_the_rows_values(database: Database) -> None:
    await add(database, "secret-barcode")

    with pytest.raises(Conflict) as conflict:
        await add(database, "secret-barcode")

    assert "secret-barcode" not in str(conflict.value)


async def test_a_foreign_key_is_kept(database: Database) -> None:
    with pytest.raises(Conflict):
        await database.write(
            lambda tx: tx.run("INSERT INTO titles (institution, title) VALUES (:institution, 'x')"),
            "nowhere",
        )


async def test_a_reader_of_sqlite_cannot_write(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'l.db'}")
    await database.open()

    with pytest.raises(Failed) as failed:
        await database.read(lambda tx: tx.run(INSERT, id="a", name="x"))

    assert not failed.value.may_stand
    assert await ids(database) == []
    await database.close()


async def test_a_wrong_statement_fails_and_nothing_else_does(database: Database) -> None:
    wrong = database.write(lambda tx: tx.run("INSERT INTO nowhere VALUES (1)"))
    right = add(database, "a")

    failed, done = await asyncio.gather(wrong, right, return_exceptions=True)

    assert isinstance(failed, Failed)
    assert not failed.may_stand
    assert done == 1


async def test_many_at_once_are_all_there(database: Database) -> None:
    await asyncio.gather(*(add(database, f"{n:04d}") for n in range(300)))

    assert len(await ids(database)) == 300


async def test_giving_up_the_wait_does_not_give_up_the_transaction(database: Database) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(tx: Transaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        tx.run(INSERT, id="a", name="x")

    waiting = asyncio.ensure_future(database.write(slowly))
    await begun.wait()
    waiting.cancel()

    await database.write(lambda tx: None)
    for _ in range(100):
        if await ids(database):
            break
        await asyncio.sleep(0.01)
    assert await ids(database) == ["a"]


async def test_closing_finishes_what_was_begun(database_url: str) -> None:
    database = open_database(database_url)
    await database.open()
    asked = [asyncio.ensure_future(add(database, f"{n:02d}")) for n in range(50)]
    await asyncio.sleep(0)

    await database.close()

    assert sum(await asyncio.gather(*asked)) == 50


async def test_a_closed_database_says_so(database_url: str) -> None:
    database = open_database(database_url)
    await database.open()
    await database.close()

    with pytest.raises(Failed):
        await add(database, "a")


async def test_a_database_that_closes_says_so(database_url: str) -> None:
    database = open_database(database_url)
    await database.open()
    last = asyncio.ensure_future(database.write(lambda tx: time.sleep(0.2)))
    await asyncio.sleep(0.05)
    closing = asyncio.ensure_future(database.close())
    await asyncio.sleep(0.05)

    with pytest.raises(Failed, match="closed"):
        await add(database, "a")

    await asyncio.gather(last, closing)


@pytest.mark.parametrize("odd", ["\udce9", "a\0", "\0\udce9"])
async def test_what_is_no_text_is_stored_and_found_again(database: Database, odd: str) -> None:
    await add(database, odd)

    with pytest.raises(Conflict):
        await add(database, odd)
    found = await database.read(
        lambda tx: tx.row("SELECT settings FROM institutions WHERE id = :id", id=odd)
    )
    assert found == ("x",)


async def test_a_new_row_is_known_by_its_key(database: Database) -> None:
    sql = "INSERT INTO titles (institution, title) VALUES (:institution, :title)"
    await add(database, "a")

    keys = [await database.write(lambda tx: tx.add(sql, title="x"), "a") for _ in range(2)]

    assert keys == await database.read(
        lambda tx: [key for (key,) in tx.rows("SELECT key FROM titles ORDER BY key")]
    )


async def test_what_was_refused_on_the_word_of_an_uncommitted_neighbour_is_void(
    tmp_path: Path,
) -> None:
    path = tmp_path / "l.db"
    database = open_database(f"sqlite:///{path}")
    await database.open()

    def spoil(tx: Transaction) -> None:  # the deferred key is checked when all is committed
        tx.run("PRAGMA defer_foreign_keys = ON")
        tx.run("INSERT INTO titles (institution, title) VALUES ('nowhere', 'x')")

    def refuse(tx: Transaction) -> None:
        raise LookupError("refused")

    outcomes = await asyncio.gather(
        database.write(spoil), database.write(refuse), return_exceptions=True
    )

    assert all(isinstance(outcome, Failed) for outcome in outcomes)
    assert await add(database, "after") == 1
    await database.close()


async def test_gives_up_a_wait_for_somebody_elses_lock(postgres_server: str) -> None:
    url = create_database(postgres_server, f"test{uuid4().hex}")
    database = open_database(url)
    await database.open()
    await add(database, "a")
    with psycopg.connect(url) as other:
        other.execute("UPDATE bibliobus.institutions SET settings = '{}'")

        with pytest.raises(Failed, match="lock timeout"):
            await database.write(
                lambda tx: tx.lock("SELECT 1 FROM institutions WHERE id = :id", id="a")
            )
    await database.close()


async def test_outlives_the_loss_of_its_connections(postgres_server: str) -> None:
    url = create_database(postgres_server, f"test{uuid4().hex}")
    database = open_database(url)
    await database.open()
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (url.rpartition("/")[2],),
        )

    await asyncio.gather(*(add(database, f"{n}") for n in range(20)))

    assert len(await ids(database)) == 20
    await database.close()


async def test_a_full_disk_is_told_and_gets_well_again(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'l.db'}")
    await database.open()
    pages = await database.read(lambda tx: (tx.row("PRAGMA page_count") or (0,))[0])
    await database.write(lambda tx: tx.rows(f"PRAGMA max_page_count = {pages + 2}"))

    big = database.write(lambda tx: tx.run(INSERT, id="big", name="x" * 100_000))
    outcomes = await asyncio.gather(add(database, "a"), big, add(database, "b"),
                                    return_exceptions=True)  # fmt: skip
    stands = set(await ids(database))

    assert isinstance(outcomes[1], Failed)
    assert not outcomes[1].may_stand
    acknowledged = {id for id, outcome in zip("a-b", outcomes, strict=True) if outcome == 1}
    assert acknowledged <= stands
    assert "big" not in stands
    await database.write(lambda tx: tx.rows("PRAGMA max_page_count = 1000000"))
    assert await add(database, "after") == 1
    await database.close()


async def test_a_library_in_use_by_another_program_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    database = open_database(f"sqlite:///{path}")
    await database.open()
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(add(database, "a"))
    await asyncio.sleep(0.1)

    assert not waiting.done()
    other.execute("ROLLBACK")
    other.close()
    assert await waiting == 1
    await database.close()


async def test_sqlite_is_set_up_to_lose_nothing(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'l.db'}")
    await database.open()
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    for run in (database.read, database.write):
        found = await run(
            lambda tx: {name: (tx.row(f"PRAGMA {name}") or ("",))[0] for name in wanted}
        )
        assert found == wanted
    await database.close()


# ------------------------------------------------ the schema


async def test_migrates_once(database: Database) -> None:
    assert await database.write(migrate) == 0


async def test_two_programs_may_begin_at_once(empty_url: str) -> None:
    first, second = open_database(empty_url), open_database(empty_url)

    await asyncio.gather(first.open(), second.open())

    assert await ids(first) == await ids(second) == []
    await first.close()
    await second.close()


async def test_migrations_may_take_long(postgres_server: str) -> None:
    database = open_database(create_database(postgres_server, f"test{uuid4().hex}"))
    await database.open()

    def migrate_slowly(tx: Transaction) -> int:
        tx.script("ALTER TABLE migrations RENAME TO m")
        tx.script("CREATE VIEW migrations AS SELECT m.* FROM m, pg_sleep(0.3)")
        tx.script("SET LOCAL statement_timeout = '100ms'")
        return migrate(tx)

    assert await database.write(migrate_slowly) == 0
    await database.close()


async def test_refuses_a_schema_that_it_does_not_know(database_url: str) -> None:
    database = open_database(database_url)
    await database.open()
    await database.write(
        lambda tx: tx.run("INSERT INTO migrations VALUES (9999, 'of the future', 'x')")
    )
    await database.close()

    with pytest.raises(Stale, match="migration 9999 \\(of the future\\), which this version"):
        await open_database(database_url).open()


async def test_refuses_a_migration_that_was_changed(database_url: str) -> None:
    database = open_database(database_url)
    await database.open()
    await database.write(lambda tx: tx.run("UPDATE migrations SET checksum = 'x'"))
    await database.close()

    with pytest.raises(Stale, match="was changed after it was run here"):
        await open_database(database_url).open()


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [step.number for step in migrations()] == list(range(1, len(migrations()) + 1))
    assert Migration(1, "x", "a").checksum != Migration(1, "x", "b").checksum


def test_knows_which_databases_there_are() -> None:
    with pytest.raises(Unsuitable, match="'oracle' is no database"):
        open_database("oracle://x")


def test_a_url_is_shown_without_its_password() -> None:
    assert "s3cret" not in open_database("postgresql://me:s3cret@db.example.org/library").url


# ------------------------------------------------ moments


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]))
       .filter(lambda moment: 2 < moment.year < 9998))  # fmt: skip
def test_a_moment_comes_back_as_it_was(moment: datetime) -> None:
    assert from_database(to_database(moment)) == moment


def test_no_moment_stays_none() -> None:
    assert to_database(None) is None
    assert from_database(None) is None
