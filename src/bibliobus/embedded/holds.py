"""Holds: a queue for each title, and the copies that wait for somebody.

Who is served is decided by (priority, key) among the eligible ones, never by a time. Whoever
changes the holds of a title has locked the title, so two copies that come back at the same time
go to two patrons.

A hold with a `copy` has got one: on the hold shelf until `pickup_by`, or without that on its way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from bibliobus.database import Transaction, from_database, to_database
from bibliobus.embedded.call import Call, record
from bibliobus.ils import Hold, HoldType, TitleNotFound

_HOLDS = """
SELECT holds.key, patron, holds.title, titles.title, item, copy, named.barcode, hold_type,
    pickup_location, placed_at, waits_since, expires_at, suspended_until, copy_since, pickup_by
FROM holds
JOIN titles ON titles.institution = holds.institution AND titles.key = holds.title
LEFT JOIN items AS named ON named.institution = holds.institution
    AND named.key = COALESCE(copy, item)
WHERE holds.institution = :institution AND ended_at IS NULL"""
_OF_TITLE = _HOLDS + " AND holds.title = :title ORDER BY priority, holds.key"
_OF_PATRON = _HOLDS + " AND holds.patron = :patron ORDER BY holds.key"
_ONE = _HOLDS + " AND holds.patron = :patron AND holds.title = :title"
_BY_COPY = _HOLDS + " AND holds.copy = :item"


_KEY = re.compile("title:([0-9]{1,18})")


def named(title: int) -> str:
    """Our own name for a title; few titles are written like that."""
    return f"title:{title}"


class StoredHold(NamedTuple):
    """An active hold, in the order of `_HOLDS`."""

    key: int
    patron: int
    title: int
    title_id: str
    item: int | None
    copy: int | None
    item_id: str | None
    hold_type: int
    pickup_location: str | None
    placed_at: int
    waits_since: int
    expires_at: int | None
    suspended_until: int | None
    copy_since: int | None
    pickup_by: int | None

    def record(self, position: int) -> Hold:
        """As the port has it; `position` counts only while no copy was found."""
        return Hold(
            id=str(self.key),
            title_id=self.title_id,
            item_id=self.item_id,
            hold_type=HoldType(self.hold_type),
            pickup_location=self.pickup_location,
            placed_at=from_database(self.placed_at),
            expires_at=from_database(self.expires_at),
            suspended_until=from_database(self.suspended_until),
            queue_position=0 if self.copy is not None else position,
            ready=self.pickup_by is not None,
            pickup_by=from_database(self.pickup_by),
        )


class Copy(NamedTuple):
    """What a hold needs to know of an item."""

    item: int
    title: int
    home: str  # its permanent location


def title_key(tx: Transaction, title_id: str) -> int:
    """The title with this text, if it is one, or with this key.

    Raises:
        TitleNotFound: There is none, or more than one.
    """
    rows = tx.rows(
        "SELECT key FROM titles WHERE institution = :institution AND collection IS NULL"
        " AND title = :title LIMIT 2",
        title=title_id,
    )
    if not rows and (key := _KEY.fullmatch(title_id)):
        rows = tx.rows(
            "SELECT key FROM titles WHERE institution = :institution AND collection IS NULL"
            " AND key = :key",
            key=int(key[1]),
        )
    if len(rows) != 1:
        raise TitleNotFound("More than one title has this name." if rows else None)
    return int(rows[0][0])


def title_held(tx: Transaction, patron: int, title_id: str) -> int | None:
    """The title with this text or key that the patron waits for; of several the first."""
    rows = tx.rows(_OF_PATRON, patron=patron)
    titles = (hold.title for hold in map(StoredHold._make, rows) if hold.title_id == title_id)
    by_key = (hold.title for hold in map(StoredHold._make, rows) if named(hold.title) == title_id)
    return next(titles, None) or next(by_key, None)


def lock_title(call: Call, title: int) -> None:
    """Keep everybody else from this title's items and holds, which are settled, until the
    transaction ends."""
    sql = "SELECT 1 FROM titles WHERE institution = :institution AND key = :key"
    call.tx.lock(sql, key=title)
    call.locked()
    settle(call, title)


def of_title(tx: Transaction, title: int) -> list[StoredHold]:
    """The active holds of a title, in their order."""
    return [StoredHold(*row) for row in tx.rows(_OF_TITLE, title=title)]


def of_copy(tx: Transaction, item: int) -> StoredHold | None:
    """The hold that has got this item, or None."""
    row = tx.row(_BY_COPY, item=item)
    return None if row is None else StoredHold(*row)


def of_patron_on_title(tx: Transaction, patron: int, title: int) -> StoredHold | None:
    """The patron's active hold on this title, or None."""
    row = tx.row(_ONE, patron=patron, title=title)
    return None if row is None else StoredHold(*row)


