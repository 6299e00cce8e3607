"""How the vendor is asked: what goes over the wire, how often, and what nobody gets to see."""

from __future__ import annotations

import asyncio
import io
import logging
from datetime import date
from urllib.parse import unquote

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bibliobus.catalogue.records import Medium
from bibliobus.ils.errors import CirculationError, NotSupported, Unavailable
from bibliobus.ils.secret import Secret
from bibliobus.oneclick.answers import Action
from bibliobus.oneclick.client import Client
from bibliobus.oneclick.errors import (
    BadAnswer,
    BadInput,
    NotAnswered,
    NotAsked,
    NotPermitted,
    VendorFault,
)
from bibliobus.oneclick.requests import Level, NewPatron
from bibliobus.oneclick.settings import CollectionSettings
from bibliobus.oneclick.transport import APART, Call
from tests.oneclick.vendor import TOKEN, Clock, Reply, Vendor, as_json, message

ISBN = "9781441260468"
FOUND = b'{"patronId":939981}'
LIMITED = message("Invalid Basic Token or permission denied")


async def test_a_partner_calls_with_the_token_as_it_was_issued(
    client: Client, vendor: Vendor
) -> None:
    vendor.answers(FOUND)

    await client.find_patron("1305722621")

    asked = vendor.asked[0]
    assert (asked.method, asked.target) == ("GET", "/v1/rpc/libraries/1931/patrons/1305722621")
    assert asked.header("Authorization") == f"Basic {TOKEN}"
    assert asked.header("Accept-Media") == "complete"
    assert asked.header("Content-Type") == "application/json"
    assert (asked.header("User-Agent") or "").startswith("Bibliobus/")
    assert asked.header("Content-Length") is None


async def test_a_call_without_a_body_says_so(client: Client, vendor: Vendor) -> None:
    vendor.answers(b'{"output":"SUCCESS","transactionId":1}')

    await client.checkout(939981, ISBN, days=7)

    asked = vendor.asked[0]
    assert asked.target == f"/v1/libraries/1931/patrons/939981/checkouts/{ISBN}?days=7"
    assert (asked.method, asked.header("Content-Length")) == ("POST", "0")


@given(value=st.text(min_size=1, max_size=60))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_card_number_arrives_as_one_segment(vendor: Vendor, value: str) -> None:
    vendor.answers(FOUND)
    vendor.asked.clear()
    async with vendor.client() as client:
        try:
            await client.find_patron(value)
        except BadInput:
            assert not value.strip() or value in (".", "..") or not vendor.asked
            return
    (asked,) = vendor.asked
    prefix = "/v1/rpc/libraries/1931/patrons/"
    assert asked.target.startswith(prefix)
    assert unquote(asked.target.removeprefix(prefix)) == value
    assert not set(asked.target.removeprefix(prefix)) & set("/?# \r\n")


@pytest.mark.parametrize("value", ["", " ", ".", "..", "x" * 256, "\ud800"])
async def test_what_no_card_has_is_not_sent(client: Client, vendor: Vendor, value: str) -> None:
    with pytest.raises(BadInput) as caught:
        await client.find_patron(value)

    assert not caught.value.may_stand
    assert vendor.asked == []


@pytest.mark.parametrize("isbn", ["", "978144126046", "978144126046X", "٩٧٨١٤٤١٢٦٠٤٦٨", "../../.."])
async def test_what_is_no_isbn_is_not_sent(client: Client, vendor: Vendor, isbn: str) -> None:
    for call in (client.title(isbn), client.checkout(1, isbn), client.add_hold(1, isbn)):
        with pytest.raises(BadInput):
            await call

    assert vendor.asked == []


@pytest.mark.parametrize("patron", [0, -1, None, True, "939982fdsfdsf"])
async def test_what_is_no_number_is_not_sent(client: Client, vendor: Vendor, patron: int) -> None:
    with pytest.raises(BadInput):
        await client.checkouts(patron)

    assert vendor.asked == []


