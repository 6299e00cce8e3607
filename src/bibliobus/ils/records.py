"""What crosses the port: patrons, items, and what came of a transaction.

Records are frozen and hold what one read gives. Times are aware and in UTC, amounts are `Decimal`
in whole units of an ISO 4217 currency. Attributes keep the names of Patron.pod and Item.pod, so
whoever wrote an ILS for SIPServer knows them; what those lack has a comment.

They are msgspec structs, because a replay row keeps a whole result as JSON (DESIGN: done once).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum

import msgspec
from msgspec.structs import replace


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all records have in common."""


class Patron(Record, frozen=True, kw_only=True):
    """A reader, as one read of the ILS shows them. Never holds a PIN.

    Source: Patron.pod; spec/sip2 3.3.
    """

    id: str  # the barcode on the card
    name: str
    internal_id: str | None = None
    address: str | None = None  # one line
    email_addr: str | None = None
    home_phone: str | None = None
    birth_on: date | None = None
    expires_on: date | None = None
    ptype: str | None = None  # patron class, by the ILS's own names
    home_library: str | None = None
    inet_privileges: str | None = None
    language: str | None = None  # BCP 47, e.g. "en" or "pt-BR"
    currency: str | None = None
    fee_amount: Decimal | None = None  # owed in all; None: this ILS keeps no fees
    fee_limit: Decimal | None = None  # no more loans above this; Koha's, not in the pod
    screen_messages: tuple[str, ...] = ()
    print_lines: tuple[str, ...] = ()

    charge_ok: bool = True
    renew_ok: bool = True
    recall_ok: bool = True
    hold_ok: bool = True
    card_lost: bool = False
    too_many_charged: bool = False
    too_many_overdue: bool = False
    too_many_renewal: bool = False
    too_many_claim_return: bool = False
    too_many_lost: bool = False
    excessive_fines: bool = False
    excessive_fees: bool = False
    recall_overdue: bool = False
    too_many_billed: bool = False

    # counts and limits, which the pod gives only by way of whole lists
    hold_count: int = 0  # waiting on the shelf
    overdue_count: int = 0
    charged_count: int = 0
    fine_count: int = 0
    recall_count: int = 0
    unavailable_hold_count: int = 0  # still to come
    hold_limit: int | None = None
    overdue_limit: int | None = None
    charged_limit: int | None = None


def without_contact(patron: Patron, **changes: int) -> Patron:
    """What a transaction's result needs of a patron, and a replay row may keep for a day."""
    return replace(patron, address=None, email_addr=None, home_phone=None, birth_on=None, **changes)


class PatronList(Enum):
    """The lists of a patron that `ILS.patron_list` can give (Patron.pod, `hold_items` …)."""

    HOLDS = "hold_items"
    OVERDUE = "overdue_items"
    CHARGED = "charged_items"
    FINES = "fine_items"
    RECALLS = "recall_items"
    UNAVAILABLE_HOLDS = "unavail_holds"


class HoldType(IntEnum):
    """What a hold waits for. The numbers are the standard's (BY)."""

    OTHER = 1  # kept as it is; served as ANY_COPY
    ANY_COPY = 2  # of the title
    SPECIFIC_COPY = 3  # this item
    ANY_COPY_AT_ONE_PLACE = 4  # of the title, at the pickup location


class FeeType(IntEnum):
    """What a fee is for. The numbers are the standard's (BT)."""

    OTHER = 1
    ADMINISTRATIVE = 2
    DAMAGE = 3
    OVERDUE = 4
    PROCESSING = 5
    RENTAL = 6
    REPLACEMENT = 7
    COMPUTER_ACCESS = 8
    HOLD = 9


class PaymentType(IntEnum):
    """How a fee was paid. The first three numbers are the standard's, the others Evergreen's and
    Koha's; a library may agree on more with its terminals."""

    CASH = 0
    VISA = 1
    CREDIT_CARD = 2
    CHEQUE = 5
    WRITE_OFF = 6


class Loan(Record, frozen=True, kw_only=True):
    """An item that a patron has."""

    item_id: str
    title_id: str  # as a patron reads it
    lent_at: datetime
    due_at: datetime
    renewals: int = 0


class Hold(Record, frozen=True, kw_only=True):
    """A place in the queue for a title or an item."""

    id: str
    title_id: str  # as a patron reads it
    item_id: str | None = None  # the one it is for, or that waits on the hold shelf
    hold_type: HoldType = HoldType.ANY_COPY
    pickup_location: str | None = None
    placed_at: datetime
    expires_at: datetime | None = None  # when it is given up
    suspended_until: datetime | None = None  # others are served first until then
    queue_position: int = 0  # 1 is next; 0: a copy was found, or a vendor does not say
    ready: bool = False  # a copy waits on the hold shelf
    pickup_by: datetime | None = None  # when the hold shelf gives it up


