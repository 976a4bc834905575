"""A budget in one event loop: at most so many exchanges in any so many seconds, from the send to the arrival.

1. A place is taken when an exchange is sent, and comes back `seconds` after its end; where its end is not
   known, only when it cannot arrive any longer either. An exchange that never left gives its place back.
2. There may be several limits, because clients of one principal may ask for different ones: an exchange counts in
   each, and goes where all of them have a place.
3. Interactive calls go as soon as there is a place; bulk work goes where it leaves a part of the places free, which
   each client chooses for itself. Each is first come, first served.
4. Who stands first in a line watches the clock. Whoever leaves, served or cancelled, wakes who is first then.
5. Nothing here waits but `take`, and all time is the event loop's own.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import OrderedDict
from operator import attrgetter

import anyio

from .policy import Rate, room

__all__ = ["Late", "Window"]


class Late(Exception):
    """The wait would be too long."""

    def __init__(self, seconds: float, *, held: bool) -> None:
        self.seconds = seconds
        self.held = held
        super().__init__(seconds)


class _Waiter:
    __slots__ = ("event", "granted", "leaves", "patience", "refused")

    def __init__(self, patience: float, leaves: float) -> None:
        self.event = anyio.Event()
        self.granted = False
        #: how long a hold of the service may be for this one
        self.patience = patience
        #: the part of each limit that it leaves free
        self.leaves = leaves
        self.refused = False


class _Limit:
    """One limit of a window: when the places come back that are taken, and whose exchange has ended."""

    __slots__ = ("_back", "_gone", "rate")

    def __init__(self, rate: Rate, back: list[float]) -> None:
        self.rate = rate
        # Sorted; those before `_gone` are back already.
        self._back = back
        self._gone = 0

    def places(self, leaves: float) -> int:
        """How many there are for who leaves this part of them free."""
        calls = self.rate.calls
        return calls - room(calls, leaves) if leaves else calls

    def out(self, now: float) -> int:
        """How many of them are taken."""
        back, gone, end = self._back, self._gone, len(self._back)
        if gone == end or back[gone] > now:  # what most calls find
            return end - gone
        while gone < end and back[gone] <= now:
            gone += 1
        if gone > 64 and gone * 2 > end:
            del back[:gone]
            end -= gone
            gone = 0
        self._gone = gone
        return end - gone

    def back(self, now: float) -> list[float]:
        """When each of them comes back."""
        self.out(now)
        return self._back[self._gone :]

    def when(self, number: int) -> float | None:
        """When so many have come back, from 1; None where there are fewer."""
        index = self._gone + number - 1
        return self._back[index] if index < len(self._back) else None

    def empty(self, now: float) -> float:
        """Seconds until all have come back."""
        return self._back[-1] - now if self.out(now) else 0.0

    def end(self, at: float) -> float:
        """One more is taken, until the window after then; returns when it comes back."""
        at += self.rate.seconds
        back = self._back
        if not back or at >= back[-1]:
            back.append(at)
        else:
            insort(back, at, lo=self._gone)
        return at

    def lasts(self, rate: Rate) -> bool:
        """Whether who keeps to this limit keeps to that one too."""
        return self.rate.calls <= rate.calls and self.rate.seconds >= rate.seconds


_seconds = attrgetter("rate.seconds")


class Window:
    """The places of one budget, and who waits for them.

    Args:
        rate: how many in how many seconds.
    """

    __slots__ = ("_leaders", "_limits", "_lines", "_timers", "_until", "mixed", "parked", "under_way")

    def __init__(self, rate: Rate) -> None:
        self.under_way: int = 0
        #: how many of these wait for a place of the store that processes share, and have not gone yet
        self.parked: int = 0
        #: whether clients have asked for different limits
        self.mixed: bool = False
        # The shortest first.
        self._limits: list[_Limit] = [_Limit(rate, [])]
        self._until = -math.inf
        # Of interactive calls, and of bulk work.
        self._lines: tuple[OrderedDict[_Waiter, None], OrderedDict[_Waiter, None]] = OrderedDict(), OrderedDict()
        self._leaders: list[_Waiter | None] = [None, None]
        self._timers: list[anyio.CancelScope | None] = [None, None]

    def __repr__(self) -> str:
        rates = " and ".join(map(str, self.rates))
        return f"<Window of {rates}: {self.under_way} under way, {self.waiting} wait>"

    @property
    def rates(self) -> tuple[Rate, ...]:
        """All limits, the shortest first."""
        return tuple(limit.rate for limit in self._limits)

    @property
    def rate(self) -> Rate:
        """The limit that has the fewest places left."""
        return self._tightest(anyio.current_time()).rate

    def _tightest(self, now: float) -> _Limit:
        limits = self._limits
        return limits[0] if len(limits) == 1 else min(reversed(limits), key=lambda one: one.rate.calls - one.out(now))

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._lines[0]) + len(self._lines[1])

    @property
    def idle(self) -> bool:
        """Whether forgetting it would lose nothing."""
        return not (self.used() or self.waiting or self.held() or self.mixed)

    def used(self) -> int:
        """How many places of the limit are taken that has the fewest left."""
        now = anyio.current_time()
        return self.under_way + self._tightest(now).out(now)

    def held(self) -> float:
        """For how many seconds everything is held back."""
        return max(0.0, self._until - anyio.current_time())

    def refills(self) -> tuple[float, float]:
        """Seconds until the first place comes back, and until all have that are not under way."""
        now = anyio.current_time()
        first = self._tightest(now).back(now)
        return (first[0] - now if first else 0.0), max(limit.empty(now) for limit in self._limits)

    def has_of_share(self, share: float) -> bool:
        """Whether one more may go where this part of each limit is all there is.

        Who is parked has a place of the window already, and has not gone.
        """
        now, gone = anyio.current_time(), self.under_way - self.parked
        return all(limit.out(now) + gone < max(1, int(limit.rate.calls * share)) for limit in self._limits)

    # -- taking --------------------------------------------------------------------------------------

    def take_now(self, bulk: bool, now: float | None = None, leaves: float = 0.0) -> bool:
        """Takes a place if nobody is before this one; no more than a few comparisons."""
        lines = self._lines
        if lines[bulk] or (bulk and lines[0]):
            return False
        if now is None:
            now = anyio.current_time()
        if now < self._until or not self._has(now, leaves):
            return False
        self.under_way += 1
        return True

    def _has(self, now: float, leaves: float) -> bool:
        """Whether every limit has a place, and more than are to be left."""
        return all(self.under_way + limit.out(now) < limit.places(leaves) for limit in self._limits)

    def estimate(self, behind: int, leaves: float = 0.0) -> float:
        """The seconds, or a few less, until a call has its turn that stands behind so many."""
        now = at = anyio.current_time()
        for limit in self._limits:
            places = limit.places(leaves)
            needed = self.under_way + limit.out(now) - places + behind + 1
            if needed > 0:
                when = limit.when(needed)
                if when is None:
                    # What is under way comes back after that at the earliest, and what comes back is taken again.
                    when = now + limit.rate.seconds * (1 + (needed - limit.out(now) - 1) // places)
                at = max(at, when)
        return max(at, self._until) - now

    async def take(
        self, bulk: bool, *, leaves: float = 0.0, longest: float = math.inf, patience: float = math.inf
    ) -> None:
        """Waits for a place; raises `Late` where that would take longer than `longest`.

        Args:
            bulk: in which line.
            leaves: the part of each limit that is left free.
            longest: the most seconds to wait.
            patience: the most seconds to wait where the service itself holds everything back.
        """
        line = self._lines[bulk]
        seconds = self.estimate(len(line), leaves)
        if seconds > longest or self.held() > patience:
            raise Late(max(seconds, self.held()), held=self.held() > 0)
        waiter = _Waiter(min(patience, longest), leaves)
        line[waiter] = None
        try:
            if longest == math.inf:
                await self._turn(waiter, bulk)
            else:
                with anyio.move_on_after(longest):
                    await self._turn(waiter, bulk)
                if not (waiter.granted or waiter.refused):
                    self._serve()  # its turn may have come at this very moment
        except BaseException:
            if waiter.granted:
                self.give_back()
            raise
        finally:
            line.pop(waiter, None)
            if self._leaders[bulk] is waiter:
                self._leaders[bulk] = self._timers[bulk] = None
            self._wake()
        if not waiter.granted:
            # At least so long: others may stand before.
            raise Late(max(0.001, self.estimate(0, leaves)), held=self.held() > 0)

    async def _turn(self, waiter: _Waiter, bulk: bool) -> None:
        while not (waiter.granted or waiter.refused):
            if next(iter(self._lines[bulk])) is waiter:
                self._leaders[bulk] = waiter
                with anyio.CancelScope(deadline=self._due(bulk)) as timer:
                    self._timers[bulk] = timer
                    await waiter.event.wait()
                if self._leaders[bulk] is waiter:  # served by another, it may have a successor already
                    self._timers[bulk] = None
                self._serve()
            else:
                await waiter.event.wait()
            if not waiter.granted:
                waiter.event = anyio.Event()

    def _due(self, bulk: bool) -> float:
        """When the first of this line may go, as far as it is known."""
        now = at = anyio.current_time()
        leaves = next(iter(self._lines[bulk])).leaves
        for limit in self._limits:
            needed = self.under_way + limit.out(now) - limit.places(leaves) + 1
            if needed > 0:
                when = limit.when(needed)
                at = max(at, math.inf if when is None else when)
        return max(at, self._until)

    def _serve(self) -> None:
        """Gives what places there are to who is first."""
        now = anyio.current_time()
        if now >= self._until:
            for line in self._lines:
                while line and self._has(now, next(iter(line)).leaves):
                    waiter, _ = line.popitem(last=False)
                    waiter.granted = True
                    waiter.event.set()
                    self.under_way += 1
        self._wake()

    def _wake(self) -> None:
        """Lets who is first now watch the clock."""
        for which, line in enumerate(self._lines):
            if line:
                first = next(iter(line))
                if self._leaders[which] is not first:
                    first.event.set()

    # -- giving back ---------------------------------------------------------------------------------

    def end(self, late: float = 0.0, now: float | None = None) -> None:
        """An exchange has ended; its place comes back in `seconds`, and `late` more."""
        at = (anyio.current_time() if now is None else now) + late
        self.under_way -= 1
        limits = self._limits
        soonest = limits[0].end(at)
        for limit in limits[1:]:
            limit.end(at)
        lines = self._lines
        if lines[0] or lines[1]:
            self._sooner(soonest)

    def give_back(self) -> None:
        """An exchange never left: its place is there again at once."""
        self.under_way -= 1
        if self.waiting:
            self._serve()
            # Bulk work may be one place nearer to its share.
            self._sooner(-math.inf)

    def _sooner(self, at: float) -> None:
        for which, timer in enumerate(self._timers):
            # Whose it is may have been served just now.
            if timer is not None and self._lines[which] and at < timer.deadline:
                timer.deadline = self._due(bool(which))

    # -- what the service says -----------------------------------------------------------------------

    def hold(self, seconds: float) -> None:
        """Holds everything back for so long, or longer if it is already."""
        self._until = max(self._until, anyio.current_time() + seconds)
        for line in self._lines:
            for waiter in [waiter for waiter in line if waiter.patience < seconds]:
                waiter.refused = True
                waiter.event.set()

    def correct(self, left: int, seconds: float) -> None:
        """The service says that no more than `left` may go, for so many seconds: others spend as well."""
        # In one limit is enough, as all have to have a place; the longest is most like the service's own.
        now, limit = anyio.current_time(), self._limits[-1]
        for _ in range(limit.rate.calls - self.under_way - limit.out(now) - left):
            limit.end(now + seconds - limit.rate.seconds)

    def keep_to(self, rate: Rate) -> None:
        """A client asks for this limit: of all that were asked for, each holds for all.

        What has gone already counts in it, as far back as it is remembered.
        """
        self.mixed = self.mixed or rate not in self.rates
        if any(limit.lasts(rate) for limit in self._limits):
            return
        now = anyio.current_time()
        known = next((limit for limit in self._limits if limit.rate.seconds >= rate.seconds), self._limits[-1])
        shift = rate.seconds - known.rate.seconds
        new = _Limit(rate, [at + shift for at in known.back(now) if at + shift > now])
        self._limits = sorted([*(one for one in self._limits if not new.lasts(one.rate)), new], key=_seconds)
