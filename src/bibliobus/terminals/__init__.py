"""The terminals door: self-check units, sorters and gates, by SIP2.

`server` has the sockets, `session` one terminal's conversation; a message is answered by one
function in `status`, `patrons`, `items` or `circulation`, and a refusal in `refusals`.
"""

from bibliobus.terminals.accounts import Account, Accounts, StoredAccounts, dialect_of, load_account
from bibliobus.terminals.server import TerminalsDoor

__all__ = ["Account", "Accounts", "StoredAccounts", "TerminalsDoor", "dialect_of", "load_account"]
