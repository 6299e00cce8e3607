"""How a record of the vendor's becomes a title of ours.

Source: spec/oneclick-api 2, rule by rule.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.catalogue.records import (
    Audience,
    Contributor,
    Medium,
    Role,
    Series,
    Subject,
    Title,
)
from bibliobus.ils.records import Format
from bibliobus.oneclick.access import ADOBE
from bibliobus.oneclick.genres import GENRES, SCHEME
from bibliobus.oneclick.languages import LANGUAGES, language
from bibliobus.oneclick.parsing import Unreadable, parse_search_item, parse_title
from tests.oneclick.vendor import as_json, recorded

IMAGES = "http://images.oneclickdigital.com"


def sent(**changes: object) -> bytes:
    """A media object, as the vendor would send it; None takes a key out."""
    usual: dict[str, object] = {
        "seriesPosition": 0, "publicationDate": "2013-12-27T00:00:00Z", "hasDigitalRights": True,
        "description": "A novel.", "publisher": "Anchor", "audience": "Adult",
        "genres": "FICTION / General", "primaryGenre": "mystery", "isbn": "9780307378101",
        "mediaType": "eBook", "title": "Emma", "authors": "Austen, Jane", "language": "English",
        "images": [], "titleId": 1,
    }  # fmt: skip
    return as_json({key: value for key, value in (usual | changes).items() if value is not None})


def title(**changes: object) -> Title:
    return parse_title(sent(**changes))


def people(names: str) -> list[tuple[str, str]]:
    return [(each.name, each.sort_name) for each in title(authors=names).contributors]


def test_the_example_of_the_guide() -> None:
    parsed = parse_title(recorded("response_isbn_found_1.json"))

    assert parsed == Title(
        medium=Medium.EBOOK,
        title="Tea Time for the Traditionally Built",
        sort_title="Tea Time for the Traditionally Built",
        isbn="9780307378101",
        contributors=(
            Contributor(name="Alexander Mccall Smith", sort_name="Mccall Smith, Alexander"),
            Contributor(name="Thornton Wilder", sort_name="Wilder, Thornton"),
            Contributor(
                name="Laura Flanagan Guskin", sort_name="Guskin, Laura Flanagan", role=Role.NARRATOR
            ),
        ),
        series=Series(name="No. 1 Ladies Detective Agency", position=10),
        publisher="Anchor",
        published_on=date(2013, 12, 27),
        language="en",
        audience=Audience.ADULT,
        genres=("humorous-fiction", "mystery", "womens-fiction"),
        subjects=(
            Subject(name="FICTION / Humorous / General", scheme="BISAC"),
            Subject(name="Humorous Fiction", code="humorous-fiction", scheme=SCHEME),
            Subject(name="Mystery", code="mystery", scheme=SCHEME),
            Subject(name="Women's Fiction", code="womens-fiction", scheme=SCHEME),
        ),
        description=parsed.description,
        cover=f"{IMAGES}/EB00148140/EB00148140_image_128x192.jpg",
        thumbnail=f"{IMAGES}/EB00148140/EB00148140_image_95x140.jpg",
        formats=(Format(media_type="application/epub+zip", protection=ADOBE),),
        protected=True,
    )
    assert parsed.description is not None
    assert parsed.description.endswith("From the Trade Paperback edition.")


def test_all_recorded_titles_map() -> None:
    items = msgspec.json.decode(
        recorded("response_catalog_all_97_titles.json"), type=list[msgspec.Raw]
    )

    titles = [parse_title(item) for item in items]

    assert len({each.isbn for each in titles}) == 97
    assert sum(each.medium is Medium.EBOOK for each in titles) == 52
    assert sum(each.published_on is None for each in titles) == 2
    assert sum(each.cover is None for each in titles) == 2
    assert sum(each.language == "es" for each in titles) == 2
    assert all(each.description and each.genres and each.audience for each in titles)
    assert not any(", The" in each.title for each in titles)


@pytest.mark.parametrize(
    ("sent_title", "shown", "sorted_by", "subtitle"),
    [
        ("Emma", "Emma", "Emma", None),
        ("Wizard of Oz, The", "The Wizard of Oz", "Wizard of Oz, The", None),
        ("Robertson Family Christmas, A", "A Robertson Family Christmas",
         "Robertson Family Christmas, A", None),
        ("Greatest: Muhammad Ali, The", "The Greatest", "Greatest, The", "Muhammad Ali"),
        ("Rebel Angels: The Cornish Trilogy, Book 1, The", "The Rebel Angels",
         "Rebel Angels, The", "The Cornish Trilogy, Book 1"),
        ("The Greatest: Muhammad Ali", "The Greatest", "Greatest, The", "Muhammad Ali"),
        ("Wyvernhail: The Kiesha'ra: Volume Five", "Wyvernhail", "Wyvernhail",
         "The Kiesha'ra: Volume Five"),
        ("2001: A Space Odyssey", "2001: A Space Odyssey", "2001: A Space Odyssey", None),
        ("Bones: ", "Bones:", "Bones:", None),
        (": Bones", ": Bones", ": Bones", None),
        ("Red Berries, White Clouds, Blue Sky", "Red Berries, White Clouds, Blue Sky",
         "Red Berries, White Clouds, Blue Sky", None),
        ("The", "The", "The", None),
        ("Theatre", "Theatre", "Theatre", None),
        ("Die Hard", "Die Hard", "Die Hard", None),
        ("  Emma\r\n", "Emma", "Emma", None),
    ],
)  # fmt: skip
def test_titles(sent_title: str, shown: str, sorted_by: str, subtitle: str | None) -> None:
    parsed = title(title=sent_title)

    assert (parsed.title, parsed.sort_title, parsed.subtitle) == (shown, sorted_by, subtitle)


@pytest.mark.parametrize(
    ("name", "sent_title", "shown", "sorted_by"),
    [
        ("Spanish", "Amante, El", "El Amante", "Amante, El"),
        ("Spanish", "La casa de los espíritus", "La casa de los espíritus",
         "casa de los espíritus, La"),
        ("French", "L'Étranger", "L'Étranger", "Étranger, L'"),
        ("French", "Étranger, L'", "L'Étranger", "Étranger, L'"),
        ("German", "Die Verwandlung", "Die Verwandlung", "Verwandlung, Die"),
        ("English", "La Vita Nuova", "La Vita Nuova", "La Vita Nuova"),
        ("Klingon", "The Klingon Hamlet", "The Klingon Hamlet", "The Klingon Hamlet"),
    ],
)  # fmt: skip
def test_articles_of_other_languages(
    name: str, sent_title: str, shown: str, sorted_by: str
) -> None:
    parsed = title(title=sent_title, language=name)

    assert (parsed.title, parsed.sort_title) == (shown, sorted_by)


def test_the_name_of_the_series_is_no_title() -> None:
    parsed = title(
        title="EngLits: Great Expectations: Detail Summaries of Great Literature",
        seriesName="EngLits",
    )

    assert parsed.title == "EngLits: Great Expectations"
    assert parsed.subtitle == "Detail Summaries of Great Literature"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("Austen, Jane", [("Jane Austen", "Austen, Jane")]),
        ("Guskin, Laura Flanagan;jeremy; Campbell, Cassandra",
         [("Laura Flanagan Guskin", "Guskin, Laura Flanagan"), ("jeremy", "jeremy"),
          ("Cassandra Campbell", "Campbell, Cassandra")]),
        ("Blount, Jr., Roy", [("Roy Blount, Jr.", "Blount, Jr., Roy")]),
        ("Tamora Pierce; A Full Cast",
         [("Tamora Pierce", "Pierce, Tamora"), ("A Full Cast", "A Full Cast")]),
        ("J.D. Jackson", [("J.D. Jackson", "Jackson, J.D.")]),
        ("Roy Blount Jr.", [("Roy Blount Jr.", "Blount, Roy, Jr.")]),
        ("Ursula K. Le Guin", [("Ursula K. Le Guin", "Le Guin, Ursula K.")]),
        ("NPR", [("NPR", "NPR")]),
        ("Pope Francis", [("Pope Francis", "Pope Francis")]),
        ("Fodor's Travel", [("Fodor's Travel", "Fodor's Travel")]),
        ("Living Language", [("Living Language", "Living Language")]),
        ("Simon & Schuster", [("Simon & Schuster", "Simon & Schuster")]),
        ("", []),
        (" ; ;, ", []),
        ("Austen, Jane; Austen, Jane", [("Jane Austen", "Austen, Jane")]),
    ],
)  # fmt: skip
def test_names(names: str, expected: list[tuple[str, str]]) -> None:
    assert people(names) == expected


def test_narrators_have_their_role() -> None:
    parsed = title(narrators="Gibson, Flo")

    assert [each.name for each in parsed.by(Role.AUTHOR)] == ["Jane Austen"]
    assert [each.name for each in parsed.by(Role.NARRATOR)] == ["Flo Gibson"]


@pytest.mark.parametrize(
    ("name", "position", "expected"),
    [
        ("Immortals", 3, Series(name="Immortals", position=3)),
        ("Immortals", "3", Series(name="Immortals", position=3)),
        ("Immortals", 0, Series(name="Immortals")),
        ("Immortals", "0", Series(name="Immortals")),
        ("Immortals", -1, Series(name="Immortals")),
        ("Immortals", "third", Series(name="Immortals")),
        ("Immortals", None, Series(name="Immortals")),
        ("Default Blank", 10, None),
        ("", 10, None),
        (None, 10, None),
    ],
)
def test_series(name: str | None, position: object, expected: Series | None) -> None:
    assert title(seriesName=name, seriesPosition=position).series == expected


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2008-10-01T00:00:00Z", date(2008, 10, 1)),
        ("2008-10-01", date(2008, 10, 1)),
        ("2016-10-07T16:11:52.5887333Z", date(2016, 10, 7)),
        ("0001-01-01T00:00:00Z", None),
        ("soon", None),
        ("2008-13-01", None),
        ("", None),
        (None, None),
    ],
)
def test_publication_dates(text: str | None, day: date | None) -> None:
    assert title(publicationDate=text).published_on == day


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("English", "en"), ("Spanish", "es"), ("Scots", "sco"), ("Persian", "fa"),
        ("Dutch; Flemish", "nl"), ("dutch-flemish", "nl"), ("Greek, Modern (1453-)", "el"),
        ("greek-modern-1453", "el"), ("WELSH ", "cy"), ("Klingon", None), ("", None),
        (None, "en"),
    ],
)  # fmt: skip
def test_languages(name: str | None, tag: str | None) -> None:
    assert title(language=name).language == tag


def test_languages_have_three_letters_for_catalogues_too() -> None:
    german = language("German")

    assert german is not None
    assert (german.tag, german.alpha3) == ("de", "ger")
    assert all(len(each.alpha3) == 3 for each in LANGUAGES.values())


@pytest.mark.parametrize(
    ("words", "heading", "audience"),
    [
        ("Adult", "FICTION / General", Audience.ADULT),
        ("Childrens", "FICTION / General", Audience.CHILDREN),
        ("Young Adult", "JUVENILE FICTION / General", Audience.YOUNG_ADULT),
        ("young-adult", "", Audience.YOUNG_ADULT),
        ("Beginning Reader", "JUVENILE FICTION", Audience.BEGINNING_READER),
        ("beginning-reader", "", Audience.BEGINNING_READER),
        ("Adult", "JUVENILE FICTION / Social Themes", Audience.CHILDREN),
        ("Adult", "YOUNG ADULT FICTION / Romance", Audience.YOUNG_ADULT),
        (None, "JUVENILE NONFICTION", Audience.CHILDREN),
        ("Dogs", "FICTION", None),
        (None, None, None),
    ],
)
def test_audiences(words: str | None, heading: str | None, audience: Audience | None) -> None:
    assert title(audience=words, genres=heading).audience == audience


@pytest.mark.parametrize(
    ("tokens", "genres"),
    [
        ("fantasy,juvenile-fiction", ("fantasy", "juvenile-fiction")),
        ("mystery,mystery", ("mystery",)),
        ("brand-new-genre", ("brand-new-genre",)),
        ("", ()),
        (",", ()),
        ("none,horror", ("horror",)),
        (None, ()),
    ],
)
def test_genres(tokens: str | None, genres: tuple[str, ...]) -> None:
    assert title(primaryGenre=tokens).genres == genres


def test_subjects_have_names_that_people_read() -> None:
    parsed = title(genres="COOKING / Soups, Stews, etc.", primaryGenre="cooking,brand-new-genre")

    assert parsed.subjects == (
        Subject(name="COOKING / Soups, Stews, etc.", scheme="BISAC"),
        Subject(name="Cooking", code="cooking", scheme=SCHEME),
        Subject(name="Brand new genre", code="brand-new-genre", scheme=SCHEME),
    )
    assert len(GENRES) == 44  # the guide's 45, without two that say nothing, and "erotica"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("One.\r\n\r\nTwo.", "One.\nTwo."),
        ("One.\n\rTwo.", "One.\nTwo."),
        ("<p>One.</p><p>Two &amp; three<br/>four</p>", "One.\nTwo & three\nfour"),
        ("<script>alert(1)</script>One", "One"),
        ("&lt;b&gt;One&lt;/b&gt;", "One"),
        ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
        ("NUL\x00 and bell\x07\u200b", "NUL and bell"),
        ("", None),
        (" \n ", None),
        (None, None),
    ],
)
def test_descriptions(text: str | None, read: str | None) -> None:
    assert title(description=text).description == read


def test_a_description_has_an_end() -> None:
    parsed = title(description="word " * 50_000)

    assert parsed.description is not None
    assert len(parsed.description) <= 20_002


@pytest.mark.parametrize(
    ("images", "cover", "thumbnail"),
    [
        ({"small": "http://x/s.jpg", "medium": "http://x/m.jpg", "large": "https://x/l.jpg"},
         "https://x/l.jpg", "http://x/m.jpg"),
        ({"small": "http://x/s.jpg"}, "http://x/s.jpg", "http://x/s.jpg"),
        ({"large": "http://x/default/OCD_image_128x192.jpg",
          "medium": "http://x/default/OCD_image_95x140.jpg"}, None, None),
        ({"large": "javascript:alert(1)", "medium": "/relative.jpg"}, None, None),
        ({}, None, None),
    ],
)  # fmt: skip
def test_pictures(images: dict[str, str], cover: str | None, thumbnail: str | None) -> None:
    parsed = title(images=[{"name": name, "url": url} for name, url in images.items()])

    assert (parsed.cover, parsed.thumbnail) == (cover, thumbnail)


@pytest.mark.parametrize(
    ("word", "medium", "formats"),
    [
        ("eBook", Medium.EBOOK, (Format(media_type="application/epub+zip", protection=ADOBE),)),
        ("eaudio", Medium.EAUDIO, (Format(media_type="application/audiobook+json"),)),
        ("eMagazine", Medium.EMAGAZINE, ()),
        ("eComic", Medium.ECOMIC, ()),
    ],
)
def test_media(word: str, medium: Medium, formats: tuple[Format, ...]) -> None:
    parsed = title(mediaType=word)

    assert (parsed.medium, parsed.formats) == (medium, formats)


@pytest.mark.parametrize("protected", [True, False, None])
def test_protection_is_as_the_vendor_says(protected: bool | None) -> None:
    assert title(hasDigitalRights=protected).protected is protected


@pytest.mark.parametrize(
    ("changes", "reason", "isbn"),
    [
        ({"isbn": None}, "it has no ISBN", None),
        ({"isbn": "030737810X"}, "its ISBN has not 13 digits", "030737810X"),
        ({"isbn": "٩٧٨٠٣٠٧٣٧٨١٠١"}, "its ISBN has not 13 digits", "٩٧٨٠٣٠٧٣٧٨١٠١"),
        ({"title": None}, "it has no title", "9780307378101"),
        ({"title": " "}, "it has no title", "9780307378101"),
        ({"mediaType": "eVideo"}, "it is 'eVideo', and only e-books and e-audio are known",
         "9780307378101"),
        ({"mediaType": None}, "it is 'nothing', and only e-books and e-audio are known",
         "9780307378101"),
        ({"publisher": {"name": "Anchor"}},
         "its form is not the vendor's usual one: Expected `str | null`, got `object` - at "
         "`$.publisher`", "9780307378101"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_title(changes: dict[str, Any], reason: str, isbn: str | None) -> None:
    with pytest.raises(Unreadable) as caught:
        title(**changes)

    assert (caught.value.reason, caught.value.isbn) == (reason, isbn)


def test_an_isbn_with_a_wrong_check_digit_is_the_vendors_key_all_the_same() -> None:
    assert title(isbn="9780307378102").isbn == "9780307378102"
    assert title(isbn=9780307378101).isbn == "9780307378101"


def test_a_search_item_is_richer() -> None:
    page = msgspec.json.decode(recorded("response_search_one_item_1.json"))
    entry = page["items"][0]
    entry["item"] |= {"hasSubtitle": True, "subtitle": "A Novel", "title": "The Tea Time"}

    found = parse_search_item(as_json(entry))

    assert (found.owned, found.available) == (True, None)
    parsed = found.title
    assert (parsed.title, parsed.sort_title, parsed.subtitle) == (
        "The Tea Time", "Tea Time, The", "A Novel",
    )  # fmt: skip
    assert parsed.contributors[0].name == "Alexander Mccall Smith"
    assert (parsed.publisher, parsed.published_on) == ("Anchor", date(2013, 12, 27))
    assert parsed.series == Series(name="No. 1 Ladies Detective Agency")
    assert parsed.genres == ("humorous-fiction", "mystery", "womens-fiction")


@pytest.mark.parametrize(
    ("interest", "owned", "available"),
    [
        ({"stateId": 3, "name": "library"}, True, None),
        ({"stateId": 3, "name": "library", "isOwned": True, "isAvailable": False}, True, False),
        ({"stateId": 1, "name": "wishlist"}, False, None),
        ({"stateId": 1, "isOwned": True}, True, None),
        ({"stateId": 3, "isOwned": False}, False, None),
        (None, False, None),
    ],
)
def test_interest_tells_what_the_library_owns(
    interest: dict[str, object] | None, owned: bool, available: bool | None
) -> None:
    item = {"isbn": "9780307378101", "mediaType": "eBook", "title": "Emma"}

    found = parse_search_item(as_json({"item": item, "interest": interest}))

    assert (found.owned, found.available) == (owned, available)


def test_a_magazine_found_by_a_search_has_no_isbn() -> None:
    item = {"magazineId": 1, "title": "Bee World", "publisher": "Bees", "mediaType": "eMagazine"}

    with pytest.raises(Unreadable, match="no ISBN"):
        parse_search_item(as_json({"item": item, "interest": None}))


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
KEYS = st.sampled_from([*msgspec.json.decode(sent()), "seriesName", "narrators"])


@given(changes=st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_record_is_a_title_or_unreadable(changes: dict[str, object]) -> None:
    try:
        parsed = title(**changes)
    except Unreadable as unreadable:
        assert unreadable.reason  # noqa: PT017 # either outcome is right
        return
    texts = [parsed.title, parsed.sort_title, *(each.name for each in parsed.contributors)]
    assert all(text and "\x00" not in text and text == text.strip() for text in texts)
    assert msgspec.json.decode(msgspec.json.encode(parsed), type=Title) == parsed


@given(st.binary(max_size=100))
def test_any_bytes_are_a_title_or_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_title(raw)
    with pytest.raises(Unreadable):
        parse_search_item(raw)
