"""The command `rules`, and the choice of rules that `audit` has."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cfclient.audit.policy import KNOWN
from cfclient.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where config.toml would be."""
    for name in ("CFCLIENT_URL", "CFCLIENT_EMAIL", "CFCLIENT_TOKEN", "CFCLIENT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("cfclient.cli.rules.config_path", lambda: tmp_path / "config.toml")
    return tmp_path / "config.toml"


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process: its exit code, what it printed, and what it complained of."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_all_rules_are_listed(run: Run) -> None:
    """The optional ones too, which say so."""
    code, out, _ = run("rules", "--format", "csv")

    rows = list(csv.DictReader(io.StringIO(out)))
    assert (0, [rule.id for rule in KNOWN]) == (code, [row["id"] for row in rows])
    assert ("true", "false") == tuple(row["optional"] for row in rows if row["id"] in {"always-online-on", "ssl-off"})[
        ::-1
    ]


def test_json_says_everything(run: Run) -> None:
    """Of those that are chosen."""
    code, out, _ = run("rules", "--select", "dmarc-", "--ignore", "dmarc-none,dmarc-invalid", "--format", "json")

    (rule,) = json.loads(out)
    assert (0, "dmarc-missing", "mail") == (code, rule["id"], rule["area"])
    assert {"id", "severity", "area", "title", "why", "mend", "source", "needs", "optional"} == rule.keys()


def test_a_rule_is_explained(run: Run, config: Path) -> None:
    """With the severity that it has here."""
    config.write_text('[audit]\nselect = ["dmarc"]\n[audit.severity]\nwaf-off = "info"\ndmarc-none = "high"\n')

    _, here, _ = run("rules", "dmarc-none", "--format", "json")
    code, out, _ = run("rules", "waf-off")
    refused, _, complaint = run("rules", "dmarc-non")

    assert "high" == json.loads(here)["severity"]
    assert 0 == code
    assert "Attempts at injection" in out
    assert (2, True) == (refused, "did you mean 'dmarc-none'?" in complaint)


def test_an_audit_checks_what_is_chosen(run: Run) -> None:
    """And nothing else."""
    code, out, _ = run("audit", "--demo", "--select", "waf-off,mail", "--ignore", "mail", "--format", "json")

    assert 1 == code
    assert {"waf-off"} == {finding["rule"] for zone in json.loads(out)["zones"] for finding in zone["findings"]}


def test_an_audit_knows_exceptions(run: Run, tmp_path: Path) -> None:
    """One that holds makes the exit code 0; one that has run out is said, and silences nothing."""
    _, out, _ = run("audit", "--demo", "--select", "waf-off", "--format", "json")
    zones = [zone["zone"] for zone in json.loads(out)["zones"] if zone["findings"]]
    policy = tmp_path / "policy.toml"

    def excepted(until: str) -> tuple[int, str, str]:
        entries = (
            f'[[audit.exceptions]]\nzone = "{zone}"\nrule = "waf-off"\nreason = "behind another"\nuntil = {until}\n'
            for zone in zones
        )
        policy.write_text("".join(entries))
        return run("audit", "--demo", "--select", "waf-off", "--policy", str(policy))

    code, _, err = excepted("9999-12-31")
    expired, _, said = excepted("2020-01-01")

    assert (0, "") == (code, err)
    assert 1 == expired
    assert f"the exception for waf-off in {zones[0]} ran out on 2020-01-01: behind another" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("audit", "--demo", "--select", "nothing"), "select 'nothing' means no rule"),
        (("rules", "--ignore", "nothing"), "ignore 'nothing' means no rule"),
        (("rules", "mail"), "mail is an area of rules: cfclient rules --select mail lists them"),
        (("rules", "--policy", "/nowhere.toml"), "--policy /nowhere.toml: there is no such file"),
    ],
)
def test_wrong_choices_are_refused(run: Run, arguments: tuple[str, ...], complaint: str) -> None:
    """Before anything is asked."""
    code, _, err = run(*arguments)

    assert (2, True) == (code, complaint in err)
