"""Where terminals connect, from where they may, and how they begin: TLS, proxies, prompts."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from bibliobus.app import check, opened, serving
from bibliobus.config import Config, ConfigError, DatabaseConfig, SIPConfig
from bibliobus.terminals import Caller, Limits, ListenerSettings, revoke_account
from tests.support import QUICK, SETTINGS, Library
from tests.terminals.doors import (
    ABROAD,
    HERE,
    LOGIN,
    STATUS,
    Doors,
    a_door,
    closed_within,
    proxied,
    reset,
)
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture

PROXIED = ListenerSettings(address=HERE, proxies=("127.0.0.0/8",))

# ------------------------------------------------ TLS


@dataclass
class Authority:
    """A certificate authority of the test's own."""

    folder: Path

    def __post_init__(self) -> None:
        self._make("authority", "-x509", "-addext", "basicConstraints=critical,CA:TRUE")

    def certificate(self, name: str, days: int = 2) -> tuple[str, str]:
        """The files of a certificate of this name, and of its key."""
        self._make(name, "-addext", "subjectAltName=DNS:localhost")
        signer = ("-CA", self.file("authority.pem"), "-CAkey", self.file("authority.key"))
        openssl("x509", "-req", "-in", self.file(f"{name}.pem"), "-out", self.file(f"{name}.pem"),
                *signer, "-days", str(days), "-copy_extensions", "copy")  # fmt: skip
        return self.file(f"{name}.pem"), self.file(f"{name}.key")

    def fingerprint(self, name: str) -> str:
        shown = openssl(
            "x509", "-in", self.file(f"{name}.pem"), "-noout", "-fingerprint", "-sha256"
        )
        return shown.strip().partition("=")[2]

    def client(self, name: str | None = None) -> ssl.SSLContext:
        """A terminal that knows the authority, and shows a certificate, if any."""
        context = ssl.create_default_context(cafile=self.file("authority.pem"))
        if name is not None:
            context.load_cert_chain(self.file(f"{name}.pem"), self.file(f"{name}.key"))
        return context

    def file(self, name: str) -> str:
        return str(self.folder / name)

    def _make(self, name: str, *more: str) -> None:
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-keyout", self.file(f"{name}.key"),
                "-out", self.file(f"{name}.pem"), *more)  # fmt: skip


def openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("the program openssl is not installed: NO TEST OF TLS WAS RUN")
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    for name in ("server", "kiosk", "other"):
        authority.certificate(name)
    return authority


@pytest.fixture
def encrypted(authority: Authority) -> ListenerSettings:
    return ListenerSettings(
        address=HERE, certificate=authority.file("server.pem"), key=authority.file("server.key")
    )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_terminal_speaks_over_tls(
    library: Library, authority: Authority, encrypted: ListenerSettings, version: ssl.TLSVersion
) -> None:
    client = authority.client()
    client.minimum_version = client.maximum_version = version
    async with a_door(library, encrypted) as doors:
        terminal = await (await doors.connect(client)).login()

        assert (await terminal.send(STATUS)).startswith("98Y")
        protocol, cipher = terminal.writer.get_extra_info("cipher")[1::-1]
        assert protocol == {ssl.TLSVersion.TLSv1_2: "TLSv1.2"}.get(version, "TLSv1.3")
        assert "GCM" in cipher or "CHACHA20" in cipher


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256:AES256-SHA"),  # no forward secrecy
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA"),  # CBC
    ],
)
async def test_old_versions_and_weak_ciphers_are_refused(
    library: Library,
    authority: Authority,
    encrypted: ListenerSettings,
    version: ssl.TLSVersion,
    ciphers: str,
) -> None:
    client = authority.client()
    client.set_ciphers(ciphers)
    client.minimum_version = client.maximum_version = version
    async with a_door(library, encrypted) as doors:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await doors.connect(client)


