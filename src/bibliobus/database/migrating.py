"""The schema, as numbered SQL files that are run once each, in order.

A file `NNNN_name.sql` in `migrations/` holds statements for PostgreSQL; the SQLite engine
translates their column types. Its row in `migrations` is inserted before it runs, in the same
transaction: that is the lock, because a second program that migrates at the same time waits for
the first one's row and then finds the work done.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from bibliobus.database.engine import Transaction
from bibliobus.database.errors import Stale

_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
    number BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Tells whether a file was changed after it was run."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def migrations() -> tuple[Migration, ...]:
    """All steps, in order."""
    folder = resources.files("bibliobus.database") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(
        Migration(int(file.name[:4]), file.name[5:-4], file.read_text(encoding="utf-8"))
        for file in files
    )


def migrate(tx: Transaction) -> int:
    """Run the steps that this database lacks, inside the caller's transaction; how many those are.

    Raises:
        Stale: The database has a step that this program does not have, or has it differently.
        Conflict: Another program has just run the same step; call again.
    """
    with tx.unhurried():
        return _migrate(tx)


def _migrate(tx: Transaction) -> int:
    tx.script(_TABLE)
    known = {step.number: step for step in migrations()}
    applied = tx.rows("SELECT number, name, checksum FROM migrations ORDER BY number")
    for number, name, checksum in applied:
        step = known.pop(number, None)
        if step is None:
            raise Stale(
                f"The database has migration {number:04d} ({name}), which this version of"
                " Bibliobus does not know. Use the version that made it, or a newer one."
            )
        if step.checksum != checksum:
            raise Stale(f"Migration {number:04d} ({name}) was changed after it was run here.")
    for step in known.values():
        tx.run(
            "INSERT INTO migrations (number, name, checksum) VALUES (:number, :name, :checksum)",
            number=step.number, name=step.name, checksum=step.checksum,
        )  # fmt: skip
        tx.script(step.sql)
    return len(known)
