"""How a long command is ended from outside: by Ctrl-C, or by SIGTERM, which is treated alike."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from .options import INTERRUPTED, TERMINATED, say


@attrs.define
class Ending:
    """How the command is ended from outside: by Ctrl-C, or by SIGTERM, which is treated alike."""

    code: int = INTERRUPTED
    #: whether it was said that the command is ended
    said: bool = False
    word: str = "interrupted"
    _timer: threading.Timer | None = None

    def terminated(self, *_: object) -> None:
        """Takes a SIGTERM."""
        self.code, self.word = TERMINATED, "terminated"
        signal.raise_signal(signal.SIGINT)

    def soon(self, words: str) -> None:
        """Says so, and ends the process even where a thread hangs (a name that is not resolved)."""
        sys.stdout.flush()
        say(f"{self.word}{words}")
        self.said = True
        self._timer = threading.Timer(LEAVE_WITHIN, os._exit, [self.code])
        self._timer.daemon = True
        self._timer.start()

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
    try:
        yield end
    finally:
        end.cancel()
        if here:
            signal.signal(signal.SIGTERM, before)
