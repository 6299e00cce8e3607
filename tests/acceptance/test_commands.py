"""The commands, and what they say when something is wrong."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bibliobus import __version__
from tests.acceptance.conftest import Programs, run


def test_says_its_version_and_its_commands() -> None:
    assert run("--version").stdout.strip().endswith(__version__)
    usage = run("--help").stdout
    for command in ("demo", "load", "migrate", "serve"):
        assert f"  {command} " in usage


def test_migrates_a_new_database(tmp_path: Path) -> None:
    done = run("migrate", "--database", f"sqlite:///{tmp_path / 'new.db'}")

    assert done.returncode == 0
    assert "is up to date" in done.stdout


def test_serves_what_a_file_says(start: Programs, tmp_path: Path) -> None:
    config = tmp_path / "bibliobus.toml"
    config.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path / "l.db"}"\n'
        '[[sip.listeners]]\naddress = "127.0.0.1:0"\n[institutions.MAIN]\nname = "Ours"\n'
    )

    assert start("serve", "--config", str(config)).ready()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["serve"], "Say which library: --config FILE or --database URL."),
        (["serve", "--config", "missing.toml"], "missing.toml: [Errno 2] No such file"),
        (["serve", "--database", "sqlite:///{tmp}/empty.db"], "There is no institution in"),
        (["migrate", "--database", "mysql://x"], "'mysql' is no database that Bibliobus knows."),
        (["migrate", "--database", "sqlite:///{tmp}/no/such/x.db"], "x.db cannot be opened"),
        (["migrate", "--database", "postgresql://x@127.0.0.1:1/x"], "cannot be reached"),
        (["load", "missing.json", "--database", "sqlite:///{tmp}/x.db"], "missing.json:"),
        (["load", "{tmp}/broken.json", "--database", "sqlite:///{tmp}/x.db"], "broken.json:"),
        (
            ["load", "{tmp}/stranger.json", "--database", "sqlite:///{tmp}/x.db"],
            "it names the institution 'B', which is not under `institutions`",
        ),
        (["migrate", "--database", "sqlite:///{tmp}/text.db"], "file is not a database"),
        (["migrate", "--database", "postgresql://me:a/secret@db?foo=1"], "no PostgreSQL URL"),
        (["load", "{tmp}/loan.json", "--database", "sqlite:///{tmp}/x.db"], "is of a stranger"),
        (["load", "{tmp}/naive.json", "--database", "sqlite:///{tmp}/x.db"], "timezone"),
        (["load", "{tmp}/code.json", "--database", "sqlite:///{tmp}/x.db"], "is no encoding"),
        (["item", "mark", "x", "eaten", "--database", "sqlite:///{tmp}/x.db"], "not 'eaten'"),
        (["item", "mark", "x", "lost", "--database", "sqlite:///{tmp}/x.db"], "--institution"),
    ],
)
def test_says_in_a_sentence_what_is_wrong(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    (tmp_path / "broken.json").write_text('{"institutions": {"A": {"time_zone": 3}}}')
    loan = '{"patron": "p", "item": "i", "lent_at": "2026-01-01T00:00:00Z", "due_at": "%s"}'
    for name, due in (("loan", "2026-02-01T00:00:00Z"), ("naive", "2026-02-01T00:00:00")):
        text = f'{{"institutions": {{"A": {{}}}}, "loans": [{loan % due}]}}'
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "code.json").write_text('{"institutions": {"A": {"encoding": "klingon"}}}')
    (tmp_path / "text.db").write_text("not a database " * 100)
    (tmp_path / "stranger.json").write_text(
        '{"institutions": {"A": {}}, "items": [{"id": "1", "title": "x", "institution": "B"}]}'
    )

    done = run(*(each.format(tmp=tmp_path) for each in arguments))

    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_one_sqlite_file_has_one_server_and_commands_beside_it(
    start: Programs, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'library.db'}"
    first = start("demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0", "--database", url)
    first.ready()

    second = run("serve", "--database", url, "--sip", "127.0.0.1:0")
    beside = run("migrate", "--database", url)
    first.stop(signal.SIGKILL)
    third = start("serve", "--database", url, "--sip", "127.0.0.1:0")

    assert second.returncode == 1
    assert f"Another server (process {first.process.pid}) has" in second.stderr
    assert "Traceback" not in second.stderr
    assert beside.returncode == 0
    assert third.ready()  # a killed server holds nothing


def test_marks_an_item_as_lost_and_found(start: Programs, tmp_path: Path) -> None:
    start(
        "demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0", "--data", str(tmp_path)
    ).ready()
    database = ["--database", f"sqlite:///{tmp_path / 'library.db'}"]

    lost = run("item", "mark", "I0300", "lost", *database)
    found = run("item", "mark", "I0300", "found", *database)
    unknown = run("item", "mark", "I9999", "lost", *database)

    assert lost.stdout.startswith("I0300 (")
    assert lost.stdout.endswith(") is lost.\n")
    assert found.stdout.endswith(") is found.\n")
    assert unknown.returncode == 1
    assert "This item is not known here." in unknown.stderr


def test_doctor_says_what_must_never_be(start: Programs, tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    start(
        "demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0", "--database", f"sqlite:///{path}"
    ).ready()

    well = run("doctor", "--database", f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE loans SET due_at = lent_at - 1 WHERE key = 1")
        database.commit()
    ill = run("doctor", "--database", f"sqlite:///{path}")

    assert (well.returncode, well.stdout) == (0, f"Nothing is wrong with sqlite:///{path}.\n")
    assert ill.returncode == 1
    assert "is due before it begins." in ill.stdout
    assert ill.stderr == f"Error: 1 breaches in sqlite:///{path}.\n"
