"""A TCP proxy on loopback that spoils exchanges by a seeded schedule, and the service behind it, in another process.

    client --TCP--> Proxy --TCP--> uvicorn -> gateway, or version 4's face -> emulator

The proxy reads whole requests and answers, so that it knows which byte of which it spoils, and whether the
request was carried out. What it corrupts can be noticed by construction: a byte becomes 0x00 or 0xFF, which are
in no JSON text and in no header that matters. A digit that becomes another digit is noticed by nobody above
plain TCP; against that there is TLS.

    python -m tests.faults --zones 2000       prints its address; commands come as lines of JSON, until the end of them
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

import attrs
import uvicorn

import cfclient
from cfclient.backends.emulator import Emulator
from tests import judged

__all__ = ["AFTER", "BEFORE", "Proxy", "Service", "service"]

#: what goes wrong before the request is carried out
BEFORE: Final = ("hangs up", "reset before", "reset in the request", "stalled before", "page before")
#: what goes wrong after it, or on its way
AFTER: Final = (
    "reset after",
    "reset in the answer",
    "truncated",
    "half-closed",
    "corrupt",
    "trickling",
    "trickling on",
    "stalled after",
    "doubled",
    "page after",
    "late",
)

_PAGE: Final = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_BAD_GATEWAY: Final = b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n%s" % (
    len(_PAGE),
    _PAGE,
)


@attrs.define(eq=False)
class Proxy:
    """Between clients and the server at `port`: `rate` of all exchanges meet a fault, `after` of those an `AFTER`."""

    port: int
    draw: random.Random = attrs.field(factory=lambda: random.Random(1))
    rate: float = 0.0
    after: float = 0.5
    #: this fault and no other
    only: str | None = None
    met: Counter[str] = attrs.field(factory=Counter)
    alive: set[asyncio.Task[None]] = attrs.field(factory=set)

    def fate(self) -> str:
        if self.draw.random() >= self.rate:
            return "none"
        if self.only is not None:
            return self.only
        return self.draw.choice(AFTER if self.draw.random() < self.after else BEFORE)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self.alive.add(task)  # asyncio itself holds it weakly on Python 3.11
        try:
            await self._connection(reader, writer)
        finally:
            self.alive.discard(task)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up: _Upstream | None = None
        # Whoever goes away in the middle ends this connection; that is what all this is about.
        with contextlib.suppress(OSError, EOFError, _Over):
            try:
                while True:
                    request = await _message(reader)
                    fate = self.fate()
                    self.met[fate] += 1
                    if up is None:
                        up = await _Upstream.open(self.port)
                    await self._spoiled(fate, request, _Client(reader, writer), up)
            finally:
                if up is not None:
                    up.close()
                writer.close()

    async def _spoiled(self, fate: str, request: bytes, client: _Client, up: _Upstream) -> None:
        if fate == "hangs up":
            raise _Over
        if fate == "reset before":
            client.reset()
        if fate == "reset in the request":
            up.writer.write(request[: self.draw.randrange(len(request))])
            await up.writer.drain()
            client.reset()
        if fate == "stalled before":
            await client.gone()
        if fate == "page before":
            client.writer.write(_BAD_GATEWAY)
            return
        if fate == "late":
            asyncio.get_running_loop().call_later(self.draw.random() * 1.5, _spawn, self.port, request)
            client.reset()
        up.writer.write(request)
        answer = await _message(up.reader)
        part = answer[: self.draw.randrange(len(answer))]
        match fate:
            case "reset after":
                client.reset()
            case "reset in the answer":
                client.writer.write(part)
                await client.writer.drain()
                client.reset()
            case "truncated":
                client.writer.write(part)
                raise _Over
            case "half-closed":
                client.writer.write(part)
                client.writer.write_eof()
                await client.gone()
            case "corrupt":
                client.writer.write(part + self.draw.choice([b"\x00", b"\xff"]) + answer[len(part) + 1 :])
            case "trickling":
                for byte in answer[:30]:
                    client.writer.write(bytes([byte]))
                    await asyncio.sleep(0.005)
                client.writer.write(answer[30:])
            case "trickling on":
                for byte in answer:
                    client.writer.write(bytes([byte]))
                    await client.writer.drain()
                    await asyncio.sleep(0.2)
            case "stalled after":
                await client.gone()
            case "doubled":
                client.writer.write(answer * 2)
            case "page after":
                client.writer.write(_BAD_GATEWAY)
            case _:
                client.writer.write(answer)


class _Over(Exception):
    """The connection is to end."""


@attrs.frozen
class _Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        """A TCP reset instead of an end."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        raise _Over

    async def gone(self) -> None:
        """Waits until the client has had enough, a minute at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.reader.read(1), 60)
        raise _Over


@attrs.frozen
class _Upstream:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> _Upstream:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def close(self) -> None:
        self.writer.close()


_late: set[asyncio.Task[None]] = set()


def _spawn(port: int, request: bytes) -> None:
    task = asyncio.ensure_future(_arrives(port, request))
    _late.add(task)
    task.add_done_callback(_late.discard)


async def _arrives(port: int, request: bytes) -> None:
    with contextlib.suppress(OSError, EOFError):
        up = await _Upstream.open(port)
        up.writer.write(request)
        await _message(up.reader)
        up.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """A whole request or answer with a Content-Length; an error where the connection ends before."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0]) if lengths else 0)


