"""One seed: the clients, the faults and the service on a mock clock, and then what must be true.

1. What was answered is there, once: as many records as answers, each id given to one caller only.
2. What is there and was not answered was said to be unknown (an error, or the warning of a cancelled call).
3. What was said to have failed surely was never carried out.
4. Each zone of an audit is as it was at some moment of it, or is named as failed; none is missing.
5. Where the clients pace, and nobody else spends of their budget, the service refuses none of them for its limit;
   never do more exchanges leave this network address than it may; and nobody is held back unless the service said so.
6. No task, no exchange, no place and no waiter is left over.
7. When the faults end, the bot brings about what it wants: one record, with the right address.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, cast

import attrs
import hypothesis  # noqa: F401 (its plugin of trio's makes the scheduler deterministic)
import trio
from trio._core import _run  # its source of chance is public to hypothesis only
from trio.testing import MockClock

import cfclient
from cfclient import actions as act
from cfclient import models
from cfclient import pace as paces
from cfclient.actions import Kind
from cfclient.backends.emulator import DEMO
from cfclient.client import Client
from cfclient.emulated.ids import v4_id
from cfclient.errors import RateLimited
from cfclient.http import Http
from cfclient.pace import Pace, Rate
from cfclient.retry import Attempt, Retry
from tests.simulation import clients
from tests.simulation.clients import Notes, addresses
from tests.simulation.network import SAYS_SO, App, Down, Network
from tests.simulation.truth import Truth, WatchedV4, mark, states

__all__ = ["WAYS", "Result", "simulate"]

_ZONES: Final = [f"z{number}.example" for number in range(4)]
_EPOCH: Final = 1_450_000_000.0


@attrs.frozen(kw_only=True)
class Result:
    """What a seed came to."""

    seed: int
    findings: list[str]
    trace: list[str]
    #: exchanges by what they met, intents by what was said of them
    met: Counter[str]
    outcomes: Counter[str]
    seconds: float


@attrs.frozen(kw_only=True)
class Way:
    """How clients reach the service, and what they see there of a record and of a zone's settings."""

    url: str
    app: Callable[[Truth], App]
    limits: tuple[tuple[int, float] | None, ...]
    #: whether an exact duplicate of a record is refused
    unique: bool
    #: a record of the truth, and one that a client was given, both as what is comparable
    record: Callable[[models.Record], object]
    given: Callable[[models.Record], object]
    settings: Callable[[models.ZoneSettings], object]

    def connect(self, http: Http, policy: Retry, pace: Pace | None) -> AbstractAsyncContextManager[Client]:
        return cfclient.connect(self.url, email=DEMO.email, token=DEMO.token, http=http, retry=policy, pace=pace)


def _same(value: object) -> object:
    return value


def _by_v4(record: models.Record, rec_id: str = "") -> object:
    ident = rec_id or record.rec_id
    return ident, record.type, record.name, record.content, record.prio, bool(record.service_mode)


def _as_v4(record: models.Record) -> object:
    return _by_v4(record, v4_id("record", record.rec_id))


def _level(settings: models.ZoneSettings) -> object:
    """The one setting that anybody changes here."""
    return settings.sec_lvl or models.SecurityLevel.MEDIUM


WAYS: Final = {
    "v1": Way(
        url="http://127.0.0.1/api_json.html",
        app=lambda truth: cfclient.gateway(truth.connect),
        limits=(None, (60, 30.0), (1200, 300.0)),
        unique=False,
        record=_same,
        given=_same,
        settings=_same,
    ),
    # One look at all settings of a zone is an exchange for each.
    "v4": Way(
        url="http://127.0.0.1/client/v4",
        app=lambda truth: WatchedV4(truth, _ZONES),
        limits=(None, (200, 30.0), (1200, 300.0)),
        unique=True,
        record=_as_v4,
        given=_by_v4,
        settings=_level,
    ),
}


