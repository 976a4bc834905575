"""The only part of an audit that asks: zones concurrently, each whole or not at all.

Reading one zone is an action like any other, only composed of several: its settings, and every page of
its records (`reading.py`). So `bulk.stream_all` bounds, streams and cancels the zones, and a zone that
cannot be read is an outcome with an error.

Of a zone that is done, nothing is kept but its name.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from operator import attrgetter
from typing import NamedTuple, TypeVar, cast

import attrs

from cfclient import actions as act
from cfclient import models, shapes
from cfclient.actions import Action
from cfclient.backend import Backend, in_bulk
from cfclient.bulk import Outcomes, stream_all

from .model import Check, Exemption, Rule, Summary, Tally, ZoneAudit, ZoneData, followed, judge
from .model import wanted as wanted_fields
from .neighbours import Entry, Neighbours
from .policy import joined
from .reading import whole
from .rules import RULES
from .rules._common import above

__all__ = ["Audit", "audit", "count"]

T = TypeVar("T")
K = TypeVar("K")


@attrs.frozen
class _Zones:
    """Which zones an audit is of."""

    names: tuple[str, ...]
    #: the ids of the accounts that the service names as their owners, as far as the zones were listed
    owners: frozenset[str] = frozenset()
    #: what was asked for and is not there, each with the reason
    missing: tuple[tuple[str, str], ...] = ()
    #: into which zones is looked for others: those listed for whose names the service answers, or where none were
    #: listed those that were given by name, whose status nobody told
    answered: frozenset[str] = frozenset()


class Audit(AsyncIterator[ZoneAudit]):
    """The zones of an audit as they finish, in no particular order; of those given, only names and numbers are kept."""

    def __init__(self, outcomes: Outcomes[ZoneData], zones: _Zones, judged: Callable[[ZoneData], ZoneAudit]) -> None:
        self._outcomes = outcomes
        self._judged = judged
        self._failed = list(zones.missing)
        self._left = dict.fromkeys((*(name for name, _ in zones.missing), *zones.names))
        #: how many zones there will be
        self.total: int = len(self._left)
        #: the ids of the accounts that own the zones, as far as the zones were listed
        self.owners: frozenset[str] = zones.owners
        self._tally = Tally(self.total)

    def __repr__(self) -> str:
        """How far it is."""
        return f"<Audit: {self.total - len(self._left)} of {self.total} zones>"

    @property
    def summary(self) -> Summary:
        """The numbers of the zones that were given so far."""
        return attrs.evolve(self._tally.summary, zones_left=self.left)

    @property
    def left(self) -> tuple[str, ...]:
        """The names of the zones that were not given yet."""
        return tuple(self._left)

    async def __anext__(self) -> ZoneAudit:
        """The next zone that is finished, read whole or failed."""
        result = self._lost() if self._failed else await self._read()
        self._left.pop(result.zone, None)
        self._tally.add(result)
        return result

    def _lost(self) -> ZoneAudit:
        zone, reason = self._failed.pop()
        return ZoneAudit(zone=zone, failure=reason)

    async def _read(self) -> ZoneAudit:
        outcome = await anext(self._outcomes)
        if outcome.error is None:
            return self._judged(outcome.unwrap())
        zone = cast("_ReadZone", outcome.action).zone
        return ZoneAudit(zone=zone, failure=str(outcome.error) or type(outcome.error).__name__)


def audit(
    client: Backend,
    zones: Iterable[str] | None = None,
    *,
    concurrency: int = 16,
    rules: Iterable[Rule] = RULES,
    own_rules: Iterable[Rule | Check] = (),
    exemptions: Iterable[Exemption] = (),
    today: date | None = None,
    skip: Collection[str] = (),
    all_settings: bool = False,
) -> AbstractAsyncContextManager[Audit]:
    """A block that audits zones and gives each when it is finished.

    `async with cfclient.audit(client) as run: async for zone in run: ...`

    Args:
        client: a client, or any backend.
        zones: the zones' names or ids; None for all of the account. Where there is an id among them, or
            None, the account's zones are listed before the block begins. A zone that comes twice is
            audited once.
        concurrency: how many zones are read at a time; of each, first the settings and then the records.
        rules: what to check; `audit.policy.selected` chooses among ours.
        own_rules: rules of your own beside those: what `cfclient.rule` makes, or functions over a `ZoneData`.
        exemptions: what is known of a zone until a day, and is counted apart instead of being a finding.
        today: the day that exceptions are measured by; None for the day it is, in UTC.
        skip: names of zones that are left out, such as those that an earlier run has read.
        all_settings: ask for every setting, also for those that no rule needs; a service that answers
            each setting for itself then takes more calls.

    A zone that cannot be read is given with its `failure`, and stops no other.
    Where the account's zones cannot be listed, entering the block raises that error.
    Leaving the block, by whatever way, ends all that is under way.

    Raises:
        InvalidInput: at the call, before anything is sent, for what is not a zone's name, for no zones
            at all, and for a concurrency below 1.
        ConfigurationError: likewise, for two rules of one id.
    """
    wanted = None if zones is None else _wanted(zones)
    rules = joined(rules, own_rules)
    judged = functools.partial(judge, rules=rules, exemptions=tuple(exemptions), today=today)
    # Not None, which leaves it to the service: today's tells of its newer settings only where they are named.
    only = frozenset(act.SETTINGS) if all_settings else wanted_fields(rules)
    concurrency = shapes.integer("concurrency", concurrency, 1)
    reading = _WholeZones(client, only, follows=followed(rules))
    return _audit(reading, wanted, concurrency, judged, skip)


def _wanted(zones: Iterable[str]) -> tuple[str, ...]:
    """The names and ids, each once, in their one form."""
    if isinstance(zones, str):
        zones = [part for part in zones.split(",") if part.strip()]
    given = [zone.strip() if isinstance(zone, str) else zone for zone in zones]
    # No zone at all is refused by the same words as everywhere.
    found = [zone if isinstance(zone, str) and shapes.is_zone_id(zone) else shapes.names([zone])[0] for zone in given]
    return tuple(dict.fromkeys(found or shapes.names([])))


@asynccontextmanager
async def _audit(
    backend: _WholeZones,
    wanted: tuple[str, ...] | None,
    concurrency: int,
    judged: Callable[[ZoneData], ZoneAudit],
    skip: Collection[str],
) -> AsyncIterator[Audit]:
    interactive = in_bulk.set(True)
    try:
        zones = await _resolved(backend.backend, wanted)
    finally:
        in_bulk.reset(interactive)
    # Those that are left out are there all the same: what an earlier run has read is led into, too.
    backend.know(zones.answered)
    zones = attrs.evolve(zones, names=tuple(name for name in zones.names if name not in skip))
    # A generator expression, because ten thousand actions are not needed at once.
    reads = (_ReadZone(name) for name in zones.names)
    async with stream_all(backend, reads, concurrency=min(concurrency, len(zones.names) or 1)) as outcomes:
        yield Audit(outcomes, zones, judged)


async def _resolved(backend: Backend, wanted: tuple[str, ...] | None) -> _Zones:
    if wanted is not None and not any(shapes.is_zone_id(zone) for zone in wanted):
        return _Zones(wanted, answered=frozenset(wanted))
    listed = await whole(
        lambda offset: backend.perform(act.ZoneLoadMulti(offset=offset)),
        attrgetter("zone_id"),
        "the account's zones",
        keep=lambda zones: [(zone.zone_id, zone.zone_name, zone.user_id, _is_answered(zone)) for zone in zones],
    )
    owners = frozenset(owner for _, _, owner, _ in listed if owner)
    answered = frozenset(shapes.canonical(name) for _, name, _, is_answered in listed if is_answered)
    if wanted is None:
        return _Zones(tuple(dict.fromkeys(name for _, name, _, _ in listed)), owners, answered=answered)
    names = {ident: name for ident, name, _, _ in listed}
    lost = tuple(zone for zone in wanted if shapes.is_zone_id(zone) and zone not in names)
    return _Zones(
        tuple(dict.fromkeys(names.get(zone, zone) for zone in wanted if zone not in lost)),
        owners,
        tuple((zone, "no zone of the account has this id") for zone in lost),
        answered,
    )


def _is_answered(zone: models.Zone) -> bool:
    """Whether the world asks this service for the zone's names, as far as is said."""
    return zone.zone_status in {None, "V"} and zone.zone_type != "P"


