"""Budgets that processes share: by a file, and by Redis."""

from __future__ import annotations

import asyncio
import itertools
import math
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio

import cfclient
from cfclient.backend import Credentials, departed, in_bulk
from cfclient.errors import ConfigurationError, ConnectionFailed, RateLimited
from cfclient.http import Reply, Request
from cfclient.pace import Pace, Pacing
from cfclient.pace.file import File
from cfclient.pace.policy import Rate
from cfclient.pace.shared import Answer, Ask, Ended, Reach, Shared, Store, StoreFailed, key_of
from cfclient.pace.window import Window
from cfclient.retry import Retry
from tests.test_pace import on_mock_clock

ROOT = Path(__file__).resolve().parents[1]
URL = "https://v1.example/api_json.html"
ME = Credentials("me@example.com", "key")
_DATABASES = itertools.count(1)
ASK = Request(method="POST", url=URL)


class Service:
    """Answers at once."""

    def __init__(self, *script: Reply) -> None:
        self.script = list(script)
        self.calls = 0

    async def exchange(self, _: Request, /) -> Reply:
        departed()
        self.calls += 1
        return self.script.pop(0) if self.script else Reply(status=200)


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    """The address of a Redis that is ours alone."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if "Ready to accept connections" in line:
                break
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.communicate(timeout=20)


@pytest.fixture(params=["file", pytest.param("redis", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store's address."""
    if request.param == "file":
        return f"file:{tmp_path / 'budget.db'}"
    # A database of its own for each test.
    address: str = request.getfixturevalue("redis")
    return f"{address.removesuffix('/0')}/{next(_DATABASES)}"


def pacing(store: str, service: Any, **options: Any) -> Pacing:
    """The pacing of one process."""
    return Pacing(service, Pace(**{"egress": None, "store": store, **options}), url=URL, credentials=ME)


