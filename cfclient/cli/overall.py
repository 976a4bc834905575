"""The report over all accounts of one run, on standard output: what `audit --accounts` prints without a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import attrs

from cfclient.audit import Rule, Summary, Tally, ZoneAudit
from cfclient.audit.journal import replay
from cfclient.audit.manifest import LINES, Entry, overall
from cfclient.audit.report import TableReport
from cfclient.output import console

__all__ = ["show"]


def show(folder: Path, entries: Iterable[Entry], rules: Iterable[Rule], *, stream: TextIO, as_json: bool) -> None:
    """Prints it.

    Args:
        folder: where the audit was written to.
        entries: what became of each account.
        rules: those of the audit.
        stream: where to.
        as_json: as `overall.json` has it, instead of as tables of all findings.
    """
    entries, rules = tuple(entries), tuple(rules)
    if as_json:
        stream.write(json.dumps(overall(entries), indent=2) + "\n")
        return
    report = TableReport(console(stream))
    expected = sum(entry.summary.zones_expected for entry in entries)
    tally = Tally(expected + sum(entry.failure is not None for entry in entries))
    for zone in _zones(folder, entries, rules):
        report.zone(zone)
        tally.add(zone)
    left = tuple(_named(entry, zone) for entry in entries for zone in entry.summary.zones_left)
    summary: Summary = attrs.evolve(tally.summary, zones_left=left)
    report.finish(summary)


def _named(entry: Entry, zone: str) -> str:
    """A zone with its account, because two accounts may see the same one."""
    return f"{entry.name}: {zone}"


def _zones(folder: Path, entries: Iterable[Entry], rules: tuple[Rule, ...]) -> Iterator[ZoneAudit]:
    for entry in entries:
        if entry.failure is not None:
            yield ZoneAudit(zone=entry.name, failure=f"its zones could not be listed: {entry.failure}")
        for zone in replay(folder / entry.name / LINES, rules):
            name = _named(entry, zone.zone)
            findings = tuple(attrs.evolve(finding, zone=name) for finding in zone.findings)
            yield attrs.evolve(zone, zone=name, findings=findings)
