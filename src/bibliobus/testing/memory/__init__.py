"""An ILS in memory: the port's promises in the fewest words, and nothing that lasts.

It is the model against which the embedded ILS is compared, so it shares nothing with it but the
port, and the pure functions of `ils.policy` and `ils.money`. `ils` has the port's methods, `state`
what is kept, `shown` how it is shown; the other modules have one kind of change each.
"""

from bibliobus.testing.memory.ils import MemoryILS

__all__ = ["MemoryILS"]
