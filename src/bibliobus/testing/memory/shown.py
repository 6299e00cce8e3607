"""What is kept, as the port's records show it."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from msgspec.structs import replace

from bibliobus.ils import (
    BlockedAtTerminal,
    CardExpired,
    CardLost,
    CirculationStatus,
    Fee,
    FeeType,
    Hold,
    Item,
    ListEntry,
    Loan,
    OwesTooMuch,
    Patron,
    PatronAccount,
    PatronBlocked,
    PatronList,
    Refused,
    TooManyLost,
    TooManyOverdue,
)
from bibliobus.ils.library import Condition
from bibliobus.ils.money import from_minor, to_minor
from bibliobus.testing.memory import queues
from bibliobus.testing.memory.state import (
    AWAY,
    KeptFee,
    KeptHold,
    KeptItem,
    KeptLoan,
    KeptPatron,
    State,
    Title,
)

_R = TypeVar("_R", bound=Refused)

_STATUS = {  # of what is neither on its way, nor on loan, nor on the hold shelf
    None: CirculationStatus.AVAILABLE,
    Condition.DAMAGED: CirculationStatus.OTHER,
    Condition.WITHDRAWN: CirculationStatus.OTHER,
    Condition.ON_ORDER: CirculationStatus.ON_ORDER,
    Condition.IN_PROCESS: CirculationStatus.IN_PROCESS,
    Condition.CLAIMED_RETURNED: CirculationStatus.CLAIMED_RETURNED,
    Condition.LOST: CirculationStatus.LOST,
    Condition.MISSING: CirculationStatus.MISSING,
}
_CALLED = {
    FeeType.OVERDUE: "Overdue",
    FeeType.RENTAL: "Loan",
    FeeType.REPLACEMENT: "Lost",
    FeeType.HOLD: "Hold",
}

money = lru_cache(maxsize=1024)(from_minor)  # most amounts are nothing, or a policy's


def refusal(
    state: State,
    kind: type[_R],
    whom: KeptPatron | None = None,
    what: KeptItem | None = None,
    fee: Fee | None = None,
) -> _R:
    """A refusal that shows whom and what it is about."""
    return kind(
        patron=patron(state, whom) if whom else None,
        item=item(state, what) if what else None,
        fee=fee,
    )


def patron(state: State, kept: KeptPatron) -> Patron:
    """A patron's record."""
    loans = len(kept.loans)
    ready = sum([hold.ready for hold in kept.holds.values()])
    record = replace(
        kept.lasting,
        fee_amount=money(kept.owed(), state.currency),
        too_many_charged=loans >= (kept.lasting.charged_limit or 0),
        hold_count=ready,
        overdue_count=kept.overdue(state.now),
        charged_count=loans,
        fine_count=len(kept.owing),
        unavailable_hold_count=len(kept.holds) - ready,
    )
    kinds = {type(block) for block in blocks(state, kept)}
    return _blocked(record, kinds) if kinds else record


def _blocked(record: Patron, kinds: set[type[PatronBlocked]]) -> Patron:
    usable = kinds == {PatronBlocked}  # staff say no to loans, and to nothing else
    return replace(
        record,
        charge_ok=False,
        renew_ok=usable and record.renew_ok,
        recall_ok=usable,
        hold_ok=usable and record.hold_ok,
        too_many_overdue=TooManyOverdue in kinds,
        too_many_lost=TooManyLost in kinds,
        excessive_fines=OwesTooMuch in kinds,
        excessive_fees=OwesTooMuch in kinds,
    )


def blocks(state: State, kept: KeptPatron) -> list[PatronBlocked]:
    """Why a patron may not borrow."""
    entry, lasting = kept.entry, kept.lasting
    limits = state.policies.limits(entry.patron_class)
    found: list[PatronBlocked] = []
    if entry.card_lost:
        found.append(CardLost())
    if lasting.expires_on is not None and lasting.expires_on < state.policies.today(state.now):
        found.append(CardExpired())
    if kept.blocked:
        found.append(BlockedAtTerminal())
    if not entry.charge_ok:
        found.append(PatronBlocked(entry.blocked_because))
    if limits.fee_limit is not None and money(kept.owed(), state.currency) > limits.fee_limit:
        found.append(OwesTooMuch())
    if limits.overdue_limit is not None and kept.overdue(state.now) >= limits.overdue_limit:
        found.append(TooManyOverdue())
    if limits.lost_limit is not None and kept.lost() >= limits.lost_limit:
        found.append(TooManyLost())
    return found


