"""How things look on the wire: the vendor's objects, their keys in the vendor's order.

Source: spec/oneclick-api.md, 1.2 to 1.10, and the recordings named there.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from bibliobus.sandbox.vendor import covers
from bibliobus.sandbox.vendor.audio import parts_of
from bibliobus.sandbox.vendor.collection import Title
from bibliobus.sandbox.vendor.files import uuid_of
from bibliobus.sandbox.vendor.lending import Hold, Loan
from bibliobus.sandbox.vendor.patrons import Patron
from bibliobus.sandbox.vendor.searching import genre_tokens, is_fiction
from bibliobus.sandbox.vendor.settings import VendorSettings
from bibliobus.sandbox.vendor.titles import IMAGES
from bibliobus.sandbox.vendor.wording import (
    ARTICLES,
    article_in_front,
    cut,
    people,
    slug,
    sort_name,
)

EASTERN = ZoneInfo("America/New_York")  # where the vendor's days begin
NO_END = "2050-12-31"
NO_SERIES = ("", "Default Blank")
NOT_IN_DELTAS = (
    "seriesName", "seriesPosition", "seriesTotal", "publicationDate", "hasDigitalRights",
)  # fmt: skip
SEARCH_IMAGES = ("medium", "large", "x-large", "xx-large")
_IMAGE = re.compile(r"(.*/(?:default/OCD|([^/]+)/\2))_image_")
_NO_ZIP = (
    "Protected titles can no longer be downloaded as .zip files. You can still listen to them in"
    " the player on your library's site or in one of the mobile apps."
)

Object = dict[str, Any]


def instant(moment: datetime) -> str:
    """Seven fractional digits and `Z`."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z"


def eastern_midnight(day: date) -> datetime:
    """When a day begins for the vendor, in UTC."""
    return datetime.combine(day, time(), EASTERN).astimezone(UTC)


def media_object(title: Title, era: str) -> Object:
    """As `media/all` has it; in the last era names are first name first."""
    whole = title.media_object
    if era == "E4":
        for key in ("narrators", "authors"):
            if key in whole:
                whole[key] = "; ".join(people(str(whole[key])))
    return whole


def delta_title(title: Title, era: str) -> Object:
    """As `media/delta` has it."""
    whole = media_object(title, era)
    return {key: value for key, value in whole.items() if key not in NOT_IN_DELTAS}


def delta_book(title: Title) -> Object:
    """As `book-holdings/delta` has it."""
    return {"id": title.book_id, "isbn": title.isbn, "mediaType": title.medium}


def availability(title: Title, instant: str, *, free: bool) -> Object:
    """One row of availability, as it was at an instant."""
    return {
        "timeStamp": instant,
        "isbn": title.isbn,
        "mediaType": title.medium,
        "availability": free,
        "titleId": title.title_id,
    }


def images(title: Title, names: tuple[str, ...] = tuple(covers.SIZES)) -> list[Object]:
    """Pictures in these sizes, wherever the title's own ones are."""
    stem = f"{IMAGES}{title.code}/{title.code}"
    for each in title.media_object.get("images") or ():
        if isinstance(each, dict) and (found := _IMAGE.match(str(each.get("url")))):
            stem = found[1]
    return [{"name": name, "url": f"{stem}_image_{_picture(name)}"} for name in names]


def _picture(name: str) -> str:
    width, height = covers.SIZES[name]
    return f"{width}x{height}{'_iTunes.png' if name == 'xx-large' else '.jpg'}"


def checkout(loan: Loan, title: Title, settings: VendorSettings) -> Object:
    """The answer to a checkout or a renewal."""
    answer: Object = {
        "titleId": 0,
        "isbn": title.isbn,
        "output": "SUCCESS",
        "canRenew": False,
        "transactionId": loan.transaction_id,
        "patronId": loan.patron,
        "libraryId": settings.library_id,
    }
    return answer | ({"expiration": str(loan.expires_on)} if settings.tells_expiration else {})


