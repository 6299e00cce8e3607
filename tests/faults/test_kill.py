"""The server is killed (SIGKILL) in the middle of its work, and started again on what is left.

Sixteen simulated terminals work through all of it, connect again, and repeat what was not
answered; one repeat in five has a new time. In the end their journal and the database tell the
same: nothing that was acknowledged is lost, nothing was done twice, and no answer was wrong. What
was acknowledged last is asked once more, and gets the same answers.

Two kills, 20 with --prove, or as many as BIBLIOBUS_KILLS says: `BIBLIOBUS_KILLS=1000 pytest
tests/faults/test_kill.py` takes about
half an hour, and half a gigabyte for the journal and the library.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bibliobus.sandbox.journal import Asked, Verdict, read_journal
from bibliobus.sandbox.terminal import Terminal
from bibliobus.sip2 import Dialect, Message
from bibliobus.sip2.messages import Checkin, Checkout, FeePaid, Login
from tests.acceptance.conftest import Program, Programs, run, start  # noqa: F401 - a fixture

KILLS = int(os.environ.get("BIBLIOBUS_KILLS", "0"))
SHORTEST, LONGEST = 0.05, 1.5  # seconds under load before the kill
MIX = "23=1,63=1,17=1,11=6,37=4"
PASSWORD = {"BIBLIOBUS_SIP_PASSWORD": "tester"}
LOAD = (
    "--login", "tester", "--patrons", "P[0000-0199]", "--items", "I[0200-1999]",
    "--terminals", "16", "--mix", MIX, "--restamp", "0.2",
    "--seconds", "86400", "--patience", "60", "--timeout", "20", "--seed", "20261121",
)  # fmt: skip

Transaction = tuple[str, str]  # checkout or checkin, and of whom


@pytest.mark.timeout(120 + 10 * KILLS)
def test_what_was_told_stands(
    start: Programs,  # noqa: F811
    tmp_path: Path,
    size: Callable[[int, int], int],
) -> None:
    library, journal = tmp_path / "library.db", tmp_path / "journal.jsonl"
    rng = random.Random(20261121)
    server = start(
        "demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0", "--data", str(tmp_path)
    )
    host, port = server.ready()
    load = start("sip", "load", f"{host}:{port}", "--journal", str(journal), *LOAD, **PASSWORD)
    wait_for_more(journal, load)
    for _ in range(KILLS or size(2, 20)):
        time.sleep(rng.uniform(SHORTEST, LONGEST))
        server.stop(signal.SIGKILL)
        server = start(
            "demo", "--sip", f"{host}:{port}", "--vendor", "127.0.0.1:0", "--data", str(tmp_path)
        )
        server.ready()
        wait_for_more(journal, load)
    ended = load.stop()
    report = "".join(load.lines)

    assert ended == 0, report
    assert_repeats_get_the_first_answer(read_journal(journal), (host, port))
    assert server.stop() == 0, server.lines
    assert_nothing_lost_or_doubled(read_journal(journal), library)
    doctor = run("doctor", "--database", f"sqlite:///{library}", timeout=60 + 2 * KILLS)
    assert doctor.returncode == 0, doctor.stdout


def test_what_killed_terminals_were_told_stands_in_their_journal(
    start: Programs,  # noqa: F811
    tmp_path: Path,
) -> None:
    library, journal = tmp_path / "library.db", tmp_path / "journal.jsonl"
    server = start(
        "demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0", "--data", str(tmp_path)
    )
    host, port = server.ready()
    load = start("sip", "load", f"{host}:{port}", "--journal", str(journal), *LOAD, **PASSWORD)
    wait_for_more(journal, load)
    time.sleep(0.5)

    load.stop(signal.SIGKILL)

    assert server.stop() == 0, server.lines
    assert_nothing_lost_or_doubled(read_journal(journal), library)


def wait_for_more(journal: Path, load: Program) -> None:
    """Wait until the terminals have gone on for a little."""
    deadline = time.monotonic() + 60
    enough = size_of(journal) + 4096
    while size_of(journal) < enough:
        assert load.process.poll() is None, load.lines
        assert time.monotonic() < deadline, "the terminals are at a stand"
        time.sleep(0.01)


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def assert_repeats_get_the_first_answer(journal: Iterable[Asked], address: tuple[str, int]) -> None:
    """Ask the latest of what was answered once more, on a new connection."""
    told = deque((each for each in journal if each.answer is not None), maxlen=500)
    with Terminal(address, Dialect()) as terminal:
        terminal.ask(Login(login_user_id="tester", login_password="tester"))
        for asked in reversed(told):
            request = asked.request
            if not isinstance(request, Checkin):
                request = with_pin(request)
            answer = terminal.ask(request).message
            assert without_time(answer) == without_time(asked.answer)


def with_pin(request: Any) -> Message:
    """As it was sent: the journal has no PIN."""
    return replace(request, patron_password="1234")  # type: ignore[no-any-return]


def without_time(answer: Any) -> Message:
    return replace(answer, transaction_date=None)  # type: ignore[no-any-return]


def assert_nothing_lost_or_doubled(journal: Iterable[Asked], library: Path) -> None:
    """Each item's history is what its terminal was told, but for a last request that nobody
    answered: it may have been done or not. The same goes for payments."""
    told: dict[str, list[Transaction]] = defaultdict(list)  # by item
    in_doubt: dict[str, Transaction] = {}
    paid: set[str] = set()
    paid_in_doubt: set[str] = set()
    for asked in journal:
        assert asked.verdict in (Verdict.DONE, None), asked.why
        request = asked.request
        if isinstance(request, FeePaid):
            (paid if asked.verdict else paid_in_doubt).add(request.transaction_id or "")
        if isinstance(request, Checkout):
            what = ("checkout", request.patron_id)
        elif isinstance(request, Checkin):
            what = ("checkin", told[request.item_id][-1][1])
        else:
            continue
        if asked.verdict is None:
            in_doubt[request.item_id] = what
        else:
            told[request.item_id].append(what)

    assert told, "the load never began"
    done: dict[str, list[Transaction]] = defaultdict(list)
    for item, *transaction in rows(library, HISTORY):
        done[item].append((transaction[0], transaction[1]))
    for item in told | done:
        rest = done[item][len(told[item]) :]
        assert done[item][: len(told[item])] == told[item], item
        assert rest in ([], [in_doubt.get(item)]), item
    lent = {item for (item,) in rows(library, LENT)}
    assert lent == {item for item, history in done.items() if history[-1][0] == "checkout"}
    booked = Counter(number for (number,) in rows(library, PAID))
    assert paid <= set(booked) <= paid | paid_in_doubt
    assert set(booked.values()) <= {1}


HISTORY = """
    SELECT items.barcode, kind, patrons.barcode FROM events
    JOIN items ON items.key = events.item JOIN patrons ON patrons.key = events.patron
    ORDER BY events.key
"""
LENT = """
    SELECT items.barcode FROM loans JOIN items ON items.key = loans.item
    WHERE ended_at IS NULL AND items.barcode >= 'I0200'
"""
PAID = "SELECT transaction_id FROM payments"


def rows(library: Path, query: str) -> Iterator[tuple[str, ...]]:
    database = sqlite3.connect(library)
    yield from database.execute(query)
    database.close()
