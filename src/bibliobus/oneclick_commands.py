"""`bibliobus oneclick`: a vendor's catalogue in ours, and what of it can be borrowed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bibliobus.cli import CONFIG, DATABASE, chosen_config, run
from bibliobus.config import Config

if TYPE_CHECKING:
    from bibliobus.jobs import Wanted
    from bibliobus.oneclick.runs import Run

COLLECTION = click.option(
    "--collection", metavar="NAME", help="Which of the configuration's, if there are several."
)
SHRINKING = click.option(
    "--allow-shrinking", is_flag=True, help="However many titles go, take them away."
)
IF_DUE = click.option("--if-due", is_flag=True, help="Do it only if its time has come.")
JSON = click.option("--json", "as_json", is_flag=True, help="Tell what was done as JSON.")

MOST_SHOWN = 20  # odd records


def _job(command: Callable[..., None]) -> click.Command:
    """The options that all jobs have."""
    for option in (COLLECTION, SHRINKING, IF_DUE, JSON, CONFIG, DATABASE):
        command = option(command)
    return click.command(command)


@_job
@click.option("--again", is_flag=True, help="Even if it was fetched within the last day.")
def import_(again: bool, **options: Any) -> None:  # Any: those of `_job`
    """Import the whole catalogue of OneClickdigital, by one call of the vendor.

    What was cut off goes on where it was. Titles that are in the catalogue no more are withdrawn.
    """
    _run("import", again=again, **options)


@_job
def delta(**options: Any) -> None:
    """Apply what came into OneClickdigital's catalogue and what left it since the last time."""
    _run("delta", **options)


@_job
def availability(**options: Any) -> None:
    """Find out which titles of OneClickdigital can be borrowed now."""
    _run("availability", **options)


@click.command()
@JSON
@CONFIG
@DATABASE
def status(as_json: bool, config_file: Path | None, database: str | None) -> None:
    """Tell what is in the collections, and what was done last."""
    run(_status(chosen_config(config_file, database), as_json=as_json))


@click.command()
@click.argument("card")
@click.option("--card", "its_card", is_flag=True, help="The number of their card.")
@click.option("--name", is_flag=True, help="Their name.")
@click.option("--email", is_flag=True, help="Their e-mail address.")
@COLLECTION
@CONFIG
@DATABASE
def agree(
    card: str,
    its_card: bool,
    name: bool,
    email: bool,
    collection: str | None,
    config_file: Path | None,
    database: str | None,
) -> None:
    """Note what OneClickdigital may learn of a patron, who has agreed to it: without an option,
    nothing.

    It learns that when the patron's account is made there, by their first loan, and only as far as
    the collection's setting `shares` says so, too.
    """
    config = chosen_config(config_file, database)
    given = {"card": its_card, "name": name, "email": email}
    shared = frozenset(what for what, may in given.items() if may)
    run(_agree(config, _one_of(config, collection), card, shared))


async def _agree(config: Config, name: str, card: str, shared: frozenset[str]) -> None:
    from bibliobus.app import opened
    from bibliobus.ils import PatronNotFound

    async with opened(config, changes_it=False, lends=True) as app:
        try:
            await app.collections[name].agree(card, shared)
        except PatronNotFound:
            raise click.ClickException(f"no patron has the card {card}") from None
    learns = shared & frozenset(config.oneclick[name].shares)
    told = ", ".join(sorted(learns)) or "nothing"
    click.echo(f"From their first loan on, the vendor learns of them: {told}.")


def _run(
    job: str,
    *,
    collection: str | None,
    allow_shrinking: bool,
    if_due: bool,
    as_json: bool,
    config_file: Path | None,
    database: str | None,
    again: bool = False,
) -> None:
    from bibliobus.jobs import Wanted
    from bibliobus.oneclick.runs import Job

    config = chosen_config(config_file, database)
    wanted = Wanted(Job(job), again=again, may_shrink=allow_shrinking, if_due=if_due)
    run(_do(config, _one_of(config, collection), wanted, as_json=as_json))


