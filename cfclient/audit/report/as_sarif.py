"""SARIF 2.1.0 (OASIS), for zones that are kept as code: a code host shows each finding beside its file.

Where the file of a zone stands is a pattern such as `zones/{zone}.zone`, relative to the repository.
Where such a file is found, each finding points to the first line that names its record, whatever the
file's syntax; otherwise to the first line, because code hosts want one.
A finding that an exception covers is there as suppressed.
A zone that could not be read, and a rule that could not be checked, are notifications of the run.
All that GitHub's "SARIF support for code scanning" calls required is there, in every result and every rule.
It tells the findings of two runs apart by `primaryLocationLineHash` alone: that of a finding is made of its rule, its
zone and its records, not of its line or of values that change, and ends with a number where several have the same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import quote

from cfclient._version import __version__
from cfclient.audit.model import Finding, Rule, Severity, Summary, ZoneAudit
from cfclient.audit.rules import RULES
from cfclient.errors import InvalidInput

from .as_markdown import as_text
from .plain import Plain, count, said, unread

__all__ = ["SarifReport", "line_of", "link", "write_log"]

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

#: the levels of §3.27.10, and the scores by which code hosts sort security findings
LEVELS: Final[Mapping[Severity, tuple[str, str | None]]] = {
    Severity.CRITICAL: ("error", "9.5"),
    Severity.HIGH: ("error", "8.0"),
    Severity.MEDIUM: ("warning", "5.5"),
    Severity.LOW: ("note", "2.0"),
    Severity.INFO: ("note", None),
}

#: more than these in one file, and GitHub takes nothing of it
MOST_RESULTS: Final = 25_000
MOST_RUNS: Final = 20

_log = logging.getLogger("cfclient.audit")

_URL: Final = re.compile(r"https://[^\s,;()<>\"']+")
_RFC: Final = re.compile(r"RFC (\d+)(?:,? §(\d+(?:\.\d+)*))?")


def link(source: str) -> str | None:
    """Where a rule's source can be read, if it names an address or an RFC."""
    if url := _URL.search(source):
        return url[0].rstrip(".")
    if rfc := _RFC.search(source):
        return f"https://www.rfc-editor.org/rfc/rfc{rfc[1]}" + (f"#section-{rfc[2]}" if rfc[2] else "")
    return None


def line_of(text: str, zone: str, names: Iterable[str]) -> int:
    """The first line, from 1, that names one of the records, by its absolute or its relative name; 1 if none does."""
    for name in names:
        relative = name.removesuffix(f".{zone}") if name != zone else "@"
        for wanted in (name, relative):
            # A name ends where no character of a name goes on; so "www" is not found in "www2".
            found = re.search(rf"(?<![\w.@-]){re.escape(wanted)}(?![\w@-]|\.\w)", text, re.IGNORECASE)
            if found:
                return text.count("\n", 0, found.start()) + 1
    return 1


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


