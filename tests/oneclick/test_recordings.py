"""Everything that the vendor was recorded to answer leads to the right conclusion.

Source: spec/oneclick-api 5, row by row.
"""

from __future__ import annotations

import io
from datetime import date

import msgspec
import pytest

from bibliobus.catalogue.records import Medium
from bibliobus.ils.errors import (
    AlreadyOnLoan,
    HoldLimitReached,
    LoanLimitReached,
    NoCopyAvailable,
    NotOnLoan,
    PatronNotFound,
)
from bibliobus.ils.secret import Secret
from bibliobus.oneclick.client import Client
from bibliobus.oneclick.errors import (
    AccountExists,
    BadAnswer,
    BadInput,
    BearerRefused,
    HeldOrBorrowed,
)
from bibliobus.oneclick.parsing import parse_search_item, parse_title
from bibliobus.oneclick.requests import NewPatron
from bibliobus.oneclick.wire import day, moment
from tests.oneclick.vendor import NOW, Reply, Vendor, as_json, recorded

PATRON, ISBN = 939981, "9781441260468"
ADA = NewPatron(
    library_card="1305722hghgh6",
    user_name="mickeymouse4",
    email="mickey4@mouse.com",
    first_name="Mic",
    last_name="Mouse",
    password=Secret("s3cret"),
)


@pytest.mark.parametrize(
    ("name", "titles"),
    [("response_catalog_all_97_titles.json", 97), ("response_catalog_all_sample.json", 3)],
)
async def test_the_whole_catalogue(client: Client, vendor: Vendor, name: str, titles: int) -> None:
    body = recorded(name)
    vendor.answers(body)
    file = io.BytesIO()

    fetched = await client.listing(file)

    assert file.getvalue() == body
    assert (fetched.size, fetched.fetched_at) == (len(body), NOW)
    parsed = [parse_title(each) for each in msgspec.json.decode(body, type=list[msgspec.Raw])]
    assert len(parsed) == titles


async def test_one_title(client: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_catalog_media_isbn.json"))

    raw = await client.title("9781934180723")

    assert raw is not None
    assert parse_title(raw).title == "Emperor Mage"


async def test_no_such_title(client: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_isbn_notfound_1.json"))

    assert await client.title("9780307378102") is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"title'])
async def test_nonsense_is_not_a_missing_title(client: Client, vendor: Vendor, body: bytes) -> None:
    for status in (200, 404):
        vendor.answers(Reply(status, body))
        with pytest.raises(BadAnswer):
            await client.title("9780307378102")


async def test_nonsense_is_no_availability_and_no_delta(client: Client, vendor: Vendor) -> None:
    vendor.answers(b'{"isbn":"9780307378102"}', b"[]", b'{"message":"no"}', b"[{},{}]")

    with pytest.raises(BadAnswer):
        await client.availability_of("9780307378102")
    with pytest.raises(BadAnswer):
        await client.delta(date(2016, 10, 1), date(2016, 10, 2))
    with pytest.raises(BadAnswer):
        await client.availability(Medium.EBOOK)
    with pytest.raises(BadAnswer):
        await client.delta(date(2016, 10, 1), date(2016, 10, 2))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2016-10-07T16:11:52.5887333Z", "2016-10-07T16:11:52.588733+00:00"),
        ("2014-01-07T05:00:00Z", "2014-01-07T05:00:00+00:00"),
        ("2014-01-07T00:00:00-05:00", "2014-01-07T05:00:00+00:00"),
        ("2016-11-19", "2016-11-19T00:00:00+00:00"),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("soon", None),
        (None, None),
    ],
)
def test_instants_in_all_their_forms(text: str | None, read: str | None) -> None:
    found = moment(text)

    assert (found and found.isoformat()) == read


