"""As whom the vendor knows our patrons: by a random number that says nothing of them.

Each patron who borrows has an account at the vendor under an alias of ours, which is written down
before the account is made; so one that was made while nobody heard the answer is found again. An
account that is there already is never taken over, not even with the patron's own card or e-mail
address: a family may share one. What the vendor may learn of a patron it learns when the account is
made, if library and patron agree to it. Tokens stay in memory.

The alias has digits only: later eras take no punctuation in a user name, and a lookup of what has
letters in it once failed (spec/oneclick-api 1.8.1).

Source: spec/oneclick-api 3.5; spec/reliability, decision 10.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from weakref import WeakValueDictionary

from bibliobus.database import Transaction, from_database, to_database
from bibliobus.ils.errors import PatronNotFound
from bibliobus.ils.records import Patron
from bibliobus.ils.secret import Secret
from bibliobus.oneclick.desk import Desk, name_of
from bibliobus.oneclick.errors import AccountExists, BadAnswer, BearerRefused
from bibliobus.oneclick.requests import NewPatron

T = TypeVar("T")

ALIAS_DIGITS = 20  # more than any card has
TOKEN_LIFE = timedelta(hours=23)  # the vendor gives them a day
NOBODY = "Reader"  # who is not to be known is called so

_ROW = " WHERE institution = :institution AND collection = :collection AND patron = :patron"


class Account(NamedTuple):
    """A patron's account at the vendor, as far as it is known."""

    alias: str
    remote_id: int | None
    agreed: frozenset[str]
    card: str  # by which the ILS found them last


