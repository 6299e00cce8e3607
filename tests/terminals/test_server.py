"""The door among hostile networks: cut, glued, broken and repeated messages, and its own end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from bibliobus.ils import Unavailable
from bibliobus.sip2.checking import seal
from bibliobus.terminals import ListenerSettings, TerminalsDoor
from tests.support import Library, Terminal
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture

Connect = Callable[[], Awaitable[Terminal]]

ANYWHERE = ListenerSettings(address="127.0.0.1:0")


async def test_any_cutting_and_any_line_end(connect: Connect) -> None:
    terminal = await connect()
    for byte in b"\n\r 9300CNkiosk|COkiosk|\r\n":
        await terminal.send_bytes(bytes([byte]))
    assert await terminal.receive() == "941"

    await terminal.send_bytes(b"9900802.00\n9900802.00\r\n\r\n9900802.00\r99")

    assert [(await terminal.receive())[:2] for _ in range(3)] == ["98"] * 3


async def test_answers_a_last_line_without_its_end(connect: Connect) -> None:
    terminal = await connect()
    await terminal.send_bytes(b"9300CNkiosk|COkiosk|")
    terminal.writer.write_eof()

    assert await terminal.receive() == "941"
    assert await terminal.receive() == ""


async def test_asks_for_a_broken_message_again(terminal: Terminal) -> None:
    await terminal.send_bytes(b"9900802.00AY1AZ0000\r")
    assert await terminal.receive() == "96AZFEF6"

    await terminal.send_bytes(seal(b"9900802.00", b"1") + b"\r")
    status = await terminal.receive()
    await terminal.send_bytes(b"97AZFEF5\r")

    assert status.startswith("98")
    assert await terminal.receive() == status


async def test_a_message_too_long_harms_nobody(terminal: Terminal) -> None:
    await terminal.send("9900802.00", sequence=1)

    await terminal.send_bytes(b"63" + b"x" * 100_000 + b"\r9900802.00\r")

    assert await terminal.receive() == "96AZFEF6"
    assert (await terminal.receive()).startswith("98")


@pytest.mark.parametrize("noise", [b"97AZ0000\r", b"ZZ\r", b"\r"])
async def test_others_have_their_turn_while_one_makes_noise(
    terminal: Terminal, connect: Connect, noise: bytes
) -> None:
    noisy = await connect()
    flood = asyncio.create_task(noisy.send_bytes(noise * (1_000_000 // len(noise))))

    for _ in range(20):
        answer = await asyncio.wait_for(terminal.send("9900802.00"), 5)
        assert answer.startswith("98")

    flood.cancel()


async def test_hangs_up_on_a_message_too_long_of_who_cannot_be_asked_again(
    terminal: Terminal,
) -> None:
    await terminal.send_bytes(b"63" + b"x" * 100_000 + b"\r9900802.00\r")

    assert await terminal.receive() == ""


@pytest.mark.parametrize(
    "junk", [b"XX nonsense", b"\xff\xfe\xfd", b"1", b"05a|b|", b"66" + b" " * 18]
)
async def test_ignores_what_it_does_not_know(terminal: Terminal, junk: bytes) -> None:
    await terminal.send_bytes(junk + b"\r9900802.00\r")

    assert (await terminal.receive()).startswith("98")


async def test_answers_requests_that_were_sent_ahead_in_order(
    library: Library, terminal: Terminal
) -> None:
    await library.patron("ada")
    numbers = [n % 10 for n in range(60)]
    question = b"2300120260301    093000AOMAIN|AAada|AC|AD1234|"
    await terminal.send_bytes(b"\r".join(seal(question, str(n).encode()) for n in numbers) + b"\r")

    answers = [await terminal.receive() for _ in numbers]

    assert [int(answer[-7]) for answer in answers] == numbers


async def test_a_terminal_that_does_not_read_stops_being_read(
    library: Library, connect: Connect
) -> None:
    terminal, other = await connect(), await connect()
    await terminal.login()
    await other.login()
    terminal.writer.transport.set_write_buffer_limits(0)
    terminal.writer.transport.pause_reading()  # type: ignore[attr-defined] # a real transport has it

    async def blocks() -> bool:
        terminal.writer.write(b"9900802.00\r" * 1000)
        try:
            await asyncio.wait_for(terminal.writer.drain(), 1)
        except TimeoutError:
            return True
        return False

    for _ in range(3000):  # 33 MB, far more than all buffers hold
        if await blocks():
            break
    else:
        raise AssertionError("it reads on, whatever comes")

    assert (await other.send("9900802.00")).startswith("98")


@pytest.mark.parametrize("nothing", [b"x" * 3_000_000, b"\r\n" * 200_000])
async def test_reads_on_after_much_that_says_nothing(terminal: Terminal, nothing: bytes) -> None:
    await terminal.send("9900802.00", sequence=1)

    await terminal.send_bytes(nothing + b"\r9900802.00\r")

    answer = await terminal.receive()
    if answer == "96AZFEF6":
        answer = await terminal.receive()
    assert answer.startswith("98")


async def test_a_terminal_that_hangs_up_is_no_fault(
    library: Library, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    await library.patron("ada")
    for _ in range(5):
        terminal = await (await connect()).login()
        await terminal.send_bytes(b"2300120260301    093000AOMAIN|AAada|AC|AD1234|\r" * 3)
        await terminal.close()
    last = await (await connect()).login()

    assert (await last.send("9900802.00")).startswith("98")
    assert "fault" not in caplog.text


async def test_stops_though_a_terminal_goes_on_asking(library: Library) -> None:
    door = TerminalsDoor(library.app.institutions, library.app.accounts)
    terminal = await (await Terminal.connect(await door.listen(ANYWHERE))).login()

    async def ask_on() -> None:
        while True:
            terminal.writer.write(b"9900802.00\r" * 50)
            await terminal.writer.drain()
            await terminal.reader.read(1000)

    asking = asyncio.ensure_future(ask_on())
    await asyncio.sleep(0.1)
    await asyncio.wait_for(door.close(grace=60), 30)

    asking.cancel()
    await terminal.close()


async def test_stops_gracefully(library: Library) -> None:
    await library.patron("ada")
    await library.item("31000001")
    door = TerminalsDoor(library.app.institutions, library.app.accounts)
    address = await door.listen(ANYWHERE)
    idle = await (await Terminal.connect(address)).login()
    busy = await (await Terminal.connect(address)).login()
    await busy.send_bytes(
        b"9900802.00\r11NN20260302    100000                  AOMAIN|AAada|AB31000001|AC|\r"
    )
    assert (await busy.receive()).startswith("98")  # so the other one has arrived with it

    await door.close()

    assert (await busy.receive()).startswith("121")
    assert await idle.receive() == ""
    await idle.close()
    await busy.close()
    with pytest.raises(ConnectionRefusedError):
        await Terminal.connect(address)


class Broken:
    """An ILS of which one half is gone and the other never was."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name in ("supports", "check_inst_id"):
            return lambda *_: False

        async def fail(*_: object, **__: object) -> object:
            raise self._error

        return fail


