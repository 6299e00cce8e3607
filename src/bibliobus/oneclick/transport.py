"""How the vendor is asked: headers, time-outs, repeats, and what is kept out of sight.

Questions are repeated if they may be answered a moment later, changes never: whether one stands is
found out by listing, which the caller does. Redirects are not followed, since they would take the
token along. Errors are raised where no exception of the HTTP library is being handled, because that
one would bring the address with it, and a card number is in it.

Source: spec/oneclick-api 1.0; spec/reliability 6.8.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from functools import cache, partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import NamedTuple, TypeVar

import httpx2

from bibliobus import __version__
from bibliobus.ils.errors import CirculationError
from bibliobus.oneclick.answers import Action, bad_answer, error_of
from bibliobus.oneclick.bodies import Answer
from bibliobus.oneclick.breaker import Breaker
from bibliobus.oneclick.errors import NotAnswered, NotAsked, NotPermitted, VendorError

T = TypeVar("T")

USER_AGENT = f"Bibliobus/{__version__} (library server; OneClickdigital client)"
CONNECT_SECONDS = 3.0
AT_ONCE = 8  # calls
APART = 0.01  # seconds between the beginnings of two: each takes 2 ms that terminals may want
REPEATS = 3
LONGEST_WAIT = 30.0  # seconds between two tries, whatever Retry-After says
REMEMBERED = timedelta(hours=1)  # a token that worked since then is not the likelier fault
LARGEST = 4 * 1024 * 1024  # bytes of an answer, unless its call says otherwise

NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)


class Call(NamedTuple):
    """One request: all that is to be sent, and how long to wait."""

    action: Action
    url: str
    headers: dict[str, str]
    seconds: float  # for the whole of one try, and for waiting until it is its turn
    body: bytes | None = None
    largest: int = LARGEST

    def __repr__(self) -> str:
        """Without the address, the token and the body."""
        return f"Call({self.action.value!r})"

    @property
    def method(self) -> str:
        """The HTTP method, which the action begins with."""
        return self.action.value.split()[0]


class Transport:
    """Connections to one vendor, shared by all calls."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._breaker = Breaker(clock)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._begin_at = 0.0  # of the event loop's time
        self._worked_at: datetime | None = None

    async def ask(self, call: Call) -> Answer:
        """Send a request, and repeat it if that is allowed and may help.

        Raises:
            CirculationError: What `answers.error_of` says of the answer, or that there was none.
        """
        tries = 1 + REPEATS if call.method == "GET" else 1
        tried = 1
        while True:
            answer = await self.once(call, partial(whole, call))
            outcome = self.judged(call, answer) if isinstance(answer, Answer) else answer
            if isinstance(outcome, Answer):
                return outcome
            pause = self._pause(tried, answer)
            if tried == tries or not _is_passing(outcome) or pause > LONGEST_WAIT:
                if _is_passing(outcome):
                    self._breaker.failed(str(outcome))
                raise outcome
            await self._sleep(pause)
            tried += 1

    async def once(
        self, call: Call, consume: Callable[[httpx2.Response], Awaitable[T]]
    ) -> T | VendorError:
        """Send a request once, and let `consume` read the answer.

        Returns:
            What `consume` returned, or why there is nothing: NotAnswered, NotAsked.
        """
        let_through = False
        try:
            async with self._turns, asyncio.timeout(call.seconds):
                await self._paced()
                let_through = self._breaker.lets_through()
                if not let_through:
                    return self._not_asked(call)
                async with self._sending(call) as response:
                    return await consume(response)
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, TimeoutError) as problem:
            error = _not_answered(call, problem, sent=let_through)
        finally:
            if let_through:
                self._breaker.gave_up()  # if it is not known how it went, or not yet
        return error

    async def _paced(self) -> None:
        """Wait until the next call may begin."""
        now = asyncio.get_running_loop().time()
        self._begin_at = max(self._begin_at + APART, now)
        if self._begin_at > now:
            await asyncio.sleep(self._begin_at - now)

    def _sending(self, call: Call) -> AbstractAsyncContextManager[httpx2.Response]:
        return self._http.stream(
            call.method,
            call.url,
            headers={**call.headers, "User-Agent": USER_AGENT},
            content=call.body,
            timeout=httpx2.Timeout(call.seconds, connect=CONNECT_SECONDS),
            follow_redirects=False,
            auth=None,  # nor any that the environment has
        )

    def judged(self, call: Call, answer: Answer) -> Answer | CirculationError:
        """The answer, or the error that it means; and note what it says of the vendor's health."""
        error = error_of(call.action, answer)
        if isinstance(error, NotPermitted):
            error = self._likelier(error)
        elif answer.status < 400 and call.action is not Action.ACCESS:  # which needs no token
            self._worked_at = self._clock()
        if not _is_passing(error):
            self._breaker.succeeded()
        return answer if error is None else error

    def _likelier(self, error: NotPermitted) -> NotPermitted:
        worked = self._worked_at is not None and self._clock() - self._worked_at < REMEMBERED
        hint = (
            "the token worked within the last hour, so it is likelier that we asked too often"
            if worked
            else "look at the token and the library id first; we may have asked too often, too"
        )
        return NotPermitted(f"{error}; {hint}", passing=error.passing)

    def _not_asked(self, call: Call) -> NotAsked:
        return NotAsked(
            f"{call.action.value}: not asked, since calls failed one after another; the latest: "
            f"{self._breaker.last}",
            may_stand=False,
        )

    def _pause(self, tried: int, answer: Answer | VendorError) -> float:
        """Seconds until the next try: twice as many each time, never the same for two of us."""
        usual = 2.0 ** (tried - 1) * (0.5 + self._chance() / 2)
        asked = answer.retry_after if isinstance(answer, Answer) else None
        return max(min(usual, LONGEST_WAIT), asked or 0.0)


