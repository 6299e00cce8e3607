"""Who has a title on loan gets its files, for a few minutes, and nobody else does."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from bibliobus.ils import FormatNotOffered, NotOnLoan, PartNotFound, Unavailable
from bibliobus.oneclick.access import ADOBE
from bibliobus.oneclick.errors import BadAnswer, BadInput
from bibliobus.sandbox.vendor import Vendor
from bibliobus.sandbox.vendor.audio import parts_of
from tests.oneclick.collected import Collected, Today
from tests.oneclick.lending import READER, Lent, reopened
from tests.oneclick.vendor import Vendor as Scripted
from tests.oneclick.vendor import as_json, recorded
from tests.oneclick.wiretap import Wiretap
from tests.support import Library
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture

ZIP, MP3, EPUB = "application/zip", "audio/mpeg", "application/epub+zip"
MANIFEST = "application/audiobook+json"


async def fetched(url: str) -> httpx2.Response:
    """What a reader gets who follows a link."""
    async with httpx2.AsyncClient(trust_env=False) as reader:
        return await reader.get(url)


@pytest.fixture
async def book(lending: Lent) -> str:
    """An e-book that ada has."""
    isbn = lending.isbns()[0]
    await lending.collection.checkout("ada", isbn, origin=READER)
    return isbn


async def audio(lending: Lent, *, protected: bool) -> str:
    """An audiobook that ada has."""
    isbn = next(
        isbn
        for isbn in lending.isbns("eAudio")
        if lending.title(isbn).media_object["hasDigitalRights"] is protected
    )
    await lending.collection.checkout("ada", isbn, origin=READER)
    return isbn


@pytest.mark.parametrize("era", ["E1", "E4"])
class TestEBooks:
    async def test_are_fetched_as_a_token_for_adobes_software(
        self, lending: Lent, book: str, era: str
    ) -> None:
        (offered,) = await lending.collection.formats("ada", book)
        assert (offered.media_type, offered.protection) == (EPUB, ADOBE)

        for asked in (None, EPUB):
            file = await lending.collection.fulfil("ada", book, media_type=asked, origin=READER)

            assert file.media_type == ADOBE == "application/vnd.adobe.adept+xml"
            answer = await fetched(file.url)
            assert answer.status_code == 200
            assert b"fulfillmentToken" in answer.content
            assert book.encode() in answer.content

    async def test_can_be_had_in_no_other_way(self, lending: Lent, book: str, era: str) -> None:
        for media_type in ("application/pdf", ZIP, MANIFEST, MP3):
            with pytest.raises(FormatNotOffered):
                await lending.collection.fulfil("ada", book, media_type=media_type, origin=READER)
        for part in (-1, 0, 1):
            with pytest.raises(PartNotFound):
                await lending.collection.fulfil("ada", book, part=part, origin=READER)
        with pytest.raises(FormatNotOffered):
            await lending.collection.audiobook("ada", book)


@pytest.mark.parametrize("era", ["E1", "E4"])
class TestOpenAudiobooks:
    async def test_can_be_had_part_by_part(self, lending: Lent, era: str) -> None:
        isbn = await audio(lending, protected=False)
        parts = parts_of(lending.title(isbn))

        for n, part in enumerate(parts):
            file = await lending.collection.fulfil("ada", isbn, part=n, origin=READER)
            assert file.media_type == MP3
            assert urlsplit(file.url).path.endswith(f"/{part.name}.mp3")
        answer = await fetched(file.url)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == MP3

    async def test_have_only_so_many_parts(self, lending: Lent, era: str) -> None:
        isbn = await audio(lending, protected=False)
        count = len(parts_of(lending.title(isbn)))

        for part in (-1, count, 10**9):
            with pytest.raises(PartNotFound, match=f"0 to {count - 1}"):
                await lending.collection.fulfil("ada", isbn, part=part, origin=READER)

    async def test_can_be_had_whole(self, lending: Lent, era: str) -> None:
        isbn = await audio(lending, protected=False)
        offered = await lending.collection.formats("ada", isbn)
        assert [each.media_type for each in offered] == [ZIP]

        for asked in (None, ZIP):
            file = await lending.collection.fulfil("ada", isbn, media_type=asked, origin=READER)
            assert file.media_type == ZIP
        answer = await fetched(file.url)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.namelist() == [
                f"{part.name}.mp3" for part in parts_of(lending.title(isbn))
            ]
        with pytest.raises(FormatNotOffered):
            await lending.collection.fulfil("ada", isbn, media_type=EPUB, origin=READER)

    async def test_are_described_without_any_link(self, lending: Lent, era: str) -> None:
        isbn = await audio(lending, protected=False)
        parts = parts_of(lending.title(isbn))

        described = await lending.collection.audiobook("ada", isbn)

        assert (described.isbn, described.title, described.whole) == (isbn, "Silas Marner", ZIP)
        assert described.authors == ("George Eliot",)
        assert described.language == "en"
        assert described.cover is not None
        assert "512x512" in described.cover
        assert [(part.title, part.size) for part in described.parts] == [
            (part.display, part.size) for part in parts
        ]
        assert described.size == sum(part.size for part in parts)
        assert {part.media_type for part in described.parts} == {MP3}
        assert "download" not in repr(described)
        assert "signature" not in repr(described)


@pytest.mark.parametrize("era", ["E1", "E4"])
async def test_protected_audio_opens_in_the_vendors_app_only(lending: Lent, era: str) -> None:
    isbn = await audio(lending, protected=True)

    assert await lending.collection.formats("ada", isbn) == ()
    for asked in ({}, {"part": 0}, {"media_type": ZIP}, {"media_type": MANIFEST}):
        with pytest.raises(FormatNotOffered, match="app"):
            await lending.collection.fulfil("ada", isbn, **asked, origin=READER)
    with pytest.raises(FormatNotOffered):
        await lending.collection.audiobook("ada", isbn)


@pytest.mark.parametrize("protected", [False, True])
async def test_what_leaves_the_catalogue_is_offered_as_before(
    lending: Lent, protected: bool
) -> None:
    isbn = await audio(lending, protected=protected)
    before = await lending.collection.formats("ada", isbn)
    lending.vendor.remove_title(isbn)
    lending.today.wait(days=1)
    await lending.collected.imported(again=True)

    assert await lending.collection.formats("ada", isbn) == before


@pytest.mark.parametrize("era", ["E1", "E4"])
class TestLinks:
    @pytest.mark.parametrize("what", ["book", "part"])
    async def test_work_now_and_not_after_a_quarter_of_an_hour(
        self, lending: Lent, book: str, what: str, era: str
    ) -> None:
        isbn = book if what == "book" else await audio(lending, protected=False)
        part = None if what == "book" else 1
        file = await lending.collection.fulfil("ada", isbn, part=part, origin=READER)
        assert timedelta(minutes=10) < file.expires_at - lending.today.now < timedelta(minutes=15)

        lending.today.now = file.expires_at
        assert (await fetched(file.url)).status_code == 200
        lending.today.wait(minutes=3)
        assert (await fetched(file.url)).status_code == 403

        again = await lending.collection.fulfil("ada", isbn, part=part, origin=READER)
        assert again.url != file.url
        assert (await fetched(again.url)).status_code == 200

    async def test_are_asked_for_each_time(
        self, lending: Lent, book: str, wire: Wiretap, era: str
    ) -> None:
        for _ in range(3):
            await lending.collection.fulfil("ada", book, origin=READER)

        assert len(wire.asked("/download-url")) == 3

    async def test_are_not_asked_for_by_what_only_shows_the_shelf(
        self, lending: Lent, book: str, wire: Wiretap, era: str
    ) -> None:
        await lending.collection.reconcile("ada")
        await lending.collection.patron_account("ada")
        await lending.collection.formats("ada", book)

        assert wire.asked("/download-url") == []

    async def test_are_kept_nowhere(
        self, lending: Lent, book: str, caplog: pytest.LogCaptureFixture, era: str
    ) -> None:
        caplog.set_level(logging.DEBUG)
        spoken = await audio(lending, protected=False)
        files = [
            await lending.collection.fulfil("ada", book, origin=READER),
            await lending.collection.fulfil("ada", spoken, part=0, origin=READER),
            await lending.collection.fulfil("ada", spoken, origin=READER),
        ]
        await lending.collection.reconcile("ada")

        for file in files:
            (signature,) = parse_qs(urlsplit(file.url).query)["signature"]
            assert await lending.tables_with(signature) == set()
            assert signature not in caplog.text
            assert signature not in repr(file)
            assert urlsplit(file.url).path not in repr(file)
        assert await lending.tables_with("download-url") == set()
        assert "download-url" not in caplog.text


class TestOnlyWhoHasIt:
    def all_ways(self, lending: Lent, patron: str, isbn: str) -> list[Callable[[], Awaitable[Any]]]:
        ours = lending.collection
        return [
            lambda: ours.formats(patron, isbn),
            lambda: ours.fulfil(patron, isbn, origin=READER),
            lambda: ours.fulfil(patron, isbn, part=0, origin=READER),
            lambda: ours.audiobook(patron, isbn),
        ]

    async def test_gets_the_file(self, lending: Lent, book: str, wire: Wiretap) -> None:
        held = lending.isbns()[1]
        await lending.collection.add_hold("ada", item_id=held, origin=READER)
        asked = len(wire.requests)

        for patron, isbn in (
            ("grace", book),
            ("ada", held),
            ("ada", "9789999999999"),
            ("ada", "x"),
            ("nobody", book),
        ):
            for way in self.all_ways(lending, patron, isbn):
                with pytest.raises(NotOnLoan):
                    await way()
        assert len(wire.requests) == asked

    async def test_gets_it_until_the_loan_is_over(
        self, lending: Lent, book: str, wire: Wiretap
    ) -> None:
        lending.today.wait(days=22)
        asked = len(wire.requests)

        for way in self.all_ways(lending, "ada", book):
            with pytest.raises(NotOnLoan):
                await way()
        assert len(wire.requests) == asked

    async def test_gets_it_until_it_is_returned(self, lending: Lent, book: str) -> None:
        await lending.collection.checkin(book, origin=READER)

        for way in self.all_ways(lending, "ada", book):
            with pytest.raises(NotOnLoan):
                await way()

    async def test_gets_nothing_that_only_our_mirror_has(self, lending: Lent, book: str) -> None:
        await lending.returned_at_the_vendor("ada", book)

        with pytest.raises(NotOnLoan):
            await lending.collection.fulfil("ada", book, origin=READER)

    async def test_is_told_when_the_vendor_is_away(self, lending: Lent, book: str) -> None:
        for fault in ("error-500", "empty-body", "truncated", "drop-before"):
            lending.vendor.faults.add(fault, path="/v1/media/")
            with pytest.raises(Unavailable):
                await lending.collection.fulfil("ada", book, origin=READER)
            lending.vendor.faults.clear()
            lending.today.wait(minutes=1)


class TestAsRecorded:
    """What the vendor really sent in 2016, which may send its clients anywhere."""

    ADA = as_json({"patronId": 939981})
    AUDIO, BOOK = "9781456103859", "9781426893483"

    @pytest.fixture
    async def other(
        self,
        library: Library,
        collection: Collected,
        sandbox: Vendor,
        vendor: Scripted,
        today: Today,
    ) -> AsyncIterator[Lent]:
        """A collection whose vendor says what it is told to."""
        await library.patron("ada")
        async with reopened(library, collection, sandbox, today, url=vendor.url) as lending:
            yield lending

    async def has(self, lending: Lent, vendor: Scripted, loans: bytes) -> None:
        """Ada has these loans."""
        await lending.collection.agree("ada", frozenset())
        vendor.answers(self.ADA, b"[]", loans)
        await lending.collection.reconcile("ada")
        vendor.asked.clear()

    def as_open(self, loans: bytes) -> tuple[bytes, dict[str, Any]]:
        """The same without the protection of its audiobook; and that."""
        rows = json.loads(loans)
        rows[0] |= {
            "hasDrm": False,
            "encryptionKey": "",
            "downloadUrl": "https://cdn.example/a.zip",
        }
        return as_json(rows), rows[0]

    async def test_protected_audio(self, other: Lent, vendor: Scripted) -> None:
        await self.has(other, vendor, recorded("response_patron_checkouts_200_list.json"))

        with pytest.raises(FormatNotOffered):
            await other.collection.audiobook("ada", self.AUDIO)
        with pytest.raises(FormatNotOffered):
            await other.collection.fulfil("ada", self.AUDIO, part=0, origin=READER)

    async def test_open_audio(self, other: Lent, vendor: Scripted) -> None:
        loans, _ = self.as_open(recorded("response_patron_checkouts_200_list.json"))
        await self.has(other, vendor, loans)

        described = await other.collection.audiobook("ada", self.AUDIO)

        assert (described.title, described.authors, described.narrators) == (
            "The Greatest: Muhammad Ali", ("Walter Dean Myers",), ("J.D. Jackson",),
        )  # fmt: skip
        assert described.publisher == "Recorded Books, Inc."
        assert described.duration == timedelta(minutes=225.95)
        assert described.size == 81_342_904 == sum(part.size or 0 for part in described.parts)
        assert [part.title for part in described.parts] == [
            *["Introduction"] * 3, "Part 1", "Part 2", "Part 3", "Part 4",
        ]  # fmt: skip
        assert described.parts[0].duration == timedelta(seconds=12)
        assert (described.cover or "").endswith("/78226_image_512x512_iTunes.png")
        assert described.whole == ZIP

    async def test_the_audiobook_of_the_specification(self, other: Lent, vendor: Scripted) -> None:
        """Its recording is lost; these are its figures. Source: spec/oneclick-api 2.7."""
        files = [
            {"id": 358456 + n, "display": "Introduction" if n == 0 else f"Part {n}",
             "filename": f"x_{n}.mp3", "downloadUrl": f"{vendor.url}/v1/{n}",
             "minutes": 1.15 if n == 0 else 43.8675, "size": 417_200 if n == 0 else 15_794_867}
            for n in range(21)
        ]  # fmt: skip
        loan = {
            "minutes": 878.5, "downloadUrl": f"{vendor.url}/x.zip", "encryptionKey": "",
            "files": files, "size": 316_314_528, "hasDrm": False, "isbn": self.AUDIO,
            "title": "X", "mediaType": "eAudio", "transactionId": 1, "expiration": "2016-11-19",
            "images": [{"name": "large", "url": "http://i.example/large.jpg"},
                       {"name": "xx-large", "url": "http://i.example/x_512x512_iTunes.png"}],
        }  # fmt: skip
        await self.has(other, vendor, as_json([loan]))

        described = await other.collection.audiobook("ada", self.AUDIO)

        assert described.duration == timedelta(seconds=52_710)
        assert (described.size, len(described.parts), described.whole) == (316_314_528, 21, ZIP)
        first = described.parts[0]
        assert (first.title, first.size, first.duration) == (
            "Introduction", 417_200, timedelta(seconds=69),
        )  # fmt: skip
        assert described.cover == "http://i.example/x_512x512_iTunes.png"
        for part, words in ((-1, "no part -1"), (21, "no part 21")):
            with pytest.raises(PartNotFound, match=words):
                await other.collection.fulfil("ada", self.AUDIO, part=part, origin=READER)

    async def test_nobody_but_the_vendor_is_asked_for_a_link(
        self, other: Lent, vendor: Scripted
    ) -> None:
        loans = recorded("response_patron_checkouts_200_list.json")  # of api.rbdigital.com
        await self.has(other, vendor, loans)

        with pytest.raises(BadInput, match="not the vendor's") as told:
            await other.collection.fulfil("ada", self.BOOK, origin=READER)

        assert "rbdigital" not in str(told.value)
        assert [each.target for each in vendor.asked if "download-url" in each.target] == []

    @pytest.mark.parametrize(
        "link", ["javascript:alert(1)", "file:///etc/passwd", "", "//cdn.example/x", "ftp://x/y"]
    )
    async def test_what_is_no_link_is_given_to_nobody(
        self, other: Lent, vendor: Scripted, link: str
    ) -> None:
        loans = json.loads(recorded("response_patron_checkouts_200_list.json"))
        loans[1]["files"][0]["downloadUrl"] = f"{vendor.url}/v1/media/1/parts/1/download-url"
        loans, audiobook = self.as_open(as_json(loans))
        await self.has(other, vendor, loans)
        vendor.answers(loans, as_json({"url": link, "type": "application/vnd.adobe"}))

        with pytest.raises(BadAnswer) as told:
            await other.collection.fulfil("ada", self.BOOK, origin=READER)

        assert not link or link not in str(told.value)
        rows = json.loads(loans)
        rows[0] = audiobook | {"downloadUrl": link}
        vendor.answers(as_json(rows))
        with pytest.raises(BadAnswer if link else FormatNotOffered) as refused:
            await other.collection.fulfil("ada", self.AUDIO, origin=READER)
        assert not link or link not in str(refused.value)
