"""What a `MemoryILS` keeps in its dictionaries, and what it shows of that in the port's records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count

from msgspec.structs import replace

from bibliobus.ils import (
    BlockedAtTerminal,
    CardExpired,
    CardLost,
    CirculationStatus,
    Fee,
    FeeType,
    Hold,
    HoldType,
    Item,
    ListEntry,
    Origin,
    OwesTooMuch,
    Patron,
    PatronBlocked,
    TooManyLost,
    TooManyOverdue,
)
from bibliobus.ils.library import (
    Condition,
    FeeEntry,
    HoldEntry,
    InstitutionSettings,
    ItemEntry,
    Library,
    LoanEntry,
    LoanRule,
    PatronEntry,
)
from bibliobus.ils.money import from_minor, to_minor
from bibliobus.ils.policy import Policies
from bibliobus.ils.records import Record

NOT_LENT = frozenset(Condition) - {Condition.DAMAGED}
NOT_YET_OR_NO_MORE = frozenset({Condition.WITHDRAWN, Condition.ON_ORDER, Condition.IN_PROCESS})
AWAY = frozenset({Condition.LOST, Condition.MISSING, Condition.CLAIMED_RETURNED})

_STATUS = {  # of what is neither on its way, nor on loan, nor on the hold shelf
    None: CirculationStatus.AVAILABLE,
    Condition.DAMAGED: CirculationStatus.OTHER,
    Condition.WITHDRAWN: CirculationStatus.OTHER,
    Condition.ON_ORDER: CirculationStatus.ON_ORDER,
    Condition.IN_PROCESS: CirculationStatus.IN_PROCESS,
}
_STATUS_AWAY = {
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


@dataclass(slots=True, eq=False)
class Debt:
    """A fee, in minor units."""

    number: int
    fee_type: FeeType
    amount: int
    owed: int  # what is left of it; nothing, if it was reversed
    description: str
    raised_at: datetime
    copy: Copy | None = None
    title: Title | None = None


@dataclass(slots=True, eq=False)
class Lending:
    """A loan."""

    reader: Reader
    copy: Copy
    lent_at: datetime
    due_at: datetime
    renewals: int = 0
    replacement: Debt | None = None  # while the copy is lost


@dataclass(slots=True, eq=False)
class Waiting:
    """An active hold. Its number is its place among all."""

    number: int
    reader: Reader
    title: Title
    hold_type: HoldType
    wanted: Copy | None  # the specific one
    pickup_location: str | None
    placed_at: datetime
    expires_at: datetime | None
    suspended_until: datetime | None = None
    copy: Copy | None = None  # on the hold shelf, or on its way there
    pickup_by: datetime | None = None

    @property
    def ready(self) -> bool:
        """Whether a copy stands on the hold shelf."""
        return self.copy is not None and self.copy.destination is None


@dataclass(slots=True, eq=False)
class Title:
    """What holds wait for."""

    key: str
    text: str
    copies: list[Copy] = field(default_factory=list)
    holds: list[Waiting] = field(default_factory=list)  # active ones, by number


@dataclass(slots=True, eq=False)
class Undo:
    """What an item's latest transaction changed, so far as it can be taken back."""

    loan: Lending
    due_at: datetime | None = None  # before it was renewed; None: it was lent or taken back
    fees: tuple[Debt, ...] = ()  # booked
    reversed: Debt | None = None
    destination: str | None = None
    condition: Condition | None = None
    location: str = ""
    filled: Waiting | None = None  # the hold that was over with it
    pickup_by: datetime | None = None  # of that hold
    had_copy: bool = False  # that hold had this copy


@dataclass(slots=True, eq=False)
class Done:
    """An item's latest transaction."""

    kind: str
    origin: Origin
    at: datetime
    reader: Reader | None = None
    result: Record | None = None
    undo: Undo | None = None


@dataclass(slots=True, eq=False)
class Copy:
    """An item: what never changes as its record, and what does."""

    shown: Item
    title: Title
    price: int | None
    condition: Condition | None
    location: str
    properties: str | None = None
    loan: Lending | None = None
    hold: Waiting | None = None  # for whom it is on the hold shelf, or on its way there
    destination: str | None = None  # the branch it is on its way to
    latest: Done | None = None