async def test_a_handshake_that_stalls_is_given_up(
    library: Library, encrypted: ListenerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_door(library, encrypted) as doors:
        silent, plain = await doors.connect(), await doors.connect()
        await plain.send_bytes(LOGIN.encode() + b"\r")

        await closed_within(plain, 2)
        assert await closed_within(silent, 12) > 5
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("wanted", "shown", "comes_in"),
    [
        ("optional", None, True),
        ("optional", "kiosk", True),
        ("optional", "stranger", False),
        ("required", "kiosk", True),
        ("required", "stranger", False),
        ("required", None, False),
    ],
)
async def test_a_certificate_may_be_wanted(
    library: Library,
    authority: Authority,
    tmp_path: Path,
    wanted: str,
    shown: str | None,
    comes_in: bool,
) -> None:
    settings = ListenerSettings(
        address=HERE, certificate=authority.file("server.pem"), key=authority.file("server.key"),
        client_authority=authority.file("authority.pem"), client_certificates=wanted,  # type: ignore[arg-type]
    )  # fmt: skip
    client = authority.client(shown if shown == "kiosk" else None)
    if shown == "stranger":
        client.load_cert_chain(*Authority(tmp_path).certificate("stranger"))
    async with a_door(library, settings) as doors:
        try:
            terminal = await doors.connect(client)
            answer = await terminal.send(LOGIN)
        except (ssl.SSLError, ConnectionError):
            answer = ""

        assert answer == ("941" if comes_in else "")


async def test_an_account_may_be_bound_to_certificates(
    library: Library, authority: Authority, encrypted: ListenerSettings
) -> None:
    pinned = authority.fingerprint("kiosk")
    await library.terminal_account("kiosk", "kiosk", certificates=[pinned])
    settings = ListenerSettings(
        address=HERE, certificate=encrypted.certificate, key=encrypted.key,
        client_authority=authority.file("authority.pem"),
    )  # fmt: skip
    async with a_door(library, settings) as doors, a_door(library) as plain:
        right, wrong, none = [
            await doors.connect(authority.client(name)) for name in ("kiosk", "other", None)
        ]

        assert await right.send(LOGIN) == "941"
        assert await wrong.send(LOGIN) == "940"
        assert await none.send(LOGIN) == "940"
        assert await (await plain.abroad()).send(LOGIN) == "940"

        await library.terminal_account("kiosk", "kiosk", certificates=["ab" * 32])
        await library.app.accounts.refresh()
        assert await right.send(STATUS) == ""  # from now on it is another's


@pytest.mark.parametrize(
    ("certificate", "key", "authority_file"),
    [
        ("missing.pem", None, None),
        ("server.pem", None, None),  # has no key in it
        ("server.pem", "kiosk.key", None),
        ("server.pem", "locked.key", None),
        ("broken.pem", "server.key", None),
        ("server.pem", "server.key", "missing.pem"),
        ("server.pem", "server.key", "broken.pem"),
    ],
)
def test_wrong_files_are_told_before_anything_is_opened(
    authority: Authority, certificate: str, key: str | None, authority_file: str | None
) -> None:
    Path(authority.file("broken.pem")).write_text("-----BEGIN nonsense")
    openssl("ec", "-in", authority.file("server.key"), "-aes256", "-passout", "pass:x",
            "-out", authority.file("locked.key"))  # fmt: skip
    settings = ListenerSettings(
        address=HERE,
        certificate=authority.file(certificate),
        key=key and authority.file(key),
        client_authority=authority_file and authority.file(authority_file),
    )

    with pytest.raises(ConfigError) as wrong:
        check(Config(sip=SIPConfig(listeners=(settings,))))

    assert HERE in str(wrong.value)
    assert certificate in str(wrong.value)


# ------------------------------------------------ networks


@pytest.mark.parametrize("address", ["0.0.0.0:6001", "[::]:6001", "192.0.2.1:6001", ":6001"])
def test_plain_sip2_is_for_this_machine_unless_networks_are_listed(address: str) -> None:
    with pytest.raises(ValueError, match="plain SIP2 has names and PINs"):
        ListenerSettings(address=address)

    ListenerSettings(address=address, allow_plaintext_networks=("192.0.2.0/24",))
    ListenerSettings(address=address, certificate="server.pem")
    ListenerSettings(address=address, proxies=("192.0.2.9/32",))


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0", "[::1]:0"])
def test_plain_sip2_needs_nothing_on_this_machine(address: str) -> None:
    ListenerSettings(address=address)


