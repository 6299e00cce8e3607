"""`bibliobus sip decode` and `sip lint`: what a terminal has said, and what is wrong with it."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from bibliobus.sip2 import PRESETS, Dialect, linting
from bibliobus.sip2.describing import (
    as_object,
    described,
    deviation_object,
    read_line,
)
from bibliobus.sip2.deviations import printable

F = TypeVar("F", bound=Callable[..., Any])

PROMPTS = {
    "login_password": ("Password of the terminal", "BIBLIOBUS_SIP_PASSWORD"),
    "terminal_password": ("Terminal password (AC)", "BIBLIOBUS_SIP_TERMINAL_PASSWORD"),
    "patron_password": ("PIN", "BIBLIOBUS_SIP_PIN"),
}
"""What is asked for each secret, and where a script may have put it instead."""


def dialect_options(command: F) -> F:
    """Options that say how messages are written; `chosen_dialect` takes their values."""
    for option in (
        click.option("--delimiter", help="What ends a field, if it is not |."),
        click.option("--encoding", help="Of the text, by Python's name; utf-8 unless said."),
        click.option(
            "--dialect", "preset", type=click.Choice(list(PRESETS)), help="A preset for both."
        ),
    ):
        command = option(command)
    return command


def chosen_dialect(preset: str | None, encoding: str | None, delimiter: str | None) -> Dialect:
    """The dialect that the options say.

    Raises:
        click.UsageError: There can be no such dialect.
    """
    dialect = PRESETS[preset] if preset else Dialect()
    try:
        return replace(
            dialect,
            encoding=encoding or dialect.encoding,
            delimiter=delimiter or dialect.delimiter,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def secret(name: str) -> str:
    """A password or PIN: from the environment, a line of a script, or typed and not shown."""
    prompt, variable = PROMPTS[name]
    if (known := os.environ.get(variable)) is not None:
        return known
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return getpass.getpass(f"{prompt}: ")


# ---------------------------------------------------------------- decode


@click.command()
@dialect_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def decode(preset: str | None, encoding: str | None, delimiter: str | None, as_json: bool) -> None:
    """Say what messages mean: one a line, from standard input.

    Passwords and PINs are shown as ***. A line may begin with "> " or "< ". Exit status 1: a line
    could not be read.
    """
    dialect = chosen_dialect(preset, encoding, delimiter)
    readable = True
    for raw in _lines(sys.stdin.buffer):
        line = read_line(raw, dialect)
        readable = readable and line.error is None
        if as_json:
            click.echo(json.dumps(as_object(line)))
        else:
            click.echo("\n".join(described(line)))
    if not readable:
        sys.exit(1)


def _lines(stream: Any) -> Iterator[bytes]:
    """Messages, however their lines end; empty lines are none."""
    for chunk in stream:
        for line in chunk.replace(b"\r", b"\n").split(b"\n"):
            _, raw = linting.unmarked(line)
            if raw:
                yield raw


# ---------------------------------------------------------------- lint


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@dialect_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding.")
def lint(
    file: Path, preset: str | None, encoding: str | None, delimiter: str | None, as_json: bool
) -> None:
    """Hold a captured dialogue against the standard.

    FILE (or - for standard input) has a message a line, after "> " if the terminal sent it and
    "< " if the library's system did, or the bare messages. Exit status 1: something is wrong;
    notes, which the standard allows, are not.
    """
    try:
        capture = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    wrong = notes = 0
    for finding in linting.lint(capture, chosen_dialect(preset, encoding, delimiter)):
        rule = finding.deviation.rule
        wrong, notes = wrong + (not rule.note), notes + rule.note
        if as_json:
            found = {"line": finding.line} | deviation_object(finding.deviation)
            click.echo(json.dumps(found))
        else:
            kind = "note" if rule.note else "wrong"
            click.echo(printable(f"{file}:{finding.line}: {kind}: {finding.deviation}"))
    if not as_json:
        click.echo(f"{wrong} wrong, {notes} to note")
    if wrong:
        sys.exit(1)
