"""What reports are made of: the protocol, and the audit's values as plain data in the shape of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import attrs

from cfclient.audit.model import Excepted, Finding, Rule, Summary, ZoneAudit
from cfclient.models import ZoneSettings
from cfclient.plain import natural

__all__ = [
    "LEFT",
    "SCHEMA_VERSION",
    "Plain",
    "Report",
    "count",
    "excepted_out",
    "excepted_rows",
    "failure_out",
    "finding_out",
    "rule_out",
    "said",
    "summary_out",
    "unchecked_rows",
    "unread",
    "zone_out",
]

#: The version of the shape of JSON and JSON Lines: it grows when a key changes its meaning or goes, not when one comes.
SCHEMA_VERSION: Final = 1

#: the reason that reports give for a zone that was not come to
LEFT: Final = "the audit ended before it was read"

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
        **({"note": finding.note} if finding.note else {}),
    }


def excepted_out(excepted: Excepted) -> Plain:
    """A finding that an exception covers, without its zone."""
    exemption = excepted.exemption
    return {
        **finding_out(excepted.finding),
        "exception": {"reason": exemption.reason, "until": exemption.until.isoformat(), "record": exemption.record},
    }


def said(finding: Finding) -> str:
    """What is wrong, with what else is to be said of it."""
    return f"{finding.message} ({finding.note})" if finding.note else finding.message


def zone_out(audit: ZoneAudit, *, with_records: bool = False) -> Plain:
    """A zone that was read, with its settings and records if asked for."""
    snapshot = {"settings": natural(audit.settings), "records": natural(audit.records)} if with_records else None
    return {
        "zone": audit.zone,
        "records": audit.size,
        "findings": [finding_out(finding) for finding in audit.findings],
        "not_checked": [{"rule": rule, "reason": reason} for rule, reason in audit.not_checked],
        **({"excepted": [excepted_out(one) for one in audit.excepted]} if audit.excepted else {}),
        **({"snapshot": snapshot} if snapshot else {}),
    }


def excepted_rows(excepted: Iterable[Excepted]) -> list[tuple[str, ...]]:
    """Zone, what was found and by which rule, the last day on which that is no finding, and why it is none."""
    return sorted(
        (
            one.finding.zone,
            f"{one.finding.message} ({one.finding.rule})",
            one.exemption.until.isoformat(),
            one.exemption.reason,
        )
        for one in excepted
    )


#: the reasons that `ZoneData.unknown` gives, and what they say without the name of a setting
_NAMED: Final = (
    (re.compile(r"version 1 of the API has no setting \w+"), "version 1 of the API has no such setting"),
    (re.compile(r"the service did not report the setting \w+"), "the service did not report the setting"),
    (re.compile(f"(?:{'|'.join(field.name for field in attrs.fields(ZoneSettings))}): (.*)"), r"\1"),
)


def _general(reason: str) -> str:
    """A reason without the names of settings, which the rules' own names tell as well; one of another kind as it is."""
    for pattern, words in _NAMED:
        if all(pattern.fullmatch(part) for part in reason.split("; ")):
            return "; ".join(dict.fromkeys(pattern.sub(words, part) for part in reason.split("; ")))
    whole = _NAMED[-1][0].fullmatch(reason)
    return reason if whole is None else whole[1]


def unchecked_rows(reasons: Mapping[tuple[str, str], int]) -> list[tuple[str, ...]]:
    """Why something could not be checked, in how many zones, and the rules that it holds for; most zones first."""
    groups: dict[tuple[int, str], set[str]] = {}
    for (rule, reason), zones in reasons.items():
        groups.setdefault((-zones, _general(reason)), set()).add(rule)
    return [(why, f"{-zones:,}", ", ".join(sorted(rules))) for (zones, why), rules in sorted(groups.items())]


def failure_out(zone: str, reason: str) -> Plain:
    """A zone that could not be read."""
    return {"zone": zone, "reason": reason}


def unread(summary: Summary) -> list[tuple[str, str]]:
    """The zones that were not read, those that were not come to included, each with the reason."""
    return sorted({**dict.fromkeys(summary.zones_left, LEFT), **summary.zones_failed}.items())


def summary_out(summary: Summary) -> Plain:
    """The numbers."""
    return {
        "complete": summary.complete,
        "zones_expected": summary.zones_expected,
        "zones_read": summary.zones_read,
        "zones_failed": len(summary.zones_failed),
        "zones_left": list(summary.zones_left),
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
