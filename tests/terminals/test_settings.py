"""Each setting of an account: what terminals are answered with it and without it.

`CASES` has one for every setting that shows in an answer, `STORIES` the others.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest

from bibliobus.app import add_terminal, opened
from bibliobus.config import Config, ConfigError, DatabaseConfig
from bibliobus.ils.library import AccountEntry, InstitutionSettings
from bibliobus.terminals import Limits, ListenerSettings, TerminalsDoor, settings_of
from bibliobus.terminals.accounts import Account, Caller
from bibliobus.terminals.settings import AccountSettings
from tests.acceptance.conftest import run
from tests.support import Library, Terminal
from tests.terminals import test_collections
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture
from tests.terminals.saying import (
    checkin,
    checkout,
    hold,
    information,
    item,
    pay,
    renew,
    status,
)

Connect = Callable[[], Awaitable[Terminal]]
Before = Callable[[Library], Awaitable[None]]

EVE = "Eve|Snake\nin Zoé"


async def nothing(library: Library) -> None:
    """The library as it is."""


async def on_loan(library: Library) -> None:
    """Ada has both items."""
    for each in ("1", "2"):
        await library.loan("ada", each)


async def held(library: Library) -> None:
    """Ada waits for both, which are out."""
    for each in ("1", "2"):
        await library.loan("ben", each)
        await library.hold("ada", each)


async def owing(library: Library) -> None:
    """Ada owes something."""
    await library.fee("ada", "2.50", "A new card")


class Case(NamedTuple):
    """Two accounts ask the same, one of them with the setting; item 1 is for the one without."""

    given: object
    ask: Callable[[str], str]
    without: str  # regular expressions
    with_it: str
    before: Before = nothing


NO_LIST = information("ada", AD="1234")

CASES: Mapping[str, Case] = {
    # how it is written to
    "encoding": Case("ascii", lambda _: status("eve", AD="1234"), "Zoé", "Zoe"),
    "delimiter": Case("^", lambda _: "9900802.00", r"AOMAIN\|AM", r"AOMAIN\^AM"),
    "delimiter_replacement": Case("/", lambda _: status("eve", AD="1234"), "AEEve Sn", "AEEve/Sn"),
    "control_replacement": Case("-", lambda _: status("eve", AD="1234"), "Snake in", "Snake-in"),
    "error_detection": Case("required", lambda _: "9900802.00", "^98", "^96"),
    "unknown_messages": Case("ask again", lambda _: "ZZ\r9900802.00", "^98", "^96"),
    "version": Case("1.00", lambda _: status("ada", AD="1234"), "BLY", "^24((?!BL).)*$"),
    "max_field_length": Case(5, lambda _: NO_LIST, r"AELovelace, Ada\|", r"AELovel\|"),
    "zone": Case("0000", lambda _: NO_LIST, r"^64.{17}\d{8}    \d{6}", r"^64.{17}\d{8}0000\d{6}"),
    "hide_fields": Case(["BD"], lambda _: NO_LIST, "BD1 Library Lane", "^64((?!BD).)*BEada@"),
    "allow_fields": Case(["BL"], lambda _: NO_LIST, "BEada@", r"AELovelace, Ada\|BLY\|$"),
    "due_date": Case("%d.%m.%y", item, r"AH\d{4}-\d\d-\d\d\|", r"AH\d\d\.\d\d\.\d\d\|", on_loan),
    "entry": Case(
        "{title}",
        lambda _: information("ada", 2, AD="1234"),
        r"AU1\|AU2\|",
        "AUMiddlemarch",
        on_loan,
    ),
    "hold_entry": Case(
        "<{title}>", lambda _: information("ada", 5, AD="1234"), "CDMiddle", "CD<Middlemarch>", held
    ),
    "fee_entry": Case(
        "{amount}: {title}",
        lambda _: information("ada", 3, AD="1234"),
        r"AV\d+ 2\.50 other A new card\|",
        r"AV2\.50: A new card\|",
        owing,
    ),
    # who it is
    "role": Case("gate", lambda _: NO_LIST, "AELovelace", "^64YYYY.*AFThe library's system cannot"),
    "messages": Case(["17"], lambda _: NO_LIST, "AELovelace", "^64YYYY.*AFThe library's system c"),
    "location_code": Case("ignore", lambda _: "9900802.00", r"ANdesk\|", r"^98((?!ANdesk).)*$"),
    "other_institutions": Case(
        "refuse",
        lambda _: status("ada", AD="1234").replace("AOMAIN", "AOELSEWHERE"),
        "AELovelace",
        r"^24YYYY.*AOMAIN.*AE\|.*AFThis terminal belongs to another library\.",
    ),
    # what it is told of patrons
    "disclosure": Case("legacy", lambda _: information("ada"), r"AE\|BLY", "AELovelace.*BD1 Lib"),
    "allow_empty_passwords": Case(
        True, lambda _: status("ada", AD=""), r"AE\|.*CQN", "AELovelace.*CQY"
    ),
    "require_password": Case(
        True, lambda n: checkout("ada", n), "^121", r"^120NUN.*BLY\|AFPlease enter your PIN\."
    ),
    "permit_loans": Case(True, lambda _: status("ben", AD="1234"), "^24YY Y  ", "^24   Y  "),
    "permit_all": Case(True, lambda _: status("ben", AD="1234"), "^24YY Y  ", "^24 {14}0"),
    "holds_get_captured": Case(False, checkin, "^101Y.Y.*CV01", "^101Y.Y.*CV99", held),
    "disallow_overpayment": Case(True, lambda _: pay("ada", "9.00"), "^38Y", "^38N", owing),
    "hold_items": Case(
        "all",
        lambda _: information("ada", 0, AD="1234"),
        "^64.{35}0000((?!AS).)*$",
        r"^64.{35}0002.*ASMiddlemarch\|ASEmma\|",
        held,
    ),
    "hold_available": Case(False, lambda n: hold("+", "ada", AB=n), "^161Y", "^161N.*BR1", nothing),
    "personal_name": Case("{ptype}: {name}", lambda _: NO_LIST, "AELove", "AEadult: Lovelace"),
    "patron_fields": Case(
        {"XP": "{ptype}/{home_library}"},
        lambda _: NO_LIST,
        "^64((?!XP).)*$",
        r"\|XPadult/North\|",
    ),
    "status_fields": Case(
        True,
        lambda _: status("ada", AD="1234"),
        "^24((?!AQ|PC|PI|XI).)*$",
        r"AQNorth\|PCadult\|PIY\|XI\d+\|",
    ),
    "greeting": Case(
        "Hello, {name}!", lambda _: NO_LIST, "^64((?!AF).)*$", r"AFHello, Lovelace, Ada!\|"
    ),
    "screen_messages": Case(
        [{"find": "desk", "replace": "info point"}, {"find": "This card .*lost. "}],
        lambda n: checkout("cyd", n),
        r"AFThis card was reported lost\. Please ask at the desk\.\|",
        r"AFPlease ask at the info point\.\|",
    ),
    # what it is told of items
    "item_fields": Case({"XC": "{call_number}"}, item, "^18((?!XC).)*$", r"\|XCQA 76\|"),
    "checked_in_ok": Case(True, checkin, "^100YNY.*CV99.*AF", "^101YNN((?!CV|AF).)*$"),
    "alert_when_not_on_loan": Case(False, checkin, "^100YNY.*CV99", "^100YNN((?!CV).)*AF"),
    "cv_send_00_on_success": Case(True, checkin, "^101YNN((?!CV).)*$", r"^101YNN.*CV00\|", on_loan),
    "ct_always_send": Case(True, checkin, "^101YNN((?!CT).)*$", r"^101YNN.*CT\|", on_loan),
    "hold_slip": Case(
        False, checkin, r"CV01.*CYada\|DALovelace, Ada\|", "CV01((?!CY|DA).)*$", held
    ),
    "hold_patron_name": Case(
        "{id}, please", checkin, r"DALovelace, Ada\|", r"DAada, please\|", held
    ),
    "sort_bins": Case(["*:item_type:=:book:9"], checkin, r"CL1\|", r"CL9\|", on_loan),
    "unknown_pickup_location": Case(
        "echo",
        lambda n: hold("+", "ada", AB=n, BS="Taylor"),
        r"^160N.*BSTaylor.*AFHolds cannot be picked up there\.",
        "^161.*BSTaylor((?!AF).)*$",
    ),
    "item_id_filter": Case("^T-?", lambda n: item(f"T-{n}"), r"^1801.*AJ\|", "^1803.*AJEmma"),
    "patron_id_filter": Case(" *P$", lambda _: status("ada P", AD="1234"), "BLN", "AAada.*BLY"),
    # what it is told of us
    "timeout": Case(77, lambda _: "9900802.00", "^98.{6}100003", "^98.{6}077003"),
    "retries": Case(9, lambda _: "9900802.00", "^98.{6}100003", "^98.{6}100009"),
    "library_name": Case("North", lambda _: "9900802.00", r"AMTest Library\|", r"AMNorth\|"),
}


@pytest.fixture
def settings() -> InstitutionSettings:
    """Two branches, and a sorter's rule."""
    return InstitutionSettings(
        name="Test Library",
        time_zone="Europe/Paris",
        status_update_ok=True,
        branches={"North": ("desk",), "South": ()},
        sort_bins=("*:item_type:=:book:1",),
        terminals={"role": "all"},
        overpayment="credit",
    )


