"""`bibliobus wishlist`: what patrons would like to read, in numbers, for whoever buys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from bibliobus.cli import CONFIG, DATABASE, chosen_config, run
from bibliobus.config import Config

if TYPE_CHECKING:
    from bibliobus.oneclick.wishes import Wished

OWNED = {True: "owned", False: "not owned", None: ""}


@click.command()
@click.option("--collection", metavar="NAME", help="Only wishes of this one.")
@click.option("--institution", metavar="ID", help="Whose patrons, if there are several.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@CONFIG
@DATABASE
def report(
    collection: str | None,
    institution: str | None,
    as_json: bool,
    config_file: Path | None,
    database: str | None,
) -> None:
    """Count who wishes for which title, the most wished for first. It never says who.

    Days are by the library's clock.
    """
    config = chosen_config(config_file, database)
    if collection is not None and config.oneclick and collection not in config.oneclick:
        raise click.UsageError(f"Say --collection: one of {', '.join(config.oneclick)}.")
    run(_report(config, collection, institution, as_json=as_json))


async def _report(
    config: Config, collection: str | None, institution: str | None, *, as_json: bool
) -> None:
    from bibliobus.app import opened
    from bibliobus.oneclick import wishes

    async with opened(config, changes_it=False) as app:
        ids = [institution] if institution else list(app.institutions)
        if len(ids) != 1 or ids[0] not in app.institutions:
            raise click.UsageError(f"Say --institution: one of {', '.join(app.institutions)}.")
        wished = await app.database.read(lambda tx: wishes.report(tx, collection), ids[0])
        zone = app.institutions[ids[0]].time_zone
    if as_json:
        click.echo(json.dumps([_plain(each, zone) for each in wished], ensure_ascii=False))
    else:
        _tell(wished, zone)


def _plain(wished: Wished, zone: ZoneInfo) -> dict[str, object]:
    return {
        "isbn": wished.isbn,
        "title": wished.title,
        "medium": None if wished.medium is None else wished.medium.value,
        "patrons": wished.patrons,
        "owned": wished.owned,
        "first_wished_on": _day(wished.first_at, zone),
        "last_wished_on": _day(wished.last_at, zone),
    }


def _tell(wished: Sequence[Wished], zone: ZoneInfo) -> None:
    if not wished:
        click.echo("Nobody wishes for anything.")
        return
    rows = [("patrons", "isbn", "medium", "", "first wished", "last wished", "title")]
    rows += [
        (
            f"{each.patrons:,}", each.isbn, "" if each.medium is None else each.medium.value,
            OWNED[each.owned], _day(each.first_at, zone), _day(each.last_at, zone), each.title,
        )
        for each in wished
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        number, *texts, title = row
        cells = (text.ljust(width) for text, width in zip(texts, widths[1:], strict=False))
        click.echo("  ".join((number.rjust(widths[0]), *cells, title)))
    count = sum(each.patrons for each in wished)
    click.echo(f"{len(wished):,} titles, {count:,} wishes.")


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).date().isoformat()
