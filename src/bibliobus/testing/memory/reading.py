"""What a `MemoryILS` can be asked without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bibliobus.ils import (
    Item,
    ListEntry,
    Patron,
    PatronAccount,
    PatronList,
    PatronNotFound,
    Secret,
    WrongPIN,
)
from bibliobus.ils.library import InstitutionSettings, Library
from bibliobus.testing.memory import loans, queues, shown
from bibliobus.testing.memory.loading import load
from bibliobus.testing.memory.pins import prove
from bibliobus.testing.memory.state import State

_OPERATIONS = frozenset({
    "patron status request", "patron information", "end patron session", "checkout", "checkin",
    "item information", "item status update", "renew", "renew all", "hold", "fee paid",
    "magnetic media", "block patron", "patron enable", "offline operation",
})  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


class LibraryToRead:
    """One institution's patrons, items, loans, holds and fees, as they are."""

    def __init__(
        self,
        institution: str,
        settings: InstitutionSettings | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._institution = institution
        self._settings = settings or InstitutionSettings()
        self._state = State(self._settings, clock)

    def load(self, library: Library) -> None:
        """Add what `library` has for this institution; what is there already stays as it is.

        Raises:
            ValueError: An amount has more digits than the currency.
        """
        self._state.tick()
        load(self._state, library.of(self._institution))

    # -------------------------------------------------------- what it can do

    def supports(self, operation: str) -> bool:
        return operation in _OPERATIONS and self._settings.allows(operation)

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
        self._state.tick()
        patron = self._state.patrons.get(patron_id)
        return None if patron is None else shown.patron(self._state, patron)

    async def find_item(self, item_id: str) -> Item | None:
        self._state.tick()
        item = self._state.items.get(item_id)
        return None if item is None else shown.item(self._state, item)

    async def check_password(self, patron_id: str, pin: Secret) -> bool:
        self._state.tick()
        try:
            prove(self._state, patron_id, pin)
        except (PatronNotFound, WrongPIN):
            return False
        return True

    async def patron_account(self, patron_id: str) -> PatronAccount:
        return shown.account(self._state, self._state.patron(patron_id))

    async def patron_list(
        self, patron_id: str, kind: PatronList, start: int = 1, end: int | None = None
    ) -> Sequence[ListEntry]:
        self._state.tick()
        entries = shown.entries(self._state, self._state.patron(patron_id), kind)
        return entries[max(start, 1) - 1 : end if end is None else max(end, 0)]

    async def hold_queue(self, item_id: str) -> Sequence[str]:
        self._state.tick()
        queue = queues.queue(self._state, self._state.item(item_id))
        return [hold.patron.entry.id for hold in queue]

    async def hold_queue_position(self, item_id: str, patron_id: str) -> int:
        queue = await self.hold_queue(item_id)
        return queue.index(patron_id) + 1 if patron_id in queue else 0

    async def available(self, item_id: str, patron_id: str) -> bool:
        self._state.tick()
        item, patron = self._state.item(item_id), self._state.patrons.get(patron_id)
        return loans.available(self._state, item, patron)
