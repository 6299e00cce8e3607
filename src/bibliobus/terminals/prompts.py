"""The telnet login that older terminals expect: two prompts, two lines, and from then on SIP2.

Every failure is told, as Koha's and OpenNCIP's servers do: a client may wait for that line. What
a telnet client says to negotiate (RFC 854, 855) is ignored, which refuses it.

Source: spec/sip2 1.1; Koha C4/SIP/SIPServer.pm, "telnet_transport".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bibliobus.ils import Secret
from bibliobus.sip2 import PLAIN

LOGIN, PASSWORD = b"login: ", b"password: "
LOGIN_OK, INVALID_LOGIN = b"Login OK.  Initiating SIP\r\n", b"Invalid login\r\n"
ATTEMPTS = 3
MOST = 4096  # bytes that a client may send before it has logged in

_PIECE = re.compile(  # of what a telnet client sends; one that is not whole yet does not match
    rb"(?P<text>[^\xff\r\n\0]+|\xff\xff)"  # 0xFF comes doubled
    rb"|(?P<cr>\r)"
    rb"|(?P<lf>\n)"
    rb"|\0"  # CR NUL is a carriage return alone
    rb"|\xff[\xfb-\xfe]."  # WILL, WON'T, DO, DON'T and an option
    rb"|\xff\xfa(?:[^\xff]|\xff[^\xf0])*+\xff\xf0"  # SB … SE
    rb"|\xff[^\xfa-\xff]",  # any other command
    re.DOTALL,
)


class TooMuchSent(Exception):
    """More came than a login takes: hang up."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a client answered to the prompts; to be judged."""

    login: str
    password: Secret


class LoginPrompts:
    """One client's login, without I/O.

    `next_event` says what to do; each `Attempt` is answered by calling `accepted` or `refused`.
    When `finished` is true the client is in, and `rest` is its first SIP2; or it is to be hung up
    on, after its last failure.
    """

    def __init__(self) -> None:
        self.finished = False
        self._prompt = LOGIN  # not yet written
        self._received = 0
        self._ahead = bytearray()  # not yet looked at
        self._line = bytearray()
        self._after_cr = False
        self._login: str | None = None
        self._judged = True
        self._failures = 0

    def receive_data(self, data: bytes) -> None:
        """Take bytes as they arrive. What they mean comes from `next_event`.

        Raises:
            TooMuchSent: Nothing of `data` was taken.
        """
        self._received += len(data)
        if self._received > MOST:
            raise TooMuchSent(f"more than {MOST} bytes before a login")
        self._ahead += data

    def next_event(self) -> bytes | Attempt | None:
        """Bytes to write, or an attempt to judge; None until more arrives or that is judged."""
        if self._prompt:
            prompt, self._prompt = self._prompt, b""
            return prompt
        if self.finished or not self._judged or (line := self._next_line()) is None:
            return None
        if self._login is None:
            self._login = PLAIN.to_text(line)
            return PASSWORD
        attempt = Attempt(self._login, Secret(PLAIN.to_text(line)))
        self._login, self._judged = None, False
        return attempt

    def accepted(self) -> bytes:
        """The client is who it says; the bytes to write before its SIP2 is answered."""
        self._judged = self.finished = True
        return LOGIN_OK

    def refused(self) -> bytes:
        """The client is not; the bytes to write. Then it has another attempt, or none."""
        self._judged = True
        self._failures += 1
        self.finished = self._failures == ATTEMPTS
        return INVALID_LOGIN if self.finished else INVALID_LOGIN + LOGIN

    @property
    def rest(self) -> bytes:
        """What the client has sent ahead: SIP2, if it is accepted."""
        return bytes(self._ahead).lstrip(b"\n\0")  # they belong to the CR before them

    def _next_line(self) -> bytes | None:
        while (piece := _PIECE.match(self._ahead)) is not None:
            kind, taken = piece.lastgroup, piece[0]
            del self._ahead[: piece.end()]
            if kind is None:
                continue
            after_cr, self._after_cr = self._after_cr, kind == "cr"
            if kind == "text":
                self._line += taken.replace(b"\xff\xff", b"\xff")
            elif kind == "cr" or not after_cr:
                line, self._line = bytes(self._line), bytearray()
                return line
        return None
