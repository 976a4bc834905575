"""The rules: one pure function each, over one whole zone, and the table that says the rest.

What holds for all of them:

- They see this zone only. A name outside of it may be anything, so nothing is said of it.
- A setting or a flag that is None was not reported: it is neither on nor off.
- The apex may hold a CNAME: the service answers with the addresses behind it, so nobody outside sees one.

`mend` speaks of a client `cf`. Where version 1 can only read a setting, it says so.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Final

from cfclient.models import HOST_TYPES, Record, RecordType, SecurityLevel, SslMode, WafProfile
from cfclient.shapes import canonical

from .model import Fault, Rule, Severity, ZoneData

__all__ = ["RULES"]

A, AAAA, CNAME = RecordType.A, RecordType.AAAA, RecordType.CNAME
MX, NS, TXT = RecordType.MX, RecordType.NS, RecordType.TXT

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(text: str) -> Address | None:
    """The address that a text is, in an address literal's brackets or with a final dot too."""
    try:
        found = ipaddress.ip_address(text.strip().removesuffix(".").removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


_STRINGS: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def _text(content: str) -> str:
    """The text of a TXT record: its strings joined where it is quoted as in a zone file (RFC 7208 §3.3)."""
    strings = _STRINGS.findall(content) if content.lstrip().startswith('"') else []
    return re.sub(r"\\(.)", r"\1", "".join(strings)) if strings else content


def _value(record: Record) -> str:
    """The content in a form in which equal contents are equal texts."""
    if record.type in {A, AAAA}:
        return str(_address(record.content) or record.content)
    if record.type in HOST_TYPES:
        return canonical(" ".join(record.content.split()))
    return _text(record.content) if record.type in {TXT, RecordType.SPF} else record.content


# -- settings ----------------------------------------------------------------------------------------


def _ssl_off(data: ZoneData) -> Iterator[Fault]:
    if data.settings.ssl == SslMode.OFF:
        yield Fault("SSL is off, so visitors reach the site unencrypted only")


def _security_essentially_off(data: ZoneData) -> Iterator[Fault]:
    if data.settings.sec_lvl == SecurityLevel.ESSENTIALLY_OFF:
        yield Fault('the security level is "essentially off" (eoff), so hardly any visitor is ever challenged')


def _development_mode_on(data: ZoneData) -> Iterator[Fault]:
    mode = data.settings.dev_mode
    if mode:
        until = "nobody knows until when" if mode is True else f"until {mode.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        yield Fault(f"development mode is on, {until}: nothing is cached")


def _waf_off(data: ZoneData) -> Iterator[Fault]:
    if data.settings.waf_profile == WafProfile.OFF:
        yield Fault("the web application firewall is off")


# -- addresses ---------------------------------------------------------------------------------------

_ADDRESSING: Final = (A, AAAA, CNAME)


def _origins(data: ZoneData, record: Record) -> set[str]:
    """Where the proxy turns to for a record: addresses, and host names that this zone does not resolve."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = [record]
    while todo:
        hop = todo.pop()
        value = _value(hop)
        further = data.answers(value, *_ADDRESSING) if hop.type == CNAME else ()
        if not further:
            found.add(value)
        elif value not in seen:
            seen.add(value)
            todo.extend(further)
    return found


def _origin_exposed(data: ZoneData) -> Iterator[Fault]:
    """An unproxied record whose own value is an origin of a proxied one.

    An unproxied CNAME to a name of this zone is no origin and gives nothing away itself: either that name
    is proxied, or it is unproxied and found by itself.
    """
    records = [record for type_ in _ADDRESSING for record in data.by_type.get(type_, ())]
    # Which of several proxied names is told must not depend on the order in which they came.
    records.sort(key=lambda record: (canonical(record.name), record.name))
    hidden: dict[str, str] = {}
    for record in records:
        if record.service_mode is True:
            for origin in _origins(data, record):
                hidden.setdefault(origin, record.name)
    for record in records:
        value = _value(record)
        if record.service_mode is False and value in hidden:
            yield Fault(
                f"{record.name} ({record.type.value}, not proxied) gives away {value}, "
                f"where the proxy for {hidden[value]} has its origin",
                (record.name, hidden[value]),
            )


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
        address = _address(record.content)
        for network, what in _NOT_PUBLIC:
            if address is not None and address in network:
                reach = "the proxy cannot reach" if record.service_mode else "visitors cannot reach"
                yield Fault(
                    f"{record.name} ({record.type.value}) points to {address}, {what} that {reach}", (record.name,)
                )


# -- mail --------------------------------------------------------------------------------------------

_SPF: Final = re.compile(r"v=spf1( |$)", re.IGNORECASE)
_DMARC: Final = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)")


def _mail_can_be_forged(data: ZoneData) -> bool:
    """Whether the zone's own name is one that receivers of mail take for real: it has an MX or an address."""
    return bool(data.at(data.zone, MX, *_ADDRESSING))


def _spf_missing(data: ZoneData) -> Iterator[Fault]:
    published = any(_SPF.match(_text(record.content)) for record in data.at(data.zone, TXT))
    if _mail_can_be_forged(data) and not published:
        yield Fault(f"{data.zone} has no TXT record that begins with v=spf1", (data.zone,))


def _dmarc_missing(data: ZoneData) -> Iterator[Fault]:
    name = f"_dmarc.{data.zone}"
    published = any(_DMARC.match(_text(record.content)) for record in data.at(name, TXT))
    # A CNAME or a delegation hands the name to somebody else, whose records are not here.
    if _mail_can_be_forged(data) and not published and not data.at(name, CNAME, NS):
        yield Fault(f"{name} has no TXT record that begins with v=DMARC1", (name,))


# -- targets -----------------------------------------------------------------------------------------


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
        if _address(record.content) is not None:
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


# -- records -----------------------------------------------------------------------------------------

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
            key = (record.type, _value(record), record.prio)
            groups[key] = groups.get(key, 0) + 1
        for (type_, value, _), count in groups.items():
            if count > 1:
                yield Fault(f"{name} has the same {type_.value} record {count} times: {value}", (name,))


# -- the table ---------------------------------------------------------------------------------------

#: Every rule, in the order of the document's paragraphs, then of what it looks at.
RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="ssl-off",
        severity=Severity.HIGH,
        title="SSL is off",
        why="Anyone on the way can read and change what visitors send and see, passwords and cookies included.",
        mend='Set SSL to "Full (strict)" in the dashboard; version 1 of the API only reads it (zone_settings, ssl).',
        source="Client Interface API §3.7; RFC 7258",
        check=_ssl_off,
        needs=("ssl",),
    ),
    Rule(
        id="security-essentially-off",
        severity=Severity.MEDIUM,
        title="The security level is essentially off",
        why="Addresses that are known for abuse reach the site unchallenged.",
        mend='await cf.sec_lvl(zone, "med")',
        source="Client Interface API §3.7, §4.1",
        check=_security_essentially_off,
        needs=("sec_lvl",),
    ),
    Rule(
        id="development-mode-on",
        severity=Severity.LOW,
        title="Development mode is on",
        why="Every request goes to the origin, which may not stand the load that the cache takes off it.",
        mend="await cf.devmode(zone, False); it also ends by itself three hours after it was switched on.",
        source="Client Interface API §3.7, §4.3",
        check=_development_mode_on,
        needs=("dev_mode",),
    ),
    Rule(
        id="waf-off",
        severity=Severity.MEDIUM,
        title="The web application firewall is off",
        why="Attempts at injection and the like reach the application unfiltered.",
        mend="Switch the firewall on in the dashboard (Pro plans and above); version 1 of the API only reads it "
        "(zone_settings, waf_profile).",
        source="Client Interface API §3.7",
        check=_waf_off,
        needs=("waf_profile",),
    ),
    Rule(
        id="origin-exposed",
        severity=Severity.HIGH,
        title="An unproxied record gives away an origin behind the proxy",
        why="Whoever finds the origin's address attacks it directly, past the firewall and the proxy.",
        mend="Proxy the record too: await cf.rec_edit(zone, record.rec_id, record.type, record.name, record.content, "
        "service_mode=True); or move that service to another address, and then the origin, whose address is known.",
        source="Client Interface API §5.2 (service_mode); CWE-200",
        check=_origin_exposed,
    ),
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
    Rule(
        id="spf-missing",
        severity=Severity.MEDIUM,
        title="No SPF policy",
        why="A domain with an address or an MX can be written into the sender of any mail; without SPF no receiver "
        "can tell. That holds for domains that never send mail as well.",
        mend='await cf.rec_new(zone, "TXT", "@", "v=spf1 ... -all"); "v=spf1 -all" where no mail is sent.',
        source="RFC 7208 §3, §4.5",
        check=_spf_missing,
    ),
    Rule(
        id="dmarc-missing",
        severity=Severity.MEDIUM,
        title="No DMARC policy",
        why="Receivers are not told what to do with forged mail, and nobody is told that there is any.",
        mend='await cf.rec_new(zone, "TXT", "_dmarc", "v=DMARC1; p=none; rua=mailto:..."), later p=reject.',
        source="RFC 7489 §6.1, §6.3",
        check=_dmarc_missing,
    ),
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
