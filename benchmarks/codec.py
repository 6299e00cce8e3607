"""Reading a request and writing its answer: ours, and PyPI's `pysip2` beside it if it is there.

    python benchmarks/codec.py

The usual mix of a self-check terminal, with sequence numbers and checksums. Each figure is the
median of several rounds, in which both take their turns, so that a machine whose speed drifts
does so for both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec

from bibliobus.sip2 import Dialect, Message, decode
from bibliobus.sip2.checking import seal, take_apart
from bibliobus.sip2.messages import REQUESTS, RESPONSES
from bibliobus.sip2.writing import writer

NOW = b"20260301    093000"
ROUNDS, TIMES = 15, 300
WRITER = writer(Dialect())
MIX: Mapping[bytes, tuple[bytes, int]] = {  # a request, its answer, and how often of 17
    b"9900802.00": (
        b"98YYYYNN100003" + NOW + b"2.00AOMAIN|AMThe Main Library|BXYYYNYYYYYNYNNNNN|ANdesk|",
        1,
    ),
    b"23001" + NOW + b"AOMAIN|AAP0100|AC|AD1234|": (
        b"24              001" + NOW + b"AOMAIN|AAP0100|AEAda Okafor|BLY|CQY|",
        4,
    ),
    b"63001" + NOW + b"  Y       AOMAIN|AAP0100|AC|AD1234|": (
        b"64              001" + NOW + b"000000000002000000000000AOMAIN|AAP0100|AEAda Okafor|"
        b"CB0050|BLY|CQY|AUI0300|AUI0301|BD101 Library Lane|BEp0100@example.org|BF555-0100|",
        4,
    ),
    b"17" + NOW + b"AOMAIN|ABI0200|AC|": (
        b"18030101" + NOW + b"CF0|ABI0200|AJLa Religieuse|BGMAIN|CK001|AQstacks|APstacks|",
        4,
    ),
    b"11NN" + NOW + NOW + b"AOMAIN|AAP0100|ABI0200|AC|AD1234|": (
        b"121NNY" + NOW + b"AOMAIN|AAP0100|ABI0200|AJLa Religieuse|AH2026-03-22|CK001|",
        2,
    ),
    b"09N" + NOW + NOW + b"APdesk|AOMAIN|ABI0200|AC|": (
        b"101YNN" + NOW + b"AOMAIN|ABI0200|AQstacks|AJLa Religieuse|AAP0100|CK001|",
        2,
    ),
}
SENT = [seal(request, b"1") for request, (_, times) in MIX.items() for _ in range(times)]
ANSWERS = [answer for answer, times in MIX.values() for _ in range(times)]


def read(line: bytes) -> Message:
    """From a line, its checksum verified, to a message."""
    checked = take_apart(line)
    if not checked.intact:
        raise ValueError("a wrong checksum")
    return decode(checked.body.decode(), REQUESTS)


def write(message: Message) -> bytes:
    """From a message to a line with its checksum."""
    return seal(WRITER.dialect.to_bytes(WRITER.text(message)), b"1") + b"\r"


def timed(work: Callable[[], object]) -> float:
    """µs for each message of the mix."""
    began = time.perf_counter()
    for _ in range(TIMES):
        work()
    return (time.perf_counter() - began) / TIMES / len(SENT) * 1e6


def contestants() -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Who reads and who writes."""
    ours = [decode(answer.decode(), RESPONSES) for answer in ANSWERS]
    who: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "bibliobus": (lambda: [read(x) for x in SENT], lambda: [write(x) for x in ours])
    }
    if find_spec("pysip2") is not None:
        peer = import_module("pysip2")
        frames = [line + b"\r" for line in SENT]
        theirs = [peer.decode_message(seal(x, b"1") + b"\r").message for x in ANSWERS]

        def peer_reads() -> object:
            return [peer.decode_message(x) for x in frames]  # which verifies the checksum

        def peer_writes() -> object:
            return [peer.encode_message(x, sequence_number=1, checksum=True) for x in theirs]

        who["pysip2"] = (peer_reads, peer_writes)
    return who


def main() -> None:
    """Measure and print."""
    who = contestants()
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in who}
    for _ in range(ROUNDS):
        for name, (reads, writes) in who.items():
            took[name].append((timed(reads), timed(writes)))
    print("            read   write    both  µs a message, median")
    both = {}
    for name, rounds in took.items():
        reading, writing = (statistics.median(column) for column in zip(*rounds, strict=True))
        both[name] = [sum(each) for each in rounds]
        print(f"{name:10} {reading:6.1f}  {writing:6.1f}  {statistics.median(both[name]):6.1f}")
    if "pysip2" in both:
        pairs = zip(both["pysip2"], both["bibliobus"], strict=True)
        ratio = statistics.median(theirs / ours for theirs, ours in pairs)
        print(f"pysip2 takes {ratio:.1f} times as long")
    else:
        print("pysip2 is not here to compare with: pip install pysip2==0.1.0")


if __name__ == "__main__":
    main()
