"""PINs: who knows one, and how often somebody may try."""

from __future__ import annotations

from datetime import timedelta

from bibliobus.ils import Secret, TooManyWrongPINs, WrongPIN
from bibliobus.testing.memory.state import KeptPatron, State

_WRONG_PINS = 5
_IGNORED_FOR = timedelta(minutes=15)


def prove(state: State, patron_id: str, pin: Secret | None) -> None:
    """Check a PIN, and count the wrong ones whatever becomes of the call.

    Raises:
        PatronNotFound, WrongPIN: Never if none was sent.
    """
    if pin is None:
        return
    patron = state.patron(patron_id)
    if _are_ignored(state, patron):
        raise TooManyWrongPINs
    if not pin.reveal():
        raise WrongPIN
    if patron.entry.pin is None or Secret(patron.entry.pin) != pin:
        patron.wrong_pins += 1
        patron.wrong_pin_at = state.now
        raise WrongPIN
    patron.wrong_pins = 0


def _are_ignored(state: State, patron: KeptPatron) -> bool:
    return (
        patron.wrong_pins >= _WRONG_PINS
        and patron.wrong_pin_at is not None
        and state.now < patron.wrong_pin_at + _IGNORED_FOR
    )
