"""Differences between two audits: the laws of the comparison, the files, the forms, and the command."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from cfclient.audit import Finding, Severity, Tally, ZoneAudit
from cfclient.audit.diff import (
    FORMATS,
    Changed,
    Difference,
    Entry,
    Found,
    NotKnown,
    Snapshot,
    State,
    compare,
    read,
    write,
)
from cfclient.audit.report import reporter
from cfclient.cli import main
from cfclient.errors import ConfigurationError, InvalidInput
from cfclient.models import Record, RecordType, SecurityLevel, SslMode, ZoneSettings


def wide(stream: io.StringIO) -> Console:
    """A console on which nothing is folded."""
    return Console(file=stream, width=300)


# -- the laws -----------------------------------------------------------------------------------------

ENTRIES = st.builds(
    Entry,
    name=st.sampled_from(["a.example", "www.a.example"]),
    type=st.sampled_from(["A", "MX"]),
    content=st.sampled_from(["1", "2", "3"]),
    prio=st.sampled_from([-1, 10]),
    ttl=st.sampled_from([0, 300]),
    proxy=st.sampled_from(["", "proxied"]),
)
FOUND = st.builds(
    Found,
    rule=st.sampled_from(["r", "s"]),
    severity=st.sampled_from(["low", "high"]),
    message=st.sampled_from(["Bad.", "bad", "worse"]),
)
STATES = st.builds(
    State,
    findings=st.lists(FOUND, max_size=4).map(tuple),
    not_checked=st.frozensets(st.sampled_from(["r", "s"])),
    records=st.lists(ENTRIES, max_size=7).map(tuple) | st.none(),
    settings=st.dictionaries(st.sampled_from(["ssl", "bic"]), st.sampled_from([0, 1, True, "x"])),
)
NAMES = st.sampled_from(["a.example", "b.example", "c.example"])
SNAPSHOTS = st.builds(
    Snapshot,
    zones=st.dictionaries(NAMES, STATES, min_size=1),
    failures=st.dictionaries(NAMES, st.just("Invalid zone.")),
    complete=st.booleans(),
    rules=st.frozensets(st.sampled_from(["r", "s"])),
)


@given(SNAPSHOTS)
def test_nothing_differs_from_itself(snapshot: Snapshot) -> None:
    """Whatever it holds, and whether or not it is complete."""
    assert 0 == compare(snapshot, snapshot).count
    assert () == compare(snapshot, snapshot).zones


@given(SNAPSHOTS, SNAPSHOTS)
def test_the_way_back_is_the_mirror(one: Snapshot, other: Snapshot) -> None:
    """What is added in the one direction is removed in the other, and no pairing depends on the direction."""
    forth, back = compare(one, other), compare(other, one)

    assert forth.mirrored().zones == back.zones
    assert forth.mirrored().not_known == back.not_known
    assert forth.count == back.count
    assert forth.not_compared.keys() == back.not_compared.keys()
    assert forth.mirrored().mirrored() == forth


TOLD = ENTRIES.map(lambda entry: attrs.evolve(entry, proxy=entry.proxy or "not proxied"))


@given(st.lists(TOLD, max_size=8), st.lists(TOLD, max_size=8))
def test_a_difference_leads_from_old_to_new(old: list[Entry], new: list[Entry]) -> None:
    """Applied to the old records it gives the new ones, however they are paired."""
    zones = compare(
        Snapshot(zones={"a": State(records=tuple(old), settings={})}),
        Snapshot(zones={"a": State(records=tuple(new), settings={})}),
    ).zones

    after = list(old)
    for zone in zones:
        for gone in (*zone.records_removed, *(changed.old for changed in zone.records_changed)):
            after.remove(gone)
        after += [*zone.records_added, *(changed.new for changed in zone.records_changed)]
        assert not {(e.name, e.type) for e in zone.records_removed} & {(e.name, e.type) for e in zone.records_added}
    assert sorted(new) == sorted(after)


def entry(content: str, **more: Any) -> Entry:
    """An address record."""
    return Entry(name="a.example", type="A", content=content, **more)


def test_records_with_one_content_are_one_record() -> None:
    """A ttl that changed is a change, not a removal and an addition, whatever else changed beside it."""
    old = State(records=(entry("1", ttl=300), entry("2"), entry("3")), settings={})
    new = State(records=(entry("9"), entry("1"), entry("3")), settings={})

    (zone,) = compare(Snapshot(zones={"a": old}), Snapshot(zones={"a": new})).zones

    assert (Changed(entry("1", ttl=300), entry("1")), Changed(entry("2"), entry("9"))) == zone.records_changed
    assert ((), ()) == (zone.records_added, zone.records_removed)
    assert (Changed(entry("1"), entry("1", ttl=300)), Changed(entry("9"), entry("2"))) == (
        zone.mirrored().records_changed
    )


def test_the_mirror_names_the_other_side() -> None:
    """As the one that cannot tell."""
    forth = Difference(not_known=(NotKnown(side="old", kind="rule", name="www", zones=2),), complete=False)

    back = attrs.evolve(forth, not_known=(NotKnown(side="new", kind="rule", name="www", zones=2),))
    assert (back, forth) == (forth.mirrored(), back.mirrored())


def test_what_was_not_read_is_neither_gone_nor_new() -> None:
    """A zone that failed, or that an incomplete side does not have; one that a complete side lacks is gone."""
    whole = Snapshot(zones={name: State() for name in "abc"})
    partial = Snapshot(zones={"a": State()}, failures={"b": "Invalid zone."}, complete=False)

    difference = compare(whole, partial)
    shown = io.StringIO()
    write("table", shown, difference, console=wide(shown))

    assert {"b": "Invalid zone.", "c": "one side is not complete, and does not have it"} == difference.not_compared
    assert (0, False) == (difference.count, difference.complete)
    assert "INCOMPLETE: a side had not read all of its zones\nnot compared: b: Invalid zone.\n" in shown.getvalue()
    assert ["removed", "removed"] == [zone.status for zone in compare(whole, Snapshot(zones={"a": State()})).zones]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (entry("1"), entry("1", proxy="proxied"), []),
        (entry("1", ttl=60), entry("1", ttl=300, proxy="proxied"), [("ttl 60", "ttl 300")]),
        (entry("1", proxy="not proxied"), entry("1", proxy="proxied"), [("not proxied", "proxied")]),
    ],
)
def test_a_proxy_that_one_side_was_not_told_of_is_no_change(
    old: Entry, new: Entry, expected: list[tuple[str, str]]
) -> None:
    """One that changed is."""
    stream = io.StringIO()
    difference = compare(
        Snapshot(zones={"a": State(records=(old,), settings={})}),
        Snapshot(zones={"a": State(records=(new,), settings={})}),
    )
    write("markdown", stream, difference)

    lines = [line.split(" | ") for line in stream.getvalue().splitlines() if line.startswith("| `~`")]
    assert expected == [(before, after.removesuffix(" |")) for _, _, before, after in lines]
    assert len(expected) == difference.count


def test_rules_that_one_side_did_not_look_for_are_not_compared() -> None:
    """As with --select, or a cfclient that has rules more; own rules that no side lists are."""
    found = tuple(Found(rule=rule, severity="low", message="Bad.") for rule in ("mx", "www", "own"))
    few = Snapshot(zones={"a": State()}, rules=frozenset({"mx"}))
    many = Snapshot(zones={"a": State(findings=found)}, rules=frozenset({"mx", "www"}))

    difference = compare(few, many)

    assert ["mx", "own"] == [one.rule for one in difference.zones[0].findings_new]
    assert (NotKnown(side="old", kind="rule", name="www"),) == difference.not_known
    assert ["mx", "own", "www"] == sorted(
        one.rule for one in compare(few, attrs.evolve(many, rules=frozenset())).zones[0].findings_new
    )


# -- the files ----------------------------------------------------------------------------------------

SETTINGS = ZoneSettings(ssl=SslMode.FULL, sec_lvl=SecurityLevel.HIGH)
RECORDS = (
    Record(rec_id="1", name="www.a.example", type=RecordType.A, content="192.0.2.1", ttl=300, service_mode=True),
    Record(rec_id="2", name="a.example", type=RecordType.MX, content="mail.a.example", ttl=1, prio=10),
    Record(rec_id="3", name="a.example", type=RecordType.TXT, content="v=spf1 -all", auto_ttl=True),
    Record(rec_id="4", name="v6.a.example", type=RecordType.AAAA, content="2001:db8::1"),
)
FINDING = Finding(
    rule="mx", severity=Severity.HIGH, zone="a.example", message="The MX mail.a.example is bad", records=("a.example",)
)
ZONE = ZoneAudit(zone="a.example", settings=SETTINGS, records=RECORDS, findings=(FINDING,))


def file(
    path: Path, zones: Iterable[ZoneAudit], format_: str = "jsonl", *, with_records: bool = True, finish: bool = True
) -> Path:
    """An audit's file."""
    zones = list(zones)
    tally = Tally(len(zones))
    with path.open("w", encoding="utf-8") as stream:
        report = reporter(format_, stream, with_records=with_records)
        for zone in zones:
            report.zone(zone)
            tally.add(zone)
        if finish:
            report.finish(tally.summary)
    return path


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_both_forms_hold_the_same(tmp_path: Path, format_: str) -> None:
    """Zones, findings, records, settings and failures."""
    failed = ZoneAudit(zone="b.example", failure="Invalid zone.")

    snapshot = read(file(tmp_path / "audit", [ZONE, failed], format_))

    assert {"b.example": "Invalid zone."} == snapshot.failures
    assert not snapshot.complete
    (state,) = snapshot.zones.values()
    assert {"ssl": 2, "sec_lvl": "high"} == state.settings
    assert (Found(rule="mx", severity="high", message=FINDING.message, records=("a.example",)),) == state.findings
    assert state.records is not None
    assert Entry(name="a.example", type="MX", content="mail.a.example", prio=10) == state.records[1]
    assert Entry(name="www.a.example", type="A", content="192.0.2.1", ttl=300, proxy="proxied") == state.records[0]


