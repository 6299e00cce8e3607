"""Secrets are checked slowly once, and quickly for five minutes after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from bibliobus.database import Failed, Verifier
from bibliobus.database.verifier import REMEMBERED
from bibliobus.ils import Secret


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def verifier(clock: Clock) -> AsyncIterator[Verifier]:
    verifier = Verifier(clock)
    yield verifier
    verifier.close()


async def took(verifier: Verifier, secret: str, hashed: str | None) -> float:
    """Seconds of work: a busy machine changes the time, and not that."""
    began = time.process_time()
    await verifier.matches(Secret(secret), hashed)
    return time.process_time() - began


async def test_tells_right_from_wrong(verifier: Verifier) -> None:
    hashed = await verifier.hash(Secret("1234"))

    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await verifier.matches(Secret("1234"), hashed)
    assert not await verifier.matches(Secret("1235"), hashed)
    assert not await verifier.matches(Secret(""), hashed)
    assert not await verifier.matches(Secret("1234"), None)
    assert not await verifier.matches(Secret("1234"), "not a hash")


async def test_remembers_only_what_was_right_and_not_for_ever(
    verifier: Verifier, clock: Clock
) -> None:
    hashed, other = await verifier.hash(Secret("1234")), await verifier.hash(Secret("1234"))
    await verifier.matches(Secret("1234"), hashed)
    await verifier.matches(Secret("0000"), hashed)

    again = await took(verifier, "1234", hashed)
    wrong_again = await took(verifier, "0000", hashed)
    changed = await took(verifier, "1234", other)
    clock.now += REMEMBERED
    later = await took(verifier, "1234", hashed)

    assert again < min(wrong_again, changed, later) / 4


async def test_an_unknown_patron_takes_as_long_as_a_wrong_pin(verifier: Verifier) -> None:
    hashed = await verifier.hash(Secret("1234"))

    wrong = await took(verifier, "0000", hashed)
    unknown = await took(verifier, "0000", None)

    assert unknown > wrong / 5


async def test_equal_checks_at_once_are_one(verifier: Verifier) -> None:
    hashed = await verifier.hash(Secret("1234"))
    began = time.process_time()

    assert all(await asyncio.gather(*(verifier.matches(Secret("1234"), hashed) for _ in range(99))))

    assert time.process_time() - began < 1  # one by one it would be two seconds and more


async def test_who_gives_up_waiting_takes_nobody_along(verifier: Verifier) -> None:
    hashed = await verifier.hash(Secret("1234"))
    first = asyncio.ensure_future(verifier.matches(Secret("1234"), hashed))
    second = asyncio.ensure_future(verifier.matches(Secret("1234"), hashed))
    await asyncio.sleep(0)
    first.cancel()

    assert await second


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("no address has this")

    assert "no address" not in f"{secret} {secret!r} {[secret]} {vars(type(secret))}"
    assert secret == Secret("no address has this")
    assert secret != Secret("no address has this.")
    assert secret != "no address has this"
    with pytest.raises(TypeError):
        hash(secret)


async def test_a_check_that_gets_no_turn_in_time_is_no_wrong_pin() -> None:
    verifier = Verifier(patience=0.0)
    hashed = await verifier.hash(Secret("1234"))

    with pytest.raises(Failed):
        await verifier.matches(Secret("1234"), hashed)
    with pytest.raises(Failed):
        await verifier.matches(Secret("1234"), None)

    verifier.close()
