"""As whom the vendor knows our patrons, and what it learns of them: nothing, unless both the
library and the patron have said so."""

from __future__ import annotations

import asyncio

import pytest

from bibliobus.ils import Unavailable
from bibliobus.oneclick.errors import BadAnswer, BearerRefused
from bibliobus.sandbox.vendor import Vendor
from tests.oneclick.collected import Collected, NewCollection, Today
from tests.oneclick.lending import READER, Lent, lent, reopened
from tests.oneclick.vendor import Reply, as_json, message
from tests.oneclick.vendor import Vendor as Scripted
from tests.oneclick.wiretap import Wiretap
from tests.support import Library
from tests.terminals.on_sqlite import database_url  # noqa: F401 - a fixture

CARD, NAME, EMAIL = "29471100998877", "Quillon Marchbanks", "quill.canary@letters.example"
ALL = frozenset({"card", "name", "email"})
SHARES_ALL = {"shares": ("card", "name", "email")}
TELLING = (CARD, CARD[4:], "Quillon", "Marchbanks", EMAIL, "quill.canary", "letters.example")


@pytest.fixture
async def quill(library: Library) -> str:
    """A patron of whom much is known."""
    return await library.patron(CARD, name=NAME, email=EMAIL, address="Canary Wharf 7")


@pytest.mark.parametrize("era", ["E1", "E4"])
async def test_the_vendor_does_not_learn_who_borrows(
    lending: Lent, quill: str, wire: Wiretap, era: str
) -> None:
    book, other = lending.isbns()[:2]
    ours = lending.collection

    await ours.checkout(quill, book, origin=READER)
    await ours.add_hold(quill, item_id=other, origin=READER)
    lending.today.wait(days=2)
    await ours.renew(quill, item_id=book, origin=READER)
    await ours.fulfil(quill, book, origin=READER)
    await ours.cancel_hold(quill, item_id=other, origin=READER)
    await ours.reconcile(quill)
    await ours.checkin(book, origin=READER)

    said = [each.text for each in wire.requests]
    assert len(said) > 12
    assert not [word for word in TELLING for text in said if word.lower() in text.lower()]
    remote = await lending.remote(quill)
    assert remote.user_name.isdecimal()
    assert (len(remote.user_name), remote.card) == (20, remote.user_name)
    assert remote.email == f"{remote.user_name}@patrons.invalid"
    assert (remote.first_name, remote.last_name) == ("Reader", "Reader")


async def test_two_patrons_have_two_accounts(lending: Lent) -> None:
    book, other = lending.isbns()[:2]

    await asyncio.gather(
        lending.collection.checkout("ada", book, origin=READER),
        lending.collection.checkout("grace", other, origin=READER),
    )

    ada, grace = await lending.account("ada"), await lending.account("grace")
    assert ada.alias != grace.alias
    assert ada.remote_id != grace.remote_id


async def test_two_calls_of_a_new_patron_make_one_account(lending: Lent) -> None:
    book, other = lending.isbns()[:2]

    await asyncio.gather(
        lending.collection.checkout("ada", book, origin=READER),
        lending.collection.add_hold("ada", item_id=other, origin=READER),
    )

    assert lending.vendor.calls["patrons/create"] == 1
    assert await lending.here("ada") == ({book}, {other})


async def test_an_account_is_looked_for_before_it_is_made(lending: Lent, wire: Wiretap) -> None:
    await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)

    alias = (await lending.account("ada")).alias
    about = wire.asked("/patrons/?$|/rpc/")
    assert [each.method for each in about] == ["GET", "POST", "GET"]  # and whether it was made
    assert about[0].path == about[2].path
    assert about[0].path.endswith(f"/rpc/libraries/1931/patrons/{alias}")


@pytest.mark.parametrize("era", ["E1", "E4"])
@pytest.mark.parametrize("fault", ["drop-after", "error-after", "truncated"])
async def test_an_account_of_which_nobody_heard_is_found_again(
    lending: Lent, era: str, fault: str
) -> None:
    book = lending.isbns()[0]
    lending.vendor.faults.add(fault, endpoint="patrons/create", times=1)  # type: ignore[arg-type] # a text

    await lending.collection.checkout("ada", book, origin=READER)

    assert lending.vendor.calls["patrons/create"] == 1
    assert lending.vendor.patrons.count() == 1
    assert await lending.in_step("ada")


