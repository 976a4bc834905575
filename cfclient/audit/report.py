"""What an audit found, as text: each report takes the zones as they finish, then the summary.

    report = reporter("json", stream)
    async with cfclient.audit(client) as run:
        async for zone in run:
            report.zone(zone)
    report.finish(run.summary)

`json` is one object. It holds counts and findings, not the zones' records; its zones stand by name, so
that two audits of the same state give the same text:

    {"schema_version": 1,
     "summary": {"complete": bool,             every zone was read whole
                 "zones_expected": int, "zones_read": int, "zones_failed": int,
                 "records": int, "findings": int,
                 "by_severity": {"critical": int, "high": int, "medium": int, "low": int, "info": int},
                 "by_rule": {id: int},         the rules that found something
                 "not_checked": {id: int}},    in how many zones a rule could not be checked
     "rules": [{"id", "severity", "title", "why", "mend", "source": str}],       what was looked for
     "zones": [{"zone": str, "records": int,
                "findings": [{"rule", "severity", "message": str, "records": [name]}],    worst first
                "not_checked": [{"rule", "reason": str}]}],
     "failures": [{"zone", "reason": str}]}    the zones that could not be read, which `zones` leaves out

`jsonl` is a line per zone, written when the zone is finished: `{"kind": "zone", ...}` with the keys of an
entry of `zones`, or `{"kind": "failure", ...}` with those of `failures`. The last line is
`{"kind": "summary", "schema_version": 1, "summary": ..., "rules": ...}`; without it the audit was
broken off.

`csv` is a row per finding, written when the zone is finished: zone, rule, severity, message, and the
records' names with spaces between them. A zone that could not be read is a row with the rule `not-read`
and the reason as its message.

`table` is for people: the summary, then the findings, worst first. It needs rich (the extra `cli`).

What the service sent may be hostile. JSON is all ASCII; in the other two, control characters and those
that turn the direction of writing are shown as escapes, and no cell of the CSV begins like a formula.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

from cfclient.errors import InvalidInput
from cfclient.harmless import harmless, safe_cell

from .model import Finding, Rule, Severity, Summary, ZoneAudit
from .rules import RULES

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "FORMATS",
    "SCHEMA_VERSION",
    "CsvReport",
    "JsonLinesReport",
    "JsonReport",
    "Report",
    "TableReport",
    "reporter",
]

#: The version of the shape above: it grows when a key changes its meaning or goes, not when one comes.
SCHEMA_VERSION: Final = 1

#: What `reporter` makes.
FORMATS: Final = ("table", "json", "jsonl", "csv")


class Report(Protocol):
    """Takes what an audit gives, and writes."""

    def zone(self, audit: ZoneAudit) -> None:
        """Takes one zone."""
        ...

    def finish(self, summary: Summary) -> None:
        """Takes the summary, after the last zone; a report that is not finished is not complete."""
        ...


def reporter(
    format: str,  # noqa: A002  what the command line calls it
    stream: TextIO,
    *,
    rules: Iterable[Rule] = RULES,
    console: Console | None = None,
) -> Report:
    """A report of one of the `FORMATS`.

    Args:
        format: "table", "json", "jsonl" or "csv".
        stream: where it is written to.
        rules: those of the audit; the JSON formats list them.
        console: for the table, instead of one that rich makes for the stream.
    """
    if format == "json":
        return JsonReport(stream, rules=rules)
    if format == "jsonl":
        return JsonLinesReport(stream, rules=rules)
    if format == "csv":
        return CsvReport(stream)
    if format != "table":
        raise InvalidInput.of("format", format, f"one of {', '.join(FORMATS)}")
    if console is None:
        from rich.console import Console

        console = Console(file=stream)
    return TableReport(console)


# -- programs ----------------------------------------------------------------------------------------

Plain = dict[str, Any]


def _finding(finding: Finding) -> Plain:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "records": list(finding.records),
    }


def _zone(audit: ZoneAudit) -> Plain:
    return {
        "zone": audit.zone,
        "records": len(audit.records),
        "findings": [_finding(finding) for finding in audit.findings],
        "not_checked": [{"rule": rule, "reason": reason} for rule, reason in audit.not_checked],
    }


def _failure(zone: str, reason: str) -> Plain:
    return {"zone": zone, "reason": reason}


def _summary(summary: Summary) -> Plain:
    return {
        "complete": summary.complete,
        "zones_expected": summary.zones_expected,
        "zones_read": summary.zones_read,
        "zones_failed": len(summary.zones_failed),
        "records": summary.records,
        "findings": summary.findings,
        "by_severity": {severity.value: count for severity, count in summary.by_severity.items()},
        "by_rule": dict(summary.by_rule),
        "not_checked": dict(summary.not_checked),
    }


def _rule(rule: Rule) -> Plain:
    return {
        "id": rule.id,
        "severity": rule.severity.value,
        "title": rule.title,
        "why": rule.why,
        "mend": rule.mend,
        "source": rule.source,
    }


class JsonReport:
    """One JSON object, written at the end; until then it keeps the findings, and no records."""

    def __init__(self, stream: TextIO, *, rules: Iterable[Rule] = RULES) -> None:
        self._stream = stream
        self._rules = [_rule(rule) for rule in rules]
        self._zones: list[Plain] = []

    def zone(self, audit: ZoneAudit) -> None:
        """Keeps what the zone's entry needs."""
        if audit.failure is None:
            self._zones.append(_zone(audit))

    def finish(self, summary: Summary) -> None:
        """Writes the object."""
        whole = {
            "schema_version": SCHEMA_VERSION,
            "summary": _summary(summary),
            "rules": self._rules,
            "zones": sorted(self._zones, key=lambda zone: str(zone["zone"])),
            "failures": [_failure(zone, reason) for zone, reason in sorted(summary.zones_failed.items())],
        }
        json.dump(whole, self._stream, indent=2)
        self._stream.write("\n")
        self._stream.flush()


