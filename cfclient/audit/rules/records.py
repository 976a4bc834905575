"""What records are by themselves, whatever they point to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData
from cfclient.models import RecordType

from ._common import comparable

__all__ = ["RULES"]


_OBSOLETE: Final[Mapping[str, str]] = {
    "SPF": "TXT carries SPF policies (RFC 7208 §3.1)",
    "A6": "AAAA took its place (RFC 6563)",
    "DLV": "the registry that it pointed to is gone (RFC 8749)",
    "MD": "MX took its place (RFC 1035 §3.3.4)",
    "MF": "MX took its place (RFC 1035 §3.3.5)",
    "NXT": "NSEC took its place (RFC 3755)",
}


def _obsolete_type(data: ZoneData) -> Iterator[Fault]:
    for type_, instead in _OBSOLETE.items():
        for record in data.by_type.get(RecordType(type_), ()):
            yield Fault(f"{record.name} has a record of the type {type_}, which is obsolete: {instead}", (record.name,))


def _duplicate_record(data: ZoneData) -> Iterator[Fault]:
    for name, records in data.by_name.items():
        groups: dict[tuple[RecordType, str, int | None], int] = {}
        for record in records:
            key = (record.type, comparable(record), record.prio)
            groups[key] = groups.get(key, 0) + 1
        for (type_, value, _), count in groups.items():
            if count > 1:
                yield Fault(f"{name} has the same {type_.value} record {count} times: {value}", (name,))


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="obsolete-type",
        severity=Severity.LOW,
        title="A record of a type that is no longer in use",
        why="Nobody asks for it any more; what it says goes unheard, and drifts from what is in use.",
        mend="await cf.rec_delete(zone, record.rec_id), after its content stands in a record of the type in use.",
        source="RFC 7208 §3.1; RFC 6563; RFC 8749; RFC 1035 §3.3; RFC 3755",
        check=_obsolete_type,
    ),
    Rule(
        id="duplicate-record",
        severity=Severity.LOW,
        title="The same record more than once",
        why="It has no effect, until one of them is edited or deleted and the other stays.",
        mend="await cf.rec_delete(zone, record.rec_id) for all but one of them.",
        source="RFC 2181 §5",
        check=_duplicate_record,
    ),
)