def own_address() -> str | None:
    """An address of this machine that is not a loopback one; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        found: str = probe.getsockname()[0]
    return None if found.startswith("127.") else found


@pytest.mark.parametrize("listed", [True, False])
async def test_only_listed_networks_come_in_without_tls(library: Library, listed: bool) -> None:
    if (address := own_address()) is None:
        pytest.skip("this machine has no address but 127.0.0.1")
    networks = (f"{address}/32",) if listed else ("203.0.113.0/24", "2001:db8::/32")
    settings = ListenerSettings(address=f"{address}:0", allow_plaintext_networks=networks)
    async with a_door(library, settings) as doors:
        terminal = await doors.connect()

        assert await terminal.send(LOGIN) == ("941" if listed else "")


@pytest.mark.parametrize(
    ("networks", "address", "comes_in"),
    [
        ([], "10.1.2.3", True),
        ([], "fd00::7", True),
        ([], "8.8.8.8", False),
        ([], "2600::1", False),
        ([], "::ffff:8.8.8.8", False),
        ([], "127.0.0.1", True),
        (["8.8.8.0/24"], "8.8.8.8", True),
        (["8.8.8.0/24"], "::ffff:8.8.8.8", True),
        (["8.8.8.0/24"], "8.8.9.8", False),
        (["8.8.8.0/24"], "10.1.2.3", False),
        (["2600:1::/32", "8.8.8.8/32"], "2600:1::9", True),
        (["2600:1::/32", "8.8.8.8/32"], "2600:2::9", False),
        (["::/0"], "8.8.8.8", False),
    ],
)
async def test_an_account_has_networks(
    library: Library, networks: list[str], address: str, comes_in: bool
) -> None:
    await library.terminal_account("kiosk", "kiosk", networks=networks)
    async with a_door(library) as doors:
        terminal = await doors.abroad(address)

        assert await terminal.send(LOGIN) == ("941" if comes_in else "940")


# ------------------------------------------------ proxies

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def binary(command: bytes, family: bytes, addresses: bytes, more: bytes = b"") -> bytes:
    length = (len(addresses) + len(more)).to_bytes(2)
    return SIGNATURE + command + family + length + addresses + more


def from_4(address: str) -> bytes:
    return socket.inet_aton(address) + socket.inet_aton("127.0.0.1") + b"\x12\x34\x17\x71"


@pytest.mark.parametrize(
    ("header", "comes_in"),
    [
        (proxied("8.8.8.8"), True),
        (proxied("8.8.4.4"), False),
        (binary(b"\x21", b"\x11", from_4("8.8.8.8")), True),
        (binary(b"\x21", b"\x11", from_4("8.8.8.8"), b"\x04\0\x01x"), True),
        (binary(b"\x21", b"\x11", from_4("8.8.4.4")), False),
        (binary(b"\x20", b"\x00", b""), True),  # the proxy itself, which is this machine
        (b"PROXY UNKNOWN\r\n", True),
    ],
)
async def test_a_proxy_says_for_whom_it_connects(
    library: Library, header: bytes, comes_in: bool
) -> None:
    await library.terminal_account("kiosk", "kiosk", networks=["8.8.8.8/32"])
    async with a_door(library) as doors:
        whole, drop_by_drop = await doors.connect(), await doors.connect()

        await whole.send_bytes(header + LOGIN.encode() + b"\r")
        for byte in header + LOGIN.encode() + b"\r":
            await drop_by_drop.send_bytes(bytes([byte]))

        for each in (whole, drop_by_drop):
            assert await each.receive() == ("941" if comes_in else "940")


async def test_a_proxy_that_speaks_for_itself_is_not_this_machine(library: Library) -> None:
    if (address := own_address()) is None:
        pytest.skip("this machine has no address but 127.0.0.1")
    await library.terminal_account("kiosk", "kiosk", networks=["8.8.8.8/32"])
    settings = ListenerSettings(address=f"{address}:0", proxies=(f"{address}/32",))
    async with a_door(library, settings) as doors:
        for header in (b"PROXY UNKNOWN\r\n", binary(b"\x20", b"\x00", b"")):
            terminal = await doors.connect()
            await terminal.send_bytes(header)
            assert await terminal.send(LOGIN) == "940"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"PROXY TCP4 8.8.8.8\r\n",
        b"PROXY TCP4 8.8.8.8 127.0.0.1 4711 6001\n",
        b"PROXY TCP4 fd00::1 127.0.0.1 4711 6001\r\n",
        b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
        b"\n" + proxied(ABROAD),
        binary(b"\x21", b"\x11", from_4("8.8.8.8")[:4]),
        binary(b"\x31", b"\x11", from_4("8.8.8.8")),
        binary(b"\x21", b"\x11", from_4("8.8.8.8"), bytes(600)),
    ],
)
async def test_what_is_no_header_is_the_end(library: Library, header: bytes) -> None:
    async with a_door(library) as doors:
        terminal = await doors.connect()
        await terminal.send_bytes(header + LOGIN.encode() + b"\r")

        assert await terminal.receive() == ""


@pytest.mark.parametrize("beginning", [b"", b"PROXY TCP4 ", SIGNATURE])
async def test_a_header_that_does_not_come_is_not_waited_for(
    library: Library, beginning: bytes
) -> None:
    async with a_door(library) as doors:
        terminal = await doors.connect()
        await terminal.send_bytes(beginning)

        assert await closed_within(terminal, 4) > 1.5


@pytest.mark.parametrize("end", ["eof", "reset"])
async def test_who_leaves_before_the_header_is_no_fault(
    library: Library, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    before = asyncio.all_tasks()
    async with a_door(library) as doors:
        for beginning in (b"", b"PROXY TCP4 "):
            terminal = await doors.connect()
            await terminal.send_bytes(beginning)
            if end == "reset":
                await reset(terminal)
            else:
                terminal.writer.write_eof()
                await closed_within(terminal, 1)
        await doors.kiosk()
    assert asyncio.all_tasks() == before
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_whoever_is_no_proxy_cannot_say_for_whom(library: Library) -> None:
    settings = ListenerSettings(address=HERE, proxies=("192.0.2.1/32",))
    async with a_door(library, settings) as doors, a_door(library, ANYWHERE) as without:
        assert await closed_within(await doors.abroad(), 1) >= 0

        forged = await without.abroad()  # to a listener without proxies it is an unknown message
        assert await forged.send(STATUS) == ""


ANYWHERE = ListenerSettings(address=HERE)

# ------------------------------------------------ telnet

TELNET = ListenerSettings(address=HERE, proxies=PROXIED.proxies, telnet=True)


async def prompted(doors: Doors, *lines: bytes) -> bytes:
    """What a client is told that sends these lines, each after a prompt, until the end."""
    terminal = await doors.abroad()
    told = b""
    for line in lines:
        told += await terminal.reader.readuntil(b": ")
        await terminal.send_bytes(line)
    terminal.writer.write_eof()
    async with asyncio.timeout(5):
        return told + await terminal.reader.read()


async def test_a_telnet_client_answers_prompts_and_then_speaks_sip2(library: Library) -> None:
    async with a_door(library, TELNET) as doors:
        told = await prompted(
            doors, b"\xff\xfd\x01\xff\xfb\x03kiosk\r\n", b"kiosk\r\0" + STATUS.encode() + b"\r"
        )

        assert told.startswith(b"login: password: Login OK.  Initiating SIP\r\n98Y")


async def test_a_telnet_client_may_send_all_at_once(library: Library) -> None:
    async with a_door(library, TELNET) as doors:
        terminal = await doors.abroad()
        await terminal.send_bytes(b"kiosk\r\nkiosk\r\n" + STATUS.encode() + b"\r")

        greeting = await terminal.reader.readuntil(b"SIP\r\n")
        assert greeting == b"login: password: Login OK.  Initiating SIP\r\n"
        assert (await terminal.receive()).startswith("98Y")


async def test_a_telnet_client_has_three_attempts(library: Library) -> None:
    async with a_door(library, TELNET) as doors:
        wrong = (b"kiosk\r\n", b"wrong\r\n")

        told = await prompted(doors, *wrong * 3)
        second = await prompted(doors, *wrong * 2, b"kiosk\r\n", b"kiosk\r\n")

        again = b"login: password: Invalid login\r\n"
        assert told == again * 3
        assert second == again * 2 + b"login: password: Login OK.  Initiating SIP\r\n"


@pytest.mark.parametrize("flood", [b"x" * 5000, b"\xff\xfa" * 3000, b"\r" * 5000])
async def test_a_telnet_client_cannot_say_too_much(library: Library, flood: bytes) -> None:
    async with a_door(library, TELNET) as doors:
        terminal = await doors.abroad()
        await terminal.send_bytes(flood)

        await closed_within(terminal, 2)


async def test_a_telnet_client_has_so_much_time(library: Library) -> None:
    async with a_door(library, TELNET, limits=Limits(login_seconds=0.5)) as doors:
        terminal = await doors.abroad()
        await terminal.send_bytes(b"kiosk\r\n")

        assert await closed_within(terminal, 2) > 0.4


# ------------------------------------------------ without a login


async def test_a_listener_may_be_an_accounts_own(library: Library) -> None:
    settings = ListenerSettings(address=HERE, proxies=PROXIED.proxies, account="kiosk")
    await library.terminal_account("kiosk", "kiosk", networks=[f"{ABROAD}/32"])
    await library.app.accounts.refresh()
    async with a_door(library, settings) as doors:
        terminal, other = await doors.abroad(), await doors.abroad("203.0.113.8")

        assert (await terminal.send(STATUS)).startswith("98Y")
        assert await other.send(STATUS) == ""

        await library.app.database.write(lambda tx: revoke_account(tx, "kiosk"))
        began = time.monotonic()
        watching = asyncio.create_task(library.app.accounts.watch(0.1))
        await closed_within(terminal, 2)
        assert time.monotonic() - began < 1.3
        assert await closed_within(await doors.abroad(), 1) >= 0
        watching.cancel()


async def test_a_silent_terminal_of_an_accounts_own_listener_is_idle(library: Library) -> None:
    settings = ListenerSettings(address=HERE, account="kiosk")
    await library.app.accounts.refresh()
    async with a_door(library, settings, limits=Limits(idle_seconds=0.5)) as doors:
        assert await closed_within(await doors.connect(), 2) > 0.4


async def test_a_listener_may_answer_99_before_a_login(library: Library) -> None:
    settings = ListenerSettings(address=HERE, proxies=PROXIED.proxies, status_before_login="MAIN")
    async with a_door(library, settings) as doors, a_door(library) as strict:
        terminal = await doors.abroad()

        assert "AOMAIN" in await terminal.send(STATUS)
        assert "AOMAIN" in await (await terminal.login()).send(STATUS)
        other = await doors.abroad()
        assert "AOMAIN" in await other.send(STATUS)
        assert await other.send("2300120260301    093000AOMAIN|AAada|AC|") == ""
        assert await (await strict.abroad()).send(STATUS) == ""


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (ListenerSettings(address=HERE, account="nobody"), "there is no terminal 'nobody'"),
        (ListenerSettings(address=HERE, status_before_login="X"), "there is no institution 'X'"),
    ],
)
async def test_a_listener_of_nobody_is_told(
    tmp_path: Path, settings: ListenerSettings, complaint: str
) -> None:
    url = f"sqlite:///{tmp_path / 'library.db'}"
    config = Config(database=DatabaseConfig(url=url), institutions={"MAIN": SETTINGS})
    async with opened(config, hasher=QUICK) as app:
        with pytest.raises(ConfigError, match=complaint):
            async with serving(app, SIPConfig(listeners=(settings,))):
                pass


@pytest.mark.parametrize(
    ("login", "answer"),
    [("CPdesk|", "941"), ("CP|", "940"), ("", "940")],
)
async def test_an_account_may_have_to_say_where_it_stands(
    library: Library, login: str, answer: str
) -> None:
    await library.terminal_account("kiosk", "kiosk", location_code="required")
    async with a_door(library) as doors:
        assert await (await doors.abroad()).send(LOGIN + login) == answer


# ------------------------------------------------ secrets


async def test_no_way_in_writes_a_secret_into_the_log(
    library: Library,
    authority: Authority,
    encrypted: ListenerSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    await library.patron("ada", pin="c4nary-pin")
    await library.terminal_account("kiosk", "c4nary-password")
    limits = Limits(login_seconds=0.5, message_seconds=0.3, answer_seconds=0.5)
    login = "9300CNkiosk|COc4nary-{}|"
    question = "2300120260301    093000AOMAIN|AAada|AC|ADc4nary-{}|"
    checkout = "11NN20260302    100000                  AOMAIN|AAada|ABx|ACc4nary|ADc4nary-{}|"
    async with (
        a_door(library, limits=limits) as doors,
        a_door(library, TELNET, limits=limits) as telnet,
        a_door(library, encrypted) as tls,
    ):
        for terminal in (await doors.abroad(), await tls.connect(authority.client())):
            assert await terminal.send(login.format("wrong")) == "940"
            assert await terminal.send(login.format("password")) == "941"
            for text in (question, checkout):
                for pin in ("pin", "wrong", "x" * 2000):
                    assert await terminal.send(text.format(pin), sequence=1)
            await terminal.send_bytes(question.format("pin").encode() + b"AY1AZ0000\r")
            await terminal.receive()
            await terminal.send_bytes(question.format("half").encode()[:-1])
            if terminal is doors.came[0]:
                await closed_within(terminal, 3)
        await prompted(telnet, b"kiosk\r\n", b"c4nary-password\r\n" + question.encode() + b"\r")
        await prompted(telnet, b"kiosk\r\n", b"c4nary-wrong\r\n")
        stranger = await doors.abroad()
        await stranger.send_bytes(login.format("y" * 5000).encode() + b"\r")
        await closed_within(stranger, 3)
        header = await doors.connect()
        await header.send_bytes(login.format("header").encode() + b"\r")
        await closed_within(header, 3)

    assert "closed" in caplog.text
    assert "c4nary" not in caplog.text
    assert "ada" not in caplog.text.replace("loada", "")


async def test_a_login_may_have_another_delimiter_and_line_end(library: Library) -> None:
    await library.terminal_account("old", "old", delimiter="^", terminator="crlf")
    settings = ListenerSettings(address=HERE, dialect="koha", delimiter="^")
    async with a_door(library, settings) as doors:
        terminal = await doors.connect()

        await terminal.send_bytes(b"9300CNold^COold^CPdesk^\r9900802.00\r")

        assert await terminal.reader.readexactly(5) == b"941\r\n"
        assert (await terminal.receive()).startswith("98YYY")


def test_this_machine_is_not_what_a_distant_proxy_calls_so() -> None:
    here, distant = ip_address("127.0.0.1"), ip_address("203.0.113.9")

    assert Caller(here).is_here
    assert not Caller(here, by_proxy=True).is_here
    assert not Caller(distant).is_here


async def test_a_terminal_that_speaks_of_itself_first_is_still_known_after_its_login(
    library: Library,
) -> None:
    settings = ListenerSettings(address=HERE, status_before_login="MAIN")
    async with a_door(library, settings) as doors:
        terminal = await doors.connect()

        before = await terminal.send("9900401.00")
        await terminal.login()
        status = await terminal.send("2300120260301    093000AOMAIN|AAnobody|AC|")

        assert "1.00AOMAIN" in before
        assert "BL" not in status  # which SIP 1.00 does not have
