"""Connections to the vendor that write down what goes over them, and let things happen between an
answer and whoever waits for it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

import httpx2

from bibliobus.oneclick.transport import connections


@dataclass(frozen=True)
class Request:
    """One request, as it left."""

    method: str
    path: str  # with its query, decoded
    authorization: str
    text: str  # all of it: the address, headers and body


class Wiretap:
    """Real connections, for `Client(http=...)`."""

    def __init__(self) -> None:
        self.http = connections(direct=True)
        self.http.event_hooks = {"request": [self._note], "response": [self._let_happen]}
        self.requests: list[Request] = []
        self._waiting: list[tuple[str, Callable[[], object]]] = []

    def asked(self, call: str) -> list[Request]:
        """The requests whose method and path look so, the first one first."""
        return [each for each in self.requests if re.search(call, f"{each.method} {each.path}")]

    def when_answered(self, call: str, happens: Callable[[], object]) -> None:
        """Let something happen once the vendor has answered the next such call, and before anybody
        has read the answer."""
        self._waiting.append((call, happens))

    async def _note(self, request: httpx2.Request) -> None:
        path = unquote(request.url.raw_path.decode())
        headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
        body = request.content.decode()
        self.requests.append(
            Request(
                request.method, path, request.headers.get("Authorization", ""),
                f"{request.method} {path}\n{request.url}\n{headers}\n\n{body}",
            )
        )  # fmt: skip

    async def _let_happen(self, response: httpx2.Response) -> None:
        path = f"{response.request.method} {unquote(response.request.url.raw_path.decode())}"
        for each in self._waiting:
            call, happens = each
            if re.search(call, path):
                self._waiting.remove(each)
                result = happens()
                if inspect.isawaitable(result):
                    await result
                return
