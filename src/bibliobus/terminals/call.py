"""What a message's function gets beside the message: who asks, of which library, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bibliobus.ils import Institution, Origin, Secret
from bibliobus.terminals.accounts import Account


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one terminal."""

    institution: Institution
    account: Account
    origin: Origin
    now: datetime  # aware, whole seconds

    @property
    def transaction_date(self) -> datetime:
        """Our own time as answers carry it: the library's, without a zone."""
        return self.local(self.now)

    def local(self, moment: datetime) -> datetime:
        """A moment by the library's clock, without a zone, as SIP2 writes it."""
        return moment.astimezone(self.institution.time_zone).replace(tzinfo=None)

    def due_date(self, moment: datetime) -> str:
        """A due date for a person to read (AH, whose format the standard leaves open)."""
        return self.local(moment).date().isoformat()

    def moment(self, stamp: datetime | None) -> datetime | None:
        """A terminal's time stamp in UTC: by the library's clock, unless it names a zone."""
        return in_utc(self.institution, stamp)


def in_utc(institution: Institution, stamp: datetime | None) -> datetime | None:
    """A time stamp of SIP2 as the port wants it."""
    if stamp is None:
        return None
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=institution.time_zone)
    return stamp.astimezone(UTC)


def pin_of(patron_password: str | None) -> Secret | None:
    """The PIN in AD. An empty one is none: terminals without a PIN pad send it so."""
    return Secret(patron_password) if patron_password else None
