"""Whom a terminal serves just now. A 09 names no patron, and an e-book is on loan to many: whose
loan it ends is told by what the terminal said before."""

from __future__ import annotations

from datetime import timedelta

from bibliobus.ils import Refused, WrongPIN
from bibliobus.sip2 import Message
from bibliobus.sip2.messages import (
    BlockPatron,
    CheckoutResponse,
    EndPatronSession,
    HoldResponse,
    PatronInformationResponse,
    PatronStatusResponse,
    RenewAllResponse,
    RenewResponse,
)
from bibliobus.terminals.settings import AccountSettings

FORGOTTEN_AFTER = timedelta(minutes=5)
"""Who walks away without ending the session is forgotten then. Self-check terminals end theirs
after a minute or two; a patron who reads what is on the screen has to be known still."""

_FAREWELLS = EndPatronSession | BlockPatron
_DONE_FOR_A_PATRON = CheckoutResponse | RenewResponse | RenewAllResponse | HoldResponse
_TELLS_OF_A_PATRON = PatronStatusResponse | PatronInformationResponse


class Served:
    """The patron at one terminal. Times are seconds of a clock that never goes back.

    What was done off line is not looked at: its patron was here then.
    """

    __slots__ = ("_patron_id", "_until")

    def __init__(self) -> None:
        self._patron_id: str | None = None
        self._until = 0.0

    def patron_id(self, now: float) -> str | None:
        """The barcode on the patron's card, as scanned; None: nobody is known to be here."""
        return self._patron_id if now < self._until else None

    def forget(self) -> None:
        """Nobody is here."""
        self._patron_id = None

    def asks(self, message: Message, now: float) -> None:
        """A message came, which is not answered yet and perhaps never will be. Another card ends
        what was; so does a farewell, whatever becomes of it."""
        card = _card(message)
        if card is None:
            return
        if card != self.patron_id(now) or isinstance(message, _FAREWELLS):
            self.forget()
        else:
            self._stays(now)

    def answered(
        self, message: Message, response: Message, settings: AccountSettings, now: float
    ) -> None:
        """It was answered, by a yes or what there is to tell. A wrong PIN leaves nobody."""
        card = _card(message)
        if card is None:
            return
        if isinstance(response, _DONE_FOR_A_PATRON):
            is_here = response.ok
        elif isinstance(response, _TELLS_OF_A_PATRON) and not isinstance(message, _FAREWELLS):
            sent = bool(getattr(message, "patron_password", None))
            proven = bool(response.valid_patron_password)
            if sent and not proven:
                self.forget()
            is_here = bool(response.valid_patron) and (
                proven or not (sent or settings.require_password)
            )
        else:
            return
        if is_here:
            self._patron_id = card
            self._stays(now)

    def refused(self, message: Message, error: Refused) -> None:
        """It was refused; for a wrong PIN, it is not they."""
        if _card(message) is not None and isinstance(error, WrongPIN):
            self.forget()

    def _stays(self, now: float) -> None:
        self._until = now + FORGOTTEN_AFTER.total_seconds()


def _card(message: Message) -> str | None:
    """The card that a message shows to be at the terminal."""
    if getattr(message, "no_block", False):
        return None
    return getattr(message, "patron_id", None) or None
