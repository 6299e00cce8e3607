"""What time brings: holds that end, copies that go on to the next, PINs that wait, forgetting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bibliobus.app import breaches
from bibliobus.database import Transaction, Verifier
from bibliobus.embedded import EmbeddedILS, privacy
from bibliobus.embedded.call import Call
from bibliobus.embedded.privacy import AT_ONCE
from bibliobus.ils import (
    CirculationStatus,
    HoldNotFound,
    NothingToUndo,
    NotOnLoan,
    OnHoldForAnother,
    Origin,
    PatronList,
    PaymentResult,
    Secret,
    TooManyWrongPINs,
    WrongPIN,
)
from bibliobus.ils.library import (
    Condition,
    HoldPolicy,
    InstitutionSettings,
    LoanPolicy,
    PatronLimits,
)
from bibliobus.ils.policy import Policies
from tests.support import QUICK, Library

SETTINGS = InstitutionSettings(
    time_zone="Europe/Paris",
    loans=LoanPolicy(
        loan_days=7, renewals=2, overdue_fee=Decimal("0.20"), replacement_fee=Decimal(20)
    ),
    loan_rules=({"item_type": "game", "hold_fee": Decimal("0.10")},),
    limits=PatronLimits(hold_limit=1),
    holds=HoldPolicy(expire_days=30, shelf_days=3),
)
KIOSK = Origin(door="sip2", account="kiosk")


def kiosk(key: str, connection: str) -> Origin:
    """A call that may come again."""
    return Origin(door="sip2", account="kiosk", request_key=key.encode(), connection=connection)


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **length: float) -> None:
        """Let time pass."""
        self.now += timedelta(**length)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ils(library: Library, clock: Clock) -> AsyncIterator[EmbeddedILS]:
    """An ILS that lives by the clock, with three patrons and two copies of Emma."""
    for patron in ("ada", "ben", "cyd"):
        await library.patron(patron)
    for item in ("emma1", "emma2"):
        await library.item(item, title="Emma")
    await library.item("go", title="Go", item_type="game")
    verifier = Verifier(hasher=QUICK)
    yield EmbeddedILS("MAIN", SETTINGS, library.app.database, verifier, clock)
    verifier.close()
    assert await breaches(library.app) == []


async def test_a_copy_that_nobody_fetches_goes_to_the_next(ils: EmbeddedILS, clock: Clock) -> None:
    await ils.add_hold("ada", title_id="Emma", origin=KIOSK)
    await ils.add_hold("ben", title_id="Emma", origin=KIOSK)
    captured = await ils.checkin("emma1", origin=KIOSK)
    assert captured.hold is not None
    assert captured.hold.patron_id == "ada"
    with pytest.raises(OnHoldForAnother):
        await ils.checkout("ben", "emma1", origin=KIOSK)

    clock.forward(days=3, hours=15)
    await ils.sweep()

    assert list(await ils.patron_list("ada", PatronList.HOLDS)) == []
    (waiting,) = await ils.patron_list("ben", PatronList.HOLDS)
    assert waiting.item_id == "emma1"
    lent = await ils.checkout("ben", "emma1", origin=KIOSK)
    assert lent.patron.hold_count == 0


async def test_whoever_touches_the_item_first_settles_it(ils: EmbeddedILS, clock: Clock) -> None:
    await ils.add_hold("ada", title_id="Emma", origin=KIOSK)
    await ils.checkin("emma1", origin=KIOSK)
    clock.forward(days=4)

    lent = await ils.checkout("ben", "emma1", origin=KIOSK)  # without any sweep

    assert lent.patron.id == "ben"


async def test_a_hold_that_is_over_counts_no_more(ils: EmbeddedILS, clock: Clock) -> None:
    await ils.add_hold("ada", title_id="Emma", origin=KIOSK)
    clock.forward(days=40)

    again = await ils.add_hold("ada", title_id="Emma", origin=KIOSK)  # as many as she may have
    await ils.checkin("emma1", origin=KIOSK)
    clock.forward(days=4)
    lent = await ils.checkout("ada", "emma1", origin=KIOSK)

    assert again.patron.unavailable_hold_count == 1
    assert (lent.patron.hold_count, lent.patron.unavailable_hold_count) == (0, 0)


async def test_a_hold_is_given_up_after_its_time(ils: EmbeddedILS, clock: Clock) -> None:
    placed = await ils.add_hold("ada", title_id="Emma", origin=KIOSK)
    assert placed.hold.expires_at is not None
    clock.now = placed.hold.expires_at
    await ils.sweep()

    with pytest.raises(HoldNotFound):
        await ils.cancel_hold("ada", title_id="Emma", origin=KIOSK)


async def test_a_suspended_hold_lets_others_go_first_and_keeps_its_place(
    ils: EmbeddedILS, clock: Clock
) -> None:
    await ils.add_hold("ada", title_id="Emma", origin=KIOSK)
    await ils.add_hold("ben", title_id="Emma", origin=KIOSK)
    until = clock.now + timedelta(days=2)
    await ils.alter_hold("ada", title_id="Emma", suspended_until=until, origin=KIOSK)

    first = await ils.checkin("emma1", origin=KIOSK)
    clock.forward(days=2)
    second = await ils.checkin("emma2", origin=KIOSK)

    assert first.hold is not None
    assert second.hold is not None
    assert (first.hold.patron_id, second.hold.patron_id) == ("ben", "ada")


async def test_what_is_late_costs_by_open_day_and_never_twice(
    ils: EmbeddedILS, clock: Clock
) -> None:
    await ils.checkout("ada", "emma1", origin=KIOSK)
    clock.forward(days=10)

    renewed = await ils.renew("ada", item_id="emma1", origin=KIOSK)
    clock.forward(days=1)
    taken = await ils.checkin("emma1", origin=KIOSK)

    assert renewed.patron.fee_amount == Decimal("0.60")
    assert taken.fee is None
    assert taken.patron is not None
    assert taken.patron.fee_amount == Decimal("0.60")


async def test_what_was_lost_costs_until_it_is_found(ils: EmbeddedILS) -> None:
    await ils.checkout("ada", "emma1", origin=KIOSK)
    lost = await ils.mark("emma1", Condition.LOST, origin=KIOSK)
    owed = await ils.find_patron("ada")
    await ils.pay_fee("ada", Decimal(5), "EUR", payment_type=0, origin=KIOSK)

    taken = await ils.checkin("emma1", origin=KIOSK)
    account = await ils.patron_account("ada")
    await ils.checkout("ada", "emma2", origin=KIOSK)
    await ils.mark("emma2", Condition.LOST, origin=KIOSK)
    owes_then = await ils.find_patron("ada")

    assert lost.circulation_status == CirculationStatus.LOST
    assert owed is not None
    assert owed.fee_amount == Decimal(20)
    assert taken.item.circulation_status == CirculationStatus.AVAILABLE
    assert account.fees == ()
    assert owes_then is not None
    assert owes_then.fee_amount == Decimal(15)  # the 5.00 that were paid are not lost
    with pytest.raises(NothingToUndo):
        await ils.undo_checkout("emma1", origin=KIOSK)


async def test_what_was_written_off_stays_so_when_the_finding_is_undone(
    ils: EmbeddedILS,
) -> None:
    await ils.checkout("ada", "emma1", origin=KIOSK)
    await ils.mark("emma1", Condition.LOST, origin=KIOSK)
    await ils.pay_fee("ada", Decimal(15), "", payment_type=6, origin=KIOSK)
    await ils.checkin("emma1", origin=KIOSK)

    undone = await ils.undo_checkin("emma1", origin=KIOSK)
    again = await ils.checkin("emma1", origin=KIOSK)

    assert undone.patron.fee_amount == Decimal(5)
    assert again.patron is not None
    assert again.patron.fee_amount == 0
    await ils.checkout("ada", "emma1", origin=KIOSK)
    await ils.mark("emma1", Condition.LOST, origin=KIOSK)
    owing = await ils.find_patron("ada")
    assert owing is not None
    assert owing.fee_amount == Decimal(20)  # there is no credit


async def test_nothing_is_undone_after_ten_minutes(ils: EmbeddedILS, clock: Clock) -> None:
    await ils.checkout("ada", "emma1", origin=KIOSK)
    clock.forward(minutes=10, seconds=1)

    with pytest.raises(NothingToUndo):
        await ils.undo_checkout("emma1", origin=KIOSK)


async def test_a_repeat_with_a_new_time_gets_the_first_answer_for_ten_minutes(
    ils: EmbeddedILS, clock: Clock
) -> None:
    first = await ils.checkout("ada", "emma1", renewal_allowed=True, origin=kiosk("1", "before"))
    clock.forward(minutes=9)

    again = await ils.checkout("ada", "emma1", renewal_allowed=True, origin=kiosk("2", "after"))
    clock.forward(minutes=2)
    later = await ils.checkout("ada", "emma1", renewal_allowed=True, origin=kiosk("3", "after"))

    assert again == first
    assert later.renewal_ok


async def test_on_the_same_connection_it_is_meant_twice(ils: EmbeddedILS) -> None:
    await ils.checkout("ada", "emma1", renewal_allowed=True, origin=kiosk("1", "one"))

    again = await ils.checkout("ada", "emma1", renewal_allowed=True, origin=kiosk("2", "one"))

    assert again.renewal_ok


async def test_a_checkin_elsewhere_is_no_repeat(ils: EmbeddedILS) -> None:
    await ils.checkout("ada", "emma1", origin=KIOSK)
    first = await ils.checkin("emma1", current_location="desk", origin=kiosk("1", "before"))

    again = await ils.checkin("emma1", current_location="desk", origin=kiosk("2", "after"))
    with pytest.raises(NotOnLoan):
        await ils.checkin("emma1", current_location="cellar", origin=kiosk("3", "after"))

    assert again == first


async def test_nobody_gets_the_answer_of_somebody_else(ils: EmbeddedILS) -> None:
    await ils.checkout("ada", "emma1", origin=KIOSK)
    await ils.renew("ada", item_id="emma1", origin=kiosk("1", "before"))

    renewed = await ils.renew("ben", item_id="emma1", third_party=True, origin=kiosk("2", "after"))

    assert renewed.patron.id == "ben"


async def test_a_clock_that_is_set_back_ends_no_loan_before_it_begins(
    ils: EmbeddedILS, clock: Clock
) -> None:
    await ils.checkout("ada", "emma1", origin=KIOSK)
    clock.forward(hours=-1)

    await ils.checkin("emma1", origin=KIOSK)  # `ils` looks for breaches at the end


async def test_a_terminal_whose_clock_is_wrong_makes_nobody_late(
    ils: EmbeddedILS, clock: Clock
) -> None:
    long_ago = Origin(door="sip2", transaction_at=datetime(2000, 1, 1, tzinfo=UTC))

    lent = await ils.checkout("ada", "emma1", no_block=True, origin=long_ago)

    assert lent.due_at > clock.now


async def test_what_was_lent_off_line_before_a_later_loan_is_over(
    ils: EmbeddedILS, clock: Clock
) -> None:
    earlier = Origin(door="sip2", transaction_at=clock.now - timedelta(hours=2))
    await ils.checkout("ben", "emma1", origin=KIOSK)
    await ils.checkin("emma1", origin=KIOSK)

    await ils.checkout("ada", "emma1", no_block=True, origin=earlier)

    assert (await ils.patron_account("ada")).loans == ()


async def test_an_undone_checkin_does_not_keep_an_off_line_loan_away(
    ils: EmbeddedILS, clock: Clock
) -> None:
    earlier = Origin(door="sip2", transaction_at=clock.now + timedelta(hours=1))
    await ils.checkout("ben", "emma1", origin=KIOSK)
    clock.forward(hours=2)
    await ils.checkin("emma1", origin=KIOSK)
    await ils.undo_checkin("emma1", origin=KIOSK)

    await ils.checkout("ada", "emma1", no_block=True, origin=earlier)

    assert len((await ils.patron_account("ada")).loans) == 1


async def test_a_title_is_not_taken_for_the_key_of_another(
    ils: EmbeddedILS, library: Library
) -> None:
    emma = await ils.find_item("emma1")
    assert emma is not None
    assert emma.title_key is not None
    await library.item("novel", title=emma.title_key.removeprefix("title:"))

    placed = await ils.add_hold("ada", title_id=emma.title_key, origin=KIOSK)
    other = await ils.add_hold("ben", title_id=emma.title_key.removeprefix("title:"), origin=KIOSK)

    assert placed.hold.title_id == "Emma"
    assert other.hold.title_id != "Emma"


# ------------------------------------------------ PINs


async def test_after_five_wrong_pins_none_is_looked_at_for_a_while(
    ils: EmbeddedILS, clock: Clock
) -> None:
    for _ in range(5):
        with pytest.raises(WrongPIN):
            await ils.checkout("ada", "emma1", pin=Secret("0"), origin=KIOSK)

    with pytest.raises(TooManyWrongPINs):
        await ils.checkout("ada", "emma1", pin=Secret("1234"), origin=KIOSK)
    assert not await ils.check_password("ada", Secret("1234"))
    clock.forward(minutes=15)
    assert await ils.check_password("ada", Secret("1234"))
    assert not await ils.check_password("ada", Secret("0"))
    assert await ils.check_password("ada", Secret("1234"))  # counted from the start again


async def test_a_blank_pin_is_no_attempt(ils: EmbeddedILS) -> None:
    for _ in range(9):
        assert not await ils.check_password("ada", Secret(""))

    assert await ils.check_password("ada", Secret("1234"))


async def test_a_hundred_at_once_are_not_looked_at_either(
    ils: EmbeddedILS, library: Library
) -> None:
    tries = [ils.check_password("ada", Secret(f"{n:04}")) for n in range(100)]

    assert not any(await asyncio.gather(*tries))

    def counted(tx: Transaction) -> int:
        row = tx.row("SELECT wrong_pins FROM patrons WHERE barcode = 'ada'")
        return row[0] if row else 0

    assert await library.app.database.read(counted) == 5


# ------------------------------------------------ forgetting

PERSONAL = {  # where a patron's key stands beside what they read, or could be followed to it
    "loans": "SELECT patron FROM loans",
    "holds": "SELECT patron FROM holds",
    "events of loans": "SELECT patron FROM events WHERE loan IS NOT NULL",
    "events of holds": "SELECT patron FROM events WHERE hold IS NOT NULL",
    "what undoing needs": "SELECT before FROM events WHERE loan IS NOT NULL",
    "fees": "SELECT COALESCE(title, item, loan) FROM fees",
} | {  # the ledger knows for ever who owed what at which microsecond
    f"the ledger, by {moments} of {table}": f"""
        SELECT fees.patron FROM {table}
        JOIN ledger_entries AS entry ON entry.at IN ({moments})
        JOIN ledger_postings AS posting ON posting.entry = entry.key
        JOIN fees ON fees.key = posting.fee"""
    for table, moments in (
        ("loans", "lent_at, due_at, ended_at"),
        ("holds", "placed_at, waits_since, ended_at"),
    )
}


async def read_and_returned(ils: EmbeddedILS, clock: Clock) -> None:
    """Ada had a game too long, paid for that, and had waited for it before, which cost her, too."""
    await ils.add_hold("ada", title_id="Go", fee_acknowledged=True, origin=KIOSK)
    await ils.checkout("ada", "go", origin=KIOSK)
    clock.forward(days=9)
    await ils.checkin("go", origin=KIOSK)
    await ils.pay_fee("ada", Decimal("0.50"), "EUR", payment_type=0, origin=KIOSK)


async def known(library: Library) -> dict[str, bool]:
    """Where somebody is still known."""
    return await library.app.database.read(
        lambda tx: {
            name: any(row[0] is not None for row in tx.rows(sql)) for name, sql in PERSONAL.items()
        }
    )


async def test_who_read_what_is_forgotten_after_a_week(
    ils: EmbeddedILS, clock: Clock, library: Library
) -> None:
    await read_and_returned(ils, clock)
    assert all((await known(library)).values())
    await ils.sweep()
    assert (await known(library))["loans"]

    clock.forward(days=8)
    await ils.sweep()

    assert not any((await known(library)).values())


async def test_what_is_owed_is_remembered_until_it_is_paid(
    ils: EmbeddedILS, clock: Clock, library: Library
) -> None:
    await ils.checkout("ada", "emma1", origin=KIOSK)
    clock.forward(days=9)
    await ils.checkin("emma1", origin=KIOSK)
    clock.forward(days=30)
    await ils.sweep()

    (fee,) = (await ils.patron_account("ada")).fees
    assert fee.title_id == "Emma"
    assert (await known(library))["loans"]


async def test_a_reading_history_is_kept_for_whoever_wants_one(
    ils: EmbeddedILS, clock: Clock, library: Library
) -> None:
    await library.patron("eve", keeps_history=True)
    await ils.checkout("eve", "emma1", origin=KIOSK)
    await ils.checkin("emma1", origin=KIOSK)
    await ils.add_hold("eve", title_id="Go", fee_acknowledged=True, origin=KIOSK)
    await ils.cancel_hold("eve", title_id="Go", origin=KIOSK)
    await ils.pay_fee("eve", Decimal("0.10"), "EUR", payment_type=0, origin=KIOSK)
    clock.forward(days=400)
    await ils.sweep()

    kept = await known(library)
    assert (kept["loans"], kept["holds"], kept["fees"]) == (True, True, True)


async def test_forgets_so_little_at_a_time_that_nobody_waits_long(
    ils: EmbeddedILS, clock: Clock, library: Library
) -> None:
    await library.patron("eve")
    await ils.add_hold("eve", title_id="Go", fee_acknowledged=True, origin=KIOSK)
    await ils.pay_fee("eve", Decimal("0.10"), "EUR", payment_type=0, origin=KIOSK)
    clock.forward(days=30)
    title = "(SELECT max(title) FROM fees)"

    def fill(tx: Transaction) -> None:
        for _ in range(AT_ONCE):
            tx.run(
                "INSERT INTO fees (institution, patron, fee_type, amount, outstanding, currency,"
                " description, title, raised_at) SELECT institution, patron, 1, 0, 0, 'EUR', '',"
                f" {title}, 1 FROM fees WHERE amount > 0"
            )

    def forget(tx: Transaction) -> bool:
        return privacy.forget(Call(tx, Policies(SETTINGS), KIOSK, clock))

    await library.app.database.write(fill)

    assert await library.app.database.write(forget, "MAIN")
    assert not await library.app.database.write(forget, "MAIN")


async def test_a_payment_that_may_come_again_is_kept_without_a_name(
    ils: EmbeddedILS, library: Library
) -> None:
    await ils.add_hold("ada", title_id="Go", fee_acknowledged=True, origin=KIOSK)

    def pay() -> Awaitable[PaymentResult]:
        origin = kiosk("1", "one")
        return ils.pay_fee("ada", Decimal("0.10"), "EUR", payment_type=0, origin=origin)

    first = await pay()

    def kept(tx: Transaction) -> list[str]:
        return [text for (text,) in tx.rows("SELECT result FROM replays WHERE event IS NOT NULL")]

    (text,) = await library.app.database.read(kept)
    assert "ada" not in text.lower()
    assert await pay() == first
