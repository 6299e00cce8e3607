"""The composition root: which database, which ILS, which doors. All wiring is here."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher
from msgspec.structs import replace

from bibliobus.catalogue import index_titles
from bibliobus.catalogue import invariants as of_titles
from bibliobus.config import Config, ConfigError, HealthConfig, SIPConfig
from bibliobus.database import Database, DatabaseError, Transaction, Verifier, open_database
from bibliobus.database.verifier import HASHER
from bibliobus.embedded import (
    CurrencyInUse,
    EmbeddedILS,
    invariants,
    load_institution,
    load_library,
    stored_institutions,
)
from bibliobus.embedded.replay import prune
from bibliobus.health import HealthDoor
from bibliobus.ils import ILS, DigitalCollection, Institution, Secret, Unavailable
from bibliobus.ils.library import AccountEntry, InstitutionSettings, Library
from bibliobus.oneclick import Client, CollectionSettings, OneClickCollection
from bibliobus.oneclick import invariants as of_lending
from bibliobus.oneclick.desk import Desk
from bibliobus.oneclick.shelf import loans_in_all
from bibliobus.terminals import (
    ListenerSettings,
    StoredAccounts,
    TerminalsDoor,
    listener,
    load_account,
    settings_of,
    stored_account,
)
from bibliobus.terminals.listening import host_and_port, is_here, written_address

logger = logging.getLogger(__name__)

ONLY = "MAIN"  # an institution that nobody has named
FILES_BESIDES = 100  # open ones that are no terminal's


@dataclass(frozen=True, slots=True)
class App:
    """What stands behind the doors."""

    database: Database
    verifier: Verifier
    institutions: Mapping[str, Institution]
    embedded: Mapping[str, EmbeddedILS]  # by institution
    accounts: StoredAccounts
    collections: Mapping[str, OneClickCollection] = field(default_factory=dict)  # by name


@asynccontextmanager
async def opened(
    config: Config,
    *,
    changes_it: bool = True,
    lends: bool = False,
    hasher: PasswordHasher = HASHER,
) -> AsyncIterator[App]:
    """Everything that the configuration names, opened; closed again at the end.

    Args:
        config: What is wanted.
        changes_it: Whether institutions that are in the database get these settings. Else only new
            ones are added: a command beside a server must not change half of what that goes by.
        lends: Whether vendors' collections are lent; else nothing is needed to talk to a vendor.
        hasher: What hashes PINs and passwords; tests have a cheap one.

    Raises:
        ConfigError: An institution has settings that nobody can follow.
        DatabaseError: The database cannot be opened, and why.
    """
    check(config)
    database, verifier = open_database(config.database.url), Verifier(hasher=hasher)
    collections: dict[str, OneClickCollection] = {}
    await database.open()
    try:
        try:
            await database.write(
                lambda tx: _configure(tx, _wanted_institutions(tx, config), changes_it=changes_it)
            )
        except CurrencyInUse as error:
            raise ConfigError(str(error)) from error
        stored = await database.read(stored_institutions)
        embedded = {
            id: EmbeddedILS(id, settings, database, verifier, elsewhere=loans_in_all)
            for id, settings in stored.items()
        }
        lent = _collections(config, stored, embedded, database) if lends else {}
        for theirs in lent.values():
            collections.update(theirs)
        institutions = {
            id: _institution(id, settings, embedded[id], lent.get(id, {}))
            for id, settings in stored.items()
        }
        accounts = StoredAccounts(database, verifier)
        await accounts.refresh()
        yield App(database, verifier, institutions, embedded, accounts, collections)
    finally:
        await asyncio.gather(*(each.close() for each in collections.values()))
        await database.close()
        verifier.close()


@asynccontextmanager
async def serving(
    app: App,
    sip: SIPConfig,
    health: HealthConfig = HealthConfig(),  # noqa: B008 - frozen
) -> AsyncIterator[list[str]]:
    """The doors, open; the terminals' addresses. At the end what was begun is finished.

    Raises:
        ConfigError: A listener names an institution or an account that is not there.
        OSError: An address cannot be opened.
        Unsuitable: Another server has the database.
    """
    await app.database.serve()
    await app.accounts.refresh()
    _more_files(sip.limits.connections)
    for each in sip.listeners:
        _check_names(app, each)
    door = TerminalsDoor(app.institutions, app.accounts, sip.limits)
    supervised = HealthDoor(lambda: _ready(app))
    working = [
        asyncio.create_task(_keep_tidy(app)),
        asyncio.create_task(app.accounts.watch()),
        *(asyncio.create_task(collection.keep_up()) for collection in app.collections.values()),
    ]
    try:
        opened = [await door.listen(each) for each in sip.listeners]
        if health.listen is not None:
            await supervised.listen(*host_and_port(health.listen))
        gc.freeze()  # what lives as long as the process need not be looked through again: it is
        gc.set_threshold(50_000, 20, 50)  # a tenth of the CPU time of a message
        yield [written_address(*each) for each in opened]
    finally:
        await door.close()
        await supervised.close()
        for task in working:
            task.cancel()


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
    _check_institutions(library.institutions)
    for each in library.accounts:
        _check_account(each, library.institutions[each.institution])
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
    found += await app.database.read(lambda tx: list(of_titles.strays(tx)))
    for id in app.institutions:
        theirs = await app.database.read(lambda tx: list(invariants.breaches(tx)), id)
        theirs += await app.database.read(lambda tx: list(of_titles.breaches(tx)), id)
        theirs += await app.database.read(
            lambda tx: list(of_lending.breaches(tx, datetime.now(UTC))), id
        )
        found += [f"{id}: {each}" for each in theirs]
    return found


async def add_terminal(app: App, entry: AccountEntry) -> None:
    """Add a terminal's account, or change the one that is there: what `entry` leaves open stays as
    it is, and so does the password if it is empty.

    Raises:
        ConfigError: There is no such institution, or nobody can follow its settings.
    """
    found = await app.database.read(lambda tx: stored_account(tx, entry.login))
    before, hashed = found or (None, "")
    if before is not None:
        entry = replace(
            before,
            password=entry.password,
            institution=entry.institution or before.institution,
            location=entry.location or before.location,
            dialect=entry.dialect or before.dialect,
            settings={**before.settings, **entry.settings},
        )
    elif not entry.institution and len(app.institutions) == 1:
        entry = replace(entry, institution=next(iter(app.institutions)))
    its = (await app.database.read(stored_institutions)).get(entry.institution)
    if its is None:
        known = ", ".join(app.institutions)
        raise ConfigError(f"say which institution: one of {known}, not {entry.institution!r}")
    _check_account(entry, its)
    if entry.password:
        hashed = await app.verifier.hash(Secret(entry.password))
    await app.database.write(lambda tx: load_account(tx, entry, hashed))


def check(config: Config) -> None:
    """Look for what only those know who use it: dialects, terminals' settings, files for TLS.

    Raises:
        ConfigError: Something is wrong, and what.
    """
    _check_institutions(config.institutions)
    try:
        for each in config.sip.listeners:
            listener(each)
        if config.health.listen is not None and not is_here(host_and_port(config.health.listen)[0]):
            raise ValueError(f"health.listen: {config.health.listen} is not of this machine alone")
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _check_institutions(institutions: Mapping[str, InstitutionSettings]) -> None:
    for id, settings in institutions.items():
        try:
            settings_of(None, {}, settings)
        except ValueError as error:
            raise ConfigError(f"institution {id}: {error}") from error


def _check_account(entry: AccountEntry, institution: InstitutionSettings) -> None:
    try:
        settings_of(entry.dialect, entry.settings, institution)
    except ValueError as error:
        raise ConfigError(f"terminal {entry.login}: {error}") from error


def _check_names(app: App, of: ListenerSettings) -> None:
    """A listener may be for an institution or an account, which then has to be there."""
    institution, account = of.status_before_login, of.account
    if institution is not None and institution not in app.institutions:
        raise ConfigError(f"{of.address}: there is no institution {institution!r}")
    if account is not None and app.accounts.current(account) is None:
        raise ConfigError(f"{of.address}: there is no terminal {account!r}")


def _more_files(connections: int) -> None:
    """Raise the process's own limit of open files as far as it may: who begins TLS and says
    nothing takes one, and is not known to the door yet."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = connections + FILES_BESIDES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        logger.warning("only %d of %d connections will fit (open files)", hard, wanted)


