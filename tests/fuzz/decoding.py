"""Fuzzing by bytes, with atheris (Python 3.11 only): what comes in from outside ends in an answer or a clean error.

    python -m tests.fuzz.decoding -runs=1000000           as `make fuzz` does; libFuzzer's options follow

The first byte of each input chooses the target, the rest is what came in:

    22 targets   the reply of each action of version 1: only `CloudflareError`s come out
    1 target     the raw reply
    up to 63     a form for the gateway: only replies of version 1 come out, and never its fault (status 500)
    64 to 127    the replies of version 4, whatever each action asks for
    128 to 191   a page of records that these bytes choose, of either version (`pages.py`): it is refused where a key
                 comes twice, and else read as the slower way reads it
    the rest     such a page with some of its bytes spoilt: what is answered has no key twice

A finding ends the run with the input in a file; `python -m tests.fuzz.decoding FILE` tries it again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import atheris  # pyright: ignore[reportMissingImports]  # `make fuzz` installs it

with atheris.instrument_imports(include=["cfclient"]):  # pyright: ignore[reportAttributeAccessIssue]
    from cfclient import wire
    from cfclient.backend import Credentials
    from cfclient.backends.v4 import V4
    from cfclient.errors import ApiError, CloudflareError
    from cfclient.gateway import gateway
    from cfclient.http import Reply, Request

from tests.fuzz import pages
from tests.samples import EXAMPLES

_ACTIONS = list(EXAMPLES.values())
_loop = asyncio.new_event_loop()
logging.disable(logging.CRITICAL)


class _Refusing:
    """A backend that refuses whatever comes through the gateway."""

    async def perform(self, action: Any) -> Any:
        raise ApiError("no", action=action.wire_name)


_gateway = gateway(lambda _: _Refusing())


async def _through_the_gateway(body: bytes) -> None:
    query, _, rest = body.partition(b"\n")
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": rest}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api_json.html", "query_string": query, "headers": []}
    await _gateway(scope, receive, send)
    status, reply = sent[0]["status"], sent[1]["body"]
    assert status in {200, 400, 413}, status
    if not reply.startswith(b"/**/"):
        assert json.loads(reply)["result"] == "error", reply


class _Answering:
    """Version 4's side: the same bytes to every request, with a status that the first of them chooses."""

    def __init__(self, body: bytes) -> None:
        self._reply = Reply(status=(200, 200, 200, 400, 403, 404, 429, 500)[body[0] % 8 if body else 0], body=body[1:])

    async def exchange(self, request: Request, /) -> Reply:
        return self._reply


_V4 = Credentials(None, "c4n4ry-token")


async def _version_4(action: Any, body: bytes) -> None:
    await V4(_Answering(body), _V4).perform(action)


def one(data: bytes) -> None:
    """One input; whatever else than a `CloudflareError` comes out is a finding."""
    if not data:
        return
    target, body = data[0], data[1:]
    try:
        if target < len(_ACTIONS):
            wire.read(_ACTIONS[target], body)
        elif target == len(_ACTIONS):
            wire.raw(_ACTIONS[0], body)
        elif target < 64:
            _loop.run_until_complete(_through_the_gateway(body))
        elif target < 128:
            _loop.run_until_complete(_version_4(_ACTIONS[target % len(_ACTIONS)], body))
        elif target < 192:
            pages.judge_written(body)
        else:
            pages.judge(*pages.spoilt(body))
    except CloudflareError as error:
        str(error)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