async def test_availability_of_all_ebooks(client: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_availability_ebook_1.json"))

    rows = await client.availability(Medium.EBOOK)

    assert (len(rows), sum(row.available for row in rows)) == (852, 668)
    assert (rows[0].isbn, rows[0].available) == ("9781420128567", False)
    generated = moment(rows[0].time_stamp)
    assert generated is not None
    assert generated.isoformat() == "2016-10-07T16:11:52.588733+00:00"


@pytest.mark.parametrize(
    ("name", "available"),
    [
        ("response_availability_single_ebook.json", [False]),
        ("response_availability_eaudio.json", [True, False]),
    ],
)
async def test_availability_of_a_few(
    client: Client, vendor: Vendor, name: str, available: list[bool]
) -> None:
    vendor.answers(recorded(name))

    rows = await client.availability(Medium.EAUDIO)

    assert [row.available for row in rows] == available


async def test_an_empty_delta(client: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_catalog_delta_e1_empty.json"))

    delta = await client.delta(date(2016, 9, 17), date(2016, 10, 18))

    assert (delta.added_titles, delta.removed_titles) == ((), ())
    assert vendor.asked[0].target == (
        "/v1/libraries/1931/media/delta?begin=2016-09-17&end=2016-10-18"
    )


async def test_a_delta_that_removes(client: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_catalog_delta_removed_1.json"))

    delta = await client.delta(date(2016, 10, 17), date(2016, 10, 18))

    assert delta.added_titles == ()
    assert [each.isbn for each in delta.removed_titles or ()] == ["9781456103859"]


async def test_a_delta_whose_added_title_has_no_description(client: Client, vendor: Vendor) -> None:
    added = {
        "isbn": "9781934180723", "mediaType": "eAudio", "title": "Emperor Mage: The Immortals",
        "authors": "Pierce, Tamora", "language": "English", "genres": "", "primaryGenre": "fantasy",
        "audience": "Childrens", "publisher": "Full Cast Audio", "titleId": 10167, "images": [],
    }  # fmt: skip
    removed = {"isbn": "9780590543439", "mediaType": "eAudio"}
    vendor.answers(as_json([{"addedTitles": [added], "removedTitles": [removed]}]))

    delta = await client.delta(date(2016, 10, 17), date(2016, 10, 18))

    assert [parse_title(each).title for each in delta.added_titles or ()] == ["Emperor Mage"]
    assert [each.isbn for each in delta.removed_titles or ()] == ["9780590543439"]


async def test_a_delta_of_holdings(later: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_catalog_delta.json"))

    delta = await later.holdings_delta(date(2020, 3, 14), date(2020, 4, 14))

    assert [each.isbn for each in delta.added_books or ()] == ["9781934180723"]
    assert [each.isbn for each in delta.removed_books or ()] == ["9780590543439"]


async def test_snapshots(later: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_catalog_availability_dates_only_one.json"))

    (only,) = await later.snapshots()

    assert (day(only.as_of), only.e_book_count, only.e_audio_count) == (
        date(2016, 4, 1), 1511, 11424,
    )  # fmt: skip


async def test_snapshots_come_in_any_order(later: Client, vendor: Vendor) -> None:
    days = ["2020-04-14", "2018-10-03", "2016-11-01", "2016-04-01"]
    vendor.answers(as_json([{"tenantId": 1931, "asOf": each} for each in days]))

    assert [each.as_of for each in await later.snapshots()] == sorted(days)


@pytest.mark.parametrize(
    "name", ["response_search_one_item_1.json", "response_search_one_item_hypermedia_1.json"]
)
async def test_a_search(client: Client, vendor: Vendor, name: str) -> None:
    vendor.answers(recorded(name))

    page = await client.search(medium=Medium.EBOOK, text={"title": "tea time"})

    found = parse_search_item(page.items[0])
    assert (page.result_set_count, page.page_count, len(page.filters)) == (1, 1, 86)
    assert page.accept_media_type == "complete"
    assert (found.title.title, found.owned) == ("Tea Time for the Traditionally Built", True)
    assert vendor.asked[0].target.endswith("/search?media-type=eBook&title=tea%20time")


@pytest.mark.parametrize(
    ("name", "patron", "user"),
    [
        ("response_patron_internal_id_found_e1.json", 939982, None),
        ("response_patron_internal_id_found.json", 939981, "946b9b06-f8d9-43b4-91f8-e6cc52112b07"),
    ],
)
async def test_a_patron_is_found(
    client: Client, vendor: Vendor, name: str, patron: int, user: str | None
) -> None:
    vendor.answers(recorded(name))

    found = await client.find_patron("1305722621")

    assert found is not None
    assert (found.patron_id, found.user_id) == (patron, user)


async def test_no_such_patron_comes_with_200(client: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_patron_internal_id_not_found.json"))

    assert await client.find_patron("1305722625") is None


async def test_no_such_patron_comes_with_404_later(later: Client, vendor: Vendor) -> None:
    for body in (as_json({"message": "Patron not found."}), b"", b"{}"):
        vendor.answers(Reply(404, body))
        assert await later.find_patron("1305722625") is None

    vendor.answers(Reply(404, b"<html>There is no such page</html>"))
    with pytest.raises(BadAnswer):
        await later.find_patron("1305722625")


async def test_a_lookup_that_makes_no_sense_is_our_fault(client: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(500, recorded("response_patron_internal_id_error.json")))

    with pytest.raises(BadInput) as caught:
        await client.find_patron("9305722622fd")

    assert not caught.value.may_stand
    assert len(vendor.asked) == 1  # asking again would not help


async def test_a_patron(client: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_patron_info_found.json"))

    patron = await client.patron(939982)

    assert (patron.library_card_number, patron.user_name) == ("1305722621", "mickeymouse1")


async def test_a_patron_that_is_gone(client: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(404, recorded("response_patron_info_not_found.json")))

    with pytest.raises(PatronNotFound):
        await client.patron(939999)


async def test_a_malformed_patron_id(client: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(400, recorded("response_patron_info_error.json")))

    with pytest.raises(BadInput):
        await client.patron(939982)


async def test_an_account_is_made(client: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(201, recorded("response_patron_create_success_e1.json")))

    made = await client.create_patron(ADA)

    assert (made.patron_id, made.bearer) == (940000, None)
    assert vendor.asked[0].target == "/v1/libraries/1931/patrons/"
    assert vendor.asked[0].json() == {
        "libraryId": 1931, "libraryCardNumber": "1305722hghgh6", "userName": "mickeymouse4",
        "email": "mickey4@mouse.com", "firstName": "Mic", "lastName": "Mouse",
        "password": "s3cret",
    }  # fmt: skip


async def test_an_account_is_made_later(later: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(201, recorded("response_patron_create_success.json")))

    made = await later.create_patron(ADA)

    assert (made.patron_id, made.bearer) == (940000, Secret("ab2bc6ada5ac80a9883a3d59"))
    sent = vendor.asked[0].json()
    assert (sent["libraryCard"], sent["postalCode"]) == ("1305722hghgh6", "00000")
    assert "libraryCardNumber" not in sent


@pytest.mark.parametrize("status", [409, 500])
async def test_an_account_that_exists(client: Client, vendor: Vendor, status: int) -> None:
    vendor.answers(Reply(status, recorded("response_patron_create_fail_already_exists.json")))

    with pytest.raises(AccountExists):
        await client.create_patron(ADA)


async def test_a_bearer_token(later: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_patron_bearer_token_success.json"))

    token = await later.patron_token("946b9b06-f8d9-43b4-91f8-e6cc52112b07")

    assert token == Secret("d1544585ade0abcd7908ba0e")
    assert vendor.asked[0].json() == {"userId": "946b9b06-f8d9-43b4-91f8-e6cc52112b07"}


async def test_a_checkout(client: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_checkout_success.json"))

    reply = await client.checkout(PATRON, ISBN)

    assert (reply.transaction_id, reply.expiration, reply.can_renew) == (9828517, None, False)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("response_checkout_unavailable.json", NoCopyAvailable),
        ("response_checkout_409_alreadythere.json", AlreadyOnLoan),
        (b'{"message":"Maximum checkout count reached."}', LoanLimitReached),
    ],
)
async def test_a_refused_checkout(
    client: Client, vendor: Vendor, name: str | bytes, error: type[Exception]
) -> None:
    vendor.answers(Reply(409, recorded(name) if isinstance(name, str) else name))

    with pytest.raises(error):
        await client.checkout(PATRON, ISBN)

    assert len(vendor.asked) == 1


async def test_a_page_instead_of_json(client: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(400, recorded("response_checkout_400_space_in_url.json")))

    with pytest.raises(BadInput) as caught:
        await client.checkout(PATRON, ISBN)

    assert not caught.value.may_stand


@pytest.mark.parametrize(
    "name", ["response_checkin_fail_409_notcheckedout.json", "response_return_unavailable.json"]
)
async def test_a_return_of_what_is_not_on_loan(client: Client, vendor: Vendor, name: str) -> None:
    vendor.answers(Reply(409, recorded(name)))

    with pytest.raises(NotOnLoan):
        await client.checkin(PATRON, ISBN)


async def test_a_hold(client: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("response_patron_hold_success.json"))

    assert await client.add_hold(PATRON, ISBN) == 9828560


async def test_a_hold_that_exists(client: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(409, recorded("response_patron_hold_fail_409_already_exists.json")))

    with pytest.raises(HeldOrBorrowed):
        await client.add_hold(PATRON, ISBN)


async def test_a_hold_too_many(client: Client, vendor: Vendor) -> None:
    text = (
        "You have reached your checkout limit and therefore are unable to place additional holds."
    )
    vendor.answers(Reply(409, as_json(text)))

    with pytest.raises(HoldLimitReached):
        await client.add_hold(PATRON, ISBN)


@pytest.mark.parametrize(
    "name", ["response_patron_holds_200_list.json", "response_patron_holds_200_list_e1.json"]
)
async def test_holds(client: Client, vendor: Vendor, name: str) -> None:
    vendor.answers(recorded(name))

    holds = await client.holds(PATRON)

    assert [(each.isbn, each.transaction_id) for each in holds] == [
        ("9781426893483", 9828560), ("9781459225152", 9828561),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "response_patron_checkouts_200_list.json",
        "response_patron_checkouts_200_list_e1.json",
        "response_patron_checkouts_200_list_complete_verbosity.json",
    ],
)
async def test_checkouts(client: Client, vendor: Vendor, name: str) -> None:
    vendor.answers(recorded(name))

    audio, *books = await client.checkouts(PATRON)

    assert {day(each.expiration) for each in (audio, *books)} == {date(2016, 11, 19)}
    assert (audio.has_drm, audio.download_url, len(audio.files or ())) == (True, "", 7)
    assert {book.files[0].file_format for book in books if book.files} == {"EPUB"}
    assert ("9781426893483", 9828560) in {(book.isbn, book.transaction_id) for book in books}


async def test_one_checkout_and_none(client: Client, vendor: Vendor) -> None:
    vendor.answers(
        recorded("response_patron_checkouts_200_singleitem.json"),
        recorded("response_patron_checkouts_200_emptylist.json"),
    )

    (only,) = await client.checkouts(PATRON)

    assert (only.isbn, day(only.expiration)) == ("9780307378101", date(2016, 10, 14))
    assert await client.checkouts(PATRON) == ()


async def test_an_access_document(client: Client, vendor: Vendor) -> None:
    vendor.answers(recorded("audiobook_chapter_access_document.json"))
    path = "/v1/media/9781456103859/parts/1646766/download-url?s3=78226&f=78226_001_IN"

    document = await client.access_document(vendor.url + path)

    assert (document.url, document.media_type) == ("http://book/chapter1.mp3", "audio/mpeg")
    assert 10 * 60 < (document.expires_at - NOW).total_seconds() < 14 * 60
    assert vendor.asked[0].target == path
    assert vendor.asked[0].header("Authorization") is None


async def test_an_access_document_for_a_stale_token(later: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(401, recorded("response_fullfillment_401_invalid_bearer_token.json")))

    with pytest.raises(BearerRefused):
        await later.access_document(f"{vendor.url}/v1/media/1/parts/1/x", Secret("0123456789ab"))

    assert vendor.asked[0].header("Authorization") == "Bearer 0123456789ab"
    assert len(vendor.asked) == 1
