"""Several pages at once: how fast, how many calls too many, and the same pages as one after the other."""

from __future__ import annotations

import random
from collections.abc import Sequence

import anyio
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from cfclient.errors import ConnectionFailed
from cfclient.models import Page
from cfclient.paging import Listing


class Zone:
    """Some entries, `size` a page; each page takes its time, drawn or fixed."""

    def __init__(self, total: int, size: int, *, delays: Sequence[float] = (0.05,)) -> None:
        self.entries = [str(number) for number in range(total)]
        self.size = size
        self.delays = delays
        self.asked: list[int] = []
        self.under_way = self.most = 0

    async def fetch(self, offset: int) -> Page[str]:
        self.asked.append(offset)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await anyio.sleep(self.delays[len(self.asked) % len(self.delays)])
        finally:
            self.under_way -= 1
        objs = tuple(self.entries[offset : offset + self.size])
        return Page(has_more=offset + len(objs) < len(self.entries), count=len(objs), objs=objs)

    @property
    def pages(self) -> int:
        return max(1, -(-len(self.entries) // self.size))


async def read(zone: Zone, limit: int = 16, spare: bool = True) -> list[str]:
    async with Listing(zone.fetch, str, "entries", spare=lambda: spare).ahead(limit) as items:
        return [entry async for entry in items]


def seconds(zone: Zone, limit: int = 16) -> float:
    """How long it takes to read a zone, on a clock that is not real."""

    async def main() -> float:
        began = trio.current_time()
        assert zone.entries == await read(zone, limit)
        return trio.current_time() - began

    return trio.run(main, clock=MockClock(autojump_threshold=0))


def test_a_deep_zone_is_read_several_times_as_fast() -> None:
    """10,000 records in 56 pages of 50 ms each."""
    in_sequence = seconds(Zone(10_000, 180), limit=1)
    ahead = seconds(Zone(10_000, 180))

    assert round(in_sequence, 3) == 2.8
    assert in_sequence / ahead >= 4.5


@given(pages=st.integers(1, 200), size=st.integers(1, 5), delays=st.lists(st.floats(0.001, 1), min_size=1, max_size=7))
def test_few_calls_are_wasted(pages: int, size: int, delays: list[float]) -> None:
    """None for up to three pages, then fewer than half and at most 15, however late each page comes."""
    zone = Zone(pages * size, size, delays=delays)

    seconds(zone)
    wasted = len(zone.asked) - pages

    assert len(zone.asked) == len(set(zone.asked))
    assert 0 <= wasted <= min(15, pages // 2)
    assert pages > 3 or wasted == 0
    assert zone.most <= 16


def test_a_realistic_mix_of_zones_wastes_little() -> None:
    """Most zones have one page, few have many; the sizes follow a log-normal law, as those of files do."""
    draw = random.Random(1)
    zones = [Zone(int(draw.lognormvariate(3.5, 1.7)), 180, delays=(0.05, 0.02, 0.09)) for _ in range(2000)]
    for zone in zones:
        seconds(zone)

    needed, asked = sum(zone.pages for zone in zones), sum(len(zone.asked) for zone in zones)

    assert max(zone.pages for zone in zones) > 20
    assert needed < asked <= 1.05 * needed


@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=20),
    lies=st.booleans(),
    fails=st.none() | st.integers(0, 25),
    limit=st.integers(1, 20),
    delays=st.lists(st.floats(0.001, 1), min_size=1, max_size=7),
)
def test_the_same_pages_as_one_after_the_other(
    sizes: list[int], lies: bool, fails: int | None, limit: int, delays: list[float]
) -> None:
    """Whatever the sizes of the pages, whichever call fails, and however late each comes."""
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    total = sum(sizes)

    def page_at(offset: int) -> Page[str]:
        """From an offset to the end of the page that it is in."""
        end = next((start + size for start, size in zip(starts, sizes, strict=True) if start + size > offset), total)
        objs = tuple(str(number) for number in range(offset, end))
        return Page(has_more=end < total or lies, count=len(objs), objs=objs)

    async def listed(ahead: int | None) -> tuple[list[str], str]:
        asked = 0

        async def fetch(offset: int) -> Page[str]:
            nonlocal asked
            asked += 1
            if ahead is not None:
                await anyio.sleep(delays[asked % len(delays)])
            if fails is not None and offset >= fails:
                raise ConnectionFailed("broken", maybe_carried_out=True)
            return page_at(offset)

        listing = Listing(fetch, str, "entries")
        got: list[str] = []
        try:
            if ahead is None:
                async for entry in listing:
                    got.append(entry)
            else:
                async with listing.ahead(ahead) as items:
                    async for entry in items:
                        got.append(entry)
        except ConnectionFailed as error:
            return got, str(error)
        return got, "whole"

    async def main() -> None:
        assert await listed(None) == await listed(limit)

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_guessing_gives_way() -> None:
    """While others want the connections, a page is asked for only when it was announced."""
    zone = Zone(10_000, 180)

    async def main() -> None:
        await read(zone, spare=False)

    trio.run(main, clock=MockClock(autojump_threshold=0))

    assert zone.most == 1
    assert list(range(0, 10_000, 180)) == zone.asked


@pytest.mark.anyio
async def test_more_that_is_announced_and_never_comes_is_the_end() -> None:
    """Nothing is asked for again behind it, and no empty page is handed on."""
    asked: list[int] = []

    async def fetch(offset: int) -> Page[str]:
        asked.append(offset)
        objs = ("0", "1") if offset == 0 else ()
        return Page(has_more=True, count=len(objs), objs=objs)

    async with Listing(fetch, str, "entries").ahead() as items:
        entries = [entry async for entry in items]

    assert ["0", "1"] == entries
    assert [0, 2] == asked


@pytest.mark.anyio
async def test_a_guess_that_was_thrown_away_changes_nothing_when_it_comes_after_all() -> None:
    """A fetch that cannot be cancelled in time is not taken for a page."""
    sizes = {0: 1, 1: 1, 2: 1, 3: 1, 4: 2, 6: 1, 7: 1}

    async def fetch(offset: int) -> Page[str]:
        with anyio.CancelScope(shield=offset == 5):
            await anyio.sleep(0.02 if offset == 5 else 0.001)
        objs = tuple(str(offset + more) for more in range(sizes.get(offset, 1)))
        return Page(has_more=offset < 7, count=len(objs), objs=objs)

    async with Listing(fetch, str, "entries").ahead() as items:
        entries = [entry async for entry in items]

    assert [str(number) for number in range(8)] == entries


@pytest.mark.anyio
async def test_nothing_is_left_when_the_block_is_left() -> None:
    """Whatever was under way ends with it."""
    zone = Zone(10_000, 10, delays=(0.001,))

    async with Listing(zone.fetch, str, "entries").ahead() as items:
        for _ in range(300):
            await anext(items)
        state = repr(items._pages)

    assert zone.under_way == 0
    assert "under way, next offset" in state
    assert zone.most > 5
