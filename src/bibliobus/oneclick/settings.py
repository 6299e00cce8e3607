"""What an operator says of one vendor collection: where the vendor is, and who we are there.

Source: spec/oneclick-api 1.0 (hosts, the token as issued) and 4 (the guide's configuration).
"""

from __future__ import annotations

import ipaddress
import logging
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from bibliobus.ils.secret import Secret

logger = logging.getLogger(__name__)

Era = Literal["E1", "E2", "E3", "E4"]
Stage = Literal["production", "qa"]
Days = Annotated[int, msgspec.Meta(ge=1, le=365)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Interval = Annotated[float, msgspec.Meta(ge=0)]

HOSTS: Mapping[tuple[bool, Stage], str] = {
    (True, "production"): "api.oneclickdigital.com",
    (True, "qa"): "api.oneclickdigital.us",
    (False, "production"): "api.rbdigital.com",
    (False, "qa"): "api.rbdigitalstage.com",
}
"""The vendor's API by (whether the era is E1, stage)."""

VENDOR_HOSTS = frozenset({*HOSTS.values(), "api.rbdigitalqa.com"})
"""All that are the vendor's; links in its answers name one or another of them."""


class CollectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One vendor collection of one institution. The token is never shown, not even by `repr`."""

    institution: str = ""  # whose it is; "": the only one
    library_id: Annotated[int, msgspec.Meta(ge=1)]  # the vendor's number for the library
    url: str | None = None  # of the API, with or without a final slash or /v1
    stage: Stage | None = None  # instead of `url`: the vendor's own hosts
    token: str | None = None  # the partner token, exactly as issued
    token_file: str | None = None
    token_variable: str | None = None  # an environment variable
    era: Era = "E1"  # how the vendor speaks: it changed three times
    ebook_loan_length: Days = 21
    eaudio_loan_length: Days = 14
    ebook_agreed_length: Days = 21  # with the vendor; one can ask for shorter loans only
    eaudio_agreed_length: Days = 14
    read_at: str = "Read or hear it in your library's app: sign in with your card."
    shares: tuple[Literal["card", "name", "email"], ...] = ()
    """What the vendor may learn of a patron who agrees to it; else nothing."""
    placeholder_email: str = "{alias}@patrons.invalid"  # for who is not to be known
    wait_seconds: Seconds = 6.0  # that somebody waits for the vendor; then it is being confirmed
    reconciled_minutes: Interval = 5.0  # not more often, when a patron is here
    reconciled_hours: Interval = 24.0  # for patrons who were here in the last days; 0: never
    reconciled_days: Days = 60
    reconciling_seconds: Interval = 1.0  # between two calls for that
    forgotten_days: Days = 1  # how long after its end a loan is known to be a patron's
    timeout_seconds: Seconds = 20.0  # of a call that somebody waits for
    listing_timeout_seconds: Seconds = 600.0  # of one that fetches a whole list
    shows_titles_not_owned: bool = False  # the vendor lists what the library could buy, too
    spool: str | None = None  # a folder for whole catalogues; None: beside the database
    scheduled: bool = True  # `serve` does what is due; False: cron or a timer does
    availability_hours: Interval = 4.0  # between two looks at what can be borrowed; 0: never
    delta_hours: Interval = 24.0  # … at what came and went
    import_days: Interval = 7.0  # … at everything, which alone shows what was corrected

    def __post_init__(self) -> None:
        """Refuse what could not be used (ValueError; msgspec says where)."""
        for problem in self._problems():
            raise ValueError(problem)

    def __repr__(self) -> str:
        return f"CollectionSettings(library_id={self.library_id}, era={self.era!r})"

    def _problems(self) -> Iterator[str]:
        ways = (self.token, self.token_file, self.token_variable)
        if sum(1 for way in ways if way) != 1:
            yield "say in exactly one way what the token is: token, token_file or token_variable"
        if "{alias}" not in self.placeholder_email or "@" not in self.placeholder_email:
            yield "`placeholder_email` must be an address with {alias} in it"
        if self.url is None and self.stage is None:
            yield "`url` is missing: say where the vendor's API is, or `stage`"
        if self.url is not None:
            yield from _problems_of(self.url)

    @property
    def api(self) -> str:
        """The address that all calls begin with: `https://api.oneclickdigital.com/v1`."""
        if self.url is None:
            return f"https://{HOSTS[self.era == 'E1', self.stage or 'production']}/v1"
        parts = urlsplit(self.url.strip())
        path = parts.path.rstrip("/")
        if path.lower().endswith("/v1"):
            path = path[:-3].rstrip("/")
        return f"{parts.scheme.lower()}://{parts.netloc.lower()}{path}/v1"

    def basic_token(self) -> Secret:
        """The partner token, read anew: a file or the environment may have another one by now.

        Raises:
            ValueError: There is none, or it is none. The message never shows it.
        """
        text = self._token_text().strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("the partner token is empty, or has characters that no token has")
        return Secret(text)

    def _token_text(self) -> str:
        if self.token_file:
            return _read_privately(Path(self.token_file))
        if self.token_variable:
            return os.environ.get(self.token_variable, "")
        return self.token or ""


def _read_privately(path: Path) -> str:
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            logger.warning("token_file %s can be read by others than its owner: chmod 600", path)
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ValueError(f"`token_file`: {path} cannot be read: {reason}") from None


def _problems_of(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018 # which raises if it is no number
    except ValueError:
        yield "`url` is no address"
        return
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        yield "`url` must begin with https:// and name a host"
    elif "@" in parts.netloc or parts.query or parts.fragment:
        yield "`url` must have no user, no ? and no #; the token has its own setting"
    elif parts.scheme.lower() == "http" and not is_loopback(parts):
        yield "`url` must begin with https://, or the token could be read on its way"


def is_loopback(parts: SplitResult) -> bool:
    """Whether an address leads to this machine itself."""
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
