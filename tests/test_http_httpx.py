"""The default adapter, over real sockets: lanes, their deadline, their ends, and what an error may hold."""

from __future__ import annotations

import asyncio
import gzip
import math
import pickle
import random
import shutil
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.abc
import h11
import httpx
import pytest

from cfclient.backend import Departure, departing
from cfclient.errors import CloudflareError, ConfigurationError, ConnectionFailed, MisusedClient, UnexpectedAnswer
from cfclient.http import Http, Reply, Request
from cfclient.http import httpx as adapter
from cfclient.http.httpx import Borrowed, Lanes, Timeouts
from tests.canary import CANARY, chain, leaks
from tests.counting import needs_proc, sockets
from tests.loopback import Answer, Asked, Script, _read, echo, listen, raw, reset, serve, silent, trickle

pytestmark = pytest.mark.anyio

SHORT = Timeouts(connect=5, read=0.05, write=0.05, total=5)


def post(url: str, body: bytes = b"a=stats") -> Request:
    return Request(method="POST", url=url, headers={"content-type": "application/x-www-form-urlencoded"}, body=body)


async def deaf(stream: anyio.abc.AnyByteStream) -> None:
    """Reads a first piece and no more, until the client goes or the test ends."""
    await stream.receive()
    await anyio.sleep(1)


async def hang_up(stream: anyio.abc.AnyByteStream) -> None:
    """Closes the connection before it reads anything."""


async def never(asked: Asked) -> Answer:
    await anyio.sleep(3600)
    return Answer()


# -- exchanges ----------------------------------------------------------------------------------------


async def test_an_exchange() -> None:
    """The request goes out as it is, and the answer comes back with its header names in lower case."""
    seen: list[Asked] = []

    async def handler(asked: Asked) -> Answer:
        seen.append(asked)
        return Answer(status=418, headers={"X-Thing": "a", "Retry-After": "7"}, body=b"teapot")

    async with serve(handler) as server, Lanes() as lanes:
        http: Http = lanes
        reply = await http.exchange(post(server.url))

    assert Reply(status=418, body=b"teapot") == attrs_without_headers(reply)
    assert {"x-thing": "a", "retry-after": "7", "content-length": "6"} == reply.headers
    assert ("POST", "/api_json.html", b"a=stats") == (seen[0].method, seen[0].target, seen[0].body)
    assert {
        "host": server.url.split("/")[2],
        "accept-encoding": "gzip, deflate",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": "7",
    } == seen[0].headers


def attrs_without_headers(reply: Reply) -> Reply:
    return Reply(status=reply.status, body=reply.body)


async def test_a_compressed_answer_is_decoded() -> None:
    """The body of the reply is what was meant."""

    async def handler(asked: Asked) -> Answer:
        return Answer(headers={"content-encoding": "gzip"}, body=gzip.compress(b"plain"))

    async with serve(handler) as server, Lanes() as lanes:
        reply = await lanes.exchange(post(server.url))

    assert b"plain" == reply.body


async def test_a_redirect_is_an_answer() -> None:
    """It is not followed, with the key in the body."""

    async def handler(asked: Asked) -> Answer:
        assert asked.target == "/api_json.html"
        return Answer(status=307, headers={"location": "/elsewhere"})

    async with serve(handler) as server, Lanes() as lanes:
        reply = await lanes.exchange(post(server.url))

    assert (307, "/elsewhere") == (reply.status, reply.headers["location"])


async def test_nothing_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy gets to see the key because a variable happens to be set."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async with serve(echo) as server, Lanes() as lanes:
        reply = await lanes.exchange(post(server.url))

    assert b"a=stats" == reply.body


# -- lanes --------------------------------------------------------------------------------------------


async def test_one_connection_serves_one_exchange_after_the_other() -> None:
    """A lane that ended well is used again."""
    async with serve(echo) as server, Lanes() as lanes:
        for _ in range(20):
            await lanes.exchange(post(server.url))

        assert (1, 1, 0, 0) == (server.accepted, lanes.idle, lanes.busy, lanes.retired)


