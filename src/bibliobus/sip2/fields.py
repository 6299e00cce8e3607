"""The fields of SIP2 2.00, a line each: where it stands on the wire and what it is in Python.

A fixed-length field is told by its place, a named one by two characters and a delimiter. In
`messages`, `| None = None` says that a sender may leave a named field out.

Source: SIP2 2.00, "Message and Field Formats"; spec/sip2 2.1 to 2.20.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from bibliobus.sip2 import values
from bibliobus.sip2.values import Kind


@dataclass(frozen=True, slots=True)
class Fixed:
    """A field told by its place: so many characters."""

    width: int
    kind: Kind[Any]


@dataclass(frozen=True, slots=True)
class Named:
    """A field told by its two-character name, ended by the delimiter."""

    name: str
    kind: Kind[Any]
    repeats: bool = False
    secret: bool = False  # never shown by repr()


@dataclass(frozen=True, slots=True)
class Unnamed:
    """Where named fields go that this message does not have, or not twice."""


# fixed-length
YesNo = Annotated[bool, Fixed(1, values.YES_NO)]
HoldMode = Annotated[values.HoldMode | None, Fixed(1, values.HOLD_MODE)]  # None: no such mode
PaymentType = Annotated[int, Fixed(2, values.code(values.PaymentType, 2))]
FixedCurrency = Annotated[str, Fixed(3, values.exactly(3, "   "))]  # ISO 4217; blank: the library's
Ok = Annotated[bool, Fixed(1, values.ONE_ZERO)]
MagneticMedia = Annotated[bool | None, Fixed(1, values.YES_NO_UNKNOWN)]  # None: "U", not known
Timestamp = Annotated[datetime | None, Fixed(18, values.TIMESTAMP)]
Algorithm = Annotated[str, Fixed(1, values.exactly(1, "0"))]
Language = Annotated[str, Fixed(3, values.exactly(3, "000"))]  # handed back as it came
ProtocolVersion = Annotated[str, Fixed(4, values.exactly(4, "2.00"))]
StatusCode = Annotated[str, Fixed(1, values.exactly(1, "0"))]
PrintWidth = Annotated[int | None, Fixed(3, values.number(3))]
TenthsOfSeconds = Annotated[int | None, Fixed(3, values.number(3))]
Retries = Annotated[int | None, Fixed(3, values.number(3))]
Count = Annotated[int | None, Fixed(4, values.number(4))]  # None: not available
PatronStatus = Annotated[values.PatronStatus, Fixed(14, values.PATRON_STATUS)]
Summary = Annotated[values.SummaryType | None, Fixed(10, values.SUMMARY)]
CirculationStatus = Annotated[int, Fixed(2, values.code(values.CirculationStatus, 2))]
SecurityMarker = Annotated[int, Fixed(2, values.code(values.SecurityMarker, 2))]
FixedFeeType = Annotated[int, Fixed(2, values.code(values.FeeType, 2))]

# named
PatronId = Annotated[str, Named("AA", values.TEXT)]
ItemId = Annotated[str, Named("AB", values.TEXT)]
TerminalPassword = Annotated[str, Named("AC", values.TEXT, secret=True)]
PatronPassword = Annotated[str, Named("AD", values.TEXT, secret=True)]
PersonalName = Annotated[str, Named("AE", values.TEXT)]
ScreenMessages = Annotated[tuple[str, ...], Named("AF", values.TEXT, repeats=True)]
PrintLines = Annotated[tuple[str, ...], Named("AG", values.TEXT, repeats=True)]
DueDate = Annotated[str, Named("AH", values.TEXT)]
TitleId = Annotated[str, Named("AJ", values.TEXT)]
BlockedCardMessage = Annotated[str, Named("AL", values.TEXT)]
LibraryName = Annotated[str, Named("AM", values.TEXT)]
TerminalLocation = Annotated[str, Named("AN", values.TEXT)]
InstitutionId = Annotated[str, Named("AO", values.TEXT)]
CurrentLocation = Annotated[str, Named("AP", values.TEXT)]
PermanentLocation = Annotated[str, Named("AQ", values.TEXT)]
HoldItems = Annotated[tuple[str, ...], Named("AS", values.TEXT, repeats=True)]
OverdueItems = Annotated[tuple[str, ...], Named("AT", values.TEXT, repeats=True)]
ChargedItems = Annotated[tuple[str, ...], Named("AU", values.TEXT, repeats=True)]
FineItems = Annotated[tuple[str, ...], Named("AV", values.TEXT, repeats=True)]
HomeAddress = Annotated[str, Named("BD", values.TEXT)]
EmailAddress = Annotated[str, Named("BE", values.TEXT)]
HomePhone = Annotated[str, Named("BF", values.TEXT)]
Owner = Annotated[str, Named("BG", values.TEXT)]
Currency = Annotated[str, Named("BH", values.TEXT)]
Cancel = Annotated[bool, Named("BI", values.YES_NO)]
TransactionId = Annotated[str, Named("BK", values.TEXT)]
RenewedItems = Annotated[tuple[str, ...], Named("BM", values.TEXT, repeats=True)]
UnrenewedItems = Annotated[tuple[str, ...], Named("BN", values.TEXT, repeats=True)]
ValidPatron = Annotated[bool, Named("BL", values.YES_NO)]
FeeAcknowledged = Annotated[bool, Named("BO", values.YES_NO)]
PickupLocation = Annotated[str, Named("BS", values.TEXT)]
QueuePosition = Annotated[int | None, Named("BR", values.WHOLE_NUMBER)]
ExpirationDate = Annotated[datetime | None, Named("BW", values.TIMESTAMP)]
HoldType = Annotated[int, Named("BY", values.code(values.HoldType, 1))]
FeeIdentifier = Annotated[str, Named("CG", values.TEXT)]
StartItem = Annotated[int | None, Named("BP", values.WHOLE_NUMBER)]
EndItem = Annotated[int | None, Named("BQ", values.WHOLE_NUMBER)]
FeeType = Annotated[int, Named("BT", values.code(values.FeeType, 2))]
RecallItems = Annotated[tuple[str, ...], Named("BU", values.TEXT, repeats=True)]
FeeAmount = Annotated[Decimal | None, Named("BV", values.AMOUNT)]
SupportedMessages = Annotated[values.SupportedMessages, Named("BX", values.SUPPORTED_MESSAGES)]
HoldItemsLimit = Annotated[int | None, Named("BZ", values.number(4))]
OverdueItemsLimit = Annotated[int | None, Named("CA", values.number(4))]
ChargedItemsLimit = Annotated[int | None, Named("CB", values.number(4))]
FeeLimit = Annotated[Decimal | None, Named("CC", values.AMOUNT)]
UnavailableHoldItems = Annotated[tuple[str, ...], Named("CD", values.TEXT, repeats=True)]
HoldQueueLength = Annotated[int | None, Named("CF", values.WHOLE_NUMBER)]
ItemProperties = Annotated[str, Named("CH", values.TEXT)]
SecurityInhibit = Annotated[bool, Named("CI", values.YES_NO)]
RecallDate = Annotated[datetime | None, Named("CJ", values.TIMESTAMP)]
MediaType = Annotated[str, Named("CK", values.TEXT)]
SortBin = Annotated[str, Named("CL", values.TEXT)]
HoldPickupDate = Annotated[datetime | None, Named("CM", values.TIMESTAMP)]
LoginUserId = Annotated[str, Named("CN", values.TEXT)]
LoginPassword = Annotated[str, Named("CO", values.TEXT, secret=True)]
LocationCode = Annotated[str, Named("CP", values.TEXT)]
ValidPatronPassword = Annotated[bool, Named("CQ", values.YES_NO)]

# named, of vendors (spec/sip2 2.20)
HomeLibrary = Annotated[str, Named("AQ", values.TEXT)]  # in 64; elsewhere AQ is a place
PatronExpires = Annotated[str, Named("PA", values.TEXT)]
PatronBirthDate = Annotated[str, Named("PB", values.TEXT)]
PatronClass = Annotated[str, Named("PC", values.TEXT)]
InternetProfile = Annotated[str, Named("PI", values.TEXT)]
InternalId = Annotated[str, Named("XI", values.TEXT)]

# named, of 3M's extensions 1.20 for sorters
CollectionCode = Annotated[str, Named("CR", values.TEXT)]
CallNumber = Annotated[str, Named("CS", values.TEXT)]
DestinationLocation = Annotated[str, Named("CT", values.TEXT)]
AlertType = Annotated[str, Named("CV", values.TEXT)]
HoldPatronId = Annotated[str, Named("CY", values.TEXT)]
HoldPatronName = Annotated[str, Named("DA", values.TEXT)]

Extra = Annotated[tuple[tuple[str, str], ...], Unnamed()]
