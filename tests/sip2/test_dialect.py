"""What a dialect changes in what is written, and what it refuses to be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.sip2 import PRESETS, Dialect, decode, encode, messages
from bibliobus.sip2.dialect import keeps_ascii
from bibliobus.sip2.messages import RESPONSES
from bibliobus.sip2.values import PatronStatus

NOON = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - the library's own time
ENDED = messages.EndSessionResponse(
    end_session=True, transaction_date=NOON, institution_id="BR1", patron_id="29999000123"
)
LENT = messages.CheckoutResponse(
    ok=True, renewal_ok=False, magnetic_media=None, desensitize=True, transaction_date=NOON,
    institution_id="BR1", patron_id="1", item_id="2", title_id="Emma", due_date="2026-03-22",
    currency="EUR", fee_amount=Decimal("1.50"), screen_messages=("Enjoy",),
)  # fmt: skip
ENCODINGS = ["ascii", "cp850", "latin-1", "utf-8", "cp437", "shift_jis", "gb18030", "koi8-r"]


def test_writes_the_delimiter_that_was_agreed_and_never_inside_a_value() -> None:
    ended = replace(ENDED, institution_id="a^b")

    assert encode(ended, Dialect(delimiter="^")).endswith("AOa b^AA29999000123^")
    assert encode(ended, Dialect(delimiter="^", delimiter_replacement="")).endswith(
        "AOab^AA29999000123^"
    )
    assert "AOa&#124;b|" in encode(
        replace(ENDED, institution_id="a|b"),
        PRESETS["koha"],
    )


@pytest.mark.parametrize("mark", ["{", "}", "'", "\\", '"', "%"])
def test_any_mark_can_be_the_delimiter(mark: str) -> None:
    line = encode(ENDED, Dialect(delimiter=mark))
    status = decode("24" + " " * 14 + "0" + mark + "0" + " " * 18 + "AOx|AA1|AE|", RESPONSES)

    assert line.endswith(f"AOBR1{mark}AA29999000123{mark}")
    assert decode(line, RESPONSES, mark) == ENDED
    assert encode(status, Dialect(delimiter=mark))[16:19] == "0 0"


@pytest.mark.parametrize(
    ("encoding", "mark", "hostile"),
    [
        ("shift_jis", "\\", "a\xa5b"),  # these become the delimiter on their way
        ("euc_jp", "~", "a\u203eBLN"),
        ("utf-8", "|", "a\udcc2\udc85b"),  # and these together a control character
        ("cp850", "|", "a|b\uff5cc"),
        ("euc_kr", "|", "\u3164" * 255),  # these become longer
    ],
)
def test_what_comes_out_at_the_other_end_is_a_value_too(
    encoding: str, mark: str, hostile: str
) -> None:
    dialect = Dialect(encoding=encoding, delimiter=mark)
    ended = replace(ENDED, screen_messages=(hostile,), institution_id=hostile)

    seen = dialect.to_text(dialect.to_bytes(encode(ended, dialect)))

    read = decode(seen, RESPONSES, mark)
    assert isinstance(read, messages.EndSessionResponse)
    assert read.extra == ()
    assert len(read.institution_id) <= 255
    assert not any("\x80" <= character < "\xa0" for character in seen)


def test_a_value_of_a_fixed_width_keeps_to_it() -> None:
    line = encode(replace(LENT, currency="EURBV9.99", media_type="book"))

    assert "|BHEUR|BV1.50|CKboo|" in line


def test_a_message_of_blanks_is_sent() -> None:
    assert encode(replace(ENDED, screen_messages=(" " * 300,))).endswith("|AF|")


def test_cuts_long_values_and_goes_on_with_long_messages() -> None:
    words = "The library closes at six. " * 20
    ended = replace(
        ENDED, patron_id="9" * 300, screen_messages=(words,), print_lines=("x" * 300, "")
    )

    read = decode(encode(ended), RESPONSES)

    assert isinstance(read, messages.EndSessionResponse)
    assert read.patron_id == "9" * 255
    assert all(len(line) <= 255 for line in read.screen_messages)
    assert " ".join(read.screen_messages) == words.strip()
    assert read.print_lines == ("x" * 255, "x" * 45, "")


def test_print_lines_are_as_wide_as_the_printer() -> None:
    ended = replace(
        ENDED, print_lines=("Due on the first of May",), screen_messages=("Due on the first",)
    )

    line = encode(ended, Dialect(print_width=12))

    assert "|AFDue on the first|AGDue on the|AGfirst of May|" in line


def test_hides_what_it_is_told_to() -> None:
    assert "AF" not in encode(LENT, Dialect(hide=frozenset({"AF"})))
    only = Dialect(only=frozenset({"BH", "BV"}), hide=frozenset({"BV", "AO"}))
    assert encode(LENT, only) == (  # what is required is there, or terminals crash
        "121NUY20260301    120000AOBR1|AA1|AB2|AJEmma|AH2026-03-22|BHEUR|"
    )
    unknown = replace(LENT, extra=(("ZZ", "1"), ("ZY", "2")))
    assert encode(unknown, Dialect(hide=frozenset({"ZZ"}))).endswith("|AFEnjoy|ZY2|")
    trailer = replace(LENT, extra=(("AY", "1"), ("AZ", "1234"), ("z\r", "x")))
    assert encode(trailer).endswith("|AFEnjoy|")


def test_writes_to_a_terminal_of_the_older_version_what_it_knows() -> None:
    line = encode(LENT, Dialect(version="1.00"))

    assert line == "121NUY20260301    120000AOBR1|AA1|AB2|AJEmma|AH2026-03-22|AFEnjoy|"
    assert encode(ENDED, Dialect(version="1.00")) == encode(ENDED)  # 36 is of 2.00 altogether


def test_writes_times_as_folio_and_palace_do() -> None:
    assert encode(ENDED, PRESETS["palace"]).startswith("36Y202603010000120000AO")
    aware = replace(ENDED, transaction_date=datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert encode(aware, PRESETS["palace"]).startswith("36Y20260301   Z120000AO")


@pytest.mark.parametrize(
    ("preset", "due_date"),
    [
        ("standard", "2026-03-22"),
        ("openncip", "20260322    235900"),
        ("evergreen", "2026-03-22 23:59:00"),
        ("folio", "202603220000235900"),
    ],
)
def test_writes_due_dates_in_its_own_way(preset: str, due_date: str) -> None:
    due_at = datetime(2026, 3, 22, 23, 59)  # noqa: DTZ001 - the library's own time

    assert PRESETS[preset].written_due_date(due_at) == due_date


def test_fills_in_templates() -> None:
    words = {"item_id": "31000001", "title": "Emma"}
    fee = {"fee_id": "7", "amount": "1.50", "type": "overdue", "title": "Emma"}

    assert PRESETS["koha"].written_entry(**words) == "31000001"
    assert PRESETS["evergreen"].written_entry(**words) == "Emma"
    assert PRESETS["fsip2"].written_fee_entry(**fee) == '7 1.50 "overdue" Emma'
    assert PRESETS["openncip"].written_fee_entry(**fee) == ""  # it has no item


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"terminator": "\n"}, "terminator"),
        ({"encoding": "utf-16"}, "no encoding that keeps ASCII"),
        ({"encoding": "klingon"}, "no encoding that keeps ASCII"),
        ({"encoding": "iso2022_jp"}, "no encoding that keeps ASCII"),
        ({"encoding": "raw_unicode_escape"}, "no encoding that keeps ASCII"),
        ({"delimiter": "ab"}, "one printable ASCII character"),
        ({"delimiter": "A"}, "no letter and no digit"),
        ({"delimiter": " "}, "it occurs in values that cannot do without it"),
        ({"delimiter": "."}, "it occurs in values that cannot do without it"),
        ({"delimiter_replacement": "a|"}, "printable ASCII without the delimiter"),
        ({"delimiter_replacement": "\r"}, "printable ASCII without the delimiter"),
        ({"delimiter_replacement": "\uff5c"}, "printable ASCII without the delimiter"),
        ({"version": "3.00"}, "1.00 or 2.00"),
        ({"max_field_length": 0}, "1 at least"),
        ({"hide": frozenset({"af"})}, "'af' is no field's name"),
        ({"only": frozenset({"AFG"})}, "'AFG' is no field's name"),
        ({"zone": "UTC "}, "four blanks or 0000"),
        ({"entry": "{pin}"}, "{pin} in '{pin}': known are due_date, item_id, title"),
        ({"fee_entry": "{x}"}, "known are amount, fee_id"),
    ],
)
def test_says_why_it_cannot_be(setting: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("{", r"\{")):
        Dialect(**setting)


@given(st.text(), st.binary(), st.sampled_from(ENCODINGS), st.integers(1, 20))
def test_any_text_and_any_bytes_pass_through_any_encoding(
    text: str, data: bytes, encoding: str, longest: int
) -> None:
    dialect = Dialect(encoding=encoding, max_field_length=longest)
    ended = replace(
        ENDED, institution_id=text, patron_id=dialect.to_text(data), screen_messages=(text,)
    )

    line = encode(ended, dialect)
    wire = dialect.to_bytes(line)

    assert not set(wire) & set(range(32))
    assert dialect.to_bytes("\ud800") == b"?"
    read = decode(dialect.to_text(wire), RESPONSES)
    assert isinstance(read, messages.EndSessionResponse)
    values = (read.institution_id, read.patron_id, *read.screen_messages)
    assert all(len(value) <= longest for value in values)
    assert len(values) == line.count("|")


def test_every_preset_differs_and_can_be_written() -> None:
    presets = list(PRESETS.values())

    assert Dialect() not in presets
    assert len({repr(preset) for preset in presets}) == len(presets)
    assert all(keeps_ascii(preset.encoding) for preset in presets)


def test_fees_in_full_keep_their_order() -> None:
    line = (
        "64" + " " * 14 + "00020260301    120000" + "0000" * 6 + "AOBR1|AA1|AEDoe|"
        "FA1.50|FB31000001|FC01.03.2026|FDEmma|FEoverdue|CG7|FA2.00|CG8|FFlost|"
    )

    read = decode(line, RESPONSES)

    assert isinstance(read, messages.PatronInformationResponse)
    assert read.patron_status == PatronStatus()
    first, second = read.fee_details
    assert (first.amount, first.raised_on, first.title) == (
        Decimal("1.50"),
        date(2026, 3, 1),
        "Emma",
    )
    assert (second.amount, second.fee_identifier, second.item_id) == (Decimal("2.00"), "8", None)
    assert encode(read).endswith("FEoverdue|CG7|FA2.00|FFlost|CG8|")  # each fee in the usual order
    assert "FB" not in encode(read, Dialect(hide=frozenset({"FB"})))
    later = decode(encode(read).replace("FA1.50", "FAa lot"), RESPONSES)
    assert encode(later).count("FA") == 2  # where a fee begins is seen, even without its amount
    assert "FC" not in encode(decode(line.replace("01.03.2026", "1 March"), RESPONSES))