async def test_the_lane_used_last_is_used_next() -> None:
    """So that after a burst the others can rest, and be closed."""
    clients: list[int] = []

    async def script(stream: anyio.abc.AnyByteStream) -> None:
        me = len(clients)
        while True:
            await stream.receive()
            clients.append(me)
            await anyio.sleep(0.01 * (me + 1))
            await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with listen(script) as server, Lanes() as lanes:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(lanes.exchange, post(server.url))
        last = lanes._idle[-1]
        for _ in range(5):
            await lanes.exchange(post(server.url))

        assert (3, 3, True) == (server.accepted, lanes.idle, lanes._idle[-1] is last)


async def test_there_are_never_more_connections_than_the_limit() -> None:
    """However many exchanges are asked for at once, and all are answered."""
    answers: list[bytes] = []

    async def one(lanes: Lanes, url: str, number: int) -> None:
        answers.append((await lanes.exchange(post(url, str(number).encode()))).body)

    async def handler(asked: Asked) -> Answer:
        await anyio.sleep(0.001)
        return await echo(asked)

    async with serve(handler) as server, Lanes(10) as lanes:
        async with anyio.create_task_group() as tasks:
            for number in range(300):
                tasks.start_soon(one, lanes, server.url, number)

        assert {str(number).encode() for number in range(300)} == set(answers)
        assert (10, 10, 10, 0, 0) == (server.accepted, server.most_open, lanes.idle, lanes.busy, lanes.retired)


async def test_a_connection_that_the_server_closes_is_opened_again() -> None:
    """Between two exchanges that is no failure, and no reason to retire a lane."""

    async def handler(asked: Asked) -> Answer:
        return Answer(headers={"connection": "close"}, body=b"bye")

    async with serve(handler) as server, Lanes() as lanes:
        replies = [await lanes.exchange(post(server.url)) for _ in range(3)]

        assert [b"bye"] * 3 == [reply.body for reply in replies]
        assert (3, 1, 0) == (server.accepted, lanes.idle, lanes.retired)


async def test_an_answer_that_comes_twice_is_not_the_next_one_s() -> None:
    """A second answer in the wake of the first would be taken for that of the next request, maybe another account's."""

    async def twice(stream: anyio.abc.AnyByteStream) -> None:
        while True:
            http = h11.Connection(h11.SERVER)
            body = (await _read(http, stream)).body
            await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body) * 2)

    async with listen(twice) as server, Lanes(1) as lanes:
        got = [(await lanes.exchange(post(server.url, b"a=%d" % number))).body for number in range(3)]

    assert [b"a=0", b"a=1", b"a=2"] == got
    assert 3 == server.accepted


async def test_without_httpcore_s_insides_a_lane_passes_for_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another release may call them otherwise; a lane is kept then."""
    for kind in adapter._Lane, adapter._Direct:
        monkeypatch.setattr(kind, "_inner", lambda _: object())
    async with serve(echo) as server, Lanes(1) as lanes:
        for _ in range(2):
            await lanes.exchange(post(server.url))

    assert 1 == server.accepted


@needs_proc
async def test_an_exchange_that_has_failed_has_ended_its_connection() -> None:
    """Before the error is raised: who looks for what became of it looks after the end."""
    async with listen(silent) as server, Lanes(1, timeouts=Timeouts(read=0.1)) as lanes:
        before = sockets()
        with pytest.raises(ConnectionFailed):
            await lanes.exchange(post(server.url))
        # The server's end of it may be there for a moment yet, and closes when it sees the client's.
        assert sockets() - before <= server.open


@pytest.mark.parametrize(("body", "left"), [(b"a=rec_new", False), (b"", True)])
async def test_a_request_whose_connection_is_never_made_has_not_left(
    body: bytes, left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the deadline: a request with a body leaves with its body; one without, nobody can say."""

    async def stuck(*args: Any, **kwargs: Any) -> None:
        await anyio.sleep_forever()

    monkeypatch.setattr("httpcore.AsyncHTTPConnection.handle_async_request", stuck)
    departing.set(departure := Departure())
    async with Lanes(1, timeouts=Timeouts(total=0.05)) as lanes:
        with pytest.raises(ConnectionFailed) as caught:
            await lanes.exchange(post("http://127.0.0.1:9/", body))

    assert (left, left) == (caught.value.maybe_carried_out, departure.left)