class Accounts:
    """The accounts of one collection's patrons."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._tokens: dict[str, tuple[Secret, datetime]] = {}  # by patron; never stored
        self._making = WeakValueDictionary[str, asyncio.Lock]()

    async def with_id(self, patron: Patron, work: Callable[[int], Awaitable[T]]) -> T:
        """What `work` gives for the vendor's number of a patron, who gets an account if there is
        none. A number that the vendor knows no more is looked up once again.

        Raises:
            VendorError: There is no account, and none could be made.
        """
        try:
            return await work(await self.remote_id(patron))
        except PatronNotFound:
            await self._keep_id(patron, None)
        try:
            return await work(await self.remote_id(patron))
        except PatronNotFound:
            raise BadAnswer(
                "the vendor does not know the account that it has", may_stand=False
            ) from None

    async def known(self, patron: Patron) -> Account | None:
        """A patron's account; None: they never borrowed here."""
        return await self._desk.read(lambda tx: _account(tx, self._desk, name_of(patron)))

    async def agree(self, patron: Patron, shared: frozenset[str]) -> None:
        """Note what the vendor may learn of a patron: "card", "name", "email". It does when the
        account is made, if the library's settings say so, too; it cannot be taken back there."""

        def work(tx: Transaction) -> None:
            locked_account(tx, self._desk, patron)
            tx.run(
                f"UPDATE remote_patrons SET agreed = :agreed{_ROW}",  # noqa: S608 - constant
                collection=self._desk.collection, patron=name_of(patron),
                agreed=" ".join(sorted(shared)),
            )  # fmt: skip

        await self._desk.write(work)

    async def if_there(
        self, patron: Patron, work: Callable[[int], Awaitable[T]], otherwise: T
    ) -> T:
        """What `work`, which only reads, gives for the vendor's number of a patron; `otherwise`, if
        they have no account there. None is made for reading."""
        for _ in range(2):
            remote_id = await self._known_id(patron)
            if remote_id is None:
                return otherwise
            try:
                return await work(remote_id)
            except PatronNotFound:
                await self._keep_id(patron, None)
        raise BadAnswer("the vendor does not know the account that it has", may_stand=False)

    async def _known_id(self, patron: Patron) -> int | None:
        async with self._turn(patron):
            account = await self.known(patron)
            return None if account is None else await self._found_id(patron, account)

    async def remote_id(self, patron: Patron) -> int:
        """The vendor's number for a patron, who has an account from now on."""
        async with self._turn(patron):  # two calls at once would make two accounts
            account = await self.known(patron) or await self._begun(patron)
            remote_id = await self._found_id(patron, account)
            if remote_id is None:
                await self._create(patron, account)
                # Whoever says that they made it and did not may give its number to another patron.
                remote_id = await self._found_id(patron, account)
            if remote_id is None:
                raise BadAnswer(
                    "the vendor does not know the account that it made", may_stand=False
                )
            return remote_id

    async def _found_id(self, patron: Patron, account: Account) -> int | None:
        """The vendor's number for an account, if it was made already."""
        if account.remote_id is not None:
            return account.remote_id
        found = await self._desk.client.find_patron(account.alias)
        if found is None:
            return None
        await self._keep_id(patron, found.patron_id)
        return found.patron_id

    async def _keep_id(self, patron: Patron, remote_id: int | None) -> None:
        await self._desk.write(lambda tx: _set_id(tx, self._desk, name_of(patron), remote_id))

    def _turn(self, patron: Patron) -> asyncio.Lock:
        return self._making.setdefault(name_of(patron), asyncio.Lock())

    async def _begun(self, patron: Patron) -> Account:
        return await self._desk.write(lambda tx: locked_account(tx, self._desk, patron))

    async def with_token(self, patron: Patron, work: Callable[[Secret | None], Awaitable[T]]) -> T:
        """What `work` gives for the patron's token, which is none before E4. One that the vendor
        does not take any more is renewed, once."""
        if self._desk.settings.era != "E4":
            return await work(None)
        try:
            return await work(await self._token(patron))
        except BearerRefused:
            self._tokens.pop(name_of(patron), None)
        return await work(await self._token(patron))

    async def _token(self, patron: Patron) -> Secret:
        kept = self._tokens.get(name_of(patron))
        if kept is not None and kept[1] > self._desk.now():
            return kept[0]
        account = await self.known(patron)
        found = await self._desk.client.find_patron(account.alias) if account else None
        if found is None or found.user_id is None:
            raise BadAnswer("the vendor does not tell the patron's user id", may_stand=False)
        try:
            token = await self._desk.client.patron_token(found.user_id)
        except PatronNotFound:  # which is no word about their card
            raise BadAnswer("the vendor has no token for its patron", may_stand=False) from None
        self._keep(patron, token)
        return token

    def _keep(self, patron: Patron, token: Secret) -> None:
        now = self._desk.now()
        for name in [name for name, (_, until) in self._tokens.items() if until <= now]:
            del self._tokens[name]
        self._tokens[name_of(patron)] = token, now + TOKEN_LIFE

    async def _create(self, patron: Patron, account: Account) -> None:
        """Make an account. If card or e-mail address are somebody's there already, it is made
        without them."""
        shared = account.agreed & frozenset(self._desk.settings.shares)
        try:
            await self._desk.client.create_patron(self._described(patron, account, shared))
        except AccountExists:
            if await self._desk.client.find_patron(account.alias) is None:  # or an answer was lost
                await self._create_nobody(patron, account)

    async def _create_nobody(self, patron: Patron, account: Account) -> None:
        try:
            described = self._described(patron, account, frozenset())
            await self._desk.client.create_patron(described)
        except AccountExists:
            raise BadAnswer("the vendor makes no account for a new name", may_stand=False) from None

    def _described(self, patron: Patron, account: Account, shared: frozenset[str]) -> NewPatron:
        alias = account.alias
        email = patron.email_addr if "email" in shared else None
        first, _, last = (patron.name if "name" in shared else "").rpartition(" ")
        return NewPatron(
            library_card=patron.id if "card" in shared else alias,
            user_name=alias,
            email=email or self._desk.settings.placeholder_email.format(alias=alias),
            first_name=first or NOBODY,
            last_name=last or NOBODY,
            password=Secret(secrets.token_hex(16)),  # nobody ever needs it
        )


