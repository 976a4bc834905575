"""Reports: the documented shapes, the order, and what hostile text does not do."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cfclient.audit import RULES, Finding, Rule, Severity, Summary, Tally, ZoneAudit
from cfclient.audit.report import FORMATS, CsvReport, TableReport, reporter
from cfclient.audit.report.plain import unchecked_rows
from cfclient.errors import InvalidInput
from cfclient.harmless import harmless
from cfclient.models import Record, RecordType

RULE = Rule(id="r-1", severity=Severity.LOW, title="T", why="W", mend="M", source="S", check=lambda _: ())


def finding(zone: str, rule: str, severity: Severity, message: str, *records: str, mend: str = "Mend it.") -> Finding:
    """A finding with what a report shows of it."""
    return Finding(rule=rule, severity=severity, zone=zone, message=message, records=records, mend=mend)


RECORD = Record(rec_id="1", name="www.b.example", type=RecordType.A, content="198.51.100.1")
ZONES = [
    ZoneAudit(
        zone="b.example",
        records=(RECORD, RECORD),
        findings=(
            finding("b.example", "r-2", Severity.CRITICAL, "Worst, and [red]no markup[/red] :boom:", mend="Run."),
            finding("b.example", "r-1", Severity.LOW, 'Low, "quoted"', "www.b.example", "b.example"),
        ),
        not_checked=(("ssl-off", "not said"),),
    ),
    ZoneAudit(zone="c.example", failure="Invalid zone."),
    ZoneAudit(
        zone="a.example",
        records=(RECORD,),
        findings=(finding("a.example", "r-1", Severity.LOW, "Low."),),
        not_checked=(("ssl-off", "not said"),),
    ),
]


def summary_of(zones: Iterable[ZoneAudit], expected: int = 3) -> Summary:
    """The numbers of these zones."""
    tally = Tally(expected)
    for zone in zones:
        tally.add(zone)
    return tally.summary


def written(format_: str, zones: Iterable[ZoneAudit] = ZONES, **more: Any) -> str:
    """The whole text of a report."""
    stream, zones = io.StringIO(), list(zones)
    report = reporter(format_, stream, **more)
    for zone in zones:
        report.zone(zone)
    report.finish(summary_of(zones))
    return stream.getvalue()


SUMMARY = {
    "complete": False,
    "zones_expected": 3,
    "zones_read": 2,
    "zones_failed": 1,
    "zones_left": [],
    "records": 3,
    "findings": 3,
    "by_severity": {"critical": 1, "high": 0, "medium": 0, "low": 2, "info": 0},
    "by_rule": {"r-1": 2, "r-2": 1},
    "not_checked": {"ssl-off": 2},
}
ZONE_A = {
    "zone": "a.example",
    "records": 1,
    "findings": [{"rule": "r-1", "severity": "low", "message": "Low.", "records": []}],
    "not_checked": [{"rule": "ssl-off", "reason": "not said"}],
}
ZONE_B = {
    "zone": "b.example",
    "records": 2,
    "findings": [
        {
            "rule": "r-2",
            "severity": "critical",
            "message": "Worst, and [red]no markup[/red] :boom:",
            "records": [],
        },
        {
            "rule": "r-1",
            "severity": "low",
            "message": 'Low, "quoted"',
            "records": ["www.b.example", "b.example"],
        },
    ],
    "not_checked": [{"rule": "ssl-off", "reason": "not said"}],
}
FAILURE = {"zone": "c.example", "reason": "Invalid zone."}
RULE_ENTRY = {"id": "r-1", "severity": "low", "title": "T", "why": "W", "mend": "M", "source": "S"}


# -- JSON ---------------------------------------------------------------------------------------------


def test_json_is_one_object_of_the_documented_shape() -> None:
    """Summary, rules, the zones that were read by name, and those that were not with the reason."""
    text = written("json", rules=[RULE])

    assert json.loads(text) == {
        "schema_version": 1,
        "summary": SUMMARY,
        "rules": [RULE_ENTRY],
        "zones": [ZONE_A, ZONE_B],
        "failures": [FAILURE],
    }
    assert text.endswith("}\n")


def test_json_is_the_same_whatever_finished_first() -> None:
    """Two audits of the same state can be compared as text."""
    assert written("json") == written("json", reversed(ZONES))


def test_json_lists_the_rules_that_were_looked_for() -> None:
    """All of them where nothing else is said: what is not found was checked all the same."""
    assert [rule.id for rule in RULES] == [rule["id"] for rule in json.loads(written("json"))["rules"]]


def test_jsonl_writes_each_zone_at_once() -> None:
    """A line a zone in the order in which they finish, the summary last."""
    stream = io.StringIO()
    report = reporter("jsonl", stream, rules=[RULE])
    lines: list[Any] = []

    for zone in ZONES:
        report.zone(zone)
        lines.append(json.loads(stream.getvalue().splitlines()[-1]))
    report.finish(summary_of(ZONES))
    lines.append(json.loads(stream.getvalue().splitlines()[-1]))

    assert lines == [
        {"kind": "zone", **ZONE_B},
        {"kind": "failure", **FAILURE},
        {"kind": "zone", **ZONE_A},
        {"kind": "summary", "schema_version": 1, "summary": SUMMARY, "rules": [RULE_ENTRY]},
    ]
    assert 4 == len(stream.getvalue().splitlines())


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_json_is_ascii_and_loses_nothing(format_: str) -> None:
    """No terminal and no encoding can change it, and a reader gets the text as it was sent."""
    hostile = "\x1b[31m\u202e\x9b \ud800 ü"
    zone = ZoneAudit(zone="a.example", findings=(finding("a.example", "r", Severity.LOW, hostile),))

    text = written(format_, [zone])

    assert text.isascii()
    assert "\x1b" not in text
    first = json.loads(text if format_ == "json" else text.splitlines()[0])
    (entry,) = first["zones"][0]["findings"] if format_ == "json" else first["findings"]
    assert hostile == entry["message"]


# -- CSV ----------------------------------------------------------------------------------------------


def test_csv_is_a_row_a_finding() -> None:
    """And a row for each zone that could not be read."""
    assert list(csv.reader(io.StringIO(written("csv")))) == [
        ["zone", "rule", "severity", "message", "records"],
        ["b.example", "r-2", "critical", "Worst, and [red]no markup[/red] :boom:", ""],
        ["b.example", "r-1", "low", 'Low, "quoted"', "www.b.example b.example"],
        ["c.example", "not-read", "", "Invalid zone.", ""],
        ["a.example", "r-1", "low", "Low.", ""],
    ]


def test_csv_is_written_as_zones_finish() -> None:
    """The header first, even if nothing is found."""
    stream = io.StringIO()

    report = CsvReport(stream)
    header = stream.getvalue()
    report.zone(ZONES[1])

    assert header == "zone,rule,severity,message,records\n"
    assert stream.getvalue() == header + "c.example,not-read,,Invalid zone.,\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1"])
def test_no_cell_begins_like_a_formula(text: str) -> None:
    """A spreadsheet that opens the file runs nothing that a record's content says."""
    zone = ZoneAudit(zone=text, findings=(finding(text, "r", Severity.LOW, text, text),))

    (_, row) = csv.reader(io.StringIO(written("csv", [zone])))

    cell = "'" + harmless(text)
    assert row == [cell, "r", "low", cell, cell]


