"""The composition root: which database, which ILS, which doors. All wiring is here."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bibliobus.config import Config, ConfigError
from bibliobus.database import Database, DatabaseError, Transaction, Verifier, open_database
from bibliobus.embedded import (
    CurrencyInUse,
    EmbeddedILS,
    invariants,
    load_institution,
    load_library,
    stored_institutions,
)
from bibliobus.embedded.replay import prune
from bibliobus.ils import ILS, Institution, Secret, Unavailable
from bibliobus.ils.library import AccountSettings, InstitutionSettings, Library
from bibliobus.terminals import StoredAccounts, TerminalsDoor, dialect_of, load_account

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class App:
    """What stands behind the doors."""

    database: Database
    verifier: Verifier
    institutions: Mapping[str, Institution]
    embedded: Mapping[str, EmbeddedILS]  # by institution
    accounts: StoredAccounts


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[App]:
    """Everything that the configuration names, opened; closed again at the end.

    Raises:
        ConfigError: An institution has settings that nobody can follow.
        DatabaseError: The database cannot be opened, and why.
    """
    _check(config.institutions.values())
    database, verifier = open_database(config.database.url), Verifier()
    await database.open()
    try:
        try:
            await database.write(lambda tx: _configure(tx, config.institutions))
        except CurrencyInUse as error:
            raise ConfigError(str(error)) from error
        stored = await database.read(stored_institutions)
        embedded = {
            id: EmbeddedILS(id, settings, database, verifier) for id, settings in stored.items()
        }
        institutions = {
            id: _institution(id, settings, embedded[id]) for id, settings in stored.items()
        }
        yield App(database, verifier, institutions, embedded, StoredAccounts(database, verifier))
    finally:
        await database.close()
        verifier.close()


@asynccontextmanager
async def serving(app: App, sip: Sequence[tuple[str, int]]) -> AsyncIterator[list[str]]:
    """The doors, open; the addresses they have. At the end what was begun is finished.

    Raises:
        OSError: An address cannot be opened.
        Unsuitable: Another server has the database.
    """
    await app.database.serve()
    door = TerminalsDoor(app.institutions, app.accounts)
    tidying = asyncio.create_task(_keep_tidy(app))
    try:
        opened = [await door.listen(host, port) for host, port in sip]
        gc.freeze()  # what lives as long as the process need not be looked through again: it is
        gc.set_threshold(50_000, 20, 50)  # a tenth of the CPU time of a message
        yield [f"{host}:{port}" for host, port in opened]
    finally:
        await door.close()
        tidying.cancel()


async def load(app: App, library: Library, *, shared_hashes: bool = False) -> None:
    """Put a whole small library into the database.

    Patrons and items that are there already stay as they are; institutions and accounts get the
    settings and passwords of the document.

    Args:
        app: Where to.
        library: The document.
        shared_hashes: Hash equal PINs once, which is quick, and shows in the database who has the
            same. Only for a library whose PIN everybody knows.

    Raises:
        ConfigError: An institution or account has settings that nobody can follow. Nothing was
            written.
    """
    _check(library.institutions.values(), library.accounts)
    hashed = _Hashed(app.verifier, shared=shared_hashes)
    passwords = await asyncio.gather(*(hashed(each.password) for each in library.accounts))
    with_pin = [each for each in library.patrons if each.pin]
    hashes = await asyncio.gather(*(hashed(each.pin or "") for each in with_pin))
    pin_hashes = {(p.institution, p.id): hash for p, hash in zip(with_pin, hashes, strict=True)}

    now = datetime.now(UTC)

    def everything(tx: Transaction) -> None:
        for id, settings in library.institutions.items():
            load_institution(tx, id, settings)
            tx.institution = id
            load_library(tx, library.of(id), pin_hashes, now)
        for account, password in zip(library.accounts, passwords, strict=True):
            load_account(tx, account, password)

    try:
        await app.database.write(everything)
    except CurrencyInUse as error:
        raise ConfigError(str(error)) from error


async def breaches(app: App) -> list[str]:
    """What must never be and is, a sentence each, with the institution it is in."""
    found = await app.database.check()
    for id in app.institutions:
        theirs = await app.database.read(lambda tx: list(invariants.breaches(tx)), id)
        found += [f"{id}: {each}" for each in theirs]
    return found


def _check(
    institutions: Iterable[InstitutionSettings], accounts: Iterable[AccountSettings] = ()
) -> None:
    try:
        for institution in institutions:
            dialect_of(AccountSettings(), institution)
        for account in accounts:
            dialect_of(account, InstitutionSettings())
    except ValueError as error:
        raise ConfigError(str(error)) from error


class _Hashed:
    """Makes hashes: one for each secret, or one for all equal ones."""

    def __init__(self, verifier: Verifier, *, shared: bool) -> None:
        self._verifier, self._shared = verifier, shared
        self._known: dict[str, asyncio.Future[str]] = {}

    def __call__(self, secret: str) -> asyncio.Future[str]:
        if self._shared and secret in self._known:
            return self._known[secret]
        self._known[secret] = asyncio.ensure_future(self._verifier.hash(Secret(secret)))
        return self._known[secret]


def stop_signal() -> asyncio.Event:
    """Set by Ctrl-C and SIGTERM, from now on."""
    stopped = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    return stopped


async def _keep_tidy(app: App) -> None:
    """Do what time brings, a little at a time, for ever: forget what is too old to be asked for
    again, end holds whose time is over, and forget who read what."""
    while True:
        more = False
        try:
            more = await app.database.write(lambda tx: prune(tx, datetime.now(UTC)))
            for ils in app.embedded.values():
                await ils.sweep()
        except (DatabaseError, Unavailable) as error:
            logger.warning("what time brings was left for later: %s", error)
        await asyncio.sleep(1 if more else 600)


def _configure(tx: Transaction, institutions: Mapping[str, InstitutionSettings]) -> None:
    for id, settings in institutions.items():
        load_institution(tx, id, settings)


def _institution(
    id: str,
    settings: InstitutionSettings,
    ils: ILS,
) -> Institution:
    return Institution(
        id=id,
        name=settings.name or id,
        time_zone=ZoneInfo(settings.time_zone),
        renewal_ok=settings.renewal_ok,
        timeout=settings.timeout,
        retries=settings.retries,
        currency=settings.currency,
        ils=ils,
    )
