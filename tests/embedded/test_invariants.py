"""`doctor` finds nothing in a library that was used, and each thing that was broken by hand."""

from __future__ import annotations

from decimal import Decimal
from fnmatch import fnmatchcase

import pytest

from bibliobus.app import breaches
from bibliobus.database import Transaction
from bibliobus.embedded import EmbeddedILS, invariants
from bibliobus.embedded.invariants import INVARIANTS
from bibliobus.ils import Origin
from bibliobus.ils.library import Condition, FeeEntry, PatronEntry
from bibliobus.ils.library import Library as Document
from tests.support import SETTINGS, Library

LOAN = (
    "INSERT INTO loans (institution, patron, item, lent_at, due_at, renewals, no_block, ended_at)"
    " SELECT patrons.institution, patrons.key, items.key, 5, {due_at}, 0, FALSE, {ended_at}"
    " FROM patrons JOIN items ON items.institution = patrons.institution"
    " WHERE patrons.barcode = 'ada' AND items.barcode = 'in'"
)
EVENT = (
    "INSERT INTO events (institution, at, kind, door, item, loan)"
    " SELECT institution, 1, '{kind}', 'shell', item, key FROM loans"
    " WHERE item = (SELECT key FROM items WHERE barcode = '{item}')"
)
FEE = (
    "INSERT INTO fees (institution, patron, fee_type, amount, outstanding, currency, description,"
    " raised_at) SELECT institution, key, 1, -5, -5, 'EUR', 'Credit', 1"
    " FROM patrons WHERE barcode = 'ada'"
)
POSTING = (
    "INSERT INTO ledger_postings (institution, entry, account, amount, currency)"
    " SELECT institution, max(key), 'income', 5, 'EUR' FROM ledger_entries GROUP BY institution"
)
BROKEN = {
    "I1: Item out is on loan more than once.": [
        "DROP INDEX one_open_loan_per_item",
        LOAN.format(due_at=6, ended_at="NULL").replace("'in'", "'out'"),
    ],
    "I2: Item out is in two places: on loan, on the hold shelf, or on its way.": [
        "UPDATE items SET transit_to = 'South' WHERE barcode = 'out'"
    ],
    "I3: Item out was lent to a patron who had as many loans as allowed.": [
        "UPDATE loans SET charged_limit = 0 WHERE ended_at IS NULL"
    ],
    "I4: A loan of item in is due before it begins.": [LOAN.format(due_at=4, ended_at="7")],
    "I4: A loan of item in ended before it began.": [LOAN.format(due_at=6, ended_at="4")],
    "I5: The renewals of a loan of item out are not those of its history.": [
        "UPDATE loans SET renewals = 7 WHERE ended_at IS NULL"
    ],
    "I5: A loan of item out was renewed more often than allowed.": [
        "UPDATE loans SET renewal_limit = 0 WHERE ended_at IS NULL"
    ],
    "I6: A loan of item back is over, and its history goes on.": [
        EVENT.format(kind="renew", item="back"),
    ],
    "I7: A patron waits for 'Emma', and one behind them was served.": [
        "UPDATE holds SET priority = -1, waits_since = 0 WHERE copy IS NULL"
    ],
    "I8: A patron has more than one active hold on title *.": [
        "DROP INDEX one_active_hold_per_patron_and_title",
        "UPDATE holds SET patron = (SELECT key FROM patrons WHERE barcode = 'ada')",
    ],
    "I9: Hold * has no single beginning.": ["DELETE FROM events WHERE kind = 'hold'"],
    "I9: Hold * has an end without a reason, or a reason without an end.": [
        "UPDATE holds SET ended_at = 9 WHERE copy IS NULL"
    ],
    "I9: The end of hold * is not that of its history.": [
        "UPDATE holds SET ended_at = 9, ended_as = 'expired' WHERE copy IS NULL"
    ],
    "I10: Item kept waits for more than one patron.": [
        "DROP INDEX one_active_hold_per_copy",
        "UPDATE holds SET copy = (SELECT key FROM items WHERE barcode = 'kept')",
    ],
    "I11: The postings of ledger entry * do not add up to nothing.": [POSTING],
    "I11: What is owed of fee * is not what the ledger says.": [
        "UPDATE fees SET outstanding = 3 WHERE outstanding > 0"
    ],
    "I11: A posting for fee * is in another currency.": [
        "UPDATE fees SET currency = 'USD' WHERE outstanding > 0"
    ],
    "I12: The payment number T1 was booked more than once.": [
        "DROP INDEX one_payment_per_key",
        "UPDATE payments SET transaction_id = 'T1'",
    ],
    "I13: The amounts that payment * went to do not add up to it.": [
        "UPDATE payments SET amount = amount + 1"
    ],
    "I14: Patron ada owes something and has credit, so lists and sums disagree.": [FEE],
    "I15: Fee * was taken back, and not all of it or not once.": [
        "UPDATE fees SET amount = amount + 1 WHERE outstanding = 0"
    ],
    "I17: A request of terminal account kiosk was claimed and has no result.": [
        "UPDATE replays SET result = ''"
    ],
    "I33: A loan of item out began more than once.": [EVENT.format(kind="checkout", item="out")],
    "I33: A loan of item back is over, and nothing says who ended it.": [
        "DELETE FROM events WHERE kind = 'checkin'"
    ],
    "I33: A loan of item out is open, and something says that it ended.": [
        EVENT.format(kind="checkin", item="out")
    ],
}


