"""What the clients of one connection remember: which zone has which id, whose account it is, and purges made here.

A name is looked up once, however many callers wait for it; what is remembered is bounded, and forgotten when
the service says that the zone is gone. Every entry belongs to one principal: what one may see, another may not.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, TypeVar, cast

import anyio
import attrs

from cfclient.errors import CloudflareError

__all__ = ["Memory", "Seen"]

T = TypeVar("T")

#: how many zones, names and accounts are remembered together
SIZE: Final = 10_000


@attrs.frozen
class Seen:
    """What is known of a zone."""

    id: str
    #: None where nobody told
    name: str | None
    account: str | None
    plan: str | None = None
    #: as the service writes it
    created_on: str | None = None


class _Turn:
    """Those who wait for one look-up."""

    __slots__ = ("failure", "lock", "waiting")

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.waiting = 0
        self.failure: CloudflareError | None = None


class Memory:
    """Bounded; shared by all clients of one connection."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._entries: OrderedDict[Hashable, object] = OrderedDict()
        self._turns: dict[Hashable, _Turn] = {}

    def __repr__(self) -> str:
        """How much it holds."""
        return f"<Memory of {len(self._entries)} entries>"

    def get(self, key: Hashable) -> object | None:
        """What is remembered there, or None."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: Hashable, value: object) -> None:
        """Remembers it; the one not used for longest is forgotten for it."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def forget(self, *keys: Hashable) -> None:
        """Remembers these no more."""
        for key in keys:
            self._entries.pop(key, None)

    async def once(self, key: Hashable, look: Callable[[], Awaitable[T]]) -> T:
        """What is remembered there, or what looking says; one looks, and the others wait for it.

        A look that is cancelled is made again by the next who waits; one that fails has failed for all of them.
        """
        found = self.get(key)
        if found is not None:
            return cast("T", found)
        turn = self._turns.setdefault(key, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                if turn.failure is not None:
                    raise copy.copy(turn.failure)
                found = self.get(key)
                if found is None:
                    try:
                        found = await look()
                    except CloudflareError as error:
                        turn.failure = copy.copy(error)
                        raise
                    self.put(key, found)
                return cast("T", found)
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[key]