async def test_a_question_is_repeated_with_growing_pauses(
    client: Client, vendor: Vendor, clock: Clock
) -> None:
    vendor.answers(Reply(503), Reply(500), Reply(silent=True), FOUND)

    found = await client.find_patron("ada")

    assert found is not None
    assert len(vendor.asked) == 4
    assert clock.waits == [1.0, 2.0, 4.0]


async def test_a_question_is_not_repeated_for_ever(client: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(503))

    with pytest.raises(VendorFault, match="status 503"):
        await client.find_patron("ada")

    assert len(vendor.asked) == 4


async def test_retry_after_is_kept_within_reason(
    client: Client, vendor: Vendor, clock: Clock
) -> None:
    vendor.answers(
        Reply(429, headers={"Retry-After": "7"}),
        Reply(429, headers={"Retry-After": "Fri, 07 Oct 2016 16:11:52 GMT"}),
        FOUND,
    )

    await client.find_patron("ada")

    assert clock.waits == [7.0, 2.0]


async def test_who_is_to_come_back_tomorrow_is_not_asked_in_a_minute(
    client: Client, vendor: Vendor, clock: Clock
) -> None:
    vendor.answers(Reply(429, headers={"Retry-After": "86400"}), FOUND)

    with pytest.raises(NotPermitted):
        await client.find_patron("ada")

    assert clock.waits == []


@pytest.mark.parametrize("reply", [Reply(503), Reply(429), Reply(200, LIMITED), Reply(silent=True)])
async def test_a_change_is_never_repeated(client: Client, vendor: Vendor, reply: Reply) -> None:
    vendor.answers(reply)

    for call in (client.checkout(1, ISBN), client.add_hold(1, ISBN), client.checkin(1, ISBN)):
        with pytest.raises(Unavailable):
            await call

    assert len(vendor.asked) == 3


async def test_a_change_without_an_answer_may_stand(client: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(silent=True))

    with pytest.raises(NotAnswered) as caught:
        await client.checkout(1, ISBN)

    assert caught.value.may_stand


async def test_a_change_that_was_never_sent_does_not_stand(client: Client, vendor: Vendor) -> None:
    await vendor.close()

    with pytest.raises(NotAnswered) as caught:
        await client.checkout(1, ISBN)

    assert not caught.value.may_stand


async def test_a_vendor_that_takes_too_long(vendor: Vendor, clock: Clock) -> None:
    never = asyncio.Event()
    vendor.answers(Reply(200, FOUND, waits_for=never))

    async with vendor.client(clock, timeout_seconds=0.2) as client:
        with pytest.raises(NotAnswered, match=r"no answer within 0\.2 s") as caught:
            await client.add_hold(1, ISBN)
    never.set()

    assert caught.value.may_stand


async def test_whoever_fails_five_times_is_left_alone(
    client: Client, vendor: Vendor, clock: Clock
) -> None:
    vendor.answers(Reply(503))
    for _ in range(5):
        with pytest.raises(VendorFault):
            await client.checkin(1, ISBN)

    with pytest.raises(NotAsked, match="status 503") as caught:
        await client.checkin(1, ISBN)

    assert not caught.value.may_stand
    assert len(vendor.asked) == 5


async def test_one_call_finds_out_whether_it_is_well_again(
    client: Client, vendor: Vendor, clock: Clock
) -> None:
    vendor.answers(Reply(503))
    for _ in range(5):
        with pytest.raises(VendorFault):
            await client.checkin(1, ISBN)
    clock.pass_by(seconds=31)
    well = asyncio.Event()
    vendor.answers(Reply(200, FOUND, waits_for=well))
    probe = asyncio.create_task(client.find_patron("ada"))
    await vendor.was_asked(6)

    with pytest.raises(NotAsked):
        await client.find_patron("grace")
    well.set()

    assert await probe is not None
    assert await client.find_patron("grace") is not None


