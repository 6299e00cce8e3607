"""Forgetting who read what, once nobody needs to know it any more.

A loan that ended some days ago is nobody's, unless something is owed on it or the patron wants to
keep a reading history. What it has left elsewhere goes with it: in events, in fees, in holds; and
all their moments become days, or the ledger's entry of the same microsecond, which nobody may
change, would tell whose loan it was. What remains says which item was lent on which day and where,
for statistics.

Source: spec/reliability 6.6 and I34.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bibliobus.database import to_database
from bibliobus.embedded.call import A_MOMENT, Call

DAY = to_database(datetime(1970, 1, 2, tzinfo=UTC))
AT_ONCE = 200  # loans, holds and fees each in one transaction

_LOANS = """
SELECT loans.key FROM loans
JOIN patrons ON patrons.institution = loans.institution AND patrons.key = loans.patron
WHERE loans.institution = :institution AND ended_at < :before AND loans.patron IS NOT NULL
    AND NOT keeps_history
    AND NOT EXISTS (SELECT 1 FROM fees WHERE fees.institution = loans.institution
        AND fees.loan = loans.key AND outstanding <> 0)
ORDER BY ended_at LIMIT :at_once"""
_HOLDS = """
SELECT holds.key FROM holds
JOIN patrons ON patrons.institution = holds.institution AND patrons.key = holds.patron
WHERE holds.institution = :institution AND ended_at < :before AND NOT keeps_history
ORDER BY holds.key LIMIT :at_once"""
_FEES = """
SELECT fees.key FROM fees
JOIN patrons ON patrons.institution = fees.institution AND patrons.key = fees.patron
WHERE fees.institution = :institution AND outstanding = 0 AND loan IS NULL AND title IS NOT NULL
    AND raised_at < :before AND NOT keeps_history
ORDER BY fees.key LIMIT :at_once"""
_FEE = """
UPDATE fees SET loan = NULL, item = NULL, title = NULL, description = '',
    raised_at = raised_at - raised_at % :day
WHERE institution = :institution AND """


def forget(call: Call) -> bool:
    """Cut what is old enough from its patrons, in one institution; whether there may be more."""
    kept = max(timedelta(days=call.policies.settings.history_days), A_MOMENT)
    bounds = {"before": to_database(call.now - kept), "at_once": AT_ONCE}
    loans = [key for (key,) in call.tx.rows(_LOANS, **bounds)]
    holds = [key for (key,) in call.tx.rows(_HOLDS, **bounds)]
    fees = [key for (key,) in call.tx.rows(_FEES, **bounds)]
    for loan in loans:
        for statement in (
            "UPDATE loans SET patron = NULL, lent_at = lent_at - lent_at % :day,"
            " due_at = due_at - due_at % :day, ended_at = ended_at - ended_at % :day"
            " WHERE institution = :institution AND key = :loan",
            "UPDATE events SET patron = NULL, before = NULL, at = at - at % :day"
            " WHERE institution = :institution AND loan = :loan AND item = (SELECT item FROM loans"
            " WHERE institution = :institution AND key = :loan)",
            _FEE + "loan = :loan",
        ):
            call.tx.run(statement, loan=loan, day=DAY)
    for hold in holds:
        call.tx.run(
            "UPDATE holds SET patron = NULL, placed_at = placed_at - placed_at % :day,"
            " waits_since = waits_since - waits_since % :day, ended_at = ended_at - ended_at % :day"
            " WHERE institution = :institution AND key = :hold",
            hold=hold,
            day=DAY,
        )
        call.tx.run(
            "UPDATE events SET patron = NULL, at = at - at % :day"
            " WHERE institution = :institution AND hold = :hold AND loan IS NULL",
            hold=hold,
            day=DAY,
        )
    for fee in fees:
        call.tx.run(_FEE + "key = :fee", fee=fee, day=DAY)
    return AT_ONCE in (len(loans), len(holds), len(fees))
