"""The adapter for the e-book vendor OneClickdigital, later RBdigital.

`client` asks the vendor, by `requests` and `transport`; `answers` says what each answer means, as
the port's errors or those in `errors`; `wire` has what is in an answer. `parsing` makes a title of
a record, with `names`, `genres`, `languages` and `texts`. `settings` is what an operator says.
"""

from bibliobus.oneclick.access import AccessDocument
from bibliobus.oneclick.account_calls import CreatedPatron
from bibliobus.oneclick.catalogue_calls import KEPT, SPAN
from bibliobus.oneclick.client import Client
from bibliobus.oneclick.collection import OneClickCollection
from bibliobus.oneclick.errors import (
    AccountExists,
    BadAnswer,
    BadInput,
    BearerRefused,
    HeldOrBorrowed,
    NotAnswered,
    NotAsked,
    NotPermitted,
    VendorError,
    VendorFault,
)
from bibliobus.oneclick.listing import ListingFetched
from bibliobus.oneclick.parsing import SearchFound, Unreadable, parse_search_item, parse_title
from bibliobus.oneclick.requests import Level, NewPatron
from bibliobus.oneclick.settings import CollectionSettings

__all__ = [
    "KEPT",
    "SPAN",
    "AccessDocument",
    "AccountExists",
    "BadAnswer",
    "BadInput",
    "BearerRefused",
    "Client",
    "CollectionSettings",
    "CreatedPatron",
    "HeldOrBorrowed",
    "Level",
    "ListingFetched",
    "NewPatron",
    "NotAnswered",
    "NotAsked",
    "NotPermitted",
    "OneClickCollection",
    "SearchFound",
    "Unreadable",
    "VendorError",
    "VendorFault",
    "parse_search_item",
    "parse_title",
]