def _is_passing(error: CirculationError | None) -> bool:
    return isinstance(error, VendorError) and error.passing


def _not_answered(call: Call, problem: Exception, *, sent: bool) -> NotAnswered:
    """Why there is no answer, by the kind of the problem alone: its text may name the address."""
    may_stand = call.action.changes and sent and not isinstance(problem, NEVER_SENT)
    return NotAnswered(
        f"{call.action.value}: no answer within {call.seconds:g} s"
        if isinstance(problem, TimeoutError)
        else f"{call.action.value}: no answer ({type(problem).__name__})",
        may_stand=may_stand,
    )


async def whole(call: Call, response: httpx2.Response) -> Answer | VendorError:
    """All of an answer, unless it is longer than anything the call could be answered with."""
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > call.largest:
            answer = Answer(response.status_code, b"")
            oddity = f"it is longer than {call.largest} bytes"
            return bad_answer(call.action, answer, oddity)
    return Answer(response.status_code, bytes(body), _retry_after(response))


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds to wait, if it says so in seconds; a date is left aside."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


class _NoAddresses(logging.Filter):
    """Keeps the HTTP library's record of each request out of the logs: addresses name patrons."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_NO_ADDRESSES = _NoAddresses()


def keep_quiet() -> None:
    """Have nothing logged of what goes over the HTTP library's connections, on any level."""
    for name in ("httpx2", "httpcore2.http11", "httpcore2.connection", "httpcore2.proxy"):
        logging.getLogger(name).addFilter(_NO_ADDRESSES)  # adding it again changes nothing


def connections(*, direct: bool) -> httpx2.AsyncClient:
    """Connections as the vendor may have them. They keep no cookies: one patron's session must not
    get into another's call.

    Args:
        direct: By no proxy that the environment names.
    """
    limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx2.AsyncClient(
        limits=limits, trust_env=not direct, cookies=no_cookies, verify=_certificates()
    )


@cache
def _certificates() -> ssl.SSLContext:
    """Whose certificates we believe: read once, since that takes longer than a call."""
    return httpx2.create_ssl_context()
