"""`cfclient audit --estimate`: how many calls an audit takes, whose, and when it may be done; it audits nothing.

Only where the account's zones are not named, they are listed, each page once.

    calls        listing n pages 2n - 1 (`cfclient.audit.reading`); a zone its settings and a page of records,
                 and on today's Cloudflare one for each setting that the rules look at, and one to find its id
                 unless the zones were listed
    the limit    what is left of the principal's just now, without what bulk work leaves to others
    the end      when the last call may be sent; how long the service takes to answer comes on top

A zone with more than one page of records takes two calls more for each further page, which nobody knows before.
A zone into which others lead is read once more for them (`cfclient.audit.neighbours`): nobody knows which those are
before, so the calls for all that may be are told apart, as what comes on top at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Final, TextIO

import attrs

from cfclient.audit.accounts import AuditAccount
from cfclient.audit.gather import count
from cfclient.audit.report.plain import count as count_of
from cfclient.client import Client
from cfclient.connect import speaks_v4
from cfclient.output import write
from cfclient.pace import Budget, Pace, Rate

__all__ = ["Estimate", "Share", "estimate", "seconds_for", "show"]

_PAGE: Final = {False: 180, True: 5_000}


@attrs.frozen(kw_only=True)
class Share:
    """What a principal has to do."""

    principal: str
    #: the names of the accounts that are read as it
    accounts: tuple[str, ...]
    zones: int
    calls: int
    #: calls on top at most, for zones into which others lead
    more: int
    #: calls that it may make at once, and in how many seconds how many; None where nothing is paced
    left: int | None
    limit: int | None
    limit_seconds: float | None
    #: seconds until the last call may be sent
    seconds: float
    #: the same, where all those calls come on top
    seconds_at_most: float


@attrs.frozen(kw_only=True)
class Estimate:
    """What an audit takes."""

    principals: tuple[Share, ...]
    zones: int
    calls: int
    #: calls on top at most, for zones into which others lead
    more: int
    #: calls that this estimate made itself, to list zones
    spent: int
    #: zones with more records than this take more calls
    records_per_page: int
    seconds: float
    #: the expected end
    ends: datetime
    #: the end where all those calls come on top
    ends_latest: datetime


def seconds_for(calls: int, budget: Budget, room: int, egress: Rate | None) -> float:
    """Seconds until the last of so many calls of bulk work may be sent."""
    own = budget.limit - room
    now = max(0, budget.left - room)
    if calls <= now:
        return _burst(calls, egress)
    rounds, last = math.ceil((calls - now) / own), (calls - now - 1) % own + 1
    # What is taken now is back by then; what this takes at once is only after a whole window.
    first = budget.seconds if now else budget.full
    return first + (rounds - 1) * budget.seconds + _burst(last, egress)


def _burst(calls: int, egress: Rate | None) -> float:
    """Seconds that the network address's limit spreads so many calls over."""
    return 0.0 if egress is None else max(0, math.ceil(calls / egress.calls) - 1) * egress.seconds


@attrs.define
class _Principal:
    """What is known of one so far."""

    accounts: list[str]
    zones: int = 0
    calls: int = 0
    more: int = 0
    budget: Budget | None = None


