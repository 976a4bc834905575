"""Many actions at once: bounded, streamed, and nothing left running.

A refusal of one action is an outcome like any other, so it never stops the rest unless asked to.
Anything that is not a `CloudflareError` is a fault of the program and ends the whole job, as itself.
What is asked here, and by the source of the actions, is bulk work: it leaves room for everything else.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from operator import length_hint
from typing import Any, Final, Generic, TypeVar, cast

import anyio
import attrs
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from .actions import Action
from .backend import Backend, in_bulk
from .errors import CloudflareError, InvalidInput, MisusedClient
from .loops import tasks_beside
from .shapes import integer

__all__ = ["Outcome", "Outcomes", "perform_all", "stream_all"]

T = TypeVar("T")

Actions = Iterable[Action[T]] | AsyncIterable[Action[T]]

_END: Final[Any] = object()


@attrs.frozen(kw_only=True)
class Outcome(Generic[T]):
    """What became of one action: an answer, or an error."""

    #: the action's place in the order in which the actions were given, from 0
    index: int
    action: Action[T]
    #: None where there is an error, and where the action has no answer
    answer: T | None = None
    error: CloudflareError | None = None

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return self.error is None

    def unwrap(self) -> T:
        """The answer; raises the error where there is one."""
        if self.error is not None:
            raise self.error
        return cast("T", self.answer)


class Outcomes(AsyncIterator[Outcome[T]]):
    """The outcomes of a `stream_all` block, as they come or in the order of the actions."""

    def __init__(
        self, receive: MemoryObjectReceiveStream[Outcome[T]], places: anyio.Semaphore, *, ordered: bool
    ) -> None:
        self._receive = receive
        self._places = places
        self._ordered = ordered
        self._early: dict[int, Outcome[T]] = {}
        self._next = 0
        # Tasks that share ordered outcomes take turns: one would wait for more while its own is there.
        self._turn = anyio.Lock(fast_acquire=True)

    async def __anext__(self) -> Outcome[T]:
        """The next outcome."""
        outcome = await self._in_order() if self._ordered else await self._received()
        self._places.release()
        return outcome

    async def _in_order(self) -> Outcome[T]:
        async with self._turn:
            while self._next not in self._early:
                outcome = await self._received()
                self._early[outcome.index] = outcome
            self._next += 1
            return self._early.pop(self._next - 1)

    async def _received(self) -> Outcome[T]:
        try:
            return await self._receive.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None
        except anyio.ClosedResourceError:
            raise MisusedClient("the block that performed the actions was left: no outcome is kept") from None


class _Job(Generic[T]):
    """The workers of one block, which share the source of actions."""

    def __init__(self, backend: Backend, actions: Actions[T], places: anyio.Semaphore, *, stop_on_error: bool) -> None:
        self._backend = backend
        self._now: Iterator[Action[T]] = iter(())
        self._later: AsyncIterator[Action[T]] | None = None
        # Not a generator of ours: one that is left half-way would be closed by the garbage collector.
        try:
            if isinstance(actions, AsyncIterable):
                self._later = aiter(actions)
            else:
                self._now = iter(actions)
        except TypeError:
            raise InvalidInput.of("actions", actions, "an iterable of actions, or an asynchronous one") from None
        self._turn = anyio.Lock(fast_acquire=True)
        self._places = places
        self._stop_on_error = stop_on_error
        self._taken = 0
        self._stopped = False

    async def _take(self) -> tuple[int, Action[T]] | None:
        """The next action with its number."""
        # A place is given back when its outcome is taken, so that outcomes cannot pile up.
        await self._places.acquire()
        if self._later is None:
            action = _END if self._stopped else next(self._now, _END)
        else:
            async with self._turn:  # one worker at a time asks an asynchronous source
                action = _END if self._stopped else await anext(self._later, _END)
        if action is _END:
            self._stopped = True
            return None
        self._taken += 1
        return self._taken - 1, action

    async def _outcome(self, index: int, action: Action[T]) -> Outcome[T]:
        try:
            return Outcome(index=index, action=action, answer=await self._backend.perform(action))
        except CloudflareError as error:
            self._stopped = self._stopped or self._stop_on_error
            return Outcome(index=index, action=action, error=error)

    async def work(self, send: MemoryObjectSendStream[Outcome[T]]) -> None:
        in_bulk.set(True)
        async with send:
            while (taken := await self._take()) is not None:
                # No local holds an outcome: it would live on here until the next one is there.
                send.send_nowait(await self._outcome(*taken))


@asynccontextmanager
async def stream_all(
    backend: Backend,
    actions: Actions[T],
    *,
    concurrency: int = 32,
    ordered: bool = False,
    stop_on_error: bool = False,
) -> AsyncIterator[Outcomes[T]]:
    """A block in which the actions are performed, at most `concurrency` at a time, as their outcomes are taken.

    Args:
        backend: who performs them; a `Client` is one.
        actions: any mixture; an iterable or an asynchronous one, which is read no further than needed.
        concurrency: how many are under way at a time, 1 or more.
        ordered: give the outcomes in the order of the actions instead of as they come.
        stop_on_error: begin no further action after the first error; those under way still finish.

    Leaving the block, by whatever way, ends all that is under way.
    An error of the block's own body comes out as itself, not in a group.
    """
    integer("concurrency", concurrency, 1)
    places = anyio.Semaphore(2 * concurrency, fast_acquire=True)
    job: _Job[T] = _Job(backend, actions, places, stop_on_error=stop_on_error)
    # The places bound it.
    send, receive = anyio.create_memory_object_stream[Outcome[T]](math.inf)
    async with receive, tasks_beside() as tasks:
        with send:
            # No more workers than actions, as far as one can see how many those are.
            for _ in range(min(concurrency, length_hint(actions, concurrency) or 1)):
                tasks.start_soon(job.work, send.clone())
        yield Outcomes(receive, places, ordered=ordered)


async def perform_all(
    backend: Backend, actions: Actions[T], *, concurrency: int = 32, stop_on_error: bool = False
) -> list[Outcome[T]]:
    """The outcomes of all actions, in the order of the actions; see `stream_all`."""
    async with stream_all(
        backend, actions, concurrency=concurrency, ordered=True, stop_on_error=stop_on_error
    ) as outcomes:
        return [outcome async for outcome in outcomes]
