"""What hostile networks may do to the door: so long, so many, and so often."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from bibliobus.database.verifier import HASHER
from bibliobus.ils import Unavailable
from bibliobus.terminals import Limits, ListenerSettings, revoke_account
from bibliobus.terminals.limits import FAILURES, TARPIT, Patience
from bibliobus.terminals.settings import Role
from tests.acceptance.conftest import BIBLIOBUS
from tests.support import Library, Terminal
from tests.terminals.doors import ABROAD, HERE, LOGIN, STATUS, a_door, closed_within, reset
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture

LOOKS = 1.5  # seconds in which the door looks at all connections, and a little
WRONG = "9300CNkiosk|COwrong|"
CHECKOUT = "11NN20260302    100000                  AOMAIN|AAada|AB31000001|AC|"
PATRON = "6300120260301    093000          AOMAIN|AAada|AC|AD{}|"
QUESTIONS = {
    "2300120260301    093000AOMAIN|AAada|AC|AD1234|": "24YYYY",
    PATRON.format(1234): "64YYYY",
    "1720260301    093000AOMAIN|AB31000001|AC|": "18010101",
    STATUS: "98N",
}


@pytest.fixture
def hasher() -> PasswordHasher:
    """The server's own: some of these limits are there because it takes its time."""
    return HASHER


# ------------------------------------------------ time


async def test_whoever_does_not_log_in_is_hung_up_on(library: Library) -> None:
    async with a_door(library, limits=Limits(login_seconds=0.3)) as doors:
        silent = await doors.abroad()
        here = await doors.connect()  # and not even for whom

        assert await closed_within(silent, 0.3 + LOOKS) > 0.2
        assert await closed_within(here, 2.0 + LOOKS) >= 0


async def test_the_time_to_log_in_is_not_made_longer_by_talking(library: Library) -> None:
    settings = ListenerSettings(address=HERE, proxies=("127.0.0.0/8",), status_before_login="MAIN")
    async with a_door(library, settings, limits=Limits(login_seconds=1.0)) as doors:
        asking, noisy = await doors.abroad(), await doors.abroad()
        began = time.monotonic()

        await noisy.send_bytes(b"ZZ\r" * 1000)  # twenty seconds' worth
        while time.monotonic() - began < 5:
            if not await asking.send(STATUS):
                break

        assert 0.9 < time.monotonic() - began < 1.0 + LOOKS
        await closed_within(noisy, LOOKS)


@pytest.mark.parametrize("sent_before", ["", STATUS])
async def test_half_a_message_is_not_waited_for_however_it_drips(
    library: Library, sent_before: str
) -> None:
    async with a_door(library, limits=Limits(message_seconds=0.5)) as doors:
        terminal = await doors.kiosk()
        if sent_before:
            await terminal.send(sent_before)

        async def drip() -> None:
            while True:
                await terminal.send_bytes(b"9")
                await asyncio.sleep(0.1)

        dripping = asyncio.create_task(drip())
        assert await closed_within(terminal, 0.5 + LOOKS) > 0.4
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)


async def test_a_message_without_an_end_is_not_waited_for(library: Library) -> None:
    async with a_door(library, limits=Limits(message_seconds=0.5)) as doors:
        terminal = await doors.kiosk()
        await terminal.send("9900802.00", sequence=1)

        async def stream() -> None:
            while True:
                await terminal.send_bytes(b"x" * 10_000)
                await asyncio.sleep(0.05)

        streaming = asyncio.create_task(stream())
        assert await closed_within(terminal, 0.5 + LOOKS) > 0.4
        streaming.cancel()
        await asyncio.gather(streaming, return_exceptions=True)


async def test_an_idle_terminal_is_hung_up_on_unless_it_may_idle(library: Library) -> None:
    async with (
        a_door(library, limits=Limits(idle_seconds=0.5)) as doors,
        a_door(library, limits=Limits(idle_seconds=0, message_seconds=0.1)) as patient,
    ):
        idle, may_idle = await doors.kiosk(), await patient.kiosk()
        busy = await doors.kiosk()

        hung_up = asyncio.create_task(closed_within(idle, 0.5 + LOOKS))
        while not hung_up.done():
            assert (await busy.send(STATUS)).startswith("98Y")
            await asyncio.sleep(0.05)

        assert await hung_up > 0.4
        assert (await may_idle.send(STATUS)).startswith("98Y")


