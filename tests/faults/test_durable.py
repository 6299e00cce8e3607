"""Seen from outside: nothing is acknowledged that is not on the disk."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.conftest import BIBLIOBUS
from tests.support import Terminal

CALLS = "fdatasync,fsync,read,recvfrom,write,sendto"
REQUEST = re.compile(r'"(?:11|09)N')  # as strace shows what was read
ANSWER = re.compile(r'"(?:121|101)')
SYNCED = re.compile(r"(?:fdatasync|fsync)(?:\(| resumed).* = 0$")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
async def test_a_sync_stands_between_each_request_and_its_answer(
    tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    trace = tmp_path / "trace"
    transactions = size(40, 200)
    with traced_server(trace, tmp_path / "data") as address:
        terminal = await (await Terminal.connect(address)).login()
        moment = datetime.now(ZoneInfo("Europe/Paris")) - timedelta(hours=5)
        for n in range(transactions // 2):
            stamp = f"{moment + timedelta(seconds=n):%Y%m%d    %H%M%S}"
            lent = await terminal.send(f"11NN{stamp}{' ' * 18}AOMAIN|AAP0150|ABI0300|AC|AD1234|")
            taken = await terminal.send(f"09N{stamp}{stamp}APdesk|AOMAIN|ABI0300|AC|")
            assert (lent[:3], taken[:3]) == ("121", "101")
        await terminal.close()

    assert list(_syncs_before_answers(trace)) == [True] * transactions


@contextmanager
def traced_server(trace: Path, data: Path) -> Iterator[tuple[str, int]]:
    """A demo server whose reads, writes and syncs are written down; its address."""
    strace = subprocess.Popen(
        ["strace", "-f", "-s", "16", "-e", f"trace={CALLS}", "-o", str(trace), str(BIBLIOBUS),
         "demo", "--sip", "127.0.0.1:0", "--vendor", "127.0.0.1:0", "--data", str(data)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield _address(strace)
    finally:
        traced = Path(f"/proc/{strace.pid}/task/{strace.pid}/children").read_text().split()
        for process in traced:  # strace itself lets no signal through
            os.kill(int(process), signal.SIGINT)
        strace.communicate(timeout=20)


def _address(server: subprocess.Popen[str]) -> tuple[str, int]:
    assert server.stdout is not None
    said = []
    for line in server.stdout:
        said.append(line)
        if ready := re.match(r"ready: SIP2 at ([\d.]+):(\d+)", line):
            return ready[1], int(ready[2])
    if "PTRACE" in "".join(said) or "ptrace" in "".join(said):
        pytest.skip("strace may not trace here")
    raise AssertionError("".join(said))


def _syncs_before_answers(trace: Path) -> Iterator[bool]:
    """Of each answered request, whether anything was synced since it was read."""
    synced = False
    for line in trace.read_text(errors="replace").splitlines():
        if REQUEST.search(line):
            synced = False
        elif SYNCED.search(line):
            synced = True
        elif ANSWER.search(line):
            yield synced
