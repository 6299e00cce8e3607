"""What can go wrong in a circulation operation.

CirculationError
├── Refused        the ILS said no; nothing changed; the patron is told why
│   ├── PatronNotFound, WrongPIN: TooManyWrongPINs
│   ├── PatronBlocked: CardExpired, CardLost, PatronInactive, AddressUnknown, BlockedAtTerminal,
│   │       OwesTooMuch, GuaranteesOweTooMuch, TooManyOverdue, TooManyLost, TooManyClaims,
│   │       RecallOverdue
│   ├── ItemNotFound, NotForLoan, ItemNotAvailable, AlreadyOnLoan, OnHoldForAnother,
│   │       RecalledForAnother, BorrowedBefore, PartsToCheck, LoanLimitReached, NoCopyAvailable
│   ├── FeeNotAcknowledged
│   ├── NotOnLoan, RenewalNotAllowed: TooManyRenewals, TooSoonToRenew
│   ├── NotTakenHere, NothingToUndo
│   ├── FormatNotOffered, PartNotFound
│   ├── TitleNotFound, HoldNotFound, HoldNotAllowed: AlreadyOnHold, AlreadyBorrowed,
│   │       HoldLimitReached, NoSuchPickupLocation
│   └── PaymentNotDue, CurrencyNotAccepted, FeeNotFound, PaymentKeyUsed
├── NotSupported   this ILS has no such operation; asking again will not help
└── Unavailable    no answer came; the change may or may not stand
    └── BeingConfirmed   it is written down and goes on; the patron's account will show it

The reasons are those that Koha, Evergreen and FOLIO tell apart (spec/sip2 4.2 to 4.8). No ILS has
all of them; an upstream one passes its own words on in the class that comes nearest.

Adapters turn their own failures into these. Front doors turn these into answers, each in one
place: the SIP2 server into "not ok" and a screen message, the web into a problem document.
"""

from __future__ import annotations

from typing import ClassVar

from bibliobus.ils.records import Fee, Item, Patron


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
        fee: Fee | None = None,  # to be acknowledged
        also: tuple[Refused, ...] = (),  # further blocks of the same patron
    ) -> None:
        super().__init__(message or self.screen_message)
        self.patron, self.item, self.fee, self.also = patron, item, fee, also


class PatronNotFound(Refused):
    """No patron has this id."""

    reason = "patron-not-found"
    screen_message = "This card is not known here."


class WrongPIN(Refused):
    """The PIN that was sent is not this patron's."""

    reason = "wrong-pin"
    screen_message = "The PIN is not right."


class TooManyWrongPINs(WrongPIN):
    """So many PINs were wrong that none is looked at for a while, not even the right one."""

    reason = "too-many-wrong-pins"
    screen_message = "Too many wrong PINs. Please wait a while, or ask at the desk."


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


class PatronInactive(PatronBlocked):
    """The account or the card is not in use any more."""

    reason = "patron-inactive"
    screen_message = "Your account is not active. Please ask at the desk."


class AddressUnknown(PatronBlocked):
    """The library's letters came back."""

    reason = "address-unknown"
    screen_message = "Please tell the desk your new address."


class BlockedAtTerminal(PatronBlocked):
    """A terminal has blocked the card; `ILS.enable` lifts that."""

    reason = "blocked-at-terminal"
    screen_message = "Your card was blocked at a terminal. Please ask at the desk."


class OwesTooMuch(PatronBlocked):
    """The patron owes more than the policy allows."""

    reason = "owes-too-much"
    screen_message = "You owe too much to borrow. Please pay your fees."


class GuaranteesOweTooMuch(PatronBlocked):
    """Those whom the patron answers for owe more than the policy allows."""

    reason = "guarantees-owe-too-much"
    screen_message = "Fees of those you answer for have to be paid first."


class TooManyOverdue(PatronBlocked):
    """The patron has more overdue loans than the policy allows."""

    reason = "too-many-overdue"
    screen_message = "Please bring back what is overdue first."


class TooManyLost(PatronBlocked):
    """The patron has more lost items than the policy allows."""

    reason = "too-many-lost"
    screen_message = "You have lost items on your account. Please ask at the desk."


class TooManyClaims(PatronBlocked):
    """The patron claims to have returned more items than the policy allows."""

    reason = "too-many-claims"
    screen_message = "Too many items are said to be returned. Please ask at the desk."


class RecallOverdue(PatronBlocked):
    """The patron keeps something that was recalled."""

    reason = "recall-overdue"
    screen_message = "Please bring back what was recalled first."


class ItemNotFound(Refused):
    """No item has this id."""

    reason = "item-not-found"
    screen_message = "This item is not known here."


class NotForLoan(Refused):
    """Items of this kind are not lent, or not to this kind of patron."""

    reason = "not-for-loan"
    screen_message = "This item cannot be borrowed."


class ItemNotAvailable(Refused):
    """Lost, missing, on order …: `item.circulation_status` says which."""

    reason = "item-not-available"
    screen_message = "Please take this item to the desk."


class AlreadyOnLoan(Refused):
    """The item is on loan: to someone else, or to this patron and the terminal may not renew."""

    reason = "already-on-loan"
    screen_message = "This item is already on loan."


