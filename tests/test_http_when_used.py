"""The default adapter is made when it is first used, because loading httpx takes longer than all else of a start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cfclient.errors import MisusedClient
from cfclient.http import Request
from cfclient.http.chosen import chosen
from tests.loopback import echo, serve


@pytest.mark.anyio
async def test_it_is_made_at_the_first_exchange_and_closed_with_the_block() -> None:
    """And is the lanes from then on."""
    async with serve(echo) as server:
        request = Request(method="POST", url=server.url, body=b"a=stats")
        async with chosen(None) as http:
            before, spare = repr(http), getattr(http, "spare", bool)()
            reply = await http.exchange(request)
            during, still = repr(http), getattr(http, "spare", bool)()

    assert reply.status == 200
    assert before == "<Lanes not used yet>"
    assert during.startswith("<Lanes 0 busy, 1 idle of 32")
    assert spare
    assert still
    assert repr(http).endswith("closed>")
    with pytest.raises(MisusedClient, match="closed"):
        await http.exchange(request)


@pytest.mark.anyio
async def test_one_that_was_never_used_is_closed_too() -> None:
    """It is not made after its block."""
    async with chosen("httpx") as http:
        pass

    assert repr(http) == "<Lanes closed>"
    with pytest.raises(MisusedClient, match="this HTTP adapter is closed: open a new one"):
        await http.exchange(Request(method="POST", url="http://127.0.0.1:9/"))


def test_opening_a_client_loads_no_http_library() -> None:
    """Nor the emulator."""
    script = """
import asyncio, sys, cfclient

async def main():
    async with cfclient.connect("https://v1.example.net/api_json.html", email="you@example.com", token="key"):
        return {"httpx", "httpcore", "cattrs", "rich", "cfclient.backends.emulator"} & {*sys.modules}

print(asyncio.run(main()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "set()"
