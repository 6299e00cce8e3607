"""What the vendor can be asked to do for a patron: loans, holds and files.

Which errors are definite: every `Refused`, and each `Unavailable` whose `may_stand` is False. After
any other one, list the patron's loans and holds before a change is asked for again.

Source: spec/oneclick-api 1.9 to 1.11.
"""

from __future__ import annotations

import msgspec

from bibliobus.ils.secret import Secret
from bibliobus.oneclick import access, requests
from bibliobus.oneclick.access import AccessDocument, AccessReply
from bibliobus.oneclick.answers import Action, bad_answer
from bibliobus.oneclick.caller import Caller
from bibliobus.oneclick.errors import BadInput
from bibliobus.oneclick.transport import Call
from bibliobus.oneclick.wire import CheckedOut, CheckoutReply, Held, decoder

_CHECKOUTS = decoder(tuple[CheckedOut, ...])
_CHECKOUT = decoder(CheckoutReply)
_HOLDS = decoder(tuple[Held, ...])
_NUMBER = decoder(int)
_DONE = decoder(dict[str, msgspec.Raw])
_ACCESS = decoder(AccessReply)


class LoanCalls(Caller):
    """Loans, holds and files, of a patron by the vendor's number."""

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
            return Call(Action.ACCESS, url, requests.bearer(token), self.settings.timeout_seconds)
        except ValueError as error:
            problem = str(error)
        raise BadInput(f"{Action.ACCESS.value}: {problem}", may_stand=False)

    def _item(self, action: Action, patron_id: int, what: str, isbn: str) -> str:
        segment = requests.isbn_segment(action, isbn)
        return f"{self._patron(action, patron_id)}/{what}/{segment}"

    async def _end(self, action: Action, url: str) -> None:
        """A change that answers with "success", or with nothing."""
        call = self._call(action, url)
        answer = await self._transport.ask(call)
        done = self._read(call, answer, _DONE) if answer.body.strip() else {}
        if done and "message" not in done:
            raise bad_answer(action, answer, "it does not say that it was done")
