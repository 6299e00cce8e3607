"""A PIN or password on its way through the program."""

from __future__ import annotations

import hmac
from typing import Final


class Secret:
    """Text that no log, traceback or error message shows.

    `reveal` is the one way in, so a search for it finds every place that sees a secret.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __eq__(self, other: object) -> bool:
        """Compared in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    __hash__ = None  # type: ignore[assignment] # a secret is no key


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
