"""A captured dialogue, held against the standard.

Each line by itself (`deviations`), and what follows what: answers to requests, numbers, resends.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bibliobus.sip2 import checking
from bibliobus.sip2.codec import Message, decode
from bibliobus.sip2.connection import CHANGES_SOMETHING
from bibliobus.sip2.deviations import Deviation, Rule, deviations
from bibliobus.sip2.dialect import Dialect
from bibliobus.sip2.errors import SIP2Error
from bibliobus.sip2.framing import bare
from bibliobus.sip2.messages import ANSWERS, REQUESTS, RESPONSES, ACSStatus, SCStatus

_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_MARK = re.compile(rb"([<>]) ?")
_HIDDEN = re.compile(rb"(.*?)(?:AY(.))?AZ\*\*\*\*")
_SETUP = frozenset({"93", "97", "99"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A deviation, and in which line of the capture."""

    line: int  # counted from 1
    deviation: Deviation


@dataclass(frozen=True, slots=True)
class _Said:
    """One message of a dialogue."""

    line: int
    raw: bytes
    checked: checking.Checked
    message: Message | None  # None: it cannot be read
    names: frozenset[str] = frozenset()  # of its named fields

    @property
    def code(self) -> str:
        return self.raw[:2].decode("latin-1")

    @property
    def body(self) -> bytes:
        return self.checked.body

    @property
    def number(self) -> int | None:
        sequence = self.checked.sequence
        return int(sequence) if sequence is not None and sequence.isdigit() else None


def lint(capture: bytes, dialect: Dialect) -> Iterator[Finding]:
    """What a capture has that the standard has otherwise, in its order.

    Args:
        capture: A message a line, after `> ` if a terminal sent it and `< ` if the library's
            system did; or bare messages as they were on the wire. Empty lines, and lines that
            begin with `#`, are passed over.
        dialect: The delimiter and encoding that were agreed.
    """
    capture = capture.removeprefix(codecs.BOM_UTF8)
    on_the_wire = b"\r" in capture and re.search(rb"(?m)^[<>]", capture) is None
    dialogue = _Dialogue()
    for number, found in enumerate(_LINE.finditer(capture), 1):
        line, end = found.groups()
        if on_the_wire and end != b"\r" and (line or end):
            yield Finding(number, _about_terminator(end))
        mark, raw = unmarked(line)
        if not raw:
            if on_the_wire and end == b"\r":
                yield Finding(number, Deviation(Rule.TERMINATOR, "there is no message before it"))
            continue
        request = mark == ">" if mark else raw.lstrip()[:2].decode("latin-1") in REQUESTS
        known = REQUESTS if request else RESPONSES
        yield from (Finding(number, each) for each in deviations(raw, known, dialect))
        said = _read(number, raw, request, dialect)
        hear = dialogue.request if request else dialogue.answer
        yield from (Finding(number, each) for each in hear(said))
    yield from dialogue.end()


def unmarked(line: bytes) -> tuple[str, bytes]:
    """A captured line without its mark, and the mark (`>`, `<` or none).

    Nothing is left of a comment. A checksum that was hidden with a password, `AZ****`, becomes
    what fits the line as it is shown.
    """
    found = _MARK.match(line)
    raw = line[found.end() :] if found else line
    if not raw.strip() or line.startswith(b"#"):
        return "", b""
    if hidden := _HIDDEN.fullmatch(raw):
        body, number = hidden.groups()
        raw = checking.seal(body, number)
    return found[1].decode() if found else "", raw


def _about_terminator(end: bytes) -> Deviation:
    names = {b"\r\n": "a line feed follows the carriage return", b"\n": "it ends with a line feed"}
    return Deviation(Rule.TERMINATOR, names.get(end, "it has no end"))


def _read(number: int, raw: bytes, request: bool, dialect: Dialect) -> _Said:
    line = bare(raw)
    checked = checking.take_apart(line)
    try:
        text = dialect.to_text(checked.body)
        message = decode(text, REQUESTS if request else RESPONSES, dialect.delimiter)
    except SIP2Error:
        return _Said(number, line, checked, None)
    pieces = text[message.layout.length :].split(dialect.delimiter)
    return _Said(number, line, checked, message, frozenset(piece[:2] for piece in pieces))


