"""A labelled corpus: zones without fault, in which faults are planted whose findings are known by construction.

Every rule has a plant: settings that are changed and records that are added, besides what it says `also`,
where one thing is wrong in two ways. `zones` deals plants to zones at random, from one seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from cfclient.audit import ZoneData
from cfclient.models import (
    CacheLevel,
    Hsts,
    IPv6Mode,
    Record,
    RecordType,
    SecurityLevel,
    SslMode,
    WafProfile,
    ZoneSettings,
)

#: all that a reviewer of today could wish for
SOUND: Final = ZoneSettings(
    dev_mode=False,
    ipv46=IPv6Mode.FULL,
    ob=False,
    cache_lvl=CacheLevel.AGGRESSIVE,
    bic=True,
    chl_ttl=1800,
    exp_ttl=14_400,
    hotlink=True,
    sec_lvl=SecurityLevel.MEDIUM,
    spdy=True,
    ssl=SslMode.STRICT,
    waf_profile=WafProfile.HIGH,
    email_filter=True,
    sse=True,
    geoloc=True,
    always_use_https=True,
    automatic_https_rewrites=True,
    opportunistic_encryption=True,
    min_tls_version="1.2",
    tls_1_3="on",
    hsts=Hsts(enabled=True, max_age=31_536_000, include_subdomains=True, preload=True),
    dnssec_status="active",
    universal_ssl=True,
    bot_fight_mode=True,
)

_ORIGIN, _BESIDE, _MAIL = "93.184.216.34", "93.184.214.7", "93.184.215.9"
_KEY: Final = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ=="

#: name, type, content, and what else a record has
Row = tuple[str, str, str, Mapping[str, Any]]


def row(name: str, type_: str, content: str, **more: Any) -> Row:
    """A record of the zone `{zone}`; `@` is the apex."""
    return name, type_, content, more


BASE: Final = (
    row("@", "A", _ORIGIN, service_mode=True),
    row("www", "CNAME", "{zone}", service_mode=True),
    row("mail", "A", _MAIL),
    row("ssh", "A", _BESIDE, ttl=300),
    row("@", "MX", "mail.{zone}", prio=10),
    row("@", "TXT", f"v=spf1 ip4:{_MAIL} -all"),
    row("_dmarc", "TXT", "v=DMARC1; p=reject; rua=mailto:dmarc@{zone}"),
    row("mail._domainkey", "TXT", _KEY),
    row("@", "CAA", '0 issue "ca.example"'),
    row("dev", "NS", "ns1.dns-host.example"),
    row("dev", "NS", "ns2.dns-host.example"),
    row("_sip._tls", "SRV", "1 443 sip.provider.example", prio=1),
)


@attrs.frozen
class Plant:
    """One fault: the records that are added, the settings that are changed, what is taken away, and what it is too."""

    add: tuple[Row, ...] = ()
    settings: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    #: records of the base whose content begins so are taken away
    without: str | None = None
    also: frozenset[str] = frozenset()


def _set(**settings: Any) -> Plant:
    return Plant(settings=settings)


def _hsts(**more: Any) -> Plant:
    return Plant(settings={"hsts": attrs.evolve(SOUND.hsts or Hsts(), **more)})


def _add(*rows: Row, without: str | None = None, also: str = "") -> Plant:
    return Plant(rows, without=without, also=frozenset(also.split()))


#: Of each rule, what makes it find one thing or more.
PLANTS: Final[Mapping[str, Plant]] = {
    "ssl-off": _set(ssl=SslMode.OFF),
    "ssl-flexible": _set(ssl=SslMode.FLEXIBLE),
    "ssl-not-strict": _set(ssl=SslMode.FULL),
    "https-not-enforced": _set(always_use_https=False),
    "https-rewrites-off": _set(automatic_https_rewrites=False),
    "opportunistic-encryption-off": _set(opportunistic_encryption=False),
    "tls-too-old": _set(min_tls_version="1.0"),
    "tls-1-3-off": _set(tls_1_3="off"),
    "tls-0-rtt-on": _set(tls_1_3="zrt"),
    "hsts-off": _hsts(enabled=False),
    "hsts-short": _hsts(max_age=3600, preload=False),
    "hsts-without-subdomains": _hsts(include_subdomains=False, preload=False),
    "hsts-preload-unfit": _hsts(max_age=15_552_000),
    "universal-ssl-off": _set(universal_ssl=False),
    "certificate-too-shallow": _add(row("a.deep", "CNAME", "{zone}", service_mode=True)),
    "http2-off": _set(spdy=False),
    "security-essentially-off": _set(sec_lvl=SecurityLevel.ESSENTIALLY_OFF),
    "security-low": _set(sec_lvl=SecurityLevel.LOW),
    "under-attack": _set(sec_lvl=SecurityLevel.UNDER_ATTACK),
    "waf-off": _set(waf_profile=WafProfile.OFF),
    "browser-check-off": _set(bic=False),
    "bot-fight-mode-off": _set(bot_fight_mode=False),
    "challenge-passage-odd": _set(chl_ttl=86_400),
    "email-obfuscation-off": _set(email_filter=False),
    "hotlink-protection-off": _set(hotlink=False),
    "server-side-excludes-off": _set(sse=False),
    "development-mode-on": _set(dev_mode=True),
    "cache-level-basic": _set(cache_lvl=CacheLevel.BASIC),
    "browser-cache-short": _set(exp_ttl=60),
    "browser-cache-long": _set(exp_ttl=31_536_000),
    "ipv6-off": _set(ipv46=IPv6Mode.OFF),
    "dnssec-off": _set(dnssec_status="disabled"),
    "caa-missing": _add(without="0 issue"),
    "caa-invalid": _add(row("www2", "CAA", "issue")),
    "origin-exposed": _add(row("direct", "A", _ORIGIN)),
    "origin-exposed-by-mx": _add(row("lists", "MX", "mx.{zone}", prio=10), row("mx", "A", _ORIGIN)),
    "origin-exposed-by-spf": _add(row("news", "TXT", f"v=spf1 ip4:{_ORIGIN} -all")),
    "origin-neighbour": _add(row("near", "A", "93.184.216.35")),
    "mx-to-proxied": _add(row("post", "MX", "www.{zone}", prio=10), also="mx-to-cname"),
    "site-not-proxied": _add(row("www", "CNAME", "{zone}"), without="{zone}"),
    "wildcard-address": _add(row("*.apps", "A", "93.184.214.8")),
    "private-address": _add(row("intranet", "A", "10.1.2.3")),
    "documentation-address": _add(row("sample", "A", "192.0.2.1")),
    "reserved-address": _add(row("odd", "A", "240.0.0.1")),
    "apex-without-address": _add(row("www", "A", _ORIGIN, service_mode=True), without=_ORIGIN),
    "cname-loop": _add(row("one", "CNAME", "two.{zone}"), row("two", "CNAME", "one.{zone}")),
    "cname-dangling": _add(row("old", "CNAME", "gone.{zone}")),
    "cname-chain": _add(row("first", "CNAME", "second.{zone}"), row("second", "CNAME", "x.saas.example")),
    "cname-beside-data": _add(row("both", "CNAME", "x.saas.example"), row("both", "TXT", "text")),
    "mx-to-cname": _add(row("sub", "MX", "alias.{zone}", prio=10), row("alias", "CNAME", "mx.mail-host.example")),
    "mx-to-address": _add(row("sub2", "MX", _MAIL, prio=10)),
    "mx-to-nowhere": _add(row("sub3", "MX", "nowhere.{zone}", prio=10)),
    "null-mx-broken": _add(row("sub4", "MX", ".", prio=0), row("sub4", "MX", "mx.mail-host.example", prio=10)),
    "ns-to-cname": _add(
        row("part", "NS", "ns-alias.{zone}"),
        row("part", "NS", "ns2.dns-host.example"),
        row("ns-alias", "CNAME", "ns1.dns-host.example"),
    ),
    "ns-to-address": _add(row("part2", "NS", "93.184.214.53"), row("part2", "NS", "ns2.dns-host.example")),
    "ns-to-nowhere": _add(row("part3", "NS", "nowhere2.{zone}"), row("part3", "NS", "ns2.dns-host.example")),
    "ns-alone": _add(row("part4", "NS", "ns1.dns-host.example")),
    "srv-to-cname": _add(row("_a._tcp", "SRV", "1 1 srv-alias.{zone}"), row("srv-alias", "CNAME", "x.saas.example")),
    "srv-to-address": _add(row("_b._tcp", "SRV", "1 1 93.184.214.9")),
    "srv-to-nowhere": _add(row("_c._tcp", "SRV", "1 1 nowhere3.{zone}")),
    "spf-missing": _add(without="v=spf1"),
    "spf-several": _add(row("m1", "TXT", "v=spf1 -all"), row("m1", "TXT", "v=spf1 ~all")),
    "spf-too-many-lookups": _add(
        row("m2", "TXT", f"v=spf1 {' '.join(f'include:s{number}.example' for number in range(11))} -all")
    ),
    "spf-open": _add(row("m3", "TXT", "v=spf1 +all")),
    "spf-neutral": _add(row("m4", "TXT", "v=spf1 mx ?all")),
    "spf-ptr": _add(row("m5", "TXT", "v=spf1 ptr -all")),
    "spf-invalid": _add(row("m6", "TXT", "v=spf1 ipv4:93.184.215.1 -all")),
    "dmarc-missing": _add(without="v=DMARC1"),
    "dmarc-none": _add(row("_dmarc", "TXT", "v=DMARC1; p=none"), without="v=DMARC1"),
    "dmarc-invalid": _add(row("_dmarc", "TXT", "v=DMARC1; p=never"), without="v=DMARC1"),
    "dkim-missing": _add(without="v=DKIM1"),
    "dkim-invalid": _add(row("old._domainkey", "TXT", "v=DKIM1; k=rsa")),
    "obsolete-type": _add(row("m7", "SPF", "v=spf1 -all")),
    "duplicate-record": _add(row("twice", "TXT", "same"), row("twice", "TXT", '"sa" "me"')),
    "ttl-differs": _add(row("set", "A", "93.184.214.10", ttl=300), row("set", "A", "93.184.214.11", ttl=3600)),
    "ttl-odd": _add(row("hasty", "A", "93.184.214.12", ttl=30)),
    "name-not-idna": _add(row("xn--0", "TXT", "text")),
    "name-invalid": _add(row("a b", "TXT", "text")),
    "record-too-large": _add(row("long", "TXT", "x" * 3000)),
    "too-many-records": _add(*(row(f"n{number}", "TXT", f"text {number}") for number in range(3500))),
}

# What cannot be planted together, because it touches the same setting or record.
_SAME: Final[tuple[frozenset[str], ...]] = (
    frozenset({"ssl-off", "ssl-flexible", "ssl-not-strict"}),
    frozenset({"tls-1-3-off", "tls-0-rtt-on"}),
    frozenset({"hsts-off", "hsts-short", "hsts-without-subdomains", "hsts-preload-unfit"}),
    frozenset({"security-essentially-off", "security-low", "under-attack"}),
    frozenset({"browser-cache-short", "browser-cache-long"}),
    frozenset({"dmarc-missing", "dmarc-none", "dmarc-invalid"}),
    frozenset({"dkim-missing", "spf-missing", "dkim-invalid"}),
    # Taking the apex's address away leaves www behind, and brings nothing to hide.
    frozenset({"apex-without-address", "site-not-proxied", "mx-to-proxied", "certificate-too-shallow", "spf-missing"}),
)


def _records(zone: str, names: frozenset[str]) -> Iterator[Record]:
    gone = tuple(plant.without for name in names if (plant := PLANTS[name]).without is not None)
    rows = [one for one in BASE if not one[2].startswith(gone)]
    if "apex-without-address" in names:
        rows = [one for one in rows if one[:2] != ("www", "CNAME")]
    rows += [one for name in sorted(names) for one in PLANTS[name].add]
    for number, (name, type_, content, more) in enumerate(rows):
        fields: dict[str, Any] = {"ttl": 1, "service_mode": False, **more}
        yield Record(
            rec_id=str(number),
            name=zone if name == "@" else f"{name}.{zone}",
            type=RecordType(type_),
            content=content.replace("{zone}", zone),
            **fields,
        )


def planted(zone: str, names: frozenset[str]) -> tuple[ZoneData, frozenset[str]]:
    """The zone with these faults, and the ids of the rules that find something in it."""
    settings = SOUND
    for name in sorted(names):
        settings = attrs.evolve(settings, **PLANTS[name].settings)
    found = names | {also for name in names for also in PLANTS[name].also}
    return ZoneData(zone=zone, settings=settings, records=tuple(_records(zone, names))), found


def zones(count: int, seed: int) -> Iterator[tuple[ZoneData, frozenset[str]]]:
    """So many zones: a third without fault, the others with one to six faults."""
    rng = random.Random(seed)
    for number in range(count):
        names: set[str] = set()
        for name in rng.sample(sorted(PLANTS), 0 if number % 3 == 0 else rng.randint(1, 6)):
            if not any(name in same and names & same for same in _SAME):
                names.add(name)
        yield planted(f"zone-{number}.example", frozenset(names))
