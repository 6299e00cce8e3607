"""The vendor is slow, breaks off, fails and lies, and we are killed, while patrons borrow from it.

Whatever went wrong: within one reconciliation our mirror is what the vendor has, in every flow; no
loan was paid for twice; nobody was told of a loan that was none.

100 flows, 1,000 with --prove; in one of twenty at least a process is killed. BIBLIOBUS_SEED makes
other ones.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
import pytest

from bibliobus.config import Config, DatabaseConfig
from bibliobus.ils import RenewalNotAllowed, Unavailable
from bibliobus.ils.library import Library as Document
from bibliobus.ils.library import PatronEntry
from bibliobus.oneclick.accounts import Account
from bibliobus.sandbox.vendor import Vendor
from bibliobus.sandbox.vendor.faults import Kind
from tests.faults.chaos import (
    CALLS,
    LOOKUP,
    PATRON,
    SLOW,
    STORIES,
    TIMEOUT,
    Flow,
    Moving,
    Reader,
    borrows,
    open_intents,
    remember_loans,
    settled,
)
from tests.oneclick.collected import Collected
from tests.oneclick.conftest import catalogue, collection, collections, sandbox  # noqa: F401
from tests.oneclick.lending import READER, Lent, lent, reopened
from tests.support import SETTINGS, Library

SEED = os.environ.get("BIBLIOBUS_SEED", "20161024")
AT_ONCE = 24  # flows
KILLED_AT_ONCE = 5  # of them
SERVERS = 4  # that they are spread over: one that failed too often makes no calls for a while


@pytest.fixture
def era(database_url: str) -> str:
    """The vendor's first with one database, its last with the other."""
    return "E1" if database_url.startswith("sqlite") else "E4"


@pytest.fixture
def today() -> Moving:
    return Moving()


@pytest.fixture
async def servers(
    library: Library,
    collection: Collected,  # noqa: F811
    sandbox: Vendor,  # noqa: F811
    today: Moving,
) -> AsyncIterator[list[Lent]]:
    """Several, with one database and one vendor of enough copies; the first one has patience."""
    remember_loans(sandbox)
    async with AsyncExitStack() as stack:
        found = [await stack.enter_async_context(lent(library, collection, sandbox, today))]
        for _ in range(SERVERS):
            another = reopened(
                library, collection, sandbox, today,
                timeout_seconds=TIMEOUT, wait_seconds=2 * TIMEOUT,
            )  # fmt: skip
            found.append(await stack.enter_async_context(another))
        for isbn in found[0].isbns():
            sandbox.set_copies(isbn, None)
        yield found


@pytest.mark.timeout(3600)
async def test_whatever_goes_wrong_both_sides_end_the_same(
    servers: list[Lent], size: Callable[[int, int], int], caplog: pytest.LogCaptureFixture
) -> None:
    count, begun = size(92, 940), time.monotonic()
    met, told = Counter[str](), Counter[str]()
    for first in range(0, count, AT_ONCE):
        flows = await some_flows(servers, range(first, min(first + AT_ONCE, count)))
        chance = Random(f"{SEED} {first}")
        let_the_vendor_be_different(servers[0].vendor, chance)
        for flow in flows:
            await flow.meet_faults()
        await asyncio.gather(*(flow.go(elsewhere=chance.choice(servers[1:])) for flow in flows))
        await settled(*servers)
        await asyncio.gather(*(reconciled(servers[0], flow) for flow in flows))
        for flow in flows:
            met += flow.met()
            told += flow.reader.told
    print(f"{count} flows in {time.monotonic() - begun:.0f} s")
    print(f"{met.total()} faults: {', '.join(f'{n} {kind}' for kind, n in met.most_common())}")
    print(f"told: {', '.join(f'{n} {what}' for what, n in told.most_common())}")

    assert told["done"] > count / 10, "too much went wrong to prove anything"
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


