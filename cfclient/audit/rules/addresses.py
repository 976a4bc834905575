"""What an A or AAAA record points to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData

from ._common import AAAA, A, to_address

__all__ = ["RULES"]


# Documentation's own networks (RFC 5737, RFC 3849) are missing on purpose: they are not private.
_NOT_PUBLIC: Final = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("10.0.0.0/8", "a private address (RFC 1918)"),
        ("172.16.0.0/12", "a private address (RFC 1918)"),
        ("192.168.0.0/16", "a private address (RFC 1918)"),
        ("100.64.0.0/10", "an address of a provider's inner network (RFC 6598)"),
        ("127.0.0.0/8", "a loopback address (RFC 1122)"),
        ("169.254.0.0/16", "a link-local address (RFC 3927)"),
        ("fc00::/7", "a private address (RFC 4193)"),
        ("::1/128", "a loopback address (RFC 4291)"),
        ("fe80::/10", "a link-local address (RFC 4291)"),
    )
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


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="private-address",
        severity=Severity.MEDIUM,
        title="A record points to an address that is not public",
        why="It works for nobody outside, tells about the inside, and lets a foreign site's name reach machines "
        "within a visitor's own network.",
        mend="await cf.rec_delete(zone, record.rec_id), or cf.rec_edit with the public address; names for inside "
        "belong into a resolver inside.",
        source="RFC 1918 §3; RFC 4193 §4.4; RFC 1122 §3.2.1.3; RFC 3927; RFC 4291; RFC 6598",
        check=_private_address,
    ),
)
