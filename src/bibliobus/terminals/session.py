"""One terminal's conversation: who it is, and which function answers what it says.

Everything that a session knows hangs on this object, so nothing can pass from one terminal to
another; a login that fails leaves nothing of the one before it (Koha bug 42847).
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from bibliobus.database import DatabaseError
from bibliobus.ils import CirculationError, Institution, Refused, Secret, Unavailable
from bibliobus.sip2 import PLAIN, Dialect, Message, Request
from bibliobus.sip2.connection import CHANGES_SOMETHING
from bibliobus.sip2.deviations import Rule
from bibliobus.sip2.messages import (
    Checkin,
    Checkout,
    EndPatronSession,
    ItemInformation,
    Login,
    LoginResponse,
    PatronInformation,
    PatronStatusRequest,
    SCStatus,
)
from bibliobus.terminals.accounts import Account, Accounts
from bibliobus.terminals.call import Call, clean, clock
from bibliobus.terminals.circulation import checkin, checkout
from bibliobus.terminals.items import item_information
from bibliobus.terminals.patrons import end_patron_session, patron_information, patron_status
from bibliobus.terminals.refusals import refuse
from bibliobus.terminals.status import sc_status

logger = logging.getLogger(__name__)

Handler = Callable[[Call, Any], Awaitable[Message]]

HANDLERS: Mapping[type[Message], Handler] = {
    SCStatus: sc_status,
    PatronStatusRequest: patron_status,
    PatronInformation: patron_information,
    EndPatronSession: end_patron_session,
    ItemInformation: item_information,
    Checkout: checkout,
    Checkin: checkin,
}


ANSWERED = frozenset(message.code for message in HANDLERS) | {"93", "97"}


class HangUp(Exception):
    """Say nothing and close: a login is missing, or nobody knows whether something was done."""


class Session:
    """A terminal from its first message to its last."""

    def __init__(self, institutions: Mapping[str, Institution], accounts: Accounts) -> None:
        self._institutions, self._accounts = institutions, accounts
        self._connection = secrets.token_hex(8)
        self._account: Account | None = None
        self._location: str | None = None
        self.dialect = PLAIN  # how the terminal is written to
        self._warned: set[Rule] = set()

    async def answer(self, request: Request) -> Message | None:
        """The answer to one request, given only when all that it tells is durable; None to one
        that this door does not answer.

        Raises:
            HangUp: There must be no answer.
        """
        message = request.message
        if isinstance(message, Login):
            return await self._login(message)
        if self._account is None:
            raise HangUp(f"a {message.code} before any login")
        if logger.isEnabledFor(logging.INFO):
            self._note_warnings(request)
        institution = self._institutions[self._account.institution]
        handler = HANDLERS.get(type(message))
        if handler is None:
            logger.info("%s %s is not answered here", self, type(message).__name__)
            return None
        if isinstance(message, SCStatus):
            self._spoken(message, self._account.dialect)
        now, local = clock(int(time.time()), institution.time_zone)
        call = Call(
            institution, self._account, self._location, self._connection, self.dialect, ANSWERED,
            request, now, local,
        )  # fmt: skip
        try:
            return await handler(call, message)
        except CirculationError as error:
            return self._no(call, message, error)
        except Exception:
            fault = secrets.token_hex(4)
            logger.exception("%s %s fault=%s", self, type(message).__name__, fault)
            return self._no(call, message, Unavailable(f"a fault of ours, {fault}"))

    def _note_warnings(self, request: Request) -> None:
        """Say once for each rule that this terminal does not keep to it."""
        for warning in request.warnings:
            if warning.rule not in self._warned:
                self._warned.add(warning.rule)
                logger.info("%s %s: %s", self, request.message.code, warning)

    def _spoken(self, status: SCStatus, dialect: Dialect) -> None:
        """Keep to the version and the print width that a terminal tells of itself.

        A version that is neither 1 nor 2 is taken for 2.00 (spec/sip2 1.2).
        """
        if status.protocol_version[:1] not in "12":
            logger.info("%s speaks version %r", self, status.protocol_version)
        spoken = replace(
            dialect,
            version="1.00" if status.protocol_version.startswith("1") else "2.00",
            print_width=status.max_print_width or dialect.print_width,
        )
        if spoken != self.dialect:
            self.dialect = spoken

    def _no(self, call: Call, message: Message, error: CirculationError) -> Message:
        """The answer that says no, unless something may have been done after all."""
        if isinstance(error, Unavailable):
            logger.warning("%s %s: %s", self, type(message).__name__, error)
            if error.may_stand and message.code in CHANGES_SOMETHING:
                raise HangUp("nobody knows whether it was done") from error
        elif isinstance(error, Refused):
            logger.info("%s %s refused=%s", self, type(message).__name__, error.reason)
        return refuse(call, message, error)

    def __str__(self) -> str:
        return f"terminal={self._account.login if self._account else '?'}/{self._connection[:4]}"

    async def _login(self, login: Login) -> LoginResponse:
        """93 → 94."""
        self._account = self._location = None
        self.dialect = PLAIN
        if (login.uid_algorithm, login.pwd_algorithm) != ("0", "0"):
            logger.info("%s login refused: only plain logins are known", self)
            return LoginResponse(ok=False)
        try:
            account = await self._accounts.sign_in(
                login.login_user_id, Secret(login.login_password)
            )
        except DatabaseError as error:
            raise HangUp(f"nobody knows who it is: {error}") from error
        if account is None or account.institution not in self._institutions:
            logger.info("%s login refused", self)
            return LoginResponse(ok=False)
        self._account, self._location = account, clean(login.location_code) or account.location
        self.dialect = account.dialect
        return LoginResponse(ok=True)