async def test_lanes_that_rest_for_long_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with each exchange, the longest at rest first, so that no burst leaves its sockets behind."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(adapter, "time", SimpleNamespace(monotonic=lambda: clock.now))
    async with serve(echo) as server, Lanes(keepalive=4) as lanes:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(lanes.exchange, post(server.url))
        idle = [lanes.idle]
        for moment in 104.0, 104.1, 104.2, 104.3:
            clock.now = moment
            await lanes.exchange(post(server.url))
            idle.append(lanes.idle)

        assert [5, 5, 4, 3, 2] == idle
        assert 0 == lanes.retired


async def test_the_lanes_say_how_they_are() -> None:
    """In their repr, and in attributes."""
    lanes = Lanes(5)
    said = [repr(lanes)]
    async with serve(never) as server, lanes, anyio.create_task_group() as tasks:
        tasks.start_soon(lanes.exchange, post(server.url))
        await anyio.wait_all_tasks_blocked()
        said.append(repr(lanes))
        tasks.cancel_scope.cancel()
    said.append(repr(lanes))

    assert [
        "<Lanes 0 busy, 0 idle of 5; 0 retired>",
        "<Lanes 1 busy, 0 idle of 5; 0 retired>",
        "<Lanes 0 busy, 0 idle of 5; 1 retired, closed>",
    ] == said


def test_settings_that_cannot_work_are_refused() -> None:
    """When they are given, by name."""
    assert Timeouts(read=math.inf).read == math.inf
    with pytest.raises(ConfigurationError, match=r"limit=0: expected at least 1 connection"):
        Lanes(0)
    with pytest.raises(ConfigurationError, match=r"total=0: expected seconds, more than 0"):
        Timeouts(total=0)
    with pytest.raises(ConfigurationError, match=r"read=nan: expected seconds, more than 0"):
        Timeouts(read=math.nan)
    with pytest.raises(ConfigurationError, match=r"total=-1: expected seconds, more than 0"):
        Borrowed(httpx.AsyncClient(), total=-1)


# -- failures -----------------------------------------------------------------------------------------

FAILURES: list[Any] = [
    pytest.param(hang_up, "RemoteProtocolError|ReadError", id="closed before reading"),
    pytest.param(reset, "the connection broke before the answer was complete", id="reset"),
    pytest.param(silent, "no answer in time", id="silent"),
    pytest.param(raw(b""), "Server disconnected without sending a response", id="no answer"),
    pytest.param(raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "the answer is not HTTP", id="not HTTP"),
    pytest.param(raw(b"HTTP/1.1 200 OK\r\ncontent-le"), "the answer is not HTTP, or not complete", id="half headers"),
    pytest.param(
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nten bytes."),
        r"received 10 bytes, expected 20",
        id="truncated",
    ),
]


@pytest.mark.parametrize(("script", "words"), FAILURES)
async def test_a_failure_after_the_request_left(script: Script, words: str) -> None:
    """It may have been carried out; the lane is retired, and its connection closed."""
    async with listen(script) as server, Lanes(timeouts=SHORT if script is silent else Timeouts()) as lanes:
        with pytest.raises(ConnectionFailed, match=words) as caught:
            await lanes.exchange(post(server.url))

        await server.deserted()
        assert caught.value.maybe_carried_out
        assert type(caught.value.__cause__).__module__.partition(".")[0] in {"httpx", "httpcore"}
        assert (0, 0, 1) == (lanes.idle, lanes.busy, lanes.retired)


