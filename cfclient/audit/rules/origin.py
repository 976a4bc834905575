"""Whether the origin behind the proxy can be found: directly, through mail, SPF, or its neighbours."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, ZoneData
from cfclient.models import Record
from cfclient.shapes import canonical

from ._common import AAAA, ADDRESSING, CNAME, MX, TXT, A, Address, comparable, plain_text, target_of, to_address

__all__ = ["OPTIONAL", "RULES"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _addressed(data: ZoneData) -> list[Record]:
    records = [record for type_ in ADDRESSING for record in data.by_type.get(type_, ())]
    # Which of several names is told must not depend on the order in which they came.
    records.sort(key=lambda record: (canonical(record.name), record.name))
    return records


def _hidden(data: ZoneData) -> Mapping[str, str]:
    """Where the proxy turns to, addresses and host names that this zone does not resolve, each with a name behind it.

    Each name is passed once, whatever leads to it: of an origin the first name is told, and a zone is somebody's input.
    """
    hidden: dict[str, str] = {}
    passed: set[str] = set()
    for record in _addressed(data):
        todo = [record] if record.service_mode is True else []
        while todo:
            hop = todo.pop()
            value = comparable(hop)
            further = data.answers(value, *ADDRESSING) if hop.type == CNAME else ()
            if not further:
                hidden.setdefault(value, record.name)
            elif value not in passed:
                passed.add(value)
                todo.extend(further)
    return hidden


def _mail_hosts(data: ZoneData) -> frozenset[str]:
    return frozenset(target_of(record) for record in data.by_type.get(MX, ()))


def _origin_exposed(data: ZoneData) -> Iterator[Fault]:
    """An unproxied record whose own value is an origin of a proxied one; `origin-exposed-by-mx` has those of mail.

    An unproxied CNAME to a name of this zone is no origin and gives nothing away itself: either that name
    is proxied, or it is unproxied and found by itself.
    """
    hidden, mail = _hidden(data), _mail_hosts(data)
    for record in _addressed(data):
        value = comparable(record)
        if record.service_mode is False and value in hidden and canonical(record.name) not in mail:
            yield Fault(
                f"{record.name} ({record.type.value}, not proxied) gives away {value}, "
                f"where the proxy for {hidden[value]} has its origin",
                (record.name, hidden[value]),
            )


def _origin_exposed_by_mx(data: ZoneData) -> Iterator[Fault]:
    hidden = _hidden(data)
    for record in data.by_type.get(MX, ()):
        host = target_of(record)
        for address in data.answers(host, *ADDRESSING):
            value = comparable(address)
            if address.service_mode is False and value in hidden:
                yield Fault(
                    f"the MX of {record.name} leads to {host} and so to {value}, "
                    f"where the proxy for {hidden[value]} has its origin",
                    (record.name, host, hidden[value]),
                )


def _mx_to_proxied(data: ZoneData) -> Iterator[Fault]:
    for record in data.by_type.get(MX, ()):
        host = target_of(record)
        if any(address.service_mode is True for address in data.answers(host, *ADDRESSING)):
            yield Fault(f"the MX of {record.name} points to {host}, which is proxied", (record.name, host))


_SPF_NETWORK: Final = re.compile(r"[+?~-]?ip[46]:(\S+)", re.IGNORECASE)


def _networks(data: ZoneData) -> Iterator[tuple[str, str, Network]]:
    """The networks that the zone's SPF policies name, each with the name of the policy and its own words."""
    for record in data.by_type.get(TXT, ()):
        policy = plain_text(record.content)
        if policy[:6].lower() != "v=spf1":
            continue
        for match in _SPF_NETWORK.finditer(policy):
            try:
                yield record.name, match[0], ipaddress.ip_network(match[1], strict=False)
            except ValueError:
                continue


def _narrow(network: Network) -> bool:
    """Whether a network is so small that it is an address, or the few around one."""
    return network.prefixlen >= (24 if network.version == 4 else 64)


def _neighbourhood(address: Address) -> Network:
    return ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False)


#: how many origins are told of one network that a policy names
_TOLD: Final = 8


def _origin_exposed_by_spf(data: ZoneData) -> Iterator[Fault]:
    hidden = {address: name for origin, name in _hidden(data).items() if (address := to_address(origin))}
    near: dict[Network, list[Address]] = {}
    for address in hidden:
        near.setdefault(_neighbourhood(address), []).append(address)
    for name, words, network in _networks(data):
        around = near.get(_neighbourhood(network.network_address), ()) if _narrow(network) else ()
        for address in itertools.islice((one for one in around if one in network), _TOLD):
            behind = hidden[address]
            yield Fault(
                f"the SPF policy of {name} names {words}, where the proxy for {behind} has its origin ({address})",
                (name, behind),
            )


def _origin_neighbour(data: ZoneData) -> Iterator[Fault]:
    """One finding per network, since a network of thirty machines is one thing to mend."""
    hidden = {address: name for origin, name in _hidden(data).items() if (address := to_address(origin))}
    behind: dict[Network, str] = {}
    for address, name in hidden.items():
        behind.setdefault(_neighbourhood(address), name)
    shown: dict[Network, dict[str, None]] = {}
    for record in _addressed(data):
        address = to_address(record.content) if record.type in {A, AAAA} else None
        if address and record.service_mode is False and address not in hidden and _neighbourhood(address) in behind:
            shown.setdefault(_neighbourhood(address), {})[record.name] = None
    for network, names in shown.items():
        yield Fault(
            f"{', '.join(names)} (not proxied) shows {network}, where the proxy for {behind[network]} has its origin",
            (*names, behind[network]),
        )


