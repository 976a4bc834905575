"""The values of an audit, and how rules are applied; no I/O, no clock, no rule of its own.

    ZoneData --Rule.check--> Fault --judge--> Finding ... in a ZoneAudit --Tally--> Summary

Five laws:

1. A zone that could not be read whole has a `failure` and no findings; it never counts as read.
2. A rule whose setting the service did not report is "not checked", which is neither passing nor a finding;
   so is one that says itself that it cannot see what it is about, and one that raises.
3. Findings stand worst first, then by rule, then by message: the same zone gives the same tuple.
4. A finding that an exception covers is kept and counted apart, with the exception; it is never lost.
5. An exception that has run out covers nothing, and the finding that it covered says so.
"""

from __future__ import annotations

import enum
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Final, TypeAlias, TypeVar

import attrs

from cfclient.errors import ConfigurationError
from cfclient.models import Record, RecordType, ZoneSettings
from cfclient.shapes import canonical

__all__ = [
    "FOLLOWED",
    "TODAYS",
    "Beyond",
    "Check",
    "Excepted",
    "Exemption",
    "Fault",
    "Finding",
    "Rule",
    "Severity",
    "Summary",
    "Tally",
    "Unseen",
    "ZoneAudit",
    "ZoneData",
    "followed",
    "judge",
    "wanted",
]

K = TypeVar("K")

#: the settings of today's Cloudflare, and what it tells of a zone, of which version 1 knows nothing
TODAYS: Final = (
    "always_use_https",
    "automatic_https_rewrites",
    "opportunistic_encryption",
    "min_tls_version",
    "tls_1_3",
    "hsts",
    "dnssec_status",
    "universal_ssl",
    "bot_fight_mode",
    "plan",
    "created_on",
)


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
class Beyond:
    """What stands at a name in another zone of the same account; below a delegation, where nobody knows, anything."""

    #: the zone that the name belongs to
    zone: str
    #: whether there is anything at the name, also through a wildcard
    there: bool = True
    #: whether there is an address or a CNAME
    address: bool = True
    #: whether there is a DMARC policy
    policy: bool = True
    #: where a CNAME leads on that stands there
    leads: str | None = None
    #: whether the service answers with addresses instead of that CNAME, as for the proxy and at the apex
    hidden: bool = False
    #: why nothing of this is known
    failure: str | None = None


@attrs.frozen(kw_only=True)
class ZoneData:
    """All that rules may look at: one whole zone, with indexes that are built once."""

    #: in lower-case Punycode, without the final dot
    zone: str
    settings: ZoneSettings
    records: tuple[Record, ...]
    #: by name: what the zone's records run into in the account's other zones, as far as rules asked for it
    beyond: Mapping[str, Beyond] = attrs.field(factory=dict, hash=False)

    @functools.cached_property
    def by_name(self) -> Mapping[str, tuple[Record, ...]]:
        """The records of each name that has any, wildcards under their own names."""
        return _grouped(self.records, lambda record: canonical(record.name))

    @functools.cached_property
    def by_type(self) -> Mapping[RecordType, tuple[Record, ...]]:
        """The records of each type that there is."""
        return _grouped(self.records, lambda record: record.type)

    @property
    def of_version_1(self) -> bool:
        """Whether a service of version 1 told all this: it says nothing of what is set today, not even why."""
        settings = self.settings
        return not any(getattr(settings, name) is not None or name in settings.missing for name in TODAYS)

    def unknown(self, name: str) -> str | None:
        """Why a setting is not known, None where it is."""
        if getattr(self.settings, name) is not None:
            return None
        if name in self.settings.missing:
            return f"{name}: {self.settings.missing[name]}"
        if name in TODAYS and self.of_version_1:
            return f"version 1 of the API has no setting {name}"
        return f"the service did not report the setting {name}"

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

    def at(self, name: str, *types: RecordType | str) -> tuple[Record, ...]:
        """The records that stand at exactly this name, of these types."""
        return tuple(record for record in self.by_name.get(canonical(name), ()) if record.type in types)

    def answers(self, name: str, *types: RecordType | str) -> tuple[Record, ...]:
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


@attrs.frozen
class Unseen:
    """What a rule's function says where it cannot see what it is about: the reason."""

    reason: str


