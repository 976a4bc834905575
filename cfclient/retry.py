"""What is asked again, and when: decided by what a repeat of the action does.

    what went wrong                          read, set, act, delete     create
    NOT_SENT  surely not carried out         again                      again
    LIMITED   surely not carried out         again, when it is over     again, when it is over
    UNKNOWN   nobody knows                   again                      look, and never again

- A delete that is repeated after an unknown outcome, and finds nothing to delete, succeeded.
- A `devmode` that is repeated moves the end of development mode; an `fpurge_ts` purges once more.
- A create whose outcome is unknown is looked for: a record like it, whose id was not known before, is the
  one that was created. A service that refuses exact duplicates is asked once more instead of being guessed
  at: its refusal says that the record is there. Anything else is an `OutcomeUnknown`, which says what was
  seen. What is known comes from listings: list the zone's records before you create some, and this client
  remembers their ids.
- A limit that the service reports holds back every call of the same account that counts in it, until it is over;
  so does a time to wait that comes with any other answer.
- A call that is cancelled while its outcome is unknown (on its way, between two attempts, while a create is
  looked for) is logged at WARNING, once. Reads, which change nothing, have a logger of their own for it.
"""

from __future__ import annotations

import enum
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar, cast

import anyio
import attrs

from .actions import Action, Kind, RecDelete, RecLoadAll, RecNew, as_written
from .ahead import errand
from .backend import Backend, Departure, Exchange, RawBackend, departing, earlier
from .errors import (
    ApiError,
    CloudflareError,
    ConfigurationError,
    ConnectionFailed,
    OutcomeUnknown,
    RateLimited,
    UnexpectedAnswer,
)
from .models import HOST_TYPES, Page, Record, RecordType
from .paging import Pages
from .shapes import canonical

__all__ = ["REPEATABLE", "Attempt", "Fault", "Holding", "Holds", "Retry", "fault_of", "onlookers", "retrying", "tell"]

T = TypeVar("T")

_log = logging.getLogger("cfclient.retry")
# Of reads that were cancelled and nothing else, so that they can be silenced alone.
_reads = logging.getLogger("cfclient.retry.reads")

_API: Final = frozenset({"api"})

# No hold is shorter, in seconds, and of a service that says a longer one, none is longer.
_LEAST: Final = 1.0
_LONGEST: Final = 86_400.0


class Fault(enum.Enum):
    """What is known of an attempt that failed and may be worth another."""

    NOT_SENT = "surely not carried out: no connection was made, or what was to be changed was only looked for"
    LIMITED = "surely not carried out: too many calls"
    UNKNOWN = "nobody knows whether it was carried out: no answer, or one that is no reply"


def fault_of(error: CloudflareError) -> Fault | None:
    """The kind of fault; None for what another attempt would not change."""
    if isinstance(error, RateLimited):
        return Fault.LIMITED
    if isinstance(error, ConnectionFailed):
        return Fault.UNKNOWN if error.maybe_carried_out else Fault.NOT_SENT
    if isinstance(error, UnexpectedAnswer) and error.transient:
        return Fault.UNKNOWN if error.maybe_carried_out else Fault.NOT_SENT
    return None


