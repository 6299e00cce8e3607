"""What the vendor can be asked about a patron's account there, and for tokens.

Source: spec/oneclick-api 1.8, 1.15.
"""

from __future__ import annotations

from bibliobus.ils.errors import PatronNotFound
from bibliobus.ils.secret import Secret
from bibliobus.oneclick import requests
from bibliobus.oneclick.answers import Action, bad_answer
from bibliobus.oneclick.caller import Caller
from bibliobus.oneclick.requests import NewPatron, is_token
from bibliobus.oneclick.wire import Patron, PatronConfig, PatronFound, Private, decoder


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
_CONFIG = decoder(PatronConfig)


class AccountCalls(Caller):
    """Accounts and tokens."""

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

    async def patron_config(self, patron_id: int) -> PatronConfig:
        """A summary of a patron's account."""
        segment = requests.number_segment(Action.PATRON_CONFIG, patron_id)
        tenant = f"{self.settings.api}/tenants/{self.settings.library_id}"
        url = f"{tenant}/patrons/{segment}/patron-config"
        return await self._ask(self._call(Action.PATRON_CONFIG, url), _CONFIG)


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text and is_token(text) else None