async def estimate(
    accounts: Iterable[AuditAccount],
    opened: Callable[[AuditAccount], AbstractAsyncContextManager[Client]],
    *,
    only: frozenset[str] | None,
    follows: frozenset[str],
    pace: Pace | None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Estimate:
    """Counts what auditing these accounts takes.

    Args:
        accounts: which.
        opened: gives the block in which an account's client is open.
        only: the settings that the rules look at; None where all are asked for.
        follows: what the rules look at in other zones.
        pace: the policy.
        now: what says the time.
    """
    found: dict[tuple[str, str], _Principal] = {}
    spent, page = 0, max(_PAGE.values())
    for account in accounts:
        of_today = isinstance(account.url, str) and speaks_v4(account.url)
        page = min(page, _PAGE[of_today])
        async with opened(account) as client:
            one = found.setdefault(_whose(account), _Principal([]))
            zones, pages, above = await count(client, account.zones)
            spent += pages
            one.accounts.append(account.name)
            one.zones += zones
            one.calls += max(0, 2 * pages - 1) + zones * _per_zone(only, of_today=of_today)
            one.calls += _look_ups(zones, pages, of_today=of_today)
            one.more += _read_again(zones, above, follows)
            one.budget = await client.budget()
    egress = None
    if pace is not None and pace.egress is not None:
        egress = Rate(pace.egress.calls - pace.room(pace.egress), pace.egress.seconds)
    shares = tuple(_share(one, who, pace, egress) for (_, who), one in found.items())
    calls, more = sum(share.calls for share in shares), sum(share.more for share in shares)
    paced = any(share.limit is not None for share in shares)
    seconds = max([*(share.seconds for share in shares), _burst(calls, egress) if paced else 0.0])
    latest = max([*(share.seconds_at_most for share in shares), _burst(calls + more, egress) if paced else 0.0])
    began = now()
    return Estimate(
        principals=shares,
        zones=sum(share.zones for share in shares),
        calls=calls,
        more=more,
        spent=spent,
        records_per_page=page,
        seconds=seconds,
        ends=began + timedelta(seconds=seconds),
        ends_latest=began + timedelta(seconds=latest),
    )


def _whose(account: AuditAccount) -> tuple[str, str]:
    """The service and the principal: accounts that have both in common share a budget."""
    # What an address narrows the service to makes no other budget.
    return str(account.url).partition("?")[0], account.credentials.principal


def _per_zone(only: frozenset[str] | None, *, of_today: bool) -> int:
    if not of_today:
        return 2
    from cfclient.backends.v4.settings import calls

    return 1 + calls(only)


def _look_ups(zones: int, pages: int, *, of_today: bool) -> int:
    """How many zones are looked up by their names: those that no listing has taught."""
    if not of_today:
        return 0
    from cfclient.backends.v4.zones import LISTED

    return 0 if pages and zones <= LISTED else zones


def _read_again(zones: int, above: int, follows: frozenset[str]) -> int:
    """How many zones may be read once more, because others lead into them; a zone alone has no others."""
    if zones < 2:
        return 0
    return zones if follows - {"DMARC"} else above if follows else 0


def _share(one: _Principal, who: str, pace: Pace | None, egress: Rate | None) -> Share:
    budget, seconds, latest = one.budget, 0.0, 0.0
    if budget is not None and pace is not None:
        room = pace.room(Rate(budget.limit, budget.seconds))
        seconds = seconds_for(one.calls, budget, room, egress)
        latest = seconds_for(one.calls + one.more, budget, room, egress)
    return Share(
        principal=who,
        accounts=tuple(one.accounts),
        zones=one.zones,
        calls=one.calls,
        more=one.more,
        left=None if budget is None else budget.left,
        limit=None if budget is None else budget.limit,
        limit_seconds=None if budget is None else budget.seconds,
        seconds=seconds,
        seconds_at_most=latest,
    )


def show(found: Estimate, stream: TextIO, *, as_json: bool) -> None:
    """Prints it: a row for each principal, and one line of words; or JSON."""
    if as_json:
        write("json", stream, found)
        return
    write("table", stream, found.principals)
    who = "principal" if len(found.principals) == 1 else "principals"
    more = f"up to {found.more:,} more for zones into which others lead, " if found.more else ""
    stream.write(
        f"\n{count_of(found.calls, 'call', 'calls')} of {len(found.principals)} {who} for "
        f"{count_of(found.zones, 'zone', 'zones')}, {more}and more for zones of over {found.records_per_page:,} "
        f"records; nothing is audited.\n"
        f"Begun now, the limits let the last call go in {_said(found.seconds)}, at {_at(found.ends)}"
    )
    if found.ends_latest > found.ends:
        after = (found.ends_latest - found.ends).total_seconds() + found.seconds
        stream.write(f"; with all of those more in {_said(after)}, at {_at(found.ends_latest)}")
    stream.write(".\n")


def _said(seconds: float) -> str:
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes} min {rest} s"


def _at(moment: datetime) -> str:
    return moment.astimezone().isoformat(" ", "seconds")
