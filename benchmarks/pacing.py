"""The window itself, and audits under the service's real limits on a clock that is not real.

    python -m benchmarks.pacing window CALLS
    python -m benchmarks.pacing audit v1|v4 ZONES PRINCIPALS

Prints one line of JSON. The emulator keeps the limit that the service had, 1,200 calls in 300 s for each account,
and counts what it refused; 200 calls a second are the least that all accounts together need by the egress limit.
"""

from __future__ import annotations

import bisect
import json
import math
import sys
from typing import Any

import anyio
import trio
from trio.testing import MockClock

from benchmarks.measure import cpu_seconds

CALLS, SECONDS, EGRESS, LATENCY = 1200, 300.0, 200, 0.05


#: by the way: how many records and how many zones one call can list, and the calls for the settings of a zone;
#: on version 4 each setting is a call of its own, and without rules none is needed
LEAST = {"v1": (180, 180, 1), "v4": (5000, 50, 0)}


async def window(calls: int) -> dict[str, Any]:
    """So many calls wait for one window at once; each has ended 50 ms after it began."""
    from cfclient.pace.policy import Rate
    from cfclient.pace.window import Window

    one = Window(Rate(CALLS, SECONDS))
    began: list[float] = []

    async def call() -> None:
        await one.take(True)
        began.append(trio.current_time())
        await trio.sleep(LATENCY)
        one.end()

    start, cpu = trio.current_time(), cpu_seconds()
    async with trio.open_nursery() as nursery:
        for _ in range(calls):
            nursery.start_soon(call)
    cpu = cpu_seconds() - cpu
    # Whoever began this late, with all who began within the window before.
    most = max(index - bisect.bisect_right(began, moment - SECONDS) + 1 for index, moment in enumerate(began))
    least = (math.ceil(calls / CALLS) - 1) * SECONDS
    return {"us": 1e6 * cpu / calls, "of_least": (began[-1] - start) / least, "most_in_a_window": most}


async def audit(face: str, zones: int, principals: int) -> dict[str, Any]:
    """An audit without rules: the settings and all records of every zone; it need leave nothing to others."""
    import httpx

    import cfclient
    from cfclient.backends.account import Account
    from cfclient.backends.emulator import Emulator

    demo = cfclient.emulator(zones=zones).accounts[0]
    share = math.ceil(zones / principals)
    accounts = [
        Account(
            email=f"user-{index}@example.com",
            key=f"key-{index}",
            sites=demo.sites[index * share : (index + 1) * share],
        )
        for index in range(principals)
    ]
    service = Emulator(accounts, limit=(CALLS, SECONDS), latency=LATENCY, clock=trio.current_time)
    app = cfclient.gateway(service.connect) if face == "v1" else service.v4
    url = "http://127.0.0.1/" + ("api_json.html" if face == "v1" else "client/v4")
    pace = cfclient.Pace(bulk_leaves=0)
    start, read = trio.current_time(), 0

    async def one(client: cfclient.Client) -> None:
        nonlocal read
        async with cfclient.audit(client, rules=(), concurrency=50) as run:
            async for zone in run:
                if zone.failure is not None:
                    raise SystemExit(f"{zone.zone}: {zone.failure}")
                read += 1

    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app), timeout=None) as http,
        cfclient.connect(url, email=accounts[0].email, token=accounts[0].key, http=http, pace=pace) as cf,
        anyio.create_task_group() as tasks,
    ):
        for account in accounts:
            tasks.start_soon(one, cf.acting_as(cfclient.Credentials(account.email, account.key)))
    took = trio.current_time() - start
    asked = service.calls.total()
    # The largest account's least: its calls in windows; and all calls together by the egress limit.
    each = math.ceil(asked / principals)
    least = max((math.ceil(each / CALLS) - 1) * SECONDS, asked / EGRESS)
    records, listed, settings = LEAST[face]
    pages = sum(max(1, math.ceil(len(site.records) / records)) for site in demo.sites)
    return {
        "zones": read,
        "calls": asked,
        "calls_per_zone": asked / read,
        "least_calls_per_zone": (pages + settings * read + principals * max(1, math.ceil(share / listed))) / read,
        "seconds": took,
        "least_seconds": least,
        "of_least": took / least,
    }


def main() -> None:
    """The command line."""
    if sys.argv[1] == "window":
        found = trio.run(window, int(sys.argv[2]), clock=MockClock(autojump_threshold=0))
    else:
        found = trio.run(audit, sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), clock=MockClock(autojump_threshold=0))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
