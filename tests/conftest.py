"""Real things for tests: databases, a library in one, a door in front of it, terminals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

from bibliobus.app import App, opened
from bibliobus.config import Config, DatabaseConfig
from bibliobus.database import open_database
from bibliobus.ils.library import InstitutionSettings
from bibliobus.terminals import ListenerSettings, TerminalsDoor
from tests.postgres import create_database, running_postgres
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
def postgres_template(postgres_server: str) -> str:
    """The name of a database of that server with our schema, to make others of: that takes a
    twentieth of the time that migrating them does."""
    url = create_database(postgres_server, "migrated")

    async def migrate() -> None:
        database = open_database(url)
        await database.open()
        await database.close()

    asyncio.run(migrate())
    return "migrated"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'library.db'}"
    server = request.getfixturevalue("postgres_server")
    template = request.getfixturevalue("postgres_template")
    return create_database(server, f"test{uuid4().hex}", template)


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
