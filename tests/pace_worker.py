"""One process of the test of shared budgets: so many calls as fast as the budget lets them; prints when each was sent.

python -m tests.pace_worker STORE CALLS LIMIT SECONDS [hang]

With `hang` no exchange ever ends; it says so when all are under way, and waits to be killed.
"""

from __future__ import annotations

import math
import sys
import time

import anyio

from cfclient.backend import Credentials, departed
from cfclient.http import Reply, Request
from cfclient.pace import Pace, Pacing

sent: list[float] = []


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
    me = Credentials("me@example.com", "key")
    pace = Pace(calls=limit, seconds=seconds, egress=None, store=store, max_wait=math.inf)
    service = Hanging(calls) if how == "hang" else Noting()
    pacing = Pacing(service, pace, url="https://v1.example/", credentials=me)
    http, left = pacing.http(me), calls
    await http.budget()  # connected
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await anyio.to_thread.run_sync(sys.stdin.readline)

    async def work() -> None:
        nonlocal left
        while left:
            left -= 1
            await http.exchange(Request(method="GET", url="https://v1.example/"))

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(work)
    finally:
        await pacing.aclose()
    sys.stdout.write("\n".join(f"{at:.6f}" for at in sent))


if __name__ == "__main__":
    import anyio.to_thread

    anyio.run(main, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), "".join(sys.argv[5:]))
