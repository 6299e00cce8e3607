"""The messages of SIP2 2.00. Each class is the whole definition of one message.

Fields stand in wire order: the fixed-length ones first, then the named ones. A named field with a
default may be left out by the sender. Nothing else describes a message: the codec, the reference,
`sip lint`, `sip talk` and the property tests all read these classes.

`@message` takes the message's code and its title in the standard, `forgiven`: the fields that the
standard requires though real terminals leave them out, and `version_1`: the named fields that it
has in SIP 1.00, if it is that old. It adds the layout to the docstring.

Source: SIP2 2.00, the section of each message's title; spec/sip2 2.1 to 2.16, extensions 2.20.
"""

from __future__ import annotations

from collections.abc import Mapping

from bibliobus.sip2 import fields as f
from bibliobus.sip2.codec import Message, message


@message("93", "Login")
class Login(Message):
    """A terminal says who it is. `LoginResponse` answers it."""

    uid_algorithm: f.Algorithm = "0"
    pwd_algorithm: f.Algorithm = "0"  # noqa: S105 - a code, not a password
    login_user_id: f.LoginUserId  # CN
    login_password: f.LoginPassword  # CO
    location_code: f.LocationCode | None = None  # CP: where the terminal stands
    extra: f.Extra = ()


@message("94", "Login Response")
class LoginResponse(Message):
    """Whether the terminal may go on."""

    ok: f.Ok
    extra: f.Extra = ()


@message("99", "SC Status", version_1="")
class SCStatus(Message):
    """A terminal tells its state and asks for ours. `ACSStatus` answers it."""

    status_code: f.StatusCode  # 0 ok, 1 out of paper, 2 about to shut down
    max_print_width: f.PrintWidth  # characters in a print line
    protocol_version: f.ProtocolVersion
    extra: f.Extra = ()


@message("98", "ACS Status", version_1="AO AM AN AF AG")
class ACSStatus(Message):
    """What the library's system allows this terminal to do."""

    on_line_status: f.YesNo
    checkin_ok: f.YesNo
    checkout_ok: f.YesNo
    acs_renewal_policy: f.YesNo
    status_update_ok: f.YesNo  # patrons may be blocked by a terminal
    off_line_ok: f.YesNo  # what was lent off line will be accepted
    timeout_period: f.TenthsOfSeconds
    retries_allowed: f.Retries
    date_time_sync: f.SyncTimestamp
    protocol_version: f.ProtocolVersion
    institution_id: f.InstitutionId  # AO
    library_name: f.LibraryName | None = None  # AM
    supported_messages: f.SupportedMessages  # BX
    terminal_location: f.TerminalLocation | None = None  # AN
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    licences: f.Licences | None = None  # GG
    extra: f.Extra = ()


@message("97", "Request ACS Resend", version_1="")
class RequestACSResend(Message):
    """A terminal could not read our last answer and wants it again."""

    extra: f.Extra = ()


@message("96", "Request SC Resend", version_1="")
class RequestSCResend(Message):
    """We could not read the terminal's message and want it again."""

    extra: f.Extra = ()


@message("23", "Patron Status Request", forgiven="AC AD", version_1="AO AA AC AD")
class PatronStatusRequest(Message):
    """May this patron do things? `PatronStatusResponse` answers it."""

    language: f.Language
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    terminal_password: f.TerminalPassword | None = None  # AC
    patron_password: f.PatronPassword | None = None  # AD
    extra: f.Extra = ()


@message("24", "Patron Status Response", version_1="AO AA AE AF AG")
class PatronStatusResponse(Message):
    """What a patron may not do."""

    patron_status: f.PatronStatus
    language: f.Language
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    personal_name: f.PersonalName  # AE
    valid_patron: f.ValidPatron | None = None  # BL
    valid_patron_password: f.ValidPatronPassword | None = None  # CQ
    currency: f.Currency | None = None  # BH
    fee_amount: f.FeeAmount | None = None  # BV
    home_library: f.HomeLibrary | None = None  # AQ: to Relais, with the next three
    patron_class: f.PatronClass | None = None  # PC
    internet_profile: f.InternetProfile | None = None  # PI
    internal_id: f.InternalId | None = None  # XI
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("63", "Patron Information")
class PatronInformation(Message):
    """All about a patron, and one list. `PatronInformationResponse` answers it."""

    language: f.Language
    transaction_date: f.Timestamp
    summary: f.Summary  # which list; None: counts only
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    terminal_password: f.TerminalPassword | None = None  # AC
    patron_password: f.PatronPassword | None = None  # AD
    start_item: f.StartItem | None = None  # BP: the first entry wanted, from 1
    end_item: f.EndItem | None = None  # BQ: the last entry wanted, inclusive
    extra: f.Extra = ()


