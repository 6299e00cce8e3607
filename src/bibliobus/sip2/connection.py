"""The library's side of one terminal's connection, without I/O.

Give it what arrives (`receive_data`), ask what happened (`next_event`), and let it write what you
answer (`send`). The rules are the standard's (spec/sip2 1.6 to 1.8):

1. A message whose checksum does not fit is answered with 96, and nothing else happens.
2. Whoever sends a sequence number and a checksum gets both back; whoever does not, does not.
3. 97 gets our last answer again, byte for byte; before the first answer, it gets 96.
4. With error detection, a message equal to the one before it, number and checksum included, gets
   our last answer again and is not handed on, if it is one that changes something. Queries are
   answered afresh.
5. The numbers need not follow each other: real terminals restart or repeat them.

Requests come strictly one after another: answer one before you ask for the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bibliobus.sip2 import checking
from bibliobus.sip2.codec import Message, decode, encode
from bibliobus.sip2.dialect import Dialect
from bibliobus.sip2.errors import SIP2Error, UnknownMessage
from bibliobus.sip2.framing import Lines, LineTooLong
from bibliobus.sip2.messages import REQUESTS, RequestACSResend, RequestSCResend

CHANGES_SOMETHING = frozenset({"01", "09", "11", "15", "19", "25", "29", "37", "65"})

MAX_LENGTH = 8192  # bytes of one request; spec/reliability 6.1


@dataclass(frozen=True, slots=True)
class Request:
    """A message to be answered with `Connection.send`."""

    message: Message


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to send at once: the protocol itself answers."""

    data: bytes = field(repr=False)
    reason: str  # for the log


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message to which nothing is said (an unknown code: spec/sip2 1.8)."""

    reason: str


Event = Request | Reply | Ignored


class Connection:
    """One terminal's messages in order, and our answers to them."""

    def __init__(self, dialect: Dialect | None = None, max_length: int = MAX_LENGTH) -> None:
        self.dialect = dialect or Dialect()
        self._lines = Lines(max_length)
        self._previous: bytes | None = None  # the line of the last request that was handed on
        self._detected = False  # the message being answered asked for error detection
        self._sequence: bytes | None = None
        self._last_sent: bytes | None = None  # what 97 asks for: it may be a 96
        self._last_answer: bytes | None = None  # to `_previous`, once it is there

    def receive_data(self, data: bytes) -> None:
        """Take bytes as they arrive. What they mean comes from `next_event`."""
        self._lines.feed(data)

    def receive_end(self) -> None:
        """The terminal will send no more. Its last message may lack its end (spec/sip2 1.3)."""
        self._lines.feed(b"\r")

    @property
    def waiting(self) -> int:
        """How many bytes have arrived and were not yet handed out."""
        return len(self._lines)

    def next_event(self) -> Event | None:
        """What the terminal said next; None until more arrives. Never raises."""
        try:
            line = self._lines.next()
        except LineTooLong:
            return self._ask_again(f"a message over {self._lines.limit} bytes")
        return None if line is None else self._event(line)

    def send(self, response: Message) -> bytes:
        """The bytes of an answer to the last `Request`, which 97 will repeat from now on."""
        body = self.dialect.to_bytes(encode(response, self.dialect.delimiter))
        self._last_answer = self._finish(body, self._sequence)
        return self._last_answer

    def _event(self, line: bytes) -> Event:
        checked = checking.take_apart(line)
        self._detected = checked.detected
        if not checked.intact:
            return self._ask_again("a wrong checksum")
        repeated = checked.sequence is not None and line == self._previous
        if repeated and line[:2].decode("latin-1") in CHANGES_SOMETHING and self._last_answer:
            self._last_sent = self._last_answer
            return Reply(self._last_answer, "the same message again")
        try:
            message = decode(self.dialect.to_text(checked.body), REQUESTS, self.dialect.delimiter)
        except UnknownMessage as error:
            return Ignored(str(error))
        except SIP2Error as error:
            return self._ask_again(str(error))
        if isinstance(message, RequestACSResend):
            if self._last_sent is None:
                return self._ask_again("a 97 before any answer")
            return Reply(self._last_sent, "asked to resend")
        self._previous, self._sequence, self._last_answer = line, checked.sequence, None
        return Request(message)

    def _ask_again(self, reason: str) -> Reply:
        """96, which has no sequence number; the next 97 repeats even this (spec/sip2 1.8)."""
        return Reply(self._finish(RequestSCResend.code.encode(), None), reason)

    def _finish(self, body: bytes, sequence: bytes | None) -> bytes:
        if self._detected:
            body = checking.seal(body, sequence)
        self._last_sent = body + self.dialect.terminator
        return self._last_sent
