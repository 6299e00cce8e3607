"""What the vendor's answers mean: one table from (call, status, text) to our errors.

The vendor's statuses are about the application, not the transport, and its texts matter more:
"not found" comes with 200, bad input and duplicate accounts with 500, a refused renewal with 200.
So texts are looked up first, on any status, and what is left is told by its status. Texts are
compared without regard to case, blanks and the final full stop; two families of them go on with
the vendor's own diagnostics and are known by how they begin.

Source: spec/oneclick-api 1.0 (errors), 1.3 to 1.11 (texts), 3.6 (what the first client got wrong).
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TypeVar

import msgspec

from bibliobus.ils import errors as ils
from bibliobus.ils.errors import CirculationError, Refused
from bibliobus.oneclick import errors
from bibliobus.oneclick.bodies import (
    NOT_JSON,
    RATE_LIMIT,
    Answer,
    Decoder,
    for_patrons,
    is_json,
    normalised,
    output_of,
    read,
    shape,
    text_of,
)

T = TypeVar("T")


class Action(Enum):
    """What we can ask. `changes`: whether it changes something when it succeeds."""

    LISTING = "GET media/all"
    TITLE = "GET media/{isbn}"
    AVAILABILITY = "GET media/…/availability"
    DELTA = "GET media/delta"
    SNAPSHOTS = "GET book-holdings/delta/available-dates"
    HOLDINGS = "GET book-holdings/delta"
    SEARCH = "GET search"
    FACETS = "GET facets"
    FIND_PATRON = "GET rpc/…/patrons/{value}"
    PATRON = "GET patrons/{id}"
    CREATE_PATRON = "POST patrons"
    PATRON_TOKEN = "POST libraries/{library}/tokens"  # noqa: S105 # no password: a path
    SIGN_IN = "POST tokens"
    CHECKOUTS = "GET checkouts"
    CHECKOUT = "POST checkouts/{isbn}"
    RENEW = "PUT checkouts/{isbn}"
    CHECKIN = "DELETE checkouts/{isbn}"
    HOLDS = "GET holds"
    ADD_HOLD = "POST holds/{isbn}"
    CANCEL_HOLD = "DELETE holds/{isbn}"
    ACCESS = "GET download-url"
    PATRON_CONFIG = "GET patron-config"

    @property
    def changes(self) -> bool:
        """Whether something is different afterwards: then it is never repeated blindly."""
        return self in CHANGES


CHANGES = frozenset(
    {
        Action.CREATE_PATRON, Action.CHECKOUT, Action.RENEW, Action.CHECKIN, Action.ADD_HOLD,
        Action.CANCEL_HOLD,
    }
)  # fmt: skip
LENDING = frozenset({Action.CHECKOUT})
LOAN = frozenset({Action.RENEW, Action.CHECKIN})
HOLDING = frozenset({Action.ADD_HOLD})
ACCESS = frozenset({Action.ACCESS})
OUTPUTS = frozenset({Action.CHECKOUT, Action.RENEW})  # which put their texts into `output`, too
ANY = frozenset(Action)

NO_RESOURCE = "extensible framework was unable to locate the resource for"


class Text(NamedTuple):
    """One row: these words, in an answer to one of these calls, mean this error."""

    words: str  # contained in the normalised text
    on: frozenset[Action]
    error: type[CirculationError]


TEXTS: tuple[Text, ...] = (
    # who we are
    Text(RATE_LIMIT, ANY, errors.NotPermitted),
    Text("invalid library id is provided or permission denied", ANY, errors.NotPermitted),
    Text("endpoint can be called by authorized trusted app", ACCESS, errors.BearerRefused),
    Text("endpoint can be called by authorized trusted app", ANY, errors.NotPermitted),
    Text("not authorized", ANY, errors.NotPermitted),
    # what there is not
    Text(f"{NO_RESOURCE} rb.api.oneclick.userpatron", ANY, ils.PatronNotFound),
    Text(NO_RESOURCE, LENDING, ils.ItemNotFound),
    Text(NO_RESOURCE, LOAN, ils.NotOnLoan),
    Text(NO_RESOURCE, ANY, ils.TitleNotFound),
    Text("invalid 'mediatype', 'titleid' or 'isbn' token value", LENDING, ils.ItemNotFound),
    Text("invalid 'mediatype', 'titleid' or 'isbn' token value", ANY, ils.TitleNotFound),
    Text("patron not found", ANY, ils.PatronNotFound),
    Text("patron does not exist", ANY, ils.PatronNotFound),
    Text("no http resource was found", ANY, errors.BadAnswer),  # our `url` leads elsewhere
    # what makes no sense
    Text("extensible framework encountered a sqlexception", ANY, errors.BadInput),
    Text("the request is invalid", ANY, errors.BadInput),
    # accounts
    Text("a patron account with the specified", frozenset({Action.CREATE_PATRON}),
         errors.AccountExists),
    # loans
    Text("maximum checkout count reached", LENDING, ils.LoanLimitReached),
    Text("checkout limit of (", LENDING, ils.LoanLimitReached),
    Text("checkout item already exists", LENDING, ils.AlreadyOnLoan),
    Text("title is not available for checkout", LENDING, ils.NoCopyAvailable),
    Text("no fulfillment copy available", LENDING, ils.NoCopyAvailable),
    Text("patronid and titleid are invalid", LENDING, ils.ItemNotFound),
    Text("patronid and titleid are invalid", LOAN, ils.NotOnLoan),
    Text("not exist", LOAN, ils.NotOnLoan),
    Text("expired", frozenset({Action.CHECKIN}), ils.NotOnLoan),
    # holds
    Text("reached your checkout limit", HOLDING, ils.HoldLimitReached),
    Text("already exists", HOLDING, errors.HeldOrBorrowed),
    Text("not exist", frozenset({Action.CANCEL_HOLD}), ils.HoldNotFound),
    Text("expired", frozenset({Action.CANCEL_HOLD}), ils.HoldNotFound),
)  # fmt: skip
"""The first row that fits counts."""

NOT_FOUND: dict[Action, type[CirculationError]] = {
    Action.TITLE: ils.TitleNotFound,
    Action.AVAILABILITY: ils.TitleNotFound,
    Action.FIND_PATRON: ils.PatronNotFound,
    Action.PATRON: ils.PatronNotFound,
    Action.PATRON_TOKEN: ils.PatronNotFound,
    Action.PATRON_CONFIG: ils.PatronNotFound,
    Action.CHECKOUT: ils.ItemNotFound,
    Action.RENEW: ils.NotOnLoan,
    Action.CHECKIN: ils.NotOnLoan,
    Action.ADD_HOLD: ils.TitleNotFound,
    Action.CANCEL_HOLD: ils.HoldNotFound,
}
"""404 with a text that we do not know."""

CONFLICT: dict[Action, type[Refused]] = {
    Action.CHECKOUT: ils.NotForLoan,
    Action.RENEW: ils.RenewalNotAllowed,
    Action.CHECKIN: ils.NotTakenHere,
    Action.ADD_HOLD: ils.HoldNotAllowed,
    Action.CANCEL_HOLD: Refused,
}
"""409 with a text that we do not know; patrons are told the vendor's own words."""