async def some_flows(servers: list[Lent], numbers: range) -> list[Flow]:
    """Flows of new patrons, half of whom the vendor knows already; some want the same last copy."""
    first, *others = servers
    isbns = first.isbns()
    wave = numbers.start // AT_ONCE
    common, scarce = isbns[(wave - 1) % len(isbns)], isbns[wave % len(isbns)]
    first.vendor.set_copies(common, None)
    first.vendor.set_copies(scarce, 1)
    entries = tuple(PatronEntry(id=f"r{n}", name="A Reader") for n in numbers)
    await first.library.add(Document(institutions={"MAIN": SETTINGS}, patrons=entries))

    async def one(number: int) -> Flow:
        seed, lending = f"{SEED} {number}", others[number % SERVERS]
        chance = Random(seed)
        isbn = scarce if chance.random() < 0.1 else chance.choice(isbns)
        reader = Reader(lending, f"r{number}", isbn)
        await first.collection.agree(reader.patron, frozenset())
        if chance.random() < 0.5:
            await first.has_an_account(reader.patron)
        return Flow(seed, reader, chance.choice([*STORIES]), chance)

    return await asyncio.gather(*(one(number) for number in numbers))


async def reconciled(lending: Lent, flow: Flow) -> None:
    """Once, and then all must be as it should."""
    await lending.collection.reconcile(flow.reader.patron)
    await flow.check()


def let_the_vendor_be_different(vendor: Vendor, chance: Random) -> None:
    """In what its contract leaves open."""
    vendor.change_settings(
        tells_expiration=chance.random() < 0.5,
        holds_stay_listed=chance.random() < 0.5,
        permission_status=chance.choice((200, 401)),
        duplicate_patron_status=chance.choice((409, 500)),
    )


