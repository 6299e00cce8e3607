"""Accounts: the logins of terminals, each bound to one institution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from bibliobus.database import Database, Transaction, Verifier
from bibliobus.ils import Secret
from bibliobus.ils.library import AccountEntry, AccountSettings, InstitutionSettings
from bibliobus.sip2 import PLAIN, PRESETS, Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who a terminal is, once it has logged in."""

    login: str
    institution: str
    location: str | None = None  # where the terminal stands, unless it says so itself
    dialect: Dialect = PLAIN


class Accounts(Protocol):
    """Whoever knows the terminals."""

    async def sign_in(self, login: str, password: Secret) -> Account | None:
        """The account of this login, or None if login or password is wrong, which take equally
        long.

        Raises:
            DatabaseError: Nobody can tell.
        """
        ...


class StoredAccounts:
    """The accounts in the database."""

    def __init__(self, database: Database, verifier: Verifier) -> None:
        self._database, self._verifier = database, verifier

    async def sign_in(self, login: str, password: Secret) -> Account | None:
        row = await self._database.read(
            lambda tx: tx.row(
                "SELECT institution, password_hash, location, accounts.settings,"
                " institutions.settings FROM accounts"
                " JOIN institutions ON institutions.id = institution WHERE login = :login",
                login=login,
            )
        )
        institution, hashed, location, settings, its = row or (None,) * 5
        if not await self._verifier.matches(password, hashed) or institution is None:
            return None
        own = msgspec.json.decode(settings, type=AccountSettings)
        return Account(
            login=login,
            institution=institution,
            location=location,
            dialect=dialect_of(own, msgspec.json.decode(its, type=InstitutionSettings)),
        )


def dialect_of(own: AccountSettings, institutions: InstitutionSettings) -> Dialect:
    """The dialect of an account: its own, else its institution's.

    The encoding is the account's, else that of the account's preset if it differs from the usual
    one, else the institution's, else that of its preset.

    Raises:
        ValueError: There is no such preset.
    """
    preset = _preset(own.dialect)
    theirs = _preset(institutions.dialect)
    encoding = theirs.encoding if institutions.encoding is None else institutions.encoding
    if own.dialect is not None and preset.encoding != PLAIN.encoding:
        encoding = preset.encoding
    return replace(
        theirs if own.dialect is None else preset,
        encoding=encoding if own.encoding is None else own.encoding,
    )


def _preset(name: str | None) -> Dialect:
    if name is None:
        return PLAIN
    if name not in PRESETS:
        raise ValueError(f"there is no dialect {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def load_account(tx: Transaction, entry: AccountEntry, password_hash: str) -> None:
    """Add an account, or give the one that is there this password and these settings."""
    settings = AccountSettings(dialect=entry.dialect, encoding=entry.encoding)
    tx.run(
        "INSERT INTO accounts (login, institution, password_hash, location, settings)"
        " VALUES (:login, :of, :password_hash, :location, :settings)"
        " ON CONFLICT (login) DO UPDATE SET institution = excluded.institution,"
        " password_hash = excluded.password_hash, location = excluded.location,"
        " settings = excluded.settings",
        login=entry.login, of=entry.institution, password_hash=password_hash,
        location=entry.location, settings=msgspec.json.encode(settings).decode(),
    )  # fmt: skip
