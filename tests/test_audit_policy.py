"""Which rules are checked, rules of one's own, and what is known until a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import cfclient
from cfclient.audit import Exemption, Fault, Finding, Rule, Severity, Tally, Unseen, ZoneData, judge
from cfclient.audit.policy import KNOWN, Policy, joined, parse_policy, read_policy, selected
from cfclient.audit.rules import AREAS, OPTIONAL, RULES
from cfclient.backends.account import Account, Site, make_record, make_zone
from cfclient.backends.emulator import Emulator
from cfclient.errors import ConfigurationError
from cfclient.models import RecordType, SslMode
from tests.rule_cases import ORIGIN, ZONE, of, rec

TODAY = date(2026, 11, 24)
EXPOSED = of(rec("www", "A", ORIGIN, on=True), rec("direct", "A", ORIGIN), rec("ftp", "A", ORIGIN), ssl=SslMode.OFF)
BY_ID = {one.id: one for one in KNOWN}


def ids(rules: tuple[Rule, ...]) -> set[str]:
    return {one.id for one in rules}


# -- selecting ----------------------------------------------------------------------------------------


def test_by_default_the_optional_rules_are_left_out() -> None:
    """They are selected by name, or with all."""
    assert list(RULES) == list(selected(KNOWN))
    assert {one.id for one in OPTIONAL} == ids(selected(KNOWN)) ^ ids(selected(KNOWN, ["all"]))
    assert {"always-online-on"} == ids(selected(KNOWN, ["always-online-on"]))


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        (["mx-to-cname"], [], {"mx-to-cname"}),
        (["mx-"], ["mx-to-a"], {"mx-to-cname", "mx-to-nowhere", "mx-to-proxied"}),
        ([" CNAME , caa-dnssec"], ["dnssec"], {*[one.id for one in AREAS["cname"]], "caa-missing", "caa-invalid"}),
        (["mail"], ["medium,low", "info"], {"spf-several", "spf-open"}),
        (["critical"], [], set()),
    ],
)
def test_words_choose_rules(select: list[str], ignore: list[str], expected: set[str]) -> None:
    """Ids or their beginnings, areas and severities; what is ignored is ignored."""
    assert expected == ids(selected(KNOWN, select, ignore))


@pytest.mark.parametrize(("select", "ignore"), [(["spf-mising"], []), ([], ["spf-mising"])])
def test_a_word_that_means_no_rule_is_refused(select: list[str], ignore: list[str]) -> None:
    """With what was probably meant."""
    with pytest.raises(ConfigurationError, match=r"'spf-mising' means no rule \(did you mean 'spf-missing'\?\)"):
        selected(KNOWN, select, ignore)


def test_a_word_that_is_near_to_nothing_is_refused() -> None:
    """With what there is."""
    with pytest.raises(ConfigurationError, match=r"select '§§' means no rule: expected an id .* transport"):
        selected(KNOWN, ["§§"])


def test_severities_are_overridden_before_they_choose() -> None:
    """So that `--select high` is what is high here."""
    policy = Policy(severities={"waf-off": Severity.CRITICAL}, select=("critical",))

    (rule,) = policy.rules()

    assert ("waf-off", Severity.CRITICAL) == (rule.id, rule.severity)
    assert {"mx-to-cname"} == ids(policy.rules(select=["mx-to-cname"]))
    assert () == policy.rules(ignore=["waf-off"])


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (Policy(severities={"waf-of": Severity.LOW}), r"severity of 'waf-of': .*did you mean 'waf-off'"),
        (
            Policy(exemptions=(Exemption(zone=ZONE, rule="§", reason="x", until=TODAY),)),
            "exception in example.com for '§': there is no such rule; cfclient rules lists them",
        ),
    ],
)
def test_what_is_said_of_no_rule_is_refused(policy: Policy, message: str) -> None:
    """A slip of the pen must not be silent."""
    with pytest.raises(ConfigurationError, match=message):
        policy.rules()


# -- exceptions ---------------------------------------------------------------------------------------


def exemption(**more: Any) -> Exemption:
    return Exemption(**{"zone": ZONE, "rule": "origin-exposed", "reason": "a honeypot", "until": TODAY, **more})


def messages(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.records[0] for finding in findings]


def test_an_excepted_finding_is_counted_apart() -> None:
    """With the exception; it is neither a finding nor lost."""
    tally = Tally(1)

    result = judge(EXPOSED, [BY_ID["origin-exposed"]], exemptions=[exemption()], today=TODAY)
    tally.add(result)

    assert () == result.findings
    assert ["direct.example.com", "ftp.example.com"] == messages(tuple(one.finding for one in result.excepted))
    assert {exemption()} == {one.exemption for one in result.excepted}
    assert ({"origin-exposed": 2}, {}, 0) == (
        tally.summary.excepted,
        tally.summary.by_rule,
        tally.summary.findings,
    )


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ({"record": "Direct.example.com."}, ["ftp.example.com"]),
        ({"zone": "EXAMPLE.com."}, []),
        ({"zone": "example.net"}, ["direct.example.com", "ftp.example.com"]),
        ({"rule": "origin-exposed-by-mx"}, ["direct.example.com", "ftp.example.com"]),
        ({"record": "other.example.com"}, ["direct.example.com", "ftp.example.com"]),
    ],
)
def test_an_exception_covers_what_it_names(more: dict[str, Any], left: list[str]) -> None:
    """The zone, the rule, and the record where one is named, as the DNS compares names."""
    result = judge(EXPOSED, [BY_ID["origin-exposed"]], exemptions=[exemption(**more)], today=TODAY)

    assert left == messages(result.findings)


def test_an_exception_that_has_run_out_silences_nothing() -> None:
    """And the finding says so."""
    yesterday = exemption(until=date(2026, 11, 23))

    result = judge(EXPOSED, [BY_ID["origin-exposed"]], exemptions=[yesterday], today=TODAY)

    assert () == result.excepted
    assert {"the exception for it ran out on 2026-11-23: a honeypot"} == {one.note for one in result.findings}
    assert (yesterday,) == Policy(exemptions=(yesterday, exemption())).expired(TODAY)


def test_of_several_exceptions_the_longest_holds() -> None:
    """A new one may stand beside the old one."""
    both = [exemption(until=date(2026, 1, 1)), exemption(reason="still", until=date(2027, 1, 1))]

    result = judge(EXPOSED, [BY_ID["origin-exposed"]], exemptions=both, today=TODAY)

    assert {"still"} == {one.exemption.reason for one in result.excepted}


def test_without_a_day_it_is_today() -> None:
    """Whatever day that is."""
    result = judge(EXPOSED, [BY_ID["origin-exposed"]], exemptions=[exemption(until=date.max)])

    assert () == result.findings


# -- what config.toml says ----------------------------------------------------------------------------

TEXT = """
[profiles.default]
url = "emulator:"

