"""The configuration: one TOML file, read into one record.

What an operator deploys stands here (doors, database, institutions, policies); what staff change
daily (terminal accounts, patrons, items) is in the database. See docs/adr/0008.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from bibliobus.ils.library import InstitutionSettings

SIP_ADDRESS = "127.0.0.1:6001"


class DatabaseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is kept."""

    url: str = "sqlite:///library.db"  # or postgresql://user@host/name


class SIPConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The terminals door."""

    listen: tuple[str, ...] = (SIP_ADDRESS,)  # "HOST:PORT" each


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    database: DatabaseConfig = DatabaseConfig()
    sip: SIPConfig = SIPConfig()
    institutions: Mapping[str, InstitutionSettings] = {}
    """By id. One that is in the database and not here keeps what the database has."""


class ConfigError(Exception):
    """A setting is wrong. The message says which, where, and what would be right."""


def read_config(path: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: It cannot be read, or has a key or a value that it may not have.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    _refuse_unknown_keys(path, document, Config)
    try:
        return msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT`, the host in brackets if it is an IPv6 address.

    Raises:
        ConfigError: It is not that.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{text!r} is no address: write HOST:PORT, as {SIP_ADDRESS}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _refuse_unknown_keys(path: Path, value: object, kind: Any, where: str = "") -> None:
    """Look through `value`, which is to become a `kind`, for keys that no record has."""
    if not isinstance(value, dict):
        return  # msgspec will say so, if it should be one
    if get_origin(kind) is Mapping:
        for key, inner in value.items():
            _refuse_unknown_keys(path, inner, get_args(kind)[1], f"{where}{key}.")
        return
    if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        return
    known = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, inner in value.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
            raise ConfigError(f"{path}: there is no setting {where}{key}; {hint}")
        _refuse_unknown_keys(path, inner, known[key], f"{where}{key}.")
