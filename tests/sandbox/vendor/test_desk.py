"""The desk: the calls of `/sandbox`, the page at `/`, and who may not use them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest

from bibliobus.sandbox.vendor import PatronExists, Vendor, VendorSettings, serving_vendor
from bibliobus.sandbox.vendor.desk import ACTIONS
from bibliobus.sandbox.vendor.faults import KINDS, MEANINGS
from bibliobus.sandbox.vendor.reference import reference
from tests.sandbox.vendor.conftest import EBOOK, OTHER_EBOOK, TOKEN, Clock, L

ROOT = Path(__file__).parents[3]


class TestCalls:
    async def test_a_story_told_in_admin_calls(
        self, anybody: httpx2.AsyncClient, partner: httpx2.AsyncClient
    ) -> None:
        patron = (await anybody.post("/sandbox/patrons", json={"card": "7"})).json()
        pid = patron["patron_id"]
        copies = await anybody.post(f"/sandbox/titles/{EBOOK}/copies", json={"copies": 0})
        assert (copies.json()["copies"], copies.json()["free"]) == (0, False)
        held = (await partner.post(f"{L}/patrons/{pid}/holds/{EBOOK}")).json()
        assert (await anybody.post("/sandbox/tick")).json() == {"expired": [], "lent": []}

        await anybody.post(f"/sandbox/titles/{EBOOK}/copies", json={"copies": 1})
        moved = (await anybody.post("/sandbox/clock", json={"days": 2, "tick": True})).json()
        assert moved["now"].startswith("2016-10-26T16:11")
        assert moved["tick"]["lent"] == [held]

        state = (await anybody.get("/sandbox/state")).json()
        assert state["patrons"][0]["loans"][0]["expires_on"] == "2016-11-16"
        assert state["titles"] == {"eBook": 382, "eAudio": 191}
        assert (await anybody.get("/sandbox/calls")).json() == {"holds/create": 1}
        assert (await anybody.delete("/sandbox/calls")).json() == {}

    async def test_titles_can_be_added_found_and_given_up(
        self, anybody: httpx2.AsyncClient, partner: httpx2.AsyncClient
    ) -> None:
        new = {"isbn": "9789999999996", "mediaType": "eAudio", "title": "Brand New"}
        added = (await anybody.post("/sandbox/titles", json={"media_object": new})).json()
        assert (added["copies"], added["title_id"]) == (None, 9875)
        (found,) = (await anybody.get("/sandbox/titles", params={"find": "brand"})).json()
        assert found == added
        told = (await partner.get(f"{L}/media/9789999999996")).json()
        assert list(told)[-1] == "titleId"

        assert (await anybody.delete("/sandbox/titles/9789999999996")).status_code == 200
        gone = await anybody.delete("/sandbox/titles/9789999999996")
        assert (gone.status_code, gone.json()) == (
            404, {"error": "The library has no title 9789999999996."},
        )  # fmt: skip

    async def test_faults_and_settings_are_switched(self, anybody: httpx2.AsyncClient) -> None:
        for kind in KINDS:
            fault = (await anybody.post("/sandbox/faults", json={"kind": kind, "times": 2})).json()
        assert fault["times"] == 2
        assert len((await anybody.get("/sandbox/faults")).json()) == len(KINDS)
        left = (await anybody.delete(f"/sandbox/faults/{fault['key']}")).json()
        assert len(left) == len(KINDS) - 1
        assert (await anybody.delete("/sandbox/faults")).json() == []

        settings = (await anybody.post("/sandbox/settings", json={"checkout_limit": 3})).json()
        assert settings["checkout_limit"] == 3
        assert (await anybody.post("/sandbox/clock", json={"reset": True})).status_code == 200
        assert (await anybody.delete("/sandbox/tokens")).json() == {"ended": 0}

    @pytest.mark.parametrize(
        ("path", "body", "words"),
        [
            ("patrons", b"{", "JSON"), ("patrons", b"[]", "object"), ("patrons", b"{}", "card"),
            ("patrons", b'{"card": ""}', "card"), ("patrons", b'{"crad": "1"}', "crad"),
            ("faults", b'{"kind": "gremlin"}', "gremlin"), ("faults", b'{"kind":1}', "str"),
            ("settings", b'{"limit": 3}', "limit"), ("settings", b'{"token": "x"}', "token"),
            ("settings", b'{"checkout_limit": -1}', "checkout_limit"),
            ("settings", b'{"era": "E9"}', "E9"), ("clock", b'{"days": 1e9}', "days"),
            ("clock", b'{"days": -90000}', "1990 to 2999"),
            ("titles", b'{"media_object": {"isbn": "1"}}', "13 digits"),
            ("titles", b'{"media_object": {}, "copies": -1}', "copies"),
            (f"titles/{EBOOK}/copies", b'{"copies": 99999999999999999999}', "copies"),
            (f"titles/{EBOOK}/copies", b'{"copies": "x"}', "copies"),
        ],
    )  # fmt: skip
    async def test_what_is_wrong_with_a_call_is_said(
        self, anybody: httpx2.AsyncClient, path: str, body: bytes, words: str
    ) -> None:
        answer = await anybody.post(f"/sandbox/{path}", content=body)

        assert answer.status_code == 400
        assert words in answer.json()["error"]

    async def test_unknown_calls_are_told(self, anybody: httpx2.AsyncClient) -> None:
        assert (await anybody.get("/sandbox/nothing")).status_code == 404
        assert (await anybody.post("/sandbox/state")).status_code == 404
        unknown = await anybody.post("/sandbox/titles/1/copies", json={"copies": 1})
        assert unknown.status_code == 404
        assert (await anybody.post("/")).status_code == 405

    def test_the_reference_is_up_to_date(self) -> None:
        page = (ROOT / "docs/reference/sandbox.md").read_text()

        assert page == reference(), "type: make docs"
        assert all(action.act.__doc__ for action in ACTIONS)
        assert set(MEANINGS) == set(KINDS)


class _Forms(HTMLParser):
    """The forms of a page, and whether all that can be filled in has a label."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, str]] = []
        self.labels: set[str] = set()
        self.fields: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self.forms.append((values["method"] or "", values["action"] or ""))
        if tag == "label":
            self.labels.add(values["for"] or "")
        if tag in ("input", "select") and values.get("type") != "hidden":
            self.fields.append(values)


