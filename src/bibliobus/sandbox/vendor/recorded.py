"""Reading a dump of `media/all`: a JSON array of any length, a megabyte at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

CHUNK = 1 << 20
_BETWEEN = re.compile(r"[\s,]*")
_NEEDED = {"isbn": str, "mediaType": str, "titleId": int}


class Unreadable(ValueError):
    """The file is no list of media objects. Nothing of it is kept."""


def recorded_titles(path: Path) -> Iterator[dict[str, Any]]:
    """The media objects of a file, in its order.

    Raises:
        Unreadable: It is not what it should be; where, and what should stand there.
        OSError: It cannot be read.
    """
    with path.open(encoding="utf-8-sig") as file:
        try:
            for n, each in enumerate(_elements(file), 1):
                yield _checked(each, n)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"{path}: {error}") from error


def _elements(file: TextIO) -> Iterator[Any]:
    """What stands in a JSON array, one after the other."""
    read = json.JSONDecoder().raw_decode
    text = file.read(CHUNK).lstrip()
    if not text.startswith("["):
        raise ValueError("this is not a JSON array, as media/all answers.")
    at = 1
    while True:
        at = _between(text, at)
        if text.startswith("]", at):
            return
        try:
            element, at = read(text, at)
        except ValueError:
            more = file.read(max(CHUNK, len(text) - at))
            if not more:
                raise
            text, at = text[at:] + more, 0
            continue
        yield element


def _between(text: str, at: int) -> int:
    """Where the next element begins, or the end."""
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _checked(element: Any, number: int) -> dict[str, Any]:
    if not isinstance(element, dict):
        raise ValueError(f"element {number} is not an object.")
    for key, kind in _NEEDED.items():
        if not isinstance(element.get(key), kind):
            raise ValueError(f"element {number} has no {key} that is {kind.__name__}.")
    return element
