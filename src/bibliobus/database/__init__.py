"""The database floor: one synchronous function is one transaction, one hop away from the loop.

SQLite and PostgreSQL behind one interface (`engine`), the schema as numbered migrations
(`migrating`), and how secrets are checked (`verifier`). Nothing here knows what is stored.
"""

from bibliobus.database.engine import Database, Transaction, rows_among, storable
from bibliobus.database.errors import Conflict, DatabaseError, Failed
from bibliobus.database.opening import open_database
from bibliobus.database.times import from_database, to_database
from bibliobus.database.verifier import Verifier

__all__ = [
    "Conflict",
    "Database",
    "DatabaseError",
    "Failed",
    "Transaction",
    "Verifier",
    "from_database",
    "open_database",
    "rows_among",
    "storable",
    "to_database",
]
