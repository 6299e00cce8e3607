"""The codes of SIP2 2.00 and what they mean.

Receivers accept any code of the right width; these are the ones that have a meaning.

Source: SIP2 2.00, the definitions of its fields; spec/sip2 2.17.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum


class CirculationStatus(IntEnum):
    """Where an item is in its life (message 18)."""

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


class SecurityMarker(IntEnum):
    """What protects an item against theft (message 18)."""

    OTHER = 0
    NONE = 1
    TATTLE_TAPE = 2
    WHISPER_TAPE = 3


class FeeType(IntEnum):
    """What a fee is for (BT; messages 18 and 37)."""

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
    """How a fee was paid (message 37); 5 and 6 are what others made of the open codes."""

    CASH = 0
    VISA = 1
    CREDIT_CARD = 2
    CHEQUE = 5  # Evergreen; its number is in RN
    WRITE_OFF = 6  # Koha


class HoldMode(Enum):
    """What to do with a hold (message 15)."""

    ADD = "+"
    DELETE = "-"
    CHANGE = "*"


class HoldType(IntEnum):
    """What a hold is for (message 15); 5 to 9 are free."""

    OTHER = 1
    ANY_COPY = 2
    SPECIFIC_COPY = 3
    ANY_COPY_AT_ONE_PLACE = 4


class SummaryType(IntEnum):
    """Which list a terminal asks for: the position of the `Y` in 63's summary."""

    HOLD_ITEMS = 0
    OVERDUE_ITEMS = 1
    CHARGED_ITEMS = 2
    FINE_ITEMS = 3
    RECALL_ITEMS = 4
    UNAVAILABLE_HOLDS = 5
    FEE_DETAILS = 6  # undefined in the standard; fees in full for Gossip and FOLIO


LANGUAGES: Mapping[str, str] = {
    f"{number:03d}": language
    for number, language in enumerate(
        (
            "unknown", "English", "French", "German", "Italian", "Dutch", "Swedish", "Finnish",
            "Spanish", "Danish", "Portuguese", "Canadian French", "Norwegian", "Hebrew",
            "Japanese", "Russian", "Arabic", "Polish", "Greek", "Chinese", "Korean",
            "North American Spanish", "Tamil", "Malay", "United Kingdom", "Icelandic", "Belgian",
            "Taiwanese",
        )
    )
}  # fmt: skip

_LANGUAGE_CODES: Mapping[str, str] = {
    "en": "001", "fr": "002", "de": "003", "it": "004", "nl": "005", "sv": "006", "fi": "007",
    "es": "008", "da": "009", "pt": "010", "fr-ca": "011", "no": "012", "nb": "012", "nn": "012",
    "he": "013", "ja": "014", "ru": "015", "ar": "016", "pl": "017", "el": "018", "zh": "019",
    "ko": "020", "es-us": "021", "es-mx": "021", "ta": "022", "ms": "023", "en-gb": "024",
    "is": "025", "nl-be": "026", "fr-be": "026", "zh-tw": "027",
}  # fmt: skip


def language_code(tag: str | None) -> str:
    """The standard's code for a language (BCP 47), of its region if that has one of its own; 000
    if it has none. A code stays as it is."""
    if tag is None or tag in LANGUAGES:
        return tag or "000"
    tag = tag.lower()
    return _LANGUAGE_CODES.get(tag) or _LANGUAGE_CODES.get(tag.partition("-")[0], "000")


MEDIA_TYPES: Mapping[str, str] = {
    f"{number:03d}": medium
    for number, medium in enumerate(
        (
            "other", "book", "magazine", "bound journal", "audio tape", "video tape",
            "CD or CD-ROM", "diskette", "book with diskette", "book with CD",
            "book with audio tape",
        )
    )
}  # fmt: skip

ALERT_TYPES: Mapping[str, str] = {
    "00": "none",
    "01": "on hold, to be kept here",
    "02": "on hold at another branch",
    "03": "on hold for interlibrary loan",
    "04": "to be sent to another branch",
    "98": "a problem with the data",  # Koha's
    "99": "another problem",
}

TERMINAL_STATES: Mapping[str, str] = {"0": "ok", "1": "out of paper", "2": "about to shut down"}
