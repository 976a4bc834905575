"""What records are by themselves, whatever they point to: their names, types, lifetimes, sizes and number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, Unseen, ZoneData
from cfclient.models import RecordType
from cfclient.shapes import MAX_NAME, MAX_TXT_OCTETS, canonical, is_label

from ._common import SPF, TXT, comparable, inside, plain_text

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
        for (type_, content, _), count in groups.items():
            if count > 1:
                yield Fault(f"{name} has the same {type_.value} record {count} times: {content}", (name,))


# What "automatic" means in an answer.
_AUTOMATIC: Final = 300


def _ttl_differs(data: ZoneData) -> Iterator[Fault]:
    """Of records beside the proxy: behind it every ttl is the service's own."""
    for name, records in data.by_name.items():
        lifetimes: dict[RecordType, set[int]] = {}
        for record in records:
            if record.ttl is not None and not record.service_mode:
                lifetimes.setdefault(record.type, set()).add(_AUTOMATIC if record.ttl == 1 else record.ttl)
        for type_, found in lifetimes.items():
            if len(found) > 1:
                shown = ", ".join(f"{ttl:,}" for ttl in sorted(found))
                yield Fault(f"the {type_.value} records of {name} live for {shown} seconds", (name,))


_SHORT, _LONG = 60, 86_400


def _ttl_odd(data: ZoneData) -> Iterator[Fault]:
    odd: dict[tuple[str, RecordType, int], None] = {}
    for record in data.records:
        # Behind the proxy every ttl is the service's own.
        if record.ttl is None or record.ttl == 1 or record.service_mode:
            continue
        if not _SHORT <= record.ttl <= _LONG:
            odd[canonical(record.name), record.type, record.ttl] = None
    for name, type_, ttl in odd:
        yield Fault(f"the {type_.value} of {name} lives for {ttl:,} seconds, not {_SHORT} to {_LONG:,}", (name,))


# -- names and limits --------------------------------------------------------------------------------


def _unreadable(label: str) -> str | None:
    """Why a label is no international name, None where it is one or is plain."""
    if not label.startswith("xn--"):
        return None if label.isascii() else "is not in Punycode"
    import idna

    try:
        idna.decode(label)
    except UnicodeError as error:
        return str(error)
    return None


def _name_not_idna(data: ZoneData) -> Iterator[Fault]:
    for name in data.by_name:
        for label in name.split("."):
            reason = _unreadable(label)
            if reason is not None:
                yield Fault(f"{label} in {name} is no international name: {reason}", (name,))


def _name_invalid(data: ZoneData) -> Iterator[Fault]:
    for name in data.by_name:
        labels = name.removeprefix("*.").split(".")
        if not inside(data, name):
            yield Fault(f"{name} lies outside of the zone {data.zone}", (name,))
        elif len(name) > MAX_NAME:
            yield Fault(f"{name} has {len(name)} characters; {MAX_NAME} are possible", (name,))
        elif odd := [label for label in labels if label.isascii() and not is_label(label)]:
            yield Fault(f"{name} has a part that no name can have: {odd[0] or 'an empty one'}", (name,))


def _record_too_large(data: ZoneData) -> Iterator[Fault]:
    for type_ in (TXT, SPF):
        for record in data.by_type.get(type_, ()):
            size = len(plain_text(record.content).encode(errors="replace"))
            if size > _LONGEST_TXT:
                much = "than DNS can carry" if size > MAX_TXT_OCTETS else "than today's Cloudflare takes"
                yield Fault(f"the {type_.value} of {record.name} has {size:,} octets, more {much}", (record.name,))


# Cloudflare documentation, DNS: TXT records hold up to 2,048 characters.
_LONGEST_TXT: Final = 2048
# Cloudflare documentation, DNS: FAQ, "is there a limit on records": 1,000 for free zones made before this day.
_MOST_RECORDS: Final = 3500
_OF_FREE, _OF_FREE_BEFORE = 200, 1000
_FEWER_SINCE: Final = datetime(2024, 9, 1, tzinfo=UTC)
_PLANS: Final = frozenset({"free", "pro", "business", "enterprise"})