async def test_a_probe_that_fails_closes_the_door_again(
    client: Client, vendor: Vendor, clock: Clock
) -> None:
    vendor.answers(Reply(503))
    for _ in range(5):
        with pytest.raises(VendorFault):
            await client.checkin(1, ISBN)
    clock.pass_by(seconds=31)
    with pytest.raises(VendorFault):
        await client.checkin(1, ISBN)

    with pytest.raises(NotAsked):
        await client.checkin(1, ISBN)


async def test_a_probe_that_is_broken_off_leaves_room_for_another(
    client: Client, vendor: Vendor, clock: Clock
) -> None:
    vendor.answers(Reply(503))
    for _ in range(5):
        with pytest.raises(VendorFault):
            await client.checkin(1, ISBN)
    clock.pass_by(seconds=31)
    never = asyncio.Event()
    vendor.answers(Reply(200, FOUND, waits_for=never), FOUND)
    probe = asyncio.create_task(client.find_patron("ada"))
    await vendor.was_asked(6)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)

    assert await client.find_patron("ada") is not None
    never.set()


async def test_refusals_say_nothing_of_the_vendors_health(client: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(409, message("Title is not available for checkout")))

    for _ in range(20):
        with pytest.raises(CirculationError):
            await client.checkout(1, ISBN)

    assert len(vendor.asked) == 20


async def test_no_more_than_eight_calls_at_a_time(client: Client, vendor: Vendor) -> None:
    go = asyncio.Event()
    vendor.answers(Reply(200, FOUND, waits_for=go))
    calls = [asyncio.create_task(client.find_patron("ada")) for _ in range(20)]
    await vendor.was_asked(8)
    await asyncio.sleep(0.05)
    go.set()

    await asyncio.gather(*calls)

    assert vendor.most_at_once == 8


async def test_many_calls_begin_one_after_another(client: Client, vendor: Vendor) -> None:
    vendor.answers(FOUND)
    loop = asyncio.get_running_loop()
    began = loop.time()

    await asyncio.gather(*(client.find_patron("ada") for _ in range(20)))

    assert loop.time() - began >= 18 * APART


async def test_a_token_that_never_worked_is_the_likelier_fault(
    client: Client, vendor: Vendor
) -> None:
    vendor.answers(LIMITED)

    with pytest.raises(NotPermitted, match="look at the token and the library id first"):
        await client.find_patron("ada")


async def test_a_token_that_worked_is_not_the_likelier_fault(
    client: Client, vendor: Vendor, clock: Clock
) -> None:
    vendor.answers(FOUND, LIMITED)
    await client.find_patron("ada")

    with pytest.raises(NotPermitted, match="likelier that we asked too often"):
        await client.checkin(1, ISBN)

    clock.pass_by(hours=2)
    with pytest.raises(NotPermitted, match="look at the token"):
        await client.checkin(1, ISBN)


async def test_a_redirect_is_not_followed(client: Client, vendor: Vendor) -> None:
    vendor.answers(Reply(302, headers={"Location": "/v1/elsewhere"}))

    with pytest.raises(BadAnswer):
        await client.find_patron("ada")

    assert len(vendor.asked) == 1


async def test_no_session_is_taken_from_one_patron_to_the_next(
    client: Client, vendor: Vendor
) -> None:
    vendor.answers(Reply(200, FOUND, headers={"Set-Cookie": "session=ada; Path=/"}))

    await client.find_patron("ada")
    await client.find_patron("grace")

    assert vendor.asked[1].header("Cookie") is None


