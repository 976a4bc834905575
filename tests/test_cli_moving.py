"""The commands `export` and `import`, and zone files that are served."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import cfclient
from cfclient.cli import commands, main, options, serve
from cfclient.connect import connect

Run = Callable[..., tuple[int, str, str]]

ZONE = """
$ORIGIN example.com.
$TTL 300
@ SOA a. b. 1 2 3 4 5
@ A 192.0.2.1
www CNAME @
@ TXT "some text"
"""


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cfclient.Emulator:
    """What --demo connects to: the zone of the file above."""
    path = tmp_path / "before.zone"
    path.write_text(ZONE)
    emulator = cfclient.Emulator.from_zone_files(path)
    monkeypatch.setattr(options, "emulator", lambda: emulator)
    monkeypatch.setattr(options, "connect", connect)
    return emulator


@pytest.fixture
def run(emulator: cfclient.Emulator, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process: its exit code, what it printed, and what it complained of."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--demo"])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def contents(emulator: cfclient.Emulator) -> list[str]:
    return sorted(record.content for record in emulator.account().sites[0].records)


def test_a_zone_goes_out_and_comes_back(run: Run, tmp_path: Path, emulator: cfclient.Emulator) -> None:
    """In each form; the import of it has nothing to do."""
    for form, suffix in (("bind", "zone"), ("json", "json"), ("csv", "csv")):
        path = tmp_path / f"out.{suffix}"

        exported = run("export", "example.com", "--format", form, "-o", str(path))
        code, out, err = run("import", "example.com", str(path), "--yes")

        assert (0, "", "") == exported
        assert (0, "") == (code, err)
        assert "example.com: 0 to create, 0 to edit, 0 to replace, 0 to delete, 3 stay as they are\n" == out
    assert 3 == len(contents(emulator))


def test_an_export_goes_to_standard_output(run: Run) -> None:
    """As a zone file unless something else is said."""
    code, out, _ = run("export", "example.com")

    assert 0 == code
    assert "$ORIGIN example.com.\n" == out[:21]
    assert "www.example.com.\t300\tIN\tCNAME\texample.com. ; cf_tags=cf-proxied:false\n" in out


NEW = json.dumps(
    [
        {"name": "@", "type": "A", "content": "192.0.2.2"},
        {"name": "www", "type": "CNAME", "content": "example.com"},
        {"name": "new", "type": "TXT", "content": "x"},
    ]
)


def test_a_plan_is_shown_and_nothing_done(run: Run, tmp_path: Path, emulator: cfclient.Emulator) -> None:
    """With --dry-run, and where nobody can be asked."""
    path = tmp_path / "new.json"
    path.write_text(NEW)
    before = contents(emulator)

    code, out, _ = run("import", "example.com", str(path), "--dry-run")
    refused, _, complaint = run("import", "example.com", str(path))

    assert 0 == code
    assert [
        "edit example.com A 192.0.2.1 (ttl 300) -> A 192.0.2.2 (ttl 300)",
        "delete example.com TXT some text (ttl 300)",
        "create new.example.com TXT x",
        "example.com: 1 to create, 1 to edit, 0 to replace, 1 to delete, 1 stay as they are",
    ] == out.splitlines()
    assert (2, True) == (refused, "nobody can be asked here: give --yes" in complaint)
    assert before == contents(emulator)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("", 2)])
def test_one_is_asked(answer: str, code: int, run: Run, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """And nothing is done without a yes."""
    path = tmp_path / "new.json"
    path.write_text(NEW)
    emulator: cfclient.Emulator = request.getfixturevalue("emulator")
    request.getfixturevalue("monkeypatch").setattr("sys.stdin", Terminal(answer))

    found, _, err = run("import", "example.com", str(path))

    assert code == found
    assert "Make these 3 changes to example.com? [y/N]" in err
    assert (code == 0) == ("192.0.2.2" in contents(emulator))
    assert ("3 changes were made" if code == 0 else "nothing was done") in err


def test_an_import_from_standard_input(run: Run, emulator: cfclient.Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deletions left out: an address of the zone that the file does not have stays beside the new one."""
    monkeypatch.setattr("sys.stdin", io.StringIO(NEW))

    code, _, _ = run("import", "example.com", "-", "--format", "json", "--yes", "--no-delete")

    assert 0 == code
    assert ["192.0.2.1", "192.0.2.2", "example.com", "some text", "x"] == contents(emulator)


