"""The acceptance dialogue, through the port and through SIP2: a patron's whole life with a
collection, in the first era and the last.

Source: spec/oneclick-api, end of section 8.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bibliobus.ils import (
    AlreadyOnHold,
    AlreadyOnLoan,
    HoldLimitReached,
    LoanLimitReached,
    NoCopyAvailable,
    NotOnLoan,
)
from bibliobus.sandbox.vendor import Vendor
from bibliobus.terminals import ListenerSettings
from tests.oneclick.collected import Collected, Today
from tests.oneclick.lending import READER, Lent, day_of, lent
from tests.support import Library
from tests.terminals.doors import HERE, a_door
from tests.terminals.saying import (
    checkin,
    checkout,
    counts,
    hold,
    information,
    item,
    one,
    renew,
)

CHARGED, UNAVAILABLE_HOLDS = 2, 5  # which list a 63 asks for


@pytest.fixture
async def lending(
    library: Library, collection: Collected, sandbox: Vendor, today: Today
) -> AsyncIterator[Lent]:
    await library.patron("ada")
    await library.patron("grace")
    async with lent(library, collection, sandbox, today) as found:
        yield found


@pytest.mark.parametrize("era", ["E1", "E4"])
async def test_a_patron_borrows_waits_and_reaches_the_limit(lending: Lent, era: str) -> None:
    vendor, ours = lending.vendor, lending.collection
    vendor.change_settings(checkout_limit=1)
    book, other = lending.isbns()[:2]
    vendor.set_copies(book, 1)

    borrowed = await ours.checkout("ada", book, origin=READER)
    assert (borrowed.item.id, day_of(borrowed.due_at)) == (book, "2016-11-14")
    assert await lending.here("ada") == ({book}, set())
    assert await lending.in_step("ada")
    file = await ours.fulfil("ada", book, origin=READER)
    assert file.media_type == "application/vnd.adobe.adept+xml"

    with pytest.raises(AlreadyOnLoan):
        await ours.checkout("ada", book, origin=READER)
    lending.today.wait(days=3)
    renewed = await ours.renew("ada", item_id=book, origin=READER)
    assert (renewed.renewal_ok, day_of(renewed.due_at)) == (True, "2016-11-17")

    back = await ours.checkin(book, origin=READER)
    assert back.patron is not None
    assert back.patron.id == "ada"
    with pytest.raises(NotOnLoan):
        await ours.checkin(book, origin=READER)

    await ours.checkout("grace", book, origin=READER)
    with pytest.raises(NoCopyAvailable):
        await ours.checkout("ada", book, origin=READER)
    assert await lending.here("ada") == (set(), set())  # nobody placed the hold but the patron
    held = await ours.add_hold("ada", item_id=book, origin=READER)
    assert (held.available, held.hold.expires_at) == (False, None)
    with pytest.raises(AlreadyOnHold):
        await ours.add_hold("ada", item_id=book, origin=READER)
    assert await lending.in_step("ada")

    await ours.checkin(book, patron_id="grace", origin=READER)
    vendor.tick()
    assert await lending.here("ada") == (set(), {book})
    await ours.reconcile("ada")
    assert await lending.here("ada") == ({book}, set())
    assert await lending.in_step("ada")

    with pytest.raises(LoanLimitReached):
        await ours.checkout("ada", other, origin=READER)
    with pytest.raises(HoldLimitReached):
        await ours.add_hold("ada", item_id=other, origin=READER)

    vendor.remove_title(other)
    lending.today.wait(days=1)
    await lending.collected.imported(again=True)
    gone = await ours.find_item(other)
    assert gone is not None
    assert gone.circulation_status.name == "OTHER"
    await ours.checkin(book, origin=READER)
    await lending.collected.availability()
    found = await ours.find_item(book)
    assert found is not None
    assert found.circulation_status.name == "AVAILABLE"


@pytest.mark.parametrize("era", ["E1", "E4"])
async def test_a_patron_does_all_that_at_a_terminal(
    lending: Lent, library: Library, era: str
) -> None:
    vendor = lending.vendor
    vendor.change_settings(checkout_limit=1)
    book, other = lending.isbns()[:2]
    vendor.set_copies(book, 1)
    collections = {lending.collected.name: lending.collection}
    async with a_door(library, ListenerSettings(address=HERE), collections=collections) as doors:
        kiosk = await (await doors.connect()).login()
        beside = await (await doors.connect()).login()

        known = await kiosk.send(item(book))
        assert known.startswith("1803")
        lent_out = await kiosk.send(checkout("ada", book, AD="1234"))
        assert lent_out.startswith("121N")
        assert "2016-11-14" in one(lent_out, "AH")
        assert "library's app" in one(lent_out, "AG")
        shelf = await kiosk.send(information("ada", CHARGED, AD="1234"))
        assert counts(shelf)[2] == 1
        assert book in one(shelf, "AU")
        assert (await lending.collection.fulfil("ada", book, origin=READER)).url

        again = await kiosk.send(checkout("ada", book, AD="1234"))
        assert again.startswith("120N")
        lending.today.wait(days=3)
        renewed = await kiosk.send(renew("ada", AB=book, AD="1234"))
        assert renewed.startswith("301Y")
        assert "2016-11-17" in one(renewed, "AH")

        stranger = await beside.send(checkin(book))
        assert stranger.startswith("100")
        assert await lending.here("ada") == ({book}, set())
        assert (await kiosk.send(checkin(book))).startswith("101")
        assert (await kiosk.send(checkin(book))).startswith("100")

        assert (await beside.send(checkout("grace", book))).startswith("121")
        taken = await kiosk.send(checkout("ada", book))
        assert taken.startswith("120")
        assert "You can place a hold" in one(taken, "AF")
        assert (await kiosk.send(hold("+", "ada", AB=book))).startswith("161N")
        assert (await kiosk.send(hold("+", "ada", AB=book))).startswith("160")
        waiting = await kiosk.send(information("ada", UNAVAILABLE_HOLDS, AD="1234"))
        assert counts(waiting)[5] == 1
        assert book in one(waiting, "CD")
        assert (await kiosk.send(hold("-", "ada", AB=book))).startswith("161")
        assert (await kiosk.send(hold("+", "ada", AB=book))).startswith("161")

        assert (await beside.send(checkin(book))).startswith("101")
        vendor.tick()
        await lending.collection.reconcile("ada")
        shelf = await kiosk.send(information("ada", CHARGED, AD="1234"))
        assert (counts(shelf)[2], counts(shelf)[5]) == (1, 0)
        assert await lending.in_step("ada")

        full = await kiosk.send(checkout("ada", other))
        assert (full[:3], one(full, "AF")) == ("120", LoanLimitReached.screen_message)
        full = await kiosk.send(hold("+", "ada", AB=other))
        assert (full[:3], one(full, "AF")) == ("160", HoldLimitReached.screen_message)
        assert (await kiosk.send(checkin(book))).startswith("101")
        assert await lending.at_the_vendor("ada") == (set(), set())
