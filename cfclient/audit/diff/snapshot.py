"""What a file of an audit says of the zones: findings, and settings and records where it carries them.

Law: two forms of the same thing are equal values here. The order of records, a ttl of 1 and an automatic
one, the case of names, final dots, and how an address or a text is spelt make no difference.
Ids, and what the service derives from the rest, are left out: a record that was deleted and made anew is
the same record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from cfclient.audit.report import SCHEMA_VERSION
from cfclient.audit.rules._common import comparable
from cfclient.errors import ConfigurationError
from cfclient.models import Record, RecordType
from cfclient.shapes import canonical

__all__ = ["Entry", "Found", "Snapshot", "State", "read"]

#: Not settings: keys without a fixed meaning, reasons, and the time of the last purge, which is an event.
_NO_SETTINGS: Final = frozenset({"extra", "missing", "fpurge_ts"})


@attrs.frozen(kw_only=True, order=True)
class Entry:
    """A record, as far as it matters."""

    name: str
    type: str
    content: str
    #: -1 where there is none
    prio: int = -1
    #: seconds; 0 for automatic
    ttl: int = 0
    #: "proxied", "not proxied", or "" where it was not reported
    proxy: str = ""


@attrs.frozen(kw_only=True, order=True)
class Found:
    """A finding; two are the same if their texts are, case and final dots aside."""

    rule: str
    severity: str
    message: str = attrs.field(eq=False, order=False)
    records: tuple[str, ...] = ()
    key: str = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Derives what is compared."""
        object.__setattr__(self, "key", re.sub(r"\.(?=[\s,;:)\]'\"]|$)", "", self.message.lower()))


@attrs.frozen(kw_only=True)
class State:
    """One zone."""

    findings: tuple[Found, ...] = ()
    #: None where the file carries no records
    records: tuple[Entry, ...] | None = None
    #: the settings that were reported; None where the file carries none
    settings: Mapping[str, Any] | None = None
    #: the rules that could not be checked, or not everywhere
    not_checked: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class Snapshot:
    """All zones of a file; a zone seen through two accounts is two."""

    zones: Mapping[str, State]
    #: zones that could not be read, with the reason
    failures: Mapping[str, str] = attrs.field(factory=dict)
    #: whether every zone that there was is here
    complete: bool = True
    #: the rules that were looked for; empty where the file does not say
    rules: frozenset[str] = frozenset()


# -- the files ---------------------------------------------------------------------------------------


@attrs.frozen
class _Finding:
    rule: str
    message: str
    severity: str
    records: tuple[str, ...] = ()


@attrs.frozen
class _Record:
    name: str
    type: str
    content: str = ""
    prio: int | None = None
    ttl: int | None = None
    auto_ttl: bool | None = None
    service_mode: bool | None = None


@attrs.frozen
class _Whole:
    records: tuple[_Record, ...]
    settings: Mapping[str, Any]


@attrs.frozen
class _Rule:
    id: str


@attrs.frozen
class _NotChecked:
    rule: str


@attrs.frozen
class _Zone:
    zone: str
    findings: tuple[_Finding, ...] = ()
    not_checked: tuple[_NotChecked, ...] = ()
    snapshot: _Whole | None = None
    account: str | None = None


@attrs.frozen
class _Failure:
    zone: str
    reason: str
    account: str | None = None


@attrs.frozen
class _Summary:
    complete: bool


@attrs.frozen
class _Audit:
    schema_version: int
    summary: _Summary
    zones: tuple[_Zone, ...] = ()
    failures: tuple[_Failure, ...] = ()
    rules: tuple[_Rule, ...] = ()


def read(path: Path) -> Snapshot:
    """What an audit in JSON or JSON Lines says.

    A file of JSON Lines that was broken off is not complete, and neither is an audit that could not read
    every zone.

    Raises:
        ConfigurationError: for a file that cannot be read, is no audit, or is a later version's.
    """
    try:
        audit, whole = _parsed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise ConfigurationError(f"{path} cannot be read: {reason}") from None
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise ConfigurationError(
            f"{path} is no audit in JSON or JSON Lines, as cfclient audit --format json writes: {error}"
        ) from None
    if audit.schema_version > SCHEMA_VERSION:
        raise ConfigurationError(
            f"{path} has the schema version {audit.schema_version}; this cfclient reads up to {SCHEMA_VERSION}"
        )
    return Snapshot(
        zones={_named(zone): _state(zone) for zone in audit.zones},
        failures={_named(failure): failure.reason for failure in audit.failures},
        complete=whole and audit.summary.complete,
        rules=frozenset(rule.id for rule in audit.rules),
    )


def _parsed(text: str) -> tuple[_Audit, bool]:
    """The audit, and whether its file has an end."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = None
    if isinstance(value, dict) and "kind" not in value:
        return msgspec.convert(value, _Audit), True
    lines = [json.loads(line) for line in _lines(text)]
    kinds: dict[str, list[Any]] = {}
    for line in lines:
        if not isinstance(line, dict) or not isinstance(line.get("kind"), str):
            raise msgspec.ValidationError("a line is no object with a kind")
        kinds.setdefault(line["kind"], []).append(line)
    if not kinds.keys() & {"zone", "failure", "summary"}:
        raise msgspec.ValidationError("it has no zone and no summary")
    end = kinds.get("summary", [{}])[-1]
    whole = {
        "schema_version": end.get("schema_version", SCHEMA_VERSION),
        "summary": end.get("summary", {"complete": False}),
        "zones": kinds.get("zone", []),
        "failures": kinds.get("failure", []),
        "rules": end.get("rules", []),
    }
    return msgspec.convert(whole, _Audit), "summary" in kinds


def _lines(text: str) -> Iterable[str]:
    """The lines, without the half of one with which a file ends that was broken off."""
    lines = text.split("\n")
    if len(lines) > 1:
        lines.pop()
    return filter(str.strip, lines)


def _named(entry: _Zone | _Failure) -> str:
    name = canonical(entry.zone)
    return f"{entry.account}: {name}" if entry.account else name


def _state(zone: _Zone) -> State:
    whole = zone.snapshot
    return State(
        findings=tuple(
            Found(
                rule=found.rule,
                severity=found.severity,
                message=found.message,
                records=tuple(sorted(map(canonical, found.records))),
            )
            for found in zone.findings
        ),
        records=None if whole is None else tuple(map(_entry, whole.records)),
        settings=None if whole is None else _settings(whole.settings),
        not_checked=frozenset(entry.rule for entry in zone.not_checked),
    )


def _settings(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in settings.items() if value is not None and name not in _NO_SETTINGS}


_PROXY: Final[Mapping[bool | None, str]] = {None: "", True: "proxied", False: "not proxied"}


def _entry(record: _Record) -> Entry:
    kind = RecordType(record.type.upper())
    plain = Record(rec_id="", name=record.name, type=kind, content=record.content)
    return Entry(
        name=canonical(record.name),
        type=kind.value,
        content=comparable(plain),
        prio=-1 if record.prio is None else record.prio,
        ttl=0 if record.auto_ttl or record.ttl is None or record.ttl == 1 else record.ttl,
        proxy=_PROXY[record.service_mode],
    )
