"""The rules: each is hit by what it is for, and missed by what is nearly that."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfclient import actions as act
from cfclient import wire
from cfclient.audit import RULES, Fault, Finding, Rule, Severity, ZoneData, judge
from cfclient.audit.model import TODAYS
from cfclient.audit.rules import OPTIONAL
from cfclient.models import Hsts, Record, RecordType, SecurityLevel, SslMode, WafProfile
from tests.rule_cases import HITS as MORE_HITS
from tests.rule_cases import MISSES as MORE_MISSES
from tests.rule_cases import ZONE, of, rec, txt

BY_ID: Mapping[str, Rule] = {rule.id: rule for rule in (*RULES, *OPTIONAL)}

WWW = rec("www", "A", "198.51.100.1", on=True)
SPF = rec("@", "TXT", "v=spf1 -all")
DMARC = rec("_dmarc", "TXT", "v=DMARC1; p=reject")
APEX = rec("@", "A", "198.51.100.1", on=True)
MAIL = rec("@", "MX", "mail.example.net", prio=10)

# Rule, what is the case, the zone, and the findings' messages.
HITS: list[tuple[str, str, ZoneData, list[str]]] = [
    (
        "ssl-off",
        "off",
        of(ssl=SslMode.OFF),
        ["SSL is off, so visitors reach the site unencrypted only"],
    ),
    (
        "security-essentially-off",
        "eoff",
        of(sec_lvl=SecurityLevel.ESSENTIALLY_OFF),
        ['the security level is "essentially off" (eoff), so hardly any visitor is ever challenged'],
    ),
    (
        "development-mode-on",
        "until a time",
        of(dev_mode=datetime(2012, 8, 24, 0, 39, 50, tzinfo=UTC)),
        ["development mode is on, until 2012-08-24 00:39 UTC: nothing is cached"],
    ),
    (
        "development-mode-on",
        "until nobody knows when",
        of(dev_mode=True),
        ["development mode is on, nobody knows until when: nothing is cached"],
    ),
    ("waf-off", "off", of(waf_profile=WafProfile.OFF), ["the web application firewall is off"]),
    (
        "origin-exposed",
        "the same address, unproxied",
        of(WWW, rec("direct", "A", "198.51.100.1")),
        [
            (
                "direct.example.com (A, not proxied) gives away 198.51.100.1, "
                "where the proxy for www.example.com has its origin"
            )
        ],
    ),
    (
        "origin-exposed",
        "the same IPv6 address, written otherwise",
        of(rec("www", "AAAA", "2001:db8::1", on=True), rec("direct", "AAAA", "2001:0DB8:0::0001")),
        [
            (
                "direct.example.com (AAAA, not proxied) gives away 2001:db8::1, "
                "where the proxy for www.example.com has its origin"
            )
        ],
    ),
    (
        "origin-exposed",
        "the target of a proxied CNAME, over two hops",
        of(
            rec("www", "CNAME", "a.example.com", on=True),
            rec("a", "CNAME", "Origin.example.com."),
            rec("origin", "A", "198.51.100.1"),
        ),
        [
            (
                "origin.example.com (A, not proxied) gives away 198.51.100.1, "
                "where the proxy for www.example.com has its origin"
            )
        ],
    ),
    (
        "origin-exposed",
        "a CNAME to the same host elsewhere",
        of(
            rec("www", "CNAME", "App.hosting.example.", on=True),
            rec("direct", "CNAME", "app.hosting.example"),
        ),
        [
            (
                "direct.example.com (CNAME, not proxied) gives away app.hosting.example, "
                "where the proxy for www.example.com has its origin"
            )
        ],
    ),
    (
        "origin-exposed",
        "a wildcard through which a proxied CNAME resolves",
        of(rec("www", "CNAME", "any.pool.example.com", on=True), rec("*.pool", "A", "198.51.100.1")),
        [
            (
                "*.pool.example.com (A, not proxied) gives away 198.51.100.1, "
                "where the proxy for www.example.com has its origin"
            )
        ],
    ),
    (
        "private-address",
        "of every kind",
        of(
            rec("a", "A", "10.1.2.3"),
            rec("b", "A", "172.31.255.255"),
            rec("c", "A", "192.168.0.1", on=True),
            rec("d", "A", "100.64.0.1"),
            rec("e", "A", "127.0.0.1"),
            rec("f", "A", "169.254.1.1"),
            rec("g", "AAAA", "fd00::1"),
            rec("h", "AAAA", "::1"),
            rec("i", "AAAA", "fe80::1"),
            rec("j", "AAAA", "::ffff:10.0.0.1"),
        ),
        [
            "a.example.com (A) points to 10.1.2.3, a private address (RFC 1918) that visitors cannot reach",
            "b.example.com (A) points to 172.31.255.255, a private address (RFC 1918) that visitors cannot reach",
            "c.example.com (A) points to 192.168.0.1, a private address (RFC 1918) that the proxy cannot reach",
            (
                "d.example.com (A) points to 100.64.0.1, an address of a provider's inner network (RFC 6598) "
                "that visitors cannot reach"
            ),
            "e.example.com (A) points to 127.0.0.1, a loopback address (RFC 1122) that visitors cannot reach",
            "f.example.com (A) points to 169.254.1.1, a link-local address (RFC 3927) that visitors cannot reach",
            "g.example.com (AAAA) points to fd00::1, a private address (RFC 4193) that visitors cannot reach",
            "h.example.com (AAAA) points to ::1, a loopback address (RFC 4291) that visitors cannot reach",
            "i.example.com (AAAA) points to fe80::1, a link-local address (RFC 4291) that visitors cannot reach",
            "j.example.com (AAAA) points to 10.0.0.1, a private address (RFC 1918) that visitors cannot reach",
        ],
    ),
    (
        "spf-missing",
        "an address and no TXT",
        of(APEX, DMARC),
        ["example.com has no TXT record that begins with v=spf1"],
    ),
    (
        "spf-missing",
        "an MX, and SPF elsewhere, of another version, or not at the beginning",
        of(
            MAIL,
            rec("www", "TXT", "v=spf1 -all"),
            rec("@", "TXT", "v=spf10 -all"),
            rec("@", "TXT", "spf2.0/pra v=spf1"),
            rec("@", "TXT", '""'),
        ),
        ["example.com has no TXT record that begins with v=spf1"],
    ),
    (
        "spf-missing",
        "only in the retired type",
        of(APEX, rec("@", "SPF", "v=spf1 -all")),
        ["example.com has no TXT record that begins with v=spf1"],
    ),
    (
        "dmarc-missing",
        "an address and no TXT",
        of(APEX, SPF),
        ["_dmarc.example.com has no TXT record that begins with v=DMARC1"],
    ),
    (
        "dmarc-missing",
        "at the wrong name, of another version, or an address there",
        of(
            MAIL,
            rec("@", "TXT", "v=DMARC1; p=none"),
            rec("_dmarc", "TXT", "v=DMARC10; p=none"),
            rec("_dmarc", "TXT", "v=dmarc1; p=none"),
            rec("_dmarc", "A", "198.51.100.1"),
        ),
        ["_dmarc.example.com has no TXT record that begins with v=DMARC1"],
    ),
    (
        "mx-to-cname",
        "a CNAME of the zone, its name written otherwise",
        of(rec("@", "MX", "Mail.Example.com.", prio=10), rec("mail", "CNAME", "ghs.example.net.")),
        ["the MX of example.com points to mail.example.com, a CNAME to ghs.example.net"],
    ),
    (
        "mx-to-cname",
        "a wildcard CNAME",
        of(rec("sub", "MX", "mx.example.com", prio=10), rec("*", "CNAME", "www.example.net")),
        ["the MX of sub.example.com points to mx.example.com, a CNAME to www.example.net"],
    ),
    (
        "mx-to-address",
        "plain, with a final dot, in brackets, IPv6",
        of(
            rec("@", "MX", "198.51.100.1", prio=10),
            rec("a", "MX", "198.51.100.2.", prio=10),
            rec("b", "MX", "[198.51.100.3]", prio=10),
            rec("c", "MX", "2001:db8::1", prio=10),
        ),
        [
            "the MX of a.example.com points to the address 198.51.100.2., where a name belongs",
            "the MX of b.example.com points to the address [198.51.100.3], where a name belongs",
            "the MX of c.example.com points to the address 2001:db8::1, where a name belongs",
            "the MX of example.com points to the address 198.51.100.1, where a name belongs",
        ],
    ),
    (
        "ns-to-cname",
        "a delegation",
        of(rec("dev", "NS", "ns1.example.com"), rec("ns1", "CNAME", "ns.example.net")),
        ["the NS of dev.example.com points to ns1.example.com, a CNAME to ns.example.net"],
    ),
    (
        "ns-to-address",
        "a delegation",
        of(rec("dev", "NS", "198.51.100.53")),
        ["the NS of dev.example.com points to the address 198.51.100.53, where a name belongs"],
    ),
    (
        "obsolete-type",
        "SPF and A6",
        of(SPF, rec("@", "SPF", "v=spf1 -all"), rec("six", "A6", "0 2001:db8::1")),
        [
            "example.com has a record of the type SPF, which is obsolete: TXT carries SPF policies (RFC 7208 §3.1)",
            "six.example.com has a record of the type A6, which is obsolete: AAAA took its place (RFC 6563)",
        ],
    ),
    (
        "duplicate-record",
        "the same name, type, content and priority, written otherwise",
        of(
            rec("www", "A", "198.51.100.1"),
            rec("WWW", "A", "198.51.100.1", on=True),
            rec("www", "A", "198.51.100.1"),
            rec("six", "AAAA", "2001:db8::1"),
            rec("six", "AAAA", "2001:DB8:0::1"),
            rec("@", "MX", "mail.example.net", prio=10),
            rec("@", "MX", "Mail.example.net.", prio=10),
            rec("@", "TXT", "some text"),
            rec("@", "TXT", '"some " "text"'),
            rec("_sip._tcp", "SRV", "5  5060 sip.example.net", prio=1),
            rec("_sip._tcp", "SRV", "5 5060 SIP.example.net.", prio=1),
            rec("@", "CAA", '0 issue "ca.example"'),
            rec("@", "CAA", '0 issue "ca.example"'),
        ),
        [
            "_sip._tcp.example.com has the same SRV record 2 times: 5 5060 sip.example.net",
            'example.com has the same CAA record 2 times: 0 issue "ca.example"',
            "example.com has the same MX record 2 times: mail.example.net",
            "example.com has the same TXT record 2 times: some text",
            "six.example.com has the same AAAA record 2 times: 2001:db8::1",
            "www.example.com has the same A record 3 times: 198.51.100.1",
        ],
    ),
]

# Rule, what nearly is the case, and the zone.
MISSES: list[tuple[str, str, ZoneData]] = [
    ("ssl-off", "flexible is not off", of(ssl=SslMode.FLEXIBLE)),
    ("ssl-off", "a mode that is not known is not off", of(ssl=SslMode(9))),
    ("security-essentially-off", "low is not off", of(sec_lvl=SecurityLevel.LOW)),
    ("development-mode-on", "off", of(dev_mode=False)),
    ("waf-off", "low is not off", of(waf_profile=WafProfile.LOW)),
    ("origin-exposed", "another address", of(WWW, rec("direct", "A", "198.51.100.2"))),
    ("origin-exposed", "both are proxied", of(WWW, rec("direct", "A", "198.51.100.1", on=True))),
    ("origin-exposed", "neither is", of(rec("www", "A", "198.51.100.1"), rec("direct", "A", "198.51.100.1"))),
    (
        "origin-exposed",
        "nobody said whether they are",
        of(WWW, rec("direct", "A", "198.51.100.1", on=None), rec("odd", "A", "198.51.100.2", on=None)),
    ),
    ("origin-exposed", "a CNAME to a proxied name gives the proxy", of(WWW, rec("direct", "CNAME", "www.example.com"))),
    (
        "origin-exposed",
        "an MX whose host has another address",
        of(APEX, MAIL, rec("mail", "A", "198.51.100.25")),
    ),
    (
        "origin-exposed",
        "a name that only other types have is no address",
        of(rec("www", "CNAME", "a.example.com", on=True), rec("a", "TXT", "198.51.100.1"), WWW),
    ),
    (
        "origin-exposed",
        "CNAMEs in a circle end nowhere",
        of(
            rec("www", "CNAME", "a.example.com", on=True),
            rec("a", "CNAME", "b.example.com"),
            rec("b", "CNAME", "a.example.com"),
        ),
    ),
    (
        "origin-exposed",
        "a wildcard does not reach below a name that exists",
        of(
            rec("www", "CNAME", "x.sub.example.com", on=True),
            rec("a.sub", "TXT", "makes sub.example.com exist"),
            rec("*", "A", "198.51.100.1"),
        ),
    ),
    (
        "private-address",
        "just beside the networks, documentation's, and what is no address",
        of(
            rec("a", "A", "11.0.0.0"),
            rec("b", "A", "172.32.0.0"),
            rec("c", "A", "192.169.0.0"),
            rec("d", "A", "100.128.0.0"),
            rec("e", "A", "128.0.0.1"),
            rec("f", "A", "169.255.0.1"),
            rec("g", "AAAA", "2001:db8::1"),
            rec("h", "A", "192.0.2.1"),
            rec("i", "A", "[server IP]"),
            rec("j", "TXT", "10.0.0.1"),
        ),
    ),
    ("spf-missing", "there is one, in other letters", of(APEX, MAIL, rec("@", "TXT", "V=SPF1 -all"))),
    ("spf-missing", "there is one, in quoted strings", of(APEX, rec("@", "TXT", '"v=spf" "1 include:a.example -all"'))),
    ("spf-missing", "the empty policy", of(APEX, rec("@", "TXT", "v=spf1"))),
    ("spf-missing", "neither MX nor address at the apex", of(WWW, rec("sub", "MX", "mail.example.net", prio=10))),
    ("dmarc-missing", "there is one", of(APEX, rec("_dmarc", "TXT", '"v=DMARC1\\; p=none"'))),
    ("dmarc-missing", "with blanks around its sign", of(APEX, rec("_DMARC", "TXT", "v = DMARC1 ;p=none"))),
    ("dmarc-missing", "somebody else's, by CNAME", of(APEX, rec("_dmarc", "CNAME", "example.com.dmarc.example"))),
    ("dmarc-missing", "somebody else's, by delegation", of(APEX, rec("_dmarc", "NS", "ns.dmarc.example"))),
    ("dmarc-missing", "neither MX nor address at the apex", of(WWW, SPF)),
    (
        "mx-to-cname",
        "a name with an address beside a wildcard CNAME",
        of(
            rec("@", "MX", "mail.example.com", prio=10),
            rec("mail", "A", "198.51.100.25"),
            rec("*", "CNAME", "www.example.net"),
        ),
    ),
    ("mx-to-cname", "a name of another zone", of(MAIL, rec("mail", "CNAME", "mail.example.net"))),
    (
        "mx-to-cname",
        "the apex, whose CNAME nobody sees",
        of(rec("@", "MX", "example.com", prio=10), rec("@", "CNAME", "a.hosting.example")),
    ),
    ("mx-to-cname", "the null MX", of(rec("@", "MX", ".", prio=0), rec("*", "CNAME", "www.example.net"))),
    (
        "mx-to-cname",
        "a name between two that exist has no records, whatever the wildcard",
        of(
            rec("@", "MX", "mx.example.com", prio=10),
            rec("a.mx", "A", "198.51.100.25"),
            rec("*", "CNAME", "www.example.net"),
        ),
    ),
    ("mx-to-address", "a name that looks like one", of(rec("@", "MX", "198.51.100.1.example.net", prio=10))),
    ("mx-to-address", "the null MX", of(rec("@", "MX", ".", prio=0))),
    ("ns-to-cname", "the CNAME's sibling", of(rec("dev", "NS", "ns1.example.com"), rec("ns2", "CNAME", "a.example"))),
    ("ns-to-address", "a name", of(rec("dev", "NS", "ns1.example.net"))),
    ("obsolete-type", "SPF in a TXT, and a type nobody knows", of(SPF, rec("@", "NEWTYPE", "v=spf1 -all"))),
    (
        "duplicate-record",
        "they differ in name, type, content, priority, or letters that count",
        of(
            rec("www", "A", "198.51.100.1"),
            rec("www", "A", "198.51.100.2"),
            rec("ftp", "A", "198.51.100.1"),
            rec("@", "TXT", "v=spf1 -all"),
            rec("@", "SPF", "v=spf1 -all"),
            rec("@", "TXT", "Some text"),
            rec("@", "TXT", "some text"),
            rec("@", "MX", "mail.example.net", prio=10),
            rec("@", "MX", "mail.example.net", prio=20),
        ),
    ),
]


def found(rule: str, data: ZoneData) -> tuple[Finding, ...]:
    """What one rule finds in a zone."""
    return judge(data, [BY_ID[rule]]).findings


@pytest.mark.parametrize(
    ("rule", "data", "messages"),
    [pytest.param(rule, data, messages, id=f"{rule}: {case}") for rule, case, data, messages in (*HITS, *MORE_HITS)],
)
def test_a_rule_is_hit(rule: str, data: ZoneData, messages: list[str]) -> None:
    """It says what is wrong with the values found, once for each."""
    assert messages == [finding.message for finding in found(rule, data)]


@pytest.mark.parametrize(
    ("rule", "data"), [pytest.param(rule, data, id=f"{rule}: {case}") for rule, case, data in (*MISSES, *MORE_MISSES)]
)
def test_a_rule_is_narrowly_missed(rule: str, data: ZoneData) -> None:
    """What is nearly wrong is not accused."""
    assert () == found(rule, data)


def test_every_rule_is_tried_both_ways() -> None:
    """A new rule brings its hits and its misses."""
    hit, missed = {rule for rule, *_ in (*HITS, *MORE_HITS)}, {rule for rule, *_ in (*MISSES, *MORE_MISSES)}

    assert hit == missed == set(BY_ID)


def test_findings_name_the_records_concerned() -> None:
    """Those to look at, by their absolute names."""
    records = {rule: found(rule, data)[0].records for rule, _, data, _ in reversed(HITS)}

    assert records == {
        "ssl-off": (),
        "security-essentially-off": (),
        "development-mode-on": (),
        "waf-off": (),
        "origin-exposed": ("direct.example.com", "www.example.com"),
        "private-address": ("a.example.com",),
        "spf-missing": ("example.com",),
        "dmarc-missing": ("_dmarc.example.com",),
        "mx-to-cname": ("example.com", "mail.example.com"),
        "mx-to-address": ("a.example.com",),
        "ns-to-cname": ("dev.example.com", "ns1.example.com"),
        "ns-to-address": ("dev.example.com",),
        "obsolete-type": ("example.com",),
        "duplicate-record": ("_sip._tcp.example.com",),
    }


@pytest.mark.parametrize("rule", BY_ID.values(), ids=lambda rule: rule.id)
def test_every_rule_explains_itself(rule: Rule) -> None:
    """Its id is one of a kind, and it says why it matters, how to mend it, and who says so."""
    assert 1 == [other.id for other in (*RULES, *OPTIONAL)].count(rule.id)
    assert all([rule.title, rule.why, rule.mend])
    assert any(word in rule.source for word in ("RFC ", "Client Interface API §", "Cloudflare documentation, "))


# -- judging ------------------------------------------------------------------------------------------


def test_a_setting_that_was_not_reported_is_not_checked() -> None:
    """It is neither a finding nor passed; the rules that need no setting go on."""
    first = [rule for rule in RULES if rule.needs or rule.id == "spf-missing"]

    result = judge(of(APEX, SPF, DMARC), first)

    reasons = dict(result.not_checked)
    assert () == result.findings
    assert {rule.id for rule in RULES if rule.needs} <= reasons.keys()
    assert "the service did not report the setting ssl" == reasons["ssl-off"]


def test_findings_stand_worst_first() -> None:
    """Then by rule, then by message, whatever the order of rules and records."""
    records = (rec("b", "A", "10.0.0.2"), rec("a", "A", "10.0.0.1"), rec("a", "A", "10.0.0.1"))
    data = of(*records, ssl=SslMode.OFF, waf_profile=WafProfile.OFF)
    turned = ZoneData(zone=ZONE, settings=data.settings, records=records[::-1])

    names = {"ssl-off", "private-address", "waf-off", "duplicate-record"}
    rules = [rule for rule in RULES if rule.id in names]

    findings = judge(data, rules).findings

    assert [
        ("ssl-off", Severity.HIGH, ()),
        ("private-address", Severity.MEDIUM, ("a.example.com",)),
        ("private-address", Severity.MEDIUM, ("a.example.com",)),
        ("private-address", Severity.MEDIUM, ("b.example.com",)),
        ("waf-off", Severity.MEDIUM, ()),
        ("duplicate-record", Severity.LOW, ("a.example.com",)),
    ] == [(finding.rule, finding.severity, finding.records) for finding in findings]
    assert findings == judge(turned, rules[::-1]).findings


def test_a_rule_of_one_s_own_is_judged_like_any_other() -> None:
    """A function over the zone; its findings carry what the rule says."""
    rule = Rule(
        id="own",
        severity=Severity.CRITICAL,
        title="Own",
        why="Because.",
        mend="Do it.",
        source="RFC 0",
        check=lambda data: [Fault(f"{len(data.records)} records, {data.settings.chl_ttl} s")],
        needs=("chl_ttl",),
    )

    (finding,) = judge(of(WWW, chl_ttl=900), [rule]).findings

    assert finding == Finding(
        rule="own",
        severity=Severity.CRITICAL,
        zone=ZONE,
        message="1 records, 900 s",
        records=(),
        why="Because.",
        mend="Do it.",
    )


def test_severities_are_ordered() -> None:
    """By how bad they are, not by their letters; and with nothing else."""
    assert ["info", "low", "medium", "high", "critical"] == [severity.value for severity in sorted(Severity)]
    assert Severity.HIGH >= Severity.HIGH > Severity.MEDIUM
    with pytest.raises(TypeError):
        sorted([Severity.HIGH, "low"])  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


def test_a_real_zone_has_the_faults_that_it_had() -> None:
    """The records and settings that the live service sent in 2015, as libcloud carries them."""
    spec = importlib.util.find_spec("libcloud")
    assert spec is not None
    assert spec.origin is not None
    replies = Path(spec.origin).parent / "test" / "dns" / "fixtures" / "cloudflare"
    page = wire.read(act.RecLoadAll(ZONE), (replies / "rec_load_all.json").read_bytes())
    settings = wire.read(act.ZoneSettings(ZONE), (replies / "zone_settings.json").read_bytes())

    result = judge(ZoneData(zone=ZONE, settings=settings, records=page.objs), RULES)

    assert [
        "SSL is flexible: the way from the proxy to the origin is not encrypted",
        "_dmarc.example.com has no TXT record that begins with v=DMARC1",
        "test2.example.com (A) points to 127.0.0.2, a loopback address (RFC 1122) that visitors cannot reach",
        "test3.example.com (A) points to 127.0.0.1, a loopback address (RFC 1122) that visitors cannot reach",
        "the web application firewall is off",
        "a passed challenge holds for 3,600 seconds, not 900 to 2700",
    ] == [finding.message for finding in result.findings]
    reasons = dict(result.not_checked)
    assert {rule.id for rule in RULES if not {*TODAYS}.isdisjoint(rule.needs)} | {
        "caa-missing",
        "hotlink-protection-off",
        "http2-off",
    } == reasons.keys()
    assert "version 1 of the API does not list CAA records, so none can be seen" == reasons["caa-missing"]
    assert "version 1 of the API has no setting min_tls_version" == reasons["tls-too-old"]


# -- anything that a service may send -----------------------------------------------------------------

_policies = st.sampled_from(["v=spf1 ", "v=DMARC1;p=", "v=DKIM1;p=", "v=spf1 ip4:1.2.3.4/", "128 "])
_words = (
    st.builds(str.__add__, _policies, st.text(max_size=8))
    | st.text(max_size=12)
    | st.sampled_from(["", ".", "*", '"', '"v=spf1', "::", "[10.0.0.1]", "fe80::1%1", "\\"])
)
_names = st.sampled_from([ZONE, f"www.{ZONE}", f"*.{ZONE}", f"_dmarc.{ZONE}", f"a.b.{ZONE}", "other.example"])
_records = st.builds(
    Record,
    rec_id=st.just("1"),
    name=_names | _words,
    type=st.sampled_from(["A", "AAAA", "CNAME", "MX", "NS", "TXT", "SPF", "SRV", "CAA", "NEWTYPE"]).map(RecordType),
    content=_names | _words,
    service_mode=st.none() | st.booleans(),
    prio=st.none() | st.integers(),
)


_odd_settings: Mapping[str, list[Any]] = {
    "ssl": [SslMode.OFF, SslMode(9)],
    "hsts": [Hsts(), Hsts(enabled=True, preload=True), Hsts(enabled=True, max_age=0)],
    "dnssec_status": ["active", "odd"],
    "universal_ssl": [True, False],
    "min_tls_version": ["1.0", "x"],
    "chl_ttl": [-1, 0, 10**9],
    "exp_ttl": [-1, 0, 10**9],
    "dev_mode": [True, datetime(2012, 8, 24, 0, 39, 50, tzinfo=UTC)],
}
_settings = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in _odd_settings.items()}
)


@given(st.lists(_records, max_size=12), _settings)
def test_nothing_makes_a_rule_fail(records: list[Record], settings: dict[str, Any]) -> None:
    """However odd records and settings are, the rules answer, and every finding has a sentence."""
    data = of(*records, **settings)

    result = judge(data, BY_ID.values())

    assert tuple(records) == result.records
    assert all(finding.message for finding in result.findings)
    assert [] == [reason for _, reason in result.not_checked if reason.startswith("fault in the rule")]


@given(st.lists(_records, max_size=12), st.randoms())
def test_the_order_of_records_does_not_matter(records: list[Record], random: Random) -> None:
    """The service gives them in any order, and two audits of one zone are alike."""
    shuffled = random.sample(records, len(records))

    assert judge(of(*records), RULES).findings == judge(of(*shuffled), RULES).findings


def test_policies_that_include_each_other_are_counted_only_so_far() -> None:
    """A zone is somebody's input: twenty names that each include all others are more ways than can be gone."""
    names = [f"n{number}" for number in range(20)]
    policy = f"v=spf1 {' '.join(f'include:{name}.{ZONE}' for name in names)} -all"
    data = of(txt("@", policy), *(txt(name, policy) for name in names))

    (rule,) = [rule for rule in RULES if rule.id == "spf-too-many-lookups"]
    found = judge(data, [rule]).findings

    assert 21 == len(found)
    assert {"100"} == {finding.message.split("at least ")[1].split(" ")[0] for finding in found}


