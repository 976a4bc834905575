"""An `Http` in memory: what happens to each exchange is drawn from the seed, and each kind of fault has a name.

The law: what left goes its own way. Whether and when a request arrives is decided when it leaves, and its
caller's being cancelled or killed changes that no more than it does on a real network.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import trio

from cfclient.backend import departed
from cfclient.errors import ConnectionFailed
from cfclient.http import Reply, Request

__all__ = ["FAULTS", "SAYS_SO", "Down", "Network"]

App = Callable[[Any, Any, Any], Awaitable[None]]

#: how often each fault is drawn, where there is one
FAULTS: Final = {
    "refused": 3,  # no connection
    "reset before": 2,  # the connection broke before the request was there
    "reset during": 2,  # half of it was
    "reset after": 4,  # it was carried out, and its answer lost
    "late": 3,  # it arrives when the client has long given this attempt up
    "stalled": 1,  # no answer, and nobody knows why
    "duplicated": 2,  # it arrives twice; a create's answer comes twice instead: see docs/faults.md
    "doubled": 1,  # two answers in one body
    "truncated": 2,  # half an answer
    "broken off": 2,  # half an answer, and the connection says so
    "E_MAXAPI": 2,
    "429": 1,
    "5xx": 3,
}

#: with these the service says that calls are to wait, or may say so
SAYS_SO: Final = ("E_MAXAPI", "429", "5xx")

#: after so many seconds an exchange without an answer is given up
TOTAL: Final = 60.0

_HTML: Final = b"<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>"
_LIMIT: Final = b'{"result":"error","msg":"You have exceeded the number of API calls allowed","err_code":"E_MAXAPI"}'
_LIMIT_V4: Final = (
    b'{"success":false,"errors":[{"code":10100,"message":"More than 1200 requests per 300 seconds reached"}],'
    b'"messages":[],"result":null}'
)


@attrs.frozen
class Down:
    """The service is down from then to then: nobody listens, or a page says so, or nothing comes at all."""

    since: float
    until: float
    manner: str


@attrs.define(eq=False)
class Network:
    """Carries requests to an ASGI application; one for the whole simulation."""

    app: App
    draw: random.Random
    nursery: trio.Nursery
    say: Callable[[str], None]
    #: how many of the exchanges meet a fault
    rate: float
    down: list[Down] = attrs.field(factory=list)
    #: faults that do not occur here
    without: frozenset[str] = frozenset()
    #: when each request left
    left: list[float] = attrs.field(factory=list)
    #: exchanges that a client waits for
    waiting: int = 0
    #: requests on their way
    travelling: int = 0
    met: Counter[str] = attrs.field(factory=Counter)
    _arrived: trio.Event = attrs.field(factory=trio.Event)

    async def calm(self) -> None:
        """Returns when all that is on its way has arrived; from then on nothing goes wrong."""
        while self.travelling:
            self._arrived = trio.Event()
            await self._arrived.wait()
        self.rate, self.down = 0.0, []

    def _fate(self) -> str:
        now = trio.current_time()
        for down in self.down:
            if down.since <= now < down.until:
                return down.manner
        if self.draw.random() >= self.rate:
            return "none"
        fate = self.draw.choices(list(FAULTS), list(FAULTS.values()))[0]
        return "none" if fate in self.without else fate

    async def exchange(self, request: Request, /) -> Reply:
        """The reply, or what became of it."""
        self.waiting += 1
        try:
            with trio.move_on_after(TOTAL):
                return await self._exchange(request)
        finally:
            self.waiting -= 1
        raise ConnectionFailed("no complete answer in time", maybe_carried_out=True)

    async def _exchange(self, request: Request) -> Reply:
        draw, fate = self.draw, self._fate()
        self.met[fate] += 1
        self.say(f"network: {fate}")
        await trio.sleep(draw.expovariate(50))
        if fate == "refused":
            raise ConnectionFailed("connection refused", maybe_carried_out=False)
        if fate == "429":
            return Reply(status=429, headers=self._until(), body=_HTML)
        if fate == "E_MAXAPI" and _is_v4(request):
            return Reply(status=429, headers=self._until(), body=_LIMIT_V4)
        if fate == "E_MAXAPI":
            return Reply(status=200, headers=self._until(), body=_LIMIT)
        departed()
        self.left.append(trio.current_time())
        if fate in {"reset before", "reset during"}:
            await trio.sleep(draw.expovariate(20))
            raise ConnectionFailed("connection reset", maybe_carried_out=True)
        if fate == "late":
            self._carry(request, after=draw.choice([0.5, 1.5, 10.0, 90.0]) * (0.5 + draw.random()))
            await trio.sleep(draw.expovariate(5))
            raise ConnectionFailed("connection reset", maybe_carried_out=True)
        if fate == "stalled":
            if draw.random() < 0.5:
                self._carry(request, after=draw.random() * 2 * TOTAL)
            await trio.sleep(math.inf)
        if fate == "5xx" and draw.random() < 0.5:
            return self._page()
        answer = self._carry(request, after=draw.expovariate(20))
        if fate == "duplicated" and not _is_create(request):
            self._carry(request, after=draw.expovariate(20) + 0.01)
        reply = await answer.wait()
        await trio.sleep(draw.expovariate(20))
        half = reply.body[: draw.randrange(len(reply.body) or 1)]
        if fate == "5xx":
            return self._page()
        if fate == "truncated":
            return attrs.evolve(reply, body=half)
        if fate == "doubled" or (fate == "duplicated" and _is_create(request)):
            return attrs.evolve(reply, body=reply.body * 2)
        if fate in {"reset after", "broken off"}:
            raise ConnectionFailed("the connection broke before the answer was complete", maybe_carried_out=True)
        return reply

    def _page(self) -> Reply:
        status = self.draw.choice([500, 502, 503, 504])
        return Reply(status=status, headers=self._until() if status == 503 else {}, body=_HTML)

    def _until(self) -> dict[str, str]:
        return {} if self.draw.random() < 0.5 else {"retry-after": str(self.draw.choice([0, 1, 5, 30, 120]))}

    def _carry(self, request: Request, *, after: float) -> _Answer:
        answer = _Answer()
        self.travelling += 1
        self.nursery.start_soon(self._arrive, request, after, answer)
        return answer

    async def _arrive(self, request: Request, after: float, answer: _Answer) -> None:
        await trio.sleep(after)
        parts = urlsplit(request.url)
        scope = {
            "type": "http",
            "method": request.method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
        }
        status, headers, body = 0, dict[str, str](), b""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                body += message.get("body", b"")

        try:
            await self.app(scope, receive, send)
        finally:
            self.travelling -= 1
            self._arrived.set()
        answer.come(Reply(status=status, headers=headers, body=body))


def _is_v4(request: Request) -> bool:
    return "/client/v4/" in request.url


def _is_create(request: Request) -> bool:
    if _is_v4(request):
        return request.method == "POST" and request.url.endswith("/dns_records")
    return b"a=rec_new" in request.body


class _Answer:
    """A reply that will come."""

    def __init__(self) -> None:
        self._there = trio.Event()
        self._reply: Reply | None = None

    def come(self, reply: Reply) -> None:
        self._reply = reply
        self._there.set()

    async def wait(self) -> Reply:
        await self._there.wait()
        assert self._reply is not None
        return self._reply
