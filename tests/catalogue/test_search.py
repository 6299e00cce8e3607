"""Search: what readers type finds what they mean, the nearest first, on both databases."""

from __future__ import annotations

import pytest

from bibliobus.catalogue import Audience, Medium, Search, Series, Subject
from bibliobus.catalogue.search import MOST_COUNTED, MOST_WORDS
from tests.catalogue.support import Catalogue, title
from tests.support import Library

EMMA = title(
    "Emma", by="Jane Austen", read_by="Flo Gibson", subtitle="A Novel",
    isbn="9780141439587", series=Series(name="Penguin Classics", position=7),
    subjects=(Subject(name="FICTION / Classics"), Subject(name="Matchmaking")),
    genres=("classics", "humorous-fiction"), audience=Audience.ADULT,
)  # fmt: skip
MISERABLES = title(
    "Les Misérables", by="Victor Hugo", language="fr", genres=("classics",),
    audience=Audience.ADULT, medium=Medium.EAUDIO,
)  # fmt: skip
BEARS = title(
    "The Three Bears", by="Robert Southey", audience=Audience.CHILDREN, language="en-GB",
    genres=("juvenile-fiction",),
)  # fmt: skip


@pytest.fixture
async def shelf(catalogue: Catalogue) -> Catalogue:
    """Three titles of a vendor's."""
    await catalogue.save(EMMA, MISERABLES, BEARS)
    return catalogue


@pytest.mark.parametrize(
    "typed",
    [
        "emma", "EMMA", "austen", "jane austen emma", "novel", "gibson", "penguin", "matchmaking",
        "fiction classics", "9780141439587", "978-0-14-143958-7", "0141439580",
        "ISBN 0-14-143958-0",
        "emma a novel", "Émma", "emmas", "classic",
    ],
)  # fmt: skip
async def test_all_that_is_known_of_a_title_finds_it(shelf: Catalogue, typed: str) -> None:
    assert await shelf.names(typed) == ["Emma"]


@pytest.mark.parametrize(
    "asked",
    [
        Search(title="emma"), Search(author="austen"), Search(narrator="gibson"),
        Search(series="penguin"), Search(subject="matchmaking"), Search(isbn="0-14-143958-0"),
        Search(genres=("humorous-fiction",)), Search(genres=("mystery", "Humorous Fiction")),
        Search(media=(Medium.EBOOK,), audiences=(Audience.ADULT,)),
        Search(languages=("en-US",), genres=("classics",)),
        Search(text="emma", author="jane", narrator="flo", isbn="9780141439587"),
        Search(collections=("vendor",), author="austen"),
    ],
)  # fmt: skip
async def test_each_field_and_filter_finds_it(shelf: Catalogue, asked: Search) -> None:
    assert await shelf.names(asked) == ["Emma"]