async def test_an_account_that_was_not_made_is_made_at_the_next_try(lending: Lent) -> None:
    lending.vendor.faults.add("drop-before", endpoint="patrons/create", times=1)

    await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)

    assert lending.vendor.calls["patrons/create"] == 2
    assert lending.vendor.patrons.count() == 1


class TestNumbersThatAreKnownNoMore:
    async def test_an_account_that_has_another_number_now(self, lending: Lent) -> None:
        book, other = lending.isbns()[:2]
        await lending.collection.checkout("ada", book, origin=READER)
        old = (await lending.remote("ada")).id
        _move(lending.vendor, old, 4711)

        await lending.collection.checkout("ada", other, origin=READER)

        assert (await lending.account("ada")).remote_id == 4711
        assert await lending.here("ada") == ({book, other}, set())
        assert await lending.in_step("ada")
        assert lending.vendor.calls["patrons/create"] == 1

    async def test_the_number_is_kept_otherwise(self, lending: Lent) -> None:
        book, other = lending.isbns()[:2]
        await lending.collection.checkout("ada", book, origin=READER)
        asked = lending.vendor.calls["patrons/lookup"]

        await lending.collection.checkout("ada", other, origin=READER)

        assert lending.vendor.calls["patrons/lookup"] == asked

    async def test_an_account_that_is_gone_is_made_again_under_its_alias(
        self, lending: Lent
    ) -> None:
        book, other = lending.isbns()[:2]
        await lending.collection.checkout("ada", book, origin=READER)
        alias = (await lending.account("ada")).alias
        await lending.collection.checkin(book, origin=READER)
        lending.vendor.state.run("DELETE FROM patrons")

        await lending.collection.checkout("ada", other, origin=READER)

        assert (await lending.remote("ada")).user_name == alias
        assert await lending.here("ada") == ({other}, set())

    async def test_it_is_looked_up_once_and_not_for_ever(
        self,
        library: Library,
        collection: Collected,
        sandbox: Vendor,
        vendor: Scripted,
        today: Today,
    ) -> None:
        await library.patron("ada")
        gone = Reply(404, message("Patron does not exist."))
        found = as_json({"patronId": 815})
        vendor.answers(found, gone, found, gone)
        await collection.imported()
        await collection.availability()

        async with reopened(library, collection, sandbox, today, url=vendor.url) as lending:
            with pytest.raises(BadAnswer) as told:
                await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)

        assert not told.value.may_stand
        assert [each.method for each in vendor.asked] == ["GET", "POST", "GET", "POST"]


class TestAccountsThatAreThereAlready:
    """Somebody at the vendor has the patron's card or address: the patron, or their child."""

    @pytest.mark.parametrize("terms", [{}, SHARES_ALL], ids=["nothing-shared", "all-shared"])
    @pytest.mark.parametrize("agreed", [frozenset[str](), ALL], ids=["refuses", "agrees"])
    @pytest.mark.parametrize(
        ("card", "email"),
        [(CARD, "other@mail.example"), ("77", EMAIL), (CARD, EMAIL), ("78", EMAIL.upper())],
        ids=["card", "email", "both", "email-in-capitals"],
    )
    async def test_they_stay_as_they_are(
        self, lending: Lent, quill: str, agreed: frozenset[str], card: str, email: str
    ) -> None:
        book = lending.isbns()[0]
        theirs = lending.vendor.patrons.register(card, user_name="mine", email=email)
        await lending.collection.agree(quill, agreed)

        await lending.collection.checkout(quill, book, origin=READER)

        remote = await lending.remote(quill)
        assert remote.id != theirs.id
        assert lending.vendor.patrons.get(theirs.id) == theirs
        assert lending.vendor.lending.loans(theirs) == []
        assert await lending.here(quill) == ({book}, set())
        assert await lending.in_step(quill)

    @pytest.mark.parametrize("terms", [SHARES_ALL])
    async def test_the_account_is_made_without_what_is_taken(
        self, lending: Lent, quill: str
    ) -> None:
        lending.vendor.patrons.register("77", user_name="mine", email=EMAIL)
        await lending.collection.agree(quill, ALL)

        await lending.collection.checkout(quill, lending.isbns()[0], origin=READER)

        remote = await lending.remote(quill)
        assert (remote.card, remote.first_name) == (remote.user_name, "Reader")
        assert remote.email == f"{remote.user_name}@patrons.invalid"

    @pytest.mark.parametrize("terms", [SHARES_ALL])
    async def test_two_patrons_may_have_one_address(self, lending: Lent) -> None:
        book, other = lending.isbns()[:2]
        for patron in ("mother", "child"):
            await lending.library.patron(patron, email="family@mail.example")
            await lending.collection.agree(patron, ALL)

        await lending.collection.checkout("mother", book, origin=READER)
        await lending.collection.checkout("child", other, origin=READER)

        mother, child = await lending.remote("mother"), await lending.remote("child")
        assert mother.email == "family@mail.example"
        assert child.email == f"{child.user_name}@patrons.invalid"
        assert await lending.here("mother") == ({book}, set())
        assert await lending.here("child") == ({other}, set())


