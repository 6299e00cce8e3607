"""`bibliobus sip load`: many terminals at once, and a report of how a server took it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bibliobus.ils import Secret
from bibliobus.running import loop_factory
from bibliobus.sandbox.journal import Journal
from bibliobus.sandbox.simulator import Load, Simulator
from bibliobus.sandbox.tally import Tally
from bibliobus.sandbox.workload import barcodes, mix
from bibliobus.sip2 import ErrorDetection
from bibliobus.sip_commands import chosen_dialect, dialect_options, secret
from bibliobus.terminals.listening import host_and_port

_SHARE = click.FloatRange(0, 1)
_SECONDS = click.FloatRange(0, min_open=True)


def _read_by(
    read: Callable[[str], Any],
) -> Callable[[click.Context, click.Parameter, str], Any]:
    """An option's value as `read` has it, or what it ought to be."""

    def callback(context: click.Context, parameter: click.Parameter, text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return callback


@click.command(context_settings={"show_default": True})
@click.argument("host_port", metavar="HOST:PORT", callback=_read_by(host_and_port))
@click.option("--login", metavar="NAME", required=True, help="The password is asked for.")
@click.option(
    "--patrons", metavar="BARCODES", required=True, callback=_read_by(barcodes),
    help="Such as 'P[0000-0199],P17'; all with one PIN, which is asked for.",
)  # fmt: skip
@click.option(
    "--items", metavar="BARCODES", required=True, callback=_read_by(barcodes),
    help="That are in and may be lent.",
)  # fmt: skip
@click.option("--terminals", type=click.IntRange(1), default=16)
@click.option("--seconds", type=_SECONDS, default=10.0, help="How long to work.")
@click.option(
    "--mix", metavar="WEIGHTS", default="23=2,63=1,17=1,11=4", callback=_read_by(mix),
    help="Of 23, 63, 17, 11 (with its checkin) and 37 (a payment).",
)  # fmt: skip
@click.option("--rate", type=_SECONDS, help="Messages a second in all, if not as answers come.")
@click.option("--restamp", type=_SHARE, default=0.0, help="Share of repeats with a new time.")
@click.option("--timeout", type=_SECONDS, default=10.0, help="Seconds before asking again.")
@click.option(
    "--patience", type=click.FloatRange(0), default=10.0,
    help="Seconds to go on connecting and repeating when the server is gone.",
)  # fmt: skip
@click.option("--institution", metavar="ID", default="", help="AO, if not what the server says.")
@click.option("--currency", metavar="CODE", default="EUR", help="Of payments.")
@click.option("--journal", type=click.Path(path_type=Path), help="Keep all that is asked and told.")
@click.option("--seed", type=int, default=0, help="Of what is chosen by chance.")
@click.option("--no-error-detection", is_flag=True, help="Send neither numbers nor checksums.")
@dialect_options
def load(
    host_port: tuple[str, int],
    journal: Path | None,
    no_error_detection: bool,
    preset: str | None,
    encoding: str | None,
    delimiter: str | None,
    **options: Any,
) -> None:
    """Be many terminals that lend and ask, and say how a server took it.

    Each terminal has patrons and items of its own, so all that they ask should be granted. If a
    connection is lost, they connect again and repeat what was not answered. The password and the
    PIN (empty: none) are asked for; a script puts them in BIBLIOBUS_SIP_PASSWORD and
    BIBLIOBUS_SIP_PIN. Ctrl-C ends the work, and reports. Exit status 1: something was refused,
    wrong or not answered.
    """
    if min(len(options["patrons"]), len(options["items"])) < options["terminals"]:
        raise click.UsageError("Each terminal needs a patron and an item of its own.")
    dialect = chosen_dialect(preset, encoding, delimiter)
    if no_error_detection:
        dialect = replace(dialect, error_detection=ErrorDetection.OFF)
    password, pin = Secret(secret("login_password")), secret("patron_password")
    wanted = Load(
        address=host_port, password=password, pin=Secret(pin) if pin else None, dialect=dialect,
        **options,
    )  # fmt: skip
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            tally = runner.run(_simulated(wanted, journal))
    except OSError as error:
        raise click.ClickException(f"{journal}: {error.strerror}") from error
    click.echo("\n".join(tally.report()))
    if not tally.clean:
        sys.exit(1)


async def _simulated(wanted: Load, journal: Path | None) -> Tally:
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(Journal(journal)) if journal else None
        simulator = Simulator(wanted, kept)
        loop = asyncio.get_running_loop()

        def stop(how: signal.Signals) -> None:
            simulator.stop()
            loop.remove_signal_handler(how)  # the second time it ends at once

        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, stop, each)
        return await simulator.run()