@pytest.mark.parametrize(
    "other",
    [
        {"records": tuple(reversed(RECORDS))},
        {"records": tuple(replace(record, rec_id="9", rec_hash="x", ttl_ceil=7) for record in RECORDS)},
        {"records": tuple(replace(record, name=record.name.upper() + ".") for record in RECORDS)},
        {"records": (*RECORDS[:1], replace(RECORDS[1], ttl=None, auto_ttl=True), *RECORDS[2:])},
        {"records": (*RECORDS[:1], replace(RECORDS[1], content="MAIL.A.example."), *RECORDS[2:])},
        {"records": (*RECORDS[:2], replace(RECORDS[2], content='"v=spf1 " "-all"', ttl=1), RECORDS[3])},
        {"records": (*RECORDS[:3], replace(RECORDS[3], content="2001:DB8:0:0::0001"))},
        {"zone": "A.example."},
        {"findings": (attrs.evolve(FINDING, message="the MX Mail.a.example. is bad", records=("A.example.",)),)},
    ],
    ids=["order", "ids", "case and dots of names", "ttl", "case of hosts", "quotes", "address", "zone", "finding"],
)
def test_two_forms_of_the_same_are_no_difference(tmp_path: Path, other: dict[str, Any]) -> None:
    """Order, ids, ttl 1 and automatic, case, final dots, and how an address or a text is spelt."""
    old = read(file(tmp_path / "old", [ZONE]))
    new = read(file(tmp_path / "new", [attrs.evolve(ZONE, **other)]))

    assert Difference() == compare(old, new)


