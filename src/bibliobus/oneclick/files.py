"""Files of what is on loan: links that are asked for at the moment of use, and never kept.

All e-books are EPUBs that Adobe's software opens: what is fetched is a token (ACSM) for it. Open
audio is MP3, part by part, or all parts as one ZIP file; protected audio opens in the vendor's own
app only, so nothing of it is offered.

Source: spec/oneclick-api 1.11, 2.6, 2.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bibliobus.catalogue import store
from bibliobus.catalogue.records import Medium, Role, Title
from bibliobus.catalogue.store import Found
from bibliobus.database import Transaction
from bibliobus.ils.errors import FormatNotOffered, NotOnLoan, PartNotFound
from bibliobus.ils.records import Audiobook, AudiobookPart, Format, Fulfilment, Patron
from bibliobus.oneclick import shelf
from bibliobus.oneclick.access import LIFE, AccessReply, document
from bibliobus.oneclick.accounts import Accounts
from bibliobus.oneclick.desk import Desk, name_of
from bibliobus.oneclick.errors import BadAnswer
from bibliobus.oneclick.names import contributors_of
from bibliobus.oneclick.parsing import COVERS, FORMATS
from bibliobus.oneclick.wire import CheckedOut, LoanFile

ZIP = Format(media_type="application/zip")
MP3 = "audio/mpeg"


class Files:
    """The files of one collection's loans."""

    def __init__(self, desk: Desk, accounts: Accounts) -> None:
        self._desk, self._accounts = desk, accounts

    async def formats(self, patron: Patron, isbn: str) -> Sequence[Format]:
        """See `DigitalCollection.formats`."""
        await self.loan(patron, isbn)
        found = await self._title(isbn)
        return offered(found.title) if found is not None else FORMATS[Medium.EBOOK]

    async def fulfil(
        self, patron: Patron, isbn: str, media_type: str | None, part: int | None
    ) -> Fulfilment:
        """See `DigitalCollection.fulfil`."""
        lent = await self._lent(patron, isbn)
        files = lent.files or ()
        if not _is_audio(lent):
            if part is not None:
                raise PartNotFound("This title has no parts.")
            if media_type not in (None, *(each.media_type for each in FORMATS[Medium.EBOOK])):
                raise FormatNotOffered
            return await self._linked(patron, files[:1], otherwise=FORMATS[Medium.EBOOK][0])
        _check_open(lent)
        if part is not None:
            if media_type not in (None, MP3):
                raise FormatNotOffered("The parts of this audiobook are MP3 files.")
            if not 0 <= part < len(files):
                raise PartNotFound(f"There is no part {part}: they are 0 to {len(files) - 1}.")
            return await self._linked(
                patron, files[part : part + 1], otherwise=Format(media_type=MP3)
            )
        if media_type not in (None, ZIP.media_type) or not lent.download_url:
            raise FormatNotOffered("This audiobook can be had part by part.")
        return self._whole(lent.download_url)

    async def audiobook(self, patron: Patron, isbn: str) -> Audiobook:
        """See `DigitalCollection.audiobook`."""
        lent = await self._lent(patron, isbn)
        if not _is_audio(lent):
            raise FormatNotOffered("This is no audiobook.")
        _check_open(lent)
        found = await self._title(isbn)
        images = {image.name: image.url for image in lent.images or ()}
        return Audiobook(
            isbn=isbn,
            title=lent.title or isbn,
            authors=_names(lent.authors),
            narrators=_names(lent.narrators),
            publisher=lent.publisher,
            description=lent.description,
            language=None if found is None else found.title.language,
            cover=next((images[name] for name in COVERS if images.get(name)), None),
            duration=_minutes(lent.minutes),
            size=lent.size,
            parts=tuple(
                AudiobookPart(
                    media_type=MP3, title=file.display or None, duration=_minutes(file.minutes),
                    size=file.size,
                )
                for file in lent.files or ()
            ),
            whole=ZIP.media_type if lent.download_url else None,
        )  # fmt: skip

    async def loan(self, patron: Patron, isbn: str) -> shelf.Entry:
        """A patron's loan in our mirror: only who has one gets a link.

        Raises:
            NotOnLoan: There is none.
        """
        return await self._desk.read(lambda tx: self.loan_now(tx, patron, isbn))

    def loan_now(self, tx: Transaction, patron: Patron, isbn: str) -> shelf.Entry:
        """As `loan`, inside a transaction."""
        entry = shelf.entry_of(tx, self._desk.collection, name_of(patron), isbn)
        if entry is None or entry.kind is not shelf.Kind.LOAN or entry.is_over(self._desk.now()):
            raise NotOnLoan(patron=patron)
        return entry

    async def _lent(self, patron: Patron, isbn: str) -> CheckedOut:
        """The loan with its files, as the vendor has it now."""
        await self.loan(patron, isbn)
        nothing: tuple[CheckedOut, ...] = ()
        for row in await self._accounts.if_there(patron, self._desk.client.checkouts, nothing):
            if row.isbn == isbn:
                return row
        raise NotOnLoan(patron=patron)

    async def _title(self, isbn: str) -> Found | None:
        """What is lent, which may have left the catalogue since."""
        return await self._desk.read(
            lambda tx: store.title_of(tx, self._desk.collection, isbn, also_withdrawn=True)
        )

    async def _linked(
        self, patron: Patron, files: Sequence[LoanFile], *, otherwise: Format
    ) -> Fulfilment:
        """The link to a file. `otherwise` is what it is if the vendor does not say."""
        link = next((file.download_url for file in files if file.download_url), None)
        if link is None:
            raise BadAnswer("the loan has no link to its file", may_stand=False)
        found = await self._accounts.with_token(
            patron, lambda token: self._desk.client.access_document(link, token)
        )
        return Fulfilment(
            url=found.url,
            media_type=found.media_type or otherwise.protection or otherwise.media_type,
            expires_at=found.expires_at,
        )

    def _whole(self, link: str) -> Fulfilment:
        """The link of a ZIP file, which the loan itself has."""
        problem = ""
        try:
            found = document(AccessReply(url=link, type=ZIP.media_type), self._desk.now())
            return Fulfilment(
                url=found.url, media_type=ZIP.media_type, expires_at=self._desk.now() + LIFE
            )
        except ValueError as error:
            problem = str(error)
        raise BadAnswer(problem, may_stand=False)  # outside: the exception has the link in it


def offered(title: Title) -> Sequence[Format]:
    """As what a title can be had, by its medium and by what protects it."""
    if title.medium is not Medium.EAUDIO:
        return FORMATS.get(title.medium, ())
    return () if title.protected else (ZIP,)


def _is_audio(lent: CheckedOut) -> bool:
    """Parts of audio have no format; an EPUB does (spec/oneclick-api 1.9)."""
    medium = (lent.media_type or "").lower()
    return medium == "eaudio" or (not medium and not any(f.file_format for f in lent.files or ()))


def _check_open(lent: CheckedOut) -> None:
    if lent.has_drm or lent.encryption_key:
        raise FormatNotOffered("This audiobook opens in the vendor's own app only.")


def _minutes(minutes: float | None) -> timedelta | None:
    return None if minutes is None else timedelta(minutes=minutes)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(each.name for each in contributors_of(text or "", Role.AUTHOR))
