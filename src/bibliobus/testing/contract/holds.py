"""Holds: a queue for each title, and a shelf where the next patron's copy waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bibliobus.ils import (
    AlertType,
    AlreadyBorrowed,
    AlreadyOnHold,
    CardLost,
    CirculationStatus,
    FeeNotAcknowledged,
    FeeType,
    HoldLimitReached,
    HoldNotAllowed,
    HoldNotFound,
    HoldType,
    ItemNotFound,
    NoSuchPickupLocation,
    NotOnLoan,
    OnHoldForAnother,
    OwesTooMuch,
    PatronList,
    PatronNotFound,
    Secret,
    TitleNotFound,
    WrongPIN,
)
from bibliobus.ils.library import Condition
from bibliobus.testing.contract.library import (
    ITEM,
    A,
    B,
    C,
    ContractLibrary,
    charged,
    document,
    fee,
    found_item,
    found_patron,
    hold,
    item,
    loan,
    needs,
    origin,
    patron,
    refusal,
)


@needs("hold")
class HoldContract:
    """What a library keeps that has holds. Copies are at home nowhere in particular."""

    # ------------------------------------------------ placing

    async def test_puts_a_patron_into_the_queue(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(patron="grace")))
        before = datetime.now(UTC) - timedelta(seconds=1)

        placed = await library.ils.add_hold("ada", item_id=ITEM, origin=origin())

        assert (placed.patron.id, placed.hold.title_id) == ("ada", "Middlemarch")
        assert (placed.hold.queue_position, placed.hold.ready) == (1, False)
        assert placed.hold.hold_type == HoldType.ANY_COPY
        assert placed.hold.pickup_location == "north"  # where the patron is at home
        assert before <= placed.hold.placed_at <= datetime.now(UTC) + timedelta(seconds=1)
        assert not placed.available
        assert placed.item is not None
        assert (placed.item.id, placed.item.hold_queue_length) == (ITEM, 1)
        assert (await library.ils.patron_account("ada")).holds == (placed.hold,)
        assert await library.ils.hold_queue(ITEM) == ["ada"]

    async def test_says_that_a_copy_can_be_fetched_at_once(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item()))

        first = await library.ils.add_hold("ada", item_id=ITEM, origin=origin())
        second = await library.ils.add_hold("grace", item_id=ITEM, origin=origin())

        assert (first.available, second.available) == (True, False)
        found = await found_item(library)
        assert found.circulation_status == CirculationStatus.AVAILABLE  # it is on its shelf still

    async def test_finds_a_title_by_its_text_or_key(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), item(A, title="Emma")))
        key = (await found_item(library)).title_key
        assert key is not None

        by_text = await library.ils.add_hold("ada", title_id="Middlemarch", origin=origin())
        by_key = await library.ils.add_hold("grace", title_id=key, origin=origin())

        assert by_text.item is None
        assert by_key.hold.title_id == "Middlemarch"
        assert await library.ils.hold_queue(ITEM) == ["ada", "grace"]
        assert await library.ils.hold_queue(A) == []

    async def test_places_no_hold_on_what_it_does_not_know(self, library: ContractLibrary) -> None:
        emmas = [item(id, title="Emma", author=author) for id, author in ((A, "A"), (B, "B"))]
        await library.add(document(patron(), item(), *emmas))
        add = library.ils.add_hold

        await refusal(library, PatronNotFound, add("nobody", item_id=ITEM, origin=origin()))
        await refusal(library, WrongPIN, add("ada", item_id=ITEM, pin=Secret("0"), origin=origin()))
        await refusal(library, ItemNotFound, add("ada", item_id="nothing", origin=origin()))
        await refusal(
            library,
            ItemNotFound,
            add(
                "ada",
                title_id="Middlemarch",
                hold_type=HoldType.SPECIFIC_COPY,
                origin=origin(),
            ),
        )
        await refusal(library, TitleNotFound, add("ada", title_id="Dracula", origin=origin()))
        await refusal(library, TitleNotFound, add("ada", title_id="Emma", origin=origin()))
        await refusal(library, TitleNotFound, add("ada", origin=origin()))

    async def test_has_one_hold_of_a_patron_on_a_title(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), item(A)))
        await library.ils.add_hold("ada", item_id=ITEM, origin=origin())

        await refusal(
            library, AlreadyOnHold, library.ils.add_hold("ada", item_id=A, origin=origin())
        )

    async def test_has_no_hold_on_what_the_patron_has(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), item(A), loan()))

        await refusal(
            library, AlreadyBorrowed, library.ils.add_hold("ada", item_id=A, origin=origin())
        )

    async def test_refuses_holds_of_whom_it_lets_place_none(self, library: ContractLibrary) -> None:
        await library.add(document(patron(hold_ok=False), patron("grace", card_lost=True), item()))

        await refusal(
            library,
            HoldNotAllowed,
            library.ils.add_hold("ada", item_id=ITEM, origin=origin()),
        )
        await refusal(
            library, CardLost, library.ils.add_hold("grace", item_id=ITEM, origin=origin())
        )

    async def test_lets_a_patron_wait_who_may_not_borrow(self, library: ContractLibrary) -> None:
        await library.add(document(patron(charge_ok=False), item()))

        placed = await library.ils.add_hold("ada", item_id=ITEM, origin=origin())

        assert placed.hold.queue_position == 1

    async def test_keeps_what_is_said_with_a_hold(self, library: ContractLibrary) -> None:
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        await library.add(document(patron(), item(), item(A, title="Emma")))

        placed = await library.ils.add_hold(
            "ada",
            item_id=ITEM,
            hold_type=HoldType.SPECIFIC_COPY,
            pickup_location="south",
            expires_at=expires_at,
            origin=origin(),
        )
        past = await library.ils.add_hold(
            "ada", item_id=A, expires_at=expires_at - timedelta(days=60), origin=origin()
        )

        assert placed.hold.item_id == ITEM
        assert placed.hold.hold_type == HoldType.SPECIFIC_COPY
        assert (placed.hold.pickup_location, placed.hold.expires_at) == ("south", expires_at)
        assert past.hold.expires_at is None  # by policy

    async def test_gives_everybody_another_place(self, library: ContractLibrary) -> None:
        await library.add(document(*(patron(f"p{n}") for n in range(10)), item()))

        placed = await asyncio.gather(
            *(library.ils.add_hold(f"p{n}", item_id=ITEM, origin=origin()) for n in range(10))
        )

        assert sorted(each.hold.queue_position for each in placed) == list(range(1, 11))
        by_place = sorted(placed, key=lambda each: each.hold.queue_position)
        queue = await library.ils.hold_queue(ITEM)
        assert queue == [each.patron.id for each in by_place]

    # ------------------------------------------------ looking

    async def test_shows_the_queue_of_an_item(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), patron("grace"), patron("mary"), item(), item(A, title="Emma"),
                hold(patron="grace"), hold(patron="ada"),
            )
        )  # fmt: skip
        position = library.ils.hold_queue_position

        assert await library.ils.hold_queue(ITEM) == ["grace", "ada"]
        assert await library.ils.hold_queue(A) == []
        assert [await position(ITEM, id) for id in ("grace", "ada", "mary")] == [1, 2, 0]
        assert await position(ITEM, "nobody") == 0
        assert (await found_item(library)).hold_queue_length == 2
        (placed,) = (await library.ils.patron_account("ada")).holds
        assert placed.queue_position == 2

    async def test_has_no_queue_of_what_it_does_not_know(self, library: ContractLibrary) -> None:
        with pytest.raises(ItemNotFound):
            await library.ils.hold_queue("nothing")
        with pytest.raises(ItemNotFound):
            await library.ils.hold_queue_position("nothing", "ada")

    async def test_keeps_a_copy_for_the_first_in_the_queue(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold()))

        refused = await refusal(
            library, OnHoldForAnother, library.ils.checkout("grace", ITEM, origin=origin())
        )

        assert refused.item is not None
        assert not await library.ils.available(ITEM, "grace")
        assert await library.ils.available(ITEM, "ada")

    async def test_lists_holds_that_are_ready_and_those_to_come(
        self, library: ContractLibrary
    ) -> None:
        await library.add(
            document(
                patron(), patron("grace"), item(), item(A, title="Emma"),
                loan(patron="grace"), loan(A, "grace"), hold(), hold(A),
            )
        )  # fmt: skip
        await library.ils.checkin(ITEM, origin=origin())

        ready = await library.ils.patron_list("ada", PatronList.HOLDS)
        to_come = await library.ils.patron_list("ada", PatronList.UNAVAILABLE_HOLDS)

        assert [(each.item_id, each.title_id) for each in ready] == [(ITEM, "Middlemarch")]
        assert [(each.item_id, each.title_id) for each in to_come] == [("", "Emma")]
        account = await library.ils.patron_account("ada")
        assert account.holds == (ready[0].hold, to_come[0].hold)
        assert await library.ils.patron_list("ada", PatronList.HOLDS, 2) == []
        found = await found_patron(library)
        assert (found.hold_count, found.unavailable_hold_count) == (1, 1)

    # ------------------------------------------------ the hold shelf

    async def test_puts_what_comes_back_on_the_hold_shelf(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), patron("grace"), patron("mary"), item(),
                loan(patron="grace"), hold(patron="mary"), hold(patron="ada"),
            )
        )  # fmt: skip

        taken = await library.ils.checkin(ITEM, origin=origin())

        assert taken.alert_type == AlertType.HOLD_HERE
        assert taken.hold is not None
        assert (taken.hold.patron_id, taken.hold.patron_name) == ("mary", "Mary")
        assert taken.hold.pickup_location == "north"
        assert taken.hold.pickup_by is not None
        assert timedelta(days=6) < taken.hold.pickup_by - datetime.now(UTC) < timedelta(days=9)
        found = await found_item(library)
        assert found.circulation_status == CirculationStatus.WAITING_ON_HOLD_SHELF
        assert found.hold_pickup_at == taken.hold.pickup_by
        (ready,) = (await library.ils.patron_account("mary")).holds
        assert (ready.queue_position, ready.ready, ready.item_id) == (0, True, ITEM)
        assert ready.pickup_by == taken.hold.pickup_by
        (waiting,) = (await library.ils.patron_account("ada")).holds
        assert (waiting.queue_position, waiting.ready) == (1, False)
        assert await library.ils.hold_queue(ITEM) == ["mary", "ada"]

    async def test_leaves_the_hold_shelf_to_staff_if_the_terminal_wants_that(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(patron="grace"), hold()))

        taken = await library.ils.checkin(ITEM, capture_holds=False, origin=origin())
        found = await found_item(library)
        at_the_desk = await library.ils.checkin(ITEM, origin=origin())

        assert (taken.alert_type, taken.hold) == (AlertType.OTHER, None)
        assert found.circulation_status == CirculationStatus.AVAILABLE
        assert await charged(library, "grace") == []
        assert at_the_desk.alert_type == AlertType.HOLD_HERE

    async def test_takes_back_without_a_word_what_nobody_waits_for(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item(), loan()))

        taken = await library.ils.checkin(ITEM, capture_holds=False, origin=origin())

        assert taken.alert_type is None

    async def test_lends_from_the_hold_shelf_to_its_patron_only(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(patron="grace"), hold()))
        await library.ils.checkin(ITEM, origin=origin())

        await refusal(
            library, OnHoldForAnother, library.ils.checkout("grace", ITEM, origin=origin())
        )
        lent = await library.ils.checkout("ada", ITEM, origin=origin())

        assert (lent.patron.hold_count, lent.item.hold_queue_length) == (0, 0)
        assert lent.item.circulation_status == CirculationStatus.CHARGED
        assert (await library.ils.patron_account("ada")).holds == ()
        assert await charged(library, "ada") == [ITEM]

    async def test_serves_a_hold_with_any_copy(self, library: ContractLibrary) -> None:
        await library.add(
            document(patron(), patron("grace"), item(), item(A), loan(A, "grace"), hold())
        )

        await library.ils.checkin(A, origin=origin())
        lent = await library.ils.checkout("ada", ITEM, origin=origin())  # not the one kept

        assert lent.patron.hold_count == 0
        found = await found_item(library, A)
        assert found.circulation_status == CirculationStatus.AVAILABLE
        assert await library.ils.hold_queue(A) == []

    async def test_says_at_any_place_in_the_queue_whether_a_copy_can_be_fetched(
        self, library: ContractLibrary
    ) -> None:
        await library.add(
            document(
                patron(), patron("grace"), patron("mary"), item(), item(A),
                hold(hold_type=HoldType.SPECIFIC_COPY),
            )
        )  # fmt: skip
        soon = datetime.now(UTC) + timedelta(days=9)

        second = await library.ils.add_hold("grace", item_id=A, origin=origin())
        third = await library.ils.add_hold("mary", item_id=A, origin=origin())
        suspended = await library.ils.alter_hold(
            "ada", item_id=ITEM, suspended_until=soon, origin=origin()
        )
        served = await library.ils.alter_hold(
            "mary", item_id=ITEM, hold_type=HoldType.SPECIFIC_COPY, origin=origin()
        )

        assert (second.hold.queue_position, second.available) == (
            2,
            True,
        )  # the first wants another
        assert not third.available
        assert not suspended.available
        assert not served.available  # Grace is before her

    async def test_passes_on_the_copy_that_is_not_needed_any_more(
        self, library: ContractLibrary
    ) -> None:
        await library.add(
            document(
                patron(), patron("grace"), item(), item(A), hold(), hold(patron="grace"),
            )
        )  # fmt: skip
        await library.ils.checkin(A, origin=origin())

        await library.ils.checkout("ada", ITEM, no_block=True, origin=origin())

        (ready,) = (await library.ils.patron_account("grace")).holds
        assert (ready.ready, ready.item_id) == (True, A)

    async def test_serves_a_hold_on_one_copy_with_that_copy(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), patron("grace"), item(), item(A),
                loan(patron="grace"), loan(A, "grace"),
                hold(hold_type=HoldType.SPECIFIC_COPY),
            )
        )  # fmt: skip

        other = await library.ils.checkin(A, origin=origin())
        taken = await library.ils.checkin(ITEM, origin=origin())

        assert other.hold is None
        assert await library.ils.hold_queue(A) == []
        assert taken.hold is not None
        assert taken.hold.patron_id == "ada"

    async def test_takes_a_copy_from_its_shelf_to_the_hold_shelf(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item(), hold()))

        taken = await library.ils.checkin(ITEM, origin=origin())
        again = await library.ils.checkin(ITEM, origin=origin())

        assert (taken.patron, taken.alert_type) == (None, AlertType.HOLD_HERE)
        assert again.alert_type == AlertType.HOLD_HERE
        assert again.hold == taken.hold

    async def test_lends_off_line_what_waits_for_another(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold()))
        await library.ils.checkin(ITEM, origin=origin())

        await library.ils.checkout("grace", ITEM, no_block=True, origin=origin())

        assert await charged(library, "grace") == [ITEM]
        (waiting,) = (await library.ils.patron_account("ada")).holds
        assert (waiting.queue_position, waiting.ready) == (1, False)

    async def test_does_not_renew_what_another_waits_for(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(patron="grace"), hold()))

        await refusal(
            library,
            OnHoldForAnother,
            library.ils.renew("grace", item_id=ITEM, origin=origin()),
        )
        await refusal(
            library,
            OnHoldForAnother,
            library.ils.checkout("grace", ITEM, renewal_allowed=True, origin=origin()),
        )

    # ------------------------------------------------ changing

    async def test_serves_others_while_a_hold_is_suspended(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), patron("grace"), patron("mary"), item(),
                loan(patron="mary"), hold(), hold(patron="grace"),
            )
        )  # fmt: skip
        now = datetime.now(UTC).replace(microsecond=0)
        alter = library.ils.alter_hold

        suspended = await alter(
            "ada", item_id=ITEM, suspended_until=now + timedelta(days=9), origin=origin()
        )
        queue = await library.ils.hold_queue(ITEM)
        await alter("ada", item_id=ITEM, suspended_until=now - timedelta(days=1), origin=origin())

        assert suspended.hold.suspended_until == now + timedelta(days=9)
        assert queue == ["grace"]
        assert await library.ils.hold_queue(ITEM) == ["ada", "grace"]  # the place it had

    async def test_passes_over_a_suspended_hold(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold()))
        soon = datetime.now(UTC) + timedelta(days=9)
        await library.ils.alter_hold("ada", item_id=ITEM, suspended_until=soon, origin=origin())

        await library.ils.checkout("grace", ITEM, origin=origin())

        assert await charged(library, "grace") == [ITEM]
        assert len((await library.ils.patron_account("ada")).holds) == 1

    async def test_changes_what_is_said_and_no_more(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold(), hold(patron="grace")))
        (before,) = (await library.ils.patron_account("ada")).holds
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)

        moved = await library.ils.alter_hold(
            "ada", item_id=ITEM, pickup_location="south", origin=origin()
        )
        altered = await library.ils.alter_hold(
            "ada",
            title_id="Middlemarch",
            expires_at=expires_at,
            hold_type=HoldType.ANY_COPY_AT_ONE_PLACE,
            origin=origin(),
        )

        assert (moved.hold.id, moved.hold.queue_position) == (before.id, 1)
        assert (moved.hold.pickup_location, moved.hold.expires_at) == ("south", before.expires_at)
        assert altered.hold.pickup_location == "south"
        assert altered.hold.expires_at == expires_at
        assert altered.hold.hold_type == HoldType.ANY_COPY_AT_ONE_PLACE
        assert altered.hold.placed_at == before.placed_at
        assert (await library.ils.patron_account("ada")).holds == (altered.hold,)

    async def test_refuses_to_change_what_is_not_there(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold(patron="grace")))
        alter = library.ils.alter_hold

        await refusal(library, HoldNotFound, alter("ada", item_id=ITEM, origin=origin()))
        await refusal(library, HoldNotFound, alter("grace", item_id="nothing", origin=origin()))
        await refusal(library, HoldNotFound, alter("grace", title_id="Emma", origin=origin()))
        await refusal(library, PatronNotFound, alter("nobody", item_id=ITEM, origin=origin()))
        await refusal(
            library,
            WrongPIN,
            alter("grace", item_id=ITEM, pin=Secret("0"), origin=origin()),
        )
        await refusal(
            library,
            ItemNotFound,
            alter(
                "grace",
                title_id="Middlemarch",
                hold_type=HoldType.SPECIFIC_COPY,
                origin=origin(),
            ),
        )

    # ------------------------------------------------ giving up

    async def test_gives_up_a_hold(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold(), hold(patron="grace")))
        (before,) = (await library.ils.patron_account("ada")).holds

        given_up = await library.ils.cancel_hold("ada", item_id=ITEM, origin=origin())

        assert given_up.patron.id == "ada"
        assert given_up.item is not None
        assert given_up.item.id == ITEM
        assert (given_up.hold.id, given_up.hold.title_id) == (before.id, "Middlemarch")
        assert given_up.patron.unavailable_hold_count == 0
        assert await library.ils.hold_queue(ITEM) == ["grace"]
        assert (await library.ils.patron_account("ada")).holds == ()
        await refusal(
            library,
            HoldNotFound,
            library.ils.cancel_hold("ada", item_id=ITEM, origin=origin()),
        )

    async def test_finds_a_hold_by_its_titles_key(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(), item(A), hold()))
        key = (await found_item(library)).title_key

        moved = await library.ils.alter_hold(
            "ada", title_id=key, pickup_location="south", origin=origin()
        )
        given_up = await library.ils.cancel_hold("ada", title_id=key, origin=origin())

        assert moved.hold.pickup_location == "south"
        assert given_up.hold.id == moved.hold.id
        assert await library.ils.hold_queue(A) == []

    async def test_gives_the_copy_to_the_next_patron(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold(), hold(patron="grace")))
        await library.ils.checkin(ITEM, origin=origin())

        await library.ils.cancel_hold("ada", title_id="Middlemarch", origin=origin())

        (ready,) = (await library.ils.patron_account("grace")).holds
        assert (ready.ready, ready.item_id) == (True, ITEM)
        await library.ils.cancel_hold("grace", item_id=ITEM, origin=origin())
        found = await found_item(library)
        assert found.circulation_status == CirculationStatus.AVAILABLE

    async def test_refuses_to_give_up_what_is_not_there(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold(patron="grace")))
        cancel = library.ils.cancel_hold

        await refusal(library, HoldNotFound, cancel("ada", item_id=ITEM, origin=origin()))
        await refusal(library, HoldNotFound, cancel("grace", item_id="nothing", origin=origin()))
        await refusal(library, HoldNotFound, cancel("grace", title_id="Emma", origin=origin()))
        await refusal(library, PatronNotFound, cancel("nobody", item_id=ITEM, origin=origin()))
        await refusal(
            library,
            WrongPIN,
            cancel("grace", item_id=ITEM, pin=Secret("0"), origin=origin()),
        )

    async def test_may_take_a_hold_again(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), item(), hold(), hold(patron="grace")))
        await library.ils.cancel_hold("ada", item_id=ITEM, origin=origin())

        placed = await library.ils.add_hold("ada", item_id=ITEM, origin=origin())

        assert placed.hold.queue_position == 2  # at the end
        assert await library.ils.hold_queue(ITEM) == ["grace", "ada"]


@needs("hold", "policies")
class HoldPolicyContract:
    """Who may wait for what and where; copies go from branch to branch."""

    async def test_refuses_holds_on_what_is_not_lent(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), item(A, title="Emma", item_type="reference"),
                item(B, title="Persuasion", condition=Condition.WITHDRAWN),
            )
        )  # fmt: skip

        for id in (A, B):
            await refusal(
                library, HoldNotAllowed, library.ils.add_hold("ada", item_id=id, origin=origin())
            )
        await refusal(
            library, HoldNotAllowed, library.ils.add_hold("ada", title_id="Emma", origin=origin())
        )

    async def test_says_that_a_damaged_copy_can_be_fetched_and_a_reference_copy_not(
        self, library: ContractLibrary
    ) -> None:
        await library.add(
            document(
                patron(), item(A, title="Emma", condition=Condition.DAMAGED),
                item(B), loan(B, "grace"), item(C, item_type="reference"), patron("grace"),
            )
        )  # fmt: skip

        damaged = await library.ils.add_hold("ada", item_id=A, origin=origin())
        not_lent = await library.ils.add_hold("ada", item_id=B, origin=origin())

        assert (damaged.available, not_lent.available) == (True, False)

    async def test_refuses_one_hold_too_many(self, library: ContractLibrary) -> None:
        await library.add(
            document(patron(), *(item(id, title=id) for id in (A, B, C)), hold(A), hold(B))
        )

        await refusal(
            library, HoldLimitReached, library.ils.add_hold("ada", item_id=C, origin=origin())
        )

        assert (await found_patron(library)).hold_limit == 2

    async def test_refuses_holds_of_a_patron_who_owes_too_much(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item(), fee("10.01")))

        await refusal(
            library,
            OwesTooMuch,
            library.ils.add_hold("ada", item_id=ITEM, origin=origin()),
        )

    async def test_knows_where_holds_can_be_picked_up(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace", home_library="mars"), item()))
        add = library.ils.add_hold

        await refusal(
            library,
            NoSuchPickupLocation,
            add("ada", item_id=ITEM, pickup_location="moon", origin=origin()),
        )
        await refusal(library, NoSuchPickupLocation, add("grace", item_id=ITEM, origin=origin()))
        await add("ada", item_id=ITEM, origin=origin())
        placed = await add("grace", item_id=ITEM, origin=origin(location="south"))
        await refusal(
            library,
            NoSuchPickupLocation,
            library.ils.alter_hold("ada", item_id=ITEM, pickup_location="moon", origin=origin()),
        )

        assert placed.hold.pickup_location == "south"  # where the terminal stands

    async def test_asks_before_a_hold_costs_something(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(item_type="dvd")))
        add = library.ils.add_hold

        refused = await refusal(
            library, FeeNotAcknowledged, add("ada", item_id=ITEM, origin=origin())
        )
        placed = await add("ada", item_id=ITEM, fee_acknowledged=True, origin=origin())

        assert refused.fee is not None
        assert (refused.fee.amount, refused.fee.currency) == (Decimal("0.75"), "EUR")
        assert (refused.fee.fee_type, refused.fee.id) == (FeeType.HOLD, None)
        assert placed.fee is not None
        assert placed.fee.amount == Decimal("0.75")
        (booked,) = (await library.ils.patron_account("ada")).fees
        assert (booked.amount, booked.fee_type) == (Decimal("0.75"), FeeType.HOLD)

    async def test_sends_a_copy_where_it_is_waited_for(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), patron("grace"), item(permanent_location="stacks"),
                loan(patron="grace"), hold(pickup_location="south"),
            )
        )  # fmt: skip

        sent = await library.ils.checkin(ITEM, current_location="desk", origin=origin())
        (travels,) = (await library.ils.patron_account("ada")).holds
        still = await library.ils.checkin(ITEM, current_location="stacks", origin=origin())
        arrived = await library.ils.checkin(ITEM, current_location="south", origin=origin())
        (ready,) = (await library.ils.patron_account("ada")).holds

        assert (sent.alert_type, sent.item.destination) == (AlertType.HOLD_ELSEWHERE, "south")
        assert sent.item.circulation_status == CirculationStatus.IN_TRANSIT
        assert sent.hold is not None
        assert (sent.hold.patron_id, sent.hold.pickup_by) == ("ada", None)
        assert (travels.ready, travels.queue_position) == (False, 0)
        assert (still.alert_type, still.item.destination) == (AlertType.HOLD_ELSEWHERE, "south")
        assert arrived.alert_type == AlertType.HOLD_HERE
        assert arrived.item.circulation_status == CirculationStatus.WAITING_ON_HOLD_SHELF
        assert ready.ready

    async def test_sends_back_what_has_left_its_hold_shelf(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), item(permanent_location="stacks"), hold()))
        await library.ils.checkin(ITEM, current_location="desk", origin=origin())

        elsewhere = await library.ils.checkin(ITEM, current_location="south", origin=origin())
        (travels,) = (await library.ils.patron_account("ada")).holds
        back = await library.ils.checkin(ITEM, current_location="desk", origin=origin())
        (ready,) = (await library.ils.patron_account("ada")).holds

        assert elsewhere.alert_type == AlertType.HOLD_ELSEWHERE
        assert elsewhere.item.destination == "north"
        assert elsewhere.item.circulation_status == CirculationStatus.IN_TRANSIT
        assert (travels.ready, travels.pickup_by) == (False, None)
        assert back.alert_type == AlertType.HOLD_HERE
        assert ready.ready

    async def test_does_not_move_a_hold_whose_copy_is_on_its_way(
        self, library: ContractLibrary
    ) -> None:
        await library.add(
            document(
                patron(), item(permanent_location="stacks"), hold(pickup_location="south"),
            )
        )  # fmt: skip
        await library.ils.checkin(ITEM, current_location="desk", origin=origin())

        await refusal(
            library,
            NoSuchPickupLocation,
            library.ils.alter_hold("ada", item_id=ITEM, pickup_location="north", origin=origin()),
        )

    async def test_lends_to_nobody_else_what_travels_to_a_patron(
        self, library: ContractLibrary
    ) -> None:
        await library.add(
            document(
                patron(), patron("grace"), item(permanent_location="stacks"),
                hold(pickup_location="south"),
            )
        )  # fmt: skip
        await library.ils.checkin(ITEM, current_location="desk", origin=origin())

        await refusal(
            library, OnHoldForAnother, library.ils.checkout("grace", ITEM, origin=origin())
        )

    async def test_waits_for_a_copy_of_one_place(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), patron("grace"), item(A, permanent_location="stacks"),
                item(B, permanent_location="south"), loan(A, "grace"), loan(B, "grace"),
                hold(A, pickup_location="south", hold_type=HoldType.ANY_COPY_AT_ONE_PLACE),
            )
        )  # fmt: skip

        other = await library.ils.checkin(A, current_location="desk", origin=origin())
        taken = await library.ils.checkin(B, current_location="south", origin=origin())

        assert other.hold is None
        assert taken.hold is not None
        assert (taken.hold.patron_id, taken.alert_type) == ("ada", AlertType.HOLD_HERE)

    async def test_takes_back_nothing_that_has_nowhere_to_go(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), item(), hold()))
        await library.ils.cancel_hold("ada", item_id=ITEM, origin=origin())

        await refusal(library, NotOnLoan, library.ils.checkin(ITEM, origin=origin()))