@dataclass(slots=True, eq=False)
class Reader:
    """A patron: what never changes as entry and record, and what does."""

    entry: PatronEntry
    shown: Patron
    blocked: bool = False  # by a terminal
    loans: dict[str, Lending] = field(default_factory=dict)  # by item
    holds: dict[int, Waiting] = field(default_factory=dict)  # active ones, by number
    debts: list[Debt] = field(default_factory=list)
    credit: int = 0
    wrong_pins: int = 0  # in a row
    wrong_pin_at: datetime | None = None

    @property
    def owing(self) -> list[Debt]:
        """The fees with something still owed, oldest first."""
        return [debt for debt in self.debts if debt.owed]

    @property
    def owed(self) -> int:
        """What is owed in all."""
        return sum(debt.owed for debt in self.debts)

    def in_order(self) -> list[Lending]:
        """The loans, what is due first first."""
        return sorted(self.loans.values(), key=lambda loan: (loan.due_at, loan.copy.shown.id))

    def waits_for(self, title: Title) -> Waiting | None:
        """The patron's active hold on a title."""
        return next((hold for hold in self.holds.values() if hold.title is title), None)


class Shelf:
    """One institution's patrons, items, loans, holds and fees."""

    def __init__(self, settings: InstitutionSettings) -> None:
        self.policies = Policies(settings)
        self.currency = settings.currency
        self.readers: dict[str, Reader] = {}
        self.copies: dict[str, Copy] = {}
        self.titles: dict[str, Title] = {}  # by key
        self.named: dict[str, list[Title]] = {}  # by text
        self._numbers = count(1)

    def number(self) -> int:
        """One that was never given before."""
        return next(self._numbers)

    # -------------------------------------------------------- filling it

    def load(self, library: Library, now: datetime) -> None:
        """Add what is new. A loan or hold comes with its item, a fee with its patron: what has
        come back, or was paid, does not come again.

        Raises:
            ValueError: An amount has more digits than the currency.
        """
        new_readers = {p.id for p in library.patrons} - self.readers.keys()
        for patron in library.patrons:
            if patron.id not in self.readers:
                self.readers[patron.id] = Reader(patron, self._lasting_of_patron(patron))
        new_copies = {i.id for i in library.items} - self.copies.keys()
        titles: dict[tuple[str, str | None], Title] = {}
        for item in library.items:
            if item.id not in self.copies:
                self._load_item(item, titles)
        for loan in library.loans:
            if loan.item in new_copies and loan.patron in self.readers:
                self._load_loan(loan)
        for hold in library.holds:
            if hold.item in new_copies and hold.patron in self.readers:
                self._load_hold(hold, now)
        for fee in library.fees:
            if fee.patron in new_readers:
                self._load_fee(fee, now)

    def _lasting_of_patron(self, entry: PatronEntry) -> Patron:
        limits = self.policies.limits(entry.patron_class)
        return Patron(
            id=entry.id,
            name=entry.name,
            address=entry.address,
            email_addr=entry.email,
            home_phone=entry.phone,
            birth_on=entry.birth_on,
            expires_on=entry.expires_on,
            ptype=entry.patron_class,
            home_library=entry.home_library,
            inet_privileges=entry.internet,
            language=entry.language,
            currency=self.currency,
            fee_limit=limits.fee_limit,
            card_lost=entry.card_lost,
            hold_limit=limits.hold_limit,
            overdue_limit=limits.overdue_limit,
            charged_limit=self.policies.charged_limit(entry.patron_class),
            screen_messages=(entry.screen_msg,) if entry.screen_msg else (),
        )

    def _load_item(self, entry: ItemEntry, titles: dict[tuple[str, str | None], Title]) -> None:
        title = titles.get((entry.title, entry.author))
        if title is None:
            title = Title(f"t{self.number()}", entry.title)
            titles[entry.title, entry.author] = self.titles[title.key] = title
            self.named.setdefault(title.text, []).append(title)
        price = None if entry.price is None else to_minor(entry.price, self.currency)
        copy = Copy(
            self._lasting_of_item(entry, title),
            title,
            price,
            entry.condition,
            entry.current_location,
        )
        self.copies[entry.id] = copy
        title.copies.append(copy)

    def _lasting_of_item(self, entry: ItemEntry, title: Title) -> Item:
        rule = self.policies.loan_rule(None, entry.item_type, entry.permanent_location)
        rental_fee = to_minor(rule.rental_fee, self.currency)
        return Item(
            id=entry.id,
            title_id=title.text,
            title_key=title.key,
            item_type=entry.item_type,
            media_type=entry.media_type,
            magnetic=entry.magnetic,
            security_marker=None if entry.security_marker is None else int(entry.security_marker),
            permanent_location=entry.permanent_location,
            owner=entry.owner,
            collection_code=entry.collection_code,
            call_number=entry.call_number,
            fee=self.money(rental_fee) if rental_fee else None,
            fee_currency=self.currency if rental_fee else None,
            fee_type=FeeType.RENTAL if rental_fee else None,
        )

    def _load_loan(self, entry: LoanEntry) -> None:
        copy = self.copies[entry.item]
        if copy.loan is None:
            self.lend(Lending(self.readers[entry.patron], copy, entry.lent_at, entry.due_at))

    def _load_hold(self, entry: HoldEntry, now: datetime) -> None:
        reader, copy = self.readers[entry.patron], self.copies[entry.item]
        if reader.waits_for(copy.title) is not None:
            return
        specific = entry.hold_type is HoldType.SPECIFIC_COPY
        self.wait(
            Waiting(
                self.number(), reader, copy.title, entry.hold_type, copy if specific else None,
                entry.pickup_location, now, self.policies.hold_expires_at(now),
            )
        )  # fmt: skip

    def _load_fee(self, entry: FeeEntry, now: datetime) -> None:
        amount = to_minor(entry.amount, self.currency)
        debt = Debt(self.number(), entry.fee_type, amount, amount, entry.description, now)
        self.readers[entry.patron].debts.append(debt)

    # -------------------------------------------------------- what changes

    def lend(self, loan: Lending) -> None:
        """Open a loan."""
        loan.copy.loan = loan.reader.loans[loan.copy.shown.id] = loan

    def end(self, loan: Lending) -> None:
        """End a loan."""
        loan.copy.loan = None
        del loan.reader.loans[loan.copy.shown.id]

    def wait(self, hold: Waiting) -> None:
        """Put a hold into its title's queue, at its own place."""
        hold.reader.holds[hold.number] = hold
        hold.title.holds.append(hold)
        hold.title.holds.sort(key=lambda each: each.number)

    def charge(
        self,
        reader: Reader,
        fee_type: FeeType,
        amount: Decimal,
        now: datetime,
        copy: Copy | None,
        title: Title,
    ) -> Debt | None:
        """Book a fee, which the patron's credit pays first; None if it costs nothing."""
        if not amount:
            return None
        minor, words = to_minor(amount, self.currency), _words(fee_type, title)
        debt = Debt(self.number(), fee_type, minor, minor, words, now, copy, title)
        reader.debts.append(debt)
        self.spend_credit(reader)
        return debt

    def reverse(self, reader: Reader, debt: Debt) -> None:
        """Take a fee back. What was paid of it is credit, which the caller spends."""
        reader.credit += debt.amount - debt.owed
        debt.owed = 0

    def spend_credit(self, reader: Reader) -> list[tuple[Debt, int]]:
        """Pay what is owed out of the patron's credit, oldest first: which fees, how far."""
        spent = []
        for debt in reader.owing:
            part = min(debt.owed, reader.credit)
            if not part:
                break
            debt.owed -= part
            reader.credit -= part
            spent.append((debt, part))
        return spent

    # -------------------------------------------------------- which hold

    def fits(self, hold: Waiting, copy: Copy) -> bool:
        """Whether a hold on the copy's title is for this copy, too."""
        if hold.hold_type is HoldType.SPECIFIC_COPY:
            return hold.wanted is copy
        if hold.hold_type is HoldType.ANY_COPY_AT_ONE_PLACE:
            branch_of = self.policies.branch_of
            return branch_of(hold.pickup_location) == branch_of(copy.shown.permanent_location)
        return True

    def eligible(self, copy: Copy, now: datetime) -> Iterator[Waiting]:
        """The holds that could get this copy, in their order."""
        return (
            hold
            for hold in copy.title.holds
            if hold.copy is None
            and (hold.suspended_until is None or hold.suspended_until <= now)
            and (hold.expires_at is None or hold.expires_at > now)
            and self.fits(hold, copy)
        )

    def queue(self, copy: Copy, now: datetime) -> list[Waiting]:
        """As `ILS.hold_queue`."""
        return [*([copy.hold] if copy.hold else ()), *self.eligible(copy, now)]

    def is_anothers(self, copy: Copy, reader: Reader | None, now: datetime) -> bool:
        """Whether the copy waits for someone else, or someone else is next."""
        first = copy.hold or next(self.eligible(copy, now), None)
        return first is not None and first.reader is not reader

    # -------------------------------------------------------- how it is shown

    def rule(self, reader: Reader | None, copy: Copy | None) -> LoanRule:
        """The rule of a loan."""
        item = copy.shown if copy else None
        return self.policies.loan_rule(
            reader.entry.patron_class if reader else None,
            item.item_type if item else None,
            item.permanent_location if item else None,
        )

    def money(self, minor: int) -> Decimal:
        """An amount as the port has it."""
        return from_minor(minor, self.currency)

    def item(self, copy: Copy, now: datetime) -> Item:
        """An item's record."""
        loan, hold = copy.loan, copy.hold
        return replace(
            copy.shown,
            circulation_status=_status(copy),
            current_location=copy.location,
            item_properties=copy.properties,
            destination=copy.destination,
            due_at=loan.due_at if loan else None,
            hold_pickup_at=hold.pickup_by if hold and hold.ready else None,
            hold_queue_length=len(self.queue(copy, now)) if copy.title.holds else 0,
        )

    def hold(self, hold: Waiting) -> Hold:
        """A hold's record."""
        copy = hold.copy or hold.wanted
        return Hold(
            id=str(hold.number),
            title_id=hold.title.text,
            item_id=copy.shown.id if copy else None,
            hold_type=hold.hold_type,
            pickup_location=hold.pickup_location,
            placed_at=hold.placed_at,
            expires_at=hold.expires_at,
            suspended_until=hold.suspended_until,
            queue_position=position(hold),
            ready=hold.ready,
            pickup_by=hold.pickup_by,
        )

    def fee(self, debt: Debt, *, booked: bool = False) -> Fee:
        """A fee's record: what is still owed of it or, if `booked`, what was booked."""
        return Fee(
            id=str(debt.number),
            amount=self.money(debt.amount if booked else debt.owed),
            currency=self.currency,
            fee_type=debt.fee_type,
            description=debt.description,
            item_id=debt.copy.shown.id if debt.copy else None,
            title_id=debt.title.text if debt.title else None,
            raised_at=debt.raised_at,
        )

    def price(self, fee_type: FeeType, amount: Decimal, copy: Copy | None, title: Title) -> Fee:
        """A fee that is not booked, but would be."""
        return Fee(
            amount=self.money(to_minor(amount, self.currency)),
            currency=self.currency,
            fee_type=fee_type,
            description=_words(fee_type, title),
            item_id=copy.shown.id if copy else None,
            title_id=title.text,
        )

    def blocks(self, reader: Reader, now: datetime) -> list[PatronBlocked]:
        """Why a patron may not borrow."""
        entry, expires = reader.entry, reader.shown.expires_on
        limits = self.policies.limits(entry.patron_class)
        blocks: list[PatronBlocked] = []
        if entry.card_lost:
            blocks.append(CardLost())
        if expires is not None and expires < self.policies.today(now):
            blocks.append(CardExpired())
        if reader.blocked:
            blocks.append(BlockedAtTerminal())
        if not entry.charge_ok:
            blocks.append(PatronBlocked(entry.blocked_because))
        if limits.fee_limit is not None and self.money(reader.owed) > limits.fee_limit:
            blocks.append(OwesTooMuch())
        if limits.overdue_limit is not None and _overdue(reader, now) >= limits.overdue_limit:
            blocks.append(TooManyOverdue())
        if limits.lost_limit is not None and _lost(reader) >= limits.lost_limit:
            blocks.append(TooManyLost())
        return blocks

    def patron(self, reader: Reader, now: datetime) -> Patron:
        """A patron's record."""
        entry, kinds = reader.entry, {type(block) for block in self.blocks(reader, now)}
        usable = not kinds - {PatronBlocked}
        ready = sum(hold.ready for hold in reader.holds.values())
        return replace(
            reader.shown,
            fee_amount=self.money(reader.owed),
            charge_ok=not kinds,
            renew_ok=usable and entry.renew_ok,
            recall_ok=usable and entry.recall_ok,
            hold_ok=usable and entry.hold_ok,
            too_many_charged=len(reader.loans) >= (reader.shown.charged_limit or 0),
            too_many_overdue=TooManyOverdue in kinds,
            too_many_lost=TooManyLost in kinds,
            excessive_fines=OwesTooMuch in kinds,
            excessive_fees=OwesTooMuch in kinds,
            hold_count=ready,
            overdue_count=_overdue(reader, now),
            charged_count=len(reader.loans),
            fine_count=len(reader.owing),
            unavailable_hold_count=len(reader.holds) - ready,
        )


def position(hold: Waiting) -> int:
    """A hold's place in its title's queue: 1 is next, 0 that it has a copy."""
    if hold.copy is not None:
        return 0
    return 1 + sum(each.copy is None for each in hold.title.holds if each.number < hold.number)


def loan_entry(loan: Lending) -> ListEntry:
    """A loan in a list."""
    item = loan.copy.shown
    return ListEntry(item_id=item.id, title_id=item.title_id, due_at=loan.due_at)


def _overdue(reader: Reader, now: datetime) -> int:
    return sum(loan.due_at < now for loan in reader.loans.values())


def _lost(reader: Reader) -> int:
    return sum(loan.copy.condition is Condition.LOST for loan in reader.loans.values())


def _words(fee_type: FeeType, title: Title) -> str:
    return f"{_CALLED[fee_type]}: {title.text}"


def _status(copy: Copy) -> CirculationStatus:
    if copy.destination is not None:
        return CirculationStatus.IN_TRANSIT
    if copy.condition in AWAY:
        return _STATUS_AWAY[copy.condition]
    if copy.loan is not None:
        return CirculationStatus.CHARGED
    if copy.hold is not None:
        return CirculationStatus.WAITING_ON_HOLD_SHELF
    return _STATUS[copy.condition]