# -- text that people see -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud83d", "\\ud83d"),
        ("grün 日本 🐍", "grün 日本 🐍"),
    ],
)
def test_what_steers_a_terminal_is_shown_as_an_escape(text: str, shown: str) -> None:
    """Everything else stays as it is."""
    assert shown == harmless(text)


@given(st.text())
def test_harmless_text_prints(text: str) -> None:
    """It can be encoded, it stays in its line, and it is harmless already."""
    shown = harmless(text)

    assert len(shown.encode().decode().splitlines()) <= 1
    assert shown == harmless(shown)


TABLE = """\
2 of 3 zones read, 3 records, 3 findings
INCOMPLETE: 1 zone not read
       1 critical
       2 low

Findings, worst first
severity   zone        what is wrong
───────────────────────────────────────────────────────────────────
critical   b.example   Worst, and [red]no markup[/red] :boom: (r-2)
low        a.example   Low. (r-1)
low        b.example   Low, "quoted" (r-1)

How to mend
rule   what to do
─────────────────
r-1    Mend it.
r-2    Run.

Not checked
why        zones   rules
──────────────────────────
not said   2       ssl-off

Zones that could not be read
zone        why
─────────────────────────
c.example   Invalid zone.
"""


def test_the_table_shows_the_summary_then_the_worst_first() -> None:
    """Then how to mend it, what was not checked, and what could not be read."""
    stream = io.StringIO()
    written("table", console=Console(file=stream, width=100))
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]

    assert TABLE.splitlines() == lines


