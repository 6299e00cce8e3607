"""Nothing of a patron, no token and no link gets where it should not: not into a log on any level,
not into an error, and to the vendor only where it must.

A canary is a text that is nowhere else. Each story is told with everything going wrong that the
sandbox can do, and then every record, error and request is searched.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from bibliobus.ils import Bookmark, Fulfilment, Origin, Secret
from bibliobus.ils.errors import CirculationError
from bibliobus.sandbox.vendor.faults import KINDS, Kind
from tests.oneclick.collected import TOKEN
from tests.oneclick.lending import Lent, by
from tests.oneclick.wiretap import Request, Wiretap

CARD, PIN = "29CANARY471100", "PinCanary8841"
WRONG_PIN = "WrongCanary7"
SHARED = {
    "card": CARD,
    "name": "Finchley-Canaria",
    "email": "warbler.nest@canary.example",
}
NEVER_SENT = {
    "pin": PIN,
    "wrong pin": WRONG_PIN,
    "address": "Canary Row 17",
    "phone": "555-0142-canary",
    "birthday": "1971-05-23",
}
ALL = frozenset(SHARED)
UNHEARD: tuple[Kind, ...] = ("drop-after", "error-after", "truncated", "unknown-message")


class Story:
    """One patron's days with the vendor, and all that was said meanwhile."""

    def __init__(self, lending: Lent, wire: Wiretap, caplog: pytest.LogCaptureFixture) -> None:
        self.lending, self.wire, self.caplog = lending, wire, caplog
        self.errors: list[str] = []
        self.signatures: set[str] = set()
        self.tokens: set[str] = set()
        self.number = 0

    async def goes_on(self) -> None:
        """The patron does all that one can do."""
        ours, today = self.lending.collection, self.lending.today
        books, spoken = self.lending.isbns(), self.lending.isbns("eAudio")[0]
        book, other, held = books[self.number : self.number + 3]
        self.number += 3
        pin, wrong = Secret(PIN), Secret(WRONG_PIN)
        steps: list[Callable[[], Awaitable[object]]] = [
            lambda: ours.checkout(CARD, book, pin=wrong, origin=self.origin()),
            lambda: ours.checkout(CARD + "-unknown", book, origin=self.origin()),
            lambda: ours.checkout(CARD, book, pin=pin, origin=self.origin()),
            lambda: ours.checkout(CARD, book, origin=self.origin()),
            lambda: ours.checkout(CARD, spoken, origin=self.origin()),
            lambda: ours.add_hold(CARD, item_id=held, origin=self.origin()),
            lambda: ours.add_hold(CARD, item_id=held, origin=self.origin()),
            lambda: ours.fulfil(CARD, book, origin=self.origin()),
            lambda: ours.fulfil(CARD, spoken, part=0, origin=self.origin()),
            lambda: ours.fulfil(CARD, spoken, origin=self.origin()),
            lambda: ours.fulfil(CARD, other, origin=self.origin()),
            lambda: ours.audiobook(CARD, spoken),
            lambda: ours.keep_bookmark(CARD, spoken, self.here(), origin=self.origin()),
            lambda: ours.add_wish(CARD, other, origin=self.origin()),
            lambda: ours.renew(CARD, item_id=book, origin=self.origin()),
            lambda: ours.reconcile(CARD),
            lambda: ours.signed_in(CARD),
            lambda: ours.cancel_hold(CARD, item_id=held, origin=self.origin()),
            lambda: ours.checkin(book, origin=self.origin()),
            lambda: ours.checkin(spoken, patron_id=CARD, origin=self.origin()),
            lambda: ours.settle_open(),
        ]
        for step in steps:
            today.wait(minutes=1)
            try:
                result = await step()
            except CirculationError as error:
                self.errors += [str(error), repr(error), repr(error.args)]
                self.errors += traceback.format_exception(error)
            else:
                if isinstance(result, Fulfilment):
                    self.errors.append(repr(result))
                    self.signatures |= set(parse_qs(urlsplit(result.url).query)["signature"])
        rows = self.lending.vendor.state.rows("SELECT token FROM bearers")
        self.tokens |= {token for (token,) in rows}
        await self.lending.settled()

    async def ends_well(self) -> None:
        """The vendor is itself again, and all that was begun is done."""
        self.lending.vendor.faults.clear()
        self.lending.today.wait(minutes=3)
        await self.lending.collection.settle_open()
        await self.lending.settled()
        await self.lending.collection.reconcile(CARD)
        await self.lending.collection._reconciler.forget()

    def origin(self) -> Origin:
        """A terminal's, which sends nothing twice."""
        return by(f"{self.lending.today.now}")

    def here(self) -> Bookmark:
        now = self.lending.today.now
        return Bookmark(part=0, position=now - now, kept_at=now)

    @property
    def logged(self) -> list[str]:
        """Every record, as a handler writes it, and what it was made of."""
        write = logging.Formatter().format
        return [f"{write(each)}\n{each.args!r}" for each in self.caplog.records]

    def said(self, words: str) -> list[str]:
        """Where something is told in a log or in an error."""
        return [each for each in (*self.logged, *self.errors) if words.lower() in each.lower()]

    def sent(self, words: str) -> list[Request]:
        """The requests that have something anywhere."""
        return [each for each in self.wire.requests if words.lower() in each.text.lower()]


