"""What was done is done once: a request that comes again gets its first answer.

The replay row is claimed before anything else and in the transaction of the effect itself. Its
primary key makes a twin that runs at the same time wait, and then find the first one's result. A
refusal rolls the row back with everything else, so it may be asked again.

Source: DESIGN 4, "Done once"; spec/reliability 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from bibliobus.database import Transaction, to_database
from bibliobus.ils import Origin
from bibliobus.ils.records import Record

R = TypeVar("R", bound=Record)

KEPT = timedelta(hours=24)
AT_ONCE = 1000  # rows in one transaction, so that nobody waits long for it

_THIS = "institution = :institution AND account = :account AND request_key = :request_key"


def once(
    tx: Transaction, origin: Origin, now: datetime, result_type: type[R], work: Callable[[], R]
) -> R:
    """The result of `work`, or what this request resulted in when it came first."""
    if origin.request_key is None:
        return work()
    this = {"account": origin.account or "", "request_key": origin.request_key}
    claimed = tx.run(
        "INSERT INTO replays (institution, account, request_key, at, result)"
        " VALUES (:institution, :account, :request_key, :now, '') ON CONFLICT DO NOTHING",
        now=to_database(now), **this,
    )  # fmt: skip
    if not claimed:
        row = tx.row(f"SELECT result FROM replays WHERE {_THIS}", **this)  # noqa: S608 - constant
        assert row is not None  # noqa: S101 - it stood in the way a moment ago
        return msgspec.json.decode(row[0], type=result_type)
    result = work()
    tx.run(
        f"UPDATE replays SET result = :result WHERE {_THIS}",  # noqa: S608 - constant
        result=msgspec.json.encode(result).decode(), **this,
    )  # fmt: skip
    return result


def prune(tx: Transaction, now: datetime) -> bool:
    """Forget results older than a day, of all institutions; whether there may be more of them."""
    gone = tx.run(
        "DELETE FROM replays WHERE (institution, account, request_key) IN"
        " (SELECT institution, account, request_key FROM replays WHERE at < :before"
        " ORDER BY at LIMIT :at_once)",
        before=to_database(now - KEPT), at_once=AT_ONCE,
    )  # fmt: skip
    return gone == AT_ONCE
