"""Links to what a patron has on loan: whom we ask for them, and what is in the answer.

A loan's file has the address of an *access document*, which has the real link; that one lives for
some 15 minutes. Only the vendor's own API is asked, since a bearer token goes along in E4.

Source: spec/oneclick-api 1.11.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import msgspec

from bibliobus.oneclick.settings import VENDOR_HOSTS, is_loopback
from bibliobus.oneclick.wire import Private

LIFE = timedelta(minutes=13)  # of a link, less than the vendor gives it
ADOBE = "application/vnd.adobe.adept+xml"
MISSPELT = {"application/vnd.adobe": ADOBE, "vnd.adobe/adept+xml": ADOBE}


class AccessReply(Private, frozen=True):
    """An access document as the vendor sends it."""

    url: str
    type: str | None = None


class AccessDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file can be had now. Whoever has the link has the file, so it is never printed."""

    url: str
    media_type: str | None
    expires_at: datetime

    def __repr__(self) -> str:
        return f"AccessDocument({self.media_type!r})"


def document(reply: AccessReply, now: datetime) -> AccessDocument:
    """What an access document says, put right.

    Raises:
        ValueError: The link is none for the web.
    """
    parts = urlsplit(reply.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the link is none")
    kind = (reply.type or "").strip().lower()
    media_type = MISSPELT.get(kind, kind) or None
    return AccessDocument(url=reply.url, media_type=media_type, expires_at=now + LIFE)


def address(link: str, api: str) -> str:
    """The address to ask for an access document: the link, over TLS wherever there may be any.

    Args:
        link: As the checkout has it; often plain `http`, though the API is called over TLS.
        api: What all calls begin with.

    Raises:
        ValueError: It leads elsewhere than to the vendor's API.
    """
    parts, ours = urlsplit(link), urlsplit(api)
    strange = not link.isprintable() or " " in link
    if strange or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        raise ValueError("it is no address of the web")
    if parts.netloc.lower() != ours.netloc and not (
        ours.hostname in VENDOR_HOSTS and parts.netloc.lower() in VENDOR_HOSTS
    ):
        raise ValueError("it leads to a host that is not the vendor's")
    if is_loopback(parts):
        return urlunsplit(parts._replace(scheme=ours.scheme, fragment=""))
    return urlunsplit(parts._replace(scheme="https", fragment=""))