@pytest.fixture
async def with_broken_ils(
    library: Library,
) -> AsyncIterator[Callable[[Exception], Awaitable[Terminal]]]:
    terminals: list[Terminal] = []

    async def make(error: Exception) -> Terminal:
        whole = library.app.institutions["MAIN"]
        broken = replace(whole, ils=Broken(error))  # type: ignore[arg-type] # that is its point
        door = TerminalsDoor({"MAIN": broken}, library.app.accounts)
        terminals.append(await Terminal.connect(await door.listen(ANYWHERE)))
        doors.append(door)
        return await terminals[-1].login()

    doors: list[TerminalsDoor] = []
    yield make
    for terminal in terminals:
        await terminal.close()
    for door in doors:
        await door.close()


QUESTIONS = {
    "2300120260301    093000AOMAIN|AAada|AC|AD1234|": "24YYYY          001",
    "6300120260301    093000          AOMAIN|AAada|AC|AD1234|": "64YYYY          001",
    "17                  AOMAIN|AB1|AC|": "18010101",
    "9900802.00": "98NNNNNN",
}


@pytest.mark.parametrize("error", [Unavailable("no answer"), ZeroDivisionError("a bug")])
async def test_a_question_without_an_answer_gets_a_well_formed_no(
    with_broken_ils: Callable[[Exception], Awaitable[Terminal]], error: Exception
) -> None:
    terminal = await with_broken_ils(error)

    for question, beginning in QUESTIONS.items():
        answer = await terminal.send(question, sequence=1)
        assert answer.startswith(beginning)
        assert "division" not in answer


async def test_is_silent_about_what_may_have_been_done(
    with_broken_ils: Callable[[Exception], Awaitable[Terminal]],
) -> None:
    checkout = "11NN20260302    100000                  AOMAIN|AAada|AB31000001|AC|"

    unknown = await with_broken_ils(Unavailable("connection lost", may_stand=True))
    known = await with_broken_ils(Unavailable("disk full", may_stand=False))

    assert await unknown.send(checkout) == ""
    answer = await known.send(checkout)
    assert answer.startswith("120NUN")
    assert answer.endswith("AFThe library's system does not answer. Please ask at the desk.|")


async def test_no_secret_is_logged(
    library: Library, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await library.patron("ada", pin="987654")
    terminal = await connect()
    await terminal.send("9300CNkiosk|COwr0ng-s3cret|")
    terminal = await (await connect()).login()
    await terminal.send("2300120260301    093000AOMAIN|AAada|AC|AD987654|")
    await terminal.send("11NN20260302    100000                  AOMAIN|AAada|ABx|AC|AD987653|")
    await terminal.send_bytes(b"2300120260301    093000AOMAIN|AAada|AC|AD987654|AY1AZ0000\r")
    await terminal.receive()

    assert "refused" in caplog.text
    assert "98765" not in caplog.text
    assert "wr0ng" not in caplog.text
    assert "ada" not in caplog.text