class Counted(NamedTuple):
    """What an audit is of, in numbers."""

    zones: int
    #: on how many pages the account's zones are listed
    pages: int
    #: how many of the zones have a part that is a zone too
    above: int


async def count(backend: Backend, zones: Iterable[str] | None = None) -> Counted:
    """How many zones an audit of these is of, and on how many pages they are listed; each page is asked for once."""
    wanted = None if zones is None else _wanted(zones)
    if wanted is not None and not any(shapes.is_zone_id(zone) for zone in wanted):
        return Counted(len(wanted), 0, _above(wanted))
    offset, pages, more = 0, 0, True
    names = set[str]()
    while more:
        page = await backend.perform(act.ZoneLoadMulti(offset=offset))
        names.update(zone.zone_name for zone in page.objs)
        offset, pages, more = offset + len(page.objs), pages + 1, page.has_more and bool(page.objs)
    return Counted(len(names if wanted is None else wanted), pages, _above(names))


def _above(names: Iterable[str]) -> int:
    names = frozenset(map(shapes.canonical, names))
    return len({zone for name in names for zone in above(name)} & names)


@attrs.frozen
class _ReadZone(Action[ZoneData]):
    """Reads one zone whole; made of several actions, so it has no name on the wire."""

    zone: str


class _WholeZones:
    """The backend of `_ReadZone`, over the backend that performs its parts."""

    def __init__(self, backend: Backend, only: frozenset[str] | None, *, follows: frozenset[str]) -> None:
        self.backend = backend
        self._only = only
        self._follows = follows
        self._neighbours = Neighbours(frozenset(), self._names)

    def know(self, zones: Collection[str]) -> None:
        """Says into which zones is looked for others, if any rule looks there."""
        if self._follows:
            self._neighbours = Neighbours(zones, self._names, kinds=self._follows)

    async def perform(self, action: Action[T], /) -> T:
        return cast("T", await self._read(cast("_ReadZone", action).zone))

    async def _read(self, name: str) -> ZoneData:
        # The service names the account's zones, so a name may come here that no action takes.
        ask = act.ZoneSettings(name, only=self._only)
        # One after the other: zones are many, so it is they that are read at once.
        settings = await self.backend.perform(ask)
        data = ZoneData(zone=ask.zone, settings=settings, records=await self._records(ask.zone, iter))
        if not self._follows:
            return data
        return attrs.evolve(data, beyond=await self._neighbours.beyond(data))

    async def _records(self, zone: str, keep: Callable[[Iterable[models.Record]], Iterable[K]]) -> tuple[K, ...]:
        return await whole(
            lambda offset: self.backend.perform(act.RecLoadAll(zone, offset=offset)),
            attrgetter("rec_id"),
            f"the records of {zone}",
            keep=keep,
        )

    async def _names(self, zone: str) -> tuple[Entry, ...]:
        return await self._records(zone, lambda records: map(Entry.of, records))
