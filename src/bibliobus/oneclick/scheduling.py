"""What is due: the jobs of a collection in their time, whoever looks at the clock.

Due is what the history says, so several servers that look at it agree, and one that was down for a
week does what it has missed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bibliobus.oneclick.runs import Job, Outcome, Run
from bibliobus.oneclick.settings import CollectionSettings

PATIENCE = timedelta(hours=1)  # after a run that failed


def due(history: Sequence[Run], settings: CollectionSettings, now: datetime) -> Job | None:
    """The job that is to be done next, if one is.

    Args:
        history: The runs of the collection, the latest first.
        settings: How often it wants to be looked at.
        now: The time.
    """
    imported = [run for run in history if run.job is Job.IMPORT]
    if _is_due(imported, timedelta(days=settings.import_days), now):
        return Job.IMPORT
    if not any(run.outcome is Outcome.DONE for run in imported):
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
    latest = history[0]
    if latest.outcome in (None, Outcome.FAILED):  # or cut off
        return now - latest.began_at >= min(PATIENCE, interval)
    return now - latest.began_at >= interval
