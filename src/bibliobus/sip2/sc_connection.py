"""The terminal's side of a connection (the SC), without I/O.

Let it write what you ask (`send`), give it what arrives (`receive_data`), ask what happened
(`next_event`), and tell it when nothing came in time (`timed_out`). It asks again where the
standard lets a terminal do so (spec/sip2 1.7, 1.8):

1. Each new message has the next number, 9 being followed by 0; one that is sent again keeps its
   number, byte for byte, so the other side knows it.
2. An answer whose checksum does not fit is asked for again with 97.
3. A 96 has the message sent again; a 96 to a 97 means that nothing gets through.
4. An answer with another number, or to another kind of request, is not ours: it is dropped, and
   the waiting goes on.
5. All that happens so often and no more; then the connection has failed.

One request at a time: the next one may be sent when the answer to this one is there.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from bibliobus.sip2 import checking
from bibliobus.sip2.codec import Message, decode
from bibliobus.sip2.connection import Ignored
from bibliobus.sip2.deviations import Deviation, deviations
from bibliobus.sip2.dialect import PLAIN, Dialect, ErrorDetection
from bibliobus.sip2.errors import SIP2Error
from bibliobus.sip2.framing import Lines, LineTooLong
from bibliobus.sip2.messages import ANSWERS, RESPONSES, RequestACSResend, RequestSCResend
from bibliobus.sip2.writing import writer

MAX_LENGTH = 65_536  # bytes of one answer: a 64 with hundreds of items is long (spec/sip2 1.3)
RETRIES = 3


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to the last request."""

    message: Message
    line: bytes = field(default=b"", repr=False, compare=False)  # as it came
    dialect: Dialect = field(default=PLAIN, repr=False, compare=False)

    @property
    def warnings(self) -> tuple[Deviation, ...]:
        """Where the line is not as the standard has it: what was forgiven when it was read."""
        return deviations(self.line, RESPONSES, self.dialect)


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Bytes to send now; the waiting begins anew."""

    data: bytes = field(repr=False)
    reason: str  # for the log


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing gets through: close, and begin again. What was asked may have been done."""

    reason: str


SCEvent = Response | SendAgain | Ignored | Failed


def _answers_to(code: str) -> Container[str]:
    """The codes of a request's answers. 98 may stand for any: the library's system is off line."""
    return (ANSWERS[code], "98") if code in ANSWERS else RESPONSES


class SCConnection:
    """One terminal's requests, and the library's answers to them."""

    def __init__(
        self,
        dialect: Dialect | None = None,
        *,
        retries: int = RETRIES,
        max_length: int = MAX_LENGTH,
    ) -> None:
        self.dialect = dialect or PLAIN
        self._writer = writer(self.dialect)
        self._detecting = self.dialect.error_detection is not ErrorDetection.OFF
        self._retries = retries
        self._lines = Lines(max_length)
        self._next_number = 0
        self._number: bytes | None = None  # of the request that waits for its answer
        self._request: bytes | None = None  # as it was sent; None: nothing is asked
        self._expected: Container[str] = RESPONSES  # codes of its answers
        self._asked_for_resend = False  # the last thing sent was a 97
        self._tries_left = 0

    def send(self, request: Message) -> bytes:
        """The bytes of a new request.

        Raises:
            RuntimeError: The one before it has no answer yet, so this would not be told from it.
        """
        return self.send_body(self.dialect.to_bytes(self._writer.text(request)))

    def send_body(self, body: bytes) -> bytes:
        """As `send`, of a message that is written already, up to its number and checksum.

        Raises:
            RuntimeError: The one before it has no answer yet, so this would not be told from it.
        """
        if self._request is not None:
            raise RuntimeError("the request before this one has no answer yet")
        self._lines.clear()  # what comes late belongs to the request before
        self._expected = _answers_to(body[:2].decode("latin-1"))
        self._asked_for_resend = body[:2] == b"97"
        self._number = None
        if self._asked_for_resend and self._detecting:
            body = checking.seal(body, None)
        elif self._detecting:
            self._number = b"%d" % self._next_number
            self._next_number = (self._next_number + 1) % 10
            body = checking.seal(body, self._number)
        self._request = body + self.dialect.terminator.encode()
        self._tries_left = self._retries
        return self._request

    def receive_data(self, data: bytes) -> None:
        """Take bytes as they arrive. What they mean comes from `next_event`."""
        self._lines.feed(data)

    def receive_end(self) -> None:
        """The library will send no more. Its last answer may lack its end (spec/sip2 7.1)."""
        self._lines.feed(b"\r")

    def next_event(self) -> SCEvent | None:
        """What the library said next; None until more arrives. Never raises."""
        try:
            line = self._lines.next()
        except LineTooLong:
            return self._ask_for_resend(f"an answer over {self._lines.limit} bytes")
        return None if line is None else self._event(line)

    def timed_out(self) -> SendAgain | Failed:
        """No answer came in the time that 98 announced: what to do about it."""
        return self._send_again("no answer in time")

    def _event(self, line: bytes) -> SCEvent:
        if self._request is None:
            return Ignored("an answer to nothing")
        checked = checking.take_apart(line, self._detecting)
        if self._detecting and not checked.intact:
            return self._ask_for_resend("a wrong checksum")
        try:
            message = decode(self.dialect.to_text(checked.body), RESPONSES, self.dialect.delimiter)
        except SIP2Error as error:
            return self._ask_for_resend(str(error))
        if isinstance(message, RequestSCResend):
            if self._asked_for_resend:
                return self._fail("a 96 was the answer to our 97")
            return self._send_again("asked to resend")
        if self._number is not None and checked.sequence not in (None, self._number):
            return Ignored("an answer with another number")
        if message.code not in self._expected:
            return Ignored(f"a {message.code}, which answers something else")
        self._request = None
        return Response(message, line, self.dialect)

    def _send_again(self, reason: str) -> SendAgain | Failed:
        if self._request is None:
            return self._fail("nothing was asked")
        return self._try(self._request, reason, asking=False)

    def _ask_for_resend(self, reason: str) -> SendAgain | Failed:
        body = RequestACSResend.code.encode()
        if self._detecting:
            body = checking.seal(body, None)
        return self._try(body + self.dialect.terminator.encode(), reason, asking=True)

    def _try(self, data: bytes, reason: str, *, asking: bool) -> SendAgain | Failed:
        if not self._tries_left:
            return self._fail(reason)
        self._tries_left -= 1
        self._asked_for_resend = asking
        return SendAgain(data, reason)

    def _fail(self, reason: str) -> Failed:
        self._request = None
        return Failed(reason)
