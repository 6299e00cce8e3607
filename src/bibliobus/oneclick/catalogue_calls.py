"""What the vendor can be asked about titles.

Source: spec/oneclick-api 1.2 to 1.7.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, BinaryIO, Literal

import msgspec

from bibliobus.catalogue.records import Medium
from bibliobus.ils.errors import TitleNotFound
from bibliobus.oneclick import requests
from bibliobus.oneclick.answers import Action, bad_answer
from bibliobus.oneclick.bodies import Answer
from bibliobus.oneclick.caller import Caller
from bibliobus.oneclick.listing import Listing, ListingFetched
from bibliobus.oneclick.transport import Call
from bibliobus.oneclick.wire import (
    Availability,
    Delta,
    HoldingsDelta,
    SearchPage,
    Snapshot,
    decoder,
)

WORDS: Mapping[Medium, str] = {Medium.EBOOK: "eBook", Medium.EAUDIO: "eAudio"}
"""What the vendor calls what it lends."""

KEPT = timedelta(days=180)  # that deltas reach back
SPAN = timedelta(days=60)  # that one delta may have
PAGE = 100  # entries of a search page, if nothing is said
MOST_PAGES = 10_000  # after which a search is taken to run in circles
LIST = 64 * 1024 * 1024  # bytes of a list
SEARCH_SECONDS = 120.0  # searches were slow; 20 s were not enough for others

_AVAILABILITIES = decoder(tuple[Availability, ...])
_AVAILABILITY = decoder(Availability)
_DELTAS = decoder(tuple[Delta, ...])
_SNAPSHOTS = decoder(tuple[Snapshot, ...])
_HOLDINGS = decoder(HoldingsDelta)
_PAGE = decoder(SearchPage)
_OBJECT = decoder(dict[str, msgspec.Raw])


class Facet(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that one can search by, or a value of it."""

    facet_token: str | None = None
    value_token: str | None = None


_FACETS = decoder(tuple[Facet, ...])


