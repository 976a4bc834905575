"""CSV: a row per finding."""

from __future__ import annotations

import csv
from typing import TextIO

from cfclient.audit.model import Summary, ZoneAudit
from cfclient.harmless import safe_cell

from .plain import LEFT, said

__all__ = ["CsvReport"]


class CsvReport:
    """A row per finding, written when its zone is finished; with the account where there are several."""

    def __init__(self, stream: TextIO, *, account: str | None = None) -> None:
        self._stream = stream
        #: whose the zones are that come next
        self.account = account
        # The stream itself knows how its platform ends a line.
        self._writer = csv.writer(stream, lineterminator="\n")
        self._writer.writerow([*self._whose("account"), "zone", "rule", "severity", "message", "records"])

    def zone(self, audit: ZoneAudit) -> None:
        """Writes the zone's rows."""
        if audit.failure is not None:
            self._row(audit.zone, "not-read", "", audit.failure, "")
        for finding in audit.findings:
            self._row(audit.zone, finding.rule, finding.severity.value, said(finding), " ".join(finding.records))
        self._stream.flush()

    def _row(self, *cells: str) -> None:
        self._writer.writerow([safe_cell(cell) for cell in (*self._whose(self.account), *cells)])

    def _whose(self, cell: str | None) -> tuple[str, ...]:
        """The first cell of a row, in a sheet of several accounts."""
        return () if self.account is None or cell is None else (cell,)

    def finish(self, summary: Summary) -> None:
        """Writes a row for each zone that was not come to."""
        for zone in summary.zones_left:
            self._row(zone, "not-read", "", LEFT, "")
        self._stream.flush()
