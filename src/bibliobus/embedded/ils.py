"""The embedded ILS as the port wants it: each method is one hop to one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from bibliobus.database import Conflict, Database, DatabaseError, Failed, Transaction, Verifier
from bibliobus.embedded import (
    circulation,
    conditions,
    fees,
    holds,
    items,
    patrons,
    placing,
    privacy,
    shelves,
    taking_back,
    undoing,
)
from bibliobus.embedded.call import Call, nowhere
from bibliobus.embedded.patrons import StoredPatron
from bibliobus.embedded.pins import PINs
from bibliobus.embedded.replay import R, once
from bibliobus.ils import (
    CheckinResult,
    CheckoutResult,
    CirculationError,
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
    PatronAccount,
    PatronList,
    PatronNotFound,
    PaymentResult,
    RenewAllResult,
    Secret,
    Unavailable,
    WrongPIN,
)
from bibliobus.ils.library import Condition, InstitutionSettings
from bibliobus.ils.policy import Policies

logger = logging.getLogger(__name__)

T = TypeVar("T")

_NOBODY = Origin(door="")  # of what only reads

_OPERATIONS = frozenset(
    {
        "patron status request", "patron information", "end patron session", "checkout",
        "checkin", "item information", "magnetic media", "renew", "renew all",
        "item status update", "hold", "fee paid", "block patron", "patron enable",
        "offline operation",
    }
)  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


class EmbeddedILS:
    """One institution's patrons, items and loans in a database. See `bibliobus.ils.ILS`."""

    def __init__(
        self,
        institution: str,
        settings: InstitutionSettings,
        database: Database,
        verifier: Verifier,
        clock: Callable[[], datetime] = _now,
        elsewhere: Callable[[Transaction, str, datetime], int] = nowhere,
    ) -> None:
        """Nothing is read yet.

        Args:
            institution: Its id.
            settings: Its policies.
            database: Where its rows are.
            verifier: Hashes and checks PINs.
            clock: What time it is.
            elsewhere: How many loans a patron, by `Patron.internal_id`, has with the institution's
                other lenders, inside a transaction: for the limit over all of them.
        """
        self._institution = institution
        self._settings = settings
        self._policies = Policies(settings)
        self._database = database
        self._clock = clock
        self._elsewhere = elsewhere
        self._pins = PINs(verifier, self._find_patron, self._count_pin, clock)

    # -------------------------------------------------------- capabilities

    def supports(self, operation: str) -> bool:
        return operation in _OPERATIONS and self._settings.allows(operation)

    def check_inst_id(self, institution_id: str, whence: str) -> None:
        if institution_id not in ("", self._institution):
            logger.debug("%s sent for institution %r here", whence, institution_id)

    async def checkin_ok(self) -> bool:
        await self._ready()
        return self._settings.checkin_ok

    async def checkout_ok(self) -> bool:
        await self._ready()
        return self._settings.checkout_ok

    async def status_update_ok(self) -> bool:
        return self._settings.status_update_ok

    async def offline_ok(self) -> bool:
        return self._settings.offline_ok

    # -------------------------------------------------------- what is there

    async def find_patron(self, patron_id: str) -> Patron | None:
        found = await self._find_patron(patron_id)
        if found is None:
            return None
        self._pins.saw(patron_id, found)
        return found.record

    async def find_item(self, item_id: str) -> Item | None:
        found = await self._read(lambda call: items.find(call, item_id))
        return None if found is None else found.record

    def lendable(self, tx: Transaction, titles: Sequence[int]) -> set[int]:
        """Of its titles, by key, those with a copy that can be borrowed at once; inside the
        caller's transaction, as `catalogue.search` wants it."""
        return shelves.lendable(self._call(tx, _NOBODY), titles)

    def room(self, tx: Transaction, patron_id: str) -> int | None:
        """How many more loans a patron may have in all, print and digital; None: no such limit.

        Inside the transaction of whoever else lends, in which nobody lends them anything until it
        ends.

        Raises:
            PatronNotFound: No patron has this id.
        """
        call = self._call(tx, _NOBODY)
        return circulation.room(call, patrons.lock(call, patron_id))

    async def check_password(self, patron_id: str, pin: Secret) -> bool:
        try:
            await self._prove(patron_id, pin)
        except (PatronNotFound, WrongPIN):
            return False
        return True

    async def patron_list(
        self, patron_id: str, kind: PatronList, start: int = 1, end: int | None = None
    ) -> Sequence[ListEntry]:
        def entries(call: Call) -> Sequence[ListEntry]:
            patron = patrons.key_of(call.tx, patron_id)
            return patrons.page(_entries(call, patron, kind), start, end)

        return await self._read(entries)

    async def patron_account(self, patron_id: str) -> PatronAccount:
        def account(call: Call) -> PatronAccount:
            patron = patrons.key_of(call.tx, patron_id)
            return PatronAccount(
                loans=tuple(patrons.loans(call.tx, patron)),
                holds=tuple(holds.of_patron(call.tx, patron)),
                fees=tuple(fees.of_patron(call.tx, patron)),
            )

        return await self._read(account)

    async def hold_queue(self, item_id: str) -> Sequence[str]:
        def queue(call: Call) -> Sequence[str]:
            item = items.find(call, item_id)
            if item is None:
                raise ItemNotFound
            waiting = (patrons.by_key(call, key) for key in holds.queue(call, item.copy))
            return [patron.record.id for patron in waiting if patron is not None]

        return await self._read(queue)

    async def hold_queue_position(self, item_id: str, patron_id: str) -> int:
        queue = list(await self.hold_queue(item_id))
        return queue.index(patron_id) + 1 if patron_id in queue else 0

    async def available(self, item_id: str, patron_id: str) -> bool:
        def available(call: Call) -> bool:
            item, patron = items.find(call, item_id), patrons.find(call, patron_id)
            if item is None:
                raise ItemNotFound
            ptype = None if patron is None else patron.record.ptype
            if not circulation.can_be_lent(item, circulation.rule_for(call, ptype, item)):
                return False
            queue = holds.queue(call, item.copy) if item.active_holds else []
            return not queue or (patron is not None and queue[0] == patron.key)

        return await self._read(available)

    # -------------------------------------------------------- transactions

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
        if no_block:
            return await self._once(
                origin, CheckoutResult,
                lambda call: circulation.checkout_no_block(
                    call, patron_id, item_id,
                    due_at=no_block_due_at, item_properties=item_properties,
                ),
            )  # fmt: skip
        if not self._settings.checkout_ok:
            raise NotSupported("lending is switched off")
        await self._prove(patron_id, pin)
        return await self._once(
            origin, CheckoutResult,
            lambda call: circulation.checkout(
                call, patron_id, item_id, renewal_allowed=renewal_allowed,
                fee_acknowledged=fee_acknowledged, item_properties=item_properties,
            ),
        )  # fmt: skip

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
        return await self._once(
            origin, CheckinResult,
            lambda call: taking_back.checkin(
                call, item_id, returned_at=returned_at, current_location=current_location,
                item_properties=item_properties, no_block=no_block, capture_holds=capture_holds,
            ),
        )  # fmt: skip

    async def undo_checkout(
        self, item_id: str, *, patron_id: str | None = None, origin: Origin
    ) -> CheckinResult:
        return await self._once(
            origin, CheckinResult, lambda call: undoing.undo_checkout(call, item_id, patron_id)
        )

    async def undo_checkin(
        self, item_id: str, *, patron_id: str | None = None, origin: Origin
    ) -> CheckoutResult:
        return await self._once(
            origin, CheckoutResult, lambda call: undoing.undo_checkin(call, item_id, patron_id)
        )

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
        if not no_block:
            self._check_renewing()
            await self._prove(patron_id, pin)
        return await self._once(
            origin, CheckoutResult,
            lambda call: circulation.renew(
                call, patron_id, item_id, title_id=title_id, third_party=third_party,
                no_block=no_block, no_block_due_at=no_block_due_at,
                fee_acknowledged=fee_acknowledged, item_properties=item_properties,
            ),
        )  # fmt: skip

    async def renew_all(
        self,
        patron_id: str,
        *,
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        origin: Origin,
    ) -> RenewAllResult:
        self._check_renewing()
        await self._prove(patron_id, pin)
        return await self._once(
            origin, RenewAllResult,
            lambda call: circulation.renew_all(call, patron_id, fee_acknowledged=fee_acknowledged),
        )  # fmt: skip

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
        await self._prove(patron_id, pin)
        return await self._once(
            origin, HoldResult,
            lambda call: placing.add(
                call, patron_id, item_id=item_id, title_id=title_id, hold_type=hold_type,
                pickup_location=pickup_location, expires_at=expires_at,
                fee_acknowledged=fee_acknowledged,
            ),
        )  # fmt: skip

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
        await self._prove(patron_id, pin)
        return await self._once(
            origin, HoldResult,
            lambda call: placing.alter(
                call, patron_id, item_id=item_id, title_id=title_id, hold_type=hold_type,
                pickup_location=pickup_location, expires_at=expires_at,
                suspended_until=suspended_until,
            ),
        )  # fmt: skip

    async def cancel_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        await self._prove(patron_id, pin)
        return await self._once(
            origin, HoldResult,
            lambda call: placing.cancel(call, patron_id, item_id=item_id, title_id=title_id),
        )  # fmt: skip

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
        await self._prove(patron_id, pin)
        return await self._once(
            origin, PaymentResult,
            lambda call: fees.pay(
                call, patron_id, amount, currency, fee_type=fee_type, payment_type=payment_type,
                fee_id=fee_id, transaction_id=transaction_id, credit_ok=credit_ok,
            ),
        )  # fmt: skip

    async def block(
        self, patron_id: str, *, card_retained: bool, message: str, origin: Origin
    ) -> Patron:
        self._check_status_update()
        return await self._once(
            origin, Patron,
            lambda call: patrons.block(
                call, patron_id, card_retained=card_retained, message=message
            ),
        )  # fmt: skip

    async def enable(self, patron_id: str, *, pin: Secret | None = None, origin: Origin) -> Patron:
        self._check_status_update()
        await self._prove(patron_id, pin)
        return await self._once(origin, Patron, lambda call: patrons.enable(call, patron_id))

    async def status_update(self, item_id: str, item_properties: str, *, origin: Origin) -> Item:
        return await self._once(
            origin, Item, lambda call: items.status_update(call, item_id, item_properties)
        )

    async def end_patron_session(
        self, patron_id: str, *, pin: Secret | None = None, origin: Origin
    ) -> EndSessionResult:
        if pin is not None and await self._find_patron(patron_id) is not None:
            await self._prove(patron_id, pin)
        return EndSessionResult()

    # -------------------------------------------------------- beyond the port

    async def mark(self, item_id: str, condition: Condition | None, *, origin: Origin) -> Item:
        """Give an item a condition, or none. See `conditions.mark`."""
        return await self._once(
            origin, Item, lambda call: conditions.mark(call, item_id, condition)
        )

    async def sweep(self) -> None:
        """Do what time brings: end holds whose time is over and pass on what waited for them, a
        title at a time, and forget who read what."""
        for title in await self._read(lambda call: list(holds.titles_to_settle(call))):
            await self._write(lambda call, title=title: holds.lock_title(call, title))  # type: ignore[misc]
        while await self._write(privacy.forget):
            pass

    # -------------------------------------------------------- the hop

    async def _ready(self) -> None:
        try:
            await self._database.ready()
        except DatabaseError as error:
            raise Unavailable(str(error), may_stand=False) from error

    def _check_renewing(self) -> None:
        if not self._settings.renewal_ok:
            raise NotSupported("renewing is switched off")

    def _check_status_update(self) -> None:
        if not self._settings.status_update_ok:
            raise NotSupported("terminals may not change what patrons may do")

    async def _prove(self, patron_id: str, pin: Secret | None) -> None:
        """Check the PIN, if one was sent, before the transaction, as it may take 20 ms."""
        if pin is not None:
            try:
                await self._pins.prove(patron_id, pin)
            except DatabaseError as error:
                raise Unavailable(str(error), may_stand=False) from error

    async def _find_patron(self, patron_id: str) -> StoredPatron | None:
        return await self._read(lambda call: patrons.find(call, patron_id))

    async def _count_pin(self, patron: int, right: bool) -> None:
        count = patrons.forget_wrong_pins if right else patrons.count_wrong_pin
        await self._write(lambda call: count(call, patron))

    async def _once(self, origin: Origin, result_type: type[R], work: Callable[[Call], R]) -> R:
        return await self._write(lambda call: once(call, result_type, work), origin)

    def _call(self, tx: Transaction, origin: Origin) -> Call:
        return Call(tx, self._policies, origin, self._clock, self._elsewhere)

    async def _read(self, work: Callable[[Call], T]) -> T:
        def run(tx: Transaction) -> T:
            return work(self._call(tx, _NOBODY))

        try:
            return await self._database.read(run, self._institution)
        except CirculationError:
            raise
        except DatabaseError as error:
            raise Unavailable(str(error), may_stand=False) from error
        except Exception as fault:
            raise _fault_of_ours(fault) from fault

    async def _write(self, work: Callable[[Call], T], origin: Origin = _NOBODY) -> T:
        def run(tx: Transaction) -> T:
            return work(self._call(tx, origin))

        try:
            try:
                return await self._database.write(run, self._institution)
            except Conflict:  # somebody else wrote the same a moment before: now it can be seen
                return await self._database.write(run, self._institution)
        except CirculationError:
            raise
        except DatabaseError as error:
            may_stand = isinstance(error, Failed) and error.may_stand
            raise Unavailable(str(error), may_stand=may_stand) from error
        except Exception as fault:
            raise _fault_of_ours(fault) from fault


def _fault_of_ours(fault: Exception) -> Unavailable:
    logger.exception("a transaction was rolled back by a fault of ours")
    return Unavailable(f"a fault of ours, {type(fault).__name__}", may_stand=False)


def _entries(call: Call, patron: int, kind: PatronList) -> Sequence[ListEntry]:
    """All entries of one of a patron's lists."""
    if kind in (PatronList.CHARGED, PatronList.OVERDUE):
        return [
            ListEntry(item_id=loan.item_id, title_id=loan.title_id, due_at=loan.due_at)
            for loan in patrons.loans(call.tx, patron)
            if kind is PatronList.CHARGED or loan.due_at < call.now
        ]
    if kind in (PatronList.HOLDS, PatronList.UNAVAILABLE_HOLDS):
        return [
            ListEntry(item_id=hold.item_id or "", title_id=hold.title_id, hold=hold)
            for hold in holds.of_patron(call.tx, patron)
            if hold.ready is (kind is PatronList.HOLDS)
        ]
    if kind is PatronList.FINES:
        return [
            ListEntry(item_id=fee.item_id or "", title_id=fee.title_id or "", fee=fee)
            for fee in fees.of_patron(call.tx, patron)
        ]
    return ()  # nothing is recalled here
