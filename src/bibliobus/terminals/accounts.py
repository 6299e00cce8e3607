"""Accounts: the logins of terminals, each bound to one institution."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network
from typing import Any, Protocol

import msgspec

from bibliobus.database import DatabaseError, Transaction, Verifier, to_database
from bibliobus.database.engine import Database
from bibliobus.ils import Secret
from bibliobus.ils.library import AccountEntry, InstitutionSettings
from bibliobus.ils.sorting import SortRule, sort_rules
from bibliobus.sip2 import PLAIN, Dialect
from bibliobus.terminals.settings import (
    AccountSettings,
    Network,
    dialect_of,
    fingerprint,
    settings_of,
)

logger = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address

REFRESHED_IN = 2.0  # seconds that a wrong login waits for a database that does not answer

_USUAL = AccountSettings()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end of a connection, before they say so."""

    address: Address | None = None  # None: this machine
    certificate: str | None = None  # the SHA-256 fingerprint of what was shown, in hexadecimal
    by_proxy: bool = False  # a proxy says so that is not on this machine: its loopback is not ours
    is_here: bool = field(init=False)  # it is this machine, for which no limit is meant

    def __post_init__(self) -> None:
        """Work out what each message asks for."""
        here = not self.by_proxy and (self.address is None or self.address.is_loopback)
        object.__setattr__(self, "is_here", here)

    @property
    def source(self) -> Address | IPv6Network | None:
        """What is counted together: an address or, as one host may take any of them, the 64 bits
        of an IPv6 network."""
        if isinstance(self.address, IPv6Address):
            return IPv6Network((int(self.address) >> 64 << 64, 64))
        return self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who a terminal is, once it has logged in."""

    login: str
    institution: str
    location: str | None = None  # where the terminal stands, unless it says so itself
    dialect: Dialect = PLAIN
    settings: AccountSettings = _USUAL
    branches: Mapping[str, str] = field(default_factory=dict)  # of its institution, by location
    sort_bins: tuple[str, ...] = ()  # its institution's rules, if it has none of its own
    sort_rules: tuple[SortRule, ...] = field(init=False)
    may_send: frozenset[str] = field(init=False)  # codes
    networks: tuple[Network, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Work out what each message asks for."""
        object.__setattr__(self, "may_send", self.settings.may_send)
        networks = tuple(ip_network(text) for text in self.settings.networks)
        object.__setattr__(self, "networks", networks)
        own = self.settings.sort_bins
        object.__setattr__(self, "sort_rules", sort_rules(self.sort_bins if own is None else own))

    def admits(self, caller: Caller) -> bool:
        """Whether this account may be used from there."""
        wanted = self.settings.certificates
        if wanted and caller.certificate not in {fingerprint(each) for each in wanted}:
            return False
        if caller.is_here or caller.address is None:
            return True
        if not self.networks:
            return caller.address.is_private
        return any(caller.address in network for network in self.networks)


class Accounts(Protocol):
    """Whoever knows the terminals."""

    version: int  # another one than before: what `current` says may have changed

    def current(self, login: str) -> Account | None:
        """The account of a terminal that has logged in, as it is now; None: it was revoked."""
        ...

    async def sign_in(self, login: str, password: Secret) -> Account | None:
        """The account of this login, or None if login or password is wrong, which take equally
        long.

        Raises:
            DatabaseError: Nobody can tell.
        """
        ...


class StoredAccounts:
    """The accounts in the database, all of them in memory.

    Whoever changes one leaves a row in `account_changes`; `refresh` looks for new ones, so that a
    change is known a second later, in every process. Terminals can log in while the database is
    not there, or a whole library would be told that its passwords are wrong.
    """

    def __init__(self, database: Database, verifier: Verifier) -> None:
        self._database, self._verifier = database, verifier
        self._checks = asyncio.Semaphore(os.cpu_count() or 1)
        self._known: Mapping[str, tuple[Account, str]] = {}  # with the password's hash
        self._seen: tuple[int, int] | None = None  # how many changes, and the last one's key
        self.version = 0

    def current(self, login: str) -> Account | None:
        known = self._known.get(login)
        return None if known is None else known[0]

    def all(self) -> list[Account]:
        """All of them, by login."""
        return [account for account, _ in self._known.values()]

    async def sign_in(self, login: str, password: Secret) -> Account | None:
        version = self.version
        if (account := await self._matching(login, password)) is not None:
            return account
        try:
            async with asyncio.timeout(REFRESHED_IN):
                await self.refresh()  # it may be new
        except (DatabaseError, TimeoutError) as error:
            logger.warning("terminal accounts are as they were: %s", error or "no answer")
        return None if version == self.version else await self._matching(login, password)

    async def refresh(self) -> None:
        """Read the accounts again if one was added, changed or revoked.

        Raises:
            DatabaseError: Nobody can tell.
        """
        seen = await self._database.read(_changes)
        if seen != self._seen:
            self._known = dict(await self._database.read(_accounts))
            self._seen, self.version = seen, self.version + 1

    async def watch(self, seconds: float = 1.0) -> None:
        """Refresh for ever."""
        failing = False
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.refresh()
                failing = False
            except Exception as error:  # it has to go on, or nobody is ever revoked again
                if not failing:  # said once, not every second
                    ours = not isinstance(error, DatabaseError)
                    logger.warning("terminal accounts are as they were: %s", error, exc_info=ours)
                failing = True

    async def _matching(self, login: str, password: Secret) -> Account | None:
        account, hashed = self._known.get(login, (None, None))
        if self._verifier.remembers(password, hashed):
            return account
        async with self._checks:  # a storm of logins must not keep patrons' PINs from their turn
            return account if await self._verifier.matches(password, hashed) else None


