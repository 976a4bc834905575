"""A small HTTP/1.1 server on a loopback socket, in the test's own task group, that misbehaves on demand.

    async with serve(echo) as server:                   a handler is asked for each request
        await http.exchange(Request(method="POST", url=server.url))
    async with listen(raw(b"garbage")) as server:       a script has each connection to itself

It runs on asyncio and on trio.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import attrs
import h11
from anyio.abc import AnyByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

__all__ = [
    "Answer",
    "Asked",
    "Handler",
    "Loopback",
    "Script",
    "echo",
    "listen",
    "raw",
    "reset",
    "serve",
    "silent",
    "trickle",
]


@attrs.frozen(kw_only=True)
class Asked:
    """A request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@attrs.frozen(kw_only=True)
class Answer:
    """What a handler answers; "connection: close" among the headers closes the connection after it."""

    status: int = 200
    headers: dict[str, str] = attrs.field(factory=dict)
    body: bytes = b""


Handler = Callable[[Asked], Awaitable[Answer]]
Script = Callable[[AnyByteStream], Awaitable[None]]


@attrs.define(kw_only=True)
class Loopback:
    """What a test sees of the server."""

    url: str
    #: connections accepted so far
    accepted: int = 0
    #: connections that the client has not closed yet
    open: int = 0
    most_open: int = 0
    #: set when a connection ends
    left: anyio.Event = attrs.field(factory=anyio.Event)

    async def deserted(self) -> None:
        """Returns when the client has closed its last connection; a test that waits in vain fails."""
        with anyio.fail_after(10):
            while self.open:
                self.left = anyio.Event()
                await self.left.wait()


@asynccontextmanager
async def listen(script: Script, *, context: ssl.SSLContext | None = None) -> AsyncIterator[Loopback]:
    """A server whose connections each follow the script, over TLS where there is a context."""
    tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
    listener = tcp if context is None else TLSListener(tcp, context, standard_compatible=False)
    port = tcp.extra(SocketAttribute.local_port)
    server = Loopback(url=f"{'https' if context else 'http'}://127.0.0.1:{port}/api_json.html")

    async def connection(stream: AnyByteStream) -> None:
        server.accepted += 1
        server.open += 1
        server.most_open = max(server.open, server.most_open)
        try:
            async with stream:
                await script(stream)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, h11.RemoteProtocolError):
            pass  # the client went away in the middle, which is what many tests are about
        finally:
            server.open -= 1
            server.left.set()

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, connection)
        yield server
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def serve(handler: Handler, *, context: ssl.SSLContext | None = None) -> AsyncIterator[Loopback]:
    """A server that asks the handler for an answer to each request, and keeps connections alive."""

    async def script(stream: AnyByteStream) -> None:
        http = h11.Connection(h11.SERVER)
        while True:
            asked = await _read(http, stream)
            answer = await handler(asked)
            headers = {"content-length": str(len(answer.body)), **answer.headers}
            out = http.send(h11.Response(status_code=answer.status, headers=list(headers.items())))
            await stream.send(b"".join([out, http.send(h11.Data(answer.body)), http.send(h11.EndOfMessage())]))
            if http.our_state is not h11.DONE:
                return
            http.start_next_cycle()

    async with listen(script, context=context) as server:
        yield server


async def _read(http: h11.Connection, stream: AnyByteStream) -> Asked:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await stream.receive())
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            assert head is not None
            headers = {name.decode(): value.decode() for name, value in head.headers}
            return Asked(method=head.method.decode(), target=head.target.decode(), headers=headers, body=bytes(body))


async def echo(asked: Asked) -> Answer:
    """Answers with the body of the request."""
    return Answer(body=asked.body)


async def _whole_request(stream: AnyByteStream) -> None:
    await _read(h11.Connection(h11.SERVER), stream)


def raw(data: bytes) -> Script:
    """After a whole request these bytes, HTTP or not, and the end of the connection."""

    async def script(stream: AnyByteStream) -> None:
        await _whole_request(stream)
        await stream.send(data)

    return script


def trickle(head: bytes, *, every: float) -> Script:
    """After a whole request this, and then one byte after the other, for ever."""

    async def script(stream: AnyByteStream) -> None:
        await _whole_request(stream)
        await stream.send(head)
        while True:
            await stream.send(b"x")
            await anyio.sleep(every)

    return script


async def reset(stream: AnyByteStream) -> None:
    """After a whole request a TCP reset."""
    await _whole_request(stream)
    sock = stream.extra(SocketAttribute.raw_socket)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def silent(stream: AnyByteStream) -> None:
    """After a whole request nothing, until the client goes."""
    await _whole_request(stream)
    await stream.receive()
