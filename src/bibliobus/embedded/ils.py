"""The embedded ILS as the port wants it: each method is one hop to one transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from bibliobus.database import Database, DatabaseError, Failed, Transaction, Verifier
from bibliobus.embedded import circulation, items, patrons
from bibliobus.embedded.patrons import StoredPatron
from bibliobus.embedded.replay import once
from bibliobus.ils import (
    CheckinResult,
    CheckoutResult,
    CirculationError,
    EndSessionResult,
    Item,
    ListEntry,
    NotSupported,
    Origin,
    Patron,
    PatronList,
    PatronNotFound,
    RenewAllResult,
    Secret,
    Unavailable,
    WrongPIN,
)
from bibliobus.ils.library import InstitutionSettings

logger = logging.getLogger(__name__)

T = TypeVar("T")

SEEN_FOR = 1.0  # seconds
SEEN_AT_MOST = 1_000  # patrons

_OPERATIONS = frozenset(
    {
        "patron status request", "patron information", "end patron session", "checkout",
        "checkin", "item information", "magnetic media", "renew", "renew all", "item status update",
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
    ) -> None:
        self._institution = institution
        self._settings = settings
        self._policy = settings.loans
        self._zone = ZoneInfo(settings.time_zone)
        self._database = database
        self._verifier = verifier
        self._clock = clock
        self._seen: dict[str, tuple[float, StoredPatron]] = {}

    # -------------------------------------------------------- capabilities

    def supports(self, operation: str) -> bool:
        if operation in ("block patron", "patron enable"):
            return self._settings.status_update_ok
        return operation in _OPERATIONS

    def check_inst_id(self, institution_id: str, whence: str) -> None:
        if institution_id not in ("", self._institution):
            logger.debug("%s sent for institution %r here", whence, institution_id)

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
        found = await self._find_patron(patron_id)
        return None if found is None else found.record

    async def find_item(self, item_id: str) -> Item | None:
        found = await self._read(lambda tx: items.find(tx, item_id))
        return None if found is None else found.record

    async def check_password(self, patron_id: str, pin: Secret) -> bool:
        found = await self._patron_just_seen(patron_id)
        return await self._verifier.matches(pin, None if found is None else found.pin_hash)

    async def patron_list(
        self, patron_id: str, kind: PatronList, start: int = 1, end: int | None = None
    ) -> Sequence[ListEntry]:
        now = self._clock()
        return await self._read(lambda tx: patrons.entries(tx, patron_id, kind, start, end, now))

    # -------------------------------------------------------- transactions

    async def checkout(
        self,
        patron_id: str,
        item_id: str,
        *,
        renewal_allowed: bool = False,
        no_block: bool = False,
        no_block_due_at: datetime | None = None,
        pin: Secret | None = None,
        item_properties: str | None = None,
        origin: Origin,
    ) -> CheckoutResult:
        if not self._settings.checkout_ok and not no_block:
            raise NotSupported("lending is switched off")
        if pin is not None and not no_block:
            await self._prove(patron_id, pin)
        now = self._clock()

        def work(tx: Transaction) -> CheckoutResult:
            if no_block:
                return circulation.checkout_no_block(
                    tx, self._policy, self._zone, patron_id, item_id,
                    due_at=no_block_due_at, item_properties=item_properties,
                    origin=origin, now=now,
                )  # fmt: skip
            return circulation.checkout(
                tx, self._policy, self._zone, patron_id, item_id,
                renewal_allowed=renewal_allowed, item_properties=item_properties,
                origin=origin, now=now,
            )  # fmt: skip

        return await self._write(lambda tx: once(tx, origin, now, CheckoutResult, lambda: work(tx)))

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
        now = self._clock()

        def work(tx: Transaction) -> CheckinResult:
            return circulation.checkin(
                tx, self._policy, self._zone, item_id, no_block=no_block,
                returned_at=returned_at, current_location=current_location,
                item_properties=item_properties, origin=origin, now=now,
            )  # fmt: skip

        return await self._write(lambda tx: once(tx, origin, now, CheckinResult, lambda: work(tx)))

    async def renew(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        third_party: bool = False,
        no_block: bool = False,
        no_block_due_at: datetime | None = None,
        pin: Secret | None = None,
        item_properties: str | None = None,
        origin: Origin,
    ) -> CheckoutResult:
        if not self._settings.renewal_ok and not no_block:
            raise NotSupported("renewing is switched off")
        if pin is not None and not no_block:
            await self._prove(patron_id, pin)
        now = self._clock()

        def work(tx: Transaction) -> CheckoutResult:
            return circulation.renew(
                tx, self._policy, self._zone, patron_id, item_id,
                title_id=title_id, third_party=third_party, no_block=no_block,
                no_block_due_at=no_block_due_at, item_properties=item_properties,
                origin=origin, now=now,
            )  # fmt: skip

        return await self._write(lambda tx: once(tx, origin, now, CheckoutResult, lambda: work(tx)))

    async def renew_all(
        self, patron_id: str, *, pin: Secret | None = None, origin: Origin
    ) -> RenewAllResult:
        if not self._settings.renewal_ok:
            raise NotSupported("renewing is switched off")
        if pin is not None:
            await self._prove(patron_id, pin)
        now = self._clock()

        def work(tx: Transaction) -> RenewAllResult:
            return circulation.renew_all(
                tx, self._policy, self._zone, patron_id, origin=origin, now=now
            )

        return await self._write(lambda tx: once(tx, origin, now, RenewAllResult, lambda: work(tx)))

    async def block(
        self, patron_id: str, *, card_retained: bool, message: str, origin: Origin
    ) -> Patron:
        self._check_status_update()
        now = self._clock()

        def work(tx: Transaction) -> Patron:
            return circulation.block(
                tx, self._policy, self._zone, patron_id,
                card_retained=card_retained, message=message, origin=origin, now=now,
            )  # fmt: skip

        return await self._write(lambda tx: once(tx, origin, now, Patron, lambda: work(tx)))

    async def enable(self, patron_id: str, *, pin: Secret | None = None, origin: Origin) -> Patron:
        self._check_status_update()
        if pin is not None:
            await self._prove(patron_id, pin)
        now = self._clock()

        def work(tx: Transaction) -> Patron:
            return circulation.enable(
                tx, self._policy, self._zone, patron_id, origin=origin, now=now
            )

        return await self._write(lambda tx: once(tx, origin, now, Patron, lambda: work(tx)))

    async def status_update(self, item_id: str, item_properties: str, *, origin: Origin) -> Item:
        now = self._clock()

        def work(tx: Transaction) -> Item:
            return circulation.status_update(tx, item_id, item_properties, origin=origin, now=now)

        return await self._write(lambda tx: once(tx, origin, now, Item, lambda: work(tx)))

    def _check_status_update(self) -> None:
        if not self._settings.status_update_ok:
            raise NotSupported("terminals may not change what patrons may do")

    async def end_patron_session(
        self, patron_id: str, *, pin: Secret | None = None, origin: Origin
    ) -> EndSessionResult:
        if pin is not None and await self._find_patron(patron_id) is not None:
            await self._prove(patron_id, pin)
        return EndSessionResult()

    # -------------------------------------------------------- the hop

    async def _prove(self, patron_id: str, pin: Secret) -> None:
        """Check the PIN before the transaction, as it may take 20 ms.

        Raises:
            PatronNotFound, WrongPIN
        """
        found = await self._patron_just_seen(patron_id)
        right = await self._verifier.matches(pin, None if found is None else found.pin_hash)
        if found is None:
            raise PatronNotFound
        if not right:
            raise WrongPIN

    async def _find_patron(self, patron_id: str) -> StoredPatron | None:
        now = self._clock()
        found = await self._read(
            lambda tx: patrons.find(tx, self._policy, self._zone, patron_id, now)
        )
        if found is not None:
            if len(self._seen) >= SEEN_AT_MOST:
                self._seen.clear()
            self._seen[patron_id] = (time.monotonic(), found)
        return found

    async def _patron_just_seen(self, patron_id: str) -> StoredPatron | None:
        """As last read, if that was within a second: a door that finds a patron has their PIN
        checked next, and need not make the hop twice. A changed PIN is known a second later."""
        seen_at, found = self._seen.pop(patron_id, (0.0, None))
        if found is not None and time.monotonic() - seen_at < SEEN_FOR:
            return found
        return await self._find_patron(patron_id)

    async def _read(self, work: Callable[[Transaction], T]) -> T:
        try:
            return await self._database.read(work, self._institution)
        except DatabaseError as error:
            raise Unavailable(str(error), may_stand=False) from error

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        try:
            return await self._database.write(work, self._institution)
        except CirculationError:
            raise
        except DatabaseError as error:
            may_stand = isinstance(error, Failed) and error.may_stand
            raise Unavailable(str(error), may_stand=may_stand) from error
        except Exception as fault:
            logger.exception("a transaction was rolled back by a fault of ours")
            raise Unavailable(
                f"a fault of ours, {type(fault).__name__}", may_stand=False
            ) from fault
