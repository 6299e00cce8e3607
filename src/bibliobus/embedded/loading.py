"""Filling a database with a whole small library, and reading back which institutions it has."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bibliobus.database import Transaction, to_database
from bibliobus.ils.library import InstitutionSettings, ItemEntry, Library


def load_institution(tx: Transaction, id: str, settings: InstitutionSettings) -> None:
    """Add an institution, or give the one that is there these settings."""
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
    tx: Transaction, library: Library, pin_hashes: Mapping[tuple[str | None, str], str]
) -> None:
    """Add the patrons, titles, items and loans of one institution, `tx.institution`.

    Whoever and whatever is there already, by barcode, is left as it is: loading twice adds
    nothing, and lends nothing again that has come back.

    Args:
        tx: The transaction, in the institution's name.
        library: All of it belongs to this institution (see `Library.of`).
        pin_hashes: The hash of each patron's PIN, by their entry's institution and id.
    """
    for patron in library.patrons:
        tx.run(
            "INSERT INTO patrons (institution, barcode, name, pin_hash, address, email_addr,"
            " home_phone, birth_on, expires_on, ptype, home_library, inet_privileges, language,"
            " charge_ok, renew_ok, recall_ok, hold_ok, card_lost, screen_message)"
            " VALUES (:institution, :id, :name, :pin_hash, :address, :email,"
            " :phone, :birth_on, :expires_on, :patron_class, :home_library, :internet, :language,"
            " :charge_ok, :renew_ok, :recall_ok, :hold_ok, :card_lost, :screen_msg)"
            " ON CONFLICT (institution, barcode) DO NOTHING",
            **msgspec.structs.asdict(patron)
            | {
                "pin": None,
                "pin_hash": pin_hashes.get((patron.institution, patron.id)),
                "birth_on": patron.birth_on and patron.birth_on.isoformat(),
                "expires_on": patron.expires_on and patron.expires_on.isoformat(),
            },
        )
    titles: dict[tuple[str, str | None], int] = {}
    new = {item.id for item in library.items if _load_item(tx, item, titles)}
    for loan in library.loans:
        if loan.item not in new:
            continue
        tx.run(
            "INSERT INTO loans (institution, patron, item, lent_at, due_at, renewals, no_block)"
            " SELECT patrons.institution, patrons.key, items.key, :lent_at, :due_at, 0, FALSE"
            " FROM patrons JOIN items ON items.institution = patrons.institution"
            " WHERE patrons.institution = :institution AND patrons.barcode = :patron"
            " AND items.barcode = :item ON CONFLICT DO NOTHING",
            patron=loan.patron, item=loan.item,
            lent_at=to_database(loan.lent_at), due_at=to_database(loan.due_at),
        )  # fmt: skip


def _load_item(tx: Transaction, item: ItemEntry, titles: dict[tuple[str, str | None], int]) -> bool:
    """Add an item and, once, its title; whether it is new."""
    known = "SELECT 1 FROM items WHERE institution = :institution AND barcode = :barcode"
    if tx.row(known, barcode=item.id) is not None:
        return False
    name = (item.title, item.author)
    if name not in titles:
        row = tx.row(
            "INSERT INTO titles (institution, title, author, language)"
            " VALUES (:institution, :title, :author, :language) RETURNING key",
            title=item.title, author=item.author, language=item.language,
        )  # fmt: skip
        titles[name] = row[0] if row else 0
    tx.run(
        "INSERT INTO items (institution, barcode, title, media_type, magnetic, security_marker,"
        " owner, permanent_location, current_location, collection_code, call_number)"
        " VALUES (:institution, :barcode, :title, :media_type, :magnetic, :security_marker,"
        " :owner, :permanent_location, :current_location, :collection_code, :call_number)",
        barcode=item.id, title=titles[name], media_type=item.media_type, magnetic=item.magnetic,
        security_marker=None if item.security_marker is None else int(item.security_marker),
        owner=item.owner, permanent_location=item.permanent_location,
        current_location=item.current_location, collection_code=item.collection_code,
        call_number=item.call_number,
    )  # fmt: skip
    return True
