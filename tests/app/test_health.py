"""A supervisor asks whether the server lives and whether it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bibliobus.health import HealthDoor

Ready = Callable[[], Awaitable[bool]]
Address = tuple[str, int]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def never() -> bool:
    await asyncio.Event().wait()
    return True


async def broken() -> bool:
    raise LookupError("no database")


@asynccontextmanager
async def door(
    ready: Ready = yes, *, ready_within: float = 2.0, sent_within: float = 5.0
) -> AsyncIterator[Address]:
    """An open door."""
    door = HealthDoor(ready, ready_within=ready_within, sent_within=sent_within)
    address = await door.listen("127.0.0.1", 0)
    yield address
    await door.close()


async def ask(address: Address, request: bytes) -> tuple[bytes, bytes]:
    """The head and body of what comes back until the door hangs up, in 10 s at most."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head, body


async def get(address: Address, path: str, method: str = "GET") -> tuple[int, str]:
    """The status and body of an answer."""
    head, body = await ask(address, f"{method} {path} HTTP/1.1\r\nHost: library\r\n\r\n".encode())
    return int(head.split()[1]), body.decode()


async def test_lives_as_long_as_it_answers() -> None:
    async with door(no) as address:
        assert await get(address, "/live") == (200, "live\n")


@pytest.mark.parametrize(("ready", "answer"), [(yes, (200, "ready\n")), (no, (503, "unready\n"))])
async def test_is_ready_if_terminals_would_be_served(ready: Ready, answer: tuple[int, str]) -> None:
    async with door(ready) as address:
        assert await get(address, "/ready") == answer
        assert await get(address, "/ready?verbose") == answer


async def test_is_not_ready_if_nobody_says_so_in_time() -> None:
    async with door(never, ready_within=0.1) as address:
        assert await get(address, "/ready") == (503, "unready\n")
        assert await get(address, "/live") == (200, "live\n")


async def test_is_not_ready_if_asking_fails_and_says_why_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with door(broken) as address:
        assert await get(address, "/ready") == (503, "unready\n")

    assert "no database" in caplog.text


async def test_tells_nothing_of_itself() -> None:
    async with door() as address:
        head, body = await ask(address, b"GET /live HTTP/1.1\r\n\r\n")

    status, date, *others = head.split(b"\r\n")
    assert status == b"HTTP/1.1 200 OK"
    assert date.startswith(b"Date: ")
    assert date.endswith(b" GMT")
    assert others == [
        b"Content-Type: text/plain; charset=us-ascii",
        b"Content-Length: 5",
        b"Cache-Control: no-store",
        b"Connection: close",
    ]
    assert body == b"live\n"


async def test_speaks_http_as_any_client_does() -> None:
    async with door() as (host, port):
        for method, body in (("GET", b"ready\n"), ("HEAD", b"")):
            client = http.client.HTTPConnection(host, port, timeout=10)
            await asyncio.to_thread(client.request, method, "/ready")
            response = await asyncio.to_thread(client.getresponse)
            assert (response.status, response.length) == (200, len(body))
            assert response.headers["Content-Length"] == "6"
            assert response.read() == body
            client.close()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "path", ["/", "/live/", "/READY", "/metrics", "//live", "*", "http://x/live"]
)
async def test_knows_no_other_page(method: str, path: str) -> None:
    async with door() as address:
        assert (await get(address, path, method))[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "get", "TRACE"])
async def test_can_only_be_asked(method: str) -> None:
    async with door() as address:
        head, _ = await ask(address, f"{method} /live HTTP/1.1\r\n\r\n".encode())

    assert head.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET, HEAD" in head


@pytest.mark.parametrize(
    "junk",
    [b"\r\n\r\n", b"9900802.00\r\n\r\n", b"GET /live\r\n\r\n", b"GET /live HTTP/2.0\r\n\r\n",
     b"GET  /live HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\0\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"],
)  # fmt: skip
async def test_makes_no_sense_of_junk(junk: bytes) -> None:
    async with door() as address:
        assert (await ask(address, junk))[0].startswith(b"HTTP/1.1 400 ")


async def test_reads_eight_kibibytes_and_no_more() -> None:
    def request(size: int) -> bytes:
        return b"GET /live HTTP/1.1\r\nX: ".ljust(size - 4, b"x") + b"\r\n\r\n"

    async with door() as address:
        for size, status in ((8192, b"200"), (8200, b"431"), (10_000, b"431")):
            head, _ = await ask(address, request(size))
            assert head.startswith(b"HTTP/1.1 " + status), size


async def flood(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 4096)
        await writer.drain()


async def test_hangs_up_on_who_never_stops_sending() -> None:
    async with door() as address:
        _, writer = await asyncio.open_connection(*address)
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(flood(writer), 4)  # it is not the time that ends it
        writer.transport.abort()

        assert await get(address, "/live") == (200, "live\n")


async def trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /live HTTP/1.1\r\nX: ")
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def test_hangs_up_on_who_is_too_slow_and_serves_others_meanwhile() -> None:
    async with door(sent_within=0.3) as address:
        begun = time.monotonic()
        reader, writer = await asyncio.open_connection(*address)
        slow = asyncio.create_task(trickle(writer))

        assert await get(address, "/live") == (200, "live\n")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""

        assert 0.25 < time.monotonic() - begun < 4
        slow.cancel()
        writer.transport.abort()


async def test_hangs_up_on_who_hangs_up() -> None:
    async with door() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /live HTTP/1.1\r\n")
        writer.write_eof()

        assert await reader.read() == b""
        writer.close()


async def test_drops_who_still_waits_when_it_is_closed() -> None:
    door = HealthDoor(never, ready_within=60)
    address = await door.listen("127.0.0.1", 0)
    silent, waiting = [await asyncio.open_connection(*address) for _ in range(2)]
    waiting[1].write(b"GET /ready HTTP/1.1\r\n\r\n")
    await asyncio.sleep(0.05)

    async with asyncio.timeout(2):
        await door.close()

    for reader, writer in (silent, waiting):
        assert await reader.read() == b""
        writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.7", "", "library.example", "10.0.0.1", "127.1", "fe80::1"]
)
async def test_listens_to_this_host_alone(host: str) -> None:
    with pytest.raises(ValueError, match=r"is no loopback address: health is told to this host"):
        await HealthDoor(yes).listen(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
async def test_listens_wherever_this_host_talks_to_itself(host: str) -> None:
    health = HealthDoor(yes)
    address = await health.listen(host, 0)

    assert await get(address, "/live") == (200, "live\n")
    await health.close()


async def test_says_that_a_port_is_taken() -> None:
    async with door() as address:
        with pytest.raises(OSError, match="in use"):
            await HealthDoor(yes).listen(*address)
