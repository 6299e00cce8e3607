"""From messages to text, as a dialect wants it.

Each dialect has a writer, which for each class of message writes a function in Python when the
first one is to be sent. What a dialect leaves out or adds is settled there, so it costs nothing
afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from bibliobus.sip2.codec import Message
from bibliobus.sip2.dialect import FIELD_NAME, PLAIN, Dialect
from bibliobus.sip2.fields import Group, Named
from bibliobus.sip2.values import TIMESTAMP, Kind, as_it_is, encode_zeros_zone


def encode(message: Message, dialect: Dialect = PLAIN) -> str:
    """Write one message, without its terminator, sequence number and checksum.

    Named fields that are None are left out, and extra ones whose name is none. Neither a control
    character nor the delimiter gets into a value, and none is longer than the dialect has it
    (spec/sip2 1.3, 1.4).
    """
    return writer(dialect).text(message)


@lru_cache(maxsize=256)
def writer(dialect: Dialect) -> Writer:
    """The one writer of this dialect."""
    return Writer(dialect)


class Writer:
    """Writes messages in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._functions: dict[type[Message], Callable[[Message], str]] = {}

    def text(self, message: Message) -> str:
        """As `encode`."""
        cls = type(message)
        function = self._functions.get(cls)
        if function is None:
            function = self._functions[cls] = self._compiled(cls)
        return function(message)

    def _compiled(self, cls: type[Message]) -> Callable[[Message], str]:
        function = _Function(self.dialect)
        function.always(cls.code)
        for name, place in cls.layout.fixed:
            function.fixed(name, place.kind)
        for name, each in cls.layout.named:
            if isinstance(each, Group):
                function.group(name, each)
            elif self._sends(each.name, cls, required=name not in cls.layout.optional):
                function.named(name, each, optional=name in cls.layout.optional)
        if self.dialect.version == "2.00":
            function.extra()
        return function.compiled()

    def _sends(self, name: str, cls: type[Message], *, required: bool) -> bool:
        old = cls.layout.version_1
        in_version = self.dialect.version == "2.00" or old is None or name in old
        return in_version and (required or self.dialect.sends(name))


class _Function:
    """A function of a message that gives its text, while it is written.

    What comes in any case, one after the other, is one f-string.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._end = dialect.delimiter.replace("{", "{{").replace("}", "}}")
        self._source = "def text(message):\n    text = ''\n"
        self._pending = ""  # of an f-string
        self._scope: dict[str, Any] = {
            "clean": dialect.cleaner(),
            "lines": dialect.lines,
            "sends": lambda name: (
                FIELD_NAME.fullmatch(name) and name not in ("AY", "AZ") and dialect.sends(name)
            ),
            "undelimited": lambda text: text.replace(dialect.delimiter, " "),
        }

    def always(self, template: str) -> None:
        self._pending += template

    def sometimes(self, condition: str, template: str) -> None:
        """`condition` is the head of a block, or of several in each other, on one line each."""
        self._flush()
        indent = "    "
        for head in condition.splitlines():
            self._source += f"{indent}{head}\n"
            indent += "    "
        self._source += f"{indent}text += f{template!r}\n"

    def fixed(self, name: str, kind: Kind[Any]) -> None:
        value = self._encoded(name, kind, f"message.{name}")
        self.always(f"{{undelimited({value})}}" if kind.free else f"{{{value}}}")

    def named(self, name: str, named: Named, *, optional: bool) -> None:
        if named.lines:
            each = f"for value in message.{name}:\nfor line in lines(value, {self._room(named)}):"
            self.sometimes(each, f"{named.name}{{line}}{self._end}")
        elif named.repeats:
            self.sometimes(f"for value in message.{name}:", self._field(name, named, "value"))
        elif optional:
            given = f"if (value := message.{name}) is not None:"
            self.sometimes(given, self._field(name, named, "value"))
        else:
            self.always(self._field(name, named, f"message.{name}"))

    def group(self, name: str, group: Group) -> None:
        self._flush()
        self._source += f"    for record in message.{name}:\n"
        for at, member in enumerate(group.members):
            if at == 0:  # always, so that it is seen where a record begins
                field = self._field(f"{name}_0", member, "record[0]")
                self._source += f"        text += f{field!r}\n"
            elif self._dialect.sends(member.name):
                field = self._field(f"{name}_{at}", member, "value")
                self._source += f"        if (value := record[{at}]) is not None:\n"
                self._source += f"            text += f{field!r}\n"

    def extra(self) -> None:
        each = "for name, value in message.extra:\nif sends(name):"
        self.sometimes(each, f"{{name}}{{clean(value)}}{self._end}")

    def compiled(self) -> Callable[[Message], str]:
        self._flush()
        exec(f"{self._source}    return text\n", self._scope)  # noqa: S102 - names of our own
        return self._scope["text"]  # type: ignore[no-any-return]

    def _flush(self) -> None:
        if self._pending:
            self._source += f"    text += f{self._pending!r}\n"
            self._pending = ""

    def _room(self, named: Named) -> int:
        longest = self._dialect.max_field_length
        return min(longest, self._dialect.print_width) if named.name == "AG" else longest

    def _field(self, name: str, named: Named, value: str) -> str:
        written = self._encoded(name, named.kind, value)
        if named.kind.free:
            written = f"clean({written})"
        if named.kind.free and named.kind.width:
            written = f"{written}[:{named.kind.width}]"  # else its end would be read as a field
        return f"{named.name}{{{written}}}{self._end}"

    def _encoded(self, name: str, kind: Kind[Any], value: str) -> str:
        if kind.encode is as_it_is:
            return value
        encode = kind.encode
        if encode is TIMESTAMP.encode and self._dialect.zone != "    ":
            encode = encode_zeros_zone
        self._scope[f"encode_{name}"] = encode
        return f"encode_{name}({value})"
