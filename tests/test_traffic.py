"""Traffic as bars on a terminal, and as rows for everything else: `cfclient stats` and `cfclient visitors`."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from rich.console import Console
from rich.text import Text

from cfclient.bars import ZoneTraffic, draw, draw_visitors
from cfclient.cli import main
from cfclient.models import Served, Stats, Traffic, TrafficBreakdown, Visitor

STATS = Stats(
    timeZero=datetime(2026, 10, 1, tzinfo=UTC),
    timeEnd=datetime(2026, 10, 31, 12, 30, tzinfo=UTC),
    trafficBreakdown=TrafficBreakdown(
        pageviews=Traffic(regular=1000, threat=0, crawler=500), uniques=Traffic(regular=7, crawler=None)
    ),
    requestsServed=Served(cloudflare=300, user=100),
    bandwidthServed=Served(cloudflare=5 * 1024**3, user=512),
)


def drawn(width: int, *rows: ZoneTraffic) -> list[str]:
    """The lines on a screen of this width."""
    stream = io.StringIO()
    draw(Console(file=stream, width=width), rows)
    return stream.getvalue().splitlines()


def test_a_zone_is_a_block_of_bars() -> None:
    """Each group on a scale of its own; nothing is no bar, and what was not reported is "-"."""
    lines = drawn(60, ZoneTraffic.of("a.example", STATS))

    assert "a.example  2026-10-01 00:00 to 2026-10-31 12:30" == lines[0]
    texts = [" ".join(line.translate(str.maketrans("", "", "█▉▊▋▌▍▎▏")).split()) for line in lines[1:]]
    assert [
        "page views regular 1,000",
        "crawler 500",
        "threat 0",
        "visitors regular 7",
        "crawler -",
        "threat -",
        "requests Cloudflare 300",
        "your server 100",
        "bandwidth Cloudflare 5.0 TB",
        "your server 512.0 kB",
    ] == texts
    bars = [line.count("█") for line in lines[1:]]
    assert bars[0] == bars[3] == max(bars)
    assert bars[0] // 2 == bars[1]
    assert 0 == bars[2] == bars[4]


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_bars_fit_the_screen(width: int) -> None:
    """And end at 100 columns, beyond which they would say no more."""
    lines = drawn(width, ZoneTraffic.of("a.example", STATS), ZoneTraffic.of("b.example", STATS))

    assert min(width, 100) == max(map(len, lines))


def test_a_zone_of_which_nothing_is_known_has_no_bars() -> None:
    """Every number is "-"."""
    lines = drawn(80, ZoneTraffic.of("\x1b[31ma.example", Stats()))

    assert "\\x1b[31ma.example  ? to ?" == lines[0]
    assert 10 == sum(line.endswith("-") for line in lines[1:])
    assert "█" not in "".join(lines)


def test_visitors_are_drawn_in_their_order() -> None:
    """What is left out is said, with how to see it."""
    stream = io.StringIO()
    whole = io.StringIO()
    visitors = [Visitor(ip="192.0.2.1", classification="threat", hits=10), Visitor(ip="192.0.2.2")]

    draw_visitors(Console(file=stream, width=60), visitors, left_out=3)
    draw_visitors(Console(file=whole, width=60), visitors)

    first, second, more = stream.getvalue().splitlines()
    assert ("192.0.2.1", "threat", "10") == (*first.split()[:2], first.split()[-1])
    assert ["192.0.2.2", "-", "-"] == second.split()
    assert "and 3 more: --top 5" == more
    assert [first, second] == whole.getvalue().splitlines()


# -- the commands -------------------------------------------------------------------------------------

ZONES = ("aspen-atelier.example", "cedar-fabrics.example")
ACCOUNT = ("--url", "emulator:?zones=4&seed=7")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the command in this process: its exit code, what it printed, and what it complained of."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, *ACCOUNT])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same, on a terminal of 80 columns without colour."""
    for name, value in (("COLUMNS", "80"), ("NO_COLOR", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)

    def on_terminal(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        return run(*arguments)

    return on_terminal


def test_stats_are_bars_on_a_terminal(terminal: Run) -> None:
    """A block for each zone, in the order given, none twice."""
    code, out, err = terminal("stats", *ZONES, ZONES[0])

    assert (0, "") == (code, err)
    lines = Text.from_ansi(out).plain.splitlines()
    assert list(ZONES) == [line.split()[0] for line in lines if " to " in line]
    assert "█" in out
    assert 80 == max(map(len, lines))
    assert "\x1b[3" not in out


def test_stats_are_rows_in_a_pipe(run: Run) -> None:
    """A row for each zone, with a name for each number."""
    names = [field.name for field in attrs.fields(ZoneTraffic)]

    code, table, _ = run("stats", *ZONES, "--past", "7d")
    _, sheet, _ = run("stats", *ZONES, "--format", "csv")
    _, text, _ = run("stats", *ZONES, "--format", "json")

    header, *rows = csv.reader(io.StringIO(sheet))
    assert 0 == code
    assert names == header == table.splitlines()[0].split() == list(json.loads(text)[0])
    assert list(ZONES) == [row[0] for row in rows] == [row["zone"] for row in json.loads(text)]
    assert all(row["pageviews_regular"] > 0 for row in json.loads(text))


def test_a_zone_without_stats_hides_no_other(run: Run) -> None:
    """It is told on standard error, and by the exit code."""
    code, out, err = run("stats", "nope.example", ZONES[0], "--format", "json")

    assert 3 == code
    assert [ZONES[0]] == [row["zone"] for row in json.loads(out)]
    assert "cfclient: error: nope.example: stats: Invalid zone. (cfclient zones lists those of the account)\n" == err


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_where_no_zone_has_stats_nothing_is_written(form: str, run: Run, tmp_path: Path) -> None:
    """No header without a row, and yesterday's file stays as it is."""
    former = tmp_path / "traffic"
    former.write_text("yesterday's")

    piped = run("stats", "nope.example", "none.example", "--format", form)
    filed = run("stats", "nope.example", "--format", form, "-o", str(former))

    assert (3, "") == piped[:2] == filed[:2]
    assert ["nope.example", "none.example"] == [line.split()[2].rstrip(":") for line in piped[2].splitlines()]
    assert "yesterday's" == former.read_text()


def test_visitors_are_bars_on_a_terminal(terminal: Run) -> None:
    """Those with the most hits first, and no more than are asked for."""
    code, out, _ = terminal("visitors", ZONES[0], "--top", "3")

    *lines, more = out.splitlines()
    hits = [int(line.split()[-1].replace(",", "")) for line in lines]
    assert (0, 3) == (code, len(lines))
    assert sorted(hits, reverse=True) == hits
    assert more.startswith("and ")


def test_visitors_are_rows_in_a_pipe(run: Run) -> None:
    """All of them, or as many as are asked for; of one class, if one is named."""
    _, everyone, _ = run("visitors", ZONES[0], "--format", "json")
    _, few, _ = run("visitors", ZONES[0], "--format", "json", "--top", "2")
    _, threats, _ = run("visitors", ZONES[0], "--format", "json", "--class", "threat", "--hours", "48")

    whole = json.loads(everyone)
    assert len(whole) > 2
    assert sorted(whole, key=lambda visitor: -visitor["hits"]) == whole
    assert whole[:2] == json.loads(few)
    assert {"threat"} == {visitor["classification"] for visitor in json.loads(threats)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("visitors", ZONES[0], "--top", "0"), "--top is a number of addresses, at least 1"),
        (("visitors", ZONES[0], "--hours", "49"), "hours=49 is not valid"),
        (("stats",), "ZONE"),
        (("stats", "no zone"), "zone='no zone' is not valid"),
        (("stats", ZONES[0], "--past", "1y"), "1y"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """With what would be right."""
    code, out, err = run(*arguments)

    assert (2, "") == (code, out)
    assert words in err
