"""What a library's settings mean: pure functions over days, places and prices.

Adapters that keep loans themselves ask here, so that a rule is written once.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from bibliobus.ils.library import Calendar, InstitutionSettings, LoanRule, PatronLimits
from bibliobus.ils.records import Item
from bibliobus.ils.sorting import bin_for, fields_of, sort_rules

OFF_LINE_AT_MOST = timedelta(days=60)  # nobody's network is away for longer

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


class Policies:
    """The settings of one institution, ready to be asked."""

    def __init__(self, settings: InstitutionSettings) -> None:
        self.settings = settings
        self.zone = ZoneInfo(settings.time_zone)
        self.currency = settings.currency
        self._rules = settings.rules()
        self._chosen: dict[tuple[str | None, str | None, str | None], LoanRule] = {}
        self._closing = lru_cache(maxsize=1024)(self._closing_of)
        self._sort_rules = sort_rules(settings.sort_bins)
        self._branches = {
            location: branch
            for branch, locations in settings.branches.items()
            for location in (branch, *locations)
        }

    # -------------------------------------------------------- which policy

    def loan_rule(
        self, patron_class: str | None, item_type: str | None, location: str | None
    ) -> LoanRule:
        """The first rule that fits; there always is one."""
        asked = patron_class, item_type, location
        rule = self._chosen.get(asked)
        if rule is None:
            rule = self._chosen[asked] = next(
                rule
                for rule in self._rules
                if rule.patron_class in (None, patron_class)
                and rule.item_type in (None, item_type)
                and rule.location in (None, location)
            )
        return rule

    def charged_limit(self, patron_class: str | None) -> int:
        """How many loans of all kinds a patron may have at a time."""
        return next(
            rule.loan_limit
            for rule in self._rules
            if rule.patron_class in (None, patron_class)
            and rule.item_type is None
            and rule.location is None
        )

    def limits(self, patron_class: str | None) -> PatronLimits:
        """From where on such patrons may not borrow any more."""
        return self.settings.limits_by_class.get(patron_class or "", self.settings.limits)

    # -------------------------------------------------------- when

    def today(self, now: datetime) -> date:
        """The day by the library's clock."""
        return now.astimezone(self.zone).date()

    def due_at(self, rule: LoanRule, lent_at: datetime) -> datetime:
        """When a loan that begins then is due: at closing time of a day that is not closed, or
        after some hours, but not after that day's closing time, unless it begins after that.
        Always after its beginning."""
        if rule.loan_hours is None and not rule.in_library:
            return self._closing_after(lent_at, rule.loan_days)
        lent_at = lent_at.astimezone(UTC)  # hours are hours, whatever a local clock does
        closing = self._closing(self.today(lent_at))
        if rule.loan_hours is None:
            return closing if lent_at < closing else self._closing_after(lent_at, 0)
        due_at = lent_at + max(rule.loan_hours * _HOUR, timedelta(minutes=1))
        return closing if lent_at < closing < due_at else due_at

    def off_line_at(self, claimed: datetime | None, now: datetime) -> datetime:
        """When something was done off line: as the terminal says, unless its clock cannot be
        right, which is later than now or too long ago."""
        if claimed is None or not now - OFF_LINE_AT_MOST <= claimed <= now:
            return now
        return claimed

    def may_renew_at(self, rule: LoanRule, due_at: datetime, now: datetime) -> bool:
        """Whether it is near enough to its due date."""
        return rule.renewal_days is None or now >= due_at - rule.renewal_days * _DAY

    def shelf_until(self, now: datetime) -> datetime:
        """When the hold shelf gives up what was put there now."""
        return self._closing_after(now, self.settings.holds.shelf_days)

    def hold_expires_at(self, now: datetime) -> datetime | None:
        """When a hold placed now is given up."""
        days = self.settings.holds.expire_days
        if days is None:
            return None
        day = self.today(now) + days * _DAY
        closing = self._closing(day)
        return closing if closing > now else self._closing(day + _DAY)

    # -------------------------------------------------------- how much

    def overdue_fee(
        self,
        rule: LoanRule,
        due_at: datetime,
        returned_at: datetime,
        *,
        booked: Decimal = Decimal(0),
    ) -> Decimal:
        """What a loan costs that came back, or was renewed, then: for each begun day after the due
        date on which the library is open (of a loan by hours, each begun hour). What was `booked`
        for the loan before counts for the limit."""
        if returned_at <= due_at or not rule.overdue_fee:
            return Decimal(0)
        if rule.loan_hours is not None:
            late = -((due_at - returned_at) // _HOUR)
        else:
            late = self._open_days(self.today(due_at) + _DAY, self.today(returned_at))
            late = 0 if late <= rule.grace_days else late
        fee = late * rule.overdue_fee
        if rule.overdue_fee_limit is None:
            return fee
        return max(min(fee, rule.overdue_fee_limit - booked), Decimal(0))

    # -------------------------------------------------------- where

    def branch_of(self, location: str | None) -> str | None:
        """The branch that a location is in; None if nobody said so."""
        return self._branches.get(location or "")

    def is_pickup_location(self, location: str) -> bool:
        """Whether holds can be picked up there. A library of one place takes any name for it."""
        return not self.settings.branches or location in self.settings.branches

    def sort_bin(self, branch: str | None, item: Item) -> str | None:
        """Where a sorter puts an item that came back at this branch."""
        if not self._sort_rules:
            return None
        return bin_for(self._sort_rules, branch, fields_of(item, branch))

    # -------------------------------------------------------- inside

    def _closing_of(self, day: date) -> datetime:
        local = datetime.combine(day, self.settings.calendar.closes_at, self.zone)
        closing = local.astimezone(UTC)
        if self.today(closing) != day:  # the clock skips that time, into the next day (Nuuk does)
            closing = local.replace(fold=1).astimezone(UTC)
        return closing

    def _closing_after(self, moment: datetime, days: int) -> datetime:
        """Closing time some days on, or when the library is next open; after that moment."""
        today = self.today(moment)
        closing = self._closing(self._open_from(today + days * _DAY))
        return closing if closing > moment else self._closing(self._open_from(today + _DAY))

    def _open_from(self, day: date) -> date:
        calendar = self.settings.calendar
        while _closed(calendar, day):
            day += _DAY
        return day

    def _open_days(self, first: date, last: date) -> int:
        """How many days from `first` to `last` the library is open."""
        calendar, days = self.settings.calendar, max((last - first).days + 1, 0)
        weeks, rest = divmod(days, 7)
        closed = set(calendar.closed_weekdays)
        opened = weeks * (7 - len(closed))
        opened += sum((first + n * _DAY).isoweekday() not in closed for n in range(rest))
        return opened - sum(
            first <= day <= last and day.isoweekday() not in closed
            for day in set(calendar.closed_on)
        )


def _closed(calendar: Calendar, day: date) -> bool:
    return day.isoweekday() in calendar.closed_weekdays or day in calendar.closed_on