@message("64", "Patron Information Response")
class PatronInformationResponse(Message):
    """A patron's permissions, counts, limits, contact, and the list that was asked for."""

    patron_status: f.PatronStatus
    language: f.Language
    transaction_date: f.Timestamp
    hold_items_count: f.Count
    overdue_items_count: f.Count
    charged_items_count: f.Count
    fine_items_count: f.Count
    recall_items_count: f.Count
    unavailable_holds_count: f.Count
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    personal_name: f.PersonalName  # AE
    hold_items_limit: f.HoldItemsLimit | None = None  # BZ
    overdue_items_limit: f.OverdueItemsLimit | None = None  # CA
    charged_items_limit: f.ChargedItemsLimit | None = None  # CB
    valid_patron: f.ValidPatron | None = None  # BL
    valid_patron_password: f.ValidPatronPassword | None = None  # CQ
    currency: f.Currency | None = None  # BH
    fee_amount: f.FeeAmount | None = None  # BV
    fee_limit: f.FeeLimit | None = None  # CC
    hold_items: f.HoldItems = ()  # AS: those that wait on the shelf
    overdue_items: f.OverdueItems = ()  # AT
    charged_items: f.ChargedItems = ()  # AU
    fine_items: f.FineItems = ()  # AV
    recall_items: f.RecallItems = ()  # BU
    unavailable_hold_items: f.UnavailableHoldItems = ()  # CD: those still to come
    home_address: f.HomeAddress | None = None  # BD
    email_address: f.EmailAddress | None = None  # BE
    home_phone: f.HomePhone | None = None  # BF
    mobile_phone: f.MobilePhone | None = None  # BG
    home_library: f.HomeLibrary | None = None  # AQ
    expires: f.PatronExpires | None = None  # PA
    birth_date: f.PatronBirthDate | None = None  # PB
    polaris_birth_date: f.PolarisBirthDate | None = None  # BC
    polaris_expires: f.PolarisExpires | None = None  # PX
    polaris_expired: f.PolarisExpired | None = None  # PY
    postal_code: f.PostalCode | None = None  # PZ
    patron_class: f.PatronClass | None = None  # PC
    borrower_type: f.BorrowerType | None = None  # FU
    borrower_type_description: f.BorrowerTypeDescription | None = None  # FV
    internet_profile: f.InternetProfile | None = None  # PI
    internal_id: f.InternalId | None = None  # XI
    fee_details: f.FeeDetails = ()  # FA FB FC FD FE FF CG FG, for each fee
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("11", "Checkout", forgiven="AC", version_1="AO AA AB AC")
class Checkout(Message):
    """Lend one item to one patron. `CheckoutResponse` answers it."""

    renewal_policy: f.YesNo  # the terminal is set up to let patrons renew
    no_block: f.YesNo  # "Y": the loan was already made, while the terminal was off line
    transaction_date: f.Timestamp
    no_block_due_date: f.OptionalTimestamp  # what the terminal promised then
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    item_id: f.ItemId  # AB
    terminal_password: f.TerminalPassword | None = None  # AC
    item_properties: f.ItemProperties | None = None  # CH
    patron_password: f.PatronPassword | None = None  # AD
    fee_acknowledged: f.FeeAcknowledged | None = None  # BO; None: not sent
    cancel: f.Cancel | None = None  # BI: "Y" undoes a checkin that failed at the terminal
    extra: f.Extra = ()


