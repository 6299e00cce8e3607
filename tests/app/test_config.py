"""One configuration file, whose mistakes are told by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bibliobus.app import check
from bibliobus.config import (
    Config,
    ConfigError,
    DatabaseConfig,
    HealthConfig,
    SIPConfig,
    read_config,
)
from bibliobus.ils.library import (
    Calendar,
    HoldPolicy,
    InstitutionSettings,
    LoanRule,
    PatronLimits,
)
from bibliobus.oneclick import CollectionSettings
from bibliobus.terminals import AccountSettings, Limits, ListenerSettings, settings_of
from bibliobus.terminals.listening import host_and_port

EXAMPLE = Path(__file__).parents[2] / "examples/bibliobus.toml"


def test_the_example_has_every_setting() -> None:
    config = read_config(EXAMPLE)

    text = EXAMPLE.read_text()
    for record in (
        DatabaseConfig, SIPConfig, ListenerSettings, Limits, HealthConfig, InstitutionSettings,
        AccountSettings, LoanRule, PatronLimits, Calendar, HoldPolicy, CollectionSettings,
    ):  # fmt: skip
        for name in record.__struct_fields__:
            assert re.search(rf"{name}( = |\]|\.)", text), name
    assert config.database == DatabaseConfig()
    assert config.sip.listeners[:1] == SIPConfig().listeners
    assert config.sip.limits == Limits()
    usual = settings_of(None, {}, InstitutionSettings())
    theirs = settings_of(None, {}, config.institutions["MAIN"])
    for name in ("role", "disclosure", "hold_items", "location_code", "connections", "greeting"):
        assert getattr(theirs, name) == getattr(usual, name)
    assert len(config.institutions["MAIN"].rules()) == 2
    ebooks, fewest = (
        config.oneclick["ebooks"],
        CollectionSettings(library_id=1, url="https://x", token="t"),
    )
    for name in ("era", "ebook_loan_length", "spool", "scheduled", "delta_hours", "import_days"):
        assert getattr(ebooks, name) == getattr(fewest, name)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[databse]", "there is no setting databse; did you mean 'database'?"),
        ("[database]\nuri = 'x'", "there is no setting database.uri; did you mean 'url'?"),
        (
            "[institutions.M.loans]\nloan_day = 3",
            "there is no setting institutions.M.loans.loan_day; did you mean 'loan_days'?",
        ),
        ("[sip]\nzzzz = 1", "there is no setting sip.zzzz; known are listeners, limits."),
        ("[[sip.listeners]]\nadress = 'x'", "sip.listeners.adress; did you mean 'address'?"),
        ("[[sip.listeners]]\naddress = '0.0.0.0:1'", "plain SIP2 has names and PINs"),
        ("[[sip.listeners]]\naddress = '0.0.0.0:1'\nproxies = ['x']", "`proxies`: 'x' does not"),
        ("[[sip.listeners]]\ndialect = 'klingon'", "there is no dialect 'klingon'; there are"),
        ("[institutions.M]\ntimeout = 'x'", "Expected `int`, got `str`"),
        ("[institutions.M]\ntime_zone = 'Europe/Pariss'", "there is no time zone 'Europe/Pariss'"),
        ("[database", "Expected ']'"),
        ("[database.url]\nx = 1", "Expected `str`, got `object`"),
        ("database = 3", "Expected `object`, got `int`"),
        ("[institutions.M]\nencoding = 'utf-16'", "'utf-16' is no encoding that keeps ASCII"),
    ],
)
def test_tells_a_mistake_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "bibliobus.toml"
    file.write_text(text)

    with pytest.raises(ConfigError) as wrong:
        read_config(file)

    assert str(file) in str(wrong.value)
    assert complaint in str(wrong.value)


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").touch()

    assert read_config(tmp_path / "empty.toml") == Config()


def test_reads_addresses() -> None:
    address = host_and_port
    assert address("127.0.0.1:6001") == ("127.0.0.1", 6001)
    assert address("[::1]:6001") == ("::1", 6001)
    for wrong in ("6001", "host:", "host:x", "host:70000"):
        with pytest.raises(ValueError, match="is no address"):
            address(wrong)


def test_health_is_told_to_this_machine_alone() -> None:
    check(Config(health=HealthConfig(listen="127.0.0.1:6080")))

    with pytest.raises(ConfigError, match="is not of this machine alone"):
        check(Config(health=HealthConfig(listen="0.0.0.0:6080")))
