"""What a client makes of real sockets that fail: `make chaos`, a table, checked against the emulator's state.

python -m tests.chaos                  the whole of it
python -m tests.chaos --scale 0.05     a twentieth
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gc
import logging
import platform
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import anyio
import attrs
import httpx

import cfclient
from cfclient import actions as act
from cfclient.audit import ZoneAudit
from cfclient.backends.emulator import DEMO
from cfclient.bulk import Outcome
from cfclient.client import Client
from cfclient.emulated.ids import v4_id
from cfclient.errors import CloudflareError, OutcomeUnknown
from cfclient.http.httpx import Borrowed, Lanes, Timeouts
from cfclient.models import Record, RecordType, ZoneSettings
from cfclient.retry import Retry
from tests.counting import sockets
from tests.faults import AFTER, BEFORE, Service, service

__all__ = ["Row", "audit", "cancelled", "writes"]

SEED: Final = 20151209
_TIMES: Final = Timeouts(connect=5.0, read=0.8, write=0.8, total=2.0)
_PATIENT: Final = Retry(attempts=30, total=120.0, first=0.05, longest=1.0, settle=0.3)


@attrs.frozen(kw_only=True)
class Row:
    """One line of the table."""

    what: str
    http: str
    size: str
    faulted: str
    result: str
    #: what must not be; empty where all is well
    wrong: tuple[str, ...] = ()
    seconds: float = 0.0


# -- ways to the wire ---------------------------------------------------------------------------------


@asynccontextmanager
async def lanes(limit: int) -> AsyncIterator[Any]:
    async with Lanes(limit, timeouts=_TIMES) as http:
        yield http


@asynccontextmanager
async def plain(limit: int) -> AsyncIterator[Any]:
    """A client such as one would make without lanes."""
    timeout = httpx.Timeout(0.8, pool=0.2)
    async with httpx.AsyncClient(timeout=timeout, limits=httpx.Limits(max_connections=limit)) as http:
        yield Borrowed(http, total=2.0)


def _adapter(library: str, limit: int) -> Any:
    from cfclient.http.aiohttp import Aiohttp
    from cfclient.http.pycurl import Pycurl

    return {"aiohttp": Aiohttp, "pycurl": Pycurl}[library](limit=limit, timeouts=_TIMES)


HTTP: Final[dict[str, Callable[[int], Any]]] = {
    "lanes": lanes,
    "plain httpx": plain,
    "aiohttp": functools.partial(_adapter, "aiohttp"),
    "pycurl": functools.partial(_adapter, "pycurl"),
}


def opened(url: str, http: Any, *, retry: bool = True) -> AbstractAsyncContextManager[Client]:
    return cfclient.connect(
        url, email=DEMO.email, token=DEMO.token, http=http, retry=_PATIENT if retry else None, pace=None
    )


@attrs.frozen(kw_only=True)
class Way:
    """What clients see of the truth, by the version of the API that they speak."""

    url: Callable[[Service], str]
    #: the id of a record of the truth
    ident: Callable[[str], str]
    #: what is comparable of a record of the truth, of one that was given, and of a zone's settings
    record: Callable[[Record], object]
    given: Callable[[Record], object]
    settings: Callable[[ZoneSettings], object]


def _by_v4(record: Record) -> tuple[object, ...]:
    kept_as = RecordType.TXT if record.type is RecordType.SPF else record.type
    return record.rec_id, kept_as, record.name, record.content, record.prio, bool(record.service_mode)


WAYS: Final = {
    "v1": Way(
        url=lambda there: there.url,
        ident=lambda ident: ident,
        record=lambda record: record,
        given=lambda record: record,
        settings=lambda settings: settings,
    ),
    # Version 4 has no more of a setting of 2015 than its today's name.
    "v4": Way(
        url=lambda there: there.v4,
        ident=lambda ident: v4_id("record", ident),
        record=lambda record: (v4_id("record", record.rec_id), *_by_v4(record)[1:]),
        given=_by_v4,
        settings=lambda settings: settings.sec_lvl,
    ),
}


def _over(http: str, way: str) -> str:
    return http if way == "v1" else f"{http}, version 4"


def _faulted(met: Any) -> str:
    faults = sum(count for name, count in met.items() if name != "none")
    return f"{faults} of {sum(met.values())}"


# -- an audit -----------------------------------------------------------------------------------------


async def audit(there: Service, *, http: str = "lanes", way: str = "v1", rate: float = 0.1) -> Row:
    """Every zone complete and as the emulator has it; in the midst of it the server is restarted."""
    face, truth = WAYS[way], there.truth().account()
    there.spoil(rate, seed=SEED)
    given: dict[str, ZoneAudit] = {}
    began = time.monotonic()
    async with HTTP[http](20) as wire, opened(face.url(there), wire) as cf:
        restart = len(truth.sites) // 2
        async with cfclient.audit(cf, concurrency=16, all_settings=True) as run:
            async for zone in run:
                given[zone.zone] = zone
                if len(given) == restart:
                    await anyio.to_thread.run_sync(there.ask, "restart")
    seconds = time.monotonic() - began
    met = there.met()
    whole = sum(zone.failure is None for zone in given.values())
    wrong = [f"{site.zone.zone_name} is missing" for site in truth.sites if site.zone.zone_name not in given]
    for site in truth.sites:
        read = given.get(site.zone.zone_name)
        if (
            read is not None
            and read.failure is None
            and read.settings is not None
            and (set(map(face.given, read.records)), face.settings(read.settings))
            != (set(map(face.record, site.records)), face.settings(site.settings))
        ):
            wrong.append(f"{read.zone} is not as it is")
    failed = [f"{one.zone}: {one.failure}" for one in given.values() if one.failure is not None]
    return Row(
        what="an audit, the server restarted in its midst",
        http=_over(http, way),
        size=f"{len(truth.sites)} zones",
        faulted=_faulted(met),
        result=f"{whole - len(wrong)} complete and equal, {len(failed)} named as failed",
        wrong=(*wrong, *failed),
        seconds=seconds,
    )


# -- writes -------------------------------------------------------------------------------------------


async def writes(there: Service, *, number: int, http: str = "lanes", way: str = "v1", rate: float = 0.1) -> Row:
    """`rec_new`, then `rec_edit` and `rec_delete` of what was made; nothing twice, nothing lost and unsaid."""
    draw, face = random.Random(SEED), WAYS[way]
    zones = [site.zone.zone_name for site in there.truth().account().sites][:100]
    creates = [act.RecNew(draw.choice(zones), "A", f"chaos{n}", f"10.0.{n >> 8}.{n & 255}") for n in range(number // 2)]
    there.spoil(rate, seed=SEED)
    began = time.monotonic()
    async with HTTP[http](20) as wire, opened(face.url(there), wire) as cf:
        async with anyio.create_task_group() as tasks:
            for zone in zones:
                tasks.start_soon(_listed, cf, zone)
        made: list[Outcome[Any]] = list(await cf.perform_all(creates, concurrency=24))
        changes: list[act.RecEdit | act.RecDelete] = []
        for n, outcome in enumerate(one for one in made if one.answer is not None):
            assert isinstance(outcome.action, act.RecNew)
            zone, record = outcome.action.zone, outcome.unwrap()
            edit = act.RecEdit(zone, record.rec_id, "A", record.name, f"10.1.{n >> 8}.{n & 255}")
            changes.append(act.RecDelete(zone, record.rec_id) if n % 2 else edit)
        changed: list[Outcome[Any]] = list(await cf.perform_all(changes, concurrency=24))
        # In the place of changes of what was not made, so that there are so many calls in all.
        rest = range(len(creates), number - len(changes))
        more = [act.RecNew(draw.choice(zones), "A", f"chaos{n}", f"10.2.{n >> 8}.{n & 255}") for n in rest]
        made += await cf.perform_all(more, concurrency=24)
    seconds = time.monotonic() - began
    met = there.met()
    truth = {face.ident(record.rec_id): record for site in there.truth().account().sites for record in site.records}
    twice: list[str] = []
    lost: list[str] = []
    by_name = Counter(record.name for record in truth.values())
    gone = {one.action.id for one in changed if isinstance(one.action, act.RecDelete)}
    unknown = there_after_all = 0
    for one in made:
        assert isinstance(one.action, act.RecNew)
        name, error = f"{one.action.name}.{one.action.zone}", one.error
        if by_name[name] > 1:
            twice.append(f"{name} is there {by_name[name]} times")
        if isinstance(error, OutcomeUnknown):
            unknown += 1
            there_after_all += by_name[name]
            if one.action.name not in str(error) or one.action.zone not in str(error):
                lost.append(f"the error does not name {name}")
        elif error is not None:
            surely = not getattr(error, "maybe_carried_out", False)
            if by_name[name] and surely:
                lost.append(f"{name} is there, and surely was not made")
        elif one.unwrap().rec_id not in truth and one.unwrap().rec_id not in gone:
            lost.append(f"{name} was answered and is lost")
    for change in changed:
        assert isinstance(change.action, act.RecEdit | act.RecDelete)
        record = truth.get(change.action.id)
        if change.ok and isinstance(change.action, act.RecDelete) and record is not None:
            lost.append(f"{record.name} was deleted and is there")
        if (
            change.ok
            and isinstance(change.action, act.RecEdit)
            and (record is None or record.content != change.action.content)
        ):
            lost.append(f"{change.action.name} was edited and is not so")
    errors = Counter(type(one.error).__name__ for one in (*made, *changed) if one.error is not None)
    answered = sum(one.ok for one in (*made, *changed))
    others = "".join(f", {count} {name}" for name, count in errors.items() if name != "OutcomeUnknown")
    return Row(
        what="`rec_new`, `rec_edit`, `rec_delete`",
        http=_over(http, way),
        size=f"{len(made) + len(changed)} calls",
        faulted=_faulted(met),
        result=f"{answered} answered, {len(twice)} twice, {len(lost)} lost or untrue; {unknown} `OutcomeUnknown`, "
        f"{there_after_all} of these there after all{others}",
        wrong=(*twice, *lost),
        seconds=seconds,
    )


async def _listed(cf: Client, zone: str) -> None:
    # A zone whose listing fails is one whose ids are not known: its lost creates stay unknown.
    with contextlib.suppress(CloudflareError):
        await cf.records(zone).all()


# -- cancelled calls ----------------------------------------------------------------------------------


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
    with contextlib.suppress(CloudflareError, asyncio.CancelledError):
        await task


CANCELS: Final = {
    "asyncio": (by_anyio, by_timeout, by_wait_for, by_task_cancel),
    "trio": (by_anyio,),
}


async def cancelled(there: Service, *, number: int, then: int, backend: str, http: str = "lanes") -> Row:
    """Calls cancelled at random points, then some that are not: all of those are answered, and nothing is left."""
    draw = random.Random(SEED)
    todo = [(draw.choice(CANCELS[backend]), draw.random() * 0.05) for _ in range(number)]
    open_before, tasks_before = sockets(), _tasks(backend)
    began, wrong, failed, cut = time.monotonic(), list[str](), Counter[str](), 0
    # Asked once each: what poisons a pool is not to be mended by asking again.
    async with HTTP[http](10) as wire, opened(there.direct, wire, retry=False) as cf:
        zone = (await cf.zones().all())[0].zone_name

        async def worker() -> None:
            nonlocal cut
            while todo:
                way, seconds = todo.pop()
                answered = False

                async def call() -> None:
                    nonlocal answered
                    await cf.zone_settings(zone)
                    answered = True

                with contextlib.suppress(CloudflareError):
                    await way(call, seconds)
                cut += not answered

        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(worker)
        after = await cf.perform_all([act.ZoneSettings(zone)] * then, concurrency=30)
        failed.update(type(one.error).__name__ for one in after if one.error is not None)
        if isinstance(wire, Lanes) and (wire.busy or wire.idle > 10):
            wrong.append(f"lanes are left over: {wire!r}")
    gc.collect()
    # A socket that was closed a moment ago is closed: anything still open now is lost.
    if (open_after := sockets()) > open_before:
        wrong.append(f"{open_after - open_before} sockets are left over")
    if (tasks_after := _tasks(backend)) > tasks_before:
        wrong.append(f"{tasks_after - tasks_before} tasks are left over")
    if cut < number / 10:
        wrong.append(f"only {cut} of {number} calls were cut short")
    if failed:
        wrong.append(f"of the next {then} calls {failed.total()} failed: {dict(failed)}")
    return Row(
        what=f"calls cancelled at random ({backend})",
        http=http,
        size=f"{number} calls, {cut} of them cut short",
        faulted="-",
        result=f"of the next {then} calls {then - failed.total()} answered; "
        f"{max(0, open_after - open_before)} sockets and {max(0, tasks_after - tasks_before)} tasks left over",
        wrong=tuple(wrong),
        seconds=time.monotonic() - began,
    )


def _tasks(backend: str) -> int:
    if backend == "asyncio":
        return len(asyncio.all_tasks())
    import trio

    return trio.lowlevel.current_statistics().tasks_living


# -- one of each fault --------------------------------------------------------------------------------


async def one_of_each(there: Service, zones: list[str]) -> dict[str, str]:
    """What each fault comes to for a read that is not asked again: an error's name, or "right" or "wrong"."""
    truth = {site.zone.zone_name: site.settings for site in there.truth().account().sites}
    outcomes: dict[str, str] = {}
    async with lanes(1) as wire, opened(there.url, wire, retry=False) as cf:
        for fault in (*BEFORE, *AFTER):
            there.ask("spoil", rate=1.0, after=0.5, seed=SEED, only=fault)
            zone = zones[len(outcomes) % len(zones)]
            try:
                answer = await cf.zone_settings(zone)
                outcomes[fault] = "right" if answer == truth[zone] else "wrong"
            except CloudflareError as error:
                outcomes[fault] = type(error).__name__
    there.spoil(0.0)
    return outcomes