#: After which faults an action of each kind is asked again.
REPEATABLE: Final[Mapping[Kind, frozenset[Fault]]] = {
    Kind.READ: frozenset(Fault),
    Kind.SET: frozenset(Fault),
    Kind.ACT: frozenset(Fault),
    Kind.DELETE: frozenset(Fault),
    Kind.CREATE: frozenset({Fault.NOT_SENT, Fault.LIMITED}),
}


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt, as the hook sees it."""

    action: Action[Any]
    #: from 1
    number: int
    #: of what is cancelled, the outcome is unknown; a call that is cancelled between two attempts, or while a
    #: create is looked for, is seen once more with the number of its last attempt
    outcome: Literal["answered", "failed", "cancelled"]
    #: None where it was answered or cancelled
    error: CloudflareError | None = None
    #: seconds
    duration: float
    #: seconds that it waited before anything was sent: for its turn, or because the service holds calls back
    held: float = 0.0
    #: seconds until the next attempt; None where there is none
    wait: float | None = None
    #: the HTTP requests that it was made of, in the order of their ends; none where nothing goes over HTTP
    exchanges: tuple[Exchange, ...] = ()


#: hooks of the whole process, beside each client's own
onlookers: Final[list[Callable[[Attempt], None]]] = []


def tell(hook: Callable[[Attempt], None] | None, attempt: Attempt) -> None:
    """Tells this hook and all onlookers."""
    for each in (hook, *onlookers):
        try:
            if each is not None:
                each(attempt)
        except Exception:
            # The answer is there by now: it must not be lost for what an onlooker does.
            _log.exception("%s: the hook failed", attempt.action.wire_name)


def _positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not value > 0:
        raise ConfigurationError(f"retry: {attribute.name}={value!r} is not valid: expected more than 0")


@attrs.frozen(kw_only=True)
class Retry:
    """How often, how long and how patiently an action is asked again.

    Between attempts there is a pause drawn evenly from 0 to `first` seconds, twice that after each further
    attempt, and at most `longest` (full jitter).
    """

    #: how many attempts may fail; those that the service's limit refuses do not count
    attempts: int = attrs.field(default=4, validator=_positive)
    #: seconds after which no further attempt begins; waiting for the service's limit does not count
    total: float = attrs.field(default=60.0, validator=_positive)
    first: float = attrs.field(default=0.5, validator=_positive)
    longest: float = attrs.field(default=15.0, validator=_positive)
    #: seconds between the two looks for a record whose creation is in doubt
    settle: float = attrs.field(default=2.0, validator=_positive)
    #: the longest wait for the service's limit, in seconds; a longer one is raised as `RateLimited`. Where calls
    #: are paced, an interactive call waits no longer than `Pace.max_wait` either, and bulk work than `Pace.max_hold`.
    patience: float = attrs.field(default=310.0, validator=_positive)
    #: how long calls are held back where the service reports its limit, and no time; version 1 never said one
    unsaid: float = attrs.field(default=30.0, validator=_positive)
    #: is called with every attempt; it must not block. What it raises is logged and changes nothing.
    hook: Callable[[Attempt], None] | None = None
    #: draws from 0 to 1
    draw: Callable[[], float] = attrs.field(default=random.random, repr=False)

    def pause(self, number: int) -> float:
        """Seconds after the attempt of this number."""
        return min(self.longest, self.first * 2.0 ** (number - 1)) * self.draw()


#: an account and one of its zones
_Place: TypeAlias = tuple[str, str]


@attrs.define(eq=False, repr=False)
class _Listed:
    """What was read of one zone's listing."""

    #: the ids of each page in one text, a line each: ten times smaller than a set, and hardly ever looked at
    pages: list[str] = attrs.field(factory=list)
    count: int = 0
    whole: bool = False


