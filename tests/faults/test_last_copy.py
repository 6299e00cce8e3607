"""Many scan the last copy at once: one of them lends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from bibliobus.app import breaches
from bibliobus.ils import AlreadyOnLoan, CheckoutResult, Origin, Refused
from tests.support import Library, Terminal

TERMINALS = 50
PATRONS = 200


async def test_one_of_fifty_terminals_lends_it(
    library: Library,
    connect: Callable[[], Awaitable[Terminal]],
    size: Callable[[int, int], int],
) -> None:
    terminals = [await (await connect()).login() for _ in range(TERMINALS)]
    for n in range(TERMINALS):
        await library.patron(f"p{n}")
    for copy in range(size(3, 50)):
        await library.item(f"i{copy}")
        now = f"{datetime.now(ZoneInfo('Europe/Paris')):%Y%m%d    %H%M%S}"

        answers = await asyncio.gather(
            *(
                each.send(f"11NN{now}                  AOMAIN|AAp{n}|ABi{copy}|AC|AD1234|")
                for n, each in enumerate(terminals)
            )
        )

        codes = sorted(answer[:3] for answer in answers)
        assert codes == ["120"] * (TERMINALS - 1) + ["121"]
        holders = [patron for patron, item in await library.loans() if item == f"i{copy}"]
        assert len(holders) == 1
        assert answers[int(holders[0][1:])].startswith("121")


async def test_one_of_two_hundred_patrons_gets_it(
    library: Library, size: Callable[[int, int], int]
) -> None:
    patrons = [await library.patron(f"p{n}", pin=None) for n in range(PATRONS)]

    async def one(patron: str, item: str) -> CheckoutResult | Refused:
        try:
            return await library.ils.checkout(patron, item, origin=Origin(door="web"))
        except Refused as refused:
            return refused

    for copy in range(size(3, 100)):
        item = await library.item(f"i{copy}")
        outcomes = await asyncio.gather(*(one(patron, item) for patron in patrons))

        (lent,) = [each for each in outcomes if isinstance(each, CheckoutResult)]
        assert sum(isinstance(each, AlreadyOnLoan) for each in outcomes) == PATRONS - 1
        assert await library.loans() == [(lent.patron.id, item)]
        await library.ils.checkin(item, origin=Origin(door="web"))
    assert await breaches(library.app) == []