class CatalogueCalls(Caller):
    """Questions about titles. None of them changes anything, so each may be repeated."""

    async def listing(self, into: BinaryIO) -> ListingFetched:
        """Fetch the whole catalogue into a file: an array of media objects, for `parse_title`.

        It is hard work for the vendor, who asks for it to be done rarely, so this is tried once.

        Args:
            into: Where the bytes go. After an error it has some of them, and is of no use.

        Raises:
            VendorError: There was no answer, or it broke off, or it was no list.
        """
        seconds = self.settings.listing_timeout_seconds
        call = self._call(Action.LISTING, f"{self._library}/media/all", seconds=seconds)
        reading = Listing(call, into)
        result = await self._transport.once(call, reading.consume)
        outcome = self._transport.judged(call, result) if isinstance(result, Answer) else result
        if not isinstance(outcome, Answer):
            raise outcome
        if (oddity := reading.oddity()) is not None:
            raise bad_answer(call.action, outcome, oddity)
        return reading.fetched(self._clock())

    async def title(self, isbn: str) -> bytes | None:
        """The vendor's record of one title, a media object for `parse_title`; None: it has none."""
        segment = requests.isbn_segment(Action.TITLE, isbn)
        call = self._call(Action.TITLE, f"{self._library}/media/{segment}")
        try:
            answer = await self._transport.ask(call)
        except TitleNotFound:
            return None
        found = self._read(call, answer, _OBJECT)
        if "isbn" not in found and "title" not in found:
            raise bad_answer(call.action, answer, "it is no title")
        return answer.body

    async def availability(self, medium: Medium | None = None) -> tuple[Availability, ...]:
        """What of all titles, or of those of a medium, can be checked out now. An empty list is an
        answer, too.

        Raises:
            KeyError: The vendor has no such list for this medium.
        """
        url = f"{self._library}/media/{'all' if medium is None else WORDS[medium]}/availability"
        return await self._ask(self._list(Action.AVAILABILITY, url), _AVAILABILITIES)

    async def availability_of(self, isbn: str) -> Availability | None:
        """Whether one title can be checked out now; None: the library does not have it."""
        segment = requests.isbn_segment(Action.AVAILABILITY, isbn)
        call = self._call(Action.AVAILABILITY, f"{self._library}/media/{segment}/availability")
        try:
            answer = await self._transport.ask(call)
        except TitleNotFound:
            return None
        found = self._read(call, answer, _AVAILABILITY)
        if found.availability is None:
            raise bad_answer(call.action, answer, "it does not say whether it is available")
        return found

    async def delta(self, begin: date, end: date) -> Delta:
        """What came and went between two days, both included (E1 to E3).

        Raises:
            ValueError: The vendor keeps no such delta: see `KEPT` and `SPAN`. Nothing was sent.
            NotSupported: The era is E4: ask for `holdings_delta`.
        """
        self._only_in("E1", "E2", "E3")
        today = self._clock().date()
        if not today - KEPT <= begin <= end <= today or end - begin > SPAN:
            raise ValueError("a delta ends today at the latest, spans 60 days, goes back 180")
        url = f"{self._library}/media/delta{requests.query([('begin', begin), ('end', end)])}"
        call = self._list(Action.DELTA, url)
        answer = await self._transport.ask(call)
        found = self._read(call, answer, _DELTAS)
        if len(found) != 1:
            raise bad_answer(call.action, answer, f"{len(found)} deltas instead of one")
        return found[0]

    async def snapshots(self) -> tuple[Snapshot, ...]:
        """The days whose holdings the vendor has kept, the earliest first (E4).

        Raises:
            NotSupported: The era is an earlier one.
        """
        self._only_in("E4")
        url = f"{self._library}/book-holdings/delta/available-dates"
        found = await self._ask(self._list(Action.SNAPSHOTS, url), _SNAPSHOTS)
        return tuple(sorted(found, key=lambda each: each.as_of))  # which they rarely are

    async def holdings_delta(self, begin: date, end: date) -> HoldingsDelta:
        """What came and went between two snapshots, by ISBN alone (E4).

        Raises:
            ValueError: It is the same day twice. Nothing was sent.
            NotSupported: The era is an earlier one.
        """
        self._only_in("E4")
        if begin >= end:
            raise ValueError("a delta of holdings needs two snapshots, the earlier one first")
        pairs = [("begin", begin), ("end", end)]
        url = f"{self._library}/book-holdings/delta{requests.query(pairs)}"
        return await self._ask(self._list(Action.HOLDINGS, url), _HOLDINGS)

    async def search(
        self,
        *,
        medium: Medium | None = None,
        genres: Sequence[str] = (),
        audience: str | None = None,
        availability: Literal["available", "unavailable"] | None = None,
        text: Mapping[str, str] | None = None,
        sort: Sequence[tuple[str, Literal["asc", "desc"]]] = (),
        page: int = 0,
        page_size: int = PAGE,
    ) -> SearchPage:
        """One page of the titles that have all of this.

        Args:
            medium: Only e-books or only e-audio.
            genres: The vendor's tokens; a title has to have all of them.
            audience: The vendor's token: `adult`, `beginning-reader`, `childrens`, `young-adult`.
            availability: Only what can be checked out now, or what cannot.
            text: By facet: `all`, `author`, `title`, `narrator`, `series`, `publisher` …
            sort: By what, and in which direction: `title`, `author`.
            page: From 0.
            page_size: How many entries are on one.
        """
        pairs: list[tuple[str, object]] = [("media-type", WORDS[medium] if medium else None)]
        pairs += [("genre", genre) for genre in genres]
        pairs += [("audience", audience), ("availability", availability)]
        pairs += (text or {}).items()
        for field, order in sort:
            pairs += [("sort-by", field), ("sort-order", order)]
        pairs += [("page-size", None if page_size == PAGE else page_size)]
        pairs += [("page-index", page or None)]
        url = f"{self._library}/search{requests.query(pairs)}"
        call = self._call(Action.SEARCH, url, seconds=self._patient(SEARCH_SECONDS), largest=LIST)
        return await self._ask(call, _PAGE)

    async def pages(self, **search: Any) -> AsyncIterator[SearchPage]:  # Any: those of `search`
        """All pages of a search, from the first to the last one that has anything on it."""
        for number in range(MOST_PAGES):
            page = await self.search(**search, page=number)
            if page.page_index != number or not page.items:
                return  # the vendor begins again, or has no more
            yield page
            if number + 1 >= page.page_count:
                return

    async def facets(self, of: str | None = None) -> tuple[str, ...]:
        """What one can search by, or the values of one of them. The call is known to have died."""
        path = "" if of is None else f"/{requests.segment(Action.FACETS, of)}"
        call = self._call(Action.FACETS, f"{self.settings.api}/facets{path}")
        found = await self._ask(call, _FACETS)
        tokens = (each.facet_token if of is None else each.value_token for each in found)
        return tuple(token for token in tokens if token)

    def _list(self, action: Action, url: str) -> Call:
        seconds = self._patient(self.settings.listing_timeout_seconds)
        return self._call(action, url, seconds=seconds, largest=LIST)

    def _patient(self, seconds: float) -> float:
        return max(seconds, self.settings.timeout_seconds)
