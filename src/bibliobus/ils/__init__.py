"""The ILS portability layer: what a front door may ask of whichever ILS keeps the records.

It is the layer of Koha's and OpenNCIP's SIP server (ILS.pod, Patron.pod, Item.pod), typed and
asynchronous. `port` has the calls, `records` what they take and give, `errors` what can go wrong.
"""

from bibliobus.ils.errors import (
    AlreadyOnLoan,
    BlockedAtTerminal,
    CardExpired,
    CardLost,
    CirculationError,
    ItemNotFound,
    LoanLimitReached,
    NotOnLoan,
    NotSupported,
    PatronBlocked,
    PatronNotFound,
    Refused,
    RenewalNotAllowed,
    Unavailable,
    WrongPIN,
)
from bibliobus.ils.institution import Institution
from bibliobus.ils.port import ILS, Circulation, DigitalCollection
from bibliobus.ils.records import (
    CheckinResult,
    CheckoutResult,
    CirculationStatus,
    EndSessionResult,
    Fulfilment,
    Item,
    ListEntry,
    Origin,
    Patron,
    PatronList,
    RenewAllResult,
    Unrenewed,
)
from bibliobus.ils.secret import Secret

__all__ = [
    "ILS",
    "AlreadyOnLoan",
    "BlockedAtTerminal",
    "CardExpired",
    "CardLost",
    "CheckinResult",
    "CheckoutResult",
    "Circulation",
    "CirculationError",
    "CirculationStatus",
    "DigitalCollection",
    "EndSessionResult",
    "Fulfilment",
    "Institution",
    "Item",
    "ItemNotFound",
    "ListEntry",
    "LoanLimitReached",
    "NotOnLoan",
    "NotSupported",
    "Origin",
    "Patron",
    "PatronBlocked",
    "PatronList",
    "PatronNotFound",
    "Refused",
    "RenewAllResult",
    "RenewalNotAllowed",
    "Secret",
    "Unavailable",
    "Unrenewed",
    "WrongPIN",
]
