"""The demo library: 200 patrons, 2,000 copies of well-known books in many languages.

Loans stand on items below `I0200` only, so whoever tries the rest finds it on the shelf.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import cycle, islice

from bibliobus.ils.library import (
    AccountEntry,
    InstitutionSettings,
    ItemEntry,
    Library,
    LoanEntry,
    LoanPolicy,
    PatronEntry,
)
from bibliobus.sandbox.titles import TITLES

PATRONS, ITEMS = 200, 2000
LENT = 100  # the first copies
ACCOUNTS = {
    "kiosk": "self-check",
    "sorter": "sorter",
    "gate": "gate",
    "computers": "pc-booking",
    "vendor": "authentication",
    "till": "payment",
    "tester": "all",
}

INTRODUCTION = """
Institution MAIN; terminals kiosk, sorter, gate, computers, vendor, till and tester (which may do
everything), each with its name as its password; patrons P0000 to P0199, PIN 1234; items I0000 to
I1999, of which I0200 and up are on the shelf. To be a terminal yourself:

    nc {host} {port}

and paste, a line at a time:

    9300CNkiosk|COkiosk|CPdesk|
    9900802.00
    2300120260301    093000AOMAIN|AAP0001|AC|AD1234|
    17                  AOMAIN|ABI0200|
    11NN20260301    093000                  AOMAIN|AAP0001|ABI0200|AC|AD1234|
    09N20260301    09310020260301    093100APdesk|AOMAIN|ABI0200|AC|
"""

_FIRST = (
    "Ada", "Amélie", "Anton", "Aylin", "Bohumil", "Carmen", "Chidi", "Dana", "Eino", "Fatima",
    "Grace", "Hana", "Ibrahim", "Ingrid", "Jānis", "José", "Kateřina", "Lars", "Łucja", "Mei",
)  # fmt: skip
_LAST = (
    "Lovelace", "Hopper", "Novák", "Müller", "García", "Okafor", "Virtanen", "Öztürk", "Dubois",
    "Rossi",
)  # fmt: skip


def demo_library(now: datetime) -> Library:
    """The whole library, as it stands now."""
    return Library(
        institutions={
            "MAIN": InstitutionSettings(
                name="The Main Library",
                time_zone="Europe/Paris",
                overpayment="credit",  # so that a till has something to book
                loans=LoanPolicy(loan_days=21, loan_limit=50, renewals=2),
            )
        },
        accounts=tuple(_accounts()),
        patrons=tuple(_patrons()),
        items=tuple(_items()),
        loans=tuple(_loans(now)),
    )


def _accounts() -> Iterator[AccountEntry]:
    """One of each role; their passwords are printed."""
    for login, role in ACCOUNTS.items():
        yield AccountEntry(
            login=login, password=login, institution="MAIN", location="desk",
            settings={"role": role},
        )  # fmt: skip


def _patrons() -> Iterator[PatronEntry]:
    for n in range(PATRONS):
        name = f"{_FIRST[n % len(_FIRST)]} {_LAST[n // len(_FIRST)]}"
        yield PatronEntry(
            id=f"P{n:04d}",
            name=name,
            pin="1234",
            address=f"{n + 1} Library Lane",
            email=f"p{n:04d}@example.org",
            phone=f"555-{n:04d}",
            patron_class="adult" if n % 4 else "child",
            expires="2099-12-31",
        )


def _items() -> Iterator[ItemEntry]:
    for n, (title, author, language) in enumerate(islice(cycle(TITLES), ITEMS)):
        yield ItemEntry(
            id=f"I{n:04d}",
            title=title,
            author=author,
            language=language,
            media_type="001",
            magnetic=False,
            owner="MAIN",
            permanent_location="stacks",
            current_location="stacks",
            call_number=f"{language.upper()} {author.split()[-1][:3].upper()}",
        )


def _loans(now: datetime) -> Iterator[LoanEntry]:
    """Two loans each for the first fifty patrons, some of them overdue."""
    for n in range(LENT):
        lent_at = now - timedelta(days=1 + n % 30)
        yield LoanEntry(
            patron=f"P{n // 2:04d}",
            item=f"I{n:04d}",
            lent_at=lent_at,
            due_at=lent_at + timedelta(days=21),
        )