def _site_not_proxied(data: ZoneData) -> Iterator[Fault]:
    names = {data.zone, f"www.{data.zone}"}
    for record in _addressed(data):
        if canonical(record.name) in names and record.service_mode is False:
            yield Fault(
                f"{record.name} ({record.type.value} to {comparable(record)}) is not proxied: "
                "visitors reach the origin directly",
                (record.name,),
            )


def _record_not_proxied(data: ZoneData) -> Iterator[Fault]:
    for record in _addressed(data):
        possible = record.props is None or record.props.proxiable is not False
        if record.service_mode is False and possible:
            yield Fault(f"{record.name} ({record.type.value} to {comparable(record)}) is not proxied", (record.name,))


def _wildcard_address(data: ZoneData) -> Iterator[Fault]:
    for record in _addressed(data):
        if record.name.startswith("*."):
            yield Fault(
                f"{record.name} ({record.type.value} to {comparable(record)}) answers for every other name",
                (record.name,),
            )


_PROXY_IT: Final = (
    "Proxy the record too: await cf.rec_edit(zone, record.rec_id, record.type, record.name, record.content, "
    "service_mode=True); or move that service to another address, and then the origin, whose address is known."
)

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="origin-exposed",
        severity=Severity.HIGH,
        title="An unproxied record gives away an origin behind the proxy",
        why="Whoever finds the origin's address attacks it directly, past the firewall and the proxy.",
        mend=_PROXY_IT,
        source="Client Interface API §5.2 (service_mode); CWE-200",
        check=_origin_exposed,
    ),
    Rule(
        id="origin-exposed-by-mx",
        severity=Severity.HIGH,
        title="The way of the zone's mail gives away an origin behind the proxy",
        why="The MX is the first thing that is looked at by whoever searches for the origin.",
        mend="Let mail come in at another address: cf.rec_edit of the mail host's record; "
        "then move the origin, whose address is known.",
        source="Client Interface API §5.2 (service_mode); CWE-200",
        check=_origin_exposed_by_mx,
    ),
    Rule(
        id="origin-exposed-by-spf",
        severity=Severity.MEDIUM,
        title="The SPF policy gives away an origin behind the proxy",
        why="The policy is public, and whoever searches for the origin reads it.",
        mend="Send mail from another address or through a provider, take the mechanism out of the policy "
        "(cf.rec_edit), and then move the origin.",
        source="RFC 7208 §11.5.1; CWE-200",
        check=_origin_exposed_by_spf,
    ),
    Rule(
        id="origin-neighbour",
        severity=Severity.INFO,
        title="An unproxied record shows the network of an origin behind the proxy",
        why="The few addresses beside it are tried within minutes by whoever searches for the origin.",
        mend="Proxy the record (cf.rec_edit, service_mode=True) or keep what is public in another network; "
        "let the origin accept the proxy's addresses only.",
        source="Cloudflare documentation, Fundamentals: protect your origin server; CWE-200",
        check=_origin_neighbour,
    ),
    Rule(
        id="mx-to-proxied",
        severity=Severity.HIGH,
        title="An MX points to a name that is proxied",
        why="The proxy carries no mail; the service then publishes the origin's address under a name made for it.",
        mend="Give mail a name of its own that is not proxied: cf.rec_new(zone, 'A', 'mail', address, "
        "service_mode=False), with an address that is not the origin's, and the MX that name.",
        source="Cloudflare documentation, DNS: email records",
        check=_mx_to_proxied,
    ),
    Rule(
        id="site-not-proxied",
        severity=Severity.LOW,
        title="The site itself is not proxied",
        why="Neither the firewall nor the cache stands before it, and its address is known to everybody.",
        mend="await cf.rec_edit(zone, record.rec_id, record.type, record.name, record.content, service_mode=True)",
        source="Client Interface API §5.2 (service_mode)",
        check=_site_not_proxied,
    ),
    Rule(
        id="wildcard-address",
        severity=Severity.INFO,
        title="A wildcard answers for every name",
        why="Any name under the zone leads to a machine of it, also one that a stranger made up for a link.",
        mend="List the names that there are (cf.rec_new) and delete the wildcard (cf.rec_delete).",
        source="RFC 4592 §1; RFC 1912 §2.7",
        check=_wildcard_address,
    ),
)

#: What people disagree about; to be selected by name.
OPTIONAL: Final[tuple[Rule, ...]] = (
    Rule(
        id="record-not-proxied",
        severity=Severity.INFO,
        title="A record that could be proxied is not",
        why="Each name beside the proxy is reached past the firewall; mail, ssh and the like have to be.",
        mend="await cf.rec_edit(zone, record.rec_id, record.type, record.name, record.content, service_mode=True)",
        source="Client Interface API §5.2 (service_mode)",
        check=_record_not_proxied,
    ),
)