class TestPage:
    async def test_it_says_how_to_point_a_client_at_it(
        self, anybody: httpx2.AsyncClient, url: str
    ) -> None:
        page = await anybody.get("/")

        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        for text in (url, "1931", TOKEN, "382 eBooks and 191 audiobooks", "Middlemarch"):
            assert text in page.text

    async def test_every_field_has_a_label_and_every_form_an_action(
        self, vendor: Vendor, anybody: httpx2.AsyncClient
    ) -> None:
        vendor.faults.add("latency")
        vendor.patrons.register("1")
        forms = _Forms()
        forms.feed((await anybody.get("/")).text)

        for field in forms.fields:
            assert field.get("id") in forms.labels or field.get("aria-label"), field
        paths = [
            re.sub("{[a-z]+}", "[^/]+", each.path) for each in ACTIONS if each.method == "POST"
        ]
        for method, action in forms.forms:
            assert method == "get" or any(re.fullmatch(path, action) for path in paths), action

    async def test_its_forms_work(
        self, vendor: Vendor, anybody: httpx2.AsyncClient, clock: Clock
    ) -> None:
        async def sent(call: str, **fields: str) -> str:
            answer = await anybody.post(f"/sandbox/{call}", data=fields or {"": ""})
            assert answer.status_code == 303, answer.text
            return (await anybody.get(answer.headers["location"])).text

        page = await sent("patrons", card="42", first_name="Ada", user_name="", email="")
        assert "The patron is registered." in page
        assert "42" in page
        assert "The clock was moved." in await sent("clock", days="1.5", tick="true")
        assert vendor.clock.ahead.days == 1
        await sent("clock", reset="true")
        page = await sent(
            "faults", kind="error-500", times="", path="/v1/", endpoint="", seconds="1"
        )
        assert "Switch off error-500" in page
        (fault,) = vendor.faults
        assert "The fault is switched off." in await sent(f"faults/{fault.key}/remove")
        await sent("faults/clear")
        await sent("tick")
        await sent("tokens/end")
        await sent(f"titles/{EBOOK}/copies", copies="5")
        await sent(f"titles/{OTHER_EBOOK}/copies", copies="")
        await sent(f"titles/{OTHER_EBOOK}/remove")
        title = vendor.collection.find(EBOOK)
        assert title is not None
        assert title.copies == 5
        await sent("settings", era="E4", hold_limit="", checkout_limit="2", renewals="0")
        assert (vendor.settings.era, vendor.settings.hold_limit) == ("E4", None)

    async def test_all_settings_can_be_sent_back_as_they_are(
        self, vendor: Vendor, anybody: httpx2.AsyncClient
    ) -> None:
        before = vendor.settings
        page = (await anybody.get("/")).text
        fields = dict(re.findall(r'<input id="setting-\w+" name="(\w+)" value="(.*?)">', page))
        for name, options in re.findall(
            r'<select id="setting-\w+" name="(\w+)">(.*?)</select>', page
        ):
            fields[name] = re.findall("<option selected>(.*?)</option>", options)[0]

        assert (await anybody.post("/sandbox/settings", data=fields)).status_code == 303
        assert vendor.settings == before
        assert set(fields) | {"library_id", "token"} == set(VendorSettings.__struct_fields__)

    async def test_a_wrong_form_gets_the_page_with_the_reason(
        self, vendor: Vendor, anybody: httpx2.AsyncClient
    ) -> None:
        vendor.patrons.register("42")
        answer = await anybody.post("/sandbox/patrons", data={"card": "42"})

        assert answer.status_code == 400
        assert 'role="alert">An account has this card' in answer.text

    async def test_values_are_escaped(self, vendor: Vendor, anybody: httpx2.AsyncClient) -> None:
        script = "<script>alert('1')</script>"
        vendor.patrons.register(script, first_name=script)
        vendor.add_title({"isbn": EBOOK, "mediaType": "eBook", "title": script})

        page = (await anybody.get("/", params={"find": script, "done": script})).text
        page += (await anybody.get("/")).text

        assert "<script" not in page
        assert "&lt;script&gt;" in page

    @pytest.mark.parametrize("done", ["9999999999999999999999", "²", "-1", "x"])
    async def test_a_strange_address_is_no_fault(
        self, anybody: httpx2.AsyncClient, done: str
    ) -> None:
        assert (await anybody.get("/", params={"done": done})).status_code == 200


