"""A captured dialogue is held against the standard, line by line and answer by answer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.sip2 import Dialect
from bibliobus.sip2.checking import seal
from bibliobus.sip2.deviations import Rule
from bibliobus.sip2.linting import lint

NOW = "20260301    093000"
GOLDEN = f"""\
# ours, from the first message to the last
> 9300CNkiosk1|COs3cret|CPMAIN|AY0AZF4DA
< 941AY0AZFDFD
> 9900802.00AY1AZFCA0
< 98YYYYYN100003{NOW}2.00AOBR1|AMBranch One|BXYYYYYYYYYYYNYYYY|AY1AZE9FA
> 23001{NOW}AOBR1|AA29999000123|AC|AD1234|AY2AZF293
< 24              001{NOW}AOBR1|AA29999000123|AEDoe, Jane|BLY|CQY|BHEUR|BV0.00|AY2AZE929

> 11YN{NOW}                  AOBR1|AA29999000123|AB31000003|AC|AD1234|BON|BIN|AY4AZEB08
< 121NNY{NOW}AOBR1|AA29999000123|AB31000003|AJThe Master and Margarita|AH2026-03-22|AY4AZE594
"""
BEGIN = "> 9300CNk|COx|\n< 941\n> 9900802.00\n< 98YYYYYN100003{}2.00AOBR1|BX{}|\n".format(
    NOW, "Y" * 16
)
OLD = BEGIN.replace("2.00", "1.00").replace("BXYYYYYYYYYYYYYYYY|", "")
CHECKOUT = f"11YN{NOW}                  AOBR1|AAada|AB3|AC|"
LENT = f"121NNY{NOW}AOBR1|AAada|AB3|AJEmma|AH2026-03-22|"
OFF_LINE = f"98NNNNNN100003{NOW}2.00AOBR1|BX{'N' * 16}|"
ASKED = f"23001{NOW}AOBR1|AAada|AC|AD|"
TOLD = f"24              001{NOW}AOBR1|AAada|AEAda|"


def sealed(body: str, number: int) -> str:
    return seal(body.encode(), b"%d" % number).decode()


def found(lines: Iterable[str] | str, begin: str = BEGIN) -> list[tuple[int, str]]:
    """What is wrong, each with its line, counted from the first after the beginning."""
    more = lines if isinstance(lines, str) else "\n".join(lines)
    at = begin.count("\n")
    capture = (begin + more).encode()
    return [(each.line - at, each.deviation.rule.code) for each in lint(capture, Dialect())]


def test_finds_nothing_but_a_leap_in_the_golden_transcript() -> None:
    findings = list(lint(GOLDEN.encode(), Dialect()))

    assert [(each.line, each.deviation.said) for each in findings] == [(9, "number 4 follows 2")]
    assert findings[0].deviation.rule.note


def test_finds_nothing_in_an_ordinary_dialogue() -> None:
    assert found([f"> {CHECKOUT}", f"< {LENT}"]) == []
    assert found([f"> {CHECKOUT}", f"< {LENT}"], begin=OLD) == []
    assert found([f"> {CHECKOUT}", f"< {OFF_LINE}"]) == []
    assert found([f"> {CHECKOUT}", f"< {LENT}"], begin="\ufeff" + BEGIN) == []


@pytest.mark.parametrize(
    ("lines", "findings"),
    [
        ([f"> {CHECKOUT}"], [(1, "answer")]),
        ([f"> {CHECKOUT}", f"> {ASKED}", f"< {TOLD}"], [(2, "answer")]),
        ([f"> {CHECKOUT}", f"< {TOLD}"], [(2, "answer")]),
        ([f"< {TOLD}"], [(1, "unasked")]),
        (
            [f"> {ASKED}", "< " + TOLD.replace("Ada", "Ada\n< Lovelace")],  # a line break in AE
            [(2, "no-delimiter"), (3, "unknown-message"), (3, "unasked")],
        ),
        ([f"> {ASKED}", "< " + TOLD.replace("AAada", "AAgrace")], [(2, "echo")]),
        ([f"> {sealed(ASKED, 1)}", f"< {TOLD}"], [(2, "detection-answered")]),
        ([f"> {ASKED}", f"< {sealed(TOLD, 1)}"], [(2, "detection-answered")]),
        ([f"> {sealed(ASKED, 1)}", f"< {sealed(TOLD, 2)}"], [(2, "number-answered")]),
        (
            [f"> {ASKED}AY1AZ0000", f"< {sealed(TOLD, 1)}"],
            [(1, "checksum"), (2, "damaged-answered")],
        ),
        (
            [f"> {ASKED}AY1AZ0000", "< 96AZFEF6", f"> {sealed(ASKED, 1)}", f"< {sealed(TOLD, 1)}"],
            [(1, "checksum")],
        ),
        (
            [
                f"> {sealed(ASKED, 1)}",
                "< 96AZFEF6",
                f"> {sealed(ASKED, 1)}",
                f"< {sealed(TOLD, 1)}",
            ],
            [(2, "needless-resend")],
        ),
        ([f"> {ASKED}", "< 96", f"> {CHECKOUT}", f"< {LENT}"], [(3, "resent")]),
        (  # whoever requires checksums may ask for what has none
            [f"> {ASKED}", "< 96AZFEF6", f"> {sealed(ASKED, 1)}", f"< {sealed(TOLD, 1)}"],
            [],
        ),
        ([f"> {ASKED}AY1AZ0000", "< 96"], [(1, "checksum"), (2, "detection-answered")]),
        (
            [f"> {sealed(ASKED, 1)}", f"< {sealed(TOLD, 1)}", "> 97", f"< {sealed(TOLD, 1)}"],
            [(3, "detection-kept")],
        ),
        ([f"> {ASKED}", f"< {TOLD}", "> 97AZ0000", "< 96AZFEF6"], [(3, "checksum")]),
        ([f"> {ASKED}", f"< {TOLD}", "> 97", "< 96"], [(4, "resend")]),
        (  # damaged in its code
            [
                "> Q" + sealed(ASKED, 2)[1:],
                "< 96AZFEF6",
                f"> {sealed(ASKED, 2)}",
                f"< {sealed(TOLD, 2)}",
            ],
            [(1, "checksum"), (1, "unknown-message")],
        ),
        (["> XS", "< 96"], [(1, "unknown-message"), (2, "unknown-ignored")]),
        (  # the answer was only late
            [
                f"> {sealed(ASKED, 1)}",
                f"> {sealed(ASKED, 1)}",
                f"< {sealed(TOLD, 1)}",
                f"< {sealed(TOLD, 1)}",
            ],
            [],
        ),
        (  # off line for a while
            [
                f"> {sealed(CHECKOUT, 1)}",
                f"< {sealed(OFF_LINE, 1)}",
                f"> {sealed(CHECKOUT, 1)}",
                f"< {sealed(LENT, 1)}",
            ],
            [],
        ),
        (  # the terminal comes back, on a new connection
            [
                f"> {sealed(CHECKOUT, 7)}",
                f"< {sealed(LENT, 7)}",
                "> " + sealed("9300CNk|COx|", 0),
                "< " + sealed("941", 0),
            ],
            [],
        ),
        (  # a line that was shown without its PIN
            [
                "> " + sealed(ASKED, 1)[:-4].replace("|AD|", "|AD***|") + "****",
                f"< {sealed(TOLD, 1)}",
            ],
            [],
        ),
        (
            [
                f"> {sealed(ASKED, 1)}",
                f"< {sealed(TOLD, 1)}",
                f"> {sealed(CHECKOUT, 1)}",
                f"< {sealed(LENT, 1)}",
            ],
            [(3, "number-order")],
        ),
        ([f"> {ASKED}", f"< {TOLD}", "> 97", f"< {TOLD}"], []),
        ([f"> {ASKED}", f"< {TOLD}", "> 97", f"< {TOLD}BLY|"], [(4, "resend")]),
        (
            [  # the repeated checkout has become a renewal
                f"> {sealed(CHECKOUT, 1)}",
                f"< {sealed(LENT, 1)}",
                f"> {sealed(CHECKOUT, 1)}",
                f"< {sealed(LENT.replace('121N', '121Y'), 1)}",
            ],
            [(4, "repeat")],
        ),
        (
            [f"> {sealed(CHECKOUT, 1)}", f"> {sealed(CHECKOUT, 1)}", f"< {sealed(LENT, 1)}"],
            [],
        ),
        ([f"> {ASKED}", f"< {TOLD}AG{'x' * 81}|"], [(2, "print-width")]),
        (["> XS", f"> {ASKED}", f"< {TOLD}"], [(1, "unknown-message")]),
    ],
)
def test_finds_what_does_not_follow(lines: list[str], findings: list[tuple[int, str]]) -> None:
    assert found(lines) == findings


def test_finds_what_comes_too_early() -> None:
    lines = [f"> {ASKED}", f"< {TOLD}", f"> {CHECKOUT}", f"< {LENT}"]

    assert found(lines, begin="") == [(1, "login-first"), (1, "no-status")]
    assert found(["> 97", "< PreviousMessage is NULL"], begin="") == [
        (2, "unknown-message"),
        (2, "resend-of-nothing"),
    ]
    assert found(["> 97AZFEF5", "< 96AZFEF6"], begin="") == []


def test_finds_what_the_older_version_does_not_have() -> None:
    assert found([f"> {ASKED}", f"< {TOLD}BLY|CQY|"], begin=OLD) == [(2, "version")]
    newer = OLD.replace("1.00AOBR1|", f"2.00AOBR1|BX{'Y' * 16}|")
    assert found("", begin=newer) == [(0, "version"), (0, "version")]


def test_bare_messages_have_their_ends_looked_at() -> None:
    capture = f"9300CNk|COx|\r941\r9900802.00\r\n98YYYYYN100003{NOW}2.00AOBR1|BX{'Y' * 16}|\n"
    findings = list(lint(f"{capture}97".encode(), Dialect()))

    assert [(each.line, each.deviation.said) for each in findings] == [
        (3, "a line feed follows the carriage return"),
        (4, "it ends with a line feed"),
        (5, "it has no end"),
        (5, "line 5 (97) has no answer"),
    ]
    empty = next(lint(b"9900802.00\r\r97\r", Dialect()))
    assert empty.deviation.said == "there is no message before it"


def test_a_captures_own_line_ends_are_no_matter() -> None:
    with_returns = GOLDEN.replace("\n", "\r\n").encode()

    assert [each.line for each in lint(with_returns, Dialect())] == [9]


def test_every_rule_is_expected_by_a_test() -> None:
    tests = "".join((Path(__file__).parent / f"test_{name}.py").read_text()
                    for name in ("linting", "deviations"))  # fmt: skip
    told_by_words = {Rule.TERMINATOR, Rule.CHECKSUM}

    missing = [rule for rule in Rule if f'"{rule.code}"' not in tests]

    assert set(missing) <= told_by_words


@given(st.lists(st.binary() | st.sampled_from([b"> ", b"< ", b"\r", b"\n", b"11", b"97", b"96AZ"])))
def test_no_bytes_break_it(pieces: list[bytes]) -> None:
    assert all(str(each.deviation) for each in lint(b"".join(pieces), Dialect()))
