"""The command line. Each command imports what it needs when it runs, so `--help` is quick."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

import click

from bibliobus import __version__

if TYPE_CHECKING:  # what takes longer to import than `--help` may
    from pathlib import Path

    from bibliobus.config import Config, SIPConfig
    from bibliobus.terminals import Limits


class _LazyPath(click.Path):
    """`click.Path(path_type=Path)`, without pathlib until one is there."""

    def coerce_path_result(self, value: Any) -> Any:
        from pathlib import Path

        return Path(value)


CONFIG = click.option(
    "--config", "config_file", type=_LazyPath(), help="A configuration file (TOML)."
)
DATABASE = click.option(
    "--database", metavar="URL", help="sqlite:///PATH or postgresql://USER@HOST/NAME."
)

GUIDE = "config.json"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
def main(verbose: bool) -> None:
    """Bibliobus: one server between a library's terminals, its readers' apps and its ILS."""
    import logging

    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )


@main.command()
@click.option("--data", type=_LazyPath(), help="Keep the library in this folder.")
@click.option("--sip", metavar="HOST:PORT", help="The SIP2 door; 127.0.0.1:6001 unless taken.")
@click.option("--vendor", metavar="HOST:PORT", help="The vendor; 127.0.0.1:8081 unless taken.")
@DATABASE
def demo(data: Path | None, sip: str | None, vendor: str | None, database: str | None) -> None:
    """Make a library of well-known books and open its doors.

    It has an e-book vendor of its own, the sandbox, and imports its titles on the first start.
    Without --data the library lives in a temporary folder and is gone at the end.
    """
    import tempfile
    from pathlib import Path

    from bibliobus.demo import demo

    with tempfile.TemporaryDirectory(prefix="bibliobus-") as temporary:
        folder = data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run(demo(folder, url=database, sip=sip, vendor=vendor))


@main.command()
@CONFIG
@DATABASE
@click.option("--sip", metavar="HOST:PORT", multiple=True, help="The SIP2 door, instead.")
def serve(config_file: Path | None, database: str | None, sip: tuple[str, ...]) -> None:
    """Open the doors of the libraries in a database."""
    file = found_config(config_file, database)
    options = [*(("--config", str(file)) if file else ())]
    options += ("--database", database) if database else ()
    run(_serve(chosen_config(file, database), sip, options))


async def _serve(config: Config, sip: tuple[str, ...], options: list[str]) -> None:
    from bibliobus.app import opened, serving, stop_signal
    from bibliobus.jobs import keeping_up

    stopped = stop_signal()
    async with opened(config, lends=True) as app:
        if not app.institutions:
            raise click.ClickException(
                f"There is no institution in {app.database.url}. Add one to the configuration,"
                " or load a library: bibliobus load FILE.json"
            )
        doors = _sip_config(sip, config.sip.limits) if sip else config.sip
        async with (
            serving(app, doors, config.health) as addresses,
            keeping_up(app, config, options),
        ):
            click.echo(f"ready: SIP2 at {', '.join(addresses)}")
            await stopped.wait()


def _sip_config(addresses: tuple[str, ...], limits: Limits | None = None) -> SIPConfig:
    """Plain listeners at these addresses."""
    from bibliobus.config import SIPConfig
    from bibliobus.terminals import Limits, ListenerSettings

    try:
        listeners = tuple(ListenerSettings(address=each) for each in addresses)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return SIPConfig(listeners=listeners, limits=limits or Limits())


@main.command()
@CONFIG
@DATABASE
def migrate(config_file: Path | None, database: str | None) -> None:
    """Bring a database's schema up to date."""
    run(_migrate(chosen_config(config_file, database)))


async def _migrate(config: Config) -> None:
    from bibliobus.app import opened

    async with opened(config) as app:
        click.echo(f"{app.database.url} is up to date.")


@main.command()
@CONFIG
@DATABASE
def doctor(config_file: Path | None, database: str | None) -> None:
    """Look through a library for what must never be. Exit status 1: there is something."""
    run(_doctor(chosen_config(config_file, database)))


async def _doctor(config: Config) -> None:
    from bibliobus.app import breaches, opened

    async with opened(config, changes_it=False) as app:
        found = await breaches(app)
        for each in found:
            click.echo(each)
        if found:
            raise click.ClickException(f"{len(found)} breaches in {app.database.url}.")
        click.echo(f"Nothing is wrong with {app.database.url}.")


@main.command()
@click.argument("file", type=_LazyPath())
@CONFIG
@DATABASE
def load(file: Path, config_file: Path | None, database: str | None) -> None:
    """Load a whole small library from FILE, a JSON document.

    Patrons and items that are there already, by barcode, stay as they are.
    """
    run(_load(file, chosen_config(config_file, database)))


async def _load(file: Path, config: Config) -> None:
    import asyncio

    from bibliobus.app import load as load_into
    from bibliobus.app import opened
    from bibliobus.ils.library import read_library

    try:
        library = read_library(await asyncio.to_thread(file.read_bytes))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file}: {error}") from error
    async with opened(config) as app:
        await load_into(app, library)
        click.echo(
            f"Loaded {len(library.patrons)} patrons and {len(library.items)} items"
            f" for {', '.join(library.institutions)} into {app.database.url}."
        )