def _changes(tx: Transaction) -> tuple[int, int]:
    row = tx.row("SELECT count(*), COALESCE(max(key), 0) FROM account_changes")
    return (0, 0) if row is None else (row[0], row[1])


def _accounts(tx: Transaction) -> list[tuple[str, tuple[Account, str]]]:
    found = []
    for login, institution, password_hash, location, stored, its in tx.rows(
        "SELECT login, institution, password_hash, location, accounts.settings,"
        " institutions.settings FROM accounts"
        " JOIN institutions ON institutions.id = institution ORDER BY login"
    ):
        try:
            theirs = msgspec.json.decode(its, type=InstitutionSettings)
            account = _account(login, institution, location, stored, theirs)
        except ValueError as error:  # written by another version
            logger.error("terminal account %r cannot be used: %s", login, error)
            continue
        found.append((login, (account, password_hash)))
    return found


def _account(
    login: str, institution: str, location: str | None, stored: str, its: InstitutionSettings
) -> Account:
    given = msgspec.json.decode(stored, type=dict[str, object])
    dialect = given.pop("dialect", None)
    if not isinstance(dialect, str | None):
        raise ValueError(f"{dialect!r} is no dialect")
    settings = settings_of(dialect, {k: v for k, v in given.items() if v is not None}, its)
    return Account(
        login=login,
        institution=institution,
        location=location,
        dialect=dialect_of(dialect, settings, its),
        settings=settings,
        branches={
            place: branch
            for branch, locations in its.branches.items()
            for place in (branch, *locations)
        },
        sort_bins=its.sort_bins,
    )


def stored_account(tx: Transaction, login: str) -> tuple[AccountEntry, str] | None:
    """What was said of an account when it was added or changed, but for its password, of which
    there is the hash; None if there is none."""
    row = tx.row(
        "SELECT institution, location, settings, password_hash FROM accounts WHERE login = :login",
        login=login,
    )
    if row is None:
        return None
    institution, location, stored, hashed = row
    settings = msgspec.json.decode(stored, type=dict[str, Any])
    entry = AccountEntry(
        login=login, password="", institution=institution, location=location,
        dialect=settings.pop("dialect", None), settings=settings,
    )  # fmt: skip
    return entry, hashed


def load_account(tx: Transaction, entry: AccountEntry, password_hash: str) -> None:
    """Add an account, or give the one that is there this password and these settings, which were
    checked with `settings_of`."""
    known = tx.row("SELECT 1 FROM accounts WHERE login = :login", login=entry.login) is not None
    dialect = {} if entry.dialect is None else {"dialect": entry.dialect}
    settings = msgspec.json.encode({**dialect, **entry.settings}).decode()
    tx.run(
        "INSERT INTO accounts (login, institution, password_hash, location, settings)"
        " VALUES (:login, :of, :password_hash, :location, :settings)"
        " ON CONFLICT (login) DO UPDATE SET institution = excluded.institution,"
        " password_hash = excluded.password_hash, location = excluded.location,"
        " settings = excluded.settings",
        login=entry.login, of=entry.institution, password_hash=password_hash,
        location=entry.location, settings=settings,
    )  # fmt: skip
    _note(tx, entry.login, "changed" if known else "added")


def revoke_account(tx: Transaction, login: str) -> bool:
    """Take an account away; whether there was one. Its terminals are cut off within two seconds."""
    gone = tx.run("DELETE FROM accounts WHERE login = :login", login=login) == 1
    if gone:
        _note(tx, login, "revoked")
    return gone


def _note(tx: Transaction, login: str, change: str) -> None:
    tx.run(
        "INSERT INTO account_changes (at, login, change) VALUES (:now, :login, :change)",
        now=to_database(datetime.now(UTC)), login=login, change=change,
    )  # fmt: skip
