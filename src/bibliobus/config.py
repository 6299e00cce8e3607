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

from bibliobus.guide import read_guide
from bibliobus.ils.library import InstitutionSettings
from bibliobus.oneclick import CollectionSettings
from bibliobus.terminals import Limits, ListenerSettings


class DatabaseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is kept."""

    url: str = "sqlite:///library.db"  # or postgresql://user@host/name


class SIPConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The terminals door."""

    listeners: tuple[ListenerSettings, ...] = (ListenerSettings(),)
    limits: Limits = Limits()


class HealthConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What supervisors ask: `/live` and `/ready`, by HTTP, from this machine only."""

    listen: str | None = None  # HOST:PORT; None: nobody asks


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    database: DatabaseConfig = DatabaseConfig()
    sip: SIPConfig = SIPConfig()
    health: HealthConfig = HealthConfig()
    institutions: Mapping[str, InstitutionSettings] = {}
    """By id. One that is in the database and not here keeps what the database has."""
    oneclick: Mapping[str, CollectionSettings] = {}
    """What OneClickdigital lends, by a name of the library's own for each collection."""


class ConfigError(Exception):
    """A setting is wrong. The message says which, where, and what would be right."""


def read_config(path: Path) -> Config:
    """Read a configuration file: TOML, or the `config.json` that vendors' guides describe.

    Raises:
        ConfigError: It cannot be read, or has a key or a value that it may not have.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = read_guide(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:  # that of a decoder, too
        raise ConfigError(f"{path}: {error}") from error
    _refuse_unknown_keys(path, document, Config)
    try:
        return msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error


def _refuse_unknown_keys(path: Path, value: object, kind: Any, where: str = "") -> None:
    """Look through `value`, which is to become a `kind`, for keys that no record has."""
    if isinstance(value, list) and get_origin(kind) is tuple:
        for each in value:
            _refuse_unknown_keys(path, each, get_args(kind)[0], where)
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