class TestStrangers:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"}, {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
            {"Host": "evil.example"}, {"Host": "localhost.evil.example"}, {"Host": ""},
        ],
    )  # fmt: skip
    async def test_other_sites_may_do_nothing(
        self, vendor: Vendor, anybody: httpx2.AsyncClient, headers: dict[str, str]
    ) -> None:
        answer = await anybody.post("/sandbox/patrons", data={"card": "1"}, headers=headers)

        assert answer.status_code == 403
        assert vendor.patrons.count() == 0

    async def test_foreign_names_may_not_even_read(self, anybody: httpx2.AsyncClient) -> None:
        for path in ("/", "/sandbox/state"):
            answer = await anybody.get(path, headers={"Host": "evil.example"})
            assert answer.status_code == 403
            assert TOKEN not in answer.text

    async def test_our_own_page_may(self, anybody: httpx2.AsyncClient, url: str) -> None:
        headers = {"Origin": url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}

        answer = await anybody.post("/sandbox/patrons", data={"card": "1"}, headers=headers)
        assert answer.status_code == 303

    async def test_if_it_is_for_others_too_they_use_its_name(self, vendor: Vendor) -> None:
        async with (
            serving_vendor(vendor, host="0.0.0.0") as url,
            httpx2.AsyncClient(base_url=url.replace("0.0.0.0", "127.0.0.1")) as client,
        ):
            answer = await client.get("/", headers={"Host": "sandbox.library.example"})
        assert answer.status_code == 200

    async def test_too_much_is_refused(self, anybody: httpx2.AsyncClient) -> None:
        for path in ("/sandbox/patrons", "/v1/tokens"):
            assert (await anybody.post(path, content=b" " * 2_000_000)).status_code == 413


