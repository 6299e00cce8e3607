"""One terminal's conversation: who it is, and which function answers what it says.

Everything that a session knows hangs on this object, so nothing can pass from one terminal to
another; a login that fails leaves nothing of the one before it (Koha bug 42847).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bibliobus.database import DatabaseError
from bibliobus.ils import (
    BeingConfirmed,
    CirculationError,
    Institution,
    NotSupported,
    Refused,
    Secret,
    Unavailable,
    WrongPIN,
)
from bibliobus.sip2 import PLAIN, Dialect, Message, Request
from bibliobus.sip2.connection import CHANGES_SOMETHING
from bibliobus.sip2.deviations import Rule
from bibliobus.sip2.messages import (
    BlockPatron,
    Checkin,
    Checkout,
    EndPatronSession,
    FeePaid,
    Hold,
    ItemInformation,
    ItemStatusUpdate,
    Login,
    LoginResponse,
    PatronEnable,
    PatronInformation,
    PatronStatusRequest,
    Renew,
    RenewAll,
    SCStatus,
)
from bibliobus.terminals.accounts import Account, Accounts, Caller
from bibliobus.terminals.call import Call, clean, clock
from bibliobus.terminals.circulation import checkin, checkout, renew, renew_all
from bibliobus.terminals.fees import fee_paid
from bibliobus.terminals.holds import hold
from bibliobus.terminals.items import item_information, item_status_update
from bibliobus.terminals.limits import Counted, Patience
from bibliobus.terminals.patrons import (
    block_patron,
    end_patron_session,
    patron_enable,
    patron_information,
    patron_status,
)
from bibliobus.terminals.refusals import refuse
from bibliobus.terminals.serving import Served
from bibliobus.terminals.settings import AccountSettings
from bibliobus.terminals.status import sc_status

logger = logging.getLogger(__name__)

Handler = Callable[[Call, Any], Awaitable[Message]]

HANDLERS: Mapping[type[Message], Handler] = {
    SCStatus: sc_status,
    PatronStatusRequest: patron_status,
    PatronInformation: patron_information,
    EndPatronSession: end_patron_session,
    BlockPatron: block_patron,
    PatronEnable: patron_enable,
    ItemInformation: item_information,
    ItemStatusUpdate: item_status_update,
    Checkout: checkout,
    Checkin: checkin,
    Renew: renew,
    RenewAll: renew_all,
    Hold: hold,
    FeePaid: fee_paid,
}

LOGINS = 3  # wrong ones that a connection is told of; at the next it is hung up on

_REFERENCES = secrets.token_bytes(16)  # patrons and items cannot be told from another day's log
_HERE = Caller()


class AskedTooMuch(Refused):
    """So many questions about patrons that somebody may be trying cards."""

    reason = "asked-too-much"
    screen_message = "Too many questions. Please wait a minute."


class HangUp(Exception):
    """Say nothing and close: a login is missing, or nobody knows whether something was done."""


@dataclass(frozen=True, slots=True)
class Premises:
    """What all sessions of a door share."""

    institutions: Mapping[str, Institution]
    accounts: Accounts
    patience: Patience
    of_account: Counted  # connections, by login


class Session:
    """A terminal from its first message to its last.

    Args:
        premises: Of the door it came to.
        caller: Where it comes from.
        before_login: The institution whose state it may ask for before it logs in, if any.
        beginning: How it is read and written to until it has logged in.
    """

    __slots__ = (
        "_account", "_before_login", "_beginning", "_caller", "_connection", "_counted",
        "_failures", "_location_code", "_premises", "_served", "_status", "_version", "_warned",
        "dialect",
    )  # fmt: skip

    def __init__(
        self,
        premises: Premises,
        caller: Caller = _HERE,
        before_login: str | None = None,
        beginning: Dialect = PLAIN,
    ) -> None:
        self._premises, self._caller, self._before_login = premises, caller, before_login
        self._beginning = beginning
        self._connection = secrets.token_hex(8)
        self._account: Account | None = None
        self._counted: str | None = None  # under which login
        self._version = 0  # of the accounts, when this one was last looked at
        self._location_code: str | None = None
        self._status: SCStatus | None = None  # what it last told of itself
        self._failures = 0
        self._served = Served()
        self._warned: frozenset[Rule] = frozenset()
        self.dialect = beginning  # how the terminal is written to

    @property
    def logged_in(self) -> bool:
        """Whether it has said who it is."""
        return self._account is not None

    async def answer(self, request: Request) -> Message:
        """The answer to one request, given only when all that it tells is durable.

        Raises:
            HangUp: There must be no answer.
        """
        message = request.message
        if isinstance(message, Login):
            return LoginResponse(
                ok=await self.login(
                    message.login_user_id,
                    Secret(message.login_password),
                    location_code=clean(message.location_code),
                    plain=(message.uid_algorithm, message.pwd_algorithm) == ("0", "0"),
                )
            )
        self.check()
        account = self._account or self._passer_by(message)
        if logger.isEnabledFor(logging.INFO):
            self._note_warnings(request)
        if isinstance(message, SCStatus):
            self._spoken(message, account.dialect)
        message = _normal(message, account.settings)
        self._served.asks(message, time.monotonic())
        call = self._call(request, account)
        began = time.perf_counter()
        try:
            if message.code not in account.may_send:
                raise NotSupported(f"the role {account.settings.role} has no {message.code}")
            await self._wait_its_turn(message, account)
            response = await HANDLERS[type(message)](call, message)
            self._served.answered(message, response, account.settings, time.monotonic())
            refused = ""
        except CirculationError as error:
            response = await self._no(call, message, error)
            refused = _outcome(error)
        except Exception:
            fault = secrets.token_hex(4)
            logger.exception("%s %s fault=%s", self, type(message).__name__, fault)
            if message.code in CHANGES_SOMETHING:
                raise HangUp("nobody knows whether it was done") from None
            response = await refuse(call, message, Unavailable("a fault of ours"))
            refused = f" fault={fault}"
        self._count_pin(message, response, refused)
        if logger.isEnabledFor(logging.INFO):
            self._tell(message, response, refused, time.perf_counter() - began)
        return _reworded(response, account.settings)

    async def too_late(self, request: Request) -> Message:
        """The answer to a request whose time is over.

        Raises:
            HangUp: Nobody knows whether it was done.
        """
        if isinstance(request.message, Login):
            raise HangUp("its login took too long")
        account = self._account or self._passer_by(request.message)
        message = _normal(request.message, account.settings)
        error = Unavailable("it took too long")
        response = await self._no(self._call(request, account), message, error)
        return _reworded(response, account.settings)

    async def login(
        self, login: str, password: Secret, *, location_code: str | None = None, plain: bool = True
    ) -> bool:
        """Let a terminal in, or not (93). Whoever it was before, it is not any more.

        Raises:
            HangUp: Nobody can tell, or it was wrong too often.
        """
        spoken = None if self.logged_in else self._status  # a 99 before the login
        self.leave()
        self.dialect = self._beginning
        patience, source = self._premises.patience, self._caller.source
        if not self._caller.is_here:  # before the check: else who is kept waiting knows the answer
            await asyncio.sleep(patience.wait_after_failures(source))
        account, why = await self._signed_in(login, password, location_code, plain=plain)
        if account is None:
            logger.info("%s login refused: %s", self, why)
            self._failures += 1
            if not self._caller.is_here and patience.failed(source):
                logger.warning("%s fails to log in: it is answered slowly from now on", self)
            if self._failures > LOGINS:
                raise HangUp("too many wrong logins")
            return False
        self._account, self._location_code = account, location_code
        self._version = self._premises.accounts.version
        self.dialect = account.dialect
        if spoken is not None:
            self._spoken(spoken, account.dialect)
        return True

    def enter(self, login: str) -> None:
        """Be this account's terminal without a login, because the listener says so.

        Raises:
            HangUp: There is no such account, or not for who comes from there.
        """
        account = self._admitted(login)
        if account is None or not self._count(account):
            raise HangUp(f"it is not to be {login}")
        self._account, self._version = account, self._premises.accounts.version
        self.dialect = account.dialect

    def check(self) -> None:
        """Keep up with changes to the account.

        Raises:
            HangUp: It was revoked, or is not for who comes from there any more.
        """
        accounts = self._premises.accounts
        if self._account is None or accounts.version == self._version:
            return
        self._version = accounts.version
        account = self._admitted(self._account.login)
        if account is None:
            raise HangUp("its account was revoked")
        self._account, self.dialect = account, account.dialect
        if self._status is not None:
            self._spoken(self._status, account.dialect)

    def _admitted(self, login: str) -> Account | None:
        """The account as it is now, if this may be its terminal."""
        account = self._premises.accounts.current(login)
        if account is None or account.institution not in self._premises.institutions:
            return None
        return account if account.admits(self._caller) else None

    def leave(self) -> None:
        """Be nobody."""
        if self._counted is not None:
            self._premises.of_account.drop(self._counted)
        self._account = self._counted = self._location_code = self._status = None
        self._served.forget()

    async def _signed_in(
        self, login: str, password: Secret, location_code: str | None, *, plain: bool
    ) -> tuple[Account | None, str]:
        """The account, or why not."""
        if not plain:
            return None, "only plain logins are known"
        try:
            account = await self._premises.accounts.sign_in(login, password)
        except DatabaseError as error:
            raise HangUp(f"nobody knows who it is: {error}") from error
        if account is None or account.institution not in self._premises.institutions:
            return None, "login or password"
        if not account.admits(self._caller):
            return None, f"{login} is not to be used from there"
        if account.settings.location_code == "required" and not location_code:
            return None, f"{login} has to say where it stands"
        if not self._count(account):
            return None, f"{login} is logged in too often"
        return account, ""

    def _count(self, account: Account) -> bool:
        """Whether this account may have one more connection."""
        if not self._caller.is_here:
            if not self._premises.of_account.add(account.login, account.settings.connections):
                return False
            self._counted = account.login
        return True

    def _passer_by(self, message: Message) -> Account:
        """Whom a terminal is taken for that has not logged in."""
        if self._before_login is None or not isinstance(message, SCStatus):
            raise HangUp(f"a {message.code} before any login")
        return Account(login="", institution=self._before_login)

    def _call(self, request: Request, account: Account) -> Call:
        institution = self._premises.institutions[account.institution]
        now, local = clock(int(time.time()), institution.time_zone)
        location = account.location
        if account.settings.location_code != "ignore":
            location = self._location_code or location
        return Call(
            institution, account, location, self._connection, self.dialect, request, now, local,
            self._served.patron_id(time.monotonic()),
        )  # fmt: skip

    async def _wait_its_turn(self, message: Message, account: Account) -> None:
        """Keep back who asks much, or guesses.

        Raises:
            AskedTooMuch: About patrons.
        """
        if self._caller.is_here:
            return
        patience, wait = self._premises.patience, 0.0
        if isinstance(message, PatronInformation | PatronStatusRequest):
            role = account.settings.role
            turn = patience.wait_for_patron(account.login, role, message.code)
            if turn is None:
                raise AskedTooMuch
            wait = turn
        if getattr(message, "patron_password", None):
            failures = patience.wait_after_failures((self._caller.source, account.login))
            wait = max(wait, failures)
        if wait:
            await asyncio.sleep(wait)

    def _count_pin(self, message: Message, response: Message, refused: str) -> None:
        if self._caller.is_here or not getattr(message, "patron_password", None):
            return
        wrong = not refused and getattr(response, "valid_patron_password", None) is False
        if wrong or refused == f" refused={WrongPIN.reason}":
            login = "" if self._account is None else self._account.login
            if self._premises.patience.failed((self._caller.source, login)):
                logger.warning("%s guesses PINs: it is answered slowly from now on", self)

    def _note_warnings(self, request: Request) -> None:
        """Say once for each rule that this terminal does not keep to it."""
        for warning in request.warnings:
            if warning.rule not in self._warned:
                self._warned |= {warning.rule}
                logger.info("%s %s: %s", self, request.message.code, warning)

    def _spoken(self, status: SCStatus, dialect: Dialect) -> None:
        """Keep to the version and the print width that a terminal tells of itself.

        A version that is neither 1 nor 2 is taken for 2.00 (spec/sip2 1.2).
        """
        if status.protocol_version[:1] not in "12":
            logger.info("%s speaks version %r", self, status.protocol_version)
        self._status = status
        spoken = replace(
            dialect,
            version="1.00" if status.protocol_version.startswith("1") else "2.00",
            print_width=status.max_print_width or dialect.print_width,
        )
        if spoken != self.dialect:
            self.dialect = spoken

    async def _no(self, call: Call, message: Message, error: CirculationError) -> Message:
        """The answer that says no, unless something may have been done after all."""
        if isinstance(error, Refused):
            self._served.refused(message, error)
        if isinstance(error, Unavailable) and not isinstance(error, BeingConfirmed):
            logger.warning("%s %s: %s", self, type(message).__name__, error)
            if error.may_stand and message.code in CHANGES_SOMETHING:
                raise HangUp("nobody knows whether it was done") from error
        return await refuse(call, message, error)

    def _tell(self, message: Message, response: Message, refused: str, seconds: float) -> None:
        """One line for one message: what, of whom by reference, what came of it, how long."""
        named = "".join(
            f" {name}={_reference(value)}"
            for name, value in (
                ("patron", getattr(message, "patron_id", None)),
                ("item", getattr(message, "item_id", None)),
            )
            if value
        )
        logger.info(
            "%s %s > %s%s%s %.0f ms",
            self, message.code, response.code, named, refused, seconds * 1000,
        )  # fmt: skip

    def __str__(self) -> str:
        login = self._account.login if self._account else "?"
        where = "" if self._caller.is_here else f" from={self._caller.address}"
        return f"terminal={login}/{self._connection[:4]}{where}"


def _normal(message: Message, settings: AccountSettings) -> Message:
    """The message with the ids that it means: without blanks around them, or what the account's
    scanner adds."""
    changes = {}
    for name, expression in (
        ("patron_id", settings.patron_id_filter),
        ("item_id", settings.item_id_filter),
    ):
        text = getattr(message, name, None)
        if not text:
            continue
        plain = re.sub(expression, "", text.strip()) if expression else text.strip()
        if plain != text:
            changes[name] = plain
    return replace(message, **changes) if changes else message  # type: ignore[type-var] # a dataclass


def _reworded(response: Message, settings: AccountSettings) -> Message:
    """The answer with the account's own words on the screen."""
    texts: tuple[str, ...] = getattr(response, "screen_messages", ())
    if not settings.screen_messages or not texts:
        return response
    for each in settings.screen_messages:
        texts = tuple(re.sub(each.find, each.replace, text) for text in texts)
    texts = tuple(text for text in texts if text)
    return replace(response, screen_messages=texts)  # type: ignore[type-var] # a dataclass


def _outcome(error: CirculationError) -> str:
    if isinstance(error, Refused):
        return f" refused={error.reason}"
    if isinstance(error, BeingConfirmed):
        return " being-confirmed"
    return " refused=not-supported" if isinstance(error, NotSupported) else " unavailable"


def _reference(value: str) -> str:
    """The same for the same barcode as long as the process lives, and nothing to anybody else."""
    text = value.encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, key=_REFERENCES, digest_size=4).hexdigest()