@message("12", "Checkout Response", version_1="AO AA AB AJ AH AF AG")
class CheckoutResponse(Message):
    """Whether the item was lent, and until when."""

    ok: f.Ok
    renewal_ok: f.YesNo  # the patron had it already, and has it for longer now
    magnetic_media: f.MagneticMedia
    desensitize: f.YesNo
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    item_id: f.ItemId  # AB
    title_id: f.TitleId  # AJ
    due_date: f.DueDate  # AH: free text; empty if not lent
    fee_type: f.FeeType | None = None  # BT
    security_inhibit: f.SecurityInhibit | None = None  # CI
    currency: f.Currency | None = None  # BH
    fee_amount: f.FeeAmount | None = None  # BV
    media_type: f.MediaType | None = None  # CK
    item_properties: f.ItemProperties | None = None  # CH
    transaction_id: f.TransactionId | None = None  # BK
    valid_patron: f.ValidPatron | None = None  # BL: with a refusal, as SIPServer does
    valid_patron_password: f.ValidPatronPassword | None = None  # CQ: with a refusal
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("09", "Checkin", forgiven="AP AC", version_1="AP AO AB AC")
class Checkin(Message):
    """Take one item back. `CheckinResponse` answers it."""

    no_block: f.YesNo  # "Y": the item was already taken back, while the terminal was off line
    transaction_date: f.Timestamp
    return_date: f.Timestamp  # when it came back, if earlier
    current_location: f.CurrentLocation | None = None  # AP
    institution_id: f.InstitutionId  # AO
    item_id: f.ItemId  # AB
    terminal_password: f.TerminalPassword | None = None  # AC
    item_properties: f.ItemProperties | None = None  # CH
    cancel: f.Cancel | None = None  # BI: "Y" undoes a checkout that failed at the terminal
    extra: f.Extra = ()


@message("10", "Checkin Response", version_1="AO AB AQ AJ AF AG")
class CheckinResponse(Message):
    """Whether the item was taken back, and where it goes from here."""

    ok: f.Ok
    resensitize: f.YesNo
    magnetic_media: f.MagneticMedia
    alert: f.YesNo
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    item_id: f.ItemId  # AB
    permanent_location: f.PermanentLocation  # AQ: empty if unknown; some sorters need to see it
    title_id: f.TitleId | None = None  # AJ
    sort_bin: f.SortBin | None = None  # CL
    patron_id: f.PatronId | None = None  # AA: who had it
    media_type: f.MediaType | None = None  # CK
    item_properties: f.ItemProperties | None = None  # CH
    collection_code: f.CollectionCode | None = None  # CR
    call_number: f.CallNumber | None = None  # CS
    alert_type: f.AlertType | None = None  # CV
    destination_location: f.DestinationLocation | None = None  # CT
    hold_patron_id: f.HoldPatronId | None = None  # CY
    hold_patron_name: f.HoldPatronName | None = None  # DA
    hold_patron_phone: f.HoldPatronPhone | None = None  # BF
    owner: f.Owner | None = None  # BG
    security_inhibit: f.SecurityInhibit | None = None  # CI
    fee_type: f.FeeType | None = None  # BT
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("17", "Item Information")
class ItemInformation(Message):
    """What is this item, and where? `ItemInformationResponse` answers it."""

    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    item_id: f.ItemId  # AB
    terminal_password: f.TerminalPassword | None = None  # AC
    extra: f.Extra = ()


@message("18", "Item Information Response")
class ItemInformationResponse(Message):
    """An item's state, title and places."""

    circulation_status: f.CirculationStatus
    security_marker: f.SecurityMarker
    fee_type: f.FixedFeeType
    transaction_date: f.Timestamp
    hold_queue_length: f.HoldQueueLength | None = None  # CF
    due_date: f.DueDate | None = None  # AH
    recall_date: f.RecallDate | None = None  # CJ
    hold_pickup_date: f.HoldPickupDate | None = None  # CM
    item_id: f.ItemId  # AB
    title_id: f.TitleId  # AJ
    owner: f.Owner | None = None  # BG
    currency: f.Currency | None = None  # BH
    fee_amount: f.FeeAmount | None = None  # BV
    media_type: f.MediaType | None = None  # CK
    permanent_location: f.PermanentLocation | None = None  # AQ
    current_location: f.CurrentLocation | None = None  # AP
    item_properties: f.ItemProperties | None = None  # CH
    collection_code: f.CollectionCode | None = None  # CR
    call_number: f.CallNumber | None = None  # CS
    destination_location: f.DestinationLocation | None = None  # CT
    hold_patron_id: f.HoldPatronId | None = None  # CY
    hold_patron_name: f.HoldPatronName | None = None  # DA
    description: f.Description | None = None  # DE
    contributor: f.Contributor | None = None  # EA
    item_number: f.ItemNumber | None = None  # IN: an ISBN, or a number of the library's
    other_identifiers: f.OtherIdentifiers | None = None  # NB
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("35", "End Patron Session")
class EndPatronSession(Message):
    """The patron has gone. `EndSessionResponse` answers it."""

    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    terminal_password: f.TerminalPassword | None = None  # AC
    patron_password: f.PatronPassword | None = None  # AD
    extra: f.Extra = ()


