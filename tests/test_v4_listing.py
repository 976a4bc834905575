"""A listing of version 4 straight from its bytes: what the plain way reads, and no key twice, whichever it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient.backends.v4 import envelope
from cfclient.backends.v4.envelope import Envelope, Info
from cfclient.backends.v4.listing import listing_of
from cfclient.backends.v4.records import WireRecord, record_value
from cfclient.backends.v4.support import Permission
from cfclient.bounds import DEFAULT, Bounds
from cfclient.errors import ApiError, UnexpectedAnswer
from cfclient.http import Reply
from tests.test_rows import Pairs, with_pair, without, written

META: Pairs = [("auto_added", False), ("managed_by_apps", False), ("source", "primary")]
DATA: Pairs = [("flags", 0), ("tag", "iodef"), ("value", "mailto:me@example.com")]
SETTINGS: Pairs = [("flatten_cname", False)]
#: in the order of the class, so that a test below sees that none is missing
RECORD: Pairs = [
    *(("id", "372e67954025e0ba6aaa6d586b9e0b59"), ("name", "a.example.com"), ("type", "CAA")),
    *(("content", '0 iodef "mailto:me@example.com"'), ("ttl", 300), ("proxiable", False), ("proxied", False)),
    *(("priority", 10), ("data", DATA), ("comment", "why: because"), ("tags", ("owner:dns",))),
    *(("settings", SETTINGS), ("meta", META)),
    *(("created_on", "2014-01-01T05:20:00.12345Z"), ("modified_on", "2014-01-01T05:20:00.12345Z")),
    *(("comment_modified_on", "2024-01-01T05:20:00.12345Z"), ("tags_modified_on", "2025-01-01T05:20:00.12345Z")),
    *(("private_routing", False), ("locked", False)),
    *(("zone_id", "0da42c8d2132a9ddaf714f9e7c920711"), ("zone_name", "example.com")),
]
INFO: Pairs = [("page", 1), ("per_page", 5000), ("count", 1), ("total_count", 1), ("total_pages", 1)]
NEEDED = frozenset({"id", "name", "type"})


def reply(*records: Pairs, info: Any = INFO) -> bytes:
    """A reply with these records."""
    whole: Pairs = [("result", records), ("success", True), ("errors", ()), ("messages", ()), ("result_info", info)]
    return written(whole).encode()


def read(body: bytes, bounds: Bounds = DEFAULT) -> Envelope[Any]:
    """What a listing of records makes of this reply."""
    answer = Reply(status=200, body=body)
    return envelope.read("rec_load_all", answer, list[WireRecord], needs=Permission.DNS_READ, hide=(), bounds=bounds)


def rows_of(body: bytes) -> list[WireRecord]:
    """The rows of it."""
    return read(body).result or []


def test_the_sample_has_every_field() -> None:
    """Else a test below would say less than it seems to."""
    assert tuple(key for key, _ in RECORD) == WireRecord.__struct_fields__
    assert tuple(key for key, _ in INFO) == Info.__struct_fields__


KEYS = [
    *((None, key) for key, _ in RECORD),
    *(("data", key) for key, _ in DATA),
    *(("settings", key) for key, _ in SETTINGS),
    *(("meta", key) for key, _ in META),
]


@pytest.mark.parametrize(("within", "name"), KEYS)
def test_a_key_that_comes_twice_is_refused(within: str | None, name: str) -> None:
    """Whatever its first value is, and also where another record lacks that key, so that their number is right."""
    value = dict(dict(RECORD)[within] if within else RECORD)[name]
    lacking = RECORD if name in NEEDED else without(RECORD, name, within=within)
    for first in value, value if name in NEEDED else None:
        twice = with_pair(RECORD, (name, first), within=within)
        for records in [(twice,), (twice, lacking), (lacking, RECORD, twice)]:
            with pytest.raises(UnexpectedAnswer, match="rec_load_all: a key comes twice in one object"):
                read(reply(*records))


@pytest.mark.parametrize("name", Info.__struct_fields__)
def test_where_a_page_stands_is_said_once(name: str) -> None:
    """What says it twice could mean two pages."""
    with pytest.raises(UnexpectedAnswer, match="a key comes twice"):
        read(reply(RECORD, info=[*INFO, (name, 7)]))


@pytest.mark.parametrize(
    "more",
    [
        '"result":[]',
        '"success":true',
        '"errors":[]',
        '"messages":[]',
        '"result_info":null',
        '"new":1,"new":2',
        '"new":{"a":1,"a":1}',
    ],
)
def test_a_key_that_comes_twice_around_the_records_is_refused(more: str) -> None:
    """Keys that nobody knows included."""
    with pytest.raises(UnexpectedAnswer, match="a key comes twice"):
        read(reply(RECORD)[:-1] + f",{more}}}".encode())


@pytest.mark.parametrize("where", ["meta", "data", "new"])
def test_what_nobody_reads_is_bounded_too(where: str) -> None:
    """In its nesting; keys that no class knows included."""
    body = reply(without(RECORD, where)).replace(b'{"id"', b'{"%b":%b,"id"' % (where.encode(), b"[" * 70 + b"]" * 70))
    with pytest.raises(UnexpectedAnswer, match="nested more than 64 deep"):
        read(body)
    body = reply(with_pair(without(RECORD, where), (where, ((), 1, 2, 3))))
    with pytest.raises(UnexpectedAnswer, match="more than 3 entries"):
        read(body, Bounds(items=3))


def test_a_colon_that_is_written_as_an_escape_hides_no_key() -> None:
    """It is in a text, and no colon of the bytes: with one key twice the numbers would be equal."""
    escaped = reply(RECORD).replace(b"why:", b"why\\u003A")
    assert ["why: because"] == [row.comment for row in rows_of(escaped)]

    twice = reply(with_pair(RECORD, ("ttl", 1))).replace(b"why:", b"why\\u003A")
    with pytest.raises(UnexpectedAnswer, match="a key comes twice"):
        read(twice)


PAGES = {
    "every field": RECORD,
    "fields left out": without(without(RECORD, "data"), "comment"),
    "null": [("comment", None) if key == "comment" else (key, value) for key, value in RECORD],
    "nothing within": [(key, [] if key in {"meta", "settings", "data"} else value) for key, value in RECORD],
    "some with nothing": [(key, value) for key, value in RECORD if key not in {"meta", "settings", "tags"}],
}


@pytest.mark.parametrize("name", PAGES)
def test_an_ordinary_page_is_read_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No plain data are made of the whole of it to look for keys that come twice."""
    monkeypatch.delattr(envelope, "decoded")

    page = read(reply(PAGES[name], RECORD))

    assert Info(1, 5000, 1, 1, 1) == page.result_info
    assert 2 == len(page.result or ())


