"""The words that vendor chaos is told in: readers, what goes wrong, and what must be so after all.

A reader does some acts with one title, and remembers what they were told. The vendor notes each
loan that it ever made, in a table of the test's own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from bibliobus.ils import (
    AlreadyOnLoan,
    BeingConfirmed,
    CheckinResult,
    CheckoutResult,
    HoldResult,
    Origin,
    Refused,
    Unavailable,
)
from bibliobus.oneclick import OneClickCollection
from bibliobus.oneclick.desk import name_of
from bibliobus.sandbox.vendor import Vendor
from bibliobus.sandbox.vendor.faults import Fault, Kind
from tests.oneclick.collected import Today
from tests.oneclick.lending import READER, Lent, by, day_of

TIMEOUT = 0.5  # seconds that we wait for the vendor
SLOW = 0.7  # seconds that it takes when it is slow
PATRON, LOOKUP = "/v1/libraries/1931/patrons/{}/", "/v1/rpc/libraries/1931/patrons/{}"

OF_CALLS: tuple[Kind, ...] = (
    "latency", "latency-after", "error-500", "html-page", "empty-body", "truncated", "rate-limit",
    "unknown-message", "drop-before", "drop-after", "error-after", "success-without-effect",
)  # fmt: skip
OF_LISTS: tuple[Kind, ...] = ("unsorted", "missing-keys", "duplicate-row")
LISTS = ("checkouts/list", "holds/list")
ACCOUNT = ("patrons/lookup", "patrons/create")
CALLS: dict[str, str] = {
    "checkout": "checkouts/create", "renew": "checkouts/renew", "checkin": "checkouts/return",
    "hold": "holds/create", "cancel": "holds/cancel",
}  # fmt: skip
"""The vendor's name of the call that each act needs."""

_HISTORY = """
CREATE TABLE lent_ever (number INTEGER, patron INTEGER, title INTEGER);
CREATE TRIGGER one_is_lent AFTER INSERT ON loans BEGIN
    INSERT INTO lent_ever VALUES (new.transaction_id, new.patron, new.title);
END;
"""


Result = CheckoutResult | CheckinResult | HoldResult


