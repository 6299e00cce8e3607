"""`bibliobus search`: the catalogue on the command line, as readers will see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import msgspec

from bibliobus.catalogue import Audience, Found, Medium, Results, Role, Search, search
from bibliobus.cli import CONFIG, DATABASE, chosen_config, run
from bibliobus.config import Config


@click.command("search", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1)
@click.option("--title", default="", help="Words of the title.")
@click.option("--author", default="", help="Words of an author's name.")
@click.option("--narrator", default="", help="Words of a narrator's name.")
@click.option("--series", default="", help="Words of the series' name.")
@click.option("--subject", default="", help="Words of a subject.")
@click.option("--isbn", default="", help="An ISBN of 10 or 13 digits.")
@click.option(
    "--medium", "media", type=click.Choice([each.value for each in Medium]), multiple=True
)
@click.option("--language", "languages", metavar="TAG", multiple=True, help="BCP 47: en, fr …")
@click.option(
    "--audience", "audiences", type=click.Choice([each.value for each in Audience]), multiple=True
)
@click.option("--genre", "genres", metavar="TOKEN", multiple=True, help="The vendor's: mystery …")
@click.option("--available", is_flag=True, help="What can be borrowed at once.")
@click.option("--owned", is_flag=True, help="What the library has.")
@click.option("--reader", "readers", metavar="TAG", multiple=True, help="The reader's languages.")
@click.option("--start", type=click.IntRange(0), default=0, help="How many to pass over.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--institution", metavar="ID", help="Whose catalogue, if there are several.")
@click.option("--json", "as_json", is_flag=True, help="Whole records, as JSON.")
@CONFIG
@DATABASE
def command(
    words: tuple[str, ...],
    readers: tuple[str, ...],
    start: int,
    limit: int,
    institution: str | None,
    as_json: bool,
    config_file: Path | None,
    database: str | None,
    **wanted: Any,  # Any: texts, choices and flags, which `msgspec` looks at
) -> None:
    """Find titles, whoever lends them: the nearest first.

    All WORDS have to be in a title's record. Slips of the pen are put right, and said.
    """
    given = {"text": " ".join(words), "reader_languages": readers or ("en",)} | wanted
    asked = msgspec.convert(given, Search)
    run(_search(chosen_config(config_file, database), asked, institution, start, limit, as_json))


async def _search(
    config: Config, asked: Search, institution: str | None, start: int, limit: int, as_json: bool
) -> None:
    from bibliobus.app import opened

    async with opened(config, changes_it=False) as app:
        ids = [institution] if institution else list(app.institutions)
        if len(ids) != 1 or ids[0] not in app.institutions:
            raise click.UsageError(f"Say --institution: one of {', '.join(app.institutions)}.")
        results = await app.database.read(
            lambda tx: search(
                tx, asked, start=start, limit=limit, free=app.embedded[ids[0]].lendable
            ),
            ids[0],
        )
    if as_json:
        click.echo(json.dumps(_plain(results), ensure_ascii=False))
    else:
        _tell(results)


def _tell(results: Results) -> None:
    if results.searched_for is not None:
        click.echo(f"Nothing has these words; this is for: {results.searched_for}")
    for found in results.found:
        click.echo(_line(found))
    shown, total = len(results.found), f"{results.total:,}" + ("+" if results.more else "")
    click.echo(f"{shown} of {total} titles." if results.total else "Nothing was found.")


def _line(found: Found) -> str:
    title = found.title
    by = ", ".join(each.name for each in title.by(Role.AUTHOR))
    facts = [title.medium.value, title.language or "", title.isbn or ""]
    if found.collection is not None:
        facts.append({True: "available", False: "on loan", None: ""}[found.available])
        facts.append("not owned" if found.owned is False else "")
    name = title.title if title.subtitle is None else f"{title.title}: {title.subtitle}"
    return f"{name}{' / ' + by if by else ''} ({', '.join(filter(None, facts))})"


def _plain(results: Results) -> dict[str, Any]:
    titles = [each._asdict() for each in results.found]
    plain: dict[str, Any] = msgspec.to_builtins(results._asdict() | {"found": titles})
    return plain