class Lazy(click.Group):
    """Commands that are imported when one of them is asked for.

    `modules` has the module of each by its name; the module calls it the same.
    """

    modules: ClassVar[dict[str, str]]

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.modules)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        from importlib import import_module
        from keyword import iskeyword

        if name not in self.modules:
            return None
        module = import_module(f"bibliobus.{self.modules[name]}")
        command: click.Command = getattr(module, f"{name}_" if iskeyword(name) else name)
        return command


class _SIP(Lazy):
    modules: ClassVar = {
        "decode": "sip_commands",
        "lint": "sip_commands",
        "load": "sip_load",
        "talk": "sip_talk",
    }


class _Terminal(Lazy):
    modules: ClassVar = dict.fromkeys(("add", "list", "revoke"), "terminal_commands")


class _OneClick(Lazy):
    modules: ClassVar = dict.fromkeys(
        ("import", "delta", "availability", "status", "agree"), "oneclick_commands"
    )


class _Wishlist(Lazy):
    modules: ClassVar = {"report": "wishlist_commands"}


@main.group(cls=_SIP)
def sip() -> None:
    """Tools for SIP2: what a line means, what is wrong with a dialogue, a terminal, and many."""


@main.group(cls=_Terminal)
def terminal() -> None:
    """Who may connect to the SIP2 door, and as what."""


@main.group(cls=_OneClick)
def oneclick() -> None:
    """The e-book vendor OneClickdigital: its catalogue, and what can be borrowed."""


@main.group(cls=_Wishlist)
def wishlist() -> None:
    """What patrons would like to read of vendors, whether or not the library has it."""


_WHOEVER = {"add_help_option": False, "context_settings": {"ignore_unknown_options": True}}
"""A command whose options are another module's, which is imported when it runs."""


@main.command(**_WHOEVER)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def search(arguments: tuple[str, ...]) -> None:
    """Find titles in a library's catalogue, whoever lends them."""
    from importlib import import_module

    command = import_module("bibliobus.search_command").command  # which imports this module
    command.main(arguments, prog_name="bibliobus search")


@main.command(**_WHOEVER)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Pretend to be the e-book vendor OneClickdigital, whose own service is gone."""
    from bibliobus.sandbox_commands import sandbox as command

    command.main(arguments, prog_name="bibliobus sandbox")


@main.group()
def config() -> None:
    """The configuration file."""


@config.command("check")
@click.argument("file", type=_LazyPath())
def check_config(file: Path) -> None:
    """Say what is wrong with a configuration, without touching the library."""
    from bibliobus.app import check
    from bibliobus.config import ConfigError, read_config

    try:
        settings = read_config(file)
        check(settings)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    for each in settings.sip.listeners:
        if each.allow_plaintext_networks:
            networks = ", ".join(each.allow_plaintext_networks)
            click.echo(
                f"{each.address} is plain SIP2: from {networks}, PINs can be read on the way."
            )
    click.echo(f"{file} is right.")


@main.group()
def item() -> None:
    """What staff say of items."""


@item.command()
@click.argument("barcode")
@click.argument("condition")
@click.option("--institution", metavar="ID", help="Whose item it is, if there are several.")
@CONFIG
@DATABASE
def mark(
    barcode: str,
    condition: str,
    institution: str | None,
    config_file: Path | None,
    database: str | None,
) -> None:
    """Say that an item is lost, missing, damaged, claimed-returned, withdrawn … or found.

    One that is lost while it is on loan is charged to the patron; as soon as it is anything else,
    or comes back, that is taken back.
    """
    run(_mark(barcode, condition, institution, chosen_config(config_file, database)))


async def _mark(barcode: str, condition: str, institution: str | None, config: Config) -> None:
    from bibliobus.app import opened
    from bibliobus.ils import Origin
    from bibliobus.ils.library import Condition

    known = {each.value: each for each in Condition}
    if condition not in {"found", *known}:
        raise click.UsageError(f"CONDITION is found, {', '.join(known)}; not {condition!r}.")
    async with opened(config, changes_it=False) as app:
        ids = [institution] if institution else list(app.embedded)
        if len(ids) != 1 or ids[0] not in app.embedded:
            raise click.UsageError(f"Say --institution: one of {', '.join(app.embedded)}.")
        ils = app.embedded[ids[0]]
        marked = await ils.mark(barcode, known.get(condition), origin=Origin(door="shell"))
        click.echo(f"{marked.id} ({marked.title_id}) is {condition}.")


def found_config(config_file: Path | None, database: str | None) -> Path | None:
    """The configuration's file: the one that is given, or, if nothing else is said, the
    `config.json` of a vendor's guide that lies here."""
    from pathlib import Path

    if config_file is None and database is None and Path(GUIDE).exists():
        return Path(GUIDE)
    return config_file


def chosen_config(config_file: Path | None, database: str | None) -> Config:
    """What the options say: a file, a database, or a file whose database is another one."""
    from msgspec.structs import replace

    from bibliobus.config import Config, ConfigError, DatabaseConfig, read_config

    config_file = found_config(config_file, database)
    if config_file is None and database is None:
        raise click.UsageError("Say which library: --config FILE or --database URL.")
    try:
        config = Config() if config_file is None else read_config(config_file)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    return replace(config, database=DatabaseConfig(url=database)) if database else config


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's work to its end, and tell what stopped it in a sentence."""
    import asyncio

    from bibliobus.config import ConfigError
    from bibliobus.database import DatabaseError
    from bibliobus.ils import CirculationError
    from bibliobus.running import loop_factory

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(work)
    except (CirculationError, ConfigError, DatabaseError, OSError) as error:
        raise click.ClickException(str(error)) from error
