"""One process of the test of shared budgets: so many calls as fast as the budget lets them; prints when each was sent.

python -m tests.pace_worker STORE CALLS LIMIT SECONDS [hang | NAME]

With `hang` no exchange ever ends; it says so when all are under way, and waits to be killed. With another name it
acts as that principal, and the limit is the one of the network address.
The first line of what it prints at the end is for how many seconds the machine did not let it run.
"""

from __future__ import annotations

import math
import sys
import time

import anyio
import attrs

from cfclient.backend import Credentials, departed
from cfclient.http import Reply, Request
from cfclient.pace import Pace, Pacing

sent: list[float] = []

# How often it looks whether it runs, in seconds.
_BEAT = 0.005


class Noting:
    """An adapter that notes the time, on the clock that all processes of a host share."""

    async def exchange(self, _: Request, /) -> Reply:
        departed()
        sent.append(time.monotonic())
        return Reply(status=200)


class Hanging:
    """An adapter whose exchanges never end."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    async def exchange(self, _: Request, /) -> Reply:
        departed()
        self.left -= 1
        if not self.left:
            sys.stdout.write("under way\n")
            sys.stdout.flush()
        await anyio.sleep_forever()
        raise AssertionError


async def main(store: str, calls: int, limit: int, seconds: float, how: str) -> None:
    """All calls over one paced adapter, many at once."""
    name = "" if how == "hang" else how
    me = Credentials(f"{name or 'me'}@example.com", "key")
    pace = Pace(egress=(limit, seconds)) if name else Pace(calls=limit, seconds=seconds, egress=None)
    pace = attrs.evolve(pace, store=store, max_wait=math.inf)
    service = Hanging(calls) if how == "hang" else Noting()
    pacing = Pacing(service, pace, url="https://v1.example/", credentials=me)
    http, left = pacing.http(me), calls
    await http.budget()  # connected
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await anyio.to_thread.run_sync(sys.stdin.readline)

    missed = 0.0

    async def beat() -> None:
        nonlocal missed
        while True:
            before = time.monotonic()
            await anyio.sleep(_BEAT)
            missed += time.monotonic() - before - _BEAT

    async def work() -> None:
        nonlocal left
        while left:
            left -= 1
            await http.exchange(Request(method="GET", url="https://v1.example/"))

    try:
        async with anyio.create_task_group() as beating:
            beating.start_soon(beat)
            async with anyio.create_task_group() as tasks:
                for _ in range(100):
                    tasks.start_soon(work)
            beating.cancel_scope.cancel()
    finally:
        await pacing.aclose()
    sys.stdout.write("\n".join(map(repr, [missed, *sent])))


if __name__ == "__main__":
    import anyio.to_thread

    anyio.run(main, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), "".join(sys.argv[5:]))
