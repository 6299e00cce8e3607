"""Fees, and the ledger behind them.

Each change of what a patron owes is an entry of the ledger, whose postings add up to nothing:
what is owed (by fee), the library's income, the till, and what was written off. `fees.outstanding`
repeats the sum of a fee's postings, so that a patron's account is one look into an index.

Credit is a fee below zero. It exists only while nothing is owed, because it pays at once.

Whoever changes fees has locked the patron: else a payment and what takes its fee back, at the same
moment, would each write what the other has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from bibliobus.database import Transaction, from_database
from bibliobus.embedded import patrons
from bibliobus.embedded.call import Call, record
from bibliobus.embedded.patrons import StoredPatron
from bibliobus.ils import (
    CurrencyNotAccepted,
    Fee,
    FeeNotAcknowledged,
    FeeNotFound,
    FeePayment,
    FeeType,
    Item,
    Patron,
    PaymentKeyUsed,
    PaymentNotDue,
    PaymentResult,
    PaymentType,
)
from bibliobus.ils.money import from_minor, to_minor
from bibliobus.ils.records import without_contact

_FEES = """
SELECT fees.key, fee_type, outstanding, currency, description, items.barcode, titles.title,
    raised_at
FROM fees
LEFT JOIN items ON items.institution = fees.institution AND items.key = fees.item
LEFT JOIN titles ON titles.institution = fees.institution AND titles.key = fees.title
WHERE fees.institution = :institution AND """
_OPEN = _FEES + "patron = :patron AND outstanding > 0 ORDER BY fees.key"

_WORDS = {
    FeeType.OVERDUE: "Overdue",
    FeeType.RENTAL: "Loan",
    FeeType.REPLACEMENT: "Lost",
    FeeType.HOLD: "Hold",
}


class About(NamedTuple):
    """What a fee is about, as keys."""

    title: int | None = None
    item: int | None = None
    loan: int | None = None


class Price(NamedTuple):
    """What something costs, before it is booked."""

    amount: Decimal
    fee_type: FeeType
    item: Item | None
    title_id: str
    currency: str

    def fee(self) -> Fee:
        """As the patron is asked to accept it."""
        return Fee(
            amount=from_minor(to_minor(self.amount, self.currency), self.currency),
            currency=self.currency,
            fee_type=self.fee_type,
            description=f"{_WORDS[self.fee_type]}: {self.title_id}",
            item_id=None if self.item is None else self.item.id,
            title_id=self.title_id,
        )


def price(call: Call, amount: Decimal, fee_type: FeeType, item: Item) -> Price:
    """What something about an item costs here."""
    return Price(amount, fee_type, item, item.title_id, call.policies.currency)


def check_acknowledged(
    cost: Price, acknowledged: bool, *, patron: StoredPatron, item: Item | None
) -> None:
    """Raises FeeNotAcknowledged, unless the patron accepts the cost or there is none."""
    if cost.amount and not acknowledged:
        raise FeeNotAcknowledged(patron=patron.record, item=item, fee=cost.fee())


def of_patron(tx: Transaction, patron: int) -> list[Fee]:
    """What a patron owes, the oldest first."""
    return [_fee(*row) for row in tx.rows(_OPEN, patron=patron)]


def charge(call: Call, cost: Price, patron: int, about: About) -> Fee | None:
    """Book a cost as a fee of this patron; None if there is none."""
    if not cost.amount:
        return None
    fee = cost.fee()
    amount = to_minor(cost.amount, cost.currency)
    key = raise_fee(
        call, patron, amount, fee_type=cost.fee_type, currency=cost.currency,
        description=fee.description, about=about,
    )  # fmt: skip
    return replace(fee, id=str(key), raised_at=call.now)


def keys(*booked: Fee | None) -> tuple[int, ...]:
    """The keys of these fees, as far as there are any."""
    return tuple(int(fee.id) for fee in booked if fee is not None and fee.id is not None)


def raise_fee(
    call: Call,
    patron: int,
    amount: int,
    *,
    fee_type: FeeType,
    currency: str,
    description: str,
    about: About,
    written_off: int = 0,
) -> int:
    """Book a fee, which the patron's credit pays as far as it goes; its key."""
    key = _add_fee(
        call, patron, amount, fee_type=fee_type, currency=currency,
        description=description, about=about,
    )  # fmt: skip
    _enter(call, "fee", currency, [("owed", key, amount), ("income", None, -amount)])
    if written_off:
        _enter(
            call, "write-off", currency,
            [("owed", key, -written_off), ("write-off", None, written_off)],
        )  # fmt: skip
        _reduce(call.tx, key, written_off)
    _use_credit(call, patron)
    return key


