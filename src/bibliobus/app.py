"""The composition root: which database, which ILS, which doors. All wiring is here."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bibliobus.config import Config
from bibliobus.database import Database, Transaction, Verifier, open_database
from bibliobus.embedded import EmbeddedILS, load_institution, load_library, stored_institutions
from bibliobus.ils import Institution, Secret
from bibliobus.ils.library import InstitutionSettings, Library
from bibliobus.terminals import StoredAccounts, TerminalsDoor, load_account

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class App:
    """What stands behind the doors."""

    database: Database
    verifier: Verifier
    institutions: Mapping[str, Institution]
    accounts: StoredAccounts


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[App]:
    """Everything that the configuration names, opened; closed again at the end.

    Raises:
        DatabaseError: The database cannot be opened, and why.
    """
    database, verifier = open_database(config.database.url), Verifier()
    await database.open()
    try:
        await database.write(lambda tx: _configure(tx, config.institutions))
        stored = await database.read(stored_institutions)
        institutions = {
            id: _institution(id, settings, database, verifier) for id, settings in stored.items()
        }
        yield App(database, verifier, institutions, StoredAccounts(database, verifier))
    finally:
        await database.close()
        verifier.close()


@asynccontextmanager
async def serving(app: App, sip: Sequence[tuple[str, int]]) -> AsyncIterator[list[str]]:
    """The doors, open; the addresses they have. At the end what was begun is finished.

    Raises:
        OSError: An address cannot be opened.
    """
    door = TerminalsDoor(app.institutions, app.accounts)
    try:
        opened = [await door.listen(host, port) for host, port in sip]
        gc.freeze()  # what lives as long as the process need not be looked through again: it is
        gc.set_threshold(50_000, 20, 50)  # a tenth of the CPU time of a message
        yield [f"{host}:{port}" for host, port in opened]
    finally:
        await door.close()


async def load(app: App, library: Library) -> None:
    """Put a whole small library into the database. What is there already stays as it is."""
    secrets = {p.pin for p in library.patrons} | {a.password for a in library.accounts}
    hashes = {each: await app.verifier.hash(Secret(each)) for each in secrets if each is not None}

    def everything(tx: Transaction) -> None:
        for id, settings in library.institutions.items():
            load_institution(tx, id, settings)
            tx.institution = id
            load_library(tx, library.of(id), hashes)
        for account in library.accounts:
            load_account(tx, account, hashes[account.password])

    await app.database.write(everything)


def stop_signal() -> asyncio.Event:
    """Set by Ctrl-C and SIGTERM, from now on."""
    stopped = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    return stopped


def _configure(tx: Transaction, institutions: Mapping[str, InstitutionSettings]) -> None:
    for id, settings in institutions.items():
        load_institution(tx, id, settings)


def _institution(
    id: str,
    settings: InstitutionSettings,
    database: Database,
    verifier: Verifier,
) -> Institution:
    return Institution(
        id=id,
        name=settings.name or id,
        time_zone=ZoneInfo(settings.time_zone),
        currency=settings.currency,
        languages=settings.languages,
        renewal_ok=settings.renewal_ok,
        timeout=settings.timeout,
        retries=settings.retries,
        ils=EmbeddedILS(id, settings, database, verifier),
    )
