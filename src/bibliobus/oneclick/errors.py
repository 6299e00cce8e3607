"""What can go wrong between us and the vendor, beyond what every lender can say (`ils.errors`).

Unavailable
└── VendorError        our caller can do nothing about it but wait, or wake an operator
    ├── NotAnswered    no answer, or none in time
    ├── NotAsked       too many calls failed a moment ago, so this one was not made
    ├── VendorFault    the vendor says that it failed (500, 502, 503 …)
    ├── NotPermitted   our token or library id is wrong, or we ask too often
    ├── BearerRefused  the patron's bearer token is wrong or too old: fetch another, repeat once
    ├── BadInput       what we sent makes no sense to the vendor: a fault on our side
    └── BadAnswer      what came back makes no sense to us
Refused
├── AccountExists      somebody in this library has this card, user name or e-mail address
└── HeldOrBorrowed     the patron has a hold or a loan; only their lists tell which

`may_stand` is False wherever it is certain that nothing changed: always for a question, and for a
change that was never sent or that was answered with a 4xx. `passing` says whether the same
question may be answered a moment later; the transport repeats questions then, never changes.

Messages name the call and what was odd about its answer. They never quote a body or an address:
both have card numbers in them.
"""

from __future__ import annotations

from typing import ClassVar

from bibliobus.ils.errors import HoldNotAllowed, Refused, Unavailable


class VendorError(Unavailable):
    """The vendor did not do what it was asked, and not for a reason that a patron could mend."""

    passing: bool = False


class NotAnswered(VendorError):
    """No answer came, or none in time."""

    passing = True


class NotAsked(VendorError):
    """Too many calls failed just now; nothing was sent."""


class VendorFault(VendorError):
    """The vendor answered that something is wrong on its side."""

    passing = True


class NotPermitted(VendorError):
    """Our token or library id is wrong, or we asked too often; the vendor has one text for both."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message, may_stand=False)
        self.passing = passing  # True: we may only have asked too often


class BearerRefused(VendorError):
    """A patron's bearer token is wrong or too old. Fetch another one and repeat, once."""


class BadInput(VendorError):
    """We sent what the vendor cannot make sense of; nothing changed. A fault on our side."""


class BadAnswer(VendorError):
    """The vendor answered something that no document describes."""


class AccountExists(Refused):
    """The card, the user name or the e-mail address is taken in this library."""

    reason: ClassVar[str] = "account-exists"
    screen_message: ClassVar[str] = "There is an account with this card or e-mail address already."


class HeldOrBorrowed(HoldNotAllowed):
    """The patron has a hold on this title, or a loan; the vendor does not say which."""

    reason: ClassVar[str] = "held-or-borrowed"
    screen_message: ClassVar[str] = "You have this title on loan or on hold already."