def test_an_empty_page_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `result_info` too."""
    monkeypatch.delattr(envelope, "decoded")

    assert [] == read(reply()).result
    assert read(b'{"success":true,"result":[]}').result_info is None


@pytest.mark.parametrize("said", [b'"success":false', b'"old":true'])
def test_entries_that_come_without_success_are_no_listing(said: bytes) -> None:
    """Whatever they look like."""
    with pytest.raises((ApiError, UnexpectedAnswer)):
        read(reply(RECORD).replace(b'"success" :true', said))


def test_what_is_no_list_of_rows_is_not_counted() -> None:
    """It is looked at in full."""
    for result in Any, WireRecord, list[Info], list[dict[str, Any]]:
        assert listing_of(result, reply(RECORD), DEFAULT) is None


@st.composite
def records(draw: st.DrawFn) -> Pairs:
    """A record with any of its keys left out or null, in any order, and maybe one that nobody knows."""
    kept = [pair for pair in RECORD if pair[0] in NEEDED or draw(st.booleans())]
    content = draw(st.text(max_size=4) | st.sampled_from(["::1", "a:b", "\\", '"id":']))
    changed = [(key, content if key == "content" else value) for key, value in kept]
    unknown = [("new:", "x:y")] if draw(st.integers(0, 3)) == 3 else []
    return draw(st.permutations([*changed, *unknown]))


@given(st.lists(records(), max_size=4), st.sampled_from([INFO, None, [("page", "2")]]))
def test_the_fast_way_reads_what_the_plain_way_reads(page: list[Pairs], info: Any) -> None:
    """Whichever keys are left out or unknown."""
    body = reply(*page, info=info)

    fast = read(body)
    plain = msgspec.json.decode(body, type=Envelope[list[WireRecord]], strict=False)

    assert plain.result is not None
    assert [record_value(row, "example.com") for row in plain.result] == [
        record_value(row, "example.com") for row in fast.result or ()
    ]
    assert plain.result_info == fast.result_info


@given(st.lists(records(), min_size=1, max_size=4), st.data())
def test_any_key_twice_in_any_record_is_refused(page: list[Pairs], data: st.DataObject) -> None:
    """Wherever the second one stands."""
    index = data.draw(st.integers(0, len(page) - 1))
    pair = data.draw(st.sampled_from(page[index]))
    page[index] = with_pair(page[index], pair, at=data.draw(st.integers(0, len(page[index]))))

    with pytest.raises(UnexpectedAnswer, match="a key comes twice"):
        read(reply(*page))