class _Known:
    """The ids of records that are known to be there, for the zones listed last."""

    #: so many ids are remembered of listings, a zone counting as one more, and so many of creates
    _IDS: Final = 20_000

    def __init__(self) -> None:
        self._zones: OrderedDict[_Place, _Listed] = OrderedDict()
        self._size = 0
        # Apart from the listings: one that was on its way while a record was created lacks it.
        self._own: OrderedDict[_Place, set[str]] = OrderedDict()
        self._own_size = 0

    def listed(self, place: _Place, offset: int, page: Page[Record]) -> None:
        """Learns from a page, if it is the first one or the next one of a listing."""
        listed = self.forget(place)
        if offset == 0:
            listed = _Listed()
        text = "\n".join([record.rec_id for record in page.objs])
        # What is no id of any service would be two here, and unknown by its own name.
        if offset != listed.count or text.count("\n") > len(page.objs) - 1 >= 0:
            return
        if page.objs:
            listed.pages.append(text)
            listed.count += len(page.objs)
        listed.whole = not page.has_more
        self._zones[place] = listed
        self._size += listed.count + 1
        while self._size > self._IDS:
            self.forget(next(iter(self._zones)))

    def created(self, place: _Place, rec_id: str) -> None:
        """Learns of a record that is new."""
        own = self._own.pop(place, set())
        self._own[place] = own
        own.add(rec_id)
        self._own_size += 1
        if self._own_size > self._IDS:
            # What was forgotten must not pass for new, so the zone has to be listed again.
            oldest, ids = self._own.popitem(last=False)
            self._own_size -= len(ids)
            self.forget(oldest)

    def forget(self, place: _Place) -> _Listed:
        """What was known of this zone, which counts as never listed from now on."""
        listed = self._zones.pop(place, None)
        if listed is None:
            return _Listed()
        self._size -= listed.count + 1
        return listed

    def ids(self, place: _Place) -> frozenset[str] | None:
        """Every id that was known to be in this zone, or None where it was never listed whole."""
        listed = self._zones.get(place)
        if listed is None or not listed.whole:
            return None
        return frozenset(ident for page in listed.pages for ident in page.split("\n")) | self._own.get(place, set())


@attrs.define(eq=False, repr=False)
class _Same:
    """The creates of one and the same record that are not done with."""

    callers: int = 0
    #: those whose answer may still come
    asking: int = 0
    #: the ids that were given to callers
    made: set[str] = attrs.field(factory=set)


class Holding(Protocol):
    """A budget that holds calls back itself: they wait in its lines."""

    def hold(self, account: str, seconds: float, window: str) -> None:
        """Holds every call of this account back for so long that counts in this window."""
        ...


class Holds:
    """What all clients of one service share: until when accounts are held back, and what of their records is known.

    On the clock of one event loop.
    """

    def __init__(self, budget: Holding | None = None) -> None:
        self._budget = budget
        #: when each hold is over, of an account and one of its limits
        self.until: dict[tuple[str, str], float] = {}
        # Two clients of one account may create the same record, and each id is given to one caller only.
        self.known: _Known = _Known()
        self.creating: dict[tuple[str, RecNew], _Same] = {}

    def hold(self, account: str, seconds: float, window: str = "api") -> None:
        """Holds every call of this account back that counts in this window: so long, or longer if it is already."""
        if self._budget is not None:
            self._budget.hold(account, seconds, window)
            return
        now = anyio.current_time()
        self.until = {which: until for which, until in self.until.items() if until > now}
        which = account, window
        self.until[which] = max(self.until.get(which, 0.0), now + min(seconds, _LONGEST))

    @property
    def waits(self) -> bool:
        """Whether `over` waits; otherwise calls do so in the lines of their budget."""
        return self._budget is None

    def left(self, account: str, windows: frozenset[str] = _API) -> float:
        """Seconds for which this account is still held back in any of these windows."""
        until = [self.until[account, window] for window in windows if (account, window) in self.until]
        return max(0.0, max(until) - anyio.current_time()) if until else 0.0

    async def over(self, account: str, windows: frozenset[str], patience: float, action: Action[Any]) -> float:
        """Waits until it is over, and returns for how long; raises at once where that is too long."""
        waited = 0.0
        while (left := self.left(account, windows)) > 0:
            if waited + left > patience:
                raise RateLimited(
                    "the service's limit is reached, and waiting for it takes longer than allowed here",
                    action=action.wire_name,
                    retry_after=left,
                )
            await anyio.sleep(left)
            waited += left
        return waited


@attrs.define(eq=False, repr=False)
class _Call:
    """One call, all of its attempts and looks together."""

    action: Action[Any]
    #: the windows that it counts in, as far as it is known
    windows: frozenset[str] = _API
    #: how many attempts it made
    number: int = 0
    #: whether one of them may have been carried out, and no answer said so
    doubtful: bool = False
    #: whether the hook has seen that it was cancelled
    seen: bool = False
    #: seconds that its attempts waited for their turn
    waited: float = 0.0
    #: those of the attempt under way
    exchanges: Sequence[Exchange] = ()


