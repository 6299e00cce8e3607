"""Many self-check terminals at once, over real sockets, as a library has them.

Each one logs in, works with patrons and items of its own, asks the next thing when the answer to
the last has come, and keeps the standard's rules of asking again. If its connection is lost it
connects again and repeats what was not answered: as it was, or with a new time, as some terminals
do. So a server may be killed and started again under it, and every outcome can be foretold.

Source: spec/reliability 5.2, V6; SIP2 2.00, "Sequence Number".
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from bibliobus.ils import Secret
from bibliobus.sandbox.async_terminal import AsyncTerminal
from bibliobus.sandbox.journal import Journal, Verdict
from bibliobus.sandbox.tally import Tally, judge
from bibliobus.sandbox.terminal import NoAnswer
from bibliobus.sandbox.workload import Workload
from bibliobus.sip2 import (
    PLAIN,
    Dialect,
    ErrorDetection,
    Ignored,
    Message,
    SendAgain,
    encode,
    messages,
)

T = TypeVar("T")

_FOR_EVER = float("inf")
_PAUSE = (0.05, 0.25)  # seconds between two tries to connect; not all terminals at once
_PRINT_WIDTH = 80


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is to be simulated."""

    address: tuple[str, int]
    login: str
    password: Secret
    patrons: Sequence[str]  # at least one for each terminal, as of items
    items: Sequence[str]
    mix: Mapping[str, int]  # weights of `workload.KINDS`
    pin: Secret | None = None  # of all patrons
    institution: str = ""  # empty: the one that the library's 98 names
    terminals: int = 16
    seconds: float = 10.0
    rate: float | None = None  # messages a second over all terminals; None: as answers come
    restamp: float = 0.0  # share of repeats on a new connection that have a new time
    timeout: float = 10.0  # seconds that an answer may take before it is asked for again
    patience: float = 10.0  # seconds to go on repeating what was not answered
    currency: str = "EUR"
    dialect: Dialect = PLAIN
    seed: int = 0  # of what is chosen by chance


class _GaveUp(Exception):
    """A terminal has no more patience, or was not let in."""


class Simulator:
    """The terminals of a load, and what came of it."""

    def __init__(self, load: Load, journal: Journal | None = None) -> None:
        self.load, self.journal = load, journal
        self.tally = Tally(load.terminals)
        self._ends_at = _FOR_EVER
        self._stopped = False

    async def run(self) -> Tally:
        """Log all terminals in, let them work for their time, and say what came of it.

        Raises:
            OSError: The journal cannot be written.
        """
        terminals = [_Terminal(self, number) for number in range(self.load.terminals)]
        await asyncio.gather(*(each.log_in() for each in terminals))
        began_at = monotonic()
        self._ends_at = began_at + self.load.seconds
        await asyncio.gather(*(each.work() for each in terminals))
        self.tally.seconds = monotonic() - began_at
        return self.tally

    def stop(self) -> None:
        """Let each terminal finish what it is at."""
        self._stopped = True

    @property
    def over(self) -> bool:
        """Nothing new is to be begun."""
        return self._stopped or monotonic() >= self._ends_at


