"""The terminals door: self-check units, sorters and gates, by SIP2.

`listening` says where they connect, `server` is the door, `connection` one socket of it, `session`
one terminal's conversation; a message is answered by one function in `status`, `patrons`, `items`,
`circulation`, `holds` or `fees`, and a refusal in `refusals`. What can be set for an account is in
`settings`, who may log in in `accounts`, and what nobody may do in `limits`.
"""

from bibliobus.terminals.accounts import (
    Account,
    Accounts,
    Caller,
    StoredAccounts,
    load_account,
    revoke_account,
    stored_account,
)
from bibliobus.terminals.limits import Limits
from bibliobus.terminals.listening import ListenerSettings, listener
from bibliobus.terminals.server import TerminalsDoor
from bibliobus.terminals.settings import AccountSettings, Role, dialect_of, settings_of

__all__ = [
    "Account",
    "AccountSettings",
    "Accounts",
    "Caller",
    "Limits",
    "ListenerSettings",
    "Role",
    "StoredAccounts",
    "TerminalsDoor",
    "dialect_of",
    "listener",
    "load_account",
    "revoke_account",
    "settings_of",
    "stored_account",
]
