"""The peers, each with the same two calls: `small()` and `page()` bytes, and `zone(name)` for a zone read whole.

    python -m benchmarks.peers WORK PEER PORT [NUMBER IN_FLIGHT [TLS]]

A peer is what a competent user would write with that library: one client, `asyncio.gather`, `json` and dicts.
Prints one line of JSON; the first call (connection, imports) is not counted.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import ssl
import sys
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from io import BytesIO
from typing import Any, Protocol, cast
from urllib.parse import urlencode

from benchmarks.measure import cpu_seconds, peak_mib, percentile

EMAIL, TOKEN = "you@example.com", "benchmark-key"


class Peer(Protocol):
    """What each peer can do."""

    async def fetch(self, body: bytes, path: str) -> int:
        """How many bytes the answer to this form has, read whole and not decoded."""
        ...

    async def zone(self, name: str) -> int:
        """How many records a zone has, whose settings are read too; decoded."""
        ...


def form(action: str, **parameters: object) -> bytes:
    """The body of a request of version 1."""
    return urlencode({"a": action, "tkn": TOKEN, "email": EMAIL, **parameters}).encode()


HEADERS = {"content-type": "application/x-www-form-urlencoded"}
Posting = Callable[[bytes, str], Awaitable[bytes]]


class _Dicts:
    """`json` and dicts over anything that posts."""

    def __init__(self, post: Posting) -> None:
        self.post = post

    async def fetch(self, body: bytes, path: str) -> int:
        return len(await self.post(body, path))

    async def _call(self, action: str, **parameters: object) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(await self.post(form(action, **parameters), "api_json.html"))
        if data["result"] != "success":
            raise RuntimeError(data["msg"])
        response: dict[str, Any] = data["response"]
        return response

    async def zone(self, name: str) -> int:
        async def records() -> int:
            found, more = 0, True
            while more:
                page = (await self._call("rec_load_all", z=name, o=found))["recs"]
                found, more = found + int(page["count"]), page["has_more"]
            return found

        settings = asyncio.create_task(self._call("zone_settings", z=name))
        found = await records()
        await settings
        return found


@asynccontextmanager
async def with_httpx(base: str, context: ssl.SSLContext | None, module: str = "httpx") -> AsyncIterator[Peer]:
    """A plain `AsyncClient` as it comes; `httpx2` has the same names."""
    library = importlib.import_module(module)
    async with library.AsyncClient(**({"verify": context} if context else {})) as client:

        async def post(body: bytes, path: str) -> bytes:
            reply = await client.post(base + path, content=body, headers=HEADERS)
            content: bytes = reply.content
            return content

        yield _Dicts(post)


@asynccontextmanager
async def with_httpx2(base: str, context: ssl.SSLContext | None) -> AsyncIterator[Peer]:
    """The maintained fork."""
    async with with_httpx(base, context, "httpx2") as peer:
        yield peer


@asynccontextmanager
async def with_aiohttp(base: str, context: ssl.SSLContext | None) -> AsyncIterator[Peer]:
    """A plain session as it comes."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context or True)) as session:

        async def post(body: bytes, path: str) -> bytes:
            async with session.post(base + path, data=body, headers=HEADERS) as reply:
                return await reply.read()

        yield _Dicts(post)


