"""An ASGI application under a real server on the loopback interface, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import uvicorn


@contextmanager
def serving(app: Any, path: str = "/api_json.html") -> Iterator[str]:
    """The address at which it answers, until the block is left."""
    # With the protocol named, asyncio switches off Nagle's algorithm, which costs 40 ms a call.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(app, log_level="critical", lifespan="on", http="h11", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert server.accepts.wait(30)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{path}"
        finally:
            server.end()
            thread.join(30)


class _Server(uvicorn.Server):
    """One that says when it accepts connections, and ends when it is told to instead of looking now and then."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepts = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets=sockets)
        self.accepts.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._ended.wait()

    def end(self) -> None:
        """From any thread, once it accepts connections."""
        self._loop.call_soon_threadsafe(self._ended.set)


@contextmanager
def demo_server(*options: str) -> Iterator[str]:
    """`cfclient serve --demo` in another process, on a free port; its address."""
    with server("--demo", *options) as url:
        yield url


@contextmanager
def server(*options: str, log: Path | None = None) -> Iterator[str]:
    """`cfclient serve` in another process, on a free port; its address.

    Args:
        options: of the command.
        log: a file for its standard error.
    """
    command = [sys.executable, "-m", "cfclient", "serve", "--port", "0", *options]
    with ExitStack() as stack:
        errors = None if log is None else stack.enter_context(log.open("wb"))
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True))
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(timeout=30)
