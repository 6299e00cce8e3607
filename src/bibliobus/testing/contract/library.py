"""What the tests of the port stand on: a library's settings, a way to fill it, and its words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import Any, TypeVar

import pytest

from bibliobus.ils import (
    ILS,
    AlreadyOnLoan,
    Circulation,
    DigitalCollection,
    Item,
    NoCopyAvailable,
    NotOnLoan,
    Origin,
    Patron,
    PatronAccount,
    PatronNotFound,
    Refused,
)
from bibliobus.ils.library import (
    FeeEntry,
    HoldEntry,
    InstitutionSettings,
    ItemEntry,
    Library,
    LoanEntry,
    LoanPolicy,
    PatronEntry,
    PatronLimits,
)

E = TypeVar("E", bound=Refused)
_Tests = TypeVar("_Tests", bound=type)

INSTITUTION = "MAIN"

# ISBNs, since a vendor knows items by nothing else. To whoever lends copies they are barcodes.
ITEM, A, B, C, D = (
    "9780141439549", "9780141439587", "9780141439662", "9780141439686", "9780141439792",
)  # fmt: skip
UNKNOWN = "9780141439990"  # which no test puts into a library

SETTINGS = InstitutionSettings(
    name="Contract Library",
    currency="EUR",
    status_update_ok=True,
    # What an item of no type follows; it costs nothing.
    loans=LoanPolicy(loan_days=21, loan_limit=3, renewals=1),
    # From here on only for an adapter that has policies by kind of item.
    loan_rules=(
        {
            "item_type": "dvd",  # costs something: to borrow, to keep too long, to wait for
            "loan_days": 7,
            "loan_limit": 1,
            "rental_fee": "1.50",
            "overdue_fee": "0.50",
            "overdue_fee_limit": "5.00",
            "hold_fee": "0.75",
        },
        {"item_type": "reference", "lent": False, "holds": False},
        {"item_type": "reading-room", "in_library": True},
        {"item_type": "new", "renewal_days": 3},
    ),
    limits=PatronLimits(fee_limit=Decimal(10), overdue_limit=2, lost_limit=1, hold_limit=2),
    branches={"north": ("stacks", "desk"), "south": ()},
)


class ContractLender(ABC):
    """Whoever lends, and a way to fill their shelves. Subclass it."""

    ils: Circulation
    """The adapter under test."""

    lacks: frozenset[str] = frozenset()
    """What it cannot do and the pod has no name for: "undo" (of a checkout or checkin),
    "policies" (all in `SETTINGS` but `loans`; items that are lost and the like), "PIN lock"
    (after many wrong ones), "copies" (an item is not one thing that one patron has, but a title
    that many may have at a time), "audiobooks". Of what has a name there, `ILS.supports` is
    asked."""

    @abstractmethod
    async def add(self, library: Library) -> None:
        """Put the patrons, items, loans, holds and fees of institution `INSTITUTION` into it.
        Called once in a test.

        Of a vendor's, each item is a title of its own, whatever it is called, and the library has
        as many copies of it as it has loans here, but at least one. Its type may be "audiobook".
        The patrons are those of the ILS behind it; a loan is due on the day it says."""

    async def restarted(self) -> Circulation | None:
        """The adapter as the next process finds it, after this one was killed; None: what it
        knows is gone then. For a database: a second adapter on the same one."""
        return None


class ContractCollection(ContractLender):
    """A vendor's collection, and a way to fill it."""

    ils: DigitalCollection
    lacks = frozenset({"copies"})

    async def restarted(self) -> DigitalCollection | None:
        """As of `ContractLender`."""
        return None


class ContractLibrary(ContractLender):
    """An ILS, and a way to fill it."""

    ils: ILS

    async def restarted(self) -> ILS | None:
        """As of `ContractLender`."""
        return None


# ------------------------------------------------ what an adapter may lack


def can(library: ContractLender, operation: str) -> bool:
    """Whether a library has an operation: a name of the pod's, or one of `lacks`."""
    if operation in library.lacks:
        return False
    supports = getattr(library.ils, "supports", None)  # only an ILS has it
    named = operation not in ("undo", "policies", "PIN lock", "copies", "audiobooks")
    return not named or supports is None or bool(supports(operation))


def needs(*operations: str) -> Callable[[_Tests], _Tests]:
    """Mark a class of tests that make no sense for a library which lacks one of these."""

    def mark(tests: _Tests) -> _Tests:
        for name, test in list(vars(tests).items()):
            if name.startswith("test_"):
                setattr(tests, name, _skipping(test, operations))
        return tests

    return mark


