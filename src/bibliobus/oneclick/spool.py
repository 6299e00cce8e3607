"""The spool: a whole catalogue on disk, fetched once, and read a window at a time.

The vendor asks that the whole catalogue be fetched sparingly. So it goes to a file as it comes;
whatever happens to whoever reads it, the file is there. The last one is kept until the next.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

WINDOW = 256 * 1024  # bytes that are looked at together: about 150 titles, one transaction
LONGEST = 1024 * 1024  # bytes of a record, and then some
FEW = 8  # places at which records may end, one of which it usually is

_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode
_END = re.compile(rb"}\s*,")  # of a record, or of an object in one
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|["{}\[\],]', re.DOTALL)  # a text, or what is in none


class NotACatalogue(ValueError):
    """A file has no list of titles, or is cut off; the message says where."""


class Window(NamedTuple):
    """Some records of a catalogue."""

    records: list[msgspec.Raw]
    end: int  # bytes of the file up to here


def windows(path: Path, start: int = 0) -> Iterator[Window]:
    """The records of a file, from the end of an earlier window on.

    Raises:
        NotACatalogue: It is no JSON array, or ends within it.
    """
    with path.open("rb") as file:
        if start == 0:
            start = _beginning(file.read(4096))
        file.seek(start)
        rest = b""
        while chunk := file.read(WINDOW):
            rest += chunk
            found = _complete(rest, start)
            if found is not None:
                records, length = found
                start, rest = start + length, rest[length:]
                yield Window(records, start)
            elif len(rest) > LONGEST:
                raise NotACatalogue(f"what begins at byte {start} is no list of titles")
        last = _last(rest, start)
        yield Window(last, start + len(rest))


def _beginning(head: bytes) -> int:
    """Where the first record begins."""
    found = re.match(rb"(?:\xef\xbb\xbf)?\s*\[", head)
    if found is None:
        raise NotACatalogue(f"it is no list of titles; it begins {_shown(head)}")
    return found.end()


def _complete(text: bytes, start: int) -> tuple[list[msgspec.Raw], int] | None:
    """As many whole records as `text` begins with, and their length with the comma after them.

    A record ends at a brace, and so do objects in one: the right place is where what stands before
    makes sense. It is nearly always one of the last few; else all of the text is looked through.
    """
    for end in reversed(deque(_END.finditer(text), FEW)):
        try:
            return _decode(b"[" + text[: end.start() + 1] + b"]"), end.end()
        except msgspec.DecodeError:
            continue
    length = _length_of_records(text)
    if length is None:
        return None
    try:
        return _decode(b"[" + text[:length].rstrip()[:-1] + b"]"), length
    except msgspec.DecodeError as error:
        raise _damaged(start, error) from error


def _length_of_records(text: bytes) -> int | None:
    """The length of all whole records, with the last comma; None: there is not one."""
    depth, length = 0, None
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
        elif token == b"," and depth == 0:
            length = found.end()
        if token == b'"' or depth < 0:  # a text that is cut off, or the end of the list
            break
    return length


def _last(text: bytes, start: int) -> list[msgspec.Raw]:
    try:
        return _decode(b"[" + text)
    except msgspec.DecodeError as error:
        raise _damaged(start, error) from error


def _damaged(start: int, error: Exception) -> NotACatalogue:
    return NotACatalogue(f"it is cut off or damaged behind byte {start}: {error}")


def _shown(head: bytes) -> str:
    """The beginning of what came instead, for whoever has to find out."""
    return repr(head[:80].decode("utf-8", "replace"))