def item(state: State, kept: KeptItem) -> Item:
    """An item's record."""
    loan, hold = kept.loan, kept.hold
    return replace(
        kept.lasting,
        circulation_status=_status(kept),
        current_location=kept.location,
        item_properties=kept.properties,
        destination=kept.destination,
        due_at=loan.due_at if loan else None,
        hold_pickup_at=hold.pickup_by if hold and hold.ready else None,
        hold_queue_length=len(queues.queue(state, kept)) if kept.title.holds else 0,
    )


def hold(kept: KeptHold) -> Hold:
    """A hold's record."""
    item = kept.item or kept.wanted
    return Hold(
        id=str(kept.number),
        title_id=kept.title.text,
        item_id=item.lasting.id if item else None,
        hold_type=kept.hold_type,
        pickup_location=kept.pickup_location,
        placed_at=kept.placed_at,
        expires_at=kept.expires_at,
        suspended_until=kept.suspended_until,
        queue_position=queues.position(kept),
        ready=kept.ready,
        pickup_by=kept.pickup_by,
    )


def fee(state: State, kept: KeptFee) -> Fee:
    """A fee's record: what is still owed of it."""
    return Fee(
        id=str(kept.number),
        amount=money(kept.owed, state.currency),
        currency=state.currency,
        fee_type=kept.fee_type,
        description=kept.description,
        item_id=kept.item.lasting.id if kept.item else None,
        title_id=kept.title.text if kept.title else None,
        raised_at=kept.raised_at,
    )


def booked(state: State, kept: KeptFee | None) -> Fee | None:
    """A fee's record: what was booked."""
    if kept is None:
        return None
    return replace(fee(state, kept), amount=money(kept.amount, state.currency))


def price(
    state: State, fee_type: FeeType, amount: Decimal, title: Title, item: KeptItem | None
) -> Fee:
    """A fee that is not booked, but would be."""
    return Fee(
        amount=money(to_minor(amount, state.currency), state.currency),
        currency=state.currency,
        fee_type=fee_type,
        description=words(fee_type, title),
        item_id=item.lasting.id if item else None,
        title_id=title.text,
    )


def words(fee_type: FeeType, title: Title) -> str:
    """What a patron reads of a fee."""
    return f"{_CALLED[fee_type]}: {title.text}"


def account(state: State, kept: KeptPatron) -> PatronAccount:
    """As `ILS.patron_account`."""
    return PatronAccount(
        loans=tuple(_loan(loan) for loan in kept.loans_in_order()),
        holds=tuple(hold(each) for each in kept.holds_in_order()),
        fees=tuple(fee(state, each) for each in kept.owing),
    )


def entries(state: State, kept: KeptPatron, kind: PatronList) -> list[ListEntry]:
    """As `ILS.patron_list`, all of it."""
    match kind:
        case PatronList.FINES:
            return [_fee_entry(fee(state, each)) for each in kept.owing]
        case PatronList.HOLDS | PatronList.UNAVAILABLE_HOLDS:
            ready = kind is PatronList.HOLDS
            holds = kept.holds_in_order()
            return [_hold_entry(hold(each)) for each in holds if each.ready is ready]
        case PatronList.CHARGED:
            return [loan_entry(loan) for loan in kept.loans_in_order()]
        case PatronList.OVERDUE:
            loans = kept.loans_in_order()
            return [loan_entry(loan) for loan in loans if loan.due_at < state.now]
        case PatronList.RECALLS:
            return []


def loan_entry(kept: KeptLoan) -> ListEntry:
    """A loan in a list."""
    lasting = kept.item.lasting
    return ListEntry(item_id=lasting.id, title_id=lasting.title_id, due_at=kept.due_at)


def _hold_entry(hold: Hold) -> ListEntry:
    return ListEntry(item_id=hold.item_id or "", title_id=hold.title_id, hold=hold)


def _fee_entry(fee: Fee) -> ListEntry:
    return ListEntry(item_id=fee.item_id or "", title_id=fee.title_id or "", fee=fee)


def _loan(kept: KeptLoan) -> Loan:
    return Loan(
        item_id=kept.item.lasting.id,
        title_id=kept.item.title.text,
        lent_at=kept.lent_at,
        due_at=kept.due_at,
        renewals=kept.renewals,
    )


def _status(kept: KeptItem) -> CirculationStatus:
    if kept.destination is not None:
        return CirculationStatus.IN_TRANSIT
    if kept.condition not in AWAY:
        if kept.loan is not None:
            return CirculationStatus.CHARGED
        if kept.hold is not None:
            return CirculationStatus.WAITING_ON_HOLD_SHELF
    return _STATUS[kept.condition]