class TestWhatIsShared:
    @pytest.mark.parametrize(
        ("terms", "agreed", "known"),
        [
            ({}, ALL, set()),
            (SHARES_ALL, set(), set()),
            ({"shares": ("email",)}, {"card"}, set()),
            ({"shares": ("email", "card")}, {"card", "name"}, {"card"}),
            ({"shares": ("email",)}, ALL, {"email"}),
            ({"shares": ("name",)}, ALL, {"name"}),
            (SHARES_ALL, ALL, ALL),
        ],
        ids=["patron-only", "library-only", "apart", "card", "email", "name", "all"],
    )
    @pytest.mark.parametrize("era", ["E1", "E4"])
    async def test_is_what_library_and_patron_both_agree_to(
        self,
        lending: Lent,
        quill: str,
        wire: Wiretap,
        agreed: frozenset[str],
        known: set[str],
        era: str,
    ) -> None:
        await lending.collection.agree(quill, frozenset(agreed))

        await lending.collection.checkout(quill, lending.isbns()[0], origin=READER)

        remote = await lending.remote(quill)
        told = {
            "card": remote.card == CARD,
            "email": remote.email == EMAIL,
            "name": (remote.first_name, remote.last_name) == ("Quillon", "Marchbanks"),
        }
        assert {what for what, is_told in told.items() if is_told} == known
        assert remote.user_name.isdecimal()
        said = "\n".join(each.text for each in wire.requests)
        in_words = {"card": CARD, "email": EMAIL, "name": "Marchbanks"}
        assert {what for what, words in in_words.items() if words in said} == known

    @pytest.mark.parametrize("terms", [SHARES_ALL])
    async def test_is_told_when_the_account_is_made_and_never_later(
        self, lending: Lent, quill: str, wire: Wiretap
    ) -> None:
        book, other = lending.isbns()[:2]
        await lending.collection.checkout(quill, book, origin=READER)
        before = await lending.remote(quill)

        await lending.collection.agree(quill, ALL)
        await lending.collection.checkout(quill, other, origin=READER)
        await lending.collection.reconcile(quill)

        assert await lending.remote(quill) == before
        assert not [each for each in wire.requests if CARD in each.text or EMAIL in each.text]

    @pytest.mark.parametrize("terms", [SHARES_ALL])
    async def test_a_patron_can_change_their_mind_before(self, lending: Lent, quill: str) -> None:
        await lending.collection.agree(quill, ALL)
        await lending.collection.agree(quill, frozenset())

        await lending.collection.checkout(quill, lending.isbns()[0], origin=READER)

        assert (await lending.remote(quill)).card != CARD

    @pytest.mark.parametrize("terms", [SHARES_ALL])
    async def test_nobody_has_an_account_for_agreeing(self, lending: Lent, quill: str) -> None:
        await lending.collection.agree(quill, ALL)

        await lending.collection.reconcile(quill)
        await lending.collection.signed_in(quill)
        await lending.collection._reconciler.compare_some()

        assert lending.vendor.calls["patrons/create"] == 0
        assert lending.vendor.patrons.count() == 0


async def test_two_collections_of_an_institution_keep_accounts_apart(
    library: Library, collections: NewCollection, sandbox: Vendor, today: Today
) -> None:
    await library.patron("ada")
    first, second = collections("fiction"), collections("other")
    async with (
        lent(library, first, sandbox, today) as fiction,
        lent(library, second, sandbox, today) as other,
    ):
        book = fiction.isbns()[0]
        sandbox.set_copies(book, 2)

        await fiction.collection.checkout("ada", book, origin=READER)
        assert await other.here("ada") == (set(), set())
        await other.collection.checkout("ada", book, origin=READER)

        ours, others = await fiction.remote("ada"), await other.remote("ada")
        assert ours.id != others.id
        assert ours.user_name != others.user_name
        await fiction.collection.checkin(book, origin=READER)
        assert await fiction.here("ada") == (set(), set())
        assert await other.here("ada") == ({book}, set())
        assert await other.in_step("ada")


