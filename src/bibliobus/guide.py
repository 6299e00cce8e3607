"""The `config.json` of the guide *OneClick Integration*, which libraries have: read as ours.

It has one block for each integration. Numbers are texts in it, its own sample has a comma too
many, and `postgres://` is what its database was called; all of that is understood.

Source: spec/oneclick-api 4.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

logger = logging.getLogger(__name__)

COLLECTION = "oneclick"

_TOO_MUCH = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')  # a comma, not in a text
_NUMBERS = ("library_id", "ebook_loan_length", "eaudio_loan_length")
_STAGES = {"qa": "qa", "test": "qa", "production": "production", "prod": "production"}
_HOSTS = {
    "qa": ("oneclickdigital.us", "rbdigitalstage.com", "rbdigitalqa.com"),
    "production": ("oneclickdigital.com", "rbdigital.com"),
}
_KNOWN = {
    "username", "password", "library_id", "remote_stage", "url", "basic_token",
    "ebook_loan_length", "eaudio_loan_length",
}  # fmt: skip


def read_guide(text: str) -> dict[str, Any]:
    """The document as our TOML would have it.

    Raises:
        ValueError: It cannot be read, and why.
    """
    document = json.loads(_without_commas(text))
    integrations = document.get("integrations") if isinstance(document, dict) else None
    if not isinstance(integrations, dict):
        raise ValueError("it has no block `integrations`, as the guide's config.json has one")
    ours: dict[str, Any] = {}
    for name, block in integrations.items():
        if not isinstance(block, dict):
            raise ValueError(f"`integrations.{name}` is no block")
        if name == "Postgres":
            ours["database"] = _database(block)
        elif name == "OneClick":
            ours["oneclick"] = {COLLECTION: dict(_collection(block))}
        else:
            logger.warning("config.json: the integration %s is of no use here", name)
    return ours


def _without_commas(text: str) -> str:
    cured = _TOO_MUCH.sub(lambda found: found[1] or "", text)
    if cured != text:
        logger.warning("config.json: a comma stands before a closing bracket; read without it")
    return cured


def _database(block: Mapping[str, Any]) -> dict[str, str]:
    url = block.get("production_url")
    if not isinstance(url, str):
        raise ValueError("`integrations.Postgres.production_url` is missing")
    return {"url": url}


def _collection(block: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in block.keys() - _KNOWN:
        logger.warning("config.json: OneClick.%s is of no use here", name)
    for name in _NUMBERS:
        if name in block:
            yield name, _number(name, block[name])
    if "basic_token" in block:
        yield "token", block["basic_token"]
    if "url" in block:
        yield "url", block["url"]
    stage = str(block.get("remote_stage", "")).lower()
    if stage:
        yield "stage", _stage(stage, str(block.get("url", "")))


def _number(name: str, value: object) -> int:
    try:
        return int(str(value).strip())
    except ValueError:
        raise ValueError(f"`integrations.OneClick.{name}` is no number: {value!r}") from None


def _stage(stage: str, url: str) -> str:
    """The vendor's own stage; the URL decides, whatever this says."""
    if stage not in _STAGES:
        raise ValueError(f"`integrations.OneClick.remote_stage` is qa or production, not {stage!r}")
    host = url.split("://", 1)[-1].split("/", 1)[0].lower()
    for each, hosts in _HOSTS.items():
        if host.endswith(hosts) and each != _STAGES[stage]:
            logger.warning(
                "config.json: remote_stage says %s and url leads to %s; the url counts", stage, each
            )
    return _STAGES[stage]
