"""HTML: one self-contained page for people, on a screen, on a phone and on paper (the extra `html`).

    page/page.html   what stands on it (Jinja, everything escaped)
    page/page.css    how it looks, light and dark
    page/page.js     filtering, sorting and turning pages; it writes text and no markup
    charts.py        the charts: specifications for Vega-Lite, made into SVG by vl-convert

The findings stand in the page as JSON, a few numbers and the texts each, and the script shows a page of
them at a time: so a page of 2,000 zones opens at once.
A Content-Security-Policy allows that one script and that one style sheet by their hashes, and nothing
else: no network, no image, no form; a record that got past the escaping would still run nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import resources
from typing import Any, Final, TextIO

from cfclient._version import __version__
from cfclient.audit.model import Excepted, Rule, Severity, Summary, ZoneAudit
from cfclient.audit.rules import RULES
from cfclient.errors import ConfigurationError
from cfclient.harmless import harmless

from . import charts
from .as_sarif import link
from .plain import Plain, count, excepted_rows, said, unchecked_rows, unread

__all__ = ["HtmlReport"]

_WORST_FIRST: Final = tuple(reversed(Severity))


class HtmlReport:
    """One page, written at the end; until then it keeps the findings' texts, and no records.

    Args:
        stream: where it is written to.
        rules: those of the audit.
        title: what the page is called.
        made: when the audit was made, if the page is to say so.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        rules: Iterable[Rule] = RULES,
        title: str = "Audit of zones",
        made: datetime | None = None,
    ) -> None:
        try:
            import jinja2
            import vl_convert  # noqa: F401  so that a missing package is found missing here
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f'a report in HTML needs the package {error.name}: pip install "cfclient-async[html]"'
            ) from None
        self._page = jinja2.Environment(
            autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
        ).from_string(_part("page.html"))
        self._stream = stream
        self._rules = {rule.id: rule for rule in rules}
        self._title = title
        self._made = made
        self._zones: dict[str, list[tuple[str, Severity, str, tuple[str, ...]]]] = {}
        self._not_checked: Counter[tuple[str, str]] = Counter()
        self._excepted: list[Excepted] = []
        self._worst: dict[str, Severity] = {}
        self._told: dict[str, tuple[str, str]] = {}

    def zone(self, audit: ZoneAudit) -> None:
        """Keeps what the page shows of the zone."""
        if audit.failure is not None:
            return
        self._zones[audit.zone] = [(found.rule, found.severity, said(found), found.records) for found in audit.findings]
        for found in audit.findings:
            self._worst[found.rule] = max(found.severity, self._worst.get(found.rule, found.severity))
            self._told.setdefault(found.rule, (found.why, found.mend))
        self._not_checked.update(audit.not_checked)
        self._excepted.extend(audit.excepted)

    def finish(self, summary: Summary) -> None:
        """Writes the page, piece by piece."""
        from markupsafe import Markup

        found = self._found_rules(summary)
        quiet = [
            {**_rule(rule), "unchecked": summary.not_checked.get(rule.id, 0)}
            for rule in self._rules.values()
            # What was checked nowhere found nothing because nobody looked.
            if rule.id not in summary.by_rule and summary.not_checked.get(rule.id, 0) < summary.zones_read
        ]
        charted = found[: charts.MOST]
        zones = sorted(self._zones)
        lines = found[: charts.MOST_LINES]
        ranked = self._ranked(frozenset(rule["id"] for rule in lines))
        glance = charts.overview(ranked, [(rule["id"], rule["severity"]) for rule in lines])
        worst = Counter(max((level for _, level, *_ in told), default=None) for told in self._zones.values())
        script, style = _part("page.js"), _part("page.css")

        def drawn(spec: Plain | None) -> Markup | None:
            return Markup(charts.svg(spec)) if spec and summary.findings else None  # noqa: S704  made by the charting library

        by_rule = [(rule["id"], rule["severity"], rule["count"]) for rule in charted]
        pieces = self._page.generate(
            title=harmless(self._title),
            counted=", ".join(
                (
                    count(summary.zones_read, "zone", "zones"),
                    count(summary.records, "record", "records"),
                    count(summary.findings, "finding", "findings"),
                )
            ),
            made=self._made,
            version=__version__,
            summary=summary,
            one_missing=summary.zones_expected - summary.zones_read == 1,
            missing=count(summary.zones_expected - summary.zones_read, "zone", "zones"),
            levels=[(severity.value, summary.by_severity.get(severity, 0)) for severity in _WORST_FIRST],
            clean=worst[None],
            chart_severity=drawn(charts.by_severity(summary.by_severity)),
            chart_worst=drawn(charts.by_worst(worst)),
            chart_rules=drawn(charts.by_rule(by_rule, charts.WIDE)),
            chart_rules_narrow=drawn(charts.by_rule(by_rule, charts.NARROW)),
            rules_charted=len(charted),
            rules_left_out=len(found) - len(charted),
            chart_overview=drawn(glance and glance(charts.WHOLE)),
            chart_overview_narrow=drawn(glance and glance(charts.NARROW)),
            overview_caption=charts.caption(len(ranked), len(lines), len(found)),
            heat_rules=found,
            found_rules=found,
            quiet_rules=quiet,
            not_checked=[tuple(map(harmless, row)) for row in unchecked_rows(self._not_checked)],
            excepted=[tuple(map(harmless, row)) for row in excepted_rows(self._excepted)],
            failures=[(harmless(zone), harmless(why)) for zone, why in unread(summary)],
            data=map(Markup, self._data(zones, found)),
            script=Markup(script),  # noqa: S704  our own
            style=Markup(style),  # noqa: S704  our own
            script_hash=_hash(script),
            style_hash=_hash(style),
        )
        for piece in pieces:
            self._stream.write(piece)
        self._stream.write("\n")
        self._stream.flush()

    def _found_rules(self, summary: Summary) -> list[Plain]:
        """The rules that found something, worst first, then by how much they found."""
        zones = Counter(rule for findings in self._zones.values() for rule in {found[0] for found in findings})
        entries = []
        for rule_id in summary.by_rule:
            # A rule of the user's own that the report was not told of is known by its findings alone.
            rule = self._rules.get(rule_id)
            why, mend = self._told[rule_id]
            told = _rule(rule) if rule else {"title": rule_id, "why": why, "mend": mend, "source": "", "link": None}
            number = summary.by_rule[rule_id]
            entries.append(
                {
                    **told,
                    "id": harmless(rule_id),
                    "severity": self._worst[rule_id].value,
                    "count": number,
                    "counted": f"{count(number, 'finding', 'findings')} in {count(zones[rule_id], 'zone', 'zones')}",
                }
            )
        entries.sort(key=lambda entry: (-Severity(entry["severity"]).rank, -entry["count"], entry["id"]))
        return [{**entry, "number": number} for number, entry in enumerate(entries)]

    def _ranked(self, rules: frozenset[str]) -> list[frozenset[str]]:
        """Which of these rules found something in each zone where any did, the worst zone first."""

        def weight(findings: list[Any]) -> list[int]:
            severities = Counter(found[1] for found in findings)
            return [-severities[severity] for severity in _WORST_FIRST]

        ranked = sorted(self._zones.items(), key=lambda item: (weight(item[1]), item[0]))
        hits = [rules.intersection(harmless(found[0]) for found in findings) for _, findings in ranked]
        return [hit for hit in hits if hit]

    def _data(self, zones: list[str], rules: list[Plain]) -> Iterator[str]:
        """The findings as JSON, a zone at a time, without a character that could end a script."""
        yield '{"zones":' + _json([harmless(zone) for zone in zones])
        yield ',"rules":' + _json([{"id": rule["id"], "number": rule["number"]} for rule in rules])
        yield ',"findings":['
        numbers = {rule["id"]: rule["number"] for rule in rules}
        comma = ""
        for index, zone in enumerate(zones):
            for rule, severity, message, records in self._zones[zone]:
                level = _WORST_FIRST.index(severity)
                names = [harmless(name) for name in records]
                yield comma + _json([index, numbers[harmless(rule)], level, harmless(message), names])
                comma = ","
        yield "]}"


def _rule(rule: Rule) -> Plain:
    return {
        "id": rule.id,
        "title": harmless(rule.title),
        "why": harmless(rule.why),
        "mend": harmless(rule.mend),
        "source": harmless(rule.source),
        "link": link(rule.source),
    }


def _json(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _part(name: str) -> str:
    return resources.files("cfclient.audit.report").joinpath("page", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
