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
from msgspec.structs import replace

from bibliobus.database import Transaction, to_database
from bibliobus.embedded import fees
from bibliobus.embedded.call import A_MOMENT, Call
from bibliobus.ils import PaymentResult
from bibliobus.ils.records import Record

R = TypeVar("R", bound=Record)

KEPT = timedelta(hours=24)
PAYMENTS_KEPT = timedelta(days=400)
AT_ONCE = 1000  # rows in one transaction, so that nobody waits long for it

_THIS = "institution = :institution AND account = :account AND request_key = :request_key"


def once(call: Call, result_type: type[R], work: Callable[[Call], R]) -> R:
    """The result of `work`, or what this request resulted in when it came first."""
    tx, origin = call.tx, call.origin
    if origin.request_key is None:
        return work(call)
    this = {"account": origin.account or "", "request_key": origin.request_key}
    length = PAYMENTS_KEPT if result_type is PaymentResult else KEPT
    claimed = tx.run(
        "INSERT INTO replays (institution, account, request_key, at, forget_at, connection, result)"
        " VALUES (:institution, :account, :request_key, :now, :forget_at, :connection, '')"
        " ON CONFLICT DO NOTHING",
        now=call.at, forget_at=to_database(call.now + length), connection=origin.connection, **this,
    )  # fmt: skip
    if not claimed:
        row = tx.row(f"SELECT result FROM replays WHERE {_THIS}", **this)  # noqa: S608 - constant
        assert row is not None  # noqa: S101 - it stood in the way a moment ago
        first = msgspec.json.decode(row[0], type=result_type)
        patron = fees.payer(call, first) if isinstance(first, PaymentResult) else None
        return first if patron is None else replace(first, patron=patron)
    result = work(call)
    kept = fees.kept(result) if isinstance(result, PaymentResult) else result
    tx.run(
        f"UPDATE replays SET result = :result, event = :event WHERE {_THIS}",  # noqa: S608 - constant
        result=msgspec.json.encode(kept).decode(), event=call.event, **this,
    )  # fmt: skip
    return result


def repeated(
    call: Call, result_type: type[R], item: int, patron: int | None, *kinds: str
) -> R | None:
    """The first answer, if this is what the same account has just done from another connection:
    a terminal that lost its connection asks again with a new time, which makes a new key.

    Args:
        call: The repeat, perhaps.
        result_type: What it resulted in.
        item: Whose latest transaction has to be the first one.
        patron: For whom; None: for whomever.
        kinds: The events that it would write.
    """
    origin = call.origin
    if origin.request_key is None or origin.connection is None:
        return None
    row = call.tx.row(
        "SELECT latest.kind, latest.patron, replays.result FROM events AS latest"
        " JOIN replays ON replays.institution = latest.institution"
        " AND replays.event = latest.key AND replays.result <> ''"
        " WHERE latest.institution = :institution AND latest.key = (SELECT max(key) FROM events"
        " WHERE institution = :institution AND item = :item AND kind <> 'status-update')"
        " AND latest.account = :account AND latest.at >= :since"
        " AND replays.connection <> :connection",
        item=item, account=origin.account, since=to_database(call.now - A_MOMENT),
        connection=origin.connection,
    )  # fmt: skip
    if row is None or row[0] not in kinds or patron not in (None, row[1]):
        return None
    return msgspec.json.decode(row[2], type=result_type)


def prune(tx: Transaction, now: datetime) -> bool:
    """Forget results past their time, of all institutions; whether there may be more of them."""
    gone = tx.run(
        "DELETE FROM replays WHERE (institution, account, request_key) IN"
        " (SELECT institution, account, request_key FROM replays WHERE forget_at < :now"
        " AND (forget_at > 0 OR at < :yesterday) ORDER BY forget_at LIMIT :at_once)",
        now=to_database(now), at_once=AT_ONCE,
        yesterday=to_database(now - KEPT),  # of rows that an older version writes meanwhile
    )  # fmt: skip
    return gone == AT_ONCE
