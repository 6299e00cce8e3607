"""`bibliobus sip talk`: a terminal in the shell, with one command for each message.

The commands are made of the message classes: what must be in a message is an argument, everything
else an option, passwords and PINs are asked for and never shown.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import click

from bibliobus.sandbox.terminal import ConnectionLost, NoAnswer, Terminal
from bibliobus.sip2 import ErrorDetection, Message, messages, values
from bibliobus.sip2.codec import secrets
from bibliobus.sip2.codes import SummaryType
from bibliobus.sip2.describing import described, read_line, shown
from bibliobus.sip2.fields import Fixed, Group, Named
from bibliobus.sip_commands import chosen_dialect, dialect_options, secret
from bibliobus.terminals.listening import host_and_port

DEFAULTS: dict[str, object] = {
    "uid_algorithm": "0", "pwd_algorithm": "0", "language": "000", "status_code": "0",
    "max_print_width": 80, "protocol_version": "2.00", "hold_mode": "add",
    "fee_type": "other", "payment_type": "cash",
}  # fmt: skip
"""Fixed-length fields that need not be said. Times are now, unless they are said."""

_FIRST = ("patron_id", "item_id")  # what one types first
_NOW = ("transaction_date", "return_date")


class FieldType(click.ParamType[Any]):
    """A field's value as one types it: times in ISO 8601, codes by number or meaning."""

    def __init__(self, kind: values.Kind[Any]) -> None:
        self._kind = kind
        self.name = "value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """Read it, or say what it ought to be."""
        kind, text = self._kind, str(value)
        if kind.is_time:
            return self._time(text)
        if kind is values.SUMMARY:
            return self._list(text)
        codes = {meaning.replace(" ", "-"): code for code, meaning in kind.names.items()}
        text = codes.get(text, text)
        if kind.width and text.isdigit():
            text = text.zfill(kind.width)
        if not kind.allows(text):
            self.fail(f"{value!r} is not: {', '.join(codes) or kind.plainly}.", param, ctx)
        return kind.decode(text)

    def _time(self, text: str) -> datetime:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is no time: write 2026-03-01 or 2026-03-01T09:30:00.")

    def _list(self, text: str) -> SummaryType:
        names = {each.name.lower().replace("_", "-"): each for each in SummaryType}
        if text not in names:
            self.fail(f"{text!r} is none of {', '.join(names)}.")
        return names[text]


class Conversation:
    """A terminal that connects when it first has something to say, and shows what it hears."""

    def __init__(self, connect: Callable[[], Terminal], institution: str, raw: bool) -> None:
        self.terminal = cache(connect)
        self.institution = institution
        self._raw = raw  # lines are shown as they pass, not what they mean

    def say(self, request: Message | bytes) -> None:
        """Ask, with a message or a line of one's own, and show the answer.

        Raises:
            NoAnswer: There is none, and why.
        """
        response = self.terminal().ask(request)
        if not self._raw:
            line = read_line(response.line, response.dialect)
            click.echo("\n".join(described(line)))


# ---------------------------------------------------------------- a command for each message


def _commands() -> dict[str, click.Command]:
    return {_name(cls): _command(cls) for cls in messages.REQUESTS.values()}


def _name(cls: type[Message]) -> str:
    return cls.layout.title.lower().replace(" ", "-")


def _command(cls: type[Message]) -> click.Command:
    @click.pass_obj
    def say(conversation: Conversation, /, **given: Any) -> None:
        fields = {name: value for name, value in given.items() if value is not None}
        for name in secrets(cls.layout) & given.keys():
            if given[name]:
                fields[name] = secret(name)
            else:
                del fields[name]
        if "institution_id" in dict(cls.layout.named):
            fields["institution_id"] = conversation.institution
        conversation.say(cls(**_complete(cls, fields)))

    own_words, _, _ = cls.layout.words.partition(" `")
    return click.Command(
        _name(cls),
        callback=say,
        params=list(_parameters(cls)),
        help=f"{cls.code}: {own_words}",
    )


def _complete(cls: type[Message], fields: dict[str, Any]) -> dict[str, Any]:
    """With the times that were not said, and what a message must have."""
    now = datetime.now().replace(microsecond=0)  # noqa: DTZ005 - the library's own time
    times = {name: now for name, _ in cls.layout.fixed if name in _NOW}
    blank = {name: place.kind.decode(" " * place.kind.width) for name, place in cls.layout.fixed}
    forgiven = {
        name: ""
        for name, each in cls.layout.named
        if isinstance(each, Named) and each.name in cls.layout.forgiven
    }
    return blank | forgiven | times | fields


def _parameters(cls: type[Message]) -> Iterator[click.Parameter]:
    arguments: list[click.Parameter] = []
    for name, place in (*cls.layout.fixed, *cls.layout.named):
        if isinstance(place, Group) or name == "institution_id":
            continue
        if isinstance(place, Fixed):
            yield _option(name, place)
        elif name not in cls.layout.optional and not place.secret:
            arguments.append(click.Argument([name], type=FieldType(place.kind)))
        else:
            yield _option(name, place)
    yield from sorted(arguments, key=lambda each: each.name not in _FIRST)


def _option(name: str, place: Fixed | Named) -> click.Option:
    flag = f"--{name.replace('_', '-')}"
    says = place.kind.plainly
    if isinstance(place, Named) and place.secret:
        words = [name, "--pin"] if name == "patron_password" else [name, flag]
        asked = name == "login_password"  # nobody can log in without it
        return click.Option(words, is_flag=True, default=asked, help="Ask for it.")
    if place.kind is values.YES_NO:
        if isinstance(place, Fixed):
            return click.Option([name, flag], is_flag=True)
        return click.Option([name, f"{flag}/--no-{flag[2:]}"], default=None)
    if place.kind.names:
        says = ", ".join(each.replace(" ", "-") for each in place.kind.names.values())
    if place.kind is values.SUMMARY:
        says = ", ".join(each.name.lower().replace("_", "-") for each in SummaryType)
    kind = FieldType(place.kind)
    return click.Option([name, flag], type=kind, default=DEFAULTS.get(name), help=says)


@click.command("send", help="A line of your own; number and checksum are added.")
@click.argument("line")
@click.pass_obj
def _send(conversation: Conversation, line: str) -> None:
    conversation.say(line.encode("utf-8", "surrogateescape"))


# ---------------------------------------------------------------- the conversation


class Messages(click.Group):
    """One command for each request. Each can be called by its code too.

    Options of `talk` may stand before the address or after it.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the address behind the options, as click wants it."""
        at, begins = self._words(args)
        args = [*args[:at], *args[at + 1 : begins], *args[at : at + 1], *args[begins:]]
        return super().parse_args(ctx, args)

    def _words(self, args: list[str]) -> tuple[int, int]:
        """Where the address stands, and where the message begins."""
        valued = {
            name
            for option in self.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        words = [
            at
            for at, word in enumerate(args)
            if not word.startswith("-") and (at == 0 or args[at - 1] not in valued)
        ]
        return tuple([*words, len(args), len(args)][:2])  # type: ignore[return-value] # two of them

    def invoke(self, ctx: click.Context) -> object:
        """Say in a sentence that nobody answers."""
        try:
            return super().invoke(ctx)
        except NoAnswer as error:
            raise click.ClickException(f"{error}.") from error

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """By name, or by code."""
        if (cls := messages.REQUESTS.get(cmd_name)) is not None:
            cmd_name = _name(cls)
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=Messages,
    commands=_commands() | {"send": _send},
    invoke_without_command=True,
    subcommand_metavar="[MESSAGE [ARGUMENTS]...]",
)
@click.argument("host_port", metavar="HOST:PORT")
@click.option("--login", metavar="NAME", help="Log in; the password is asked for.")
@click.option("--location", metavar="CODE", help="Where the terminal stands (CP).")
@click.option("--institution", metavar="ID", default="", help="The library (AO).")
@click.option("--raw", is_flag=True, help="Show the lines as they are on the wire.")
@click.option("--no-checksums", is_flag=True, help="Send neither numbers nor checksums.")
@click.option("--timeout", type=float, default=10.0, help="Seconds to wait before asking again.")
@dialect_options
@click.pass_context
def talk(
    ctx: click.Context,
    host_port: str,
    login: str | None,
    location: str | None,
    institution: str,
    raw: bool,
    no_checksums: bool,
    timeout: float,
    preset: str | None,
    encoding: str | None,
    delimiter: str | None,
) -> None:
    """Be a terminal: say one MESSAGE, or without one, say what is typed.

    Passwords and PINs are asked for and never shown; a script puts them in
    BIBLIOBUS_SIP_PASSWORD, BIBLIOBUS_SIP_PIN and BIBLIOBUS_SIP_TERMINAL_PASSWORD. Exit status 1:
    there was no answer, or the login was refused.
    """
    dialect = chosen_dialect(preset, encoding, delimiter)
    if no_checksums:
        dialect = replace(dialect, error_detection=ErrorDetection.OFF)

    def overheard(direction: str, line: bytes) -> None:
        if raw:
            click.echo(f"{direction} {shown(line, dialect)}")

    try:
        where = host_and_port(host_port)
    except ValueError as error:
        raise click.UsageError(str(error)) from error

    def connect() -> Terminal:
        terminal = Terminal(where, dialect, timeout=timeout, overheard=overheard)
        ctx.call_on_close(terminal.close)
        if login is not None:
            _log_in(terminal, login, location)
        return terminal

    ctx.obj = Conversation(connect, institution, raw)
    if ctx.invoked_subcommand is None:
        _converse(ctx.obj)


def _log_in(terminal: Terminal, login: str, location: str | None) -> None:
    request = messages.Login(
        login_user_id=login, login_password=secret("login_password"), location_code=location
    )
    answer = terminal.ask(request).message
    if not (isinstance(answer, messages.LoginResponse) and answer.ok):
        raise click.ClickException("The login was refused.")


def _converse(conversation: Conversation) -> None:
    """Say what is typed, line by line, until there is no more."""
    conversation.terminal()
    asking = sys.stdin.isatty()
    if asking:
        click.echo("Type a message, `MESSAGE --help`, `help`, or Ctrl-D to end.")
    unanswered = False
    while True:
        if asking:
            click.echo("sip> ", nl=False)
        line = sys.stdin.readline()
        if not line:
            break
        try:
            words = shlex.split(line)
            if words:
                _say(conversation, words)
        except ConnectionLost:
            raise
        except NoAnswer as error:
            click.echo(f"Error: {error}.", err=True)
            unanswered = True
        except click.ClickException as error:
            error.show()
        except ValueError as error:  # a quotation mark without its other half
            click.echo(f"Error: {error}", err=True)
    if unanswered:
        sys.exit(1)


def _say(conversation: Conversation, words: Sequence[str]) -> None:
    context = click.Context(talk)
    name, *arguments = words
    command = talk.get_command(context, name)
    if command is None:
        names = ", ".join(talk.list_commands(context))
        click.echo(names if name == "help" else f"There is no {name!r}; there are {names}.")
        return
    command.main(arguments, prog_name=name, standalone_mode=False, obj=conversation)
