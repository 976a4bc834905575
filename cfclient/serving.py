"""An ASGI application on an address of this machine, until it is told to stop; needs uvicorn (extra `server`).

Four laws:

1. The address is announced when connections are accepted, and not before.
2. SIGINT and SIGTERM end it like a return: what is under way has a moment to finish, then it is cut off.
3. A port or a certificate that cannot be had is a `ConfigurationError`, raised before anything is started.
4. Where connections are bounded, one too many is answered and closed, and one that asks nothing is closed.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .errors import ConfigurationError
from .shapes import integer

__all__ = ["Server", "checked_certificate", "listener", "serve"]

# How many seconds the exchanges under way are given once it is told to stop.
_GRACE: Final = 2


def listener(host: str, port: int) -> socket.socket:
    """A socket bound to this address; port 0 takes a free one.

    Raises:
        ConfigurationError: it cannot be had.
        InvalidInput: there is no such port.
    """
    # The resolver takes a port modulo 65,536.
    integer("port", port, 0, 65_535)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            # Without it, a port is refused for a minute after the last server there has ended.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"cannot listen on {_authority(host, port)}: {reason}; choose another --host or --port (0 takes a free one)"
        ) from None
    return bound


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Server(uvicorn.Server):
    """uvicorn's, which says when it accepts connections, and takes a signal for the end and not for a failure."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to accept connections, then says so."""
        await super().startup(sockets=sockets)
        self._announce()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The original raises the signal again at the end, which kills the process or ends it with a traceback."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


# How many seconds a client of a bounded server has for one request, from one to the next.
_PATIENCE: Final = 120.0

_BUSY: Final = b'{"result":"error","msg":"Too many connections."}'
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json; charset=utf-8\r\n"
    b"retry-after: 5\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_BUSY), _BUSY)
)


class _Bounded(H11Protocol):
    """One of at most so many connections, none of which is kept for a request that does not come."""

    most: ClassVar[int]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._seen: Any = None
        if len(self.connections) > self.most:
            transport.write(_FULL)
            transport.close()
        self._watch = self.loop.call_later(_PATIENCE, self._look)

    def _look(self) -> None:
        if self.cycle is self._seen:
            self.transport.abort()
            return
        self._seen = self.cycle
        self._watch = self.loop.call_later(_PATIENCE, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)


def checked_certificate(cert: Path, key: Path | None) -> None:
    """Raises where a server cannot use this certificate and this key.

    Raises:
        ConfigurationError: a file cannot be read, is none of the kind, or they do not belong together.
    """
    # Without a password given, OpenSSL would ask for one on the terminal.
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        shown = f"{cert} and {key}" if key else str(cert)
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"{shown} cannot be used for TLS: {reason}; expected PEM files, the key without a password"
        ) from None


async def serve(
    app: Any,
    *,
    host: str,
    port: int,
    path: str,
    announce: Callable[[str], None],
    cert: Path | None = None,
    key: Path | None = None,
    connections: int | None = None,
) -> None:
    """Serves the application until SIGINT or SIGTERM; in the main thread, and on asyncio only.

    Args:
        app: the ASGI application.
        host: a name or an address of this machine.
        port: 0 takes a free one.
        path: the application's path, for the address.
        announce: is called once with the whole address, when connections are accepted.
        cert: a PEM file with the certificate and those that sign it, for TLS.
        key: a PEM file with its key, where `cert` does not hold it.
        connections: how many clients at a time; None for as many as there are.
    """
    if cert is not None:
        checked_certificate(cert, key)
    with listener(host, port) as bound:
        url = f"{'http' if cert is None else 'https'}://{_authority(*bound.getsockname()[:2])}{path}"
        config = uvicorn.Config(
            app,
            http="h11" if connections is None else type("Bounded", (_Bounded,), {"most": connections}),
            ssl_certfile=cert,
            ssl_keyfile=key,
            proxy_headers=False,  # whoever asks could claim to be anybody
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",  # a client that talks nonsense is no news
            access_log=False,
            timeout_graceful_shutdown=_GRACE,
        )
        await Server(config, lambda: announce(url)).serve(sockets=[bound])
