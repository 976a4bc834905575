"""What the adapters over aiohttp and PycURL share: libraries with a sound pool of their own, on asyncio only."""

from __future__ import annotations

import asyncio
import sys
from abc import ABC, abstractmethod
from functools import partial
from types import TracebackType
from typing import ClassVar, Generic, Self, TypeVar

import anyio
import anyio.lowlevel

from cfclient.backend import departed
from cfclient.errors import MisusedClient
from cfclient.http import Reply, Request
from cfclient.loops import Home

from .border import Meanings, Timeouts, answered, checked_limit

__all__ = ["Pooled"]

C = TypeVar("C")


def _perhaps() -> bool:
    return True


class Pooled(ABC, Generic[C]):
    """An adapter over a client of this library.

    Its own client is opened at the first exchange, with at most `limit` exchanges at once, and closed with
    the adapter; one of the user's has its own limits and is never closed.
    """

    library: ClassVar[str]
    meanings: ClassVar[Meanings]

    def __init__(self, client: C | None, *, limit: int, timeouts: Timeouts | None) -> None:
        self.limit: int = checked_limit(limit)
        self.times: Timeouts = timeouts or Timeouts()
        self._borrowed = client is not None
        self._client = client
        self._home = Home("HTTP adapter")
        # asyncio's own costs a sixth of anyio's where exchanges wait.
        self._gate = asyncio.Semaphore(sys.maxsize if self._borrowed else limit)
        self._busy = 0

    def __repr__(self) -> str:
        whose = "a client of the user's" if self._borrowed else f"at most {self.limit}"
        return f"<{type(self).__name__} {self.busy} busy, {whose}{', closed' if self._home.closed else ''}>"

    @property
    def busy(self) -> int:
        """How many exchanges are under way."""
        return self._busy

    def spare(self) -> bool:
        """Whether a further exchange would take a connection from nobody."""
        return not self._gate.locked()

    @abstractmethod
    def opened(self) -> C:
        """A client of the adapter's own."""
        ...

    @abstractmethod
    async def shut(self, client: C) -> None:
        """Closes the adapter's own client."""
        ...

    @abstractmethod
    async def send(self, client: C, request: Request) -> Reply:
        """The reply, in the library's own errors; over a client of the adapter's own in `times.total` seconds."""
        ...

    async def exchange(self, request: Request, /) -> Reply:
        """The reply, its body read to the end and decoded; redirects are not followed.

        Raises:
            ConnectionFailed: no answer came, or not all of it in time.
            UnexpectedAnswer: the body is not encoded as its headers say, or is larger than the request allows.
            MisusedClient: closed, or used in another event loop than before, or on trio.
        """
        self._check()
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()
            async with self._gate:
                self._home.check_open()  # it may have been closed during the wait
                self._busy += 1
                try:
                    if self._client is None:
                        self._client = self.opened()
                    departed()  # the library does not say when
                    # What is the user's may have other limits, or none.
                    total = self.times.total if self._borrowed else None
                    return await answered(partial(self.send, self._client), _perhaps, request, total, self.meanings)
                finally:
                    self._busy -= 1
        finally:
            await self._closed_after_the_last()

    def _check(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise MisusedClient(
                f"the HTTP adapter over {self.library} runs on asyncio only; under trio use the default, over httpx"
            ) from None
        self._home.check()

    async def aclose(self) -> None:
        """Closes a client of its own, when the last exchange under way has ended; may be called again."""
        if not self._home.closed:
            self._check()
            self._home.closed = True
            await self._closed_after_the_last()

    async def _closed_after_the_last(self) -> None:
        if self._home.closed and not self.busy and not self._borrowed and self._client is not None:
            client, self._client = self._client, None
            with anyio.CancelScope(shield=True):
                await self.shut(client)

    async def __aenter__(self) -> Self:
        self._check()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.aclose()
