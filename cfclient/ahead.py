"""Pages fetched before they are asked for, several at once where a listing turns out to be long.

The rules of `paging` hold; what is added to them is a guess, that the next pages are as large as the last one:

1. The page that the last one announced is fetched; it is no guess.
2. Beyond it, at most half as many pages are under way as have come already, 16 at the most. So a listing of
   up to three pages is never guessed about, and a long one wastes fewer calls than half of its pages.
3. A guess that proves wrong (a page of another size) is thrown away, and its pages are asked for again.
4. A page is given only when all before it have come: the order, and what ends a listing, are as without guessing.
5. Guessing gives way: none is made while `spare` says that others want the connections or the calls.
6. No more than `limit` pages are under way or wait for the consumer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Final, Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

from .errors import MisusedClient
from .models import Page

__all__ = ["LIMIT", "Ahead", "Fetch", "errand"]

T = TypeVar("T")

#: how many pages are under way or waiting at the most, unless the caller says so
LIMIT: Final = 16


class Fetch:
    """A page under way."""

    __slots__ = ("scope", "wanted")

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        #: whether anybody has waited for it; one that nobody did is thrown away without a word
        self.wanted = False


#: the page for which this task's call is made; None where the call is made by whoever wants its answer
errand: ContextVar[Fetch | None] = ContextVar("cfclient_errand", default=None)


class Ahead(AsyncIterator[Page[T]], Generic[T]):
    """The pages of one listing, fetched by tasks of the block that made this."""

    def __init__(
        self,
        fetch: Callable[[int], Awaitable[Page[T]]],
        key: Callable[[T], str],
        *,
        tasks: TaskGroup,
        limit: int,
        spare: Callable[[], bool] | None,
    ) -> None:
        self._fetch = fetch
        self._key = key
        self._tasks = tasks
        self._limit = limit
        self._spare = spare
        self._seen: set[str] = set()
        #: where the next page begins that is to come in order
        self._offset = 0
        #: what the size of the next pages is taken for
        self._size = 0
        #: how many pages have come in order
        self._arrived = 0
        self._done = False
        self._closed = False
        self._under_way: dict[int, Fetch] = {}
        #: by offset, what came before its turn
        self._early: dict[int, Page[T] | Exception] = {}
        self._ready: deque[Page[T]] = deque()
        self._failure: Exception | None = None
        self._news = anyio.Event()

    def __repr__(self) -> str:
        state = "done" if self._done else f"next offset {self._offset}"
        return f"<Ahead: {self._arrived} pages came, {len(self._under_way)} under way, {state}>"

    def start(self) -> None:
        """Asks for the first page."""
        self._fill()

    def close(self) -> None:
        """The block is left: whoever waits is told."""
        self._closed = True
        self._news.set()

    async def __anext__(self) -> Page[T]:
        """The next page in order; after the good pages, the failure of the one that did not come."""
        while not self._ready:
            if self._closed:
                raise MisusedClient("the block that fetched ahead was left: its entries are gone")
            if self._failure is not None:
                raise self._failure from None
            if self._done:
                raise StopAsyncIteration
            self._under_way[self._offset].wanted = True
            self._news = anyio.Event()
            await self._news.wait()
        page = self._ready.popleft()
        self._fill()
        return page

    # -- asking --------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Asks for as many pages as may be under way now."""
        while not (self._done or self._closed or self._failure):
            guessed = len(self._under_way) + len(self._early)
            if guessed + len(self._ready) >= self._limit:
                return
            if guessed and not self._may_guess(guessed):
                return
            offset = self._offset + guessed * self._size
            fetch = self._under_way[offset] = Fetch()
            self._tasks.start_soon(self._ask, offset, fetch)

    def _may_guess(self, guessed: int) -> bool:
        if guessed >= min(LIMIT, self._arrived // 2):
            return False
        if any(isinstance(page, Exception) or self._is_last(page) for page in self._early.values()):
            return False
        return self._spare is None or self._spare()

    def _is_last(self, page: Page[T]) -> bool:
        return not page.has_more or len(page.objs) != self._size

    async def _ask(self, offset: int, fetch: Fetch) -> None:
        came: Page[T] | Exception
        errand.set(fetch)
        with fetch.scope:
            try:
                came = await self._fetch(offset)
            except Exception as error:  # given to the consumer when its turn comes
                came = error
            if self._under_way.get(offset) is not fetch:
                return  # a guess that was thrown away meanwhile
            del self._under_way[offset]
            self._early[offset] = came
            self._in_order()
            self._fill()
            self._news.set()

    # -- in order ------------------------------------------------------------------------------------

    def _in_order(self) -> None:
        """Moves what has its turn to the consumer."""
        while not self._done and self._failure is None and self._offset in self._early:
            came = self._early.pop(self._offset)
            if isinstance(came, Exception):
                self._failure = came
                self._forget_guesses()
                return
            self._take(came)

    def _take(self, page: Page[T]) -> None:
        keys = {self._key(entry) for entry in page.objs}
        new = not keys <= self._seen
        self._seen |= keys
        self._arrived += 1
        self._done = not (page.has_more and new)
        # The first page is given even if it is empty; a later one that brings nothing new is not.
        if new or self._arrived == 1:
            self._ready.append(page)
        if self._done or len(page.objs) != self._size:
            self._forget_guesses()
        self._size = len(page.objs)
        self._offset += len(page.objs)

    def _forget_guesses(self) -> None:
        guesses = list(self._under_way.values())
        self._under_way.clear()
        self._early.clear()
        for fetch in guesses:
            fetch.scope.cancel()
