"""A page of records straight from its bytes: the same as by the tolerant way, and no key twice, whichever it is."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import rows, wire
from cfclient.actions import RecLoadAll
from cfclient.bounds import DEFAULT
from cfclient.errors import UnexpectedAnswer
from cfclient.models import MxProps, Page, Record, RecordProps
from cfclient.plain import structure

LISTING = RecLoadAll("example.com")

# JSON objects as lists of pairs, so that a key can come twice.
Pairs = list[tuple[str, Any]]

PROPS: Pairs = [
    *(("proxiable", 1), ("cloud_on", 0), ("cf_open", 1), ("vanity_lock", 0)),
    *(("ssl", 0), ("expired_ssl", 0), ("expiring_ssl", 0), ("pending_ssl", None)),
]
MX: Pairs = [("auto", False)]
RECORD: Pairs = [
    *(("rec_id", "1"), ("rec_tag", "a1"), ("rec_hash", None), ("zone_name", "example.com")),
    *(("name", "mail.example.com"), ("display_name", "mail"), ("type", "MX"), ("prio", "10")),
    *(("content", "mx.example.com"), ("display_content", "mx.example.com"), ("ttl", "1"), ("ttl_ceil", 86400)),
    *(("ssl_id", None), ("ssl_status", None), ("ssl_expires_on", None), ("auto_ttl", 1), ("service_mode", "0")),
    *(("props", PROPS), ("mx", MX)),
]


def written(value: Any, text: Callable[[Any], str] = json.dumps) -> str:
    """Its JSON: a list of pairs is an object, a tuple an array."""
    if isinstance(value, tuple):
        return f"[{', '.join(written(part, text) for part in value)}]"
    if isinstance(value, list):
        return f"{{{','.join(f'{text(key)} :{written(part, text)}' for key, part in value)}}}"
    return text(value)


def reply(*records: Pairs, text: Callable[[Any], str] = json.dumps, **more: Any) -> bytes:
    """A reply with these records; `more` goes beside them."""
    recs = [("has_more", False), ("count", len(records)), ("objs", records)]
    request = [("act", "rec_load_all"), ("a", "rec_load_all"), ("tkn", "8afbe6dea02407989af4dd4c97bb6e25")]
    whole = [("request", request), ("response", [("recs", recs), *more.items()]), ("result", "success"), ("msg", None)]
    return written(whole, text).encode()


def with_pair(record: Pairs, pair: tuple[str, Any], *, within: str | None = None, at: int = 0) -> Pairs:
    """This object, or that which it has there, with one pair more."""
    if within is None:
        return [*record[:at], pair, *record[at:]]
    return [(key, with_pair(value, pair, at=at) if key == within else value) for key, value in record]


def without(record: Pairs, name: str, *, within: str | None = None) -> Pairs:
    """This object, or that which it has there, without that key."""
    if within is None:
        return [pair for pair in record if pair[0] != name]
    return [(key, without(value, name) if key == within else value) for key, value in record]


def test_the_samples_have_every_field() -> None:
    """Else a test below would say less than it seems to."""
    for pairs, cls in (RECORD, Record), (PROPS, RecordProps), (MX, MxProps):
        assert tuple(key for key, _ in pairs) == cls.__struct_fields__


KEYS = [(None, key) for key, _ in RECORD] + [("props", key) for key, _ in PROPS] + [("mx", key) for key, _ in MX]


@pytest.mark.parametrize(("within", "name"), KEYS)
def test_a_key_that_comes_twice_is_refused(within: str | None, name: str) -> None:
    """Whatever its first value is, and also where another record lacks that key, so that their number is right."""
    value = dict(dict(RECORD)[within] if within else RECORD)[name]
    lacking = RECORD if name in {"rec_id", "name", "type"} else without(RECORD, name, within=within)
    for first in value, None:
        twice = with_pair(RECORD, (name, first), within=within)
        for records in [(twice,), (twice, lacking), (lacking, RECORD, twice)]:
            with pytest.raises(UnexpectedAnswer, match="rec_load_all: a key comes twice in one object"):
                wire.read(LISTING, reply(*records))


@pytest.mark.parametrize(
    "body",
    [
        b'{"result":"success","response":{"recs":{"has_more":true,"has_more":false}}}',
        b'{"result":"success","response":{"recs":{"count":1,"count":2}}}',
        b'{"result":"success","response":{"recs":{"objs":[],"objs":[]}}}',
        b'{"result":"success","response":{"recs":{}, "recs":{}}}',
        b'{"result":"success","response":{}, "response":{"recs":{}}}',
        b'{"result":"error","result":"success","response":{"recs":{}}}',
        b'{"result":"success","msg":null,"msg":"hello","response":{"recs":{}}}',
        b'{"result":"success","msg":{"a":1,"a":2},"response":{"recs":{}}}',
        b'{"result":"success","request":{"a":"stats","a":"rec_load_all"},"response":{"recs":{}}}',
        b'{"result":"success","response":{"recs":{}},"new":1,"new":2}',
    ],
)
def test_a_key_that_comes_twice_around_the_records_is_refused(body: bytes) -> None:
    """The echo of the request and keys that nobody knows included."""
    with pytest.raises(UnexpectedAnswer, match="a key comes twice"):
        wire.read(LISTING, body)


@pytest.mark.parametrize("content", ["::1", "a:b", "a\\:b", 'v=spf1 "rec_id" "rec_id":', "\\u003a", ""])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_looks_like_a_key_in_a_content_is_content(content: str, ascii_only: bool) -> None:
    """Colons, quotes and escapes; and beside them a key that comes twice is found."""
    record = [(key, content if key == "content" else value) for key, value in RECORD]

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only)

    assert content == wire.read(LISTING, reply(record, text=text)).objs[0].content
    with pytest.raises(UnexpectedAnswer, match="a key comes twice"):
        wire.read(LISTING, reply(with_pair(record, ("ttl", "1")), text=text))


def test_a_colon_that_is_written_as_an_escape_hides_no_key() -> None:
    """It is in a content, and no colon of the bytes: with one key twice the numbers would be equal."""
    record = [(key, "a:b" if key == "content" else value) for key, value in RECORD]
    escaped = reply(record).replace(b"a:b", b"a\\u003Ab")
    assert "a:b" == wire.read(LISTING, escaped).objs[0].content

    twice = reply(with_pair(record, ("ttl", "1"))).replace(b"a:b", b"a\\u003Ab")
    with pytest.raises(UnexpectedAnswer, match="a key comes twice"):
        wire.read(LISTING, twice)


@st.composite
def objects(draw: st.DrawFn, pairs: Pairs, needed: frozenset[str]) -> Pairs:
    """Some of these keys in any order, some with null, maybe one that nobody knows."""
    kept = [pair for pair in pairs if pair[0] in needed or draw(st.booleans())]
    nulls = [(key, value if key in needed or draw(st.booleans()) else None) for key, value in kept if key != "content"]
    content = [("content", draw(st.text(max_size=4) | st.sampled_from(["::1", "a:b"])))] if pairs is RECORD else []
    unknown = [("new:", "x:y")] if draw(st.integers(0, 3)) == 3 else []
    return draw(st.permutations([*nulls, *content, *unknown]))


@st.composite
def records(draw: st.DrawFn) -> Pairs:
    """A record with any of its keys left out."""
    record = draw(objects(RECORD, frozenset({"rec_id", "name", "type"})))
    props, mx = draw(objects(PROPS, frozenset())), draw(objects(MX, frozenset()))
    parts = {"props": props, "mx": mx}
    return [(key, value if value is None else parts.get(key, value)) for key, value in record]


@given(st.lists(records(), max_size=4), st.booleans())
def test_the_fast_way_reads_what_the_tolerant_way_reads(page: list[Pairs], ascii_only: bool) -> None:
    """To the same classes, whichever keys are left out, null or unknown."""
    body = reply(*page, text=lambda value: json.dumps(value, ensure_ascii=ascii_only))

    fast = rows.page_of_records(body, DEFAULT)
    tolerant = structure(json.loads(body)["response"]["recs"], LISTING.answer)

    assert tolerant == fast
    assert isinstance(fast, Page)
    for record in fast.objs:
        assert Record is type(record)
        assert type(record.props) in {RecordProps, type(None)}
        assert type(record.mx) in {MxProps, type(None)}
        assert record == pickle.loads(pickle.dumps(record))


@given(st.lists(records(), min_size=1, max_size=4), st.data())
def test_any_key_twice_in_any_record_is_refused(page: list[Pairs], data: st.DataObject) -> None:
    """Wherever the second one stands."""
    index = data.draw(st.integers(0, len(page) - 1))
    record = page[index]
    places = [None, *(key for key, value in record if isinstance(value, list) and value)]
    within = data.draw(st.sampled_from(places))
    pairs = dict(record)[within] if within else record
    key, value = data.draw(st.sampled_from(pairs))
    pair = (key, data.draw(st.sampled_from([value, None])) if key not in {"rec_id", "name", "type"} else value)
    page[index] = with_pair(record, pair, within=within, at=data.draw(st.integers(0, len(pairs))))

    with pytest.raises(UnexpectedAnswer, match="a key comes twice"):
        wire.read(LISTING, reply(*page))


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(RECORD, id="every field"),
        pytest.param(without(without(RECORD, "mx"), "rec_hash"), id="fields left out"),
        pytest.param(without(without(RECORD, "vanity_lock", within="props"), "auto", within="mx"), id="props"),
        pytest.param([*RECORD[:8], ("content", "2001:db8::1"), *RECORD[9:]], id="colons in a content"),
    ],
)
def test_an_ordinary_page_is_read_once(record: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """No plain data are made to look for keys that come twice."""
    monkeypatch.delattr(rows, "decoded")

    page = rows.page_of_records(reply(record, record), DEFAULT)

    assert page is not None
    assert 2 == len(page.objs)
