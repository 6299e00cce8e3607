"""What a library's settings mean, by every clock of the world."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bibliobus.ils.library import (
    Calendar,
    HoldPolicy,
    InstitutionSettings,
    LoanPolicy,
    LoanRule,
    PatronLimits,
)
from bibliobus.ils.policy import Policies
from bibliobus.ils.records import Item

Size = Callable[[int, int], int]

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ZONES = sorted(available_timezones())
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)


def policies(
    calendar: Calendar | None = None, zone: str = "UTC", holds: HoldPolicy | None = None
) -> Policies:
    return Policies(
        InstitutionSettings(
            time_zone=zone, calendar=calendar or Calendar(), holds=holds or HoldPolicy()
        )
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# -------------------------------------------------------- any library, any moment


@cache
def transitions(zone: str, year: int) -> list[datetime]:
    """When the clocks of a zone change in a year."""
    found, tz = [], ZoneInfo(zone)
    start = datetime(year, 1, 1, tzinfo=UTC)
    for n in range(0, 366, 6):
        before, after = start + n * DAY, start + (n + 6) * DAY
        if before.astimezone(tz).utcoffset() == after.astimezone(tz).utcoffset():
            continue
        while after - before > timedelta(seconds=1):
            middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
            same = middle.astimezone(tz).utcoffset() == before.astimezone(tz).utcoffset()
            before, after = (middle, after) if same else (before, middle)
        found.append(after)
    return found


CLOSING_TIMES = st.one_of(
    st.sampled_from(["23:59:59", "18:00", "00:00", "00:30", "01:30", "02:30", "23:30"]).map(
        time.fromisoformat
    ),
    st.times(),
)


@st.composite
def moments(draw: st.DrawFn, zone: str) -> datetime:
    """Any moment, often a few days or seconds from one when the clocks change."""
    if draw(st.booleans()):
        any_time = st.datetimes(datetime(2020, 1, 1), datetime(2040, 12, 31))  # noqa: DTZ001
        return draw(any_time).replace(tzinfo=UTC)
    change = draw(st.sampled_from(transitions(zone, draw(st.integers(2020, 2040))) or [MONDAY]))
    days, seconds = draw(st.integers(-30, 1)), draw(st.integers(-90_000, 90_000))
    return change + days * DAY + timedelta(seconds=draw(st.sampled_from([seconds, 0, -1])))


@st.composite
def calendars(draw: st.DrawFn, near: date) -> Calendar:
    return Calendar(
        closes_at=draw(CLOSING_TIMES),
        closed_weekdays=tuple(draw(st.lists(st.integers(1, 7), max_size=6))),
        closed_on=tuple(near + n * DAY for n in draw(st.lists(st.integers(0, 70), max_size=15))),
    )


LOAN_RULES = st.one_of(
    st.builds(LoanRule, loan_days=st.integers(0, 60), in_library=st.just(False)),
    st.builds(LoanRule, loan_hours=st.integers(0, 100), in_library=st.booleans()),
    st.builds(LoanRule, loan_days=st.integers(0, 60), in_library=st.just(True)),
)


def is_closed(calendar: Calendar, day: date) -> bool:
    return day.isoweekday() in calendar.closed_weekdays or day in calendar.closed_on


def closing_by_clock(calendar: Calendar, day: date, zone: ZoneInfo) -> datetime | None:
    """Closing time of a day; None if the clocks jump over it."""
    there = datetime.combine(day, calendar.closes_at, zone)
    moment = there.astimezone(UTC)
    exists = moment.astimezone(zone).replace(tzinfo=None) == there.replace(tzinfo=None)
    return moment if exists else None


@pytest.mark.timeout(3600)  # with --prove
def test_a_loan_is_due_when_the_library_closes_wherever_and_whenever_it_begins(size: Size) -> None:
    @settings(max_examples=size(300, 10_000), deadline=None)
    @given(data=st.data(), zone=st.sampled_from(ZONES), rule=LOAN_RULES)
    def holds(data: st.DataObject, zone: str, rule: LoanRule) -> None:
        local = ZoneInfo(zone)
        lent_at = data.draw(moments(zone))
        lent_on = lent_at.astimezone(local).date()
        calendar = data.draw(calendars(lent_on))
        given_as = data.draw(st.sampled_from([UTC, local]))

        due_at = policies(calendar, zone).due_at(rule, lent_at.astimezone(given_as))

        assert due_at.tzinfo is UTC
        assert due_at > lent_at
        due_on = due_at.astimezone(local).date()
        closing = closing_by_clock(calendar, due_on, local)
        if rule.loan_hours is not None:
            in_hours = lent_at + max(rule.loan_hours * HOUR, MINUTE)
            today = closing_by_clock(calendar, lent_on, local)
            if today is not None:
                assert due_at == (today if lent_at < today < in_hours else in_hours)
            assert due_at <= in_hours
            return
        assert closing is None or due_at == closing
        if rule.in_library and due_on == lent_on:
            return
        assert not is_closed(calendar, due_on)
        first = lent_on if rule.in_library else lent_on + rule.loan_days * DAY
        before = [first + n * DAY for n in range((due_on - first).days)]
        assert due_on >= first
        if opened := [day for day in before if not is_closed(calendar, day)]:
            assert opened == [lent_on]  # and it was past closing time then
            today = closing_by_clock(calendar, lent_on, local)
            assert today is None or today <= lent_at
        if rule.in_library:
            today = closing_by_clock(calendar, lent_on, local)
            assert today is None or today <= lent_at

    holds()


@pytest.mark.timeout(3600)  # with --prove
def test_the_hold_shelf_keeps_a_copy_for_its_days_and_until_an_open_one(size: Size) -> None:
    @settings(max_examples=size(100, 10_000), deadline=None)
    @given(data=st.data(), zone=st.sampled_from(ZONES), days=st.integers(0, 30))
    def holds(data: st.DataObject, zone: str, days: int) -> None:
        now = data.draw(moments(zone))
        today = now.astimezone(ZoneInfo(zone)).date()
        calendar = data.draw(calendars(today))
        asked = policies(calendar, zone, HoldPolicy(shelf_days=days, expire_days=days))

        shelf_until, expires_at = asked.shelf_until(now), asked.hold_expires_at(now)

        assert shelf_until == asked.due_at(LoanRule(loan_days=days), now)
        assert expires_at is not None
        assert expires_at > now
        assert asked.today(expires_at) - today in (days * DAY, max(days, 1) * DAY)

    holds()


@pytest.mark.timeout(3600)  # with --prove
def test_an_overdue_fee_is_as_counted_day_by_day(size: Size) -> None:
    @settings(max_examples=size(300, 10_000), deadline=None)
    @given(
        data=st.data(),
        zone=st.sampled_from(ZONES),
        late=st.tuples(*2 * [st.integers(-5 * 24 * 60, 80 * 24 * 60)]),
        rule=st.builds(
            LoanRule,
            loan_hours=st.none() | st.integers(0, 100),
            overdue_fee=st.decimals(0, 5, places=2),
            overdue_fee_limit=st.none() | st.decimals(0, 50, places=2),
            grace_days=st.integers(0, 10),
        ),
    )
    def holds(data: st.DataObject, zone: str, late: tuple[int, int], rule: LoanRule) -> None:
        due_at = data.draw(moments(zone))
        asked = policies(data.draw(calendars(asked_day(due_at, zone))), zone)
        earlier, later = (due_at + minutes * MINUTE for minutes in sorted(late))

        fees = [asked.overdue_fee(rule, due_at, back) for back in (earlier, later)]

        assert 0 <= fees[0] <= fees[1]
        if rule.overdue_fee_limit is not None:
            assert fees[1] <= rule.overdue_fee_limit
        for back, fee in zip((earlier, later), fees, strict=True):
            if rule.loan_hours is None:
                day, last, late_days = asked.today(due_at), asked.today(back), 0
                while back > due_at and day < last:
                    day += DAY
                    late_days += not is_closed(asked.settings.calendar, day)
                units = late_days if late_days > rule.grace_days else 0
            else:
                minutes = max((back - due_at) // MINUTE, 0)
                units = sum(1 for _ in range(0, minutes, 60))
            limit = rule.overdue_fee_limit
            assert fee == (units * rule.overdue_fee if limit is None else min(
                units * rule.overdue_fee, limit
            ))  # fmt: skip

    holds()


def asked_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


# -------------------------------------------------------- which policy


RULES = InstitutionSettings(
    loans=LoanPolicy(loan_days=21, loan_limit=50),
    loan_rules=(
        {"patron_class": "child", "item_type": "dvd", "loan_days": 2, "loan_limit": 1},
        {"item_type": "dvd", "loan_days": 3, "loan_limit": 5},
        {"location": "REF", "lent": False, "loan_limit": 0},
        {"patron_class": "child", "loan_days": 14, "loan_limit": 10},
        {"patron_class": "child", "item_type": "dvd", "loan_days": 99},
    ),
)


@pytest.mark.parametrize(
    ("patron_class", "item_type", "location", "days"),
    [
        ("child", "dvd", None, 2),
        ("adult", "dvd", None, 3),
        (None, "dvd", "REF", 3),
        ("child", "book", "SHELF", 14),
        ("adult", "book", "SHELF", 21),
        (None, None, None, 21),
    ],
)
def test_the_first_rule_that_fits_decides(
    patron_class: str | None, item_type: str | None, location: str | None, days: int
) -> None:
    assert Policies(RULES).loan_rule(patron_class, item_type, location).loan_days == days


def test_a_rule_may_be_for_a_place() -> None:
    assert not Policies(RULES).loan_rule("child", "book", "REF").lent
    assert Policies(RULES).loan_rule("child", "book", "ref").lent


def test_the_limit_of_all_loans_is_that_of_the_rule_for_all_kinds_of_items() -> None:
    asked = Policies(RULES)

    assert [asked.charged_limit(each) for each in ("child", "adult", None)] == [10, 50, 50]


def test_a_class_of_patrons_may_have_limits_of_its_own() -> None:
    usual, child = PatronLimits(overdue_limit=9), PatronLimits(fee_limit=Decimal(2))
    asked = Policies(InstitutionSettings(limits=usual, limits_by_class={"child": child}))

    assert [asked.limits(each) for each in ("child", "adult", None)] == [child, usual, usual]


# -------------------------------------------------------- when


def test_today_is_the_librarys_day() -> None:
    assert policies(zone="Pacific/Auckland").today(utc("2026-03-02T12:00")) == date(2026, 3, 3)
    assert policies(zone="America/Lima").today(utc("2026-03-02T04:00")) == date(2026, 3, 1)


def test_is_due_after_its_days_at_closing_time() -> None:
    asked = policies(Calendar(closes_at=time(18)), "Europe/Berlin")

    assert asked.due_at(LoanRule(loan_days=21), MONDAY) == utc("2026-03-23T17:00")
    assert asked.due_at(LoanRule(loan_days=28), MONDAY) == utc("2026-03-30T16:00")  # summer time


def test_is_not_due_while_the_library_is_closed() -> None:
    calendar = Calendar(
        closes_at=time(18),
        closed_weekdays=(6, 7),
        closed_on=(date(2026, 3, 9), date(2026, 3, 10)),
    )

    assert policies(calendar).due_at(LoanRule(loan_days=5), MONDAY) == utc("2026-03-11T18:00")


def test_a_loan_after_closing_time_is_due_another_day() -> None:
    asked = policies(Calendar(closes_at=time(18), closed_weekdays=(2,)))
    evening = utc("2026-03-02T18:00")

    for rule in (LoanRule(loan_days=0), LoanRule(in_library=True)):
        assert asked.due_at(rule, evening - MINUTE) == utc("2026-03-02T18:00")
        assert asked.due_at(rule, evening) == utc("2026-03-04T18:00")


def test_a_loan_in_the_library_is_until_it_closes_even_on_a_closed_day() -> None:
    asked = policies(Calendar(closes_at=time(18), closed_weekdays=(1,)))

    assert asked.due_at(LoanRule(in_library=True), MONDAY) == utc("2026-03-02T18:00")


def test_a_loan_by_hours_ends_at_closing_time_at_the_latest() -> None:
    asked = policies(Calendar(closes_at=time(18)))

    assert asked.due_at(LoanRule(loan_hours=3), MONDAY) == utc("2026-03-02T13:00")
    assert asked.due_at(LoanRule(loan_hours=30), MONDAY) == utc("2026-03-02T18:00")
    assert asked.due_at(LoanRule(loan_hours=3), utc("2026-03-02T18:00")) == utc("2026-03-02T21:00")
    assert asked.due_at(LoanRule(loan_hours=0), MONDAY) == MONDAY + MINUTE


def test_a_closing_time_that_the_clocks_jump_over_is_still_of_its_day() -> None:
    asked = policies(Calendar(closes_at=time(23, 59, 59), closed_weekdays=(7,)), "America/Nuuk")
    monday_before = utc("2024-03-25T12:00")  # on Saturday, the 30th, the clock goes from 23 to 0

    due_at = asked.due_at(LoanRule(loan_days=5), monday_before)

    assert due_at == utc("2024-03-31T00:59:59")  # 22:59:59 there, and not Sunday


@pytest.mark.parametrize(("days", "hour", "may"), [(3, 9, False), (3, 10, True), (None, 0, True)])
def test_may_be_renewed_when_it_is_near_enough_to_its_due_date(
    days: int | None, hour: int, may: bool
) -> None:
    due_at, now = utc("2026-03-23T10:00"), utc(f"2026-03-20T{hour:02}:59:59")
    now = now if hour != 10 else utc("2026-03-20T10:00")

    assert policies().may_renew_at(LoanRule(renewal_days=days), due_at, now) is may


def test_the_hold_shelf_waits_for_an_open_day() -> None:
    calendar = Calendar(closes_at=time(18), closed_weekdays=(1, 7))

    asked = policies(calendar, holds=HoldPolicy(shelf_days=6))

    assert asked.shelf_until(MONDAY) == utc("2026-03-10T18:00")


def test_what_comes_to_the_shelf_after_closing_time_stays_until_the_next_open_day() -> None:
    asked = policies(Calendar(closes_at=time(18)), holds=HoldPolicy(shelf_days=0, expire_days=0))
    evening = utc("2026-03-02T20:00")

    assert asked.shelf_until(evening) == utc("2026-03-03T18:00")
    assert asked.hold_expires_at(evening) == utc("2026-03-03T18:00")


def test_a_hold_is_given_up_after_its_days_or_never() -> None:
    calendar = Calendar(closes_at=time(18))

    assert policies(calendar).hold_expires_at(MONDAY) is None
    expiring = policies(calendar, holds=HoldPolicy(expire_days=30))
    assert expiring.hold_expires_at(MONDAY) == utc("2026-04-01T18:00")


# -------------------------------------------------------- how much


def test_costs_each_open_day_after_the_due_date_up_to_a_limit() -> None:
    asked = policies(Calendar(closes_at=time(18), closed_weekdays=(7,), closed_on=(MONDAY.date(),)))
    rule = LoanRule(overdue_fee=Decimal("0.25"), overdue_fee_limit=Decimal("0.60"))
    due_at = utc("2026-02-28T18:00")  # a Saturday

    fees = [asked.overdue_fee(rule, due_at, due_at + n * DAY) for n in (-1, 0, 1, 2, 3, 4, 5, 99)]

    assert fees == [Decimal(f) for f in ("0", "0", "0", "0", "0.25", "0.50", "0.60", "0.60")]


def test_costs_nothing_on_the_day_it_is_due() -> None:
    due_at = utc("2026-03-02T18:00")
    rule = LoanRule(overdue_fee=Decimal(1))

    assert policies().overdue_fee(rule, due_at, utc("2026-03-02T23:59:59")) == 0
    assert policies().overdue_fee(rule, due_at, utc("2026-03-03T00:00")) == 1


def test_days_of_grace_cost_nothing_unless_there_are_more() -> None:
    rule = LoanRule(overdue_fee=Decimal(1), grace_days=2)

    fees = [policies().overdue_fee(rule, MONDAY, MONDAY + n * DAY) for n in (1, 2, 3)]

    assert fees == [0, 0, 3]


def test_a_loan_by_hours_costs_each_begun_hour() -> None:
    rule = LoanRule(loan_hours=2, overdue_fee=Decimal(1), grace_days=9)
    second = timedelta(seconds=1)

    late = [second, HOUR, HOUR + second, 26 * HOUR]

    assert [policies().overdue_fee(rule, MONDAY, MONDAY + t) for t in late] == [1, 1, 2, 26]


# -------------------------------------------------------- where


def test_a_location_is_in_a_branch() -> None:
    asked = Policies(InstitutionSettings(branches={"MAIN": ("FICTION", "REF"), "NORTH": ()}))

    places = ("MAIN", "FICTION", "NORTH", "MOON", "", None)

    assert [asked.branch_of(p) for p in places] == ["MAIN", "MAIN", "NORTH", None, None, None]


def test_holds_are_picked_up_at_branches() -> None:
    asked = Policies(InstitutionSettings(branches={"MAIN": ("FICTION",)}))

    assert asked.is_pickup_location("MAIN")
    assert not asked.is_pickup_location("FICTION")
    assert policies().is_pickup_location("anything")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("barcode", "b"),
        ("item_type", "t"),
        ("itype", "t"),
        ("effective_itemtype", "t"),
        ("media_type", "001"),
        ("collection_code", "c"),
        ("ccode", "c"),
        ("call_number", "QA"),
        ("itemcallnumber", "QA"),
        ("owner", "NORTH"),
        ("homebranch", "NORTH"),
        ("holdingbranch", "MAIN"),
        ("permanent_location", "REF"),
        ("location", "REF"),
        ("destination", "SOUTH"),
    ],
)
def test_sorts_by_fields_of_the_item_and_koha_s_names_for_them(field: str, value: str) -> None:
    item = Item(
        id="b",
        title_id="Middlemarch",
        item_type="t",
        media_type="001",
        collection_code="c",
        call_number="QA",
        owner="NORTH",
        permanent_location="REF",
        destination="SOUTH",
    )
    rules = (f"MAIN:{field}:ne:{value}:wrong", f"MAIN:{field}:eq:{value}:right")

    assert Policies(InstitutionSettings(sort_bins=rules)).sort_bin("MAIN", item) == "right"
    assert Policies(InstitutionSettings(sort_bins=rules)).sort_bin("NORTH", item) is None
    assert policies().sort_bin("MAIN", item) is None


def test_an_item_of_another_branch_goes_to_the_van() -> None:
    asked = Policies(InstitutionSettings(sort_bins=("*:homebranch:ne:$holdingbranch:van",)))
    item = Item(id="b", title_id="Middlemarch", owner="NORTH")

    bins = [asked.sort_bin(branch, item) for branch in ("MAIN", "NORTH", None)]

    assert bins == ["van", None, None]
