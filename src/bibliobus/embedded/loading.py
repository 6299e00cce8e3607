"""Filling a database with a whole small library, and reading back which institutions it has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bibliobus.catalogue import index_titles
from bibliobus.database import Transaction, to_database
from bibliobus.embedded.call import Call
from bibliobus.embedded.fees import About, raise_fee
from bibliobus.embedded.holds import of_patron_on_title, place
from bibliobus.embedded.patrons import key_of
from bibliobus.ils import Origin
from bibliobus.ils.library import (
    HoldEntry,
    InstitutionSettings,
    ItemEntry,
    Library,
    LoanEntry,
    PatronEntry,
)
from bibliobus.ils.money import to_minor
from bibliobus.ils.policy import Policies


class CurrencyInUse(ValueError):
    """Amounts that are still owed are in another currency."""


def load_institution(tx: Transaction, id: str, settings: InstitutionSettings) -> None:
    """Add an institution, or give the one that is there these settings.

    Raises:
        CurrencyInUse: Somebody owes it something in another currency.
    """
    tx.institution = id
    owed = tx.row(
        "SELECT currency FROM fees WHERE institution = :institution AND outstanding <> 0"
        " AND currency <> :currency LIMIT 1",
        currency=settings.currency,
    )
    if owed is not None:
        raise CurrencyInUse(
            f"{id}: the currency cannot become {settings.currency} while patrons owe {owed[0]}."
        )
    tx.run(
        "INSERT INTO institutions (id, settings) VALUES (:id, :settings)"
        " ON CONFLICT (id) DO UPDATE SET settings = excluded.settings",
        id=id, settings=msgspec.json.encode(settings).decode(),
    )  # fmt: skip


def stored_institutions(tx: Transaction) -> dict[str, InstitutionSettings]:
    """The institutions in this database, by id."""
    rows = tx.rows("SELECT id, settings FROM institutions ORDER BY id")
    return {id: msgspec.json.decode(text, type=InstitutionSettings) for id, text in rows}


def load_library(
    tx: Transaction,
    library: Library,
    pin_hashes: Mapping[tuple[str | None, str], str],
    now: datetime,
) -> None:
    """Add the patrons, titles, items, loans, holds and fees of one institution, `tx.institution`.

    Whoever and whatever is there already, by barcode, is left as it is: loading twice adds
    nothing, and lends nothing again that has come back.

    Args:
        tx: The transaction, in the institution's name.
        library: All of it belongs to this institution (see `Library.of`).
        pin_hashes: The hash of each patron's PIN, by their entry's institution and id.
        now: When its holds were placed and its fees raised.
    """
    policies = Policies(library.institutions[tx.institution])
    call = Call(tx, policies, Origin(door="shell"), lambda: now)
    patrons = {
        patron.id
        for patron in library.patrons
        if _load_patron(tx, patron, pin_hashes.get((patron.institution, patron.id)))
    }
    titles: dict[tuple[str, str | None], int] = {}
    items = {item.id for item in library.items if _load_item(call, item, titles)}
    for loan in library.loans:
        if loan.item in items:
            _load_loan(tx, loan)
    for hold in library.holds:
        if hold.item in items:
            _load_hold(call, hold)
    index_titles(tx)
    for fee in library.fees:
        if fee.patron in patrons:
            raise_fee(
                call, key_of(tx, fee.patron), to_minor(fee.amount, policies.currency),
                fee_type=fee.fee_type, currency=policies.currency,
                description=fee.description, about=About(),
            )  # fmt: skip


def _load_patron(tx: Transaction, patron: PatronEntry, pin_hash: str | None) -> bool:
    """Add a patron; whether they are new."""
    added = tx.run(
        "INSERT INTO patrons (institution, barcode, name, pin_hash, address, email_addr,"
        " home_phone, birth_on, expires_on, ptype, home_library, inet_privileges, language,"
        " charge_ok, renew_ok, recall_ok, hold_ok, card_lost, blocked_because, screen_message,"
        " keeps_history)"
        " VALUES (:institution, :id, :name, :pin_hash, :address, :email,"
        " :phone, :birth_on, :expires_on, :patron_class, :home_library, :internet, :language,"
        " :charge_ok, :renew_ok, :recall_ok, :hold_ok, :card_lost, :blocked_because,"
        " :screen_msg, :keeps_history)"
        " ON CONFLICT (institution, barcode) DO NOTHING",
        **msgspec.structs.asdict(patron)
        | {
            "pin": None,
            "pin_hash": pin_hash,
            "birth_on": patron.birth_on and patron.birth_on.isoformat(),
            "expires_on": patron.expires_on and patron.expires_on.isoformat(),
        },
    )
    return bool(added)


def _load_loan(tx: Transaction, loan: LoanEntry) -> None:
    tx.run(
        "INSERT INTO loans (institution, patron, item, lent_at, due_at, renewals, no_block)"
        " SELECT patrons.institution, patrons.key, items.key, :lent_at, :due_at, 0, FALSE"
        " FROM patrons JOIN items ON items.institution = patrons.institution"
        " WHERE patrons.institution = :institution AND patrons.barcode = :patron"
        " AND items.barcode = :item ON CONFLICT DO NOTHING",
        patron=loan.patron, item=loan.item,
        lent_at=to_database(loan.lent_at), due_at=to_database(loan.due_at),
    )  # fmt: skip


def _load_hold(call: Call, hold: HoldEntry) -> None:
    """Add an active hold, unless the patron has one on this title."""
    row = call.tx.row(
        "SELECT patrons.key, items.title, items.key"
        " FROM patrons JOIN items ON items.institution = patrons.institution"
        " WHERE patrons.institution = :institution AND patrons.barcode = :patron"
        " AND items.barcode = :item",
        patron=hold.patron, item=hold.item,
    )  # fmt: skip
    if row is None or of_patron_on_title(call.tx, row[0], row[1]) is not None:
        return
    place(
        call, *row, hold_type=hold.hold_type, pickup_location=hold.pickup_location,
        expires_at=call.policies.hold_expires_at(call.now),
    )  # fmt: skip


def _load_item(call: Call, item: ItemEntry, titles: dict[tuple[str, str | None], int]) -> bool:
    """Add an item and, once, its title; whether it is new."""
    tx = call.tx
    known = "SELECT 1 FROM items WHERE institution = :institution AND barcode = :barcode"
    if tx.row(known, barcode=item.id) is not None:
        return False
    name = (item.title, item.author)
    if name not in titles:
        titles[name] = _title(tx, item)
    tx.run(
        "INSERT INTO items (institution, barcode, title, item_type, condition, price, media_type,"
        " magnetic, security_marker, owner, permanent_location, current_location, collection_code,"
        " call_number) VALUES (:institution, :barcode, :title, :item_type, :condition, :price,"
        " :media_type, :magnetic, :security_marker, :owner, :permanent_location,"
        " :current_location, :collection_code, :call_number)",
        barcode=item.id, title=titles[name], item_type=item.item_type,
        condition=None if item.condition is None else item.condition.value,
        price=None if item.price is None else to_minor(item.price, call.policies.currency),
        media_type=item.media_type, magnetic=item.magnetic,
        security_marker=None if item.security_marker is None else int(item.security_marker),
        owner=item.owner, permanent_location=item.permanent_location,
        current_location=item.current_location, collection_code=item.collection_code,
        call_number=item.call_number,
    )  # fmt: skip
    return True


def _title(tx: Transaction, item: ItemEntry) -> int:
    """The key of the item's title, which may be there already."""
    row = tx.row(
        "SELECT key FROM titles WHERE institution = :institution AND collection IS NULL"
        " AND title = :title"
        " AND author IS NOT DISTINCT FROM :author ORDER BY key LIMIT 1",
        title=item.title, author=item.author,
    )  # fmt: skip
    if row is not None:
        return int(row[0])
    return tx.add(
        "INSERT INTO titles (institution, title, author, language)"
        " VALUES (:institution, :title, :author, :language)",
        title=item.title, author=item.author, language=item.language,
    )  # fmt: skip
