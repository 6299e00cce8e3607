"""The calls that find titles: search in its variants, facets, a title's page."""

from __future__ import annotations

from urllib.parse import unquote

from bibliobus.sandbox.vendor import wire
from bibliobus.sandbox.vendor.answers import Answer
from bibliobus.sandbox.vendor.calling import Call
from bibliobus.sandbox.vendor.searching import FACETS, FREE_TEXT, SORTS
from bibliobus.sandbox.vendor.wording import slug

PAGE_SIZE, LARGEST_PAGE = 100, 1000
LISTS = {  # variants of a search that are ordered, and by what
    "bestsellers": ("loans", True),
    "most-popular": ("loans", True),
    "newly-added": ("added_on", True),
}
PARAMETERS = {"media-type": "mediatype"}  # called otherwise than its facet
TOKENS = {"series": "series", "publisher": "publisher"}


def search(call: Call) -> Answer:
    """Titles by facets, as parameters or as segments of the path, and by free text."""
    values = [unquote(each).lower() for each in call.arguments.get("values", "").split("/") if each]
    order, descending = _order(call)
    chosen: list[tuple[str, str]] = []
    for value in values:
        if value in LISTS:
            order, descending = LISTS[value]
        else:
            chosen.append((_facet_of(value), value))
    chosen += _asked_facets(call)
    exhausted, result = _found(call, chosen)
    return Answer(_page(call, chosen, result, exhausted, order, descending=descending))


def magazines(call: Call) -> Answer:
    """Magazines and comics are not lent here: always an empty page."""
    return Answer(_page(call, [], 0, 0, "title_id", descending=False))


def facets(call: Call) -> Answer:
    """What can be filtered by."""
    return Answer([{"facetToken": facet} for facet in FACETS])


def facet(call: Call) -> Answer:
    """The values of one facet; none, if nobody knows it."""
    values = FACETS.get(call.arguments["facet"].lower(), ())
    return Answer([{"valueToken": value} for value in values])


def title_page(call: Call) -> Answer:
    """One title as a search tells it."""
    title = call.title()
    settings = call.vendor.settings
    free = call.vendor.collection.free(title)
    return Answer({
        "interest": wire.interest(title, settings, free=free),
        "item": wire.search_item(title, settings),
    })  # fmt: skip


def title_summary(call: Call) -> Answer:
    """Some of it, with the whole description."""
    title = call.title()
    item = wire.search_item(title, call.vendor.settings)
    said = {key: item[key] for key in ("isbn", "title", "mediaType", "authors", "images")}
    return Answer(said | {"summary": title.media_object.get("description") or ""})


def _asked_facets(call: Call) -> list[tuple[str, str]]:
    """Those of the query. A word that nobody knows for availability is not meant."""
    asked = []
    for name, value in call.query:
        facet, token = PARAMETERS.get(name.lower(), name.lower()), slug(value)
        if facet == "availability" and token not in FACETS[facet]:
            continue
        if token and (facet in FACETS or facet in TOKENS):
            asked.append((facet, token))
    return asked


def _facet_of(value: str) -> str:
    """Whose value a segment of the path is."""
    for facet, tokens in FACETS.items():
        if value in tokens:
            return facet
    return "any"


def _found(call: Call, chosen: list[tuple[str, str]]) -> tuple[int, int]:
    """The titles of which no copy is free, and those that were searched for."""
    index = call.vendor.collection.index
    exhausted = 0
    for position in call.vendor.collection.exhausted():
        exhausted |= 1 << position
    result = index.everything(also_not_owned=call.vendor.settings.shows_not_owned)
    for facet, token in chosen:
        if facet == "availability":
            result &= exhausted if token == "unavailable" else ~exhausted  # noqa: S105
        elif facet == "any":
            result &= index.having("series", token) | index.having("publisher", token) | (
                index.having("author-token", token)
            )  # fmt: skip
        else:
            result &= index.having(facet, token)
    for name, column in FREE_TEXT.items():
        for text in call.parameters(name):
            if text:
                result &= index.telling(column, text)
    return exhausted, result


def _order(call: Call) -> tuple[str, bool]:
    asked = call.parameters("sort-by")
    descending = any(each.lower() == "desc" for each in call.parameters("sort-order")[:1])
    return SORTS.get(asked[0].lower() if asked else "", "title_id"), descending


def _page(
    call: Call,
    chosen: list[tuple[str, str]],
    result: int,
    exhausted: int,
    order: str,
    *,
    descending: bool,
) -> dict[str, object]:
    size = min(max(call.number("page-size") or PAGE_SIZE, 1), LARGEST_PAGE)
    number = max(call.number("page-index") or 0, 0)
    count = result.bit_count()
    collection, settings = call.vendor.collection, call.vendor.settings
    shown = range(number * size, (number + 1) * size)
    ordered = collection.index.in_order(result, order, descending=descending) if count else []
    titles = collection.all_at(ordered[shown.start : shown.stop])
    return {
        "scopeId": settings.library_id,
        "pageIndex": number,
        "pageSize": size,
        "pageCount": -(-count // size),
        "resultSetCount": count,
        "isSortByDesc": descending,
        "filters": [
            {
                "tokenLabel": facet,
                "tokenValue": token,
                "count": counted,
                "isSelected": (facet, token) in chosen,
            }
            for facet, token, counted in collection.index.counted(result, exhausted)
        ],
        "acceptMediaType": call.verbosity,
        "items": [
            {
                "interest": wire.interest(
                    title, settings, free=not exhausted >> title.position & 1
                ),
                "item": wire.search_item(title, settings),
            }
            for title in titles
        ],
    }
