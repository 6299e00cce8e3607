"""Whoever buys can see what patrons wish for, and not who."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from bibliobus.app import App
from bibliobus.catalogue import Medium, Title, store
from bibliobus.database import Transaction
from bibliobus.ils.library import InstitutionSettings
from bibliobus.oneclick import wishes
from bibliobus.oneclick.wishes import Wished

EMMA, PERSUASION, MIDDLEMARCH = "9780141439587", "9780141439686", "9780141439549"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Said(NamedTuple):
    """What a command said."""

    status: int
    out: str
    err: str


@pytest.fixture
def settings() -> InstitutionSettings:
    """A library that is eleven hours ahead."""
    return InstitutionSettings(name="Test Library", time_zone="Australia/Sydney")


def on(day: int, hour: int = 12) -> datetime:
    return NOON.replace(day=day, hour=hour)


def have(tx: Transaction, collection: str, isbn: str, title: str, *, owned: bool | None) -> None:
    """A vendor's title in the catalogue."""
    record = Title(title=title, sort_title=title, medium=Medium.EBOOK, isbn=isbn)
    came = store.incoming(
        record, isbn.encode(), owned=owned, institution="MAIN", collection=collection
    )
    store.save(tx, [came], store.known_titles(tx, collection), NOON)


async def wish(app: App, collection: str, patron: str, isbn: str, title: str, at: datetime) -> None:
    await app.database.write(lambda tx: wishes.add(tx, collection, patron, isbn, title, at), "MAIN")


async def reported(app: App, collection: str | None = None) -> list[Wished]:
    return await app.database.read(lambda tx: wishes.report(tx, collection), "MAIN")


@pytest.fixture
async def wished(app: App) -> App:
    """Three patrons' wishes in two collections."""
    await app.database.write(lambda tx: have(tx, "ours", EMMA, "Emma: a novel", owned=True), "MAIN")
    await app.database.write(lambda tx: have(tx, "theirs", EMMA, "Emma", owned=False), "MAIN")
    await app.database.write(
        lambda tx: have(tx, "ours", PERSUASION, "Persuasion", owned=False), "MAIN"
    )
    await wish(app, "ours", "7", PERSUASION, "Persuasion", on(2))
    await wish(app, "ours", "8", EMMA, "Emma", on(3))
    await wish(app, "theirs", "9", EMMA, "Emma", on(9, hour=20))
    await wish(app, "theirs", "8", EMMA, "Emma", on(4))  # the same patron, elsewhere
    await wish(app, "theirs", "9", MIDDLEMARCH, "Middlemarch", on(5))  # in no catalogue
    return app


async def test_counts_patrons_by_title_over_all_collections(wished: App) -> None:
    assert await reported(wished) == [
        Wished(EMMA, "Emma: a novel", Medium.EBOOK, 2, True, on(3), on(9, hour=20)),
        Wished(PERSUASION, "Persuasion", Medium.EBOOK, 1, False, on(2), on(2)),
        Wished(MIDDLEMARCH, "Middlemarch", None, 1, None, on(5), on(5)),
    ]


async def test_counts_in_one_collection(wished: App) -> None:
    assert await reported(wished, "theirs") == [
        Wished(EMMA, "Emma", Medium.EBOOK, 2, False, on(4), on(9, hour=20)),
        Wished(MIDDLEMARCH, "Middlemarch", None, 1, None, on(5), on(5)),
    ]
    assert await reported(wished, "nobody's") == []


async def test_counts_no_wish_that_was_dropped(wished: App) -> None:
    await wished.database.write(lambda tx: wishes.drop(tx, "ours", "7", PERSUASION), "MAIN")

    assert [each.isbn for each in await reported(wished)] == [EMMA, MIDDLEMARCH]


async def test_knows_that_a_withdrawn_title_is_not_owned(wished: App) -> None:
    def withdraw(tx: Transaction) -> None:
        store.withdraw(tx, [store.known_titles(tx, "ours")[EMMA].key], NOON)

    await wished.database.write(withdraw, "MAIN")

    (emma, *_) = await reported(wished)
    assert (emma.isbn, emma.owned) == (EMMA, False)


async def report(app: App, *arguments: str) -> Said:
    """Run `bibliobus wishlist report` beside a process that has the library open."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bibliobus", "wishlist", "report", "--database", app.database.url,
        *arguments, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return Said(process.returncode or 0, out.decode(), err.decode())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestReport:
    """The command, which both databases would answer alike."""

    async def test_shows_a_table(self, wished: App) -> None:
        said = await report(wished)

        assert said.out.splitlines() == [
            "patrons  isbn           medium             first wished  last wished  title",
            "      2  9780141439587  ebook   owned      2026-11-03    2026-11-10   Emma: a novel",
            "      1  9780141439686  ebook   not owned  2026-11-02    2026-11-02   Persuasion",
            "      1  9780141439549                     2026-11-05    2026-11-05   Middlemarch",
            "3 titles, 4 wishes.",
        ]

    async def test_gives_json(self, wished: App) -> None:
        said = await report(wished, "--json", "--collection", "theirs")

        answer: Any = json.loads(said.out)
        assert answer[0] == {
            "isbn": EMMA, "title": "Emma", "medium": "ebook", "patrons": 2, "owned": False,
            "first_wished_on": "2026-11-04", "last_wished_on": "2026-11-10",
        }  # fmt: skip
        assert [each["isbn"] for each in answer] == [EMMA, MIDDLEMARCH]
        assert answer[1]["medium"] is answer[1]["owned"] is None

    async def test_says_that_there_is_nothing(self, app: App) -> None:
        assert (await report(app)).out == "Nobody wishes for anything.\n"

    async def test_knows_no_other_institution(self, app: App) -> None:
        said = await report(app, "--institution", "ELSEWHERE")

        assert said.status == 2
        assert "Say --institution: one of MAIN." in said.err
