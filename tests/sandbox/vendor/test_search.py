"""Finding titles as apps do: facets, words, pages, orders."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from bibliobus.sandbox.vendor import Vendor
from tests.sandbox.vendor.conftest import EBOOK, L


@pytest.fixture
def search(partner: httpx2.AsyncClient) -> Any:
    async def search(path: str = "", **parameters: Any) -> Any:
        names = {name.replace("_", "-"): value for name, value in parameters.items()}
        return (await partner.get(f"{L}/search{path}", params=names)).json()

    return search


def titles(page: Any) -> list[str]:
    return [each["item"]["title"] for each in page["items"]]


def count(page: Any, label: str, value: str) -> int:
    (row,) = (
        row for row in page["filters"] if (row["tokenLabel"], row["tokenValue"]) == (label, value)
    )
    return int(row["count"])


async def test_facets_are_intersected_and_counted(search: Any) -> None:
    every, both = await search(genre="classics"), await search(genre=["classics", "romance"])

    assert 0 < both["resultSetCount"] == count(every, "genre", "romance") < every["resultSetCount"]
    ebooks = await search(media_type="eBook", genre="classics")
    assert count(ebooks, "mediatype", "eaudio") == 0
    assert count(ebooks, "mediatype", "ebook") == ebooks["resultSetCount"]
    assert all(each["item"]["mediaType"] == "eBook" for each in ebooks["items"])


async def test_unknown_values_find_nothing_and_unknown_parameters_mean_nothing(search: Any) -> None:
    assert (await search(genre="no-such-genre"))["items"] == []
    everything = await search()
    assert everything["resultSetCount"] == 573
    assert (await search(nonsense="x", availability="sometimes"))["resultSetCount"] == 573


async def test_what_is_lent_out_is_unavailable(
    vendor: Vendor, partner: httpx2.AsyncClient, search: Any
) -> None:
    before = await search(availability="unavailable")
    pid = vendor.patrons.register("1").id
    await partner.post(f"{L}/patrons/{pid}/checkouts/{EBOOK}")

    after = await search(availability="unavailable")
    assert after["resultSetCount"] == before["resultSetCount"] + 1
    assert count(after, "availability", "available") == 0
    assert count(await search(), "availability", "unavailable") == after["resultSetCount"]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"title": "middlemarch"}, {"Middlemarch"}),
        ({"author": "Eliot, George", "title": "floss"}, {"The Mill on the Floss"}),
        ({"all": "bronte shirley"}, {"Shirley"}),
        ({"all": '"; DROP TABLE titles --'}, set()),
        ({"all": "*()"}, set()),
        ({"series": "sherlock-holmes", "title": "sign"}, {"The Sign of the Four"}),
    ],
)
async def test_words_are_found_where_they_were_looked_for(
    search: Any, parameters: dict[str, str], found: set[str]
) -> None:
    assert set(titles(await search(**parameters))) == found


async def test_facet_values_may_stand_in_the_path(search: Any) -> None:
    in_path = await search("/eaudio/mystery")
    assert in_path["items"] == (await search(media_type="eaudio", genre="mystery"))["items"]
    assert (await search("/george-eliot"))["resultSetCount"] > 3


async def test_pages_follow_each_other(search: Any) -> None:
    first = await search(page_size=10)
    second = await search(page_size=10, page_index=1)

    assert (first["pageIndex"], first["pageCount"], len(first["items"])) == (0, 58, 10)
    both = await search(page_size=20)
    assert titles(both) == titles(first) + titles(second)
    assert (await search())["pageSize"] == 100
    assert (await search(page_index=99999))["items"] == []
    assert (await search(page_size="x")) == {"message": "The request is invalid."}


async def test_results_are_sorted(search: Any) -> None:
    up = await search(language="english", sort_by="title", sort_order="asc", page_size=1000)
    down = await search(language="english", sort_by="title", sort_order="desc", page_size=1000)

    assert titles(up) == titles(down)[::-1]
    assert titles(up)[0] == "A Christmas Carol"
    assert down["isSortByDesc"] is True


async def test_lists_are_ordered_by_what_they_are_of(
    vendor: Vendor, partner: httpx2.AsyncClient, search: Any
) -> None:
    pid = vendor.patrons.register("1").id
    await partner.post(f"{L}/patrons/{pid}/checkouts/9789999900102")
    vendor.set_copies("9789999900102", 1)
    await partner.post(f"{L}/patrons/{pid}/checkouts/9789999900102")

    popular = await search("/ebook/most-popular")
    assert popular["items"][0]["item"]["isbn"] == "9789999900102"


async def test_titles_come_and_go_in_searches(vendor: Vendor, search: Any) -> None:
    vendor.remove_title(EBOOK)
    assert EBOOK not in [each["item"]["isbn"] for each in (await search(all="eliot"))["items"]]

    vendor.add_title({"isbn": EBOOK, "mediaType": "eAudio", "title": "Back Again, The"})
    assert titles(await search(title="again")) == ["The Back Again"]
    assert (await search(title="middlemarch"))["resultSetCount"] == 0


async def test_verbosity_is_told_as_recorded(partner: httpx2.AsyncClient) -> None:
    for asked, told in (("hypermedia", "complete"), ("basic", "basic"), ("x", "complete")):
        page = await partner.get(f"{L}/search", headers={"Accept-Media": asked})
        assert page.json()["acceptMediaType"] == told


async def test_facets_and_magazines(vendor: Vendor, partner: httpx2.AsyncClient) -> None:
    facets = (await partner.get("/v1/facets")).json()
    values = (await partner.get("/v1/facets/audience")).json()
    assert {"facetToken": "genre"} in facets
    assert {"valueToken": "young-adult"} in values
    assert (await partner.get(f"{L}/search/emagazine")).json()["items"] == []
    assert (await partner.get(f"{L}/titles/{EBOOK}/summary")).json()["summary"]
    vendor.change_settings(era="E2")
    assert (await partner.get("/v1/facets")).status_code == 404
