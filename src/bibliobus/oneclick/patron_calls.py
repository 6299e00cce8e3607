"""What the vendor can be asked for a patron: accounts, tokens, loans, holds and files.

Which errors are definite: every `Refused`, and each `Unavailable` whose `may_stand` is False. After
any other one, list the patron's loans and holds before a change is asked for again.

Source: spec/oneclick-api 1.8 to 1.11, 1.15.
"""

from __future__ import annotations

import re

import msgspec

from bibliobus.ils.errors import PatronNotFound
from bibliobus.ils.secret import Secret
from bibliobus.oneclick import access, requests
from bibliobus.oneclick.access import AccessDocument, AccessReply
from bibliobus.oneclick.answers import Action, bad_answer
from bibliobus.oneclick.bodies import Answer
from bibliobus.oneclick.caller import Caller, bearer
from bibliobus.oneclick.errors import BadInput
from bibliobus.oneclick.requests import NewPatron
from bibliobus.oneclick.transport import Call
from bibliobus.oneclick.wire import (
    CheckedOut,
    CheckoutReply,
    Held,
    Patron,
    PatronConfig,
    PatronFound,
    Private,
    decoder,
)


class CreatedPatron(Private, frozen=True):
    """An account that was made, and from E3 on the patron's bearer token."""

    patron_id: int
    bearer: Secret | None = None


class _Created(Private, frozen=True):
    """An account as it is sent when it was made: flat in E1 and E2, nested from E3 on."""

    patron_id: int | None = None
    patron: PatronFound | None = None
    bearer: str | None = None


class _Bearer(Private, frozen=True):
    bearer: str


_FOUND = decoder(PatronFound)
_PATRON = decoder(Patron)
_CREATED = decoder(_Created)
_BEARER = decoder(_Bearer)
_CHECKOUTS = decoder(tuple[CheckedOut, ...])
_CHECKOUT = decoder(CheckoutReply)
_HOLDS = decoder(tuple[Held, ...])
_NUMBER = decoder(int)
_DONE = decoder(dict[str, msgspec.Raw])
_ACCESS = decoder(AccessReply)
_CONFIG = decoder(PatronConfig)


