"""The command `audit` and the forms of its report: where they go, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cfclient.audit import RULES
from cfclient.audit.accounts import AuditAccount
from cfclient.audit.evidence import Evidence
from cfclient.audit.journal import Identity, Journal, account_name
from cfclient.backend import Credentials
from cfclient.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but those of the test."""
    for name in ("CFCLIENT_URL", "CFCLIENT_EMAIL", "CFCLIENT_TOKEN", "CFCLIENT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process: its exit code, what it printed, and what it complained of."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


AUDIT = ("audit", "--url", "emulator:?zones=5&seed=7")


@pytest.mark.parametrize(
    ("format_", "begins"),
    [("markdown", "# Audit of 5 zones\n"), ("sarif", '{\n  "$schema"'), ("html", "<!doctype html>")],
)
def test_an_audit_is_written_in_every_form(run: Run, tmp_path: Path, format_: str, begins: str) -> None:
    """To standard output and into a file alike; the exit code is that of the findings."""
    path = tmp_path / "report"

    printed = run(*AUDIT, "--format", format_)
    filed = run(*AUDIT, "--format", format_, "-o", str(path))

    assert (1, "") == (printed[0], printed[2])
    assert printed[1].startswith(begins)
    assert (1, "", "") == filed
    assert path.read_text().startswith(begins)


def test_a_table_in_a_file_that_promises_more_is_told(run: Run, tmp_path: Path) -> None:
    """Before the work begins, with the option that is missing; a name that promises nothing is none."""
    code, out, err = run(*AUDIT, "-o", str(tmp_path / "report.html"))
    listed = run("zones", "--demo", "-o", str(tmp_path / "zones.csv"))
    plain = run("zones", "--demo", "-o", str(tmp_path / "zones.txt"))

    assert (1, "") == (code, out)
    assert f"cfclient: warning: {tmp_path}/report.html is going to hold a table; --format html makes it" in err
    assert (0, "", True) == (*listed[:2], "--format csv makes it what its name says" in listed[2])
    assert (0, "", "") == plain


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_records_are_written_with_json_if_asked_for(run: Run, format_: str) -> None:
    """Each zone's settings and records, under the API's names."""
    code, out, _ = run(*AUDIT, "--format", format_, "--with-records")
    lines: Any = json.loads(out)["zones"] if format_ == "json" else [json.loads(line) for line in out.splitlines()][:-1]

    assert 1 == code
    assert 5 == len(lines)
    for zone in lines:
        assert zone["records"] == len(zone["snapshot"]["records"]) > 0
        assert {"sec_lvl", "ssl", "async"} <= zone["snapshot"]["settings"].keys()
        assert {"name", "type", "content", "ttl"} <= zone["snapshot"]["records"][0].keys()


@pytest.mark.parametrize("format_", ["json", "sarif"])
def test_a_report_lists_only_the_rules_that_were_looked_for(run: Run, format_: str) -> None:
    """Those that were selected: nothing is said to be well that nobody looked at."""
    _, out, _ = run(*AUDIT, "--format", format_, "--select", "ssl-off,waf-off")

    whole = json.loads(out)
    rules = whole["rules"] if format_ == "json" else whole["runs"][0]["tool"]["driver"]["rules"]
    assert ["ssl-off", "waf-off"] == sorted(rule["id"] for rule in rules)


def test_a_sarif_report_knows_where_zones_are_kept(run: Run) -> None:
    """By a pattern."""
    _, out, _ = run(*AUDIT, "--format", "sarif", "--files", "dns/{zone}.yaml")

    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in json.loads(out)["runs"][0]["results"]
    }
    assert uris
    assert all(uri.startswith("dns/") and uri.endswith(".yaml") for uri in uris)


def test_parquet_goes_into_a_folder(run: Run, tmp_path: Path) -> None:
    """Three files and nothing else."""
    pytest.importorskip("pyarrow", reason="pyarrow is installed with Python 3.11 only")

    code, out, err = run(*AUDIT, "--format", "parquet", "-o", str(tmp_path / "tables"))

    assert (1, "", "") == (code, out, err)
    assert ["findings.parquet", "records.parquet", "settings.parquet"] == sorted(
        path.name for path in (tmp_path / "tables").iterdir()
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "parquet"), "--format parquet writes three files: name a folder for them with -o"),
        (("--format", "csv", "--with-records"), "--with-records goes with --format json or jsonl, not with csv"),
        (("--format", "sarif", "--files", "zones"), "--files needs {zone} in the place of the zone's name"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """Before anything is read."""
    code, out, err = run(*AUDIT, *arguments)

    assert (2, "") == (code, out)
    assert words in err


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("named", ["option", "address", "nothing"])
def test_an_audit_of_another_account_of_the_same_key_is_not_continued(
    run: Run, tmp_path: Path, folder: bool, named: str
) -> None:
    """Whichever way the account is named; the file stays as it is."""
    credentials, address, path = Credentials(None, "k" * 40), "https://127.0.0.1:9/client/v4", tmp_path / "audit"
    key = tmp_path / "key"
    key.write_text(credentials.token if isinstance(credentials.token, str) else "")
    key.chmod(0o600)
    begun = f"{address}?account={'a' * 32}"
    if folder:
        with Evidence(path, [AuditAccount(name="account", url=begun, credentials=credentials)]):
            pass
    else:
        with Journal(path, Identity.of(account_name(begun, credentials), RULES), RULES):
            pass
    lines = path / "account" / "audit.jsonl" if folder else path
    before = lines.read_bytes()
    url = f"{address}?account={'b' * 32}" if named == "address" else address
    option = ("--account", "b" * 32) if named == "option" else ()
    kind = ("--evidence",) if folder else ("--format", "jsonl")

    code, out, err = run("audit", "--url", url, "--token-file", str(key), *option, "--resume", "-o", str(path), *kind)

    assert (2, "") == (code, out)
    assert "is of another audit, and stays as it is (account: " in err
    assert before == lines.read_bytes()
