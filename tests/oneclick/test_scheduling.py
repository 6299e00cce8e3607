"""What is due follows from what was done, whoever looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from bibliobus.app import App
from bibliobus.database import Transaction
from bibliobus.oneclick import runs
from bibliobus.oneclick.runs import Job, Outcome, Run
from bibliobus.oneclick.scheduling import due
from bibliobus.oneclick.settings import CollectionSettings

NOW = datetime(2016, 10, 24, 12, tzinfo=UTC)
IMPORT, DELTA, LOOK = Job.IMPORT, Job.DELTA, Job.AVAILABILITY
DONE, HELD, FAILED = Outcome.DONE, Outcome.HELD, Outcome.FAILED
History = list[tuple[Job, float, Outcome | None]]  # how many hours ago, and how it ended


def settings(**intervals: float) -> CollectionSettings:
    return replace(CollectionSettings(library_id=1, stage="qa", token="t"), **intervals)


def what_is_due(history: History, **intervals: float) -> Job | None:
    found = [
        Run(key=-n, collection="c", job=job, outcome=outcome, began_at=NOW - timedelta(hours=hours))
        for n, (job, hours, outcome) in enumerate(history)
    ]
    imported = any(job is not LOOK and outcome is DONE for job, _, outcome in history)
    return due(found, settings(**intervals), NOW, imported=imported)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], IMPORT),
        ([(IMPORT, 0.1, DONE)], LOOK),
        ([(LOOK, 1, DONE), (IMPORT, 1, DONE)], None),
        ([(LOOK, 4, DONE), (IMPORT, 5, DONE)], LOOK),
        ([(LOOK, 1, DONE), (IMPORT, 24, DONE)], DELTA),  # the import did what a delta does
        ([(LOOK, 1, DONE), (DELTA, 23, DONE), (IMPORT, 48, DONE)], None),
        ([(LOOK, 1, DONE), (DELTA, 24, DONE), (IMPORT, 48, DONE)], DELTA),
        ([(LOOK, 1, DONE), (DELTA, 1, DONE), (IMPORT, 7 * 24, DONE)], IMPORT),
        ([(IMPORT, 400 * 24, DONE)], IMPORT),  # once, after a year
    ],
)
def test_each_job_has_its_time(history: History, expected: Job | None) -> None:
    assert what_is_due(history) is expected


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([(IMPORT, 0.5, None)], None),  # at it, or cut off
        ([(IMPORT, 1, None)], IMPORT),
        ([(IMPORT, 0.9, FAILED)], None),
        ([(IMPORT, 1, FAILED)], IMPORT),
        ([(IMPORT, 1, FAILED), (IMPORT, 2, FAILED)], None),
        ([(IMPORT, 2, FAILED), (IMPORT, 3, FAILED)], IMPORT),
        ([(IMPORT, 23, FAILED), *[(IMPORT, 24, FAILED)] * 9], None),
        ([(IMPORT, 24, FAILED), *[(IMPORT, 48, FAILED)] * 9], IMPORT),
        ([(LOOK, 3, FAILED), *[(LOOK, 5, FAILED)] * 9, (IMPORT, 8, DONE)], None),
        ([(LOOK, 4, FAILED), *[(LOOK, 5, FAILED)] * 9, (IMPORT, 8, DONE)], LOOK),
        ([(IMPORT, 24, HELD)], None),  # for somebody to look at, until the next is due
        ([(IMPORT, 7 * 24, HELD)], IMPORT),
    ],
)
def test_what_failed_is_tried_again_less_and_less_often(
    history: History, expected: Job | None
) -> None:
    assert what_is_due(history) is expected


def test_a_clock_that_was_ahead_once_stops_nothing_for_long() -> None:
    assert what_is_due([(LOOK, -3, DONE), (IMPORT, 1, DONE)]) is None
    assert what_is_due([(LOOK, -400 * 24, DONE), (IMPORT, 1, DONE)]) is LOOK


def test_what_is_never_wanted_is_never_due() -> None:
    assert what_is_due([], import_days=0) is None
    never = {"delta_hours": 0.0, "availability_hours": 0.0}
    assert what_is_due([(IMPORT, 100, DONE)], **never) is None


async def test_years_of_looking_hide_no_import(app: App) -> None:
    """Thousands of runs are in the history, and only the last few of each job are read."""

    def remembered(tx: Transaction) -> None:
        def did(job: Job, hours: float, outcome: Outcome) -> None:
            run = runs.begin(tx, "c", job, NOW - timedelta(hours=hours))
            run.outcome, run.covers_until = outcome, NOW.date() if outcome is DONE else None
            runs.keep(tx, runs.row(run))

        did(IMPORT, 2, DONE)
        for _ in range(runs.RECENT + 1):
            did(IMPORT, 2, FAILED)
        for _ in range(3000):
            did(LOOK, 1, DONE)

    await app.database.write(remembered, "MAIN")

    found = await app.database.read(lambda tx: runs.history(tx, "c"), "MAIN")
    covered = await app.database.read(lambda tx: runs.covered_until(tx, "c"), "MAIN")

    assert covered == NOW.date()
    assert len(found) == 2 * runs.RECENT
    assert [run.key for run in found] == sorted((run.key for run in found), reverse=True)
    assert due(found, settings(), NOW, imported=covered is not None) is None
