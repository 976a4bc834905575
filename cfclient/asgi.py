"""What each ASGI application of ours does with a connection, whichever API it speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

__all__ = ["Receive", "Scope", "Send", "Unread", "path_of", "responded", "served", "whole_body"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Unread(Exception):
    """The body of a request was not read.

    Attributes:
        large: whether it is too large; otherwise the client went away in the midst of it.
    """

    def __init__(self, *, large: bool) -> None:
        self.large = large
        super().__init__(large)


async def served(
    scope: Scope, receive: Receive, send: Send, http: Callable[[Scope, Receive, Send], Awaitable[None]]
) -> None:
    """One connection: a request goes to `http`, starting and stopping need nothing, and a websocket is closed."""
    if scope["type"] == "http":
        await http(scope, receive, send)
    elif scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    else:
        await send({"type": "websocket.close", "code": 1000})


def path_of(scope: Scope) -> str:
    """The path; under a mount, ASGI's begins with the mount's."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


async def whole_body(receive: Receive, most: int) -> bytes:
    """The body of a request of so many bytes at most.

    Raises:
        Unread: it is larger, or does not come to its end.
    """
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unread(large=False)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise Unread(large=True)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def responded(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
    """Sends a response, whole."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})