def test_a_table_without_findings_is_a_summary() -> None:
    """No empty table is shown."""
    stream = io.StringIO()

    report = TableReport(Console(file=stream, width=100))
    report.zone(ZoneAudit(zone="a.example", records=(RECORD,)))
    report.finish(Summary(zones_expected=1, zones_read=1, records=1))

    assert "1 of 1 zone read, 1 record, 0 findings\n" == stream.getvalue()


@pytest.mark.parametrize(("height", "terminal", "times"), [(100, True, 1), (12, True, 2), (12, False, 1)])
def test_what_tables_come_to_is_said_again_where_it_left_the_screen(height: int, terminal: bool, times: int) -> None:
    """At the end, where it is seen; in a pipe there is no screen."""
    stream = io.StringIO()
    written("table", console=Console(file=stream, width=100, height=height, force_terminal=terminal, color_system=None))
    lines = stream.getvalue().splitlines()

    assert times == lines.count("2 of 3 zones read, 3 records, 3 findings")
    assert (times == 2) == (lines[-1] == lines[0])


def test_a_table_says_how_much_is_known() -> None:
    """What exceptions cover is no finding, and is not forgotten."""
    stream = io.StringIO()

    report = TableReport(Console(file=stream, width=100))
    report.finish(Summary(zones_expected=1, zones_read=1, records=1, excepted={"a": 2, "b": 1}))

    assert "     3 known, until the exceptions for them run out\n" == stream.getvalue().partition("\n")[2][2:]


@pytest.mark.parametrize("width", [40, 60, 200])
def test_a_table_fits_its_width(width: int) -> None:
    """Long texts are folded, and lose nothing."""
    stream = io.StringIO()
    zone = ZoneAudit(zone="a.example", findings=(finding("a.example", "r", Severity.HIGH, "q" * 150),))

    report = TableReport(Console(file=stream, width=width))
    report.zone(zone)
    report.finish(summary_of([zone], 1))

    assert max(len(line) for line in stream.getvalue().splitlines()) <= width
    assert 150 == stream.getvalue().count("q")


def test_a_table_steers_no_terminal() -> None:
    """Colours come from rich, never from a record, and neither does markup."""
    stream = io.StringIO()
    hostile = "\x1b]0;title\x07 [bold]x[/bold] [/]"
    zones = [
        ZoneAudit(zone="a.example", findings=(finding("a.example", "r", Severity.HIGH, hostile),)),
        ZoneAudit(zone="b.example", failure=hostile),
    ]

    report = TableReport(Console(file=stream, width=200, color_system="standard", force_terminal=True))
    for zone in zones:
        report.zone(zone)
    report.finish(summary_of(zones, 2))

    assert "\x1b[31mhigh" in stream.getvalue()
    assert "\x1b]" not in stream.getvalue()
    assert 2 == stream.getvalue().count("\\x1b]0;title\\x07 [bold]x[/bold] [/]")


# -- choosing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_writes_to_its_stream(format_: str) -> None:
    """And names each zone that was read with a finding, and each that was not."""
    text = written(format_)

    assert all(zone.zone in text for zone in ZONES)


