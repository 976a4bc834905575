"""A listing of several pages, whole and as it was at one moment; or an error that says why it is not.

Pages are numbered by how many entries to pass over, so an entry that comes or goes while they are read
moves the others: one is seen twice, or never. Therefore each page but the last is looked at a second
time, after the last:

    look    page 1, page 2, ..., page n        the moment T is when page n came
    look again    page 1, ..., page n-1        the same as before?

A page that is the same before and after T was so at T, so that all pages together are the listing as it
was at T. The one exception: what changes between the two looks and changes back, unseen by both. No
paging by offset can tell that apart.

A listing of one page costs one call, one of n pages 2n - 1. What does not hold together is read again,
`READINGS` times in all; then it is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from typing import Final, TypeVar

from cfclient.errors import UnexpectedAnswer
from cfclient.models import Page

__all__ = ["READINGS", "whole"]

T = TypeVar("T")
K = TypeVar("K")

#: how many times a listing is read before it is given up
READINGS: Final = 4


class _Torn(Exception):
    """What was read is no listing as it was at one moment."""


async def whole(
    fetch: Callable[[int], Awaitable[Page[T]]],
    key: Callable[[T], str],
    what: str,
    *,
    keep: Callable[[Iterable[T]], Iterable[K]],
) -> tuple[K, ...]:
    """Every entry of a listing as it was at one moment.

    Args:
        fetch: gives the page that begins behind so many entries.
        key: an entry's id.
        what: whose words an error begins with.
        keep: what is kept of each of these entries, and compared between the two looks.

    Raises:
        UnexpectedAnswer: it broke off, or changed at each of so many readings.
    """
    reason = ""
    for _ in range(READINGS):
        try:
            return await _read(fetch, key, keep)
        except _Torn as torn:
            reason = str(torn)
    raise UnexpectedAnswer(f"{what} are not whole: {reason} (read {READINGS} times)")


async def _read(
    fetch: Callable[[int], Awaitable[Page[T]]], key: Callable[[T], str], keep: Callable[[Iterable[T]], Iterable[K]]
) -> tuple[K, ...]:
    pages: list[dict[str, K]] = []
    offsets: list[int] = []
    seen: set[str] = set()
    offset, more = 0, True
    while more:
        page = await fetch(offset)
        entries = _entries(page, key, keep)
        if len(entries) < len(page.objs):
            ident, _ = Counter(map(key, page.objs)).most_common(1)[0]
            raise _Torn(f"id {ident} came twice on one page")
        if page.has_more and seen.issuperset(entries):
            raise _Torn(f"the service gave {len(seen)}, announces more and gives none")
        if seen and (twice := seen.intersection(entries)):
            raise _Torn(f"id {min(twice)} came twice, so the listing changed meanwhile")
        pages.append(entries)
        offsets.append(offset)
        offset, more = offset + len(page.objs), page.has_more
        if more:
            seen.update(entries)
    for before, begin in zip(pages[:-1], offsets, strict=False):
        if before != _entries(await fetch(begin), key, keep):
            raise _Torn(f"what stood behind {begin} entries changed meanwhile")
    return tuple(chain.from_iterable(entries.values() for entries in pages))


def _entries(page: Page[T], key: Callable[[T], str], keep: Callable[[Iterable[T]], Iterable[K]]) -> dict[str, K]:
    """What is kept, by id; without a step of Python for each entry, of which there are millions in a night."""
    return dict(zip(map(key, page.objs), keep(page.objs), strict=True))
