"""The vendor's rules, one by one; the numbers are those of spec/oneclick-api.md, section 8."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from bibliobus.sandbox.vendor import Vendor, VendorSettings
from tests.sandbox.vendor.conftest import (
    EAUDIO,
    EBOOK,
    OTHER_EBOOK,
    THIRD_EBOOK,
    TOKEN,
    Clock,
    L,
    account,
    late_account,
)

NOT_OURS = {"isbn": "9789999999996", "mediaType": "eBook", "title": "Somebody Else's, The"}


@pytest.fixture
def pid(vendor: Vendor) -> int:
    return vendor.patrons.register("1305722621").id


@pytest.fixture
def mine(pid: int) -> str:
    return f"{L}/patrons/{pid}"


def message(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


# Rule 1: who may call.


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
async def test_scheme_and_token_may_be_written_in_any_case(
    anybody: httpx2.AsyncClient, scheme: str
) -> None:
    for token in (TOKEN.upper(), TOKEN.lower()):
        answer = await anybody.get(
            f"{L}/media/{EBOOK}", headers={"Authorization": f"{scheme} {token}"}
        )
        assert answer.json()["isbn"] == EBOOK


@pytest.mark.parametrize("header", [None, "Basic wrong", f"Bearer {TOKEN}", TOKEN, "Basic"])
async def test_a_wrong_token_is_told_by_its_text(
    vendor: Vendor, anybody: httpx2.AsyncClient, header: str | None
) -> None:
    headers = {"Authorization": header} if header else {}
    for status in (401, 403):
        vendor.change_settings(permission_status=status)
        answer = await anybody.get(f"{L}/media/all", headers=headers)
        assert message(answer) == (status, "Invalid Basic Token or permission denied")


async def test_another_library_is_denied_with_status_200(
    vendor: Vendor, partner: httpx2.AsyncClient
) -> None:
    text = "Invalid library id is provided or permission denied"
    for library in ("291", "x", "99999999999999999999"):
        answer = await partner.get(f"/v1/libraries/{library}/media/eBook/availability")
        assert message(answer) == (200, text)
    vendor.change_settings(unknown_library_status=403)
    assert message(await partner.get("/v1/libraries/291/media/all")) == (403, text)


# Rule 2: the order of the tests.


async def test_which_of_two_reasons_is_told_can_be_chosen(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    vendor.change_settings(checkout_limit=1)
    await partner.post(f"{mine}/checkouts/{EBOOK}")
    already, full = "Checkout item already exists", "Maximum checkout count reached."

    assert message(await partner.post(f"{mine}/checkouts/{EBOOK}"))[1] == already
    vendor.change_settings(already_or_limit="limit-first")
    assert message(await partner.post(f"{mine}/checkouts/{EBOOK}"))[1] == full


async def test_a_full_patron_hears_of_the_limit_before_the_last_copy(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    vendor.change_settings(checkout_limit=0)
    vendor.set_copies(EBOOK, 0)

    assert message(await partner.post(f"{mine}/checkouts/{EBOOK}"))[1].startswith("Maximum")


async def test_unknown_titles_patrons_and_ids_have_their_own_answers(
    partner: httpx2.AsyncClient, mine: str
) -> None:
    nothing = await partner.post(f"{mine}/checkouts/9780000000000")
    assert nothing.status_code == 404
    assert "RB.API.LibraryMedia.Get" in nothing.json()["message"]
    assert message(await partner.post(f"{L}/patrons/1/checkouts/{EBOOK}")) == (
        404, "Patron does not exist.",
    )  # fmt: skip
    assert message(await partner.get(f"{L}/patrons/{'9' * 40}/holds")) == (
        400, "The request is invalid.",
    )  # fmt: skip


# Rule 3: how long, and which number.


@pytest.mark.parametrize(
    ("days", "until"),
    [("7", "2016-10-31"), ("99", "2016-11-14"), ("0", "2016-11-14"), (None, "2016-11-14")],
)
async def test_days_only_shorten(
    partner: httpx2.AsyncClient, mine: str, days: str | None, until: str
) -> None:
    await partner.post(f"{mine}/checkouts/{EBOOK}", params={"days": days} if days else {})

    (loan,) = (await partner.get(f"{mine}/checkouts")).json()
    assert loan["expiration"] == until


async def test_days_that_are_no_number_are_refused(partner: httpx2.AsyncClient, mine: str) -> None:
    for days in ("x", "1e3", "9" * 30):
        answer = await partner.post(f"{mine}/checkouts/{EBOOK}", params={"days": days})
        assert message(answer) == (400, "The request is invalid.")


async def test_loans_and_holds_are_numbered_by_one_counter(
    partner: httpx2.AsyncClient, mine: str
) -> None:
    first = (await partner.post(f"{mine}/checkouts/{EBOOK}")).json()["transactionId"]
    second = (await partner.post(f"{mine}/holds/{OTHER_EBOOK}")).json()
    third = (await partner.post(f"{mine}/checkouts/{EAUDIO}")).json()["transactionId"]

    assert (first, second, third) == (9828517, 9828518, 9828519)


# Rule 4: what the list knows that the answer did not.


async def test_a_checkout_cannot_renew_and_its_list_can(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    lent = (await partner.post(f"{mine}/checkouts/{EBOOK}")).json()
    assert (lent["canRenew"], "expiration" in lent) == (False, False)
    assert (await partner.get(f"{mine}/checkouts")).json()[0]["canRenew"] is True

    vendor.change_settings(tells_expiration=True)
    lent = (await partner.post(f"{mine}/checkouts/{OTHER_EBOOK}")).json()
    assert lent["expiration"] == "2016-11-14"


async def test_a_loan_is_renewed_as_often_as_the_library_allows(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str, clock: Clock
) -> None:
    await partner.post(f"{mine}/checkouts/{EBOOK}")
    clock.wait(days=5)

    assert (await partner.put(f"{mine}/checkouts/{EBOOK}")).json()["output"] == "SUCCESS"
    (loan,) = (await partner.get(f"{mine}/checkouts")).json()
    assert (loan["expiration"], loan["canRenew"]) == ("2016-11-19", False)
    refused = await partner.put(f"{mine}/checkouts/{EBOOK}")
    assert refused.status_code == 200
    assert refused.json()["output"] != "SUCCESS"
    assert (await partner.get(f"{mine}/checkouts")).json() == [loan]
    assert (await partner.put(f"{mine}/checkouts/{OTHER_EBOOK}")).status_code == 409


# Rule 5: holds.


async def test_a_title_that_is_free_can_be_held(partner: httpx2.AsyncClient, mine: str) -> None:
    held = await partner.post(f"{mine}/holds/{EBOOK}")

    assert held.text == "9828517"
    (hold,) = (await partner.get(f"{mine}/holds/")).json()
    assert (hold["expiration"], hold["titleId"]) == ("2050-12-31", 0)


async def test_a_title_that_the_patron_has_cannot_be_held(
    partner: httpx2.AsyncClient, mine: str
) -> None:
    await partner.post(f"{mine}/checkouts/{EBOOK}")

    answer = await partner.post(f"{mine}/holds/{EBOOK}")
    assert (answer.status_code, answer.text) == (409, '"Hold or Checkout already exists."')


async def test_the_checkout_limit_stops_holds_unless_the_library_wants_otherwise(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    vendor.change_settings(checkout_limit=0)
    refused = await partner.post(f"{mine}/holds/{EBOOK}")
    assert (refused.status_code, refused.json()[:34]) == (409, "You have reached your checkout lim")

    vendor.change_settings(holds_at_limit=True, hold_limit=1)
    assert (await partner.post(f"{mine}/holds/{EBOOK}")).status_code == 200
    assert (await partner.post(f"{mine}/holds/{OTHER_EBOOK}")).status_code == 409


async def test_a_hold_can_be_cancelled_once(partner: httpx2.AsyncClient, mine: str) -> None:
    await partner.post(f"{mine}/holds/{EBOOK}")

    assert (await partner.delete(f"{mine}/holds/{EBOOK}")).json() == {"message": "success"}
    status, text = message(await partner.delete(f"{mine}/holds/{EBOOK}"))
    assert status == 409
    assert "not exists" in text


async def test_borrowing_what_one_waits_for_ends_the_wait(
    partner: httpx2.AsyncClient, mine: str
) -> None:
    await partner.post(f"{mine}/holds/{EBOOK}")
    await partner.post(f"{mine}/checkouts/{EBOOK}")

    assert (await partner.get(f"{mine}/holds")).json() == []


# Rule 6: the daemon.


async def test_loans_end_after_their_last_day_when_the_daemon_comes(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str, clock: Clock
) -> None:
    await partner.post(f"{mine}/checkouts/{EBOOK}", params={"days": 2})
    clock.wait(days=2)
    assert vendor.tick().expired == ()
    clock.wait(days=1)

    assert vendor.tick().expired == (9828517,)
    assert (await partner.get(f"{mine}/checkouts")).json() == []
    assert (await partner.delete(f"{mine}/checkouts/{EBOOK}")).status_code == 409


async def test_holds_are_filled_in_their_order_and_not_over_the_limit(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    vendor.change_settings(checkout_limit=1)
    second = vendor.patrons.register("2").id
    await partner.post(f"{mine}/holds/{EBOOK}")
    await partner.post(f"{mine}/holds/{OTHER_EBOOK}")
    await partner.post(f"{L}/patrons/{second}/holds/{EBOOK}")

    assert vendor.tick().lent == (9828517,)
    assert [hold["isbn"] for hold in (await partner.get(f"{mine}/holds")).json()] == [OTHER_EBOOK]
    assert len((await partner.get(f"{L}/patrons/{second}/holds")).json()) == 1


async def test_a_filled_hold_can_stay_listed_until_the_daemon_comes_again(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    vendor.change_settings(holds_stay_listed=True)
    await partner.post(f"{mine}/holds/{EBOOK}")
    vendor.tick()

    lists = [(await partner.get(f"{mine}/{which}")).json() for which in ("checkouts", "holds")]
    assert [row["transactionId"] for rows in lists for row in rows] == [9828517, 9828517]
    vendor.tick()
    assert (await partner.get(f"{mine}/holds")).json() == []


# Rule 7: availability.


async def test_copies_less_loans_are_available_at_one_instant(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    await partner.post(f"{mine}/checkouts/{EBOOK}")
    await partner.post(f"{mine}/checkouts/{EAUDIO}")
    await partner.post(f"{mine}/holds/{OTHER_EBOOK}")

    rows = [
        row
        for medium in ("EBOOK", "eaudio", "all")
        for row in (await partner.get(f"{L}/media/{medium}/availability")).json()
    ]
    assert {row["timeStamp"] for row in rows} == {"2016-10-24T16:11:52.5887330Z"}
    free = {row["isbn"]: row["availability"] for row in rows}
    assert (free[EBOOK], free[OTHER_EBOOK], free[EAUDIO]) == (False, True, True)
    vendor.set_copies(EBOOK, 2)
    assert (await partner.get(f"{L}/media/{EBOOK}/availability")).json()["availability"] is True


# Rule 8: deltas.


async def test_a_delta_tells_what_was_added_without_its_series(
    vendor: Vendor, partner: httpx2.AsyncClient, clock: Clock
) -> None:
    clock.wait(days=10)
    vendor.add_title(NOT_OURS)

    asked = {"begin": "2016-11-02", "end": "2016-11-03 09:00:00.5"}  # as the first client sent it
    (delta,) = (await partner.get(f"{L}/media/delta", params=asked)).json()

    (title,) = delta["addedTitles"]
    assert title["isbn"] == NOT_OURS["isbn"]
    assert not {"seriesName", "publicationDate", "hasDigitalRights"} & set(title)
    assert (delta["eBookAddedCount"], delta["titleAddedCount"]) == (1, 1)
    assert delta["endDate"] == "2016-11-03"


async def test_what_was_added_and_given_up_in_between_is_not_told(
    vendor: Vendor, partner: httpx2.AsyncClient
) -> None:
    vendor.add_title(NOT_OURS)
    vendor.remove_title(NOT_OURS["isbn"])

    asked = {"begin": "2016-10-20", "end": "2016-10-24"}
    (delta,) = (await partner.get(f"{L}/media/delta", params=asked)).json()
    assert (delta["addedTitles"], delta["removedTitles"]) == ([], [])


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2016-10-24", "2016-10-23"), ("2016-10-24", "2016-11-24"), ("2016-03-01", "2016-04-01"),
        ("2016-07-01", "2016-10-01"), ("", ""), ("2016-02-31", "2016-10-01"), ("x", "2016-10-24"),
    ],
)  # fmt: skip
async def test_a_delta_has_limits(partner: httpx2.AsyncClient, begin: str, end: str) -> None:
    answer = await partner.get(f"{L}/media/delta", params={"begin": begin, "end": end})

    assert message(answer) == (400, "The request is invalid.")
    assert answer.headers["Sandbox-Says"]


async def test_a_title_that_was_given_up_is_gone_but_its_loans_go_on(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    await partner.post(f"{mine}/checkouts/{EBOOK}")
    vendor.remove_title(EBOOK)

    assert EBOOK not in (await partner.get(f"{L}/media/all")).text
    assert EBOOK not in (await partner.get(f"{L}/media/ebook/availability")).text
    assert "unable to locate" in (await partner.get(f"{L}/media/{EBOOK}")).json()["message"]
    assert (await partner.post(f"{mine}/holds/{EBOOK}")).status_code == 404
    assert (await partner.get(f"{mine}/checkouts")).json()[0]["isbn"] == EBOOK
    assert (await partner.delete(f"{mine}/checkouts/{EBOOK}")).status_code == 200


# Rule 9: every patron is another one.


@pytest.mark.parametrize("same", ["libraryCardNumber", "userName", "email"])
async def test_card_name_and_address_belong_to_one_patron(
    vendor: Vendor, partner: httpx2.AsyncClient, same: str
) -> None:
    await partner.post(f"{L}/patrons/", json=account(1))
    body = account(2, **{same: str(account(1)[same]).upper()})

    status, text = message(await partner.post(f"{L}/patrons/", json=body))
    assert (status, text[:16]) == (409, "A patron account")
    vendor.change_settings(duplicate_patron_status=500)
    assert (await partner.post(f"{L}/patrons/", json=body)).status_code == 500


@pytest.mark.parametrize("missing", list(account()))
async def test_a_patron_needs_every_field(partner: httpx2.AsyncClient, missing: str) -> None:
    body = account()
    del body[missing]

    answer = await partner.post(f"{L}/patrons/", json=body)
    assert message(answer) == (400, "The request is invalid.")
    assert missing in answer.headers["Sandbox-Says"]


@pytest.mark.parametrize(
    ("era", "body", "status"),
    [
        ("E2", account(), 201), ("E3", account(), 400), ("E3", account(postalCode="1"), 201),
        ("E3", late_account(), 201), ("E4", account(postalCode="1"), 400),
        ("E4", late_account(), 201), ("E4", late_account(userName="a.b"), 400),
        ("E1", account(userName="a.b"), 201), ("E1", account(libraryId="1931"), 201),
    ],
)  # fmt: skip
async def test_what_a_patron_needs_depends_on_the_era(
    vendor: Vendor, partner: httpx2.AsyncClient, era: str, body: dict[str, Any], status: int
) -> None:
    vendor.change_settings(era=era)

    assert (await partner.post(f"{L}/patrons", json=body)).status_code == status


# Rule 10: looking patrons up.


async def test_a_patron_is_found_by_card_name_or_address(
    vendor: Vendor, partner: httpx2.AsyncClient
) -> None:
    vendor.patrons.register("12/3", user_name="ada", email="ada@example.org")

    for value in ("12%2F3", "ADA", "ada@example.org", "ada%40example.org"):
        answer = await partner.get(f"/v1/rpc/libraries/1931/patrons/{value}")
        assert answer.json() == {"patronId": 939981}


async def test_who_is_not_there_is_told_as_the_era_did(
    vendor: Vendor, partner: httpx2.AsyncClient
) -> None:
    ask = "/v1/rpc/libraries/1931/patrons/nobody"
    for era in ("E1", "E2", "E3"):
        vendor.change_settings(era=era)
        status, text = message(await partner.get(ask))
        assert (status, text[:50]) == (200, "eXtensible Framework was unable to locate the reso")
    vendor.change_settings(era="E4")
    assert message(await partner.get(ask)) == (404, "Patron not found.")
    vendor.change_settings(era="E1", lookup_fails_on_letters=True)
    status, text = message(await partner.get(ask))
    assert status == 500
    assert text.startswith("eXtensible Framework encountered a SqlException")


# Rule 11: paths with blanks.


async def test_a_blank_in_a_path_gets_the_servers_page(
    vendor: Vendor, partner: httpx2.AsyncClient, url: str
) -> None:
    for path in (f"{L}/media/97 81", f"{L}/media/97%0a81", "/v1/rpc/libraries/1931/patrons/a%20b"):
        answer = await partner.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (
            400, "text/html; charset=us-ascii",
        )  # fmt: skip
    vendor.change_settings(refuses_escaped_blanks=False)
    vendor.patrons.register("a b")
    found = await partner.get("/v1/rpc/libraries/1931/patrons/a%20b")
    assert found.json() == {"patronId": 939981}


# Titles that are not owned.


async def test_what_is_not_owned_is_shown_if_the_library_wants_it(
    vendor: Vendor, partner: httpx2.AsyncClient, mine: str
) -> None:
    isbn = vendor.add_title(NOT_OURS, owned=False).isbn
    assert isbn not in (await partner.get(f"{L}/media/all")).text
    assert (await partner.post(f"{mine}/checkouts/{isbn}")).status_code == 404

    vendor.change_settings(shows_not_owned=True, era="E3")
    assert isbn in (await partner.get(f"{L}/media/all")).text
    assert isbn not in (await partner.get(f"{L}/media/ebook/availability")).text
    (found,) = (await partner.get(f"{L}/search", params={"title": "somebody"})).json()["items"]
    assert found["interest"]["stateId"] != 3
    assert found["interest"]["isOwned"] is False
    refused = await partner.post(f"{mine}/checkouts/{isbn}")
    assert message(refused) == (409, "PatronId and TitleId are invalid")


# A patron's own app.


async def test_a_patrons_app_does_the_same_with_a_bearer_token(
    vendor: Vendor, partner: httpx2.AsyncClient, anybody: httpx2.AsyncClient, clock: Clock
) -> None:
    vendor.patrons.register("1", user_name="ada", password="secret")
    login = {"LibraryId": 1931, "UserName": "ada", "Password": "secret"}
    assert (await partner.post("/v1/tokens", json=login | {"Password": "no"})).status_code == 401
    bearer = (await partner.post("/v1/tokens", json=login)).json()["bearer"]
    anybody.headers["Authorization"] = f"bearer {bearer}"

    lent = (await anybody.post(f"/v1/transactions/checkouts/{EBOOK}")).json()
    assert (await anybody.delete(f"/v1/transactions/checkouts/{lent['transactionId']}")).json() == {
        "message": "success"
    }
    assert (await anybody.post(f"/v1/patron-books/checkouts/{EBOOK}")).json() == {
        "message": "success"
    }
    assert (await anybody.put(f"/v1/patron-books/checkouts/{EBOOK}")).json() == {
        "output": "SUCCESS"
    }
    assert (await anybody.post(f"/v1/patron-books/holds/{THIRD_EBOOK}")).status_code == 200
    mine = [
        (await anybody.get(f"/v1/transactions/{which}/all")).json()
        for which in ("checkouts", "holds")
    ]
    assert [[row["isbn"] for row in rows] for rows in mine] == [[EBOOK], [THIRD_EBOOK]]
    assert (await anybody.get(f"/v1/titles/{EBOOK}")).json()["item"]["isbn"] == EBOOK

    clock.wait(hours=25)
    late = await anybody.get("/v1/transactions/holds/all")
    assert message(late)[0] == 401


async def test_all_that_a_patron_has_in_one_answer(
    partner: httpx2.AsyncClient, mine: str, pid: int
) -> None:
    await partner.post(f"{mine}/checkouts/{EBOOK}")
    await partner.post(f"{mine}/holds/{EAUDIO}")

    config = (await partner.get(f"/v1/tenants/1931/patrons/{pid}/patron-config")).json()

    assert [row["isbn"] for row in config["audioBooks"]["checkouts"]] == [EBOOK]
    assert [row["isbn"] for row in config["audioBooks"]["holds"]] == [EAUDIO]
    assert config["magazines"] == {"checkouts": []}


# The rest.


async def test_paths_may_be_written_in_any_case_and_with_a_slash(
    partner: httpx2.AsyncClient,
) -> None:
    assert (await partner.get(f"/V1/Libraries/1931/Media/{EBOOK}/")).json()["isbn"] == EBOOK


async def test_a_title_is_found_by_its_number_or_medium(partner: httpx2.AsyncClient) -> None:
    assert (await partner.get(f"{L}/media/150")).json()["isbn"] == EBOOK
    rows = (await partner.get(f"{L}/media/eaudio")).json()
    assert {row["mediaType"] for row in rows} == {"eAudio"}
    nonsense = await partner.get(f"{L}/media/nonsense")
    assert message(nonsense) == (
        200, "Invalid 'MediaType', 'TitleId' or 'ISBN' token value supplied: nonsense",
    )  # fmt: skip


async def test_unknown_paths_and_methods_are_told(partner: httpx2.AsyncClient) -> None:
    assert (await partner.get("/v1/nothing")).status_code == 404
    wrong = await partner.patch(f"{L}/media/all")
    assert (wrong.status_code, "GET" in wrong.headers["Sandbox-Says"]) == (405, True)


async def test_calls_are_counted_by_endpoint(vendor: Vendor, partner: httpx2.AsyncClient) -> None:
    await partner.get(f"{L}/media/all")
    await partner.get(f"{L}/media")
    await partner.get(f"{L}/media/{EBOOK}")
    await partner.get(f"{L}/media/ebook/availability")

    assert vendor.calls == {"media/all": 2, "media/{isbn}": 1, "availability/{medium}": 1}


class TestTimer:
    @pytest.fixture
    def settings(self) -> VendorSettings:
        return VendorSettings(token=TOKEN, tick_seconds=0.01)

    async def test_the_daemon_comes_by_itself(self, partner: httpx2.AsyncClient, mine: str) -> None:
        await partner.post(f"{mine}/holds/{EBOOK}")

        while not (await partner.get(f"{mine}/checkouts")).json():
            pass
        assert (await partner.get(f"{mine}/holds")).json() == []