@pytest.mark.parametrize("url", ["ftp://service.test/", "service.test"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Nothing has left."""
    async with Lanes() as lanes:
        with pytest.raises(ConnectionFailed, match="cannot connect to such an address") as caught:
            await lanes.exchange(post(url))

    assert not caught.value.maybe_carried_out


async def test_nobody_takes_the_request() -> None:
    """A server that stops reading runs into the write timeout; it may have read enough."""
    async with listen(deaf) as server, Lanes(timeouts=SHORT) as lanes:
        with pytest.raises(ConnectionFailed, match="the request was not taken in time") as caught:
            await lanes.exchange(post(server.url, bytes(16_000_000)))

    assert caught.value.maybe_carried_out


async def test_nobody_listens() -> None:
    """Then the request was surely not carried out."""
    async with serve(echo) as server:
        pass
    async with Lanes() as lanes:
        with pytest.raises(ConnectionFailed, match=r"^http://127.*: cannot connect \(ConnectError: ") as caught:
            await lanes.exchange(post(server.url))

    assert not caught.value.maybe_carried_out
    assert 1 == lanes.retired


@pytest.mark.parametrize("url", ["http://127.0.0.1:x/", "gopher://127.0.0.1/", "127.0.0.1"])
async def test_an_address_that_is_none(url: str) -> None:
    """Neither a bad port nor another protocol gets anywhere."""
    async with Lanes() as lanes:
        with pytest.raises(ConnectionFailed, match="address") as caught:
            await lanes.exchange(post(url))

    assert not caught.value.maybe_carried_out


# httpx decodes outside of the async generators that read, and leaves them to the garbage collector.
@pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")
async def test_an_answer_that_cannot_be_decoded_is_an_answer() -> None:
    """It is not of the documented shape, and its lane is retired."""

    async def handler(asked: Asked) -> Answer:
        return Answer(headers={"content-encoding": "gzip"}, body=b"not gzip")

    async with serve(handler) as server, Lanes() as lanes:
        with pytest.raises(UnexpectedAnswer, match="the body is not encoded as its headers say"):
            await lanes.exchange(post(server.url))

        assert (0, 1) == (lanes.idle, lanes.retired)


async def test_an_answer_that_trickles_meets_the_deadline() -> None:
    """The read timeout starts again with every byte; the deadline does not."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
    times = Timeouts(read=10, total=0.3)
    async with listen(trickle(head, every=0.01)) as server, Lanes(timeouts=times) as lanes:
        with pytest.raises(ConnectionFailed) as caught:
            await lanes.exchange(post(server.url))

        await server.deserted()
        assert f"{server.url}: no complete answer within 0.3 s (the request may have been carried out)" == str(
            caught.value
        )
        assert caught.value.maybe_carried_out
        assert (0, 0, 1) == (lanes.idle, lanes.busy, lanes.retired)


async def test_the_wait_for_a_lane_does_not_count() -> None:
    """Twelve exchanges over one lane take longer than the deadline of each, and are all answered."""
    answers: list[Reply] = []

    async def handler(asked: Asked) -> Answer:
        await anyio.sleep(0.1)
        return Answer()

    async def one(lanes: Lanes, url: str) -> None:
        answers.append(await lanes.exchange(post(url)))

    lanes = Lanes(1, timeouts=Timeouts(total=1))
    async with serve(handler) as server, lanes, anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(one, lanes, server.url)

    assert [200] * 12 == [reply.status for reply in answers]


# -- cancellation -------------------------------------------------------------------------------------


async def test_a_cancelled_exchange_gives_its_place_back() -> None:
    """The caller's cancellation stays the caller's, the lane is retired, and the next one is served."""
    answering = False

    async def handler(asked: Asked) -> Answer:
        return await (echo(asked) if answering else never(asked))

    async with serve(handler) as server, Lanes(1) as lanes:
        with anyio.move_on_after(0.05) as scope:
            await lanes.exchange(post(server.url))
        after = (lanes.idle, lanes.busy, lanes.retired)
        answering = True
        with anyio.fail_after(5):
            reply = await lanes.exchange(post(server.url))

        assert scope.cancelled_caught
        assert (0, 0, 1) == after
        assert b"a=stats" == reply.body


async def test_a_cancelled_wait_takes_nothing() -> None:
    """Who gives up waiting for a lane costs nobody theirs."""
    async with serve(never) as server, Lanes(1) as lanes, anyio.create_task_group() as tasks:
        tasks.start_soon(lanes.exchange, post(server.url))
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0.01) as scope:
            await lanes.exchange(post(server.url))

        assert scope.cancelled_caught
        assert (1, 0) == (lanes.busy, lanes.retired)
        tasks.cancel_scope.cancel()


Attempt = Callable[[], Awaitable[object]]


async def by_scope(attempt: Attempt, seconds: float) -> None:
    with anyio.move_on_after(seconds):
        await attempt()


async def by_timeout(attempt: Attempt, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
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


@pytest.mark.parametrize(
    ("anyio_backend", "way"),
    [
        pytest.param("trio", by_scope, id="trio, scope"),
        pytest.param("asyncio", by_scope, id="asyncio, scope"),
        pytest.param("asyncio", by_timeout, id="asyncio, timeout"),
        pytest.param("asyncio", by_wait_for, id="asyncio, wait_for"),
        pytest.param("asyncio", by_cancel, id="asyncio, cancel"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_calls_cancelled_at_random_poison_nothing(
    way: Callable[[Attempt, float], Awaitable[None]], scheme: str, tls: Certificate | None
) -> None:
    """After 500 of them the next 100 are answered, no place is lost, and no connection stays open."""
    seeded = random.Random(7)
    if scheme == "https" and tls is None:
        pytest.skip("there is no openssl to make a certificate with")
    server_side, client_side = (tls.server, tls.client) if tls and scheme == "https" else (None, None)

    async def handler(asked: Asked) -> Answer:
        await anyio.sleep(seeded.random() * 0.004)
        return await echo(asked)

    async def worker(lanes: Lanes, url: str) -> None:
        for _ in range(25):
            await way(lambda: lanes.exchange(post(url)), seeded.random() * 0.008)

    async with serve(handler, context=server_side) as server:
        async with Lanes(10, verify=client_side) as lanes:
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(worker, lanes, server.url)
            cancelled = lanes.retired
            with anyio.fail_after(10):
                replies = [await lanes.exchange(post(server.url)) for _ in range(100)]

            assert [b"a=stats"] * 100 == [reply.body for reply in replies]
            assert cancelled > 50
            assert (cancelled, 0) == (lanes.retired, lanes.busy)
            assert server.most_open <= 10 + cancelled
        await server.deserted()
        assert 0 == lanes.idle


# -- closing, and other event loops -------------------------------------------------------------------


async def test_closed_lanes_exchange_nothing() -> None:
    """And can be closed again."""
    async with serve(echo) as server:
        async with Lanes() as lanes:
            await lanes.exchange(post(server.url))
        await lanes.aclose()
        await server.deserted()

        assert 0 == lanes.idle
        with pytest.raises(MisusedClient, match="this HTTP adapter is closed"):
            await lanes.exchange(post(server.url))
        with pytest.raises(MisusedClient, match="this HTTP adapter is closed"):
            await lanes.__aenter__()


async def test_an_exchange_under_way_ends_well_when_the_lanes_are_closed() -> None:
    """Its lane is closed when it comes back; who was still waiting for a lane is turned away."""
    arrived, go = anyio.Event(), anyio.Event()
    outcomes: list[Reply | Exception] = []

    async def handler(asked: Asked) -> Answer:
        arrived.set()
        await go.wait()
        return await echo(asked)

    async def one(lanes: Lanes, url: str) -> None:
        try:
            outcomes.append(await lanes.exchange(post(url)))
        except MisusedClient as error:
            outcomes.append(error)

    async with serve(handler) as server:
        lanes = Lanes(1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, lanes, server.url)
            await arrived.wait()
            tasks.start_soon(one, lanes, server.url)
            await anyio.wait_all_tasks_blocked()
            await lanes.aclose()
            go.set()
        await server.deserted()

        assert [Reply, MisusedClient] == [type(outcome) for outcome in outcomes]
        assert (0, 0, 0) == (lanes.idle, lanes.busy, lanes.retired)


async def test_lanes_are_closed_though_the_block_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing is shielded, so that leaving in a hurry leaves no connection behind."""
    for kind in adapter._Lane, adapter._Direct:

        async def slowly(self: Any, close: Any = kind._close) -> None:
            await anyio.sleep(0.01)
            await close(self)

        monkeypatch.setattr(kind, "_close", slowly)
    lanes = Lanes()
    async with serve(echo) as server:
        with anyio.CancelScope() as scope:
            async with lanes:
                await lanes.exchange(post(server.url))
                scope.cancel()
                await anyio.lowlevel.checkpoint()
        await server.deserted()

        assert 0 == lanes.idle


async def test_a_connection_that_does_not_close_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given a moment, and an error in closing is nobody's either."""
    monkeypatch.setattr(adapter, "_GRACE", 0.01)
    kinds = {kind: kind._close for kind in (adapter._Lane, adapter._Direct)}

    async def hanging(self: Any) -> None:
        await kinds[type(self)](self)
        await anyio.sleep(3600)

    async def failing(self: Any) -> None:
        await kinds[type(self)](self)
        raise OSError("no")

    async with serve(echo) as server:
        for broken in hanging, failing:
            for kind in kinds:
                monkeypatch.setattr(kind, "_close", broken)
            with anyio.fail_after(5):
                async with Lanes() as lanes:
                    await lanes.exchange(post(server.url))

            assert 0 == lanes.idle


def test_another_event_loop_is_refused(anyio_backend: str) -> None:
    """Connections belong to the loop in which they were opened, and the error says what to do."""
    lanes = Lanes()

    async def once() -> None:
        async with serve(echo) as server:
            await lanes.exchange(post(server.url))
            await lanes._idle.pop().aclose()

    async def again() -> None:
        with pytest.raises(MisusedClient, match="was opened in another event loop"):
            await lanes.exchange(post("http://127.0.0.1:9/"))
        with pytest.raises(MisusedClient, match="was opened in another event loop"):
            await lanes.aclose()

    anyio.run(once, backend=anyio_backend)
    anyio.run(again, backend=anyio_backend)


# -- TLS ----------------------------------------------------------------------------------------------


class Certificate:
    """A self-signed certificate for 127.0.0.1, as contexts for both ends."""

    def __init__(self, folder: Path, openssl: str) -> None:
        key, cert = folder / "key.pem", folder / "cert.pem"
        curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        name = "-days 2 -subj /CN=loopback -addext subjectAltName=IP:127.0.0.1"
        command = [openssl, "req", "-x509", *curve.split(), *name.split(), "-keyout", str(key), "-out", str(cert)]
        subprocess.run(command, check=True, capture_output=True)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(cert, key)
        self.client = ssl.create_default_context(cafile=str(cert))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificate | None:
    openssl = shutil.which("openssl")
    return None if openssl is None else Certificate(tmp_path_factory.mktemp("tls"), openssl)


@pytest.fixture
def certificate(tls: Certificate | None) -> Certificate:
    if tls is None:
        pytest.skip("there is no openssl to make a certificate with")
    return tls


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Certificate) -> None:
    """By default, and before the request leaves."""
    async with serve(echo, context=certificate.server) as server, Lanes() as lanes:
        with pytest.raises(ConnectionFailed, match="cannot connect") as caught:
            await lanes.exchange(post(server.url))

        assert not caught.value.maybe_carried_out


async def test_all_lanes_share_one_context(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made once, at the first https request; an earlier lane without one is not used for https."""
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(certificate.client)
        return certificate.client

    async def handler(asked: Asked) -> Answer:
        await anyio.sleep(0.02)
        return await echo(asked)

    monkeypatch.setattr(httpx, "create_ssl_context", make)
    async with serve(handler, context=certificate.server) as server, serve(handler) as plain, Lanes() as lanes:
        await lanes.exchange(post(plain.url))
        before = len(made)
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(lanes.exchange, post(server.url))
        await lanes.exchange(post(plain.url))

        assert (0, 1) == (before, len(made))
        assert (5, 5, 0) == (server.accepted, lanes.idle, lanes.retired)


async def test_a_cancelled_handshake_leaves_no_connection(certificate: Certificate) -> None:
    """Though httpcore forgets the socket below it."""
    arrived = anyio.Event()

    async def mute(stream: anyio.abc.AnyByteStream) -> None:
        while True:
            await stream.receive()
            arrived.set()

    async with listen(mute) as server, Lanes(verify=certificate.client) as lanes:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lanes.exchange, post(server.url.replace("http:", "https:")))
            await arrived.wait()
            tasks.cancel_scope.cancel()
        await server.deserted()

        assert (1, 1) == (server.accepted, lanes.retired)


# -- a client of the user's own -----------------------------------------------------------------------


async def test_a_borrowed_client_is_used_and_not_closed() -> None:
    """Its headers and hooks hold, and a redirect is not followed whatever it is set to."""
    hooked: list[str] = []

    async def hook(request: httpx.Request) -> None:
        hooked.append(request.headers["x-mine"])

    async def handler(asked: Asked) -> Answer:
        return Answer(status=307, headers={"location": "/elsewhere", "X-Seen": asked.headers["x-mine"]}, body=b"moved")

    async with serve(handler) as server:
        async with httpx.AsyncClient(
            follow_redirects=True, headers={"x-mine": "yes"}, event_hooks={"request": [hook]}, trust_env=False
        ) as client:
            http: Http = Borrowed(client)
            reply = await http.exchange(post(server.url))

            assert not client.is_closed
            assert repr(http).startswith("<Borrowed <httpx.AsyncClient object")
        with pytest.raises(MisusedClient, match="the httpx client that was given is closed"):
            await http.exchange(post(server.url))

    assert Reply(status=307, body=b"moved") == attrs_without_headers(reply)
    assert ("yes", ["yes"]) == (reply.headers["x-seen"], hooked)


async def test_a_body_that_a_hook_has_read_is_taken_from_there() -> None:
    """Decoded already, and bounded all the same."""

    async def handler(asked: Asked) -> Answer:
        return Answer(headers={"content-encoding": "gzip"}, body=gzip.compress(b"a" * 1000))

    async def reads(response: httpx.Response) -> None:
        await response.aread()

    async with (
        serve(handler) as server,
        httpx.AsyncClient(event_hooks={"response": [reads]}, trust_env=False) as client,
    ):
        reply = await Borrowed(client).exchange(post(server.url))
        with pytest.raises(UnexpectedAnswer, match="999"):
            await Borrowed(client).exchange(Request(method="POST", url=server.url, max_reply=999))

    assert b"a" * 1000 == reply.body


async def test_a_borrowed_client_has_our_deadline_and_its_own_timeouts() -> None:
    """What is slow for it is slow for us, and nothing takes longer than the deadline."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
    async with listen(trickle(head, every=0.01)) as server, httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(ConnectionFailed, match=r"no complete answer within 0.1 s") as caught:
            await Borrowed(client, total=0.1).exchange(post(server.url))

        assert caught.value.maybe_carried_out
    async with (
        listen(silent) as server,
        httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(5, read=0.05)) as client,
    ):
        with pytest.raises(ConnectionFailed, match=r"no answer in time \(ReadTimeout\)") as caught:
            await Borrowed(client).exchange(post(server.url))

        assert caught.value.maybe_carried_out


# -- errors -------------------------------------------------------------------------------------------

FOREIGN = sorted(
    {
        thing
        for thing in vars(httpx).values()
        if isinstance(thing, type)
        and issubclass(thing, httpx.HTTPError | httpx.StreamError | httpx.InvalidURL | httpx.CookieConflict)
    },
    key=lambda kind: kind.__name__,
)
NEVER_LEFT = {
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError),
    *(httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError),
}
AN_ANSWER_CAME = {httpx.DecodingError, httpx.TooManyRedirects, httpx.HTTPStatusError}


def instance(kind: type[Exception]) -> Exception:
    """One of each, though their constructors differ."""
    error = kind.__new__(kind, "boom")
    error.args = ("boom",)
    return error


async def border(error: Exception) -> CloudflareError:
    """What the error becomes when it comes out of a user's client."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    async with httpx.AsyncClient(transport=httpx.MockTransport(fail)) as client:
        with pytest.raises(CloudflareError) as caught:
            await Borrowed(client).exchange(post("http://example.com/"))
    return caught.value


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
async def test_no_error_of_httpx_is_forgotten(kind: type[Exception]) -> None:
    """Each has its own words, says whether the request may have been carried out, and stays the cause."""
    original = instance(kind)

    error = await border(original)

    assert original is error.__cause__
    assert f"{kind.__name__}: boom" in str(error)
    assert "unforeseen" not in str(error)
    if kind in AN_ANSWER_CAME:
        assert isinstance(error, UnexpectedAnswer)
    else:
        assert isinstance(error, ConnectionFailed)
        assert (kind not in NEVER_LEFT) == error.maybe_carried_out


def test_httpx_has_the_errors_that_it_documents() -> None:
    """So that the reflection above cannot pass by finding none."""
    assert len(FOREIGN) >= 28
    assert NEVER_LEFT | AN_ANSWER_CAME <= set(FOREIGN)


@pytest.mark.parametrize(
    "original",
    [
        OSError(5, "Input/output error"),
        ssl.SSLError("record layer failure"),
        anyio.BrokenResourceError(),
        RuntimeError("Event loop is closed"),
        ExceptionGroup("several", [OSError("one"), ValueError("two")]),
    ],
    ids=repr,
)
async def test_whatever_else_comes_out_of_httpx_is_ours_too(original: Exception) -> None:
    """With its name, and as something that may have been carried out."""
    error = await border(original)

    assert isinstance(error, ConnectionFailed)
    assert error.maybe_carried_out
    assert f"the exchange failed in an unforeseen way ({type(original).__name__}" in str(error)
    assert original is error.__cause__


# -- secrets ------------------------------------------------------------------------------------------


def with_the_key(url: str, pad: int = 0) -> Request:
    return post(url, b"a=stats&tkn=" + CANARY.encode() + b"&pad=" + bytes(pad))


# As above; and the body of a client of one's own is an async generator, too.
@pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")
@pytest.mark.parametrize("borrowed", [False, True], ids=["lanes", "borrowed"])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(hang_up, id="closed before reading"),
        pytest.param(reset, id="reset"),
        pytest.param(silent, id="read timeout"),
        pytest.param(deaf, id="write timeout"),
        pytest.param(raw(f"tkn={CANARY}\r\n\r\n".encode()), id="garbage that echoes the key"),
        pytest.param(raw(f"HTTP/1.1 200 OK\r\n{CANARY}\r\n\r\n".encode()), id="a header that echoes the key"),
        pytest.param(
            raw(f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n{CANARY}".encode()), id="not gzip, but the key"
        ),
        pytest.param(trickle(b"HTTP/1.1 200 OK\r\n\r\n", every=0.01), id="deadline"),
        pytest.param(None, id="nobody listens"),
    ],
)
async def test_no_error_holds_the_key(script: Script | None, borrowed: bool) -> None:
    """Neither in its words, nor in the locals of a frame, nor in what led to it; nor does its pickle."""
    times = Timeouts(read=0.05, write=0.05, total=0.3)
    async with listen(script or silent) as server:
        url = server.url if script else "http://127.0.0.1:1/api_json.html"
        async with (
            Lanes(timeouts=times) as lanes,
            httpx.AsyncClient(trust_env=False, timeout=0.05) as client,
        ):
            http: Http = Borrowed(client, total=0.3) if borrowed else lanes
            with pytest.raises(CloudflareError) as caught:
                await http.exchange(with_the_key(url, pad=16_000_000 if script is deaf else 0))

    assert [] == leaks(caught.value, __file__)
    assert CANARY.encode() not in pickle.dumps(caught.value)
    assert [] == [link for link in chain(caught.value) if link.__traceback__ and link is not caught.value]


async def test_a_header_that_cannot_be_sent_is_not_quoted() -> None:
    """It may be the one that holds a key."""
    async with serve(echo) as server, Lanes() as lanes:
        with pytest.raises(ConnectionFailed, match="the request cannot be written as HTTP") as caught:
            await lanes.exchange(Request(method="GET", url=server.url, headers={"authorization": f"{CANARY}\n"}))

    assert not caught.value.maybe_carried_out
    assert [] == leaks(caught.value, __file__)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_timeout_of_asyncio_does_not_hold_the_key() -> None:
    """It keeps the cancellation as its cause, and that one's traceback leads through httpcore."""
    async with listen(deaf) as server, Lanes() as lanes:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await lanes.exchange(with_the_key(server.url, pad=16_000_000))

    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert [] == leaks(caught.value, __file__)


async def test_what_the_caller_handles_keeps_its_traceback() -> None:
    """A failing exchange within an except clause takes nothing from the error that is handled there."""
    handled = ValueError("of the caller")
    async with Lanes() as lanes:
        with pytest.raises(ConnectionFailed) as caught:
            try:
                raise handled
            except ValueError:
                await lanes.exchange(post("http://127.0.0.1:1/"))

    assert handled in chain(caught.value)
    assert handled.__traceback__ is not None
    assert sys.exception() is None


async def test_lanes_say_whether_one_is_to_spare() -> None:
    """Guesses are made only then: they would take a lane from somebody."""
    entered, leave = anyio.Event(), anyio.Event()
    before = meanwhile = None

    async def handler(asked: Asked) -> Answer:
        entered.set()
        await leave.wait()
        return Answer()

    async with serve(handler) as server, Lanes(1) as lanes, anyio.create_task_group() as tasks:
        before = lanes.spare()
        tasks.start_soon(lanes.exchange, post(server.url))
        await entered.wait()
        meanwhile = lanes.spare()
        leave.set()

    assert (before, meanwhile) == (True, False)
