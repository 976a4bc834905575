"""Tables on a terminal, for people (rich)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from cfclient.audit.model import Finding, Severity, Summary, ZoneAudit
from cfclient.harmless import harmless

from .plain import LEFT, count, said, unchecked_rows

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["TableReport"]

_STYLES: Final = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}


#: how wide a list of rules is at most
_LIST: Final = 80


#: how many zones with the same sentence have a row each on a terminal
_ALIKE: Final = 3


def _gathered(rows: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The same for somebody who reads: one row for a sentence that is said of many zones."""
    alike: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for row in rows:
        level, zone, words = row
        # A sentence that begins with the zone is the same one of another zone.
        alike.setdefault((level, f"it {words[len(zone) + 1 :]}" if words.startswith(f"{zone} ") else words), []).append(
            row
        )
    return [
        row
        for (level, words), group in alike.items()
        for row in (group if len(group) <= _ALIKE else [(level, f"{group[0][1]} and {len(group) - 1:,} more", words)])
    ]


class TableReport:
    """The summary and the findings as tables, written at the end; until then it keeps the findings, and no records."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._findings: list[Finding] = []
        self._not_checked: Counter[tuple[str, str]] = Counter()
        #: of all tables together
        self._rows = 0

    def zone(self, audit: ZoneAudit) -> None:
        """Keeps the zone's findings."""
        self._findings.extend(audit.findings)
        self._not_checked.update(audit.not_checked)

    def finish(self, summary: Summary) -> None:
        """Writes the tables."""
        total = (
            f"{summary.zones_read:,} of {count(summary.zones_expected, 'zone', 'zones')} read, "
            f"{count(summary.records, 'record', 'records')}, {count(summary.findings, 'finding', 'findings')}"
        )
        self._say(total, "bold")
        if not summary.complete:
            missing = summary.zones_expected - summary.zones_read
            self._say(f"INCOMPLETE: {count(missing, 'zone', 'zones')} not read", "bold red")
        for severity, number in summary.by_severity.items():
            if number:
                self._say(f"  {number:>6,} {severity.value}", _STYLES[severity])
        if summary.excepted:
            self._say(f"  {sum(summary.excepted.values()):>6,} known, until the exceptions for them run out", "dim")
        self._table_of_findings()
        self._table("How to mend", ("rule", "what to do"), sorted({(f.rule, f.mend) for f in self._findings}))
        self._table("Not checked", ("why", "zones", "rules"), unchecked_rows(self._not_checked))
        left = [(zone, LEFT) for zone in summary.zones_left]
        self._table("Zones that could not be read", ("zone", "why"), [*sorted(summary.zones_failed.items()), *left])
        if self._console.is_terminal and self._rows + 10 > self._console.height:
            # The first line has left the screen.
            self._console.print()
            self._say(total, "bold")

    def _say(self, text: str, style: str) -> None:
        from rich.text import Text

        self._console.print(Text(text, style=style))

    def _table_of_findings(self) -> None:
        worst_first = sorted(self._findings, key=lambda f: (-f.severity.rank, f.zone, f.rule, f.message))
        # The rule stands behind its sentence: a column of its own would leave 22 characters of 80 for it.
        rows = [(f.severity.value, f.zone, f"{said(f)} ({f.rule})") for f in worst_first]
        if self._console.is_terminal:
            rows = _gathered(rows)
        styles = [_STYLES[Severity(level)] for level, *_ in rows]
        self._table("Findings, worst first", ("severity", "zone", "what is wrong"), rows, styles)
        if len(rows) < len(worst_first):
            self._say("A pipe, a file, and the other formats have a row for each zone.", "dim")

    def _table(
        self, title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], styles: Iterable[str] = ()
    ) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in columns:
            # A list is folded also where there is no width to keep to: in a pipe, or in a file.
            table.add_column(column, overflow="fold", max_width=_LIST if column == "rules" else None)
        first = iter(styles)
        for row in rows:
            # Text, not str: in a str, rich would take brackets for its markup and colons for emoji.
            cells = [Text(harmless(cell)) for cell in row]
            cells[0].stylize(next(first, ""))
            table.add_row(*cells)
        self._rows += table.row_count
        if table.row_count:
            # Not as the table's own title, which rich would fold at the table's width.
            self._console.print()
            self._say(title, "bold")
            self._console.print(table)
