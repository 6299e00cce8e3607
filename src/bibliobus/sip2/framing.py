"""Bytes to lines: a SIP2 message ends with a carriage return, or what terminals send for one.

Source: spec/sip2 1.3.
"""

from __future__ import annotations

import re

_END = re.compile(rb"[\r\n]")
_NOTHING = re.compile(rb"[\x00-\x20]+")
_BEFORE = bytes(range(0x21)) + b"\xef\xbb\xbf"  # controls, spaces, a byte order mark
_AFTER = bytes(range(0x20))  # but never spaces: they may end a fixed field, or a value


def bare(line: bytes) -> bytes:
    """A line without what some terminals send around it; its own blanks at the end stay."""
    return line.lstrip(_BEFORE).rstrip(_AFTER)


class LineTooLong(Exception):
    """A line grew over the limit. What came of it is dropped, up to its end."""


class Lines:
    """Collects bytes and hands out lines, whichever way the bytes were cut.

    A line ends with CR, LF, or both in either order; empty ones are nothing. Leading control
    characters, blanks and a byte order mark are dropped, and trailing control characters; blanks
    at the end stay, as they may belong to the last field. Time is linear in what arrives.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._searched = 0  # no line ends before this
        self._skipping = False  # inside a line that was too long

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        self._buffer += data

    def clear(self) -> None:
        """Forget what arrived, but for where a line that was too long will end."""
        self._buffer.clear()
        self._searched = 0

    def __len__(self) -> int:
        """How many bytes wait here."""
        return len(self._buffer)

    @property
    def has_begun(self) -> bool:
        """Whether part of a line is here, or of one that was too long: once `next` is None."""
        return self._skipping or bool(self._buffer)

    def next(self) -> bytes | None:
        """The next line without its end, or None until more arrives.

        Raises:
            LineTooLong: Once for each line over the limit; call again for the lines after it.
        """
        if not self._buffer:
            return None
        while True:
            if not self._skipping and (nothing := _NOTHING.match(self._buffer)):
                del self._buffer[: nothing.end()]  # at once, for there may be a megabyte of it
                self._searched = 0
            end = _END.search(self._buffer, self._searched)
            if end is None:
                break
            line = bytes(self._buffer[: end.start()])
            del self._buffer[: end.end()]
            self._searched = 0
            if self._skipping:
                self._skipping = False
                continue
            if len(line) > self.limit:
                raise LineTooLong
            if line := bare(line):
                return line
        self._searched = len(self._buffer)
        if self._searched > self.limit:
            self._buffer.clear()
            self._searched = 0
            if not self._skipping:
                self._skipping = True
                raise LineTooLong
        return None
