"""`python -m bibliobus` is `bibliobus`."""

from bibliobus.cli import main

if __name__ == "__main__":  # processes of an import read this file, too
    main()
