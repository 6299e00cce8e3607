"""What a load came to: whether each answer is what it should be, how long it took, in all."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from bibliobus.sandbox.journal import Verdict
from bibliobus.sip2 import Message, Response, checking
from bibliobus.sip2.messages import ANSWERS, REQUESTS

_YES: Mapping[str, Callable[[Any], bool]] = {
    "94": lambda answer: answer.ok,
    "98": lambda answer: answer.on_line_status,
    "24": lambda answer: answer.valid_patron and answer.valid_patron_password is not False,
    "64": lambda answer: answer.valid_patron and answer.valid_patron_password is not False,
    "18": lambda answer: answer.title_id,
    "12": lambda answer: answer.ok,
    "10": lambda answer: answer.ok,
    "38": lambda answer: answer.payment_accepted,
}
_FRAME = frozenset({"93", "99"})  # what every connection begins with is no transaction


def judge(
    request: Message, response: Response, patron: str | None, *, numbered: bool
) -> tuple[Verdict, str]:
    """What an answer is worth, and why it is worth no more.

    Args:
        request: What was asked, of a patron and an item to whom it should be granted.
        response: The answer.
        patron: Whom it is about, if anybody.
        numbered: The request had a sequence number, so the answer must have it too.
    """
    answer = response.message
    if answer.code != ANSWERS[request.code]:
        return Verdict.REFUSED, "the library's system is off line"
    if numbered and checking.take_apart(response.line).sequence is None:
        return Verdict.WRONG, "the answer has no sequence number"
    about = {name: getattr(request, name, None) for name in ("institution_id", "item_id")}
    for name, asked in {**about, "patron_id": patron}.items():
        told = getattr(answer, name, None)
        if asked and told and told != asked:
            return Verdict.WRONG, f"{name} is {told!r}, not {asked!r}"
    if not _YES[answer.code](answer):
        return Verdict.REFUSED, " ".join(getattr(answer, "screen_messages", ())) or "it says no"
    return Verdict.DONE, ""


@dataclass
class Tally:
    """Counts, and an example of each thing that went wrong."""

    terminals: int
    seconds: float = 0.0  # that it took, from the first message after all logins
    taken: dict[str, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    refused: int = 0
    wrong: int = 0
    unanswered: int = 0  # or never asked, because nobody was there
    asked_again: int = 0  # on the same connection
    reconnected: int = 0
    restamped: int = 0
    examples: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def transactions(self) -> int:
        """How many requests were answered, logins and 99 aside."""
        return sum(len(taken) for code, taken in self.taken.items() if code not in _FRAME)

    @property
    def clean(self) -> bool:
        """Whether something was asked, and every answer was what it should be."""
        return bool(self.transactions) and not (self.refused or self.wrong or self.unanswered)

    def answered(self, request: Message, verdict: Verdict, why: str, seconds: float) -> None:
        """Count an answer."""
        self.taken[request.code].append(seconds)
        if verdict is Verdict.REFUSED:
            self.refused += 1
            self.example("refused", request, why)
        elif verdict is Verdict.WRONG:
            self.went_wrong(request, why)

    def went_wrong(self, request: Message, why: str) -> None:
        """Count something wrong that came while this was asked."""
        self.wrong += 1
        self.example("wrong", request, why)

    def gave_up(self, request: Message | None, why: str) -> None:
        """Count a request that a terminal got no answer to; None: it has never been connected."""
        self.unanswered += 1
        self.example("unanswered", request, why)

    def example(self, what: str, request: Message | None, why: str) -> None:
        """Keep a reason, which is shown with how often it was given."""
        asked = "" if request is None else f"{request.code}: "
        self.examples[what][asked + why] += 1

    def report(self) -> Iterator[str]:
        """Lines for a technician."""
        rate = self.transactions / self.seconds if self.seconds else 0.0
        yield (
            f"{self.terminals} terminals, {self.seconds:.1f} seconds:"
            f" {self.transactions} transactions, {rate:.0f} a second"
        )
        yield f"{'':26}{'count':>9}{'p50 ms':>10}{'p99 ms':>10}{'longest':>10}"
        for code in REQUESTS:
            if taken := sorted(self.taken.get(code, ())):
                figures = (_share(taken, 0.5), _share(taken, 0.99), taken[-1])
                name = f"{code} {REQUESTS[code].layout.title}"
                yield f"{name:26}{len(taken):9}" + "".join(f"{1000 * s:10.2f}" for s in figures)
        yield (
            f"asked again {self.asked_again}, connected again {self.reconnected},"
            f" with a new time {self.restamped}"
        )
        for what in ("refused", "wrong", "unanswered"):
            yield f"{what} {getattr(self, what)}"
            for why, times in self.examples[what].most_common(5):
                yield f"    {times} x {why}"


def _share(ordered: list[float], share: float) -> float:
    """The least value that no more than `1 - share` of all are over."""
    return ordered[ceil(len(ordered) * share) - 1]