async def test_an_answer_has_an_end(client: Client, vendor: Vendor) -> None:
    vendor.answers(b'"' + b"x" * (4 * 1024 * 1024) + b'"')

    with pytest.raises(BadAnswer, match="longer than"):
        await client.find_patron("ada")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(200, b'[{"isbn":"97'), BadAnswer),  # its end is missing, though all of it came
        (Reply(200, b'[{"isbn":"9781441260468"}]', breaks_off=True), NotAnswered),
        (Reply(200, b"<html>"), BadAnswer),
        (Reply(200, b""), BadAnswer),
        (Reply(200, b"{}"), BadAnswer),
        (Reply(200, b"<html>" + b" " * 5_000_000 + b"]"), BadAnswer),
        (Reply(200, LIMITED), NotPermitted),
        (Reply(503), VendorFault),
    ],
)
async def test_what_is_no_catalogue_never_looks_like_one(
    client: Client, vendor: Vendor, reply: Reply, error: type[Exception]
) -> None:
    vendor.answers(reply)

    with pytest.raises(error):
        await client.listing(io.BytesIO())

    assert len(vendor.asked) == 1  # it is too much work to be asked for twice


async def test_a_large_catalogue_is_written_as_it_comes(client: Client, vendor: Vendor) -> None:
    body = b"[" + b",".join([b'{"isbn":"9781441260468"}'] * 200_000) + b"]\r\n"
    vendor.answers(body)
    file = io.BytesIO()

    fetched = await client.listing(file)

    assert file.getvalue() == body
    assert fetched.size == len(body) > 4 * 1024 * 1024


async def test_a_search_goes_from_page_to_page(client: Client, vendor: Vendor) -> None:
    def page(number: int) -> bytes:
        return as_json(
            {"pageIndex": number, "pageSize": 2, "pageCount": 3, "resultSetCount": 5,
             "items": [{"item": {}}]}
        )  # fmt: skip

    vendor.answers(page(0), page(1), page(2))

    pages = [each async for each in client.pages(genres=["mystery", "humor"], page_size=2)]

    assert [each.page_index for each in pages] == [0, 1, 2]
    assert [each.target.partition("search")[2] for each in vendor.asked] == [
        "?genre=mystery&genre=humor&page-size=2",
        "?genre=mystery&genre=humor&page-size=2&page-index=1",
        "?genre=mystery&genre=humor&page-size=2&page-index=2",
    ]


async def test_a_search_for_much(client: Client, vendor: Vendor) -> None:
    vendor.answers(b'{"pageIndex":3,"pageSize":100,"pageCount":4,"resultSetCount":400,"items":[]}')

    await client.search(
        medium=Medium.EAUDIO,
        audience="young-adult",
        availability="available",
        text={"author": "Pierce & Co"},
        sort=[("title", "asc"), ("author", "desc")],
        page=3,
    )

    assert vendor.asked[0].target == (
        "/v1/libraries/1931/search?media-type=eAudio&audience=young-adult&availability=available"
        "&author=Pierce%20%26%20Co&sort-by=title&sort-order=asc&sort-by=author&sort-order=desc"
        "&page-index=3"
    )


async def test_a_search_that_runs_in_circles_ends(client: Client, vendor: Vendor) -> None:
    vendor.answers(
        as_json({"pageIndex": 0, "pageSize": 1, "pageCount": 9, "resultSetCount": 9, "items": [{}]})
    )

    assert len([each async for each in client.pages()]) == 1


async def test_each_era_has_its_own_deltas(client: Client, later: Client, vendor: Vendor) -> None:
    with pytest.raises(NotSupported):
        await client.snapshots()
    with pytest.raises(NotSupported):
        await later.delta(date(2016, 10, 1), date(2016, 10, 2))

    assert vendor.asked == []


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (date(2016, 10, 2), date(2016, 10, 1)),
        (date(2016, 10, 2), date(2016, 11, 2)),  # tomorrow
        (date(2016, 8, 1), date(2016, 10, 30)),  # 90 days
        (date(2016, 4, 1), date(2016, 5, 1)),  # more than 180 days ago
    ],
)
async def test_a_delta_that_the_vendor_does_not_keep(
    client: Client, vendor: Vendor, begin: date, end: date
) -> None:
    with pytest.raises(ValueError, match="spans 60 days"):
        await client.delta(begin, end)

    assert vendor.asked == []


