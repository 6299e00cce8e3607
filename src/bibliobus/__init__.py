"""Bibliobus: one server between a library's terminals, its readers' apps and its ILS."""

__version__ = "0.1.0"
