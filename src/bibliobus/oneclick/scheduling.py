"""What is due: the jobs of a collection in their time, whoever looks at the clock.

Due is what the history says, so several servers that look at it agree, and one that was down for a
week does what it has missed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from bibliobus.oneclick.runs import Job, Outcome, Run
from bibliobus.oneclick.settings import CollectionSettings

PATIENCE = timedelta(hours=1)  # after a run that failed; after each one more, twice as long
LONGEST = timedelta(days=1)


def due(
    history: Sequence[Run], settings: CollectionSettings, now: datetime, *, imported: bool
) -> Job | None:
    """The job that is to be done next, if one is.

    Args:
        history: The latest runs of each job, the latest first.
        settings: How often it wants to be looked at.
        now: The time.
        imported: Whether the catalogue was ever imported.
    """
    imports = [run for run in history if run.job is Job.IMPORT]
    if _is_due(imports, timedelta(days=settings.import_days), now):
        return Job.IMPORT
    if not imported:
        return None  # nothing to look at yet
    whole = [run for run in history if run.job in (Job.IMPORT, Job.DELTA)]
    if _is_due(whole, timedelta(hours=settings.delta_hours), now):
        return Job.DELTA
    looked = [run for run in history if run.job is Job.AVAILABILITY]
    if _is_due(looked, timedelta(hours=settings.availability_hours), now):
        return Job.AVAILABILITY
    return None


def _is_due(history: Sequence[Run], interval: timedelta, now: datetime) -> bool:
    """Whether it is time again, after these runs, the latest first."""
    if not interval:
        return False
    if not history:
        return True
    failed = len(list(takewhile(_has_failed, history)))
    if failed:
        interval = min(PATIENCE * 2 ** (failed - 1), LONGEST, interval)
    return abs(now - history[0].began_at) >= interval  # the clock may have been wrong, and ahead


def _has_failed(run: Run) -> bool:
    return run.outcome in (None, Outcome.FAILED)  # None: it was cut off
