"""Traffic as bars on a terminal (rich), and as rows for everything else.

    ZoneTraffic.of(zone, stats)    one zone's traffic as one flat row
    draw(console, rows)            its numbers as bars, a group for each thing that is counted
    draw_visitors(console, ...)    addresses by their hits

Bars of one group share a scale, and groups do not: page views and kilobytes have nothing in common.
A number that was not reported has no bar, and is "-".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from .harmless import harmless
from .models import Stats, Visitor

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["ZoneTraffic", "draw", "draw_visitors"]

#: wider bars say no more
_WIDEST: Final = 100

_STYLES: Final = {
    "regular": "green",
    "crawler": "cyan",
    "threat": "red",
    "Cloudflare": "green",
    "your server": "yellow",
}


@attrs.frozen(kw_only=True)
class ZoneTraffic:
    """What `stats` says of a zone's traffic; None is what it did not say."""

    zone: str
    since: datetime | None = None
    until: datetime | None = None
    pageviews_regular: int | None = None
    pageviews_crawler: int | None = None
    pageviews_threat: int | None = None
    uniques_regular: int | None = None
    uniques_crawler: int | None = None
    uniques_threat: int | None = None
    requests_cloudflare: float | None = None
    requests_user: float | None = None
    #: kilobytes
    bandwidth_cloudflare: float | None = None
    bandwidth_user: float | None = None

    @classmethod
    def of(cls, zone: str, stats: Stats) -> ZoneTraffic:
        """The row of a zone."""
        breakdown = stats.trafficBreakdown
        views, uniques = _part(breakdown, "pageviews"), _part(breakdown, "uniques")
        requests, bandwidth = stats.requestsServed, stats.bandwidthServed
        return cls(
            zone=zone,
            since=stats.timeZero,
            until=stats.timeEnd,
            pageviews_regular=_part(views, "regular"),
            pageviews_crawler=_part(views, "crawler"),
            pageviews_threat=_part(views, "threat"),
            uniques_regular=_part(uniques, "regular"),
            uniques_crawler=_part(uniques, "crawler"),
            uniques_threat=_part(uniques, "threat"),
            requests_cloudflare=_part(requests, "cloudflare"),
            requests_user=_part(requests, "user"),
            bandwidth_cloudflare=_part(bandwidth, "cloudflare"),
            bandwidth_user=_part(bandwidth, "user"),
        )


def _part(whole: object, name: str) -> Any:
    return getattr(whole, name, None)


Number = float | None


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _kilobytes(value: float) -> str:
    """With the largest unit that leaves a digit before the point, as the service counts: 1,024 each."""
    units = ("kB", "MB", "GB", "TB")
    unit = 0
    while value >= 1024 and unit < len(units) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:,.1f} {units[unit]}"


def draw(screen: Console, rows: Iterable[ZoneTraffic]) -> None:
    """A block of bars for each zone."""
    from rich.text import Text

    for index, row in enumerate(rows):
        if index:
            screen.print()
        screen.print(Text.assemble((harmless(row.zone), "bold"), (f"  {_span(row.since, row.until)}", "dim")))
        visitors = ("regular", "crawler", "threat")
        served = ("Cloudflare", "your server")
        groups: tuple[tuple[str, Sequence[str], Sequence[Number], bool], ...] = (
            ("page views", visitors, (row.pageviews_regular, row.pageviews_crawler, row.pageviews_threat), False),
            ("visitors", visitors, (row.uniques_regular, row.uniques_crawler, row.uniques_threat), False),
            ("requests", served, (row.requests_cloudflare, row.requests_user), False),
            ("bandwidth", served, (row.bandwidth_cloudflare, row.bandwidth_user), True),
        )
        lines: list[tuple[str, str, Number, float, str]] = []
        for title, labels, values, bytes_ in groups:
            most = max([0.0, *(value for value in values if value is not None)])
            show = _kilobytes if bytes_ else _number
            for place, (label, value) in enumerate(zip(labels, values, strict=True)):
                lines.append((title if place == 0 else "", label, value, most, "-" if value is None else show(value)))
        _bars(screen, lines)


def _span(since: datetime | None, until: datetime | None) -> str:
    return " to ".join("?" if time is None else f"{time:%Y-%m-%d %H:%M}" for time in (since, until))


def draw_visitors(screen: Console, visitors: Sequence[Visitor], *, left_out: int = 0) -> None:
    """A bar for each address, in the order in which they come."""
    most = max([0, *(visitor.hits or 0 for visitor in visitors)])
    _bars(
        screen,
        [
            (
                visitor.ip,
                visitor.classification or "-",
                visitor.hits,
                most,
                "-" if visitor.hits is None else _number(visitor.hits),
            )
            for visitor in visitors
        ],
    )
    if left_out:
        screen.print(f"and {left_out:,} more: --top {len(visitors) + left_out}")


def _bars(screen: Console, lines: Iterable[tuple[str, str, Number, float, str]]) -> None:
    """Lines of a title, a label, a value, the value of a whole bar, and the value's text."""
    from rich.bar import Bar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.width = min(screen.width, _WIDEST)
    table.add_column()
    table.add_column()
    table.add_column(ratio=1, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for title, label, value, most, text in lines:
        style = _STYLES.get(label, "default")
        bar: RenderableType = Bar(most, 0, value, color=style) if value and most else ""
        table.add_row(Text(harmless(title)), Text(harmless(label)), bar, Text(text))
    screen.print(table)