CASE_MATTERS = {"records": (*RECORDS[:2], replace(RECORDS[2], content="v=SPF1 -all"), RECORDS[3])}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"records": RECORDS[1:]}, "- A www.a.example 192.0.2.1 (ttl 300, proxied)"),
        ({"records": (replace(RECORDS[0], ttl=120), *RECORDS[1:])}, "~ A www.a.example 192.0.2.1 ttl 300 ttl 120"),
        ({"records": (replace(RECORDS[0], service_mode=False), *RECORDS[1:])}, "192.0.2.1 proxied not proxied"),
        (CASE_MATTERS, "v=SPF1 -all"),
        ({"settings": attrs.evolve(SETTINGS, ssl=SslMode.OFF)}, "~ setting ssl 2 0"),
        (
            {"settings": attrs.evolve(SETTINGS, bic=True)},
            "not known in OLD, where it was not reported: setting bic (1 zone)",
        ),
        ({"settings": attrs.evolve(SETTINGS, ssl=None)}, "not known in NEW, where it was not reported: setting ssl"),
        ({"not_checked": (("mx", "why"),)}, "no difference"),
        ({"not_checked": (("mx", "why"),), "findings": ()}, "not known in NEW, where it was not checked: rule mx (1"),
        ({"findings": ()}, "- finding mx high: The MX mail.a.example is bad"),
        ({"findings": (attrs.evolve(FINDING, severity=Severity.LOW),)}, "+ finding mx low:"),
    ],
)
def test_a_difference_is_shown(tmp_path: Path, other: dict[str, Any], expected: str) -> None:
    """With its mark, what it is about, and what was and is."""
    stream = io.StringIO()
    old = read(file(tmp_path / "old", [ZONE]))
    new = read(file(tmp_path / "new", [attrs.evolve(ZONE, **other)]))

    write("table", stream, console=wide(stream), difference=compare(old, new))

    lines = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert any(expected in line for line in lines), lines


