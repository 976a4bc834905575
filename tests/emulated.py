"""Version 4's face of an emulator, with Cloudflare's description as the judge of all that passes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import httpx

from cfclient.backends.emulator import Emulator
from cfclient.http import Reply
from tests.openapi import check_reply, check_request, is_described, judge

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


#: endpoints that the description does not have, though Cloudflare does: nothing is judged there
UNDESCRIBED = re.compile(
    r"/graphql|/accounts(/[^/]*)?|/zones/[^/]+/(dns_records/batch|dnssec|bot_management|ssl/universal/settings|settings)"
    r"|/user/firewall/access_rules/rules/[^/]+|/zones/[^/]+/firewall/access_rules/rules/[^/]+"
    r"|/zones/[^/]+/settings/(0rtt|always_use_https|automatic_https_rewrites|brotli|ciphers|early_hints|http3"
    r"|min_tls_version|opportunistic_encryption|opportunistic_onion|privacy_pass|pseudo_ipv4|replace_insecure_js"
    r"|security_header|sort_query_string_for_cache|tls_1_3|tls_client_auth|websockets"
    # Those that have gone, and one that never was.
    r"|minify|mirage|mobile_redirect|server_side_exclude|nonsense)"
)


class Judge(httpx.AsyncBaseTransport):
    """Judges every reply, and every request too unless it is a wrong one on purpose."""

    def __init__(self, emulator: Emulator, *, requests: bool) -> None:
        judge()
        self._inner = httpx.ASGITransport(emulator.v4)
        self._requests = requests

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The emulator's, if the judge has nothing against it."""
        body, headers, url = await request.aread(), dict(request.headers), str(request.url)
        path = request.url.path.removeprefix("/client/v4")
        described = UNDESCRIBED.fullmatch(path) is None
        if self._requests and (described or path.endswith("/batch")):
            check_request(request.method, url, headers, body)
        response = await self._inner.handle_async_request(request)
        content = await response.aread()
        # No route and no method are in no description.
        if described and response.status_code not in {404, 405}:
            reply = Reply(status=response.status_code, headers=dict(response.headers), body=content)
            check_reply(request.method, url, headers, body, reply)
        return response


def face(emulator: Emulator) -> httpx.AsyncBaseTransport:
    """Version 4's face, judged where the description is there."""
    return Judge(emulator, requests=True) if is_described() else httpx.ASGITransport(emulator.v4)


@asynccontextmanager
async def judged(
    emulator: Emulator, headers: dict[str, str] | None = None, *, requests: bool = True
) -> AsyncIterator[Asker]:
    """Every request and every reply has to be as Cloudflare describes them."""
    transport = Judge(emulator, requests=requests)
    async with httpx.AsyncClient(transport=transport, headers=KEY if headers is None else headers) as http:
        yield Asker(http)


def unjudged(emulator: Emulator, headers: dict[str, str] | None = None) -> AbstractAsyncContextManager[Asker]:
    """For requests that are wrong on purpose; the replies are judged all the same."""
    return judged(emulator, headers, requests=False)
