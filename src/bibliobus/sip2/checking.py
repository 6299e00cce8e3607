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
_WITHOUT_NUMBER = (b"96", b"97")


class Checked(NamedTuple):
    """A line, taken apart."""

    body: bytes  # without sequence number and checksum
    detected: bool  # the line asked for error detection
    sequence: bytes | None  # one character, to be sent back with the answer
    intact: bool  # the checksum fits, or there was none


def checksum(data: bytes) -> bytes:
    """Four capital hexadecimal digits for `data`, which ends with `AZ`.

    All bytes are added up; the sum's negation, cut to 16 bits, is written with leading zeros.
    """
    return b"%04X" % (-sum(data) & 0xFFFF)


def take_apart(line: bytes, in_use: bool = False) -> Checked:
    """Split a line into body and error detection, and verify it.

    `AZ` without a number is of 96 and 97. At the end of others it is a value (a barcode, say),
    unless it fits, or error detection is `in_use`, so that a number may have been lost.
    """
    trailer = _STANDARD.fullmatch(line, len(line) - 9)  # saves 1 of 4 µs
    if trailer is not None:
        sequence, stated = trailer.groups()
        intact = (sum(line[:-4]) + int(stated, 16)) & 0xFFFF == 0
        return Checked(line[:-9], True, sequence, intact)
    trailer = _LENIENT.search(line, len(line) - len(b"AY0|AZ0000|"))
    if trailer is None:
        return Checked(line, False, None, True)
    sequence, stated, alone = trailer.groups()
    digits_at = trailer.start(2 if alone is None else 3)
    intact = (sum(line[:digits_at]) + int(stated or alone, 16)) & 0xFFFF == 0
    if alone and not intact and not in_use and line[:2] not in _WITHOUT_NUMBER:
        return Checked(line, False, None, True)
    return Checked(line[: trailer.start()], True, sequence, intact)


def seal(body: bytes, sequence: bytes | None) -> bytes:
    """`body` with its sequence number, if it has one, and its checksum."""
    data = body + b"AZ" if sequence is None else body + b"AY" + sequence + b"AZ"
    return data + checksum(data)