class _Terminal:
    """One of them."""

    def __init__(self, simulator: Simulator, number: int) -> None:
        load = simulator.load
        self._simulator, self._load, self._number = simulator, load, number
        self._tally = simulator.tally
        self._rng = random.Random(f"{load.seed} {number}")  # noqa: S311 - no secret
        self._work = Workload(
            self._rng, load.mix, load.patrons[number :: load.terminals],
            load.items[number :: load.terminals], load.pin, load.currency,
        )  # fmt: skip
        self._work.institution = load.institution
        self._numbered = load.dialect.error_detection is not ErrorDetection.OFF
        self._connection: AsyncTerminal | None = None
        self._connected_before = self._given_up = False
        self._late = 0  # answers that may still come, because they were asked for again
        self._asking: Message | None = None
        self._requests = 0
        self._step = load.terminals / load.rate if load.rate else 0.0
        self._due = 0.0  # when the next message is to be sent, if there is a rate

    async def log_in(self) -> None:
        """Be connected, or give up."""
        try:
            await self._patiently(_nothing)
        except _GaveUp as error:
            self._give_up(error)

    async def work(self) -> None:
        """Say one thing after the other until time is over, or give up. Then hang up."""
        self._due = monotonic() + self._rng.random() * self._step
        try:
            while not (self._simulator.over or self._given_up):
                await self._next()
        except _GaveUp as error:
            self._give_up(error)
        finally:
            self._hang_up()

    async def _next(self) -> None:
        code = self._work.code()
        if code == "37":
            payment = self._work.payment()
            await self._ask(payment, payment.patron_id)
        elif code == "11":
            await self._lend()
        else:
            query = self._work.query(code)
            await self._ask(query, getattr(query, "patron_id", None))

    async def _lend(self) -> None:
        """A checkout and, if it was granted, the checkin."""
        patron, item, rest = self._work.borrower()
        if rest:
            await asyncio.sleep(rest)
            if self._simulator.over:
                return
        if await self._ask(self._work.checkout(patron, item), patron) is not Verdict.REFUSED:
            await self._ask(self._work.checkin(item), patron)

    # ------------------------------------------------ one request

    async def _ask(self, request: Message, patron: str | None) -> Verdict:
        """Ask until there is an answer, on as many connections as that takes."""
        self._requests += 1
        self._asking = request
        began_at = await self._until_due()
        sent = False

        async def send(connection: AsyncTerminal) -> tuple[Verdict, str, Message]:
            nonlocal request, sent, began_at
            if sent and self._rng.random() < self._load.restamp:
                request = self._work.restamped(request)
                self._tally.restamped += 1
            if journal is not None:
                await journal.sent(self._number, self._requests, request)
            sent, began_at = True, began_at or monotonic()
            response = await connection.ask(self._written(request))
            verdict, why = judge(request, response, patron, numbered=self._numbered)
            return verdict, why, response.message

        journal = self._simulator.journal
        verdict, why, answer = await self._patiently(send)
        self._tally.answered(request, verdict, why, monotonic() - began_at)
        if journal is not None:
            await journal.answered(self._number, self._requests, answer, verdict, why)
        return verdict

    async def _until_due(self) -> float:
        """Wait for this message's turn, if there is a rate; when that is, else 0.

        What is sent late, because the answer before it was, counts from when it was due.
        """
        if not self._step:
            return 0.0
        due, self._due = self._due, self._due + self._step
        await asyncio.sleep(max(0.0, due - monotonic()))
        return due

    def _written(self, request: Message) -> bytes:
        return self._load.dialect.to_bytes(encode(request, self._load.dialect))

    # ------------------------------------------------ connections

    async def _patiently(self, step: Callable[[AsyncTerminal], Awaitable[T]]) -> T:
        """Do something on a connection, and if that fails on another, while patience lasts."""
        until = _FOR_EVER
        while True:
            try:
                return await step(self._connection or await self._connect())
            except NoAnswer as error:
                self._hang_up()
                until = min(until, monotonic() + self._load.patience)
                if monotonic() >= until:
                    raise _GaveUp(str(error)) from error
            await asyncio.sleep(self._rng.uniform(*_PAUSE))

    async def _connect(self) -> AsyncTerminal:
        """Connect, log in, and say and hear how things are: what every terminal begins with."""
        load = self._load
        connection = await AsyncTerminal.connect(
            load.address, load.dialect, timeout=load.timeout, noticed=self._noticed
        )
        self._connection, self._late = connection, 0
        login = messages.Login(login_user_id=load.login, login_password=load.password.reveal())
        await self._introduce(connection, login)
        status = messages.SCStatus(
            status_code="0", max_print_width=_PRINT_WIDTH, protocol_version=load.dialect.version
        )
        told = await self._introduce(connection, status)
        if isinstance(told, messages.ACSStatus):
            self._work.clock.set(told.date_time_sync)
            self._work.institution = self._work.institution or told.institution_id
        self._tally.reconnected += self._connected_before
        self._connected_before = True
        return connection

    async def _introduce(self, connection: AsyncTerminal, request: Message) -> Message:
        began_at = monotonic()
        response = await connection.ask(self._written(request))
        verdict, why = judge(request, response, None, numbered=self._numbered)
        self._tally.answered(request, verdict, why, monotonic() - began_at)
        if verdict is Verdict.REFUSED:
            raise _GaveUp(f"{request.layout.title} was refused")
        return response.message

    def _noticed(self, event: SendAgain | Ignored) -> None:
        """Count what was sent again, and what came unasked."""
        if isinstance(event, SendAgain):
            self._tally.asked_again += 1
            self._late += 1
        elif self._late:
            self._late -= 1
        elif self._asking is not None:
            self._tally.went_wrong(self._asking, event.reason)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _give_up(self, error: _GaveUp) -> None:
        self._hang_up()
        self._given_up = True
        self._tally.gave_up(self._asking, str(error))


async def _nothing(connection: AsyncTerminal) -> None:
    """What is to be done on a connection that is only to be opened."""
