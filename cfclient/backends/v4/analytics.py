"""Statistics and visitors, from GraphQL; its replies have an envelope of their own and refuse with HTTP 200.

What the plan does not show is None, or left out: no unique threats and crawlers, no page load time, no latitude.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from cfclient.actions import Stats as AskStats
from cfclient.actions import ZoneIps
from cfclient.errors import CloudflareError, InvalidInput, RateLimited, Unauthorized, UnexpectedAnswer
from cfclient.models import Interval, Served, Stats, Traffic, TrafficBreakdown, Visitor, VisitorClass
from cfclient.replies import hidden

from .asking import Asking, at_once
from .envelope import NO_ZONE, numbers_of
from .settings import ask_all, is_passing
from .support import Permission
from .zones import WireZone, Zones

__all__ = ["DAYS", "HOURS", "QUERIES", "crawls", "stats", "visitors"]

_SUM: Final = (
    "sum{requests cachedRequests bytes cachedBytes pageViews threats ipClassMap{ipType requests} "
    "browserMap{pageViews uaBrowserFamily}} uniq{uniques}"
)
# Without `dimensions` the answer is one row, so that the unique visitors are right: they do not add up over days.
DAYS: Final = (
    "query($zone:string!,$since:Date!,$until:Date!){viewer{zones(filter:{zoneTag:$zone}){"
    "totals:httpRequests1dGroups(limit:1,filter:{date_geq:$since,date_lt:$until}){" + _SUM + "}}}}"
)
HOURS: Final = (
    "query($zone:string!,$since:Time!,$until:Time!){viewer{zones(filter:{zoneTag:$zone}){"
    "totals:httpRequests1hGroups(limit:1,filter:{datetime_geq:$since,datetime_lt:$until}){" + _SUM + "}}}}"
)
_ALL: Final = (
    "all:httpRequestsAdaptiveGroups(limit:$n,orderBy:[count_DESC],"
    'filter:{datetime_geq:$since,datetime_lt:$until,requestSource:"eyeball"}){count dimensions{clientIP}} '
)
_THREATS: Final = (
    "threats:firewallEventsAdaptiveGroups(limit:$n,orderBy:[count_DESC],"
    "filter:{datetime_geq:$since,datetime_lt:$until}){count dimensions{clientIP action}} "
)
_CRAWLERS: Final = (
    "crawlers:httpRequestsAdaptiveGroups(limit:$n,orderBy:[count_DESC],"
    'filter:{datetime_geq:$since,datetime_lt:$until,verifiedBotCategory_neq:""}){count dimensions{clientIP}}'
)
_VISITORS: Final = "query($zone:string!,$since:Time!,$until:Time!,$n:uint64!){viewer{zones(filter:{zoneTag:$zone}){"
VISITORS: Final = _VISITORS + _ALL + _THREATS + _CRAWLERS + "}}}"
#: the same for plans that do not tell bots
WITHOUT_CRAWLERS: Final = _VISITORS + _ALL + _THREATS + "}}}"
QUERIES: Final = (DAYS, HOURS, VISITORS, WITHOUT_CRAWLERS)

#: how many addresses of each class are asked for
_ADDRESSES: Final = 1_000
#: the longest stretch that the free plan shows in one query, in hours
_STRETCH: Final = 24

_SPAN: Final[Mapping[int, timedelta]] = {
    Interval.PAST_30_DAYS: timedelta(days=30),
    Interval.PAST_7_DAYS: timedelta(days=7),
    Interval.PAST_DAY: timedelta(days=1),
    Interval.PRO_24_HOURS: timedelta(hours=24),
    Interval.PRO_12_HOURS: timedelta(hours=12),
    Interval.PRO_6_HOURS: timedelta(hours=6),
}


class _Browser(msgspec.Struct, rename="camel"):
    page_views: int | float | None = None
    ua_browser_family: str | None = None


class _Sum(msgspec.Struct, rename="camel"):
    requests: int | float | None = None
    cached_requests: int | float | None = None
    bytes: int | float | None = None
    cached_bytes: int | float | None = None
    page_views: int | float | None = None
    threats: int | float | None = None
    browser_map: list[_Browser] | None = None


class _Uniq(msgspec.Struct):
    uniques: int | float | None = None


class _Row(msgspec.Struct):
    count: int = 0
    sum: _Sum = msgspec.field(default_factory=_Sum)
    uniq: _Uniq = msgspec.field(default_factory=_Uniq)
    dimensions: dict[str, Any] = {}


class _ZoneRows(msgspec.Struct):
    totals: list[_Row] | None = None
    all: list[_Row] | None = None
    threats: list[_Row] | None = None
    crawlers: list[_Row] | None = None


class _Viewer(msgspec.Struct):
    zones: list[_ZoneRows] | None = None


class _Data(msgspec.Struct):
    viewer: _Viewer | None = None


class _Graph(msgspec.Struct):
    data: _Data | None = None


#: what the words of a GraphQL refusal mean, where its code does not say
_MEANING: Final = (
    (
        re.compile(r"not authorized|permission|authentication|does not have access", re.IGNORECASE),
        Unauthorized,
        "E_UNAUTH",
    ),
    (re.compile(r"limit reached|rate limit|quota|budget", re.IGNORECASE), RateLimited, "E_MAXAPI"),
    (re.compile(r"internal (server )?error|try again", re.IGNORECASE), None, ""),
)


def _refused(action: str, errors: Any, key: str) -> CloudflareError:
    """The error for a refusal; what blames neither the credentials nor their limit blames the input."""
    entries = [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []
    details = entries[0].get("extensions") if entries else None
    code = details.get("code") if isinstance(details, dict) else None
    said = "; ".join(str(entry.get("message") or "") for entry in entries)[:500] or "the service gives no reason"
    words = hidden(said, (key,))
    if code == "authz":
        return Unauthorized(_lacking(words), code="E_UNAUTH", action=action)
    for pattern, cls, name in _MEANING:
        if pattern.search(words):
            if cls is None:
                return UnexpectedAnswer(f"{action}: the service failed: {words}", status=200, transient=True)
            return cls(_lacking(words) if cls is Unauthorized else words, code=name, action=action)
    return InvalidInput(words, code="E_INVLDINPUT", action=action)


def _lacking(words: str) -> str:
    return f"{words}; it takes the permission {Permission.ANALYTICS_READ.value}"


async def _rows(asking: Asking, query: str, variables: Mapping[str, Any]) -> _ZoneRows:
    refused = functools.partial(_refused, asking.name)
    found = await asking.query(query, variables, needs=Permission.ANALYTICS_READ, refused=refused)
    try:
        reply = msgspec.convert(found, _Graph, strict=False)
    except msgspec.ValidationError as error:
        reason = f"{asking.name}: the reply is not of the known shape: {error}"
        raise UnexpectedAnswer(reason, status=200) from None
    zones = reply.data.viewer.zones if reply.data and reply.data.viewer else None
    if not zones:
        why = _lacking("these credentials see no analytics of this zone")
        raise Unauthorized(why, code="E_UNAUTH", action=asking.name)
    return zones[0]


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


_BOT: Final = re.compile(r"bot|crawl|spider|slurp", re.IGNORECASE)


def crawls(family: object) -> bool:
    """Whether a family of browsers is one of crawlers."""
    return isinstance(family, str) and _BOT.search(family) is not None


def _traffic(row: _Row) -> dict[str, Any]:
    """What version 1 says of the traffic, from the one row of totals."""
    told, uniques = row.sum, row.uniq.uniques
    crawler = sum(int(one.page_views or 0) for one in told.browser_map or () if crawls(one.ua_browser_family))
    cached, size = int(told.cached_requests or 0), int(told.cached_bytes or 0)
    return {
        "trafficBreakdown": TrafficBreakdown(
            pageviews=Traffic(
                regular=max(0, int(told.page_views or 0) - crawler), threat=int(told.threats or 0), crawler=crawler
            ),
            uniques=Traffic(regular=None if uniques is None else int(uniques)),
        ),
        "bandwidthServed": Served(cloudflare=size / 1024, user=(int(told.bytes or 0) - size) / 1024),
        "requestsServed": Served(cloudflare=cached, user=int(told.requests or 0) - cached),
    }


def _created(zone: WireZone) -> datetime | None:
    try:
        moment = datetime.fromisoformat(zone.created_on or "")
    except ValueError:
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=moment.tzinfo or UTC)


async def stats(asking: Asking, zones: Zones, action: AskStats) -> Stats:
    """The traffic of a zone, and some of its settings: the ones that are refused are None."""
    zone = await zones.reference(action.zone)
    now = datetime.fromtimestamp(int(asking.now()), UTC)
    daily = action.interval in {Interval.PAST_30_DAYS, Interval.PAST_7_DAYS, Interval.PAST_DAY}
    until = _midnight(now) if daily else now
    since = until - _SPAN[action.interval]
    form = (lambda moment: moment.date().isoformat()) if daily else _text
    variables = {"zone": zone.id, "since": form(since), "until": form(until)}
    fields = ("userSecuritySetting", "dev_mode", "ipv46", "ob", "cache_lvl")
    answers = await at_once(
        {
            "rows": lambda: _rows(asking, DAYS if daily else HOURS, variables),
            "zone": lambda: zones.fetched(zone.id),
            "settings": lambda: ask_all(asking, zone.id, fields),
        }
    )
    # Analytics are refused alike where they may not be read and where there is no such zone; the zone itself is not.
    for part in "zone", "rows":
        answer = answers[part]
        if isinstance(answer, CloudflareError) and (part == "rows" or numbers_of(answer) & NO_ZONE):
            raise answer
    for answer in answers.values():
        if isinstance(answer, CloudflareError) and is_passing(answer):
            raise answer
    totals = answers["rows"].totals or [_Row()]
    found = answers["zone"]
    values = answers["settings"][0] if isinstance(answers["settings"], tuple) else {}
    known: dict[str, Any] = {}
    if isinstance(found, WireZone):
        known["zoneCDate"] = _created(found)
        if found.plan and found.plan.legacy_id:
            known["pro_zone"] = found.plan.legacy_id != "free"
    return Stats(
        timeZero=since,
        timeEnd=until,
        currentServerTime=now,
        interval=action.interval,
        **_traffic(totals[0] if totals else _Row()),
        **known,
        **values,
    )


# -- visitors ------------------------------------------------------------------------------------------

_CLASSES: Final = {
    VisitorClass.REGULAR: "regular",
    VisitorClass.CRAWLER: "crawler",
    VisitorClass.THREAT: "threat",
}


def _add(counts: dict[str, int], rows: list[_Row] | None) -> None:
    for row in rows or ():
        ip = row.dimensions.get("clientIP")
        if isinstance(ip, str) and ip:
            counts[ip] = counts.get(ip, 0) + row.count


async def visitors(asking: Asking, zones: Zones, action: ZoneIps) -> tuple[Visitor, ...]:
    """The addresses that visited a zone, those with the most hits first."""
    zone = await zones.reference(action.zone, named=True)
    until = datetime.fromtimestamp(int(asking.now()), UTC)
    counts: dict[str, dict[str, int]] = {"regular": {}, "threat": {}, "crawler": {}}
    query = VISITORS
    for start in range(0, action.hours, _STRETCH):
        late = until - timedelta(hours=start)
        early = until - timedelta(hours=min(start + _STRETCH, action.hours))
        variables = {"zone": zone.id, "since": _text(early), "until": _text(late), "n": _ADDRESSES}
        try:
            rows = await _rows(asking, query, variables)
        except (InvalidInput, Unauthorized):
            if query is WITHOUT_CRAWLERS:
                raise
            # Telling bots takes a plan; without that part the query may be answered all the same.
            query = WITHOUT_CRAWLERS
            rows = await _rows(asking, query, variables)
        _add(counts["regular"], rows.all)
        _add(counts["threat"], rows.threats)
        _add(counts["crawler"], rows.crawlers)
    for ip in counts["threat"].keys() | counts["crawler"].keys():
        counts["regular"].pop(ip, None)
    for ip in counts["threat"]:
        counts["crawler"].pop(ip, None)
    found = [
        Visitor(ip=ip, classification=name, hits=hits, zone_name=zone.name)
        for name, hits_of in counts.items()
        for ip, hits in hits_of.items()
        if action.visitor_class is None or _CLASSES.get(action.visitor_class) == name
    ]
    return tuple(sorted(found, key=lambda visitor: -(visitor.hits or 0)))
