"""What a simulated terminal says: which message comes next, of whom and of what."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from bibliobus.ils import Secret
from bibliobus.sip2 import Message, messages
from bibliobus.sip2.codes import FeeType, PaymentType

KINDS = ("23", "63", "17", "11", "37")
"""What a mix is made of: 11 stands for a checkout and the checkin after it."""

AMOUNT = Decimal("0.50")  # of a payment
_RANGE = re.compile(r"(.*)\[(\d+)-(\d+)\](.*)", re.DOTALL)
_SECOND = timedelta(seconds=1)


def barcodes(text: str) -> list[str]:
    """The barcodes in a list with ranges: `P[0000-0199],X17`.

    Raises:
        ValueError: There are none, or a range runs backwards.
    """
    found = [each for part in text.split(",") if part for each in _expanded(part)]
    if not found:
        raise ValueError(f"{text!r} names no barcode: write P[0000-0199] or P1,P2")
    return found


def _expanded(part: str) -> Iterator[str]:
    span = _RANGE.fullmatch(part)
    if span is None:
        yield part
        return
    before, first, last, after = span.groups()
    for n in range(int(first), int(last) + 1):
        yield f"{before}{n:0{len(first)}}{after}"


def mix(text: str) -> dict[str, int]:
    """Weights of message kinds: `23=2,11=1`.

    Raises:
        ValueError: One is none of `KINDS`, or no weight.
    """
    weights: dict[str, int] = {}
    for part in text.split(","):
        code, _, weight = part.partition("=")
        if code not in KINDS or not weight.isdecimal():
            raise ValueError(f"{part!r} is no share: write 23=2 for one of {', '.join(KINDS)}")
        weights[code] = int(weight)
    if not sum(weights.values()):
        raise ValueError(f"{text!r} gives no weight to anything")
    return weights


class Clock:
    """The library's own time, as a terminal keeps it: set once, by what a 98 says."""

    def __init__(self) -> None:
        self._ahead: timedelta | None = None

    def set(self, told: datetime | None) -> None:
        """Go by this time from now on, unless it was set before."""
        if self._ahead is None and told is not None:
            self._ahead = told.replace(tzinfo=None) - _here()

    def now(self) -> datetime:
        """As messages carry it: whole seconds, without a zone."""
        return self.exactly().replace(microsecond=0)

    def exactly(self) -> datetime:
        """With the fraction of a second."""
        return _here() + (self._ahead or timedelta())


def _here() -> datetime:
    return datetime.now()  # noqa: DTZ005 - the library's zone is known to nobody here


class Workload:
    """One terminal's patrons and items, one after the other for ever, and messages about them."""

    def __init__(
        self,
        rng: random.Random,
        weights: Mapping[str, int],
        patrons: Sequence[str],
        items: Sequence[str],
        pin: Secret | None,
        currency: str,
    ) -> None:
        self._rng = rng
        self._codes, self._weights = list(weights), list(weights.values())
        self._patrons = cycle(rng.sample(patrons, len(patrons)))
        self._items = cycle(rng.sample(items, len(items)))
        self._pin = None if pin is None else pin.reveal()
        self._currency = currency
        self._payments = random.SystemRandom().randbytes(5).hex()  # no two runs pay the same
        self._paid = 0
        self._last: dict[str, datetime] = {}  # the time of an item's latest transaction
        self.clock = Clock()
        self.institution = ""

    def code(self) -> str:
        """What to do next."""
        return self._rng.choices(self._codes, self._weights)[0]

    def query(self, code: str) -> Message:
        """A 23, 63 or 17."""
        about: dict[str, Any] = {
            "transaction_date": self.clock.now(),
            "institution_id": self.institution,
        }
        if code == "17":
            return messages.ItemInformation(item_id=next(self._items), **about)
        about |= {"language": "000", "patron_id": next(self._patrons), "patron_password": self._pin}
        if code == "23":
            return messages.PatronStatusRequest(**about)
        return messages.PatronInformation(summary=None, **about)

    def borrower(self) -> tuple[str, str, float]:
        """A patron, an item, and the seconds that the item has to stay in before it may go out:
        two loans with one time would be one message, and the second of them a repeat."""
        patron, item = next(self._patrons), next(self._items)
        last = self._last.get(item)
        rest = 0.0 if last is None else (last + _SECOND - self.clock.exactly()).total_seconds()
        return patron, item, max(rest, 0.0)

    def checkout(self, patron: str, item: str) -> messages.Checkout:
        """The patron borrows the item."""
        return messages.Checkout(
            renewal_policy=False,
            no_block=False,
            transaction_date=self._moved(item, self.clock.now()),
            no_block_due_date=None,
            institution_id=self.institution,
            patron_id=patron,
            item_id=item,
            patron_password=self._pin,
        )

    def checkin(self, item: str) -> messages.Checkin:
        """The item comes back."""
        now = self._moved(item, self.clock.now())
        return messages.Checkin(
            no_block=False,
            transaction_date=now,
            return_date=now,
            institution_id=self.institution,
            item_id=item,
        )

    def restamped(self, request: Message) -> Message:
        """The same with a new time, as some terminals write it when they ask again."""
        changes = {"transaction_date": self.clock.now()}
        if isinstance(request, messages.Checkout | messages.Checkin):
            last = self._last[request.item_id]
            changes["transaction_date"] = self._moved(
                request.item_id, max(self.clock.now(), last + _SECOND)
            )
        if isinstance(request, messages.Checkin):
            changes["return_date"] = changes["transaction_date"]
        return replace(request, **changes)  # type: ignore[type-var] # `message` made it a dataclass

    def _moved(self, item: str, at: datetime) -> datetime:
        self._last[item] = at
        return at

    def payment(self) -> messages.FeePaid:
        """The next patron pays something, with a number that no payment had before."""
        self._paid += 1
        return messages.FeePaid(
            transaction_date=self.clock.now(),
            fee_type=FeeType.OTHER,
            payment_type=PaymentType.CASH,
            currency=self._currency,
            fee_amount=AMOUNT,
            institution_id=self.institution,
            patron_id=next(self._patrons),
            patron_password=self._pin,
            transaction_id=f"{self._payments}-{self._paid}",
        )
