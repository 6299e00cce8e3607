"""The calls about titles: the whole catalogue, one title, availability, what changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import msgspec

from bibliobus.sandbox.vendor import answers, wire
from bibliobus.sandbox.vendor.answers import Answer, Rows, invalid, refused
from bibliobus.sandbox.vendor.calling import Call
from bibliobus.sandbox.vendor.collection import MEDIA, Title

KEPT_DAYS, SPAN_DAYS = 183, 62  # six months, two months: 1.5
_NUMBER = re.compile("[0-9]{1,13}")


def whole_catalogue(call: Call) -> Answer:
    """All titles, by ascending title id."""
    return Answer(Rows(_media_objects(call, None)))


def catalogue_of_medium(call: Call) -> Answer:
    """All titles of one medium."""
    return Answer(Rows(_media_objects(call, _medium(call))))


def one_title(call: Call) -> Answer:
    """By ISBN, or by the vendor's number."""
    title = _asked_title(call)
    if title is None:
        return Answer({"message": call.no_title(call.arguments["isbn"])})
    return Answer(wire.media_object(title, call.vendor.settings.era))


def availability_of_medium(call: Call) -> Answer:
    """All titles of one medium, and whether a copy is free; one instant for all of them."""
    return Answer(Rows(_availability(call, _medium(call))))


def availability_of_all(call: Call) -> Answer:
    """Both media together."""
    return Answer(Rows(_availability(call, None)))


def availability_of_one(call: Call) -> Answer:
    """One object instead of an array."""
    title = _asked_title(call)
    if title is None:
        return Answer({"message": call.no_title(call.arguments["isbn"])})
    free = title.owned and call.vendor.collection.free(title)
    return Answer(wire.availability(title, wire.instant(call.now), free=free))


def delta(call: Call) -> Answer:
    """What the library bought and gave up, with all that is known of the titles; until E3."""
    begin, end = _span(call)
    vendor = call.vendor
    added, removed = vendor.collection.changes(begin, end)
    era = vendor.settings.era
    counts = {
        f"{medium}{change}Count": sum(title.medium == medium for title in titles)
        for medium in MEDIA
        for change, titles in (("Added", added), ("Removed", removed))
    }
    return Answer([
        {
            "libraryId": vendor.settings.library_id,
            "libraryName": vendor.settings.library_name,
            "beginDate": str(begin),
            "endDate": str(end),
            "addedTitles": [wire.delta_title(title, era) for title in added],
            "removedTitles": [wire.delta_title(title, era) for title in removed],
            **counts,
            "titleAddedCount": len(added),
            "titleRemovedCount": len(removed),
        }
    ])  # fmt: skip


def withdrawn(call: Call) -> Answer:
    """What the last era says of `media/delta`."""
    says = "media/delta was withdrawn in 2020; ask book-holdings/delta, or an earlier era."
    raise refused(404, answers.NO_RESOURCE, says)


def snapshots(call: Call) -> Answer:
    """The days between which `book-holdings/delta` can tell what changed; from E4."""
    days = _snapshot_days(call)
    counts = [call.vendor.collection.counts_on(days, medium) for medium in MEDIA]
    return Answer([
        {
            "tenantId": call.vendor.settings.library_id,
            "asOf": str(day),
            "eBookCount": ebooks,
            "eAudioCount": eaudio,
            "totalCount": ebooks + eaudio,
        }
        for day, ebooks, eaudio in zip(days, *counts, strict=True)
    ])  # fmt: skip


def holdings_delta(call: Call) -> Answer:
    """What changed between two snapshots, by number and ISBN; from E4."""
    begin, end = _day(call, "begin"), _day(call, "end")
    days = _snapshot_days(call)
    for day in (begin, end):
        if day not in days:
            raise invalid(f"There is no snapshot of {day}; ask for the available dates.")
    if begin >= end:
        raise invalid("begin is the earlier of two different snapshots.")
    added, removed = call.vendor.collection.changes(begin, end)
    return Answer({
        "tenantId": call.vendor.settings.library_id,
        "beginDate": str(begin),
        "endDate": str(end),
        "addedBooks": [wire.delta_book(title) for title in added],
        "removedBooks": [wire.delta_book(title) for title in removed],
        "booksAddedCount": len(added),
        "booksRemovedCount": len(removed),
    })  # fmt: skip


def _media_objects(call: Call, medium: str | None) -> Iterator[list[Any]]:
    settings = call.vendor.settings
    for titles in call.vendor.collection.held(medium, also_not_owned=settings.shows_not_owned):
        if settings.era == "E4":
            yield [wire.media_object(title, settings.era) for title in titles]
        else:
            yield [msgspec.Raw(title.body) for title in titles]


def _availability(call: Call, medium: str | None) -> Iterator[list[Any]]:
    instant, exhausted = wire.instant(call.now), call.vendor.collection.exhausted()
    for titles in call.vendor.collection.held(medium):
        yield [
            wire.availability(title, instant, free=title.position not in exhausted)
            for title in titles
        ]


def _medium(call: Call) -> str:
    return {medium.lower(): medium for medium in MEDIA}[call.arguments["medium"].lower()]


def _asked_title(call: Call) -> Title | None:
    """The title of the path, which may be named by ISBN or by title id.

    Raises:
        Refused: It is named by something else.
    """
    value = call.arguments["isbn"]
    collection = call.vendor.collection
    title = collection.find(value)
    if title is None and not _NUMBER.fullmatch(value):
        status = call.vendor.settings.malformed_id_status
        raise refused(status, f"{answers.INVALID_TOKEN_VALUE}{value}")
    if title is None and len(value) < 13:
        title = collection.by_title_id(int(value))
    return title if title and title.held and call.shown(title) else None


def _span(call: Call) -> tuple[date, date]:
    """`begin` and `end`, within the limits of the first eras."""
    begin, end, today = _day(call, "begin"), _day(call, "end"), call.vendor.clock.today
    if begin > end:
        raise invalid("begin is later than end.")
    if end > today + timedelta(days=1):  # it may be tomorrow where the client is
        raise invalid(f"end is in the future: for the vendor, today is {today}.")
    if begin < today - timedelta(days=KEPT_DAYS):
        raise invalid("Changes are kept for six months.")
    if end - begin > timedelta(days=SPAN_DAYS):
        raise invalid("One call may ask for two months.")
    return begin, end


def _day(call: Call, name: str) -> date:
    """A date; one with a time after it was sent by the first client, and is taken."""
    text = call.parameter(name) or ""
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:$|[T ])", text):
        raise invalid(f"{name} is a date like 2016-10-17.")
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise invalid(f"{name}: there is no day {text[:10]}.") from None


def _snapshot_days(call: Call) -> list[date]:
    vendor = call.vendor
    return vendor.collection.snapshot_days(vendor.clock.today, gaps=vendor.settings.snapshot_gaps)
