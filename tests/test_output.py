"""What the commands print: four forms of every answer, whole files, and nothing that steers a terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from cfclient import models
from cfclient.errors import ConfigurationError
from cfclient.harmless import safe_cell
from cfclient.output import Entries, Format, Progress, console, destination, write

FORMATS: list[Format] = ["table", "json", "jsonl", "csv"]
STREAMED: list[Format] = ["jsonl", "csv"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def record(**fields: Any) -> models.Record:
    given = {"rec_id": "1", "name": "a.example.com", "type": models.RecordType.A, "content": "192.0.2.1", **fields}
    return models.Record(**given)


def written(output_format: Format, answer: Any, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    write(output_format, stream, answer)
    return stream.getvalue()


def listed(output_format: Format, *entries: Any, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    listing = Entries(output_format, stream, models.Record)
    for entry in entries:
        listing.add(entry)
    listing.finish()
    return stream.getvalue()


# -- listings -----------------------------------------------------------------------------------------


def test_a_listing_is_a_json_array_of_whole_entries() -> None:
    """Every field under the API's name, in Python's types."""
    (first, second) = json.loads(listed("json", record(ttl=300, service_mode=True), record(rec_id="2")))

    assert ("1", 300, True, None) == (first["rec_id"], first["ttl"], first["service_mode"], first["prio"])
    assert "2" == second["rec_id"]


def test_an_empty_listing_is_still_of_its_form() -> None:
    """An empty array, no line, a header."""
    assert [[], "", ["rec_id"]] == [
        json.loads(listed("json")),
        listed("jsonl"),
        listed("csv").split(",")[:1],
    ]
    assert listed("table").startswith("rec_id")


@pytest.mark.parametrize("output_format", STREAMED)
def test_json_lines_and_csv_are_written_entry_by_entry(output_format: Format) -> None:
    """Who reads along does not wait for the end."""
    stream = io.StringIO()
    Entries(output_format, stream, models.Record).add(record(content="192.0.2.77"))

    assert "192.0.2.77" in stream.getvalue()


def test_a_csv_has_the_listing_s_columns() -> None:
    """Numbers bare, switches as in JSON, nothing for None."""
    header, row = csv.reader(listed("csv", record(ttl=300, service_mode=False)).splitlines())

    assert ["rec_id", "name", "type", "prio", "ttl", "service_mode", "content"] == header
    assert ["1", "a.example.com", "A", "", "300", "false", "192.0.2.1"] == row


def test_a_table_in_a_pipe_is_plain_and_whole() -> None:
    """No frame, no colour, no trailing spaces, and nothing is cut off however long it is."""
    long = "v=spf1 " + "x" * 2000
    header, first, second = listed("table", record(content=long, service_mode=True), record()).splitlines()

    assert ["rec_id", "name", "type", "prio", "ttl", "service_mode", "content"] == header.split()
    assert first.endswith(long)
    assert ["1", "a.example.com", "A", "-", "-", "yes", *long.split()] == first.split()
    assert second == second.rstrip()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_table_fits_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too long is folded, never dropped."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    text = listed("table", record(content="0123456789" * 50), stream=Terminal())
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()

    assert max(len(line) for line in lines) <= width
    assert 500 <= sum(character.isdigit() for line in lines for character in line)


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets no colour where the environment says so."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    console(stream).print("plain", style="red")

    assert "plain\n" == stream.getvalue()


def test_a_pipe_stays_plain_where_color_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that reads the output is not a terminal, whatever the environment says."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    console(stream).print("plain", style="red")

    assert "plain\n" == stream.getvalue()


@pytest.mark.parametrize("output_format", FORMATS)
def test_what_would_steer_a_terminal_is_shown(output_format: Format) -> None:
    """Escapes, a carriage return and a turned direction of writing arrive as text."""
    text = listed(output_format, record(content="\x1b[2J\r\u202eevil[bold]:smile:"))

    assert not set("\x1b\r\u202e") & set(text)
    assert "evil[bold]:smile:" in text


def test_a_spreadsheet_computes_nothing() -> None:
    """A cell that looks like a formula begins with an apostrophe; a number does not."""
    assert ["'=1+1", "' @x", "a=b"] == [safe_cell("=1+1"), safe_cell(" @x"), safe_cell("a=b")]
    (_, row) = csv.reader(written("csv", (models.Visitor(ip="192.0.2.1", latitude=-33.5),)).splitlines())
    assert "-33.5" == row[3]


# -- answers ------------------------------------------------------------------------------------------


def test_no_answer() -> None:
    """An action that only does something says so to people, and gives programs what is nothing in their form."""
    assert ["done\n", "null\n", "null\n", ""] == [written(output_format, None) for output_format in FORMATS]


def test_an_answer_without_entries() -> None:
    """An empty list is not an error."""
    assert ["nothing\n", "[]\n", "", ""] == [written(output_format, ()) for output_format in FORMATS]


def test_a_page_is_whole_in_json_and_its_entries_otherwise() -> None:
    """`has_more` is in the JSON object."""
    page = models.Page(has_more=True, count=1, objs=(record(),))

    assert (True, 1) == (json.loads(written("json", page))["has_more"], len(json.loads(written("json", page))["objs"]))
    assert "1" == json.loads(written("jsonl", page))["rec_id"]
    assert 2 == len(written("csv", page).splitlines()) == len(written("table", page).splitlines())


def test_entries_of_a_class_without_chosen_columns_have_all_of_their_fields() -> None:
    """Such as visitors."""
    text = written("csv", (models.Visitor(ip="192.0.2.1", hits=3),))

    assert ["ip,classification,hits,latitude,longitude,zone_name", "192.0.2.1,,3,,,"] == text.splitlines()


def test_one_thing_is_a_row_per_field() -> None:
    """A dot leads into what is nested; lists of words are words, other lists JSON; None is not "no"."""
    zone = models.Zone(
        zone_id="1",
        zone_name="example.com",
        props=models.ZoneProps(plan="PRO_ZONE", pro=True),
        fqdns=("a.ns.example", "b.ns.example"),
        ns_vanity_map=({"a": 1},),
    )
    lines = [line.split(None, 1) for line in written("table", zone).splitlines()]
    table = {words[0]: words[1] for words in lines if len(words) == 2}
    sheet = dict(csv.reader(written("csv", zone).splitlines()))

    assert "a.ns.example b.ns.example" == table["fqdns"] == sheet["fqdns"]
    assert ("yes", "true") == (table["props.pro"], sheet["props.pro"])
    assert ("allow" in table, sheet["allow"]) == (False, "")
    assert ("-", "") == (table["host_id"], sheet["host_id"])
    assert '[{"a": 1}]' == table["ns_vanity_map"] == sheet["ns_vanity_map"]
    assert "{}" == table["confirm_code"] == sheet["confirm_code"]
    assert "PRO_ZONE" == json.loads(written("jsonl", zone))["props"]["plan"]


def test_names_to_ids() -> None:
    """The answer to `zone_check` is a mapping."""
    assert ["field,value", "example.com,4"] == written("csv", {"example.com": "4"}).splitlines()


def test_a_terminal_s_table_has_a_rule_below_its_header() -> None:
    """For people."""
    assert "─" in written("table", {"example.com": "4"}, Terminal())


# -- where to -----------------------------------------------------------------------------------------


def test_without_a_path_it_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Which is not closed."""
    with destination(None, "json") as stream:
        stream.write("text")

    assert "text" == capsys.readouterr().out


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """Until then the old one stands there, and beside it nothing is left over."""
    path = tmp_path / "out.json"
    path.write_text("old")
    with destination(path, "json") as stream:
        stream.write("new")
        stream.flush()
        before = path.read_text()

    assert ["old", "new"] == [before, path.read_text()]
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("existed", [True, False])
def test_an_error_leaves_what_was_there(tmp_path: Path, existed: bool) -> None:
    """The old file, or none."""
    path = tmp_path / "out.json"
    if existed:
        path.write_text("old")
    with pytest.raises(KeyError), destination(path, "csv") as stream:
        stream.write("half")
        raise KeyError

    assert (["old"] if existed else []) == [file.read_text() for file in tmp_path.iterdir()]


