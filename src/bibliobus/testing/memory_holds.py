"""The holds of a `MemoryILS`: who gets a copy, and what patrons do with their places in a queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime

from msgspec.structs import replace

from bibliobus.ils import (
    AlertType,
    AlreadyBorrowed,
    AlreadyOnHold,
    FeeNotAcknowledged,
    FeeType,
    HoldLimitReached,
    HoldNotAllowed,
    HoldNotFound,
    HoldNotice,
    HoldResult,
    HoldType,
    ItemNotFound,
    NoSuchPickupLocation,
    PatronBlocked,
    Refused,
    TitleNotFound,
)
from bibliobus.ils.library import Condition
from bibliobus.ils.records import CirculationStatus
from bibliobus.testing.memory_state import (
    NOT_YET_OR_NO_MORE,
    Copy,
    Reader,
    Shelf,
    Title,
    Waiting,
    position,
)


class Holds:
    """The queues of all titles."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._policies = shelf.policies

    # -------------------------------------------------------- what time ends

    def settled(self, titles: Sequence[Title], now: datetime) -> AbstractContextManager[None]:
        """Settle these titles for a transaction; a refusal takes that back."""
        if any(title.holds for title in titles):
            return self._settled(titles, now)
        return nullcontext()

    @contextmanager
    def _settled(self, titles: Sequence[Title], now: datetime) -> Iterator[None]:
        taken_back = [self.settle(title, now) for title in titles]
        try:
            yield
        except Refused:
            for take_back in reversed(taken_back):
                take_back()
            raise

    def settle(self, title: Title, now: datetime) -> Callable[[], None]:
        """End the holds that waited too long, then those whose copy stood on the hold shelf for
        too long, each once, by number; returns what takes that back."""
        before = [(hold, hold.copy, hold.pickup_by) for hold in title.holds]
        places = [(hold.copy, hold.copy.destination) for hold in title.holds if hold.copy]
        for hold, copy, _ in before:
            if copy is None and hold.expires_at is not None and hold.expires_at <= now:
                self.end(hold)
        for hold, copy, pickup_by in before:
            if copy is not None and hold.ready and pickup_by is not None and pickup_by <= now:
                self.end(hold)
                self._pass_on(copy, now)

        def take_back() -> None:
            for copy, destination in places:
                copy.hold, copy.destination = None, destination
            title.holds = [hold for hold, _, _ in before]
            for hold, held, pickup_by in before:
                hold.reader.holds[hold.number] = hold
                hold.copy, hold.pickup_by = held, pickup_by
                if held is not None:
                    held.hold = hold

        return take_back

    # -------------------------------------------------------- who gets a copy

    def capture(self, hold: Waiting, copy: Copy, branch: str | None, now: datetime) -> None:
        """Put a copy that is at `branch` on the hold shelf, or on its way there."""
        pickup = self._policies.branch_of(hold.pickup_location)
        hold.copy, copy.hold = copy, hold
        copy.destination = None if branch is None or pickup in (None, branch) else pickup
        hold.pickup_by = None if copy.destination else self._policies.shelf_until(now)

    def release(self, copy: Copy) -> None:
        """Take a copy from whoever it is kept for: they wait again, at their old place."""
        if copy.hold is not None:
            copy.hold.copy = copy.hold.pickup_by = None
            copy.hold = copy.destination = None

    def end(self, hold: Waiting) -> None:
        """A hold is over; its copy is nobody's, and stays where it is."""
        hold.title.holds.remove(hold)
        del hold.reader.holds[hold.number]
        if hold.copy is not None:
            self.release(hold.copy)

    def arrive(self, copy: Copy, branch: str | None, now: datetime) -> AlertType | None:
        """A copy came back at `branch`: where it goes now."""
        hold = copy.hold
        if hold is None:
            self._offer(copy, branch, now)
        elif copy.destination is not None and branch in (None, copy.destination):
            copy.destination, hold.pickup_by = None, self._policies.shelf_until(now)
        if copy.hold is not None:
            return AlertType.HOLD_ELSEWHERE if copy.destination else AlertType.HOLD_HERE
        home = self._policies.branch_of(copy.shown.permanent_location)
        copy.destination = None if branch in (None, home) else home
        return AlertType.GOES_ELSEWHERE if copy.destination else None

    def notice(self, copy: Copy) -> HoldNotice | None:
        """Whom a copy is kept for."""
        if copy.hold is None:
            return None
        entry = copy.hold.reader.entry
        return HoldNotice(
            patron_id=entry.id,
            patron_name=entry.name,
            pickup_location=copy.hold.pickup_location,
            pickup_by=copy.hold.pickup_by,
        )

    def filled_by(self, copy: Copy, reader: Reader) -> Waiting | None:
        """The reader's hold that is over when they borrow this copy."""
        hold = reader.waits_for(copy.title) if copy.title.holds else None
        if hold is None or not (hold.copy is copy or self._shelf.fits(hold, copy)):
            return None
        return hold

    def _offer(self, copy: Copy, branch: str | None, now: datetime) -> None:
        if copy.condition in NOT_YET_OR_NO_MORE:
            return
        hold = next(self._shelf.eligible(copy, now), None)
        if hold is not None:
            self.capture(hold, copy, branch, now)

    def _pass_on(self, copy: Copy, now: datetime) -> None:
        self._offer(copy, self._policies.branch_of(copy.location), now)

    # -------------------------------------------------------- which title

    def copy_named(self, item_id: str | None) -> Copy | None:
        """The copy with this id; None if none was given.

        Raises:
            ItemNotFound
        """
        if item_id is None:
            return None
        copy = self._shelf.copies.get(item_id)
        if copy is None:
            raise ItemNotFound
        return copy

    def title_named(self, title_id: str | None) -> Title:
        """The one title with this text, else the one with this key.

        Raises:
            TitleNotFound: There is none, or several have the text.
        """
        named = self._shelf.named.get(title_id or "", [])
        if len(named) > 1:
            raise TitleNotFound
        title = named[0] if named else self._shelf.titles.get(title_id or "")
        if title is None:
            raise TitleNotFound
        return title

    def titles_meant(self, item_id: str | None, title_id: str | None) -> list[Title]:
        """Every title that one of the patron's own holds may be on."""
        if item_id is not None:
            copy = self._shelf.copies.get(item_id)
            return [copy.title] if copy else []
        by_key = self._shelf.titles.get(title_id or "")
        return [*self._shelf.named.get(title_id or "", []), *([by_key] if by_key else [])]

    def held(self, reader: Reader, titles: Iterable[Title], now: datetime) -> Waiting:
        """The patron's active hold on one of these.

        Raises:
            HoldNotFound
        """
        meant = [hold for hold in reader.holds.values() if hold.title in titles]
        if not meant:
            raise HoldNotFound(patron=self._shelf.patron(reader, now))
        return min(meant, key=lambda hold: hold.number)

    # -------------------------------------------------------- what patrons do

    def add(
        self,
        reader: Reader,
        title: Title,
        copy: Copy | None,
        *,
        hold_type: HoldType,
        pickup_location: str | None,
        terminal_location: str | None,
        expires_at: datetime | None,
        fee_acknowledged: bool,
        now: datetime,
    ) -> HoldResult:
        """As `ILS.add_hold`, once it is known on what."""
        shelf = self._shelf
        patron, item = shelf.patron(reader, now), shelf.item(copy, now) if copy else None
        rule = shelf.rule(reader, copy or next(iter(title.copies), None))
        blocks = [each for each in shelf.blocks(reader, now) if type(each) is not PatronBlocked]
        if blocks:
            raise type(blocks[0])(patron=patron, item=item, also=tuple(blocks[1:]))
        withdrawn = copy is not None and copy.condition is Condition.WITHDRAWN
        if not reader.entry.hold_ok or not rule.holds or withdrawn:
            raise HoldNotAllowed(patron=patron, item=item)
        if reader.waits_for(title) is not None:
            raise AlreadyOnHold(patron=patron, item=item)
        if any(loan.copy.title is title for loan in reader.loans.values()):
            raise AlreadyBorrowed(patron=patron, item=item)
        if patron.hold_limit is not None and len(reader.holds) >= patron.hold_limit:
            raise HoldLimitReached(patron=patron, item=item)
        try:
            pickup = self._pickup(reader, pickup_location, terminal_location)
        except NoSuchPickupLocation:
            raise NoSuchPickupLocation(patron=patron, item=item) from None
        if rule.hold_fee and not fee_acknowledged:
            fee = shelf.price(FeeType.HOLD, rule.hold_fee, copy, title)
            raise FeeNotAcknowledged(patron=patron, item=item, fee=fee)
        if expires_at is None or expires_at <= now:
            expires_at = self._policies.hold_expires_at(now)
        wanted = copy if hold_type is HoldType.SPECIFIC_COPY else None
        hold = Waiting(
            shelf.number(), reader, title, hold_type, wanted, pickup, now, expires_at
        )  # fmt: skip
        shelf.wait(hold)
        debt = shelf.charge(reader, FeeType.HOLD, rule.hold_fee, now, copy, title)
        return HoldResult(
            patron=shelf.patron(reader, now),
            hold=shelf.hold(hold),
            item=shelf.item(copy, now) if copy else None,
            available=self._available(hold, now),
            fee=shelf.fee(debt, booked=True) if debt else None,
        )

    def alter(
        self,
        hold: Waiting,
        copy: Copy | None,
        *,
        hold_type: HoldType | None,
        pickup_location: str | None,
        expires_at: datetime | None,
        suspended_until: datetime | None,
        now: datetime,
    ) -> HoldResult:
        """As `ILS.alter_hold`, once the hold is found."""
        shelf = self._shelf
        patron = shelf.patron(hold.reader, now)
        if hold_type is HoldType.SPECIFIC_COPY and copy is None:
            raise ItemNotFound(patron=patron)
        if pickup_location is not None and not self._may_move(hold, pickup_location):
            raise NoSuchPickupLocation(patron=patron, item=shelf.item(copy, now) if copy else None)
        if hold_type is not None:
            hold.hold_type = hold_type
            hold.wanted = copy if hold_type is HoldType.SPECIFIC_COPY else None
        if pickup_location is not None:
            hold.pickup_location = pickup_location
        if expires_at is not None and expires_at > now:
            hold.expires_at = expires_at
        if suspended_until is not None:
            hold.suspended_until = suspended_until if suspended_until > now else None
        named = copy or hold.copy
        return HoldResult(
            patron=shelf.patron(hold.reader, now),
            hold=shelf.hold(hold),
            item=shelf.item(named, now) if named else None,
            available=self._available(hold, now),
        )

    def cancel(self, hold: Waiting, copy: Copy | None, now: datetime) -> HoldResult:
        """As `ILS.cancel_hold`, once the hold is found."""
        shelf = self._shelf
        last, captured = shelf.hold(hold), hold.copy
        self.end(hold)
        if captured is not None:
            self._pass_on(captured, now)
        named = copy or captured
        return HoldResult(
            patron=shelf.patron(hold.reader, now),
            hold=replace(last, queue_position=0, ready=False),
            item=shelf.item(named, now) if named else None,
        )

    def _pickup(self, reader: Reader, asked: str | None, terminal: str | None) -> str | None:
        if asked is not None:
            if not self._policies.is_pickup_location(asked):
                raise NoSuchPickupLocation
            return asked
        for place in (reader.entry.home_library, terminal):
            if place is not None and self._policies.is_pickup_location(place):
                return place
        if self._policies.settings.branches:
            raise NoSuchPickupLocation
        return None

    def _may_move(self, hold: Waiting, place: str) -> bool:
        if place == hold.pickup_location:
            return True
        branch_of = self._policies.branch_of
        if hold.copy is not None and not hold.ready:
            return False
        if hold.ready and branch_of(place) != branch_of(hold.pickup_location):
            return False
        return self._policies.is_pickup_location(place)

    def _available(self, hold: Waiting, now: datetime) -> bool:
        return position(hold) == 1 and any(
            self._shelf.item(copy, now).circulation_status is CirculationStatus.AVAILABLE
            for copy in hold.title.copies
            if self._shelf.fits(hold, copy)
        )
