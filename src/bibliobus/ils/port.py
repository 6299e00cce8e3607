"""The calls of the ILS portability layer, in three widths, so that nobody implements what makes
no sense for it: everyone who lends (`Circulation`), the system of record (`ILS`), and a vendor of
e-books (`DigitalCollection`).

Every method may raise `Unavailable`: no answer came. Of a method that changes something, the
change may or may not stand then; a call with the same `origin.request_key` finds out, and does it
only if it was not done. One method is one transaction. A refusal leaves nothing behind.

Source: ILS.pod, whose names the methods keep; spec/sip2 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bibliobus.ils.records import (
    CheckinResult,
    CheckoutResult,
    EndSessionResult,
    Fulfilment,
    Item,
    ListEntry,
    Origin,
    Patron,
    PatronList,
    RenewAllResult,
)
from bibliobus.ils.secret import Secret


class Circulation(Protocol):
    """Whoever lends: items are found, go out and come back."""

    async def find_item(self, item_id: str) -> Item | None:
        """The item with this barcode or ISBN, exactly as scanned; None if there is none.

        Source: Item.pod, "new".
        """
        ...

    async def checkout(
        self,
        patron_id: str,
        item_id: str,
        *,
        renewal_allowed: bool = False,
        no_block: bool = False,
        no_block_due_at: datetime | None = None,
        pin: Secret | None = None,
        item_properties: str | None = None,
        origin: Origin,
    ) -> CheckoutResult:
        """Lend one item to one patron.

        Args:
            patron_id: The barcode on the patron's card, exactly as scanned.
            item_id: The item's barcode or ISBN, exactly as scanned.
            renewal_allowed: If the patron has the item already, renew the loan.
            no_block: The terminal lent the item already, while it was off line, at
                `origin.transaction_at`. No policy can refuse it; whoever had the item then has
                returned it, and a loan that began later stays.
            no_block_due_at: What the terminal told the patron then; None: by policy.
            pin: None if it was not sent, which is not the same as wrong.
            item_properties: Kept with the item as it is, and given back by `find_item`.
            origin: Where the call comes from, and what names it for a repeat.

        Raises:
            PatronNotFound: No patron has this id.
            WrongPIN: A PIN was sent and is not the patron's.
            PatronBlocked: The patron may not borrow; `also` has all further reasons.
            LoanLimitReached: The patron has as many loans as the policy allows.
            ItemNotFound: No item has this id.
            AlreadyOnLoan: The item is on loan, and this is not a renewal.
            RenewalNotAllowed: It would be a renewal, which the policy refuses.
            NotSupported: Lending is switched off.

        Source: ILS.pod, "checkout"; ILS.pm, "checkout_no_block"; SIP2 2.00, message 11.
        """
        ...

    async def checkin(
        self,
        item_id: str,
        *,
        returned_at: datetime | None = None,
        current_location: str | None = None,
        item_properties: str | None = None,
        no_block: bool = False,
        origin: Origin,
    ) -> CheckinResult:
        """Take one item back.

        Args:
            item_id: The item's barcode or ISBN, exactly as scanned.
            returned_at: When it came back, held between the loan's start and now; None: now.
            current_location: Where it is now; None: where the terminal stands.
            item_properties: Kept with the item as it is, and given back by `find_item`.
            no_block: The terminal took the item back already, while it was off line, at
                `returned_at`, else `origin.transaction_at`. It is not refused for not being on
                loan.
            origin: Where the call comes from, and what names it for a repeat.

        Raises:
            ItemNotFound: No item has this id.
            NotOnLoan: The item is not on loan, so there is nothing to take back.

        Source: ILS.pod, "checkin"; ILS.pm, "checkin_no_block"; SIP2 2.00, message 09.
        """
        ...

    async def renew(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        third_party: bool = False,
        no_block: bool = False,
        no_block_due_at: datetime | None = None,
        pin: Secret | None = None,
        item_properties: str | None = None,
        origin: Origin,
    ) -> CheckoutResult:
        """Make one loan longer. Never lends what is in.

        Args:
            patron_id: The barcode on the patron's card, exactly as scanned.
            item_id: The item's barcode or ISBN, exactly as scanned; None: by `title_id`.
            title_id: The title as `find_item` gives it: of the patron's loans of that title, the
                one that is due first. Not looked at if there is an `item_id`.
            third_party: If somebody else has the item, renew it for them. The result is about
                the patron who asked.
            no_block: The terminal renewed it already, while it was off line. No policy can
                refuse it.
            no_block_due_at: What the terminal told the patron then; None: by policy.
            pin: None if it was not sent, which is not the same as wrong.
            item_properties: Kept with the item as it is, and given back by `find_item`.
            origin: Where the call comes from, and what names it for a repeat.

        Returns:
            `renewal_ok` is true, and `due_at` the new date, never earlier than the old one.

        Raises:
            PatronNotFound: No patron has this id.
            WrongPIN: A PIN was sent and is not the patron's.
            ItemNotFound: No item has this id.
            NotOnLoan: The item is in, or the patron has no loan of this title.
            AlreadyOnLoan: Somebody else has the item, and `third_party` is false.
            RenewalNotAllowed: The policy refuses, or the patron who has it may not renew.
            NotSupported: Renewing is switched off.

        Source: ILS.pod, "renew"; SIP2 2.00, message 29.
        """
        ...


class ILS(Circulation, Protocol):
    """The library's system of record: patrons, items, loans, holds and fees."""

    def supports(self, operation: str) -> bool:
        """Whether this ILS has an operation, by the pod's name for it: "checkout", "hold",
        "magnetic media" …

        Source: ILS.pod, "supports"; spec/sip2 3.1.
        """
        ...

    def check_inst_id(self, institution_id: str, whence: str) -> None:
        """Note that a terminal sent this institution id in the operation `whence`. Never fails:
        many terminals send a constant.

        Source: ILS.pod, "check_inst_id".
        """
        ...

    async def checkin_ok(self) -> bool:
        """Whether items may be taken back now (ILS.pod, "checkin_ok")."""
        ...

    async def checkout_ok(self) -> bool:
        """Whether items may be lent now (ILS.pod, "checkout_ok")."""
        ...

    async def status_update_ok(self) -> bool:
        """Whether terminals may block patrons (ILS.pod, "status_update_ok")."""
        ...

    async def offline_ok(self) -> bool:
        """Whether what was lent off line is accepted afterwards (ILS.pod, "offline_ok")."""
        ...

    async def find_patron(self, patron_id: str) -> Patron | None:
        """The patron with this card, exactly as scanned; None if there is none. A blocked or
        expired patron is found.

        Source: Patron.pod, "new".
        """
        ...

    async def check_password(self, patron_id: str, pin: Secret) -> bool:
        """Whether this is the patron's PIN. False for an unknown patron, after as long.

        Source: Patron.pod, "check_password".
        """
        ...

    async def renew_all(
        self, patron_id: str, *, pin: Secret | None = None, origin: Origin
    ) -> RenewAllResult:
        """Make all loans of a patron longer, each that the policy lets be.

        Raises:
            PatronNotFound: No patron has this id.
            WrongPIN: A PIN was sent and is not the patron's.
            NotSupported: Renewing is switched off.

        Source: ILS.pod, "renew_all"; SIP2 2.00, message 65.
        """
        ...

    async def block(
        self, patron_id: str, *, card_retained: bool, message: str, origin: Origin
    ) -> Patron:
        """Take all permissions from a patron until `enable`.

        Args:
            patron_id: The barcode on the patron's card, exactly as scanned.
            card_retained: The terminal has kept the card.
            message: What the terminal says of it, for staff to read.
            origin: Where the call comes from, and what names it for a repeat.

        Returns:
            The patron as they are now. Blocking twice changes nothing but the message.

        Raises:
            PatronNotFound: No patron has this id.
            NotSupported: Terminals may not block patrons here.

        Source: Patron.pod, "block"; SIP2 2.00, message 01.
        """
        ...

    async def enable(self, patron_id: str, *, pin: Secret | None = None, origin: Origin) -> Patron:
        """Give back what `block` took, and no more: other blocks stay.

        Raises:
            PatronNotFound: No patron has this id.
            WrongPIN: A PIN was sent and is not the patron's.
            NotSupported: Terminals may not block patrons here, nor enable them.

        Source: Patron.pod, "enable"; SIP2 2.00, message 25.
        """
        ...

    async def status_update(self, item_id: str, item_properties: str, *, origin: Origin) -> Item:
        """Keep these properties with an item, as they are, until the next ones come.

        Raises:
            ItemNotFound: No item has this id.

        Source: Item.pod, "status_update"; SIP2 2.00, message 19.
        """
        ...

    async def patron_list(
        self, patron_id: str, kind: PatronList, start: int = 1, end: int | None = None
    ) -> Sequence[ListEntry]:
        """Entries of one of the patron's lists, in an order that stays.

        Args:
            patron_id: The barcode on the patron's card, exactly as scanned.
            kind: Which list.
            start: The first entry wanted, counted from 1.
            end: The last entry wanted, inclusive; None: to the end. An `end` before `start`,
                and a `start` after the last entry, give an empty list.

        Raises:
            PatronNotFound: No patron has this id.

        Source: Patron.pod, "hold_items" and its neighbours.
        """
        ...

    async def end_patron_session(
        self, patron_id: str, *, pin: Secret | None = None, origin: Origin
    ) -> EndSessionResult:
        """The patron has left the terminal. An unknown patron has left, too.

        Raises:
            WrongPIN: A PIN was sent and is not the patron's.

        Source: ILS.pod, "end_patron_session".
        """
        ...


class DigitalCollection(Circulation, Protocol):
    """What one vendor lends to one institution: e-books and e-audio, by ISBN."""

    async def fulfil(self, patron_id: str, item_id: str, *, origin: Origin) -> Fulfilment:
        """Where the patron can read or fetch what they have on loan. Asked anew each time, as
        such links live for minutes.

        Raises:
            NotOnLoan: The patron does not have this item.
        """
        ...
