"""Durable checkouts a second through the port, beside the same statements without it.

    python benchmarks/lending.py [--callers 1,16,64] [--folder DIR] [--seconds 8]

One checkout and the checkin of the same item are run through the embedded ILS, and the statements
that they make are written down. The ceiling on SQLite runs these statements by bare apsw, in one
thread, as many transactions in one COMMIT as there are callers (WAL, synchronous=FULL); that on
PostgreSQL lets pgbench run them, with as many clients. Both count a checkout and its checkin as
two transactions. The disk's own fdatasync time stands above the table.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import apsw

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from benchmarks.terminals import fdatasync  # noqa: E402 - beside the package
from bibliobus.database import Database, Transaction, Verifier, open_database  # noqa: E402
from bibliobus.database.sqlite import SQLITE_SETTINGS  # noqa: E402
from bibliobus.embedded import EmbeddedILS, load_institution, load_library  # noqa: E402
from bibliobus.ils import Origin  # noqa: E402
from bibliobus.ils.library import InstitutionSettings, ItemEntry, Library, PatronEntry  # noqa: E402
from tests.postgres import create_database, programs, running_postgres  # noqa: E402

T = TypeVar("T")
EACH = 20  # patrons and items of one caller
SETTINGS = InstitutionSettings(name="Benchmark")


class Statement(NamedTuple):
    """One that a transaction ran."""

    sql: str
    parameters: dict[str, Any]
    returns: str  # "row", "rows", "run" or "lock"


class Recorder:
    """A transaction that writes down what is asked of another one."""

    def __init__(self, tx: Transaction, said: list[Statement]) -> None:
        self._tx, self._said = tx, said
        self.institution = tx.institution

    def row(self, sql: str, **parameters: Any) -> Any:
        self._said.append(Statement(sql, parameters, "row"))
        return self._tx.row(sql, **parameters)

    def rows(self, sql: str, **parameters: Any) -> Any:
        self._said.append(Statement(sql, parameters, "rows"))
        return self._tx.rows(sql, **parameters)

    def run(self, sql: str, **parameters: Any) -> int:
        self._said.append(Statement(sql, parameters, "run"))
        return self._tx.run(sql, **parameters)

    def add(self, sql: str, **parameters: Any) -> int:
        self._said.append(Statement(f"{sql} RETURNING key", parameters, "row"))
        return self._tx.add(sql, **parameters)

    def lock(self, sql: str, **parameters: Any) -> None:
        self._said.append(Statement(f"{sql} FOR UPDATE", parameters, "lock"))
        self._tx.lock(sql, **parameters)

    def many(self, sql: str, rows: Any) -> Any:
        raise NotImplementedError("no import is measured here")

    def search(self, index: str, groups: Any, limit: int) -> Any:
        raise NotImplementedError("nor a search")

    def settle(self, index: str, *tables: str) -> None:
        raise NotImplementedError("nor what comes after it")

    def unhurried(self) -> AbstractContextManager[object]:
        return self._tx.unhurried()

    def script(self, sql: str) -> None:
        raise NotImplementedError("nor a migration")


class RecordedDatabase:
    """A database whose transactions are written down, each as a list of statements."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.transactions: list[list[Statement]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, work: Callable[[Transaction], T], institution: str = "") -> T:
        self.transactions.append([])
        return await self._database.write(
            lambda tx: work(Recorder(tx, self.transactions[-1])), institution
        )


def library(callers: int) -> Library:
    """A patron and an item for each thing that a caller does in turn."""
    numbers = range(callers * EACH)
    return Library(
        institutions={"MAIN": SETTINGS},
        patrons=tuple(PatronEntry(id=f"P{n:06}", name="Ada Lovelace") for n in numbers),
        items=tuple(ItemEntry(id=f"I{n:06}", title=f"Title {n}", magnetic=False) for n in numbers),
    )


