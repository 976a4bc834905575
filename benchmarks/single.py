"""Measurements of cfclient alone, each in a process of its own; prints one line of JSON.

python -m benchmarks.single decode documented|whole
python -m benchmarks.single overhead LAYERS
python -m benchmarks.single deep PORT in-sequence|ahead
python -m benchmarks.single scale zones|records NUMBER
python -m benchmarks.single start PYTHON-ARGUMENT ...
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from benchmarks import canned
from benchmarks.measure import cpu_seconds, peak_mib

URL = "https://v1.example.net/api_json.html"


def _each(call: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def decode(kind: str) -> dict[str, Any]:
    """Paired with `json.loads`, in turn."""
    from cfclient import wire
    from cfclient.actions import RecLoadAll

    page, action = canned.page(whole=kind == "whole"), RecLoadAll("example.com")
    ours: list[float] = []
    ratios: list[float] = []
    for _ in range(40):
        theirs = _each(lambda: json.loads(page), 20)
        ours.append(_each(lambda: wire.read(action, page), 20))
        ratios.append(ours[-1] / theirs)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [wire.read(action, page) for _ in range(10)]
    after = tracemalloc.get_traced_memory()[0]
    return {
        "ratio": statistics.median(ratios),
        "ns": 1e9 * statistics.median(ours) / canned.PAGE_SIZE,
        "bytes": (after - before) / (len(kept) * canned.PAGE_SIZE),
    }


class _Memory:
    """An adapter that answers at once, by what the body asks."""

    def __init__(self, records: int = canned.PAGE_SIZE) -> None:
        from cfclient.http import Reply

        self._small = Reply(status=200, body=canned.SMALL)
        self._settings = Reply(status=200, body=canned.settings())
        self._pages = {
            offset: Reply(status=200, body=canned.page(offset, records))
            for offset in range(0, records or 1, canned.PAGE_SIZE)
        }

    async def exchange(self, request: Any, /) -> Any:
        if b"a=rec_load_all" in request.body:
            return self._pages[next((int(p[2:]) for p in request.body.split(b"&") if p.startswith(b"o=")), 0)]
        return self._settings if b"a=zone_settings" in request.body else self._small


async def overhead(layers: str) -> dict[str, Any]:
    """5,000 calls of an action whose answer is nothing."""
    import cfclient
    from cfclient.actions import Async

    options: dict[str, Any] = {"whole stack": {}, "without pacing": {"pace": None}}.get(
        layers, {"pace": None, "retry": None}
    )
    if layers == "whole stack":
        # A budget that does not run out, so that nothing is waited for.
        options["pace"] = cfclient.Pace(calls=10_000_000, egress=(10_000_000, 1.0))
    async with cfclient.connect(URL, email="you@example.com", token="key", http=_Memory(), **options) as cf:
        action = Async("example.com", "a")
        for _ in range(500):
            await cf.perform(action)
        began = cpu_seconds()
        for _ in range(20_000):
            await cf.perform(action)
        return {"us": 1e6 * (cpu_seconds() - began) / 20_000}


async def deep(port: str, how: str) -> dict[str, Any]:
    """One zone of many pages over a server with a latency."""
    import cfclient

    calls = 0

    def count(_: object) -> None:
        nonlocal calls
        calls += 1

    url = f"http://127.0.0.1:{port}/api_json.html"
    async with cfclient.connect(
        url, email="you@example.com", token="key", pace=None, retry=cfclient.Retry(hook=count)
    ) as cf:
        await cf.async_("example.com", "a")
        calls, found, began = 0, 0, time.perf_counter()
        listing = cf.records("example.com")
        if how == "ahead":
            async with listing.ahead() as records:
                async for _ in records:
                    found += 1
        else:
            async for _ in listing:
                found += 1
        wall = time.perf_counter() - began
    if found != 10_000:
        raise SystemExit(f"{found} records")
    return {"wall": wall, "calls": calls}


async def scale(what: str, number: str) -> dict[str, Any]:
    """An audit without rules over an adapter that answers from memory."""
    import cfclient
    from cfclient.audit.gather import audit

    records, zones = (20, int(number)) if what == "zones" else (int(number), 1)
    repeat = max(1, 2000 // (zones if what == "zones" else records))
    http = _Memory(records)
    async with cfclient.connect(URL, email="you@example.com", token="key", http=http, pace=None) as cf:

        async def once(names: list[str]) -> None:
            async with audit(cf, names, rules=(), concurrency=50) as run:
                async for zone in run:
                    if zone.failure is not None or len(zone.records) != records:
                        raise SystemExit(f"{zone.zone}: {zone.failure}")

        await once(["warm-up.example"])
        names = [f"zone-{index}.example" for index in range(zones)]
        began = cpu_seconds()
        for _ in range(repeat):
            await once(names)
        used = cpu_seconds() - began
    return {"us": 1e6 * used / (repeat * (zones if what == "zones" else records)), "peak_mib": peak_mib()}


def start(*arguments: str) -> dict[str, Any]:
    """A whole process, and how many modules it had loaded at its end."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    subprocess.run([sys.executable, *arguments], check=False, capture_output=True, timeout=120)
    cpu = used() - before
    # Run once more, with a line at its end.
    counted = "import sys, atexit; atexit.register(lambda: sys.stderr.write(f'\\nmodules={len(sys.modules)}'))\n"
    if arguments[0] == "-c":
        script = counted + arguments[1]
    else:
        run = "import runpy; runpy.run_module('cfclient', run_name='__main__')"
        script = f"{counted}sys.argv = {list(arguments[1:])!r}; {run}"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=120)
    return {"cpu": cpu, "modules": int(done.stderr.rpartition("modules=")[2])}


def main() -> None:
    """The command line."""
    name, *arguments = sys.argv[1:]
    found = {"decode": decode, "overhead": overhead, "deep": deep, "scale": scale, "start": start}[name](*arguments)  # type: ignore[operator]
    print(json.dumps(asyncio.run(found) if asyncio.iscoroutine(found) else found))


if __name__ == "__main__":
    main()
