"""One socket of the terminals door: bytes to requests, answers to bytes, one after another.

While one request is being handled, what else arrives waits in a bounded buffer; a terminal that
goes on sending, or does not read, is not read from.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Callable
from typing import Protocol, cast

from bibliobus.sip2 import Close, Connection, Event, Message, Reply, Request
from bibliobus.sip2.connection import MAX_LENGTH
from bibliobus.terminals.accounts import Caller
from bibliobus.terminals.limits import Allowance, Limits
from bibliobus.terminals.listening import Listener, caller_of
from bibliobus.terminals.prompts import Attempt, LoginPrompts, TooMuchSent
from bibliobus.terminals.proxying import NoProxyHeader, ProxyHeader
from bibliobus.terminals.session import HangUp, Premises, Session

logger = logging.getLogger(__name__)

AT_ONCE = 16  # messages of one terminal before the others have their turn
STRANGERS_LENGTH = 4096  # bytes of a message before login
MOST_WAITING = 8 * MAX_LENGTH  # bytes of requests that a connection may send ahead
MOST_UNREAD = 65_536  # bytes of answers that a terminal has not read; the system has as many more
PROXY_SECONDS = 2.0  # to say for whom it connects
HALF = "half a message"

_KEEPALIVE = (
    ("SO_KEEPALIVE", socket.SOL_SOCKET, 1),
    ("TCP_KEEPIDLE", socket.IPPROTO_TCP, 60),
    ("TCP_KEEPINTVL", socket.IPPROTO_TCP, 10),
    ("TCP_KEEPCNT", socket.IPPROTO_TCP, 6),
    ("TCP_USER_TIMEOUT", socket.IPPROTO_TCP, 30_000),
)  # a terminal that was switched off is noticed within two minutes


class Door(Protocol):
    """What a connection has to do with the door that it came to."""

    limits: Limits
    premises: Premises
    clock: Callable[[], float]

    def came(self, connection: TerminalConnection) -> str:
        """A connection begins; why it cannot stay, if so."""
        ...

    def stranger(self, connection: TerminalConnection, caller: Caller) -> str:
        """It is known where it comes from, and not yet who it is; why it cannot stay, if so."""
        ...

    def known(self, connection: TerminalConnection) -> None:
        """It has logged in."""
        ...

    def went(self, connection: TerminalConnection) -> None:
        """It is closed, and nothing that it asked for is still being done."""
        ...


class TerminalConnection(asyncio.Protocol):
    """A terminal's, from its first byte to its last."""

    __slots__ = (
        "_allowance", "_caller", "_door", "_due", "_limits", "_listener", "_login_by", "_lost",
        "_overdue", "_paused", "_prompts", "_proxy", "_running", "_session", "_sip2", "_stopping",
        "_task", "_transport", "_why", "_writable", "counted",
    )  # fmt: skip

    _transport: asyncio.Transport
    _session: Session

    def __init__(self, door: Door, here: Listener) -> None:
        self._door, self._listener = door, here
        self._limits = here.limits(door.limits)
        self._caller = Caller()
        self._sip2 = Connection(max_length=STRANGERS_LENGTH)
        self._proxy: ProxyHeader | None = None  # until it has said for whom it connects
        self._prompts: LoginPrompts | None = None  # until it has answered them
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Event | None = None  # if answers wait to be read
        self._paused = False  # it has sent more ahead than it may
        self._stopping = False
        self._lost = False
        self._running = False  # the session has a request
        self._overdue = False  # and for too long
        self._due = math.inf  # when something has to have happened
        self._why = ""  # what
        self._login_by = math.inf
        self._allowance: Allowance | None = None
        self.counted: object | None = None  # at the door, under this address

    # ------------------------------------------------ what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(MOST_UNREAD)
        _keep_alive(transport.get_extra_info("socket"))
        caller = caller_of(transport)
        if caller is None:
            self._refuse(self._caller, "it has gone")
            return
        self._caller = caller
        if why := self._door.came(self):
            self._refuse(caller, why)
        elif not self._listener.proxies:
            self._begin(caller)
        elif self._listener.is_proxy(caller.address):
            self._proxy = ProxyHeader()
            self._wait(PROXY_SECONDS, "no PROXY header")
        else:
            self._refuse(caller, "it is no proxy of ours")

    def data_received(self, data: bytes) -> None:
        if self._proxy is not None:
            try:
                proxied = self._proxy.feed(data)
            except NoProxyHeader as error:
                self._refuse(self._caller, str(error))
                return
            if proxied is None:
                return
            self._proxy, data = None, proxied.rest
            proxy, address = self._caller, proxied.address
            away = not proxy.is_here
            self._begin(proxy if address is None else Caller(address, by_proxy=away))
        if self._prompts is not None:
            try:
                self._prompts.receive_data(data)
            except TooMuchSent as error:
                self._refuse(self._caller, str(error))
                return
        else:
            self._sip2.receive_data(data)
        if self._sip2.waiting > MOST_WAITING and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._go_on()

    def eof_received(self) -> bool:
        """The terminal has said all: answer what it said, then close; TLS is closed at once."""
        self._stopping = True
        if not hasattr(self, "_session"):
            return False
        self._sip2.receive_end()
        self._go_on()
        return self._listener.tls is None  # TLS cannot be half closed

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stopping = self._lost = True
        self.resume_writing()
        if self._task is None:
            self._leave()
        elif not self._session.logged_in:
            self._task.cancel()  # nobody waits for the check of its password

    # ------------------------------------------------ what the door calls

    def stop(self) -> asyncio.Task[None] | None:
        """Close when idle, and read no more; the task that still answers what has come, if any."""
        self._stopping = True
        if self._task is None:
            self._hang_up()
        elif not self._transport.is_closing():
            self._transport.pause_reading()
        return self._task

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    def look_at_clock(self, now: float) -> None:
        """See whether the time for something is over."""
        if self._running and self._task is not None:
            if now >= self._due:
                self._overdue, self._due = True, math.inf
                self._task.cancel()
        elif now >= self._login_by:
            self.expire("no login")
        elif now >= self._due and (self._task is None or self._writable is not None):
            self.expire(self._why)

    def look_at_account(self) -> None:
        """See whether the account has changed, unless the next request will."""
        if self._task is None and hasattr(self, "_session"):
            try:
                self._session.check()
            except HangUp as end:
                self.expire(str(end))
            else:
                self._sip2.dialect = self._session.dialect

    def expire(self, why: str) -> None:
        """Close it, because its time is over."""
        logger.info("%s closed: %s", self, why)
        self._transport.abort()

    # ------------------------------------------------ how it begins

    def _begin(self, caller: Caller) -> None:
        """Be a terminal from there, if that may be."""
        self._caller, settings = caller, self._listener.settings
        if not self._listener.admits(caller):
            self._refuse(caller, "plain SIP2 is not for there")
            return
        if why := self._door.stranger(self, caller):
            self._refuse(caller, why)
            return
        self._session = Session(
            self._door.premises, caller, settings.status_before_login, self._listener.dialect
        )
        self._sip2.dialect = self._listener.dialect
        if not caller.is_here:
            limits = self._limits
            self._allowance = Allowance(
                limits.messages_a_second, limits.messages_at_once, self._door.clock()
            )
        self._due = math.inf
        self._login_by = self._door.clock() + self._limits.login_seconds
        if settings.account is not None:
            try:
                self._session.enter(settings.account)
            except HangUp as end:
                self._refuse(caller, str(end))
                return
            self._logged_in()
            self._wait_for_more(0)
        elif settings.telnet:
            self._prompts = LoginPrompts()
            self._go_on()

    def _refuse(self, caller: Caller, why: str) -> None:
        logger.info("from=%s closed at once: %s", caller.address, why)
        self._stopping = True
        self._transport.abort()

    def _logged_in(self) -> None:
        self._sip2.max_length = MAX_LENGTH
        self._sip2.dialect = self._session.dialect
        self._login_by = math.inf
        self._door.known(self)

    def _logged_out(self) -> None:
        """It tried to be somebody else, and is nobody now."""
        self._sip2.max_length = STRANGERS_LENGTH
        self._login_by = self._door.clock() + self._limits.login_seconds
        if why := self._door.stranger(self, self._caller):
            raise HangUp(why)

    # ------------------------------------------------ one request after another

    def _go_on(self) -> None:
        if self._task is None and not self._transport.is_closing():
            self._task = asyncio.get_running_loop().create_task(self._answer_all())

    async def _answer_all(self) -> None:
        answered = 0
        try:
            if self._prompts is not None:
                await self._ask_who(self._prompts)
            while (event := self._sip2.next_event()) is not None:
                await self._answer(event)
                answered += 1
                if answered % AT_ONCE == 0:  # what needs no ILS never waits, so others would
                    await asyncio.sleep(0)
                if self._writable is not None:
                    self._wait(self._limits.message_seconds, "its answers are not read")
                    await self._writable.wait()
                if self._transport.is_closing():
                    return
                self._read_on()
            self._session.check()
        except HangUp as end:
            logger.info("%s closed: %s", self, end)
            self._stopping = True
        except Exception:
            logger.exception("%s closed: a fault of ours", self)
            self._stopping = True
        finally:
            self._task = None
            if self._lost:
                self._leave()
        if self._stopping:
            self._hang_up()
        else:
            self._wait_for_more(answered)
            self._read_on()

    def _wait_for_more(self, answered: int) -> None:
        """Begin to wait: for the rest of a message (from its first byte on), or for another."""
        limits = self._limits
        if not self._sip2.has_begun:
            self._wait(limits.idle_seconds or math.inf, "idle")
        elif answered or self._why != HALF:
            self._wait(limits.message_seconds, HALF)

    def _hang_up(self) -> None:
        """Close when all is written, which must not take for ever."""
        self._transport.close()
        self._wait(self._limits.message_seconds, "its last answers are not read")

    def _leave(self) -> None:
        if hasattr(self, "_session"):
            self._session.leave()
        self._door.went(self)

    def _wait(self, seconds: float, why: str) -> None:
        self._due, self._why = self._door.clock() + seconds, why

    def _read_on(self) -> None:
        if self._paused and not self._stopping and self._sip2.waiting <= MOST_WAITING:
            self._paused = False
            self._transport.resume_reading()

    async def _ask_who(self, prompts: LoginPrompts) -> None:
        """Show telnet's prompts, and see to the answers."""
        while (event := prompts.next_event()) is not None:
            if isinstance(event, Attempt):
                in_ = await self._session.login(event.login, event.password)
                event = prompts.accepted() if in_ else prompts.refused()
            self._write(event)
        if not prompts.finished:
            return
        if not self._session.logged_in:
            raise HangUp("too many wrong logins")
        self._prompts = None
        self._logged_in()
        self._sip2.receive_data(prompts.rest)

    async def _answer(self, event: Event) -> None:
        if self._allowance is not None and (wait := self._allowance.take(self._door.clock())):
            await asyncio.sleep(wait)
        if isinstance(event, Request):
            was_in = self._session.logged_in
            response = await self._in_time(event)
            if self._session.logged_in and not was_in:
                self._logged_in()
            elif was_in and not self._session.logged_in:
                self._logged_out()
            self._sip2.dialect = self._session.dialect
            self._write(self._sip2.send(response))
            return
        logger.info("%s %s", self._session, event.reason)
        if isinstance(event, Reply):
            self._write(event.data)
        elif isinstance(event, Close):
            raise HangUp(event.reason)

    async def _in_time(self, request: Request) -> Message:
        """The session's answer; if it takes too long, one that says so, or none."""
        self._running, self._due = True, self._door.clock() + self._limits.answer_seconds
        try:
            return await self._session.answer(request)
        except asyncio.CancelledError:
            if not self._overdue:
                raise
            cast("asyncio.Task[None]", asyncio.current_task()).uncancel()
            return await self._session.too_late(request)
        finally:
            self._running = self._overdue = False

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():  # else nobody is there any more
            self._transport.write(data)

    def __str__(self) -> str:
        return str(self._session) if hasattr(self, "_session") else f"from={self._caller.address}"


def _keep_alive(sock: socket.socket | None) -> None:
    if sock is None:
        return
    for name, level, value in _KEEPALIVE:
        option = getattr(socket, name, None)
        if option is not None:  # not every system has all of them
            sock.setsockopt(level, option, value)
