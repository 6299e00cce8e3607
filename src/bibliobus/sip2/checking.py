"""Error detection: the sequence number and checksum that may end a message.

`...AY<digit>AZ<four hexadecimal digits>`; 96 and 97 carry `AZ` alone. Neither has a delimiter.

Source: SIP2 2.00, "Checksum" and "Sequence number"; spec/sip2 1.6 and 1.7.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TRAILER = re.compile(rb"(?:AY(?P<sequence>[ -~]))?AZ(?P<checksum>[0-9A-Fa-f]{4})\Z")


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


def take_apart(line: bytes) -> Checked:
    """Split a line into body and error detection, and verify it."""
    trailer = _TRAILER.search(line, max(0, len(line) - 9))
    if trailer is None:
        return Checked(line, False, None, True)
    sequence, stated = trailer.groups()
    intact = (sum(line[:-4]) + int(stated, 16)) & 0xFFFF == 0
    return Checked(line[: trailer.start()], True, sequence, intact)


def seal(body: bytes, sequence: bytes | None) -> bytes:
    """`body` with its sequence number, if it has one, and its checksum."""
    data = body + b"AZ" if sequence is None else body + b"AY" + sequence + b"AZ"
    return data + checksum(data)