def reverse(call: Call, fee: int) -> None:
    """Take a fee back: what is still owed of it is owed no more, what was written off is written
    off no more, and what was paid is credit."""
    row = call.tx.row(
        "SELECT patron, fee_type, amount, outstanding, currency FROM fees"
        " WHERE institution = :institution AND key = :fee",
        fee=fee,
    )
    assert row is not None  # noqa: S101 - fees are never deleted
    patron, fee_type, amount, outstanding, currency = row
    lines: list[tuple[str, int | None, int]] = [("income", None, amount)]
    if outstanding:
        lines.append(("owed", fee, -outstanding))
    if written_off := _written_off(call.tx, fee):
        lines.append(("write-off", None, -written_off))
    if paid := amount - outstanding - written_off:
        lines.append(_credit(call, patron, paid, FeeType(fee_type), currency))
    _enter(call, "reversal", currency, lines, reverses=fee)
    _reduce(call.tx, fee, outstanding)
    _use_credit(call, patron)


def raised_again(call: Call, fee: int) -> int:
    """Book a reversed fee anew, as undoing the reversal wants it; its key."""
    row = call.tx.row(
        "SELECT patron, amount, fee_type, currency, description, title, item, loan FROM fees"
        " WHERE institution = :institution AND key = :fee",
        fee=fee,
    )
    assert row is not None  # noqa: S101 - fees are never deleted
    patron, amount, fee_type, currency, description, *about = row
    return raise_fee(
        call, patron, amount, fee_type=FeeType(fee_type), currency=currency,
        description=description, about=About(*about), written_off=_written_off(call.tx, fee),
    )  # fmt: skip


def _written_off(tx: Transaction, fee: int) -> int:
    """How much of a fee was written off, whether or not it was reversed since."""
    row = tx.row(
        "SELECT -sum(posting.amount) FROM ledger_postings AS posting"
        " WHERE posting.institution = :institution AND posting.fee = :fee"
        " AND EXISTS (SELECT 1 FROM ledger_postings AS other"
        " WHERE other.institution = posting.institution AND other.entry = posting.entry"
        " AND other.account = 'write-off' AND other.amount > 0)",
        fee=fee,
    )
    return int(row[0]) if row and row[0] else 0


def reverse_replacement(call: Call, loan: int) -> tuple[int, ...]:
    """Take back what was charged because the item of this loan was lost; the fees' keys."""
    keys = tuple(key for key, _ in _of_loan(call.tx, loan, FeeType.REPLACEMENT))
    for key in keys:
        reverse(call, key)
    return keys


def booked(call: Call, loan: int, fee_type: FeeType) -> Decimal:
    """What a loan has cost so far, of one kind."""
    amounts = [amount for _, amount in _of_loan(call.tx, loan, fee_type)]
    return from_minor(sum(amounts), call.policies.currency)


def _of_loan(tx: Transaction, loan: int, fee_type: FeeType) -> list[tuple[int, int]]:
    """Key and amount of a loan's fees of one kind, but those that were reversed."""
    rows = tx.rows(
        "SELECT key, amount FROM fees WHERE institution = :institution AND loan = :loan"
        " AND fee_type = :fee_type AND NOT EXISTS (SELECT 1 FROM ledger_entries"
        " WHERE institution = :institution AND reverses = fees.key) ORDER BY key",
        loan=loan, fee_type=int(fee_type),
    )  # fmt: skip
    return [(key, amount) for key, amount in rows]