def _limits(plan: str | None, created: datetime | None) -> tuple[int, int]:
    """How many records a zone surely may have, and how many at the most; the same where its limit is known."""
    if plan == "free" and created is not None:
        limit = _OF_FREE if created >= _FEWER_SINCE else _OF_FREE_BEFORE
        return limit, limit
    if plan in _PLANS:
        return (_OF_FREE, _OF_FREE_BEFORE) if plan == "free" else (_MOST_RECORDS, _MOST_RECORDS)
    return _OF_FREE, _MOST_RECORDS


def _too_many_records(data: ZoneData) -> Iterator[Fault | Unseen]:
    """Where it lies between two limits, it matters which of them is the zone's."""
    plan, count = data.settings.plan, len(data.records)
    sure, most = _limits(plan, data.settings.created_on)
    if count > most and plan == "enterprise":
        yield Unseen(f"how many records beyond {most:,} a zone of the Enterprise plan may have is agreed upon")
    elif count > most:
        whose = f"are the most of the {plan} plan" if plan in _PLANS else "are the most of any common plan"
        yield Fault(f"the zone has {count:,} records; {most:,} {whose}")
    elif count > sure:
        reason = data.unknown("plan") or (
            data.unknown("created_on") if plan == "free" else f"nobody knows plan {plan!r}"
        )
        yield Unseen(
            f"whether {_OF_FREE:,} to {most:,} records are too many depends on the plan and on the zone's age; {reason}"
        )


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
    Rule(
        id="ttl-differs",
        severity=Severity.LOW,
        title="Records of one name and type live differently long",
        why="Resolvers treat them as one set: some take the shortest, some drop a part of them.",
        mend="await cf.rec_edit(zone, record.rec_id, ..., ttl=...) with the same ttl for all of them",
        source="RFC 2181 §5.2",
        check=_ttl_differs,
    ),
    Rule(
        id="ttl-odd",
        severity=Severity.INFO,
        title="A record lives very shortly or very long",
        why="A short life costs a question for every visit; a long one keeps a mistake in the world for days.",
        mend="await cf.rec_edit(zone, record.rec_id, ..., ttl=...); 1 lets the service choose",
        source="RFC 1912 §2.2; RFC 8767 §4",
        check=_ttl_odd,
    ),
    Rule(
        id="name-not-idna",
        severity=Severity.MEDIUM,
        title="A name that is no valid international name",
        why="Browsers and mail programs show it as letters and numbers, or refuse it.",
        mend="await cf.rec_new(...) with the name in letters, which cfclient turns into Punycode; then cf.rec_delete",
        source="RFC 5890 §2.3.2.1; RFC 5891 §5.4",
        check=_name_not_idna,
    ),
    Rule(
        id="name-invalid",
        severity=Severity.MEDIUM,
        title="A name that DNS cannot have, or that is not the zone's",
        why="It is never asked for, and moving the zone to another service fails at it.",
        mend="await cf.rec_delete(zone, record.rec_id), and cf.rec_new with the name that was meant",
        source="RFC 1035 §2.3.4; RFC 2181 §11",
        check=_name_invalid,
    ),
    Rule(
        id="record-too-large",
        severity=Severity.LOW,
        title="A text that is too long for a record",
        why="It cannot be edited or moved any more, and its answers do not fit into UDP.",
        mend="Shorten it or split it over several names: cf.rec_edit, cf.rec_new.",
        source="RFC 1035 §3.2.1; Cloudflare documentation, DNS: record types",
        check=_record_too_large,
    ),
    Rule(
        id="too-many-records",
        severity=Severity.LOW,
        title="More records than a zone may have",
        why="No more can be added, and a change of plan or of service loses some.",
        mend="Delete what is no longer in use (cf.rec_delete), or put groups of names into zones of their own.",
        source="Cloudflare documentation, DNS: FAQ (how many records a zone may have)",
        check=_too_many_records,
        consults=("plan", "created_on"),
    ),
)
