"""What an operator may say of a vendor's collection."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec
import pytest

from bibliobus.ils.secret import Secret
from bibliobus.oneclick.settings import CollectionSettings


def settings(**given: object) -> CollectionSettings:
    """As they are read from a file."""
    usual = {"library_id": 1931, "token": "T0ken"}
    return msgspec.convert(usual | given, CollectionSettings)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.oneclickdigital.us",
        "https://api.oneclickdigital.us/",
        "https://api.oneclickdigital.us/v1",
        " HTTPS://API.oneclickdigital.us/V1/ ",
    ],
)
def test_the_address_may_have_its_version_or_not(url: str) -> None:
    assert settings(url=url).api == "https://api.oneclickdigital.us/v1"


def test_an_address_may_have_a_path_of_its_own() -> None:
    assert settings(url="http://[::1]:8080/a/v1").api == "http://[::1]:8080/a/v1"
    assert settings(url="http://localhost/a").api == "http://localhost/a/v1"


@pytest.mark.parametrize(
    ("era", "stage", "host"),
    [
        ("E1", "production", "api.oneclickdigital.com"),
        ("E1", "qa", "api.oneclickdigital.us"),
        ("E2", "production", "api.rbdigital.com"),
        ("E4", "qa", "api.rbdigitalstage.com"),
    ],
)
def test_without_an_address_the_stage_tells(era: str, stage: str, host: str) -> None:
    assert settings(era=era, stage=stage).api == f"https://{host}/v1"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "say where the vendor's API is"),
        ({"url": "http://api.oneclickdigital.us"}, "must begin with https"),
        ({"url": "http://127.0.0.1.example.org"}, "must begin with https"),
        ({"url": "ftp://x"}, "must begin with https"),
        ({"url": "https://"}, "must begin with https"),
        ({"url": "https://x:y"}, "no address"),
        ({"url": "https://ada:pw@x"}, "must have no user"),
        ({"url": "https://x?token=1"}, "must have no user"),
        ({"url": "https://x", "token": None}, "in exactly one way"),
        ({"url": "https://x", "token": ""}, "in exactly one way"),
        ({"url": "https://x", "token_file": "f"}, "in exactly one way"),
        ({"url": "https://x", "library_id": 0}, "library_id"),
        ({"url": "https://x", "ebook_loan_length": 0}, "ebook_loan_length"),
        ({"url": "https://x", "era": "E5"}, "era"),
    ],
)
def test_what_could_not_be_used_is_refused(given: dict[str, object], problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem) as caught:
        settings(**given)

    assert "T0ken" not in str(caught.value)


def test_the_token_is_as_it_was_issued_and_never_shown() -> None:
    given = settings(stage="qa", token="f0E1-Canary")

    assert given.basic_token() == Secret("f0E1-Canary")
    assert "Canary" not in repr(given)


def test_the_token_may_be_in_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    file = tmp_path / "token"
    file.write_text("T0ken\n")
    file.chmod(0o600)
    given = settings(stage="qa", token=None, token_file=str(file))

    assert given.basic_token() == Secret("T0ken")
    assert not caplog.records

    file.chmod(0o644)
    assert given.basic_token() == Secret("T0ken")
    assert "can be read by others" in caplog.text


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    given = settings(stage="qa", token=None, token_file=str(tmp_path / "none"))

    with pytest.raises(ValueError, match="cannot be read: No such file"):
        given.basic_token()


def test_the_token_may_be_in_the_environment() -> None:
    given = settings(stage="qa", token=None, token_variable="PATH")  # which everybody has

    assert given.basic_token() == Secret(os.environ["PATH"])


def test_a_variable_that_is_not_there() -> None:
    given = settings(stage="qa", token=None, token_variable="ONECLICK_TOKEN_OF_NOBODY")

    with pytest.raises(ValueError, match="empty"):
        given.basic_token()


@pytest.mark.parametrize("token", ["a b", "a\nb", "é", " "])
def test_a_token_that_would_break_a_header(token: str) -> None:
    with pytest.raises(ValueError, match="no token has"):
        settings(stage="qa", token=token).basic_token()
