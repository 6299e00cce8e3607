"""The accounts that patrons have at the vendor, and the tokens that prove who they are."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from bibliobus.sandbox.vendor.state import Row, State

FIRST_ID = 939981
STRATEGIES = {"librarycard": "card", "username": "user_name", "email": "email"}


@dataclass(frozen=True, slots=True)
class Patron:
    """An account. Card, user name and e-mail address belong to no other one."""

    id: int
    card: str
    user_name: str
    email: str
    first_name: str
    last_name: str
    postal_code: str
    password: str
    user_id: str

    @property
    def other_id(self) -> int:
        """`oneClickPatronId`, which is another number."""
        return self.id * 10


class PatronExists(ValueError):
    """Card, user name or e-mail address are another account's. Nothing was made."""


class Patrons:
    """All accounts of the library."""

    def __init__(self, state: State) -> None:
        self._state = state

    def register(
        self,
        card: str,
        *,
        user_name: str = "",
        email: str = "",
        first_name: str = "Patron",
        last_name: str = "Reader",
        postal_code: str = "",
        password: str = "",
    ) -> Patron:
        """A new account. What is not said is made out of the card's number.

        Raises:
            PatronExists: One has the same card, user name or e-mail address.
        """
        user_name, email = user_name or card, email or f"{card}@example.org"
        with self._state.transaction():
            taken = self._state.row(
                "SELECT 1 FROM patrons WHERE card = ? OR user_name = ? OR email = ?",
                card, user_name, email,
            )  # fmt: skip
            if taken:
                raise PatronExists("An account has this card, user name or e-mail address.")
            patron = Patron(
                self._state.next_number("next patron", FIRST_ID), card, user_name, email,
                first_name, last_name, postal_code, password, str(uuid4()),
            )  # fmt: skip
            self._state.run(
                "INSERT INTO patrons (id, card, user_name, email, first_name, last_name,"
                " postal_code, password, user_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                patron.id, card, user_name, email, first_name, last_name, postal_code, password,
                patron.user_id,
            )  # fmt: skip
        return patron

    def get(self, patron_id: int) -> Patron | None:
        """By the vendor's number."""
        return self._one("id = ?", patron_id)

    def look_up(self, value: str) -> Patron | None:
        """By card, else by user name, else by e-mail address."""
        for column in STRATEGIES.values():
            if patron := self._one(f"{column} = ?", value):
                return patron
        return None

    def of_user(self, user_id: str) -> Patron | None:
        """By the GUID that a lookup tells from E4 on."""
        return self._one("user_id = ?", user_id)

    def all(self, limit: int = 10_000) -> list[Patron]:
        """In the order in which they were made."""
        return [Patron(*row) for row in self._state.rows(f"{_SELECT} ORDER BY id LIMIT ?", limit)]

    def count(self) -> int:
        """How many there are."""
        return int(self._state.value("SELECT count(*) FROM patrons"))

    def new_bearer(self, patron: Patron, now: datetime, hours: int) -> str:
        """A token that proves to be this patron for so long."""
        token = secrets.token_hex(12)
        until = now + timedelta(hours=hours)
        self._state.run("DELETE FROM bearers WHERE expires_at < ?", now.timestamp())
        self._state.run("INSERT INTO bearers VALUES (?, ?, ?)", token, patron.id, until.timestamp())
        return token

    def of_bearer(self, token: str, now: datetime) -> Patron | None:
        """Whose token it is, if it still works."""
        patron_id = self._state.value(
            "SELECT patron FROM bearers WHERE token = ? AND expires_at > ?",
            token.lower(), now.timestamp(),
        )  # fmt: skip
        return None if patron_id is None else self.get(patron_id)

    def end_bearers(self) -> int:
        """Let no token work any more; how many there were."""
        return self._state.run("DELETE FROM bearers")

    def _one(self, condition: str, value: str | int) -> Patron | None:
        row: Row | None = self._state.row(f"{_SELECT} WHERE {condition}", value)
        return None if row is None else Patron(*row)


_SELECT = (
    "SELECT id, card, user_name, email, first_name, last_name, postal_code, password, user_id"
    " FROM patrons"
)
