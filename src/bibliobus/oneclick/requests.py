"""What we send: addresses, headers and bodies, checked before anything leaves.

Whatever comes from a patron becomes one path segment, percent-encoded; what could not be one is
refused here. A number that goes into an address is a positive integer, so no `None` gets there.

Source: spec/oneclick-api 1.0, 1.8.3 (the fields of a new account, by era), 6 (rows 11 and 23).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import IntEnum
from urllib.parse import quote, urlencode

import msgspec

from bibliobus.ils.secret import Secret
from bibliobus.oneclick.answers import Action
from bibliobus.oneclick.errors import BadInput
from bibliobus.oneclick.settings import CollectionSettings, Era
from bibliobus.oneclick.wire import Private

LONGEST_VALUE = 255  # characters of a card number, user name or e-mail address


class Level(IntEnum):
    """How much the vendor is to say of a title (`Accept-Media`); by word or by number."""

    BASIC = 0
    COMPACT = 1
    COMPLETE = 2
    EXTENDED = 3
    HYPERMEDIA = 4


class NewPatron(Private, frozen=True):
    """An account to be made. Card, user name and e-mail are each unique in the library."""

    library_card: str
    user_name: str  # E3 and later: letters and digits only
    email: str
    first_name: str
    last_name: str
    password: Secret
    postal_code: str = "00000"  # E3 and later


def headers(token: Secret, level: Level, *, empty: bool) -> dict[str, str]:
    """Those of a call by a partner. The token goes as it was issued, never encoded again."""
    fields = {
        "Authorization": f"Basic {token.reveal()}",
        "Accept": "application/json",
        "Accept-Media": level.name.lower(),
        "Content-Type": "application/json",
    }
    return fields | {"Content-Length": "0"} if empty else fields


def bearer(token: Secret | None) -> dict[str, str]:
    """The headers of a call that no partner makes: with a patron's bearer token, or with none.

    Raises:
        ValueError: It is no token.
    """
    if token is None:
        return {}
    if not is_token(token.reveal()):
        raise ValueError("the bearer token has characters that no token has")
    return {"Authorization": f"Bearer {token.reveal()}"}


def is_token(text: str) -> bool:
    """Whether a text can be a bearer token (RFC 6750, 2.1)."""
    return re.fullmatch("[A-Za-z0-9._~+/-]{8,4096}=*", text) is not None


def segment(action: Action, value: str) -> str:
    """A card number, user name or e-mail address as a path segment.

    Raises:
        BadInput: No address could have it. Nothing was sent.
    """
    if not value.strip() or value in (".", "..") or len(value) > LONGEST_VALUE:
        raise BadInput(f"{action.value}: the value is empty, or none", may_stand=False)
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        encoded = b""
    if not encoded:  # outside, since the exception has the value in it
        raise BadInput(f"{action.value}: the value has half characters", may_stand=False)
    return quote(encoded, safe="")


def isbn_segment(action: Action, isbn: str) -> str:
    """An ISBN as a path segment: 13 digits.

    Raises:
        BadInput: It is none. Nothing was sent.
    """
    if len(isbn) != 13 or not isbn.isascii() or not isbn.isdigit():
        raise BadInput(f"{action.value}: an ISBN has 13 digits", may_stand=False)
    return isbn


def number_segment(action: Action, number: int) -> str:
    """A vendor's number as a path segment.

    Raises:
        BadInput: It is none. Nothing was sent.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise BadInput(f"{action.value}: the id is no positive number", may_stand=False)
    return str(number)


def query(pairs: Iterable[tuple[str, object]]) -> str:
    """Parameters, in the order given; without those that are None."""
    given = [(name, str(value)) for name, value in pairs if value is not None]
    return f"?{urlencode(given, quote_via=quote)}" if given else ""


def body(fields: Mapping[str, object]) -> bytes:
    """A JSON object."""
    return msgspec.json.encode(fields)


def new_patron(patron: NewPatron, settings: CollectionSettings) -> bytes:
    """The body that makes an account, with the field names of the era."""
    fields: dict[str, object] = {
        "libraryId": settings.library_id,
        "userName": patron.user_name,
        "email": patron.email,
        "firstName": patron.first_name,
        "lastName": patron.last_name,
        "password": patron.password.reveal(),
    }
    if _is_early(settings.era):
        return body(fields | {"libraryCardNumber": patron.library_card})
    later = {"libraryCard": patron.library_card, "postalCode": patron.postal_code}
    return body(fields | later)


def _is_early(era: Era) -> bool:
    return era in ("E1", "E2")
