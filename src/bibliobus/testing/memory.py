"""An ILS in memory: the port's promises in the fewest words, and nothing that lasts.

It is the model against which the embedded ILS is compared, so it shares nothing with it but the
port, and the pure functions of `ils.policy` and `ils.money`. `memory_state` has what is kept,
`memory_holds` the queues; here are the transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypedDict, TypeVar

from msgspec.structs import replace

from bibliobus.ils import (
    AlertType,
    AlreadyOnLoan,
    CheckinResult,
    CheckoutResult,
    CurrencyNotAccepted,
    EndSessionResult,
    Fee,
    FeeNotAcknowledged,
    FeeNotFound,
    FeePayment,
    FeeType,
    HoldResult,
    HoldType,
    Item,
    ItemNotAvailable,
    ItemNotFound,
    ListEntry,
    Loan,
    LoanLimitReached,
    NotForLoan,
    NothingToUndo,
    NotOnLoan,
    NotSupported,
    NotTakenHere,
    OnHoldForAnother,
    Origin,
    Patron,
    PatronAccount,
    PatronList,
    PatronNotFound,
    PaymentKeyUsed,
    PaymentNotDue,
    PaymentResult,
    Refused,
    RenewAllResult,
    RenewalNotAllowed,
    Secret,
    TooManyRenewals,
    TooManyWrongPINs,
    TooSoonToRenew,
    Unrenewed,
    WrongPIN,
)
from bibliobus.ils.library import Condition, InstitutionSettings, Library, LoanRule
from bibliobus.ils.money import to_minor
from bibliobus.ils.records import Record
from bibliobus.testing.memory_holds import Holds
from bibliobus.testing.memory_state import (
    AWAY,
    NOT_LENT,
    NOT_YET_OR_NO_MORE,
    Copy,
    Debt,
    Done,
    Lending,
    Reader,
    Shelf,
    Undo,
    Waiting,
    loan_entry,
)

_R = TypeVar("_R", bound=Record)

_WHILE_AT_THE_TERMINAL = timedelta(minutes=10)
_WRONG_PINS = 5
_PINS_IGNORED_FOR = timedelta(minutes=15)
_OPERATIONS = frozenset({
    "patron status request", "patron information", "end patron session", "checkout", "checkin",
    "item information", "item status update", "renew", "renew all", "hold", "fee paid",
    "magnetic media",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Payment:
    """What a payment device's number stands for."""

    patron_id: str
    amount: int | None  # None: no amount in its currency
    currency: str
    fee_id: str | None


@dataclass(slots=True, eq=False, kw_only=True)
class _Lent(Done):
    """A checkout or renewal, and what its answer says."""

    due_at: datetime
    fee: Debt | None = None


class _Shown(TypedDict):
    """What a refusal shows of whom and what it is about."""

    patron: Patron
    item: Item


