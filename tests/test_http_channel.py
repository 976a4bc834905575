"""The channel below the default adapter on asyncio, over real sockets: what httpcore may rely on."""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import ssl
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.abc
import httpcore
import pytest

from cfclient.http import channel as module
from cfclient.http.channel import Channel, Network
from tests.loopback import Loopback, listen, raw, reset

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Transports are asyncio's; trio has httpcore's own network."""
    name: str = request.param
    return name


async def connected(server: Loopback, network: Network | None = None) -> Channel:
    return await (network or Network()).connect_tcp("127.0.0.1", port(server), timeout=5)


def port(server: Loopback) -> int:
    return int(server.url.partition("127.0.0.1:")[2].partition("/")[0])


async def deaf(stream: anyio.abc.AnyByteStream) -> None:
    """Reads a first piece and no more."""
    await stream.receive()
    await anyio.sleep(1)


async def mute(stream: anyio.abc.AnyByteStream) -> None:
    """Reads all and says nothing."""
    while True:
        await stream.receive()


async def until(true: Callable[[], Any]) -> None:
    """What only the channel's insides show has no event."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 (see above)
            await asyncio.sleep(0)


async def everything(channel: Channel) -> bytes:
    pieces = []
    while piece := await channel.read(1, timeout=5):
        pieces.append(piece)
    return b"".join(pieces)


# -- reading ------------------------------------------------------------------------------------------


async def test_what_nobody_reads_stays_with_the_server() -> None:
    """Not more than a few pieces are taken in; when they are read, the rest comes, complete and in order."""
    body = bytes(range(256)) * 40_000

    async def script(stream: anyio.abc.AnyByteStream) -> None:
        await stream.send(body)

    async with listen(script) as server:
        channel = await connected(server)
        await until(lambda: channel._resting)
        held = channel._size
        got = await everything(channel)
        await channel.aclose()

    assert module._ENOUGH < held <= module._ENOUGH + (1 << 18)
    assert body == got


async def test_the_end_is_read_as_nothing_and_a_reset_as_an_error() -> None:
    """Again at each further read."""
    async with listen(raw(b"")) as ending, listen(reset) as broken:
        ended, lost = await connected(ending), await connected(broken)
        for channel in ended, lost:
            await channel.write(b"GET / HTTP/1.1\r\nhost: service.test\r\n\r\n")
        for _ in range(2):
            assert b"" == await ended.read(1, timeout=5)
            with pytest.raises(httpcore.ReadError):
                await lost.read(1, timeout=5)
        await ended.aclose()
        await lost.aclose()


async def test_an_answer_that_does_not_come_is_late() -> None:
    """In the time that httpcore gives; what comes later is still there."""
    go = anyio.Event()

    async def script(stream: anyio.abc.AnyByteStream) -> None:
        await go.wait()
        await stream.send(b"now")
        await anyio.sleep_forever()

    async with listen(script) as server:
        channel = await connected(server)
        with pytest.raises(httpcore.ReadTimeout):
            await channel.read(1, timeout=0.01)
        go.set()
        assert b"now" == await channel.read(1, timeout=None)
        await channel.aclose()


def test_a_timer_that_rings_when_something_came_changes_nothing() -> None:
    """Both can happen in one round of the event loop."""

    async def main() -> None:
        waiter = asyncio.get_running_loop().create_future()
        waiter.set_result(None)
        module._fail(waiter, httpcore.ReadTimeout())

        assert await waiter is None

    asyncio.run(main())


async def test_whether_anything_came_that_nobody_asked_for() -> None:
    """Bytes and the end alike, whether the event loop has seen them or only the system."""
    go = anyio.Event()

    async def script(stream: anyio.abc.AnyByteStream) -> None:
        await go.wait()
        await stream.send(b"unasked")
        await anyio.sleep_forever()

    async with listen(script) as server, listen(raw(b"")) as ending:
        channel, ended = await connected(server), await connected(ending)
        quiet = channel.get_extra_info("is_readable")
        go.set()
        await ended.write(b"GET / HTTP/1.1\r\nhost: service.test\r\n\r\n")
        assert b"" == await ended.read(1, timeout=5)
        await until(lambda: channel.get_extra_info("is_readable"))
        await until(lambda: channel._pieces)

        assert (False, True) == (quiet, channel.get_extra_info("is_readable"))
        assert ended.get_extra_info("is_readable")
        assert channel.get_extra_info("ssl_object") is None
        await channel.aclose()
        await ended.aclose()


def test_the_system_is_asked_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no poll; the event loop is told of the end soon enough there."""
    here, there = socket.socketpair()
    with here, there:
        before = module._readable(here.fileno())
        there.send(b"x")
        after = module._readable(here.fileno())
        monkeypatch.delattr(select, "poll")

        assert (False, True, False) == (before, after, module._readable(here.fileno()))


# -- writing ------------------------------------------------------------------------------------------


async def test_the_beginning_waits_for_the_end() -> None:
    """Head and body of a request leave as one piece."""
    got: list[bytes] = []

    async def script(stream: anyio.abc.AnyByteStream) -> None:
        while True:
            got.append(await stream.receive())
            await stream.send(b"ok")

    async with listen(script) as server:
        network = Network()
        channel = await connected(server, network)
        for body in b"one", b"two":
            network.holding = True
            await channel.write(b"head ")
            await channel.write(body)
            await channel.read(1, timeout=5)
        await channel.write(b"alone")
        await channel.read(1, timeout=5)
        await channel.aclose()

    assert [b"head one", b"head two", b"alone"] == got


async def test_writing_waits_for_a_server_that_takes_no_more() -> None:
    """As long as it may; one that reads on gets everything."""
    body = b"x" * 8_000_000
    received = 0

    async def reading(stream: anyio.abc.AnyByteStream) -> None:
        nonlocal received
        while received < len(body):
            received += len(await stream.receive())
        await stream.send(b"all")
        await anyio.sleep_forever()

    async with listen(deaf) as stopped, listen(reading) as server:
        stuck, channel = await connected(stopped), await connected(server)
        with pytest.raises(httpcore.WriteTimeout):
            await stuck.write(body * 2, timeout=0.05)
        await channel.write(body, timeout=5)
        assert b"all" == await channel.read(1, timeout=5)
        await stuck.aclose()
        await channel.aclose()

        with pytest.raises(httpcore.WriteError):
            await channel.write(b"more")

    assert len(body) == received


async def test_a_transport_that_never_says_it_is_closed_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given a moment."""
    monkeypatch.setattr(module, "_GRACE", 0.01)
    channel = Channel(Network())
    aborted: list[bool] = []
    channel.connection_made(SimpleNamespace(abort=lambda: aborted.append(True)))  # type: ignore[arg-type]
    await channel.aclose()

    assert [True] == aborted


