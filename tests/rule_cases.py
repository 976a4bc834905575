"""What hits each rule and what narrowly misses it: the areas that followed the first ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cfclient.audit import ZoneData
from cfclient.models import (
    CacheLevel,
    Hsts,
    IPv6Mode,
    Record,
    RecordProps,
    RecordType,
    SecurityLevel,
    SslMode,
    ZoneSettings,
)

ZONE = "example.com"

#: a setting that only today's Cloudflare has, so that nothing is taken for version 1
TODAY = {"universal_ssl": True}
ORIGIN, ORIGIN6 = "93.184.216.34", "2606:2800:220:1::1"


def rec(
    name: str,
    type_: str,
    content: str,
    *,
    on: bool | None = False,
    prio: int | None = None,
    ident: str = "1",
    ttl: int | None = 1,
    proxiable: bool | None = None,
) -> Record:
    """A record; the name is relative, "@" is the apex, and what ends in a dot is absolute."""
    absolute = ZONE if name == "@" else name if name.endswith(".") else f"{name}.{ZONE}"
    return Record(
        rec_id=ident,
        name=absolute,
        type=RecordType(type_),
        content=content,
        service_mode=on,
        prio=prio,
        ttl=ttl,
        props=None if proxiable is None else RecordProps(proxiable=proxiable),
    )


def of(*records: Record, **settings: Any) -> ZoneData:
    """The zone that is made of these."""
    return ZoneData(zone=ZONE, settings=ZoneSettings(**settings), records=records)


def txt(name: str, content: str) -> Record:
    return rec(name, "TXT", content)


WWW = rec("www", "A", ORIGIN, on=True)
WWW6 = rec("www", "AAAA", ORIGIN6, on=True)

# Rule, what is the case, the zone, and the findings' messages.
HITS: list[tuple[str, str, ZoneData, list[str]]] = [
    # -- transport
    (
        "ssl-flexible",
        "flexible",
        of(ssl=SslMode.FLEXIBLE),
        ["SSL is flexible: the way from the proxy to the origin is not encrypted"],
    ),
    (
        "ssl-not-strict",
        "full",
        of(ssl=SslMode.FULL),
        ["SSL is full, not strict: the origin's certificate is not checked"],
    ),
    (
        "https-not-enforced",
        "off",
        of(always_use_https=False),
        ["Always Use HTTPS is off: visitors who come by http stay there"],
    ),
    ("https-rewrites-off", "off", of(automatic_https_rewrites=False), ["Automatic HTTPS Rewrites is off"]),
    ("opportunistic-encryption-off", "off", of(opportunistic_encryption=False), ["Opportunistic Encryption is off"]),
    (
        "tls-too-old",
        "1.0",
        of(min_tls_version="1.0"),
        ["TLS 1.0 is accepted; 1.2 is the oldest version that is safe"],
    ),
    (
        "tls-too-old",
        "1.1",
        of(min_tls_version="1.1"),
        ["TLS 1.1 is accepted; 1.2 is the oldest version that is safe"],
    ),
    ("tls-1-3-off", "off", of(tls_1_3="off"), ["TLS 1.3 is off"]),
    ("tls-0-rtt-on", "zrt", of(tls_1_3="zrt"), ["TLS 1.3 is on with 0-RTT, whose data can be replayed"]),
    ("hsts-off", "off", of(hsts=Hsts(enabled=False)), ["HSTS is off: browsers do not learn to come by https only"]),
    (
        "hsts-short",
        "a second too short",
        of(hsts=Hsts(enabled=True, max_age=15_551_999)),
        ["HSTS lasts 15,551,999 seconds, less than half a year (15,552,000)"],
    ),
    (
        "hsts-without-subdomains",
        "without",
        of(hsts=Hsts(enabled=True, include_subdomains=False)),
        ["HSTS leaves out the subdomains"],
    ),
    (
        "hsts-preload-unfit",
        "too short, and without subdomains",
        of(hsts=Hsts(enabled=True, preload=True, max_age=31_535_999, include_subdomains=False)),
        [
            "HSTS asks for preloading, but lasts 31,535,999 seconds instead of 31,536,000",
            "HSTS asks for preloading, but leaves out the subdomains",
        ],
    ),
    ("universal-ssl-off", "off", of(universal_ssl=False), ["Universal SSL is off"]),
    (
        "certificate-too-shallow",
        "two labels deep, whatever the type and case",
        of(rec("a.b", "A", ORIGIN, on=True), rec("A.c", "CNAME", "x.example", on=True)),
        [
            "A.c.example.com is proxied, but lies too deep for the universal certificate (*.example.com)",
            "a.b.example.com is proxied, but lies too deep for the universal certificate (*.example.com)",
        ],
    ),
    ("http2-off", "off", of(spdy=False), ["HTTP/2 (SPDY on version 1) is off"]),
    # -- security
    ("security-low", "low", of(sec_lvl=SecurityLevel.LOW), ['the security level is "low"']),
    (
        "under-attack",
        "help",
        of(sec_lvl=SecurityLevel.UNDER_ATTACK),
        ['the security level is "I\'m under attack" (help): every visitor is challenged'],
    ),
    ("browser-check-off", "off", of(bic=False), ["the browser integrity check is off"]),
    ("bot-fight-mode-off", "off", of(bot_fight_mode=False), ["Bot Fight Mode is off"]),
    (
        "challenge-passage-odd",
        "too short",
        of(chl_ttl=899),
        ["a passed challenge holds for 899 seconds, not 900 to 2700"],
    ),
    (
        "challenge-passage-odd",
        "too long",
        of(chl_ttl=2701),
        ["a passed challenge holds for 2,701 seconds, not 900 to 2700"],
    ),
    ("email-obfuscation-off", "off", of(email_filter=False), ["e-mail address obfuscation is off"]),
    ("hotlink-protection-off", "off", of(hotlink=False), ["hotlink protection is off"]),
    ("server-side-excludes-off", "off", of(sse=False), ["Server Side Excludes is off"]),
    ("ip-geolocation-off", "off", of(geoloc=False), ["IP geolocation is off"]),
    # -- caching
    ("cache-level-basic", "basic", of(cache_lvl=CacheLevel.BASIC), ['the cache level is "basic"']),
    ("browser-cache-short", "a second", of(exp_ttl=1), ["browsers keep what they fetched for 1 seconds only"]),
    ("browser-cache-long", "a year", of(exp_ttl=31_536_000), ["browsers keep what they fetched for 365 days"]),
    ("ipv6-off", "off", of(ipv46=IPv6Mode.OFF), ["IPv6 is off"]),
    ("always-online-on", "on", of(ob=True), ["Always Online is on"]),
    # -- CAA and DNSSEC
    ("dnssec-off", "off", of(dnssec_status="disabled"), ["DNSSEC is disabled: the zone's answers are not signed"]),
    (
        "dnssec-off",
        "half done",
        of(dnssec_status="pending"),
        ["DNSSEC waits for the DS record at the registrar"],
    ),
    (
        "caa-missing",
        "none at the apex",
        of(rec("www", "CAA", '0 issue "ca.example"'), **TODAY),
        ["example.com has no CAA record: any authority may issue certificates for it"],
    ),
    (
        "caa-missing",
        "the one setting of today is refused, so it is not version 1 that answers",
        of(missing={"universal_ssl": "no permission"}),
        ["example.com has no CAA record: any authority may issue certificates for it"],
    ),
    (
        "caa-invalid",
        "no flags, too large a flag, no value, an unknown critical tag",
        of(
            rec("a", "CAA", 'issue "ca.example"'),
            rec("b", "CAA", '256 issue "ca.example"'),
            rec("c", "CAA", "0 issue"),
            rec("d", "CAA", '128 future "x"'),
        ),
        [
            'the CAA of a.example.com is not flags, tag and value: issue "ca.example"',
            'the CAA of b.example.com is not flags, tag and value: 256 issue "ca.example"',
            "the CAA of c.example.com is not flags, tag and value: 0 issue",
            "the CAA of d.example.com marks the tag future as critical, which no authority may know",
        ],
    ),
    # -- origin
    (
        "origin-exposed-by-mx",
        "the mail host beside the proxy has the origin's address",
        of(WWW, rec("@", "MX", "Mail.example.com.", prio=10), rec("mail", "A", ORIGIN)),
        [
            (
                "the MX of example.com leads to mail.example.com and so to 93.184.216.34, "
                "where the proxy for www.example.com has its origin"
            )
        ],
    ),
    (
        "origin-exposed-by-spf",
        "the address, and a small network around it, in both families",
        of(
            WWW,
            WWW6,
            txt("@", f"v=spf1 ip4:{ORIGIN} -all"),
            txt("news", "v=spf1 ?ip4:93.184.216.0/24 +ip6:2606:2800:220:1::/64 ip4:nonsense ~all"),
        ),
        [
            (
                "the SPF policy of example.com names ip4:93.184.216.34, "
                "where the proxy for www.example.com has its origin (93.184.216.34)"
            ),
            (
                "the SPF policy of news.example.com names +ip6:2606:2800:220:1::/64, "
                "where the proxy for www.example.com has its origin (2606:2800:220:1::1)"
            ),
            (
                "the SPF policy of news.example.com names ?ip4:93.184.216.0/24, "
                "where the proxy for www.example.com has its origin (93.184.216.34)"
            ),
        ],
    ),
    (
        "origin-neighbour",
        "two in the same /24, one in the same /64",
        of(
            WWW,
            WWW6,
            rec("ssh", "A", "93.184.216.1"),
            rec("ftp", "A", "93.184.216.255"),
            rec("six", "AAAA", "2606:2800:220:1:ffff::1"),
        ),
        [
            (
                "ftp.example.com, ssh.example.com (not proxied) shows 93.184.216.0/24, "
                "where the proxy for www.example.com has its origin"
            ),
            (
                "six.example.com (not proxied) shows 2606:2800:220:1::/64, "
                "where the proxy for www.example.com has its origin"
            ),
        ],
    ),
    (
        "mx-to-proxied",
        "an address and a CNAME behind the proxy",
        of(
            rec("@", "MX", "www.example.com", prio=10),
            WWW,
            rec("sub", "MX", "alias.example.com.", prio=10),
            rec("alias", "CNAME", "x.example", on=True),
        ),
        [
            "the MX of example.com points to www.example.com, which is proxied",
            "the MX of sub.example.com points to alias.example.com, which is proxied",
        ],
    ),
    (
        "site-not-proxied",
        "the zone and its www",
        of(rec("@", "A", ORIGIN), rec("WWW", "CNAME", "example.com")),
        [
            "WWW.example.com (CNAME to example.com) is not proxied: visitors reach the origin directly",
            "example.com (A to 93.184.216.34) is not proxied: visitors reach the origin directly",
        ],
    ),
    (
        "wildcard-address",
        "of every type, proxied or not",
        of(rec("*", "A", ORIGIN, on=True), rec("*.dev", "CNAME", "example.com")),
        [
            "*.dev.example.com (CNAME to example.com) answers for every other name",
            "*.example.com (A to 93.184.216.34) answers for every other name",
        ],
    ),
    (
        "record-not-proxied",
        "not known whether it could be, and known to be",
        of(rec("ssh", "A", ORIGIN), rec("ftp", "CNAME", "example.com", proxiable=True)),
        [
            "ftp.example.com (CNAME to example.com) is not proxied",
            "ssh.example.com (A to 93.184.216.34) is not proxied",
        ],
    ),
    # -- addresses
    (
        "documentation-address",
        "of each network",
        of(
            rec("a", "A", "192.0.2.1"),
            rec("b", "A", "198.51.100.255"),
            rec("c", "A", "203.0.113.0"),
            rec("d", "AAAA", "2001:db8::1"),
            rec("e", "AAAA", "3fff::1"),
        ),
        [
            "a.example.com (A) points to 192.0.2.1, which is for examples only (RFC 5737)",
            "b.example.com (A) points to 198.51.100.255, which is for examples only (RFC 5737)",
            "c.example.com (A) points to 203.0.113.0, which is for examples only (RFC 5737)",
            "d.example.com (AAAA) points to 2001:db8::1, which is for examples only (RFC 3849)",
            "e.example.com (AAAA) points to 3fff::1, which is for examples only (RFC 9637)",
        ],
    ),
    (
        "reserved-address",
        "of each kind",
        of(
            rec("a", "A", "0.0.0.0"),
            rec("b", "A", "224.0.0.1"),
            rec("c", "A", "255.255.255.255"),
            rec("d", "AAAA", "::"),
            rec("e", "AAAA", "2001:2::1"),
        ),
        [
            "a.example.com (A) points to 0.0.0.0, no machine's address (RFC 1122)",
            "b.example.com (A) points to 224.0.0.1, for multicast (RFC 5771)",
            "c.example.com (A) points to 255.255.255.255, kept for later (RFC 1112)",
            "d.example.com (AAAA) points to ::, no machine's address (RFC 4291)",
            "e.example.com (AAAA) points to 2001:2::1, for measurements between two devices (RFC 5180)",
        ],
    ),
    (
        "apex-without-address",
        "only www and mail",
        of(WWW, rec("@", "MX", "mail.example.net", prio=10)),
        ["example.com itself has no address and no CNAME"],
    ),
    # -- CNAMEs
    (
        "cname-loop",
        "of one, of two with another that leads in, and through a wildcard",
        of(
            rec("self", "CNAME", "self.example.com"),
            rec("a", "CNAME", "B.example.com."),
            rec("b", "CNAME", "a.example.com"),
            rec("into", "CNAME", "a.example.com"),
            rec("*.w", "CNAME", "x.w.example.com"),
        ),
        [
            "the CNAMEs *.w.example.com -> x.w.example.com -> x.w.example.com lead in a circle",
            "the CNAMEs a.example.com -> b.example.com -> a.example.com lead in a circle",
            "the CNAMEs self.example.com -> self.example.com lead in a circle",
        ],
    ),
    (
        "cname-dangling",
        "a name that is not there, in other letters",
        of(rec("old", "CNAME", "Gone.example.com.")),
        ["old.example.com is a CNAME to gone.example.com, which this zone does not have"],
    ),
    (
        "cname-chain",
        "of two, of which the second leads elsewhere",
        of(rec("a", "CNAME", "b.example.com"), rec("b", "CNAME", "x.saas.example")),
        ["a.example.com -> b.example.com -> x.saas.example is a chain of 2 CNAMEs"],
    ),
    (
        "cname-beside-data",
        "other data, and another CNAME",
        of(
            rec("a", "CNAME", "x.example"),
            txt("A", "text"),
            rec("a", "A", ORIGIN),
            rec("b", "CNAME", "x.example"),
            rec("b", "CNAME", "y.example"),
        ),
        [
            "a.example.com has a CNAME and beside it A, TXT",
            "b.example.com has 2 CNAMEs: x.example, y.example",
        ],
    ),
    # -- targets
    (
        "mx-to-nowhere",
        "a name that is not there, and one that has a text only",
        of(
            rec("@", "MX", "mail.example.com", prio=10),
            rec("sub", "MX", "Text.example.com.", prio=10),
            txt("text", "x"),
        ),
        [
            "the MX of example.com points to mail.example.com, which has no address",
            "the MX of sub.example.com points to text.example.com, which has no address",
        ],
    ),
    (
        "ns-to-nowhere",
        "a delegation",
        of(rec("dev", "NS", "ns1.example.com")),
        ["the NS of dev.example.com points to ns1.example.com, which has no address"],
    ),
    (
        "srv-to-nowhere",
        "a service",
        of(rec("_sip._tcp", "SRV", "5 5060 sip.example.com.", prio=1)),
        ["the SRV of _sip._tcp.example.com points to sip.example.com, which has no address"],
    ),
    (
        "srv-to-cname",
        "a service",
        of(rec("_sip._tcp", "SRV", "5 5060 sip.example.com", prio=1), rec("sip", "CNAME", "pbx.example.net")),
        ["the SRV of _sip._tcp.example.com points to sip.example.com, a CNAME to pbx.example.net"],
    ),
    (
        "srv-to-address",
        "a service",
        of(rec("_sip._tcp", "SRV", "5 5060 192.0.2.1", prio=1)),
        ["the SRV of _sip._tcp.example.com points to the address 192.0.2.1, where a name belongs"],
    ),
    (
        "null-mx-broken",
        "beside another, beside itself, and with a priority",
        of(
            rec("@", "MX", ".", prio=0),
            rec("@", "MX", "mail.example.net", prio=10),
            rec("twice", "MX", ".", prio=0),
            rec("twice", "MX", ".", prio=0),
            rec("odd", "MX", ".", prio=10),
        ),
        [
            'example.com has a null MX (".", no mail is taken) and beside it mail.example.net',
            "the null MX of odd.example.com has the priority 10 instead of 0",
            'twice.example.com has a null MX (".", no mail is taken) and beside it another one',
        ],
    ),
    (
        "ns-alone",
        "one server, written twice",
        of(rec("dev", "NS", "ns1.example.net"), rec("dev", "NS", "NS1.example.net.")),
        ["dev.example.com is handed to one name server only: ns1.example.net"],
    ),
    # -- mail
    (
        "spf-several",
        "at the apex and below",
        of(txt("@", "v=spf1 -all"), txt("@", '"v=spf1 " "mx -all"'), txt("a", "v=spf1 -all"), txt("A", "V=SPF1")),
        [
            "a.example.com has 2 SPF policies, where one is allowed",
            "example.com has 2 SPF policies, where one is allowed",
        ],
    ),
    (
        "spf-too-many-lookups",
        "eleven, some of them within a policy of the zone that is included with a qualifier",
        of(
            txt("@", "v=spf1 ?include:_spf.example.com a mx a:x.example mx:y.example exists:z.example ptr -all"),
            txt("_spf", "v=spf1 include:a.example include:b.example include:c.example redirect=_spf.example.com"),
        ),
        ["the SPF policy of example.com needs at least 11 look-ups; 10 are allowed"],
    ),
    (
        "spf-open",
        "all, +all, and the whole of IPv4",
        of(txt("@", "v=spf1 all"), txt("a", "v=spf1 mx +ALL"), txt("b", "v=spf1 ip4:0.0.0.0/0 -all")),
        [
            "the SPF policy of a.example.com lets everybody send (+all)",
            "the SPF policy of b.example.com lets everybody send (ip4:0.0.0.0/0)",
            "the SPF policy of example.com lets everybody send (all)",
        ],
    ),
    (
        "spf-neutral",
        "?all, and nothing at the end",
        of(txt("@", "v=spf1 mx ?all"), txt("a", "v=spf1 mx")),
        [
            "the SPF policy of a.example.com ends without all or redirect",
            "the SPF policy of example.com says nothing of senders that it does not list (?all)",
        ],
    ),
    (
        "spf-ptr",
        "with and without a name",
        of(txt("@", "v=spf1 ptr -all"), txt("a", "v=spf1 +ptr:example.com -all")),
        ["the SPF policy of a.example.com uses +ptr:example.com", "the SPF policy of example.com uses ptr"],
    ),
    (
        "spf-invalid",
        "misspelt, the wrong family, no address",
        of(txt("@", "v=spf1 inlcude:x.example ip4:2001:db8::1 ip6:1.2.3.4 ip4:1.2.3 -all")),
        ["the SPF policy of example.com cannot be read at inlcude:x.example ip4:2001:db8::1 ip6:1.2.3.4 ip4:1.2.3"],
    ),
    (
        "dmarc-none",
        "in capitals",
        of(txt("_dmarc", "v=DMARC1; p=NONE")),
        ["the DMARC policy of example.com is p=none: forged mail is delivered"],
    ),
    (
        "dmarc-none",
        "for subdomains, and for a share of nothing; through a wildcard",
        of(txt("*", "v=DMARC1; p=reject; sp=none; pct=0")),
        [
            "the DMARC policy of example.com is pct=0: its p=reject holds for no mail",
            "the DMARC policy of example.com is sp=none: mail forged as its subdomains is delivered",
        ],
    ),
    (
        "dmarc-invalid",
        "two of them",
        of(txt("_dmarc", "v=DMARC1; p=reject"), txt("_dmarc", "v=DMARC1; p=none")),
        ["_dmarc.example.com has 2 DMARC policies, where one is allowed"],
    ),
    (
        "dmarc-invalid",
        "unknown wishes and shares",
        of(txt("_dmarc", "v=DMARC1; p=block; sp=all; pct=101")),
        [
            "the DMARC policy of _dmarc.example.com has p=block: not none, quarantine or reject",
            "the DMARC policy of _dmarc.example.com has pct=101: 0 to 100 is known",
            "the DMARC policy of _dmarc.example.com has sp=all: not none, quarantine or reject",
        ],
    ),
    ("dmarc-invalid", "no wish", of(txt("_dmarc", "v=DMARC1;")), ["the DMARC policy of _dmarc.example.com has no p="]),
    (
        "dkim-missing",
        "mail is sent",
        of(txt("@", "v=spf1 mx -all")),
        ["mail is sent as example.com, and no name under _domainkey.example.com has a key"],
    ),
    (
        "dkim-invalid",
        "no key, and one that is none",
        of(txt("a._domainkey", "v=DKIM1; k=rsa"), txt("b._domainkey", "p=not base64!")),
        [
            "the DKIM key of a._domainkey.example.com has no p=",
            "the DKIM key of b._domainkey.example.com is not base64",
        ],
    ),
    # -- records
    (
        "ttl-differs",
        "two of three, one of them automatic",
        of(rec("a", "A", "192.0.2.1"), rec("A", "A", "192.0.2.2", ttl=3600), rec("a", "A", "192.0.2.3", ttl=300)),
        ["the A records of a.example.com live for 300, 3,600 seconds"],
    ),
    (
        "ttl-odd",
        "a second less, a second more",
        of(rec("a", "A", "192.0.2.1", ttl=59), rec("b", "A", "192.0.2.1", ttl=86_401)),
        [
            "the A of a.example.com lives for 59 seconds, not 60 to 86,400",
            "the A of b.example.com lives for 86,401 seconds, not 60 to 86,400",
        ],
    ),
    (
        "name-not-idna",
        "Punycode that is none, and letters that are not in Punycode",
        of(rec("xn--0", "A", ORIGIN), rec("bücher", "A", ORIGIN)),
        [
            "bücher in bücher.example.com is no international name: is not in Punycode",
            "xn--0 in xn--0.example.com is no international name: Invalid A-label",
        ],
    ),
    (
        "name-invalid",
        "empty, long and odd parts, too long a name, and one of another zone",
        of(
            rec("a..b", "A", ORIGIN),
            rec("x" * 64, "A", ORIGIN),
            rec("a b", "A", ORIGIN),
            rec(".".join(["x" * 60] * 5), "A", ORIGIN),
            rec("www.example.net.", "A", ORIGIN),
        ),
        [
            "a b.example.com has a part that no name can have: a b",
            "a..b.example.com has a part that no name can have: an empty one",
            "www.example.net lies outside of the zone example.com",
            f"{'.'.join(['x' * 60] * 5)}.example.com has 316 characters; 253 are possible",
            f"{'x' * 64}.example.com has a part that no name can have: {'x' * 64}",
        ],
    ),
    (
        "record-too-large",
        "for the service, and for DNS",
        of(txt("a", "x" * 2049), txt("b", "ü" * 40_000)),
        [
            "the TXT of a.example.com has 2,049 octets, more than today's Cloudflare takes",
            "the TXT of b.example.com has 80,000 octets, more than DNS can carry",
        ],
    ),
    (
        "too-many-records",
        "one more",
        of(*[rec(f"a{number}", "A", ORIGIN) for number in range(3501)]),
        ["the zone has 3,501 records; 3,500 are the most of any common plan"],
    ),
    (
        "too-many-records",
        "a free zone of today",
        of(*[rec("a", "A", ORIGIN)] * 201, plan="free", created_on=datetime(2024, 9, 1, tzinfo=UTC)),
        ["the zone has 201 records; 200 are the most of the free plan"],
    ),
    (
        "too-many-records",
        "a free zone of before",
        of(*[rec("a", "A", ORIGIN)] * 1001, plan="free", created_on=datetime(2024, 8, 31, tzinfo=UTC)),
        ["the zone has 1,001 records; 1,000 are the most of the free plan"],
    ),
    (
        "too-many-records",
        "a free zone of whatever age",
        of(*[rec("a", "A", ORIGIN)] * 1001, plan="free"),
        ["the zone has 1,001 records; 1,000 are the most of the free plan"],
    ),
    (
        "too-many-records",
        "a zone that is paid for",
        of(*[rec("a", "A", ORIGIN)] * 3501, plan="business"),
        ["the zone has 3,501 records; 3,500 are the most of the business plan"],
    ),
]

# Rule, what nearly is the case, and the zone.
MISSES: list[tuple[str, str, ZoneData]] = [
    ("ssl-flexible", "off is another rule's", of(ssl=SslMode.OFF)),
    ("ssl-flexible", "full", of(ssl=SslMode.FULL)),
    ("ssl-not-strict", "strict", of(ssl=SslMode.STRICT)),
    ("ssl-not-strict", "a mode that is not known", of(ssl=SslMode(9))),
    ("https-not-enforced", "on", of(always_use_https=True)),
    ("https-rewrites-off", "on", of(automatic_https_rewrites=True)),
    ("opportunistic-encryption-off", "on", of(opportunistic_encryption=True)),
    ("tls-too-old", "1.2", of(min_tls_version="1.2")),
    ("tls-too-old", "a version that is not known", of(min_tls_version="2.0")),
    ("tls-1-3-off", "on, with early data", of(tls_1_3="zrt")),
    ("tls-0-rtt-on", "on without it", of(tls_1_3="on")),
    ("hsts-off", "on", of(hsts=Hsts(enabled=True))),
    ("hsts-off", "nothing is known of it", of(hsts=Hsts())),
    ("hsts-short", "half a year", of(hsts=Hsts(enabled=True, max_age=15_552_000))),
    ("hsts-short", "off, which is another rule's", of(hsts=Hsts(enabled=False, max_age=0))),
    ("hsts-short", "not known", of(hsts=Hsts(enabled=True))),
    ("hsts-without-subdomains", "with them", of(hsts=Hsts(enabled=True, include_subdomains=True))),
    ("hsts-without-subdomains", "off", of(hsts=Hsts(enabled=False, include_subdomains=False))),
    (
        "hsts-preload-unfit",
        "a year with subdomains",
        of(hsts=Hsts(enabled=True, preload=True, max_age=31_536_000, include_subdomains=True)),
    ),
    ("hsts-preload-unfit", "short, without asking", of(hsts=Hsts(enabled=True, preload=False, max_age=0))),
    ("universal-ssl-off", "on", of(universal_ssl=True)),
    (
        "certificate-too-shallow",
        "one label deep, the apex, and a deep one beside the proxy",
        of(WWW, rec("@", "A", ORIGIN, on=True), rec("a.b", "A", ORIGIN)),
    ),
    ("http2-off", "on", of(spdy=True)),
    ("security-low", "medium", of(sec_lvl=SecurityLevel.MEDIUM)),
    ("under-attack", "high", of(sec_lvl=SecurityLevel.HIGH)),
    ("browser-check-off", "on", of(bic=True)),
    ("bot-fight-mode-off", "on", of(bot_fight_mode=True)),
    ("challenge-passage-odd", "the shortest that is sensible", of(chl_ttl=900)),
    ("challenge-passage-odd", "the longest that is sensible", of(chl_ttl=2700)),
    ("email-obfuscation-off", "on", of(email_filter=True)),
    ("hotlink-protection-off", "on", of(hotlink=True)),
    ("server-side-excludes-off", "on", of(sse=True)),
    ("ip-geolocation-off", "on", of(geoloc=True)),
    ("cache-level-basic", "simplified", of(cache_lvl=CacheLevel.SIMPLIFIED)),
    ("browser-cache-short", "an hour", of(exp_ttl=3600)),
    ("browser-cache-short", "0 leaves it to the origin", of(exp_ttl=0)),
    ("browser-cache-long", "a month", of(exp_ttl=31 * 86_400)),
    ("ipv6-off", "on, by its older value", of(ipv46=IPv6Mode.SAFE)),
    ("always-online-on", "off", of(ob=False)),
    ("dnssec-off", "active", of(dnssec_status="active")),
    ("caa-missing", "one at the apex", of(rec("@", "CAA", '0 issue "ca.example"'), **TODAY)),
    ("caa-missing", "version 1 lists none", of(WWW)),
    (
        "caa-invalid",
        "as they should be, and an unknown tag that is not critical",
        of(rec("@", "CAA", '0 issue ";"'), rec("@", "CAA", '128 issue "ca.example"'), rec("@", "CAA", '0 future "x"')),
    ),
    (
        "origin-exposed-by-mx",
        "another address, a proxied host, a host elsewhere",
        of(
            WWW,
            rec("@", "MX", "mail.example.com", prio=10),
            rec("mail", "A", "93.184.215.1"),
            rec("@", "MX", "www.example.com", prio=20),
            rec("@", "MX", "mail.example.net", prio=30),
        ),
    ),
    (
        "origin-exposed-by-spf",
        "another address, a network too wide to tell, no policy",
        of(
            WWW,
            txt("@", "v=spf1 ip4:93.184.215.1 ip4:93.184.0.0/16 -all"),
            txt("a", f"ip4:{ORIGIN}"),
        ),
    ),
    (
        "origin-exposed-by-spf",
        "an origin beside the proxy",
        of(rec("a", "A", ORIGIN), txt("@", f"v=spf1 ip4:{ORIGIN}")),
    ),
    (
        "origin-neighbour",
        "the next network, the origin itself, behind the proxy, a CNAME",
        of(
            WWW,
            rec("ssh", "A", "93.184.217.34"),
            rec("direct", "A", ORIGIN),
            rec("b", "A", "93.184.216.35", on=True),
            rec("c", "CNAME", "93.184.216.36"),
        ),
    ),
    ("mx-to-proxied", "beside the proxy", of(rec("@", "MX", "mail.example.com", prio=10), rec("mail", "A", ORIGIN))),
    ("mx-to-proxied", "not reported", of(rec("@", "MX", "m.example.com", prio=10), rec("m", "A", ORIGIN, on=None))),
    (
        "site-not-proxied",
        "proxied, other names, not reported",
        of(WWW, rec("ftp", "A", ORIGIN), rec("@", "A", ORIGIN, on=None)),
    ),
    (
        "wildcard-address",
        "a text for every name, and a name with an asterisk inside",
        of(txt("*", "x"), rec("a.*", "A", ORIGIN)),
    ),
    (
        "record-not-proxied",
        "proxied, not possible, not an address",
        of(WWW, rec("in", "A", "10.0.0.1", proxiable=False), txt("@", "x")),
    ),
    ("documentation-address", "the next address", of(rec("a", "A", "192.0.3.1"), rec("b", "AAAA", "2001:db9::1"))),
    ("documentation-address", "behind the proxy it stands for no origin", of(rec("a", "A", "192.0.2.1", on=True))),
    (
        "reserved-address",
        "public ones, and one behind the proxy",
        of(rec("a", "A", "223.255.255.255"), rec("b", "AAAA", "100::", on=True)),
    ),
    ("apex-without-address", "a CNAME", of(rec("@", "CNAME", "www.example.com"))),
    ("apex-without-address", "a zone without records", of()),
    ("cname-loop", "a chain that ends", of(rec("a", "CNAME", "b.example.com"), rec("b", "CNAME", "a.example.net"))),
    (
        "cname-dangling",
        "a text there, a wildcard, the apex, elsewhere, below a delegation",
        of(
            rec("a", "CNAME", "text.example.com"),
            txt("text", "x"),
            rec("b", "CNAME", "any.w.example.com"),
            rec("*.w", "A", ORIGIN),
            rec("c", "CNAME", "example.com"),
            rec("d", "CNAME", "gone.example.net"),
            rec("e", "CNAME", "deep.dev.example.com"),
            rec("dev", "NS", "ns1.example.net"),
        ),
    ),
    (
        "cname-chain",
        "one to an address, and a circle",
        of(rec("a", "CNAME", "www.example.com"), WWW, rec("b", "CNAME", "b.example.com")),
    ),
    (
        "cname-beside-data",
        "at the apex, alone, and twice the same",
        of(
            rec("@", "CNAME", "x.example"),
            txt("@", "x"),
            rec("a", "CNAME", "x.example"),
            rec("b", "CNAME", "x.example"),
            rec("B", "CNAME", "X.example."),
        ),
    ),
    (
        "mx-to-nowhere",
        "an address, a wildcard, elsewhere, none at all, a CNAME, below a delegation",
        of(
            rec("@", "MX", "www.example.com", prio=1),
            WWW,
            rec("@", "MX", "any.w.example.com", prio=2),
            rec("*.w", "AAAA", ORIGIN6),
            rec("@", "MX", "mail.example.net", prio=3),
            rec("null", "MX", ".", prio=0),
            rec("@", "MX", "alias.example.com", prio=4),
            rec("alias", "CNAME", "x.example"),
            rec("@", "MX", "mail.dev.example.com", prio=5),
            rec("dev", "NS", "ns1.example.net"),
        ),
    ),
    ("ns-to-nowhere", "elsewhere, and glue", of(rec("a", "NS", "ns.example.net"), rec("b", "NS", "ns.b.example.com"))),
    (
        "srv-to-nowhere",
        "an address, and a service that is not offered",
        of(WWW, rec("_a._tcp", "SRV", "0 1 www.example.com"), rec("_b._tcp", "SRV", "0 0 .")),
    ),
    (
        "srv-to-cname",
        "an address, and no words at all",
        of(WWW, rec("_a._tcp", "SRV", "0 1 www.example.com"), rec("_b._tcp", "SRV", "")),
    ),
    (
        "srv-to-address",
        "a name, and no words at all",
        of(rec("_a._tcp", "SRV", "0 1 sip.example.net"), rec("_b._tcp", "SRV", "")),
    ),
    (
        "null-mx-broken",
        "alone, with 0 or nothing",
        of(rec("@", "MX", ".", prio=0), rec("a", "MX", "."), rec("b", "MX", "m.example")),
    ),
    (
        "ns-alone",
        "two, and the zone's own",
        of(rec("dev", "NS", "ns1.example.net"), rec("dev", "NS", "ns2.example.net"), rec("@", "NS", "ns.example.net")),
    ),
    (
        "spf-several",
        "one, and texts that are none",
        of(txt("@", "v=spf1 -all"), txt("@", "v=spf10 -all"), txt("@", "x"), txt("a", "v=spf1 -all")),
    ),
    (
        "spf-too-many-lookups",
        "ten, in a circle, with what costs none",
        of(
            txt(
                "@",
                "v=spf1 a mx ip4:192.0.2.1 exp=x.example include:_spf.example.com include:a.example -all",
            ),
            txt(
                "_spf",
                "v=spf1 include:example.com include:b.example include:c.example exists:d.example a:e.example",
            ),
        ),
    ),
    (
        "spf-too-many-lookups",
        "ten, and what stands behind all or is a redirect beside it (RFC 7208 §5.1)",
        of(
            txt(
                "@",
                f"v=spf1 {' '.join(f'include:s{number}.example' for number in range(10))} redirect=x.example ~all a mx",
            ),
        ),
    ),
    (
        "spf-open",
        "the others, and a network",
        of(
            txt("@", "v=spf1 ip4:1.2.3.4/1 ?all"), txt("a", "v=spf1 -all ip4:x"), txt("b", "v=spf1 -ip4:0.0.0.0/0 ~all")
        ),
    ),
    (
        "spf-neutral",
        "an end of each kind",
        of(
            txt("@", "v=spf1 -all"),
            txt("a", "v=spf1 ~all"),
            txt("b", "v=spf1 all"),
            txt("c", "v=spf1 redirect=x.example"),
        ),
    ),
    (
        "spf-neutral",
        "policies that are there to be included",
        of(
            txt("@", "v=spf1 include:Senders.example.com include:_spf.example.com -all"),
            txt("senders", "v=spf1 ip4:1.2.3.4 ?all"),
            txt("_spf", "v=spf1 ip4:1.2.3.4"),
            txt("_more", "v=spf1 ip4:1.2.3.4"),
        ),
    ),
    ("spf-ptr", "a name that begins so", of(txt("@", "v=spf1 a:ptr.example.com include:ptr -all"))),
    (
        "spf-invalid",
        "every mechanism and modifier",
        of(
            txt(
                "@",
                "v=spf1 a a:x.example a/24 a:x.example/24//64 mx mx//64 ptr ptr:x.example ip4:1.2.3.4/8 "
                "ip6:::1 exists:%{i}.x include:y.example exp=z.example new=1 ?all",
            )
        ),
    ),
    (
        "dmarc-none",
        "reject, and quarantine for subdomains",
        of(txt("_dmarc", "v=DMARC1; p=reject; sp=quarantine; pct=1")),
    ),
    ("dmarc-none", "no wish, which is another rule's", of(txt("_dmarc", "v=DMARC1; sp=none; pct=0"))),
    (
        "dmarc-none",
        "two of them are another rule's",
        of(txt("_dmarc", "v=DMARC1; p=none"), txt("_dmarc", "v=DMARC1; p=none; pct=1")),
    ),
    (
        "dmarc-invalid",
        "as it should be, with spaces and capitals",
        of(txt("_dmarc", "v=DMARC1 ; P = Quarantine;pct=0; rua=mailto:a@example.com")),
    ),
    ("dmarc-invalid", "a text that is no policy", of(txt("_dmarc", "p=nonsense"))),
    ("dmarc-missing", "through a wildcard", of(WWW, rec("@", "A", ORIGIN), txt("*", "v=DMARC1; p=reject"))),
    ("dkim-missing", "a key", of(txt("@", "v=spf1 mx -all"), txt("s1._domainkey", "v=DKIM1; p=abc"))),
    ("dkim-missing", "a key elsewhere", of(txt("@", "v=spf1 mx -all"), rec("s1._domainkey", "CNAME", "x.example"))),
    ("dkim-missing", "mail is never sent", of(txt("@", "v=spf1 -all"))),
    ("dkim-missing", "nobody is named who sends", of(txt("@", "v=spf1 ~all"))),
    ("dkim-missing", "no policy, which is another rule's", of(WWW)),
    (
        "dkim-invalid",
        "a key, a revoked one, and what is none",
        of(
            txt("a._domainkey", '"v=DKIM1; k=rsa; p=MIGf" "MA0="'),
            txt("b._domainkey", "v=DKIM1; p="),
            txt("_domainkey", "o=~"),
            rec("c._domainkey", "CNAME", "p=?"),
            txt("d", "v=DKIM1"),
        ),
    ),
    (
        "ttl-differs",
        "the same, automatic beside 300, of another type, proxied, not reported",
        of(
            rec("a", "A", "192.0.2.1"),
            rec("a", "A", "192.0.2.2", ttl=300),
            rec("a", "AAAA", "2001:db8::1", ttl=3600),
            rec("a", "A", "192.0.2.3", ttl=7200, on=True),
            rec("a", "A", "192.0.2.4", ttl=None),
        ),
    ),
    (
        "ttl-odd",
        "both ends, automatic, not reported, behind the proxy",
        of(
            *[rec("a", "A", "192.0.2.1", ttl=ttl) for ttl in (60, 86_400, 1, None)],
            rec("b", "A", ORIGIN, ttl=30, on=True),
        ),
    ),
    (
        "name-not-idna",
        "Punycode, plain, and a service",
        of(rec("xn--bcher-kva", "A", ORIGIN), rec("_sip._tcp", "SRV", "0 1 x")),
    ),
    (
        "name-invalid",
        "63, an asterisk, an underscore, and letters that are another rule's",
        of(
            rec("x" * 63, "A", ORIGIN),
            rec("*.a", "A", ORIGIN),
            txt("_x", ""),
            rec("bücher", "A", ORIGIN),
            rec("@", "A", ORIGIN),
        ),
    ),
    (
        "record-too-large",
        "as long as it can be, and one that is quoted",
        of(txt("a", "x" * 2048), txt("b", '"' + "x" * 2048 + '"')),
    ),
    ("too-many-records", "as many as there can be", of(*[rec("a", "A", ORIGIN)] * 3500)),
    (
        "too-many-records",
        "as many as a free zone of today can have",
        of(*[rec("a", "A", ORIGIN)] * 200, plan="free", created_on=datetime(2025, 1, 1, tzinfo=UTC)),
    ),
    (
        "too-many-records",
        "as many as a free zone of before can have",
        of(*[rec("a", "A", ORIGIN)] * 1000, plan="free", created_on=datetime(2024, 8, 31, 23, 59, 59, tzinfo=UTC)),
    ),
    ("too-many-records", "as many as a paid zone can have", of(*[rec("a", "A", ORIGIN)] * 3500, plan="pro")),
]
