"""The command `audit`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from datetime import UTC, datetime
from typing import Annotated

import anyio
from cyclopts import Parameter

from cfclient.audit import Severity, Summary
from cfclient.audit import audit as audited
from cfclient.audit.report import HtmlReport, ParquetReport, Report, reporter
from cfclient.client import Client
from cfclient.output import Progress, console, destination

from .options import (
    DEFAULT_ACCOUNT,
    DEFAULT_REPORT,
    FOUND,
    INCOMPLETE,
    INTERRUPTED,
    Account,
    Level,
    ReportOutput,
    Usage,
    say,
)


def audit(
    *zones: Annotated[str, Parameter(help="The zones' names; without any, all zones of the account.")],
    fail_on: Annotated[Level, Parameter(help="The mildest finding that makes the exit code 1.")] = "info",
    concurrency: Annotated[int, Parameter(help="How many zones are read at a time.")] = 16,
    account: Account = DEFAULT_ACCOUNT,
    output: ReportOutput = DEFAULT_REPORT,
) -> int:
    """Read zones whole, settings and records, and report what is wrong with them.

    For example:

        cfclient audit --demo
        cfclient audit example.com example.net --fail-on medium
        cfclient audit --format jsonl -o findings.jsonl
        cfclient audit --format html -o report.html
        cfclient audit --format jsonl --with-records -o snapshot.jsonl

    The exit code is 0 where nothing was found, 1 where something was,
    2 for wrong usage, 3 where a zone could not be read, 130 when
    interrupted; what was read until then is reported all the same.
    """
    connection = account.connect()
    with _reporting(output) as report:
        mixed = output.format in {"jsonl", "csv"} and output.output is None and sys.stdout.isatty()
        shown = sys.stderr.isatty() and not mixed
        with Progress(shown=shown, what="reading zones") as progress:
            job = _Audit(report, progress)
            try:
                summary = anyio.run(job.run, connection, zones, concurrency)
            except KeyboardInterrupt:
                # Left like any other error, this block would throw away what was read.
                if job.summary is None:
                    raise
                say(f"interrupted: {job.summary.zones_read:,} of {job.summary.zones_expected:,} zones were read")
                return INTERRUPTED
    return _verdict(summary, Severity(fail_on))


@contextmanager
def _reporting(output: ReportOutput) -> Iterator[Report]:
    """The report, over where it is written to."""
    if output.with_records and output.format not in {"json", "jsonl"}:
        raise Usage(f"--with-records goes with --format json or jsonl, not with {output.format}")
    if "{zone}" not in output.files:
        raise Usage("--files needs {zone} in the place of the zone's name, such as zones/{zone}.zone")
    if output.format == "parquet":
        if output.output is None:
            raise Usage("--format parquet writes three files: name a folder for them with -o")
        with closing(ParquetReport(output.output)) as report:
            yield report
        return
    with destination(output.output, output.format) as stream:
        if output.format == "html":
            yield HtmlReport(stream, made=datetime.now(UTC))
        else:
            yield reporter(
                output.format,
                stream,
                console=console(stream) if output.format == "table" else None,
                with_records=output.with_records,
                files=output.files,
            )


class _Audit:
    """One audit, reported also where it is interrupted."""

    def __init__(self, report: Report, progress: Progress) -> None:
        self._report = report
        self._progress = progress
        #: None until the zones are known
        self.summary: Summary | None = None

    async def run(
        self, connection: AbstractAsyncContextManager[Client], zones: tuple[str, ...], concurrency: int
    ) -> Summary:
        async with connection as client, audited(client, zones or None, concurrency=concurrency) as zone_audits:
            self._progress.begin(zone_audits.total)
            try:
                async for zone in zone_audits:
                    self._report.zone(zone)
                    self._progress.step()
            finally:
                self._progress.stop()
                self.summary = zone_audits.summary
                self._report.finish(self.summary)
        return self.summary


def _verdict(summary: Summary, fail_on: Severity) -> int:
    if not summary.complete:
        zone, reason = next(iter(summary.zones_failed.items()))
        missing = summary.zones_expected - summary.zones_read
        more = f" (and {missing - 1:,} more)" if missing > 1 else ""
        say(
            f"error: incomplete: {missing:,} of {summary.zones_expected:,} zones could not be read: "
            f"{zone}: {reason}{more}"
        )
        return INCOMPLETE
    return FOUND if summary.worst is not None and summary.worst >= fail_on else 0
