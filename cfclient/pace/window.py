"""A limit in one event loop: at most so many exchanges in any so many seconds, from the send to the arrival.

1. A place is taken when an exchange is sent, and comes back `seconds` after its end; where its end is not
   known, only when it cannot arrive any longer either. An exchange that never left gives its place back.
2. Interactive calls go as soon as there is a place; bulk work goes where it leaves `room` places free.
   Each is first come, first served.
3. Who stands first in a line watches the clock. Whoever leaves, served or cancelled, wakes who is first then.
4. Nothing here waits but `take`, and all time is the event loop's own.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import OrderedDict

import anyio

from .policy import Rate

__all__ = ["Late", "Window"]


class Late(Exception):
    """The wait would be too long."""

    def __init__(self, seconds: float, *, held: bool) -> None:
        self.seconds = seconds
        self.held = held
        super().__init__(seconds)


class _Waiter:
    __slots__ = ("event", "granted", "patience", "refused")

    def __init__(self, patience: float) -> None:
        self.event = anyio.Event()
        self.granted = False
        #: how long a hold of the service may be for this one
        self.patience = patience
        self.refused = False


class Window:
    """The places of one limit, and who waits for them.

    Args:
        rate: how many in how many seconds.
        room: how many of them bulk work leaves free.
    """

    __slots__ = ("_back", "_gone", "_leaders", "_lines", "_timers", "_until", "parked", "rate", "room", "under_way")

    def __init__(self, rate: Rate, *, room: int) -> None:
        self.rate: Rate = rate
        self.room: int = room
        self.under_way: int = 0
        #: how many of these wait for a place of the store that processes share, and have not gone yet
        self.parked: int = 0
        # When places come back, sorted; those before `_gone` are back already.
        self._back: list[float] = []
        self._gone = 0
        self._until = -math.inf
        # Of interactive calls, and of bulk work.
        self._lines: tuple[OrderedDict[_Waiter, None], OrderedDict[_Waiter, None]] = OrderedDict(), OrderedDict()
        self._leaders: list[_Waiter | None] = [None, None]
        self._timers: list[anyio.CancelScope | None] = [None, None]

    def __repr__(self) -> str:
        return f"<Window of {self.rate}: {self.under_way} under way, {self.waiting} wait>"

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._lines[0]) + len(self._lines[1])

    @property
    def idle(self) -> bool:
        """Whether forgetting it would lose nothing."""
        return not (self.used() or self.waiting or self.held())

    def used(self) -> int:
        """How many places are taken."""
        return self._used(anyio.current_time())

    def held(self) -> float:
        """For how many seconds everything is held back."""
        return max(0.0, self._until - anyio.current_time())

    def refills(self) -> tuple[float, float]:
        """Seconds until the first place comes back, and until all have that are not under way."""
        now = anyio.current_time()
        self._used(now)
        if self._gone == len(self._back):
            return 0.0, 0.0
        return self._back[self._gone] - now, self._back[-1] - now

    def _used(self, now: float) -> int:
        back, gone, end = self._back, self._gone, len(self._back)
        if gone == end or back[gone] > now:  # what most calls find
            return self.under_way + end - gone
        while gone < end and back[gone] <= now:
            gone += 1
        if gone > 64 and gone * 2 > end:
            del back[:gone]
            end -= gone
            gone = 0
        self._gone = gone
        return self.under_way + end - gone

    # -- taking --------------------------------------------------------------------------------------

    def take_now(self, bulk: bool, now: float | None = None) -> bool:
        """Takes a place if nobody is before this one; no more than a few comparisons."""
        lines = self._lines
        if lines[bulk] or (bulk and lines[0]):
            return False
        if now is None:
            now = anyio.current_time()
        if now < self._until:
            return False
        if self._used(now) >= self.rate.calls - (self.room if bulk else 0):
            return False
        self.under_way += 1
        return True

    def estimate(self, bulk: bool, behind: int) -> float:
        """The seconds, or a few less, until a call has its turn that stands behind so many."""
        now = anyio.current_time()
        places = self.rate.calls - (self.room if bulk else 0)
        needed = self._used(now) - places + behind + 1
        at = now
        if needed > 0:
            index = self._gone + needed - 1
            beyond = index - len(self._back)
            # What is under way comes back after that at the earliest, and what comes back is taken again.
            at = self._back[index] if beyond < 0 else now + self.rate.seconds * (1 + beyond // places)
        return max(at, self._until) - now

    async def take(self, bulk: bool, *, longest: float = math.inf, patience: float = math.inf) -> None:
        """Waits for a place; raises `Late` where that would take longer than `longest`.

        Args:
            bulk: in which line.
            longest: the most seconds to wait.
            patience: the most seconds to wait where the service itself holds everything back.
        """
        line = self._lines[bulk]
        seconds = self.estimate(bulk, len(line))
        if seconds > longest or self.held() > patience:
            raise Late(max(seconds, self.held()), held=self.held() > 0)
        waiter = _Waiter(min(patience, longest))
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
            raise Late(max(0.001, self.estimate(bulk, 0)), held=self.held() > 0)

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
        now = anyio.current_time()
        needed = self._used(now) - self.rate.calls + (self.room if bulk else 0) + 1
        if needed <= 0:
            return max(now, self._until)
        index = self._gone + needed - 1
        return max(self._back[index], self._until) if index < len(self._back) else math.inf

    def _serve(self) -> None:
        """Gives what places there are to who is first."""
        now = anyio.current_time()
        if now >= self._until:
            free = self.rate.calls - self._used(now)
            for line, least in zip(self._lines, (0, self.room), strict=True):
                while line and free > least:
                    waiter, _ = line.popitem(last=False)
                    waiter.granted = True
                    waiter.event.set()
                    self.under_way += 1
                    free -= 1
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
        at = (anyio.current_time() if now is None else now) + self.rate.seconds + late
        self.under_way -= 1
        back = self._back
        if not back or at >= back[-1]:
            back.append(at)
        else:
            insort(back, at, lo=self._gone)
        lines = self._lines
        if lines[0] or lines[1]:
            self._sooner(at)

    def give_back(self) -> None:
        """An exchange never left: its place is there again at once."""
        self.under_way -= 1
        if self.waiting:
            self._serve()
            # Bulk work may be one place nearer to its share.
            self._sooner(-math.inf)

    def _sooner(self, at: float) -> None:
        for which, timer in enumerate(self._timers):
            if timer is not None and at < timer.deadline:
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
        now = anyio.current_time()
        spent = self.rate.calls - self._used(now) - left
        if spent > 0:
            del self._back[: self._gone]
            self._gone = 0
            self._back += [now + seconds] * spent
            self._back.sort()

    def narrow(self, rate: Rate, room: int) -> None:
        """Another client asks for a stricter limit: the strictest holds for all."""
        if rate.calls < self.rate.calls:
            self.rate, self.room = rate, room
