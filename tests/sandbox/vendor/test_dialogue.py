"""The acceptance dialogue: a patron's whole life with the vendor, in the first era and the last.

Source: spec/oneclick-api.md, end of section 8.
"""

from __future__ import annotations

import httpx2
import pytest

from bibliobus.sandbox.vendor import Vendor, VendorSettings
from tests.sandbox.vendor.conftest import EBOOK, OTHER_EBOOK, TOKEN, L, account, late_account


class TestFirstEra:
    async def test_a_patron_borrows_waits_and_reaches_the_limit(
        self, vendor: Vendor, partner: httpx2.AsyncClient, anybody: httpx2.AsyncClient
    ) -> None:
        vendor.change_settings(checkout_limit=1)

        made = await partner.post(f"{L}/patrons/", json=account())
        assert made.status_code == 201
        pid = made.json()["patronId"]
        found = await partner.get("/v1/rpc/libraries/1931/patrons/1305722620")
        assert found.json() == {"patronId": pid}

        lent = await partner.post(f"{L}/patrons/{pid}/checkouts/{EBOOK}", params={"days": 7})
        assert (lent.status_code, lent.json()["output"]) == (200, "SUCCESS")
        (loan,) = (await partner.get(f"{L}/patrons/{pid}/checkouts/")).json()
        assert (loan["expiration"], loan["canRenew"]) == ("2016-10-31", True)
        document = (await anybody.get(loan["files"][0]["downloadUrl"])).json()
        assert document["type"] == "application/vnd.adobe"
        assert (await anybody.get(document["url"])).text.startswith("<?xml")

        again = await partner.post(f"{L}/patrons/{pid}/checkouts/{EBOOK}")
        assert (again.status_code, again.json()) == (
            409, {"message": "Checkout item already exists"},
        )  # fmt: skip
        renewed = await partner.put(f"{L}/patrons/{pid}/checkouts/{EBOOK}")
        assert (renewed.status_code, renewed.json()["output"].lower()) == (200, "success")
        (loan,) = (await partner.get(f"{L}/patrons/{pid}/checkouts")).json()
        assert loan["expiration"] == "2016-11-14"

        back = await partner.delete(f"{L}/patrons/{pid}/checkouts/{EBOOK}")
        assert (back.status_code, back.json()) == (200, {"message": "success"})
        twice = await partner.delete(f"{L}/patrons/{pid}/checkouts/{EBOOK}")
        assert (twice.status_code, twice.json()) == (
            409,
            {"message": "Checkout does not exists or it is already terminated or expired."},
        )

        other = vendor.patrons.register("other").id
        await partner.post(f"{L}/patrons/{other}/checkouts/{EBOOK}")
        held = await partner.post(f"{L}/patrons/{pid}/holds/{EBOOK}")
        assert (held.status_code, held.text) == (200, str(int(held.text)))
        twice = await partner.post(f"{L}/patrons/{pid}/holds/{EBOOK}")
        assert (twice.status_code, twice.json()) == (409, "Hold or Checkout already exists.")

        await partner.delete(f"{L}/patrons/{other}/checkouts/{EBOOK}")
        assert [hold["isbn"] for hold in (await partner.get(f"{L}/patrons/{pid}/holds")).json()]
        vendor.tick()
        assert (await partner.get(f"{L}/patrons/{pid}/holds/")).json() == []
        (loan,) = (await partner.get(f"{L}/patrons/{pid}/checkouts/all")).json()
        assert loan["transactionId"] == held.json()

        full = await partner.post(f"{L}/patrons/{pid}/checkouts/{OTHER_EBOOK}")
        assert (full.status_code, full.json()) == (
            409, {"message": "Maximum checkout count reached."},
        )  # fmt: skip
        full = await partner.post(f"{L}/patrons/{pid}/holds/{OTHER_EBOOK}")
        assert (full.status_code, full.json()) == (
            409,
            "You have reached your checkout limit and therefore are unable to place additional"
            " holds.",
        )

        vendor.remove_title(OTHER_EBOOK)
        (delta,) = (
            await partner.get(
                f"{L}/media/delta", params={"begin": "2016-10-23", "end": "2016-10-24"}
            )
        ).json()
        assert [title["isbn"] for title in delta["removedTitles"]] == [OTHER_EBOOK]
        assert (delta["eBookRemovedCount"], delta["titleAddedCount"]) == (1, 0)

        one = f"{L}/media/{EBOOK}/availability"
        assert (await partner.get(one)).json()["availability"] is False
        await partner.delete(f"{L}/patrons/{pid}/checkouts/{EBOOK}")
        assert (await partner.get(one)).json()["availability"] is True


class TestLastEra:
    @pytest.fixture
    def settings(self) -> VendorSettings:
        return VendorSettings(token=TOKEN, era="E4", checkout_limit=1)

    async def test_a_patron_needs_a_token_for_the_file(
        self, vendor: Vendor, partner: httpx2.AsyncClient, anybody: httpx2.AsyncClient
    ) -> None:
        made = (await partner.post(f"{L}/patrons/", json=late_account())).json()
        pid = made["patron"]["patronId"]
        lookup = (await partner.get("/v1/rpc/libraries/1931/patrons/mickeymouse0")).json()
        assert lookup["patronId"] == pid

        await partner.post(f"{L}/patrons/{pid}/checkouts/{EBOOK}")
        (loan,) = (await partner.get(f"{L}/patrons/{pid}/checkouts")).json()
        link = loan["files"][0]["downloadUrl"]
        assert (await anybody.get(link)).status_code == 401
        assert (await partner.get(link)).status_code == 401

        token = (await partner.post(f"{L}/tokens", json={"userId": lookup["userId"]})).json()
        assert token["result"] is True
        for bearer in (made["bearer"], token["bearer"]):
            document = await anybody.get(link, headers={"Authorization": f"Bearer {bearer}"})
            assert document.json()["type"] == "application/vnd.adobe"

        full = await partner.post(f"{L}/patrons/{pid}/checkouts/{OTHER_EBOOK}")
        assert full.status_code == 409
        back = await partner.delete(f"{L}/patrons/{pid}/checkouts/{EBOOK}")
        assert back.json() == {"message": "success"}

    async def test_changes_are_told_between_two_snapshots(
        self, vendor: Vendor, partner: httpx2.AsyncClient
    ) -> None:
        assert (await partner.get(f"{L}/media/delta")).status_code == 404
        vendor.remove_title(OTHER_EBOOK)

        days = (await partner.get(f"{L}/book-holdings/delta/available-dates")).json()
        newest, before = days[0], days[1]
        assert newest["totalCount"] == before["totalCount"] - 1
        delta = (
            await partner.get(
                f"{L}/book-holdings/delta",
                params={"begin": before["asOf"], "end": newest["asOf"]},
            )
        ).json()

        assert [book["isbn"] for book in delta["removedBooks"]] == [OTHER_EBOOK]
        assert (delta["booksAddedCount"], delta["booksRemovedCount"]) == (0, 1)

    async def test_equal_days_and_days_without_a_snapshot_are_refused(
        self, partner: httpx2.AsyncClient
    ) -> None:
        for begin, end in (("2016-10-24", "2016-10-24"), ("2015-12-31", "2016-10-24")):
            answer = await partner.get(
                f"{L}/book-holdings/delta", params={"begin": begin, "end": end}
            )
            assert answer.status_code == 400
            assert answer.headers["Sandbox-Says"]
