"""Version 4's face of an emulator, for whoever asks it without a client. Its replies are judged, as everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx

from cfclient.backends.emulator import Emulator
from tests.judged import check_asked
from tests.openapi import judge

BASE = "https://emulator.example/client/v4"
KEY = {"X-Auth-Email": "demo@example.com", "X-Auth-Key": "demo-key"}
TOKEN = {"Authorization": "Bearer demo-token"}
NOW = 1_700_000_000.0


@attrs.define
class Clock:
    """A clock that stands still until it is moved."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@attrs.frozen
class Asker:
    """Asks version 4, and hands over status and JSON."""

    http: httpx.AsyncClient

    async def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        reply = await self.http.request(method, f"{BASE}{path}", json=body, **more)
        return reply.status_code, reply.json()

    async def result(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """What a success brings."""
        status, reply = await self(method, path, body, **more)
        assert 200 == status, reply
        return reply["result"]

    async def refusal(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, int, str]:
        """Status, code and words of a refusal."""
        status, reply = await self(method, path, body, **more)
        assert (False, None) == (reply["success"], reply["result"])
        return status, reply["errors"][0]["code"], reply["errors"][0]["message"]


class Strict(httpx.AsyncBaseTransport):
    """Version 4's face; each request has to be right, whatever it is answered."""

    def __init__(self, emulator: Emulator) -> None:
        judge()
        self._inner = httpx.ASGITransport(emulator.v4)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The emulator's, if the judge has nothing against the request."""
        check_asked(request.method, str(request.url), dict(request.headers), await request.aread())
        return await self._inner.handle_async_request(request)


@asynccontextmanager
async def strict(emulator: Emulator, headers: dict[str, str] | None = None) -> AsyncIterator[Asker]:
    """For requests that are as Cloudflare describes them."""
    transport = Strict(emulator)
    async with httpx.AsyncClient(transport=transport, headers=KEY if headers is None else headers) as http:
        yield Asker(http)


@asynccontextmanager
async def asking(emulator: Emulator, headers: dict[str, str] | None = None) -> AsyncIterator[Asker]:
    """For requests that are wrong on purpose: the emulator has to refuse them."""
    judge()
    transport = httpx.ASGITransport(emulator.v4)
    async with httpx.AsyncClient(transport=transport, headers=KEY if headers is None else headers) as http:
        yield Asker(http)
