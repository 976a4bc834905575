"""What an A or AAAA record points to: addresses that nobody reaches, or that belong to nobody."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData

from ._common import AAAA, ADDRESSING, A, to_address

__all__ = ["RULES"]

_Networks = tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str], ...]


def _networks(*pairs: tuple[str, str]) -> _Networks:
    return tuple((ipaddress.ip_network(network), what) for network, what in pairs)


_NOT_PUBLIC: Final = _networks(
    ("10.0.0.0/8", "a private address (RFC 1918)"),
    ("172.16.0.0/12", "a private address (RFC 1918)"),
    ("192.168.0.0/16", "a private address (RFC 1918)"),
    ("100.64.0.0/10", "an address of a provider's inner network (RFC 6598)"),
    ("127.0.0.0/8", "a loopback address (RFC 1122)"),
    ("169.254.0.0/16", "a link-local address (RFC 3927)"),
    ("fc00::/7", "a private address (RFC 4193)"),
    ("::1/128", "a loopback address (RFC 4291)"),
    ("fe80::/10", "a link-local address (RFC 4291)"),
    ("fec0::/10", "a site-local address (RFC 3879)"),
    ("64:ff9b:1::/48", "an address for translation within a network (RFC 8215)"),
)

_DOCUMENTATION: Final = _networks(
    ("192.0.2.0/24", "RFC 5737"),
    ("198.51.100.0/24", "RFC 5737"),
    ("203.0.113.0/24", "RFC 5737"),
    ("2001:db8::/32", "RFC 3849"),
    ("3fff::/20", "RFC 9637"),
)

_RESERVED: Final = _networks(
    ("0.0.0.0/8", "no machine's address (RFC 1122)"),
    ("192.0.0.0/24", "kept for protocols (RFC 6890)"),
    ("198.18.0.0/15", "for measurements between two devices (RFC 2544)"),
    ("224.0.0.0/4", "for multicast (RFC 5771)"),
    ("240.0.0.0/4", "kept for later (RFC 1112)"),
    ("::/128", "no machine's address (RFC 4291)"),
    ("100::/64", "for what is thrown away (RFC 6666)"),
    ("2001:2::/48", "for measurements between two devices (RFC 5180)"),
    ("2001:10::/28", "for identifiers that are not routed (RFC 4843)"),
    ("ff00::/8", "for multicast (RFC 4291)"),
)


def _private_address(data: ZoneData) -> Iterator[Fault]:
    for record in (*data.by_type.get(A, ()), *data.by_type.get(AAAA, ())):
        address = to_address(record.content)
        for network, what in _NOT_PUBLIC:
            if address is not None and address in network:
                reach = "the proxy cannot reach" if record.service_mode else "visitors cannot reach"
                yield Fault(
                    f"{record.name} ({record.type.value}) points to {address}, {what} that {reach}", (record.name,)
                )


def _documentation_address(data: ZoneData) -> Iterator[Fault]:
    """Of records that are not proxied: behind the proxy such an address stands for "no origin", and is right."""
    for record in (*data.by_type.get(A, ()), *data.by_type.get(AAAA, ())):
        address = to_address(record.content)
        for network, source in _DOCUMENTATION:
            if not record.service_mode and address is not None and address in network:
                yield Fault(
                    f"{record.name} ({record.type.value}) points to {address}, which is for examples only ({source})",
                    (record.name,),
                )


def _reserved_address(data: ZoneData) -> Iterator[Fault]:
    for record in (*data.by_type.get(A, ()), *data.by_type.get(AAAA, ())):
        address = to_address(record.content)
        for network, what in _RESERVED:
            if not record.service_mode and address is not None and address in network:
                yield Fault(f"{record.name} ({record.type.value}) points to {address}, {what}", (record.name,))


def _apex_without_address(data: ZoneData) -> Iterator[Fault]:
    if data.records and not data.at(data.zone, *ADDRESSING):
        yield Fault(f"{data.zone} itself has no address and no CNAME", (data.zone,))


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="private-address",
        severity=Severity.MEDIUM,
        title="A record points to an address that is not public",
        why="It works for nobody outside, tells about the inside, and lets a foreign site's name reach machines "
        "within a visitor's own network.",
        mend="await cf.rec_delete(zone, record.rec_id), or cf.rec_edit with the public address; names for internal use "
        "belong in an internal resolver.",
        source="RFC 1918 §3; RFC 4193 §4.4; RFC 1122 §3.2.1.3; RFC 3927; RFC 4291; RFC 6598",
        check=_private_address,
    ),
    Rule(
        id="documentation-address",
        severity=Severity.MEDIUM,
        title="A record points to an address from a book",
        why="Such addresses are reached by nobody: the record was copied from an example and never filled in.",
        mend="await cf.rec_edit(...) with the real address, or cf.rec_delete(zone, record.rec_id)",
        source="RFC 5737 §4; RFC 3849; RFC 9637",
        check=_documentation_address,
    ),
    Rule(
        id="reserved-address",
        severity=Severity.MEDIUM,
        title="A record points to an address that no machine can have",
        why="Nobody reaches anything there.",
        mend="await cf.rec_edit(...) with the real address, or cf.rec_delete(zone, record.rec_id)",
        source="RFC 6890; RFC 1122 §3.2.1.3; RFC 4291; RFC 5771; RFC 6666",
        check=_reserved_address,
    ),
    Rule(
        id="apex-without-address",
        severity=Severity.LOW,
        title="The zone's own name leads nowhere",
        why="Whoever types the name without www gets an error.",
        mend='await cf.rec_new(zone, "CNAME", "@", "www." + zone, service_mode=True), or an A record',
        source="RFC 1035 §3.4.1; Cloudflare documentation, DNS: zone apex",
        check=_apex_without_address,
    ),
)
