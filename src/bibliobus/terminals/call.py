"""What a message's function gets beside the message: who asks, of which library, and when."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bibliobus.ils import (
    HoldNotice,
    Institution,
    Item,
    ListEntry,
    Origin,
    Patron,
    Refused,
    Secret,
    WrongPIN,
)
from bibliobus.sip2 import Dialect, Request, encode
from bibliobus.sip2.dialect import filled
from bibliobus.terminals.accounts import Account
from bibliobus.terminals.settings import ITEM_WORDS, PATRON_WORDS

_NO_TEXT = re.compile("[\ud800-\udfff]")
_WHOLE = Dialect(max_field_length=2**31)  # so that nothing that tells two requests apart is cut
REPEATABLE = timedelta(hours=24)  # how far a message's own time may lie from ours to name it


class ForeignInstitution(Refused):
    """The terminal asks for another library than the one it has logged in to."""

    reason = "foreign-institution"
    screen_message = "This terminal belongs to another library."


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one terminal."""

    institution: Institution
    account: Account
    location: str | None  # where the terminal stands
    connection: str  # tells two connections of one account apart
    dialect: Dialect  # how the terminal is written to
    request: Request
    now: datetime  # aware, whole seconds
    local_now: datetime  # the same as answers carry it: the library's time, without a zone
    patron_id: str | None  # whom the terminal serves, if that is known: a 09 does not say

    def origin(self) -> Origin:
        """What the port is told of it."""
        transaction_at = self.moment(getattr(self.request.message, "transaction_date", None))
        return Origin(
            door="sip2",
            account=self.account.login,
            location=self.location,
            connection=self.connection,
            transaction_at=transaction_at,
            request_key=self._request_key(transaction_at),
        )

    def _request_key(self, transaction_at: datetime | None) -> bytes | None:
        """What names this request, so that it is done once; None if it may be meant twice.

        The message itself is the name, because it holds its own date and time to the second, but
        without its secrets: a digest of a PIN would give it away. If the time is missing or far
        from ours (a frozen clock), two equal messages may be two transactions. What was done off
        line may come at any time.
        """
        message = self.request.message
        if transaction_at is None:
            return None
        off_line = getattr(message, "no_block", False)
        if abs(self.now - transaction_at) > REPEATABLE and not off_line:
            return None
        text = encode(message.without_secrets(), _WHOLE)
        name = f"{self.institution.id}\0{self.account.login}\0{text}"
        return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()

    def check_inst_id(self, institution_id: str, whence: str) -> None:
        """Note that a terminal named an institution (AO); the login has decided which it is.

        Raises:
            ForeignInstitution: It is another one, and the account wants that refused.
        """
        self.institution.ils.check_inst_id(institution_id, whence)
        if self.account.settings.other_institutions == "refuse" and institution_id not in (
            "",
            self.institution.id,
        ):
            raise ForeignInstitution

    def pin(self, patron_password: str | None) -> Secret | None:
        """The PIN in AD, for a transaction. An empty one is none: terminals without a PIN pad
        send it so.

        Raises:
            WrongPIN: There is none, and the account wants one.
        """
        settings = self.account.settings
        if patron_password:
            return Secret(patron_password)
        if settings.require_password and not self.takes_empty(patron_password):
            raise WrongPIN("Please enter your PIN.")
        return None

    def takes_empty(self, patron_password: str | None) -> bool:
        """Whether this is an empty PIN, and the account takes that for the right one."""
        return patron_password == "" and self.account.settings.allow_empty_passwords

    def tells_of_patrons(self, proven: bool | None) -> bool:
        """Whether the terminal learns who a patron is, and what they have."""
        return bool(proven) or self.account.settings.disclosure == "legacy"

    def patron_text(self, template: str, patron: Patron) -> str:
        """A template of the account's with what is known of a patron."""
        return filled(template, _words(patron, PATRON_WORDS))

    def hold_patron_name(self, hold: HoldNotice) -> str:
        """DA: how the one for whom an item waits is named to this terminal."""
        words = {"id": hold.patron_id, "name": hold.patron_name}
        return filled(self.account.settings.hold_patron_name, words)

    def patron_fields(self, patron: Patron) -> tuple[tuple[str, str], ...]:
        """The further fields that the account wants to have of a patron."""
        return _fields(self.account.settings.patron_fields, patron, PATRON_WORDS)

    def item_fields(self, item: Item) -> tuple[tuple[str, str], ...]:
        """The further fields that the account wants to have of an item."""
        return _fields(self.account.settings.item_fields, item, ITEM_WORDS)

    def local(self, moment: datetime) -> datetime:
        """A moment by the library's clock, without a zone, as SIP2 writes it."""
        return moment.astimezone(self.institution.time_zone).replace(tzinfo=None)

    def due_date(self, moment: datetime) -> str:
        """A due date (AH, whose format the standard leaves open) as the terminal has it."""
        return self.dialect.written_due_date(self.local(moment))

    def entry(self, entry: ListEntry) -> str:
        """An entry of AS, AT, AU, AV, BU or CD as the terminal has it. One that would say nothing,
        as the item of a hold on a title or of a fee for a card, is told by its title or words."""
        if (fee := entry.fee) is not None:
            title = fee.title_id or fee.description
            type_ = fee.fee_type.name.lower().replace("_", " ")
            text = self.dialect.written_fee_entry(
                fee_id=fee.id or "",
                amount=str(fee.amount),
                type=type_,
                title=title,
                item_id=fee.item_id or "",
            )
            return text or title or type_
        due_date = "" if entry.due_at is None else self.due_date(entry.due_at)
        write = (
            self.dialect.written_entry if entry.hold is None else self.dialect.written_hold_entry
        )
        text = write(item_id=entry.item_id, title=entry.title_id, due_date=due_date)
        return text or entry.title_id

    def moment(self, stamp: datetime | None) -> datetime | None:
        """A terminal's time stamp in UTC: by the library's clock, unless it names a zone."""
        if stamp is None or not 1 < stamp.year < 9999:  # the ends of time are as good as none,
            return None  # and no zone arithmetic gets beyond them
        if stamp.tzinfo is None:
            stamp = stamp.replace(tzinfo=self.institution.time_zone)
        return stamp.astimezone(UTC)


@lru_cache(maxsize=1024)  # zone arithmetic takes 4 µs, and a second has thousands of messages
def clock(second: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A second since 1970, aware in UTC, and by the clock of `zone` without a zone."""
    now = datetime.fromtimestamp(second, UTC)
    return now, now.astimezone(zone).replace(tzinfo=None)


def _fields(
    templates: Mapping[str, str], record: Patron | Item, words: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    if not templates:
        return ()
    known = _words(record, words)
    texts = ((name, filled(template, known)) for name, template in templates.items())
    return tuple((name, text) for name, text in texts if text)


def _words(record: Patron | Item, words: frozenset[str]) -> dict[str, str]:
    values = ((word, getattr(record, word)) for word in words)
    return {word: _text(value) for word, value in values if value is not None}


def _text(value: object) -> str:
    return f"{value:%Y%m%d}" if isinstance(value, date) else str(value)


def clean(text: str | None) -> str | None:
    """Text that is to be kept, with U+FFFD for bytes that made no sense in the terminal's encoding.

    (In an answer such bytes come back as they were; the ILS has no use for them.)
    """
    return None if text is None else _NO_TEXT.sub("\ufffd", text)
