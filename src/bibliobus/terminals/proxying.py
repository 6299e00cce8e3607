"""The PROXY protocol, versions 1 and 2: a proxy says first for whom it connects.

Whoever can send a header can claim any address, so a listener reads one only from proxies that it
knows, and from those always: nothing here guesses whether there is one.

Source: HAProxy, "The PROXY protocol, versions 1 & 2", section 2. The checksum among version 2's
additions (2.2.3) is skipped with all others.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

LONGEST = 536  # bytes: a header should fit into the smallest TCP segment that all must accept
LONGEST_LINE = 107  # bytes of version 1, CR LF included

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = 16  # bytes of version 2 before the addresses
_LOCAL, _PROXY = 0x20, 0x21  # version and command
_TCP4, _TCP6 = 0x11, 0x21  # family and transport
_ADDRESSES = {  # bytes that the addresses take; what follows them is skipped
    0x00: 0,  # unspecified
    _TCP4: 12,
    0x12: 12,  # UDP
    _TCP6: 36,
    0x22: 36,  # UDP
    0x31: 216,  # UNIX, stream and datagram
    0x32: 216,
}
_UNKNOWN = b"PROXY UNKNOWN"
_BEGINNINGS = (b"PROXY TCP4 ", b"PROXY TCP6 ", _UNKNOWN)
_LINE = re.compile(
    rb"PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})"
)

Address = IPv4Address | IPv6Address


class NoProxyHeader(Exception):
    """What came is not a header, and why: hang up."""


class Proxied(NamedTuple):
    """A header that was read."""

    address: Address | None  # None: the proxy speaks for itself, or not for a TCP client
    rest: bytes  # the client's own first bytes


class _Header(NamedTuple):
    address: Address | None
    length: int


class ProxyHeader:
    """Reads the header at the beginning of one connection."""

    def __init__(self) -> None:
        self._arrived = b""

    def feed(self, data: bytes) -> Proxied | None:
        """Take bytes as they arrive, until the header is whole; None until then.

        Raises:
            NoProxyHeader: As soon as nothing that may still come could make a header of it.
        """
        self._arrived += data
        header = _read(self._arrived[:LONGEST])
        return header and Proxied(header.address, self._arrived[header.length :])


def _read(head: bytes) -> _Header | None:
    if _begins(head, _SIGNATURE):
        return _read_binary(head)
    if any(_begins(head, each) for each in _BEGINNINGS):
        return _read_line(head[:LONGEST_LINE])
    raise NoProxyHeader("it begins like no PROXY header")


def _begins(head: bytes, mark: bytes) -> bool:
    """Whether `head` has `mark` at its beginning, as far as it has come."""
    return head[: len(mark)] == mark[: len(head)]


def _read_binary(head: bytes) -> _Header | None:
    local, family = head[12:13] == bytes([_LOCAL]), head[13:14]
    if len(head) > 12 and head[12] not in (_LOCAL, _PROXY):
        raise NoProxyHeader(f"version and command {head[12]:#04x}")
    if family and not local and family[0] not in _ADDRESSES:
        raise NoProxyHeader(f"family and transport {family[0]:#04x}")
    if len(head) < _FIXED:
        return None
    length = _FIXED + int.from_bytes(head[14:_FIXED])
    if length > LONGEST:
        raise NoProxyHeader(f"a header of {length} bytes, which is more than {LONGEST}")
    if not local and length < _FIXED + _ADDRESSES[family[0]]:
        raise NoProxyHeader(f"a header of {length} bytes, which has no room for its addresses")
    if len(head) < length:
        return None
    if local or family[0] not in (_TCP4, _TCP6):
        return _Header(None, length)
    return _Header(_plain(ip_address(head[16:20] if family[0] == _TCP4 else head[16:32])), length)


def _read_line(head: bytes) -> _Header | None:
    line, _, after = head.partition(b"\r")
    if b"\n" in line or not _begins(after, b"\n"):
        raise NoProxyHeader("a line that does not end with CR LF")
    if not after:
        if len(head) == LONGEST_LINE:
            raise NoProxyHeader(f"a line of more than {LONGEST_LINE} bytes")
        return None
    length = len(line) + 2
    if line == _UNKNOWN or line.startswith(_UNKNOWN + b" "):
        return _Header(None, length)
    return _Header(_source(line), length)


def _source(line: bytes) -> Address:
    found = _LINE.fullmatch(line)
    if found is None or max(int(found[4]), int(found[5])) > 0xFFFF:
        raise NoProxyHeader("not two addresses and two ports")
    version = IPv4Address if found[1] == b"4" else IPv6Address
    try:
        source, _ = (version(each.decode()) for each in found.group(2, 3))
    except ValueError as error:
        raise NoProxyHeader("an address that is none, or not of its family") from error
    return _plain(source)


def _plain(address: Address) -> Address:
    """An IPv4 address that came in the clothes of IPv6, as itself."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
