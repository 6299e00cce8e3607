"""Whoever writes an adapter can hold it to the contract, from a repository of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/write-an-adapter.md"


def test_the_smallest_adapter_keeps_the_contract_elsewhere(tmp_path: Path) -> None:
    page = PAGE.read_text()
    (ini,) = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
    (tests,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "pytest.ini").write_text(ini)
    (tmp_path / "test_own_ils.py").write_text(tests)
    shutil.copy(ROOT / "examples/own_ils.py", tmp_path)
    apart = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-W", "error", "-p", "no:cacheprovider",
         "--basetemp", str(tmp_path / "inner")],  # or it shuts the folder that PostgreSQL runs in
        cwd=tmp_path, env=apart, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout + ran.stderr
    passed = re.search(r"(\d+) passed, \d+ skipped", ran.stdout)
    assert passed is not None
    assert int(passed[1]) > 80
    skipped = [line for line in ran.stdout.splitlines() if line.startswith("SKIPPED")]
    assert skipped
    for line in skipped:
        assert re.search(r": it (has|does not have) '[a-zA-Z ]+'$", line), line
