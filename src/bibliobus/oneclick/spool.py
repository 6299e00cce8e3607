"""The spool: a whole catalogue on disk, fetched once, and read a window at a time.

The vendor asks that the whole catalogue be fetched sparingly. So it goes to a file as it comes;
whatever happens to whoever reads it, the file is there. The last one is kept until the next.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

WINDOW = 256 * 1024  # bytes that are looked at together: about 150 titles, one transaction
SMALL = 48 * 1024  # … if somebody waits for the end of the transaction
LONGEST = 1024 * 1024  # bytes of a record, and then some
FEW = 8  # places at which records may end, one of which it usually is

_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode
_CLOSED_BY = {b"{": b"}", b"[": b"]"}
_END = re.compile(rb"}\s*,")  # of a record, or of an object in one
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|["{}\[\],]', re.DOTALL)  # a text, or what is in none


class NotACatalogue(Exception):
    """A file has no list of titles, or is cut off; the message says where."""


Records = Sequence[bytes | msgspec.Raw]


class Window(NamedTuple):
    """Some records of a catalogue. One that makes no sense is among them, to be told of."""

    records: Records
    end: int  # bytes of the file up to here


def windows(path: Path, start: int = 0, size: int = WINDOW) -> Iterator[Window]:
    """The records of a file, from the end of an earlier window on, so many bytes together.

    Raises:
        NotACatalogue: It is no JSON array, or ends within it.
    """
    goes_on = start > 0
    with path.open("rb") as file:
        if not goes_on:
            start = _beginning(file.read(4096))
        file.seek(start)
        rest = b""
        while chunk := file.read(max(size, len(rest))):
            rest += chunk
            found = _complete(rest, start)
            if found is not None:
                records, length = found
                start, rest = start + length, rest[length:]
                yield Window(records, start)
            elif len(rest) > LONGEST:
                raise NotACatalogue(f"what begins at byte {start} is no list of titles")
        if rest or not goes_on:  # else the window before was the last one
            yield Window(_last(rest, start), start + len(rest))


def _beginning(head: bytes) -> int:
    """Where the first record begins."""
    found = re.match(rb"(?:\xef\xbb\xbf)?\s*\[", head)
    if found is None:
        raise NotACatalogue(f"it is no list of titles; it begins {_shown(head)}")
    return found.end()


def _complete(text: bytes, start: int) -> tuple[Records, int] | None:
    """As many whole records as `text` begins with, and their length with the comma after them.

    A record ends at a brace, and so do objects in one: the right place is where what stands before
    makes sense. It is nearly always one of the last few; else the records are taken one by one.
    """
    for end in reversed(deque(_END.finditer(text), FEW)):
        try:
            return _decode(b"[" + text[: end.start() + 1] + b"]"), end.end()
        except msgspec.DecodeError:
            continue
    records, length, _ = _one_by_one(text, start)
    return (records, length) if records else None


def _last(text: bytes, start: int) -> Records:
    """What stands before the end of the list."""
    try:
        return _decode(b"[" + text)
    except msgspec.DecodeError as error:
        records, length, last = _one_by_one(text, start)
        if last is None:
            raise _damaged(start + length, error) from error
        return [*records, last]


def _one_by_one(text: bytes, start: int) -> tuple[list[bytes], int, bytes | None]:
    """The records with a comma after them that `text` begins with, whether they make sense or not;
    their length with the commas; and the one behind which the list ends, if it does."""
    records: list[bytes] = []
    length, open_ones = 0, []
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token in _CLOSED_BY:
            open_ones.append(_CLOSED_BY[token])
        elif token == b"," and not open_ones:
            records.append(text[length : found.start()].strip())
            length = found.end()
        elif token == b"]" and not open_ones and not text[found.end() :].strip():
            return records, length, text[length : found.start()].strip()
        elif token in _CLOSED_BY.values() and (not open_ones or open_ones.pop() != token):
            raise _damaged(start + found.start(), None)
        elif token == b'"':
            break  # a text that is cut off
    return records, length, None


def _damaged(start: int, error: Exception | None) -> NotACatalogue:
    return NotACatalogue(
        f"it is cut off or damaged behind byte {start}{'' if error is None else f': {error}'}"
    )


def _shown(head: bytes) -> str:
    """The beginning of what came instead, for whoever has to find out."""
    return repr(head[:80].decode("utf-8", "replace"))
