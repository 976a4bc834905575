"""Evidence: a folder that says what is in it, and shows when anything was changed, or is missing."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import attrs
import jsonschema
import pytest

from cfclient.actions import Action
from cfclient.audit import accounts as opening
from cfclient.audit.accounts import AuditAccount
from cfclient.audit.diff import read as snapshot
from cfclient.audit.evidence import Evidence
from cfclient.audit.manifest import _digest, beside, fingerprint, verify
from cfclient.backend import Credentials
from cfclient.backends.emulator import DEMO, Emulator
from cfclient.cli import main
from cfclient.cli.ending import Ending
from cfclient.connect import configured_pace
from cfclient.errors import ConfigurationError, InvalidInput
from cfclient.pace import Pace

from .served import serving

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = json.loads((ROOT / "docs" / "schema" / "audit-1.schema.json").read_text())
OLD = Path(__file__).parent / "data" / "audit-1"
WHEN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but those of the test."""
    for name in ("CFCLIENT_URL", "CFCLIENT_EMAIL", "CFCLIENT_TOKEN", "CFCLIENT_PROFILE", "CFCLIENT_PACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def accounts(*names: str, zones: int = 3) -> list[AuditAccount]:
    emulator = Emulator.demo(zones=zones)
    return [AuditAccount(name=name, url=emulator.connect, credentials=DEMO) for name in names or ("acme",)]


async def gathered(folder: Path, given: list[AuditAccount] | None = None, **options: Any) -> Evidence:
    with Evidence(folder, given or accounts(), now=lambda: WHEN, **options) as evidence:
        await evidence.gather()
    return evidence


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def fits(name: str, document: Any) -> None:
    """Raises where the document is not as the published schema says."""
    schema = {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(document)


def all_fit(folder: Path) -> int:
    """How many documents of a folder were held against the schema."""
    fits("manifest", read(folder / "manifest.json"))
    fits("overall", read(folder / "overall.json"))
    number = 2
    for path in folder.rglob("report.json"):
        fits("report", read(path))
        number += 1
    for path in folder.rglob("*.jsonl"):
        for line in path.read_text().splitlines():
            fits("line", json.loads(line))
            number += 1
    return number


# -- what is written ----------------------------------------------------------------------------------


async def test_a_folder_of_evidence(tmp_path: Path) -> None:
    """A report for each account, one over all, and a manifest that names every file."""
    folder = tmp_path / "new" / "evidence"
    evidence = await gathered(folder, accounts("acme", "other"), forms=["csv", "markdown"])
    manifest = read(folder / "manifest.json")

    assert [
        f"{name}/{file}"
        for name in ("acme", "other")
        for file in ("audit.jsonl", "report.csv", "report.json", "report.md")
    ] + ["overall.json"] == sorted(entry["path"] for entry in manifest["files"])
    assert ("2026-11-24T12:00:00Z", True, evidence.digest) == (
        manifest["started"],
        manifest["complete"],
        manifest["digest"],
    )
    assert [["20801"], ["20801"]] == [entry["owners"] for entry in manifest["accounts"]]
    assert [3, 3] == [len(entry["zones_expected"]) for entry in manifest["accounts"]]
    overall = read(folder / "overall.json")
    assert (6, True) == (overall["summary"]["zones_read"], overall["summary"]["complete"])
    assert ((), ()) == (verify(folder).changed, verify(folder).missing)


async def test_what_is_not_checked_is_said_with_its_reason(tmp_path: Path) -> None:
    """And in how many zones."""
    await gathered(tmp_path)
    (account,) = read(tmp_path / "manifest.json")["accounts"]
    report = read(tmp_path / "acme" / "report.json")

    assert report["summary"]["not_checked"] == {entry["rule"]: entry["zones"] for entry in account["not_checked"]}
    assert all(entry["reason"] for entry in account["not_checked"])


async def test_reports_of_the_same_state_are_the_same(tmp_path: Path) -> None:
    """Byte for byte, so that they can be compared; only the lines come as zones are done."""
    same = accounts(zones=8)
    for name in ("a", "b"):
        await gathered(tmp_path / name, same)

    for file in ("overall.json", "acme/report.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


async def test_no_key_is_in_it(tmp_path: Path) -> None:
    """A fingerprint is, which tells keys apart."""
    await gathered(tmp_path)
    text = b"".join(
        (tmp_path / name).read_bytes() for name in ("manifest.json", "acme/audit.jsonl", "acme/report.json")
    )

    assert DEMO.key.encode() not in text
    assert str(fingerprint(DEMO)).encode() in text
    assert fingerprint(DEMO) != fingerprint(Credentials(DEMO.email, "other"))
    assert None is fingerprint(Credentials(DEMO.email, lambda: "demo-key"))


async def test_records_are_written_if_asked_for(tmp_path: Path) -> None:
    """With the lines, which cfclient diff reads."""
    await gathered(tmp_path, with_records=True)
    lines = [json.loads(line) for line in (tmp_path / "acme" / "audit.jsonl").read_text().splitlines()]

    assert all(len(line["snapshot"]["records"]) == line["records"] for line in lines if line["kind"] == "zone")
    assert all_fit(tmp_path) > 6


async def test_an_account_that_cannot_be_listed_is_missing(tmp_path: Path) -> None:
    """Its reason is in the manifest and in the verdict; the others are there."""
    wrong = attrs.evolve(accounts("wrong")[0], credentials=Credentials("a@b.example", "wrong"))
    evidence = await gathered(tmp_path, [*accounts(), wrong])

    assert [None, "zone_load_multi: Unknown token or email (E_UNAUTH)"] == [one.failure for one in evidence.entries]
    assert ("wrong: its zones could not be listed: zone_load_multi: Unknown token or email (E_UNAUTH)",) == verify(
        tmp_path
    ).missing
    assert () == verify(tmp_path).changed
    assert all_fit(tmp_path) > 6


async def test_a_folder_is_not_written_over(tmp_path: Path) -> None:
    """Evidence is kept; it may be continued."""
    await gathered(tmp_path)
    with pytest.raises(ConfigurationError, match=r"is not empty .*: name another folder, or continue"):
        Evidence(tmp_path, accounts())
    before = sorted((tmp_path / "acme" / "audit.jsonl").read_text().splitlines())
    (tmp_path / "acme" / ".cfclient-0123.tmp").touch()
    await gathered(tmp_path, resume=True)

    assert before == sorted((tmp_path / "acme" / "audit.jsonl").read_text().splitlines())
    assert ((), ()) == (verify(tmp_path).changed, verify(tmp_path).missing)


async def test_a_killed_run_is_continued(tmp_path: Path) -> None:
    """It has left lines, and perhaps half a report, but no manifest; the folder ends up the same, order aside."""
    await gathered(tmp_path / "whole", accounts("acme", "other", zones=5))
    killed = tmp_path / "killed"
    await gathered(killed, accounts("acme", "other", zones=5))
    for name, cut in (("acme", 900), ("other", 3)):
        lines = (killed / name / "audit.jsonl").read_bytes()
        (killed / name / "audit.jsonl").write_bytes(lines[:cut])
    (killed / "acme" / "report.json").write_text("{")
    (killed / "manifest.json").unlink()
    with pytest.raises(
        ConfigurationError, match=r"manifest.json cannot be read: No such file or directory; cfclient audit writes one"
    ):
        verify(killed)
    await gathered(killed, accounts("acme", "other", zones=5), resume=True)

    assert ((), ()) == (verify(killed).changed, verify(killed).missing)
    for file in ("overall.json", "acme/report.json", "other/report.json"):
        assert (tmp_path / "whole" / file).read_bytes() == (killed / file).read_bytes()


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    """The reason, before anything is asked."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file cannot be a folder for evidence: File exists"):
        Evidence(tmp_path / "file", accounts())
    with pytest.raises(InvalidInput, match="forms='xml' is not valid: expected any of csv, html, markdown, sarif"):
        Evidence(tmp_path / "new", accounts(), forms=["xml"])


# -- verifying ----------------------------------------------------------------------------------------


def lines_of(folder: Path) -> list[str]:
    return (folder / "acme" / "audit.jsonl").read_text().splitlines(keepends=True)


def forged(folder: Path, change: Callable[[Any], None]) -> None:
    """Changes the manifest and mends all its digests, as somebody would who knows how it is made."""
    body = read(folder / "manifest.json")
    change(body)
    for entry in body["files"]:
        data = (folder / entry["path"]).read_bytes()
        entry |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    body["digest"] = _digest(body)
    (folder / "manifest.json").write_text(json.dumps(body))


def no_line(folder: Path) -> None:
    first, *lines = lines_of(folder)
    kept = [line for line in lines if '"zone": "b.example"' not in line]
    (folder / "acme" / "audit.jsonl").write_text("".join([first, *kept]))


def twice(folder: Path) -> None:
    lines = lines_of(folder)
    (folder / "acme" / "audit.jsonl").write_text("".join([*lines[:2], *lines[1:]]))


def other_zone(folder: Path) -> None:
    (folder / "acme" / "audit.jsonl").write_text(
        "".join(lines_of(folder)).replace('"zone": "b.example"', '"zone": "c.example"')
    )


def no_finding(folder: Path) -> None:
    lines = [json.loads(line) for line in lines_of(folder)]
    lines = [{**line, "findings": []} if line["kind"] == "zone" else line for line in lines]
    (folder / "acme" / "audit.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def other_audit(folder: Path) -> None:
    lines = lines_of(folder)
    (folder / "acme" / "audit.jsonl").write_text("".join([lines[0].replace("demo@", "other@"), *lines[1:]]))


def garbled(folder: Path) -> None:
    (folder / "acme" / "audit.jsonl").write_text("".join(["nonsense\n", *lines_of(folder)[1:]]))


def a_list(folder: Path) -> None:
    (folder / "acme" / "audit.jsonl").write_text("".join(["[]\n", *lines_of(folder)[1:]]))


def odd_line(folder: Path) -> None:
    lines = lines_of(folder)
    (folder / "acme" / "audit.jsonl").write_text("".join([*lines[:-1], '{"kind": "zone", "zone": 1}\n', lines[-1]]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (no_line, "has other zones than the manifest"),
        (twice, "has a zone twice"),
        (other_zone, "has other zones than the manifest"),
        (no_finding, "does not end with the summary of its zones"),
        (other_audit, "is of another audit than the manifest"),
        (garbled, "is of another audit than the manifest"),
        (a_list, "is of another audit than the manifest"),
        (odd_line, "has a line that is not as cfclient writes it"),
    ],
)
def test_lines_that_were_changed_are_told(change: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    """By their digest; and by what they say, where whoever changed them has mended the manifest's digests."""
    folder = Path(shutil.copytree(OLD, tmp_path / "copy"))
    change(folder)
    plainly = verify(folder).changed
    forged(folder, lambda _: None)
    cleverly = verify(folder)

    assert "acme/audit.jsonl is not as it was written" in plainly
    assert any(words in line for line in cleverly.changed)
    assert cleverly.digest != verify(OLD).digest


def test_files_that_come_and_go_are_told(tmp_path: Path) -> None:
    """And links, whatever they point to."""
    folder = Path(shutil.copytree(OLD, tmp_path / "copy"))
    (folder / "overall.json").unlink()
    (folder / "acme" / "report.json").unlink()
    (folder / "acme" / "report.json").symlink_to(OLD / "acme" / "report.json")
    (folder / "more").symlink_to(OLD)
    (folder / "acme" / "new").touch()
    (folder / "acme" / "audit.jsonl").unlink()

    assert (
        "acme/audit.jsonl is gone",
        "overall.json is gone",
        "acme/new was not there when the manifest was written",
        "more was not there when the manifest was written",
        "acme/report.json is a link to another file",
    ) == verify(folder).changed


def test_a_manifest_that_was_changed_is_told(tmp_path: Path) -> None:
    """By its own digest, and by what it says beside the lines."""
    folder = Path(shutil.copytree(OLD, tmp_path / "copy"))
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace("2026-11-24T12:00", "2026-11-25T12:00"))
    dated = verify(folder).changed

    def innocent(body: Any) -> None:
        body["accounts"][0]["zones_failed"] = []

    (folder / "manifest.json").write_text(text)
    forged(folder, innocent)

    assert ("manifest.json is not as it was written",) == dated
    assert (
        "acme/audit.jsonl tells of other failures than the manifest",
        "manifest.json says that something is missing, and not what",
    ) == verify(folder).changed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("[", "cannot be read"),
        ("[]", "is no manifest of an audit"),
        ('{"kind": "report"}', "is no manifest of an audit"),
        ('{"kind": "manifest", "schema_version": 2}', "is of version 2; this cfclient reads up to 1"),
        ('{"kind": "manifest"}', "is of version None"),
        ('{"kind": "manifest", "schema_version": 1}', "is not of the shape of version 1: KeyError"),
    ],
)
def test_without_a_manifest_nothing_is_proved(text: str | None, words: str, tmp_path: Path) -> None:
    """The error says why it cannot be read."""
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(ConfigurationError, match=words):
        verify(tmp_path)


