"""`bibliobus sip load`: what a technician types, and reads."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from bibliobus.sandbox.journal import Verdict, read_journal
from tests.acceptance.conftest import Programs, run

WHO = ("--login", "kiosk", "--patrons", "P[0000-0199]", "--items", "I[0200-1999]")


def test_reports_how_the_demo_library_took_it(start: Programs, tmp_path: Path) -> None:
    host, port = start("demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0").ready()
    journal = tmp_path / "journal.jsonl"

    load = start(
        "sip", "load", f"{host}:{port}", *WHO, "--seconds", "0.5", "--terminals", "4",
        "--dialect", "koha", "--journal", str(journal),
    )  # fmt: skip
    ended = load.end()

    report = "".join(load.lines)
    assert ended == 0, report
    assert re.match(r"4 terminals, 0\.\d seconds: \d+ transactions, \d+ a second\n", report)
    assert re.search(r"^11 Checkout +\d+ +[\d.]+ +[\d.]+ +[\d.]+$", report, re.MULTILINE)
    assert report.endswith("refused 0\nwrong 0\nunanswered 0\n")
    assert {each.verdict for each in read_journal(journal)} == {Verdict.DONE}


def test_ends_with_status_1_if_anything_was_refused(start: Programs) -> None:
    host, port = start("demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0").ready()

    load = start(
        "sip", "load", f"{host}:{port}", "--login", "kiosk", "--patrons", "P0001",
        "--items", "I0000", "--terminals", "1", "--seconds", "0.1", "--mix", "11=1",
        "--no-error-detection",
    )  # fmt: skip
    ended = load.end()

    assert ended == 1
    assert "refused 1\n    1 x 11: This item is already on loan.\n" in "".join(load.lines)


def test_ctrl_c_ends_the_work_and_reports(start: Programs) -> None:
    host, port = start("demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0").ready()
    load = start("sip", "load", f"{host}:{port}", *WHO, "--seconds", "3600")
    time.sleep(2)  # it says nothing while it works

    ended = load.stop(signal.SIGINT)

    assert ended == 0, load.lines
    assert "16 terminals, " in load.lines[0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere", *WHO], "'nowhere' is no address: write HOST:PORT"),
        (["h:1", *WHO, "--mix", "29=1"], "'29=1' is no share: write 23=2"),
        (["h:1", "--login", "k", "--patrons", "P[2-1]", "--items", "I"], "names no barcode"),
        (["h:1", "--login", "k", "--patrons", "P", "--items", "I"], "a patron and an item of its"),
        (["h:1", *WHO, "--journal", "/none/journal"], "/none/journal: No such file"),
    ],
)
def test_says_in_a_sentence_what_is_wrong(arguments: list[str], complaint: str) -> None:
    done = run("sip", "load", *arguments)

    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
