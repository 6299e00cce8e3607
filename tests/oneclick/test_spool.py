"""A whole catalogue on disk is read a window at a time, from wherever one stopped."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from bibliobus.oneclick.spool import LONGEST, WINDOW, NotACatalogue, Window, windows
from tests.oneclick.vendor import recorded


def written(folder: Path, content: bytes) -> Path:
    path = folder / "catalogue.json"
    path.write_bytes(content)
    return path


def values(some: list[Window]) -> list[object]:
    return [json.loads(bytes(raw)) for window in some for raw in window.records]


def some_records(count: int) -> list[dict[str, object]]:
    """Records with whatever looks like their end in them."""
    chance = random.Random(1)
    return [
        {
            "n": n,
            "images": [{"name": "small"}, {"name": "large"}],
            "description": "}, {" * chance.randrange(600) + '\\ "},{" ü',
        }
        for n in range(count)
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_all_records_come_in_their_order(tmp_path: Path, indent: int | None) -> None:
    records = some_records(1500)
    path = written(tmp_path, json.dumps(records, indent=indent).encode())

    found = list(windows(path))

    assert values(found) == records
    assert len(found) > 5
    assert found[-1].end == path.stat().st_size


def test_goes_on_from_the_end_of_any_window(tmp_path: Path) -> None:
    records = some_records(1500)
    path = written(tmp_path, json.dumps(records).encode())
    found = list(windows(path))

    for n, each in enumerate(found[:-1]):
        assert values(list(windows(path, each.end))) == values(found[n + 1 :])


def test_no_window_is_larger_than_it_may_be(tmp_path: Path) -> None:
    """Memory: a chunk, and what was left of the one before."""
    records = some_records(4000)
    longest = max(len(json.dumps(each)) for each in records)
    path = written(tmp_path, json.dumps(records).encode())

    begin = 1
    for window in windows(path):
        assert window.end - begin <= WINDOW + longest + 2
        begin = window.end


def test_a_record_may_be_longer_than_a_window(tmp_path: Path) -> None:
    records = [{"n": 1}, {"description": "x" * 3 * WINDOW}, {"n": 3}]
    path = written(tmp_path, json.dumps(records).encode())

    assert values(list(windows(path))) == records


@pytest.mark.parametrize("content", [b"[]", b" [ ] \n", b"\xef\xbb\xbf[\r\n]\r\n"])
def test_an_empty_list_is_a_list(tmp_path: Path, content: bytes) -> None:
    assert values(list(windows(written(tmp_path, content)))) == []


def test_the_97_recorded_titles(tmp_path: Path) -> None:
    content = recorded("response_catalog_all_97_titles.json")

    assert values(list(windows(written(tmp_path, content)))) == json.loads(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is no list of titles; it begins ''"),
        (b'{"message": "Invalid library id"}', 'it begins \'{"message"'),
        (b"<html>\xff</html>", "it begins '<html>\ufffd"),
        (b'[{"n": 1}, {"n": 2}', "cut off or damaged behind byte"),
        (b'[{"n": 1}', "cut off or damaged behind byte 1:"),
        (b'[{"n": 1}, ', "cut off or damaged behind byte"),
        (b'[{"n": 1}] [', "cut off or damaged behind byte"),
        (b"[", "cut off or damaged behind byte 1"),
    ],
)
def test_what_is_no_catalogue_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(NotACatalogue) as told:
        list(windows(written(tmp_path, content)))

    assert why in str(told.value)


@pytest.mark.parametrize(
    "odd", [b'{"n": oops}', b'{"n"}', rb'{"n": "\ud800"}', b'{"n": "a\nb"}', b"{1: [2, 3]}"]
)
def test_a_record_that_makes_no_sense_is_one_of_them(tmp_path: Path, odd: bytes) -> None:
    whole = json.dumps(some_records(4000)).encode()
    for where in (b'{"n": 0,', b'{"n": 2000,', b'{"n": 3999,'):
        place = whole.index(where)
        path = written(tmp_path, whole[:place] + odd + b", " + whole[place:])

        records = [bytes(each) for window in windows(path) for each in window.records]

        assert len(records) == 4001
        assert odd in records
    path = written(tmp_path, whole[:-1] + b", " + odd + b"]")
    assert bytes(list(windows(path))[-1].records[-1]) == odd


@pytest.mark.parametrize("damage", [b'{"n": 1, ', b'{"n": 1}}, ', b'{"n": [1}], '])
def test_damage_in_the_middle_is_told_at_once(tmp_path: Path, damage: bytes) -> None:
    """Not after every place was tried at which a record could have ended."""
    whole = json.dumps(some_records(12_000)).encode()
    middle = whole.index(b'{"n": 2000,')
    path = written(tmp_path, whole[:middle] + damage + whole[middle:])
    assert path.stat().st_size > middle + 2 * LONGEST
    begun = time.process_time()

    with pytest.raises(NotACatalogue, match=r"behind byte|what begins at byte"):
        list(windows(path))

    assert time.process_time() - begun < 5
