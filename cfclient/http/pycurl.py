"""The adapter over PycURL, which is libcurl: the fastest there is; on asyncio only.

libcurl sends a request once more by itself where a kept connection broke before any answer came, whatever the method.
Here it must not: what was carried out once would be done twice.
So a body is handed over piece by piece and cannot be had again, and a DELETE without one gets a connection of its own.
Nor does libcurl look whether something came on a connection that was used within the last second, which would be taken
for the answer to the next request: that is looked at here, before the request leaves.
"""
# pyright: reportAttributeAccessIssue=false
# (its own stub of PycURL is of an older version than the first with AsyncCurlMulti)

from __future__ import annotations

import asyncio
import math
import select
import socket
import ssl
from collections import deque
from contextlib import suppress
from typing import Any, Final, cast

import pycurl

from cfclient.bounds import too_large
from cfclient.errors import UnexpectedAnswer
from cfclient.http import Reply, Request

from .border import ACCEPT, Body, Meanings, Timeouts
from .environment import login, proxy
from .pooled import Pooled

__all__ = ["Pycurl"]


class Pycurl(Pooled[pycurl.AsyncCurlMulti]):
    """Over connections of its own.

    Args:
        handle: one with options of the user's, such as `PROXY`, `CAINFO` or `INTERFACE`; each exchange uses a copy.
            What the request says (address, method, headers, body), the limits and "no redirects" are set over them.
        limit: how many connections, and so how many exchanges at once.
        timeouts: how long one exchange may take; curl has no limit for `write` but the total, counts `read` in whole
            seconds, and `connect` covers the TLS handshake.
        trust_env: use the proxies that the environment names, and the logins of a `.netrc`.
    """

    library = "pycurl"

    def __init__(
        self,
        handle: pycurl.Curl | None = None,
        *,
        limit: int = 32,
        timeouts: Timeouts | None = None,
        trust_env: bool = False,
    ) -> None:
        super().__init__(None, limit=limit, timeouts=timeouts)
        self._model = handle
        self._trust_env = trust_env
        self._idle: list[_Handle] = []
        self._sockets: dict[int, int] = {}
        self._turns = _Turns()

    def opened(self) -> pycurl.AsyncCurlMulti:
        """What drives the transfers in the event loop, and keeps their connections."""
        multi = pycurl.AsyncCurlMulti()
        multi.setopt(pycurl.M_MAXCONNECTS, self.limit)
        return multi

    async def shut(self, client: pycurl.AsyncCurlMulti) -> None:
        """Closes the connections, and the handles that used them."""
        await client.aclose()
        for handle in self._idle:
            handle.curl.close()
        self._idle.clear()

    async def send(self, client: pycurl.AsyncCurlMulti, request: Request) -> Reply:
        """The reply; raises a `CurlError`."""
        handle = self._idle.pop() if self._idle else _Handle(self._new(), self._sockets)
        try:
            handle.prepare(request)
            if self._trust_env:
                handle.curl.setopt(pycurl.PROXY, proxy(request.url) or "")
                handle.wear({**login(request.url), **request.headers})
            try:
                await self._perform(client, handle)
            except pycurl.error as error:
                raise handle.failed(error) from None
            reply = handle.reply()
        except BaseException:
            handle.curl.close()
            raise
        self._idle.append(handle)
        return reply

    async def exchange(self, request: Request, /) -> Reply:
        """As `Pooled.exchange`; of large replies that came at once, one is handed over in a round of the event loop."""
        reply = await super().exchange(request)
        if len(reply.body) >= _LARGE:
            await self._turns.take()
        return reply

    async def _perform(self, client: pycurl.AsyncCurlMulti, handle: _Handle) -> None:
        try:
            try:
                await client.perform(handle.curl)
            except pycurl.error:
                if not handle.soiled:
                    raise
                # Nothing has left, and the connection is closed; there may be others like it.
                handle.curl.setopt(pycurl.FRESH_CONNECT, 1)
                handle.form = None
                await client.perform(handle.curl)
        except asyncio.CancelledError:
            # The connection ends now, and not in the loop's next round.
            with suppress(RuntimeError):  # it may have been done in this very round
                client.remove_handle(handle.curl)
            raise

    def _new(self) -> pycurl.Curl:
        """A handle with all that is the same for every request."""
        if self._model is not None:
            curl = self._model.duphandle()
        else:
            curl = pycurl.Curl()
            curl.setopt(pycurl.PROXY, "")  # otherwise curl asks the environment
            curl.setopt(pycurl.USERAGENT, "")
            for option, place in zip((pycurl.CAINFO, pycurl.CAPATH), ssl.get_default_verify_paths(), strict=False):
                if place is not None:
                    curl.setopt(option, place)
        for option, value in _ALWAYS:
            curl.setopt(option, value)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, _milliseconds(self.times.connect))
        curl.setopt(pycurl.TIMEOUT_MS, _milliseconds(self.times.total))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        curl.setopt(pycurl.LOW_SPEED_TIME, math.ceil(min(self.times.read, 1e6)))
        return curl


