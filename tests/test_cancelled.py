"""Web apps cancel calls all day: what 2,000 cancelled calls leave behind, with the server in another process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest

import cfclient
from cfclient.http.httpx import Lanes
from tests.counting import needs_proc, sockets
from tests.served import demo_server

pytestmark = pytest.mark.anyio

CALLS = 2000
TASKS = 30


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that takes a few milliseconds for each call."""
    with demo_server("--zones", "3", "--latency", "6", "--limit", "1000000/1") as url:
        yield url


async def by_anyio(call: Callable[[], Awaitable[Any]], seconds: float) -> None:
    with anyio.move_on_after(seconds):
        await call()


async def by_timeout(call: Callable[[], Awaitable[Any]], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await call()


async def by_wait_for(call: Callable[[], Awaitable[Any]], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(call(), seconds)


async def by_task_cancel(call: Callable[[], Awaitable[Any]], seconds: float) -> None:
    task = asyncio.ensure_future(call())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])


@needs_proc
async def test_cancelled_calls_leave_nothing_behind(address: str, anyio_backend: str) -> None:
    """The next calls are all answered at once, and no lane, socket or task is left."""
    ways = [by_anyio] if anyio_backend == "trio" else [by_anyio, by_timeout, by_wait_for, by_task_cancel]
    draw = random.Random(20150612)
    todo = [(draw.choice(ways), draw.random() * 0.012) for _ in range(CALLS)]
    open_before = sockets()
    tasks_before = asyncio.all_tasks() if anyio_backend == "asyncio" else set()

    async with Lanes(10) as lanes:
        async with cfclient.connect(address, email="demo@example.com", token="demo-key", http=lanes, pace=None) as cf:
            zone = (await cf.zones().all())[-1].zone_name
            cut_short = 0

            async def worker() -> None:
                nonlocal cut_short
                while todo:
                    way, seconds = todo.pop()
                    answered = False

                    async def call() -> None:
                        nonlocal answered
                        await cf.zone_settings(zone)
                        answered = True

                    await way(call, seconds)
                    cut_short += not answered

            async with anyio.create_task_group() as tasks:
                for _ in range(TASKS):
                    tasks.start_soon(worker)
            retired = lanes.retired
            outcomes = await cf.perform_all([cfclient.actions.ZoneSettings(zone)] * 300, concurrency=50)

        assert cut_short > CALLS / 4, "the test cancels less than it means to"
        assert [] == [outcome.error for outcome in outcomes if not outcome.ok]
        assert retired == lanes.retired > 0
        assert (0, True) == (lanes.busy, 0 < lanes.idle <= 10)
    gc.collect()

    assert open_before == sockets()
    if anyio_backend == "asyncio":
        assert tasks_before == asyncio.all_tasks()
