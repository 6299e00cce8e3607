"""The `config.json` that libraries have from the guide is read as it stands."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from bibliobus.app import opened
from bibliobus.config import Config, ConfigError, DatabaseConfig, read_config

GUIDES = """
{
    "integrations" : {
        "Postgres" : {
            "production_url" : "postgres://my_db_user:xyz@localhost:5432/my_circulation_db_name"
        },
        "OneClick" : {
            "username" : "…", "password" : "…", "library_id" : "1931", "remote_stage" : "qa",
            "url" : "https://api.oneclickdigital.us/", "basic_token" : "c2VjcmV0",
            "ebook_loan_length" : "21", "eaudio_loan_length" : "14"
        },
    }
}
"""


@pytest.fixture(autouse=True)
def _what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def read(folder: Path, text: str) -> Config:
    path = folder / "config.json"
    path.write_text(text)
    return read_config(path)


def changed(folder: Path, **changes: object) -> Config:
    """The guide's, with other values in its OneClick block; None: without."""
    document: dict[str, Any] = json.loads(GUIDES.replace("},\n    }", "}\n    }"))
    block = document["integrations"]["OneClick"] | changes
    document["integrations"]["OneClick"] = {k: v for k, v in block.items() if v is not None}
    return read(folder, json.dumps(document))


def test_as_the_guide_prints_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = read(tmp_path, GUIDES)

    assert config.database.url == "postgres://my_db_user:xyz@localhost:5432/my_circulation_db_name"
    ((name, collection),) = config.oneclick.items()
    assert name == "oneclick"
    assert collection.library_id == 1931
    assert collection.api == "https://api.oneclickdigital.us/v1"
    assert collection.basic_token().reveal() == "c2VjcmV0"
    assert (collection.ebook_loan_length, collection.eaudio_loan_length) == (21, 14)
    assert [each.getMessage() for each in caplog.records] == [
        "config.json: a comma stands before a closing bracket; read without it"
    ]


def test_a_stage_that_contradicts_the_url_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = changed(tmp_path, remote_stage="production")

    assert config.oneclick["oneclick"].api == "https://api.oneclickdigital.us/v1"
    assert "remote_stage says production and url leads to qa; the url counts" in caplog.text


def test_a_stage_does_without_a_url(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert changed(tmp_path, url=None).oneclick["oneclick"].api == (
        "https://api.oneclickdigital.us/v1"
    )
    assert changed(tmp_path, url=None, remote_stage="production").oneclick["oneclick"].api == (
        "https://api.oneclickdigital.com/v1"
    )
    assert caplog.text == ""


def test_what_is_of_no_use_here_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(tmp_path, GUIDES.replace('"Postgres"', '"Overdrive": {"x": 1}, "Postgres"'))
    changed(tmp_path, colour="blue")

    assert "the integration Overdrive is of no use here" in caplog.text
    assert "OneClick.colour is of no use here" in caplog.text


def test_commas_in_texts_stay(tmp_path: Path) -> None:
    config = changed(tmp_path, basic_token="a,]b,}", username='",}')

    assert config.oneclick["oneclick"].basic_token().reveal() == "a,]b,}"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"library_id": "Wethersfield"}, "`integrations.OneClick.library_id` is no number"),
        ({"library_id": None}, "library_id"),
        ({"library_id": "-3"}, "library_id"),
        ({"ebook_loan_length": [21]}, "`integrations.OneClick.ebook_loan_length` is no number"),
        ({"basic_token": 5}, "token"),
        ({"basic_token": None}, "say in exactly one way what the token is"),
        ({"url": 5}, "url"),
        ({"url": "ftp://x"}, "`url` must begin with https://"),
        ({"url": None, "remote_stage": None}, "`url` is missing"),
        ({"remote_stage": "moon"}, "`integrations.OneClick.remote_stage` is qa or production"),
    ],
)
def test_a_wrong_kind_says_where(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ConfigError) as told:
        changed(tmp_path, **changes)

    assert complaint in str(told.value)
    assert str(tmp_path / "config.json") in str(told.value)
    assert "c2VjcmV0" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "Expecting property name"),
        ("[]", "it has no block `integrations`"),
        ("{}", "it has no block `integrations`"),
        ('{"integrations": {"OneClick": 3}}', "`integrations.OneClick` is no block"),
        ('{"integrations": {"Postgres": {}}}', "`integrations.Postgres.production_url` is missing"),
    ],
)
def test_what_is_no_guides_file_says_so(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read(tmp_path, text)


async def test_its_library_gets_an_institution(tmp_path: Path, database_url: str) -> None:
    """The guide names none, and everything of ours has one."""
    config = changed(tmp_path)
    there = Config(database=DatabaseConfig(url=database_url), oneclick=config.oneclick)

    async with opened(there) as app:
        assert list(app.institutions) == ["MAIN"]
