"""For stories about the wire and the door, which both databases would tell alike."""

from __future__ import annotations

import pytest


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """An SQLite database with our schema and nothing else."""
    return sqlite_url
