"""A difference as text: a table for people, Markdown for pull requests, JSON for programs.

    {"schema_version": 1, "complete": bool, "differences": int,
     "zones": [{"zone": str, "status": "added" | "removed" | "changed",
                "records": {"added": [record], "removed": [record], "changed": [{"old": record, "new": record}]},
                "settings": [{"setting": str, "old": value, "new": value}],
                "findings": {"new": [finding], "gone": [finding]}}],
     "not_compared": [{"zone", "reason": str}],
     "findings_only": [zone],
     "not_known": [{"side": "old" | "new", "kind": "setting" | "rule", "name": str, "zones": int}]}

Of what stands in `not_known` one side tells, and the side that is named there cannot; it is no difference.

A record is `{"name", "type", "content": str, "prio": int or null, "ttl": int or null for automatic,
"proxied": bool or null where it was not reported}`, in the form in which it was compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

import attrs

from cfclient.audit.report.as_markdown import as_text
from cfclient.audit.report.plain import count
from cfclient.errors import InvalidInput
from cfclient.harmless import harmless

from .compare import Changed, Difference, ZoneDifference
from .snapshot import Entry, Found

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["FORMATS", "SCHEMA_VERSION", "write"]

#: of the shape above
SCHEMA_VERSION: Final = 1

Plain = dict[str, Any]
Row = tuple[str, str, str, str]


def write(format: str, stream: TextIO, difference: Difference, *, console: Console | None = None) -> None:  # noqa: A002  what the command line calls it
    """Writes a difference in one of the `FORMATS`.

    Args:
        format: "table", "json" or "markdown".
        stream: where it is written to.
        difference: what is written.
        console: for the table, instead of one that rich makes for the stream.
    """
    if format not in _WRITERS:
        raise InvalidInput.of("format", format, f"one of {', '.join(_WRITERS)}")
    _WRITERS[format](stream, difference, console)
    stream.flush()


def _record(entry: Entry) -> Plain:
    return {
        "name": entry.name,
        "type": entry.type,
        "content": entry.content,
        "prio": None if entry.prio < 0 else entry.prio,
        "ttl": entry.ttl or None,
        "proxied": {"proxied": True, "not proxied": False}.get(entry.proxy),
    }


def _finding(found: Found) -> Plain:
    return {
        "rule": found.rule,
        "severity": found.severity,
        "message": found.message,
        "records": list(found.records),
    }


def _zone(zone: ZoneDifference) -> Plain:
    return {
        "zone": zone.zone,
        "status": zone.status,
        "records": {
            "added": list(map(_record, zone.records_added)),
            "removed": list(map(_record, zone.records_removed)),
            "changed": [{"old": _record(one.old), "new": _record(one.new)} for one in zone.records_changed],
        },
        "settings": [{"setting": name, "old": old, "new": new} for name, old, new in zone.settings],
        "findings": {
            "new": list(map(_finding, zone.findings_new)),
            "gone": list(map(_finding, zone.findings_gone)),
        },
    }


def _json(stream: TextIO, difference: Difference, _: Console | None) -> None:
    whole = {
        "schema_version": SCHEMA_VERSION,
        "complete": difference.complete,
        "differences": difference.count,
        "zones": list(map(_zone, difference.zones)),
        "not_compared": [{"zone": zone, "reason": why} for zone, why in difference.not_compared.items()],
        "findings_only": list(difference.findings_only),
        "not_known": [attrs.asdict(one) for one in difference.not_known],
    }
    stream.write(json.dumps(whole, indent=2) + "\n")


# -- people ------------------------------------------------------------------------------------------


def _shown(value: Any) -> str:
    """A setting's value."""
    return value if isinstance(value, str) else json.dumps(value)


def _parts(entry: Entry) -> tuple[str, str, str]:
    prio = f"priority {entry.prio}" if entry.prio >= 0 else ""
    return prio, f"ttl {entry.ttl or 'auto'}", entry.proxy


def _details(entry: Entry) -> str:
    return f"{entry.content} ({', '.join(filter(None, _parts(entry)))})"


