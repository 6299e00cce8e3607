"""The smallest adapter that keeps the contract: patrons, items and loans in one SQLite file.

What it does not have (holds, fees, blocks, undoing) it answers with `NotSupported`, and terminals
are told so. Put your own system where the SQL stands; the promises stay. How it is tested is in
docs/how-to/write-an-adapter.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec.structs import replace

from bibliobus import ils
from bibliobus.ils.library import Library, PatronEntry
from bibliobus.ils.policy import OFF_LINE_AT_MOST

R = TypeVar("R")

LOAN_TIME, LOAN_LIMIT, RENEWALS = timedelta(days=21), 3, 1
OPERATIONS = {
    "patron status request", "patron information", "end patron session", "item information",
    "checkout", "checkin", "renew", "magnetic media", "offline operation",
}  # fmt: skip
FIND_ITEM = "SELECT item FROM items WHERE id = ?"
TABLES = """
CREATE TABLE IF NOT EXISTS patrons (id TEXT PRIMARY KEY, entry TEXT);
CREATE TABLE IF NOT EXISTS items (id TEXT PRIMARY KEY, item TEXT);
CREATE TABLE IF NOT EXISTS loans (item TEXT PRIMARY KEY, patron TEXT, loan TEXT);
CREATE TABLE IF NOT EXISTS returns (item TEXT PRIMARY KEY, at TEXT);
CREATE TABLE IF NOT EXISTS done (account TEXT, key BLOB, result TEXT, UNIQUE (account, key));
"""


class OwnILS:
    """A small library's patrons, items and loans. See `bibliobus.ils.ILS`."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")

    def load(self, library: Library) -> None:
        """Add these patrons, items and loans."""
        self._run("BEGIN IMMEDIATE")
        for p in library.patrons:
            kept = replace(p, pin=None if p.pin is None else _hash(p.id, p.pin))
            self._run("INSERT INTO patrons VALUES (?, ?)", p.id, _text(kept))
        for i in library.items:
            self._keep(
                ils.Item(
                    id=i.id, title_id=i.title, media_type=i.media_type, magnetic=i.magnetic,
                    permanent_location=i.permanent_location, current_location=i.current_location,
                )
            )  # fmt: skip
        for each in library.loans:
            self._lend(each.patron, each.item, each.lent_at, each.due_at)
        self._run("COMMIT")

    # -------------------------------------------------------- what is there

    def supports(self, operation: str) -> bool:
        return operation in OPERATIONS

    def check_inst_id(self, institution_id: str, whence: str) -> None:
        pass

    async def checkout_ok(self) -> bool:
        return True

    async def status_update_ok(self) -> bool:
        return False

    checkin_ok = offline_ok = checkout_ok

    async def find_patron(self, patron_id: str) -> ils.Patron | None:
        if (entry := self._entry(patron_id)) is None:
            return None
        blocks, loans = _blocks(entry), self._loans_of(patron_id)
        usable = not any(isinstance(block, ils.CardLost | ils.CardExpired) for block in blocks)
        return ils.Patron(
            id=entry.id, name=entry.name, address=entry.address, card_lost=entry.card_lost,
            charge_ok=not blocks, renew_ok=usable and entry.renew_ok,
            recall_ok=usable and entry.recall_ok, hold_ok=usable and entry.hold_ok,
            charged_count=len(loans), charged_limit=LOAN_LIMIT,
            overdue_count=sum(loan.due_at < datetime.now(UTC) for loan in loans),
            too_many_charged=len(loans) >= LOAN_LIMIT,
        )  # fmt: skip

    async def find_item(self, item_id: str) -> ils.Item | None:
        return self._get(ils.Item, FIND_ITEM, item_id)

    async def check_password(self, patron_id: str, pin: ils.Secret) -> bool:
        # Hashed for an unknown patron, too, so that nobody can tell by the time it takes.
        entry, tried = self._entry(patron_id), _hash(patron_id, pin.reveal())
        return bool(entry and entry.pin and hmac.compare_digest(entry.pin, tried))

    async def patron_account(self, patron_id: str) -> ils.PatronAccount:
        await self._known(patron_id)
        return ils.PatronAccount(loans=tuple(self._loans_of(patron_id)))

    async def patron_list(
        self, patron_id: str, kind: ils.PatronList, start: int = 1, end: int | None = None
    ) -> Sequence[ils.ListEntry]:
        loans, now = (await self.patron_account(patron_id)).loans, datetime.now(UTC)
        late = kind is ils.PatronList.OVERDUE
        return [
            ils.ListEntry(item_id=loan.item_id, title_id=loan.title_id, due_at=loan.due_at)
            for loan in loans
            if kind is ils.PatronList.CHARGED or (late and loan.due_at < now)
        ][max(start, 1) - 1 : end]

    async def available(self, item_id: str, patron_id: str) -> bool:
        return (await self._item(item_id)).due_at is None

    async def hold_queue(self, item_id: str) -> Sequence[str]:
        await self._item(item_id)
        return []

    async def hold_queue_position(self, item_id: str, patron_id: str) -> int:
        return len(await self.hold_queue(item_id))

    async def end_patron_session(
        self, patron_id: str, *, pin: ils.Secret | None = None, origin: ils.Origin
    ) -> ils.EndSessionResult:
        if await self.find_patron(patron_id) is not None:
            await self._known(patron_id, pin)
        return ils.EndSessionResult()

    # -------------------------------------------------------- transactions

    async def checkout(
        self, patron_id: str, item_id: str, *, renewal_allowed: bool = False,
        no_block: bool = False, no_block_due_at: datetime | None = None,
        fee_acknowledged: bool = False, pin: ils.Secret | None = None,
        item_properties: str | None = None, origin: ils.Origin,
    ) -> ils.CheckoutResult:  # fmt: skip
        async def work() -> ils.CheckoutResult:
            patron = await self._known(patron_id, None if no_block else pin)
            item, (borrower, loan) = await self._item(item_id), self._loan(item_id)
            now = datetime.now(UTC)
            if no_block:
                lent_at = _off_line_at(origin.transaction_at, now)
                due_at = no_block_due_at or lent_at + LOAN_TIME
                if lent_at >= max(self._came_back(item_id), loan.lent_at if loan else lent_at):
                    self._lend(patron_id, item_id, lent_at, due_at)
            elif blocks := _blocks(self._entry(patron_id)):
                raise type(blocks[0])(str(blocks[0]), patron=patron, item=item, also=blocks[1:])
            elif loan is not None:
                if borrower != patron_id or not renewal_allowed:
                    raise ils.AlreadyOnLoan(patron=patron, item=item)
                due_at = self._renew(loan, patron, item, now + LOAN_TIME)
            elif patron.too_many_charged:
                raise ils.LoanLimitReached(patron=patron, item=item)
            else:
                due_at = now + LOAN_TIME
                self._lend(patron_id, item_id, now, due_at)
            renewed = loan is not None and not no_block
            return await self._lent(patron_id, item_id, due_at, item_properties, renewed)

        return await self._once(origin, ils.CheckoutResult, work)

    async def renew(
        self, patron_id: str, *, item_id: str | None = None, title_id: str | None = None,
        third_party: bool = False, no_block: bool = False,
        no_block_due_at: datetime | None = None, fee_acknowledged: bool = False,
        pin: ils.Secret | None = None, item_properties: str | None = None, origin: ils.Origin,
    ) -> ils.CheckoutResult:  # fmt: skip
        async def work() -> ils.CheckoutResult:
            patron, id = await self._known(patron_id, None if no_block else pin), item_id
            if id is None:
                of_title = [x for x in self._loans_of(patron_id) if x.title_id == title_id]
                if not of_title:
                    raise ils.NotOnLoan(patron=patron)
                id = of_title[0].item_id
            item, (borrower, loan) = await self._item(id), self._loan(id)
            if loan is None:
                raise ils.NotOnLoan(patron=patron, item=item)
            if borrower != patron_id and not third_party:
                raise ils.AlreadyOnLoan(patron=patron, item=item)
            due_at = (no_block_due_at if no_block else None) or datetime.now(UTC) + LOAN_TIME
            due_at = self._renew(
                loan, await self._known(borrower), item, due_at, checked=not no_block
            )
            return await self._lent(patron_id, id, due_at, item_properties, True)

        return await self._once(origin, ils.CheckoutResult, work)

    async def checkin(
        self, item_id: str, *, returned_at: datetime | None = None,
        current_location: str | None = None, item_properties: str | None = None,
        no_block: bool = False, capture_holds: bool = True, patron_id: str | None = None,
        origin: ils.Origin,
    ) -> ils.CheckinResult:  # fmt: skip
        async def work() -> ils.CheckinResult:
            item, (borrower, loan) = await self._item(item_id), self._loan(item_id)
            if loan is None and not no_block:
                raise ils.NotOnLoan(item=item)
            came_back = now = datetime.now(UTC)
            if no_block:
                came_back = _off_line_at(returned_at or origin.transaction_at, now)
            newer = loan is not None and came_back < loan.lent_at
            last = max(came_back, self._came_back(item_id))
            self._run("INSERT OR REPLACE INTO returns VALUES (?, ?)", item_id, _text(last))
            if loan is not None and not newer:
                self._run("DELETE FROM loans WHERE item = ?", item_id)
                item = replace(
                    item, circulation_status=ils.CirculationStatus.AVAILABLE, due_at=None
                )
            place = current_location or origin.location
            self._keep(item, item_properties, place)
            return ils.CheckinResult(
                item=await self._item(item_id),
                patron=None if loan is None or newer else await self._known(borrower),
                resensitize=not item.magnetic,
            )

        return await self._once(origin, ils.CheckinResult, work)

    async def _not_here(self, *args: Any, **more: Any) -> NoReturn:
        raise ils.NotSupported

    add_hold = alter_hold = cancel_hold = pay_fee = renew_all = block = enable = _not_here
    undo_checkout = undo_checkin = status_update = _not_here

    # -------------------------------------------------------- inside

    async def _once(self, origin: ils.Origin, kind: type[R], work: Callable[[], Any]) -> R:
        """Do it in one transaction, unless it was done: then give the first result. Nothing is
        waited for in between, so nothing of this process comes in between."""
        name, key = origin.account or "", origin.request_key
        self._run("BEGIN IMMEDIATE")
        try:
            done = "SELECT result FROM done WHERE account = ? AND key = ?"
            result = self._get(kind, done, name, key)
            if result is None:
                result = await work()
                if key is not None:
                    self._run("INSERT INTO done VALUES (?, ?, ?)", name, key, _text(result))
            self._run("COMMIT")
        except BaseException:
            self._run("ROLLBACK")
            raise
        return result

    async def _known(self, patron_id: str, pin: ils.Secret | None = None) -> ils.Patron:
        if (patron := await self.find_patron(patron_id)) is None:
            raise ils.PatronNotFound
        if pin is not None and not await self.check_password(patron_id, pin):
            raise ils.WrongPIN(patron=patron)
        return patron

    async def _item(self, item_id: str) -> ils.Item:
        if (item := await self.find_item(item_id)) is None:
            raise ils.ItemNotFound
        return item

    def _entry(self, patron_id: str) -> PatronEntry | None:
        return self._get(PatronEntry, "SELECT entry FROM patrons WHERE id = ?", patron_id)

    def _loan(self, item_id: str) -> tuple[str, ils.Loan | None]:
        """Who has an item, and since when."""
        sql = "SELECT patron, loan FROM loans WHERE item = ?"
        row = self._db.execute(sql, (item_id,)).fetchone()
        return ("", None) if row is None else (row[0], _read(row[1], ils.Loan))

    def _came_back(self, item_id: str) -> datetime:
        never = datetime.min.replace(tzinfo=UTC)
        return self._get(datetime, "SELECT at FROM returns WHERE item = ?", item_id) or never

    def _loans_of(self, patron_id: str) -> list[ils.Loan]:
        rows = self._db.execute("SELECT loan FROM loans WHERE patron = ?", (patron_id,))
        loans = [_read(text, ils.Loan) for (text,) in rows]
        return sorted(loans, key=lambda loan: (loan.due_at, loan.item_id))

    def _lend(
        self, patron_id: str, item_id: str, lent_at: datetime, due_at: datetime, renewals: int = 0
    ) -> None:
        if (item := self._get(ils.Item, FIND_ITEM, item_id)) is None:
            raise ils.ItemNotFound
        loan = ils.Loan(
            item_id=item_id, title_id=item.title_id, lent_at=lent_at, due_at=due_at,
            renewals=renewals,
        )  # fmt: skip
        self._run("INSERT OR REPLACE INTO loans VALUES (?, ?, ?)", item_id, patron_id, _text(loan))
        status = ils.CirculationStatus.CHARGED
        self._keep(replace(item, circulation_status=status, due_at=due_at))

    def _renew(
        self, loan: ils.Loan, borrower: ils.Patron, item: ils.Item, due_at: datetime,
        *, checked: bool = True,
    ) -> datetime:  # fmt: skip
        if checked and not borrower.renew_ok:
            raise ils.RenewalNotAllowed(patron=borrower, item=item)
        if checked and loan.renewals >= RENEWALS:
            raise ils.TooManyRenewals(patron=borrower, item=item)
        due_at = max(due_at, loan.due_at)
        self._lend(borrower.id, item.id, loan.lent_at, due_at, loan.renewals + 1)
        return due_at

    async def _lent(
        self, patron_id: str, item_id: str, due_at: datetime, properties: str | None, renewed: bool
    ) -> ils.CheckoutResult:
        item = self._keep(await self._item(item_id), properties)
        return ils.CheckoutResult(
            patron=await self._known(patron_id), item=item, due_at=due_at,
            renewal_ok=renewed, desensitize=not renewed and not item.magnetic,
        )  # fmt: skip

    def _keep(
        self, item: ils.Item, properties: str | None = None, place: str | None = None
    ) -> ils.Item:
        properties = item.item_properties if properties is None else properties
        place = place or item.current_location
        item = replace(item, item_properties=properties, current_location=place)
        self._run("INSERT OR REPLACE INTO items VALUES (?, ?)", item.id, _text(item))
        return item

    def _run(self, sql: str, *values: object) -> None:
        self._db.execute(sql, values)

    def _get(self, kind: type[R], sql: str, *values: object) -> R | None:
        try:
            row = self._db.execute(sql, values).fetchone()
        except UnicodeEncodeError:  # no text, so nothing has this name
            return None
        return None if row is None else _read(row[0], kind)


def _text(record: object) -> str:
    return json.dumps(msgspec.to_builtins(record))  # which keeps what is no text, too


def _read(text: str, kind: type[R]) -> R:
    return msgspec.convert(json.loads(text), kind)


def _blocks(entry: PatronEntry | None) -> tuple[ils.PatronBlocked, ...]:
    if entry is None:
        return ()
    expired = entry.expires_on is not None and entry.expires_on < datetime.now(UTC).date()
    reasons: tuple[tuple[bool, ils.PatronBlocked], ...] = (
        (entry.card_lost, ils.CardLost()),
        (expired, ils.CardExpired()),
        (not entry.charge_ok, ils.PatronBlocked(entry.blocked_because)),
    )
    return tuple(block for is_so, block in reasons if is_so)


def _off_line_at(claimed: datetime | None, now: datetime) -> datetime:
    """When something was done off line: as the terminal says, unless its clock cannot be right."""
    return claimed if claimed and now - OFF_LINE_AT_MOST <= claimed <= now else now


def _hash(patron_id: str, pin: str) -> str:
    text, salt = (each.encode("utf-8", "replace") for each in (pin, patron_id))
    return hashlib.scrypt(text, salt=salt, n=2**12, r=8, p=1).hex()
