"""Many actions at once: bounded, streamed, in order or not, and nothing left running."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, suppress
from typing import Any, TypeVar, cast

import anyio
import pytest

from cfclient import actions as act
from cfclient import models
from cfclient.actions import Action
from cfclient.backend import in_bulk
from cfclient.bulk import Outcome, perform_all, stream_all
from cfclient.errors import ApiError, ConnectionFailed, InvalidInput, MisusedClient

pytestmark = pytest.mark.anyio

T = TypeVar("T")


class Service:
    """Answers `ip_lkup` after a random while; refuses those that end in .0."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.running = 0
        self.most = 0
        self.begun = 0
        self.cancelled = 0

    async def perform(self, action: Action[T], /) -> T:
        assert isinstance(action, act.IpLkup)
        self.begun += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await anyio.sleep(self.random.random() / 500)
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if action.ip.endswith(".0"):
            raise ApiError("No.", action="ip_lkup")
        return cast("T", models.ThreatScore(ip=action.ip))


def lookups(number: int) -> list[act.IpLkup]:
    """So many different addresses."""
    return [act.IpLkup(f"2001:db8::{index + 1:x}") for index in range(number)]


@pytest.mark.parametrize("concurrency", [1, 2, 7])
async def test_outcomes_come_in_order_and_bounded(concurrency: int) -> None:
    """perform_all: as many outcomes as actions, each with its own."""
    service, actions = Service(), lookups(60)

    outcomes = await perform_all(service, actions, concurrency=concurrency)

    assert [(index, action, action.ip) for index, action in enumerate(actions)] == [
        (outcome.index, outcome.action, outcome.unwrap().ip) for outcome in outcomes
    ]
    assert 1 <= service.most <= concurrency


class Understating(list[Any]):
    """More than it says."""

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize(("given", "workers"), [(list, 3), (iter, 3), (Understating, 1)])
async def test_no_more_tasks_than_actions(given: Any, workers: int) -> None:
    """As far as one can see how many there are; where that is less than the truth, all are performed nevertheless."""
    service, before = Service(), len(anyio.get_running_tasks())
    async with stream_all(service, given(lookups(3)), concurrency=50) as outcomes:
        started = len(anyio.get_running_tasks()) - before
        found = [outcome.index async for outcome in outcomes]

    assert [0, 1, 2] == sorted(found)
    assert workers == started


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("concurrency", [1, 2, 7])
async def test_so_many_are_under_way_at_a_time(concurrency: int, ordered: bool) -> None:
    """As many as asked for, and no more, while none of them is answered."""
    gate, running = anyio.Event(), 0

    class Waiting:
        async def perform(self, action: Action[T], /) -> T:
            nonlocal running
            running += 1
            await gate.wait()
            return cast("T", None)

    async with stream_all(Waiting(), lookups(60), concurrency=concurrency, ordered=ordered) as outcomes:
        await anyio.wait_all_tasks_blocked()
        held = running
        gate.set()
        got = [outcome async for outcome in outcomes]

    assert (concurrency, 60) == (held, len(got))


async def test_a_refusal_is_an_outcome_and_stops_nothing() -> None:
    """It is raised only where it is asked for."""
    actions = [act.IpLkup("192.0.2.0"), act.IpLkup("192.0.2.1")]

    refused, answered = await perform_all(Service(), actions)

    assert (refused.ok, answered.ok) == (False, True)
    assert isinstance(refused.error, ApiError)
    with pytest.raises(ApiError):
        refused.unwrap()


async def test_the_first_error_stops_the_rest_where_that_is_asked_for() -> None:
    """Those under way still finish; those not begun are not begun."""
    service = Service()
    actions = [*lookups(5), act.IpLkup("192.0.2.0"), *lookups(50)]

    outcomes = await perform_all(service, actions, concurrency=1, stop_on_error=True)

    assert [outcome.ok for outcome in outcomes] == [True] * 5 + [False]
    assert service.begun == 6


async def test_with_many_under_way_no_outcome_is_lost_by_a_stop() -> None:
    """What was begun is told, each once, and there is at least one error."""
    service = Service()
    actions = [*lookups(20), act.IpLkup("192.0.2.0"), *lookups(200)]

    outcomes = await perform_all(service, actions, concurrency=10, stop_on_error=True)

    assert service.begun == len(outcomes) < 100
    assert list(range(len(outcomes))) == [outcome.index for outcome in outcomes]


