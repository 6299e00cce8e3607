"""Which titles a library owns, where the vendor shows others, too: only its search says so.

A few libraries have the vendor list what they could buy. The whole catalogue does not tell those
titles from the library's own, and availability only says of what is available that it is owned.

Source: spec/oneclick-api 1.2, 1.7 (`interest`), 7 number 23.
"""

from __future__ import annotations

from bibliobus.oneclick.collecting import Collecting
from bibliobus.oneclick.parsing import Unreadable, parse_search_item
from bibliobus.oneclick.runs import Run


async def note_ownership(at: Collecting, run: Run) -> None:
    """Ask for all titles, a hundred at a time, and keep which are the library's."""
    known = await at.known()
    flags: dict[int, tuple[bool | None, bool | None]] = {}
    async for page in at.client.pages():
        run.counts.calls += 1
        for raw in page.items or ():
            try:
                found = parse_search_item(raw)
            except Unreadable as error:
                run.is_odd(error.isbn or "an entry of a search", error.reason)
                continue
            before = known.get(found.title.isbn or "")
            if before is None or before.withdrawn or before.owned is found.owned:
                continue
            flags[before.key] = (found.owned, before.available if found.owned else False)
    await at.set_flags(run, flags)
