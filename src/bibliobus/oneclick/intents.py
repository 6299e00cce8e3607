"""Intents: what somebody wants the vendor to do, written down before the vendor is called.

An intent is open until it is applied or refused. While it is, its patron and title have no other,
so a second click finds it; whoever works on it holds it, and when that process is gone another one
may. A settled one is the event that tells of what was done, and what answers a repeat, until
nobody needs to know any more whose it was.

Source: spec/reliability 4.5 and decision 6; DESIGN 4.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from bibliobus.database import Transaction, from_database, to_database
from bibliobus.database.leases import is_gone, this_process
from bibliobus.ils.records import Origin, UnderWay

A_MOMENT = timedelta(minutes=10)  # in which the same from another connection is a repeat
HELD = timedelta(minutes=2)  # by a process elsewhere that says nothing
REPEATED = timedelta(hours=24)  # so long a request is known by its key
DAY = timedelta(days=1)


class Kind(Enum):
    """What the vendor is to do."""

    CHECKOUT = "checkout"
    RENEW = "renew"
    CHECKIN = "checkin"
    ADD_HOLD = "add-hold"
    CANCEL_HOLD = "cancel-hold"


class State(Enum):
    """How far it has come."""

    OPEN = "open"  # the vendor may be called, or may have been
    UNKNOWN = "unknown"  # it was called, and what came of it is not known
    APPLIED = "applied"
    REFUSED = "refused"


class Intent(NamedTuple):
    """One of them."""

    key: int
    kind: Kind
    patron: str  # the ILS's own name
    card: str  # by which the ILS finds them
    isbn: str
    state: State
    begun_at: datetime
    due_before: datetime | None  # of the loan that is to be renewed
    attempts: int  # calls that the vendor may have had
    result: str | None
    reason: str | None
    worker: str | None  # the process that is at it

    @property
    def is_settled(self) -> bool:
        """Whether it is known what came of it."""
        return self.state in (State.APPLIED, State.REFUSED)

    @property
    def is_ours(self) -> bool:
        """Whether this process works on it."""
        return self.worker == this_process()


_SELECT = (
    "SELECT key, kind, patron, card, isbn, state, begun_at, due_before, attempts, result, reason,"
    " worker"
    " FROM intents WHERE institution = :institution"
)
_LATEST = """ AND key = (SELECT max(key) FROM intents WHERE institution = :institution
    AND collection = :collection AND patron = :patron AND isbn = :isbn AND state = 'applied')"""

_CHANGED_SINCE = """SELECT 1 FROM digital_shelf AS shelf WHERE shelf.institution = :institution
    AND shelf.collection = :collection AND shelf.patron = :patron AND shelf.isbn = :isbn
    AND changed_at > settled_at"""


def begin(
    tx: Transaction,
    collection: str,
    kind: Kind,
    *,
    patron: str,
    card: str,
    isbn: str,
    due_before: datetime | None,
    origin: Origin,
    now: datetime,
) -> Intent:
    """A new intent, held by this process.

    Raises:
        Conflict: There is an open one, or one of this request.
    """
    key = tx.add(
        "INSERT INTO intents (institution, collection, kind, patron, card, isbn, due_before, state,"
        " door, account, location, connection, request_key, begun_at, worker, again_at)"
        " VALUES (:institution, :collection, :kind, :patron, :card, :isbn, :due_before, 'open',"
        " :door, :account, :location, :connection, :request_key, :now, :worker, :again_at)",
        collection=collection, kind=kind.value, patron=patron, card=card, isbn=isbn,
        due_before=to_database(due_before), door=origin.door, account=origin.account or "",
        location=origin.location, connection=origin.connection, request_key=origin.request_key,
        now=to_database(now), worker=this_process(), again_at=to_database(now + HELD),
    )  # fmt: skip
    return Intent(
        key, kind, patron, card, isbn, State.OPEN, now, due_before, 0, None, None, this_process()
    )


def of_request(
    tx: Transaction, collection: str, origin: Origin, patron: str | None
) -> Intent | None:
    """The intent of this very request, unless that was refused; None for a patron is anybody."""
    if origin.request_key is None:
        return None
    row = tx.row(
        f"{_SELECT} AND collection = :collection AND account = :account"
        " AND request_key = :request_key AND state <> 'refused'"
        " AND patron = COALESCE(:patron, patron)",
        collection=collection, account=origin.account or "", request_key=origin.request_key,
        patron=patron,
    )  # fmt: skip
    return None if row is None else _intent(*row)


def open_one(tx: Transaction, collection: str, patron: str, isbn: str) -> Intent | None:
    """What is under way for a patron and a title."""
    row = tx.row(
        f"{_SELECT} AND collection = :collection AND patron = :patron AND isbn = :isbn"
        " AND settled_at IS NULL",
        collection=collection, patron=patron, isbn=isbn,
    )  # fmt: skip
    return None if row is None else _intent(*row)


def under_way(tx: Transaction, collection: str, patron: str) -> list[UnderWay]:
    """All that is under way for a patron, the oldest first."""
    rows = tx.rows(
        "SELECT intents.isbn, COALESCE(title, intents.isbn), kind, begun_at FROM intents"
        " LEFT JOIN titles ON titles.institution = intents.institution"
        " AND titles.collection = intents.collection AND titles.isbn = intents.isbn"
        " WHERE intents.institution = :institution AND intents.collection = :collection"
        " AND patron = :patron AND settled_at IS NULL ORDER BY intents.key",
        collection=collection, patron=patron,
    )  # fmt: skip
    return [
        UnderWay(item_id=isbn, title_id=title, change=kind, since_at=from_database(begun_at))
        for isbn, title, kind, begun_at in rows
    ]


def repeated(
    tx: Transaction,
    collection: str,
    kind: Kind,
    patron: str,
    isbn: str,
    origin: Origin,
    now: datetime,
) -> Intent | None:
    """The latest intent about a title, if this is the same again from the same account by another
    connection: a terminal that lost its connection asks with a new time, which makes a new key."""
    if origin.request_key is None or origin.connection is None:
        return None
    row = tx.row(
        f"{_SELECT}{_LATEST} AND kind = :kind AND account = :account"
        " AND connection <> :connection AND settled_at >= :since"
        f" AND NOT EXISTS ({_CHANGED_SINCE})",
        collection=collection, patron=patron, isbn=isbn, kind=kind.value,
        account=origin.account or "", connection=origin.connection,
        since=to_database(now - A_MOMENT),
    )  # fmt: skip
    return None if row is None else _intent(*row)


def by_key(tx: Transaction, key: int) -> Intent:
    """An intent as it stands."""
    row = tx.row(f"{_SELECT} AND key = :key", key=key)
    assert row is not None  # noqa: S101 - intents are never deleted
    return _intent(*row)


def take(tx: Transaction, collection: str, now: datetime, key: int | None = None) -> Intent | None:
    """An open intent that nobody works on, held by this process from now on: any whose time has
    come, or this one at once, since somebody asks for it."""
    for row in tx.rows(
        f"SELECT again_at, {_SELECT.removeprefix('SELECT ')} AND settled_at IS NULL"
        " AND collection = :collection AND key = COALESCE(:key, key) ORDER BY again_at",
        collection=collection, key=key,
    ):  # fmt: skip
        again_at, *rest = row
        found = _intent(*rest)
        worker = found.worker
        free = key is not None if worker is None else is_gone(worker)
        if from_database(again_at) > now and not free:
            continue  # it is left alone for a while, or its process is at it
        if tx.run(
            "UPDATE intents SET worker = :worker, again_at = :again_at"
            " WHERE institution = :institution AND key = :key AND settled_at IS NULL"
            " AND COALESCE(worker, '') = :before AND again_at = :seen",
            key=found.key, worker=this_process(), again_at=to_database(now + HELD),
            before=worker or "", seen=again_at,
        ):  # fmt: skip
            return found._replace(worker=this_process())
    return None


def call_begins(tx: Transaction, intent: Intent, now: datetime) -> bool:
    """Note that the vendor is called from now on; False: the intent is not ours any more."""
    return bool(
        tx.run(
            "UPDATE intents SET attempts = attempts + 1, state = 'unknown', again_at = :again_at"
            " WHERE institution = :institution AND key = :key AND settled_at IS NULL"
            " AND worker = :worker",
            key=intent.key, worker=this_process(), again_at=to_database(now + HELD),
        )
    )  # fmt: skip


def leave(tx: Transaction, intent: Intent, again_at: datetime) -> None:
    """Let somebody try again later."""
    tx.run(
        "UPDATE intents SET worker = NULL, again_at = :again_at WHERE institution = :institution"
        " AND key = :key AND settled_at IS NULL AND worker = :worker",
        key=intent.key, worker=this_process(), again_at=to_database(again_at),
    )  # fmt: skip


def settle(
    tx: Transaction,
    intent: Intent,
    state: State,
    now: datetime,
    *,
    result: str | None = None,
    reason: str | None = None,
) -> bool:
    """Note what came of it; False: somebody else has settled it, and nothing is to be changed."""
    return bool(
        tx.run(
            "UPDATE intents SET state = :state, settled_at = :now, worker = NULL, result = :result,"
            " reason = :reason WHERE institution = :institution AND key = :key"
            " AND settled_at IS NULL",
            key=intent.key, state=state.value, now=to_database(now), result=result, reason=reason,
        )
    )  # fmt: skip


def forget(tx: Transaction, collection: str, before: datetime, at_once: int) -> bool:
    """Cut what was settled before from its patrons; whether there may be more. What was asked for,
    of which title, where and on which day, remains."""
    return at_once == tx.run(
        "UPDATE intents SET patron = NULL, card = NULL, result = NULL, request_key = NULL,"
        " connection = NULL, due_before = NULL, begun_at = begun_at - begun_at % :day,"
        " settled_at = settled_at - settled_at % :day, again_at = again_at - again_at % :day"
        " WHERE institution = :institution AND key IN (SELECT key FROM intents"
        " WHERE institution = :institution AND collection = :collection AND patron IS NOT NULL"
        " AND settled_at < :before ORDER BY key LIMIT :at_once)",
        collection=collection, day=DAY // timedelta(microseconds=1), before=to_database(before),
        at_once=at_once,
    )  # fmt: skip


def _intent(
    key: int,
    kind: str,
    patron: str,
    card: str,
    isbn: str,
    state: str,
    begun_at: int,
    due_before: int | None,
    attempts: int,
    result: str | None,
    reason: str | None,
    worker: str | None,
) -> Intent:
    return Intent(
        key, Kind(kind), patron, card, isbn, State(state), from_database(begun_at),
        None if due_before is None else from_database(due_before), attempts, result, reason,
        worker,
    )  # fmt: skip
