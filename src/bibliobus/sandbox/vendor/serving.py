"""From a request to the vendor's answer: who may ask, what goes wrong on purpose, how it is sent.

A call is worked out in one go, inside a transaction, and sent afterwards; so what a fault says of
the effect ("done, then the connection is cut") is what happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bibliobus.sandbox.vendor import answers, routes
from bibliobus.sandbox.vendor.answers import Answer, File, Refused, Rows
from bibliobus.sandbox.vendor.calling import Auth, Call, Endpoint
from bibliobus.sandbox.vendor.faults import Fault, Kind, bent_rows
from bibliobus.sandbox.vendor.page import Desk
from bibliobus.sandbox.vendor.protocol import TRANSPORT, serving
from bibliobus.sandbox.vendor.service import Vendor
from bibliobus.sandbox.vendor.titles import IMAGES

logger = logging.getLogger(__name__)

LARGEST_BODY = 1 << 20
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_GENERAL = "An error has occurred."

BEFORE: dict[Kind, Answer] = {  # instead of doing anything
    "error-500": Answer({"message": _GENERAL}, 500),
    "html-page": answers.UNAVAILABLE_PAGE,
    "empty-body": Answer(File(b"")),
    "unknown-message": Answer({"message": "The sandbox was told to say something unknown."}),
}


@contextlib.asynccontextmanager
async def serving_vendor(
    vendor: Vendor, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """Give the vendor an address until the block ends; it, with a slash at the end.

    The server is part of the running event loop and leaves signals alone. Port 0 is a free one.
    With `tick_seconds` in the settings, the daemon comes by itself.

    Raises:
        OSError: Nobody can listen there; the port may be taken.
    """
    async with serving(VendorApp(vendor, host), host, port) as url:
        daemon = asyncio.create_task(_come_regularly(vendor))
        try:
            yield url
        finally:
            daemon.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await daemon


async def _come_regularly(vendor: Vendor) -> None:
    while True:
        await asyncio.sleep(vendor.settings.tick_seconds or 1)
        if vendor.settings.tick_seconds:
            vendor.tick()


class VendorApp:
    """The ASGI app: the vendor's calls, and the desk at `/` and `/sandbox`."""

    def __init__(self, vendor: Vendor, host: str) -> None:
        self._vendor = vendor
        self._desk = Desk(vendor, only_here=_is_loopback(host))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response = await self._response(request)
        except ClientDisconnect:
            return
        except Exception:  # one request must not be the end of the others
            logger.exception("a fault of ours in %s %s", request.method, request.url.path)
            response = _response(BEFORE["error-500"], _base(request), ())
        if response is None:
            scope["state"][TRANSPORT].abort()
            return
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response | None:
        """What to send; None: nothing, and the connection is to be cut."""
        raw_path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if raw_path == "/" or raw_path.startswith("/sandbox"):
            return await self._desk.response(request, await _body(request))
        base = _base(request)
        method = "GET" if request.method == "HEAD" else request.method
        answer = self._malformed(request, raw_path)
        if answer is not None:
            return _response(answer, base, ())
        found = routes.found(method, raw_path, self._vendor.settings.era)
        if isinstance(found, set):
            return _response(_no_such_call(found, self._vendor.settings.era), base, ())
        endpoint, arguments = found
        self._vendor.calls[endpoint.name] += 1
        met = self._vendor.faults.taken(method, raw_path, endpoint.name)
        body = await _body(request)  # first: what is slow is done, also if its client has gone
        if "latency" in met:
            await asyncio.sleep(met["latency"].seconds)
        if body is None:
            return _response(answers.Answer({"message": answers.INVALID_REQUEST}, 413), base, ())
        call = Call(
            self._vendor, base, arguments, request.query_params.multi_items(),
            request.headers, body,
        )  # fmt: skip
        response = self._with_faults(endpoint, call, met)
        if "latency-after" in met:
            await asyncio.sleep(met["latency-after"].seconds)
        return response

    def _with_faults(
        self, endpoint: Endpoint, call: Call, met: Mapping[Kind, Fault]
    ) -> Response | None:
        """Do it or not, and say so or not."""
        if "drop-before" in met:
            return None
        for kind, instead in BEFORE.items():
            if kind in met:
                return _response(instead, call.base, ())
        if "rate-limit" in met:
            status = self._vendor.settings.permission_status
            return _response(Answer({"message": answers.PERMISSION}, status), call.base, ())
        answer = answered(endpoint, call, undone="success-without-effect" in met)
        if "drop-after" in met:
            return None
        if "error-after" in met:
            answer = BEFORE["error-500"]
        return _response(answer, call.base, met.keys())

    def _malformed(self, request: Request, raw_path: str) -> Answer | None:
        """What the vendor's web server says before the vendor sees a call."""
        refuses = self._vendor.settings.refuses_escaped_blanks
        if _BLANK.search(unquote(raw_path) if refuses else raw_path):
            return answers.BADLY_FORMED
        headers = request.headers
        if request.method in ("POST", "PUT") and not (
            "content-length" in headers or "transfer-encoding" in headers
        ):
            return answers.LENGTH_REQUIRED
        return None


