"""The client of the vendor's partner API: one method for each of its calls.

A client is for one library. It is an asynchronous context manager, and may be used by many tasks
at a time. `listing`, `title`, `delta` and `search` give records as they came, for `parsing`.
"""

from __future__ import annotations

from bibliobus.oneclick.account_calls import AccountCalls
from bibliobus.oneclick.catalogue_calls import CatalogueCalls
from bibliobus.oneclick.loan_calls import LoanCalls


class Client(CatalogueCalls, AccountCalls, LoanCalls):
    """All calls of the vendor's that anybody was ever seen to make as a partner."""
