"""`bibliobus sandbox` as somebody types it."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.acceptance.conftest import Program, Programs, run

READY = re.compile(
    r"ready: OneClickdigital sandbox at (http://127\.0\.0\.1:\d+/) library (\d+) token (\S+)\n"
)


def ready(program: Program) -> tuple[str, str, str]:
    """Address, library and token, from the one line that says them."""
    assert program.process.stdout is not None
    for line in program.process.stdout:
        program.lines.append(line)
        if found := READY.fullmatch(line):
            return found[1], found[2], found[3]
    raise AssertionError("".join(program.lines))


def asked(url: str, token: str) -> object:
    request = Request(url, headers={"Authorization": f"Basic {token}"})
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_says_where_it_is_and_ends_when_it_is_told_to(start: Programs, how: signal.Signals) -> None:
    sandbox = start("sandbox", "--port", "0")
    url, library, token = ready(sandbox)

    assert library == "1931"
    assert re.fullmatch("[0-9a-f-]{36}", token)
    rows = asked(f"{url}v1/libraries/1931/media/all", token)
    assert isinstance(rows, list)
    assert sandbox.stop(how) == 0
    assert "Traceback" not in "".join(sandbox.lines)


def test_keeps_what_it_has_in_a_file(start: Programs, tmp_path: Path) -> None:
    options = ("sandbox", "--port", "0", "--data", str(tmp_path / "vendor.db"))
    first = start(*options, "--era", "E4", "--library-id", "7", "--set", "checkout_limit=3")
    url, library, token = ready(first)
    body = b'{"card": "42"}'
    urlopen(Request(f"{url}sandbox/patrons", body), timeout=10).close()
    state = asked(f"{url}sandbox/state", token)
    assert isinstance(state, dict)
    assert (library, state["settings"]["era"], state["settings"]["checkout_limit"]) == (
        "7",
        "E4",
        3,
    )
    first.stop(signal.SIGKILL)

    url, _, again = ready(start(*options))
    assert again == token
    state = asked(f"{url}sandbox/state", token)
    assert isinstance(state, dict)
    assert [patron["card"] for patron in state["patrons"]] == ["42"]


def test_says_what_is_wrong(start: Programs, tmp_path: Path) -> None:
    url, _, _ = ready(start("sandbox", "--port", "0"))
    port = url.rstrip("/").rpartition(":")[2]
    (tmp_path / "x.json").write_text("{}")

    for arguments, words in (
        (("--port", port), "in use"),
        (("--catalogue", str(tmp_path / "x.json")), "x.json: this is not a JSON array"),
        (("--catalogue", str(tmp_path / "none.json")), "none.json"),
        (("--set", "limit=3"), "limit"),
        (("--set", "limit"), "NAME=VALUE"),
        (("--era", "E9"), "E9"),
    ):
        failed = run("sandbox", *arguments)
        assert failed.returncode in (1, 2)
        assert words in failed.stderr
        assert "Traceback" not in failed.stderr


def test_help_is_quick_and_complete() -> None:
    began = time.monotonic()
    overview = run("--help")
    assert time.monotonic() - began < 5
    assert "sandbox" in overview.stdout
    for each in ("-h", "--help"):
        assert "--catalogue" in run("sandbox", each).stdout
