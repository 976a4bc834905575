"""Minutes at full speed: does memory grow, are sockets left? `make soak`, or `python -m tests.soak --minutes 3`.

Reads, sets, creates with their deletes, and one call in ten cancelled, twenty at a time, against a server in
another process. What is held is counted every ten seconds, when nothing is under way.
"""

from __future__ import annotations

import argparse
import gc
import logging
import platform
import random
import sys
import time
from datetime import UTC, datetime
from typing import Final

import anyio
import attrs

import cfclient
from cfclient.backends.emulator import DEMO
from cfclient.client import Client
from cfclient.http.httpx import Lanes
from tests.counting import resident, sockets
from tests.faults import service

__all__ = ["Sample", "grown", "soak"]

_AT_ONCE: Final = 20


@attrs.frozen(kw_only=True)
class Sample:
    """What was held at one moment."""

    seconds: float
    calls: int
    kib: int
    sockets: int
    tasks: int


async def soak(url: str, *, seconds: float, every: float = 10.0, seed: int = 1) -> list[Sample]:
    """Asks for so long, and counts now and then."""
    draw, calls, samples, began = random.Random(seed), 0, list[Sample](), time.monotonic()

    async with (
        Lanes(_AT_ONCE) as lanes,
        cfclient.connect(url, email=DEMO.email, token=DEMO.token, http=lanes, pace=None) as cf,
    ):
        zones = [zone.zone_name async for zone in cf.zones()]
        while time.monotonic() - began < seconds:
            until = time.monotonic() + min(every, seconds)

            async def worker(number: int, until: float = until) -> None:
                nonlocal calls
                while time.monotonic() < until:
                    patience = 0.01 * draw.random() if draw.random() < 0.1 else float("inf")
                    with anyio.move_on_after(patience):
                        made = await _something(cf, draw, draw.choice(zones), f"soak{number}")
                        calls += made  # not in one line: others count while this one waits

            async with anyio.create_task_group() as tasks:
                for number in range(_AT_ONCE):
                    tasks.start_soon(worker, number)
            gc.collect()
            samples.append(
                Sample(
                    seconds=time.monotonic() - began,
                    calls=calls,
                    kib=resident(),
                    sockets=sockets(),
                    tasks=lanes.busy,
                )
            )
    return samples


async def _something(cf: Client, draw: random.Random, zone: str, name: str) -> int:
    """Some calls, and how many."""
    match draw.randrange(5):
        case 0:
            return len(await cf.records(zone).all()) // 180 + 1
        case 1:
            await cf.sec_lvl(zone, draw.choice(["high", "low"]))
        case 2:
            record = await cf.rec_new(zone, "A", name, "192.0.2.1")
            await cf.rec_delete(zone, record.rec_id)
            return 2
        case _:
            await cf.zone_settings(zone)
    return 1


def grown(samples: list[Sample]) -> list[str]:
    """What is more in the last third than in the second: nothing should be."""
    third = len(samples) // 3
    second, last = samples[third : 2 * third], samples[-third:]
    found = []
    if max(one.sockets for one in last) > max(one.sockets for one in second):
        found.append("sockets")
    if sum(one.kib for one in last) > 1.02 * sum(one.kib for one in second):
        found.append("memory")
    if any(one.tasks for one in samples):
        found.append("exchanges under way")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.5)
    options = parser.parse_args()
    logging.getLogger("cfclient").addHandler(logging.NullHandler())
    # Few records, and those that cancelled calls leave behind: the emulator's lists grow a little.
    with service(zones=20) as there:
        samples = anyio.run(lambda: soak(there.direct, seconds=60 * options.minutes))
    print(f"`make soak`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {_AT_ONCE} at a time:\n")
    print("| seconds | calls | calls a second | memory, KiB | sockets |\n|---|---|---|---|---|")
    before = Sample(seconds=0.0, calls=0, kib=0, sockets=0, tasks=0)
    for number, one in enumerate(samples):
        rate = (one.calls - before.calls) / (one.seconds - before.seconds)
        before = one
        if number % 3 == 2 or number == 0:
            print(f"| {one.seconds:.0f} | {one.calls} | {rate:.0f} | {one.kib} | {one.sockets} |")
    found = grown(samples)
    print(f"\n{'Grown: ' + ', '.join(found) if found else 'Nothing has grown from the second third to the last.'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
