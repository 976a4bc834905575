"""Markdown, for issues, wikis and pull requests: the numbers, then a section per rule, worst first.

What the service sent stays text: marks that Markdown, or a code host on top of it, would act on are
escaped, so that a record makes no link, no heading, no mention of a person and no HTML.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, TextIO

from cfclient.audit.model import Excepted, Finding, Rule, Summary, ZoneAudit
from cfclient.audit.rules import RULES
from cfclient.harmless import harmless

from .plain import count, excepted_rows, said, unchecked_rows, unread

__all__ = ["MarkdownReport", "as_text"]

_ACTIVE: Final = re.compile(r"[\\`*_\[\]<>~|$&#]")

# What Markdown's extensions and code hosts look for once no backslash is left: people (@name), issues (#1),
# addresses (www., https:) and emoji (:name:). A comment, which nobody sees, stands between the two halves.
_SOUGHT: Final = re.compile(r"@|\\#|:(?=//|[\w+-]+:)|www(?=\.)", re.IGNORECASE)


def as_text(text: str) -> str:
    """Text that reads the same once it is rendered, and does nothing; it stays in its line."""
    escaped = _ACTIVE.sub(r"\\\g<0>", " ".join(harmless(text).split()))
    return _SOUGHT.sub(r"\g<0><!-- -->", escaped)


class MarkdownReport:
    """One document, written at the end; until then it keeps the findings, and no records."""

    def __init__(self, stream: TextIO, *, rules: Iterable[Rule] = RULES) -> None:
        self._stream = stream
        self._rules = {rule.id: rule for rule in rules}
        self._findings: dict[str, list[Finding]] = {}
        self._not_checked: Counter[tuple[str, str]] = Counter()
        self._excepted: list[Excepted] = []

    def zone(self, audit: ZoneAudit) -> None:
        """Keeps the zone's findings."""
        for finding in audit.findings:
            self._findings.setdefault(finding.rule, []).append(finding)
        self._not_checked.update(audit.not_checked)
        self._excepted.extend(audit.excepted)

    def finish(self, summary: Summary) -> None:
        """Writes the document."""
        self._line(f"# Audit of {count(summary.zones_expected, 'zone', 'zones')}")
        if not summary.complete:
            missing = summary.zones_expected - summary.zones_read
            self._line(f"**Incomplete: {count(missing, 'zone', 'zones')} not read.**")
        self._line(
            f"{count(summary.zones_read, 'zone', 'zones')} read, {count(summary.records, 'record', 'records')}, "
            f"{count(summary.findings, 'finding', 'findings')}."
        )
        self._table(
            ("severity", "findings"),
            [(severity.value, f"{number:,}") for severity, number in summary.by_severity.items()],
        )
        if self._findings:
            self._line("## Findings, worst first")
        for rule, findings in sorted(self._findings.items(), key=_worst_first):
            self._section(rule, findings)
        self._headed("Excepted", ("zone", "what is so", "until", "why it may be"), excepted_rows(self._excepted))
        self._headed("Not checked", ("why", "zones", "rules"), unchecked_rows(self._not_checked))
        self._headed("Zones that were not read", ("zone", "why"), [*unread(summary)])
        self._stream.flush()

    def _section(self, rule_id: str, findings: list[Finding]) -> None:
        rule = self._rules.get(rule_id)
        # A rule of the user's own that the report was not told of is known by its findings alone.
        worst = max(findings, key=lambda finding: finding.severity)
        zones = count(len({finding.zone for finding in findings}), "zone", "zones")
        self._line(f"### {as_text(rule.title if rule else rule_id)}")
        self._line(f"{worst.severity.value}, rule {as_text(rule_id)}, {zones}")
        for label, text in (
            ("Why", rule.why if rule else worst.why),
            ("Mend", rule.mend if rule else worst.mend),
            ("Source", rule.source if rule else ""),
        ):
            if text:
                self._line(f"**{label}:** {as_text(text)}")
        self._table(
            ("zone", "what is wrong", "records"),
            sorted((finding.zone, said(finding), " ".join(finding.records)) for finding in findings),
        )

    def _headed(self, title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        if rows:
            self._line(f"## {title}")
            self._table(columns, rows)

    def _table(self, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
        lines = [columns, tuple("---" for _ in columns)]
        lines += [tuple(as_text(cell) for cell in row) for row in rows]
        self._line("\n".join(f"| {' | '.join(cells)} |" for cells in lines))

    def _line(self, text: str) -> None:
        self._stream.write(f"{text}\n\n")


def _worst_first(entry: tuple[str, list[Finding]]) -> tuple[int, int, str]:
    rule, findings = entry
    return -max(finding.severity.rank for finding in findings), -len(findings), rule