class OnHoldForAnother(Refused):
    """Another patron is first in the hold queue."""

    reason = "on-hold-for-another"
    screen_message = "This item is on hold for another patron."


class RecalledForAnother(Refused):
    """The item was recalled for another patron."""

    reason = "recalled-for-another"
    screen_message = "This item was recalled for another patron."


class BorrowedBefore(Refused):
    """The patron has had this title before, and the library wants them to be told."""

    reason = "borrowed-before"
    screen_message = "You have borrowed this title before."


class PartsToCheck(Refused):
    """The item has parts that staff want to count."""

    reason = "parts-to-check"
    screen_message = "Please take this item and its parts to the desk."


class LoanLimitReached(Refused):
    """The patron has as many loans as the policy allows, in all or of this kind."""

    reason = "loan-limit-reached"
    screen_message = "You have reached your number of loans."


class NoCopyAvailable(Refused):
    """All copies, or licences, are in use. A hold can be placed."""

    reason = "no-copy-available"
    screen_message = "All copies are in use. You can place a hold."


class FeeNotAcknowledged(Refused):
    """It costs `fee`, which the patron has not accepted. Ask them, and call again."""

    reason = "fee-not-acknowledged"
    screen_message = "There is a fee for this."


class NotOnLoan(Refused):
    """The item is not on loan, so there is nothing to take back or to renew."""

    reason = "not-on-loan"
    screen_message = "This item is not on loan."


class RenewalNotAllowed(Refused):
    """The loan cannot be made longer, by policy."""

    reason = "renewal-not-allowed"
    screen_message = "This loan cannot be renewed."


class TooManyRenewals(RenewalNotAllowed):
    """The loan was renewed as often as the policy allows."""

    reason = "too-many-renewals"
    screen_message = "This loan cannot be renewed any more."


class TooSoonToRenew(RenewalNotAllowed):
    """The loan can be renewed later, nearer to its due date."""

    reason = "too-soon-to-renew"
    screen_message = "It is too early to renew this loan."


class NotTakenHere(Refused):
    """The item is not to be taken back here, or not by a terminal."""

    reason = "not-taken-here"
    screen_message = "This item cannot be returned here. Please take it to the desk."


class NothingToUndo(Refused):
    """The item's latest transaction is not one of this terminal's of a moment ago."""

    reason = "nothing-to-undo"
    screen_message = "There is nothing to undo."


class FormatNotOffered(Refused):
    """The loan cannot be had in this format, or in none that a reader here could open."""

    reason = "format-not-offered"
    screen_message = "This title cannot be had in that format."


class PartNotFound(Refused):
    """The audiobook has no part of this number, or what was lent has no parts."""

    reason = "part-not-found"
    screen_message = "This title has no such part."


class TitleNotFound(Refused):
    """No title, or more than one, has this name."""

    reason = "title-not-found"
    screen_message = "This title is not known here."


class HoldNotFound(Refused):
    """The patron has no such hold."""

    reason = "hold-not-found"
    screen_message = "You have no such hold."


class HoldNotAllowed(Refused):
    """The patron may not place holds, or not on this."""

    reason = "hold-not-allowed"
    screen_message = "You cannot place a hold on this."


class AlreadyOnHold(HoldNotAllowed):
    """The patron has a hold on this title."""

    reason = "already-on-hold"
    screen_message = "You have a hold on this title already."


class AlreadyBorrowed(HoldNotAllowed):
    """The patron has this title on loan."""

    reason = "already-borrowed"
    screen_message = "You have this title on loan."


class HoldLimitReached(HoldNotAllowed):
    """The patron has as many holds as the policy allows."""

    reason = "hold-limit-reached"
    screen_message = "You have reached your number of holds."


class NoSuchPickupLocation(HoldNotAllowed):
    """Holds cannot be picked up there."""

    reason = "no-such-pickup-location"
    screen_message = "Holds cannot be picked up there."


class PaymentNotDue(Refused):
    """The amount is no amount, or more than is owed."""

    reason = "payment-not-due"
    screen_message = "This amount is not owed."


class CurrencyNotAccepted(Refused):
    """The library takes payments in another currency."""

    reason = "currency-not-accepted"
    screen_message = "The library does not take this currency."


class FeeNotFound(Refused):
    """The patron owes no such fee, or has paid it."""

    reason = "fee-not-found"
    screen_message = "You owe no such fee."


class PaymentKeyUsed(Refused):
    """The payment device's number belongs to another payment. Somebody should look into it."""

    reason = "payment-key-used"
    screen_message = "This payment was not booked. Please ask at the desk."


class NotSupported(CirculationError):
    """This ILS has no such operation. Nothing changed, and asking again will not help."""


class Unavailable(CirculationError):
    """The ILS could not be reached, took too long, or answered nonsense. Logged, with cause."""

    def __init__(self, message: str, *, may_stand: bool = True) -> None:
        super().__init__(message)
        self.may_stand = may_stand  # False: it is certain that nothing changed


class BeingConfirmed(Unavailable):
    """Whoever lends it has not answered yet. The change is written down and goes on by itself; the
    patron's account shows what came of it. Asking again joins it, and begins nothing new."""

    screen_message: ClassVar[str] = "This is being confirmed. Please see your shelf in a while."
