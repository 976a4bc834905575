"""Cloudflare's description of version 4 as a judge wherever a test speaks version 4.

`conftest.py` lets it stand before the first test, so that no test has to think of it, and none goes around it.

1. Every request that the backend makes is one that the description allows, whoever answers it.
2. Every reply of the emulator's face is one that the description allows, whoever asked.
3. What that face carries out for anybody was a request that the description allows: it has to refuse the others as
   Cloudflare does, or nothing would tell the author of a program. What Cloudflare itself is known to let through
   stands in `LENIENT`.

What it finds fails the test in which it was found; the exchange itself goes on undisturbed.

Other processes have none, so there are two more places: `forwarding` stands in front of a server on a socket, and
`tests.faults` lets it stand in its own.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from cfclient.asgi import path_of
from cfclient.backends.v4 import asking, identity
from cfclient.emulated import PATH
from cfclient.emulated.app import V4
from cfclient.http import Http, Reply, Request
from tests.openapi import BEYOND, GONE, check_reply, check_request, is_described
from tests.served import server, serving

__all__ = [
    "LENIENT",
    "Judged",
    "check_asked",
    "findings",
    "forwarding",
    "judged",
    "judged_server",
    "passed",
    "stand",
    "taken",
]

#: requests that the description refuses and the live service lets through, body included, and where that is seen
LENIENT: Final = (
    (re.compile(r"GET /zones\?.*per_page=(?:5[1-9]|[6-9]\d|100)\b.*"), "recorded on 2025-08-27: 100 is accepted"),
    (
        re.compile(r'POST /zones/[^/]+/dns_records\? \{.*"data": ?\{.*: ?"\d+".*'),
        "dns-lexicon writes components so, numbers as text and an empty content, to the live service as well",
    ),
    (
        re.compile(r'PATCH /zones/[^/]+\? \{"paused": ?(?:true|false)\}'),
        "the description calls it read-only, and says beside it what setting it does",
    ),
)
#: what was wrong and is not told yet, a line each
findings: list[str] = []
#: how many exchanges were judged at the emulator's face
passed = 0


def taken() -> list[str]:
    """What was wrong since this was last asked."""
    found = findings[:]
    del findings[: len(found)]
    return found


def stand() -> None:
    """From now on, in this process; where the description is missing, nothing is judged."""
    if not is_described():
        return
    answered = V4.__call__

    async def behind(face: V4, scope: Any, receive: Any, send: Any) -> None:
        # A hook's reply is the test's, not the emulator's.
        await Judged(functools.partial(answered, face), replies=face.hook is None)(scope, receive, send)

    V4.__call__ = behind  # type: ignore[method-assign,assignment]  # for all tests
    for module in (asking, identity):
        module.exchanged = _before(module.exchanged)  # type: ignore[attr-defined]  # what it imports


def _before(exchanged: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with a look at the request before it is sent."""

    async def judging(http: Http, request: Callable[[], Request], *more: Any) -> Any:
        # In a frame of its own: some tests look for the key in those that are left.
        _noted(_asked, request)
        return await exchanged(http, request, *more)

    return judging


def _asked(request: Callable[[], Request]) -> None:
    made = request()
    check_asked(made.method, made.url, made.headers, made.body)


def check_asked(method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """Judges a request, unless the description is older than what it asks for."""
    if BEYOND.fullmatch(url.partition(PATH)[2].partition("?")[0]) is None:
        check_request(method, url, headers, body)


def _noted(check: Callable[..., None], *given: Any) -> None:
    try:
        check(*given)
    except AssertionError as finding:
        findings.append(str(finding))


class Judged:
    """An ASGI application around another, of which it has a look at each exchange."""

    def __init__(self, app: Any, *, replies: bool = True) -> None:
        self._app = app
        self._replies = replies

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
        if path_of(scope).startswith(f"{PATH}/") and answered:
            global passed  # noqa: PLW0603 (all applications count together)
            passed += 1
            _noted(self._judge, scope, b"".join(asked), answered)

    def _judge(self, scope: Any, body: bytes, answered: list[Any]) -> None:
        method, path = scope["method"], path_of(scope).removeprefix(PATH).rstrip("/")
        query = scope["query_string"].decode()
        url = f"https://emulator.example{PATH}{path}" + (f"?{query}" if query else "")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        reply = Reply(
            status=answered[0]["status"],
            headers={name.decode(): value.decode() for name, value in answered[0]["headers"]},
            body=b"".join(message.get("body", b"") for message in answered[1:]),
        )
        described = BEYOND.fullmatch(path) is None and GONE.fullmatch(path) is None
        line = f"{method} {path}?{query} {body.decode('utf-8', 'replace')}"
        if (
            200 <= reply.status < 300
            and described
            # A query that is refused is so with this status.
            and not (path == "/graphql" and json.loads(reply.body)["errors"])
            and not any(pattern.fullmatch(line) for pattern, _ in LENIENT)
        ):
            check_request(method, url, headers, _whole(method, path, body, reply))
        # No route and no method are in no description.
        if self._replies and described and reply.status not in {404, 405}:
            check_reply(method, url, headers, body, reply)


def _whole(method: str, path: str, body: bytes, reply: Reply) -> bytes:
    """The body; that of a PATCH of a record with what it leaves as it is, which the description wants to see."""
    if method != "PATCH" or "/dns_records/" not in path:
        return body
    given, left = json.loads(body), json.loads(reply.body)["result"]
    kept = {"type", "name", "priority", "data" if "data" in left else "content"} & left.keys()
    return json.dumps({**{key: left[key] for key in kept}, **given}).encode()


def forwarding(base: str) -> Any:
    """An ASGI application that asks the server at this address, and answers what it answers; judged."""
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

    return Judged(app) if is_described() else app


@contextmanager
def judged(app: Any) -> Iterator[str]:
    """The address of an application of version 4 on a socket, of which something is asked there."""
    before = passed
    with serving(app, PATH) as url:
        yield url
    assert passed > before or not is_described(), "nobody asked anything"


@contextmanager
def judged_server(*options: str) -> Iterator[str]:
    """`cfclient serve --as v4` in another process, behind a judge in this one; the judge's address."""
    with server("--as", "v4", *options) as url, judged(forwarding(url)) as front:
        yield front