class MemoryILS:
    """One institution's patrons, items, loans, holds and fees. See `bibliobus.ils.ILS`."""

    def __init__(
        self,
        institution: str,
        settings: InstitutionSettings | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._institution = institution
        self._settings = settings or InstitutionSettings()
        self._clock = clock
        self._shelf = Shelf(self._settings)
        self._policies = self._shelf.policies
        self._holds = Holds(self._shelf)
        self._results: dict[tuple[str | None, bytes], Record] = {}
        self._payments: dict[tuple[str | None, str], tuple[_Payment, PaymentResult]] = {}

    def load(self, library: Library) -> None:
        """Add what `library` has for this institution; what is there already stays as it is.

        Raises:
            ValueError: An amount has more digits than the currency.
        """
        self._shelf.load(library.of(self._institution), self._clock())

    # -------------------------------------------------------- capabilities

    def supports(self, operation: str) -> bool:
        if operation in ("block patron", "patron enable"):
            return self._settings.status_update_ok
        return operation in _OPERATIONS

    def check_inst_id(self, institution_id: str, whence: str) -> None:
        pass

    async def checkin_ok(self) -> bool:
        return self._settings.checkin_ok

    async def checkout_ok(self) -> bool:
        return self._settings.checkout_ok

    async def status_update_ok(self) -> bool:
        return self._settings.status_update_ok

    async def offline_ok(self) -> bool:
        return self._settings.offline_ok

    # -------------------------------------------------------- what is there

    async def find_patron(self, patron_id: str) -> Patron | None:
        reader = self._shelf.readers.get(patron_id)
        return None if reader is None else self._shelf.patron(reader, self._clock())

    async def find_item(self, item_id: str) -> Item | None:
        copy = self._shelf.copies.get(item_id)
        return None if copy is None else self._shelf.item(copy, self._clock())

    async def check_password(self, patron_id: str, pin: Secret) -> bool:
        try:
            self._prove(patron_id, pin, self._clock())
        except (PatronNotFound, WrongPIN):
            return False
        return True

    async def patron_account(self, patron_id: str) -> PatronAccount:
        reader = self._reader(patron_id)
        return PatronAccount(
            loans=tuple(
                Loan(
                    item_id=loan.copy.shown.id,
                    title_id=loan.copy.title.text,
                    lent_at=loan.lent_at,
                    due_at=loan.due_at,
                    renewals=loan.renewals,
                )
                for loan in reader.in_order()
            ),
            holds=tuple(self._shelf.hold(reader.holds[n]) for n in sorted(reader.holds)),
            fees=tuple(self._shelf.fee(debt) for debt in reader.owing),
        )

    async def patron_list(
        self, patron_id: str, kind: PatronList, start: int = 1, end: int | None = None
    ) -> Sequence[ListEntry]:
        entries = self._entries(self._reader(patron_id), kind, self._clock())
        return entries[max(start, 1) - 1 : end if end is None else max(end, 0)]

    async def hold_queue(self, item_id: str) -> Sequence[str]:
        queue = self._shelf.queue(self._copy(item_id), self._clock())
        return [hold.reader.entry.id for hold in queue]

    async def hold_queue_position(self, item_id: str, patron_id: str) -> int:
        queue = await self.hold_queue(item_id)
        return queue.index(patron_id) + 1 if patron_id in queue else 0

    async def available(self, item_id: str, patron_id: str) -> bool:
        copy, reader = self._copy(item_id), self._shelf.readers.get(patron_id)
        return (
            copy.loan is None
            and self._shelf.rule(reader, copy).lent
            and copy.condition not in NOT_LENT
            and not self._shelf.is_anothers(copy, reader, self._clock())
        )

    # -------------------------------------------------------- lending

    async def checkout(
        self,
        patron_id: str,
        item_id: str,
        *,
        renewal_allowed: bool = False,
        no_block: bool = False,
        no_block_due_at: datetime | None = None,
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        item_properties: str | None = None,
        origin: Origin,
    ) -> CheckoutResult:
        if not self._settings.checkout_ok and not no_block:
            raise NotSupported("lending is switched off")
        now = self._clock()
        self._prove(patron_id, None if no_block else pin, now)
        if first := self._first_result(origin, CheckoutResult):
            return first
        reader, copy = self._reader(patron_id), self._copy(item_id)
        if not no_block and (
            first := self._same_again(copy, "checkout", reader, origin, now, CheckoutResult)
        ):
            return first
        with self._holds.settled([copy.title], now):
            if no_block:
                done = self._lent_off_line(reader, copy, no_block_due_at, origin, now)
            else:
                done = self._lend_or_renew(
                    reader, copy, renewal_allowed, fee_acknowledged, origin, now
                )
        copy.properties = copy.properties if item_properties is None else item_properties
        return self._finish(done, copy, self._lent(reader, copy, done, now))

    async def renew(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        third_party: bool = False,
        no_block: bool = False,
        no_block_due_at: datetime | None = None,
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        item_properties: str | None = None,
        origin: Origin,
    ) -> CheckoutResult:
        if not self._settings.renewal_ok and not no_block:
            raise NotSupported("renewing is switched off")
        now = self._clock()
        self._prove(patron_id, None if no_block else pin, now)
        if first := self._first_result(origin, CheckoutResult):
            return first
        reader = self._reader(patron_id)
        copy = self._copy_to_renew(reader, item_id, title_id, now)
        if not no_block and (
            first := self._same_again(copy, "renew", reader, origin, now, CheckoutResult)
        ):
            return first
        with self._holds.settled([copy.title], now):
            loan = copy.loan
            if loan is None:
                raise NotOnLoan(**self._shown(reader, copy, now))
            if loan.reader is not reader and not third_party:
                raise AlreadyOnLoan(**self._shown(reader, copy, now))
            if no_block:
                undo, fee = None, None
                self._extend(loan, no_block_due_at, now)
            else:
                undo, fee = self._renew(loan, reader, fee_acknowledged, now)
        copy.properties = copy.properties if item_properties is None else item_properties
        kind = "renew off line" if no_block else "renew"
        done = _Lent(kind, origin, now, reader, undo=undo, due_at=loan.due_at, fee=fee)
        return self._finish(done, copy, self._lent(reader, copy, done, now))

    async def renew_all(
        self,
        patron_id: str,
        *,
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        origin: Origin,
    ) -> RenewAllResult:
        if not self._settings.renewal_ok:
            raise NotSupported("renewing is switched off")
        now = self._clock()
        self._prove(patron_id, pin, now)
        if first := self._first_result(origin, RenewAllResult):
            return first
        reader = self._reader(patron_id)
        renewed: list[ListEntry] = []
        unrenewed: list[Unrenewed] = []
        for loan in reader.in_order():
            item = loan.copy.shown
            self._holds.settle(loan.copy.title, now)
            try:
                undo, _ = self._renew(loan, reader, fee_acknowledged, now)
            except Refused as refused:
                unrenewed.append(
                    Unrenewed(
                        item_id=item.id,
                        title_id=item.title_id,
                        reason=refused.reason,
                        screen_message=str(refused),
                    )
                )
            else:
                renewed.append(loan_entry(loan))
                loan.copy.latest = Done("renew all", origin, now, reader, undo=undo)
        patron = self._shelf.patron(reader, now)
        result = RenewAllResult(patron=patron, renewed=tuple(renewed), unrenewed=tuple(unrenewed))
        return self._remember(origin, result)

    def _lend_or_renew(
        self,
        reader: Reader,
        copy: Copy,
        renewal_allowed: bool,
        fee_acknowledged: bool,
        origin: Origin,
        now: datetime,
    ) -> _Lent:
        shelf, loan = self._shelf, copy.loan
        if blocks := shelf.blocks(reader, now):
            first, *more = blocks
            raise type(first)(str(first), **self._shown(reader, copy, now), also=tuple(more))
        if loan is not None:
            if loan.reader is not reader or not renewal_allowed:
                raise AlreadyOnLoan(**self._shown(reader, copy, now))
            undo, fee = self._renew(loan, reader, fee_acknowledged, now)
            return _Lent("checkout", origin, now, reader, undo=undo, due_at=loan.due_at, fee=fee)
        rule = shelf.rule(reader, copy)
        self._check_may_lend(reader, copy, rule, now)
        self._check_acknowledged(reader, copy, rule, fee_acknowledged, now)
        loan = Lending(reader, copy, now, self._policies.due_at(rule, now))
        undo = self._put_out(loan)
        fee = shelf.charge(reader, FeeType.RENTAL, rule.rental_fee, now, copy, copy.title)
        undo.fees = (fee,) if fee else ()
        return _Lent("checkout", origin, now, reader, undo=undo, due_at=loan.due_at, fee=fee)

    def _check_may_lend(self, reader: Reader, copy: Copy, rule: LoanRule, now: datetime) -> None:
        if not rule.lent:
            raise NotForLoan(**self._shown(reader, copy, now))
        if copy.condition in NOT_LENT:
            raise ItemNotAvailable(**self._shown(reader, copy, now))
        if self._shelf.is_anothers(copy, reader, now):
            raise OnHoldForAnother(**self._shown(reader, copy, now))
        covered = sum(
            rule.item_type in (None, loan.copy.shown.item_type)
            and rule.location in (None, loan.copy.shown.permanent_location)
            for loan in reader.loans.values()
        )
        limit = reader.shown.charged_limit
        if covered >= rule.loan_limit or (limit is not None and len(reader.loans) >= limit):
            raise LoanLimitReached(**self._shown(reader, copy, now))

    def _check_acknowledged(
        self, asker: Reader, copy: Copy, rule: LoanRule, fee_acknowledged: bool, now: datetime
    ) -> None:
        if rule.rental_fee and not fee_acknowledged:
            fee = self._shelf.price(FeeType.RENTAL, rule.rental_fee, copy, copy.title)
            raise FeeNotAcknowledged(**self._shown(asker, copy, now), fee=fee)

    def _lent_off_line(
        self,
        reader: Reader,
        copy: Copy,
        due_at: datetime | None,
        origin: Origin,
        now: datetime,
    ) -> _Lent:
        lent_at = min(origin.transaction_at or now, now)
        if due_at is None or due_at < lent_at:
            due_at = self._policies.due_at(self._shelf.rule(reader, copy), lent_at)
        loan = copy.loan
        if loan is None or lent_at >= loan.lent_at:
            self._find_again(copy, loan)
            if loan is not None:
                self._shelf.end(loan)
            if copy.hold is not None and copy.hold.reader is not reader:
                self._holds.release(copy)
            self._put_out(Lending(reader, copy, lent_at, due_at))
        return _Lent("checkout off line", origin, now, reader, due_at=due_at)

    def _put_out(self, loan: Lending) -> Undo:
        copy, own = loan.copy, self._holds.filled_by(loan.copy, loan.reader)
        undo = Undo(loan, destination=copy.destination, condition=copy.condition, filled=own)
        if own is not None:
            undo.pickup_by, undo.had_copy = own.pickup_by, own.copy is copy
            self._holds.end(own)
        copy.destination = None
        self._shelf.lend(loan)
        return undo

    def _copy_to_renew(
        self, reader: Reader, item_id: str | None, title_id: str | None, now: datetime
    ) -> Copy:
        if item_id is not None:
            return self._copy(item_id)
        for loan in reader.in_order():
            if title_id in (loan.copy.title.text, loan.copy.title.key):
                return loan.copy
        raise NotOnLoan(patron=self._shelf.patron(reader, now))

    def _renew(
        self, loan: Lending, asker: Reader, fee_acknowledged: bool, now: datetime
    ) -> tuple[Undo, Debt | None]:
        """Renew by policy: what undoes it, and what it cost."""
        shelf, borrower, copy = self._shelf, loan.reader, loan.copy
        rule = shelf.rule(borrower, copy)
        if not shelf.patron(borrower, now).renew_ok:
            raise RenewalNotAllowed(**self._shown(asker, copy, now))
        if loan.renewals >= rule.renewals:
            raise TooManyRenewals(**self._shown(asker, copy, now))
        if not self._policies.may_renew_at(rule, loan.due_at, now):
            raise TooSoonToRenew(**self._shown(asker, copy, now))
        if any(hold.reader is not borrower for hold in shelf.eligible(copy, now)):
            raise OnHoldForAnother(**self._shown(asker, copy, now))
        if copy.condition in (Condition.LOST, Condition.CLAIMED_RETURNED):
            raise RenewalNotAllowed(**self._shown(asker, copy, now))
        self._check_acknowledged(asker, copy, rule, fee_acknowledged, now)
        undo = Undo(loan, due_at=loan.due_at)
        late = self._policies.overdue_fee(rule, loan.due_at, now)
        overdue = shelf.charge(borrower, FeeType.OVERDUE, late, now, copy, copy.title)
        rental = shelf.charge(borrower, FeeType.RENTAL, rule.rental_fee, now, copy, copy.title)
        undo.fees = tuple(fee for fee in (overdue, rental) if fee is not None)
        self._extend(loan, None, now)
        return undo, rental

    def _extend(self, loan: Lending, due_at: datetime | None, now: datetime) -> None:
        rule = self._shelf.rule(loan.reader, loan.copy)
        loan.due_at = max(due_at or self._policies.due_at(rule, now), loan.due_at)
        loan.renewals += 1

    def _lent(self, reader: Reader, copy: Copy, done: _Lent, now: datetime) -> CheckoutResult:
        renewal = done.kind in ("renew", "renew off line") or (
            done.undo is not None and done.undo.due_at is not None
        )
        return CheckoutResult(
            patron=self._shelf.patron(reader, now),
            item=self._shelf.item(copy, now),
            due_at=done.due_at,
            renewal_ok=renewal,
            desensitize=not renewal and self._to_carry_out(reader, copy),
            fee=self._shelf.fee(done.fee, booked=True) if done.fee else None,
        )

    def _to_carry_out(self, reader: Reader, copy: Copy) -> bool:
        return not copy.shown.magnetic and not self._shelf.rule(reader, copy).in_library

    # -------------------------------------------------------- taking back

    async def checkin(
        self,
        item_id: str,
        *,
        returned_at: datetime | None = None,
        current_location: str | None = None,
        item_properties: str | None = None,
        no_block: bool = False,
        origin: Origin,
    ) -> CheckinResult:
        if not self._settings.checkin_ok and not no_block:
            raise NotSupported("taking back is switched off")
        if first := self._first_result(origin, CheckinResult):
            return first
        now, copy = self._clock(), self._copy(item_id)
        if not no_block and (
            first := self._same_again(copy, "checkin", None, origin, now, CheckinResult)
        ):
            return first
        place = current_location or origin.location
        branch = self._policies.branch_of(place)
        came_back = returned_at or (origin.transaction_at if no_block else None) or now
        with self._holds.settled([copy.title], now):
            if not no_block:
                self._check_may_take(copy, now)
            loan, undo, alert = copy.loan, None, None
            if no_block and loan is not None and came_back < loan.lent_at:
                loan = None  # it has gone out again since, and that loan stays
            else:
                undo = self._take(copy, came_back, now)
                alert = self._holds.arrive(copy, branch, now)
        copy.location = copy.location if place is None else place
        copy.properties = copy.properties if item_properties is None else item_properties
        reader = loan.reader if loan else None
        fee = self._shelf.fee(undo.fees[0], booked=True) if undo and undo.fees else None
        kind = "checkin off line" if no_block else "checkin"
        done = Done(kind, origin, now, reader, undo=None if no_block else undo)
        return self._finish(done, copy, self._taken(copy, reader, branch, alert, fee, now))

    def _check_may_take(self, copy: Copy, now: datetime) -> None:
        if copy.condition in NOT_YET_OR_NO_MORE:
            raise NotTakenHere(item=self._shelf.item(copy, now))
        expected = (
            copy.loan is not None
            or copy.destination is not None
            or copy.hold is not None
            or copy.condition in AWAY
            or any(self._shelf.eligible(copy, now))
        )
        if not expected:
            raise NotOnLoan(item=self._shelf.item(copy, now))

    def _take(self, copy: Copy, came_back: datetime, now: datetime) -> Undo | None:
        """End the copy's loan, if there is one: what undoes that."""
        loan, condition = copy.loan, copy.condition
        replacement = loan.replacement if loan else None
        self._find_again(copy, loan)
        if loan is None:
            return None
        self._shelf.end(loan)
        ended_at = max(loan.lent_at, min(came_back, now))
        late = self._policies.overdue_fee(
            self._shelf.rule(loan.reader, copy), loan.due_at, ended_at
        )
        overdue = self._shelf.charge(loan.reader, FeeType.OVERDUE, late, now, copy, copy.title)
        return Undo(
            loan,
            fees=(overdue,) if overdue else (),
            reversed=replacement,
            condition=condition,
            location=copy.location,
        )

    def _find_again(self, copy: Copy, loan: Lending | None) -> None:
        """What was lost, missing or claimed returned is here; what a lost one cost is reversed."""
        if copy.condition not in AWAY:
            return
        copy.condition = None
        self._forgive(loan)

    def _forgive(self, loan: Lending | None) -> None:
        if loan is not None and loan.replacement is not None:
            self._shelf.reverse(loan.reader, loan.replacement)
            self._shelf.spend_credit(loan.reader)
            loan.replacement = None

    def _taken(
        self,
        copy: Copy,
        reader: Reader | None,
        branch: str | None,
        alert: AlertType | None,
        fee: Fee | None,
        now: datetime,
    ) -> CheckinResult:
        item = self._shelf.item(copy, now)
        if alert is AlertType.HOLD_HERE and copy.hold is not None:
            pickup = self._policies.branch_of(copy.hold.pickup_location)
            item = replace(item, destination=pickup)
        return CheckinResult(
            item=item,
            patron=self._shelf.patron(reader, now) if reader else None,
            resensitize=not copy.shown.magnetic,
            alert_type=alert,
            hold=self._holds.notice(copy),
            sort_bin=self._policies.sort_bin(branch, item),
            fee=fee,
        )

    # -------------------------------------------------------- taking it back again

    async def undo_checkout(
        self, item_id: str, *, patron_id: str | None = None, origin: Origin
    ) -> CheckinResult:
        if first := self._first_result(origin, CheckinResult):
            return first
        now, copy = self._clock(), self._copy(item_id)
        kinds = ("checkout", "renew", "renew all")
        with self._holds.settled([copy.title], now):
            undo = self._to_undo(copy, kinds, patron_id, origin, now)
        loan = undo.loan
        lent = undo.due_at is None
        if undo.due_at is None:
            self._shelf.end(loan)
            copy.destination = undo.destination
            if undo.filled is not None:
                self._wait_again(undo.filled, copy if undo.had_copy else None, undo.pickup_by)
        else:
            loan.due_at = undo.due_at
            loan.renewals -= 1
        self._give_back(undo)
        result = CheckinResult(
            item=self._shelf.item(copy, now),
            patron=self._shelf.patron(loan.reader, now),
            resensitize=lent and not copy.shown.magnetic,
        )
        return self._finish(Done("undo", origin, now), copy, result)

    async def undo_checkin(
        self, item_id: str, *, patron_id: str | None = None, origin: Origin
    ) -> CheckoutResult:
        if first := self._first_result(origin, CheckoutResult):
            return first
        now, copy = self._clock(), self._copy(item_id)
        with self._holds.settled([copy.title], now):
            undo = self._to_undo(copy, ("checkin",), patron_id, origin, now)
        loan = undo.loan
        self._holds.release(copy)
        copy.destination, copy.condition = undo.destination, undo.condition
        copy.location = undo.location
        self._shelf.lend(loan)
        if undo.reversed is not None:
            undo.reversed.owed = undo.reversed.amount
            loan.replacement = undo.reversed
        self._give_back(undo)
        result = CheckoutResult(
            patron=self._shelf.patron(loan.reader, now),
            item=self._shelf.item(copy, now),
            due_at=loan.due_at,
            desensitize=self._to_carry_out(loan.reader, copy),
        )
        return self._finish(Done("undo", origin, now), copy, result)

    def _to_undo(
        self,
        copy: Copy,
        kinds: tuple[str, ...],
        patron_id: str | None,
        origin: Origin,
        now: datetime,
    ) -> Undo:
        done = copy.latest
        if (
            done is None
            or done.kind not in kinds
            or done.undo is None
            or done.origin.account != origin.account
            or now - done.at > _WHILE_AT_THE_TERMINAL
            or patron_id not in (None, done.undo.loan.reader.entry.id)
        ):
            raise NothingToUndo(item=self._shelf.item(copy, now))
        return done.undo

    def _wait_again(self, hold: Waiting, copy: Copy | None, pickup_by: datetime | None) -> None:
        self._shelf.wait(hold)
        if copy is not None:
            hold.copy, hold.pickup_by = copy, pickup_by
            copy.hold = hold

    def _give_back(self, undo: Undo) -> None:
        for fee in undo.fees:
            self._shelf.reverse(undo.loan.reader, fee)
        self._shelf.spend_credit(undo.loan.reader)

    # -------------------------------------------------------- holds

    async def add_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        hold_type: HoldType = HoldType.ANY_COPY,
        pickup_location: str | None = None,
        expires_at: datetime | None = None,
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        now = self._clock()
        self._prove(patron_id, pin, now)
        if first := self._first_result(origin, HoldResult):
            return first
        reader, copy = self._reader(patron_id), self._holds.copy_named(item_id)
        if copy is None and hold_type is HoldType.SPECIFIC_COPY:
            raise ItemNotFound
        title = copy.title if copy else self._holds.title_named(title_id)
        with self._holds.settled([title], now):
            result = self._holds.add(
                reader, title, copy, hold_type=hold_type, pickup_location=pickup_location,
                terminal_location=origin.location, expires_at=expires_at,
                fee_acknowledged=fee_acknowledged, now=now,
            )  # fmt: skip
        return self._remember(origin, result)

    async def alter_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        hold_type: HoldType | None = None,
        pickup_location: str | None = None,
        expires_at: datetime | None = None,
        suspended_until: datetime | None = None,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        now = self._clock()
        self._prove(patron_id, pin, now)
        if first := self._first_result(origin, HoldResult):
            return first
        reader = self._reader(patron_id)
        titles = self._holds.titles_meant(item_id, title_id)
        with self._holds.settled(titles, now):
            result = self._holds.alter(
                self._holds.held(reader, titles, now), self._holds.copy_named(item_id),
                hold_type=hold_type, pickup_location=pickup_location, expires_at=expires_at,
                suspended_until=suspended_until, now=now,
            )  # fmt: skip
        return self._remember(origin, result)

    async def cancel_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        now = self._clock()
        self._prove(patron_id, pin, now)
        if first := self._first_result(origin, HoldResult):
            return first
        reader = self._reader(patron_id)
        titles = self._holds.titles_meant(item_id, title_id)
        with self._holds.settled(titles, now):
            hold = self._holds.held(reader, titles, now)
            result = self._holds.cancel(hold, self._holds.copy_named(item_id), now)
        return self._remember(origin, result)

    async def sweep(self) -> None:
        """End every hold that waited, or whose copy stood on the hold shelf, for too long."""
        now = self._clock()
        for title in self._shelf.titles.values():
            self._holds.settle(title, now)

    # -------------------------------------------------------- fees

    async def pay_fee(
        self,
        patron_id: str,
        amount: Decimal,
        currency: str,
        *,
        fee_type: FeeType = FeeType.OTHER,
        payment_type: int,
        fee_id: str | None = None,
        transaction_id: str | None = None,
        pin: Secret | None = None,
        origin: Origin,
    ) -> PaymentResult:
        self._prove(patron_id, pin, self._clock())
        if first := self._first_result(origin, PaymentResult):
            return first
        reader, currency = self._reader(patron_id), currency or self._shelf.currency
        try:
            minor = to_minor(amount, currency)
        except ValueError:
            minor = None
        payment = _Payment(patron_id, minor, currency, fee_id)
        key = None if transaction_id is None else (origin.account, transaction_id)
        if key in self._payments:
            booked, result = self._payments[key]
            if booked != payment:
                raise PaymentKeyUsed(patron=self._shelf.patron(reader, self._clock()))
        else:
            result = self._pay(reader, payment)
            if key is not None:
                self._payments[key] = payment, result
        return self._remember(origin, result)

    def _pay(self, reader: Reader, payment: _Payment) -> PaymentResult:
        shelf, now = self._shelf, self._clock()
        patron, amount, owing = shelf.patron(reader, now), payment.amount, reader.owing
        if payment.currency != shelf.currency:
            raise CurrencyNotAccepted(patron=patron)
        if amount is None or amount <= 0:
            raise PaymentNotDue(patron=patron)
        if payment.fee_id is not None:
            owing = [debt for debt in owing if str(debt.number) == payment.fee_id]
            if not owing:
                raise FeeNotFound(patron=patron)
        due = sum(debt.owed for debt in owing)
        if amount > due and self._settings.overpayment != "credit":
            raise PaymentNotDue(patron=patron)
        paid: list[tuple[Debt, int]] = []
        if payment.fee_id is not None:
            part = min(amount, due)
            owing[0].owed -= part
            paid.append((owing[0], part))
            amount -= part
        credit_before = reader.credit
        reader.credit += amount
        paid += shelf.spend_credit(reader)
        return PaymentResult(
            patron=shelf.patron(reader, now),
            transaction_id=str(shelf.number()),
            paid=tuple(
                FeePayment(fee_id=str(debt.number), amount=shelf.money(part)) for debt, part in paid
            ),
            credit=shelf.money(reader.credit - credit_before),
            still_owed=shelf.money(reader.owed),
            currency=shelf.currency,
        )

    # -------------------------------------------------------- cards and items

    async def block(
        self, patron_id: str, *, card_retained: bool, message: str, origin: Origin
    ) -> Patron:
        return self._set_blocked(patron_id, None, True, origin)

    async def enable(self, patron_id: str, *, pin: Secret | None = None, origin: Origin) -> Patron:
        return self._set_blocked(patron_id, pin, False, origin)

    def _set_blocked(
        self, patron_id: str, pin: Secret | None, blocked: bool, origin: Origin
    ) -> Patron:
        if not self._settings.status_update_ok:
            raise NotSupported("terminals may not change what patrons may do")
        now = self._clock()
        self._prove(patron_id, pin, now)
        if first := self._first_result(origin, Patron):
            return first
        reader = self._reader(patron_id)
        reader.blocked = blocked
        return self._remember(origin, self._shelf.patron(reader, now))

    async def status_update(self, item_id: str, item_properties: str, *, origin: Origin) -> Item:
        if first := self._first_result(origin, Item):
            return first
        copy = self._copy(item_id)
        copy.properties = item_properties
        return self._remember(origin, self._shelf.item(copy, self._clock()))

    async def end_patron_session(
        self, patron_id: str, *, pin: Secret | None = None, origin: Origin
    ) -> EndSessionResult:
        if patron_id in self._shelf.readers:
            self._prove(patron_id, pin, self._clock())
        return EndSessionResult()

    async def mark(self, item_id: str, condition: Condition | None, *, origin: Origin) -> Item:
        """Say, as staff, what an item is like. Lost by a patron it costs them its price, until it
        is anything else.

        Raises:
            ItemNotFound: No item has this id.
        """
        copy, now = self._copy(item_id), self._clock()
        loan, was, copy.condition = copy.loan, copy.condition, condition
        copy.latest = Done("mark", origin, now)
        if condition in NOT_LENT:
            self._holds.release(copy)
        if was is Condition.LOST and condition is not Condition.LOST:
            self._forgive(loan)
        if condition is Condition.LOST and was is not Condition.LOST and loan is not None:
            price = self._shelf.rule(loan.reader, copy).replacement_fee
            if copy.price is not None:
                price = self._shelf.money(copy.price)
            loan.replacement = self._shelf.charge(
                loan.reader, FeeType.REPLACEMENT, price, now, copy, copy.title
            )
        return self._shelf.item(copy, now)

    # -------------------------------------------------------- inside

    def _entries(self, reader: Reader, kind: PatronList, now: datetime) -> list[ListEntry]:
        if kind is PatronList.FINES:
            fees = [self._shelf.fee(debt) for debt in reader.owing]
            return [
                ListEntry(item_id=fee.item_id or "", title_id=fee.title_id or "", fee=fee)
                for fee in fees
            ]
        if kind in (PatronList.HOLDS, PatronList.UNAVAILABLE_HOLDS):
            holds = [self._shelf.hold(reader.holds[n]) for n in sorted(reader.holds)]
            return [
                ListEntry(item_id=hold.item_id or "", title_id=hold.title_id, hold=hold)
                for hold in holds
                if hold.ready is (kind is PatronList.HOLDS)
            ]
        if kind is PatronList.RECALLS:
            return []
        loans = [loan_entry(loan) for loan in reader.in_order()]
        if kind is PatronList.CHARGED:
            return loans
        return [entry for entry in loans if entry.due_at is not None and entry.due_at < now]

    def _reader(self, patron_id: str) -> Reader:
        reader = self._shelf.readers.get(patron_id)
        if reader is None:
            raise PatronNotFound
        return reader

    def _copy(self, item_id: str) -> Copy:
        copy = self._shelf.copies.get(item_id)
        if copy is None:
            raise ItemNotFound
        return copy

    def _prove(self, patron_id: str, pin: Secret | None, now: datetime) -> None:
        """Check a PIN, and count the wrong ones whatever becomes of the call.

        Raises:
            PatronNotFound, WrongPIN: Never if none was sent.
        """
        if pin is None:
            return
        reader = self._reader(patron_id)
        known, ignored_from = reader.entry.pin, reader.wrong_pin_at
        if (
            reader.wrong_pins >= _WRONG_PINS
            and ignored_from is not None
            and now < ignored_from + _PINS_IGNORED_FOR
        ):
            raise TooManyWrongPINs
        if not pin.reveal():
            raise WrongPIN
        if known is None or Secret(known) != pin:
            reader.wrong_pins += 1
            reader.wrong_pin_at = now
            raise WrongPIN
        reader.wrong_pins = 0

    def _shown(self, reader: Reader, copy: Copy, now: datetime) -> _Shown:
        return {"patron": self._shelf.patron(reader, now), "item": self._shelf.item(copy, now)}

    # -------------------------------------------------------- done once

    def _first_result(self, origin: Origin, kind: type[_R]) -> _R | None:
        if origin.request_key is None:
            return None
        result = self._results.get((origin.account, origin.request_key))
        return result if isinstance(result, kind) else None

    def _same_again(
        self,
        copy: Copy,
        kind: str,
        reader: Reader | None,
        origin: Origin,
        now: datetime,
        result_kind: type[_R],
    ) -> _R | None:
        """The first result, if a terminal says once more on another connection, and with a new
        time, what it did last with this item."""
        done = copy.latest
        if (
            done is None
            or done.kind != kind
            or not isinstance(done.result, result_kind)
            or (reader is not None and done.reader is not reader)
            or done.origin.account != origin.account
            or done.origin.request_key is None
            or origin.request_key is None
            or origin.connection in (None, done.origin.connection)
            or done.origin.connection is None
            or now - done.at > _WHILE_AT_THE_TERMINAL
        ):
            return None
        return self._remember(origin, done.result)

    def _finish(self, done: Done, copy: Copy, result: _R) -> _R:
        done.result = result
        copy.latest = done
        return self._remember(done.origin, result)

    def _remember(self, origin: Origin, result: _R) -> _R:
        if origin.request_key is not None:
            self._results[origin.account, origin.request_key] = result
        return result
