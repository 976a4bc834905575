"""What holds for every adapter, over real sockets: exchanges, failures, cancellation, TLS, limits, secrets."""

from __future__ import annotations

import asyncio
import gzip
import math
import pickle
import random
import ssl
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import anyio
import anyio.abc
import httpx
import httpx2
import pycurl
import pytest
import trustme

from cfclient.backend import Departure, departing
from cfclient.errors import CloudflareError, ConfigurationError, ConnectionFailed, MisusedClient, UnexpectedAnswer
from cfclient.http import Http, Reply, Request
from cfclient.http.aiohttp import Aiohttp
from cfclient.http.border import Meanings
from cfclient.http.chosen import chosen
from cfclient.http.environment import login, proxy
from cfclient.http.httpx import MEANINGS, Borrowed, Lanes, Timeouts
from cfclient.http.pycurl import Pycurl, _port
from tests.canary import CANARY, chain, leaks
from tests.loopback import Answer, Asked, Script, echo, listen, raw, reset, serve, silent, trickle

pytestmark = [
    pytest.mark.anyio,
    # A body that is not read to its end leaves httpx's async generators to the garbage collector.
    pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning"),
]

OWN = ["lanes", "aiohttp", "pycurl"]
READY = ["ready httpx", "ready httpx2", "ready aiohttp"]
ON_TRIO = {"lanes", "ready httpx", "ready httpx2"}
EVERYWHERE = [
    (loop, kind) for loop in ("asyncio", "trio") for kind in OWN + READY if loop == "asyncio" or kind in ON_TRIO
]


@pytest.fixture(params=EVERYWHERE, ids=" ".join)
def setting(request: pytest.FixtureRequest) -> tuple[str, str]:
    loop, kind = request.param
    return loop, kind


@pytest.fixture
def anyio_backend(setting: tuple[str, str]) -> str:
    return setting[0]


@pytest.fixture
def kind(setting: tuple[str, str]) -> str:
    """Which adapter."""
    return setting[1]


def only(kinds: list[str]) -> pytest.MarkDecorator:
    """The settings of these adapters only."""
    return pytest.mark.parametrize("setting", [pair for pair in EVERYWHERE if pair[1] in kinds], ids=" ".join)


@asynccontextmanager
async def adapter(
    kind: str, *, limit: int = 32, times: Timeouts | None = None, ca: trustme.CA | None = None
) -> AsyncIterator[Http]:
    """An adapter of this kind; the user's client has the same timeouts, and trusts the same."""
    times = times or Timeouts()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is not None:
        ca.configure_trust(context)
    timeout = {"connect": times.connect, "read": times.read, "write": times.write, "pool": times.connect}
    if kind == "lanes":
        async with Lanes(limit, timeouts=times, verify=context) as lanes:
            yield lanes
    elif kind == "aiohttp":
        async with Aiohttp(limit=limit, timeouts=times, verify=context) as own:
            yield own
    elif kind == "pycurl":
        handle = None
        if ca is not None:
            handle = pycurl.Curl()
            handle.set_ca_certs(ca.cert_pem.bytes().decode())
        async with Pycurl(handle, limit=limit, timeouts=times) as driven:
            yield driven
    elif kind == "ready httpx":
        async with httpx.AsyncClient(timeout=httpx.Timeout(**timeout), verify=context, trust_env=False) as client:
            yield Borrowed(client, total=times.total)
    elif kind == "ready httpx2":
        async with httpx2.AsyncClient(timeout=httpx2.Timeout(**timeout), verify=context, trust_env=False) as client2:
            yield Borrowed(client2, total=times.total)
    else:
        connector = aiohttp.TCPConnector(ssl=context)
        limits = aiohttp.ClientTimeout(sock_connect=times.connect, sock_read=times.read)
        async with aiohttp.ClientSession(connector=connector, timeout=limits) as session:
            yield Aiohttp(session, timeouts=times)


def post(url: str, body: bytes = b"a=stats", max_reply: int = 1_000_000) -> Request:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return Request(method="POST", url=url, headers=headers, body=body, max_reply=max_reply)


async def never(asked: Asked) -> Answer:
    await anyio.sleep(3600)
    return Answer()


# -- exchanges ----------------------------------------------------------------------------------------


async def test_an_exchange(kind: str) -> None:
    """The request goes out as it is, and the answer comes back whole, its header names in lower case."""
    seen: list[Asked] = []

    async def handler(asked: Asked) -> Answer:
        seen.append(asked)
        return Answer(status=418, headers={"X-Thing": "a", "Set-Cookie": "b=c"}, body=b"teapot" * 50_000)

    async with serve(handler) as server, adapter(kind) as http:
        replies = [await http.exchange(post(server.url)) for _ in range(2)]

    assert [(418, b"teapot" * 50_000, "a")] * 2 == [(r.status, r.body, r.headers["x-thing"]) for r in replies]
    assert ("POST", "/api_json.html", b"a=stats") == (seen[1].method, seen[1].target, seen[1].body)
    assert ("application/x-www-form-urlencoded", "7") == (
        seen[1].headers["content-type"],
        seen[1].headers["content-length"],
    )
    assert "cookie" not in seen[1].headers or kind.startswith("ready")