class _Raw(asyncio.Protocol):
    """One connection of the floor: writes a request, counts the answer, knows nothing else."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.need = 0
        self.done: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.need:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self.buffer[:end]).lower()
            self.head = end + 4
            self.need = self.head + int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        if len(self.buffer) >= self.need and self.done is not None:
            body = bytes(self.buffer[self.head : self.need])
            self.buffer.clear()
            self.need = 0
            done, self.done = self.done, None
            done.set_result(body)


@asynccontextmanager
async def with_asyncio(base: str, context: ssl.SSLContext | None) -> AsyncIterator[Peer]:
    """A bare asyncio protocol over kept connections: the floor, with no HTTP library at all."""
    host, _, port = base.split("/")[2].partition(":")
    idle: list[_Raw] = []

    async def post(body: bytes, path: str) -> bytes:
        loop = asyncio.get_running_loop()
        one = idle.pop() if idle else (await loop.create_connection(_Raw, host, int(port), ssl=context))[1]
        one.done = loop.create_future()
        head = f"POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n\r\n"
        one.transport.write(head.encode() + body)
        reply = await one.done
        idle.append(one)
        return reply

    yield _Dicts(post)
    for one in idle:
        one.transport.close()


@asynccontextmanager
async def with_pycurl(base: str, context: ssl.SSLContext | None) -> AsyncIterator[Peer]:
    """PycURL's own `AsyncCurlMulti`, each request on a handle that is kept."""
    # Not an import: the type checkers' stub of it is of an older version than its AsyncCurlMulti.
    pycurl: Any = importlib.import_module("pycurl")
    idle: list[Any] = []

    def made() -> Any:
        handle = pycurl.Curl()
        handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in HEADERS.items()])
        if context:
            handle.setopt(pycurl.CAINFO, sys.argv[6])
        return handle

    async with pycurl.AsyncCurlMulti() as multi:

        async def post(body: bytes, path: str) -> bytes:
            handle = idle.pop() if idle else made()
            taken = BytesIO()
            handle.setopt(pycurl.URL, base + path)
            handle.setopt(pycurl.POSTFIELDS, body)
            handle.setopt(pycurl.WRITEFUNCTION, taken.write)
            await multi.perform(handle)
            idle.append(handle)
            return taken.getvalue()

        yield _Dicts(post)


@asynccontextmanager
async def with_least(base: str, context: ssl.SSLContext | None) -> AsyncIterator[Peer]:
    """The least that a typed client can cost: PycURL and msgspec into the same classes, and nothing of ours."""
    import msgspec

    from cfclient import models

    listing = msgspec.defstruct("Listing", [("recs", models.Page[models.Record])])
    reply = msgspec.defstruct("Reply", [("response", listing)])
    read: Any = msgspec.json.Decoder(reply, strict=False).decode
    async with with_pycurl(base, context) as peer:
        post = cast("_Dicts", peer).post

        class Least(_Dicts):
            async def zone(self, name: str) -> int:
                settings = asyncio.ensure_future(post(form("zone_settings", z=name), "api_json.html"))
                found, more = 0, True
                while more:
                    page = read(await post(form("rec_load_all", z=name, o=found), "api_json.html")).response.recs
                    found, more = found + len(page.objs), page.has_more
                msgspec.json.decode(await settings)
                return found

        yield Least(post)


@asynccontextmanager
async def with_sdk(base: str, _context: ssl.SSLContext | None) -> AsyncIterator[Peer]:
    """The official SDK, asynchronous, over the same records in version 4's form."""
    # Not among what the type checkers have: it is the extra `bench`.
    client: Any = importlib.import_module("cloudflare").AsyncCloudflare(
        api_token=TOKEN, base_url=f"{base}client/v4", max_retries=0
    )

    class Sdk:
        async def fetch(self, body: bytes, path: str) -> int:
            raise NotImplementedError("the SDK gives no bytes")

        async def zone(self, name: str) -> int:
            page, _ = await asyncio.gather(
                client.dns.records.list(zone_id=name, per_page=180), client.zones.settings.get("ssl", zone_id=name)
            )
            return len(page.result or [])

    async with client:
        yield Sdk()


@asynccontextmanager
async def _ours(base: str, context: ssl.SSLContext | None, module: str, name: str, limit: int) -> AsyncIterator[Peer]:
    import cfclient
    from cfclient.audit.gather import audit
    from cfclient.http import Request

    url = f"{base}api_json.html"
    made: Any = importlib.import_module(f"cfclient.http.{module}")
    async with (
        getattr(made, name)(limit=limit, **({"verify": context} if context else {})) as lanes,
        cfclient.connect(url, email=EMAIL, token=TOKEN, http=lanes, pace=None) as cf,
    ):

        class Ours:
            async def fetch(self, body: bytes, path: str) -> int:
                request = Request(method="POST", url=base + path, headers=HEADERS, body=body)
                return len((await lanes.exchange(request)).body)

            async def zone(self, name: str) -> int:
                async with audit(cf, [name], rules=()) as run:
                    return len((await anext(run)).records)

            async def zones(self, names: list[str], at_once: int) -> int:
                """All in one audit, without rules: read whole, typed, checked to be complete."""
                found = 0
                async with audit(cf, names, rules=(), concurrency=at_once) as run:
                    async for zone in run:
                        if zone.failure is not None:
                            raise RuntimeError(zone.failure)
                        found += len(zone.records)
                return found

        yield Ours()


