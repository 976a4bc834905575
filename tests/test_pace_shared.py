"""Budgets that processes share: by a file, and by Redis."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
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
from cfclient.pace.shared import Ask, Ended, Store

ROOT = Path(__file__).resolve().parents[1]
URL = "https://v1.example/api_json.html"
ME = Credentials("me@example.com", "key")
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
    address: str = request.getfixturevalue("redis")
    return address


def pacing(store: str, service: Any, **options: Any) -> Pacing:
    """The pacing of one process."""
    return Pacing(service, Pace(**{"egress": None, "store": store, **options}), url=URL, credentials=ME)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "redis"])
def test_four_processes_never_exceed_the_limit_and_use_it(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """2,000 calls each at 400 in 1 s: none too many in any second, and at least 95 % of what is allowed."""
    address = f"file:{tmp_path / 'budget.db'}" if kind == "file" else request.getfixturevalue("redis")
    command = [sys.executable, "-m", "tests.pace_worker", address, "2000", "400", "1"]
    workers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert "ready\n" == worker.stdout.readline()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
        sent = sorted(float(line) for worker in workers for line in worker.communicate(timeout=100)[0].split())
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()

    assert 8000 == len(sent)
    # The 401st comes a whole window after the first: what a clock says is rounded to microseconds.
    assert min(later - earlier for earlier, later in zip(sent, sent[400:], strict=False)) > 1 - 5e-6
    # All but the first 400 had to wait for places, so many a second.
    allowed = 400 * (sent[-1] - sent[0])
    assert (8000 - 400) / allowed >= 0.95


# -- one step of a store ------------------------------------------------------------------------------


def ask(**options: Any) -> Ask:
    """One step, of a budget of four calls in 100 s."""
    return Ask(**{"key": "k", "rate": Rate(4, 100), **options})


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
            bulk = await store.step(ask(want=9, least=1))
            assert (3, 3, 0) == (len(bulk.places), bulk.used, bulk.held)
            assert pytest.approx(160, abs=5) == bulk.full
            none = await store.step(ask(want=1, least=1))
            assert () == none.places
            assert pytest.approx(100, abs=5) == none.wait
            more = await store.step(ask(want=9))
            assert 1 == len(more.places)
            first, second, _ = bulk.places
            ended = (Ended(first, -1.0), Ended(second, 30.0), Ended("unknown", 9.0))
            again = await store.step(ask(ended=ended))
            assert (3, ()) == (again.used, again.places)
            waits = await store.step(ask(want=2, least=1))
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
        await step(ended=(Ended(place, 100.0),), hold=50)
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
    """As two processes do; nothing of the principal's name is in the store."""

    async def main() -> cfclient.Budget:
        of = pacing(store, Service(), calls=5)
        try:
            await of.http(ME).exchange(ASK)
            return await of.http(ME).budget()
        finally:
            await of.aclose()

    found = [anyio.run(main), anyio.run(main)]

    assert [4, 3] == [budget.left for budget in found]
    assert 290 < found[0].full <= 300
    if store.startswith("file:"):
        assert b"example.com" not in Path(store.removeprefix("file:")).read_bytes()


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