@message("36", "End Session Response")
class EndSessionResponse(Message):
    """Whether the session was ended."""

    end_session: f.YesNo
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("01", "Block Patron", forgiven="AC", version_1="AO AL AA AC")
class BlockPatron(Message):
    """Block a patron's card. `PatronStatusResponse` answers it."""

    card_retained: f.YesNo  # the terminal has kept the card
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    blocked_card_message: f.BlockedCardMessage  # AL
    patron_id: f.PatronId  # AA
    terminal_password: f.TerminalPassword | None = None  # AC
    extra: f.Extra = ()


@message("15", "Hold")
class Hold(Message):
    """Place, change or cancel a hold. `HoldResponse` answers it."""

    hold_mode: f.HoldMode
    transaction_date: f.Timestamp
    expiration_date: f.ExpirationDate | None = None  # BW
    pickup_location: f.PickupLocation | None = None  # BS
    hold_type: f.HoldType | None = None  # BY; None: any copy of the title
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    patron_password: f.PatronPassword | None = None  # AD
    item_id: f.ItemId | None = None  # AB: this or the title
    title_id: f.TitleId | None = None  # AJ
    terminal_password: f.TerminalPassword | None = None  # AC
    fee_acknowledged: f.FeeAcknowledged | None = None  # BO
    extra: f.Extra = ()


@message("16", "Hold Response")
class HoldResponse(Message):
    """Whether the hold was placed, changed or cancelled."""

    ok: f.Ok
    available: f.YesNo  # the item can be fetched now
    transaction_date: f.Timestamp
    expiration_date: f.ExpirationDate | None = None  # BW
    queue_position: f.QueuePosition | None = None  # BR
    pickup_location: f.PickupLocation | None = None  # BS
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    item_id: f.ItemId | None = None  # AB
    title_id: f.TitleId | None = None  # AJ
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("19", "Item Status Update")
class ItemStatusUpdate(Message):
    """Keep these properties with an item. `ItemStatusUpdateResponse` answers it."""

    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    item_id: f.ItemId  # AB
    terminal_password: f.TerminalPassword | None = None  # AC
    item_properties: f.ItemProperties  # CH
    extra: f.Extra = ()


@message("20", "Item Status Update Response")
class ItemStatusUpdateResponse(Message):
    """Whether the properties were kept."""

    item_properties_ok: f.PropertiesOk
    transaction_date: f.Timestamp
    item_id: f.ItemId  # AB
    title_id: f.TitleId | None = None  # AJ
    item_properties: f.ItemProperties | None = None  # CH
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("25", "Patron Enable")
class PatronEnable(Message):
    """Give a blocked patron their permissions back. `PatronEnableResponse` answers it."""

    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    terminal_password: f.TerminalPassword | None = None  # AC
    patron_password: f.PatronPassword | None = None  # AD
    extra: f.Extra = ()


@message("26", "Patron Enable Response")
class PatronEnableResponse(Message):
    """What a patron may not do after that."""

    patron_status: f.PatronStatus
    language: f.Language
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    personal_name: f.PersonalName  # AE
    valid_patron: f.ValidPatron | None = None  # BL
    valid_patron_password: f.ValidPatronPassword | None = None  # CQ
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("29", "Renew")
class Renew(Message):
    """Renew one loan. `RenewResponse` answers it."""

    third_party_allowed: f.YesNo  # renew for whoever has it, if that is somebody else
    no_block: f.YesNo  # "Y": it was already renewed, while the terminal was off line
    transaction_date: f.Timestamp
    no_block_due_date: f.OptionalTimestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    patron_password: f.PatronPassword | None = None  # AD
    item_id: f.ItemId | None = None  # AB: this or the title
    title_id: f.TitleId | None = None  # AJ
    terminal_password: f.TerminalPassword | None = None  # AC
    item_properties: f.ItemProperties | None = None  # CH
    fee_acknowledged: f.FeeAcknowledged | None = None  # BO
    extra: f.Extra = ()


