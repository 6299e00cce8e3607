"""PINs and passwords: kept as argon2id hashes, checked off the loop, remembered when right.

One check takes about 20 ms of a core, and terminals send the PIN with every message. So a check
that came out right is remembered for five minutes, as a keyed digest over the hash it was made
against and the secret, under a key that lives as long as the process. A changed PIN has another
hash and is not found. What was wrong is never remembered. Equal checks at the same time are one:
after an outage all terminals of an account come back at once.

Source: spec/reliability 6.3.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from bibliobus.database.errors import Failed
from bibliobus.ils import Secret

REMEMBERED = 300.0  # seconds
PATIENCE = 8.0  # seconds: what a terminal waits is ten
AT_MOST = 100_000  # remembered checks, of about 150 bytes each

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Verifier:
    """Checks secrets against their hashes.

    `matches` raises Failed if no thread was free for a check in `patience` seconds. A check costs
    what the hash says that was made; `hasher` makes those of `hash`.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
        hasher: PasswordHasher = HASHER,
    ) -> None:
        self._clock, self._patience, self._hasher = clock, patience, hasher
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, float] = {}  # digest: until when; oldest first
        self._checks: dict[bytes, asyncio.Future[bool]] = {}  # under way, for all who ask the same
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="argon2")
        self._nobody = hasher.hash(secrets.token_hex())

    async def matches(self, secret: Secret, hashed: str | None) -> bool:
        """Whether `secret` is what `hashed` was made of. For None it takes as long, and is not."""
        if hashed is None:
            await self._in_time(self._check(secret, self._nobody))
            return False
        digest = self._digest(secret, hashed)
        if self._is_right(digest):
            return True
        check = self._checks.get(digest)
        if check is None:
            check = asyncio.ensure_future(self._check(secret, hashed))
            self._checks[digest] = check
            check.add_done_callback(lambda _: self._checks.pop(digest))
        if not await self._in_time(asyncio.shield(check)):
            return False
        self._remember(digest)
        return True

    def remembers(self, secret: Secret, hashed: str | None) -> bool:
        """Whether this was found right a short while ago; it costs a few microseconds."""
        return hashed is not None and self._is_right(self._digest(secret, hashed))

    async def hash(self, secret: Secret) -> str:
        """An argon2id hash to keep."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, _text(secret))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_time(self, check: Awaitable[bool]) -> bool:
        """What was asked must be answered: a check that cannot get a thread is no wrong PIN."""
        try:
            return await asyncio.wait_for(check, self._patience)
        except TimeoutError as error:
            raise Failed("too many PINs are waiting to be checked", may_stand=False) from error

    async def _check(self, secret: Secret, hashed: str) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _verify, secret, hashed)

    def _is_right(self, digest: bytes) -> bool:
        until = self._right.get(digest)
        return until is not None and self._clock() < until

    def _remember(self, digest: bytes) -> None:
        self._right.pop(digest, None)  # the last is the newest
        while len(self._right) >= AT_MOST:
            del self._right[next(iter(self._right))]
        self._right[digest] = self._clock() + REMEMBERED

    def _digest(self, secret: Secret, hashed: str) -> bytes:
        mark = hashlib.blake2b(hashed.encode(), key=self._key, digest_size=32)
        mark.update(b"\0" + _text(secret))
        return mark.digest()


def _text(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogateescape")


def _verify(secret: Secret, hashed: str) -> bool:
    try:
        return HASHER.verify(hashed, _text(secret))
    except (Argon2Error, InvalidHashError):
        return False
