"""The scripts of the guide: its names, its configuration, and nothing else said."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bibliobus.sandbox.vendor import Vendor, VendorSettings, serving_vendor

BIN = Path(__file__).parents[2] / "bin"
if not (BIN.parent / ".venv/bin/bibliobus").exists():
    pytest.skip("NOT RUN: there is no .venv beside bin", allow_module_level=True)


@pytest.fixture
async def vendor(tmp_path: Path) -> AsyncIterator[Vendor]:
    """A vendor, and a folder with a `config.json` that leads to it."""
    vendor = Vendor.open(None, VendorSettings(token="of-the-guide"))
    async with serving_vendor(vendor) as url:
        document = {
            "integrations": {
                "Postgres": {"production_url": "sqlite:///library.db"},
                "OneClick": {
                    "username": "u", "password": "p", "library_id": "1931",
                    "remote_stage": "qa", "url": url, "basic_token": "of-the-guide",
                    "ebook_loan_length": "21", "eaudio_loan_length": "14",
                },
            }
        }  # fmt: skip
        (tmp_path / "config.json").write_text(json.dumps(document))
        yield vendor
    vendor.close()


async def script(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, [BIN / name], cwd=folder, capture_output=True, text=True, timeout=60
    )


async def test_fill_the_catalogue_and_keep_it_up(vendor: Vendor, tmp_path: Path) -> None:
    imported = await script("oneclick_library_import", tmp_path)
    watched = await script("oneclick_monitor_availability", tmp_path)
    delta = await script("oneclick_library_delta", tmp_path)

    assert imported.returncode == watched.returncode == delta.returncode == 0, imported.stderr
    assert "Importing the catalogue of library 1931" in imported.stdout
    assert " added, 0 updated, 0 unchanged, 0 withdrawn, 0 unreadable." in imported.stdout
    assert "Updating the availability of library 1931" in watched.stdout
    assert "Applying the catalogue's delta of library 1931" in delta.stdout
    assert vendor.calls["media/all"] == 1
    assert "of-the-guide" not in imported.stdout + imported.stderr


async def test_say_that_a_second_import_is_too_soon(vendor: Vendor, tmp_path: Path) -> None:
    await script("oneclick_library_import", tmp_path)

    again = await script("oneclick_library_import", tmp_path)

    assert again.returncode == 1
    assert "Say --again to fetch it all the same." in again.stderr
    assert vendor.calls["media/all"] == 1