def retrying(backend: Backend, policy: Retry, *, holds: Holds, account: str) -> Backend:
    """A backend that asks again by this policy.

    Args:
        backend: who is asked.
        policy: how often and how patiently.
        holds: shared by all that ask the same service, in one event loop.
        account: whose limit it is: the e-mail address.
    """
    cls = _RetryingRaw if isinstance(backend, RawBackend) else _Retrying
    return cls(backend, policy, holds, account)


class _Retrying:
    """A backend around another."""

    def __init__(self, backend: Backend, policy: Retry, holds: Holds, account: str) -> None:
        self._backend = backend
        self._policy = policy
        self._holds = holds
        self._account = account
        #: the service's codes for an exact duplicate of a record; none where it may accept one
        self._duplicate: frozenset[int] = getattr(backend, "refuses_duplicates", frozenset())
        #: the windows that actions count in, where there are more than the usual one
        self._windows: Mapping[type[Action[Any]], frozenset[str]] = getattr(backend, "windows", {})

    def __repr__(self) -> str:
        """What is asked again."""
        return f"<Retrying {self._backend!r}>"

    async def perform(self, action: Action[T], /) -> T:
        """The answer, asked for again where that is safe."""
        call = self._call(action)
        try:
            return cast("T", await self._performed(call))
        except _broken_off():
            self._cancelled(call)
            raise

    def _call(self, action: Action[Any]) -> _Call:
        return _Call(action, self._windows.get(type(action), _API))

    async def _performed(self, call: _Call) -> Any:
        action = call.action
        if isinstance(action, RecNew):
            return await self._create(call, action)
        answer = await self._asked(call, self._backend.perform)
        if isinstance(action, RecLoadAll):
            self._holds.known.listed(self._at(action.zone), action.offset, cast("Page[Record]", answer))
        return answer

    def _cancelled(self, call: _Call) -> None:
        """Says so when a call is cancelled whose outcome is unknown, wherever it was then."""
        if not call.doubtful:
            return
        action = call.action
        if action.kind is not Kind.READ:
            _log.warning("%s: cancelled on its way, outcome unknown: %r", action.wire_name, action)
        elif (fetch := errand.get()) is None or fetch.wanted:
            words = "%s: cancelled on its way, outcome unknown (a read: nothing was changed): %r"
            _reads.warning(words, action.wire_name, action)
        if not call.seen:
            self._saw(call, anyio.current_time(), "cancelled")

    async def _asked(self, call: _Call, ask: Callable[[Action[Any]], Awaitable[Any]]) -> Any:
        action = call.action
        since = began = anyio.current_time()
        # Waiting for its turn is no patience with a service that refuses.
        failed, held, turns = 0, 0.0, 0.0
        read: dict[Hashable, Any] | None = {} if action.kind is Kind.READ else None
        while True:
            waited = await self._over(call, held) if self._holds.until else 0.0
            held += waited
            since += waited
            call.number += 1
            departure = Departure(before=call.waited, patience=self._policy.patience - held)
            token, kept, call.exchanges = departing.set(departure), earlier.set(read), departure.exchanges
            try:
                answer = await ask(action)
            except CloudflareError as error:
                failure = error
            except _broken_off():
                call.doubtful = call.doubtful or departure.left
                call.seen = True
                self._saw(call, since, "cancelled", held=waited + departure.waited)
                raise
            else:
                if self._policy.hook is not None or onlookers or _log.isEnabledFor(logging.DEBUG):
                    self._saw(call, since, "answered", held=waited + departure.waited)
                return answer
            finally:
                departing.reset(token)
                earlier.reset(kept)
                waited += departure.waited
                turns += departure.waited
                call.waited += departure.waited
            if call.doubtful and isinstance(action, RecDelete) and _is_gone(failure):
                # An earlier attempt did it, although its answer was lost.
                self._saw(call, since, "answered", held=waited)
                return None
            fault = fault_of(failure)
            wait: float | None = None
            told = self._hold(failure, call)
            if _may_be_repeated(failure, action) and (told is None or told <= self._policy.patience - held):
                failed += fault is not Fault.LIMITED
                wait = told if fault is Fault.LIMITED else self._pause(failed, began + held + turns)
            self._saw(call, since, "failed", error=failure, wait=wait, held=waited)
            if wait is None:
                raise self._given_up(call, failure) if _is_given_up(call, fault) else failure
            call.doubtful = call.doubtful or fault is Fault.UNKNOWN
            if told is None:
                await anyio.sleep(wait)
            elif not self._holds.waits:
                # The next attempt does, in its line.
                held += told
                turns -= told
            since = anyio.current_time()

    async def _over(self, call: _Call, held: float) -> float:
        try:
            return await self._holds.over(self._account, call.windows, self._policy.patience - held, call.action)
        except RateLimited as error:
            raise self._given_up(call, error) from None

    def _given_up(self, call: _Call, failure: CloudflareError) -> CloudflareError:
        """The last failure; it must not say that nothing was carried out where an earlier attempt may have been."""
        _log.warning("%s: given up after %d attempts: %s", call.action.wire_name, call.number, failure)
        if not call.doubtful or fault_of(failure) is Fault.UNKNOWN:
            return failure
        if isinstance(failure, ConnectionFailed):
            doubt = ConnectionFailed(f"{failure.reason}; an earlier attempt got no answer", maybe_carried_out=True)
            doubt.__cause__ = failure
            return doubt
        if isinstance(failure, UnexpectedAnswer):
            failure.maybe_carried_out = True
        failure.add_note("An earlier attempt got no answer: it may have been carried out.")
        return failure

    def _hold(self, failure: CloudflareError, call: _Call) -> float | None:
        """Holds the account back where the failure says so, in the window that it is about; the seconds."""
        if isinstance(failure, RateLimited):
            failure.action = failure.action or call.action.wire_name  # a budget does not know what it refuses
        if isinstance(failure, RateLimited) and failure.held_back:
            return None  # the service said nothing: this call alone may not wait for its turn
        if isinstance(failure, RateLimited) and failure.retry_after is None:
            failure.retry_after = self._policy.unsaid
        if not isinstance(failure, RateLimited | UnexpectedAnswer) or (told := failure.retry_after) is None:
            return None
        # Of a service that says "in 0 s" for ever, the patience must come to an end too.
        seconds = max(told, _LEAST)
        self._holds.hold(self._account, seconds, failure.window)
        call.windows = call.windows | {failure.window}  # whatever was known of it
        return seconds

    def _pause(self, failed: int, began: float) -> float | None:
        """Seconds until the next attempt, None where there is none."""
        policy = self._policy
        pause = policy.pause(failed)
        late = anyio.current_time() + pause - began > policy.total
        return None if failed >= policy.attempts or late else pause

    def _saw(
        self,
        call: _Call,
        since: float,
        outcome: Literal["answered", "failed", "cancelled"],
        *,
        error: CloudflareError | None = None,
        wait: float | None = None,
        held: float = 0.0,
    ) -> None:
        hook = self._policy.hook
        if hook is None and not onlookers and not _log.isEnabledFor(logging.DEBUG):
            return
        name, duration = call.action.wire_name, anyio.current_time() - since
        words = "" if error is None else f": {error}"
        _log.debug("%s: attempt %d %s after %.3f s%s", name, call.number, outcome, duration, words)
        exchanges, call.exchanges = tuple(call.exchanges), ()
        tell(
            hook,
            Attempt(
                action=call.action,
                number=call.number,
                outcome=outcome,
                error=error,
                duration=duration,
                held=held,
                wait=wait,
                exchanges=exchanges,
            ),
        )

    def _at(self, zone: str) -> _Place:
        return self._account, zone

    # -- creating ------------------------------------------------------------------------------------

    async def _create(self, call: _Call, action: RecNew) -> Record:
        key = (self._account, action)
        same = self._holds.creating.setdefault(key, _Same())
        same.callers += 1
        try:
            record = await self._created(call, action, same)
            same.made.add(record.rec_id)
            self._holds.known.created(self._at(action.zone), record.rec_id)
            return record
        finally:
            same.callers -= 1
            if not same.callers:
                del self._holds.creating[key]

    async def _created(self, call: _Call, action: RecNew, same: _Same) -> Record:
        known = self._holds.known.ids(self._at(action.zone))
        same.asking += 1
        try:
            return cast("Record", await self._asked(call, self._backend.perform))
        except CloudflareError as error:
            if fault_of(error) is not Fault.UNKNOWN:
                raise
            doubt = error
            call.doubtful = True
        finally:
            same.asking -= 1
        return await self._found(call, action, known, same, doubt)

    async def _found(
        self, call: _Call, action: RecNew, known: frozenset[str] | None, same: _Same, doubt: CloudflareError
    ) -> Record:
        """The record that a create in doubt has made; raises `OutcomeUnknown` where that cannot be known."""
        seen: tuple[str, ...] = ()
        for look in ("at once", "when it has settled"):
            alike = await self._looked(call, action, seen, doubt)
            seen = tuple(record.rec_id for record in alike)
            fresh = [record for record in alike if known is not None and record.rec_id not in known | same.made]
            # While the very same is being created beside this one, nobody can say whose record it is.
            if fresh and not same.asking:
                return fresh[0]
            if look == "at once":
                await anyio.sleep(self._policy.settle)
        # Two of the very same at once cannot be told apart by a refusal either.
        if self._duplicate and not same.asking:
            return await self._insisted(call, action, known, same, doubt)
        why = "no answer came, and " + (
            f"what looks like it may have been there before (id {', '.join(seen)})" if seen else "it is not there"
        )
        raise self._unknown(action, why, seen) from doubt

    async def _insisted(
        self, call: _Call, action: RecNew, known: frozenset[str] | None, same: _Same, doubt: CloudflareError
    ) -> Record:
        """The record, of a service that refuses an exact duplicate: asking again makes it, or says that it is there."""
        same.asking += 1
        try:
            return cast("Record", await self._asked(call, self._backend.perform))
        except CloudflareError as error:
            failure = error
        finally:
            same.asking -= 1
        if isinstance(failure, RateLimited):
            raise self._unknown(action, f"no answer came, and asking once more failed ({failure})", ()) from doubt
        refusal = failure if isinstance(failure, ApiError) else None
        duplicate = refusal is not None and bool(self._duplicate & set(refusal.numbers))
        if refusal is None:
            await anyio.sleep(self._policy.settle)
        alike = await self._looked(call, action, (), doubt)
        before = frozenset[str]() if known is None and duplicate else known
        made = [record for record in alike if before is not None and record.rec_id not in before | same.made]
        if made and not same.asking:
            return made[0]
        # A duplicate of what was there before: the first attempt was refused as well.
        # Another refusal holds where nothing like it is new: version 4 has a code of its own for a second CNAME.
        holds = bool(alike) if duplicate else known is not None or not alike
        if refusal is not None and holds and not same.asking:
            raise refusal
        says = f"twice ({failure})" if refusal is None else f"and asking once more says {refusal}"
        raise self._unknown(action, f"no answer came, {says}", tuple(record.rec_id for record in alike)) from doubt

    async def _looked(self, call: _Call, action: RecNew, seen: tuple[str, ...], doubt: CloudflareError) -> list[Record]:
        try:
            return await self._alike(call, action)
        except CloudflareError as error:
            raise self._unknown(action, f"looking for it failed too ({error})", seen) from doubt

    def _unknown(self, action: RecNew, why: str, seen: tuple[str, ...]) -> OutcomeUnknown:
        advice = (
            f"list the records of {action.zone} and look for {action.type.value} {action.name!r} "
            "before you create it again"
        )
        _log.warning("%s: outcome unknown: %s", action.wire_name, why)
        return OutcomeUnknown(action.wire_name, why, seen=seen, advice=advice)

    async def _alike(self, call: _Call, action: RecNew) -> list[Record]:
        """The zone's records that this action would have made."""

        async def look(offset: int) -> Page[Record]:
            # A part of the call: it waits no longer than that may, and is not told of when that is cancelled.
            looking = _Call(RecLoadAll(action.zone, offset=offset), waited=call.waited)
            try:
                return cast("Page[Record]", await self._performed(looking))
            finally:
                call.waited = looking.waited

        pages = Pages(look, attrgetter("rec_id"))
        alike = {record.rec_id: record async for page in pages for record in page.objs if _would_make(action, record)}
        return list(alike.values())


