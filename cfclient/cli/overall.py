"""The report over all accounts of one run: what `audit --accounts` makes without a folder.

table, markdown, html     one report, each zone under the name `account: zone`
csv, jsonl                as of one account, and a column or key `account` more
sarif                     one log with a run for each account
json                      the numbers of each account and of all, as `overall.json` has them
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import attrs

from cfclient.audit import Excepted, Finding, Rule, Summary, Tally, ZoneAudit
from cfclient.audit.journal import replay
from cfclient.audit.manifest import LINES, Entry, overall
from cfclient.audit.report import (
    CsvReport,
    HtmlReport,
    JsonLinesReport,
    MarkdownReport,
    Report,
    SarifReport,
    TableReport,
)
from cfclient.audit.report.as_sarif import write_log
from cfclient.audit.report.plain import LEFT
from cfclient.output import console

from .options import SUFFIXES, ReportOutput

__all__ = ["FILES", "show"]

#: how a name ends that is one of a file, where a folder could be meant as well
FILES = frozenset({".txt", *SUFFIXES}) - {".parquet"}  # which is a folder


def show(
    folder: Path, entries: Iterable[Entry], rules: Iterable[Rule], *, stream: TextIO, output: ReportOutput
) -> None:
    """Writes it.

    Args:
        folder: where the audit was written to.
        entries: what became of each account.
        rules: those of the audit.
        stream: where to.
        output: in what form.
    """
    entries, rules = tuple(entries), tuple(rules)
    if output.format == "json":
        stream.write(json.dumps(overall(entries), indent=2) + "\n")
    elif output.format == "sarif":
        write_log(stream, [_run(folder, entry, rules, stream, output.files) for entry in entries])
    elif output.format in {"csv", "jsonl"}:
        _in_lines(folder, entries, rules, stream, output.format)
    else:
        _whole(folder, entries, rules, _report(output.format, stream, rules))
    stream.flush()


def _report(output_format: str, stream: TextIO, rules: tuple[Rule, ...]) -> Report:
    if output_format == "html":
        return HtmlReport(stream, rules=rules, made=datetime.now(UTC))
    if output_format == "markdown":
        return MarkdownReport(stream, rules=rules)
    return TableReport(console(stream))


def _zones(folder: Path, entry: Entry, rules: tuple[Rule, ...]) -> Iterator[ZoneAudit]:
    """The zones of an account; one whose zones could not be listed is a zone that was not read."""
    if entry.failure is not None:
        yield ZoneAudit(zone=entry.name, failure=f"its zones could not be listed: {entry.failure}")
    yield from replay(folder / entry.name / LINES, rules)


def _summed(tally: Tally, entries: tuple[Entry, ...]) -> Summary:
    """The numbers of all accounts, their zones under their names here."""
    tally.expect(sum(entry.summary.zones_expected + (entry.failure is not None) for entry in entries))
    left = tuple(_named(entry, zone) for entry in entries for zone in entry.summary.zones_left)
    return attrs.evolve(tally.summary, zones_left=left)


def _whole(folder: Path, entries: tuple[Entry, ...], rules: tuple[Rule, ...], report: Report) -> None:
    tally = Tally(0)
    for entry in entries:
        for zone in _zones(folder, entry, rules):
            ours = _renamed(entry, zone)
            report.zone(ours)
            tally.add(ours)
    report.finish(_summed(tally, entries))


def _named(entry: Entry, zone: str) -> str:
    """A zone with its account, because two accounts may see the same one."""
    return f"{entry.name}: {zone}"


def _renamed(entry: Entry, zone: ZoneAudit) -> ZoneAudit:
    if zone.zone == entry.name and entry.failure is not None:
        return zone
    name = _named(entry, zone.zone)

    def ours(finding: Finding) -> Finding:
        return attrs.evolve(finding, zone=name)

    def known(one: Excepted) -> Excepted:
        return attrs.evolve(one, finding=ours(one.finding))

    return attrs.evolve(
        zone, zone=name, findings=tuple(map(ours, zone.findings)), excepted=tuple(map(known, zone.excepted))
    )


def _in_lines(
    folder: Path, entries: tuple[Entry, ...], rules: tuple[Rule, ...], stream: TextIO, output_format: str
) -> None:
    tally = Tally(0)
    report = CsvReport(stream, account="") if output_format == "csv" else JsonLinesReport(stream, rules=rules)
    for entry in entries:
        report.account = entry.name
        for zone in _zones(folder, entry, rules):
            report.zone(zone)
            tally.add(_renamed(entry, zone))
        for name in entry.summary.zones_left if output_format == "csv" else ():
            report.zone(ZoneAudit(zone=name, failure=LEFT))
    summary = _summed(tally, entries)
    # A sheet has told of those under their accounts, which the end of the report does not know.
    report.finish(attrs.evolve(summary, zones_left=()) if output_format == "csv" else summary)


def _run(folder: Path, entry: Entry, rules: tuple[Rule, ...], stream: TextIO, files: str) -> dict[str, object]:
    report = SarifReport(stream, rules=rules, files=files, account=entry.name)
    tally = Tally(0)
    for zone in _zones(folder, entry, rules):
        report.zone(zone)
        tally.add(zone)
    tally.expect(entry.summary.zones_expected + (entry.failure is not None))
    return report.run(attrs.evolve(tally.summary, zones_left=entry.summary.zones_left))
