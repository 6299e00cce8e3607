"""The demo: a library of well-known books, the e-book vendor that it buys from, and a door."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec.structs import replace

from bibliobus import jobs
from bibliobus.app import App, load, opened, serving, stop_signal
from bibliobus.config import Config, DatabaseConfig, SIPConfig
from bibliobus.jobs import Wanted
from bibliobus.oneclick import CollectionSettings
from bibliobus.oneclick.runs import Job
from bibliobus.sandbox import INTRODUCTION, demo_library
from bibliobus.sandbox.vendor import Vendor, serving_vendor
from bibliobus.terminals import ListenerSettings
from bibliobus.terminals.listening import SIP_ADDRESS, host_and_port, written_address

VENDOR_ADDRESS = "127.0.0.1:8081"
COLLECTION = "oneclick"


async def demo(folder: Path, *, url: str | None, sip: str | None, vendor: str | None) -> None:
    """Open everything, say where it is, and wait until somebody stops it.

    Args:
        folder: Where the vendor is kept, and the library unless `url` says otherwise.
        url: The library's database.
        sip: HOST:PORT of the SIP2 door; None: the usual one, or the next one that is free.
        vendor: HOST:PORT of the vendor, likewise.
    """
    library = demo_library(datetime.now(UTC))
    config = Config(
        database=DatabaseConfig(url=url or f"sqlite:///{folder / 'library.db'}"),
        institutions=library.institutions,
    )
    stopped = stop_signal()
    host, port = _address(sip, SIP_ADDRESS, "the SIP2 door", "--sip")
    async with _vendor(folder, vendor) as collection:
        config = replace(config, oneclick={COLLECTION: collection})
        async with opened(config, lends=True) as app:
            click.echo(f"The library is in {app.database.url}")
            await load(app, library, shared_hashes=True)
            await _import(app, config)
            listener = ListenerSettings(address=written_address(host, port))
            async with serving(app, SIPConfig(listeners=(listener,))) as addresses:
                click.echo(INTRODUCTION.format(host=host, port=port))
                click.echo(f"ready: SIP2 at {addresses[0]}; Ctrl-C stops it")
                await stopped.wait()


@asynccontextmanager
async def _vendor(folder: Path, address: str | None) -> AsyncIterator[CollectionSettings]:
    """The vendor, open, and what a library has to know of it."""
    host, port = _address(address, VENDOR_ADDRESS, "the vendor", "--vendor")
    vendor = await asyncio.to_thread(Vendor.open, folder / "vendor.db")
    try:
        async with serving_vendor(vendor, host=host, port=port) as url:
            settings = vendor.settings
            click.echo(
                f"The e-book vendor is at {url} (a sandbox: library {settings.library_id}, token"
                f" {settings.token}); open it in a browser"
            )
            yield CollectionSettings(
                institution="MAIN", library_id=settings.library_id, url=url, token=settings.token
            )
    finally:
        vendor.close()


async def _import(app: App, config: Config) -> None:
    """Do what is due to the vendor's collection: all of it, the first time."""
    (before,) = (await jobs.states(app, config)).values()
    state = before
    while state["due"] is not None:
        await jobs.do(app, config, COLLECTION, Wanted(Job(state["due"])))
        (state,) = (await jobs.states(app, config)).values()
    titles = sum(count["titles"] for count in state["titles"].values())
    when = "from the vendor" if before["covered_until"] is None else "before"
    click.echo(f"{titles} e-books and audiobooks were imported {when}.")


def _address(given: str | None, usual: str, what: str, option: str) -> tuple[str, int]:
    try:
        host, port = host_and_port(given or usual)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if given is not None:
        return host, port
    free = _free_port(host, port, option)
    if free != port:
        click.echo(f"Port {port} is taken, so {what} is at {free}.")
    return host, free


def _free_port(host: str, port: int, option: str) -> int:
    """`port`, or the next one that nobody listens at."""
    for each in range(port, port + 100):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, each))
            except OSError:
                continue
            return each
    raise click.ClickException(
        f"No port from {port} to {port + 99} is free; say {option} HOST:PORT."
    )