@dataclass
class Borrower:
    """Another process, which borrows as it is told."""

    process: asyncio.subprocess.Process

    @classmethod
    @asynccontextmanager
    async def working(cls, lending: Lent, url: str) -> AsyncIterator[Borrower]:
        """One with the same database and the same vendor, all the patience in the world, and the
        real time."""
        its = lending.collection._desk.settings
        patient = msgspec.structs.replace(its, timeout_seconds=20, wait_seconds=20)
        config = Config(
            database=DatabaseConfig(url=url), oneclick={lending.collected.name: patient}
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.borrower",
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        borrower = cls(process)
        try:
            borrower._say(msgspec.json.encode(config))
            assert await borrower.hears() == {"ready": True}
            yield borrower
        finally:
            await borrower.killed()

    def begins(self, what: str, patron: str, isbn: str) -> None:
        self._say(json.dumps({"what": what, "patron": patron, "isbn": isbn}).encode())

    async def hears(self) -> dict[str, Any]:
        """What it was told; nothing, if it was killed before."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), 60)
        return dict(json.loads(line or b"{}"))

    async def killed(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    def signal(self, what: signal.Signals) -> None:
        self.process.send_signal(what)

    def _say(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")


MOMENTS: dict[str, tuple[Kind, str]] = {
    "before the call": ("latency", "patrons/lookup"),
    "while the vendor works": ("latency", "the call"),
    "while the answer is on its way": ("latency-after", "the call"),
    "before our commit": ("latency-after", "checkouts/list"),
}
"""When processes are killed, and what holds them up there: what, and at which call."""
ANY_TIME = "at any time"
FIRST = {"renew": "checkout", "checkin": "checkout", "cancel": "hold"}
"""What has to be done before an act."""


@pytest.mark.timeout(3600)
async def test_whenever_a_process_is_killed_another_finds_out_what_it_did(
    servers: list[Lent], database_url: str, size: Callable[[int, int], int]
) -> None:
    kills, begun, lending = size(10, 60), time.monotonic(), servers[0]
    found = Counter[str]()
    for first in range(0, kills, KILLED_AT_ONCE):
        numbers = range(first, min(first + KILLED_AT_ONCE, kills))
        entries = tuple(PatronEntry(id=f"k{n}", name="A Reader") for n in numbers)
        await lending.library.add(Document(institutions={"MAIN": SETTINGS}, patrons=entries))
        flows = await asyncio.gather(*(killed(lending, database_url, n) for n in numbers))
        await settled(lending)
        for flow in flows:
            await reconciled(lending, flow)
            found[flow.killed] += 1
    print(f"{kills} kills in {time.monotonic() - begun:.0f} s, by where they fell:")
    print(", ".join(f"{n} {where}" for where, n in found.most_common()))

    assert {"before the call", "while the vendor worked", "before our commit"} <= {*found}


async def killed(lending: Lent, url: str, number: int) -> Flow:
    """A flow in which a process is killed at one of those moments, or at any time."""
    seed = f"{SEED} k{number}"
    chance = Random(seed)
    reader = Reader(lending, f"k{number}", chance.choice(lending.isbns()))
    when = [*MOMENTS, ANY_TIME][number % (len(MOMENTS) + 1)]
    is_new = when == "before the call"  # to whom the vendor has to make an account
    what = chance.choice(("checkout", "hold") if is_new else [*CALLS])
    flow = Flow(seed, reader, borrows, chance, act=what, killed=when)
    await lending.collection.agree(reader.patron, frozenset())
    if not is_new:
        await lending.has_an_account(reader.patron)
    reader.borrowings = 1
    if what in FIRST:
        await reader.does(FIRST[what])

    async with Borrower.working(lending, url) as borrower:
        with flow.explained():
            await kill(borrower, flow, when)
    return flow


async def kill(borrower: Borrower, flow: Flow, when: str) -> None:
    """Kill a process while it does what the flow's reader wants. What it said before that is so;
    in every second case somebody else takes over at once, while the vendor may still be at it."""
    reader = flow.reader
    account = await reader.lending.account(reader.patron)
    asked = reader.lending.vendor.faults.add(  # which does nothing to this call but count it
        "unsorted", times=1, path=PATRON.format(account.remote_id or 0), endpoint=CALLS[flow.act]
    )
    before = all_that_the_vendor_has(reader, account)

    if when == ANY_TIME:
        borrower.begins(flow.act, reader.patron, reader.isbn)
        await asyncio.sleep(flow.chance.uniform(0, 0.1))
    else:
        await held_up(borrower, reader, flow.act, when)
    borrower.signal(signal.SIGKILL)

    was_asked, changed = not asked.times, all_that_the_vendor_has(reader, account) != before
    await borrower.killed()
    flow.killed = await where(reader, was_asked=was_asked, changed=changed)
    said = await borrower.hears()
    reader.log.append(f"{flow.act}: killed {flow.killed}, having said {said}")
    if "result" in said:
        await reader.hear(flow.act)
    if flow.chance.random() < 0.5:
        await reader.lending.collection.settle_open()


async def held_up(borrower: Borrower, reader: Reader, what: str, when: str) -> None:
    """Let a process begin an act, and wait until it is at that moment."""
    faults, (kind, at) = reader.lending.vendor.faults, MOMENTS[when]
    account = await reader.lending.account(reader.patron)
    path = PATRON.format(account.remote_id or 0)
    if at == "patrons/lookup":
        path = LOOKUP.format(account.alias)
    fault = faults.add(
        kind, times=1, path=path, endpoint=CALLS[what] if at == "the call" else at, seconds=SLOW
    )
    borrower.begins(what, reader.patron, reader.isbn)
    async with asyncio.timeout(60):
        while fault.times:  # noqa: ASYNC110 - the vendor tells nobody
            await asyncio.sleep(0.001)


def all_that_the_vendor_has(reader: Reader, account: Account) -> object:
    """To the last renewal."""
    vendor = reader.lending.vendor
    its = vendor.patrons.look_up(account.alias)
    return its and (vendor.lending.loans(its), vendor.lending.holds(its))


async def where(reader: Reader, *, was_asked: bool, changed: bool) -> str:
    """At which moment a kill came, by what it has left."""
    if not await open_intents(reader.lending, reader.patron):
        return "after our commit" if changed else "before anything was written"
    if changed:
        return "before our commit"
    return "while the vendor worked" if was_asked else "before the call"


async def test_an_account_that_was_told_of_and_not_made_is_nobodys(servers: list[Lent]) -> None:
    """Or the next patron, who gets its number, would have the first one's loans."""
    lending, isbn = servers[0], servers[0].isbns()[0]
    await lending.library.patron("ada")
    await lending.library.patron("grace")
    lending.vendor.faults.add("success-without-effect", times=1, endpoint="patrons/create")

    with pytest.raises(Unavailable):
        await lending.collection.checkout("ada", isbn, origin=READER)
    await lending.collection.checkout("grace", isbn, origin=READER)
    await lending.collection.checkout("ada", isbn, origin=READER)

    assert await lending.remote("ada") != await lending.remote("grace")
    assert await lending.in_step("ada")
    assert await lending.in_step("grace")


@pytest.mark.parametrize("kind", ["success-without-effect", "drop-before"])
async def test_a_renewal_that_was_not_done_is_not_told_of(servers: list[Lent], kind: Kind) -> None:
    """Not if the vendor says so, and not if it does not say until when a loan is."""
    lending, isbn = servers[0], servers[0].isbns()[0]
    await lending.library.patron("ada")
    await lending.collection.checkout("ada", isbn, origin=READER)
    lending.today.wait(days=3)
    lending.vendor.faults.add(kind, times=1, endpoint="checkouts/renew")
    if kind == "drop-before":
        lending.vendor.faults.add("missing-keys", endpoint="checkouts/list")

    with pytest.raises(RenewalNotAllowed):
        await lending.collection.renew("ada", item_id=isbn, origin=READER)


async def test_a_process_that_was_silent_for_long_finds_its_work_done(
    servers: list[Lent], database_url: str
) -> None:
    """It stands still at any of those moments, for longer than anybody waits for it."""
    lending = servers[0]
    readers = [Reader(lending, f"s{n}", lending.isbns()[n]) for n in range(len(MOMENTS))]
    async with AsyncExitStack() as stack:
        silent = []
        for reader, when in zip(readers, MOMENTS, strict=True):
            await lending.library.patron(reader.patron)
            await lending.collection.agree(reader.patron, frozenset())
            if when != "before the call":
                await lending.has_an_account(reader.patron)
            silent.append(await stack.enter_async_context(Borrower.working(lending, database_url)))
        for borrower, reader, when in zip(silent, readers, MOMENTS, strict=True):
            await held_up(borrower, reader, "checkout", when)
            borrower.signal(signal.SIGSTOP)
        lending.today.wait(minutes=3)
        assert await lending.collection.settle_open() == len(readers)
        await settled(lending)

        for borrower in silent:
            borrower.signal(signal.SIGCONT)

        for borrower, reader in zip(silent, readers, strict=True):
            assert "result" in await borrower.hears()
            reader.borrowings = 1
            await reader.check()
            assert len(await reader.lent_ever()) == 1


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_two_servers_make_one_call_of_a_double_click(
    servers: list[Lent], database_url: str
) -> None:
    lending, isbn = servers[0], servers[0].isbns()[0]
    vendor = lending.vendor
    async with (
        Borrower.working(lending, database_url) as one,
        Borrower.working(lending, database_url) as other,
    ):
        for number, patron in enumerate(("ada", "grace"), 1):
            await lending.library.patron(patron)
            for what, call in CALLS.items():
                vendor.faults.add("latency", times=1, endpoint=call, seconds=0.2)

                one.begins(what, patron, isbn)
                other.begins(what, patron, isbn)

                told, told_too = await asyncio.gather(one.hears(), other.hears())
                assert told == told_too
                assert "result" in told
                assert vendor.calls[call] == number
            assert await intents_of(lending, patron) == len(CALLS)


async def intents_of(lending: Lent, patron: str) -> int:
    """How many there ever were of a patron."""
    return await lending.collection._desk.read(
        lambda tx: len(
            tx.rows(
                "SELECT key FROM intents WHERE institution = :institution AND card = :card",
                card=patron,
            )
        )
    )
