"""The pretended vendor: what it knows, what it was asked, and what can be done to it from outside.

Everything of it is synchronous and quick, for one thread; `serving` puts it on a socket.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from bibliobus.sandbox.vendor.clock import MovableClock, utc_now
from bibliobus.sandbox.vendor.collection import MEDIA, Collection, Title
from bibliobus.sandbox.vendor.faults import Faults
from bibliobus.sandbox.vendor.files import Links
from bibliobus.sandbox.vendor.lending import Lending, Tick
from bibliobus.sandbox.vendor.patrons import Patrons
from bibliobus.sandbox.vendor.recorded import recorded_titles
from bibliobus.sandbox.vendor.settings import VendorSettings, changed
from bibliobus.sandbox.vendor.state import State
from bibliobus.sandbox.vendor.titles import own_titles

MOST_COPIES = 1_000_000


class Vendor:
    """One vendor with one library. `Vendor.open` makes it, `serving_vendor` gives it an address.

    `calls` counts how often each endpoint was asked, by its name in `routes.ENDPOINTS`; `faults`
    are what goes wrong on purpose; `clock` can be moved; `patrons` registers accounts.
    """

    def __init__(self, state: State, settings: VendorSettings, clock: MovableClock) -> None:
        self.state, self.settings, self.clock = state, settings, clock
        self.calls: Counter[str] = Counter()
        self.faults = Faults()
        self.collection = Collection(state)
        self.patrons = Patrons(state)
        self.lending = Lending(state, self.collection)
        self.links = Links(state.kept("link key", secrets.token_hex(16)))

    @classmethod
    def open(
        cls,
        path: Path | None = None,
        settings: VendorSettings | None = None,
        *,
        catalogue: Path | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> Vendor:
        """Open the vendor whose state is in a file, or a temporary one.

        It blocks: some ten seconds for a catalogue of a hundred thousand titles.

        Args:
            path: An SQLite file, made if it is not there. None: everything is gone at the end.
            settings: None: as `VendorSettings` says. Without a token the vendor makes one, once.
            catalogue: A dump of `media/all`. None: the titles in the box. Only an empty state
                takes them; what is in a file already stays.
            clock: The time, aware; the vendor's may be moved away from it.

        Raises:
            OSError: A file cannot be read or written, or is another kind of file.
            Unreadable: The catalogue is no dump of `media/all`. Nothing of it is kept.
        """
        state = State(path)
        try:
            settings = settings or VendorSettings()
            token = settings.token or state.kept("token", str(uuid4()))
            ahead = timedelta(seconds=float(state.kept("clock ahead", "0")))
            settings = msgspec.structs.replace(settings, token=token)
            vendor = cls(state, settings, MovableClock(clock, ahead))
            vendor._fill(catalogue)
        except BaseException:
            state.close()
            raise
        return vendor

    def close(self) -> None:
        """Close the state. The vendor is of no use afterwards."""
        self.state.close()

    def tick(self) -> Tick:
        """Let the daemon come: loans that are over end, holds become loans."""
        return self.lending.tick(self.settings, self.clock.today)

    def move_clock(self, by: timedelta) -> datetime:
        """Set the clock ahead or back, and keep that; the time it is then.

        Raises:
            ValueError: That is too far.
        """
        self.clock.move(by)
        self.state.keep("clock ahead", str(self.clock.ahead.total_seconds()))
        return self.clock()

    def reset_clock(self) -> datetime:
        """Go with the real clock again; the time it is then."""
        self.clock.reset()
        self.state.keep("clock ahead", "0")
        return self.clock()

    def change_settings(self, **changes: object) -> VendorSettings:
        """Change some settings, until the vendor is opened again.

        Raises:
            ValueError: There is no such setting, or it cannot be that.
        """
        self.settings = changed(self.settings, changes)
        return self.settings

    def add_title(
        self, media_object: dict[str, Any], *, copies: int | None = None, owned: bool = True
    ) -> Title:
        """Let the library buy a title today, or have one again, with what is said of it now.

        Args:
            media_object: As `media/all` has it. An ISBN, a medium and a title are needed; the
                vendor makes a title id.
            copies: None: one of an eBook, as many as are asked for of an eAudio.
            owned: False: it is only shown, if the library shows what it does not own.

        Raises:
            ValueError: It is no media object that the vendor could have.
        """
        whole = self._completed(media_object)
        if copies is None and whole["mediaType"] != "eAudio":
            copies = 1
        _check_copies(copies)
        return self.collection.add(whole, copies, self.clock.today, owned=owned)

    def remove_title(self, isbn: str) -> bool:
        """Let the library give up a title today; whether it had it. Loans of it go on."""
        return self.collection.remove(isbn, self.clock.today)

    def set_copies(self, isbn: str, copies: int | None) -> bool:
        """How many of a title can be lent at once, None for any number; whether it is known.

        Raises:
            ValueError: That is no number of copies.
        """
        _check_copies(copies)
        return self.collection.set_copies(isbn, copies)

    def _fill(self, catalogue: Path | None) -> None:
        """Read what is there; if that is nothing, take the titles that are given."""
        if self.state.value("SELECT count(*) FROM titles"):
            self.collection.load_index()
            return
        titles = own_titles() if catalogue is None else (
            (each, None if each["mediaType"] == "eAudio" else 1)
            for each in recorded_titles(catalogue)
        )  # fmt: skip
        self.collection.load(titles, self.clock.today)

    def _completed(self, given: dict[str, Any]) -> dict[str, Any]:
        isbn, medium, title = (given.get(key) for key in ("isbn", "mediaType", "title"))
        if not (isinstance(isbn, str) and len(isbn) == 13 and isbn.isascii() and isbn.isdigit()):
            raise ValueError("isbn is 13 digits.")
        if medium not in MEDIA:
            raise ValueError(f"mediaType is {' or '.join(MEDIA)}.")
        if not (isinstance(title, str) and title):
            raise ValueError("title is a text.")
        return _DEFAULTS | given | {"titleId": self._title_id(given)}

    def _title_id(self, given: dict[str, Any]) -> int:
        asked = given.get("titleId")
        if isinstance(asked, int) and 0 < asked < 2**31:
            return asked
        known = self.collection.find(given["isbn"])
        if known is not None:
            return known.title_id
        return 1 + int(self.state.value("SELECT coalesce(max(title_id), 0) FROM titles"))


_DEFAULTS: dict[str, Any] = {  # in the order of the wire
    "seriesPosition": 0,
    "seriesTotal": 0,
    "publicationDate": "0001-01-01T00:00:00Z",
    "hasDigitalRights": True,
    "description": "A title that was added to the sandbox.",
    "publisher": "Sandbox House, Inc.",
    "audience": "Adult",
    "genres": "FICTION / General",
    "primaryGenre": "general-fiction",
    "isbn": "",
    "mediaType": "",
    "title": "",
    "authors": "",
    "language": "English",
    "images": [],
    "titleId": 0,
}


def _check_copies(copies: int | None) -> None:
    if copies is not None and not 0 <= copies <= MOST_COPIES:
        raise ValueError(f"copies are 0 to {MOST_COPIES}, or none for any number.")