class Moving(Today):
    """The time, which goes on by itself and can be set ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def wait(self, **length: float) -> None:
        self.ahead += timedelta(**length)


def remember_loans(vendor: Vendor) -> None:
    """Have the vendor note each loan that it makes, also those that are over."""
    vendor.state.run(_HISTORY)


def act(
    collection: OneClickCollection, what: str, patron: str, isbn: str, origin: Origin = READER
) -> Awaitable[Result]:
    """One act of a patron, by its name."""
    match what:
        case "checkout":
            return collection.checkout(patron, isbn, origin=origin)
        case "renew":
            return collection.renew(patron, item_id=isbn, origin=READER)
        case "checkin":
            return collection.checkin(isbn, patron_id=patron, origin=READER)
        case "hold":
            return collection.add_hold(patron, item_id=isbn, origin=READER)
        case "cancel":
            return collection.cancel_hold(patron, item_id=isbn, origin=READER)
    raise ValueError(what)


@dataclass
class Reader:
    """One flow: a patron, a title, and what became of the two."""

    lending: Lent
    patron: str
    isbn: str
    log: list[str] = field(default_factory=list)
    borrowings: int = 0  # loans that they may have had
    holds: bool = False  # so that the daemon may lend to them
    told: Counter[str] = field(default_factory=Counter)

    async def does(self, what: str, origin: Origin = READER) -> Result | None:
        """Do it, and check at once what we are told; what that is, if it is done."""
        self.lending.today.wait(seconds=1)
        self.holds |= what == "hold"
        result = None
        try:
            result = await act(self.lending.collection, what, self.patron, self.isbn, origin)
        except BeingConfirmed:
            told = "being confirmed"
        except Refused as refused:
            told = refused.reason
        except Unavailable as error:
            told = "in doubt" if error.may_stand else "not done"
        else:
            told = "done"
            await self.hear(what)
        self.log.append(f"{what}: {told}")
        self.told[told] += 1
        assert told != "in doubt", "told of a doubt that nobody will clear up"
        if told == "not done" and what == "checkout" and not self.holds:
            loans, _ = await self.lending.at_the_vendor(self.patron)
            assert self.isbn not in loans, "told of no loan where one is"
        return result

    async def hear(self, what: str) -> None:
        """What was told as done is so at the vendor, at this moment."""
        loans, holds = await self.lending.at_the_vendor(self.patron)
        match what:
            case "checkout":
                assert self.isbn in loans, "told of a loan that is none"
            case "renew":
                (loan,) = self.lending.vendor.lending.loans(await self.lending.remote(self.patron))
                assert loan.renewals, "told of a renewal that is none"
            case "hold":
                assert self.isbn in loans | holds, "told of a hold that is none"
            case "checkin":
                assert self.isbn not in loans, "told of a return that is none"
            case "cancel":
                assert self.isbn not in holds, "told that a hold is over, which is not"

    async def has_had_it_for_days(self) -> None:
        """The vendor has lent it three days ago, and we know that if the vendor answers."""
        account = await self.lending.account(self.patron)
        if account.remote_id is not None:
            self.lending.vendor.state.run(
                "UPDATE loans SET expires_on = date(expires_on, '-3 days') WHERE patron = ?",
                account.remote_id,
            )
            with suppress(Unavailable):
                await self.lending.collection.reconcile(self.patron)

    async def vendor_has_caught_up(self) -> None:
        """Wait until nobody works for the patron, and the vendor has done what it was slow to do:
        also what it was asked for twice, and had done before it answered again."""
        desk = self.lending.collection._desk
        async with desk.turn(name_of(await desk.patron(self.patron))):
            await asyncio.sleep(SLOW)

    async def lent_ever(self) -> list[int]:
        """The numbers of all loans of the title that the vendor made to the patron."""
        account = await self.lending.account(self.patron)
        its = self.lending.vendor.patrons.look_up(account.alias)
        title = self.lending.vendor.collection.find(self.isbn)
        assert title is not None
        rows = self.lending.vendor.state.rows(
            "SELECT number FROM lent_ever WHERE patron = ? AND title = ? ORDER BY number",
            0 if its is None else its.id, title.position,
        )  # fmt: skip
        return [number for (number,) in rows]

    async def known_ever(self) -> list[int]:
        """The numbers of those that our mirror has or had."""
        name = (await self.lending.collection._desk.patron(self.patron)).internal_id
        return await self.lending.collection._desk.read(
            lambda tx: [
                number
                for (number,) in tx.rows(
                    "SELECT transaction_id FROM digital_shelf WHERE institution = :institution"
                    " AND patron = :patron AND isbn = :isbn AND kind = 'loan' ORDER BY 1",
                    patron=name, isbn=self.isbn,
                )
            ]
        )  # fmt: skip

    async def check(self) -> None:
        """What must be so when all is over."""
        lending = self.lending
        loans, holds = await lending.at_the_vendor(self.patron)
        assert await lending.here(self.patron) == (loans, holds), "the mirror is not the vendor's"
        assert not loans & holds, "a loan and a hold"
        assert await self.due() == await self.due_at_the_vendor(), "other dates than the vendor's"
        ever = await self.lent_ever()
        assert ever == await self.known_ever(), "a loan that nobody knows of"
        assert len(ever) <= self.borrowings, "a loan was paid for twice"

    async def due(self) -> list[str]:
        """The last days of the patron's loans, as we say."""
        account = await self.lending.collection.patron_account(self.patron)
        return sorted(day_of(loan.due_at) for loan in account.loans)

    async def due_at_the_vendor(self) -> list[str]:
        vendor = self.lending.vendor
        its = vendor.patrons.look_up((await self.lending.account(self.patron)).alias)
        loans = [] if its is None else vendor.lending.loans(its)  # of an account that was not made
        return sorted(loan.expires_on.isoformat() for loan in loans)


Story = Callable[[Reader, Random], Awaitable[None]]


async def borrows(reader: Reader, chance: Random) -> None:
    reader.borrowings += 1
    await reader.does("checkout")


async def clicks_twice(reader: Reader, chance: Random) -> None:
    reader.borrowings += 1

    async def again() -> None:
        await asyncio.sleep(chance.choice((0, 0, 0.01, 0.1)))
        await reader.does("checkout")

    await asyncio.gather(reader.does("checkout"), again())


async def clicks_until_told(reader: Reader, chance: Random) -> None:
    reader.borrowings += 1
    for _ in range(3):
        await reader.does("checkout")
        if reader.told["done"] or reader.told[AlreadyOnLoan.reason]:
            return


async def asks_at_a_terminal(reader: Reader, chance: Random) -> None:
    """Which repeats what nobody answered, by another connection too; all answers are the same."""
    reader.borrowings += 1
    one = by(f"{reader.patron} 1")
    other = by(f"{reader.patron} 2", connection="two")
    told = [await reader.does("checkout", origin) for origin in (one, one, other, other)]
    assert len({repr(each) for each in told if each is not None}) <= 1, "two answers to one request"


async def renews(reader: Reader, chance: Random) -> None:
    """Three days later, when the loan can be seen to have become longer."""
    await borrows(reader, chance)
    await reader.vendor_has_caught_up()
    await reader.has_had_it_for_days()
    await reader.does("renew")


async def gives_back(reader: Reader, chance: Random) -> None:
    """Not before the vendor has done what it was slow to do: a checkout that it does after the
    return of the next one is a loan more, and no client can keep it from that."""
    await borrows(reader, chance)
    await reader.vendor_has_caught_up()
    await reader.does("checkin")


