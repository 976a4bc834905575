"""The default adapter, over httpx: lanes of one connection each; and one for a client of the user's own.

The law of lanes: a lane whose exchange did not end well, its body read to the end, is never used again.
httpx's own pool gives a cancelled request's connection to nobody, so that every later request waits in
vain (encode/httpcore#1093), and hands one idle connection to everyone in its queue. A lane is a pool
of one connection with one request at a time: it has no queue, and what went wrong in it ends with it.
"""

from __future__ import annotations

import ssl
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import AsyncIterable, Mapping
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, cast

import anyio
import httpcore
import httpx
from anyio.lowlevel import current_token

from cfclient.backend import departed
from cfclient.errors import MisusedClient
from cfclient.http import Reply, Request
from cfclient.loops import Home

from .border import ACCEPT, Body, Meanings, Timeouts, answered, checked_limit, turn, unquoting
from .channel import Network
from .environment import login, proxy

if TYPE_CHECKING:
    import httpx2

__all__ = ["MEANINGS", "Borrowed", "Lanes", "Timeouts"]

# At DEBUG httpcore logs the headers of every answer, and what it cannot parse; httpx logs status lines at INFO.
for _library in "httpx", "httpx2":
    unquoting(_library)
for _library in "httpcore", "httpcore2":
    unquoting(*(f"{_library}.{_part}" for _part in ("connection", "http11", "http2", "proxy", "socks")))

# With these a length is sent though there is no body, as a server may ask for one (RFC 9110 §8.6).
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

# A transport makes an SSLContext of its own, 20 ms each, unless it is given one; over plain http none is used.
_TRUSTS_NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

# Addresses hold no key, and come again and again; taking one apart costs a tenth of an exchange.
_parsed: Final = lru_cache(256)(httpx.URL)


@lru_cache(256)
def _target(address: str) -> httpcore.URL:
    url = _parsed(address)
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise httpcore.UnsupportedProtocol("expected an address that begins with http:// or https://")
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


# How long a connection is given to close; what hangs longer is left to the garbage collector.
_GRACE: Final = 2.0


