"""`bibliobus sip`: what a line means, what is wrong with a dialogue, a terminal to talk with."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import BIBLIOBUS, Programs, run

ROOT = Path(__file__).parents[2]
NOW = "20260301    093000"
DIALOGUE = (
    f"> 9300CNk|COs3cret|\n< 941\n> 9900802.00\n< 98YYYYYN100003{NOW}2.00AOBR1|BX{'Y' * 16}|\n"
)
PASSWORDS = os.environ | {"BIBLIOBUS_SIP_PASSWORD": "kiosk", "BIBLIOBUS_SIP_PIN": "1234"}


def sip(
    *arguments: str, typed: bytes = b"", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run `bibliobus sip …` with this on its standard input."""
    return subprocess.run(
        [BIBLIOBUS, "sip", *arguments], input=typed, capture_output=True, timeout=60,
        env=environment,
    )  # fmt: skip


def test_decode_tells_what_lines_mean() -> None:
    done = sip("decode", typed=f"> 9300CNk|COs3cret|\r\n\n36Y{NOW}AOBR1|AAcáliz|\r".encode())

    assert done.returncode == 0
    told = done.stdout.decode()
    assert "93 Login: A terminal says who it is." in told
    assert "CO  login_password             ***" in told
    assert "AA  patron_id                  cáliz" in told
    assert "s3cret" not in told


def test_the_guide_tells_the_truth() -> None:
    guide = (ROOT / "docs/how-to/find-out-what-a-terminal-says.md").read_text()
    shown = re.search(r"\$ echo '(.*)' \| bibliobus sip decode\n(.*?)```", guide, re.DOTALL)
    assert shown is not None

    assert sip("decode", typed=shown[1].encode()).stdout.decode() == shown[2]


def test_decode_tells_programs_and_says_what_it_could_not_read() -> None:
    done = sip("decode", "--json", typed=f"36Y{NOW}AOBR1|AA1\nnonsense\n".encode())

    good, bad = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert (good["code"], good["name"]) == ("36", "End Session Response")
    assert good["fields"]["patron_id"] == "1"
    assert [warning["rule"] for warning in good["warnings"]] == ["no-delimiter"]
    assert bad["error"] == "there is no message 'no' in SIP2 2.00"


def test_decode_reads_other_dialects() -> None:
    line = f"36Y{NOW}AOBR1^AA".encode() + b"\xa0^\n"

    done = sip("decode", "--encoding", "cp850", "--delimiter", "^", typed=line)

    assert "á" in done.stdout.decode()
    assert "wrong" not in done.stdout.decode()
    assert b"no encoding" in sip("decode", "--encoding", "utf-16").stderr


def test_lint_tells_what_is_wrong_and_where(tmp_path: Path) -> None:
    capture = tmp_path / "kiosk.log"
    capture.write_text(f"{DIALOGUE}> 23001{NOW}AOBR1|AA1|AC|AD1234\n< 24\n")

    done = sip("lint", str(capture))

    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [
        f"{capture}:5: wrong: AD is not ended by |"
        ' (no-delimiter; SIP2 2.00, "Variable-length fields")',
        f"{capture}:6: wrong: it ends after 2 characters, 24 has 37 at least"
        ' (fixed-length; SIP2 2.00, "Fixed-length fields")',
        "2 wrong, 0 to note",
    ]


def test_lint_is_content_with_what_is_right(tmp_path: Path) -> None:
    done = sip("lint", "-", typed=DIALOGUE.encode())
    noted = sip("lint", "--json", "-", typed=f"> 35{NOW}AO|AA1|\n< 36Y{NOW}AO|AA1|\n".encode())

    assert (done.returncode, done.stdout) == (0, b"0 wrong, 0 to note\n")
    assert noted.returncode == 0
    assert [json.loads(line)["rule"] for line in noted.stdout.splitlines()] == [
        "login-first",
        "no-status",
    ]
    assert b"missing.log: No such file" in sip("lint", str(tmp_path / "missing.log")).stderr


def test_talk_says_one_message(start: Programs) -> None:
    host, port = start("demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0").ready()
    talk = ["talk", f"{host}:{port}", "--login", "kiosk"]

    lent = sip(*talk, "--raw", "checkout", "P0001", "I0205", "--pin", environment=PASSWORDS)
    told = sip(*talk, "63", "P0001", "--summary", "charged-items", "--pin", environment=PASSWORDS)
    refused = sip(*talk, "sc-status", environment=PASSWORDS | {"BIBLIOBUS_SIP_PASSWORD": "no"})

    asked, _, checkout, answer = lent.stdout.decode().splitlines()
    assert asked.startswith("> 9300CNkiosk|CO***|AY0AZ")
    assert checkout.startswith("> 11NN")
    assert "|AD***|" in checkout
    assert answer.startswith("< 121NNY")
    assert "AU  charged_items              I0205" in told.stdout.decode()
    assert (refused.returncode, refused.stderr) == (1, b"Error: The login was refused.\n")


