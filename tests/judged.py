"""Cloudflare's description of version 4 as a judge in front of a server on a socket, whoever the client is.

    with judged(emulator.v4) as url: ...                    an application
    with judged_server("--zones", "3") as url: ...          `cfclient serve --as v4`, in a process of its own

It hands everything on as it is; when the block is left, what it found fails the test.

1. Every reply has to be one that the description allows.
2. A request that the description refuses has to be refused by the emulator as well: nothing else would tell the
   author of a program that it is wrong. What Cloudflare itself is known to let through stands in `LENIENT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx

from cfclient.emulated import PATH
from cfclient.http import Reply
from tests.emulated import UNDESCRIBED
from tests.openapi import check_reply, check_request, judge
from tests.served import server, serving

__all__ = ["LENIENT", "Judged", "forwarding", "judged", "judged_server"]

#: requests that the description refuses and the live service lets through, body included, and where that is seen
LENIENT: Final = (
    (re.compile(r"GET /zones\?.*per_page=(?:5[1-9]|[6-9]\d|100)\b.*"), "recorded on 2025-08-27: 100 is accepted"),
    (
        re.compile(r'POST /zones/[^/]+/dns_records\? \{.*"content": null, "data": \{.*: "\d+".*'),
        "dns-lexicon writes components so, numbers as text and an empty content, to the live service as well",
    ),
)


class Judged:
    """An ASGI application around another, of which it has a look at each exchange."""

    def __init__(self, app: Any) -> None:
        judge()
        self._app = app
        #: what was wrong, a line each
        self.findings: list[str] = []
        #: how many exchanges were judged
        self.passed = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked: list[bytes] = []
        answered: list[Any] = []

        async def heard() -> Any:
            message = await receive()
            asked.append(message.get("body", b""))
            return message

        async def said(message: Any) -> None:
            answered.append(message)
            await send(message)

        await self._app(scope, heard, said)
        try:
            self._judge(scope, b"".join(asked), answered)
        except AssertionError as finding:
            self.findings.append(str(finding))

    def _judge(self, scope: Any, body: bytes, answered: list[Any]) -> None:
        method, path = scope["method"], scope["path"].removeprefix(PATH)
        query = scope["query_string"].decode()
        url = f"https://emulator.example{PATH}{path}" + (f"?{query}" if query else "")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        reply = Reply(
            status=answered[0]["status"],
            headers={name.decode(): value.decode() for name, value in answered[0]["headers"]},
            body=b"".join(message.get("body", b"") for message in answered[1:]),
        )
        described = UNDESCRIBED.fullmatch(path) is None
        line = f"{method} {path}?{query} {body.decode('utf-8', 'replace')}"
        if (
            200 <= reply.status < 300
            and (described or path.endswith("/batch") or path == "/graphql")
            and not any(pattern.fullmatch(line) for pattern, _ in LENIENT)
        ):
            check_request(method, url, headers, body)
        # No route and no method are in no description.
        if described and reply.status not in {404, 405}:
            check_reply(method, url, headers, body, reply)
        self.passed += 1


def forwarding(base: str) -> Any:
    """An ASGI application that asks the server at this address, and answers what it answers."""
    place = base.removesuffix(PATH)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = scope["query_string"].decode()
        url = place + scope["raw_path"].decode() + (f"?{query}" if query else "")
        dropped = {b"host", b"connection", b"content-length", b"transfer-encoding", b"accept-encoding"}
        headers = [(name, value) for name, value in scope["headers"] if name not in dropped]
        async with httpx.AsyncClient(trust_env=False, verify=False) as http:
            reply = await http.request(scope["method"], url, headers=headers, content=body)
        kept = [(name, value) for name, value in reply.headers.raw if name.lower() != b"connection"]
        await send({"type": "http.response.start", "status": reply.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": reply.content})

    return app


@contextmanager
def judged(app: Any) -> Iterator[str]:
    """The address of the application behind a judge."""
    seen = Judged(app)
    with serving(seen, PATH) as url:
        yield url
    assert not seen.findings, "\n".join(seen.findings)
    assert seen.passed, "nobody asked anything"


@contextmanager
def judged_server(*options: str) -> Iterator[str]:
    """`cfclient serve --as v4` in another process, behind a judge in this one; the judge's address."""
    with server("--as", "v4", *options) as url, judged(forwarding(url)) as front:
        yield front