# -- connecting ---------------------------------------------------------------------------------------

INFO = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
V6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "")


def test_families_take_turns() -> None:
    """Beginning with the one that the system prefers."""
    found = [(*V6, "a"), (*V6, "b"), (*V6, "c"), (*INFO, "d")]

    assert ["a", "d", "b", "c"] == [info[-1] for info in module._alternating(found)]
    assert [] == module._alternating([])


class Addresses:
    """What connecting to each address does, instead of a network."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **does: Any) -> None:
        self.does = does
        self.sockets: list[socket.socket] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", self._connect)

    async def _connect(self, runner: socket.socket, address: Any) -> None:
        self.sockets.append(runner)
        await self.does[address]()

    def found(self) -> list[Any]:
        return [(*INFO, address) for address in self.does]

    def open(self) -> int:
        return sum(runner.fileno() >= 0 for runner in self.sockets)


async def at_once() -> None:
    await asyncio.sleep(0)


async def hanging() -> None:
    await asyncio.sleep(3600)


async def refused() -> None:
    raise OSError(errno.ECONNREFUSED, "refused")


async def test_an_address_that_does_not_answer_has_a_head_start_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the next one is tried too, and the loser's socket is closed."""
    monkeypatch.setattr(module, "_HEAD_START", 0.01)
    addresses = Addresses(monkeypatch, black_hole=hanging, refusing=refused, good=at_once)
    winner = await module._connected(addresses.found())

    assert (addresses.sockets[2], 1) == (winner, addresses.open())
    winner.close()


async def test_the_last_address_to_fail_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier one may still answer."""
    monkeypatch.setattr(module, "_HEAD_START", 0)
    others_failed = anyio.Event()

    async def slow() -> None:
        await others_failed.wait()
        await asyncio.sleep(0.01)

    async def failing() -> None:
        others_failed.set()
        await refused()

    addresses = Addresses(monkeypatch, slow=slow, refusing=failing)
    winner = await module._connected(addresses.found())

    assert (addresses.sockets[0], 1) == (winner, addresses.open())
    winner.close()


async def test_of_two_that_answer_at_once_one_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one counts."""
    monkeypatch.setattr(module, "_HEAD_START", 0)
    both = anyio.Event()

    async def together() -> None:
        if len(addresses.sockets) == 2:
            both.set()
        with anyio.CancelScope(shield=True):  # the answer is there already when the race is called off
            await both.wait()

    addresses = Addresses(monkeypatch, one=together, two=together)
    winner = await module._connected(addresses.found())

    assert 1 == addresses.open()
    assert winner in addresses.sockets
    winner.close()


async def test_a_race_that_is_cancelled_in_the_moment_of_its_end_leaves_no_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The race of asyncio itself loses the winner's."""
    task: asyncio.Task[Any]

    async def cancelling() -> None:
        task.cancel()

    addresses = Addresses(monkeypatch, one=cancelling)
    task = asyncio.ensure_future(module._connected(addresses.found()))
    await asyncio.wait([task])

    assert task.cancelled()
    assert (1, 0) == (len(addresses.sockets), addresses.open())


@pytest.mark.parametrize(
    ("does", "words"),
    [
        ({"one": refused}, "refused"),
        ({"one": refused, "two": refused}, "refused; .*refused"),
        ({}, "has no address"),
    ],
)
async def test_where_nobody_answers_the_error_says_so(
    does: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each address."""
    addresses = Addresses(monkeypatch, **does)
    with pytest.raises(OSError, match=words):
        await module._connected(addresses.found())

    assert 0 == addresses.open()


async def test_an_error_of_connecting_is_httpcore_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, no such name, not in time."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(httpcore.ConnectError):
            await Network().connect_tcp("127.0.0.1", unused.getsockname()[1], timeout=5)
    Addresses(monkeypatch, black_hole=hanging)

    async def found(*_: Any, **__: Any) -> list[Any]:
        return [(*INFO, "black_hole")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
    with pytest.raises(httpcore.ConnectTimeout):
        await Network().connect_tcp("service.test", 80, timeout=0.01)


# -- TLS ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "seconds", "error"),
    [(raw(b"no TLS at all"), 5, httpcore.ConnectError), (mute, 0.05, httpcore.ConnectTimeout)],
)
async def test_a_handshake_that_fails_closes_the_connection(answer: Any, seconds: float, error: type) -> None:
    """And is httpcore's own error."""
    async with listen(answer) as server:
        channel = await connected(server)
        with pytest.raises(error):
            await channel.start_tls(ssl.create_default_context(), "service.test", timeout=seconds)
        await server.deserted()