# -- versions -----------------------------------------------------------------------------------------


def test_files_of_earlier_versions_are_read() -> None:
    """Version 1: what was written then fits its schema, and is verified now."""
    verdict = verify(OLD)

    assert all_fit(OLD) > 6
    assert ((), ("acme: gone.example could not be read: rec_load_all: Invalid zone.",)) == (
        verdict.changed,
        verdict.missing,
    )
    assert (3, 2) == (verdict.files, verdict.zones)


async def test_what_is_written_fits_the_published_schema(tmp_path: Path) -> None:
    """Every document of a folder."""
    await gathered(tmp_path, accounts("acme", "other", zones=6))

    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert 2 + 2 + 2 * (6 + 2) == all_fit(tmp_path)


def test_the_schema_refuses_what_is_not_written() -> None:
    """A key that is missing, or of another type."""
    report = read(OLD / "acme" / "report.json")
    with pytest.raises(jsonschema.ValidationError):
        fits("report", {key: value for key, value in report.items() if key != "zones"})
    with pytest.raises(jsonschema.ValidationError):
        fits("line", {"kind": "zone", "zone": "a.example"})


# -- the command --------------------------------------------------------------------------------------


def test_one_account_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit codes as of any audit; the digest is said, to be kept elsewhere."""
    folder = tmp_path / "evidence"

    assert 1 == main(["audit", "--demo", "--evidence", "-o", str(folder), "--format", "markdown"])
    digest = verify(folder).digest
    assert (
        f"cfclient: account: 25 of 25 zones read, {read(folder / 'overall.json')['summary']['findings']} findings "
        f"(exit code 1)\ncfclient: the manifest's digest is {digest}\n"
    ) == capsys.readouterr().err
    assert 0 == main(["verify", str(folder), "--digest", digest])
    assert f"complete and as it was written: 25 zones in 4 files\ndigest: {digest}\n" == capsys.readouterr().out
    assert 1 == main(["verify", str(folder), "--digest", "sha256:0"])
    assert f"changed: the manifest's digest is {digest}, not sha256:0\n" in capsys.readouterr().out
    (folder / "overall.json").write_text("{}")
    assert 1 == main(["verify", str(folder)])
    assert "changed: overall.json is not as it was written\n" in capsys.readouterr().out
    assert [3, 3] == [main(["verify", str(tmp_path)]), main(["verify", str(OLD)])]
    assert 2 == main(["audit", "--demo", "--evidence", "-o", str(folder)])


def test_many_accounts_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line and an exit code for each; the process's own is that of the worst."""
    (tmp_path / "accounts.toml").write_text(
        '[accounts.good]\nurl = "emulator:?zones=0"\n'
        '[accounts.bad]\nurl = "emulator:?zones=4"\ntoken = "demo-key"\n'
        '[accounts.wrong]\nurl = "emulator:?zones=4"\ntoken = "wrong"\n'
    )
    (tmp_path / "accounts.toml").chmod(0o644)
    (tmp_path / "config" / "cfclient").mkdir(parents=True)
    (tmp_path / "config" / "cfclient" / "config.toml").write_text('[profiles.small]\nurl = "emulator:?zones=1"\n')
    (tmp_path / "config" / "cfclient" / "config.toml").chmod(0o600)
    folder = tmp_path / "evidence"
    options = ["--accounts", str(tmp_path / "accounts.toml"), "--profiles", "small", "-o", str(folder)]

    assert 3 == main(["audit", *options])
    warning, *lines, _ = capsys.readouterr().err.splitlines()
    assert "warning: " in warning
    assert "accounts.toml holds a key, and other users of this machine can read it" in warning
    assert ["good", "bad", "wrong", "small"] == [line.split(": ")[1] for line in lines]
    assert ["0", "1", "3"] == [line[-2] for line in lines[:3]]
    assert "wrong: could not be listed: zone_load_multi: Unknown token or email" in lines[2]
    assert ["bad", "good", "manifest.json", "overall.json", "small", "wrong"] == sorted(os.listdir(folder))
    assert 3 == main(["verify", str(folder)])


