"""A budget that processes share: the places lie in a store, each until its time has come.

1. A place is taken in one atomic step, until its exchange must have arrived whatever becomes of this process;
   the end of the exchange shortens that. So a process that is killed gives its places back by and by.
   The store keeps when each exchange arrives at the latest, and the limits that are asked for: each of these holds
   for all processes until nobody has asked for it for as long as it lasts.
2. Times go to and from a store as seconds from now, so that only the store's own clock counts.
3. One call of each class asks the store at a time, for itself and for those behind it.
4. Where the store cannot be reached, every call fails, or a part of the limit is left to each process, and
   the log says so. Nothing waits longer for the store than its timeout, and nothing is unlimited.
   Then one question at a time tries whether it is there again, after pauses that begin small.
"""

from __future__ import annotations

import hashlib
import logging
import math
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

import anyio
import attrs

from cfclient.errors import ConnectionFailed

from .policy import Pace, Rate
from .window import Late, Window

__all__ = ["Answer", "Ask", "Ended", "Reach", "Shared", "Store", "StoreFailed", "key_of"]

_log = logging.getLogger("cfclient.pace")

# So many places are asked for at once, so that none lies about for long.
_BATCH: Final = 32
# So many ended places are kept for a store that cannot be reached; what is forgotten lasts as long as it may.
_MOST_ENDED: Final = 4096
# Who tells the store tells it what ended meanwhile as well, so many times at most.
_ROUNDS: Final = 8
# After a failure the store is left alone for so many seconds, twice as many after each further one up to the second
# number, and at least as long as the question took.
_PAUSES: Final = 0.1, 1.0


class StoreFailed(Exception):
    """The store cannot be reached, or not in time."""


@attrs.frozen
class Ended:
    """A place whose exchange has ended: it arrives in so many seconds from now at the latest; never is -math.inf."""

    place: str
    arrives_in: float


@attrs.frozen(kw_only=True)
class Ask:
    """One step of a store."""

    key: str
    #: the limits that this process keeps to
    rates: tuple[Rate, ...]
    #: how many places are wanted, and the part of each limit that has to be left free
    want: int = 0
    leaves: float = 0.0
    #: what the places are called, chosen by who asks: whoever has no answer can give them back all the same
    names: str = attrs.field(factory=lambda: secrets.token_hex(8))
    #: how long an exchange may take at most, where its end is never told
    late: float = 60.0
    ended: tuple[Ended, ...] = ()
    #: the service holds everything back for so long
    hold: float = 0.0
    #: the service says that no more than so many are left, for so many seconds
    left: tuple[int, float] | None = None

    def places(self, number: int) -> tuple[str, ...]:
        """The names of the first so many."""
        return tuple(f"{self.names}:{index + 1}" for index in range(number))


@attrs.frozen(kw_only=True)
class Answer:
    """What became of it."""

    places: tuple[str, ...]
    #: the limit that has the fewest places left, and how many of it are taken
    rate: Rate
    used: int
    #: seconds until the next place that is wanted, or any, may be free
    wait: float
    #: seconds until all are, of all limits, as far as it is known
    full: float
    held: float


class Store(Protocol):
    """Where the places lie."""

    async def step(self, ask: Ask, /) -> Answer:
        """One atomic step; raises `StoreFailed` in bounded time."""
        ...

    async def aclose(self) -> None:
        """Lets go of it."""
        ...