@pytest.mark.parametrize(
    ("count", "settings", "reason"),
    [
        (200, {}, None),
        (201, {}, "version 1 of the API has no setting plan"),
        (3500, {"missing": {"plan": "refused"}}, "plan: refused"),
        (201, {"plan": "free"}, "the service did not report the setting created_on"),
        (1000, {"plan": "free", "missing": {"created_on": "unread"}}, "created_on: unread"),
        (201, {"plan": "lite"}, "nobody knows plan 'lite'"),
        (3500, {"plan": "enterprise"}, None),
    ],
)
def test_a_number_of_records_between_two_limits(count: int, settings: dict[str, Any], reason: str | None) -> None:
    """It is not checked, with the reason for which nobody knows; below both limits nobody has to."""
    (rule,) = [rule for rule in RULES if rule.id == "too-many-records"]

    result = judge(of(*[rec("a", "A", "93.184.216.34")] * count, **settings), [rule])

    most = "1,000" if settings.get("plan") == "free" else "3,500"
    words = f"whether 200 to {most} records are too many depends on the plan and on the zone's age; {reason}"
    assert ((), () if reason is None else ((rule.id, words),)) == (result.findings, result.not_checked)


def test_the_limit_of_the_enterprise_plan_is_agreed_upon() -> None:
    """So a zone beyond the usual number is not accused."""
    (rule,) = [rule for rule in RULES if rule.id == "too-many-records"]

    result = judge(of(*[rec("a", "A", "93.184.216.34")] * 3501, plan="enterprise"), [rule])

    words = "how many records beyond 3,500 a zone of the Enterprise plan may have is agreed upon"
    assert ((), ((rule.id, words),)) == (result.findings, result.not_checked)