def test_a_file_that_empties_the_zone_is_held_back(run: Run, tmp_path: Path, emulator: cfclient.Emulator) -> None:
    """Unless so many deletions are allowed."""
    path = tmp_path / "empty.csv"
    path.write_text("name,type,content\n")

    code, _, err = run("import", "example.com", str(path), "--yes")
    kept = contents(emulator)
    allowed, _, _ = run("import", "example.com", str(path), "--yes", "--max-deletes", "3")

    assert (2, 3) == (code, len(kept))
    assert "the plan deletes 3 of 3 records: nothing was done; --max-deletes 3 allows it" in err
    assert (0, []) == (allowed, contents(emulator))


def test_a_file_that_says_everything_otherwise_is_held_back(
    run: Run, tmp_path: Path, emulator: cfclient.Emulator
) -> None:
    """Unless so much may be replaced: such as a file that is another zone's."""
    path = tmp_path / "other.csv"
    path.write_text("name,type,content\n" + "".join(f"n{number},TXT,before\n" for number in range(12)))
    run("import", "example.com", str(path), "--yes", "--no-delete")
    path.write_text(path.read_text().replace("before", "after"))

    code, _, err = run("import", "example.com", str(path), "--yes")
    kept = contents(emulator)
    allowed, _, _ = run("import", "example.com", str(path), "--yes", "--max-edits", "12")

    assert (2, 12) == (code, kept.count("before"))
    assert "replaces the content of 12 of 15 records: nothing was done; --max-edits 12 allows it" in err
    assert (0, 12) == (allowed, contents(emulator).count("after"))


def test_what_is_left_out_is_said(run: Run, tmp_path: Path) -> None:
    """The service's own, what lies elsewhere, and what cannot be written; the last is exit code 3."""
    path = tmp_path / "odd.zone"
    path.write_text(f"{ZONE}odd HINFO a b\nwww.example.net. A 192.0.2.1\n_x SRV 1 2 3 sip.example.net.\n")

    code, _, err = run("import", "example.com", str(path), "--dry-run")

    assert 3 == code
    assert "skipped: example.com SOA is the service's own" in err
    assert "skipped: www.example.net A lies outside of example.com" in err
    assert "cannot be written: _x.example.com SRV: content='2 3 sip.example.net' is not valid" in err


def test_an_import_that_fails_says_how_far_it_came(run: Run, tmp_path: Path, emulator: cfclient.Emulator) -> None:
    """And the same import, with the file mended, goes on."""
    path = tmp_path / "half.json"
    entries = [
        {"name": "@", "type": "A", "content": "192.0.2.2"},
        {"name": "a", "type": "HINFO", "content": "a b"},
    ]
    path.write_text(json.dumps(entries))

    code, _, err = run("import", "example.com", str(path), "--yes", "--no-delete")
    path.write_text(json.dumps(entries[:1]))
    again, out, _ = run("import", "example.com", str(path), "--yes", "--no-delete")

    assert code in {2, 3}
    assert "1 of 2 changes were made; the same import makes the others" in err
    assert "a type that API version 1 writes" in err
    assert 0 == again
    assert "0 to create, 0 to edit" in out


def test_a_file_that_is_not_there(run: Run) -> None:
    """Is wrong usage."""
    code, _, err = run("import", "example.com", "/nowhere/x.zone")

    assert (2, True) == (code, "/nowhere/x.zone cannot be read" in err)


def test_zone_files_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each as a zone of one account, instead of the demo account."""
    path = tmp_path / "x.zone"
    path.write_text(ZONE)
    served: list[cfclient.Emulator] = []

    def taken(connect: Callable[..., object], **_: object) -> None:
        served.append(connect.__self__)  # type: ignore[attr-defined]  # a bound method
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "gateway", taken)

    code = commands.run(["serve", "--zone-file", str(path), "--page-size", "7"])

    assert 130 == code
    assert ["example.com"] == [site.zone.zone_name for site in served[0].account().sites]


@pytest.mark.parametrize("zone", ["0123456789abcdef0123456789abcdef", "1234"])
def test_an_id_is_no_name(run: Run, zone: str) -> None:
    """The file would have it behind every name, and an import would then create all of them."""
    for words in (["export", zone], ["import", zone, "-", "--dry-run"]):
        code, out, err = run(*words)

        assert (2, "") == (code, out)
        assert f"{zone} is a zone's id" in err