async def filled(url: str, callers: int) -> Database:
    """The database at this URL, opened, with the library in it."""
    database = open_database(url)
    await database.open()

    def fill(tx: Transaction) -> None:
        load_institution(tx, "MAIN", SETTINGS)
        load_library(tx, library(callers), {}, datetime.now(UTC))

    await database.write(fill, "MAIN")
    return database


def origin(number: int) -> Origin:
    """A call with a key of its own."""
    key = number.to_bytes(32, "big")
    return Origin(door="sip2", account="kiosk", location="desk", connection="one", request_key=key)


async def through_the_port(
    url: str, callers: int, seconds: float
) -> tuple[float, list[list[Statement]]]:
    """Transactions a second; and the statements of one checkout and one checkin."""
    database, verifier, numbers = await filled(url, callers), Verifier(), count()
    recorded = RecordedDatabase(database)
    ils = EmbeddedILS("MAIN", SETTINGS, recorded, verifier)
    for _ in range(2):  # of the second, where the item has a place already
        recorded.transactions.clear()
        await ils.checkout("P000000", "I000000", origin=origin(next(numbers)))
        await ils.checkin("I000000", origin=origin(next(numbers)))
    ils, done = EmbeddedILS("MAIN", SETTINGS, database, verifier), 0
    await database.serve()
    end = time.monotonic() + seconds

    async def call(caller: int) -> None:
        nonlocal done
        while time.monotonic() < end:
            for n in range(caller * EACH, caller * EACH + EACH):
                await ils.checkout(f"P{n:06}", f"I{n:06}", origin=origin(next(numbers)))
                await ils.checkin(f"I{n:06}", origin=origin(next(numbers)))
                done += 2

    began = time.monotonic()
    await asyncio.gather(*(call(caller) for caller in range(callers)))
    took = time.monotonic() - began
    await database.close()
    verifier.close()
    return done / took, recorded.transactions


# ------------------------------------------------ SQLite without us

_NAMED = re.compile(r"(?<![:\w]):([a-z_]\w*)")


def bare_apsw(path: Path, callers: int, seconds: float, said: list[list[Statement]]) -> float:
    """The same statements with other values, `callers` transactions in one COMMIT."""
    connection = apsw.Connection(str(path))
    connection.execute(SQLITE_SETTINGS).fetchall()
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    patron = cast("int", connection.execute("SELECT min(key) FROM patrons").get)
    item = cast("int", connection.execute("SELECT min(key) FROM items").get)
    loans: dict[int, Any] = {}
    numbers, done = count(1_000_000_000), 0
    checkout, checkin = ([s._replace(parameters=dict(s.parameters)) for s in each] for each in said)

    def run(statements: list[Statement], n: int) -> None:
        connection.execute("SAVEPOINT one")
        known: dict[str, Any] = {"request_key": next(numbers).to_bytes(32, "big")}
        known |= {
            "patron": patron + n,
            "item": item + n,
            "loan": loans.get(n),
            "institution": "MAIN",
        }
        for statement in statements:
            if statement.returns == "lock":
                continue
            values = statement.parameters | {
                name: value for name, value in known.items() if name in statement.parameters
            }
            values["institution"] = "MAIN"
            if "barcode" in values:
                values["barcode"] = f"{'P' if 'FROM patrons' in statement.sql else 'I'}{n:06}"
            if "key" in values:
                values["key"] = (patron if "FROM patrons" in statement.sql else item) + n
            rows = connection.execute(statement.sql, values).fetchall()
            if statement.sql.startswith("INSERT INTO loans"):
                loans[n] = known["loan"] = rows[0][0]
            elif statement.sql.startswith("INSERT INTO events"):
                known["event"] = rows[0][0]
        connection.execute("RELEASE one")

    began = time.monotonic()
    while time.monotonic() - began < seconds:
        for turn in range(EACH):
            for statements in (checkout, checkin):
                connection.execute("BEGIN IMMEDIATE")
                for caller in range(callers):
                    run(statements, caller * EACH + turn)
                connection.execute("COMMIT")
                done += callers
    took = time.monotonic() - began
    connection.close()
    return done / took