async def test_outcomes_as_they_come_are_the_same_outcomes() -> None:
    """In another order, each once."""
    actions = lookups(80)

    async with stream_all(Service(), actions, concurrency=20) as outcomes:
        got = [outcome async for outcome in outcomes]

    assert sorted(got, key=lambda outcome: outcome.index) == await perform_all(Service(2), actions)
    assert list(range(80)) != [outcome.index for outcome in got]


async def test_the_source_is_read_no_further_than_needed() -> None:
    """A stream of a million actions costs no memory: what is not taken is not begun."""
    taken = 0

    def source() -> Iterator[act.IpLkup]:
        nonlocal taken
        while True:
            taken += 1
            yield act.IpLkup("192.0.2.1")

    for ordered in (True, False):
        taken = 0
        async with stream_all(Service(), source(), concurrency=3, ordered=ordered) as outcomes:
            for _ in range(10):
                await anext(outcomes)

        assert 10 <= taken <= 10 + 2 * 3 + 1


async def test_ordered_outcomes_do_not_pile_up_behind_a_slow_one() -> None:
    """At most twice the concurrency is begun while the first is still under way."""
    gate, begun = anyio.Event(), 0

    class Slow:
        async def perform(self, action: Action[T], /) -> T:
            nonlocal begun
            begun += 1
            if begun == 1:
                await gate.wait()
            return cast("T", begun)

    async with stream_all(Slow(), lookups(200), concurrency=5, ordered=True) as outcomes:
        await anyio.wait_all_tasks_blocked()
        held = begun
        gate.set()
        got = [outcome.index async for outcome in outcomes]

    assert held == 10
    assert list(range(200)) == got


async def test_an_asynchronous_source_is_taken() -> None:
    """Actions that are only known as the work goes on."""

    async def source() -> AsyncIterator[act.IpLkup]:
        for action in lookups(20):
            await anyio.lowlevel.checkpoint()
            yield action

    outcomes = await perform_all(Service(), source(), concurrency=4)

    assert [action.ip for action in lookups(20)] == [outcome.unwrap().ip for outcome in outcomes]


async def test_no_actions_have_no_outcomes() -> None:
    """And that ends at once."""
    assert await perform_all(Service(), []) == []


async def test_leaving_early_ends_what_is_under_way() -> None:
    """Nothing runs on behind the block."""
    service = Service()

    async with stream_all(service, lookups(1000), concurrency=10) as outcomes:
        await anext(outcomes)

    begun = service.begun
    await anyio.sleep(0.01)
    assert (0, begun) == (service.running, service.begun)


async def test_cancellation_leaves_nothing_running() -> None:
    """A timeout around a job of a thousand actions."""
    service = Service()

    with anyio.move_on_after(0.01) as scope:
        await perform_all(service, lookups(10_000), concurrency=10)

    assert scope.cancelled_caught
    assert service.running == 0


class Prompt:
    """Answers at once."""

    async def perform(self, action: Action[T], /) -> T:
        assert isinstance(action, act.IpLkup)
        return cast("T", models.ThreatScore(ip=action.ip))


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancelled_task_ends_as_cancelled_while_outcomes_wait_to_be_taken() -> None:
    """Asyncio's own cancelling (Ctrl-C, asyncio.timeout) reaches the block's task only, and stays what it is."""
    waiting = asyncio.Event()

    async def job() -> None:
        async with stream_all(Prompt(), lookups(100), concurrency=2):
            await anyio.wait_all_tasks_blocked()  # the stream is full, and both workers wait to hand over one more
            waiting.set()
            await anyio.sleep_forever()

    task = asyncio.create_task(job())
    await waiting.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_body_s_own_error_comes_as_itself() -> None:
    """Not in an ExceptionGroup, and nothing runs on."""
    service = Service()

    with pytest.raises(KeyError, match="mine"):
        async with stream_all(service, lookups(1000), concurrency=10) as outcomes:
            await anext(outcomes)
            raise KeyError("mine")

    assert service.running == 0


async def test_a_fault_of_the_program_ends_the_job_as_itself() -> None:
    """What is not a CloudflareError is no outcome: the first one comes out, bare."""

    class Faulty:
        async def perform(self, action: Action[Any], /) -> Any:
            await anyio.lowlevel.checkpoint()
            raise ZeroDivisionError(str(action))

    with pytest.raises(ZeroDivisionError):
        await perform_all(Faulty(), lookups(50), concurrency=10)


