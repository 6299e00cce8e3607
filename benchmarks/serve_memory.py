"""The demo library over MemoryILS behind the real terminals door: what the door alone costs.

    python benchmarks/serve_memory.py --sip 127.0.0.1:6001

It prints `ready` like the demo, and stops at Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bibliobus.app import stop_signal
from bibliobus.ils import Institution, Secret
from bibliobus.sandbox import demo_library
from bibliobus.terminals import Account, ListenerSettings, TerminalsDoor
from bibliobus.testing import MemoryILS


class _Listed:
    """Accounts in a dictionary."""

    version = 0

    def __init__(self, passwords: Mapping[str, str], institution: str) -> None:
        self._passwords, self._institution = passwords, institution

    def current(self, login: str) -> Account | None:
        return Account(login=login, institution=self._institution)

    async def sign_in(self, login: str, password: Secret) -> Account | None:
        known = self._passwords.get(login)
        if known is None or Secret(known) != password:
            return None
        return Account(login=login, institution=self._institution)


async def _serve(address: str) -> None:
    stopped = stop_signal()
    library = demo_library(datetime.now(UTC))
    ((id, settings),) = library.institutions.items()
    ils = MemoryILS(id, settings)
    ils.load(library)
    institution = Institution(
        id=id, name=settings.name, time_zone=ZoneInfo(settings.time_zone), ils=ils
    )
    accounts = _Listed({each.login: each.password for each in library.accounts}, id)
    door = TerminalsDoor({id: institution}, accounts)
    host, port = await door.listen(ListenerSettings(address=address))
    print(f"ready: SIP2 at {host}:{port}", flush=True)
    await stopped.wait()
    await door.close()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sip", default="127.0.0.1:6001", metavar="HOST:PORT")
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    arguments = parser.parse_args()
    factory = None
    if arguments.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(arguments.sip))


if __name__ == "__main__":
    main()
