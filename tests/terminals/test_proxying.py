"""A proxy says for whom it connects, in either version of the PROXY protocol."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bibliobus.terminals.proxying import LONGEST, NoProxyHeader, Proxied, ProxyHeader

SIGNATURE = bytes.fromhex("0D0A0D0A000D0A515549540A")
LOGIN = b"9300CNkiosk|COkiosk|\r"
TCP4, UDP4, TCP6, UDP6, UNIX, UNIX_DATAGRAM = 0x11, 0x12, 0x21, 0x22, 0x31, 0x32
ADA = IPv4Address("192.0.2.7")
GRACE = IPv6Address("2001:db8::7")


def binary(command: int, family: int, block: bytes = b"") -> bytes:
    """A header of version 2."""
    return SIGNATURE + bytes([command, family]) + len(block).to_bytes(2, "big") + block


def block(source: IPv4Address | IPv6Address, more: bytes = b"") -> bytes:
    """Two addresses, two ports, and what follows them."""
    return source.packed + source.packed + b"\xdc\x04\x17\x71" + more


def read(chunks: Iterable[bytes]) -> Proxied | None:
    """What is known when all `chunks` have come; those after the header are its rest."""
    header, done = ProxyHeader(), None
    for chunk in chunks:
        done = done._replace(rest=done.rest + chunk) if done else header.feed(chunk)
    return done


def one_by_one(data: bytes) -> list[bytes]:
    """The same bytes, each alone."""
    return [data[at : at + 1] for at in range(len(data))]


HEADERS = [
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 6001\r\n", ADA),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", IPv4Address(2**32 - 1)),
    (b"PROXY TCP6 2001:DB8::7 2001:db8::1 0 6001\r\n", GRACE),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 56324 6001\r\n", ADA),
    (b"PROXY TCP6 ::ffff:c000:207 ::1 56324 6001\r\n", ADA),
    (b"PROXY TCP6 " + b" ".join([b":".join([b"ffff"] * 8)] * 2) + b" 65535 65535\r\n",
     IPv6Address(2**128 - 1)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN whatever \xff\0 follows\r\n", None),
    (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", None),  # 107 bytes
    (binary(0x21, TCP4, block(ADA)), ADA),
    (binary(0x21, TCP6, block(GRACE)), GRACE),
    (binary(0x21, TCP6, block(IPv6Address("::ffff:192.0.2.7"))), ADA),
    (binary(0x21, TCP4, block(ADA, b"\x04\0\x03\0\0\0" + b"\x02\0\x07library")), ADA),
    (binary(0x21, TCP4, block(ADA, bytes(LONGEST - 28))), ADA),
    (binary(0x21, UDP4, block(ADA)), None),
    (binary(0x21, UDP6, block(GRACE)), None),
    (binary(0x21, UNIX, b"/run/kiosk".ljust(216, b"\0")), None),
    (binary(0x21, UNIX_DATAGRAM, bytes(216)), None),
    (binary(0x21, 0x00), None),
    (binary(0x21, 0x00, b"of no known kind"), None),
    (binary(0x20, 0x00), None),  # a health check of the proxy itself
    (binary(0x20, TCP4, block(ADA)), None),
    (binary(0x20, 0xFF, b"x"), None),  # the family of LOCAL means nothing
]  # fmt: skip
NO_HEADERS = [  # and how many bytes it takes to know
    (LOGIN, 1),
    (b"\x16\x03\x01", 1),  # TLS
    (b"\r\n93", 3),
    (b"\nPROXY", 1),
    (b"proxy TCP4 ", 1),
    (b"POST / HTTP/1.1\r\n", 2),
    (b"PROXY  TCP4", 7),
    (b"PROXY TCP5 ", 10),
    (b"PROXY TCP4\r\n", 11),
    (b"PROXY UDP4 ", 8),
    (b"PROXY UNK\r\n", 10),
    (b"PROXY UNKNOWN\n", 14),
    (b"PROXY UNKNOWN\r9300", 15),
    (b"PROXY UNKNOWN\r\r\n", 15),
    (b"PROXY UNKNOWNS\r\n", 16),
    (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", 107),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 6001\n", 42),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 56324\r\n", 38),
    (b"PROXY TCP4 192.0.2.7  192.0.2.1 56324 6001\r\n", 44),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 6001 \r\n", 44),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 65536\r\n", 44),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 65536 6001\r\n", 43),
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 056324 6001\r\n", 44),
    (b"PROXY TCP4 192.0.2.07 192.0.2.1 56324 6001\r\n", 44),
    (b"PROXY TCP4 192.0.2.256 192.0.2.1 56324 6001\r\n", 45),
    (b"PROXY TCP4 192.0.2.7 192.0.2 56324 6001\r\n", 41),
    (b"PROXY TCP4 ::1 ::1 56324 6001\r\n", 31),
    (b"PROXY TCP6 192.0.2.7 192.0.2.1 56324 6001\r\n", 43),
    (b"PROXY TCP6 fe80::1%eth0 ::1 56324 6001\r\n", 40),
    (b"PROXY TCP4 -1 192.0.2.1 56324 6001\r\n", 36),
    (SIGNATURE[:-1] + b"\r", 12),
    (binary(0x11, TCP4, block(ADA)), 13),
    (binary(0x22, TCP4, block(ADA)), 13),
    (binary(0x21, 0x13, block(ADA)), 14),
    (binary(0x21, 0x41, block(ADA)), 14),
    (binary(0x21, TCP4, block(ADA)[:-1]), 16),
    (binary(0x21, TCP6, block(ADA)), 16),
    (binary(0x21, UNIX, bytes(215)), 16),
    (binary(0x21, TCP4, bytes(LONGEST - 15)), 16),
    (binary(0x20, 0x00, bytes(65535)), 16),
]


@pytest.mark.parametrize(("header", "address"), HEADERS)
def test_tells_the_clients_address_and_what_follows_the_header(
    header: bytes, address: IPv4Address | IPv6Address | None
) -> None:
    assert read([header]) == (address, b"")
    assert read([header + LOGIN]) == (address, LOGIN)
    assert read(one_by_one(header + LOGIN)) == (address, LOGIN)


@pytest.mark.parametrize(("header", "_"), HEADERS)
def test_says_nothing_before_the_header_is_whole(header: bytes, _: object) -> None:
    assert read(one_by_one(header[:-1])) is None


@pytest.mark.parametrize(("data", "enough"), NO_HEADERS)
def test_refuses_anything_else_as_early_as_it_can_be_known(data: bytes, enough: int) -> None:
    header = ProxyHeader()
    for each in one_by_one(data)[: enough - 1]:
        assert header.feed(each) is None

    with pytest.raises(NoProxyHeader):
        header.feed(data[enough - 1 : enough])
    with pytest.raises(NoProxyHeader):
        ProxyHeader().feed(data)


def test_says_what_was_wrong_but_not_what_came() -> None:
    with pytest.raises(NoProxyHeader, match=r"^family and transport 0x41$"):
        ProxyHeader().feed(binary(0x21, 0x41))
    with pytest.raises(NoProxyHeader) as refused:
        ProxyHeader().feed(LOGIN)

    assert "kiosk" not in str(refused.value)


PORTS = st.integers(0, 65535)
FOUR, SIX = st.ip_addresses(v=4), st.ip_addresses(v=6)


@st.composite
def lines(draw: st.DrawFn) -> tuple[bytes, IPv4Address | IPv6Address | None]:
    """A header of version 1, and whom it names."""
    family = draw(st.sampled_from(["TCP4", "TCP6", "UNKNOWN"]))
    addresses = FOUR if family == "TCP4" else SIX
    source, target = draw(addresses), draw(addresses)
    ports = f"{draw(PORTS)} {draw(PORTS)}"
    line = f"PROXY {family} {source} {target} {ports}\r\n".encode()
    return line, None if family == "UNKNOWN" else source


@st.composite
def blocks(draw: st.DrawFn) -> tuple[bytes, IPv4Address | IPv6Address | None]:
    """A header of version 2, and whom it names."""
    command = draw(st.sampled_from([0x20, 0x21]))
    family, size, addresses = draw(
        st.sampled_from([(TCP4, 12, FOUR), (TCP6, 36, SIX), (UDP4, 12, None), (UDP6, 36, None),
                         (UNIX, 216, None), (UNIX_DATAGRAM, 216, None), (0, 0, None)])
    )  # fmt: skip
    more = draw(st.binary(max_size=LONGEST - 16 - size))
    if addresses is None:
        return binary(command, family, draw(st.binary(min_size=size, max_size=size)) + more), None
    source = draw(addresses)
    return binary(command, family, block(source, more)), source if command == 0x21 else None


@given(
    header=st.one_of(lines(), blocks()),
    rest=st.binary(max_size=40),
    cuts=st.lists(st.integers(0, 600), max_size=8),
)
def test_reads_every_header_however_it_was_cut(
    header: tuple[bytes, IPv4Address | IPv6Address | None], rest: bytes, cuts: list[int]
) -> None:
    data, address = header
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    at = [0, *sorted(cuts), len(data) + len(rest)]

    chunks = [(data + rest)[start:end] for start, end in pairwise(at)]

    assert read(chunks) == (address, rest)


ANYTHING = st.tuples(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN", SIGNATURE,
                     SIGNATURE + b"\x20", SIGNATURE + b"\x21\x11", SIGNATURE + b"\x21\x21\0\x24"]),
    st.one_of(
        st.binary(max_size=700),
        st.text("0123456789abcdef.: \r\n", max_size=120).map(str.encode),
    ),
    st.sampled_from([b"", b"\r\n"]),
).map(b"".join)  # fmt: skip


@given(ANYTHING)
@example(b"")
def test_makes_of_any_bytes_a_header_or_one_kind_of_error_and_the_same_in_any_pieces(
    data: bytes,
) -> None:
    found: list[Proxied | str | None] = []
    for chunks in ([data], one_by_one(data)):
        with contextlib.suppress(NoProxyHeader):
            found.append(read(chunks))
            continue
        found.append("refused")

    whole, in_pieces = found

    assert whole == in_pieces
    if isinstance(whole, Proxied):
        assert data.endswith(whole.rest)
        assert len(data) - len(whole.rest) <= LONGEST
    if whole is None:
        assert len(data) < LONGEST
