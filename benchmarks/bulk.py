"""Bulk zone queries: cfclient beside a plain httpx client on the same work, as ratios of paired runs.

The parent starts one server and, for each number in flight, the two peers in turn; each peer is a
process of its own (`--worker`) that prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

EMAIL, TOKEN = "demo@example.com", "demo-key"
IN_FLIGHT = (1, 20, 100, 500, 1000)


# -- the two peers: each reads one zone whole and says how many calls that took --------------------------


async def with_cfclient(url: str, names: list[str], in_flight: int) -> dict[str, Any]:
    """The work with cfclient."""
    import cfclient

    async with cfclient.connect(url, email=EMAIL, token=TOKEN) as cf:

        async def zone(name: str) -> int:
            calls = 1
            await cf.zone_settings(name)
            async for _ in cf.records(name).pages():
                calls += 1
            return calls

        return await measured(zone, names, in_flight)


async def with_httpx(url: str, names: list[str], in_flight: int) -> dict[str, Any]:
    """The work with a plain `httpx.AsyncClient` as it comes, `json` and dicts."""
    import httpx

    async with httpx.AsyncClient() as client:

        async def call(**parameters: str | int) -> dict[str, Any]:
            reply = await client.post(url, data={"email": EMAIL, "tkn": TOKEN, **parameters})
            data: dict[str, Any] = reply.json()
            if data["result"] != "success":
                raise RuntimeError(data["msg"])
            response: dict[str, Any] = data["response"]
            return response

        async def zone(name: str) -> int:
            await call(a="zone_settings", z=name)
            calls, offset, more = 1, 0, True
            while more:
                page = (await call(a="rec_load_all", z=name, o=offset))["recs"]
                calls, offset, more = calls + 1, offset + page["count"], page["has_more"]
            return calls

        return await measured(zone, names, in_flight)


PEERS = {"cfclient": with_cfclient, "httpx": with_httpx}


async def measured(zone: Callable[[str], Awaitable[int]], names: list[str], in_flight: int) -> dict[str, Any]:
    """All zones gathered, so many in flight; the first call (connection, imports) is not counted."""
    await zone(names[0])
    gate = asyncio.Semaphore(in_flight)
    took: list[float] = []

    async def one(name: str) -> int | None:
        async with gate:
            began = time.perf_counter()
            try:
                calls = await zone(name)
            except Exception as error:
                failures.append(type(error).__name__)
                return None
            took.append(time.perf_counter() - began)
            return calls

    failures: list[str] = []
    cpu, began = cpu_seconds(), time.perf_counter()
    calls = [found for found in await asyncio.gather(*map(one, names)) if found is not None]
    wall, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    done = len(calls) or 1
    return {
        "cpu": 1000 * cpu / done,
        "wall": wall,
        "zones_per_second": len(calls) / wall,
        "p99": 1000 * percentile(took, 99),
        "calls": sum(calls) / done,
        "failures": len(failures),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def cpu_seconds() -> float:
    """User and system time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def percentile(values: list[float], percent: int) -> float:
    """By nearest rank; 0 where there is none."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else 0.0


# -- the parent -----------------------------------------------------------------------------------------


@contextmanager
def served(zones: int) -> Iterator[str]:
    """A demo account under `cfclient serve` in another process; its address."""
    options = ["--demo", "--zones", str(zones), "--port", "0", "--limit", "1000000000/1"]
    command = [sys.executable, "-m", "cfclient", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            server.wait(timeout=30)


def run(peer: str, url: str, in_flight: int, copies: int) -> dict[str, Any]:
    """One run of one peer in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.bulk", "--worker", peer, "--url", url]
    command += ["--inflight", str(in_flight), "--copies", str(copies)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


async def zone_names(url: str) -> list[str]:
    """The names of the account's zones."""
    import cfclient

    async with cfclient.connect(url, email=EMAIL, token=TOKEN) as cf:
        return [zone.zone_name async for zone in cf.zones()]


def spread(values: list[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


#: what is compared round by round: the figure, its heading, and which side is the better one
RATIOS = (("cpu", "CPU per zone", "less"), ("zones_per_second", "zones/s", "more"), ("p99", "p99", "less"))


def compare(in_flights: list[int], rounds: int, zones: int, copies: int) -> None:
    """The tables: the ratios first, then the medians that they are made of."""
    print(f"{zones} zones x {copies}, each its settings and all its records; {rounds} rounds, in turn\n")
    results: dict[int, dict[str, list[dict[str, Any]]]] = {}
    print("cfclient / httpx: median (lowest-highest)")
    print(f"{'in flight':>9}" + "".join(f"  {f'{title} ({better} is better)':30}" for _, title, better in RATIOS))
    with served(zones) as url:
        for in_flight in in_flights:
            runs = results[in_flight] = {peer: [] for peer in PEERS}
            for _ in range(rounds):
                for peer, done in runs.items():
                    done.append(run(peer, url, in_flight, copies))
            pairs = list(zip(runs["cfclient"], runs["httpx"], strict=True))
            ratios = (spread([ours[key] / (theirs[key] or math.nan) for ours, theirs in pairs]) for key, _, _ in RATIOS)
            print(f"{in_flight:9d}" + "".join(f"  {ratio:30}" for ratio in ratios), flush=True)
    print("\nmedians; failures are summed over all rounds")
    print("in flight  peer      CPU ms/zone  calls/zone  zones/s   p99 ms  peak MiB  failures")
    for in_flight, runs in results.items():
        for peer, done in runs.items():
            middle = {key: statistics.median(one[key] for one in done) for key in done[0]}
            print(
                f"{in_flight:9d}  {peer:8}  {middle['cpu']:11.2f}  {middle['calls']:10.2f}  "
                f"{middle['zones_per_second']:7.0f}  {middle['p99']:7.0f}  {middle['peak_mib']:8.0f}  "
                f"{sum(one['failures'] for one in done):8d}"
            )


# -- the real limit, on a clock that is not ---------------------------------------------------------------


def under_the_limit(calls: int) -> None:
    """A job of so many calls under 1,200 in 300 s, against the least time that the limit allows."""
    import trio
    from trio.testing import MockClock

    import cfclient

    async def job() -> tuple[float, int]:
        account = cfclient.emulator(zones=25, limit=(1200, 300.0), latency=0.05, clock=trio.current_time)
        began = trio.current_time()
        async with cfclient.connect(account.connect) as cf:
            names = [zone.zone_name async for zone in cf.zones()]
            todo = (cfclient.actions.ZoneSettings(names[index % len(names)]) for index in range(calls - 1))
            outcomes = await cf.perform_all(todo, concurrency=50)
        assert all(outcome.ok for outcome in outcomes)
        return trio.current_time() - began, account.calls.total() - calls

    took, refused = trio.run(job, clock=MockClock(autojump_threshold=0))
    least = (math.ceil(calls / 1200) - 1) * 300
    print(
        f"\n{calls} calls under the limit of 1,200 in 300 s (simulated clock; no pacing yet, refusals hold the job "
        f"back): {took:.0f} s, {took / least:.3f} of the least possible {least} s; {refused} calls refused on the way"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how many times each peer runs")
    parser.add_argument("--zones", type=int, default=100, help="zones of the demo account")
    parser.add_argument("--copies", type=int, default=5, help="how many times each zone is read in a run")
    parser.add_argument("--inflight", type=int, action="append", help="zones in flight; may be given several times")
    parser.add_argument("--worker", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        names = asyncio.run(zone_names(arguments.url)) * arguments.copies
        figures = asyncio.run(PEERS[arguments.worker](arguments.url, names, arguments.inflight[0]))
        print(json.dumps(figures))
        return
    packages = ", ".join(f"{name} {version(name)}" for name in ("httpx", "httpcore", "anyio", "msgspec", "uvicorn"))
    print(f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}; {packages}\n")
    compare(arguments.inflight or list(IN_FLIGHT), arguments.rounds, arguments.zones, arguments.copies)
    under_the_limit(3000)


if __name__ == "__main__":
    main()