class Lanes:
    """At most `limit` connections, the one used last first; each busy with at most one exchange.

    Who finds no lane free waits in line for as long as it takes; `anyio.fail_after` bounds that wait.

    Args:
        limit: how many connections, and so how many exchanges at once.
        timeouts: how long one exchange may take.
        verify: which servers to trust; without it those that httpx trusts, read at the first https request.
        keepalive: for how many seconds an idle connection is kept. Many servers close theirs after 5,
            and a request that crosses such a close may have been carried out or not.
        trust_env: use the proxies that the environment names, and the logins of a `.netrc`.
    """

    def __init__(
        self,
        limit: int = 32,
        *,
        timeouts: Timeouts | None = None,
        verify: ssl.SSLContext | None = None,
        keepalive: float = 4.0,
        trust_env: bool = False,
    ) -> None:
        self._limit = checked_limit(limit)
        times = timeouts or Timeouts()
        self._total = times.total
        # A lane has no queue, so `pool` never runs out; it is there because httpx has no limit without it.
        self._timeout = {"connect": times.connect, "read": times.read, "write": times.write, "pool": times.connect}
        self._context = verify
        self._keepalive = keepalive
        self._trust_env = trust_env
        self._home = Home("HTTP adapter")
        self._gate: anyio.CapacityLimiter | None = None
        self._idle: deque[_Lane] = deque()  # the lane used last is at the right
        #: how many lanes were given up after an exchange that failed or was cancelled
        self.retired: int = 0

    def __repr__(self) -> str:
        closed = ", closed" if self._home.closed else ""
        return f"<Lanes {self.busy} busy, {self.idle} idle of {self._limit}; {self.retired} retired{closed}>"

    @property
    def idle(self) -> int:
        """How many lanes wait for a request."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """How many exchanges are under way."""
        return 0 if self._gate is None else self._gate.borrowed_tokens

    def spare(self) -> bool:
        """Whether a further exchange would take a lane from nobody."""
        return self._gate is None or self._gate.available_tokens > 0

    async def exchange(self, request: Request, /) -> Reply:
        """The reply, its body read to the end and decoded; redirects are not followed.

        Raises:
            ConnectionFailed: no answer came, or not all of it in time.
            UnexpectedAnswer: the body is not encoded as its headers say, or is larger than the request allows.
            MisusedClient: closed, or used in another event loop than before.
        """
        self._home.check()
        if self._gate is None:
            self._gate = anyio.CapacityLimiter(self._limit)
        await turn(self._gate)
        try:
            self._home.check()  # it may have been closed during the wait
            lane = await self._take(request.url)
            try:
                reply = await answered(lane.send, lane.sent, request, self._total, MEANINGS)
            except BaseException:
                self.retired += 1
                await lane.aclose()
                raise
            await self._give_back(lane)
            return reply
        finally:
            self._gate.release()

    async def _take(self, url: str) -> _Lane:
        secure = url[:6].lower() == "https:"
        through = proxy(url) if self._trust_env else None
        while self._idle:
            lane = self._idle.pop()
            if (lane.secure or not secure) and lane.through == through:
                return lane
            await lane.aclose()  # made before there was an SSLContext, or for another way
        if secure and self._context is None:
            self._context = httpx.create_ssl_context()
        kind = _Direct if through is None and isinstance(current_token().native_token, AbstractEventLoop) else _Lane
        return kind(self._context, self._timeout, self._keepalive, through, trust_env=self._trust_env)

    async def _give_back(self, lane: _Lane) -> None:
        if self._home.closed or not lane.sound():
            await lane.aclose()
            return
        lane.since = time.monotonic()
        self._idle.append(lane)
        # After a burst the lanes at the bottom are not used for long, and a pool closes nothing by itself.
        if lane.since - self._idle[0].since > self._keepalive:
            await self._idle.popleft().aclose()

    async def aclose(self) -> None:
        """Closes the idle lanes now and each busy one when its exchange ends; may be called again."""
        if self._home.closed:
            return
        self._home.check()
        self._home.closed = True
        while self._idle:
            await self._idle.popleft().aclose()

    async def __aenter__(self) -> Self:
        self._home.check()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.aclose()


class _Lane:
    """One connection, over httpx's transport; httpx opens it again where the server closed it between two exchanges."""

    def __init__(
        self,
        context: ssl.SSLContext | None,
        timeout: dict[str, float],
        keepalive: float,
        through: str | None,
        *,
        trust_env: bool,
    ) -> None:
        self.secure = context is not None
        self.through = through
        self.since = 0.0
        self._context = context
        self._keepalive = keepalive
        self._trust_env = trust_env
        self._sent = _Sent()
        self._extensions: dict[str, Any] = {"timeout": timeout}
        self._open()

    def _open(self) -> None:
        self._socket = _Socket()
        if self.secure:
            self._extensions["trace"] = self._socket
        self._transport = httpx.AsyncHTTPTransport(
            verify=self._context or _TRUSTS_NOBODY,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=self._keepalive),
            proxy=self.through,
        )

    async def send(self, request: Request) -> Reply:
        # Straight to the connection: no redirects, no cookies, no proxies of the environment, no log of the URL.
        url = _parsed(request.url)
        headers = {"host": url.netloc.decode("ascii"), **ACCEPT, **request.headers}
        if self._trust_env:
            headers = {**login(request.url), **headers}
        if request.body or request.method in _WITH_BODY:
            headers["content-length"] = str(len(request.body))
        self._sent.out = False
        if not request.body:
            self._sent()
        return await self._exchange(request, headers)

    async def _exchange(self, request: Request, headers: dict[str, str]) -> Reply:
        response = await self._transport.handle_async_request(
            httpx.Request(
                request.method,
                _parsed(request.url),
                headers=headers,
                stream=_Body(request.body, self._sent),
                extensions=self._extensions,
            )
        )
        headers = dict(response.headers.items())
        body = await _whole(cast("httpx.AsyncByteStream", response.stream), headers, request.max_reply)
        await response.aclose()
        return Reply(status=response.status_code, headers=headers, body=body)

    def sent(self) -> bool:
        """Whether the request that was sent last may have left whole."""
        return self._sent.out

    def sound(self) -> bool:
        """Whether nothing of a further answer has come with this one, which the next request would take for its own.

        httpcore looks for such bytes in the socket, not among those that it has read already, and nothing public
        shows these; where its insides are others than today's, this sees nothing.
        """
        try:
            beyond, _ = self._inner()._connection._h11_state.trailing_data  # noqa: SLF001 (see above)
        except (AttributeError, IndexError):
            return True
        return not beyond

    def _inner(self) -> Any:
        return self._transport._pool.connections[0]  # noqa: SLF001 (see above)

    async def aclose(self) -> None:
        # Whoever closes a lane has an answer or an error already; what goes wrong here changes neither.
        with anyio.move_on_after(_GRACE, shield=True), suppress(Exception):
            await self._close()

    async def _close(self) -> None:
        await self._transport.aclose()
        await self._socket.aclose()


