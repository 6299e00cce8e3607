"""The bodies of the vendor's answers: JSON, bare strings and numbers, pages, or nothing at all.

Nothing here raises for what the vendor may send, and nothing quotes it but `for_patrons`.

Source: spec/oneclick-api 1.0 (response format).
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeVar

import msgspec

T = TypeVar("T")
Decoder = msgspec.json.Decoder

RATE_LIMIT = "invalid basic token or permission denied"
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for what is no JSON, or is nested too deep."""


class Answer(NamedTuple):
    """What came back, whole."""

    status: int
    body: bytes
    retry_after: float | None = None  # seconds

    def __repr__(self) -> str:
        """Without the body, which has names and numbers in it."""
        return f"Answer({self.status})"


def read(reader: Decoder[T], body: bytes) -> T:
    """What a body says. Raises what `NOT_JSON` has."""
    return reader.decode(body.removeprefix(_MARK))


class _Message(msgspec.Struct):
    """Where the vendor and its framework put their texts; only a text counts."""

    message: msgspec.Raw = msgspec.Raw(b"null")
    Message: msgspec.Raw = msgspec.Raw(b"null")
    output: msgspec.Raw = msgspec.Raw(b"null")


class Output(msgspec.Struct, rename="camel"):
    """What tells the outcome of a checkout or a renewal."""

    output: str
    transaction_id: int | None = None


_MARK = b"\xef\xbb\xbf"
_OBJECT = Decoder(_Message)
_STRING = Decoder(str)
_ANYTHING = Decoder(msgspec.Raw)
_OUTPUT = Decoder(Output)
_KEYS = Decoder(dict[str, msgspec.Raw])


def is_json(body: bytes) -> bool:
    """Whether it is, which an answer of the vendor's own usually is."""
    return _try(_ANYTHING, body) is not None


def text_of(body: bytes, *, outputs: bool = False) -> str:
    """The text that answers instead of a result: a `message`, a bare string, or what is no JSON.

    Args:
        body: The whole of it.
        outputs: Whether an `output` is such a text, too.
    """
    if (string := _try(_STRING, body)) is not None:
        return string
    if (found := _try(_OBJECT, body)) is not None:
        places = (found.message, found.Message, *((found.output,) if outputs else ()))
        texts = [_try(_STRING, bytes(place)) for place in places]
        return next((text for text in texts if text and text.strip()), "")
    if is_json(body):
        return ""
    return _text_of_page(body)


def output_of(body: bytes) -> Output | None:
    """The outcome; None if there is none."""
    return _try(_OUTPUT, body)


def _text_of_page(body: bytes) -> str:
    """Of a page, of half an object and the like only the text that may stand anywhere counts."""
    if RATE_LIMIT.encode() in body[:20_000].lower():
        return RATE_LIMIT
    return "" if body[:1] in (b"", b"{", b"[", b"<") else body[:2000].decode("utf-8", "replace")


def normalised(text: str) -> str:
    """A text without what varies: case, blanks, the final full stop, and the diagnostics after
    `details:`, which quote what we sent."""
    plain = " ".join(text[:2000].split()).casefold()
    return plain.partition(" details:")[0].rstrip(". ")


def for_patrons(text: str) -> str | None:
    """The vendor's words, fit to be shown: without what looks like a number or an address.

    None if they are none that a patron should read.
    """
    plain = " ".join(text.split())
    if not plain.isprintable() or not 0 < len(plain) <= 200 or "details:" in plain or "<" in plain:
        return None
    return re.sub(r"\S*(\d{4}|@)\S*", "…", plain)


def shape(body: bytes) -> str:
    """What kind of thing a body is, with the names of its keys."""
    keys = _try(_KEYS, body)
    if keys is None:
        first = body.removeprefix(_MARK).lstrip()[:1]
        return _SHAPES.get(first, "something else")
    names = [key for key in keys if re.fullmatch("[A-Za-z_]{1,30}", key)][:8]
    return f"an object with {', '.join(names)}" if names else "an object"


_SHAPES = {
    b"": "an empty body",
    b"[": "a list",
    b"{": "half an object",
    b"<": "a page",
    b'"': "a text",
}


def _try(reader: Decoder[T], body: bytes) -> T | None:
    try:
        return read(reader, body)
    except NOT_JSON:
        return None
