"""The client of the vendor's partner API: one method for each of its calls.

A client is for one library. It is an asynchronous context manager, and may be used by many tasks
at a time. `listing`, `title`, `delta` and `search` give records as they came, for `parsing`.

Of spec/oneclick-api 1 it leaves out what a partner has no use for, or what had died: the path
forms of a search and `titles/{isbn}` (1.7; the same titles by other ways), magazines and comics
(1.13, another service), the patrons' own calls (1.14), countries and the libraries' picker (1.15).
"""

from __future__ import annotations

from bibliobus.oneclick.account_calls import AccountCalls
from bibliobus.oneclick.catalogue_calls import CatalogueCalls
from bibliobus.oneclick.loan_calls import LoanCalls


class Client(CatalogueCalls, AccountCalls, LoanCalls):
    """All calls that a library makes as the vendor's partner."""
