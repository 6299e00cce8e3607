"""The desk: the calls of `/sandbox`, and the page at `/` whose forms use the same calls.

Nobody has to log in, since it is meant for this machine; so other sites must not reach it through
somebody's browser: their posts are refused and, while the sandbox only listens here, foreign names
of this host too (a name of theirs could lead here).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bibliobus.sandbox.vendor import desk, faults
from bibliobus.sandbox.vendor.desk import ACTIONS, Action, NotThere
from bibliobus.sandbox.vendor.service import Vendor
from bibliobus.sandbox.vendor.settings import CHOICES, FIXED, VendorSettings, described
from bibliobus.sandbox.vendor.wording import sayable

_HERE = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?", re.IGNORECASE)
_FORM = "application/x-www-form-urlencoded"
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
_DONE = {  # what a form's action is called once it is done
    desk.tick: "The daemon came.",
    desk.move_clock: "The clock was moved.",
    desk.add_fault: "The fault is switched on.",
    desk.clear_faults: "All faults are switched off.",
    desk.remove_fault: "The fault is switched off.",
    desk.change_settings: "The settings are changed.",
    desk.register_patron: "The patron is registered.",
    desk.end_tokens: "No patron's token works any more.",
    desk.set_copies: "The copies are changed.",
    desk.remove_title: "The library has given the title up.",
}


class Desk:
    """Answers what is asked of the sandbox itself."""

    def __init__(self, vendor: Vendor, *, only_here: bool) -> None:
        self._vendor, self._only_here = vendor, only_here
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("bibliobus.sandbox.vendor"),
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip

    async def response(self, request: Request, body: bytes | None) -> Response:
        """A page, a JSON answer, or where to go on after a form."""
        if problem := self._stranger(request):
            return _said(403, problem)
        if body is None:
            return _said(413, "That is too much.")
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if path == "/":
            if request.method not in ("GET", "HEAD"):
                return _said(405, "This page can be read.")
            return self._page(request, done=request.query_params.get("done", ""))
        found = _action(request.method, path)
        if found is None:
            return _said(404, "There is no such call; docs/reference/sandbox.md has all of them.")
        is_form = _is_form(request, body)
        try:
            given = _given(request, body, is_form=is_form) | found[1]
            told = found[0].act(self._vendor, given)
        except NotThere as error:
            return self._wrong(request, 404, str(error), is_form=is_form)
        except (ValueError, TypeError, RecursionError) as error:
            return self._wrong(request, 400, str(error), is_form=is_form)
        if is_form:
            number = list(_DONE).index(found[0].act) if found[0].act in _DONE else ""
            return RedirectResponse(f"/?done={number}", 303, _SAFE)
        return Response(msgspec.json.encode(told), 200, _SAFE, "application/json")

    def _stranger(self, request: Request) -> str:
        """Why somebody may not ask this; nothing, if they may."""
        host = request.headers.get("host", "")
        if self._only_here and not _HERE.fullmatch(host):
            return "This sandbox is for this machine: use 127.0.0.1 or localhost."
        if request.method in ("GET", "HEAD"):
            return ""
        site = request.headers.get("sec-fetch-site", "same-origin")
        origin = request.headers.get("origin")
        if site not in ("same-origin", "none") or (
            origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        ):
            return "Another site may not do this."
        return ""

    def _wrong(self, request: Request, status: int, error: str, *, is_form: bool) -> Response:
        if is_form:
            return self._page(request, error=error, status=status)
        return _said(status, error)

    def _page(
        self, request: Request, *, done: str = "", error: str = "", status: int = 200
    ) -> Response:
        vendor = self._vendor
        find = request.query_params.get("find", "")
        texts = list(_DONE.values())
        text = self._templates.get_template("page.html").render(
            address=f"http://{request.headers.get('host', '')}/",
            settings=vendor.settings,
            fields=[_field(vendor.settings, name, says) for name, says in described().items()],
            state=desk.state(vendor, {}),
            kinds=faults.MEANINGS,
            titles=desk.titles(vendor, {"find": find}),
            most_titles=desk.MOST_TITLES,
            find=find,
            done=texts[int(done)] if done.isdecimal() and int(done[:9]) < len(texts) else "",
            error=error,
        )
        return Response(text.encode("utf-8", "replace"), status, _SAFE, "text/html; charset=utf-8")


@dataclass(frozen=True)
class Field:
    """A setting as a form has it."""

    name: str
    says: str
    value: str
    choices: tuple[str, ...]  # none: any text
    fixed: bool


def _field(settings: VendorSettings, name: str, says: str) -> Field:
    value = getattr(settings, name)
    choices = ("true", "false") if isinstance(value, bool) else CHOICES.get(name, ())
    text = "" if value is None else str(value)
    text = text.lower() if isinstance(value, bool) else text
    return Field(name, says, text, choices, fixed=name in FIXED)


def _action(method: str, path: str) -> tuple[Action, dict[str, str]] | None:
    for action in ACTIONS:
        if action.method == ("GET" if method == "HEAD" else method):
            pattern = re.sub(r"{([a-z]+)}", r"(?P<\1>[^/]+)", action.path)
            if found := re.fullmatch(f"{pattern}/?", path):
                values = found.groupdict().items()
                return action, {name: sayable(unquote(value)) for name, value in values}
    return None


def _is_form(request: Request, body: bytes) -> bool:
    """Whether a form of the page was sent. What curl and others send says so, and may be JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    return media_type == _FORM and not body.lstrip().startswith(b"{")


def _given(request: Request, body: bytes, *, is_form: bool) -> dict[str, Any]:
    """What a call is given, as JSON, as a form, or in the address.

    Raises:
        ValueError: It cannot be read.
    """
    if request.method == "GET":
        return dict(request.query_params)
    if is_form:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True,
                              max_num_fields=200))  # fmt: skip
    if not body.strip():
        return {}
    try:
        given: Any = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(f"The body is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise ValueError("The body is a JSON object.")
    return given


def _said(status: int, error: str) -> Response:
    return Response(msgspec.json.encode({"error": error}), status, _SAFE, "application/json")
