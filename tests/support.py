"""The words that tests are told in: a library, and a terminal in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from argon2 import PasswordHasher

from bibliobus.app import App, load
from bibliobus.database import Transaction
from bibliobus.embedded.call import Call
from bibliobus.embedded.fees import About, raise_fee
from bibliobus.embedded.patrons import key_of
from bibliobus.ils import ILS, FeeType, Origin
from bibliobus.ils.library import (
    AccountEntry,
    Condition,
    InstitutionSettings,
    ItemEntry,
    PatronEntry,
)
from bibliobus.ils.library import (
    Library as Document,
)
from bibliobus.ils.money import to_minor
from bibliobus.ils.policy import Policies
from bibliobus.sip2.checking import seal

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes secrets in no time. As servers do it, that was half of what a terminal's test takes."""

DESK = Origin(door="shell")  # where staff do things
SETTINGS = InstitutionSettings(name="Test Library", time_zone="Europe/Paris")


class Library:
    """One institution, and what stands behind it."""

    def __init__(
        self, app: App, settings: InstitutionSettings = SETTINGS, id: str = "MAIN"
    ) -> None:
        self.app, self._settings, self.id = app, settings, id

    @property
    def ils(self) -> ILS:
        """Its ILS."""
        return self.app.institutions[self.id].ils

    async def add(self, document: Document) -> None:
        """Put whatever `document` has into it."""
        await load(self.app, document)

    async def patron(self, id: str, **more: object) -> str:
        """A patron with PIN 1234; their barcode."""
        entry = {"id": id, "name": id.title(), "pin": "1234"} | more
        await self._add(patrons=(PatronEntry(**entry),))  # type: ignore[arg-type]
        return id

    async def item(self, id: str, title: str = "Middlemarch", **more: object) -> str:
        """An item; its barcode."""
        entry = {"id": id, "title": title} | more
        await self._add(items=(ItemEntry(**entry),))  # type: ignore[arg-type]
        return id

    async def terminal_account(
        self,
        login: str,
        password: str,
        *,
        location: str | None = None,
        dialect: str | None = None,
        settings: Mapping[str, object] | None = None,
        **more: object,
    ) -> None:
        """A terminal's account; what is set for it comes by name, or all at once."""
        entry = AccountEntry(
            login=login, password=password, institution=self.id, location=location,
            dialect=dialect, settings={**(settings or {}), **more},
        )  # fmt: skip
        await self._add(accounts=(entry,))

    async def loan(self, patron: str, item: str, *, days: float = 30, due_in: float = 7) -> None:
        """The patron has had the item for so many days, and it is due in so many (or was)."""
        now = datetime.now(UTC)
        origin = Origin(door="shell", transaction_at=now - timedelta(days=days))
        due_at = now + timedelta(days=due_in)
        await self.ils.checkout(
            patron, item, no_block=True, no_block_due_at=due_at, origin=origin
        )  # fmt: skip

    async def hold(self, patron: str, item: str, *, pickup_location: str | None = None) -> None:
        """The patron waits for any copy of this item's title."""
        await self.ils.add_hold(
            patron, item_id=item, pickup_location=pickup_location, origin=DESK
        )  # fmt: skip

    async def waiting(self, patron: str, item: str, *, at: str | None = None) -> None:
        """The item waits for the patron, on the hold shelf there."""
        await self.hold(patron, item, pickup_location=at)
        await self.ils.checkin(item, current_location=at, origin=DESK)

    async def fee(
        self,
        patron: str,
        amount: str,
        description: str = "",
        fee_type: FeeType = FeeType.OTHER,
        item: str | None = None,
    ) -> str:
        """The patron owes this; its id."""
        policies = Policies(self._settings)

        def charge(tx: Transaction) -> int:
            about = About()
            if item is not None:
                row = tx.row(
                    "SELECT title, key FROM items WHERE institution = :institution"
                    " AND barcode = :item",
                    item=item,
                )
                assert row is not None
                about = About(*row)
            return raise_fee(
                Call(tx, policies, DESK, lambda: datetime.now(UTC)), key_of(tx, patron),
                to_minor(Decimal(amount), policies.currency), fee_type=fee_type,
                currency=policies.currency, description=description, about=about,
            )  # fmt: skip

        return str(await self.app.database.write(charge, self.id))

    async def mark(self, item: str, condition: Condition | None) -> None:
        """Staff know that it is lost, damaged …"""
        await self.app.embedded[self.id].mark(item, condition, origin=DESK)

    async def owed(self, patron: str) -> Decimal:
        """What the patron owes in all."""
        account = await self.ils.patron_account(patron)
        return sum((fee.amount for fee in account.fees), Decimal(0))

    async def loans(self) -> list[tuple[str, str]]:
        """Who has what, by barcodes."""
        return await self.app.database.read(
            lambda tx: [
                (patron, item)
                for patron, item in tx.rows(
                    "SELECT patrons.barcode, items.barcode FROM loans"
                    " JOIN patrons ON patrons.key = loans.patron"
                    " JOIN items ON items.key = loans.item"
                    " WHERE loans.institution = :institution AND ended_at IS NULL"
                    " ORDER BY loans.key"
                )
            ],
            self.id,
        )

    async def events(self) -> list[str]:
        """What happened, in order."""
        return await self.app.database.read(
            lambda tx: [
                kind
                for (kind,) in tx.rows(
                    "SELECT kind FROM events WHERE institution = :institution ORDER BY key"
                )
            ],
            self.id,
        )

    async def _add(self, **entries: object) -> None:
        await self.add(Document(institutions={self.id: self._settings}, **entries))  # type: ignore[arg-type]


@dataclass
class Terminal:
    """A terminal's end of a connection: it writes text, and reads text."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    encoding: str = "utf-8"

    @classmethod
    async def connect(cls, address: tuple[str, int]) -> Terminal:
        """Open a connection, without logging in."""
        return cls(*await asyncio.open_connection(*address))

    async def login(self, login: str = "kiosk", password: str = "kiosk") -> Terminal:
        """Log in, and be accepted."""
        assert await self.send(f"9300CN{login}|CO{password}|CPdesk|") == "941"
        return self

    async def send(self, message: str, sequence: int | None = None) -> str:
        """Send a message; the answer, without its end. With a sequence number, both are checked."""
        line = message.encode(self.encoding)
        if sequence is not None:
            line = seal(line, str(sequence).encode())
        await self.send_bytes(line + b"\r")
        answer = await self.receive()
        if sequence is None:
            return answer
        body, _, trailer = answer.rpartition("AY")
        assert seal(body.encode(self.encoding), str(sequence).encode()) == answer.encode(
            self.encoding
        ), f"wrong sequence number or checksum: {trailer}"
        return body

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> str:
        """The next answer; empty if the other side has closed."""
        try:
            line = await asyncio.wait_for(self.reader.readuntil(b"\r"), 20)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return ""
        return line.decode(self.encoding).removesuffix("\r")

    async def close(self) -> None:
        """Hang up, whatever was still to be sent."""
        self.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