def pay(
    call: Call,
    patron_id: str,
    amount: Decimal,
    currency: str,
    *,
    fee_type: FeeType,
    payment_type: int,
    fee_id: str | None,
    transaction_id: str | None,
    credit_ok: bool,
) -> PaymentResult:
    """Book a payment, inside the caller's transaction. See `ILS.pay_fee`."""
    patron = patrons.lock(call, patron_id)
    ours = call.policies.currency
    if transaction_id is not None:
        content = (patron.key, amount, currency or ours, fee_id)
        if (first := _paid_before(call, patron, transaction_id, content)) is not None:
            return first
    if currency not in ("", ours):
        raise CurrencyNotAccepted(patron=patron.record)
    paid = _minor(amount, ours, patron)
    keeps_credit = credit_ok and call.policies.settings.overpayment == "credit"
    open_fees = _to_pay(call, patron, fee_id, keeps_credit=keeps_credit)
    credit = max(paid - sum(owed for _, owed in open_fees), 0)
    if credit and (payment_type == PaymentType.WRITE_OFF or not keeps_credit):
        raise PaymentNotDue(patron=patron.record)

    key = _add_payment(
        call, patron, paid, fee_type=fee_type, payment_type=payment_type,
        transaction_id=transaction_id, fee_id=fee_id,
    )  # fmt: skip
    shares = _shares(open_fees, paid - credit)
    lines: list[tuple[str, int | None, int]] = [("owed", fee, -share) for fee, share in shares]
    if credit:
        lines.append(_credit(call, patron.key, credit, fee_type, ours))
    for fee, share in shares:
        _reduce(call.tx, fee, share)
    till = "write-off" if payment_type == PaymentType.WRITE_OFF else "till"
    _enter(call, "payment", ours, [*lines, (till, None, paid)], payment=key)
    record(call, "payment", patron=patron.key, payment=key)
    result = _payment_result(call, patron, key, shares, credit)
    call.tx.run(
        "UPDATE payments SET result = :result WHERE institution = :institution AND key = :key",
        result=msgspec.json.encode(kept(result)).decode(), key=key,
    )  # fmt: skip
    return result


def _to_pay(
    call: Call, patron: StoredPatron, fee_id: str | None, *, keeps_credit: bool
) -> list[tuple[int, int]]:
    """The fees that a payment may go to, the one that was named first."""
    open_fees = _open_fees(call.tx, patron.key, call.policies.currency)
    if fee_id is None:
        return open_fees
    named = [each for each in open_fees if str(each[0]) == fee_id]
    if not named:
        raise FeeNotFound(patron=patron.record)
    if not keeps_credit:
        return named
    return named + [each for each in open_fees if each not in named]


def _payment_result(
    call: Call, patron: StoredPatron, key: int, shares: Sequence[tuple[int, int]], credit: int
) -> PaymentResult:
    currency = call.policies.currency
    now = patrons.by_key(call, patron.key) or patron
    return PaymentResult(
        patron=without_contact(now.record),
        transaction_id=str(key),
        paid=tuple(FeePayment(fee_id=str(f), amount=from_minor(s, currency)) for f, s in shares),
        credit=from_minor(credit, currency),
        still_owed=now.record.fee_amount or from_minor(0, currency),
        currency=currency,
    )


def _paid_before(
    call: Call, patron: StoredPatron, transaction_id: str, content: tuple[object, ...]
) -> PaymentResult | None:
    row = call.tx.row(
        "SELECT patron, amount, currency, fee, result FROM payments"
        " WHERE institution = :institution AND account = :account"
        " AND transaction_id = :transaction_id",
        account=call.origin.account or "", transaction_id=transaction_id,
    )  # fmt: skip
    if row is None:
        return None
    if (row[0], from_minor(row[1], row[2]), row[2], row[3]) != content:
        raise PaymentKeyUsed(patron=patron.record)
    first = msgspec.json.decode(row[4], type=PaymentResult)
    return replace(first, patron=payer(call, first))


def kept(result: PaymentResult) -> PaymentResult:
    """What of a payment's result may be kept for as long as it may come again."""
    return replace(result, patron=patrons.nobody(result.patron))


def payer(call: Call, first: PaymentResult) -> Patron:
    """The patron of a result that was kept, who is called as they are now."""
    row = call.tx.row(
        "SELECT patron FROM payments WHERE institution = :institution AND key = :key",
        key=int(first.transaction_id),
    )
    patron = None if row is None else patrons.by_key(call, row[0])
    if patron is None:  # erased meanwhile
        return first.patron
    now = patron.record
    known = {"id": now.id, "name": now.name, "screen_messages": now.screen_messages}
    return replace(first.patron, **known)


def _add_payment(
    call: Call,
    patron: StoredPatron,
    paid: int,
    *,
    fee_type: FeeType,
    payment_type: int,
    transaction_id: str | None,
    fee_id: str | None,
) -> int:
    return call.tx.add(
        "INSERT INTO payments (institution, patron, at, amount, currency, fee_type, payment_type,"
        " account, transaction_id, fee, result) VALUES (:institution, :patron, :now, :amount,"
        " :currency, :fee_type, :payment_type, :account, :transaction_id, :fee, '')",
        patron=patron.key, now=call.at, amount=paid, currency=call.policies.currency,
        fee_type=int(fee_type), payment_type=int(payment_type),
        account=call.origin.account or "", transaction_id=transaction_id, fee=fee_id,
    )  # fmt: skip


