"""What the catalogue asks of a database: many rows in one go, and an index of terms."""

from __future__ import annotations

from collections.abc import AsyncIterator

import apsw
import psycopg
import pytest

from bibliobus.app import opened
from bibliobus.catalogue import Medium, Search, search
from bibliobus.config import Config, DatabaseConfig
from bibliobus.database import Conflict, Database, Transaction, open_database, rows_among
from bibliobus.database.engine import AMONG
from bibliobus.database.migrating import Migration, migrations
from bibliobus.database.postgres import SCHEMA, PostgresTransaction
from bibliobus.database.sqlite import SQLiteTransaction
from tests.postgres import create_database

INSTITUTION = "INSERT INTO institutions (id, settings) VALUES (:id, :settings)"
TITLE = (
    "INSERT INTO titles (institution, title, author, fingerprint, owned, added_at)"
    " VALUES (:institution, :title, :author, :mark, :owned, :at)"
)
TERMS = "INSERT INTO title_terms (rowid, terms) VALUES (:rowid, :terms)"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = open_database(database_url)
    await database.open()
    await database.write(lambda tx: tx.run(INSTITUTION, id="MAIN", settings="{}"))
    yield database
    await database.close()


def row(title: str, **more: object) -> dict[str, object]:
    return {"title": title, "author": None, "mark": None, "owned": None, "at": None} | more


async def add(database: Database, *terms: str) -> None:
    """Rows 1, 2 … with these terms."""
    rows: list[dict[str, object]] = [{"rowid": n, "terms": each} for n, each in enumerate(terms, 1)]
    await database.write(lambda tx: tx.many(TERMS, rows))


async def found(database: Database, *groups: list[str], limit: int = 10) -> list[int]:
    return await database.read(lambda tx: tx.search("title_terms", groups, limit))


async def test_many_rows_go_in_and_come_out_in_their_order(database: Database) -> None:
    rows = [
        row("b", mark=b"\0\xff", owned=True, at=2**62), row("a", owned=False),
        row("é 'q\" \\ %s :x", author="Ünï\n\t"), row(""),
    ]  # fmt: skip

    keys = [
        key
        for (key,) in await database.write(
            lambda tx: tx.many(TITLE + " RETURNING key", rows), "MAIN"
        )
    ]
    sql = "SELECT title, author, fingerprint, owned, added_at FROM titles WHERE key = :key"
    back = await database.read(lambda tx: tx.many(sql, [{"key": key} for key in reversed(keys)]))

    assert [tuple(each) for each in reversed(back)] == [
        (it["title"], it["author"], it["mark"], it["owned"], it["at"]) for it in rows
    ]


async def test_many_of_none_does_nothing(database: Database) -> None:
    for sql in (TITLE, TITLE + " RETURNING key", "DELETE FROM titles WHERE key = :key"):
        assert await database.write(lambda tx, sql=sql: tx.many(sql, []), "MAIN") == []  # type: ignore[misc]
    assert await database.read(lambda tx: tx.many("SELECT 1 WHERE :x = 1", [])) == []


async def test_many_is_whole_or_not_at_all(database: Database) -> None:
    rows: list[dict[str, object]] = [{"id": id, "settings": ""} for id in ("A", "B", "MAIN", "C")]

    with pytest.raises(Conflict):
        await database.write(lambda tx: tx.many(INSTITUTION, rows))

    assert await database.read(lambda tx: tx.rows("SELECT id FROM institutions")) == [("MAIN",)]


async def test_many_says_nothing_when_a_conflict_is_to_be_left_alone(database: Database) -> None:
    rows: list[dict[str, object]] = [{"id": id, "settings": ""} for id in ("MAIN", "A", "A")]
    sql = INSTITUTION + " ON CONFLICT DO NOTHING"

    await database.write(lambda tx: tx.many(sql, rows))

    assert len(await database.read(lambda tx: tx.rows("SELECT id FROM institutions"))) == 2


async def test_many_writes_into_its_institution_alone(database: Database) -> None:
    with pytest.raises(Conflict):
        await database.write(lambda tx: tx.many(TITLE, [row("a")]), "NOWHERE")