@pytest.mark.parametrize("era", ["E4"])
class TestTokens:
    async def test_one_is_fetched_when_it_is_needed_and_kept(self, lending: Lent, era: str) -> None:
        """The one that comes with an account is not used: it may be another patron's, if the vendor
        says that it made the account and did not."""
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        assert lending.vendor.calls["tokens/user"] == 0

        await lending.collection.fulfil("ada", book, origin=READER)
        await lending.collection.fulfil("ada", book, origin=READER)

        assert lending.vendor.calls["tokens/user"] == 1

    async def test_they_are_in_no_table(self, lending: Lent, era: str) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        lending.vendor.patrons.end_bearers()
        await lending.collection.fulfil("ada", book, origin=READER)

        tokens = [token for (token,) in lending.vendor.state.rows("SELECT token FROM bearers")]
        assert len(tokens) == 1
        assert await lending.tables_with(tokens[0]) == set()
        assert await lending.tables_with(book) >= {"digital_shelf", "intents", "titles"}
        assert tokens[0] not in repr(vars(lending.collection._accounts))

    async def test_a_refused_one_is_renewed_once(self, lending: Lent, era: str) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.collection.fulfil("ada", book, origin=READER)
        lending.vendor.patrons.end_bearers()

        await lending.collection.fulfil("ada", book, origin=READER)
        await lending.collection.fulfil("ada", book, origin=READER)

        assert lending.vendor.calls["tokens/user"] == 2

    async def test_one_that_is_refused_again_is_not_renewed_for_ever(
        self, lending: Lent, wire: Wiretap, era: str
    ) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        lending.vendor.patrons.end_bearers()
        lending.vendor.change_settings(bearer_hours=0)

        with pytest.raises(BearerRefused):
            await lending.collection.fulfil("ada", book, origin=READER)

        assert lending.vendor.calls["tokens/user"] == 2
        assert len(wire.asked("/download-url")) == 2

    async def test_one_that_will_not_live_much_longer_is_not_used(
        self, lending: Lent, era: str
    ) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)

        lending.today.wait(hours=23, minutes=30)
        await lending.collection.fulfil("ada", book, origin=READER)

        assert lending.vendor.calls["tokens/user"] == 1

    async def test_another_process_gets_one_of_its_own(
        self, lending: Lent, library: Library, collection: Collected, sandbox: Vendor, era: str
    ) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)

        async with reopened(library, collection, sandbox, lending.today) as other:
            file = await other.collection.fulfil("ada", book, origin=READER)

        assert file.url
        assert lending.vendor.calls["tokens/user"] == 1

    async def test_partners_never_send_a_patrons_token_and_patrons_no_partners(
        self, lending: Lent, wire: Wiretap, era: str
    ) -> None:
        book = lending.isbns()[0]
        await lending.collection.checkout("ada", book, origin=READER)
        await lending.collection.fulfil("ada", book, origin=READER)

        kinds = {
            ("download-url" in each.path, each.authorization.partition(" ")[0])
            for each in wire.requests
        }
        assert kinds == {(True, "Bearer"), (False, "Basic")}


async def test_no_account_can_be_made_while_the_vendor_fails(lending: Lent) -> None:
    lending.vendor.faults.add("error-500", endpoint="patrons/lookup")

    with pytest.raises(Unavailable) as told:
        await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)

    assert not told.value.may_stand
    assert (await lending.account("ada")).remote_id is None
    lending.vendor.faults.clear()
    await lending.collection.checkout("ada", lending.isbns()[0], origin=READER)
    assert await lending.in_step("ada")


def _move(vendor: Vendor, old: int, new: int) -> None:
    """Give an account another number, as when the vendor merges some."""
    with vendor.state.transaction():
        vendor.state.run(
            "INSERT INTO patrons SELECT ?, card || 'x', user_name || 'x', email || 'x', first_name,"
            " last_name, postal_code, password, user_id || 'x' FROM patrons WHERE id = ?", new, old,
        )  # fmt: skip
        vendor.state.run("UPDATE loans SET patron = ? WHERE patron = ?", new, old)
        vendor.state.run("DELETE FROM patrons WHERE id = ?", old)
        vendor.state.run(
            "UPDATE patrons SET card = rtrim(card, 'x'), user_name = rtrim(user_name, 'x'),"
            " email = rtrim(email, 'x'), user_id = rtrim(user_id, 'x') WHERE id = ?", new,
        )  # fmt: skip