def _change(one: Changed) -> Row:
    """Only what changed, where the content did not."""
    what = f"{one.old.type} {one.old.name}"
    if one.old.content != one.new.content:
        return "~", what, _details(one.old), _details(one.new)
    old, new = one.old, one.new
    if not (old.proxy and new.proxy):  # not told by one side, so that it is no change
        old, new = attrs.evolve(old, proxy=""), attrs.evolve(new, proxy="")
    pairs = [pair for pair in zip(_parts(old), _parts(new), strict=True) if pair[0] != pair[1]]
    before, after = (", ".join(part or "-" for part in side) for side in zip(*pairs, strict=True))
    return "~", f"{what} {one.old.content}", before, after


def _rows(zone: ZoneDifference) -> Iterator[Row]:
    """A mark, what it is about, before and after."""
    if zone.status != "changed":
        yield "+" if zone.status == "added" else "-", "the zone", *_sides(zone.status == "added", zone.zone)
    for entry in zone.records_removed:
        yield "-", f"{entry.type} {entry.name}", *_sides(False, _details(entry))
    for entry in zone.records_added:
        yield "+", f"{entry.type} {entry.name}", *_sides(True, _details(entry))
    for one in zone.records_changed:
        yield _change(one)
    for name, old, new in zone.settings:
        yield "~", f"setting {name}", _shown(old), _shown(new)
    for found in zone.findings_gone:
        yield "-", f"finding {found.rule}", *_sides(False, f"{found.severity}: {found.message}")
    for found in zone.findings_new:
        yield "+", f"finding {found.rule}", *_sides(True, f"{found.severity}: {found.message}")


def _sides(new: bool, text: str) -> tuple[str, str]:
    return ("", text) if new else (text, "")


def _headline(difference: Difference) -> str:
    zones = count(len(difference.zones), "zone", "zones")
    return f"{count(difference.count, 'difference', 'differences')} in {zones}" if difference.count else "no difference"


def _remarks(difference: Difference) -> Iterator[str]:
    if not difference.complete:
        yield "INCOMPLETE: a side had not read all of its zones"
    for zone, why in difference.not_compared.items():
        yield f"not compared: {zone}: {why}"
    if difference.findings_only:
        zones = count(len(difference.findings_only), "zone", "zones")
        yield f"only findings compared in {zones}: a side carries no records (cfclient audit --with-records)"
    for (side, kind), names in _not_known(difference).items():
        words = "was not reported" if kind == "setting" else "was not checked"
        yield f"not known in {side.upper()}, where it {words}: {kind} {', '.join(names)}"


def _not_known(difference: Difference) -> dict[tuple[str, str], list[str]]:
    """What one side does not tell of, by the side and the kind."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in difference.not_known:
        found.setdefault((one.side, one.kind), []).append(f"{one.name} ({count(one.zones, 'zone', 'zones')})")
    return found


_STYLES: Final[Mapping[str, str]] = {"+": "green", "-": "red", "~": "yellow"}


def _table(stream: TextIO, difference: Difference, console: Console | None) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    screen = console or Console(file=stream, highlight=False)
    screen.print(Text(_headline(difference), style="bold"))
    for remark in _remarks(difference):
        screen.print(Text(harmless(remark), style="yellow"))
    for zone in difference.zones:
        screen.print()
        screen.print(Text(harmless(zone.zone), style="bold"))
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in ("", "what", "old", "new"):
            table.add_column(column, overflow="fold")
        for row in _rows(zone):
            # Text, not str: in a str, rich would take brackets for its markup and colons for emoji.
            table.add_row(
                *(Text(harmless(cell), style=_STYLES[row[0]] if i == 0 else "") for i, cell in enumerate(row))
            )
        screen.print(table)


def _markdown(stream: TextIO, difference: Difference, _: Console | None) -> None:
    lines = [f"# {_headline(difference).capitalize()}", ""]
    lines += [line for remark in _remarks(difference) for line in (as_text(remark), "")]
    for zone in difference.zones:
        lines += [f"## {as_text(zone.zone)}", "", "| | what | old | new |", "| --- | --- | --- | --- |"]
        # A code span, so that "-" and "+" are never taken for a list.
        lines += [f"| `{mark}` | {' | '.join(as_text(cell) for cell in cells)} |" for mark, *cells in _rows(zone)]
        lines.append("")
    stream.write("\n".join(lines))


_WRITERS: Final[Mapping[str, Callable[[TextIO, Difference, Console | None], None]]] = {
    "table": _table,
    "json": _json,
    "markdown": _markdown,
}

#: What `write` makes.
FORMATS: Final = tuple(_WRITERS)
