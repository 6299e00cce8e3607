"""`bibliobus sandbox`: the pretended e-book vendor, alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import get_args

import click

from bibliobus.app import stop_signal
from bibliobus.running import loop_factory
from bibliobus.sandbox.vendor import Unreadable, Vendor, VendorSettings, serving_vendor
from bibliobus.sandbox.vendor.covers import can_draw
from bibliobus.sandbox.vendor.settings import Era, changed

_PATH = click.Path(path_type=Path)


@click.command(context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option("--port", type=click.IntRange(0, 65535), default=8081, help="0: a free one.")
@click.option("--host", default="127.0.0.1", help="Anybody who reaches it may do anything to it.")
@click.option("--catalogue", type=_PATH, help="A dump of media/all, instead of titles of its own.")
@click.option("--era", type=click.Choice(get_args(Era)), default="E1", help="How it speaks.")
@click.option("--library-id", type=click.IntRange(1, 2**31), default=1931)
@click.option("--token", metavar="GUID", default="", help="The partner token; else one is made.")
@click.option("--data", type=_PATH, help="Keep everything in this file.")
@click.option(
    "--set", "settings", metavar="NAME=VALUE", multiple=True,
    help="Any other setting, such as checkout_limit=3; the page has all of them.",
)  # fmt: skip
def sandbox(
    port: int,
    host: str,
    catalogue: Path | None,
    era: Era,
    library_id: int,
    token: str,
    data: Path | None,
    settings: tuple[str, ...],
) -> None:
    """Pretend to be the e-book vendor OneClickdigital, whose own service is gone.

    Prints a line that begins with `ready:`, with address, library id and token. The address is a
    page for a browser as well. Without --data everything is gone at the end. Ctrl-C stops it.
    """
    wanted = VendorSettings(library_id=library_id, token=token, era=era)
    try:
        wanted = changed(wanted, dict(map(_setting, settings)))
    except ValueError as error:
        raise click.UsageError(f"--set: {error}") from error
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_sandbox(host, port, wanted, catalogue, data))
    except (OSError, Unreadable) as error:
        raise click.ClickException(str(error)) from error


async def _sandbox(
    host: str, port: int, settings: VendorSettings, catalogue: Path | None, data: Path | None
) -> None:
    stopped = stop_signal()
    vendor = await asyncio.to_thread(Vendor.open, data, settings, catalogue=catalogue)
    try:
        if not can_draw():
            click.echo("There are no covers: they need Pillow, the extra `web`.")
        async with serving_vendor(vendor, host=host, port=port) as url:
            click.echo(
                f"ready: OneClickdigital sandbox at {url} library {vendor.settings.library_id}"
                f" token {vendor.settings.token}"
            )
            await stopped.wait()
    finally:
        vendor.close()


def _setting(text: str) -> tuple[str, str]:
    name, is_there, value = text.partition("=")
    if not is_there:
        raise click.UsageError(f"--set {text}: write NAME=VALUE.")
    return name, value