@message("30", "Renew Response")
class RenewResponse(Message):
    """Whether the loan was renewed, and until when."""

    ok: f.Ok
    renewal_ok: f.YesNo
    magnetic_media: f.MagneticMedia
    desensitize: f.YesNo
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    item_id: f.ItemId  # AB
    title_id: f.TitleId  # AJ: there must be one, though it may be empty
    due_date: f.DueDate  # AH: free text; empty if not renewed
    fee_type: f.FeeType | None = None  # BT
    security_inhibit: f.SecurityInhibit | None = None  # CI
    currency: f.Currency | None = None  # BH
    fee_amount: f.FeeAmount | None = None  # BV
    media_type: f.MediaType | None = None  # CK
    item_properties: f.ItemProperties | None = None  # CH
    transaction_id: f.TransactionId | None = None  # BK
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("37", "Fee Paid")
class FeePaid(Message):
    """A patron has paid at the terminal. `FeePaidResponse` answers it."""

    transaction_date: f.Timestamp
    fee_type: f.FixedFeeType
    payment_type: f.PaymentType
    currency: f.FixedCurrency
    fee_amount: f.FeeAmount  # BV
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    terminal_password: f.TerminalPassword | None = None  # AC
    patron_password: f.PatronPassword | None = None  # AD
    fee_identifier: f.FeeIdentifier | None = None  # CG: which fee
    transaction_id: f.TransactionId | None = None  # BK: the payment device's own number
    register_login: f.RegisterLogin | None = None  # OR
    cheque_number: f.ChequeNumber | None = None  # RN
    extra: f.Extra = ()


@message("38", "Fee Paid Response")
class FeePaidResponse(Message):
    """Whether the payment was booked."""

    payment_accepted: f.YesNo
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    transaction_id: f.TransactionId | None = None  # BK: our receipt
    fee_details: f.FeeDetails = ()  # FA FB FC FD FE FF CG FG, for each fee paid
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


@message("65", "Renew All")
class RenewAll(Message):
    """Renew all of a patron's loans. `RenewAllResponse` answers it."""

    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    patron_id: f.PatronId  # AA
    patron_password: f.PatronPassword | None = None  # AD
    terminal_password: f.TerminalPassword | None = None  # AC
    fee_acknowledged: f.FeeAcknowledged | None = None  # BO
    extra: f.Extra = ()


@message("66", "Renew All Response")
class RenewAllResponse(Message):
    """How many loans were renewed, and which."""

    ok: f.Ok
    renewed_count: f.Count
    unrenewed_count: f.Count
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId  # AO
    renewed_items: f.RenewedItems = ()  # BM
    unrenewed_items: f.UnrenewedItems = ()  # BN: the reason may stand behind the item
    screen_messages: f.ScreenMessages = ()  # AF
    print_lines: f.PrintLines = ()  # AG
    extra: f.Extra = ()


def _by_code(*messages: type[Message]) -> Mapping[str, type[Message]]:
    return {each.code: each for each in messages}


REQUESTS = _by_code(
    Login, SCStatus, RequestACSResend, PatronStatusRequest, PatronInformation, Checkout, Checkin,
    BlockPatron, EndPatronSession, FeePaid, ItemInformation, ItemStatusUpdate, PatronEnable, Hold,
    Renew, RenewAll,
)  # fmt: skip
"""What a terminal (SC) sends."""

RESPONSES = _by_code(
    LoginResponse, ACSStatus, RequestSCResend, PatronStatusResponse, PatronInformationResponse,
    CheckoutResponse, CheckinResponse, EndSessionResponse, FeePaidResponse,
    ItemInformationResponse, ItemStatusUpdateResponse, PatronEnableResponse, HoldResponse,
    RenewResponse, RenewAllResponse,
)  # fmt: skip
"""What the library's system (ACS) sends."""

ANSWERS: Mapping[str, str] = {
    "93": "94", "99": "98", "23": "24", "63": "64", "11": "12", "09": "10", "01": "24",
    "35": "36", "37": "38", "17": "18", "19": "20", "25": "26", "15": "16", "29": "30", "65": "66",
}  # fmt: skip
"""Each request's answer, by their codes; that of 97 is whatever was sent before it."""
