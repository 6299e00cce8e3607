"""What comes in the box, so that everything can be tried without anybody's contract.

So far: the demo library.
"""

from bibliobus.sandbox.demo_library import INTRODUCTION, demo_library

__all__ = ["INTRODUCTION", "demo_library"]
