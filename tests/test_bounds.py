"""Replies within bounds: bytes, nesting, entries, keys that come twice; and what a bomb costs."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cfclient
from cfclient import wire
from cfclient.actions import RecLoadAll, SecLvl, ZoneLoadMulti
from cfclient.backend import Credentials
from cfclient.backends.v1 import V1
from cfclient.backends.v4 import V4
from cfclient.backends.v4.memory import Memory, Seen
from cfclient.bounds import Bounds, Excess
from cfclient.decoding import decoded
from cfclient.errors import ConfigurationError, RateLimited, UnexpectedAnswer
from cfclient.http import Reply, Request
from cfclient.http.border import Body
from tests.loopback import Answer, Asked, serve
from tests.samples import CREDENTIALS, EXAMPLES


class Canned:
    """An adapter that answers the same to everything, and knows no bounds."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.body = body
        self.status = status
        self.asked: list[Request] = []

    async def exchange(self, request: Request, /) -> Reply:
        self.asked.append(request)
        return Reply(status=self.status, body=self.body)


# -- decoding ------------------------------------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=30,
)


@given(_json)
def test_what_is_within_bounds_is_read(data: Any) -> None:
    """Whatever is in its strings: colons, quotes, backslashes, brackets."""
    for body in json.dumps(data).encode(), json.dumps(data, ensure_ascii=False, indent=1).encode("utf-8", "replace"):
        assert json.loads(body) == decoded(body)


@given(st.text(), st.text())
def test_a_key_that_comes_twice_is_refused(key: str, other: str) -> None:
    """However it is written, and however deep it lies."""
    twice = f"{{{json.dumps(key)}: 1, {json.dumps(other + 'x')}: {{}}, {json.dumps(key)} :2}}"
    with pytest.raises(Excess, match="a key comes twice in one object"):
        decoded(f'[{{"a:b": "\\":", "deep": {twice}}}]'.encode())


HOSTILE: list[Any] = [
    pytest.param(b"[" * 100_000 + b"]" * 100_000, "nested more than 64 deep", id="100,000 lists"),
    pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested more than 64 deep", id="100,000 objects"),
    pytest.param(b'{"result":"success","x":' + b"[" * 65 + b"]" * 65 + b"}", "more than 64 deep", id="66 levels"),
    pytest.param(b"[" * 100_000, "nested more than 64 deep|truncated", id="100,000 open"),
    pytest.param(b'{"result":"success","x":NaN}', "truncated or broken JSON", id="NaN"),
    pytest.param(b'{"result":"success","x":Infinity}', "truncated or broken JSON", id="infinity"),
    pytest.param(b'{"result":"success","x":1e999}', "truncated or broken JSON", id="a number without end"),
    pytest.param(b'{"result":"success","result":"error"}', "a key comes twice", id="a key twice"),
    pytest.param(b'{"result":"success","x":"\\ud800"}', "truncated or broken JSON", id="half a pair"),
    pytest.param(b'{"result":"success","x":"\\udc00\\ud800"}', "truncated or broken JSON", id="a pair turned round"),
    pytest.param(b'{"result":"success","x":"\xed\xa0\x80"}', "not valid UTF-8", id="half a pair in UTF-8"),
    pytest.param(b'{"result":"success","x":[' + b"0," * 100_000 + b"0]}", "more than 100,000 entries", id="entries"),
    pytest.param(b" " * (16 * 1024 * 1024) + b"{}", "larger than 16,777,216 bytes", id="17 MB"),
]


@pytest.mark.parametrize(("body", "words"), HOSTILE)
@pytest.mark.parametrize("name", ["rec_load_all", "zone_load_multi", "sec_lvl", "stats"])
def test_a_hostile_reply_is_an_unexpected_answer(name: str, body: bytes, words: str) -> None:
    """With words that say what is wrong with it, by every way of reading."""
    with pytest.raises(UnexpectedAnswer, match=words):
        wire.read(EXAMPLES[name], body)
    with pytest.raises(UnexpectedAnswer, match=words):
        wire.raw(EXAMPLES[name], body)


def page(*records: str, more: str = "") -> bytes:
    objs = ",".join(records)
    return f'{{"result":"success","response":{{"recs":{{"has_more":false,"count":1{more},"objs":[{objs}]}}}}}}'.encode()


RECORD = '"rec_id":"1","name":"a.example.com","type":"A","content":"192.0.2.1"'


