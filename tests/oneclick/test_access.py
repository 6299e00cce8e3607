"""Whom we ask for the files of a loan, and what we take from the answer."""

from __future__ import annotations

import pytest

from bibliobus.ils.secret import Secret
from bibliobus.oneclick.access import ADOBE, address
from bibliobus.oneclick.client import Client
from bibliobus.oneclick.errors import BadAnswer, BadInput
from tests.oneclick.vendor import Vendor, as_json

VENDOR = "https://api.oneclickdigital.com/v1"
PATH = "/v1/media/99342/parts/99342/download-url?f=EB00148140.epub&acsRId=urn%3Auuid%3A4b60&tId=1"


@pytest.mark.parametrize(
    "host",
    ["api.oneclickdigital.com", "api.oneclickdigital.us", "API.rbdigital.com",
     "api.rbdigitalstage.com", "api.rbdigitalqa.com"],
)  # fmt: skip
def test_the_vendors_own_links_are_asked_for_over_tls(host: str) -> None:
    assert address(f"http://{host}{PATH}", VENDOR) == f"https://{host}{PATH}"


@pytest.mark.parametrize(
    "link",
    [
        "http://example.org/v1/x",
        "http://api.oneclickdigital.com.example.org/",
        "http://api.oneclickdigital.com@example.org/",
        "http://api.oneclickdigital.com:8443/",
        "file:///etc/passwd",
        "//api.oneclickdigital.com/",
        "",
        "http://[::1",
        "https://api.oneclickdigital.com/v1/a b",
        "https://api.oneclickdigital.com/v1/\x00",
        "http://169.254.169.254/latest",
    ],
)
def test_nobody_else_is_asked(link: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        address(link, VENDOR)


def test_a_vendor_of_our_own_is_not_the_vendor() -> None:
    ours = "http://127.0.0.1:8080/v1"

    assert address(f"http://127.0.0.1:8080{PATH}", ours) == f"http://127.0.0.1:8080{PATH}"
    with pytest.raises(ValueError, match="not the vendor's"):
        address(f"http://api.oneclickdigital.com{PATH}", ours)
    with pytest.raises(ValueError, match="not the vendor's"):
        address(f"http://127.0.0.1:8081{PATH}", ours)


@pytest.mark.parametrize("token", ["", "é" * 24, "abcdefgh\r\nX-Evil: 1", "a b c d e f"])
async def test_what_is_no_token_is_not_sent(later: Client, vendor: Vendor, token: str) -> None:
    with pytest.raises(BadInput):
        await later.access_document(vendor.url + PATH, Secret(token))

    assert vendor.asked == []


async def test_a_link_elsewhere_is_not_asked_for(later: Client, vendor: Vendor) -> None:
    with pytest.raises(BadInput) as caught:
        await later.access_document("https://example.org/LINK-CANARY", Secret("x" * 24))

    assert vendor.asked == []
    assert "CANARY" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("application/vnd.adobe", ADOBE),
        ("vnd.adobe/adept+xml", ADOBE),
        (ADOBE, ADOBE),
        ("audio/MPEG", "audio/mpeg"),
        (None, None),
        ("", None),
    ],
)
async def test_the_media_type_is_put_right(
    client: Client, vendor: Vendor, sent: str | None, taken: str | None
) -> None:
    vendor.answers(as_json({"url": "https://cdn.example.org/LINK-CANARY.acsm", "type": sent}))

    document = await client.access_document(vendor.url + PATH)

    assert document.media_type == taken
    assert document.url == "https://cdn.example.org/LINK-CANARY.acsm"
    assert "CANARY" not in repr(document)


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"type":"audio/mpeg"}', b'{"url":""}', b'{"url":"javascript:alert(1)"}',
     b'{"url":"file:///etc/passwd"}', b'{"url":"http://[::1"}', b'{"url":null}', b"[]"],
)  # fmt: skip
async def test_a_document_without_a_link(client: Client, vendor: Vendor, body: bytes) -> None:
    vendor.answers(body)

    with pytest.raises(BadAnswer) as caught:
        await client.access_document(vendor.url + PATH)

    assert not caught.value.may_stand