async def test_whoever_does_not_read_is_hung_up_on(library: Library) -> None:
    async with a_door(library, limits=Limits(message_seconds=0.5)) as doors:
        terminal = await doors.connect()
        terminal.writer.transport.pause_reading()  # type: ignore[attr-defined] # a real transport has it
        await terminal.send_bytes(b"PROXY UNKNOWN\r\n" + LOGIN.encode() + b"\r")

        async def ask() -> None:
            while True:
                await terminal.send_bytes(b"9900802.00\r" * 1000)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(ask(), 20)


class Slow:
    """An ILS that does not answer."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in ("supports", "check_inst_id"):
            return lambda *_: False

        async def wait(*_: object, **__: object) -> object:
            self.begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                self.ended.set()
            raise Unavailable("at last")

        return wait


async def test_a_question_that_takes_too_long_gets_a_no_and_the_terminal_stays(
    library: Library,
) -> None:
    async with a_door(library, limits=Limits(answer_seconds=0.3), ils=Slow()) as doors:
        terminal = await doors.kiosk()

        for question, no in QUESTIONS.items():
            began = time.monotonic()
            assert (await terminal.send(question, sequence=1)).startswith(no)
            assert time.monotonic() - began < 0.3 + LOOKS


async def test_a_transaction_that_takes_too_long_gets_silence_and_an_end(library: Library) -> None:
    slow = Slow()
    async with a_door(library, limits=Limits(answer_seconds=0.3), ils=slow) as doors:
        terminal = await doors.kiosk()

        assert await terminal.send(CHECKOUT) == ""
        assert slow.ended.is_set()


async def test_what_was_asked_by_who_has_gone_ends_too(library: Library) -> None:
    slow = Slow()
    async with a_door(library, limits=Limits(answer_seconds=0.3), ils=slow) as doors:
        terminal = await doors.kiosk()
        await terminal.send_bytes(b"2300120260301    093000AOMAIN|AAada|AC|AD1234|\r")
        await slow.begun.wait()
        await terminal.close()

        async with asyncio.timeout(0.3 + LOOKS):
            await slow.ended.wait()


# ------------------------------------------------ how many


async def test_there_is_room_for_so_many(library: Library) -> None:
    async with a_door(library, limits=Limits(connections=3)) as doors:
        inside = [await doors.kiosk() for _ in range(3)]

        assert await closed_within(await doors.abroad(), 1) >= 0
        await inside.pop().close()
        await asyncio.sleep(0.1)
        await doors.kiosk()
        for each in inside:
            assert (await each.send(STATUS)).startswith("98Y")


async def test_one_address_has_room_for_so_many(library: Library) -> None:
    async with a_door(library, limits=Limits(connections_of_address=2)) as doors:
        for address in (ABROAD, "2001:db8::1"):
            [await doors.kiosk(address) for _ in range(2)]
        for address in (ABROAD, "2001:db8::2"):  # of one network, which one host may have
            assert await closed_within(await doors.abroad(address), 1) >= 0
        await doors.kiosk("203.0.113.8")
        await doors.kiosk("2001:db8:0:1::1")


async def test_a_connection_that_is_closed_counts_until_its_work_is_done(
    library: Library,
) -> None:
    slow = Slow()
    limits = Limits(connections_of_address=1, answer_seconds=1.0)
    async with a_door(library, limits=limits, ils=slow) as doors:
        terminal = await doors.kiosk()
        await terminal.send_bytes(b"2300120260301    093000AOMAIN|AAada|AC|AD1234|\r")
        await slow.begun.wait()
        await terminal.close()

        assert await closed_within(await doors.abroad(), 1) >= 0
        await asyncio.sleep(1.0 + LOOKS)
        await doors.kiosk()


async def test_the_oldest_strangers_make_room(library: Library) -> None:
    async with a_door(library, limits=Limits(strangers=8, connections_of_address=1)) as doors:
        kiosk = await doors.kiosk("203.0.113.1")
        strangers = [await doors.abroad(f"198.51.100.{n}") for n in range(40)]
        await asyncio.sleep(0.2)

        gone = [each.reader.at_eof() or each.reader.exception() for each in strangers]
        assert sum(1 for each in gone if not each) <= 8
        assert all(gone[:32])
        assert not gone[-1]
        assert (await kiosk.send(STATUS)).startswith("98Y")


async def test_who_fails_to_become_somebody_else_is_a_stranger_again(library: Library) -> None:
    async with a_door(library, limits=Limits(login_seconds=0.5)) as doors:
        terminal = await doors.kiosk()
        await asyncio.sleep(1)

        assert await terminal.send(WRONG) == "940"
        assert await closed_within(terminal, 0.5 + LOOKS) > 0.4


async def test_one_account_has_room_for_so_many(library: Library) -> None:
    await library.terminal_account("kiosk", "kiosk", connections=2)
    async with a_door(library) as doors:
        first, _ = await doors.kiosk("203.0.113.1"), await doors.kiosk("203.0.113.2")
        third = await doors.abroad("203.0.113.3")

        assert await third.send(LOGIN) == "940"
        await first.close()
        await asyncio.sleep(0.1)
        assert await third.send(LOGIN) == "941"
        for _ in range(5):  # again and again, one connection is one
            assert await third.send(LOGIN) == "941"


# ------------------------------------------------ how often


async def test_messages_beyond_the_rate_wait(library: Library) -> None:
    limits = Limits(messages_a_second=20, messages_at_once=5)
    async with a_door(library, limits=limits) as doors:
        terminal, other = await doors.kiosk(), await doors.kiosk()
        began = time.monotonic()
        await terminal.send_bytes(b"9900802.00\r" * 24)

        assert (await other.send(STATUS)).startswith("98Y")
        assert time.monotonic() - began < 0.5
        for _ in range(24):
            assert (await terminal.receive()).startswith("98Y")
        assert 0.9 < time.monotonic() - began < 3


async def test_questions_about_patrons_beyond_the_rate_wait(library: Library) -> None:
    await library.patron("ada")
    async with a_door(library) as doors:
        terminal = await doors.kiosk()
        for n in range(60):
            assert (await terminal.send(PATRON.format(1234))).startswith("64"), n
        began = time.monotonic()

        assert (await terminal.send(PATRON.format(1234))).startswith("64")
        assert 0.3 < time.monotonic() - began < 3


def test_a_vendor_that_authenticates_may_ask_more_often() -> None:
    now = 0.0
    patience = Patience(lambda: now)

    def free(login: str, role: Role) -> int:
        return sum(patience.wait_for_patron(login, role) == 0 for _ in range(1000))

    assert free("kiosk", Role.SELF_CHECK) == 60
    assert free("vendor", Role.AUTHENTICATION) == 600
    now = 2000.0
    assert free("kiosk", Role.SELF_CHECK) == 60


def test_whoever_asks_too_much_is_refused_and_has_their_turn_again_soon() -> None:
    now = 0.0
    patience = Patience(lambda: now)

    def ask() -> float | None:
        return patience.wait_for_patron("kiosk", Role.SELF_CHECK)

    waits = [ask() for _ in range(5000)]
    now = 10.0

    assert waits[:64] == [0.0] * 60 + [1.0, 2.0, 3.0, None]
    assert set(waits[64:]) == {None}
    assert ask() == 0.0


async def test_a_listener_may_have_its_own_patience(library: Library) -> None:
    patient = ListenerSettings(address=HERE, idle_seconds=0, login_seconds=0.4)
    async with a_door(library, patient, limits=Limits(idle_seconds=0.4)) as doors:
        stranger, terminal = await doors.connect(), await (await doors.connect()).login()

        assert await closed_within(stranger, 0.4 + LOOKS) > 0.3
        await asyncio.sleep(LOOKS)
        assert (await terminal.send(STATUS)).startswith("98")


async def test_too_many_questions_are_answered_with_a_no(library: Library) -> None:
    await library.patron("ada")
    async with a_door(library, limits=Limits(messages_at_once=1000)) as doors:
        kiosks = [await doors.kiosk() for _ in range(8)]
        for _ in range(7):
            for each in kiosks:
                await each.send(PATRON.format(""))
        answers = await asyncio.gather(*(each.send(PATRON.format("")) for each in kiosks))

        refused = [each for each in answers if "AFToo many questions." in each]
        assert all(each.startswith("64YYYY") and "CQ" not in each for each in refused)
        assert refused


async def test_the_fourth_wrong_login_is_the_end(library: Library) -> None:
    async with a_door(library) as doors:
        terminal = await doors.abroad()

        answers = [await terminal.send(WRONG) for _ in range(3)]

        assert answers == ["940"] * 3
        assert await terminal.send(WRONG) == ""


async def test_whoever_guesses_pins_is_kept_waiting_and_nobody_else(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    await library.patron("ada")
    await library.terminal_account("other", "other")
    question = "2300120260301    093000AOMAIN|AAada|AC|AD{}|"
    async with a_door(library) as doors:
        guesser = await doors.kiosk()
        neighbour = await (await doors.abroad()).login("other", "other")
        for n in range(FAILURES):
            assert "CQN" in await guesser.send(question.format(f"x{n}"))
        assert "guesses PINs" in caplog.text

        assert await seconds(guesser, question.format(1234)) > TARPIT - 0.1
        again = await doors.kiosk()  # a new connection is no new terminal
        assert await seconds(again, question.format(1234)) > TARPIT - 0.1
        assert await seconds(guesser, STATUS) < 1
        assert await seconds(neighbour, question.format(1234)) < 1


async def test_whoever_guesses_logins_is_kept_waiting_before_the_check(library: Library) -> None:
    async with a_door(library) as doors:
        for _ in range(FAILURES // 3):
            terminal = await doors.abroad()
            assert [await terminal.send(WRONG) for _ in range(3)] == ["940"] * 3
            await terminal.close()

        assert await seconds(await doors.abroad(), LOGIN) > TARPIT - 0.1
        assert await seconds(await doors.abroad("203.0.113.8"), LOGIN) < 1


async def seconds(terminal: Terminal, message: str) -> float:
    began = time.monotonic()
    assert await terminal.send(message)
    return time.monotonic() - began


async def test_nothing_of_it_is_meant_for_this_machine(library: Library) -> None:
    await library.terminal_account("kiosk", "kiosk", connections=1)
    await library.patron("ada")
    limits = Limits(strangers=1, connections_of_address=1, messages_a_second=1, messages_at_once=1)
    async with a_door(library, ListenerSettings(address=HERE), limits=limits) as doors:
        terminals = [await doors.connect() for _ in range(5)]
        for each in terminals:
            await each.login()
        began = time.monotonic()
        for n in range(FAILURES + 10):
            answer = await terminals[0].send(PATRON.format(f"x{n}"))
            assert answer.startswith("64")

        assert time.monotonic() - began < 20


# ------------------------------------------------ login storms


async def test_pins_have_their_turn_in_a_storm_of_logins(library: Library) -> None:
    for n in range(20):
        await library.patron(f"P{n}")
    async with a_door(library) as doors:
        kiosk = await doors.kiosk()

        over = asyncio.Event()

        async def storm(n: int) -> None:
            while not over.is_set():
                stranger = await doors.abroad(f"198.51.{n}.1")
                for _ in range(3):
                    await stranger.send(f"9300CNnobody{n}|COwrong|")
                await stranger.close()

        storms = [asyncio.create_task(storm(n)) for n in range(100)]
        await asyncio.sleep(1)
        took = []
        for n in range(20):
            began = time.monotonic()
            answer = await kiosk.send(f"2300120260301    093000AOMAIN|AAP{n}|AC|AD1234|")
            took.append(time.monotonic() - began)
            assert "CQY" in answer
        over.set()
        await asyncio.gather(*storms)

    print(f"longest check of a PIN in a storm of logins: {max(took):.3f} s")
    assert max(took) < 1


async def test_a_login_of_who_has_gone_is_not_checked(library: Library) -> None:
    async with a_door(library) as doors:
        for n in range(300):
            stranger = await doors.abroad(f"198.51.{n % 200}.1")
            await stranger.send_bytes(f"9300CNnobody{n}|COwrong|\r".encode())
            await reset(stranger)
        await asyncio.sleep(0.2)

        began = time.monotonic()
        await doors.kiosk()
        assert time.monotonic() - began < 1


async def test_a_door_that_closes_in_the_middle_of_a_login_leaves_nothing(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    before = asyncio.all_tasks()
    async with a_door(library) as doors:
        terminals = [await doors.abroad(f"203.0.113.{n}") for n in range(20)]
        for each in terminals:
            await each.send_bytes(b"9300CNnobody|COx|\r")
        waiting = await doors.connect()  # has not said for whom
        await asyncio.sleep(0.05)
        await asyncio.wait_for(doors.door.close(), 10)
        assert await closed_within(waiting, 1) >= 0
    await asyncio.sleep(0.1)

    assert asyncio.all_tasks() == before
    assert "fault" not in caplog.text
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_an_account_revoked_in_the_middle_of_a_request(library: Library) -> None:
    await library.patron("ada")
    async with a_door(library) as doors:
        busy, idle = await doors.kiosk(), await doors.kiosk()
        watching = asyncio.create_task(library.app.accounts.watch(0.1))
        await busy.send_bytes(b"2300120260301    093000AOMAIN|AAada|AC|AD1234|\r" * 60)

        await library.app.database.write(lambda tx: revoke_account(tx, "kiosk"))

        began = time.monotonic()
        await closed_within(busy, 3)
        await closed_within(idle, 3)
        assert time.monotonic() - began < 1.3
        assert await (await doors.abroad()).send(LOGIN) == "940"
        watching.cancel()


# ------------------------------------------------ open files


WITHOUT_UVLOOP = "import sys; sys.modules['uvloop'] = None; from bibliobus.cli import main; main()"
PROGRAMS = {"uvloop": [str(BIBLIOBUS)], "asyncio": [sys.executable, "-c", WITHOUT_UVLOOP]}


@pytest.mark.parametrize("loop", PROGRAMS)
def test_connections_are_taken_again_when_there_are_files_again(tmp_path: Path, loop: str) -> None:
    with demo_with_few_files(tmp_path, PROGRAMS[loop]) as address:
        early = socket.create_connection(address, timeout=5)
        assert ask(early, LOGIN) == "941"
        crowd = [socket.create_connection(address, timeout=5) for _ in range(100)]
        time.sleep(0.5)
        assert ask(early, STATUS).startswith("98")
        for each in crowd:
            each.close()

        began = time.monotonic()
        while not comes_in(address):
            assert time.monotonic() - began < 5
        early.close()


@contextmanager
def demo_with_few_files(folder: Path, program: list[str]) -> Iterator[tuple[str, int]]:
    """A demo library that may open 64 files."""
    arguments = ["demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0", "--data", str(folder)]
    server = subprocess.Popen(
        ["sh", "-c", 'ulimit -n 64; exec "$0" "$@"', *program, *arguments],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert server.stdout is not None
    try:
        for line in server.stdout:
            if ready := re.match(r"ready: SIP2 at ([\d.]+):(\d+)", line):
                yield ready[1], int(ready[2])
                break
        else:
            raise AssertionError("it did not start")
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
    finally:
        server.kill()
        server.communicate()


def comes_in(address: tuple[str, int]) -> bool:
    """Whether a terminal can log in, or is hung up on, as uvloop does without files."""
    with socket.create_connection(address, timeout=5) as terminal:
        try:
            return ask(terminal, LOGIN) == "941"
        except ConnectionError:
            return False


def ask(terminal: socket.socket, message: str) -> str:
    terminal.sendall(message.encode() + b"\r")
    answer = b""
    while not answer.endswith(b"\r"):
        more = terminal.recv(4096)
        if not more:
            raise ConnectionError("it hung up")
        answer += more
    return answer.decode().rstrip("\r")
