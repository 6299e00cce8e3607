"""Many terminals against the real door, and against libraries that misbehave."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bibliobus.ils import Secret
from bibliobus.sandbox.journal import Asked, Journal, Verdict, read_journal
from bibliobus.sandbox.simulator import Load, Simulator
from bibliobus.sandbox.tally import Tally
from bibliobus.sandbox.workload import barcodes, mix
from bibliobus.sip2 import Connection, Dialect, ErrorDetection, Message, Request, messages
from bibliobus.sip2.checking import seal, take_apart
from bibliobus.sip2.values import PatronStatus, SupportedMessages
from tests.support import Library

NOW = datetime(2026, 3, 1, 9, 30)  # noqa: DTZ001 - as it stands in messages
AO: dict[str, Any] = {"institution_id": "MAIN", "transaction_date": NOW}


def load_of(address: tuple[str, int], **more: Any) -> Load:
    """One terminal that lends one item and takes it back, again and again, for a moment."""
    wanted = Load(
        address=address, login="kiosk", password=Secret("kiosk"), pin=Secret("1234"),
        patrons=["P0"], items=["I0"], mix=mix("11=1"), terminals=1, seconds=0.1,
        timeout=0.2, patience=0.5,
    )  # fmt: skip
    return replace(wanted, **more)


async def simulated(
    address: tuple[str, int], journal: Path, **more: Any
) -> tuple[Tally, list[Asked]]:
    """What came of it, and what the journal tells."""
    with Journal(journal) as kept:
        tally = await Simulator(load_of(address, **more), kept).run()
    return tally, list(read_journal(journal))


# ---------------------------------------------------------------- the real door


async def test_the_journal_tells_what_was_done(
    library: Library, door: tuple[str, int], tmp_path: Path
) -> None:
    patrons = [await library.patron(f"P{n}") for n in range(8)]
    items = [await library.item(f"I{n}") for n in range(8)]

    tally, asked = await simulated(
        door, tmp_path / "journal", patrons=patrons, items=items, terminals=4, seconds=0.5,
        mix=mix("23=1,63=1,17=1,11=2"), timeout=20,
    )  # fmt: skip

    kinds = {"11": "checkout", "09": "checkin"}
    told = [kinds[each.request.code] for each in asked if each.request.code in kinds]
    assert tally.clean
    assert {each.verdict for each in asked} == {Verdict.DONE}
    assert sorted(told) == sorted(await library.events())
    assert {each.request.code for each in asked} == {"11", "09", "23", "63", "17"}
    assert await library.loans() == []


async def test_no_two_terminals_have_a_patron_or_an_item_in_common(
    library: Library, door: tuple[str, int], tmp_path: Path
) -> None:
    patrons = [await library.patron(f"P{n}") for n in range(6)]
    items = [await library.item(f"I{n}") for n in range(6)]

    _, asked = await simulated(
        door, tmp_path / "journal", patrons=patrons, items=items, terminals=3, timeout=20
    )

    lent = [(each.terminal, each.request) for each in asked]
    for name in ("patron_id", "item_id"):
        whose = {
            (getattr(request, name), terminal)
            for terminal, request in lent
            if isinstance(request, messages.Checkout)
        }
        assert len(whose) == len({each for each, _ in whose}) >= 3


async def test_a_rate_is_kept(library: Library, door: tuple[str, int]) -> None:
    patron, item = await library.patron("P0"), await library.item("I0")

    wanted = load_of(door, patrons=[patron] * 2, items=[item] * 2, terminals=2, timeout=20)
    tally = await Simulator(replace(wanted, seconds=1, mix=mix("17=1"), rate=20)).run()

    assert 15 <= tally.transactions <= 25


async def test_an_item_that_is_unknown_is_refused_and_not_taken_back(
    library: Library, door: tuple[str, int], tmp_path: Path
) -> None:
    await library.patron("P0")

    tally, asked = await simulated(door, tmp_path / "journal", seconds=0.01, timeout=20)

    assert not tally.clean
    assert tally.refused == len(asked) >= 1
    assert {(each.request.code, each.why) for each in asked} == {
        ("11", "This item is not known here.")
    }


# ---------------------------------------------------------------- libraries that misbehave

Answer = Message | bytes | None  # the answer, bytes of one's own, or hanging up


class MisbehavingLibrary:
    """Answers as it should, but for what `answers` gives first: each once, when it is a loan's
    turn; "" is no answer at all."""

    def __init__(self) -> None:
        self.answers: list[Callable[[Any], Answer]] = []
        self.heard: list[bytes] = []  # checkouts and checkins
        self.logins = 0
        self.lets_in = True

    async def listen(self) -> tuple[str, int]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return host, port

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sip2 = Connection()
        while data := await reader.read(1000):
            sip2.receive_data(data)
            while isinstance(request := sip2.next_event(), Request):
                answer = self._answer(request.message, data.strip())
                if answer is None:
                    writer.close()
                    return
                writer.write(answer if isinstance(answer, bytes) else sip2.send(answer))
        writer.close()

    def _answer(self, request: Message, line: bytes) -> Answer:
        if isinstance(request, messages.Login):
            self.logins += 1
            return messages.LoginResponse(ok=self.lets_in)
        if isinstance(request, messages.SCStatus):
            return status()
        self.heard.append(line)
        return (self.answers.pop(0) if self.answers else granted)(request)


def status() -> messages.ACSStatus:
    return messages.ACSStatus(
        on_line_status=True, checkin_ok=True, checkout_ok=True, acs_renewal_policy=False,
        status_update_ok=False, off_line_ok=False, timeout_period=100, retries_allowed=3,
        date_time_sync=NOW, protocol_version="2.00", institution_id="MAIN",
        supported_messages=SupportedMessages(),
    )  # fmt: skip


def granted(request: Any) -> Message:
    if isinstance(request, messages.FeePaid):
        return messages.FeePaidResponse(
            payment_accepted=True, patron_id=request.patron_id, transaction_id="receipt", **AO
        )
    if isinstance(request, messages.Checkout):
        return messages.CheckoutResponse(
            ok=True, renewal_ok=False, magnetic_media=False, desensitize=True, title_id="Emma",
            due_date="tomorrow", patron_id=request.patron_id, item_id=request.item_id, **AO,
        )  # fmt: skip
    return messages.CheckinResponse(
        ok=True, resensitize=True, magnetic_media=False, alert=False, permanent_location="",
        item_id=request.item_id, **AO,
    )  # fmt: skip


def refused(request: Any) -> Message:
    return replace(granted(request), ok=False, screen_messages=("No.",))  # type: ignore[type-var]


@pytest.fixture
async def misbehaving() -> AsyncIterator[MisbehavingLibrary]:
    library = MisbehavingLibrary()
    yield library
    await library.close()


def in_another_word(**changes: Any) -> Callable[[Any], Message]:
    """The right answer, but for something."""
    return lambda request: replace(granted(request), **changes)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (in_another_word(institution_id="OTHER"), "institution_id is 'OTHER', not 'MAIN'"),
        (in_another_word(item_id="I9"), "item_id is 'I9', not 'I0'"),
        (in_another_word(patron_id="P9"), "patron_id is 'P9', not 'P0'"),
        (lambda _: b"120NUN20260301    093000AOMAIN|AAP0|ABI0|AJ|AH|\r", "no sequence number"),
    ],
)
async def test_a_wrong_answer_is_told(
    misbehaving: MisbehavingLibrary, tmp_path: Path, answer: Callable[[Any], Answer], why: str
) -> None:
    misbehaving.answers = [answer]

    tally, asked = await simulated(await misbehaving.listen(), tmp_path / "journal")

    assert (tally.wrong, tally.refused, tally.clean) == (1, 0, False)
    assert asked[0].verdict is Verdict.WRONG
    assert why in asked[0].why
    assert any(why in line for line in tally.report())


@pytest.mark.parametrize(
    "stray",
    [
        seal(b"101YNN20260301    093000AOMAIN|ABI0|AQ|", b"7"),
        seal(b"3620260301    093000AOMAIN|AAP0|", b"2"),
    ],
)
async def test_an_answer_to_something_else_is_wrong(
    misbehaving: MisbehavingLibrary, tmp_path: Path, stray: bytes
) -> None:
    misbehaving.answers = [lambda _: stray + b"\r"]  # and the real one only when asked again

    tally, asked = await simulated(await misbehaving.listen(), tmp_path / "journal")

    assert (tally.wrong, tally.asked_again) == (1, 1)
    assert asked[0].verdict is Verdict.DONE


async def test_a_refusal_is_told_and_what_was_not_lent_is_not_brought_back(
    misbehaving: MisbehavingLibrary, tmp_path: Path
) -> None:
    misbehaving.answers = [refused]

    tally, asked = await simulated(await misbehaving.listen(), tmp_path / "journal")

    assert (tally.refused, tally.wrong) == (1, 0)
    assert (asked[0].verdict, asked[0].why) == (Verdict.REFUSED, "No.")
    assert len(asked) == 1
    assert "    1 x 11: No." in list(tally.report())


async def test_off_line_is_a_refusal(misbehaving: MisbehavingLibrary, tmp_path: Path) -> None:
    misbehaving.answers = [lambda _: replace(status(), on_line_status=False)]

    tally, asked = await simulated(await misbehaving.listen(), tmp_path / "journal")

    assert tally.refused == 1
    assert asked[0].why == "the library's system is off line"


async def test_what_is_not_answered_in_time_is_sent_again_and_a_late_answer_is_no_fault(
    misbehaving: MisbehavingLibrary, tmp_path: Path
) -> None:
    def late(request: Any) -> bytes:
        return b""

    def both(request: Any) -> bytes:
        body = b"121NNY20260301    093000AOMAIN|AAP0|ABI0|AJEmma|AH|"
        return (seal(body, b"2") + b"\r") * 2

    misbehaving.answers = [late, both]

    tally, asked = await simulated(await misbehaving.listen(), tmp_path / "journal")

    first, again, *_ = misbehaving.heard
    assert first == again
    assert tally.clean
    assert tally.asked_again == 1
    assert len(asked[0].sent) == 1


@pytest.mark.parametrize("restamp", [0.0, 1.0])
async def test_what_was_lost_is_asked_again_on_a_new_connection(
    misbehaving: MisbehavingLibrary, tmp_path: Path, restamp: float
) -> None:
    misbehaving.answers = [lambda _: None, granted, lambda _: None]

    tally, asked = await simulated(
        await misbehaving.listen(), tmp_path / "journal", restamp=restamp
    )

    checkout, again, checkin, checkin_again = (
        take_apart(each).body for each in misbehaving.heard[:4]
    )
    assert tally.clean
    assert (tally.reconnected, tally.restamped, misbehaving.logins) == (2, 2 * restamp, 3)
    assert (checkout == again) is (checkin == checkin_again) is (restamp == 0)
    assert checkout[22:] == again[22:]
    assert b"|AD1234|" in again
    assert [len(each.sent) for each in asked[:2]] == [2, 2]
    assert (asked[0].sent[0] == asked[0].sent[1]) is (restamp == 0)
    if restamp:
        assert checkin_again[3:21] == checkin_again[21:39] > checkin[3:21]


async def test_patience_ends(misbehaving: MisbehavingLibrary, tmp_path: Path) -> None:
    misbehaving.answers = [lambda _: b""] * 20

    tally, asked = await simulated(
        await misbehaving.listen(), tmp_path / "journal", timeout=0.05, patience=0.3
    )

    assert (tally.unanswered, tally.transactions) == (1, 0)
    assert [each.verdict for each in asked] == [None]
    assert len(asked[0].sent) >= 2
    assert "    1 x 11: no answer in time" in list(tally.report())


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1", "Connection refused"),
        ("no-such-library.invalid", "([Nn]ame|no answer in time)"),
    ],
)
async def test_nobody_is_there(tmp_path: Path, host: str, why: str) -> None:
    tally, asked = await simulated((host, 1), tmp_path / "journal", patience=0.0)

    assert (tally.unanswered, asked) == (1, [])
    assert re.search(f"nobody answers at {host}:1: .*{why}", "".join(tally.report()))


async def test_a_server_that_comes_late_is_waited_for(misbehaving: MisbehavingLibrary) -> None:
    host, port = await misbehaving.listen()
    await misbehaving.close()
    working = asyncio.create_task(Simulator(load_of((host, port), patience=20.0)).run())
    await asyncio.sleep(0.2)

    misbehaving._server = await asyncio.start_server(misbehaving._serve, host, port)

    assert (await working).clean


async def test_a_terminal_that_is_not_let_in_gives_up(misbehaving: MisbehavingLibrary) -> None:
    misbehaving.lets_in = False

    tally = await Simulator(load_of(await misbehaving.listen())).run()

    assert (tally.refused, tally.unanswered, misbehaving.logins) == (1, 1, 1)


async def test_without_error_detection_nothing_has_a_number(
    misbehaving: MisbehavingLibrary, tmp_path: Path
) -> None:
    plain = Dialect(error_detection=ErrorDetection.OFF)

    tally, _ = await simulated(await misbehaving.listen(), tmp_path / "journal", dialect=plain)

    assert tally.clean
    assert all(each.endswith(b"|") for each in misbehaving.heard)


async def test_no_two_payments_have_one_number(
    misbehaving: MisbehavingLibrary, tmp_path: Path
) -> None:
    address = await misbehaving.listen()
    misbehaving.answers = [lambda _: None]  # the first is repeated, and restamped

    for _ in range(2):  # with one seed
        tally, asked = await simulated(
            address, tmp_path / "journal", mix=mix("37=1"), restamp=1.0, rate=50
        )
        assert tally.clean

    numbers = [each.request.transaction_id for each in asked]  # type: ignore[attr-defined]
    sent = {payment.transaction_id for payment in asked[0].sent}  # type: ignore[attr-defined]
    assert len(numbers) == len(set(numbers)) >= 4
    assert (len(sent), len(asked[0].sent)) == (1, 2)
    assert isinstance(asked[0].answer, messages.FeePaidResponse)


async def test_stopping_lets_what_is_lent_come_back(
    misbehaving: MisbehavingLibrary, tmp_path: Path
) -> None:
    with Journal(tmp_path / "journal") as journal:
        simulator = Simulator(load_of(await misbehaving.listen(), seconds=60), journal)

        def lend_and_stop(request: Any) -> Message:
            simulator.stop()
            return granted(request)

        misbehaving.answers = [lend_and_stop]
        await simulator.run()

    assert [each.request.code for each in read_journal(tmp_path / "journal")] == ["11", "09"]


# ---------------------------------------------------------------- the journal


async def test_no_secret_and_nothing_of_patrons_is_in_the_journal(
    misbehaving: MisbehavingLibrary, tmp_path: Path
) -> None:
    def about(request: Any) -> Message:
        return messages.PatronStatusResponse(
            patron_status=PatronStatus(), language="000", patron_id="P0", valid_patron=True,
            personal_name="Ada Lovelace", **AO,
        )  # fmt: skip

    misbehaving.answers = [about] * 10_000

    _, asked = await simulated(await misbehaving.listen(), tmp_path / "journal", mix=mix("23=1"))

    text = (tmp_path / "journal").read_text()
    assert '"24"' in text
    assert asked[0].answer is None
    for secret in ("kiosk", "AD", "Lovelace"):
        assert secret not in text


async def test_a_journal_whose_writer_was_killed_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    request = messages.ItemInformation(item_id="I0", **AO)
    with Journal(path) as journal:
        await journal.sent(0, 1, request)
        await journal.answered(0, 1, request, Verdict.DONE, "")
        await journal.sent(0, 2, request)
    path.write_bytes(path.read_bytes()[:-20])

    with Journal(path) as journal:
        await journal.sent(0, 1, request)

    first, second = read_journal(path)
    assert (first.verdict, second.verdict) == (Verdict.DONE, None)
    assert first.run != second.run


async def test_many_lines_are_written_at_once(tmp_path: Path) -> None:
    request = messages.ItemInformation(item_id="I0", **AO)
    with Journal(tmp_path / "journal") as journal:
        await asyncio.gather(*(journal.sent(n, 1, request) for n in range(100)))

    assert {each.terminal for each in read_journal(tmp_path / "journal")} == set(range(100))


async def test_a_journal_that_cannot_be_written_ends_the_load(
    misbehaving: MisbehavingLibrary,
) -> None:
    address = await misbehaving.listen()

    with Journal(Path("/dev/full")) as journal, pytest.raises(OSError, match="No space left"):
        await Simulator(load_of(address), journal).run()

    assert misbehaving.heard == []  # nothing was sent that is not kept


# ---------------------------------------------------------------- what is typed


def test_barcodes_are_ranges_and_lists() -> None:
    assert barcodes("P[08-11]x,Q") == ["P08x", "P09x", "P10x", "P11x", "Q"]
    with pytest.raises(ValueError, match="names no barcode"):
        barcodes("P[2-1]")


@pytest.mark.parametrize("text", ["", "11", "11=x", "15=1", "11=0"])
def test_a_mix_is_shares_of_what_is_known(text: str) -> None:
    assert mix("23=2,11=1") == {"23": 2, "11": 1}
    with pytest.raises(ValueError, match=r"write 23=2|no weight"):
        mix(text)
