"""What an MX or an NS points to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData
from cfclient.models import RecordType
from cfclient.shapes import canonical

from ._common import CNAME, MX, NS, to_address

__all__ = ["RULES"]


def _to_cname(data: ZoneData, type_: RecordType) -> Iterator[Fault]:
    for record in data.by_type.get(type_, ()):
        target = canonical(record.content)
        for alias in data.answers(target, CNAME) if target != data.zone else ():
            yield Fault(
                f"the {type_.value} of {record.name} points to {target}, a CNAME to {canonical(alias.content)}",
                (record.name, target),
            )


def _to_address(data: ZoneData, type_: RecordType) -> Iterator[Fault]:
    for record in data.by_type.get(type_, ()):
        if to_address(record.content) is not None:
            yield Fault(
                f"the {type_.value} of {record.name} points to the address {record.content}, where a name belongs",
                (record.name,),
            )


def _mx_to_cname(data: ZoneData) -> Iterator[Fault]:
    return _to_cname(data, MX)


def _mx_to_address(data: ZoneData) -> Iterator[Fault]:
    return _to_address(data, MX)


def _ns_to_cname(data: ZoneData) -> Iterator[Fault]:
    return _to_cname(data, NS)


def _ns_to_address(data: ZoneData) -> Iterator[Fault]:
    return _to_address(data, NS)


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="mx-to-cname",
        severity=Severity.MEDIUM,
        title="An MX points to a CNAME",
        why="Some senders refuse such an MX, others loop or bounce: mail is lost, and not always.",
        mend="Let the MX point to the name at the end of the CNAME, or give the MX's target its own A record.",
        source="RFC 2181 §10.3; RFC 5321 §5.1",
        check=_mx_to_cname,
    ),
    Rule(
        id="mx-to-address",
        severity=Severity.HIGH,
        title="An MX points to an address",
        why="The address is looked up as a host name that does not exist: mail is not delivered.",
        mend='Give the address a name, and the MX that name: cf.rec_new(zone, "A", "mail", address), then cf.rec_edit.',
        source="RFC 1035 §3.3.9; RFC 5321 §5.1",
        check=_mx_to_address,
    ),
    Rule(
        id="ns-to-cname",
        severity=Severity.MEDIUM,
        title="An NS points to a CNAME",
        why="Resolvers may ignore such a name server; the delegation works for some of them or for none.",
        mend="Let the NS point to the name at the end of the CNAME, or give the NS's target its own A record.",
        source="RFC 2181 §10.3",
        check=_ns_to_cname,
    ),
    Rule(
        id="ns-to-address",
        severity=Severity.HIGH,
        title="An NS points to an address",
        why="The address is looked up as a host name that does not exist: the delegated names do not resolve.",
        mend="Give the name server's address a name, and the NS that name.",
        source="RFC 1035 §3.3.11",
        check=_ns_to_address,
    ),
)
