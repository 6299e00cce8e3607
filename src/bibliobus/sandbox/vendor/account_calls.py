"""The calls about patrons: looking one up, reading, making; their tokens; what one has."""

from __future__ import annotations

from bibliobus.sandbox.vendor import answers, wire
from bibliobus.sandbox.vendor.answers import Answer, invalid, not_located, refused, sql_exception
from bibliobus.sandbox.vendor.calling import Call
from bibliobus.sandbox.vendor.lending_calls import holds_of, loans_of
from bibliobus.sandbox.vendor.patrons import Patron, PatronExists

_REQUIRED = ("userName", "email", "firstName", "lastName", "password")


def look_up(call: Call) -> Answer:
    """By card, user name or e-mail address, within this library."""
    value = call.arguments.get("value", "")
    patron = call.vendor.patrons.look_up(value) if value else None
    if patron is None:
        return _nobody(call, value)
    told: dict[str, object] = {"patronId": patron.id}
    if call.vendor.settings.era == "E4":
        told |= {"oneClickPatronId": patron.other_id, "userId": patron.user_id}
    return Answer(told)


def _nobody(call: Call, value: str) -> Answer:
    settings = call.vendor.settings
    criteria = {"xf.strategy.key": "librarycard", "librarycard": value}
    broken = settings.lookup_fails_on_letters and not value.isdigit()
    if not value or broken:
        criteria = {"xf.strategy.key": "username", "username": value}
    whole = criteria | {"LibraryId": settings.library_id}
    if not value or broken:
        text = sql_exception(answers.PATRON_MODEL, "username", whole, call.now)
        return Answer({"message": text}, 500)
    if settings.era == "E4":
        return Answer({"message": answers.PATRON_NOT_FOUND}, 404)
    return Answer({"message": not_located(answers.PATRON_MODEL, whole, call.now)})


def read(call: Call) -> Answer:
    """One account, without its secrets."""
    return Answer(wire.patron(call.patron(), call.vendor.settings))


def read_all(call: Call) -> Answer:
    """Every account."""
    vendor = call.vendor
    return Answer([wire.patron(each, vendor.settings) for each in vendor.patrons.all()])


def create(call: Call) -> Answer:
    """A new account; 201. Which fields it needs depends on the era."""
    vendor = call.vendor
    card = _checked_fields(call)
    try:
        patron = vendor.patrons.register(
            card,
            user_name=call.text("userName"),
            email=call.text("email"),
            first_name=call.text("firstName"),
            last_name=call.text("lastName"),
            postal_code=call.text("postalCode"),
            password=call.text("password"),
        )
    except PatronExists as error:
        status = vendor.settings.duplicate_patron_status
        raise refused(status, answers.PATRON_EXISTS, str(error)) from None
    bearer = _new_bearer(call, patron) if vendor.settings.era >= "E3" else ""
    return Answer(wire.new_patron(patron, vendor.settings, bearer), 201)


def _checked_fields(call: Call) -> str:
    """The card's number, once everything else is there as well."""
    settings = call.vendor.settings
    needed = _REQUIRED + (("postalCode",) if settings.era >= "E3" else ())
    missing = [name for name in needed if not call.text(name)]
    if missing:
        raise invalid(f"In {settings.era} a patron needs {', '.join(missing)}.")
    library = call.text("libraryId") or call.text("tenantId")
    if library != str(settings.library_id):
        raise invalid(f"libraryId is not {settings.library_id}.")
    if settings.era >= "E3" and not call.text("userName").isalnum():
        raise invalid(f"In {settings.era} a userName has no punctuation.")
    names = {"E3": ("libraryCard", "libraryCardNumber"), "E4": ("libraryCard",)}
    accepted = names.get(settings.era, ("libraryCardNumber",))
    for name in accepted:
        if card := call.text(name):
            return card
    raise invalid(f"In {settings.era} a patron needs {' or '.join(accepted)}.")


def token_of_user(call: Call) -> Answer:
    """A patron's token, for the GUID that a lookup told; from E3."""
    patron = call.vendor.patrons.of_user(call.text("userId"))
    if patron is None:
        raise refused(404, answers.PATRON_NOT_FOUND, "userId is what the lookup tells in E4.")
    return Answer({"bearer": _new_bearer(call, patron), "result": True})


def token_of_password(call: Call) -> Answer:
    """A patron's token, for name and password."""
    patron = call.vendor.patrons.look_up(call.text("userName"))
    library = call.text("libraryId")
    known = patron is not None and patron.password == call.text("password") != ""
    if patron is None or not known or library != str(call.vendor.settings.library_id):
        raise refused(401, answers.PATRON_NOT_FOUND, "User name, password or library is wrong.")
    return Answer({"bearer": _new_bearer(call, patron), "result": True})


def summary(call: Call) -> Answer:
    """All that a patron has; eBooks are counted as audiobooks, as the vendor did."""
    patron = call.patron()
    return Answer({
        "audioBooks": {"checkouts": loans_of(call, patron), "holds": holds_of(call, patron)},
        "magazines": {"checkouts": []},
    })  # fmt: skip


def _new_bearer(call: Call, patron: Patron) -> str:
    hours = call.vendor.settings.bearer_hours
    return call.vendor.patrons.new_bearer(patron, call.now, hours)
