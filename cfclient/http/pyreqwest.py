"""The adapter over pyreqwest, Rust's reqwest: the fastest there is; on asyncio only.

reqwest follows redirects unless its client was built otherwise, and a client does not say how it was built.
So a builder is better than a client: the adapter switches redirects off, and closes what it built.
With a ready client the body is a stream, which can be sent only once: no redirect gets to see it.

A call that is cancelled while it waits for its answer frees its task at once, but not its connection: pyreqwest
waits on in the background, for the answer or the timeouts, so at most `limit` connections are ever held that way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import anyio.lowlevel
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import ClientClosedError, DetailedPyreqwestError

from cfclient.errors import ConfigurationError, MisusedClient
from cfclient.http import Reply, Request

from .border import ACCEPT, Body, Meanings, Timeouts
from .environment import login
from .pooled import Pooled

__all__ = ["Pyreqwest"]


class Pyreqwest(Pooled[Client]):
    """Over a client of its own, or of the user's.

    Args:
        client: a builder, of which a client is built that follows no redirect, or a ready client.
        limit: how many connections, and so how many exchanges at once.
        timeouts: how long one exchange may take; pyreqwest has no limit for `write` but the total.
        trust_env: use the proxies that the environment names, and the logins of a `.netrc`.
    """

    library = "pyreqwest"
    settling = 0.02  # an interpreter that ends while they do is aborted: seen in 2 to 5 of 100 processes

    def __init__(
        self,
        client: Client | ClientBuilder | None = None,
        *,
        limit: int = 32,
        timeouts: Timeouts | None = None,
        trust_env: bool = False,
    ) -> None:
        super().__init__(client if isinstance(client, Client) else None, limit=limit, timeouts=timeouts)
        self._builder = client if isinstance(client, ClientBuilder) else None
        self._trust_env = trust_env

    def opened(self) -> Client:
        """A client that follows no redirect, and whose connections are as many as its exchanges."""
        builder = self._builder
        if builder is None:
            builder = ClientBuilder().connect_timeout(_span(self.times.connect))
            builder = builder.read_timeout(_span(self.times.read)).pool_idle_timeout(timedelta(seconds=4))
            builder = builder if self._trust_env else builder.no_proxy()
        builder = builder.gzip(False).deflate(False).brotli(False).zstd(False)  # it is done at the border, in bounds
        # Without max_connections, cancelled calls leave their sockets behind for a while.
        return builder.max_connections(self.limit).follow_redirects(False).referer(False).build()

    async def send(self, client: Client, request: Request) -> Reply:
        """The reply, in pyreqwest's own errors."""
        asked = client.request(request.method, request.url).headers(
            {**(login(request.url) if self._trust_env else {}), **request.headers}
        )
        if not self._borrowed:
            asked = asked.headers(ACCEPT).body_bytes(request.body)
        elif "x-auth-key" in request.headers:
            raise ConfigurationError(
                "a ready pyreqwest client may take the key in a header along a redirect: give its ClientBuilder instead"
            )
        elif request.body:
            asked = asked.header("content-length", str(len(request.body))).body_stream(_once(request))
        # Without reading ahead: what reads ahead goes on, and holds its connection, when the call is cancelled.
        asked = asked.streamed_read_buffer_limit(0)
        # A call that is cancelled before its answer begins goes on in Rust; this is when it ends at the latest.
        asked = asked.timeout(_span(self.times.total + 1))
        try:
            async with asked.build_streamed() as response:
                headers = {name.lower(): ", ".join(response.get_header_all(name)) for name in response.headers}
                body = Body(headers.get("content-encoding", ""), request.max_reply)
                while (piece := await response.body_reader.read_chunk()) is not None:
                    body.add(bytes(piece))
                return Reply(status=response.status, headers=headers, body=body.whole())
        except ClientClosedError:
            raise MisusedClient("the pyreqwest client that was given is closed") from None
        except asyncio.CancelledError:
            # pyreqwest raises one of its own, which no scope of anyio knows for its own; anyio sends its once more.
            for _ in range(3):
                await anyio.lowlevel.checkpoint_if_cancelled()
            raise


def _span(seconds: float) -> timedelta:
    # Without a limit means eleven days: a timedelta cannot be endless.
    return timedelta(seconds=min(seconds, 1e6))


async def _once(request: Request) -> AsyncIterator[bytes]:
    yield request.body


def _causes(error: Exception) -> list[str]:
    """What led to it, from the outermost; nothing of a request or an answer is quoted there."""
    causes = (error.details.get("causes") or []) if isinstance(error, DetailedPyreqwestError) else []
    return [cause["message"] for cause in causes]


def _words(error: Exception) -> str:
    text = str(error.args[0]) if error.args else ""
    return ": ".join([text, *_causes(error)[-1:]])


def _look(error: Exception) -> tuple[str, bool | None] | None:
    """A closer look: to pyreqwest, a timeout before the answer's head and half an answer are no connection, too."""
    causes = _causes(error)
    if type(error) is ValueError:
        return "the request cannot be written as HTTP", False
    if "client error (Connect)" in causes:
        return "cannot connect", False
    return next((meaning for cause, meaning in _CAUSES.items() if cause in causes), None)


_INCOMPLETE: Final = ("the answer is not HTTP, or not complete", True)

# Of a ready client, which decodes by itself.
_BAD_ENCODING: Final = ("the body is not encoded as its headers say", None)

_CAUSES: Final[dict[str, tuple[str, bool | None]]] = {
    "Invalid gzip header": _BAD_ENCODING,
    "deflate decompression error": _BAD_ENCODING,
    "error reading a body from connection": _INCOMPLETE,
    "connection closed before message completed": ("the connection broke before the answer was complete", True),
    "operation timed out": ("no answer in time", True),
    "client error (SendRequest)": _INCOMPLETE,
}

Pyreqwest.meanings = Meanings(
    packages=("pyreqwest",),
    words=_words,
    look=_look,
    table={
        "PoolTimeoutError": ("no free connection in time", False),
        "BuilderError": ("the request cannot be written as HTTP", False),
        "ConnectTimeoutError": ("no answer in time", True),
        "ReadTimeoutError": ("no answer in time", True),
        "WriteTimeoutError": ("the request was not taken in time", True),
        "RequestTimeoutError": ("not done in time", True),
        "ConnectError": ("the connection broke", True),
        "ReadError": ("the connection broke before the answer was complete", True),
        "WriteError": ("the connection broke while the request was sent", True),
        "NetworkError": ("the connection broke", True),
        "TransportError": ("the exchange failed", True),
        "BodyDecodeError": _BAD_ENCODING,
        "JSONDecodeError": ("a middleware of the client refused the answer", None),
        "DecodeError": _INCOMPLETE,
        "RedirectError": ("the answer is one redirect too many", True),
        "StatusError": ("the client refused the answer", None),
        "ClientClosedError": ("the client was closed", True),
        "RequestPanicError": ("the exchange failed", True),
        "RequestError": ("the exchange failed", True),
        "DetailedPyreqwestError": ("the exchange failed", True),
        "PyreqwestError": ("the exchange failed", True),
    },
)
