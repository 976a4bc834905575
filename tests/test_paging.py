"""Listings: pages followed by has_more and o, whatever the service answers, and nothing held in between."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import anyio
import pytest

from cfclient.errors import ConnectionFailed, MisusedClient
from cfclient.models import Page
from cfclient.paging import Listing

pytestmark = pytest.mark.anyio


class Service:
    """Lists numbers as text, some a page, and remembers what it was asked."""

    def __init__(self, total: int, size: int, *, delay: float = 0) -> None:
        self.entries = [str(number) for number in range(total)]
        self.size = size
        self.delay = delay
        self.asked: list[int] = []
        self.answered: list[float] = []

    async def fetch(self, offset: int) -> Page[str]:
        self.asked.append(offset)
        await anyio.sleep(self.delay)
        self.answered.append(anyio.current_time())
        objs = tuple(self.entries[offset : offset + self.size])
        return Page(has_more=offset + len(objs) < len(self.entries), count=len(objs), objs=objs)

    def listing(self) -> Listing[str]:
        return Listing(self.fetch, str, "numbers")


class Script:
    """Answers with the given pages, one after the other, whatever is asked; then it fails."""

    def __init__(self, *pages: tuple[bool, Sequence[str]]) -> None:
        self.pages = [Page(has_more=more, count=len(objs), objs=tuple(objs)) for more, objs in pages]
        self.asked: list[int] = []

    async def fetch(self, offset: int) -> Page[str]:
        self.asked.append(offset)
        await anyio.lowlevel.checkpoint()
        if not self.pages:
            raise ConnectionFailed("no more", maybe_carried_out=True)
        return self.pages.pop(0)

    def listing(self) -> Listing[str]:
        return Listing(self.fetch, str, "pages")


@pytest.mark.parametrize("total", [0, 1, 179, 180, 181, 360, 1000])
async def test_all_entries_come_in_order_and_no_call_too_many(total: int) -> None:
    """Around every edge of a page."""
    service = Service(total, 180)

    entries = await service.listing().all()

    assert service.entries == entries
    assert list(range(0, max(total, 1), 180)) == service.asked


@pytest.mark.parametrize("total", [0, 1, 179, 180, 181, 360, 1000])
async def test_the_same_ahead(total: int) -> None:
    """Fetching ahead changes no entry, and up to three pages no call either."""
    service = Service(total, 180)

    async with service.listing().ahead() as items:
        entries = [entry async for entry in items]

    assert service.entries == entries
    assert list(range(0, max(total, 1), 180)) == sorted(offset for offset in service.asked if offset < max(total, 1))
    assert total > 540 or len(service.asked) == max(1, -(-total // 180))


async def test_pages_come_as_the_service_gave_them() -> None:
    """The first one even if it is empty."""
    assert [page.objs async for page in Service(3, 2).listing().pages()] == [("0", "1"), ("2",)]
    assert [page.objs async for page in Service(0, 2).listing().pages()] == [()]


async def test_the_offset_advances_by_what_came() -> None:
    """Not by a page size, and not by `count`."""
    script = Script((True, ["a", "b", "c"]), (True, ["d"]), (False, ["e"]))

    assert await script.listing().all() == ["a", "b", "c", "d", "e"]
    assert script.asked == [0, 3, 4]


async def test_an_empty_page_that_claims_more_ends_the_listing() -> None:
    """First or later."""
    later, first = Script((True, ["a"]), (True, [])), Script((True, []))

    assert await later.listing().all() == ["a"]
    assert await first.listing().all() == []
    assert later.asked == [0, 1]


async def test_a_page_that_brings_nothing_new_ends_the_listing() -> None:
    """A service that ignores the offset would be asked for ever."""
    script = Script((True, ["a", "b"]), (True, ["b", "a"]))

    assert await script.listing().all() == ["a", "b"]
    assert script.asked == [0, 2]


async def test_an_entry_that_comes_twice_is_given_once() -> None:
    """An insert in between shifts the offsets; the pages still show what came."""
    script = Script((True, ["a", "b"]), (False, ["b", "c"]))
    again = Script((True, ["a", "b"]), (False, ["b", "c"]))

    assert await script.listing().all() == ["a", "b", "c"]
    assert [page.objs async for page in again.listing().pages()] == [("a", "b"), ("b", "c")]


async def test_a_failed_fetch_can_be_tried_again() -> None:
    """The iterator stays where it was: nothing is lost, nothing comes twice."""
    script = Script((True, ["a", "b"]))
    items = aiter(script.listing())

    assert [await anext(items), await anext(items)] == ["a", "b"]
    with pytest.raises(ConnectionFailed):
        await anext(items)
    script.pages.append(Page(objs=("c",)))

    assert [entry async for entry in items] == ["c"]
    assert script.asked == [0, 2, 2]


async def test_each_iteration_begins_at_the_beginning() -> None:
    """A listing can be iterated over any number of times, at once too."""
    listing = Service(3, 2).listing()
    one, other = aiter(listing), aiter(listing)

    assert (await anext(one), await anext(other), await anext(one)) == ("0", "0", "1")
    assert await listing.all() == ["0", "1", "2"]


async def test_tasks_that_share_an_iterator_get_each_entry_once() -> None:
    """They take turns: no page is passed over, none is asked for twice."""
    service = Service(100, 7, delay=0.001)
    items, pages = aiter(service.listing()), Service(20, 3, delay=0.001).listing().pages()
    got: list[str] = []
    sizes: list[int] = []

    async def take() -> None:
        async for entry in items:
            got.append(entry)
            await anyio.lowlevel.checkpoint()

    async def take_pages() -> None:
        async for page in pages:
            sizes.append(page.count)

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(take)
            tasks.start_soon(take_pages)

    assert sorted(service.entries) == sorted(got)
    assert list(range(0, 100, 7)) == service.asked
    assert [3, 3, 3, 3, 3, 3, 2] == sizes


async def test_an_abandoned_iterator_leaves_nothing(recwarn: pytest.WarningsRecorder) -> None:
    """No task, no cancel scope, no open generator: it is just forgotten."""
    items = aiter(Service(1000, 10).listing())
    await anext(items)

    del items
    gc.collect()
    await anyio.lowlevel.checkpoint()

    assert list(recwarn) == []


async def test_reprs_say_where_they_stand() -> None:
    """For whoever debugs."""
    listing = Service(3, 2).listing()
    pages, items = listing.pages(), aiter(listing)
    before = repr(pages)
    [page async for page in pages]
    await anext(items)

    assert repr(listing) == "<Listing of numbers>"
    assert before == "<Pages: 0 entries read, next offset 0>"
    assert repr(pages) == "<Pages: 3 entries read, done>"
    assert repr(items) == "<Items: 1 given, 1 more at hand>"


# -- ahead --------------------------------------------------------------------------------------------


async def test_ahead_a_failure_comes_after_the_good_pages_as_itself() -> None:
    """Not in an ExceptionGroup, and not before the entries that came."""
    script = Script((True, ["a"]), (True, ["b"]))
    got: list[str] = []

    with pytest.raises(ConnectionFailed, match="no more"):
        async with script.listing().ahead(5) as items:
            async for entry in items:
                got.append(entry)

    assert got == ["a", "b"]


async def test_ahead_the_body_s_own_error_comes_as_itself() -> None:
    """While fetches are under way."""
    with pytest.raises(KeyError, match="mine") as caught:
        async with Service(1000, 1, delay=0.01).listing().ahead(5) as items:
            await anext(items)
            raise KeyError("mine")

    assert caught.value.__context__ is None


async def test_ahead_leaving_early_ends_the_fetching() -> None:
    """The task belongs to the block."""
    service = Service(1000, 1)

    async with service.listing().ahead(2) as items:
        first = await anext(items)
    asked = len(service.asked)
    await anyio.sleep(0.01)

    assert first == "0"
    assert asked == len(service.asked) <= 5


async def test_ahead_is_cancelled_from_outside() -> None:
    """A timeout around the block ends the block and its task."""
    service = Service(1000, 1, delay=3600)

    with anyio.move_on_after(0.01) as scope:
        async with service.listing().ahead() as items:
            await anext(items)

    assert scope.cancelled_caught
    assert service.asked == [0]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_ahead_a_request_to_exit_comes_as_itself(error: BaseException) -> None:
    """Not in a group, which would make another exit code of it."""
    with pytest.raises(type(error)) as caught:
        async with Service(10, 1).listing().ahead() as items:
            await anext(items)
            raise error

    assert error is caught.value


async def test_ahead_a_generator_around_the_block_can_be_closed_early() -> None:
    """As a streamed response is whose visitor left: quietly, with no group around the closing."""
    service = Service(1000, 1)

    async def entries() -> AsyncGenerator[str, None]:
        async with service.listing().ahead(2) as items:
            async for entry in items:
                yield entry

    async with aclosing(entries()) as stream:
        first = await anext(stream)
    asked = len(service.asked)
    await anyio.sleep(0.01)

    assert first == "0"
    assert asked == len(service.asked) <= 5


async def test_ahead_says_that_the_block_was_left() -> None:
    """Whoever keeps its iterator is told so."""
    async with Service(10, 1).listing().ahead() as items:
        await anext(items)

    with pytest.raises(MisusedClient, match="the block that fetched ahead was left"):
        async for _ in items:
            pass


async def test_ahead_takes_a_positive_number() -> None:
    """At once, not when the block is entered."""
    with pytest.raises(ValueError, match="pages=0 is not valid: expected a whole number of at least 1"):
        Service(1, 1).listing().ahead(0)