def test_a_page_is_bounded_too() -> None:
    """On its fast way as on the tolerant one; a record with two ids is none."""
    good = page(f"{{{RECORD}}}", f"{{{RECORD}}}")
    assert 2 == len(wire.read(RecLoadAll("example.com"), good).objs)
    with pytest.raises(UnexpectedAnswer, match="more than 1 entries"):
        wire.read(RecLoadAll("example.com"), good, bounds=Bounds(items=1))
    with pytest.raises(UnexpectedAnswer, match="larger than 99 bytes"):
        wire.read(RecLoadAll("example.com"), good, bounds=Bounds(size=99))
    with pytest.raises(UnexpectedAnswer, match="a key comes twice"):
        wire.read(RecLoadAll("example.com"), page(f'{{{RECORD},"rec_id":"2"}}'))


# -- version 4 -----------------------------------------------------------------------------------------


async def answered(name: str, body: bytes, *, status: int = 200, bounds: Bounds | None = None) -> Any:
    """What version 4 makes of this as the reply to everything."""
    memory = Memory()
    # So that the first request is the action's own, and not one for the zone's name.
    seen = Seen("0da42c8d2132a9ddaf714f9e7c920711", "example.com", None)
    memory.put((Credentials(None, "token").principal, None, "id", seen.id), seen)
    backend = V4(Canned(body, status), Credentials(None, "token"), bounds=bounds or Bounds(), memory=memory)
    action = EXAMPLES[name]
    zone = {"zone": seen.id} if hasattr(action, "zone") else {}
    return await backend.perform(attrs.evolve(action, **zone))


@pytest.mark.anyio
@pytest.mark.parametrize(("body", "words"), HOSTILE)
@pytest.mark.parametrize("name", ["rec_load_all", "zone_load_multi", "sec_lvl", "zone_settings", "stats", "ban"])
async def test_a_hostile_reply_of_version_4_is_an_unexpected_answer(name: str, body: bytes, words: str) -> None:
    """As one of version 1, whatever was asked, and whether it says yes or no."""
    for success in b"true", b"false":
        hostile = body.replace(b'"result":"error"', b'"success":true').replace(
            b'"result":"success"', b'"data":{"a":1},"success":' + success
        )
        with pytest.raises(UnexpectedAnswer, match=words):
            await answered(name, hostile)


@pytest.mark.anyio
@pytest.mark.parametrize("status", [400, 403, 502])
async def test_a_hostile_refusal_is_an_unexpected_answer(status: int) -> None:
    """Which is worth another attempt only where the service failed; a limit is one whatever comes with it."""
    body = b'{"success":false,"errors":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(UnexpectedAnswer, match="nested more than 64 deep") as caught:
        await answered("ban", body, status=status)
    with pytest.raises(RateLimited, match="HTTP 429"):
        await answered("ban", body, status=429)

    assert (status >= 500) == caught.value.transient


def page_4(*records: str, more: str = "") -> bytes:
    return f'{{"success":true,"errors":[],"messages":[],"result":[{",".join(records)}]{more}}}'.encode()


RECORD_4 = '"id":"1","name":"a.example.com","type":"A","content":"192.0.2.1"'


@pytest.mark.anyio
async def test_a_page_of_version_4_is_bounded_too() -> None:
    """Records on their fast way, and zones, which have more ids than one."""
    good = page_4(f"{{{RECORD_4}}}", f"{{{RECORD_4}}}")
    zones = page_4(*['{"id":"1","name":"a.example","owner":{"id":"2"}}'] * 2)
    assert 2 == len((await answered("rec_load_all", good)).objs)
    assert 2 == len((await answered("zone_load_multi", zones)).objs)
    for body, words, bounds in (
        (page_4(*[f"{{{RECORD_4}}}"] * 5), "more than 4 entries", Bounds(items=4)),
        (good, "larger than 99 bytes", Bounds(size=99)),
        (page_4(f'{{{RECORD_4},"id":"2"}}'), "a key comes twice", None),
        (page_4(f"{{{RECORD_4}}}", more=',"result":[]'), "a key comes twice", None),
        (page_4(f"{{{RECORD_4}}}", more=',"success":false,"success":true'), "a key comes twice", None),
    ):
        with pytest.raises(UnexpectedAnswer, match=words):
            await answered("rec_load_all", body, bounds=bounds)
    with pytest.raises(UnexpectedAnswer, match="more than 1 entries"):
        await answered("zone_load_multi", zones, bounds=Bounds(items=1))
    with pytest.raises(UnexpectedAnswer, match="nested more than 3 deep"):
        await answered("zone_load_multi", zones, bounds=Bounds(depth=3))
    with pytest.raises(UnexpectedAnswer, match="not valid UTF-8"):
        await answered("rec_load_all", page_4(f'{{{RECORD_4},"x":"?"}}').replace(b"?", b"\xff"))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("[" * 500 + "]" * 500, "nested more than 64 deep"),
        ('{"port":1,"port":2}', "a key comes twice"),
        ("[" * 100_000 + "]" * 100_000, "nested more than 64 deep"),
    ],
)
async def test_the_data_of_a_record_is_bounded(data: str, words: str) -> None:
    """Where a record has to be put together from it."""
    with pytest.raises(UnexpectedAnswer, match=words):
        await answered("rec_load_all", page_4(f'{{"id":"1","name":"a","type":"SRV","data":{data}}}'))


