"""What a call is answered, and the vendor's texts.

A text that is quoted in spec/oneclick-api.md stands here word for word; where the contract only
knows how a text begins, the rest is ours. What the vendor would not say and a developer wants to
know goes into the header `Sandbox-Says`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=us-ascii"

PERMISSION = "Invalid Basic Token or permission denied"
UNKNOWN_LIBRARY = "Invalid library id is provided or permission denied"
INVALID_REQUEST = "The request is invalid."
INVALID_TOKEN_VALUE = "Invalid 'MediaType', 'TitleId' or 'ISBN' token value supplied: "  # noqa: S105
NO_PATRON = "Patron does not exist."
PATRON_NOT_FOUND = "Patron not found."
PATRON_EXISTS = (
    "A patron account with the specified username, email address, or card number already exists"
    " for this library."
)
LIMIT_REACHED = "Maximum checkout count reached."
ALREADY_LENT = "Checkout item already exists"
NOT_AVAILABLE = "Title is not available for checkout"
NOT_OWNED = "PatronId and TitleId are invalid"
NOT_LENT = "Checkout does not exists or it is already terminated or expired."
NOT_HELD = "Hold does not exists or it is already terminated or expired."
ALREADY_HELD = "Hold or Checkout already exists."
NO_MORE_HOLDS = (
    "You have reached your checkout limit and therefore are unable to place additional holds."
)
NOT_AUTHORISED = (
    "This endpoint can be called by authorized trusted app, authenticated patron, and trusted"
    " partner only."
)
NO_RESOURCE = "No HTTP resource was found that matches the request URI."
NO_METHOD = "The requested resource does not support this http method."
NO_RENEWAL = "The checkout cannot be renewed."  # ours: no refused renewal was ever recorded
SUCCESS = {"message": "success"}

TITLE_MODEL = "RB.API.LibraryMedia"
PATRON_MODEL = "RB.API.OneClick.UserPatron"


@dataclass(frozen=True, slots=True)
class Rows:
    """A JSON array that is sent as it is read."""

    chunks: Iterator[list[Any]]


@dataclass(frozen=True, slots=True)
class File:
    """Bytes, as they are or as they are made."""

    content: bytes | Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a call: a value that becomes JSON, `Rows` or a `File`."""

    body: Any
    status: int = 200
    media_type: str = JSON
    says: str = ""


class Refused(Exception):
    """The vendor says no; nothing was changed."""

    def __init__(self, status: int, body: Any, says: str = "", media_type: str = JSON) -> None:
        super().__init__(says or str(body))
        self.answer = Answer(body, status, media_type, says)


def refused(status: int, message: str, says: str = "") -> Refused:
    """With a message, as most are."""
    return Refused(status, {"message": message}, says)


def invalid(says: str) -> Refused:
    """400; the vendor does not say why, we do."""
    return refused(400, INVALID_REQUEST, says)


def not_located(model: str, criteria: dict[str, Any], now: datetime) -> str:
    """What the vendor's framework says when it finds nothing."""
    return (
        f"eXtensible Framework was unable to locate the resource for {model}.Get     details: "
        + _diagnostics(model, criteria, now)
    )


def sql_exception(model: str, parameter: str, criteria: dict[str, Any], now: datetime) -> str:
    """What it says when a value breaks its query."""
    return (
        f"eXtensible Framework encountered a SqlException for {model}.Get in {model}MDG     "
        f"details: Ex: The query expects the parameter '@{parameter}', which was not supplied.\r\n"
        + _diagnostics(model, criteria, now)
    )


def _diagnostics(model: str, criteria: dict[str, Any], now: datetime) -> str:
    listed = ";".join(
        f"{name}<{'Int32' if isinstance(value, int) else 'String'}> : {value}"
        for name, value in criteria.items()
    )
    return (
        f"ICriterion: [ {listed}]\r\nIContext: Message<{model}>.Get\r\nsandbox.zone.pretended\r\n"
        f"sandbox.request.begin.{now:%m/%d/%Y %I:%M:%S %p}\r\nsandbox.resultset.count.0\r\n\r\n"
        f"     errorId:{uuid4()}"
    )


def html_page(title: str, text: str) -> bytes:
    """A page as the vendor's web server writes them."""
    return (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN"'
        '"http://www.w3.org/TR/html4/strict.dtd">\r\n'
        f"<HTML><HEAD><TITLE>{title}</TITLE>\r\n"
        '<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>\r\n'
        f"<BODY><h2>{title}</h2>\r\n<hr><p>{text}</p>\r\n</BODY></HTML>\r\n"
    ).encode("ascii")


BADLY_FORMED = Answer(
    File(html_page("Bad Request", "HTTP Error 400. The request is badly formed.")),
    400, HTML, "A path has no blanks and no control characters.",
)  # fmt: skip
LENGTH_REQUIRED = Answer(
    File(html_page("Length Required", "HTTP Error 411. The request must have a length.")),
    411, HTML, "Send Content-Length: 0 with a POST or PUT without a body.",
)  # fmt: skip
UNAVAILABLE_PAGE = Answer(
    File(html_page("Service Unavailable", "HTTP Error 503. The service is unavailable.")), 503, HTML
)