async def _do(config: Config, collection: str, wanted: Wanted, *, as_json: bool) -> None:
    from datetime import UTC, datetime

    from bibliobus.app import opened
    from bibliobus.jobs import do, last_run
    from bibliobus.oneclick import VendorError
    from bibliobus.oneclick.collecting import JobError
    from bibliobus.oneclick.runs import Job
    from bibliobus.oneclick.spool import NotACatalogue

    words = {
        Job.IMPORT: "Importing the catalogue", Job.DELTA: "Applying the catalogue's delta",
        Job.AVAILABILITY: "Updating the availability",
    }  # fmt: skip
    library, began = config.oneclick[collection].library_id, datetime.now(UTC)
    async with opened(config, changes_it=False) as app:
        click.echo(f"{words[wanted.job]} of library {library}", err=as_json)
        progress = _Progress(hidden=as_json)
        try:
            done = await do(app, config, collection, wanted, tell=progress)
        except (JobError, NotACatalogue, VendorError) as error:
            last = await last_run(app, config, collection, wanted.job)
            if last is not None and last.began_at >= began and last.counts.received:
                _tell(last, as_json=as_json)  # it may have done something
            raise click.ClickException(str(error)) from error
        finally:
            progress.finish()
        if done is None:
            click.echo("Its time has not come, or another process is at it.", err=as_json)
        else:
            _tell(done, as_json=as_json)


def _tell(done: Run, *, as_json: bool) -> None:
    from bibliobus.oneclick.runs import Outcome

    if as_json:
        click.echo(json.dumps(_plain(done)))
        return
    if done.note and done.outcome is Outcome.DONE:
        click.echo(f"Because {done.note}, all of the catalogue was imported.")
    click.echo(f"{done.counts}.")
    media = ", ".join(f"{count:,} {medium}" for medium, count in sorted(done.counts.media.items()))
    if media:
        click.echo(f"By medium: {media}.")
    for odd in done.odd[:MOST_SHOWN]:
        click.echo(f"  {odd.what}: {odd.reason}")
    if done.counts.unreadable > MOST_SHOWN:
        click.echo(f"  … and {done.counts.unreadable - MOST_SHOWN:,} more: see --json.")


class _Progress:
    """How far a job is: a bar on a terminal, a line now and then in a log."""

    def __init__(self, *, hidden: bool) -> None:
        self._hidden, self._told = hidden, 0
        self._bar: Any = None  # click does not name the type of its bars

    def __call__(self, done: int, of: int) -> None:
        if self._hidden:
            return
        if not sys.stdout.isatty():
            tenths = done * 10 // max(of, 1)
            if tenths > self._told:
                click.echo(f"{tenths * 10} %")
                self._told = tenths
            return
        if self._bar is None:
            self._bar = click.progressbar(length=of, show_pos=False)
        self._bar.update(done - self._told)
        self._told = done

    def finish(self) -> None:
        """Leave the line."""
        if self._bar is not None:
            self._bar.render_finish()


async def _status(config: Config, *, as_json: bool) -> None:
    from bibliobus.app import opened
    from bibliobus.jobs import states

    async with opened(config, changes_it=False) as app:
        found = await states(app, config)
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, state in found.items():
        click.echo(f"{name}: library {state['library_id']} of {state['institution']}")
        click.echo(f"  complete until {state['covered_until'] or '(never imported)'}")
        for medium, count in state["titles"].items():
            click.echo(
                f"  {medium}: {count['titles']:,} titles, {count['owned']:,} owned,"
                f" {count['available']:,} available, {count['withdrawn']:,} withdrawn"
            )
        lending = state["lending"]
        click.echo(
            f"  lending: {lending['patrons']:,} patrons, {lending['loans']:,} loans,"
            f" {lending['holds']:,} holds, {lending['under_way']:,} under way"
        )
        for each in state["runs"]:
            ended = each["outcome"] or "not ended"
            note = f" ({each['note']})" if each["note"] else ""
            click.echo(f"  {each['began_at'][:16]} {each['job']}: {ended}. {each['told']}{note}")
        click.echo(f"  next: {state['due'] or 'nothing is due'}")


def _plain(done: Run) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(done)
    return plain


def _one_of(config: Config, collection: str | None) -> str:
    names = list(config.oneclick)
    if collection is None and len(names) == 1:
        return names[0]
    if collection in names:
        return str(collection)
    if not names:
        raise click.ClickException(
            "The configuration has no collection of OneClickdigital: add a section"
            " [oneclick.NAME] with library_id, url and token_file."
        )
    raise click.UsageError(f"Say --collection: one of {', '.join(names)}.")
