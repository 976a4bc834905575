"""The only part of an audit that asks: zones concurrently, each whole or not at all.

Reading one zone is an action like any other, only composed of several: its settings, and every page of
its records. So `bulk.stream_all` bounds, streams and cancels the zones, and a zone that cannot be read
is an outcome with an error.

A listing that ends although its last page announces more is not whole; here that is an error, where
`client.records` gives what there is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar, cast

import anyio
import attrs

from cfclient import actions as act
from cfclient import models, shapes
from cfclient.actions import Action
from cfclient.backend import Backend
from cfclient.bulk import Outcomes, stream_all
from cfclient.errors import CloudflareError, InvalidInput, UnexpectedAnswer
from cfclient.paging import Listing

from .model import Rule, Summary, Tally, ZoneAudit, ZoneData, judge
from .rules import RULES

__all__ = ["Audit", "audit"]

T = TypeVar("T")


class Audit(AsyncIterator[ZoneAudit]):
    """The zones of an audit as they finish, in no particular order; nothing is kept but the summary's numbers."""

    def __init__(self, outcomes: Outcomes[ZoneData], total: int, rules: tuple[Rule, ...]) -> None:
        self._outcomes = outcomes
        self._rules = rules
        self._tally = Tally(total)
        self._given = 0
        #: how many zones there will be
        self.total: int = total

    def __repr__(self) -> str:
        """How far it is."""
        return f"<Audit: {self._given} of {self.total} zones>"

    @property
    def summary(self) -> Summary:
        """The numbers of the zones that were given so far."""
        return self._tally.summary

    async def __anext__(self) -> ZoneAudit:
        """The next zone that is finished, read whole or failed."""
        outcome = await anext(self._outcomes)
        if outcome.error is None:
            result = judge(outcome.unwrap(), self._rules)
        else:
            zone = cast("_ReadZone", outcome.action).zone
            result = ZoneAudit(zone=zone, failure=str(outcome.error) or type(outcome.error).__name__)
        self._given += 1
        self._tally.add(result)
        return result


def audit(
    client: Backend,
    zones: Iterable[str] | None = None,
    *,
    concurrency: int = 16,
    rules: Iterable[Rule] = RULES,
) -> AbstractAsyncContextManager[Audit]:
    """A block that audits zones and gives each when it is finished.

    `async with cfclient.audit(client) as run: async for zone in run: ...`

    Args:
        client: a client, or any backend.
        zones: the names of the zones; None for all of the account, which are then listed before the
            block begins. A name that comes twice is audited once.
        concurrency: how many zones are read at a time, with up to two requests each.
        rules: what to check.

    A zone that cannot be read is given with its `failure`, and stops no other.
    Where the account's zones cannot be listed, entering the block raises that error.
    Leaving the block, by whatever way, ends all that is under way.

    Raises:
        InvalidInput: at the call, before anything is sent, for what is not a zone's name, for no zones
            at all, and for a concurrency below 1.
    """
    names = None if zones is None else _named(zones)
    return _audit(client, names, shapes.integer("concurrency", concurrency, 1), tuple(rules))


def _named(zones: Iterable[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(shapes.names(zones)))
    for name in names:
        if "." not in name:
            raise InvalidInput.of("zones", name, "a domain name, not a zone's id: rules compare names with it")
    return names


@asynccontextmanager
async def _audit(
    backend: Backend, names: tuple[str, ...] | None, concurrency: int, rules: tuple[Rule, ...]
) -> AsyncIterator[Audit]:
    if names is None:
        names = await _listed(backend)
    reads = [_ReadZone(name) for name in names]
    async with stream_all(_WholeZones(backend), reads, concurrency=concurrency) as outcomes:
        yield Audit(outcomes, len(reads), rules)


async def _listed(backend: Backend) -> tuple[str, ...]:
    """The names of the account's zones."""
    zones = await _whole(
        lambda offset: backend.perform(act.ZoneLoadMulti(offset=offset)),
        lambda zone: zone.zone_id,
        "the account's zones",
    )
    return tuple(dict.fromkeys(zone.zone_name for zone in zones))


@attrs.frozen
class _ReadZone(Action[ZoneData]):
    """Reads one zone whole; made of several actions, so it has no name on the wire."""

    zone: str


class _WholeZones:
    """The backend of `_ReadZone`, over the backend that performs its parts."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def perform(self, action: Action[T], /) -> T:
        return cast("T", await self._read(cast("_ReadZone", action).zone))

    async def _read(self, name: str) -> ZoneData:
        # The service names the account's zones, so a name may come here that no action takes.
        ask = act.ZoneSettings(name)
        settings: list[models.ZoneSettings] = []
        failures: list[CloudflareError] = []
        records: tuple[models.Record, ...] = ()

        async def read_settings() -> None:
            try:
                settings.append(await self._backend.perform(ask))
            except CloudflareError as error:
                failures.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read_settings)
            try:
                records = await _whole(
                    lambda offset: self._backend.perform(act.RecLoadAll(ask.zone, offset=offset)),
                    lambda record: record.rec_id,
                    f"the records of {ask.zone}",
                )
            except CloudflareError as error:
                failures.append(error)
                tasks.cancel_scope.cancel()
        if failures:
            raise failures[0]
        return ZoneData(zone=ask.zone, settings=settings[0], records=records)


async def _whole(
    fetch: Callable[[int], Awaitable[models.Page[T]]], key: Callable[[T], str], what: str
) -> tuple[T, ...]:
    """Every entry of a listing, or an error where the listing breaks off."""
    more = False

    async def watched(offset: int) -> models.Page[T]:
        nonlocal more
        page = await fetch(offset)
        more = page.has_more
        return page

    entries = await Listing(watched, key, what).all()
    if more:
        raise UnexpectedAnswer(f"{what} are not whole: the service gave {len(entries)}, announces more and gives none")
    return tuple(entries)