def error_of(action: Action, answer: Answer) -> CirculationError | None:
    """What an answer means if it is no success; None: it is one, as far as its status and its
    text tell.

    A text in a 200 is one, too, unless it is "success". Nothing of the body gets into an error,
    but for what patrons are to read.
    """
    text = text_of(answer.body, outputs=action in OUTPUTS)
    plain = normalised(text)
    for row in TEXTS:
        if action in row.on and row.words in plain:
            return _made(row.error, action, answer, plain)
    if answer.status in (200, 201, 204):
        return None if plain in ("", "success") else _odd_success(action, answer, text)
    return _by_status(action, answer, text)


def _by_status(action: Action, answer: Answer, text: str) -> CirculationError:
    said = f"{action.value}: status {answer.status}"
    match answer.status:
        case 400:
            return errors.BadInput(f"{said}: what we sent is malformed", may_stand=False)
        case 401 if action is Action.ACCESS:
            return errors.BearerRefused(said, may_stand=False)
        case 401 if action is Action.SIGN_IN:
            return ils.WrongPIN()
        case 401 | 403 | 407:
            return errors.NotPermitted(f"{said}: the token or the library id is wrong")
        case 404 if action in NOT_FOUND and _is_the_vendors(action, answer, text):
            return _made(NOT_FOUND[action], action, answer, "")
        case 409 if action is Action.CREATE_PATRON:
            return errors.AccountExists()  # without its words, which may have the card in them
        case 409 if action in CONFLICT:
            return CONFLICT[action](for_patrons(text))
        case 408:
            return errors.NotAnswered(said, may_stand=False)
        case 429:
            return errors.NotPermitted(f"{said}: we asked too often", passing=True)
        case status if status >= 500:
            return errors.VendorFault(said, may_stand=action.changes)
    done = answer.status < 400  # a redirect may lead on from what was done
    return bad_answer(action, answer, "no document describes this status", may_stand=done)