def _minor(amount: Decimal, currency: str, patron: StoredPatron) -> int:
    try:
        minor = to_minor(amount, currency)
    except ValueError as error:
        raise PaymentNotDue(str(error), patron=patron.record) from error
    if minor <= 0:
        raise PaymentNotDue(patron=patron.record)
    return minor


def _open_fees(tx: Transaction, patron: int, currency: str) -> list[tuple[int, int]]:
    """Key and what is still owed in a currency, the oldest first."""
    rows = tx.rows(
        "SELECT key, outstanding FROM fees WHERE institution = :institution AND patron = :patron"
        " AND outstanding > 0 AND currency = :currency ORDER BY key",
        patron=patron, currency=currency,
    )  # fmt: skip
    return [(key, outstanding) for key, outstanding in rows]


def _shares(open_fees: Sequence[tuple[int, int]], amount: int) -> list[tuple[int, int]]:
    """How much of an amount goes to each fee, in their order."""
    shares = []
    for key, owed in open_fees:
        share = min(owed, amount)
        if share > 0:
            shares.append((key, share))
        amount -= share
    return shares


def _credit(
    call: Call, patron: int, amount: int, fee_type: FeeType, currency: str
) -> tuple[str, int, int]:
    """Keep an amount for the patron's next fees; its line in the ledger."""
    key = _add_fee(
        call, patron, -amount,
        fee_type=fee_type, currency=currency, description="Credit", about=About(),
    )  # fmt: skip
    return "owed", key, -amount


def _use_credit(call: Call, patron: int) -> None:
    """Let a patron's credit pay what they owe, as far as it goes."""
    credits = call.tx.rows(
        "SELECT key, -outstanding, currency FROM fees WHERE institution = :institution"
        " AND patron = :patron AND outstanding < 0 ORDER BY key",
        patron=patron,
    )
    for credit, left, currency in credits:
        shares = _shares(_open_fees(call.tx, patron, currency), left)
        if not shares:
            continue
        spent = sum(share for _, share in shares)
        lines: list[tuple[str, int | None, int]] = [("owed", fee, -share) for fee, share in shares]
        for fee, share in shares:
            _reduce(call.tx, fee, share)
        _reduce(call.tx, credit, -spent)
        _enter(call, "credit", currency, [("owed", credit, spent), *lines])


def _add_fee(
    call: Call,
    patron: int,
    amount: int,
    *,
    fee_type: FeeType,
    currency: str,
    description: str,
    about: About,
) -> int:
    return call.tx.add(
        "INSERT INTO fees (institution, patron, fee_type, amount, outstanding, currency,"
        " description, title, item, loan, raised_at) VALUES (:institution, :patron, :fee_type,"
        " :amount, :amount, :currency, :description, :title, :item, :loan, :now)",
        patron=patron, fee_type=int(fee_type), amount=amount, currency=currency,
        description=description, now=call.at, **about._asdict(),
    )  # fmt: skip


def _reduce(tx: Transaction, fee: int, share: int) -> None:
    tx.run(
        "UPDATE fees SET outstanding = outstanding - :share"
        " WHERE institution = :institution AND key = :fee",
        share=share, fee=fee,
    )  # fmt: skip


def _enter(
    call: Call,
    kind: str,
    currency: str,
    lines: Sequence[tuple[str, int | None, int]],
    *,
    payment: int | None = None,
    reverses: int | None = None,
) -> None:
    """Write an entry: account, fee and amount of each posting."""
    assert sum(amount for _, _, amount in lines) == 0  # noqa: S101 - double entry
    entry = call.tx.add(
        "INSERT INTO ledger_entries (institution, at, kind, payment, reverses)"
        " VALUES (:institution, :now, :kind, :payment, :reverses)",
        now=call.at, kind=kind, payment=payment, reverses=reverses,
    )  # fmt: skip
    for account, fee, amount in lines:
        call.tx.run(
            "INSERT INTO ledger_postings (institution, entry, account, fee, amount, currency)"
            " VALUES (:institution, :entry, :account, :fee, :amount, :currency)",
            entry=entry, account=account, fee=fee, amount=amount, currency=currency,
        )  # fmt: skip


def _fee(
    key: int,
    fee_type: int,
    outstanding: int,
    currency: str,
    description: str,
    item_id: str | None,
    title_id: str | None,
    raised_at: int,
) -> Fee:
    """In the order of `_FEES`."""
    return Fee(
        id=str(key),
        amount=from_minor(outstanding, currency),
        currency=currency,
        fee_type=FeeType(fee_type),
        description=description,
        item_id=item_id,
        title_id=title_id,
        raised_at=from_database(raised_at),
    )
