"""What comes in the box, so that everything can be tried without anybody's contract.

So far: the demo library, a terminal (`terminal`), and many of them at once (`simulator`), whose
`journal` tells afterwards what was asked and answered.
"""

from bibliobus.sandbox.demo_library import INTRODUCTION, demo_library

__all__ = ["INTRODUCTION", "demo_library"]