def _is_the_vendors(action: Action, answer: Answer, text: str) -> bool:
    """Whether a 404 is the vendor's own "not found", and not of a server at a wrong address. For
    patrons some relied on the status alone."""
    if action is Action.FIND_PATRON:
        return not answer.body.strip() or is_json(answer.body)
    return bool(text) and is_json(answer.body)


def _made(
    kind: type[CirculationError], action: Action, answer: Answer, plain: str
) -> CirculationError:
    """An error of this kind; a definite one, whatever its status."""
    if issubclass(kind, Refused):
        return kind()
    said = f"{action.value}: status {answer.status}"
    if kind is errors.NotPermitted:
        limited = RATE_LIMIT in plain
        return errors.NotPermitted(f"{said}: permission denied", passing=limited)
    if kind is errors.BadInput:  # reading comes before any change
        unknown = answer.status >= 500 and ".get in " not in plain
        return errors.BadInput(
            f"{said}: what we sent is malformed", may_stand=unknown and action.changes
        )
    if kind is errors.BadAnswer:
        return errors.BadAnswer(f"{said}: there is no such call; is `url` right?", may_stand=False)
    return errors.BearerRefused(said, may_stand=False)


def _odd_success(action: Action, answer: Answer, text: str) -> CirculationError:
    """What a 200 with an unknown text is: in `output`, a refusal; anywhere else, unheard of."""
    told = output_of(answer.body) if action in OUTPUTS else None
    if told is not None and not (action is Action.CHECKOUT and told.transaction_id):
        return CONFLICT[action](for_patrons(text))
    return bad_answer(action, answer, "a text that we do not know instead of a result")


def bad_answer(
    action: Action, answer: Answer, oddity: str, *, may_stand: bool = True
) -> errors.BadAnswer:
    """An answer that makes no sense, with what can be said of it without quoting it."""
    message = f"{action.value}: status {answer.status}, {shape(answer.body)}: {oddity}"
    return errors.BadAnswer(message, may_stand=may_stand and action.changes)


def decoded(action: Action, answer: Answer, reader: Decoder[T]) -> T:
    """The body, read.

    Raises:
        BadAnswer: It is not what the reader reads.
    """
    problem = ""
    try:
        return read(reader, answer.body)
    except msgspec.ValidationError as error:
        problem = str(error)  # which has names and types of keys, never values
    except NOT_JSON:
        problem = "it is no JSON"
    raise bad_answer(action, answer, problem)  # outside, so it drags no context along