async def _ready(app: App) -> bool:
    try:
        await app.database.ready()
    except DatabaseError:
        return False
    return True


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
        except Exception:  # it has to go on
            logger.exception("what time brings was left for later: a fault of ours")
        await asyncio.sleep(1 if more else 600)


def _wanted_institutions(tx: Transaction, config: Config) -> Mapping[str, InstitutionSettings]:
    """Those of the configuration. The guide's `config.json` names none, and needs one."""
    if config.institutions or not config.oneclick or stored_institutions(tx):
        return config.institutions
    return {ONLY: InstitutionSettings()}


def _configure(
    tx: Transaction, institutions: Mapping[str, InstitutionSettings], *, changes_it: bool
) -> None:
    known = {} if changes_it else stored_institutions(tx)
    for id, settings in institutions.items():
        if id not in known:
            load_institution(tx, id, settings)
    for id in stored_institutions(tx):
        tx.institution = id
        index_titles(tx)  # what an older version has left


def institution_of(name: str, settings: CollectionSettings, institutions: Collection[str]) -> str:
    """Whose collection this is.

    Raises:
        ConfigError: Nobody's, or it does not say of which of several.
    """
    if settings.institution in institutions:
        return settings.institution
    if not settings.institution and len(institutions) == 1:
        return next(iter(institutions))
    known = ", ".join(institutions) or "none is there"
    raise ConfigError(f"oneclick.{name}: say of which institution it is: {known}")


def client_of(name: str, settings: CollectionSettings) -> Client:
    """What talks to a vendor.

    Raises:
        ConfigError: There is no token.
    """
    try:
        return Client(settings)
    except ValueError as error:
        raise ConfigError(f"oneclick.{name}: {error}") from error


def _collections(
    config: Config,
    stored: Mapping[str, InstitutionSettings],
    embedded: Mapping[str, EmbeddedILS],
    database: Database,
) -> dict[str, dict[str, OneClickCollection]]:
    """What each institution lends of vendors."""
    found: dict[str, dict[str, OneClickCollection]] = {}
    for name, settings in config.oneclick.items():
        institution = institution_of(name, settings, stored)
        ils = embedded[institution]
        desk = Desk(
            institution=institution, collection=name, settings=settings,
            zone=ZoneInfo(stored[institution].time_zone), database=database, ils=ils,
            client=client_of(name, settings), room=ils.room,
        )  # fmt: skip
        found.setdefault(institution, {})[name] = OneClickCollection(desk)
    return found


def _institution(
    id: str,
    settings: InstitutionSettings,
    ils: ILS,
    collections: Mapping[str, DigitalCollection],
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
        collections=collections,
    )