# ------------------------------------------------ PostgreSQL without us


def script(said: list[list[Statement]]) -> Iterator[str]:
    """What pgbench is to run: both transactions, on a patron and an item of the client's own."""
    yield f"\\set n :client_id * {EACH} + random(0, {EACH - 1})"
    yield "SELECT (SELECT min(key) FROM patrons) + :n AS patron_key,"
    yield "  (SELECT min(key) FROM items) + :n AS item_key,"
    yield "  'P' || lpad(:n::text, 6, '0') AS patron_id,"
    yield "  'I' || lpad(:n::text, 6, '0') AS item_id \\gset"
    for transaction in said:
        yield "SELECT replace(gen_random_uuid()::text, '-', '') AS request \\gset"
        yield "BEGIN;"
        for statement in transaction:
            gives = {"INSERT INTO loans": "loan_", "INSERT INTO events": "event_"}
            prefix = next((p for start, p in gives.items() if statement.sql.startswith(start)), "")
            yield _written(statement) + (f" \\gset {prefix}" if prefix else ";")
        yield "COMMIT;"


def _written(statement: Statement) -> str:
    """A statement with its values, as pgbench reads it, in one line."""
    of_patrons = "FROM patrons" in statement.sql
    own = {
        "institution": "'MAIN'",
        "patron": ":patron_key",
        "item": ":item_key",
        "loan": ":loan_key",
        "event": ":event_key",
        "request_key": "decode(:request, 'hex')",
        "barcode": ":patron_id" if of_patrons else ":item_id",
        "key": ":patron_key" if of_patrons else ":item_key",
    }

    def value(found: re.Match[str]) -> str:
        name = found[1]
        given = statement.parameters.get(name)
        if given is None and name != "institution":
            return "NULL"
        if name in own:
            return own[name]
        if isinstance(given, bool | int):
            return str(given)
        return "'" + str(given).replace("'", "''").replace(":", "\\u003a") + "'"

    return " ".join(_NAMED.sub(value, statement.sql).split())


def pgbench(
    url: str, callers: int, seconds: float, said: list[list[Statement]], folder: Path
) -> float:
    """Transactions a second that pgbench has the server do."""
    file = folder / "lending.sql"
    file.write_text("\n".join(["SET search_path TO bibliobus;", *script(said)]) + "\n")
    done = subprocess.run(
        [programs(folder) / "pgbench", "-n", "-M", "prepared", "-c", str(callers), "-j", "2",
         "-T", str(int(seconds)), "-f", str(file), url],
        capture_output=True, text=True,
    )  # fmt: skip
    if not (found := re.search(r"tps = ([0-9.]+)", done.stdout)):
        raise SystemExit(done.stdout + done.stderr)
    return 2 * float(found[1])


def _print(label: str, callers: int, port: float, bare: float) -> None:
    print(f"{label:10} {callers:7} {port:8.0f} {bare:8.0f} {port / bare:6.2f}", flush=True)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", default="1,16,64")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        print(f"fdatasync here takes {fdatasync(folder):.0f} µs (median of 200)")
        print("           callers   port/s   bare/s  ratio")
        with running_postgres(folder) as server:
            for callers in map(int, arguments.callers.split(",")):
                path = folder / f"{callers}.db"
                port, said = asyncio.run(
                    through_the_port(f"sqlite:///{path}", callers, arguments.seconds)
                )
                bare = bare_apsw(path, callers, arguments.seconds, said)
                print(
                    f"SQLite     {callers:7} {port:8.0f} {bare:8.0f} {port / bare:6.2f}", flush=True
                )
                url = create_database(server, f"bench{callers}")
                port, said = asyncio.run(through_the_port(url, callers, arguments.seconds))
                bare = pgbench(url, callers, arguments.seconds, said, folder)
                print(
                    f"PostgreSQL {callers:7} {port:8.0f} {bare:8.0f} {port / bare:6.2f}", flush=True
                )


if __name__ == "__main__":
    main()