class _Warnings(logging.Handler):
    """The actions that were logged as unknown."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.unknown: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        _, said, action = record.getMessage().partition(": cancelled on its way, outcome unknown: ")
        if said:
            self.unknown[action] += 1


def simulate(seed: int, *, way: str | None = None, year: bool = False) -> Result:
    """Runs one seed; the findings are what must not be.

    Without a way given, every fourth seed is over version 4.
    """
    way = way or ("v4" if seed % 4 == 3 else "v1")
    draw, trace, warnings = random.Random(seed), list[str](), _Warnings()
    # The scheduler draws which of several ready tasks goes first.
    _run._r.seed(seed)
    log = logging.getLogger("cfclient.retry")
    log.addHandler(warnings)
    propagate, log.propagate = log.propagate, False
    try:
        run = functools.partial(
            _World(draw, trace, warnings, way).year if year else _World(draw, trace, warnings, way).day
        )
        notes, network, findings, seconds = trio.run(run, clock=MockClock(autojump_threshold=0))
    finally:
        log.removeHandler(warnings)
        log.propagate = propagate
    outcomes = Counter[str](intent.outcome for intent in notes.intents)
    return Result(seed=seed, findings=findings, trace=trace, met=network.met, outcomes=outcomes, seconds=seconds)


class _World:
    """What one run is made of."""

    def __init__(self, draw: random.Random, trace: list[str], warnings: _Warnings, way: str) -> None:
        self.draw = draw
        self.trace = trace
        self.warnings = warnings
        self.way = WAYS[way]
        self.notes = Notes(draw, self.say)
        self.limit = draw.choice(self.way.limits)
        #: others spend of the same budget
        self.others = draw.random() < 0.3
        self.pace = self._pace() if draw.random() < 0.6 else None
        #: whether a call was refused because the service holds calls back
        self.held = False

    def _pace(self) -> Pace:
        calls, seconds = self.limit or (1200, 300.0)
        return Pace(
            calls=calls,
            seconds=seconds,
            egress=self.draw.choice([None, Rate(200, 1.0), Rate(5, 1.0)]),
            late=150.0,  # so late a request may arrive here
        )

    def say(self, what: str) -> None:
        self.trace.append(f"{trio.current_time():12.3f}  {what}")

    def _service(self) -> Truth:
        began, draw = trio.current_time(), self.draw
        records = [
            {"type": "A", "name": f"web{number % 9}", "content": f"192.0.2.{number}"}
            for number in range(draw.randrange(9))
        ]
        truth = cast(
            "Truth",
            Truth.from_json(
                {"accounts": [{"zones": [{"zone_name": zone, "records": records} for zone in _ZONES]}]},
                page_size=draw.choice([2, 5, 180]),
                limit=self.limit,
                clock=lambda: _EPOCH + trio.current_time() - began,
            ),
        )
        truth.begin(_ZONES, self.say)
        return truth

    def _open(self, network: Network) -> AbstractAsyncContextManager[Client]:
        draw = self.draw
        policy = Retry(
            attempts=draw.choice([1, 2, 4, 6]),
            settle=draw.choice([0.5, 2.0]),
            patience=draw.choice([10.0, 310.0]),
            draw=draw.random,
            hook=self._attempted,
        )
        pace = self.pace and attrs.evolve(self.pace, max_wait=draw.choice([0.0, 3.0, 30.0, 400.0]))
        return self.way.connect(network, policy, pace)

    def _attempted(self, attempt: Attempt) -> None:
        self.say(f"attempt {attempt.number} of {attempt.action.wire_name}: {attempt.outcome}")
        self.held = self.held or "the service holds calls back" in str(attempt.error)

    async def _spend(self, truth: Truth) -> None:
        """Others, who have the same credentials and no manners."""
        for _ in range(self.draw.randrange(20, 200)):
            await trio.sleep(self.draw.expovariate(3))
            with contextlib.suppress(RateLimited):
                truth.perform(DEMO, act.ZoneCheck((_ZONES[0],)))

    async def day(self) -> tuple[Notes, Network, list[str], float]:
        """Some minutes of all clients at once."""
        draw = self.draw
        return await self._run(
            rate=draw.choice([0.0, 0.02, 0.1, 0.1, 0.3, 0.6]),
            down=[self._down(draw.random() * 200) for _ in range(draw.choice([0, 0, 1, 2]))],
            web=draw.randrange(5, 40),
            turns=draw.randrange(2, 8),
            every=20.0,
            kills=draw.choice([0.0, 0.3]),
        )

    async def year(self) -> tuple[Notes, Network, list[str], float]:
        """A bot's year: it looks four times a day; the service is down for hours every few days."""
        day = 86_400.0
        return await self._run(
            rate=0.05,
            down=[self._down(self.draw.random() * 365 * day, longer=60.0) for _ in range(60)],
            web=0,
            turns=4 * 365,
            every=day / 4,
            kills=0.02,
        )

    def _down(self, since: float, *, longer: float = 1.0) -> Down:
        manner = self.draw.choice(["refused", "5xx", "stalled", "reset before", "429"])
        return Down(since, since + longer * self.draw.choice([20.0, 120.0, 400.0]), manner)

    async def _run(
        self, *, rate: float, down: list[Down], web: int, turns: int, every: float, kills: float
    ) -> tuple[Notes, Network, list[str], float]:
        notes, fresh, findings = self.notes, addresses(), list[str]()
        began, tasks = trio.current_time(), trio.lowlevel.current_statistics().tasks_living
        truth = self._service()
        async with trio.open_nursery() as wires:
            network = Network(self.way.app(truth), self.draw, wires, self.say, rate, down)
            if self.pace is not None and not self.others:
                network.without = frozenset({"duplicated"})  # what comes twice is counted twice there
            open_ = functools.partial(self._open, network)
            kept: list[Any] = []

            async def keep() -> None:
                kept.extend(await clients.bot(notes, open_, _ZONES[-1], fresh, turns=turns, every=every, kills=kills))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep)
                if self.others:
                    nursery.start_soon(self._spend, truth)
                if web:
                    nursery.start_soon(
                        functools.partial(clients.web_app, notes, open_, _ZONES[:-1], fresh, requests=web)
                    )
                    for number in range(self.draw.randrange(1, 4)):
                        audit = functools.partial(clients.audit, notes, open_, _ZONES[:-1], fresh, number=number)
                        nursery.start_soon(audit)
            await network.calm()
            journal, address = kept
            async with open_() as client:
                # One that never waits would never have the sixth of five calls a second, which its turn may need.
                with cfclient.max_wait(400.0):
                    for _ in range(9):
                        if await clients.hour(notes, client, _ZONES[-1], journal, address=address):
                            break
                        await trio.sleep(600)
            findings += self._left_over(network)
        if (now := trio.lowlevel.current_statistics().tasks_living) != tasks:
            findings.append(f"{now - tasks} tasks are left over")
        findings += self._false_answers(truth, network) + self._false_zones(truth) + self._beyond_limits(truth, network)
        home = [record for record in truth.site(_ZONES[-1]).records if record.name.startswith("home.")]
        if [address] != [record.content for record in home]:
            findings.append(f"the bot wanted {address}, and there is {[record.content for record in home]}")
        return notes, network, findings, trio.current_time() - began

    def _left_over(self, network: Network) -> list[str]:
        found = [f"{network.waiting} exchanges are left over"] if network.waiting else []
        for key, window in paces._loop().windows.items():
            if window.waiting or window.under_way:
                found.append(f"{window.waiting} waiters and {window.under_way} places of {key} are left over")
        return found

    def _beyond_limits(self, truth: Truth, network: Network) -> list[str]:
        """Whatever was sent that pacing should have kept."""
        if self.pace is None:
            return []
        found = []
        if self.held and not (truth.limited or any(network.met[name] for name in SAYS_SO)):
            found.append("calls were held back, and the service never said so")
        if truth.limited and not self.others:
            found.append(f"{truth.limited} calls were refused for the limit of {self.limit}, which nobody else uses")
        egress = self.pace.egress
        if egress is not None:
            for first, last in zip(network.left, network.left[egress.calls :], strict=False):
                if last - first < egress.seconds - 1e-9:
                    found.append(f"more than {egress} at {last:.3f}")
        return found

    def _false_answers(self, truth: Truth, network: Network) -> list[str]:
        """Whatever was said of a write that is not true."""
        found: list[str] = []
        twice = network.met["duplicated"]
        intents = self.notes.intents
        said = Counter((intent.action, intent.outcome) for intent in intents)
        for action in dict.fromkeys(intent.action for intent in intents):
            answered, failed = said[action, "answered"], said[action, "failed"]
            unknown, killed, cancelled = (said[action, name] for name in ("unknown", "killed", "cancelled"))
            warned, times = self.warnings.unknown[repr(action)], truth.times[mark(action)]
            if warned > cancelled + killed:
                found.append(f"{action!r}: {warned} warnings for {cancelled} cancelled calls")
            if isinstance(action, act.RecNew):
                given = [
                    intent.answer.rec_id
                    for intent in intents
                    if (intent.action, intent.outcome) == (action, "answered")
                ]
                if len(set(given)) != len(given):
                    found.append(f"{action!r}: one record was given to two callers: {given}")
                if lost := set(given) - set(truth.made[mark(action)]):
                    found.append(f"{action!r}: answered with {lost}, which was never made")
                known = answered + unknown + warned + killed
                # Where duplicates are refused, it is made again only where it was deleted or changed in between: a
                # request that comes late does so.
                if times > known and not (self.way.unique and known):
                    found.append(
                        f"{action!r}: made {times} times: {answered} answered, {unknown} unknown, {warned} warned, "
                        f"{killed} killed, {failed} failed, {cancelled} cancelled"
                    )
            elif action.kind is not Kind.READ and not isinstance(action, act.SecLvl):
                if answered and not times:
                    found.append(f"{action!r}: answered, and never carried out")
                # Of a request that comes twice on its way, the second copy's answer may be the one that arrives:
                # "Invalid record id." is true then, and nobody can know more.
                told = said[action, "refused"] if twice and isinstance(action, act.RecDelete) else 0
                if times and not (answered or unknown or warned or killed or told):
                    found.append(f"{action!r}: carried out {times} times, and said to have failed or to be cancelled")
        return found

    def _false_zones(self, truth: Truth) -> list[str]:
        """Whatever an audit gave that never was, and what it left out."""
        found = [
            f"an audit gave {given} of {total} zones"
            for total, given, why in self.notes.audits
            if not why and total != given
        ]
        for read in self.notes.reads:
            zone = read.result.zone
            if read.result.failure is not None:
                continue
            was = states(truth.records[zone], read.since, read.until)
            way = self.way
            if {*map(way.given, read.result.records)} not in [{*map(way.record, records.values())} for records in was]:
                found.append(f"{zone}: an audit's records never were so")
            assert read.result.settings is not None
            settings = states(truth.settings[zone], read.since, read.until)
            if way.settings(read.result.settings) not in map(way.settings, settings):
                found.append(f"{zone}: an audit's settings never were so")
        return found
