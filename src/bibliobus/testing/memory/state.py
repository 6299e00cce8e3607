"""What a `MemoryILS` keeps: patrons, items, loans, holds and fees, each pointing at the others.

The port's own records are made of these anew for each answer; see `shown`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from bibliobus.ils import (
    FeeType,
    HoldType,
    Item,
    ItemNotFound,
    Origin,
    Patron,
    PatronNotFound,
    PaymentResult,
)
from bibliobus.ils.library import Condition, InstitutionSettings, LoanRule, PatronEntry
from bibliobus.ils.policy import Policies
from bibliobus.ils.records import Record
from bibliobus.testing.memory.replay import Results

NOT_LENT = frozenset(Condition) - {Condition.DAMAGED}
NOT_YET_OR_NO_MORE = frozenset({Condition.WITHDRAWN, Condition.ON_ORDER, Condition.IN_PROCESS})
AWAY = frozenset({Condition.LOST, Condition.MISSING, Condition.CLAIMED_RETURNED})

_WHILE_AT_THE_TERMINAL = timedelta(minutes=10)


@dataclass(slots=True, eq=False)
class KeptPatron:
    """A patron: what never changes as entry and record, and what does."""

    entry: PatronEntry
    lasting: Patron
    blocked: bool = False  # by a terminal
    loans: dict[str, KeptLoan] = field(default_factory=dict)  # by item
    holds: dict[int, KeptHold] = field(default_factory=dict)  # active ones, by number
    owing: list[KeptFee] = field(default_factory=list)  # with something owed, by number
    credit: int = 0
    wrong_pins: int = 0  # in a row
    wrong_pin_at: datetime | None = None

    def owed(self) -> int:
        """What is owed in all."""
        return sum([fee.owed for fee in self.owing])

    def overdue(self, now: datetime) -> int:
        """How many loans are overdue."""
        return sum([loan.due_at < now for loan in self.loans.values()])

    def lost(self) -> int:
        """How many loans are of lost items."""
        return sum([loan.item.condition is Condition.LOST for loan in self.loans.values()])

    def loans_in_order(self) -> list[KeptLoan]:
        """What is due first comes first."""
        return sorted(self.loans.values(), key=lambda loan: (loan.due_at, loan.item.lasting.id))

    def holds_in_order(self) -> list[KeptHold]:
        """What was placed first comes first."""
        return [self.holds[number] for number in sorted(self.holds)]

    def hold_on(self, title: Title) -> KeptHold | None:
        """The patron's active hold on a title."""
        return next((hold for hold in self.holds.values() if hold.title is title), None)


@dataclass(slots=True, eq=False)
class Title:
    """What holds wait for."""

    key: str
    text: str
    items: list[KeptItem] = field(default_factory=list)
    holds: list[KeptHold] = field(default_factory=list)  # active ones, by number


@dataclass(slots=True, eq=False)
class KeptItem:
    """An item: what never changes as its record, and what does."""

    lasting: Item
    title: Title
    price: int | None
    condition: Condition | None
    location: str
    properties: str | None = None
    loan: KeptLoan | None = None
    hold: KeptHold | None = None  # for which it is on the hold shelf, or on its way there
    destination: str | None = None  # the branch it is on its way to
    latest: Done | None = None
    last_moved_at: datetime | None = None  # went out or came back

    def moved(self, at: datetime) -> None:
        """It went out or came back then."""
        self.last_moved_at = max(at, self.last_moved_at or at)

    def note(self, properties: str | None) -> None:
        """Keep what a terminal says of it, if it says anything."""
        if properties is not None:
            self.properties = properties


@dataclass(slots=True, eq=False)
class KeptLoan:
    """A loan."""

    patron: KeptPatron
    item: KeptItem
    lent_at: datetime
    due_at: datetime
    renewals: int = 0
    replacement: KeptFee | None = None  # while the item is lost
    overdue: list[KeptFee] = field(default_factory=list)

    def begin(self) -> None:
        """The patron has the item."""
        self.item.last_moved_at = self.lent_at
        self.item.loan = self.patron.loans[self.item.lasting.id] = self

    def end(self) -> None:
        """The patron has it no more."""
        self.item.loan = None
        del self.patron.loans[self.item.lasting.id]


