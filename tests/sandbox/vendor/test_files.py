"""The files behind the links open in what opens such files, and their links have an end."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any
from xml.etree import ElementTree

import httpx2
import pytest
from PIL import Image

from bibliobus.sandbox.vendor import Vendor
from tests.sandbox.vendor.conftest import EAUDIO, EBOOK, Clock, L

ADEPT = "{http://ns.adobe.com/adept}"


@pytest.fixture
async def loans(vendor: Vendor, partner: httpx2.AsyncClient) -> dict[str, Any]:
    """One eBook, one open and one protected audiobook, by what they are."""
    rows = (await partner.get(f"{L}/media/all")).json()
    audio = {row["hasDigitalRights"]: row["isbn"] for row in rows if row["mediaType"] == "eAudio"}
    mine = f"{L}/patrons/{vendor.patrons.register('1').id}/checkouts"
    isbns = {"eBook": EBOOK, "open": audio[False], "protected": audio[True]}
    for isbn in isbns.values():
        vendor.set_copies(isbn, 1)
        assert (await partner.post(f"{mine}/{isbn}")).status_code == 200
    found = {loan["isbn"]: loan for loan in (await partner.get(mine)).json()}
    return {kind: found[isbn] for kind, isbn in isbns.items()}


async def get(anybody: httpx2.AsyncClient, link: str) -> httpx2.Response:
    """What is behind an access document."""
    document = (await anybody.get(link)).json()
    return await anybody.get(document["url"])


async def test_an_ebook_is_a_token_for_an_epub_by_the_rules(
    loans: dict[str, Any], anybody: httpx2.AsyncClient
) -> None:
    answer = await get(anybody, loans["eBook"]["files"][0]["downloadUrl"])
    assert answer.headers["content-type"] == "application/vnd.adobe.adept+xml"
    token = ElementTree.fromstring(answer.content)
    assert token.tag == f"{ADEPT}fulfillmentToken"
    assert token.findtext(f"{ADEPT}transaction") == str(loans["eBook"]["transactionId"])
    assert token.findtext(f".//{ADEPT}resource") == loans["eBook"]["files"][0]["acsResourceId"]

    book = await anybody.get(token.findtext(f".//{ADEPT}src") or "")
    assert book.headers["content-type"] == "application/epub+zip"
    with zipfile.ZipFile(io.BytesIO(book.content)) as epub:
        first = epub.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert epub.read("mimetype") == b"application/epub+zip"
        assert book.content[30:38] == b"mimetype"  # a reader looks there
        documents = {name: epub.read(name) for name in epub.namelist()[1:]}
    package = ElementTree.fromstring(documents["EPUB/package.opf"])
    hrefs = [each.get("href") for each in package.iter("{http://www.idpf.org/2007/opf}item")]
    assert {f"EPUB/{href}" for href in hrefs} <= set(documents)
    for text in documents.values():
        ElementTree.fromstring(text)
    assert package.findtext(".//{http://purl.org/dc/elements/1.1/}title") == "Middlemarch"


async def test_an_open_audiobook_is_mp3_parts_and_a_zip_of_them(
    loans: dict[str, Any], anybody: httpx2.AsyncClient
) -> None:
    loan = loans["open"]
    assert loan["hasDrm"] is False
    assert loan["encryptionKey"] == ""
    for part in loan["files"]:
        answer = await get(anybody, part["downloadUrl"])
        assert answer.headers["content-type"] == "audio/mpeg"
        assert frames(answer.content) == len(answer.content) // 144 > 400
        assert part["size"] == pytest.approx(part["minutes"] * 60 * 6000, rel=0.02)
    archive = await anybody.get(loan["downloadUrl"])
    with zipfile.ZipFile(io.BytesIO(archive.content)) as parts:
        assert parts.testzip() is None
        assert parts.namelist() == [part["filename"] for part in loan["files"]]
        assert frames(parts.read(parts.namelist()[0])) > 400


def frames(sound: bytes) -> int:
    """How many frames an MP3 file has; each must follow the one before."""
    count, at = 0, 0
    while at < len(sound):
        (header,) = struct.unpack_from(">I", sound, at)
        assert header >> 20 == 0xFFF, "no frame begins here"
        assert (header >> 19 & 1, header >> 17 & 3) == (0, 1), "not layer III of MPEG-2"
        bit_rate = (0, 8, 16, 24, 32, 40, 48)[header >> 12 & 15] * 1000
        rate = (22050, 24000, 16000)[header >> 10 & 3]
        at += 72 * bit_rate // rate + (header >> 9 & 1)
        count += 1
    assert at == len(sound)
    return count


async def test_audio_can_be_as_long_as_it_says(
    vendor: Vendor, loans: dict[str, Any], anybody: httpx2.AsyncClient
) -> None:
    vendor.change_settings(whole_audio=True)
    part = loans["open"]["files"][1]

    answer = await get(anybody, part["downloadUrl"])

    assert len(answer.content) == part["size"]


async def test_a_protected_audiobook_has_a_key_and_no_zip(loans: dict[str, Any]) -> None:
    loan = loans["protected"]

    assert (loan["hasDrm"], loan["downloadUrl"]) == (True, "")
    assert len(loan["encryptionKey"]) == 36
    assert ".zip" in loan["output"]
    assert "output" not in loans["open"]


async def test_a_link_to_a_file_ends_and_the_link_to_a_new_one_does_not(
    vendor: Vendor, loans: dict[str, Any], anybody: httpx2.AsyncClient, clock: Clock
) -> None:
    pointer = loans["eBook"]["files"][0]["downloadUrl"]
    link = (await anybody.get(pointer)).json()["url"]
    clock.wait(minutes=14, seconds=59)
    assert (await anybody.get(link)).status_code == 200
    clock.wait(seconds=2)
    late = await anybody.get(link)
    assert (late.status_code, "Request has expired" in late.text) == (403, True)
    vendor.change_settings(expired_link_status=410)
    assert (await anybody.get(link)).status_code == 410

    assert (await get(anybody, pointer)).status_code == 200


async def test_a_link_cannot_be_changed(loans: dict[str, Any], anybody: httpx2.AsyncClient) -> None:
    link = (await anybody.get(loans["open"]["files"][0]["downloadUrl"])).json()["url"]
    other = loans["open"]["files"][1]["filename"]

    for forged in (
        link.replace("expires=1", "expires=9"),
        link.replace(loans["open"]["files"][0]["filename"], other),
        link.partition("?")[0],
        link.partition("&signature")[0] + "&signature=%F0%9F",
        link + "&transaction=1",
    ):
        assert (await anybody.get(forged)).status_code == 403


async def test_who_has_no_loan_gets_no_file(
    vendor: Vendor, loans: dict[str, Any], partner: httpx2.AsyncClient, anybody: httpx2.AsyncClient
) -> None:
    pointers = [loans[kind]["files"][0]["downloadUrl"] for kind in ("eBook", "open")]
    for loan in loans.values():
        await partner.delete(f"{L}/patrons/{loan['patronId']}/checkouts/{loan['isbn']}")

    for pointer in pointers:
        assert (await anybody.get(pointer)).status_code == 404
    assert (await anybody.get("/v1/media/x/parts/1/download-url")).status_code == 404


async def test_a_partner_token_breaks_downloads_before_the_last_era(
    vendor: Vendor, loans: dict[str, Any], partner: httpx2.AsyncClient
) -> None:
    pointer = loans["eBook"]["files"][0]["downloadUrl"]

    refused = await partner.get(pointer)
    assert (refused.status_code, refused.text[:2]) == (401, "<!")
    vendor.change_settings(refuses_basic_on_downloads=False)
    assert (await partner.get(pointer)).json()["url"]


async def test_a_bearer_token_is_for_ones_own_loans(
    vendor: Vendor, loans: dict[str, Any], anybody: httpx2.AsyncClient, clock: Clock
) -> None:
    vendor.change_settings(era="E4")
    pointer = loans["open"]["files"][0]["downloadUrl"]
    mine, other = vendor.patrons.look_up("1"), vendor.patrons.register("2")
    assert mine is not None
    tokens = [vendor.patrons.new_bearer(each, clock(), 24) for each in (mine, other)]

    statuses = [
        (await anybody.get(pointer, headers={"Authorization": f"Bearer {token}"})).status_code
        for token in tokens
    ]
    assert statuses == [200, 404]
    vendor.patrons.end_bearers()
    stale = await anybody.get(pointer, headers={"Authorization": f"Bearer {tokens[0]}"})
    assert stale.status_code == 401


async def test_covers_are_pictures_of_their_size(
    vendor: Vendor, loans: dict[str, Any], anybody: httpx2.AsyncClient
) -> None:
    for image in loans["eBook"]["images"]:
        answer = await anybody.get(image["url"])
        picture = Image.open(io.BytesIO(answer.content))
        width, height = picture.size
        assert f"{width}x{height}" in image["url"]
        assert answer.headers["content-type"] == Image.MIME[str(picture.format)]


async def test_there_are_no_other_pictures(anybody: httpx2.AsyncClient) -> None:
    for name in ("a_image_9999x9999.jpg", "a.jpg", "a_image_71x108.gif", f"{'a' * 999}.jpg"):
        assert (await anybody.get(f"/images/a/{name}")).status_code == 404
    assert (await anybody.get("/images/default/OCD_image_71x108.jpg")).status_code == 200


async def test_links_lead_to_where_the_client_asked(
    vendor: Vendor, partner: httpx2.AsyncClient, url: str
) -> None:
    pid = vendor.patrons.register("1").id
    await partner.post(f"{L}/patrons/{pid}/checkouts/{EAUDIO}")
    ask = f"{L}/patrons/{pid}/checkouts"

    (loan,) = (await partner.get(ask, headers={"Host": "vendor.test:99"})).json()
    assert loan["files"][0]["downloadUrl"].startswith("http://vendor.test:99/v1/media/")
    assert loan["images"][0]["url"].startswith("http://vendor.test:99/images/")
    (loan,) = (await partner.get(ask, headers={"Host": 'a"b'})).json()
    assert loan["images"][0]["url"].startswith(url)
