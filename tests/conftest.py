"""Real things for tests: databases, a library in one, a door in front of it, terminals."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

from bibliobus.app import App, opened
from bibliobus.config import Config, DatabaseConfig
from bibliobus.ils.library import InstitutionSettings
from bibliobus.terminals import ListenerSettings, TerminalsDoor
from tests.postgres import Databases, create_database, migrate, running_postgres
from tests.support import QUICK, SETTINGS, Library, Terminal


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prove", action="store_true", help="run at the sizes that issues name")


@pytest.fixture
def size(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """How much of something: the first number, or the second with --prove."""
    return lambda usual, proof: proof if request.config.getoption("--prove") else usual


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server, one for each process that runs tests."""
    with running_postgres(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str) -> Databases:
    """Databases of that server with our schema."""
    return Databases(postgres_server)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with our schema, to copy: that takes a fiftieth of the time of migrating one."""
    path = tmp_path_factory.mktemp("sqlite") / "library.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An SQLite database with our schema and nothing else."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'library.db')}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of each kind with our schema and nothing else."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    databases: Databases = request.getfixturevalue("postgres_databases")
    url = databases.take()
    yield url
    databases.give_back(url)


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'library.db'}"
    return create_database(request.getfixturevalue("postgres_server"), f"empty{uuid4().hex}")


@pytest.fixture
def settings() -> InstitutionSettings:
    """Those of MAIN. Tests of another kind of library have a fixture of this name."""
    return SETTINGS


@pytest.fixture
def hasher() -> PasswordHasher:
    """What hashes secrets. Tests of what waits for that have a fixture of this name."""
    return QUICK


@pytest.fixture
async def app(
    database_url: str, settings: InstitutionSettings, hasher: PasswordHasher
) -> AsyncIterator[App]:
    """What stands behind the doors, with the institution MAIN."""
    config = Config(database=DatabaseConfig(url=database_url), institutions={"MAIN": settings})
    async with opened(config, hasher=hasher) as app:
        yield app


@pytest.fixture
async def library(app: App, settings: InstitutionSettings) -> Library:
    """An empty library with one terminal account, `kiosk`."""
    library = Library(app, settings)
    await library.terminal_account("kiosk", "kiosk")
    return library


@pytest.fixture
async def door(library: Library) -> AsyncIterator[tuple[str, int]]:
    """The address of an open SIP2 door of the library."""
    door = TerminalsDoor(library.app.institutions, library.app.accounts)
    address = await door.listen(ListenerSettings(address="127.0.0.1:0"))
    yield address
    await door.close()


@pytest.fixture
async def connect(door: tuple[str, int]) -> AsyncIterator[Callable[[], Awaitable[Terminal]]]:
    """Opens a connection to the door."""
    opened: list[Terminal] = []

    async def connect() -> Terminal:
        opened.append(await Terminal.connect(door))
        return opened[-1]

    yield connect
    for terminal in opened:
        await terminal.close()


@pytest.fixture
async def terminal(connect: Callable[[], Awaitable[Terminal]]) -> Terminal:
    """A terminal that has logged in."""
    return await (await connect()).login()
