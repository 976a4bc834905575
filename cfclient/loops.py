"""Connections and waiters belong to one event loop; this remembers which, and says so when it is another.

And a block that runs tasks gives back what its own body raises, bare.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

import anyio
from anyio import NoEventLoopError
from anyio.abc import TaskGroup
from anyio.lowlevel import RunVar

from .errors import MisusedClient

__all__ = ["Home", "tasks_beside"]

# What may come out of the body of a block that runs tasks, cancellation aside; a task group would wrap it, also
# the GeneratorExit of a generator around the block that is closed early, which nobody unwraps.
_BODY: Final = (Exception, GeneratorExit, SystemExit, KeyboardInterrupt)

# Each run of an event loop has its own value, so identity tells two runs apart, whichever library runs them.
_run: RunVar[object] = RunVar("cfclient_run")


def _current_run() -> object:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass  # trio, or none
    try:
        return _run.get()
    except NoEventLoopError:
        raise MisusedClient("no event loop runs here: await this within asyncio.run(...) or trio.run(...)") from None
    except LookupError:
        mark = object()
        _run.set(mark)
        return mark


class Home:
    """The event loop in which something was first used, and whether it was closed since."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._run: object | None = None
        self.closed = False

    def check_open(self) -> None:
        """Raises `MisusedClient` when closed; in any thread."""
        if self.closed:
            raise MisusedClient(f"this {self._what} is closed: open a new one")

    def check(self) -> None:
        """Raises `MisusedClient` when closed, or in another event loop than the first one."""
        self.check_open()
        run = _current_run()
        if self._run is None:
            self._run = run
        elif self._run is not run:
            raise MisusedClient(
                f"this {self._what} was opened in another event loop, and its connections belong to that one: "
                f"open one {self._what} in each loop (every asyncio.run() is a new loop)"
            )


@asynccontextmanager
async def tasks_beside() -> AsyncIterator[TaskGroup]:
    """Tasks that run beside the body of a block and end with it; what the body raises comes out as itself.

    So does the first fault of a task, where the body raises nothing. Streams between the tasks and the body are
    closed outside of this block: a task that waits to hand something over is to be cancelled first, and not to
    find its stream closed, and asyncio's own cancelling (Ctrl-C, asyncio.timeout) reaches the body's task only.
    """
    failure: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            try:
                yield tasks
            except _BODY as error:  # raised below, outside of the group
                failure = error
            finally:
                tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        failure = failure or _first_fault(group)
        if failure is None:
            raise
    if failure is not None:
        raise failure


def _first_fault(group: BaseExceptionGroup[BaseException]) -> Exception | None:
    """The first fault of a task: what follows it is the same again, or a consequence."""
    _, faults = group.split(anyio.get_cancelled_exc_class())
    error: BaseException | None = faults
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseException", error.exceptions[0])
    return error if isinstance(error, Exception) else None