@pytest.fixture
async def people(library: Library) -> Library:
    """A library with patrons and items."""
    await library.patron(
        "ada", name="Lovelace, Ada", address="1 Library Lane", email="ada@example.org",
        home_library="North", internet="Y", patron_class="adult",
    )  # fmt: skip
    await library.patron("ben", charge_ok=False, renew_ok=False, recall_ok=False, hold_ok=False)
    await library.patron("cyd", card_lost=True)
    await library.patron("eve", name=EVE)
    for id, title in (("1", "Middlemarch"), ("2", "Emma")):
        await library.item(id, title, item_type="book", call_number="QA 76")
    return library


@pytest.mark.parametrize("name", CASES)
async def test_shows_in_the_answer(people: Library, connect: Connect, name: str) -> None:
    given, ask, without, with_it, before = CASES[name]
    await people.terminal_account("other", "other", settings={name: given})
    await before(people)
    plain, other = await connect(), await connect()
    await plain.login()
    await other.login("other", "other")

    answer, another = await plain.send(ask("1")), await other.send(ask("2"))

    assert re.search(without, answer), answer
    assert re.search(with_it, another), another


async def test_the_terminator_may_have_a_line_feed(people: Library, connect: Connect) -> None:
    await people.terminal_account("other", "other", terminator="crlf")
    plain, other = await connect(), await connect()
    await plain.login()
    await other.login("other", "other")
    for terminal, second in ((plain, "98"), (other, "\n98")):
        await terminal.send("9900802.00")
        assert (await terminal.send("9900802.00")).startswith(second)