async def test_a_fault_of_the_source_ends_the_job_as_itself() -> None:
    """A source that fails is a fault of the program too."""

    def source() -> Iterator[act.IpLkup]:
        yield from lookups(3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await perform_all(Service(), source(), concurrency=2)


async def test_a_fault_that_is_no_exception_stays_in_its_group() -> None:
    """A request to exit is the event loop's business, not ours."""

    class Exiting:
        async def perform(self, action: Action[Any], /) -> Any:
            await anyio.lowlevel.checkpoint()
            raise GeneratorExit(str(action))

    with pytest.raises(BaseExceptionGroup):
        await perform_all(Exiting(), lookups(1))


async def test_a_lost_connection_is_an_outcome_too() -> None:
    """Every CloudflareError is, not only a refusal."""

    class Down:
        async def perform(self, action: Action[Any], /) -> Any:
            await anyio.lowlevel.checkpoint()
            raise ConnectionFailed(str(action.wire_name), maybe_carried_out=False)

    (outcome,) = await perform_all(Down(), lookups(1))

    assert isinstance(outcome.error, ConnectionFailed)


async def test_a_request_to_exit_comes_as_itself() -> None:
    """From the block's own body; not in a group, which would make another exit code of it."""
    with pytest.raises(SystemExit, match="3"):
        async with stream_all(Service(), lookups(10)) as outcomes:
            async for _ in outcomes:
                raise SystemExit(3)


async def test_a_generator_around_the_block_can_be_closed_early() -> None:
    """As a streamed response is whose visitor left: quietly, with no group around the closing."""
    service = Service()

    async def addresses() -> AsyncGenerator[str, None]:
        async with stream_all(service, lookups(1000), concurrency=10) as outcomes:
            async for outcome in outcomes:
                yield outcome.unwrap().ip

    async with aclosing(addresses()) as stream:
        first = await anext(stream)

    assert first.startswith("2001:db8::")
    assert service.running == 0


async def test_outcomes_that_are_kept_say_that_the_block_was_left() -> None:
    """None is kept behind it."""
    async with stream_all(Service(), lookups(10)) as outcomes:
        await anext(outcomes)

    with pytest.raises(MisusedClient, match="the block that performed the actions was left"):
        async for _ in outcomes:
            pass


async def test_actions_are_something_to_iterate_over() -> None:
    """Said before anything is opened."""
    with pytest.raises(InvalidInput, match="actions is missing: expected an iterable of actions"):
        await perform_all(Service(), cast("list[act.IpLkup]", None))


async def test_concurrency_is_a_positive_number() -> None:
    """Said before anything is begun."""
    with pytest.raises(ValueError, match="concurrency=0 is not valid: expected a whole number of at least 1"):
        await perform_all(Service(), lookups(1), concurrency=0)


def test_an_answer_of_none_is_an_answer() -> None:
    """Some actions answer nothing."""
    outcome = Outcome(index=0, action=act.RecDelete("example.com", "1"))

    assert outcome.ok
    assert outcome.unwrap() is None


async def test_many_actions_are_bulk_work_and_what_is_done_beside_them_is_not() -> None:
    """The actions and their source leave room for others; the block's own body is interactive."""
    seen: list[tuple[str, bool]] = []

    class Watched(Service):
        async def perform(self, action: Action[T], /) -> T:
            seen.append(("action", in_bulk.get()))
            return await super().perform(action)

    async def source() -> AsyncIterator[act.IpLkup]:
        for action in lookups(2):
            seen.append(("source", in_bulk.get()))
            yield action

    async with stream_all(Watched(), source()) as outcomes:
        async for _ in outcomes:
            seen.append(("body", in_bulk.get()))

    assert {("action", True), ("source", True), ("body", False)} == set(seen)
    assert not in_bulk.get()


async def test_tasks_that_share_ordered_outcomes_miss_none() -> None:
    """The last one to wait takes what another one's wait has brought."""
    second, first = anyio.Event(), anyio.Event()

    class Backwards:
        async def perform(self, action: Action[T], /) -> T:
            assert isinstance(action, act.IpLkup)
            await (second if action.ip.endswith("2") else first).wait()
            return cast("T", models.ThreatScore(ip=action.ip))

    got: list[int] = []

    async with stream_all(Backwards(), lookups(2), concurrency=2, ordered=True) as outcomes:

        async def take() -> None:
            with suppress(StopAsyncIteration):
                got.append((await anext(outcomes)).index)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take)
            tasks.start_soon(take)
            for event in (second, first):
                await anyio.wait_all_tasks_blocked()
                event.set()

    assert [0, 1] == got