def locked_account(tx: Transaction, desk: Desk, patron: Patron) -> Account:
    """A patron's account as we know it, with an alias from now on. Until the transaction ends,
    nobody else begins anything for this patron."""
    name = name_of(patron)
    tx.lock(f"SELECT 1 FROM remote_patrons{_ROW}", collection=desk.collection, patron=name)  # noqa: S608
    account = _account(tx, desk, name)
    if account is None:
        tx.run(
            "INSERT INTO remote_patrons (institution, collection, patron, alias, card, active_at)"
            " VALUES (:institution, :collection, :patron, :alias, :card, :now)",
            collection=desk.collection, patron=name, card=patron.id,
            alias=str(secrets.randbelow(9 * 10 ** (ALIAS_DIGITS - 1)) + 10 ** (ALIAS_DIGITS - 1)),
            now=to_database(desk.now()),
        )  # fmt: skip
        account = _account(tx, desk, name)
    assert account is not None  # noqa: S101 - it was written a line before
    if account.card != patron.id:
        tx.run(
            f"UPDATE remote_patrons SET card = :card{_ROW}",  # noqa: S608 - constant
            collection=desk.collection, patron=name, card=patron.id,
        )  # fmt: skip
    return account


def _account(tx: Transaction, desk: Desk, patron: str) -> Account | None:
    row = tx.row(
        f"SELECT alias, remote_id, agreed, card FROM remote_patrons{_ROW}",  # noqa: S608 - constant
        collection=desk.collection, patron=patron,
    )  # fmt: skip
    if row is None:
        return None
    alias, remote_id, agreed, card = row
    return Account(alias, remote_id, frozenset(agreed.split()), card)


def note_activity(tx: Transaction, desk: Desk, patron: str) -> None:
    """Note that a patron has done something here."""
    tx.run(
        f"UPDATE remote_patrons SET active_at = :now{_ROW}",  # noqa: S608 - constant
        collection=desk.collection, patron=patron, now=to_database(desk.now()),
    )  # fmt: skip


def note_compared(tx: Transaction, desk: Desk, patron: str) -> None:
    """Note that a patron's shelf was compared with the vendor's lists."""
    tx.run(
        f"UPDATE remote_patrons SET compared_at = :now{_ROW}",  # noqa: S608 - constant
        collection=desk.collection, patron=patron, now=to_database(desk.now()),
    )  # fmt: skip


def compared_at(tx: Transaction, desk: Desk, patron: str) -> datetime | None:
    """When a shelf was compared last, long ago if never; None: the patron never borrowed here."""
    row = tx.row(
        f"SELECT COALESCE(compared_at, 0) FROM remote_patrons{_ROW}",  # noqa: S608 - constant
        collection=desk.collection, patron=patron,
    )  # fmt: skip
    return None if row is None else from_database(row[0])


def to_compare(
    tx: Transaction, desk: Desk, *, compared_before: datetime, active_since: datetime
) -> list[tuple[str, str]]:
    """Whose shelves were not compared for long, of those who were here since then: by the ILS's own
    name and by card, the longest first."""
    rows = tx.rows(
        "SELECT patron, card FROM remote_patrons WHERE institution = :institution"
        " AND collection = :collection AND active_at >= :active_since"
        " AND COALESCE(compared_at, 0) < :compared_before"
        " ORDER BY COALESCE(compared_at, 0), patron",
        collection=desk.collection, compared_before=to_database(compared_before),
        active_since=to_database(active_since),
    )  # fmt: skip
    return [(patron, card) for patron, card in rows]


def _set_id(tx: Transaction, desk: Desk, patron: str, remote_id: int | None) -> None:
    tx.run(
        f"UPDATE remote_patrons SET remote_id = :remote_id{_ROW}",  # noqa: S608 - constant
        collection=desk.collection, patron=patron, remote_id=remote_id,
    )  # fmt: skip
