"""A vendor's collection in memory: the port's promises for e-books, and nothing that lasts.

It is for tests of whatever stands before the port, and can do what is rare with a real vendor:
keep silent, and answer later. `lender` and `collection` have the port's methods, `kept` what is
kept.
"""

from bibliobus.testing.digital.collection import MemoryCollection

__all__ = ["MemoryCollection"]
