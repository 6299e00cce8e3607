"""What can go wrong in a circulation operation.

CirculationError
├── Refused        the ILS said no; nothing changed; the patron is told why
│   ├── PatronNotFound, WrongPIN, LoanLimitReached
│   ├── PatronBlocked: CardExpired, CardLost, BlockedAtTerminal
│   └── ItemNotFound, AlreadyOnLoan, RenewalNotAllowed, NotOnLoan
├── NotSupported   this ILS has no such operation; asking again will not help
└── Unavailable    no answer came; the change may or may not stand

Adapters turn their own failures into these. Front doors turn these into answers, each in one
place: the SIP2 server into "not ok" and a screen message, the web into a problem document.
"""

from __future__ import annotations

from typing import ClassVar

from bibliobus.ils.records import Item, Patron


class CirculationError(Exception):
    """Base class of every error that crosses the ILS port."""


class Refused(CirculationError):
    """The ILS understood and said no. Not a fault: shown to the patron, never logged as one."""

    reason: ClassVar[str] = "refused"  # stable: logs, tests and the API name it
    screen_message: ClassVar[str] = "The library cannot do this."

    def __init__(
        self,
        message: str | None = None,
        *,
        patron: Patron | None = None,
        item: Item | None = None,  # if it is known: a terminal shows its title
        also: tuple[Refused, ...] = (),  # further blocks of the same patron
    ) -> None:
        super().__init__(message or self.screen_message)
        self.patron, self.item, self.also = patron, item, also


class PatronNotFound(Refused):
    """No patron has this id."""

    reason = "patron-not-found"
    screen_message = "This card is not known here."


class WrongPIN(Refused):
    """The PIN that was sent is not this patron's."""

    reason = "wrong-pin"
    screen_message = "The PIN is not right."


class PatronBlocked(Refused):
    """The patron may not do this now. `also` has every further reason."""

    reason = "patron-blocked"
    screen_message = "Your account is blocked. Please ask at the desk."


class CardExpired(PatronBlocked):
    """The patron's card is past its date."""

    reason = "card-expired"
    screen_message = "Your card has expired. Please renew it at the desk."


class CardLost(PatronBlocked):
    """The patron's card was reported lost."""

    reason = "card-lost"
    screen_message = "This card was reported lost. Please ask at the desk."


class BlockedAtTerminal(PatronBlocked):
    """A terminal has blocked the card; `ILS.enable` lifts that."""

    reason = "blocked-at-terminal"
    screen_message = "Your card was blocked at a terminal. Please ask at the desk."


class LoanLimitReached(Refused):
    """The patron has as many loans as the policy allows."""

    reason = "loan-limit-reached"
    screen_message = "You have reached your number of loans."


class ItemNotFound(Refused):
    """No item has this id."""

    reason = "item-not-found"
    screen_message = "This item is not known here."


class AlreadyOnLoan(Refused):
    """The item is on loan: to someone else, or to this patron and the terminal may not renew."""

    reason = "already-on-loan"
    screen_message = "This item is already on loan."


class RenewalNotAllowed(Refused):
    """The loan cannot be made longer, by policy."""

    reason = "renewal-not-allowed"
    screen_message = "This loan cannot be renewed any more."


class NotOnLoan(Refused):
    """The item to be taken back is not on loan."""

    reason = "not-on-loan"
    screen_message = "This item is not on loan."


class NotSupported(CirculationError):
    """This ILS has no such operation. Nothing changed, and asking again will not help."""


class Unavailable(CirculationError):
    """The ILS could not be reached, took too long, or answered nonsense. Logged, with cause."""

    def __init__(self, message: str, *, may_stand: bool = True) -> None:
        super().__init__(message)
        self.may_stand = may_stand  # False: it is certain that nothing changed