@pytest.mark.parametrize("count", [0, 1, AMONG - 1, AMONG, AMONG + 1, 2 * AMONG + 1])
async def test_rows_among_any_number_of_values(database: Database, count: int) -> None:
    rows: list[dict[str, object]] = [{"id": f"i{n}", "settings": ""} for n in range(0, 2000, 2)]
    await database.write(lambda tx: tx.many(INSTITUTION, rows))
    values = [f"i{n}" for n in range(count)]

    among = await database.read(
        lambda tx: rows_among(
            tx,
            "SELECT id FROM institutions WHERE id IN (:values) AND id <> :but",
            values,
            but="i0",
        )
    )

    assert sorted(id for (id,) in among) == sorted(f"i{n}" for n in range(2, count, 2))


async def test_finds_rows_with_a_term_of_each_group(database: Database) -> None:
    await add(database, "ta tb", "ta ué", "tb", "tabc ta")

    assert await found(database, ["ta"]) == [4, 2, 1]
    assert await found(database, ["ta"], ["tb", "ué"]) == [2, 1]
    assert await found(database, ["ta", "tb"], limit=2) == [4, 3]
    assert await found(database, ["tabcd"]) == []
    assert await found(database, ["tab"]) == []
    assert await found(database, ["ué"], ["tb"]) == []


async def test_finds_the_same_whether_a_term_is_rare_or_in_most(database: Database) -> None:
    await add(database, *(f"tall w{n % 3} t{n}" for n in range(1, 12_001)))
    for _ in range(2):
        assert await found(database, ["tall"], limit=3) == [12_000, 11_999, 11_998]
        assert await found(database, ["tall"], ["w1"], limit=3) == [11_998, 11_995, 11_992]
        assert await found(database, ["tall"], ["t7", "t9"]) == [9, 7]
        assert await found(database, ["tnone", "tall"], ["tnone"]) == []
        assert len(await found(database, ["w1", "w2"], limit=20_000)) == 8000
        await database.write(lambda tx: tx.settle("title_terms"))


async def test_looking_in_the_index_leaves_the_planner_as_it_was(postgres_server: str) -> None:
    database = open_database(create_database(postgres_server, "planner"))
    await database.open()

    def work(tx: Transaction) -> list[object]:
        tx.search("title_terms", [["ta"]], 1)
        names = ("enable_seqscan", "enable_indexscan", "enable_bitmapscan")
        return [tx.row(f"SHOW {name}") for name in names]

    assert await database.read(work) == [("on",)] * 3
    assert await database.write(work) == [("on",)] * 3
    await database.close()


async def test_the_index_goes_back_with_its_transaction(database: Database) -> None:
    await add(database, "ta")

    def half(tx: Transaction) -> None:
        tx.many("DELETE FROM title_terms WHERE rowid = :key", [{"key": 1}])
        tx.many(TERMS, [{"rowid": 2, "terms": "tb"}])
        assert tx.search("title_terms", [["ta", "tb"]], 9) == [2]
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(half)

    assert await found(database, ["ta", "tb"]) == [1]


def run_until(tx: Transaction, last: int) -> None:
    """The schema as a program made it that knew no later step."""
    tx.script("CREATE TABLE migrations (number BIGINT PRIMARY KEY, name TEXT, checksum TEXT)")
    steps: list[Migration] = [each for each in migrations() if each.number <= last]
    for each in steps:
        tx.run(
            "INSERT INTO migrations (number, name, checksum) VALUES (:number, :name, :checksum)",
            number=each.number, name=each.name, checksum=each.checksum,
        )  # fmt: skip
        tx.script(each.sql)
    tx.institution = "MAIN"
    tx.run(INSTITUTION, id="MAIN", settings="{}")
    tx.run("INSERT INTO titles (institution, title, author) VALUES ('MAIN', 'Emma', 'Jane Austen')")


async def test_a_library_that_had_no_catalogue_gets_one(empty_url: str) -> None:
    if empty_url.startswith("sqlite"):
        old = apsw.Connection(empty_url.removeprefix("sqlite:///"))
        run_until(SQLiteTransaction(old), 4)
        old.close()
    else:
        with psycopg.connect(empty_url) as connection:
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
            connection.execute(f"SET search_path TO {SCHEMA}")
            run_until(PostgresTransaction(connection, ""), 4)

    async with opened(Config(database=DatabaseConfig(url=empty_url))) as app:
        result = await app.database.read(lambda tx: search(tx, Search(text="jane austin")), "MAIN")

    (emma,) = result.found
    assert (emma.title.title, emma.title.medium, emma.collection) == ("Emma", Medium.PRINT, None)
    assert result.searched_for == "jane austen"