class Fee(Record, frozen=True, kw_only=True):
    """What a patron owes, or is asked to accept."""

    id: str | None = None  # None: it is not booked, but would be
    amount: Decimal  # what is still owed of it
    currency: str
    fee_type: FeeType = FeeType.OTHER
    description: str = ""  # as a patron reads it
    item_id: str | None = None
    title_id: str | None = None
    raised_at: datetime | None = None


class ListEntry(Record, frozen=True, kw_only=True):
    """One entry of a patron's list: an item of theirs, a hold, or a fee."""

    item_id: str = ""  # a hold on a title has none, nor has a fee for no item
    title_id: str = ""  # as a patron reads it
    due_at: datetime | None = None  # if it is on loan
    hold: Hold | None = None  # in the lists of holds
    fee: Fee | None = None  # in the list of fines


class UnderWay(Record, frozen=True, kw_only=True):
    """A change that a vendor has not confirmed yet (`BeingConfirmed`)."""

    item_id: str
    title_id: str  # as a patron reads it
    change: str  # "checkout", "renew", "checkin", "add-hold", "cancel-hold"
    since_at: datetime


class PatronAccount(Record, frozen=True, kw_only=True):
    """All that a patron has, waits for and owes with one lender."""

    loans: tuple[Loan, ...] = ()  # what is due first comes first
    holds: tuple[Hold, ...] = ()  # in the order they were placed
    fees: tuple[Fee, ...] = ()  # the oldest first; only what is still owed
    under_way: tuple[UnderWay, ...] = ()  # the oldest first


class CirculationStatus(IntEnum):
    """Where an item is in its life. The numbers are the standard's, for want of better ones."""

    OTHER = 1
    ON_ORDER = 2
    AVAILABLE = 3
    CHARGED = 4
    CHARGED_NOT_RECALLABLE = 5
    IN_PROCESS = 6
    RECALLED = 7
    WAITING_ON_HOLD_SHELF = 8
    WAITING_TO_BE_RESHELVED = 9
    IN_TRANSIT = 10
    CLAIMED_RETURNED = 11
    LOST = 12
    MISSING = 13


class Item(Record, frozen=True, kw_only=True):
    """One thing that can be lent, by barcode or ISBN, as one read of the ILS shows it.

    Source: Item.pod; spec/sip2 3.4.
    """

    id: str
    title_id: str  # the title as a patron reads it
    title_key: str | None = None  # the ILS's own name for it; holds take it as a title id, too
    item_type: str | None = None  # by the ILS's own names: decides, with others, about policies
    circulation_status: CirculationStatus = CirculationStatus.AVAILABLE
    media_type: str | None = None  # three digits of the standard; None: not said
    magnetic: bool | None = None  # harmed by desensitising; None: not known
    security_marker: int | None = None
    permanent_location: str = ""
    current_location: str = ""
    owner: str | None = None
    collection_code: str | None = None
    call_number: str | None = None
    destination: str | None = None
    item_properties: str | None = None  # opaque, as a terminal sent it
    due_at: datetime | None = None  # if it is on loan
    recall_at: datetime | None = None
    hold_pickup_at: datetime | None = None  # when the hold shelf gives it up
    hold_queue_length: int = 0
    fee: Decimal | None = None  # for lending it
    fee_currency: str | None = None
    fee_type: FeeType | None = None
    screen_messages: tuple[str, ...] = ()
    print_lines: tuple[str, ...] = ()


class Origin(Record, frozen=True, kw_only=True):
    """Where a call comes from. Every call that changes something carries one."""

    door: str  # "sip2", "web", "opds", "shell"
    account: str | None = None  # the terminal's login
    location: str | None = None  # where the terminal stands
    connection: str | None = None  # tells two connections of one account apart
    language: str | None = None
    transaction_at: datetime | None = None  # the terminal's own time
    request_key: bytes | None = None
    """Names this request among all of its account: a call with a key seen before has no second
    effect, and gets the first one's result. None: the request may be meant twice."""


class CheckoutResult(Record, frozen=True, kw_only=True):
    """An item was lent, or its loan renewed."""

    patron: Patron
    item: Item
    due_at: datetime
    renewal_ok: bool = False  # the patron had it already
    desensitize: bool = True
    security_inhibit: bool | None = None
    fee: Fee | None = None  # what was booked for it
    screen_messages: tuple[str, ...] = ()
    print_lines: tuple[str, ...] = ()


