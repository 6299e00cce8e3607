"""For whoever writes an adapter: an ILS and a vendor in memory, and the port as tests.

`MemoryILS` is a whole ILS without a database, `MemoryCollection` a vendor of e-books, for tests and
demonstrations. `contract` states what an adapter promises; it needs pytest and pytest-asyncio.
"""

from bibliobus.testing.digital import MemoryCollection
from bibliobus.testing.memory import MemoryILS

__all__ = ["MemoryCollection", "MemoryILS"]
