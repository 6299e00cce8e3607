"""The calls that bring a file: a book, a part of one, a picture."""

from __future__ import annotations

import re
from datetime import timedelta

from bibliobus.sandbox.vendor import covers, files
from bibliobus.sandbox.vendor.answers import Answer, File, Refused, refused
from bibliobus.sandbox.vendor.calling import Call
from bibliobus.sandbox.vendor.collection import Title
from bibliobus.sandbox.vendor.wording import article_in_front

_PICTURE = re.compile(r"(.+)_image_([0-9]+)x([0-9]+)(\.jpg|_iTunes\.png)")
_KINDS = {".jpg": ("JPEG", "image/jpeg"), "_iTunes.png": ("PNG", "image/png")}
_DENIED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>\n"
)


def file(call: Call) -> Answer:
    """A file whose link works still.

    Raises:
        Refused: The link is too old, or was not made here; or there is no such file.
    """
    isbn, filename = call.arguments["isbn"], call.arguments["filename"]
    _check_link(call, isbn, filename)
    title = call.vendor.collection.find(isbn)
    if title is None:
        raise refused(404, f"There is no title {isbn}.")
    content = _content(call, title, filename)
    if content is None:
        raise refused(404, f"There is no file {filename}.")
    return content


def _check_link(call: Call, isbn: str, filename: str) -> None:
    values = dict(call.query)
    if not call.vendor.links.is_right(isbn, filename, values):
        raise _denied(403, "This is not a link of ours.")
    expires = values.get("expires", "")
    if not re.fullmatch("[0-9]{1,12}", expires) or int(expires) < call.now.timestamp():
        raise _denied(call.vendor.settings.expired_link_status, "Request has expired")


def _denied(status: int, message: str) -> Refused:
    page = File(_DENIED.format(message=message).encode())
    return Refused(status, page, message, "application/xml")


def _content(call: Call, title: Title, filename: str) -> Answer | None:
    """What the file has in it, by how its name ends."""
    if filename.endswith(".mp3"):
        silence = files.mp3(title, filename, whole=call.vendor.settings.whole_audio)
        return Answer(File(silence), media_type=files.MP3) if silence else None
    if filename == f"{title.code}.zip":
        return Answer(File(files.zipped(title)), media_type=files.ZIP)
    if filename == f"{title.code}.epub":
        return Answer(File(files.epub(title)), media_type=files.EPUB)
    if filename == f"{title.code}.acsm":
        return Answer(File(_acsm(call, title).encode()), media_type=files.ACSM)
    return None


def _acsm(call: Call, title: Title) -> str:
    links = call.vendor.links
    until = call.now + timedelta(seconds=call.vendor.settings.link_seconds)
    token = files.acsm(
        title,
        base=call.base,
        source=links.link(call.base, title.isbn, f"{title.code}.epub", until),
        transaction=call.parameter("transaction") or "",
        expiration=f"{call.parameter('due') or ''}T00:00:00Z",
    )
    return token.replace("{hmac}", links.digest(token))


def picture(call: Call) -> Answer:
    """A cover with the title on it; 404 if Pillow is not there to draw it."""
    found = _PICTURE.fullmatch(call.arguments["filename"])
    if found is None or not covers.can_draw():
        raise refused(404, "There is no such picture.")
    code, width, height = found[1], int(found[2][:6]), int(found[3][:6])
    if (width, height) not in covers.SIZES.values():
        raise refused(404, "There is no such picture.")
    title = call.vendor.collection.of_code(code)
    text = article_in_front(str(title.media_object.get("title") or "")) if title else code
    kind, media_type = _KINDS[found[4]]
    return Answer(File(covers.cover(text[:200], width, height, kind)), media_type=media_type)