def peer(name: str, base: str, context: ssl.SSLContext | None) -> AbstractAsyncContextManager[Peer]:
    """The peer of this name; ours have their default of 32 connections, or "NAME, 100 connections"."""
    bare, _, connections = name.removesuffix(" connections").partition(", ")
    if bare not in ADAPTERS:
        return PEERS[name](base, context)
    return _ours(base, context, *ADAPTERS[bare], int(connections or 32))


#: the module and the class of each
ADAPTERS = {
    "cfclient": ("httpx", "Lanes"),
    "cfclient+aiohttp": ("aiohttp", "Aiohttp"),
    "cfclient+pycurl": ("pycurl", "Pycurl"),
}
PEERS = {
    "httpx": with_httpx,
    "httpx2": with_httpx2,
    "aiohttp": with_aiohttp,
    "pycurl": with_pycurl,
    "sdk": with_sdk,
    "asyncio": with_asyncio,
    "least": with_least,
}


# -- the work ------------------------------------------------------------------------------------------


async def gathered(
    one: Callable[[int], Awaitable[object]], number: int, in_flight: int
) -> tuple[list[float], dict[str, int]]:
    """`asyncio.gather` over all, so many in flight; how long each took, and the failures by class."""
    gate = asyncio.Semaphore(in_flight)
    took: list[float] = []
    failures: dict[str, int] = {}

    async def timed(index: int) -> None:
        async with gate:
            began = time.perf_counter()
            try:
                await one(index)
            except Exception as error:  # a peer's failures are a figure
                failures[type(error).__name__] = failures.get(type(error).__name__, 0) + 1
            else:
                took.append(time.perf_counter() - began)

    await asyncio.gather(*(timed(index) for index in range(number)))
    return took, failures


async def work(name: str, who: str, base: str, *, number: int, in_flight: int, context: Any) -> dict[str, Any]:
    """One run: `small`, `page` (undecoded requests) or `audit` (zones read whole)."""
    one: Any
    async with peer(who, base, context) as one:
        body, path = (
            (form("rec_load_all", z="example.com"), "page.json") if name == "page" else (form("async"), "small.json")
        )
        if name == "audit":
            await one.zone("warm-up.example")
        else:
            await one.fetch(body, path)
        cpu, began = cpu_seconds(), time.perf_counter()
        took: list[float]
        if name != "audit":
            took, failures = await gathered(lambda _: one.fetch(body, path), number, in_flight)
        elif hasattr(one, "zones"):
            await one.zones([f"zone-{index}.example" for index in range(number)], in_flight)
            took, failures = [0.0] * number, {}
        else:
            took, failures = await gathered(lambda index: one.zone(f"zone-{index}.example"), number, in_flight)
        wall, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    return {
        "cpu_us": 1e6 * cpu / (len(took) or 1),
        "wall": wall,
        "per_second": len(took) / wall,
        "p50_ms": 1000 * percentile(took, 50),
        "p99_ms": 1000 * percentile(took, 99),
        "done": len(took),
        "failed": sum(failures.values()),
        "failures": failures,
        "peak_mib": peak_mib(),
    }


def main() -> None:
    """The command line."""
    name, who, port, number, in_flight = sys.argv[1], sys.argv[2], int(sys.argv[3]), *map(int, sys.argv[4:6])
    context = None
    if len(sys.argv) > 6:
        context = ssl.create_default_context(cafile=sys.argv[6])
    base = f"{'https' if context else 'http'}://{'localhost' if context else '127.0.0.1'}:{port}/"
    warnings.simplefilter("ignore")
    print(json.dumps(asyncio.run(work(name, who, base, number=number, in_flight=in_flight, context=context))))


if __name__ == "__main__":
    main()
