"""A catalogue to fill and to search, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bibliobus.database import open_database
from tests.catalogue.support import Catalogue


@pytest.fixture
async def catalogue(database_url: str) -> AsyncIterator[Catalogue]:
    """That of the institution MAIN; ELSE is in the same database."""
    database = open_database(database_url)
    await database.open()
    catalogue = Catalogue(database)
    for institution in ("MAIN", "ELSE"):
        await catalogue.of(institution).found()
    yield catalogue
    await database.close()
