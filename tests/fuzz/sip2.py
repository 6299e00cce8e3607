"""A million lines that nobody has thought of, guided by which code they reach: `make fuzz`.

Whatever arrives, nothing is raised but the protocol's own errors, what was read can be written and
read again, and it does not matter how the bytes were cut.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["bibliobus.sip2"]):
    from bibliobus.sip2 import (
        PRESETS,
        Connection,
        Dialect,
        Request,
        SCConnection,
        SIP2Error,
        decode,
        encode,
        messages,
    )
    from bibliobus.sip2.describing import ALL_MESSAGES, as_object, described, read_line, shown
    from bibliobus.sip2.linting import lint

KEPT = Path(".fuzz")  # what was found worth trying, for the next time
DIALECTS = [Dialect(), Dialect(version="1.00", delimiter="^"), *PRESETS.values()]
WIDE = Dialect(max_field_length=10**6)
STATUS = messages.SCStatus(status_code="0", max_print_width=80, protocol_version="2.00")


def library_hears(data: bytes, dialect: Dialect, cut: int) -> list[bytes]:
    """What the library's side says to `data`, which arrives in pieces of `cut` bytes."""
    library, said = Connection(dialect), []
    for at in range(0, len(data), cut):
        library.receive_data(data[at : at + cut])
        while (event := library.next_event()) is not None:
            if isinstance(event, Request):
                assert all(map(str, event.warnings))
                said.append(library.send(messages.LoginResponse(ok=True)))
            else:
                said.append(event.reason.encode())
    return said


def terminal_hears(data: bytes, dialect: Dialect) -> None:
    """The terminal's side comes to an end, whatever it hears."""
    terminal = SCConnection(dialect)
    terminal.send(STATUS)
    terminal.receive_data(data)
    while terminal.next_event() is not None:
        pass


def one_line(data: bytes, dialect: Dialect) -> None:
    """A line is read and written and read again, and described."""
    text = dialect.to_text(data)
    try:
        message = decode(text, ALL_MESSAGES, dialect.delimiter)
    except SIP2Error:
        pass
    else:
        twice = {name for name, _ in message.extra if name in message.layout.longest}
        once = tuple(each for each in message.extra if each[0] not in twice)
        message = replace(message, extra=once)  # type: ignore[type-var] # `@message` made it one
        written = encode(message, WIDE)
        again = decode(written, ALL_MESSAGES)
        assert encode(again, WIDE) == written, (message, again)
        wire = dialect.to_bytes(encode(message, dialect))
        assert not set(wire) & set(range(32)), wire
    line = read_line(data, dialect)
    assert described(line)
    assert as_object(line)
    assert shown(data, dialect).isprintable()


def test_one_input(data: bytes) -> None:
    """What atheris calls. The first bytes say which side hears the rest, in which dialect."""
    provider = atheris.FuzzedDataProvider(data)
    dialect = DIALECTS[provider.ConsumeIntInRange(0, len(DIALECTS) - 1)]
    hears = provider.ConsumeIntInRange(0, 3)
    cut = provider.ConsumeIntInRange(1, 40)
    rest = provider.ConsumeBytes(len(data))
    if hears == 0:
        whole = library_hears(rest, dialect, len(rest) or 1)
        assert library_hears(rest, dialect, cut) == whole
    elif hears == 1:
        terminal_hears(rest, dialect)
    elif hears == 2:
        one_line(rest, dialect)
    else:
        assert all(str(each.deviation) for each in lint(rest, dialect))


def prepared() -> list[str]:
    """libFuzzer's arguments: where it begins, and words that it may put together."""
    corpus = KEPT / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    words = {"AY1AZ", "|", "20260301    093000", " " * 18, "> ", "< "}
    for code, cls in ALL_MESSAGES.items():
        fixed = "".join(" " * place.kind.width for _, place in cls.layout.fixed)
        (corpus / f"seed-{code}").write_text(f"\0\0{code}{fixed}AOx|AAy|ABz|\r")
        words |= {code, *cls.layout.longest}
    dictionary = KEPT / "words"
    dictionary.write_text("".join(f'"{word}"\n' for word in sorted(words)))
    return [f"-dict={dictionary}", f"-artifact_prefix={KEPT}/", str(corpus)]


if __name__ == "__main__":
    atheris.Setup([*sys.argv, *prepared()], test_one_input)
    atheris.Fuzz()
