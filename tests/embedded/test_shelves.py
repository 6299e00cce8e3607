"""Which titles a reader can go and fetch at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bibliobus.database import Transaction, to_database
from bibliobus.embedded import EmbeddedILS
from bibliobus.ils import HoldType
from bibliobus.ils.library import Condition, InstitutionSettings
from tests.support import DESK, Library


@pytest.fixture
def settings() -> InstitutionSettings:
    return InstitutionSettings(loan_rules=({"item_type": "atlas", "lent": False},))


async def lendable(library: Library) -> list[str]:
    """The titles of the library that can be borrowed at once, by name."""
    ils: EmbeddedILS = library.app.embedded[library.id]

    def work(tx: Transaction) -> list[str]:
        sql = "SELECT key, title FROM titles WHERE institution = :institution"
        rows: dict[int, str] = dict(tx.rows(sql))
        return sorted(rows[key] for key in ils.lendable(tx, [*rows, 10**9]))

    return await library.app.database.read(work, library.id)


async def test_a_title_with_a_copy_on_the_shelf(library: Library) -> None:
    await library.item("1", title="Emma")
    await library.item("2", title="Atlas", item_type="atlas")

    assert await lendable(library) == ["Emma"]


async def test_one_copy_of_several_is_enough(library: Library) -> None:
    await library.patron("ada")
    await library.item("1", title="Emma")
    await library.item("2", title="Emma")

    await library.loan("ada", "1")
    assert await lendable(library) == ["Emma"]
    await library.loan("ada", "2")
    assert await lendable(library) == []
    await library.ils.checkin("1", origin=DESK)
    assert await lendable(library) == ["Emma"]


@pytest.mark.parametrize("condition", list(Condition))
async def test_only_what_is_whole_or_damaged(library: Library, condition: Condition) -> None:
    await library.item("1", title="Emma")
    await library.mark("1", condition)

    assert await lendable(library) == (["Emma"] if condition is Condition.DAMAGED else [])


async def test_nothing_that_somebody_waits_for(library: Library) -> None:
    await library.patron("ada")
    await library.item("1", title="Emma")
    await library.item("2", title="Emma")

    await library.hold("ada", "1")
    assert await lendable(library) == []
    await library.ils.checkin("1", origin=DESK)  # it is kept for her
    assert await lendable(library) == ["Emma"]


async def test_a_hold_for_one_copy_leaves_the_others(library: Library) -> None:
    await library.patron("ada")
    await library.item("1", title="Emma")
    await library.ils.add_hold(
        "ada", item_id="1", hold_type=HoldType.SPECIFIC_COPY, origin=DESK
    )  # fmt: skip
    assert await lendable(library) == []

    await library.item("2", title="Emma")
    assert await lendable(library) == ["Emma"]


@pytest.mark.parametrize(
    ("column", "days", "is_in"),
    [("suspended_until", 1, True), ("suspended_until", -1, False), ("expires_at", -1, True)],
)
async def test_a_hold_that_does_not_count_now(
    library: Library, column: str, days: int, is_in: bool
) -> None:
    await library.patron("ada")
    await library.item("1", title="Emma")
    await library.hold("ada", "1")
    moment = to_database(datetime.now(UTC) + timedelta(days=days))

    await library.app.database.write(lambda tx: tx.run(f"UPDATE holds SET {column} = {moment}"))

    assert await lendable(library) == (["Emma"] if is_in else [])


async def test_nothing_that_is_on_its_way(library: Library) -> None:
    await library.item("1", title="Emma")
    await library.app.database.write(lambda tx: tx.run("UPDATE items SET transit_to = 'South'"))

    assert await lendable(library) == []


async def test_any_number_of_titles(library: Library) -> None:
    for n in range(3):
        await library.item(str(n), title=f"Title {n}")
    ils = library.app.embedded[library.id]

    def work(tx: Transaction) -> set[int]:
        keys = [key for (key,) in tx.rows("SELECT key FROM titles")]
        assert ils.lendable(tx, []) == set()
        assert ils.lendable(tx, keys[:1]) == {keys[0]}
        return ils.lendable(tx, [*range(-1200, 0), *keys]) ^ set(keys)

    assert await library.app.database.read(work, library.id) == set()