def kiosk(key: bytes | None = None) -> Origin:
    return Origin(door="sip2", account="kiosk", request_key=key)


async def used(library: Library) -> None:
    """Loans that are open, renewed, over and undone; a lost item that was found; a hold that a
    copy waits for and one behind it; a fee that was paid in part, twice."""
    ada = PatronEntry(id="ada", name="Ada")
    fee = FeeEntry(patron="ada", amount=Decimal(9))
    await library.add(Document(institutions={"MAIN": SETTINGS}, patrons=(ada,), fees=(fee,)))
    await library.patron("ben")
    for barcode in ("out", "back", "in", "undone"):
        await library.item(barcode)
    await library.item("lost", price=Decimal(20))
    await library.item("kept", title="Emma")
    ils = library.app.institutions["MAIN"].ils
    assert isinstance(ils, EmbeddedILS)

    await ils.checkout("ada", "out", origin=kiosk(b"1"))
    await ils.renew("ada", item_id="out", origin=kiosk())
    await ils.checkout("ada", "back", origin=kiosk())
    await ils.checkin("back", origin=kiosk())
    await ils.checkout("ada", "undone", origin=kiosk())
    await ils.undo_checkout("undone", origin=kiosk())
    await ils.checkout("ada", "lost", origin=kiosk())
    await ils.mark("lost", Condition.LOST, origin=kiosk())
    await ils.checkin("lost", origin=kiosk())
    await ils.checkout("ada", "back", origin=kiosk())
    await ils.checkin("back", origin=kiosk())
    await ils.undo_checkin("back", origin=kiosk())
    await ils.checkin("back", origin=kiosk())
    await ils.add_hold("ben", item_id="kept", origin=kiosk())
    await ils.checkin("kept", origin=kiosk())
    await ils.add_hold("ada", item_id="kept", origin=kiosk())
    for device in ("T1", "T2"):
        await ils.pay_fee(
            "ada", Decimal(2), "", payment_type=0, transaction_id=device, origin=kiosk()
        )


async def test_finds_nothing_in_a_library_that_was_used(library: Library) -> None:
    await used(library)

    assert await breaches(library.app) == []


@pytest.mark.parametrize("sentence", BROKEN)
async def test_finds_what_was_broken_by_hand(library: Library, sentence: str) -> None:
    await used(library)
    for statement in BROKEN[sentence]:
        await library.app.database.write(lambda tx, sql=statement: tx.run(sql))  # type: ignore[misc]

    found = await breaches(library.app)

    assert any(fnmatchcase(each, f"MAIN: {sentence}") for each in found), found


async def test_looking_may_take_long(library: Library, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        return  # nothing is cut short there
    await used(library)

    def look_slowly(tx: Transaction) -> list[str]:
        tx.script("ALTER TABLE replays RENAME TO r")
        tx.script(
            "CREATE VIEW replays AS WITH all_of_it AS MATERIALIZED"
            " (SELECT *, pg_sleep(0.3)::text FROM r) SELECT * FROM all_of_it"
        )
        tx.script("SET statement_timeout = '100ms'")
        return list(invariants.breaches(tx))

    assert await library.app.database.read(look_slowly, "MAIN") == []


def test_each_invariant_is_broken_here_once() -> None:
    rules = [f"{each.number}: {each.breach}" for each in INVARIANTS]
    parts = [rule.replace("{!r}", "{}").split("{}") for rule in rules]

    assert len(BROKEN) == len(INVARIANTS)
    assert all(any(all(part in s for part in each) for s in BROKEN) for each in parts)