def test_without_records_only_findings_are_compared(tmp_path: Path) -> None:
    """And it is said."""
    old = read(file(tmp_path / "old", [ZONE], with_records=False))
    new = read(file(tmp_path / "new", [attrs.evolve(ZONE, records=(), findings=())]))
    stream = io.StringIO()

    difference = compare(old, new)
    write("table", stream, console=wide(stream), difference=difference)

    assert (1, ("a.example",)) == (difference.count, difference.findings_only)
    assert "only findings compared in 1 zone: a side carries no records" in stream.getvalue()


def test_a_zone_seen_through_two_accounts_is_two(tmp_path: Path) -> None:
    """Where a file says through which."""
    path = tmp_path / "both.jsonl"
    zones = [{"kind": "zone", "zone": "a.example", "account": account} for account in ("one", "two")]
    end = {"kind": "summary", "schema_version": 1, "summary": {"complete": True}}
    path.write_text("".join(json.dumps(line) + "\n" for line in [*zones, end]))

    assert ["one: a.example", "two: a.example"] == list(read(path).zones)


@pytest.mark.parametrize("cut", ["", '{"kind": "zo', '{"kind": "zone", "zone": "b'])
def test_a_file_that_was_broken_off_is_not_complete(tmp_path: Path, cut: str) -> None:
    """What it has is read."""
    path = file(tmp_path / "audit", [ZONE], finish=False)
    path.write_text(path.read_text() + cut)

    snapshot = read(path)

    assert (["a.example"], False) == (list(snapshot.zones), snapshot.complete)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has no zone and no summary"),
        ("zone,rule\n", "is no audit in JSON or JSON Lines"),
        ("[]\n", "a line is no object with a kind"),
        ('{"kind": 7}\n', "a line is no object with a kind"),
        ('{"kind": "other"}\n', "it has no zone and no summary"),
        ('{"schema_version": 1}', "missing required field `summary`"),
        ('{"schema_version": 1, "summary": {"complete": 7}}', r"Expected `bool`, got `int` - at `\$.summary.complete`"),
        ('{"kind": "zone", "zone": 7}\n', r"Expected `str`, got `int` - at `\$.zones\[0\].zone`"),
        (
            '{"schema_version": 2, "summary": {"complete": true}}',
            "has the schema version 2; this cfclient reads up to 1",
        ),
        ("[" * 100_000, "is no audit in JSON or JSON Lines"),
    ],
)
def test_a_file_that_is_no_audit_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """With its name, and where it is wrong."""
    path = tmp_path / "file.json"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Missing, or no text."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    for name, reason in (("missing", "No such file or directory"), ("binary", "it is no UTF-8")):
        with pytest.raises(ConfigurationError, match=f"{name} cannot be read: {reason}"):
            read(tmp_path / name)


# -- the forms ----------------------------------------------------------------------------------------

OLD = Snapshot(
    zones={
        "a.example": State(
            records=(entry("1"),), settings={"ssl": 2}, findings=(Found(rule="r", severity="low", message="Bad."),)
        ),
        "gone.example": State(),
    },
)
NEW = Snapshot(
    zones={
        "a.example": State(
            records=(entry("1", ttl=60), entry("2", prio=5, proxy="not proxied")),
            settings={"ssl": 1, "bic": True},
        ),
        "new|.example": State(records=(entry("3"),), settings={}),
    },
    failures={"x.example": "Invalid zone."},
    complete=False,
)


