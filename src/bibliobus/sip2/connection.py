"""The library's side of one terminal's connection, without I/O.

Give it what arrives (`receive_data`), ask what happened (`next_event`), and let it write what you
answer (`send`). The rules are the standard's (spec/sip2 1.6 to 1.8):

1. A message whose checksum does not fit is answered with 96, and nothing else happens.
2. Whoever sends a sequence number and a checksum gets both back; whoever does not, does not. (A
   dialect may require them, but for logins, or have them off.)
3. 97 gets our last answer again, byte for byte; before the first answer, it gets 96.
4. With error detection, a message equal to the one before it, number and checksum included, gets
   our last answer again and is not handed on, if it is one that changes something. Queries are
   answered afresh.
5. The numbers need not follow each other: real terminals restart or repeat them.
6. A message of an unknown code gets no answer, unless the dialect wants 96 or an end.

Requests come strictly one after another: answer one before you ask for the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bibliobus.sip2 import checking
from bibliobus.sip2.codec import Message, decode
from bibliobus.sip2.deviations import Deviation, deviations
from bibliobus.sip2.dialect import PLAIN, Dialect, ErrorDetection, UnknownMessages
from bibliobus.sip2.errors import SIP2Error, UnknownMessage
from bibliobus.sip2.framing import Lines, LineTooLong
from bibliobus.sip2.messages import REQUESTS, ACSStatus, Login, RequestACSResend, RequestSCResend
from bibliobus.sip2.writing import writer

CHANGES_SOMETHING = frozenset({"01", "09", "11", "15", "19", "25", "29", "37", "65"})

MAX_LENGTH = 8192  # bytes of one request; spec/reliability 6.1


@dataclass(frozen=True, slots=True)
class Request:
    """A message to be answered with `Connection.send`."""

    message: Message
    line: bytes = field(default=b"", repr=False, compare=False)  # as it came
    dialect: Dialect = field(default=PLAIN, repr=False, compare=False)

    @property
    def warnings(self) -> tuple[Deviation, ...]:
        """Where the line is not as the standard has it: what was forgiven when it was read."""
        return deviations(self.line, REQUESTS, self.dialect)


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to send at once: the protocol itself answers."""

    data: bytes = field(repr=False)
    reason: str  # for the log


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message to which nothing is said (an unknown code: spec/sip2 1.8)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """Hang up: no sense can be made of the terminal, and it could not make any of an answer."""

    reason: str


Event = Request | Reply | Ignored | Close


class Connection:
    """One terminal's messages in order, and our answers to them."""

    def __init__(self, dialect: Dialect | None = None, max_length: int = MAX_LENGTH) -> None:
        self._writer = writer(dialect or PLAIN)
        self._lines = Lines(max_length)
        self._previous: tuple[bytes, bytes | None] | None = None  # what was last handed on
        self._doubted: bytes | None = None  # a line that seemed damaged, if it was the last one
        self._detected = False  # the message being answered asked for error detection
        self._sequence: bytes | None = None
        self._last_sent: bytes | None = None  # what 97 asks for: it may be a 96
        self._last_answer: bytes | None = None  # to `_previous`, once it is there

    @property
    def dialect(self) -> Dialect:
        """How the terminal is written to. It may change between two messages."""
        return self._writer.dialect

    @dialect.setter
    def dialect(self, dialect: Dialect) -> None:
        if dialect is not self._writer.dialect:
            self._writer = writer(dialect)

    def receive_data(self, data: bytes) -> None:
        """Take bytes as they arrive. What they mean comes from `next_event`."""
        self._lines.feed(data)

    def receive_end(self) -> None:
        """The terminal will send no more. Its last message may lack its end (spec/sip2 1.3)."""
        self._lines.feed(b"\r")

    @property
    def max_length(self) -> int:
        """The most bytes of one request. It may change between two messages."""
        return self._lines.limit

    @max_length.setter
    def max_length(self, length: int) -> None:
        self._lines.limit = length

    @property
    def waiting(self) -> int:
        """How many bytes have arrived and were not yet handed out."""
        return len(self._lines)

    @property
    def has_begun(self) -> bool:
        """Whether part of a message has arrived, and not its end."""
        return self._lines.has_begun

    def next_event(self) -> Event | None:
        """What the terminal said next; None until more arrives. Never raises."""
        try:
            line = self._lines.next()
        except LineTooLong:
            reason = f"a message over {self._lines.limit} bytes"
            return self._ask_again(reason) if self._detected else Close(reason)
        return None if line is None else self._event(line)

    def send(self, response: Message) -> bytes:
        """The bytes of an answer to the last `Request`, which 97 will repeat from now on."""
        body = self.dialect.to_bytes(self._writer.text(response))
        data = self._finish(body, self._sequence)
        # 98 says that it was not done, so the same message again is to be tried again
        self._last_answer = None if isinstance(response, ACSStatus) else data
        return data

    def _event(self, line: bytes) -> Event:
        dialect = self.dialect
        doubted, self._doubted = self._doubted, None
        checked = checking.take_apart(line, in_use=self._detected and line != doubted)
        if dialect.error_detection is ErrorDetection.OFF:
            checked = checked._replace(detected=False, sequence=None, intact=True)
        self._detected = checked.detected
        if not checked.intact:
            self._doubted = line  # damage does not come twice in the same way
            return self._ask_again("a wrong checksum")
        repeated = checked.sequence is not None and checked.identity == self._previous
        if repeated and line[:2].decode("latin-1") in CHANGES_SOMETHING and self._last_answer:
            self._last_sent = self._last_answer
            return Reply(self._last_answer, "the same message again")
        try:
            message = decode(dialect.to_text(checked.body), REQUESTS, dialect.delimiter)
        except UnknownMessage as error:
            return self._unknown(str(error))
        except SIP2Error as error:
            return self._ask_again(str(error))
        if isinstance(message, RequestACSResend):
            if self._last_sent is None:
                return self._ask_again("a 97 before any answer")
            return Reply(self._last_sent, "asked to resend")
        if self._lacks_detection(message):
            self._detected = True
            return self._ask_again("no checksum, where one is required")
        self._previous, self._sequence, self._last_answer = checked.identity, checked.sequence, None
        return Request(message, line, dialect)

    def _lacks_detection(self, message: Message) -> bool:
        required = self.dialect.error_detection is ErrorDetection.REQUIRED
        return required and not self._detected and not isinstance(message, Login)

    def _unknown(self, reason: str) -> Event:
        if self.dialect.unknown_messages is UnknownMessages.ASK_AGAIN:
            return self._ask_again(reason)
        if self.dialect.unknown_messages is UnknownMessages.CLOSE:
            return Close(reason)
        return Ignored(reason)

    def _ask_again(self, reason: str) -> Reply:
        """96, which has no sequence number; the next 97 repeats even this (spec/sip2 1.8)."""
        return Reply(self._finish(RequestSCResend.code.encode(), None), reason)

    def _finish(self, body: bytes, sequence: bytes | None) -> bytes:
        if self._detected:
            body = checking.seal(body, sequence)
        self._last_sent = body + self.dialect.terminator.encode()
        return self._last_sent
