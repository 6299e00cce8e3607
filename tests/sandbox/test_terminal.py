"""The terminal in a few lines, against a library's system that misbehaves."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from bibliobus.sandbox.terminal import NoAnswer, Terminal
from bibliobus.sip2 import Dialect, messages
from bibliobus.sip2.checking import seal

LOGIN = messages.Login(login_user_id="k", login_password="x")
OK = seal(b"941", b"0") + b"\r"


class Library:
    """Answers each thing it hears with the next of its answers; None: by hanging up."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.answers: list[bytes | None] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = self._listening.getsockname()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        try:
            terminal, _ = self._listening.accept()
        except OSError:
            return  # nobody came
        with terminal:
            while data := terminal.recv(1000):
                self.heard.append(data)
                answer = self.answers.pop(0)
                if answer is None:
                    return
                terminal.sendall(answer)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


@pytest.fixture
def library() -> Iterator[Library]:
    library = Library()
    yield library
    library.close()


def test_asks_until_it_understands(library: Library) -> None:
    library.answers = [b"96AZFEF6\r", b"", b"941AY0AZ0000\r", b"941AY9AZ", seal(b"941", b"9")[-4:]]
    library.answers += [b"\r" + OK]
    overheard: list[tuple[str, bytes]] = []

    with Terminal(
        library.address, Dialect(), timeout=0.2, overheard=lambda *heard: overheard.append(heard)
    ) as terminal:
        library.answers[3:] = [OK]  # no more damage: three times is all it asks
        answer = terminal.ask(LOGIN)

    sent = seal(b"9300CNk|COx|", b"0")
    assert answer.message == messages.LoginResponse(ok=True)
    assert library.heard == [sent + b"\r"] * 3 + [b"97AZFEF5\r"]
    assert overheard == [
        (">", sent),
        ("<", b"96AZFEF6"),
        (">", sent),
        (">", sent),
        ("<", b"941AY0AZ0000"),
        (">", b"97AZFEF5"),
        ("<", OK.strip()),
    ]


def test_passes_over_what_is_no_answer_to_it(library: Library) -> None:
    library.answers = [seal(b"940", b"7") + b"\r" + OK]

    with Terminal(library.address, Dialect()) as terminal:
        assert terminal.ask(b"9300CNk|COx|").message == messages.LoginResponse(ok=True)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([b""] * 4, "no answer in time"),
        ([b"96AZFEF6\r"] * 4, "asked to resend"),
        ([None], "has hung up|connection is lost"),
    ],
)
def test_says_why_there_is_no_answer(
    library: Library, answers: list[bytes | None], why: str
) -> None:
    library.answers = answers

    with (
        Terminal(library.address, Dialect(), timeout=0.05) as terminal,
        pytest.raises(NoAnswer, match=why),
    ):
        terminal.ask(LOGIN)


def test_says_that_nobody_is_there() -> None:
    with pytest.raises(NoAnswer, match=r"nobody answers at 127.0.0.1:1: Connection refused"):
        Terminal(("127.0.0.1", 1), Dialect())


def test_says_that_the_connection_was_lost(library: Library) -> None:
    library.answers = [None]
    with Terminal(library.address, Dialect()) as terminal:
        with pytest.raises(NoAnswer):
            terminal.ask(LOGIN)
        terminal._socket.close()
        with pytest.raises(RuntimeError, match="no answer yet"):
            terminal.ask(LOGIN)