class SarifReport:
    """One log with one run, written at the end; until then it keeps the findings, and no records.

    Args:
        stream: where it is written to.
        rules: those of the audit.
        files: where the file of a zone stands, with `{zone}` for its name.
        read: gives the text of such a file, empty where there is none.
        account: whose zones they are, where there are several reports.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        rules: Iterable[Rule] = RULES,
        files: str = "zones/{zone}.zone",
        read: Callable[[str], str] = _read,
        account: str | None = None,
    ) -> None:
        if "{zone}" not in files:
            raise InvalidInput.of("files", files, "a path with {zone} in the place of the zone's name")
        self._stream = stream
        self._account = account
        self._rules = {rule.id: _rule(rule) for rule in rules}
        self._files = files
        self._read_file = read
        self._results: list[Plain] = []
        self._not_checked: Counter[tuple[str, str]] = Counter()

    def zone(self, audit: ZoneAudit) -> None:
        """Keeps the zone's findings."""
        path = self._files.replace("{zone}", audit.zone)
        text = self._read_file(path) if audit.findings or audit.excepted else ""
        self._results.extend(self._result(finding, path, text) for finding in audit.findings)
        self._results.extend(
            {
                **self._result(one.finding, path, text),
                "suppressions": [{"kind": "external", "status": "accepted", "justification": one.exemption.reason}],
            }
            for one in audit.excepted
        )
        self._not_checked.update(audit.not_checked)

    def finish(self, summary: Summary) -> None:
        """Writes the log."""
        write_log(self._stream, [self.run(summary)])

    def run(self, summary: Summary) -> Plain:
        """The run, of which a log may have several."""
        notes = [_note("error", f"{zone} was not read: {reason}", zone) for zone, reason in unread(summary)]
        notes += [
            _note("note", f"{rule} was not checked in {count(number, 'zone', 'zones')}: {reason}", rule)
            for (rule, reason), number in sorted(self._not_checked.items())
        ]
        indexes = {rule: number for number, rule in enumerate(self._rules)}
        if len(self._results) > MOST_RESULTS:
            _log.warning(
                "%s findings in one run: GitHub refuses more than %s; select fewer rules, or fewer zones",
                f"{len(self._results):,}",
                f"{MOST_RESULTS:,}",
            )
        seen = Counter[str]()
        results = sorted(self._results, key=lambda result: json.dumps(result, sort_keys=True))
        driver = {"name": "cfclient", "version": __version__, "rules": list(self._rules.values())}
        return {
            "tool": {"driver": driver},
            # What code hosts tell the runs of one log apart by.
            **({"automationDetails": {"id": f"cfclient/{self._account}/"}} if self._account else {}),
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": summary.complete, "toolExecutionNotifications": notes}],
            "results": [{"ruleIndex": indexes[result["ruleId"]], **_numbered(result, seen)} for result in results],
        }

    def _result(self, finding: Finding, path: str, text: str) -> Plain:
        # A rule of the user's own that the report was not told of is known by its findings alone.
        name = {"text": finding.rule}
        self._rules.setdefault(
            finding.rule, {"id": finding.rule, "shortDescription": name, "fullDescription": name, "help": name}
        )
        known = [*filter(None, [self._account]), finding.rule, finding.zone]
        line = line_of(text, finding.zone, finding.records)
        shown = text.split("\n")[line - 1].removesuffix("\r")
        return {
            "ruleId": finding.rule,
            "level": LEVELS[finding.severity][0],
            "message": {"text": f"{finding.zone}: {said(finding)}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(path)},
                        "region": {
                            "startLine": line,
                            "startColumn": 1,
                            "endLine": line,
                            "endColumn": len(shown) + 1,
                        },
                    },
                    "logicalLocations": [
                        {"fullyQualifiedName": name, "kind": "dns-name"} for name in finding.records or (finding.zone,)
                    ],
                }
            ],
            "partialFingerprints": {
                "finding/v1": _hash([*known, finding.message, *finding.records]),
                "primaryLocationLineHash": _hash([*known, *finding.records])[:16],
            },
            "properties": {"severity": finding.severity.value, "zone": finding.zone},
        }


def _hash(words: list[str]) -> str:
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def _numbered(result: Plain, seen: Counter[str]) -> Plain:
    """The result, with a number behind its fingerprint: it is the how manyth of those that are alike."""
    prints = result["partialFingerprints"]
    alike = prints["primaryLocationLineHash"]
    seen[alike] += 1
    return {**result, "partialFingerprints": {**prints, "primaryLocationLineHash": f"{alike}:{seen[alike]}"}}


def write_log(stream: TextIO, runs: list[Plain]) -> None:
    """Writes a log with these runs."""
    if len(runs) > MOST_RUNS:
        _log.warning("%s accounts in one file: GitHub refuses more than %s; write a folder", len(runs), MOST_RUNS)
    json.dump({"$schema": SCHEMA, "version": "2.1.0", "runs": runs}, stream, indent=2)
    stream.write("\n")
    stream.flush()


def _rule(rule: Rule) -> Plain:
    level, score = LEVELS[rule.severity]
    help_uri = link(rule.source)
    text = f"{rule.why}\nTo mend it: {rule.mend}\nSource: {rule.source}"
    markdown = f"{as_text(rule.why)}\n\n**Mend:** {as_text(rule.mend)}\n\n**Source:** {as_text(rule.source)}"
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": text, "markdown": markdown},
        **({"helpUri": help_uri} if help_uri else {}),
        "defaultConfiguration": {"level": level},
        "properties": {
            "severity": rule.severity.value,
            "mend": rule.mend,
            "source": rule.source,
            "tags": ["dns", *(["security"] if score else [])],
            **({"security-severity": score} if score else {}),
        },
    }


def _note(level: str, text: str, about: str) -> Plain:
    return {"level": level, "message": {"text": text}, "descriptor": {"id": about}}