def test_json_lines_go_straight_into_the_file(tmp_path: Path) -> None:
    """For who follows it; what came before an error stays."""
    path = tmp_path / "out.jsonl"
    with pytest.raises(KeyError), destination(path, "jsonl") as stream:
        stream.write("1\n")
        raise KeyError

    assert "1\n" == path.read_text()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file that it points to is replaced."""
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_text("old")
    with destination(tmp_path / "link", "json") as stream:
        stream.write("new")

    assert (True, "new") == ((tmp_path / "link").is_symlink(), (tmp_path / "file").read_text())


def test_a_device_is_written_to_and_never_replaced() -> None:
    """`-o /dev/null` has to leave it there."""
    with destination(Path(os.devnull), "json") as stream:
        stream.write("text")

    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("output_format", ["json", "jsonl"])
def test_a_file_that_cannot_be_written_is_a_wrong_setting(tmp_path: Path, output_format: Format) -> None:
    """The message has the name that was asked for."""
    path = tmp_path / "missing" / "out"

    with (
        pytest.raises(ConfigurationError, match=r"missing.out cannot be written: No such file"),
        destination(path, output_format),
    ):
        raise AssertionError


# -- progress -----------------------------------------------------------------------------------------


def test_progress_is_shown_on_standard_error_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only where it is asked for."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for shown in (True, False):
        with Progress(shown=shown, what="reading zones") as progress:
            progress.begin(2)
            progress.step()
            progress.stop()
        out, err = capsys.readouterr()

        assert ("", shown) == (out, "reading zones" in err)


def test_a_standard_output_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no stream then, which is the caller's doing and no fault of ours."""
    monkeypatch.setattr("sys.stdout", None)

    with pytest.raises(ConfigurationError, match="standard output is closed"), destination(None, "table"):
        pass
