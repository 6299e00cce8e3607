"""The library's side of a connection: framing, error detection, and repeats."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.sip2 import (
    PRESETS,
    Close,
    Connection,
    Dialect,
    ErrorDetection,
    Ignored,
    Reply,
    Request,
    UnknownMessages,
    messages,
)
from bibliobus.sip2.checking import checksum, seal, take_apart
from bibliobus.sip2.codec import decode
from bibliobus.sip2.framing import Lines, LineTooLong
from bibliobus.sip2.messages import RESPONSES
from bibliobus.sip2.sc_connection import Response, SCConnection

CALIZ = "1803020120060110    215612AB660|AJHarry Potter y el cáliz de fuego|AY3AZ"
VECTORS = [  # spec/sip2 1.6: all computed there by running code
    b"990 402.00AY1AZFCB4",
    b"941AY0AZFDFD",
    b"9300CNuser_id|COpassw0rd|AY1AZF594",
    b"97AZFEF5",
    b"96AZFEF6",
    CALIZ.encode() + b"EAA9",
    CALIZ.encode("latin-1") + b"EB2C",
    CALIZ.encode("cp850") + b"EB6D",
    b"9900802.00AY1AZFCA0",
    b"9900401.00AY1AZFCA5",
    b"9300CNinfo@test.org|COtester|CPselfcheck_location|AY0AZEB8C",
    b"9300CNlibrarian@test.com|CO123456|CPselfcheck_location|AY1AZEAEE",
    b"940AY0AZFDFE",
    b"941AY1AZFDFC",
    b"6300120060329    201700Y         AOBR1|AA999999|AD6789|AY4AZF2E0",
    b"9300CNLoginUserID|COLoginPassword|CPLocationCode|AY5AZEC7B",  # published wrongly as EC78
    b"101YNN20260301    093000AOBR1|AB1|AQBR1|AF"
    + 255 * b"z"
    + b"|AF"
    + 222 * b"z"
    + b"|AY0AZ0FAE",
]
GOLDEN = """\
> 9300CNkiosk1|COs3cret|CPMAIN|AY0AZF4DA
< 941AY0AZFDFD
> 9900802.00AY1AZFCA0
< 98YYYYYN10000320260301    0930002.00AOBR1|AMBranch One|BXYYYYYYYYYYYNYYYY|AY1AZE9FA
> 2300120260301    093000AOBR1|AA29999000123|AC|AD1234|AY2AZF293
< 24              00120260301    093000AOBR1|AA29999000123|AEDoe, Jane|BLY|CQY|BHEUR|BV0.00|AY2AZE929
> 6300120260301    093000  Y       AOBR1|AA29999000123|AC|AD1234|BP1|BQ5|AY3AZEE92
< 64              00120260301    093000000100000002000000000000AOBR1|AA29999000123|AEDoe, Jane|BZ0010|CA0005|CB0020|BLY|CQY|BHEUR|BV0.00|CC10.00|AU31000001|AU31000002|AY3AZD820
> 11YN20260301    093000                  AOBR1|AA29999000123|AB31000003|AC|AD1234|BON|BIN|AY4AZEB08
< 121NNY20260301    093000AOBR1|AA29999000123|AB31000003|AJThe Master and Margarita|AH2026-03-22|AY4AZE594
> 09N20260301    09300020260301    093000APMAIN|AOBR1|AB31000003|AC|BIN|AY5AZEE8D
< 101YNY20260301    093000AOBR1|AB31000003|AQBR1|AJThe Master and Margarita|CL2|AA29999000123|CV01|CTBR1|CY29999000456|DARoe, Richard|AY5AZD98F
> 3520260301    093000AOBR1|AA29999000123|AY6AZF5E8
< 36Y20260301    093000AOBR1|AA29999000123|AY6AZF58E
"""  # noqa: E501 - lines as they are on the wire
STATUS = b"9900802.00"
CHECKOUT = b"11YN20260301    093000                  AOBR1|AAada|AB31000003|AC|"
ANSWER = messages.LoginResponse(ok=True)


def events(connection: Connection, data: bytes) -> list[object]:
    """What happens when all of `data` has come and each request is answered."""
    connection.receive_data(data)
    happened: list[object] = []
    while (event := connection.next_event()) is not None:
        happened.append(event)
        if isinstance(event, Request):
            connection.send(ANSWER)
    return happened


@pytest.mark.parametrize("line", [*VECTORS, *(x[2:].encode() for x in GOLDEN.splitlines())])
def test_checksums_are_exact(line: bytes) -> None:
    assert checksum(line[:-4]) == line[-4:]
    checked = take_apart(line)
    assert checked.intact
    assert checked.detected
    assert seal(checked.body, checked.sequence) == line
    assert take_apart(line[:-4] + line[-4:].lower()).intact
    assert not take_apart(b"8" + line[1:], in_use=True).intact


def test_holds_the_golden_dialogue_byte_for_byte() -> None:
    library, terminal = Connection(), SCConnection()
    lines = [line[2:].encode() for line in GOLDEN.splitlines()]

    for asked, told in zip(lines[::2], lines[1::2], strict=True):
        library.receive_data(asked + b"\r")
        request = library.next_event()
        assert isinstance(request, Request)
        assert request.warnings == ()
        response = decode(take_apart(told).body.decode(), RESPONSES)
        assert library.send(response) == told + b"\r"
        number = take_apart(asked).sequence
        while terminal.send(request.message) != asked + b"\r":  # the transcript leaves some out
            terminal.receive_data(b"941\r")
            assert isinstance(terminal.next_event(), Response), number
        terminal.receive_data(told + b"\r")
        assert terminal.next_event() == Response(response)


def test_answers_as_it_was_asked() -> None:
    library = Connection()
    library.receive_data(seal(STATUS, b"7") + b"\r" + STATUS + b"\r")

    assert isinstance(library.next_event(), Request)
    assert library.send(ANSWER) == seal(b"941", b"7") + b"\r"
    assert isinstance(library.next_event(), Request)
    assert library.send(ANSWER) == b"941\r"


def test_repeats_the_last_answer_byte_for_byte() -> None:
    library = Connection()
    library.receive_data(seal(STATUS, b"7") + b"\r97AZFEF5\r97\r")
    library.next_event()
    sent = library.send(ANSWER)

    first, second = library.next_event(), library.next_event()

    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert first.data == second.data == sent


def test_a_97_before_any_answer_gets_a_96_and_so_does_its_repeat() -> None:
    assert [
        event.data for event in events(Connection(), b"97AZFEF5\r97\r") if isinstance(event, Reply)
    ] == [b"96AZFEF6\r"] * 2


def test_a_wrong_checksum_gets_a_96_and_changes_nothing() -> None:
    library = Connection()

    (reply,) = events(library, b"9900802.00AY1AZFCA1\r")

    assert reply == Reply(b"96AZFEF6\r", "a wrong checksum")


def test_hands_a_repeated_transaction_on_once() -> None:
    line = seal(CHECKOUT, b"3") + b"\r"

    first, second, third = events(Connection(), line + b"97AZFEF5\r" + line)

    assert isinstance(first, Request)
    assert isinstance(second, Reply)
    assert isinstance(third, Reply)
    assert third.data == seal(b"941", b"3") + b"\r"


def test_a_damaged_97_in_between_does_not_lose_the_answer() -> None:
    line = seal(CHECKOUT, b"3") + b"\r"

    _, asked_again, repeated, once_more = events(Connection(), line + b"97AZ0000\r" + line + line)

    assert asked_again == Reply(b"96AZFEF6\r", "a wrong checksum")
    assert isinstance(repeated, Reply)
    assert repeated.data == seal(b"941", b"3") + b"\r"
    assert once_more == repeated


def test_what_was_never_answered_is_handed_on_again() -> None:
    library = Connection()
    library.receive_data((seal(CHECKOUT, b"3") + b"\r") * 2)

    assert isinstance(library.next_event(), Request)
    assert isinstance(library.next_event(), Request)


@pytest.mark.parametrize(
    "again",
    [
        (seal(STATUS, b"3"), seal(STATUS, b"3")),  # a query
        (CHECKOUT, CHECKOUT),  # without a number
        (seal(CHECKOUT, b"3"), seal(CHECKOUT, b"4")),  # with a new number
        (seal(CHECKOUT, b"3"), seal(STATUS, b"4"), seal(CHECKOUT, b"3")),  # not the one before
    ],
)
def test_hands_all_else_on(again: tuple[bytes, ...]) -> None:
    happened = events(Connection(), b"\r".join(again) + b"\r")

    assert [type(event) for event in happened] == [Request] * len(again)


def test_never_minds_the_order_of_numbers() -> None:
    lines = b"\r".join(seal(STATUS, digit) for digit in (b"5", b"5", b"0", b"9", b" ")) + b"\r"

    assert all(isinstance(event, Request) for event in events(Connection(), lines))


def test_ignores_unknown_messages_and_asks_for_short_ones_again() -> None:
    unknown, short = events(Connection(), b"XS\r11YN\r")

    assert isinstance(unknown, Ignored)
    assert short == Reply(
        b"96\r", "a message 11 has at least 40 characters before its named fields, this one has 4"
    )


def test_writes_in_the_terminals_dialect() -> None:
    name = messages.EndSessionResponse(
        end_session=True, transaction_date=None, institution_id="cáliz", patron_id="Łódź 源氏 a^b"
    )
    ascii_only = Connection(Dialect(encoding="ascii", terminator="\r\n", delimiter="^"))
    ascii_only.receive_data(STATUS + b"\r")
    ascii_only.next_event()

    written = ascii_only.send(name)

    assert written == b"36Y" + b" " * 18 + b"AOcaliz^AA?odz ?? a b^\r\n"


def test_no_folding_makes_a_delimiter() -> None:
    library = Connection(Dialect(encoding="cp850"))
    library.receive_data(STATUS + b"\r")
    library.next_event()
    title = messages.EndSessionResponse(
        end_session=True, transaction_date=None, institution_id="T\uff5cAFx", patron_id="e\u0301"
    )

    assert library.send(title) == b"36Y" + b" " * 18 + b"AOT AFx|AA\x82|\r"


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    library = Connection()
    library.receive_data(b"3520260301    093000AOBR1|AA\xff\xe9|\r")
    event = library.next_event()
    assert isinstance(event, Request)
    assert isinstance(event.message, messages.EndPatronSession)

    answer = messages.EndSessionResponse(
        end_session=True,
        transaction_date=None,
        institution_id="",
        patron_id=event.message.patron_id,
    )

    assert b"AA\xff\xe9|" in library.send(answer)


# ------------------------------------------------ framing


def lines(data: bytes, sizes: list[int], limit: int = 100) -> list[bytes | str]:
    """The lines of `data`, which arrives in pieces of these sizes, again and again."""
    collector, at, pieces = Lines(limit), 0, 0
    found: list[bytes | str] = []
    while at < len(data):
        size = sizes[pieces % len(sizes)]
        collector.feed(data[at : at + size])
        at, pieces = at + size, pieces + 1
        while True:
            try:
                line = collector.next()
            except LineTooLong:
                found.append("too long")
                continue
            if line is None:
                break
            found.append(line)
    return found


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r", b"\r\r", b"\r\0\r\n"])
def test_every_line_end_is_one(end: bytes) -> None:
    assert lines(b"990" + end + b"23  " + end, [100]) == [b"990", b"23  "]


def test_strips_controls_around_a_line_and_never_a_blank_at_its_end() -> None:
    assert lines(b"\xef\xbb\xbf \0\x02990 \x03\r\xef\xbb\xbf\r", [100]) == [b"990 "]


def test_what_lacks_its_end_is_there_when_the_stream_ends() -> None:
    library = Connection()
    library.receive_data(STATUS)

    assert library.next_event() is None
    library.receive_end()
    assert isinstance(library.next_event(), Request)
    assert library.next_event() is None
    library.receive_data(STATUS[:2])
    assert library.waiting == 2


def test_asks_again_for_what_was_too_long_or_hangs_up_on_who_cannot_ask() -> None:
    reason = "a message over 30 bytes"
    plain = Connection(max_length=30)
    checked = Connection(max_length=30)
    checked.receive_data(seal(STATUS, b"1") + b"\r")
    checked.next_event()
    checked.send(ANSWER)

    assert events(plain, b"9" * 31 + b"\r") == [Close(reason)]
    assert events(checked, b"9" * 31 + b"\r") == [Reply(b"96AZFEF6\r", reason)]


@pytest.mark.parametrize(
    ("unknown_messages", "happens"),
    [
        (UnknownMessages.IGNORE, Ignored("there is no message 'XS' in SIP2 2.00")),
        (
            UnknownMessages.ASK_AGAIN,
            Reply(b"96\r", "there is no message 'XS' in SIP2 2.00"),
        ),
        (UnknownMessages.CLOSE, Close("there is no message 'XS' in SIP2 2.00")),
    ],
)
def test_does_with_unknown_messages_what_the_dialect_says(
    unknown_messages: UnknownMessages, happens: object
) -> None:
    library = Connection(Dialect(unknown_messages=unknown_messages))

    assert events(library, b"XS\r") == [happens]


def test_the_dialect_may_change_between_two_messages() -> None:
    library = Connection()
    library.receive_data(STATUS + b"\r" + STATUS + b"\r")

    assert isinstance(library.next_event(), Request)
    assert library.send(ANSWER) == b"941\r"
    library.dialect = library.dialect
    library.dialect = PRESETS["koha"]
    assert isinstance(library.next_event(), Request)
    assert library.send(ANSWER) == b"941\r\n"


def test_a_98_for_another_answer_leaves_the_request_undone() -> None:
    """The terminal sends it again when we are on line, and then it is done."""
    library = Connection()
    library.receive_data(seal(CHECKOUT, b"1") + b"\r" + seal(CHECKOUT, b"1") + b"\r")
    off_line = decode("98NNNNNN100003" + " " * 18 + "2.00AO|BX|", RESPONSES)

    assert isinstance(library.next_event(), Request)
    library.send(off_line)
    assert isinstance(library.next_event(), Request)


def test_requires_checksums_of_all_but_logins_if_it_is_told_to() -> None:
    library = Connection(Dialect(error_detection=ErrorDetection.REQUIRED))
    login = b"9300CNkiosk|COsecret|"

    logged_in, refused, accepted = events(
        library, login + b"\r" + CHECKOUT + b"\r" + seal(CHECKOUT, b"1") + b"\r"
    )

    assert isinstance(logged_in, Request)
    assert refused == Reply(b"96AZFEF6\r", "no checksum, where one is required")
    assert isinstance(accepted, Request)


def test_passes_over_checksums_if_they_are_off() -> None:
    library = Connection(Dialect(error_detection=ErrorDetection.OFF))
    library.receive_data(CHECKOUT + b"AY1AZ0000\r97AZ0000\r")

    assert isinstance(library.next_event(), Request)
    assert library.send(ANSWER) == b"941\r"
    assert library.next_event() == Reply(b"941\r", "asked to resend")


@pytest.mark.parametrize(
    "line",
    [
        b"9300CNinfo@test.org|COtester|CPselfcheck_location|AY0AZEB8C|",  # a delimiter behind AZ
        seal(b"9900802.00AY1|", None),  # and one behind AY
        b"101YNN20260301    093000AOBR1|AB1|AQBR1|AF"  # PyPI's Sip2 1.1 leaves out zeros
        + 255 * b"z"
        + b"|AF"
        + 222 * b"z"
        + b"|AY0AZFAE",
    ],
)
def test_reads_checksums_that_are_written_otherwise(line: bytes) -> None:
    checked = take_apart(line)

    assert checked.detected
    assert checked.intact
    assert checked.sequence in (b"0", b"1")
    assert b"AY" not in checked.body


@pytest.mark.parametrize(
    "damage",
    [
        b"AY4AZG2BA", b"AY4A[F2BA", b"AX4AZF2BA", b"QY4AZF2BA", b"ay4azF2BA", b"AY4AZF2BA0",
        b"AY4AZF2BA||", b"AY4AZ", b"AY4", b"AY4AZF2BG",
    ],
)  # fmt: skip
def test_a_damaged_trailer_is_damage_and_not_a_request_without_one(damage: bytes) -> None:
    library = Connection()
    line = seal(CHECKOUT, b"4")
    data = seal(STATUS, b"3") + b"\r" + line[:-9] + damage + b"\r" + line + b"\r"

    _, asked_again, lent = events(library, data)

    assert asked_again == Reply(b"96AZFEF6\r", "a wrong checksum")
    assert isinstance(lent, Request)


def test_what_seems_damaged_twice_in_the_same_way_is_meant_so() -> None:
    """A terminal that has stopped sending checksums, with an item whose barcode looks like one."""
    line = b"1720260301    093000AOBR1|ABMYXAZ1234"
    data = seal(STATUS, b"3") + b"\r" + line + b"\r" + line + b"\r"

    _, asked_again, taken = events(Connection(), data)

    assert asked_again == Reply(b"96AZFEF6\r", "a wrong checksum")
    assert isinstance(taken, Request)


def test_blanks_behind_a_checksum_do_not_make_another_request() -> None:
    line = seal(CHECKOUT, b"4")

    first, second = events(Connection(), line + b"\r" + line + b" \r")

    assert isinstance(first, Request)
    assert second == Reply(seal(b"941", b"4") + b"\r", "the same message again")


def test_a_value_that_looks_like_a_trailer_is_a_value() -> None:
    line = b"1720260301    093000AOBR1|ABAY1AZ1234|"

    (event,) = events(Connection(), line + b"\r")

    assert isinstance(event, Request)
    assert isinstance(event.message, messages.ItemInformation)
    assert event.message.item_id == "AY1AZ1234"


def test_a_barcode_at_the_end_is_no_checksum() -> None:
    line = b"1720260301    093000AOBR1|ABAZ1234"

    (plain,) = events(Connection(), line + b"\r")
    _, damaged = events(Connection(), seal(STATUS, b"1") + b"\r" + line + b"\r")

    assert isinstance(plain, Request)
    assert plain.message == messages.ItemInformation(
        transaction_date=datetime(2026, 3, 1, 9, 30),  # noqa: DTZ001 - the library's own time
        institution_id="BR1",
        item_id="AZ1234",
    )
    assert damaged == Reply(b"96AZFEF6\r", "a wrong checksum")


def test_a_line_too_long_is_told_once_and_dropped_to_its_end() -> None:
    data = b"1" * 250 + b"\r990\r" + b"2" * 101 + b"\r991\r"

    assert lines(data, [1000]) == ["too long", b"990", "too long", b"991"]
    assert lines(data, [1]) == ["too long", b"990", "too long", b"991"]
    collector = Lines(10)
    collector.feed(b"1" * 11)
    with pytest.raises(LineTooLong):
        collector.next()
    collector.feed(b"1" * 1000)
    assert collector.next() is None


@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"\r", b"\n", seal(STATUS, b"1")])),
    st.lists(st.integers(1, 50), min_size=1),
)
def test_any_cutting_gives_the_same_lines(pieces: list[bytes], sizes: list[int]) -> None:
    data = b"".join(pieces)

    assert lines(data, sizes, limit=60) == lines(data, [1], limit=60)


@given(st.binary())
def test_no_bytes_break_a_connection(data: bytes) -> None:
    for event in events(Connection(), data + b"\r"):
        assert isinstance(event, Request | Reply | Ignored)