#: from so many bytes on a reply waits for its turn: what is made of it takes longer than a round of the loop
_LARGE: Final = 16 * 1024


class _Turns:
    """Lets one pass in each round of the event loop, in order.

    libcurl tells of many transfers at once, and what is made of one answer fills a processor's cache: whoever
    waits for it takes it while it is there, before the next one is read.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False

    async def take(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._taken:
            self._taken = True
            loop.call_soon(self._next, loop)
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else who waited was cancelled
                turn.set_result(None)
                loop.call_soon(self._next, loop)
                return
        self._taken = False


_ALWAYS: Final = (
    (pycurl.NOSIGNAL, 1),
    (pycurl.FOLLOWLOCATION, 0),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.DEFAULT_PROTOCOL, "none"),  # otherwise curl guesses
    (pycurl.PATH_AS_IS, 1),
    (pycurl.MAXAGE_CONN, 4),
    (pycurl.BUFFERSIZE, 128 * 1024),
    (pycurl.HTTP_CONTENT_DECODING, 0),  # it is done at the border, in bounds
)


def _milliseconds(seconds: float) -> int:
    return max(1, round(min(seconds, 1e6) * 1000))


class _Handle:
    """A handle of curl's for one exchange after the other, and what it is just taking in."""

    __slots__ = ("_headers", "_limit", "_lines", "_opened", "_pieces", "_rest", "_sockets", "curl", "form", "soiled")

    def __init__(self, curl: pycurl.Curl, sockets: dict[int, int]) -> None:
        self.curl = curl
        self.form: tuple[str, bool] | None = None
        #: whether the connection that curl chose was one that something had come on
        self.soiled = False
        self._sockets = sockets
        self._opened: list[int] = []
        self._headers: dict[str, str] | None = None
        self._rest = b""
        self._limit = 0
        # Lists take in what comes without a step of Python; curl sees to it that it is not too much.
        self._lines: list[bytes] = []
        self._pieces: list[bytes] = []
        curl.setopt(pycurl.SOCKOPTFUNCTION, self._open)
        curl.setopt(pycurl.PREREQFUNCTION, self._begin)
        curl.setopt(pycurl.READFUNCTION, self._give)
        curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        curl.setopt(pycurl.WRITEFUNCTION, self._pieces.append)

    def prepare(self, request: Request) -> None:
        """Sets what is to be sent."""
        curl = self.curl
        form = (request.method, bool(request.body))
        if form != self.form:
            curl.setopt(pycurl.POST if request.body else pycurl.HTTPGET, 1)
            curl.setopt(pycurl.CUSTOMREQUEST, request.method)
            curl.setopt(pycurl.FRESH_CONNECT, form == ("DELETE", False))
            self.form = form
        if request.headers != self._headers:
            self.wear(request.headers)
        curl.setopt(pycurl.URL, request.url)
        if request.body:
            curl.setopt(pycurl.POSTFIELDSIZE_LARGE, len(request.body))
        self._rest = request.body
        if request.max_reply != self._limit:
            curl.setopt(pycurl.MAXFILESIZE_LARGE, request.max_reply)
            self._limit = request.max_reply
        self.soiled = False

    def wear(self, headers: Any) -> None:
        """Sets these headers."""
        lines = []
        for name, value in {"expect": "", **ACCEPT, **headers}.items():
            if not f"{name}{value}".isprintable():
                raise ValueError("a line break in a header")
            lines.append(f"{name}: {value}" if value or name == "expect" else f"{name};")
        self.curl.setopt(pycurl.HTTPHEADER, lines)
        self._headers = dict(headers)

    def _open(self, file: int, _purpose: int) -> int:
        self._opened.append(file)
        return int(pycurl.SOCKOPT_OK)

    def _begin(self, _theirs: str, _ours: str, _their_port: int, port: int) -> int:
        """Is asked before a request leaves, over a new connection or one that was kept; its port tells which."""
        if self._opened:
            file = next((file for file in self._opened if _port(file) == port), -1)
            self._opened.clear()
            for old in [old for old, its in self._sockets.items() if its == file]:
                del self._sockets[old]
            self._sockets[port] = file
            return int(pycurl.PREREQFUNC_OK)
        self.soiled = _readable(self._sockets.get(port, -1))
        return int(pycurl.PREREQFUNC_ABORT if self.soiled else pycurl.PREREQFUNC_OK)

    def _give(self, size: int) -> bytes:
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def reply(self) -> Reply:
        """What came, once the transfer is done; the handle keeps nothing of it."""
        headers, whole = _head(self._lines), b"".join(self._pieces)
        self._lines.clear()
        self._pieces.clear()
        self._rest = b""
        # curl is content with an answer that ends in its headers, and of two lengths takes the last.
        if headers is None or not headers.get("content-length", "0").isdecimal():
            raise CurlError(pycurl.E_FTP_WEIRD_SERVER_REPLY, "", sent=True)
        body = Body(headers.get("content-encoding", ""), self._limit)
        body.add(whole)
        return Reply(status=self.curl.getinfo(pycurl.RESPONSE_CODE), headers=headers, body=body.whole())

    def failed(self, error: pycurl.error) -> Exception:
        """What is to be raised instead."""
        code, text, *_ = cast("tuple[Any, ...]", error.args)
        if code == pycurl.E_FILESIZE_EXCEEDED:
            return UnexpectedAnswer(too_large(self._limit))
        return CurlError(code, text, sent=self.curl.getinfo(pycurl.REQUEST_SIZE) > 0)


