"""The calls of the ILS portability layer, in three widths, so that nobody implements what makes
no sense for it: everyone who lends (`Circulation`), the system of record (`ILS`), and a vendor of
e-books (`DigitalCollection`).

Every method may raise `Unavailable`: no answer came. Of a method that changes something, the
change may or may not stand then; a call with the same `origin.request_key` finds out, and does it
only if it was not done. One method is one transaction. A refusal leaves nothing behind.

Where a method raises `WrongPIN`, it may be `TooManyWrongPINs`: so many were wrong in a row that
none is looked at for a while.

Source: ILS.pod, whose names the methods keep; spec/sip2 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from bibliobus.ils.records import (
    Audiobook,
    Bookmark,
    CheckinResult,
    CheckoutResult,
    EndSessionResult,
    FeeType,
    Format,
    Fulfilment,
    HoldResult,
    HoldType,
    Item,
    ListEntry,
    Origin,
    Patron,
    PatronAccount,
    PatronList,
    PaymentResult,
    RenewAllResult,
    Wish,
)
from bibliobus.ils.secret import Secret


class Circulation(Protocol):
    """Whoever lends: items are found, go out and come back, and are waited for."""

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
        fee_acknowledged: bool = False,
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
                `origin.transaction_at` (now, if its clock cannot be right). No policy can refuse
                it; whoever had the item then has returned it, and owes what was overdue by then. If
                the item has gone out again or come back since, this loan is over already.
            no_block_due_at: What the terminal told the patron then; None, or a time before the
                loan began: by policy.
            fee_acknowledged: The patron accepts what it costs. Nothing is booked for what was
                lent off line, since nobody was asked.
            pin: None if it was not sent, which is not the same as wrong. Of what was lent off
                line it is not looked at.
            item_properties: Kept with the item as it is, and given back by `find_item`.
            origin: Where the call comes from, and what names it for a repeat.

        Returns:
            What stands now: the loan is open, and a hold of the patron on this title is over.

        Raises:
            NotSupported: Lending is switched off.
            PatronNotFound: No patron has this id.
            WrongPIN: A PIN was sent and is not the patron's.
            ItemNotFound: No item has this id.
            PatronBlocked: The patron may not borrow; `also` has all further reasons.
            AlreadyOnLoan: The item is on loan, and this is not a renewal.
            RenewalNotAllowed, OnHoldForAnother: It would be a renewal, which is refused.
            NotForLoan: Items of this kind are not lent to such patrons.
            ItemNotAvailable: It is lost, missing, not yet there, or withdrawn.
            OnHoldForAnother: It waits for another patron, or one who is first in its queue.
            LoanLimitReached: The patron has as many loans as the policy allows.
            FeeNotAcknowledged: It costs something, and that was not accepted.

        The checks are made in this order.

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
        capture_holds: bool = True,
        patron_id: str | None = None,
        origin: Origin,
    ) -> CheckinResult:
        """Take one item back.

        Args:
            item_id: The item's barcode or ISBN, exactly as scanned.
            patron_id: Whose loan ends, of a digital item, which many may have at a time; None: the
                only one's who has it; empty: nobody's, and only a repeat is answered. The same
                request of another patron is another one. Of a copy not looked at: whoever brings
                it back.
            returned_at: When it came back, held between the loan's start and now; None: now.
            current_location: Where it is now; None: where the terminal stands, whose branch it is
                too if there is no such place.
            item_properties: Kept with the item as it is, and given back by `find_item`.
            capture_holds: False: no hold gets the copy now; if somebody waits for it, the alert is
                OTHER, and staff take it back once more.
            no_block: The terminal took the item back already, while it was off line, at
                `returned_at`, else `origin.transaction_at` (now, if its clock cannot be right).
                It is not refused for not being on loan; a loan that began later stays.
            origin: Where the call comes from, and what names it for a repeat.

        Returns:
            What stands now: the loan is over and its overdue fee is booked, also of what was taken
            back off line; a lost or missing item is found, and what was charged for it is reversed;
            the first eligible hold has got the copy (`hold`), or the item is on its way to another
            branch (`item.destination`).

        Raises:
            ItemNotFound: No item has this id.
            NotTakenHere: It is withdrawn, or not yet part of the library; or several patrons have
                the digital item, and none was named. Never if `no_block`.
            NotOnLoan: The item is not on loan, nobody waits for it, it has not just arrived from
                elsewhere, does not belong elsewhere and was not missed: there is nothing to do.
            NotSupported: Taking back is switched off.

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
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        item_properties: str | None = None,
        origin: Origin,
    ) -> CheckoutResult:
        """Make one loan longer. Never lends what is in.

        Args:
            patron_id: The barcode on the patron's card, exactly as scanned.
            item_id: The item's barcode or ISBN, exactly as scanned; None: by `title_id`.
            title_id: The title's text or key as `find_item` gives it: of the patron's loans of
                that title, the one that is due first. Not looked at if there is an `item_id`.
            third_party: If somebody else has the item, renew it for them. The result is about
                the patron who asked.
            no_block: The terminal renewed it already, while it was off line. No policy can
                refuse it.
            no_block_due_at: What the terminal told the patron then; None: by policy.
            fee_acknowledged: Whoever has the item accepts what it costs.
            pin: None if it was not sent, which is not the same as wrong.
            item_properties: Kept with the item as it is, and given back by `find_item`.
            origin: Where the call comes from, and what names it for a repeat.

        Returns:
            `renewal_ok` is true, and `due_at` the new date, never earlier than the old one. What
            was overdue until it was renewed is booked as a fee.

        Raises:
            PatronNotFound: No patron has this id.
            WrongPIN: A PIN was sent and is not the patron's.
            ItemNotFound: No item has this id.
            NotOnLoan: The item is in, or the patron has no loan of this title.
            AlreadyOnLoan: Somebody else has the item, and `third_party` is false.
            RenewalNotAllowed: The patron who has it may not renew; TooManyRenewals and
                TooSoonToRenew say more.
            OnHoldForAnother: Somebody waits for it.
            FeeNotAcknowledged: It costs something, and that was not accepted.
            NotSupported: Renewing is switched off.

        Source: ILS.pod, "renew"; SIP2 2.00, message 29.
        """
        ...

    async def add_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        hold_type: HoldType = HoldType.ANY_COPY,
        pickup_location: str | None = None,
        expires_at: datetime | None = None,
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        """Put a patron into the queue for a title, or for one item.

        Args:
            patron_id: The barcode on the patron's card, exactly as scanned.
            item_id: The item, or any item of the title, exactly as scanned; None: by `title_id`.
            title_id: The title's text as `find_item` gives it, if one title only has it, or its
                `title_key`. Not looked at if there is an `item_id`.
            hold_type: SPECIFIC_COPY needs an `item_id`.
            pickup_location: Where the patron will fetch it; None: at their home library, if
                holds can be picked up there, else where the terminal stands.
            expires_at: When the patron is not interested any more; None, or a time that is past:
                by policy.
            fee_acknowledged: The patron accepts what it costs.
            pin: None if it was not sent, which is not the same as wrong.
            origin: Where the call comes from, and what names it for a repeat.

        Returns:
            The hold, its position, and whether a copy could be fetched at once. No copy is taken
            from its shelf by this: it goes to the hold shelf when it is checked in.

        Raises:
            PatronNotFound: No patron has this id.
            WrongPIN: A PIN was sent and is not the patron's.
            ItemNotFound: No item has this id, or a specific copy is wanted and none was named.
            TitleNotFound: No title has this name, or several have it, or nothing was named.
            PatronBlocked: The patron may do nothing here; `also` has all further reasons.
            HoldNotAllowed: The patron may not place holds, or not on this. Its subclasses say
                that they have the title on hold or on loan, or too many holds, or that nothing
                can be picked up there.
            FeeNotAcknowledged: It costs something, and that was not accepted.
            NotSupported: There are no holds here.

        Source: ILS.pod, "add_hold"; SIP2 2.00, message 15 with mode "+".
        """
        ...

    async def alter_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        hold_type: HoldType | None = None,
        pickup_location: str | None = None,
        expires_at: datetime | None = None,
        suspended_until: datetime | None = None,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        """Change a patron's active hold. What is None stays as it is; so does its place.

        Args:
            patron_id: The barcode on the patron's card, exactly as scanned.
            item_id: The item, or an item of the title, that the hold is on.
            title_id: The title's text or key. Not looked at if there is an `item_id`.
            hold_type: What it is to wait for.
            pickup_location: Where the patron will fetch it.
            expires_at: When the patron is not interested any more. A time that is past is not
                looked at.
            suspended_until: Serve others first until then; a time that is past ends that. A copy
                on the hold shelf stays there.
            pin: None if it was not sent, which is not the same as wrong.
            origin: Where the call comes from, and what names it for a repeat.

        Raises:
            PatronNotFound: No patron has this id.
            WrongPIN: A PIN was sent and is not the patron's.
            HoldNotFound: The patron has no active hold on this.
            ItemNotFound: A specific copy is wanted now, and none was named.
            NoSuchPickupLocation: Holds cannot be picked up there; or a copy was found already,
                and the new place is in another branch, or the copy is on its way.
            NotSupported: There are no holds here.

        Source: ILS.pod, "alter_hold"; SIP2 2.00, message 15 with mode "*".
        """
        ...

    async def cancel_hold(
        self,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        pin: Secret | None = None,
        origin: Origin,
    ) -> HoldResult:
        """Give up a patron's active hold; a copy that waits for them goes to the next patron.

        Args: As of `alter_hold`.

        Returns:
            The hold as it was, but that it is not `ready` and has no position any more.

        Raises:
            PatronNotFound: No patron has this id.
            WrongPIN: A PIN was sent and is not the patron's.
            HoldNotFound: The patron has no active hold on this.
            NotSupported: There are no holds here.

        Source: ILS.pod, "cancel_hold"; SIP2 2.00, message 15 with mode "-".
        """
        ...

    async def patron_account(self, patron_id: str) -> PatronAccount:
        """All that a patron has on loan, on hold, and owes with this lender.

        Raises:
            PatronNotFound: No patron has this id.
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
        """Whether terminals may lend while they are off line (ILS.pod, "offline_ok"). What they
        did lend is accepted afterwards in any case."""
        ...

    async def find_patron(self, patron_id: str) -> Patron | None:
        """The patron with this card, exactly as scanned; None if there is none. A blocked or
        expired patron is found.

        Source: Patron.pod, "new".
        """
        ...

    async def check_password(self, patron_id: str, pin: Secret) -> bool:
        """Whether this is the patron's PIN. False for an unknown patron, after as long, and while
        none is looked at (`TooManyWrongPINs`).

        Source: Patron.pod, "check_password".
        """
        ...

    async def undo_checkout(
        self, item_id: str, *, patron_id: str | None = None, origin: Origin
    ) -> CheckinResult:
        """Take back a checkout or renewal that failed at the terminal, as if it had not been. Of
        `renew_all` it takes back this item's renewal.

        Args:
            item_id: The item's barcode, exactly as scanned.
            patron_id: Whose loan it was; None: it need not be said.
            origin: Where the call comes from, and what names it for a repeat.

        Returns:
            What stands now: the loan is over, or has its old due date again; a hold that it had
            filled waits again; its fee is reversed.

        Raises:
            ItemNotFound: No item has this id.
            NothingToUndo: The item's latest transaction is not a checkout or a renewal by the
                same account within ten minutes, or of another patron.
            NotSupported: This ILS cannot undo.

        Source: SIP2 2.00, field BI of message 09; spec/sip2 4.13.
        """
        ...

    async def undo_checkin(
        self, item_id: str, *, patron_id: str | None = None, origin: Origin
    ) -> CheckoutResult:
        """Take back a checkin that failed at the terminal, as if it had not been.

        Args: As of `undo_checkout`.

        Returns:
            What stands now: the loan is open, and due when it was; a hold that got the copy waits
            again; its fee is reversed.

        Raises:
            ItemNotFound: No item has this id.
            NothingToUndo: The item's latest transaction is not a checkin of a loan by the same
                account within ten minutes, or of another patron's.
            NotSupported: This ILS cannot undo.

        Source: SIP2 2.00, field BI of message 11; spec/sip2 4.13.
        """
        ...

    async def renew_all(
        self,
        patron_id: str,
        *,
        fee_acknowledged: bool = False,
        pin: Secret | None = None,
        origin: Origin,
    ) -> RenewAllResult:
        """Make all loans of a patron longer, each that the policy lets be. One that costs
        something and was not accepted is left as it is.

        Raises:
            PatronNotFound: No patron has this id.
            WrongPIN: A PIN was sent and is not the patron's.
            NotSupported: Renewing is switched off.

        Source: ILS.pod, "renew_all"; SIP2 2.00, message 65.
        """
        ...

    async def pay_fee(
        self,
        patron_id: str,
        amount: Decimal,
        currency: str,
        *,
        fee_type: FeeType = FeeType.OTHER,
        payment_type: int,
        fee_id: str | None = None,
        transaction_id: str | None = None,
        credit_ok: bool = True,
        pin: Secret | None = None,
        origin: Origin,
    ) -> PaymentResult:
        """Record a fee that a patron has already paid at a terminal.

        Args:
            patron_id: The barcode on the patron's card, exactly as scanned.
            amount: In whole units of `currency`, not cents: `Decimal("1.50")`.
            currency: ISO 4217 code in capitals, e.g. "USD"; "" is the library's own.
            fee_type: What the fee was for. It is recorded, and does not choose the fee.
            payment_type: How the patron paid: a `PaymentType`, or another number below 100 that
                the library and its terminals agreed on.
            fee_id: The fee paid, as named in the patron's account; None: the oldest first.
            transaction_id: The payment device's own number for this payment. A number seen before
                from the same account is not booked again, so a call whose answer was lost can be
                repeated, for ever.
            credit_ok: False: refuse what is more than is owed, even where it would be kept as
                credit.
            pin: None if it was not sent, which is not the same as wrong.
            origin: Where the call comes from, and what names it for a repeat.

        Returns:
            Our receipt number, which fees were paid how far, and what the patron still owes.

        Raises:
            PatronNotFound: No patron has this id. Nothing was booked.
            WrongPIN: A PIN was sent and is not the patron's. Nothing was booked.
            PaymentKeyUsed: This `transaction_id` belongs to another payment, of another patron,
                amount or fee. Nothing was booked.
            CurrencyNotAccepted: It is not the library's. Nothing was booked.
            FeeNotFound: The patron does not owe `fee_id`. Nothing was booked.
            PaymentNotDue: The amount is not above zero, has more digits than the currency, or is
                more than is owed and not kept as credit, which no write-off is. Nothing was
                booked.
            NotSupported: This ILS takes no payments from terminals.
            Unavailable: No answer came. The payment may be booked; without a `transaction_id`,
                look at the patron's account before you repeat the call.

        Source: ILS.pod, "pay_fee"; SIP2 2.00, messages 37 (Fee Paid) and 38.
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
            NotSupported: This ILS keeps no such thing.

        Source: Item.pod, "status_update"; SIP2 2.00, message 19.
        """
        ...

    async def hold_queue(self, item_id: str) -> Sequence[str]:
        """The barcodes of the patrons whose active holds this item can serve, in their order; one
        for whom it is on the hold shelf comes first. Suspended ones are not among them.

        Raises:
            ItemNotFound: No item has this id.

        Source: Item.pod, "hold_queue".
        """
        ...

    async def hold_queue_position(self, item_id: str, patron_id: str) -> int:
        """The patron's place in the item's `hold_queue`: 1 is next, 0 not among them.

        Raises:
            ItemNotFound: No item has this id.

        Source: Item.pod, "hold_queue_position".
        """
        ...

    async def available(self, item_id: str, patron_id: str) -> bool:
        """Whether the patron could borrow the item as far as it is concerned: it is in, can be
        lent, and does not wait for somebody else.

        Raises:
            ItemNotFound: No item has this id.

        Source: Item.pod, "available".
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
    """What one vendor lends to one institution: e-books and e-audio, by ISBN, with hyphens or
    without, of ten digits or thirteen. The patrons are the institution's ILS's.

    The vendor decides, and may take long. A change that has no answer after some seconds raises
    `BeingConfirmed`; it goes on, and the same call joins it. What only reads waits for nobody but
    our own database, unless its docstring says otherwise.
    """

    async def account_of(self, patron: Patron) -> PatronAccount:
        """As `patron_account`, of a patron whom the ILS has just shown: it is not asked again."""
        ...

    async def signed_in(self, patron_id: str) -> None:
        """Note that a patron is here: what we know of their loans and holds is compared with what
        the vendor knows, soon and without anybody waiting, unless that was done minutes ago.
        """
        ...

    async def edition_of(self, item: Item) -> Item | None:
        """The e-book or e-audio of the title that an item of the ILS is a copy of, if this
        collection lends one; None: none, or nobody knows."""
        ...

    async def formats(self, patron_id: str, item_id: str) -> Sequence[Format]:
        """As what files the patron can have what they have on loan, the best one first. Empty: only
        the vendor's own app opens it. An audiobook can be had part by part, too: see `audiobook`.

        Raises:
            NotOnLoan: The patron does not have this item.
        """
        ...

    async def fulfil(
        self,
        patron_id: str,
        item_id: str,
        *,
        media_type: str | None = None,
        part: int | None = None,
        origin: Origin,
    ) -> Fulfilment:
        """Where the patron can read or fetch what they have on loan. The vendor is asked anew each
        time, as such links live for minutes.

        Args:
            patron_id: The barcode on the patron's card.
            item_id: What they have on loan.
            media_type: One of `formats`; None: the first.
            part: Of an audiobook, from 0; None: all of it.
            origin: Where the call comes from.

        Raises:
            NotOnLoan: The patron does not have this item.
            FormatNotOffered: Not so, or only in the vendor's own app.
            PartNotFound: It has no parts, or not so many.
        """
        ...

    async def audiobook(self, patron_id: str, item_id: str) -> Audiobook:
        """What an audiobook that the patron has on loan consists of. The vendor is asked.

        Raises:
            NotOnLoan: The patron does not have this item.
            FormatNotOffered: It is no audiobook, or only the vendor's own app plays it.
        """
        ...

    async def bookmark(self, patron_id: str, item_id: str) -> Bookmark | None:
        """Where the patron stopped in what they have on loan; None: nowhere yet.

        Raises:
            NotOnLoan: The patron does not have this item.
        """
        ...

    async def keep_bookmark(
        self, patron_id: str, item_id: str, bookmark: Bookmark, *, origin: Origin
    ) -> None:
        """Remember where the patron stopped, unless a later bookmark is there already. It is
        forgotten when the loan ends.

        Raises:
            NotOnLoan: The patron does not have this item.
        """
        ...

    async def wishlist(self, patron_id: str) -> Sequence[Wish]:
        """What the patron would like to read, the newest first.

        Raises:
            PatronNotFound: No patron has this id.
        """
        ...

    async def add_wish(self, patron_id: str, isbn: str, *, origin: Origin) -> Wish:
        """Put a title on the patron's wishlist, which holds each once; owned or not.

        Raises:
            PatronNotFound: No patron has this id.
            TitleNotFound: The vendor has no title with this ISBN.
        """
        ...

    async def drop_wish(self, patron_id: str, isbn: str, *, origin: Origin) -> None:
        """Take a title off the patron's wishlist, if it is there.

        Raises:
            PatronNotFound: No patron has this id.
        """
        ...
