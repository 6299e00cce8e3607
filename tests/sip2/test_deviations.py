"""What real terminals send is read, and told, with the rule of the standard that it breaks."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.sip2 import Connection, Dialect, Message, Request, SCConnection, decode, messages
from bibliobus.sip2.checking import seal
from bibliobus.sip2.deviations import Rule, deviations
from bibliobus.sip2.messages import REQUESTS, RESPONSES
from bibliobus.sip2.sc_connection import Response

NOW, BLANK = "20260301    093000", " " * 18
ITEM = f"17{NOW}AOBR1|AB31000003|"
CHECKOUT = f"11YN{NOW}{BLANK}AOBR1|AA1|AB2|AC|"
STATUS_OF_PATRON = f"24{' ' * 14}001{NOW}AOBR1|AA1|AEDoe, Jane|BLYBV7.00|"


def told(line: str | bytes, known: Mapping[str, type[Message]] = REQUESTS) -> list[str]:
    """The rules that a line goes against."""
    raw = line if isinstance(line, bytes) else line.encode()
    return [deviation.rule.code for deviation in deviations(raw, known)]


@pytest.mark.parametrize(
    "line",
    [
        ITEM,
        CHECKOUT,
        "9900802.00",
        "9300CNkiosk1|COs3cret|CPMAIN|AY0AZF4DA",
        "97AZFEF5",
        "97",
        f"15+{NOW}BW20261231    235900|BSMAIN|BY2|AOBR1|AA1|AD1|AB3|AC|BON|",
        f"17{NOW[:8]}   Z{NOW[12:]}AOBR1|AB1|",
        f"63001{NOW}  Y       AOBR1|AA1|",
    ],
)
def test_finds_nothing_in_what_is_right(line: str) -> None:
    assert told(line) == []


LENIENT = [  # what others choke on (spec/sip2 6, 7.1), and what is told of it
    (f"17{NOW}AOBR1|AB31000003", ["no-delimiter"]),
    (f"17{NOW}AOBR1||AB31000003|||", ["empty-field"]),
    (f"17{BLANK}AOBR1|AB31000003|", ["time"]),
    (f"17{'0' * 18}AOBR1|AB31000003|", ["time"]),
    ("17202603010000093000AOBR1|AB31000003|", ["time"]),  # FOLIO, Palace
    ("1720260230    093000AOBR1|AB31000003|", ["time"]),
    ("17YYYYMMDDZZZZHHMMSSAOBR1|AB31000003|", ["time"]),  # Koha's tests
    (f"17001{NOW}AOBR1|AB31000003|", ["fixed-length"]),
    (f"17eng{NOW}AOBR1|AB31000003|", None),
    ("17AOBR1|AB31000003|", ["fixed-length", "time"]),
    ("17AOBR1 and much more text|AB31000003|", ["fixed-length", "time"]),
    (f"17{NOW} AOBR1| AB31000003|", ["field-name", "field-name"]),
    (f"17{NOW}AOBR1|AB31000003|x|", ["field-name"]),
    (f"17{NOW}AOBR1|AB31000003|ZZ1|", ["foreign-field"]),
    (f"17{NOW}AOBR1|AB31000003|AB4|", ["repeated-field"]),
    (f"17{NOW}AB31000003|AOBR1|aa1|", ["field-name"]),
    (f"17{NOW}AB31000003|", ["missing-field"]),
    (f"17{NOW}AO{'x' * 256}|AB31000003|", ["field-length"]),
    (f"17{NOW}AOB\tR1|AB31000003|", ["control-character"]),
    (f"17{NOW}AOBR1|AB31000003|AY1", ["sequence-number"]),
]


@pytest.mark.parametrize(("line", "rules"), LENIENT)
def test_reads_what_others_choke_on_and_tells_it(line: str, rules: list[str] | None) -> None:
    library = Connection()
    library.receive_data(line.encode() + b"\r")

    event = library.next_event()

    assert isinstance(event, Request)
    assert isinstance(event.message, messages.ItemInformation)
    if rules is not None:
        assert [warning.rule.code for warning in event.warnings] == rules
        assert event.message.item_id == "31000003"


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        (f" \0{ITEM}\3", ["stray-bytes"]),
        ("990 802.00", ["value"]),
        ("9900802.00|", ["empty-field"]),
        ("9900802.00|AY1AZFC24", ["empty-field"]),  # a bar before AY
        ("9950802.00", ["value"]),
        ("9900403.01", ["value"]),
        ("9900802.00AY1AZfca0", ["checksum-form"]),
        ("9900802.00AY1AZFC", ["sequence-number"]),
        ("9900802.00AYxAZFC59", ["sequence-number"]),
        ("97AY0AZ" + seal(b"97", b"0")[-4:].decode(), ["sequence-number"]),
        (seal(b"9900802.00AY1|", None), ["trailer-delimiter"]),
        (seal(b"9900802.00", b"1") + b"|", ["trailer-delimiter"]),
        ("9900802.00AZ" + seal(b"9900802.00", None)[-4:].decode(), ["sequence-number"]),
        (f"65AOBR1|AA1|AD{'1' * 40}|AC|", ["fixed-length", "time"]),
        (f"65{NOW}AOBR1|AA1|BOYBOY|", ["no-delimiter", "repeated-field"]),
        (CHECKOUT.replace("AC|", ""), ["missing-field"]),
        (f"11YN{NOW}AOBR1|AA1|AB2|AC|", ["fixed-length"]),  # only blanks were left out
        ("2300120260301    093000AOBR1|AA1|", ["missing-field", "missing-field"]),
        (f"23eng{NOW}AOBR1|AA1|AC|AD|", ["value"]),
        (f"23001{NOW}AOBR1|AA1|AC|AD" + "1" * 300 + "|", ["field-length"]),
        (f"63001{NOW}YY        AOBR1|AA1|", ["value"]),
        (f"63001{NOW}      x   AOBR1|AA1|", ["value"]),
        (f"15?{NOW}AOBR1|AA1|AB1|", ["value"]),
        (f"15+{NOW}AOBR1|AA1|BY22|", ["value", "missing-field"]),
        (f"29NN{NOW}{BLANK}AOBR1|AA1|", ["missing-field"]),
        (f"37{NOW}0100   BV1,50|AOBR1|AA1|", ["value", "value"]),
        (f"17{NOW}AOBR1|AB1|ZZ{'x' * 300}|", ["field-length", "foreign-field"]),
        (f"17{NOW}AOBR1|AB1\x85|", ["control-character"]),
        ("XS", ["unknown-message"]),
        ("", ["unknown-message"]),
        ("11YN2026", ["fixed-length"]),
    ],
)
def test_tells_what_is_not_as_it_should_be(line: str | bytes, rules: list[str]) -> None:
    assert told(line) == rules


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        (STATUS_OF_PATRON, ["no-delimiter"]),
        (f"120NUN{NOW}AOBR1|AA1|AB2|AJEmma|AH2026-03-01|", ["contradiction"]),
        ("6610002000020260301    093000AOBR1|BM1|", ["contradiction"]),
        ("6610002000020260301    093000AOBR1|", []),
        (f"12OK{NOW}AOBR1|AA1|AB2|AJEmma|AH|", None),
        (f"101YNN{NOW}AOBR1|AB1|", ["missing-field"]),
        (f"18030101{NOW}AB1|AJEmma|CKbook|", ["value"]),
        ("98YYYYYN10000320260301    0930002.00AOBR1|BXYYY|", ["value"]),
        (f"98YYYYYN100003{'0' * 18}2.00AOBR1|BX{'Y' * 16}|", []),
        (f"20U{NOW}AB1|", []),
        (f"38Y{NOW}AOBR1|AA1|FA1.50|FG1.00|CG2|FA2.00|FG2.00|CG3|", []),
        (f"64{' ' * 14}001{NOW}00010000000200000000    AOBR1|AA1|AEDoe|CG7|CG8|FA1|", []),
    ],
)
def test_answers_are_looked_at_too(line: str, rules: list[str] | None) -> None:
    found = told(line, RESPONSES)

    assert rules is None or found == rules


def test_a_field_of_a_fixed_width_ends_with_it() -> None:
    message = decode(STATUS_OF_PATRON, RESPONSES)

    assert isinstance(message, messages.PatronStatusResponse)
    assert message.valid_patron is True
    assert str(message.fee_amount) == "7.00"


def test_the_terminals_side_tells_as_well() -> None:
    terminal = SCConnection()
    terminal.send(messages.Login(login_user_id="k", login_password="x"))
    terminal.receive_data(b"941|AY0AZ" + seal(b"941|", b"0")[-4:])
    terminal.receive_end()

    event = terminal.next_event()

    assert isinstance(event, Response)
    assert [str(warning) for warning in event.warnings] == [
        'a | stands where no field ends (empty-field; SIP2 2.00, "Variable-length fields")'
    ]


ACCENTED = "1720060110    215612AOBR1|ABcáliz|AY3AZ"
HALF = ACCENTED.encode().removesuffix(b"AZ") + b"AZ"


def _wrong(total: int) -> bytes:
    return HALF + b"%04X" % (-total & 0xFFFF)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (_wrong(sum(map(ord, ACCENTED))), "over characters, before they were encoded"),  # Palace
        (_wrong(sum(HALF[:-2])), "without AZ"),
        (_wrong(sum(HALF) + 13), "with the carriage return"),
        (_wrong(sum(ACCENTED.encode("cp850"))), "over the text in code page 850"),
    ],
)
def test_tells_how_a_checksum_came_to_be_wrong(line: bytes, why: str) -> None:
    (deviation,) = deviations(line, REQUESTS)

    right = seal(HALF[: -len(b"AY3AZ")], b"3")[-4:].decode()
    assert deviation.rule is Rule.CHECKSUM
    assert deviation.said.endswith(f"and ought to be {right}; it was added up {why}")


def test_tells_of_a_checksum_that_nobody_can_explain() -> None:
    (deviation,) = deviations(b"9900802.00AY1AZAAAA", REQUESTS)

    assert deviation.said == "the checksum is AAAA and ought to be FCA0"


def test_a_byte_behind_a_checksum_that_is_no_delimiter_belongs_to_a_value() -> None:
    assert told(b"97AY1AZ0\xf2") == ["encoding", "sequence-number"]


def test_tells_of_bytes_that_are_no_text() -> None:
    line = b"17" + NOW.encode() + b"AOBR1|AB\xff|"

    assert told(line) == ["encoding"]
    assert deviations(line, REQUESTS, Dialect(encoding="cp850")) == ()


def test_nothing_that_was_sent_gets_at_a_screen_or_a_log() -> None:
    line = f"17{NOW}AOBR1|AB1|\x1b[".encode()

    assert all(str(each).isprintable() for each in deviations(line, REQUESTS))


def test_no_secret_is_told() -> None:
    for line in (
        f"23001{NOW}AOBR1|AA1|AC\x01hush|AD6789{'9' * 300}|COsecret|",
        f"63001{NOW}  Y       AO|AA1|BP1AD6789|",  # a delimiter was forgotten
        "2300120260301 AD6789|AO|AA1|AChush|",
        f"37{NOW}01ad6789|",
    ):
        said = " ".join(str(each) for each in deviations(line.encode(), REQUESTS))
        assert not re.search("hush|6789|secret", said), said


def test_time_is_linear_in_what_arrives() -> None:
    """64 times as long may take 64 times as long, not 4,096 times."""

    def took(line: str) -> float:
        began = time.perf_counter()
        decode(line, RESPONSES)
        deviations(line.encode(), RESPONSES)
        return time.perf_counter() - began

    head = f"24{' ' * 14}001{NOW}AO|AA|AE|"
    for piece in ("BLY", "BL", "|", " ", "AF|", "AFx", "  AFx|", "ZZ|", "AY1AZ"):
        took(head + piece * 100)
        short = min(took(head + piece * 1_000) for _ in range(3))
        long = min(took(head + piece * 64_000) for _ in range(2))
        assert long < 1_000 * short, piece


@given(st.binary(), st.sampled_from([REQUESTS, RESPONSES]), st.sampled_from("|^"))
def test_no_bytes_break_it(data: bytes, known: Mapping[str, type[Message]], mark: str) -> None:
    for code in known:
        for line in (data, code.encode() + data, code.encode() + b" " * 60 + data):
            assert all(str(each) for each in deviations(line, known, Dialect(delimiter=mark)))
