"""Who gets what: checkouts, renewals, returns, holds, and the daemon that makes loans of holds.

Source of the rules, numbered there: spec/oneclick-api.md, section 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from bibliobus.sandbox.vendor import answers
from bibliobus.sandbox.vendor.answers import Refused, refused
from bibliobus.sandbox.vendor.collection import Collection, Title
from bibliobus.sandbox.vendor.patrons import Patron
from bibliobus.sandbox.vendor.settings import VendorSettings
from bibliobus.sandbox.vendor.state import State

FIRST_TRANSACTION = 9828517


@dataclass(frozen=True, slots=True)
class Loan:
    """What a patron has."""

    transaction_id: int
    patron: int
    title: int
    expires_on: date
    renewals: int


@dataclass(frozen=True, slots=True)
class Hold:
    """What a patron waits for; `lent`: it is a loan by now, and still listed."""

    transaction_id: int
    patron: int
    title: int
    lent: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """What the daemon did."""

    expired: tuple[int, ...]  # transactions
    lent: tuple[int, ...]


class Lending:
    """The loans and holds of the library."""

    def __init__(self, state: State, collection: Collection) -> None:
        self._state = state
        self._collection = collection

    def loans(self, patron: Patron) -> list[Loan]:
        """What a patron has, the first one first."""
        return self._loans("patron = ?", patron.id)

    def holds(self, patron: Patron) -> list[Hold]:
        """What a patron waits for, the first one first."""
        return self._holds("patron = ?", patron.id)

    def loan_of(self, patron: Patron, title: Title) -> Loan | None:
        """A patron's loan of one title."""
        found = self._loans("patron = ? AND title = ?", patron.id, title.position)
        return found[0] if found else None

    def by_transaction(self, transaction_id: int) -> Loan | None:
        """A loan by its number."""
        found = self._loans("transaction_id = ?", transaction_id)
        return found[0] if found else None

    def of_title(self, title: Title) -> Loan | None:
        """The first of the loans of a title."""
        found = self._loans("title = ?", title.position)
        return found[0] if found else None

    def checkout(
        self,
        settings: VendorSettings,
        patron: Patron,
        title: Title,
        days: int | None,
        today: date,
    ) -> Loan:
        """Lend a title (rules 2 and 3).

        Raises:
            Refused: 409, with the reason that comes first.
        """
        already = self.loan_of(patron, title) is not None
        full = len(self.loans(patron)) >= settings.checkout_limit
        for reason in _in_order(settings, already, full):
            raise refused(
                409, answers.ALREADY_LENT if reason == "already" else answers.LIMIT_REACHED
            )
        if not title.owned:
            raise refused(409, answers.NOT_OWNED, "The library does not own this title.")
        if not self._collection.free(title):
            raise refused(409, answers.NOT_AVAILABLE)
        self._drop_hold(patron, title)
        return self._lend(settings, patron.id, title, days, today, self._next_number())

    def renew(
        self, settings: VendorSettings, patron: Patron, title: Title, days: int | None, today: date
    ) -> Loan | None:
        """Lend a title for longer; None: it is not to be had for longer.

        Raises:
            Refused: The patron does not have it.
        """
        loan = self.loan_of(patron, title)
        if loan is None:
            raise refused(409, answers.NOT_LENT)
        if loan.renewals >= settings.renewals:
            return None
        until = max(loan.expires_on, today + _length(settings, title, days))
        self._state.run(
            "UPDATE loans SET expires_on = ?, renewals = renewals + 1 WHERE transaction_id = ?",
            until.isoformat(), loan.transaction_id,
        )  # fmt: skip
        return Loan(loan.transaction_id, loan.patron, loan.title, until, loan.renewals + 1)

    def give_back(self, patron: Patron, title: Title) -> None:
        """End a loan.

        Raises:
            Refused: The patron does not have it.
        """
        loan = self.loan_of(patron, title)
        if loan is None:
            raise refused(409, answers.NOT_LENT)
        self._end(loan)

    def place_hold(self, settings: VendorSettings, patron: Patron, title: Title) -> int:
        """Note that a patron waits for a title, free or not (rule 5); its number.

        Raises:
            Refused: 409, whose body is a text and no object.
        """
        holds = self.holds(patron)
        already = any(hold.title == title.position for hold in holds)
        already = already or self.loan_of(patron, title) is not None
        limited = not settings.holds_at_limit
        full = limited and len(self.loans(patron)) >= settings.checkout_limit
        full = full or (settings.hold_limit is not None and len(holds) >= settings.hold_limit)
        for reason in _in_order(settings, already, full):
            raise Refused(
                409, answers.ALREADY_HELD if reason == "already" else answers.NO_MORE_HOLDS
            )
        if not title.owned:
            raise refused(409, answers.NOT_OWNED, "The library does not own this title.")
        number = self._next_number()
        self._state.run(
            "INSERT INTO holds (transaction_id, patron, title) VALUES (?, ?, ?)",
            number, patron.id, title.position,
        )  # fmt: skip
        return number

    def cancel_hold(self, patron: Patron, title: Title) -> None:
        """Wait no longer.

        Raises:
            Refused: The patron does not wait for it.
        """
        if not self._drop_hold(patron, title):
            raise refused(409, answers.NOT_HELD)

    def tick(self, settings: VendorSettings, today: date) -> Tick:
        """What the vendor's daemon does (rule 6): loans end, and holds become loans."""
        with self._state.transaction():
            self._state.run("DELETE FROM holds WHERE lent")
            expired = self._loans("expires_on < ?", today.isoformat())
            for loan in expired:
                self._end(loan)
            lent = [hold for hold in self._holds("NOT lent") if self._filled(settings, hold, today)]
        return Tick(
            tuple(loan.transaction_id for loan in expired),
            tuple(hold.transaction_id for hold in lent),
        )

    def _filled(self, settings: VendorSettings, hold: Hold, today: date) -> bool:
        """Make a loan of a hold, if there is a copy and the patron may have it."""
        title = self._collection.at(hold.title)
        has = self._state.value("SELECT count(*) FROM loans WHERE patron = ?", hold.patron)
        if title is None or not title.held or has >= settings.checkout_limit:
            return False
        if not self._collection.free(title):
            return False
        if settings.holds_stay_listed:
            self._state.run(
                "UPDATE holds SET lent = 1 WHERE transaction_id = ?", hold.transaction_id
            )
        else:
            self._state.run("DELETE FROM holds WHERE transaction_id = ?", hold.transaction_id)
        self._lend(settings, hold.patron, title, None, today, hold.transaction_id)
        return True

    def _lend(
        self,
        settings: VendorSettings,
        patron_id: int,
        title: Title,
        days: int | None,
        today: date,
        number: int,
    ) -> Loan:
        until = today + _length(settings, title, days)
        self._state.run(
            "INSERT INTO loans (transaction_id, patron, title, expires_on) VALUES (?, ?, ?, ?)",
            number, patron_id, title.position, until.isoformat(),
        )  # fmt: skip
        self._state.run("UPDATE titles SET loans = loans + 1 WHERE position = ?", title.position)
        return Loan(number, patron_id, title.position, until, 0)

    def _end(self, loan: Loan) -> None:
        """End a loan, and the hold that it was."""
        for table in ("loans", "holds"):
            self._state.run(
                f"DELETE FROM {table} WHERE transaction_id = ?",  # noqa: S608 - two of ours
                loan.transaction_id,
            )

    def _drop_hold(self, patron: Patron, title: Title) -> bool:
        return bool(
            self._state.run(
                "DELETE FROM holds WHERE patron = ? AND title = ?", patron.id, title.position
            )
        )

    def _next_number(self) -> int:
        """One counter for loans and holds."""
        return self._state.next_number("next transaction", FIRST_TRANSACTION)

    def _loans(self, condition: str, *values: int | str) -> list[Loan]:
        rows = self._state.rows(f"{_LOANS} WHERE {condition} ORDER BY transaction_id", *values)
        return [
            Loan(number, patron, title, date.fromisoformat(expires_on), renewals)
            for number, patron, title, expires_on, renewals in rows
        ]

    def _holds(self, condition: str, *values: int) -> list[Hold]:
        rows = self._state.rows(f"{_HOLDS} WHERE {condition} ORDER BY transaction_id", *values)
        return [Hold(number, patron, title, bool(lent)) for number, patron, title, lent in rows]


_LOANS = "SELECT transaction_id, patron, title, expires_on, renewals FROM loans"
_HOLDS = "SELECT transaction_id, patron, title, lent FROM holds"


def _in_order(settings: VendorSettings, already: bool, full: bool) -> list[str]:
    """The reasons against it, the one that is told first."""
    reasons = ["already"] * already + ["limit"] * full
    return reasons if settings.already_or_limit == "already-first" else reasons[::-1]


def _length(settings: VendorSettings, title: Title, days: int | None) -> timedelta:
    """As asked for, but never longer than was agreed; less than a day is not asked for."""
    longest = settings.loan_days(title.medium)
    return timedelta(days=min(days, longest) if days and days > 0 else longest)