def of_patron(tx: Transaction, patron: int) -> list[Hold]:
    """A patron's active holds, in the order they were placed."""
    found = [StoredHold(*row) for row in tx.rows(_OF_PATRON, patron=patron)]
    return [hold.record(position(tx, hold)) for hold in found]


def position(tx: Transaction, hold: StoredHold) -> int:
    """How many wait for the title up to this hold, itself included; 0: a copy was found."""
    if hold.copy is not None:
        return 0
    waiting = [each.key for each in of_title(tx, hold.title) if each.copy is None]
    return waiting.index(hold.key) + 1 if hold.key in waiting else 0  # it has just got a copy


def eligible(call: Call, copy: Copy) -> Iterator[StoredHold]:
    """The holds that this item can serve now, in their order."""
    for hold in of_title(call.tx, copy.title):
        if hold.copy is None and _waits(call, hold) and can_serve(call, copy, hold):
            yield hold


def can_serve(call: Call, copy: Copy, hold: StoredHold) -> bool:
    """Whether this item is what the hold is for."""
    if hold.title != copy.title:
        return False
    if hold.hold_type == HoldType.SPECIFIC_COPY:
        return hold.item == copy.item
    if hold.hold_type == HoldType.ANY_COPY_AT_ONE_PLACE:
        branch_of = call.policies.branch_of
        return branch_of(hold.pickup_location) == branch_of(copy.home)
    return True


def queue(call: Call, copy: Copy) -> list[int]:
    """The patrons whom this item can serve, in their order; first for whom it waits."""
    held = of_copy(call.tx, copy.item)
    first = [] if held is None else [held.patron]
    return first + [hold.patron for hold in eligible(call, copy)]


def capture(call: Call, copy: Copy, branch: str | None) -> StoredHold | None:
    """Give an item that is in this branch to the first hold that it can serve, if there is one."""
    hold = next(eligible(call, copy), None)
    if hold is None:
        return None
    return _keep(call, hold, copy.item, branch)


def keep_its_copy(call: Call, item: int, branch: str | None) -> StoredHold | None:
    """An item that waits for a hold is in this branch: the hold, as it is then."""
    hold = of_copy(call.tx, item)
    return None if hold is None else _keep(call, hold, item, branch)


def _keep(call: Call, hold: StoredHold, item: int, branch: str | None) -> StoredHold | None:
    """Put an item that is in this branch on the hold shelf, where it may be already, or send it to
    where that is."""
    destination = call.policies.branch_of(hold.pickup_location)
    here = branch is None or destination in (None, branch)
    if not here or hold.pickup_by is None:
        until = call.policies.shelf_until(call.now) if here else None
        give(call, hold.key, item, pickup_by=until)
        send(call.tx, item, None if here else destination)
    return of_copy(call.tx, item)


def place(
    call: Call,
    patron: int,
    title: int,
    item: int | None,
    *,
    hold_type: HoldType,
    pickup_location: str | None,
    expires_at: datetime | None,
) -> None:
    """Put a patron into the queue of a title, or of this item."""
    hold = call.tx.add(
        "INSERT INTO holds (institution, priority, patron, title, item, hold_type, pickup_location,"
        " placed_at, waits_since, expires_at) VALUES (:institution, 0, :patron, :title, :item,"
        " :hold_type, :pickup_location, :now, :now, :expires_at)",
        patron=patron, title=title, item=item if hold_type == HoldType.SPECIFIC_COPY else None,
        hold_type=int(hold_type), pickup_location=pickup_location, now=call.at,
        expires_at=to_database(expires_at),
    )  # fmt: skip
    record(call, "hold", patron=patron, hold=hold)


