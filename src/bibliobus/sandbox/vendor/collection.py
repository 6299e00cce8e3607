"""The titles that the library holds, how many copies of each, and what it held on other days."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec

from bibliobus.sandbox.vendor.searching import SearchIndex
from bibliobus.sandbox.vendor.state import Row, State
from bibliobus.sandbox.vendor.wording import article_in_front, people, sort_name

MEDIA = ("eBook", "eAudio")
CHUNK = 200  # titles that are read at a time
DAILY, MONTHLY = 90, 400  # days for which there is a snapshot of each, and of each month's first
_CODE = re.compile(r"/([^/]+)/\1_image_")


class Title(NamedTuple):
    """One title. `copies` None: as many as are asked for."""

    position: int
    isbn: str
    title_id: int
    medium: str
    code: str
    copies: int | None
    owned: bool
    held: bool
    loans: int
    body: bytes

    @property
    def media_object(self) -> dict[str, Any]:
        """As `media/all` has it."""
        whole: dict[str, Any] = msgspec.json.decode(self.body)
        return whole

    @property
    def book_id(self) -> int:
        """The number that `book-holdings` has for it, which is another one."""
        return 1_000_000 + self.position


_SELECT = (
    "SELECT position, isbn, title_id, medium, code, copies, owned, held, loans, body FROM titles"
)


class Collection:
    """The titles of one library. A title that was removed is kept for the loans of it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.index = SearchIndex(state)

    def load_index(self) -> None:
        """Read all titles for searching. Takes a second for each hundred thousand."""
        for chunk in self._chunks("held = 1", ()):
            for title in chunk:
                self.index.add(title.position, title.media_object, owned=title.owned)

    def count(self, medium: str) -> int:
        """How many the library holds."""
        return int(
            self._state.value(
                "SELECT count(*) FROM titles WHERE held AND owned AND medium = ?", medium
            )
        )

    def load(self, titles: Iterable[tuple[dict[str, Any], int | None]], day: date) -> int:
        """Titles that were always there; how many were new."""
        loaded = 0
        with self._state.transaction():
            for media_object, copies in titles:
                # A dump may have a row twice; the first one counts.
                loaded += self._insert(media_object, copies, day, owned=True) is not None
        return loaded

    def add(
        self, media_object: dict[str, Any], copies: int | None, day: date, *, owned: bool = True
    ) -> Title:
        """A title that the library buys on this day, or has again."""
        with self._state.transaction():
            known = self.find(media_object["isbn"])
            if known is not None:
                self._replace(known, media_object, copies, owned=owned)
                position = known.position
            else:
                position = self._insert(media_object, copies, day, owned=owned) or 0
            if owned and not (known and known.held and known.owned):
                self._note(position, day, 1)
        title = self.find(media_object["isbn"])
        assert title is not None  # noqa: S101 - it was just written
        return title

    def remove(self, isbn: str, day: date) -> bool:
        """A title that the library gives up on this day; whether it was there."""
        with self._state.transaction():
            title = self.find(isbn)
            if title is None or not title.held:
                return False
            self._state.run("UPDATE titles SET held = 0 WHERE position = ?", title.position)
            if title.owned:
                self._note(title.position, day, -1)
        self.index.remove(title.position)
        return True

    def set_copies(self, isbn: str, copies: int | None) -> bool:
        """How many can be lent at once; whether there is such a title."""
        return bool(self._state.run("UPDATE titles SET copies = ? WHERE isbn = ?", copies, isbn))

    def find(self, isbn: str) -> Title | None:
        """By ISBN, also if it was removed."""
        return self._one("isbn = ?", isbn)

    def by_title_id(self, title_id: int) -> Title | None:
        """By the vendor's number, also if it was removed."""
        return self._one("title_id = ?", title_id)

    def at(self, position: int) -> Title | None:
        """By its place in the database, also if it was removed."""
        return self._one("position = ?", position)

    def of_code(self, code: str) -> Title | None:
        """By what names its pictures."""
        return self._one("code = ?", code)

    def all_at(self, positions: Iterable[int]) -> list[Title]:
        """Several, in that order."""
        return [title for each in positions if (title := self.at(each))]

    def held(self, medium: str | None, *, also_not_owned: bool = False) -> Iterator[list[Title]]:
        """What the library holds, by ascending title id, some titles at a time."""
        condition = "held = 1" + ("" if also_not_owned else " AND owned = 1")
        if medium is None:
            return self._chunks(condition, ())
        return self._chunks(f"{condition} AND medium = ?", (medium,))

    def free(self, title: Title) -> bool:
        """Whether a copy could be lent now."""
        if title.copies is None:
            return True
        lent = self._state.value("SELECT count(*) FROM loans WHERE title = ?", title.position)
        return bool(title.copies > lent)

    def exhausted(self) -> set[int]:
        """The positions of all titles of which no copy is free."""
        return {
            position
            for (position,) in self._state.rows(
                "SELECT position FROM titles WHERE copies IS NOT NULL AND copies <="
                " (SELECT count(*) FROM loans WHERE title = position)"
            )
        }

    def snapshot_days(self, today: date, *, gaps: bool) -> list[date]:
        """The days of which the holdings are known, the newest first."""
        daily = [today - timedelta(days=back) for back in range(DAILY)]
        older = [today - timedelta(days=back) for back in range(DAILY, MONTHLY)]
        days = daily + [day for day in older if day.day == 1]
        return [day for day in days if not (gaps and day.toordinal() % 19 == 0)]

    def counts_on(self, days: Iterable[date], medium: str) -> list[int]:
        """How many the library held at the end of each day."""
        events = self._state.rows(
            "SELECT day, change FROM holding_events JOIN titles ON position = title"
            " WHERE medium = ?",
            medium,
        )
        now = self.count(medium)
        return [
            now - sum(change for then, change in events if then > day.isoformat()) for day in days
        ]

    def changes(self, begin: date, end: date) -> tuple[list[Title], list[Title]]:
        """What is held at the end of the last day and was not at that of the first; the reverse."""
        rows = self._state.rows(
            "SELECT title, sum(change) FROM holding_events WHERE day > ? AND day <= ?"
            " GROUP BY title ORDER BY title",
            begin.isoformat(), end.isoformat(),
        )  # fmt: skip
        added = self.all_at(title for title, change in rows if change > 0)
        return added, self.all_at(title for title, change in rows if change < 0)

    def _insert(
        self, media_object: dict[str, Any], copies: int | None, day: date, *, owned: bool
    ) -> int | None:
        """Write a new title; where it is, or None if its ISBN is there already."""
        row = (
            media_object["isbn"], media_object["titleId"], media_object["mediaType"],
            _code(media_object), copies, owned, day.isoformat(), *_sort_keys(media_object),
            msgspec.json.encode(media_object),
        )  # fmt: skip
        position = self._state.value(
            "INSERT OR IGNORE INTO titles (isbn, title_id, medium, code, copies, owned, added_on,"
            " sort_title, sort_author, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " RETURNING position",
            *row,
        )
        if position is None:
            return None
        self.index.add(position, media_object, owned=owned, words=True)
        return int(position)

    def _replace(
        self, known: Title, media_object: dict[str, Any], copies: int | None, *, owned: bool
    ) -> None:
        self._state.run(
            "UPDATE titles SET title_id = ?, medium = ?, code = ?, copies = ?, owned = ?, held = 1,"
            " sort_title = ?, sort_author = ?, body = ? WHERE position = ?",
            media_object["titleId"], media_object["mediaType"], _code(media_object), copies, owned,
            *_sort_keys(media_object), msgspec.json.encode(media_object), known.position,
        )  # fmt: skip
        self.index.remove(known.position, words=True)
        self.index.add(known.position, media_object, owned=owned, words=True)

    def _note(self, position: int, day: date, change: int) -> None:
        self._state.run(
            "INSERT INTO holding_events (day, title, change) VALUES (?, ?, ?)",
            day.isoformat(), position, change,
        )  # fmt: skip

    def _one(self, condition: str, value: str | int) -> Title | None:
        rows = self._titles(f"WHERE {condition} LIMIT 1", (value,))
        return rows[0] if rows else None

    def _chunks(self, condition: str, values: tuple[str, ...]) -> Iterator[list[Title]]:
        after = (-(2**62), 0)
        while True:
            chunk = self._titles(
                f"INDEXED BY titles_in_order WHERE {condition} AND (title_id, position) > (?, ?)"
                f" ORDER BY title_id, position LIMIT {CHUNK}",
                (*values, *after),
            )
            if not chunk:
                return
            yield chunk
            after = (chunk[-1].title_id, chunk[-1].position)

    def _titles(self, clauses: str, values: tuple[Any, ...]) -> list[Title]:
        rows = self._state.rows(f"{_SELECT} {clauses}", *values)
        return [_title(row) for row in rows]


def _title(row: Row) -> Title:
    *numbers, copies, owned, held, loans, body = row
    position, isbn, title_id, medium, code = numbers
    return Title(
        position, isbn, title_id, medium, code, copies, bool(owned), bool(held), loans, body
    )


def _code(media_object: dict[str, Any]) -> str:
    """What names a title's pictures, and so its files."""
    for image in media_object.get("images") or ():
        if isinstance(image, dict) and (found := _CODE.search(str(image.get("url")))):
            return found[1]
    return f"{'Z' if media_object['mediaType'] == 'eAudio' else 'EB'}{media_object['isbn'][-8:]}"


def _sort_keys(media_object: dict[str, Any]) -> tuple[str, str]:
    authors = people(str(media_object.get("authors") or ""))
    return (
        article_in_front(str(media_object.get("title") or "")).casefold(),
        sort_name(authors[0]) if authors else "",
    )
