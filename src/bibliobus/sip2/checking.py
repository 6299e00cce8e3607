"""Error detection: the sequence number and checksum that may end a message.

`...AY<digit>AZ<four hexadecimal digits>`; 96 and 97 carry `AZ` alone. Neither has a delimiter.

Some terminals end either with a delimiter all the same, or leave out a checksum's leading zeros.

Source: SIP2 2.00, "Checksum" and "Sequence number"; spec/sip2 1.6 and 1.7.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_STANDARD = re.compile(rb"AY([ -~])AZ([0-9A-Fa-f]{4})")
_MARKS = rb" -/:-@\[-`{-~"  # what may be a delimiter
_LENIENT = re.compile(
    rb"(?:AY([ -~])[%b]?AZ([0-9A-Fa-f]{1,4})|AZ([0-9A-Fa-f]{4}))[%b]?\Z" % (2 * (_MARKS,))
)
_DAMAGED = re.compile(  # three of AY.AZ's letters stand where they would, or its end is missing
    rb"(?i)(?:(?:.Y.AZ|A..AZ|AY..Z|AY.A.)....|AY.A?Z?[0-9A-F]{0,5})[%b]{0,2}\Z" % (_MARKS,),
    re.DOTALL,
)
_WITHOUT_NUMBER = (b"96", b"97")


class Checked(NamedTuple):
    """A line, taken apart."""

    body: bytes  # without sequence number and checksum
    detected: bool  # the line asked for error detection
    sequence: bytes | None  # one character, to be sent back with the answer
    intact: bool  # the checksum fits, or there was none

    @property
    def identity(self) -> tuple[bytes, bytes | None]:
        """What tells a request that comes again: its text and its number."""
        return self.body, self.sequence


def checksum(data: bytes) -> bytes:
    """Four capital hexadecimal digits for `data`, which ends with `AZ`.

    All bytes are added up; the sum's negation, cut to 16 bits, is written with leading zeros.
    """
    return b"%04X" % (-sum(data) & 0xFFFF)


def take_apart(line: bytes, in_use: bool = False) -> Checked:
    """Split a line into body and error detection, and verify it.

    What is not written as the standard has it, and does not fit, is the end of a value (a barcode
    that begins with AZ, say). But where error detection is `in_use`, anything that may have been
    a sequence number and a checksum is one that was damaged.
    """
    trailer = _STANDARD.fullmatch(line, len(line) - 9)  # saves 1 of 4 µs
    if trailer is not None:
        sequence, stated = trailer.groups()
        intact = (sum(line[:-4]) + int(stated, 16)) & 0xFFFF == 0
        return Checked(line[:-9], True, sequence, intact)
    trailer = _LENIENT.search(line, len(line) - len(b"AY0|AZ0000|"))
    if trailer is None:
        damaged = in_use and _DAMAGED.search(line, len(line) - 12) is not None
        return Checked(line, damaged, None, not damaged)
    sequence, stated, alone = trailer.groups()
    digits_at = trailer.start(2 if alone is None else 3)
    intact = (sum(line[:digits_at]) + int(stated or alone, 16)) & 0xFFFF == 0
    if not intact and not in_use and not (alone and line[:2] in _WITHOUT_NUMBER):
        return Checked(line, False, None, True)
    return Checked(line[: trailer.start()], True, sequence, intact)


def seal(body: bytes, sequence: bytes | None) -> bytes:
    """`body` with its sequence number, if it has one, and its checksum."""
    data = body + b"AZ" if sequence is None else body + b"AY" + sequence + b"AZ"
    return data + checksum(data)