class _RetryingRaw(_Retrying):
    """The same around a backend that has the service's own reply to show."""

    async def raw(self, action: Action[Any], /) -> dict[str, Any]:
        """The whole decoded reply, asked for again where that is safe."""
        call = self._call(action)
        if isinstance(action, RecNew):
            self._holds.known.forget(self._at(action.zone))  # something is created there, and its id is not learnt here
        try:
            reply = await self._asked(call, cast("RawBackend", self._backend).raw)
        except _broken_off():
            self._cancelled(call)
            raise
        except CloudflareError as error:
            if not isinstance(action, RecNew) or fault_of(error) is not Fault.UNKNOWN:
                raise
            # There is no reply to show, and a record that is found is none.
            raise self._unknown(action, f"no answer came ({error})", ()) from error
        # A repeated delete that found nothing to delete has no reply of the service to show either.
        return {"result": "success", "msg": None} if reply is None else cast("dict[str, Any]", reply)


def _broken_off() -> tuple[type[BaseException], ...]:
    """What ends a call from outside of it: under trio, Ctrl-C in the main task is no cancellation."""
    return anyio.get_cancelled_exc_class(), KeyboardInterrupt


def _is_given_up(call: _Call, fault: Fault | None) -> bool:
    """Whether more than this failure is to be said."""
    kind = call.action.kind
    # Whatever ends it (a refusal, a client that was closed), an earlier attempt stays in doubt.
    # Of a read there is nothing to be in doubt about, and a create looks for its record.
    doubt = call.doubtful and kind not in {Kind.READ, Kind.CREATE}
    return doubt or fault in REPEATABLE[kind]


