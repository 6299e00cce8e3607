"""Fifty terminals scan the last copy at once: one of them lends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.support import Library, Terminal

TERMINALS = 50


async def test_one_loan(
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
