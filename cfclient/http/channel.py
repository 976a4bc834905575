"""httpcore's network on asyncio's own transports, for a connection that carries one exchange at a time.

httpcore reaches asyncio through anyio, which starts a timer, enters a cancel scope and switches the reading of the
socket on and off for every piece of an answer; that is half of what an exchange costs. Here the transport reads all
the time, and a timer runs only while somebody waits. Whatever a transport raises becomes httpcore's own error.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Any, Final

import anyio
import httpcore

__all__ = ["Channel", "Network"]

# So many bytes nobody has read yet stop the reading; a transport brings at most 256 KiB at once.
_ENOUGH: Final = 1 << 18

# How long a second address of a host waits for the first one (RFC 8305 §5).
_HEAD_START: Final = 0.25

# How long a connection that is being closed is waited for.
_GRACE: Final = 1.0


class Network(httpcore.AsyncNetworkBackend):
    """Opens channels; the beginning of a request may be held back until its end, so that both leave together."""

    def __init__(self) -> None:
        self.holding = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Channel:
        """A connection.

        Raises:
            httpcore.ConnectError: nobody takes it.
            httpcore.ConnectTimeout: not in time.
        """
        loop = asyncio.get_running_loop()
        try:
            with anyio.fail_after(timeout):
                found = await _connected(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
                _, channel = await loop.create_connection(lambda: Channel(self), sock=found)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return channel


async def _connected(found: Sequence[Any]) -> socket.socket:
    """A socket to the first of these addresses that answers; each has a head start (RFC 8305 §5).

    asyncio's own race loses the socket of a winner that is cancelled in the same moment.
    """
    loop = asyncio.get_running_loop()
    waiting = _alternating(found)
    winners: list[socket.socket] = []
    errors: list[OSError] = []
    news = anyio.Event()

    async def attempt(family: int, kind: int, protocol: int, _: str, address: Any) -> None:
        try:
            one = socket.socket(family, kind, protocol)
            try:
                one.setblocking(False)
                await loop.sock_connect(one, address)
            except BaseException:
                one.close()
                raise
            winners.append(one)
        except OSError as error:
            errors.append(error)
        news.set()

    winner: socket.socket | None = None
    try:
        async with anyio.create_task_group() as race:
            while not winners and len(errors) < len(found):
                news = anyio.Event()
                if waiting:
                    race.start_soon(attempt, *waiting.pop(0))
                    loop.call_later(_HEAD_START, news.set)
                await news.wait()
            race.cancel_scope.cancel()
        winner = winners[0] if winners else None
    finally:
        for one in winners:
            if one is not winner:
                one.close()
    if winner is None:
        raise errors[0] if len(errors) == 1 else OSError("; ".join(map(str, errors)) or "the host has no address")
    return winner


def _alternating(found: Sequence[Any]) -> list[Any]:
    """The addresses, IPv6 and IPv4 by turns, beginning with the family that the system prefers (RFC 8305 §4)."""
    preferred = [info for info in found if info[0] == found[0][0]]
    others = [info for info in found if info[0] != found[0][0]]
    return [info for pair in zip_longest(preferred, others) for info in pair if info is not None]


class Channel(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection; at most one task reads or writes at a time."""

    _transport: Any  # asyncio calls it a plain transport where it is one of TLS, too

    def __init__(self, network: Network) -> None:
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._held = b""
        self._resting = False
        self._full = False
        self._ended = False
        self._lost = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Here it is."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A piece has come."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _ENOUGH and not self._resting:
            self._resting = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Nothing more will come; the transport closes itself."""
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._ended = self._lost = True
        self._error = exc
        self._wake()

    def pause_writing(self) -> None:
        """The other end takes no more for the moment."""
        self._full = True

    def resume_writing(self) -> None:
        """It takes more."""
        self._full = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _something(self, timeout: float | None, late: Exception) -> None:
        """Waits until the transport tells something; raises `late` where it does not."""
        self._waiter = waiter = self._loop.create_future()
        timer = None if timeout is None else self._loop.call_later(timeout, _fail, waiter, late)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    # What httpcore asks.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next piece as it came, whatever `max_bytes`: it is there already. Nothing at the end."""
        while not self._pieces:
            if self._error is not None:
                raise httpcore.ReadError(str(self._error)) from self._error
            if self._ended:
                return b""
            await self._something(timeout, httpcore.ReadTimeout())
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._resting and self._size <= _ENOUGH and not self._lost:
            self._resting = False
            self._transport.resume_reading()
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Gives it to the transport, and waits only where that has too much already."""
        if self._network.holding:
            self._network.holding = False
            self._held = buffer
            return
        if self._lost:
            raise httpcore.WriteError(str(self._error or "the connection is closed"))
        self._transport.write(self._held + buffer)
        self._held = b""
        while self._full and not self._lost:
            await self._something(timeout, httpcore.WriteTimeout())

    async def aclose(self) -> None:
        """Closes the socket now: the exchange is over, or nobody wants its end."""
        self._transport.abort()
        with suppress(TimeoutError):
            while not self._lost:
                await self._something(_GRACE, TimeoutError())

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Channel:
        """The same channel, encrypted from here on; a handshake that fails or is cancelled closes it."""
        try:
            with anyio.fail_after(timeout):
                self._transport = await self._loop.start_tls(
                    self._transport, self, ssl_context, server_hostname=server_hostname
                )
        except BaseException as error:
            self._transport.abort()
            if isinstance(error, TimeoutError):
                raise httpcore.ConnectTimeout(str(error)) from error
            if isinstance(error, OSError):
                raise httpcore.ConnectError(str(error)) from error
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        """`ssl_object`, `socket`, and `is_readable`: whether anything came that was not read, the end included."""
        if info == "is_readable":
            return bool(self._pieces) or self._ended or _readable(self._transport.get_extra_info("socket").fileno())
        return self._transport.get_extra_info(info)


def _fail(waiter: asyncio.Future[None], error: Exception) -> None:
    if not waiter.done():
        waiter.set_exception(error)


def _readable(descriptor: int) -> bool:
    """Whether the system has something that the event loop has not seen yet."""
    try:
        poll = select.poll()
    except AttributeError:  # on Windows, where the event loop is told soon enough
        return False
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