class PatronCalls(Caller):
    """Everything that is about one patron."""

    async def find_patron(self, value: str) -> PatronFound | None:
        """Who has this card number, user name or e-mail address in this library; None: nobody."""
        segment = requests.segment(Action.FIND_PATRON, value)
        library = self.settings.library_id
        url = f"{self.settings.api}/rpc/libraries/{library}/patrons/{segment}"
        call = self._call(Action.FIND_PATRON, url)
        try:
            answer = await self._transport.ask(call)
        except PatronNotFound:
            return None
        found = self._read(call, answer, _FOUND)
        self._check_id(call, answer, found.patron_id)
        return found

    async def patron(self, patron_id: int) -> Patron:
        """A patron's account.

        Raises:
            PatronNotFound: There is none; one that was is gone, perhaps merged with another.
        """
        call = self._call(Action.PATRON, self._patron(Action.PATRON, patron_id))
        return await self._ask(call, _PATRON)

    async def create_patron(self, patron: NewPatron) -> CreatedPatron:
        """Make an account.

        Raises:
            AccountExists: Card, user name or e-mail address are taken. Nothing was made.
            VendorError: If it may stand, look for the account before you make one.
        """
        body = requests.new_patron(patron, self.settings)
        call = self._call(Action.CREATE_PATRON, f"{self._library}/patrons/", body=body)
        answer = await self._transport.ask(call)
        made = self._read(call, answer, _CREATED)
        patron_id = made.patron.patron_id if made.patron else made.patron_id
        self._check_id(call, answer, patron_id or 0)
        token = _secret(made.bearer) if made.bearer else None
        return CreatedPatron(patron_id=patron_id or 0, bearer=token)

    async def patron_token(self, user_id: str) -> Secret:
        """A bearer token for the patron with this `PatronFound.user_id`; it is good for a day."""
        body = requests.body({"userId": user_id})
        return await self._token_from(Action.PATRON_TOKEN, f"{self._library}/tokens", body)

    async def sign_in_token(self, user_name: str, password: Secret) -> Secret:
        """A bearer token for a patron who knows their password.

        Raises:
            WrongPIN: User name or password are wrong.
        """
        library = self.settings.library_id
        fields = {"LibraryId": library, "UserName": user_name, "Password": password.reveal()}
        body = requests.body(fields)
        return await self._token_from(Action.SIGN_IN, f"{self.settings.api}/tokens", body)

    async def _token_from(self, action: Action, url: str, body: bytes) -> Secret:
        call = self._call(action, url, body=body)
        answer = await self._transport.ask(call)
        token = _secret(self._read(call, answer, _BEARER).bearer)
        if token is None:
            raise bad_answer(action, answer, "the bearer token has characters that no token has")
        return token

    async def checkouts(self, patron_id: int) -> tuple[CheckedOut, ...]:
        """What the patron has on loan."""
        url = f"{self._patron(Action.CHECKOUTS, patron_id)}/checkouts/"
        return await self._ask(self._call(Action.CHECKOUTS, url), _CHECKOUTS)

    async def checkout(self, patron_id: int, isbn: str, days: int | None = None) -> CheckoutReply:
        """Lend a title.

        Args:
            patron_id: The vendor's number.
            isbn: The title.
            days: For fewer than the vendor's usual ones; None: as many.

        Raises:
            LoanLimitReached, AlreadyOnLoan, NoCopyAvailable, ItemNotFound, NotForLoan: Nothing
                was lent. AlreadyOnLoan is this patron's own loan.
            PatronNotFound: The vendor does not know the number any more.
            VendorError: If it may stand, list the checkouts.
        """
        return await self._lend(Action.CHECKOUT, patron_id, isbn, days)

    async def renew(self, patron_id: int, isbn: str, days: int | None = None) -> CheckoutReply:
        """Lend a title for longer.

        Raises:
            RenewalNotAllowed, NotOnLoan, PatronNotFound: The loan is as it was.
            VendorError: If it may stand, list the checkouts.
        """
        return await self._lend(Action.RENEW, patron_id, isbn, days)

    async def _lend(
        self, action: Action, patron_id: int, isbn: str, days: int | None
    ) -> CheckoutReply:
        if days is not None:
            requests.number_segment(action, days)
        url = self._item(action, patron_id, "checkouts", isbn) + requests.query([("days", days)])
        call = self._call(action, url)
        answer = await self._transport.ask(call)
        reply = self._read(call, answer, _CHECKOUT)
        if not reply.transaction_id and (reply.output or "").lower() != "success":
            raise bad_answer(action, answer, "it does not say that it was lent")
        return reply

    async def checkin(self, patron_id: int, isbn: str) -> None:
        """Give a title back.

        Raises:
            NotOnLoan: There was no such loan, or not any more. That may be as good.
            NotTakenHere: The vendor refused; the loan is as it was.
            VendorError: If it may stand, list the checkouts.
        """
        await self._end(Action.CHECKIN, self._item(Action.CHECKIN, patron_id, "checkouts", isbn))

    async def holds(self, patron_id: int) -> tuple[Held, ...]:
        """What the patron waits for. A hold that became a loan may still be listed."""
        url = f"{self._patron(Action.HOLDS, patron_id)}/holds/"
        return await self._ask(self._call(Action.HOLDS, url), _HOLDS)

    async def add_hold(self, patron_id: int, isbn: str) -> int:
        """Place a hold; its transaction id, which the loan will have, too.

        Raises:
            HeldOrBorrowed, HoldLimitReached, HoldNotAllowed, TitleNotFound, PatronNotFound: No
                hold was placed. HeldOrBorrowed: list both to know which.
            VendorError: If it may stand, list the holds.
        """
        call = self._call(Action.ADD_HOLD, self._item(Action.ADD_HOLD, patron_id, "holds", isbn))
        answer = await self._transport.ask(call)
        number = self._read(call, answer, _NUMBER)
        self._check_id(call, answer, number)
        return number

    async def cancel_hold(self, patron_id: int, isbn: str) -> None:
        """Give a hold up.

        Raises:
            HoldNotFound: There was none, or not any more.
            VendorError: If it may stand, list the holds.
        """
        await self._end(
            Action.CANCEL_HOLD, self._item(Action.CANCEL_HOLD, patron_id, "holds", isbn)
        )

    async def access_document(self, link: str, token: Secret | None = None) -> AccessDocument:
        """Where a file of a loan can be had now.

        Args:
            link: The `download_url` of a loan's file.
            token: The patron's bearer token, in E4. Before, no token must go along, not even ours.

        Raises:
            BadInput: The link leads elsewhere than to the vendor. Nothing was sent.
            BearerRefused: Fetch another token, and repeat once.
        """
        call = self._access_call(link, token)
        answer = await self._transport.ask(call)
        reply = self._read(call, answer, _ACCESS)
        problem = ""
        try:
            return access.document(reply, self._clock())
        except ValueError as error:
            problem = str(error)
        raise bad_answer(call.action, answer, problem)

    def _access_call(self, link: str, token: Secret | None) -> Call:
        problem = ""
        try:
            url = access.address(link, self.settings.api)
            return Call(Action.ACCESS, url, bearer(token), self.settings.timeout_seconds)
        except ValueError as error:
            problem = str(error)
        raise BadInput(f"{Action.ACCESS.value}: {problem}", may_stand=False)

    async def patron_config(self, patron_id: int) -> PatronConfig:
        """A summary of a patron's account."""
        segment = requests.number_segment(Action.PATRON_CONFIG, patron_id)
        tenant = f"{self.settings.api}/tenants/{self.settings.library_id}"
        url = f"{tenant}/patrons/{segment}/patron-config"
        return await self._ask(self._call(Action.PATRON_CONFIG, url), _CONFIG)

    def _item(self, action: Action, patron_id: int, what: str, isbn: str) -> str:
        segment = requests.isbn_segment(action, isbn)
        return f"{self._patron(action, patron_id)}/{what}/{segment}"

    async def _end(self, action: Action, url: str) -> None:
        """A change that answers with "success", or with nothing."""
        call = self._call(action, url)
        answer = await self._transport.ask(call)
        if answer.body.strip():
            self._read(call, answer, _DONE)

    def _check_id(self, call: Call, answer: Answer, number: int) -> None:
        if number < 1:
            raise bad_answer(call.action, answer, "the id is no positive number")


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text and re.fullmatch(r"[A-Za-z0-9._~+/=-]{8,4096}", text) else None
