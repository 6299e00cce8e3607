"""What one terminal's SIP2 looks like: the few things that the standard leaves to agreement."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from bibliobus.sip2.codec import DELIMITER, scrub


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How messages are written for a terminal. Reading is lenient whatever stands here.

    Source: spec/sip2 1.3 to 1.5.
    """

    terminator: bytes = b"\r"
    delimiter: str = DELIMITER
    encoding: str = "utf-8"  # any codec of Python's that keeps ASCII as it is

    def to_bytes(self, text: str) -> bytes:
        """Encode; what the encoding lacks loses its accents, or becomes `?`. Never fails."""
        try:
            return text.encode(self.encoding, "surrogateescape")
        except UnicodeEncodeError:
            return "".join(map(self._fold, text)).encode(self.encoding, "replace")

    def to_text(self, data: bytes) -> str:
        """Decode; bytes that make no sense survive as lone surrogates. Never fails."""
        return data.decode(self.encoding, "surrogateescape")

    def _fold(self, character: str) -> str:
        try:
            character.encode(self.encoding)
        except UnicodeEncodeError:
            plain = unicodedata.normalize("NFKD", character)
            plain = "".join(c for c in plain if not unicodedata.combining(c))
            return scrub(plain, self.delimiter)  # U+FF5C, for one, is a wide delimiter
        return character
