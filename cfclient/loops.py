"""Connections and waiters belong to one event loop; this remembers which, and says so when it is another.

And a block that runs tasks gives back what its own body raises, bare.
"""

from __future__ import annotations

from typing import Final

from anyio import NoEventLoopError
from anyio.lowlevel import RunVar

from .errors import MisusedClient

__all__ = ["BODY", "Home"]

#: what may come out of the body of a block that runs tasks, cancellation aside; a task group would wrap it, also
#: the GeneratorExit of a generator around the block that is closed early, which nobody unwraps
BODY: Final = (Exception, GeneratorExit, SystemExit, KeyboardInterrupt)

# Each run of an event loop has its own value, so identity tells two runs apart, whichever library runs them.
_run: RunVar[object] = RunVar("cfclient_run")


def _current_run() -> object:
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
