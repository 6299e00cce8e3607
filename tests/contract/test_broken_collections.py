"""The contract catches a vendor's collection that goes wrong: each of these has one fault.

A fault is named by what the collection does, and has the test of the contract that finds it. All
are a `MemoryCollection` with one method that asks, gives in or answers otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from bibliobus.ils import (
    AlreadyOnHold,
    Bookmark,
    CirculationError,
    Fulfilment,
    NoCopyAvailable,
    Origin,
    Refused,
    TitleNotFound,
    Wish,
)
from bibliobus.testing import MemoryCollection
from bibliobus.testing.contract import DigitalContract
from tests.contract.test_collection import InMemory

Method = Callable[..., Awaitable[Any]]
Adapter = type[MemoryCollection]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

# ------------------------------------------------ how collections go wrong


def wrong(method: str, how: Callable[..., Awaitable[Any]]) -> Adapter:
    """A MemoryCollection in which `how(it, right, *args, **more)` stands for a method, `right`."""

    async def faulty(self: MemoryCollection, *args: Any, **more: Any) -> Any:
        return await how(self, partial(getattr(MemoryCollection, method), self), *args, **more)

    return type("Faulty", (MemoryCollection,), {method: faulty})


def asks(method: str, **otherwise: Callable[[Any], Any]) -> Adapter:
    """It does not look at what it is asked: a function of an argument stands for it."""

    async def how(it: MemoryCollection, right: Method, *args: Any, **more: Any) -> Any:
        changed = {name: function(more.get(name)) for name, function in otherwise.items()}
        return await right(*args, **(more | changed))

    return wrong(method, how)


def answers(method: str, refused: type[Refused], answer: object) -> Adapter:
    """It does not refuse."""

    async def how(it: MemoryCollection, right: Method, *args: Any, **more: Any) -> Any:
        try:
            return await right(*args, **more)
        except refused:
            return answer

    return wrong(method, how)


def _nothing(_: object) -> None:
    return None


def _without_key(origin: Origin) -> Origin:
    return replace(origin, request_key=None)


async def _takes_13_digits_only(it: MemoryCollection, right: Method, item_id: str) -> Any:
    return await right(item_id) if item_id.isdecimal() and len(item_id) == 13 else None


async def _ends_the_first(it: MemoryCollection, right: Method, item: str, **more: Any) -> Any:
    for patron in ("grace", "ada"):
        loans = (await it.patron_account(patron)).loans
        if more.get("patron_id") is None and item in [loan.item_id for loan in loans]:
            return await right(item, **(more | {"patron_id": patron}))
    return await right(item, **more)


async def _makes_another_copy(it: MemoryCollection, right: Method, *args: Any, **more: Any) -> Any:
    try:
        return await right(*args, **more)
    except NoCopyAvailable:
        it._titles[args[1]].copies += 1
        return await right(*args, **more)


async def _keeps_any_bookmark(
    it: MemoryCollection, right: Method, patron: str, item: str, mark: Bookmark, **more: Any
) -> None:
    kept = await it.bookmark(patron, item)
    later = mark.kept_at if kept is None else max(kept.kept_at, mark.kept_at)
    await right(patron, item, replace(mark, kept_at=later), **more)


class KeepsBookmarks(MemoryCollection):
    """It keeps them beside the loans."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.kept: dict[tuple[str, str], Bookmark] = {}

    async def keep_bookmark(
        self, patron_id: str, item_id: str, bookmark: Bookmark, *, origin: Origin
    ) -> None:
        await super().keep_bookmark(patron_id, item_id, bookmark, origin=origin)
        self.kept[patron_id, item_id] = bookmark

    async def bookmark(self, patron_id: str, item_id: str) -> Bookmark | None:
        await super().bookmark(patron_id, item_id)
        return self.kept.get((patron_id, item_id))


async def _wishes_anew(it: MemoryCollection, right: Method, patron: str, *of: Any, **o: Any) -> Any:
    await it.drop_wish(patron, *of, **o)
    return await right(patron, *of, **o)


async def _oldest_first(it: MemoryCollection, right: Method, patron: str) -> Any:
    return [*reversed(await right(patron))]


LINK = Fulfilment(url="https://files.example/", media_type="audio/mpeg", expires_at=NOON)
WISH = Wish(isbn="9780141439990", title_id="", wished_at=NOON)


class Fault(NamedTuple):
    """A broken collection, and the test that finds it."""

    adapter: Adapter
    found_by: str


FAULTS: Mapping[str, Fault] = {
    "knows no isbn of ten digits": Fault(
        wrong("find_item", _takes_13_digits_only), "knows_an_isbn_however_it_is_written"
    ),
    "lends more than there are": Fault(
        wrong("checkout", _makes_another_copy), "lends_a_title_to_as_many_as_there_are_copies"
    ),
    "lends the last copy to many": Fault(
        wrong("checkout", _makes_another_copy), "one_of_many_gets_the_last_copy"
    ),
    "ends anybody's loan": Fault(
        wrong("checkin", _ends_the_first),
        "ends_nobodys_loan_if_several_have_it_and_none_was_named",
    ),
    "does not look at whose loan it is": Fault(
        asks("checkin", patron_id=_nothing), "ends_no_loan_of_another_than_was_named"
    ),
    "forgets replays": Fault(
        asks("checkin", origin=_without_key), "knows_a_repeat_when_another_has_the_title"
    ),
    "forgets replays of holds": Fault(
        asks("add_hold", origin=_without_key), "waits_once_however_often_it_is_asked"
    ),
    "lets patrons wait without end": Fault(
        answers("add_hold", AlreadyOnHold, None), "lets_a_patron_wait_once"
    ),
    "looks at no pin": Fault(asks("checkout", pin=_nothing), "lends_with_the_right_pin_only"),
    "gives links to anybody": Fault(
        answers("fulfil", Refused, LINK), "gives_nothing_to_who_does_not_have_it"
    ),
    "gives links after the loan": Fault(
        answers("fulfil", Refused, LINK), "gives_nothing_any_more_after_the_loan"
    ),
    "gives any format": Fault(
        asks("fulfil", media_type=_nothing), "gives_the_best_format_if_none_was_named"
    ),
    "has parts without end": Fault(
        answers("fulfil", Refused, LINK), "says_what_an_audiobook_consists_of"
    ),
    "keeps the bookmark that came last": Fault(
        wrong("keep_bookmark", _keeps_any_bookmark), "keeps_the_newest_bookmark"
    ),
    "keeps bookmarks for ever": Fault(KeepsBookmarks, "forgets_a_bookmark_at_the_end_of_the_loan"),
    "wishes anew": Fault(wrong("add_wish", _wishes_anew), "wishes_for_each_title_once"),
    "lists the oldest wish first": Fault(
        wrong("wishlist", _oldest_first), "lists_wishes_the_newest_first"
    ),
    "wishes for what there is not": Fault(
        answers("add_wish", TitleNotFound, WISH), "wishes_for_nothing_that_there_is_not"
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_finds_a_collection_that(fault: str) -> None:
    library = InMemory(adapter=FAULTS[fault].adapter)
    test = getattr(DigitalContract(), f"test_{FAULTS[fault].found_by}")

    with pytest.raises((AssertionError, pytest.fail.Exception, CirculationError)):
        await test(library)