def test_origins_are_found_in_time_that_grows_with_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is passed once, however many CNAMEs lead through it: a zone is somebody's input."""
    count = 200
    chain = [rec(f"n{number}", "CNAME", f"n{number + 1}.{ZONE}", on=True) for number in range(count)]
    data = of(*chain, rec(f"n{count}", "A", "93.184.216.34", on=True), rec("direct", "A", "93.184.216.34"))
    asked: list[str] = []
    answers = ZoneData.answers

    def counted(self: ZoneData, name: str, *types: RecordType | str) -> tuple[Record, ...]:
        asked.append(name)
        return answers(self, name, *types)

    monkeypatch.setattr(ZoneData, "answers", counted)

    (rule,) = [rule for rule in RULES if rule.id == "origin-exposed"]
    (finding,) = judge(data, [rule]).findings

    assert ("direct.example.com", "n0.example.com") == finding.records
    assert len(asked) <= 2 * count


def test_a_network_that_hides_many_origins_is_told_so_far() -> None:
    """A policy of a hundred networks before thousands of origins would be a report of nothing else."""
    origins = [rec(f"n{number:02}", "A", f"93.184.216.{number}", on=True) for number in range(20)]

    (rule,) = [rule for rule in RULES if rule.id == "origin-exposed-by-spf"]
    found = judge(of(*origins, txt("@", "v=spf1 ip4:93.184.216.0/24 -all")), [rule]).findings

    assert [f"n{number:02}.example.com" for number in range(8)] == [finding.records[1] for finding in found]
