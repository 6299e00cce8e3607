"""A call to the vendor, and what an endpoint is.

Paths are matched as the vendor's server did: whatever the case, with or without a last slash, and
each segment is decoded by itself, so a card number may have a slash in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import msgspec

from bibliobus.sandbox.vendor import answers
from bibliobus.sandbox.vendor.answers import Answer, Refused, invalid, not_located, refused
from bibliobus.sandbox.vendor.collection import Title
from bibliobus.sandbox.vendor.patrons import Patron
from bibliobus.sandbox.vendor.service import Vendor
from bibliobus.sandbox.vendor.wording import sayable

ALL_ERAS = ("E1", "E2", "E3", "E4")
SEGMENTS = {  # what stands in a path, by what it is called there
    "library": "[^/]+",
    "medium": "ebook|eaudio",
    "": "[^/]+",
}


class Auth(Enum):
    """Who may call."""

    NONE = "nobody is asked"
    PARTNER = "partner token"
    PATRON = "patron's bearer token"


@dataclass
class Call:
    """One request, as an endpoint needs it."""

    vendor: Vendor
    base: str  # where the sandbox is, with a slash at the end
    arguments: Mapping[str, str] = field(default_factory=dict)  # out of the path
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    bearer_of: Patron | None = None  # whose token came with it, where one is needed

    @property
    def now(self) -> datetime:
        """The vendor's time."""
        return self.vendor.clock()

    def parameter(self, name: str) -> str | None:
        """The last one of this name, whatever its case."""
        values = self.parameters(name)
        return values[-1] if values else None

    def parameters(self, name: str) -> list[str]:
        """All of this name, whatever its case."""
        return [value for key, value in self.query if key.lower() == name]

    def number(self, name: str) -> int | None:
        """A parameter that is a whole number.

        Raises:
            Refused: It is something else.
        """
        text = self.parameter(name)
        if text is None or text == "":
            return None
        if not re.fullmatch(r"-?[0-9]{1,9}", text):
            raise invalid(f"{name} is not a number.")
        return int(text)

    def bearer(self) -> Patron | None:
        """Whose token came with the call, if one did that works."""
        authorization = self.headers.get("authorization", "").strip()
        found = re.fullmatch("bearer +([0-9a-f]{24})", authorization, re.IGNORECASE)
        return self.vendor.patrons.of_bearer(found[1], self.now) if found else None

    def patron(self) -> Patron:
        """Whose path it is, or whose token.

        Raises:
            Refused: There is no such patron.
        """
        if self.bearer_of is not None:
            return self.bearer_of
        text = self.arguments["patron"]
        if not re.fullmatch("[0-9]{1,18}", text):
            raise invalid("A patron's id is a number.")
        patron = self.vendor.patrons.get(int(text))
        if patron is None:
            raise refused(404, answers.NO_PATRON)
        return patron

    def title(self, *, also_removed: bool = False) -> Title:
        """The title of the path.

        Raises:
            Refused: The library has none such.
        """
        isbn = self.arguments["isbn"]
        title = self.vendor.collection.find(isbn)
        if title is None or not (title.held or also_removed) or not self.shown(title):
            raise Refused(404, {"message": self.no_title(isbn)}, f"There is no title {isbn}.")
        return title

    def shown(self, title: Title) -> bool:
        """Whether the library lets the title be seen."""
        return title.owned or self.vendor.settings.shows_not_owned

    def no_title(self, isbn: str) -> str:
        """The vendor's words for that."""
        criteria = {
            "accept-media": self.verbosity,
            "LibraryId": self.vendor.settings.library_id,
            "ImageUrl": "http://images.sandbox.invalid/",
            "Isbn": isbn,
        }
        return not_located(answers.TITLE_MODEL, criteria, self.now)

    @property
    def verbosity(self) -> str:
        """What the answer calls its verbosity: the higher three are one."""
        word = self.headers.get("accept-media", "").lower()
        return word if word in ("basic", "compact") else "complete"

    @cached_property
    def document(self) -> dict[str, Any]:
        """The JSON object of the body, its keys in lower case: the vendor takes any.

        Raises:
            Refused: It is something else.
        """
        try:
            given = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise invalid(f"The body is not JSON: {error}") from None
        if not isinstance(given, dict):
            raise invalid("The body is not a JSON object.")
        return {key.lower(): value for key, value in given.items()}

    def text(self, name: str) -> str:
        """A field of the body; empty, if it is not there."""
        value = self.document.get(name.lower())
        if value is None:
            return ""
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise invalid(f"{name} is not a text.")
        text = sayable(str(value)).strip()
        if len(text) > 256:
            raise invalid(f"{name} is too long.")
        return text


@dataclass(frozen=True)
class Endpoint:
    """One thing that the vendor can be asked. Its name is what the counters call it."""

    name: str
    method: str
    path: (
        str  # "{isbn}" stands for one segment, "{medium}" for eBook or eAudio, "{values…}" for many
    )
    answer: Callable[[Call], Answer]
    says: str
    auth: Auth = Auth.PARTNER
    eras: tuple[str, ...] = ALL_ERAS

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a path looks like."""
        return re.compile(f"{re.sub(r'{([a-z]+)(…?)}', _segment, self.path)}/?", re.IGNORECASE)

    def arguments(self, raw_path: str) -> dict[str, str] | None:
        """What stands in a path, decoded; None: it is another path."""
        found = self.pattern.fullmatch(raw_path)
        if found is None:
            return None
        return {name: sayable(unquote(value)) for name, value in found.groupdict().items()}


def _segment(found: re.Match[str]) -> str:
    if found[2]:
        return f"(?P<{found[1]}>.+?)"
    return f"(?P<{found[1]}>{SEGMENTS.get(found[1], SEGMENTS[''])})"
