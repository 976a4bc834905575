"""`POST /graphql`: the traffic of a zone in totals and by address, for the queries that programs send.

    viewer -- zones(filter) -- httpRequests1dGroups, httpRequests1hGroups, httpRequests1mGroups
                            -- httpRequestsAdaptiveGroups, firewallEventsAdaptiveGroups
                            -- settings, zoneTag

Errors are an HTTP status of 200 with `errors`, as the service has them. A zone that is not shown to whoever asks
is not in `zones`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from cfclient import models

from .call import Call, Place
from .ids import v4_id
from .query import Field, Unreadable, read
from .replies import Answer, stamp
from .traffic import Totals, totals, visits
from .zones import plan_of

__all__ = ["graphql"]


class _Failed(Exception):
    """An entry of `errors`."""


_DAY: Final = 86_400
#: how long a stretch a plan may ask for at once, and how far back, in seconds; the free plan's, then the others'.
#: One day of the adaptive groups is the free plan's; the other figures are not known.
_REACH: Final[Mapping[str, tuple[tuple[int, int], tuple[int, int]]]] = {
    "httpRequests1dGroups": ((366 * _DAY, 366 * _DAY), (366 * _DAY, 366 * _DAY)),
    "httpRequests1hGroups": ((3 * _DAY, 30 * _DAY), (7 * _DAY, 90 * _DAY)),
    "httpRequests1mGroups": ((_DAY, 7 * _DAY), (_DAY, 30 * _DAY)),
    "httpRequestsAdaptiveGroups": ((_DAY, 8 * _DAY), (7 * _DAY, 31 * _DAY)),
    "firewallEventsAdaptiveGroups": ((_DAY, 14 * _DAY), (7 * _DAY, 31 * _DAY)),
}


def _reach(place: Place, node: str) -> tuple[int, int]:
    return _REACH[node][plan_of(place) != "free"]


def _settings(place: Place) -> dict[str, Any]:
    return {
        node: {
            "enabled": True,
            "maxDuration": _reach(place, node)[0],
            "notOlderThan": _reach(place, node)[1],
            "maxPageSize": 10_000,
            "maxNumberOfFields": 30,
        }
        for node in _REACH
    }


# -- the stretch of time that is asked for -----------------------------------------------------------


def _time(given: Any, name: str) -> datetime:
    try:
        if name.startswith("date_") or name == "date":
            day = date.fromisoformat(given)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise _Failed(f"error parsing args: invalid value for {name}: {given!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_ADDS: Final = {"geq": 0, "gt": 1, "lt": 0, "leq": 1}


def _stretch(node: str, given: Mapping[str, Any], call: Call, place: Place) -> tuple[datetime, datetime]:
    """From when until when; an end that is left out is now."""
    daily = node == "httpRequests1dGroups"
    prefix, step = ("date", timedelta(days=1)) if daily else ("datetime", timedelta(seconds=1))
    since = until = None
    if prefix in given:
        since = _time(given[prefix], prefix)
        until = since + step
    for name, value in given.items():
        field, _, how = name.partition("_")
        if field != prefix or how not in _ADDS:
            continue
        moment = _time(value, name) + step * _ADDS[how]
        if how in {"geq", "gt"}:
            since = moment
        else:
            until = moment
    if since is None:
        raise _Failed(f"{node}: a filter by {prefix}_geq is needed")
    until = until or call.now
    longest, oldest = _reach(place, node)
    if (until - since).total_seconds() > longest:
        raise _Failed(f"cannot request a time range wider than {longest}s for {node}")
    if (call.now - since).total_seconds() > oldest + _DAY:
        raise _Failed(f"cannot request data older than {oldest}s for {node}: this plan does not allow it")
    return since, until


# -- the totals --------------------------------------------------------------------------------------


def _sum(served: Totals) -> dict[str, Any]:
    crawled = served.pages.crawler or 0
    regular = served.pages.regular or 0
    return {
        "requests": served.requests,
        "cachedRequests": served.cached_requests,
        "encryptedRequests": served.requests,
        "bytes": served.bytes,
        "cachedBytes": served.cached_bytes,
        "encryptedBytes": served.bytes,
        "pageViews": regular + crawled,
        "threats": served.pages.threat,
        "ipClassMap": [
            {"ipType": "clean", "requests": served.requests - crawled},
            {"ipType": "searchEngine", "requests": crawled},
        ],
        "browserMap": [
            {"uaBrowserFamily": "Chrome", "pageViews": regular - regular // 3},
            {"uaBrowserFamily": "Firefox", "pageViews": regular // 3},
            {"uaBrowserFamily": "GoogleBot", "pageViews": crawled},
        ],
        "clientHTTPVersionMap": [{"clientHTTPProtocol": "HTTP/2", "requests": served.requests}],
        "clientSSLMap": [{"clientSSLProtocol": "TLSv1.3", "requests": served.requests}],
        "contentTypeMap": [
            {"edgeResponseContentTypeName": "html", "requests": served.requests, "bytes": served.bytes},
        ],
        "countryMap": [
            {
                "clientCountryName": "CH",
                "requests": served.requests,
                "bytes": served.bytes,
                "threats": served.pages.threat,
            },
        ],
        "responseStatusMap": [{"edgeResponseStatus": 200, "requests": served.requests}],
        "threatPathingMap": [{"threatPathingName": "bic.ban.unknown", "requests": served.pages.threat}],
    }


def _total_rows(node: str, field: Field, call: Call, place: Place) -> list[dict[str, Any]]:
    since, until = _stretch(node, field.arguments.get("filter") or {}, call, place)
    zone = place.site.zone.zone_name
    if until <= since:
        return []
    if "dimensions" not in {inner.name for inner in field.fields}:
        parts = [(since, until)]
    else:
        steps = {"httpRequests1dGroups": timedelta(days=1), "httpRequests1hGroups": timedelta(hours=1)}
        step = steps.get(node, timedelta(minutes=1))
        count = int((until - since) / step)
        parts = [(since + step * index, since + step * (index + 1)) for index in range(min(count, 10_000))]
    rows = []
    for start, end in parts:
        served = totals(zone, (end - start) / timedelta(days=1))
        rows.append(
            {
                "sum": _sum(served),
                "uniq": {"uniques": served.uniques.regular},
                "dimensions": {"date": f"{start:%Y-%m-%d}", "datetime": f"{start:%Y-%m-%dT%H:%M:%SZ}"},
            }
        )
    return rows


# -- by address --------------------------------------------------------------------------------------


def _visitor_rows(node: str, field: Field, call: Call, place: Place) -> list[dict[str, Any]]:
    given = field.arguments.get("filter") or {}
    since, until = _stretch(node, given, call, place)
    # Whole hours are what the numbers of a visitor are made of.
    first, last = ((call.now - moment).total_seconds() / 3_600 for moment in (since, until))
    kinds = set(models.VisitorClass)
    if node == "firewallEventsAdaptiveGroups":
        kinds = {models.VisitorClass.THREAT}
    elif given.get("verifiedBotCategory_neq") == "":
        kinds = {models.VisitorClass.CRAWLER}
    rows = []
    for visit in visits(place.site.zone.zone_name):
        count = visit.hits(min(first, 48)) - (visit.hits(last) if last > 0 else 0)
        if visit.kind in kinds and count > 0 and given.get("clientIP") in {None, visit.visitor.ip}:
            crawler = visit.kind is models.VisitorClass.CRAWLER
            dimensions = {
                "clientIP": visit.visitor.ip,
                "clientCountryName": "CH",
                "verifiedBotCategory": "Search Engine Crawler" if crawler else "",
                "requestSource": "eyeball",
                "datetime": stamp(since),
                "action": "block",
                "source": "firewallManaged",
                "ruleId": "100038A",
                "edgeResponseStatus": 403,
                "originResponseStatus": 0,
            }
            rows.append({"count": count, "dimensions": dimensions})
    return sorted(rows, key=lambda row: -row["count"])


_Rows = Callable[[str, Field, Call, Place], list[dict[str, Any]]]
_NODES: Final[Mapping[str, _Rows]] = {
    "httpRequests1dGroups": _total_rows,
    "httpRequests1hGroups": _total_rows,
    "httpRequests1mGroups": _total_rows,
    "httpRequestsAdaptiveGroups": _visitor_rows,
    "firewallEventsAdaptiveGroups": _visitor_rows,
}


# -- what is asked of it -----------------------------------------------------------------------------


def _project(value: Any, field: Field) -> Any:
    """Of a value what the field asks for."""
    if isinstance(value, list):
        return [_project(one, field) for one in value]
    if not isinstance(value, Mapping):
        if field.fields:
            raise _Failed(f'Field "{field.name}" must not have a selection')
        return value
    if not field.fields:
        raise _Failed(f'Field "{field.name}" must have a selection of subfields')
    return {inner.alias: _project(_member(value, inner), inner) for inner in field.fields}


def _member(value: Mapping[str, Any], field: Field) -> Any:
    if field.name not in value:
        raise _Failed(f'unknown field "{field.name}"')
    return value[field.name]


def _rows(field: Field, call: Call, place: Place) -> Any:
    limit = field.arguments.get("limit")
    if type(limit) is not int or not 1 <= limit <= 10_000:
        raise _Failed(f"{field.name}: limit must be positive number and not greater than 10000")
    return _project(_NODES[field.name](field.name, field, call, place)[:limit], field)


def _tags(field: Field) -> set[str]:
    given = field.arguments.get("filter") or {}
    tags: Iterable[Any] = given.get("zoneTag_in") or [given.get("zoneTag")]
    return {tag for tag in tags if isinstance(tag, str)}


def _zones(field: Field, call: Call) -> list[dict[str, Any]]:
    wanted = _tags(field)
    found = [place for place in call.places() if v4_id("zone", place.site.zone.zone_id) in wanted]
    return [{inner.alias: _of_zone(inner, call, place) for inner in field.fields} for place in found]


def _of_zone(field: Field, call: Call, place: Place) -> Any:
    if field.name in _NODES:
        return _rows(field, call, place)
    shown = {"zoneTag": v4_id("zone", place.site.zone.zone_id), "settings": _settings(place)}
    return _project(_member(shown, field), field)


def _viewer(field: Field, call: Call) -> dict[str, Any]:
    answer = {}
    for inner in field.fields:
        if inner.name != "zones":
            raise _Failed(f'unknown field "{inner.name}"')
        answer[inner.alias] = _zones(inner, call)
    return answer


def graphql(call: Call) -> Answer:
    """The answer to a query."""
    fields = call.body if isinstance(call.body, dict) else {}
    try:
        asked = read(fields.get("query"), fields.get("variables"))
        data = {}
        for field in asked:
            if field.name != "viewer":
                raise _Failed(f'unknown field "{field.name}"')
            data[field.alias] = _viewer(field, call)
    except (_Failed, Unreadable) as failed:
        error = {"message": str(failed), "path": None, "extensions": {"timestamp": stamp(call.now)}}
        return Answer(body={"data": None, "errors": [error]})
    return Answer(body={"data": data, "errors": None})
