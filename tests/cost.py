"""What a fixed workload costs, counted instead of timed: calls of functions, and bytes of memory.

python -m tests.cost              prints the figures of this Python
python -m tests.cost --record     writes them into tests/data/cost.json, which tests/test_cost.py compares with

Calls are those that `sys.setprofile` reports, of functions in Python and in C. The same code makes the same
number on a slow machine and on a fast one, so a figure that grows is a change in the code or in a library.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from benchmarks import canned

__all__ = ["FIGURES", "VERSION", "measured"]

FIGURES: Final = Path(__file__).with_name("data") / "cost.json"
VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"

CALLS, ZONES, PAGES = 200, 50, 20


class Canned:
    """An adapter that answers at once, from memory."""

    def __init__(self) -> None:
        from cfclient.http import Reply

        self._replies = {
            "zone_load_multi": Reply(status=200, body=canned.zones(0, ZONES)),
            "zone_settings": Reply(status=200, body=canned.settings()),
            "rec_load_all": Reply(status=200, body=canned.page(0, 20)),
        }
        self._other = Reply(status=200, body=canned.SMALL)

    async def exchange(self, request: Any, /) -> Any:
        """The reply to the action that the form names."""
        return self._replies.get(dict(parse_qsl(request.body.decode()))["a"], self._other)


def counted(work: Callable[[], object]) -> int:
    """How many calls this makes."""
    count = 0

    def seen(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.collect()
    gc.disable()
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def with_client(body: Callable[[Any], Awaitable[object]]) -> Callable[[], object]:
    """This body with a client over all that `connect` puts around a backend: pacing, retrying, bounds."""
    import cfclient

    async def main() -> None:
        url = "https://v1.example.net/api_json.html"
        async with cfclient.connect(url, email="you@example.com", token="key", http=Canned()) as cf:
            await body(cf)

    return lambda: asyncio.run(main())


def workloads() -> dict[str, tuple[Callable[[int], Callable[[], object]], int]]:
    """Each by its name: what does it so many times, and how many times."""
    import cfclient
    from cfclient import wire
    from cfclient.actions import RecLoadAll

    page, action = canned.page(), RecLoadAll("example.com")

    def small(times: int) -> Callable[[], object]:
        async def body(cf: cfclient.Client) -> None:
            for _ in range(times):
                await cf.ban("192.0.2.1")

        return with_client(body)

    def audited(times: int) -> Callable[[], object]:
        async def body(cf: cfclient.Client) -> None:
            async with cfclient.audit(cf, [f"zone-{number}.example" for number in range(times)]) as run:
                read = [zone async for zone in run]
            if len(read) != times or not run.summary.complete:
                raise RuntimeError(f"{len(read)} of {times} zones were read")

        return with_client(body)

    def decoded(times: int) -> Callable[[], object]:
        return lambda: [wire.read(action, page) for _ in range(times)]

    return {"a small call": (small, CALLS), "a zone audited": (audited, ZONES), "a page decoded": (decoded, PAGES)}


def bytes_of_a_record() -> float:
    """How much memory a record of a page takes that is kept."""
    from cfclient import wire
    from cfclient.actions import RecLoadAll

    page, action = canned.page(), RecLoadAll("example.com")
    wire.read(action, page)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [wire.read(action, page) for _ in range(PAGES)]
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / (len(kept) * canned.PAGE_SIZE)


def figures() -> dict[str, float]:
    """Calls for one of each workload: the difference of many and one, after a first time that fills all caches."""
    found: dict[str, float] = {}
    for name, (work, times) in workloads().items():
        work(2)()
        found[name] = round((counted(work(times + 1)) - counted(work(1))) / times, 1)
    return {**found, "bytes of a record": round(bytes_of_a_record(), 1)}


def measured() -> dict[str, float]:
    """The figures, from a process of its own: coverage and other tracing here do not count."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.cost"],
        cwd=Path(__file__).parents[1],
        env={**kept, "PYTHONHASHSEED": "0", "PYTHONTRACEMALLOC": "0"},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    if "--record" in sys.argv:
        recorded = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
        recorded[VERSION] = measured()
        FIGURES.write_text(json.dumps(dict(sorted(recorded.items())), indent=2) + "\n")
        print(f"{FIGURES}: {VERSION}: {recorded[VERSION]}")
    else:
        print(json.dumps(figures()))
