"""Pacing: how many exchanges a principal may make, whatever client makes them.

    Pacing      of one `connect`: makes paced adapters, one for each principal
    Paced       an `Http` around another, which takes a place for each exchange and gives it back
    Window      the places of one limit in one event loop, and who waits for them        window.py
    Shared      the same where processes share one store                                  shared.py
    Pace        the policy; `Budget` what is left; `max_wait` how long a call may wait    policy.py

1. A budget belongs to a principal of a service, not to a client: all clients of one event loop that act as
   the same principal take from the same windows, which live as long as the loop. Where their limits differ, each
   of these holds for all of them, from the first call of who asks for it on.
2. Every exchange counts in its principal's window and in that of the network address.
3. What the service says corrects the count, downwards only.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

import anyio
from anyio.lowlevel import RunVar

from cfclient.backend import Credentials, Departure, departing, in_bulk
from cfclient.errors import ConfigurationError, ConnectionFailed, RateLimited, UnexpectedAnswer
from cfclient.http import Http, Reply, Request
from cfclient.replies import seconds as seconds_of

from .policy import Budget, Pace, Rate, StoreAddress, Wait, longest, max_wait
from .window import Late, Window

if TYPE_CHECKING:  # loaded where processes share a budget
    from .shared import Reach, Shared, Store

__all__ = ["Budget", "Pace", "Paced", "Pacing", "Rate", "Wait", "max_wait"]

_log = logging.getLogger("cfclient.pace")

# `Ratelimit: "default";r=50;t=30`: so many are left, for so many seconds.
_LEFT: Final = re.compile(r";\s*r=(\d{1,9})\s*;\s*t=(\d{1,9})")


_ADDRESS: Final = ("the network address",)

# So many windows are kept where most of them are in use; one principal has two or three.
_MOST_WINDOWS: Final = 4096

# A service that says longer than this is not believed for longer.
_LONGEST_HOLD: Final = 86_400.0


class _Loop:
    """What all clients of one event loop share."""

    def __init__(self) -> None:
        self.windows: dict[tuple[object, ...], Window] = {}
        #: changes when windows are forgotten
        self.edition: int = 0
        self._tidy = 1024
        # What anyio would ask, found once. Where trio is a guest of asyncio, there is a loop and no task of it.
        self.clock: Callable[[], float] = anyio.current_time
        with suppress(RuntimeError):
            if asyncio.current_task() is not None:
                self.clock = asyncio.get_running_loop().time

    def window(self, key: tuple[object, ...], rate: Rate) -> Window:
        """The window of this key, which keeps to this limit as well."""
        window = self.windows.get(key)
        if window is None:
            if len(self.windows) >= self._tidy:
                self.edition += 1
                # A web application acts as ever more principals: those that have nothing out are forgotten.
                self.windows = {key: window for key, window in self.windows.items() if not window.idle}
                # A gateway is shown made-up ones: beyond this, the oldest are forgotten, whatever they used.
                spare = [key for key, window in self.windows.items() if not (window.under_way or window.waiting)]
                for old in spare[: max(0, len(self.windows) - _MOST_WINDOWS)]:
                    del self.windows[old]
                self._tidy = max(1024, min(2 * len(self.windows), _MOST_WINDOWS + 1024))
            window = self.windows[key] = Window(rate)
        else:
            window.keep_to(rate)
        return window


_loops: RunVar[_Loop] = RunVar("cfclient_pace")


def _loop() -> _Loop:
    try:
        return _loops.get()
    except LookupError:
        loop = _Loop()
        _loops.set(loop)
        return loop


class Pacing:
    """The pacing of one `connect`.

    Args:
        http: the adapter that sends.
        pace: the policy.
        url: the service's address: budgets belong to principals of a service.
        credentials: whom `principal` is the name of.
        principal: a name for the principal, where the credentials do not tell it: API tokens of one user.
    """

    def __init__(
        self, http: Http, pace: Pace, *, url: str, credentials: Credentials, principal: str | None = None
    ) -> None:
        parts = urlsplit(url)
        self.adapter = http
        self.pace = pace
        self.service: str = f"{parts.scheme}://{parts.netloc}".lower()
        #: how many calls of this client wait for their turn
        self.waiting = 0
        #: whether the hook knows that some wait
        self.told: bool = False
        self._named_one = principal is not None or isinstance(credentials.token, str) or credentials.email is not None
        self.store: Store | None = None
        if pace.store is not None:
            if not self._named_one:
                raise ConfigurationError(
                    "pace: a key from a callable changes, so processes need a name for whose budget it is: principal="
                )
            self.store = _opened(pace.store)
        self._shared: dict[str, Shared] = {}
        self._reach: Reach | None = None
        self._named = {} if principal is None else {credentials.principal: principal}
        self._home: _Loop | None = None

    def spare(self) -> bool:
        """Whether calls are to spare, for what is fetched on a guess."""
        return not self.waiting

    def http(self, credentials: Credentials) -> Paced:
        """The adapter for one principal."""
        return self._paced(credentials.principal)

    def _paced(self, account: str) -> Paced:
        return Paced(self, self._named.get(account, account))

    async def budget(self, credentials: Credentials) -> Budget:
        """What is left of this principal's limit just now."""
        return await self.http(credentials).budget()

    def hold(self, account: str, seconds: float, window: str = "api") -> None:
        """Holds every call of this account back for so long that counts in this window: retrying knows of it."""
        self._paced(account).hold(seconds, window)

    @property
    def home(self) -> _Loop:
        """That of the event loop in which it was first used; a client belongs to one."""
        if self._home is None:
            self._home = _loop()
        return self._home

    def shared(self, principal: str, name: str, window: Window) -> Shared | None:
        """The budget of a principal that processes share; None where they do not."""
        if self.store is None:
            return None
        return self._of_store(self.store, (self.service, principal.casefold(), name), window)

    def shared_address(self, window: Window) -> Shared | None:
        """The same of the network address."""
        if self.store is None:
            return None
        name = "" if self.pace.store is None else self.pace.store.egress
        return self._of_store(self.store, (*_ADDRESS, name), window)

    def _of_store(self, store: Store, names: tuple[str, ...], window: Window) -> Shared:
        from .shared import Reach, Shared, key_of

        if self._reach is None:
            self._reach = Reach(store)
        key = key_of(*names)
        found = self._shared.get(key)
        if found is None:
            if len(self._shared) >= _MOST_WINDOWS:
                # Places that are out are told by who has them, so at worst one ready for nobody lasts too long.
                spare = [old for old, shared in self._shared.items() if shared.idle] or list(self._shared)
                for old in spare[: _MOST_WINDOWS // 2]:
                    del self._shared[old]
            found = self._shared[key] = Shared(self._reach, key, self.pace, window)
        found.window = window
        return found

    async def aclose(self) -> None:
        """Tells the store what it has to know yet, and lets go of it."""
        if self.store is not None:
            with anyio.CancelScope(shield=True):
                for shared in list(self._shared.values()):  # calls under way may add to them
                    await shared.flush()
                await self.store.aclose()

    def leaves(self, bulk: bool) -> float:
        """The part of each limit that such a call of this client leaves free."""
        return self.pace.bulk_leaves if bulk else 0.0

    def say(
        self, principal: str, window: Window, seconds: float, *, rate: Rate | None = None, began: bool = False
    ) -> None:
        """Tells the hook that calls wait, and the log when the first does."""
        wait = Wait(
            principal=principal,
            rate=rate or window.rate,
            waiting=self.waiting,
            seconds=seconds if self.waiting else 0.0,
            held=window.held() > 0,
        )
        self.told = self.waiting > 0
        if self.waiting == 1 and began:
            _log.info("waiting about %.1f s for the limit of %s", wait.seconds, wait.rate)
        try:
            if self.pace.hook is not None:
                self.pace.hook(wait)
        except Exception:
            # A place that was taken meanwhile must not be lost for what an onlooker does.
            _log.exception("the hook failed")


def _refused(rate: Rate, late: Late) -> RateLimited:
    reason = "the service holds calls back" if late.held else f"the limit of {rate} is used up"
    settings = "max_wait, max_hold, patience" if late.held else "max_wait"
    return RateLimited(
        f"{reason}, and waiting for a place takes longer than allowed here ({settings}); nothing was sent",
        code=None,
        retry_after=late.seconds,
        held_back=True,
    )


_Places: TypeAlias = "tuple[tuple[Shared, str | None], ...]"


def _give_back(window: Window, egress: Window | None, places: _Places, late: float | None) -> None:
    """After a failure: at once where nothing left, which is None, or when it can arrive no longer."""
    for taken in (window, egress):
        if taken is not None:
            taken.give_back() if late is None else taken.end(late)
    for shared, place in places:
        shared.unused(place) if late is None else shared.end(place, late)


def _opened(address: StoreAddress) -> Store:
    if address.kind == "file":
        from .file import File

        return File(address.where, timeout=address.timeout)
    from .redis import Redis

    return Redis(address.where, shown=address.shown, timeout=address.timeout)


class Paced:
    """An adapter that waits for its turn; it acts as one principal."""

    __slots__ = ("_http", "_known", "_pacing", "_principal")

    def __init__(self, pacing: Pacing, principal: str) -> None:
        self._pacing = pacing
        self._http = pacing.adapter
        self._principal = principal
        # The windows of a name, and in which edition of the loop's they were found.
        self._known: dict[str, tuple[int, Window, Window | None]] = {}

    def __repr__(self) -> str:
        return f"<Paced {self._http!r} as {self._principal}>"

    def _found(self, name: str) -> tuple[int, Window, Window | None]:
        """The windows of the principal and of the address, looked up where any may have been forgotten."""
        pacing, home = self._pacing, self._pacing.home
        pace = pacing.pace
        key = (pacing.service, self._principal.casefold(), name)
        while True:
            edition = home.edition
            window = home.window(key, pace.rate(name))
            egress = None if pace.egress is None else home.window(_ADDRESS, pace.egress)
            if edition == home.edition:  # otherwise looking for one may have made the other forgotten
                break
        self._known[name] = found = (edition, window, egress)
        return found

    def _window(self, name: str) -> Window:
        return self._found(name)[1]

    async def exchange(self, request: Request, /) -> Reply:
        """The reply, when its turn has come.

        Raises:
            RateLimited: the wait would be longer than is allowed; nothing was sent.
        """
        pacing = self._pacing
        home = pacing.home
        known = self._known.get(request.window)
        if known is None or known[0] != home.edition:
            known = self._found(request.window)
        _, window, egress = known
        bulk = in_bulk.get()
        leaves = pacing.leaves(bulk)
        outer = departing.get() or Departure()
        now = home.clock()
        if not window.take_now(bulk, now, leaves):
            await self._take(window, bulk, outer)
            now = home.clock()
        if egress is not None and not egress.take_now(bulk, now, leaves):
            try:
                await self._take(egress, bulk, outer)
            except BaseException:
                window.give_back()
                raise
        places: _Places = ()
        if pacing.store is not None:
            try:
                places = await self._take_places(request.window, window, egress, bulk, outer)
            except BaseException:
                window.give_back()
                if egress is not None:
                    egress.give_back()
                raise
        departure = Departure(outer.exchanges)
        token = departing.set(departure)
        try:
            reply = await self._http.exchange(request)
        except BaseException as error:
            _give_back(window, egress, places, self._late(error, left=departure.left))
            raise
        finally:
            departing.reset(token)
            if departure.left:
                outer.leaves()
        now = home.clock()
        window.end(0.0, now)
        if egress is not None:
            egress.end(0.0, now)
        if reply.status >= 400 or "ratelimit" in reply.headers:
            self._heed(reply, window, request.window)
        for shared, place in places:
            shared.end(place)
        for shared, _ in places:
            await shared.flush()
        return reply

    def _late(self, error: BaseException, *, left: bool) -> float | None:
        """How much later than now the request may still arrive; None where it never left."""
        if isinstance(error, ConnectionFailed):
            left = error.maybe_carried_out
        if not left:
            return None
        return 0.0 if isinstance(error, UnexpectedAnswer) else self._pacing.pace.late

    async def _take_places(
        self, name: str, window: Window, egress: Window | None, bulk: bool, outer: Departure
    ) -> _Places:
        """Places of the store: of the principal, and of the address."""
        pacing = self._pacing
        taken: list[tuple[Shared, str | None]] = []
        asked = [pacing.shared(self._principal, name, window)]
        if egress is not None:
            asked.append(pacing.shared_address(egress))
        lines = [shared for shared in asked if shared is not None]
        for shared in lines:
            shared.window.parked += 1
        try:
            for shared in lines:
                taken.append((shared, await self._take_shared(shared, bulk, outer)))
                shared.window.parked -= 1
        except BaseException:
            for shared, place in taken:
                shared.unused(place)
            for shared in lines[len(taken) :]:
                shared.window.parked -= 1
            raise
        return tuple(taken)

    def _patience(self, bulk: bool, outer: Departure, now: float) -> float:
        """How much longer this call may wait, in seconds: all of its exchanges and attempts together."""
        most = longest.get()
        if most is None:
            most = math.inf if bulk else self._pacing.pace.max_wait
        return max(0.0, most - outer.spent(now))

    def _for_holds(self, most: float, outer: Departure) -> float:
        """How long the service may hold this call back, in seconds."""
        return min(most if most < math.inf else self._pacing.pace.max_hold, outer.patience)

    async def _take_shared(self, shared: Shared, bulk: bool, outer: Departure) -> str | None:
        pacing = self._pacing
        now = anyio.current_time()
        most = self._patience(bulk, outer, now)
        timeout = 0.0 if pacing.pace.store is None else pacing.pace.store.timeout

        def waits(seconds: float) -> None:
            pacing.say(self._principal, shared.window, seconds, rate=shared.rate, began=not pacing.told)

        pacing.waiting += 1
        outer.waits(now)
        try:
            # To ask the store is no wait for the limit, and takes no longer than its timeout.
            with anyio.move_on_after(most + timeout):
                return await shared.take(bulk, waits, longest=most, patience=self._for_holds(most, outer))
            late = Late(shared.rate.seconds, held=False)
        except Late as error:
            late = error
        finally:
            pacing.waiting -= 1
            outer.goes(anyio.current_time())
            if pacing.told:
                pacing.say(self._principal, shared.window, 0.0, rate=shared.rate)
        raise _refused(shared.rate, late)

    async def _take(self, window: Window, bulk: bool, outer: Departure) -> None:
        pacing = self._pacing
        now = anyio.current_time()
        most = self._patience(bulk, outer, now)
        pacing.waiting += 1
        outer.waits(now)
        leaves = pacing.leaves(bulk)
        pacing.say(self._principal, window, window.estimate(0, leaves), began=True)
        try:
            await window.take(bulk, leaves=leaves, longest=most, patience=self._for_holds(most, outer))
        except Late as late:
            failure = _refused(window.rate, late)
        else:
            return
        finally:
            pacing.waiting -= 1
            outer.goes(anyio.current_time())
            pacing.say(self._principal, window, window.estimate(0, leaves))
        raise failure

    def _heed(self, reply: Reply, window: Window, name: str) -> None:
        """Takes what the service says of its limit; the store is told of it with the next step."""
        shared = self._pacing.shared(self._principal, name, window)
        said = _LEFT.search(reply.headers.get("ratelimit", ""))
        seconds = seconds_of(reply.headers.get("retry-after", "")) if reply.status >= 400 else None
        if reply.status == 429 and seconds is None:
            seconds = float(said[2]) if said and said[1] == "0" else self._pacing.pace.unsaid
        if seconds:
            window.hold(min(seconds, _LONGEST_HOLD))
            if shared is not None:
                shared.hold(window.held())
        if said:
            left, during = int(said[1]), min(float(said[2]), _LONGEST_HOLD)
            window.correct(left, during)
            if shared is not None:
                shared.correct(left, during)

    async def limited(self, error: RateLimited) -> None:
        """Is told by the backend that the body of a reply was a refusal for the limit."""
        seconds = self._pacing.pace.unsaid if error.retry_after is None else error.retry_after
        shared = self._held(seconds, error.window)
        if shared is not None:
            await shared.flush()

    def hold(self, seconds: float, window: str = "api") -> None:
        """Holds every call of this principal back for so long that counts in this window."""
        self._held(seconds, window)

    def _held(self, seconds: float, name: str) -> Shared | None:
        """Holds back what this process asks; the budget in the store, which is told with the next step."""
        window = self._window(name)
        window.hold(min(seconds, _LONGEST_HOLD))
        shared = self._pacing.shared(self._principal, name, window)
        if shared is not None:
            shared.hold(window.held())
        return shared

    async def budget(self, window: str = "api") -> Budget:
        """What is left just now."""
        found = self._window(window)
        held = found.held()
        refills, full = found.refills()
        rate, used = found.rate, found.used()
        common = self._pacing.shared(self._principal, window, found)
        if common is not None:
            from .shared import StoreFailed

            with suppress(StoreFailed):  # then what this process knows
                answer = await common.step()
                rate, used, refills, full = answer.rate, answer.used, answer.wait, answer.full
                held = max(held, answer.held)
        return Budget(
            principal=self._principal,
            limit=rate.calls,
            seconds=rate.seconds,
            left=0 if held else max(0, rate.calls - used),
            under_way=found.under_way,
            waiting=found.waiting,
            refills=max(held, refills),
            full=max(held, full),
            held=held,
        )
