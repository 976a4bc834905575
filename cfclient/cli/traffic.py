"""The commands that show traffic: `stats` and `visitors`."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from cyclopts import Parameter

from cfclient.actions import Stats, ZoneIps
from cfclient.bars import ZoneTraffic, draw, draw_visitors
from cfclient.models import Interval, Visitor, VisitorClass
from cfclient.output import Entries, console, destination

from .ending import in_loop
from .options import DEFAULT_ACCOUNT, DEFAULT_OUTPUT, INCOMPLETE, Account, Output, Said, Usage, ZoneName, explained, say

#: What a terminal shows at once; a pipe gets all.
_TOP: Final = 20

_INTERVALS: Final = {
    "30d": Interval.PAST_30_DAYS,
    "7d": Interval.PAST_7_DAYS,
    "1d": Interval.PAST_DAY,
    "24h": Interval.PRO_24_HOURS,
    "12h": Interval.PRO_12_HOURS,
    "6h": Interval.PRO_6_HOURS,
}


def stats(
    zone: ZoneName,
    /,
    *more: Annotated[str, Parameter(help="More zones.")],
    past: Annotated[
        Literal["30d", "7d", "1d", "24h", "12h", "6h"],
        Parameter(help="How far back; hours are for Pro accounts, and newer than days."),
    ] = "30d",
    account: Account = DEFAULT_ACCOUNT,
    output: Output = DEFAULT_OUTPUT,
) -> int:
    """Show the traffic of zones: bars on a terminal, a row per zone anywhere else.

    Bandwidth is in kilobytes in the rows.

    For example:

        cfclient stats example.com example.net --past 7d
        cfclient stats example.com --format csv

    The exit code is 3 where a zone's traffic could not be had; that of
    the others is shown all the same. Where there is none at all, nothing
    is written.
    """
    # Made before anything is asked, so that a wrong name is told first.
    actions = [Stats(name, interval=_INTERVALS[past]) for name in dict.fromkeys((zone, *more))]
    connection = account.connect()

    async def asked() -> list[ZoneTraffic]:
        rows = []
        async with connection as client:
            for action, outcome in zip(actions, await client.perform_all(actions), strict=True):
                if outcome.error is None:
                    rows.append(ZoneTraffic.of(action.zone, outcome.unwrap()))
                else:
                    say(f"error: {action.zone}: {explained(outcome.error)[0]}")
        if not rows:
            raise Said(INCOMPLETE)
        return rows

    with destination(output.output, output.format) as stream:
        rows = in_loop(asked)
        if output.format == "table" and stream.isatty():
            draw(console(stream), rows)
        else:
            entries = Entries(output.format, stream, ZoneTraffic)
            for row in rows:
                entries.add(row)
            entries.finish()
    return 0 if len(rows) == len(actions) else INCOMPLETE


_CLASSES: Final = {
    "regular": VisitorClass.REGULAR,
    "crawler": VisitorClass.CRAWLER,
    "threat": VisitorClass.THREAT,
}


def visitors(
    zone: ZoneName,
    /,
    *,
    hours: Annotated[int, Parameter(help="How far back, 1 to 48.")] = 24,
    visitor_class: Annotated[
        Literal["regular", "crawler", "threat"] | None,
        Parameter(name="--class", help="Only visitors of this class.", show_default=False),
    ] = None,
    top: Annotated[
        int | None,
        Parameter(help="How many, by hits. Otherwise 20 on a terminal, and all anywhere else.", show_default=False),
    ] = None,
    account: Account = DEFAULT_ACCOUNT,
    output: Output = DEFAULT_OUTPUT,
) -> int:
    """Show the addresses that visited a zone, those with the most hits first.

    Bars on a terminal, a row per address anywhere else.

    For example:

        cfclient visitors example.com --class threat --hours 48
        cfclient visitors example.com --top 100 --format csv
    """
    if top is not None and top < 1:
        raise Usage("--top is a number of addresses, at least 1")
    action = ZoneIps(zone, hours=hours, visitor_class=visitor_class and _CLASSES[visitor_class])
    connection = account.connect()

    async def asked() -> tuple[Visitor, ...]:
        async with connection as client:
            return await client.perform(action)

    with destination(output.output, output.format) as stream:
        found = sorted(in_loop(asked), key=lambda visitor: -(visitor.hits or 0))
        drawn = output.format == "table" and stream.isatty()
        shown = found[: top or (_TOP if drawn else None)]
        if drawn:
            draw_visitors(console(stream), shown, left_out=len(found) - len(shown))
        else:
            entries = Entries(output.format, stream, Visitor)
            for visitor in shown:
                entries.add(visitor)
            entries.finish()
    return 0
