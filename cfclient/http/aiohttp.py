"""The adapter over aiohttp: in pure Python the fastest; on asyncio only."""

from __future__ import annotations

import itertools
import ssl
from typing import Any, Final

import aiohttp
from yarl import URL

from cfclient.errors import MisusedClient
from cfclient.http import Reply, Request

from .border import ACCEPT, Body, Meanings, Timeouts
from .pooled import Pooled

__all__ = ["Aiohttp"]


class _Connector(aiohttp.TCPConnector):
    """A pool that uses no connection again on which something came that nobody had asked for.

    aiohttp looks at that when it takes a connection back, but not when it hands it out, and so takes what came in
    between for the answer to the next request. There is no public place to look; without this one it is as it was.
    """

    async def _get(self, key: Any, traces: Any) -> Any:
        while True:
            found: Any = await super()._get(key, traces)
            if found is None or not found.protocol.should_close:
                return found
            found.close()


# By itself aiohttp sends these once more where a kept connection breaks before the answer.
_REPEATED: Final = frozenset({"PUT", "DELETE"})


def _once() -> aiohttp.ClientMiddlewareType:
    """Lets one attempt pass: what was carried out once must not be done twice."""
    attempts = itertools.count()

    async def once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if next(attempts):
            raise aiohttp.ServerDisconnectedError
        return await handler(request)

    return once


class Aiohttp(Pooled[aiohttp.ClientSession]):
    """Over a session of its own, or of the user's.

    Args:
        client: a session of the user's own: its connector, hooks, headers and timeouts hold.
        limit: how many connections, and so how many exchanges at once.
        timeouts: how long one exchange may take; aiohttp has no limit for `write` but the total.
        verify: which servers to trust; without it those that the system trusts.
        trust_env: use the proxies that the environment names, and the logins of a `.netrc`.
    """

    library = "aiohttp"

    def __init__(
        self,
        client: aiohttp.ClientSession | None = None,
        *,
        limit: int = 32,
        timeouts: Timeouts | None = None,
        verify: ssl.SSLContext | None = None,
        trust_env: bool = False,
    ) -> None:
        super().__init__(client, limit=limit, timeouts=timeouts)
        self._verify = verify
        self._trust_env = trust_env

    def opened(self) -> aiohttp.ClientSession:
        """A session that keeps no cookies."""
        return aiohttp.ClientSession(
            connector=_Connector(limit=self.limit, ssl=self._verify or True, keepalive_timeout=4.0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=min(self.times.total, 1e6),  # aiohttp cannot count to infinity
                sock_connect=min(self.times.connect, 1e6),
                sock_read=min(self.times.read, 1e6),
            ),
            trust_env=self._trust_env,
        )

    async def shut(self, client: aiohttp.ClientSession) -> None:
        """Closes the session."""
        await client.close()

    async def send(self, client: aiohttp.ClientSession, request: Request) -> Reply:
        """The reply, in aiohttp's own errors."""
        if client.closed:
            raise MisusedClient("the aiohttp session that was given is closed")
        options: dict[str, Any] = {}
        if request.method in _REPEATED:
            # Those of a request come instead of the session's.
            options["middlewares"] = (_once(), *client._middlewares)  # noqa: SLF001  there is no public way to read them
        async with client.request(
            request.method,
            URL(request.url, encoded=True),
            headers={**ACCEPT, **request.headers},
            data=request.body or None,
            allow_redirects=False,
            auto_decompress=False,
            raise_for_status=False,
            **options,
        ) as response:
            headers = {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}
            body = Body(headers.get("content-encoding", ""), request.max_reply)
            async for piece in response.content.iter_any():
                body.add(piece)
            return Reply(status=response.status, headers=headers, body=body.whole())


def _words(error: Exception) -> str:
    """An error's own words, without what it quotes of an answer that is no HTTP: that stands on lines of its own."""
    text = f"HTTP {error.status}" if isinstance(error, aiohttp.ClientResponseError) else str(error)
    return text.partition("\n")[0].strip()


def _look(error: Exception) -> tuple[str, bool | None] | None:
    """A closer look at bare errors: what yarl cannot read, headers that hold a line break, the total of the session."""
    return _BARE.get(type(error))


_BARE: Final[dict[type[Exception], tuple[str, bool | None]]] = {
    ValueError: ("the request cannot be written as HTTP", False),
    TimeoutError: ("no complete answer in time", True),
}


_NEVER_LEFT: Final = ("cannot connect", False)
_BROKE: Final = ("the connection broke", True)
_REDIRECTED: Final = ("a middleware of the session followed a redirect", True)

Aiohttp.meanings = Meanings(
    packages=("aiohttp",),
    words=_words,
    look=_look,
    table={
        "ClientConnectorError": _NEVER_LEFT,
        "ClientProxyConnectionError": ("the proxy refused the connection", False),
        "ClientHttpProxyError": ("the proxy refused the connection", False),
        "ConnectionTimeoutError": ("no connection in time", False),
        "ServerFingerprintMismatch": ("the server's certificate is another one", False),
        "InvalidURL": ("the address cannot be read", False),
        "NonHttpUrlClientError": ("cannot connect to such an address", False),
        "SocketTimeoutError": ("no answer in time", True),
        "ServerTimeoutError": ("no answer in time", True),
        "ServerDisconnectedError": ("the connection broke before the answer was complete", True),
        "ServerConnectionError": _BROKE,
        "ClientOSError": ("the connection broke before the answer was complete", True),
        "ClientConnectionResetError": _BROKE,
        "ClientConnectionError": _BROKE,
        "ClientPayloadError": ("the answer is not HTTP, or not complete", True),
        "UploadAbortedError": ("the server did not take the whole request", True),
        "InvalidUrlRedirectClientError": _REDIRECTED,
        "NonHttpUrlRedirectClientError": _REDIRECTED,
        "RedirectClientError": _REDIRECTED,
        "TooManyRedirects": _REDIRECTED,
        "ContentTypeError": ("a middleware of the session refused the answer", None),
        "WSServerHandshakeError": ("a middleware of the session refused the answer", None),
        "ClientResponseError": ("the answer is not HTTP, or not complete", True),
        "ClientError": ("the exchange failed", True),
        "WSMessageTypeError": ("a middleware of the session failed", True),
    },
)
