"""What a vendor of e-books keeps beside what everyone keeps who lends: many have one title, files
are for those who have it, bookmarks go with the loan, and wishes stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bibliobus.ils import (
    Bookmark,
    FormatNotOffered,
    Item,
    NoCopyAvailable,
    NotOnLoan,
    NotTakenHere,
    PartNotFound,
    PatronNotFound,
    TitleNotFound,
)
from bibliobus.testing.contract.circulation import CirculationContract
from bibliobus.testing.contract.library import (
    ITEM,
    UNKNOWN,
    A,
    B,
    ContractCollection,
    charged,
    document,
    item,
    loan,
    needs,
    origin,
    patron,
    refusal,
    seen,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def bookmark(minutes: int, kept_at: datetime = NOON) -> Bookmark:
    """A place in the first part."""
    return Bookmark(part=0, position=timedelta(minutes=minutes), kept_at=kept_at)


@needs("audiobooks")
class AudiobookContract:
    """What an audiobook is made of."""

    async def test_says_what_an_audiobook_consists_of(self, library: ContractCollection) -> None:
        await library.add(document(patron(), item(item_type="audiobook"), loan()))

        book = await library.ils.audiobook("ada", ITEM)

        assert (book.isbn, book.title) == (ITEM, "Middlemarch")
        assert book.parts
        for n, each in enumerate(book.parts):
            link = await library.ils.fulfil("ada", ITEM, part=n, origin=origin())
            assert link.media_type == each.media_type
        for n in (-1, len(book.parts)):
            await refusal(
                library, PartNotFound, library.ils.fulfil("ada", ITEM, part=n, origin=origin())
            )


class DigitalContract(CirculationContract, AudiobookContract):
    """Subclass it, and give it the fixture `library`."""

    # ------------------------------------------------ ISBNs

    async def test_knows_an_isbn_however_it_is_written(self, library: ContractCollection) -> None:
        await library.add(document(patron(), item(), loan()))

        for isbn in (ITEM, "978-0-14-143954-9", "978 0 14 143954 9", "0141439548", "0-14-143954-8"):
            found = await library.ils.find_item(isbn)
            assert found is not None
            assert found.id == ITEM
        taken = await library.ils.checkin("0-14-143954-8", patron_id="ada", origin=origin())

        assert taken.item.id == ITEM
        assert await charged(library, "ada") == []

    async def test_takes_nothing_else_for_an_isbn(self, library: ContractCollection) -> None:
        await library.add(document(item()))

        for text in ("", "31000001", "0141439549", "Middlemarch", "9" * 400, "\udcff", f"{ITEM}\0"):
            assert await library.ils.find_item(text) is None

    # ------------------------------------------------ many have one title

    async def test_lends_a_title_to_as_many_as_there_are_copies(
        self, library: ContractCollection
    ) -> None:
        two = (loan(patron="grace"), loan(patron="mary"))
        await library.add(document(*map(patron, ("ada", "grace", "mary")), item(), *two))
        checkout, checkin = library.ils.checkout, library.ils.checkin

        await refusal(library, NoCopyAvailable, checkout("ada", ITEM, origin=origin()))
        await checkin(ITEM, patron_id="grace", origin=origin())
        await checkout("ada", ITEM, origin=origin())

        assert await charged(library, "ada") == await charged(library, "mary") == [ITEM]
        assert await charged(library, "grace") == []

    async def test_ends_nobodys_loan_if_several_have_it_and_none_was_named(
        self, library: ContractCollection
    ) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(), loan(patron="grace")))

        await refusal(library, NotTakenHere, library.ils.checkin(ITEM, origin=origin()))

    async def test_ends_no_loan_of_another_than_was_named(
        self, library: ContractCollection
    ) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan()))
        checkin = library.ils.checkin

        await refusal(library, NotOnLoan, checkin(ITEM, patron_id="grace", origin=origin()))
        await refusal(library, NotOnLoan, checkin(ITEM, patron_id="nobody", origin=origin()))

        assert await charged(library, "ada") == [ITEM]

    async def test_knows_a_repeat_when_another_has_the_title(
        self, library: ContractCollection
    ) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(), loan(patron="grace")))
        taken = await library.ils.checkin(ITEM, patron_id="ada", origin=origin("1"))
        before = await seen(library.ils)

        again = await library.ils.checkin(ITEM, patron_id="ada", origin=origin("1"))

        assert again == taken
        assert await seen(library.ils) == before
        assert await charged(library, "grace") == [ITEM]

    async def test_answers_a_repeat_after_it_was_killed_before_the_answer(
        self, library: ContractCollection
    ) -> None:
        await library.add(document(patron(), item(), item(A), loan(A)))
        lent = await library.ils.checkout("ada", ITEM, origin=origin("1"))
        taken = await library.ils.checkin(A, patron_id="ada", origin=origin("2"))
        before = await seen(library.ils)

        restarted = await library.restarted()
        if restarted is None:
            pytest.skip("it keeps nothing when it ends")

        assert await restarted.checkout("ada", ITEM, origin=origin("1")) == lent
        assert await restarted.checkin(A, patron_id="ada", origin=origin("2")) == taken
        assert await seen(restarted) == before

    # ------------------------------------------------ files are for those who have it

    async def test_gives_links_for_a_while_to_who_has_it(self, library: ContractCollection) -> None:
        await library.add(document(patron(), item(), loan()))

        for each in await library.ils.formats("ada", ITEM):
            link = await library.ils.fulfil(
                "ada", ITEM, media_type=each.media_type, origin=origin()
            )
            assert link.url.startswith(("https://", "http://"))
            assert link.url not in repr(link)
            assert datetime.now(UTC) < link.expires_at < datetime.now(UTC) + timedelta(hours=1)

    async def test_gives_the_best_format_if_none_was_named(
        self, library: ContractCollection
    ) -> None:
        await library.add(document(patron(), item(), loan()))
        formats = await library.ils.formats("ada", ITEM)
        fulfil = library.ils.fulfil

        if formats:
            assert (await fulfil("ada", ITEM, origin=origin())).url
        else:  # only the vendor's own app opens it
            await refusal(library, FormatNotOffered, fulfil("ada", ITEM, origin=origin()))
        await refusal(
            library,
            FormatNotOffered,
            fulfil("ada", ITEM, media_type="text/x-unheard-of", origin=origin()),
        )
        await refusal(library, FormatNotOffered, library.ils.audiobook("ada", ITEM))

    async def test_gives_nothing_to_who_does_not_have_it(self, library: ContractCollection) -> None:
        await library.add(document(patron(), patron("grace"), item(), item(A), loan()))
        ils = library.ils

        for patron_id, isbn in (("grace", ITEM), ("ada", A), ("ada", UNKNOWN), ("nobody", ITEM)):
            await refusal(library, NotOnLoan, ils.fulfil(patron_id, isbn, origin=origin()))
            await refusal(library, NotOnLoan, ils.formats(patron_id, isbn))
            await refusal(library, NotOnLoan, ils.audiobook(patron_id, isbn))
            await refusal(library, NotOnLoan, ils.bookmark(patron_id, isbn))
            await refusal(
                library,
                NotOnLoan,
                ils.keep_bookmark(patron_id, isbn, bookmark(1), origin=origin()),
            )

    async def test_gives_nothing_any_more_after_the_loan(self, library: ContractCollection) -> None:
        await library.add(document(patron(), item(), loan()))

        await library.ils.checkin(ITEM, patron_id="ada", origin=origin())

        await refusal(library, NotOnLoan, library.ils.fulfil("ada", ITEM, origin=origin()))

    # ------------------------------------------------ bookmarks go with the loan

    async def test_keeps_a_bookmark(self, library: ContractCollection) -> None:
        await library.add(document(patron(), patron("grace"), item(), loan(), loan(patron="grace")))
        assert await library.ils.bookmark("ada", ITEM) is None

        await library.ils.keep_bookmark("ada", ITEM, bookmark(5), origin=origin())

        assert await library.ils.bookmark("ada", ITEM) == bookmark(5)
        assert await library.ils.bookmark("grace", ITEM) is None

    async def test_keeps_the_newest_bookmark(self, library: ContractCollection) -> None:
        await library.add(document(patron(), item(), loan()))
        keep, later = library.ils.keep_bookmark, NOON + timedelta(seconds=1)

        await keep("ada", ITEM, bookmark(5, NOON), origin=origin())
        await keep("ada", ITEM, bookmark(3, later), origin=origin())  # turned back
        await keep("ada", ITEM, bookmark(9, NOON), origin=origin())  # comes late

        assert await library.ils.bookmark("ada", ITEM) == bookmark(3, later)

    async def test_forgets_a_bookmark_at_the_end_of_the_loan(
        self, library: ContractCollection
    ) -> None:
        await library.add(document(patron(), item(), loan()))
        await library.ils.keep_bookmark("ada", ITEM, bookmark(5), origin=origin())

        await library.ils.checkin(ITEM, patron_id="ada", origin=origin())
        await library.ils.checkout("ada", ITEM, origin=origin())

        assert await library.ils.bookmark("ada", ITEM) is None

    async def test_keeps_a_bookmark_when_a_loan_is_renewed(
        self, library: ContractCollection
    ) -> None:
        await library.add(document(patron(), item(), loan()))
        await library.ils.keep_bookmark("ada", ITEM, bookmark(5), origin=origin())

        await library.ils.renew("ada", item_id=ITEM, origin=origin())

        assert await library.ils.bookmark("ada", ITEM) == bookmark(5)

    # ------------------------------------------------ wishes

    async def test_lists_wishes_the_newest_first(self, library: ContractCollection) -> None:
        await library.add(document(patron(), patron("grace"), item(), item(A, title="Emma")))
        before = datetime.now(UTC) - timedelta(seconds=1)

        wish = await library.ils.add_wish("ada", ITEM, origin=origin())
        await library.ils.add_wish("ada", A, origin=origin())

        assert (wish.isbn, wish.title_id) == (ITEM, "Middlemarch")
        assert before <= wish.wished_at <= datetime.now(UTC)
        wishes = await library.ils.wishlist("ada")
        assert [(each.isbn, each.title_id) for each in wishes] == [
            (A, "Emma"),
            (ITEM, "Middlemarch"),
        ]
        assert list(await library.ils.wishlist("grace")) == []

    async def test_wishes_for_each_title_once(self, library: ContractCollection) -> None:
        await library.add(document(patron(), item(), item(A)))
        first = await library.ils.add_wish("ada", ITEM, origin=origin())
        await library.ils.add_wish("ada", A, origin=origin())

        again = await library.ils.add_wish("ada", "0-14-143954-8", origin=origin())

        assert again == first
        assert [each.isbn for each in await library.ils.wishlist("ada")] == [A, ITEM]

    async def test_drops_a_wish(self, library: ContractCollection) -> None:
        await library.add(document(patron(), patron("grace"), item()))
        await library.ils.add_wish("ada", ITEM, origin=origin())
        await library.ils.add_wish("grace", ITEM, origin=origin())

        for _ in range(2):
            await library.ils.drop_wish("ada", ITEM, origin=origin())
            await library.ils.drop_wish("ada", B, origin=origin())

        assert list(await library.ils.wishlist("ada")) == []
        assert [each.isbn for each in await library.ils.wishlist("grace")] == [ITEM]

    async def test_wishes_for_nothing_that_there_is_not(self, library: ContractCollection) -> None:
        await library.add(document(patron(), item()))
        ils = library.ils

        await refusal(library, TitleNotFound, ils.add_wish("ada", UNKNOWN, origin=origin()))
        await refusal(library, TitleNotFound, ils.add_wish("ada", "nothing", origin=origin()))
        await refusal(library, PatronNotFound, ils.add_wish("nobody", ITEM, origin=origin()))
        await refusal(library, PatronNotFound, ils.drop_wish("nobody", ITEM, origin=origin()))
        await refusal(library, PatronNotFound, ils.wishlist("nobody"))

        assert list(await ils.wishlist("ada")) == []

    # ------------------------------------------------ beside the ILS

    async def test_takes_note_of_who_is_here(self, library: ContractCollection) -> None:
        await library.add(document(patron(), item(), loan()))

        await library.ils.signed_in("ada")

        assert await charged(library, "ada") == [ITEM]

    async def test_knows_no_edition_of_what_it_does_not_have(
        self, library: ContractCollection
    ) -> None:
        await library.add(document(item()))

        copy = Item(id="31000001", title_id="A title that nobody has written")

        assert await library.ils.edition_of(copy) is None