@asynccontextmanager
async def terminal_from(address: str, library: Library) -> AsyncIterator[Connect]:
    """Connects as if from there, through a proxy that says so."""
    door = TerminalsDoor(library.app.institutions, library.app.accounts)
    listener = ListenerSettings(address="127.0.0.1:0", proxies=("127.0.0.0/8",))
    where = await door.listen(listener)
    opened: list[Terminal] = []

    async def connect() -> Terminal:
        opened.append(await Terminal.connect(where))
        await opened[-1].send_bytes(f"PROXY TCP4 {address} 127.0.0.1 5000 6001\r\n".encode())
        return opened[-1]

    yield connect
    for terminal in opened:
        await terminal.close()
    await door.close()


async def test_an_account_is_for_its_networks(people: Library) -> None:
    await people.terminal_account("other", "other", networks=["8.8.0.0/16"])
    for address, plain, other in (
        ("10.1.2.3", "941", "940"),
        ("8.8.8.8", "940", "941"),
    ):
        async with terminal_from(address, people) as connect:
            assert await (await connect()).send("9300CNkiosk|COkiosk|") == plain
            assert await (await connect()).send("9300CNother|COother|") == other


async def test_an_account_has_so_many_connections(people: Library) -> None:
    await people.terminal_account("other", "other", connections=1)
    async with terminal_from("10.1.2.3", people) as connect:
        for login, second in (("kiosk", "941"), ("other", "940")):
            assert await (await connect()).send(f"9300CN{login}|CO{login}|") == "941"
            assert await (await connect()).send(f"9300CN{login}|CO{login}|") == second