class _Dialogue:
    """What has been said so far, as far as the next line depends on it."""

    def __init__(self) -> None:
        self._open: list[_Said] = []  # requests without an answer; more than one: the same again
        self._answered: bytes | None = None  # the request that was answered last
        self._ignorable = False  # the last thing said was of an unknown code
        self._asked_again = False  # the last answer was a 96
        self._previous: _Said | None = None  # the request before, but for 97
        self._first_answers: dict[bytes, bytes] = {}  # to `_previous`, if it came
        self._last_answer: bytes | None = None
        self._status: SCStatus | None = None
        self._seen: set[str] = set()  # codes of requests

    def request(self, said: _Said) -> Iterator[Deviation]:
        """A terminal says something."""
        self._ignorable = said.code not in REQUESTS and said.checked.intact
        if self._ignorable:
            return
        yield from self._of_order(said)
        again = self._is_again(said)
        if said.code == "93" and not again:
            self._begin_anew()
        if self._open and said.code != "97" and said.raw != self._open[0].raw:
            yield from (each.deviation for each in self.end())
            self._open.clear()
        if self._asked_again and said.code != "97" and not again:
            yield Deviation(Rule.RESENT, "after 96 another message comes than before")
        if self._detecting() and not said.checked.detected and said.code != "93":
            yield Deviation(Rule.DETECTION_KEPT, "it has no checksum, unlike the one before")
        if said.code != "97":
            if not again:
                yield from self._of_number(said)
                self._first_answers.clear()
            self._previous = said
        if isinstance(said.message, SCStatus):
            self._status = said.message
        self._seen.add(said.code)
        self._open.append(said)
        self._asked_again = False

    def _detecting(self) -> bool:
        before = self._previous
        return before is not None and before.checked.detected and before.code != "93"

    def _begin_anew(self) -> None:
        """A terminal logs in, perhaps after a new connection: nothing goes on from before."""
        self._previous = self._status = self._last_answer = None
        self._asked_again = False
        self._seen.clear()

    def _is_again(self, said: _Said) -> bool:
        """Whether it is the message before, sent again; what was damaged cannot be compared."""
        before = self._previous
        if before is None:
            return False
        if self._asked_again and not before.checked.intact:
            return True
        return said.raw == before.raw or (self._asked_again and said.body == before.body)

    def answer(self, said: _Said) -> Iterator[Deviation]:
        """The library's system says something."""
        asked = self._open.pop(0) if self._open else None
        if asked is None and self._ignorable:
            yield Deviation(Rule.UNKNOWN_IGNORED, f"it is answered with {said.code}")
        elif asked is None:
            yield Deviation(Rule.UNASKED, "nothing was asked")
        elif said.code == "96":
            yield from self._of_96(asked, said)
        elif asked.code == "97" and asked.checked.intact:
            yield from self._of_resend(said)
        elif not asked.checked.intact:
            yield Deviation(
                Rule.DAMAGED_ANSWERED, f"line {asked.line} has a wrong checksum, and was taken"
            )
        else:
            yield from self._of_answer(asked, said)
        self._answered = None if asked is None else asked.raw
        self._asked_again = said.code == "96" and asked is not None and asked.code != "97"
        self._last_answer = said.raw

    def end(self) -> Iterator[Finding]:
        """Nothing more is said."""
        for left in self._open[:1]:
            if left.message is not None and left.raw != self._answered:
                said = f"line {left.line} ({left.code}) has no answer"
                yield Finding(left.line, Deviation(Rule.ANSWER, said))

    def _of_order(self, said: _Said) -> Iterator[Deviation]:
        if said.code in _SETUP or self._seen - _SETUP:
            return
        if "93" not in self._seen:
            yield Deviation(Rule.LOGIN_FIRST, f"{said.code} comes before any login")
        if "99" not in self._seen:
            yield Deviation(Rule.NO_STATUS, f"{said.code} comes before any 99")

    def _of_number(self, said: _Said) -> Iterator[Deviation]:
        before = self._previous
        if before is None or before.number is None or said.number is None:
            return
        if said.number != (before.number + 1) % 10:
            yield Deviation(Rule.NUMBER_ORDER, f"number {said.number} follows {before.number}")

    def _of_96(self, asked: _Said, said: _Said) -> Iterator[Deviation]:
        if asked.code == "97" and asked.checked.intact:
            if self._last_answer not in (None, said.raw):
                yield from self._of_resend(said)
        elif asked.checked.detected and asked.checked.intact and asked.message is not None:
            yield Deviation(Rule.NEEDLESS_RESEND, f"line {asked.line} is not damaged")
        if asked.checked.detected and not said.checked.detected:
            yield Deviation(Rule.DETECTION_ANSWERED, "the 96 has no checksum: 96AZFEF6")

    def _of_resend(self, said: _Said) -> Iterator[Deviation]:
        if self._last_answer is None:
            yield Deviation(Rule.RESEND_OF_NOTHING, f"it is answered with {said.code}")
        elif said.raw != self._last_answer:
            yield Deviation(Rule.RESEND, "it is not the answer before, byte for byte")

    def _of_answer(self, asked: _Said, said: _Said) -> Iterator[Deviation]:
        expected = ANSWERS.get(asked.code)
        if said.code not in (expected, "98"):  # 98 may stand for any: the system has gone off line
            yield Deviation(Rule.ANSWER, f"{asked.code} is answered with {said.code}")
            return
        if asked.checked.detected != said.checked.detected:
            has = "has" if said.checked.detected else "has no"
            yield Deviation(Rule.DETECTION_ANSWERED, f"it {has} checksum, unlike line {asked.line}")
        elif asked.checked.sequence != said.checked.sequence:
            yield Deviation(Rule.NUMBER_ANSWERED, f"it has another number than line {asked.line}")
        if asked.code in CHANGES_SOMETHING and asked.number is not None and said.code != "98":
            first = self._first_answers.setdefault(asked.raw, said.raw)
            if said.raw != first:
                yield Deviation(Rule.REPEAT, "the same message got another answer before")
        for name in ("patron_id", "item_id"):
            wanted, got = getattr(asked.message, name, None), getattr(said.message, name, None)
            if wanted and got and wanted != got:
                yield Deviation(Rule.ECHO, f"{name} is {got!r}, and {wanted!r} was asked")
        if said.message is not None and self._status is not None:
            yield from self._of_status(self._status, said.message, said.names)

    def _of_status(
        self, status: SCStatus, message: Message, names: frozenset[str]
    ) -> Iterator[Deviation]:
        old = message.layout.version_1
        if status.protocol_version.startswith("1") and old is not None:
            if isinstance(message, ACSStatus) and not message.protocol_version.startswith("1"):
                yield Deviation(Rule.VERSION, f"it is of version {message.protocol_version}")
            newer = sorted((names & message.layout.longest.keys()) - old)
            if newer:
                yield Deviation(Rule.VERSION, f"{', '.join(newer)} came with 2.00")
        width = status.max_print_width
        lines: tuple[str, ...] = getattr(message, "print_lines", ())
        if width and any(len(line) > width for line in lines):
            yield Deviation(Rule.PRINT_WIDTH, f"an AG is longer than {width} characters")