@pytest.mark.parametrize(
    "asked",
    [
        Search(title="austen"), Search(author="emma"), Search(narrator="austen"),
        Search(author="gibson"), Search(series="emma"), Search(subject="emma"),
        Search(isbn="9780141439588"), Search(isbn="no isbn"), Search(isbn="()&*"),
        Search(text="emma", media=(Medium.EAUDIO,)), Search(text="emma", languages=("fr",)),
        Search(text="emma", audiences=(Audience.CHILDREN,)),
        Search(text="emma", genres=("mystery",)),
        Search(text="emma", collections=("other",)), Search(text="emma", collections=("\ud800",)),
        Search(text="emma", owned=True), Search(text="emma", available=True),
        Search(text="emma", author="hugo"), Search(text="emma", languages=("",)),
        Search(text="9780000000002"), Search(text="!!!"), Search(text="😀"), Search(title="!!!"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_not_found(shelf: Catalogue, asked: Search) -> None:
    found = await shelf.search(asked)

    assert (found.found, found.total, found.more) == ([], 0, False)


async def test_of_several_values_of_one_filter_any_will_do(shelf: Catalogue) -> None:
    both = await shelf.names(genres=("classics",), languages=("fr", "en"))

    assert sorted(both) == ["Emma", "Les Misérables"]
    assert await shelf.names(media=(Medium.EAUDIO, Medium.ECOMIC)) == ["Les Misérables"]


async def test_nothing_asked_is_everything_the_newest_first(shelf: Catalogue) -> None:
    assert await shelf.names() == ["The Three Bears", "Les Misérables", "Emma"]
    assert await shelf.names("   ") == ["The Three Bears", "Les Misérables", "Emma"]


async def test_a_title_without_a_word_is_found_by_none(catalogue: Catalogue) -> None:
    await catalogue.save(EMMA, title("!!!", by="Author Somebody"))

    assert await catalogue.names("???") == ["!!!"]


@pytest.mark.parametrize(
    ("languages", "typed", "found"),
    [
        (("en",), "bear", ["The Three Bears"]),
        (("fr", "en"), "bear", ["The Three Bears"]),
        (("fr",), "misérable", ["Les Misérables"]),
        (("en",), "misérables", ["Les Misérables"]),
        (("fr-CA",), "miserable", ["Les Misérables"]),
        ((), "miserables", ["Les Misérables"]),
        (("tlh",), "bears", ["The Three Bears"]),
    ],
)
async def test_a_readers_language_has_its_own_stems(
    shelf: Catalogue, languages: tuple[str, ...], typed: str, found: list[str]
) -> None:
    assert await shelf.names(typed, reader_languages=languages) == found


async def test_a_german_reader_finds_houses_by_one(catalogue: Catalogue) -> None:
    await catalogue.save(title("Häuser am Fluß", by="Grün", language="de"))

    for typed in ("haus", "hauser", "häusern", "fluss", "FLUẞ", "grun"):
        assert await catalogue.names(typed, reader_languages=("de",)) == ["Häuser am Fluß"], typed


async def test_the_nearest_come_first(catalogue: Catalogue) -> None:
    await catalogue.save(
        title("War", by="Somebody"),
        title("The World War", by="Somebody"),
        title("A History of the World and of War in Our Time", by="Somebody"),
        title("Poems", by="Edgar War"),
        title("Letters", series=Series(name="Tales of War")),
        title("War, and What Comes After It", by="Somebody"),
        title("Essays", by="War"),
    )

    assert await catalogue.names("war") == [
        "Essays",  # somebody who is called just that
        "War",
        "The World War",
        "War, and What Comes After It",
        "A History of the World and of War in Our Time",
        "Poems",
        "Letters",
    ]


async def test_a_name_is_exact_either_way_round(catalogue: Catalogue) -> None:
    await catalogue.save(
        title("Emma", by="Jane Austen"), title("Jane Austen and Her Times", by="Somebody")
    )

    assert (await catalogue.names("jane austen"))[0] == "Emma"
    assert (await catalogue.names("Austen, Jane")) == await catalogue.names("austen jane")


async def test_blanks_between_words_may_be_typed_or_not(catalogue: Catalogue) -> None:
    await catalogue.save(title("Sunflower"), title("Moby Dick"))

    assert await catalogue.names("sun flower") == ["Sunflower"]
    assert await catalogue.names("mobydick") == ["Moby Dick"]


async def test_apostrophes_may_be_typed_or_not(catalogue: Catalogue) -> None:
    await catalogue.save(
        title("Tess of the d'Urbervilles"), title("Women’s Voices", by="Edna O'Brien"),
        title("The King's Speech"), title("The Queen's Gambit"),
    )  # fmt: skip

    for typed in ("urbervilles", "durbervilles", "d’urbervilles", "D'URBERVILLES"):
        assert await catalogue.names(typed) == ["Tess of the d'Urbervilles"], typed
    for typed in ("womens", "women's", "women", "obrien", "o'brien", "O’Brien"):
        assert await catalogue.names(typed) == ["Women’s Voices"], typed
    assert await catalogue.names("king's") == ["The King's Speech"]


async def test_pages_follow_each_other(catalogue: Catalogue) -> None:
    await catalogue.save(*(title(f"Volume {n} of the War") for n in range(7)), title("War"))

    whole = await catalogue.names("war")
    pages = [await catalogue.names("war", start=n, limit=3) for n in (0, 3, 6, 9)]

    assert [name for page in pages for name in page] == whole
    assert [len(page) for page in pages] == [3, 3, 2, 0]
    assert whole[:2] == ["War", "Volume 6 of the War"]
    for start in (0, 5, 100):
        found = await catalogue.search("war", start=start, limit=1)
        assert (found.total, found.more) == (8, False)
    assert (await catalogue.search("war", limit=0)).total == 8


async def test_no_more_than_a_thousand_are_counted(catalogue: Catalogue) -> None:
    await catalogue.save(*(title(f"War {n}") for n in range(MOST_COUNTED)))
    assert (await catalogue.search("war"))[1:] == (MOST_COUNTED, False, None)

    await catalogue.save(
        title("The War That Came Later Than All Others"), title("Warfare", by="War")
    )

    for start in (0, 500, MOST_COUNTED - 1):
        found = await catalogue.search("war", start=start)
        assert (found.total, found.more) == (MOST_COUNTED, True)
        assert len(found.found) == min(20, MOST_COUNTED - start)
    assert (await catalogue.search("war", start=MOST_COUNTED)).found == []
    assert (await catalogue.search("war")).found[0].title.title == "Warfare"
    pages = [await catalogue.search("war", start=n, limit=100) for n in range(0, MOST_COUNTED, 100)]
    assert len({each.key for page in pages for each in page.found}) == MOST_COUNTED
    assert (await catalogue.search())[1:] == (MOST_COUNTED, True, None)


@pytest.mark.parametrize(
    ("typed", "instead"),
    [
        ("midlemarch", "middlemarch"), ("middlemrach", "middlemarch"),
        ("mmiddlemarch", "middlemarch"),
        ("niddlemarch", "middlemarch"), ("midlemarhc", "middlemarch"), ("elliot", "eliot"),
        ("middlemarch elliot", "middlemarch eliot"), ("midlemarch elliot", "middlemarch eliot"),
        ("MIDLEMARCH, by ELLIOT", "middlemarch eliot"), ("tess urbervilels", "tess urbervilles"),
        ("d'urbervilels", "urbervilles"), ("воинна", "воина"), ("οδυσεια", "οδυσσεια"),
        ("midlemarch xyzzyx", "middlemarch"),
    ],
)  # fmt: skip
async def test_slips_are_put_right(catalogue: Catalogue, typed: str, instead: str) -> None:
    await catalogue.save(
        title("Middlemarch", by="George Eliot"), title("Tess of the d'Urbervilles"),
        title("Война и мир", language="ru"), title("Οδύσσεια", language="el"),
    )  # fmt: skip

    found = await catalogue.search(typed)

    assert (found.total, found.searched_for) == (1, instead)


async def test_a_word_that_is_there_can_be_a_slip_too(catalogue: Catalogue) -> None:
    await catalogue.save(title("The Flat"), title("The Float of Fools", by="Ship"))

    found = await catalogue.search("flat of fools")

    assert [each.title.title for each in found.found] == ["The Float of Fools"]
    assert found.searched_for == "float of fools"


async def test_the_likelier_of_two_words_is_meant(catalogue: Catalogue) -> None:
    await catalogue.save(title("House"), *(title(f"The Horse, Volume {n}") for n in range(3)))

    assert (await catalogue.search("houise")).searched_for == "house"
    assert (await catalogue.search("hoese")).searched_for == "horse"
    assert (await catalogue.search("hopse")).searched_for == "horse"
    assert (await catalogue.search("hopse", title="house")).searched_for == "house"


async def test_what_has_no_slip_says_nothing_of_one(shelf: Catalogue) -> None:
    assert (await shelf.search("emma")).searched_for is None
    assert (await shelf.search("emm")).total == 0  # too short to be put right


async def test_one_unknown_word_is_left_out(shelf: Catalogue) -> None:
    found = await shelf.search("emma xyzzy austen")

    assert [each.title.title for each in found.found] == ["Emma"]
    assert await shelf.names("qqqqqqqq xyzzy") == []


async def test_of_words_that_no_title_has_together_one_is_left_out(shelf: Catalogue) -> None:
    found = await shelf.search("emma hugo")

    assert sorted(each.title.title for each in found.found) == ["Emma", "Les Misérables"]
    assert (found.total, found.searched_for) == (2, None)


async def test_filters_hold_for_what_is_found_instead(shelf: Catalogue) -> None:
    assert await shelf.names("emmma", media=(Medium.EBOOK,)) == ["Emma"]
    assert await shelf.names("emmma", media=(Medium.EAUDIO,)) == []
    assert await shelf.names("emma hugo", media=(Medium.EAUDIO,)) == ["Les Misérables"]


async def test_only_so_many_words_count(catalogue: Catalogue) -> None:
    name = " ".join(f"word{n}" for n in range(MOST_WORDS))
    await catalogue.save(title(name))

    assert await catalogue.names(f"{name} and whatever follows") == [name]


async def test_print_titles_are_in_the_same_index(library: Library) -> None:
    catalogue = Catalogue(library.app.database)
    await catalogue.save(title("Middlemarch", by="George Eliot"), owned=True)
    await library.item("31000001", title="Middlemarch", author="Eliot, George", language="en")
    await library.item("31000002", title="Middlemarch", author="Eliot, George", language="en")
    await library.item("31000003", title="Silas Marner", author="Eliot, George")

    found = (await catalogue.search("middlemarch")).found

    assert [each.title.medium for each in found] == [Medium.PRINT, Medium.EBOOK]
    assert await catalogue.names("eliot", media=(Medium.PRINT,)) == ["Silas Marner", "Middlemarch"]
    assert await catalogue.names(author="eliot", languages=("en",)) == ["Middlemarch"] * 2
    assert await catalogue.names("midlemarch", media=(Medium.PRINT,)) == ["Middlemarch"]
    assert await catalogue.names("silas", owned=True) == ["Silas Marner"]
    assert await catalogue.names("silas", collections=("vendor",)) == []


async def test_what_is_available_is_asked_of_those_who_lend_it(library: Library) -> None:
    catalogue = Catalogue(library.app.database)
    emma, ulysses = await catalogue.save(title("Emma"), title("Ulysses"))
    await catalogue.set_flags({emma.key: (True, True), ulysses.key: (True, False)})
    await library.patron("ada")
    for name in ("In", "Out"):
        await library.item(name, title=name)
    await library.loan("ada", "Out")
    free = library.app.embedded["MAIN"].lendable

    assert await catalogue.names(available=True) == ["Emma"]
    assert await catalogue.names(available=True, free=free) == ["In", "Emma"]
    assert await catalogue.names("out", available=True, free=free) == []
    assert await catalogue.names("in", available=True, free=free) == ["In"]
    assert await catalogue.names("in", available=True, media=(Medium.EBOOK,), free=free) == []


async def test_an_available_title_is_found_behind_many_that_are_not(catalogue: Catalogue) -> None:
    (emma,) = await catalogue.save(title("Emma, Volume One"))
    await catalogue.set_flags({emma.key: (True, True)})
    await catalogue.add_print(*(f"Volume {n}" for n in range(MOST_COUNTED + 1)))
    await catalogue.index()

    found = await catalogue.search("volume", available=True, free=lambda tx, keys: set())

    assert [each.key for each in found.found] == [emma.key]
    assert (found.total, found.more) == (1, False)