def test_an_account_is_for_who_shows_its_certificate() -> None:
    shown = "ab" * 32
    as_openssl_writes_it = ":".join(["AB"] * 32)
    settings = AccountSettings(certificates=(as_openssl_writes_it,))
    plain = Account(login="plain", institution="MAIN")
    other = Account(login="other", institution="MAIN", settings=settings)
    here = ip_address("127.0.0.1")

    assert plain.admits(Caller(here))
    assert not other.admits(Caller(here))
    assert not other.admits(Caller(here, "cd" * 32))
    assert other.admits(Caller(here, shown))


STORIES = {
    "terminator": test_the_terminator_may_have_a_line_feed,
    "networks": test_an_account_is_for_its_networks,
    "connections": test_an_account_has_so_many_connections,
    "certificates": test_an_account_is_for_who_shows_its_certificate,
    "offer_edition": test_collections.test_offers_the_e_book_of_a_copy_that_cannot_be_had,
}


def test_every_setting_has_a_case_or_a_story() -> None:
    assert {*CASES} | {*STORIES} == {*AccountSettings.__struct_fields__}
    assert not {*CASES} & {*STORIES}


async def test_a_terminal_may_have_to_say_where_it_stands(
    people: Library, connect: Connect
) -> None:
    await people.terminal_account("other", "other", location_code="required")
    terminal = await connect()

    assert await terminal.send("9300CNother|COother|") == "940"
    assert await terminal.send("9300CNother|COother|CP|") == "940"
    assert await terminal.send("9300CNother|COother|CPdesk|") == "941"


async def test_an_unknown_message_may_end_the_connection(people: Library, connect: Connect) -> None:
    await people.terminal_account("other", "other", unknown_messages="close")
    terminal = await (await connect()).login("other", "other")

    assert await terminal.send("ZZ") == ""


@pytest.mark.parametrize(
    "ask",
    [checkout("ada", "1"), renew("ada", AB="1"), hold("+", "ada", AB="1")],
    ids=["checkout", "renew", "hold"],
)
async def test_an_empty_pin_is_as_none_where_one_is_wanted(
    people: Library, connect: Connect, ask: str
) -> None:
    await people.terminal_account("strict", "x", require_password=True)
    await people.terminal_account("lax", "x", require_password=True, allow_empty_passwords=True)
    strict, lax = await connect(), await connect()
    await strict.login("strict", "x")
    await lax.login("lax", "x")

    assert "AFPlease enter your PIN.|" in await strict.send(f"{ask}AD|")
    assert "AFPlease enter your PIN.|" not in await lax.send(f"{ask}AD|")
    assert "AFPlease enter your PIN.|" in await lax.send(ask)


async def test_what_is_replaced_by_nothing_is_not_said(people: Library, connect: Connect) -> None:
    await people.terminal_account("other", "other", screen_messages=[{"find": ".*card.*"}])
    terminal = await (await connect()).login("other", "other")

    assert "|AF" not in await terminal.send(status("nobody"))


