"""Fills a `MemoryILS` from a document."""

from __future__ import annotations

from bibliobus.ils import FeeType, HoldType, Item, Patron
from bibliobus.ils.library import FeeEntry, HoldEntry, ItemEntry, Library, LoanEntry, PatronEntry
from bibliobus.ils.money import to_minor
from bibliobus.testing.memory import shown
from bibliobus.testing.memory.state import (
    KeptFee,
    KeptHold,
    KeptItem,
    KeptLoan,
    KeptPatron,
    State,
    Title,
)


def load(state: State, library: Library) -> None:
    """Add what is new. A loan or hold comes with its item, a fee with its patron: what has come
    back, or was paid, does not come again.

    Raises:
        ValueError: An amount has more digits than the currency.
    """
    new_patrons = {p.id for p in library.patrons} - state.patrons.keys()
    for patron in library.patrons:
        if patron.id not in state.patrons:
            state.patrons[patron.id] = KeptPatron(patron, _lasting_of_patron(state, patron))
    new_items = {i.id for i in library.items} - state.items.keys()
    titles: dict[tuple[str, str | None], Title] = {}
    for item in library.items:
        if item.id not in state.items:
            _load_item(state, item, titles)
    for loan in library.loans:
        if loan.item in new_items and loan.patron in state.patrons:
            _load_loan(state, loan)
    for hold in library.holds:
        if hold.item in new_items and hold.patron in state.patrons:
            _load_hold(state, hold)
    for fee in library.fees:
        if fee.patron in new_patrons:
            _load_fee(state, fee)


def _lasting_of_patron(state: State, entry: PatronEntry) -> Patron:
    limits = state.policies.limits(entry.patron_class)
    return Patron(
        id=entry.id,
        name=entry.name,
        address=entry.address,
        email_addr=entry.email,
        home_phone=entry.phone,
        birth_on=entry.birth_on,
        expires_on=entry.expires_on,
        ptype=entry.patron_class,
        home_library=entry.home_library,
        inet_privileges=entry.internet,
        language=entry.language,
        currency=state.currency,
        fee_limit=limits.fee_limit,
        renew_ok=entry.renew_ok,
        hold_ok=entry.hold_ok,
        card_lost=entry.card_lost,
        hold_limit=limits.hold_limit,
        overdue_limit=limits.overdue_limit,
        charged_limit=state.policies.charged_limit(entry.patron_class),
        screen_messages=(entry.screen_msg,) if entry.screen_msg else (),
    )


def _load_item(state: State, entry: ItemEntry, titles: dict[tuple[str, str | None], Title]) -> None:
    title = titles.get((entry.title, entry.author))
    if title is None:
        title = Title(f"t{state.number()}", entry.title)
        titles[entry.title, entry.author] = state.titles[title.key] = title
        state.named.setdefault(title.text, []).append(title)
    price = None if entry.price is None else to_minor(entry.price, state.currency)
    lasting = _lasting_of_item(state, entry, title)
    item = KeptItem(lasting, title, price, entry.condition, entry.current_location)
    state.items[entry.id] = item
    title.items.append(item)


def _lasting_of_item(state: State, entry: ItemEntry, title: Title) -> Item:
    rule = state.policies.loan_rule(None, entry.item_type, entry.permanent_location)
    rental_fee = to_minor(rule.rental_fee, state.currency)
    return Item(
        id=entry.id,
        title_id=title.text,
        title_key=title.key,
        item_type=entry.item_type,
        media_type=entry.media_type,
        magnetic=entry.magnetic,
        security_marker=None if entry.security_marker is None else int(entry.security_marker),
        permanent_location=entry.permanent_location,
        owner=entry.owner,
        collection_code=entry.collection_code,
        call_number=entry.call_number,
        fee=shown.money(rental_fee, state.currency) if rental_fee else None,
        fee_currency=state.currency if rental_fee else None,
        fee_type=FeeType.RENTAL if rental_fee else None,
    )


def _load_loan(state: State, entry: LoanEntry) -> None:
    item = state.items[entry.item]
    if item.loan is None:
        KeptLoan(state.patrons[entry.patron], item, entry.lent_at, entry.due_at).begin()


def _load_hold(state: State, entry: HoldEntry) -> None:
    patron, item = state.patrons[entry.patron], state.items[entry.item]
    if patron.hold_on(item.title) is not None:
        return
    wanted = item if entry.hold_type is HoldType.SPECIFIC_COPY else None
    expires_at = state.policies.hold_expires_at(state.now)
    KeptHold(
        state.number(), patron, item.title, entry.hold_type, wanted, entry.pickup_location,
        state.now, expires_at,
    ).join()  # fmt: skip


def _load_fee(state: State, entry: FeeEntry) -> None:
    amount = to_minor(entry.amount, state.currency)
    if amount:
        fee = KeptFee(state.number(), entry.fee_type, amount, amount, entry.description, state.now)
        state.patrons[entry.patron].owing.append(fee)
