"""Fetching ahead on a clock that is not real: what is under way while the consumer works."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.test_paging import Service


def test_a_page_is_fetched_while_the_last_one_is_used() -> None:
    """Ten pages of one second each, each worked on for one second: 11 seconds instead of 20."""

    async def main(ahead: bool) -> float:
        listing = Service(10, 1, delay=1).listing()
        began = trio.current_time()
        if ahead:
            async with listing.ahead() as items:
                async for _ in items:
                    await trio.sleep(1)
        else:
            async for _ in listing:
                await trio.sleep(1)
        return trio.current_time() - began

    assert round(trio.run(main, True, clock=MockClock(autojump_threshold=0)), 6) == 11
    assert round(trio.run(main, False, clock=MockClock(autojump_threshold=0)), 6) == 20


def test_no_more_pages_are_fetched_than_asked_for() -> None:
    """A consumer that stops for an hour finds `pages` pages waiting, and no more were asked for."""

    async def main(pages: int) -> int:
        service = Service(100, 1, delay=1)
        async with service.listing().ahead(pages) as items:
            await anext(items)
            await trio.sleep(3600)
        return len(service.asked)

    for pages in (1, 2, 5):
        # The one in use, and those fetched ahead of it.
        assert 1 + pages == trio.run(main, pages, clock=MockClock(autojump_threshold=0))