class Slow:
    """An ILS that takes its time."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name in ("supports", "check_inst_id"):
            return lambda *_: False

        async def wait(*_: object, **__: object) -> None:
            await asyncio.sleep(30)

        return wait


async def test_what_is_said_when_nobody_answers_is_replaced_as_well(people: Library) -> None:
    await people.terminal_account(
        "other", "other", screen_messages=[{"find": "desk", "replace": "info point"}]
    )
    whole = people.app.institutions["MAIN"]
    slow = replace(whole, ils=Slow())  # type: ignore[arg-type] # that is its point
    door = TerminalsDoor({"MAIN": slow}, people.app.accounts, Limits(answer_seconds=0.1))
    address = await door.listen(ListenerSettings(address="127.0.0.1:0"))
    terminal = await (await Terminal.connect(address)).login("other", "other")

    assert "Please ask at the info point.|" in await terminal.send(status("ada"))

    await terminal.close()
    await door.close(grace=0)


async def test_a_patron_to_whom_there_is_something_to_say_is_not_greeted(
    people: Library, connect: Connect
) -> None:
    await people.patron("dot", screen_msg="A parcel waits for you.")
    await people.terminal_account("other", "other", greeting="Hello!")
    terminal = await (await connect()).login("other", "other")

    assert (await terminal.send(status("dot", AD="1234"))).endswith("AFA parcel waits for you.|")
    assert "|AF" not in await terminal.send(status("dot"))  # who has no PIN is not told


async def test_permit_all_still_tells_of_a_card_that_is_no_good(
    people: Library, connect: Connect
) -> None:
    await people.patron("old", expires="2020-01-01")
    await people.terminal_account("other", "other", permit_all=True)
    terminal = await (await connect()).login("other", "other")

    assert (await terminal.send(status("old", AD="1234"))).startswith("24YYYY ")
    assert (await terminal.send(status("cyd", AD="1234"))).startswith("24YYYYY")


BAD: list[tuple[dict[str, object], str]] = [
    ({"rolle": "gate"}, r"a terminal has no setting 'rolle'; did you mean 'role'\?"),
    ({"anything": 1}, r"a terminal has no setting 'anything'$"),
    ({"role": "king"}, r"Invalid enum value 'king' - at `\$\.role`"),
    ({"messages": ["1"]}, r"at `\$\.messages\[0\]`"),
    ({"messages": ["77"]}, "`messages`: there is no message 77"),
    ({"networks": ["home"]}, "`networks`: 'home' does not appear to be"),
    ({"certificates": ["ab"]}, "`certificates`: 'ab' is no SHA-256 fingerprint"),
    ({"connections": 0}, r"`int` >= 1 - at `\$\.connections`"),
    ({"disclosure": "all"}, r"Invalid enum value 'all' - at `\$\.disclosure`"),
    ({"permit_all": "yes"}, r"Expected `bool`, got `str` - at `\$\.permit_all`"),
    ({"personal_name": "{nom}"}, r"\{nom\} in '\{nom\}': known are address, birth_on"),
    ({"greeting": "{pin}"}, r"\{pin\} in '\{pin\}': known are address"),
    ({"hold_patron_name": "{address}"}, r"\{address\} in '\{address\}': known are id, name"),
    ({"patron_fields": {"x": "{id}"}}, "'x' is no field's name: two capitals or digits"),
    ({"patron_fields": {"XX": "{nom}"}}, r"\{nom\} in '\{nom\}'"),
    ({"item_fields": {"XX": "{name}"}}, r"\{name\} in '\{name\}': known are call_number"),
    ({"sort_bins": ["a rule"]}, "`sort_bins`: 'a rule' is no rule: branch:field:operator:value"),
    ({"item_id_filter": "("}, r"'\(' is no regular expression"),
    ({"screen_messages": [{"find": "("}]}, r"'\(' is no regular expression.*\$\.screen_messages"),
    ({"screen_messages": [{"find": "a", "replace": r"\1"}]}, "'a' is no regular expression"),
    ({"screen_messages": [{"with": "a"}]}, r"\$\.screen_messages\[0\]"),
    ({"timeout": 1000}, r"`int` <= 999 - at `\$\.timeout`"),
    ({"encoding": "utf-16"}, "'utf-16' is no encoding that keeps ASCII as it is"),
    ({"delimiter": "A"}, "delimiter 'A': one printable ASCII character, no letter"),
    ({"delimiter_replacement": "|"}, r"replacement '\|': printable ASCII without the delimiter"),
    ({"terminator": "lf"}, r"Invalid enum value 'lf' - at `\$\.terminator`"),
    ({"zone": "UTC"}, "zone 'UTC': four blanks or 0000"),
    ({"version": "3"}, r"at `\$\.version`"),
    ({"hide_fields": ["bd"]}, "'bd' is no field's name"),
    ({"entry": "{isbn}"}, r"\{isbn\} in '\{isbn\}': known are due_date, item_id, title"),
    ({"fee_entry": "{price}"}, r"\{price\} in '\{price\}': known are amount, fee_id"),
    ({"max_field_length": 0}, r"at `\$\.max_field_length`"),
]


@pytest.mark.parametrize(("given", "sentence"), BAD)
def test_refuses_what_nobody_can_follow(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        settings_of(None, given, InstitutionSettings())


async def test_whoever_gives_a_wrong_setting_is_told_and_nothing_is_written(
    library: Library,
    database_url: str,  # noqa: F811 - the fixture
) -> None:
    wrong: dict[str, object] = {"role": "king"}
    entry = AccountEntry(login="new", password="x", institution="MAIN", settings=wrong)
    elsewhere = {"B": InstitutionSettings(terminals=wrong)}

    with pytest.raises(ConfigError, match=r"terminal new: .*'king'.*\$\.role"):
        await add_terminal(library.app, entry)
    with pytest.raises(ConfigError, match=r"terminal new: .*'king'.*\$\.role"):
        await library.terminal_account("new", "x", settings=wrong)
    with pytest.raises(ConfigError, match=r"institution B: .*'king'.*\$\.role"):
        async with opened(
            Config(database=DatabaseConfig(url=database_url), institutions=elsewhere)
        ):
            pass

    await library.app.accounts.refresh()
    assert [account.login for account in library.app.accounts.all()] == ["kiosk"]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("rolle=gate", "a terminal has no setting 'rolle'; did you mean 'role'?"),
        ("timeout=soon", "Expected `int | null`, got `str` - at `$.timeout`"),
        ("timeout", "--set timeout: write NAME=VALUE."),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, option: str, said: str) -> None:
    config = tmp_path / "bibliobus.toml"
    config.write_text(
        f'database = {{ url = "sqlite:///{tmp_path / "library.db"}" }}\n[institutions.MAIN]\n'
    )

    told = run("terminal", "add", "new", "--config", str(config), "--set", option)

    assert told.returncode != 0
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_the_command_takes_texts_numbers_and_lists(tmp_path: Path) -> None:
    config = tmp_path / "bibliobus.toml"
    config.write_text(
        f'database = {{ url = "sqlite:///{tmp_path / "library.db"}" }}\n[institutions.MAIN]\n'
    )

    added = run(
        "terminal", "add", "new", "--config", str(config), "--role", "sorter", "--set", "zone=0000",
        "--set", "timeout=50", "--set", 'hide_fields=["BD", "BE"]', "--set", "greeting=Hello!",
    )  # fmt: skip
    listed = run("terminal", "list", "--config", str(config))

    assert added.returncode == 0, added.stderr
    assert listed.stdout == "new: sorter, MAIN\n"


def test_the_command_changes_what_is_said_and_leaves_the_rest(tmp_path: Path) -> None:
    config = tmp_path / "bibliobus.toml"
    url = f"sqlite:///{tmp_path / 'library.db'}"
    config.write_text(
        f'database = {{ url = "{url}" }}\n[institutions.MAIN.terminals]\nrole = "gate"\n'
    )
    pin = "ab" * 32

    added = run(
        "terminal", "add", "new", "--config", str(config), "--location", "desk",
        "--set", f'certificates=["{pin}"]',
    )  # fmt: skip
    changed = run("terminal", "add", "new", "--config", str(config), "--set", "timeout=50")
    another = run("terminal", "add", "new", "--config", str(config), "--new-password")
    config.write_text(f'database = {{ url = "{url}" }}\n[institutions.MAIN.terminals]\n')
    listed = run("terminal", "list", "--config", str(config))  # which writes nothing
    settings = asyncio.run(_settings_of(url, "new"))

    assert "Its password:" in added.stdout
    assert "Its password:" not in changed.stdout
    assert "Its password:" in another.stdout
    assert listed.stdout == "new: gate, MAIN, desk\n"
    assert (settings.timeout, settings.certificates) == (50, (pin,))


async def _settings_of(url: str, login: str) -> AccountSettings:
    async with opened(Config(database=DatabaseConfig(url=url))) as app:
        account = app.accounts.current(login)
        assert account is not None
        return account.settings


def test_the_account_decides_before_the_institution_and_that_before_its_preset() -> None:
    plain = InstitutionSettings()
    theirs = InstitutionSettings(dialect="openncip", terminals={"disclosure": "minimal"})

    of_preset = settings_of("openncip", {}, plain)
    of_institution = settings_of(None, {}, theirs)
    of_account = settings_of(None, {"disclosure": "legacy", "role": "gate"}, theirs)
    of_its_own_preset = settings_of("openncip", {}, theirs)

    assert (of_preset.disclosure, of_preset.role) == ("legacy", "all")
    assert (of_institution.disclosure, of_institution.role) == ("minimal", "all")
    assert (of_account.disclosure, of_account.role) == ("legacy", "gate")
    assert of_its_own_preset.disclosure == "legacy"
    assert settings_of(None, {}, plain) == AccountSettings()
