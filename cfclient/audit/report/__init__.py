"""What an audit found, as text: each report takes the zones as they finish, then the summary.

    report = reporter("json", stream)
    async with cfclient.audit(client) as run:
        async for zone in run:
            report.zone(zone)
    report.finish(run.summary)

`json` is one object. It holds counts and findings, not the zones' records; its zones stand by name, so
that two audits of the same state give the same text:

    {"schema_version": 1,
     "summary": {"complete": bool,             every zone was read whole
                 "zones_expected": int, "zones_read": int, "zones_failed": int,
                 "zones_left": [zone],         not come to, because the audit ended before
                 "records": int, "findings": int,
                 "by_severity": {"critical": int, "high": int, "medium": int, "low": int, "info": int},
                 "by_rule": {id: int},         the rules that found something
                 "not_checked": {id: int}},    in how many zones a rule could not be checked
     "rules": [{"id", "severity", "title", "why", "mend", "source": str}],       what was looked for
     "zones": [{"zone": str, "records": int,
                "findings": [{"rule", "severity", "message": str, "records": [name]}],    worst first
                "not_checked": [{"rule", "reason": str}],
                "excepted": [{..., "exception": {"reason", "until", "record"}}]}],     where there are any
     "failures": [{"zone", "reason": str}]}    the zones that could not be read, which `zones` leaves out

`jsonl` is a line per zone, written when the zone is finished: `{"kind": "zone", ...}` with the keys of an
entry of `zones`, or `{"kind": "failure", ...}` with those of `failures`. The last line is
`{"kind": "summary", "schema_version": 1, "summary": ..., "rules": ...}`; without it the audit was
broken off. In a file, a line before the first says what the audit is of (`cfclient.audit.journal`).

`csv` is a row per finding, written when the zone is finished: zone, rule, severity, message, and the
records' names with spaces between them. A zone that could not be read is a row with the rule `not-read`
and the reason as its message.

With `with_records`, an entry of either has the key `snapshot` too: `{"settings": {field: value}, "records":
[{field: value}]}`, under the API's names; it is what `cfclient diff` compares.

`markdown` is a document with a section per rule, `sarif` a log for code hosts, `html` a page for a browser
(the extra `html`). Parquet is three files, so `ParquetReport` takes a folder (the extra `parquet`).

`table` is for people: the summary, then the findings, worst first. It needs rich (the extra `cli`).

What the service sent may be hostile. JSON is all ASCII; everywhere else, control characters and those
that turn the direction of writing are shown as escapes, and no cell of the CSV begins like a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, TextIO

from cfclient.audit.model import Rule
from cfclient.audit.rules import RULES
from cfclient.errors import InvalidInput

from .as_csv import CsvReport
from .as_html import HtmlReport
from .as_json import JsonReport
from .as_jsonl import JsonLinesReport
from .as_markdown import MarkdownReport
from .as_parquet import ParquetReport
from .as_sarif import SarifReport
from .as_table import TableReport
from .plain import SCHEMA_VERSION, Report

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "FORMATS",
    "SCHEMA_VERSION",
    "CsvReport",
    "HtmlReport",
    "JsonLinesReport",
    "JsonReport",
    "MarkdownReport",
    "ParquetReport",
    "Report",
    "SarifReport",
    "TableReport",
    "reporter",
]

#: What `reporter` makes.
FORMATS: Final = ("table", "json", "jsonl", "csv", "markdown", "sarif", "html")


def reporter(
    format: str,  # noqa: A002  what the command line calls it
    stream: TextIO,
    *,
    rules: Iterable[Rule] = RULES,
    console: Console | None = None,
    with_records: bool = False,
    files: str = "zones/{zone}.zone",
) -> Report:
    """A report of one of the `FORMATS`.

    Args:
        format: "table", "json", "jsonl", "csv", "markdown", "sarif" or "html".
        stream: where it is written to.
        rules: those of the audit; most formats say what they are about.
        console: for the table, instead of one that rich makes for the stream.
        with_records: for the JSON formats, that each zone's settings and records are written too.
        files: for SARIF, where the file of a zone stands, with `{zone}` for its name.
    """
    if format not in FORMATS:
        raise InvalidInput.of("format", format, f"one of {', '.join(FORMATS)}")
    if with_records and format not in {"json", "jsonl"}:
        raise InvalidInput.of("with_records", with_records, "False: only json and jsonl carry records")
    make: Mapping[str, Callable[[], Report]] = {
        "table": lambda: TableReport(console or _console(stream)),
        "json": lambda: JsonReport(stream, rules=rules, with_records=with_records),
        "jsonl": lambda: JsonLinesReport(stream, rules=rules, with_records=with_records),
        "csv": lambda: CsvReport(stream),
        "markdown": lambda: MarkdownReport(stream, rules=rules),
        "sarif": lambda: SarifReport(stream, rules=rules, files=files),
        "html": lambda: HtmlReport(stream, rules=rules),
    }
    return make[format]()


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream)