@pytest.fixture
async def story(lending: Lent, wire: Wiretap, caplog: pytest.LogCaptureFixture) -> Story:
    """A patron of whom all is a canary; the log is open on all levels."""
    await lending.library.patron(
        CARD, name=f"Robin {SHARED['name']}", email=SHARED["email"], pin=PIN,
        address=NEVER_SENT["address"], phone=NEVER_SENT["phone"], birthdate="1971-05-23",
    )  # fmt: skip
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    return Story(lending, wire, caplog)


@pytest.mark.parametrize(
    "terms", [{"shares": ("card", "name", "email"), "wait_seconds": 0.1}], ids=[""]
)
@pytest.mark.parametrize(
    ("era", "agreed"),
    [("E1", frozenset[str]()), ("E4", ALL)],
    ids=["E1-shares-nothing", "E4-shares-all"],
)
async def test_nothing_gets_where_it_should_not(
    story: Story, era: str, agreed: frozenset[str]
) -> None:
    lending = story.lending
    await lending.collection.agree(CARD, agreed)
    lending.vendor.patrons.register("77", user_name="taken", email="somebody@mail.example")
    await story.goes_on()
    for kind in KINDS:
        story.number = 0
        lending.vendor.faults.add(kind, seconds=0.01)
        await story.goes_on()
        await story.ends_well()
    for kind in UNHEARD:
        story.number = 0
        for method in ("POST", "PUT", "DELETE"):
            lending.vendor.faults.add(kind, method=method, seconds=0.01, times=1)
        await story.goes_on()
        await story.ends_well()
    assert await lending.in_step(CARD)

    assert len(story.errors) > 500
    assert len(story.logged) > 50
    alias = (await lending.account(CARD)).alias
    assert len(story.signatures) > 10
    for what in (*SHARED.values(), *NEVER_SENT.values(), TOKEN, alias):
        assert story.said(what) == []
    for words in ("download-url", "signature=", "Basic ", "Bearer ", *story.signatures):
        assert story.said(words) == []
    for token in story.tokens:
        assert story.said(token) == []
        assert await lending.tables_with(token) == set()

    for what in (*NEVER_SENT.values(), *story.signatures):
        assert story.sent(what) == []
    for name, words in SHARED.items():
        to = {(each.method, each.path) for each in story.sent(words)}
        assert to == ({("POST", "/v1/libraries/1931/patrons/")} if name in agreed else set())
    for each in story.wire.requests:
        _, _, rest = each.text.partition("\n")
        headers, _, body = rest.partition("\n\n")
        assert TOKEN not in each.path + body
        assert (TOKEN in headers) is ("download-url" not in each.path)
    carriers = {each.path.partition("?")[0] for token in story.tokens for each in story.sent(token)}
    assert bool(carriers) is (era == "E4")
    assert all(path.endswith("/download-url") for path in carriers)


@pytest.mark.parametrize("terms", [{"shares": ("card", "name", "email")}], ids=[""])
async def test_a_vendor_that_quotes_us_is_not_quoted(story: Story) -> None:
    """Duplicates are refused with a text; the vendor of 2016 told of lookups what it looked for."""
    lending = story.lending
    lending.vendor.patrons.register(CARD, user_name="mine", email=SHARED["email"])
    lending.vendor.change_settings(lookup_fails_on_letters=True, duplicate_patron_status=500)
    await lending.collection.agree(CARD, ALL)

    await story.goes_on()
    await story.ends_well()

    assert len(story.sent(CARD)) == 1  # the account that could not be made
    for what in (*SHARED.values(), (await lending.account(CARD)).alias):
        assert story.said(what) == []
