"""What reports are made of: the protocol, and the audit's values as plain data in the shape of JSON."""

from __future__ import annotations

from typing import Any, Final, Protocol

from cfclient.audit.model import Finding, Rule, Summary, ZoneAudit

__all__ = [
    "SCHEMA_VERSION",
    "Plain",
    "Report",
    "count",
    "failure_out",
    "finding_out",
    "rule_out",
    "summary_out",
    "zone_out",
]

#: The version of the shape of JSON and JSON Lines: it grows when a key changes its meaning or goes, not when one comes.
SCHEMA_VERSION: Final = 1

Plain = dict[str, Any]


class Report(Protocol):
    """Takes what an audit gives, and writes."""

    def zone(self, audit: ZoneAudit) -> None:
        """Takes one zone."""
        ...

    def finish(self, summary: Summary) -> None:
        """Takes the summary, after the last zone; a report that is not finished is not complete."""
        ...


def finding_out(finding: Finding) -> Plain:
    """A finding, without its zone."""
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "records": list(finding.records),
    }


def zone_out(audit: ZoneAudit) -> Plain:
    """A zone that was read."""
    return {
        "zone": audit.zone,
        "records": len(audit.records),
        "findings": [finding_out(finding) for finding in audit.findings],
        "not_checked": [{"rule": rule, "reason": reason} for rule, reason in audit.not_checked],
    }


def failure_out(zone: str, reason: str) -> Plain:
    """A zone that could not be read."""
    return {"zone": zone, "reason": reason}


def summary_out(summary: Summary) -> Plain:
    """The numbers."""
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


def rule_out(rule: Rule) -> Plain:
    """What a rule says of itself."""
    return {
        "id": rule.id,
        "severity": rule.severity.value,
        "title": rule.title,
        "why": rule.why,
        "mend": rule.mend,
        "source": rule.source,
    }


def count(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many}"
