"""The port's promises, kept in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from bibliobus.app import load, opened
from bibliobus.config import Config, DatabaseConfig
from bibliobus.ils import ILS
from bibliobus.ils.library import Library
from bibliobus.testing import MemoryILS
from bibliobus.testing.contract import INSTITUTION, SETTINGS, ContractLibrary, ILSContract
from tests.support import QUICK


class InMemory(ContractLibrary):
    """A MemoryILS and how to fill it."""

    def __init__(self) -> None:
        self.ils: MemoryILS = MemoryILS(INSTITUTION, SETTINGS)

    async def add(self, library: Library) -> None:
        self.ils.load(library)


class InDatabase(ContractLibrary):
    """An EmbeddedILS, how to fill it, and what the next process finds in its database."""

    def __init__(self, config: Config, processes: AsyncExitStack) -> None:
        self._config, self._processes = config, processes

    async def start(self) -> ILS:
        self._app = await self._processes.enter_async_context(opened(self._config, hasher=QUICK))
        self.ils = self._app.institutions[INSTITUTION].ils
        return self.ils

    async def add(self, library: Library) -> None:
        await load(self._app, library)

    async def restarted(self) -> ILS:
        return await self.start()


class TestMemoryILS(ILSContract):
    @pytest.fixture
    async def library(self) -> ContractLibrary:
        return InMemory()


class TestEmbeddedILS(ILSContract):
    @pytest.fixture
    async def library(self, database_url: str) -> AsyncIterator[ContractLibrary]:
        config = Config(
            database=DatabaseConfig(url=database_url), institutions={INSTITUTION: SETTINGS}
        )
        async with AsyncExitStack() as processes:
            library = InDatabase(config, processes)
            await library.start()
            yield library