def _may_be_repeated(failure: CloudflareError, action: Action[Any]) -> bool:
    if isinstance(failure, RateLimited) and failure.held_back:
        return False  # it has waited as long as it may
    return fault_of(failure) in REPEATABLE[action.kind]


def _is_gone(error: CloudflareError) -> bool:
    return isinstance(error, ApiError) and error.msg.lower().startswith("invalid record id")


# What a service may have made of a type: version 4 keeps an SPF record as TXT.
_KEPT_AS: Final[Mapping[RecordType, RecordType]] = {RecordType.SPF: RecordType.TXT}


def _would_make(action: RecNew, record: Record) -> bool:
    """Whether the record is what this action asks for, however the service spells it."""
    name, content = as_written(action)
    shown = record.content
    if action.type in HOST_TYPES:
        content, shown = canonical(content), canonical(shown)
    elif record.type is RecordType.TXT and shown != content:
        shown = shown.removeprefix('"').removesuffix('"')
    # Where the zone is given by its id, only the record knows its name.
    zones = {action.zone, record.zone_name or action.zone}
    names = {canonical(name), *(canonical(f"{name}.{zone}") for zone in zones)}
    if name == action.zone:
        names |= set(map(canonical, zones))
    return (
        record.type in {action.type, _KEPT_AS.get(action.type)}
        and canonical(record.name) in names
        and shown == content
        and action.prio in {None, record.prio}
    )
