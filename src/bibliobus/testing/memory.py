"""An ILS in memory: the port's promises in the fewest words, and nothing that lasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from bibliobus.ils import (
    AlreadyOnLoan,
    BlockedAtTerminal,
    CardExpired,
    CardLost,
    CheckinResult,
    CheckoutResult,
    CirculationStatus,
    EndSessionResult,
    Item,
    ItemNotFound,
    ListEntry,
    LoanLimitReached,
    NotOnLoan,
    NotSupported,
    Origin,
    Patron,
    PatronBlocked,
    PatronList,
    PatronNotFound,
    RenewAllResult,
    RenewalNotAllowed,
    Secret,
    Unrenewed,
    WrongPIN,
)
from bibliobus.ils.library import InstitutionSettings, ItemEntry, Library, PatronEntry
from bibliobus.ils.records import Record

_R = TypeVar("_R", bound=Record)


@dataclass(slots=True)
class _Loan:
    patron: str
    item: str
    lent_at: datetime
    due_at: datetime
    renewals: int = 0


@dataclass(slots=True)
class _Shelf:
    """What one institution has."""

    patrons: dict[str, PatronEntry] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)  # patrons, by a terminal
    items: dict[str, Item] = field(default_factory=dict)
    loans: dict[str, _Loan] = field(default_factory=dict)  # by item
    loans_of: dict[str, dict[str, _Loan]] = field(default_factory=dict)  # by patron, by item
    results: dict[tuple[str | None, bytes], Record] = field(default_factory=dict)


class MemoryILS:
    """One institution's patrons, items and loans in dictionaries. See `bibliobus.ils.ILS`."""

    def __init__(
        self,
        institution: str,
        settings: InstitutionSettings | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._institution = institution
        self._settings = settings or InstitutionSettings()
        self._zone = ZoneInfo(self._settings.time_zone)
        self._clock = clock
        self._shelf = _Shelf()

    def load(self, library: Library) -> None:
        """Add what `library` has for this institution."""
        ours = library.of(self._institution)
        for patron in ours.patrons:
            self._shelf.patrons[patron.id] = patron
        for item in ours.items:
            self._shelf.items[item.id] = _item(item)
        for loan in ours.loans:
            self._lend(_Loan(loan.patron, loan.item, loan.lent_at, loan.due_at))

    # -------------------------------------------------------- capabilities

    def supports(self, operation: str) -> bool:
        if operation in ("block patron", "patron enable"):
            return self._settings.status_update_ok
        return operation in {
            "patron status request", "patron information", "end patron session", "checkout",
            "checkin", "item information", "item status update", "renew", "renew all",
            "magnetic media",
        }  # fmt: skip

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
        entry = self._shelf.patrons.get(patron_id)
        return None if entry is None else self._patron(entry)

    async def find_item(self, item_id: str) -> Item | None:
        return self._shelf.items.get(item_id)

    async def check_password(self, patron_id: str, pin: Secret) -> bool:
        entry = self._shelf.patrons.get(patron_id)
        return entry is not None and entry.pin is not None and Secret(entry.pin) == pin

    async def patron_list(
        self, patron_id: str, kind: PatronList, start: int = 1, end: int | None = None
    ) -> Sequence[ListEntry]:
        if patron_id not in self._shelf.patrons:
            raise PatronNotFound
        loans = sorted(
            self._shelf.loans_of.get(patron_id, {}).values(), key=lambda x: (x.due_at, x.item)
        )
        if kind is PatronList.OVERDUE:
            loans = [loan for loan in loans if loan.due_at < self._clock()]
        elif kind is not PatronList.CHARGED:
            loans = []
        return [
            ListEntry(
                item_id=loan.item,
                title_id=self._shelf.items[loan.item].title_id,
                due_at=loan.due_at,
            )
            for loan in loans[max(start, 1) - 1 : end]
        ]

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
        if isinstance(first := self._first_result(origin), CheckoutResult):
            return first
        now = self._clock()
        entry = await self._proven(patron_id, None if no_block else pin)
        item = self._shelf.items.get(item_id)
        if item is None:
            raise ItemNotFound
        loan = self._shelf.loans.get(item_id)
        renewal = False
        if no_block:
            lent_at = min(origin.transaction_at or now, now)
            due_at = no_block_due_at or self._due_at(lent_at)
            if loan is None or lent_at >= loan.lent_at:
                if loan is not None:
                    self._end(loan)
                self._lend(_Loan(patron_id, item_id, lent_at, due_at))
        elif blocks := self._blocks(entry):
            raise type(blocks[0])(patron=self._patron(entry), item=item, also=tuple(blocks[1:]))
        elif loan is not None:
            if loan.patron != entry.id or not renewal_allowed:
                raise AlreadyOnLoan(patron=self._patron(entry), item=item)
            due_at, renewal = self._renew(loan), True
        else:
            if self._patron(entry).too_many_charged:
                raise LoanLimitReached(patron=self._patron(entry), item=item)
            due_at = self._due_at(now)
            self._lend(_Loan(patron_id, item_id, now, due_at))
        self._keep(item_id, properties=item_properties)
        result = CheckoutResult(
            patron=self._patron(entry),
            item=self._shelf.items[item_id],
            due_at=due_at,
            renewal_ok=renewal,
            desensitize=not renewal and not item.magnetic,
        )
        return self._remember(origin, result)

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
        if isinstance(first := self._first_result(origin), CheckinResult):
            return first
        item = self._shelf.items.get(item_id)
        if item is None:
            raise ItemNotFound
        loan = self._shelf.loans.get(item_id)
        if loan is None and not no_block:
            raise NotOnLoan(item=item)
        returned_at = returned_at or origin.transaction_at or self._clock()
        if loan is not None and no_block and returned_at < loan.lent_at:
            loan = None  # it has gone out again since, and that loan stays
        if loan is not None:
            self._end(loan)
        self._keep(
            item_id, location=current_location or origin.location, properties=item_properties
        )
        result = CheckinResult(
            item=self._shelf.items[item_id],
            patron=None if loan is None else self._patron(self._shelf.patrons[loan.patron]),
            resensitize=not item.magnetic,
        )
        return self._remember(origin, result)

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
        if isinstance(first := self._first_result(origin), CheckoutResult):
            return first
        entry = await self._proven(patron_id, None if no_block else pin)
        patron = self._patron(entry)
        if item_id is None:
            of_title = [
                loan
                for loan in self._shelf.loans_of.get(patron_id, {}).values()
                if self._shelf.items[loan.item].title_id == title_id
            ]
            if not of_title:
                raise NotOnLoan(patron=patron)
            item_id = min(of_title, key=lambda loan: loan.due_at).item
        item = self._shelf.items.get(item_id)
        if item is None:
            raise ItemNotFound
        loan = self._shelf.loans.get(item_id)
        if loan is None:
            raise NotOnLoan(patron=patron, item=item)
        if loan.patron != patron_id and not third_party:
            raise AlreadyOnLoan(patron=patron, item=item)
        due_at = self._renew(loan, no_block=no_block, due_at=no_block_due_at if no_block else None)
        self._keep(item_id, properties=item_properties)
        result = CheckoutResult(
            patron=patron,
            item=self._shelf.items[item_id],
            due_at=due_at,
            renewal_ok=True,
            desensitize=False,
        )
        return self._remember(origin, result)

    async def renew_all(
        self, patron_id: str, *, pin: Secret | None = None, origin: Origin
    ) -> RenewAllResult:
        if isinstance(first := self._first_result(origin), RenewAllResult):
            return first
        entry = await self._proven(patron_id, pin)
        renewed: list[ListEntry] = []
        unrenewed: list[Unrenewed] = []
        for loan in list(self._shelf.loans_of.get(patron_id, {}).values()):
            title_id = self._shelf.items[loan.item].title_id
            try:
                due_at = self._renew(loan)
            except RenewalNotAllowed as refused:
                unrenewed.append(
                    Unrenewed(
                        item_id=loan.item,
                        title_id=title_id,
                        reason=refused.reason,
                        screen_message=str(refused),
                    )
                )
            else:
                renewed.append(ListEntry(item_id=loan.item, title_id=title_id, due_at=due_at))
        result = RenewAllResult(
            patron=self._patron(entry), renewed=tuple(renewed), unrenewed=tuple(unrenewed)
        )
        return self._remember(origin, result)

    async def block(
        self, patron_id: str, *, card_retained: bool, message: str, origin: Origin
    ) -> Patron:
        return await self._set_blocked(patron_id, None, True, origin)

    async def enable(self, patron_id: str, *, pin: Secret | None = None, origin: Origin) -> Patron:
        return await self._set_blocked(patron_id, pin, False, origin)

    async def status_update(self, item_id: str, item_properties: str, *, origin: Origin) -> Item:
        if isinstance(first := self._first_result(origin), Item):
            return first
        if item_id not in self._shelf.items:
            raise ItemNotFound
        self._keep(item_id, properties=item_properties)
        return self._remember(origin, self._shelf.items[item_id])

    async def end_patron_session(
        self, patron_id: str, *, pin: Secret | None = None, origin: Origin
    ) -> EndSessionResult:
        known = patron_id in self._shelf.patrons
        if known and pin is not None and not await self.check_password(patron_id, pin):
            raise WrongPIN
        return EndSessionResult()

    # -------------------------------------------------------- inside

    async def _set_blocked(
        self, patron_id: str, pin: Secret | None, blocked: bool, origin: Origin
    ) -> Patron:
        if not self._settings.status_update_ok:
            raise NotSupported("terminals may not change what patrons may do")
        if isinstance(first := self._first_result(origin), Patron):
            return first
        entry = await self._proven(patron_id, pin)
        change = self._shelf.blocked.add if blocked else self._shelf.blocked.discard
        change(patron_id)
        return self._remember(origin, self._patron(entry))

    async def _proven(self, patron_id: str, pin: Secret | None) -> PatronEntry:
        entry = self._shelf.patrons.get(patron_id)
        if entry is None:
            raise PatronNotFound
        if pin is not None and not await self.check_password(patron_id, pin):
            raise WrongPIN
        return entry

    def _first_result(self, origin: Origin) -> Record | None:
        if origin.request_key is None:
            return None
        return self._shelf.results.get((origin.account, origin.request_key))

    def _remember(self, origin: Origin, result: _R) -> _R:
        if origin.request_key is not None:
            self._shelf.results[origin.account, origin.request_key] = result
        return result

    def _patron(self, entry: PatronEntry) -> Patron:
        loans = self._shelf.loans_of.get(entry.id, {})
        blocks = self._blocks(entry)
        unusable = (CardLost, CardExpired, BlockedAtTerminal)
        usable = not any(isinstance(block, unusable) for block in blocks)
        limit = self._settings.loans.loan_limit
        now = self._clock()
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
            charge_ok=not blocks,
            renew_ok=usable and entry.renew_ok,
            recall_ok=usable and entry.recall_ok,
            hold_ok=usable and entry.hold_ok,
            card_lost=entry.card_lost,
            too_many_charged=len(loans) >= limit,
            charged_count=len(loans),
            overdue_count=sum(loan.due_at < now for loan in loans.values()),
            charged_limit=limit,
            screen_messages=(entry.screen_msg,) if entry.screen_msg else (),
        )

    def _blocks(self, entry: PatronEntry) -> list[PatronBlocked]:
        expires = entry.expires_on
        blocks: list[PatronBlocked] = []
        if entry.card_lost:
            blocks.append(CardLost())
        if expires is not None and expires < self._clock().astimezone(self._zone).date():
            blocks.append(CardExpired())
        if entry.id in self._shelf.blocked:
            blocks.append(BlockedAtTerminal())
        if not entry.charge_ok:
            blocks.append(PatronBlocked())
        return blocks

    def _renew(
        self, loan: _Loan, *, no_block: bool = False, due_at: datetime | None = None
    ) -> datetime:
        borrower = self._patron(self._shelf.patrons[loan.patron])
        item = self._shelf.items[loan.item]
        allowed = borrower.renew_ok and loan.renewals < self._settings.loans.renewals
        if not no_block and not allowed:
            raise RenewalNotAllowed(patron=borrower, item=item)
        loan.due_at = max(due_at or self._due_at(self._clock()), loan.due_at)
        loan.renewals += 1
        self._shelf.items[loan.item] = replace(item, due_at=loan.due_at)
        return loan.due_at

    def _lend(self, loan: _Loan) -> None:
        self._shelf.loans[loan.item] = loan
        self._shelf.loans_of.setdefault(loan.patron, {})[loan.item] = loan
        self._shelf.items[loan.item] = replace(
            self._shelf.items[loan.item],
            circulation_status=CirculationStatus.CHARGED,
            due_at=loan.due_at,
        )

    def _end(self, loan: _Loan) -> None:
        del self._shelf.loans[loan.item]
        del self._shelf.loans_of[loan.patron][loan.item]
        self._shelf.items[loan.item] = replace(
            self._shelf.items[loan.item],
            circulation_status=CirculationStatus.AVAILABLE,
            due_at=None,
        )

    def _keep(
        self, item_id: str, *, location: str | None = None, properties: str | None = None
    ) -> None:
        item = self._shelf.items[item_id]
        self._shelf.items[item_id] = replace(
            item,
            current_location=item.current_location if location is None else location,
            item_properties=item.item_properties if properties is None else properties,
        )

    def _due_at(self, lent_at: datetime) -> datetime:
        last_day = lent_at.astimezone(self._zone).date()
        last_day += timedelta(days=self._settings.loans.loan_days)
        return datetime.combine(last_day, time(23, 59, 59), self._zone).astimezone(UTC)


def _item(entry: ItemEntry) -> Item:
    return Item(
        id=entry.id,
        title_id=entry.title,
        media_type=entry.media_type,
        magnetic=entry.magnetic,
        security_marker=None if entry.security_marker is None else int(entry.security_marker),
        permanent_location=entry.permanent_location,
        current_location=entry.current_location,
        owner=entry.owner,
        collection_code=entry.collection_code,
        call_number=entry.call_number,
    )