async def test_a_request_without_a_body(kind: str) -> None:
    """Its path and query arrive as they were written."""
    seen: list[Asked] = []

    async def handler(asked: Asked) -> Answer:
        seen.append(asked)
        return Answer()

    async with serve(handler) as server, adapter(kind) as http:
        await http.exchange(Request(method="GET", url=server.url + "?name=a%2Fb&c=d+e", headers={"authorization": "x"}))

    assert ("GET", "/api_json.html?name=a%2Fb&c=d+e", b"", "x") == (
        seen[0].method,
        seen[0].target,
        seen[0].body,
        seen[0].headers["authorization"],
    )


@pytest.mark.parametrize("coding", ["gzip", "deflate", "bare deflate"])
async def test_a_compressed_answer_is_decoded(kind: str, coding: str) -> None:
    """Whatever was asked for, the body of the reply is what was meant."""
    plain = b"plain" * 10_000
    packer = zlib.compressobj(wbits=-15)
    packed = {"gzip": gzip.compress(plain), "deflate": zlib.compress(plain)}
    body = packed.get(coding) or packer.compress(plain) + packer.flush()

    async def handler(asked: Asked) -> Answer:
        assert "gzip" in asked.headers["accept-encoding"]
        return Answer(headers={"content-encoding": coding.rsplit(maxsplit=1)[-1]}, body=body)

    async with serve(handler) as server, adapter(kind) as http:
        reply = await http.exchange(post(server.url))

    assert plain == reply.body


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_does_not_take_the_key_along(kind: str, status: int) -> None:
    """It is an answer like any other."""
    seen: list[Asked] = []

    async def handler(asked: Asked) -> Answer:
        seen.append(asked)
        return Answer(status=status, headers={"location": "/elsewhere"}) if len(seen) == 1 else Answer()

    async with serve(handler) as server, adapter(kind) as http:
        reply = await http.exchange(post(server.url, b"tkn=" + CANARY.encode()))

    assert [True] + [False] * (len(seen) - 1) == [CANARY.encode() in asked.body for asked in seen]
    assert (status, "/elsewhere", 1) == (reply.status, reply.headers["location"], len(seen))


