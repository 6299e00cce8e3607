"""The port's methods that change something. Each finds whom and what it is about, has it done,
and keeps the result."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from bibliobus.ils import (
    CheckinResult,
    CheckoutResult,
    EndSessionResult,
    FeeType,
    HoldResult,
    HoldType,
    Item,
    ItemNotFound,
    ListEntry,
    NotSupported,
    Origin,
    Patron,
    PaymentResult,
    Refused,
    RenewAllResult,
    Secret,
    Unrenewed,
)
from bibliobus.ils.library import Condition
from bibliobus.ils.records import Record
from bibliobus.testing.memory import (
    conditions,
    fees,
    holds,
    loans,
    placing,
    shown,
    taking_back,
    undoing,
)
from bibliobus.testing.memory.pins import prove
from bibliobus.testing.memory.reading import LibraryToRead
from bibliobus.testing.memory.state import Done, KeptItem, KeptPatron

_R = TypeVar("_R", bound=Record)


class MemoryILS(LibraryToRead):
    """One institution's patrons, items, loans, holds and fees. See `bibliobus.ils.ILS`."""

    # -------------------------------------------------------- loans

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
        if first := self._begun(CheckoutResult, origin, patron_id, None if no_block else pin):
            return first
        state = self._state
        patron, item = state.patron(patron_id), state.item(item_id)
        if not no_block and (
            first := self._again(CheckoutResult, "checkout", origin, item, patron)
        ):
            return first
        with holds.settled(state, item.title):
            if no_block:
                lent = loans.lend_off_line(
                    state, patron, item, origin.transaction_at, no_block_due_at
                )
            else:
                lent = loans.lend(
                    state, patron, item,
                    renewal_allowed=renewal_allowed, fee_acknowledged=fee_acknowledged,
                )  # fmt: skip
        item.note(item_properties)
        result = loans.result(state, patron, item, lent)
        done = Done("checkout", origin, state.now, patron, lent.undo, result)
        item.latest = None if no_block else done
        return self._state.results.keep(origin, result)

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
        if first := self._begun(CheckoutResult, origin, patron_id, None if no_block else pin):
            return first
        state = self._state
        patron, item = state.patron(patron_id), self._item_named(item_id)
        item = item or loans.item_of_title(state, patron, title_id)
        if not no_block and (first := self._again(CheckoutResult, "renew", origin, item, patron)):
            return first
        with holds.settled(state, item.title):
            loan = loans.loan_to_renew(state, patron, item, third_party=third_party)
            if no_block:
                lent = loans.renew_off_line(state, loan, no_block_due_at, origin.transaction_at)
            else:
                lent = loans.renew(state, loan, patron, fee_acknowledged=fee_acknowledged)
        item.note(item_properties)
        result = loans.result(state, patron, item, lent)
        done = Done("renew", origin, state.now, patron, lent.undo, result)
        item.latest = None if no_block else done
        return self._state.results.keep(origin, result)

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
        if first := self._begun(RenewAllResult, origin, patron_id, pin):
            return first
        state, patron = self._state, self._state.patron(patron_id)
        renewed: list[ListEntry] = []
        unrenewed: list[Unrenewed] = []
        for loan in patron.loans_in_order():
            holds.settle(state, loan.item.title)
            try:
                lent = loans.renew(state, loan, patron, fee_acknowledged=fee_acknowledged)
            except Refused as refused:
                unrenewed.append(loans.unrenewed(loan, refused))
            else:
                renewed.append(shown.loan_entry(loan))
                loan.item.latest = Done("renew all", origin, state.now, patron, lent.undo)
        result = RenewAllResult(
            patron=shown.patron(state, patron), renewed=tuple(renewed), unrenewed=tuple(unrenewed)
        )
        return self._state.results.keep(origin, result)

    async def checkin(
        self,
        item_id: str,
        *,
        returned_at: datetime | None = None,
        current_location: str | None = None,
        item_properties: str | None = None,
        no_block: bool = False,
        capture_holds: bool = True,
        patron_id: str | None = None,
        origin: Origin,
    ) -> CheckinResult:
        if not self._settings.checkin_ok and not no_block:
            raise NotSupported("taking back is switched off")
        if first := self._begun(CheckinResult, origin):
            return first
        state, item = self._state, self._state.item(item_id)
        place = current_location or origin.location
        if not no_block and taking_back.is_still_so(item, place):
            first = self._again(CheckinResult, "checkin", origin, item)
            if first is not None:
                return first
        branch_of = state.policies.branch_of
        branch = branch_of(current_location) or branch_of(origin.location)
        with holds.settled(state, item.title):
            if no_block:
                came_back = returned_at or origin.transaction_at
                taken = taking_back.take_off_line(
                    state, item, came_back, branch, capture=capture_holds
                )
            else:
                taken = taking_back.take(state, item, returned_at, branch, capture=capture_holds)
        item.note(item_properties)
        item.location = item.location if place is None else place
        result = taking_back.result(state, item, taken, branch)
        done = Done("checkin", origin, state.now, taken.patron, taken.undo, result)
        item.latest = None if no_block else done
        return self._state.results.keep(origin, result)

    async def undo_checkout(
        self, item_id: str, *, patron_id: str | None = None, origin: Origin
    ) -> CheckinResult:
        if first := self._begun(CheckinResult, origin):
            return first
        item = self._state.item(item_id)
        with holds.settled(self._state, item.title):
            result = undoing.undo_checkout(self._state, item, patron_id, origin)
        return self._state.results.keep(origin, result)

    async def undo_checkin(
        self, item_id: str, *, patron_id: str | None = None, origin: Origin
    ) -> CheckoutResult:
        if first := self._begun(CheckoutResult, origin):
            return first
        item = self._state.item(item_id)
        with holds.settled(self._state, item.title):
            result = undoing.undo_checkin(self._state, item, patron_id, origin)
        return self._state.results.keep(origin, result)

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
        if first := self._begun(HoldResult, origin, patron_id, pin):
            return first
        patron, item = self._state.patron(patron_id), self._item_named(item_id)
        if item is None and hold_type is HoldType.SPECIFIC_COPY:
            raise ItemNotFound
        title = item.title if item else placing.title_named(self._state, title_id)
        with holds.settled(self._state, title):
            result = placing.add(
                self._state, patron, title, item, hold_type=hold_type,
                pickup_location=pickup_location, terminal_location=origin.location,
                expires_at=expires_at, fee_acknowledged=fee_acknowledged,
            )  # fmt: skip
        return self._state.results.keep(origin, result)

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
        if first := self._begun(HoldResult, origin, patron_id, pin):
            return first
        patron = self._state.patron(patron_id)
        titles = placing.titles_meant(self._state, item_id, title_id)
        with holds.settled(self._state, *titles):
            hold = placing.held(self._state, patron, titles)
            result = placing.alter(
                self._state, hold, self._item_named(item_id), hold_type=hold_type,
                pickup_location=pickup_location, expires_at=expires_at,
                suspended_until=suspended_until,
            )  # fmt: skip
        return self._state.results.keep(origin, result)

    async def cancel_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        if first := self._begun(HoldResult, origin, patron_id, pin):
            return first
        patron = self._state.patron(patron_id)
        titles = placing.titles_meant(self._state, item_id, title_id)
        with holds.settled(self._state, *titles):
            hold = placing.held(self._state, patron, titles)
            result = placing.cancel(self._state, hold, self._item_named(item_id))
        return self._state.results.keep(origin, result)

    async def sweep(self) -> None:
        """End every hold that waited, or whose item stood on the hold shelf, for too long."""
        self._state.tick()
        for title in self._state.titles.values():
            holds.settle(self._state, title)

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
        credit_ok: bool = True,
        pin: Secret | None = None,
        origin: Origin,
    ) -> PaymentResult:
        if first := self._begun(PaymentResult, origin, patron_id, pin):
            return first
        patron = self._state.patron(patron_id)
        payment = fees.payment(self._state, patron, amount, currency, fee_id, payment_type)
        if transaction_id is None:
            result = fees.pay(self._state, payment, credit_ok=credit_ok)
        else:
            key = origin.account, transaction_id
            result = fees.pay_once(self._state, payment, key, credit_ok=credit_ok)
        return self._state.results.keep(origin, result)

    # -------------------------------------------------------- cards and items

    async def block(
        self, patron_id: str, *, card_retained: bool, message: str, origin: Origin
    ) -> Patron:
        return self._set_blocked(patron_id, None, True, origin)

    async def enable(self, patron_id: str, *, pin: Secret | None = None, origin: Origin) -> Patron:
        return self._set_blocked(patron_id, pin, False, origin)

    async def status_update(self, item_id: str, item_properties: str, *, origin: Origin) -> Item:
        if first := self._begun(Item, origin):
            return first
        item = self._state.item(item_id)
        holds.settle(self._state, item.title)
        item.note(item_properties)
        return self._state.results.keep(origin, shown.item(self._state, item))

    async def end_patron_session(
        self, patron_id: str, *, pin: Secret | None = None, origin: Origin
    ) -> EndSessionResult:
        self._state.tick()
        if patron_id in self._state.patrons:
            prove(self._state, patron_id, pin)
        return EndSessionResult()

    async def mark(self, item_id: str, condition: Condition | None, *, origin: Origin) -> Item:
        """Say, as staff, what an item is like. Lost by a patron it costs them its price, until it
        is anything else.

        Raises:
            ItemNotFound: No item has this id.
        """
        self._state.tick()
        item = self._state.item(item_id)
        holds.settle(self._state, item.title)
        conditions.mark(self._state, item, condition)
        return shown.item(self._state, item)

    # -------------------------------------------------------- what calls have in common

    def _begun(
        self, kind: type[_R], origin: Origin, patron_id: str = "", pin: Secret | None = None
    ) -> _R | None:
        """A transaction begins, if the PIN is right: its result, if it was done before."""
        self._state.tick()
        prove(self._state, patron_id, pin)
        return self._state.results.of(origin, kind)

    def _set_blocked(
        self, patron_id: str, pin: Secret | None, blocked: bool, origin: Origin
    ) -> Patron:
        if not self._settings.status_update_ok:
            raise NotSupported("terminals may not change what patrons may do")
        if first := self._begun(Patron, origin, patron_id, pin):
            return first
        patron = self._state.patron(patron_id)
        patron.blocked = blocked
        return self._state.results.keep(origin, shown.patron(self._state, patron))

    def _item_named(self, item_id: str | None) -> KeptItem | None:
        return None if item_id is None else self._state.item(item_id)

    def _again(
        self,
        kind: type[_R],
        what: str,
        origin: Origin,
        item: KeptItem,
        patron: KeptPatron | None = None,
    ) -> _R | None:
        """The result of the same transaction, if it was the latest with this item."""
        done, state = item.latest, self._state
        if done is None or done.kind != what or patron not in (None, done.patron):
            return None
        if not isinstance(done.result, kind) or not done.is_repeated_by(origin, state.now):
            return None
        return state.results.keep(origin, done.result)
