"""`doctor` finds nothing in a library that was used, and each thing that was broken by hand."""

from __future__ import annotations

import pytest

from bibliobus.app import breaches
from bibliobus.embedded.invariants import INVARIANTS
from bibliobus.ils import Origin
from tests.support import Library

LOAN = (
    "INSERT INTO loans (institution, patron, item, lent_at, due_at, renewals, no_block, ended_at)"
    " SELECT patrons.institution, patrons.key, items.key, 5, {due_at}, 0, FALSE, {ended_at}"
    " FROM patrons JOIN items ON items.institution = patrons.institution"
    " WHERE items.barcode = 'in'"
)
EVENT = (
    "INSERT INTO events (institution, at, kind, door, loan)"
    " SELECT institution, 1, '{kind}', 'shell', key FROM loans WHERE {which}"
)
BROKEN = {
    "Item out is on loan more than once.": [
        "DROP INDEX one_open_loan_per_item",
        LOAN.format(due_at=6, ended_at="NULL").replace("'in'", "'out'"),
    ],
    "A loan of item in is due before it begins.": [LOAN.format(due_at=4, ended_at="7")],
    "A loan of item in ended before it began.": [LOAN.format(due_at=6, ended_at="4")],
    "The renewals of a loan of item out are not those of its history.": [
        "UPDATE loans SET renewals = 7 WHERE ended_at IS NULL"
    ],
    "A loan of item back has a history after its end.": [
        EVENT.format(kind="renew", which="ended_at IS NOT NULL"),
        "UPDATE loans SET renewals = 1 WHERE ended_at IS NOT NULL",
    ],
    "A request of terminal account kiosk was claimed and has no result.": [
        "UPDATE replays SET result = ''"
    ],
    "A loan of item out began more than once.": [
        EVENT.format(kind="checkout", which="ended_at IS NULL")
    ],
    "A loan of item back is over, and nothing says who ended it.": [
        "DELETE FROM events WHERE kind = 'checkin'"
    ],
    "A loan of item out is open, and something says that it ended.": [
        EVENT.format(kind="checkin", which="ended_at IS NULL")
    ],
}


async def used(library: Library) -> None:
    """A loan that is open and was renewed, and one that is over."""
    await library.patron("ada")
    for barcode in ("out", "back", "in"):
        await library.item(barcode)
    ils = library.app.institutions["MAIN"].ils
    origin = Origin(door="sip2", account="kiosk", request_key=b"1")
    await ils.checkout("ada", "out", origin=origin)
    await ils.renew("ada", item_id="out", origin=Origin(door="sip2"))
    await ils.checkout("ada", "back", origin=Origin(door="sip2"))
    await ils.checkin("back", origin=Origin(door="sip2"))


async def test_finds_nothing_in_a_library_that_was_used(library: Library) -> None:
    await used(library)

    assert await breaches(library.app) == []


@pytest.mark.parametrize("sentence", BROKEN)
async def test_finds_what_was_broken_by_hand(library: Library, sentence: str) -> None:
    await used(library)
    for statement in BROKEN[sentence]:
        await library.app.database.write(lambda tx, sql=statement: tx.run(sql))  # type: ignore[misc]

    found = await breaches(library.app)

    assert any(each.startswith("MAIN: I") and each.endswith(sentence) for each in found), found


def test_each_invariant_is_broken_here_once() -> None:
    sentences = [each.breach.split("{}") for each in INVARIANTS]

    assert len(BROKEN) == len(INVARIANTS)
    assert all(any(all(part in s for part in parts) for s in BROKEN) for parts in sentences)