def _head(lines: list[bytes]) -> dict[str, str] | None:
    """The last head among these lines; None where its end is missing."""
    headers: dict[str, str] = {}
    complete = False
    for line in lines:
        if line.startswith(b"HTTP/"):
            headers, complete = {}, False  # what came before was interim, as 100 Continue is
        elif not line.strip():
            complete = True
        elif not complete:  # else it is a trailer
            name, _, value = line.decode("latin-1").partition(":")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers if complete else None


def _port(file: int) -> int:
    """Of this end of a socket that is curl's."""
    try:
        seen = socket.socket(fileno=file)
    except OSError:
        return -1  # of several attempts to connect the others are closed by now
    try:
        return int(seen.getsockname()[1])
    finally:
        seen.detach()


def _readable(file: int) -> bool:
    """Whether something has come, the end included."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(0))


class CurlError(Exception):
    """A transfer that failed: curl's number and words for it, and whether anything of the request may have left."""

    def __init__(self, code: int, text: str, *, sent: bool) -> None:
        # Once something was sent, curl's own words may quote the answer.
        super().__init__(pycurl.easy_strerror(code) if sent else text)
        self.code: int = code
        self.sent: bool = sent


def _look(error: Exception) -> tuple[str, bool | None] | None:
    if isinstance(error, ValueError):
        return "the request cannot be written as HTTP", False
    if not isinstance(error, CurlError):
        return None
    if not error.sent:
        return _BEFORE.get(error.code, "cannot connect"), False
    return _AFTER.get(error.code, "the connection broke before the answer was complete"), True


_BEFORE: Final = {
    pycurl.E_URL_MALFORMAT: "the address cannot be read",
    pycurl.E_UNSUPPORTED_PROTOCOL: "cannot connect to such an address",
    pycurl.E_OPERATION_TIMEDOUT: "no connection in time",
}
_INCOMPLETE: Final = "the answer is not HTTP, or not complete"
_AFTER: Final = {
    pycurl.E_OPERATION_TIMEDOUT: "no complete answer in time",
    pycurl.E_UNSUPPORTED_PROTOCOL: _INCOMPLETE,
    pycurl.E_FTP_WEIRD_SERVER_REPLY: _INCOMPLETE,
    pycurl.E_PARTIAL_FILE: _INCOMPLETE,
}

Pycurl.meanings = Meanings(packages=("cfclient",), look=_look, table={})
