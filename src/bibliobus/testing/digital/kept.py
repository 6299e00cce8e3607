"""What a `MemoryCollection` keeps, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bibliobus.ils import (
    Audiobook,
    AudiobookPart,
    Bookmark,
    CirculationStatus,
    Format,
    Hold,
    Item,
    Loan,
)

EPUB = Format("application/epub+zip")
WHOLE_AUDIOBOOK = Format("application/zip")


@dataclass(slots=True, eq=False)
class KeptLoan:
    """A title that a patron has."""

    lent_at: datetime
    due_at: datetime
    renewals: int = 0
    bookmark: Bookmark | None = None


@dataclass(slots=True, eq=False)
class KeptHold:
    """A place in a title's queue."""

    number: int
    placed_at: datetime


@dataclass(slots=True, eq=False)
class Title:
    """What the vendor has, and as many licences of it as the library bought."""

    isbn: str
    text: str
    authors: tuple[str, ...]
    parts: tuple[AudiobookPart, ...]  # of an audiobook
    copies: int
    loans: dict[str, KeptLoan] = field(default_factory=dict)  # by patron
    holds: dict[str, KeptHold] = field(default_factory=dict)  # by patron, in their order

    def copies_for(self, patron_id: str) -> int:
        """How many copies neither are on loan nor wait for somebody who came before."""
        before = self.position(patron_id) - 1 if patron_id in self.holds else len(self.holds)
        return self.copies - len(self.loans) - before

    def position(self, patron_id: str) -> int:
        """The place in the queue of a patron who is in it; 1 is next."""
        return [*self.holds].index(patron_id) + 1

    def formats(self) -> tuple[Format, ...]:
        """As what it can be had."""
        return (WHOLE_AUDIOBOOK,) if self.parts else (EPUB,)

    # -------------------------------------------------------- how it is shown

    def item(self) -> Item:
        """As whoever asks for its ISBN sees it."""
        free = self.copies - len(self.loans) - len(self.holds)
        return Item(
            id=self.isbn,
            title_id=self.text,
            title_key=self.isbn,
            circulation_status=CirculationStatus.AVAILABLE
            if free > 0
            else CirculationStatus.CHARGED,
            hold_queue_length=len(self.holds),
        )

    def loan(self, patron_id: str) -> Loan:
        """As the patron who has it sees it."""
        kept = self.loans[patron_id]
        return Loan(
            item_id=self.isbn,
            title_id=self.text,
            lent_at=kept.lent_at,
            due_at=kept.due_at,
            renewals=kept.renewals,
        )

    def hold(self, patron_id: str) -> Hold:
        """As the patron who waits for it sees it."""
        kept = self.holds[patron_id]
        ready = self.copies_for(patron_id) > 0
        return Hold(
            id=f"{kept.number}",
            title_id=self.text,
            item_id=self.isbn,
            placed_at=kept.placed_at,
            queue_position=0 if ready else self.position(patron_id),
            ready=ready,
        )

    def audiobook(self) -> Audiobook:
        """What it consists of."""
        return Audiobook(
            isbn=self.isbn,
            title=self.text,
            authors=self.authors,
            parts=self.parts,
            whole=WHOLE_AUDIOBOOK.media_type,
        )
