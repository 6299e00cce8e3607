"""The store keeps titles and their terms in the index as one, whatever becomes of a transaction."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bibliobus.app import breaches, opened
from bibliobus.catalogue import Medium, is_lent, store
from bibliobus.catalogue.store import INDEXED_TOGETHER
from bibliobus.config import Config, DatabaseConfig
from bibliobus.database import Transaction, open_database
from bibliobus.embedded.holds import title_key
from bibliobus.ils import TitleNotFound
from tests.catalogue.support import NOW, Catalogue, title
from tests.support import SETTINGS, Library

EMMA = title("Emma", by="Jane Austen")
ULYSSES = title("Ulysses", by="James Joyce", read_by="Jim Norton", medium=Medium.EAUDIO)


async def test_a_new_title_is_there_and_found(catalogue: Catalogue) -> None:
    (saved,) = await catalogue.save(EMMA)

    assert await catalogue.known() == {EMMA.isbn: saved}
    assert saved == store.Known(saved.key, Medium.EBOOK, b"mark", None, None, withdrawn=False)
    (found,) = (await catalogue.search("austen")).found
    assert found == store.Found(saved.key, "vendor", EMMA, None, None)
    assert await catalogue.read(lambda tx: store.title_of(tx, "vendor", EMMA.isbn or "")) == found
    assert await catalogue.wrong() == []


async def test_a_changed_title_is_found_by_what_it_is_now(catalogue: Catalogue) -> None:
    (before,) = await catalogue.save(EMMA)

    (after,) = await catalogue.save(title("Persuasion", by="Jane Austen", isbn=EMMA.isbn))

    assert after.key == before.key
    assert await catalogue.names("emma") == []
    assert await catalogue.names("persuasion") == ["Persuasion"]
    assert await catalogue.wrong() == []


async def test_flags_stay_with_a_changed_title_and_are_found(catalogue: Catalogue) -> None:
    (saved,) = await catalogue.save(EMMA, owned=True)
    await catalogue.set_flags({saved.key: (True, True)})

    (again,) = await catalogue.save(EMMA)

    assert (again.owned, again.available) == (True, True)
    assert await catalogue.names(owned=True, available=True) == ["Emma"]


async def test_flags_come_and_go(catalogue: Catalogue) -> None:
    emma, ulysses = await catalogue.save(EMMA, ULYSSES, owned=True)
    await catalogue.set_flags({emma.key: (True, True), ulysses.key: (True, False)})
    assert await catalogue.names(available=True) == ["Emma"]

    await catalogue.set_flags({emma.key: (False, None), ulysses.key: (True, True)})

    assert await catalogue.names(available=True) == ["Ulysses"]
    assert await catalogue.names(owned=True) == ["Ulysses"]
    assert await catalogue.wrong() == []


async def test_a_withdrawn_title_is_found_no_more(catalogue: Catalogue) -> None:
    emma, ulysses = await catalogue.save(EMMA, ULYSSES)

    await catalogue.withdraw([emma.key])

    assert await catalogue.names() == ["Ulysses"]
    assert (await catalogue.search(isbn=EMMA.isbn)).total == 0
    assert await catalogue.read(lambda tx: store.title_of(tx, "vendor", EMMA.isbn or "")) is None
    assert await catalogue.read(lambda tx: store.read(tx, [emma.key, ulysses.key])) != []
    assert (await catalogue.known())[EMMA.isbn or ""].withdrawn
    assert await catalogue.wrong() == []


async def test_a_withdrawn_title_comes_again_and_nothing_is_known_of_it(
    catalogue: Catalogue,
) -> None:
    (emma,) = await catalogue.save(EMMA, owned=True)
    await catalogue.set_flags({emma.key: (True, True)})
    await catalogue.withdraw([emma.key])

    (again,) = await catalogue.save(EMMA)

    assert again == store.Known(emma.key, Medium.EBOOK, b"mark", None, None, withdrawn=False)
    assert await catalogue.names("emma") == ["Emma"]
    assert await catalogue.names("emma", available=True) == []
    assert await catalogue.wrong() == []


async def test_flags_of_a_withdrawn_title_do_not_bring_it_back(catalogue: Catalogue) -> None:
    (emma,) = await catalogue.save(EMMA)
    await catalogue.withdraw([emma.key])

    await catalogue.set_flags({emma.key: (True, True)})

    assert await catalogue.names() == []
    assert await catalogue.wrong() == []


async def test_counts_each_medium(catalogue: Catalogue) -> None:
    emma, ulysses, dubliners = await catalogue.save(EMMA, ULYSSES, title("Dubliners"), owned=True)
    await catalogue.set_flags({emma.key: (True, True), dubliners.key: (False, True)})
    await catalogue.withdraw([ulysses.key])
    await catalogue.save(title("Elsewhere"), collection="other")

    assert await catalogue.read(lambda tx: store.counts(tx, "vendor")) == {
        "eaudio": {"titles": 0, "owned": 0, "available": 0, "withdrawn": 1},
        "ebook": {"titles": 2, "owned": 1, "available": 2, "withdrawn": 0},
    }


@pytest.mark.parametrize(
    ("medium", "owned", "lent"),
    [
        (Medium.EBOOK, True, True), (Medium.EAUDIO, True, True), (Medium.EBOOK, None, False),
        (Medium.EBOOK, False, False), (Medium.EMAGAZINE, True, False),
    ],
)  # fmt: skip
def test_lends_what_the_library_owns_of_two_media(
    medium: Medium, owned: bool | None, lent: bool
) -> None:
    assert is_lent(store.Found(1, "vendor", title("Emma", medium=medium), owned, None)) is lent


async def test_what_raises_leaves_row_and_index_as_they_were(catalogue: Catalogue) -> None:
    (emma,) = await catalogue.save(EMMA)

    def fails(tx: Transaction) -> None:
        assert [each.title.title for each in store.read(tx, [emma.key])] == ["Persuasion"]
        store.withdraw(tx, [emma.key], NOW)
        raise LookupError

    with pytest.raises(LookupError):
        await catalogue.save(title("Persuasion", isbn=EMMA.isbn), ULYSSES, and_then=fails)

    assert await catalogue.names() == ["Emma"]
    assert await catalogue.names("persuasion") == []
    assert await catalogue.names("emma") == ["Emma"]
    assert await catalogue.wrong() == []


async def test_one_isbn_in_two_collections_is_two_titles(catalogue: Catalogue) -> None:
    (one,) = await catalogue.save(EMMA, collection="one")
    (two,) = await catalogue.save(title("Emma!", isbn=EMMA.isbn), collection="two")
    await catalogue.save(title("Emma, abridged", isbn=EMMA.isbn), collection="two")

    assert one.key != two.key
    assert await catalogue.names(collections=("one",)) == ["Emma"]
    assert await catalogue.names("abridged", collections=("one",)) == []
    assert await catalogue.names(collections=("two",)) == ["Emma, abridged"]
    assert sorted(await catalogue.names(isbn=EMMA.isbn)) == ["Emma", "Emma, abridged"]


async def test_an_institution_sees_nothing_of_another_one(catalogue: Catalogue) -> None:
    other = catalogue.of("ELSE")
    await catalogue.save(EMMA)
    await other.save(title("Emma elsewhere", isbn=EMMA.isbn), title("Shirley"))

    assert await catalogue.names() == ["Emma"]
    assert await catalogue.names("emma") == ["Emma"]
    assert await catalogue.names("emma elsewhere") == ["Emma"]  # with one word left out
    assert await catalogue.names("shirly") == []
    assert await other.names("shirly") == ["Shirley"]
    assert await other.names(isbn=EMMA.isbn) == ["Emma elsewhere"]


async def test_what_is_read_keeps_its_order_and_leaves_out_what_is_not_there(
    catalogue: Catalogue,
) -> None:
    emma, ulysses = await catalogue.save(EMMA, ULYSSES)
    (elsewhere,) = await catalogue.of("ELSE").save(EMMA)

    found = await catalogue.read(
        lambda tx: store.read(tx, [ulysses.key, 10**9, elsewhere.key, emma.key])
    )

    assert [each.key for each in found] == [ulysses.key, emma.key]
    assert await catalogue.read(lambda tx: store.read(tx, [])) == []


@pytest.mark.parametrize(
    "name", ["NUL \0 in it", "Quote ' \" \\ % :x ;--", "⑴ 𝐇 ½ ﷺ", "!!!", "é" * 500]
)
async def test_any_name_is_kept_and_found(catalogue: Catalogue, name: str) -> None:
    await catalogue.save(EMMA, title(name, by=name, genres=(name,), language="x-⑴"))

    assert len(await catalogue.names(name)) == 1
    assert len(await catalogue.names(genres=(name,))) == 1
    assert await catalogue.wrong() == []


async def test_words_that_are_remembered_are_those_of_the_institution(
    catalogue: Catalogue,
) -> None:
    await catalogue.save(EMMA)
    await catalogue.save(EMMA)

    assert await catalogue.read(store.spelt) == {"emma", "jane", "austen"}
    assert await catalogue.of("ELSE").read(store.spelt) == set()


async def test_titles_of_an_older_version_are_indexed_at_opening(database_url: str) -> None:
    database = open_database(database_url)
    await database.open()
    old = Catalogue(database)
    await old.found()
    await old.add_print(*(f"Volume {n}" for n in range(INDEXED_TOGETHER + 1)), ("Emma", "Austen"))
    assert await old.names("emma") == []
    await database.close()

    config = Config(database=DatabaseConfig(url=database_url), institutions={"MAIN": SETTINGS})
    async with opened(config) as app:
        now = Catalogue(app.database)

        assert await now.names("emma") == ["Emma"]
        assert await now.names("austan") == ["Emma"]
        assert (await now.search("volume")).total == INDEXED_TOGETHER + 1
        assert await breaches(app) == []


async def test_the_library_does_not_take_a_vendors_title_for_its_own(library: Library) -> None:
    catalogue = Catalogue(library.app.database)
    await catalogue.save(title("Middlemarch", by="George Eliot"))
    await library.patron("ada")

    await library.item("31000001", title="Middlemarch", author="George Eliot")
    with pytest.raises(TitleNotFound):
        await catalogue.read(lambda tx: title_key(tx, "Emma"))
    await library.hold("ada", "31000001")

    vendors, ours = sorted((await catalogue.search("middlemarch")).found)
    assert (vendors.collection, ours.collection) == ("vendor", None)
    assert await catalogue.read(lambda tx: title_key(tx, "Middlemarch")) == ours.key
    with pytest.raises(TitleNotFound):
        await catalogue.read(lambda tx: title_key(tx, f"title:{vendors.key}"))
    item = await library.ils.find_item("31000001")
    assert item is not None
    assert item.title_key == f"title:{ours.key}"


BROKEN = {
    "Title {key} is not in the search index.": "DELETE FROM title_terms WHERE rowid = {key}",
    "Title {key} was withdrawn, and is in the search index.": (
        "UPDATE titles SET withdrawn_at = 1 WHERE key = {key}"
    ),
    "The search index has a title 4711 that is not there.": (
        "INSERT INTO title_terms (rowid, terms) VALUES (4711, 'tx')"
    ),
}


@pytest.mark.parametrize("sentence", BROKEN)
async def test_doctor_finds_what_was_broken_by_hand(library: Library, sentence: str) -> None:
    catalogue = Catalogue(library.app.database)
    await library.item("31000001")
    emma, ulysses = await catalogue.save(EMMA, ULYSSES)
    await catalogue.withdraw([ulysses.key])
    assert await breaches(library.app) == []

    await catalogue.write(lambda tx: tx.run(BROKEN[sentence].format(key=emma.key)))

    (found,) = await breaches(library.app)
    assert found.removeprefix("MAIN: ") == sentence.format(key=emma.key)


async def test_an_sqlite_index_survives_a_crash_with_its_rows(tmp_path: Path) -> None:
    """The second file is what a machine finds that stopped without closing the first."""
    path, after = tmp_path / "library.db", tmp_path / "after.db"
    database = open_database(f"sqlite:///{path}")
    await database.open()
    catalogue = Catalogue(database)
    await catalogue.found()
    await catalogue.save(EMMA, ULYSSES)
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{after}{end}")
    await database.close()

    again = open_database(f"sqlite:///{after}")
    await again.open()
    assert await Catalogue(again).names("austen") == ["Emma"]
    assert await Catalogue(again).wrong() == []
    await again.close()
