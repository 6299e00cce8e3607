"""A process of its own that borrows as it is told, a line each, until it is killed.

The first line is the configuration; then come the acts, and each is answered by what the port gave.
"""

from __future__ import annotations

import asyncio
import json
import sys

import msgspec

from bibliobus.app import opened
from bibliobus.config import Config
from bibliobus.ils import CirculationError
from bibliobus.oneclick import OneClickCollection
from tests.faults.chaos import act


async def main() -> None:
    config = msgspec.json.decode(sys.stdin.readline(), type=Config)
    async with opened(config, changes_it=False, lends=True) as app:
        collection = app.institutions["MAIN"].collections["oneclick"]
        assert isinstance(collection, OneClickCollection)
        say({"ready": True})
        while line := await asyncio.to_thread(sys.stdin.readline):
            say(await answered(collection, **json.loads(line)))


async def answered(
    collection: OneClickCollection, what: str, patron: str, isbn: str
) -> dict[str, object]:
    try:
        result = await act(collection, what, patron, isbn)
    except CirculationError as error:
        return {"no": type(error).__name__}
    return {"result": msgspec.to_builtins(result)}


def say(told: dict[str, object]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
