"""How a long command is ended from outside: by Ctrl-C, or by SIGTERM, which is treated alike."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, TextIO, TypeVar, TypeVarTuple, cast

import anyio
import attrs

from . import held_back
from .options import INTERRUPTED, TERMINATED, say

_Result = TypeVar("_Result")
_Given = TypeVarTuple("_Given")


def in_loop(function: Callable[[*_Given], Awaitable[_Result]], *arguments: *_Given) -> _Result:
    """What this coroutine function returns, in an event loop that Ctrl-C cancels from its first moment on."""
    loading = ExitStack()

    async def begun() -> _Result:
        loading.close()
        return await function(*arguments)

    with loading:
        loading.enter_context(held_back())
        return anyio.run(begun)


@attrs.define
class Ending:
    """How the command is ended from outside: by Ctrl-C, or by SIGTERM, which is treated alike."""

    code: int = INTERRUPTED
    #: whether it was said that the command is ended
    said: bool = False
    word: str = "interrupted"
    #: removes what only blocks would remove that the process does not leave any more
    leaving: Callable[[], object] = lambda: None
    _timer: threading.Timer | None = None

    def terminated(self, *_: object) -> None:
        """Takes a SIGTERM."""
        self.code, self.word = TERMINATED, "terminated"
        if hasattr(signal, "pthread_sigmask"):
            # One of these blocks may stand in another, which then holds Ctrl-C back; one that came is let through.
            came = signal.SIGINT in signal.sigpending()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            if came:
                return
        signal.raise_signal(signal.SIGINT)

    def soon(self, words: str) -> None:
        """Says so, and ends the process even where a thread hangs (a name that is not resolved)."""
        if cast("TextIO | None", sys.stdout) is not None:  # None where whoever started the process closed it
            sys.stdout.flush()
        say(f"{self.word}{words}")
        self.said = True
        self._timer = threading.Timer(LEAVE_WITHIN, self._leave)
        self._timer.daemon = True
        self._timer.start()

    def _leave(self) -> None:
        try:
            self.leaving()
        finally:
            os._exit(self.code)

    def cancel(self) -> None:
        """The process goes on, or ends by itself."""
        if self._timer is not None:
            self._timer.cancel()


#: seconds that connections and threads have to end, once an interrupted audit has written what it has
LEAVE_WITHIN: Final = 0.5


@contextmanager
def ending() -> Iterator[Ending]:
    """A block that SIGTERM ends like Ctrl-C, so that no temporary file is left behind."""
    end = Ending()
    here = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, end.terminated) if here else None
    deaf = here and signal.getsignal(signal.SIGINT) is signal.SIG_IGN and hasattr(signal, "pthread_sigmask")
    if deaf:
        # A shell has its background jobs ignore Ctrl-C, which would be the end of SIGTERM too. It is held back
        # instead of ignored, so that it does nothing still, until SIGTERM lets it through.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield end
    finally:
        end.cancel()
        if deaf:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if here:
            signal.signal(signal.SIGTERM, before)
