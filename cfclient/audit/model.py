"""The values of an audit, and how rules are applied; no I/O, no clock, no rule of its own.

    ZoneData --Rule.check--> Fault --judge--> Finding ... in a ZoneAudit --Tally--> Summary

Three laws:

1. A zone that could not be read whole has a `failure` and no findings; it never counts as read.
2. A rule whose setting the service did not report is "not checked", which is neither passing nor a finding.
3. Findings stand worst first, then by rule, then by message: the same zone gives the same tuple.
"""

from __future__ import annotations

import enum
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

import attrs

from cfclient.models import Record, RecordType, ZoneSettings
from cfclient.shapes import canonical

__all__ = [
    "Fault",
    "Finding",
    "Rule",
    "Severity",
    "Summary",
    "Tally",
    "ZoneAudit",
    "ZoneData",
    "judge",
]

K = TypeVar("K")


@functools.total_ordering
class Severity(enum.Enum):
    """How bad a finding is; `Severity.LOW < Severity.HIGH`."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return list(type(self)).index(self)

    def __lt__(self, other: object) -> bool:
        return self.rank < other.rank if isinstance(other, Severity) else NotImplemented


_WORST_FIRST: Final = tuple(reversed(Severity))


@attrs.frozen(kw_only=True)
class ZoneData:
    """All that rules may look at: one whole zone, with indexes that are built once."""

    #: in lower-case Punycode, without the final dot
    zone: str
    settings: ZoneSettings
    records: tuple[Record, ...]

    @functools.cached_property
    def by_name(self) -> Mapping[str, tuple[Record, ...]]:
        """The records of each name that has any, wildcards under their own names."""
        return _grouped(self.records, lambda record: canonical(record.name))

    @functools.cached_property
    def by_type(self) -> Mapping[RecordType, tuple[Record, ...]]:
        """The records of each type that there is."""
        return _grouped(self.records, lambda record: record.type)

    @functools.cached_property
    def _nodes(self) -> frozenset[str]:
        """The names that exist in the sense of RFC 4592 §2.2: those with records, and all above them."""
        nodes = {self.zone}
        for name in self.by_name:
            above = name
            while above and above not in nodes:
                nodes.add(above)
                above = above.partition(".")[2]
        return frozenset(nodes)

    def at(self, name: str, *types: RecordType) -> tuple[Record, ...]:
        """The records that stand at exactly this name, of these types."""
        return tuple(record for record in self.by_name.get(canonical(name), ()) if record.type in types)

    def answers(self, name: str, *types: RecordType) -> tuple[Record, ...]:
        """The records of these types that a resolver finds at a name, through a wildcard too (RFC 4592 §3.3)."""
        name = canonical(name)
        if name not in self._nodes:
            encloser = name
            while encloser and encloser not in self._nodes:
                encloser = encloser.partition(".")[2]
            name = f"*.{encloser}"
        return self.at(name, *types)


def _grouped(records: Iterable[Record], key: Callable[[Record], K]) -> Mapping[K, tuple[Record, ...]]:
    groups: dict[K, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return {name: tuple(group) for name, group in groups.items()}


@attrs.frozen
class Fault:
    """What a rule's function says of one zone: a sentence with the values found, and whose names are concerned."""

    message: str
    records: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Rule:
    """One thing that can be wrong with a zone."""

    #: stable: it is never given to another rule
    id: str
    severity: Severity
    title: str
    why: str
    #: the call or the setting that mends it
    mend: str
    #: the standard or the document that says so
    source: str
    #: pure: no I/O, no clock, nothing kept between two zones
    check: Callable[[ZoneData], Iterable[Fault]]
    #: the fields of ZoneSettings without which nothing can be said
    needs: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that is wrong with one zone."""

    #: the rule's id
    rule: str
    severity: Severity
    zone: str
    message: str
    #: the names of the records concerned, none where a setting is
    records: tuple[str, ...] = ()
    why: str = ""
    mend: str = ""


@attrs.frozen(kw_only=True)
class ZoneAudit:
    """What became of one zone."""

    zone: str
    #: None where the zone could not be read
    settings: ZoneSettings | None = None
    records: tuple[Record, ...] = ()
    findings: tuple[Finding, ...] = ()
    #: why the zone could not be read; None where it was read whole
    failure: str | None = None
    #: the ids of rules that could say nothing, each with the reason
    not_checked: tuple[tuple[str, str], ...] = ()


def judge(data: ZoneData, rules: Iterable[Rule]) -> ZoneAudit:
    """What the rules say of a zone."""
    findings: list[Finding] = []
    not_checked: list[tuple[str, str]] = []
    for rule in rules:
        missing = [name for name in rule.needs if getattr(data.settings, name) is None]
        if missing:
            not_checked.append((rule.id, f"the service did not report the setting {', '.join(missing)}"))
            continue
        findings.extend(
            Finding(
                rule=rule.id,
                severity=rule.severity,
                zone=data.zone,
                message=fault.message,
                records=fault.records,
                why=rule.why,
                mend=rule.mend,
            )
            for fault in rule.check(data)
        )
    findings.sort(key=lambda found: (-found.severity.rank, found.rule, found.message, found.records))
    return ZoneAudit(
        zone=data.zone,
        settings=data.settings,
        records=data.records,
        findings=tuple(findings),
        not_checked=tuple(not_checked),
    )


@attrs.frozen(kw_only=True)
class Summary:
    """What was found so far, in numbers."""

    zones_expected: int
    zones_read: int = 0
    #: the zones that could not be read, each with the reason
    zones_failed: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    #: how many records the zones that were read have
    records: int = 0
    #: findings by severity, worst first; every severity is there
    by_severity: Mapping[Severity, int] = attrs.field(factory=lambda: dict.fromkeys(_WORST_FIRST, 0), hash=False)
    #: findings by rule, of the rules that found something, by id
    by_rule: Mapping[str, int] = attrs.field(factory=dict, hash=False)
    #: in how many zones a rule could not be checked, by id
    not_checked: Mapping[str, int] = attrs.field(factory=dict, hash=False)

    @property
    def complete(self) -> bool:
        """Whether every zone that was expected was read whole."""
        return self.zones_read == self.zones_expected

    @property
    def findings(self) -> int:
        """How many findings there are."""
        return sum(self.by_severity.values())

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding, None where there is none."""
        return next((severity for severity in _WORST_FIRST if self.by_severity[severity]), None)


class Tally:
    """Counts zones as they come, and keeps none of them."""

    def __init__(self, zones_expected: int) -> None:
        self._expected = zones_expected
        self._read = 0
        self._records = 0
        self._failed: dict[str, str] = {}
        self._severities: Counter[Severity] = Counter()
        self._rules: Counter[str] = Counter()
        self._not_checked: Counter[str] = Counter()

    def add(self, audit: ZoneAudit) -> None:
        """Counts one more zone."""
        if audit.failure is not None:
            self._failed[audit.zone] = audit.failure
            return
        self._read += 1
        self._records += len(audit.records)
        self._severities.update(finding.severity for finding in audit.findings)
        self._rules.update(finding.rule for finding in audit.findings)
        self._not_checked.update(rule for rule, _ in audit.not_checked)

    @property
    def summary(self) -> Summary:
        """The numbers as they stand."""
        return Summary(
            zones_expected=self._expected,
            zones_read=self._read,
            zones_failed=dict(sorted(self._failed.items())),
            records=self._records,
            by_severity={severity: self._severities[severity] for severity in _WORST_FIRST},
            by_rule=dict(sorted(self._rules.items())),
            not_checked=dict(sorted(self._not_checked.items())),
        )
