"""Searches through the catalogue, beside the same statements of the index without it.

    python benchmarks/search.py [--titles 100000] [--queries 300] [--folder DIR] [--slowest 0]

As many titles are kept in SQLite and in PostgreSQL, and both are asked the same: whole titles,
authors, one word, a word and an author, and words with filters; and then all of them again with a
slip in one word. The ceiling runs what each search asked of the index once more by bare apsw or
psycopg, in one thread. Times are milliseconds, and a bare loop of Python stands above the table,
since machines are not as quick at all times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import apsw
import msgspec
import psycopg

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from benchmarks.titles import media_objects  # noqa: E402 - beside the package
from bibliobus.catalogue import Audience, Medium, Search, Title, search, store  # noqa: E402
from bibliobus.catalogue.words import words  # noqa: E402
from bibliobus.database import Database, Transaction, open_database  # noqa: E402
from bibliobus.embedded import load_institution  # noqa: E402
from bibliobus.ils.library import InstitutionSettings  # noqa: E402
from bibliobus.oneclick.parsing import parse_title  # noqa: E402
from tests.postgres import create_database, running_postgres  # noqa: E402

T = TypeVar("T")
TOGETHER = 500  # titles of a transaction
AIMS = {"ordinary": 25, "with a slip": 100}  # milliseconds that 95 of 100 searches take at most
FTS5 = "SELECT rowid FROM title_terms WHERE title_terms MATCH ? ORDER BY rowid DESC LIMIT ?"
TSQUERY = (
    "SELECT rowid FROM bibliobus.title_terms WHERE terms @@ CAST(%s AS tsquery)"
    " ORDER BY rowid DESC LIMIT %s"
)

Groups = list[list[str]]


class Asked(NamedTuple):
    """What a search asked of the index."""

    groups: Groups
    limit: int


class Recorder:
    """A transaction that writes down what is asked of the index of another one."""

    def __init__(self, tx: Transaction, asked: list[Asked]) -> None:
        self._tx, self._asked = tx, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def search(self, index: str, groups: Iterable[Iterable[str]], limit: int) -> list[int]:
        asked = Asked([list(group) for group in groups], limit)
        self._asked.append(asked)
        return self._tx.search(index, asked.groups, limit)


class Times(NamedTuple):
    """How long searches took, in milliseconds, and which was the slowest."""

    ours: list[float]
    bare: list[float]


async def fill(databases: Sequence[Database], count: int) -> list[Title]:
    """Keep so many titles in each database; a few of them, to be looked for."""
    for each in databases:
        await each.open()
        await each.write(lambda tx: load_institution(tx, "MAIN", InstitutionSettings()))
    titles = (parse_title(json.dumps(each).encode()) for each in media_objects(count))
    chance, some, spelt = random.Random(1), [], set[str]()  # noqa: S311 - always the same
    while together := list(islice(titles, TOGETHER)):
        some += chance.sample(together, min(len(together), 5))
        made = [
            store.incoming(each, b"", owned=None, institution="MAIN", collection="vendor")
            for each in together
        ]
        new = {word for each in made for word in each.words} - spelt
        spelt |= new

        def keep(tx: Transaction, made: list[store.Incoming] = made, new: set[str] = new) -> None:
            with tx.unhurried():
                store.save(tx, made, {}, datetime.now(UTC))
                store.spell(tx, new)

        for each in databases:
            await each.write(keep, "MAIN")
    for each in databases:
        await each.write(lambda tx: tx.settle("title_terms"), "MAIN")
    return some


def queries(titles: Sequence[Title], count: int, chance: random.Random) -> Iterator[Search]:
    """What readers ask for who know some of these titles."""
    for n, title in enumerate(islice(_for_ever(titles, chance), count)):
        its_words = words(title.title)[:6] or ["the"]
        its_author = title.contributors[0].sort_name if title.contributors else "Various"
        surname = its_author.split(",")[0]
        any_word = chance.choice(its_words)
        yield (
            Search(text=title.title),
            Search(text=surname),
            Search(text=any_word),
            Search(text=f"{max(its_words, key=len)} {surname}"),
            Search(text=" ".join(chance.sample(its_words, min(len(its_words), 2)))),
            Search(text=any_word, media=(Medium.EBOOK,), languages=("en",)),
            Search(title=any_word, audiences=(Audience.ADULT,), genres=title.genres[:1]),
            Search(text=its_author, media=(Medium.EAUDIO, Medium.EBOOK)),
        )[n % 8]


def with_a_slip(asked: Search, chance: random.Random) -> Search:
    """The same, its longest word misspelt."""
    text = asked.text or asked.title
    word = max(words(text), key=len, default="")
    if len(word) < 5:
        word, text = "shakespeare", f"{text} shakespeare"
    n = chance.randrange(1, len(word) - 1)
    slip = chance.choice(
        (
            word[:n] + word[n + 1 :],
            word[:n] + chance.choice("aeioulnrst") + word[n:],
            word[:n] + chance.choice("aeioulnrst") + word[n + 1 :],
            word[:n] + word[n + 1] + word[n] + word[n + 2 :],
        )
    )
    misspelt = " ".join(slip if each == word else each for each in words(text))
    return msgspec.structs.replace(asked, text=misspelt, title="")


def _for_ever(titles: Sequence[T], chance: random.Random) -> Iterator[T]:
    while True:
        yield chance.choice(titles)


async def measure(
    database: Database, asked: Sequence[Search], bare: Callable[[Asked], object]
) -> tuple[Times, list[Search]]:
    """How long each search takes, and what it asks of the index without it; the slowest first."""
    times = Times([], [])
    for each in asked:
        of_index: list[Asked] = []

        def work(tx: Transaction, each: Search = each, said: list[Asked] = of_index) -> object:
            return search(Recorder(tx, said), each)

        await database.read(work, "MAIN")  # it is recorded, and whatever it reads is in memory
        times.ours.append(await _timed(database, each))
        began = time.perf_counter()
        for one in of_index:
            bare(one)
        times.bare.append(1000 * (time.perf_counter() - began))
    order = sorted(range(len(asked)), key=lambda n: -times.ours[n])
    return times, [asked[n] for n in order]


async def _timed(database: Database, asked: Search) -> float:
    began = time.perf_counter()
    await database.read(lambda tx: search(tx, asked), "MAIN")
    return 1000 * (time.perf_counter() - began)


def bare_apsw(path: Path) -> Callable[[Asked], object]:
    """Asks the index of an SQLite file."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)

    def ask(asked: Asked) -> object:
        terms = " AND ".join(f"({' OR '.join(group)})" for group in asked.groups)
        return connection.execute(FTS5, (terms, asked.limit)).fetchall()

    return ask


