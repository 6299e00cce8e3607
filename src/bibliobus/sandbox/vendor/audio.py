"""Audiobooks: which parts one has, and MP3 files of silence that play.

A frame of MPEG-2 layer III at 48 kbit/s and 24 kHz, mono, is 144 bytes and 24 ms long without any
padding, which gives the vendor's 6,000 bytes for each second. Source: ISO/IEC 13818-3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from bibliobus.sandbox.vendor.collection import Title

FRAME_BYTES, FRAME_SECONDS = 144, 0.024
BYTES_A_SECOND = 6000
# Layer III of MPEG-2 without a checksum; 48 kbit/s, 24 kHz, no padding; mono, original. After it
# come nine bytes of side information, all zero: no part of the frame has any sound.
FRAME = b"\xff\xf3\x64\xc4".ljust(FRAME_BYTES, b"\0")
BEGINNING = 10  # seconds of a part that is not sent whole
_AT_ONCE = 450  # frames, that is 64 kB


@dataclass(frozen=True, slots=True)
class Part:
    """One MP3 file of an audiobook."""

    id: int
    display: str
    name: str  # without .mp3
    frames: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.frames * FRAME_BYTES

    @property
    def minutes(self) -> float:
        """As the vendor rounds it."""
        return round(self.frames * FRAME_SECONDS / 60, 2)


def parts_of(title: Title) -> list[Part]:
    """The parts of an audiobook, which are always the same: an introduction, and an hour each."""
    chance = hashlib.sha256(title.isbn.encode()).digest()
    lengths = [0.2, 1 + chance[0] % 12] + [38 + each % 22 for each in chance[2 : 4 + chance[1] % 7]]
    parts = []
    for n, minutes in enumerate(lengths, 1):
        kind = "IN" if n <= 2 else f"P{n - 2:03d}"
        parts.append(
            Part(
                id=1_000_000 + title.position * 100 + n,
                display="Introduction" if n <= 2 else f"Part {n - 2}",
                name=f"{title.code}_{n:03d}_{kind}",
                frames=round(minutes * 60 / FRAME_SECONDS) + chance[n],
            )
        )
    return parts


def silence(frames: int, *, whole: bool) -> Iterator[bytes]:
    """An MP3 file, a piece at a time; its first seconds, unless it is wanted whole."""
    left = frames if whole else min(frames, round(BEGINNING / FRAME_SECONDS))
    while left > 0:
        yield FRAME * min(left, _AT_ONCE)
        left -= _AT_ONCE