@pytest.mark.parametrize("field", ["size", "depth", "items"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "9"])
def test_bounds_that_are_none_are_refused(field: str, value: Any) -> None:
    """By name."""
    with pytest.raises(ConfigurationError, match=rf"bounds: {field}=.*expected a whole number, 1 or more"):
        Bounds(**{field: value})


# -- backends ------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_backends_keep_the_bounds_whatever_the_adapter_does() -> None:
    """Each request says how much may come, and more is refused though the adapter read it."""
    for backend, http in (
        (V1(canned := Canned(b"x" * 51), CREDENTIALS, bounds=Bounds(size=50)), canned),
        (V4(canned := Canned(b"x" * 51), CREDENTIALS, bounds=Bounds(size=50)), canned),
    ):
        with pytest.raises(UnexpectedAnswer, match="the answer is larger than 50 bytes"):
            await backend.perform(ZoneLoadMulti())

        assert [50] == [request.max_reply for request in http.asked]


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")  # httpx leaves its own behind
async def test_connect_hands_the_bounds_on() -> None:
    """To the adapter, which reads no further, and to the reading."""

    async def handler(asked: Asked) -> Answer:
        return Answer(body=b'{"result":"success","response":{"x":[[[[]]]]}}')

    async with serve(handler) as server:
        for bounds, words in (Bounds(size=30), "larger than 30 bytes"), (Bounds(depth=3), "nested more than 3 deep"):
            async with cfclient.connect(server.url, email="me@example.com", token="key", bounds=bounds) as cf:
                with pytest.raises(UnexpectedAnswer, match=words):
                    await cf.perform(SecLvl("example.com", "help"))


# -- memory --------------------------------------------------------------------------------------------

BOMB = """
import gzip, resource, sys
import anyio
from cfclient.errors import UnexpectedAnswer
from cfclient.http import Request
from cfclient.http.chosen import chosen
from tests.loopback import listen, raw

async def main(name):
    bomb = open(sys.argv[2], "rb").read()
    head = b"HTTP/1.1 200 OK\\r\\ncontent-encoding: gzip\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(bomb)
    async with listen(raw(head + bomb)) as server, chosen(name) as http:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            await http.exchange(Request(method="POST", url=server.url, body=b"a=stats", max_reply=1_000_000))
        except UnexpectedAnswer as error:
            assert "larger than" in str(error)
        else:
            raise SystemExit("the bomb was read")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

anyio.run(main, sys.argv[1])
"""


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 MB of zeros, which are 300 KB on the wire."""
    packer = zlib.compressobj(wbits=31)
    path = tmp_path_factory.mktemp("bomb") / "bomb.gz"
    with path.open("wb") as file:
        for _ in range(300):
            file.write(packer.compress(bytes(1_000_000)))
        file.write(packer.flush())
    return path


@pytest.mark.parametrize("name", ["httpx", "aiohttp", "pycurl"])
def test_a_bomb_costs_little_memory(name: str, bomb: Path) -> None:
    """A small part of what it would be."""
    done = subprocess.run(
        [sys.executable, "-c", BOMB, name, str(bomb)], capture_output=True, text=True, check=False, timeout=100
    )

    assert ("", 0) == (done.stderr, done.returncode)
    assert int(done.stdout) < 60_000  # kilobytes


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_is_unpacked_in_whatever_pieces_it_comes(size: int) -> None:
    """Down to single bytes."""
    packed = gzip.compress(b"answer " * 100)
    body = Body("gzip", 700)

    for begin in range(0, len(packed), size):
        body.add(packed[begin : begin + size])

    assert b"answer " * 100 == body.whole()
