"""The fields of SIP2 2.00, a line each: where it stands on the wire and what it is in Python.

A fixed-length field is told by its place, a named one by two characters and a delimiter. In
`messages`, `| None = None` says that a sender may leave a named field out.

Source: SIP2 2.00, "Message and Field Formats"; spec/sip2 2.1 to 2.20.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from bibliobus.sip2 import codes, values
from bibliobus.sip2.values import Kind

SECRET_NAMES = frozenset({"AC", "AD", "CO"})  # passwords and PINs, wherever they turn up


@dataclass(frozen=True, slots=True)
class Fixed:
    """A field told by its place; its kind has a width."""

    kind: Kind[Any]


@dataclass(frozen=True, slots=True)
class Named:
    """A field told by its two-character name, ended by the delimiter."""

    name: str
    kind: Kind[Any]
    repeats: bool = False
    lines: bool = False  # for a screen or a printer: goes on in a further field if it is long

    @property
    def secret(self) -> bool:
        """Whether nobody may see its value."""
        return self.name in SECRET_NAMES


@dataclass(frozen=True, slots=True)
class Group:
    """Named fields that come again and again together, each time in this order."""

    record: Callable[..., Any]  # made of the members' values; None for one that was not sent
    members: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Unnamed:
    """Where named fields go that this message does not have, or not twice."""


_CURRENCY = "3 letters of ISO 4217"

# fixed-length
YesNo = Annotated[bool, Fixed(values.YES_NO)]
HoldMode = Annotated[codes.HoldMode | None, Fixed(values.HOLD_MODE)]  # None: no such mode
PaymentType = Annotated[int, Fixed(values.code(codes.PaymentType, 2))]
FixedCurrency = Annotated[str, Fixed(values.exactly(3, "   ", _CURRENCY, "[A-Z]{3}"))]
Ok = Annotated[bool, Fixed(values.ONE_ZERO)]
PropertiesOk = Annotated[bool, Fixed(values.ONE_OR_NOT)]
MagneticMedia = Annotated[bool | None, Fixed(values.YES_NO_UNKNOWN)]  # None: "U", not known
Timestamp = Annotated[datetime | None, Fixed(values.TIMESTAMP)]
SyncTimestamp = Annotated[datetime | None, Fixed(values.SYNC_TIMESTAMP)]
OptionalTimestamp = Annotated[datetime | None, Fixed(values.BLANK_OR_TIMESTAMP)]
Algorithm = Annotated[str, Fixed(values.exactly(1, "0", "`0`: plain text", "0"))]
Language = Annotated[
    str, Fixed(values.exactly(3, "000", "3 digits", "[0-9]{3}", codes.LANGUAGES))
]  # handed back as it came
ProtocolVersion = Annotated[str, Fixed(values.exactly(4, "2.00", "`2.00` or `1.00`", "[12][.]00"))]
StatusCode = Annotated[
    str, Fixed(values.exactly(1, "0", "`0`, `1` or `2`", "[012]", codes.TERMINAL_STATES))
]
PrintWidth = Annotated[int | None, Fixed(values.number(3))]
TenthsOfSeconds = Annotated[int | None, Fixed(values.number(3))]
Retries = Annotated[int | None, Fixed(values.number(3))]
Count = Annotated[int | None, Fixed(values.number(4, or_blank=True))]  # None: not available
PatronStatus = Annotated[values.PatronStatus, Fixed(values.PATRON_STATUS)]
Summary = Annotated[codes.SummaryType | None, Fixed(values.SUMMARY)]
CirculationStatus = Annotated[int, Fixed(values.code(codes.CirculationStatus, 2))]
SecurityMarker = Annotated[int, Fixed(values.code(codes.SecurityMarker, 2))]
FixedFeeType = Annotated[int, Fixed(values.code(codes.FeeType, 2))]

# named
PatronId = Annotated[str, Named("AA", values.TEXT)]
ItemId = Annotated[str, Named("AB", values.TEXT)]
TerminalPassword = Annotated[str, Named("AC", values.TEXT)]
PatronPassword = Annotated[str, Named("AD", values.TEXT)]
PersonalName = Annotated[str, Named("AE", values.TEXT)]
ScreenMessages = Annotated[tuple[str, ...], Named("AF", values.TEXT, repeats=True, lines=True)]
PrintLines = Annotated[tuple[str, ...], Named("AG", values.TEXT, repeats=True, lines=True)]
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
Currency = Annotated[str, Named("BH", values.text_of(3, _CURRENCY, "[A-Z]{3}"))]
Cancel = Annotated[bool, Named("BI", values.YES_NO)]
TransactionId = Annotated[str, Named("BK", values.TEXT)]
RenewedItems = Annotated[tuple[str, ...], Named("BM", values.TEXT, repeats=True)]
UnrenewedItems = Annotated[tuple[str, ...], Named("BN", values.TEXT, repeats=True)]
ValidPatron = Annotated[bool, Named("BL", values.YES_NO)]
FeeAcknowledged = Annotated[bool, Named("BO", values.YES_NO)]
PickupLocation = Annotated[str, Named("BS", values.TEXT)]
QueuePosition = Annotated[int | None, Named("BR", values.WHOLE_NUMBER)]
ExpirationDate = Annotated[datetime | None, Named("BW", values.TIMESTAMP)]
HoldType = Annotated[int, Named("BY", values.code(codes.HoldType, 1))]
FeeIdentifier = Annotated[str, Named("CG", values.TEXT)]
StartItem = Annotated[int | None, Named("BP", values.WHOLE_NUMBER)]
EndItem = Annotated[int | None, Named("BQ", values.WHOLE_NUMBER)]
FeeType = Annotated[int, Named("BT", values.code(codes.FeeType, 2))]
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
MediaType = Annotated[
    str, Named("CK", values.text_of(3, "3 digits", "[0-9]{3}", codes.MEDIA_TYPES))
]
SortBin = Annotated[str, Named("CL", values.TEXT)]
HoldPickupDate = Annotated[datetime | None, Named("CM", values.TIMESTAMP)]
LoginUserId = Annotated[str, Named("CN", values.TEXT)]
LoginPassword = Annotated[str, Named("CO", values.TEXT)]
LocationCode = Annotated[str, Named("CP", values.TEXT)]
ValidPatronPassword = Annotated[bool, Named("CQ", values.YES_NO)]

# named, of vendors (spec/sip2 2.20)
HomeLibrary = Annotated[str, Named("AQ", values.TEXT)]  # in 64; elsewhere AQ is a place
HoldPatronPhone = Annotated[str, Named("BF", values.TEXT)]  # in 10: Evergreen
MobilePhone = Annotated[str, Named("BG", values.TEXT)]  # in 64: fsip2; elsewhere BG is an owner
PolarisBirthDate = Annotated[str, Named("BC", values.TEXT)]
Description = Annotated[str, Named("DE", values.TEXT)]  # fsip2
Contributor = Annotated[str, Named("EA", values.TEXT)]  # fsip2
FeeDetails = Annotated[
    tuple[values.FeeDetail, ...],
    Group(
        values.FeeDetail,
        (
            Named("FA", values.AMOUNT),
            Named("FB", values.TEXT),
            Named("FC", values.DAY),
            Named("FD", values.TEXT),
            Named("FE", values.TEXT),
            Named("FF", values.TEXT),
            Named("CG", values.TEXT),
            Named("FG", values.AMOUNT),
        ),
    ),
]  # Gossip, FOLIO
BorrowerType = Annotated[str, Named("FU", values.TEXT)]  # FOLIO
BorrowerTypeDescription = Annotated[str, Named("FV", values.TEXT)]  # FOLIO
Licences = Annotated[str, Named("GG", values.TEXT)]  # OCLC Wise
ItemNumber = Annotated[str, Named("IN", values.TEXT)]  # fsip2, Koha
OtherIdentifiers = Annotated[str, Named("NB", values.TEXT)]  # fsip2
RegisterLogin = Annotated[str, Named("OR", values.TEXT)]  # EnvisionWare
ChequeNumber = Annotated[str, Named("RN", values.TEXT)]  # EnvisionWare
PatronExpires = Annotated[str, Named("PA", values.TEXT)]
PatronBirthDate = Annotated[str, Named("PB", values.TEXT)]
PatronClass = Annotated[str, Named("PC", values.TEXT)]
InternetProfile = Annotated[str, Named("PI", values.TEXT)]
PolarisExpires = Annotated[str, Named("PX", values.TEXT)]
PolarisExpired = Annotated[str, Named("PY", values.TEXT)]
PostalCode = Annotated[str, Named("PZ", values.TEXT)]  # Polaris
InternalId = Annotated[str, Named("XI", values.TEXT)]  # Evergreen

# named, of 3M's extensions 1.20 for sorters
CollectionCode = Annotated[str, Named("CR", values.TEXT)]
CallNumber = Annotated[str, Named("CS", values.TEXT)]
DestinationLocation = Annotated[str, Named("CT", values.TEXT)]
AlertType = Annotated[
    str, Named("CV", values.text_of(2, "2 digits", "[0-9]{2}", codes.ALERT_TYPES))
]
HoldPatronId = Annotated[str, Named("CY", values.TEXT)]
HoldPatronName = Annotated[str, Named("DA", values.TEXT)]

Extra = Annotated[tuple[tuple[str, str], ...], Unnamed()]