def bare_psycopg(url: str) -> Callable[[Asked], object]:
    """Asks the index of a PostgreSQL database."""
    cursor = psycopg.connect(url, autocommit=True, prepare_threshold=None).cursor()

    def ask(asked: Asked) -> object:
        terms = " & ".join(f"({' | '.join(group)})" for group in asked.groups)
        return cursor.execute(TSQUERY, (terms, asked.limit)).fetchall()

    return ask


def loop() -> float:
    """What a loop of Python takes here and now, in milliseconds."""
    began = time.perf_counter()
    for _ in range(1_000_000):
        pass
    return 1000 * (time.perf_counter() - began)


def percentile(values: Sequence[float], part: float) -> float:
    """The value that this part of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


async def compare(folder: Path, server: str, arguments: argparse.Namespace) -> None:
    """Fill both databases, ask both, print."""
    path, url = folder / "search.db", create_database(server, "search")
    databases = {"SQLite": open_database(f"sqlite:///{path}"), "PostgreSQL": open_database(url)}
    began = time.perf_counter()
    titles = await fill(list(databases.values()), arguments.titles)
    print(f"{arguments.titles} titles are in both after {time.perf_counter() - began:.0f} s")
    chance = random.Random(2)  # noqa: S311 - always the same
    ordinary = list(queries(titles, arguments.queries, chance))
    kinds = {
        "ordinary": ordinary,
        "with a slip": [with_a_slip(each, chance) for each in ordinary],
    }
    bare = {"SQLite": bare_apsw(path), "PostgreSQL": bare_psycopg(url)}
    print("                          ours:  p50    p95  worst   bare:  p50    p95  worst   aim")
    for kind, asked in kinds.items():
        for name, database in databases.items():
            times, slowest = await measure(database, asked, bare[name])
            figures = [percentile(each, part) for each in times for part in (0.5, 0.95, 1.0)]
            met = "met" if figures[1] <= AIMS[kind] else "MISSED"
            print(
                f"{name:10} {kind:15}    {figures[0]:7.1f}{figures[1]:7.1f}{figures[2]:7.1f}"
                f"       {figures[3]:7.1f}{figures[4]:7.1f}{figures[5]:7.1f}"
                f"   p95 <= {AIMS[kind]}: {met} (loop: {loop():.0f})",
                flush=True,
            )
            for each in slowest[: arguments.slowest]:
                print(f"    {await _timed(database, each):7.1f} {each}")
    for database in databases.values():
        await database.close()


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=300, help="of each kind")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--slowest", type=int, default=0, help="how many of these to show")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        print(f"a loop of a million takes Python {loop():.0f} ms")
        with running_postgres(Path(name)) as server:
            asyncio.run(compare(Path(name), server, arguments))


if __name__ == "__main__":
    main()