# -- all of it ----------------------------------------------------------------------------------------


def rows(scale: float) -> Iterator[Row]:
    """The table; what is plain is a tenth of the size."""

    def many(number: int) -> int:
        return max(10, int(number * scale))

    with service(zones=many(200)) as there:
        yield anyio.run(functools.partial(audit, there, way="v4"))
    with service(zones=100) as there:
        yield anyio.run(functools.partial(writes, there, number=many(5000), way="v4"))
    for http, size in (("lanes", 1.0), ("plain httpx", 0.1)):
        with service(zones=many(int(2000 * size))) as there:
            yield anyio.run(functools.partial(audit, there, http=http))
        with service(zones=100) as there:
            yield anyio.run(functools.partial(writes, there, number=many(int(5000 * size)), http=http))
        with service(zones=3, latency=6) as there:
            for backend in CANCELS:
                number, then = many(int(10_000 * size)), many(int(1000 * size))
                run = functools.partial(cancelled, there, number=number, then=then, backend=backend, http=http)
                yield anyio.run(run, backend=backend)
    for http in ("aiohttp", "pycurl"):
        with service(zones=many(400)) as there:
            yield anyio.run(functools.partial(audit, there, http=http))
        with service(zones=100) as there:
            yield anyio.run(functools.partial(writes, there, number=many(1000), http=http))
    with service(zones=3, latency=6) as there:
        for http in ("aiohttp", "pycurl"):
            run = functools.partial(cancelled, there, number=many(1000), then=many(1000), backend="asyncio", http=http)
            yield anyio.run(run)


def heading(command: str) -> str:
    return (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, seed {SEED}:\n\n"
        "| what | over | size | exchanges faulted | result | seconds |\n|---|---|---|---|---|---|"
    )


def line(row: Row) -> str:
    wrong = f" **{len(row.wrong)} wrong**: {row.wrong[0]}" if row.wrong else ""
    return f"| {row.what} | {row.http} | {row.size} | {row.faulted} | {row.result}{wrong} | {row.seconds:.0f} |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    logging.getLogger("cfclient").addHandler(logging.NullHandler())  # the table says it all
    print(heading("make chaos" if options.scale == 1.0 else f"python -m tests.chaos --scale {options.scale:g}"))
    found = list[Row]()
    for row in rows(options.scale):
        print(line(row), flush=True)
        found.append(row)
    bad = [row for row in found if not row.http.startswith("plain httpx") and row.wrong]
    for row in bad:
        print("\n".join(row.wrong[:20]), file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
