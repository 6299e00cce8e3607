"""The server is killed (SIGKILL) in the middle of its work, and started again on what is left.

Every checkout and checkin that was answered stands; the same request again, on a new connection,
gets the same answer; what was not answered was done once or not at all, and the repeat tells.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.acceptance.conftest import Programs, run, start  # noqa: F401 - a fixture
from tests.support import Terminal

TERMINALS = 16
LONGEST = 1.5  # seconds under load before the kill


@dataclass
class Kiosk:
    """A terminal with three books of its own, and a journal of what it was told."""

    number: int
    journal: list[tuple[str, str]] = field(default_factory=list)  # request, answer ("" for none)
    steps: int = 0

    async def work(self, address: tuple[str, int]) -> None:
        """Lend and take back, until there is no answer any more."""
        terminal = await (await Terminal.connect(address)).login()
        while not self.journal or self.journal[-1][1]:
            request = self.next_request()
            try:
                answer = await terminal.send(request)
            except OSError:
                answer = ""
            self.journal.append((request, answer))
        await terminal.close()

    def next_request(self) -> str:
        """Out, in, out, in; each with a time of its own."""
        pair, back = divmod(self.steps, 2)
        item = f"I{200 + self.number * 3 + pair % 3:04d}"
        moment = datetime.now(ZoneInfo("Europe/Paris")) - timedelta(hours=5)
        stamp = f"{moment + timedelta(seconds=self.steps):%Y%m%d    %H%M%S}"
        self.steps += 1
        if back:
            return f"09N{stamp}{stamp}APdesk|AOMAIN|AB{item}|AC|"
        return f"11NN{stamp}{' ' * 18}AOMAIN|AAP{self.number:04d}|AB{item}|AC|AD1234|"


def same(answer: str) -> str:
    """An answer without its own time."""
    return answer[:6] + answer[24:]


async def test_what_was_told_stands(
    start: Programs,  # noqa: F811
    tmp_path: Path,
    size: Callable[[int, int], int],
) -> None:
    rng = random.Random(20261121)
    for kill in range(size(2, 10)):
        folder = tmp_path / str(kill)
        server = start("demo", "--sip", "127.0.0.1:0", "--data", str(folder))
        address = server.ready()
        kiosks = [Kiosk(n) for n in range(TERMINALS)]
        working = asyncio.gather(*(each.work(address) for each in kiosks))
        await asyncio.sleep(rng.uniform(0.3, LONGEST))
        server.stop(signal.SIGKILL)
        await working

        address = start("demo", "--sip", "127.0.0.1:0", "--data", str(folder)).ready()
        await asyncio.gather(*(check(each, address) for each in kiosks))
        check_history(folder / "library.db", kiosks)
        doctor = run("doctor", "--database", f"sqlite:///{folder / 'library.db'}")
        assert doctor.returncode == 0, doctor.stdout


async def check(kiosk: Kiosk, address: tuple[str, int]) -> None:
    """Repeat all that this kiosk sent, the last one first: that is what a terminal does."""
    (unanswered, nothing), *told = reversed(kiosk.journal)
    assert nothing == ""
    assert told, "the load never began"
    assert all(answer[:3] in ("121", "101") for _, answer in told)

    terminal = await (await Terminal.connect(address)).login()
    assert (await terminal.send(unanswered))[:3] in ("121", "101")
    for request, answer in told:
        assert same(await terminal.send(request)) == same(answer)
    await terminal.close()


def check_history(library: Path, kiosks: list[Kiosk]) -> None:
    """Each request was done once, and the loans that stand are those of the last requests."""
    with sqlite3.connect(library) as database:
        done = Counter(
            database.execute(
                "SELECT items.barcode, kind FROM events JOIN items ON items.key = events.item"
            )
        )
        lent = {
            item
            for (item,) in database.execute(
                "SELECT items.barcode FROM loans JOIN items ON items.key = loans.item"
                " WHERE ended_at IS NULL AND items.barcode >= 'I0200'"
            )
        }
    database.close()
    asked: Counter[tuple[str, str]] = Counter()
    out: set[str] = set()
    for kiosk in kiosks:
        for request, _ in kiosk.journal:
            item = request.split("AB")[1][:5]
            asked[item, "checkin" if request[:2] == "09" else "checkout"] += 1
            (out.discard if request[:2] == "09" else out.add)(item)
    assert done == asked
    assert lent == out