def loan_item(
    loan: Loan, title: Title, settings: VendorSettings, base: str, zip_url: str
) -> Object:
    """One row of a patron's checkouts. `zip_url` is where an open audiobook is."""
    whole = title.media_object
    audio = title.medium == "eAudio"
    protected = not audio or bool(whole.get("hasDigitalRights"))
    item: Object = {}
    if audio:
        item |= _audio_head(title, base, protected=protected, zip_url=zip_url)
    else:
        item["files"] = [_ebook_file(loan, title, base)]
    item |= {
        "dateAdded": str(released_on(whole)),
        "description": _short(str(whole.get("description") or ""), settings.era),
        "hasDrm": protected,
    }
    if audio and "narrators" in whole:
        item["narrators"] = ", ".join(people(str(whole["narrators"])))
    item |= {"images": images(title), **_title(title, whole), "expiration": str(loan.expires_on)}
    if audio and protected:
        item["output"] = _NO_ZIP
    return item | {
        "canRenew": loan.renewals < settings.renewals,
        "authors": ", ".join(people(str(whole.get("authors") or ""))),
        **_transaction(loan, title, settings),
    }


def hold_item(hold: Hold, title: Title, settings: VendorSettings) -> Object:
    """One row of a patron's holds."""
    whole = title.media_object
    return {
        "images": images(title),
        "authors": ", ".join(people(str(whole.get("authors") or ""))),
        **_title(title, whole),
        "expiration": NO_END,
        **_transaction(hold, title, settings),
    }


def _title(title: Title, whole: Object) -> Object:
    return {
        "titleId": 0,
        "isbn": title.isbn,
        "title": article_in_front(str(whole.get("title") or "")),
        "publisher": whole.get("publisher") or "",
    }


def _transaction(held: Loan | Hold, title: Title, settings: VendorSettings) -> Object:
    return {
        "transactionId": held.transaction_id,
        "mediaType": title.medium,
        "patronId": held.patron,
        "libraryId": settings.library_id,
    }


def _short(description: str, era: str) -> str:
    return description[:100] if era == "E1" else cut(description, 170)


def _ebook_file(loan: Loan, title: Title, base: str) -> Object:
    number, filename = ebook_file_id(title), f"{title.code}.epub"
    resource = f"urn:uuid:{uuid_of(title)}"
    expires = int(eastern_midnight(loan.expires_on).timestamp())
    return {
        "id": number,
        "filename": filename,
        "fileFormat": "EPUB",
        "downloadUrl": (
            f"{base}v1/media/{number}/parts/{number}/download-url?f={quote(filename)}&ff=EPUB"
            f"&acsRId={quote(resource)}&tId={loan.transaction_id}&expDt={expires}"
        ),
        "fileFormatId": 0,
        "acsResourceId": resource,
        "textFormatType": 0,
    }


def ebook_file_id(title: Title) -> int:
    """The vendor's number for an EPUB."""
    return 100_000 + title.position


def _audio_head(title: Title, base: str, *, protected: bool, zip_url: str) -> Object:
    parts = parts_of(title)
    isbn = quote(title.isbn)
    return {
        "minutes": round(sum(part.minutes for part in parts), 2),
        "downloadUrl": "" if protected else zip_url,
        "encryptionKey": uuid_of(title) if protected else "",
        "files": [
            {
                "id": part.id,
                "display": part.display,
                "filename": f"{part.name}.mp3",
                "downloadUrl": f"{base}v1/media/{isbn}/parts/{part.id}/download-url"
                f"?s3={quote(title.code)}&f={quote(part.name)}",
                "minutes": part.minutes,
                "size": part.size,
            }
            for part in parts
        ],
        "size": sum(part.size for part in parts),
        "bookmarks": [],
        "hasBookmark": False,
    }


def published_on(whole: Object) -> date:
    """The day of `publicationDate`; some day in 2010, if that is unknown."""
    try:
        day = date.fromisoformat(str(whole.get("publicationDate"))[:10])
    except ValueError:
        return date(2010, 1, 1)
    return day if day.year > 1 else date(2010, 1, 1)


def released_on(whole: Object) -> date:
    """The day that a title was released: eleven after its publication, as in the recording."""
    return published_on(whole) + timedelta(days=11)


def interest(title: Title, settings: VendorSettings, *, free: bool) -> Object:
    """Whether the library owns a title, as searches tell it."""
    said: Object = (
        {"stateId": 3, "name": "library"} if title.owned else {"stateId": 1, "name": "none"}
    )
    if settings.era >= "E3":
        said |= {"isAvailable": free and title.owned, "isOwned": title.owned}
    return said