def test_talk_does_what_a_script_types(start: Programs) -> None:
    host, port = start("demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0").ready()
    script = b"""
sc-status
item-information I0205
checkin I0205 --current-location "the desk" --return-date 2026-03-01
hold P0001 --hold-mode 7
checkin I0205 --return-date yesterday
patron-information P0001 --summary everything
something else
help
checkin "I0205
send "17%sAO|ABI0205"
request-acs-resend
fee-paid P0001 1.50 --payment-type credit-card --currency EUR
send "50 is no message"
""" % (b" " * 18)

    done = sip("talk", f"{host}:{port}", "--login", "kiosk", "--raw", "--no-checksums",
               "--timeout", "0.2", typed=script, environment=PASSWORDS)  # fmt: skip

    told = done.stdout.decode()
    assert "\n> 17" in told
    assert "20260301    000000APthe desk|AO|ABI0205|" in told
    assert "There is no 'something'; there are block-patron, checkin" in told
    assert "'7' is not: add, delete, change." in done.stderr.decode()
    assert "'yesterday' is no time: write 2026-03-01" in done.stderr.decode()
    assert "'everything' is none of hold-items, overdue-items" in done.stderr.decode()
    assert "No closing quotation" in done.stderr.decode()
    assert "\n> 97\n< 18" in told
    assert "0102EURBV1.50|" in told
    assert "\n< 38N" in told  # a self-check takes no payments
    assert done.returncode == 1
    assert done.stderr.decode().endswith("Error: no answer in time.\n")


def test_talk_and_lint_understand_each_other(start: Programs) -> None:
    host, port = start("demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0").ready()
    script = b"99\n23 P0001 --pin\n11 P0001 I0205 --pin --no-cancel\n17 I0205\n97\n35 P0001\n"

    said = sip("talk", f"{host}:{port}", "--location", "23", "--login", "kiosk", "--raw",
               typed=script, environment=PASSWORDS)  # fmt: skip
    checked = sip("lint", "-", typed=said.stdout)

    assert (said.returncode, said.stderr) == (0, b"")
    assert checked.stdout == b"0 wrong, 0 to note\n"


def test_talk_asks_for_a_pin_and_does_not_show_it(start: Programs) -> None:
    host, port = start("demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0").ready()
    ours, theirs = pty.openpty()
    terminal = subprocess.Popen(
        [BIBLIOBUS, "sip", "talk", f"{host}:{port}", "--login", "kiosk"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    screen = b""

    def wait_for(text: bytes) -> None:
        nonlocal screen
        deadline = time.monotonic() + 20
        while text not in screen and time.monotonic() < deadline:
            screen += os.read(ours, 1000)
        assert text in screen

    wait_for(b"Password of the terminal: ")
    os.write(ours, b"kiosk\n")
    wait_for(b"sip> ")
    os.write(ours, b"patron-status-request P0001 --pin\n")
    wait_for(b"PIN: ")
    os.write(ours, b"1234\n")
    wait_for(b"valid_patron_password")
    os.write(ours, b"\x04")
    terminal.wait(20)
    os.close(ours)

    assert terminal.returncode == 0
    assert b"kiosk\r" not in screen
    assert b"1234" not in screen


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["talk", "127.0.0.1:1", "99"],
            "Error: nobody answers at 127.0.0.1:1: Connection refused.",
        ),
        (["talk", "nowhere"], "'nowhere' is no address: write HOST:PORT"),
        (["talk"], "Missing argument 'HOST:PORT'"),
        (["talk", "h:1", "--delimiter", "ab", "99"], "delimiter 'ab': one printable"),
        (["sing"], "No such command 'sing'"),
    ],
)
def test_says_in_a_sentence_what_is_wrong(arguments: list[str], complaint: str) -> None:
    done = run("sip", *arguments)

    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_every_message() -> None:
    listed = run("sip", "talk", "--help").stdout

    for name in ("checkout", "renew-all", "patron-status-request", "request-acs-resend", "send"):
        assert f"  {name} " in listed
    assert "PATRON_ID ITEM_ID" in run("sip", "talk", "h:1", "checkout", "--help").stdout