#: A rule's function: pure, without I/O, without a clock, and nothing kept between two zones.
#: A sentence alone is a fault that concerns no record.
Check: TypeAlias = Callable[[ZoneData], Iterable[Fault | Unseen | str]]

_ID: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def _sound_id(_: object, __: object, value: str) -> None:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ConfigurationError(f"a rule's id {value!r}: expected small words joined by hyphens, such as 'no-ftp'")


def _known(_: object, attribute: attrs.Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    fields = {field.name for field in attrs.fields(ZoneSettings)}
    for name in value:
        if name not in fields:
            raise ConfigurationError(f"{attribute.name}: {name!r} is no field of ZoneSettings")


def _names(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


#: what can be looked for in the account's other zones: where records of these types lead to, and the DMARC policies
#: of the zones above
FOLLOWED: Final = frozenset({"CNAME", "MX", "NS", "SRV", "DMARC"})


def _followed(value: bool | Iterable[str]) -> frozenset[str]:
    if isinstance(value, bool):
        return FOLLOWED if value else frozenset()
    if unknown := sorted(frozenset(value) - FOLLOWED):
        raise ConfigurationError(f"follows: {unknown[0]!r} is none of {', '.join(sorted(FOLLOWED))}")
    return frozenset(value)


def _severity(value: Severity | str) -> Severity:
    try:
        return Severity(value)
    except ValueError:
        offer = ", ".join(severity.value for severity in Severity)
        raise ConfigurationError(f"severity {value!r}: expected one of {offer}") from None


@attrs.frozen(kw_only=True)
class Rule:
    """One thing that can be wrong with a zone."""

    #: stable: programs, exceptions and reports name the rule by it
    id: str = attrs.field(validator=_sound_id)
    severity: Severity = attrs.field(converter=_severity)
    title: str
    #: what happens where nothing is done
    why: str
    #: the call or the setting that mends it
    mend: str
    #: the standard or the document that says so
    source: str
    check: Check
    #: the fields of ZoneSettings without which nothing can be said
    needs: tuple[str, ...] = attrs.field(default=(), converter=_names, validator=_known)
    #: the fields that are looked at where they are known
    consults: tuple[str, ...] = attrs.field(default=(), converter=_names, validator=_known)
    #: what of `FOLLOWED` it looks at in `ZoneData.beyond`, so that other zones of the account are read for it;
    #: True for all
    follows: frozenset[str] = attrs.field(default=frozenset(), converter=_followed)

    def __call__(self, data: ZoneData) -> Iterable[Fault | Unseen | str]:
        """What the function says, so that a decorated one can still be called."""
        return self.check(data)


def wanted(rules: Iterable[Rule]) -> frozenset[str]:
    """The fields of ZoneSettings that these rules look at."""
    return frozenset(name for rule in rules for name in (*rule.needs, *rule.consults))


def followed(rules: Iterable[Rule]) -> frozenset[str]:
    """What of `FOLLOWED` these rules look at."""
    return frozenset(kind for rule in rules for kind in rule.follows)


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
    #: what else is to be said, such as that an exception for it has run out
    note: str = ""


@attrs.frozen(kw_only=True)
class Exemption:
    """What is known to be so in one zone, and is to stay so until a day: no finding, but counted."""

    zone: str
    rule: str
    reason: str
    #: the last day on which it holds
    until: date
    #: only findings that concern this name; None for all of the rule's
    record: str | None = None

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding, whatever the day."""
        return (
            canonical(self.zone) == canonical(finding.zone)
            and self.rule == finding.rule
            and (self.record is None or canonical(self.record) in map(canonical, finding.records))
        )


@attrs.frozen(kw_only=True)
class Excepted:
    """A finding that an exception covers."""

    finding: Finding
    exemption: Exemption


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
    #: findings that an exception covers, each with the exception
    excepted: tuple[Excepted, ...] = ()
    #: how many records the zone has, where they are not kept: in a zone that was read back from a file
    counted: int | None = None

    @property
    def size(self) -> int:
        """How many records the zone has."""
        return len(self.records) if self.counted is None else self.counted


def _order(finding: Finding) -> tuple[int, str, str, tuple[str, ...]]:
    return (-finding.severity.rank, finding.rule, finding.message, finding.records)


def _findings(data: ZoneData, rule: Rule) -> tuple[list[Finding], str | None]:
    """What one rule finds, and why it could not look, if it could not."""
    unknown = [reason for name in rule.needs if (reason := data.unknown(name))]
    if unknown:
        return [], "; ".join(unknown)
    found: list[Finding] = []
    try:
        for said in rule.check(data):
            if isinstance(said, Unseen):
                return found, said.reason
            fault = Fault(said) if isinstance(said, str) else said
            found.append(
                Finding(
                    rule=rule.id,
                    severity=rule.severity,
                    zone=data.zone,
                    message=fault.message,
                    records=fault.records,
                    why=rule.why,
                    mend=rule.mend,
                )
            )
    except Exception as error:
        # One rule's fault must not cost the whole audit; what it found until then may be half a truth.
        return [], f"fault in the rule: {type(error).__name__}: {error}"
    return found, None


def _divided(
    findings: Iterable[Finding], exemptions: Iterable[Exemption], today: date
) -> Iterator[tuple[Finding, Exemption | None]]:
    """Each finding with the exception that covers it, or with a note of the one that did."""
    exemptions = tuple(exemptions)
    for finding in findings:
        covering = sorted((one for one in exemptions if one.covers(finding)), key=lambda one: one.until, reverse=True)
        if not covering:
            yield finding, None
        elif covering[0].until >= today:
            yield finding, covering[0]
        else:
            note = f"the exception for it ran out on {covering[0].until}: {covering[0].reason}"
            yield attrs.evolve(finding, note=note), None


def judge(
    data: ZoneData, rules: Iterable[Rule], *, exemptions: Iterable[Exemption] = (), today: date | None = None
) -> ZoneAudit:
    """What the rules say of a zone.

    Args:
        data: the zone.
        rules: what to check.
        exemptions: what is known and is no finding.
        today: the day that exceptions are measured by; None for the day it is, in UTC.
    """
    findings: list[Finding] = []
    not_checked: list[tuple[str, str]] = []
    for rule in rules:
        found, unseen = _findings(data, rule)
        findings += found
        if unseen is not None:
            not_checked.append((rule.id, unseen))
    pairs = list(_divided(sorted(findings, key=_order), exemptions, today or datetime.now(UTC).date()))
    return ZoneAudit(
        zone=data.zone,
        settings=data.settings,
        records=data.records,
        findings=tuple(finding for finding, exemption in pairs if exemption is None),
        not_checked=tuple(not_checked),
        excepted=tuple(
            Excepted(finding=finding, exemption=exemption) for finding, exemption in pairs if exemption is not None
        ),
    )


@attrs.frozen(kw_only=True)
class Summary:
    """What was found so far, in numbers."""

    zones_expected: int
    zones_read: int = 0
    #: the zones that could not be read, each with the reason
    zones_failed: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    #: the zones that were not come to, because the audit ended before
    zones_left: tuple[str, ...] = ()
    #: how many records the zones that were read have
    records: int = 0
    #: findings by severity, worst first; every severity is there
    by_severity: Mapping[Severity, int] = attrs.field(factory=lambda: dict.fromkeys(_WORST_FIRST, 0), hash=False)
    #: findings by rule, of the rules that found something, by id
    by_rule: Mapping[str, int] = attrs.field(factory=dict, hash=False)
    #: in how many zones a rule could not be checked, by id
    not_checked: Mapping[str, int] = attrs.field(factory=dict, hash=False)
    #: findings that an exception covers, by rule; they are in none of the numbers above
    excepted: Mapping[str, int] = attrs.field(factory=dict, hash=False)

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
        self._excepted: Counter[str] = Counter()

    def expect(self, zones: int) -> None:
        """Says how many zones there will be, where that was not known at the beginning."""
        self._expected = zones

    def add(self, audit: ZoneAudit) -> None:
        """Counts one more zone."""
        if audit.failure is not None:
            self._failed[audit.zone] = audit.failure
            return
        self._read += 1
        self._records += audit.size
        self._severities.update(finding.severity for finding in audit.findings)
        self._rules.update(finding.rule for finding in audit.findings)
        self._not_checked.update(rule for rule, _ in audit.not_checked)
        self._excepted.update(excepted.finding.rule for excepted in audit.excepted)

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
            excepted=dict(sorted(self._excepted.items())),
        )