def search_item(title: Title, settings: VendorSettings) -> Object:
    """A title as searches tell it, which is much more than the media object."""
    whole = title.media_object
    audio = title.medium == "eAudio"
    name, _, subtitle = _split_title(whole)
    authors = people(str(whole.get("authors") or ""))
    narrators = people(str(whole.get("narrators") or "")) if audio else []
    item: Object = {"authors": [_token("author", each) for each in authors]}
    if audio:
        item["narrators"] = [_token("narrator", each) for each in narrators]
    item |= {
        "images": images(title, SEARCH_IMAGES),
        "id": hashlib.sha256(f"index {title.isbn}".encode()).hexdigest()[:24],
        "isbn": title.isbn,
    }
    if subtitle:
        item["subtitle"] = subtitle
    item |= {
        "publisher": _token("publisher", str(whole.get("publisher") or "")),
        "genres": [
            _token("genre", token.replace("-", " ").title()) | {"token": token}
            for token in genre_tokens(whole)
        ],
        "language": whole.get("language") or "",
        "audience": whole.get("audience") or "",
        "mediaType": title.medium,
        "releasedDate": _midnight(released_on(whole)),
    }
    item |= _search_series(whole, settings)
    if audio:
        item |= _search_audio(title)
    item |= {"bookTitle": _token("title", name), "title": name, "isFiction": is_fiction(whole)}
    if audio:
        item["previewFile"] = f"{title.code}/MP3_48/{title.code}_PRE.mp3"
    item |= {
        "hasSubtitle": bool(subtitle),
        "hasAttachments": False,
        "hasDrm": bool(whole.get("hasDigitalRights")),
        "preReleaseOn": _midnight(published_on(whole) - timedelta(days=6)),
        "scheduledReleaseOn": _midnight(published_on(whole)),
        "isPreRelease": False,
        "shortDescription": cut(str(whole.get("description") or ""), 170),
        "sortAuthor": sort_name(authors[0]) if authors else "",
    }
    if narrators:
        item["sortNarrator"] = sort_name(narrators[0])
    return item | {"sortTitle": slug(_without_article(name))}


def _search_series(whole: Object, settings: VendorSettings) -> Object:
    series = str(whole.get("seriesName") or "")
    if series in NO_SERIES:
        return {}
    said: Object = {"series": {"count": 0, **_token("series", series)}}
    if settings.era >= "E3":
        said["seriesPosition"] = whole.get("seriesPosition") or 0
    return said


def _search_audio(title: Title) -> Object:
    parts = parts_of(title)
    seconds = sum(part.size for part in parts) // 6000
    return {
        "fileSize": str(sum(part.size for part in parts)),
        "duration": f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}",
    }


def _split_title(whole: Object) -> tuple[str, str, str]:
    return article_in_front(str(whole.get("title") or "")).partition(": ")


def _without_article(name: str) -> str:
    article, _, rest = name.partition(" ")
    return rest if article in ARTICLES and rest else name


def _token(facet: str, text: str) -> Object:
    return {"facet": facet, "text": text, "token": slug(text), "order": 0}


def _midnight(day: date) -> str:
    return f"{eastern_midnight(day):%Y-%m-%dT%H:%M:%SZ}"


def patron(account: Patron, settings: VendorSettings) -> Object:
    """An account as it is read."""
    return {
        "preferences": [
            {"id": account.id + 3_498_595, "name": "DEFAULT_DEVICE", "value": "EMP3"}
        ],
        **_account(account),
        "userName": account.user_name,
        "password": "******",
        "email": account.email,
        "patronId": account.id,
        "libraryId": settings.library_id,
    }  # fmt: skip


def new_patron(account: Patron, settings: VendorSettings, bearer: str) -> Object:
    """An account that was just made; from E3 on the patron has logged in by that."""
    if settings.era < "E3":
        return {key: value for key, value in patron(account, settings).items()
                if key != "preferences"}  # fmt: skip
    library = settings.library_id
    return {
        "authState": "auth_complete",
        "libraries": [
            {
                "libraryId": library,
                "name": settings.library_name,
                "regionId": 1,
                "gatewayLibraryId": 1000 + library,
                "oneClickLibraryId": library,
                "subdomain": slug(settings.library_name).replace("-", ""),
            }
        ],
        "authStatus": "Success",
        "bearer": bearer,
        "patron": {
            "firstName": account.first_name,
            "libraryCardNumber": "",
            "patronId": account.id,
            "oneClickPatronId": account.other_id,
            "lastName": account.last_name,
            "gatewayPatronId": account.id + 2_000_000,
            "communicationEmail": account.email,
            "servicesIdentifier": account.email,
        },
    }


def _account(account: Patron) -> Object:
    return {
        "libraryCardNumber": account.card,
        "libraryPin": "****",
        "firstName": account.first_name,
        "lastName": account.last_name,
    }
