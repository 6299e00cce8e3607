"""`python -m bibliobus` is `bibliobus`."""

from bibliobus.cli import main

main()