class _Direct(_Lane):
    """One connection of httpcore's, without httpx's pool around it, over asyncio's own transports: half the cost."""

    _connection: httpcore.AsyncHTTPConnection | None = None

    def _open(self) -> None:
        self._network = Network()

    async def _exchange(self, request: Request, headers: dict[str, str]) -> Reply:
        target = _target(request.url)
        connection = self._connection
        if connection is not None and (
            not connection.can_handle_request(target.origin) or connection.is_closed() or connection.has_expired()
        ):
            await connection.aclose()
            connection = None
        if connection is None:
            self._connection = connection = httpcore.AsyncHTTPConnection(
                target.origin, self._context, self._keepalive, network_backend=self._network
            )
        self._network.holding = bool(request.body)
        response = await connection.handle_async_request(
            httpcore.Request(
                request.method,
                target,
                headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()],
                content=_Body(request.body, self._sent),
                extensions=self._extensions,
            )
        )
        headers = {}
        for raw, value in response.headers:
            name, text = raw.decode("ascii").lower(), value.decode("latin-1")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
        body = await _whole(cast("AsyncIterable[bytes]", response.stream), headers, request.max_reply)
        await response.aclose()
        return Reply(status=response.status, headers=headers, body=body)

    def _inner(self) -> Any:
        return self._connection

    async def _close(self) -> None:
        if self._connection is not None:
            await self._connection.aclose()


class _Sent:
    """Whether the last part of a request was given to the connection; without it nobody can carry it out."""

    __slots__ = ("out",)

    def __init__(self) -> None:
        self.out = False

    def __call__(self) -> None:
        self.out = True
        departed()


class _Body(httpx.AsyncByteStream):
    """The body, once. httpx's own is an async generator, which trio reports when sending fails in its midst."""

    __slots__ = ("_left", "_sent")

    def __init__(self, body: bytes, sent: _Sent) -> None:
        self._left = [body] if body else []
        self._sent = sent

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        self._sent()
        return self._left.pop()


class _Socket:
    """The connection below TLS, which httpcore forgets to close when it is cancelled in the handshake."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream: Any = None

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Httpx's `trace` extension."""
        if event == "connection.connect_tcp.complete":
            self._stream = info["return_value"]

    async def aclose(self) -> None:
        if self._stream is not None:
            await self._stream.aclose()


