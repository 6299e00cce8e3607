"""What a line means, told to people and to programs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibliobus.sip2 import Dialect
from bibliobus.sip2.checking import seal
from bibliobus.sip2.describing import as_object, described, read_line, shown

PLAIN = Dialect()
NOW = "20260301    093000"
ASKED = f"63001{NOW}  Y       AOBR1|AAada|AD6789|ZZx|AD6789|"
TOLD = (
    f"64Y             001{NOW}000000000000000000000000AOBR1|AAada|AEAda|BV1.50|"
    "FA1.50|FC01.03.2026|AU1|AU2|"
)
STATUS = f"98YYYYYN100003{NOW}2.00AOBR1|BXYNNNNNNNNNNNNNNN|"


def words(line: str) -> list[str]:
    return [" ".join(each.split()) for each in described(read_line(line.encode(), PLAIN))]


def test_tells_people_what_each_field_means() -> None:
    told = words(seal(ASKED.encode(), b"3").decode())

    assert told[0].startswith("63 Patron Information: All about a patron, and one list.")
    assert "2:5 language 001 English" in told
    assert "5:23 transaction_date 20260301 093000 2026-03-01 09:30:00, the library's time" in told
    assert "23:33 summary Y charged items" in told
    assert "AD patron_password ***" in told
    assert "ZZ x not a field of this message" in told
    assert "AD *** not a field of this message" in told
    assert "AY sequence number 3" in told
    assert "AZ checksum right" in told
    assert 'note 63 has no field ZZ (foreign-field; SIP2 2.00, "Fields")' in told


def test_tells_flags_by_their_names() -> None:
    assert "2:16 patron_status Y charge denied" in words(TOLD)
    assert "BX supported_messages YNNNNNNNNNNNNNNN patron status request" in words(STATUS)
    assert "FC fee_details 01.03.2026" in words(TOLD)
    utc = words(f"36Y20260301   Z093000AO|AA{chr(27)}[2J|")
    assert "3:21 transaction_date 20260301 Z093000 2026-03-01 09:30:00, UTC" in utc
    assert "AA patron_id \\x1b[2J" in utc  # nothing gets at the screen


def test_tells_programs_the_values() -> None:
    asked = as_object(read_line(ASKED.encode(), PLAIN))
    told = as_object(read_line((TOLD + "AY1AZ0000").encode(), PLAIN))

    assert asked == {
        "code": "63",
        "name": "Patron Information",
        "fields": {
            "language": "001",
            "transaction_date": "2026-03-01T09:30:00",
            "summary": "charged_items",
            "institution_id": "BR1",
            "patron_id": "ada",
            "patron_password": "***",
        },
        "extra": [["ZZ", "x"], ["AD", "***"]],
        "sequence": None,
        "checksum": None,
        "error": None,
        "warnings": [
            {
                "rule": "foreign-field",
                "said": "63 has no field ZZ",
                "source": 'SIP2 2.00, "Fields"',
                "note": True,
            },
            {
                "rule": "repeated-field",
                "said": "AD comes again; the first one counts",
                "source": 'SIP2 2.00, "Fields"',
                "note": False,
            },
        ],
    }
    fields = told["fields"]
    assert isinstance(fields, dict)
    assert fields["patron_status"] == ["charge_denied"]
    assert fields["fee_amount"] == "1.50"
    assert fields["charged_items"] == ["1", "2"]
    assert fields["fee_details"] == [{"amount": "1.50", "raised_on": "2026-03-01"}]
    assert told["checksum"] == "wrong"


def test_tells_codes_as_numbers_and_signs() -> None:
    item = as_object(read_line(f"18040201{NOW}AB1|AJx|".encode(), PLAIN))
    hold = as_object(read_line(f"15-{NOW}AOx|AA1|AB1|".encode(), PLAIN))

    assert isinstance(item["fields"], dict)
    assert item["fields"]["circulation_status"] == 4
    assert isinstance(hold["fields"], dict)
    assert hold["fields"]["hold_mode"] == "-"


def test_tells_why_a_line_cannot_be_read() -> None:
    line = read_line(b"XS|x", PLAIN)

    assert described(line)[0] == "unreadable: there is no message 'XS' in SIP2 2.00"
    assert as_object(line)["error"] == "there is no message 'XS' in SIP2 2.00"
    assert as_object(line)["code"] is None


@pytest.mark.parametrize(
    ("line", "visible"),
    [
        ("9300CNk|COs3cret|AY0AZFFFF", "9300CNk|CO***|AY0AZ****"),
        ("9300COs3cret|CNk|", "9300CO***|CNk|"),
        (f"23001{NOW}AOx|AA1|ACs3cret| ADs3cret|", f"23001{NOW}AOx|AA1|AC***|AD***|"),
        (f"37{NOW}0100CADBV1.50|AOx|AA1|ADs3cret|", f"37{NOW}0100CADBV1.50|AOx|AA1|AD***|"),
        (f"11NN{NOW}{' ' * 18}AOx|AA1|AB2|BOYADs3cret|", None),
        ("65AOx|AA1|ADs3cret|", "65AOx|AA1|AD***|"),  # its date is missing
        ("XXADs3cret|ACs3cret", "XXAD***|AC***"),
        ("9300CNkiosk^COs3cret^", "9300CNkiosk^CO***"),  # another delimiter than was said
        (f"23001{NOW}AOx|AA1|ads3cret|", f"23001{NOW}AOx|AA1|ad***|"),
        (f"12ONUY{NOW}AO|AA1|AB2|AJAD 79, by Co|AH|", f"12ONUY{NOW}AO|AA1|AB2|AJAD 79, by Co|AH|"),
        ("9900802.00\x1b[2J", "9900802.00\\x1b[2J"),
    ],
)
def test_shows_a_line_without_its_secrets(line: str, visible: str | None) -> None:
    seen = shown(line.encode(), PLAIN)

    assert "s3cret" not in seen
    assert visible is None or seen == visible


@pytest.mark.parametrize(
    "line",
    [
        f"63001{NOW}  Y       AO|AA1ADs3cret|BP1ADs3cret|ads3cret|",
        f"23001{NOW}AOx|AAp\tADs3cret|",
        f"23001{NOW}AOx|AAp0001ADs3cret|",
        f"23001{NOW}AOx^AAp^AC^ADs3cret^",
        "93COs3cret|CNkiosk|",
        "930COs3cret|CNk|",
        f"01{NOW} ADs3cret|",
        f"37{NOW}0100ADs3cret|",
        "23ADs3cret|AOxxxxxxxxxxxxxx|AAp|",
        "990080ADs3cret|",
    ],
)
def test_a_secret_that_ran_into_another_field_is_not_shown(line: str) -> None:
    read = read_line(line.encode(), PLAIN)

    told = [*described(read), json.dumps(as_object(read)), shown(line.encode(), PLAIN)]
    assert [each for each in [*told, repr(read.message)] if "s3cret" in each] == []


@given(st.binary())
def test_no_bytes_break_it(data: bytes) -> None:
    for line in (data, b"64" + data, b"11" + b" " * 38 + data):
        read = read_line(line, PLAIN)
        assert all(each.isprintable() for each in described(read))
        assert json.loads(json.dumps(as_object(read)))
        assert shown(line, PLAIN).isprintable()
