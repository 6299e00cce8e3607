"""The program as its users start it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BIBLIOBUS = Path(sys.executable).parent / "bibliobus"

SECRETS = {"BIBLIOBUS_SIP_PASSWORD": "kiosk", "BIBLIOBUS_SIP_PIN": "1234"}  # of the demo library


class Program:
    """A `bibliobus` that runs until it is stopped."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [BIBLIOBUS, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | SECRETS | environment,
        )  # fmt: skip
        self.lines: list[str] = []

    def ready(self) -> tuple[str, int]:
        """Wait until it says so; where its SIP2 door is."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if address := re.match(r"ready: SIP2 at ([\d.]+):(\d+)", line):
                return address[1], int(address[2])
        raise AssertionError("".join(self.lines) or "it said nothing")

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, and wait for the end."""
        self.process.send_signal(how)
        return self.end()

    def end(self) -> int:
        """Wait until it ends by itself."""
        assert self.process.stdout is not None
        self.lines += self.process.stdout.readlines()
        self.process.stdout.close()
        return self.process.wait(20)


class Programs:
    """Starts programs, and ends what is left of them."""

    def __init__(self) -> None:
        self.started: list[Program] = []

    def __call__(self, *arguments: str, **environment: str) -> Program:
        self.started.append(Program(*arguments, **environment))
        return self.started[-1]


@pytest.fixture
def start() -> Iterator[Programs]:
    programs = Programs()
    yield programs
    for each in programs.started:
        if each.process.poll() is None:
            each.stop(signal.SIGKILL)


def run(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run([BIBLIOBUS, *arguments], capture_output=True, text=True, timeout=timeout)
