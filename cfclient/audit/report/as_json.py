"""JSON: one object, the zones by name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TextIO

from cfclient.audit.model import Rule, Summary, ZoneAudit
from cfclient.audit.rules import RULES

from .plain import SCHEMA_VERSION, Plain, failure_out, rule_out, summary_out, zone_out

__all__ = ["JsonReport"]


class JsonReport:
    """One JSON object, written at the end; until then it keeps the findings, and records if asked for."""

    def __init__(self, stream: TextIO, *, rules: Iterable[Rule] = RULES, with_records: bool = False) -> None:
        self._stream = stream
        self._with_records = with_records
        self._rules = [rule_out(rule) for rule in rules]
        self._zones: list[Plain] = []

    def zone(self, audit: ZoneAudit) -> None:
        """Keeps what the zone's entry needs."""
        if audit.failure is None:
            self._zones.append(zone_out(audit, with_records=self._with_records))

    def finish(self, summary: Summary) -> None:
        """Writes the object."""
        whole = {
            "schema_version": SCHEMA_VERSION,
            "summary": summary_out(summary),
            "rules": self._rules,
            "zones": sorted(self._zones, key=lambda zone: str(zone["zone"])),
            "failures": [failure_out(zone, reason) for zone, reason in sorted(summary.zones_failed.items())],
        }
        json.dump(whole, self._stream, indent=2)
        self._stream.write("\n")
        self._stream.flush()