def in_four_processes(address: str, calls: int, limit: int, seconds: float, *names: str) -> tuple[list[float], float]:
    """When each call was sent, on the one clock of this host; and for how long a process could not run at the most."""
    command = [sys.executable, "-m", "tests.pace_worker", address, str(calls), str(limit), str(seconds)]
    workers = [
        subprocess.Popen(
            [*command, *names[number : number + 1]],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert "ready\n" == worker.stdout.readline()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
        told = [list(map(float, worker.communicate(timeout=100)[0].split())) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return sorted(at for _, *sent in told for at in sent), max(missed for missed, *_ in told)


def never_above(sent: list[float], limit: int, seconds: float) -> bool:
    """Whether each call came a whole window after the one that is so many before it.

    It does however slow the machine is: a place comes back so long after the end of its exchange. A microsecond
    is for the rounding of what goes to a store.
    """
    return all(later - earlier > seconds - 1e-6 for earlier, later in zip(sent, sent[limit:], strict=False))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "redis"])
def test_four_processes_never_exceed_the_limit_and_use_it(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """2,000 calls each at 400 in 1 s: none too many in any second, and at least 95 % of what is allowed."""
    address = f"file:{tmp_path / 'budget.db'}" if kind == "file" else request.getfixturevalue("redis")
    sent, missed = in_four_processes(address, 2000, 400, 1.0)

    assert 8000 == len(sent)
    assert never_above(sent, 400, 1.0)
    # All but the first 400 had to wait for places, so many a second; where the machine gave a process no time to
    # ask, nobody could use them.
    assert (8000 - 400) / 400 >= 0.95 * (sent[-1] - sent[0] - missed)


def test_four_processes_never_exceed_the_limit(tmp_path: Path) -> None:
    """A small one of it, for every run of the tests."""
    sent, _ = in_four_processes(f"file:{tmp_path / 'budget.db'}", 40, 40, 0.25)

    assert 160 == len(sent)
    assert never_above(sent, 40, 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "redis"])
def test_four_processes_of_four_principals_never_exceed_the_limit_of_their_address(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """200 a second for all of them together, though each has a budget of its own that is larger."""
    address = f"file:{tmp_path / 'budget.db'}" if kind == "file" else request.getfixturevalue("redis")
    sent, _ = in_four_processes(f"{address}?egress={kind}", 150, 200, 1.0, "ann", "bob", "eve", "joe")

    assert 600 == len(sent)
    assert never_above(sent, 200, 1.0)


# -- one step of a store ------------------------------------------------------------------------------


def ask(**options: Any) -> Ask:
    """One step, of a budget of four calls in 100 s."""
    return Ask(**{"key": "k", "rates": (Rate(4, 100),), **options})


@pytest.mark.parametrize("kind", ["file", pytest.param("redis", marks=pytest.mark.slow)])
def test_a_step_gives_what_there_is_and_says_how_long_to_wait(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Places last until they are told to have ended, and then for the window; bulk work leaves some."""
    address = None if kind == "file" else request.getfixturevalue("redis")

    async def main() -> None:
        store: Store
        if address is None:
            store = File(str(tmp_path / "b.db"))
        else:
            from cfclient.pace.redis import Redis

            store = Redis(address, shown=address)
        try:
            bulk = await store.step(ask(want=9, leaves=0.25))
            assert (3, 3, 0) == (len(bulk.places), bulk.used, bulk.held)
            assert pytest.approx(160, abs=5) == bulk.full
            none = await store.step(ask(want=1, leaves=0.25))
            assert () == none.places
            assert pytest.approx(100, abs=5) == none.wait
            more = await store.step(ask(want=9))
            assert 1 == len(more.places)
            first, second, _ = bulk.places
            ended = (Ended(first, -101.0), Ended(second, -70.0), Ended("unknown", 9.0))
            again = await store.step(ask(ended=ended))
            assert (3, ()) == (again.used, again.places)
            waits = await store.step(ask(want=2, leaves=0.25))
            assert () == waits.places
            assert pytest.approx(30, abs=5) == waits.wait
            held = await store.step(ask(want=1, hold=20))
            assert () == held.places
            assert pytest.approx(20, abs=5) == held.held
            assert 20 >= (await store.step(ask(hold=5))).held > 10
            assert 0 == (await store.step(ask(key="other"))).used
        finally:
            await store.aclose()

    anyio.run(main)


def test_a_file_survives_a_restart_and_a_reboot(tmp_path: Path) -> None:
    """Places are there for the next process; after a reboot they last no shorter than they must."""
    path, now = str(tmp_path / "b.db"), [1000.0]

    async def step(**options: Any) -> Any:
        store = File(path, clock=lambda: now[0])
        try:
            return await store.step(ask(**options))
        finally:
            await store.aclose()

    async def main() -> list[Any]:
        (place,) = (await step(want=1)).places
        await step(ended=(Ended(place, 0.0),), hold=50)
        now[0] = 1040.0
        before = await step()
        now[0] = 5.0  # the clock of another boot
        after = await step()
        now[0] = 54.0
        last = await step()
        now[0] = 61.0
        return [before, after, last, await step()]

    before, after, last, gone = anyio.run(main)

    assert [(1, 60.0, 10.0), (1, 55.0, 5.0)] == [(one.used, one.full, one.held) for one in (before, after)]
    assert [1, 0] == [last.used, gone.used]


# -- a paced client -----------------------------------------------------------------------------------


def test_clients_of_two_event_loops_share_what_is_left(store: str) -> None:
    """As two processes do, however the address is spelt; nothing of the principal's name is in the store."""

    async def main(who: Credentials) -> cfclient.Budget:
        of = pacing(store, Service(), calls=5)
        try:
            await of.http(who).exchange(ASK)
            return await of.http(who).budget()
        finally:
            await of.aclose()

    found = [anyio.run(main, ME), anyio.run(main, Credentials("ME@Example.com", "key"))]

    assert [4, 3] == [budget.left for budget in found]
    assert 290 < found[0].full <= 300
    if store.startswith("file:"):
        assert b"example.com" not in Path(store.removeprefix("file:")).read_bytes()


@pytest.mark.parametrize("order", [1, -1])
def test_processes_of_one_principal_share_its_budget_however_long_their_windows_are(store: str, order: int) -> None:
    """Each limit holds for all of them, until nobody has asked for it for as long as it lasts."""

    async def used(**options: Any) -> cfclient.Budget:
        of = pacing(store, Service(), **options)
        try:
            await of.http(ME).exchange(ASK)
            return await of.http(ME).budget()
        finally:
            await of.aclose()

    async def refused() -> None:
        with cfclient.max_wait(0.5):
            await used(calls=9, seconds=200)

    kinds: list[dict[str, Any]] = [{"calls": 9, "seconds": 200}, {"calls": 3, "seconds": 100}]
    found = [anyio.run(partial(used, **options)) for options in (*kinds[::order], kinds[0])]
    with pytest.raises(RateLimited, match=r"the limit of 3 calls in 100 s is used up") as caught:
        anyio.run(refused)

    assert (0, 3, 100.0) == (found[-1].left, found[-1].limit, found[-1].seconds)
    assert 199 < found[-1].full <= 200
    assert 90 < (caught.value.retry_after or 0) <= 100


def test_a_limit_that_nobody_asks_for_any_longer_is_forgotten(tmp_path: Path) -> None:
    """What it counted still counts in the others."""
    now = [1000.0]

    async def main() -> list[tuple[Rate, int]]:
        store, seen = File(str(tmp_path / "b.db"), clock=lambda: now[0]), list[tuple[Rate, int]]()
        try:
            for seconds, rate in ((0, Rate(2, 10.0)), (0, Rate(9, 400.0)), (69, Rate(9, 400.0)), (2, Rate(9, 400.0))):
                now[0] += seconds
                answer = await store.step(ask(rates=(rate,), want=1))
                await store.step(ask(rates=(rate,), ended=tuple(Ended(place, 0.0) for place in answer.places)))
                seen.append((answer.rate, answer.used))
        finally:
            await store.aclose()
        return seen

    strict, mild = Rate(2, 10.0), Rate(9, 400.0)
    assert [(strict, 1), (strict, 2), (strict, 1), (mild, 4)] == anyio.run(main)


@pytest.mark.parametrize("kind", ["file", pytest.param("redis", marks=pytest.mark.slow)])
def test_what_the_service_says_is_left_counts_beside_several_limits(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Downwards only, and no longer than it says."""
    address = None if kind == "file" else request.getfixturevalue("redis")

    async def main() -> list[tuple[int, float]]:
        store: Store
        if address is None:
            store = File(str(tmp_path / "b.db"))
        else:
            from cfclient.pace.redis import Redis

            store = Redis(address, shown=address)
        rates, seen = (Rate(4, 10.0), Rate(9, 100.0)), list[tuple[int, float]]()
        try:
            for left in ((7, 50.0), (2, 50.0), (5, 50.0)):
                answer = await store.step(ask(key="several", rates=rates, left=left))
                seen.append((answer.rate.calls - answer.used, answer.rate.seconds))
        finally:
            await store.aclose()
        return seen

    assert [(4, 10.0), (2, 100.0), (2, 100.0)] == anyio.run(main)


def test_an_interactive_call_that_would_wait_for_other_processes_is_refused_in_time(tmp_path: Path) -> None:
    """Bulk work waits; a hold of the service reaches the other process."""
    address = f"file:{tmp_path / 'b.db'}"

    async def main() -> list[str]:
        one, other = pacing(address, Service(), calls=1), pacing(address, Service(), calls=1)
        other.service = "https://v1.example"  # the same principal
        seen = list[str]()
        try:
            await one.http(ME).exchange(ASK)
            other._home = type(one.home)()  # another loop's
            with pytest.raises(RateLimited, match=r"used up.*nothing was sent") as caught:
                await other.http(ME).exchange(ASK)
            seen.append(f"{caught.value.held_back} {(caught.value.retry_after or 0) > 200}")
            with anyio.move_on_after(0.05):
                in_bulk.set(True)
                await other.http(ME).exchange(ASK)
            seen.append(f"{(await other.http(ME).budget()).under_way} {other.waiting}")
        finally:
            in_bulk.set(False)
            await one.aclose()
            await other.aclose()
        return seen

    assert ["True True", "0 0"] == anyio.run(main)


def test_a_hold_of_the_service_is_told_to_the_store(tmp_path: Path) -> None:
    """So that no other process asks either."""
    address = f"file:{tmp_path / 'b.db'}"

    async def main() -> float:
        one = pacing(address, Service(Reply(status=429, headers={"retry-after": "77"})))
        other = pacing(address, Service())
        other._home = type(one.home)()
        try:
            await one.http(ME).exchange(ASK)
            return (await other.http(ME).budget()).held
        finally:
            await one.aclose()
            await other.aclose()

    assert 70 < anyio.run(main) <= 77


@pytest.mark.parametrize("fallback", ["fail", "share&share=0.5"])
def test_a_store_that_cannot_be_reached_fails_calls_or_leaves_a_share(
    fallback: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By choice; the log says so, and nothing is unlimited."""
    address = f"file:{tmp_path / 'missing' / 'b.db'}?fallback={fallback}"

    async def main() -> tuple[int, list[str]]:
        service, seen = Service(), list[str]()
        of = pacing(address, service, calls=4, max_wait=0.5)
        try:
            for _ in range(3):
                try:
                    await of.http(ME).exchange(ASK)
                except (ConnectionFailed, RateLimited) as error:
                    seen.append(type(error).__name__)
            assert 4 - service.calls == (await of.http(ME).budget()).left
        finally:
            await of.aclose()
        return service.calls, seen

    calls, seen = anyio.run(main)

    expected = (0, ["ConnectionFailed"] * 3) if fallback == "fail" else (2, ["RateLimited"])
    assert expected == (calls, seen)
    assert 1 == sum("the shared budget cannot be reached" in record.message for record in caplog.records)


@pytest.mark.slow
def test_a_redis_that_is_not_there_is_an_error_in_time() -> None:
    """Without the password of its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def main() -> None:
        of = pacing(f"redis://:sesame@127.0.0.1:{port}/0", Service())
        try:
            with pytest.raises(ConnectionFailed) as caught:
                await of.http(ME).exchange(ASK)
            assert "sesame" not in str(caught.value)
        finally:
            await of.aclose()

    anyio.run(main)


def test_redis_under_trio_is_a_clear_error() -> None:
    """Before anything is sent."""

    async def main() -> None:
        with pytest.raises(ConfigurationError, match="redis-py knows asyncio only: under trio use file:"):
            pacing("redis://127.0.0.1:1/0", Service())

    trio.run(main)


def test_redis_without_its_package_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the extra."""
    monkeypatch.setitem(sys.modules, "redis", None)

    async def main() -> None:
        with pytest.raises(ConfigurationError, match=r"pip install .cfclient-async\[redis\]"):
            pacing("redis://127.0.0.1:1/0", Service())

    anyio.run(main)


def test_a_key_that_changes_needs_a_name_for_its_budget(tmp_path: Path) -> None:
    """Otherwise every process would have a budget of its own."""
    changing = Credentials(None, lambda: "token")
    policy = Pace(store=f"file:{tmp_path / 'b.db'}")

    with pytest.raises(ConfigurationError, match="a name for whose budget it is: principal="):
        Pacing(Service(), policy, url=URL, credentials=changing)


# -- what all processes share beyond the places of a principal -----------------------------------------


def two(address: str, *services: Any, **options: Any) -> tuple[Pacing, Pacing]:
    """The pacing of two processes, which share nothing but the store."""
    one, other = (pacing(address, service, **options) for service in services)
    other._home = type(one.home)()
    return one, other


def test_the_window_of_the_network_address_is_shared_by_processes_and_principals(store: str) -> None:
    """Whoever acts; a host with another address says so in the store's."""
    elsewhere = f"{store}?egress=elsewhere"

    async def main() -> list[str]:
        seen, closing = list[str](), list[Pacing]()
        try:
            one, other = two(store, Service(), Service(), egress=(2, 100.0), max_wait=1)
            closing += [one, other, pacing(elsewhere, Service(), egress=(2, 100.0), max_wait=1)]
            closing[2]._home = type(one.home)()
            somebody = Credentials("somebody@example.com", "key")
            await one.http(ME).exchange(ASK)
            await other.http(somebody).exchange(ASK)
            for of, who in ((one, somebody), (other, ME), (closing[2], ME)):
                try:
                    await of.http(who).exchange(ASK)
                    seen.append("answered")
                except RateLimited as error:
                    seen.append(str(error).partition(",")[0])
            # Whoever was refused gives the principal's place back with the next step.
            await other.budget(ME)
            return [*seen, str((await one.http(ME).budget()).left)]
        finally:
            for of in closing:
                await of.aclose()

    used_up = "the limit of 2 calls in 100 s is used up"

    assert [used_up, used_up, "answered", "1198"] == anyio.run(main)


def test_what_the_service_says_reaches_the_other_processes(store: str) -> None:
    """A refusal in a body (the backend tells it) holds them back; what is left by `Ratelimit` corrects their count."""
    few = Reply(status=200, headers={"ratelimit": '"default";r=5;t=60'})

    async def main() -> list[cfclient.Budget]:
        one, other = two(store, Service(few), Service())
        try:
            await one.http(ME).exchange(ASK)
            left = await other.http(ME).budget()
            await one.http(ME).limited(RateLimited("E_MAXAPI", retry_after=40))
            held = await other.http(ME).budget()
            one.hold(ME.principal, 70)  # as retrying says it: told with the next step
            await one.budget(ME)
            return [left, held, await other.http(ME).budget()]
        finally:
            await one.aclose()
            await other.aclose()

    left, held, longer = anyio.run(main)

    assert (5, 0.0) == (left.left, left.held)
    assert 290 < left.full <= 300
    assert held.left == longer.left == 0
    assert 30 < held.held <= 40
    assert 60 < longer.held <= 70


def test_the_hook_sees_a_wait_for_the_store_and_its_end(store: str) -> None:
    """With the seconds that the store names; a place that was free at once is no wait."""
    seen = list[tuple[int, bool]]()

    async def main() -> None:
        one, other = two(
            store, Service(), Service(), calls=1, seconds=0.2, hook=lambda w: seen.append((w.waiting, w.seconds > 0))
        )
        try:
            await one.http(ME).exchange(ASK)
            assert not seen
            await other.http(ME).exchange(ASK)
        finally:
            await one.aclose()
            await other.aclose()

    anyio.run(main)

    assert {(1, True)} == set(seen[:-1])
    assert (0, False) == seen[-1]


def test_what_is_kept_of_principals_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway is shown made-up ones; those with nothing to tell are forgotten first."""
    monkeypatch.setattr("cfclient.pace._MOST_WINDOWS", 8)

    async def main() -> tuple[int, int, bool]:
        of = pacing(f"file:{tmp_path / 'b.db'}", Service())
        try:
            await of.http(ME).exchange(ASK)
            of.hold(ME.principal, 50)  # not told yet
            for number in range(20):
                await of.http(Credentials(f"user{number}@example.com", "key")).exchange(ASK)
            kept = len(of._shared), next(iter(of._shared))
            for number in range(20):
                of.hold(f"holder{number}@example.com", 50)
            return kept[0], len(of._shared), kept[1] in of._shared
        finally:
            await of.aclose()

    few, still, first = anyio.run(main)

    assert few <= 8
    assert still <= 8
    assert not first


class Slow:
    """A store whose first steps take until they are let go."""

    def __init__(self, *failures: type[BaseException]) -> None:
        self.asked: list[Ask] = []
        self.gate = anyio.Event()
        self.failures = list(failures)

    async def step(self, ask: Ask, /) -> Answer:
        self.asked.append(ask)
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return Answer(places=("p",) * ask.want, rate=ask.rates[0], used=0, wait=0.0, full=0.0, held=0.0)

    async def aclose(self) -> None:
        """Nothing to close."""


def lone(store: Any, **options: Any) -> Shared:
    """One budget over this store."""
    pace = Pace(**{"store": "file:/b.db", **options})
    return Shared(Reach(store), "k", pace, Window(Rate(4, 100)))


def test_what_ends_while_the_store_is_told_is_told_by_the_same(anyio_backend: str) -> None:
    """Nobody has to come after it: a place that is not told lasts too long."""

    async def main() -> list[int]:
        store = Slow()
        shared = lone(store)
        assert shared.idle
        shared.end("a")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(shared.flush)
            await anyio.wait_all_tasks_blocked()
            shared.end("b")
            shared.correct(3, -1.0)  # over before it is told
            await shared.flush()
            store.gate.set()
        assert shared.idle
        assert [None, None] == [one.left for one in store.asked]
        return [len(one.ended) for one in store.asked]

    assert [1, 1] == anyio.run(main, backend=anyio_backend)


def test_a_step_that_fails_forgets_nothing(anyio_backend: str) -> None:
    """What it was to tell is told with the next."""

    async def main() -> tuple[int, tuple[int, bool]]:
        store = Slow(StoreFailed)
        store.gate.set()
        shared = lone(store)
        shared.end("a")
        shared.correct(3, 50.0)
        shared.hold(9.0)
        await shared.flush()
        await shared.flush()
        told = store.asked[-1]
        assert told.left is not None
        return len(told.ended), (told.left[0], told.hold > 0)

    assert (1, (3, True)) == anyio.run(main, backend=anyio_backend)


def test_a_place_for_one_who_went_away_meanwhile_is_given_back(anyio_backend: str) -> None:
    """The store is asked for those behind as well, who may be cancelled before it answers."""

    async def main() -> tuple[list[int], list[str | None], tuple[Ended, ...]]:
        store = Slow()
        shared, got = lone(store), list[str | None]()

        async def take() -> None:
            got.append(await shared.take(False, lambda _: None, longest=60.0))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take)  # asks for itself
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(take)  # will ask for the one behind as well
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as behind:
                behind.start_soon(take)
                await anyio.wait_all_tasks_blocked()
                first, store.gate = store.gate, anyio.Event()
                first.set()
                await anyio.wait_all_tasks_blocked()
                behind.cancel_scope.cancel()
            store.gate.set()
        await shared.flush()
        return [one.want for one in store.asked], got, store.asked[-1].ended

    wanted, got, ended = anyio.run(main, backend=anyio_backend)

    assert [1, 2, 0] == wanted
    assert ["p", "p"] == got
    assert ["p"] == [one.place for one in ended]


@pytest.mark.parametrize("egress", [None, (200, 1.0)])
@pytest.mark.parametrize("outcome", ["unsent", "unknown", "no store", "too late"])
def test_what_became_of_an_exchange_is_told_to_the_store(
    outcome: str, egress: Any, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    """A place comes back at once where nothing left, later where nobody knows; without a place nothing is sent."""
    store = Slow(*([StoreFailed] * 9 if outcome == "no store" else []))
    monkeypatch.setattr("cfclient.pace._opened", lambda _: store)

    class Failing(Service):
        async def exchange(self, request: Request, /) -> Reply:
            await super().exchange(request)
            raise ConnectionFailed("broken", maybe_carried_out=outcome == "unknown")

    async def main() -> tuple[type[BaseException], int, list[bool]]:
        service = Failing()
        paced = pacing("file:/b.db?timeout=0.01", service, egress=egress)
        if outcome != "too late":
            store.gate.set()
        with pytest.raises((ConnectionFailed, RateLimited)) as caught, cfclient.max_wait(0.01):
            await paced.http(ME).exchange(ASK)
        store.gate.set()
        for shared in paced._shared.values():
            await shared.flush()
        back = [one.arrives_in == -math.inf for asked in store.asked for one in asked.ended]
        return type(caught.value), service.calls, back

    error, sent, back = anyio.run(main, backend=anyio_backend)

    windows = 1 if egress is None else 2
    assert (RateLimited if outcome == "too late" else ConnectionFailed) is error
    assert (1 if outcome in {"unsent", "unknown"} else 0) == sent
    # Where the store was not waited for, it may have given a place.
    given = {"unsent": [True] * windows, "unknown": [False] * windows, "too late": [True]}
    assert given.get(outcome, []) == back


def test_who_shares_with_nobody_has_no_shared_window() -> None:
    """Neither of the principal nor of the address."""
    alone = Pacing(Service(), Pace(), url=URL, credentials=ME)
    window = Window(Rate(4, 100))

    assert alone.shared("me@example.com", "api", window) is None
    assert alone.shared_address(window) is None


def test_a_store_is_not_told_for_ever_what_keeps_coming(anyio_backend: str) -> None:
    """After some rounds the next call goes on with it; a place that never was is nothing to tell."""

    class Busy(Slow):
        async def step(self, ask: Ask, /) -> Answer:
            shared.end("more")
            return await super().step(ask)

    store = Busy()
    shared = lone(store)

    async def main() -> int:
        store.gate.set()
        shared.unused(None)
        shared.end(None)
        idle = shared.idle
        shared.end("first")
        await shared.flush()
        assert idle
        return len(store.asked)

    assert 8 == anyio.run(main, backend=anyio_backend)


def test_a_file_that_is_no_database_is_a_failure_that_can_be_mended(tmp_path: Path) -> None:
    """Nothing is left open or half done; with a sound file it goes on."""
    path = tmp_path / "b.db"
    path.write_text("this is no database " * 100)

    async def main() -> tuple[int, ...]:
        store = File(str(path))
        try:
            with pytest.raises(StoreFailed, match="not a database"):
                await store.step(ask(want=1))
            path.unlink()
            first = await store.step(ask(want=1))
            with pytest.MonkeyPatch.context() as patch, pytest.raises(StoreFailed, match="UNIQUE"):
                patch.setattr("cfclient.pace.file.secrets.token_hex", lambda _: first.places[0])
                await store.step(ask(want=1, left=(2, 50.0)))
            after = await store.step(ask())
            return len(first.places), after.used, int(after.held)
        finally:
            await store.aclose()

    assert (1, 1, 0) == anyio.run(main)


def test_what_a_killed_process_took_comes_back_by_and_by(tmp_path: Path) -> None:
    """SIGKILL with exchanges under way: the file holds, their places are taken, and expire."""
    address = f"file:{tmp_path / 'b.db'}"
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.pace_worker", address, "5", "8", "50", "hang"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert "ready\n" == worker.stdout.readline()
        worker.stdin.write("\n")
        worker.stdin.flush()
        assert "under way\n" == worker.stdout.readline()
    finally:
        worker.kill()
        worker.communicate()

    async def main() -> list[tuple[int, int]]:
        key = key_of("https://v1.example", ME.principal, "api")
        late, found = [0.0], list[tuple[int, int]]()
        store = File(address.removeprefix("file:"), clock=lambda: time.monotonic() + late[0])
        try:
            for late[0] in (0.0, 200.0):  # 50 s for the window, and 60 s in which it may still arrive
                answer = await store.step(Ask(key=key, rates=(Rate(8, 50.0),), want=8))
                found.append((len(answer.places), answer.used))
        finally:
            await store.aclose()
        return found

    assert -signal.SIGKILL == worker.returncode
    assert [(3, 8), (8, 8)] == anyio.run(main)


@pytest.mark.parametrize("bulk", [False, True])
def test_who_may_not_wait_is_answered_where_there_is_a_place(store: str, bulk: bool) -> None:
    """To ask the store is no wait for the limit; where no place is left, the refusal comes at once."""

    async def main() -> list[str]:
        of, seen = pacing(store, Service(), calls=3), list[str]()
        in_bulk.set(bulk)
        try:
            with cfclient.max_wait(0):
                for _ in range(4):
                    try:
                        await of.http(ME).exchange(ASK)
                        seen.append("answered")
                    except RateLimited as error:
                        seen.append(str(error).partition(",")[0])
        finally:
            in_bulk.set(False)
            await of.aclose()
        return seen

    used_up = "the limit of 3 calls in 300 s is used up"

    assert ["answered"] * 3 + [used_up] == anyio.run(main)


def test_more_callers_than_the_share_do_not_stand_in_each_other_s_way(tmp_path: Path) -> None:
    """Without the store as many go as the share has, however many have come for it."""
    address = f"file:{tmp_path / 'missing' / 'b.db'}?fallback=share&share=0.2"

    async def main() -> tuple[int, Counter[str]]:
        service, seen = Service(), Counter[str]()
        of = pacing(address, service, calls=20, egress=(50, 300.0), max_wait=0.5)

        async def asked() -> None:
            try:
                await of.http(ME).exchange(ASK)
                seen["answered"] += 1
            except RateLimited:
                seen["refused"] += 1

        try:
            async with anyio.create_task_group() as tasks:
                for _ in range(15):
                    tasks.start_soon(asked)
        finally:
            await of.aclose()
        return service.calls, seen

    assert (4, {"answered": 4, "refused": 11}) == anyio.run(main)


class Losing:
    """A store whose answer to the first call is lost: its place is taken there, and nobody here knows of it."""

    def __init__(self, store: Store, how: str) -> None:
        self.store = store
        self.how = how
        self.asked = anyio.Event()

    async def step(self, ask: Ask, /) -> Answer:
        answer = await self.store.step(ask)
        if ask.want and not self.asked.is_set():
            self.asked.set()
            if self.how == "in time":
                raise StoreFailed("no answer in time")
            await anyio.sleep_forever()
        return answer

    async def aclose(self) -> None:
        await self.store.aclose()


@pytest.mark.parametrize("how", ["cancelled", "in time"])
def test_places_that_nobody_learnt_of_are_given_back(store: str, how: str) -> None:
    """Who is cancelled while the store is asked, or has no answer in time, keeps no place there."""

    async def main() -> int:
        of = pacing(store, Service(), calls=3)
        assert of.store is not None
        of.store = losing = Losing(of.store, how)
        try:
            task = asyncio.ensure_future(of.http(ME).exchange(ASK))
            await losing.asked.wait()
            if how == "cancelled":
                task.cancel()
            with pytest.raises((asyncio.CancelledError, ConnectionFailed)):
                await task
            return (await of.budget(ME)).left
        finally:
            await of.aclose()

    assert 3 == anyio.run(main)


def test_places_of_callers_that_went_away_are_given_back(store: str) -> None:
    """Who is cancelled in the line leaves no place behind that a later call would take for its own."""

    async def main() -> tuple[int, int]:
        of = pacing(store, Service(), calls=9)
        shared = of.shared(ME.principal, "api", of.http(ME)._window("api"))
        assert shared is not None
        tasks = [asyncio.ensure_future(of.http(ME).exchange(ASK)) for _ in range(3)]
        while not shared._ready[0]:  # noqa: ASYNC110 (nothing says so)
            await asyncio.sleep(0)
        for task in tasks[1:]:
            task.cancel()
        await asyncio.wait(tasks)
        ready = len(shared._ready[0])
        try:
            return ready, (await of.budget(ME)).left
        finally:
            await of.aclose()

    assert (0, 8) == anyio.run(main)


def removed(folder: Path) -> None:
    """All files of it: SQLite has one beside the database, or two."""
    for file in folder.iterdir():
        file.unlink()


def test_a_file_that_was_removed_is_left_for_the_one_that_others_have(tmp_path: Path) -> None:
    """Processes that were there before and those that came after it share one budget again."""
    path = tmp_path / "b.db"

    async def main() -> list[int]:
        before, after = File(str(path)), File(str(path))
        try:
            used = [(await before.step(ask(want=2))).used]
            removed(tmp_path)
            used.append((await after.step(ask(want=1))).used)
            used.append((await before.step(ask(want=1))).used)
            used.append((await after.step(ask())).used)
            return used
        finally:
            await before.aclose()
            await after.aclose()

    assert [2, 1, 2, 2] == anyio.run(main)


def test_a_file_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    """By whoever asks next."""

    async def main() -> list[int]:
        async with aclosing(File(str(tmp_path / "b.db"))) as file:
            used = [(await file.step(ask(want=2))).used]
            removed(tmp_path)
            return [*used, (await file.step(ask(want=1))).used]

    assert [2, 1] == anyio.run(main)


def test_a_call_that_outlives_its_client_opens_nothing_again(store: str) -> None:
    """Its place lasts as long as it may; the file, or the connection, stays closed."""

    async def main() -> int:
        leaving, closed = anyio.Event(), anyio.Event()

        class Late(Service):
            async def exchange(self, request: Request, /) -> Reply:
                leaving.set()
                await closed.wait()
                return await super().exchange(request)

        of, other = pacing(store, Late()), pacing(store, Service())
        assert of.store is not None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(of.http(ME).exchange, ASK)
            await leaving.wait()
            await of.aclose()
            closed.set()
        with pytest.raises(StoreFailed, match="closed"):
            await of.store.step(ask())
        try:
            return (await other.budget(ME)).left
        finally:
            await other.aclose()

    assert 1199 == anyio.run(main)


@pytest.mark.parametrize("fallback", ["", "?fallback=share&share=0.5"])
def test_a_full_disk_fails_calls_or_leaves_a_share_until_there_is_room(tmp_path: Path, fallback: str) -> None:
    """Whatever a step has written of its places is undone; the log has SQLite's own words."""
    address = f"file:{tmp_path / 'b.db'}{fallback}"

    async def main() -> tuple[list[str], int]:
        of, seen = pacing(address, Service(), calls=5000), list[str]()
        store = of.store
        assert isinstance(store, File)
        try:
            await of.budget(ME)
            assert store._db is not None
            store._db.execute("pragma max_page_count = 8")
            with pytest.raises(StoreFailed, match="disk is full"):
                await store.step(ask(rates=(Rate(5000, 300.0),), want=4000))
            try:
                shared = of.shared(ME.principal, "api", of.http(ME)._window("api"))
                assert shared is not None
                # A question that took an hour: for another one the store is left alone.
                shared._reach._failed(StoreFailed("disk is full"), anyio.current_time() - 3600)
                await of.http(ME).exchange(ASK)
                seen.append("answered")
            except ConnectionFailed as error:
                seen.append(str(error))
            store._db.execute("pragma max_page_count = 1000000")
            return seen, (await store.step(ask())).used
        finally:
            await of.aclose()

    words = "answered" if fallback else "the shared budget cannot be reached (the request was not carried out)"

    assert ([words], 0) == anyio.run(main)


@pytest.mark.slow
def test_a_redis_that_forgot_the_script_and_dropped_the_connection_is_asked_again(redis: str) -> None:
    """As after a restart, or when somebody flushes its scripts: the call that comes next does not notice."""
    from redis import asyncio as client

    async def main() -> list[int]:
        of = pacing(f"{redis.removesuffix('/0')}/{next(_DATABASES)}", Service())
        admin = client.Redis.from_url(redis)
        try:
            left = []
            for _ in range(3):
                await of.http(ME).exchange(ASK)
                left.append((await of.budget(ME)).left)
                await admin.script_flush()
                await admin.client_kill_filter(_type="normal", skipme=True)
            return left
        finally:
            await admin.aclose()
            await of.aclose()

    assert [1199, 1198, 1197] == anyio.run(main)


@pytest.mark.slow
def test_a_redis_whose_answer_was_lost_gives_the_same_places_again(redis: str) -> None:
    """Also where they were the last: what the first asking took is not in the way of the second."""
    from redis.exceptions import ConnectionError as Dropped

    from cfclient.pace.redis import Redis

    async def main() -> tuple[Answer, Answer]:
        store = Redis(redis, shown=redis)
        script, answers = store._script, list[Any]()

        async def lost(**arguments: Any) -> Any:
            answers.append(await script(**arguments))
            if len(answers) == 1:
                raise Dropped("the connection was closed")
            return answers[-1]

        try:
            await store.step(ask(key="lost", want=2))
            store._script = lost
            wanted = ask(key="lost", want=2)
            given = await store.step(wanted)
            store._script = script
            assert wanted.places(2) == given.places
            return given, await store.step(ask(key="lost", want=1))
        finally:
            await store.aclose()

    given, later = anyio.run(main)

    assert (4, 4, ()) == (given.used, later.used, later.places)


# -- a store that comes and goes ----------------------------------------------------------------------


class Away:
    """A store that is away until a moment; each question then takes so long to fail."""

    def __init__(self, until: float, takes: float = 0.0) -> None:
        self.until = until
        self.takes = takes
        self.asked: list[float] = []
        self.under_way = self.most = 0

    async def step(self, ask: Ask, /) -> Answer:
        now = anyio.current_time()
        self.asked.append(now)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await anyio.lowlevel.checkpoint()
            if now < self.until:
                await anyio.sleep(self.takes)
                raise StoreFailed("refused")
        finally:
            self.under_way -= 1
        return Answer(places=ask.places(ask.want), rate=ask.rates[0], used=0, wait=0.0, full=0.0, held=0.0)

    async def aclose(self) -> None:
        """Nothing to close."""


async def every(seconds: float, calls: int, call: Any) -> None:
    """So many calls, one beginning after the other."""
    async with anyio.create_task_group() as tasks:
        for number in range(calls):
            tasks.start_soon(call, number)
            await anyio.sleep(seconds)


@pytest.mark.parametrize("away", [0.3, 1.0, 1.4])
def test_a_short_restart_of_the_store_fails_no_call_that_is_asked_again(
    away: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried soon, and ever less often; by one at a time, however many call, for however many principals."""
    service, answered = Service(Reply(status=200, body=b'{"result":"success","msg":null}')), list[int]()

    async def main() -> Away:
        began = anyio.current_time()
        store = Away(began + away)
        monkeypatch.setattr("cfclient.pace._opened", lambda _: store)
        policy = Retry(draw=lambda: 1.0)
        async with cfclient.connect(
            URL, email="me@example.com", token="k", http=service, retry=policy, pace="file:/b.db"
        ) as cf:

            async def call(number: int) -> None:
                await cf.acting_as(Credentials(f"{number % 7}@example.com", "k")).stats("example.com")
                answered.append(number)

            await every(0.01, 40, call)
        store.asked = [at - began for at in store.asked if at < store.until]
        return store

    service.script *= 40
    store = on_mock_clock(main)

    assert 40 == len(answered)
    assert len(store.asked) <= 6
    gaps = [later - earlier for earlier, later in itertools.pairwise(store.asked)]
    assert all(gap > 0.09 for gap in gaps)


@pytest.mark.parametrize("takes", [0.0, 2.0])
@pytest.mark.parametrize("fallback", ["fail", "share&share=0.5"])
def test_a_store_that_stays_away_is_tried_by_one_at_a_time_and_holds_nobody_else_up(
    fallback: str, takes: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A call each tenth of a second for a minute: only those that try wait for it, and the log has one line."""
    took, seen = list[float](), Counter[str]()

    async def main() -> Away:
        store = Away(anyio.current_time() + 60, takes)
        monkeypatch.setattr("cfclient.pace._opened", lambda _: store)
        of = pacing(f"file:/b.db?fallback={fallback}", Service(), calls=2000, seconds=300.0)

        async def call(number: int) -> None:
            began = anyio.current_time()
            try:
                await of.http(Credentials(f"{number % 3}@example.com", "k")).exchange(ASK)
                seen["answered"] += 1
            except ConnectionFailed:
                seen["failed"] += 1
            took.append(anyio.current_time() - began)

        await every(0.1, 590, call)
        store.until = 0.0
        await of.aclose()
        return store

    store = on_mock_clock(main)

    assert {"failed" if fallback == "fail" else "answered": 590} == seen
    # A question for each principal, until the first has failed; then one after the other, with a pause.
    tries, before = len(store.asked), round(10 * takes)
    assert tries <= (20 if takes else 65)
    assert store.most <= 3
    assert sum(one > 0 for one in took) <= before + tries
    assert max(took) <= takes
    warned = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert ["the shared budget cannot be reached: refused"] == warned


def test_a_client_of_many_principals_is_closed_in_time_where_its_store_is_away() -> None:
    """One question finds that out, and not one for each."""

    async def main() -> tuple[int, float]:
        store = Away(math.inf, 2.0)
        of = pacing("file:/b.db", Service())
        of.store, store.until = store, 0.0
        for number in range(50):
            await of.http(Credentials(f"{number}@example.com", "k")).exchange(ASK)
        for shared in of._shared.values():
            shared.end("a place")
        store.until, store.asked, began = math.inf, [], anyio.current_time()
        await of.aclose()
        return len(store.asked), anyio.current_time() - began

    assert (1, 2.0) == on_mock_clock(main)


def test_who_waits_for_a_place_of_the_share_goes_on_when_the_store_is_there_again() -> None:
    """It looks whether it is, by and by; a try that is cancelled is made again by the next."""

    async def main() -> list[float]:
        began, done = anyio.current_time(), list[float]()
        store = Away(began + 7.0, 0.5)
        of = pacing("file:/b.db?fallback=share&share=0.1", Service(), calls=10)
        of.store = store

        async def call() -> None:
            await of.http(ME).exchange(ASK)
            done.append(anyio.current_time() - began)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await anyio.sleep(1)
            for _ in range(3):
                with anyio.move_on_after(0.7):
                    await call()
            for _ in range(3):
                tasks.start_soon(call)
        await of.aclose()
        return done

    first, *others = on_mock_clock(main)

    assert 0.5 == first
    assert 3 == len(others)
    assert all(7.0 <= at <= 9.0 for at in others)


def test_bulk_work_does_not_sit_out_a_long_hold_that_another_process_was_told(tmp_path: Path) -> None:
    """`max_hold` is for what the store says of the service as well."""
    address = f"file:{tmp_path / 'b.db'}"

    async def main() -> float | None:
        one, other = two(address, Service(Reply(status=429, headers={"retry-after": "1000"})), Service())
        in_bulk.set(True)
        try:
            await one.http(ME).exchange(ASK)
            with anyio.fail_after(60), pytest.raises(RateLimited, match="the service holds calls back") as caught:
                await other.http(ME).exchange(ASK)
            return caught.value.retry_after
        finally:
            in_bulk.set(False)
            await one.aclose()
            await other.aclose()

    assert 900 < (anyio.run(main) or 0) <= 1000