@dataclass(slots=True, eq=False)
class KeptHold:
    """An active hold. Its number is its place among all."""

    number: int
    patron: KeptPatron
    title: Title
    hold_type: HoldType
    wanted: KeptItem | None  # the specific one
    pickup_location: str | None
    placed_at: datetime
    expires_at: datetime | None
    suspended_until: datetime | None = None
    item: KeptItem | None = None  # on the hold shelf, or on its way there
    pickup_by: datetime | None = None

    @property
    def ready(self) -> bool:
        """Whether an item stands on the hold shelf."""
        return self.item is not None and self.item.destination is None

    def join(self) -> None:
        """Take its place in the queue."""
        self.patron.holds[self.number] = self
        insort(self.title.holds, self, key=lambda hold: hold.number)


@dataclass(slots=True, eq=False)
class KeptFee:
    """A fee, in minor units."""

    number: int
    fee_type: FeeType
    amount: int
    owed: int  # what is left of it; nothing, if it was reversed
    description: str
    raised_at: datetime
    title: Title | None = None
    item: KeptItem | None = None
    written_off: int = 0
    reversed: bool = False


@dataclass(slots=True, eq=False)
class Undo:
    """What an item's latest transaction changed, so far as it can be taken back."""

    loan: KeptLoan
    due_at: datetime | None = None  # before it was renewed; None: it was lent or taken back
    fees: tuple[KeptFee, ...] = ()  # booked
    reversed: KeptFee | None = None
    destination: str | None = None
    condition: Condition | None = None
    location: str = ""
    filled: KeptHold | None = None  # the hold that was over with it
    pickup_by: datetime | None = None  # of that hold
    had_item: bool = False  # that hold had this item


@dataclass(slots=True, eq=False)
class Done:
    """An item's latest transaction, while it can be repeated or undone."""

    kind: str
    origin: Origin
    at: datetime
    patron: KeptPatron | None
    undo: Undo | None
    result: Record | None = None

    def is_recent(self, now: datetime) -> bool:
        """Whether whoever did it may still stand at the terminal."""
        return now - self.at <= _WHILE_AT_THE_TERMINAL

    def is_repeated_by(self, origin: Origin, now: datetime) -> bool:
        """Whether a terminal could be saying it once more, on another connection and with a new
        time."""
        return (
            self.origin.connection != origin.connection
            and None not in (self.origin.connection, origin.connection)
            and None not in (self.origin.request_key, origin.request_key)
            and self.origin.account == origin.account
            and self.is_recent(now)
        )


@dataclass(frozen=True, slots=True)
class Payment:
    """What a payment device's number stands for."""

    patron: KeptPatron
    amount: int | None  # None: no amount in its currency
    currency: str
    fee_id: str | None
    is_write_off: bool = field(compare=False)


class State:
    """All that one institution keeps, at the moment of one call."""

    def __init__(self, settings: InstitutionSettings, clock: Callable[[], datetime]) -> None:
        self.settings = settings
        self.policies = Policies(settings)
        self.currency = settings.currency
        self._clock = clock
        self.now = clock()
        self.patrons: dict[str, KeptPatron] = {}
        self.items: dict[str, KeptItem] = {}
        self.titles: dict[str, Title] = {}  # by key
        self.named: dict[str, list[Title]] = {}  # by text
        self.payments: dict[tuple[str | None, str], tuple[Payment, PaymentResult]] = {}
        self.results = Results()
        self._numbers = count(1)

    def tick(self) -> None:
        """A call begins; all of it is done at one moment."""
        self.now = self._clock()

    def number(self) -> int:
        """One that was never given before."""
        return next(self._numbers)

    def patron(self, patron_id: str) -> KeptPatron:
        """The patron with this card.

        Raises:
            PatronNotFound
        """
        patron = self.patrons.get(patron_id)
        if patron is None:
            raise PatronNotFound
        return patron

    def item(self, item_id: str) -> KeptItem:
        """The item with this barcode.

        Raises:
            ItemNotFound
        """
        item = self.items.get(item_id)
        if item is None:
            raise ItemNotFound
        return item

    def rule(self, patron: KeptPatron | None, item: KeptItem | None) -> LoanRule:
        """The rule for a loan."""
        return self.policies.loan_rule(
            patron.entry.patron_class if patron else None,
            item.lasting.item_type if item else None,
            item.lasting.permanent_location if item else None,
        )
