"""An ASGI application on an address of this machine, until it is told to stop; needs uvicorn (extra `server`).

Three laws:

1. The address is announced when connections are accepted, and not before.
2. SIGINT and SIGTERM end it like a return: what is under way has a moment to finish, then it is cut off.
3. A port that cannot be had is a `ConfigurationError`, raised before anything is started.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

from .errors import ConfigurationError
from .shapes import integer

__all__ = ["Server", "listener", "serve"]

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


async def serve(app: Any, *, host: str, port: int, path: str, announce: Callable[[str], None]) -> None:
    """Serves the application until SIGINT or SIGTERM; in the main thread, and on asyncio only.

    Args:
        app: the ASGI application.
        host: a name or an address of this machine.
        port: 0 takes a free one.
        path: the application's path, for the address.
        announce: is called once with the whole address, when connections are accepted.
    """
    with listener(host, port) as bound:
        url = f"http://{_authority(*bound.getsockname()[:2])}{path}"
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",  # a client that talks nonsense is no news
            access_log=False,
            timeout_graceful_shutdown=_GRACE,
        )
        await Server(config, lambda: announce(url)).serve(sockets=[bound])