class JsonLinesReport:
    """A JSON object a line, each written when its zone is finished."""

    def __init__(self, stream: TextIO, *, rules: Iterable[Rule] = RULES) -> None:
        self._stream = stream
        self._rules = [_rule(rule) for rule in rules]

    def _write(self, kind: str, line: Plain) -> None:
        self._stream.write(json.dumps({"kind": kind, **line}) + "\n")
        self._stream.flush()

    def zone(self, audit: ZoneAudit) -> None:
        """Writes the zone's line."""
        if audit.failure is None:
            self._write("zone", _zone(audit))
        else:
            self._write("failure", _failure(audit.zone, audit.failure))

    def finish(self, summary: Summary) -> None:
        """Writes the last line."""
        self._write("summary", {"schema_version": SCHEMA_VERSION, "summary": _summary(summary), "rules": self._rules})


class CsvReport:
    """A row per finding, written when its zone is finished."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # The stream itself knows how its platform ends a line.
        self._writer = csv.writer(stream, lineterminator="\n")
        self._writer.writerow(["zone", "rule", "severity", "message", "records"])

    def zone(self, audit: ZoneAudit) -> None:
        """Writes the zone's rows."""
        if audit.failure is not None:
            self._row(audit.zone, "not-read", "", audit.failure, "")
        for finding in audit.findings:
            self._row(audit.zone, finding.rule, finding.severity.value, finding.message, " ".join(finding.records))
        self._stream.flush()

    def _row(self, *cells: str) -> None:
        self._writer.writerow([safe_cell(cell) for cell in cells])

    def finish(self, summary: Summary) -> None:  # noqa: ARG002  the rows are all there is
        """Nothing is left to write but what the stream still holds."""
        self._stream.flush()


# -- people ------------------------------------------------------------------------------------------

_STYLES: Final = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


class TableReport:
    """The summary and the findings as tables, written at the end; until then it keeps the findings, and no records."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._findings: list[Finding] = []
        self._not_checked: Counter[tuple[str, str]] = Counter()

    def zone(self, audit: ZoneAudit) -> None:
        """Keeps the zone's findings."""
        self._findings.extend(audit.findings)
        self._not_checked.update(audit.not_checked)

    def finish(self, summary: Summary) -> None:
        """Writes the tables."""
        self._say(
            f"{summary.zones_read:,} of {_count(summary.zones_expected, 'zone', 'zones')} read, "
            f"{_count(summary.records, 'record', 'records')}, {_count(summary.findings, 'finding', 'findings')}",
            "bold",
        )
        if not summary.complete:
            missing = summary.zones_expected - summary.zones_read
            self._say(f"INCOMPLETE: {_count(missing, 'zone', 'zones')} not read", "bold red")
        for severity, count in summary.by_severity.items():
            if count:
                self._say(f"  {count:>6,} {severity.value}", _STYLES[severity])
        self._table_of_findings()
        self._table("How to mend", ("rule", "what to do"), sorted({(f.rule, f.mend) for f in self._findings}))
        self._table(
            "Not checked",
            ("rule", "zones", "why"),
            [(rule, f"{count:,}", reason) for (rule, reason), count in sorted(self._not_checked.items())],
        )
        self._table("Zones that could not be read", ("zone", "why"), sorted(summary.zones_failed.items()))

    def _say(self, text: str, style: str) -> None:
        from rich.text import Text

        self._console.print(Text(text, style=style))

    def _table_of_findings(self) -> None:
        worst_first = sorted(self._findings, key=lambda f: (-f.severity.rank, f.zone, f.rule, f.message))
        # The rule stands behind its sentence: a column of its own would leave 22 characters of 80 for it.
        rows = [(f.severity.value, f.zone, f"{f.message} ({f.rule})") for f in worst_first]
        styles = [_STYLES[f.severity] for f in worst_first]
        self._table("Findings, worst first", ("severity", "zone", "what is wrong"), rows, styles)

    def _table(
        self, title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], styles: Iterable[str] = ()
    ) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        first = iter(styles)
        for row in rows:
            # Text, not str: in a str, rich would take brackets for its markup and colons for emoji.
            cells = [Text(harmless(cell)) for cell in row]
            cells[0].stylize(next(first, ""))
            table.add_row(*cells)
        if table.row_count:
            # Not as the table's own title, which rich would fold at the table's width.
            self._console.print()
            self._say(title, "bold")
            self._console.print(table)
