"""Everything that the vendor can be asked, and where.

The counters, the reference page and the fault switches call the endpoints by the names here.
Source: spec/oneclick-api.md, 1.1 to 1.15.
"""

from __future__ import annotations

from bibliobus.sandbox.vendor import account_calls as accounts
from bibliobus.sandbox.vendor import catalogue_calls as catalogue
from bibliobus.sandbox.vendor import discovery_calls as discovery
from bibliobus.sandbox.vendor import file_calls as files
from bibliobus.sandbox.vendor import lending_calls as lending
from bibliobus.sandbox.vendor.calling import Auth, Endpoint

_L = "/v1/libraries/{library}"
_P = f"{_L}/patrons/{{patron}}"
_RPC = "/v1/rpc/libraries/{library}/patrons"
_MINE = "/v1/transactions"
_BOOKS = "/v1/patron-books"
_DELTAS = ("E1", "E2", "E3")
_LATE = ("E4",)
_TOKENS = ("E3", "E4")
_PATRON, _NONE = Auth.PATRON, Auth.NONE

ENDPOINTS: tuple[Endpoint, ...] = (
    # The catalogue. The first that fits a path answers it, so words stand before "{isbn}".
    Endpoint("media/all", "GET", f"{_L}/media/all", catalogue.whole_catalogue,
             "Every title, unpaged."),
    Endpoint("media/all", "GET", f"{_L}/media", catalogue.whole_catalogue, "The same."),
    Endpoint("media/delta", "GET", f"{_L}/media/delta", catalogue.delta,
             "What was bought and given up from `begin` to `end`.", eras=_DELTAS),
    Endpoint("media/delta", "GET", f"{_L}/media/delta", catalogue.withdrawn, "404: it is gone.",
             eras=_LATE),
    Endpoint("media/{medium}", "GET", f"{_L}/media/{{medium}}", catalogue.catalogue_of_medium,
             "Every title of one medium."),
    Endpoint("media/{isbn}", "GET", f"{_L}/media/{{isbn}}", catalogue.one_title,
             "One title, by ISBN or title id."),
    Endpoint("availability/all", "GET", f"{_L}/media/all/availability",
             catalogue.availability_of_all, "Whether a copy is free, of every title."),
    Endpoint("availability/{medium}", "GET", f"{_L}/media/{{medium}}/availability",
             catalogue.availability_of_medium, "The same of one medium."),
    Endpoint("availability/{isbn}", "GET", f"{_L}/media/{{isbn}}/availability",
             catalogue.availability_of_one, "The same of one title."),
    Endpoint("book-holdings/delta/available-dates", "GET",
             f"{_L}/book-holdings/delta/available-dates", catalogue.snapshots,
             "The days that can be compared.", eras=_LATE),
    Endpoint("book-holdings/delta", "GET", f"{_L}/book-holdings/delta", catalogue.holdings_delta,
             "What changed between two of them.", eras=_LATE),
    # Discovery.
    Endpoint("search/emagazine", "GET", f"{_L}/search/emagazine", discovery.magazines,
             "Always an empty page."),
    Endpoint("search", "GET", f"{_L}/search", discovery.search, "Titles by facets and words."),
    Endpoint("search", "GET", f"{_L}/search/{{values…}}", discovery.search,
             "The same, with facet values in the path."),
    Endpoint("facets", "GET", "/v1/facets", discovery.facets, "What can be filtered by.",
             eras=("E1",)),
    Endpoint("facets/{facet}", "GET", "/v1/facets/{facet}", discovery.facet,
             "The values of one facet.", eras=("E1",)),
    Endpoint("titles/{isbn}", "GET", f"{_L}/titles/{{isbn}}", discovery.title_page,
             "One title, as a search tells it."),
    Endpoint("titles/{isbn}/summary", "GET", f"{_L}/titles/{{isbn}}/summary",
             discovery.title_summary, "Some of it, with the whole description."),
    # Patrons and tokens.
    Endpoint("patrons/lookup", "GET", f"{_RPC}/{{value}}", accounts.look_up,
             "A patron's number, by card, user name or e-mail address."),
    Endpoint("patrons/lookup", "GET", _RPC, accounts.look_up, "Without a value: 500."),
    Endpoint("patrons/all", "GET", f"{_L}/patrons", accounts.read_all, "Every patron."),
    Endpoint("patrons/read", "GET", _P, accounts.read, "One patron."),
    Endpoint("patrons/create", "POST", f"{_L}/patrons", accounts.create, "A new patron."),
    Endpoint("tokens/user", "POST", f"{_L}/tokens", accounts.token_of_user,
             "A patron's token, for `userId`.", eras=_TOKENS),
    Endpoint("tokens/password", "POST", "/v1/tokens", accounts.token_of_password,
             "A patron's token, for user name and password."),
    Endpoint("patron-config", "GET", "/v1/tenants/{library}/patrons/{patron}/patron-config",
             accounts.summary, "All that a patron has."),
    # Loans and holds.
    Endpoint("checkouts/list", "GET", f"{_P}/checkouts", lending.list_loans, "A patron's loans."),
    Endpoint("checkouts/list", "GET", f"{_P}/checkouts/all", lending.list_loans, "The same."),
    Endpoint("checkouts/create", "POST", f"{_P}/checkouts/{{isbn}}", lending.checkout,
             "Lend, for `days` at most."),
    Endpoint("checkouts/renew", "PUT", f"{_P}/checkouts/{{isbn}}", lending.renew,
             "Lend for longer."),
    Endpoint("checkouts/return", "DELETE", f"{_P}/checkouts/{{isbn}}", lending.give_back,
             "Give back."),
    Endpoint("holds/list", "GET", f"{_P}/holds", lending.list_holds, "A patron's holds."),
    Endpoint("holds/list", "GET", f"{_P}/holds/all", lending.list_holds, "The same."),
    Endpoint("holds/create", "POST", f"{_P}/holds/{{isbn}}", lending.place_hold, "Wait for it."),
    Endpoint("holds/cancel", "DELETE", f"{_P}/holds/{{isbn}}", lending.cancel_hold,
             "Wait no longer."),
    # The same for a patron's own app.
    Endpoint("my/checkouts/list", "GET", f"{_MINE}/checkouts/all", lending.list_loans,
             "My loans.", _PATRON),
    Endpoint("my/checkouts/create", "POST", f"{_MINE}/checkouts/{{isbn}}", lending.checkout,
             "Lend to me.", _PATRON),
    Endpoint("my/checkouts/renew", "PUT", f"{_MINE}/checkouts/{{isbn}}", lending.renew,
             "For longer.", _PATRON),
    Endpoint("my/checkouts/return", "DELETE", f"{_MINE}/checkouts/{{isbn}}", lending.give_back,
             "Give back, by ISBN or transaction.", _PATRON),
    Endpoint("my/holds/list", "GET", f"{_MINE}/holds/all", lending.list_holds, "My holds.",
             _PATRON),
    Endpoint("my/holds/create", "POST", f"{_MINE}/holds/{{isbn}}", lending.place_hold,
             "I wait for it.", _PATRON),
    Endpoint("my/holds/cancel", "DELETE", f"{_MINE}/holds/{{isbn}}", lending.cancel_hold,
             "No longer, by ISBN or transaction.", _PATRON),
    Endpoint("my/books/create", "POST", f"{_BOOKS}/checkouts/{{isbn}}", lending.checkout_book,
             "Lend to me; a shorter answer.", _PATRON),
    Endpoint("my/books/renew", "PUT", f"{_BOOKS}/checkouts/{{isbn}}", lending.renew_book,
             "For longer.", _PATRON),
    Endpoint("my/books/return", "DELETE", f"{_BOOKS}/checkouts/{{isbn}}", lending.give_back,
             "Give back.", _PATRON),
    Endpoint("my/books/hold", "POST", f"{_BOOKS}/holds/{{isbn}}", lending.hold_book,
             "I wait for it.", _PATRON),
    Endpoint("my/books/cancel", "DELETE", f"{_BOOKS}/holds/{{isbn}}", lending.cancel_hold,
             "No longer.", _PATRON),
    Endpoint("my/titles/{isbn}", "GET", "/v1/titles/{isbn}", discovery.title_page, "One title.",
             _PATRON),
    Endpoint("my/titles/{isbn}/summary", "GET", "/v1/titles/{isbn}/summary",
             discovery.title_summary, "Some of it.", _PATRON),
    # Fulfilment.
    Endpoint("download-url", "GET", "/v1/media/{media}/parts/{part}/download-url",
             lending.access_document, "Where a file is; from E4 on for the patron's token only.",
             _NONE),
    Endpoint("files", "GET", "/files/{isbn}/{filename}", files.file, "A file; its link has an end.",
             _NONE),
    Endpoint("images", "GET", "/images/{code}/{filename}", files.picture, "A cover.", _NONE),
)  # fmt: skip


def found(method: str, raw_path: str, era: str) -> tuple[Endpoint, dict[str, str]] | set[str]:
    """The endpoint of a path, and what stands in it; or the methods that the path does know."""
    methods: set[str] = set()
    for endpoint in ENDPOINTS:
        if era not in endpoint.eras or (arguments := endpoint.arguments(raw_path)) is None:
            continue
        if endpoint.method == method:
            return endpoint, arguments
        methods.add(endpoint.method)
    return methods