def give(
    call: Call, hold: int, item: int, *, pickup_by: datetime | None, since: int | None = None
) -> None:
    """Let a hold have this item: on the hold shelf until then, or on its way (None)."""
    call.tx.run(
        "UPDATE holds SET copy = :item, copy_since = COALESCE(copy_since, :since),"
        " pickup_by = :pickup_by WHERE institution = :institution AND key = :hold",
        item=item, hold=hold, since=call.at if since is None else since,
        pickup_by=to_database(pickup_by),
    )  # fmt: skip


def release(call: Call, hold: int) -> None:
    """Take the copy from a hold, which waits again at its old place."""
    call.tx.run(
        "UPDATE holds SET copy = NULL, copy_since = NULL, pickup_by = NULL, waits_since = :now"
        " WHERE institution = :institution AND key = :hold",
        hold=hold, now=call.at,
    )  # fmt: skip


def send(tx: Transaction, item: int, branch: str | None) -> None:
    """Note that an item is on its way to a branch, or to none."""
    tx.run(
        "UPDATE items SET transit_to = :branch WHERE institution = :institution AND key = :item",
        branch=branch, item=item,
    )  # fmt: skip


def end(call: Call, hold: StoredHold, ended_as: str) -> None:
    """End a hold: "filled", "cancelled" or "expired". What it had is given up by the caller."""
    call.tx.run(
        "UPDATE holds SET ended_at = :now, ended_as = :ended_as, copy = NULL, copy_since = NULL,"
        " pickup_by = NULL WHERE institution = :institution AND key = :hold",
        now=call.at, ended_as=ended_as, hold=hold.key,
    )  # fmt: skip


def reopen(call: Call, hold: int) -> None:
    """Undo the end of a hold, which waits again at its old place."""
    call.tx.run(
        "UPDATE holds SET ended_at = NULL, ended_as = NULL, waits_since = :now"
        " WHERE institution = :institution AND key = :hold",
        hold=hold, now=call.at,
    )  # fmt: skip


def pass_on(call: Call, item: int) -> None:
    """An item that a hold has given up goes to the next one, from where it stands."""
    row = call.tx.row(
        "SELECT title, permanent_location, current_location FROM items"
        " WHERE institution = :institution AND key = :item",
        item=item,
    )
    assert row is not None  # noqa: S101 - items are never deleted
    send(call.tx, item, None)
    hold = capture(call, Copy(item, row[0], row[1]), call.policies.branch_of(row[2]))
    if hold is not None:
        record(call, "hold-captured", patron=hold.patron, hold=hold.key)


def settle(call: Call, title: int) -> bool:
    """End the holds whose time is over, and pass on what waited for them; whether any was."""
    over = [hold for hold in of_title(call.tx, title) if _is_over(call, hold)]
    for hold in over:
        end(call, hold, "expired")
        record(call, "hold-expired", patron=hold.patron, hold=hold.key)
    for hold in over:
        if hold.copy is not None:
            pass_on(call, hold.copy)
    call.settled = call.settled or bool(over)
    return bool(over)


def titles_to_settle(call: Call) -> Iterable[int]:
    """The titles with holds whose time is over."""
    rows = call.tx.rows(
        "SELECT DISTINCT title FROM holds WHERE institution = :institution AND ended_at IS NULL"
        " AND (pickup_by <= :now OR copy IS NULL AND expires_at <= :now) ORDER BY title",
        now=call.at,
    )
    return [title for (title,) in rows]


def _waits(call: Call, hold: StoredHold) -> bool:
    suspended = hold.suspended_until is not None and hold.suspended_until > call.at
    return not suspended and not _is_over(call, hold)


def _is_over(call: Call, hold: StoredHold) -> bool:
    ends = hold.expires_at if hold.copy is None else hold.pickup_by
    return ends is not None and ends <= call.at
