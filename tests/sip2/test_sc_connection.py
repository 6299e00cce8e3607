"""The terminal's side of a connection, alone and against the library's side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.sip2 import (
    Connection,
    Dialect,
    ErrorDetection,
    Ignored,
    Message,
    Reply,
    Request,
    messages,
)
from bibliobus.sip2.checking import seal
from bibliobus.sip2.sc_connection import Failed, Response, SCConnection, SendAgain

LOGIN = messages.Login(login_user_id="k", login_password="x")
LOGIN_OK = messages.LoginResponse(ok=True)


def test_numbers_each_message_anew_and_wraps() -> None:
    terminal = SCConnection()
    for n in [*range(10), 0]:
        assert terminal.send(LOGIN) == seal(b"9300CNk|COx|", b"%d" % n) + b"\r"
        terminal.receive_data(seal(b"941", b"%d" % n) + b"\r")
        assert terminal.next_event() == Response(LOGIN_OK)


def test_speaks_plainly_if_it_is_told_to() -> None:
    terminal = SCConnection(Dialect(terminator="\r\n", error_detection=ErrorDetection.OFF))

    assert terminal.send(LOGIN) == b"9300CNk|COx|\r\n"
    terminal.receive_data(b"nonsense\r\n")
    assert terminal.next_event() == SendAgain(b"97\r\n", "there is no message 'no' in SIP2 2.00")
    terminal.receive_data(b"941\r\n")
    assert terminal.next_event() == Response(LOGIN_OK)
    assert terminal.next_event() is None


def test_asks_again_for_a_damaged_answer() -> None:
    terminal = SCConnection()
    terminal.send(LOGIN)
    terminal.receive_data(b"941AY0AZ0000\r" + seal(b"941", b"0") + b"\r")

    assert terminal.next_event() == SendAgain(b"97AZFEF5\r", "a wrong checksum")
    assert terminal.next_event() == Response(LOGIN_OK)


def test_sends_the_same_bytes_again_when_asked_or_when_nothing_comes() -> None:
    terminal = SCConnection()
    sent = terminal.send(LOGIN)
    terminal.receive_data(b"96AZFEF6\r")

    assert terminal.next_event() == SendAgain(sent, "asked to resend")
    assert terminal.timed_out() == SendAgain(sent, "no answer in time")


def test_gives_up_after_its_tries() -> None:
    terminal = SCConnection(retries=2)
    terminal.send(LOGIN)

    assert isinstance(terminal.timed_out(), SendAgain)
    assert isinstance(terminal.timed_out(), SendAgain)
    assert terminal.timed_out() == Failed("no answer in time")
    assert terminal.timed_out() == Failed("nothing was asked")


def test_a_96_to_a_97_is_the_end() -> None:
    terminal = SCConnection()
    terminal.send(LOGIN)
    terminal.receive_data(b"941AY0AZ0000\r96AZFEF6\r")
    terminal.next_event()

    assert terminal.next_event() == Failed("a 96 was the answer to our 97")


def test_drops_what_is_not_the_answer() -> None:
    terminal = SCConnection()
    terminal.receive_data(seal(b"941", b"0") + b"\r")
    assert terminal.next_event() == Ignored("an answer to nothing")

    terminal.send(LOGIN)
    terminal.receive_data(seal(b"940", b"7") + b"\r" + seal(b"941", b"0") + b"\r")

    assert terminal.next_event() == Ignored("an answer with another number")
    assert terminal.next_event() == Response(LOGIN_OK)


def test_asks_again_for_what_was_too_long() -> None:
    terminal = SCConnection(max_length=10)
    terminal.send(LOGIN)
    terminal.receive_data(b"9" * 11 + b"\r")

    assert terminal.next_event() == SendAgain(b"97AZFEF5\r", "an answer over 10 bytes")


def test_an_answer_to_something_else_is_late_and_not_ours() -> None:
    """Without numbers, only its kind tells an answer to the request before from ours."""
    terminal = SCConnection(Dialect(error_detection=ErrorDetection.OFF))
    terminal.send(messages.ItemInformation(transaction_date=None, institution_id="", item_id="1"))
    terminal.receive_data(b"941\r98NNNNNN100003" + b" " * 18 + b"2.00AO|BX|\r")

    assert terminal.next_event() == Ignored("a 94, which answers something else")
    assert isinstance(terminal.next_event(), Response)  # 98: the library's system is off line
    terminal.receive_data(b"940\r")
    terminal.send(LOGIN)
    assert terminal.next_event() is None  # it came before we asked


def test_asks_for_the_last_answer_again_when_told_to() -> None:
    terminal = SCConnection()
    terminal.send(LOGIN)
    terminal.receive_data(seal(b"941", b"0") + b"\r")
    terminal.next_event()

    assert terminal.send(messages.RequestACSResend()) == b"97AZFEF5\r"
    terminal.receive_data(seal(b"941", b"0") + b"\r")
    assert terminal.next_event() == Response(LOGIN_OK)
    assert terminal.send_body(b"97") == b"97AZFEF5\r"
    terminal.receive_data(b"96AZFEF6\r")
    assert terminal.next_event() == Failed("a 96 was the answer to our 97")


def test_sends_one_request_at_a_time() -> None:
    terminal = SCConnection()
    terminal.send(LOGIN)

    with pytest.raises(RuntimeError, match="has no answer yet"):
        terminal.send(LOGIN)


@given(st.lists(st.sampled_from(["lost", "damaged", "fine"]), max_size=12), st.booleans())
def test_over_any_line_each_request_is_handed_on_once_or_the_terminal_knows(
    line: list[str], query: bool
) -> None:
    """What happens to each transmission, either way, is drawn; then the line is fine."""
    terminal, library = SCConnection(retries=20), Connection()
    request: Message = messages.Checkin(
        no_block=False, transaction_date=None, return_date=None, institution_id="", item_id="1"
    )
    response: Message = messages.CheckinResponse(
        ok=True, resensitize=True, magnetic_media=None, alert=False, transaction_date=None,
        institution_id="", item_id="1", permanent_location="",
    )  # fmt: skip
    if query:
        request, response = LOGIN, LOGIN_OK
    fate = iter(line)
    handed_on = 0
    sending = terminal.send(request)
    for _ in range(100):
        if arrived := damaged(sending, next(fate, "fine")):
            library.receive_data(arrived)
        answer = b""
        while (event := library.next_event()) is not None:
            if isinstance(event, Request):
                handed_on += 1
                answer = library.send(response)
            elif isinstance(event, Reply):
                answer = event.data
        if arrived := damaged(answer, next(fate, "fine")):
            terminal.receive_data(arrived)
        heard = terminal.next_event() or terminal.timed_out()
        if isinstance(heard, Ignored):
            heard = terminal.timed_out()
        if not isinstance(heard, SendAgain):
            break
        sending = heard.data

    assert isinstance(heard, Response | Failed)
    if not query and isinstance(heard, Response):
        assert handed_on == 1


def damaged(data: bytes, fate: str) -> bytes:
    if fate == "lost" or not data:
        return b""
    return data if fate == "fine" else data[:1] + b"?" + data[2:]
