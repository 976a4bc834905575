"""Listings that fill more than one page: iterators that hold nothing between two items.

Three rules, from what the service really did:

1. A page's `count` is its own size; the next offset is advanced by what came.
2. A page without entries ends the listing, whatever its `has_more` claims.
3. A page that brings no entry that was not there before ends it too.

The plain iterators own no task, cancel scope or connection between two items: one that is abandoned
leaks nothing. Fetching ahead needs a task, so it is a block: `async with listing.ahead() as items`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Generic, TypeVar

import anyio

from .ahead import LIMIT, Ahead
from .loops import tasks_beside
from .models import Page
from .shapes import integer

__all__ = ["Items", "Listing", "Pages"]

T = TypeVar("T")

Fetch = Callable[[int], Awaitable[Page[T]]]


class Pages(AsyncIterator[Page[T]]):
    """The pages of a listing, one request each, as the service gave them."""

    def __init__(self, fetch: Fetch[T], key: Callable[[T], str]) -> None:
        self._fetch = fetch
        self._key = key
        self._seen: set[str] = set()
        self._done = False
        # Tasks that share one iterator take turns: two fetches at once would pass over a page.
        self._turn = anyio.Lock()
        #: where the next page begins
        self.offset: int = 0

    def __repr__(self) -> str:
        """Where it stands."""
        state = "done" if self._done else f"next offset {self.offset}"
        return f"<Pages: {len(self._seen)} entries read, {state}>"

    async def __anext__(self) -> Page[T]:
        """The next page; a failed fetch can be tried again by asking again."""
        async with self._turn:
            return await self._following()

    async def _following(self) -> Page[T]:
        if self._done:
            raise StopAsyncIteration
        page = await self._fetch(self.offset)
        keys = {self._key(entry) for entry in page.objs}
        new = not keys <= self._seen
        self._seen |= keys
        self.offset += len(page.objs)
        self._done = not (page.has_more and new)
        # The first page is given even if it is empty; a later one that brings nothing new is not.
        if not new and self.offset > len(page.objs):
            raise StopAsyncIteration
        return page


class Items(AsyncIterator[T]):
    """The entries of a listing, one after the other; an entry that comes twice is given once."""

    def __init__(self, pages: AsyncIterator[Page[T]], key: Callable[[T], str]) -> None:
        self._pages = pages
        self._key = key
        self._given: set[str] = set()
        self._page: tuple[T, ...] = ()
        self._next = 0
        self._turn = anyio.Lock()

    def __repr__(self) -> str:
        """Where it stands."""
        return f"<Items: {len(self._given)} given, {len(self._page) - self._next} more at hand>"

    async def __anext__(self) -> T:
        """The next entry."""
        while True:
            while self._next < len(self._page):
                entry = self._page[self._next]
                self._next += 1
                key = self._key(entry)
                if key not in self._given:
                    self._given.add(key)
                    return entry
            async with self._turn:
                await self._fetch()

    async def _fetch(self) -> None:
        # Another task may have fetched while this one waited for its turn.
        if self._next == len(self._page):
            self._page, self._next = (await anext(self._pages)).objs, 0


class Listing(Generic[T]):
    """What `client.records(zone)` and `client.zones()` return; each iteration begins at the beginning."""

    def __init__(
        self, fetch: Fetch[T], key: Callable[[T], str], what: str, *, spare: Callable[[], bool] | None = None
    ) -> None:
        self._fetch = fetch
        self._key = key
        self._what = what
        # Whether connections and calls are to spare, for pages that are guessed to be there.
        self._spare = spare

    def __repr__(self) -> str:
        """What is listed."""
        return f"<Listing of {self._what}>"

    def __aiter__(self) -> Items[T]:
        """The entries, a page fetched when it is needed."""
        return Items(self.pages(), self._key)

    def pages(self) -> Pages[T]:
        """The pages as the service gave them, fetched when they are needed."""
        return Pages(self._fetch, self._key)

    async def all(self) -> list[T]:
        """Every entry, in a list."""
        return [entry async for entry in self]

    def ahead(self, pages: int = LIMIT) -> AbstractAsyncContextManager[Items[T]]:
        """A block in which pages are fetched before they are asked for, several at once in a long listing.

        At most `pages` are under way or wait to be used; with 1 nothing is ever guessed about.
        A listing of up to three pages costs no call more than without the block, a long one fewer than
        half of its pages and at most 15, where its last pages are guessed to be there and are not.

        A fetch that fails shows itself after the entries of the good pages, as itself and not in a
        group; so does an error of the block's own body. Leaving the block ends the fetching.
        """
        return self._ahead(integer("pages", pages, 1))

    @asynccontextmanager
    async def _ahead(self, pages: int) -> AsyncIterator[Items[T]]:
        async with tasks_beside() as tasks:
            source = Ahead(self._fetch, self._key, tasks=tasks, limit=pages, spare=self._spare)
            source.start()
            try:
                yield Items(source, self._key)
            finally:
                source.close()
