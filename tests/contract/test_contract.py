"""The port's promises, kept in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bibliobus.app import opened
from bibliobus.config import Config, DatabaseConfig
from bibliobus.ils.library import Library as Document
from bibliobus.testing import MemoryILS
from bibliobus.testing.contract import INSTITUTION, SETTINGS, ContractLibrary, ILSContract
from tests.support import Library


class InMemory:
    """A MemoryILS and how to fill it."""

    def __init__(self) -> None:
        self.ils: MemoryILS = MemoryILS(INSTITUTION, SETTINGS)

    async def add(self, library: Document) -> None:
        self.ils.load(library)


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
        async with opened(config) as app:
            yield Library(app)