def _skipping(
    test: Callable[..., Awaitable[None]], operations: tuple[str, ...]
) -> Callable[..., Awaitable[None]]:
    @wraps(test)
    async def unless_lacking(self: object, library: ContractLender, **more: Any) -> None:
        for operation in operations:
            if not can(library, operation):
                pytest.skip(f"it does not have {operation!r}")
        await test(self, library, **more)

    return unless_lacking


# ------------------------------------------------ what is put into a library


def origin(key: str | None = None, **more: object) -> Origin:
    """A call from a terminal; with a key, one that may come again."""
    known = {"door": "sip2", "account": "kiosk", "request_key": key.encode() if key else None}
    return Origin(**(known | more))  # type: ignore[arg-type] # what tests pass is right


def patron(id: str = "ada", **more: object) -> PatronEntry:
    """A patron of the branch "north", with PIN 1234."""
    known = {"id": id, "name": id.title(), "pin": "1234", "home_library": "north"}
    return PatronEntry(**(known | more))  # type: ignore[arg-type] # what tests pass is right


def item(id: str = ITEM, **more: object) -> ItemEntry:
    """A copy of Middlemarch, at home nowhere in particular."""
    return ItemEntry(**({"id": id, "title": "Middlemarch"} | more))  # type: ignore[arg-type]


def loan(
    item: str = ITEM,
    patron: str = "ada",
    *,
    due_at: datetime | None = None,
    late: timedelta = timedelta(days=-1),
) -> LoanEntry:
    """A loan that began three weeks before it is due: then, or as late as this; else tomorrow."""
    due_at = due_at or datetime.now(UTC) - late
    lent_at = due_at - timedelta(days=21)
    return LoanEntry(patron=patron, item=item, lent_at=lent_at, due_at=due_at)


def hold(item: str = ITEM, patron: str = "ada", **more: object) -> HoldEntry:
    """A hold on the title of this item, to be fetched at "north"."""
    known = {"item": item, "patron": patron, "pickup_location": "north"}
    return HoldEntry(**(known | more))  # type: ignore[arg-type] # what tests pass is right


def fee(amount: str, patron: str = "ada", **more: object) -> FeeEntry:
    """Something that a patron owes."""
    return FeeEntry(**({"amount": Decimal(amount), "patron": patron} | more))  # type: ignore[arg-type]


def document(*entries: PatronEntry | ItemEntry | LoanEntry | HoldEntry | FeeEntry) -> Library:
    """A library of these."""
    return Library(
        institutions={INSTITUTION: SETTINGS},
        patrons=tuple(e for e in entries if isinstance(e, PatronEntry)),
        items=tuple(e for e in entries if isinstance(e, ItemEntry)),
        loans=tuple(e for e in entries if isinstance(e, LoanEntry)),
        holds=tuple(e for e in entries if isinstance(e, HoldEntry)),
        fees=tuple(e for e in entries if isinstance(e, FeeEntry)),
    )


# ------------------------------------------------ what is said of what somebody else has


def none_left(library: ContractLender) -> type[Refused]:
    """Why a patron gets nothing of an item whose last copy another has."""
    return AlreadyOnLoan if can(library, "copies") else NoCopyAvailable


def not_theirs(library: ContractLender) -> type[Refused]:
    """Why a patron cannot renew what another has."""
    return AlreadyOnLoan if can(library, "copies") else NotOnLoan


# ------------------------------------------------ what is looked at

PATRONS = ("ada", "grace", "mary")
ITEMS = (ITEM, A, B, C, D)


async def seen(ils: Circulation) -> list[Item | PatronAccount | None]:
    """All that can be seen of the items and patrons that tests change."""
    items = [await ils.find_item(id) for id in ITEMS]
    return [*items, *[await _account(ils, id) for id in PATRONS]]


async def refusal(library: ContractLender, error: type[E], call: Awaitable[object]) -> E:
    """The refusal that this call ends with. Nothing can be seen that has changed by it."""
    before = await seen(library.ils)

    with pytest.raises(error) as refused:
        await call

    assert await seen(library.ils) == before, f"{error.__name__} left something behind"
    return refused.value


async def charged(library: ContractLender, patron_id: str) -> list[str]:
    """What a patron has, what is due first comes first."""
    return [loan.item_id for loan in (await library.ils.patron_account(patron_id)).loans]


async def found_patron(library: ContractLibrary, patron_id: str = "ada") -> Patron:
    """A patron who is there."""
    found = await library.ils.find_patron(patron_id)
    assert found is not None
    return found


async def found_item(library: ContractLender, item_id: str = ITEM) -> Item:
    """An item that is there."""
    found = await library.ils.find_item(item_id)
    assert found is not None
    return found


async def _account(ils: Circulation, patron_id: str) -> PatronAccount | None:
    try:
        return await ils.patron_account(patron_id)
    except PatronNotFound:
        return None
