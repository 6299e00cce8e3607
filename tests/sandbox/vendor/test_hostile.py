"""Nothing that anybody sends is the end of the sandbox, and a large library is no trouble."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bibliobus.sandbox.vendor import Vendor, VendorSettings, serving_vendor
from bibliobus.sandbox.vendor.calling import Call, Endpoint
from bibliobus.sandbox.vendor.routes import ENDPOINTS
from bibliobus.sandbox.vendor.serving import answered
from tests.sandbox.vendor.conftest import EBOOK, TOKEN, L, recorded

ODD = [
    "",
    "0",
    "-1",
    "9" * 400,
    "%00",
    "%ff",
    "..",
    "x" * 5000,
    "%2f",
    "'",
    "NULL",
    "é",
    "%ED%A0%80",
]


async def test_odd_paths_and_bodies_are_answered(
    vendor: Vendor, partner: httpx2.AsyncClient
) -> None:
    vendor.patrons.register("1")
    chance = random.Random(1)
    bodies = [
        b"", b"{", b"[]", b"null", b'{"userName": {"a": 1}}', b'{"userId": "\\ud800"}',
        b'{"libraryId": 1e999}', b"[" * 50_000, b'{"email":"' + b"x" * 9999 + b'"}',
    ]  # fmt: skip
    for endpoint in ENDPOINTS:
        for odd in chance.sample(ODD, 4):
            path = endpoint.path.replace("{library}", "1931").replace("{patron}", "939981")
            for name in ("{isbn}", "{value}", "{medium}", "{values…}", "{filename}", "{code}",
                         "{media}", "{part}", "{facet}"):  # fmt: skip
                path = path.replace(name, odd)
            answer = await partner.request(
                endpoint.method, path, content=chance.choice(bodies),
                params={"days": odd, "page-size": odd, "begin": odd, "end": odd, "all": odd},
            )  # fmt: skip
            assert answer.status_code in (200, 400, 401, 403, 404, 405, 409, 500), path
            assert (
                answer.json() != {"message": "An error has occurred."}
                if (answer.status_code == 500)
                else True
            ), path
    assert (await partner.get(f"{L}/media/{EBOOK}")).json()["isbn"] == EBOOK


async def raw(url: str, request: bytes) -> bytes:
    """What comes back for bytes that no client library would send."""
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_what_is_badly_formed_gets_the_servers_page(url: str) -> None:
    expected = recorded("response_checkout_400_space_in_url.json").read_text().split()

    answer = await raw(
        url, b"POST /v1/libraries/1931/patrons/93 99/holds HTTP/1.1\r\nHost: x\r\n\r\n"
    )

    head, _, page = answer.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400")
    assert "text/html; charset=us-ascii" in head
    assert page.split() == expected


async def test_a_post_needs_a_length(url: str) -> None:
    answer = await raw(url, b"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 411")


async def test_a_client_that_goes_away_disturbs_nobody(
    partner: httpx2.AsyncClient, url: str
) -> None:
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    for _ in range(5):
        _, writer = await asyncio.open_connection(host, int(port))
        lines = [f"GET {L}/media/all HTTP/1.1", "Host: x", f"Authorization: Basic {TOKEN}", "", ""]
        writer.write("\r\n".join(lines).encode())
        writer.transport.abort()

    assert len((await partner.get(f"{L}/media/all")).json()) == 573


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Vendor]:
    """One vendor for all examples, so that what one of them made is there for the next."""
    vendor = Vendor.open(settings=VendorSettings(token="fuzz"))
    yield vendor
    vendor.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    endpoint=st.sampled_from(ENDPOINTS),
    texts=st.lists(st.text(max_size=30), min_size=8, max_size=8),
    document=JSON,
    query=st.lists(
        st.tuples(
            st.sampled_from(["days", "genre", "all", "sort-by", "page-size", "begin", "expires"]),
            st.text(max_size=20),
        )
    ),
)
def test_any_text_in_any_place_is_answered(
    fuzzed: Vendor,
    endpoint: Endpoint,
    texts: list[str],
    document: object,
    query: list[tuple[str, str]],
) -> None:
    call = Call(
        fuzzed, "http://127.0.0.1/", PathTexts(texts), query,
        {"authorization": "Basic fuzz"}, json.dumps(document).encode(),
    )  # fmt: skip

    answer = answered(endpoint, call)

    assert answer.status in range(200, 600)


class PathTexts(dict[str, str]):
    """Any text for any segment of a path, but for the library and the medium."""

    def __init__(self, texts: list[str]) -> None:
        names = ("isbn", "patron", "value", "values", "facet", "media", "part", "filename")
        super().__init__(zip(names, map(_utf8, texts), strict=True))
        self |= {"library": "1931", "medium": "ebook", "code": "a"}


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


async def test_a_large_library_is_told_in_pieces_while_others_are_served(
    tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    count = size(3000, 100_000)
    dump = tmp_path / "dump.json"
    with dump.open("w") as file:
        for n in range(count):
            title = {"isbn": str(9780000000000 + n), "mediaType": "eBook", "title": f"Number {n}",
                     "description": "x" * 1000, "titleId": n}  # fmt: skip
            file.write(("," if n else "[") + json.dumps(title))
        file.write("]")
    vendor = await asyncio.to_thread(
        Vendor.open, tmp_path / "large.db", VendorSettings(token="t"), catalogue=dump
    )

    async with (
        serving_vendor(vendor) as url,
        httpx2.AsyncClient(base_url=url, headers={"Authorization": "Basic t"}) as client,
        client.stream("GET", f"{L}/media/all", timeout=60) as answer,
    ):
        pieces = answer.aiter_bytes()
        body = bytearray(await anext(pieces))
        one = await client.get(f"{L}/media/9780000000005")  # while the other is under way
        assert one.json()["title"] == "Number 5"
        async for piece in pieces:
            body += piece
    vendor.close()
    assert [row["titleId"] for row in json.loads(body)] == list(range(count))


async def test_two_hundred_ask_at_once(vendor: Vendor, url: str) -> None:
    vendor.faults.add("latency", seconds=0.05)
    limits = httpx2.Limits(max_connections=200)

    async with httpx2.AsyncClient(
        base_url=url, headers={"Authorization": f"Basic {TOKEN}"}, limits=limits, timeout=60
    ) as client:
        answers = await asyncio.gather(*(client.get(f"{L}/media/{EBOOK}") for _ in range(200)))

    assert {answer.json()["isbn"] for answer in answers} == {EBOOK}
    assert vendor.calls["media/{isbn}"] == 200


@pytest.mark.parametrize("era", ["E1", "E2", "E3", "E4"])
async def test_every_era_tells_its_catalogue(
    vendor: Vendor, partner: httpx2.AsyncClient, era: str
) -> None:
    vendor.change_settings(era=era)

    rows = (await partner.get(f"{L}/media/all")).json()
    authors = {row["authors"] for row in rows}
    assert ("Jane Austen" in authors, "Austen, Jane" in authors) == (era == "E4", era != "E4")
