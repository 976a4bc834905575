"""Minutes at full speed: does memory grow, are sockets left? `make soak`, or `python -m tests.soak --minutes 3`.

Reads, sets, creates with their deletes, and one call in ten cancelled, twenty at a time, against a server in
another process. What is held is counted every ten seconds, when nothing is under way.

Before anything is judged, every memory that is bounded by a number is filled, by so many calls and not by time:
five times as many records are created and deleted as retrying remembers, which is a tenth of what it remembers
otherwise, so that minutes suffice. What cancelled calls leave behind at the service is deleted before each count,
so that what is asked stays as large as it was.
"""

from __future__ import annotations

import argparse
import gc
import logging
import platform
import random
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final

import anyio
import attrs

import cfclient
from cfclient.backends.emulator import DEMO
from cfclient.client import Client
from cfclient.http.httpx import Lanes
from cfclient.pace import Pace
from cfclient.retry import _Known
from tests.counting import resident, sockets
from tests.faults import service

__all__ = ["WARM", "Sample", "grown", "soak"]

_AT_ONCE: Final = 20

#: so many ids are remembered for retrying here instead of 20,000, and so many creates fill that many times over
REMEMBERED: Final = 2_000
WARM: Final = 5 * REMEMBERED

# A window that is never full at any speed reached here, and never longer than what one round leaves in it.
_PACE: Final = Pace(calls=100_000, seconds=1.0, egress=None)


@attrs.frozen(kw_only=True)
class Sample:
    """What was held at one moment."""

    seconds: float
    calls: int
    kib: int
    #: beside those of idle lanes, of which there are as many as the last calls needed
    sockets: int
    tasks: int
    #: blocks of memory that Python objects occupy
    blocks: int = 0


async def soak(
    url: str, *, seconds: float, every: float = 10.0, warm: int = WARM, seed: int = 1
) -> tuple[int, list[Sample]]:
    """Fills what is bounded, then asks for so long, and counts now and then; the calls before, and the counts."""
    draw, calls, before, samples = random.Random(seed), 0, 0, list[Sample]()

    async with (
        Lanes(_AT_ONCE) as lanes,
        cfclient.connect(url, email=DEMO.email, token=DEMO.token, http=lanes, pace=_PACE) as cf,
    ):
        zones = [zone.zone_name async for zone in cf.zones()]

        async def round_(work: Callable[[int], Coroutine[Any, Any, None]]) -> None:
            async with anyio.create_task_group() as tasks:
                for number in range(_AT_ONCE):
                    tasks.start_soon(work, number)

        async def warming(number: int) -> None:
            nonlocal warm, before
            while warm > 0:
                warm -= 1
                made = await _made(cf, draw.choice(zones), f"soak{number}")
                before += made

        await round_(warming)
        # One round of everything, for what is made at the first use.
        until = time.monotonic() + every

        async def worker(number: int) -> None:
            nonlocal calls
            while time.monotonic() < until:
                patience = 0.01 * draw.random() if draw.random() < 0.1 else float("inf")
                with anyio.move_on_after(patience):
                    made = await _something(cf, draw, draw.choice(zones), f"soak{number}")
                    calls += made  # not in one line: others count while this one waits

        await round_(worker)
        before, calls = before + calls, 0
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            until = time.monotonic() + min(every, seconds)
            await round_(worker)
            await _swept(cf, zones)
            gc.collect()
            samples.append(
                Sample(
                    seconds=time.monotonic() - began,
                    calls=calls,
                    kib=resident(),
                    sockets=sockets() - lanes.idle,
                    tasks=lanes.busy,
                    blocks=sys.getallocatedblocks(),
                )
            )
    return before, samples


async def _made(cf: Client, zone: str, name: str) -> int:
    record = await cf.rec_new(zone, "A", name, "192.0.2.1")
    await cf.rec_delete(zone, record.rec_id)
    return 2


async def _swept(cf: Client, zones: list[str]) -> None:
    """Deletes what cancelled calls have left behind."""
    for zone in zones:
        for record in await cf.records(zone).all():
            if record.name.startswith("soak"):
                await cf.rec_delete(zone, record.rec_id)


async def _something(cf: Client, draw: random.Random, zone: str, name: str) -> int:
    """Some calls, and how many."""
    match draw.randrange(5):
        case 0:
            return len(await cf.records(zone).all()) // 180 + 1
        case 1:
            await cf.sec_lvl(zone, draw.choice(["high", "low"]))
        case 2:
            return await _made(cf, zone, name)
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
    if sum(one.blocks for one in last) > 1.01 * sum(one.blocks for one in second):
        found.append("objects")
    if any(one.tasks for one in samples):
        found.append("exchanges under way")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.5)
    options = parser.parse_args()
    logging.getLogger("cfclient").addHandler(logging.NullHandler())
    _Known._IDS = REMEMBERED  # type: ignore[misc]  # it is final for everybody else
    with service(zones=20) as there:
        before, samples = anyio.run(lambda: soak(there.direct, seconds=60 * options.minutes))
    print(
        f"`make soak`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {_AT_ONCE} at a time, "
        f"after {before} calls that fill what is bounded:\n"
    )
    print("| seconds | calls | calls a second | memory, KiB | blocks of objects | sockets beside idle lanes |")
    print("|---|---|---|---|---|---|")
    last = Sample(seconds=0.0, calls=0, kib=0, sockets=0, tasks=0, blocks=0)
    for number, one in enumerate(samples):
        rate = (one.calls - last.calls) / (one.seconds - last.seconds)
        last = one
        if number % 3 == 2 or number == 0:
            print(f"| {one.seconds:.0f} | {one.calls} | {rate:.0f} | {one.kib} | {one.blocks} | {one.sockets} |")
    found = grown(samples)
    print(f"\n{'Grown: ' + ', '.join(found) if found else 'Nothing has grown from the second third to the last.'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
