"""A terminal's patron is forgotten who walks away without a word."""

from __future__ import annotations

from datetime import UTC, datetime

from bibliobus.ils import WrongPIN
from bibliobus.sip2 import Message
from bibliobus.sip2.messages import Checkout, CheckoutResponse, ItemInformation, PatronInformation
from bibliobus.terminals.serving import FORGOTTEN_AFTER, Served
from bibliobus.terminals.settings import AccountSettings

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = 60.0
SETTINGS = AccountSettings()


def checkout(patron: str) -> Checkout:
    return Checkout(
        renewal_policy=False, no_block=False, transaction_date=NOON, no_block_due_date=None,
        institution_id="MAIN", patron_id=patron, item_id="31000001",
    )  # fmt: skip


LENT = CheckoutResponse(
    ok=True, renewal_ok=False, magnetic_media=None, desensitize=True, transaction_date=NOON,
    institution_id="MAIN", patron_id="ada", item_id="31000001", title_id="", due_date="",
)  # fmt: skip


def served_at(now: float) -> Served:
    """A terminal that has lent something to Ada then."""
    served = Served()
    served.asks(checkout("ada"), now)
    served.answered(checkout("ada"), LENT, SETTINGS, now)
    return served


def test_knows_a_patron_for_five_minutes() -> None:
    served = served_at(1000)

    assert FORGOTTEN_AFTER.total_seconds() == 5 * MINUTE
    assert served.patron_id(1000 + 4.9 * MINUTE) == "ada"
    assert served.patron_id(1000 + 5 * MINUTE) is None


def test_knows_a_patron_longer_who_goes_on() -> None:
    served = served_at(0)

    served.asks(checkout("ada"), 4 * MINUTE)  # whatever it is answered

    assert served.patron_id(8 * MINUTE) == "ada"


def test_does_not_take_other_messages_for_a_patrons() -> None:
    question: Message = ItemInformation(
        transaction_date=NOON, institution_id="MAIN", item_id="31000001"
    )
    served = served_at(0)

    served.asks(question, 4 * MINUTE)
    served.answered(question, LENT, SETTINGS, 4 * MINUTE)

    assert served.patron_id(4 * MINUTE) == "ada"
    assert served.patron_id(6 * MINUTE) is None


def test_does_not_know_again_whom_it_has_forgotten_before_the_answer() -> None:
    served = served_at(0)

    served.asks(checkout("ada"), 6 * MINUTE)  # which may take long, or be refused

    assert served.patron_id(6 * MINUTE) is None


def test_forgets_one_patron_when_another_asks_and_is_not_answered() -> None:
    asked = PatronInformation(
        language="001", transaction_date=NOON, summary=None, institution_id="MAIN",
        patron_id="grace",
    )  # fmt: skip
    served = served_at(0)

    served.asks(asked, MINUTE)

    assert served.patron_id(MINUTE) is None


def test_a_wrong_pin_leaves_nobody() -> None:
    served = served_at(0)

    served.refused(checkout("ada"), WrongPIN())

    assert served.patron_id(MINUTE) is None
