"""Fees: what patrons owe, and what they paid at a terminal. A payment is booked once."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from bibliobus.ils import (
    CurrencyNotAccepted,
    FeeNotFound,
    FeeType,
    PatronList,
    PatronNotFound,
    PaymentKeyUsed,
    PaymentNotDue,
    PaymentResult,
    PaymentType,
    Refused,
    Secret,
    WrongPIN,
)
from bibliobus.testing.contract.library import (
    ContractLibrary,
    document,
    fee,
    found_patron,
    needs,
    origin,
    patron,
    refusal,
    seen,
)

CARD = PaymentType.CREDIT_CARD


@needs("fee paid")
class FeeContract:
    """What a library keeps that takes payments from terminals."""

    # ------------------------------------------------ what is owed

    async def test_shows_what_a_patron_owes(self, library: ContractLibrary) -> None:
        await library.add(
            document(
                patron(), patron("grace"),
                fee("2.50", fee_type=FeeType.DAMAGE, description="A torn page"), fee("0.40"),
            )
        )  # fmt: skip

        found = await found_patron(library)
        account = await library.ils.patron_account("ada")
        entries = await library.ils.patron_list("ada", PatronList.FINES)

        assert (found.fee_amount, found.fine_count) == (Decimal("2.90"), 2)
        assert found.currency == "EUR"
        assert [each.amount for each in account.fees] == [Decimal("2.50"), Decimal("0.40")]
        first = account.fees[0]
        assert (first.fee_type, first.description) == (FeeType.DAMAGE, "A torn page")
        assert first.currency == "EUR"
        assert [entry.fee for entry in entries] == list(account.fees)
        (second,) = await library.ils.patron_list("ada", PatronList.FINES, 2, 2)
        assert second.fee == account.fees[1]
        assert (await found_patron(library, "grace")).fee_amount == 0

    # ------------------------------------------------ paying

    async def test_pays_the_oldest_fee_first(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("2.00"), fee("3.00"), fee("4.00")))
        first, second, third = (await library.ils.patron_account("ada")).fees

        paid = await library.ils.pay_fee(
            "ada", Decimal("3.50"), "EUR", payment_type=CARD, origin=origin()
        )

        assert [(each.fee_id, each.amount) for each in paid.paid] == [
            (first.id, Decimal("2.00")),
            (second.id, Decimal("1.50")),
        ]
        assert (paid.still_owed, paid.credit) == (Decimal("5.50"), Decimal(0))
        assert paid.currency == "EUR"
        assert paid.patron.fee_amount == Decimal("5.50")
        assert paid.transaction_id
        left = (await library.ils.patron_account("ada")).fees
        assert [(each.id, each.amount) for each in left] == [
            (second.id, Decimal("1.50")),
            (third.id, Decimal("4.00")),
        ]

    async def test_pays_the_fee_that_is_named(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("2.00"), fee("3.00")))
        first, second = (await library.ils.patron_account("ada")).fees

        paid = await library.ils.pay_fee(
            "ada", Decimal(3), "EUR", fee_id=second.id, payment_type=CARD, origin=origin()
        )

        assert [each.fee_id for each in paid.paid] == [second.id]
        assert (await library.ils.patron_account("ada")).fees == (first,)

    async def test_pays_to_the_last_cent(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), *(fee("0.10") for _ in range(3))))

        paid = await library.ils.pay_fee(
            "ada",
            Decimal("0.30"),
            "",  # the library's own currency
            fee_type=FeeType.OVERDUE,  # recorded, and does not choose
            payment_type=42,  # agreed upon with the terminals
            pin=Secret("1234"),
            origin=origin(),
        )

        assert (paid.still_owed, paid.currency) == (Decimal(0), "EUR")
        assert (await found_patron(library)).fee_amount == 0
        assert list(await library.ils.patron_list("ada", PatronList.FINES)) == []

    async def test_gives_every_payment_its_own_receipt(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("3.00")))

        paid = [await _pay(library, "1.00") for _ in range(3)]

        assert len({each.transaction_id for each in paid}) == 3
        assert [each.still_owed for each in paid] == [2, 1, 0]

    # ------------------------------------------------ refusing

    async def test_takes_no_payment_of_whom_it_does_not_know(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), fee("2.00")))

        await refusal(library, PatronNotFound, _pay(library, "1.00", patron="nobody"))
        await refusal(library, WrongPIN, _pay(library, "1.00", pin=Secret("0")))

    @pytest.mark.parametrize("amount", ["0", "-1.00", "0.001", "5.01", "NaN", "Infinity", "1E+40"])
    async def test_takes_no_amount_that_is_not_owed(
        self, library: ContractLibrary, amount: str
    ) -> None:
        await library.add(document(patron(), patron("grace"), fee("5.00"), fee("9.00", "grace")))

        await refusal(library, PaymentNotDue, _pay(library, amount))

    async def test_takes_no_more_than_is_owed_of_a_fee(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("2.00"), fee("3.00")))
        first, _ = (await library.ils.patron_account("ada")).fees

        await refusal(library, PaymentNotDue, _pay(library, "2.01", fee_id=first.id))

    async def test_takes_no_other_currency(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("2.00")))

        await refusal(library, CurrencyNotAccepted, _pay(library, "1.00", currency="USD"))

    async def test_takes_no_payment_for_a_fee_that_is_not_there(
        self, library: ContractLibrary
    ) -> None:
        await library.add(document(patron(), patron("grace"), fee("2.00"), fee("2.00", "grace")))
        (hers,) = (await library.ils.patron_account("grace")).fees
        (mine,) = (await library.ils.patron_account("ada")).fees

        await refusal(library, FeeNotFound, _pay(library, "1.00", fee_id="nothing"))
        await refusal(library, FeeNotFound, _pay(library, "1.00", fee_id=hers.id))
        await _pay(library, "2.00", fee_id=mine.id)
        await refusal(library, FeeNotFound, _pay(library, "1.00", fee_id=mine.id))

    # ------------------------------------------------ once

    async def test_knows_a_payment_by_its_number_for_ever(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("5.00")))

        first = await _pay(library, "2.00", transaction_id="T1")
        await _pay(library, "3.00", transaction_id="T2")
        before = await seen(library.ils)
        again = await _pay(library, "2.00", transaction_id="T1")

        assert again == first
        assert await seen(library.ils) == before

    async def test_knows_a_payment_from_another_connection(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("5.00")))
        first = await _pay(library, "2.00", transaction_id="T1", origin=origin("1"))

        again = await _pay(
            library, "2.00", transaction_id="T1", origin=origin("2", connection="another")
        )

        assert again == first
        assert (await found_patron(library)).fee_amount == Decimal("3.00")

    async def test_books_twins_once(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("5.00")))

        results = await asyncio.gather(
            *(_pay(library, "2.00", transaction_id="T1") for _ in range(10))
        )

        assert all(result == results[0] for result in results)
        assert (await found_patron(library)).fee_amount == Decimal("3.00")

    async def test_finds_a_number_used_for_another_payment(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), patron("grace"), fee("5.00"), fee("5.00", "grace")))
        (mine,) = (await library.ils.patron_account("ada")).fees
        await _pay(library, "2.00", transaction_id="T1")

        for other in ({"amount": "1.00"}, {"patron": "grace"}, {"fee_id": mine.id}):
            await refusal(
                library,
                PaymentKeyUsed,
                _pay(library, **({"amount": "2.00", "transaction_id": "T1"} | other)),
            )

    async def test_keeps_the_numbers_of_accounts_apart(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("5.00")))
        await _pay(library, "2.00", transaction_id="T1")

        await _pay(library, "2.00", transaction_id="T1", origin=origin(account="other"))

        assert (await found_patron(library)).fee_amount == Decimal("1.00")

    async def test_books_each_payment_that_has_no_number(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("5.00")))

        for _ in range(2):
            await _pay(library, "2.00")

        assert (await found_patron(library)).fee_amount == Decimal("1.00")

    async def test_forgets_a_payment_it_refused(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("1.00")))
        await refusal(
            library,
            PaymentNotDue,
            _pay(library, "2.00", transaction_id="T1", origin=origin("1")),
        )

        paid = await _pay(library, "1.00", transaction_id="T1", origin=origin("1"))

        assert paid.still_owed == 0

    async def test_never_takes_more_than_is_owed_at_once(self, library: ContractLibrary) -> None:
        await library.add(document(patron(), fee("5.00")))

        async def one(n: int) -> PaymentResult | Refused:
            try:
                return await _pay(library, "1.00", transaction_id=f"T{n}")
            except PaymentNotDue as refused:
                return refused

        outcomes = await asyncio.gather(*(one(n) for n in range(10)))

        paid = [each for each in outcomes if isinstance(each, PaymentResult)]
        assert sorted(each.still_owed for each in paid) == [0, 1, 2, 3, 4]
        assert (await found_patron(library)).fee_amount == 0


async def _pay(
    library: ContractLibrary,
    amount: str,
    currency: str = "EUR",
    patron: str = "ada",
    **more: object,
) -> PaymentResult:
    more = {"payment_type": CARD, "origin": origin()} | more
    return await library.ils.pay_fee(patron, Decimal(amount), currency, **more)  # type: ignore[arg-type]
