"""Listeners: where terminals connect, from where they may, and how they begin.

Source: spec/sip2 1.1; spec/reliability 6.1.
"""

from __future__ import annotations

import hashlib
import ssl
from asyncio import BaseTransport
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Literal

import msgspec

from bibliobus.sip2 import Dialect
from bibliobus.terminals.accounts import Address, Caller
from bibliobus.terminals.limits import Limits, Seconds
from bibliobus.terminals.settings import Network, preset

SIP_ADDRESS = "127.0.0.1:6001"
HANDSHAKE = 10.0  # seconds that TLS may take to begin


class ListenerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One address for terminals. Without a certificate it is plain SIP2, which anybody can read
    who is on the way: then from this machine only, unless networks are listed."""

    address: str = SIP_ADDRESS  # HOST:PORT
    certificate: str | None = None  # file (PEM), with whatever else leads to its authority
    key: str | None = None  # file (PEM); None: in the certificate's
    client_authority: str | None = None  # file (PEM) of whoever signs terminals' certificates
    client_certificates: Literal["optional", "required"] = "optional"
    allow_plaintext_networks: tuple[str, ...] = ()  # CIDR
    proxies: tuple[str, ...] = ()  # CIDR; whoever connects is one of them, and says PROXY first
    telnet: bool = False  # asks `login:` and `password:` before SIP2 begins
    account: str | None = None  # whose terminals connect here, without logging in
    status_before_login: str | None = None  # the institution that 99 is answered for before 93
    dialect: str | None = None  # a preset's name: how terminals are read and written to before 93
    delimiter: str | None = None  # of their logins, if it is another one
    login_seconds: Seconds | None = None  # instead of the limits'
    idle_seconds: Seconds | None = None  # instead of the limits'; 0: for ever

    def __post_init__(self) -> None:
        """Refuse what nobody can follow (ValueError; msgspec says where)."""
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self) -> Iterator[str]:
        try:
            host, _ = host_and_port(self.address)
        except ValueError as error:
            yield str(error)
            return
        for name in ("allow_plaintext_networks", "proxies"):
            for text in getattr(self, name):
                try:
                    ip_network(text)
                except ValueError as error:
                    yield f"`{name}`: {error}"
        if self.certificate is None and (self.key or self.client_authority):
            yield f"{self.address}: there is no `certificate` for the `key` or `client_authority`"
        if self.certificate is not None and self.proxies:
            yield f"{self.address}: a proxy that says PROXY ends TLS itself; drop `certificate`"
        open_to_all = not is_here(host) and not self.certificate
        if open_to_all and not self.allow_plaintext_networks and not self.proxies:
            yield (
                f"{self.address}: plain SIP2 has names and PINs for everybody on the way to read."
                " Give it a `certificate`, or list `allow_plaintext_networks` that you trust."
            )
        try:
            self.beginning()
        except ValueError as error:
            yield f"{self.address}: {error}"
        if self.client_certificates == "required" and self.client_authority is None:
            yield f"{self.address}: `client_certificates` need a `client_authority`"

    def beginning(self) -> Dialect:
        """How a terminal is read and written to until it has logged in.

        Raises:
            ValueError: There is no such dialect, or it could not be written.
        """
        dialect = preset(self.dialect)
        return dialect if self.delimiter is None else replace(dialect, delimiter=self.delimiter)


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener's settings, ready for use."""

    settings: ListenerSettings
    tls: ssl.SSLContext | None
    allowed: tuple[Network, ...]
    proxies: tuple[Network, ...]
    dialect: Dialect

    def limits(self, usual: Limits) -> Limits:
        """Those of the door, but for what the listener has its own way."""
        own = {name: getattr(self.settings, name) for name in ("login_seconds", "idle_seconds")}
        given = {name: value for name, value in own.items() if value is not None}
        return msgspec.structs.replace(usual, **given) if given else usual

    def is_proxy(self, address: Address | None) -> bool:
        """Whether a connection from there begins with a PROXY header."""
        return _within(address, self.proxies)

    def admits(self, caller: Caller) -> bool:
        """Whether this may be a terminal here."""
        plain = self.tls is None and not self.proxies
        return not plain or caller.is_here or _within(caller.address, self.allowed)


def listener(settings: ListenerSettings) -> Listener:
    """Read the files that the settings name.

    Raises:
        ValueError: One of them is missing, or is not what it should be.
    """
    return Listener(
        settings=settings,
        tls=None if settings.certificate is None else _tls(settings, settings.certificate),
        allowed=tuple(ip_network(text) for text in settings.allow_plaintext_networks),
        proxies=tuple(ip_network(text) for text in settings.proxies),
        dialect=settings.beginning(),
    )


def caller_of(transport: BaseTransport) -> Caller | None:
    """Who is at the other end of a socket; None if they have gone again: no address is not ours."""
    peer = transport.get_extra_info("peername")
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    shown = None if tls is None else tls.getpeercert(binary_form=True)
    if not peer:
        return None
    return Caller(
        address=_address(peer[0]),
        certificate=None if shown is None else hashlib.sha256(shown).hexdigest(),
    )


def host_and_port(text: str) -> tuple[str, int]:
    """`HOST:PORT`, the host in brackets if it is an IPv6 address.

    Raises:
        ValueError: It is not that.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is no address: write HOST:PORT, as {SIP_ADDRESS}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def written_address(host: str, port: int) -> str:
    """What `host_and_port` reads."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_here(host: str) -> bool:
    """Whether only this machine can connect to that address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(text: str) -> Address:
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _within(address: Address | None, networks: tuple[Network, ...]) -> bool:
    return address is not None and any(address in network for network in networks)


def _tls(settings: ListenerSettings, certificate: str) -> ssl.SSLContext:
    """TLS 1.2 with forward secrecy and authenticated encryption alone, or 1.3."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    try:
        key = settings.key and Path(settings.key)
        context.load_cert_chain(Path(certificate), key, password=_no_password)
        if settings.client_authority is not None:
            context.load_verify_locations(Path(settings.client_authority))
            required = settings.client_certificates == "required"
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    except (OSError, ValueError) as error:
        named = ", ".join(filter(None, (certificate, settings.key, settings.client_authority)))
        raise ValueError(f"{settings.address}: {error} ({named})") from None
    return context


def _no_password() -> str:
    """Instead of OpenSSL's own way, which is to ask whoever sits at the server."""
    raise ValueError("a key that needs a password cannot be used")
