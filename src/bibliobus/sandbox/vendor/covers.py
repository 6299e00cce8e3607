"""Pictures of titles, in all sizes that the vendor has. They need Pillow, the extra `web`."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from importlib.util import find_spec

SIZES = {
    "xx-small": (32, 50), "x-small": (37, 56), "small": (71, 108), "medium": (95, 140),
    "large": (128, 192), "x-large": (148, 230), "xx-large": (512, 512),
}  # fmt: skip


def can_draw() -> bool:
    """Whether Pillow is installed."""
    return find_spec("PIL") is not None


@lru_cache(maxsize=256)
def cover(text: str, width: int, height: int, kind: str) -> bytes:
    """A JPEG or PNG with a title on it, in a colour of its own."""
    from PIL import Image, ImageDraw, ImageFont  # an extra, which not everybody has

    colour = tuple(40 + each % 110 for each in hashlib.sha256(text.encode()).digest()[:3])
    image = Image.new("RGB", (width, height), colour)
    draw = ImageDraw.Draw(image)
    draw.rectangle((2, 2, width - 3, height - 3), outline="white")
    if width >= 71:
        font = ImageFont.load_default(size=max(9, width // 9))
        draw.multiline_text((width // 12, height // 8), _wrapped(text, 15), "white", font)
    file = io.BytesIO()
    image.save(file, kind, **({"quality": 80} if kind == "JPEG" else {}))
    return file.getvalue()


def _wrapped(text: str, width: int) -> str:
    """At most six lines of about that many letters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()[:width]
    return "\n".join(lines[:6])