[audit]
select = ["mail", "origin"]
ignore = ["dmarc-none"]

[audit.severity]
spf-missing = "high"

[[audit.exceptions]]
zone = "bücher.example"
rule = "origin-exposed"
record = "direct.example.com"
reason = "a honeypot"
until = 2027-03-31

[[audit.exceptions]]
zone = "example.com"
rule = "spf-missing"
reason = "sends no mail"
until = 2027-03-31
"""


def test_a_policy_is_read(tmp_path: Path) -> None:
    """As the module shows it; a file that is not there says nothing."""
    path = tmp_path / "config.toml"
    path.write_text(TEXT, encoding="utf-8")
    until = date(2027, 3, 31)

    policy = read_policy(path)

    assert policy == Policy(
        select=("mail", "origin"),
        ignore=("dmarc-none",),
        severities={"spf-missing": Severity.HIGH},
        exemptions=(
            exemption(zone="xn--bcher-kva.example", record="direct.example.com", until=until),
            exemption(rule="spf-missing", reason="sends no mail", until=until),
        ),
    )
    assert Policy() == read_policy(tmp_path / "none.toml") == parse_policy({})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("audit = 1", r"audit: expected a table such as \[audit\]"),
        ("[audit]\nselekt = []", "'selekt' is not known; known are select, ignore, severity, exceptions"),
        ("[audit]\nselect = 'mail'", r"select: expected a list of words such as \[\"mail\", \"high\"\]"),
        ("[audit]\nignore = [1]", "ignore: expected a list of words"),
        ("[audit]\nseverity = 1", r"severity: expected a table such as \[audit.severity\]"),
        ("[audit.severity]\nwaf-off = 'bad'", "severity of 'waf-off': expected one of info, low"),
        ("[audit]\nexceptions = 1", r"exceptions: expected tables such as \[\[audit.exceptions\]\]"),
        ("[audit]\nexceptions = [1]", "exceptions: expected tables"),
        ("[[audit.exceptions]]\nzones = 'a.example'", "exception 1: 'zones' is not known; known are zone, rule"),
        ("[[audit.exceptions]]\nzone = 'a.example'", "exception 1: rule: expected text, got None"),
        (
            "[[audit.exceptions]]\nzone = 'a.example'\nrule = 'x'\nreason = ''\nuntil = 2027-01-01",
            "exception 1: reason is empty",
        ),
        (
            "[[audit.exceptions]]\nzone = 'a.example'\nrule = 'x'\nreason = 'y'\nuntil = '2027-01-01'",
            "exception 1: until: expected a day such as 2027-03-31, got '2027-01-01'",
        ),
        (
            "[[audit.exceptions]]\nzone = 'a.example'\nrule = 'x'\nreason = 'y'\nuntil = 2027-01-01T00:00:00Z",
            "exception 1: until: expected a day",
        ),
        (
            "[[audit.exceptions]]\nzone = 'a b'\nrule = 'x'\nreason = 'y'\nuntil = 2027-01-01",
            "exception 1: zone='a b' is not valid",
        ),
        ("[audit", "cannot be read"),
    ],
)
def test_a_policy_that_is_wrong_is_refused(text: str, message: str, tmp_path: Path) -> None:
    """With the file, the place and what would be right."""
    path = tmp_path / "config.toml"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=message) as caught:
        read_policy(path)
    assert str(path) in str(caught.value)


# -- rules of one's own -------------------------------------------------------------------------------


@cfclient.rule
def no_ftp(zone: ZoneData) -> Iterator[str]:
    """A name for FTP.

    Nobody should use it.
    """
    for record in zone.at(f"ftp.{zone.zone}", RecordType.A):
        yield f"{record.name} is still there"


@cfclient.rule(id="own-ssl", severity="critical", title="Own", why="w", mend="m", source="s", needs=["ssl"])
def checked(zone: ZoneData) -> Iterator[Fault | Unseen]:
    yield Fault(f"ssl is {zone.settings.ssl!r}", (zone.zone,))


def plain_function(zone: ZoneData) -> list[str]:
    return [f"{len(zone.records)} records"]


def test_a_function_becomes_a_rule() -> None:
    """Its name is the id and its first line the title; it can still be called."""
    assert ("no-ftp", "A name for FTP", Severity.MEDIUM) == (no_ftp.id, no_ftp.title, no_ftp.severity)
    assert ["ftp.example.com is still there"] == list(no_ftp(EXPOSED))
    assert ("own-ssl", "Own", Severity.CRITICAL, ("ssl",)) == (
        checked.id,
        checked.title,
        checked.severity,
        checked.needs,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"id": "No FTP"}, "a rule's id 'No FTP': expected small words joined by hyphens"),
        ({"id": ""}, "a rule's id ''"),
        ({"severity": "bad"}, "severity 'bad': expected one of info, low, medium, high, critical"),
        ({"needs": ["sssl"]}, "needs: 'sssl' is no field of ZoneSettings"),
        ({"consults": ["x"]}, "consults: 'x' is no field of ZoneSettings"),
    ],
)
def test_a_rule_that_is_none_is_refused(options: dict[str, Any], message: str) -> None:
    """When it is made, not in the middle of an audit."""
    with pytest.raises(ConfigurationError, match=message):
        cfclient.rule(**options)(plain_function)


def test_ids_do_not_clash() -> None:
    """Neither with ours nor with one's own."""
    with pytest.raises(ConfigurationError, match="two rules with the id 'ssl-off'"):
        joined(RULES, [cfclient.rule(id="ssl-off")(plain_function)])
    with pytest.raises(ConfigurationError, match="two rules with the id 'plain-function'"):
        joined((), [plain_function, plain_function])


@pytest.mark.anyio
async def test_an_audit_takes_rules_of_ones_own_and_exceptions() -> None:
    """Beside ours; functions, decorated or not."""
    records = (make_record(ZONE, RecordType.A, f"ftp.{ZONE}", ORIGIN, rec_id="1"),)
    emulator = Emulator([Account(sites=(Site(zone=make_zone(ZONE, zone_id="1"), records=records),))])
    known = exemption(rule="plain-function")

    async with cfclient.audit(
        emulator.connect(),
        rules=selected(KNOWN, ["ssl-not-strict"]),
        own_rules=[no_ftp, plain_function],
        exemptions=[known],
        today=TODAY,
    ) as run:
        (zone,) = [zone async for zone in run]

    assert {"ssl-not-strict", "no-ftp"} == {finding.rule for finding in zone.findings}
    assert ["1 records"] == [one.finding.message for one in zone.excepted]
    with pytest.raises(ConfigurationError, match="two rules"):
        cfclient.audit(emulator.connect(), own_rules=[no_ftp, no_ftp])