@pytest.fixture
def three(tmp_path: Path) -> list[str]:
    """Two accounts that see zones of the same names, and one whose key is wrong."""
    path = tmp_path / "accounts.toml"
    path.write_text(
        '[accounts.one]\nurl = "emulator:?zones=4"\n[accounts.two]\nurl = "emulator:?zones=4"\n'
        '[accounts.wrong]\nurl = "emulator:?zones=4"\ntoken = "wrong"\n'
    )
    path.chmod(0o600)
    return ["--accounts", str(path)]


def test_many_accounts_without_a_folder(
    three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One report over all is printed, each zone with its account, and nothing is left behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert 3 == main(["audit", *three])
    out, err = capsys.readouterr()
    assert out.startswith("8 of 9 zones read, ")
    assert "wrong its zones could not be listed: zone_load_multi: Unknown token or email" in " ".join(out.split())
    zones = [line.split()[1:3] for line in out.splitlines() if line.startswith(("high", "medium", "low", "info"))]
    assert {"one:", "two:"} == {account for account, _ in zones}
    assert [zone for account, zone in zones if account == "one:"] == [
        zone for account, zone in zones if account == "two:"
    ]
    assert "digest" not in err
    assert ["accounts.toml"] == [name for name in os.listdir(tmp_path) if name != "config"]

    assert 3 == main(["audit", *three, "--format", "json"])
    body = json.loads(capsys.readouterr().out)
    assert ("overall", ["one", "two", "wrong"]) == (body["kind"], [account["name"] for account in body["accounts"]])


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv", "markdown", "sarif"])
def test_one_report_over_many_accounts_in_a_file(
    format_: str, three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name with an ending is a file's, in every format; a zone of two accounts is two there."""
    path = tmp_path / "all.txt"

    assert 3 == main(["audit", *three, "--format", format_, "-o", str(path)])
    text = path.read_text()
    assert "" == capsys.readouterr().out
    readers: dict[str, Callable[[], list[str]]] = {
        "table": lambda: [line.split()[1] for line in text.splitlines() if line.startswith("low ")],
        "json": lambda: [account["name"] for account in json.loads(text)["accounts"] if account["summary"]["findings"]],
        "jsonl": lambda: [line["account"] for line in map(json.loads, text.splitlines()) if line.get("findings")],
        "csv": lambda: [row["account"] for row in csv.DictReader(text.splitlines()) if row["severity"]],
        "markdown": lambda: re.findall(r"^\| (one:|two:) \S+ \| .*TXT record", text, re.MULTILINE),
        "sarif": lambda: [run["automationDetails"]["id"] for run in json.loads(text)["runs"] if run["results"]],
    }
    found = readers[format_]()
    assert ["one", "two"] == [re.sub("cfclient/|[:/]", "", name) for name in found]
    assert "Unknown token or email" in text


def test_the_lines_of_many_accounts_are_of_the_published_shape(three: list[str], tmp_path: Path) -> None:
    """And diff tells the zones of one account from those of another."""
    path = tmp_path / "all.jsonl"
    main(["audit", *three, "--format", "jsonl", "-o", str(path)])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        fits("line", line)
    zones = snapshot(path).zones

    assert (8, 9) == (lines[-1]["summary"]["zones_read"], lines[-1]["summary"]["zones_expected"])
    assert (8, {"one", "two"}) == (len(zones), {name.partition(": ")[0] for name in zones})


def test_the_runs_of_many_accounts_say_what_was_not_read(three: list[str], tmp_path: Path) -> None:
    """The run of an account whose key is wrong was no success; equal findings of two accounts are two."""
    path = tmp_path / "all.sarif"
    main(["audit", *three, "--format", "sarif", "-o", str(path)])
    runs = json.loads(path.read_text())["runs"]

    assert [True, True, False] == [run["invocations"][0]["executionSuccessful"] for run in runs]
    prints = [result["partialFingerprints"]["finding/v1"] for run in runs for result in run["results"]]
    assert len(prints) == len(set(prints)) == 2


def test_exceptions_are_told_with_their_accounts(three: list[str], tmp_path: Path) -> None:
    """As the findings are."""
    config = tmp_path / "config" / "cfclient" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        '[[audit.exceptions]]\nzone = "garnet-bakery.example"\nrule = "duplicate-record"\nreason = "known"\n'
        "until = 2999-01-01\n"
    )
    path = tmp_path / "all.md"

    assert 3 == main(["audit", *three, "--format", "markdown", "-o", str(path)])
    excepted = path.read_text().partition("## Excepted")[2].partition("## ")[0]
    assert ["one: garnet-bakery.example", "two: garnet-bakery.example"] == re.findall(
        r"^\| (\w+: \S+)", excepted, re.MULTILINE
    )


@pytest.mark.slow
def test_the_page_over_many_accounts(three: list[str], tmp_path: Path) -> None:
    """One page, each zone with its account."""
    path = tmp_path / "all.html"

    assert 3 == main(["audit", *three, "--format", "html", "-o", str(path)])
    text = path.read_text()
    assert all(f"{account}: garnet-bakery.example" in text for account in ("one", "two"))
    assert "its zones could not be listed" in text


def test_one_report_over_many_accounts_replaces_none_that_is_proved(
    three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its manifest would tell of another."""
    path = tmp_path / "all.csv"
    main(["audit", "--demo", "--format", "csv", "--manifest", "-o", str(path)])

    assert 2 == main(["audit", *three, "--format", "csv", "-o", str(path)])
    assert "has a manifest" in capsys.readouterr().err
    assert () == verify(path).changed


@pytest.mark.parametrize("format_", ["table", "csv", "jsonl"])
def test_many_accounts_interrupted_in_another_form(
    format_: str, three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not come to is told with its account."""
    perform, sending = Emulator.perform, iter([signal.SIGINT])

    def interrupted(self: Emulator, credentials: Credentials, action: Any) -> Any:
        if action.wire_name == "rec_load_all" and (sent := next(sending, None)):
            signal.raise_signal(sent)
        return perform(self, credentials, action)

    monkeypatch.setattr(Emulator, "perform", interrupted)
    path = tmp_path / "all.txt"

    assert 130 == main(["audit", *three, "--format", format_, "-o", str(path)])
    text = path.read_text()
    readers: dict[str, Callable[[], list[str]]] = {
        "table": lambda: re.findall(r"^(one|two): \S+ +the audit ended", text, re.MULTILINE),
        "csv": lambda: [row["account"] for row in csv.DictReader(text.splitlines()) if "ended" in row["message"]],
        "jsonl": lambda: [
            zone.partition(":")[0] for zone in json.loads(text.splitlines()[-1])["summary"]["zones_left"]
        ],
    }
    assert {"one", "two"} >= set(readers[format_]()) > set()
    capsys.readouterr()


def test_many_accounts_interrupted_without_a_folder(
    three: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read until then is printed, and no folder is named that could be continued."""
    perform, sent = Emulator.perform, list[int]()

    def interrupted(self: Emulator, credentials: Credentials, action: Action[Any]) -> Any:
        if action.wire_name == "rec_load_all" and not sent:
            sent.append(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return perform(self, credentials, action)

    monkeypatch.setattr(Emulator, "perform", interrupted)

    assert 130 == main(["audit", *three])
    out, err = capsys.readouterr()
    assert "INCOMPLETE" in out
    assert "interrupted" in err
    assert "resume" not in err


def test_many_accounts_interrupted_before_the_first(
    three: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no report, which would read as if all were done."""

    async def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        await anyio.sleep_forever()

    monkeypatch.setattr(opening, "_clients", interrupted)

    assert 130 == main(["audit", *three])
    assert ("", "cfclient: interrupted\n") == capsys.readouterr()


def test_what_many_accounts_left_is_removed_where_a_thread_hangs(
    three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends without leaving its blocks then."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    soon, left = Ending.soon, list[Any]()

    def hanging(end: Ending, words: str) -> None:
        soon(end, words)
        end.cancel()
        left.extend(path.name for path in tmp_path.glob("cfclient-*"))
        end._leave()
        left.extend(path.name for path in tmp_path.glob("cfclient-*"))

    async def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        await anyio.sleep_forever()

    monkeypatch.setattr("os._exit", left.append)
    monkeypatch.setattr(Ending, "soon", hanging)
    monkeypatch.setattr(opening, "_clients", interrupted)

    assert 130 == main(["audit", *three])
    assert [True, 130] == [isinstance(left[0], str), *left[1:]]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "hint"), [([], "name a file or a folder with -o"), (["--estimate"], "that is where an estimate goes")]
)
def test_a_standard_output_that_is_closed(
    options: list[str],
    hint: str,
    three: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is said before anybody is asked."""
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("anyio.run", None)

    assert 2 == main(["audit", *three, *options])
    assert f"cfclient: error: standard output is closed: {hint}\n" == capsys.readouterr().err


def test_an_interruption_where_standard_output_is_closed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes into a file needs none."""
    monkeypatch.setattr("sys.stdout", None)
    end = Ending()

    end.soon("")
    end.cancel()

    assert end.said
    assert "cfclient: interrupted\n" == capsys.readouterr().err


@pytest.mark.parametrize(
    ("places", "options", "code"),
    [
        (("x", "x"), [], 0),
        (("x", "y"), [], 2),
        (("x", None), [], 2),
        (("x", "y"), ["--pace", "none"], 0),
        ((None, None), [], 0),
    ],
)
@pytest.mark.parametrize("estimate", [True, False])
def test_the_pace_of_profiles(
    places: tuple[str | None, ...],
    options: list[str],
    code: int,
    estimate: bool,
    *,
    v4: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one place that all of them name counts; of several, none is taken for the others."""
    config = tmp_path / "config" / "cfclient" / "config.toml"
    config.parent.mkdir(parents=True)
    paces = [f"pace = 'file:{tmp_path}/{place}.db'\n" if place else "" for place in places]
    whose = f"url = '{v4}'\ntoken = 'demo-token'\naccount = '{OTHER}'\n"
    config.write_text("".join(f"[profiles.p{i}]\n{whose}{pace}" for i, pace in enumerate(paces)))
    stores = list[str | None]()

    def paced(text: str | None, hook: Any = None) -> Pace | None:
        stores.append(text)
        return configured_pace(text, hook)

    monkeypatch.setattr("cfclient.cli.options.configured_pace", paced)
    where = ["--estimate"] if estimate else ["-o", str(tmp_path / "e")]

    assert code == main(["audit", "--profiles", "p0", "--profiles", "p1", *where, *options])
    expected = {"none"} if options else {f"file:{tmp_path}/x.db" if places[0] else None}
    assert (expected if code == 0 else set()) == set(stores)
    assert ("the profiles name different places for pace: give --pace" in capsys.readouterr().err) == (code == 2)


def test_a_folder_that_is_there_is_one_for_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever names one has a manifest without asking for it."""
    assert 1 == main(["audit", "--demo", "-o", str(tmp_path / "e"), "--evidence"])
    (tmp_path / "f").mkdir()
    assert 1 == main(["audit", "--demo", "-o", str(tmp_path / "f")])
    assert 1 == main(["audit", "--demo", "-o", str(tmp_path / "f"), "--resume"])

    assert 0 == main(["verify", str(tmp_path / "f")])
    assert sorted(os.listdir(tmp_path / "e")) == sorted(os.listdir(tmp_path / "f"))
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--profiles", "a", "--resume"], "--resume continues a folder: name it by -o FOLDER"),
        (["--profiles", "a", "--format", "parquet"], "--format parquet does not go with one report over many"),
        (["--profiles", "a", "--format", "jsonl", "--with-records"], "--with-records does not go with one report over"),
        (["--profiles", "a", "--format", "sarif", "--files", "zone"], "--files needs {zone} in the place"),
        (["--profiles", "a", "-o", "gone/all.html"], "gone/all.html cannot be written: there is no folder gone"),
        (["--demo", "--manifest"], "--manifest stands beside a file: name it by -o FILE"),
        (["--profiles", "a", "--manifest"], "--manifest stands beside a file: name it by -o FILE"),
        (["--demo", "--manifest", "-o", "/dev/null"], "--manifest stands beside a file, and /dev/null is none"),
        (["--demo", "--evidence"], "name the folder for the evidence: -o FOLDER"),
        (["--demo", "--evidence", "-o", "x", "--format", "parquet"], "--format parquet is no form of evidence"),
        (["--profiles", "a", "-o", "x", "a.example"], "zones are named in the file of accounts"),
        (["--profiles", "a", "-o", "x", "--demo"], "leave out the options of a single account"),
        (["--profiles", "a", "-o", "x"], "there is no profile 'a'"),
        (["--accounts", "none.toml", "-o", "x"], "none.toml cannot be read"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 2, and no folder."""
    assert 2 == main(["audit", *arguments])
    assert words in capsys.readouterr().err
    assert not Path("x").exists()


@pytest.mark.parametrize(("at", "left"), [("zone_load_multi", 0), ("rec_load_all", 3)])
def test_an_interrupted_folder(
    at: str, left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what is missing, and can be continued."""
    perform = Emulator.perform
    sending = iter([signal.SIGINT])

    def interrupted(self: Emulator, credentials: Credentials, action: Any) -> Any:
        if action.wire_name == at and (sent := next(sending, None)):
            signal.raise_signal(sent)
        return perform(self, credentials, action)

    options = ["audit", "--url", "emulator:?zones=3&page_size=2&limit=none", "--evidence", "-o", str(tmp_path / "e")]
    with monkeypatch.context() as patch:
        patch.setattr(Emulator, "perform", interrupted)

        assert 130 == main(options)
    assert capsys.readouterr().err.endswith("cfclient: interrupted; --resume continues the folder\n")
    (account,) = read(tmp_path / "e" / "manifest.json")["accounts"]
    assert (left, left == 0) == (len(account["zones_left"]), account["failure"] is not None)
    assert 3 == main(["verify", str(tmp_path / "e")])
    assert main([*options, "--resume"]) in {0, 1}
    assert 0 == main(["verify", str(tmp_path / "e")])


# -- a single report ----------------------------------------------------------------------------------

DEMO_OF_THREE = ["audit", "--url", "emulator:?zones=3&page_size=2&limit=none", "--manifest"]


def resealed(report: Path, change: Callable[[str], str]) -> tuple[str, ...]:
    """What is told of a report that was changed by somebody who has mended the manifest's digests too."""
    report.write_text(change(report.read_text()))
    manifest = beside(report)
    body = read(manifest)
    data = report.read_bytes()
    body["files"] = [{"path": report.name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}]
    body["digest"] = _digest(body)
    manifest.write_text(json.dumps(body))
    return verify(report).changed


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv", "markdown", "sarif"])
def test_a_single_report_is_proved_by_a_manifest_beside_it(
    format_: str, resume: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a folder is: by the report's name or by the manifest's; and it is of the published shape."""
    path = tmp_path / "report"
    options = [*DEMO_OF_THREE, "--format", format_, "-o", str(path), *(["--resume"] if resume else [])]

    assert 1 == main(options)
    digest = verify(path).digest
    assert capsys.readouterr().err == f"cfclient: the manifest's digest is {digest}\n"
    assert ["report", "report.manifest.json"] == sorted(name for name in os.listdir(tmp_path) if name != "config")
    fits("manifest", read(beside(path)))
    (account,) = read(beside(path))["accounts"]
    assert (3, 3, ["20801"]) == (len(account["zones_expected"]), account["zones_read"], account["owners"])
    assert fingerprint(DEMO) == account["credential"]
    assert [0, 0] == [main(["verify", str(path), "--digest", digest]), main(["verify", str(beside(path))])]
    assert capsys.readouterr().out.startswith("complete and as it was written: 3 zones in 1 file\n")
    path.write_bytes(path.read_bytes() + b"\n")
    assert 1 == main(["verify", str(path)])
    assert "changed: report is not as it was written\n" in capsys.readouterr().out
    path.unlink()
    assert ("report is gone",) == verify(path).changed


def test_a_report_through_a_link_is_proved_where_it_stands(tmp_path: Path) -> None:
    """Its manifest is beside the file itself."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "monday.csv").touch()
    (tmp_path / "latest.csv").symlink_to(tmp_path / "there" / "monday.csv")

    assert 1 == main([*DEMO_OF_THREE, "--format", "csv", "-o", str(tmp_path / "latest.csv")])
    assert ["monday.csv", "monday.csv.manifest.json"] == sorted(os.listdir(tmp_path / "there"))
    assert () == verify(tmp_path / "latest.csv").changed


@pytest.mark.slow
def test_the_tables_of_parquet_are_proved_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By a manifest in their folder, which says nothing of what else is there; a folder of evidence keeps its own."""
    folder, evidence = tmp_path / "tables", tmp_path / "evidence"

    assert 1 == main([*DEMO_OF_THREE, "--format", "parquet", "-o", str(folder)])
    (folder / "notes.txt").touch()
    assert 0 == main(["verify", str(folder)])
    assert "3 zones in 3 files" in capsys.readouterr().out
    (folder / "records.parquet").unlink()
    assert ("records.parquet is gone",) == verify(folder).changed
    assert 1 == main([*DEMO_OF_THREE, "--evidence", "-o", str(evidence)])
    assert 2 == main([*DEMO_OF_THREE, "--format", "parquet", "-o", str(evidence)])
    assert "is a folder of evidence, with a manifest of its own" in capsys.readouterr().err
    assert 0 == main(["verify", str(evidence)])


@pytest.mark.parametrize(
    ("format_", "change", "words"),
    [
        ("json", lambda text: text.replace('"b.example"', '"x.example"'), "report has other zones than the manifest"),
        ("json", lambda text: text.replace('"findings": 0', '"findings": 1'), "another summary than that of its zones"),
        ("json", lambda _: "[]", "report is not as cfclient writes it"),
        ("jsonl", lambda text: text.replace('"b.example"', '"x.example"'), "report has other zones than the manifest"),
        ("jsonl", lambda text: text.replace("demo@", "other@"), "report is of another audit than the manifest"),
    ],
)
def test_a_report_whose_manifest_was_forged(
    format_: str, change: Callable[[str], str], words: str, tmp_path: Path
) -> None:
    """What a report says is held against the manifest where it can be read back."""
    path = tmp_path / "report"
    main([*DEMO_OF_THREE, "--select", "mx-to-address", "--format", format_, "-o", str(path)])
    names = list(read(beside(path))["accounts"][0]["zones_expected"])
    path.write_text(path.read_text().replace(names[1], "b.example"))
    body = read(beside(path))
    body["accounts"][0]["zones_expected"] = sorted("b.example" if name == names[1] else name for name in names)
    beside(path).write_text(json.dumps(body))
    before = resealed(path, lambda text: text)

    assert () == before
    assert words in " ".join(resealed(path, change))


def test_a_manifest_leads_to_no_file_elsewhere(tmp_path: Path) -> None:
    """What it names in another folder is not there; one that names nothing is none."""
    path = tmp_path / "report"
    main([*DEMO_OF_THREE, "--format", "json", "-o", str(path)])
    body = read(beside(path))
    body["files"][0]["path"] = "../report"
    beside(path).write_text(json.dumps(body))
    elsewhere = verify(path).changed
    beside(path).write_text(json.dumps({**body, "files": []}))

    assert "../report is gone" in elsewhere
    with pytest.raises(ConfigurationError, match="is not of the shape of version 1: StopIteration"):
        verify(path)


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_a_report_with_a_manifest_is_not_left_with_that_of_another(
    format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever forgets the option is told; with it, both are replaced."""
    path = tmp_path / "report"
    options = ["--format", format_, "-o", str(path)]
    assert 1 == main([*DEMO_OF_THREE, *options])
    before = path.read_bytes(), beside(path).read_bytes()

    assert 2 == main(["audit", "--demo", *options])
    assert f"{path} has a manifest, {beside(path)}: give --manifest for a new one" in capsys.readouterr().err
    assert before == (path.read_bytes(), beside(path).read_bytes())
    assert 1 == main(["audit", "--demo", "--manifest", *options])
    assert ((), 25) == (verify(path).changed, verify(path).zones)


@pytest.mark.parametrize(("format_", "there"), [("jsonl", False), ("csv", True)])
def test_a_report_that_fails_has_no_manifest(
    format_: str, there: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """But the old report keeps its own, where it is not touched."""
    path = tmp_path / "report"
    (tmp_path / "key").write_text("wrong")
    options = ["--format", format_, "-o", str(path), "--manifest"]
    assert 1 == main(["audit", "--url", "emulator:?zones=3", *options])

    assert 3 == main(["audit", "--url", "emulator:?zones=3", "--token-file", str(tmp_path / "key"), *options])
    assert there == beside(path).exists()
    assert (0 if there else 3) == main(["verify", str(path)])
    capsys.readouterr()


@pytest.mark.parametrize("format_", ["jsonl", "json"])
def test_an_interrupted_report(
    format_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its manifest says what is missing, and goes with it when it is continued."""
    perform, path = Emulator.perform, tmp_path / "report"
    sending = iter([None, signal.SIGINT])

    def interrupted(self: Emulator, credentials: Credentials, action: Any) -> Any:
        if action.wire_name == "zone_settings" and (sent := next(sending, None)):
            signal.raise_signal(sent)
        return perform(self, credentials, action)

    options = [*DEMO_OF_THREE, "--format", format_, "--concurrency", "1", "--resume", "-o", str(path)]
    with monkeypatch.context() as patch:
        patch.setattr(Emulator, "perform", interrupted)
        assert 130 == main(options)
    verdict = verify(path)
    assert () == verdict.changed
    assert len(verdict.missing) == 3 - verdict.zones > 0
    assert 3 == main(["verify", str(path)])
    assert 1 == main(options)
    assert 0 == main(["verify", str(path)])
    capsys.readouterr()


def test_an_interruption_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """There is nothing to keep."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("anyio.run", interrupted)

    assert 130 == main(["audit", "--demo", "--evidence", "-o", str(tmp_path / "e")])
    assert "cfclient: interrupted\n" == capsys.readouterr().err


# -- whom the options name ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def v4() -> Iterator[str]:
    """Today's face of the emulator, with three zones in one account."""
    with serving(Emulator.demo(zones=3).v4, "/client/v4") as url:
        yield url


OTHER = "f" * 32


@pytest.mark.parametrize(
    ("options", "profile", "zones"),
    [
        ([], "", 3),
        (["--account", OTHER], "", 0),
        (["--profile", "default"], f"account = '{OTHER}'", 0),
        (["--profiles", "default"], f"account = '{OTHER}'", 0),
        (["--profiles", "default"], "", 3),
    ],
)
def test_the_only_account_that_counts_is_the_only_one_in_the_evidence(
    options: list[str], profile: str, zones: int, v4: str, tmp_path: Path
) -> None:
    """By the option, and by a profile that says so; another account has no zones here."""
    config = tmp_path / "config" / "cfclient" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f"[profiles.default]\nurl = '{v4}'\ntoken = 'demo-token'\n{profile}\n")
    config.chmod(0o600)
    folder = tmp_path / "evidence"

    code = main(["audit", "--select", "mx-to-address", "--evidence", "-o", str(folder), *options])

    (account,) = read(folder / "manifest.json")["accounts"]
    assert (0, zones) == (code, len(account["zones_expected"]))


@pytest.mark.parametrize("there", [True, False])
def test_the_profile_of_the_environment_narrows_no_named_accounts(
    there: bool, v4: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those have keys and addresses of their own, so it need not even be there."""
    config = tmp_path / "config" / "cfclient" / "config.toml"
    config.parent.mkdir(parents=True)
    work = f"[profiles.work]\naccount = '{OTHER}'\n" if there else ""
    config.write_text(f"[profiles.b]\nurl = '{v4}'\ntoken = 'demo-token'\n{work}")
    config.chmod(0o600)
    monkeypatch.setenv("CFCLIENT_PROFILE", "work")
    folder = tmp_path / "evidence"

    codes = [main(["audit", "--profiles", "b", "--select", "mx-to-address", "-o", str(folder)])]
    (account,) = read(folder / "manifest.json")["accounts"]
    capsys.readouterr()
    codes.append(main(["audit", "--profiles", "b", "--estimate", "--format", "json"]))

    assert ([0, 0], 3) == (codes, len(account["zones_expected"]))
    assert 3 == json.loads(capsys.readouterr().out)["zones"]


def test_an_account_narrows_today_s_cloudflare_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it does without evidence."""
    folder = tmp_path / "evidence"

    assert 2 == main(["audit", "--url", "emulator:", "--account", OTHER, "--evidence", "-o", str(folder)])
    assert "account= narrows today's Cloudflare" in capsys.readouterr().err
    assert not folder.exists()
