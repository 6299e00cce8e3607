"""What can go wrong with a database, whichever it is.

DatabaseError
├── Conflict    a unique index or a foreign key said no; the transaction was rolled back
├── Failed      it could not be reached, was full, or broke off; `may_stand` says what is known
├── Unsuitable  this database, or this library for it, must not be used, and the message says why
└── Stale       the schema is newer than this program, or a migration was changed afterwards
"""

from __future__ import annotations


class DatabaseError(Exception):
    """Base class of the database floor's errors."""


class Conflict(DatabaseError):
    """A fact that the database enforces stands against this. Nothing was written."""


class Failed(DatabaseError):
    """The transaction did not come to an end that we know of."""

    def __init__(self, message: str, *, may_stand: bool) -> None:
        super().__init__(message)
        self.may_stand = may_stand  # False: it is certain that nothing was written


class Unsuitable(DatabaseError):
    """This database must not be used."""


class Stale(DatabaseError):
    """Schema and program do not fit each other."""
