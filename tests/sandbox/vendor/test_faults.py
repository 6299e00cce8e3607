"""Everything that can be made to go wrong, and for which calls."""

from __future__ import annotations

import asyncio
import json
import time

import httpx2
import pytest

from bibliobus.sandbox.vendor import Vendor
from bibliobus.sandbox.vendor.faults import Kind
from tests.sandbox.vendor.conftest import EBOOK, OTHER_EBOOK, L

ALL = f"{L}/media/all"


@pytest.fixture
def mine(vendor: Vendor) -> str:
    return f"{L}/patrons/{vendor.patrons.register('1').id}"


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("error-500", 500, "An error has occurred."),
        ("html-page", 503, "<!DOCTYPE HTML"),
        ("empty-body", 200, ""),
        ("rate-limit", 401, "Invalid Basic Token or permission denied"),
        ("unknown-message", 200, '{"message":"'),
    ],
)
async def test_nothing_is_done_and_something_else_is_said(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str, kind: str, status: int, text: str
) -> None:
    vendor.faults.add(kind, times=1)  # type: ignore[arg-type] # one of the kinds

    answer = await partner.post(f"{mine}/checkouts/{EBOOK}")

    assert answer.status_code == status
    assert text in answer.text
    assert text or not answer.content
    assert (await partner.get(f"{mine}/checkouts")).json() == []


async def test_a_fault_lasts_for_its_calls(vendor: Vendor, partner: httpx2.AsyncClient) -> None:
    vendor.faults.add("rate-limit", times=3)

    statuses = [(await partner.get(f"{L}/media/{EBOOK}")).status_code for _ in range(5)]

    assert statuses == [401, 401, 401, 200, 200]
    assert list(vendor.faults) == []


async def test_a_fault_is_for_its_calls_only(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    vendor.faults.add("error-500", path=f"{L}/PATRONS")
    vendor.faults.add("empty-body", method="get", endpoint="media/{isbn}")

    assert (await partner.get(f"{mine}/holds")).status_code == 500
    assert (await partner.get(f"{L}/media/{EBOOK}")).content == b""
    assert (await partner.get(f"{L}/media/ebook/availability")).json()
    vendor.faults.clear()
    assert (await partner.get(f"{mine}/holds")).json() == []


async def test_slowness_can_be_added(vendor: Vendor, partner: httpx2.AsyncClient) -> None:
    vendor.faults.add("latency", seconds=0.05)
    began = time.monotonic()

    assert (await partner.get(f"{L}/media/{EBOOK}")).json()["isbn"] == EBOOK
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(("kind", "at_once"), [("latency", False), ("latency-after", True)])
async def test_what_is_slow_is_done_also_if_nobody_waits_so_long(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str, kind: Kind, at_once: bool
) -> None:
    vendor.faults.add(kind, times=1, seconds=0.4)

    with pytest.raises(httpx2.ReadTimeout):
        await partner.post(f"{mine}/checkouts/{EBOOK}", timeout=0.1)

    assert len((await partner.get(f"{mine}/checkouts")).json()) == at_once
    await asyncio.sleep(0.5)
    assert len((await partner.get(f"{mine}/checkouts")).json()) == 1


@pytest.mark.parametrize("path", [ALL, f"{L}/search", f"{L}/media/{EBOOK}"])
async def test_an_answer_can_stop_in_the_middle(
    vendor: Vendor, partner: httpx2.AsyncClient, path: str
) -> None:
    vendor.faults.add("truncated")

    answer = await partner.get(path)

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_lists_can_be_unsorted_doubled_and_incomplete(
    vendor: Vendor, partner: httpx2.AsyncClient
) -> None:
    right = (await partner.get(ALL)).json()

    vendor.faults.add("unsorted", times=1)
    unsorted = (await partner.get(ALL)).json()
    assert unsorted != right
    assert sorted(unsorted, key=lambda row: row["titleId"]) == right

    vendor.faults.add("duplicate-row", times=1)
    assert (await partner.get(ALL)).json() == right[:1] + right

    vendor.faults.add("missing-keys", times=1)
    bare = (await partner.get(ALL)).json()
    assert [row["isbn"] for row in bare] == [row["isbn"] for row in right]
    assert "description" not in bare[0]
    assert bare[1] == right[1]


async def test_rows_of_searches_and_availability_are_bent_too(
    vendor: Vendor, partner: httpx2.AsyncClient
) -> None:
    vendor.faults.add("duplicate-row")
    vendor.faults.add("missing-keys")

    first, second, *_ = (await partner.get(f"{L}/search")).json()["items"]
    assert first["item"]["isbn"] == second["item"]["isbn"]
    rows = (await partner.get(f"{L}/media/ebook/availability")).json()
    assert rows[0]["isbn"] == rows[1]["isbn"]
    assert "availability" not in rows[0]


@pytest.mark.parametrize("kind", ["drop-after", "error-after"])
async def test_it_can_be_done_and_the_answer_lost(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str, kind: str
) -> None:
    vendor.faults.add(kind, endpoint="checkouts/create")  # type: ignore[arg-type] # one of them

    if kind == "drop-after":
        with pytest.raises(httpx2.TransportError):
            await partner.post(f"{mine}/checkouts/{EBOOK}")
    else:
        assert (await partner.post(f"{mine}/checkouts/{EBOOK}")).status_code == 500

    assert [row["isbn"] for row in (await partner.get(f"{mine}/checkouts")).json()] == [EBOOK]


async def test_a_connection_can_be_cut_before_anything_is_done(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    vendor.faults.add("drop-before", times=1, method="POST")

    with pytest.raises(httpx2.TransportError):
        await partner.post(f"{mine}/checkouts/{EBOOK}")
    assert (await partner.get(f"{mine}/checkouts")).json() == []


async def test_success_can_be_told_of_what_was_not_done(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    vendor.faults.add("success-without-effect", times=2)

    told = await partner.post(f"{mine}/checkouts/{EBOOK}")
    assert told.json()["output"] == "SUCCESS"
    assert (await partner.post(f"{mine}/holds/{OTHER_EBOOK}")).status_code == 200
    assert (await partner.get(f"{mine}/checkouts")).json() == []
    assert (await partner.get(f"{mine}/holds")).json() == []
    lent = await partner.post(f"{mine}/checkouts/{EBOOK}")
    assert lent.json()["transactionId"] == told.json()["transactionId"]


async def test_the_desk_is_never_out_of_order(vendor: Vendor, anybody: httpx2.AsyncClient) -> None:
    vendor.faults.add("drop-before", path="/")

    assert (await anybody.get("/")).status_code == 200
    assert (await anybody.get("/sandbox/faults")).json()[0]["kind"] == "drop-before"


def test_there_is_no_fault_of_another_name(vendor: Vendor) -> None:
    with pytest.raises(ValueError, match="there are latency"):
        vendor.faults.add("gremlin")  # type: ignore[arg-type] # that is the question
