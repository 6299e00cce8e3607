"""The house itself: every module says what it is, every fact in the documents is true."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from bibliobus.cli import main
from bibliobus.sip2.messages import REQUESTS, RESPONSES
from bibliobus.sip2.reference import reference
from bibliobus.sip2.values import SupportedMessages
from bibliobus.terminals.refusals import REFUSALS
from bibliobus.terminals.session import HANDLERS
from bibliobus.terminals.status import SUPPORTED

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "src").rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_every_module_says_what_it_is(module: Path) -> None:
    tree = ast.parse(module.read_text())

    assert ast.get_docstring(tree), "no docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_every_request_is_answered_and_refused() -> None:
    assert {cls.code for cls in HANDLERS} == set(REQUESTS) - {"93", "97"}
    assert set(REFUSALS) == set(HANDLERS)
    assert tuple(SUPPORTED) == SupportedMessages._fields
    assert {code for code, _ in SUPPORTED.values()} == set(REQUESTS)


def test_the_reference_of_messages_is_up_to_date() -> None:
    page = (ROOT / "docs/reference/sip2.md").read_text()

    assert page == reference(), "type: make docs"
    for cls in (*REQUESTS.values(), *RESPONSES.values()):
        assert f"### {cls.code} {cls.layout.title}\n\n`{cls.__name__}`" in page


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()

    for name in main.commands:
        assert re.search(rf"(bibliobus|make) {name}\b", readme), name


def test_every_link_leads_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs/adr").glob("*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))


def test_locks_name_no_registry() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text


def test_no_path_of_a_machine_is_in_the_tree() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        text = (ROOT / name).read_text(errors="replace")
        assert str(ROOT) not in text, name


def test_codes_are_two_digits_and_used_once() -> None:
    assert not set(REQUESTS) & set(RESPONSES)
    assert all(re.fullmatch("[0-9]{2}", code) for code in (*REQUESTS, *RESPONSES))