async def borrows_again(reader: Reader, chance: Random) -> None:
    """Likewise: a return that the vendor does late would end the next loan."""
    await gives_back(reader, chance)
    await reader.vendor_has_caught_up()
    await borrows(reader, chance)


async def gives_up(reader: Reader, chance: Random) -> None:
    reader.borrowings += 1  # since the daemon may come
    await reader.does("hold")
    await reader.does("cancel")


async def waits(reader: Reader, chance: Random) -> None:
    reader.borrowings += 1
    await reader.does("hold")
    reader.lending.vendor.tick()


async def waits_and_borrows(reader: Reader, chance: Random) -> None:
    reader.borrowings += 1
    await reader.does("hold")
    await reader.does("checkout")


STORIES: dict[Story, tuple[str, ...]] = {
    borrows: ("checkout",),
    clicks_twice: ("checkout",),
    clicks_until_told: ("checkout",),
    asks_at_a_terminal: ("checkout",),
    renews: ("checkout", "renew"),
    gives_back: ("checkout", "checkin"),
    borrows_again: ("checkout", "checkin"),
    gives_up: ("hold", "cancel"),
    waits: ("hold",),
    waits_and_borrows: ("hold", "checkout"),
}
"""What a flow may be, and the acts that it has."""


@dataclass
class Flow:
    """What a reader does, and what goes wrong meanwhile."""

    seed: str
    reader: Reader
    story: Story
    chance: Random
    faults: list[tuple[Fault, int]] = field(default_factory=list)  # and for how many calls
    act: str = ""  # in which a process is killed
    killed: str = ""  # when that was

    def __str__(self) -> str:
        faults = ", ".join(
            f"{fault.kind} at {fault.endpoint} {self._met(fault, times)} of {times}"
            for fault, times in self.faults
        )
        return f"flow {self.seed}: {self.story.__name__} ({faults}): {'; '.join(self.reader.log)}"

    async def go(self, elsewhere: Lent) -> None:
        """Also, another server compares the reader's shelf meanwhile."""
        with self.explained():
            await asyncio.gather(self.story(self.reader, self.chance), self.compared(elsewhere))

    async def compared(self, lending: Lent) -> None:
        await asyncio.sleep(self.chance.uniform(0, 2 * SLOW))
        with suppress(Unavailable):
            await lending.collection.reconcile(self.reader.patron)

    async def check(self) -> None:
        with self.explained():
            await self.reader.check()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say of a check that fails what happened before."""
        try:
            yield
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self}") from error

    async def meet_faults(self) -> None:
        """Let one to three things go wrong with a reader's calls, and be so once or more often. One
        without an account cannot be aimed at: somebody meets those."""
        lending, chance = self.reader.lending, self.chance
        known = (await lending.account(self.reader.patron)).remote_id
        calls = [CALLS[what] for what in STORIES[self.story]]
        places = calls * 2 + [*LISTS, *(() if known else ACCOUNT)]
        for _ in range(chance.randint(1, 3)):
            endpoint = chance.choice(places)
            in_list = endpoint in LISTS
            times = chance.choice((1, 1, 2, 4, 8) if in_list else (1, 1, 1, 2))
            fault = lending.vendor.faults.add(
                chance.choice(OF_CALLS + OF_LISTS if in_list else OF_CALLS), times=times,
                path="/v1/" if known is None else PATRON.format(known), endpoint=endpoint,
                seconds=SLOW,
            )  # fmt: skip
            self.faults.append((fault, times))

    def met(self) -> Counter[str]:
        """How often something went wrong."""
        found = Counter[str]()
        for fault, times in self.faults:
            found[fault.kind] += self._met(fault, times)
        return found

    def _met(self, fault: Fault, times: int) -> int:
        return times - (fault.times or 0)


async def settled(*servers: Lent) -> None:
    """Wait until nothing is under way: neither with us nor, late, at the vendor."""
    first = servers[0]
    first.vendor.faults.clear()
    await asyncio.sleep(SLOW)
    for _ in range(8):
        if working := [
            task for each in servers for task in each.collection._changes._working.values()
        ]:
            await asyncio.wait(working)
        if not (left := await open_intents(first)):
            return
        first.today.wait(seconds=40)  # so that everybody tries again who waits for something
        await first.collection.settle_open()
    raise AssertionError(f"never settled: {left}")


async def open_intents(lending: Lent, patron: str | None = None) -> list[tuple[str, str, str]]:
    """What is under way, of all or of one: what, by card, with which title."""
    return await lending.collection._desk.read(
        lambda tx: [
            (str(kind), str(card), str(isbn))
            for kind, card, isbn in tx.rows(
                "SELECT kind, card, isbn FROM intents WHERE institution = :institution"
                " AND settled_at IS NULL AND card = COALESCE(:card, card)",
                card=patron,
            )
        ]
    )
