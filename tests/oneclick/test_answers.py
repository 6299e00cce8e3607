"""What each answer of the vendor's means, whatever it may answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bibliobus.ils import errors as ils
from bibliobus.ils.errors import CirculationError, Refused, Unavailable
from bibliobus.oneclick import errors
from bibliobus.oneclick.answers import CHANGES, TEXTS, Action, error_of
from bibliobus.oneclick.bodies import Answer, for_patrons
from bibliobus.oneclick.client import Client
from tests.oneclick.vendor import Clock, Reply, Vendor, message

LIMITED = "Invalid Basic Token or permission denied"
NOT_HERE = "eXtensible Framework was unable to locate the resource for RB.API."
CHECKOUT, RENEW, CHECKIN = Action.CHECKOUT, Action.RENEW, Action.CHECKIN
ADD_HOLD, CANCEL_HOLD = Action.ADD_HOLD, Action.CANCEL_HOLD
CREATE, FIND, TITLE = Action.CREATE_PATRON, Action.FIND_PATRON, Action.TITLE


@pytest.mark.parametrize(
    ("action", "status", "text", "error"),
    [
        (TITLE, 200, NOT_HERE + "LibraryMedia.Get     details: Isbn: 97", ils.TitleNotFound),
        (TITLE, 200, "Invalid 'MediaType', 'TitleId' or 'ISBN' token value supplied: x",
         ils.TitleNotFound),
        (FIND, 200, NOT_HERE + "OneClick.UserPatron.Get   details: x", ils.PatronNotFound),
        (FIND, 404, "Patron not found.", ils.PatronNotFound),
        (FIND, 404, "Nobody has this card", ils.PatronNotFound),
        (FIND, 404, "No HTTP resource was found that matches the URI", errors.BadAnswer),
        (FIND, 500, "eXtensible Framework encountered a SqlException for x", errors.BadInput),
        (CREATE, 500, "A patron account with the specified username, email address, or card "
         "number already exists for this library.", errors.AccountExists),
        (CREATE, 409, "Something else", errors.AccountExists),
        (CHECKOUT, 409, "Maximum checkout count reached", ils.LoanLimitReached),
        (CHECKOUT, 409, "Checkout limit of (4) reached", ils.LoanLimitReached),
        (CHECKOUT, 409, "CHECKOUT ITEM ALREADY EXISTS.", ils.AlreadyOnLoan),
        (CHECKOUT, 409, "Title is not available for checkout", ils.NoCopyAvailable),
        (CHECKOUT, 200, "No fulfillment copy available for this", ils.NoCopyAvailable),
        (CHECKOUT, 409, "PatronId and TitleId are invalid", ils.ItemNotFound),
        (CHECKOUT, 404, "Patron does not exist.", ils.PatronNotFound),
        (CHECKOUT, 404, "No such title", ils.ItemNotFound),
        (CHECKOUT, 409, "Not on Sundays", ils.NotForLoan),
        (RENEW, 409, "Not so soon", ils.RenewalNotAllowed),
        (RENEW, 409, "Checkout does not exists or it is already expired.", ils.NotOnLoan),
        (RENEW, 409, "Your card has expired", ils.RenewalNotAllowed),
        (CHECKIN, 409, "Checkout does not exists or it is already terminated or expired.",
         ils.NotOnLoan),
        (CHECKIN, 409, "Not here", ils.NotTakenHere),
        (ADD_HOLD, 409, "Hold or Checkout already exists.", errors.HeldOrBorrowed),
        (ADD_HOLD, 409, "A hold already exists", errors.HeldOrBorrowed),
        (ADD_HOLD, 409, "You have reached your checkout limit and therefore", ils.HoldLimitReached),
        (ADD_HOLD, 409, "Not this one", ils.HoldNotAllowed),
        (CANCEL_HOLD, 409, "Hold does not exists or is expired", ils.HoldNotFound),
        (CANCEL_HOLD, 404, "What hold?", ils.HoldNotFound),
        (TITLE, 200, LIMITED, errors.NotPermitted),
        (CHECKOUT, 500, LIMITED, errors.NotPermitted),
        (TITLE, 200, "Invalid library id is provided or permission denied", errors.NotPermitted),
        (TITLE, 401, "You are not authorized to do this", errors.NotPermitted),
        (Action.SIGN_IN, 401, "Unknown user", ils.WrongPIN),
        (Action.CHECKOUTS, 409, "What?", errors.BadAnswer),
        (CHECKOUT, 200, "What?", errors.BadAnswer),
        (CHECKIN, 200, "What?", errors.BadAnswer),
        (Action.HOLDS, 200, "What?", errors.BadAnswer),
    ],
)  # fmt: skip
def test_a_text_has_its_meaning(
    action: Action, status: int, text: str, error: type[Exception]
) -> None:
    found = error_of(action, Answer(status, message(text)))

    assert type(found) is error
    bare = error_of(action, Answer(status, json.dumps(text).encode()))
    assert type(bare) is error  # some come as strings, and may not stay so


@pytest.mark.parametrize(
    ("status", "error", "may_stand"),
    [
        (202, errors.BadAnswer, True),
        (301, errors.BadAnswer, True),
        (302, errors.BadAnswer, True),
        (400, errors.BadInput, False),
        (401, errors.NotPermitted, False),
        (403, errors.NotPermitted, False),
        (404, errors.BadAnswer, False),  # a page of some server's, not the vendor's own words
        (405, errors.BadAnswer, False),
        (408, errors.NotAnswered, False),
        (418, errors.BadAnswer, False),
        (429, errors.NotPermitted, False),
        (500, errors.VendorFault, True),
        (502, errors.VendorFault, True),
        (503, errors.VendorFault, True),
        (504, errors.VendorFault, True),
        (599, errors.VendorFault, True),
    ],
)
def test_a_status_has_its_meaning(status: int, error: type[Exception], may_stand: bool) -> None:
    for body in (b"", b"{}", b"<html>Sorry</html>"):
        found = error_of(Action.CHECKOUT, Answer(status, body))
        assert type(found) is error
        assert isinstance(found, Unavailable)
        assert found.may_stand is may_stand
        asked = error_of(Action.CHECKOUTS, Answer(status, body))
        assert isinstance(asked, Unavailable)
        assert not asked.may_stand  # a question changes nothing


@pytest.mark.parametrize(
    ("model", "may_stand"),
    [("RB.API.OneClick.UserPatron.Get in RB.API.OneClick.UserPatronMDG", False),
     ("RB.API.OneClick.Checkout.Post in RB.API.OneClick.CheckoutMDG", True)],
)  # fmt: skip
def test_a_database_of_theirs_that_broke_off_in_a_change_may_have_made_it(
    model: str, may_stand: bool
) -> None:
    text = f"eXtensible Framework encountered a SqlException for {model}     details: Ex"

    found = error_of(Action.CHECKOUT, Answer(500, message(text)))

    assert isinstance(found, errors.BadInput)
    assert found.may_stand is may_stand


def test_what_we_sent_is_not_taken_for_the_vendors_words() -> None:
    text = NOT_HERE + "LibraryMedia.Get     details: ICriterion: not authorized; patron not found"

    assert isinstance(error_of(TITLE, Answer(200, message(text))), ils.TitleNotFound)


@pytest.mark.parametrize("body", [b"", b'{"message":"success"}', b'{"message":"Success."}'])
def test_success_comes_with_a_word_or_without(body: bytes) -> None:
    assert error_of(Action.CHECKIN, Answer(200, body)) is None


def test_the_rate_limit_is_found_in_a_page_and_in_half_an_object() -> None:
    for body in (f"<html>{LIMITED}</html>", f'{{"message":"{LIMITED}', LIMITED):
        for status in (200, 403, 500):
            found = error_of(Action.TITLE, Answer(status, body.encode()))
            assert isinstance(found, errors.NotPermitted)
            assert found.passing


def test_a_patron_reads_the_vendors_own_words_without_numbers() -> None:
    assert for_patrons("Renewed too often by 1305722621 (ada@example.org).") == (
        "Renewed too often by … …"
    )
    assert for_patrons("eXtensible Framework   details: server:10.0.1.48") is None
    assert for_patrons("<b>no</b>") is None


def test_every_text_is_written_as_it_is_compared() -> None:
    for row in TEXTS:
        assert row.words == " ".join(row.words.split()).casefold()


async def test_a_renewal_is_refused_with_200(client: Client, vendor: Vendor) -> None:
    vendor.answers(b'{"output":"This title cannot be renewed again","isbn":"9781441260468"}')

    with pytest.raises(ils.RenewalNotAllowed, match="cannot be renewed again"):
        await client.renew(939981, "9781441260468", days=7)

    assert vendor.asked[0].method == "PUT"
    assert vendor.asked[0].header("Content-Length") == "0"


@pytest.mark.parametrize("word", ["success", "SUCCESS"])
async def test_a_renewal_succeeds_in_either_case(client: Client, vendor: Vendor, word: str) -> None:
    vendor.answers(f'{{"output":"{word}","expiration":"2016-11-26"}}'.encode())

    reply = await client.renew(939981, "9781441260468")

    assert reply.expiration == "2016-11-26"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"5", b'"ok"', b"<html>", b"\xff"])
async def test_nonsense_after_a_checkout_may_have_lent_it(
    client: Client, vendor: Vendor, body: bytes
) -> None:
    vendor.answers(body)

    with pytest.raises(errors.BadAnswer) as caught:
        await client.checkout(939981, "9781441260468")

    assert caught.value.may_stand
    assert len(vendor.asked) == 1


async def test_a_checkout_is_refused_with_200(client: Client, vendor: Vendor) -> None:
    vendor.answers(b'{"output":"Not on Sundays","transactionId":0}')

    with pytest.raises(ils.NotForLoan, match="Not on Sundays"):
        await client.checkout(939981, "9781441260468")


async def test_a_strange_word_beside_a_transaction_may_be_a_loan(
    client: Client, vendor: Vendor
) -> None:
    vendor.answers(b'{"output":"Done, enjoy","transactionId":9828517}')

    with pytest.raises(errors.BadAnswer) as caught:
        await client.checkout(939981, "9781441260468")

    assert caught.value.may_stand


@pytest.mark.parametrize("body", [b"[]", b"true", b'{"errorCode":7}'])
async def test_nonsense_after_a_return_may_have_ended_it(
    client: Client, vendor: Vendor, body: bytes
) -> None:
    vendor.answers(body)

    with pytest.raises(errors.BadAnswer) as caught:
        await client.checkin(939981, "9781441260468")

    assert caught.value.may_stand


@pytest.mark.parametrize("body", [b"", b'{"message":"success"}'])
async def test_a_return_and_a_cancelled_hold(client: Client, vendor: Vendor, body: bytes) -> None:
    vendor.answers(body)

    await client.checkin(939981, "9781441260468")
    await client.cancel_hold(939981, "9781441260468")

    assert [each.method for each in vendor.asked] == ["DELETE", "DELETE"]


async def test_an_answer_names_its_keys_but_never_its_values(
    client: Client, vendor: Vendor
) -> None:
    vendor.answers(b'{"patronID":"1305722621","who":"ada"}')

    with pytest.raises(errors.BadAnswer) as caught:
        await client.find_patron("1305722621")

    told = str(caught.value)
    assert told == (
        "GET rpc/…/patrons/{value}: status 200, an object with patronID, who: "
        "Object missing required field `patronId`"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["message", "Message", "output", "patronId", "isbn", "bearer", "url",
                         "items", "files", "patron", "availability", "expiration"])
        | st.text(), inner),
    max_leaves=8,
)  # fmt: skip
BODIES = (
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b'"\\ud800"', b"1e999", b"\xef\xbb\xbf{}"])
)
STATUSES = st.integers(200, 599) | st.just(200)


@given(action=st.sampled_from(Action), status=STATUSES, body=BODIES)
def test_any_answer_is_an_error_of_ours_or_none(action: Action, status: int, body: bytes) -> None:
    found = error_of(action, Answer(status, body))

    assert found is None or isinstance(found, CirculationError)
    if isinstance(found, Unavailable) and action not in CHANGES:
        assert not found.may_stand
    if isinstance(found, Refused) and status >= 500:
        assert any(row.words for row in TEXTS)


CALLS: list[Any] = [  # Any: calls of all kinds
    lambda client: client.title("9781441260468"),
    lambda client: client.availability_of("9781441260468"),
    lambda client: client.search(),
    lambda client: client.facets(),
    lambda client: client.find_patron("ada"),
    lambda client: client.patron(1),
    lambda client: client.patron_token("x"),
    lambda client: client.checkouts(1),
    lambda client: client.checkout(1, "9781441260468"),
    lambda client: client.renew(1, "9781441260468"),
    lambda client: client.checkin(1, "9781441260468"),
    lambda client: client.holds(1),
    lambda client: client.add_hold(1, "9781441260468"),
    lambda client: client.cancel_hold(1, "9781441260468"),
    lambda client: client.patron_config(1),
    lambda client: client.access_document(client.settings.api + "/media/1/parts/1/download-url"),
]


@given(call=st.sampled_from(CALLS), status=STATUSES.filter(lambda each: each != 204), body=BODIES)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_call_ends_with_a_value_or_an_error_of_ours(
    vendor: Vendor, call: Any, status: int, body: bytes
) -> None:
    vendor.answers(Reply(status, b"" if status == 304 else body))
    async with vendor.client(Clock()) as client:
        try:
            await call(client)
        except CirculationError as error:
            assert error.__context__ is None  # noqa: PT017 # any error, or none