def written(format_: str, **more: Any) -> str:
    stream = io.StringIO()
    write(format_, stream, compare(attrs.evolve(OLD, complete=True), attrs.evolve(NEW, complete=True)), **more)
    return stream.getvalue()


def test_json_says_it_all() -> None:
    """Of the documented shape, and all ASCII."""
    value = json.loads(written("json"))

    first, gone, new = value["zones"]
    record = {"name": "a.example", "type": "A", "content": "1", "prio": None, "ttl": None, "proxied": None}
    assert {"schema_version": 1, "complete": True, "differences": 7} == {
        key: value[key] for key in ("schema_version", "complete", "differences")
    }
    assert {
        "zone": "a.example",
        "status": "changed",
        "records": {
            "added": [{**record, "content": "2", "prio": 5, "proxied": False}],
            "removed": [],
            "changed": [{"old": record, "new": {**record, "ttl": 60}}],
        },
        "settings": [{"setting": "ssl", "old": 2, "new": 1}],
        "findings": {"new": [], "gone": [{"rule": "r", "severity": "low", "message": "Bad.", "records": []}]},
    } == first
    assert ("removed", "added") == (gone["status"], new["status"])
    assert [{**record, "content": "3"}] == new["records"]["added"]
    assert [{"zone": "x.example", "reason": "Invalid zone."}] == value["not_compared"]
    assert ["a.example"] != value["findings_only"]
    assert [{"side": "old", "kind": "setting", "name": "bic", "zones": 1}] == value["not_known"]


def test_markdown_is_a_table_for_each_zone() -> None:
    """What would be a mark is escaped."""
    text = written("markdown")

    assert text.startswith(
        "# 7 differences in 3 zones\n\nnot compared: x.example: Invalid zone.\n\n"
        "not known in OLD, where it was not reported: setting bic (1 zone)\n\n## a.example\n"
    )
    assert "| `~` | A a.example 1 | ttl auto | ttl 60 |" in text
    assert "| `+` | A a.example |  | 2 (priority 5, ttl auto, not proxied) |" in text
    assert "## new\\|.example\n" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_table_fits_its_width(width: int) -> None:
    """Folded, not cut."""
    stream = io.StringIO()

    write("table", stream, compare(OLD, NEW), console=Console(file=stream, width=width))

    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "6 differences in 2 zones" == lines[0].strip()


@pytest.mark.parametrize("format_", FORMATS)
def test_no_difference_is_said(format_: str) -> None:
    """In every form."""
    stream = io.StringIO()

    write(format_, stream, Difference())

    assert '"differences": 0' in stream.getvalue() or "no difference" in stream.getvalue().lower()


def test_an_unknown_form_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(InvalidInput, match="format='xml' is not valid: expected one of table, json, markdown"):
        write("xml", io.StringIO(), Difference())


# -- the command --------------------------------------------------------------------------------------


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process: its exit code, what it printed, and what it complained of."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_the_exit_code_tells(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    """0 for no difference, 1 for some, 2 for a file that is none, 3 where a side is not complete."""
    one = file(tmp_path / "one", [ZONE])
    other = file(tmp_path / "other", [attrs.evolve(ZONE, findings=())], "json")
    partial = file(tmp_path / "partial", [ZONE], finish=False)

    assert (0, "no difference\n", "") == run("diff", one, one)
    assert 1 == run("diff", one, other)[0]
    assert 2 == run("diff", one, tmp_path / "missing")[0]
    code, out, err = run("diff", other, partial, "--format", "json")
    assert (3, 1) == (code, json.loads(out)["differences"])
    assert "cfclient: error: incomplete: a side had not read all of its zones\n" == err


def test_a_snapshot_of_the_emulator_equals_itself(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    """From the audit to the difference, by the command alone, whatever order zones finish in."""
    # Not the one in development mode, whose end is counted from now.
    zones = ("aspen-atelier.example", "cedar-fabrics.example", "cedar-pottery.example")
    for name, format_ in (("one", "jsonl"), ("other", "json")):
        path = tmp_path / name
        run("audit", *zones, "--url", "emulator:?zones=4&seed=7", "--format", format_, "--with-records", "-o", path)

    code, out, _ = run("diff", tmp_path / "one", tmp_path / "other", "-o", tmp_path / "difference")

    assert (0, "") == (code, out)
    assert "no difference\n" == (tmp_path / "difference").read_text()