class Borrowed:
    """Over an `httpx.AsyncClient` or `httpx2.AsyncClient` of the user's own.

    Its proxies, transports, hooks and timeouts hold.

    It is never closed here.

    Args:
        client: the client.
        total: how many seconds one exchange may take, the wait for a connection of the client included.
    """

    def __init__(self, client: httpx.AsyncClient | httpx2.AsyncClient, *, total: float = 60.0) -> None:
        self._client: Any = client
        self._total = Timeouts(total=total).total

    def __repr__(self) -> str:
        return f"<Borrowed {self._client!r}>"

    async def exchange(self, request: Request, /) -> Reply:
        """The reply, its body read to the end and decoded; redirects are not followed.

        Raises:
            ConnectionFailed: no answer came, or not all of it in time.
            UnexpectedAnswer: the body is not encoded as its headers say, or is larger than the request
                allows, or a hook of the client refused it.
            MisusedClient: the client is closed.
        """
        if self._client.is_closed:
            raise MisusedClient("the httpx client that was given is closed")
        return await answered(self._send, lambda: True, request, self._total, MEANINGS)

    async def _send(self, request: Request) -> Reply:
        departed()  # the client's own transport may be anything, so nobody says when
        response = await self._client.send(
            self._client.build_request(
                request.method, request.url, headers={**ACCEPT, **request.headers}, content=request.body
            ),
            follow_redirects=False,
            stream=True,
        )
        try:
            return Reply(
                status=response.status_code,
                headers=dict(response.headers.items()),
                body=await _read(response, request.max_reply),
            )
        finally:
            with anyio.move_on_after(_GRACE, shield=True):
                await response.aclose()


async def _read(response: Any, limit: int) -> bytes:
    """The body, decoded; a transport that mocks one, or a hook of the client, may have read it already."""
    try:
        body = Body("", limit)
        body.add(response.content)
    except RuntimeError:  # httpx's ResponseNotRead, or httpx2's
        return await _whole(response.aiter_raw(), response.headers, limit)
    return body.whole()


async def _whole(pieces: AsyncIterable[bytes], headers: Mapping[str, str], limit: int) -> bytes:
    """The body in these pieces, decoded as the headers of the answer say."""
    body = Body(headers.get("content-encoding", ""), limit)
    async for piece in pieces:
        body.add(piece)
    return body.whole()


_MISUSED: Final = ("a hook of the httpx client misused a stream", True)

#: What an error of httpx or httpx2 means.
MEANINGS: Final = Meanings(
    packages=("httpx", "httpx2", "httpcore"),
    table={
        "ConnectError": ("cannot connect", False),
        "ConnectTimeout": ("no connection in time", False),
        "PoolTimeout": ("no free connection in time", False),
        "ProxyError": ("the proxy refused the connection", False),
        "UnsupportedProtocol": ("cannot connect to such an address", False),
        "InvalidURL": ("the address cannot be read", False),
        "LocalProtocolError": ("the request cannot be written as HTTP", False),
        "ReadTimeout": ("no answer in time", True),
        "WriteTimeout": ("the request was not taken in time", True),
        "TimeoutException": ("not done in time", True),
        "ReadError": ("the connection broke before the answer was complete", True),
        "WriteError": ("the connection broke while the request was sent", True),
        "CloseError": ("the connection could not be closed", True),
        "NetworkError": ("the connection broke", True),
        "RemoteProtocolError": ("the answer is not HTTP, or not complete", True),
        "ProtocolError": ("the exchange is not HTTP", True),
        "CookieConflict": ("the httpx client has several cookies of one name", True),
        "StreamError": _MISUSED,
        "DecodingError": ("the body is not encoded as its headers say", None),
        "TooManyRedirects": ("the answer is one redirect too many", None),
        "HTTPStatusError": ("a hook of the httpx client refused the answer", None),
        "TransportError": ("the exchange failed", True),
        "RequestError": ("the exchange failed", True),
        "HTTPError": ("the exchange failed", True),
        "StreamConsumed": _MISUSED,
        "StreamClosed": _MISUSED,
        "ResponseNotRead": _MISUSED,
        "RequestNotRead": _MISUSED,
        "SSEError": _MISUSED,
    },
)
