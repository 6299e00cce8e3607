"""The words that tests of the catalogue are told in."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from benchmarks.titles import TITLES, media_objects
from bibliobus.catalogue import (
    Contributor,
    Medium,
    Results,
    Role,
    Search,
    Title,
    index_titles,
    search,
    store,
)
from bibliobus.catalogue.invariants import breaches, strays
from bibliobus.catalogue.search import Free
from bibliobus.database import Database, Transaction
from bibliobus.embedded import load_institution
from bibliobus.oneclick.parsing import parse_title
from tests.support import SETTINGS

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def title(name: str, *, by: str | None = None, read_by: str | None = None, **more: Any) -> Title:
    """An English e-book; its ISBN is made of its name, so it is the same each time."""
    people = [(by, Role.AUTHOR), (read_by, Role.NARRATOR)]
    made: dict[str, Any] = {
        "medium": Medium.EBOOK, "sort_title": name, "language": "en",
        "isbn": f"979{int.from_bytes(name.encode()[:64]) % 10**10:010}",
        "contributors": tuple(
            Contributor(name=who, sort_name=who, role=role) for who, role in people if who
        ),
    }  # fmt: skip
    return Title(title=name, **(made | more))


def gutenberg(count: int) -> list[Title]:
    """So many real titles, as a vendor has them."""
    if not TITLES.exists():
        pytest.skip(f"{TITLES} is not there: no real titles to search")
    return [parse_title(json.dumps(each).encode()) for each in islice(media_objects(count), count)]


@dataclass(frozen=True)
class Catalogue:
    """The titles of one institution in a database."""

    database: Database
    institution: str = "MAIN"

    def of(self, institution: str) -> Catalogue:
        """Another one's in the same database."""
        return replace(self, institution=institution)

    async def found(self) -> None:
        """Have the institution there."""
        await self.write(lambda tx: load_institution(tx, self.institution, SETTINGS))

    async def read(self, work: Any) -> Any:
        return await self.database.read(work, self.institution)

    async def write(self, work: Any) -> Any:
        return await self.database.write(work, self.institution)

    async def save(
        self,
        *titles: Title,
        collection: str = "vendor",
        owned: bool | None = None,
        and_then: Any = lambda tx: None,
    ) -> list[store.Known]:
        """Keep what a vendor has, as an import does; what stands then."""

        def work(tx: Transaction) -> list[store.Known]:
            made = [
                store.incoming(
                    each, b"mark", owned=owned, institution=self.institution, collection=collection
                )
                for each in titles
            ]
            saved = store.save(tx, made, store.known_titles(tx, collection), NOW)
            store.spell(tx, {word for each in made for word in each.words})
            and_then(tx)
            return saved

        result: list[store.Known] = await self.write(work)
        return result

    async def known(self, collection: str = "vendor") -> dict[str, store.Known]:
        """What stands, by ISBN."""
        found: dict[str, store.Known] = await self.read(
            lambda tx: store.known_titles(tx, collection)
        )
        return found

    async def set_flags(self, flags: Mapping[int, tuple[bool | None, bool | None]]) -> None:
        """Keep what is owned and available."""
        await self.write(lambda tx: store.set_flags(tx, flags))

    async def withdraw(self, keys: Collection[int]) -> None:
        """The vendor has these no more."""
        await self.write(lambda tx: store.withdraw(tx, keys, NOW))

    async def add_print(self, *names: str | tuple[str, str]) -> None:
        """Titles of the library's own, with or without an author; they are not indexed yet."""
        sql = (
            "INSERT INTO titles (institution, title, author, language)"
            " VALUES (:institution, :title, :author, 'en')"
        )
        rows = [{"title": each, "author": None} if isinstance(each, str) else
                {"title": each[0], "author": each[1]} for each in names]  # fmt: skip
        await self.write(lambda tx: tx.many(sql, rows))

    async def index(self) -> None:
        """As at opening."""
        await self.write(index_titles)

    async def search(
        self,
        asked: Search | str = "",
        *,
        start: int = 0,
        limit: int = 20,
        free: Free | None = None,
        **fields: Any,
    ) -> Results:
        """What is found."""
        asked = Search(text=asked, **fields) if isinstance(asked, str) else asked
        result: Results = await self.read(
            lambda tx: search(tx, asked, start=start, limit=limit, free=free)
        )
        return result

    async def names(self, asked: Search | str = "", **more: Any) -> list[str]:
        """The titles that are found, in order."""
        return [each.title.title for each in (await self.search(asked, **more)).found]

    async def wrong(self) -> list[str]:
        """What `doctor` says of it."""
        here: list[str] = await self.read(lambda tx: list(breaches(tx)))
        return here + list(await self.read(lambda tx: list(strays(tx))))