def answered(endpoint: Endpoint, call: Call, *, undone: bool = False) -> Answer:
    """Work a call out, all of it or nothing; `undone`: the answer, without the effect."""
    try:
        with call.vendor.state.transaction(undone=undone):
            _authorise(endpoint, call)
            return endpoint.answer(call)
    except Refused as refusal:
        return refusal.answer


def _authorise(endpoint: Endpoint, call: Call) -> None:
    """Let nobody in who may not ask this.

    Raises:
        Refused: With the text for a wrong token, or for another library.
    """
    settings = call.vendor.settings
    if endpoint.auth is Auth.PATRON:
        call.bearer_of = call.bearer()
        if call.bearer_of is None:
            raise answers.refused(401, answers.NOT_AUTHORISED)
    if endpoint.auth is Auth.PARTNER:
        authorization = call.headers.get("authorization", "").split()
        if [each.lower() for each in authorization] != ["basic", settings.token.lower()]:
            raise answers.refused(settings.permission_status, answers.PERMISSION)
    library = call.arguments.get("library")
    if library is not None and library != str(settings.library_id):
        says = f"This is library {settings.library_id}."
        raise answers.refused(settings.unknown_library_status, answers.UNKNOWN_LIBRARY, says)


def _no_such_call(methods: set[str], era: str) -> Answer:
    if methods:
        return Answer(
            {"message": answers.NO_METHOD}, 405, says=f"It supports {', '.join(sorted(methods))}."
        )
    says = f"There is no such endpoint in era {era}."
    return Answer({"message": answers.NO_RESOURCE}, 404, says=says)


async def _body(request: Request) -> bytes | None:
    """What came with a request; None: too much."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


def _base(request: Request) -> str:
    """Where the client thinks that we are. A host that is none is not repeated."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        server = request.scope.get("server") or ("127.0.0.1", 80)
        host = f"{server[0]}:{server[1]}"
    return f"http://{host}/"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _response(answer: Answer, base: str, kinds: Iterable[Kind]) -> Response:
    """An answer as it is sent, bent by some faults."""
    kinds = frozenset(kinds)
    headers = {"Cache-Control": "no-cache"}
    if answer.says:
        headers["Sandbox-Says"] = answer.says.encode("ascii", "replace").decode().replace("\n", " ")
    if isinstance(answer.body, Rows):
        content = _array(answer.body, base, kinds)
        return StreamingResponse(content, answer.status, headers, answer.media_type)
    if isinstance(answer.body, File):
        if not isinstance(answer.body.content, bytes):
            pieces = _pieces(answer.body.content)
            return StreamingResponse(pieces, answer.status, headers, answer.media_type)
        body = answer.body.content
    else:
        body = _encoded(_bent(answer.body, kinds), base)
    if "truncated" in kinds:
        body = body[: len(body) // 2]
    return Response(body, answer.status, headers, answer.media_type)


def _encoded(value: Any, base: str) -> bytes:
    return msgspec.json.encode(value).replace(IMAGES.encode(), f"{base}images/".encode())


def _bent(body: Any, kinds: frozenset[Kind]) -> Any:
    """Faults of rows are for lists, and for what a search found."""
    if isinstance(body, list):
        return bent_rows(body, kinds, first=True)
    if isinstance(body, dict) and isinstance(body.get("items"), list):
        return body | {"items": bent_rows(body["items"], kinds, first=True)}
    return body


async def _array(rows: Rows, base: str, kinds: frozenset[Kind]) -> AsyncIterator[bytes]:
    """A JSON array, some rows at a time; others have their turn in between."""
    before = b"["
    for n, chunk in enumerate(rows.chunks):
        if kinds:
            chunk = bent_rows(msgspec.json.decode(msgspec.json.encode(chunk)), kinds, first=n == 0)
        body = _encoded(chunk, base)[1:-1]
        if "truncated" in kinds:
            yield before + body[: len(body) // 2]
            return
        yield before + body
        before = b","
        await asyncio.sleep(0)
    yield b"[]" if before == b"[" else b"]"


async def _pieces(content: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece
        await asyncio.sleep(0)