# -- the service's process ----------------------------------------------------------------------------


class _Server:
    """The gateway under uvicorn; restarting it ends all connections and for a moment nobody listens."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.port = 0

    async def start(self) -> None:
        # With the protocol named, asyncio switches Nagle's algorithm off.
        with socket.socket(proto=socket.IPPROTO_TCP) as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(("127.0.0.1", self.port))
            self.port = bound.getsockname()[1]
            config = uvicorn.Config(self._app, log_level="critical", lifespan="off", ws="none", timeout_keep_alive=30)
            self._server = uvicorn.Server(config)
            self._task = asyncio.ensure_future(self._server.serve(sockets=[bound.dup()]))
        while not self._server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        await self._task

    async def restart(self) -> None:
        await self.stop()
        await asyncio.sleep(0.2)
        await self.start()


async def _main(options: argparse.Namespace) -> None:
    judged.stand()
    emulator = Emulator.demo(zones=options.zones, limit=None, latency=options.latency / 1000)
    v1 = cfclient.gateway(emulator.connect)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Both faces of the same accounts."""
        face: Any = emulator.v4 if scope["path"].startswith("/client/v4") else v1
        await face(scope, receive, send)

    server = _Server(app)
    await server.start()
    proxy = Proxy(server.port)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    answer: Any = [listener.sockets[0].getsockname()[1], server.port]
    while True:
        print(json.dumps(answer), flush=True)
        line = await lines.readline()
        if not line:
            break
        command = json.loads(line)
        match command.pop("do"):
            case "spoil":
                proxy.draw, proxy.rate, proxy.after = random.Random(command["seed"]), command["rate"], command["after"]
                proxy.only = command.get("only")
                proxy.met.clear()
                answer = None
            case "met":
                while _late:
                    await asyncio.wait(_late)
                answer = dict(proxy.met)
            case "restart":
                await server.restart()
                answer = None
            case "truth":
                answer = emulator.to_json()
            case "calls":
                answer = emulator.calls.total()
            case "findings":
                answer = judged.taken()
    listener.close()
    for task in proxy.alive:
        task.cancel()
    await server.stop()


# -- the other end of it ------------------------------------------------------------------------------


@attrs.frozen
class Service:
    """The process, as its user sees it."""

    process: subprocess.Popen[str]
    #: through the proxy
    url: str
    #: past it
    direct: str
    #: version 4's face of the same accounts, through the proxy
    v4: str

    def ask(self, do: str, **values: Any) -> Any:
        """One command and its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **values}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def spoil(self, rate: float, *, after: float = 0.5, seed: int = 1) -> None:
        """From now on so many exchanges meet a fault."""
        self.ask("spoil", rate=rate, after=after, seed=seed)

    def met(self) -> Mapping[str, int]:
        """How many exchanges met what, since then; all that was late has arrived."""
        found: Mapping[str, int] = self.ask("met")
        return found

    def truth(self) -> Emulator:
        """The emulator as it is."""
        return Emulator.from_json(self.ask("truth"), limit=None)


@contextmanager
def service(*, zones: int, latency: int = 0) -> Iterator[Service]:
    """The service with its proxy, in another process, until the block is left."""
    command = [sys.executable, "-m", "tests.faults", "--zones", str(zones), "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            spoiled, direct = json.loads(process.stdout.readline())
            at = "http://127.0.0.1:{}/{}".format
            there = Service(
                process, at(spoiled, "api_json.html"), at(direct, "api_json.html"), at(spoiled, "client/v4")
            )
            yield there
            assert [] == there.ask("findings")
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--zones", type=int, default=10)
    parser.add_argument("--latency", type=int, default=0, help="milliseconds")
    asyncio.run(_main(parser.parse_args()))