class Reach:
    """A store, and whether it can be reached as far as this process knows: one for all budgets in it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        #: whether the last question failed
        self.down: bool = False
        self._pause = 0.0
        self._again = -math.inf
        self._trying = False

    def due(self, now: float) -> bool:
        """Whether it may be asked: while it is down, by one at a time, when a pause is over."""
        return not self.down or (now >= self._again and not self._trying)

    def wait(self, now: float) -> float:
        """Seconds after which to look again whether it may be asked."""
        return self._pause if self._trying else max(0.01, self._again - now)

    async def answered(self, ask: Ask) -> Answer:
        """The answer of a store that is due; what becomes of the question says whether it can be reached."""
        began, tries = anyio.current_time(), self.down
        self._trying = self._trying or tries
        try:
            answer = await self._store.step(ask)
        except StoreFailed as error:
            # Those that were asked at the same time as the first that failed say nothing new.
            if tries or not self.down:
                self._failed(error, began)
            raise
        finally:
            if tries:
                self._trying = False
        if self.down:
            self.down, self._pause = False, 0.0
            _log.info("the shared budget is reached again")
        return answer

    def _failed(self, error: StoreFailed, began: float) -> None:
        now = anyio.current_time()
        level = logging.DEBUG if self.down else logging.WARNING
        _log.log(level, "the shared budget cannot be reached: %s", error)
        first, longest = _PAUSES
        self._pause = max(min(2 * self._pause, longest), first, now - began)
        self._again = now + self._pause
        self.down = True


def key_of(*parts: str) -> str:
    """The name of a budget in a store: nobody can tell from it who the principal is."""
    text = "\n".join(parts).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=16, person=b"cfclient budget").hexdigest()


class Shared:
    """The places of one principal in one window, for this process.

    The window of the event loop stands before it: its lines are this process's, and where the store cannot be
    reached, it is what is left.
    """

    def __init__(self, reach: Reach, key: str, pace: Pace, window: Window) -> None:
        self.window = window
        self._reach = reach
        self._key = key
        self._pace = pace
        self._said: Rate | None = None
        self._turns = anyio.Lock(), anyio.Lock()
        self._ready: tuple[deque[str], deque[str]] = deque(), deque()
        # What the store is to be told: places and when they have arrived, on the event loop's clock.
        self._ended: list[tuple[str, float]] = []
        self._hold = -math.inf
        #: the end of the hold that the store knows of
        self._told = -math.inf
        self._left: tuple[int, float] | None = None
        self._flushing = False

    @property
    def rate(self) -> Rate:
        """The limit that has the fewest places left: another process may have asked for it."""
        return self._said or self.window.rate

    @property
    def idle(self) -> bool:
        """Whether forgetting it would lose nothing."""
        return not (self._news or self._ready[0] or self._ready[1])

    @property
    def _news(self) -> bool:
        return bool(self._ended or self._left or self._hold > self._told)

    async def step(self, want: int = 0, leaves: float = 0.0) -> Answer:
        """One step of the store, with all that it has to be told."""
        now = anyio.current_time()
        if not self._reach.due(now):
            raise StoreFailed("it could not be reached, and is left alone for a moment")
        ended, self._ended = self._ended, []
        left, self._left = self._left, None
        hold = self._hold
        ask = Ask(
            key=self._key,
            rates=self.window.rates,
            want=want,
            leaves=leaves,
            late=self._pace.late,
            ended=tuple(Ended(place, at - now) for place, at in ended),
            hold=max(0.0, hold - now),
            left=None if left is None or left[1] <= now else (left[0], left[1] - now),
        )
        try:
            answer = await self._reach.answered(ask)
        except BaseException:
            # It may have been carried out: then nobody else knows of its places.
            unknown = [(place, -math.inf) for place in ask.places(want)]
            self._ended = (ended + unknown + self._ended)[-_MOST_ENDED:]
            self._left = self._left or left
            self._said = None
            raise
        self._told, self._said = hold, answer.rate
        if answer.held:
            self.window.hold(answer.held)
        return answer

    async def take(
        self, bulk: bool, waits: Callable[[float], None], *, longest: float = math.inf, patience: float = math.inf
    ) -> str | None:
        """A place of the store; None where it cannot be reached, and a share is left.

        Args:
            bulk: in which line.
            waits: is told before it waits for a place, and for how many seconds.
            longest: the most seconds to wait.
            patience: the most seconds to wait where the service itself holds everything back.

        Raises:
            Late: the wait would be too long.
            ConnectionFailed: the store cannot be reached, and no share is left.
        """
        deadline = anyio.current_time() + longest
        turn, ready = self._turns[bulk], self._ready[bulk]
        if self._reach.down:
            with suppress(StoreFailed):  # before the line: those who come meanwhile do not wait for what is tried
                await self.step()
        try:
            async with turn:
                while not ready:
                    answer = await self._asked(bulk)
                    if answer is None:
                        held, wait = False, self._without()
                        if wait == 0:
                            return None
                    else:
                        ready.extend(answer.places)
                        held, wait = answer.held > 0, max(answer.wait, answer.held)
                    if not ready:
                        if anyio.current_time() + wait > deadline or (held and wait > patience):
                            raise Late(max(wait, 0.0 if answer else self.window.refills()[0]), held=held)
                        waits(wait)
                        await anyio.sleep(wait)
                return ready.popleft()
        finally:
            # Those that they were for went away, also while they waited for their turn: a place that is kept for
            # the next call would be free for others long before.
            if not (turn.locked() or turn.statistics().tasks_waiting):
                while ready:
                    self.unused(ready.popleft())

    async def _asked(self, bulk: bool) -> Answer | None:
        """What the store says; None where it cannot be reached, or is left alone."""
        behind = self._turns[bulk].statistics().tasks_waiting
        with suppress(StoreFailed):
            return await self.step(min(_BATCH, behind + 1), self._pace.bulk_leaves if bulk else 0.0)
        return None

    def _without(self) -> float:
        """Seconds to wait where there is no answer: none where a place of the share is left."""
        store = self._pace.store
        if store is None or store.share is None:
            raise ConnectionFailed("the shared budget cannot be reached", maybe_carried_out=False)
        if self.window.has_of_share(store.share):
            return 0.0
        return min(self._reach.wait(anyio.current_time()), max(0.01, self.window.refills()[0]))

    def end(self, place: str | None, late: float = 0.0) -> None:
        """The exchange has ended; the store is told with the next step."""
        if place is not None:
            self._ended.append((place, anyio.current_time() + late))

    def unused(self, place: str | None) -> None:
        """The place was not needed."""
        if place is not None:
            self._ended.append((place, -math.inf))

    def hold(self, seconds: float) -> None:
        """The service holds everything back; the store is told with the next step."""
        self._hold = max(self._hold, anyio.current_time() + seconds)

    def correct(self, left: int, seconds: float) -> None:
        """The service says that no more than `left` may go, for so many seconds; the store is told."""
        self._left = left, anyio.current_time() + seconds

    async def flush(self) -> None:
        """Tells the store now, unless somebody does so already, who then tells this too."""
        if self._flushing or not self._reach.due(anyio.current_time()):
            return
        self._flushing = True
        try:
            with suppress(StoreFailed):
                for _ in range(_ROUNDS):
                    await self.step()
                    if not self._news:
                        break
        finally:
            self._flushing = False
