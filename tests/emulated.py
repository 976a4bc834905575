"""Version 4's face of an emulator, with Cloudflare's description as the judge of all that passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx

from cfclient.backends.emulator import Emulator
from tests.openapi import CheckedTransport

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


@asynccontextmanager
async def judged(emulator: Emulator, headers: dict[str, str] | None = None) -> AsyncIterator[Asker]:
    """Every request and every reply has to be as Cloudflare describes them."""
    transport = CheckedTransport(httpx.ASGITransport(emulator.v4))
    async with httpx.AsyncClient(transport=transport, headers=KEY if headers is None else headers) as http:
        yield Asker(http)


@asynccontextmanager
async def unjudged(emulator: Emulator, headers: dict[str, str] | None = None) -> AsyncIterator[Asker]:
    """For requests that the description refuses, and for the endpoints that it does not have."""
    transport = httpx.ASGITransport(emulator.v4)
    async with httpx.AsyncClient(transport=transport, headers=KEY if headers is None else headers) as http:
        yield Asker(http)
