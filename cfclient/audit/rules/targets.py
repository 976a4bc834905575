"""What an MX, an NS or an SRV points to, within the zone and in other zones of the account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cfclient.audit.model import Check, Fault, Rule, Severity, Unseen, ZoneData
from cfclient.models import RecordType
from cfclient.shapes import canonical

from ._common import AAAA, CNAME, MX, NS, SRV, A, delegated, inside, target_of, to_address, unseen

__all__ = ["RULES"]

Look = Callable[[ZoneData, RecordType], Iterator[Fault | Unseen]]


def _unseen(data: ZoneData, type_: RecordType) -> Iterator[Unseen]:
    return unseen(data, map(target_of, data.by_type.get(type_, ())), f"an {type_.value} points into")


def _to_cname(data: ZoneData, type_: RecordType) -> Iterator[Fault | Unseen]:
    for record in data.by_type.get(type_, ()):
        target = target_of(record)
        for further in _aliases(data, target):
            yield Fault(
                f"the {type_.value} of {record.name} points to {target}, a CNAME to {further}", (record.name, target)
            )
    yield from _unseen(data, type_)


def _aliases(data: ZoneData, target: str) -> list[str]:
    """Where the CNAMEs at a name lead; at an apex the service answers with addresses instead."""
    other = data.beyond.get(target)
    if other is not None:
        return [other.leads] if other.leads is not None and target != other.zone else []
    return [canonical(alias.content) for alias in data.answers(target, CNAME)] if target != data.zone else []


def _to_address(data: ZoneData, type_: RecordType) -> Iterator[Fault | Unseen]:
    for record in data.by_type.get(type_, ()):
        words = record.content.split()
        if words and to_address(words[-1]) is not None:
            yield Fault(
                f"the {type_.value} of {record.name} points to the address {words[-1]}, where a name belongs",
                (record.name,),
            )


def _to_nowhere(data: ZoneData, type_: RecordType) -> Iterator[Fault | Unseen]:
    """A target in a zone of the account without an address; below a delegation it may have one."""
    for record in data.by_type.get(type_, ()):
        target = target_of(record)
        other = data.beyond.get(target)
        words = f"the {type_.value} of {record.name} points to {target}"
        if other is not None:
            if other.failure is None and not other.address:
                yield Fault(
                    f"{words}, which the zone {other.zone} does not have"
                    if not other.there
                    else f"{words}, which has no address in the zone {other.zone}",
                    (record.name, target),
                )
        elif inside(data, target) and not delegated(data, target) and not data.answers(target, A, AAAA, CNAME):
            yield Fault(f"{words}, which has no address", (record.name, target))
    yield from _unseen(data, type_)


def _of(look: Look, type_: RecordType) -> Check:
    def check(data: ZoneData) -> Iterator[Fault | Unseen]:
        return look(data, type_)

    return check


def _null_mx(data: ZoneData) -> Iterator[Fault]:
    for name, records in sorted(data.by_name.items()):
        exchanges = [record for record in records if record.type == MX]
        nulls = [record for record in exchanges if record.content.strip() == "."]
        if nulls and len(exchanges) > 1:
            others = sorted({target_of(record) for record in exchanges if record not in nulls}) or ["another one"]
            yield Fault(f'{name} has a null MX (".", no mail is taken) and beside it {", ".join(others)}', (name,))
        elif nulls and nulls[0].prio not in {0, None}:
            yield Fault(f"the null MX of {name} has the priority {nulls[0].prio} instead of 0", (name,))


def _ns_alone(data: ZoneData) -> Iterator[Fault]:
    for name, records in sorted(data.by_name.items()):
        servers = {target_of(record) for record in records if record.type == NS}
        if name != data.zone and len(servers) == 1:
            yield Fault(f"{name} is handed to one name server only: {servers.pop()}", (name,))


# By type: what fails, and the paragraphs that ask for a name, and for one that is no alias.
_FAILS: Final[Mapping[RecordType, tuple[str, str, str]]] = {
    MX: ("mail is not delivered", "RFC 1035 §3.3.9; RFC 5321 §5.1", "RFC 2181 §10.3; RFC 5321 §5.1"),
    NS: ("the delegated names do not resolve", "RFC 1035 §3.3.11", "RFC 2181 §10.3"),
    SRV: ("the service is not found", "RFC 2782 (Target)", "RFC 2782 (Target)"),
}

_CNAME_WHY: Final[Mapping[RecordType, str]] = {
    MX: "Some senders refuse such an MX, others loop or bounce: mail is lost, and not always.",
    NS: "Resolvers may ignore such a name server; the delegation works for some of them or for none.",
    SRV: "Programs may refuse an alias here; the service is found by some of them or by none.",
}


def _rules(type_: RecordType) -> Iterator[Rule]:
    word, (fails, name_source, alias_source) = type_.value.lower(), _FAILS[type_]
    yield Rule(
        id=f"{word}-to-cname",
        severity=Severity.MEDIUM,
        title=f"An {type_.value} points to a CNAME",
        why=_CNAME_WHY[type_],
        mend=f"Let the {type_.value} point to the name at the end of the CNAME, or give its target its own A record.",
        source=alias_source,
        check=_of(_to_cname, type_),
        follows={type_.value},
    )
    yield Rule(
        id=f"{word}-to-address",
        severity=Severity.HIGH,
        title=f"An {type_.value} points to an address",
        why=f"The address is looked up as a host name that does not exist: {fails}.",
        mend=f'Give the address a name, and the {type_.value} that name: cf.rec_new(zone, "A", "host", address), '
        "then cf.rec_edit.",
        source=name_source,
        check=_of(_to_address, type_),
    )
    yield Rule(
        id=f"{word}-to-nowhere",
        severity=Severity.HIGH,
        title=f"An {type_.value} points to a name without an address",
        why=f"There is nothing to connect to: {fails}.",
        mend='Give the name an address: cf.rec_new(zone, "A", name, address); '
        f"or delete the {type_.value}: cf.rec_delete(zone, record.rec_id).",
        source=f"{name_source}; RFC 1912 §2.4",
        check=_of(_to_nowhere, type_),
        follows={type_.value},
    )


RULES: Final[tuple[Rule, ...]] = (
    *_rules(MX),
    Rule(
        id="null-mx-broken",
        severity=Severity.MEDIUM,
        title="A null MX that does not say what it is for",
        why='"." says that the name takes no mail; beside another MX, senders choose as they like.',
        mend="await cf.rec_delete(zone, record.rec_id) for the null MX or for the others; its priority is 0",
        source="RFC 7505 §3",
        check=_null_mx,
    ),
    *_rules(NS),
    Rule(
        id="ns-alone",
        severity=Severity.LOW,
        title="A delegation to one name server only",
        why="While it is away, none of the delegated names resolves.",
        mend='await cf.rec_new(zone, "NS", name, "ns2....") with a second server in another network',
        source="RFC 1034 §4.1; RFC 2182 §5",
        check=_ns_alone,
    ),
    *_rules(SRV),
)
