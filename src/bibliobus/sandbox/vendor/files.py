"""The files behind the links: EPUB, ACSM, MP3 and ZIP, made when they are asked for.

They are small and hold nothing but a note, yet they open in what opens such files. A link to one
carries until when it works, signed, so nobody can make it work longer.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from bibliobus.sandbox.vendor.audio import parts_of, silence
from bibliobus.sandbox.vendor.collection import Title
from bibliobus.sandbox.vendor.titles import LANGUAGES
from bibliobus.sandbox.vendor.wording import article_in_front, people

EPUB, ACSM = "application/epub+zip", "application/vnd.adobe.adept+xml"
MP3, ZIP = "audio/mpeg", "application/zip"
_STAMP = (2016, 10, 24, 12, 0, 0)
_CODES = {name: code for code, name in LANGUAGES.items()}

_CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles>
    <rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/>
  </rootfiles>
</container>
"""
_PACKAGE = """<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
    <dc:identifier id="id">urn:isbn:{isbn}</dc:identifier>
    <dc:title>{title}</dc:title>
    <dc:language>{language}</dc:language>
{creators}    <meta property="dcterms:modified">2016-10-24T12:00:00Z</meta>
  </metadata>
  <manifest>
    <item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
    <item id="text" href="text.xhtml" media-type="application/xhtml+xml"/>
  </manifest>
  <spine><itemref idref="text"/></spine>
</package>
"""
_PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"
 lang="{language}" xml:lang="{language}">
<head><title>{title}</title></head>
<body>{body}</body>
</html>
"""
_FULFILMENT = """<?xml version="1.0" encoding="UTF-8"?>
<fulfillmentToken fulfillmentType="loan" auth="user" xmlns="http://ns.adobe.com/adept">
  <distributor>{distributor}</distributor>
  <operatorURL>{base}files/</operatorURL>
  <transaction>{transaction}</transaction>
  <expiration>{expiration}</expiration>
  <resourceItemInfo>
    <resource>{resource}</resource>
    <resourceItem>0</resourceItem>
    <metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
      <dc:title>{title}</dc:title>
{creators}      <dc:identifier>{isbn}</dc:identifier>
      <dc:format>application/epub+zip</dc:format>
    </metadata>
    <src>{source}</src>
  </resourceItemInfo>
  <hmac>{hmac}</hmac>
</fulfillmentToken>
"""


class Links:
    """Makes links to files that work for a while, and knows them again."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def link(self, base: str, isbn: str, filename: str, until: datetime, **more: str) -> str:
        """An address below `base`. What else a file has to be made of goes with it."""
        values = more | {"expires": str(int(until.timestamp()))}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items())
        path = f"files/{quote(isbn, safe='')}/{quote(filename, safe='')}"
        return f"{base}{path}?{query}&signature={self._signature(isbn, filename, values)}"

    def is_right(self, isbn: str, filename: str, values: dict[str, str]) -> bool:
        """Whether we made it, whenever that was."""
        signed = {name: value for name, value in values.items() if name != "signature"}
        given = values.get("signature", "").encode("utf-8", "replace")
        return hmac.compare_digest(self._signature(isbn, filename, signed).encode(), given)

    def digest(self, text: str) -> str:
        """A seal on something else."""
        return hmac.new(self._key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _signature(self, isbn: str, filename: str, values: dict[str, str]) -> str:
        return self.digest("\n".join([isbn, filename, *(f"{k}={v}" for k, v in values.items())]))


def uuid_of(title: Title) -> str:
    """The Adobe resource of an eBook, or the key of a protected audiobook: always the same."""
    text = hashlib.sha256(f"resource {title.isbn}".encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"


def language_code(media_object: dict[str, Any]) -> str:
    """A language as documents name it."""
    return _CODES.get(str(media_object.get("language")), "und")


def epub(title: Title) -> bytes:
    """A book of one page, by the rules: its type stands first, and is not compressed."""
    whole = title.media_object
    name, language = _said_title(whole), language_code(whole)
    note = f"<h1>{name}</h1><p>The sandbox lends this page instead of the book.</p>"
    contents = (
        f'<nav epub:type="toc"><h1>{name}</h1><ol><li><a href="text.xhtml">{name}</a></li></ol>'
        "</nav>"
    )
    package = _PACKAGE.format(
        isbn=escape(title.isbn), title=name, language=language, creators=_creators(whole)
    )
    entries = {
        "META-INF/container.xml": _CONTAINER,
        "EPUB/package.opf": package,
        "EPUB/nav.xhtml": _PAGE.format(language=language, title=name, body=contents),
        "EPUB/text.xhtml": _PAGE.format(language=language, title=name, body=note),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype", _STAMP), EPUB, zipfile.ZIP_STORED)
        for path, text in entries.items():
            archive.writestr(zipfile.ZipInfo(path, _STAMP), text, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def acsm(title: Title, *, base: str, source: str, transaction: str, expiration: str) -> str:
    """What Adobe's software exchanges for the book; its seal is for `Links.digest` to make."""
    whole = title.media_object
    return _FULFILMENT.format(
        distributor="urn:uuid:00000000-0000-4000-8000-000000000000", base=escape(base),
        transaction=escape(transaction), expiration=escape(expiration),
        resource=f"urn:uuid:{uuid_of(title)}", title=_said_title(whole),
        creators=_creators(whole), isbn=escape(title.isbn), source=escape(source), hmac="{hmac}",
    )  # fmt: skip


def zipped(title: Title) -> bytes:
    """All parts of an audiobook, the beginning of each."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts_of(title):
            content = b"".join(silence(part.frames, whole=False))
            archive.writestr(zipfile.ZipInfo(f"{part.name}.mp3", _STAMP), content)
    return file.getvalue()


def mp3(title: Title, filename: str, *, whole: bool) -> Iterator[bytes] | None:
    """One part of an audiobook; None: it has no such part."""
    for part in parts_of(title):
        if f"{part.name}.mp3" == filename:
            return silence(part.frames, whole=whole)
    return None


def _said_title(media_object: dict[str, Any]) -> str:
    return _clean(article_in_front(str(media_object.get("title") or "")))


def _creators(media_object: dict[str, Any]) -> str:
    names = people(str(media_object.get("authors") or ""))
    return "".join(f"      <dc:creator>{_clean(name)}</dc:creator>\n" for name in names)


def _clean(text: str) -> str:
    """A text as XML can have it: no control characters, of which 1.0 knows none."""
    return escape("".join(each for each in text if each >= " " and each not in "\ufffe\uffff"))