class TestInProcess:
    def test_what_is_kept_is_there_after_a_restart(self, tmp_path: Path, clock: Clock) -> None:
        path = tmp_path / "vendor.db"
        vendor = Vendor.open(path, clock=clock)
        token = vendor.settings.token
        patron = vendor.patrons.register("1", email="a@b")
        title = vendor.collection.find(EBOOK)
        assert title is not None
        number = vendor.lending.place_hold(vendor.settings, patron, title)
        vendor.tick()
        vendor.remove_title(OTHER_EBOOK)
        vendor.move_clock(datetime(2016, 10, 30, tzinfo=UTC) - datetime(2016, 10, 24, tzinfo=UTC))
        vendor.close()

        again = Vendor.open(path, clock=clock)
        assert again.settings.token == token
        assert again.patrons.look_up("a@B") == patron
        assert [loan.transaction_id for loan in again.lending.loans(patron)] == [number]
        assert again.clock.today.isoformat() == "2016-10-30"
        _, removed = again.collection.changes(date(2016, 10, 23), again.clock.today)
        assert [each.isbn for each in removed] == [OTHER_EBOOK]
        found = again.collection.index.telling("", "middlemarch")
        assert found.bit_count() == 1
        with pytest.raises(PatronExists):
            again.patrons.register("2", email="A@B")
        again.close()

    def test_another_kind_of_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "x.db").write_text("This is no database, and long enough to be looked at." * 9)

        with pytest.raises(OSError, match=r"x\.db cannot be opened as a sandbox's"):
            Vendor.open(tmp_path / "x.db")

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("{}", "not a JSON array"), ("[1]", "element 1 is not an object"), ("[{}", "isbn"),
            ('[{"isbn":"1","mediaType":"eBook"}]', "titleId"), ("[", "Expecting value"),
            ("", "not a"), ("[" * 100_000, "recursion"),
        ],
    )  # fmt: skip
    def test_what_is_no_catalogue_is_refused(self, tmp_path: Path, text: str, words: str) -> None:
        (tmp_path / "dump.json").write_text(text)

        with pytest.raises(ValueError, match=words):
            Vendor.open(catalogue=tmp_path / "dump.json")

    def test_a_catalogue_may_be_empty(self, tmp_path: Path) -> None:
        (tmp_path / "dump.json").write_text(" [ ] ")

        vendor = Vendor.open(catalogue=tmp_path / "dump.json")
        assert vendor.collection.count("eBook") == 0
        vendor.close()

    async def test_two_sandboxes_can_live_in_one_program(self, clock: Clock) -> None:
        first = Vendor.open(settings=VendorSettings(token="a"), clock=clock)
        second = Vendor.open(settings=VendorSettings(token="b", era="E4"), clock=clock)
        async with (
            serving_vendor(first) as one,
            serving_vendor(second) as two,
            httpx2.AsyncClient() as client,
        ):
            headers = {"Authorization": "Basic a"}
            assert (await client.get(f"{one}v1/facets", headers=headers)).status_code == 200
            assert (await client.get(f"{two}v1/tokens", headers=headers)).status_code == 405
        first.close()
        second.close()

    async def test_a_port_that_is_taken_is_told(self, vendor: Vendor, url: str) -> None:
        port = int(url.rstrip("/").rpartition(":")[2])

        with pytest.raises(OSError, match="in use"):
            async with serving_vendor(vendor, port=port):
                pass