def test_an_unknown_format_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(InvalidInput, match="format='xml' is not valid: expected one of table, json, jsonl, csv"):
        reporter("xml", io.StringIO())


def test_what_was_not_checked_stands_by_its_reason() -> None:
    """Settings that are missing for one reason are one row, however they are called, and not a row for each rule."""
    old = "version 1 of the API has no setting"
    reasons = {
        ("hsts-off", f"{old} hsts"): 25,
        ("tls-1-3-off", f"{old} tls_1_3; {old} hsts"): 25,
        ("ssl-off", "the service did not report the setting ssl"): 2,
        ("waf-off", "the service did not report the setting waf_profile"): 2,
        ("http2-off", "the service did not report the setting spdy"): 1,
        ("dnssec-off", "dnssec_status: 403; not allowed"): 25,
        ("bot-fight-mode-off", "bot_fight_mode: 403; not allowed"): 25,
        ("caa-missing", "caa: no; hsts: no"): 4,
        ("own", "elsewhere: as it is"): 3,
        ("too-many-records", f"it depends on the plan; {old} plan"): 3,
    }

    assert [
        ("403; not allowed", "25", "bot-fight-mode-off, dnssec-off"),
        ("version 1 of the API has no such setting", "25", "hsts-off, tls-1-3-off"),
        ("caa: no; hsts: no", "4", "caa-missing"),
        ("elsewhere: as it is", "3", "own"),
        ("it depends on the plan; version 1 of the API has no setting plan", "3", "too-many-records"),
        ("the service did not report the setting", "2", "ssl-off, waf-off"),
        ("the service did not report the setting", "1", "http2-off"),
    ] == unchecked_rows(reasons)


def test_a_sentence_that_is_said_of_many_zones_is_one_row_on_a_terminal() -> None:
    """Up to three have their own; in a pipe all have, in the order of their zones."""

    def rows(number: int, *, terminal: bool) -> list[str]:
        stream = io.StringIO()
        report = TableReport(Console(file=stream, width=100, force_terminal=terminal, color_system=None, height=200))
        tally = Tally(number)
        for name in "abcdefgh"[:number]:
            found = [
                Finding(rule="r-1", severity=Severity.LOW, zone=name, message=words)
                for words in ("Bad.", f"{name}!", f"{name} has none")
            ]
            zone = ZoneAudit(zone=name, findings=tuple(found))
            report.zone(zone)
            tally.add(zone)
        report.finish(tally.summary)
        return [" ".join(line.split()[1:]) for line in stream.getvalue().splitlines() if line.startswith("low ")]

    own = ["a a! (r-1)", "b b! (r-1)", "c c! (r-1)", "d d! (r-1)"]
    each = ["a Bad. (r-1)", "a a has none (r-1)", "a a! (r-1)", "b Bad. (r-1)"]
    assert {"a and 3 more Bad. (r-1)", "a and 3 more it has none (r-1)", *own} == set(rows(4, terminal=True))
    assert set(rows(3, terminal=False)) == set(rows(3, terminal=True))
    assert each == rows(4, terminal=False)[:4]
    assert 24 == len(rows(8, terminal=False))


@pytest.mark.parametrize("format_", ["table", "csv", "markdown"])
def test_that_an_exception_has_run_out_is_said(format_: str) -> None:
    """Beside the finding that it covered."""
    stream = io.StringIO()
    note = "the exception for it ran out on 2026-01-01: moving"
    finding = Finding(rule="r-1", severity=Severity.LOW, zone="a.example", message="Bad.", note=note)
    zone, tally = ZoneAudit(zone="a.example", findings=(finding,)), Tally(1)
    tally.add(zone)
    report = reporter(format_, stream, console=Console(file=stream, width=200) if format_ == "table" else None)
    report.zone(zone)
    report.finish(tally.summary)

    assert f"Bad. ({note})" in stream.getvalue().replace("\\", "")
