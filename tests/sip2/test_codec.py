"""Messages to text and back: the published lines, every message, and what terminals get wrong."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.sip2 import Message, MessageTooShort, UnknownMessage, codes, decode, encode, messages
from bibliobus.sip2 import values as v
from bibliobus.sip2.fields import Fixed, Group, Named
from bibliobus.sip2.messages import REQUESTS, RESPONSES

GOLDEN = """
> 9300CNkiosk1|COs3cret|CPMAIN|
< 941
> 9900802.00
< 98YYYYYN10000320260301    0930002.00AOBR1|AMBranch One|BXYYYYYYYYYYYNYYYY|
> 2300120260301    093000AOBR1|AA29999000123|AC|AD1234|
< 24              00120260301    093000AOBR1|AA29999000123|AEDoe, Jane|BLY|CQY|BHEUR|BV0.00|
> 6300120260301    093000  Y       AOBR1|AA29999000123|AC|AD1234|BP1|BQ5|
< 64              00120260301    093000000100000002000000000000AOBR1|AA29999000123|AEDoe, Jane|BZ0010|CA0005|CB0020|BLY|CQY|BHEUR|BV0.00|CC10.00|AU31000001|AU31000002|
> 11YN20260301    093000                  AOBR1|AA29999000123|AB31000003|AC|AD1234|BON|BIN|
< 121NNY20260301    093000AOBR1|AA29999000123|AB31000003|AJThe Master and Margarita|AH2026-03-22|
> 09N20260301    09300020260301    093000APMAIN|AOBR1|AB31000003|AC|BIN|
< 101YNY20260301    093000AOBR1|AB31000003|AQBR1|AJThe Master and Margarita|CL2|AA29999000123|CV01|CTBR1|CY29999000456|DARoe, Richard|
> 3520260301    093000AOBR1|AA29999000123|
< 36Y20260301    093000AOBR1|AA29999000123|
> 97
< 96
> 01N20260301    093000AOBR1|ALcard kept|AA29999000123|AC|
> 15+20260301    093000BW20261231    235900|BSMAIN|BY2|AOBR1|AA29999000123|AD1234|AB31000003|AC|BON|
< 161N20260301    093000BW20261231    235900|BR1|BSMAIN|AOBR1|AA29999000123|AB31000003|AJThe Master and Margarita|
> 1920260301    093000AOBR1|AB31000003|AC|CHtape|
< 20120260301    093000AB31000003|AJThe Master and Margarita|CHtape|
> 2520260301    093000AOBR1|AA29999000123|AC|AD1234|
< 26              00120260301    093000AOBR1|AA29999000123|AEDoe, Jane|BLY|CQY|
> 29NN20260301    093000                  AOBR1|AA29999000123|AD1234|AB31000003|AC|BON|
< 301YUN20260301    093000AOBR1|AA29999000123|AB31000003|AJThe Master and Margarita|AH2026-04-12|
> 3720260301    0930000401EURBV1.50|AOBR1|AA29999000123|AC|AD1234|CG7|BKdevice-1|
< 38Y20260301    093000AOBR1|AA29999000123|BKreceipt-1|
> 6520260301    093000AOBR1|AA29999000123|AD1234|AC|BOY|
< 6610002000120260301    093000AOBR1|BM31000001|BM31000002|BN31000003|
"""  # noqa: E501 - lines as they are on the wire

LINES = [
    (line[2:], REQUESTS if line[0] == ">" else RESPONSES) for line in GOLDEN.strip().splitlines()
]


@pytest.mark.parametrize(("line", "known"), LINES, ids=[line[:2] for line, _ in LINES])
def test_reads_and_writes_the_golden_transcript(line: str, known: dict[str, type[Message]]) -> None:
    assert encode(decode(line, known)) == line


def test_values_are_of_python() -> None:
    message = decode(LINES[8][0], REQUESTS)

    assert message == messages.Checkout(
        renewal_policy=True,
        no_block=False,
        transaction_date=datetime(2026, 3, 1, 9, 30),  # noqa: DTZ001 - the library's own time
        no_block_due_date=None,
        institution_id="BR1",
        patron_id="29999000123",
        item_id="31000003",
        terminal_password="",
        patron_password="1234",
        fee_acknowledged=False,
        cancel=False,
    )


def test_absent_and_empty_are_not_the_same() -> None:
    without = decode("3520260301    093000AOBR1|AA1|", REQUESTS)
    empty = decode("3520260301    093000AOBR1|AA1|AD|", REQUESTS)

    assert isinstance(without, messages.EndPatronSession)
    assert isinstance(empty, messages.EndPatronSession)
    assert without.patron_password is None
    assert empty.patron_password == ""


@pytest.mark.parametrize(
    "line",
    [
        "17                  AOBR1|AB31000003",  # no last delimiter
        "17                  ABx1|AOBR1|".replace("x1", "31000003"),  # another order
        "17                  AOBR1||AB31000003|||",  # empty fields
        "17                  AOBR1| AB31000003|x|",  # a blank after a delimiter, a lone character
        "1720260230    093000AOBR1|AB31000003|",  # no date
    ],
)
def test_reads_what_terminals_send(line: str) -> None:
    message = decode(line, REQUESTS)

    assert isinstance(message, messages.ItemInformation)
    assert (message.institution_id, message.item_id) == ("BR1", "31000003")


def test_a_missing_required_field_is_empty() -> None:
    message = decode("17                  AB1|", REQUESTS)

    assert isinstance(message, messages.ItemInformation)
    assert message.institution_id == ""


def test_keeps_what_it_does_not_know_in_order() -> None:
    message = decode("17                  AOBR1|ZZ1|AB31|AB32|ZY2|ZZ3|", REQUESTS)

    assert message.extra == (("ZZ", "1"), ("AB", "32"), ("ZY", "2"), ("ZZ", "3"))


def test_says_what_is_wrong() -> None:
    with pytest.raises(UnknownMessage, match="no message 'XX'"):
        decode("XX", REQUESTS)
    with pytest.raises(UnknownMessage):
        decode("12", REQUESTS)  # a response is no request
    with pytest.raises(MessageTooShort, match="a message 17 has at least 20 characters"):
        decode("1720260301", REQUESTS)


def test_shows_no_secret() -> None:
    login = decode("9300CNkiosk|COs3cret|", REQUESTS)
    question = decode("2300120260301    093000AOBR1|AA1|ACt3rminal|AD1234|", REQUESTS)

    assert "s3cret" not in repr(login)
    assert "kiosk" in repr(login)
    assert "1234" not in repr(question)
    assert encode(question.without_secrets()) == "2300120260301    093000AOBR1|AA1|"
    stray = decode("09N20260301    09300020260301    093000AOBR1|AB1|AD1234|ac1|", REQUESTS)
    assert stray.without_secrets().extra == ()  # 09 has no AD
    assert login.without_secrets() == login  # what must be there stays
    assert "t3rminal" not in repr(question)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20260301    093000", datetime(2026, 3, 1, 9, 30)),  # noqa: DTZ001
        ("20260301000009300", None),
        ("202603010000093000", datetime(2026, 3, 1, 9, 30)),  # noqa: DTZ001 - FOLIO's dialect
        ("20260301   Z093000", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        (
            "20260301   Q093000",
            datetime(2026, 3, 1, 9, 30, tzinfo=timezone(timedelta(hours=-4))),
        ),
        ("20260301   J093000", None),
        ("20260230    093000", None),
        ("20260301    996000", None),
        (" " * 18, None),
        ("0" * 18, None),
        ("", None),
    ],
)
def test_reads_times(text: str, moment: datetime | None) -> None:
    assert v.TIMESTAMP.decode(text) == moment


def test_writes_an_odd_offset_as_the_nearest_it_has() -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))

    assert v.TIMESTAMP.encode(datetime(2026, 3, 1, 9, 30, tzinfo=nepal)) == "20260301   F094500"
    assert v.TIMESTAMP.encode(datetime.min.replace(tzinfo=nepal)) == " " * 18


def test_equal_moments_keep_their_own_zones() -> None:
    utc = datetime(2026, 3, 1, 9, tzinfo=UTC)
    paris = utc.astimezone(timezone(timedelta(hours=1)))

    assert v.TIMESTAMP.encode(utc) == "20260301   Z090000"
    assert v.TIMESTAMP.encode(paris) == "20260301   A100000"


def test_holds_numbers_within_their_width() -> None:
    assert v.number(4).encode(10_000) == "9999"
    assert v.number(4).encode(-1) == "0000"
    assert v.number(3).decode(" 80") == 80
    assert v.number(4).decode("٣٣٣٣") is None
    assert v.WHOLE_NUMBER.decode("1" * 5000) is None
    assert v.number(4).decode("1" * 5000) is None
    assert v.AMOUNT.decode("NaN") is None
    assert v.AMOUNT.decode("1E9999999") is None
    assert v.AMOUNT.decode("1,50") is None
    assert v.AMOUNT.encode(Decimal("1E+2")) == "100"
    assert v.AMOUNT.encode(Decimal("NaN")) == ""
    assert v.AMOUNT.encode(Decimal("1." + "0" * 300)) == "1.00"
    assert v.WHOLE_NUMBER.encode(-5) == "0"
    assert v.WHOLE_NUMBER.encode(10**12) == "999999999"
    assert v.WHOLE_NUMBER.encode(None) == ""


def test_codes_that_have_no_name_are_kept() -> None:
    line = "1877889920260301    093000ABx|AJy|"

    assert encode(decode(line, RESPONSES)) == line


# ------------------------------------------------ every message there is

TEXTS = st.text(
    st.characters(exclude_characters="|", exclude_categories=("Cc", "Cs", "Zl", "Zp")),
    max_size=80,
).map(lambda text: unicodedata.normalize("NFC", text))  # as it is sent
MOMENTS = st.none() | st.datetimes(
    datetime(1, 1, 2),  # noqa: DTZ001
    datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.sampled_from([None, UTC]),
).map(lambda moment: moment.replace(microsecond=0))

PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)
BY_KIND: dict[int, st.SearchStrategy[object]] = {
    id(v.TEXT): TEXTS,
    id(v.YES_NO): st.booleans(),
    id(v.ONE_ZERO): st.booleans(),
    id(v.YES_NO_UNKNOWN): st.none() | st.booleans(),
    id(v.TIMESTAMP): MOMENTS,
    id(v.SYNC_TIMESTAMP): MOMENTS,
    id(v.ONE_OR_NOT): st.booleans(),
    id(v.BLANK_OR_TIMESTAMP): MOMENTS,
    id(v.DAY): st.dates(),
    id(v.HOLD_MODE): st.none() | st.sampled_from(codes.HoldMode),
    id(v.SUMMARY): st.none() | st.sampled_from(codes.SummaryType),
    id(v.AMOUNT): st.decimals(-(10**6), 10**6, places=2),
    id(v.WHOLE_NUMBER): st.integers(0, 10**9 - 1),
    id(v.PATRON_STATUS): st.tuples(*[st.booleans()] * 14).map(lambda f: v.PatronStatus(*f)),
    id(v.SUPPORTED_MESSAGES): st.tuples(*[st.booleans()] * 16).map(
        lambda f: v.SupportedMessages(*f)
    ),
}


def values_of(place: Fixed | Named) -> st.SearchStrategy[object]:
    if (known := BY_KIND.get(id(place.kind))) is not None:
        return known
    width = place.kind.width
    if place.kind.free:
        return st.text(PRINTABLE, min_size=width, max_size=width).filter(lambda t: "|" not in t)
    return st.integers(0, 10**width - 1)


def records_of(group: Group) -> st.SearchStrategy[object]:  # the first is always there
    first, *others = map(values_of, group.members)
    return st.tuples(first, *(st.none() | each for each in others)).map(
        lambda values: group.record(*values)
    )


@st.composite
def any_message(draw: st.DrawFn) -> Message:
    cls = draw(st.sampled_from([*REQUESTS.values(), *RESPONSES.values()]))
    layout = cls.layout
    fields: dict[str, object] = {name: draw(values_of(place)) for name, place in layout.fixed}
    for name, place in layout.named:
        if isinstance(place, Group):
            fields[name] = tuple(draw(st.lists(records_of(place), max_size=2)))
            continue
        one = values_of(place)
        if place.repeats:
            fields[name] = tuple(draw(st.lists(one, max_size=3)))
        elif name not in layout.optional or draw(st.booleans()):
            fields[name] = draw(one)
    unknown = st.from_regex("[A-Z][0-9]", fullmatch=True).filter(
        lambda tag: tag not in layout.longest
    )
    fields["extra"] = tuple(draw(st.lists(st.tuples(unknown, TEXTS), max_size=2)))
    return cls(**fields)


@given(any_message())
def test_what_was_written_is_read_again(message: Message) -> None:
    known = REQUESTS if message.code in REQUESTS else RESPONSES

    assert decode(encode(message), known) == message


@given(st.text(), st.sampled_from([REQUESTS, RESPONSES]))
def test_any_text_is_a_message_or_a_plain_error(text: str, known: dict[str, type[Message]]) -> None:
    for code in known:
        try:
            message = decode(code + text, known)
        except MessageTooShort:
            continue
        assert "\r" not in encode(message)


@given(st.text(), st.text(max_size=1))
def test_no_value_ends_a_field_or_a_message(text: str, more: str) -> None:
    response = messages.EndSessionResponse(
        end_session=True,
        transaction_date=None,
        institution_id=text,
        patron_id=text + more,
        screen_messages=(text, more),
    )

    line = encode(response)

    assert line.count("|") == 4
    assert not set(line) & set("\r\n\0")
