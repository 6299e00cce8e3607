"""A vendor's catalogue of any size, made of Project Gutenberg's titles, in the vendor's own form.

It is what the benchmarks import and search: spec/oneclick-api 1.2, records of the usual length.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TITLES = Path(__file__).parents[2] / "shared/data/titles/gutenberg.tsv.gz"
LANGUAGES = {
    "en": "English", "fr": "French", "de": "German", "fi": "Finnish", "nl": "Dutch",
    "it": "Italian", "es": "Spanish", "pt": "Portuguese", "zh": "Chinese", "el": "Greek",
    "sv": "Swedish", "hu": "Hungarian", "da": "Danish", "la": "Latin", "pl": "Polish",
}  # fmt: skip
GENRES = (
    "classics", "history", "literary-fiction,classics", "mystery", "poetry", "science",
    "general-fiction,romance", "religion", "travel,history", "juvenile-fiction",
)  # fmt: skip
HEADINGS = 4000  # about as many as BISAC has
AUDIENCES = ("Adult", "Adult", "Adult", "Young Adult", "Childrens", "Beginning Reader")
SENTENCES = (
    "A quiet house by the river holds more than its owners care to remember.",
    "What begins as a wager ends as the journey of a lifetime.",
    "Three generations of one family look for a way home.",
    "Told with wit and with mercy, this is a book about what people do when nobody looks.",
    "The author spent ten years among the papers of a forgotten ministry to write it.",
    "Neither the war nor the peace that came after it left the village as it was.",
    "Every chapter is a letter, and not all of them were answered.",
    "It has been read in schools ever since, and rarely for the right reasons.",
)


def media_objects(count: int) -> Iterator[dict[str, object]]:
    """So many titles. After the first 82,414 they come again under other ISBNs."""
    chance = random.Random(20161018)  # noqa: S311 - always the same
    rows: list[dict[str, str]] = []
    with gzip.open(TITLES, "rt", encoding="utf-8") as file:
        rows.extend(csv.DictReader(file, delimiter="\t"))
    usual = Counter(map(_subject, rows)).most_common(HEADINGS)
    headings = {subject for subject, _ in usual if subject}
    for n in range(count):
        row = rows[n % len(rows)]
        subject = _subject(row)
        heading = f"FICTION / {subject if subject in headings else 'General'}"
        yield _media_object(n, row, heading, chance)


def _subject(row: dict[str, str]) -> str:
    return row["lcsh"].split("|")[0].split(" -- ")[0]


def _media_object(
    n: int, row: dict[str, str], heading: str, chance: random.Random
) -> dict[str, object]:
    audio = n % 7 == 0
    code = f"{n:07d}" if audio else f"EB{n:08d}"
    found: dict[str, object] = {}
    if n % 5 == 0:
        found["seriesName"] = f"Library of {row['author'].split(',')[0] or 'the World'}"
    found |= {
        "seriesPosition": n % 12, "seriesTotal": 0,
        "publicationDate": f"{1990 + n % 30}-{1 + n % 12:02d}-{1 + n % 28:02d}T00:00:00Z",
        "hasDigitalRights": not audio,
        "description": " ".join(chance.choices(SENTENCES, k=chance.randrange(4, 20))),
        "publisher": f"Press No. {n % 400}",
    }  # fmt: skip
    if audio:
        found["narrators"] = f"Reader, {chance.choice(('Ada', 'Flo', 'Paul', 'Grace'))}"
    sizes = (("small", "71x108"), ("medium", "95x140"), ("large", "128x192"))
    host = "http://images.oneclickdigital.com"
    return found | {
        "audience": chance.choice(AUDIENCES), "genres": heading,
        "primaryGenre": chance.choice(GENRES), "isbn": f"979{n:010d}",
        "mediaType": "eAudio" if audio else "eBook", "title": row["title"],
        "authors": row["author"], "language": LANGUAGES.get(row["language"][:2], "English"),
        "images": [
            {"name": name, "url": f"{host}/{code}/{code}_image_{size}.jpg"} for name, size in sizes
        ],
        "titleId": n + 133,
    }  # fmt: skip


def write_dump(path: Path, count: int) -> None:
    """A recorded answer of `media/all`, with so many titles."""
    with path.open("w", encoding="utf-8") as file:
        for n, title in enumerate(media_objects(count)):
            file.write(("," if n else "[") + json.dumps(title, separators=(",", ":")))
        file.write("]")


if __name__ == "__main__":
    write_dump(Path(sys.argv[1]), int(sys.argv[2]))