class Unrenewed(Record, frozen=True, kw_only=True):
    """A loan that `renew_all` left as it was, and why."""

    item_id: str
    title_id: str
    reason: str  # the refusal's, e.g. "renewal-not-allowed"
    screen_message: str


class RenewAllResult(Record, frozen=True, kw_only=True):
    """What became of all loans of a patron; neither list has anything if there were none."""

    patron: Patron
    renewed: tuple[ListEntry, ...] = ()
    unrenewed: tuple[Unrenewed, ...] = ()
    screen_messages: tuple[str, ...] = ()
    print_lines: tuple[str, ...] = ()


class AlertType(IntEnum):
    """What is to become of an item that came back. The numbers are 3M's (CV)."""

    HOLD_HERE = 1
    HOLD_ELSEWHERE = 2
    HOLD_FOR_ANOTHER_LIBRARY = 3
    GOES_ELSEWHERE = 4
    OTHER = 99


class HoldNotice(Record, frozen=True, kw_only=True):
    """Whom an item that came back waits for: the slip for the hold shelf."""

    patron_id: str
    patron_name: str
    pickup_location: str | None = None
    pickup_by: datetime | None = None  # None: it has to travel there first


class CheckinResult(Record, frozen=True, kw_only=True):
    """An item was taken back. Where it has to go is its `destination`."""

    item: Item
    patron: Patron | None = None  # who had it
    resensitize: bool = True
    alert_type: AlertType | None = None  # None: back to its shelf
    hold: HoldNotice | None = None
    sort_bin: str | None = None
    fee: Fee | None = None  # what was booked for it
    screen_messages: tuple[str, ...] = ()
    print_lines: tuple[str, ...] = ()


class HoldResult(Record, frozen=True, kw_only=True):
    """A hold was placed, changed, or given up: `hold` as it is now, or as it was last."""

    patron: Patron
    hold: Hold
    item: Item | None = None  # the one that was named
    available: bool = False  # a copy can be fetched at once
    fee: Fee | None = None  # what was booked for it
    screen_messages: tuple[str, ...] = ()
    print_lines: tuple[str, ...] = ()


class FeePayment(Record, frozen=True, kw_only=True):
    """How much of a payment went to one fee."""

    fee_id: str
    amount: Decimal


class PaymentResult(Record, frozen=True, kw_only=True):
    """A payment was booked."""

    patron: Patron
    transaction_id: str  # our receipt number
    paid: tuple[FeePayment, ...]
    credit: Decimal  # what was paid too much, and is kept for the patron's next fees
    still_owed: Decimal
    currency: str
    screen_messages: tuple[str, ...] = ()
    print_lines: tuple[str, ...] = ()


class EndSessionResult(Record, frozen=True, kw_only=True):
    """A patron has left the terminal."""

    screen_messages: tuple[str, ...] = ()
    print_lines: tuple[str, ...] = ()


class Format(Record, frozen=True, gc=False):
    """As what a title can be had."""

    media_type: str  # "application/epub+zip"
    protection: str | None = None  # the media type of what opens it; None: nothing protects it


class Fulfilment(Record, frozen=True, kw_only=True):
    """Where a lent e-book can be read or fetched, for a few minutes. Whoever has the link has the
    file, so it is never printed."""

    url: str
    media_type: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Fulfilment({self.media_type!r})"


class AudiobookPart(Record, frozen=True, kw_only=True):
    """One of the files of an audiobook, in the order of reading."""

    media_type: str
    title: str | None = None  # "Part 1"
    duration: timedelta | None = None
    size: int | None = None  # bytes


class Audiobook(Record, frozen=True, kw_only=True):
    """What an audiobook on loan consists of, without any link."""

    isbn: str
    title: str
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    publisher: str | None = None
    description: str | None = None
    language: str | None = None  # BCP 47
    cover: str | None = None  # URL
    duration: timedelta | None = None
    size: int | None = None  # bytes
    parts: tuple[AudiobookPart, ...] = ()
    whole: str | None = None  # the media type in which it can be had in one piece, if any


class Bookmark(Record, frozen=True, kw_only=True):
    """Where a patron is in an audiobook."""

    part: int  # from 0
    position: timedelta  # in that part
    kept_at: datetime


class Wish(Record, frozen=True, kw_only=True):
    """A title that a patron would like to read, whether or not the library has it."""

    isbn: str
    title_id: str  # as a patron reads it
    wished_at: datetime
