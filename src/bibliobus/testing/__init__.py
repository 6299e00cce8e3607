"""For whoever writes an adapter: an ILS in memory, and the port as tests.

`MemoryILS` is a whole ILS without a database, for tests and demonstrations. `contract.ILSContract`
states what an adapter promises; it needs pytest and pytest-asyncio.
"""

from bibliobus.testing.memory import MemoryILS

__all__ = ["MemoryILS"]
