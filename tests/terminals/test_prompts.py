"""A terminal of the telnet kind logs in at two prompts, then speaks SIP2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.ils import Secret
from bibliobus.terminals.prompts import MOST, Attempt, LoginPrompts, TooMuchSent

OK = b"Login OK.  Initiating SIP\r\n"
SIP = b"9900802.00\r\n9900802.00\xff\r"
KIOSK = Attempt("kiosk", Secret("s3cret"))
ECHO = b"\xff\xfd\x01"  # DO ECHO
WINDOW = (
    b"\xff\xfa\x1f\0\x50\xff\xff\xf0\r\n\xff\xf0"  # SB NAWS … SE, with line ends and 0xFF inside
)
COMMANDS = [
    ECHO,
    b"\xff\xfb\x03",
    b"\xff\xfc\xff",
    b"\xff\xfe\r",
    b"\xff\xf1",
    WINDOW,
    b"\xff\xfa\xff\xf0",
]
TELNET = st.lists(st.sampled_from(b"\r\n\0a\xff\xfa\xf0")).map(bytes)
ENDS = [b"\r", b"\n", b"\r\n", b"\r\0"]


@dataclass
class Client:
    """A client of a door that knows one account."""

    prompts: LoginPrompts = field(default_factory=LoginPrompts)
    seen: bytes = b""
    attempts: list[Attempt] = field(default_factory=list)
    sip: bytes = b""

    def sends(self, chunks: Iterable[bytes]) -> Client:
        """Send `chunks`, each of them when all before is answered."""
        self._look()
        for chunk in chunks:
            if self.prompts.finished:
                self.sip += chunk
                continue
            self.prompts.receive_data(chunk)
            self._look()
        return self

    def _look(self) -> None:
        if self.prompts.finished:
            return
        while (event := self.prompts.next_event()) is not None:
            self.seen += event if isinstance(event, bytes) else self._judge(event)
        if self.prompts.finished:
            self.sip = self.prompts.rest

    def _judge(self, attempt: Attempt) -> bytes:
        assert self.prompts.next_event() is None  # until it is judged
        self.attempts.append(attempt)
        return self.prompts.accepted() if attempt == KIOSK else self.prompts.refused()


def one_by_one(data: bytes) -> Iterator[bytes]:
    """The same bytes, each alone."""
    return (data[at : at + 1] for at in range(len(data)))


def test_asks_for_the_login_and_then_for_the_password() -> None:
    client = Client()

    assert client.sends([]).seen == b"login: "
    assert client.sends([b"kio", b"sk"]).seen == b"login: "
    assert client.sends([b"\r\n"]).seen == b"login: password: "
    assert client.sends([b"s3cret\r\n"]).seen == b"login: password: " + OK
    assert client.attempts == [KIOSK]
    assert client.prompts.finished
    assert client.sip == b""


def test_tells_each_failure_and_hangs_up_after_the_third() -> None:
    client = Client().sends([b"kiosk\rwrong\r"])
    assert client.seen == b"login: password: Invalid login\r\nlogin: "

    client.sends([b"\r\rnobody\rs3cret\rkiosk\rs3cret\r"])

    again = b"login: password: Invalid login\r\n"
    assert client.seen == again * 3
    assert client.prompts.finished
    assert client.prompts.next_event() is None
    assert client.attempts == [
        Attempt("kiosk", Secret("wrong")),
        Attempt("", Secret("")),
        Attempt("nobody", Secret("s3cret")),
    ]


def test_a_failure_leaves_nothing_for_the_next_attempt() -> None:
    client = Client().sends([b"kiosk\rwrong\r", b"kiosk\r", b"s3cret\r"])

    assert client.attempts[1:] == [KIOSK]
    assert client.seen.endswith(b"login: password: " + OK)


@pytest.mark.parametrize("end", ENDS)
def test_gives_what_was_sent_ahead_as_the_first_sip2(end: bytes) -> None:
    whole = b"kiosk" + end + b"s3cret" + end + SIP

    assert Client().sends([whole]).sip == SIP
    assert Client().sends(one_by_one(whole)).sip.lstrip(b"\n\0") == SIP


def test_reads_logins_as_the_login_message_does() -> None:
    client = Client().sends(["bücher\rñ\xff\xff\r".encode("latin-1"), "bücher\rñ\r".encode()])

    assert client.attempts == [
        Attempt("b\udcfccher", Secret("\udcf1\udcff")),
        Attempt("bücher", Secret("ñ")),
    ]


def test_hangs_up_on_a_client_that_says_too_much() -> None:
    client = Client().sends([b"x" * (MOST - 1), b"\r"])
    assert client.seen == b"login: password: "

    with pytest.raises(TooMuchSent):
        client.sends([b"\r"])


@pytest.mark.parametrize("flood", [b"x", b"\r", b"\xff", b"\xff\xfa", b"\0", ECHO, WINDOW])
def test_hangs_up_whatever_a_flood_is_made_of(flood: bytes) -> None:
    prompts = LoginPrompts()
    for _ in range(MOST // len(flood)):
        prompts.receive_data(flood)
        prompts.next_event()

    with pytest.raises(TooMuchSent):
        prompts.receive_data(flood)


def test_shows_no_password() -> None:
    client = Client().sends([b"kiosk\rs3cret", b"\r", b"s3cret"])

    assert repr(client.attempts) == "[Attempt(login='kiosk', password=Secret('***'))]"
    assert "s3cret" not in repr(client.prompts)


@given(
    pieces=st.lists(st.sampled_from([*COMMANDS, b"\0"]), min_size=16, max_size=16),
    ends=st.tuples(st.sampled_from(ENDS), st.sampled_from(ENDS)),
    cuts=st.lists(st.integers(0, 200), max_size=12),
)
def test_understands_any_telnet_client_however_its_bytes_were_cut(
    pieces: list[bytes], ends: tuple[bytes, bytes], cuts: list[int]
) -> None:
    typed = [*one_by_one(b"kiosk"), ends[0], *one_by_one(b"s3cret")]
    before = b"".join(b"".join(each) for each in zip(pieces, typed, strict=False))
    whole = before + ends[1] + SIP
    at = [0, *sorted(cuts), len(whole)]

    client = Client().sends(whole[start:end] for start, end in pairwise(at))

    assert client.attempts == [KIOSK]
    assert client.seen == b"login: password: " + OK
    assert client.sip.lstrip(b"\n\0") == SIP


@given(st.binary(max_size=300) | TELNET)
def test_makes_the_same_of_any_bytes_in_any_pieces(data: bytes) -> None:
    whole, in_pieces = Client().sends([data]), Client().sends(one_by_one(data))

    assert whole.attempts == in_pieces.attempts
    assert whole.seen == in_pieces.seen
