"""`bibliobus terminal add`, `list` and `revoke`: the accounts of terminals."""

from __future__ import annotations

import secrets
import tomllib
from pathlib import Path

import click

from bibliobus.cli import CONFIG, DATABASE, chosen_config, run
from bibliobus.config import Config
from bibliobus.ils.library import AccountEntry
from bibliobus.sip2 import PRESETS
from bibliobus.terminals import Role


@click.command()
@click.argument("login")
@click.option("--institution", metavar="ID", help="Whose terminal it is, if there are several.")
@click.option("--location", help="Where it stands, unless it says so itself.")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]),
    help="What it is for, and so what it may do; self-check unless said elsewhere.",
)  # fmt: skip
@click.option("--dialect", type=click.Choice(list(PRESETS)), help="How it is written to.")
@click.option(
    "--set", "settings", metavar="NAME=VALUE", multiple=True,
    help="Any other setting, as in [institutions.….terminals] of the configuration.",
)  # fmt: skip
@click.option("--ask-password", is_flag=True, help="Type a password instead of getting one.")
@click.option("--new-password", is_flag=True, help="For a terminal that is known: another one.")
@CONFIG
@DATABASE
def add(
    login: str,
    institution: str | None,
    location: str | None,
    role: str | None,
    dialect: str | None,
    settings: tuple[str, ...],
    ask_password: bool,
    new_password: bool,
    config_file: Path | None,
    database: str | None,
) -> None:
    """Let a terminal log in as LOGIN, or change what is said about it and leave the rest.

    Prints the password of a new one, once. A terminal that is connected keeps its connection, and
    has its new settings a second later.
    """
    given = ({"role": role} if role else {}) | dict(map(_setting, settings))
    password = ""
    if ask_password:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    entry = AccountEntry(
        login=login, password=password, institution=institution or "", location=location,
        dialect=dialect, settings=given,
    )  # fmt: skip
    run(_add(entry, chosen_config(config_file, database), new_password=new_password))


async def _add(entry: AccountEntry, config: Config, *, new_password: bool) -> None:
    from msgspec.structs import replace

    from bibliobus.app import add_terminal, opened

    async with opened(config, changes_it=False) as app:
        known = entry.login in {account.login for account in app.accounts.all()}
        made = not entry.password and (new_password or not known)
        if made:
            entry = replace(entry, password=secrets.token_urlsafe(16))
        await add_terminal(app, entry)
        click.echo(f"{entry.login} is {'changed' if known else 'new'}.")
        if made:
            click.echo(f"Its password: {entry.password}")


def _setting(text: str) -> tuple[str, object]:
    """NAME=VALUE, the value as TOML has it; a text needs no quotes."""
    name, is_there, value = text.partition("=")
    if not is_there:
        raise click.UsageError(f"--set {text}: write NAME=VALUE.")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


@click.command()
@CONFIG
@DATABASE
def list(config_file: Path | None, database: str | None) -> None:
    """Say which terminals may log in."""
    run(_list(chosen_config(config_file, database)))


async def _list(config: Config) -> None:
    from bibliobus.app import opened

    async with opened(config, changes_it=False) as app:
        for account in app.accounts.all():
            place = f", {account.location}" if account.location else ""
            click.echo(f"{account.login}: {account.settings.role}, {account.institution}{place}")


@click.command()
@click.argument("login")
@CONFIG
@DATABASE
def revoke(login: str, config_file: Path | None, database: str | None) -> None:
    """Let a terminal log in no more, and cut it off within two seconds."""
    run(_revoke(login, chosen_config(config_file, database)))


async def _revoke(login: str, config: Config) -> None:
    from bibliobus.app import opened
    from bibliobus.terminals import revoke_account

    async with opened(config, changes_it=False) as app:
        if not await app.database.write(lambda tx: revoke_account(tx, login)):
            raise click.ClickException(f"There is no terminal {login!r}.")
        click.echo(f"{login} cannot log in any more.")