@only(OWN)
async def test_nothing_of_the_environment_is_used(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No proxy gets to see the key because a variable happens to be set, and no login is added."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy":
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    seen: list[Asked] = []

    async def handler(asked: Asked) -> Answer:
        seen.append(asked)
        return Answer()

    async with serve(handler) as server, adapter(kind) as http:
        reply = await http.exchange(post(server.url))

    assert (200, "authorization" in seen[0].headers) == (reply.status, False)


def test_what_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A proxy without a scheme is one over http; a file that is missing, or knows another machine, logs in nowhere."""
    monkeypatch.setenv("https_proxy", "proxy.test:3128")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert "http://proxy.test:3128" == proxy("https://service.test/")
    assert {} == login("https://service.test/")
    (tmp_path / "netrc").write_text("machine other.test login me password secret\n")
    assert {} == login("https://service.test/")


@pytest.mark.parametrize("setting", [("asyncio", "")], ids=[""])
async def test_trust_env_is_for_adapters_that_are_made_here(setting: Any) -> None:
    """A ready client has decided that for itself."""
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(ConfigurationError, match="trust_env is for adapters that are made here"):
            chosen(client, trust_env=True)


@only(OWN)
async def test_no_limit_of_time_is_a_limit_too(kind: str) -> None:
    """`math.inf` is taken by every library."""
    times = Timeouts(connect=math.inf, read=math.inf, write=math.inf, total=math.inf)
    async with serve(echo) as server, adapter(kind, times=times) as http:
        assert 200 == (await http.exchange(post(server.url))).status


@only(OWN)
async def test_the_environment_is_used_where_that_is_asked_for(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Its proxy gets the request, with the login of a `.netrc` in it; NO_PROXY names what goes straight."""
    (tmp_path / "netrc").write_text(
        "machine service.test login me password secret\nmachine 127.0.0.1 login a password b\n"
    )
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    seen: list[Asked] = []

    async def handler(asked: Asked) -> Answer:
        seen.append(asked)
        return Answer()

    async with serve(handler) as server:
        monkeypatch.setenv("http_proxy", server.url.removesuffix("/api_json.html"))
        name = {"lanes": "httpx"}.get(kind, kind)
        async with chosen(name, trust_env=True) as http:
            await http.exchange(post("http://service.test/api_json.html"))
            await http.exchange(post(server.url))

    assert ["http://service.test/api_json.html", "/api_json.html"] == [asked.target for asked in seen]
    assert ["Basic bWU6c2VjcmV0", "Basic YTpi"] == [asked.headers["authorization"] for asked in seen]


# -- failures -----------------------------------------------------------------------------------------


async def hang_up(stream: anyio.abc.AnyByteStream) -> None:
    """Closes the connection before it reads anything."""


FAILURES: list[Any] = [
    pytest.param(hang_up, id="closed before reading"),
    pytest.param(reset, id="reset"),
    pytest.param(silent, id="silent"),
    pytest.param(raw(b""), id="no answer"),
    pytest.param(raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), id="not HTTP"),
    pytest.param(raw(b"HTTP/1.1 200 OK\r\ncontent-le"), id="half headers"),
    pytest.param(raw(b"HTTP/1.1 200 OK\r\nno header\r\n\r\n"), id="a header that is none"),
    pytest.param(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nten bytes."), id="truncated"),
    pytest.param(raw(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), id="a negative length"),
    pytest.param(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nbody"), id="two lengths"),
    pytest.param(raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel"), id="half a chunk"),
    pytest.param(raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), id="a chunk of no length"),
    pytest.param(trickle(b"HTTP/1.1 200 OK\r\nx-slow: ", every=0.01), id="headers that never end"),
    pytest.param(trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", every=0.01), id="trickling"),
    pytest.param(trickle(b"HTTP/1.1 200 OK\r\n\r\n", every=0.01), id="a body that never ends"),
]


@pytest.mark.parametrize("script", FAILURES)
async def test_a_failure_after_the_request_left(kind: str, script: Script) -> None:
    """It may have been carried out; the connection is closed, and the next exchange is another one's."""
    times = Timeouts(read=0.2 if script is silent else 1, total=0.4)
    async with listen(script) as server, adapter(kind, times=times) as http:
        with anyio.fail_after(20):
            while True:
                with pytest.raises(ConnectionFailed) as caught:
                    await http.exchange(post(server.url))
                # On a machine that stands still for a moment the time may be over before the request leaves.
                late = "no connection" in str(caught.value) or "within 0.4 s" in str(caught.value)
                if caught.value.maybe_carried_out or not late:
                    break

        await server.deserted()
        assert caught.value.maybe_carried_out
        assert "unforeseen" not in str(caught.value)


async def test_what_comes_before_the_head_and_behind_the_body_is_no_header(kind: str) -> None:
    """An interim answer and a trailer are read and let go; a header that comes twice is one."""
    answer = (
        b"HTTP/1.1 103 Early Hints\r\nx-early: 1\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-two: a\r\nx-two: b\r\n\r\n"
        b"2\r\nok\r\n0\r\ncontent-encoding: gzip\r\n\r\n"
    )
    async with listen(raw(answer)) as server, adapter(kind) as http:
        reply = await http.exchange(post(server.url))

    assert (200, b"ok", "a, b") == (reply.status, reply.body, reply.headers["x-two"])
    assert {"x-early", "content-encoding"}.isdisjoint(reply.headers)


@only(["lanes", "pycurl"])
async def test_a_length_that_is_too_short_ends_the_answer_there(kind: str) -> None:
    """What follows is not taken for the answer to the next request; to aiohttp the whole answer is none."""

    async def script(stream: anyio.abc.AnyByteStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nonebeyond")
        with suppress(anyio.EndOfStream):
            await stream.receive()

    async with listen(script) as server, adapter(kind) as http:
        replies = [await http.exchange(post(server.url)) for _ in range(3)]

    assert [b"one"] * 3 == [reply.body for reply in replies]


@pytest.mark.parametrize("together", [True, False])
async def test_a_second_answer_is_not_the_next_request_s(kind: str, together: bool) -> None:
    """A server that answers twice poisons no connection, whether its answers come in one piece or in two.

    The pools of httpx and of a user's own aiohttp session do not notice each of the two; they are what lanes are for.
    """
    if (together and kind in {"ready httpx", "ready httpx2"}) or (not together and kind == "ready aiohttp"):
        pytest.skip("known of this library's pool, and out of an adapter's reach")

    async def script(stream: anyio.abc.AnyByteStream) -> None:
        number = 0
        while True:
            asked = await stream.receive()
            if asked.endswith(b"\r\n\r\n"):  # the body comes by itself
                asked = await stream.receive()
            number += 1
            answers = [
                b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text)
                for text in (asked[-7:], b"WRONG %d" % number)
            ]
            try:
                for piece in [b"".join(answers)] if together else answers:
                    await stream.send(piece)
                    await anyio.sleep(0.01)
            finally:
                sent.set()

    sent = anyio.Event()
    async with listen(script) as server, adapter(kind) as http:
        bodies = []
        for number in range(5):
            sent = anyio.Event()
            bodies.append((await http.exchange(post(server.url, b"a=sta%d!" % number))).body)
            await sent.wait()  # what comes when the next request is out already is nobody's to notice
            await anyio.sleep(0.03)

    assert [b"a=sta%d!" % number for number in range(5)] == bodies


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_no_request_is_sent_twice(kind: str, method: str) -> None:
    """Not even where a kept connection breaks before any answer: what was carried out would be carried out again."""
    seen: list[str] = []

    async def handler(asked: Asked) -> Answer:
        seen.append(asked.method)
        if len(seen) > 1:
            raise anyio.EndOfStream
        return Answer()

    body = b"a=stats" if method == "POST" else b""
    async with serve(handler) as server, adapter(kind) as http:
        await http.exchange(post(server.url))
        await anyio.sleep(0.02)
        with pytest.raises(ConnectionFailed) as caught:
            await http.exchange(Request(method=method, url=server.url, body=body))

    assert ["POST", method] == seen
    assert caught.value.maybe_carried_out


async def test_a_connection_that_has_ended_is_not_used_again(kind: str) -> None:
    """However short a time ago that was, and although the server did not say that it would."""

    async def script(stream: anyio.abc.AnyByteStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK")

    async with listen(script) as server, adapter(kind) as http:
        for _ in range(3):
            assert b"OK" == (await http.exchange(post(server.url))).body
            await server.deserted()
            await anyio.sleep(0.02)  # until the event loop has seen it

        assert 3 == server.accepted


async def test_nobody_listens(kind: str) -> None:
    """Then the request was surely not carried out."""
    async with serve(echo) as server:
        pass
    async with adapter(kind) as http:
        with pytest.raises(ConnectionFailed, match=r"^http://127.*: cannot connect \(") as caught:
            await http.exchange(post(server.url))

    assert not caught.value.maybe_carried_out


@pytest.mark.parametrize("url", ["http://127.0.0.1:x/", "gopher://127.0.0.1/", "127.0.0.1"])
async def test_an_address_that_is_none(kind: str, url: str) -> None:
    """Neither a bad port nor another protocol gets anywhere."""
    async with adapter(kind) as http:
        with pytest.raises(ConnectionFailed) as caught:
            await http.exchange(post(url))

    assert not caught.value.maybe_carried_out


@pytest.mark.parametrize(
    "answer",
    [
        Answer(headers={"content-encoding": "gzip"}, body=b"not gzip"),
        Answer(headers={"content-encoding": "gzip"}, body=gzip.compress(b"cut" * 999)[:-20]),
        Answer(headers={"content-encoding": "gzip, gzip"}, body=gzip.compress(gzip.compress(b"twice"))),
        Answer(headers={"content-encoding": "compress"}, body=b"anything"),
        Answer(headers={"content-encoding": "deflate"}, body=b"not deflate"),
        Answer(headers={"content-encoding": "gzip"}, body=gzip.compress(b"") + b"more"),
    ],
    ids=["not gzip", "cut", "twice", "unknown", "not deflate", "more"],
)
async def test_an_answer_that_cannot_be_decoded_is_an_answer(kind: str, answer: Answer) -> None:
    """It is not of the documented shape."""

    async def handler(asked: Asked) -> Answer:
        return answer

    async with serve(handler) as server, adapter(kind) as http:
        with pytest.raises(UnexpectedAnswer, match="the body is not encoded as its headers say"):
            await http.exchange(post(server.url))


async def test_no_bytes_are_no_bad_encoding(kind: str) -> None:
    """An answer without a body may say how it would be encoded."""

    async def handler(asked: Asked) -> Answer:
        return Answer(headers={"content-encoding": "gzip"})

    async with serve(handler) as server, adapter(kind) as http:
        reply = await http.exchange(post(server.url))

    assert (200, b"") == (reply.status, reply.body)


# -- bounds -------------------------------------------------------------------------------------------


async def endless(stream: anyio.abc.AnyByteStream) -> None:
    """After a request as many bytes as the client takes, at full speed."""
    await stream.receive()
    await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
    while True:
        await stream.send(b"x" * 65536)


async def endless_chunks(stream: anyio.abc.AnyByteStream) -> None:
    await stream.receive()
    await stream.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await stream.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")


BOMB = gzip.compress(bytes(30_000_000))


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(endless, id="a gigabyte"),
        pytest.param(endless_chunks, id="chunks for ever"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s" % (len(BOMB), BOMB)),
            id="a gzip bomb",
        ),
    ],
)
async def test_an_answer_that_is_too_large_is_not_read_to_its_end(kind: str, script: Script) -> None:
    """The error says what to do, and the connection is closed at once."""
    async with listen(script) as server, adapter(kind) as http:
        with pytest.raises(UnexpectedAnswer, match=r"the answer is larger than 1,000,000 bytes; `bounds` can be"):
            await http.exchange(post(server.url))

        await server.deserted()


async def test_an_answer_may_be_as_large_as_the_bound(kind: str) -> None:
    """And not a byte larger."""

    async def handler(asked: Asked) -> Answer:
        return Answer(headers={"content-encoding": "gzip"}, body=gzip.compress(bytes(1000)))

    async with serve(handler) as server, adapter(kind) as http:
        reply = await http.exchange(post(server.url, max_reply=1000))
        with pytest.raises(UnexpectedAnswer, match="larger than 999 bytes"):
            await http.exchange(post(server.url, max_reply=999))

    assert 1000 == len(reply.body)


# -- cancellation -------------------------------------------------------------------------------------

Attempt = Callable[[], Any]


async def by_scope(attempt: Attempt, seconds: float) -> None:
    with anyio.move_on_after(seconds):
        await attempt()


async def by_wait_for(attempt: Attempt, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(attempt(), seconds)


async def by_cancel(attempt: Attempt, seconds: float) -> None:
    task = asyncio.ensure_future(attempt())
    await asyncio.sleep(seconds)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@only(OWN)
@pytest.mark.parametrize("way", [by_scope, by_wait_for, by_cancel])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_calls_cancelled_at_random_poison_nothing(
    kind: str, anyio_backend: str, way: Any, scheme: str, authority: trustme.CA
) -> None:
    """After 300 of them the next 100 are answered, no place is lost, and no connection stays open."""
    if anyio_backend == "trio" and way is not by_scope:
        pytest.skip("a way of asyncio")
    seeded = random.Random(7)
    context = server_context(authority, "127.0.0.1") if scheme == "https" else None

    async def handler(asked: Asked) -> Answer:
        await anyio.sleep(seeded.random() * 0.004)
        return await echo(asked)

    async def worker(http: Http, url: str) -> None:
        for _ in range(15):
            await way(lambda: http.exchange(post(url)), seeded.random() * 0.008)

    async with serve(handler, context=context) as server:
        async with adapter(kind, limit=10, ca=authority) as http:
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(worker, http, server.url)
            with anyio.fail_after(20):
                replies = [await http.exchange(post(server.url)) for _ in range(100)]

            assert [b"a=stats"] * 100 == [reply.body for reply in replies]
            assert 0 == getattr(http, "busy")  # noqa: B009  the protocol has no such attribute
        await server.deserted()


@pytest.mark.parametrize("when", ["before the answer", "in the body"])
async def test_a_cancelled_exchange_leaves_no_connection(kind: str, when: str) -> None:
    """The caller's cancellation stays the caller's, and the server sees the connection end."""
    arrived = anyio.Event()

    async def script(stream: anyio.abc.AnyByteStream) -> None:
        while True:
            await stream.receive()
            if when == "in the body":
                await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\nx")
            arrived.set()

    async with listen(script) as server, adapter(kind) as http:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.exchange, post(server.url))
            await arrived.wait()
            await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
        await server.deserted()

        assert tasks.cancel_scope.cancelled_caught


@only(OWN)
async def test_there_are_never_more_exchanges_than_the_limit(kind: str) -> None:
    """However many are asked for at once, and all are answered."""
    answers: list[bytes] = []
    under_way = most = 0

    async def handler(asked: Asked) -> Answer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await anyio.sleep(0.001)
        under_way -= 1
        return await echo(asked)

    async def one(http: Http, url: str, number: int) -> None:
        answers.append((await http.exchange(post(url, str(number).encode()))).body)

    async with serve(handler) as server, adapter(kind, limit=10) as http:
        async with anyio.create_task_group() as tasks:
            for number in range(300):
                tasks.start_soon(one, http, server.url, number)

        assert {str(number).encode() for number in range(300)} == set(answers)
        assert 1 < most <= 10


@only(OWN)
async def test_the_wait_for_a_place_does_not_count(kind: str) -> None:
    """Twelve exchanges, one at a time, take longer than the deadline of each, and are all answered."""
    answers: list[Reply] = []

    async def handler(asked: Asked) -> Answer:
        await anyio.sleep(0.1)
        return Answer()

    async def one(http: Http, url: str) -> None:
        answers.append(await http.exchange(post(url)))

    async with (
        serve(handler) as server,
        adapter(kind, limit=1, times=Timeouts(total=1)) as http,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(12):
            tasks.start_soon(one, http, server.url)

    assert [200] * 12 == [reply.status for reply in answers]


@only(OWN)
async def test_what_waits_for_a_place_has_not_departed(kind: str) -> None:
    """And what was asked of the server has."""
    arrived = anyio.Event()
    seen: list[Departure] = []
    left: list[bool] = []
    spare: object = None

    async def handler(asked: Asked) -> Answer:
        arrived.set()
        return await never(asked)

    async def one(http: Http, url: str) -> None:
        departure = Departure()
        departing.set(departure)
        seen.append(departure)
        await http.exchange(post(url))

    async with serve(handler) as server, adapter(kind, limit=1) as http, anyio.create_task_group() as tasks:
        tasks.start_soon(one, http, server.url)
        await arrived.wait()
        tasks.start_soon(one, http, server.url)
        await anyio.wait_all_tasks_blocked()
        left = [departure.left for departure in seen]
        spare = getattr(http, "spare")()  # noqa: B009  the protocol has no such attribute
        tasks.cancel_scope.cancel()

    assert ([True, False], False) == (left, spare)


# -- closing, and other event loops -------------------------------------------------------------------


@only(OWN)
async def test_a_closed_adapter_exchanges_nothing(kind: str) -> None:
    """And can be closed again; its repr says so."""
    async with serve(echo) as server:
        async with adapter(kind) as http:
            await http.exchange(post(server.url))
        await server.deserted()
        again: Any = http
        await again.aclose()

        assert "closed" in repr(http)
        with pytest.raises(MisusedClient, match="this HTTP adapter is closed"):
            await http.exchange(post(server.url))
        with pytest.raises(MisusedClient, match="this HTTP adapter is closed"):
            await again.__aenter__()


@only(OWN)
async def test_an_exchange_under_way_ends_well_when_the_adapter_is_closed(kind: str) -> None:
    """Who was still waiting for a place is turned away."""
    arrived, go = anyio.Event(), anyio.Event()
    outcomes: list[type] = []

    async def handler(asked: Asked) -> Answer:
        arrived.set()
        await go.wait()
        return await echo(asked)

    async def one(http: Http, url: str) -> None:
        try:
            outcomes.append(type(await http.exchange(post(url))))
        except MisusedClient as error:
            outcomes.append(type(error))

    async with serve(handler) as server, adapter(kind, limit=1) as http:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, http, server.url)
            await arrived.wait()
            tasks.start_soon(one, http, server.url)
            await anyio.wait_all_tasks_blocked()
            closing: Any = http
            await closing.aclose()
            go.set()
        await server.deserted()

    assert {Reply, MisusedClient} == set(outcomes)


@pytest.mark.parametrize("kind", [*OWN, "ready aiohttp"])
def test_another_event_loop_is_refused(kind: str) -> None:
    """Connections belong to the loop in which they were opened, and the error says what to do."""
    kept: list[Http] = []

    async def once() -> None:
        async with serve(echo) as server, adapter(kind) as http:
            await http.exchange(post(server.url))
            kept.append(http)
        if kind in OWN:
            http._home.closed = False  # type: ignore[attr-defined]  # as if nobody had closed it

    async def again() -> None:
        with pytest.raises(MisusedClient, match="was opened in another event loop"):
            await kept[0].exchange(post("http://127.0.0.1:9/"))

    anyio.run(once)
    anyio.run(again)


@pytest.mark.parametrize("setting", [("trio", "")], ids=[""])
@pytest.mark.parametrize("name", ["aiohttp", "pycurl"])
async def test_trio_is_refused_with_a_hint(name: str) -> None:
    """What rests on asyncio says so when it is opened, or first used."""
    words = f"the HTTP adapter over {name} runs on asyncio only; under trio use the default, over httpx"
    with pytest.raises(MisusedClient, match=words):
        async with chosen(name):
            pass
    with pytest.raises(MisusedClient, match=words):
        await {"aiohttp": Aiohttp, "pycurl": Pycurl}[name]().exchange(post("http://127.0.0.1:9/"))


# -- a client of the user's own -----------------------------------------------------------------------

CLOSED: dict[str, Callable[[Any], bool]] = {
    "ready httpx": lambda client: bool(client.is_closed),
    "ready httpx2": lambda client: bool(client.is_closed),
    "ready aiohttp": lambda client: bool(client.closed),
}


@only(READY)
async def test_a_ready_client_is_used_and_not_closed(kind: str) -> None:
    """By `connect(http=...)` too; closed by its owner it is a MisusedClient."""
    async with serve(echo) as server:
        async with adapter(kind) as http:
            client = http._client  # type: ignore[attr-defined]  # what the test itself has put in
            async with chosen(client) as again:
                assert type(again) is type(http)
                assert b"a=stats" == (await again.exchange(post(server.url))).body
            assert b"a=stats" == (await http.exchange(post(server.url))).body
            assert kind not in CLOSED or not CLOSED[kind](client)
        with pytest.raises(MisusedClient, match="that was given is closed"):
            await http.exchange(post(server.url))

    assert "Borrowed" in repr(http) or "a client of the user's" in repr(http)


@only(["pycurl"])
async def test_a_handle_of_the_user_s_is_a_model(kind: str) -> None:
    """Its options hold, but for those that a request needs; it is left as it was, and may be used again."""

    async def handler(asked: Asked) -> Answer:
        assert asked.headers["user-agent"] == "mine"
        return Answer(status=302, headers={"location": "/elsewhere"})

    handle = pycurl.Curl()
    handle.setopt(pycurl.USERAGENT, "mine")
    handle.setopt(pycurl.FOLLOWLOCATION, 1)
    replies = []
    async with serve(handler) as server:
        for _ in range(2):
            async with chosen(handle) as http:
                replies.append(await http.exchange(post(server.url)))
            await server.deserted()

    assert [302, 302] == [reply.status for reply in replies]
    assert not handle.closed


@only(["pycurl"])
async def test_a_system_without_a_store_of_authorities(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then curl's own is left as it is."""
    nowhere: Any = (None, None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    async with serve(echo) as server, adapter(kind) as http:
        assert 200 == (await http.exchange(post(server.url))).status


class AtOnce(Pycurl):
    """Every exchange is done as soon as it is asked for."""

    size = 0

    async def send(self, client: Any, request: Request) -> Reply:
        return Reply(status=200, body=b"x" * self.size)


async def rounds(http: AtOnce, *, cancelled: int | None = None) -> list[int]:
    """In which round of the event loop each of eight exchanges was done that were asked for in one."""
    now = 0
    seen: list[int] = []

    async def counts() -> None:
        nonlocal now
        while True:
            now += 1
            await asyncio.sleep(0)

    async def one() -> None:
        await http.exchange(post("http://127.0.0.1/api_json.html"))
        seen.append(now)

    ticking = asyncio.create_task(counts())
    tasks = [asyncio.create_task(one()) for _ in range(8)]
    if cancelled is not None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tasks[cancelled].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ticking.cancel()
    return seen


@only(["pycurl"])
async def test_of_large_answers_one_is_handed_over_in_a_round_of_the_loop(kind: str) -> None:
    """So that each can be used before the next one is read; small ones are, all at once."""
    async with AtOnce() as http:
        http.size = 100
        small = await rounds(http)
        http.size = 100_000
        large = await rounds(http)
        again = await rounds(http)

    assert 1 == len(set(small))
    assert (8, 8) == (len(set(large)), len(set(again)))


@only(["pycurl"])
async def test_who_was_cancelled_has_no_turn(kind: str) -> None:
    """And holds up nobody behind it."""
    async with AtOnce() as http:
        http.size = 100_000
        seen = await rounds(http, cancelled=3)
        again = await rounds(http)

    assert (7, 8) == (len(set(seen)), len(set(again)))


def test_a_socket_that_is_closed_has_no_port() -> None:
    """Of several attempts to connect only one is left."""
    assert -1 == _port(1_000_000)


def test_what_is_no_error_of_curl_s_is_unforeseen() -> None:
    """Its words are the border's."""
    assert ("the exchange failed in an unforeseen way", True) == Pycurl.meanings.of(RuntimeError())


# -- TLS ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, name: str, *, expired: bool = False) -> ssl.SSLContext:
    """What a server needs to show that it is this one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    now = datetime.now(UTC)
    ended = now - timedelta(days=1) if expired else now + timedelta(days=1)
    authority.issue_cert(name, not_before=now - timedelta(days=9), not_after=ended).configure_cert(context)
    return context


@pytest.mark.parametrize("fault", ["none", "wrong host name", "expired", "self-signed"])
async def test_the_server_is_verified(kind: str, fault: str, authority: trustme.CA) -> None:
    """A wrong name, an expired certificate and one that nobody vouches for are refused before the request leaves."""
    context = server_context(
        trustme.CA() if fault == "self-signed" else authority,
        "elsewhere.test" if fault == "wrong host name" else "127.0.0.1",
        expired=fault == "expired",
    )
    seen: list[Asked] = []

    async def handler(asked: Asked) -> Answer:
        seen.append(asked)
        return Answer()

    async with serve(handler, context=context) as server, adapter(kind, ca=authority) as http:
        if fault == "none":
            assert 200 == (await http.exchange(post(server.url))).status
        else:
            with pytest.raises(ConnectionFailed, match="cannot connect") as caught:
                await http.exchange(post(server.url))

            assert not caught.value.maybe_carried_out

    assert (fault == "none") == bool(seen)


@only(OWN)
async def test_by_default_only_known_authorities_are_trusted(kind: str, authority: trustme.CA) -> None:
    """Nothing has to be said for that."""
    async with (
        serve(echo, context=server_context(authority, "127.0.0.1")) as server,
        chosen({"lanes": "httpx"}.get(kind, kind)) as http,
    ):
        with pytest.raises(ConnectionFailed, match="cannot connect"):
            await http.exchange(post(server.url))


# -- secrets ------------------------------------------------------------------------------------------


async def deaf(stream: anyio.abc.AnyByteStream) -> None:
    """Reads a first piece and no more, until the client goes or the test ends."""
    await stream.receive()
    await anyio.sleep(1)


def with_the_key(url: str, pad: int) -> Request:
    return post(url, b"a=stats&tkn=" + CANARY.encode() + bytes(pad), max_reply=30_000)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(hang_up, id="closed before reading"),
        pytest.param(reset, id="reset"),
        pytest.param(silent, id="read timeout"),
        pytest.param(deaf, id="write timeout"),
        pytest.param(raw(f"tkn={CANARY}\r\n\r\n".encode()), id="garbage that echoes the key"),
        pytest.param(raw(f"HTTP/1.1 200 OK\r\n{CANARY}\r\n\r\n".encode()), id="a header that echoes the key"),
        pytest.param(raw(f"HTTP/1.1 {CANARY}\r\n\r\n".encode()), id="a status that echoes the key"),
        pytest.param(
            raw(f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{CANARY}\r\n".encode()), id="a chunk's length"
        ),
        pytest.param(
            raw(f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n{CANARY}".encode()), id="not gzip, but the key"
        ),
        pytest.param(
            raw(f"HTTP/1.1 200 OK\r\ncontent-encoding: {CANARY}\r\n\r\nx".encode()), id="the key as an encoding"
        ),
        pytest.param(raw(f"HTTP/1.1 200 OK\r\n\r\n{CANARY}".encode() * 1000), id="too large"),
        pytest.param(trickle(b"HTTP/1.1 200 OK\r\n\r\n", every=0.01), id="deadline"),
        pytest.param(None, id="nobody listens"),
    ],
)
async def test_no_error_holds_the_key(kind: str, script: Script | None) -> None:
    """Neither in its words, nor in the locals of a frame, nor in what led to it; nor does its pickle."""
    times = Timeouts(read=0.1, write=0.1, total=0.3)
    async with listen(script or silent) as server, adapter(kind, times=times) as http:
        url = server.url if script else "http://127.0.0.1:1/api_json.html"
        with pytest.raises(CloudflareError) as caught:
            await http.exchange(with_the_key(url, pad=16_000_000 if script is deaf else 0))

    assert [] == leaks(caught.value, __file__)
    assert CANARY.encode() not in pickle.dumps(caught.value)
    assert [] == [link for link in chain(caught.value) if link.__traceback__ and link is not caught.value]


async def test_a_header_that_cannot_be_sent_is_not_quoted(kind: str) -> None:
    """It may be the one that holds a key."""
    async with serve(echo) as server, adapter(kind) as http:
        with pytest.raises(ConnectionFailed, match="the request cannot be written as HTTP") as caught:
            await http.exchange(Request(method="GET", url=server.url, headers={"authorization": f"{CANARY}\n"}))

    assert not caught.value.maybe_carried_out
    assert [] == leaks(caught.value, __file__)


# -- errors -------------------------------------------------------------------------------------------


def errors_of(module: Any, roots: tuple[type[Exception], ...]) -> list[tuple[str, type[Exception]]]:
    """Every public error of a library, by its name."""
    found = {kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, roots)}
    return [(module.__name__.partition(".")[0], kind) for kind in sorted(found, key=lambda kind: kind.__name__)]


FOREIGN = [
    *errors_of(httpx, (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict)),
    *errors_of(httpx2, (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, httpx2.CookieConflict)),
    *errors_of(aiohttp, (aiohttp.ClientError, aiohttp.WSMessageTypeError)),
]
TABLES: dict[str, Meanings] = {
    "httpx": MEANINGS,
    "httpx2": MEANINGS,
    "aiohttp": Aiohttp.meanings,
}


@pytest.mark.parametrize(("library", "error"), FOREIGN, ids=lambda value: getattr(value, "__name__", value))
def test_no_error_of_a_library_is_forgotten(library: str, error: type[Exception]) -> None:
    """Each has words of its own, or of a class of the library above it that is no root."""
    made = error.__new__(error)

    words, _ = TABLES[library].of(made)

    assert "unforeseen" not in words
    assert error.__name__ in TABLES[library].table or words != "the exchange failed"


def test_the_libraries_have_the_errors_that_they_document() -> None:
    """So that the reflection above cannot pass by finding none."""
    counts = {library: sum(name == library for name, _ in FOREIGN) for library in TABLES}

    assert counts["httpx"] >= 28
    assert counts["httpx2"] >= 28
    assert counts["aiohttp"] >= 25


def test_no_table_names_an_error_that_is_none() -> None:
    """A name that no library has would be a mistake in writing."""
    known = {(library.removesuffix("2"), kind.__name__) for library, kind in FOREIGN}

    assert [] == [(lib, name) for lib in ("httpx", "aiohttp") for name in TABLES[lib].table if (lib, name) not in known]


@pytest.mark.parametrize("name", ["aiohttp", "pycurl"])
def test_a_library_that_is_missing_is_named_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent."""
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"cfclient.http.{name}")
    with pytest.raises(
        ConfigurationError, match=rf'http=\'{name}\' needs one more package: pip install "cfclient-async\[{name}\]"'
    ):
        chosen(name)