async def test_facets_and_single_titles(client: Client, vendor: Vendor) -> None:
    vendor.answers(
        b'[{"facetToken":"genre"},{}]',
        b'[{"valueToken":"mystery"}]',
        b'{"isbn":"9781441260468","availability":true}',
        message("eXtensible Framework was unable to locate the resource for RB.API.X   details:"),
        b'{"audioBooks":{"checkouts":[{}],"holds":[]}}',
        b'{"bearer":"0123456789abcdef01234567","result":true}',
    )

    assert await client.facets() == ("genre",)
    assert await client.facets("genre") == ("mystery",)
    one = await client.availability_of(ISBN)
    assert one is not None
    assert one.available
    assert await client.availability_of(ISBN) is None
    config = await client.patron_config(1)
    assert config.audio_books is not None
    assert await client.sign_in_token("ada", Secret("pw")) == Secret("0123456789abcdef01234567")
    assert vendor.asked[-1].json() == {"LibraryId": 1931, "UserName": "ada", "Password": "pw"}


async def test_a_bearer_token_that_would_break_a_header(later: Client, vendor: Vendor) -> None:
    vendor.answers(as_json({"bearer": "abc\r\nX-Evil: 1", "result": True}))

    with pytest.raises(BadAnswer):
        await later.patron_token("x")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b'{"patronId":"CARD-CANARY"}'),
        Reply(200, b'{"message":"what about CARD-CANARY and PIN-CANARY?"}'),
        Reply(302, headers={"Location": "/CARD-CANARY"}),
        Reply(409, b'"CARD-CANARY 77"'),
        Reply(500, b"<html>CARD-CANARY"),
        Reply(404, b"CARD-CANARY"),
        Reply(silent=True),
        Reply(200, b'{"patronId":', breaks_off=True),
    ],
)
async def test_nobody_sees_a_token_a_card_or_a_pin(
    vendor: Vendor, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.answers(reply)
    ada = NewPatron(
        library_card="CARD-CANARY", user_name="NAME-CANARY", email="MAIL-CANARY@example.org",
        first_name="A", last_name="B", password=Secret("PIN-CANARY"),
    )  # fmt: skip
    seen = [repr(ada)]
    async with vendor.client() as client:
        for call in (
            client.find_patron("CARD-CANARY"),
            client.create_patron(ada),
            client.sign_in_token("NAME-CANARY", Secret("PIN-CANARY")),
            client.access_document(f"{vendor.url}/v1/LINK-CANARY", Secret("BEARER-CANARY")),
        ):
            try:
                await call
            except CirculationError as error:
                seen += everything_of(error)
        seen += [
            repr(Call(Action.ACCESS, "CANARY", {"a": "CANARY"}, 1.0)),
            repr(client),
            repr(client.settings),
            str(vars(client)),
        ]

    assert len(seen) > 4
    for text in (*seen, caplog.text):
        assert "CANARY" not in text.upper()


def everything_of(error: BaseException | None) -> list[str]:
    """What a traceback shows of an error and of those that led to it."""
    if error is None:
        return []
    own = [str(error), repr(error), repr(getattr(error, "request", ""))]
    return own + everything_of(error.__cause__) + everything_of(error.__context__)


async def test_the_vendor_is_asked_for_a_medium_by_its_own_word(
    client: Client, vendor: Vendor
) -> None:
    vendor.answers(b"[]")

    assert await client.availability(Medium.EAUDIO) == ()

    assert vendor.asked[0].target == "/v1/libraries/1931/media/eAudio/availability"


async def test_connections_of_somebody_elses_stay_open(vendor: Vendor) -> None:

    vendor.answers(FOUND)
    given = CollectionSettings(library_id=1931, url=vendor.url, token=TOKEN)
    async with httpx2.AsyncClient() as http:
        async with Client(given, http=http, level=Level.BASIC) as client:
            await client.find_patron("ada")

        assert not http.is_closed
    assert vendor.asked[0].header("Accept-Media") == "basic"
    assert (vendor.asked[0].header("User-Agent") or "").startswith("Bibliobus/")
